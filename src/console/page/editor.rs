//! The editor of a scenario: its text with every mistake at its line, and its plan as a picture.

use super::{
    html as answer,
    lobby::{Host, page},
    msel,
};
use crate::{
    base::names::is_name,
    console::{
        api::Answer,
        editor::{self, Checked, Draft, TOLD_MAX},
        office::Shelved,
    },
    drill::event::Hat,
    library::template::template,
    report::wording::tame,
    scenario::problem::Problem,
};
use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

pub(super) const SCRIPT: &str = include_str!("editor.js");
/// What a name may look like.
const NAME: &str = "[A-Za-z0-9][A-Za-z0-9._\\-]*";
/// The title of a new scenario.
const TITLE: &str = "Something is wrong";

/// What is opened: a scenario, a copy of one, or a new one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    scenario: String,
    copy: String,
    new: String,
}

/// A text on its way into the editor.
struct Opened {
    name: String,
    text: String,
    /// The file that it is of; a new one has none.
    of: Option<Draft>,
}

pub(super) async fn edit(
    Host(visitor): Host,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Answer> {
    if visitor.caller.hat != Hat::Instigator {
        return Err(Answer::nothing_here());
    }
    let Query(asked) = asked?;
    let opened = match (asked.scenario.as_str(), asked.copy.as_str()) {
        ("", "") => {
            let name = if is_name(&asked.new) { asked.new.as_str() } else { "new-scenario" };
            Opened { name: name.to_owned(), text: template(name, TITLE), of: None }
        }
        ("", copy) => {
            let draft = editor::draft(&visitor, copy).await?;
            let bare = draft.scenario.rsplit('/').next().unwrap_or_default();
            Opened { name: format!("{bare}-copy"), text: draft.text, of: None }
        }
        (scenario, _) => {
            let draft = editor::draft(&visitor, scenario).await?;
            Opened { name: draft.scenario.clone(), text: draft.text.clone(), of: Some(draft) }
        }
    };
    let known = opened.of.as_ref().map(|draft| draft.scenario.clone());
    // Where it cannot be checked now, the page asks again.
    let checked = visitor.office()?.check(known, opened.text.clone()).await.ok();
    let main = html! {
        div class="editor" { (text(&opened)) (findings(checked.as_ref())) }
        script src="/assets/editor.js" defer {}
    };
    Ok(answer(&page(&visitor, "library", &opened.name, &main)))
}

fn text(opened: &Opened) -> Markup {
    let fixed = opened.of.as_ref().is_some_and(|draft| !draft.own);
    let digest = opened.of.as_ref().map(|draft| draft.digest.as_str());
    html! {
        form id="edit" class="card editing" data-digest=[digest] {
            div class="row" {
                @if fixed {
                    div { h2 { (opened.name) } p class="soft" { "Comes with the program, and stays as it is" } }
                    a class="button quiet" href=(address("copy", &opened.name)) { "Copy to edit" }
                } @else {
                    label class="named" {
                        span { "Name" }
                        input id="name" name="scenario" value=(opened.name) required maxlength="64" pattern=(NAME)
                            readonly[opened.of.is_some()] autocomplete="off" autocapitalize="none" spellcheck="false";
                    }
                    div class="keeping" {
                        span id="dirty" class="pill waiting" hidden[opened.of.is_some()] { "not saved" }
                        button class="primary" { "Save" }
                    }
                }
            }
            output id="kept" role="status" {}
            div class="code" {
                div id="numbers" class="numbers" aria-hidden="true" {}
                div class="text" {
                    pre id="marks" class="marks" aria-hidden="true" {}
                    // A browser drops the first line's end.
                    textarea id="text" wrap="off" readonly[fixed] aria-label={ "Text of " (opened.name) } aria-describedby="keys"
                        autocomplete="off" autocapitalize="none" spellcheck="false" { "\n" (opened.text) }
                }
            }
            p id="keys" class="soft" {
                @if !fixed { kbd { "Ctrl" } " " kbd { "S" } " saves, " }
                kbd { "F8" } " goes to the next problem, " kbd { "Tab" } " moves on. It holds the answers: keep this page from those who play."
            }
        }
    }
}

fn findings(checked: Option<&Checked>) -> Markup {
    let plan = checked.and_then(plan);
    html! {
        div class="findings" tabindex="0" role="group" aria-label="Check and plan" {
            section class="card" aria-labelledby="h-problems" {
                h2 id="h-problems" { "Check" }
                p id="state" class={ "state" @if checked.is_some_and(|one| one.problems.is_empty()) { " good" } }
                    role="status" aria-live="polite" data-checked[checked.is_some()] {
                    @match checked { Some(checked) => (says(checked)), None => "Not checked yet." }
                }
                p id="at" class="hush" role="status" {}
                ol id="problems" class="problems" { @if let Some(checked) = checked { (list(checked)) } }
            }
            section class="card" aria-labelledby="h-msel" {
                h2 id="h-msel" { "The plan" }
                p id="old" class="soft" hidden[plan.is_some()] { "It is drawn as soon as the text has no problem." }
                div id="plan" { @if let Some(plan) = plan { (plan) } }
            }
        }
    }
}

/// What a check comes to.
pub(in crate::console) fn says(checked: &Checked) -> String {
    let place = match checked.problems.first() {
        None => return "No problems.".to_owned(),
        Some(first) if first.line > 0 && first.file == checked.file => {
            format!(", the first in line {}", first.line)
        }
        Some(_) => String::new(),
    };
    match checked.problems.len() {
        1 => format!("One problem{}.", place.replace(", the first", "")),
        many => format!("{many} problems{place}."),
    }
}

/// Mistakes, each with a way to its line.
pub(in crate::console) fn list(checked: &Checked) -> Markup {
    let own = |problem: &Problem| problem.file == checked.file;
    let more = checked.problems.len().saturating_sub(TOLD_MAX);
    html! {
        @for problem in checked.problems.iter().take(TOLD_MAX) {
            li {
                @if own(problem) && problem.line > 0 {
                    button type="button" data-line=(problem.line) data-column=(problem.column) data-width=(problem.width) {
                        span class="tag" { "Line " (problem.line) } " " (tame(&problem.message))
                    }
                } @else {
                    p { span class="tag" { @if own(problem) { "Whole file" } @else { (elsewhere(problem)) } } " " (tame(&problem.message)) }
                }
                @if let Some(help) = &problem.help { p class="soft" { (tame(help)) } }
            }
        }
        @if more > 0 { li { p class="soft" { (more) " more" } } }
    }
}

/// The place of a mistake in another file than the text.
fn elsewhere(problem: &Problem) -> String {
    let file = tame(problem.file.rsplit('/').next().unwrap_or_default());
    if problem.line > 0 { format!("{file}, line {}", problem.line) } else { file }
}

/// The plan as a picture; nothing while there are mistakes.
pub(in crate::console) fn plan(checked: &Checked) -> Option<Markup> {
    checked.plan.as_ref().map(|plan| msel::picture(plan, None))
}

/// A new scenario, from the library.
pub(super) fn begin() -> Markup {
    html! {
        form class="inline" action="/library/edit" method="get" {
            label { span class="hush" { "Name of a new scenario" }
                input name="new" required maxlength="64" pattern=(NAME) placeholder="its-name" autocomplete="off" autocapitalize="none" spellcheck="false"; }
            button class="quiet" { "New scenario" }
        }
    }
}

/// Ways from the library to a text.
pub(super) fn ways(one: &Shelved) -> Markup {
    html! {
        p class="ways" {
            a href=(address("scenario", &one.name)) { @if one.own { "Edit" } @else { "Read" } span class="hush" { " " (one.name) } }
            a href=(address("copy", &one.name)) { "Copy to edit" span class="hush" { ": " (one.name) } }
        }
    }
}

fn address(what: &str, name: &str) -> String {
    format!("/library/edit?{what}={}", super::escaped(name))
}
