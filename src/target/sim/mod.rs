//! A small modelled service for rehearsal and golden drills in virtual time.
//!
//! [`Sim`] is a handle on one world and implements all four seams of `target`. It outlives the engines that use it, as
//! a real target does: a new engine finds what an old one has left. Open first: `outcome` for what users meet, `keeper`
//! for the agent's rules, `place` and `laid` for what a fault does, `operate` for what responders can do.

mod keeper;
mod laid;
mod operate;
mod outcome;
mod paths;
mod place;
mod world;

use crate::{
    base::{At, InjectionId, ProbeName, Span},
    clock::{BoxFuture, Clock},
    drill::{
        command::ProbeAnswer,
        effect::Arm,
        measure::{BUCKET, Bucket, Tally},
    },
    fault::{Fault, Fence, Inspection, Undone, protocol::Listed},
    scenario::pack::{ProbeAsk, RequestClass, TargetDescription, WorkloadShape},
    seed::Seed,
    target::{HandError, Injector, Operator, Prober, Traffic},
};
use keeper::Keeper;
use paths::Paths;
use rand::RngExt;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use world::{Life, World};

/// Most requests of one class that a second may hold.
const SENT_MAX: f64 = 100_000.0;
/// How long a healthy service takes to answer a probe, in milliseconds.
const PROBE_MS: u32 = 3;

/// A method of the seams that can be made to break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// [`Injector::inspect`]
    Inspect,
    /// [`Injector::arm`]
    Arm,
    /// [`Injector::inject`]
    Inject,
    /// [`Injector::revoke`]
    Revoke,
    /// [`Injector::undo`]
    Undo,
    /// [`Injector::heartbeat`]
    Heartbeat,
    /// [`Prober::ask`]
    Ask,
    /// [`Operator::operate`]
    Operate,
}

/// When a call breaks. Its caller sees the same: no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it has its effect.
    Before,
    /// After it has had its effect.
    After,
}

/// One call that gets no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breakage {
    /// Which call.
    pub call: Call,
    /// When.
    pub moment: Moment,
}

struct State {
    world: World,
    keeper: Keeper,
    breakages: Vec<Breakage>,
    lost: bool,
    started: Option<At>,
    stopped: Option<At>,
    /// Seconds that were asked for, as they were first seen.
    measured: BTreeMap<At, Bucket>,
}

struct Whole {
    clock: Arc<dyn Clock>,
    target: TargetDescription,
    workload: WorkloadShape,
    seed: Seed,
    state: Mutex<State>,
}

/// A modelled target. Clones are handles on the same one.
#[derive(Clone)]
pub struct Sim(Arc<Whole>);

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("target", &self.0.target.name).finish_non_exhaustive()
    }
}

impl Sim {
    /// A healthy target. `seed` decides what users meet, together with class and second.
    pub fn new(
        clock: Arc<dyn Clock>,
        target: TargetDescription,
        workload: WorkloadShape,
        seed: Seed,
    ) -> Self {
        let state = State {
            world: World::new(&target, clock.now()),
            keeper: Keeper::default(),
            breakages: Vec::new(),
            lost: false,
            started: None,
            stopped: None,
            measured: BTreeMap::new(),
        };
        Self(Arc::new(Whole { clock, target, workload, seed, state: Mutex::new(state) }))
    }

    /// The state as it is now: what has run out is taken back.
    fn state(&self) -> (MutexGuard<'_, State>, At) {
        let now = self.0.clock.now();
        let mut guard = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.keeper.settle(&mut state.world, now);
        (guard, now)
    }

    /// Lets go of every injection whose lease or deadline has run out, as every call does first.
    pub fn settle(&self) {
        drop(self.state());
    }

    /// Whether the target is as in the beginning, apart from what responders' operations have changed. The error
    /// says what is not, one line each.
    pub fn is_pristine(&self) -> Result<(), Vec<String>> {
        let found = self.state().0.world.differences();
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// The next such call gets no answer. Several wait in the order in which they were asked for.
    pub fn break_next(&self, breakage: Breakage) {
        self.state().0.breakages.push(breakage);
    }

    /// From now on the agent cannot be reached. Its leases go on running out.
    pub fn lose(&self) {
        self.state().0.lost = true;
    }

    /// The agent can be reached again.
    pub fn find(&self) {
        self.state().0.lost = false;
    }

    /// Everything that the agent holds or has held.
    pub fn injections(&self) -> Vec<Listed> {
        let (state, now) = self.state();
        state.keeper.list(now)
    }

    /// Takes a new epoch, newer than any that the agent has seen.
    pub fn take_epoch(&self) -> u64 {
        self.state().0.keeper.take_epoch()
    }

    /// Calls the agent, unless it is lost or the call is to break.
    fn call<T>(
        &self,
        call: Call,
        work: impl FnOnce(&mut State, At) -> Result<T, HandError>,
    ) -> Result<T, HandError> {
        let (mut state, now) = self.state();
        if state.lost {
            return Err(HandError::Unavailable("could not reach the agent".to_owned()));
        }
        let no_answer = || HandError::Unavailable("the agent did not answer in time".to_owned());
        match state.breaks(call) {
            None => work(&mut state, now),
            Some(Moment::Before) => Err(no_answer()),
            Some(Moment::After) => {
                // Whatever it would have answered is lost on the way.
                let _ = work(&mut state, now);
                Err(no_answer())
            }
        }
    }

    fn tally(&self, class: &RequestClass, second: At, paths: &Paths) -> Tally {
        let sent = arrivals(class.rate, second);
        let fail = paths.fail();
        let mut stream = self.0.seed.stream(&format!("sim {} {}", class.name, second.millis()));
        let failed = (0..sent).map(|_| u32::from(stream.random::<f64>() < fail)).sum();
        let within_ms = class.expect.within.millis() as f64;
        let shown =
            |quantile: f64, wider: f64| whole_ms((paths.quantile_ms(quantile) * wider).min(within_ms));
        Tally {
            sent,
            failed,
            dropped: 0,
            p50_ms: shown(0.5, 1.0),
            p95_ms: shown(0.95, 1.5),
            p99_ms: shown(0.99, 2.0),
        }
    }
}

impl State {
    fn breaks(&mut self, call: Call) -> Option<Moment> {
        let place = self.breakages.iter().position(|breakage| breakage.call == call)?;
        Some(self.breakages.remove(place).moment)
    }

    fn runs_in(&self, second: At) -> bool {
        self.started.is_some_and(|at| at <= second) && self.stopped.is_none_or(|at| second < at)
    }
}

/// How many requests start in a second at this rate: every request has its place in time, whatever is asked for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
fn arrivals(rate: f64, second: At) -> u32 {
    let until = |ms: i64| (rate * ms as f64 / 1000.0).floor();
    let end = second + BUCKET;
    (until(end.millis()) - until(second.millis())).clamp(0.0, SENT_MAX) as u32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped first")]
fn whole_ms(ms: f64) -> u32 {
    ms.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

impl Injector for Sim {
    fn inspect<'a>(
        &'a self,
        id: &'a InjectionId,
        fault: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        Box::pin(async move {
            self.call(Call::Inspect, |state, _| Ok(state.keeper.inspect(&state.world, id, fault)))
        })
    }

    fn arm<'a>(&'a self, arm: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move { self.call(Call::Arm, |state, now| state.keeper.arm(&state.world, arm, now)) })
    }

    fn inject<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move {
            self.call(Call::Inject, |state, now| state.keeper.inject(&mut state.world, id, fence, now))
        })
    }

    fn revoke<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move { self.call(Call::Revoke, |state, _| state.keeper.revoke(id, fence)) })
    }

    fn undo<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        Box::pin(async move {
            self.call(Call::Undo, |state, now| state.keeper.undo(&mut state.world, id, fence, now))
        })
    }

    fn heartbeat(&self, epoch: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        Box::pin(async move { self.call(Call::Heartbeat, |state, now| state.keeper.heartbeat(epoch, now)) })
    }
}

impl Prober for Sim {
    fn ask<'a>(&'a self, probe: &'a ProbeName) -> BoxFuture<'a, ProbeAnswer> {
        Box::pin(async move {
            let bad = |latency: Span, detail: String| {
                let latency_ms = u32::try_from(latency.millis()).unwrap_or(u32::MAX);
                ProbeAnswer { good: false, latency_ms, detail }
            };
            let (mut state, _) = self.state();
            let Some(probe) = self.0.target.probes.iter().find(|known| known.name == *probe) else {
                return bad(Span::ZERO, format!("there is no probe `{probe}`"));
            };
            let broken = state.breaks(Call::Ask).is_some();
            let Some(service) = probe.ask.service() else {
                return bad(Span::ZERO, "a modelled target runs no commands".to_owned());
            };
            if matches!(probe.ask, ProbeAsk::Tls { .. }) && state.world.has_expired(service) {
                return bad(Span::ZERO, "the certificate has expired".to_owned());
            }
            match state.world.services.get(service).map(|process| process.life) {
                Some(Life::Running) if !broken => {
                    ProbeAnswer { good: true, latency_ms: PROBE_MS, detail: "200 OK".to_owned() }
                }
                Some(Life::Running | Life::Stopped) => {
                    bad(probe.timeout, format!("no answer within {}", probe.timeout))
                }
                Some(Life::Down) => bad(Span::ZERO, "connection refused".to_owned()),
                None => bad(Span::ZERO, format!("there is no service `{service}`")),
            }
        })
    }
}

impl Traffic for Sim {
    fn start(&self, at: At) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (mut state, _) = self.state();
            if state.started.is_none() || state.stopped.is_some() {
                (state.started, state.stopped) = (Some(at), None);
            }
        })
    }

    /// The world counts as it is at the time of the first call for a second; later calls answer the same.
    fn measure(&self, second: At) -> BoxFuture<'_, Bucket> {
        Box::pin(async move {
            let (mut state, now) = self.state();
            if let Some(bucket) = state.measured.get(&second) {
                return bucket.clone();
            }
            let mut bucket = Bucket::default();
            if !state.runs_in(second) {
                return bucket;
            }
            for class in &self.0.workload.classes {
                let paths = outcome::outcome(class, &state.world, &self.0.workload, now);
                let tally = self.tally(class, second, &paths);
                if tally.sent > 0 {
                    bucket.classes.insert(class.name.clone(), tally);
                }
            }
            state.measured.insert(second, bucket.clone());
            bucket
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let (mut state, now) = self.state();
            if state.started.is_some() && state.stopped.is_none() {
                state.stopped = Some(now);
            }
        })
    }
}

impl Operator for Sim {
    fn operate<'a>(&'a self, argv: &'a [String]) -> BoxFuture<'a, (Option<i32>, String)> {
        Box::pin(async move {
            let (mut state, now) = self.state();
            let broken = state.breaks(Call::Operate);
            if broken == Some(Moment::Before) {
                return (None, "it did not end in time".to_owned());
            }
            if !self.0.target.allows(argv) {
                let line = argv.join(" ");
                return (Some(2), format!("`{line}` is not an operation of this target"));
            }
            let (exit, output) = state.world.operate(argv, now);
            match broken {
                None => (Some(exit), output),
                Some(_) => (None, "it did not end in time".to_owned()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
