//! Real synthetic users as the engine's traffic.

use super::Traffic;
use crate::{
    base::At,
    clock::{BoxFuture, Clock},
    drill::measure::{BUCKET, Bucket, Tally},
    scenario::pack::WorkloadShape,
    seed::Seed,
    workload::{Door, Workload},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the users are.
#[derive(Debug)]
enum Users {
    NotStarted,
    Running(Arc<Workload>),
    /// They could not be started in the second that begins so.
    Failed(At),
}

/// Users on a target's front door, started when the engine says so.
pub struct WorkloadTraffic {
    shape: WorkloadShape,
    front_door: Door,
    seed: Seed,
    clock: Arc<dyn Clock>,
    users: Mutex<Users>,
}

impl std::fmt::Debug for WorkloadTraffic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkloadTraffic").field("front_door", &self.front_door).finish_non_exhaustive()
    }
}

impl WorkloadTraffic {
    /// Nothing is sent before [`Traffic::start`].
    pub fn new(shape: WorkloadShape, front_door: impl Into<Door>, seed: Seed, clock: Arc<dyn Clock>) -> Self {
        let front_door = front_door.into();
        Self { shape, front_door, seed, clock, users: Mutex::new(Users::NotStarted) }
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workload(&self) -> Option<Arc<Workload>> {
        match &*self.users() {
            Users::Running(workload) => Some(Arc::clone(workload)),
            Users::NotStarted | Users::Failed(_) => None,
        }
    }

    /// Users that could not be started are users that were not served: silence is never taken for health.
    fn all_dropped(&self) -> Bucket {
        let classes = self.shape.classes.iter().map(|class| {
            let sent = per_second(class.rate);
            let within_ms = u32::try_from(class.expect.within.millis()).unwrap_or(u32::MAX);
            let tally = Tally {
                sent,
                failed: sent,
                dropped: sent,
                p50_ms: within_ms,
                p95_ms: within_ms,
                p99_ms: within_ms,
            };
            (class.name.clone(), tally)
        });
        Bucket { classes: classes.collect(), lateness_ms: u32::try_from(BUCKET.millis()).unwrap_or(u32::MAX) }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
fn per_second(rate: f64) -> u32 {
    rate.ceil().clamp(1.0, 1e6) as u32
}

impl Traffic for WorkloadTraffic {
    fn start(&self, at: At) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut users = self.users();
            if matches!(*users, Users::Running(_)) {
                return;
            }
            let started =
                Workload::start(&self.shape, self.front_door.clone(), self.seed, at, self.clock.as_ref());
            *users = match started {
                Ok(workload) => Users::Running(Arc::new(workload)),
                Err(err) => {
                    tracing::error!("the synthetic users were not started: {err}");
                    Users::Failed(at)
                }
            };
        })
    }

    fn measure(&self, second: At) -> BoxFuture<'_, Bucket> {
        Box::pin(async move {
            if let Some(workload) = self.workload() {
                return workload.bucket(second).await;
            }
            match *self.users() {
                Users::Failed(at) if second >= at => self.all_dropped(),
                _ => Bucket::default(),
            }
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(workload) = self.workload() {
                workload.stop().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Span, clock::SystemClock};
    use axum::{Router, http::StatusCode, routing::get};
    use serde_json::json;

    fn shape(path: &str) -> WorkloadShape {
        serde_json::from_value(json!({"classes": [{
            "name": "get", "rate": 50.0, "method": "GET", "path": path, "keys": 10, "body_bytes": 0,
            "headers": {}, "expect": {"status": [200], "within": "1s"},
        }]}))
        .unwrap()
    }

    #[tokio::test]
    async fn users_come_at_the_start_and_what_they_met_is_measured() {
        let router = Router::new().route("/o/{n}", get(|| async { StatusCode::OK }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        for (path, failing) in [("/o/{n}", false), ("/gone/{n}", true)] {
            let traffic = WorkloadTraffic::new(shape(path), address, Seed(3), Arc::new(SystemClock));
            let at = SystemClock.now() + Span::from_millis(200);
            assert_eq!(traffic.measure(at).await, Bucket::default(), "nobody is there yet");
            traffic.start(at).await;
            traffic.start(at + Span::from_secs(60)).await;
            let bucket = traffic.measure(at).await;
            let tally = bucket.classes[&"get".parse().unwrap()];
            assert!(tally.sent.abs_diff(50) <= 1, "{tally:?}");
            assert_eq!(tally.failed, if failing { tally.sent } else { 0 }, "{tally:?}");
            traffic.stop().await;
            traffic.stop().await;
            assert_eq!(traffic.measure(at).await, bucket, "the past stays");
            assert_eq!(traffic.measure(at + Span::from_secs(30)).await, Bucket::default(), "after the stop");
        }
    }

    #[tokio::test]
    async fn users_that_cannot_be_started_are_not_served() {
        let address: std::net::SocketAddr = "127.0.0.1:9".parse().unwrap();
        let mut shape = shape("/o/{n}");
        shape.classes.push(shape.classes[0].clone());
        let traffic = WorkloadTraffic::new(shape, address, Seed(3), Arc::new(SystemClock));
        let at = SystemClock.now();
        traffic.start(at).await;
        let tally = traffic.measure(at).await.classes[&"get".parse().unwrap()];
        assert_eq!((tally.sent, tally.failed, tally.dropped), (50, 50, 50));
        traffic.stop().await;
    }
}
