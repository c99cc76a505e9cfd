//! The instigator's desk: questions, injects that are held back, bystanders' messages, the second act, who has signed up,
//! and the safety lever.

use super::{Look, forms, line, parts};
use crate::{
    base::{Person, limits},
    drill::event::{Event, Hat},
    report::{
        board::{BoardMessage, InstigatorBoard, SecondAct},
        wording::tame,
    },
};
use maud::{Markup, html};

/// Messages that wait and can be dealt with at once.
const WAITING: usize = 5;

pub(super) fn parts(look: &Look<'_>, board: &InstigatorBoard) -> Vec<(&'static str, Markup)> {
    vec![
        ("desk", questions(look, board)),
        ("held", held(board)),
        ("bystanders", bystanders(board)),
        ("second", second_act(board)),
        ("roster", roster(look, board)),
    ]
}

fn questions(look: &Look<'_>, board: &InstigatorBoard) -> Markup {
    html! {
        (parts::heading("desk", "Questions"))
        p class={ @if board.stumped { "pill bad" } @else { "soft" } } {
            @if board.stumped { "They say that they are stumped: a question may be asked" }
            @else { "Locked until somebody says \u{201c}stumped\u{201d}." }
        }
        ol class="questions" {
            @for (index, question) in board.question_bank.iter().enumerate() {
                li {
                    form data-post="/api/ask" class="inline" {
                        input type="hidden" name="number:number" value=(index + 1);
                        button class="quiet" disabled[!board.stumped] aria-label={ "Ask question " (index + 1) } { "Ask" } output role="status" {}
                    }
                    span { (tame(question)) @if look.board.questions.contains(question) { " " span class="tag" { "asked" } } }
                }
            }
        }
        p class="soft" { (look.board.hints.len()) " of " (limits::HINTS_MAX) " hints given" }
    }
}

/// Contingency injects: the author's words, at a moment that a person chooses.
fn held(board: &InstigatorBoard) -> Markup {
    html! {
        (parts::heading("held", "Held back"))
        @if board.held.is_empty() { p class="empty" { "This scenario holds no inject back." } }
        ol class="questions" {
            @for one in &board.held {
                li id={ "inject-" (one.number) } {
                    @if let Some(at) = one.sent { span class="soft" { "sent " (line::time(at)) } } @else {
                        form data-post="/api/inject" class="inline" {
                            input type="hidden" name="number:number" value=(one.number);
                            button class="quiet" aria-label={ "Send inject " (one.number) } { "Send" } output role="status" {}
                        }
                    }
                    span {
                        b { (tame(&one.from)) " to " (one.to) } span class="soft" { ", about T+" (one.at) } br;
                        (tame(&one.text))
                    }
                }
            }
        }
    }
}

/// What those wrote who only watch: a pointer is passed on instead of their words, or nothing.
fn bystanders(board: &InstigatorBoard) -> Markup {
    let (waiting, settled): (Vec<&BoardMessage>, Vec<&BoardMessage>) =
        board.messages.iter().partition(|one| one.passed_on.is_none());
    html! {
        (parts::heading("bystanders", "From bystanders"))
        @if board.messages.is_empty() { p class="empty" { "Nobody who watches has written." } }
        ul class="plain" {
            @for one in waiting.iter().take(WAITING) {
                li id={ "message-" (one.seq) } class="message" {
                    p { b { (one.by) } " " (tame(&one.text)) " " span class="soft" { span data-age=(one.at.millis()) {} } }
                    form data-post="/api/settle" class="add" {
                        input type="hidden" name="message:number" value=(one.seq);
                        label { span class="hush" { "A pointer to pass on" }
                            input name="pointer" list="pointers" required autocomplete="off" placeholder="a pointer, not their words"; }
                        button class="quiet" { "Pass on" } output role="status" {}
                    }
                    form data-post="/api/settle" class="inline" {
                        input type="hidden" name="message:number" value=(one.seq);
                        button class="quiet" { "Do not pass on" } output role="status" {}
                    }
                }
            }
        }
        @if waiting.len() > WAITING { p class="soft" { (waiting.len() - WAITING) " more wait" } }
        @if !settled.is_empty() {
            details class="more" id="settled" {
                summary { (settled.len()) " dealt with" }
                ul class="plain" {
                    @for one in settled {
                        li { span class="tag" { @if one.passed_on == Some(true) { "pointer passed on" } @else { "not passed on" } } " " b { (one.by) } " " (tame(&one.text)) }
                    }
                }
            }
        }
    }
}

/// Every pointer there is, for fields that complete from it.
pub(super) fn pointers(look: &Look<'_>) -> Markup {
    html! {
        datalist id="pointers" {
            @for entry in &look.plan.catalogue {
                option value=(entry.name) {}
                @for anchor in entry.anchors.iter().skip(1) { option value={ (entry.name) "#" (anchor) } {} }
            }
        }
    }
}

fn second_act(board: &InstigatorBoard) -> Markup {
    html! {
        (parts::heading("second", "Second act"))
        @match board.second_act {
            SecondAct::None => p class="empty" { "This scenario has none." },
            SecondAct::Waits => p class="soft" { "It may begin once the team has concluded the first." },
            SecondAct::Began => p { span class="pill running" { "it has begun" } },
            SecondAct::MayBegin => {
                p { "They are done, and service is restored. Without a second act the drill ends " b { (limits::SECOND_ACT_WAIT) } " after their last answer." }
                form data-post="/api/second-act" {
                    label class="check" { input type="checkbox" required; span { "Yes, break it again" } }
                    (forms::send("Begin the second act", "danger"))
                }
            }
        }
    }
}

/// Who was expected, and who is here.
fn roster(look: &Look<'_>, board: &InstigatorBoard) -> Markup {
    let needs = &look.plan.roster;
    let named = look.plan.admission.roster.as_ref();
    let sides = [
        (Hat::Responder, "Responders", Some(needs.responders), named.map(|roster| &roster.responders)),
        (Hat::Instigator, "Instigators", Some(needs.instigators), named.map(|roster| &roster.instigators)),
        (Hat::Trainer, "Trainers", None, None),
        (Hat::Observer, "Observers", None, None),
    ];
    html! {
        (parts::heading("roster", "Signed up"))
        dl class="roster" {
            @for (hat, name, needed, expected) in sides {
                @let here: Vec<&Person> = board.everybody.iter().filter(|(_, one)| *one == hat).map(|(who, _)| who).collect();
                @let missing: Vec<&Person> = expected.into_iter().flatten().filter(|who| !here.contains(who)).collect();
                dt { (name) @if let Some((least, most)) = needed { small { " " (least) @if most > least { "\u{2013}" (most) } } } }
                dd {
                    @for who in &here { span class="person here" { (who) } " " }
                    @for who in &missing { span class="person" title="Signed up, and not here yet" { (who) " \u{2026}" } " " }
                    @if here.is_empty() && missing.is_empty() { span class="soft" { "nobody" } }
                    @if let Some((least, _)) = needed { @if here.len() < usize::from(least) { span class="wanted small" { (usize::from(least) - here.len()) " more needed" } } }
                }
            }
        }
    }
}

/// Stops every drill of the house, and lets none begin.
pub(super) fn lever() -> Markup {
    html! {
        details class="danger" {
            summary { "Safety lever \u{2026}" }
            form data-post="/api/lever" {
                p class="soft" { "For a real emergency: every drill of this home is stopped as a real incident, and none begins until somebody releases the lever with " code { "gameday safety release" } "." }
                label { span { "Why" } input name="reason" required maxlength="400" autocomplete="off"; }
                label class="check" { input type="checkbox" required; span { "Yes, stop every drill" } }
                (forms::send("Engage the lever", "danger"))
            }
        }
    }
}

/// For those who watch: a word to the instigators, and what became of one's own.
pub(super) fn tell() -> Markup {
    html! {
        form data-post="/api/tell" {
            label { span { "What you would like to say" } textarea name="text" rows="2" required maxlength="2000" {} }
            p class="soft small" { "Only the instigators read it. They may pass a pointer into the documentation on, or nothing." }
            (forms::send("Tell the instigators", "primary"))
        }
    }
}

/// One's own messages; nobody else's.
pub(super) fn told(look: &Look<'_>) -> Markup {
    let me = &look.caller.person;
    let became = |seq: u64| {
        look.snapshot.events.iter().find_map(|one| match &one.event {
            Event::BystanderSettled { message, passed_on, .. } if *message == seq => Some(*passed_on),
            _ => None,
        })
    };
    let own = look.snapshot.events.iter().filter_map(|one| match &one.event {
        Event::BystanderWrote { by, text } if by == me => Some((one.seq, one.at, text)),
        _ => None,
    });
    html! {
        ul class="plain" {
            @for (seq, at, text) in own {
                li {
                    (tame(text)) " "
                    span class="soft" { (line::time(at)) ", " @match became(seq) { None => "not answered yet", Some(true) => "a pointer was passed on", Some(false) => "not passed on" } }
                }
            }
        }
    }
}
