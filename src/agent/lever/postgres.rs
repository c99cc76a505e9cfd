//! Faults of a database in PostgreSQL: a session holds a table's lock, sessions take the server's connections, an index is
//! dropped, a statement of the target's owner is run. Sessions are told by their application name, which is the
//! injection's; they end with whoever holds them.

use super::{Hands, LeverError, failed, refused, seen};
use crate::{
    agent::held::pause_or_end,
    base::InjectionId,
    fault::{Inspection, Presence, Undone},
    scenario::pack::{PostgresLayout, StatementLayout},
};
use serde::{Deserialize, Serialize};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row,
    postgres::{PgConnectOptions, PgSslMode},
};
use std::{fs, net::SocketAddr, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long a look may take.
const LOOK_MAX: Duration = Duration::from_secs(4);
/// How long a change may take; whoever asks for it waits a little longer.
const CHANGE_MAX: Duration = Duration::from_secs(15);
/// How often connections that others have let go of are taken, too.
const TAKE_AGAIN: Duration = Duration::from_millis(500);
/// Most connections that are taken.
const CONNECTIONS_MAX: usize = 1000;

/// The database and what will be done to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// Where it is.
    pub server: PostgresLayout,
    /// The change.
    pub change: Change,
}

/// A change with all that its inverse needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(in crate::agent) enum Change {
    /// A session of the agent holds a table's lock.
    TableLock {
        /// The table.
        table: String,
    },
    /// Sessions of the agent take connections until no more than these are free.
    Connections {
        /// How many stay.
        free: u32,
    },
    /// An index is dropped.
    Index {
        /// Its name.
        index: String,
        /// The statement that made it.
        made_by: String,
    },
    /// A statement of the target's owner, as it was declared when this was armed.
    Statement(StatementLayout),
}

/// The database of that name, if PostgreSQL has it.
pub(super) fn find<'a>(hands: &'a Hands, database: &str) -> Option<&'a PostgresLayout> {
    hands.layout.postgres.iter().find(|layout| layout.database == database)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl PreImage {
    fn of(server: &PostgresLayout, change: Change) -> Self {
        // Statements that this is not about have no place in its record.
        Self { server: PostgresLayout { statements: Vec::new(), ..server.clone() }, change }
    }

    pub(super) async fn table_lock(server: &PostgresLayout, table: &str) -> Result<Self, LeverError> {
        let pre = Self::of(server, Change::TableLock { table: table.to_owned() });
        let found = pre.text("SELECT to_regclass(quote_ident($1))::text", table).await?;
        match found {
            Some(_) => Ok(pre),
            None => Err(refused(format!("database `{}` has no table `{table}`", server.database))),
        }
    }

    pub(super) async fn connections(server: &PostgresLayout, free: u32) -> Result<Self, LeverError> {
        let pre = Self::of(server, Change::Connections { free });
        let now = pre.free_connections(&mut pre.looker().await?).await?;
        if now > i64::from(free) {
            return Ok(pre);
        }
        Err(refused(format!("no more than {now} connections to `{}` are free already", server.database)))
    }

    pub(super) async fn index(server: &PostgresLayout, index: &str) -> Result<Self, LeverError> {
        let change = |made_by| Change::Index { index: index.to_owned(), made_by };
        let pre = Self::of(server, change(String::new()));
        let made_by = pre.index_now(index).await?.ok_or_else(|| {
            let database = &server.database;
            refused(format!("database `{database}` has no index `{index}` that only makes reading faster"))
        })?;
        Ok(Self { change: change(made_by), ..pre })
    }

    /// Takes only what can be seen to be absent, as for the owner's commands.
    pub(super) async fn statement(server: &PostgresLayout, name: &str) -> Result<Self, LeverError> {
        let found = server.statements.iter().find(|one| one.name == name);
        let statement = found.ok_or_else(|| {
            refused(format!("database `{}` declares no statement `{name}`", server.database))
        })?;
        let pre = Self::of(server, Change::Statement(statement.clone()));
        match pre.effect_of(statement).await?.presence {
            Presence::Clean => Ok(pre),
            _ => Err(refused(format!("the effect of `{name}` is there already"))),
        }
    }

    /// Whether a second change would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        if (&self.server.address, &self.server.name) != (&other.server.address, &other.server.name) {
            return false;
        }
        match (&self.change, &other.change) {
            (Change::Index { index, .. }, Change::Index { index: other, .. }) => index == other,
            (Change::Statement(one), Change::Statement(other)) => one.name == other.name,
            (Change::Index { .. }, Change::Statement(_)) | (Change::Statement(_), Change::Index { .. }) => {
                false
            }
            // Whoever undoes the other needs a connection, and the table.
            _ => true,
        }
    }

    fn options(&self, id: Option<&InjectionId>, most: Duration) -> Result<PgConnectOptions, LeverError> {
        let server = &self.server;
        let address: SocketAddr = server
            .address
            .parse()
            .map_err(|_| LeverError::Failed(format!("`{}` is no address of a server", server.address)))?;
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&address.ip().to_string())
            .port(address.port())
            .username(&server.user)
            .database(&server.name)
            .ssl_mode(PgSslMode::Disable)
            .application_name(id.map_or("gameday", |id| id.as_str()))
            .options([("statement_timeout", most.as_millis().to_string())]);
        if id.is_none() {
            options = options.options([("default_transaction_read_only", "on")]);
        }
        if let Some(file) = &server.password_file {
            let password = fs::read_to_string(file).map_err(|err| failed("read", file, &err))?;
            options = options.password(password.trim_end());
        }
        Ok(options.disable_statement_logging())
    }

    fn broken(&self, err: &sqlx::Error) -> LeverError {
        let PostgresLayout { database, address, .. } = &self.server;
        LeverError::Failed(format!("could not use the database `{database}` at {address}: {err}"))
    }

    async fn within<T>(
        &self,
        most: Duration,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, LeverError> {
        if let Ok(done) = tokio::time::timeout(most, work).await {
            return done.map_err(|err| self.broken(&err));
        }
        let (database, ms) = (&self.server.database, most.as_millis());
        Err(LeverError::Failed(format!("the database `{database}` did not answer within {ms} ms")))
    }

    /// A session that can change nothing.
    async fn looker(&self) -> Result<PgConnection, LeverError> {
        let options = self.options(None, LOOK_MAX)?;
        self.within(LOOK_MAX, options.connect()).await
    }

    /// The first column of the only row, or nothing.
    async fn text(&self, statement: &'static str, about: &str) -> Result<Option<String>, LeverError> {
        let mut connection = self.looker().await?;
        let look = async {
            let row = sqlx::query(statement).bind(about).fetch_optional(&mut connection).await?;
            row.map_or(Ok(None), |row| row.try_get(0))
        };
        self.within(LOOK_MAX, look).await
    }

    /// The statement that made an index; nothing if there is none, or one that guards what may be written.
    async fn index_now(&self, index: &str) -> Result<Option<String>, LeverError> {
        let statement = "SELECT pg_get_indexdef(indexrelid) FROM pg_index
            WHERE indexrelid = to_regclass(quote_ident($1)) AND NOT indisunique AND NOT indisexclusion";
        self.text(statement, index).await
    }

    /// Connections that anybody could still have, those for administrators included.
    async fn free_connections(&self, connection: &mut PgConnection) -> Result<i64, LeverError> {
        let statement = "SELECT current_setting('max_connections')::bigint - count(*) FROM pg_stat_activity
            WHERE backend_type = 'client backend'";
        let look = async { sqlx::query(statement).fetch_one(connection).await?.try_get(0) };
        self.within(LOOK_MAX, look).await
    }

    async fn effect_of(&self, statement: &StatementLayout) -> Result<Inspection, LeverError> {
        let mut connection = self.looker().await?;
        let look = async {
            let row =
                sqlx::query(AssertSqlSafe(statement.inspect.clone())).fetch_one(&mut connection).await?;
            row.try_get::<bool, _>(0)
        };
        let there = self.within(LOOK_MAX, look).await?;
        let presence = if there { Presence::Present } else { Presence::Clean };
        Ok(seen(presence, format!("inspect of `{}` says {there}", statement.name)))
    }

    async fn run(&self, id: &InjectionId, statement: String) -> Result<(), LeverError> {
        let options = self.options(Some(id), CHANGE_MAX)?;
        let work = async {
            let mut connection = options.connect().await?;
            // Several statements in one message are one transaction.
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
            connection.close().await
        };
        self.within(CHANGE_MAX, work).await
    }

    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        match &self.change {
            Change::TableLock { .. } | Change::Connections { .. } => self.hold(hands, id).await,
            Change::Index { index, made_by } => {
                if self.index_now(index).await?.as_ref() != Some(made_by) {
                    return Err(refused(format!("index `{index}` has changed since this was armed")));
                }
                self.run(id, format!("DROP INDEX {}", quoted(index))).await
            }
            Change::Statement(statement) => self.run(id, statement.apply.clone()).await,
        }
    }

    /// Sessions that do not go on. They end with the task, and have written nothing.
    async fn hold(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let (pre, own) = (self.clone(), id.clone());
        let (told, holds) = tokio::sync::oneshot::channel();
        hands.tasks.hold(id, async move |end| {
            let mut sessions = Vec::new();
            let begun = match &pre.change {
                Change::TableLock { table } => pre.lock(&own, table, &mut sessions).await,
                Change::Connections { free } => pre.take_connections(&own, *free, &mut sessions).await,
                _ => Ok(()),
            };
            let begun_well = begun.is_ok();
            let _ = told.send(begun);
            if begun_well {
                pre.until(&own, &mut sessions, &end).await;
            }
            for session in sessions {
                let _ = session.close().await;
            }
        });
        match tokio::time::timeout(CHANGE_MAX, holds).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(err))) => {
                hands.tasks.let_go(id).await;
                Err(err)
            }
            _ => {
                let database = &self.server.database;
                Err(LeverError::Failed(format!("the sessions on `{database}` did not begin in time")))
            }
        }
    }

    async fn lock(
        &self,
        id: &InjectionId,
        table: &str,
        sessions: &mut Vec<PgConnection>,
    ) -> Result<(), LeverError> {
        let options = self.options(Some(id), CHANGE_MAX)?;
        let statement = format!("BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", quoted(table));
        let work = async {
            let mut connection = options.connect().await?;
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
            Ok(connection)
        };
        sessions.push(self.within(CHANGE_MAX, work).await?);
        Ok(())
    }

    /// Takes connections until no more than `free` are left, or the server gives no more.
    async fn take_connections(
        &self,
        id: &InjectionId,
        free: u32,
        sessions: &mut Vec<PgConnection>,
    ) -> Result<(), LeverError> {
        let options = self.options(Some(id), LOOK_MAX)?;
        if sessions.is_empty() {
            sessions.push(self.within(LOOK_MAX, options.connect()).await?);
        }
        while sessions.len() < CONNECTIONS_MAX
            && self.free_connections(&mut sessions[0]).await? > i64::from(free)
        {
            match tokio::time::timeout(LOOK_MAX, options.connect()).await {
                Ok(Ok(session)) => sessions.push(session),
                _ => break,
            }
        }
        Ok(())
    }

    /// Goes on until the end.
    async fn until(&self, id: &InjectionId, sessions: &mut Vec<PgConnection>, end: &CancellationToken) {
        let Change::Connections { free } = &self.change else {
            return end.cancelled().await;
        };
        while !pause_or_end(TAKE_AGAIN, end).await {
            if self.take_connections(id, *free, sessions).await.is_err() {
                // The server was started again, or hangs: what was held may be gone, and is taken anew.
                sessions.clear();
            }
        }
    }

    pub(super) async fn inspect(&self, hands: &Hands, id: &InjectionId) -> Result<Inspection, LeverError> {
        let database = &self.server.database;
        match &self.change {
            Change::TableLock { .. } | Change::Connections { .. } if hands.tasks.holds(id) => {
                Ok(seen(Presence::Present, format!("sessions of ours are on {database}")))
            }
            // Sessions end with whoever holds them.
            Change::TableLock { .. } | Change::Connections { .. } => {
                Ok(seen(Presence::Clean, format!("no session of ours is on {database}")))
            }
            Change::Index { index, made_by } => Ok(match self.index_now(index).await? {
                None => seen(Presence::Present, format!("index {index} is gone")),
                Some(now) if now == *made_by => seen(Presence::Clean, format!("index {index} is there")),
                Some(_) => seen(Presence::Diverged, format!("index {index} is another than before")),
            }),
            Change::Statement(statement) => self.effect_of(statement).await,
        }
    }

    pub(super) async fn undo(&self, hands: &Hands, id: &InjectionId) -> Result<Undone, LeverError> {
        let inverse = match &self.change {
            Change::TableLock { .. } | Change::Connections { .. } => {
                let held = hands.tasks.let_go(id).await;
                return Ok(if held { Undone::Restored } else { Undone::AlreadyClean });
            }
            Change::Index { made_by, .. } => made_by,
            Change::Statement(statement) => &statement.revert,
        };
        match self.inspect(hands, id).await?.presence {
            Presence::Clean => return Ok(Undone::AlreadyClean),
            Presence::Present => {}
            _ => return Ok(Undone::Diverged),
        }
        self.run(id, inverse.clone()).await?;
        let now = self.inspect(hands, id).await?;
        if now.presence == Presence::Clean {
            Ok(Undone::Restored)
        } else {
            Err(LeverError::Failed(format!("reverted, but it is not gone: {}", now.detail)))
        }
    }
}
