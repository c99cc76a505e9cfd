//! One self-contained page: no script, one style element, no address outside the file. Light and dark, phone and paper.

use super::{after, dumbbell, figure, strip, strip::sentence as strip_sentence, svg};
use crate::{
    report::{
        debrief::{Compared, Debrief, Field, Open, TimelineRow},
        score::{Dimension, State},
        wording::{self, page, tame},
    },
    scenario::Profile,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

const STYLE: &str = concat!(include_str!("plot.css"), include_str!("page.css"));
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Text as it is shown: tamed, `code` between backticks, a figure never parted from its unit.
pub(super) fn words(text: &str) -> Markup {
    let tamed = tame(text);
    let parts: Vec<&str> = tamed.split('`').collect();
    // An odd backtick is only a backtick.
    if parts.len().is_multiple_of(2) {
        return html! { (unparted(&tamed)) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (unparted(part)) } @else { code { (part) } }
        }
    }
}

fn unparted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        let rest = &text[index + c.len_utf8()..];
        let unit = ["%", "s", "min", "h", "UTC"].iter().any(|unit| {
            rest.strip_prefix(unit).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
        });
        let tied = c == ' ' && before.is_ascii_digit() && unit;
        out.push(if tied { '\u{a0}' } else { c });
        before = c;
    }
    out
}

/// The whole page.
pub fn html(debrief: &Debrief) -> String {
    let rows: BTreeSet<u64> = debrief.timeline.rows.iter().map(|row| row.seq).collect();
    let header = &debrief.header;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { "Debrief: " (tame(&header.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                div class="banner" { strong { (header.banner) } span { (header.purpose) } }
                (top(debrief))
                main {
                    (exercise(debrief))
                    (incident(debrief))
                    (impact(debrief))
                    (story(debrief))
                    (detection(debrief))
                    (timeline(debrief))
                    (severity(debrief))
                    (response(debrief))
                    (reveal(debrief))
                    section { h2 { "Resolution" } p { (words(&debrief.resolution)) } }
                    section { h2 { "Well, poorly, lucky, surprised" } (opens(&debrief.reflections)) }
                    (talk(debrief))
                    (card(debrief))
                    section { h2 { "Lessons" } (opens(&debrief.lessons)) }
                    section {
                        h2 { "Improvement plan" }
                        (after::objectives(&debrief.objectives))
                        (opens(std::slice::from_ref(&debrief.improvement_plan)))
                        @if debrief.actions.is_empty() { (blank_plan()) } @else { (after::plan(&debrief.actions)) }
                    }
                    (hints(debrief))
                    (questions(debrief))
                    section { h2 { "Acknowledgements" } p { (words(&debrief.acknowledgements)) } }
                    (capabilities(debrief))
                    (after::grades(&debrief.score))
                    (checks(debrief, &rows))
                    footer {
                        "Drill " span class="mono" { (header.drill) } ", scenario " span class="mono" { (words(&header.scenario)) }
                        ", seed " (header.seed) ", digest " span class="mono" { (words(&header.digest)) } "."
                    }
                }
            }
        }
    };
    page.into_string()
}

fn top(debrief: &Debrief) -> Markup {
    let header = &debrief.header;
    let facts = [
        ("Date", header.date.clone()),
        ("StartEx", format!("{} UTC", header.start.utc)),
        ("EndEx", format!("{} UTC ({})", header.end.utc, header.end.offset)),
        ("Outcome", page::outcome(header.outcome).to_owned()),
        ("Profile", page::profile(header.profile).to_owned()),
        ("Digest", wording::cut(&tame(&header.digest), 13)),
    ];
    html! {
        header class="top" {
            h1 { (words(&header.title)) }
            p class="lede" { (words(&debrief.overview.one_line)) }
            p class="account" { (words(&debrief.overview.text)) }
            @for waived in &header.waived { p class="account" { (words(waived)) } }
            dl class="facts" {
                @for (name, value) in &facts { div { dt { (name) } dd { (value) } } }
            }
        }
    }
}

fn pairs(fields: &[Field]) -> Markup {
    html! {
        dl class="pairs" {
            @for field in fields { dt { (words(&field.name)) } dd { (words(&field.value)) } }
        }
    }
}

fn opens(list: &[Open]) -> Markup {
    html! {
        div class="grid" {
            @for open in list {
                div class={ "open" @if open.filled.is_some() { " filled" } } {
                    b { (open.name) }
                    @match &open.filled {
                        None => span { (open.question) },
                        Some(filled) => span {
                            (words(&filled.text))
                            @for seq in filled.evidence.iter().take(6) { " " a href={ "#e" (seq) } { "#" (seq) } }
                        },
                    }
                }
            }
        }
    }
}

/// Empty lines to write on, on paper or in a copy.
fn blank_plan() -> Markup {
    html! {
        div class="scroll" {
            table class="blank" {
                caption { "To be agreed by the team" }
                thead { tr {
                    @for head in ["Issue", "Corrective action", "Type", "Owner role", "Ticket", "Due"] { th scope="col" { (head) } }
                } }
                tbody { @for _ in 0..3 { tr { @for _ in 0..6 { td {} } } } }
            }
        }
    }
}

fn exercise(debrief: &Debrief) -> Markup {
    let exercise = &debrief.exercise;
    html! {
        section {
            h2 { "The exercise" }
            @if !exercise.objectives.is_empty() {
                p { "What it trains:" }
                ul { @for objective in &exercise.objectives { li { (words(objective)) } } }
            }
            dl class="pairs" {
                dt { "Target" } dd { (words(&exercise.target)) }
                dt { "Difficulty" } dd { (exercise.difficulty) " of 5" }
                dt { "Time" } dd { (exercise.duration) }
                @for side in &exercise.people { dt { (side.name) } dd { (words(&side.value)) } }
            }
        }
    }
}

fn incident(debrief: &Debrief) -> Markup {
    html! { section { h2 { "The incident at a glance" } (pairs(&debrief.incident)) } }
}

fn compared(caption: &str, rows: &[Compared], actual: &str) -> Markup {
    html! {
        div class="scroll" {
            table class="stack" {
                caption { (caption) }
                thead { tr { th scope="col" { "" } th scope="col" { "Claimed" } th scope="col" { (actual) } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (words(&row.name)) }
                            td data-l="Claimed:" { (words(&row.claimed)) }
                            td data-l={ (actual) ":" } { (words(&row.actual)) }
                        }
                    }
                }
            }
        }
    }
}

fn impact(debrief: &Debrief) -> Markup {
    let impact = &debrief.impact;
    html! {
        section {
            h2 { "Impact: claimed, then measured" }
            @match &impact.claimed {
                None => p { (page::NO_ASSESSMENT) },
                Some(text) if text.is_empty() => p { "The team assessed the impact in figures." },
                Some(text) => p { "The team\u{2019}s assessment: \u{201c}" (words(text)) "\u{201d}" },
            }
            p { (words(&impact.measured)) }
            @if let Some(picture) = dumbbell(&impact.chart) {
                figure {
                    div class="wide" tabindex="0" role="group" aria-label="Picture: claimed against measured" { (PreEscaped(picture)) }
                    figcaption { "Diamonds are the team\u{2019}s claims, dots what the synthetic users measured." }
                }
            }
            @if !impact.times.is_empty() {
                (compared("When users were harmed", &impact.times, "Measured"))
            }
            (compared("Failed requests by class, inside the measured windows", &impact.shares, "Measured"))
            p class="note" { (impact.definition) }
        }
    }
}

fn story(debrief: &Debrief) -> Markup {
    html! {
        section {
            h2 { "What happened" }
            ol { @for beat in &debrief.what_happened { li { (words(beat)) } } }
            figure {
                div class="wide" tabindex="0" role="group" aria-label="Picture: incident strip" { (PreEscaped(strip(&debrief.strip))) }
                figcaption { (words(&strip_sentence(&debrief.strip))) }
            }
        }
    }
}

fn detection(debrief: &Debrief) -> Markup {
    let detection = &debrief.detection;
    html! {
        section {
            h2 { "Detection" }
            p { (words(&detection.text)) }
            @if !detection.alarms.is_empty() {
                div class="scroll" {
                    table class="stack" {
                        caption { "Alarms" }
                        thead { tr {
                            th scope="col" { "Alarm" } th scope="col" { "Raised" } th scope="col" { "Acknowledged" }
                            th scope="col" { "Resolved" } th scope="col" { "It said" }
                        } }
                        tbody {
                            @for alarm in &detection.alarms {
                                tr {
                                    th scope="row" { (alarm.alarm) }
                                    td class="num" data-l="Raised:" { (alarm.raised.offset) }
                                    td class="num" data-l="Acknowledged:" { (alarm.acknowledged) }
                                    td class="num" data-l="Resolved:" { (alarm.resolved) }
                                    td { (words(&alarm.summary)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn lines(caption: &str, rows: &[TimelineRow], anchors: bool) -> Markup {
    html! {
        div class="scroll" {
            table class="lanes" {
                caption { (caption) }
                thead { tr {
                    th scope="col" { "T+" } th scope="col" class="utc" { "UTC" }
                    th scope="col" class="lane" { "Kind" } th scope="col" class="what" { "What" }
                } }
                tbody {
                    @for row in rows {
                        tr class={ "lane-" (row.lane.as_str()) } id=[anchors.then(|| format!("e{}", row.seq))] {
                            td class="num" { (row.moment.offset) }
                            td class="num utc" { (row.moment.utc) }
                            td class="lane" { (row.lane.as_str()) }
                            td class="what" { (words(&row.text)) }
                        }
                    }
                }
            }
        }
    }
}

fn timeline(debrief: &Debrief) -> Markup {
    let timeline = &debrief.timeline;
    html! {
        section {
            h2 { "Timeline" }
            (lines("Every line is an event of the journal. Times are UTC and counted from StartEx.", &timeline.rows, true))
            @if timeline.left_out > 0 {
                p class="note" { (timeline.left_out) " more lines are in the journal." }
            }
        }
    }
}

fn severity(debrief: &Debrief) -> Markup {
    html! {
        section {
            h2 { "Severity and decisions" }
            @if !debrief.severity.is_empty() {
                div class="scroll" {
                    table class="stack" {
                        caption { "The severity checklist as the team answered it" }
                        thead { tr { th scope="col" { "Question" } th scope="col" { "The team\u{2019}s answer" } th scope="col" { "Given" } } }
                        tbody {
                            @for line in &debrief.severity {
                                tr {
                                    th scope="row" { (words(&line.question)) }
                                    td { (words(&line.answer)) }
                                    td class="num" { @if let Some(moment) = &line.moment { (moment.offset) } }
                                }
                            }
                        }
                    }
                }
            }
            @if !debrief.decided.is_empty() {
                div class="scroll" {
                    table class="stack" {
                        caption { "The decisions that the team recorded" }
                        thead { tr {
                            th scope="col" { "Decided" } th scope="col" { "By" } th scope="col" { "Option" }
                            th scope="col" { "Because" } th scope="col" { "Asked" }
                        } }
                        tbody {
                            @for line in &debrief.decided {
                                tr {
                                    th scope="row" class="num" { (line.moment.offset) }
                                    td { (words(&line.by)) }
                                    td { (words(&line.option)) }
                                    td { (words(&line.because)) }
                                    td { (words(&line.asked)) }
                                }
                            }
                        }
                    }
                }
            }
            (opens(&debrief.decisions))
        }
    }
}

fn tickets(debrief: &Debrief) -> Markup {
    html! {
        h3 { "Tickets" }
        @if debrief.response.tickets.is_empty() { p { (page::NO_TICKET) } }
        @for ticket in &debrief.response.tickets {
            h4 { (ticket.id) " " (words(&ticket.title)) }
            (pairs(&ticket.fields))
            @if !ticket.text.is_empty() { p { (words(&ticket.text)) } }
            (lines(&format!("What was done to {}", ticket.id), &ticket.entries, false))
        }
    }
}

fn response(debrief: &Debrief) -> Markup {
    let response = &debrief.response;
    html! {
        section {
            h2 { "Response" }
            h3 { "Roles" }
            @if response.roles.is_empty() { p { "Nobody took a role." } } @else {
                div class="scroll" {
                    table class="stack" {
                        caption { "Who held which role when" }
                        thead { tr { th scope="col" { "Role" } th scope="col" { "Held by" } th scope="col" { "From" } th scope="col" { "To" } } }
                        tbody {
                            @for line in &response.roles {
                                tr {
                                    th scope="row" { (line.role) }
                                    td { (line.person) }
                                    td class="num" data-l="From:" { (line.from.offset) }
                                    td class="num" data-l="To:" { (line.to.offset) }
                                }
                            }
                        }
                    }
                }
            }
            h3 { "Log and actions" }
            @if response.actions.is_empty() { p { "Nothing was logged, and no operation was recorded." } }
            @else { (lines("Log entries and operations on the target", &response.actions, false)) }
            h3 { "Broadcasts" }
            @if response.broadcasts.is_empty() { p { "No status update went out." } }
            @else { (lines("Status updates", &response.broadcasts, false)) }
            (tickets(debrief))
        }
    }
}

fn reveal(debrief: &Debrief) -> Markup {
    let reveal = &debrief.reveal;
    let list = |title: &str, items: &[String]| {
        html! {
            @if !items.is_empty() {
                h3 { (title) }
                ul { @for item in items { li { (words(item)) } } }
            }
        }
    };
    html! {
        section class="reveal" id="reveal" {
            h2 { (page::REVEAL) }
            p class="note" { (page::REVEAL_NOTE) }
            p class="quote" { (words(&reveal.summary)) }
            (compared("The team\u{2019}s last answer beside the truth", &reveal.compared, "Truth"))
            @if !reveal.severity.is_empty() {
                (compared("The severity checklist: answered and declared", &reveal.severity, "Declared"))
            }
            @if !reveal.ladder.is_empty() {
                (compared("The decision ladder: chosen and declared", &reveal.ladder, "Declared"))
            }
            (list("What was true of it", &reveal.facts))
            (list("What let it happen", &reveal.contributing))
            (list("How it spread", &reveal.spread))
            (list("Who owns the part", &reveal.owners))
            @if !reveal.claims.is_empty() {
                h3 { "Guesses and answers on the way" }
                div class="scroll" {
                    table class="stack" {
                        caption { "Blind alleys cost nothing: they are how causes are found" }
                        thead { tr { th scope="col" { "T+" } th scope="col" { "It said" } th scope="col" { "It was" } } }
                        tbody {
                            @for claim in &reveal.claims {
                                tr {
                                    td class="num" { (claim.moment.offset) }
                                    td { (words(&claim.text)) }
                                    td { (claim.nearness) }
                                }
                            }
                        }
                    }
                }
            }
            h3 { "What was injected" }
            @if reveal.injections.is_empty() { p { "Nothing: this drill had no fault." } }
            ul {
                @for one in &reveal.injections {
                    li {
                        b { (words(&one.fault)) } " by " span class="mono" { (words(&one.injector)) }
                        @if !one.related { " (noise, not part of the outage)" }
                        span class="note" { ": " (one.history.join(", ")) }
                    }
                }
            }
        }
    }
}

fn talk(debrief: &Debrief) -> Markup {
    html! {
        @if !debrief.score.questions.is_empty() {
            section {
                h2 { (page::TALK_ABOUT) }
                ol class="ask" { @for question in &debrief.score.questions { li { (words(question)) } } }
            }
        }
    }
}

fn card(debrief: &Debrief) -> Markup {
    html! {
        section {
            h2 { "Scorecard" }
            div class="scroll" {
                table {
                    caption { "Answered where the journal can tell; the rest is the team\u{2019}s" }
                    thead { tr { th scope="col" { "About" } th scope="col" { "Question" } th scope="col" { "Answer" } } }
                    tbody {
                        @for line in &debrief.scorecard {
                            tr {
                                td class="state" { (line.about) }
                                td { (line.question) }
                                td class="num" { (match line.answer { Some(true) => "yes", Some(false) => "no", None => "to answer" }) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn hints(debrief: &Debrief) -> Markup {
    html! {
        section {
            h2 { "Hints" }
            @if debrief.hints.is_empty() { p { "No hint was given. Hints cost nothing." } } @else {
                p { "Hints cost nothing." }
                ul { @for hint in &debrief.hints {
                    li { span class="num" { (hint.moment.offset) } " " span class="mono" { (words(&hint.pointer)) } }
                } }
            }
        }
    }
}

fn questions(debrief: &Debrief) -> Markup {
    html! {
        @if !debrief.questions.is_empty() {
            section {
                h2 { "Question bank" }
                ul { @for question in &debrief.questions {
                    li {
                        (words(&question.text))
                        @if let Some(asked) = &question.asked { span class="note" { " asked at " (asked.offset) } }
                    }
                } }
            }
        }
    }
}

fn capabilities(debrief: &Debrief) -> Markup {
    let score = &debrief.score;
    let chosen = |profile: Profile| (score.profile == profile).then_some("chosen");
    let weight = |dimension: &Dimension, profile: Profile| {
        let (found, weight) = (dimension.figures.of(profile), dimension.weights.of(profile));
        html! { td class={ "num r " (chosen(profile).unwrap_or("")) } { (figure(found)) (format!(" (weighs {weight:.2})")) } }
    };
    html! {
        section {
            h2 { "Capabilities" }
            @if let Some(why) = &score.unscored { p { "Nothing is scored: " (why) "." } } @else {
                p class="note" { (page::ABOUT_SCORES) }
                div class="scroll" {
                    table {
                        caption { "Profile of this drill: " (page::profile(score.profile)) ". Figures and weights of both profiles side by side. Scorer version " (score.scorer) "." }
                        thead { tr {
                            th scope="col" { "Capability" } th scope="col" { "Figure" } th scope="col" { "In words" }
                            th scope="col" class="r" { "understand-first" } th scope="col" class="r" { "restore-first" }
                        } }
                        tbody {
                            @for dimension in &score.dimensions {
                                tr {
                                    th scope="row" { (dimension.name.as_str()) }
                                    td class="num" {
                                        @match dimension.score {
                                            Some(value) => { (figure(Some(value))) " " (PreEscaped(svg::dot(value))) }
                                            None => "\u{2013}",
                                        }
                                    }
                                    td { (dimension.sentence) }
                                    (weight(dimension, Profile::UnderstandFirst))
                                    (weight(dimension, Profile::RestoreFirst))
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How a check's state is called.
pub(super) fn state(state: &State) -> &'static str {
    match state {
        State::Scored => "scored",
        State::NotApplicable { .. } => "not applicable",
        State::Unknown { .. } => "unknown",
        State::Censored { .. } => "censored",
        State::Invalid { .. } => "invalid",
    }
}

fn checks(debrief: &Debrief, rows: &BTreeSet<u64>) -> Markup {
    html! {
        @if !debrief.score.dimensions.is_empty() {
            section {
                h2 { "Appendix: every check" }
                div class="scroll" {
                    table class="stack" {
                        caption { "Evidence is the number of a journal event" }
                        thead { tr {
                            th scope="col" { "Check" } th scope="col" class="r" { "Figure" } th scope="col" { "Finding" } th scope="col" { "Evidence" }
                        } }
                        tbody {
                            @for check in debrief.score.dimensions.iter().flat_map(|dimension| &dimension.checks) {
                                tr {
                                    th scope="row" class="mono num" { (check.id) }
                                    td class="num r" {
                                        @if check.score.is_some() { (figure(check.score)) } @else { span class="state" { (state(&check.state)) } }
                                    }
                                    td { (words(&check.sentence)) }
                                    td class="num" {
                                        @for seq in check.evidence.iter().take(6) {
                                            @if rows.contains(seq) { a href={ "#e" (seq) } { "#" (seq) } " " }
                                            @else { "#" (seq) " " }
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
