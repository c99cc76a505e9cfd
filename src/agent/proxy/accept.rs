//! The listening side of a link: accepts, refuses while the link is down, and never waits for anything else.

use super::{Shared, carry::carry, timer::Timer, toxic::Rules};
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, time::Instant};
use tokio_util::task::TaskTracker;

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 1024;
/// Pause after a failed accept or listen: the process has run out of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// A link's address. The anchor is bound and never listens, so that the address stays ours while the link is down and
/// the kernel refuses connections to it.
#[derive(Debug)]
pub(super) struct Address {
    anchor: Socket,
    at: SocketAddr,
}

impl Address {
    /// Takes an address; port 0 lets the kernel choose.
    pub(super) fn take(at: SocketAddr) -> io::Result<Self> {
        let anchor = bound(at)?;
        let at =
            anchor.local_addr()?.as_socket().ok_or_else(|| io::Error::other("the socket has no address"))?;
        Ok(Self { anchor, at })
    }

    /// The address with its port.
    pub(super) fn at(&self) -> SocketAddr {
        self.at
    }

    /// Begins to listen. Dropping the listener refuses connections again.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let socket = bound(self.at)?;
        // Accepted sockets inherit it.
        socket.set_tcp_nodelay(true)?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    }
}

fn bound(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// Accepts until the link is closed.
pub(super) async fn accept(
    address: Address,
    first: TcpListener,
    mut rules: watch::Receiver<Rules>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
) {
    let mut listener = Some(first);
    let mut timer = Timer::default();
    loop {
        if rules.borrow_and_update().is_down() {
            listener = None;
            if rules.changed().await.is_err() {
                break;
            }
            continue;
        }
        if listener.is_none() {
            listener = address
                .listen()
                .inspect_err(|error| tracing::warn!(link = %shared.link, %error, "could not listen again"))
                .ok();
        }
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await.ok(),
                None => None,
            }
        };
        tokio::select! {
            biased;
            changed = rules.changed() => if changed.is_err() { break },
            accepted = accepted => match accepted {
                Some((client, _)) => {
                    let number = shared.total.fetch_add(1, Relaxed);
                    tasks.spawn(carry(client, number, rules.clone(), shared.clone()));
                }
                None => timer.until(Some(Instant::now() + PAUSE)).await,
            }
        }
    }
    tracing::debug!(link = %shared.link, address = ?address.anchor.local_addr(), "the link is closed");
}
