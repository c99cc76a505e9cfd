//! The structs of `target.yaml`, field by field. What a field means is in its comment, which is also its description in
//! the JSON Schema; `docs/target.md` explains the same with examples.

use super::{Entries, Placed};
use crate::base::{ServiceName, Span};
use crate::scenario::pack::{Driver, FileFormat, StopSignal};
use schemars::JsonSchema;
use serde::Deserialize;

/// The value of `format` in a target file.
pub const TARGET_FORMAT: &str = "gameday/target/v1";

/// A target: a staging system of somebody's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// Always `gameday/target/v1`.
    pub format: Placed<String>,
    /// Its name. Folders and the operations tool are called after it.
    pub name: Placed<String>,
    /// How it is reached: `local`, `docker` or `agent`.
    pub driver: Placed<Driver>,
    /// Where the agent on another host is. Only with `driver: agent`.
    #[serde(default)]
    pub agent: Option<Placed<AgentFile>>,
    /// Where the Docker Engine is. Only with `driver: docker`.
    #[serde(default)]
    pub docker: Option<Placed<DockerFile>>,
    /// Where the synthetic users knock: a service, or a link that leads to one.
    pub front_door: Placed<ServiceName>,
    /// Ranges that every address must lie in: `10.20.0.0/16`. Default: loopback, `127.0.0.0/8`.
    #[serde(default)]
    pub ranges: Vec<Placed<String>>,
    /// Its datacenters. Default: one, `main`.
    #[serde(default)]
    pub datacenters: Vec<Placed<String>>,
    /// More folders in which programs are looked for, after those of PATH. `*` stands for one folder, the last in order
    /// wins: `/usr/lib/postgresql/*/bin`.
    #[serde(default)]
    pub programs: Vec<Placed<String>>,
    /// Files of the pack that are written into the target's folder, with placeholders filled.
    #[serde(default)]
    pub lay_out: Vec<Placed<LaidOutFile>>,
    /// Folders that are made in the target's folder.
    #[serde(default)]
    pub folders: Vec<Placed<FolderFile>>,
    /// Commands that prepare a fresh target, in order, before anything is started.
    #[serde(default)]
    pub prepare: Vec<Placed<CommandFile>>,
    /// Service instances by name, in start order: whoever is asked comes before whoever asks.
    pub services: Entries<ServiceFile>,
    /// Links with a fault proxy on them, by name.
    #[serde(default)]
    pub links: Entries<LinkFile>,
    /// Volumes by name.
    #[serde(default)]
    pub volumes: Entries<VolumeFile>,
    /// Configuration files that a fault may edit, by name.
    #[serde(default)]
    pub files: Entries<ConfigFileFile>,
    /// Databases in PostgreSQL that a fault may touch, by name.
    #[serde(default)]
    pub databases: Entries<DatabaseFile>,
    /// Probes by name.
    #[serde(default)]
    pub probes: Entries<ProbeFile>,
    /// The operations tool's name. Default: the target's name and `ctl`.
    #[serde(default)]
    pub tool: Option<Placed<String>>,
    /// Operations beyond those that every target has, by name: `TOOL NAME ARGUMENTS`.
    #[serde(default)]
    pub operations: Entries<OperationFile>,
    /// Faults of your own, by name: commands that break, look and repair.
    #[serde(default)]
    pub custom: Entries<CustomFaultFile>,
    /// How much of the target one drill may touch at the same time.
    #[serde(default)]
    pub caps: CapsFile,
}

/// An agent on another host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// Where it listens: `10.0.0.5:7431`.
    pub address: Placed<String>,
    /// SHA-256 of its certificate, as `gameday agent init` prints it. Without it the address must be a loopback one.
    #[serde(default)]
    pub fingerprint: Option<Placed<String>>,
    /// The file that holds its token, on the engine's machine.
    pub token_file: Placed<String>,
}

/// A Docker Engine on this machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DockerFile {
    /// Its unix socket. Default: the one that `DOCKER_HOST` names, else `/var/run/docker.sock`.
    #[serde(default)]
    pub socket: Option<Placed<String>>,
    /// The compose project: `container` of a service is its name in the compose file then.
    #[serde(default)]
    pub project: Option<Placed<String>>,
}

/// A file of the pack that is written into the target's folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaidOutFile {
    /// Its path in the pack.
    pub from: Placed<String>,
    /// Its path in the target's folder.
    pub to: Placed<String>,
}

/// A folder that is made in the target's folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderFile {
    /// Its path in the target's folder.
    pub path: Placed<String>,
    /// Who owns it where the agent is root. Default: the agent's user.
    #[serde(default)]
    pub user: Option<Placed<String>>,
}

/// A command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandFile {
    /// The program and its arguments; no shell reads them.
    pub run: Placed<Vec<Placed<String>>>,
    /// Who runs it where the agent is root. Default: the agent's user.
    #[serde(default)]
    pub user: Option<Placed<String>>,
    /// How long it may take. Default 60s.
    #[serde(default)]
    pub within: Option<Placed<Span>>,
}

/// One instance of a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceFile {
    /// The component that responders speak of. Default: the instance's name.
    #[serde(default)]
    pub component: Option<Placed<ServiceName>>,
    /// Where it runs. Default: the first datacenter.
    #[serde(default)]
    pub datacenter: Option<Placed<String>>,
    /// One line.
    #[serde(default)]
    pub about: String,
    /// Its container: the container's name, or the service's name in the compose file where there is a `project`.
    /// Only with `driver: docker`.
    #[serde(default)]
    pub container: Option<Placed<String>>,
    /// Its port on a free loopback address that Gameday chooses; of a container, the port in there.
    #[serde(default)]
    pub port: Option<Placed<u16>>,
    /// Where it answers, when that is fixed: `10.0.0.7:5432`.
    #[serde(default)]
    pub address: Option<Placed<String>>,
    /// The program and its arguments: Gameday starts it and keeps it running. It stays in the foreground.
    #[serde(default)]
    pub start: Option<Placed<Vec<Placed<String>>>>,
    /// It runs already: the file that holds its process number. With neither this nor `start` nobody touches its
    /// process; its links and probes are there all the same.
    #[serde(default)]
    pub pid_file: Option<Placed<String>>,
    /// For `pid_file`: the command that starts it again after it was killed. Without it, it is never killed.
    #[serde(default)]
    pub start_again: Option<Placed<Vec<Placed<String>>>>,
    /// Who runs it where the agent is root. Default: the agent's user.
    #[serde(default)]
    pub user: Option<Placed<String>>,
    /// Its working folder, in the target's folder. Default: the target's folder.
    #[serde(default)]
    pub folder: Option<Placed<String>>,
    /// Its environment, beside PATH, LANG, TZ and TMPDIR.
    #[serde(default)]
    pub environment: Entries<String>,
    /// How it is seen that it is ready. Default: it accepts TCP connections, where it has an address.
    #[serde(default)]
    pub health: Option<Placed<HealthFile>>,
    /// Where it tells its golden signals, for the page of that name. Without it nothing is asked.
    #[serde(default)]
    pub metrics: Option<Placed<MetricsFile>>,
    /// The signal that ends it cleanly. Default `term`.
    #[serde(default)]
    pub stop: StopSignal,
    /// How it reads its configuration again. Default `hup`.
    #[serde(default)]
    pub reload: ReloadFile,
}

/// Golden signals in Prometheus text format: where they are told, and by which names.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsFile {
    /// The path that is asked. Default `/metrics`.
    pub path: Option<Placed<String>>,
    /// A counter of requests. Default `http_requests_total`.
    pub traffic: Option<Placed<String>>,
    /// A counter of those that failed. Default: of `traffic`, those whose label `status` begins with 5.
    pub errors: Option<Placed<String>>,
    /// A histogram of how long requests took, in seconds. Default `http_request_duration_seconds`.
    pub latency: Option<Placed<String>>,
    /// A gauge of how much is being worked on. Default `http_requests_in_flight`.
    pub saturation: Option<Placed<String>>,
}

/// How it is seen that a service is ready: exactly one of these.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthFile {
    /// GET on this path answers with 2xx.
    #[serde(default)]
    pub http: Option<Placed<String>>,
    /// It accepts TCP connections: `true`.
    #[serde(default)]
    pub tcp: bool,
    /// This command ends with 0.
    #[serde(default)]
    pub command: Option<Placed<Vec<Placed<String>>>>,
}

/// How a service reads its configuration again.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadFile {
    /// At SIGHUP.
    #[default]
    Hup,
    /// Only when it is started again.
    Restart,
    /// Never, or by itself.
    None,
}

/// A network path between two instances, with a fault proxy on it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkFile {
    /// Who connects. It must be told to connect to `{address.LINK}`.
    pub from: Placed<ServiceName>,
    /// Who accepts.
    pub to: Placed<ServiceName>,
    /// Where the proxy listens. Default: the port of `to` on a free loopback address that Gameday chooses.
    #[serde(default)]
    pub listen: Option<Placed<String>>,
    /// Where the proxy leads. Default: the address of `to`.
    #[serde(default)]
    pub upstream: Option<Placed<String>>,
    /// One-way delay that is always there. Default 0s.
    #[serde(default)]
    pub distance: Option<Placed<Span>>,
    /// It carries HTTP, so that single requests can be made to fail. Default false.
    #[serde(default)]
    pub http: bool,
    /// The toxiproxy that carries it already. Default: Gameday's own fault proxy does.
    #[serde(default)]
    pub toxiproxy: Option<Placed<ToxiproxyFile>>,
}

/// A toxiproxy of yours that carries a link.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToxiproxyFile {
    /// Where its HTTP API answers: `127.0.0.1:8474`.
    pub api: Placed<String>,
    /// Its name for the proxy.
    pub proxy: Placed<String>,
}

/// A folder with a size that its service keeps to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeFile {
    /// Whose data it holds.
    pub service: Placed<ServiceName>,
    /// Its path in the target's folder.
    pub path: Placed<String>,
    /// Its size in MiB, up to 10240.
    pub size_mib: Placed<u64>,
}

/// A configuration file that a fault may edit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFileFile {
    /// The component that reads it.
    pub component: Placed<ServiceName>,
    /// Its path in the target's folder.
    pub path: Placed<String>,
    /// How it is written: `toml` or `lines`. Default `lines`.
    #[serde(default)]
    pub format: Option<FileFormat>,
}

/// A database in PostgreSQL that a fault may touch.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseFile {
    /// The instance that serves it. It has a `port` or an `address`.
    pub service: Placed<ServiceName>,
    /// The user whom the agent is there. Default: `postgres`.
    #[serde(default)]
    pub user: Option<Placed<String>>,
    /// The file with that user's password, as a path in the target's folder. Default: none.
    #[serde(default)]
    pub password_file: Option<Placed<String>>,
    /// Its name in the server. Default: `postgres`.
    #[serde(default)]
    pub name: Option<Placed<String>>,
    /// Statements that break something in it, by name, each with its inverse.
    #[serde(default)]
    pub statements: Entries<StatementFile>,
}

/// A statement that breaks something in a database. All three are needed: what cannot be looked at cannot be taken back
/// for sure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatementFile {
    /// Makes the change; several statements are one transaction.
    pub apply: Placed<String>,
    /// Takes it back, also when only a part of it is there or nothing.
    pub revert: Placed<String>,
    /// One SELECT that changes nothing: its first column is true while the effect is there.
    pub inspect: Placed<String>,
}

/// Something that can be asked whether it works. Exactly one of `http`, `tcp` and `command`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeFile {
    /// One line.
    #[serde(default)]
    pub about: String,
    /// GET on a path of an instance; any 2xx is good.
    #[serde(default)]
    pub http: Option<Placed<HttpProbeFile>>,
    /// The instance accepts a connection.
    #[serde(default)]
    pub tcp: Option<Placed<ServiceName>>,
    /// A command on the engine's machine ends with 0: `[psql, -h, "{host.db}", -c, select 1]`.
    #[serde(default)]
    pub command: Option<Placed<Vec<Placed<String>>>>,
    /// How long an answer may take. Default 2s.
    #[serde(default)]
    pub timeout: Option<Placed<Span>>,
}

/// A probe over HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpProbeFile {
    /// The instance.
    pub service: Placed<ServiceName>,
    /// The path, with its slash.
    pub path: Placed<String>,
}

/// An operation of the target's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationFile {
    /// One line.
    #[serde(default)]
    pub about: String,
    /// The program and its arguments. `{service}`, `{component}`, `{instance}` and other words in braces that are no
    /// placeholder become arguments of the operation.
    pub run: Placed<Vec<Placed<String>>>,
}

/// A fault of the target's owner. All three commands are needed: what cannot be looked at cannot be taken back for sure.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomFaultFile {
    /// The instance or component that it is counted on.
    pub service: Placed<ServiceName>,
    /// Makes the change. Exit code 0: made.
    pub apply: Placed<Vec<Placed<String>>>,
    /// Takes it back, also when only a part of it is there or nothing. Exit code 0: taken back.
    pub revert: Placed<Vec<Placed<String>>>,
    /// Looks and changes nothing. Exit code 0: the effect is there; 1: it is not; anything else: unknown.
    pub inspect: Placed<Vec<Placed<String>>>,
    /// How long each command may take. Default 10s.
    #[serde(default)]
    pub timeout: Option<Placed<Span>>,
}

/// How much of a target one drill may touch at the same time.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapsFile {
    /// Most instances. Default 2.
    #[serde(default)]
    pub services: Option<Placed<usize>>,
    /// Most links. Default 2.
    #[serde(default)]
    pub links: Option<Placed<usize>>,
    /// Most volumes. Default 1.
    #[serde(default)]
    pub volumes: Option<Placed<usize>>,
}
