//! A link's fault proxy: carries TCP connections to the upstream and does to them what the toxics say.
//!
//! A toxic is data ([`Toxic`]); what it means for a chunk of bytes or for a connection is decided without I/O
//! (`decide`); a pump per direction does the I/O and can be interrupted at any point (`pump`). The rules reach every
//! connection through a watch channel, so setting and removing never waits for a peer.
//!
//! Memory: an idle connection holds no buffer. Under a delay a direction holds at most 160 MiB (100 ms at more than
//! 1 GB/s), all directions of a link together 256 MiB and 256 KiB for each.
//!
//! Open first: [`Proxy`], then `decide.rs`, then `pump.rs`.

mod accept;
mod carry;
mod decide;
mod framing;
mod http;
mod line;
mod pipe;
mod pump;
mod queue;
mod timer;
mod toxic;

pub use toxic::{Effect, NotOnALink, Toxic, Toxicity};

use crate::{
    base::{InjectionId, LinkName},
    scenario::pack::LinkLayout,
    seed::Seed,
};
use accept::{Address, accept};
use decide::Way;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::TaskTracker;
use toxic::Rules;

/// Why a link has no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address to listen on means nothing.
    #[error("could not find the address {listen} of link {link}")]
    Address {
        /// The link.
        link: LinkName,
        /// What was to be listened on.
        listen: String,
        /// What the system says.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {listen} for link {link}")]
    Listen {
        /// The link.
        link: LinkName,
        /// What was to be listened on.
        listen: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A link's proxy at work. Dropping it closes the listener and every connection.
#[derive(Debug)]
pub struct Proxy {
    local_addr: SocketAddr,
    rules: watch::Sender<Rules>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

/// What has gone through a link since its proxy was opened. The figures are live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counters {
    /// Connections that are open now.
    pub connections_open: u64,
    /// Connections that were ever accepted.
    pub connections_total: u64,
    /// Connections to the upstream that failed or took too long.
    pub dials_failed: u64,
    /// From the clients to the upstream.
    pub up: Carried,
    /// From the upstream to the clients.
    pub down: Carried,
}

/// Bytes in one direction. Received and not sent are: on their way, swallowed, or lost with their connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Carried {
    /// Read from the sender.
    pub received_bytes: u64,
    /// Written to the receiver.
    pub sent_bytes: u64,
}

/// What a link's connections share.
#[derive(Debug)]
struct Shared {
    link: LinkName,
    upstream: String,
    /// The link carries HTTP.
    http: bool,
    seed: Seed,
    open: AtomicU64,
    total: AtomicU64,
    dials_failed: AtomicU64,
    up: Tally,
    down: Tally,
    /// Memory that waiting bytes hold in all connections.
    held: AtomicUsize,
}

#[derive(Debug, Default)]
struct Tally {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Tally {
    fn read(&self) -> Carried {
        Carried { received_bytes: self.received.load(Relaxed), sent_bytes: self.sent.load(Relaxed) }
    }
}

impl Shared {
    fn carried(&self, way: Way) -> &Tally {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

impl Proxy {
    /// Listens for a link on the present runtime. `seed` feeds every draw: one stream for each toxic, connection
    /// and direction.
    pub async fn open(link: &LinkLayout, seed: Seed) -> Result<Self, ProxyError> {
        let found = tokio::net::lookup_host(&link.listen).await;
        let listen = found
            .and_then(|mut addresses| addresses.next().ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|source| ProxyError::Address {
                link: link.link.clone(),
                listen: link.listen.clone(),
                source,
            })?;
        let (address, listener) = Address::take(listen)
            .and_then(|address| address.listen().map(|listener| (address, listener)))
            .map_err(|source| ProxyError::Listen { link: link.link.clone(), listen, source })?;
        let local_addr = address.at();
        let rules = watch::Sender::new(Rules {
            distance: Duration::from_millis(link.distance_ms),
            ..Rules::default()
        });
        let shared = Arc::new(Shared {
            link: link.link.clone(),
            upstream: link.upstream.clone(),
            http: link.http,
            seed,
            open: AtomicU64::new(0),
            total: AtomicU64::new(0),
            dials_failed: AtomicU64::new(0),
            up: Tally::default(),
            down: Tally::default(),
            held: AtomicUsize::new(0),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(accept(address, listener, rules.subscribe(), shared.clone(), tasks.clone()));
        Ok(Self { local_addr, rules, shared, tasks })
    }

    /// Sets a toxic, or replaces the one that the injection had set. It acts on open connections too. Setting the
    /// same again changes nothing.
    pub fn set(&self, id: &InjectionId, toxic: impl Into<Toxic>) {
        let (toxic, now) = (toxic.into(), Instant::now());
        self.rules.send_if_modified(|rules| rules.set(id, toxic, now));
    }

    /// Removes an injection's toxic: false if there was none. What a latency or a limit held back is delivered at
    /// once; see [`Effect::Timeout`] and [`Effect::LimitData`] for what cannot be.
    pub fn remove(&self, id: &InjectionId) -> bool {
        self.rules.send_if_modified(|rules| rules.remove(id))
    }

    /// The toxics by the injection that set them.
    pub fn toxics(&self) -> BTreeMap<InjectionId, Toxic> {
        let rules = self.rules.borrow();
        rules.toxics.iter().map(|(id, placed)| (id.clone(), placed.toxic.clone())).collect()
    }

    /// What has gone through so far.
    pub fn counters(&self) -> Counters {
        let shared = &self.shared;
        Counters {
            connections_open: shared.open.load(Relaxed),
            connections_total: shared.total.load(Relaxed),
            dials_failed: shared.dials_failed.load(Relaxed),
            up: shared.up.read(),
            down: shared.down.read(),
        }
    }

    /// Where clients connect, with the port that was chosen if the layout left it open.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Closes the listener and every connection, and waits until they are gone.
    pub async fn close(self) {
        let Self { rules, tasks, .. } = self;
        drop(rules);
        tasks.close();
        tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
