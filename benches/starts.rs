//! Two hundred drills planned for the same moment: how late each of them starts by the wall clock, with two worker threads
//! and everything in one database, alone and beside two threads that take all the machine has.
//!
//! `cargo bench --bench starts` takes three minutes, because a drill measures its target for a while before it starts.

use gameday::{
    base::{At, Person, Span},
    calendar::{Ask, Calendar, Command, Due, Entry, Moment, Noted, Wanted},
    clock::{BoxFuture, Clock, SystemClock},
    depot,
    drill::{
        command::DeliveryError,
        event::{Attachment, Event, Notice},
        plan::{Plan, PlanOptions},
    },
    engine::{
        Conductor, Hands,
        calendar::{Keeper, Schedule, Starter},
    },
    library::{Library, worker::ScriptRunner},
    notify::Notifier,
    scenario::Scenario,
    seed::Seed,
    store::{SqliteStore, Store},
    target::sim::Sim,
};
use hdrhistogram::Histogram;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::mpsc;

const DRILLS: usize = 200;
/// From planning to the start.
const AHEAD: Span = Span::from_secs(75);
/// A start that has not come by then is missed, and the bench with it.
const LATE_MAX: Span = Span::from_secs(60);

/// Takes everything at once.
struct Taken;

impl Notifier for Taken {
    fn deliver<'a>(&'a self, _: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async { Ok(()) })
    }
}

/// Conducts what is begun on a modelled target, and tells when each drill has started.
struct Stage {
    scenario: Scenario,
    store: Arc<dyn Store>,
    started: mpsc::UnboundedSender<(At, At)>,
}

impl Stage {
    fn plan(&self, due: &Due) -> Plan {
        let options = PlanOptions {
            seed: due.seed,
            start: due.start,
            autopilot: false,
            routes: vec!["terminal".into()],
        };
        Plan { drill: due.drill.clone(), ..Plan::resolve(&self.scenario, options) }
    }
}

impl Starter for Stage {
    fn begin(&self, due: Due) {
        let plan = self.plan(&due);
        let clock = Arc::new(SystemClock);
        let sim = Sim::new(clock.clone(), plan.target.clone(), plan.workload.clone(), plan.seed);
        let hands = Hands {
            clock,
            store: Arc::clone(&self.store),
            injector: Arc::new(sim.clone()),
            prober: Arc::new(sim.clone()),
            traffic: Arc::new(sim.clone()),
            operator: Arc::new(sim.clone()),
            notifier: Arc::new(Taken),
            scripts: ScriptRunner::InProcess,
        };
        let started = self.started.clone();
        tokio::spawn(async move {
            let attachment = Attachment { agent: "sim".into(), folder: "sim".into(), root: None };
            let begun = Conductor::begin(hands, plan, Some(attachment), sim.take_epoch()).await;
            let mut conductor = begun.expect("a new drill");
            let desk = conductor.desk();
            tokio::spawn(async move {
                let (mut changed, mut read) = (desk.changed(), 0);
                loop {
                    let new = desk.journal(read);
                    read += new.len() as u64;
                    if new.iter().any(|one| matches!(one.event, Event::Started)) {
                        // It is written, and people are told of it.
                        started.send((due.start, SystemClock.now())).expect("the bench waits");
                        return;
                    }
                    changed.changed().await.expect("the drill goes on");
                }
            });
            let ended = conductor.conduct().await;
            panic!("a drill ended before its time: {ended:?}");
        });
    }

    fn tell(&self, _: &Noted, _: &Calendar) {}
}

/// A target of its own for each, or the calendar refuses the second.
fn entry(schedule: &Schedule, number: usize, start: At) -> Entry {
    let seed = Seed(u64::try_from(number).expect("a small number"));
    let when = Ask::At(Moment::utc(start)).settle(schedule.zones(), seed, SystemClock.now());
    Entry {
        needs: None,
        planner: None,
        id: format!("s-{number}").parse().expect("a name"),
        when: when.expect("a moment to come"),
        wanted: Wanted { scenario: "pool-shrink".into(), ..Wanted::default() },
        title: "The pool".into(),
        family: None,
        target: format!("target-{number}"),
        lead: Span::from_secs(36),
        limit: Span::from_mins(60),
        seed,
        uid: None,
    }
}

/// Plans the drills, lets them begin, and gives how late each has started, in milliseconds.
async fn play() -> Histogram<u64> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open(folder.path().join("journal.db")).await.expect("a database"));
    let schedule = Schedule::new(store.clone(), Arc::new(SystemClock), jiff::tz::db().clone());
    let schedule = Arc::new(schedule);
    let start = At::from_millis(SystemClock.now().millis() / 1000 * 1000) + AHEAD;
    let by: Person = "ina".parse().expect("a name");
    for number in 0..DRILLS {
        let entry = Box::new(entry(&schedule, number, start));
        schedule.ask(&Command::Plan { entry, by: by.clone() }).await.expect("it can be planned");
    }
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    let scenario = library.load("pool-shrink").unwrap_or_else(|error| panic!("{}", error.render(false)));
    let (started, mut starts) = mpsc::unbounded_channel();
    let stage = Arc::new(Stage { scenario, store: store.clone(), started });
    let keeper = Keeper::new(schedule, store, stage).await.expect("a calendar");
    let keeping = tokio::spawn(keeper.keep());
    let mut late = Histogram::new(3).expect("three digits");
    for _ in 0..DRILLS {
        let one = tokio::select! {
            one = starts.recv() => one,
            () = SystemClock.sleep_until(start + LATE_MAX) => None,
        };
        let (planned, at) = one.unwrap_or_else(|| panic!("only {} drills have started", late.len()));
        assert!(at >= planned, "never early");
        late.record(at.since(planned).millis()).expect("it fits");
    }
    keeping.abort();
    late
}

fn round(what: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let late = runtime.block_on(play());
    runtime.shutdown_background();
    let at = |part: f64| late.value_at_quantile(part);
    println!(
        "{DRILLS} drills planned for the same moment, {what}: p50 {} ms late, p99 {} ms, the last {} ms",
        at(0.5),
        at(0.99),
        late.max()
    );
}

fn main() {
    round("alone");
    let stop = Arc::new(AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    round("beside two busy threads");
    stop.store(true, Ordering::Relaxed);
    for one in busy {
        one.join().expect("it only spins");
    }
}
