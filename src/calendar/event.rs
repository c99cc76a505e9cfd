//! What happens on a calendar. An event that has been written is never changed; a kind that changes its shape gets a new
//! version in [`Event::VERSION`], and old ones must read for ever.

use super::{entry::Entry, moment::Moment};
use crate::base::{At, DrillId, EntryId, Person};
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

/// An event with its number and the instant at which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was written.
    pub at: At,
    /// What happened.
    pub event: Event,
}

impl Event {
    /// The version of every kind's data.
    pub const VERSION: u32 = 1;

    /// Its kind, and its data as JSON.
    pub fn parts(&self) -> (String, String) {
        let mut value = serde_json::to_value(self).expect("events are plain data");
        (value["kind"].as_str().unwrap_or_default().to_owned(), value["data"].take().to_string())
    }

    /// Reads what [`Event::parts`] of this or an older version gave.
    pub fn of_parts(kind: &str, data: &str) -> Result<Self, serde_json::Error> {
        let data: serde_json::Value = serde_json::from_str(data)?;
        serde_json::from_value(serde_json::json!({"kind": kind, "data": data}))
    }

    /// The entry that it is about.
    pub fn entry(&self) -> &EntryId {
        match self {
            Self::Planned { entry, .. } => &entry.id,
            Self::Moved { entry, .. }
            | Self::Hastened { entry, .. }
            | Self::Cancelled { entry, .. }
            | Self::Shifted { entry, .. }
            | Self::Begun { entry, .. }
            | Self::Missed { entry, .. }
            | Self::Skipped { entry, .. }
            | Self::Failed { entry, .. } => entry,
        }
    }
}
