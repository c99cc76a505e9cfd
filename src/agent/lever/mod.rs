//! The levers: one file for each kind of change that the agent can make to its target.
//!
//! Each knows its pre-image (absolute, taken before anything is changed and enough to undo), how to apply, how to look,
//! and how to undo by comparison: still ours -> restore; already as before -> nothing; something else -> hands off.

pub(super) mod file_edit;
pub(super) mod link;
pub(super) mod process_kill;
pub(super) mod process_stop;
pub(super) mod release_roll_out;
pub(super) mod toml;
pub(super) mod volume_fill;

use super::{proxy::Proxy, supervisor::Supervisor};
use crate::{
    base::{InjectionId, LinkName, ServiceName},
    fault::{Fault, Presence},
    fault::{Inspection, Undone},
    scenario::pack::{Layout, ProcessLayout},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io, path::Path, sync::Arc};

/// What a lever needs to reach the target.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    /// The target.
    pub(super) layout: Arc<Layout>,
    /// Its processes; nothing in a sweep without an agent, when all of them are gone.
    pub(super) supervisor: Option<Supervisor>,
    /// Its links; empty in such a sweep, since the proxies are gone with their agent.
    pub(super) links: Arc<BTreeMap<LinkName, Proxy>>,
}

impl Hands {
    /// The hands of a sweep: files alone.
    pub(super) fn without_agent(layout: Arc<Layout>) -> Self {
        Self { layout, supervisor: None, links: Arc::default() }
    }

    /// The one process that `name` stands for: an instance, or a component that has no more than one.
    fn instance(&self, name: &ServiceName) -> Result<&ProcessLayout, LeverError> {
        let all = &self.layout.processes;
        if let Some(exact) = all.iter().find(|process| process.service == *name) {
            return Ok(exact);
        }
        let mut of_component = all.iter().filter(|process| process.component == *name);
        match (of_component.next(), of_component.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(refused(format!("there is no service `{name}` here"))),
            (Some(_), Some(_)) => Err(refused(format!("`{name}` has several instances: name one of them"))),
        }
    }

    fn supervisor(&self) -> Result<&Supervisor, LeverError> {
        self.supervisor.as_ref().ok_or_else(|| refused("no processes are supervised here"))
    }

    /// Lets a component read its configuration again; without an agent there is nobody to read it.
    fn reload(&self, component: &ServiceName) -> Result<(), LeverError> {
        match &self.supervisor {
            Some(supervisor) => {
                supervisor.reload(component).map_err(|err| LeverError::Failed(err.to_string()))
            }
            None => Ok(()),
        }
    }
}

/// Why a lever did not move.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LeverError {
    /// It cannot be done, and nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// Something failed on the way, or could not be seen. Anything may have happened.
    #[error("{0}")]
    Failed(String),
}

/// Nothing was changed.
fn refused(why: impl Into<String>) -> LeverError {
    LeverError::Refused(why.into())
}

/// A file or folder that failed.
fn failed(what: &str, path: &Path, err: &io::Error) -> LeverError {
    LeverError::Failed(format!("could not {what} {}: {err}", path.display()))
}

fn seen(presence: Presence, detail: impl Into<String>) -> Inspection {
    Inspection { presence, detail: detail.into() }
}

/// Runs file work beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LeverError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|err| LeverError::Failed(format!("could not finish: {err}")))
}

/// What a place was like before, and what of it will be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lever", rename_all = "kebab-case")]
pub(in crate::agent) enum PreImage {
    /// Of a link.
    Link(link::PreImage),
    /// Of a process to be stopped.
    ProcessStop(process_stop::PreImage),
    /// Of a process to be killed.
    ProcessKill(process_kill::PreImage),
    /// Of a configuration file.
    FileEdit(file_edit::PreImage),
    /// Of a volume.
    VolumeFill(volume_fill::PreImage),
    /// Of a component's releases.
    ReleaseRollOut(release_roll_out::PreImage),
}

impl PreImage {
    /// Takes the pre-image of a fault's place. Changes nothing.
    pub(super) async fn take(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        let (hands, id, fault) = (hands.clone(), id.clone(), fault.clone());
        blocking(move || Self::take_now(&hands, &id, &fault)).await?
    }

    fn take_now(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        Ok(match fault {
            Fault::LinkLatency { .. }
            | Fault::LinkDown { .. }
            | Fault::LinkReset { .. }
            | Fault::LinkBandwidth { .. }
            | Fault::LinkTimeout { .. } => Self::Link(link::PreImage::take(hands, fault)?),
            Fault::ProcessStop { service } => {
                Self::ProcessStop(process_stop::PreImage::take(hands, service)?)
            }
            Fault::ProcessKill { service } => {
                Self::ProcessKill(process_kill::PreImage::take(hands, service)?)
            }
            Fault::FileEdit { file, key, value } => {
                Self::FileEdit(file_edit::PreImage::take(hands, file, key, value)?)
            }
            Fault::VolumeFill { volume, percent } => {
                Self::VolumeFill(volume_fill::PreImage::take(hands, id, volume, *percent)?)
            }
            Fault::ReleaseRollOut { service, release, key, value } => {
                Self::ReleaseRollOut(release_roll_out::PreImage::take(hands, service, release, key, value)?)
            }
        })
    }

    /// Whether a second injection here would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::FileEdit(a), Self::FileEdit(b)) => a.overlaps(b),
            (Self::VolumeFill(a), Self::VolumeFill(b)) => a.volume == b.volume,
            (Self::ReleaseRollOut(a), Self::ReleaseRollOut(b)) => a.component == b.component,
            (Self::ReleaseRollOut(release), Self::FileEdit(edit))
            | (Self::FileEdit(edit), Self::ReleaseRollOut(release)) => edit.path.starts_with(&release.made),
            // A roll-out restarts the instances, which would repair them.
            (Self::ReleaseRollOut(release), process) | (process, Self::ReleaseRollOut(release)) => {
                process.process().is_some_and(|(_, component)| *component == release.component)
            }
            (a, b) => match (a.process(), b.process()) {
                (Some((a, _)), Some((b, _))) => a == b,
                _ => false,
            },
        }
    }

    /// The instance and component, if this is of a process.
    fn process(&self) -> Option<(&ServiceName, &ServiceName)> {
        match self {
            Self::ProcessStop(pre) => Some((&pre.service, &pre.component)),
            Self::ProcessKill(pre) => Some((&pre.service, &pre.component)),
            _ => None,
        }
    }

    /// Makes the change.
    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        match self {
            Self::Link(pre) => pre.apply(hands, id),
            Self::ProcessStop(pre) => pre.apply(hands).await,
            Self::ProcessKill(pre) => pre.apply(hands, id).await,
            Self::FileEdit(pre) => {
                let change = pre.clone();
                blocking(move || change.write_ours()).await??;
                hands.reload(&pre.component)
            }
            Self::VolumeFill(pre) => {
                let pre = pre.clone();
                blocking(move || pre.apply()).await?
            }
            Self::ReleaseRollOut(pre) => pre.apply(hands).await,
        }
    }

    /// Looks. What cannot be seen is unknown.
    pub(super) async fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let (pre, on, id) = (self.clone(), hands.clone(), id.clone());
        let looked = blocking(move || match &pre {
            Self::Link(pre) => Ok(pre.inspect(&on, &id)),
            Self::ProcessStop(pre) => pre.inspect(),
            Self::ProcessKill(pre) => Ok(pre.inspect(&on, &id)),
            Self::FileEdit(pre) => pre.inspect(),
            Self::VolumeFill(pre) => pre.inspect(),
            Self::ReleaseRollOut(pre) => pre.inspect(),
        })
        .await
        .and_then(|looked| looked);
        looked.unwrap_or_else(|err| seen(Presence::Unknown, err.to_string()))
    }

    /// Undoes by comparison. `again`: an earlier undo did not come to its end, so what follows the change itself
    /// (reload, restart) is done even if the place is already as before.
    pub(super) async fn undo(
        &self,
        hands: &Hands,
        id: &InjectionId,
        again: bool,
    ) -> Result<Undone, LeverError> {
        match self {
            Self::Link(pre) => Ok(pre.undo(hands, id)),
            Self::ProcessStop(pre) => pre.undo(),
            Self::ProcessKill(pre) => pre.undo(hands, id).await,
            Self::FileEdit(pre) => {
                let change = pre.clone();
                let undone = blocking(move || change.write_before()).await??;
                if undone == Undone::Restored || (again && undone == Undone::AlreadyClean) {
                    hands.reload(&pre.component)?;
                }
                Ok(undone)
            }
            Self::VolumeFill(pre) => {
                let pre = pre.clone();
                blocking(move || pre.undo()).await?
            }
            Self::ReleaseRollOut(pre) => pre.undo(hands, again).await,
        }
    }
}

/// Looks at the place of a fault that this agent holds nothing of.
pub(super) async fn inspect_unarmed(hands: &Hands, id: &InjectionId, fault: &Fault) -> Inspection {
    let (on, id, fault) = (hands.clone(), id.clone(), fault.clone());
    let looked = blocking(move || match &fault {
        Fault::LinkLatency { .. }
        | Fault::LinkDown { .. }
        | Fault::LinkReset { .. }
        | Fault::LinkBandwidth { .. }
        | Fault::LinkTimeout { .. } => link::PreImage::take(&on, &fault).map(|pre| pre.inspect(&on, &id)),
        Fault::ProcessStop { service } => process_stop::inspect_unarmed(&on, service),
        Fault::ProcessKill { service } => process_kill::inspect_unarmed(&on, service),
        Fault::FileEdit { file, key, value } => file_edit::inspect_unarmed(&on, file, key, value),
        Fault::VolumeFill { volume, .. } => volume_fill::inspect_unarmed(&on, &id, volume),
        Fault::ReleaseRollOut { service, release, .. } => {
            release_roll_out::inspect_unarmed(&on, service, release)
        }
    })
    .await
    .and_then(|looked| looked);
    looked.unwrap_or_else(|err| seen(Presence::Unknown, err.to_string()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        path::PathBuf,
    };

    /// A target with one component `web` of two instances, a release, a file, a volume and a link.
    pub(in crate::agent) fn layout(root: &Path) -> Layout {
        let root = root.canonicalize().unwrap();
        let web = root.join("services/web");
        let old = web.join("releases/1");
        std::fs::create_dir_all(&old).unwrap();
        std::fs::write(old.join("web.toml"), WEB).unwrap();
        let _ = std::os::unix::fs::symlink("releases/1", web.join("current"));
        std::fs::write(web.join("history"), HISTORY).unwrap();
        std::fs::create_dir_all(root.join("volumes/a")).unwrap();
        crate::agent::attest(&root, "ana", crate::base::Span::from_mins(60)).unwrap();
        let process = |name: &str| ProcessLayout {
            service: name.parse().unwrap(),
            component: "web".parse().unwrap(),
            program: PathBuf::from("/bin/sh"),
            argv0: "depot-web".to_owned(),
            // A service reads its configuration again at SIGHUP; this one at least does not die of it.
            args: vec!["-c".to_owned(), "trap '' HUP; exec /bin/sleep 600".to_owned()],
            log: root.join(format!("logs/{name}.log")),
            address: String::from("127.0.0.1:1"),
        };
        serde_json::from_value(serde_json::json!({
            "target": "small",
            "root": root,
            "addresses": ["127.0.0.0/8"],
            "processes": [process("web-east"), process("web-west")],
            "links": [{"link": "l", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "distance_ms": 0}],
            "volumes": [{"volume": "a", "path": root.join("volumes/a"), "size_bytes": 1_000_000}],
            "files": [{"file": "web", "component": "web", "path": web.join("current/web.toml")}],
            "releases": [{
                "component": "web",
                "folder": web.join("releases"),
                "current": web.join("current"),
                "config": "web.toml",
            }],
            "front_door": "127.0.0.1:1",
        }))
        .unwrap()
    }

    /// The same target with processes whose `/health` is good: a thread of the test answers for them.
    pub(in crate::agent) fn healthy(mut layout: Layout) -> Layout {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 512]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            }
        });
        for process in &mut layout.processes {
            process.address.clone_from(&address);
        }
        layout
    }

    pub(in crate::agent) const WEB: &str =
        "# the object API\n[pool]\n# connections\nsize = 16 # per instance\nwait_ms = 250\n";
    pub(in crate::agent) const HISTORY: &str = "2026-11-20T09:12:44.000Z deploy 1\n";

    /// Hands on that target, without processes and links.
    pub(in crate::agent) fn hands(root: &Path) -> Hands {
        Hands::without_agent(Arc::new(layout(root)))
    }

    pub(in crate::agent) fn id() -> InjectionId {
        "gd-a2b3c4d5".parse().unwrap()
    }

    fn fault(json: serde_json::Value) -> Fault {
        serde_json::from_value(json).unwrap()
    }

    #[tokio::test]
    async fn changes_that_would_get_in_each_others_way_overlap() {
        use serde_json::json;
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let edit = |key: &str| fault(json!({"kind": "file-edit", "file": "web", "key": key, "value": "1"}));
        let roll = |release: &str| {
            fault(json!({"kind": "release-roll-out", "service": "web", "release": release,
                "key": "pool.size", "value": "1"}))
        };
        let take = async |fault: Fault| PreImage::take(&hands, &id(), &fault).await.unwrap();
        let size = take(edit("pool.size")).await;
        assert!(size.overlaps(&size));
        assert!(!size.overlaps(&take(edit("pool.wait_ms")).await));
        assert!(!size.overlaps(&take(roll("2")).await));
        assert!(take(roll("2")).await.overlaps(&take(roll("3")).await));
        let identity = super::super::process::Identity { pid: 1, start_ticks: 1 };
        let stop = |service: &str| {
            PreImage::ProcessStop(process_stop::PreImage {
                service: service.parse().unwrap(),
                component: "web".parse().unwrap(),
                identity,
            })
        };
        assert!(stop("web-east").overlaps(&stop("web-east")));
        assert!(!stop("web-east").overlaps(&stop("web-west")));
        assert!(take(roll("2")).await.overlaps(&stop("web-west")));
        assert!(!size.overlaps(&stop("web-west")));
    }
}
