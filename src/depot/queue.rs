//! queue: jobs for the workers, on SQLite.
//!
//! A worker takes a job for a time and says now and then that it is still at it. A job whose worker falls silent, or
//! that fails, is given out again, and put aside as dead when that has happened too often.

use super::{
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service, Site},
    telemetry::Page,
};
use crate::{
    base::Span,
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
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The database in the data folder.
pub(super) const DATABASE: &str = "jobs.db";
/// Most jobs in one answer.
const LIST_MAX: i64 = 200;
/// How long a statement waits for the database's lock.
const BUSY: Duration = Duration::from_secs(1);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    request_id TEXT NOT NULL DEFAULT '',
    dead INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    due_ms INTEGER NOT NULL DEFAULT 0,
    began_ms INTEGER,
    made_ms INTEGER NOT NULL DEFAULT 0,
    error TEXT
);
CREATE INDEX IF NOT EXISTS jobs_by_due ON jobs (dead, due_ms);
";

/// A job that somebody wants done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) kind: String,
    /// What the kind makes of it.
    pub(super) payload: String,
}

/// A job as the queue shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) payload: String,
    pub(super) request_id: String,
    /// `waiting`, `running` or `dead`.
    pub(super) state: String,
    pub(super) attempts: i64,
    pub(super) worker: Option<String>,
    /// How long ago it came.
    pub(super) age_s: i64,
    /// How long its worker has had it.
    pub(super) runs_s: Option<i64>,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Which {
    #[serde(default)]
    state: Option<String>,
}

/// Who wants how many jobs.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Lease {
    pub(super) worker: String,
    pub(super) max: i64,
}

/// Who speaks of a job, and what went wrong with it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Word {
    pub(super) worker: String,
    #[serde(default)]
    pub(super) error: String,
}

pub(super) struct Queue {
    file: PathBuf,
    config: Live<config::Queue>,
    site: Arc<Site>,
    path: PathBuf,
    database: SqlitePool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    added: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl Queue {
    pub(super) async fn open(site: &Arc<Site>) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "queue");
        let config = Live::new(config::Queue::read(&file)?);
        let folder = site.data()?;
        std::fs::create_dir_all(&folder).map_err(DepotError::file("make", &folder))?;
        let path = folder.join(DATABASE);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY);
        let database = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::raw_sql(SCHEMA).execute(&database).await?;
        Ok(Self { file, config, site: Arc::clone(site), path, database, counts: Counts::default() })
    }

    async fn add(&self, wanted: &Wanted, request_id: &str) -> Result<i64, Failure> {
        let max = self.config.get().jobs.max;
        let waiting: i64 = sqlx::query("SELECT count(*) FROM jobs WHERE dead = 0")
            .fetch_one(&self.database)
            .await?
            .try_get(0)?;
        if waiting.unsigned_abs() >= max {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
            let detail = format!("the queue holds its {max} jobs");
            return Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, "queue_full", detail));
        }
        let now = SystemClock.now().millis();
        let made = sqlx::query(
            "INSERT INTO jobs (kind, payload, request_id, due_ms, made_ms) VALUES (?1, ?2, ?3, ?4, ?4)",
        );
        let made = made.bind(&wanted.kind).bind(&wanted.payload).bind(request_id).bind(now);
        let id = made.execute(&self.database).await?.last_insert_rowid();
        self.counts.added.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }

    /// Puts aside what was given out too often, then gives out what is due: never given out, failed, or fallen silent.
    async fn lease(&self, lease: &Lease) -> Result<Vec<Job>, sqlx::Error> {
        let (jobs, now) = (self.config.get().jobs, SystemClock.now());
        sqlx::query(
            "UPDATE jobs SET dead = 1, worker = NULL, began_ms = NULL,
                error = coalesce(error, 'its worker fell silent')
             WHERE dead = 0 AND due_ms <= ? AND attempts >= ?",
        )
        .bind(now.millis())
        .bind(jobs.attempts_max.cast_signed())
        .execute(&self.database)
        .await?;
        let rows = sqlx::query(
            "UPDATE jobs SET attempts = attempts + 1, worker = ?1, due_ms = ?2, began_ms = ?3, error = NULL
             WHERE id IN (SELECT id FROM jobs WHERE dead = 0 AND due_ms <= ?3 ORDER BY id LIMIT ?4)
             RETURNING *",
        )
        .bind(&lease.worker)
        .bind((now + Span::from_millis(jobs.lease_ms)).millis())
        .bind(now.millis())
        .bind(lease.max.clamp(0, 64))
        .fetch_all(&self.database)
        .await?;
        rows.iter().map(job).collect()
    }

    /// Whether the job is still this worker's.
    async fn extend(&self, id: i64, worker: &str) -> Result<bool, sqlx::Error> {
        let until = SystemClock.now() + Span::from_millis(self.config.get().jobs.lease_ms);
        let done = sqlx::query("UPDATE jobs SET due_ms = ? WHERE id = ? AND worker = ? AND dead = 0");
        let done = done.bind(until.millis()).bind(id).bind(worker).execute(&self.database).await?;
        Ok(done.rows_affected() > 0)
    }

    async fn finish(&self, id: i64, worker: &str) -> Result<bool, sqlx::Error> {
        let done = sqlx::query("DELETE FROM jobs WHERE id = ? AND worker = ?");
        let done = done.bind(id).bind(worker).execute(&self.database).await?.rows_affected() > 0;
        self.counts.done.fetch_add(u64::from(done), Ordering::Relaxed);
        Ok(done)
    }

    async fn fail(&self, id: i64, word: &Word) -> Result<bool, sqlx::Error> {
        let jobs = self.config.get().jobs;
        let due = SystemClock.now() + Span::from_millis(jobs.retry_ms);
        let row = sqlx::query(
            "UPDATE jobs SET worker = NULL, began_ms = NULL, due_ms = ?1, error = ?2, dead = attempts >= ?3
             WHERE id = ?4 AND worker = ?5 RETURNING dead, kind, request_id",
        )
        .bind(due.millis())
        .bind(&word.error)
        .bind(jobs.attempts_max.cast_signed())
        .bind(id)
        .bind(&word.worker)
        .fetch_optional(&self.database)
        .await?;
        let Some(row) = row else { return Ok(false) };
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        if row.try_get::<bool, _>(0)? {
            let (kind, request): (String, String) = (row.try_get(1)?, row.try_get(2)?);
            let what = json!({ "job": id, "kind": kind, "request_id": request, "detail": word.error });
            self.site.log.error("job put aside as dead", what);
        }
        Ok(true)
    }

    async fn list(&self, state: Option<&str>) -> Result<Vec<Job>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM jobs ORDER BY dead DESC, id LIMIT ?").bind(LIST_MAX);
        let jobs: Result<Vec<_>, _> = rows.fetch_all(&self.database).await?.iter().map(job).collect();
        Ok(jobs?.into_iter().filter(|job| state.is_none_or(|state| job.state == state)).collect())
    }
}

fn job(row: &SqliteRow) -> Result<Job, sqlx::Error> {
    let now = SystemClock.now().millis();
    let dead: bool = row.try_get("dead")?;
    let worker: Option<String> = row.try_get("worker")?;
    let state = match (&worker, dead) {
        (_, true) => "dead",
        (Some(_), false) => "running",
        (None, false) => "waiting",
    };
    let began: Option<i64> = row.try_get("began_ms")?;
    Ok(Job {
        id: row.try_get("id")?,
        kind: row.try_get("kind")?,
        payload: row.try_get("payload")?,
        request_id: row.try_get("request_id")?,
        state: state.to_owned(),
        attempts: row.try_get("attempts")?,
        worker,
        age_s: (now - row.try_get::<i64, _>("made_ms")?) / 1000,
        runs_s: began.map(|began| (now - began) / 1000),
        error: row.try_get("error")?,
    })
}

fn unknown(id: i64) -> Failure {
    Failure::not_found(format!("there is no job {id}, or it is no longer yours"))
}

fn done(id: i64, was_done: bool) -> Result<Response, Failure> {
    if was_done { Ok(Json(json!({ "id": id })).into_response()) } else { Err(unknown(id)) }
}

async fn add(
    State(queue): State<Arc<Queue>>,
    ctx: Ctx,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Failure> {
    let id = queue.add(&wanted, &ctx.request_id).await?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))).into_response())
}

async fn list(State(queue): State<Arc<Queue>>, Query(which): Query<Which>) -> Result<Response, Failure> {
    let jobs = queue.list(which.state.as_deref()).await?;
    Ok(Json(json!({ "jobs": jobs })).into_response())
}

async fn lease(State(queue): State<Arc<Queue>>, Json(lease): Json<Lease>) -> Result<Response, Failure> {
    Ok(Json(json!({ "jobs": queue.lease(&lease).await? })).into_response())
}

async fn show(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<i64>) -> Result<Json<Job>, Failure> {
    let row = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id);
    let row = row.fetch_optional(&queue.database).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(job(&row)?))
}

async fn remove(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<i64>) -> Result<Response, Failure> {
    let removed = sqlx::query("DELETE FROM jobs WHERE id = ?").bind(id).execute(&queue.database).await?;
    done(id, removed.rows_affected() > 0)
}

async fn requeue(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<i64>) -> Result<Response, Failure> {
    let again = sqlx::query(
        "UPDATE jobs SET dead = 0, attempts = 0, worker = NULL, began_ms = NULL, error = NULL, due_ms = 0
         WHERE id = ?",
    );
    done(id, again.bind(id).execute(&queue.database).await?.rows_affected() > 0)
}

async fn bury(State(queue): State<Arc<Queue>>, UrlPath(id): UrlPath<i64>) -> Result<Response, Failure> {
    let dead = sqlx::query(
        "UPDATE jobs SET dead = 1, worker = NULL, began_ms = NULL,
            error = coalesce(error, 'put aside by an operator') WHERE id = ?",
    );
    done(id, dead.bind(id).execute(&queue.database).await?.rows_affected() > 0)
}

async fn extend(
    State(queue): State<Arc<Queue>>,
    UrlPath(id): UrlPath<i64>,
    Json(word): Json<Word>,
) -> Result<Response, Failure> {
    done(id, queue.extend(id, &word.worker).await?)
}

async fn finish(
    State(queue): State<Arc<Queue>>,
    UrlPath(id): UrlPath<i64>,
    Json(word): Json<Word>,
) -> Result<Response, Failure> {
    done(id, queue.finish(id, &word.worker).await?)
}

async fn fail(
    State(queue): State<Arc<Queue>>,
    UrlPath(id): UrlPath<i64>,
    Json(word): Json<Word>,
) -> Result<Response, Failure> {
    done(id, queue.fail(id, &word).await?)
}

async fn vacuum(State(queue): State<Arc<Queue>>) -> Result<Response, Failure> {
    let size = || std::fs::metadata(&queue.path).map_or(0, |file| file.len());
    let before = size();
    sqlx::raw_sql("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);").execute(&queue.database).await?;
    Ok(Json(json!({ "bytes_before": before, "bytes": size() })).into_response())
}

impl Service for Queue {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/jobs", get(list).post(add))
            .route("/leases", post(lease))
            .route("/jobs/{id}", get(show).delete(remove))
            .route("/jobs/{id}/requeue", post(requeue))
            .route("/jobs/{id}/bury", post(bury))
            .route("/jobs/{id}/extend", post(extend))
            .route("/jobs/{id}/done", post(finish))
            .route("/jobs/{id}/failed", post(fail))
            .route("/vacuum", post(vacuum))
            .with_state(self)
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Queue::read(&self.file)?;
        self.config.set(config);
        Ok(config.log())
    }

    /// Well while the database answers.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            let asked = sqlx::query("SELECT 1").execute(&self.database).await;
            asked.map(drop).map_err(|err| err.to_string())
        })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let jobs = self.list(None).await.unwrap_or_default();
            page.family("queue_jobs", "gauge", "Jobs, by state; at most 200 are looked at.");
            for state in ["waiting", "running", "dead"] {
                let count = jobs.iter().filter(|job| job.state == state).count() as f64;
                page.sample("queue_jobs", &format!("state=\"{state}\""), count);
            }
            let oldest = jobs.iter().filter(|job| job.state == "waiting").map(|job| job.age_s).max();
            let oldest = oldest.unwrap_or(0) as f64;
            page.single("queue_oldest_seconds", "gauge", "Age of the oldest job that waits.", oldest);
            let longest = jobs.iter().filter_map(|job| job.runs_s).max().unwrap_or(0) as f64;
            page.single("queue_longest_seconds", "gauge", "For how long the longest job runs.", longest);
            let total = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
            page.single("queue_added_total", "counter", "Jobs taken in.", total(&self.counts.added));
            page.single("queue_done_total", "counter", "Jobs done.", total(&self.counts.done));
            page.single("queue_failed_total", "counter", "Attempts that failed.", total(&self.counts.failed));
            page.single("queue_refused_total", "counter", "Jobs not taken in.", total(&self.counts.refused));
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.database.close())
    }
}
