//! worker: takes jobs from the queue and does them.
//!
//! `preview` makes an object's small picture, `checksum` compares its copies with the catalogue, `replicate` makes the
//! copies that are missing, and `scrub` reads every content of a storage node as often as it is told. A job that the
//! queue takes back is dropped.

use super::{
    call::{Ask, Peer, Reply, VERSION},
    catalogue::Entry,
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Ctx, Service, Site},
    preview::{self, version},
    queue::{Job, Lease, Word},
    telemetry::{Page, Stopwatch},
};
use crate::{
    base::Span,
    clock::{BoxFuture, Clock, SystemClock},
};
use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// How often a worker says that it is still at a job.
const SIGN_OF_LIFE: Span = Span::from_secs(1);

/// What a `preview`, a `checksum` and a `replicate` are about.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ObjectJob {
    pub(super) key: String,
}

/// What a `scrub` is about.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ScrubJob {
    pub(super) node: String,
    pub(super) passes: u64,
}

pub(super) struct Worker {
    file: PathBuf,
    config: Live<config::Worker>,
    site: Arc<Site>,
    running: Mutex<BTreeMap<i64, (String, Stopwatch)>>,
    done: AtomicU64,
    failed: AtomicU64,
    preview_ms: AtomicU64,
}

/// A job's end; the error is a sentence.
type Outcome = Result<(), String>;

impl Worker {
    pub(super) fn open(site: &Arc<Site>) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "worker");
        let config = Live::new(config::Worker::read(&file)?);
        Ok(Self {
            file,
            config,
            site: Arc::clone(site),
            running: Mutex::default(),
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            preview_ms: AtomicU64::new(0),
        })
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<i64, (String, Stopwatch)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, method: Method, path: &str) -> Ask {
        Ask::new(method, path, self.config.get().upstream.timeout_ms)
    }

    fn tell(&self, path: &str, body: &impl Serialize) -> Ask {
        self.ask(Method::POST, path)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(serde_json::to_vec(body).unwrap_or_default()))
    }

    /// Takes as many jobs as there are free slots.
    async fn take(&self) -> Result<Vec<Job>, String> {
        #[derive(Deserialize)]
        struct Given {
            jobs: Vec<Job>,
        }
        let slots = usize::try_from(self.config.get().jobs.slots).unwrap_or(1);
        let free = slots.saturating_sub(self.running().len());
        if free == 0 {
            return Ok(Vec::new());
        }
        let queue = self.site.directory.one("queue").map_err(|_| "no queue is listed".to_owned())?;
        let lease = Lease { worker: self.site.facts.name.clone(), max: i64::try_from(free).unwrap_or(1) };
        let reply = good(&queue, &Ctx::own("lease"), self.tell("/leases", &lease)).await?;
        let given: Given = serde_json::from_slice(&reply.body).map_err(|err| err.to_string())?;
        Ok(given.jobs)
    }

    /// Does one job while saying that it is at it, and tells the queue how it ended.
    async fn attend(self: Arc<Self>, job: Job) {
        let ctx = Ctx::own(if job.request_id.is_empty() { "job" } else { &job.request_id });
        let watch = Stopwatch::start();
        let outcome = tokio::select! {
            outcome = self.perform(&ctx, &job) => Some(outcome),
            () = self.until_taken_away(&ctx, job.id) => None,
        };
        self.running().remove(&job.id);
        let duration_ms = u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let more = json!({ "request_id": ctx.request_id, "job": job.id, "kind": job.kind, "duration_ms": duration_ms });
        let Some(outcome) = outcome else {
            self.site.log.error("job was taken away", more);
            return;
        };
        let error = outcome.err().unwrap_or_default();
        let (end, count) = if error.is_empty() { ("done", &self.done) } else { ("failed", &self.failed) };
        count.fetch_add(1, Ordering::Relaxed);
        if error.is_empty() {
            self.site.log.info("job done", more);
        } else {
            let mut more = more;
            more["detail"] = error.as_str().into();
            self.site.log.error("job failed", more);
        }
        let word = Word { worker: self.site.facts.name.clone(), error };
        if let Ok(queue) = self.site.directory.one("queue") {
            // Without an answer the queue gives the job out again, and nothing is lost by doing it twice.
            let _ = queue.ask(&ctx, self.tell(&format!("/jobs/{}/{end}", job.id), &word)).await;
        }
    }

    /// Ends when the job is no longer this worker's.
    async fn until_taken_away(&self, ctx: &Ctx, id: i64) {
        let word = Word { worker: self.site.facts.name.clone(), error: String::new() };
        loop {
            SystemClock.sleep_until(SystemClock.now() + SIGN_OF_LIFE).await;
            let Ok(queue) = self.site.directory.one("queue") else { continue };
            let told = queue.ask(ctx, self.tell(&format!("/jobs/{id}/extend"), &word)).await;
            if told.is_ok_and(|reply| reply.status == StatusCode::NOT_FOUND) {
                return;
            }
        }
    }

    async fn perform(&self, ctx: &Ctx, job: &Job) -> Outcome {
        let unreadable = |err: serde_json::Error| format!("the payload cannot be read: {err}");
        match job.kind.as_str() {
            "checksum" => self.checksum(ctx, &serde_json::from_str(&job.payload).map_err(unreadable)?).await,
            "preview" => self.preview(ctx, &serde_json::from_str(&job.payload).map_err(unreadable)?).await,
            "replicate" => {
                self.replicate(ctx, &serde_json::from_str(&job.payload).map_err(unreadable)?).await
            }
            "scrub" => self.scrub(ctx, &serde_json::from_str(&job.payload).map_err(unreadable)?).await,
            other => Err(format!("there is no kind of job `{other}`")),
        }
    }

    fn node(&self, name: &str) -> Result<Peer, String> {
        let nodes = self.site.directory.all("storage");
        let node = nodes.into_iter().find(|node| node.name() == name);
        node.ok_or_else(|| format!("the registry lists no storage node `{name}`"))
    }

    async fn entry(&self, ctx: &Ctx, key: &str) -> Result<(Peer, Entry), String> {
        let metadata =
            self.site.directory.primary().map_err(|_| "no primary catalogue is listed".to_owned())?;
        let reply = good(&metadata, ctx, self.ask(Method::GET, &format!("/objects/{key}"))).await?;
        let entry = serde_json::from_slice(&reply.body).map_err(|err| err.to_string())?;
        Ok((metadata, entry))
    }

    async fn content(&self, ctx: &Ctx, node: &Peer, key: &str) -> Result<Reply, String> {
        good(node, ctx, self.ask(Method::GET, &format!("/blobs/{key}"))).await
    }

    /// Compares every copy that holds the catalogue's version. A newer copy is an upload that is under way.
    async fn checksum(&self, ctx: &Ctx, job: &ObjectJob) -> Outcome {
        let (_, entry) = self.entry(ctx, &job.key).await?;
        for name in &entry.locations {
            let copy = self.content(ctx, &self.node(name)?, &job.key).await?;
            if version(&copy) == Some(entry.version) && crate::seed::digest(&copy.body) != entry.digest {
                return Err(format!("the copy of `{}` on {name} is not what was uploaded", job.key));
            }
        }
        Ok(())
    }

    /// Makes the picture of the catalogue's version and leaves it beside every copy.
    async fn preview(&self, ctx: &Ctx, job: &ObjectJob) -> Outcome {
        let (_, entry) = self.entry(ctx, &job.key).await?;
        let first = entry.locations.first().ok_or_else(|| "no node holds the object".to_owned())?;
        let copy = self.content(ctx, &self.node(first)?, &job.key).await?;
        if version(&copy) != Some(entry.version) {
            // It was overwritten meanwhile; the newer upload has brought a job of its own.
            return Ok(());
        }
        let picture = Bytes::from(preview::of(&copy.body));
        for name in &entry.locations {
            let ask = self.ask(Method::PUT, &preview::path(&job.key));
            let ask = ask.header(VERSION, entry.version.into()).body(picture.clone());
            good(&self.node(name)?, ctx, ask).await?;
        }
        let took = preview::since(&entry, self.site.machine.now());
        self.preview_ms.store(took.millis(), Ordering::Relaxed);
        Ok(())
    }

    /// Copies the object to every storage node that has it not.
    async fn replicate(&self, ctx: &Ctx, job: &ObjectJob) -> Outcome {
        let (metadata, entry) = self.entry(ctx, &job.key).await?;
        let first = entry.locations.first().ok_or_else(|| "no node holds the object".to_owned())?;
        let copy = self.content(ctx, &self.node(first)?, &job.key).await?;
        if version(&copy) != Some(entry.version) {
            // It was overwritten meanwhile; the newer upload has brought a job of its own.
            return Ok(());
        }
        for node in self.site.directory.all("storage") {
            if entry.locations.iter().any(|name| name == node.name()) {
                continue;
            }
            let path = format!("/blobs/{}", job.key);
            let ask =
                self.ask(Method::PUT, &path).header(VERSION, entry.version.into()).body(copy.body.clone());
            good(&node, ctx, ask).await?;
            let location = json!({ "version": entry.version, "node": node.name() });
            good(&metadata, ctx, self.tell(&format!("/objects/{}/locations", job.key), &location)).await?;
        }
        Ok(())
    }

    async fn scrub(&self, ctx: &Ctx, job: &ScrubJob) -> Outcome {
        #[derive(Deserialize)]
        struct Listed {
            keys: Vec<String>,
        }
        let node = self.node(&job.node)?;
        for _ in 0..job.passes {
            let reply = good(&node, ctx, self.ask(Method::GET, "/blobs")).await?;
            let listed: Listed = serde_json::from_slice(&reply.body).map_err(|err| err.to_string())?;
            for key in &listed.keys {
                self.content(ctx, &node, key).await?;
                let pause = Span::from_millis(self.config.get().jobs.scrub_pause_ms);
                SystemClock.sleep_until(SystemClock.now() + pause).await;
            }
        }
        Ok(())
    }
}

/// A good answer; the error is a sentence.
async fn good(peer: &Peer, ctx: &Ctx, ask: Ask) -> Result<Reply, String> {
    match peer.ask(ctx, ask).await {
        Ok(reply) if reply.status.is_success() => Ok(reply),
        Ok(reply) => Err(format!("{} answered {}", peer.name(), reply.status.as_u16())),
        Err(err) => Err(format!("{} gave no answer: {err:?}", peer.name())),
    }
}

impl Service for Worker {
    /// A worker is asked nothing but how it is.
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Worker::read(&self.file)?;
        self.config.set(config);
        Ok(config.log())
    }

    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Jobs end with the worker: what it has not finished is given out again.
            let mut jobs = tokio::task::JoinSet::new();
            let mut answered = true;
            loop {
                let taken = self.take().await;
                if let (Err(why), true) = (&taken, answered) {
                    self.site.log.error("could not take jobs", json!({ "detail": why }));
                }
                answered = taken.is_ok();
                for job in taken.unwrap_or_default() {
                    self.running().insert(job.id, (job.kind.clone(), Stopwatch::start()));
                    jobs.spawn(Arc::clone(&self).attend(job));
                }
                let pause = Span::from_millis(self.config.get().jobs.poll_ms);
                tokio::select! {
                    () = SystemClock.sleep_until(SystemClock.now() + pause) => {}
                    Some(_) = jobs.join_next() => {}
                }
            }
        })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let running = self.running();
            page.single(
                "worker_slots",
                "gauge",
                "Jobs at the same time.",
                self.config.get().jobs.slots as f64,
            );
            page.single("worker_busy", "gauge", "Jobs that are being done.", running.len() as f64);
            page.family("worker_job_seconds", "gauge", "For how long a job is being done.");
            for (id, (kind, since)) in &*running {
                let labels = format!("job=\"{id}\",kind=\"{kind}\"");
                page.sample("worker_job_seconds", &labels, since.elapsed().as_secs_f64());
            }
            let total = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
            page.single("worker_done_total", "counter", "Jobs done.", total(&self.done));
            page.single("worker_failed_total", "counter", "Jobs that failed.", total(&self.failed));
            let seconds = total(&self.preview_ms) / 1000.0;
            let help = "From the upload to its preview, for the one that was made last.";
            page.single("worker_preview_delay_seconds", "gauge", help, seconds);
        })
    }
}
