//! The home of books, beside the journals: append at an expected sequence number, read back, nothing else.

use super::{MemoryStore, SqliteStore, StoreError, sqlite::unavailable};
use crate::{
    base::{
        At, DrillId,
        book::{Note, Noted},
        limits,
    },
    clock::BoxFuture,
};
use sqlx::{AssertSqlSafe, Row as _, sqlite::SqliteRow};
use std::sync::PoisonError;

/// Where the events of one book live. Every implementation passes the same contract tests.
pub trait Book<E: Note>: Send + Sync {
    /// Appends `batch`, durably and as a whole. `expected_seq` is the number of events that the caller believes to be there;
    /// when somebody else was faster, that is [`StoreError::Overtaken`] and nothing is written.
    ///
    /// After [`StoreError::Unavailable`], and when the future is dropped before it is done, read before going on.
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted<E>]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// The events from number `from` on, in order.
    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted<E>>, StoreError>>;
}

/// An event as a store keeps it; its number is its place.
#[derive(Debug, Clone)]
pub(super) struct Line {
    at: At,
    kind: String,
    data: String,
}

/// What both check before they write. Gives what is to be written.
fn lines<E: Note>(expected: u64, found: u64, batch: &[Noted<E>]) -> Result<Vec<Line>, StoreError> {
    if expected != found {
        return Err(StoreError::Overtaken { book: E::BOOK, expected, found });
    }
    let line = |(expected, noted): (u64, &Noted<E>)| {
        if noted.seq != expected {
            return Err(StoreError::OutOfOrder { expected, found: noted.seq });
        }
        let (kind, data) = noted.event.parts();
        if data.len() > limits::BOOK_EVENT_BYTES_MAX {
            return Err(StoreError::Unavailable(format!(
                "event {expected} of the book `{}` has {} bytes, and at most {} are kept",
                E::BOOK,
                data.len(),
                limits::BOOK_EVENT_BYTES_MAX
            )));
        }
        Ok(Line { at: noted.at, kind, data })
    };
    (expected..).zip(batch).map(line).collect()
}

/// The event of a line; its version was looked at.
fn event<E: Note>(seq: u64, Line { at, kind, data }: &Line) -> Result<Noted<E>, StoreError> {
    let event = E::of_parts(kind, data).map_err(|error| corrupt::<E>(seq, error.to_string()))?;
    Ok(Noted { seq, at: *at, event })
}

fn corrupt<E: Note>(seq: u64, detail: String) -> StoreError {
    StoreError::Corrupt { drill: format!("the book `{}`", E::BOOK), seq, detail }
}

impl<E: Note> Book<E> for MemoryStore {
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted<E>]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            let book = books.entry(E::BOOK).or_default();
            book.extend(lines(expected_seq, book.len() as u64, batch)?);
            Ok(())
        })
    }

    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted<E>>, StoreError>> {
        Box::pin(async move {
            let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            let book = books.get(E::BOOK).map_or(&[][..], Vec::as_slice);
            let rest = usize::try_from(from).ok().and_then(|from| book.get(from..)).unwrap_or_default();
            // In this order, so that nothing is counted on from the last number there is.
            rest.iter().zip(from..).map(|(line, seq)| event(seq, line)).collect()
        })
    }
}

impl SqliteStore {
    async fn note_all<E: Note>(&self, expected_seq: u64, batch: &[Noted<E>]) -> Result<(), StoreError> {
        let mut transaction =
            self.writer.begin_with("begin immediate").await.map_err(|error| unavailable(&error))?;
        // The table's name is a constant of this program.
        let count = format!("select coalesce(max(seq) + 1, 0) from {}", E::BOOK);
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| unavailable(&error))?;
        // Dropping the transaction on any error below takes back what it has written.
        for (seq, line) in (expected_seq..).zip(lines(expected_seq, found.cast_unsigned(), batch)?) {
            let insert =
                format!("insert into {} (seq, at_ms, kind, version, data) values (?, ?, ?, ?, ?)", E::BOOK);
            sqlx::query(AssertSqlSafe(insert))
                .bind(seq.cast_signed())
                .bind(line.at.millis())
                .bind(line.kind)
                .bind(i64::from(E::VERSION))
                .bind(line.data)
                .execute(&mut *transaction)
                .await
                .map_err(|error| unavailable(&error))?;
        }
        transaction.commit().await.map_err(|error| unavailable(&error))
    }

    async fn noted_all<E: Note>(&self, from: u64) -> Result<Vec<Noted<E>>, StoreError> {
        let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
        let select =
            format!("select seq, at_ms, kind, version, data from {} where seq >= ? order by seq", E::BOOK);
        let rows = sqlx::query(AssertSqlSafe(select))
            .bind(from)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| unavailable(&error))?;
        (from.cast_unsigned()..).zip(&rows).map(|(seq, row)| read(seq, row)).collect()
    }
}

fn read<E: Note>(seq: u64, row: &SqliteRow) -> Result<Noted<E>, StoreError> {
    let bad = |error: sqlx::Error| corrupt::<E>(seq, error.to_string());
    let stored: i64 = row.try_get("seq").map_err(bad)?;
    if stored != seq.cast_signed() {
        return Err(corrupt::<E>(seq, format!("event {stored} stands in its place")));
    }
    let version: i64 = row.try_get("version").map_err(bad)?;
    let line = Line {
        at: At::from_millis(row.try_get("at_ms").map_err(bad)?),
        kind: row.try_get("kind").map_err(bad)?,
        data: row.try_get("data").map_err(bad)?,
    };
    if version > i64::from(E::VERSION) {
        let drill: DrillId = E::BOOK.parse().expect("it is a name");
        let detail = format!("`{}` has version {version}", line.kind);
        return Err(StoreError::NewerEvent { drill, seq, detail });
    }
    event(seq, &line)
}

impl<E: Note> Book<E> for SqliteStore {
    fn note<'a>(&'a self, expected_seq: u64, batch: &'a [Noted<E>]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.note_all(expected_seq, batch))
    }

    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted<E>>, StoreError>> {
        Box::pin(self.noted_all(from))
    }
}
