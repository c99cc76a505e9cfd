//! Described targets: files with mistakes, drafts, and real processes that are laid out, broken, repaired and ended.

use crate::{
    cli::{folder, gameday, out},
    engine_killed::interrupt,
    kill::Mortal,
    skip::skip,
    tidy,
};
use gameday::{
    agent::{self, AgentOptions},
    base::{InjectionId, Span, supervise::ProcessState},
    clock::{Clock, SystemClock},
    drill::effect::Arm,
    fault::{
        Fault, Fence, Presence, Undone,
        protocol::{ACCESS, Access, State},
    },
    library::{Library, worker::ScriptRunner},
    scenario::{blueprint::Blueprint, pack::Layout},
    staging::{self, Ground, addresses, operate::operate, programs},
    target::{HandError, Injector, Operator, agent_client::AgentClient},
};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// How long anything may take; the machine may be busy.
const LIMIT: Span = Span::from_secs(60);

/// The tool waits for its answer without a runtime, so the agent needs threads of its own.
pub(crate) fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(story)
}

async fn watch_for<T>(what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    let end = SystemClock.now() + LIMIT;
    loop {
        if let Some(answer) = seen().await {
            return answer;
        }
        assert!(SystemClock.now() < end, "{what} did not come within {LIMIT}");
        SystemClock.sleep_until(SystemClock.now() + Span::from_millis(20)).await;
    }
}

/// Two processes of nothing but a shell, a file with one setting in each line, an operation.
const SMALL: &str = r#"
format: gameday/target/v1
name: small
driver: local
front_door: front
lay_out: [{from: web.conf, to: etc/web.conf}]
folders: [{path: data}]
prepare:
  - run: [sh, -c, "echo prepared in $1 > data/note", sh, "{root}"]
services:
  front: {component: web, address: "127.0.0.1:9", health: {command: ["true"]}, start: [sh, -c, "trap 'cp etc/web.conf data/read' HUP; echo begun; while :; do sleep 0.05; done"]}
  back: {component: web, reload: restart, start: [sleep, "600"]}
  apart: {address: "127.0.0.1:9"}
links:
  front-apart: {from: front, to: apart}
files:
  web: {component: web, path: etc/web.conf}
operations:
  say: {about: says a word, run: [sh, -c, "echo $1 > data/said", sh, "{word}-{word}"]}
"#;

fn pack_with(target: &str) -> tempfile::TempDir {
    let home = folder();
    fs::write(home.path().join("target.yaml"), target).unwrap();
    fs::write(home.path().join("web.conf"), "# the front\nlimit 64k; # enough\nhere {root}\n").unwrap();
    home
}

pub(crate) fn blueprint(home: &Path) -> Blueprint {
    let library = Library::new(Vec::new(), ScriptRunner::InProcess);
    let loaded = library.load_target(&home.join("target.yaml"));
    loaded.unwrap_or_else(|bad| panic!("{}", bad.render(false))).1
}

pub(crate) async fn lay_out(blueprint: &Blueprint, root: &Path) -> Layout {
    let number = addresses::free_number(blueprint).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_gameday"));
    let ground = Ground { name: "small", blueprint, root, number, program: &program, docker_host: None };
    staging::lay_out(ground).await.unwrap_or_else(|bad| panic!("{bad}"))
}

/// Starts an agent in this process and waits until it is ready.
pub(crate) async fn serve(root: &Path, folder: &Path) -> (AgentClient, tokio::task::JoinHandle<()>) {
    fs::create_dir_all(folder).unwrap();
    let options = AgentOptions::at(root, folder).unwrap();
    let work = tokio::spawn(async move { agent::serve(options).await.unwrap() });
    let client = watch_for("the agent", async || {
        let client = AgentClient::connect(folder).ok()?;
        client.attestation().await.ok()?.ready.then_some(client)
    })
    .await;
    (client, work)
}

pub(crate) async fn end(client: &AgentClient, work: tokio::task::JoinHandle<()>) {
    client.shutdown().await.unwrap();
    work.await.unwrap();
}

#[test]
fn every_mistake_of_a_target_file_is_told_at_once_with_its_line() {
    let home = pack_with(
        r#"format: gameday/target/v1
name: small
driver: local
front_door: frnt
lay_out: [{from: none.conf, to: ../etc/x}]
services:
  front: {port: 80, address: "127.0.0.1:80", start: [sh, "{address.nobody}", "{what}"]}
  back: {pid_file: run/x.pid}
links:
  back: {from: front, to: bck}
files:
  web: {component: wb, path: /etc/passwd}
probes:
  p: {about: nothing}
operations:
  list: {run: [ls]}
custom:
  c: {service: front, apply: [], revert: ["true"], inspect: ["true"], timeout: 5m}
"#,
    );
    let told = gameday(home.path()).args(["target", "check"]).assert().code(3);
    let told = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    for (line, words) in [
        (4, "there is no service `frnt`"),
        (5, "could not read `none.conf`"),
        (5, "`../etc/x` is not a path in the target's folder"),
        (7, "a `port` or an `address`, not both"),
        (7, "there is no service or link with an address `nobody`"),
        (7, "`{what}` is not a placeholder"),
        (8, "begins with `/`"),
        (10, "`back` is a service, too"),
        (10, "there is no service `bck`"),
        (12, "there is no component `wb`"),
        (12, "`/etc/passwd` is not a path"),
        (14, "exactly one of `http`, `tcp` and `command`"),
        (16, "`list` cannot be an operation's name"),
        (18, "a command has from 1 to"),
        (18, "a command is awaited for at most"),
    ] {
        let found = told
            .lines()
            .any(|said| said.starts_with(&format!("target.yaml:{line}:")) && said.contains(words));
        assert!(found, "line {line}: {words}\n{told}");
    }
}

#[test]
fn an_engine_on_another_host_has_to_be_told_where_links_listen() {
    let target = |listen: &str| {
        format!(
            r#"format: gameday/target/v1
name: small
driver: agent
agent: {{address: "192.0.2.7:7443", fingerprint: "{}", token_file: token}}
front_door: users
services:
  front: {{address: "192.0.2.7:80"}}
links:
  users: {{from: front, to: front{listen}}}
probes:
  p: {{about: the way in, command: [curl, "http://{{address.users}}/"]}}
"#,
            "ab".repeat(32)
        )
    };
    let told = gameday(pack_with(&target("")).path()).args(["target", "check"]).assert().code(3);
    let told = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    for line in [5, 11] {
        let here = |said: &str| said.starts_with(&format!("target.yaml:{line}:"));
        assert!(told.lines().any(|said| here(said) && said.contains("a `listen`")), "line {line}\n{told}");
    }
    let listen = ", listen: \"192.0.2.7:8080\"";
    gameday(pack_with(&target(listen)).path()).args(["target", "check"]).assert().success();
}

#[test]
fn drafts_pass_every_check_as_they_are() {
    let home = folder();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    fs::write(
        home.path().join("compose.yaml"),
        "services:\n  web: {image: 'x:1', ports: ['8080:80'], depends_on: [db]}\n  db: {image: y, ports: ['5432']}\n  job: {build: .}\n",
    )
    .unwrap();
    for (name, args) in [
        ("shop", &["--compose", "compose.yaml"][..]),
        ("host", &["--from-host", "--port", &port]),
        ("plain", &[]),
    ] {
        out(gameday(home.path()).args(["target", "init", name]).args(args));
        let files = ["target.yaml", "pack.yaml", "first-drill.yaml"].map(|file| format!("{name}/{file}"));
        gameday(home.path()).args(["check", "--lint"]).args(files).assert().success();
        // Nothing that is there is ever overwritten.
        gameday(home.path()).args(["target", "init", name]).args(args).assert().code(1);
    }
    let draft = fs::read_to_string(home.path().join("host/target.yaml")).unwrap();
    assert!(draft.contains(&format!("address: 127.0.0.1:{port}")), "{draft}");
    drop(listener);
    let nobody = gameday(home.path())
        .args(["target", "init", "none", "--from-host", "--port", &port])
        .assert()
        .code(1);
    nobody.stderr(predicates::str::contains("nothing that can be seen listens there"));
    let shown = out(gameday(home.path()).args(["target", "show", "shop/target.yaml"]));
    assert!(shown.contains("its process is not touched") && shown.contains("users-web"), "{shown}");
}

#[test]
fn faults_that_nobody_could_take_back_are_refused_by_the_check() {
    let home = folder();
    let target = SMALL.replace("apart: {address", "apart: {pid_file: /run/none.pid, address");
    fs::create_dir(home.path().join("small")).unwrap();
    let pack = home.path().join("small");
    fs::write(pack.join("web.conf"), "limit 64k;\n").unwrap();
    out(gameday(home.path()).args(["target", "init", "shop"]));
    let drill = fs::read_to_string(home.path().join("shop/first-drill.yaml")).unwrap();
    fs::write(pack.join("pack.yaml"), fs::read(home.path().join("shop/pack.yaml")).unwrap()).unwrap();
    for (target, injector, told) in [
        (SMALL, "process-hang", "nobody here can touch the process of `apart`"),
        (&target, "process-crash", "`apart` cannot be killed"),
    ] {
        fs::write(pack.join("target.yaml"), target).unwrap();
        let (before, rest) = drill.split_once("faults:").unwrap();
        let (_, after) = rest.split_once("alarms:").unwrap();
        let text = format!(
            "{before}faults:\n  - {{injector: {injector}, with: {{service: apart}}}}\nalarms:{after}"
        );
        fs::write(pack.join("drill.yaml"), text.replace("pack: shop", "pack: small")).unwrap();
        let said = gameday(home.path()).args(["check", "small/drill.yaml"]).assert().code(3);
        let said = String::from_utf8_lossy(&said.get_output().stderr).into_owned();
        assert!(said.contains(told), "{injector}: {said}");
    }
}

#[test]
fn a_described_target_is_laid_out_operated_and_ended() {
    let home = pack_with(SMALL);
    run(async {
        let root = home.path().join("root");
        let layout = lay_out(&blueprint(home.path()), &root).await;
        let root = layout.root.clone();
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        assert_eq!(read("data/note").trim(), format!("prepared in {}", root.display()));
        assert!(read("etc/web.conf").contains(&format!("here {}", root.display())));
        assert_eq!(layout.apart.len(), 1);
        let (client, work) = serve(&root, &home.path().join("agent")).await;
        let processes = client.processes().await.unwrap();
        assert!(processes.iter().all(|one| one.state == ProcessState::Running), "{processes:?}");
        let mut said = String::new();
        let mut tool = |line: &str| {
            let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
            operate(&root, &args, &mut |text| said.push_str(text)).map_err(|bad| bad.to_string())
        };
        assert_eq!(tool("set web limit 1k"), Ok(0));
        assert!(tool("set web limits 1k").unwrap_err().contains("no line"));
        assert!(tool("restart nobody").unwrap_err().contains("front, back"));
        assert!(tool("explode").unwrap_err().contains("Operations of smallctl"));
        assert_eq!(tool("say a;b"), Ok(0));
        assert_eq!(tool("list"), Ok(0));
        assert!(said.contains("front") && said.contains("apart"), "{said}");
        assert_eq!(read("data/said").trim(), "a;b-a;b", "no shell reads an argument");
        // The front reads its file at SIGHUP, the back is started again.
        watch_for("the reload", async || read("data/read").contains("limit 1k;").then_some(())).await;
        let after = client.processes().await.unwrap();
        assert_eq!(after[0].pid, processes[0].pid);
        assert_ne!(after[1].pid, processes[1].pid);
        // The tool on the PATH is the same.
        let listed = std::process::Command::new(root.join("bin/smallctl")).arg("list").output().unwrap();
        assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("running"));
        assert!(
            staging::lay_out(Ground {
                name: "small",
                blueprint: &blueprint(home.path()),
                root: &root,
                number: 20,
                program: Path::new("/bin/true"),
                docker_host: None,
            })
            .await
            .unwrap_err()
            .to_string()
            .contains("is running")
        );
        end(&client, work).await;
        let gone = |pid: Option<u32>| !Path::new(&format!("/proc/{}/stat", pid.unwrap())).exists();
        assert!(after.iter().all(|one| gone(one.pid)));
    });
}

pub(crate) fn arm(id: &InjectionId, fault: &Fault, fence: Fence) -> Arm {
    Arm { id: id.clone(), fault: fault.clone(), fence, lease_ms: 60_000, deadline_ms: 600_000 }
}

/// Somebody else's service: a process with its number in a file, and a command that starts it again.
#[test]
fn a_process_that_runs_already_hangs_and_is_killed_and_comes_back() {
    let home = folder();
    let start = home.path().join("start");
    let pid_file = home.path().join("other.pid");
    let script = format!(
        "#!/bin/sh\nsetsid sleep 600 >/dev/null 2>&1 </dev/null &\necho $! > {}\n",
        pid_file.display()
    );
    fs::File::create(&start).unwrap().write_all(script.as_bytes()).unwrap();
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(std::process::Command::new(&start).status().unwrap().success());
    let target = SMALL.replace(
        "apart: {address: \"127.0.0.1:9\"}",
        &format!(
            "apart: {{address: \"127.0.0.1:9\", pid_file: {}, start_again: [{}], health: {{command: [\"true\"]}}}}",
            pid_file.display(),
            start.display()
        ),
    );
    fs::write(home.path().join("target.yaml"), target).unwrap();
    fs::write(home.path().join("web.conf"), "limit 64k;\n").unwrap();
    let number = || fs::read_to_string(&pid_file).unwrap().trim().parse::<i32>().unwrap();
    let state = |pid: i32| {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        line.rsplit_once(") ")?.1.chars().next().filter(|state| *state != 'Z')
    };
    run(async {
        let layout = lay_out(&blueprint(home.path()), &home.path().join("root")).await;
        let agent_folder = home.path().join("agent");
        let (client, work) = serve(&layout.root, &agent_folder).await;
        let epoch = client.take_epoch().await.unwrap();
        let first = number();
        let hang = Fault::ProcessStop { service: "apart".parse().unwrap() };
        let id: InjectionId = "gd-a2b3c4d5".parse().unwrap();
        let fence = Fence { epoch, seq: 1 };
        client.arm(&arm(&id, &hang, fence)).await.unwrap();
        client.inject(&id, fence).await.unwrap();
        assert_eq!(state(first), Some('T'));
        client.revoke(&id, fence).await.unwrap();
        assert_eq!(client.undo(&id, fence).await.unwrap(), Undone::Restored);
        watch_for("it runs on", async || (state(first) == Some('S')).then_some(())).await;
        let crash = Fault::ProcessKill { service: "apart".parse().unwrap() };
        let (id, fence): (InjectionId, _) = ("gd-b2b3c4d5".parse().unwrap(), Fence { epoch, seq: 2 });
        client.arm(&arm(&id, &crash, fence)).await.unwrap();
        client.inject(&id, fence).await.unwrap();
        assert_eq!(state(first), None);
        assert_eq!(client.inspect(&id, &crash).await.unwrap().presence, Presence::Present);
        // The agent goes away with its target; what was somebody else's is brought back by then, and stays.
        end(&client, work).await;
        let second = number();
        assert!(second != first && state(second).is_some(), "{first} {second}");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(second), nix::sys::signal::Signal::SIGKILL)
            .unwrap();
    });
}

/// Not before somebody has said so, and not any more once that is taken back.
#[test]
fn a_target_of_ones_own_is_broken_only_while_it_is_allowed() {
    let home = folder();
    // What is printed for shells has to survive such a place.
    let state = home.path().join("ana's state");
    let command = |args: &[&str]| {
        let mut command = gameday(home.path());
        command.env("GAMEDAY_HOME", &state).args(args);
        command
    };
    let run = ["run", "shop/first-drill.yaml", "--unrehearsed", "made for a test"];
    out(&mut command(&["target", "init", "shop"]));
    let refused = command(&run).assert().code(1);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(
        said.contains("not-allowed: the target `shop` is not one that may be broken from here"),
        "{said}"
    );
    assert!(said.contains("`gameday target allow shop`"), "{said}");
    assert!(said.contains("safety-engaged"), "{said}");

    out(&mut command(&["safety", "release", "--reason", "nobody uses it"]));
    command(&["target", "allow", "no name"]).assert().code(2);
    let told = out(&mut command(&["target", "allow", "shop"]));
    assert!(told.starts_with("shop may be broken from here"), "{told}");
    let log = fs::File::create(home.path().join("log")).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_gameday"));
    program.args(run).current_dir(home.path()).env("GAMEDAY_HOME", &state);
    let mut running = Mortal(program.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    let printed = || fs::read_to_string(home.path().join("log")).unwrap();
    let line = self::run(watch_for("the line for the tool", async || {
        let line = printed();
        let line = line.lines().find_map(|line| line.strip_prefix("The target's operations tool:  "));
        line.map(str::to_owned)
    }));
    let listed = std::process::Command::new("/bin/sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.status.success() && said.contains("web"), "{line}: {listed:?}");
    assert_eq!(interrupt(&mut running).code(), Some(5), "{}", printed());

    out(&mut command(&["target", "forbid", "shop"]));
    command(&run).assert().code(1).stderr(predicates::str::contains("not-allowed"));
    let twice = command(&["target", "forbid", "shop"]).assert().code(1);
    twice.stderr(predicates::str::contains("it is not allowed"));
}

/// What an engine writes down to reach an agent.
fn access(folder: &Path, address: &str, token: &str, fingerprint: Option<&str>) -> AgentClient {
    fs::create_dir_all(folder).unwrap();
    let access = Access {
        address: address.to_owned(),
        token: token.to_owned(),
        pid: 0,
        boot: String::new(),
        fingerprint: fingerprint.map(str::to_owned),
    };
    fs::write(folder.join(ACCESS), serde_json::to_vec(&access).unwrap()).unwrap();
    AgentClient::connect(folder).unwrap()
}

#[test]
fn an_agent_on_another_host_proves_itself_and_wants_proof_and_lets_go_when_the_engine_is_gone() {
    let home = pack_with(SMALL);
    let invitation = agent::invite(&home.path().join("keys")).unwrap();
    assert!(agent::invite(&home.path().join("keys")).is_err(), "keys are never replaced");
    let other = agent::invite(&home.path().join("other")).unwrap();
    let mode = fs::metadata(&invitation.remote.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    run(async {
        let layout = lay_out(&blueprint(home.path()), &home.path().join("root")).await;
        let agent_folder = home.path().join("agent");
        fs::create_dir_all(&agent_folder).unwrap();
        let open = AgentOptions {
            listen: "0.0.0.0:0".parse().unwrap(),
            token_file: Some(invitation.token_file.clone()),
            ..AgentOptions::at(&layout.root, &agent_folder).unwrap()
        };
        let refused = agent::serve(open.clone()).await.unwrap_err().to_string();
        assert!(refused.contains("needs a certificate"), "{refused}");
        let options = AgentOptions { remote: Some(invitation.remote.clone()), ..open };
        let work = tokio::spawn(async move { agent::serve(options).await.unwrap() });
        let text = watch_for("the agent", async || fs::read(agent_folder.join(ACCESS)).ok()).await;
        let mut own: Access = serde_json::from_slice(&text).unwrap();
        assert_eq!(own.fingerprint.as_ref(), Some(&invitation.fingerprint));
        // Another loopback address is as good as another host: only TLS and the token count.
        own.address = own.address.replace("0.0.0.0", "127.9.8.7");
        // Whoever connects and says nothing keeps nobody waiting.
        let _silent = std::net::TcpStream::connect(&own.address).unwrap();
        let token = fs::read_to_string(&invitation.token_file).unwrap();
        let engine = |name: &str, token: &str, fingerprint: Option<&str>| {
            access(&home.path().join(name), &own.address, token, fingerprint)
        };
        let client = engine("engine", &token, Some(&invitation.fingerprint));
        watch_for("ready", async || client.attestation().await.ok()?.ready.then_some(())).await;
        let told = async |client: AgentClient| client.attestation().await.unwrap_err();
        let wrong_token = told(engine("e1", &"0".repeat(32), Some(&invitation.fingerprint))).await;
        assert!(matches!(wrong_token, HandError::Refused(_)), "{wrong_token}");
        let wrong_agent = told(engine("e2", &token, Some(&other.fingerprint))).await;
        assert!(wrong_agent.to_string().contains("another certificate"), "{wrong_agent}");
        let plain = told(engine("e3", &token, None)).await;
        assert!(matches!(plain, HandError::Unavailable(_)), "{plain}");
        // The target's own tool, from afar; and no other program.
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let (code, said) = client.operate(&argv("smallctl list")).await;
        assert!(code == Some(0) && said.contains("front"), "{said}");
        assert_eq!(client.operate(&argv("sh -c true")).await.0, None);
        // A fault is live and the engine is gone: nobody calls any more.
        let epoch = client.take_epoch().await.unwrap();
        let (id, fence): (InjectionId, _) = ("gd-c2b3c4d5".parse().unwrap(), Fence { epoch, seq: 1 });
        let hang = Fault::ProcessStop { service: "back".parse().unwrap() };
        client.arm(&Arm { lease_ms: 1500, ..arm(&id, &hang, fence) }).await.unwrap();
        client.inject(&id, fence).await.unwrap();
        assert_eq!(client.inspect(&id, &hang).await.unwrap().presence, Presence::Present);
        watch_for("the lease", async || {
            let listed = client.injections().await.ok()?;
            (listed[0].state == State::Expired).then_some(())
        })
        .await;
        assert_eq!(client.inspect(&id, &hang).await.unwrap().presence, Presence::Clean);
        end(&client, work).await;
    });
}

/// The real thing, as Debian packages it. `.ci/run` rehearses its scenarios.
#[test]
fn the_guest_book_starts_answers_and_leaves_no_process() {
    let needed = ["nginx", "redis-server", "initdb", "psql"];
    let folders = ["/usr/lib/postgresql/*/bin".to_owned()];
    let missing: Vec<_> = needed.iter().filter(|name| programs::find(name, &folders).is_err()).collect();
    let python =
        std::process::Command::new("/usr/bin/python3").args(["-c", "import psycopg2, redis"]).output();
    if !missing.is_empty() || !python.is_ok_and(|ended| ended.status.success()) {
        return skip(&format!(
            "not all of nginx, Redis, PostgreSQL and Python's modules are here: {missing:?}"
        ));
    }
    let home = folder();
    // Others have to find their files beneath it.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    run(async {
        let library = Library::new(Vec::new(), ScriptRunner::InProcess);
        let path = tidy::root().join("scenarios/guestbook/target.yaml");
        let (_, blueprint) = library.load_target(&path).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let layout = lay_out(&blueprint, &home.path().join("root")).await;
        let (client, work) = serve(&layout.root, &home.path().join("agent")).await;
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/entries", layout.front_door);
        let signed = http.post(&url).body("Hello").send().await.unwrap();
        assert_eq!(signed.status().as_u16(), 201);
        let read = http.get(&url).send().await.unwrap().text().await.unwrap();
        assert!(read.contains("Hello"), "{read}");
        end(&client, work).await;
        let root = layout.root.display().to_string();
        let left: Vec<_> = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains(&root))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    });
}
