//! The structs of a table-top's file, field by field; `docs/tabletops.md` explains the same with an example.

use super::Placed;
use crate::scenario::act::Role;
use schemars::JsonSchema;
use serde::Deserialize;

/// The value of `format` in a table-top's file.
pub const TABLETOP_FORMAT: &str = "gameday/tabletop/v1";
/// What the value of `format` begins with in every version.
const TABLETOP_FORMATS: &str = "gameday/tabletop/";

/// A table-top: situations without a target, discussed with the guidance told after the answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableTopFile {
    /// Always `gameday/tabletop/v1`.
    pub format: Placed<String>,
    /// One line.
    pub title: Placed<String>,
    /// What it is about, in a sentence or two.
    #[serde(default)]
    pub summary: Option<Placed<String>>,
    /// From 1 (before the first shift) to 5 (experts).
    pub level: Placed<u8>,
    /// The roles that it teaches.
    pub roles: Placed<Vec<Placed<Role>>>,
    /// What is asked, in order.
    pub questions: Placed<Vec<Placed<TableTopQuestionFile>>>,
}

/// One situation with its question.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableTopQuestionFile {
    /// What is the case: where one is, what one sees, who is there.
    pub situation: Placed<String>,
    /// What is asked.
    pub question: Placed<String>,
    /// Answers that somebody might give, without a verdict: none, or at least two.
    #[serde(default)]
    pub offered: Vec<Placed<String>>,
    /// What experience says. Nobody reads it before an answer is given.
    pub guidance: Placed<String>,
    /// What to talk or think about after the guidance. At least one point.
    pub discussion: Placed<Vec<Placed<String>>>,
    /// Where to read on: a page with its heading (`responders.md#decide`), or an address.
    #[serde(default)]
    pub pointers: Vec<Placed<String>>,
}

/// Whether a file says that it is a table-top, be the rest of it as broken as it may.
pub fn is_tabletop(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let format = text.trim_start_matches('\u{feff}').lines().find_map(|line| line.strip_prefix("format:"));
    format.is_some_and(|value| value.trim().trim_start_matches(['"', '\'']).starts_with(TABLETOP_FORMATS))
}
