//! A book: a small append-only list of events, beside the journals of drills, from which something is folded.
//!
//! The calendar is one, and so is what is known of people. Each has a room of its own with a `decide` and an `apply`; what
//! they share is here: how an event is written down, numbered and read again.

use super::At;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// What may be written in one book. Serialised as `{"kind": .., "data": ..}`.
pub trait Note: Debug + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The book's name, as a table in the store has it.
    const BOOK: &'static str;
    /// The version of every kind's data.
    const VERSION: u32;

    /// Its kind, and its data as JSON.
    fn parts(&self) -> (String, String) {
        let mut value = serde_json::to_value(self).expect("events are plain data");
        (value["kind"].as_str().unwrap_or_default().to_owned(), value["data"].take().to_string())
    }

    /// Reads what [`Note::parts`] of this or an older version gave.
    fn of_parts(kind: &str, data: &str) -> Result<Self, serde_json::Error> {
        let data: serde_json::Value = serde_json::from_str(data)?;
        serde_json::from_value(serde_json::json!({"kind": kind, "data": data}))
    }
}

/// An event with its number and the instant at which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted<E> {
    /// Its number, from 0.
    pub seq: u64,
    /// When it was written.
    pub at: At,
    /// What happened.
    pub event: E,
}

/// What a book's events add up to.
pub trait Fold: Default + Clone + Send + Sync + 'static {
    /// What is written in the book.
    type Event: Note;

    /// How many events it has taken in.
    fn next_seq(&self) -> u64;

    /// Takes an event in. Decides nothing; an event that no `decide` gave changes nothing.
    fn apply(&mut self, noted: &Noted<Self::Event>);
}
