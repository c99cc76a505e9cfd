//! What those see and do who run the drill: instigators with truth, injections, hints and questions; trainers with the
//! timeline as it builds up, and their observations. None of it is on anybody else's page or stream.

use super::{Look, chart::chart, desk, forms, line, msel, parts};
use crate::{
    base::{At, limits},
    drill::{
        event::{Event, Hat, offset},
        measure::Tally,
    },
    report::{
        Journal,
        board::InstigatorBoard,
        debrief, render,
        wording::{self, events, tame},
    },
    scenario::act::Act,
};
use maud::{Markup, PreEscaped, html};

/// The parts that only those have who run the drill.
pub(super) fn parts(look: &Look<'_>) -> Vec<(&'static str, Markup)> {
    let Some(board) = look.staff else { return Vec::new() };
    let mut all = vec![
        ("truth", truth(look, board)),
        ("measured", measured(look)),
        ("injections", injections(look, board)),
    ];
    match look.caller.hat {
        Hat::Instigator => {
            all.push(("msel", msel::msel(look)));
            all.extend(desk::parts(look, board));
        }
        _ => all.extend([("strip", strip(look)), ("notes", notes(look))]),
    }
    all
}

pub(super) fn instigator(look: &Look<'_>) -> Markup {
    let (own, open) = (parts(look), parts::all(look));
    let part = |name: &'static str| {
        let found = own.iter().chain(&open).find(|(one, _)| *one == name);
        found.map_or_else(|| html! {}, |(_, markup)| parts::place(name, "card", markup))
    };
    html! {
        div class="board staff" {
            div class="side wide" tabindex="0" role="group" aria-label="Truth, measurements and plan" { (part("truth")) (part("measured")) (part("injections")) (part("msel")) }
            (parts::channel(look, &html! {}))
            div class="side" {
                section id="do" class="card" aria-labelledby="h-do" {
                    h2 id="h-do" { "Point at documentation" }
                    (hint_picker(look))
                }
                (part("desk")) (part("bystanders")) (part("held")) (part("second"))
                (part("roster"))
                (part("alarms")) (part("incident")) (part("actions")) (part("roles")) (part("tickets")) (part("answers"))
            }
            (desk::pointers(look))
        }
    }
}

pub(super) fn trainer(look: &Look<'_>) -> Markup {
    let (own, open) = (parts(look), parts::all(look));
    let part = |name: &'static str, class: &str| {
        let found = own.iter().chain(&open).find(|(one, _)| *one == name);
        found.map_or_else(|| html! {}, |(_, markup)| parts::place(name, class, markup))
    };
    html! {
        div class="board staff" {
            div class="side wide" {
                (part("strip", "card strip"))
                section id="timeline" class="card talk" aria-labelledby="h-timeline" {
                    header { (parts::heading("timeline", "Timeline")) span class="soft" { "shaded lines are hidden from responders" } }
                    ol id="moments" class="lines timeline" aria-live="polite" aria-label="Lines of the timeline" tabindex="0" { (line::last_of_timeline(look)) }
                }
            }
            div class="side wide" {
                section id="do" class="card" aria-labelledby="h-do" {
                    h2 id="h-do" { "Observe" }
                    form data-post="/api/observe" id="observe" {
                        label { span { "What you see" } textarea name="text" rows="3" required maxlength="2000" placeholder="Two people restart the same service; nobody said so" {} }
                        label { span { "About event" } input type="number" min="0" name="about:number" inputmode="numeric" placeholder="\u{201c}Note\u{201d} in the timeline fills this in"; }
                        (forms::send("Note it", "primary"))
                    }
                }
                (part("notes", "card"))
                (part("truth", "card"))
                (part("injections", "card"))
            }
            div class="side" { (part("alarms", "card")) (part("incident", "card")) (part("actions", "card")) (part("roles", "card")) (part("tickets", "card")) (part("answers", "card")) }
        }
    }
}

/// When something that only those see who run the drill happened last.
fn last(look: &Look<'_>, which: impl Fn(&Event) -> bool) -> Option<At> {
    look.snapshot.events.iter().rev().find(|one| which(&one.event)).map(|one| one.at)
}

fn truth(look: &Look<'_>, board: &InstigatorBoard) -> Markup {
    let open = look.board;
    let cause = &look.plan.truth.cause;
    let claim = look.snapshot.events.iter().rev().find_map(|one| match &one.event {
        Event::Acted { by, act: Act::Hypothesis(claim) } => Some((by, "guessed", claim)),
        Event::Acted { by, act: Act::Cause(claim) } => Some((by, "answered", claim)),
        _ => None,
    });
    let symptom = last(look, |event| matches!(event, Event::SymptomSeen { .. }));
    let service = match (board.restored, symptom) {
        (None, _) => html! { span class="pill" { "no symptom yet" } },
        (Some(false), at) => {
            html! { span class="pill bad" { "broken" } @if let Some(at) = at { " since " (line::time(at)) } }
        }
        (Some(true), _) => {
            html! { span class="pill good" { "restored" } @if let Some(at) = last(look, |event| matches!(event, Event::Restored { .. })) { " at " (line::time(at)) } }
        }
    };
    html! {
        (parts::heading("truth", "What is true, and what they believe"))
        div class="versus" {
            b class="c-measured" { "True" } b class="c-claimed" { "Believed" }
            p class="what" { "Service" }
            div { (service) }
            div {
                @match (&open.declared, &open.all_clear) {
                    (Some(text), _) => { span class="pill bad" { "declared" } " " (tame(text)) }
                    (None, Some(_)) => span class="pill good" { "all-clear" },
                    (None, None) => span class="soft" { "nothing declared" },
                }
                @if let Some(status) = &open.status {
                    span class="soft" { "; told " (tame(&status.to.join(", "))) ": " (events::status_state(status.state)) ", " span data-age=(status.at.millis()) {} }
                }
            }
            p class="what" { "Cause" }
            div { b { (cause.component) } " \u{b7} " (cause.kind) br; span class="soft" { (tame(&cause.trigger)) } }
            div {
                @match claim {
                    Some((by, verb, claim)) => { (by) " " (verb) ": " (events::claim_words(claim)) @if let Some(sure) = claim.confidence { span class="soft" { ", " (sure) " % sure" } } }
                    None => span class="soft" { "nothing said" },
                }
            }
            p class="what" { "Users now" }
            div {
                @for (class, figures) in &board.measured {
                    span class="figure" { (class) ": " b class={ @if figures.failed > 0.01 { "bad" } } { (wording::percent(figures.failed)) } span class="soft" { " of " (figures.sent) "/s, p95 " (figures.p95_ms) " ms" } }
                }
            }
            div { @match &open.impact { Some(line) => (tame(&line.text)), None => span class="soft" { "not assessed" } } }
        }
    }
}

fn measured(look: &Look<'_>) -> Markup {
    let events = &look.snapshot.events;
    html! {
        (parts::heading("measured", "Measured by synthetic users"))
        (chart(events, "Failed", 0.05, Tally::failed_share, wording::percent))
        (chart(events, "p95", 200.0, |tally| f64::from(tally.p95_ms), |ms| format!("{ms:.0} ms")))
        (chart(events, "Requests", 1.0, |tally| f64::from(tally.sent), |sent| format!("{sent:.0}/s")))
    }
}

fn injections(look: &Look<'_>, board: &InstigatorBoard) -> Markup {
    let colour = |state: &str| match state {
        "live" | "applied" => "bad",
        "reverted" | "cleared" | "expired" => "good",
        "diverged" | "gone" | "stuck" => "alert",
        _ => "",
    };
    html! {
        (parts::heading("injections", "Injections"))
        ul class="plain injections" {
            @for one in &board.injections {
                li {
                    div class="row" { b { (one.fault) } span class={ "pill " (colour(&one.state)) } { (one.state) } }
                    p class="soft" { (one.target) ", due at T+" (one.at) ", planned by " (tame(&one.injector)) ", " code { (one.id) } }
                }
            }
        }
        @if let Some(outcome) = board.outcome { p { "Outcome: " b { (outcome.as_str()) } } }
        p class="soft" { "Drill " code { (look.plan.drill) } }
    }
}

/// Suggested entries first; then everything that a hint may point to. Two keystrokes: `h`, and Enter.
fn hint_picker(look: &Look<'_>) -> Markup {
    let entry = |name: &str, chosen: bool| html! { option value=(name) selected[chosen] { (name) } };
    html! {
        form data-post="/api/hint" {
            label { span class="hush" { "Entry of the catalogue" }
                select id="pointer" name="pointer" size="9" required {
                    optgroup label="Suggested by the author" {
                        @for (index, name) in look.plan.hints.iter().enumerate() { (entry(name, index == 0)) }
                    }
                    @for document in &look.plan.catalogue {
                        optgroup label=(document.title) {
                            (entry(&document.name, false))
                            @for anchor in document.anchors.iter().skip(1) { (entry(&format!("{}#{anchor}", document.name), false)) }
                        }
                    }
                }
            }
            p class="soft small" { "Sparing: stay quiet while there is progress, blind alleys included. At most one in " (limits::HINT_INTERVAL) "." }
            (forms::send("Point there", "primary"))
        }
    }
}

/// The strip of the debrief, as far as it has got.
fn strip(look: &Look<'_>) -> Markup {
    let picture = Journal::new(&look.snapshot.events).ok().filter(Journal::has_started);
    html! {
        (parts::heading("strip", "So far"))
        @match picture {
            Some(journal) => div class="wide" tabindex="0" role="group" aria-label="Picture: the drill so far" { (PreEscaped(render::strip(&debrief::strip_of(&journal)))) },
            None => p class="empty" { "The picture begins with StartEx." },
        }
    }
}

fn notes(look: &Look<'_>) -> Markup {
    let notes = look.snapshot.events.iter().rev().filter_map(|one| match &one.event {
        Event::Observed { by, about, text } => Some((one.at, by, about, text)),
        _ => None,
    });
    let notes: Vec<_> = notes.collect();
    html! {
        (parts::heading("notes", "Observations"))
        @if notes.is_empty() { p class="empty" { "None yet. They are on the timeline of the debrief." } }
        ul class="plain" {
            @for (at, by, about, text) in notes {
                li {
                    p { (tame(text)) }
                    p class="soft" {
                        (offset(look.board.start, at)) ", " (by)
                        @if let Some(seq) = about { ", on " a href={ "#t" (seq) } { "event " (seq) } }
                    }
                }
            }
        }
    }
}
