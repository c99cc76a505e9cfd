//! What there is to read: the documentation catalogue, the status page as users see it, and the debrief.

use super::{Look, Visit, html as answer, parts, shell};
use crate::{
    console::{api::Answer, documents},
    report::{Journal, board::Phase, render},
    scenario::pack::CatalogueKind,
};
use axum::{
    extract::{Query, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

/// A debrief holds its own style, and no script.
const DEBRIEF: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    q: String,
    name: String,
    form: String,
}

type Given = Result<Query<Asked>, QueryRejection>;

fn kind(kind: CatalogueKind) -> &'static str {
    match kind {
        CatalogueKind::Man => "manual page",
        CatalogueKind::Doc => "document",
        CatalogueKind::ToolHelp => "help of a tool",
        CatalogueKind::Source => "source",
        CatalogueKind::File => "file",
        CatalogueKind::Dashboard => "dashboard",
    }
}

fn search_field(look: &Look<'_>, query: &str) -> Markup {
    html! {
        form class="search" role="search" action={ "/" (look.caller.hat) "/docs" } {
            label { span class="hush" { "Search the documents" }
                input type="search" id="search" name="q" value=(query) maxlength="200" autocomplete="off" placeholder="Search the documents"; }
            button class="primary" { "Search" }
        }
    }
}

pub(super) async fn search(visit: Visit, given: Given) -> Result<Response, Answer> {
    let Query(asked) = given?;
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let found = visit.console.documents.search(&look.plan.catalogue, &asked.q);
    let main = html! {
        div class="reading" {
            (search_field(&look, &asked.q))
            p class="soft" {
                @if asked.q.trim().is_empty() { (found.len()) " documents of this target" }
                @else if found.is_empty() { "Nothing holds all of these words. Try fewer." }
                @else { (found.len()) " found" }
            }
            ul class="found" {
                @for one in &found {
                    li class="card" {
                        a href=(look.document(&one.entry.name, "")) { (one.entry.title) }
                        p class="soft" { (one.entry.name) ", " (kind(one.entry.kind)) }
                        @if let Some(excerpt) = &one.excerpt { p { "\u{2026} " (excerpt) } }
                    }
                }
            }
        }
    };
    Ok(answer(&shell::page(&look, "/docs", &main)))
}

pub(super) async fn read(visit: Visit, given: Given) -> Result<Response, Answer> {
    let Query(asked) = given?;
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let entry = look.plan.catalogue.iter().find(|entry| entry.name == asked.name);
    let entry = entry.ok_or_else(Answer::nothing_here)?;
    let address = |path: &str, anchor: &str| {
        let end = path.trim_start_matches("./").trim_start_matches("../");
        let other = look.plan.catalogue.iter().find(|one| one.address == end || one.name == end)?;
        Some(look.document(&other.name, anchor))
    };
    let main = html! {
        div class="reading" {
            (search_field(&look, ""))
            article class="card document" {
                p class="soft" { (entry.name) ", " (kind(entry.kind)) }
                @match visit.console.documents.text(entry) {
                    Some(text) => (documents::render(text, entry, address)),
                    None => p { "This document is not here as it was when the catalogue was made, and is not shown." },
                }
            }
        }
    };
    Ok(answer(&shell::page(&look, "/docs", &main)))
}

pub(super) async fn status(visit: Visit) -> Result<Response, Answer> {
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let main = html! {
        div class="reading" {
            p class="soft" { "What users read: status updates that are sent to them." }
            (parts::place("public", "card publication", &parts::public(&look)))
        }
    };
    Ok(answer(&shell::page(&look, "/status", &main)))
}

/// The debrief as it would be now: for those who run the drill at any time, for everybody once it is closed.
pub(super) async fn debrief(visit: Visit, given: Given) -> Result<Response, Answer> {
    let Query(asked) = given?;
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let runs_it = visit.caller.hat.is_staff();
    if !runs_it && look.board.phase != Phase::Closed {
        return Err(Answer::nothing_here());
    }
    let journal = Journal::new(&snapshot.events).map_err(|_| Answer::not_planned())?;
    let debrief = visit.caller.debrief(&journal);
    let (kind, bytes) = match asked.form.as_str() {
        "" | "html" => ("text/html; charset=utf-8", render::html(&debrief).into_bytes()),
        "md" => ("text/markdown; charset=utf-8", render::markdown(&debrief).into_bytes()),
        "pdf" => ("application/pdf", render::Document::of(&debrief).pdf()),
        "json" => ("application/json", render::json(&debrief).into_bytes()),
        _ => return Err(Answer::nothing_here()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, DEBRIEF)], bytes).into_response())
}
