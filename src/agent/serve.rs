//! Starts everything in the right order, and ends it in the reverse one.

use super::{
    api::{self, Shared},
    boot, durable,
    guard::{self, Denied},
    keeper::{Beginning, Keeper},
    lever::Hands,
    proxy::{Proxy, ProxyError},
    record::{LeaseStore, StoreError},
    socket,
    supervisor::Supervisor,
    sweep::sweep_records,
    tls::{self, Encrypted, Remote},
};
use crate::{
    base::{LinkName, Span, supervise::SOCKET},
    fault::protocol::{ACCESS, Access},
    scenario::pack::Layout,
    seed::{self, Seed},
};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long an agent that was killed may take to let go of its addresses.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// How long requests in progress may take when the agent ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How long undos may take when the agent ends; what is left is taken back by the next sweep.
const LET_GO: Duration = Duration::from_secs(20);

/// How an agent is to work.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// Its target.
    pub layout: Layout,
    /// Its own durable folder. Not under the target's root, where responders look.
    pub folder: PathBuf,
    /// Where its API listens; a loopback address. Port 0: any.
    pub listen: SocketAddr,
    /// It ends itself, services and all, so long after the last call once nothing is held.
    pub linger: Span,
    /// No lease is longer than this, whatever an engine asks for.
    pub lease_max: Option<Span>,
    /// For engines on other hosts; nothing: loopback alone, without TLS.
    pub remote: Option<Remote>,
    /// The file with the token; a fresh one by default.
    pub token_file: Option<PathBuf>,
}

impl AgentOptions {
    /// The usual ones for the target that is laid out under `root`.
    pub fn at(root: &Path, folder: &Path) -> Result<Self, AgentError> {
        let path = root.join("layout.json");
        let text = std::fs::read(&path).map_err(AgentError::io("read", &path))?;
        let layout =
            serde_json::from_slice(&text).map_err(|err| AgentError::io("understand", &path)(err.into()))?;
        Ok(Self {
            layout,
            folder: folder.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            linger: Span::from_mins(10),
            lease_max: None,
            remote: None,
            token_file: None,
        })
    }
}

/// Why an agent does not work.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// Nothing may be broken here.
    #[error("could not take the target: {0}")]
    Denied(#[from] Denied),
    /// Its durable memory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A link has no proxy.
    #[error("could not open a link")]
    Link(#[from] ProxyError),
    /// Other machines could reach it.
    #[error("could not listen on {0}: it is not a loopback address, so it needs a certificate and a token")]
    NotLoopback(SocketAddr),
    /// A file, folder or address refused.
    #[error("could not {what} {place}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The run of the machine has no name.
    #[error("could not read the boot id: {0}")]
    Boot(io::Error),
    /// No runtime for asynchronous work.
    #[error("could not start a runtime: {0}")]
    Runtime(io::Error),
}

impl AgentError {
    pub(super) fn io(what: &'static str, place: &Path) -> impl FnOnce(io::Error) -> Self {
        let place = place.display().to_string();
        move |source| Self::Io { what, place, source }
    }
}

/// Works beside a target until it is told to end (by call, SIGTERM or SIGINT) or nobody has called for long. Takes back
/// first what an earlier agent has left. At its end it takes back what it holds and ends the target's processes.
pub async fn serve(options: AgentOptions) -> Result<(), AgentError> {
    let AgentOptions { layout, folder, listen, linger, lease_max, remote, token_file } = options;
    if !listen.ip().is_loopback() && (remote.is_none() || token_file.is_none()) {
        return Err(AgentError::NotLoopback(listen));
    }
    guard::check_paths(&layout)?;
    guard::check_addresses(&layout)?;
    let layout = Arc::new(layout);
    let boot_id = boot::id().map_err(AgentError::Boot)?;
    let supervisor = Supervisor::new(&layout);
    let keeper = begin(&layout, &folder, &supervisor, &boot_id, lease_max).await?;
    let access_path = folder.join(ACCESS);
    let socket_path = layout.root.join(SOCKET);
    let unix = socket::open(&layout.root).map_err(AgentError::io("open", &socket_path))?;
    let place = PathBuf::from(listen.to_string());
    let tcp = TcpListener::bind(listen).await.map_err(AgentError::io("listen on", &place))?;
    let address = tcp.local_addr().map_err(AgentError::io("listen on", &place))?;
    let shared = Shared {
        keeper: Arc::clone(&keeper),
        supervisor: supervisor.clone(),
        token: match &token_file {
            Some(path) => tls::token(path)?.into(),
            None => seed::token().into(),
        },
        boot: boot_id.as_str().into(),
        end: CancellationToken::new(),
    };
    let fingerprint = remote.as_ref().map(Remote::fingerprint).transpose()?;
    let door = match &remote {
        Some(remote) => Door::Encrypted(Encrypted::over(tcp, remote)?),
        None => Door::Plain(tcp),
    };
    write_access(&access_path, &shared, address, fingerprint)?;
    let background = [
        tokio::spawn(socket::serve(unix, supervisor.clone())),
        tokio::spawn(Arc::clone(&keeper).tend()),
        tokio::spawn(start_target(Arc::clone(&keeper), supervisor.clone())),
        tokio::spawn(end_when_silent(Arc::clone(&keeper), linger, shared.end.clone())),
        tokio::spawn(end_on_signal(shared.end.clone())?),
    ];
    match door {
        Door::Plain(tcp) => answer_until_the_end(tcp, shared).await,
        Door::Encrypted(tls) => answer_until_the_end(tls, shared).await,
    }
    keeper.ready.store(false, SeqCst);
    if tokio::time::timeout(LET_GO, keeper.let_go_of_all("the agent ends")).await.is_err() {
        tracing::error!("not everything could be taken back in time: the next sweep goes on");
    }
    for task in &background {
        task.abort();
    }
    for task in background {
        // Nothing may start a process any more when they are ended.
        let _ = task.await;
    }
    supervisor.stop_all().await;
    for path in [&access_path, &socket_path] {
        durable::remove(path).map_err(AgentError::io("remove", path))?;
    }
    Ok(())
}

/// Where callers come in.
enum Door {
    Plain(TcpListener),
    Encrypted(Encrypted),
}

/// Takes the folder, sweeps it, and only then opens the links.
async fn begin(
    layout: &Arc<Layout>,
    folder: &Path,
    supervisor: &Supervisor,
    boot: &str,
    lease_max: Option<Span>,
) -> Result<Arc<Keeper>, AgentError> {
    let store = Arc::new(LeaseStore::take(folder).await?);
    // What says how to reach an agent that is gone leads nobody anywhere good.
    let access_path = folder.join(ACCESS);
    durable::remove(&access_path).map_err(AgentError::io("remove", &access_path))?;
    let found = store.load()?;
    let before = Hands::without_agent(Arc::clone(layout));
    let (records, report) = sweep_records(&store, found.records, &before, boot).await;
    tracing::info!("swept: {report:?}");
    // Whether anything may be broken here comes after the sweep: undoing is always right.
    guard::check(&layout.root)?;
    let keeper = Keeper::new(Beginning {
        store,
        hands: Hands {
            layout: Arc::clone(layout),
            supervisor: Some(supervisor.clone()),
            links: Arc::new(open_links(layout).await?),
            tasks: Arc::default(),
        },
        boot: boot.to_owned(),
        lease_max,
        records,
        damaged: found.damaged,
    })?;
    Ok(Arc::new(keeper))
}

/// Opens every link's proxy; an agent that was killed a moment ago may still hold its address.
async fn open_links(layout: &Layout) -> Result<BTreeMap<LinkName, Proxy>, AgentError> {
    let seed = Seed::fresh();
    let mut links = BTreeMap::new();
    for link in &layout.links {
        let opened = boot::watch_for(TAKE_OVER, async || Proxy::open(link, seed).await.ok()).await;
        let proxy = match opened {
            Some(proxy) => proxy,
            None => Proxy::open(link, seed).await?,
        };
        links.insert(link.link.clone(), proxy);
    }
    Ok(links)
}

fn write_access(
    path: &Path,
    shared: &Shared,
    address: SocketAddr,
    fingerprint: Option<String>,
) -> Result<(), AgentError> {
    let access = Access {
        address: address.to_string(),
        token: shared.token.to_string(),
        pid: std::process::id(),
        boot: shared.boot.to_string(),
        fingerprint,
    };
    let text = serde_json::to_vec_pretty(&access).map_err(|err| AgentError::io("write", path)(err.into()))?;
    durable::replace(path, &text, 0o600).map_err(AgentError::io("write", path))
}

async fn start_target(keeper: Arc<Keeper>, supervisor: Supervisor) {
    let late = supervisor.start_all().await;
    if !late.is_empty() {
        tracing::warn!("not healthy yet: {late:?}");
    }
    keeper.ready.store(true, SeqCst);
}

async fn end_when_silent(keeper: Arc<Keeper>, linger: Span, end: CancellationToken) {
    let look = (linger.std() / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    loop {
        boot::pause(look).await;
        if !keeper.holds_anything() && keeper.silent_ms() > linger.millis() {
            tracing::info!("nobody has called for {linger}: the agent ends");
            end.cancel();
            return;
        }
    }
}

/// Waits for SIGTERM or SIGINT, and says that the end has come.
pub(super) fn end_on_signal(
    end: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, AgentError> {
    let handler = |kind| signal(kind).map_err(AgentError::io("handle", Path::new("signals")));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        end.cancel();
    })
}

async fn answer_until_the_end<L>(listener: L, shared: Shared)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let end = shared.end.clone();
    let ended = shared.end.clone().cancelled_owned();
    let server = axum::serve(listener, api::router(shared)).with_graceful_shutdown(ended);
    let mut server = tokio::spawn(async move { server.await });
    tokio::select! {
        () = end.cancelled() => {}
        done = &mut server => tracing::warn!("the API has ended: {done:?}"),
    }
    if !server.is_finished() && tokio::time::timeout(DRAIN, &mut server).await.is_err() {
        server.abort();
    }
}

#[cfg(test)]
mod tests;
