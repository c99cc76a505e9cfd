//! The journal's home: append at an expected sequence number, read back, nothing else.
//!
//! A journal is never changed and never shortened. Two engines that append to one drill at the same number cannot both
//! win: the second gets [`StoreError::Conflict`] and knows that it has lost the drill.
//!
//! Open first: [`Store`], the seam that the engine knows. [`sqlite`] is the default, [`memory`] serves rehearsals;
//! [`jsonl`] writes a journal to a file and reads it back; [`book`] keeps small books in the same place: what is
//! planned, and who is known. The format is told in `docs/journal.md`.

pub mod book;
pub mod jsonl;
pub mod memory;
pub mod sqlite;

pub use book::Book;
pub use jsonl::{JournalFileError, read_jsonl, write_jsonl};
pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use crate::{
    base::{At, DrillId, limits},
    clock::BoxFuture,
    drill::event::{BadLine, Event, Recorded},
};
use std::path::PathBuf;

/// Where journals live. Every implementation passes the same contract tests.
pub trait Store: Send + Sync {
    /// Appends `batch` to a drill's journal, durably and as a whole: after an error nothing of it is there.
    ///
    /// `expected_seq` is the number of events that the caller believes to be there already, and the batch must be
    /// numbered on from it. An empty batch checks the number and writes nothing.
    ///
    /// After [`StoreError::Unavailable`], and when the future is dropped before it is done, the world may have failed
    /// between the commit and its answer: read the journal before going on.
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The events of a drill from number `from` on, in order; empty when there are none.
    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>>;

    /// Every drill that has a journal here, the oldest first.
    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>>;
}

/// A drill in a store's table of contents.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DrillEntry {
    /// The drill.
    pub drill: DrillId,
    /// How many events its journal has.
    pub events: u64,
    /// When the first was recorded.
    pub first_at: At,
    /// When the last was recorded.
    pub last_at: At,
    /// The last one's kind.
    pub last_kind: String,
}

/// Why a store did not do what it was asked for. Completes "could not append to / read / open the journal".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else has appended.
    #[error(
        "the journal of {drill} has {found} events where {expected} were expected: another engine may hold this drill"
    )]
    Conflict {
        /// The drill.
        drill: DrillId,
        /// How many events the caller expected.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// Somebody else has written in a book.
    #[error("the book `{book}` has {found} events where {expected} were expected: somebody else was faster")]
    Overtaken {
        /// The book.
        book: &'static str,
        /// How many events the caller expected.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The batch is not numbered on from the expected number.
    #[error("an event of the batch has number {found} where {expected} must follow")]
    OutOfOrder {
        /// The number that must come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// One event is larger than a journal line may be.
    #[error("event {seq} has {bytes} bytes, and a journal line holds at most {max}", max = limits::EVENT_BYTES_MAX)]
    TooLarge {
        /// The event's number.
        seq: u64,
        /// Its size as a line.
        bytes: usize,
    },
    /// The store cannot be reached: a lock, a full disk, a failing device.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored is not what was written.
    #[error("the journal of {drill} is damaged at event {seq}: {detail}")]
    Corrupt {
        /// The drill.
        drill: String,
        /// The event.
        seq: u64,
        /// What was found.
        detail: String,
    },
    /// An event was written by a newer program.
    #[error("event {seq} of {drill} was written by a newer gameday: {detail}")]
    NewerEvent {
        /// The drill.
        drill: DrillId,
        /// The event.
        seq: u64,
        /// What was found.
        detail: String,
    },
    /// The store was last opened by a newer program, which has changed its layout.
    #[error(
        "{} has schema version {found}, and this gameday knows up to {known}: use the newer gameday that last opened it",
        path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The file belongs to something else.
    #[error("{} is not a gameday journal: {detail}", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The SQLite library has a known fault that can lose committed data.
    #[error("SQLite {found} is too old: at least {needed} is needed")]
    OldSqlite {
        /// The library's version.
        found: String,
        /// The least version.
        needed: &'static str,
    },
}

impl StoreError {
    /// A stored event that could not be read back.
    fn unreadable(drill: &DrillId, seq: u64, bad: &BadLine) -> Self {
        match bad {
            BadLine::TooNew { .. } => Self::NewerEvent { drill: drill.clone(), seq, detail: bad.to_string() },
            BadLine::Shape(_) => Self::Corrupt { drill: drill.to_string(), seq, detail: bad.to_string() },
        }
    }
}

/// What every append needs: the drill is as long as expected.
fn check_expected(drill: &DrillId, expected: u64, found: u64) -> Result<(), StoreError> {
    if expected == found {
        Ok(())
    } else {
        Err(StoreError::Conflict { drill: drill.clone(), expected, found })
    }
}

/// And the batch goes on from there.
fn check_numbers(expected: u64, batch: &[Recorded]) -> Result<(), StoreError> {
    // In this order, so that nothing is counted on from the last number there is.
    for (record, expected) in batch.iter().zip(expected..) {
        if record.seq != expected {
            return Err(StoreError::OutOfOrder { expected, found: record.seq });
        }
    }
    Ok(())
}

/// An event's content as a store keeps it beside its drill, number and instant.
struct Row {
    kind: String,
    version: u32,
    /// JSON; `null` for a kind without data.
    data: String,
}

impl Row {
    fn of(record: &Recorded) -> Self {
        let mut value = serde_json::to_value(&record.event).expect("events are plain data");
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        Self { version: Event::version(&kind), kind, data: value["data"].take().to_string() }
    }

    /// The journal line, which knows how older versions are read.
    fn line(&self, seq: u64, at: At) -> String {
        let Self { kind, version, data } = self;
        format!(r#"{{"seq":{seq},"at":"{at}","kind":"{kind}","v":{version},"data":{data}}}"#)
    }

    /// What cannot be written as one line cannot be exported and read again.
    fn check_size(&self, record: &Recorded) -> Result<(), StoreError> {
        let bytes = self.line(record.seq, record.at).len();
        if bytes > limits::EVENT_BYTES_MAX {
            Err(StoreError::TooLarge { seq: record.seq, bytes })
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_its_event_back() {
        for event in [
            Event::Started,
            Event::TookOver { epoch: 3, resume: true },
            Event::AgentSilent { error: "a \"quoted\" line\nand another \u{1f525}".to_owned() },
        ] {
            let record = Recorded { seq: 7, at: At::from_millis(1_796_130_000_123), event };
            let line = Row::of(&record).line(record.seq, record.at);
            assert_eq!(Recorded::from_line(&line).unwrap(), record, "{line}");
        }
    }
}
