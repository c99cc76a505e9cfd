//! The default store: one SQLite file in WAL mode, every append synced to disk before it is acknowledged.
//!
//! One connection writes, under `BEGIN IMMEDIATE` (a transaction that begins by reading and then wants to write would
//! ignore the busy time-out), and takes many appends in one transaction (`group`). Others only read. Triggers in the
//! database keep journals append-only whoever writes.

mod group;

use super::{DrillEntry, Row, Store, StoreError};
use crate::{
    base::{At, DrillId, Span, names::BadName},
    clock::{BoxFuture, Clock, SystemClock},
    drill::event::Recorded,
};
use group::Appends;
use sqlx::{
    ConnectOptions, Connection, Row as _, SqlSafeStr, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use std::{
    fs::Permissions,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The oldest SQLite that is trusted: older ones can corrupt a WAL database when two connections checkpoint at once.
const SQLITE_MIN: (&str, [u32; 3]) = ("3.51.3", [3, 51, 3]);
/// `GDAY`: marks the file as ours, so that nobody else's database is taken for a journal.
const APPLICATION_ID: i64 = 0x4744_4159;
/// How long a lock of another process is waited for.
const BUSY: Span = Span::from_secs(10);
/// How often a locked file is tried again while it is opened.
const BUSY_RETRY: Span = Span::from_millis(20);
/// Readers at the same time.
const READERS_MAX: u32 = 4;
/// Rows fetched at once while a journal is read.
const PAGE_ROWS: i64 = 1000;

/// Journals in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    appends: Appends,
    /// Books write beside the journals.
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, or makes it (readable by its owner alone, since plans hold the ground truth). Its folder must
    /// exist. A schema of an older version is brought up to date; one of a newer version is refused.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        // Absolute, so that a name like `file:x` is never taken for an SQLite URI.
        let path = std::path::absolute(path.as_ref()).map_err(|error| unavailable(&error))?;
        create_private(&path)?;
        let deadline = SystemClock.now() + BUSY;
        loop {
            // SQLite does not wait for the lock when it changes a new file to WAL, so that is done here.
            match Self::try_open(path.clone()).await {
                Err(failed) if failed.busy && SystemClock.now() < deadline => {
                    SystemClock.sleep_until(SystemClock.now() + BUSY_RETRY).await;
                }
                Err(failed) => return Err(failed.error),
                Ok(store) => return Ok(store),
            }
        }
    }

    async fn try_open(path: PathBuf) -> Result<Self, Failed> {
        let base = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(false)
            .busy_timeout(BUSY.std())
            .foreign_keys(true);
        let mut first = base.clone().connect().await.map_err(|error| not_opened(&path, &error))?;
        let prepared = prepare(&path, &mut first).await;
        first.close().await.map_err(|error| not_opened(&path, &error))?;
        prepared?;

        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(
                base.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full),
            )
            .await
            .map_err(|error| not_opened(&path, &error))?;
        check_durable(&path, &writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(base.read_only(true))
            .await
            .map_err(|error| not_opened(&path, &error))?;
        Ok(Self { path, appends: Appends::over(writer.clone()), writer, readers })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends all connections; the write-ahead log is folded into the file. Dropping the store is safe too.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn read_all(&self, drill: &DrillId, from: u64) -> Result<Vec<Recorded>, StoreError> {
        let mut journal = Vec::new();
        let Ok(mut next) = i64::try_from(from) else {
            return Ok(journal);
        };
        loop {
            // A page at a time, so that the raw rows of a long journal are never in memory beside its events.
            let page = sqlx::query(
                "select seq, at_ms, kind, version, data from events where drill = ? and seq >= ? order by seq limit ?",
            )
            .bind(drill.as_str())
            .bind(next)
            .bind(PAGE_ROWS)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| unavailable(&error))?;
            let rows = i64::try_from(page.len()).unwrap_or(PAGE_ROWS);
            for row in page {
                journal.push(read_row(drill, next.cast_unsigned(), &row)?);
                next += 1;
            }
            if rows < PAGE_ROWS {
                return Ok(journal);
            }
        }
    }

    /// The events of these kinds, drill by drill, each in the order of its journal.
    pub async fn of_kinds(&self, kinds: &[&str]) -> Result<Vec<(DrillId, Vec<Recorded>)>, StoreError> {
        let rows = sqlx::query(
            "select drill, seq, at_ms, kind, version, data from events
             where kind in (select value from json_each(?)) order by drill, seq",
        )
        .bind(serde_json::json!(kinds).to_string())
        .fetch_all(&self.readers)
        .await
        .map_err(|error| unavailable(&error))?;
        let mut found: Vec<(DrillId, Vec<Recorded>)> = Vec::new();
        for row in rows {
            let drill = drill_of(&row)?;
            let seq: i64 = row.try_get("seq").map_err(|error| unavailable(&error))?;
            let event = read_row(&drill, seq.cast_unsigned(), &row)?;
            match found.last_mut() {
                Some((last, events)) if *last == drill => events.push(event),
                _ => found.push((drill, vec![event])),
            }
        }
        Ok(found)
    }

    async fn list(&self) -> Result<Vec<DrillEntry>, StoreError> {
        // Steps from drill to drill along the primary key, so that no event but the first and last of each is read.
        let rows = sqlx::query(
            "with recursive names(drill) as (
                 select min(drill) from events
                 union all
                 select (select min(drill) from events where drill > names.drill) from names
                 where names.drill is not null
             )
             select last.drill, last.seq + 1 as events, first.at_ms as first_at_ms,
                    last.at_ms as last_at_ms, last.kind as last_kind
             from names
             join events first on first.drill = names.drill and first.seq = 0
             join events last on last.drill = names.drill
                  and last.seq = (select max(seq) from events where drill = names.drill)
             order by first.at_ms, last.drill",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(|error| unavailable(&error))?;
        rows.iter()
            .map(|row| {
                let drill = drill_of(row)?;
                let number = |column: &str| -> Result<i64, StoreError> {
                    row.try_get(column).map_err(|error| unavailable(&error))
                };
                Ok(DrillEntry {
                    drill,
                    events: number("events")?.cast_unsigned(),
                    first_at: At::from_millis(number("first_at_ms")?),
                    last_at: At::from_millis(number("last_at_ms")?),
                    last_kind: row.try_get("last_kind").map_err(|error| unavailable(&error))?,
                })
            })
            .collect()
    }
}

impl Store for SqliteStore {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.appends.append(drill, expected_seq, batch))
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        Box::pin(self.read_all(drill, from))
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        Box::pin(self.list())
    }
}

pub(super) fn unavailable(error: &dyn std::error::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Why an attempt to open the file failed, and whether somebody else's lock was the reason.
struct Failed {
    error: StoreError,
    busy: bool,
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self { error, busy: false }
    }
}

fn not_opened(path: &Path, error: &sqlx::Error) -> Failed {
    // The lower byte is the kind: 5 "busy", 26 "not a database".
    let kind = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<u32>().ok())
        .map(|code| code & 0xff);
    let error = if kind == Some(26) {
        StoreError::NotAJournal { path: path.to_owned(), detail: "it is not an SQLite database".to_owned() }
    } else {
        StoreError::Unavailable(format!("{}: {error}", path.display()))
    };
    Failed { error, busy: kind == Some(5) }
}

/// Makes a missing file readable by its owner alone; SQLite gives its side files the same rights.
///
/// The file is made under another name and closed before it appears: closing a file takes away all locks that this
/// process holds on it, also those of an SQLite connection.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    if path.try_exists().map_err(failed)? {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(failed)?
        .into_temp_path()
        .persist_noclobber(path);
    match made {
        Err(other) if other.error.kind() != ErrorKind::AlreadyExists => Err(failed(other.error)),
        _ => Ok(()),
    }
}

/// Refuses what is not ours or is newer, and brings the schema up to date. Nothing is written before the checks.
async fn prepare(path: &Path, connection: &mut SqliteConnection) -> Result<(), Failed> {
    let failed = |error: sqlx::Error| not_opened(path, &error);
    let version: String =
        sqlx::query_scalar("select sqlite_version()").fetch_one(&mut *connection).await.map_err(failed)?;
    check_sqlite(&version)?;

    // Two processes may open a new file at once: the second waits here and finds the work done.
    let mut transaction = connection.begin_with("begin immediate").await.map_err(failed)?;
    let id: i64 = sqlx::query_scalar("select application_id from pragma_application_id")
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    let tables: i64 = sqlx::query_scalar("select count(*) from sqlite_schema")
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    if id != APPLICATION_ID && (id != 0 || tables > 0) {
        return Err(StoreError::NotAJournal {
            path: path.to_owned(),
            detail: "it is the database of another program".to_owned(),
        }
        .into());
    }
    if tables > 0 {
        check_schema(path, &mut transaction).await?;
    }
    migrator()
        .run_direct(None, &mut *transaction, false)
        .await
        .map_err(|error| migration_failed(path, &error))?;
    if id == 0 {
        // The number is `APPLICATION_ID`; a pragma takes no parameters.
        sqlx::query("pragma application_id = 0x47444159").execute(&mut *transaction).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

fn check_sqlite(version: &str) -> Result<(), StoreError> {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    let (needed, least) = SQLITE_MIN;
    if parts.as_slice() < least.as_slice() {
        return Err(StoreError::OldSqlite { found: version.to_owned(), needed });
    }
    Ok(())
}

async fn check_schema(path: &Path, connection: &mut SqliteConnection) -> Result<(), Failed> {
    let found: Option<i64> = sqlx::query_scalar("select max(version) from _sqlx_migrations")
        .fetch_one(connection)
        .await
        .map_err(|error| not_opened(path, &error))?;
    let known = migrator().iter().map(|m| m.version).max().unwrap_or(0);
    match found {
        Some(found) if found > known => {
            Err(StoreError::NewerSchema { path: path.to_owned(), found, known }.into())
        }
        _ => Ok(()),
    }
}

fn migration_failed(path: &Path, error: &MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_) => StoreError::NotAJournal {
            path: path.to_owned(),
            detail: format!("its schema is not one that this program has made: {error}"),
        },
        _ => StoreError::Unavailable(format!("{}: {error}", path.display())),
    }
}

/// Every change of the schema, in order. A released file is never edited; a change is a new file.
fn migrator() -> Migrator {
    let files = [
        (1, "events", include_str!("migrations/sqlite/0001_events.sql")),
        (2, "calendar", include_str!("migrations/sqlite/0002_calendar.sql")),
        (3, "people", include_str!("migrations/sqlite/0003_people.sql")),
        (4, "post", include_str!("migrations/sqlite/0004_post.sql")),
    ];
    let migration = |(version, name, text): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    Migrator::with_migrations(files.map(migration).into())
}

/// SQLite answers with the mode that it could take: on some file systems WAL is not to be had.
async fn check_durable(path: &Path, writer: &SqlitePool) -> Result<(), Failed> {
    let mode: String = sqlx::query_scalar("select journal_mode from pragma_journal_mode")
        .fetch_one(writer)
        .await
        .map_err(|error| not_opened(path, &error))?;
    let synchronous: i64 = sqlx::query_scalar("select synchronous from pragma_synchronous")
        .fetch_one(writer)
        .await
        .map_err(|error| not_opened(path, &error))?;
    if mode == "wal" && synchronous == 2 {
        Ok(())
    } else {
        Err(StoreError::Unavailable(format!(
            "{}: this file system cannot hold a journal durably (mode {mode}, synchronous {synchronous})",
            path.display()
        ))
        .into())
    }
}

fn drill_of(row: &SqliteRow) -> Result<DrillId, StoreError> {
    let drill: String = row.try_get("drill").map_err(|error| unavailable(&error))?;
    let bad = |bad: BadName| StoreError::Corrupt { drill: drill.clone(), seq: 0, detail: bad.to_string() };
    DrillId::try_from(drill.clone()).map_err(bad)
}

fn read_row(drill: &DrillId, seq: u64, row: &SqliteRow) -> Result<Recorded, StoreError> {
    let corrupt = |detail: String| StoreError::Corrupt { drill: drill.to_string(), seq, detail };
    let bad = |error: sqlx::Error| corrupt(error.to_string());
    let stored: i64 = row.try_get("seq").map_err(bad)?;
    if stored != seq.cast_signed() {
        return Err(corrupt(format!("event {stored} stands in its place")));
    }
    let at = At::from_millis(row.try_get("at_ms").map_err(bad)?);
    let content = Row {
        kind: row.try_get("kind").map_err(bad)?,
        version: row
            .try_get::<i64, _>("version")
            .map_err(bad)?
            .try_into()
            .map_err(|_| corrupt("its version is no version".to_owned()))?,
        data: row.try_get("data").map_err(bad)?,
    };
    Recorded::from_line(&content.line(seq, at)).map_err(|bad| StoreError::unreadable(drill, seq, &bad))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_sqlite_is_refused() {
        for version in ["3.51.2", "3.50.99", "2.99.99", "3.7", "", "garbage"] {
            assert!(check_sqlite(version).is_err(), "{version}");
        }
        for version in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            assert!(check_sqlite(version).is_ok(), "{version}");
        }
    }

    #[tokio::test]
    async fn the_bundled_sqlite_is_new_enough() {
        let folder = tempfile::tempdir().unwrap();
        SqliteStore::open(folder.path().join("journal.db")).await.unwrap();
    }
}
