//! metadata: the catalogue of objects, on SQLite.
//!
//! A reservation gives an upload its version before its content is written; the commit makes it the object's newest
//! version. Versions count up over all objects, so a commit that comes late never replaces a newer one.

use super::{
    config::{self, Facts, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Failure, Service},
    telemetry::Page,
};
use crate::{
    base::{At, Span},
    clock::{BoxFuture, Clock, SystemClock},
};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{
    Row, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// How long a reservation waits for its commit.
const RESERVATION: Span = Span::from_mins(10);

/// The file in the data folder that an empty catalogue is filled from: one [`Entry`] in JSON for each line.
pub(super) const IMPORT: &str = "import.jsonl";

/// An object as the catalogue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) version: u64,
    pub(super) size: u64,
    pub(super) digest: String,
    /// Storage nodes that were written.
    pub(super) locations: Vec<String>,
    pub(super) changed: String,
}

/// What an upload asks for.
#[derive(Debug, Deserialize)]
struct Wanted {
    key: String,
    size: u64,
}

/// What an upload gets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) version: u64,
}

/// What an upload has done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) size: u64,
    pub(super) digest: String,
    pub(super) locations: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    prefix: String,
}

pub(super) struct Metadata {
    file: PathBuf,
    config: Live<config::Metadata>,
    /// One connection, because SQLite has one writer.
    writer: SqlitePool,
    readers: SqlitePool,
    objects: AtomicI64,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT NOT NULL,
    locations TEXT NOT NULL,
    changed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    made_ms INTEGER NOT NULL
);
";

impl Metadata {
    pub(super) async fn open(root: &Path, facts: &Facts) -> Result<Self, DepotError> {
        let file = current_file(root, "metadata");
        let config = config::Metadata::read(&file)?;
        let folder = facts.data.as_ref().ok_or_else(|| facts.missing(root, "data"))?;
        std::fs::create_dir_all(folder).map_err(DepotError::file("make", folder))?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("catalogue.db"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_millis(config.database.busy_timeout_ms));
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::raw_sql(SCHEMA).execute(&writer).await?;
        import(&writer, &folder.join(IMPORT)).await?;
        let readers = SqlitePoolOptions::new().max_connections(3).connect_with(options).await?;
        let objects: i64 =
            sqlx::query("SELECT count(*) FROM objects").fetch_one(&readers).await?.try_get(0)?;
        let objects = AtomicI64::new(objects);
        Ok(Self { file, config: Live::new(config), writer, readers, objects })
    }

    /// Whether the catalogue has room for `key`.
    async fn has_room(&self, key: &str, max: u64) -> Result<bool, sqlx::Error> {
        if self.objects.load(Ordering::Relaxed).cast_unsigned() < max {
            return Ok(true);
        }
        let there = sqlx::query("SELECT 1 FROM objects WHERE key = ?").bind(key);
        Ok(there.fetch_optional(&self.readers).await?.is_some())
    }

    async fn reserve(&self, wanted: &Wanted) -> Result<u64, sqlx::Error> {
        let now = SystemClock.now();
        let made = sqlx::query("INSERT INTO reservations (key, size, made_ms) VALUES (?, ?, ?)")
            .bind(&wanted.key)
            .bind(wanted.size.cast_signed())
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        let version = made.last_insert_rowid();
        if version % 500 == 0 {
            sqlx::query("DELETE FROM reservations WHERE made_ms < ?")
                .bind((now - RESERVATION).millis())
                .execute(&self.writer)
                .await?;
        }
        Ok(version.cast_unsigned())
    }

    /// Whether there was such a reservation.
    async fn commit(&self, version: u64, commit: &Commit) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        let reserved = sqlx::query("DELETE FROM reservations WHERE version = ? RETURNING key")
            .bind(version.cast_signed())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(reserved) = reserved else {
            return Ok(false);
        };
        let key: String = reserved.try_get(0)?;
        sqlx::query(
            "INSERT INTO objects (key, version, size, digest, locations, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (key) DO UPDATE SET version = ?2, size = ?3, digest = ?4, locations = ?5, changed_ms = ?6
             WHERE version < ?2",
        )
        .bind(&key)
        .bind(version.cast_signed())
        .bind(commit.size.cast_signed())
        .bind(&commit.digest)
        .bind(commit.locations.join(","))
        .bind(SystemClock.now().millis())
        .execute(&mut *transaction)
        .await?;
        let count: i64 =
            sqlx::query("SELECT count(*) FROM objects").fetch_one(&mut *transaction).await?.try_get(0)?;
        transaction.commit().await?;
        self.objects.store(count, Ordering::Relaxed);
        Ok(true)
    }

    async fn find(&self, key: &str) -> Result<Option<Entry>, sqlx::Error> {
        sqlx::query("SELECT key, version, size, digest, locations, changed_ms FROM objects WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.readers)
            .await?
            .as_ref()
            .map(entry)
            .transpose()
    }

    async fn list(&self, prefix: &str, max: u64) -> Result<Vec<Entry>, sqlx::Error> {
        // Keys are ASCII, so the highest character ends the range.
        sqlx::query(
            "SELECT key, version, size, digest, locations, changed_ms FROM objects
             WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY key LIMIT ?2",
        )
        .bind(prefix)
        .bind(max.cast_signed())
        .fetch_all(&self.readers)
        .await?
        .iter()
        .map(entry)
        .collect()
    }
}

/// Fills an empty catalogue from the file at `path`, if there is one. Versions go on after the highest one.
async fn import(writer: &SqlitePool, path: &Path) -> Result<(), DepotError> {
    let mut transaction = writer.begin().await?;
    let used = sqlx::query("SELECT 1 FROM objects UNION ALL SELECT 1 FROM sqlite_sequence LIMIT 1");
    if !path.exists() || used.fetch_optional(&mut *transaction).await?.is_some() {
        return Ok(());
    }
    let text = std::fs::read_to_string(path).map_err(DepotError::file("read", path))?;
    let bad = |problem: String| DepotError::Config { path: path.to_owned(), problem };
    let mut highest = 0;
    for line in text.lines() {
        let entry: Entry = serde_json::from_str(line).map_err(|err| bad(err.to_string()))?;
        let changed = At::try_from(entry.changed).map_err(|err| bad(err.to_string()))?;
        highest = highest.max(entry.version);
        sqlx::query("INSERT INTO objects (key, version, size, digest, locations, changed_ms) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&entry.key)
            .bind(entry.version.cast_signed())
            .bind(entry.size.cast_signed())
            .bind(&entry.digest)
            .bind(entry.locations.join(","))
            .bind(changed.millis())
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('reservations', ?)")
        .bind(highest.cast_signed())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let locations: String = row.try_get("locations")?;
    Ok(Entry {
        key: row.try_get("key")?,
        version: row.try_get::<i64, _>("version")?.cast_unsigned(),
        size: row.try_get::<i64, _>("size")?.cast_unsigned(),
        digest: row.try_get("digest")?,
        locations: locations.split(',').map(str::to_owned).collect(),
        changed: At::from_millis(row.try_get("changed_ms")?).to_string(),
    })
}

impl From<sqlx::Error> for Failure {
    fn from(err: sqlx::Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database", err.to_string())
    }
}

async fn reserve(
    State(catalogue): State<Arc<Metadata>>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Failure> {
    let max = catalogue.config.get().objects.max;
    if !catalogue.has_room(&wanted.key, max).await? {
        let detail = format!("the catalogue holds its {max} objects; overwrite one of them");
        return Err(Failure::new(StatusCode::CONFLICT, "catalogue_full", detail));
    }
    let version = catalogue.reserve(&wanted).await?;
    Ok((StatusCode::CREATED, Json(Reservation { version })).into_response())
}

async fn commit(
    State(catalogue): State<Arc<Metadata>>,
    UrlPath(version): UrlPath<u64>,
    Json(commit): Json<Commit>,
) -> Result<Response, Failure> {
    if catalogue.commit(version, &commit).await? {
        Ok(Json(json!({ "version": version })).into_response())
    } else {
        Err(Failure::new(StatusCode::CONFLICT, "not_reserved", "the reservation is unknown or too old"))
    }
}

async fn find(
    State(catalogue): State<Arc<Metadata>>,
    UrlPath(key): UrlPath<String>,
) -> Result<Json<Entry>, Failure> {
    catalogue
        .find(&key)
        .await?
        .map(Json)
        .ok_or_else(|| Failure::not_found(format!("there is no object `{key}`")))
}

async fn list(
    State(catalogue): State<Arc<Metadata>>,
    Query(listing): Query<Listing>,
) -> Result<Response, Failure> {
    let max = catalogue.config.get().list.max;
    let objects = catalogue.list(&listing.prefix, max).await?;
    Ok(Json(json!({ "objects": objects })).into_response())
}

impl Service for Metadata {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/reservations", post(reserve))
            .route("/reservations/{version}/commit", post(commit))
            .route("/objects", get(list))
            .route("/objects/{key}", get(find))
            .with_state(self)
    }

    /// The time limit of the database's lock is taken at the start only.
    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Metadata::read(&self.file)?;
        self.config.set(config);
        Ok(config.log())
    }

    /// Well while the database answers.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let asked = sqlx::query("SELECT 1").execute(&self.readers).await;
            asked.map(drop).map_err(|err| err.to_string())
        })
    }

    fn metrics(&self, page: &mut Page) {
        let objects = self.objects.load(Ordering::Relaxed) as f64;
        page.single("catalogue_objects", "gauge", "Objects in the catalogue.", objects);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.readers.close().await;
            self.writer.close().await;
        })
    }
}
