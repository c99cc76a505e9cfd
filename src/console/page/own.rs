//! One's own page: the comcheck, what one may go into, and what one may sign up for.

use super::{
    forms, html as answer,
    lobby::{Guest, page},
};
use crate::{
    console::{
        api::Answer,
        own::{self, Mine, Needed, OwnDrill},
    },
    drill::event::Hat,
};
use axum::response::Response;
use maud::{Markup, html};

pub(super) async fn mine(Guest(visitor): Guest) -> Result<Response, Answer> {
    let hat = visitor.caller.hat;
    let Mine { open, own, .. } = own::look(&visitor).await?;
    let main = html! {
        div class="reading" {
            h2 { "Your game days" }
            div id="list" {
                section class="card" {
                    div class="row" {
                        h3 { "Can you be reached?" }
                        @match own.answered {
                            Some(at) => span class="pill good" { "answered " time { (at.date()) " " (at.clock_time()) " UTC" } },
                            None => span class="pill waiting" { "not answered yet" },
                        }
                    }
                    p class="soft" { "A page that nobody gets is no page. Answer here, where you would answer in an outage." }
                    form class="inline" data-post="/api/answer" {
                        button class="primary" { "I am here" } output aria-live="polite" {}
                    }
                }
                @for one in &open {
                    section class="card" {
                        div class="row" {
                            h3 { "A drill on " (one.target) }
                            span class="pill running" { "running" }
                        }
                        form class="inline" data-post="/api/enter" {
                            input type="hidden" name="drill" value=(one.drill);
                            input type="hidden" name="cookie:flag" value="yes";
                            button class="primary" { "Take your seat" } output aria-live="polite" {}
                        }
                    }
                }
                h2 { "Planned" }
                @if own.planned.is_empty() { p class="soft" { "Nothing is planned." } }
                ul class="found" { @for one in &own.planned { (planned(one, hat)) } }
            }
            p class="soft" { "What breaks is not told before. Nobody is graded by name." }
        }
    };
    Ok(answer(&page(&visitor, "me", "Your game days", &main)))
}

fn planned(one: &OwnDrill, hat: Hat) -> Markup {
    html! {
        li class="card plain" {
            div class="row" {
                h3 { "On " (one.target) }
                @if one.soon { span class="pill running" { "being made ready" } }
                @if let Some(side) = one.side { span class="pill good" { "you are " (side) } }
            }
            p { (one.when) ", at most " (one.minutes) " minutes" }
            (who(one))
            @if let Some(within) = one.comcheck {
                p class="soft" { "It begins only when each responder has answered the comcheck within " (within) " before" }
            }
            @if one.soon {
                p class="soft" { "It opens here in a moment." }
            } @else if one.code_blue && hat == Hat::Responder {
                p class="soft" { "Nobody has to sign up: your seat opens here." }
            } @else if one.side.is_some() {
                form class="inline" data-post="/api/withdraw" { (which(one)) button class="quiet" { "Withdraw" } output aria-live="polite" {} }
            } @else {
                form data-post="/api/sign-up" {
                    (which(one))
                    @if hat == Hat::Responder { @for needed in &one.prerequisites { (prerequisite(needed)) } }
                    (forms::send(&format!("Sign up as {hat}"), ""))
                }
            }
        }
    }
}

fn who(one: &OwnDrill) -> Markup {
    html! {
        @if one.code_blue {
            p class="soft" { "Code Blue: everybody is called when it begins" }
        } @else if !one.shifts.is_empty() {
            ul class="plain soft" { @for shift in &one.shifts {
                li { (shift.told()) }
            } }
        } @else {
            p class="soft" {
                @if let Some((least, most)) = one.needed {
                    "Needs " (least) @if most != least { " to " (most) } " responders; so far "
                } @else { "Responders so far: " }
                @if one.responders.is_empty() { "nobody" }
                @for (place, person) in one.responders.iter().enumerate() { @if place > 0 { ", " } (person) }
            }
        }
    }
}

fn which(one: &OwnDrill) -> Markup {
    html! {
        input type="hidden" name="entry" value=(one.entry);
        input type="hidden" name="day" value=(one.day);
    }
}

fn prerequisite(needed: &Needed) -> Markup {
    html! {
        @if needed.attested {
            p class="soft" { "You have " (needed.id) ": " (needed.says) }
        } @else {
            label class="check" {
                input type="checkbox" name="attest:each" value=(needed.id);
                span { "I have " (needed.id) ": " (needed.says) }
            }
        }
    }
}
