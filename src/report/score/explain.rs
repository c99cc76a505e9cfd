//! One check in full: its formula, the numbers that went in, and the events that show them.

use super::{Check, Score};
use crate::{
    base::At,
    report::{
        journal::Journal,
        wording::{self, events, formulas},
    },
};
use serde::Serialize;

/// Most characters of an event that has no sentence of its own.
const RAW_CHARS_MAX: usize = 160;

/// What a check rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The check.
    pub check: Check,
    /// How it is reckoned, in words.
    pub formula: String,
    /// The events that show it.
    pub evidence: Vec<EvidenceLine>,
}

/// An event that a check rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceLine {
    /// Its number in the journal.
    pub seq: u64,
    /// When.
    pub at: At,
    /// The same, from StartEx.
    pub offset: String,
    /// In words.
    pub text: String,
}

/// Explains the check of that id; nothing when the score has none. `score` is of this journal.
pub fn explain(journal: &Journal<'_>, score: &Score, id: &str) -> Option<Explanation> {
    let check = score.check(id)?.clone();
    let of = |seq: &u64| journal.events().get(usize::try_from(*seq).ok()?);
    let evidence = check
        .evidence
        .iter()
        .filter_map(of)
        .map(|recorded| EvidenceLine {
            seq: recorded.seq,
            at: recorded.at,
            offset: journal.offset(recorded.at),
            text: events::line(journal.plan(), &recorded.event)
                .unwrap_or_else(|| wording::cut(&wording::tame(&recorded.to_line()), RAW_CHARS_MAX)),
        })
        .collect();
    Some(Explanation { formula: formulas::formula(id).unwrap_or_default().to_owned(), check, evidence })
}
