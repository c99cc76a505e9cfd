//! Kills a process again and again, each time so long after it was started: the instance never gets far. A restart by
//! responders does not end it, as it does not end what makes a process crash at every start.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::{boot::watch_for, held::pause_or_end, process::Life, supervisor::Supervisor},
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a process that is down is looked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long a kill may take.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// The instance, which had a process before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The instance.
    pub service: ServiceName,
    /// Its component.
    pub component: ServiceName,
    /// Milliseconds from a start to the kill.
    pub after_ms: u64,
}

impl PreImage {
    pub(super) fn take(hands: &Hands, service: &ServiceName, after_ms: u64) -> Result<Self, LeverError> {
        let layout = hands.instance(service)?;
        if hands.supervisor()?.identity(&layout.service).is_none() {
            return Err(refused(format!("`{}` has no process", layout.service)));
        }
        Ok(Self { service: layout.service.clone(), component: layout.component.clone(), after_ms })
    }

    pub(super) fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let (supervisor, service) = (hands.supervisor()?.clone(), self.service.clone());
        let after = Duration::from_millis(self.after_ms);
        hands.tasks.hold(id, async move |end| kill_each(&supervisor, &service, after, &end).await);
        Ok(())
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let service = &self.service;
        if hands.tasks.holds(id) {
            let after_ms = self.after_ms;
            seen(Presence::Present, format!("{service} is killed {after_ms} ms after each start"))
        } else {
            seen(Presence::Clean, format!("nobody kills {service}"))
        }
    }

    /// Ends the killing, and the wait for the next start with it.
    pub(super) async fn undo(
        &self,
        hands: &Hands,
        id: &InjectionId,
        again: bool,
    ) -> Result<Undone, LeverError> {
        let went_on = hands.tasks.let_go(id).await;
        if let (true, Some(supervisor)) = (went_on || again, &hands.supervisor) {
            let started = supervisor.start_now(&self.service).await;
            started.map_err(|err| LeverError::Failed(err.to_string()))?;
        }
        Ok(if went_on { Undone::Restored } else { Undone::AlreadyClean })
    }
}

async fn kill_each(supervisor: &Supervisor, service: &ServiceName, after: Duration, end: &CancellationToken) {
    loop {
        let Some(which) = supervisor.identity(service) else {
            if pause_or_end(LOOK, end).await {
                return;
            }
            continue;
        };
        if pause_or_end(after, end).await {
            return;
        }
        if let Err(err) = supervisor.signal_this(service, which, Signal::SIGKILL) {
            tracing::warn!("{err}");
        }
        let gone = async || matches!(which.life(), Ok(Life::Gone)).then_some(());
        watch_for(KILL_LIMIT, gone).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{id, running};
    use super::*;

    #[tokio::test]
    async fn each_new_process_is_killed_until_the_undo_and_one_runs_then() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service, 50).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        pre.apply(&hands, &id()).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        let waits = async || {
            let east = &supervisor.list()[0];
            (east.restarts >= 2 && east.pid.is_none()).then_some(())
        };
        watch_for(Duration::from_secs(20), waits).await.expect("it is killed and waits for its next start");
        assert_eq!(pre.undo(&hands, &id(), false).await.unwrap(), Undone::Restored);
        let now = supervisor.identity(&service).expect("nobody waits for the next try");
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id(), false).await.unwrap(), Undone::AlreadyClean);
        let killed = async || (now.life().unwrap() == Life::Gone).then_some(());
        assert!(watch_for(Duration::from_millis(300), killed).await.is_none(), "it goes on after the undo");
        supervisor.stop_all().await;
    }
}
