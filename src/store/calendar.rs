//! The calendar's home, beside the journals: append at an expected sequence number, read back, nothing else.

use super::{MemoryStore, SqliteStore, StoreError, sqlite::unavailable};
use crate::{
    base::{At, DrillId, limits},
    calendar::{Event, Noted},
    clock::BoxFuture,
};
use sqlx::{Row as _, sqlite::SqliteRow};
use std::sync::PoisonError;

/// Where the calendar lives. Every implementation passes the same contract tests.
pub trait CalendarStore: Send + Sync {
    /// Appends `batch`, durably and as a whole. `expected_seq` is the number of events that the caller believes to be there;
    /// when somebody else was faster, that is [`StoreError::Overtaken`] and nothing is written.
    ///
    /// After [`StoreError::Unavailable`], and when the future is dropped before it is done, read before going on.
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The events from number `from` on, in order.
    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted>, StoreError>>;
}

/// What both check before they write.
fn check(expected: u64, found: u64, batch: &[Noted]) -> Result<(), StoreError> {
    if expected != found {
        return Err(StoreError::Overtaken { expected, found });
    }
    for (expected, noted) in (expected..).zip(batch) {
        if noted.seq != expected {
            return Err(StoreError::OutOfOrder { expected, found: noted.seq });
        }
        let bytes = noted.event.parts().1.len();
        if bytes > limits::CALENDAR_EVENT_BYTES_MAX {
            return Err(StoreError::Unavailable(format!(
                "event {expected} of the calendar has {bytes} bytes, and at most {} are kept",
                limits::CALENDAR_EVENT_BYTES_MAX
            )));
        }
    }
    Ok(())
}

impl CalendarStore for MemoryStore {
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut calendar = self.calendar.lock().unwrap_or_else(PoisonError::into_inner);
            check(expected_seq, calendar.len() as u64, batch)?;
            calendar.extend_from_slice(batch);
            Ok(())
        })
    }

    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted>, StoreError>> {
        Box::pin(async move {
            let calendar = self.calendar.lock().unwrap_or_else(PoisonError::into_inner);
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            Ok(calendar.get(from..).unwrap_or_default().to_vec())
        })
    }
}

impl SqliteStore {
    async fn note_all(&self, expected_seq: u64, batch: &[Noted]) -> Result<(), StoreError> {
        let mut transaction =
            self.writer.begin_with("begin immediate").await.map_err(|error| unavailable(&error))?;
        let found: i64 = sqlx::query_scalar("select coalesce(max(seq) + 1, 0) from calendar")
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| unavailable(&error))?;
        // Dropping the transaction on any error below takes back what it has written.
        check(expected_seq, found.cast_unsigned(), batch)?;
        for noted in batch {
            let (kind, data) = noted.event.parts();
            sqlx::query("insert into calendar (seq, at_ms, kind, version, data) values (?, ?, ?, ?, ?)")
                .bind(noted.seq.cast_signed())
                .bind(noted.at.millis())
                .bind(kind)
                .bind(i64::from(Event::VERSION))
                .bind(data)
                .execute(&mut *transaction)
                .await
                .map_err(|error| unavailable(&error))?;
        }
        transaction.commit().await.map_err(|error| unavailable(&error))
    }

    async fn noted_all(&self, from: u64) -> Result<Vec<Noted>, StoreError> {
        let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
        let rows =
            sqlx::query("select seq, at_ms, kind, version, data from calendar where seq >= ? order by seq")
                .bind(from)
                .fetch_all(&self.readers)
                .await
                .map_err(|error| unavailable(&error))?;
        (from.cast_unsigned()..).zip(&rows).map(|(seq, row)| read(seq, row)).collect()
    }
}

fn read(seq: u64, row: &SqliteRow) -> Result<Noted, StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt { drill: "the calendar".to_owned(), seq, detail };
    let bad = |error: sqlx::Error| corrupt(error.to_string());
    let stored: i64 = row.try_get("seq").map_err(bad)?;
    if stored != seq.cast_signed() {
        return Err(corrupt(format!("event {stored} stands in its place")));
    }
    let version: i64 = row.try_get("version").map_err(bad)?;
    let (kind, data): (String, String) =
        (row.try_get("kind").map_err(bad)?, row.try_get("data").map_err(bad)?);
    if version > i64::from(Event::VERSION) {
        let drill: DrillId = "calendar".parse().expect("it is a name");
        return Err(StoreError::NewerEvent { drill, seq, detail: format!("`{kind}` has version {version}") });
    }
    let event = Event::of_parts(&kind, &data).map_err(|error| corrupt(error.to_string()))?;
    Ok(Noted { seq, at: At::from_millis(row.try_get("at_ms").map_err(bad)?), event })
}

impl CalendarStore for SqliteStore {
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.note_all(expected_seq, batch))
    }

    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted>, StoreError>> {
        Box::pin(self.noted_all(from))
    }
}
