//! Group commit: what is to be appended while one transaction is synced goes into the next, for all drills at once.
//!
//! ```text
//! append, append, append -> one queue -> begin · check each · insert · commit (one sync) -> an answer for each
//! ```
//!
//! A disk syncs so many times a second, however little each time. Two hundred drills that start in one second would
//! wait for one another if each append were a commit of its own.

use super::unavailable;
use crate::{
    base::DrillId,
    drill::event::Recorded,
    store::{Row, StoreError, check_expected, check_numbers},
};
use sqlx::{SqliteConnection, SqlitePool};
use std::collections::BTreeMap;
use tokio::sync::{mpsc, oneshot};

/// Appends that wait for their group; who comes later waits before the queue.
const QUEUE: usize = 1024;
/// Appends that one transaction takes.
const GROUP_MAX: usize = 256;

/// The way to the one task that writes journals. It ends when nobody can ask any more and everything asked is done.
#[derive(Debug)]
pub(super) struct Appends(mpsc::Sender<Append>);

/// One batch for one drill.
struct Append {
    drill: DrillId,
    expected: u64,
    count: u64,
    /// `[[seq, at_ms, kind, version, data], ..]`
    rows: String,
    answer: oneshot::Sender<Result<(), StoreError>>,
}

impl Appends {
    /// Writes over this connection.
    pub(super) fn over(writer: SqlitePool) -> Self {
        let (send, receive) = mpsc::channel(QUEUE);
        tokio::spawn(write(writer, receive));
        Self(send)
    }

    /// Comes back when the batch is synced, or for certain not there. Nothing is written for who has given up waiting before
    /// the group's transaction began.
    pub(super) async fn append(
        &self,
        drill: &DrillId,
        expected: u64,
        batch: &[Recorded],
    ) -> Result<(), StoreError> {
        let rows: Vec<_> = batch.iter().map(Row::of).collect();
        for (row, record) in rows.iter().zip(batch) {
            row.check_size(record)?;
        }
        check_numbers(expected, batch)?;
        let (rows, count) = (as_json(batch, &rows), batch.len() as u64);
        let (answer, answered) = oneshot::channel();
        let append = Append { drill: drill.clone(), expected, count, rows, answer };
        self.0.send(append).await.map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("its writer has ended".to_owned())
}

fn as_json(batch: &[Recorded], rows: &[Row]) -> String {
    let line = |(record, row): (&Recorded, &Row)| {
        serde_json::json!([record.seq, record.at.millis(), row.kind, row.version, row.data])
    };
    serde_json::Value::Array(batch.iter().zip(rows).map(line).collect()).to_string()
}

async fn write(writer: SqlitePool, mut asked: mpsc::Receiver<Append>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while asked.recv_many(&mut group, GROUP_MAX).await > 0 {
        let verdicts = commit(&writer, &mut group).await;
        // Whoever asked may be gone; what is written stands.
        match verdicts {
            Ok(verdicts) => {
                for (append, verdict) in group.drain(..).zip(verdicts) {
                    let _ = append.answer.send(verdict);
                }
            }
            Err(error) => {
                for append in group.drain(..) {
                    let _ = append.answer.send(Err(unavailable(&error)));
                }
            }
        }
    }
}

/// One transaction. An error means for all of them that nothing is written, or that nobody knows.
async fn commit(
    writer: &SqlitePool,
    group: &mut Vec<Append>,
) -> Result<Vec<Result<(), StoreError>>, sqlx::Error> {
    // Dropping it on any error below takes back what it has written.
    let mut transaction = writer.begin_with("begin immediate").await?;
    group.retain(|append| !append.answer.is_closed());
    let mut found = lengths(&mut transaction, group).await?;
    let mut verdicts = Vec::with_capacity(group.len());
    for append in &*group {
        let found = found.entry(&append.drill).or_default();
        let verdict = check_expected(&append.drill, append.expected, *found);
        if verdict.is_ok() && append.count > 0 {
            insert(&mut transaction, append).await?;
            *found += append.count;
        }
        verdicts.push(verdict);
    }
    transaction.commit().await?;
    Ok(verdicts)
}

/// How many events each drill of the group has.
async fn lengths<'a>(
    connection: &mut SqliteConnection,
    group: &'a [Append],
) -> Result<BTreeMap<&'a DrillId, u64>, sqlx::Error> {
    let drills: Vec<_> = group.iter().map(|append| append.drill.as_str()).collect();
    let lengths: Vec<i64> = sqlx::query_scalar(
        "select (select coalesce(max(seq) + 1, 0) from events where drill = asked.value)
         from json_each(?) asked order by asked.key",
    )
    .bind(serde_json::json!(drills).to_string())
    .fetch_all(connection)
    .await?;
    Ok(group.iter().map(|append| &append.drill).zip(lengths.into_iter().map(i64::cast_unsigned)).collect())
}

async fn insert(connection: &mut SqliteConnection, append: &Append) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into events (drill, seq, at_ms, kind, version, data)
         select ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each(?) order by key",
    )
    .bind(append.drill.as_str())
    .bind(&append.rows)
    .execute(connection)
    .await?;
    Ok(())
}
