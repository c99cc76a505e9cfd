//! Puts a process into a control group of its own that gets less of the processor. Version 1 or 2, whichever the
//! machine has and lets us write; where neither, it refuses.

use super::{Hands, LeverError, failed, process_stop, refused, seen};
use crate::{
    agent::process::{Identity, Life},
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The period that a quota is a share of, in microseconds.
const PERIOD_US: u64 = 100_000;
/// Where version 1 has its controller for quotas.
const VERSION_1: [&str; 2] = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"];
/// Where version 2 has all of them.
const VERSION_2: &str = "/sys/fs/cgroup";
/// The file with a group's processes.
const PROCESSES: &str = "cgroup.procs";

/// The process, the group that it was in, and the one that will be ours, which was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The process.
    pub process: process_stop::PreImage,
    /// The folder of the group that it was in.
    pub before: PathBuf,
    /// The folder of ours.
    pub ours: PathBuf,
    /// Per cent of one processor.
    pub percent: u8,
}

/// The root of the controller, and how a process's group is named in `/proc/PID/cgroup`.
fn controller() -> Option<(PathBuf, &'static str)> {
    let one = VERSION_1.iter().map(Path::new).find(|root| root.join("cpu.cfs_quota_us").is_file());
    // The root of version 1 has no quota itself; its groups do.
    let one = one.or_else(|| VERSION_1.iter().map(Path::new).find(|root| root.join("cpu.shares").is_file()));
    if let Some(root) = one {
        return Some((root.to_owned(), "cpu"));
    }
    let root = Path::new(VERSION_2);
    let handed_on = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
    handed_on.split_whitespace().any(|name| name == "cpu").then(|| (root.to_owned(), ""))
}

/// The folder of the group that a process is in.
fn group_of(root: &Path, controller: &str, pid: i32) -> io::Result<Option<PathBuf>> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let path = text.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (names, path) = rest.split_once(':')?;
        names.split(',').any(|name| name == controller).then_some(path)
    });
    Ok(path.map(|path| root.join(path.trim_start_matches('/'))))
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        id: &InjectionId,
        service: &ServiceName,
        percent: u8,
    ) -> Result<Self, LeverError> {
        let process = process_stop::PreImage::take(hands, service)?;
        let Some((root, name)) = controller() else {
            return Err(refused("no control group limits the processor here: use `process-throttle`"));
        };
        let group = group_of(&root, name, process.identity.pid).map_err(|err| failed("read", &root, &err))?;
        let before = group.ok_or_else(|| refused(format!("`{service}` is in no control group")))?;
        let ours = root.join(id.as_str());
        if ours.exists() {
            return Err(refused(format!("{} is there already", ours.display())));
        }
        // The one way to know whether a group may be made is to make one.
        fs::create_dir(&ours).and_then(|()| fs::remove_dir(&ours)).map_err(|err| {
            refused(format!("no control group can be made here ({err}): use `process-throttle`"))
        })?;
        Ok(Self { process, before, ours, percent })
    }

    fn identity(&self) -> Identity {
        self.process.identity
    }

    /// Whether the process is in our group.
    fn is_inside(&self) -> Result<bool, LeverError> {
        let members = match fs::read_to_string(self.ours.join(PROCESSES)) {
            Ok(members) => members,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(err) => return Err(failed("read", &self.ours, &err)),
        };
        let pid = self.identity().pid.to_string();
        let alive = !matches!(self.identity().life(), Ok(Life::Gone));
        Ok(alive && members.lines().any(|line| line == pid))
    }

    pub(super) fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        let (service, identity) = (&self.process.service, self.identity());
        if hands.supervisor()?.identity(service) != Some(identity) {
            return Err(refused(format!("`{service}` is another process than when this was armed")));
        }
        let quota_us = PERIOD_US * u64::from(self.percent) / 100;
        let write = || {
            fs::create_dir(&self.ours)?;
            if self.ours.join("cpu.max").exists() {
                fs::write(self.ours.join("cpu.max"), format!("{quota_us} {PERIOD_US}"))?;
            } else {
                fs::write(self.ours.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
                fs::write(self.ours.join("cpu.cfs_quota_us"), quota_us.to_string())?;
            }
            fs::write(self.ours.join(PROCESSES), identity.pid.to_string())
        };
        write().map_err(|err| failed("limit the processor with", &self.ours, &err))
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let (service, percent) = (&self.process.service, self.percent);
        Ok(if self.is_inside()? {
            seen(Presence::Present, format!("{service} gets {percent} % of one processor"))
        } else {
            seen(Presence::Clean, format!("{service} is not in our control group"))
        })
    }

    /// Moves the process back where it was, and removes our group whoever is gone.
    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        let inside = self.is_inside()?;
        if inside {
            let pid = self.identity().pid.to_string();
            fs::write(self.before.join(PROCESSES), pid)
                .map_err(|err| failed("move the process back to", &self.before, &err))?;
        }
        match fs::remove_dir(&self.ours) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(failed("remove", &self.ours, &err)),
        }
        Ok(if inside { Undone::Restored } else { Undone::AlreadyClean })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::running;
    use super::*;
    use crate::seed;

    #[tokio::test]
    async fn a_process_gets_less_of_the_processor_or_the_machine_says_why_not() {
        let folder = tempfile::tempdir().unwrap();
        let (hands, supervisor, service) = running(folder.path()).await;
        let id: InjectionId = format!("gd-{}", &seed::token()[..8]).parse().unwrap();
        let pre = match PreImage::take(&hands, &id, &service, 20) {
            Ok(pre) => pre,
            Err(LeverError::Refused(why)) => {
                assert!(why.contains("process-throttle"), "{why}");
                supervisor.stop_all().await;
                return;
            }
            Err(err) => panic!("{err}"),
        };
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.apply(&hands).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        let ours = fs::read_to_string(format!("/proc/{}/cgroup", pre.identity().pid)).unwrap();
        assert!(ours.contains(id.as_str()), "{ours}");
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        assert!(!pre.ours.exists());
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        // A restart leaves an empty group, which goes too.
        pre.apply(&hands).unwrap();
        supervisor.restart(&service).await.unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert!(!pre.ours.exists());
        supervisor.stop_all().await;
    }

    #[test]
    fn the_group_of_a_process_is_found_in_either_version() {
        let root = Path::new("/g");
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(group_of(root, "no-such-controller", own).unwrap(), None);
        assert!(group_of(root, "cpu", -1).is_err());
    }
}
