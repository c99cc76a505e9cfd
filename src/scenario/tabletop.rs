//! A table-top: situations without a target, one's own answer first, and then guidance and points to talk about.

use super::act::Role;
use serde::Serialize;

/// A table-top that passed every check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableTop {
    /// The file's stem: `first-alarm`.
    pub name: String,
    /// One line.
    pub title: String,
    /// What it is about, in a sentence or two; may be empty.
    pub summary: String,
    /// 1 (before the first shift) to 5 (experts).
    pub level: u8,
    /// The roles that it teaches.
    pub roles: Vec<Role>,
    /// What is asked, in order.
    pub questions: Vec<Question>,
}

/// One situation with its question. Nobody reads guidance and discussion before an answer is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// What is the case.
    pub situation: String,
    /// What is asked.
    pub question: String,
    /// Answers that somebody might give. None of them is marked as right.
    pub offered: Vec<String>,
    /// What experience says, told after the answer.
    pub guidance: String,
    /// What to talk or think about then.
    pub discussion: Vec<String>,
    /// Where to read on: a page and its heading, or an address.
    pub pointers: Vec<String>,
}
