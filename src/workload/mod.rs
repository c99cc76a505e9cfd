//! Synthetic users: what they meet is the true impact, per request class and second.
//!
//! An open model: arrivals keep to their ideal timestamps whatever the target answers, and a latency counts from the
//! moment at which the request should have started. What could not be started is counted as dropped. A workload has
//! one thread of its own, so a busy engine does not make users late and users never take more than one core.
//!
//! Open first: [`Workload`] here, then `pace` (the thread), `ledger` (the counts), `wire` (the connections), `door` (how
//! they are opened), `arrivals` and `request` (when and what).

mod arrivals;
mod door;
mod ledger;
mod pace;
mod request;
mod wire;

pub use door::{Door, Identity};
pub use ledger::Totals;

use crate::{
    base::{At, ClassName},
    clock::Clock,
    drill::measure::{BUCKET, Bucket},
    scenario::pack::{RequestClass, WorkloadShape},
    seed::Seed,
};
use ledger::{ClassTerms, Ledger, micros, second_of};
use pace::{Brakes, Origin, Source, Stage};
use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

/// Fewest requests of one class that may be open at the same time before starts are dropped.
pub const OPEN_FLOOR: usize = 64;
/// Most requests of one class that may be open at the same time, whatever its rate.
pub const OPEN_MAX: usize = 4096;

/// A workload that was refused.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A class cannot be sent as it is described.
    #[error("could not use request class `{class}`: {reason}")]
    Class {
        /// Which class.
        class: ClassName,
        /// What is wrong with it.
        reason: String,
    },
    /// The front door's identity cannot be used.
    #[error("could not make out the front door: {0}")]
    Door(String),
    /// The system gave no thread, or no timers and sockets for it.
    #[error("could not start the workload's thread: {0}")]
    Thread(#[from] io::Error),
}

/// Running synthetic users. Dropping it ends them at once, with their connections.
#[derive(Debug)]
pub struct Workload {
    stage: Arc<Stage>,
    brakes: Brakes,
    start: At,
}

impl Workload {
    /// Sends the traffic of `shape` to `front_door` from `start` on. Arrivals that lie before this call are left out.
    /// `clock` is asked once, to place `start` on the monotonic clock; later steps of the wall do not move an arrival.
    ///
    /// # Errors
    /// When a class cannot be sent, the front door's identity cannot be used, or the system gives no thread.
    pub fn start(
        shape: &WorkloadShape,
        front_door: impl Into<Door>,
        seed: Seed,
        start: At,
        clock: &dyn Clock,
    ) -> Result<Self, StartError> {
        let mut classes: Vec<(ClassTerms, &RequestClass)> = Vec::new();
        for class in &shape.classes {
            if classes.iter().any(|(known, _)| known.name == class.name) {
                return Err(refused(class, "its name is taken by another class"));
            }
            let within_us = micros(request::within_ns(class));
            let terms = ClassTerms { name: class.name.clone(), within_us, open_max: open_max(class) };
            classes.push((terms, class));
        }
        let origin = Origin::now_is(clock.now().millis().saturating_sub(start.millis()));
        Self::launch(&classes, &front_door.into(), seed, start, origin)
    }

    fn launch(
        classes: &[(ClassTerms, &RequestClass)],
        front_door: &Door,
        seed: Seed,
        start: At,
        origin: Origin,
    ) -> Result<Self, StartError> {
        let opener = door::Opener::to(front_door).map_err(StartError::Door)?;
        let (mut sources, host) = (Vec::new(), front_door.host());
        for (_, class) in classes {
            let form =
                request::RequestForm::new(class, &host, seed).map_err(|reason| refused(class, &reason))?;
            let arrivals = arrivals::Arrivals::new(class.rate, &class.name, seed);
            sources.push(Source { arrivals, form });
        }
        // Bodies took their time to make; only now is it known what is past.
        let now_ns = origin.now_ns();
        for source in &mut sources {
            source.arrivals.skip_to(now_ns);
        }
        let terms = classes.iter().map(|(terms, _)| terms.clone()).collect();
        let stage = Arc::new(Stage {
            ledger: Ledger::new(terms, second_of(now_ns)),
            lines: wire::Lines::through(opener),
            origin,
            expect: classes
                .iter()
                .map(|(_, class)| (class.expect.status.clone(), request::within_ns(class)))
                .collect(),
        });
        let brakes = Brakes::default();
        pace::spawn(stage.clone(), sources, brakes.clone())?;
        Ok(Self { stage, brakes, start })
    }

    /// What the users saw in the second that holds `at`, counted in whole seconds from the start. Waits until all its
    /// requests have ended, which takes at most the longest time-out after the second's end. Seconds are kept for as
    /// long as the longest drill lasts. Empty for a second before the workload's beginning or after its stop.
    ///
    /// # Panics
    /// When the workload's thread has died by a bug of ours, so that silence is never taken for health.
    pub async fn bucket(&self, at: At) -> Bucket {
        if at < self.start {
            return Bucket::default();
        }
        let second = at.since(self.start).millis() / BUCKET.millis();
        let mut progress = self.stage.ledger.watch();
        let ended = progress
            .wait_for(|progress| progress.ended || progress.seconds > second)
            .await
            .is_ok_and(|progress| progress.ended);
        assert!(
            !ended || self.brakes.stop.is_cancelled(),
            "the workload has ended although nobody stopped it"
        );
        self.stage.ledger.bucket(second)
    }

    /// Starts no more requests, waits until the open ones have ended or timed out, and ends the workload's thread.
    /// Buckets can be asked for afterwards. Stopping twice is stopping once.
    pub async fn stop(&self) {
        self.brakes.stop.cancel();
        let mut progress = self.stage.ledger.watch();
        // Cannot fail: the ledger holds the sender.
        let _ = progress.wait_for(|progress| progress.ended).await;
    }

    /// The sums of all final seconds by class, with a histogram of the latencies.
    pub fn totals(&self) -> BTreeMap<ClassName, Totals> {
        self.stage.ledger.totals()
    }

    /// Processor time that the users have cost until the last whole second, at most one core's.
    pub fn cpu(&self) -> Duration {
        self.stage.ledger.cpu()
    }
}

impl Drop for Workload {
    fn drop(&mut self) {
        self.brakes.abort.cancel();
    }
}

/// How many requests of a class may be open at the same time: four times what its rate brings in one time-out,
/// but at least [`OPEN_FLOOR`] and at most [`OPEN_MAX`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
pub fn open_max(class: &RequestClass) -> usize {
    let wanted = class.rate * class.expect.within.secs() * 4.0;
    wanted.ceil().clamp(OPEN_FLOOR as f64, OPEN_MAX as f64) as usize
}

fn refused(class: &RequestClass, reason: &str) -> StartError {
    StartError::Class { class: class.name.clone(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Span, clock::SystemClock, drill::measure::Tally, scenario::pack::Expect};
    use axum::{Router, extract::ConnectInfo, http::StatusCode, routing::any};
    use std::{
        collections::HashSet,
        net::SocketAddr,
        sync::{
            Mutex,
            atomic::{AtomicU32, AtomicUsize, Ordering},
        },
    };
    use tokio::{io::AsyncReadExt, net::TcpListener, time::Instant};

    const SEED: Seed = Seed(11);

    fn class(rate: f64, within_ms: u64) -> RequestClass {
        RequestClass {
            name: "get".parse().unwrap(),
            rate,
            method: "GET".into(),
            path: "/o/{n}".into(),
            keys: 100,
            body_bytes: 0,
            headers: BTreeMap::new(),
            expect: Expect { status: vec![200], within: Span::from_millis(within_ms) },
        }
    }

    fn shape(class: RequestClass) -> WorkloadShape {
        WorkloadShape { classes: vec![class], encrypted: false }
    }

    /// A start that is certainly still to come, so that no arrival is left out.
    fn soon() -> At {
        SystemClock.now() + Span::from_millis(200)
    }

    fn start(class: RequestClass, front_door: SocketAddr) -> (Workload, At) {
        let at = soon();
        (Workload::start(&shape(class), front_door, SEED, at, &SystemClock).unwrap(), at)
    }

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    async fn serve(router: Router) -> SocketAddr {
        let (listener, address) = listen().await;
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        address
    }

    /// Accepts and never answers. Counts the connections that are open.
    async fn hang() -> (SocketAddr, Arc<AtomicUsize>) {
        let (listener, address) = listen().await;
        let open = Arc::new(AtomicUsize::new(0));
        let count = open.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = count.clone();
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (address, open)
    }

    async fn tallies(workload: &Workload, from: At, seconds: u64) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for second in 0..seconds {
            let bucket = workload.bucket(from + Span::from_secs(second)).await;
            tallies.push(bucket.classes.values().copied().next().unwrap_or_default());
        }
        tallies
    }

    async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
        let patience = Instant::now() + Duration::from_secs(10);
        while !is_so() {
            assert!(Instant::now() < patience, "never happened: {what}");
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_freeze_is_seen_as_users_see_it() {
        let began = Instant::now();
        let address = serve(Router::new().fallback(any(move || async move {
            let cycle = Duration::from_secs(5);
            let into = began.elapsed().as_millis() % cycle.as_millis();
            if into >= 4_000 {
                let thaw = SystemClock.now() + Span::from_millis(5_000 - u64::try_from(into).unwrap());
                SystemClock.sleep_until(thaw).await;
            }
        })))
        .await;
        let (workload, from) = start(class(200.0, 3_000), address);
        let seconds = tallies(&workload, from, 10).await;
        assert!(
            seconds.iter().all(|tally| tally.sent.abs_diff(200) <= 1 && tally.failed == 0),
            "{seconds:?}"
        );
        let totals = &workload.totals()[&"get".parse().unwrap()];
        let [median, p90, p99] = [0.5, 0.9, 0.99].map(|q| totals.latency_us.value_at_quantile(q) / 1000);
        assert!(median < 100, "median {median} ms");
        assert!((400..650).contains(&p90), "p90 {p90} ms");
        assert!((850..1100).contains(&p99), "p99 {p99} ms");
    }

    #[tokio::test]
    async fn every_third_answer_is_an_error_and_every_third_start_has_failed() {
        let answered = Arc::new(AtomicU32::new(0));
        let count = answered.clone();
        let address = serve(Router::new().fallback(any(move || {
            let third = count.fetch_add(1, Ordering::SeqCst) % 3 == 2;
            async move { if third { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK } }
        })))
        .await;
        let (workload, from) = start(class(150.0, 5_000), address);
        let seconds = tallies(&workload, from, 3).await;
        workload.stop().await;
        let rest = tallies(&workload, from + Span::from_secs(3), 8).await;
        let sum = |pick: fn(&Tally) -> u32| seconds.iter().chain(&rest).map(pick).sum::<u32>();
        assert!(seconds.iter().all(|tally| tally.sent.abs_diff(150) <= 1), "{seconds:?}");
        assert!(seconds.iter().all(|tally| tally.failed.abs_diff(50) <= 5), "{seconds:?}");
        assert_eq!(sum(|tally| tally.sent), answered.load(Ordering::SeqCst));
        assert_eq!(sum(|tally| tally.failed), answered.load(Ordering::SeqCst) / 3);
        assert_eq!(sum(|tally| tally.dropped), 0);
        assert!(sum(|tally| tally.p50_ms) < 1_000, "an error that came quickly keeps its latency");
    }

    #[tokio::test]
    async fn refused_connections_fail_and_no_second_is_skipped() {
        let (listener, address) = listen().await;
        drop(listener);
        let (workload, from) = start(class(100.0, 1_500), address);
        for (second, tally) in tallies(&workload, from, 4).await.into_iter().enumerate() {
            assert!(tally.sent.abs_diff(100) <= 1, "second {second}: {tally:?}");
            assert_eq!((tally.failed, tally.dropped), (tally.sent, 0), "second {second}");
            assert_eq!(tally.p50_ms, 1_500, "nobody was answered");
        }
        assert_eq!(tallies(&workload, from, 1).await, tallies(&workload, from, 1).await, "asking twice");
    }

    #[tokio::test]
    async fn a_target_that_hangs_costs_each_user_the_time_out_and_its_connection() {
        let (address, open) = hang().await;
        let (workload, from) = start(class(50.0, 1_200), address);
        let began = Instant::now();
        for tally in tallies(&workload, from, 3).await {
            assert!(tally.sent.abs_diff(50) <= 1, "{tally:?}");
            assert_eq!((tally.failed, tally.dropped), (tally.sent, 0));
            assert_eq!((tally.p50_ms, tally.p99_ms), (1_200, 1_200));
            assert!(open.load(Ordering::SeqCst) <= 64, "connections are closed at the time-out");
        }
        assert!(
            began.elapsed() < Duration::from_millis(200 + 3_000 + 1_200 + 3_000),
            "{:?}",
            began.elapsed()
        );
        workload.stop().await;
        eventually("every connection is closed", || open.load(Ordering::SeqCst) == 0).await;
    }

    #[tokio::test]
    async fn what_exceeds_the_cap_is_dropped_and_counted() {
        let (address, open) = hang().await;
        let class = class(100.0, 2_000);
        let terms = ClassTerms { name: class.name.clone(), within_us: 2_000_000, open_max: 30 };
        let workload =
            Workload::launch(&[(terms, &class)], &address.into(), SEED, soon(), Origin::now_is(-200))
                .unwrap();
        let from = workload.start;
        let seconds = tallies(&workload, from, 4).await;
        for tally in &seconds {
            assert!(tally.sent.abs_diff(100) <= 1, "{tally:?}");
            assert_eq!((tally.failed, tally.p50_ms), (tally.sent, 2_000));
            assert!(open.load(Ordering::SeqCst) <= 30 + 5, "the kernel may be a little behind");
        }
        // 30 places, each free again after two seconds.
        let started: u32 = seconds.iter().map(|tally| tally.sent - tally.dropped).sum();
        assert!((55..=62).contains(&started), "{seconds:?}");
    }

    #[tokio::test]
    async fn stopping_waits_for_the_time_out_and_no_longer() {
        let (address, open) = hang().await;
        let (workload, from) = start(class(50.0, 900), address);
        eventually("requests are open", || open.load(Ordering::SeqCst) > 5).await;
        let began = Instant::now();
        workload.stop().await;
        assert!(began.elapsed() < Duration::from_millis(900 + 3_000), "{:?}", began.elapsed());
        let tally = tallies(&workload, from, 1).await[0];
        assert!(tally.sent > 5 && tally.failed == tally.sent, "the second that was cut short: {tally:?}");
        workload.stop().await;
        assert_eq!(workload.bucket(from + Span::from_secs(500)).await, Bucket::default());
        eventually("every connection is closed", || open.load(Ordering::SeqCst) == 0).await;
    }

    #[tokio::test]
    async fn dropping_ends_everything_at_once() {
        let (address, open) = hang().await;
        let (workload, _) = start(class(50.0, 60_000), address);
        let stage = Arc::downgrade(&workload.stage);
        eventually("requests are open", || open.load(Ordering::SeqCst) > 5).await;
        drop(workload);
        eventually("every connection is closed", || open.load(Ordering::SeqCst) == 0).await;
        eventually("every task and the thread are gone", || stage.strong_count() == 0).await;
    }

    #[tokio::test]
    async fn connections_are_kept_and_a_closed_one_costs_no_request() {
        let users = Arc::new(Mutex::new(HashSet::new()));
        let seen = users.clone();
        let count = Arc::new(AtomicU32::new(0));
        let address =
            serve(Router::new().fallback(any(move |ConnectInfo(user): ConnectInfo<SocketAddr>| {
                seen.lock().unwrap().insert(user);
                let last = count.fetch_add(1, Ordering::SeqCst) % 20 == 19;
                async move { if last { [("connection", "close")] } else { [("connection", "keep-alive")] } }
            })))
            .await;
        let (workload, from) = start(class(100.0, 2_000), address);
        let seconds = tallies(&workload, from, 2).await;
        assert!(seconds.iter().all(|tally| tally.sent > 98 && tally.failed == 0), "{seconds:?}");
        let users = users.lock().unwrap().len();
        assert!((10..=60).contains(&users), "{users} connections for 200 requests, closed after each 20th");
    }

    #[tokio::test]
    async fn an_answer_must_be_whole_and_of_bearable_size() {
        let address = serve(
            Router::new()
                .route("/big", any(|| async { vec![b'x'; 1024 * 1024] }))
                .route("/huge", any(|| async { vec![b'x'; 1024 * 1024 + 1] })),
        )
        .await;
        for (path, fails) in [("/big", false), ("/huge", true)] {
            let (workload, from) = start(RequestClass { path: path.into(), ..class(10.0, 3_000) }, address);
            let tally = tallies(&workload, from, 1).await[0];
            assert_eq!((tally.sent, tally.failed), (10, if fails { 10 } else { 0 }), "{path}");
        }
    }

    #[tokio::test]
    async fn a_front_door_that_comes_back_is_used_again() {
        let (listener, address) = listen().await;
        drop(listener);
        let body_is_whole = any(|body: axum::body::Bytes| async move {
            if body.len() == 3_000 { StatusCode::OK } else { StatusCode::BAD_REQUEST }
        });
        let class = RequestClass { method: "POST".into(), body_bytes: 3_000, ..class(40.0, 700) };
        let (workload, from) = start(class, address);
        let first = tallies(&workload, from, 1).await[0];
        assert_eq!((first.sent, first.failed), (40, 40));
        let listener = TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(body_is_whole)).await });
        let later = tallies(&workload, from + Span::from_secs(1), 4).await;
        assert_eq!((later[3].sent, later[3].failed), (40, 0), "{later:?}");
    }

    #[tokio::test]
    async fn a_late_beginning_leaves_out_what_is_past() {
        let address = serve(Router::new().fallback(any(|| async {}))).await;
        let from = SystemClock.now() - Span::from_millis(60_300);
        let shape = shape(class(100.0, 1_000));
        let workload = Workload::start(&shape, address, SEED, from, &SystemClock).unwrap();
        assert_eq!(workload.bucket(from - Span::from_secs(5)).await, Bucket::default());
        assert_eq!(workload.bucket(from + Span::from_secs(20)).await, Bucket::default());
        let tally = tallies(&workload, from + Span::from_secs(60), 2).await;
        assert!((1..=71).contains(&tally[0].sent), "{tally:?}");
        assert!(tally[1].sent.abs_diff(100) <= 1, "{tally:?}");
    }

    #[tokio::test]
    async fn classes_are_told_apart_and_a_quiet_one_is_absent() {
        let address = serve(
            Router::new().route("/good", any(|| async {})).fallback(any(|| async { StatusCode::NOT_FOUND })),
        )
        .await;
        let named = |name: &str, path: &str, rate| RequestClass {
            name: name.parse().unwrap(),
            path: path.into(),
            ..class(rate, 2_000)
        };
        let classes = vec![named("a", "/good", 20.0), named("b", "/bad", 10.0), named("c", "/good", 0.0)];
        let from = soon();
        let shape = WorkloadShape { classes: classes.clone(), encrypted: false };
        let workload = Workload::start(&shape, address, SEED, from, &SystemClock).unwrap();
        let bucket = workload.bucket(from).await;
        let counts: Vec<_> =
            bucket.classes.iter().map(|(name, tally)| (name.as_str(), tally.sent, tally.failed)).collect();
        assert_eq!(counts, [("a", 20, 0), ("b", 10, 10)]);
        let twice = WorkloadShape { classes: vec![classes[0].clone(), classes[0].clone()], encrypted: false };
        let refused = Workload::start(&twice, address, SEED, from, &SystemClock).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "could not use request class `a`: its name is taken by another class"
        );
    }

    #[test]
    fn the_cap_follows_rate_and_time_out_within_bounds() {
        assert_eq!(open_max(&class(1.0, 1_000)), OPEN_FLOOR);
        assert_eq!(open_max(&class(100.0, 2_000)), 800);
        assert_eq!(open_max(&class(50_000.0, 60_000)), OPEN_MAX);
    }
}
