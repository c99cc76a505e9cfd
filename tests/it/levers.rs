//! Every built-in injector against a real agent: what its script plans is armed, injected, seen, taken back and seen to
//! be gone, on real processes, files, sockets and a real database.

use crate::{
    kill::watch_for,
    parts::{self, Postgres},
};
use gameday::{
    agent::{self, AgentOptions},
    base::{InjectionId, Span},
    clock::{Clock, SystemClock},
    depot,
    drill::effect::Arm,
    fault::{
        Fault, Fence, Presence, Undone,
        script::{self, Call},
    },
    library::{Library, worker::ScriptRunner},
    scenario::pack::Layout,
    target::{HandError, Injector, agent_client::AgentClient},
};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{collections::BTreeMap, fs, path::Path};

const CONFIG: &str = "[pool]\nsize = 16\nwait_ms = 250\n";
const LIMIT_MS: i64 = 60_000;

/// What each built-in injector is given here. A new one has to be added, or the test fails.
fn parameters() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("black-hole", json!({"links": ["l"], "closes_after": 0, "lasts": 0})),
        (
            "bloated-table",
            json!({"database": "catalogue", "table": "objects", "column": "key", "rows": 500,
            "lasts": 0}),
        ),
        ("bot-flood", json!({"path": "/", "rate": 50, "keys": 9, "token": "x", "lasts": 0})),
        ("chopped-link", json!({"links": ["l"], "size": 64, "variation": 32, "pause": 10, "lasts": 0})),
        ("closed-file", json!({"file": "web", "mode": "000", "lasts": 0})),
        ("config-edit", json!({"file": "web", "key": "pool.size", "value": "2", "lasts": 0})),
        ("config-rollout", json!({"service": "web", "key": "pool.size", "value": "2", "release": "2"})),
        ("corrupt-file", json!({"file": "web", "bytes": 4, "lasts": 0})),
        ("cpu-quota", json!({"service": "web-east", "percent": 20, "lasts": 0})),
        ("crash-loop", json!({"service": "web-east", "after": 50, "lasts": 0})),
        ("deleted-file", json!({"file": "web", "lasts": 0})),
        ("dropped-index", json!({"database": "catalogue", "index": "objects_by_size", "lasts": 0})),
        ("expired-certificate", json!({"certificate": "front", "lasts": 0})),
        ("few-descriptors", json!({"service": "web-east", "most": 20, "lasts": 0})),
        ("flaky-link", json!({"links": ["l"], "after": 200, "lasts": 0})),
        ("flapping-link", json!({"link": "l", "down": 20_000, "up": 40_000, "times": 5})),
        ("full-volume", json!({"volume": "a", "percent": 50, "lasts": 0})),
        ("held-lock", json!({"database": "catalogue", "lasts": 0})),
        ("held-table", json!({"database": "shop", "table": "entries", "lasts": 0})),
        ("hot-key", json!({"path": "/", "rate": 50, "token": "", "lasts": 0})),
        ("http-errors", json!({"links": ["l"], "path": "/", "status": 503, "percent": 100, "lasts": 0})),
        ("little-memory", json!({"service": "web-east", "most_mib": 64, "lasts": 0})),
        ("lost-entry", json!({"registry": "registry", "instance": "web-east", "lasts": 0})),
        ("lossy-link", json!({"links": ["l"], "percent": 30, "lasts": 0})),
        ("nearly-full-volume", json!({"volume": "a", "free_kib": 16, "lasts": 0})),
        ("no-connections", json!({"database": "shop", "free": 5, "lasts": 0})),
        ("no-inodes", json!({"volume": "a", "free": 0, "lasts": 0})),
        ("owners-fault", json!({"name": "flag", "lasts": 0})),
        ("owners-statement", json!({"database": "shop", "statement": "unseen", "lasts": 0})),
        ("partition", json!({"links": ["l"], "lasts": 0})),
        (
            "poison-message",
            json!({"queue": "queue", "job": "scrub", "payload": "no JSON", "copies": 3, "lasts": 0}),
        ),
        ("process-crash", json!({"service": "web-east", "lasts": 0})),
        ("process-hang", json!({"service": "web-east", "lasts": 0})),
        ("read-only-volume", json!({"volume": "a", "lasts": 0})),
        ("replaced-file", json!({"file": "clock", "content": "-3600000", "lasts": 0})),
        ("slow-close", json!({"links": ["l"], "delay": 10_000, "lasts": 0})),
        ("slow-link", json!({"links": ["l"], "latency": 100, "jitter": 5, "lasts": 0})),
        ("slow-process", json!({"service": "web-east", "percent": 80, "lasts": 0})),
        ("slow-start", json!({"service": "web-east", "delay": 500, "lasts": 0})),
        (
            "stampede",
            json!({"path": "/", "rate": 50, "keys": 9, "wave": 1000, "quiet": 1000, "times": 3,
            "token": ""}),
        ),
        ("stubborn-hang", json!({"first": "web-east", "second": "web-west", "wait": 1000})),
        ("thin-link", json!({"links": ["l"], "rate": 50, "lasts": 0})),
        ("thin-pipe", json!({"links": ["l"], "rate": 50, "lasts": 0})),
        (
            "wrong-entry",
            json!({"registry": "registry", "instance": "web-east", "to": "web-west", "lasts": 0}),
        ),
        ("wrong-clock", json!({"service": "web-east", "ahead": 7_200_000, "behind": true, "lasts": 0})),
    ])
}

/// Injectors that need what not every machine has, and a word of the sentence that says so.
const NEEDS: [(&str, &str); 8] = [
    ("closed-file", "root"),
    ("cpu-quota", "control group"),
    ("held-table", "SQLite"),
    ("no-connections", "SQLite"),
    ("no-inodes", "inodes"),
    ("owners-statement", "SQLite"),
    ("read-only-volume", "CAP_SYS_ADMIN"),
    ("wrong-clock", "libfaketime"),
];

async fn write_database(root: &Path) {
    let options = SqliteConnectOptions::new().filename(root.join("catalogue.db")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    let schema = "CREATE TABLE objects (key TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
        CREATE INDEX objects_by_size ON objects (size);
        INSERT INTO objects VALUES ('a', 1), ('b', 2);";
    sqlx::raw_sql(schema).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn write_queue(root: &Path) {
    let options = SqliteConnectOptions::new().filename(root.join("jobs.db")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(parts::JOBS).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// A target with one of everything that a fault can touch; PostgreSQL where it is installed.
async fn target(folder: &Path, postgres: Option<&Postgres>) -> Layout {
    let root = folder.canonicalize().unwrap().join("target");
    let web = root.join("services/web");
    fs::create_dir_all(web.join("releases/1")).unwrap();
    fs::create_dir_all(root.join("volume")).unwrap();
    agent::attest(&root, "ana", Span::from_mins(60)).unwrap();
    fs::write(web.join("releases/1/web.toml"), CONFIG).unwrap();
    fs::write(web.join("history"), "2026-11-20T09:12:44.000Z deploy 1\n").unwrap();
    std::os::unix::fs::symlink("releases/1", web.join("current")).unwrap();
    fs::write(root.join("clock"), "0\n").unwrap();
    parts::write_certificate(&root);
    write_database(&root).await;
    write_queue(&root).await;
    let shop = match postgres {
        Some(postgres) => vec![postgres.database("levers", "web-east").await],
        None => Vec::new(),
    };
    let registry = parts::registry(&root.join("entries.json"));
    let address = parts::answers();
    let process = |name: &str| {
        json!({"service": name, "component": "web", "program": "/bin/sh", "argv0": "web",
            "args": ["-c", "trap '' HUP; exec /bin/sleep 600"], "log": root.join("logs").join(name),
            "address": address})
    };
    serde_json::from_value(json!({
        "target": "small",
        "root": root,
        "addresses": ["127.0.0.0/8"],
        "processes": [process("web-east"), process("web-west")],
        "links": [{"link": "l", "listen": "127.0.0.1:0", "upstream": address, "distance_ms": 0,
            "http": true}],
        "volumes": [{"volume": "a", "path": root.join("volume"), "size_bytes": 1_000_000}],
        "files": [{"file": "web", "component": "web", "path": web.join("current/web.toml")}],
        "releases": [{"component": "web", "folder": web.join("releases"), "current": web.join("current"),
            "config": "web.toml"}],
        "postgres": shop,
        "registries": [{"service": "registry", "address": registry, "path": root.join("entries.json")}],
        "queues": [{"service": "queue", "address": "127.0.0.1:1", "path": root.join("jobs.db")}],
        "databases": [{"database": "catalogue", "service": "web-east", "path": root.join("catalogue.db")}],
        "certificates": [{"certificate": "front", "service": "web-east", "path": root.join("web.pem"),
            "key": root.join("web.key"), "authority": root.join("authority.pem"),
            "authority_key": root.join("authority.key"), "address": address, "subject": "web.depot"}],
        "machine_files": [{"kind": "clock", "name": "clock", "service": "web-east", "path": root.join("clock")}],
        "custom": [{"name": "flag", "apply": ["/bin/touch", "flag"], "revert": ["/bin/rm", "-f", "flag"],
            "inspect": ["/usr/bin/test", "-e", "flag"], "timeout_ms": 10_000, "place": "web-west"}],
        "front_door": address,
    }))
    .unwrap()
}

/// Every file below a folder with its content; what is expected to differ is left out.
fn files(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = path.display().to_string();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file()
            && !["/history", "/catalogue.db", "/jobs.db", "/entries.json", "/logs/"]
                .iter()
                .any(|part| name.contains(part))
        {
            found.insert(name, fs::read(path).unwrap());
        }
    }
}

async fn ready(options: &AgentOptions) -> AgentClient {
    let end = SystemClock.now() + Span::from_millis(LIMIT_MS.unsigned_abs());
    loop {
        if let Ok(client) = AgentClient::connect(&options.folder)
            && client.attestation().await.is_ok_and(|attested| attested.ready)
        {
            return client;
        }
        assert!(SystemClock.now() < end, "the agent does not get ready");
        SystemClock.sleep_until(SystemClock.now() + Span::from_millis(20)).await;
    }
}

/// Arms, injects, sees, takes back and sees again. Answers why it was refused, if it was.
async fn goes_its_way(client: &AgentClient, id: &InjectionId, fault: &Fault, what: &str) -> Option<String> {
    let fence = Fence { epoch: 1, seq: 1 };
    let arm = Arm { id: id.clone(), fault: fault.clone(), fence, lease_ms: 60_000, deadline_ms: 60_000 };
    match client.arm(&arm).await {
        Ok(()) => {}
        Err(HandError::Refused(why)) => return Some(why),
        Err(err) => panic!("{what}: {err}"),
    }
    let look = async || client.inspect(id, fault).await.unwrap();
    assert_eq!(look().await.presence, Presence::Clean, "{what}: armed only");
    client.inject(id, fence).await.unwrap_or_else(|err| panic!("{what}: {err}"));
    let seen = look().await;
    assert_eq!(seen.presence, Presence::Present, "{what}: {}", seen.detail);
    client.revoke(id, fence).await.unwrap();
    assert_eq!(client.undo(id, fence).await.unwrap(), Undone::Restored, "{what}");
    let seen = look().await;
    assert_eq!(seen.presence, Presence::Clean, "{what}: {}", seen.detail);
    None
}

#[tokio::test]
async fn every_built_in_injector_goes_its_whole_way_on_a_real_target() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::start().await;
    let layout = target(folder.path(), postgres.as_ref()).await;
    fs::write(layout.root.join("layout.json"), serde_json::to_vec(&layout).unwrap()).unwrap();
    let options = AgentOptions::at(&layout.root, &folder.path().join("agent")).unwrap();
    let agent = tokio::spawn(agent::serve(options.clone()));
    let client = ready(&options).await;
    let injectors = Library::new(Vec::new(), ScriptRunner::InProcess).injectors().ok().unwrap();
    let mut parameters = parameters();
    let mut before = BTreeMap::new();
    files(&layout.root, &mut before);
    let mut number = 0;
    for injector in &injectors {
        let name = injector.name.as_str();
        let params = parameters.remove(name).unwrap_or_else(|| panic!("no parameters for `{name}` here"));
        let Value::Object(params) = params else { unreachable!() };
        assert!(params.keys().all(|key| injector.description.params.contains_key(key)), "{name}");
        let answer = script::run(&injector.source, &Call::Plan(params), || false).unwrap();
        let planned = script::planned(answer).unwrap();
        for fault in planned.faults().take(3) {
            fault.check_figures().unwrap();
            number += 1;
            let id = format!("gd-{number}").parse().unwrap();
            if let Some(why) = goes_its_way(&client, &id, fault, name).await {
                let need = NEEDS.iter().find(|(needy, _)| *needy == name);
                assert!(need.is_some_and(|(_, word)| why.contains(word)), "{name}: {why}");
                println!("{name} was refused: {why}");
            }
        }
        let mut after = BTreeMap::new();
        files(&layout.root, &mut after);
        let changed: Vec<_> = after
            .iter()
            .filter(|(name, content)| before.get(*name) != Some(content))
            .map(|(name, _)| name)
            .collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{name} has left {changed:?}");
        assert_eq!(parts::entries_in(&layout.root.join("entries.json")), parts::entries(), "{name}");
    }
    assert!(parameters.is_empty(), "no injectors: {parameters:?}");
    client.shutdown().await.unwrap();
    agent.await.unwrap().unwrap();
}

/// Asks Depot's front door for an upload: the status.
async fn upload(client: &reqwest::Client, layout: &Layout, key: &str) -> Option<u16> {
    let request = client.put(format!("http://{}/objects/{key}", layout.front_door)).body("content");
    let answer = request.header("authorization", "Bearer staging").send().await.ok()?;
    Some(answer.status().as_u16())
}

/// The jobs of Depot's queue with this request id, by state.
async fn jobs(client: &reqwest::Client, layout: &Layout, id: &InjectionId) -> Option<Vec<String>> {
    let url = format!("http://{}/jobs", layout.queues[0].address);
    let told: Value = client.get(url).send().await.ok()?.json().await.ok()?;
    let ours = told["jobs"].as_array()?.iter().filter(|job| job["request_id"] == id.as_str());
    Some(ours.map(|job| job["state"].as_str().unwrap_or_default().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn depots_registry_and_queue_are_broken_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let program = assert_cmd::cargo::cargo_bin!("gameday");
    let root = folder.path().canonicalize().unwrap().join("depot-1");
    let layout = depot::lay_out(&root, depot::free_instance().unwrap(), program).unwrap();
    let options = AgentOptions::at(&layout.root, &folder.path().join("agent")).unwrap();
    let agent = tokio::spawn(agent::serve(options.clone()));
    let client = ready(&options).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let users = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let status = async |wanted: u16, when: &str| {
        let seen = watch_for(Span::from_secs(60), async || {
            upload(&users, &layout, "a").await.filter(|status| *status == wanted)
        });
        seen.await.unwrap_or_else(|| panic!("no {wanted} {when}"));
    };
    status(201, "in the beginning").await;
    let fence = Fence { epoch: 1, seq: 1 };
    let break_it = async |id: &str, fault: Value| {
        let (id, fault): (InjectionId, Fault) = (id.parse().unwrap(), serde_json::from_value(fault).unwrap());
        let arm = Arm { id: id.clone(), fault: fault.clone(), fence, lease_ms: 60_000, deadline_ms: 120_000 };
        client.arm(&arm).await.unwrap();
        client.inject(&id, fence).await.unwrap();
        assert_eq!(client.inspect(&id, &fault).await.unwrap().presence, Presence::Present);
        id
    };
    let lost = json!({"kind": "registry-remove", "registry": "registry", "instance": "session"});
    let id = break_it("gd-a", lost).await;
    status(503, "without an entry of session").await;
    assert_eq!(client.undo(&id, fence).await.unwrap(), Undone::Restored);
    status(201, "after the undo").await;

    let wrong =
        json!({"kind": "registry-redirect", "registry": "registry", "instance": "session", "to": "queue"});
    let id = break_it("gd-b", wrong.clone()).await;
    let broken = watch_for(Span::from_secs(60), async || {
        upload(&users, &layout, "a").await.filter(|status| *status != 201)
    });
    broken.await.expect("nobody checks tokens where session should be");
    assert_eq!(client.undo(&id, fence).await.unwrap(), Undone::Restored);
    status(201, "after the undo").await;
    // Somebody restarts the instance, which registers itself: nothing is left to be undone.
    let id = break_it("gd-c", wrong).await;
    let own = ["depot", "ctl", "--root", root.to_str().unwrap(), "restart", "session"];
    crate::cli::gameday(folder.path()).args(own).assert().success();
    status(201, "after the repair").await;
    assert_eq!(client.undo(&id, fence).await.unwrap(), Undone::AlreadyClean);

    let poison = json!({"kind": "queue-poison", "queue": "queue", "job": "checksum", "payload": "no JSON", "copies": 2});
    let id = break_it("gd-d", poison).await;
    let dead = watch_for(Span::from_secs(60), async || {
        jobs(&users, &layout, &id).await.filter(|states| *states == ["dead", "dead"])
    });
    dead.await.expect("workers give up on them");
    assert_eq!(client.undo(&id, fence).await.unwrap(), Undone::Restored);
    assert_eq!(jobs(&users, &layout, &id).await, Some(Vec::new()));
    client.shutdown().await.unwrap();
    agent.await.unwrap().unwrap();
}
