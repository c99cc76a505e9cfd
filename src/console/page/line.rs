//! One event as one line: of the channel, or of the trainers' timeline.

use super::Look;
use crate::{
    base::{At, Person},
    drill::event::{Event, Hat, Recorded, offset},
    report::{
        debrief::Lane,
        wording::{events, tame},
    },
    scenario::act::{Act, Pager},
};
use maud::{Markup, html};

/// Lines that a page begins with.
const LINES: usize = 200;

/// A moment: UTC as text; the script adds the reader's own time.
pub(super) fn time(at: At) -> Markup {
    html! { time datetime=(at) data-at=(at.millis()) { (at.clock_time()) } }
}

/// A line in its pieces.
struct Line<'a> {
    kind: &'static str,
    who: Option<&'a Person>,
    /// What sort of line it is, as a small label.
    tag: Option<String>,
    text: String,
}

/// The newest lines of the channel, the oldest first.
pub(super) fn last_of_channel(look: &Look<'_>) -> Markup {
    newest(look, channel)
}

/// The newest lines of the timeline, the oldest first.
pub(super) fn last_of_timeline(look: &Look<'_>) -> Markup {
    newest(look, timeline)
}

fn newest(look: &Look<'_>, make: fn(&Look<'_>, &Recorded) -> Option<Markup>) -> Markup {
    let mut lines: Vec<_> =
        look.snapshot.events.iter().rev().filter_map(|one| make(look, one)).take(LINES).collect();
    lines.reverse();
    html! { @for line in &lines { (line) } }
}

/// A line of the channel; nothing for what responders may not hear.
pub(super) fn channel(look: &Look<'_>, recorded: &Recorded) -> Option<Markup> {
    if !events::open_to_responders(&recorded.event) {
        return None;
    }
    let line = pieces(look, &recorded.event)?;
    let called =
        look.plays() && (names(&line.text, look.caller.person.as_str()) || calls_everybody(&recorded.event));
    let me = line.who == Some(&look.caller.person);
    Some(html! {
        li id={ "e" (recorded.seq) } class={ (line.kind) @if called { " called" } @if me { " mine" } } {
            (time(recorded.at))
            p {
                @if let Some(who) = line.who { b { (who) } " " }
                @if let Some(tag) = &line.tag { span class="tag" { (tag) } " " }
                @match line.kind {
                    "say" | "log" | "status" => (mentions(look, &line.text)),
                    _ => (commands(&line.text)),
                }
            }
            span class="seq" title="Number of this event, to refer to as evidence" { (recorded.seq) }
        }
    })
}

fn pieces<'a>(look: &Look<'_>, event: &'a Event) -> Option<Line<'a>> {
    let plain = |kind, text: String| Line { kind, who: None, tag: None, text: tame(&text) };
    Some(match event {
        Event::Acted { by, act } => acted(by, act)?,
        // A name is typed by a person, too: only those who play are told by theirs.
        Event::Joined { person, hat } if *hat == Hat::Responder || look.staff.is_some() => {
            Line { kind: "note", who: Some(person), tag: None, text: format!("joined as {hat}") }
        }
        Event::Started if look.plan.admission.code_blue => {
            plain("cut", "StartEx: the exercise has begun. Code Blue: everybody is called".into())
        }
        Event::Started => plain("cut", "StartEx: the exercise has begun".into()),
        Event::ShiftBegan { shift } => plain("note", look.plan.shift_told(*shift)),
        Event::Ended { .. } => plain("cut", "EndEx: the exercise is over".into()),
        Event::AlarmRaised { alarm, summary } => {
            Line { tag: Some(alarm.to_string()), ..plain("alarm", summary.clone()) }
        }
        Event::AlarmResolved { alarm } => {
            Line { tag: Some(alarm.to_string()), ..plain("good", "resolved".into()) }
        }
        Event::InjectSpoken { inject, .. } => {
            let inject = look.plan.injects.get(*inject)?;
            let tag = format!("{} to {}", tame(&inject.from), inject.to);
            Line { tag: Some(tag), ..plain("outside", inject.text.clone()) }
        }
        Event::HintGiven { entry, anchor, .. } => {
            let anchor = anchor.as_deref().map_or(String::new(), |anchor| format!("#{anchor}"));
            Line { tag: Some("hint".into()), ..plain("help", format!("see {entry}{anchor}")) }
        }
        Event::QuestionAsked { question, .. } => {
            let question = look.plan.questions.get(*question)?;
            Line { tag: Some("question".into()), ..plain("help", question.clone()) }
        }
        other => plain("note", events::open_line(look.plan, other, ToString::to_string)?),
    })
}

/// What a person did, in their own words and uncut where they have used some.
fn acted<'a>(by: &'a Person, act: &Act) -> Option<Line<'a>> {
    let line = |kind, tag: Option<String>, text: &str| Line { kind, who: Some(by), tag, text: tame(text) };
    Some(match act {
        Act::Operate(_) => return None,
        Act::Say(text) => line("say", None, text),
        Act::Log { text, on } => {
            let on = on.as_deref().map_or(String::new(), |on| format!(" {}", tame(on)));
            line("log", Some(format!("!log{on}")), text)
        }
        Act::Status { text, to, state, .. } => {
            let to = if to.is_empty() { String::new() } else { format!(" to {}", tame(&to.join(", "))) };
            line("status", Some(format!("{}{to}", events::status_state(*state))), text)
        }
        Act::Declare { text } => line("status", Some("incident declared".into()), text),
        Act::Resolve(text) => line("good", Some("all-clear".into()), text),
        Act::Page { with, text } => {
            line("paged", Some(format!("{} to {}", with.as_str(), with.reaches())), text)
        }
        Act::Summary(text) => line("say", Some("summary".into()), text),
        Act::Stumped(text) => line("help", Some("stumped".into()), text),
        other => line("act", None, &events::act(other)),
    })
}

fn calls_everybody(event: &Event) -> bool {
    matches!(event, Event::Acted { act: Act::Page { with: Pager::Batphone, .. }, .. })
}

/// Whether `@name` stands in a text.
fn names(text: &str, name: &str) -> bool {
    text.split('@').skip(1).any(|rest| mentioned(rest, name))
}

fn mentioned(rest: &str, name: &str) -> bool {
    rest.strip_prefix(name).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
}

/// A text with the people that it calls by `@name`.
fn mentions(look: &Look<'_>, text: &str) -> Markup {
    let mut parts = text.split('@');
    let first = parts.next().unwrap_or_default();
    html! {
        (first)
        @for rest in parts {
            @match look.board.people.iter().map(|(one, _)| one.as_str()).find(|one| mentioned(rest, one)) {
                Some(name) => { span class="at" { "@" (name) } (rest[name.len()..]) }
                None => { "@" (rest) }
            }
        }
    }
}

/// A text with what stands between backticks as code; an odd backtick is only a backtick.
pub(super) fn commands(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

/// A line of everything that happened, for trainers; nothing for bookkeeping.
pub(super) fn timeline(look: &Look<'_>, recorded: &Recorded) -> Option<Markup> {
    // Grades are blind, for each trainer; what is written after EndEx has a page of its own.
    if matches!(recorded.event, Event::Reviewed { .. }) {
        return None;
    }
    let words = events::line(look.plan, &recorded.event)?;
    let hidden = !events::open_to_responders(&recorded.event);
    let lane = match &recorded.event {
        Event::Observed { .. } => "note",
        event => Lane::of(event).as_str(),
    };
    Some(html! {
        li id={ "t" (recorded.seq) } class={ "lane-" (lane) @if hidden { " hidden-truth" } } {
            span class="offset" { (offset(look.board.start, recorded.at)) }
            span class="lane" { (lane) }
            p { (commands(&tame(&words))) }
            button type="button" class="quiet" data-pin=(recorded.seq) title="Write an observation about this moment" {
                "Note"
            }
        }
    })
}
