//! Faults: every primitive change to a target that can be undone, and the words around it.
//!
//! A [`Fault`] is data. Whoever carries it out (`agent`, `target::sim`) knows how to apply it, how to see whether it is
//! there ([`Presence`]) and how to undo it; an author never writes an undo for one of these.
//!
//! Open first: [`Fault`]; then [`injector`] for what a `.rhai` file describes, [`script`] for how it is run, and
//! [`kind`] for the tree of fault kinds that a cause claim names.

pub mod figures;
pub mod injector;
pub mod kind;
pub mod protocol;
pub mod script;
pub mod toxiproxy;

use crate::base::{LinkName, ServiceName, Span, VolumeName};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// One primitive, undoable change to a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Every chunk on the link is delivered later, each way.
    LinkLatency {
        /// The link.
        link: LinkName,
        /// Milliseconds added to each chunk, in each direction.
        latency_ms: u64,
        /// Uniform extra of up to so many milliseconds.
        #[serde(default)]
        jitter_ms: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// The link refuses new connections and closes open ones.
    LinkDown {
        /// The link.
        link: LinkName,
    },
    /// Connections on the link are reset (RST) after a while.
    LinkReset {
        /// The link.
        link: LinkName,
        /// Milliseconds from accept to reset.
        #[serde(default)]
        after_ms: u64,
        /// Which connections; a reset ends both directions.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// The link carries no more than so much per connection.
    LinkBandwidth {
        /// The link.
        link: LinkName,
        /// Kilobytes per second, each direction.
        rate_kb_s: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// The link swallows all data; with a time, the connection is closed after it.
    LinkTimeout {
        /// The link.
        link: LinkName,
        /// Milliseconds until the connection is closed; 0 for never (a black hole).
        #[serde(default)]
        timeout_ms: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// A connection's end is passed on late.
    LinkSlowClose {
        /// The link.
        link: LinkName,
        /// Milliseconds by which the end comes later.
        delay_ms: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// A connection is closed once it has carried so many bytes in one direction.
    LinkLimitData {
        /// The link.
        link: LinkName,
        /// Bytes that pass; what comes after them is lost.
        bytes: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// What is sent arrives in small pieces.
    LinkSlicer {
        /// The link.
        link: LinkName,
        /// Bytes of a piece on average.
        average_size: u64,
        /// Up to so many bytes more or less.
        #[serde(default)]
        size_variation: u64,
        /// Microseconds between two pieces.
        #[serde(default)]
        delay_us: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// A share of the new connections gets no answer at all.
    LinkLoss {
        /// The link.
        link: LinkName,
        /// Per cent of the connections that are lost, 1 to 100.
        percent: u8,
    },
    /// All connections of the link together carry no more than so much.
    LinkSharedBandwidth {
        /// The link.
        link: LinkName,
        /// Kilobytes per second, each direction.
        rate_kb_s: u64,
        /// Which part of the link.
        #[serde(default, skip_serializing_if = "Only::is_everything")]
        only: Only,
    },
    /// Requests on a link that carries HTTP are refused, broken off or held back.
    LinkHttp {
        /// The link; its target declares that it carries HTTP.
        link: LinkName,
        /// Requests whose path begins so.
        #[serde(default = "every_path")]
        path: String,
        /// What happens to them.
        act: HttpAct,
        /// Per cent of these requests, 1 to 100.
        #[serde(default = "every_one")]
        percent: u8,
    },
    /// The service's process is stopped (SIGSTOP): alive, and answering nothing.
    ProcessStop {
        /// The service instance.
        service: ServiceName,
    },
    /// The service's process is killed and not started again until the fault is undone or somebody restarts it.
    ProcessKill {
        /// The service instance.
        service: ServiceName,
    },
    /// One key of a configuration file gets another value, and the service reads it.
    FileEdit {
        /// The file's name in the target's description.
        file: String,
        /// Dotted key, `pool.size`.
        key: String,
        /// The new value, as it is written in the file.
        value: String,
    },
    /// A ballast file takes a share of the volume.
    VolumeFill {
        /// The volume.
        volume: VolumeName,
        /// Per cent of the volume's size that is in use afterwards, 1 to 100.
        percent: u8,
    },
    /// A release is made with one changed setting and rolled out to every instance of a service.
    ReleaseRollOut {
        /// The service (all of its instances).
        service: ServiceName,
        /// The version that it will be seen as.
        release: String,
        /// Dotted key of the release's configuration.
        key: String,
        /// Its value in that release.
        value: String,
    },
    /// The service's process is stopped and let run by turns, many times a second: it gets less of the processor.
    ProcessThrottle {
        /// The service instance.
        service: ServiceName,
        /// Per cent of the time in which it is stopped, 1 to 95.
        percent: u8,
    },
    /// The service's process is killed again and again, each time so long after it was started.
    ProcessRestartLoop {
        /// The service instance.
        service: ServiceName,
        /// Milliseconds from a start to the kill.
        after_ms: u64,
    },
    /// Each start of the service's process takes longer. Nothing happens to one that runs.
    ProcessStartDelay {
        /// The service instance.
        service: ServiceName,
        /// Milliseconds before the process is started.
        delay_ms: u64,
    },
    /// The service's process may hold no more open files and sockets than this.
    ProcessDescriptors {
        /// The service instance.
        service: ServiceName,
        /// Descriptors; those that it holds already stay.
        most: u64,
    },
    /// The service's process may take no more address space than this.
    ProcessMemory {
        /// The service instance.
        service: ServiceName,
        /// Mebibytes; what it holds already stays.
        most_mib: u64,
    },
    /// The service's process gets no more of the processor than this, by a control group of its own.
    ProcessCpu {
        /// The service instance.
        service: ServiceName,
        /// Per cent of one processor, 1 to 100.
        percent: u8,
    },
    /// The service is restarted with a wall clock that is wrong.
    ProcessClock {
        /// The service instance.
        service: ServiceName,
        /// Seconds that its clock is ahead; less than 0: behind.
        offset_s: i64,
    },
    /// A file gets another content, and the service reads it.
    FileReplace {
        /// The file's name in the target's description.
        file: String,
        /// The whole new content.
        content: String,
    },
    /// A file is deleted.
    FileDelete {
        /// The file's name in the target's description.
        file: String,
    },
    /// Some bytes of a file are wrong.
    FileCorrupt {
        /// The file's name in the target's description.
        file: String,
        /// How many, 1 to 4096.
        bytes: u32,
    },
    /// A file gets other permissions.
    FileMode {
        /// The file's name in the target's description.
        file: String,
        /// The permissions, as they are written: `000`, `400`.
        mode: String,
    },
    /// A ballast file leaves a volume exactly so much room.
    VolumeRest {
        /// The volume.
        volume: VolumeName,
        /// Bytes that stay free.
        free_bytes: u64,
    },
    /// Nothing can be written to a volume.
    VolumeReadOnly {
        /// The volume.
        volume: VolumeName,
    },
    /// Small files take the volume's inodes.
    VolumeInodes {
        /// The volume.
        volume: VolumeName,
        /// Inodes that stay free.
        free: u64,
    },
    /// A session holds the database's write lock.
    DatabaseLock {
        /// The database's name in the target's description.
        database: String,
    },
    /// An index of the database is dropped.
    DatabaseIndex {
        /// The database's name in the target's description.
        database: String,
        /// The index.
        index: String,
    },
    /// A table is bloated with copies of its first row.
    DatabaseBloat {
        /// The database's name in the target's description.
        database: String,
        /// The table.
        table: String,
        /// Its column of unique texts, which tells the copies.
        column: String,
        /// How many copies, 1 to 200000.
        rows: u32,
    },
    /// A session holds a lock of one table that nobody can read or write beside it. Only in PostgreSQL.
    DatabaseTableLock {
        /// The database's name in the target's description.
        database: String,
        /// The table.
        table: String,
    },
    /// Sessions take the connections that the database's server gives. Only in PostgreSQL.
    DatabaseConnections {
        /// The database's name in the target's description.
        database: String,
        /// Connections that stay free, those for administrators included.
        free: u32,
    },
    /// A statement that the target's owner has declared with its inverse. Only in PostgreSQL.
    DatabaseStatement {
        /// The database's name in the target's description.
        database: String,
        /// The statement's name there.
        statement: String,
    },
    /// An instance's entry is gone from a registry of services.
    RegistryRemove {
        /// The registry's name in the target's description.
        registry: String,
        /// The instance.
        instance: ServiceName,
    },
    /// An instance's entry in a registry of services leads to another instance.
    RegistryRedirect {
        /// The registry's name in the target's description.
        registry: String,
        /// The instance.
        instance: ServiceName,
        /// The instance that is found in its place.
        to: ServiceName,
    },
    /// Items lie in a queue that whoever takes them cannot digest.
    QueuePoison {
        /// The queue's name in the target's description.
        queue: String,
        /// The kind of job.
        job: String,
        /// What it is about, as the queue keeps it.
        payload: String,
        /// How many, 1 to 1000.
        copies: u32,
    },
    /// A certificate takes the place of the real one that ran out years ago.
    CertificateExpired {
        /// The certificate's name in the target's description.
        certificate: String,
    },
    /// Extra requests knock at the target's front door.
    TrafficFlood {
        /// The path; `{n}` becomes a number below `keys`.
        path: String,
        /// Requests per second, 1 to 500.
        rate: u32,
        /// Size of the space that `{n}` is drawn from.
        #[serde(default)]
        keys: u64,
        /// Headers sent with each request, at most eight.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// Every process of a container is frozen: it holds its connections and answers nothing.
    ContainerPause {
        /// The container, by its instance's name.
        container: ServiceName,
    },
    /// A container is stopped, and stays so until somebody starts it.
    ContainerStop {
        /// The container, by its instance's name.
        container: ServiceName,
    },
    /// A container is killed (SIGKILL), and stays down until somebody starts it.
    ContainerKill {
        /// The container, by its instance's name.
        container: ServiceName,
    },
    /// A container gets no more of the processor than this.
    ContainerCpu {
        /// The container, by its instance's name.
        container: ServiceName,
        /// Per cent of one processor, 1 to 100.
        percent: u8,
    },
    /// A container gets less memory than it has now.
    ContainerMemory {
        /// The container, by its instance's name.
        container: ServiceName,
        /// Mebibytes, without swap.
        most_mib: u64,
    },
    /// A container is taken off a network.
    ContainerNetwork {
        /// The container, by its instance's name.
        container: ServiceName,
        /// The network, as the engine names it.
        network: String,
    },
    /// A fault that the target's owner has declared.
    Custom {
        /// Its name in the target's description.
        name: String,
    },
}

impl Fault {
    /// The kind as it is written: `link-latency`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LinkLatency { .. } => "link-latency",
            Self::LinkDown { .. } => "link-down",
            Self::LinkReset { .. } => "link-reset",
            Self::LinkBandwidth { .. } => "link-bandwidth",
            Self::LinkTimeout { .. } => "link-timeout",
            Self::LinkSlowClose { .. } => "link-slow-close",
            Self::LinkLimitData { .. } => "link-limit-data",
            Self::LinkSlicer { .. } => "link-slicer",
            Self::LinkLoss { .. } => "link-loss",
            Self::LinkSharedBandwidth { .. } => "link-shared-bandwidth",
            Self::LinkHttp { .. } => "link-http",
            Self::ProcessStop { .. } => "process-stop",
            Self::ProcessKill { .. } => "process-kill",
            Self::FileEdit { .. } => "file-edit",
            Self::VolumeFill { .. } => "volume-fill",
            Self::ReleaseRollOut { .. } => "release-roll-out",
            Self::ProcessThrottle { .. } => "process-throttle",
            Self::ProcessRestartLoop { .. } => "process-restart-loop",
            Self::ProcessStartDelay { .. } => "process-start-delay",
            Self::ProcessDescriptors { .. } => "process-descriptors",
            Self::ProcessMemory { .. } => "process-memory",
            Self::ProcessCpu { .. } => "process-cpu",
            Self::ProcessClock { .. } => "process-clock",
            Self::FileReplace { .. } => "file-replace",
            Self::FileDelete { .. } => "file-delete",
            Self::FileCorrupt { .. } => "file-corrupt",
            Self::FileMode { .. } => "file-mode",
            Self::VolumeRest { .. } => "volume-rest",
            Self::VolumeReadOnly { .. } => "volume-read-only",
            Self::VolumeInodes { .. } => "volume-inodes",
            Self::DatabaseLock { .. } => "database-lock",
            Self::DatabaseIndex { .. } => "database-index",
            Self::DatabaseBloat { .. } => "database-bloat",
            Self::DatabaseTableLock { .. } => "database-table-lock",
            Self::DatabaseConnections { .. } => "database-connections",
            Self::DatabaseStatement { .. } => "database-statement",
            Self::RegistryRemove { .. } => "registry-remove",
            Self::RegistryRedirect { .. } => "registry-redirect",
            Self::QueuePoison { .. } => "queue-poison",
            Self::CertificateExpired { .. } => "certificate-expired",
            Self::TrafficFlood { .. } => "traffic-flood",
            Self::ContainerPause { .. } => "container-pause",
            Self::ContainerStop { .. } => "container-stop",
            Self::ContainerKill { .. } => "container-kill",
            Self::ContainerCpu { .. } => "container-cpu",
            Self::ContainerMemory { .. } => "container-memory",
            Self::ContainerNetwork { .. } => "container-network",
            Self::Custom { .. } => "custom",
        }
    }

    /// What of the target it touches.
    pub fn place(&self) -> Place {
        match self {
            Self::LinkLatency { link, .. }
            | Self::LinkDown { link }
            | Self::LinkReset { link, .. }
            | Self::LinkBandwidth { link, .. }
            | Self::LinkTimeout { link, .. }
            | Self::LinkSlowClose { link, .. }
            | Self::LinkLimitData { link, .. }
            | Self::LinkSlicer { link, .. }
            | Self::LinkLoss { link, .. }
            | Self::LinkSharedBandwidth { link, .. }
            | Self::LinkHttp { link, .. } => Place::Link(link.clone()),
            Self::ProcessStop { service }
            | Self::ProcessKill { service }
            | Self::ReleaseRollOut { service, .. }
            | Self::ProcessThrottle { service, .. }
            | Self::ProcessRestartLoop { service, .. }
            | Self::ProcessStartDelay { service, .. }
            | Self::ProcessDescriptors { service, .. }
            | Self::ProcessMemory { service, .. }
            | Self::ProcessCpu { service, .. }
            | Self::ProcessClock { service, .. } => Place::Service(service.clone()),
            Self::FileEdit { file, .. }
            | Self::FileReplace { file, .. }
            | Self::FileDelete { file }
            | Self::FileCorrupt { file, .. }
            | Self::FileMode { file, .. } => Place::File(file.clone()),
            Self::VolumeFill { volume, .. }
            | Self::VolumeRest { volume, .. }
            | Self::VolumeReadOnly { volume }
            | Self::VolumeInodes { volume, .. } => Place::Volume(volume.clone()),
            Self::DatabaseLock { database }
            | Self::DatabaseIndex { database, .. }
            | Self::DatabaseBloat { database, .. }
            | Self::DatabaseTableLock { database, .. }
            | Self::DatabaseConnections { database, .. }
            | Self::DatabaseStatement { database, .. } => Place::part("database", database),
            Self::RegistryRemove { registry, .. } | Self::RegistryRedirect { registry, .. } => {
                Place::part("registry", registry)
            }
            Self::QueuePoison { queue, .. } => Place::part("queue", queue),
            Self::CertificateExpired { certificate } => Place::part("certificate", certificate),
            Self::TrafficFlood { .. } => Place::FrontDoor,
            Self::Custom { name } => Place::part("custom", name),
            Self::ContainerPause { container }
            | Self::ContainerStop { container }
            | Self::ContainerKill { container }
            | Self::ContainerCpu { container, .. }
            | Self::ContainerMemory { container, .. }
            | Self::ContainerNetwork { container, .. } => Place::part("container", container.as_str()),
        }
    }

    /// The container that it touches, by its instance's name.
    pub fn container(&self) -> Option<&ServiceName> {
        match self {
            Self::ContainerPause { container }
            | Self::ContainerStop { container }
            | Self::ContainerKill { container }
            | Self::ContainerCpu { container, .. }
            | Self::ContainerMemory { container, .. }
            | Self::ContainerNetwork { container, .. } => Some(container),
            _ => None,
        }
    }
}

/// Which part of a link a fault acts on: everything, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// The direction.
    #[serde(default)]
    pub stream: Stream,
    /// Per cent of the connections, 1 to 100. Which ones is drawn once for each connection, from the drill's seed.
    #[serde(default = "every_one")]
    pub toxicity_percent: u8,
}

impl Only {
    /// Whether nothing of the link is left out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Only {
    fn default() -> Self {
        Self { stream: Stream::Both, toxicity_percent: 100 }
    }
}

/// Directions of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Both.
    #[default]
    Both,
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    Downstream,
}

impl Stream {
    /// Whether both directions are meant.
    pub fn is_both(&self) -> bool {
        *self == Self::Both
    }
}

/// What happens to an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpAct {
    /// It is answered with this status, 400 to 599, and never reaches the server.
    Status(u16),
    /// Its connection is reset.
    Abort,
    /// It is passed on so many milliseconds later.
    DelayMs(u64),
}

fn every_path() -> String {
    "/".to_owned()
}

fn every_one() -> u8 {
    100
}

/// A part of a target that a fault touches; counted against the blast radius.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A link.
    Link(LinkName),
    /// A service or one of its instances.
    Service(ServiceName),
    /// A configuration file.
    File(String),
    /// A volume.
    Volume(VolumeName),
    /// Another part of the target.
    Part {
        /// Its kind, as it is written in the target's description.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Where users knock.
    FrontDoor,
}

impl Place {
    fn part(kind: &'static str, name: &str) -> Self {
        Self::Part { kind, name: name.to_owned() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(name) => write!(f, "link {name}"),
            Self::Service(name) => write!(f, "service {name}"),
            Self::File(name) => write!(f, "file {name}"),
            Self::Volume(name) => write!(f, "volume {name}"),
            Self::Part { kind, name } => write!(f, "{kind} {name}"),
            Self::FrontDoor => write!(f, "the front door"),
        }
    }
}

/// A fault with its times, counted from the moment that its injector starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedFault {
    /// When it is injected.
    #[serde(default)]
    pub at: Span,
    /// When the plan itself takes it back; without it the fault stays until the drill ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// The change.
    pub fault: Fault,
}

/// What an inspection sees of an injection's effect. A time-out, a 404, a refused permission or an empty registry is
/// [`Presence::Unknown`], and unknown is never clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// The place is as it was before, or nothing of the effect is left.
    Clean,
    /// The effect is there, and it is ours.
    Present,
    /// Neither the pre-image nor our effect: somebody else changed the place. Hands off.
    Diverged,
    /// It could not be seen.
    Unknown,
}

/// What was seen of an injection's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Whether the effect is there.
    pub presence: Presence,
    /// In one line, for instigators.
    pub detail: String,
}

/// What an undo did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undone {
    /// The effect was there, and the pre-image is back.
    Restored,
    /// The place was already as before; nothing was written.
    AlreadyClean,
    /// Somebody else changed the place; nothing was written.
    Diverged,
}

/// Which engine may act on an injection, and in which attempt: an agent refuses a token that it has revoked or used,
/// and everything from an epoch older than one that it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// Counts the engines that have held this drill.
    pub epoch: u64,
    /// The journal's sequence number of the intent.
    pub seq: u64,
}
