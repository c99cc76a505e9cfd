//! What conducting costs: four hours in virtual time, and how exactly the wall clock keeps a moment.
//! `cargo bench --bench drill`

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gameday::{
    base::{At, Span},
    clock::{BoxFuture, Clock, SystemClock, VirtualClock},
    depot,
    drill::{
        command::DeliveryError,
        event::{Attachment, Notice, Outcome},
        plan::{Plan, PlanOptions},
    },
    engine::{Conductor, Hands},
    library::{Library, worker::ScriptRunner},
    notify::Notifier,
    seed::Seed,
    store::MemoryStore,
    target::sim::Sim,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const NOW: At = At::from_millis(1_796_130_000_000);
const FOUR_HOURS: Span = Span::from_mins(4 * 60);

/// Takes everything at once.
struct Taken;

impl Notifier for Taken {
    fn deliver<'a>(&'a self, _: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async { Ok(()) })
    }
}

/// A drill in which nobody repairs anything until time is up.
fn plan() -> Plan {
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    let mut scenario = library.load("pool-shrink").unwrap_or_else(|error| panic!("{}", error.render(false)));
    scenario.duration.limit = FOUR_HOURS;
    let start = NOW + Span::from_secs(60);
    let routes = vec!["terminal".into()];
    Plan::resolve(&scenario, PlanOptions { seed: Seed(7), start, autopilot: false, routes })
}

/// Plays it, and answers how many events it had.
async fn play(plan: Plan) -> u64 {
    let clock = Arc::new(VirtualClock::starting_at(NOW));
    let sim = Sim::new(clock.clone(), plan.target.clone(), plan.workload.clone(), plan.seed);
    let hands = Hands {
        clock,
        store: Arc::new(MemoryStore::new()),
        injector: Arc::new(sim.clone()),
        prober: Arc::new(sim.clone()),
        traffic: Arc::new(sim.clone()),
        operator: Arc::new(sim.clone()),
        notifier: Arc::new(Taken),
        scripts: ScriptRunner::InProcess,
    };
    let attachment = Attachment { agent: "sim".into(), folder: "sim".into(), root: None };
    let begun = Conductor::begin(hands, plan, Some(attachment), sim.take_epoch()).await;
    let mut conductor = begun.expect("a new drill in an empty store");
    conductor.conduct().await.expect("nothing fails in memory");
    assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed));
    conductor.drill().next_seq()
}

fn four_hours(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let plan = plan();
    let events = runtime.block_on(play(plan.clone()));
    println!("a drill of four hours has {events} events");
    assert!(events > FOUR_HOURS.millis() / 1000, "every second is measured");
    let mut group = criterion.benchmark_group("conduct");
    group.sample_size(10).measurement_time(Duration::from_secs(15)).throughput(Throughput::Elements(events));
    group.bench_function("four hours", |bencher| {
        bencher.to_async(&runtime).iter(|| play(plan.clone()));
    });
    group.finish();
}

/// Microseconds by the wall: finer than an instant of a drill, so that the error of one can be seen.
#[expect(clippy::disallowed_methods, reason = "measures the clock itself")]
fn wall_us() -> i64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(wall.as_micros()).expect("it is before the year 290000")
}

/// How late the wall clock wakes who sleeps until a moment: the error of a drill's start and of every planned step.
fn start_on_time(_: &mut Criterion) {
    const MOMENTS: u64 = 50;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut errors_us: Vec<_> = (0..MOMENTS)
        .map(|number| {
            let at = SystemClock.now() + Span::from_millis(20 + number * 37 % 200);
            runtime.block_on(SystemClock.sleep_until(at));
            wall_us() - at.millis() * 1000
        })
        .collect();
    errors_us.sort_unstable();
    assert!(errors_us[0] >= 0, "never early");
    let at = |percent: usize| errors_us[(errors_us.len() - 1) * percent / 100] as f64 / 1000.0;
    println!("start on time, {MOMENTS} moments: p50 {:.2} ms late, p99 {:.2} ms late", at(50), at(99));
}

criterion_group!(benches, start_on_time, four_hours);
criterion_main!(benches);
