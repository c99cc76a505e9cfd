//! A whole agent with real processes, sockets and calls, in this process.

use super::{
    super::{
        lever::tests::{WEB, healthy, layout},
        process::{Identity, Life},
    },
    *,
};
use crate::{
    base::{
        InjectionId, ServiceName,
        supervise::{Answer, ProcessState, Request},
    },
    drill::effect::Arm,
    fault::{Fault, Fence, Presence, Undone, protocol::State},
    target::{HandError, Injector, agent_client::AgentClient},
};
use std::fs;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UnixStream},
    task::JoinHandle,
};

const LIMIT: Duration = Duration::from_secs(30);
const FENCE: Fence = Fence { epoch: 1, seq: 5 };

struct Bench {
    folder: tempfile::TempDir,
    options: AgentOptions,
    agent: JoinHandle<Result<(), AgentError>>,
    client: AgentClient,
}

fn options(folder: &Path) -> AgentOptions {
    let root = folder.join("target");
    fs::create_dir_all(&root).unwrap();
    let layout = healthy(layout(&root));
    fs::write(root.join("layout.json"), serde_json::to_vec(&layout).unwrap()).unwrap();
    AgentOptions::at(&root, &folder.join("agent")).unwrap()
}

async fn start(options: &AgentOptions) -> (JoinHandle<Result<(), AgentError>>, AgentClient) {
    let agent = tokio::spawn(serve(options.clone()));
    let ready = async || {
        assert!(!agent.is_finished(), "the agent has ended");
        let client = AgentClient::connect(&options.folder).ok()?;
        let attestation = client.attestation().await.ok()?;
        attestation.ready.then_some(client)
    };
    let client = boot::watch_for(LIMIT, ready).await.expect("it gets ready");
    (agent, client)
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let (agent, client) = start(&options).await;
    Bench { folder, options, agent, client }
}

impl Bench {
    async fn end(self) {
        self.client.shutdown().await.unwrap();
        self.agent.await.unwrap().unwrap();
    }

    fn file(&self) -> String {
        fs::read_to_string(&self.options.layout.files[0].path).unwrap()
    }
}

fn id() -> InjectionId {
    "gd-a".parse().unwrap()
}

fn arm(fault: Fault) -> Arm {
    Arm { id: id(), fault, fence: FENCE, lease_ms: 60_000, deadline_ms: 60_000 }
}

fn edit() -> Fault {
    Fault::FileEdit { file: "web".to_owned(), key: "pool.size".to_owned(), value: "2".to_owned() }
}

#[tokio::test]
async fn every_kind_of_fault_goes_its_way_through_the_client() {
    let bench = bench().await;
    let client = &bench.client;
    let east: ServiceName = "web-east".parse().unwrap();
    let link = bench.options.layout.links[0].link.clone();
    let faults = [
        Fault::LinkDown { link },
        Fault::ProcessStop { service: east.clone() },
        Fault::ProcessKill { service: east },
        edit(),
        Fault::VolumeFill { volume: "a".parse().unwrap(), percent: 50 },
        Fault::ReleaseRollOut {
            service: "web".parse().unwrap(),
            release: "2".to_owned(),
            key: "pool.size".to_owned(),
            value: "2".to_owned(),
        },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let id: InjectionId = format!("gd-{number}").parse().unwrap();
        let look = async || client.inspect(&id, &fault).await.unwrap().presence;
        assert_eq!(look().await, Presence::Clean, "{fault:?}");
        let arm = Arm { id: id.clone(), ..arm(fault.clone()) };
        client.arm(&arm).await.unwrap();
        client.inject(&id, FENCE).await.unwrap();
        assert_eq!(look().await, Presence::Present, "{fault:?}");
        client.revoke(&id, FENCE).await.unwrap();
        let undone = client.undo(&id, FENCE).await.unwrap();
        assert_eq!(undone, Undone::Restored, "{fault:?}");
        assert_eq!(look().await, Presence::Clean, "{fault:?}");
    }
    let listed = client.injections().await.unwrap();
    assert_eq!(listed.len(), 6);
    assert!(listed.iter().all(|one| one.state == State::Reverted));
    assert_eq!(listed[1].place.as_deref(), Some("service web-east"));
    assert!(client.heartbeat(1).await.unwrap().is_empty());
    assert_eq!(client.take_epoch().await.unwrap(), 2);
    let late = client.heartbeat(1).await;
    assert!(matches!(late, Err(HandError::Refused(_))), "{late:?}");
    bench.end().await;
}

#[tokio::test]
async fn the_end_takes_everything_back_and_nothing_outlives_it() {
    let bench = bench().await;
    let pids: Vec<_> = bench.client.processes().await.unwrap();
    assert_eq!(pids.len(), 2);
    bench.client.arm(&arm(edit())).await.unwrap();
    bench.client.inject(&id(), FENCE).await.unwrap();
    assert_ne!(bench.file(), WEB);
    bench.client.shutdown().await.unwrap();
    bench.agent.await.unwrap().unwrap();
    for process in pids {
        let pid = i32::try_from(process.pid.unwrap()).unwrap();
        assert_eq!(Identity::of(pid).unwrap(), None);
    }
    assert!(!bench.options.folder.join(ACCESS).exists());
    assert!(!bench.options.layout.root.join(SOCKET).exists());
    let text = fs::read_to_string(&bench.options.layout.files[0].path).unwrap();
    assert_eq!(text, WEB);
    drop(bench.folder);
}

#[tokio::test]
async fn a_new_agent_sweeps_first_and_the_client_finds_it() {
    let bench = bench().await;
    bench.client.arm(&arm(edit())).await.unwrap();
    bench.client.inject(&id(), FENCE).await.unwrap();
    let record = bench.options.folder.join("injections/gd-a.json");
    let applied = fs::read(&record).unwrap();
    let (broken, options) = (bench.file(), bench.options.clone());
    bench.client.shutdown().await.unwrap();
    bench.agent.await.unwrap().unwrap();
    // As if the agent had been killed while the effect was there.
    fs::write(record, applied).unwrap();
    fs::write(&options.layout.files[0].path, broken).unwrap();
    let (agent, _) = start(&options).await;
    let text = fs::read_to_string(&options.layout.files[0].path).unwrap();
    assert_eq!(text, WEB);
    // The client of before, which knows the old address and token.
    let expired = bench.client.heartbeat(1).await.unwrap();
    assert_eq!(expired, [id()]);
    bench.client.shutdown().await.unwrap();
    agent.await.unwrap().unwrap();
}

/// Where the test below tells its child to work.
const CHILD: &str = "GAMEDAY_TEST_AGENT_FOLDER";

#[tokio::test]
#[ignore = "the child of the next test"]
async fn an_agent_in_a_process_of_its_own() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let options = AgentOptions::at(&folder.join("target"), &folder.join("agent"));
    serve(options.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_kill_of_the_agent_leaves_no_process_and_the_sweep_leaves_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored"])
        .arg("agent::serve::tests::an_agent_in_a_process_of_its_own")
        .env(CHILD, folder.path())
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ready = async || {
        let client = AgentClient::connect(&options.folder).ok()?;
        let ready = client.attestation().await.is_ok_and(|said| said.ready);
        ready.then_some(client)
    };
    let client = boot::watch_for(LIMIT, ready).await.expect("it gets ready");
    let named = |name: &str, fault: Fault| Arm { id: name.parse().unwrap(), ..arm(fault) };
    let stop = Fault::ProcessStop { service: "web-east".parse().unwrap() };
    for arm in [named("gd-a", edit()), named("gd-b", stop)] {
        client.arm(&arm).await.unwrap();
        client.inject(&arm.id, FENCE).await.unwrap();
    }
    let identity = |pid| Identity::of(i32::try_from(pid).unwrap()).unwrap();
    let running: Vec<_> = client.processes().await.unwrap();
    let running: Vec<_> = running.iter().filter_map(|one| identity(one.pid?)).collect();
    assert_eq!(running.len(), 2);
    child.start_kill().unwrap();
    child.wait().await.unwrap();
    for process in running {
        let gone = async || (process.life().unwrap() == Life::Gone).then_some(());
        let gone = boot::watch_for(LIMIT, gone).await;
        gone.expect("nothing outlives the agent, stopped or not");
    }
    let report = super::super::sweep(&options.folder, &options.layout).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.restored, ["gd-a".parse().unwrap()]);
    assert_eq!(report.already_clean, ["gd-b".parse().unwrap()]);
    let text = fs::read_to_string(&options.layout.files[0].path).unwrap();
    assert_eq!(text, WEB);
}

#[tokio::test]
async fn an_agent_that_nobody_calls_ends_itself_but_not_while_it_holds_something() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.linger = Span::from_millis(300);
    options.lease_max = Some(Span::from_millis(1500));
    let (agent, client) = start(&options).await;
    client.arm(&arm(edit())).await.unwrap();
    client.inject(&id(), FENCE).await.unwrap();
    let begun_ms = boot::now_ms();
    agent.await.unwrap().unwrap();
    assert!(boot::now_ms() - begun_ms >= 1000, "the lease came first");
    let text = fs::read_to_string(&options.layout.files[0].path).unwrap();
    assert_eq!(text, WEB);
    let call = client.attestation().await;
    assert!(matches!(call, Err(HandError::Unavailable(_))), "{call:?}");
}

#[tokio::test]
async fn strangers_and_nonsense_are_refused_with_a_reason() {
    let bench = bench().await;
    let access = fs::read(bench.options.folder.join(ACCESS)).unwrap();
    let access: Access = serde_json::from_slice(&access).unwrap();
    let stranger = AgentClient::at(&access.address, "0123").unwrap();
    let call = stranger.attestation().await;
    assert!(matches!(call, Err(HandError::Refused(why)) if why.contains("token")));
    let raw = async |method: &str, path: &str, body: &str| {
        let mut stream = TcpStream::connect(&access.address).await.unwrap();
        let (token, length) = (&access.token, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        // The server may answer before it has read a body that is too large.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    };
    for (method, path, body, status, code) in [
        ("POST", "/v1/heartbeat", "{\"epoch\":\"x\"}", 422, "bad-request"),
        ("POST", "/v1/heartbeat", "{", 400, "bad-request"),
        ("POST", "/v1/injections/..%2fx/revoke", "{\"fence\":{\"epoch\":1,\"seq\":1}}", 400, "bad-request"),
        ("GET", "/v1/nowhere", "", 404, "no-such-path"),
        ("GET", "/v1/heartbeat", "", 405, "bad-method"),
        ("POST", "/v1/heartbeat", &" ".repeat(70_000), 413, "bad-request"),
    ] {
        let answer = raw(method, path, body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
    }
    let mut other = arm(edit());
    other.fault = Fault::VolumeFill { volume: "nowhere".parse().unwrap(), percent: 5 };
    let call = bench.client.arm(&other).await;
    assert!(matches!(call, Err(HandError::Refused(why)) if why.contains("nowhere")));
    bench.end().await;
}

#[tokio::test]
async fn the_operations_tool_lists_restarts_and_signals() {
    let bench = bench().await;
    let path = bench.options.layout.root.join(SOCKET);
    let ask = async |line: String| {
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await.unwrap();
        serde_json::from_str::<Answer>(&answer).unwrap()
    };
    let say = |request: Request| serde_json::to_string(&request).unwrap();
    let listed = ask(say(Request::List)).await.processes.unwrap();
    assert!(listed.iter().all(|one| one.state == ProcessState::Running));
    let service = listed[0].service.clone();
    let restart = say(Request::Restart { service });
    assert!(ask(restart).await.ok);
    let again = ask(say(Request::List)).await.processes.unwrap();
    assert_ne!(again[0].pid, listed[0].pid);
    assert_eq!((again[0].restarts, again[1].restarts), (1, 0));
    let nobody = "nobody".parse().unwrap();
    let refused = ask(say(Request::Restart { service: nobody })).await;
    assert!(!refused.ok && refused.error.unwrap().contains("nobody"));
    assert!(!ask("nonsense".to_owned()).await.ok);
    // A responder's restart of what a fault keeps down is a repair.
    let service = again[0].service.clone();
    let kill = Fault::ProcessKill { service: service.clone() };
    bench.client.arm(&arm(kill)).await.unwrap();
    bench.client.inject(&id(), FENCE).await.unwrap();
    let down = ask(say(Request::List)).await.processes.unwrap();
    assert_eq!((down[0].state, down[0].pid), (ProcessState::Exited, None));
    assert!(ask(say(Request::Restart { service })).await.ok);
    let undone = bench.client.undo(&id(), FENCE).await.unwrap();
    assert_eq!(undone, Undone::AlreadyClean);
    bench.end().await;
}

#[tokio::test]
async fn what_forbids_everything_is_told_with_the_code_of_the_refusal() {
    let bench = bench().await;
    let attested = bench.client.attestation().await.unwrap();
    assert_eq!((attested.staging.unwrap().by.as_str(), attested.refuses), ("ana", None));
    fs::write(bench.options.layout.root.join(crate::agent::STAGING), "").unwrap();
    let complaint = bench.client.attestation().await.unwrap().refuses.unwrap();
    assert_eq!(complaint.code, crate::drill::preflight::code::ATTESTATION_UNREADABLE);
    let refused = bench.client.arm(&arm(edit())).await.unwrap_err().to_string();
    assert!(refused.contains(&complaint.error) && refused.ends_with("(attestation-unreadable)"), "{refused}");
    bench.end().await;
}

#[tokio::test]
async fn an_agent_refuses_where_it_must_not_work() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path());
    let deny = folder.path().join(guard::DENY);
    fs::write(&deny, "").unwrap();
    let refused = serve(options.clone()).await;
    assert!(matches!(refused, Err(AgentError::Denied(Denied::Forbidden(_)))));
    fs::remove_file(deny).unwrap();
    fs::remove_file(options.layout.root.join(".gameday-staging")).unwrap();
    let refused = serve(options.clone()).await;
    assert!(matches!(refused, Err(AgentError::Denied(Denied::NotStaging(_)))));
    let mut open = options;
    open.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(serve(open).await, Err(AgentError::NotLoopback(_))));
}
