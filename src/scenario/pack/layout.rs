//! A target as it is laid out: what the description leaves open, filled in with addresses, paths and arguments.

use super::PartKind;
use crate::base::{Cidr, LinkName, ServiceName, VolumeName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an agent supervises and may break: the target's description with addresses, paths and arguments filled in.
/// Made by whoever lays the target out, kept in the agent's folder as `layout.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The target's name.
    pub target: String,
    /// The folder that everything lies under.
    pub root: std::path::PathBuf,
    /// Ranges that every address below must lie in. None: the agent takes no such target.
    #[serde(default)]
    pub addresses: Vec<Cidr>,
    /// Supervised processes, in start order.
    pub processes: Vec<ProcessLayout>,
    /// Proxied links.
    pub links: Vec<LinkLayout>,
    /// Links that a toxiproxy of somebody else's carries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub toxiproxies: Vec<ToxiproxyLayout>,
    /// Volumes.
    pub volumes: Vec<VolumeLayout>,
    /// Configuration files.
    pub files: Vec<FileLayout>,
    /// Releases.
    pub releases: Vec<ReleaseLayout>,
    /// Databases in SQLite.
    #[serde(default)]
    pub databases: Vec<DatabaseLayout>,
    /// Databases in PostgreSQL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postgres: Vec<PostgresLayout>,
    /// Certificates.
    #[serde(default)]
    pub certificates: Vec<CertificateLayout>,
    /// Registries of services.
    #[serde(default)]
    pub registries: Vec<RegistryLayout>,
    /// Queues of jobs.
    #[serde(default)]
    pub queues: Vec<QueueLayout>,
    /// Small files of a machine that its instance reads again by itself when they change.
    #[serde(default)]
    pub machine_files: Vec<MachineFileLayout>,
    /// Faults of the target's owner.
    #[serde(default)]
    pub custom: Vec<CustomFault>,
    /// Containers of a Docker Engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerLayout>,
    /// Where the workload knocks: `127.x.y.z:port`.
    pub front_door: String,
    /// Where instances answer whose processes are in nobody's hands here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apart: BTreeMap<ServiceName, String>,
    /// The operations tool of a described target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolLayout>,
}

/// Containers, and the Docker Engine that runs them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerLayout {
    /// The engine's unix socket.
    pub socket: std::path::PathBuf,
    /// The containers.
    pub containers: Vec<ContainerLayout>,
}

/// A container. It is found by its name each time it is touched: responders may have made it anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerLayout {
    /// The instance's name.
    pub service: ServiceName,
    /// The component's name.
    pub component: ServiceName,
    /// The container's name, or its compose service where there is a project.
    pub name: String,
    /// The compose project.
    #[serde(default)]
    pub project: Option<String>,
    /// The port that it answers at, within the container.
    #[serde(default)]
    pub port: Option<u16>,
    /// Where that was found; empty when it answers nowhere.
    pub address: String,
}

/// A database in SQLite. Anybody may open it beside the service that uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseLayout {
    /// Its name in the description.
    pub database: String,
    /// The instance that uses it.
    pub service: ServiceName,
    /// The file.
    pub path: std::path::PathBuf,
}

/// A database of a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresLayout {
    /// Its name in the description.
    pub database: String,
    /// The instance that serves it.
    pub service: ServiceName,
    /// Where that answers: `127.x.y.z:port`. No fault of a link lies on the way.
    pub address: String,
    /// The user whom the agent is there.
    pub user: String,
    /// The file with that user's password, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<std::path::PathBuf>,
    /// Its name in the server.
    pub name: String,
    /// Statements of the target's owner.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<StatementLayout>,
}

/// A statement that breaks something in a database, with its inverse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLayout {
    /// Its name.
    pub name: String,
    /// Makes the change; several statements are one transaction.
    pub apply: String,
    /// Takes it back.
    pub revert: String,
    /// Looks, and can change nothing: one row whose first column is true while the effect is there.
    pub inspect: String,
}

/// A certificate in PEM. Its instance reads it again within a second of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateLayout {
    /// Its name in the description.
    pub certificate: String,
    /// The instance that shows it.
    pub service: ServiceName,
    /// The file with the certificate.
    pub path: std::path::PathBuf,
    /// The file with its key.
    pub key: std::path::PathBuf,
    /// The certificate of the authority that has signed it, which clients trust.
    pub authority: std::path::PathBuf,
    /// The authority's key.
    pub authority_key: std::path::PathBuf,
    /// Where it is shown: `127.x.y.z:port`.
    pub address: String,
    /// The name that it is made out to.
    pub subject: String,
}

/// A registry of services: `GET /entries`, `PUT` and `DELETE /entries/INSTANCE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryLayout {
    /// The instance.
    pub service: ServiceName,
    /// Where it answers: `127.x.y.z:port`.
    pub address: String,
    /// The file that it keeps its entries in.
    pub path: std::path::PathBuf,
}

/// A queue of jobs: `GET` and `POST /jobs`, `GET` and `DELETE /jobs/ID`. It keeps them in SQLite, in a table `jobs` with
/// `kind`, `payload`, `request_id`, `due_ms` and `made_ms`, and reads them from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLayout {
    /// The instance.
    pub service: ServiceName,
    /// Where it answers: `127.x.y.z:port`.
    pub address: String,
    /// The database that it keeps its jobs in.
    pub path: std::path::PathBuf,
}

/// A small file that an instance reads again by itself when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFileLayout {
    /// What it is: a credential, a clock or flags.
    pub kind: PartKind,
    /// Its name in the description.
    pub name: String,
    /// The instance that reads it, or the component whose instances all do.
    pub service: ServiceName,
    /// The file. A clock's holds its offset in milliseconds, a credential's one accepted word on each line, the word
    /// that is shown first.
    pub path: std::path::PathBuf,
}

/// A fault that the target's owner has declared. Each command is an argument vector; no shell reads it. It is run in the
/// target's folder with an environment of its own, and killed with all that it has started when its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomFault {
    /// Its name in the description: a part of the kind `custom`.
    pub name: String,
    /// Makes the change. Exit code 0: made. `GAMEDAY_INJECTION` holds the injection's id.
    pub apply: Vec<String>,
    /// Takes it back, also when only a part of it is there or nothing. Exit code 0: taken back.
    pub revert: Vec<String>,
    /// Looks and changes nothing. Exit code 0: the effect is there; 1: it is not; anything else: unknown.
    pub inspect: Vec<String>,
    /// How long each command may take; a look never more than 4 s, a change never more than 18 s.
    pub timeout_ms: u64,
    /// The instance or component that it is counted on.
    pub place: ServiceName,
}

/// A supervised process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessLayout {
    /// The instance's name.
    pub service: ServiceName,
    /// The component's name.
    pub component: ServiceName,
    /// The program.
    pub program: std::path::PathBuf,
    /// `argv[0]`: what `ps` shows first.
    pub argv0: String,
    /// The arguments after `argv[0]`.
    pub args: Vec<String>,
    /// Standard output and error are appended here.
    pub log: std::path::PathBuf,
    /// Where it answers: `127.x.y.z:port`; empty when it has no address.
    pub address: String,
    /// How it is started, watched and ended.
    #[serde(default)]
    pub care: Care,
}

/// How a process is started, watched and ended. The default is how Depot's are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Care {
    /// Who runs it where the agent is root.
    #[serde(default)]
    pub user: Option<String>,
    /// Its working folder; the agent's own by default.
    #[serde(default)]
    pub folder: Option<std::path::PathBuf>,
    /// What is added to its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// How it is seen that it is ready.
    #[serde(default)]
    pub health: Health,
    /// The signal that ends it cleanly.
    #[serde(default)]
    pub stop: StopSignal,
    /// How it reads its configuration again.
    #[serde(default)]
    pub reload: Reload,
    /// Whose process it is.
    #[serde(default)]
    pub keeping: Keeping,
}

/// How it is seen that a process is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// GET on this path of its address answers with 2xx.
    Http(String),
    /// Its address accepts connections.
    Tcp,
    /// This command ends with 0.
    Command(Vec<String>),
    /// It is ready as soon as it runs.
    Running,
}

impl Default for Health {
    fn default() -> Self {
        Self::Http("/health".to_owned())
    }
}

/// The signal that ends a process cleanly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT.
    Int,
    /// SIGQUIT.
    Quit,
}

/// How a process reads its configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// At SIGHUP.
    #[default]
    Hup,
    /// Only when it is started again.
    Restart,
    /// Never, or by itself.
    None,
}

/// Whose process it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeping {
    /// The agent's: it starts the process and ends it.
    #[default]
    Ours,
    /// Somebody else's, found by the number in a file.
    Found {
        /// The file.
        pid_file: std::path::PathBuf,
        /// Starts it again after a kill; empty: it is never killed.
        start: Vec<String>,
    },
}

/// The operations tool of a described target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolLayout {
    /// Its name.
    pub name: String,
    /// Operations beyond those that every target has.
    pub operations: Vec<OperationLayout>,
}

/// An operation of a target's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationLayout {
    /// Its name.
    pub name: String,
    /// One line.
    pub about: String,
    /// Its arguments, by the words in braces that stand for them in `argv`.
    pub takes: Vec<String>,
    /// The program and its arguments.
    pub argv: Vec<String>,
}

/// A proxied link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLayout {
    /// Its name.
    pub link: LinkName,
    /// Where clients connect.
    pub listen: String,
    /// Where it leads.
    pub upstream: String,
    /// One-way delay in milliseconds that is always there.
    pub distance_ms: u64,
    /// It carries HTTP/1, so that faults may tell its requests apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http: bool,
}

/// A link that a toxiproxy carries, beside the target: a server that has no lease and knows nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToxiproxyLayout {
    /// The link.
    pub link: LinkName,
    /// Where clients connect.
    pub listen: String,
    /// Where its HTTP API answers.
    pub api: String,
    /// Its name for the link.
    pub proxy: String,
}

/// A volume: a folder with a size that its service keeps to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeLayout {
    /// Its name.
    pub volume: VolumeName,
    /// The folder.
    pub path: std::path::PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// How a configuration file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// TOML; keys are dotted.
    #[default]
    Toml,
    /// One setting in each line: `key value`, `key = value` or `key value;`.
    Lines,
}

/// A configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLayout {
    /// Its name in the description.
    pub file: String,
    /// The component whose instances read it again (SIGHUP) after a change.
    pub component: ServiceName,
    /// Where it lies; links in it are followed.
    pub path: std::path::PathBuf,
    /// How it is written.
    #[serde(default)]
    pub format: FileFormat,
}

/// A component's releases: folders in `folder`, the one in use behind the link `current`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseLayout {
    /// The component.
    pub component: ServiceName,
    /// Holds one folder for each version.
    pub folder: std::path::PathBuf,
    /// A symbolic link to the version in use.
    pub current: std::path::PathBuf,
    /// The configuration file's name inside a version's folder.
    pub config: String,
}
