//! Stops a process and lets it run on, many times a second: it gets less of the processor, as beside a greedy
//! neighbour. Works everywhere, control groups or not. A restart ends it.

use super::{Hands, LeverError, process_stop, refused, seen};
use crate::{
    agent::{held::pause_or_end, process::Identity, supervisor::Supervisor},
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// One stop and one run.
const TURN_MS: u64 = 100;

/// The process that ran before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The process.
    pub process: process_stop::PreImage,
    /// Per cent of the time in which it is stopped.
    pub percent: u8,
}

impl PreImage {
    pub(super) fn take(hands: &Hands, service: &ServiceName, percent: u8) -> Result<Self, LeverError> {
        Ok(Self { process: process_stop::PreImage::take(hands, service)?, percent })
    }

    pub(super) fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let (supervisor, service) = (hands.supervisor()?.clone(), self.process.service.clone());
        let identity = self.process.identity;
        if supervisor.identity(&service) != Some(identity) {
            return Err(refused(format!("`{service}` is another process than when this was armed")));
        }
        let stopped_ms = TURN_MS * u64::from(self.percent) / 100;
        hands.tasks.hold(id, async move |end| {
            take_turns(&supervisor, &service, identity, stopped_ms, &end).await;
            // However it ended: nothing stays stopped.
            let _ = supervisor.signal_this(&service, identity, Signal::SIGCONT);
        });
        Ok(())
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let service = &self.process.service;
        let now = hands.supervisor.as_ref().and_then(|supervisor| supervisor.identity(service));
        if hands.tasks.holds(id) && now == Some(self.process.identity) {
            seen(Presence::Present, format!("{service} is stopped {} % of the time", self.percent))
        } else {
            seen(Presence::Clean, format!("{service} runs all the time, or is another process"))
        }
    }

    pub(super) async fn undo(&self, hands: &Hands, id: &InjectionId) -> Undone {
        if hands.tasks.let_go(id).await { Undone::Restored } else { Undone::AlreadyClean }
    }
}

/// Ends when it is told to, or when the process is gone.
async fn take_turns(
    supervisor: &Supervisor,
    service: &ServiceName,
    which: Identity,
    stopped_ms: u64,
    end: &CancellationToken,
) {
    let turns = [(Signal::SIGSTOP, stopped_ms), (Signal::SIGCONT, TURN_MS - stopped_ms)];
    for (signal, ms) in turns.into_iter().cycle() {
        let sent = supervisor.signal_this(service, which, signal);
        if !matches!(sent, Ok(true)) || pause_or_end(Duration::from_millis(ms), end).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{id, running};
    use super::*;
    use crate::agent::{boot::watch_for, process::Life};

    const LIMIT: Duration = Duration::from_secs(10);

    async fn meets(identity: Identity, life: Life) {
        let met = async || (identity.life().unwrap() == life).then_some(());
        watch_for(LIMIT, met).await.expect("it stops and runs by turns");
    }

    #[tokio::test]
    async fn a_process_is_stopped_by_turns_and_runs_for_good_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service, 60).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        pre.apply(&hands, &id()).unwrap();
        for life in [Life::Stopped, Life::Running, Life::Stopped] {
            meets(pre.process.identity, life).await;
        }
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        assert_eq!(pre.undo(&hands, &id()).await, Undone::Restored);
        meets(pre.process.identity, Life::Running).await;
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id()).await, Undone::AlreadyClean);
        let again = async || (pre.process.identity.life().unwrap() == Life::Stopped).then_some(());
        assert!(watch_for(Duration::from_millis(300), again).await.is_none(), "it goes on after the undo");
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_responders_restart_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service, 60).unwrap();
        pre.apply(&hands, &id()).unwrap();
        supervisor.restart(&service).await.unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        let over = async || (!hands.tasks.holds(&id())).then_some(());
        watch_for(LIMIT, over).await.expect("nothing is left to do");
        let theirs = supervisor.identity(&service).unwrap();
        assert_eq!(pre.undo(&hands, &id()).await, Undone::AlreadyClean);
        assert_eq!(theirs.life().unwrap(), Life::Running);
        assert!(matches!(pre.apply(&hands, &id()), Err(LeverError::Refused(_))));
        supervisor.stop_all().await;
    }
}
