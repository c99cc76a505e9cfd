//! Links that a toxiproxy of somebody else's carries: broken by its HTTP API, and taken back whoever dies. The server is
//! `gameday agent --compat`; where the variable TOXIPROXY names a `toxiproxy-server`, every story is told with that, too.

use crate::{
    cli::{gameday, out},
    compat,
    described::{arm, blueprint, end, lay_out, run, serve},
    engine_killed::House,
    kill::{Mortal, watch_for},
    parts::told,
};
use gameday::{
    base::{InjectionId, Span},
    clock::{Clock, SystemClock},
    drill::effect::Arm,
    fault::{Fault, Fence, Presence, Undone},
    target::{Injector, agent_client::AgentClient},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// How long anything may take; generous, because the machine is busy.
const LIMIT: Span = Span::from_secs(60);

const TARGET: &str = r#"
format: gameday/target/v1
name: small
driver: local
front_door: users-web
services:
  web: {address: "{WEB}"}
links:
  users-web: {from: web, to: web, listen: "{LISTEN}", toxiproxy: {api: "{API}", proxy: web}}
probes:
  neighbours: {about: what must not suffer, command: ["true"]}
"#;

const PACK: &str = "
format: gameday/pack/v1
title: A service behind a toxiproxy
target: target.yaml
docs: docs
workloads:
  usual: {classes: {ask: {rate: 10, path: /version, expect: {status: [200], within: 2s}}}}
";

const DRILL: &str = r#"
format: gameday/scenario/v1
title: Nobody is answered
summary: The way to the service swallows everything for some seconds.
pack: small
difficulty: 1
duration: {par: 1m, limit: 5m}
profile: restore-first
objectives: [find the place where requests get lost]
workload: usual
steady_state: [{class: ask, failed: "< 20 %", over: 3s, for: 2s}]
faults: [{at: 1s, injector: {INJECTOR}}]
alarms: [{name: AskErrorsHigh, when: {class: ask, failed: "> 20 %", over: 2s, for: 1s}, summary: "{failed} fail"}]
stop_conditions: [{probe: neighbours, success: ">= 50 %", over: 10s, for: 20s}]
{TOLD}restored_when: {class: ask, failed: "< 20 %", over: 2s, for: 2s}
reference_solution: [smallctl list]
autopilot:
  - {after: start, wait: 1s, who: ana, do: {take-role: ic}}
  - {after: alarm AskErrorsHigh, wait: 1s, who: ana, do: {ack: AskErrorsHigh}}
  - {wait: 1s, who: ana, do: {operate: [smallctl, list]}}
  - {after: restored, wait: 1s, who: ana, do: {cause: {component: web, kind: network.partition, facts: [silent], text: lost}}}
  - {wait: 1s, who: ana, do: {assess: {windows: [{from: T+1s, to: T+9s}], failed: {ask: {percent: 90}}}}}
  - {wait: 1s, who: ana, do: {resolve: it answers again}}
"#;

/// The servers that every story is told with; nothing: ours.
fn servers() -> Vec<Option<PathBuf>> {
    let theirs = std::env::var_os("TOXIPROXY").map(PathBuf::from);
    [None].into_iter().chain(theirs.map(Some)).collect()
}

/// A client for what answers on this machine.
pub(crate) fn http() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A toxiproxy with one proxy, `web`, a target that has it for a link, and the agent's folders.
struct World {
    house: House,
    program: Option<PathBuf>,
    process: Mortal,
    api: String,
    listen: String,
    upstream: String,
    http: Client,
}

impl World {
    /// Before the service at `upstream`. Somebody has a toxic of their own there.
    async fn new(program: Option<PathBuf>, upstream: Option<String>) -> Self {
        let house = House::bare();
        let (api, listen) = (free(), free());
        let process = start(program.as_deref(), house.path(), &api);
        let upstream = upstream.unwrap_or_else(|| api.clone());
        let http = http();
        let world = Self { house, program, process, api, listen, upstream, http };
        world.answering().await;
        world.make_proxy().await;
        let standing = json!({"name": "standing", "type": "latency", "attributes": {"latency": 1}});
        world.call(Method::POST, "/proxies/web/toxics", &standing).await.unwrap();
        let target = TARGET
            .replace("{WEB}", &world.upstream)
            .replace("{LISTEN}", &world.listen)
            .replace("{API}", &world.api);
        fs::write(world.house.path().join("target.yaml"), target).unwrap();
        world
    }

    async fn answering(&self) {
        let up = watch_for(LIMIT, async || self.call(Method::GET, "/version", &Value::Null).await);
        up.await.expect("the toxiproxy answers");
    }

    async fn make_proxy(&self) {
        let proxy = json!({"name": "web", "listen": self.listen, "upstream": self.upstream, "enabled": true});
        self.call(Method::POST, "/proxies", &proxy).await.unwrap();
    }

    /// What the API answers; nothing when that is no success.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Option<Value> {
        let url = format!("http://{}{path}", self.api);
        let request = self.http.request(method, url).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.ok()?;
        let good = answer.status().is_success();
        let text = answer.text().await.ok()?;
        good.then(|| serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn proxy(&self) -> Value {
        self.call(Method::GET, "/proxies/web", &Value::Null).await.unwrap()
    }

    /// Names of the toxics that are there.
    async fn toxics(&self) -> BTreeSet<String> {
        let proxy = self.proxy().await;
        let names = proxy["toxics"].as_array().unwrap().iter();
        names.map(|toxic| toxic["name"].as_str().unwrap().to_owned()).collect()
    }

    /// As it was before anything was broken.
    async fn assert_as_before(&self, when: &str) {
        assert_eq!(self.toxics().await, ["standing".to_owned()].into(), "{when}");
        assert_eq!(self.proxy().await["enabled"], true, "{when}");
    }

    /// How long a word takes to the service and back, in milliseconds; nothing: it does not come back.
    fn round_trip(&self) -> Option<u64> {
        let begin = SystemClock.now();
        let mut stream = TcpStream::connect(&self.listen).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(b"word").ok()?;
        stream.read_exact(&mut [0; 4]).ok()?;
        Some(SystemClock.now().since(begin).millis())
    }

    /// The target, laid out, with its agent in this process.
    async fn agent(&self) -> (AgentClient, tokio::task::JoinHandle<()>) {
        let layout = lay_out(&blueprint(self.house.path()), &self.house.path().join("root")).await;
        serve(&layout.root, &self.house.path().join("agent")).await
    }

    /// Ends the server as a crash does.
    fn crash(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same address. A proxy that it has forgotten is made anew, as its owner would.
    async fn start_again(&mut self) {
        self.process = start(self.program.as_deref(), self.house.path(), &self.api);
        self.answering().await;
        if self.call(Method::GET, "/proxies/web", &Value::Null).await.is_none() {
            self.make_proxy().await;
        }
    }
}

fn start(program: Option<&Path>, folder: &Path, api: &str) -> Mortal {
    let (host, port) = api.rsplit_once(':').unwrap();
    let mut command = match program {
        Some(program) => Command::new(program),
        None => Command::new(env!("CARGO_BIN_EXE_gameday")),
    };
    match program {
        Some(_) => command.args(["-host", host, "-port", port]),
        None => command.args(["agent", "--compat", "--api", api, "--folder"]).arg(folder.join("kept")),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Mortal(command.spawn().unwrap())
}

fn fault(mut fault: Value) -> Fault {
    fault["link"] = "users-web".into();
    serde_json::from_value(fault).unwrap()
}

fn id(number: usize) -> InjectionId {
    format!("gd-a{number}b3c4d5").parse().unwrap()
}

async fn a_live_fault(client: &AgentClient, number: usize, fault: &Fault, lease_ms: u64) -> Fence {
    let epoch = client.take_epoch().await.unwrap();
    let (id, fence) = (id(number), Fence { epoch, seq: 1 });
    assert_eq!(client.inspect(&id, fault).await.unwrap().presence, Presence::Clean);
    client.arm(&Arm { lease_ms, ..arm(&id, fault, fence) }).await.unwrap();
    client.inject(&id, fence).await.unwrap();
    assert_eq!(client.inspect(&id, fault).await.unwrap().presence, Presence::Present);
    fence
}

#[test]
fn faults_of_a_link_become_toxics_and_only_those_are_taken_back() {
    let both = |toxic: Value| vec![("upstream", toxic.clone()), ("downstream", toxic)];
    for program in servers() {
        run(async {
            let world = World::new(program, Some(compat::echo())).await;
            let (client, work) = world.agent().await;
            for (number, (wanted, toxics)) in [
                (
                    json!({"kind": "link-latency", "latency_ms": 150}),
                    both(json!({"latency": 150, "jitter": 0})),
                ),
                (json!({"kind": "link-down"}), vec![]),
                (json!({"kind": "link-reset", "after_ms": 0}), vec![("upstream", json!({"timeout": 0}))]),
                (json!({"kind": "link-bandwidth", "rate_kb_s": 7}), both(json!({"rate": 7}))),
                (json!({"kind": "link-timeout", "timeout_ms": 9}), both(json!({"timeout": 9}))),
                (json!({"kind": "link-slow-close", "delay_ms": 30}), both(json!({"delay": 30}))),
                (json!({"kind": "link-limit-data", "bytes": 2}), both(json!({"bytes": 2}))),
                (
                    json!({"kind": "link-slicer", "average_size": 9, "size_variation": 2, "delay_us": 3,
                        "only": {"stream": "downstream", "toxicity_percent": 50}}),
                    vec![("downstream", json!({"average_size": 9, "size_variation": 2, "delay": 3}))],
                ),
            ]
            .into_iter()
            .enumerate()
            {
                let fault = fault(wanted.clone());
                let fence = a_live_fault(&client, number, &fault, 60_000).await;
                let proxy = world.proxy().await;
                assert_eq!(world.toxics().await.len(), 1 + toxics.len(), "{wanted}: {proxy}");
                for (stream, attributes) in &toxics {
                    let name = format!("{}_{stream}", id(number));
                    let all = proxy["toxics"].as_array().unwrap();
                    let ours = all.iter().find(|toxic| toxic["name"] == name.as_str()).unwrap();
                    assert_eq!(
                        (&ours["attributes"], &ours["stream"]),
                        (attributes, &json!(stream)),
                        "{wanted}"
                    );
                }
                match fault.kind() {
                    "link-latency" => assert!(world.round_trip().unwrap() >= 290, "each way takes longer"),
                    "link-down" | "link-reset" | "link-timeout" | "link-limit-data" => {
                        assert_eq!(world.round_trip(), None, "{wanted}");
                    }
                    _ => {}
                }
                client.revoke(&id(number), fence).await.unwrap();
                assert_eq!(client.undo(&id(number), fence).await.unwrap(), Undone::Restored, "{wanted}");
                assert_eq!(client.undo(&id(number), fence).await.unwrap(), Undone::Restored, "said twice");
                world.assert_as_before(&wanted.to_string()).await;
                assert!(world.round_trip().is_some(), "{wanted}");
            }
            end(&client, work).await;
        });
    }
}

#[test]
fn what_responders_take_away_themselves_is_their_repair() {
    for program in servers() {
        run(async {
            let world = World::new(program, Some(compat::echo())).await;
            let (client, work) = world.agent().await;
            let slow = fault(json!({"kind": "link-latency", "latency_ms": 20}));
            let fence = a_live_fault(&client, 1, &slow, 60_000).await;
            for stream in ["upstream", "downstream"] {
                let path = format!("/proxies/web/toxics/{}_{stream}", id(1));
                world.call(Method::DELETE, &path, &Value::Null).await.unwrap();
            }
            assert_eq!(client.inspect(&id(1), &slow).await.unwrap().presence, Presence::Clean);
            client.revoke(&id(1), fence).await.unwrap();
            assert_eq!(client.undo(&id(1), fence).await.unwrap(), Undone::AlreadyClean);
            world.assert_as_before("after their repair").await;
            end(&client, work).await;
        });
    }
}

#[test]
fn what_a_toxiproxy_cannot_do_or_does_not_show_is_never_armed() {
    for program in servers() {
        run(async {
            let world = World::new(program, Some(compat::echo())).await;
            let (client, work) = world.agent().await;
            let epoch = client.take_epoch().await.unwrap();
            let fence = Fence { epoch, seq: 1 };
            let refused = async |number, wanted: Value| {
                client.arm(&arm(&id(number), &fault(wanted), fence)).await.unwrap_err().to_string()
            };
            for (number, (wanted, why)) in [
                (json!({"kind": "link-loss", "percent": 10}), "cannot leave new connections alone"),
                (json!({"kind": "link-shared-bandwidth", "rate_kb_s": 10}), "each connection by itself"),
                (json!({"kind": "link-http", "act": "abort"}), "knows no requests"),
            ]
            .into_iter()
            .enumerate()
            {
                let said = refused(number, wanted).await;
                assert!(said.contains(why), "{said}");
            }
            world.call(Method::POST, "/proxies/web", &json!({"enabled": false})).await.unwrap();
            let said = refused(7, json!({"kind": "link-latency", "latency_ms": 9})).await;
            assert!(said.contains("is disabled"), "{said}");
            world.call(Method::DELETE, "/proxies/web", &Value::Null).await;
            let said = refused(8, json!({"kind": "link-latency", "latency_ms": 9})).await;
            assert!(said.contains("it answered 404"), "{said}");
            let down = fault(json!({"kind": "link-down"}));
            assert_eq!(client.inspect(&id(9), &down).await.unwrap().presence, Presence::Unknown);
            end(&client, work).await;
        });
    }
}

#[test]
fn a_toxiproxy_that_is_away_is_asked_until_it_is_clean() {
    for program in servers() {
        run(async {
            let mut world = World::new(program, Some(compat::echo())).await;
            let (client, work) = world.agent().await;
            let slow = fault(json!({"kind": "link-latency", "latency_ms": 20}));
            let fence = a_live_fault(&client, 1, &slow, 60_000).await;
            world.crash();
            assert_eq!(client.inspect(&id(1), &slow).await.unwrap().presence, Presence::Unknown);
            client.revoke(&id(1), fence).await.unwrap();
            client.undo(&id(1), fence).await.unwrap_err();
            world.start_again().await;
            // The agent tries again by itself.
            let clean = watch_for(LIMIT, async || {
                client.injections().await.unwrap()[0].state.is_terminal().then_some(())
            });
            clean.await.expect("it is taken back");
            assert!(world.toxics().await.iter().all(|name| name == "standing"));
            assert_eq!(client.inspect(&id(1), &slow).await.unwrap().presence, Presence::Clean);
            end(&client, work).await;
        });
    }
}

#[test]
fn nothing_outlives_its_lease_or_its_agent() {
    for program in servers() {
        run(async {
            let world = World::new(program, Some(compat::echo())).await;
            let (client, work) = world.agent().await;
            let down = fault(json!({"kind": "link-down"}));
            a_live_fault(&client, 1, &down, 1_500).await;
            let gone = watch_for(LIMIT, async || (world.proxy().await["enabled"] == true).then_some(()));
            gone.await.expect("nobody renews the lease");
            end(&client, work).await;

            // An agent in a process of its own, which is killed with a toxic in place.
            let (root, folder) = (world.house.path().join("root"), world.house.path().join("agent"));
            let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
            command.args(["agent", "serve", "--root"]).arg(&root).arg("--folder").arg(&folder);
            let mut agent = Mortal(command.stderr(Stdio::null()).spawn().unwrap());
            let client = watch_for(LIMIT, async || {
                let client = AgentClient::connect(&folder).ok()?;
                client.attestation().await.ok()?.ready.then_some(client)
            });
            let client = client.await.unwrap();
            let slow = fault(json!({"kind": "link-latency", "latency_ms": 20}));
            a_live_fault(&client, 2, &slow, 60_000).await;
            agent.kill();
            assert_eq!(world.toxics().await.len(), 3, "a toxiproxy knows of no agent");
            let mut sweep = gameday(world.house.path());
            sweep.args(["agent", "sweep", "--root"]).arg(&root).arg("--folder").arg(&folder);
            assert!(out(&mut sweep).contains("taken back: 1"));
            world.assert_as_before("after the sweep").await;
        });
    }
}

#[test]
fn a_drill_goes_through_a_toxiproxy_that_was_said_to_be_the_targets() {
    for program in servers() {
        run(async {
            // The service that is asked is the API itself: it answers over HTTP.
            let world = World::new(program, None).await;
            let folder = world.house.path().join("small");
            fs::create_dir(&folder).unwrap();
            fs::rename(world.house.path().join("target.yaml"), folder.join("target.yaml")).unwrap();
            fs::write(folder.join("pack.yaml"), PACK).unwrap();
            let told =
                told(&folder, "network.partition", "network.latency", "{do_nothing: {effective: true}}");
            let drill = |name: &str, injector: &str| {
                let text = DRILL.replace("{INJECTOR}", injector).replace("{TOLD}", &told);
                fs::write(folder.join(name), text).unwrap();
            };
            drill("drill.yaml", "black-hole, with: {links: users-web, lasts: 6s}");
            drill("loss.yaml", "lossy-link, with: {links: users-web}");
            let checked = gameday(world.house.path()).args(["check", "small/loss.yaml"]).assert().code(3);
            let why = "link `users-web` cannot be broken so: a toxiproxy cannot leave new connections alone";
            checked.stderr(predicates::str::contains(why));

            let rehearse = || {
                let mut command = gameday(world.house.path());
                command.args(["rehearse", "small/drill.yaml"]);
                command
            };
            let lever = ["safety", "release", "--reason", "nobody uses it"];
            gameday(world.house.path()).args(lever).assert().success();
            gameday(world.house.path()).args(["target", "allow", "small"]).assert().success();
            let refused = rehearse().assert().code(1);
            let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
            let allow = format!("gameday target allow small --toxiproxy {}", world.api);
            assert!(said.contains("not-allowed") && said.contains(&allow), "{said}");

            let words: Vec<_> = allow.split(' ').skip(1).collect();
            gameday(world.house.path()).args(words).assert().success();
            let told = out(&mut rehearse());
            assert!(told.contains("The rehearsal holds."), "{told}");
            world.assert_as_before("after the drill").await;

            gameday(world.house.path()).args(["target", "forbid", "small"]).assert().success();
            rehearse().assert().code(1).stderr(predicates::str::contains("not-allowed"));
        });
    }
}
