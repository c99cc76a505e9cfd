//! The only place that names concrete adapters: a target is staged, and the outside world becomes one value. `adopt` is
//! for a target whose engine is gone, `remote` for one beside an agent on another host.

mod adopt;
mod remote;

use super::{
    exit::{Exit, Failure},
    home::Home,
    interrupt::interrupted,
    preflight,
    shelf::this_program,
    show,
};
use crate::{
    base::{Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    console::Gauges,
    depot,
    drill::{event::Attachment, plan::Plan},
    engine::{Hands, book::OpenBook, calendar::Schedule},
    fault::protocol::ACCESS,
    library::worker::ScriptRunner,
    notify::Notifier,
    people::{Email, People},
    post::Told,
    scenario::{
        blueprint::{Blueprint, Filling},
        pack::{Keeping, Layout, Metrics, Pack, ProbeAsk, ProcessLayout, TargetDescription},
    },
    staging,
    store::{SqliteStore, Store},
    target::{
        absent::Absent, agent_client::AgentClient, operator::CommandOperator, prober::TargetProber,
        traffic::WorkloadTraffic,
    },
    workload::{Door, Identity},
};
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    net::SocketAddr,
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
/// Where targets lie whose processes step down from root to other users.
const OUTSIDE: &str = "/var/lib/gameday/targets";
/// How often a target that is being staged is looked at.
const LOOK: Span = Span::from_millis(100);

/// How long an instance may take to tell its metrics.
const GAUGES: Span = Span::from_secs(3);
/// Most bytes of an instance's metrics.
const METRICS_BYTES_MAX: usize = 1024 * 1024;

/// Reads the metrics page of every instance of a target that has one.
pub(super) struct TargetGauges {
    client: reqwest::Client,
    /// Its name, and where its page is.
    pages: Vec<(String, String)>,
}

impl Gauges for TargetGauges {
    fn read(&self) -> BoxFuture<'_, BTreeMap<String, String>> {
        Box::pin(async {
            let mut reading = tokio::task::JoinSet::new();
            for (name, page) in self.pages.clone() {
                let request = self.client.get(page);
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

/// The journals of this home.
pub(super) async fn open_store(home: &Home) -> Result<Arc<dyn Store>, Failure> {
    Ok(Arc::new(open_sqlite(home).await?))
}

/// Everything that a home keeps in its database.
#[derive(Clone)]
pub(super) struct Books {
    /// The journals of drills.
    pub(super) store: Arc<dyn Store>,
    /// What is planned.
    pub(super) schedule: Arc<Schedule>,
    /// Who is known.
    pub(super) people: Arc<OpenBook<People>>,
    /// What was sent to whom.
    pub(super) post: Arc<OpenBook<Told>>,
}

impl Books {
    /// Everybody who has an address.
    pub(super) async fn addresses(&self) -> Result<BTreeMap<Person, Email>, Failure> {
        let people = self.people.look().await.map_err(Failure::io("read who is known"))?;
        let known = people.everybody();
        Ok(known.filter_map(|(person, about)| Some((person.clone(), about.email.clone()?))).collect())
    }
}

/// The journals of this home, its calendar, its people and its post.
pub(super) async fn open_books(home: &Home) -> Result<Books, Failure> {
    let store = Arc::new(open_sqlite(home).await?);
    let schedule = Schedule::new(store.clone(), Arc::new(SystemClock), jiff::tz::db().clone());
    let people = OpenBook::new(store.clone(), Arc::new(SystemClock));
    let post = Arc::new(OpenBook::new(store.clone(), Arc::new(SystemClock)));
    Ok(Books { store, schedule: Arc::new(schedule), people: Arc::new(people), post })
}

async fn open_sqlite(home: &Home) -> Result<SqliteStore, Failure> {
    let store = SqliteStore::open(&home.journal()).await;
    store.map_err(Failure::io(format!("open the journal {}", home.journal().display())))
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

/// A target that was staged for a drill, with the agent beside it.
pub(super) struct Stage {
    /// What was laid out.
    pub(super) layout: Layout,
    /// The agent's folder.
    pub(super) folder: PathBuf,
    /// Reaches the agent.
    pub(super) agent: Arc<AgentClient>,
    ground: Ground,
    program: PathBuf,
    striking: CancellationToken,
    keeper: JoinHandle<()>,
}

/// What a target was laid out from.
enum Ground {
    /// The embedded one, with the number of its addresses.
    Depot(u8),
    /// A described one.
    Described,
    /// A described one beside an agent on another host, which stays when the drill is over.
    Remote,
}

impl Stage {
    /// Lays a pack's target out on addresses that are free, starts its agent as a process of its own, and waits until
    /// every service answers. The agent is started again when it dies; it outlives this process.
    pub(super) async fn raise(home: &Home, pack: &Pack) -> Result<Self, Failure> {
        let program = this_program()?;
        if let Some(blueprint @ Blueprint { agent: Some(address), .. }) = &pack.blueprint {
            return Self::reach(home, pack, blueprint, address).await;
        }
        let (layout, name, ground) = match &pack.blueprint {
            None => lay_out_depot(home, &program)?,
            Some(blueprint) => lay_out_described(home, &pack.target.name, blueprint, &program).await?,
        };
        let folder = home.agents().join(&name);
        preflight::refuse_target(&layout)?;
        fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        let access = folder.join(ACCESS);
        if access.exists() {
            fs::remove_file(&access).map_err(Failure::io(format!("remove {}", access.display())))?;
        }
        let striking = CancellationToken::new();
        let root = layout.root.clone();
        let keeper = tokio::spawn(keep_agent(program.clone(), root, folder.clone(), striking.clone()));
        let ready = tokio::select! {
            ready = ready_agent(&folder, &layout) => ready,
            Ok(()) = interrupted() => {
                Err(Failure::new(Exit::Stopped, "interrupted while the target was started; nothing was broken"))
            }
        };
        match ready {
            Ok(agent) => {
                Ok(Self { layout, folder, agent: Arc::new(agent), ground, program, striking, keeper })
            }
            Err(failure) => {
                striking.cancel();
                // The agent ends what it has started; one that does not end is found by the next that takes its folder.
                let _ = tokio::time::timeout(STRIKE, keeper).await;
                Err(failure)
            }
        }
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
    fn tools(&self) -> PathBuf {
        self.layout.root.join("bin")
    }

    /// The metrics of those instances that tell theirs: all of the embedded target's, and of another one those that its
    /// description names.
    pub(super) fn gauges(&self, target: &TargetDescription) -> Result<Option<Arc<dyn Gauges>>, Failure> {
        let ours = self.layout.processes.iter().map(|one| (one.service.clone(), one.address.clone()));
        let pages: Vec<_> = ours
            .chain(self.layout.apart.clone())
            .filter_map(|(service, address)| {
                let described = target.services.iter().find(|one| one.name == service);
                let metrics = match (&self.ground, described.and_then(|one| one.metrics.as_ref())) {
                    (_, Some(metrics)) => metrics.clone(),
                    (Ground::Depot(_), None) => Metrics::default(),
                    _ => return None,
                };
                Some((service.to_string(), format!("http://{address}{}", metrics.path)))
            })
            .collect();
        if pages.is_empty() {
            return Ok(None);
        }
        // The library wants a provider of cryptography even where none is used; a second one changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(GAUGES.std())
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(Failure::io("make an HTTP client"))?;
        Ok(Some(Arc::new(TargetGauges { client, pages })))
    }

    /// The line that finds the operations tool, for a shell; beside an agent on another host it is there and not here.
    pub(super) fn tool_line(&self) -> String {
        let tool = self.layout.tool.as_ref().map_or("depotctl", |tool| &tool.name);
        let place = |path: &Path| show::quoted(&path.display().to_string());
        match self.ground {
            Ground::Remote => format!("on its own host:  {} list", place(&self.tools().join(tool))),
            _ => format!(" export PATH={}:\"$PATH\"; {tool} list", place(&self.tools())),
        }
    }

    /// What the operations tool needs to know.
    fn tool_environment(&self) -> Vec<(String, String)> {
        match self.ground {
            Ground::Depot(_) => vec![("DEPOT_ROOT".to_owned(), self.layout.root.display().to_string())],
            Ground::Described | Ground::Remote => {
                std::env::var("PATH").map(|path| ("PATH".to_owned(), path)).into_iter().collect()
            }
        }
    }

    /// The world of one plan on this target.
    pub(super) fn hands(
        &self,
        plan: &Plan,
        store: Arc<dyn Store>,
        notifier: Arc<dyn Notifier>,
    ) -> Result<Hands, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let front_door = front_door(&self.layout, plan.workload.encrypted)?;
        let ours = self.layout.processes.iter().map(|one| (one.service.clone(), one.address.clone()));
        let addresses = ours.chain(self.layout.apart.clone()).collect();
        let target = with_places(&plan.target, &self.layout);
        let certificates = self.layout.certificates.clone();
        Ok(Hands {
            store,
            injector: self.agent.clone(),
            prober: Arc::new(
                TargetProber::new(&target, addresses, certificates)
                    .map_err(Failure::io("prepare the probes"))?,
            ),
            traffic: Arc::new(WorkloadTraffic::new(
                plan.workload.clone(),
                front_door,
                plan.seed,
                clock.clone(),
            )),
            operator: match self.ground {
                Ground::Remote => self.agent.clone(),
                _ => {
                    Arc::new(CommandOperator::new(plan.target.clone(), self.tools(), self.tool_environment()))
                }
            },
            notifier,
            clock,
            scripts: ScriptRunner::Worker(self.program.clone()),
        })
    }

    /// Ends the target: everything held is taken back first.
    pub(super) async fn strike(self) -> Result<(), Failure> {
        if matches!(self.ground, Ground::Remote) {
            // Everything is taken back by now, or the leases see to it; the target belongs to its host.
            return Ok(());
        }
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

    /// Ends the target and lays it out anew or removes it, so that nothing of what was done to it is left. False where
    /// that cannot be: processes that were there before us stay as they are.
    pub(super) async fn strike_to_pristine(self) -> Result<bool, Failure> {
        let (program, root, folder) = (self.program.clone(), self.layout.root.clone(), self.folder.clone());
        let ours = |process: &ProcessLayout| process.care.keeping == Keeping::Ours;
        let all_ours = !matches!(self.ground, Ground::Remote)
            && self.layout.apart.is_empty()
            && self.layout.processes.iter().all(ours);
        let number = match self.ground {
            Ground::Depot(number) => Some(number),
            Ground::Described | Ground::Remote => None,
        };
        self.strike().await?;
        match number {
            Some(number) => {
                depot::lay_out(&root, number, &program).map_err(Failure::io("lay the target out anew"))?;
            }
            None if all_ours => staging::remove(&root).map_err(Failure::io("remove the target"))?,
            None => return Ok(false),
        }
        fs::remove_dir_all(&folder).map_err(Failure::io(format!("remove {}", folder.display())))?;
        Ok(true)
    }
}

/// Where the users knock, and whom they expect there when they come over TLS.
fn front_door(layout: &Layout, encrypted: bool) -> Result<Door, Failure> {
    let address = |text: &str| {
        text.parse::<SocketAddr>().map_err(Failure::io(format!("read the target's address {text}")))
    };
    if !encrypted {
        return Ok(address(&layout.front_door)?.into());
    }
    let mut doors = layout.processes.iter().filter(|one| one.address == layout.front_door);
    let door = doors.next().map(|door| &door.service);
    let shown = layout.certificates.iter().find(|shown| Some(&shown.service) == door).ok_or_else(|| {
        Failure::world(format!(
            "the users are to come over TLS, and the front door {} shows no certificate",
            layout.front_door
        ))
    })?;
    let authority = fs::read_to_string(&shown.authority)
        .map_err(Failure::io(format!("read {}", shown.authority.display())))?;
    let identity = Identity { name: shown.subject.clone(), authority };
    Ok(Door { address: address(&shown.address)?, identity: Some(identity) })
}

/// Lays a target file's target out on this host, for an agent that engines on other hosts use.
pub(super) async fn lay_out_here(file: &Path, root: &Path) -> Result<(), Failure> {
    let library = super::shelf::Shelf::default().library()?;
    let (target, blueprint) = library.load_target(file).map_err(|error| super::shelf::complain(&error))?;
    let number = staging::addresses::free_number(&blueprint).map_err(Failure::io("lay the target out"))?;
    let program = this_program()?;
    let docker_host = docker_host();
    let ground = staging::Ground {
        name: &target.name,
        blueprint: &blueprint,
        root,
        number,
        program: &program,
        docker_host: docker_host.as_deref(),
    };
    staging::lay_out(ground)
        .await
        .map(drop)
        .map_err(Failure::io(format!("lay the target out in {}", root.display())))
}

/// The embedded target on free addresses.
fn lay_out_depot(home: &Home, program: &Path) -> Result<(Layout, String, Ground), Failure> {
    let number =
        depot::free_instance().map_err(Failure::io("find free loopback addresses for the target"))?;
    let name = format!("depot-{number}");
    let root = home.targets().join(&name);
    let layout = depot::lay_out(&root, number, program)
        .map_err(Failure::io(format!("lay the target out in {}", root.display())))?;
    Ok((layout, name, Ground::Depot(number)))
}

/// A described target on free addresses.
async fn lay_out_described(
    home: &Home,
    target: &str,
    blueprint: &Blueprint,
    program: &Path,
) -> Result<(Layout, String, Ground), Failure> {
    let number = staging::addresses::free_number(blueprint).map_err(Failure::io("lay the target out"))?;
    let name = format!("{target}-{number}");
    let known = home.targets().join(&name);
    let root = if steps_down(blueprint) { Path::new(OUTSIDE).join(&name) } else { known.clone() };
    let docker_host = docker_host();
    let ground = staging::Ground {
        name: target,
        blueprint,
        root: &root,
        number,
        program,
        docker_host: docker_host.as_deref(),
    };
    let layout = staging::lay_out(ground)
        .await
        .map_err(Failure::io(format!("lay the target out in {}", root.display())))?;
    if root != known {
        // Recovery looks here, wherever the target lies.
        fs::create_dir_all(&known).map_err(Failure::io(format!("make {}", known.display())))?;
        let (from, to) = (root.join("layout.json"), known.join("layout.json"));
        fs::copy(&from, &to).map_err(Failure::io(format!("write {}", to.display())))?;
    }
    Ok((layout, name, Ground::Described))
}

/// Which Docker Engine this shell speaks with.
fn docker_host() -> Option<String> {
    std::env::var("DOCKER_HOST").ok()
}

/// Whether something of it will run as another user, who may not look into the home.
fn steps_down(blueprint: &Blueprint) -> bool {
    let users = blueprint.services.iter().filter_map(|service| service.user.as_ref());
    nix::unistd::Uid::effective().is_root() && users.count() > 0
}

/// The description with the places of this layout in the probes' commands.
fn with_places(target: &TargetDescription, layout: &Layout) -> TargetDescription {
    let ours = layout.processes.iter().map(|one| (one.service.to_string(), one.address.clone()));
    let apart = layout.apart.iter().map(|(service, address)| (service.to_string(), address.clone()));
    let links = layout.links.iter().map(|link| (link.link.to_string(), link.listen.clone()));
    let carried = layout.toxiproxies.iter().map(|one| (one.link.to_string(), one.listen.clone()));
    let filling = Filling {
        root: layout.root.display().to_string(),
        addresses: ours.chain(apart).chain(links).chain(carried).collect(),
    };
    let mut target = target.clone();
    for probe in &mut target.probes {
        if let ProbeAsk::Command { argv } = &mut probe.ask {
            *argv = filling.fill_all(argv);
        }
    }
    target
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
                let mut ended = tokio::task::spawn_blocking(move || child.wait());
                let ended = tokio::select! {
                    ended = &mut ended => ended,
                    () = striking.cancelled() => {
                        end(pid);
                        ended.await
                    }
                };
                match ended {
                    Ok(Ok(status)) if status.success() => return,
                    _ if striking.is_cancelled() => return,
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

/// Asks a child that was not waited for yet to end; it takes back what it holds first.
fn end(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed());
    if let Err(error) = kill(pid, Signal::SIGTERM) {
        tracing::warn!(%pid, %error, "the target's agent could not be told to end");
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

/// Whether every process runs: one that does not start is said now, and not as a steady state that never comes.
/// The agent, when it is ready and every service runs.
async fn ready_agent(folder: &Path, layout: &Layout) -> Result<AgentClient, Failure> {
    let agent = wait_until_ready(folder).await?;
    let processes = agent.processes().await.map_err(Failure::io("ask the target's agent"))?;
    let Some(down) = processes.iter().find(|one| one.pid.is_none()) else { return Ok(agent) };
    let place = layout.processes.iter().find(|one| one.service == down.service);
    let log = place.map_or_else(String::new, |one| one.log.display().to_string());
    Err(Failure::world(format!("could not start `{}`: it ends again, or never began", down.service))
        .with_help(format!("Its own words are in {log}, the agent's beside its folder in agent.log.")))
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
