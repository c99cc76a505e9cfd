//! Servers that die around planned starts, on machines whose clocks step and that are put to sleep: each drill begins
//! exactly once, or is told as missed, and nothing begins later than a minute.

use super::{
    NOW, entry, ina, plan,
    post::{Pigeon, added, person},
};
use crate::store::numbered;
use gameday::{
    base::{At, DrillId, Span, limits},
    calendar::{Ask, Calendar, Due, Event, Moment, Noted, State, series::End},
    clock::{BoxFuture, Clock, Hold, VirtualClock},
    drill::event::Recorded,
    engine::{
        book::OpenBook,
        calendar::{Keeper, Schedule, Starter},
        post::{Books, Manner, Postman},
    },
    people::People,
    seed::Seed,
    store::{Book, DrillEntry, MemoryStore, Store, StoreError},
};
use jiff::tz::TimeZoneDatabase;
use rand::{Rng, RngExt};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

const TRIALS: u64 = 1000;

/// A wall clock that somebody sets: a sleep looks at it at least every second, as the system's does.
#[derive(Clone)]
struct Wall {
    inner: VirtualClock,
    skew: Arc<AtomicI64>,
}

impl Wall {
    fn step(&self, millis: i64) {
        self.skew.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn now(&self) -> At {
        At::from_millis(self.inner.now().millis() + self.skew.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let rest = at.since(self.now()).min(Span::from_secs(1));
                if rest == Span::ZERO {
                    return;
                }
                self.inner.sleep_until(self.inner.now() + rest).await;
            }
        })
    }

    fn hold(&self) -> Hold {
        self.inner.hold()
    }
}

/// Stores in whose n-th append the server dies: written or not, it never hears the answer.
struct Deadly {
    inner: Arc<MemoryStore>,
    appends: AtomicU64,
    nth: u64,
    written: bool,
    died: Arc<Notify>,
}

impl Deadly {
    async fn dies<'a>(
        &self,
        write: impl Future<Output = Result<(), StoreError>> + 'a,
    ) -> Result<(), StoreError> {
        if self.appends.fetch_add(1, Ordering::SeqCst) + 1 != self.nth {
            return write.await;
        }
        if self.written {
            write.await?;
        }
        self.died.notify_one();
        std::future::pending().await
    }
}

impl Book<Event> for Deadly {
    fn note<'a>(&'a self, expected: u64, batch: &'a [Noted]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.dies(self.inner.note(expected, batch)))
    }

    fn noted(&self, from: u64) -> BoxFuture<'_, Result<Vec<Noted>, StoreError>> {
        self.inner.noted(from)
    }
}

impl Store for Deadly {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.dies(self.inner.append(drill, expected, batch)))
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.inner.read(drill, from)
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        self.inner.drills()
    }
}

/// What a server has begun, and how late by its own clock.
type Begun = Arc<Mutex<Vec<(DrillId, At, At)>>>;

/// Makes a target ready, which takes a while, and writes the drill's first event.
struct Stagehand {
    clock: Wall,
    journals: Arc<Deadly>,
    takes: Span,
    tasks: Mutex<JoinSet<()>>,
    begun: Begun,
    /// Drills that were begun before anybody had claimed them.
    unclaimed: Arc<Mutex<Vec<DrillId>>>,
}

impl Starter for Stagehand {
    fn begin(&self, due: Due) {
        let (clock, journals, takes) = (self.clock.clone(), Arc::clone(&self.journals), self.takes);
        self.begun.lock().unwrap().push((due.drill.clone(), due.start, clock.now()));
        let (hold, unclaimed) = (clock.hold(), Arc::clone(&self.unclaimed));
        self.tasks.lock().unwrap().spawn(async move {
            let _hold = hold;
            let noted: Vec<Noted> = journals.inner.noted(0).await.unwrap();
            let claims =
                |noted: &Noted| matches!(&noted.event, Event::Begun { drill, .. } if *drill == due.drill);
            if !noted.iter().any(claims) {
                unclaimed.lock().unwrap().push(due.drill.clone());
            }
            clock.inner.sleep_until(clock.inner.now() + takes).await;
            // A drill that is there already is somebody else's.
            let _ = journals.append(&due.drill, 0, &[numbered(0)]).await;
        });
    }

    fn tell(&self, _: &Noted, _: &Calendar) {}
}

struct World {
    clock: Wall,
    zones: TimeZoneDatabase,
    store: Arc<MemoryStore>,
    begun: Begun,
    unclaimed: Arc<Mutex<Vec<DrillId>>>,
}

impl World {
    fn new(zones: &TimeZoneDatabase) -> Self {
        let inner = VirtualClock::starting_at(NOW);
        let clock = Wall { inner, skew: Arc::default() };
        Self {
            clock,
            zones: zones.clone(),
            store: Arc::default(),
            begun: Arc::default(),
            unclaimed: Arc::default(),
        }
    }

    fn schedule(&self, store: Arc<dyn Book<Event>>) -> Arc<Schedule> {
        Arc::new(Schedule::new(store, Arc::new(self.clock.clone()), self.zones.clone()))
    }

    /// A server lives for so long, or until it dies in an append; its clock is set in the middle of it.
    async fn serve(&self, lives: Span, (nth, written): (u64, bool), takes: Span, step: i64) {
        let died = Arc::new(Notify::new());
        let store = Arc::new(Deadly {
            inner: Arc::clone(&self.store),
            appends: AtomicU64::new(0),
            nth,
            written,
            died: Arc::clone(&died),
        });
        let starter = Arc::new(Stagehand {
            clock: self.clock.clone(),
            journals: store.clone(),
            takes,
            tasks: Mutex::default(),
            begun: Arc::clone(&self.begun),
            unclaimed: Arc::clone(&self.unclaimed),
        });
        let keeper = Keeper::new(self.schedule(store.clone()), store, starter.clone()).await.unwrap();
        let inner = &self.clock.inner;
        let end = inner.now() + lives;
        let life = async {
            inner.sleep_until(inner.now() + Span::from_millis(lives.millis() / 2)).await;
            self.clock.step(step);
            inner.sleep_until(end).await;
        };
        tokio::select! {
            () = died.notified() => {}
            () = keeper.keep() => {}
            () = life => {}
        }
        let mut tasks = std::mem::take(&mut *starter.tasks.lock().unwrap());
        tasks.shutdown().await;
    }
}

fn trial(zones: &TimeZoneDatabase, number: u64) {
    let mut rng = Seed(number).stream("crash");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let world = World::new(zones);
    runtime.block_on(async {
        let _hold = world.clock.hold();
        let schedule = world.schedule(world.store.clone());
        for one in 0..4 {
            let at = Moment::utc(NOW + Span::from_secs(rng.random_range(5..400)));
            let planned = entry(zones, &format!("s-{one}"), Ask::At(at), NOW);
            schedule.ask(&plan(planned)).await.unwrap();
        }
        let daily = "daily 13:05 UTC".parse().unwrap();
        schedule.ask(&plan(entry(zones, "s-daily", Ask::Every(daily, End::Never), NOW))).await.unwrap();
        let hasten =
            gameday::calendar::Command::StartNow { entry: "s-0".parse().unwrap(), day: None, by: ina() };
        for life in 0..rng.random_range(1..6) {
            let lives = Span::from_millis(rng.random_range(500..120_000));
            let dies = (rng.random_range(1..6), rng.random_bool(0.5));
            let takes = Span::from_millis(rng.random_range(0..20_000));
            world.serve(lives, dies, takes, some_step(&mut rng)).await;
            if life == 1 && rng.random_bool(0.3) {
                // Perhaps it has begun.
                let _ = schedule.ask(&hasten).await;
            }
            let away = Span::from_millis(rng.random_range(0..100_000));
            world.clock.inner.sleep_until(world.clock.inner.now() + away).await;
            world.clock.step(some_step(&mut rng));
        }
        // The last one lives until all is over, whatever its clock shows.
        let over = (NOW + Span::from_secs(400 + 120)).since(world.clock.now()) + Span::from_secs(120);
        world.serve(over, (u64::MAX, true), Span::from_secs(3), 0).await;
        check(&world, &schedule.look().await.unwrap(), number).await;
    });
}

/// Now and then the clock is set, or the machine has slept.
fn some_step(rng: &mut impl Rng) -> i64 {
    match rng.random_range(0..4) {
        0 => rng.random_range(-45_000..0),
        1 => rng.random_range(0..150_000),
        _ => 0,
    }
}

async fn check(world: &World, calendar: &Calendar, number: u64) {
    let mut told: BTreeMap<DrillId, Vec<Event>> = BTreeMap::new();
    let days: Vec<_> = calendar
        .past(&world.zones)
        .into_iter()
        .filter(|one| one.order < NOW + Span::from_secs(520))
        .collect();
    assert_eq!(days.len(), 5, "trial {number}: {days:?}");
    let noted: Vec<Noted> = world.store.noted(0).await.unwrap();
    for noted in noted {
        if let Event::Begun { start, .. } = noted.event {
            let (at, first, last) = (noted.at, start - limits::STAGING_LEAD, start + limits::START_LATE_MAX);
            assert!(first <= at && at <= last, "trial {number}: what starts at {start} was claimed at {at}");
        }
        if let Event::Begun { entry, day, .. } | Event::Missed { entry, day, .. } = &noted.event {
            let drill = calendar.entry(entry).unwrap().drill(*day);
            told.entry(drill).or_default().push(noted.event);
        }
    }
    for day in &days {
        let drill = day.drill();
        let journal = world.store.read(&drill, 0).await.unwrap();
        assert!(journal.len() <= 1, "trial {number}: {drill} began {} times", journal.len());
        let is_missed = matches!(day.state, State::Missed { .. });
        assert!(is_missed || matches!(day.state, State::Begun { .. }), "trial {number}: {day:?}");
        assert_ne!(is_missed, journal.len() == 1, "trial {number}: {drill} is both or neither: {day:?}");
        let claims = told[&drill].iter().filter(|event| matches!(event, Event::Begun { .. })).count();
        assert!(claims <= 1, "trial {number}: {drill} was claimed {claims} times");
    }
    let unclaimed = world.unclaimed.lock().unwrap();
    assert!(unclaimed.is_empty(), "trial {number}: {unclaimed:?} were begun before they were claimed");
    for (drill, start, at) in world.begun.lock().unwrap().iter() {
        assert!(*at <= *start + limits::START_LATE_MAX, "trial {number}: {drill} of {start} began at {at}");
    }
}

#[test]
fn a_thousand_servers_die_and_every_drill_begins_once_or_is_told_as_missed() {
    let zones = TimeZoneDatabase::bundled();
    std::thread::scope(|scope| {
        for half in 0..2 {
            let zones = &zones;
            scope.spawn(move || (0..TRIALS).filter(|one| one % 2 == half).for_each(|one| trial(zones, one)));
        }
    });
}

#[test]
fn a_mail_server_that_takes_an_hour_for_a_letter_keeps_no_drill_waiting() {
    let zones = TimeZoneDatabase::bundled();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let world = World::new(&zones);
        let _hold = world.clock.hold();
        let (schedule, clock) = (world.schedule(world.store.clone()), Arc::new(world.clock.clone()));
        let people = OpenBook::<People>::new(world.store.clone(), clock.clone());
        let known = |_: &People, _| Ok::<_, std::convert::Infallible>(vec![added("ana")]);
        people.ask(known).await.unwrap_or_else(|_| panic!("it is written"));
        let start = NOW + Span::from_mins(10);
        let mut planned = entry(&zones, "s-one", Ask::At(Moment::utc(start)), NOW);
        planned.wanted.responders = vec![person("ana")];
        schedule.ask(&plan(planned)).await.unwrap();
        let pigeon = Pigeon::new(&world.clock.inner, Span::from_mins(60));
        let post = Arc::new(OpenBook::new(world.store.clone(), clock.clone()));
        let books = Books { schedule, people: Arc::new(people), post };
        let from = "drills@example.org".parse().unwrap();
        let manner = Manner { carrier: pigeon.clone(), from, remind: Vec::new() };
        let postman = Postman::new(books, manner, clock);
        tokio::select! {
            () = postman.work(CancellationToken::new()) => {}
            () = world.serve(Span::from_mins(12), (u64::MAX, true), Span::from_secs(15), 0) => {}
        }
        assert!(pigeon.carried.lock().unwrap().is_empty(), "the letter is still on its way");
        let begun = world.begun.lock().unwrap();
        let ready = start - limits::STAGING_LEAD;
        assert!(
            matches!(begun[..], [(_, _, at)] if at >= ready && at <= ready + Span::from_secs(1)),
            "{begun:?}"
        );
    });
}

#[test]
fn two_hundred_drills_of_one_minute_are_begun_by_one_look() {
    let zones = TimeZoneDatabase::bundled();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let world = World::new(&zones);
        let _hold = world.clock.hold();
        let schedule = world.schedule(world.store.clone());
        let start = NOW + Span::from_mins(10);
        for one in 0..limits::ENTRIES_MAX {
            let planned = entry(&zones, &format!("s-{one}"), Ask::At(Moment::utc(start)), NOW);
            schedule.ask(&plan(planned)).await.unwrap();
        }
        let more = entry(&zones, "s-more", Ask::At(Moment::utc(start)), NOW);
        assert!(schedule.ask(&plan(more)).await.is_err());
        world.serve(Span::from_mins(12), (u64::MAX, true), Span::from_secs(15), 0).await;
        assert_eq!(world.store.drills().await.unwrap().len(), limits::ENTRIES_MAX);
        let begun = world.begun.lock().unwrap();
        assert_eq!(begun.len(), limits::ENTRIES_MAX);
        let ready = start - limits::STAGING_LEAD;
        assert!(begun.iter().all(|(_, _, at)| *at >= ready && *at <= ready + Span::from_secs(1)));
    });
}

#[test]
fn a_server_sees_within_a_second_what_another_process_plans() {
    let zones = TimeZoneDatabase::bundled();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let world = World::new(&zones);
        let _hold = world.clock.hold();
        let other = world.schedule(world.store.clone());
        let inner = &world.clock.inner;
        let server = world.serve(Span::from_secs(30), (u64::MAX, true), Span::from_secs(1), 0);
        let hold = inner.hold();
        let planner = async {
            let _hold = hold;
            inner.sleep_until(NOW + Span::from_millis(10_300)).await;
            let soon = Moment::utc(NOW + Span::from_secs(40));
            other.ask(&plan(entry(&zones, "s-soon", Ask::At(soon), NOW))).await.unwrap();
        };
        tokio::join!(server, planner);
        let begun = world.begun.lock().unwrap();
        assert!(matches!(begun[..], [(_, _, at)] if at <= NOW + Span::from_millis(11_300)), "{begun:?}");
    });
}
