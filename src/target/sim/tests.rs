//! Each fault bites, is undone and is repaired; tokens and leases keep to the agent's rules.

use super::*;
use crate::{
    base::ClassName,
    clock::VirtualClock,
    fault::{Presence, protocol::State as Standing},
};
use serde_json::json;

const START: At = At::from_millis(1_800_000_000_000);
const LEASE_MS: u64 = 120_000;

/// Two datacenters with Depot's parts. Written here, because rooms on the same floor do not know each other.
fn target() -> TargetDescription {
    let service = |name: &str, component: &str, datacenter: &str| json!({"name": name, "component": component, "datacenter": datacenter, "about": ""});
    let link = |from: &str, to: &str, ms: u64| json!({"name": format!("{from}-{to}"), "from": from, "to": to, "distance": format!("{ms}ms")});
    let probe = |name: &str, service: &str| {
        let ask = json!({"http": {"service": service, "path": "/health"}});
        json!({"name": name, "about": "", "ask": ask, "timeout": "2s"})
    };
    serde_json::from_value(json!({
        "name": "small", "driver": "depot", "datacenters": ["east", "west"],
        "services": [
            service("metadata", "metadata", "east"), service("session", "session", "east"),
            service("storage-east", "storage", "east"), service("storage-west", "storage", "west"),
            service("web-east", "web", "east"), service("web-west", "web", "west"), service("edge", "edge", "east"),
        ],
        "links": [
            link("edge", "web-east", 0), link("edge", "web-west", 15),
            link("web-east", "session", 0), link("web-west", "session", 15),
            link("web-east", "metadata", 0), link("web-west", "metadata", 15),
            link("web-east", "storage-east", 0), link("web-east", "storage-west", 15),
            link("web-west", "storage-east", 15), link("web-west", "storage-west", 0),
        ],
        "volumes": [
            {"name": "storage-east", "service": "storage-east", "size_mib": 64},
            {"name": "storage-west", "service": "storage-west", "size_mib": 64},
        ],
        "files": [{"name": "web", "component": "web"}, {"name": "storage", "component": "storage"}],
        "parts": [
            {"name": "catalogue", "kind": "database", "service": "metadata"},
            {"name": "edge", "kind": "certificate", "service": "edge"},
            {"name": "registry", "kind": "registry", "service": "session"},
            {"name": "queue", "kind": "queue", "service": "session"},
        ],
        "probes": [probe("front-door", "edge"), probe("catalogue", "metadata"),
            {"name": "encrypted", "about": "", "ask": {"tls": {"service": "edge", "path": "/health"}}, "timeout": "2s"}],
        "operations": [
            "depotctl list", "depotctl restart {service}", "depotctl reload {component}",
            "depotctl logs {instance}", "depotctl releases {component}", "depotctl deploy {component} {version}",
            "depotctl rollback {component}", "depotctl config {component}",
            "depotctl set {component} {key} {value}", "depotctl metrics {instance}", "depotctl explode {component}",
            "depotctl registry register {instance}",
        ],
        "caps": {"services": 4, "links": 4, "volumes": 1},
    }))
    .unwrap()
}

fn workload() -> WorkloadShape {
    let class = |name: &str, rate: f64, method: &str, path: &str, body_bytes: usize| {
        json!({"name": name, "rate": rate, "method": method, "path": path, "keys": 300, "body_bytes": body_bytes,
            "headers": {}, "expect": {"status": [200], "within": "2s"}})
    };
    serde_json::from_value(json!({"classes": [
        class("put", 40.0, "PUT", "/objects/obj-{n}", 2048),
        class("get", 40.0, "GET", "/objects/obj-{n}", 0),
        class("list", 5.0, "GET", "/objects?limit=20", 0),
        class("login", 3.0, "POST", "/sessions", 32),
    ]}))
    .unwrap()
}

/// A target, its clock and somebody who breaks it.
struct Rig {
    sim: Sim,
    clock: VirtualClock,
    now: At,
    fence: Fence,
}

impl Rig {
    async fn new() -> Self {
        let clock = VirtualClock::starting_at(START);
        let sim = Sim::new(Arc::new(clock.clone()), target(), workload(), Seed(7));
        sim.start(START).await;
        Self { sim, clock, now: START, fence: Fence { epoch: 1, seq: 1 } }
    }

    async fn pass(&mut self, ms: u64) {
        self.now = self.now + Span::from_millis(ms);
        let _hold = self.clock.hold();
        self.clock.sleep_until(self.now).await;
    }

    /// What users meet in the next ten seconds.
    async fn seconds(&mut self, count: u64) -> BTreeMap<ClassName, Tally> {
        let mut sum: BTreeMap<ClassName, Tally> = BTreeMap::new();
        for _ in 0..count {
            let second = self.now;
            self.pass(1000).await;
            for (class, tally) in self.sim.measure(second).await.classes {
                let before = sum.remove(&class).unwrap_or_default();
                sum.insert(class, before.with(tally));
            }
        }
        sum
    }

    /// The failed share of each class over ten seconds: put, get, list, login.
    async fn failing(&mut self) -> [f64; 4] {
        let sum = self.seconds(10).await;
        ["put", "get", "list", "login"].map(|name| sum[&name.parse::<ClassName>().unwrap()].failed_share())
    }

    fn arm_of(&self, id: &str, fault: serde_json::Value) -> Arm {
        Arm {
            id: id.parse().unwrap(),
            fault: serde_json::from_value(fault).unwrap(),
            fence: self.fence,
            lease_ms: LEASE_MS,
            deadline_ms: 3_600_000,
        }
    }

    async fn inject(&self, id: &str, fault: serde_json::Value) -> Arm {
        let arm = self.arm_of(id, fault);
        assert_eq!(self.presence(&arm).await, Presence::Clean, "before");
        self.sim.arm(&arm).await.unwrap();
        assert_eq!(self.presence(&arm).await, Presence::Clean, "armed");
        self.sim.inject(&arm.id, arm.fence).await.unwrap();
        assert_eq!(self.presence(&arm).await, Presence::Present, "injected");
        arm
    }

    async fn presence(&self, arm: &Arm) -> Presence {
        self.sim.inspect(&arm.id, &arm.fault).await.unwrap().presence
    }

    async fn undo(&self, arm: &Arm) -> Undone {
        self.sim.undo(&arm.id, arm.fence).await.unwrap()
    }

    async fn run(&self, line: &str) -> (Option<i32>, String) {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        self.sim.operate(&argv).await
    }

    async fn good(&self, line: &str) {
        let (exit, output) = self.run(line).await;
        assert_eq!(exit, Some(0), "{line}: {output}");
    }

    fn state_of(&self, arm: &Arm) -> Standing {
        self.sim.injections().into_iter().find(|listed| listed.id == arm.id).unwrap().state
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, HandError>) -> String {
    match result {
        Err(HandError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

fn pool_roll_out() -> serde_json::Value {
    json!({"kind": "release-roll-out", "service": "web", "release": "2026.11.3", "key": "pool.size", "value": "2"})
}

fn hang() -> serde_json::Value {
    json!({"kind": "process-stop", "service": "session"})
}

#[tokio::test]
async fn health_is_no_failure_and_every_second_has_its_users() {
    let mut rig = Rig::new().await;
    let sum = rig.seconds(60).await;
    assert_eq!(sum[&"put".parse().unwrap()].sent, 2400);
    assert_eq!(sum[&"login".parse().unwrap()].sent, 180);
    for (class, tally) in sum {
        assert_eq!(tally.failed, 0, "{class}");
        assert!(tally.p50_ms > 5 && tally.p99_ms < 400, "{class}: {tally:?}");
    }
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn a_second_is_the_same_whoever_asks_and_when() {
    let (a, b) = (Rig::new().await, Rig::new().await);
    for rig in [&a, &b] {
        rig.inject("gd-1", pool_roll_out()).await;
    }
    let second = |n: u64| START + Span::from_secs(n);
    let (mut forth, mut back) = (Vec::new(), Vec::new());
    for n in 0..8 {
        forth.push(a.sim.measure(second(n)).await);
        back.push(b.sim.measure(second(7 - n)).await);
    }
    back.reverse();
    assert_eq!(forth, back);
    let mut different = forth.clone();
    different.dedup();
    assert!(different.len() > 4, "seconds differ from each other");
    a.undo(&a.arm_of("gd-1", pool_roll_out())).await;
    assert_eq!(a.sim.measure(second(3)).await, forth[3], "what was seen stays as it was seen");
    assert_eq!(a.sim.measure(START - Span::from_secs(1)).await, Bucket::default(), "before the start");
    a.sim.stop().await;
    assert_eq!(a.sim.measure(second(9)).await, Bucket::default(), "after the stop");
}

#[tokio::test]
async fn a_small_pool_turns_a_part_away_until_the_roll_back() {
    let mut rig = Rig::new().await;
    let arm = rig.inject("gd-1", pool_roll_out()).await;
    let [put, get, list, login] = rig.failing().await;
    assert!((0.08..0.8).contains(&put) && (0.04..0.8).contains(&get), "{put} {get}");
    assert_eq!((list, login), (0.0, 0.0));
    assert!(rig.run("depotctl releases web").await.1.contains("* 2026.11.3"));
    assert!(rig.sim.is_pristine().is_err());
    rig.good("depotctl rollback web").await;
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.presence(&arm).await, Presence::Clean);
    assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
    assert!(!rig.run("depotctl releases web").await.1.contains("2026.11.3"));
}

#[tokio::test]
async fn a_roll_out_is_undone_or_left_to_who_has_worked_on_it() {
    let mut rig = Rig::new().await;
    let arm = rig.inject("gd-1", pool_roll_out()).await;
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    assert_eq!(rig.undo(&arm).await, Undone::Restored, "an undo may be said twice");
    assert_eq!(rig.sim.is_pristine(), Ok(()));
    let arm = rig.inject("gd-2", pool_roll_out()).await;
    rig.good("depotctl set web pool.size 20").await;
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.presence(&arm).await, Presence::Diverged);
    assert_eq!(rig.undo(&arm).await, Undone::Diverged);
    assert_eq!(rig.state_of(&arm), Standing::Diverged);
    assert!(rig.run("depotctl config web").await.1.contains("pool.size = 20"), "hands off");
    assert_eq!(rig.sim.is_pristine(), Ok(()), "all that differs is what a responder wrote");
}

#[tokio::test]
async fn a_stopped_session_fails_everything_when_tokens_are_forgotten() {
    let mut rig = Rig::new().await;
    let arm = rig.inject("gd-1", hang()).await;
    let first = rig.seconds(1).await;
    assert_eq!(first[&"put".parse().unwrap()].failed, 0, "tokens are remembered");
    assert!(first[&"login".parse().unwrap()].failed == 3, "logins fail at once");
    rig.seconds(2).await;
    assert_eq!(rig.failing().await, [1.0; 4]);
    rig.good("depotctl restart session").await;
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean);
    let arm = rig.inject("gd-2", hang()).await;
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn killed_processes_stay_down_until_undo_or_restart() {
    let mut rig = Rig::new().await;
    let kill = |service: &str| json!({"kind": "process-kill", "service": service});
    let web = rig.inject("gd-1", kill("web-west")).await;
    assert_eq!(rig.failing().await, [0.0; 4], "the edge goes to the other one");
    let metadata = rig.inject("gd-2", kill("metadata")).await;
    assert_eq!(rig.failing().await, [1.0, 1.0, 1.0, 0.0]);
    assert!(!rig.sim.ask(&"catalogue".parse().unwrap()).await.good);
    assert!(rig.sim.ask(&"front-door".parse().unwrap()).await.good);
    assert!(!rig.sim.ask(&"no-such".parse().unwrap()).await.good);
    assert_eq!(rig.undo(&metadata).await, Undone::Restored);
    assert!(rig.sim.ask(&"catalogue".parse().unwrap()).await.good);
    assert_eq!(rig.failing().await, [0.0; 4]);
    rig.good("depotctl restart web-west").await;
    assert_eq!(rig.presence(&web).await, Presence::Clean);
    assert_eq!(rig.undo(&web).await, Undone::AlreadyClean);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn a_slow_crossing_fails_uploads_until_the_near_side_serves() {
    let mut rig = Rig::new().await;
    let slow =
        |link: &str| json!({"kind": "link-latency", "link": link, "latency_ms": 1500, "jitter_ms": 50});
    let one = rig.inject("gd-1", slow("web-east-storage-west")).await;
    let two = rig.inject("gd-2", slow("web-west-storage-east")).await;
    let [put, get, list, login] = rig.failing().await;
    assert!(put > 0.8 && (0.4..1.0).contains(&get), "{put} {get}");
    assert_eq!((list, login), (0.0, 0.0));
    rig.good("depotctl set web storage.policy near").await;
    assert!(rig.failing().await[1] > 0.1, "downloads still cross");
    rig.good("depotctl set web storage.read near").await;
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.presence(&one).await, Presence::Present, "the way is as slow as before");
    for arm in [&one, &two] {
        assert_eq!(rig.undo(arm).await, Undone::Restored);
    }
    assert_eq!(rig.sim.is_pristine(), Ok(()), "the responders' settings are theirs");
}

#[tokio::test]
async fn a_broken_link_fails_what_crosses_it() {
    let link = "web-east-metadata";
    for fault in [
        json!({"kind": "link-down", "link": link}),
        json!({"kind": "link-reset", "link": link}),
        json!({"kind": "link-bandwidth", "link": link, "rate_kb_s": 0}),
        json!({"kind": "link-timeout", "link": link}),
        json!({"kind": "link-timeout", "link": link, "timeout_ms": 300}),
        json!({"kind": "link-loss", "link": link, "percent": 100}),
        json!({"kind": "link-limit-data", "link": link, "bytes": 1}),
        json!({"kind": "link-http", "link": link, "act": {"status": 503}}),
        json!({"kind": "link-http", "link": link, "act": "abort"}),
        json!({"kind": "link-slicer", "link": link, "average_size": 1, "delay_us": 500_000}),
    ] {
        let mut rig = Rig::new().await;
        let arm = rig.inject("gd-1", fault.clone()).await;
        let [put, get, list, login] = rig.failing().await;
        for share in [put, get, list] {
            assert!((0.3..0.75).contains(&share), "half of all goes through web-east: {share}, {fault}");
        }
        assert_eq!(login, 0.0, "{fault}");
        assert_eq!(rig.undo(&arm).await, Undone::Restored);
        assert_eq!(rig.failing().await, [0.0; 4], "{fault}");
        assert_eq!(rig.sim.is_pristine(), Ok(()));
    }
}

#[tokio::test]
async fn a_share_of_the_connections_fails_a_share_of_the_requests() {
    let mut rig = Rig::new().await;
    let link = "web-east-metadata";
    let whole = json!({"kind": "link-reset", "link": link});
    let arm = rig.inject("gd-1", whole).await;
    let all = rig.failing().await[2];
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    let part = json!({"kind": "link-reset", "link": link, "only": {"toxicity_percent": 30}});
    let arm = rig.inject("gd-2", part).await;
    let some = rig.failing().await[2];
    assert!(some > 0.0 && some < all * 0.6, "{some} of {all}");
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    assert_eq!(rig.failing().await, [0.0; 4]);
}

#[tokio::test]
async fn a_full_volume_fails_uploads_alone() {
    let mut rig = Rig::new().await;
    let fill = |percent: u8| json!({"kind": "volume-fill", "volume": "storage-west", "percent": percent});
    let arm = rig.inject("gd-1", fill(80)).await;
    assert_eq!(rig.failing().await, [0.0; 4], "there is room");
    assert!(rig.run("depotctl metrics storage-west").await.1.contains("volume_used_percent 80"));
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    let arm = rig.inject("gd-2", fill(100)).await;
    assert_eq!(rig.failing().await, [1.0, 0.0, 0.0, 0.0]);
    rig.good("depotctl set web storage.policy near").await;
    let put = rig.failing().await[0];
    assert!((0.3..0.7).contains(&put), "the east has room: {put}");
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    assert_eq!(rig.failing().await, [0.0; 4]);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn an_edited_file_is_undone_repaired_or_left_alone() {
    let mut rig = Rig::new().await;
    let edit = json!({"kind": "file-edit", "file": "web", "key": "pool.size", "value": "1"});
    let arm = rig.inject("gd-1", edit.clone()).await;
    assert!(rig.failing().await[0] > 0.1);
    assert_eq!(rig.sim.is_pristine(), Err(vec!["web 2026.11.2: pool.size is 1 and not 16".to_owned()]));
    assert_eq!(rig.undo(&arm).await, Undone::Restored);
    assert_eq!(rig.failing().await, [0.0; 4]);
    let arm = rig.inject("gd-2", edit.clone()).await;
    rig.good("depotctl set web pool.size 16").await;
    assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
    let arm = rig.inject("gd-3", edit).await;
    rig.good("depotctl set web pool.size 32").await;
    assert_eq!(rig.undo(&arm).await, Undone::Diverged);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn what_lies_on_a_part_is_felt_where_it_should_be_and_lifted() {
    let entry =
        |instance: &str| json!({"kind": "registry-remove", "registry": "registry", "instance": instance});
    // The failed share of put, get, list, login, each from and to.
    let (none, few, some, all) = ((0.0, 0.0), (0.0, 0.2), (0.2, 0.8), (1.0, 1.0));
    for (fault, felt) in [
        (json!({"kind": "volume-read-only", "volume": "storage-west"}), [all, none, none, none]),
        (json!({"kind": "volume-inodes", "volume": "storage-west", "free": 0}), [all, none, none, none]),
        (
            json!({"kind": "volume-rest", "volume": "storage-west", "free_bytes": 4096}),
            [all, none, none, none],
        ),
        (json!({"kind": "database-lock", "database": "catalogue"}), [all, none, none, none]),
        (json!({"kind": "process-throttle", "service": "metadata", "percent": 95}), [none, none, none, none]),
        (
            json!({"kind": "process-restart-loop", "service": "session", "after_ms": 1000}),
            [few, few, few, some],
        ),
        (entry("session"), [all, all, all, all]),
        (entry("metadata"), [all, all, all, none]),
        (entry("web-west"), [none, none, none, none]),
        (entry("storage-west"), [none, none, none, none]),
        (
            json!({"kind": "registry-redirect", "registry": "registry", "instance": "session", "to": "metadata"}),
            [all, all, all, all],
        ),
        (
            json!({"kind": "queue-poison", "queue": "queue", "job": "scrub", "payload": "", "copies": 9}),
            [none, none, none, none],
        ),
        (json!({"kind": "certificate-expired", "certificate": "edge"}), [none, none, none, none]),
        (json!({"kind": "file-mode", "file": "web", "mode": "000"}), [none, none, none, none]),
    ] {
        let mut rig = Rig::new().await;
        let arm = rig.inject("gd-1", fault.clone()).await;
        rig.seconds(3).await;
        let failing = rig.failing().await;
        for (share, (least, most)) in failing.iter().zip(felt) {
            assert!((least..=most).contains(share), "{fault}: {failing:?}");
        }
        assert!(rig.sim.is_pristine().is_err(), "{fault}");
        assert_eq!(rig.undo(&arm).await, Undone::Restored, "{fault}");
        assert_eq!(rig.failing().await, [0.0; 4], "{fault}");
        assert_eq!(rig.sim.is_pristine(), Ok(()), "{fault}");
    }
}

#[tokio::test]
async fn responders_repair_what_lies_on_a_part() {
    let mut rig = Rig::new().await;
    let p95 = async |rig: &mut Rig| rig.seconds(5).await[&"list".parse().unwrap()].p95_ms;
    let healthy = p95(&mut rig).await;
    let slow = json!({"kind": "process-cpu", "service": "metadata", "percent": 5});
    let arm = rig.inject("gd-1", slow).await;
    assert!(p95(&mut rig).await > healthy + 50, "a slow process is felt");
    rig.good("depotctl restart metadata").await;
    assert_eq!(p95(&mut rig).await, healthy, "a new process may run as it likes");
    assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean);

    let lost = json!({"kind": "registry-remove", "registry": "registry", "instance": "session"});
    for (id, repair) in [("gd-2", "registry register"), ("gd-3", "restart"), ("gd-4", "reload")] {
        let arm = rig.inject(id, lost.clone()).await;
        rig.good(&format!("depotctl {repair} session")).await;
        assert_eq!(rig.presence(&arm).await, Presence::Clean, "{repair}");
        assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean, "{repair}");
    }

    let gone = rig.inject("gd-5", json!({"kind": "file-delete", "file": "web"})).await;
    assert_eq!(rig.failing().await, [0.0; 4], "who runs has read it");
    rig.good("depotctl restart web").await;
    assert_eq!(rig.failing().await, [1.0; 4], "who starts cannot");
    assert_eq!(rig.undo(&gone).await, Undone::Restored);
    assert_eq!(rig.failing().await, [0.0; 4]);

    let expired = rig.inject("gd-6", json!({"kind": "certificate-expired", "certificate": "edge"})).await;
    let probe = "encrypted".parse().unwrap();
    assert!(rig.sim.ask(&probe).await.detail.contains("expired"));
    assert_eq!(rig.undo(&expired).await, Undone::Restored);
    assert!(rig.sim.ask(&probe).await.good);
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn what_the_model_does_not_know_is_refused_with_the_reason() {
    let rig = Rig::new().await;
    for (fault, word) in [
        (json!({"kind": "process-clock", "service": "session", "offset_s": 60}), "one clock"),
        (
            json!({"kind": "process-memory", "service": "session", "most_mib": 64}),
            "neither sockets nor memory",
        ),
        (json!({"kind": "traffic-flood", "path": "/", "rate": 5}), "no load beside"),
        (json!({"kind": "database-index", "database": "catalogue", "index": "i"}), "how long a search"),
        (json!({"kind": "database-connections", "database": "catalogue", "free": 0}), "no PostgreSQL"),
        (json!({"kind": "custom", "name": "x"}), "owner"),
        (json!({"kind": "file-replace", "file": "web", "content": ""}), "bytes of files"),
        (json!({"kind": "file-mode", "file": "web", "mode": "400"}), "still read"),
        (json!({"kind": "volume-inodes", "volume": "storage-west", "free": 9}), "count files"),
        (json!({"kind": "database-lock", "database": "none"}), "no database `none`"),
        (json!({"kind": "registry-remove", "registry": "registry", "instance": "nobody"}), "nobody"),
    ] {
        let why = refused(rig.sim.arm(&rig.arm_of("gd-1", fault.clone())).await);
        assert!(why.contains(word), "{fault}: {why}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let rig = Rig::new().await;
    for fault in [
        json!({"kind": "link-down", "link": "nowhere"}),
        json!({"kind": "process-stop", "service": "nobody"}),
        json!({"kind": "process-stop", "service": "web"}),
        json!({"kind": "file-edit", "file": "none", "key": "pool.size", "value": "1"}),
        json!({"kind": "file-edit", "file": "web", "key": "pond.size", "value": "1"}),
        json!({"kind": "file-edit", "file": "web", "key": "pool.size", "value": "16"}),
        json!({"kind": "volume-fill", "volume": "none", "percent": 50}),
        json!({"kind": "volume-fill", "volume": "storage-east", "percent": 1}),
        json!({"kind": "release-roll-out", "service": "web", "release": "2026.11.1", "key": "pool.size", "value": "1"}),
    ] {
        refused(rig.sim.arm(&rig.arm_of("gd-1", fault)).await);
    }
    rig.inject("gd-2", hang()).await;
    let kill = json!({"kind": "process-kill", "service": "session"});
    assert_eq!(refused(rig.sim.arm(&rig.arm_of("gd-3", kill)).await), "`gd-2` holds service session");
}

#[tokio::test]
async fn a_token_is_armed_before_it_is_used_and_used_once() {
    let mut rig = Rig::new().await;
    let arm = rig.arm_of("gd-1", hang());
    refused(rig.sim.inject(&arm.id, arm.fence).await);
    rig.sim.arm(&arm).await.unwrap();
    rig.sim.arm(&arm).await.unwrap();
    let other = Fence { epoch: 1, seq: 2 };
    refused(rig.sim.inject(&arm.id, other).await);
    rig.sim.inject(&arm.id, arm.fence).await.unwrap();
    rig.good("depotctl restart session").await;
    rig.sim.inject(&arm.id, arm.fence).await.unwrap();
    assert_eq!(rig.presence(&arm).await, Presence::Clean, "said twice, done once");
    assert_eq!(rig.undo(&arm).await, Undone::AlreadyClean);
    refused(rig.sim.inject(&arm.id, arm.fence).await);
    refused(rig.sim.arm(&arm).await);
    // Revoked before it was injected, and before it was armed.
    rig.fence = other;
    let (armed, never) = (rig.arm_of("gd-2", hang()), rig.arm_of("gd-3", hang()));
    rig.sim.arm(&armed).await.unwrap();
    for arm in [&armed, &never] {
        rig.sim.revoke(&arm.id, arm.fence).await.unwrap();
        refused(rig.sim.inject(&arm.id, arm.fence).await);
        refused(rig.sim.arm(arm).await);
        assert_eq!(rig.state_of(arm), Standing::Revoked);
    }
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn an_older_engine_is_refused() {
    let mut rig = Rig::new().await;
    let old = rig.arm_of("gd-1", hang());
    rig.sim.arm(&old).await.unwrap();
    rig.fence = Fence { epoch: 2, seq: 9 };
    assert_eq!(rig.sim.heartbeat(2).await, Ok(vec![]));
    for result in [
        rig.sim.inject(&old.id, old.fence).await,
        rig.sim.revoke(&old.id, old.fence).await,
        rig.sim.undo(&old.id, old.fence).await.map(drop),
        rig.sim.heartbeat(1).await.map(drop),
        rig.sim.arm(&Arm { id: "gd-2".parse().unwrap(), ..old.clone() }).await,
    ] {
        assert_eq!(refused(result), "epoch 1 is over: 2 has been seen");
    }
    let again = Arm { fence: rig.fence, ..old.clone() };
    rig.sim.arm(&again).await.unwrap();
    rig.sim.inject(&again.id, again.fence).await.unwrap();
    assert_eq!(rig.sim.take_epoch(), 3);
    assert_eq!(rig.sim.undo(&again.id, Fence { epoch: 3, seq: 10 }).await, Ok(Undone::Restored));
}

#[tokio::test]
async fn a_lease_lasts_as_long_as_the_heartbeat() {
    let mut rig = Rig::new().await;
    let live = rig.inject("gd-1", hang()).await;
    let armed = rig.arm_of("gd-2", pool_roll_out());
    rig.sim.arm(&armed).await.unwrap();
    for _ in 0..20 {
        rig.pass(LEASE_MS / 2).await;
        assert_eq!(rig.sim.heartbeat(1).await, Ok(vec![]));
    }
    assert_eq!(rig.presence(&live).await, Presence::Present);
    rig.pass(LEASE_MS - 1).await;
    assert_eq!(rig.presence(&live).await, Presence::Present);
    rig.pass(1).await;
    assert_eq!(rig.sim.is_pristine(), Ok(()), "evaluated by whoever looks");
    assert_eq!(rig.sim.heartbeat(1).await, Ok(vec![live.id.clone(), armed.id.clone()]));
    assert_eq!((rig.state_of(&live), rig.state_of(&armed)), (Standing::Expired, Standing::Expired));
    refused(rig.sim.inject(&armed.id, armed.fence).await);
    assert_eq!(rig.undo(&live).await, Undone::Restored, "the agent's own undo is what happened");
}

#[tokio::test]
async fn a_deadline_ends_what_heartbeats_keep() {
    let mut rig = Rig::new().await;
    let arm = Arm { deadline_ms: 150_000, ..rig.arm_of("gd-1", hang()) };
    rig.sim.arm(&arm).await.unwrap();
    rig.sim.inject(&arm.id, arm.fence).await.unwrap();
    rig.pass(100_000).await;
    assert_eq!(rig.sim.heartbeat(1).await, Ok(vec![]));
    rig.pass(50_000).await;
    rig.sim.settle();
    assert_eq!(rig.state_of(&arm), Standing::Expired);
    assert_eq!(rig.failing().await, [0.0; 4]);
}

#[tokio::test]
async fn calls_break_before_or_after_their_effect() {
    let rig = Rig::new().await;
    let arm = rig.arm_of("gd-1", hang());
    rig.sim.arm(&arm).await.unwrap();
    for (moment, presence) in [(Moment::Before, Presence::Clean), (Moment::After, Presence::Present)] {
        rig.sim.break_next(Breakage { call: Call::Inject, moment });
        let answer = rig.sim.inject(&arm.id, arm.fence).await;
        assert!(matches!(answer, Err(HandError::Unavailable(_))), "{answer:?}");
        assert_eq!(rig.presence(&arm).await, presence);
    }
    rig.sim.break_next(Breakage { call: Call::Ask, moment: Moment::Before });
    let probe = "front-door".parse().unwrap();
    assert!(!rig.sim.ask(&probe).await.good);
    assert!(rig.sim.ask(&probe).await.good);
    rig.sim.break_next(Breakage { call: Call::Operate, moment: Moment::After });
    assert_eq!(rig.run("depotctl restart session").await.0, None);
    assert_eq!(rig.presence(&arm).await, Presence::Clean, "it had its effect");
}

#[tokio::test]
async fn a_lost_agent_answers_nobody_and_lets_go_by_itself() {
    let mut rig = Rig::new().await;
    let arm = rig.inject("gd-1", hang()).await;
    let handle = rig.sim.clone();
    handle.lose();
    assert!(matches!(rig.sim.undo(&arm.id, arm.fence).await, Err(HandError::Unavailable(_))));
    assert!(matches!(rig.sim.heartbeat(1).await, Err(HandError::Unavailable(_))));
    assert_eq!(rig.failing().await[3], 1.0, "users meet the target, not the agent");
    rig.pass(LEASE_MS).await;
    assert_eq!(rig.failing().await, [0.0; 4]);
    handle.find();
    assert_eq!(rig.sim.heartbeat(1).await, Ok(vec![arm.id.clone()]));
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[tokio::test]
async fn operations_say_what_they_did_or_why_not() {
    let rig = Rig::new().await;
    for (line, exit) in [
        ("depotctl list", 0),
        ("depotctl logs web-east", 0),
        ("depotctl reload web", 0),
        ("depotctl deploy web 2026.11.1", 0),
        ("depotctl deploy web 9", 1),
        ("depotctl restart nobody", 1),
        ("depotctl rollback nobody", 1),
        ("depotctl set web pool.sise 3", 1),
        ("depotctl set web pool.size few", 1),
        ("depotctl set web storage.policy far", 1),
        ("depotctl explode web", 2),
        ("rm -rf web", 2),
    ] {
        let (code, output) = rig.run(line).await;
        assert_eq!(code, Some(exit), "{line}: {output}");
        assert!(!output.is_empty(), "{line}");
    }
    assert!(rig.run("depotctl config web").await.1.contains("pool.size = 12"), "the older release");
    rig.good("depotctl rollback web").await;
    assert!(rig.run("depotctl config web").await.1.contains("pool.size = 16"));
    assert_eq!(rig.sim.is_pristine(), Ok(()));
}

#[test]
fn the_settings_are_those_of_depot() {
    let files = [
        include_str!("../../depot/releases/edge.toml"),
        include_str!("../../depot/releases/web.toml"),
        include_str!("../../depot/releases/session.toml"),
        include_str!("../../depot/releases/metadata.toml"),
        include_str!("../../depot/releases/storage.toml"),
        include_str!("../../depot/releases/registry.toml"),
        include_str!("../../depot/releases/replica.toml"),
        include_str!("../../depot/releases/queue.toml"),
        include_str!("../../depot/releases/worker.toml"),
    ];
    for ((component, settings), text) in world::SETTINGS.iter().zip(files) {
        let document: toml_edit::DocumentMut = text.parse().unwrap();
        let mut found = Vec::new();
        for (table, items) in document.as_table() {
            for (key, value) in items.as_table().unwrap() {
                let value = value.as_value().unwrap().clone().decorated("", "").to_string();
                found.push((format!("{table}.{key}"), value.trim_matches('"').to_owned()));
            }
        }
        let ours: Vec<_> = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        assert_eq!(found, ours, "{component}");
    }
}
