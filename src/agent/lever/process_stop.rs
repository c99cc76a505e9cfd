//! Stops a process (SIGSTOP): alive, and answering nothing.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::{
        boot::watch_for,
        process::{Identity, Life},
    },
    base::ServiceName,
    fault::Presence,
    fault::{Inspection, Undone},
};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::{io, time::Duration};

/// How long the system may take to stop a process.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// The process that ran before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The instance.
    pub service: ServiceName,
    /// Its component.
    pub component: ServiceName,
    /// Its process.
    pub identity: Identity,
}

impl PreImage {
    pub(super) fn take(hands: &Hands, service: &ServiceName) -> Result<Self, LeverError> {
        let layout = hands.instance(service)?;
        let identity = hands
            .supervisor()?
            .identity(&layout.service)
            .ok_or_else(|| refused(format!("`{}` has no process", layout.service)))?;
        match identity.life() {
            Ok(Life::Running) => {}
            Ok(_) => return Err(refused(format!("`{}` does not run", layout.service))),
            Err(err) => return Err(look_failed(&err)),
        }
        Ok(Self { service: layout.service.clone(), component: layout.component.clone(), identity })
    }

    pub(super) async fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        let supervisor = hands.supervisor()?;
        if supervisor.identity(&self.service) != Some(self.identity) {
            return Err(refused(format!("`{}` is another process than when this was armed", self.service)));
        }
        supervisor
            .signal(&self.service, Signal::SIGSTOP)
            .map_err(|err| LeverError::Failed(err.to_string()))?;
        let stopped = async || match self.identity.life() {
            Ok(Life::Stopped) => Some(()),
            _ => None,
        };
        watch_for(STOP_LIMIT, stopped)
            .await
            .ok_or_else(|| LeverError::Failed(format!("`{}` did not stop", self.service)))
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let service = &self.service;
        Ok(match self.identity.life().map_err(|err| look_failed(&err))? {
            Life::Stopped => seen(Presence::Present, format!("{service} is stopped")),
            Life::Running => seen(Presence::Clean, format!("{service} runs")),
            Life::Gone => seen(Presence::Clean, format!("the process of {service} that was stopped is gone")),
        })
    }

    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        match self.identity.let_run() {
            Ok(true) => Ok(Undone::Restored),
            Ok(false) => Ok(Undone::AlreadyClean),
            Err(err) => Err(LeverError::Failed(format!("could not let `{}` run on: {err}", self.service))),
        }
    }
}

fn look_failed(err: &io::Error) -> LeverError {
    LeverError::Failed(format!("could not look at the process: {err}"))
}

pub(super) fn inspect_unarmed(hands: &Hands, service: &ServiceName) -> Result<Inspection, LeverError> {
    let layout = hands.instance(service)?;
    let Some(identity) = hands.supervisor()?.identity(&layout.service) else {
        return Ok(seen(Presence::Unknown, format!("{service} has no process")));
    };
    let pre = PreImage { service: layout.service.clone(), component: layout.component.clone(), identity };
    pre.inspect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::running;
    use super::*;

    #[tokio::test]
    async fn a_process_is_stopped_and_let_run_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.apply(&hands).await.unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert!(PreImage::take(&hands, &service).is_err(), "a stopped process is no base for a fault");
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        let runs = async || (pre.inspect().unwrap().presence == Presence::Clean).then_some(());
        watch_for(STOP_LIMIT, runs).await.expect("it runs");
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_responders_restart_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service).unwrap();
        pre.apply(&hands).await.unwrap();
        supervisor.restart(&service).await.unwrap();
        let theirs = supervisor.identity(&service).unwrap();
        assert_ne!(theirs, pre.identity);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert_eq!(supervisor.identity(&service), Some(theirs));
        assert!(
            matches!(pre.apply(&hands).await, Err(LeverError::Refused(_))),
            "another process was not armed"
        );
        assert_eq!(theirs.life().unwrap(), Life::Running);
        supervisor.stop_all().await;
    }
}
