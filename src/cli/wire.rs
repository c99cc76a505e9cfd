//! The only place that names concrete adapters: a target is staged, and the outside world becomes one value. `adopt` is
//! for a target whose engine is gone.

mod adopt;

use super::{exit::Failure, home::Home, preflight, shelf::this_program};
use crate::{
    base::Span,
    clock::{BoxFuture, Clock, SystemClock},
    console::Gauges,
    depot,
    drill::{event::Attachment, plan::Plan},
    engine::Hands,
    fault::protocol::ACCESS,
    library::worker::ScriptRunner,
    notify::Notifier,
    scenario::pack::Layout,
    store::{SqliteStore, Store},
    target::{
        absent::Absent, agent_client::AgentClient, http_prober::HttpProber, operator::CommandOperator,
        traffic::WorkloadTraffic,
    },
};
use nix::fcntl::{Flock, FlockArg};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a target may take until every process answers.
const READY: Span = Span::from_secs(60);
/// How long an agent may take to put everything back and end.
const STRIKE: Duration = Duration::from_secs(60);
/// How often a target that is being staged is looked at.
const LOOK: Span = Span::from_millis(100);

/// How long an instance may take to tell its metrics.
const GAUGES: Span = Span::from_secs(3);
/// Most bytes of an instance's metrics.
const METRICS_BYTES_MAX: usize = 1024 * 1024;

/// Reads the metrics page of every instance of a target.
pub(super) struct TargetGauges {
    client: reqwest::Client,
    addresses: Vec<(String, String)>,
}

impl Gauges for TargetGauges {
    fn read(&self) -> BoxFuture<'_, BTreeMap<String, String>> {
        Box::pin(async {
            let mut reading = tokio::task::JoinSet::new();
            for (name, address) in self.addresses.clone() {
                let request = self.client.get(format!("http://{address}/metrics"));
                reading.spawn(async move {
                    let mut answer = request.send().await.ok()?.error_for_status().ok()?;
                    let mut page = Vec::new();
                    while let Some(piece) = answer.chunk().await.ok()? {
                        page.extend_from_slice(&piece);
                        if page.len() > METRICS_BYTES_MAX {
                            return None;
                        }
                    }
                    Some((name, String::from_utf8(page).ok()?))
                });
            }
            reading.join_all().await.into_iter().flatten().collect()
        })
    }
}

/// The journal of this home.
pub(super) async fn open_store(home: &Home) -> Result<Arc<dyn Store>, Failure> {
    let store = SqliteStore::open(&home.journal()).await;
    Ok(Arc::new(store.map_err(Failure::io(format!("open the journal {}", home.journal().display())))?))
}

/// Names of the targets that may be broken from here.
pub(super) fn targets_allowed() -> Vec<String> {
    vec![depot::describe().name]
}

/// A lock that lives as long as the engine that conducts a drill; the system drops it with the process.
pub(super) type DrillLock = Flock<File>;

/// Takes the lock of one drill; nothing: a living engine has it.
pub(super) fn lock_drill(home: &Home, drill: &str) -> Result<Option<DrillLock>, Failure> {
    let folder = home.root().join("locks");
    fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
    let path = folder.join(drill);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Failure::io(format!("open {}", path.display())))?;
    Ok(Flock::lock(file, FlockArg::LockExclusiveNonblock).ok())
}

/// An embedded target that was laid out and started for a drill, with the agent beside it.
pub(super) struct Stage {
    /// What was laid out.
    pub(super) layout: Layout,
    /// The agent's folder.
    pub(super) folder: PathBuf,
    /// Reaches the agent.
    pub(super) agent: Arc<AgentClient>,
    instance: u8,
    program: PathBuf,
    striking: CancellationToken,
    keeper: JoinHandle<()>,
}

impl Stage {
    /// Lays a target out on addresses that are free, starts its agent as a process of its own, and waits until every
    /// service answers. The agent is started again when it dies; it outlives this process.
    pub(super) async fn raise(home: &Home) -> Result<Self, Failure> {
        let program = this_program()?;
        let instance =
            depot::free_instance().map_err(Failure::io("find free loopback addresses for the target"))?;
        let name = format!("depot-{instance}");
        let root = home.targets().join(&name);
        let folder = home.agents().join(&name);
        let layout = depot::lay_out(&root, instance, &program)
            .map_err(Failure::io(format!("lay the target out in {}", root.display())))?;
        preflight::refuse_target(&layout)?;
        fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        let access = folder.join(ACCESS);
        if access.exists() {
            fs::remove_file(&access).map_err(Failure::io(format!("remove {}", access.display())))?;
        }
        let striking = CancellationToken::new();
        let keeper = tokio::spawn(keep_agent(program.clone(), root, folder.clone(), striking.clone()));
        let agent = wait_until_ready(&folder).await.inspect_err(|_| striking.cancel())?;
        Ok(Self { layout, folder, agent: Arc::new(agent), instance, program, striking, keeper })
    }

    /// Where recovery finds this target.
    pub(super) fn attachment(&self) -> Attachment {
        Attachment {
            agent: self.folder.join(ACCESS).display().to_string(),
            folder: self.folder.display().to_string(),
            root: Some(self.layout.root.display().to_string()),
        }
    }

    /// Where responders find the operations tool.
    pub(super) fn tools(&self) -> PathBuf {
        self.layout.root.join("bin")
    }

    /// The target's own metrics.
    pub(super) fn gauges(&self) -> Result<TargetGauges, Failure> {
        // The library wants a provider of cryptography even where none is used; a second one changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(GAUGES.std())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Failure::io("make an HTTP client"))?;
        let addresses =
            self.layout.processes.iter().map(|one| (one.service.to_string(), one.address.clone())).collect();
        Ok(TargetGauges { client, addresses })
    }

    /// The world of one plan on this target.
    pub(super) fn hands(
        &self,
        plan: &Plan,
        store: Arc<dyn Store>,
        notifier: Arc<dyn Notifier>,
    ) -> Result<Hands, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let front_door = self
            .layout
            .front_door
            .parse()
            .map_err(Failure::io(format!("read the target's address {}", self.layout.front_door)))?;
        let addresses =
            self.layout.processes.iter().map(|one| (one.service.clone(), one.address.clone())).collect();
        let certificates = self.layout.certificates.clone();
        let root = ("DEPOT_ROOT".to_owned(), self.layout.root.display().to_string());
        Ok(Hands {
            store,
            injector: self.agent.clone(),
            prober: Arc::new(
                HttpProber::new(&plan.target, addresses, certificates)
                    .map_err(Failure::io("prepare the probes"))?,
            ),
            traffic: Arc::new(WorkloadTraffic::new(
                plan.workload.clone(),
                front_door,
                plan.seed,
                clock.clone(),
            )),
            operator: Arc::new(CommandOperator::new(plan.target.clone(), self.tools(), vec![root])),
            notifier,
            clock,
            scripts: ScriptRunner::Worker(self.program.clone()),
        })
    }

    /// Ends the target: everything held is taken back first.
    pub(super) async fn strike(self) -> Result<(), Failure> {
        self.striking.cancel();
        // An agent that is gone already has nothing to end.
        let asked = self.agent.shutdown().await;
        if tokio::time::timeout(STRIKE, self.keeper).await.is_ok() {
            Ok(())
        } else {
            let why = asked.err().map_or_else(|| "it does not end".to_owned(), |error| error.to_string());
            Err(Failure::world(format!("could not end the target's agent: {why}")))
        }
    }

    /// Ends the target and lays it out anew, so that nothing of what was done to it is left.
    pub(super) async fn strike_to_pristine(self) -> Result<(), Failure> {
        let (instance, program, root, folder) =
            (self.instance, self.program.clone(), self.layout.root.clone(), self.folder.clone());
        self.strike().await?;
        depot::lay_out(&root, instance, &program).map_err(Failure::io("lay the target out anew"))?;
        fs::remove_dir_all(&folder).map_err(Failure::io(format!("remove {}", folder.display())))
    }
}

/// The world without a target: for a start that was missed.
pub(super) fn hands_without_target(store: Arc<dyn Store>, notifier: Arc<dyn Notifier>) -> Hands {
    Hands {
        clock: Arc::new(SystemClock),
        store,
        injector: Arc::new(Absent),
        prober: Arc::new(Absent),
        traffic: Arc::new(Absent),
        operator: Arc::new(Absent),
        notifier,
        scripts: ScriptRunner::InProcess,
    }
}

/// Starts the agent, and starts it again when it dies, until the target is struck. An agent that this process leaves
/// behind lets go by itself when its leases run out, and ends.
async fn keep_agent(program: PathBuf, root: PathBuf, folder: PathBuf, striking: CancellationToken) {
    while !striking.is_cancelled() {
        match start_agent(&program, &root, &folder) {
            Ok(mut child) => {
                let pid = child.id();
                let ended = tokio::task::spawn_blocking(move || child.wait());
                match ended.await {
                    Ok(Ok(status)) if status.success() => return,
                    other => tracing::warn!(?pid, ?other, "the target's agent ended; it is started again"),
                }
            }
            Err(error) => tracing::warn!(%error, "the target's agent could not be started"),
        }
        let again = SystemClock.now() + Span::from_millis(500);
        tokio::select! {
            () = SystemClock.sleep_until(again) => {}
            () = striking.cancelled() => {}
        }
    }
}

/// In a process group of its own: the interrupt that ends this program must not end the agent before it is asked to.
fn start_agent(program: &Path, root: &Path, folder: &Path) -> std::io::Result<std::process::Child> {
    let log = OpenOptions::new().create(true).append(true).open(folder.join("agent.log"))?;
    Command::new(program)
        .args(["agent", "serve", "--root"])
        .arg(root)
        .arg("--folder")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

async fn wait_until_ready(folder: &Path) -> Result<AgentClient, Failure> {
    let clock = SystemClock;
    let deadline = clock.now() + READY;
    let mut seen = "its agent did not start".to_owned();
    while clock.now() < deadline {
        match AgentClient::connect(folder) {
            Ok(agent) => match agent.attestation().await {
                Ok(attested) if attested.ready => {
                    preflight::refuse_complaint(attested.refuses)?;
                    return Ok(agent);
                }
                Ok(_) => "its services are not ready".clone_into(&mut seen),
                Err(error) => seen = error.to_string(),
            },
            Err(error) => seen = error.to_string(),
        }
        clock.sleep_until(clock.now() + LOOK).await;
    }
    Err(Failure::world(format!("could not start the target within {READY}: {seen}"))
        .with_help(format!("The agent's own words are in {}.", folder.join("agent.log").display())))
}
