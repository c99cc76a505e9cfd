//! The levers: one file for each kind of change that the agent can make to its target.
//!
//! Each knows its pre-image (absolute, taken before anything is changed and enough to undo), how to apply, how to look,
//! and how to undo by comparison: still ours -> restore; already as before -> nothing; something else -> hands off.

mod certificate;
pub(super) mod container;
pub(super) mod custom;
pub(super) mod database;
pub(super) mod file_edit;
pub(super) mod file_mode;
pub(super) mod file_swap;
mod lines;
pub(super) mod link;
pub(super) mod postgres;
pub(super) mod process_cpu;
pub(super) mod process_kill;
pub(super) mod process_limit;
pub(super) mod process_restart_loop;
pub(super) mod process_start;
pub(super) mod process_stop;
pub(super) mod process_throttle;
pub(super) mod queue;
pub(super) mod registry;
pub(super) mod release_roll_out;
mod setting;
pub(super) mod toml;
pub(super) mod toxiproxy;
pub(super) mod traffic_flood;
pub(super) mod volume_fill;
pub(super) mod volume_inodes;
pub(super) mod volume_read_only;

pub use setting::changed;

use super::{held::HeldTasks, process::Limited, proxy::Proxy, supervisor::Supervisor};
use crate::{
    base::{InjectionId, LinkName, ServiceName, VolumeName},
    fault::{Fault, Place, Presence},
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
    /// What lives in the agent for an injection; empty in such a sweep, for the same reason.
    pub(super) tasks: Arc<HeldTasks>,
}

impl Hands {
    /// The hands of a sweep: files alone.
    pub(super) fn without_agent(layout: Arc<Layout>) -> Self {
        Self { layout, supervisor: None, links: Arc::default(), tasks: Arc::default() }
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
    async fn reload(&self, component: &ServiceName) -> Result<(), LeverError> {
        match &self.supervisor {
            Some(supervisor) => {
                supervisor.reload(component).await.map_err(|err| LeverError::Failed(err.to_string()))
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
    /// Of a process to be slowed down.
    ProcessThrottle(process_throttle::PreImage),
    /// Of an instance that is not to get far.
    ProcessRestartLoop(process_restart_loop::PreImage),
    /// Of an instance's starts.
    ProcessStart(process_start::PreImage),
    /// Of what a process may use.
    ProcessLimit(process_limit::PreImage),
    /// Of a process's share of the processor.
    ProcessCpu(process_cpu::PreImage),
    /// Of a file as a whole.
    FileSwap(file_swap::PreImage),
    /// Of permissions.
    FileMode(file_mode::PreImage),
    /// Of a volume that is to be read-only.
    VolumeReadOnly(volume_read_only::PreImage),
    /// Of a volume's inodes.
    VolumeInodes(volume_inodes::PreImage),
    /// Of a database.
    Database(database::PreImage),
    /// Of a database in PostgreSQL.
    Postgres(postgres::PreImage),
    /// Of an entry of a registry.
    Registry(registry::PreImage),
    /// Of a queue.
    Queue(queue::PreImage),
    /// Of what knocks at the front door.
    TrafficFlood(traffic_flood::PreImage),
    /// Of what the target's owner breaks.
    Custom(custom::PreImage),
    /// Of a container.
    Container(container::PreImage),
    /// Of a link that a toxiproxy carries.
    Toxiproxy(toxiproxy::PreImage),
}

impl PreImage {
    /// Takes the pre-image of a fault's place. Changes nothing.
    pub(super) async fn take(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        fault.check_figures().map_err(refused)?;
        if let Some(pre) = toxiproxy::PreImage::take(hands, id, fault).await? {
            return Ok(Self::Toxiproxy(pre));
        }
        match fault {
            Fault::RegistryRemove { registry, instance } => {
                registry::PreImage::removed(hands, registry, instance).await.map(Self::Registry)
            }
            Fault::RegistryRedirect { registry, instance, to } => {
                registry::PreImage::redirected(hands, registry, instance, to).await.map(Self::Registry)
            }
            Fault::QueuePoison { queue, job, payload, copies } => {
                queue::PreImage::take(hands, id, queue, (job, payload), *copies).await.map(Self::Queue)
            }
            Fault::Custom { name } => custom::PreImage::take(hands, id, name).await.map(Self::Custom),
            on if on.container().is_some() => container::PreImage::take(hands, on).await.map(Self::Container),
            _ => {
                let (hands, id, fault) = (hands.clone(), id.clone(), fault.clone());
                if matches!(&fault.place(), Place::Part { kind: "database", .. }) {
                    return Self::take_of_database(&hands, &id, &fault).await;
                }
                blocking(move || match fault.place() {
                    Place::Service(_) => Self::take_of_process(&hands, &id, &fault),
                    _ => Self::take_now(&hands, &id, &fault),
                })
                .await?
            }
        }
    }

    async fn take_of_database(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        let Place::Part { name, .. } = fault.place() else {
            return Err(refused(format!("`{}` is no fault of a database", fault.kind())));
        };
        let cannot = |what: &str, instead: &str| {
            Err(refused(format!("`{name}` is a database in {what}: take {instead} instead")))
        };
        if let Some(server) = postgres::find(hands, &name) {
            let taken = match fault {
                Fault::DatabaseTableLock { table, .. } => {
                    postgres::PreImage::table_lock(server, table).await?
                }
                Fault::DatabaseConnections { free, .. } => {
                    postgres::PreImage::connections(server, *free).await?
                }
                Fault::DatabaseStatement { statement, .. } => {
                    postgres::PreImage::statement(server, statement).await?
                }
                Fault::DatabaseIndex { index, .. } => postgres::PreImage::index(server, index).await?,
                Fault::DatabaseLock { .. } => return cannot("PostgreSQL", "`database-table-lock`"),
                _ => return cannot("PostgreSQL", "a statement of the target's owner"),
            };
            return Ok(Self::Postgres(taken));
        }
        Ok(Self::Database(match fault {
            Fault::DatabaseLock { .. } => database::PreImage::lock(hands, &name)?,
            Fault::DatabaseIndex { index, .. } => database::PreImage::index(hands, &name, index).await?,
            Fault::DatabaseBloat { table, column, rows, .. } => {
                let place = (name.as_str(), table.as_str(), column.as_str());
                database::PreImage::bloat(hands, place, *rows, id).await?
            }
            Fault::DatabaseTableLock { .. } => return cannot("SQLite", "`database-lock`"),
            _ => return cannot("SQLite", "another fault"),
        }))
    }

    fn take_of_process(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        Ok(match fault {
            Fault::ProcessStop { service } => {
                Self::ProcessStop(process_stop::PreImage::take(hands, service)?)
            }
            Fault::ProcessKill { service } => {
                Self::ProcessKill(process_kill::PreImage::take(hands, service)?)
            }
            Fault::ReleaseRollOut { service, release, key, value } => {
                Self::ReleaseRollOut(release_roll_out::PreImage::take(hands, service, release, key, value)?)
            }
            Fault::ProcessThrottle { service, percent } => {
                Self::ProcessThrottle(process_throttle::PreImage::take(hands, service, *percent)?)
            }
            Fault::ProcessRestartLoop { service, after_ms } => {
                Self::ProcessRestartLoop(process_restart_loop::PreImage::take(hands, service, *after_ms)?)
            }
            Fault::ProcessStartDelay { service, delay_ms } => {
                Self::ProcessStart(process_start::PreImage::delay(hands, service, *delay_ms)?)
            }
            Fault::ProcessClock { service, offset_s } => {
                Self::ProcessStart(process_start::PreImage::clock(hands, service, *offset_s)?)
            }
            Fault::ProcessDescriptors { service, most } => {
                let what = Limited::Descriptors;
                Self::ProcessLimit(process_limit::PreImage::take(hands, service, what, *most)?)
            }
            Fault::ProcessMemory { service, most_mib } => {
                let (what, bytes) = (Limited::Memory, most_mib << 20);
                Self::ProcessLimit(process_limit::PreImage::take(hands, service, what, bytes)?)
            }
            Fault::ProcessCpu { service, percent } => {
                Self::ProcessCpu(process_cpu::PreImage::take(hands, id, service, *percent)?)
            }
            other => return Err(refused(format!("`{}` is no fault of a process", other.kind()))),
        })
    }

    fn take_now(hands: &Hands, id: &InjectionId, fault: &Fault) -> Result<Self, LeverError> {
        Ok(match fault {
            Fault::FileEdit { file, key, value } => {
                Self::FileEdit(file_edit::PreImage::take(hands, file, key, value)?)
            }
            Fault::VolumeFill { volume, percent } => {
                Self::VolumeFill(volume_fill::PreImage::take(hands, id, volume, *percent)?)
            }
            Fault::VolumeRest { volume, free_bytes } => {
                Self::VolumeFill(volume_fill::PreImage::take_rest(hands, id, volume, *free_bytes)?)
            }
            Fault::VolumeReadOnly { volume } => {
                Self::VolumeReadOnly(volume_read_only::PreImage::take(hands, volume)?)
            }
            Fault::VolumeInodes { volume, free } => {
                Self::VolumeInodes(volume_inodes::PreImage::take(hands, id, volume, *free)?)
            }
            Fault::FileReplace { file, content } => {
                Self::FileSwap(file_swap::PreImage::replace(hands, file, content)?)
            }
            Fault::FileDelete { file } => Self::FileSwap(file_swap::PreImage::delete(hands, file)?),
            Fault::FileCorrupt { file, bytes } => {
                Self::FileSwap(file_swap::PreImage::corrupt(hands, id, file, *bytes)?)
            }
            Fault::FileMode { file, mode } => {
                Self::FileMode(file_mode::PreImage::of_file(hands, file, mode)?)
            }
            Fault::CertificateExpired { certificate } => {
                Self::FileSwap(certificate::expired(hands, certificate)?)
            }
            Fault::TrafficFlood { path, rate, keys, headers } => {
                let request = (path.as_str(), *rate, *keys);
                Self::TrafficFlood(traffic_flood::PreImage::take(hands, request, headers)?)
            }
            on_link => Self::Link(link::PreImage::take(hands, on_link)?),
        })
    }

    /// Whether a second injection here would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::FileEdit(a), Self::FileEdit(b)) => a.overlaps(b),
            (Self::ProcessStart(a), Self::ProcessStart(b)) => a.overlaps(b),
            (Self::Database(a), Self::Database(b)) => a.overlaps(b),
            (Self::Postgres(a), Self::Postgres(b)) => a.overlaps(b),
            (Self::Registry(a), Self::Registry(b)) => a.overlaps(b),
            (Self::Toxiproxy(a), Self::Toxiproxy(b)) => a.overlaps(b),
            (Self::ReleaseRollOut(a), Self::ReleaseRollOut(b)) => a.component == b.component,
            (Self::ReleaseRollOut(release), Self::FileEdit(edit))
            | (Self::FileEdit(edit), Self::ReleaseRollOut(release)) => edit.path.starts_with(&release.made),
            // A roll-out restarts the instances, which would repair them, and makes its release of what is in use.
            (Self::ReleaseRollOut(release), other) | (other, Self::ReleaseRollOut(release)) => {
                other.process().is_some_and(|(_, component)| *component == release.component)
                    || other.file().is_some_and(|path| path.starts_with(&release.before))
            }
            (Self::FileMode(a), Self::FileMode(b)) => a.overlaps(b),
            (Self::FileMode(mode), other) | (other, Self::FileMode(mode)) => {
                other.file().is_some_and(|path| mode.touches(path))
            }
            (Self::Custom(custom), other) | (other, Self::Custom(custom)) => {
                other
                    .process()
                    .is_some_and(|(service, component)| [service, component].contains(&custom.place()))
                    || matches!(other, Self::Custom(other) if other.place() == custom.place())
            }
            (a, b) => {
                let both = |a: Option<&Path>, b: Option<&Path>| a.is_some() && a == b;
                both(a.file(), b.file())
                    || a.volume().is_some_and(|volume| b.volume() == Some(volume))
                    || a.process().zip(b.process()).is_some_and(|((a, _), (b, _))| a == b)
            }
        }
    }

    /// Whether it is of a process that is gone when the machine is started again.
    pub(super) fn is_of_a_process(&self) -> bool {
        self.process().is_some() && !matches!(self, Self::ProcessCpu(_) | Self::Container(_))
    }

    /// The instance and component, if what is done to the process of another would get into its way.
    fn process(&self) -> Option<(&ServiceName, &ServiceName)> {
        match self {
            Self::ProcessStop(pre) => Some((&pre.service, &pre.component)),
            Self::ProcessKill(pre) => Some((&pre.service, &pre.component)),
            Self::ProcessThrottle(pre) => Some((&pre.process.service, &pre.process.component)),
            Self::ProcessCpu(pre) => Some((&pre.process.service, &pre.process.component)),
            Self::Container(pre) => Some(pre.owner()),
            Self::ProcessRestartLoop(pre) => Some((&pre.service, &pre.component)),
            Self::ProcessLimit(pre) => Some((&pre.service, &pre.component)),
            _ => None,
        }
    }

    /// The file, if it is of one.
    fn file(&self) -> Option<&Path> {
        match self {
            Self::FileEdit(pre) => Some(&pre.path),
            Self::FileSwap(pre) => Some(&pre.path),
            _ => None,
        }
    }

    /// The volume, if it is of one.
    fn volume(&self) -> Option<&VolumeName> {
        match self {
            Self::VolumeFill(pre) => Some(&pre.volume),
            Self::VolumeReadOnly(pre) => Some(&pre.volume),
            Self::VolumeInodes(pre) => Some(&pre.volume),
            _ => None,
        }
    }

    /// Makes the change.
    pub(super) async fn apply(&self, hands: &Hands, id: &InjectionId) -> Result<(), LeverError> {
        match self {
            Self::Link(pre) => pre.apply(hands, id),
            Self::ProcessStop(pre) => pre.apply(hands).await,
            Self::ProcessKill(pre) => pre.apply(hands, id).await,
            Self::ProcessThrottle(pre) => pre.apply(hands, id),
            Self::ProcessRestartLoop(pre) => pre.apply(hands, id),
            Self::ProcessStart(pre) => pre.apply(hands, id).await,
            Self::ProcessLimit(pre) => pre.apply(hands),
            Self::ProcessCpu(pre) => pre.apply(hands),
            Self::ReleaseRollOut(pre) => pre.apply(hands).await,
            Self::Database(pre) => pre.apply(hands, id).await,
            Self::Postgres(pre) => pre.apply(hands, id).await,
            Self::Registry(pre) => pre.apply(hands).await,
            Self::Queue(pre) => pre.apply(id).await,
            Self::TrafficFlood(pre) => {
                pre.apply(hands, id);
                Ok(())
            }
            Self::Custom(pre) => pre.apply(id).await,
            Self::Container(pre) => pre.apply(hands).await,
            Self::Toxiproxy(pre) => pre.apply(id).await,
            Self::FileEdit(_)
            | Self::FileSwap(_)
            | Self::FileMode(_)
            | Self::VolumeFill(_)
            | Self::VolumeReadOnly(_)
            | Self::VolumeInodes(_) => {
                let pre = self.clone();
                blocking(move || pre.apply_to_files()).await??;
                self.read_again(hands).await
            }
        }
    }

    fn apply_to_files(&self) -> Result<(), LeverError> {
        match self {
            Self::FileEdit(pre) => pre.write_ours(),
            Self::FileSwap(pre) => pre.apply(),
            Self::FileMode(pre) => pre.apply(),
            Self::VolumeFill(pre) => pre.apply(),
            Self::VolumeReadOnly(pre) => pre.apply(),
            Self::VolumeInodes(pre) => pre.apply(),
            _ => Ok(()),
        }
    }

    /// Lets whoever reads a changed file read it again.
    async fn read_again(&self, hands: &Hands) -> Result<(), LeverError> {
        let reader = match self {
            Self::FileEdit(pre) => Some(&pre.component),
            Self::FileSwap(pre) => pre.component.as_ref(),
            _ => None,
        };
        match reader {
            Some(component) => hands.reload(component).await,
            None => Ok(()),
        }
    }

    /// Looks. What cannot be seen is unknown.
    pub(super) async fn inspect(&self, hands: &Hands, id: &InjectionId) -> Inspection {
        let looked = match self {
            Self::Database(pre) => pre.inspect(hands, id).await,
            Self::Postgres(pre) => pre.inspect(hands, id).await,
            Self::Registry(pre) => pre.inspect(hands).await,
            Self::Queue(pre) => pre.inspect(id).await,
            Self::Custom(pre) => pre.inspect(id).await,
            Self::Container(pre) => pre.inspect(hands).await,
            Self::Toxiproxy(pre) => pre.inspect(id).await,
            _ => {
                let (pre, on, id) = (self.clone(), hands.clone(), id.clone());
                blocking(move || pre.inspect_now(&on, &id)).await.and_then(|looked| looked)
            }
        };
        looked.unwrap_or_else(|err| seen(Presence::Unknown, err.to_string()))
    }

    fn inspect_now(&self, hands: &Hands, id: &InjectionId) -> Result<Inspection, LeverError> {
        match self {
            Self::Link(pre) => Ok(pre.inspect(hands, id)),
            Self::ProcessStop(pre) => pre.inspect(),
            Self::ProcessKill(pre) => Ok(pre.inspect(hands, id)),
            Self::ProcessThrottle(pre) => Ok(pre.inspect(hands, id)),
            Self::ProcessRestartLoop(pre) => Ok(pre.inspect(hands, id)),
            Self::ProcessStart(pre) => Ok(pre.inspect(hands, id)),
            Self::ProcessLimit(pre) => pre.inspect(hands),
            Self::ProcessCpu(pre) => pre.inspect(),
            Self::FileEdit(pre) => pre.inspect(),
            Self::FileSwap(pre) => pre.inspect(),
            Self::FileMode(pre) => pre.inspect(),
            Self::VolumeFill(pre) => pre.inspect(),
            Self::VolumeReadOnly(pre) => pre.inspect(),
            Self::VolumeInodes(pre) => pre.inspect(),
            Self::ReleaseRollOut(pre) => pre.inspect(),
            Self::TrafficFlood(pre) => Ok(pre.inspect(hands, id)),
            Self::Database(_)
            | Self::Postgres(_)
            | Self::Registry(_)
            | Self::Queue(_)
            | Self::Custom(_)
            | Self::Container(_)
            | Self::Toxiproxy(_) => Err(refused("this is not looked at so")),
        }
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
            Self::ProcessThrottle(pre) => Ok(pre.undo(hands, id).await),
            Self::ProcessRestartLoop(pre) => pre.undo(hands, id, again).await,
            Self::ProcessStart(pre) => pre.undo(hands, id, again).await,
            Self::ProcessLimit(pre) => pre.undo(hands),
            Self::ProcessCpu(pre) => pre.undo(),
            Self::ReleaseRollOut(pre) => pre.undo(hands, again).await,
            Self::Database(pre) => pre.undo(hands, id).await,
            Self::Postgres(pre) => pre.undo(hands, id).await,
            Self::Registry(pre) => pre.undo(hands).await,
            Self::Queue(pre) => pre.undo(id).await,
            Self::TrafficFlood(_) => Ok(traffic_flood::PreImage::undo(hands, id).await),
            Self::Custom(pre) => pre.undo(id).await,
            Self::Container(pre) => pre.undo(hands).await,
            Self::Toxiproxy(pre) => pre.undo(id).await,
            Self::FileEdit(_)
            | Self::FileSwap(_)
            | Self::FileMode(_)
            | Self::VolumeFill(_)
            | Self::VolumeReadOnly(_)
            | Self::VolumeInodes(_) => {
                let pre = self.clone();
                let undone = blocking(move || pre.undo_in_files()).await??;
                if undone == Undone::Restored || (again && undone == Undone::AlreadyClean) {
                    self.read_again(hands).await?;
                }
                Ok(undone)
            }
        }
    }

    fn undo_in_files(&self) -> Result<Undone, LeverError> {
        match self {
            Self::FileEdit(pre) => pre.write_before(),
            Self::FileSwap(pre) => pre.undo(),
            Self::FileMode(pre) => pre.undo(),
            Self::VolumeFill(pre) => pre.undo(),
            Self::VolumeReadOnly(pre) => pre.undo(),
            Self::VolumeInodes(pre) => pre.undo(),
            _ => Ok(Undone::AlreadyClean),
        }
    }
}

/// Looks at the place of a fault that this agent holds nothing of.
pub(super) async fn inspect_unarmed(hands: &Hands, id: &InjectionId, fault: &Fault) -> Inspection {
    let (on, of, about) = (hands.clone(), id.clone(), fault.clone());
    let looked = blocking(move || {
        Some(match &about {
            Fault::ProcessStop { service } => process_stop::inspect_unarmed(&on, service),
            Fault::ProcessKill { service } => process_kill::inspect_unarmed(&on, service),
            Fault::FileEdit { file, key, value } => file_edit::inspect_unarmed(&on, file, key, value),
            Fault::VolumeFill { volume, .. } | Fault::VolumeRest { volume, .. } => {
                volume_fill::inspect_unarmed(&on, &of, volume)
            }
            Fault::ReleaseRollOut { service, release, .. } => {
                release_roll_out::inspect_unarmed(&on, service, release)
            }
            _ => return None,
        })
    });
    let looked = match looked.await {
        Ok(Some(looked)) => looked,
        // What could be armed now is not there; why it could not, people have to see.
        Ok(None) => match PreImage::take(hands, id, fault).await {
            Ok(pre) => Ok(pre.inspect(hands, id).await),
            Err(err) => Err(err),
        },
        Err(err) => Err(err),
    };
    looked.unwrap_or_else(|err| seen(Presence::Unknown, err.to_string()))
}

#[cfg(test)]
pub(super) mod tests;
