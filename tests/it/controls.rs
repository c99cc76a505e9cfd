//! Negative controls of the revert protocol: the drills, the crash points and the look at the target are those of
//! `crash`, and one rule is left out. A harness that found nothing here would find nothing there.
//!
//! The others stand beside what they control: undo in memory alone in `crash` and `kill`, a relative undo in
//! `src/agent/lever/file_edit.rs`.

use crate::{
    crash::APPENDS_MAX,
    network::{Holds, Network},
    stage::{Stage, modelled, run, scenario},
};
use gameday::{
    base::{DrillId, InjectionId, limits},
    clock::BoxFuture,
    drill::{
        Drill,
        effect::Arm,
        event::{InjectionStep, Recorded},
    },
    engine::EngineError,
    fault::{Fault, Fence, Inspection, Undone},
    store::{DrillEntry, MemoryStore, Store, StoreError},
    target::{HandError, Injector, sim::Sim},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// A journal that is written after the effect: from an injection's intent on nothing is durable until the effect was
/// seen, or until the injection was given up. The engine is told otherwise.
struct Afterwards {
    durable: Arc<dyn Store>,
    told: MemoryStore,
    under_way: Mutex<BTreeSet<InjectionId>>,
}

impl Afterwards {
    fn of(durable: Arc<dyn Store>) -> Self {
        Self { durable, told: MemoryStore::new(), under_way: Mutex::default() }
    }
}

impl Store for Afterwards {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.told.append(drill, expected_seq, batch).await?;
            for (id, step) in batch.iter().filter_map(|recorded| recorded.event.injection_step()) {
                let mut under_way = self.under_way.lock().unwrap();
                match step {
                    InjectionStep::Intent { .. } => under_way.insert(id.clone()),
                    InjectionStep::Applied | InjectionStep::Reverting { .. } => under_way.remove(id),
                    _ => continue,
                };
            }
            if !self.under_way.lock().unwrap().is_empty() {
                return Ok(());
            }
            let stored = self.durable.read(drill, 0).await?.len() as u64;
            self.durable.append(drill, stored, &self.told.read(drill, stored).await?).await
        })
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.told.read(drill, from)
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        self.told.drills()
    }
}

/// An agent without tokens and epochs: whatever it is told it does, whoever says it and however often.
struct Tokenless {
    sim: Sim,
    /// What was armed, under the name and the token that the model has for it.
    armed: Mutex<BTreeMap<InjectionId, Arm>>,
}

impl Tokenless {
    fn known(&self, id: &InjectionId) -> Option<Arm> {
        self.armed.lock().unwrap().get(id).cloned()
    }

    fn name(&self, id: &InjectionId) -> InjectionId {
        self.known(id).map_or_else(|| id.clone(), |arm| arm.id)
    }

    /// A token that the model has to honour.
    fn newest(&self) -> Fence {
        Fence { epoch: self.sim.take_epoch(), seq: 0 }
    }

    /// Arms under a new name where the old one is used up: that is what a token would forbid.
    async fn arm_anyhow(&self, arm: &Arm) -> Result<Arm, HandError> {
        let arm = Arm { fence: self.newest(), ..arm.clone() };
        if self.sim.arm(&arm).await.is_ok() {
            return Ok(arm);
        }
        let arm = Arm { id: format!("{}x", arm.id).parse().unwrap(), ..arm };
        self.sim.arm(&arm).await.map(|()| arm)
    }
}

impl Injector for Tokenless {
    fn inspect<'a>(
        &'a self,
        id: &'a InjectionId,
        fault: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        Box::pin(async move { self.sim.inspect(&self.name(id), fault).await })
    }

    fn arm<'a>(&'a self, arm: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move {
            let known = self.known(&arm.id).unwrap_or_else(|| arm.clone());
            let armed = self.arm_anyhow(&known).await?;
            self.armed.lock().unwrap().insert(arm.id.clone(), armed);
            Ok(())
        })
    }

    fn inject<'a>(&'a self, id: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move {
            let known = self.known(id).ok_or_else(|| HandError::Refused(format!("no `{id}` is armed")))?;
            let arm = self.arm_anyhow(&known).await?;
            self.sim.inject(&arm.id, arm.fence).await?;
            self.armed.lock().unwrap().insert(id.clone(), arm);
            Ok(())
        })
    }

    fn revoke<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async { Ok(()) })
    }

    fn undo<'a>(&'a self, id: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        Box::pin(async move {
            match self.known(id) {
                Some(arm) => self.sim.undo(&arm.id, self.newest()).await,
                None => Ok(Undone::AlreadyClean),
            }
        })
    }

    fn heartbeat(&self, _: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        Box::pin(async move { self.sim.heartbeat(self.newest().epoch).await })
    }
}

/// The rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    IntentFirst,
    Tokens,
}

fn tokenless(stage: &Stage) -> Arc<Tokenless> {
    Arc::new(Tokenless { sim: stage.sim.clone(), armed: Mutex::default() })
}

/// Whether the journal says that nothing is left on the target, and something is.
fn leaks(stage: &Stage, journal: &[Recorded]) -> bool {
    let drill = Drill::fold(journal).unwrap();
    assert!(drill.is_clean(), "it ends by saying so");
    stage.sim.is_pristine().is_err()
}

/// Kills the engine in one append after the other until, when the next engine has taken everything back and what the dead
/// one had said arrives once more, something is left. `false`: nothing ever was.
async fn leaks_somewhere(name: &str, without: Without) -> bool {
    let scenario = scenario(name);
    for nth in 2..APPENDS_MAX {
        let mut stage = Stage::in_memory(&scenario, 7);
        let durable = stage.store.clone();
        match without {
            Without::IntentFirst => stage.store = Arc::new(Afterwards::of(durable.clone())),
            Without::Tokens => stage.network = Network::to(tokenless(&stage), Holds::Nothing),
        }
        if !stage.dies_in(nth, false).await {
            return false;
        }
        stage.store = durable;
        match stage.take_over(false).await {
            Ok(mut conductor) => conductor.conduct().await.unwrap(),
            Err(EngineError::Closed(_)) => {}
            Err(error) => panic!("{name}, append {nth}: {error}"),
        }
        stage.network.deliver().await;
        if leaks(&stage, &stage.journal().await) {
            return true;
        }
    }
    unreachable!("no drill has so many appends")
}

fn every_drill_leaks(without: Without) {
    run(async {
        for name in modelled() {
            assert!(leaks_somewhere(&name, without).await, "{name}");
        }
    });
}

#[test]
fn a_journal_that_is_written_after_the_effect_leaks_in_every_drill() {
    every_drill_leaks(Without::IntentFirst);
}

#[test]
fn an_agent_without_tokens_leaks_in_every_drill() {
    every_drill_leaks(Without::Tokens);
}

/// Nobody dies: messages take too long, and arrive when their injection is over.
async fn late(name: &str, holds: Holds, tokens: bool) -> Stage {
    let mut stage = Stage::in_memory(&scenario(name), 7);
    let agent: Arc<dyn Injector> = if tokens { Arc::new(stage.sim.clone()) } else { tokenless(&stage) };
    stage.network = Network::to(agent, holds);
    let mut conductor = stage.begin().await.unwrap();
    tokio::select! {
        done = conductor.conduct() => done.unwrap(),
        () = stage.pass(limits::DRILL_MAX) => panic!("{name}: it does not end"),
    }
    stage.sim.is_pristine().unwrap();
    stage.network.deliver().await;
    stage
}

#[test]
fn an_inject_that_arrives_after_the_revert_does_nothing_unless_there_are_no_tokens() {
    run(async {
        for name in modelled() {
            for tokens in [true, false] {
                let stage = late(&name, Holds::Injects, tokens).await;
                assert_eq!(leaks(&stage, &stage.journal().await), !tokens, "{name}, tokens: {tokens}");
            }
        }
    });
}

#[test]
fn an_arm_that_arrives_after_the_revert_holds_nothing_unless_there_are_no_tokens() {
    run(async {
        for name in modelled() {
            for tokens in [true, false] {
                let stage = late(&name, Holds::Arms, tokens).await;
                let held = stage.sim.injections().iter().any(|one| !one.state.is_terminal());
                assert_eq!(held, !tokens, "{name}, tokens: {tokens}");
            }
        }
    });
}
