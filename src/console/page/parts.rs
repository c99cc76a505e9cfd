//! What everybody sees, in parts that are sent again when they change.

use super::{Look, actions, desk, forms, line, ticket};
use crate::{
    base::limits,
    drill::event::Hat,
    report::{
        board::{BoardAlarm, BoardRole, BoardStatus, Phase},
        wording::{events, tame},
    },
    scenario::{AlarmSeverity, act::Role},
};
use maud::{Markup, html};

/// Every part, with its name. The page holds it in an element of that id.
pub(super) fn all(look: &Look<'_>) -> Vec<(&'static str, Markup)> {
    let mut all = vec![
        ("phase", phase(look)),
        ("alarms", alarms(look)),
        ("incident", incident(look)),
        ("actions", actions::actions(look)),
        ("roles", roles(look)),
        ("help", help(look)),
        ("answers", answers(look)),
        ("tickets", ticket::tickets(look)),
        ("mirror", ticket::mirror(look)),
        ("people", people(look)),
        ("public", public(look)),
    ];
    if look.caller.hat == Hat::Observer {
        all.push(("told", desk::told(look)));
    }
    all
}

/// A part in its place on the page.
pub(super) fn place(name: &'static str, class: &str, markup: &Markup) -> Markup {
    html! { section id=(name) class=(class) data-part=(name) aria-labelledby={ "h-" (name) } { (markup) } }
}

pub(super) fn heading(name: &'static str, text: &str) -> Markup {
    html! { h2 id={ "h-" (name) } { (text) } }
}

/// The channel, with whatever stands below its lines.
pub(super) fn channel(look: &Look<'_>, below: &Markup) -> Markup {
    html! {
        section id="channel" class="card talk" aria-labelledby="h-channel" {
            header { (heading("channel", "Channel")) span class="soft" { "all times UTC" span data-zone {} } }
            ol id="lines" class="lines" aria-live="polite" aria-label="Lines of the channel" tabindex="0" { (line::last_of_channel(look)) }
            (below)
        }
    }
}

/// Watches and does nothing.
pub(super) fn observer(look: &Look<'_>) -> Markup {
    html! {
        div class="board" {
            div class="side" tabindex="0" role="group" aria-label="Alarms and incident" {
                (place("alarms", "card", &alarms(look)))
                (place("incident", "card", &incident(look)))
            }
            (channel(look, &html! {}))
            div class="side" {
                section id="do" class="card" aria-labelledby="h-do" {
                    h2 id="h-do" { "Tell the instigators" }
                    (desk::tell())
                    div id="told" data-part="told" { (desk::told(look)) }
                }
                (place("roles", "card", &roles(look)))
                (place("actions", "card", &actions::actions(look)))
                (place("help", "card", &help(look)))
                (place("tickets", "card", &ticket::tickets(look)))
                (place("answers", "card", &answers(look)))
            }
        }
    }
}

pub(super) fn phase(look: &Look<'_>) -> Markup {
    let (word, class) = match look.board.phase {
        Phase::Preparing => ("getting ready", "waiting"),
        Phase::Running => ("running", "running"),
        Phase::Ending => ("ending", "waiting"),
        Phase::Closed => ("closed", "over"),
    };
    let ended = matches!(look.board.phase, Phase::Ending | Phase::Closed);
    let active = look.board.alarms.len();
    html! {
        span class={ "pill " (class) } data-ended[ended] { (word) }
        @if !ended { strong class="clock" data-clock=(look.board.start.millis()) title="Time since StartEx" { "T" } }
        @if active > 0 {
            a class="pill bad" href={ "/" (look.caller.hat) "#alarms" } {
                (active) @if active == 1 { " alarm" } @else { " alarms" }
            }
        }
        @if look.board.phase == Phase::Closed {
            a class="pill good" href={ "/" (look.caller.hat) "/debrief" } { "Read the debrief" }
        }
    }
}

fn alarms(look: &Look<'_>) -> Markup {
    let mut sorted: Vec<&BoardAlarm> = look.board.alarms.iter().collect();
    sorted.sort_by_key(|alarm| (alarm.acked_by.is_some(), std::cmp::Reverse(alarm.severity), alarm.raised));
    html! {
        (heading("alarms", "Alarms"))
        @if sorted.is_empty() { p class="empty" { "No alarm is active." } }
        ul class="alarms" { @for alarm in sorted { (one_alarm(look, alarm)) } }
    }
}

fn one_alarm(look: &Look<'_>, alarm: &BoardAlarm) -> Markup {
    let (word, class) = match alarm.severity {
        Some(AlarmSeverity::Page) => ("page", "sev-page"),
        Some(AlarmSeverity::Warning) => ("warning", "sev-warning"),
        Some(AlarmSeverity::Info) | None => ("info", "sev-info"),
    };
    html! {
        li id={ "alarm-" (alarm.alarm) } class={ (class) @if alarm.acked_by.is_some() { " acked" } } {
            div class="row" {
                span class="sev" { (word) }
                span class="soft" data-age=(alarm.raised.millis()) title={ "Raised at " (alarm.raised.clock_time()) " UTC" } {
                    "since " (alarm.raised.clock_time())
                }
            }
            h3 { (alarm.alarm) }
            p { (tame(&alarm.summary)) }
            div class="row" {
                @if let Some(runbook) = &alarm.runbook {
                    a class="button quiet" href=(look.document(runbook, "")) { "Runbook" }
                }
                @match &alarm.acked_by {
                    Some(by) => span class="soft" { "acknowledged by " b { (by) } },
                    None => @if look.plays() { (forms::acknowledge(&alarm.alarm)) } @else {
                        span class="soft" { "not acknowledged" }
                    },
                }
            }
        }
    }
}

fn incident(look: &Look<'_>) -> Markup {
    let board = look.board;
    html! {
        (heading("incident", "Incident"))
        @match (&board.declared, &board.all_clear) {
            (Some(text), _) => p { span class="pill bad" { "declared" } " " (tame(text)) },
            (None, Some(line)) => p { span class="pill good" { "all-clear" } " " (tame(&line.text)) },
            (None, None) => p class="empty" { "No incident is declared." },
        }
        (actions::called_in(look))
        h3 { "Last word to people outside" }
        @match &board.status {
            None => p class="empty" { "No status update was sent yet." },
            Some(status) => (one_status(status)),
        }
    }
}

fn one_status(status: &BoardStatus) -> Markup {
    html! {
        div class="status" {
            p class="row" {
                span class="pill" { (events::status_state(status.state)) }
                @if !status.to.is_empty() { span class="soft" { "to " (tame(&status.to.join(", "))) } }
                span class="soft" { (status.by) ", " span data-age=(status.at.millis()) { (status.at.clock_time()) } }
            }
            p { (tame(&status.text)) }
            @if let Some(due) = status.next_due {
                p class="soft" { "Next word promised for " (line::time(due)) " " span data-due=(due.millis()) {} }
            }
        }
    }
}

fn roles(look: &Look<'_>) -> Markup {
    let (held, free): (Vec<&BoardRole>, Vec<&BoardRole>) =
        look.board.roles.iter().partition(|one| one.holder.is_some() || one.role.as_str() == "ic");
    html! {
        (heading("roles", "Roles"))
        ul class="roles" { @for one in held { (one_role(look, one)) } }
        @if !free.is_empty() {
            details class="more" {
                summary { "Free roles" }
                ul class="roles" { @for one in free { (one_role(look, one)) } }
            }
        }
        @if !look.board.on_shift.is_empty() {
            p { "On shift: " @for (place, person) in look.board.on_shift.iter().enumerate() { @if place > 0 { ", " } (person) } }
        }
        p class="soft people" {
            @for (person, hat) in &look.board.people {
                @if *hat == Hat::Responder { span class="person" { (person) } " " }
            }
        }
    }
}

/// A role as it is called on pages.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Ic => "Incident coordinator",
        Role::Operations => "Operations",
        Role::Communications => "Communications",
        Role::FirstLine => "First line",
        Role::SecondLine => "Second line",
        Role::ThirdLine => "Third line",
        Role::Scribe => "Scribe",
    }
}

fn one_role(look: &Look<'_>, one: &BoardRole) -> Markup {
    html! {
        li id={ "role-" (one.role) } class={ @if one.holder.is_none() { "vacant" } } {
            span { (role_name(one.role)) }
            @match &one.holder {
                Some(holder) => b { (holder) },
                None => span class={ "soft" @if one.role.as_str() == "ic" { " wanted" } } { "nobody" },
            }
            @if look.plays() { (forms::role(look, one)) }
        }
    }
}

fn help(look: &Look<'_>) -> Markup {
    let board = look.board;
    html! {
        (heading("help", "Help given"))
        @if board.hints.is_empty() && board.questions.is_empty() {
            p class="empty" { "No hint and no question yet." @if look.plays() { " Say that you are stumped to ask for one." } }
        }
        ul class="plain" {
            @for hint in &board.hints {
                @let (name, anchor) = hint.split_once('#').unwrap_or((hint, ""));
                li { span class="tag" { "hint" } " " a href=(look.document(name, anchor)) { (hint) } }
            }
            @for question in &board.questions { li { span class="tag" { "question" } " " (tame(question)) } }
        }
        @if look.staff.is_some() { p class="soft" { (board.hints.len()) " of " (limits::HINTS_MAX) " hints given" } }
    }
}

fn answers(look: &Look<'_>) -> Markup {
    let board = look.board;
    let rows = [("Cause", &board.cause), ("Impact", &board.impact), ("All-clear", &board.all_clear)];
    html! {
        (heading("answers", "The team\u{2019}s answers"))
        dl class="pairs" {
            @for (name, given) in rows {
                dt { (name) }
                dd {
                    @match given {
                        Some(line) => { (tame(&line.text)) " " span class="soft" { (line::time(line.at)) } }
                        None => span class="soft" { "not given" },
                    }
                }
            }
            dt { "Decision" }
            dd {
                @match &board.decision {
                    Some(made) => { b { (made.option.replace('_', " ")) } ": " (tame(&made.because)) " " span class="soft" { (made.by) ", " (line::time(made.at)) } }
                    None => span class="soft" { "none recorded" },
                }
            }
            dt { "Severity" }
            dd {
                @let answered: Vec<_> = board.severity.iter().filter_map(|one| Some((one, one.answer.as_ref()?))).collect();
                @if answered.is_empty() { span class="soft" { "not answered" } }
                @for (question, answer) in answered { span class="figure" { (question.name.replace('_', " ")) ": " b { (answer) } } }
            }
            @for one in &board.summaries {
                dt { "Summary" }
                dd { b { (one.by) } " " (tame(&one.text)) }
            }
        }
    }
}

/// Names for the forms: a list that a field completes from.
fn people(look: &Look<'_>) -> Markup {
    html! {
        datalist id="names" {
            @for (person, hat) in &look.board.people {
                @if *hat == Hat::Responder { option value=(person) {} }
            }
        }
    }
}

/// What users read: the updates that were sent to them, and nothing else.
pub(super) fn public(look: &Look<'_>) -> Markup {
    let told: Vec<&BoardStatus> =
        look.board.statuses.iter().rev().filter(|one| one.to.iter().any(|to| to == "users")).collect();
    let now =
        told.first().map_or("All systems work as usual", |last| match events::status_state(last.state) {
            "resolved" => "All systems work again",
            "monitoring" => "A fix is in place, we are watching",
            "identified" => "We know the reason and are working on it",
            _ => "We are looking into a problem",
        });
    html! {
        h2 id="h-public" class="public-now" { (now) }
        @if told.is_empty() { p class="empty" { "Nothing has been published." } }
        ol class="public" {
            @for one in told {
                li {
                    p class="row" { span class="pill" { (events::status_state(one.state)) } span class="soft" { (line::time(one.at)) " UTC" } }
                    p { (tame(&one.text)) }
                }
            }
        }
    }
}
