//! Failures that people meet, each provoked from outside and repaired by people: what users see before, during, after.
//!
//! A full volume, a small pool and a lost instance are in the parent; what needs real processes (a hung one, leaked
//! descriptors) is in `tests/it/depot.rs`.

use super::{Staging, body, until};
use crate::{
    base::{At, Span},
    clock::{Clock, SystemClock},
    depot::tls,
};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const GOOD: StatusCode = StatusCode::CREATED;
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

async fn failure(answer: Response) -> String {
    if answer.status() == GOOD { String::new() } else { body(answer).await["error"].to_string() }
}

impl Staging {
    async fn put(&self, key: &str) -> StatusCode {
        self.ask(Method::PUT, &format!("/objects/{key}"), "content").await.status()
    }

    /// The code of the failure that an upload meets; empty when it is good.
    async fn put_error(&self, key: &str) -> String {
        let answer = self.ask(Method::PUT, &format!("/objects/{key}"), "content").await;
        failure(answer).await
    }

    /// The code of the failure that an upload meets, empty when it is good, once it is the same at both instances of
    /// web: each hears of a change in the registry when it renews its own entry.
    async fn put_everywhere(&self, key: &str) -> Option<String> {
        let put = async |web: &str| {
            let request = self.client.put(format!("http://{}/objects/{key}", self.address(web)));
            let answer = request.header("authorization", "Bearer staging").body("content").send().await;
            failure(answer.unwrap()).await
        };
        let east = put("web-east").await;
        (east == put("web-west").await).then_some(east)
    }

    /// The status of a download, once it is the same at both instances of web.
    async fn get_everywhere(&self, path: &str) -> Option<StatusCode> {
        let east = self.at("web-east", path, "staging").await;
        (east == self.at("web-west", path, "staging").await).then_some(east)
    }

    fn address(&self, instance: &str) -> &str {
        &self.layout.processes.iter().find(|process| process.service.as_str() == instance).unwrap().address
    }

    /// Asks an instance at its own address.
    async fn at(&self, instance: &str, path: &str, token: &str) -> StatusCode {
        let url = format!("http://{}{path}", self.address(instance));
        let request = self.client.get(url).header("authorization", format!("Bearer {token}"));
        request.send().await.unwrap().status()
    }

    async fn token_of(&self, user: &str) -> String {
        let login = self.ask(Method::POST, "/sessions", json!({ "user": user }).to_string()).await;
        body(login).await["token"].as_str().unwrap().to_owned()
    }

    fn database(&self, name: &str) -> &PathBuf {
        &self.layout.databases.iter().find(|database| database.database == name).unwrap().path
    }

    async fn open(&self, database: &str) -> SqliteConnection {
        let url = format!("sqlite://{}", self.database(database).display());
        SqliteConnection::connect(&url).await.unwrap()
    }

    /// The sum of all samples whose name and labels contain every one of `parts`.
    async fn sum(&self, instance: &str, parts: &[&str]) -> f64 {
        let page = self.ctl(&format!("metrics {instance}")).await.unwrap();
        let lines = page.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter(|line| parts.iter().all(|part| line.contains(part)))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    async fn ok(&self, line: &str) -> String {
        self.ctl(line).await.unwrap_or_else(|err| panic!("depotctl {line}: {err}"))
    }

    /// Writes a release with other settings and puts it to use.
    async fn roll_out(&self, component: &str, changes: &[(&str, &str)]) {
        let releases = self.root.join("services").join(component).join("releases");
        let file = format!("{component}.toml");
        let mut text = std::fs::read_to_string(releases.join("2026.11.2").join(&file)).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        std::fs::create_dir_all(releases.join("2026.11.3")).unwrap();
        std::fs::write(releases.join("2026.11.3").join(file), text).unwrap();
        self.ok(&format!("deploy {component} 2026.11.3")).await;
    }

    fn slow(&self, link: &str, delay_ms: u64) {
        self.delays.lock().unwrap().insert(link.to_owned(), delay_ms);
    }

    fn machine_file(&self, instance: &str, file: &str) -> PathBuf {
        self.root.join("machine").join(instance).join(file)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_flags_and_settings_that_are_wrong() {
    let staging = Staging::start().await;
    // A bad configuration roll-out.
    let large = || vec![7_u8; 3000];
    assert_eq!(staging.ask(Method::PUT, "/objects/a", large()).await.status(), GOOD);
    staging.roll_out("edge", &[("body_kib = 256", "body_kib = 1")]).await;
    let refused = staging.ask(Method::PUT, "/objects/a", large()).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    staging.ok("rollback edge").await;
    assert_eq!(staging.ask(Method::PUT, "/objects/a", large()).await.status(), GOOD);

    // A leaking release: what it keeps of requests has no bound. Less memory than it uses shows where that ends.
    staging.roll_out("web", &[("max = 200", "max = 100000000"), ("body_kib = 2", "body_kib = 1024")]).await;
    for n in 0..6 {
        staging.ask(Method::PUT, &format!("/objects/l-{n}"), vec![0_u8; 200 * 1024]).await;
    }
    let kept = async || {
        staging.metric("web-east", "recorder_bytes").await
            + staging.metric("web-west", "recorder_bytes").await
    };
    assert_eq!(kept().await, 6 * 200 * 1024);
    staging.set("web limits.memory_mib 16").await;
    until("pressure", async || staging.put_error("a").await == "\"memory_pressure\"").await;
    assert_eq!(staging.get("/objects/a").await.status(), StatusCode::OK);
    staging.ok("rollback web").await;
    assert_eq!((staging.put("a").await, kept().await), (GOOD, 7));

    // A wrong flag, set in its file by hand.
    let flags = staging.root.join("flags/web.toml");
    std::fs::write(&flags, "read_only = true\nverify_downloads = false\n").unwrap();
    until("read only", async || staging.put_error("a").await == "\"read_only\"").await;
    assert!(staging.ok("flag list").await.contains("read_only         true"));
    staging.ok("flag set read_only false").await;
    until("writable", async || staging.put("a").await == GOOD).await;
    // A damaged copy is passed over by who looks.
    std::fs::write(staging.volume("storage-west/obj-1"), [&2_u64.to_le_bytes()[..], b"rot"].concat())
        .unwrap();
    staging.ok("flag set verify_downloads true").await;
    until("only good copies", async || {
        let mut good = true;
        for _ in 0..4 {
            good &= staging.get("/objects/obj-1").await.text().await.unwrap().starts_with("obj-1 as");
        }
        good
    })
    .await;

    // A stampede: nobody remembers tokens, so each request asks session.
    let checks = async || staging.sum("session", &["http_requests_total", "/tokens/check"]).await;
    let asked = async |count: usize| {
        let before = checks().await;
        for _ in 0..count {
            assert_eq!(staging.get("/objects/obj-2").await.status(), StatusCode::OK);
        }
        checks().await - before
    };
    staging.set("web session.cache_ms 0").await;
    until("every request asks", async || asked(10).await == 10.0).await;
    staging.set("web session.cache_ms 60000").await;
    until("hardly any request asks", async || asked(10).await == 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_path_and_the_retries_behind_it() {
    let staging = Staging::start().await;
    for setting in ["storage.timeout_ms 100", "storage.retries 5"] {
        staging.set(&format!("web {setting}")).await;
    }
    assert_eq!(staging.put("a").await, GOOD);
    for web in ["web-east", "web-west"] {
        staging.slow(&format!("{web}-storage-west"), 300);
    }
    let attempts = async || {
        let part = ["upstream_request_duration_seconds_count", "storage-west", "timeout"];
        staging.sum("web-east", &part).await + staging.sum("web-west", &part).await
    };
    // A retry storm: each upload becomes six attempts.
    let before = attempts().await;
    assert_eq!(staging.put("a").await, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(attempts().await - before, 6.0);
    staging.set("web storage.retries 0").await;
    let before = attempts().await;
    assert_eq!(staging.put("a").await, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(attempts().await - before, 1.0);
    // Uploads need not cross; a worker makes the other copy later, over a path of its own.
    staging.set("web storage.policy near").await;
    until("an upload near", async || staging.put("b").await == GOOD).await;
    until("a second copy", async || {
        ["storage-east", "storage-west"].iter().all(|node| staging.volume(node).join("b").exists())
    })
    .await;
    staging.delays.lock().unwrap().clear();
    staging.set("web storage.policy both").await;
    until("a good path", async || staging.put("a").await == GOOD).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_and_a_wrong_registry_entry() {
    let staging = Staging::start().await;
    staging.set("web session.cache_ms 0").await;
    assert_eq!(staging.put("a").await, GOOD);
    let lose = async || {
        staging.ok("registry remove storage-west").await;
        let lost = || Some("\"no_instance\"".to_owned());
        until("nobody knows it", async || staging.put_everywhere("a").await == lost()).await;
    };
    let found = async || staging.put_everywhere("a").await == Some(String::new());
    lose().await;
    // Renewing does not bring it back; the instance says so.
    until("it knows", async || staging.metric("storage-west", "registry_registered").await == 0).await;
    assert!(!staging.ok("registry list").await.contains("storage-west"));
    staging.ok("registry register storage-west").await;
    until("it is found again", found).await;
    lose().await;
    staging.ok("restart storage-west").await;
    until("it is found again", found).await;

    // An entry that leads to somebody else.
    let registry = &staging.layout.registries[0];
    let wrong = json!({
        "instance": "session", "component": "session", "datacenter": "east",
        "address": staging.address("storage-east"),
    });
    let url = format!("http://{}/entries/session", registry.address);
    staging.client.put(url).json(&wrong).send().await.unwrap().error_for_status().unwrap();
    until("nobody is let in", async || staging.get_everywhere("/objects/a").await == Some(UNAVAILABLE)).await;
    // A restart of the registry forgets nothing, right or wrong.
    staging.ok("restart registry").await;
    assert!(staging.ok("registry list").await.contains(staging.address("storage-east")));
    staging.ok("reload session").await;
    until("everybody is let in", async || staging.get_everywhere("/objects/a").await == Some(StatusCode::OK))
        .await;

    // Without the registry, everybody goes on with what they know.
    let (_, gone) = staging.instances.lock().await.remove("registry").unwrap();
    gone.drain().await;
    until("its silence shows", async || staging.sum("web-east", &["registry_list_age_seconds"]).await > 1.5)
        .await;
    assert!(found().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_lock_a_missing_index_a_bloated_and_a_full_database() {
    let staging = Staging::start().await;
    let mut hand = staging.open("catalogue").await;
    // A lock that somebody holds.
    hand.execute("BEGIN IMMEDIATE").await.unwrap();
    assert_eq!(staging.put_error("a").await, "\"upstream_error\"");
    assert_eq!(staging.get("/objects/obj-1").await.status(), StatusCode::OK);
    let locks = staging.ok("locks").await;
    assert!(locks.contains(&format!("catalogue        process {} ", std::process::id())), "{locks}");
    hand.execute("ROLLBACK").await.unwrap();
    assert_eq!(staging.put("a").await, GOOD);
    assert!(staging.ok("locks").await.contains("catalogue        nobody is writing"));

    // A missing index: listings look through everything.
    let listing = async || {
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let before = SystemClock.now();
            assert_eq!(staging.get("/objects").await.status(), StatusCode::OK);
            best = best.min(SystemClock.now().since(before).std());
        }
        best
    };
    let quick = listing().await;
    hand.execute("DROP INDEX shares_by_key").await.unwrap();
    let slow = listing().await;
    assert!(slow > quick * 3, "{slow:?} is not much longer than {quick:?}");
    assert!(staging.ok("index list").await.contains("missing"));
    staging.ok("index create catalogue shares_by_key").await;
    assert!(!staging.ok("index list").await.contains("missing"));
    let again = listing().await;
    assert!(again < slow, "{again:?} is as long as {slow:?}");

    // Bloat: reservations that nobody commits, until the database may not grow any more.
    staging.set("metadata database.max_mib 3").await;
    staging.ok("restart metadata").await;
    hand.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
         INSERT INTO reservations (key, size, owner, made_ms)
         SELECT 'abandoned-' || i || hex(zeroblob(40)), 1, 'staging', 1 FROM n",
    )
    .await
    .unwrap();
    let mut full = String::new();
    until("the database is full", async || {
        full = staging.put_error(&format!("f-{}", full.len())).await;
        !full.is_empty()
    })
    .await;
    assert!(staging.metric("metadata", "database_bytes").await > 3_000_000);
    staging.ok("vacuum catalogue").await;
    assert!(staging.metric("metadata", "database_bytes").await < 3_000_000);
    assert_eq!(staging.put("a").await, GOOD);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lagging_and_a_diverging_replica_and_another_primary() {
    let staging = Staging::start().await;
    let follows = async || {
        let both = staging.ok("replication").await;
        let sums: Vec<_> = both
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(6).map(str::to_owned))
            .collect();
        assert_eq!(sums.len(), 2, "{both}");
        sums[0] == sums[1]
    };
    assert_eq!(staging.put("a").await, GOOD);
    until("the replica has it", follows).await;

    // Lag: it asks once an hour.
    staging.set("replica replication.poll_ms 3600000").await;
    staging.ok("restart replica-west").await;
    staging.set("web metadata.read near").await;
    assert_eq!(staging.put("late").await, GOOD);
    until("the east reads near", async || {
        staging.at("web-east", "/objects/late", "staging").await == StatusCode::OK
    })
    .await;
    until("the west is behind", async || {
        staging.at("web-west", "/objects/late", "staging").await == StatusCode::NOT_FOUND
    })
    .await;
    assert!(!follows().await);
    staging.set("replica replication.poll_ms 50").await;
    until("the west has it", async || {
        staging.at("web-west", "/objects/late", "staging").await == StatusCode::OK
    })
    .await;

    // Somebody changes the replica by hand.
    staging.open("catalogue-west").await.execute("DELETE FROM objects WHERE key = 'obj-7'").await.unwrap();
    assert!(!follows().await);
    staging.ok("resync replica-west").await;
    until("the same again", follows).await;

    // Another primary, with a change that the old one ships on the way.
    assert_eq!(staging.put("last").await, GOOD);
    let said = staging.ok("promote replica-west").await;
    assert!(said.contains("metadata takes no more writes\n"), "{said}");
    assert!(said.ends_with("replica-west is the primary, term 2\n"), "{said}");
    let good = || Some(String::new());
    until("writes go on", async || staging.put_everywhere("b").await == good()).await;
    assert_eq!(staging.get("/objects/last").await.status(), StatusCode::OK);
    until("the old one follows", follows).await;
    assert!(staging.ctl("promote replica-west").await.unwrap_err().to_string().contains("already"));

    // The primary is lost with what it has not shipped; the other takes over and the lost one has gone another way.
    staging.set("metadata replication.poll_ms 3600000").await;
    staging.ok("restart metadata").await;
    assert_eq!(staging.put("unshipped").await, GOOD);
    let (_, lost) = staging.instances.lock().await.remove("replica-west").unwrap();
    lost.drain().await;
    let said = staging.ok("promote metadata").await;
    assert!(said.starts_with("replica-west does not answer"), "{said}");
    until("writes go on", async || staging.put_everywhere("c").await == good()).await;
    let back = super::run_instance(&staging.root, "replica-west").await;
    staging.instances.lock().await.insert("replica-west".to_owned(), (9, back));
    until("it has diverged", async || staging.ok("replication").await.contains("diverged")).await;
    staging.ok("resync replica-west").await;
    until("the same again", follows).await;
    assert_eq!(staging.get("/objects/unshipped").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poisoned_and_runaway_jobs() {
    let staging = Staging::start().await;
    staging.set("queue jobs.retry_ms 0").await;
    staging.set("worker jobs.poll_ms 20").await;
    let jobs = async |state: &str| staging.sum("queue", &["queue_jobs", state]).await;
    let add = async |kind: &str, payload: &str| {
        let url = format!("http://{}/jobs", staging.layout.queues[0].address);
        let job = json!({ "kind": kind, "payload": payload });
        let made: Value = staging.client.post(url).json(&job).send().await.unwrap().json().await.unwrap();
        made["id"].as_i64().unwrap()
    };
    // Work as it should be.
    add("checksum", r#"{"key": "obj-1"}"#).await;
    until("it is done", async || staging.metric("queue", "queue_done_total").await == 1).await;

    // A poison message fails until it is put aside; a damaged copy does the same and can be mended.
    let poison = add("checksum", "no JSON").await;
    until("it is dead", async || jobs("dead").await == 1.0).await;
    let list = staging.ok("queue list --state dead").await;
    assert!(list.contains("the payload cannot be read"), "{list}");
    staging.ok(&format!("queue purge {poison}")).await;
    let copy = staging.volume("storage-west/obj-1");
    let sound = std::fs::read(&copy).unwrap();
    std::fs::write(&copy, [&sound[..8], b"rot"].concat()).unwrap();
    let damaged = add("checksum", r#"{"key": "obj-1"}"#).await;
    until("it is dead", async || jobs("dead").await == 1.0).await;
    assert!(staging.ok(&format!("queue show {damaged}")).await.contains("is not what was uploaded"));
    std::fs::write(&copy, sound).unwrap();
    staging.ok(&format!("queue requeue {damaged}")).await;
    until("it is done", async || staging.metric("queue", "queue_done_total").await == 2).await;
    assert_eq!(jobs("dead").await, 0.0);

    // Runaway jobs take every slot of both workers, and nothing else is done.
    let mut runaway = Vec::new();
    for _ in 0..2 {
        runaway.push(add("scrub", r#"{"node": "storage-east", "passes": 1000000}"#).await);
    }
    until("all slots are taken", async || jobs("running").await == 2.0).await;
    add("checksum", r#"{"key": "obj-2"}"#).await;
    until("it waits", async || staging.sum("queue", &["queue_longest_seconds"]).await >= 2.0).await;
    assert_eq!(jobs("waiting").await, 1.0);
    assert!(staging.sum("worker-east", &["worker_job_seconds", "scrub"]).await > 0.5);
    for id in runaway {
        staging.ok(&format!("queue dead-letter {id}")).await;
    }
    until("it is done", async || staging.metric("queue", "queue_done_total").await == 3).await;
    assert_eq!((jobs("running").await, jobs("dead").await), (0.0, 2.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_heavy_users_skewed_clocks_and_rotated_credentials() {
    let staging = Staging::start().await;
    staging.set("web session.cache_ms 0").await;
    // A flood of bots.
    let bot = async || {
        let url = format!("http://{}/objects/obj-1", staging.layout.front_door);
        let request = staging.client.get(url).header("authorization", "Bearer staging");
        request.header("user-agent", "hungry-bot/2").send().await.unwrap().status()
    };
    for _ in 0..20 {
        assert_eq!(bot().await, StatusCode::OK);
    }
    assert_eq!(staging.sum("edge", &["edge_client_requests_total", "hungry-bot/2"]).await, 20.0);
    staging.ok("block agent hungry-bot").await;
    until("bots are turned away", async || bot().await == StatusCode::FORBIDDEN).await;
    assert_eq!(staging.get("/objects/obj-1").await.status(), StatusCode::OK);
    assert_eq!(staging.ok("rules").await, "blocked  agent hungry-bot\n");
    staging.ok("unblock agent hungry-bot").await;
    until("bots are let in", async || bot().await == StatusCode::OK).await;
    // A drained instance gets nothing.
    staging.ok("drain web-west").await;
    until("it is drained", async || {
        let before = staging.sum("web-west", &["http_requests_total"]).await;
        for _ in 0..4 {
            staging.get("/objects/obj-1").await;
        }
        staging.sum("web-west", &["http_requests_total"]).await == before
    })
    .await;
    assert!(staging.ctl("drain web-east").await.is_err());
    staging.ok("undrain web-west").await;

    // A user who fills what they may.
    staging.set("metadata quota.user_mib 1").await;
    let token = staging.token_of("hog").await;
    let put = async |n: usize| {
        let url = format!("http://{}/objects/hog-{n}", staging.layout.front_door);
        let request = staging.client.put(url).header("authorization", format!("Bearer {token}"));
        request.body(vec![1_u8; 200 * 1024]).send().await.unwrap()
    };
    for n in 0..5 {
        assert_eq!(put(n).await.status(), GOOD);
    }
    assert_eq!(body(put(6).await).await["error"], "quota_exceeded");
    let list = staging.ok("quota list").await;
    let users: Vec<_> = list.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(users, ["staging", "hog"], "{list}");
    staging.ok("quota purge hog").await;
    assert!(!staging.volume("storage-west/hog-1").exists());
    assert_eq!(put(6).await.status(), GOOD);
    staging.set("metadata quota.user_mib 32").await;

    // A clock that is two hours ahead refuses tokens that are an hour good.
    let at = async |web: &str| staging.at(web, "/objects/obj-1", &token).await;
    assert_eq!(at("web-west").await, StatusCode::OK);
    std::fs::write(staging.machine_file("web-west", "clock"), "7200000\n").unwrap();
    until("the west refuses", async || at("web-west").await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(at("web-east").await, StatusCode::OK);
    assert!(staging.ok("clock list").await.contains("+7200."));
    staging.ok("clock sync web-west").await;
    until("the west lets in", async || at("web-west").await == StatusCode::OK).await;

    // A credential that session did not get.
    std::fs::write(staging.machine_file("session", "credential"), "something else\n").unwrap();
    until("session refuses", async || staging.get("/objects/obj-1").await.status() == UNAVAILABLE).await;
    let shown = staging.ok("token show").await;
    let prints: std::collections::BTreeSet<_> =
        shown.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(prints.len(), 2, "{shown}");
    staging.ok("token rotate").await;
    until("session answers", async || staging.get("/objects/obj-1").await.status() == StatusCode::OK).await;
    assert_eq!(staging.put("a").await, GOOD);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_certificate_a_traced_request_and_the_way_back() {
    let staging = Staging::start().await;
    let shown = staging.layout.certificates[0].clone();
    let address: SocketAddr = shown.address.parse().unwrap();
    let over_tls = async || {
        let authority = reqwest::Certificate::from_pem(&std::fs::read(&shown.authority).unwrap()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([authority]);
        let client = client.resolve(&shown.subject, address).build().unwrap();
        let url = format!("https://{}:{}/objects/obj-1", shown.subject, address.port());
        let answer = client.get(url).header("authorization", "Bearer staging").send().await;
        answer.map(|answer| answer.status()).map_err(|err| format!("{err:?}"))
    };
    assert_eq!(over_tls().await, Ok(StatusCode::OK));
    let key = std::fs::read_to_string(&shown.authority_key).unwrap();
    let expired = tls::issue(&key, At::from_millis(0), SystemClock.now() - Span::from_mins(1)).unwrap();
    std::fs::write(&shown.path, expired.certificate).unwrap();
    std::fs::write(&shown.key, expired.key).unwrap();
    until("clients refuse it", async || over_tls().await.is_err_and(|err| err.contains("Expired"))).await;
    assert!(staging.ok("certificate show").await.contains("state      expired"));
    assert!(staging.sum("edge", &["certificate_expires_in_seconds"]).await < 0.0);
    assert_eq!(staging.get("/objects/obj-1").await.status(), StatusCode::OK);
    staging.ok("certificate renew").await;
    until("clients take it", async || over_tls().await == Ok(StatusCode::OK)).await;

    // One request through all services, jobs included.
    staging.set("web jobs.checksum_every 1").await;
    until("a trace from the edge to the worker", async || {
        let url = format!("http://{}/objects/traced", staging.layout.front_door);
        let request = staging.client.put(url).header("authorization", "Bearer staging").body("x");
        request.header("x-request-id", "trace-7").send().await.unwrap();
        let trace = staging.ctl("trace trace-7").await.unwrap_or_default();
        ["edge ", "web-", "session ", "metadata ", "storage-east ", "storage-west ", "queue ", "worker-"]
            .iter()
            .all(|service| trace.contains(&format!(" {service}")))
    })
    .await;
    assert!(staging.ctl("trace trace-8").await.unwrap_err().to_string().contains("no log has a line"));
    let top = staging.ok("top").await;
    assert_eq!(top.lines().count(), 13, "{top}");

    // Back to the beginning with one command.
    staging.ok("block path /objects/obj-2").await;
    staging.set("web pool.size 3").await;
    staging.ok("reset --yes").await;
    assert_eq!(staging.get("/objects/traced").await.status(), StatusCode::NOT_FOUND);
    assert!(staging.get("/objects/obj-2").await.text().await.unwrap().starts_with("obj-2 as"));
    assert_eq!(staging.metric("web-east", "pool_size").await, 16);
    assert_eq!(staging.ok("rules").await, "nothing is blocked, nothing is drained\n");
    assert_eq!(over_tls().await, Ok(StatusCode::OK));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn previews_follow_their_objects_until_nobody_makes_them() {
    let staging = Staging::start().await;
    let large = |byte: u8| vec![byte; 8 * 1024];
    let preview = async |key: &str| {
        let answer = staging.get(&format!("/objects/{key}/preview")).await;
        (answer.status(), answer.bytes().await.unwrap())
    };
    let shows = async |key: &str, byte: u8| preview(key).await.1.last() == Some(&byte);
    // A fresh Depot has them, and small objects have none.
    assert_eq!(preview("obj-7").await.0, StatusCode::OK);
    assert_eq!(staging.put("small").await, GOOD);
    assert_eq!(preview("small").await.0, StatusCode::NOT_FOUND);
    assert_eq!(preview("never-stored").await.0, StatusCode::NOT_FOUND);
    assert_eq!(staging.ask(Method::PUT, "/objects/cat", large(10)).await.status(), GOOD);
    until("the cat has a preview", async || shows("cat", 10).await).await;
    for node in ["storage-east", "storage-west"] {
        until("a copy in each datacenter", async || staging.volume(node).join(".preview-cat").exists()).await;
    }
    assert!(!staging.ok("queue list").await.contains("dead"));

    // Nobody works: the picture before is served until it is late, and then refused.
    staging.set("web previews.late_ms 3600000").await;
    let mut gone = Vec::new();
    for worker in ["worker-east", "worker-west"] {
        gone.push(staging.instances.lock().await.remove(worker).unwrap());
    }
    for (_, worker) in gone {
        worker.drain().await;
    }
    assert_eq!(staging.ask(Method::PUT, "/objects/cat", large(200)).await.status(), GOOD);
    assert!(shows("cat", 10).await, "the cat before");
    staging.set("web previews.late_ms 1500").await;
    until("it is late", async || preview("cat").await.0 == UNAVAILABLE).await;
    let late = body(staging.get("/objects/cat/preview").await).await;
    assert_eq!(late["error"], "preview_late");
    assert_eq!(staging.get("/objects/cat").await.status(), StatusCode::OK);
    assert!(staging.ok("queue list --state waiting").await.contains("preview"));
    let late = ["web_previews_total", "late"];
    assert!(staging.sum("web-east", &late).await + staging.sum("web-west", &late).await >= 1.0);

    // Somebody works again, and the newest picture is shown.
    let running = super::run_instance(&staging.root, "worker-west").await;
    staging.instances.lock().await.insert("worker-west".to_owned(), (2, running));
    until("the newest cat", async || shows("cat", 200).await).await;
    assert!(staging.sum("worker-west", &["worker_preview_delay_seconds"]).await > 1.0);
    // What is thrown away is thrown away with its preview.
    staging.ok("quota purge staging").await;
    assert!(!staging.volume("storage-west/.preview-cat").exists());
}
