//! What happens in the book of people. An event that has been written is never changed; a kind that changes its shape gets a
//! new version in [`Note::VERSION`], and old ones must read for ever.

use super::About;
use crate::base::{
    Person,
    book::{self, Note},
};
use serde::{Deserialize, Serialize};

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
}

/// An event of the book, as it was written.
pub type Noted = book::Noted<Event>;

impl Note for Event {
    const BOOK: &'static str = "people";
    const VERSION: u32 = 1;
}
