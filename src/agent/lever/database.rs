//! Faults of a SQLite database: its write lock is held, an index is dropped, a table is bloated. Each is one statement
//! or session that is known to have an inverse.

use super::{Hands, LeverError, file_swap::inside, refused, seen};
use crate::{
    base::InjectionId,
    fault::{Inspection, Presence, Undone},
    scenario::pack::DatabaseLayout,
};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::PathBuf, time::Duration};

/// How long a statement waits for locks of others.
const BUSY: Duration = Duration::from_secs(5);
/// How long a session may take until it holds the lock.
const LOCK_LIMIT: Duration = Duration::from_secs(10);

/// The database and what will be done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The database's name.
    pub database: String,
    /// Its file.
    pub path: PathBuf,
    /// The change.
    pub change: Change,
}

/// A change with all that its inverse needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(in crate::agent) enum Change {
    /// A session of the agent holds the write lock. Nobody held it for us before.
    Lock,
    /// An index is dropped.
    Index {
        /// Its name.
        index: String,
        /// The statement that made it.
        made_by: String,
    },
    /// Copies of a table's first row. There were none with this mark.
    Bloat {
        /// The table.
        table: String,
        /// The column that tells the copies.
        column: String,
        /// What it begins with in each of them.
        mark: String,
        /// How many.
        rows: u32,
        /// The columns that are copied as they are, in order.
        others: Vec<String>,
    },
}

pub(super) fn broken(path: &std::path::Path, err: &sqlx::Error) -> LeverError {
    LeverError::Failed(format!("could not use the database {}: {err}", path.display()))
}

pub(super) async fn open(path: &std::path::Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(BUSY);
    options.disable_statement_logging().connect().await
}

async fn run(connection: &mut SqliteConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// A name that stands in a statement.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl PreImage {
    fn find<'a>(hands: &'a Hands, database: &str) -> Result<(&'a DatabaseLayout, PathBuf), LeverError> {
        let mut databases = hands.layout.databases.iter();
        let layout = databases
            .find(|layout| layout.database == database)
            .ok_or_else(|| refused(format!("there is no database `{database}` here")))?;
        Ok((layout, inside(hands, &layout.path)?))
    }

    pub(super) fn lock(hands: &Hands, database: &str) -> Result<Self, LeverError> {
        let (_, path) = Self::find(hands, database)?;
        Ok(Self { database: database.to_owned(), path, change: Change::Lock })
    }

    pub(super) async fn index(hands: &Hands, database: &str, index: &str) -> Result<Self, LeverError> {
        let (_, path) = Self::find(hands, database)?;
        let made_by = index_in(&path, index).await.map_err(|err| broken(&path, &err))?;
        let none = || refused(format!("database `{database}` has no index `{index}` that somebody has made"));
        let change = Change::Index { index: index.to_owned(), made_by: made_by.ok_or_else(none)? };
        Ok(Self { database: database.to_owned(), path, change })
    }

    pub(super) async fn bloat(
        hands: &Hands,
        (database, table, column): (&str, &str, &str),
        rows: u32,
        id: &InjectionId,
    ) -> Result<Self, LeverError> {
        let (_, path) = Self::find(hands, database)?;
        let columns = columns_of(&path, table).await.map_err(|err| broken(&path, &err))?;
        if !columns.iter().any(|(name, _)| name == column) {
            return Err(refused(format!(
                "database `{database}` has no table `{table}` with a column `{column}`"
            )));
        }
        // A number that is the key of its row is given by the database.
        let others = columns.into_iter().filter(|(name, is_key)| name != column && !is_key);
        let change = Change::Bloat {
            table: table.to_owned(),
            column: column.to_owned(),
            mark: format!("{id}-"),
            rows,
            others: others.map(|(name, _)| name).collect(),
        };
        let pre = Self { database: database.to_owned(), path, change };
        match pre.presence().await?.0 {
            Presence::Clean => Ok(pre),
            _ => Err(refused(format!("table `{table}` holds such rows already"))),
        }
    }

    /// Whether a second change would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if self.path != other.path {
            return false;
        }
        match (&self.change, &other.change) {
            (Change::Index { index, .. }, Change::Index { index: other, .. }) => index == other,
            (Change::Bloat { table, .. }, Change::Bloat { table: other, .. }) => table == other,
            // Nobody else can write, and so undo, while the lock is held.
            (Change::Lock, _) | (_, Change::Lock) => true,
            _ => false,
        }
    }

    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let statement = match &self.change {
            Change::Lock => return self.hold_lock(hands, id).await,
            Change::Index { index, made_by } => {
                let now = index_in(&self.path, index).await.map_err(|err| broken(&self.path, &err))?;
                if now.as_ref() != Some(made_by) {
                    return Err(refused(format!("index `{index}` has changed since this was armed")));
                }
                format!("DROP INDEX {}", quoted(index))
            }
            Change::Bloat { table, column, mark, rows, others } => {
                let names: Vec<_> = others.iter().map(|name| format!(", {}", quoted(name))).collect();
                let copies: Vec<_> = others.iter().map(|name| format!(", first.{}", quoted(name))).collect();
                let (names, copies) = (names.concat(), copies.concat());
                let (table, column) = (quoted(table), quoted(column));
                format!(
                    "WITH RECURSIVE each(nth) AS (SELECT 1 UNION ALL SELECT nth + 1 FROM each WHERE nth < {rows}) \
                     INSERT INTO {table} ({column}{names}) \
                     SELECT '{mark}' || each.nth{copies} FROM each, (SELECT * FROM {table} LIMIT 1) AS first"
                )
            }
        };
        self.write(statement).await
    }

    /// One statement, whole or not at all.
    async fn write(&self, statement: String) -> Result<(), LeverError> {
        let write = async {
            let mut connection = open(&self.path).await?;
            run(&mut connection, statement).await?;
            connection.close().await
        };
        write.await.map_err(|err| broken(&self.path, &err))
    }

    /// A session that begins to write and does not go on. It rolls back when it ends, and has written nothing.
    async fn hold_lock(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let (path, database) = (self.path.clone(), self.database.clone());
        let (told, holds) = tokio::sync::oneshot::channel();
        hands.tasks.hold(id, async move |end| {
            let lock = async {
                let mut connection = open(&path).await?;
                run(&mut connection, "BEGIN IMMEDIATE".to_owned()).await?;
                Ok::<_, sqlx::Error>(connection)
            };
            match lock.await {
                Ok(mut connection) => {
                    let _ = told.send(Ok(()));
                    end.cancelled().await;
                    let _ = run(&mut connection, "ROLLBACK".to_owned()).await;
                    let _ = connection.close().await;
                }
                Err(err) => drop(told.send(Err(err))),
            }
        });
        match tokio::time::timeout(LOCK_LIMIT, holds).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(err))) => {
                hands.tasks.let_go(id).await;
                Err(refused(format!("could not take the lock of database `{database}`: {err}")))
            }
            _ => Err(LeverError::Failed(format!("the lock of database `{database}` did not come in time"))),
        }
    }

    async fn presence(&self) -> Result<(Presence, String), LeverError> {
        let broken = |err: sqlx::Error| broken(&self.path, &err);
        Ok(match &self.change {
            Change::Lock => (Presence::Clean, format!("no session of ours is on {}", self.database)),
            Change::Index { index, made_by } => match index_in(&self.path, index).await.map_err(broken)? {
                None => (Presence::Present, format!("index {index} is gone")),
                Some(now) if now == *made_by => (Presence::Clean, format!("index {index} is there")),
                Some(_) => (Presence::Diverged, format!("index {index} is another than before")),
            },
            Change::Bloat { table, column, mark, .. } => {
                let count = count(&self.path, table, column, mark).await.map_err(broken)?;
                let presence = if count > 0 { Presence::Present } else { Presence::Clean };
                (presence, format!("{count} rows of table {table} are ours"))
            }
        })
    }

    pub(super) async fn inspect(&self, hands: &Hands, id: &InjectionId) -> Result<Inspection, LeverError> {
        if self.change == Change::Lock && hands.tasks.holds(id) {
            return Ok(seen(Presence::Present, format!("a session holds the lock of {}", self.database)));
        }
        self.presence().await.map(|(presence, detail)| seen(presence, detail))
    }

    pub(super) async fn undo(&self, hands: &Hands, id: &InjectionId) -> Result<Undone, LeverError> {
        if self.change == Change::Lock {
            let held = hands.tasks.let_go(id).await;
            return Ok(if held { Undone::Restored } else { Undone::AlreadyClean });
        }
        match self.presence().await?.0 {
            Presence::Present => {}
            Presence::Clean => return Ok(Undone::AlreadyClean),
            _ => return Ok(Undone::Diverged),
        }
        self.write(match &self.change {
            Change::Lock => return Ok(Undone::AlreadyClean),
            Change::Index { made_by, .. } => made_by.clone(),
            Change::Bloat { table, column, mark, .. } => {
                format!("DELETE FROM {} WHERE {}", quoted(table), is_ours(column, mark))
            }
        })
        .await?;
        Ok(Undone::Restored)
    }
}

/// The rows whose column begins with the mark.
fn is_ours(column: &str, mark: &str) -> String {
    format!("substr({}, 1, {}) = '{mark}'", quoted(column), mark.len())
}

/// The statement that made an index; nothing if there is none, or none that somebody wrote.
async fn index_in(path: &std::path::Path, index: &str) -> Result<Option<String>, sqlx::Error> {
    let mut connection = open(path).await?;
    let row = sqlx::query("SELECT sql FROM sqlite_master WHERE type = 'index' AND name = ?")
        .bind(index)
        .fetch_optional(&mut connection)
        .await?;
    connection.close().await?;
    row.map_or(Ok(None), |row| row.try_get(0))
}

/// The columns of a table, and of each whether it is the number that is the key of a row.
async fn columns_of(path: &std::path::Path, table: &str) -> Result<Vec<(String, bool)>, sqlx::Error> {
    let mut connection = open(path).await?;
    let rows = sqlx::query("SELECT name, pk > 0 AND upper(type) = 'INTEGER' FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)? != 0))).collect()
}

async fn count(path: &std::path::Path, table: &str, column: &str, mark: &str) -> Result<i64, sqlx::Error> {
    let mut connection = open(path).await?;
    let statement = format!("SELECT count(*) FROM {} WHERE {}", quoted(table), is_ours(column, mark));
    let row = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut connection).await?;
    connection.close().await?;
    row.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;
    use std::path::Path;

    const SCHEMA: &str = "PRAGMA journal_mode = WAL;
        CREATE TABLE objects (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
        CREATE INDEX objects_by_size ON objects (size);
        INSERT INTO objects (key, size) VALUES ('a', 1), ('b', 2);";

    async fn with_database(root: &Path) -> Hands {
        let mut hands = hands(root);
        let layout = std::sync::Arc::make_mut(&mut hands.layout);
        let path = layout.root.join("catalogue.db");
        layout.databases.push(DatabaseLayout {
            database: "catalogue".to_owned(),
            service: "web-east".parse().unwrap(),
            path: path.clone(),
        });
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        run(&mut connection, SCHEMA.to_owned()).await.unwrap();
        connection.close().await.unwrap();
        hands
    }

    /// What the service meets that writes and does not wait.
    async fn insert(path: &Path, key: &str) -> Result<(), sqlx::Error> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::ZERO);
        let mut connection = options.connect().await?;
        run(&mut connection, format!("INSERT INTO objects (key, size) VALUES ('{key}', 3)")).await
    }

    async fn rows(path: &Path) -> i64 {
        count(path, "objects", "key", "").await.unwrap()
    }

    async fn look(pre: &PreImage, hands: &Hands) -> Presence {
        pre.inspect(hands, &id()).await.unwrap().presence
    }

    #[tokio::test]
    async fn a_held_lock_lets_others_read_and_nobody_write() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with_database(folder.path()).await;
        let pre = PreImage::lock(&hands, "catalogue").unwrap();
        assert_eq!(look(&pre, &hands).await, Presence::Clean);
        pre.apply(&hands, &id()).await.unwrap();
        assert_eq!(look(&pre, &hands).await, Presence::Present);
        assert!(insert(&pre.path, "c").await.unwrap_err().to_string().contains("locked"));
        assert_eq!(rows(&pre.path).await, 2);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::Restored);
        insert(&pre.path, "c").await.unwrap();
        assert_eq!(look(&pre, &hands).await, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::AlreadyClean);
        assert!(PreImage::lock(&hands, "nowhere").is_err());
    }

    #[tokio::test]
    async fn an_index_is_dropped_and_made_again_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with_database(folder.path()).await;
        let take = async |index: &'static str| PreImage::index(&hands, "catalogue", index).await;
        let pre = take("objects_by_size").await.unwrap();
        pre.apply(&hands, &id()).await.unwrap();
        assert_eq!(index_in(&pre.path, "objects_by_size").await.unwrap(), None);
        assert_eq!(look(&pre, &hands).await, Presence::Present);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::Restored);
        assert_eq!(look(&pre, &hands).await, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::AlreadyClean);
        assert_eq!(take("objects_by_size").await.unwrap(), pre, "it is made as it was");
        // Somebody makes another one of the same name: hands off.
        pre.apply(&hands, &id()).await.unwrap();
        let theirs = "CREATE INDEX objects_by_size ON objects (size, key)";
        pre.write(theirs.to_owned()).await.unwrap();
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::Diverged);
        assert_eq!(index_in(&pre.path, "objects_by_size").await.unwrap().as_deref(), Some(theirs));
        assert!(matches!(pre.apply(&hands, &id()).await, Err(LeverError::Refused(_))));
        for none in ["nowhere", "sqlite_autoindex_objects_1"] {
            assert!(matches!(take(none).await, Err(LeverError::Refused(_))), "{none}");
        }
    }

    #[tokio::test]
    async fn a_table_is_bloated_and_only_our_rows_go() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with_database(folder.path()).await;
        let take =
            async |table, column| PreImage::bloat(&hands, ("catalogue", table, column), 500, &id()).await;
        let pre = take("objects", "key").await.unwrap();
        pre.apply(&hands, &id()).await.unwrap();
        assert_eq!(rows(&pre.path).await, 502);
        assert_eq!(look(&pre, &hands).await, Presence::Present);
        assert!(take("objects", "key").await.is_err(), "there are such rows");
        insert(&pre.path, "theirs").await.unwrap();
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::Restored);
        assert_eq!(rows(&pre.path).await, 3);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::AlreadyClean);
        for (table, column) in [("nowhere", "key"), ("objects", "nothing")] {
            assert!(matches!(take(table, column).await, Err(LeverError::Refused(_))), "{table}");
        }
    }
}
