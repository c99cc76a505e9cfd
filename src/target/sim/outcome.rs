//! What users meet: from how the components are, for each class, how often a request fails and how long it takes.
//!
//! The way of a request is Depot's. The edge passes it to the web instances in turn. An upload: token (remembered for a
//! while), a connection from the pool, metadata, the storage nodes one after the other, metadata again. A download:
//! token, pool, metadata, one storage node. A listing: token, metadata. A login: session. What the target has no
//! component for is left out.

use super::{
    laid::Entry,
    paths::{End, Paths},
    world::{Life, World},
};
use crate::{
    base::{At, ServiceName},
    fault::{Fault, HttpAct, Only},
    scenario::pack::{RequestClass, WorkloadShape},
};

/// What a component does for a request, in milliseconds.
const WORK_MS: f64 = 3.0;
/// Bytes that go over a link with a small request and its answer.
const SMALL_BYTES: usize = 512;
/// Bytes of an object that is read.
const OBJECT_BYTES: usize = 4096;

/// What a class of requests asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Upload,
    Download,
    Listing,
    Login,
}

impl Wish {
    fn of(class: &RequestClass) -> Self {
        let names_a_key = class.path.split('?').next().is_some_and(|path| path.contains('{'));
        match class.method.as_str() {
            "PUT" => Self::Upload,
            "POST" => Self::Login,
            _ if names_a_key => Self::Download,
            _ => Self::Listing,
        }
    }

    fn takes_a_connection(self) -> bool {
        matches!(self, Self::Upload | Self::Download)
    }
}

/// What becomes of one class's requests.
pub(super) fn outcome(class: &RequestClass, world: &World, shape: &WorkloadShape, now: At) -> Paths {
    let model = Model { world, shape, now };
    model.served(class).within(class.expect.within.millis() as f64)
}

struct Model<'a> {
    world: &'a World,
    shape: &'a WorkloadShape,
    now: At,
}

impl Model<'_> {
    fn served(&self, class: &RequestClass) -> Paths {
        let webs = self.world.listed("web");
        if webs.is_empty() && !self.world.instances("web").is_empty() {
            return nobody_listed();
        }
        let mut all: Option<(f64, Paths)> = None;
        for (first, _) in webs.iter().enumerate() {
            let paths = self.in_turn(&webs, first, class);
            all = Some(match all {
                None => (1.0, paths),
                Some((count, before)) => (count + 1.0, Paths::either(count / (count + 1.0), &before, &paths)),
            });
        }
        let served = all.map_or_else(|| Paths::certain(End::Good, WORK_MS), |(_, paths)| paths);
        match self.world.instances("edge").first().and_then(|edge| self.world.services.get(edge)) {
            Some(edge) => answer(edge.life, WORK_MS).then(&served),
            None => served,
        }
    }

    /// The edge tries the web instances from `first` on until one takes the connection.
    fn in_turn(&self, webs: &[ServiceName], first: usize, class: &RequestClass) -> Paths {
        let order = (0..webs.len()).map(|step| &webs[(first + step) % webs.len()]);
        let refused = Paths::certain(End::Refused, 0.0);
        order.fold(refused, |paths, web| {
            // What web answers, good or bad, is an answer: only a refused connection goes on to the next.
            let inside = self.in_web(web, class).answered();
            paths.if_refused(&self.at_the_door(web, class).then(&inside))
        })
    }

    fn at_the_door(&self, web: &ServiceName, class: &RequestClass) -> Paths {
        let timeout_ms = self.world.number("edge", "web.timeout_ms");
        let bytes = class.body_bytes.max(SMALL_BYTES);
        match self.world.instances("edge").first() {
            Some(edge) => self.hop(edge, web, bytes, timeout_ms as f64),
            None => answer(self.life(web), WORK_MS),
        }
    }

    /// The share of all requests that each web instance gets.
    fn share_of(&self, web: &ServiceName, class: &RequestClass) -> f64 {
        let webs = self.world.listed("web");
        let mut share = 0.0;
        for first in 0..webs.len() {
            let mut rest = 1.0 / webs.len() as f64;
            for step in 0..webs.len() {
                let there = &webs[(first + step) % webs.len()];
                let door = self.at_the_door(there, class);
                if there == web {
                    share += rest * door.share_of(End::Good);
                }
                rest *= door.share_of(End::Refused);
            }
        }
        share
    }

    fn in_web(&self, web: &ServiceName, class: &RequestClass) -> Paths {
        let wish = Wish::of(class);
        if wish == Wish::Login {
            return self.session(web);
        }
        let admitted = self.admitted(web);
        if !wish.takes_a_connection() {
            return admitted.then(&self.metadata(web));
        }
        admitted.then(&self.pool(web)).then(&self.held(web, class))
    }

    fn session(&self, web: &ServiceName) -> Paths {
        self.to_component(web, "session", "session.timeout_ms")
    }

    fn metadata(&self, web: &ServiceName) -> Paths {
        self.to_component(web, "metadata", "metadata.timeout_ms")
    }

    fn to_component(&self, web: &ServiceName, component: &str, timeout: &str) -> Paths {
        let timeout_ms = self.world.number("web", timeout) as f64;
        match self.world.instances(component).first() {
            Some(there) if self.world.entry(there) == Entry::Gone => nobody_listed(),
            Some(there) => self.hop(web, there, SMALL_BYTES, timeout_ms),
            None => Paths::certain(End::Good, 0.0),
        }
    }

    /// Good tokens are remembered for a while; after that the session service must say so again.
    fn admitted(&self, web: &ServiceName) -> Paths {
        let known = Paths::certain(End::Good, 0.0);
        let asked = self.session(web);
        let fail = asked.fail();
        let cache_ms = self.world.number("web", "session.cache_ms");
        let remembered = self
            .world
            .instances("session")
            .first()
            .and_then(|session| self.broken_since(web, session))
            .is_some_and(|since| self.now.since(since).millis() < cache_ms);
        if fail <= 0.0 || remembered {
            return known;
        }
        if fail >= 1.0 {
            return asked;
        }
        // Each time the memory runs out, requests fail until one of them gets its answer.
        let rate: f64 = self.shape.classes.iter().map(|class| class.rate * self.share_of(web, class)).sum();
        let failing = fail / (1.0 - fail);
        let unknown = failing / (failing + rate * cache_ms as f64 / 1000.0 + 1.0);
        Paths::either(unknown, &Paths::certain(End::Failed, asked.mean_ms()), &known)
    }

    /// A connection: what more requests want than the pool can hold is turned away.
    fn pool(&self, web: &ServiceName) -> Paths {
        let wanting = self.shape.classes.iter().filter(|class| Wish::of(class).takes_a_connection());
        let wanted: f64 = wanting
            .map(|class| {
                let rate = class.rate * self.share_of(web, class) * (1.0 - self.admitted(web).fail());
                rate * self.held(web, class).mean_ms() / 1000.0
            })
            .sum();
        let size = self.world.number("web", "pool.size") as f64;
        if wanted <= size {
            return Paths::certain(End::Good, 0.0);
        }
        let wait_ms = self.world.number("web", "pool.wait_ms") as f64;
        let turned_away = Paths::certain(End::Failed, wait_ms);
        Paths::either(1.0 - size / wanted, &turned_away, &Paths::certain(End::Good, wait_ms))
    }

    /// What happens while the connection is held.
    fn held(&self, web: &ServiceName, class: &RequestClass) -> Paths {
        let metadata = self.metadata(web);
        match Wish::of(class) {
            Wish::Upload => metadata.then(&self.write(web, class.body_bytes)).then(&self.noted(&metadata)),
            _ => metadata.then(&self.read(web)),
        }
    }

    /// The catalogue notes an upload, unless its database is locked.
    fn noted(&self, metadata: &Paths) -> Paths {
        let catalogue = self.world.instances("metadata");
        if !catalogue.first().is_some_and(|there| self.world.is_locked(there)) {
            return metadata.clone();
        }
        let busy_ms = self.world.number("metadata", "database.busy_timeout_ms") as f64;
        metadata.then(&Paths::certain(End::Failed, busy_ms))
    }

    fn is_near(&self, web: &ServiceName, node: &ServiceName) -> bool {
        let place = |name| self.world.services.get(name).map(|process| &process.datacenter);
        place(web) == place(node)
    }

    fn write(&self, web: &ServiceName, bytes: usize) -> Paths {
        let near_only = self.world.setting("web", "storage.policy") == Some("near");
        let mut paths = Paths::certain(End::Good, 0.0);
        let nodes = self.world.listed("storage");
        if nodes.is_empty() && !self.world.instances("storage").is_empty() {
            return nobody_listed();
        }
        for node in nodes {
            if near_only && !self.is_near(web, &node) {
                continue;
            }
            paths = paths.then(&self.storage(web, &node, bytes));
            let limit = self.world.number("storage", "volume.use_percent");
            let mut volumes = self.world.volumes.iter().filter(|(_, volume)| volume.service == node);
            if volumes.any(|(name, volume)| {
                u64::from(volume.used_percent()) >= limit || self.world.refuses_writes(name)
            }) {
                paths = paths.then(&Paths::certain(End::Failed, 0.0));
            }
        }
        paths
    }

    fn read(&self, web: &ServiceName) -> Paths {
        let mut nodes = self.world.listed("storage");
        if nodes.is_empty() && !self.world.instances("storage").is_empty() {
            return nobody_listed();
        }
        nodes.sort_by_key(|node| !self.is_near(web, node));
        let from = |first: usize| {
            let order = (0..nodes.len()).map(|step| &nodes[(first + step) % nodes.len()]);
            order.fold(Paths::certain(End::Failed, 0.0), |paths, node| {
                paths.or_else(&self.storage(web, node, OBJECT_BYTES))
            })
        };
        if nodes.is_empty() {
            return Paths::certain(End::Good, 0.0);
        }
        let mut paths = from(0);
        if self.world.setting("web", "storage.read") != Some("near") {
            for first in 1..nodes.len() {
                paths = Paths::either(first as f64 / (first + 1) as f64, &paths, &from(first));
            }
        }
        paths
    }

    /// One storage node, tried as often as the configuration says.
    fn storage(&self, web: &ServiceName, node: &ServiceName, bytes: usize) -> Paths {
        let timeout_ms = self.world.number("web", "storage.timeout_ms") as f64;
        let attempt = self.hop(web, node, bytes, timeout_ms);
        let retries = self.world.number("web", "storage.retries").min(10);
        (0..retries).fold(attempt.clone(), |paths, _| paths.or_else(&attempt))
    }

    fn life(&self, service: &ServiceName) -> Life {
        self.world.services.get(service).map_or(Life::Down, |process| process.life)
    }

    fn links(&self, from: &ServiceName, to: &ServiceName) -> impl Iterator<Item = &super::world::Link> {
        self.world.links.values().filter(move |link| link.from == *from && link.to == *to)
    }

    /// Since when something is wrong between two instances.
    fn broken_since(&self, from: &ServiceName, to: &ServiceName) -> Option<At> {
        let process = self.world.services.get(to).filter(|process| process.life != Life::Running);
        let toxics = self.links(from, to).flat_map(|link| link.toxics.values().map(|(_, since)| *since));
        toxics.chain(process.map(|process| process.since)).min()
    }

    /// One question from instance to instance.
    fn hop(&self, from: &ServiceName, to: &ServiceName, bytes: usize, timeout_ms: f64) -> Paths {
        let distance_ms: f64 = self.links(from, to).map(|link| 2.0 * link.distance_ms as f64).sum();
        let toxics: Vec<_> =
            self.links(from, to).flat_map(|link| link.toxics.values().map(|(toxic, _)| toxic)).collect();
        let (at, is_right) = match self.world.entry(to) {
            Entry::LeadsTo(other) => (other, false),
            Entry::Right | Entry::Gone => (to, true),
        };
        let slower_ms = self.world.slower_by(at, WORK_MS);
        let way = Crossing { ms: WORK_MS + slower_ms + distance_ms, ..Crossing::new(bytes) };
        let paths = self.cross(way, &toxics, at, timeout_ms);
        // Who is asked for what another one does has an answer, and not the right one.
        let paths = if is_right { paths } else { paths.then(&Paths::certain(End::Failed, 0.0)) };
        let up = self.world.up_share(at);
        if up >= 1.0 { paths } else { Paths::either(up, &paths, &Paths::certain(End::Refused, WORK_MS)) }
    }

    /// A question over a link with these toxics: each that acts on a part alone makes two ways of it.
    fn cross(&self, way: Crossing, toxics: &[&Fault], to: &ServiceName, timeout_ms: f64) -> Paths {
        let Some((toxic, rest)) = toxics.split_first() else {
            return way.end(self.life(to), timeout_ms);
        };
        let with = |way: Crossing| self.cross(way.under(toxic), rest, to, timeout_ms);
        let share = share(toxic);
        if share >= 1.0 {
            return with(way);
        }
        Paths::either(share, &with(way.clone()), &self.cross(way, rest, to, timeout_ms))
    }
}

/// The share of questions that a toxic acts on.
fn share(toxic: &Fault) -> f64 {
    let percent = match toxic {
        Fault::LinkLatency { only, .. }
        | Fault::LinkReset { only, .. }
        | Fault::LinkBandwidth { only, .. }
        | Fault::LinkTimeout { only, .. }
        | Fault::LinkSlowClose { only, .. }
        | Fault::LinkLimitData { only, .. }
        | Fault::LinkSlicer { only, .. } => only.toxicity_percent,
        Fault::LinkLoss { percent, .. } | Fault::LinkHttp { percent, .. } => *percent,
        _ => 100,
    };
    f64::from(percent) / 100.0
}

/// What a question meets on its way over a link.
#[derive(Debug, Clone)]
struct Crossing {
    bytes: usize,
    ms: f64,
    resets_ms: f64,
    closes_ms: f64,
    refused: bool,
    fails: bool,
}

impl Crossing {
    fn new(bytes: usize) -> Self {
        Self {
            bytes,
            ms: 0.0,
            resets_ms: f64::INFINITY,
            closes_ms: f64::INFINITY,
            refused: false,
            fails: false,
        }
    }

    /// The same under one more toxic.
    fn under(mut self, toxic: &Fault) -> Self {
        let ways = |only: &Only| if only.stream.is_both() { 2.0 } else { 1.0 };
        match toxic {
            // Jitter is on average half of its most, each way.
            Fault::LinkLatency { latency_ms, jitter_ms, only, .. } => {
                self.ms += ways(only) * (*latency_ms as f64 + *jitter_ms as f64 / 2.0);
            }
            Fault::LinkDown { .. } | Fault::LinkHttp { act: HttpAct::Abort, .. } => self.refused = true,
            Fault::LinkReset { after_ms, .. } => self.resets_ms = self.resets_ms.min(*after_ms as f64),
            Fault::LinkBandwidth { rate_kb_s, .. } => self.ms += self.bytes as f64 / *rate_kb_s as f64,
            Fault::LinkTimeout { timeout_ms: 0, .. } | Fault::LinkLoss { .. } => self.ms = f64::INFINITY,
            Fault::LinkTimeout { timeout_ms, .. } => {
                self.closes_ms = self.closes_ms.min(*timeout_ms as f64);
            }
            Fault::LinkLimitData { bytes, .. } if self.bytes as u64 > *bytes => self.fails = true,
            Fault::LinkSlicer { average_size, delay_us, .. } => {
                let pieces = self.bytes as f64 / (*average_size).max(1) as f64;
                self.ms += pieces * *delay_us as f64 / 1000.0;
            }
            Fault::LinkHttp { act: HttpAct::Status(_), .. } => self.fails = true,
            Fault::LinkHttp { act: HttpAct::DelayMs(delay_ms), .. } => self.ms += *delay_ms as f64,
            // A late end troubles nobody whose connections are kept.
            _ => {}
        }
        self
    }

    /// How it ends at a process in this life.
    fn end(self, life: Life, timeout_ms: f64) -> Paths {
        let Self { ms, resets_ms, closes_ms, .. } = self;
        if self.refused {
            return Paths::certain(End::Refused, WORK_MS);
        }
        if self.fails {
            return Paths::certain(End::Failed, ms.min(timeout_ms));
        }
        if closes_ms.is_finite() {
            return Paths::certain(End::Failed, closes_ms.min(timeout_ms));
        }
        let answered = answer(life, ms).within(timeout_ms);
        if resets_ms.is_infinite() || answered.fail() >= 1.0 {
            return answered;
        }
        let hit = if resets_ms > 0.0 { (ms / resets_ms).min(1.0) } else { 1.0 };
        Paths::either(hit, &Paths::certain(End::Refused, resets_ms.min(ms)), &answered)
    }
}

/// The registry lists nobody who could be asked.
fn nobody_listed() -> Paths {
    Paths::certain(End::Failed, WORK_MS)
}

/// How a process answers a question that takes `ms`.
fn answer(life: Life, ms: f64) -> Paths {
    match life {
        Life::Running => Paths::certain(End::Good, ms),
        Life::Stopped => Paths::certain(End::Failed, f64::INFINITY),
        Life::Down => Paths::certain(End::Refused, WORK_MS),
    }
}
