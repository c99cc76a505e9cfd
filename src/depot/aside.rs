//! What a web instance has beside the way of a request: errands for the workers, recorded requests, flags, and an eye
//! on its own memory.

use super::{
    call::Ask,
    config::from_toml,
    host::{Ctx, Site},
    machine::resident_bytes,
    queue::Wanted,
    telemetry::{Page, Stopwatch},
};
use axum::{
    body::Bytes,
    http::{HeaderValue, Method, header},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Most errands that wait to be handed to the queue.
const ERRANDS_MAX: usize = 1000;
/// How long the queue may take to answer, in milliseconds.
const TIMEOUT_MS: u64 = 1000;
/// Recorded requests in one answer.
const NEWEST: usize = 20;
/// How long a look at the memory in use is good.
const MEMORY_AGE: Duration = Duration::from_millis(500);

/// Feature flags of web: a file in TOML that is read again by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Flags {
    /// Uploads are refused.
    pub(super) read_only: bool,
    /// Downloads are compared with the digest in the catalogue.
    pub(super) verify_downloads: bool,
}

impl Flags {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        from_toml(text)
    }
}

/// Jobs on their way to the queue. Uploads do not wait for them.
#[derive(Default)]
pub(super) struct Errands {
    waiting: Mutex<VecDeque<(String, Wanted)>>,
    some: Notify,
    lost: AtomicU64,
}

impl Errands {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<(String, Wanted)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, request_id: &str, kind: &str, job: &impl Serialize) {
        let payload = serde_json::to_string(job).unwrap_or_default();
        let mut waiting = self.waiting();
        if waiting.len() >= ERRANDS_MAX {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back((request_id.to_owned(), Wanted { kind: kind.to_owned(), payload }));
        drop(waiting);
        self.some.notify_one();
    }

    /// Hands errands to the queue for as long as the instance lives.
    pub(super) async fn run(&self, site: &Site) {
        loop {
            self.some.notified().await;
            loop {
                let next = self.waiting().pop_front();
                let Some((request_id, wanted)) = next else { break };
                if !hand_over(site, &request_id, &wanted).await {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    let what = json!({ "request_id": request_id, "kind": wanted.kind });
                    site.log.error("a job did not get into the queue", what);
                }
            }
        }
    }

    pub(super) fn write(&self, page: &mut Page) {
        let waiting = self.waiting().len() as f64;
        page.single("web_jobs_waiting", "gauge", "Jobs on their way to the queue.", waiting);
        let lost = self.lost.load(Ordering::Relaxed) as f64;
        page.single("web_jobs_lost_total", "counter", "Jobs that did not get into the queue.", lost);
    }
}

async fn hand_over(site: &Site, request_id: &str, wanted: &Wanted) -> bool {
    let Ok(queue) = site.directory.one("queue") else { return false };
    let ask = Ask::new(Method::POST, "/jobs", TIMEOUT_MS)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .body(Bytes::from(serde_json::to_vec(wanted).unwrap_or_default()));
    queue.ask(&Ctx::own(request_id), ask).await.is_ok_and(|reply| reply.status.is_success())
}

/// A request as it is kept for whoever debugs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Recorded {
    request_id: String,
    key: String,
    agent: String,
    #[serde(skip)]
    body: Vec<u8>,
    bytes: usize,
}

impl Recorded {
    pub(super) fn of(ctx: &Ctx, key: &str, content: &[u8], body_kib: u64) -> Self {
        let kept = content.len().min(usize::try_from(body_kib * 1024).unwrap_or(0));
        Self {
            request_id: ctx.request_id.clone(),
            key: key.to_owned(),
            agent: ctx.user_agent.clone(),
            body: content[..kept].to_vec(),
            bytes: content.len(),
        }
    }
}

/// The requests that are kept, the newest last.
#[derive(Default)]
pub(super) struct Recorder(Mutex<VecDeque<Recorded>>);

impl Recorder {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Recorded>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `recorded`, and `max` of them altogether.
    pub(super) fn keep(&self, recorded: Recorded, max: u64) {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut kept = self.kept();
        kept.push_back(recorded);
        while kept.len() > max {
            kept.pop_front();
        }
    }

    pub(super) fn newest(&self) -> Vec<Recorded> {
        self.kept().iter().rev().take(NEWEST).cloned().collect()
    }

    pub(super) fn write(&self, page: &mut Page) {
        let kept = self.kept();
        page.single("recorder_requests", "gauge", "Requests that are kept.", kept.len() as f64);
        let bytes: usize = kept.iter().map(|recorded| recorded.body.len()).sum();
        page.single("recorder_bytes", "gauge", "Bytes of their bodies.", bytes as f64);
    }
}

/// The memory that the process has in use, looked at now and then.
#[derive(Default)]
pub(super) struct Memory(Mutex<Option<(Stopwatch, u64)>>);

impl Memory {
    pub(super) fn used_mib(&self) -> u64 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *seen {
            Some((at, mib)) if at.elapsed() < MEMORY_AGE => mib,
            _ => {
                let mib = resident_bytes() / (1024 * 1024);
                *seen = Some((Stopwatch::start(), mib));
                mib
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_requests_are_kept_and_flags_are_read() {
        let recorder = Recorder::default();
        for key in ["a", "b", "c"] {
            recorder.keep(Recorded::of(&Ctx::own("r"), key, &[7; 3000], 1), 2);
        }
        let keys: Vec<_> = recorder.newest().into_iter().map(|recorded| recorded.key).collect();
        assert_eq!(keys, ["c", "b"]);
        assert_eq!(recorder.newest()[0].body.len(), 1024);
        assert!(Flags::parse("read_only = true\nverify_downloads = false\n").unwrap().read_only);
        assert!(Flags::parse("read_only = true\n").is_err());
    }
}
