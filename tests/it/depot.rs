//! The embedded target as people have it: real processes, and the failures that need them.

use crate::{
    cli::{folder, gameday, out},
    stage::{run, until},
};
use gameday::{
    clock::{Clock, SystemClock},
    scenario::pack::Layout,
};
use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
    },
    unistd::Pid,
};
use reqwest::{Client, Method, StatusCode};
use std::{
    process::{Child, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// How long an answer may take before it counts as none.
const ANSWER: Duration = Duration::from_secs(7);

struct Depot {
    home: TempDir,
    child: Child,
    layout: Layout,
    client: Client,
}

impl Drop for Depot {
    fn drop(&mut self) {
        // It ends its processes when it is told to end; a test that has failed does not wait for that.
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT);
        let _ = self.child.wait();
    }
}

impl Depot {
    async fn start() -> Self {
        let home = folder();
        let child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("gameday"))
            .args(["depot", "start", "--root", "depot-1"])
            .current_dir(home.path())
            .env("GAMEDAY_HOME", home.path().join("home"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = home.path().join("depot-1/layout.json");
        let layout =
            until("a layout", async || serde_json::from_slice(&std::fs::read(&file).ok()?).ok()).await;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
        let depot = Self { home, child, layout, client };
        until("an upload", async || (depot.ask(Method::PUT, "/objects/a").await? == 201).then_some(())).await;
        depot
    }

    async fn ask(&self, method: Method, path: &str) -> Option<StatusCode> {
        self.ask_at(&self.layout.front_door, method, path).await.map(|(status, _)| status)
    }

    async fn ask_at(&self, address: &str, method: Method, path: &str) -> Option<(StatusCode, String)> {
        let request = self.client.request(method, format!("http://{address}{path}")).timeout(ANSWER);
        let answer = request.header("authorization", "Bearer staging").body("content").send().await.ok()?;
        Some((answer.status(), answer.text().await.ok()?))
    }

    fn ctl(&self, line: &str) -> String {
        let line = ["depot", "ctl", "--root", "depot-1"].into_iter().chain(line.split(' '));
        out(gameday(self.home.path()).args(line))
    }

    fn address(&self, instance: &str) -> &str {
        &self.layout.processes.iter().find(|process| process.service.as_str() == instance).unwrap().address
    }

    fn pid(&self, instance: &str) -> Pid {
        let list = self.ctl("list");
        let row = list.lines().find(|line| line.split_whitespace().next() == Some(instance)).unwrap();
        Pid::from_raw(row.split_whitespace().nth(2).unwrap().parse().unwrap())
    }

    async fn descriptors(&self, instance: &str) -> Option<u64> {
        let (_, page) = self.ask_at(self.address(instance), Method::GET, "/metrics").await?;
        page.lines().find_map(|line| line.strip_prefix("process_open_fds "))?.parse().ok()
    }
}

#[test]
fn a_hung_process_and_leaked_descriptors_are_seen_and_repaired() {
    run(async {
        let began = SystemClock.now();
        let depot = Depot::start().await;
        let steady = SystemClock.now().since(began);
        println!("from start to the first upload: {steady}\n{}", depot.ctl("top"));

        // A hung process: it is there, holds its port, and answers nothing.
        let logs_in =
            async || (depot.ask(Method::POST, "/sessions").await? == StatusCode::CREATED).then_some(());
        until("a log-in", logs_in).await;
        kill(depot.pid("session"), Signal::SIGSTOP).unwrap();
        assert_eq!(depot.ask(Method::POST, "/sessions").await, Some(StatusCode::GATEWAY_TIMEOUT));
        until("its entry is late", async || {
            depot
                .ctl("registry list")
                .lines()
                .any(|line| line.starts_with("session ") && line.contains(" late "))
                .then_some(())
        })
        .await;
        depot.ctl("restart session");
        until("a log-in again", logs_in).await;

        // Connections that nobody closes, until the process has no descriptor left for another one.
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
        let before = depot.descriptors("web-east").await.unwrap();
        let mut leaked = Vec::new();
        for _ in 0..800 {
            leaked.push(TcpStream::connect(depot.address("web-east")).await.unwrap());
        }
        until("they count", async || {
            depot.descriptors("web-east").await.filter(|count| *count >= before + 800)
        })
        .await;
        // Who comes then waits in the kernel's line, until that is full as well; a process that is slow to take them fills
        // it sooner, so more come until nobody is answered.
        until("it answers nobody new", async || {
            for _ in 0..200 {
                let one_more = TcpStream::connect(depot.address("web-east"));
                let Ok(Ok(connection)) = tokio::time::timeout(Duration::from_secs(1), one_more).await else {
                    break;
                };
                leaked.push(connection);
            }
            depot.descriptors("web-east").await.is_none().then_some(())
        })
        .await;
        depot.ctl("restart web-east");
        drop(leaked);
        let after = until("it answers again", async || depot.descriptors("web-east").await).await;
        assert!(after < 800, "{after}");
        until("an upload again", async || {
            (depot.ask(Method::PUT, "/objects/a").await? == StatusCode::CREATED).then_some(())
        })
        .await;
    });
}
