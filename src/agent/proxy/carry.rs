//! One connection from accept to end.

use super::{
    Shared,
    decide::{End, Fate, Lane, Way},
    http::Exchange,
    pump::{Around, Pump, Step},
    queue,
    timer::Timer,
    toxic::{Effect, Rules},
};
use crate::base::InjectionId;
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
/// How long a lost connection is kept; no client waits longer.
const LOST_MAX: Duration = Duration::from_secs(15 * 60);
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
    /// The toxics that have swallowed something here; without them the connection has holes and ends.
    touched: Vec<(InjectionId, Instant)>,
    http: Option<Box<Exchange>>,
}

/// Carries a connection until it ends. Returns early when the link is closed.
pub(super) async fn carry(
    mut client: TcpStream,
    number: u64,
    mut rules: watch::Receiver<Rules>,
    shared: Arc<Shared>,
) {
    shared.open.fetch_add(1, Relaxed);
    // The future may be dropped at any await, so the count goes down with it.
    let counted = Counted(shared);
    let shared = &*counted.0;
    let accepted = Instant::now();
    let lane = Lane { seed: shared.seed, link: shared.link.as_str(), connection: number, way: Way::Up };
    let (cuts, lost) = {
        let rules = rules.borrow_and_update();
        (rules.cuts, lost(&rules, lane))
    };
    if let Some((id, since)) = lost {
        let end = lose(&mut client, &mut rules, &id, since, shared).await;
        return finish(end, &[&client]);
    }
    let upstream = match dial(&mut rules, lane, accepted, cuts, shared).await {
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
        touched: Vec::new(),
        http: shared.http.then(|| Box::new(Exchange::new())),
    };
    let end = loop {
        connection.obey(&rules.borrow_and_update(), lane, cuts);
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

/// The loss that this new connection falls to.
fn lost(rules: &Rules, lane: Lane<'_>) -> Option<(InjectionId, Instant)> {
    let mut losses = rules.on(lane).filter(|(_, placed)| placed.toxic.effect == Effect::Loss);
    losses.next().map(|(id, placed)| (id.clone(), placed.since))
}

/// Keeps a lost connection without an answer until its client gives up, or the loss that it fell to is gone.
async fn lose(
    client: &mut TcpStream,
    rules: &mut watch::Receiver<Rules>,
    id: &InjectionId,
    since: Instant,
    shared: &Shared,
) -> End {
    let mut timer = Timer::default();
    let limit = Instant::now() + LOST_MAX;
    loop {
        if rules.borrow_and_update().toxics.get(id).is_none_or(|placed| placed.since != since) {
            return End::Reset;
        }
        let swallowed = async {
            client.readable().await?;
            let mut buffer = queue::buffer();
            let read = client.try_read(&mut buffer);
            queue::give_back(buffer);
            read
        };
        tokio::select! {
            biased;
            changed = rules.changed() => if changed.is_err() { return End::Close },
            () = timer.until(Some(limit)) => return End::Reset,
            swallowed = swallowed => match swallowed {
                Ok(n @ 1..) => drop(shared.carried(Way::Up).received.fetch_add(n as u64, Relaxed)),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => return End::Close,
            },
        }
    }
}

/// Connects to the upstream while the rules stay in force. The client waits; nobody else does.
async fn dial(
    rules: &mut watch::Receiver<Rules>,
    lane: Lane<'_>,
    accepted: Instant,
    cuts: u64,
    shared: &Shared,
) -> Result<TcpStream, End> {
    let mut dialled = pin!(tokio::time::timeout(DIAL_MAX, TcpStream::connect(&*shared.upstream)));
    let mut timer = Timer::default();
    loop {
        let fate = Fate::of(&rules.borrow_and_update(), lane, accepted, cuts);
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
    fn obey(&mut self, rules: &Rules, lane: Lane<'_>, cuts: u64) {
        let now = self.accepted.elapsed();
        self.fate = Fate::of(rules, lane, self.accepted, cuts);
        let touching: Vec<_> = rules
            .on(lane)
            .filter(|(_, placed)| matches!(placed.toxic.effect, Effect::Timeout { .. }))
            .map(|(id, placed)| (id.clone(), placed.since))
            .collect();
        if self.touched.iter().all(|touched| touching.contains(touched)) {
            self.touched = touching;
        } else {
            self.fate = Some(Fate { at: Duration::ZERO, end: End::Close });
        }
        if let Some(http) = &mut self.http {
            http.obey(rules, lane);
        }
        for pump in [&mut self.up, &mut self.down] {
            pump.flow.obey(rules, Lane { way: pump.way, ..lane }, now);
            pump.rules_changed(now);
        }
        if self.fate.is_none() && self.up.flow.is_clear() && self.down.flow.is_clear() {
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
            let mut around = Around { cx, shared, accepted, now, http: self.http.as_deref_mut() };
            let up = self.up.poll(&mut around, &mut self.client, &mut self.upstream);
            if up == Step::Broken {
                self.down.source_was_cut();
            }
            let down = self.down.poll(&mut around, &mut self.upstream, &mut self.client);
            if down == Step::Broken {
                self.up.source_was_cut();
            }
            if up == Step::Over || down == Step::Over {
                return Poll::Ready(End::Close);
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
        let gone = (self.up.flow.swallows() || self.down.flow.swallows())
            && (self.up.has_end() || self.down.has_end());
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
        Step::Done | Step::Broken | Step::Over => (None, true),
        Step::Reset => return None,
    };
    Some(Next { due, is_over })
}
