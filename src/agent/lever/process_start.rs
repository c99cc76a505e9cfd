//! What a fault does to the starts of an instance: they take longer, or the process sees another time. Both are known
//! to the supervisor alone, so they are gone with the agent.

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::{
        boot::watch_for,
        supervisor::{StartWith, SupervisorError},
    },
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where distributions put the library that shows a process another time, by architecture or not.
const LIBRARY_FOLDERS: [&str; 3] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// How long a new process may take to load it.
const LOAD_LIMIT: Duration = Duration::from_secs(3);
/// The variant for programs with threads.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The instance, on whose starts nothing of this lay before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The instance.
    pub service: ServiceName,
    /// Its component.
    pub component: ServiceName,
    /// What will lie on its starts.
    pub with: StartWith,
}

/// The library, where it is installed.
fn library() -> Option<PathBuf> {
    LIBRARY_FOLDERS.iter().map(Path::new).find_map(|folder| {
        let beneath = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let folders = std::iter::once(folder.to_owned()).chain(beneath.map(|entry| entry.path()));
        folders.map(|folder| folder.join(LIBRARY)).find(|path| path.is_file())
    })
}

fn failed(err: &SupervisorError) -> LeverError {
    LeverError::Failed(err.to_string())
}

impl PreImage {
    pub(super) fn delay(hands: &Hands, service: &ServiceName, ms: u64) -> Result<Self, LeverError> {
        Self::take(hands, service, StartWith::Delay { ms })
    }

    pub(super) fn clock(hands: &Hands, service: &ServiceName, offset_s: i64) -> Result<Self, LeverError> {
        let library = library().ok_or_else(|| {
            refused("no clock can be set wrong here: libfaketime is not installed (Debian: libfaketime)")
        })?;
        Self::take(hands, service, StartWith::Clock { library, offset_s })
    }

    fn take(hands: &Hands, service: &ServiceName, with: StartWith) -> Result<Self, LeverError> {
        let layout = hands.instance(service)?;
        hands.supervisor()?;
        Ok(Self { service: layout.service.clone(), component: layout.component.clone(), with })
    }

    fn is_clock(&self) -> bool {
        matches!(self.with, StartWith::Clock { .. })
    }

    /// Whether two of them would get into each other's way.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.service == other.service && self.is_clock() == other.is_clock()
    }

    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        let supervisor = hands.supervisor()?;
        supervisor.burden_starts(&self.service, id, self.with.clone()).map_err(|err| failed(&err))?;
        let StartWith::Clock { library, .. } = &self.with else {
            return Ok(());
        };
        supervisor.renew(&self.service).await.map_err(|err| failed(&err))?;
        let pid = supervisor.identity(&self.service).map_or(0, |identity| identity.pid);
        let real = library.canonicalize().unwrap_or_else(|_| library.clone());
        // The process is there before its libraries are.
        let taken = async || {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
            maps.contains(&real.display().to_string()).then_some(())
        };
        if watch_for(LOAD_LIMIT, taken).await.is_some() {
            return Ok(());
        }
        Err(LeverError::Failed(format!(
            "`{}` did not take {}: it is linked statically, or has no process",
            self.service,
            library.display()
        )))
    }

    pub(super) fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let service = &self.service;
        let there = hands.supervisor.as_ref().is_some_and(|one| one.burdens_starts(service, id));
        if !there {
            return seen(Presence::Clean, format!("{service} starts as ever"));
        }
        let detail = match &self.with {
            StartWith::Delay { ms } => format!("each start of {service} waits {ms} ms"),
            StartWith::Clock { offset_s, .. } => format!("the clock of {service} is {offset_s} s ahead"),
        };
        seen(Presence::Present, detail)
    }

    pub(super) async fn undo(
        &self,
        hands: &Hands,
        id: &InjectionId,
        again: bool,
    ) -> Result<Undone, LeverError> {
        let Some(supervisor) = &hands.supervisor else {
            return Ok(Undone::AlreadyClean);
        };
        let was = supervisor.unburden_starts(&self.service, id).map_err(|err| failed(&err))?;
        if self.is_clock() && (was || again) {
            supervisor.renew(&self.service).await.map_err(|err| failed(&err))?;
        }
        Ok(if was { Undone::Restored } else { Undone::AlreadyClean })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id, running};
    use super::*;
    use crate::agent::boot::now_ms;

    #[tokio::test]
    async fn starts_wait_while_it_lasts_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let before = supervisor.identity(&service).unwrap();
        let pre = PreImage::delay(&hands, &service, 400).unwrap();
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        pre.apply(&hands, &id()).await.unwrap();
        assert_eq!(supervisor.identity(&service), Some(before), "what runs runs on");
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        let begun_ms = now_ms();
        supervisor.restart(&service).await.unwrap();
        assert!(now_ms() - begun_ms >= 400);
        assert_eq!(pre.undo(&hands, &id(), false).await.unwrap(), Undone::Restored);
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        assert_eq!(pre.undo(&hands, &id(), false).await.unwrap(), Undone::AlreadyClean);
        // A start that waits already goes on at once.
        let long = PreImage::delay(&hands, &service, 600_000).unwrap();
        long.apply(&hands, &id()).await.unwrap();
        let (waits, name) = (supervisor.clone(), service.clone());
        let restart = tokio::spawn(async move { waits.restart(&name).await });
        let down = async || supervisor.identity(&service).is_none().then_some(());
        watch_for(Duration::from_secs(10), down).await.expect("it is down");
        long.undo(&hands, &id(), false).await.unwrap();
        restart.await.unwrap().unwrap();
        supervisor.stop_all().await;
    }

    #[tokio::test]
    async fn a_process_sees_another_time_and_the_right_one_after_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        if library().is_none() {
            let refusal = PreImage::clock(&hands(folder.path()), &"web-east".parse().unwrap(), 5);
            assert!(refusal.unwrap_err().to_string().contains("libfaketime"));
            return;
        }
        let (hands, supervisor, service) = running(folder.path()).await;
        let environment = || {
            let pid = supervisor.identity(&service).unwrap().pid;
            fs::read_to_string(format!("/proc/{pid}/environ")).unwrap()
        };
        let pre = PreImage::clock(&hands, &service, -7200).unwrap();
        pre.apply(&hands, &id()).await.unwrap();
        assert!(environment().contains("FAKETIME=-7200s"), "{}", environment());
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Present);
        supervisor.restart(&service).await.unwrap();
        assert!(environment().contains("FAKETIME"), "a restart does not set a clock right");
        assert_eq!(pre.undo(&hands, &id(), false).await.unwrap(), Undone::Restored);
        assert!(!environment().contains("FAKETIME"));
        assert_eq!(pre.inspect(&hands, &id()).presence, Presence::Clean);
        supervisor.stop_all().await;
    }
}
