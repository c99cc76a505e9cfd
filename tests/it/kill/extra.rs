//! The further parts of a world, and what else is broken in it: several kinds at once, drawn from every kind that this
//! machine can do.

use crate::parts;
use gameday::{
    drill::effect::Arm,
    fault::{Fault, Fence},
    target::{HandError, Injector, agent_client::AgentClient},
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rand::{Rng, seq::SliceRandom};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

const FLAGS: &str = "fast = on\nnew = off\n";
const SCHEMA: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE objects (key TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
    CREATE INDEX objects_by_size ON objects (size);
    INSERT INTO objects VALUES ('a', 1), ('b', 2);";
/// How many kinds a round has at once, beside those of its plan.
const AT_ONCE: usize = 5;

/// Kinds that are not drawn, and why. Every other kind is.
const LEFT_OUT: [(&str, &str); 10] = [
    (
        "container-cpu",
        "a Docker Engine of its own is needed: tests/it/docker, where the agent is killed, too",
    ),
    ("container-kill", "an engine is needed, too"),
    ("container-memory", "an engine is needed, too"),
    ("container-network", "an engine is needed, too"),
    ("container-pause", "an engine is needed, too"),
    ("container-stop", "an engine is needed, too"),
    ("database-connections", "a whole server of its own is needed: tests/it/postgres.rs"),
    ("database-statement", "a server is needed, too"),
    ("database-table-lock", "a server is needed, too"),
    ("link-latency", "it is in the plan of every round"),
];

/// Kinds that need what not every machine has, and a word of the sentence with which the agent says so.
const NEEDS: [(&str, &str); 5] = [
    ("file-mode", "root"),
    ("process-clock", "libfaketime"),
    ("process-cpu", "control group"),
    ("volume-inodes", "inodes"),
    ("volume-read-only", "CAP_SYS_ADMIN"),
];

/// A small file system of a world's own, where this process may mount one.
pub(super) struct OwnVolume(Option<PathBuf>);

impl OwnVolume {
    fn at(path: PathBuf) -> Self {
        let done =
            mount(Some("none"), &path, Some("tmpfs"), MsFlags::empty(), Some("nr_inodes=24,size=256k"));
        Self(done.is_ok().then_some(path))
    }
}

impl Drop for OwnVolume {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = umount2(path, MntFlags::MNT_DETACH);
        }
    }
}

fn database(root: &Path, name: &str) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(root.join(name));
    options.busy_timeout(std::time::Duration::from_secs(5))
}

/// Adds the parts to a layout and writes what belongs to them.
pub(super) fn add(layout: &mut Value, root: &Path, link: &str) -> OwnVolume {
    let address = parts::answers();
    let web = root.join("services/web");
    fs::create_dir_all(web.join("releases/1")).unwrap();
    fs::write(web.join("releases/1/web.toml"), "[pool]\nsize = 16\n").unwrap();
    fs::write(web.join("history"), "2026-11-20T09:12:44.000Z deploy 1\n").unwrap();
    symlink("releases/1", web.join("current")).unwrap();
    for name in ["spare", "small", "open"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    let own = OwnVolume::at(root.join("small"));
    fs::write(root.join("flags"), FLAGS).unwrap();
    parts::write_certificate(root);
    fs::copy(root.join("web.pem"), root.join("kept.pem")).unwrap();
    crate::stage::run(async {
        for (name, schema) in [("catalogue.db", SCHEMA), ("jobs.db", parts::JOBS)] {
            let mut connection = database(root, name).create_if_missing(true).connect().await.unwrap();
            sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    });
    let process = |service: &str, component: &str| {
        json!({"service": service, "component": component, "program": "/bin/sh", "argv0": component,
            "args": ["-c", "trap '' HUP; exec /bin/sleep 600"], "log": root.join("logs").join(service),
            "address": address})
    };
    layout["processes"] = json!([process("web-east", "web"), process("job", "job")]);
    layout["releases"] = json!([{"component": "web", "folder": web.join("releases"),
        "current": web.join("current"), "config": "web.toml"}]);
    let volume = |name: &str| json!({"volume": name, "path": root.join(name), "size_bytes": 200_000});
    layout["volumes"].as_array_mut().unwrap().extend(["spare", "small", "open"].map(volume));
    layout["links"]
        .as_array_mut()
        .unwrap()
        .push(json!({"link": "m", "listen": link, "upstream": address, "distance_ms": 0, "http": true}));
    layout["machine_files"] = json!([{"kind": "flags", "name": "flags", "service": "web-east",
        "path": root.join("flags")}]);
    layout["databases"] = json!([{"database": "catalogue", "service": "web-east",
        "path": root.join("catalogue.db")}]);
    layout["registries"] = json!([{"service": "registry", "address": parts::registry(&root.join("entries.json")),
        "path": root.join("entries.json")}]);
    layout["queues"] = json!([{"service": "queue", "address": address, "path": root.join("jobs.db")}]);
    layout["certificates"] = json!([{"certificate": "front", "service": "web-east", "path": root.join("web.pem"),
        "key": root.join("web.key"), "authority": root.join("authority.pem"),
        "authority_key": root.join("authority.key"), "address": address, "subject": "web.depot"}]);
    layout["custom"] = json!([{"name": "flag", "apply": ["/bin/touch", "flag"], "revert": ["/bin/rm", "-f", "flag"],
        "inspect": ["/usr/bin/test", "-e", "flag"], "timeout_ms": 4000, "place": "job"}]);
    layout["front_door"] = json!(address);
    own
}

/// One fault of each kind, with the part of the world that it takes for itself.
fn every_kind() -> Vec<(&'static str, Fault)> {
    let (web, link) = ("web-east", "m");
    let all = [
        ("link", json!({"kind": "link-down", "link": link})),
        ("link", json!({"kind": "link-reset", "link": link})),
        ("link", json!({"kind": "link-bandwidth", "link": link, "rate_kb_s": 1})),
        ("link", json!({"kind": "link-timeout", "link": link})),
        ("link", json!({"kind": "link-slow-close", "link": link, "delay_ms": 60_000})),
        ("link", json!({"kind": "link-limit-data", "link": link, "bytes": 3})),
        ("link", json!({"kind": "link-slicer", "link": link, "average_size": 1, "delay_us": 200_000})),
        ("link", json!({"kind": "link-loss", "link": link, "percent": 100})),
        ("link", json!({"kind": "link-shared-bandwidth", "link": link, "rate_kb_s": 1})),
        ("link", json!({"kind": "link-http", "link": link, "act": {"status": 503}})),
        ("web", json!({"kind": "process-stop", "service": web})),
        ("web", json!({"kind": "process-kill", "service": web})),
        ("web", json!({"kind": "process-throttle", "service": web, "percent": 80})),
        ("web", json!({"kind": "process-restart-loop", "service": web, "after_ms": 50})),
        ("web", json!({"kind": "process-descriptors", "service": web, "most": 20})),
        ("web", json!({"kind": "process-memory", "service": web, "most_mib": 64})),
        ("web", json!({"kind": "process-cpu", "service": web, "percent": 20})),
        (
            "web",
            json!({"kind": "release-roll-out", "service": "web", "release": "2", "key": "pool.size", "value": "3"}),
        ),
        ("job", json!({"kind": "process-start-delay", "service": "job", "delay_ms": 100})),
        ("job", json!({"kind": "process-clock", "service": "job", "offset_s": 3600})),
        ("job", json!({"kind": "custom", "name": "flag"})),
        ("config", json!({"kind": "file-edit", "file": "web", "key": "pool.wait_ms", "value": "1"})),
        ("flags", json!({"kind": "file-replace", "file": "flags", "content": "fast = off\n"})),
        ("flags", json!({"kind": "file-delete", "file": "flags"})),
        ("flags", json!({"kind": "file-corrupt", "file": "flags", "bytes": 3})),
        ("flags", json!({"kind": "file-mode", "file": "flags", "mode": "000"})),
        ("spare", json!({"kind": "volume-rest", "volume": "spare", "free_bytes": 1000})),
        ("spare", json!({"kind": "volume-fill", "volume": "spare", "percent": 60})),
        ("open", json!({"kind": "volume-read-only", "volume": "open"})),
        ("small", json!({"kind": "volume-inodes", "volume": "small", "free": 2})),
        ("database", json!({"kind": "database-lock", "database": "catalogue"})),
        ("database", json!({"kind": "database-index", "database": "catalogue", "index": "objects_by_size"})),
        (
            "database",
            json!({"kind": "database-bloat", "database": "catalogue", "table": "objects",
            "column": "key", "rows": 50}),
        ),
        ("registry", json!({"kind": "registry-remove", "registry": "registry", "instance": "web-east"})),
        (
            "registry",
            json!({"kind": "registry-redirect", "registry": "registry", "instance": "web-east",
            "to": "job"}),
        ),
        (
            "queue",
            json!({"kind": "queue-poison", "queue": "queue", "job": "scrub", "payload": "no JSON",
            "copies": 3}),
        ),
        ("certificate", json!({"kind": "certificate-expired", "certificate": "front"})),
        ("door", json!({"kind": "traffic-flood", "path": "/", "rate": 20})),
    ];
    all.map(|(part, fault)| (part, serde_json::from_value(fault).unwrap())).into()
}

/// What is drawn from: every kind that this machine can do.
#[derive(Clone)]
pub(super) struct Draw(Vec<(&'static str, Fault)>);

impl Draw {
    /// Asks an agent which kinds it takes; one that it refuses has to be one that needs something.
    pub(super) async fn of(agent: &AgentClient) -> Self {
        let mut drawn = Vec::new();
        let fence = Fence { epoch: agent.take_epoch().await.unwrap(), seq: 1 };
        for (number, (part, fault)) in every_kind().into_iter().enumerate() {
            let id = format!("gd-try{number}").parse().unwrap();
            let arm = Arm { id, fault, fence, lease_ms: 60_000, deadline_ms: 60_000 };
            match agent.arm(&arm).await {
                Ok(()) => {
                    agent.revoke(&arm.id, fence).await.unwrap();
                    drawn.push((part, arm.fault));
                }
                Err(HandError::Refused(why)) => {
                    let kind = arm.fault.kind();
                    let known = NEEDS.iter().any(|(needy, word)| *needy == kind && why.contains(word));
                    assert!(known, "{kind} is refused: {why}");
                    println!("{kind} is not drawn: {why}");
                }
                Err(err) => panic!("{err}"),
            }
        }
        Self(drawn)
    }

    pub(super) fn kinds(&self) -> BTreeSet<&'static str> {
        self.0.iter().map(|(_, fault)| fault.kind()).collect()
    }

    /// Several faults, each in a part of the world of its own.
    pub(super) fn faults(&self, rng: &mut impl Rng) -> Vec<Fault> {
        let mut all = self.0.clone();
        all.shuffle(rng);
        let mut taken = BTreeMap::new();
        for (part, fault) in all {
            if taken.len() < AT_ONCE {
                taken.entry(part).or_insert(fault);
            }
        }
        taken.into_values().collect()
    }
}

/// Every kind in the table is drawn, or it is said why not.
#[test]
fn every_kind_of_fault_is_drawn_or_it_is_said_why_not() {
    let schema = serde_json::to_value(schemars::schema_for!(Fault)).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap().iter();
    let table: BTreeSet<String> =
        kinds.map(|one| one["properties"]["kind"]["const"].as_str().unwrap().to_owned()).collect();
    let drawn: BTreeSet<String> = every_kind().iter().map(|(_, fault)| fault.kind().to_owned()).collect();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert!(drawn.is_disjoint(&left_out), "drawn and left out: {:?}", drawn.intersection(&left_out));
    assert_eq!(table, &drawn | &left_out);
    assert!(NEEDS.iter().all(|(kind, _)| drawn.contains(*kind)));
}

/// What is wrong with these parts, as anybody sees it who knows nothing of drills.
pub(super) fn faults_in_files(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let flags = fs::read(root.join("flags")).unwrap_or_default();
    if flags != FLAGS.as_bytes() {
        faults.push(format!("wrong flags: {}", String::from_utf8_lossy(&flags)));
    }
    if fs::metadata(root.join("flags")).is_ok_and(|file| file.permissions().mode() & 0o400 == 0) {
        faults.push("closed flags".to_owned());
    }
    if root.join("flag").exists() {
        faults.push("the owner's fault".to_owned());
    }
    if fs::read(root.join("web.pem")).unwrap_or_default() != fs::read(root.join("kept.pem")).unwrap() {
        faults.push("another certificate".to_owned());
    }
    if parts::entries_in(&root.join("entries.json")) != parts::entries() {
        faults.push("wrong entries in the registry".to_owned());
    }
    if fs::write(root.join("open/mark"), "").and_then(|()| fs::remove_file(root.join("open/mark"))).is_err() {
        faults.push("a volume that is read-only".to_owned());
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let over = root.join("open").display().to_string();
    if mounts.lines().any(|line| line.split(' ').nth(4) == Some(over.as_str())) {
        faults.push("something is mounted over a volume".to_owned());
    }
    let web = root.join("services/web");
    if fs::read_link(web.join("current")).unwrap() != Path::new("releases/1") {
        faults.push("another release".to_owned());
    }
    for (folder, expected) in
        [(web.join("releases"), 1), (root.join("spare"), 0), (root.join("small"), 0), (root.join("open"), 0)]
    {
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        if names.len() != expected {
            faults.push(format!("in {}: {names:?}", folder.display()));
        }
    }
    faults
}

/// What the processes of the target have on them.
pub(super) fn faults_of_processes(pids: impl IntoIterator<Item = u32>) -> Vec<String> {
    let mut faults = Vec::new();
    for pid in pids {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        if read("environ").contains("FAKETIME") {
            faults.push(format!("process {pid} has a wrong clock"));
        }
        if read("stat").rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')) {
            faults.push(format!("process {pid} is stopped"));
        }
        if read("cgroup").contains("/gd-") {
            faults.push(format!("process {pid} has less of the processor"));
        }
        if read("limits").lines().any(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            matches!(words[..], ["Max", "open", "files", "20", ..])
                || matches!(words[..], ["Max", "address", "space", "67108864", ..])
        }) {
            faults.push(format!("process {pid} is limited"));
        }
    }
    faults
}

/// Control groups of these injections that are still there.
pub(super) fn control_groups<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    let roots = ["cpu", "cpu,cpuacct", ""].map(|controller| Path::new("/sys/fs/cgroup").join(controller));
    ids.flat_map(|id| roots.each_ref().map(|root| root.join(id))).filter(|group| group.exists()).collect()
}

/// Whether the databases are whole and can be written to.
pub(super) async fn assert_databases_are_whole(root: &Path, when: &str) {
    let whole =
        "SELECT (SELECT count(*) FROM objects), (SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL)";
    let jobs = "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM jobs WHERE request_id = 'theirs')";
    for (name, statement, expected) in [("catalogue.db", whole, (2, 2)), ("jobs.db", jobs, (1, 1))] {
        let mut connection = database(root, name).connect().await.unwrap();
        let row = sqlx::query(statement).fetch_one(&mut connection).await.unwrap();
        let counts: (i64, i64) = (row.get(0), row.get(1));
        assert_eq!(counts, expected, "{when}: {name}");
        let write = sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await;
        write.unwrap_or_else(|err| panic!("{when}: {name}: {err}"));
        connection.close().await.unwrap();
    }
}
