//! A pack: the target that a family of scenarios shares, its documentation catalogue and its traffic.

mod layout;
mod path;

pub use layout::{
    Care, CertificateLayout, ContainerLayout, CustomFault, DatabaseLayout, DockerLayout, FileFormat,
    FileLayout, Health, Keeping, Layout, LinkLayout, MachineFileLayout, OperationLayout, PostgresLayout,
    ProcessLayout, QueueLayout, RegistryLayout, ReleaseLayout, Reload, StatementLayout, StopSignal,
    ToolLayout, ToxiproxyLayout, VolumeLayout,
};
pub use path::{PathPiece, path_pieces};

use super::blueprint::Blueprint;
use super::condition::Condition;
use crate::base::{ClassName, LinkName, ProbeName, ServiceName, Span, VolumeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A checked pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pack {
    /// The folder's name: `depot`.
    pub name: String,
    /// One line.
    pub title: String,
    /// The staging system.
    pub target: TargetDescription,
    /// Everything that a hint may point to.
    pub catalogue: Vec<CatalogueEntry>,
    /// Shapes of traffic by name.
    pub workloads: BTreeMap<String, WorkloadShape>,
    /// How a target of the pack's own is laid out; nothing for a built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blueprint: Option<Blueprint>,
}

/// What the engine and its people know of a staging system. It holds no secrets and no truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetDescription {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub driver: Driver,
    /// Its datacenters.
    pub datacenters: Vec<String>,
    /// Service instances.
    pub services: Vec<Service>,
    /// Links with a fault proxy on them.
    pub links: Vec<Link>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Configuration files that a fault may edit.
    pub files: Vec<ConfigFile>,
    /// Other parts that can break: databases, certificates, a registry, a queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Probes.
    pub probes: Vec<Probe>,
    /// Operations that people (and the autopilot) run: argument patterns like `depotctl rollback {service}`.
    pub operations: Vec<String>,
    /// How much of it one drill may touch.
    pub caps: BlastCaps,
    /// What may not be done to the processes of instances that are not wholly in the agent's hands.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hands_off: BTreeMap<ServiceName, HandsOff>,
}

/// How a target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// The embedded target, laid out and started by this binary.
    Depot,
    /// A described target on the engine's own machine.
    Local,
    /// A described target beside an agent on another host.
    Agent,
    /// A described target whose instances are containers of a Docker Engine on the engine's own machine.
    Docker,
}

/// What may not be done to an instance's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HandsOff {
    /// It can be stopped and let run on, and not be killed: nobody here could start it again.
    Kill,
    /// Nothing: nobody here knows it.
    Process,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The instance: `web-east`.
    pub name: ServiceName,
    /// The component that responders speak of: `web`.
    pub component: ServiceName,
    /// Where it runs.
    pub datacenter: String,
    /// One line.
    pub about: String,
    /// Where it tells its golden signals, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
}

/// Where an instance tells its golden signals, in Prometheus text format, and by which names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metrics {
    /// The path that is asked.
    pub path: String,
    /// A counter of requests.
    pub traffic: String,
    /// A counter of those that failed; nothing: of `traffic`, those whose label `status` begins with 5.
    pub errors: Option<String>,
    /// A histogram of how long requests took, in seconds.
    pub latency: String,
    /// A gauge of how much is being worked on.
    pub saturation: String,
}

impl Default for Metrics {
    /// As the embedded target's instances tell them.
    fn default() -> Self {
        Self {
            path: "/metrics".to_owned(),
            traffic: "http_requests_total".to_owned(),
            errors: None,
            latency: "http_request_duration_seconds".to_owned(),
            saturation: "http_requests_in_flight".to_owned(),
        }
    }
}

/// A network path between two instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its name.
    pub name: LinkName,
    /// Who connects.
    pub from: ServiceName,
    /// Who accepts.
    pub to: ServiceName,
    /// One-way delay that belongs to the distance and is always there.
    pub distance: Span,
    /// It carries HTTP/1, so that faults may tell its requests apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http: bool,
    /// Where the API of the toxiproxy is that carries it; nothing: the fault proxy of the target's agent does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxiproxy: Option<String>,
}

/// A volume of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    pub name: VolumeName,
    /// Whose data it holds.
    pub service: ServiceName,
    /// Its size.
    pub size_mib: u64,
}

/// A configuration file that a fault may edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Its name: `web`.
    pub name: String,
    /// The component that reads it.
    pub component: ServiceName,
}

/// A part of an instance that can break by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name, one for each kind: `catalogue`.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// The instance that it belongs to, or the component whose instances share it.
    pub service: ServiceName,
}

/// Kinds of parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// A database in SQLite or PostgreSQL.
    Database,
    /// A certificate with its key.
    Certificate,
    /// A registry of services.
    Registry,
    /// A queue of jobs.
    Queue,
    /// The credential that an instance shows to its neighbours.
    Credential,
    /// The clock of an instance's machine.
    Clock,
    /// Feature flags.
    Flags,
    /// A fault that the target's owner has declared: commands that break, look and repair.
    Custom,
    /// The container of an instance.
    Container,
}

impl PartKind {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Certificate => "certificate",
            Self::Registry => "registry",
            Self::Queue => "queue",
            Self::Credential => "credential",
            Self::Clock => "clock",
            Self::Flags => "flags",
            Self::Custom => "custom",
            Self::Container => "container",
        }
    }
}

/// Something that can be asked whether it works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Its name: `front-door`.
    pub name: ProbeName,
    /// One line.
    pub about: String,
    /// How it is asked.
    pub ask: ProbeAsk,
    /// How long an answer may take.
    pub timeout: Span,
}

/// How a probe is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeAsk {
    /// GET on a path of an instance; any 2xx is good.
    Http {
        /// The instance.
        service: ServiceName,
        /// The path, with its slash.
        path: String,
    },
    /// The same over TLS, where the instance shows its certificate. Its name, its signature and its dates must be good.
    Tls {
        /// The instance.
        service: ServiceName,
        /// The path, with its slash.
        path: String,
    },
    /// The instance accepts a connection.
    Tcp {
        /// The instance.
        service: ServiceName,
    },
    /// A command on the engine's machine ends with 0.
    Command {
        /// The program and its arguments, with placeholders.
        argv: Vec<String>,
    },
}

impl ProbeAsk {
    /// The instance that is asked; nothing where a command asks.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Http { service, .. } | Self::Tls { service, .. } | Self::Tcp { service } => Some(service),
            Self::Command { .. } => None,
        }
    }
}

/// How much of a target one drill may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastCaps {
    /// Most instances with a fault at the same time.
    pub services: usize,
    /// Most links with a fault at the same time.
    pub links: usize,
    /// Most volumes with a fault at the same time.
    pub volumes: usize,
}

/// Something that a hint may point to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    /// Its name as people type it: `depotctl(1)`, `runbooks/uploads.md`.
    pub name: String,
    /// What it is.
    pub kind: CatalogueKind,
    /// Its title, taken from the document itself.
    pub title: String,
    /// Where it is found: a path under the documentation folder.
    pub address: String,
    /// Headings that can be pointed at.
    pub anchors: Vec<String>,
    /// SHA-256 of the content that was indexed.
    pub digest: String,
}

/// Kinds of documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogueKind {
    /// A manual page.
    Man,
    /// A document: a runbook, an architecture page.
    Doc,
    /// A tool's own help.
    ToolHelp,
    /// Source code.
    Source,
    /// A file on the target.
    File,
    /// A dashboard.
    Dashboard,
}

/// A shape of traffic: an open model, so arrivals do not wait for answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkloadShape {
    /// Request classes.
    pub classes: Vec<RequestClass>,
    /// The users come over TLS, and verify the front door's certificate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
}

/// One class of requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestClass {
    /// Its name: `put`.
    pub name: ClassName,
    /// Arrivals per second.
    pub rate: f64,
    /// The HTTP method.
    pub method: String,
    /// Path and query; its placeholders are those of [`path_pieces`]. Numbers come from the seeded stream.
    pub path: String,
    /// Size of the space that `{n}` is drawn from.
    pub keys: u64,
    /// Size of the request's body.
    pub body_bytes: usize,
    /// Headers sent with each request.
    pub headers: BTreeMap<String, String>,
    /// What counts as success.
    pub expect: Expect,
}

/// What counts as a successful answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expect {
    /// Statuses that are good.
    pub status: Vec<u16>,
    /// Slower than this, counted from the intended start, is a failure.
    pub within: Span,
}

impl TargetDescription {
    /// Whether `name` is an instance or a component.
    pub fn has_service(&self, name: &str) -> bool {
        self.services.iter().any(|s| s.name.as_str() == name || s.component.as_str() == name)
    }

    /// The instances that `name` stands for: itself, or every instance of the component.
    pub fn instances<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Service> {
        self.services.iter().filter(move |s| s.name.as_str() == name || s.component.as_str() == name)
    }

    /// The components, each once, in order of first appearance.
    pub fn components(&self) -> Vec<&str> {
        let mut seen = Vec::new();
        for service in &self.services {
            if !seen.contains(&service.component.as_str()) {
                seen.push(service.component.as_str());
            }
        }
        seen
    }

    /// Whether `argv` fits one of the declared operations; `{placeholders}` take one name each.
    pub fn allows(&self, argv: &[String]) -> bool {
        self.operations.iter().any(|pattern| {
            let words: Vec<_> = pattern.split_whitespace().collect();
            words.len() == argv.len()
                && words.iter().zip(argv).all(|(word, arg)| {
                    let slot = word.starts_with('{') && word.ends_with('}');
                    if slot { crate::base::names::is_name(arg) } else { word == arg }
                })
        })
    }
}

impl Pack {
    /// The catalogue entry that people type as `name`.
    pub fn entry(&self, name: &str) -> Option<&CatalogueEntry> {
        self.catalogue.iter().find(|entry| entry.name == name)
    }

    /// Conditions that every scenario of the pack starts from when it declares none of its own.
    pub fn steady_by_default(shape: &WorkloadShape) -> Vec<Condition> {
        use super::condition::{Op, Signal, Subject, Test, Threshold};
        shape
            .classes
            .iter()
            .map(|class| Condition {
                subject: Subject::Class(class.name.clone()),
                tests: vec![Test {
                    signal: Signal::Failed,
                    threshold: Threshold { op: Op::Below, value: 0.01 },
                }],
                over: Span::from_secs(5),
                held: Span::from_secs(5),
            })
            .collect()
    }
}
