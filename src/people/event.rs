//! What happens in the book of people. An event that has been written is never changed; a kind that changes its shape gets a
//! new version in [`Note::VERSION`], and old ones must read for ever.

use super::{About, How};
use crate::base::{
    DrillId, Person,
    book::{self, Note},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One change of what is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Event {
    /// Somebody is known from now on.
    Added {
        /// Who.
        person: Person,
        /// What is known.
        about: About,
        /// Who said so.
        by: Person,
    },
    /// Something else is known.
    Changed {
        /// Of whom.
        person: Person,
        /// All that is known now.
        about: About,
        /// Who said so.
        by: Person,
    },
    /// Somebody is not known any more.
    Removed {
        /// Who.
        person: Person,
        /// Who wanted it.
        by: Person,
    },
    /// Somebody knows an answer.
    Exposed {
        /// Who.
        person: Person,
        /// Of which family of scenarios.
        family: String,
        /// How they came to know it.
        how: How,
        /// Of which drill they read, if that is how.
        drill: Option<DrillId>,
        /// What is to be remembered of it.
        note: Option<String>,
        /// Who said so; nothing: the program saw it.
        by: Option<Person>,
    },
    /// Somebody can be reached: they have answered a comcheck.
    Answered {
        /// Who.
        person: Person,
        /// Who says so; themselves, mostly.
        by: Person,
    },
    /// Who has come to know the answer of a drill, as its journal tells it.
    TakenIn {
        /// The drill.
        drill: DrillId,
        /// The family of its scenario.
        family: String,
        /// Who, and how: all of them.
        who: BTreeMap<Person, How>,
        /// How long its journal was, if it was over: trainers may still come to the talk.
        events: Option<u64>,
    },
}

/// An event of the book, as it was written.
pub type Noted = book::Noted<Event>;

impl Note for Event {
    const BOOK: &'static str = "people";
    const VERSION: u32 = 1;
}
