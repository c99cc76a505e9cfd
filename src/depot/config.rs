//! Configuration files: what each component's release may say, and the facts of each instance.

use super::error::DepotError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};
use toml_edit::{DocumentMut, Item, Table};

/// What a release's file says to one component.
pub(super) trait Settings: DeserializeOwned + Send + Sync + 'static {
    /// The component that reads it.
    const COMPONENT: &'static str;

    /// What is wrong with the values, if anything.
    fn check(&self) -> Result<(), String>;

    /// How much is logged.
    fn log(&self) -> LogSettings;

    /// The settings in the file at `path`.
    fn read(path: &Path) -> Result<Self, DepotError> {
        let text = std::fs::read_to_string(path).map_err(DepotError::file("read", path))?;
        Self::parse(&text).map_err(|problem| DepotError::Config { path: path.to_owned(), problem })
    }

    /// The settings that `text` holds, or what is wrong with it.
    fn parse(text: &str) -> Result<Self, String> {
        let settings: Self = from_toml(text)?;
        settings.check()?;
        Ok(settings)
    }
}

/// Where the release in use keeps the configuration of `component`.
pub(super) fn current_file(root: &Path, component: &str) -> PathBuf {
    root.join("services").join(component).join("current").join(format!("{component}.toml"))
}

/// What is wrong with `text` as the configuration of `component`, if anything.
pub(super) fn problem_with(component: &str, text: &str) -> Result<(), String> {
    match component {
        Edge::COMPONENT => Edge::parse(text).map(drop),
        Registry::COMPONENT => Registry::parse(text).map(drop),
        Queue::COMPONENT => Queue::parse(text).map(drop),
        Worker::COMPONENT => Worker::parse(text).map(drop),
        Web::COMPONENT => Web::parse(text).map(drop),
        Session::COMPONENT => Session::parse(text).map(drop),
        // The replica is the same program.
        Metadata::COMPONENT | "replica" => Metadata::parse(text).map(drop),
        Storage::COMPONENT => Storage::parse(text).map(drop),
        other => Err(format!("there is no component `{other}`")),
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogSettings {
    pub(super) every: u64,
    pub(super) slow_ms: u64,
}

impl LogSettings {
    fn check(self) -> Result<(), String> {
        within("log.every", self.every, 1, 1_000_000)?;
        within("log.slow_ms", self.slow_ms, 1, 600_000)
    }
}

/// `edge.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edge {
    pub(super) web: EdgeWeb,
    pub(super) limits: EdgeLimits,
    pub(super) log: LogSettings,
}

/// `[web]` of `edge.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeWeb {
    pub(super) timeout_ms: u64,
    pub(super) skip_ms: u64,
}

/// `[limits]` of `edge.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeLimits {
    pub(super) body_kib: u64,
}

impl Settings for Edge {
    const COMPONENT: &'static str = "edge";

    fn check(&self) -> Result<(), String> {
        timeout("web.timeout_ms", self.web.timeout_ms)?;
        within("web.skip_ms", self.web.skip_ms, 0, 60_000)?;
        within("limits.body_kib", self.limits.body_kib, 1, super::host::BODY_KIB_MAX)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Web {
    pub(super) pool: WebPool,
    pub(super) metadata: WebMetadata,
    pub(super) session: WebSession,
    pub(super) storage: WebStorage,
    pub(super) jobs: WebJobs,
    pub(super) previews: WebPreviews,
    pub(super) recorder: WebRecorder,
    pub(super) limits: WebLimits,
    pub(super) log: LogSettings,
}

/// `[jobs]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebJobs {
    pub(super) checksum_every: u64,
}

/// `[previews]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebPreviews {
    pub(super) min_kib: u64,
    pub(super) late_ms: u64,
}

/// `[recorder]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebRecorder {
    pub(super) max: u64,
    pub(super) body_kib: u64,
}

/// `[limits]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebLimits {
    pub(super) memory_mib: u64,
}

/// `[pool]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebPool {
    pub(super) size: u64,
    pub(super) wait_ms: u64,
}

/// `[metadata]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebMetadata {
    pub(super) timeout_ms: u64,
    pub(super) read: CatalogueRead,
}

/// Which catalogue answers downloads and listings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CatalogueRead {
    /// The primary.
    Primary,
    /// The one of the own datacenter, which may be behind.
    Near,
}

/// `[session]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebSession {
    pub(super) timeout_ms: u64,
    pub(super) cache_ms: u64,
}

/// `[storage]` of `web.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebStorage {
    pub(super) policy: WritePolicy,
    pub(super) read: ReadOrder,
    pub(super) timeout_ms: u64,
    pub(super) retries: u64,
}

/// Where uploads go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WritePolicy {
    /// To the storage nodes of both datacenters, one after the other.
    Both,
    /// To the storage node of the own datacenter only.
    Near,
}

/// Where downloads come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ReadOrder {
    /// From each copy in turn.
    Spread,
    /// From the own datacenter's node first, even if another holds a newer copy.
    Near,
}

impl Settings for Web {
    const COMPONENT: &'static str = "web";

    fn check(&self) -> Result<(), String> {
        within("pool.size", self.pool.size, 1, 1024)?;
        within("pool.wait_ms", self.pool.wait_ms, 0, 60_000)?;
        timeout("metadata.timeout_ms", self.metadata.timeout_ms)?;
        timeout("session.timeout_ms", self.session.timeout_ms)?;
        within("session.cache_ms", self.session.cache_ms, 0, 3_600_000)?;
        timeout("storage.timeout_ms", self.storage.timeout_ms)?;
        within("storage.retries", self.storage.retries, 0, 10)?;
        within("jobs.checksum_every", self.jobs.checksum_every, 1, 1_000_000)?;
        within("previews.min_kib", self.previews.min_kib, 1, super::host::BODY_KIB_MAX)?;
        within("previews.late_ms", self.previews.late_ms, 0, 3_600_000)?;
        within("recorder.max", self.recorder.max, 0, 100_000_000)?;
        within("recorder.body_kib", self.recorder.body_kib, 0, super::host::BODY_KIB_MAX)?;
        within("limits.memory_mib", self.limits.memory_mib, 16, 1_048_576)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `session.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Session {
    pub(super) tokens: SessionTokens,
    pub(super) log: LogSettings,
}

/// `[tokens]` of `session.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionTokens {
    pub(super) ttl_s: u64,
    pub(super) max: u64,
    pub(super) staging: String,
}

impl Settings for Session {
    const COMPONENT: &'static str = "session";

    fn check(&self) -> Result<(), String> {
        within("tokens.ttl_s", self.tokens.ttl_s, 1, 86_400)?;
        within("tokens.max", self.tokens.max, 1, 1_000_000)?;
        if self.tokens.staging.is_empty() {
            return Err("`tokens.staging` may not be empty".to_owned());
        }
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `metadata.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Metadata {
    pub(super) objects: CountLimit,
    pub(super) list: CountLimit,
    pub(super) database: MetadataDatabase,
    pub(super) quota: MetadataQuota,
    pub(super) replication: MetadataReplication,
    pub(super) log: LogSettings,
}

/// `[quota]` of `metadata.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataQuota {
    pub(super) user_mib: u64,
}

/// `[replication]` of `metadata.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataReplication {
    pub(super) poll_ms: u64,
    pub(super) batch_max: u64,
    pub(super) keep: u64,
}

/// `[objects]` and `[list]` of `metadata.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CountLimit {
    pub(super) max: u64,
}

/// `[database]` of `metadata.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetadataDatabase {
    pub(super) busy_timeout_ms: u64,
    pub(super) max_mib: u64,
}

impl Settings for Metadata {
    const COMPONENT: &'static str = "metadata";

    fn check(&self) -> Result<(), String> {
        within("objects.max", self.objects.max, 1, 1_000_000)?;
        within("list.max", self.list.max, 1, 10_000)?;
        timeout("database.busy_timeout_ms", self.database.busy_timeout_ms)?;
        within("database.max_mib", self.database.max_mib, 1, 65_536)?;
        within("quota.user_mib", self.quota.user_mib, 1, 65_536)?;
        within("replication.poll_ms", self.replication.poll_ms, 10, 3_600_000)?;
        within("replication.batch_max", self.replication.batch_max, 1, 10_000)?;
        within("replication.keep", self.replication.keep, 1, 10_000_000)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `storage.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Storage {
    pub(super) volume: StorageVolume,
    pub(super) log: LogSettings,
}

/// `[volume]` of `storage.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StorageVolume {
    pub(super) use_percent: u64,
    pub(super) count_ms: u64,
}

impl Settings for Storage {
    const COMPONENT: &'static str = "storage";

    fn check(&self) -> Result<(), String> {
        within("volume.use_percent", self.volume.use_percent, 1, 100)?;
        within("volume.count_ms", self.volume.count_ms, 0, 60_000)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `registry.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registry {
    pub(super) entries: RegistryEntries,
    pub(super) log: LogSettings,
}

/// `[entries]` of `registry.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistryEntries {
    pub(super) late_ms: u64,
    pub(super) max: u64,
}

impl Settings for Registry {
    const COMPONENT: &'static str = "registry";

    fn check(&self) -> Result<(), String> {
        within("entries.late_ms", self.entries.late_ms, 1_000, 3_600_000)?;
        within("entries.max", self.entries.max, 1, 1_000)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `queue.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Queue {
    pub(super) jobs: QueueJobs,
    pub(super) log: LogSettings,
}

/// `[jobs]` of `queue.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueueJobs {
    pub(super) max: u64,
    pub(super) attempts_max: u64,
    pub(super) lease_ms: u64,
    pub(super) retry_ms: u64,
}

impl Settings for Queue {
    const COMPONENT: &'static str = "queue";

    fn check(&self) -> Result<(), String> {
        within("jobs.max", self.jobs.max, 1, 1_000_000)?;
        within("jobs.attempts_max", self.jobs.attempts_max, 1, 1_000_000)?;
        within("jobs.lease_ms", self.jobs.lease_ms, 500, 600_000)?;
        within("jobs.retry_ms", self.jobs.retry_ms, 0, 600_000)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

/// `worker.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Worker {
    pub(super) jobs: WorkerJobs,
    pub(super) upstream: WorkerUpstream,
    pub(super) log: LogSettings,
}

/// `[jobs]` of `worker.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerJobs {
    pub(super) slots: u64,
    pub(super) poll_ms: u64,
    pub(super) scrub_pause_ms: u64,
}

/// `[upstream]` of `worker.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkerUpstream {
    pub(super) timeout_ms: u64,
}

impl Settings for Worker {
    const COMPONENT: &'static str = "worker";

    fn check(&self) -> Result<(), String> {
        within("jobs.slots", self.jobs.slots, 1, 64)?;
        within("jobs.poll_ms", self.jobs.poll_ms, 10, 60_000)?;
        within("jobs.scrub_pause_ms", self.jobs.scrub_pause_ms, 0, 60_000)?;
        timeout("upstream.timeout_ms", self.upstream.timeout_ms)?;
        self.log.check()
    }

    fn log(&self) -> LogSettings {
        self.log
    }
}

fn within(key: &str, value: u64, least: u64, most: u64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("`{key}` is {value}: it must be from {least} to {most}"))
    }
}

fn timeout(key: &str, value: u64) -> Result<(), String> {
    within(key, value, 1, 60_000)
}

/// Facts of one instance: `instances/web-east.toml`. They belong to the machine, not to a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) component: String,
    pub(super) datacenter: String,
    /// Its own address.
    pub(super) listen: String,
    /// Addresses of the services that it asks, by instance.
    #[serde(default)]
    pub(super) links: BTreeMap<String, String>,
    /// By the address of a service: where it is reached from here.
    #[serde(default)]
    pub(super) routes: BTreeMap<String, String>,
    /// The folder of its data.
    #[serde(default)]
    pub(super) data: Option<PathBuf>,
    /// Its volume.
    #[serde(default)]
    pub(super) volume: Option<VolumeFacts>,
    /// The file of its feature flags.
    #[serde(default)]
    pub(super) flags: Option<PathBuf>,
    /// Its encrypted door.
    #[serde(default)]
    pub(super) tls: Option<TlsFacts>,
}

/// `[tls]` of an instance's facts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFacts {
    pub(super) listen: String,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// `[volume]` of an instance's facts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VolumeFacts {
    pub(super) path: PathBuf,
    pub(super) size_mib: u64,
}

impl Facts {
    /// The facts of `instance` under `root`.
    pub(super) fn read(root: &Path, instance: &str) -> Result<Self, DepotError> {
        let path = root.join("instances").join(format!("{instance}.toml"));
        let text = std::fs::read_to_string(&path).map_err(DepotError::file("read", &path))?;
        from_toml(&text).map_err(|problem| DepotError::Config { path, problem })
    }

    /// Something that a component needs and the file does not say.
    pub(super) fn missing(&self, root: &Path, key: &str) -> DepotError {
        DepotError::Config {
            path: root.join("instances").join(format!("{}.toml", self.name)),
            problem: format!("`{key}` is missing"),
        }
    }
}

/// A value that is replaced as a whole; whoever has taken it keeps what it took.
#[derive(Debug)]
pub(super) struct Live<T>(RwLock<Arc<T>>);

impl<T> Live<T> {
    pub(super) fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    pub(super) fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}

/// The value that a text in TOML holds, or what is wrong with it.
pub(super) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let document: DocumentMut = text.parse().map_err(|err: toml_edit::TomlError| err.to_string())?;
    serde_json::from_value(table_value(document.as_table())?).map_err(|err| err.to_string())
}

fn table_value(table: &Table) -> Result<Value, String> {
    let mut map = Map::new();
    for (key, item) in table {
        let value = match item {
            Item::Table(inner) => table_value(inner)?,
            Item::Value(value) => scalar(key, value)?,
            Item::None => continue,
            Item::ArrayOfTables(_) => return Err(format!("`{key}` may not be a list of tables")),
        };
        map.insert(key.to_owned(), value);
    }
    Ok(Value::Object(map))
}

fn scalar(key: &str, value: &toml_edit::Value) -> Result<Value, String> {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(text) => Ok(Value::from(text.value().as_str())),
        Toml::Integer(number) => Ok(Value::from(*number.value())),
        Toml::Float(number) => Ok(Value::from(*number.value())),
        Toml::Boolean(flag) => Ok(Value::from(*flag.value())),
        Toml::InlineTable(inner) => table_value(&inner.clone().into_table()),
        Toml::Array(_) | Toml::Datetime(_) => {
            Err(format!("`{key}` may be a text, a number or a truth value"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = include_str!("releases/web.toml");

    #[test]
    fn a_release_says_what_it_means() {
        let web = Web::parse(WEB).unwrap();
        assert_eq!((web.pool.size, web.pool.wait_ms), (16, 250));
        assert_eq!((web.storage.policy, web.storage.read), (WritePolicy::Both, ReadOrder::Spread));
    }

    #[test]
    fn a_wrong_file_is_refused_with_the_reason() {
        for (from, to, reason) in [
            ("size = 16", "size = 0", "`pool.size` is 0: it must be from 1 to 1024"),
            ("size = 16", "sise = 16", "unknown field `sise`"),
            ("size = 16", "size = \"many\"", "invalid type: string \"many\""),
            ("size = 16", "", "missing field `size`"),
            ("policy = \"both\"", "policy = \"everywhere\"", "unknown variant `everywhere`"),
            ("size = 16", "size = [16]", "`size` may be a text, a number or a truth value"),
            ("[pool]", "[pool", "TOML parse error at line"),
        ] {
            let problem = Web::parse(&WEB.replacen(from, to, 1)).unwrap_err();
            assert!(problem.contains(reason), "{problem}");
        }
    }

    #[test]
    fn what_was_taken_stays_as_it_was() {
        let live = Live::new(1);
        let taken = live.get();
        live.set(2);
        assert_eq!((*taken, *live.get()), (1, 2));
    }
}
