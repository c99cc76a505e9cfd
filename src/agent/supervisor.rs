//! Keeps the target's processes running: starts them in order, starts again what crashes, ends them cleanly.
//!
//! A kill fault holds an instance down. A restart by a responder ends that hold: it is their repair.

use super::{
    boot::{pause, watch_for},
    found,
    health::is_healthy,
    process::{Identity, Life, Limited, Process},
};
use crate::{
    base::{
        At, InjectionId, ServiceName,
        supervise::{self, ProcessState},
    },
    clock::{BoxFuture, Clock, SystemClock},
    scenario::pack::{Keeping, Layout, ProcessLayout, Reload, StopSignal},
};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long an instance may take until its health is good.
const HEALTH_LIMIT: Duration = Duration::from_secs(10);
/// As [`HEALTH_LIMIT`] within a roll, which somebody waits for.
const HEALTH_LIMIT_ROLL: Duration = Duration::from_secs(4);
/// How long a process may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(6);
/// As [`GRACE`] for one that was stopped: it will not end by itself.
const GRACE_STOPPED: Duration = Duration::from_millis(500);
/// The wait before the first new start of a crashed process; it doubles up to [`BACK_OFF_MAX`].
const BACK_OFF: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A process that lived so long is no longer failing in a row.
const SETTLED_MS: i64 = 30_000;

/// Why the supervisor did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub(super) enum SupervisorError {
    /// No instance has this name.
    #[error("there is no `{0}` here")]
    NoSuch(ServiceName),
    /// The instance has no process at present.
    #[error("`{0}` has no process")]
    Down(ServiceName),
    /// The system refused.
    #[error("could not {what} `{service}`: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which instance.
        service: ServiceName,
        /// What the system said.
        source: io::Error,
    },
}

/// What a fault does to every start of an instance. Known to this agent alone, so it is gone with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StartWith {
    /// The process is started so many milliseconds later.
    Delay {
        /// How many.
        ms: u64,
    },
    /// The process sees another time.
    Clock {
        /// The library that shows it.
        library: PathBuf,
        /// Seconds ahead.
        offset_s: i64,
    },
}

/// All processes of a target.
#[derive(Debug, Clone)]
pub(super) struct Supervisor {
    slots: Arc<Vec<Arc<Slot>>>,
}

#[derive(Debug)]
struct Slot {
    layout: ProcessLayout,
    /// Held by whoever starts or ends the process, so that two never do at once.
    order: tokio::sync::Mutex<()>,
    state: Mutex<SlotState>,
}

#[derive(Debug)]
struct SlotState {
    process: Option<Process>,
    /// It is to run; false before the start and after the end of the target.
    wanted: bool,
    /// The kill fault that keeps it down.
    held: Option<InjectionId>,
    start_with: BTreeMap<InjectionId, StartWith>,
    starts: u32,
    since: At,
    failures_in_a_row: u32,
}

impl Supervisor {
    /// Knows the processes of a layout; none is started yet.
    pub(super) fn new(layout: &Layout) -> Self {
        let slots = layout.processes.iter().map(|layout| {
            Arc::new(Slot {
                layout: layout.clone(),
                order: tokio::sync::Mutex::default(),
                state: Mutex::new(SlotState {
                    process: None,
                    wanted: false,
                    held: None,
                    start_with: BTreeMap::new(),
                    starts: 0,
                    since: SystemClock.now(),
                    failures_in_a_row: 0,
                }),
            })
        });
        Self { slots: Arc::new(slots.collect()) }
    }

    fn slot(&self, service: &ServiceName) -> Result<&Arc<Slot>, SupervisorError> {
        self.slots
            .iter()
            .find(|slot| slot.layout.service == *service)
            .ok_or_else(|| SupervisorError::NoSuch(service.clone()))
    }

    /// Starts everything in order, each when the one before is healthy. Answers who did not become healthy in time;
    /// they are kept running all the same.
    pub(super) async fn start_all(&self) -> Vec<ServiceName> {
        let mut late = Vec::new();
        for slot in self.slots.iter() {
            slot.state().wanted = true;
            let order = slot.order.lock().await;
            match slot.start_or_keep_trying().await {
                Err(err) if slot.can_start() => tracing::warn!("{err}"),
                _ => {}
            }
            drop(order);
            if !self.wait_healthy(&slot.layout.service, HEALTH_LIMIT).await {
                tracing::warn!("`{}` did not become healthy in time", slot.layout.service);
                late.push(slot.layout.service.clone());
            }
        }
        late
    }

    /// Ends everything, last started first.
    pub(super) async fn stop_all(&self) {
        for slot in self.slots.iter() {
            slot.state().wanted = false;
        }
        for slot in self.slots.iter().rev() {
            let _order = slot.order.lock().await;
            slot.end().await;
        }
    }

    /// What runs, in start order.
    pub(super) fn list(&self) -> Vec<supervise::Process> {
        let describe = |slot: &Arc<Slot>| {
            let process = slot.identity();
            let state = slot.state();
            supervise::Process {
                service: slot.layout.service.clone(),
                pid: process.and_then(|process| u32::try_from(process.pid).ok()),
                // Why it is down is for the responders to find out: a hold looks like a crash.
                state: match (process, state.wanted) {
                    (Some(_), _) => ProcessState::Running,
                    (None, true) => ProcessState::Exited,
                    (None, false) => ProcessState::Stopped,
                },
                restarts: state.starts.saturating_sub(1),
                since: state.since,
            }
        };
        self.slots.iter().map(describe).collect()
    }

    /// The instances of a component, in start order.
    pub(super) fn instances(&self, component: &ServiceName) -> Vec<ServiceName> {
        self.slots
            .iter()
            .filter(|slot| slot.layout.component == *component)
            .map(|slot| slot.layout.service.clone())
            .collect()
    }

    /// Ends the instance's process, whatever state it is in, and starts it again. A hold ends.
    pub(super) async fn restart(&self, service: &ServiceName) -> Result<(), SupervisorError> {
        let slot = self.slot(service)?;
        let _order = slot.order.lock().await;
        slot.state().held = None;
        if let Keeping::Found { start, .. } = &slot.layout.care.keeping {
            if start.is_empty() {
                // Nobody here could start it again, so it is not ended either.
                let why = io::Error::other("no command that starts it again is declared");
                return Err(slot.io("restart", why));
            }
            slot.end_found().await;
        }
        slot.end().await;
        slot.start_or_keep_trying().await
    }

    /// Sends a signal to the instance's process.
    pub(super) fn signal(&self, service: &ServiceName, signal: Signal) -> Result<(), SupervisorError> {
        let slot = self.slot(service)?;
        match slot.signal(signal) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SupervisorError::Down(service.clone())),
            Err(source) => Err(slot.io("signal", source)),
        }
    }

    /// Sends a signal to the instance's process if it is still this one. False, and nothing sent, if it is not.
    pub(super) fn signal_this(
        &self,
        service: &ServiceName,
        which: Identity,
        signal: Signal,
    ) -> Result<bool, SupervisorError> {
        let slot = self.slot(service)?;
        let process = slot.process(which);
        process.map_or(Ok(false), |process| process.signal(signal)).map_err(|err| slot.io("signal", err))
    }

    /// What this process may use, as it was; `new`: what it may use from now on. Nothing if it is gone.
    pub(super) fn limit(
        &self,
        service: &ServiceName,
        which: Identity,
        what: Limited,
        new: Option<u64>,
    ) -> Result<Option<u64>, SupervisorError> {
        let slot = self.slot(service)?;
        let process = slot.process(which);
        process.map_or(Ok(None), |process| process.limit(what, new)).map_err(|err| slot.io("limit", err))
    }

    /// Every start of the instance will be like this.
    pub(super) fn burden_starts(
        &self,
        service: &ServiceName,
        by: &InjectionId,
        with: StartWith,
    ) -> Result<(), SupervisorError> {
        self.slot(service)?.state().start_with.insert(by.clone(), with);
        Ok(())
    }

    /// Whether this fault lies on the instance's starts.
    pub(super) fn burdens_starts(&self, service: &ServiceName, by: &InjectionId) -> bool {
        self.slot(service).is_ok_and(|slot| slot.state().start_with.contains_key(by))
    }

    /// Takes it off the instance's starts. Whether it was there.
    pub(super) fn unburden_starts(
        &self,
        service: &ServiceName,
        by: &InjectionId,
    ) -> Result<bool, SupervisorError> {
        Ok(self.slot(service)?.state().start_with.remove(by).is_some())
    }

    /// Ends the instance's process and starts it again, unless a kill fault keeps it down.
    pub(super) async fn renew(&self, service: &ServiceName) -> Result<(), SupervisorError> {
        let slot = self.slot(service)?;
        let _order = slot.order.lock().await;
        if slot.state().held.is_some() {
            return Ok(());
        }
        slot.end().await;
        slot.start_or_keep_trying().await
    }

    /// Starts an instance at once that waits for its next try, as if it had never failed.
    pub(super) async fn start_now(&self, service: &ServiceName) -> Result<(), SupervisorError> {
        let slot = self.slot(service)?;
        let _order = slot.order.lock().await;
        slot.state().failures_in_a_row = 0;
        if slot.state().held.is_some() || !slot.state().wanted {
            return Ok(());
        }
        slot.start_or_keep_trying().await
    }

    /// Lets every running instance of a component read its configuration again.
    pub(super) async fn reload(&self, component: &ServiceName) -> Result<(), SupervisorError> {
        for service in self.instances(component) {
            let slot = self.slot(&service)?;
            let done = match slot.layout.care.reload {
                Reload::Hup => self.signal(&service, Signal::SIGHUP),
                // What a kill fault holds down stays down.
                Reload::Restart if slot.identity().is_some() => self.restart(&service).await,
                Reload::Restart | Reload::None => Ok(()),
            };
            match done {
                // One that is down reads it when it starts.
                Ok(()) | Err(SupervisorError::Down(_)) => {}
                Err(err) => return Err(err),
            }
        }
        Ok(())
    }

    /// Restarts a component's instances one after the other, each when the one before is healthy or was long enough
    /// not to be. What a kill fault holds down stays down: it will read the new release when it starts.
    pub(super) async fn roll(&self, component: &ServiceName) -> Result<(), SupervisorError> {
        let mut first_failure = None;
        for service in self.instances(component) {
            let slot = self.slot(&service)?;
            let order = slot.order.lock().await;
            if slot.state().held.is_some() {
                continue;
            }
            slot.end().await;
            let started = slot.start_or_keep_trying().await;
            drop(order);
            match started {
                Ok(()) => drop(self.wait_healthy(&service, HEALTH_LIMIT_ROLL).await),
                // The others get the new release all the same.
                Err(err) => first_failure = first_failure.or(Some(err)),
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    /// Which process the instance is now; nothing when it is down.
    pub(super) fn identity(&self, service: &ServiceName) -> Option<Identity> {
        self.slot(service).ok()?.identity()
    }

    /// Kills the process, if it is still this one, and keeps the instance down. False, and nothing done, if it is
    /// another.
    pub(super) async fn hold_down(
        &self,
        service: &ServiceName,
        which: Identity,
        by: &InjectionId,
    ) -> Result<bool, SupervisorError> {
        let slot = self.slot(service)?;
        let _order = slot.order.lock().await;
        if slot.identity() != Some(which) {
            return Ok(false);
        }
        slot.state().held = Some(by.clone());
        match slot.signal(Signal::SIGKILL) {
            Ok(_) => {
                slot.ended(which).await;
                slot.gone(which);
                Ok(true)
            }
            Err(source) => {
                slot.state().held = None;
                Err(slot.io("kill", source))
            }
        }
    }

    /// Which kill fault keeps the instance down.
    pub(super) fn held_by(&self, service: &ServiceName) -> Option<InjectionId> {
        self.slot(service).ok().and_then(|slot| slot.state().held.clone())
    }

    /// Starts an instance again that this fault keeps down. False, and nothing done, if it does not.
    pub(super) async fn let_up(
        &self,
        service: &ServiceName,
        by: &InjectionId,
    ) -> Result<bool, SupervisorError> {
        let slot = self.slot(service)?;
        let _order = slot.order.lock().await;
        if slot.state().held.as_ref() != Some(by) {
            return Ok(false);
        }
        slot.start().await?;
        slot.state().held = None;
        Ok(true)
    }

    /// Waits until the instance says that it is ready; false if it does not in time.
    async fn wait_healthy(&self, service: &ServiceName, limit: Duration) -> bool {
        let Ok(slot) = self.slot(service) else {
            return false;
        };
        let seen = async || (slot.is_up() && is_healthy(&slot.layout).await).then_some(());
        watch_for(limit, seen).await.is_some()
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn io(&self, what: &'static str, source: io::Error) -> SupervisorError {
        SupervisorError::Io { what, service: self.layout.service.clone(), source }
    }

    /// The instance's process, if it is this one.
    fn process(&self, which: Identity) -> Option<Process> {
        self.state().process.clone().filter(|process| process.identity() == which)
    }

    /// What faults do to a start: the wait, which ends early when it is taken back, and what the environment holds.
    async fn bear(&self) -> Vec<(String, String)> {
        let delay_ms = || {
            let state = self.state();
            let delays = state.start_with.values().filter_map(|with| match with {
                StartWith::Delay { ms } => Some(*ms),
                StartWith::Clock { .. } => None,
            });
            if state.wanted { delays.max() } else { None }
        };
        if let Some(ms) = delay_ms() {
            watch_for(Duration::from_millis(ms), async || delay_ms().is_none().then_some(())).await;
        }
        let state = self.state();
        let clock = state.start_with.values().find_map(|with| match with {
            StartWith::Clock { library, offset_s } => Some([
                ("LD_PRELOAD".to_owned(), library.display().to_string()),
                ("FAKETIME".to_owned(), format!("{offset_s:+}s")),
                ("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
                ("DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned()),
            ]),
            StartWith::Delay { .. } => None,
        });
        clock.map(Vec::from).unwrap_or_default()
    }

    fn is_up(&self) -> bool {
        self.identity().is_some()
    }

    /// The living process.
    fn identity(&self) -> Option<Identity> {
        match &self.layout.care.keeping {
            Keeping::Found { pid_file, .. } => found::identity(pid_file),
            Keeping::Ours => {
                let state = self.state();
                let process = state.process.as_ref();
                process.filter(|process| process.is_alive()).map(Process::identity)
            }
        }
    }

    /// Sends a signal to the living process; false when there is none.
    fn signal(&self, signal: Signal) -> io::Result<bool> {
        match &self.layout.care.keeping {
            Keeping::Found { pid_file, .. } => match found::identity(pid_file) {
                Some(identity) => identity.signal(signal),
                None => Ok(false),
            },
            Keeping::Ours => {
                let process = self.state().process.clone();
                process.map_or(Ok(false), |process| process.signal(signal))
            }
        }
    }

    /// Waits until this process has ended.
    async fn ended(&self, which: Identity) {
        let process = self.state().process.clone();
        match process {
            Some(process) if process.identity() == which => process.ended().await,
            _ => {
                let gone = async || matches!(which.life(), Ok(Life::Gone)).then_some(());
                let _ = watch_for(GRACE, gone).await;
            }
        }
    }

    /// Starts the process and lets a task watch over it. The order lock is held by the caller.
    async fn start(self: &Arc<Self>) -> Result<(), SupervisorError> {
        if self.is_up() {
            return Ok(());
        }
        if let Keeping::Found { pid_file, start } = &self.layout.care.keeping {
            if start.is_empty() {
                return Err(self.io("start", io::Error::other("no command that starts it again is declared")));
            }
            found::start(pid_file, start).await.map_err(|source| self.io("start", source))?;
            self.state().since = SystemClock.now();
            return Ok(());
        }
        let extra = self.bear().await;
        let started = Process::start(self.layout.clone(), extra).await;
        let process = started.map_err(|source| self.io("start", source))?;
        let mut state = self.state();
        state.process = Some(process.clone());
        state.starts += 1;
        state.since = SystemClock.now();
        drop(state);
        let slot = Arc::clone(self);
        tokio::spawn(async move {
            process.ended().await;
            if slot.gone(process.identity()) {
                tracing::info!("`{}` ended by itself", slot.layout.service);
                revive(slot).await;
            }
        });
        Ok(())
    }

    /// As [`Slot::start`]; what fails is tried again, as after a crash.
    async fn start_or_keep_trying(self: &Arc<Self>) -> Result<(), SupervisorError> {
        let started = self.start().await;
        if started.is_err() && self.can_start() {
            tokio::spawn(revive(Arc::clone(self)));
        }
        started
    }

    fn can_start(&self) -> bool {
        !matches!(&self.layout.care.keeping, Keeping::Found { start, .. } if start.is_empty())
    }

    /// Ends the process. The order lock is held by the caller.
    async fn end(&self) {
        let Some(process) = self.state().process.take() else {
            return;
        };
        self.state().since = SystemClock.now();
        let stopped = matches!(process.identity().life(), Ok(Life::Stopped));
        let grace = if stopped { GRACE_STOPPED } else { GRACE };
        let signal = match self.layout.care.stop {
            StopSignal::Term => Signal::SIGTERM,
            StopSignal::Int => Signal::SIGINT,
            StopSignal::Quit => Signal::SIGQUIT,
        };
        if let Err(err) = process.signal(signal) {
            tracing::warn!("could not end `{}`: {err}", self.layout.service);
        }
        if tokio::time::timeout(grace, process.ended()).await.is_err() {
            let _ = process.signal(Signal::SIGKILL);
            process.ended().await;
        }
    }

    /// Ends a process that somebody else has started.
    async fn end_found(&self) {
        let Some(which) = self.identity() else { return };
        let _ = which.let_run();
        let _ = which.signal(Signal::SIGTERM);
        self.ended(which).await;
        // One that is still the same has had its time.
        let _ = which.signal(Signal::SIGKILL);
        self.ended(which).await;
    }

    /// Notes that this process is gone. Whether it was still the slot's: if not, it was ended on purpose.
    fn gone(&self, which: Identity) -> bool {
        let mut state = self.state();
        let ours = state.process.as_ref().is_some_and(|process| process.identity() == which);
        if ours {
            let now = SystemClock.now();
            let lived_ms = now.millis() - state.since.millis();
            state.failures_in_a_row = if lived_ms > SETTLED_MS { 0 } else { state.failures_in_a_row + 1 };
            state.process = None;
            state.since = now;
        }
        ours
    }
}

/// Starts a crashed process again, later and later, until it runs or is not wanted.
fn revive(slot: Arc<Slot>) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        loop {
            let failures = slot.state().failures_in_a_row.clamp(1, 16);
            pause((BACK_OFF * 2_u32.pow(failures - 1)).min(BACK_OFF_MAX)).await;
            let _order = slot.order.lock().await;
            let needed = {
                let state = slot.state();
                state.wanted && state.held.is_none() && state.process.is_none()
            };
            if !needed {
                return;
            }
            match slot.start().await {
                Ok(()) => return,
                Err(err) => {
                    tracing::warn!("{err}");
                    slot.state().failures_in_a_row += 1;
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::lever::tests::{healthy, layout},
        *,
    };

    const LIMIT: Duration = Duration::from_secs(20);

    fn supervisor(root: &std::path::Path) -> Supervisor {
        Supervisor::new(&healthy(layout(root)))
    }

    #[tokio::test]
    async fn all_start_in_order_and_end_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = supervisor(folder.path());
        assert!(supervisor.start_all().await.is_empty());
        let list = supervisor.list();
        assert!(list.iter().all(|process| process.state == ProcessState::Running));
        let (first, second) = (list[0].pid.unwrap(), list[1].pid.unwrap());
        assert_ne!(first, second);
        supervisor.stop_all().await;
        for pid in [first, second] {
            assert_eq!(Identity::of(i32::try_from(pid).unwrap()).unwrap(), None);
        }
        let list = supervisor.list();
        assert!(list.iter().all(|process| process.state == ProcessState::Stopped));
    }

    #[tokio::test]
    async fn what_crashes_is_started_again_and_what_is_held_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = supervisor(folder.path());
        supervisor.start_all().await;
        let (east, west): (ServiceName, ServiceName) =
            ("web-east".parse().unwrap(), "web-west".parse().unwrap());
        let id = "gd-a".parse().unwrap();
        let before = supervisor.identity(&west).unwrap();
        assert!(supervisor.hold_down(&west, before, &id).await.unwrap());
        let crashed = supervisor.identity(&east).unwrap();
        supervisor.signal(&east, Signal::SIGKILL).unwrap();
        let again = async || supervisor.identity(&east).filter(|now| *now != crashed);
        watch_for(LIMIT, again).await.expect("it starts again");
        // The first new start took the back-off's time, and so would one of the held instance have.
        assert_eq!(supervisor.identity(&west), None);
        assert_eq!(supervisor.list()[1].state, ProcessState::Exited);
        assert_eq!(supervisor.list()[0].restarts, 1);
        assert!(supervisor.let_up(&west, &id).await.unwrap());
        assert!(supervisor.identity(&west).is_some());
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_stopped_process_can_be_restarted() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = supervisor(folder.path());
        supervisor.start_all().await;
        let east: ServiceName = "web-east".parse().unwrap();
        let before = supervisor.identity(&east).unwrap();
        supervisor.signal(&east, Signal::SIGSTOP).unwrap();
        supervisor.restart(&east).await.unwrap();
        assert_ne!(supervisor.identity(&east), Some(before));
        assert_eq!(before.life().unwrap(), Life::Gone);
        let nobody = "nobody".parse().unwrap();
        assert!(matches!(supervisor.restart(&nobody).await, Err(SupervisorError::NoSuch(_))));
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_roll_restarts_every_instance_but_one_that_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = supervisor(folder.path());
        supervisor.start_all().await;
        let web = "web".parse().unwrap();
        let instances = supervisor.instances(&web);
        let before: Vec<_> = instances.iter().map(|name| supervisor.identity(name)).collect();
        let id = "gd-a".parse().unwrap();
        supervisor.hold_down(&instances[1], before[1].unwrap(), &id).await.unwrap();
        supervisor.roll(&web).await.unwrap();
        let now = supervisor.identity(&instances[0]);
        assert!(now.is_some() && now != before[0]);
        assert_eq!(supervisor.identity(&instances[1]), None);
        supervisor.stop_all().await;
    }
}
