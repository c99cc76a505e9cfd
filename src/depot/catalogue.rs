//! The catalogue's database: objects, reservations, the log of changes, and with whom objects are shared.
//!
//! A reservation gives an upload its version before its content is written; the commit makes it the object's newest
//! version. Versions count up over all objects, so a commit that comes late never replaces a newer one. Each change gets
//! a number and a chained digest, so that two catalogues can tell whether they went the same way.

use super::{config, error::DepotError};
use crate::{
    base::{At, Span},
    clock::{Clock, SystemClock},
};
use serde::{Deserialize, Serialize};
use sqlx::{
    Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a reservation waits for its commit.
const RESERVATION: Span = Span::from_mins(10);
/// The file in the data folder that an empty catalogue is filled from: one [`Entry`] in JSON for each line.
pub(super) const IMPORT: &str = "import.jsonl";
/// The database in the data folder.
pub(super) const DATABASE: &str = "catalogue.db";
/// How many times the objects of a fresh Depot are shared, all together.
const SHARES: i64 = 20_000;
/// Pages of SQLite in a MiB.
const PAGES_PER_MIB: u64 = 256;

/// Indexes that queries count on: name, table, columns.
pub(super) const INDEXES: [(&str, &str, &str); 2] =
    [("objects_by_owner", "objects", "owner, size"), ("shares_by_key", "shares", "key")];

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT NOT NULL,
    locations TEXT NOT NULL,
    owner TEXT NOT NULL,
    changed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reservations (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    size INTEGER NOT NULL,
    owner TEXT NOT NULL,
    made_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS changes (
    seq INTEGER PRIMARY KEY,
    term INTEGER NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    size INTEGER NOT NULL,
    digest TEXT NOT NULL,
    locations TEXT NOT NULL,
    owner TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    chain TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS shares (key TEXT NOT NULL, person TEXT NOT NULL);
";

/// An object as the catalogue knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) version: u64,
    pub(super) size: u64,
    pub(super) digest: String,
    /// Storage nodes that were written.
    pub(super) locations: Vec<String>,
    pub(super) owner: String,
    pub(super) changed: String,
    /// With how many people it is shared; told in listings.
    #[serde(default)]
    pub(super) shared: u64,
}

/// What an upload asks for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) owner: String,
}

/// What an upload has done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) size: u64,
    pub(super) digest: String,
    pub(super) locations: Vec<String>,
}

/// One change of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) seq: i64,
    term: i64,
    key: String,
    version: i64,
    size: i64,
    digest: String,
    locations: String,
    owner: String,
    changed_ms: i64,
    deleted: bool,
    chain: String,
}

/// How far a catalogue has come, and on which way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) seq: i64,
    pub(super) chain: String,
}

/// What a user stores.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) owner: String,
    pub(super) objects: i64,
    pub(super) bytes: i64,
}

/// All that a replica needs to begin again.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) position: Position,
    pub(super) objects: Vec<Entry>,
}

/// Why changes cannot be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// This catalogue has gone another way than the one that the changes come from.
    #[error("change {0} does not follow from what this catalogue holds")]
    Diverged(i64),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// See the module.
pub(super) struct Catalogue {
    path: PathBuf,
    /// One connection, because SQLite has one writer.
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Change {
    fn chained(mut self, before: &str) -> Self {
        let text = format!(
            "{before}|{}|{}|{}|{}|{}|{}|{}",
            self.seq, self.term, self.key, self.version, self.digest, self.locations, self.deleted
        );
        crate::seed::digest(text.as_bytes())[..16].clone_into(&mut self.chain);
        self
    }
}

impl Catalogue {
    pub(super) async fn open(folder: &Path, settings: config::MetadataDatabase) -> Result<Self, DepotError> {
        std::fs::create_dir_all(folder).map_err(DepotError::file("make", folder))?;
        let path = folder.join(DATABASE);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_millis(settings.busy_timeout_ms))
            // Indexes are made by people who know why, and are missed when they are gone.
            .pragma("automatic_index", "OFF")
            .pragma("max_page_count", (settings.max_mib * PAGES_PER_MIB).to_string());
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
        sqlx::raw_sql(SCHEMA).execute(&writer).await?;
        import(&writer, &folder.join(IMPORT)).await?;
        let readers = SqlitePoolOptions::new().max_connections(3).connect_with(options).await?;
        Ok(Self { path, writer, readers })
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) async fn answers(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map(drop)
    }

    pub(super) async fn count(&self) -> Result<i64, sqlx::Error> {
        sqlx::query("SELECT count(*) FROM objects").fetch_one(&self.readers).await?.try_get(0)
    }

    pub(super) async fn has(&self, key: &str) -> Result<bool, sqlx::Error> {
        let there = sqlx::query("SELECT 1 FROM objects WHERE key = ?").bind(key);
        Ok(there.fetch_optional(&self.readers).await?.is_some())
    }

    /// Bytes that a user stores under all keys but `key`.
    pub(super) async fn used_by(&self, owner: &str, key: &str) -> Result<u64, sqlx::Error> {
        let used: i64 =
            sqlx::query("SELECT coalesce(sum(size), 0) FROM objects WHERE owner = ? AND key <> ?")
                .bind(owner)
                .bind(key)
                .fetch_one(&self.readers)
                .await?
                .try_get(0)?;
        Ok(used.unsigned_abs())
    }

    /// What every user stores, the most first.
    pub(super) async fn usage(&self) -> Result<Vec<Usage>, sqlx::Error> {
        let rows =
            sqlx::query("SELECT owner, count(*), sum(size) FROM objects GROUP BY owner ORDER BY 3 DESC, 1")
                .fetch_all(&self.readers)
                .await?;
        rows.iter()
            .map(|row| Ok(Usage { owner: row.try_get(0)?, objects: row.try_get(1)?, bytes: row.try_get(2)? }))
            .collect()
    }

    pub(super) async fn reserve(&self, wanted: &Wanted) -> Result<u64, sqlx::Error> {
        let now = SystemClock.now();
        let made = sqlx::query("INSERT INTO reservations (key, size, owner, made_ms) VALUES (?, ?, ?, ?)")
            .bind(&wanted.key)
            .bind(wanted.size.cast_signed())
            .bind(&wanted.owner)
            .bind(now.millis())
            .execute(&self.writer)
            .await?;
        let version = made.last_insert_rowid();
        if version % 500 == 0 {
            self.forget_reservations().await?;
        }
        Ok(version.cast_unsigned())
    }

    async fn forget_reservations(&self) -> Result<(), sqlx::Error> {
        let oldest = (SystemClock.now() - RESERVATION).millis();
        let old = sqlx::query("DELETE FROM reservations WHERE made_ms < ?").bind(oldest);
        old.execute(&self.writer).await.map(drop)
    }

    /// Whether there was such a reservation.
    pub(super) async fn commit(
        &self,
        version: u64,
        commit: &Commit,
        term: u64,
        keep: u64,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        let reserved = sqlx::query("DELETE FROM reservations WHERE version = ? RETURNING key, owner")
            .bind(version.cast_signed())
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(reserved) = reserved else {
            return Ok(false);
        };
        let change = Change {
            seq: 0,
            term: term.cast_signed(),
            key: reserved.try_get(0)?,
            version: version.cast_signed(),
            size: commit.size.cast_signed(),
            digest: commit.digest.clone(),
            locations: commit.locations.join(","),
            owner: reserved.try_get(1)?,
            changed_ms: SystemClock.now().millis(),
            deleted: false,
            chain: String::new(),
        };
        if put(&mut transaction, &change).await? {
            append(&mut transaction, change, keep).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Notes that `node` holds this version as well. Whether that was news.
    pub(super) async fn add_location(
        &self,
        key: &str,
        version: u64,
        node: &str,
        term: u64,
        keep: u64,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        let row = sqlx::query(
            "UPDATE objects SET locations = locations || ',' || ?3
             WHERE key = ?1 AND version = ?2 AND instr(',' || locations || ',', ',' || ?3 || ',') = 0
             RETURNING key, version, size, digest, locations, owner, changed_ms",
        )
        .bind(key)
        .bind(version.cast_signed())
        .bind(node)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        append(&mut transaction, change_of(&row, term, false)?, keep).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes all objects of a user out of the catalogue.
    pub(super) async fn purge(&self, owner: &str, term: u64, keep: u64) -> Result<Vec<String>, sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        let rows = sqlx::query(
            "DELETE FROM objects WHERE owner = ?
             RETURNING key, version, size, digest, locations, owner, changed_ms",
        )
        .bind(owner)
        .fetch_all(&mut *transaction)
        .await?;
        let mut keys = Vec::new();
        for row in &rows {
            let change = change_of(row, term, true)?;
            keys.push(change.key.clone());
            append(&mut transaction, change, keep).await?;
        }
        transaction.commit().await?;
        Ok(keys)
    }

    pub(super) async fn find(&self, key: &str) -> Result<Option<Entry>, sqlx::Error> {
        let found = sqlx::query(
            "SELECT key, version, size, digest, locations, owner, changed_ms, 0 AS shared
             FROM objects WHERE key = ?",
        );
        found.bind(key).fetch_optional(&self.readers).await?.as_ref().map(entry).transpose()
    }

    pub(super) async fn list(&self, prefix: &str, max: u64) -> Result<Vec<Entry>, sqlx::Error> {
        // Keys are ASCII, so the highest character ends the range.
        let found = sqlx::query(
            "SELECT key, version, size, digest, locations, owner, changed_ms,
                (SELECT count(*) FROM shares WHERE shares.key = objects.key) AS shared
             FROM objects WHERE key >= ?1 AND key < ?1 || char(1114111) ORDER BY key LIMIT ?2",
        );
        let rows = found.bind(prefix).bind(max.cast_signed()).fetch_all(&self.readers).await?;
        rows.iter().map(entry).collect()
    }

    pub(super) async fn position(&self) -> Result<Position, sqlx::Error> {
        position(&mut *self.readers.acquire().await?).await
    }

    /// The chain at `seq`; nothing if that change is not kept.
    pub(super) async fn chain_at(&self, seq: i64) -> Result<Option<String>, sqlx::Error> {
        if seq == 0 {
            let first: Option<i64> =
                sqlx::query("SELECT min(seq) FROM changes").fetch_one(&self.readers).await?.try_get(0)?;
            return Ok(first.is_none_or(|first| first == 1).then(String::new));
        }
        let found = sqlx::query("SELECT chain FROM changes WHERE seq = ?").bind(seq);
        found.fetch_optional(&self.readers).await?.map(|row| row.try_get(0)).transpose()
    }

    pub(super) async fn changes(&self, after: i64, max: u64) -> Result<Vec<Change>, sqlx::Error> {
        let found = sqlx::query("SELECT * FROM changes WHERE seq > ? ORDER BY seq LIMIT ?");
        let rows = found.bind(after).bind(max.cast_signed()).fetch_all(&self.readers).await?;
        rows.iter()
            .map(|row| {
                let seq = row.try_get("seq")?;
                let chain = row.try_get("chain")?;
                let term: i64 = row.try_get("term")?;
                let change = change_of(row, term.cast_unsigned(), row.try_get("deleted")?)?;
                Ok(Change { seq, chain, ..change })
            })
            .collect()
    }

    /// Makes changes of another catalogue its own, all or none. Those that it has already are passed over.
    pub(super) async fn apply(&self, changes: &[Change], keep: u64) -> Result<(), ApplyError> {
        let mut transaction = self.writer.begin().await?;
        let last = position(&mut transaction).await?;
        for change in changes {
            if change.seq <= last.seq {
                let own = sqlx::query("SELECT 1 FROM changes WHERE seq = ? AND chain = ?");
                let own = own.bind(change.seq).bind(&change.chain).fetch_optional(&mut *transaction).await?;
                own.ok_or(ApplyError::Diverged(change.seq))?;
                continue;
            }
            if change.deleted {
                let gone = sqlx::query("DELETE FROM objects WHERE key = ?").bind(&change.key);
                gone.execute(&mut *transaction).await?;
            } else {
                put(&mut transaction, change).await?;
            }
            let appended = append(&mut transaction, change.clone(), keep).await?;
            if appended != *change {
                return Err(ApplyError::Diverged(change.seq));
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    pub(super) async fn snapshot(&self) -> Result<Snapshot, sqlx::Error> {
        let mut transaction = self.readers.begin().await?;
        let rows = sqlx::query("SELECT *, 0 AS shared FROM objects").fetch_all(&mut *transaction).await?;
        let objects = rows.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Snapshot { position: position(&mut transaction).await?, objects })
    }

    /// Forgets what it holds and takes over `snapshot`.
    pub(super) async fn restore(&self, snapshot: &Snapshot, term: u64) -> Result<(), sqlx::Error> {
        let mut transaction = self.writer.begin().await?;
        sqlx::raw_sql("DELETE FROM objects; DELETE FROM changes; DELETE FROM reservations;")
            .execute(&mut *transaction)
            .await?;
        for entry in &snapshot.objects {
            insert(&mut transaction, entry).await.map_err(sqlx::Error::Protocol)?;
        }
        if snapshot.position.seq > 0 {
            // Stands for all that came before.
            sqlx::query(
                "INSERT INTO changes (seq, term, key, version, size, digest, locations, owner, changed_ms, deleted, chain)
                 VALUES (?, ?, '', 0, 0, '', '', '', 0, 1, ?)",
            )
            .bind(snapshot.position.seq)
            .bind(term.cast_signed())
            .bind(&snapshot.position.chain)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await
    }

    /// Versions go on well after the highest one that is known here.
    pub(super) async fn skip_versions(&self) -> Result<(), sqlx::Error> {
        const SKIP: i64 = 1000;
        sqlx::query(
            "UPDATE sqlite_sequence SET seq = max(seq, (SELECT coalesce(max(version), 0) FROM objects)) + ?
             WHERE name = 'reservations'",
        )
        .bind(SKIP)
        .execute(&self.writer)
        .await
        .map(drop)
    }

    /// A digest of all objects: two catalogues that hold the same have the same.
    pub(super) async fn checksum(&self) -> Result<String, sqlx::Error> {
        let rows = sqlx::query(
            "SELECT key || '|' || version || '|' || digest || '|' || locations FROM objects ORDER BY key",
        )
        .fetch_all(&self.readers)
        .await?;
        let lines: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        Ok(crate::seed::digest(lines?.join("\n").as_bytes())[..16].to_owned())
    }

    /// Which of [`INDEXES`] are there.
    pub(super) async fn indexes(&self) -> Result<Vec<(&'static str, bool)>, sqlx::Error> {
        let rows = sqlx::query("SELECT name FROM sqlite_master WHERE type = 'index'");
        let rows = rows.fetch_all(&self.readers).await?;
        let there: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        Ok(INDEXES.iter().map(|(name, ..)| (*name, there.iter().any(|is| is == name))).collect())
    }

    /// Makes one of [`INDEXES`]; false if it is none of them.
    pub(super) async fn create_index(&self, name: &str) -> Result<bool, sqlx::Error> {
        let Some((name, table, column)) = INDEXES.iter().find(|(known, ..)| *known == name) else {
            return Ok(false);
        };
        let text = format!("CREATE INDEX IF NOT EXISTS {name} ON {table} ({column})");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&self.writer).await?;
        Ok(true)
    }

    /// Forgets old reservations and changes that nobody needs, and gives the space back.
    pub(super) async fn vacuum(&self, keep: u64) -> Result<(), sqlx::Error> {
        self.forget_reservations().await?;
        trim(&mut *self.writer.acquire().await?, keep).await?;
        sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").execute(&self.writer).await.map(drop)
    }

    /// The size of the database's file, and the bytes in it that hold nothing.
    pub(super) async fn sizes(&self) -> Result<(u64, u64), sqlx::Error> {
        let free: i64 = sqlx::query("PRAGMA freelist_count").fetch_one(&self.readers).await?.try_get(0)?;
        let bytes = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        Ok((bytes, free.unsigned_abs() * (1024 * 1024 / PAGES_PER_MIB)))
    }
}

async fn position(connection: &mut SqliteConnection) -> Result<Position, sqlx::Error> {
    let row = sqlx::query("SELECT seq, chain FROM changes ORDER BY seq DESC LIMIT 1");
    match row.fetch_optional(connection).await? {
        Some(row) => Ok(Position { seq: row.try_get(0)?, chain: row.try_get(1)? }),
        None => Ok(Position::default()),
    }
}

/// Puts the object in place, unless a newer version is there. Whether it did.
async fn put(connection: &mut SqliteConnection, change: &Change) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO objects (key, version, size, digest, locations, owner, changed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (key) DO UPDATE
         SET version = ?2, size = ?3, digest = ?4, locations = ?5, owner = ?6, changed_ms = ?7
         WHERE version <= ?2",
    )
    .bind(&change.key)
    .bind(change.version)
    .bind(change.size)
    .bind(&change.digest)
    .bind(&change.locations)
    .bind(&change.owner)
    .bind(change.changed_ms)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Adds a change to the log, with its number and its link in the chain.
async fn append(connection: &mut SqliteConnection, change: Change, keep: u64) -> Result<Change, sqlx::Error> {
    let last = position(connection).await?;
    let change = Change { seq: last.seq + 1, ..change }.chained(&last.chain);
    sqlx::query("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(change.seq)
        .bind(change.term)
        .bind(&change.key)
        .bind(change.version)
        .bind(change.size)
        .bind(&change.digest)
        .bind(&change.locations)
        .bind(&change.owner)
        .bind(change.changed_ms)
        .bind(change.deleted)
        .bind(&change.chain)
        .execute(&mut *connection)
        .await?;
    if change.seq % 500 == 0 {
        trim(connection, keep).await?;
    }
    Ok(change)
}

async fn trim(connection: &mut SqliteConnection, keep: u64) -> Result<(), sqlx::Error> {
    let old = sqlx::query("DELETE FROM changes WHERE seq <= (SELECT max(seq) FROM changes) - ?");
    old.bind(keep.cast_signed()).execute(connection).await.map(drop)
}

/// The object in `row` as a change that has no number yet.
fn change_of(row: &SqliteRow, term: u64, deleted: bool) -> Result<Change, sqlx::Error> {
    Ok(Change {
        seq: 0,
        term: term.cast_signed(),
        key: row.try_get("key")?,
        version: row.try_get("version")?,
        size: row.try_get("size")?,
        digest: row.try_get("digest")?,
        locations: row.try_get("locations")?,
        owner: row.try_get("owner")?,
        changed_ms: row.try_get("changed_ms")?,
        deleted,
        chain: String::new(),
    })
}

fn entry(row: &SqliteRow) -> Result<Entry, sqlx::Error> {
    let locations: String = row.try_get("locations")?;
    Ok(Entry {
        key: row.try_get("key")?,
        version: row.try_get::<i64, _>("version")?.cast_unsigned(),
        size: row.try_get::<i64, _>("size")?.cast_unsigned(),
        digest: row.try_get("digest")?,
        locations: locations.split(',').map(str::to_owned).collect(),
        owner: row.try_get("owner")?,
        changed: At::from_millis(row.try_get("changed_ms")?).to_string(),
        shared: row.try_get::<i64, _>("shared")?.unsigned_abs(),
    })
}

/// Adds an object that is not there yet; the error is a sentence.
async fn insert(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), String> {
    let changed = At::try_from(entry.changed.clone()).map_err(|err| err.to_string())?;
    sqlx::query(
        "INSERT INTO objects (key, version, size, digest, locations, owner, changed_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&entry.key)
    .bind(entry.version.cast_signed())
    .bind(entry.size.cast_signed())
    .bind(&entry.digest)
    .bind(entry.locations.join(","))
    .bind(&entry.owner)
    .bind(changed.millis())
    .execute(connection)
    .await
    .map(drop)
    .map_err(|err| err.to_string())
}

/// Fills an empty catalogue from the file at `path`, if there is one. Versions go on after the highest one.
async fn import(writer: &SqlitePool, path: &Path) -> Result<(), DepotError> {
    let mut transaction = writer.begin().await?;
    let used = sqlx::query("SELECT 1 FROM objects UNION ALL SELECT 1 FROM sqlite_sequence LIMIT 1");
    if used.fetch_optional(&mut *transaction).await?.is_some() {
        return Ok(());
    }
    let text = if path.exists() {
        std::fs::read_to_string(path).map_err(DepotError::file("read", path))?
    } else {
        String::new()
    };
    let bad = |problem: String| DepotError::Config { path: path.to_owned(), problem };
    let (mut highest, mut count) = (0, 0_i64);
    for line in text.lines() {
        let entry: Entry = serde_json::from_str(line).map_err(|err| bad(err.to_string()))?;
        highest = highest.max(entry.version);
        count += 1;
        insert(&mut transaction, &entry).await.map_err(bad)?;
    }
    sqlx::query("INSERT INTO sqlite_sequence (name, seq) VALUES ('reservations', ?)")
        .bind(highest.cast_signed())
        .execute(&mut *transaction)
        .await?;
    if count > 0 {
        sqlx::query(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
             INSERT INTO shares SELECT 'obj-' || (i % ?2), 'person-' || (i / ?2) FROM n",
        )
        .bind(SHARES)
        .bind(count)
        .execute(&mut *transaction)
        .await?;
    }
    for (name, table, column) in INDEXES {
        let text = format!("CREATE INDEX {name} ON {table} ({column})");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
