//! Lets a process use less than before: descriptors, or memory. The kernel keeps the limit for the process alone, so one
//! that is started anew has none.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::process::{Identity, Limited},
    base::ServiceName,
    fault::{Inspection, Presence, Undone},
};
use serde::{Deserialize, Serialize};

/// The process and what it was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The instance.
    pub service: ServiceName,
    /// Its component.
    pub component: ServiceName,
    /// Its process.
    pub identity: Identity,
    /// What is limited.
    pub what: Limited,
    /// The soft limit as it was.
    pub before: u64,
    /// Our limit.
    pub ours: u64,
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        service: &ServiceName,
        what: Limited,
        ours: u64,
    ) -> Result<Self, LeverError> {
        let layout = hands.instance(service)?;
        let supervisor = hands.supervisor()?;
        let none = || refused(format!("`{}` has no process", layout.service));
        let identity = supervisor.identity(&layout.service).ok_or_else(none)?;
        let now = supervisor.limit(&layout.service, identity, what, None);
        let before = now.map_err(|err| LeverError::Failed(err.to_string()))?.ok_or_else(none)?;
        if before <= ours {
            let service = &layout.service;
            return Err(refused(format!(
                "`{service}` is held to {before} already, which is not above {ours}"
            )));
        }
        let (service, component) = (layout.service.clone(), layout.component.clone());
        Ok(Self { service, component, identity, what, before, ours })
    }

    /// The limit of that process; nothing when it is gone.
    fn now(&self, hands: &Hands) -> Result<Option<u64>, LeverError> {
        let Some(supervisor) = &hands.supervisor else {
            return Ok(None);
        };
        let now = supervisor.limit(&self.service, self.identity, self.what, None);
        now.map_err(|err| LeverError::Failed(err.to_string()))
    }

    fn set(&self, hands: &Hands, soft: u64) -> Result<(), LeverError> {
        let set = hands.supervisor()?.limit(&self.service, self.identity, self.what, Some(soft));
        set.map(drop).map_err(|err| LeverError::Failed(err.to_string()))
    }

    pub(super) fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        match self.now(hands)? {
            Some(now) if now == self.before => self.set(hands, self.ours),
            Some(_) => {
                Err(refused(format!("the limit of `{}` has changed since this was armed", self.service)))
            }
            None => Err(refused(format!("`{}` is another process than when this was armed", self.service))),
        }
    }

    pub(super) fn inspect(&self, hands: &Hands) -> Result<Inspection, LeverError> {
        let service = &self.service;
        Ok(match self.now(hands)? {
            Some(now) if now == self.ours => {
                seen(Presence::Present, format!("{service} is held to {now}: {:?}", self.what))
            }
            Some(now) if now == self.before => seen(Presence::Clean, format!("{service} may use {now}")),
            Some(now) => {
                seen(Presence::Diverged, format!("{service} may use {now}, neither ours nor as before"))
            }
            None => seen(Presence::Clean, format!("the process of {service} that was limited is gone")),
        })
    }

    pub(super) fn undo(&self, hands: &Hands) -> Result<Undone, LeverError> {
        match self.now(hands)? {
            Some(now) if now == self.ours => {
                self.set(hands, self.before)?;
                Ok(Undone::Restored)
            }
            Some(now) if now != self.before => Ok(Undone::Diverged),
            _ => Ok(Undone::AlreadyClean),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::running;
    use super::*;

    /// The soft limit as the kernel tells it.
    fn told(pre: &PreImage) -> String {
        let line = match pre.what {
            Limited::Descriptors => "Max open files",
            Limited::Memory => "Max address space",
        };
        let text = std::fs::read_to_string(format!("/proc/{}/limits", pre.identity.pid)).unwrap();
        let line = text.lines().find_map(|text| text.strip_prefix(line)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_limit_is_set_for_one_process_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        for (what, ours) in [(Limited::Descriptors, 40), (Limited::Memory, 64 << 20)] {
            let pre = PreImage::take(&hands, &service, what, ours).unwrap();
            let before = told(&pre);
            assert_eq!(pre.inspect(&hands).unwrap().presence, Presence::Clean);
            pre.apply(&hands).unwrap();
            assert_eq!(told(&pre), ours.to_string());
            assert_eq!(pre.inspect(&hands).unwrap().presence, Presence::Present);
            assert!(PreImage::take(&hands, &service, what, ours).is_err(), "it is held to that already");
            assert_eq!(pre.undo(&hands).unwrap(), Undone::Restored);
            assert_eq!(told(&pre), before);
            assert_eq!(pre.undo(&hands).unwrap(), Undone::AlreadyClean);
        }
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn somebody_elses_limit_and_a_new_process_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let pre = PreImage::take(&hands, &service, Limited::Descriptors, 40).unwrap();
        pre.apply(&hands).unwrap();
        pre.set(&hands, 50).unwrap();
        assert_eq!(pre.inspect(&hands).unwrap().presence, Presence::Diverged);
        assert_eq!(pre.undo(&hands).unwrap(), Undone::Diverged);
        assert_eq!(told(&pre), "50");
        supervisor.restart(&service).await.unwrap();
        assert_eq!(pre.inspect(&hands).unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo(&hands).unwrap(), Undone::AlreadyClean);
        assert!(matches!(pre.apply(&hands), Err(LeverError::Refused(_))));
        supervisor.stop_all().await;
    }
}
