//! Whole drills of the real program on a target beside an agent on another host: over TLS, with a pinned certificate and a
//! token. The other host is an address of its own with folders of its own; nothing is shared but the network, the token
//! and the fingerprint.

use crate::{
    cli::{gameday, out},
    engine_killed::House,
    kill::{Mortal, watch_for},
    parts::told,
    stage::run,
    toxiproxy::http,
};
use gameday::{
    agent,
    base::Span,
    drill::{Drill, event::Event, injection},
    fault::protocol::{Listed, State},
    target::agent_client::AgentClient,
};
use serde_json::Value;
use std::{
    fs,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
};

/// How long anything may take; generous, because the machine is busy.
const LIMIT: Span = Span::from_secs(180);

/// One service that answers over HTTP, and a link for those who ask it.
const TARGET: &str = r#"
format: gameday/target/v1
name: far
driver: agent
agent: {address: "{AGENT}", fingerprint: "{PRINT}", token_file: {TOKEN}}
front_door: users-web
services:
  web:
    address: "{WEB}"
    start: [{PROGRAM}, agent, --compat, --api, "{address.web}"]
    health: {http: /version}
links:
  users-web: {from: web, to: web, listen: "{LINK}"}
probes:
  neighbours: {about: what must not suffer, command: ["true"]}
"#;

const PACK: &str = "
format: gameday/pack/v1
title: A service on another host
target: target.yaml
docs: docs
workloads:
  usual: {classes: {ask: {rate: 10, path: /version, expect: {status: [200], within: 2s}}}}
";

const DRILL: &str = r#"
format: gameday/scenario/v1
title: Nobody is answered
summary: The process of the service is stopped.
pack: far
difficulty: 1
duration: {par: 1m, limit: 5m}
profile: restore-first
objectives: [repair a service on another host]
workload: usual
steady_state: [{class: ask, failed: "< 20 %", over: 3s, for: 2s}]
faults: [{at: 1s, injector: process-hang, with: {service: web}}]
alarms: [{name: AskErrorsHigh, when: {class: ask, failed: "> 20 %", over: 2s, for: 1s}, summary: "{failed} fail"}]
stop_conditions: [{probe: neighbours, success: ">= 50 %", over: 10s, for: 20s}]
{TOLD}restored_when: {class: ask, failed: "< 20 %", over: 2s, for: 2s}
reference_solution: [farctl restart web]
autopilot:
  - {after: start, wait: 1s, who: ana, do: {take-role: ic}}
  - {after: alarm AskErrorsHigh, wait: 1s, who: ana, do: {ack: AskErrorsHigh}}
  - {wait: 1s, who: ana, do: {declare: {text: Nobody is answered}}}
  - {wait: 1s, who: ana, do: {operate: [farctl, restart, web]}}
  - {after: restored, wait: 1s, who: ana, do: {cause: {component: web, kind: process.hang, facts: [silent], text: it hangs}}}
  - {wait: 1s, who: ana, do: {assess: {windows: [{from: T+1s, to: T+9s}], failed: {ask: {percent: 90}}}}}
  - {wait: 1s, who: ana, do: {resolve: it answers again}}
"#;

/// A free port of an address that is another host's.
fn free() -> String {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// The other host: what its people know, and what lies there.
struct Host {
    folder: PathBuf,
    agent: String,
    web: String,
    keys: agent::Invitation,
}

/// An engine's home that may break the target of another host.
struct World {
    house: House,
    host: Host,
}

impl World {
    fn new() -> Self {
        let house = House::bare();
        let folder = house.path().join("host");
        fs::create_dir(&folder).unwrap();
        let keys = agent::invite(&folder.join("keys")).unwrap();
        let host = Host { agent: free(), web: free(), folder, keys };
        // What is carried over to the engine's side: the token's file, and the fingerprint.
        let token = house.path().join("token-of-far");
        fs::copy(&host.keys.token_file, &token).unwrap();
        let target = TARGET
            .replace("{AGENT}", &host.agent)
            .replace("{PRINT}", &host.keys.fingerprint)
            .replace("{TOKEN}", token.to_str().unwrap())
            .replace("{WEB}", &host.web)
            .replace("{LINK}", &free())
            .replace("{PROGRAM}", env!("CARGO_BIN_EXE_gameday"));
        fs::create_dir(house.path().join("far")).unwrap();
        let far = house.path().join("far");
        let told = told(&far, "process.hang", "process.crash", "{fast_track: {effective: true}}");
        let drill = DRILL.replace("{TOLD}", &told);
        for (name, text) in [("target.yaml", target.as_str()), ("pack.yaml", PACK), ("drill.yaml", &drill)] {
            fs::write(far.join(name), text).unwrap();
        }
        for args in [&["target", "allow", "far"][..], &["safety", "release", "--reason", "nobody uses it"]] {
            gameday(house.path()).args(args).assert().success();
        }
        Self { house, host }
    }

    /// The agent as its own people start it.
    fn serve(&self, more: &[&str]) -> Mortal {
        let Host { folder, agent, keys, .. } = &self.host;
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
        command
            .args(["agent", "serve", "--root", "far", "--folder", "agent", "--listen", agent])
            .arg("--target")
            .arg(self.house.path().join("far/target.yaml"))
            .arg("--tls-cert")
            .arg(&keys.remote.certificate)
            .arg("--tls-key")
            .arg(&keys.remote.key)
            .arg("--token-file")
            .arg(&keys.token_file)
            .args(more)
            .current_dir(folder)
            .env("GAMEDAY_HOME", folder.join("home"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        Mortal(command.spawn().unwrap())
    }

    /// A drill with a live fault whose engine was killed, and what its journal holds by then.
    async fn killed_while_live(&self) -> usize {
        let args = ["run", "far/drill.yaml", "--autopilot"];
        self.house.killed_while_live(&args).await.len()
    }

    /// What the agent holds, as the engine's machine learns it.
    async fn held(&self) -> Option<Vec<Listed>> {
        let folder = self.house.path().join("home/agents/far");
        AgentClient::connect(&folder).ok()?.injections().await.ok()
    }

    async fn until_held(&self, what: &str, seen: impl Fn(&Listed) -> bool) {
        let found = watch_for(LIMIT, async || self.held().await?.iter().any(&seen).then_some(()));
        let log = || fs::read_to_string(self.host.folder.join("log")).unwrap_or_default();
        found.await.unwrap_or_else(|| panic!("no {what} in time:\n{}\n{}", self.house.log(), log()));
    }

    /// The service answers whoever asks it on its own host, and the agent that looks after it holds nothing.
    async fn assert_whole(&self) {
        let http = http();
        let url = format!("http://{}/version", self.host.web);
        let answers = watch_for(LIMIT, async || http.get(&url).send().await.ok()).await.unwrap();
        assert!(answers.status().is_success(), "{answers:?}");
        let held = self.held().await.expect("the agent stays when the drill is over");
        assert!(held.iter().all(|one| one.state.is_terminal()), "{held:?}");
    }

    /// `gameday recover --json`: its exit code and what it says of the only drill.
    fn recover(&self) -> (Option<i32>, Value) {
        let ended = gameday(self.house.path()).args(["recover", "--json"]).output().unwrap();
        let said: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        (ended.status.code(), said[0].clone())
    }

    /// The only injection's end, from the journal of a drill that is over.
    async fn end(&self) -> injection::State {
        let drill = Drill::fold(&self.house.journal().await).unwrap();
        assert!(drill.is_over(), "{:?}", drill.injections());
        drill.injections()[0].state
    }
}

#[test]
fn a_drill_on_another_host_is_rehearsed_from_staging_to_debrief() {
    run(async {
        let world = World::new();
        let _agent = world.serve(&[]);
        let mut rehearse = gameday(world.house.path());
        let ended =
            rehearse.args(["rehearse", "far/drill.yaml", "--out", "after", "--json"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        let certificate: Value = serde_json::from_slice(&ended.stdout).unwrap_or_default();
        assert_eq!(ended.status.code(), Some(0), "{said}\n{certificate:#}");
        let links = certificate["proof"]["links"].as_array().unwrap();
        assert!(links.len() >= 8 && links.iter().all(|link| link["held"] == true), "{links:#?}");
        for name in ["journal.jsonl", "score.json", "debrief.md", "debrief.html"] {
            assert!(fs::metadata(world.house.path().join("after").join(name)).unwrap().len() > 100, "{name}");
        }
        world.assert_whole().await;
        // It is rehearsed now, so it runs without further ado; where its tool is is said as it is.
        let ran = out(gameday(world.house.path()).args(["run", "far/drill.yaml", "--autopilot"]));
        let tool = world.host.folder.join("far/bin/farctl");
        assert!(ran.contains(&format!("tool: on its own host:  {} list", tool.display())), "{ran}");
        world.assert_whole().await;
    });
}

#[test]
fn a_drill_on_another_host_goes_on_when_its_engine_was_killed() {
    run(async {
        let world = World::new();
        let _agent = world.serve(&[]);
        let before = world.killed_while_live().await;
        // The agent is the drill's, also for an engine that knows nothing of it.
        let elsewhere = world.house.path().join("elsewhere");
        for args in [&["target", "allow", "far"][..], &["safety", "release", "--reason", "nobody uses it"]] {
            gameday(world.house.path()).env("GAMEDAY_HOME", &elsewhere).args(args).assert().success();
        }
        let mut other = gameday(world.house.path());
        other.env("GAMEDAY_HOME", &elsewhere).args(["run", "far/drill.yaml", "--unrehearsed", "a test"]);
        other.assert().code(6).stderr(predicates::str::contains("quarantined: the agent at"));

        let mut resume = gameday(world.house.path());
        let ended = resume.args(["run", "--resume", "--json", "--out", "after"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(0), "{said}");
        let journal = world.house.journal().await;
        let count = |wanted: &dyn Fn(&Event) -> bool| journal.iter().filter(|one| wanted(&one.event)).count();
        assert_eq!(count(&|event| matches!(event, Event::TookOver { resume: true, .. })), 2);
        assert!(journal[before..].iter().any(|one| matches!(one.event, Event::Restored { .. })), "{said}");
        assert_eq!(world.end().await, injection::State::Cleared);
        world.assert_whole().await;
    });
}

#[test]
fn what_an_agent_that_is_out_of_reach_holds_is_never_called_clean() {
    run(async {
        let world = World::new();
        let mut agent = world.serve(&[]);
        let before = world.killed_while_live().await;
        agent.kill();
        let (code, said) = world.recover();
        assert_eq!((code, &said["clean"]), (Some(6), &Value::from(false)), "{said}");
        assert!(said["by"].as_str().unwrap().contains("does not answer"), "{said}");
        let resume = gameday(world.house.path()).args(["run", "--resume"]).assert().code(6);
        resume.stderr(predicates::str::contains("the agent on the other host does not answer"));
        assert_eq!(world.house.journal().await.len(), before, "nothing is written of what nobody knows");
        // Its people start it again: it sweeps first, and then it can be asked.
        let _again = world.serve(&[]);
        world.until_held("sweep", |one| one.state.is_terminal()).await;
        let (code, said) = world.recover();
        assert_eq!((code, &said["clean"]), (Some(0), &Value::from(true)), "{said}");
        assert!(world.end().await.is_terminal());
        world.assert_whole().await;
        gameday(world.house.path()).arg("recover").assert().success().stdout("Nothing was left behind.\n");
    });
}

#[test]
fn an_agent_that_loses_its_engine_lets_go_and_the_drill_can_be_closed_later() {
    run(async {
        let world = World::new();
        // Longer than the pause between two heartbeats, as the real one is.
        let _agent = world.serve(&["--lease-max", "12s"]);
        world.killed_while_live().await;
        world.until_held("end of the lease", |one| one.state == State::Expired).await;
        world.assert_whole().await;
        let (code, said) = world.recover();
        assert_eq!((code, &said["clean"]), (Some(0), &Value::from(true)), "{said}");
        assert_eq!(said["by"], "by its agent");
        assert!(world.end().await.is_terminal());
    });
}
