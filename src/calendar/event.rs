//! What happens on a calendar. An event that has been written is never changed; a kind that changes its shape gets a new
//! version in [`Note::VERSION`], and old ones must read for ever.

use super::{
    entry::{Entry, Side},
    moment::Moment,
};
use crate::base::{
    At, DrillId, EntryId, Person,
    book::{self, Note},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One change of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Event {
    /// Somebody has planned something.
    Planned {
        /// What.
        entry: Box<Entry>,
        /// Who.
        by: Person,
    },
    /// One day takes place at another moment, which is announced.
    Moved {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// The new moment.
        to: Moment,
        /// Who moved it.
        by: Person,
    },
    /// One day is to begin as soon as its target is steady.
    Hastened {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// When that was asked for.
        at: At,
        /// Who wants it.
        by: Person,
    },
    /// It does not take place.
    Cancelled {
        /// The entry.
        entry: EntryId,
        /// Its day; nothing: all that have not begun.
        day: Option<Date>,
        /// Who called it off.
        by: Person,
    },
    /// Somebody will take part on one day.
    SignedUp {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// Who.
        person: Person,
        /// On which side.
        side: Side,
        /// Why they may although a rule of the roster says no.
        anyway: Option<String>,
        /// Who said so.
        by: Person,
    },
    /// Somebody will not take part on one day.
    Withdrawn {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// Who.
        person: Person,
        /// Who said so.
        by: Person,
    },
    /// A zone's rules have changed: the civil time stays, the instant is another one.
    Shifted {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// The same civil time with its new instant.
        to: Moment,
    },
    /// A server has taken it on itself to begin this drill. Written before anything happens.
    Begun {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// The drill.
        drill: DrillId,
        /// When it is to start.
        start: At,
        /// It starts as soon as its target is steady.
        soon: bool,
    },
    /// Its start passed and nobody began it.
    Missed {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// When it was to start.
        start: At,
    },
    /// A day of a series on which its civil time does not exist, or exists twice.
    Skipped {
        /// The entry.
        entry: EntryId,
        /// The day.
        day: Date,
        /// Why.
        why: String,
    },
    /// It could not be begun.
    Failed {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// Why.
        why: String,
    },
}

/// An event of the calendar, as it was written.
pub type Noted = book::Noted<Event>;

impl Note for Event {
    const BOOK: &'static str = "calendar";
    const VERSION: u32 = 1;
}

impl Event {
    /// The entry that it is about.
    pub fn entry(&self) -> &EntryId {
        match self {
            Self::Planned { entry, .. } => &entry.id,
            Self::Moved { entry, .. }
            | Self::Hastened { entry, .. }
            | Self::Cancelled { entry, .. }
            | Self::SignedUp { entry, .. }
            | Self::Withdrawn { entry, .. }
            | Self::Shifted { entry, .. }
            | Self::Begun { entry, .. }
            | Self::Missed { entry, .. }
            | Self::Skipped { entry, .. }
            | Self::Failed { entry, .. } => entry,
        }
    }
}
