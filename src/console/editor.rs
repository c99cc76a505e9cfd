//! The editor of a server: a scenario's text as it is opened, what `gameday check` finds in it, and how it is kept. Only
//! those who run drills come here; a text holds every answer.

use super::{
    api::{Answer, Visitor},
    office::Lesson,
    page,
};
use crate::{base::limits::FILE_BYTES_MAX, drill::plan::Plan, scenario::problem::Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most bytes of a request with a scenario's text: JSON writes a line's end and a quotation mark as two.
pub(super) const BODY_BYTES_MAX: usize = 2 * FILE_BYTES_MAX + 4096;
/// Mistakes that are told at once.
pub(super) const TOLD_MAX: usize = 200;

/// A scenario as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Draft {
    /// What a drill of it is begun by.
    pub scenario: String,
    /// Where it lies.
    pub file: String,
    /// What stands in the file.
    pub text: String,
    /// The file's digest, by which a later one is told from it.
    pub digest: String,
    /// Whether it may be edited; one that comes with the program stays as it is.
    pub own: bool,
}

/// What is found in a text.
#[derive(Debug, Clone)]
pub struct Checked {
    /// How the text's own file is named in its mistakes; others are of files that it names.
    pub file: String,
    /// Every mistake.
    pub problems: Vec<Problem>,
    /// What a drill of it would do; nothing while there are mistakes.
    pub plan: Option<Plan>,
}

/// A text that somebody wants checked.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckAsk {
    /// The scenario whose text it is; nothing: a new one.
    #[serde(default)]
    scenario: Option<String>,
    text: String,
}

/// A text that somebody wants kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The scenario's name.
    pub scenario: String,
    /// What is to stand in its file.
    pub text: String,
    /// The digest of what was opened; nothing: there must be no such scenario yet.
    #[serde(default)]
    pub was: Option<String>,
}

/// A text that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kept {
    /// The scenario's name.
    pub scenario: String,
    /// Where it lies.
    pub file: String,
    /// The digest of the file.
    pub digest: String,
    /// How many mistakes it has: no drill begins with one.
    pub problems: usize,
}

/// What is found, for programs and for the page.
#[derive(Serialize, JsonSchema)]
pub(super) struct Found {
    ok: bool,
    /// Every mistake, as `gameday check --json` tells it.
    problems: Vec<Problem>,
    /// How many there are beside those.
    more: usize,
    /// The sum, in a sentence.
    says: String,
    /// The mistakes as the page lists them.
    shown: String,
    /// The plan as a picture; nothing while there are mistakes.
    plan: Option<String>,
}

pub(super) async fn draft(visitor: &Visitor, scenario: &str) -> Result<Draft, Answer> {
    let draft = visitor.office()?.draft(scenario).await?;
    visitor.office()?.learn(&visitor.caller.person, Lesson::Read(&draft.scenario)).await?;
    visitor.lobby.audit.note(&visitor.caller, "read a scenario", &draft.scenario);
    Ok(draft)
}

pub(super) async fn check(visitor: Visitor, asked: CheckAsk) -> Result<Found, Answer> {
    let mut checked = visitor.office()?.check(asked.scenario, asked.text).await?;
    let (says, shown) = (page::editor::says(&checked), page::editor::list(&checked).0);
    let plan = page::editor::plan(&checked).map(|markup| markup.0);
    let more = checked.problems.len().saturating_sub(TOLD_MAX);
    checked.problems.truncate(TOLD_MAX);
    Ok(Found { ok: checked.problems.is_empty(), problems: checked.problems, more, says, shown, plan })
}

pub(super) async fn keep(visitor: Visitor, asked: Keep) -> Result<Kept, Answer> {
    let kept = visitor.office()?.keep(asked).await?;
    visitor.office()?.learn(&visitor.caller.person, Lesson::Wrote(&kept.scenario)).await?;
    visitor.lobby.audit.note(&visitor.caller, "wrote a scenario", &kept.scenario);
    Ok(kept)
}
