//! Parts of targets that faults touch, as small as they can be: a registry that keeps its entries in a file, a queue in
//! SQLite, a real PostgreSQL of the test's own.

use crate::skip::skip;
use gameday::{
    base::Span,
    clock::{Clock, SystemClock},
    staging::programs,
};
use nix::unistd::{Uid, User, chown};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The table of a queue's jobs, as Depot's queue has it.
pub(crate) const JOBS: &str = "CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
    payload TEXT NOT NULL, request_id TEXT NOT NULL DEFAULT '', dead INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, worker TEXT, due_ms INTEGER NOT NULL DEFAULT 0, began_ms INTEGER,
    made_ms INTEGER NOT NULL DEFAULT 0, error TEXT);
    INSERT INTO jobs (kind, payload, request_id) VALUES ('scrub', '{}', 'theirs');";

/// A certificate `web.pem` with its key, and the authority's.
pub(crate) fn write_certificate(root: &Path) {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signed = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, &authority_key);
    let own = CertificateParams::new(vec!["web.depot".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let texts = [own.pem(), key.serialize_pem(), signed, authority_key.serialize_pem()];
    for (name, text) in ["web.pem", "web.key", "authority.pem", "authority.key"].iter().zip(texts) {
        fs::write(root.join(name), text).unwrap();
    }
}

/// Answers every request well, for ever.
pub(crate) fn answers() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

/// A registry's entries in the beginning.
pub(crate) fn entries() -> Value {
    let entry = |instance: &str, port: u16| json!({"instance": instance, "component": "web", "datacenter": "east", "address": format!("127.0.0.1:{port}")});
    json!([entry("web-east", 1), entry("web-west", 2)])
}

/// Answers for a registry, for ever: every request reads its file, and a change is written there at once.
pub(crate) fn registry(path: &Path) -> SocketAddr {
    fs::write(path, entries().to_string()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let path = path.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever was killed in the middle of a request is not answered.
            let _ = answer(stream, &path);
        }
    });
    address
}

fn answer(mut stream: TcpStream, path: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let instance = target.rsplit('/').next().unwrap_or_default();
    let mut entries: Vec<Value> = serde_json::from_slice(&fs::read(path)?)?;
    if method != "GET" {
        entries.retain(|entry| entry["instance"] != instance);
        if method == "PUT" {
            entries.push(serde_json::from_slice(&body)?);
        }
        let fresh = path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(&entries)?)?;
        fs::rename(fresh, path)?;
    }
    let told = json!({"revision": 1, "entries": entries}).to_string();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{told}", told.len())
}

/// The entries of a registry's file, in the order of their instances.
pub(crate) fn entries_in(path: &Path) -> Value {
    let mut entries: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    entries.sort_by_key(|entry| entry["instance"].to_string());
    entries.into()
}

/// A PostgreSQL server with one table, which ends with its owner.
pub(crate) struct Postgres {
    _folder: TempDir,
    server: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.server.id().cast_signed()),
            nix::sys::signal::Signal::SIGINT,
        );
        let _ = self.server.wait();
    }
}

const LIMIT: Span = Span::from_secs(60);

impl Postgres {
    /// A server of Debian's package; nothing, said aloud, where that is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let folders = ["/usr/lib/postgresql/*/bin".to_owned()];
        let (Ok(initdb), Ok(program)) =
            (programs::find("initdb", &folders), programs::find("postgres", &folders))
        else {
            skip("PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        // It refuses to run as root.
        let user = Uid::effective().is_root().then(|| User::from_name("postgres").unwrap().unwrap());
        if let Some(user) = &user {
            for path in [folder.path(), &data] {
                chown(path, Some(user.uid), Some(user.gid)).unwrap();
            }
        }
        let as_user = |program: PathBuf| {
            let mut command = Command::new(program);
            if let Some(user) = &user {
                command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
            }
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let made = as_user(initdb)
            .args(["--username", "shop", "--auth", "trust", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        // Free at this moment, and nobody else binds this address.
        let address = TcpListener::bind("127.83.200.1:0").unwrap().local_addr().unwrap();
        let server = as_user(program)
            .arg("-D")
            .arg(&data)
            .args(["-c", "listen_addresses=127.83.200.1", "-c", "unix_socket_directories="])
            .args(["-c", &format!("port={}", address.port()), "-c", "max_connections=20", "-c", "fsync=off"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let postgres = Self { _folder: folder, server, address };
        let end = SystemClock.now() + LIMIT;
        while postgres.connect("postgres").await.is_err() {
            assert!(SystemClock.now() < end, "PostgreSQL does not answer");
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(50)).await;
        }
        Some(postgres)
    }

    pub(crate) async fn connect(&self, database: &str) -> Result<PgConnection, sqlx::Error> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.83.200.1")
            .port(self.address.port())
            .username("shop")
            .database(database);
        options.disable_statement_logging().connect().await
    }

    pub(crate) async fn run(&self, database: &str, statement: &str) -> Result<(), sqlx::Error> {
        let mut connection = self.connect(database).await?;
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
        connection.close().await
    }

    /// A database of that name with a table, an index and a guarded one, and how a layout speaks of it.
    pub(crate) async fn database(&self, name: &str, service: &str) -> Value {
        self.run("postgres", &format!("CREATE DATABASE {name}")).await.unwrap();
        let schema = "CREATE TABLE entries (n BIGSERIAL PRIMARY KEY, text TEXT NOT NULL, seen INT NOT NULL);
            CREATE INDEX entries_by_seen ON entries (seen);
            CREATE UNIQUE INDEX entries_once ON entries (text);
            INSERT INTO entries (text, seen) SELECT 'entry ' || n, n FROM generate_series(1, 20) n";
        self.run(name, schema).await.unwrap();
        json!({"database": "shop", "service": service, "address": self.address.to_string(), "user": "shop",
            "name": name, "statements": [{"name": "unseen",
                "apply": "ALTER TABLE entries RENAME COLUMN seen TO seen_away; SELECT 1",
                "revert": "ALTER TABLE entries RENAME COLUMN seen_away TO seen",
                "inspect": "SELECT count(*) > 0 FROM information_schema.columns WHERE column_name = 'seen_away'"}]})
    }
}

/// What a drill needs before people may be put through it, for a service `web` that does not answer. Its documentation is
/// put into the folder of its pack.
pub(crate) fn told(pack: &Path, kind: &str, near: &str, decision: &str) -> String {
    fs::create_dir(pack.join("docs")).unwrap();
    fs::write(pack.join("docs/system.md"), "# The service\n\nIt answers questions.\n").unwrap();
    TOLD.replace("{KIND}", kind).replace("{NEAR}", near).replace("{DECISION}", decision)
}

const TOLD: &str = r#"
hints:
  catalogue: [system.md]
  questions: [What do all failing requests have in common?, What still answers?]
truth:
  cause:
    component: web
    kind: {KIND}
    facts:
      - {id: silent, says: it answers nothing, any: [no answer, hangs, lost]}
      - {id: runs, says: its process is there, any: [is there]}
      - {id: waits, says: users wait until they give up, any: [time out, give up]}
    distractors:
      - {id: crashed, says: it has crashed, any: [crashed]}
      - {id: release, says: it began with a release, any: [release]}
      - {id: disk, says: a disk is full, any: [disk full]}
      - {id: flood, says: there are many more requests than usual, any: [flood]}
      - {id: certificate, says: a certificate has expired, any: [certificate]}
      - {id: slow, says: the way to it is slow, any: [slow]}
  impact: {ask: 50-100 %}
  owners: [web-oncall]
  severity: {live: true, users: everybody}
  decision: {DECISION}
sample_claims:
  - {component: web, kind: {KIND}, text: "no answer, its process is there, and users give up", band: right}
  - {component: web, kind: {NEAR}, text: it gives no answer, band: near}
  - {kind: config.certificate, text: a certificate has expired, band: wrong}
"#;
