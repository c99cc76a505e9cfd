//! Real containers at a Docker Engine of the test's own: what is described is found and refused, every fault on a container
//! goes its whole way by the engine's own word and by real traffic, and kills leave nothing.

mod engine;

use crate::{
    cli::{Foreground, folder, gameday, out},
    skip::skip,
};
use engine::{Engine, lacking, program};
use gameday::{
    base::{InjectionId, Span},
    clock::{Clock, SystemClock},
    drill::effect::Arm,
    fault::{Fault, Fence, Presence, Undone, protocol::ACCESS},
    library::{Library, worker::ScriptRunner},
    scenario::{blueprint::Blueprint, pack::Layout},
    staging::{self, Ground, addresses},
    target::{HandError, Injector, agent_client::AgentClient},
};
use serde_json::json;
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

const FENCE: Fence = Fence { epoch: 1, seq: 1 };

/// A container each for everything that matters: a service, a process that ends only when it is killed, one whose address
/// may change.
const TARGET: &str = r#"
format: gameday/target/v1
name: shop
driver: docker
front_door: redis
ranges: [127.0.0.0/8, 10.214.77.0/24]
services:
  redis: {component: cache, container: shop-redis, port: 6379}
  sleeper: {container: shop-sleeper}
  drifter: {container: shop-drifter, port: 6379}
links:
  users-redis: {from: redis, to: redis}
operations:
  states: {run: [docker, ps, --format, "{{.Names}} {{.State}}"]}
"#;

/// An engine with these containers, and their target laid out.
struct Shop {
    engine: Engine,
    home: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let engine = Engine::start().await;
        engine.image("redis", &program("redis-server"));
        engine.image("sleep", &program("sleep"));
        engine.docker(&[
            "network",
            "create",
            "--subnet",
            "10.214.77.0/24",
            "--gateway",
            "10.214.77.1",
            "shop",
        ]);
        let shop = Self { engine, home: folder() };
        shop.redis();
        let sleep = program("sleep");
        // The first process of a container is not ended by a signal that it does not handle.
        shop.make("shop-sleeper", &[LABELLED, &["--network", "none", "sleep", &sleep, "600"]].concat());
        let redis = redis_command();
        shop.make(
            "shop-drifter",
            &[LABELLED, &["--network", "shop"], &redis.each_ref().map(|one| &**one)].concat(),
        );
        shop.make("stranger", &["--network", "none", "sleep", &sleep, "600"]);
        shop
    }

    fn make(&self, name: &str, args: &[&str]) {
        self.engine.docker(&[&["run", "--detach", "--name", name], args].concat());
    }

    fn redis(&self) {
        let place =
            ["--network", "shop", "--ip", "10.214.77.9", "--network-alias", "cache", "--memory", "64m"];
        let redis = redis_command();
        let args =
            [LABELLED, &place, &["--memory-swap", "64m"], &redis.each_ref().map(|one| &**one)].concat();
        self.make("shop-redis", &args);
    }

    async fn lay_out(&self, target: &str, root: &Path) -> Result<Layout, String> {
        fs::write(self.home.path().join("target.yaml"), target).unwrap();
        let blueprint = self.blueprint();
        let number = addresses::free_number(&blueprint).unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_gameday"));
        let host = self.engine.host();
        let ground = Ground {
            name: "shop",
            blueprint: &blueprint,
            root,
            number,
            program: &program,
            docker_host: Some(&host),
        };
        staging::lay_out(ground).await.map_err(|bad| bad.to_string())
    }

    fn blueprint(&self) -> Blueprint {
        let library = Library::new(Vec::new(), ScriptRunner::InProcess);
        let loaded = library.load_target(&self.home.path().join("target.yaml"));
        loaded.unwrap_or_else(|bad| panic!("{}", bad.render(false))).1
    }

    /// The real agent beside the target, as a process that can be killed.
    async fn agent(&self, root: &Path, folder: &Path) -> (Foreground, AgentClient) {
        let paths = [root, folder].map(|path| path.to_str().unwrap());
        let args = ["agent", "serve", "--root", paths[0], "--folder", paths[1]];
        fs::create_dir_all(folder).unwrap();
        let _ = fs::remove_file(folder.join(ACCESS));
        let agent = Foreground::start(self.home.path(), &args);
        let client = self
            .engine
            .watch_for("the agent", async || {
                let client = AgentClient::connect(folder).ok()?;
                client.attestation().await.ok()?.ready.then_some(client)
            })
            .await;
        (agent, client)
    }

    fn sweep(&self, root: &Path, folder: &Path) -> String {
        out(gameday(self.home.path())
            .args(["agent", "sweep", "--root"])
            .arg(root)
            .arg("--folder")
            .arg(folder))
    }
}

const LABELLED: &[&str] = &["--label", "gameday.staging=shop"];

fn redis_command() -> [String; 8] {
    let server = program("redis-server");
    let words = ["redis", server.as_str(), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""];
    words.map(str::to_owned)
}

fn fault(kind: &str, container: &str, more: serde_json::Value) -> Fault {
    let mut fault = json!({"kind": kind, "container": container});
    if let serde_json::Value::Object(more) = more {
        fault.as_object_mut().unwrap().extend(more);
    }
    serde_json::from_value(fault).unwrap()
}

fn arm(id: &InjectionId, fault: &Fault, lease_ms: u64) -> Arm {
    Arm { id: id.clone(), fault: fault.clone(), fence: FENCE, lease_ms, deadline_ms: 600_000 }
}

/// What Redis says to a line within so many seconds, asked through the link's proxy.
fn ask(address: &str, line: &str, within_s: u64) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(within_s)))?;
    stream.write_all(line.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer)?;
    if length == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

fn answers(address: &str) -> bool {
    ask(address, "PING", 1).is_ok_and(|answer| answer.starts_with("+PONG"))
}

/// How long Redis works at something that takes it a while.
fn work(address: &str) -> Span {
    let begin = SystemClock.now();
    let _ = ask(address, "EVAL \"local x = 0 for i = 1, 10000000 do x = x + i end return x\" 0", 60);
    SystemClock.now().since(begin)
}

fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(story)
}

#[test]
fn described_containers_are_found_and_one_that_is_not_labelled_is_refused() {
    if let Some(why) = lacking() {
        return skip(why);
    }
    run(async {
        let shop = Shop::open().await;
        let root = shop.home.path().join("target");
        let layout = shop.lay_out(TARGET, &root).await.unwrap();
        let docker = layout.docker.as_ref().unwrap();
        assert_eq!(docker.socket, shop.engine.socket());
        assert_eq!(layout.front_door, "10.214.77.9:6379");
        assert_eq!(layout.links[0].upstream, "10.214.77.9:6379");
        for (before, after, says) in [
            ("container: shop-redis", "container: stranger", "gameday.staging=shop"),
            ("container: shop-redis", "container: nobody", "there is no container `nobody`"),
            ("name: shop\n", "name: shop\ndocker: {project: none}\n", "has no container of `shop-redis`"),
            ("container: shop-sleeper", "container: shop-sleeper, port: 9", "its port 9 has no address"),
        ] {
            let says_so = shop.lay_out(&TARGET.replace(before, after), &root).await.unwrap_err();
            assert!(says_so.contains(says), "{after}: {says_so}");
        }
        // The second half of a name is not a name, and the beginning of an id is none either.
        let id = shop.engine.word("shop-redis", "{{.Id}}");
        let by_id = TARGET.replace("container: shop-redis", &format!("container: \"{}\"", &id[..12]));
        assert!(shop.lay_out(&by_id, &root).await.unwrap_err().contains("there is no container"));
        // Compose's labels lead to the container, too.
        let labels = [
            "com.docker.compose.project=p",
            "com.docker.compose.service=web",
            "com.docker.compose.oneoff=False",
        ];
        let labels: Vec<_> = labels.iter().flat_map(|label| ["--label", label]).collect();
        let sleep = program("sleep");
        let rest = ["--network", "none", "sleep", &sleep, "600"];
        shop.make("p-web-1", &[LABELLED, &labels, &rest].concat());
        let composed = "format: gameday/target/v1\nname: shop\ndriver: docker\ndocker: {project: p}\nfront_door: web\n\
            services: {web: {container: web, address: \"127.0.0.1:9\"}}\n";
        let layout = shop.lay_out(composed, &root).await.unwrap();
        assert_eq!(layout.docker.unwrap().containers[0].name, "web");
        shop.make("p-web-2", &[LABELLED, &labels, &rest].concat());
        assert!(shop.lay_out(composed, &root).await.unwrap_err().contains("2 containers of `web`"));
    });
}

/// Arms, injects and takes back; the engine's own word is asked at every step.
async fn goes_its_way(shop: &Shop, client: &AgentClient, name: &str, fault: &Fault, hurt: &dyn Fn() -> bool) {
    let id: InjectionId = name.parse().unwrap();
    let container = "shop-redis";
    let before = shop.engine.state(container);
    client.arm(&arm(&id, fault, 60_000)).await.unwrap_or_else(|err| panic!("{name}: {err}"));
    assert_eq!(client.inspect(&id, fault).await.unwrap().presence, Presence::Clean, "{name}");
    assert_eq!(shop.engine.state(container), before, "{name}: only armed");
    shop.engine.watch_for(&format!("peace before {name}"), async || (!hurt()).then_some(())).await;
    client.inject(&id, FENCE).await.unwrap_or_else(|err| panic!("{name}: {err}"));
    let seen = client.inspect(&id, fault).await.unwrap();
    assert_eq!(seen.presence, Presence::Present, "{name}: {}", seen.detail);
    assert_ne!(shop.engine.state(container), before, "{name}: the engine sees nothing of it");
    shop.engine.watch_for(&format!("the pain of {name}"), async || hurt().then_some(())).await;
    client.revoke(&id, FENCE).await.unwrap();
    assert_eq!(client.undo(&id, FENCE).await.unwrap(), Undone::Restored, "{name}");
    assert_eq!(client.inspect(&id, fault).await.unwrap().presence, Presence::Clean, "{name}");
    assert_eq!(shop.engine.state(container), before, "{name}: taken back");
    shop.engine.watch_for(&format!("the end of {name}"), async || (!hurt()).then_some(())).await;
}

#[test]
fn every_fault_on_a_container_bites_and_is_taken_back_exactly() {
    if let Some(why) = lacking() {
        return skip(why);
    }
    run(async {
        let shop = Shop::open().await;
        let (root, folder) = (shop.home.path().join("target"), shop.home.path().join("agent"));
        let layout = shop.lay_out(TARGET, &root).await.unwrap();
        let (_agent, client) = shop.agent(&root, &folder).await;
        let link = layout.links[0].listen.clone();
        let silent = || !answers(&link);
        shop.engine.watch_for("redis", async || answers(&link).then_some(())).await;
        let begun = shop.engine.word("shop-redis", "{{.State.StartedAt}}");
        let on = |kind: &str, more| fault(kind, "redis", more);
        goes_its_way(&shop, &client, "gd-pause", &on("container-pause", json!({})), &silent).await;
        let network = on("container-network", json!({"network": "shop"}));
        goes_its_way(&shop, &client, "gd-network", &network, &silent).await;
        let fast = work(&link);
        let slow = || work(&link).millis() > fast.millis() * 4;
        goes_its_way(&shop, &client, "gd-cpu", &on("container-cpu", json!({"percent": 1})), &slow).await;
        assert_eq!(shop.engine.word("shop-redis", "{{.State.StartedAt}}"), begun, "nothing has ended it");
        goes_its_way(&shop, &client, "gd-stop", &on("container-stop", json!({})), &silent).await;
        goes_its_way(&shop, &client, "gd-kill", &on("container-kill", json!({})), &silent).await;
        // What is asked for is more than it may have, so the kernel ends it; undone, it runs again.
        let eats = || {
            let failed = ask(&link, "SETRANGE eaten 40000000 x", 10).is_err();
            let _ = ask(&link, "DEL eaten", 1);
            let _ = ask(&link, "MEMORY PURGE", 1);
            failed
        };
        let memory = on("container-memory", json!({"most_mib": 24}));
        goes_its_way(&shop, &client, "gd-memory", &memory, &eats).await;
        // The tool of the responders knows the same containers.
        let tool = |args: &[&str]| {
            let done = std::process::Command::new(root.join("bin/shopctl")).args(args).output().unwrap();
            String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
        };
        assert!(tool(&["list"]).contains("running"), "{}", tool(&["list"]));
        assert!(
            tool(&["logs", "redis"]).contains("Ready to accept connections"),
            "{}",
            tool(&["logs", "redis"])
        );
        assert!(tool(&["states"]).contains("shop-redis running"), "own commands speak with the same engine");
        shop.engine.docker(&["pause", "shop-redis"]);
        assert!(tool(&["list"]).contains("paused") && silent());
        assert!(tool(&["restart", "redis"]).contains("is started again"));
        shop.engine.watch_for("redis", async || answers(&link).then_some(())).await;
    });
}

#[test]
fn what_responders_have_repaired_is_left_alone() {
    if let Some(why) = lacking() {
        return skip(why);
    }
    run(async {
        let shop = Shop::open().await;
        let root = shop.home.path().join("target");
        shop.lay_out(TARGET, &root).await.unwrap();
        let on = |kind: &str, more| fault(kind, "redis", more);
        let docker = |args: &[&str]| drop(shop.engine.docker(args));
        let cpu = on("container-cpu", json!({"percent": 5}));
        let cases: [(&str, Fault, &dyn Fn(), Undone); 5] = [
            (
                "gd-a",
                on("container-pause", json!({})),
                &|| docker(&["unpause", "shop-redis"]),
                Undone::AlreadyClean,
            ),
            (
                "gd-b",
                on("container-kill", json!({})),
                &|| docker(&["start", "shop-redis"]),
                Undone::AlreadyClean,
            ),
            ("gd-c", cpu, &|| docker(&["update", "--cpu-quota", "70000", "shop-redis"]), Undone::Diverged),
            (
                "gd-d",
                on("container-stop", json!({})),
                &|| {
                    docker(&["rm", "--force", "shop-redis"]);
                    shop.redis();
                },
                Undone::AlreadyClean,
            ),
            (
                "gd-e",
                on("container-pause", json!({})),
                &|| docker(&["rm", "--force", "shop-redis"]),
                Undone::Diverged,
            ),
        ];
        for (name, fault, repair, wanted) in cases {
            let id: InjectionId = name.parse().unwrap();
            // What has diverged keeps its place: an agent for each.
            let (_agent, client) = shop.agent(&root, &shop.home.path().join(name)).await;
            client.arm(&arm(&id, &fault, 60_000)).await.unwrap_or_else(|err| panic!("{name}: {err}"));
            client.inject(&id, FENCE).await.unwrap_or_else(|err| panic!("{name}: {err}"));
            repair();
            let after = shop.engine.says(&["inspect", "shop-redis"]);
            client.revoke(&id, FENCE).await.unwrap();
            assert_eq!(client.undo(&id, FENCE).await.unwrap(), wanted, "{name}");
            assert_eq!(
                shop.engine.says(&["inspect", "shop-redis"]),
                after,
                "{name}: their work is not touched"
            );
        }
    });
}

#[test]
fn what_could_not_be_taken_back_is_not_armed() {
    if let Some(why) = lacking() {
        return skip(why);
    }
    run(async {
        let shop = Shop::open().await;
        let root = shop.home.path().join("target");
        shop.lay_out(TARGET, &root).await.unwrap();
        let on = |kind: &str, more| fault(kind, "redis", more);
        let docker = |args: &[&str]| drop(shop.engine.docker(args));
        docker(&[
            "run",
            "-d",
            "--name",
            "unlabelled",
            "--network",
            "none",
            "sleep",
            &program("sleep"),
            "600",
        ]);
        docker(&["rename", "shop-sleeper", "was-sleeper"]);
        docker(&["rename", "unlabelled", "shop-sleeper"]);
        let (_agent, client) = shop.agent(&root, &shop.home.path().join("refuses")).await;
        for (fault, says) in [
            (fault("container-pause", "sleeper", json!({})), "does not say that it is staging"),
            (fault("container-stop", "drifter", json!({})), "may come back at another address"),
            (fault("container-network", "drifter", json!({"network": "shop"})), "may come back at another"),
            (fault("container-memory", "drifter", json!({"most_mib": 16})), "no limit of memory"),
            (on("container-memory", json!({"most_mib": 64})), "no more than 64 MiB"),
            (on("container-network", json!({"network": "host"})), "is in: shop"),
            (fault("container-pause", "nobody", json!({})), "no container of `nobody`"),
        ] {
            let id: InjectionId = "gd-no".parse().unwrap();
            match client.arm(&arm(&id, &fault, 60_000)).await {
                Err(HandError::Refused(why)) => assert!(why.contains(says), "{why}"),
                other => panic!("{says}: {other:?}"),
            }
        }
    });
}

#[test]
fn a_killed_agent_or_engine_leaves_no_container_broken() {
    if let Some(why) = lacking() {
        return skip(why);
    }
    run(async {
        let shop = Shop::open().await;
        let (root, folder) = (shop.home.path().join("target"), shop.home.path().join("agent"));
        shop.lay_out(TARGET, &root).await.unwrap();
        let before = shop.engine.state("shop-redis");
        let kill = |mut agent: Foreground| {
            agent.0.kill().unwrap();
            agent.0.wait().unwrap();
        };
        for (name, kind, more) in [
            ("gd-pause", "container-pause", json!({})),
            ("gd-kill", "container-kill", json!({})),
            ("gd-cpu", "container-cpu", json!({"percent": 5})),
            ("gd-memory", "container-memory", json!({"most_mib": 24})),
            ("gd-network", "container-network", json!({"network": "shop"})),
        ] {
            let id: InjectionId = name.parse().unwrap();
            let (agent, client) = shop.agent(&root, &folder).await;
            client.arm(&arm(&id, &fault(kind, "redis", more), 60_000)).await.unwrap();
            client.inject(&id, FENCE).await.unwrap();
            kill(agent);
            assert_ne!(shop.engine.state("shop-redis"), before, "{name}: the fault outlives its agent");
            let told = shop.sweep(&root, &folder);
            assert!(told.contains("taken back: 1"), "{name}: {told}");
            assert_eq!(shop.engine.state("shop-redis"), before, "{name}: swept");
        }
        // A stop that is under way at the engine when its agent dies comes to its end after the sweep has begun.
        let (agent, client) = shop.agent(&root, &folder).await;
        let id: InjectionId = "gd-stop".parse().unwrap();
        client.arm(&arm(&id, &fault("container-stop", "sleeper", json!({})), 60_000)).await.unwrap();
        let asleep = shop.engine.state("shop-sleeper");
        let inject = tokio::spawn(async move { client.inject(&id, FENCE).await });
        let sleeper = asleep["id"].as_str().unwrap().to_owned();
        let call = format!("/containers/{sleeper}/stop");
        shop.engine.watch_for("the stop", async || shop.engine.log().contains(&call).then_some(())).await;
        kill(agent);
        assert_eq!(shop.engine.word("shop-sleeper", "{{.State.Running}}"), "true", "it is still ending");
        // Whoever believes what it looks like now goes home before it ends.
        let told = shop.sweep(&root, &folder);
        assert!(told.contains("taken back: 1"), "{told}");
        assert_eq!(shop.engine.state("shop-sleeper"), asleep);
        assert!(inject.await.unwrap().is_err());
        // Nobody renews the lease: the agent lets go by itself.
        let (_agent, client) = shop.agent(&root, &folder).await;
        let id: InjectionId = "gd-lease".parse().unwrap();
        client.arm(&arm(&id, &fault("container-pause", "redis", json!({})), 8_000)).await.unwrap();
        client.inject(&id, FENCE).await.unwrap();
        assert_eq!(shop.engine.word("shop-redis", "{{.State.Paused}}"), "true");
        let runs = async || (shop.engine.state("shop-redis") == before).then_some(());
        shop.engine.watch_for("the end of the lease", runs).await;
    });
}
