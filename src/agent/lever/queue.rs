//! Items in a queue that whoever takes them cannot digest. The queue keeps its jobs in SQLite, which anybody may open
//! beside it: so items can be put in and taken out whether it runs, hangs or is gone.

use super::{Hands, LeverError, database, file_swap::inside, refused, seen};
use crate::{
    base::InjectionId,
    clock::{Clock, SystemClock},
    fault::{Inspection, Presence, Undone},
};
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::path::PathBuf;

/// The items, told by the injection in their request id. There were none before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The queue.
    pub queue: String,
    /// The database of its jobs.
    pub path: PathBuf,
    /// The kind of job.
    pub job: String,
    /// What it is about.
    pub payload: String,
    /// How many.
    pub copies: u32,
}

impl PreImage {
    pub(super) async fn take(
        hands: &Hands,
        id: &InjectionId,
        queue: &str,
        (job, payload): (&str, &str),
        copies: u32,
    ) -> Result<Self, LeverError> {
        let mut known = hands.layout.queues.iter();
        let layout = known
            .find(|layout| layout.service.as_str() == queue)
            .ok_or_else(|| refused(format!("there is no queue `{queue}` here")))?;
        let path = inside(hands, &layout.path)?;
        let (job, payload) = (job.to_owned(), payload.to_owned());
        let pre = Self { queue: queue.to_owned(), path, job, payload, copies };
        match pre.inspect(id).await?.presence {
            Presence::Clean => Ok(pre),
            _ => Err(refused(format!("queue `{queue}` holds items of `{id}` already"))),
        }
    }

    async fn open(&self) -> Result<SqliteConnection, LeverError> {
        database::open(&self.path).await.map_err(|err| self.broken(&err))
    }

    fn broken(&self, err: &sqlx::Error) -> LeverError {
        database::broken(&self.path, err)
    }

    pub(super) async fn apply(&self, id: &InjectionId) -> Result<(), LeverError> {
        let mut connection = self.open().await?;
        // All of them or none.
        let put = sqlx::query(
            "WITH RECURSIVE each(nth) AS (SELECT 1 UNION ALL SELECT nth + 1 FROM each WHERE nth < ?1)
             INSERT INTO jobs (kind, payload, request_id, due_ms, made_ms)
             SELECT ?2, ?3, ?4, ?5, ?5 FROM each",
        );
        let put = put.bind(self.copies).bind(&self.job).bind(&self.payload).bind(id.as_str());
        let put = put.bind(SystemClock.now().millis()).execute(&mut connection).await;
        put.map(drop).map_err(|err| self.broken(&err))
    }

    pub(super) async fn inspect(&self, id: &InjectionId) -> Result<Inspection, LeverError> {
        let mut connection = self.open().await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE request_id = ?").bind(id.as_str());
        let count: i64 = count.fetch_one(&mut connection).await.map_err(|err| self.broken(&err))?;
        let presence = if count > 0 { Presence::Present } else { Presence::Clean };
        Ok(seen(presence, format!("{count} jobs in {} are ours", self.queue)))
    }

    /// Takes out what is still there, whatever has become of it: waiting, being done, or put aside as dead.
    pub(super) async fn undo(&self, id: &InjectionId) -> Result<Undone, LeverError> {
        let mut connection = self.open().await?;
        let gone = sqlx::query("DELETE FROM jobs WHERE request_id = ?").bind(id.as_str());
        let gone = gone.execute(&mut connection).await.map_err(|err| self.broken(&err))?;
        Ok(if gone.rows_affected() > 0 { Undone::Restored } else { Undone::AlreadyClean })
    }
}
