//! What has been sent to whom. An event that has been written is never changed; a kind that changes its shape gets a new version
//! in [`Note::VERSION`], and old ones must read for ever.

use crate::base::{
    EntryId, Person, Span,
    book::{self, Note},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// How an invitation stands.
    Invitation {
        /// After how many changes.
        sequence: u32,
        /// It does not take place.
        off: bool,
    },
    /// That it is near.
    Reminder {
        /// After how many changes.
        sequence: u32,
        /// How long before.
        before: Span,
    },
}

/// Which letter: to whom, and about which day of which entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Letter {
    /// To whom.
    pub to: Person,
    /// The entry.
    pub entry: EntryId,
    /// Its day.
    pub day: Date,
    /// What it says.
    pub what: What,
}

/// One letter more that nobody has to send again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Event {
    /// A mail server has taken it. Written behind that: whoever dies between the two sends it again.
    Sent(Letter),
    /// No mail server will ever take it.
    Refused {
        /// Which.
        letter: Letter,
        /// What the server said.
        why: String,
    },
}

/// An event of the book, as it was written.
pub type Noted = book::Noted<Event>;

impl Note for Event {
    const BOOK: &'static str = "post";
    const VERSION: u32 = 1;
}
