//! The ticket that tracks the incident, and the severity checklist.

use super::{Look, forms, line};
use crate::{
    report::{board::BoardQuestion, ticket::Ticket, wording::tame},
    scenario::severity::DONT_KNOW,
};
use maud::{Markup, html};

const PRIORITIES: [&str; 4] = ["less-urgent", "urgent", "very-urgent", "top-priority"];
/// Entries of a ticket that are shown.
const ENTRIES: usize = 30;

/// Every ticket with what was done to it.
pub(super) fn tickets(look: &Look<'_>) -> Markup {
    html! {
        (super::parts::heading("tickets", "Ticket"))
        @if look.board.tickets.is_empty() { p class="empty" { "No ticket is open." } }
        @for ticket in look.board.tickets.iter().rev() { (one(look, ticket)) }
    }
}

fn one(look: &Look<'_>, ticket: &Ticket) -> Markup {
    let skipped = ticket.entries.len().saturating_sub(ENTRIES);
    html! {
        div class="ticket" id={ "ticket-" (ticket.id) } {
            div class="row" {
                b { (ticket.id) " " (tame(&ticket.title)) }
                @if ticket.closed.is_some() { span class="pill good" { "closed" } } @else { span class="pill bad" { "open" } }
            }
            p class="soft" {
                @if let Some(on) = &ticket.on { "on " (tame(on)) " " }
                @if let Some(priority) = ticket.priority { span class="tag" { (priority) } " " }
                @if !ticket.cc.is_empty() { "copied " (tame(&ticket.cc.join(", "))) }
            }
            @if !ticket.text.is_empty() { p { (tame(&ticket.text)) } }
            ol {
                @for entry in &ticket.entries[skipped..] {
                    li { (line::time(entry.at)) span { b { (entry.by) } " " (line::commands(&tame(&entry.text))) } }
                }
            }
            @if look.plays() && ticket.closed.is_none() { (work_on(look, ticket)) }
        }
    }
}

/// What can be done to an open ticket.
fn work_on(look: &Look<'_>, ticket: &Ticket) -> Markup {
    let which = |verb: &str| {
        html! { input type="hidden" name={ "ticket." (verb) ".ticket" } value=(ticket.id); }
    };
    html! {
        form data-post="/api/act" {
            (which("note"))
            label { span { "Add a note" } textarea name="ticket.note.text" rows="2" required maxlength="2000" {} }
            (forms::send("Add it", "quiet"))
        }
        details class="more" {
            summary { "Change, copy people, close" }
            form data-post="/api/act" {
                (which("update"))
                label { span { "Title" } input name="ticket.update.title" maxlength="400" autocomplete="off"; }
                div class="two" {
                    label { span { "On" } select name="ticket.update.on" { (forms::components(look, "as it is")) } }
                    (priority("ticket.update.priority", "as it is"))
                }
                (forms::send("Change it", "quiet"))
            }
            form data-post="/api/act" {
                (which("cc"))
                label { span { "Copy" } input name="ticket.cc.to:words" required autocomplete="off" placeholder="session-oncall, web-oncall"; }
                (forms::send("Copy them", "quiet"))
            }
            form data-post="/api/act" {
                (which("close"))
                label { span { "What ended it" } textarea name="ticket.close.text" rows="2" maxlength="2000" {} }
                (forms::send("Close the ticket", "quiet"))
            }
        }
    }
}

fn priority(name: &str, empty: &str) -> Markup {
    html! {
        label { span { "Priority" } select name=(name) {
            option value="" { (empty) }
            @for one in PRIORITIES { option value=(one) { (one) } }
        } }
    }
}

/// Opens one.
pub(super) fn open(look: &Look<'_>) -> Markup {
    html! {
        form data-post="/api/act" {
            label { span { "What is broken, for whom" } input name="ticket.open.title" required maxlength="400" autocomplete="off" placeholder="Some uploads fail since 12:04"; }
            div class="two" {
                label { span { "On" } select name="ticket.open.on" { (forms::components(look, "not known")) } }
                (priority("ticket.open.priority", "none yet"))
            }
            label { span { "What is known" } textarea name="ticket.open.text" rows="2" maxlength="2000" {} }
            label { span { "Copied people" } input name="ticket.open.cc:words" autocomplete="off" placeholder="session-oncall, web-oncall"; }
            (forms::send("Open the ticket", "primary"))
        }
    }
}

/// For the form of a status update: the ticket that it is mirrored into.
pub(super) fn mirror(look: &Look<'_>) -> Markup {
    let open: Vec<_> = look.board.tickets.iter().filter(|ticket| ticket.closed.is_none()).collect();
    html! {
        @if !open.is_empty() {
            label { span { "Mirror it into" } select name="status.ticket" {
                @for ticket in &open { option value=(ticket.id) { (ticket.id) " " (tame(&ticket.title)) } }
                option value="" { "no ticket" }
            } }
        }
    }
}

/// Every question with its options; what is left empty keeps its last answer.
pub(super) fn severity(look: &Look<'_>) -> Markup {
    html! {
        form data-post="/api/act" class="checklist" {
            @for question in &look.board.severity { (one_question(question)) }
            @if look.board.severity.is_empty() { p class="empty" { "This drill has no checklist." } }
            @else { (forms::send("Answer", "primary")) }
        }
    }
}

fn one_question(question: &BoardQuestion) -> Markup {
    let words = |option: &str| match option {
        "true" => "yes".to_owned(),
        "false" => "no".to_owned(),
        other => other.replace('-', " "),
    };
    let known = question.options.iter().map(String::as_str).filter(|option| *option != DONT_KNOW);
    let options: Vec<&str> = known.chain([DONT_KNOW]).collect();
    html! {
        @if question.many {
            fieldset class="chips" {
                legend { (tame(&question.asks)) }
                @for option in &options {
                    label class="check" { input type="checkbox" name={ "severity." (question.name) "[]" } value=(option); span { (words(option)) } }
                }
            }
        } @else {
            label { span { (tame(&question.asks)) } select name={ "severity." (question.name) } {
                option value="" { "\u{2013}" }
                @for option in &options { option value=(option) { (words(option)) } }
            } }
        }
    }
}
