//! Kills a process and keeps it down until the undo, or until somebody restarts it.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::{found, process::Identity},
    base::{InjectionId, ServiceName},
    fault::Presence,
    fault::{Inspection, Undone},
    scenario::pack::Keeping,
};
use serde::{Deserialize, Serialize};

/// The process that ran before. Its restore is a start by the supervisor.
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
        if matches!(&layout.care.keeping, Keeping::Found { start, .. } if start.is_empty()) {
            return Err(refused(format!("`{service}` could not be started again by anybody here")));
        }
        let identity = hands
            .supervisor()?
            .identity(&layout.service)
            .ok_or_else(|| refused(format!("`{}` has no process", layout.service)))?;
        Ok(Self { service: layout.service.clone(), component: layout.component.clone(), identity })
    }

    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let held = hands
            .supervisor()?
            .hold_down(&self.service, self.identity, id)
            .await
            .map_err(|err| LeverError::Failed(err.to_string()))?;
        if held {
            Ok(())
        } else {
            Err(refused(format!("`{}` is another process than when this was armed", self.service)))
        }
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let held_by = hands.supervisor.as_ref().and_then(|supervisor| supervisor.held_by(&self.service));
        // One that somebody else keeps may have been started by them.
        let up = hands.supervisor.as_ref().is_some_and(|all| all.identity(&self.service).is_some());
        if held_by.as_ref() == Some(id) && !up {
            seen(Presence::Present, format!("{} is kept down", self.service))
        } else {
            seen(Presence::Clean, format!("{} is not kept down", self.service))
        }
    }

    pub(super) async fn undo(&self, hands: &Hands, id: &InjectionId) -> Result<Undone, LeverError> {
        let Some(supervisor) = &hands.supervisor else {
            return self.undo_without_agent(hands).await;
        };
        match supervisor.let_up(&self.service, id).await {
            Ok(true) => Ok(Undone::Restored),
            Ok(false) => Ok(Undone::AlreadyClean),
            Err(err) => Err(LeverError::Failed(err.to_string())),
        }
    }

    /// The hold was gone with the agent, and the next one starts every process of its own. One that somebody else keeps
    /// is started here and now: there may never be a next agent.
    async fn undo_without_agent(&self, hands: &Hands) -> Result<Undone, LeverError> {
        match &hands.instance(&self.service)?.care.keeping {
            Keeping::Found { pid_file, start } if found::identity(pid_file).is_none() => {
                let started = found::start(pid_file, start).await;
                started.map_err(|err| {
                    LeverError::Failed(format!("could not start `{}` again: {err}", self.service))
                })?;
                Ok(Undone::Restored)
            }
            _ => Ok(Undone::AlreadyClean),
        }
    }
}

pub(super) fn inspect_unarmed(hands: &Hands, service: &ServiceName) -> Result<Inspection, LeverError> {
    let layout = hands.instance(service)?;
    Ok(match hands.supervisor()?.identity(&layout.service) {
        Some(_) => seen(Presence::Clean, format!("{} has a process", layout.service)),
        None => seen(Presence::Present, format!("{} has no process", layout.service)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;
    use crate::agent::{process::Life, supervisor::Supervisor};

    async fn killed(root: &std::path::Path) -> (Hands, Supervisor, PreImage) {
        let mut hands = hands(root);
        let supervisor = Supervisor::new(&hands.layout);
        let service: ServiceName = "web-east".parse().unwrap();
        supervisor.restart(&service).await.unwrap();
        hands.supervisor = Some(supervisor.clone());
        let pre = PreImage::take(&hands, &service).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        pre.apply(&hands, &id()).await.unwrap();
        assert_eq!(pre.identity.life().unwrap(), Life::Gone);
        (hands, supervisor, pre)
    }

    #[tokio::test]
    async fn a_process_is_kept_down_and_started_again_by_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, pre) = killed(folder.path()).await;
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        assert_eq!(supervisor.identity(&pre.service), None);
        let other = "gd-other".parse().unwrap();
        assert_eq!(
            pre.undo(&hands, &other).await.unwrap(),
            Undone::AlreadyClean,
            "another injection's hold is not ours to end"
        );
        assert_eq!(supervisor.identity(&pre.service), None);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::Restored);
        let again = supervisor.identity(&pre.service).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::AlreadyClean);
        assert_eq!(supervisor.identity(&pre.service), Some(again));
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_responders_restart_counts_as_their_repair() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, pre) = killed(folder.path()).await;
        supervisor.restart(&pre.service).await.unwrap();
        let theirs = supervisor.identity(&pre.service).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id()).await.unwrap(), Undone::AlreadyClean);
        assert_eq!(supervisor.identity(&pre.service), Some(theirs));
        supervisor.stop_all().await;
    }
}
