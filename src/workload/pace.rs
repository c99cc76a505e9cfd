//! The workload's own thread: deals out arrivals when they are due and waits for no answer.

use super::{
    arrivals::{Arrivals, SECOND_NS},
    ledger::{Ledger, Outcome, micros, second_of},
    request::RequestForm,
    wire::{Lines, NoAnswer},
};
use http_body_util::Full;
use hyper::{Request, body::Bytes};
use nix::sys::resource::{UsageWho, getrusage};
use std::{io, pin::Pin, pin::pin, sync::Arc, sync::mpsc, time::Duration};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// Time as the workload counts it: nanoseconds after its start, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    made: Instant,
    /// What the time was when this was made; below zero when the start was still to come.
    made_ns: i64,
}

impl Origin {
    /// Now is `ms` milliseconds after the start; below zero when the start is still to come.
    pub(super) fn now_is(ms: i64) -> Self {
        let made_ns = ms.saturating_mul(1_000_000).clamp(i64::MIN / 4, i64::MAX / 4);
        Self { made: Instant::now(), made_ns }
    }

    /// What the time is.
    pub(super) fn now_ns(self) -> i64 {
        self.made_ns + i64::try_from(self.made.elapsed().as_nanos()).unwrap_or(i64::MAX / 2)
    }

    /// The instant `ns` after the start; a past one may be this one's beginning.
    fn instant(self, ns: i64) -> Instant {
        self.made + Duration::from_nanos(u64::try_from(ns - self.made_ns).unwrap_or(0))
    }
}

/// What pacer and requests share.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) ledger: Ledger,
    pub(super) lines: Lines,
    pub(super) origin: Origin,
    /// Good statuses and time-out in nanoseconds, by class.
    pub(super) expect: Vec<(Vec<u16>, i64)>,
}

/// The moving part of a class.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) arrivals: Arrivals,
    pub(super) form: RequestForm,
}

/// How the thread is told to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Brakes {
    /// No new starts; ends when the last open request has ended.
    pub(super) stop: CancellationToken,
    /// Ends at once.
    pub(super) abort: CancellationToken,
}

/// Starts the thread. It ends by `brakes` alone.
pub(super) fn spawn(stage: Arc<Stage>, sources: Vec<Source>, brakes: Brakes) -> io::Result<()> {
    let (ready, is_ready) = mpsc::sync_channel(1);
    std::thread::Builder::new().name("workload".into()).spawn(move || {
        // Dropped last: when the end is announced, no task is left.
        let announced = AnnounceEnd(stage.clone());
        match tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build() {
            Ok(runtime) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(conduct(stage, sources, brakes));
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        }
        drop(announced);
    })?;
    is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))
}

struct AnnounceEnd(Arc<Stage>);

impl Drop for AnnounceEnd {
    fn drop(&mut self) {
        self.0.ledger.finish();
    }
}

async fn conduct(stage: Arc<Stage>, sources: Vec<Source>, brakes: Brakes) {
    let abort = brakes.abort.clone();
    let play = async {
        let last = pace(&stage, sources, &brakes.stop).await;
        let mut progress = stage.ledger.watch();
        stage.ledger.pace_past(last, thread_cpu());
        let _ = progress.wait_for(|progress| progress.seconds >= last).await;
        stage.ledger.pace_past(last, thread_cpu());
    };
    tokio::select! {
        biased;
        () = abort.cancelled() => {}
        () = play => {}
    }
}

/// Deals out arrivals until `stop`; returns the second after the last one that was begun. One timer serves all
/// classes; a wake deals out everything that has become due.
async fn pace(stage: &Arc<Stage>, mut sources: Vec<Source>, stop: &CancellationToken) -> u64 {
    let mut stopped = pin!(stop.cancelled());
    let mut timer = pin!(timer(stage.origin.instant(0)));
    let mut tidied = 0;
    loop {
        let now = stage.origin.now_ns();
        for (class, source) in sources.iter_mut().enumerate() {
            deal(stage, class, source, now);
        }
        let second = second_of(now);
        if second > tidied {
            tidied = second;
            stage.ledger.pace_past(second, thread_cpu());
            stage.lines.close_old(Instant::now());
        }
        let next_second = (now.div_euclid(SECOND_NS) + 1) * SECOND_NS;
        let next = sources.iter().filter_map(|source| source.arrivals.due()).fold(next_second, i64::min);
        Pin::as_mut(&mut timer).reset(stage.origin.instant(next));
        tokio::select! {
            biased;
            () = &mut stopped => return if now < 0 { 0 } else { second + 1 },
            () = &mut timer => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "arrivals are paced in real time")]
fn timer(at: Instant) -> Sleep {
    tokio::time::sleep_until(at)
}

/// Opens a request for every arrival of a class that is due by `now`.
fn deal(stage: &Arc<Stage>, class: usize, source: &mut Source, now: i64) {
    let within = stage.expect[class].1;
    while let Some(intended) = source.arrivals.due().filter(|due| *due <= now) {
        source.arrivals.advance();
        let second = second_of(intended);
        let request = Box::new(source.form.next(second));
        let lateness = now - intended;
        if lateness >= within {
            stage.ledger.miss(class, second, micros(lateness));
        } else if stage.ledger.admit(class, second, micros(lateness)) {
            let ticket = Ticket { stage: stage.clone(), class, intended, ended: false };
            tokio::spawn(visit(ticket, request));
        }
    }
}

/// One request from its start to its end.
async fn visit(ticket: Ticket, request: Box<Request<Full<Bytes>>>) {
    let stage = ticket.stage.clone();
    let (good, within) = &stage.expect[ticket.class];
    let started = stage.origin.now_ns();
    let deadline = stage.origin.instant(ticket.intended + within);
    let outcome = match tokio::time::timeout_at(deadline, stage.lines.ask(request)).await {
        Ok(Ok(status)) if good.contains(&status.as_u16()) => Outcome::Good,
        Ok(Ok(_)) => Outcome::Wrong,
        Ok(Err(NoAnswer::Ours(why))) => {
            tracing::debug!(%why, "a request was dropped");
            Outcome::Dropped
        }
        Ok(Err(why)) => {
            tracing::trace!(%why, "a request got no answer");
            Outcome::Unanswered
        }
        Err(_elapsed) => Outcome::Unanswered,
    };
    ticket.end(outcome, started);
}

/// An admitted arrival. It reaches the ledger also when its task is ended from outside.
struct Ticket {
    stage: Arc<Stage>,
    class: usize,
    intended: i64,
    ended: bool,
}

impl Ticket {
    fn end(mut self, outcome: Outcome, started: i64) {
        self.ended = true;
        let latency = micros(self.stage.origin.now_ns() - self.intended);
        let lateness = micros(started - self.intended);
        self.stage.ledger.end(self.class, second_of(self.intended), outcome, latency, lateness);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            self.stage.ledger.end(self.class, second_of(self.intended), Outcome::Unanswered, 0, 0);
        }
    }
}

/// Processor time of this thread; zero where the system does not tell.
fn thread_cpu() -> Duration {
    let time = |value: nix::sys::time::TimeVal| {
        let us = u64::try_from(value.tv_usec()).unwrap_or(0);
        Duration::from_secs(u64::try_from(value.tv_sec()).unwrap_or(0)) + Duration::from_micros(us)
    };
    getrusage(UsageWho::RUSAGE_THREAD)
        .map_or(Duration::ZERO, |usage| time(usage.user_time()) + time(usage.system_time()))
}
