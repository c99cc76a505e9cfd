//! Faults that lie on a part of the modelled target until they are taken away, and what each of them does to whom.

use super::world::{Life, World};
use crate::{
    base::{At, InjectionId, ServiceName, VolumeName},
    fault::{Fault, Place, figures},
    scenario::pack::PartKind,
};

/// How long a killed process takes until it runs again, in milliseconds.
const START_MS: f64 = 1000.0;
/// The turns in which a process is stopped and let run, in milliseconds.
const TURN_MS: f64 = 100.0;

/// Where a registry says that an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry<'a> {
    /// Where it is.
    Right,
    /// Nowhere.
    Gone,
    /// Where another one is.
    LeadsTo(&'a ServiceName),
}

/// Whether this fault is one of those; the error says why the model cannot play it, or that its place is not there.
pub(super) fn may_lie(world: &World, fault: &Fault) -> Result<(), String> {
    let instance = |service: &ServiceName| match world.services.get(service) {
        Some(process) if process.life != Life::Down => Ok(()),
        Some(_) => Err(format!("`{service}` has no process")),
        None => Err(format!("there is no service instance `{service}` here")),
    };
    match fault {
        Fault::ProcessThrottle { service, .. }
        | Fault::ProcessCpu { service, .. }
        | Fault::ProcessRestartLoop { service, .. } => instance(service)?,
        Fault::VolumeReadOnly { volume } | Fault::VolumeInodes { volume, .. } => {
            if !world.volumes.contains_key(volume) {
                return Err(format!("there is no volume `{volume}` here"));
            }
        }
        Fault::FileDelete { file } | Fault::FileMode { file, .. } => {
            if !world.releases.keys().any(|component| component.as_str() == file) {
                return Err(format!(
                    "the modelled target has no file `{file}`: it knows configuration alone"
                ));
            }
        }
        Fault::DatabaseLock { .. } | Fault::CertificateExpired { .. } | Fault::QueuePoison { .. } => {}
        Fault::RegistryRemove { instance: of, .. } => instance(of)?,
        Fault::RegistryRedirect { instance: of, to, .. } => instance(of).and_then(|()| instance(to))?,
        other => {
            let kind = other.kind();
            return Err(format!(
                "the modelled target cannot play `{kind}`: {}; rehearse it on the real one",
                unknown(other)
            ));
        }
    }
    if let Place::Part { kind, name } = fault.place()
        && !world.parts.iter().any(|part| part.kind.as_str() == kind && part.name == name)
    {
        return Err(format!("there is no {kind} `{name}` here"));
    }
    match fault {
        Fault::VolumeInodes { free: 1.., .. } => {
            Err("the model does not count files: leave 0 inodes, or rehearse it on the real target"
                .to_owned())
        }
        Fault::FileMode { mode, .. } if figures::mode(mode)? & 0o400 != 0 => {
            Err(format!("with {mode} its service can still read the file: that changes nothing in the model"))
        }
        _ => fault.check_figures(),
    }
}

/// What the model would have to know.
fn unknown(fault: &Fault) -> &'static str {
    match fault {
        Fault::ProcessStartDelay { .. } => "its services start at once",
        Fault::ProcessClock { .. } => "all of its services have one clock",
        Fault::ProcessDescriptors { .. } | Fault::ProcessMemory { .. } => {
            "it counts neither sockets nor memory"
        }
        Fault::FileReplace { .. } | Fault::FileCorrupt { .. } => {
            "it knows settings and not the bytes of files"
        }
        Fault::DatabaseIndex { .. } | Fault::DatabaseBloat { .. } => {
            "it does not know how long a search takes"
        }
        Fault::DatabaseTableLock { .. }
        | Fault::DatabaseConnections { .. }
        | Fault::DatabaseStatement { .. } => "it has no PostgreSQL",
        Fault::TrafficFlood { .. } => "it knows no load beside that of its users",
        Fault::Custom { .. } => "its owner's commands alone know what it does",
        _ => "it has no model of that",
    }
}

/// Whether two of them would get into each other's way.
pub(super) fn overlap(a: &Fault, b: &Fault) -> bool {
    let of = |fault: &Fault| match fault {
        Fault::RegistryRemove { instance, .. } | Fault::RegistryRedirect { instance, .. } => {
            Some(instance.clone())
        }
        _ => None,
    };
    match (a, b) {
        (Fault::QueuePoison { .. }, Fault::QueuePoison { .. }) => false,
        _ => a.place() == b.place() && of(a) == of(b),
    }
}

impl World {
    fn laid(&self) -> impl Iterator<Item = &Fault> {
        self.laid.values()
    }

    /// Takes one of them away: what could not start because of it starts.
    pub(super) fn lift(&mut self, id: &InjectionId, now: At) {
        let Some(fault) = self.laid.remove(id) else { return };
        if let Fault::FileDelete { file } | Fault::FileMode { file, .. } = &fault
            && self.may_start(file)
        {
            for process in self.services.values_mut() {
                let waits = process.life == Life::Down && process.held_by.is_none();
                if process.component.as_str() == file && waits {
                    process.start_again(now);
                }
            }
        }
    }

    /// What an instance has rid itself of when it was started again.
    pub(super) fn started(&mut self, own: &ServiceName) {
        self.laid.retain(|_, fault| {
            !matches!(fault, Fault::ProcessThrottle { service, .. } | Fault::ProcessCpu { service, .. } if service == own)
        });
        self.registered(own);
    }

    /// An instance has registered itself.
    pub(super) fn registered(&mut self, own: &ServiceName) {
        self.laid.retain(|_, fault| {
            !matches!(fault, Fault::RegistryRemove { instance, .. } | Fault::RegistryRedirect { instance, .. } if instance == own)
        });
    }

    /// Whether instances of this component find a configuration to start with.
    pub(super) fn may_start(&self, component: &str) -> bool {
        !self.laid().any(|fault| {
            matches!(fault, Fault::FileDelete { file } | Fault::FileMode { file, .. } if file == component)
        })
    }

    /// How much longer an answer of this instance takes that is `ms` of work.
    pub(super) fn slower_by(&self, own: &ServiceName, ms: f64) -> f64 {
        let stopped = self.laid().filter_map(|fault| match fault {
            Fault::ProcessThrottle { service, percent } if service == own => Some(*percent),
            Fault::ProcessCpu { service, percent } if service == own => Some(100 - percent),
            _ => None,
        });
        let share = f64::from(stopped.max().unwrap_or(0).min(99)) / 100.0;
        // What is at work when its turn ends waits, and on average a request comes in the middle of one.
        ms * share / (1.0 - share) + share * share * TURN_MS / 2.0
    }

    /// The share of time in which this instance is there at all.
    pub(super) fn up_share(&self, own: &ServiceName) -> f64 {
        let loops = self.laid().filter_map(|fault| match fault {
            Fault::ProcessRestartLoop { service, after_ms } if service == own => Some(*after_ms as f64),
            _ => None,
        });
        loops.map(|after| after / (after + START_MS)).fold(1.0, f64::min)
    }

    /// Whether nothing can be written to a volume, however much room there is.
    pub(super) fn refuses_writes(&self, own: &VolumeName) -> bool {
        self.laid().any(|fault| {
            matches!(fault, Fault::VolumeReadOnly { volume } | Fault::VolumeInodes { volume, .. } if volume == own)
        })
    }

    /// Whether somebody holds the write lock of an instance's database.
    pub(super) fn is_locked(&self, own: &ServiceName) -> bool {
        self.laid().any(|fault| match fault {
            Fault::DatabaseLock { database } => self.owns(own, PartKind::Database, database),
            _ => false,
        })
    }

    /// Whether the certificate that an instance shows has run out.
    pub(super) fn has_expired(&self, own: &ServiceName) -> bool {
        self.laid().any(|fault| match fault {
            Fault::CertificateExpired { certificate } => self.owns(own, PartKind::Certificate, certificate),
            _ => false,
        })
    }

    fn owns(&self, own: &ServiceName, kind: PartKind, name: &str) -> bool {
        let component = self.services.get(own).map(|process| &process.component);
        self.parts.iter().any(|part| {
            part.kind == kind
                && part.name == name
                && (part.service == *own || Some(&part.service) == component)
        })
    }

    /// Where whoever looks an instance up finds it.
    pub(super) fn entry(&self, own: &ServiceName) -> Entry<'_> {
        let wrong = self.laid().find_map(|fault| match fault {
            Fault::RegistryRemove { instance, .. } if instance == own => Some(Entry::Gone),
            Fault::RegistryRedirect { instance, to, .. } if instance == own => Some(Entry::LeadsTo(to)),
            _ => None,
        });
        wrong.unwrap_or(Entry::Right)
    }

    /// The instances of a component that can be found.
    pub(super) fn listed(&self, component: &str) -> Vec<ServiceName> {
        let mut all = self.instances(component);
        all.retain(|own| self.entry(own) != Entry::Gone);
        all
    }
}
