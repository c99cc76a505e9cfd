//! One connection from accept to end.

use super::{
    Shared,
    decide::{End, Fate, Lane, Way},
    pump::{Around, Pump, Step},
    timer::Timer,
    toxic::Rules,
};
use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, sync::watch, time::Instant};

/// How long the upstream may take to accept.
const DIAL_MAX: Duration = Duration::from_secs(30);
/// How long a connection is kept under a timeout toxic after one of its peers has hung up. A black hole passes no end
/// on, but clients that give up and try again must not pile up without a bound.
const HANG_UP_MAX: Duration = Duration::from_secs(60);

/// A connection whose upstream has accepted.
struct Connection {
    client: TcpStream,
    upstream: TcpStream,
    up: Pump,
    down: Pump,
    timer: Timer,
    fate: Option<Fate>,
    accepted: Instant,
}

/// Carries a connection until it ends. Returns early when the link is closed.
pub(super) async fn carry(
    client: TcpStream,
    number: u64,
    mut rules: watch::Receiver<Rules>,
    shared: Arc<Shared>,
) {
    shared.open.fetch_add(1, Relaxed);
    // The future may be dropped at any await, so the count goes down with it.
    let counted = Counted(shared);
    let shared = &*counted.0;
    let accepted = Instant::now();
    let cuts = rules.borrow().cuts;
    let upstream = match dial(&mut rules, accepted, cuts, shared).await {
        Ok(upstream) => upstream,
        Err(end) => return finish(end, &[&client]),
    };
    // Small messages must not wait for acknowledgements: delays are for the toxics to make. The client's socket has
    // it from its listener.
    let _ = upstream.set_nodelay(true);
    let mut connection = Connection {
        client,
        upstream,
        up: Pump::new(Way::Up),
        down: Pump::new(Way::Down),
        timer: Timer::default(),
        fate: None,
        accepted,
    };
    let end = loop {
        connection.obey(&rules.borrow_and_update(), number, cuts, shared);
        tokio::select! {
            biased;
            changed = rules.changed() => if changed.is_err() { break End::Close },
            end = poll_fn(|cx| connection.poll(cx, shared)) => break end,
        }
    };
    connection.up.close(shared);
    connection.down.close(shared);
    finish(end, &[&connection.client, &connection.upstream]);
}

/// Counts an open connection for as long as it lives.
struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// Connects to the upstream while the rules stay in force. The client waits; nobody else does.
async fn dial(
    rules: &mut watch::Receiver<Rules>,
    accepted: Instant,
    cuts: u64,
    shared: &Shared,
) -> Result<TcpStream, End> {
    let mut dialled = pin!(tokio::time::timeout(DIAL_MAX, TcpStream::connect(&*shared.upstream)));
    let mut timer = Timer::default();
    loop {
        let fate = Fate::of(&rules.borrow_and_update(), accepted, cuts);
        tokio::select! {
            biased;
            changed = rules.changed() => if changed.is_err() { return Err(End::Close) },
            () = timer.until(fate.map(|fate| accepted + fate.at)) => {
                return Err(fate.map_or(End::Close, |fate| fate.end));
            }
            result = &mut dialled => {
                if let Ok(Ok(upstream)) = result {
                    return Ok(upstream);
                }
                shared.dials_failed.fetch_add(1, Relaxed);
                return Err(End::Close);
            }
        }
    }
}

/// Prepares the sockets for being dropped.
fn finish(end: End, sockets: &[&TcpStream]) {
    if end == End::Reset {
        for socket in sockets {
            // It fails on a socket that the peer has reset already, which is what is wanted.
            let _ = socket.set_zero_linger();
        }
    }
}

impl Connection {
    fn obey(&mut self, rules: &Rules, number: u64, cuts: u64, shared: &Shared) {
        let now = self.accepted.elapsed();
        self.fate = Fate::of(rules, self.accepted, cuts);
        for pump in [&mut self.up, &mut self.down] {
            let lane =
                Lane { seed: shared.seed, link: shared.link.as_str(), connection: number, way: pump.way };
            pump.flow.obey(rules, lane, now);
            pump.rules_changed(now);
        }
        if self.fate.is_none() && self.up.flow.is_clear() {
            // Gives its descriptor back.
            self.timer = Timer::default();
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<End> {
        loop {
            let now = self.accepted.elapsed();
            if let Some(fate) = self.fate
                && fate.at <= now
            {
                return Poll::Ready(fate.end);
            }
            let accepted = self.accepted;
            let mut around = Around { cx, shared, accepted, now };
            let up = self.up.poll(&mut around, &mut self.client, &mut self.upstream);
            if up == Step::Broken {
                self.down.source_was_cut();
            }
            let down = self.down.poll(&mut around, &mut self.upstream, &mut self.client);
            if down == Step::Broken {
                self.up.source_was_cut();
            }
            let (Some(up), Some(down)) = (next(up), next(down)) else {
                return Poll::Ready(End::Reset);
            };
            if up.is_over && down.is_over {
                return Poll::Ready(End::Close);
            }
            self.watch_for_hang_up(now);
            let fate = self.fate.map(|fate| fate.at);
            let Some(at) = [up.due, down.due, fate].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            if self.timer.poll_at(cx, self.accepted + at).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn watch_for_hang_up(&mut self, now: Duration) {
        let gone = self.up.flow.swallows() && (self.up.has_end() || self.down.has_end());
        let at = now + HANG_UP_MAX;
        // The first poll after the end sets the moment; a rule that ends the connection earlier stays.
        if gone && self.fate.is_none() {
            self.fate = Some(Fate { at, end: End::Close });
        }
    }
}

/// What a step leaves to wait for.
struct Next {
    due: Option<Duration>,
    is_over: bool,
}

/// `None` when the connection is to be reset.
fn next(step: Step) -> Option<Next> {
    let (due, is_over) = match step {
        Step::Wait(due) => (due, false),
        Step::Done | Step::Broken => (None, true),
        Step::Reset => return None,
    };
    Some(Next { due, is_over })
}
