//! What may be done to a link, as data.

use super::{
    decide::{Lane, Way},
    line::Line,
};
use crate::{
    base::{InjectionId, LinkName},
    fault::{Fault, HttpAct, Only, Stream},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// One toxic: an effect on a part of a link, there until it is removed. Several of them add up: latencies are summed,
/// the lowest rate counts, the earliest end counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toxic {
    /// What it does.
    #[serde(flatten)]
    pub effect: Effect,
    /// In which direction.
    #[serde(default, skip_serializing_if = "Stream::is_both")]
    pub stream: Stream,
    /// To how many connections.
    #[serde(default, skip_serializing_if = "Toxicity::is_full")]
    pub toxicity: Toxicity,
}

/// What a toxic does to the connections and directions that it acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// Bytes arrive later. The time is counted from the arrival of each chunk at the proxy.
    Latency {
        /// Milliseconds, each way.
        latency_ms: u64,
        /// A further 0 to so many milliseconds, drawn for each chunk. The order of bytes is kept.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// New connections are refused, open ones are closed: all of them, whatever the toxicity.
    Down,
    /// Connections work until they are reset (RST to both peers).
    Reset {
        /// Milliseconds from accept, or from the toxic's begin for a connection that was open before it.
        #[serde(default)]
        after_ms: u64,
    },
    /// Each connection carries no more than this.
    Bandwidth {
        /// Kilobytes (1000 bytes) per second, each way. At 0 nothing passes; it is kept and passes after removal.
        rate_kb_s: u64,
    },
    /// Everything that the peers send is swallowed. Its removal closes the connections that it has touched, since
    /// their streams have holes.
    Timeout {
        /// Milliseconds until a connection is closed, counted as in [`Effect::Reset`]; 0: only its removal closes.
        #[serde(default)]
        timeout_ms: u64,
    },
    /// The end of a stream is passed on late.
    SlowClose {
        /// Milliseconds by which it comes later.
        delay_ms: u64,
    },
    /// A connection is closed once so much has passed in one direction; what comes after that is lost.
    LimitData {
        /// Bytes, counted from the toxic's begin.
        bytes: u64,
    },
    /// Chunks are delivered in pieces.
    Slicer {
        /// Bytes of a piece on average; 0 counts as 1.
        average_size: u64,
        /// Up to so many bytes more or less, drawn for each piece.
        #[serde(default)]
        size_variation: u64,
        /// Microseconds between two pieces.
        #[serde(default)]
        delay_us: u64,
    },
    /// New connections are lost: accepted by the kernel, never answered, never dialled. Open ones live on.
    Loss,
    /// All connections together carry no more than this.
    SharedBandwidth {
        /// Kilobytes (1000 bytes) per second, each way. At 0 nothing passes; it is kept and passes after removal.
        rate_kb_s: u64,
    },
    /// HTTP requests fail or wait. Only on links that carry HTTP.
    Http {
        /// Requests whose path begins so.
        path: String,
        /// What happens to them.
        act: HttpAct,
        /// The share of these requests.
        #[serde(default, skip_serializing_if = "Toxicity::is_full")]
        requests: Toxicity,
    },
    /// Nothing.
    Noop,
}

/// The share of connections or requests that something acts on, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Toxicity(u32);

impl Toxicity {
    const FULL: u32 = 1_000_000;

    /// Everything.
    pub const ALL: Self = Self(Self::FULL);

    /// A share from 0 to 1; what lies beyond is cut off, and what is not a number is nothing.
    pub fn of_share(share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a million after the clamp"
        )]
        let millionths = (share.clamp(0.0, 1.0) * f64::from(Self::FULL)).round() as u32;
        // Whatever is not quite nothing acts now and then, and whatever is not quite all now and then does not.
        Self(match millionths {
            0 if share > 0.0 => 1,
            Self::FULL if share < 1.0 => Self::FULL - 1,
            other => other,
        })
    }

    /// So many per cent.
    pub fn of_percent(percent: u8) -> Self {
        Self(u32::from(percent.min(100)) * (Self::FULL / 100))
    }

    /// Whether nothing is left out.
    pub fn is_full(&self) -> bool {
        self.0 >= Self::FULL
    }

    /// Draws: none never acts, full always does, and neither takes a number.
    pub(super) fn draw(self, rng: impl FnOnce() -> u32) -> bool {
        self.is_full() || (self.0 > 0 && rng() < self.0)
    }

    /// A number to draw with.
    pub(super) fn number(rng: &mut impl rand::Rng) -> u32 {
        rng.random_range(0..Self::FULL)
    }
}

impl Default for Toxicity {
    fn default() -> Self {
        Self::ALL
    }
}

/// A fault that no proxy can carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not make a toxic of `{kind}`: it is not a fault of a link")]
pub struct NotOnALink {
    /// The fault's kind.
    pub kind: &'static str,
}

impl TryFrom<&Fault> for Toxic {
    type Error = NotOnALink;

    fn try_from(fault: &Fault) -> Result<Self, NotOnALink> {
        Toxic::on_link(fault).map(|(_, toxic)| toxic)
    }
}

impl From<Effect> for Toxic {
    fn from(effect: Effect) -> Self {
        Self { effect, stream: Stream::Both, toxicity: Toxicity::ALL }
    }
}

impl Toxic {
    /// The toxic that a fault stands for, and the link that it belongs on.
    pub fn on_link(fault: &Fault) -> Result<(&LinkName, Self), NotOnALink> {
        let everything = Only::default();
        let (link, effect, only) = match *fault {
            Fault::LinkLatency { ref link, latency_ms, jitter_ms, only } => {
                (link, Effect::Latency { latency_ms, jitter_ms }, only)
            }
            Fault::LinkDown { ref link } => (link, Effect::Down, everything),
            Fault::LinkReset { ref link, after_ms, only } => (link, Effect::Reset { after_ms }, only),
            Fault::LinkBandwidth { ref link, rate_kb_s, only } => {
                (link, Effect::Bandwidth { rate_kb_s }, only)
            }
            Fault::LinkTimeout { ref link, timeout_ms, only } => (link, Effect::Timeout { timeout_ms }, only),
            Fault::LinkSlowClose { ref link, delay_ms, only } => (link, Effect::SlowClose { delay_ms }, only),
            Fault::LinkLimitData { ref link, bytes, only } => (link, Effect::LimitData { bytes }, only),
            Fault::LinkSlicer { ref link, average_size, size_variation, delay_us, only } => {
                (link, Effect::Slicer { average_size, size_variation, delay_us }, only)
            }
            Fault::LinkLoss { ref link, percent } => {
                (link, Effect::Loss, Only { toxicity_percent: percent, ..everything })
            }
            Fault::LinkSharedBandwidth { ref link, rate_kb_s, only } => {
                (link, Effect::SharedBandwidth { rate_kb_s }, only)
            }
            Fault::LinkHttp { ref link, ref path, act, percent } => {
                let requests = Toxicity::of_percent(percent);
                (link, Effect::Http { path: path.clone(), act, requests }, everything)
            }
            _ => return Err(NotOnALink { kind: fault.kind() }),
        };
        let toxicity = Toxicity::of_percent(only.toxicity_percent);
        Ok((link, Self { effect, stream: only.stream, toxicity }))
    }

    /// Whether it acts in this direction.
    pub(super) fn goes(&self, way: Way) -> bool {
        match self.stream {
            Stream::Both => true,
            Stream::Upstream => way == Way::Up,
            Stream::Downstream => way == Way::Down,
        }
    }
}

/// A toxic and the moment it was set.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The toxic.
    pub(super) toxic: Toxic,
    /// When it was set; a repeated set of the same toxic does not move it.
    pub(super) since: Instant,
    /// What all connections share, for a shared bandwidth.
    pub(super) line: Option<Arc<Line>>,
}

/// Everything that a link does to its connections at present. Handed to them through a watch channel.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The delay that belongs to the distance, one way.
    pub(super) distance: Duration,
    /// Toxics by the injection that set them.
    pub(super) toxics: BTreeMap<InjectionId, Placed>,
    /// Counts the changes that end every open connection, so that a connection sees one even when it was undone
    /// before the connection could look.
    pub(super) cuts: u64,
}

impl Rules {
    /// Adds or replaces a toxic. False if it was there already and nothing changes.
    pub(super) fn set(&mut self, id: &InjectionId, toxic: Toxic, now: Instant) -> bool {
        if self.toxics.get(id).is_some_and(|placed| placed.toxic == toxic) {
            return false;
        }
        self.cuts += u64::from(toxic.effect == Effect::Down);
        let line = match toxic.effect {
            Effect::SharedBandwidth { rate_kb_s } => Some(Arc::new(Line::new(rate_kb_s, now))),
            _ => None,
        };
        self.toxics.insert(id.clone(), Placed { toxic, since: now, line });
        true
    }

    /// Takes a toxic away. False if there was none.
    pub(super) fn remove(&mut self, id: &InjectionId) -> bool {
        self.toxics.remove(id).is_some()
    }

    /// Whether new connections are refused.
    pub(super) fn is_down(&self) -> bool {
        self.toxics.values().any(|placed| placed.toxic.effect == Effect::Down)
    }

    /// The toxics that act on this connection: one draw for each of them, the same whenever it is asked.
    pub(super) fn on<'a>(&'a self, lane: Lane<'a>) -> impl Iterator<Item = (&'a InjectionId, &'a Placed)> {
        self.toxics.iter().filter(move |(id, placed)| {
            placed.toxic.toxicity.draw(|| Toxicity::number(&mut lane.stream(id, "toxicity")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use serde_json::json;

    fn toxic_of(fault: serde_json::Value) -> Toxic {
        Toxic::try_from(&serde_json::from_value::<Fault>(fault).unwrap()).unwrap()
    }

    #[test]
    fn every_fault_of_a_link_has_its_toxic() {
        for (fault, effect) in [
            (
                json!({"kind": "link-latency", "link": "l", "latency_ms": 250, "jitter_ms": 20}),
                Effect::Latency { latency_ms: 250, jitter_ms: 20 },
            ),
            (json!({"kind": "link-down", "link": "l"}), Effect::Down),
            (json!({"kind": "link-reset", "link": "l", "after_ms": 7}), Effect::Reset { after_ms: 7 }),
            (
                json!({"kind": "link-bandwidth", "link": "l", "rate_kb_s": 9}),
                Effect::Bandwidth { rate_kb_s: 9 },
            ),
            (json!({"kind": "link-timeout", "link": "l"}), Effect::Timeout { timeout_ms: 0 }),
            (
                json!({"kind": "link-slow-close", "link": "l", "delay_ms": 5}),
                Effect::SlowClose { delay_ms: 5 },
            ),
            (json!({"kind": "link-limit-data", "link": "l", "bytes": 5}), Effect::LimitData { bytes: 5 }),
            (
                json!({"kind": "link-slicer", "link": "l", "average_size": 5}),
                Effect::Slicer { average_size: 5, size_variation: 0, delay_us: 0 },
            ),
            (json!({"kind": "link-loss", "link": "l", "percent": 100}), Effect::Loss),
            (
                json!({"kind": "link-shared-bandwidth", "link": "l", "rate_kb_s": 5}),
                Effect::SharedBandwidth { rate_kb_s: 5 },
            ),
            (
                json!({"kind": "link-http", "link": "l", "act": {"status": 503}}),
                Effect::Http { path: "/".into(), act: HttpAct::Status(503), requests: Toxicity::ALL },
            ),
        ] {
            assert_eq!(toxic_of(fault), effect.into());
        }
        let part = json!({"kind": "link-latency", "link": "l", "latency_ms": 1,
            "only": {"stream": "upstream", "toxicity_percent": 25}});
        let toxic = toxic_of(part);
        assert_eq!((toxic.stream, toxic.toxicity), (Stream::Upstream, Toxicity::of_share(0.25)));
        let abort = json!({"kind": "link-http", "link": "l", "act": "abort", "path": "/x", "percent": 5});
        let requests = Toxicity::of_percent(5);
        assert_eq!(toxic_of(abort).effect, Effect::Http { path: "/x".into(), act: HttpAct::Abort, requests });
    }

    #[test]
    fn other_faults_are_refused() {
        let fault = Fault::ProcessKill { service: "web".parse().unwrap() };
        let refused = Toxic::try_from(&fault).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "could not make a toxic of `process-kill`: it is not a fault of a link"
        );
    }

    #[test]
    fn a_toxic_reads_back_as_it_was_written() {
        let part = Toxic {
            stream: Stream::Downstream,
            toxicity: Toxicity::of_share(0.3),
            ..Effect::Timeout { timeout_ms: 3 }.into()
        };
        let whole = Toxic::from(Effect::Latency { latency_ms: 1, jitter_ms: 2 });
        for toxic in [Effect::Down.into(), Effect::Noop.into(), whole.clone(), part] {
            let text = serde_json::to_string(&toxic).unwrap();
            assert_eq!(serde_json::from_str::<Toxic>(&text).unwrap(), toxic, "{text}");
        }
        // As records were written before there were streams and shares.
        let text = json!({"kind": "latency", "latency_ms": 1, "jitter_ms": 2});
        assert_eq!(serde_json::to_value(&whole).unwrap(), text);
        assert_eq!(serde_json::from_value::<Toxic>(text).unwrap(), whole);
    }

    #[test]
    fn what_was_undone_at_once_still_cuts() {
        let (id, now) = ("gd-a".parse().unwrap(), Instant::now());
        let mut rules = Rules::default();
        assert!(rules.set(&id, Effect::Down.into(), now));
        assert!(!rules.set(&id, Effect::Down.into(), now), "the same again changes nothing");
        assert!(rules.is_down());
        assert!(rules.remove(&id));
        assert!(!rules.remove(&id));
        assert_eq!(rules.cuts, 1);
    }

    #[test]
    fn a_share_of_the_connections_is_drawn_once_for_each() {
        let id = "gd-a".parse().unwrap();
        let acts = |share: f64, seed: u64| -> Vec<bool> {
            let mut rules = Rules::default();
            let toxicity = Toxicity::of_share(share);
            rules.set(&id, Toxic { toxicity, ..Effect::Noop.into() }, Instant::now());
            let lane = |connection| Lane { seed: Seed(seed), link: "a-b", connection, way: Way::Up };
            (0..1000).map(|connection| rules.on(lane(connection)).count() == 1).collect()
        };
        assert!(acts(0.0, 1).iter().all(|acts| !acts), "0 never acts");
        assert!(acts(1.0, 1).iter().all(|acts| *acts), "1 always acts");
        let third = acts(0.3, 1);
        let count = third.iter().filter(|acts| **acts).count();
        assert!((230..370).contains(&count), "{count} of 1000");
        assert_eq!(third, acts(0.3, 1));
        assert_ne!(third, acts(0.3, 2));
        let more = acts(0.6, 1);
        assert!(third.iter().zip(&more).all(|(third, more)| !third || *more), "a larger share adds to it");
    }

    #[test]
    fn a_share_that_is_nearly_nothing_or_nearly_all_is_neither() {
        assert_eq!(Toxicity::of_share(-1.0), Toxicity(0));
        assert_eq!(Toxicity::of_share(f64::NAN), Toxicity(0));
        assert_eq!(Toxicity::of_share(1e-9), Toxicity(1));
        assert!(!Toxicity::of_share(0.999_999_9).is_full());
        assert!(Toxicity::of_share(7.0).is_full());
        assert_eq!(Toxicity::of_percent(50), Toxicity::of_share(0.5));
    }
}
