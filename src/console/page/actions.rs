//! The action list: what is to be done, and whose it is. And who was called in.

use super::{Look, forms, line, parts};
use crate::{
    drill::event::Hat,
    report::{board::BoardAction, wording::tame},
    scenario::act::{Pager, Role},
};
use maud::{Markup, html};

/// Closed actions that are shown.
const CLOSED: usize = 8;

pub(super) fn actions(look: &Look<'_>) -> Markup {
    let (open, closed): (Vec<_>, Vec<_>) = look.board.actions.iter().partition(|one| one.closed.is_none());
    let skipped = closed.len().saturating_sub(CLOSED);
    html! {
        (parts::heading("actions", "Actions"))
        @if open.is_empty() { p class="empty" { "Nothing is to be done." } }
        ul class="actions" { @for one in open { (one_action(look, one)) } }
        @if look.plays() { (add(look)) }
        @if !closed.is_empty() {
            details class="more" id="actions-closed" {
                summary { (closed.len()) " closed" }
                ul class="actions" { @for one in &closed[skipped..] { (one_action(look, one)) } }
            }
        }
    }
}

fn one_action(look: &Look<'_>, one: &BoardAction) -> Markup {
    let mine = one.owner.as_deref().is_some_and(|owner| is_mine(look, owner));
    html! {
        li id={ "action-" (one.number) } class={ @if one.closed.is_some() { "closed" } @if mine { " mine" } } {
            span class="number" { (one.number) }
            div {
                p { (tame(&one.text)) }
                p class="soft" {
                    @match (&one.closed, &one.owner) {
                        (Some((at, true)), _) => { "done " (line::time(*at)) },
                        (Some((at, false)), _) => { "dropped " (line::time(*at)) },
                        (None, Some(owner)) => b { (tame(owner)) },
                        (None, None) => span class="wanted" { "nobody\u{2019}s yet" },
                    }
                }
                @if look.plays() && one.closed.is_none() {
                    details class="more" {
                        summary { "Give to, drop" }
                        form data-post="/api/act" class="inline" {
                            input type="hidden" name="action.assign.action:number" value=(one.number);
                            label { span class="hush" { "To" } select name="action.assign.owner" required { (owners(look)) } }
                            button class="quiet" { "Give" } output role="status" {}
                        }
                        form data-post="/api/act" class="inline" {
                            input type="hidden" name="action.drop.action:number" value=(one.number);
                            button class="quiet" { "Drop it" } output role="status" {}
                        }
                    }
                }
            }
            @if look.plays() && one.closed.is_none() {
                form data-post="/api/act" class="inline" {
                    input type="hidden" name="action.done.action:number" value=(one.number);
                    button class="quiet" aria-label={ "Action " (one.number) " is done" } { "Done" } output role="status" {}
                }
            }
        }
    }
}

/// Whether somebody owns it, by name or by a role.
fn is_mine(look: &Look<'_>, owner: &str) -> bool {
    let me = &look.caller.person;
    let by_role =
        look.board.roles.iter().any(|one| one.role.as_str() == owner && one.holder.as_ref() == Some(me));
    owner == me.as_str() || by_role
}

fn owners(look: &Look<'_>) -> Markup {
    html! {
        @for (person, hat) in &look.board.people { @if *hat == Hat::Responder { option value=(person) { (person) } } }
        @for role in Role::ALL { option value=(role) { (parts::role_name(role)) } }
    }
}

fn add(look: &Look<'_>) -> Markup {
    html! {
        form data-post="/api/act" class="add" id="add-action" {
            label { span class="hush" { "What is to be done" }
                input name="action.add.text" required maxlength="400" autocomplete="off" placeholder="Something to be done"; }
            label { span class="hush" { "Whose it is" }
                select name="action.add.owner" { option value="" { "whose?" } (owners(look)) } }
            button class="quiet" { "Add" } output role="status" {}
        }
    }
}

/// Who was called in, the newest first; nothing before anybody was.
pub(super) fn called_in(look: &Look<'_>) -> Markup {
    html! {
        @if !look.board.pages.is_empty() {
            h3 { "Called in" }
            ul class="plain" {
                @for one in look.board.pages.iter().rev() {
                    li {
                        span class="pill bad" { (one.with.as_str()) } " " (one.with.reaches()) ": " (tame(&one.text))
                        span class="soft" { " " (one.by) ", " span data-age=(one.at.millis()) { (one.at.clock_time()) } }
                    }
                }
            }
        }
    }
}

/// Calls people in.
pub(super) fn page() -> Markup {
    html! {
        form data-post="/api/act" {
            fieldset class="pagers" {
                legend { "Whom" }
                @for (pager, name, note) in [
                    (Pager::Klaxon, "Klaxon", "the on-call"),
                    (Pager::Batphone, "Batphone", "everybody: nobody is on call, or too few"),
                ] {
                    label class="check" {
                        input type="radio" name="page.with" value=(pager.as_str()) checked[pager == Pager::Klaxon] required;
                        span { b { (name) } " " small { (note) } }
                    }
                }
            }
            label { span { "What they are needed for" } textarea name="page.text" rows="2" required maxlength="2000"
                placeholder="Uploads fail for a third of users; we need somebody who knows the metadata service" {} }
            p class="soft small" { "It goes out by every route of the drill, marked EXERCISE. To call early is never wrong." }
            (forms::send("Page them", "danger"))
        }
    }
}
