//! An engine in a process of its own that is killed, what it is to do, and the users whom its drill meets.

use gameday::{
    base::At,
    clock::{BoxFuture, Clock, SystemClock},
    drill::{
        event::{Attachment, Event},
        measure::{Bucket, Tally},
        plan::Plan,
    },
    engine::{Conductor, Hands},
    library::worker::ScriptRunner,
    notify::Routes,
    store::{SqliteStore, Store},
    target::{Injector, Traffic, absent::Absent, agent_client::AgentClient},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

/// Where a process is told that it is such an engine.
pub(super) const CHILD: &str = "GAMEDAY_TEST_CONDUCTS";

/// What an engine that will be killed is to do.
#[derive(Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) agent: PathBuf,
    pub(super) journal: PathBuf,
    pub(super) config: PathBuf,
    pub(super) root: PathBuf,
    pub(super) plan: PathBuf,
    /// It does not begin the drill but takes it over, to take everything back.
    pub(super) recovers: bool,
}

/// Users whose uploads fail while the pool is too small. Everything else is as it should be.
struct Users {
    config: PathBuf,
}

impl Traffic for Users {
    fn start(&self, _: At) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn measure(&self, _: At) -> BoxFuture<'_, Bucket> {
        let small = fs::read_to_string(&self.config).unwrap().contains("size = 2");
        let failed = if small { 15 } else { 0 };
        let tally = Tally { sent: 20, failed, dropped: 0, p50_ms: 9, p95_ms: 30, p99_ms: 50 };
        let classes = BTreeMap::from([("put".parse().unwrap(), tally)]);
        Box::pin(async { Bucket { classes, lateness_ms: 0 } })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

pub(super) fn hands(store: Arc<dyn Store>, injector: Arc<dyn Injector>, config: &Path) -> Hands {
    Hands {
        clock: Arc::new(SystemClock),
        store,
        injector,
        prober: Arc::new(Absent),
        traffic: Arc::new(Users { config: config.to_owned() }),
        operator: Arc::new(Absent),
        notifier: Arc::new(Routes::default()),
        scripts: ScriptRunner::InProcess,
    }
}

impl Errand {
    pub(super) async fn conduct(self) {
        let mut plan: Plan = serde_json::from_slice(&fs::read(&self.plan).unwrap()).unwrap();
        plan.start = SystemClock.now();
        let store = Arc::new(SqliteStore::open(&self.journal).await.unwrap());
        let agent = Arc::new(AgentClient::connect(&self.agent).unwrap());
        let epoch = agent.take_epoch().await.unwrap();
        let hands = hands(store, agent, &self.config);
        let mut conductor = if self.recovers {
            Conductor::take_over(hands, &plan.drill, epoch, false).await.unwrap()
        } else {
            let folder = self.agent.display().to_string();
            let root = Some(self.root.display().to_string());
            let attachment = Attachment { agent: folder.clone(), folder, root };
            Conductor::begin(hands, plan, Some(attachment), epoch).await.unwrap()
        };
        let desk = conductor.desk();
        let told = async move {
            let mut changed = desk.changed();
            let mut stored = 0;
            loop {
                let news = desk.journal(stored);
                stored += news.len() as u64;
                if news.iter().any(|one| matches!(one.event, Event::Started)) {
                    say("begun");
                }
                if news.iter().any(|one| matches!(one.event, Event::SymptomSeen { .. })) {
                    say("live");
                }
                say(&format!("stored {stored}"));
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        let told = tokio::spawn(told);
        conductor.conduct().await.unwrap();
        drop(conductor);
        told.await.unwrap();
    }
}

/// Straight to the pipe: nothing may stay in a buffer. The harness may have begun a line of its own.
fn say(line: &str) {
    let mut out = std::io::stdout();
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A process that is gone at the latest with its owner.
pub(crate) struct Mortal(pub(crate) Child);

impl Mortal {
    pub(crate) fn kill(&mut self) {
        // One that has ended by itself cannot be killed, and need not be.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An engine in a process of its own.
pub(super) struct Engine {
    process: Mortal,
    reader: Option<JoinHandle<u64>>,
    /// The drill has begun: from here on faults are injected.
    pub(super) begun: mpsc::Receiver<()>,
    /// Users feel them.
    pub(super) live: mpsc::Receiver<()>,
}

impl Engine {
    pub(super) fn start(errand: &Errand) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::the_engine_that_is_killed", "--nocapture"])
            .env(CHILD, serde_json::to_string(errand).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (told, live) = mpsc::channel();
        let (begins, begun) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut stored = 0;
            for line in out.lines().map_while(Result::ok) {
                if let Some(count) = line.strip_prefix("stored ") {
                    stored = count.parse().unwrap();
                } else if line == "begun" {
                    let _ = begins.send(());
                } else if line == "live" {
                    let _ = told.send(());
                }
            }
            stored
        });
        Self { process: Mortal(child), reader: Some(reader), begun, live }
    }

    /// Kills it and answers how many events it said were stored.
    pub(super) fn kill(mut self) -> u64 {
        self.process.kill();
        self.reader.take().unwrap().join().unwrap()
    }
}
