//! The pages of those who run drills: the list of drills, and the library with check and rehearsal.

use super::{editor, forms, html as answer, own, shell};
use crate::{
    base::limits,
    console::{
        api::{Answer, Visitor},
        lobby::Lobby,
        office::{self, DrillLine, DrillState, Rehearsal, Shelved},
        sessions::Place,
    },
    drill::event::Hat,
};
use axum::{
    Router,
    extract::{FromRequestParts, Path, Query, rejection::QueryRejection},
    http::request::Parts,
    response::Response,
    routing::get,
};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use std::sync::Arc;

const SCRIPT: &str = include_str!("lobby.js");

pub(in crate::console) fn router() -> Router<Arc<Lobby>> {
    Router::new()
        .route("/assets/lobby.js", get(|| async { super::asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/me", get(own::mine))
        .route("/drills", get(drills))
        .route("/drills/{drill}/debrief", get(debrief))
        .route("/library", get(library))
        .route("/programme", get(programme))
        .route("/library/edit", get(editor::edit))
        .route(
            "/assets/editor.js",
            get(|| async { super::asset("text/javascript; charset=utf-8", editor::SCRIPT) }),
        )
}

/// Somebody at a page of their own. For people of a drill it is not there.
pub(super) struct Guest(pub(super) Visitor);

/// Somebody at the list of drills. For everybody else it is not there.
pub(super) struct Host(pub(super) Visitor);

impl FromRequestParts<Arc<Lobby>> for Guest {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, lobby: &Arc<Lobby>) -> Result<Self, Answer> {
        let visitor = Visitor::from_request_parts(parts, lobby).await?;
        if visitor.caller.place == Place::Lobby { Ok(Self(visitor)) } else { Err(Answer::nothing_here()) }
    }
}

impl FromRequestParts<Arc<Lobby>> for Host {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, lobby: &Arc<Lobby>) -> Result<Self, Answer> {
        let Guest(visitor) = Guest::from_request_parts(parts, lobby).await?;
        if visitor.caller.hat.is_staff() { Ok(Self(visitor)) } else { Err(Answer::nothing_here()) }
    }
}

async fn drills(Host(visitor): Host) -> Result<Response, Answer> {
    let drills = visitor.office()?.drills().await?;
    let runs = visitor.caller.hat == Hat::Instigator;
    let main = html! {
        div class="reading" {
            div class="row" {
                h2 { "Drills" }
                @if runs { a class="button quiet" href="/library" { "Begin one from the library" } }
            }
            ul id="list" class="found" {
                @if drills.is_empty() { li class="card empty" { "No drill was run here yet." } }
                @for one in &drills { (drill(one, runs)) }
            }
            @if runs { section class="card" { h2 { "Who else takes part here" } (invite(None)) } }
        }
    };
    Ok(answer(&page(&visitor, "drills", "Drills", &main)))
}

fn drill(one: &DrillLine, runs: bool) -> Markup {
    let (kind, word) = match one.state {
        DrillState::Planned => ("waiting", "planned"),
        DrillState::Running => ("running", "running"),
        DrillState::Left => ("bad", "left unfinished"),
        DrillState::Over => ("", one.outcome.map_or("over", |outcome| outcome.as_str())),
        DrillState::Failed => ("bad", "failed"),
    };
    let debrief = format!("/drills/{}/debrief", one.drill);
    html! {
        li class="card plain" id=(one.drill) {
            div class="row" {
                h3 { (one.title) }
                span class={ "pill " (kind) } { (word) }
            }
            p class="soft" {
                (one.scenario) ", on " (one.target)
                @if let Some(when) = &one.when { ", " (when) }
                @else if let Some(start) = one.start { ", " time { (start.date()) " " (start.clock_time()) " UTC" } }
                ", " (one.drill)
            }
            @if let Some(note) = &one.note { p class="pill bad" { (note) } }
            @match one.state {
                DrillState::Planned if runs => {
                    (invite(Some(one)))
                    (postpone(one))
                    form class="inline" data-post="/api/call-off" {
                        input type="hidden" name="drill" value=(one.drill);
                        button class="quiet" { "Call it off" } output aria-live="polite" {}
                    }
                }
                DrillState::Running => {
                    form class="inline" data-post="/api/enter" {
                        input type="hidden" name="drill" value=(one.drill);
                        input type="hidden" name="cookie:flag" value="yes";
                        button class="primary" { "Take your seat" } output aria-live="polite" {}
                    }
                    @if runs { (invite(Some(one))) }
                }
                DrillState::Left => p class="soft" { "Take it back with " code { "gameday recover" } "." },
                DrillState::Over => p {
                    a href={ (debrief) "?form=html" } { "Debrief" } ", as "
                    a href={ (debrief) "?form=md" } { "Markdown" } " or " a href=(debrief) { "JSON" }
                },
                _ => {}
            }
        }
    }
}

/// Another moment for a planned drill, or now.
fn postpone(one: &DrillLine) -> Markup {
    html! {
        details class="more" {
            summary { "Move it" }
            form data-post="/api/postpone" {
                input type="hidden" name="drill" value=(one.drill);
                label {
                    span { "The outage begins" }
                    input name="at" maxlength="80" autocomplete="off" placeholder="now";
                    small { "Like 2026-12-01 14:00 Europe/Berlin. The moment is announced in this list." }
                }
                (forms::send("Move it", ""))
            }
        }
    }
}

/// Makes a personal link: to a drill, or to this list.
fn invite(drill: Option<&DrillLine>) -> Markup {
    html! {
        details class="more" {
            summary { "Invite somebody" }
            form data-post="/api/invitations" {
                @if let Some(one) = drill { input type="hidden" name="drill" value=(one.drill); }
                div class="two" {
                    label { span { "Name" } input name="person" required maxlength="64" autocomplete="off" autocapitalize="none" spellcheck="false"; }
                    label { span { "As" } select name="hat" { @for hat in [Hat::Responder, Hat::Observer, Hat::Trainer, Hat::Instigator] { option value=(hat) { (hat) } } } }
                }
                p class="soft" { "The link holds for 72 hours, lets one person in, and works once." }
                (forms::send("Make a link", ""))
                ul class="links plain" {}
            }
        }
    }
}

async fn library(Host(visitor): Host) -> Result<Response, Answer> {
    let scenarios = visitor.office()?.library().await?;
    visitor.lobby.audit.note(&visitor.caller, "read the library", "");
    let runs = visitor.caller.hat == Hat::Instigator;
    let main = html! {
        div class="reading" {
            div class="row" {
                h2 { "Library" }
                @if runs { (editor::begin()) }
            }
            p class="soft" { "Names and titles may hint at a cause: this page is for those who run drills, not for those who play." }
            ul class="found" { @for one in &scenarios { (scenario(one, runs)) } }
        }
    };
    Ok(answer(&page(&visitor, "library", "Library", &main)))
}

fn scenario(one: &Shelved, runs: bool) -> Markup {
    let good = one.problems.is_empty();
    html! {
        li class="card plain" {
            div class="row" {
                h3 { @if good { (one.title) } @else { (one.name) } }
                span {
                    @if good { span class="pill good" { "checked" } " " } @else { span class="pill bad" { "has problems" } " " }
                    @match &one.rehearsal {
                        Rehearsal::Holds => span class="pill good" { "rehearsed" },
                        Rehearsal::No(_) => span class="pill waiting" { "not rehearsed" },
                    }
                }
            }
            @if good {
                p class="soft" { (one.name) ", on " (one.target) ", difficulty " (one.difficulty) " of 5, par " (one.par) }
                @if let Rehearsal::No(why) = &one.rehearsal { p class="soft" { (why) } }
            } @else {
                @for problem in &one.problems { p { code { (problem) } } }
            }
            @if runs { (editor::ways(one)) }
            @if runs && good { (begin(one)) }
        }
    }
}

fn begin(one: &Shelved) -> Markup {
    html! {
        details class="more" {
            summary { "Begin a drill" }
            form data-post="/api/drills" {
                input type="hidden" name="scenario" value=(one.name);
                label {
                    span { "The outage begins" }
                    input name="at" maxlength="80" autocomplete="off" placeholder="as soon as the target is steady";
                    small { "Like 2026-12-01 14:00 Europe/Berlin" }
                }
                div class="two" {
                    label {
                        span { "Or a surprise in a week" }
                        input name="window" maxlength="80" autocomplete="off" placeholder="2026-W50 Europe/Berlin";
                    }
                    label {
                        span { "Or again and again" }
                        input name="every" maxlength="200" autocomplete="off" placeholder="1st tue 14:00 Europe/Berlin";
                        small { "Or 1st,15th 10:00 UTC, or last day 10:00 UTC" }
                    }
                    label { span { "Hours of a surprise" } input name="hours" maxlength="20" autocomplete="off" placeholder="09:00-17:00"; }
                    label { span { "Holidays of that week" } input name="holidays:names" autocomplete="off" placeholder="2026-12-08"; }
                    label { span { "Last day of a series" } input name="until" maxlength="20" autocomplete="off" placeholder="2027-06-30"; }
                    label { span { "Or how many times" } input name="times:number" type="number" min="1" max=(limits::SERIES_TIMES_MAX); }
                }
                div class="two" {
                    label { span { "Who plays" } input name="responders:names" autocomplete="off" placeholder="ana, ben"; }
                    label { span { "Who else runs it" } input name="instigators:names" autocomplete="off"; }
                }
                label {
                    span { "Which variant, if it has some" }
                    input name="variant" maxlength="80" autocomplete="off";
                    small { "One is drawn unless you name one. Nobody who plays is shown its name" }
                }
                p class="soft" { "Each gets a personal link. Without names, whoever is invited later may play." }
                label class="check" { input type="checkbox" name="code_blue:flag"; span { "Code Blue: everybody is called when it begins, and nobody is named" } }
                label {
                    span { "Or who is on when, in a long drill: a line for each shift" }
                    textarea name="shifts:lines" rows="2" maxlength="2000" placeholder="0s ana, ben\n2h cem, dia" {}
                }
                label class="check" { input type="checkbox" name="autopilot:flag"; span { "The scenario\u{2019}s own responders play" } }
                @if let Rehearsal::No(_) = one.rehearsal {
                    label { span { "Why it is played without a rehearsal" } input name="unrehearsed" maxlength="500" autocomplete="off"; }
                }
                (forms::send("Begin", "primary"))
                ul class="links plain" {}
            }
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    form: String,
}

async fn debrief(
    Host(visitor): Host,
    Path(drill): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Answer> {
    let Query(asked) = asked?;
    office::debrief(&visitor, &drill, &asked.form).await
}

/// A document of its own, like a debrief.
async fn programme(Host(visitor): Host) -> Result<Response, Answer> {
    office::programme(&visitor, "html").await
}

pub(super) fn page(visitor: &Visitor, here: &str, title: &str, main: &Markup) -> Markup {
    let pages: &[(&str, &str)] = if visitor.caller.hat.is_staff() {
        &[("drills", "Drills"), ("library", "Library"), ("programme", "Programme"), ("me", "You")]
    } else {
        &[("me", "You")]
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            (shell::head(&format!("Gameday: {title}"), "/assets/lobby.js"))
            body class="lobby" data-page=(here) {
                a class="skip" href="#main" { "To the page" }
                header class="bar" {
                    div class="name" { h1 { "Gameday" } }
                    nav aria-label="Pages" {
                        @for (path, name) in pages {
                            a href={ "/" (path) } aria-current=[(*path == here).then_some("page")] { (name) }
                        }
                    }
                    details class="menu" {
                        summary { b { (visitor.caller.person) } span class="soft" { (visitor.caller.hat) } }
                        div class="sheet" {
                            p class="pages" { @for (path, name) in pages { a href={ "/" (path) } { (name) } } }
                            form data-post="/api/leave" data-then="/" {
                                button class="wide quiet" { "Leave on this device" } output aria-live="polite" {}
                            }
                        }
                    }
                }
                p id="note" class="note" role="status" aria-live="polite" hidden {}
                main id="main" { (main) }
                noscript { p class="note bad" { "Without its script this page neither moves nor sends." } }
            }
        }
    }
}
