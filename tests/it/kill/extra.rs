//! The further parts of a world and one more fault for each round, of any kind that needs no ability of the machine.

use gameday::fault::Fault;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Row, sqlite::SqliteConnectOptions};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    time::Duration,
};

const FLAGS: &str = "fast = on\nnew = off\n";
const SCHEMA: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE objects (key TEXT NOT NULL UNIQUE, size INTEGER NOT NULL);
    CREATE INDEX objects_by_size ON objects (size);
    INSERT INTO objects VALUES ('a', 1), ('b', 2);";

/// Answers every request well, for ever.
fn answers() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        }
    });
    address
}

fn database(root: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(root.join("catalogue.db")).busy_timeout(Duration::from_secs(5))
}

/// Adds the parts to a layout and writes what belongs to them.
pub(super) fn add(layout: &mut Value, root: &Path) {
    let address = answers();
    let web = root.join("services/web");
    fs::create_dir_all(web.join("releases/1")).unwrap();
    fs::write(web.join("releases/1/web.toml"), "[pool]\nsize = 16\n").unwrap();
    fs::write(web.join("history"), "2026-11-20T09:12:44.000Z deploy 1\n").unwrap();
    symlink("releases/1", web.join("current")).unwrap();
    fs::create_dir(root.join("spare")).unwrap();
    fs::write(root.join("flags"), FLAGS).unwrap();
    crate::stage::run(async {
        let mut connection = database(root).create_if_missing(true).connect().await.unwrap();
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    layout["processes"] = json!([{"service": "web-east", "component": "web", "program": "/bin/sh",
        "argv0": "web", "args": ["-c", "trap '' HUP; exec /bin/sleep 600"], "log": root.join("logs/web.log"),
        "address": address}]);
    layout["releases"] = json!([{"component": "web", "folder": web.join("releases"),
        "current": web.join("current"), "config": "web.toml"}]);
    layout["volumes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"volume": "spare", "path": root.join("spare"), "size_bytes": 200_000}));
    layout["machine_files"] = json!([{"kind": "flags", "name": "flags", "service": "web-east",
        "path": root.join("flags")}]);
    layout["databases"] = json!([{"database": "catalogue", "service": "web-east",
        "path": root.join("catalogue.db")}]);
    layout["custom"] = json!([{"name": "flag", "apply": ["/bin/touch", "flag"], "revert": ["/bin/rm", "-f", "flag"],
        "inspect": ["/usr/bin/test", "-e", "flag"], "timeout_ms": 4000, "place": "web-east"}]);
    layout["front_door"] = json!(address);
}

/// One more fault, each as likely as the others.
pub(super) fn fault(rng: &mut impl Rng) -> Fault {
    let service = "web-east";
    let mut all = [
        json!({"kind": "process-stop", "service": service}),
        json!({"kind": "process-kill", "service": service}),
        json!({"kind": "process-throttle", "service": service, "percent": 80}),
        json!({"kind": "process-restart-loop", "service": service, "after_ms": 50}),
        json!({"kind": "process-start-delay", "service": service, "delay_ms": 100}),
        json!({"kind": "process-descriptors", "service": service, "most": 20}),
        json!({"kind": "process-memory", "service": service, "most_mib": 64}),
        json!({"kind": "release-roll-out", "service": "web", "release": "2", "key": "pool.size", "value": "3"}),
        json!({"kind": "file-replace", "file": "flags", "content": "fast = off\n"}),
        json!({"kind": "file-delete", "file": "flags"}),
        json!({"kind": "file-corrupt", "file": "flags", "bytes": 3}),
        json!({"kind": "volume-rest", "volume": "spare", "free_bytes": 1000}),
        json!({"kind": "database-lock", "database": "catalogue"}),
        json!({"kind": "database-index", "database": "catalogue", "index": "objects_by_size"}),
        json!({"kind": "database-bloat", "database": "catalogue", "table": "objects", "column": "key", "rows": 50}),
        json!({"kind": "traffic-flood", "path": "/", "rate": 50}),
        json!({"kind": "custom", "name": "flag"}),
    ];
    let number = rng.random_range(0..all.len());
    serde_json::from_value(all[number].take()).unwrap()
}

/// What is wrong with these parts, as anybody sees it who knows nothing of drills.
pub(super) fn faults_in_files(root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let flags = fs::read(root.join("flags")).unwrap_or_default();
    if flags != FLAGS.as_bytes() {
        faults.push(format!("wrong flags: {}", String::from_utf8_lossy(&flags)));
    }
    if root.join("flag").exists() {
        faults.push("the owner's fault".to_owned());
    }
    let web = root.join("services/web");
    if fs::read_link(web.join("current")).unwrap() != Path::new("releases/1") {
        faults.push("another release".to_owned());
    }
    for (folder, expected) in [(web.join("releases"), 1), (root.join("spare"), 0)] {
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        if names.len() != expected {
            faults.push(format!("in {}: {names:?}", folder.display()));
        }
    }
    faults
}

/// Whether the database is whole and can be written to.
pub(super) async fn assert_database_is_whole(root: &Path, when: &str) {
    let mut connection = database(root).connect().await.unwrap();
    let whole =
        "SELECT (SELECT count(*) FROM objects), (SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL)";
    let row = sqlx::query(whole).fetch_one(&mut connection).await.unwrap();
    let (rows, made): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!((rows, made), (2, 2), "{when}: rows, and table and index");
    let write = sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await;
    write.unwrap_or_else(|err| panic!("{when}: {err}"));
    connection.close().await.unwrap();
}
