//! Real engines and agents on real files, killed with signal 9 at random moments of a drill. After what a user does
//! next, nothing is left on the target, no value is wrong, and no event that was said to be stored is lost.

mod engine;
mod extra;

pub(crate) use engine::Mortal;

use crate::stage::{run, scenario};
use engine::{CHILD, Engine, Errand, hands};
use extra::{Draw, OwnVolume};
use gameday::{
    agent,
    base::{DrillId, Span},
    clock::{Clock, SystemClock},
    drill::{
        Drill, Phase,
        event::Recorded,
        injection::State,
        plan::{Plan, PlanOptions, PlannedInjection},
    },
    engine::{Conductor, EngineError},
    fault::{Fault, Only},
    scenario::{
        condition::{Condition, Op, Signal, Subject, Test, Threshold},
        pack::{Layout, TargetDescription},
    },
    seed::Seed,
    store::{SqliteStore, Store},
    target::{Injector, absent::Swept, agent_client::AgentClient},
};
use rand::{Rng, RngExt};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, LazyLock},
    thread::JoinHandle,
    time::Duration,
};

/// Worlds that are played in side by side: most of a round is waiting for moments to come.
const WORLDS: u64 = 24;
/// The longest life of an engine that is killed at any moment at all.
const LIFE_MS: u64 = 3500;
/// The longest life of one after its drill has begun; by then every fault has been live for a while.
const DRILL_MS: u64 = 2000;
/// The lease of those rounds in which nobody comes to clean up.
const LEASE: Span = Span::from_secs(3);
/// How long after a lease its faults may stay; generous, because the machine is busy.
const LEASE_SLACK: Span = Span::from_secs(15);
/// How long anything else may take.
const LIMIT: Span = Span::from_secs(60);
/// What the fault adds to a link, each way; an answer that comes in less has met no fault.
const LATENCY_MS: u64 = 2000;
const CONFIG: &str = "# the object API\n[pool]\n# connections\nsize = 16 # per instance\nwait_ms = 250\n";

/// Asks until there is an answer or the time is over.
pub(crate) async fn watch_for<T>(limit: Span, mut seen: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = SystemClock.now() + limit;
    loop {
        if let Some(answer) = seen().await {
            return Some(answer);
        }
        if SystemClock.now() >= end {
            return None;
        }
        pass(10).await;
    }
}

/// Lets the others live for so many milliseconds: this is what the test is about.
async fn pass(ms: u64) {
    SystemClock.sleep_until(SystemClock.now() + Span::from_millis(ms)).await;
}

/// Not a test of its own: the engine that the other tests kill. It says how many events are stored.
#[test]
fn the_engine_that_is_killed() {
    let Some(errand) = std::env::var_os(CHILD) else {
        return;
    };
    let errand: Errand = serde_json::from_str(errand.to_str().unwrap()).unwrap();
    run(errand.conduct());
}

/// What is beside a round's target, round after round.
struct World {
    _own: OwnVolume,
    _folder: tempfile::TempDir,
    layout: Layout,
    link: SocketAddr,
    second: SocketAddr,
    errand: Errand,
    base: Plan,
    agent: Option<(Mortal, bool)>,
    name: String,
}

/// Something that answers with what it is told, for ever.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut byte = [0];
                while (&stream).read_exact(&mut byte).is_ok() && (&stream).write_all(&byte).is_ok() {}
            });
        }
    });
    address
}

impl World {
    fn new(number: u64) -> Self {
        // A kill is not a power cut: what is written to memory survives it like what is written to a disk, and sooner.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(place).unwrap();
        let root = folder.path().canonicalize().unwrap().join("target");
        for name in ["etc", "volume"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        agent::attest(&root, "ana", Span::from_mins(24 * 60)).unwrap();
        let config = root.join("etc/web.toml");
        fs::write(&config, CONFIG).unwrap();
        // Addresses that nobody else takes while an agent is dead.
        let free =
            |host| TcpListener::bind(format!("127.83.{number}.{host}:0")).unwrap().local_addr().unwrap();
        let (link, second) = (free(1), free(2));
        let mut layout = serde_json::json!({
            "target": "small",
            "root": root,
            "addresses": ["127.0.0.0/8"],
            "processes": [],
            "links": [{"link": "l", "listen": link, "upstream": echo(), "distance_ms": 0}],
            "volumes": [{"volume": "v", "path": root.join("volume"), "size_bytes": 200_000}],
            "files": [{"file": "web", "component": "web", "path": config}],
            "releases": [],
            "front_door": "127.0.0.1:1",
        });
        let own = extra::add(&mut layout, &root, &second.to_string());
        let layout: Layout = serde_json::from_value(layout).unwrap();
        fs::write(root.join("layout.json"), serde_json::to_vec(&layout).unwrap()).unwrap();
        let errand = Errand {
            agent: folder.path().join("agent"),
            journal: folder.path().join("journal.db"),
            plan: folder.path().join("plan.json"),
            config,
            root: layout.root.clone(),
            recovers: false,
        };
        fs::create_dir(&errand.agent).unwrap();
        let name = format!("world {number}");
        let mut base = BASE.clone();
        base.target = described(&layout);
        Self { _own: own, _folder: folder, layout, link, second, errand, base, agent: None, name }
    }

    /// A drill that was never played before, with more faults that users need not feel.
    fn deal(&self, seed: Seed, extra: Vec<Fault>) -> DrillId {
        let mut plan = self.base.clone();
        let first = plan.injections[0].clone();
        plan.injections.extend(extra.into_iter().zip(1..).map(|(fault, number)| PlannedInjection {
            related: false,
            at: Span::from_millis(number * 60),
            fault,
            ..first.clone()
        }));
        plan.drill = format!("d-{}", seed.opaque("drill", 10)).parse().unwrap();
        for (number, injection) in plan.injections.iter_mut().enumerate() {
            injection.id = format!("gd-{}", seed.opaque(&format!("injection {number}"), 8)).parse().unwrap();
        }
        fs::write(&self.errand.plan, serde_json::to_vec(&plan).unwrap()).unwrap();
        plan.drill
    }

    /// Has an agent work here, with a short lease or the usual one.
    async fn have_agent(&mut self, short: bool) -> Arc<AgentClient> {
        if self.agent.as_ref().is_none_or(|(_, is_short)| *is_short != short) {
            self.kill_agent();
            let log = File::options().create(true).append(true).open(self.log()).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
            command.args(["agent", "serve", "--root"]).arg(&self.layout.root);
            command.arg("--folder").arg(&self.errand.agent);
            if short {
                command.args(["--lease-max", &LEASE.to_string()]);
            }
            command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            self.agent = Some((Mortal(command.spawn().unwrap()), short));
        }
        let pid = self.agent.as_ref().unwrap().0.0.id();
        let ready = watch_for(LIMIT, async || {
            let client = AgentClient::connect(&self.errand.agent).ok()?;
            let attested = client.attestation().await.ok()?;
            // What a dead agent wrote may still lie there.
            (attested.ready && attested.pid == pid).then_some(client)
        });
        Arc::new(ready.await.expect("the agent gets ready"))
    }

    fn kill_agent(&mut self) {
        if let Some((mut agent, _)) = self.agent.take() {
            agent.kill();
        }
    }

    fn log(&self) -> PathBuf {
        self.errand.agent.with_file_name("agent.log")
    }

    /// Faults that can be seen in the target's files, as anybody sees them who knows nothing of drills.
    fn faults_in_files(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let text = fs::read_to_string(&self.errand.config).unwrap();
        if text != CONFIG {
            faults.push(format!("a wrong configuration: {text}"));
        }
        for (folder, expected) in [("etc", 1), ("volume", 0)] {
            let entries = fs::read_dir(self.layout.root.join(folder)).unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            if names.len() != expected {
                faults.push(format!("in {folder}: {names:?}"));
            }
        }
        faults.extend(extra::faults_in_files(&self.layout.root));
        faults
    }

    /// Whether the link carries data and nothing slows it down.
    fn link_is_good(&self) -> bool {
        talks(self.link, b"x", 1)
    }

    /// The same of the other one, on which a request is answered by whoever is behind it.
    fn second_is_good(&self) -> bool {
        let request = b"GET /health HTTP/1.1\r\nHost: m\r\n\r\n";
        talks(self.second, request, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".len())
    }

    fn assert_files_are_whole(&self, when: &str) {
        assert_eq!(self.faults_in_files(), Vec::<String>::new(), "{when}");
    }

    async fn assert_agent_holds_nothing(&self, agent: &AgentClient, when: &str) {
        let held = agent.injections().await.unwrap();
        assert!(held.iter().all(|one| !one.state.may_have_effect()), "{when}: {held:?}");
        assert!(self.link_is_good(), "{when}: the link is broken");
        assert!(self.second_is_good(), "{when}: the second link is broken");
        extra::assert_databases_are_whole(&self.layout.root, when).await;
        let pids = watch_for(LIMIT, async || {
            let processes = agent.processes().await.unwrap();
            processes.iter().map(|one| one.pid).collect::<Option<Vec<_>>>()
        });
        let pids = pids.await.unwrap_or_else(|| panic!("{when}: a process does not run"));
        assert_eq!(extra::faults_of_processes(pids), Vec::<String>::new(), "{when}");
    }

    /// Takes everything back as `gameday recover` does: through the agent if one lives, else from its folder alone.
    async fn recover(&mut self, drill: &DrillId, journal: &[Recorded], short: bool) {
        let (injector, epoch): (Arc<dyn Injector>, u64) = if self.agent.is_some() {
            let agent = self.have_agent(short).await;
            let epoch = agent.take_epoch().await.unwrap();
            (agent, epoch)
        } else {
            let report = agent::sweep(&self.errand.agent, &self.layout).unwrap();
            assert!(report.is_clean(), "{report:?}");
            (Arc::new(Swept), Drill::fold(journal).map_or(0, |drill| drill.epoch()) + 1)
        };
        if journal.is_empty() {
            return;
        }
        let store = Arc::new(SqliteStore::open(&self.errand.journal).await.unwrap());
        let hands = hands(store.clone(), injector, &self.errand.config);
        match Conductor::take_over(hands, drill, epoch, false).await {
            Ok(mut conductor) => {
                let conducted = tokio::time::timeout(LIMIT.std(), conductor.conduct()).await;
                conducted.expect("recovery ends").unwrap();
            }
            // An engine that was killed during recovery had done it all.
            Err(EngineError::Closed(_)) => {}
            Err(error) => panic!("{error}"),
        }
        store.close().await;
    }

    async fn journal(&self, drill: &DrillId) -> Vec<Recorded> {
        let store = SqliteStore::open(&self.errand.journal).await.unwrap();
        let journal = store.read(drill, 0).await.unwrap();
        store.close().await;
        journal
    }

    /// A recovery that is killed itself, with its agent or without.
    async fn kill_a_recovery(&mut self, rng: &mut impl Rng, counts: &mut Counts) -> u64 {
        self.errand.recovers = true;
        let engine = Engine::start(&self.errand);
        self.errand.recovers = false;
        pass(rng.random_range(0..600)).await;
        counts.count("recoveries killed");
        if rng.random_ratio(1, 2) {
            counts.count("agents killed during recovery");
            self.kill_agent();
        }
        engine.kill()
    }

    /// Kills the engine, its agent, or both. Answers how many events the engine said were stored.
    async fn strike(&mut self, engine: Engine, rng: &mut impl Rng, counts: &mut Counts) -> u64 {
        let victim = rng.random_range(0..3);
        counts.count(["engines killed", "agents killed, engines later", "both killed"][victim]);
        if victim > 0 {
            self.kill_agent();
        }
        if victim == 1 {
            // The engine goes on for a while without it, or with a new one.
            if rng.random_ratio(1, 2) {
                self.have_agent(false).await;
            }
            pass(rng.random_range(0..500)).await;
        }
        engine.kill()
    }

    /// The engine is dead and nobody comes: the agent cleans up, in time.
    async fn assert_the_agent_lets_go(&self, agent: &AgentClient) {
        let clean =
            watch_for(LEASE + LEASE_SLACK, async || self.faults_in_files().is_empty().then_some(())).await;
        if clean.is_none() {
            let held = agent.injections().await;
            panic!("left alone: {:?}; its agent says {held:?}", self.faults_in_files());
        }
        let quiet = watch_for(LEASE_SLACK, async || {
            let held = agent.injections().await.ok()?;
            held.iter().all(|one| !one.state.may_have_effect()).then_some(())
        });
        assert!(quiet.await.is_some(), "left alone: it holds on");
        assert!(self.link_is_good(), "left alone: the link is broken");
    }

    /// Agents that are run again, or are not, and recoveries that are killed themselves.
    async fn trouble(&mut self, begun: bool, rng: &mut impl Rng, counts: &mut Counts) -> u64 {
        let mut stored = 0;
        for _ in 0..2 {
            if self.agent.is_none() && rng.random_ratio(1, 2) {
                counts.count("agents run again");
                self.have_agent(false).await;
            }
            if self.agent.is_some() && begun && rng.random_ratio(1, 4) {
                stored = stored.max(self.kill_a_recovery(rng, counts).await);
            }
        }
        counts.count(if self.agent.is_none() { "recovered by a sweep" } else { "recovered by an agent" });
        stored
    }

    async fn round(&mut self, draw: &Draw, rng: &mut impl Rng, counts: &mut Counts) {
        let alone = rng.random_ratio(1, 8);
        let agent = self.have_agent(alone).await;
        self.assert_files_are_whole("before the round");
        self.assert_agent_holds_nothing(&agent, "before the round").await;
        let drill = self.deal(Seed(rng.next_u64()), draw.faults(rng));

        let engine = Engine::start(&self.errand);
        // A busy machine takes long to begin: most kills wait for that, or they would prove nothing.
        if rng.random_ratio(3, 4) && engine.begun.recv_timeout(LIMIT.std()).is_ok() {
            pass(rng.random_range(0..DRILL_MS)).await;
        } else {
            pass(rng.random_range(0..LIFE_MS)).await;
        }
        let mut stored = if alone { engine.kill() } else { self.strike(engine, rng, counts).await };
        let before = self.journal(&drill).await;
        counts.met(&before);
        let broken = !self.faults_in_files().is_empty();
        counts.count(if broken { "faults in files at the kill" } else { "no fault in files at the kill" });
        if alone {
            counts.count(if broken { "left alone with a fault" } else { "left alone" });
            self.assert_the_agent_lets_go(&agent).await;
        } else {
            stored = stored.max(self.trouble(!before.is_empty(), rng, counts).await);
        }
        let before = self.journal(&drill).await;
        self.recover(&drill, &before, alone).await;

        self.assert_files_are_whole("after recovery");
        let after = self.journal(&drill).await;
        assert!(after.len() as u64 >= stored, "{stored} events were stored, {} are there", after.len());
        assert_eq!(after[..before.len()], before[..]);
        if !after.is_empty() {
            let folded = Drill::fold(&after).unwrap();
            assert_eq!(folded.phase(), Phase::Closed);
            assert!(folded.is_clean(), "{:?}", folded.injections());
            let ids = folded.injections().iter().map(|one| one.planned.id.as_str());
            assert_eq!(extra::control_groups(ids), Vec::<PathBuf>::new(), "after recovery");
        }
        let agent = self.have_agent(alone).await;
        self.assert_agent_holds_nothing(&agent, "after recovery").await;
    }
}

/// Whether an answer of so many bytes comes in less time than with a slow link. A busy machine may need several tries.
fn talks(address: SocketAddr, says: &[u8], bytes: usize) -> bool {
    let limit = Duration::from_millis(LATENCY_MS * 3 / 4);
    let talk = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(says)?;
        let mut answer = vec![0; bytes];
        stream.read_exact(&mut answer)?;
        if bytes == 1 || answer.starts_with(b"HTTP/1.1 200 ") {
            return Ok(());
        }
        Err(std::io::ErrorKind::InvalidData.into())
    };
    (0..5).any(|_| talk().is_ok())
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(20)..].join("\n");
            println!("{}: the end of its agents' log:\n{tail}", self.name);
        }
    }
}

/// The plan of every world, resolved once: scripts have little time, and worlds begin all at once.
static BASE: LazyLock<Plan> = LazyLock::new(plan);

/// A built-in scenario with faults that need no process and conditions that are seen within a second.
fn plan() -> Plan {
    let options =
        PlanOptions { seed: Seed(7), start: SystemClock.now(), autopilot: false, routes: Vec::new() };
    let mut plan = Plan::resolve(&scenario("pool-shrink"), options);
    let faults = [
        Fault::FileEdit { file: "web".into(), key: "pool.size".into(), value: "2".into() },
        Fault::VolumeFill { volume: "v".parse().unwrap(), percent: 90 },
        Fault::LinkLatency {
            link: "l".parse().unwrap(),
            latency_ms: LATENCY_MS,
            jitter_ms: 0,
            only: Only::default(),
        },
    ];
    let planned = |(number, fault): (u64, Fault)| PlannedInjection {
        id: format!("gd-{number}").parse().unwrap(),
        injector: "kill-test".into(),
        related: true,
        at: Span::from_millis(number * 200),
        until: None,
        fault,
    };
    plan.injections = (0..).zip(faults).map(planned).collect();
    let condition = Condition {
        subject: Subject::Class("put".parse().unwrap()),
        tests: vec![Test { signal: Signal::Failed, threshold: Threshold { op: Op::Below, value: 0.05 } }],
        over: Span::from_secs(1),
        held: Span::ZERO,
    };
    plan.steady_state = vec![condition.clone()];
    plan.restored_when = vec![condition.clone()];
    let mut stop = condition.clone();
    stop.tests[0].threshold = Threshold { op: Op::AtMost, value: 1.0 };
    plan.stop_conditions = vec![stop];
    plan.alarms.clear();
    plan.injects.clear();
    plan
}

/// The layout as a plan describes it: a fault whose place is not in there lets no drill begin.
fn described(layout: &Layout) -> TargetDescription {
    let service = |name: &str, component: &str| serde_json::json!({"name": name, "component": component, "datacenter": "east", "about": ""});
    let part = |kind: &str, name: &str| serde_json::json!({"name": name, "kind": kind, "service": "job"});
    let volumes = layout
        .volumes
        .iter()
        .map(|one| serde_json::json!({"name": one.volume, "service": "job", "size_mib": 1}));
    let links = layout.links.iter().map(|one| serde_json::json!({"name": one.link, "from": "job", "to": "web-east", "distance": "0s", "http": one.http}));
    serde_json::from_value(serde_json::json!({
        "name": "small", "driver": "depot", "datacenters": ["east"],
        "services": [service("web-east", "web"), service("job", "job")],
        "links": links.collect::<Vec<_>>(),
        "volumes": volumes.collect::<Vec<_>>(),
        "files": [{"name": "web", "component": "web"}],
        "parts": [part("flags", "flags"), part("database", "catalogue"), part("registry", "registry"),
            part("queue", "queue"), part("certificate", "front"), part("custom", "flag")],
        "probes": [], "operations": [], "caps": {"services": 64, "links": 64, "volumes": 64},
    }))
    .unwrap()
}

/// What the rounds have met: kills at the same harmless moment would prove nothing.
#[derive(Default)]
struct Counts(BTreeMap<String, u64>);

impl Counts {
    fn count(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// The furthest step of a drill that its engine left.
    fn met(&mut self, journal: &[Recorded]) {
        let Ok(drill) = Drill::fold(journal) else {
            assert!(journal.is_empty());
            self.count("at: nothing stored yet");
            return;
        };
        let state = drill.injections().iter().map(|one| one.state).max().unwrap();
        self.count(&format!("at: {}, {}", drill.phase().as_str(), state.as_str()));
        for one in drill.injections().iter().filter(|one| one.told && one.state.may_have_effect()) {
            self.count(&format!("live: {}", one.planned.fault.kind()));
        }
        for one in
            drill.injections().iter().filter(|one| one.state == State::Aborted && drill.outcome().is_none())
        {
            self.count(&format!("did not land: {}: {}", one.planned.fault.kind(), one.why));
        }
    }

    /// The kinds that were on the target in at least one kill.
    fn kinds(&self) -> BTreeSet<&str> {
        self.0.keys().filter_map(|what| what.strip_prefix("live: ")).collect()
    }
}

#[test]
fn nothing_is_left_and_nothing_is_lost_by_a_kill() {
    let kills: u64 =
        std::env::var("GAMEDAY_KILLS").map_or(200, |kills| kills.parse().expect("GAMEDAY_KILLS is a number"));
    let seed = Seed::fresh();
    println!("seed {}", seed.0);
    let mut first = World::new(WORLDS + 3);
    let draw = run(async { Draw::of(&*first.have_agent(false).await).await });
    drop(first);
    let worlds: Vec<_> = (0..WORLDS)
        .map(|number| {
            let draw = draw.clone();
            std::thread::spawn(move || {
                let mut rng = seed.stream(&format!("world {number}"));
                let mut world = World::new(number + 1);
                let mut counts = Counts::default();
                let rounds = kills / WORLDS + u64::from(number < kills % WORLDS);
                run(async {
                    for _ in 0..rounds {
                        world.round(&draw, &mut rng, &mut counts).await;
                        counts.count("rounds");
                    }
                });
                counts
            })
        })
        .collect();
    let mut counts = Counts::default();
    let played: Vec<_> = worlds.into_iter().map(JoinHandle::join).collect();
    for (what, count) in played.into_iter().flat_map(|counts| counts.expect("a world has failed").0) {
        *counts.0.entry(what).or_default() += count;
    }
    for (what, count) in &counts.0 {
        println!("{count:6} {what}");
    }
    assert_eq!(counts.of("rounds"), kills);
    // Enough of them must have hit a broken target, or the check has checked nothing.
    assert!(counts.of("faults in files at the kill") >= kills / 10);
    // With fewer kills than this, chance may pass a kind over.
    if kills >= 500 {
        let missed: Vec<_> = draw.kinds().into_iter().filter(|kind| !counts.kinds().contains(kind)).collect();
        assert!(missed.is_empty(), "never on the target at a kill: {missed:?}");
    }
}

/// The control: the same look at the same target finds the faults when nobody has recovered it.
#[test]
fn the_check_finds_what_a_killed_engine_has_left() {
    let mut world = World::new(WORLDS + 1);
    run(async {
        let agent = world.have_agent(false).await;
        world.assert_agent_holds_nothing(&agent, "before").await;
        let drill = world.deal(Seed::fresh(), Vec::new());
        let begun = SystemClock.now();
        let engine = Engine::start(&world.errand);
        engine.live.recv_timeout(LIMIT.std()).expect("users feel the faults");
        println!("live after {}", SystemClock.now().since(begun));
        let all_live = watch_for(LIMIT, async || {
            let drill = Drill::fold(&world.journal(&drill).await).unwrap();
            drill.injections().iter().all(|one| one.state.as_str() == "live").then_some(())
        });
        all_live.await.expect("every fault gets live");
        let stored = engine.kill();
        assert!(stored > 10);

        let faults = world.faults_in_files();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("size = 2"), "{faults:?}");
        assert!(!world.link_is_good());
        let held = agent.injections().await.unwrap();
        assert_eq!(held.iter().filter(|one| one.state.may_have_effect()).count(), 3);

        let before = world.journal(&drill).await;
        world.recover(&drill, &before, false).await;
        world.assert_files_are_whole("after recovery");
        world.assert_agent_holds_nothing(&agent, "after recovery").await;
    });
}

/// `gameday recover` itself, when engine and agent are gone: the journal alone says where the target lies.
#[test]
fn a_recovery_finds_the_target_by_its_journal() {
    let mut world = World::new(WORLDS + 2);
    run(async {
        world.have_agent(false).await;
        world.deal(Seed::fresh(), Vec::new());
        let engine = Engine::start(&world.errand);
        engine.live.recv_timeout(LIMIT.std()).expect("users feel the faults");
        engine.kill();
        world.kill_agent();
        assert!(!world.faults_in_files().is_empty());
        let home = world.errand.journal.parent().unwrap();
        let recover =
            Command::new(env!("CARGO_BIN_EXE_gameday")).arg("recover").env("GAMEDAY_HOME", home).output();
        let recover = recover.unwrap();
        let said = String::from_utf8_lossy(&recover.stdout);
        assert!(recover.status.success() && said.contains("its folder was swept"), "{recover:?}");
        world.assert_files_are_whole("after recovery");
    });
}
