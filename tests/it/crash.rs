//! Engines that die: after every append, before every append, and for good. Nothing is left on the target, nothing
//! acknowledged is lost, nothing goes out twice under two names.

use crate::{
    faulty::{Fails, FaultyStore},
    stage::{Stage, modelled, run, scenario},
};
use gameday::{
    base::{DrillId, Span, limits},
    clock::BoxFuture,
    drill::{
        Drill, Phase,
        event::{Event, InjectionStep, Outcome, Recorded},
        injection::State,
    },
    engine::EngineError,
    scenario::Scenario,
    store::{DrillEntry, MemoryStore, Store, StoreError},
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// A store in whose n-th append the engine dies: written or not, it never hears the answer.
struct Deadly {
    inner: Arc<dyn Store>,
    nth: u64,
    written: bool,
    appends: AtomicU64,
    died: Arc<Notify>,
}

impl Store for Deadly {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if self.appends.fetch_add(1, Ordering::SeqCst) + 1 != self.nth {
                return self.inner.append(drill, expected_seq, batch).await;
            }
            if self.written {
                self.inner.append(drill, expected_seq, batch).await?;
            }
            self.died.notify_one();
            std::future::pending().await
        })
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.inner.read(drill, from)
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        self.inner.drills()
    }
}

impl Stage {
    /// Plays until the engine dies in append `nth`; `false` when the drill ended before.
    pub(crate) async fn dies_in(&mut self, nth: u64, written: bool) -> bool {
        let inner = self.store.clone();
        let died = Arc::new(Notify::new());
        self.store = Arc::new(Deadly {
            inner: inner.clone(),
            nth,
            written,
            appends: AtomicU64::new(0),
            died: died.clone(),
        });
        let survived = {
            let life = async {
                let mut conductor = self.begin().await.unwrap();
                conductor.conduct().await.unwrap();
            };
            tokio::select! {
                () = died.notified() => false,
                () = life => true,
            }
        };
        self.store = inner;
        !survived
    }
}

/// A stage whose engine died in append `nth`; nothing when the drill ended before.
async fn die_in(scenario: &Scenario, nth: u64, written: bool) -> Option<Stage> {
    let mut stage = Stage::in_memory(scenario, 7);
    stage.dies_in(nth, written).await.then_some(stage)
}

fn assert_recovered(stage: &Stage, journal: &[Recorded], context: &str) {
    let drill = Drill::fold(journal).unwrap();
    assert_eq!(drill.phase(), Phase::Closed, "{context}");
    assert!(drill.is_clean(), "{context}: {:?}", drill.injections());
    stage.sim.is_pristine().unwrap_or_else(|left| panic!("{context}: {left:?}"));
    // Every notice that was queued was delivered, each under one key.
    let queued: Vec<_> = journal
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::NoticeQueued(notice) => Some(&notice.id),
            _ => None,
        })
        .collect();
    let got = stage.mail.got.lock().unwrap();
    assert_eq!(got.len(), queued.len(), "{context}: {got:?}");
    assert!(queued.iter().all(|id| got.contains_key(*id)), "{context}");
}

/// How many appends there are, at most, in a drill.
pub(crate) const APPENDS_MAX: u64 = 5000;

fn every_death(resume: bool, written: bool, stride: u64) {
    run(async {
        for name in modelled() {
            let scenario = scenario(&name);
            let mut deaths = 0;
            // The first append stores the plan: without it there is no drill to recover.
            for nth in (2..APPENDS_MAX).step_by(usize::try_from(stride).unwrap()) {
                let Some(stage) = die_in(&scenario, nth, written).await else { break };
                deaths += 1;
                let before = stage.journal().await;
                let context = format!("{name}, append {nth}, event {}", before.len());
                match stage.take_over(resume).await {
                    Ok(mut conductor) => conductor.conduct().await.unwrap(),
                    Err(EngineError::Closed(_)) => {}
                    Err(error) => panic!("{context}: {error}"),
                }
                // Whatever the dead engine had said arrives once more: its tokens are dead, too.
                stage.network.deliver().await;
                let after = stage.journal().await;
                assert_eq!(after[..before.len()], before[..], "{context}: acknowledged events stay");
                assert_recovered(&stage, &after, &context);
            }
            assert!(deaths * stride > 100, "{name}: only {deaths} deaths were tried");
        }
    });
}

#[test]
fn every_prefix_is_recovered_to_a_clean_target() {
    every_death(false, true, 1);
}

#[test]
fn every_append_that_never_came_is_recovered_to_a_clean_target() {
    every_death(false, false, 1);
}

#[test]
fn every_prefix_is_played_on_to_a_clean_target() {
    every_death(true, true, 1);
}

#[test]
fn a_live_fault_is_adopted_by_an_engine_that_plays_on() {
    run(async {
        let scenario = scenario("pool-shrink");
        for nth in 2..APPENDS_MAX {
            let Some(stage) = die_in(&scenario, nth, true).await else { break };
            let before = Drill::fold(&stage.journal().await).unwrap();
            let live = before.injections()[0].state == State::Live;
            if !live || before.phase() != Phase::Running {
                continue;
            }
            let mut conductor = stage.take_over(true).await.unwrap();
            conductor.conduct().await.unwrap();
            assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed));
            return;
        }
        panic!("no prefix has a live fault");
    });
}

#[test]
fn a_fault_that_was_only_on_its_way_is_taken_back_by_an_engine_that_plays_on() {
    run(async {
        let scenario = scenario("pool-shrink");
        let mut tried = BTreeSet::new();
        for nth in 2..APPENDS_MAX {
            let stage = die_in(&scenario, nth, true).await.expect("every state is met before the drill ends");
            let before = stage.journal().await;
            let stands = Drill::fold(&before).unwrap().injections()[0].state;
            let on_its_way = matches!(stands, State::Intent | State::Armed | State::Injecting);
            if !on_its_way || !tried.insert(stands) {
                continue;
            }
            let mut conductor = stage.take_over(true).await.unwrap();
            conductor.conduct().await.unwrap();
            let after = stage.journal().await;
            let first = after[before.len()..].iter().find_map(|recorded| recorded.event.injection_step());
            let taken_back = matches!(first, Some((_, InjectionStep::Reverting { .. })));
            assert!(taken_back, "{}: {first:?}", stands.as_str());
            if tried.len() == 3 {
                return;
            }
        }
    });
}

#[test]
fn a_failed_append_changes_nothing() {
    run(async {
        let scenario = scenario("pool-shrink");
        for nth in [2, 3, 4, 30, 60, 90, 120, 150] {
            for fails in [Fails::BeforeWriting, Fails::AfterWriting] {
                // One failure is tried again, and the drill goes on as if nothing had been.
                let store = Arc::new(FaultyStore::new(MemoryStore::new(), nth, fails));
                let stage = Stage::new(&scenario, 7, store);
                let mut conductor = stage.begin().await.unwrap();
                conductor.conduct().await.unwrap();
                let journal = stage.journal().await;
                assert_recovered(&stage, &journal, &format!("{nth} {fails:?}"));
                assert_eq!(conductor.drill().outcome(), Some(Outcome::Completed), "{nth} {fails:?}");
            }
        }
    });
}

#[test]
fn an_append_that_fails_for_good_changes_nothing_and_the_engine_lets_go() {
    run(async {
        for nth in [30, 90] {
            let store = Arc::new(FaultyStore::new(MemoryStore::new(), nth, Fails::ForGood));
            let stage = Stage::new(&scenario("pool-shrink"), 7, store);
            let mut conductor = stage.begin().await.unwrap();
            assert!(matches!(conductor.conduct().await, Err(EngineError::Journal(_))));
            let stored = Drill::fold(&stage.journal().await).unwrap();
            assert_eq!(format!("{:?}", conductor.drill()), format!("{stored:?}"));
        }
    });
}

#[test]
fn an_engine_that_is_gone_for_good_leaves_nothing_after_its_leases() {
    run(async {
        let scenario = scenario("pool-shrink");
        let mut held = 0;
        for nth in (2..APPENDS_MAX).step_by(3) {
            let Some(stage) = die_in(&scenario, nth, true).await else { break };
            held += u32::from(stage.sim.is_pristine().is_err());
            stage.pass(limits::LEASE + Span::from_secs(1)).await;
            stage.sim.settle();
            stage.sim.is_pristine().unwrap_or_else(|left| panic!("append {nth}: {left:?}"));
        }
        // The control: without leases, these would have leaked.
        assert!(held > 5, "the fault was on the target in {held} of the deaths");
    });
}

#[test]
fn a_second_engine_that_takes_over_makes_the_first_let_go() {
    run(async {
        let stage = Stage::in_memory(&scenario("pool-shrink"), 7);
        let mut first = stage.begin().await.unwrap();
        let second = stage.take_over(false).await.unwrap();
        drop(second);
        assert!(matches!(first.conduct().await, Err(EngineError::Lost(_))));
    });
}
