//! A whole Depot in one process: every service as tasks on its own address, plain forwarding where the links are, and
//! a supervisor that starts tasks instead of processes.

use super::{
    config::Facts,
    host::{Running, start},
    lay_out,
    operate::{self, OperateError},
    topology::free_instance,
};
use crate::{
    base::{
        At, Span,
        supervise::{Answer, Process, ProcessState, Request, SOCKET},
    },
    clock::{Clock, SystemClock},
    scenario::pack::{Layout, LinkLayout},
};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream, UnixListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
};

mod failures;

/// By a link's name: how long each piece of data is held up on it, in milliseconds.
type Delays = Arc<std::sync::Mutex<BTreeMap<String, u64>>>;
type Instances = Arc<Mutex<BTreeMap<String, (u32, Running)>>>;

struct Staging {
    _folder: tempfile::TempDir,
    root: PathBuf,
    layout: Layout,
    client: Client,
    instances: Instances,
    delays: Delays,
}

async fn forward(listener: TcpListener, link: LinkLayout, delays: Delays) {
    while let Ok((client, _)) = listener.accept().await {
        let (link, delays) = (link.clone(), Arc::clone(&delays));
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect(&link.upstream).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let name = link.link.to_string();
            tokio::join!(
                carry(from_client, to_server, &name, &delays),
                carry(from_server, to_client, &name, &delays)
            );
        });
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, link: &str, delays: &Delays) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let delay = delays.lock().unwrap().get(link).copied().unwrap_or(0);
        if delay > 0 {
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(delay)).await;
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn run_instance(root: &Path, name: &str) -> Running {
    let facts = Facts::read(root, name).unwrap();
    let log = root.join("logs").join(format!("{name}.log"));
    let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
    start(root, facts, Box::new(log)).await.unwrap()
}

async fn supervise(listener: UnixListener, root: PathBuf, instances: Instances) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reader, mut writer) = stream.into_split();
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).await.unwrap();
        let mut instances = instances.lock().await;
        let answer = match serde_json::from_str(&line).unwrap() {
            Request::List => Answer::list(
                instances
                    .iter()
                    .map(|(name, (pid, _))| Process {
                        service: name.parse().unwrap(),
                        pid: Some(*pid),
                        state: ProcessState::Running,
                        restarts: *pid,
                        since: At::from_millis(0),
                    })
                    .collect(),
            ),
            Request::Restart { service } => {
                let name = service.as_str();
                let (pid, old) = instances.remove(name).unwrap();
                old.drain().await;
                instances.insert(name.to_owned(), (pid + 1, run_instance(&root, name).await));
                Answer::done()
            }
            Request::Signal { service, .. } => {
                instances[service.as_str()].1.reload();
                Answer::done()
            }
        };
        let line = serde_json::to_string(&answer).unwrap() + "\n";
        writer.write_all(line.as_bytes()).await.unwrap();
    }
}

impl Staging {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("depot");
        let layout = lay_out(&root, free_instance().unwrap(), &std::env::current_exe().unwrap()).unwrap();
        let delays = Delays::default();
        for link in &layout.links {
            let listener = TcpListener::bind(&link.listen).await.unwrap();
            tokio::spawn(forward(listener, link.clone(), Arc::clone(&delays)));
        }
        let instances = Instances::default();
        for process in &layout.processes {
            let name = process.service.to_string();
            let running = run_instance(&root, &name).await;
            instances.lock().await.insert(name, (1, running));
        }
        let listener = UnixListener::bind(root.join(SOCKET)).unwrap();
        tokio::spawn(supervise(listener, root.clone(), Arc::clone(&instances)));
        let client = super::call::client().unwrap();
        Self { _folder: folder, root, layout, client, instances, delays }
    }

    async fn ask(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        let url = format!("http://{}{path}", self.layout.front_door);
        let request = self.client.request(method, url).header("authorization", "Bearer staging");
        request.body(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, "").await
    }

    async fn ctl(&self, line: &str) -> Result<String, OperateError> {
        let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let mut out = Vec::new();
        operate::run(&self.root, &args, &mut out).await?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// The value of a sample without labels.
    async fn metric(&self, instance: &str, name: &str) -> u64 {
        let page = self.ctl(&format!("metrics {instance}")).await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    async fn set(&self, setting: &str) {
        self.ctl(&format!("set {setting}")).await.unwrap();
    }

    fn volume(&self, file: &str) -> PathBuf {
        self.root.join("volumes").join(file)
    }
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Waits until `ready` says so; a test that waits longer than 10 s has failed.
async fn until(what: &str, mut ready: impl AsyncFnMut() -> bool) {
    let deadline = SystemClock.now() + Span::from_secs(10);
    while !ready().await {
        assert!(SystemClock.now() < deadline, "{what} did not come to pass");
        SystemClock.sleep_until(SystemClock.now() + Span::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_stored_in_both_datacenters_read_and_listed() {
    let staging = Staging::start().await;
    for (key, content) in [("a-1", "first"), ("a-2", "second"), ("b-1", "other"), ("a-1", "first again")] {
        let response = staging.ask(Method::PUT, &format!("/objects/{key}"), content).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let told = body(response).await;
        assert_eq!(told["size"], content.len());
        assert!(told["version"].as_u64().unwrap() > 300, "{told}");
    }
    // Both web instances, both nodes, in turn.
    for _ in 0..4 {
        let response = staging.get("/objects/a-1").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.text().await.unwrap(), "first again");
    }
    for node in ["storage-east", "storage-west"] {
        assert!(std::fs::read(staging.volume(node).join("a-1")).unwrap().ends_with(b"first again"));
    }
    let list = body(staging.get("/objects?prefix=a-").await).await;
    let keys: Vec<_> = list["objects"].as_array().unwrap().iter().map(|object| &object["key"]).collect();
    assert_eq!(keys, ["a-1", "a-2"]);
    let begun = staging.get("/objects/obj-299").await;
    assert!(begun.text().await.unwrap().starts_with("obj-299 as staging begins with it"));
    assert_eq!(staging.metric("metadata", "catalogue_objects").await, 303);
    let missing = staging.get("/objects/none").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let id = missing.headers()["x-request-id"].to_str().unwrap().to_owned();
    let told = body(missing).await;
    assert_eq!((told["error"].as_str(), told["request_id"].as_str()), (Some("not_found"), Some(id.as_str())));
    assert_eq!(staging.ask(Method::PUT, "/objects/.hidden", "x").await.status(), StatusCode::BAD_REQUEST);
    let large = vec![0_u8; 300 * 1024];
    assert_eq!(staging.ask(Method::PUT, "/objects/big", large).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(staging.get("/health").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_issued_checked_and_forgotten_by_a_restart() {
    let staging = Staging::start().await;
    let with = async |token: &str| {
        let url = format!("http://{}/objects", staging.layout.front_door);
        let header = format!("Bearer {token}");
        staging.client.get(url).header("authorization", header).send().await.unwrap().status()
    };
    let login = staging.ask(Method::POST, "/sessions", "").await;
    assert_eq!(login.status(), StatusCode::CREATED);
    let token = body(login).await["token"].as_str().unwrap().to_owned();
    assert_eq!(with(&token).await, StatusCode::OK);
    assert_eq!(with("made-up").await, StatusCode::UNAUTHORIZED);
    staging.set("web session.cache_ms 0").await;
    assert_eq!(staging.ctl("restart session").await.unwrap(), "session restarted, healthy\n");
    assert_eq!(with(&token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(with("staging").await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_volume_refuses_uploads_and_serves_downloads() {
    let staging = Staging::start().await;
    staging.set("storage volume.count_ms 0").await;
    assert_eq!(staging.ask(Method::PUT, "/objects/a", "kept").await.status(), StatusCode::CREATED);
    let ballast = staging.volume("storage-west/ballast");
    std::fs::File::create(&ballast).unwrap().set_len(64 * 1024 * 1024).unwrap();
    let refused = staging.ask(Method::PUT, "/objects/a", "more").await;
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(body(refused).await["error"], "storage_full");
    assert_eq!(staging.get("/objects/a").await.status(), StatusCode::OK);
    assert!(staging.metric("storage-west", "volume_used_bytes").await > 67_000_000);
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(staging.ask(Method::PUT, "/objects/a", "more").await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_pool_turns_uploads_away_and_a_reload_makes_it_larger() {
    let staging = Staging::start().await;
    for setting in ["pool.size 1", "pool.wait_ms 100", "storage.timeout_ms 60000"] {
        staging.set(&format!("web {setting}")).await;
    }
    until("a pool of one", async || staging.metric("web-east", "pool_size").await == 1).await;
    // Writes to the east node hang in the kernel: a named pipe where its next fresh file goes.
    let stuck = staging.volume("storage-east/.new-1");
    nix::unistd::mkfifo(&stuck, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let staging = Arc::new(staging);
    let put = |key: &'static str| {
        let staging = Arc::clone(&staging);
        tokio::spawn(async move { staging.ask(Method::PUT, &format!("/objects/{key}"), "x").await })
    };
    let held = [put("a"), put("b")];
    for web in ["web-east", "web-west"] {
        until("a connection in use", async || staging.metric(web, "pool_in_use").await == 1).await;
    }
    let before = SystemClock.now();
    let refused = put("c").await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body(refused).await["error"], "pool_exhausted");
    assert!(SystemClock.now().since(before) >= Span::from_millis(100));
    // Listings and logins need no connection of the pool.
    assert_eq!(staging.get("/objects").await.status(), StatusCode::OK);
    assert_eq!(staging.ask(Method::POST, "/sessions", "").await.status(), StatusCode::CREATED);
    let turned_away = staging.metric("web-east", "pool_wait_timeouts_total").await
        + staging.metric("web-west", "pool_wait_timeouts_total").await;
    assert_eq!(turned_away, 1);

    staging.set("web pool.size 4").await;
    until("a larger pool", async || staging.metric("web-east", "pool_size").await == 4).await;
    until("a larger pool", async || staging.metric("web-west", "pool_size").await == 4).await;
    assert_eq!(staging.get("/objects/none").await.status(), StatusCode::NOT_FOUND);
    // Somebody reads the pipe: the hanging write ends, and so do those behind it.
    let reader = tokio::task::spawn_blocking(move || std::fs::read(stuck));
    for put in held {
        assert_eq!(put.await.unwrap().status(), StatusCode::CREATED);
    }
    reader.await.unwrap().unwrap();
    // One of the two objects is the pipe now, and who reads it (a worker, to make a preview) waits for a writer for ever. The
    // pipe goes, and nobody is left in it: opened for both, it waits for nobody.
    for key in ["a", "b"] {
        let path = staging.volume(&format!("storage-east/{key}"));
        let both = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        drop(both);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_near_stay_in_their_datacenter_and_near_copies_are_read_first() {
    let staging = Staging::start().await;
    assert_eq!(staging.ask(Method::PUT, "/objects/a", "old").await.status(), StatusCode::CREATED);
    staging.set("web storage.policy near").await;
    staging.set("web storage.read near").await;
    let west = staging.instances.lock().await.remove("storage-west").unwrap();
    west.1.drain().await;
    // The turns of web-west fail, those of web-east do not need the west.
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(staging.ask(Method::PUT, "/objects/a", "new").await.status());
    }
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE]);
    for _ in 0..2 {
        let response = staging.get("/objects/a").await;
        assert_eq!((response.status(), response.text().await.unwrap().as_str()), (StatusCode::OK, "new"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_instance_that_is_gone_is_left_out() {
    let staging = Staging::start().await;
    let (_, gone) = staging.instances.lock().await.remove("web-east").unwrap();
    gone.drain().await;
    for _ in 0..4 {
        assert_eq!(staging.get("/objects").await.status(), StatusCode::OK);
    }
    let page = staging.ctl("metrics edge").await.unwrap();
    assert!(page.contains("edge_web_left_out{upstream=\"web-east\"} 1"), "{page}");
    assert_eq!(staging.get("/health").await.status(), StatusCode::OK);
    let (_, gone) = staging.instances.lock().await.remove("web-west").unwrap();
    gone.drain().await;
    assert_eq!(staging.get("/objects").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(staging.get("/health").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn releases_are_deployed_and_rolled_back() {
    let staging = Staging::start().await;
    assert_eq!(staging.ctl("releases web").await.unwrap(), "  2026.11.1\n* 2026.11.2\n");
    let said = staging.ctl("deploy web 2026.11.1").await.unwrap();
    assert_eq!(
        said,
        "web: 2026.11.2 -> 2026.11.1\nweb-east restarted, healthy\nweb-west restarted, healthy\n"
    );
    assert_eq!(staging.metric("web-west", "pool_size").await, 12);
    let list = staging.ctl("list").await.unwrap();
    let row = list.lines().find(|line| line.starts_with("web-west")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[..6], ["web-west", "west", "2", "running", "2", "2026.11.1"]);
    staging.ctl("rollback web").await.unwrap();
    assert_eq!(staging.metric("web-west", "pool_size").await, 16);

    // A release that somebody put there by hand is left behind as well.
    let services = staging.root.join("services/web");
    std::fs::create_dir(services.join("releases/2026.11.3")).unwrap();
    let text = std::fs::read_to_string(services.join("current/web.toml")).unwrap();
    let broken = text.replace("size = 16", "size = 0");
    std::fs::write(services.join("releases/2026.11.3/web.toml"), broken).unwrap();
    let refused = staging.ctl("deploy web 2026.11.3").await.unwrap_err();
    assert_eq!(refused.exit_code(), 1);
    assert!(refused.to_string().contains("`pool.size` is 0"), "{refused}");
    assert!(staging.ctl("releases web").await.unwrap().contains("* 2026.11.2"));
    std::fs::write(services.join("releases/2026.11.3/web.toml"), text.replace("size = 16", "size = 2"))
        .unwrap();
    super::releases::switch(&services, "2026.11.3").unwrap();
    let said = staging.ctl("rollback web").await.unwrap();
    assert!(said.starts_with("web: 2026.11.3 -> 2026.11.2\n"), "{said}");
}

#[tokio::test]
async fn the_tool_explains_what_it_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("depot");
    lay_out(&root, 77, &std::env::current_exe().unwrap()).unwrap();
    let ctl = async |line: &str| {
        let args: Vec<_> = line.split(' ').map(str::to_owned).collect();
        let mut out = Vec::new();
        let result = operate::run(&root, &args, &mut out).await;
        (String::from_utf8(out).unwrap(), result.map_err(|err| (err.exit_code(), err.to_string())))
    };
    for line in ["help", "--help", "help set"] {
        let (text, result) = ctl(line).await;
        assert!(result.is_ok() && text.contains("Usage: depotctl"), "{text}");
    }
    let refused = async |line: &str| ctl(line).await.1.unwrap_err();
    assert_eq!(refused("explode").await.0, 2);
    let (code, why) = refused("list").await;
    assert!(code == 4 && why.contains("is the depot running?"), "{why}");
    let (code, why) = refused("restart wob").await;
    assert!(
        code == 1 && why.starts_with("there is no instance or component `wob`; there are registry"),
        "{why}"
    );
    let (code, why) = refused("logs web").await;
    assert_eq!((code, why.as_str()), (1, "`web` has several instances; name one of web-east, web-west"));
    let (code, why) = refused("set web pool.size 0").await;
    assert!(code == 1 && why.contains("it must be from 1 to 1024"), "{why}");
    assert!(ctl("config web").await.0.contains("size = 16"));
    // Nobody who would restart: nothing is switched.
    assert_eq!(refused("rollback web").await.0, 4);
    assert!(ctl("releases web").await.0.contains("* 2026.11.2"));
}

#[tokio::test]
async fn an_instance_is_not_served_as_what_it_is_not_and_not_with_a_broken_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("depot");
    lay_out(&root, 77, &std::env::current_exe().unwrap()).unwrap();
    let refused = super::serve("web", &root, "edge").await.unwrap_err();
    assert_eq!(refused.to_string(), "`edge` is a `edge` instance, not a `web` instance");
    std::fs::write(root.join("services/session/current/session.toml"), "[tokens]\nttl_s = 0\n").unwrap();
    let facts = Facts::read(&root, "session").unwrap();
    let refused = start(&root, facts, Box::new(std::io::sink())).await.err().unwrap();
    assert!(refused.to_string().contains("current/session.toml: missing field `max`"), "{refused}");
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/depot/docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manual_tells_every_setting_metric_and_verb() {
    let staging = Staging::start().await;
    staging.ask(Method::PUT, "/objects/a", "x").await;
    for process in &staging.layout.processes {
        let (instance, component) = (&process.service, &process.component);
        let manual = page(&format!("depot-{component}.8.md"));
        let metrics = staging.ctl(&format!("metrics {instance}")).await.unwrap();
        for family in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = family.split(' ').next().unwrap();
            assert!(manual.contains(&format!("| `{name}` |")), "{name} is not in the manual of {component}");
        }
        let config = staging.ctl(&format!("config {component}")).await.unwrap();
        for key in operate::deploy::keys(config.parse::<toml_edit::DocumentMut>().unwrap().as_table()) {
            assert!(manual.contains(&format!("| `{key}` |")), "{key} is not in the manual of {component}");
        }
    }
    let manual = page("depotctl.1.md");
    let help = staging.ctl("help").await.unwrap();
    let verbs =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut count = 0;
    for verb in
        verbs.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).filter(|verb| !verb.is_empty())
    {
        assert!(manual.contains(&format!("    depotctl {verb}")), "{verb} is not in depotctl(1)");
        count += 1;
    }
    assert_eq!(count, 32, "{help}");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let pages = [
        "architecture.md",
        "depot-edge.8.md",
        "depot-metadata.8.md",
        "depot-queue.8.md",
        "depot-registry.8.md",
        "depot-replica.8.md",
        "depot-session.8.md",
        "depot-storage.8.md",
        "depot-web.8.md",
        "depot-worker.8.md",
        "depotctl.1.md",
        "runbooks/catalogue.md",
        "runbooks/certificates.md",
        "runbooks/clocks-and-credentials.md",
        "runbooks/cross-datacenter.md",
        "runbooks/discovery.md",
        "runbooks/jobs.md",
        "runbooks/leaks.md",
        "runbooks/logins.md",
        "runbooks/overload.md",
        "runbooks/uploads.md",
    ];
    let pointer = regex::Regex::new(r"(depot[a-z]*(?:-[a-z]+)?)\(([18])\)|(runbooks/[a-z-]+\.md)").unwrap();
    for name in pages {
        let text = page(name);
        assert!(text.starts_with("# "), "{name} has no title");
        for found in pointer.captures_iter(&text) {
            let to = match found.get(3) {
                Some(path) => path.as_str().to_owned(),
                None => format!("{}.{}.md", &found[1], &found[2]),
            };
            assert!(pages.contains(&to.as_str()), "{name} points to {to}");
        }
    }
}
