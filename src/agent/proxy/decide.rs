//! What becomes of a chunk and of a connection: pure, in the connection's own time.
//!
//! Every time here is a [`Duration`] since the connection was accepted. [`Flow::on_chunk`] is the one decision for
//! bytes, [`Fate`] the one for the connection as a whole; the pump does the I/O.

use super::toxic::{Rules, Toxic};
use crate::{base::InjectionId, seed::Seed};
use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use std::time::Duration;
use tokio::time::Instant;

/// Later than any drill ends: the due time of what may not pass at all.
const NEVER: Duration = Duration::from_secs(10 * 365 * 86_400);
/// A limited rate is delivered in pieces of this length, so that slow links trickle instead of pulsing.
const PIECE: Duration = Duration::from_millis(5);
/// Speed that a delay alone must not limit, in bytes per second.
const SPEED: u64 = 1_250_000_000;
/// What a flow may hold at least, in bytes.
pub(super) const WINDOW_MIN: usize = 256 * 1024;
/// What a flow may hold at most, in bytes: 100 ms and some slack at [`SPEED`].
pub(super) const WINDOW_MAX: usize = 160 * 1024 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

/// What becomes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its first `len` bytes are delivered at `due`; the rest is asked about again.
    Deliver {
        /// Not before this moment.
        due: Duration,
        /// At least one byte.
        len: usize,
    },
    /// It is thrown away.
    Swallow,
}

/// The delays and limits of one direction of one connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    distance: Duration,
    delays: Vec<Delay>,
    /// Bytes per second.
    rate: Option<u64>,
    swallow: bool,
    /// When the limited line has sent what it was given.
    free_at: Duration,
    /// The latest due time given; none is earlier than one before it.
    last_due: Duration,
}

/// One latency toxic with its own stream of numbers.
#[derive(Debug)]
struct Delay {
    id: InjectionId,
    latency_ms: u64,
    jitter_ms: u64,
    rng: Option<Box<ChaCha12Rng>>,
}

impl Delay {
    fn draw(&mut self) -> Duration {
        let jitter_us =
            self.rng.as_mut().map_or(0, |rng| rng.random_range(0..=self.jitter_ms.saturating_mul(1000)));
        Duration::from_millis(self.latency_ms).saturating_add(Duration::from_micros(jitter_us))
    }

    fn longest(&self) -> Duration {
        Duration::from_millis(self.latency_ms.saturating_add(self.jitter_ms))
    }
}

/// Names a connection's streams of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lane<'a> {
    /// The plan's seed.
    pub(super) seed: Seed,
    /// The link's name.
    pub(super) link: &'a str,
    /// Counts the link's connections.
    pub(super) connection: u64,
    /// The direction.
    pub(super) way: Way,
}

impl Lane<'_> {
    fn stream(&self, id: &InjectionId) -> Box<ChaCha12Rng> {
        let Self { seed, link, connection, way } = self;
        Box::new(seed.stream(&format!("proxy {link} {id} {connection} {way:?}")))
    }
}

impl Flow {
    /// Takes the rules over. A toxic that stays keeps its stream of numbers where it is.
    pub(super) fn obey(&mut self, rules: &Rules, lane: Lane<'_>, now: Duration) {
        let mut before = std::mem::take(&mut self.delays);
        self.distance = rules.distance;
        self.rate = None;
        self.swallow = false;
        for (id, placed) in &rules.toxics {
            match placed.toxic {
                Toxic::Latency { latency_ms, jitter_ms } => {
                    let known = before.iter().position(|delay| delay.id == *id);
                    let rng = known.and_then(|at| before.swap_remove(at).rng);
                    self.delays.push(Delay {
                        id: id.clone(),
                        latency_ms,
                        jitter_ms,
                        rng: (jitter_ms > 0).then(|| rng.unwrap_or_else(|| lane.stream(id))),
                    });
                }
                Toxic::Bandwidth { rate_kb_s } => {
                    let rate = rate_kb_s.saturating_mul(1000);
                    self.rate = Some(self.rate.map_or(rate, |other| other.min(rate)));
                }
                Toxic::Timeout { .. } => self.swallow = true,
                Toxic::Down | Toxic::Reset { .. } => {}
            }
        }
        self.restart(now);
    }

    /// Forgets the due times given so far: the next decisions count from `now` on.
    pub(super) fn restart(&mut self, now: Duration) {
        self.free_at = now;
        self.last_due = Duration::ZERO;
    }

    /// Whether every chunk passes at once.
    pub(super) fn is_clear(&self) -> bool {
        self.delays.is_empty() && self.rate.is_none() && !self.swallow && self.distance == Duration::ZERO
    }

    /// Whether every chunk is thrown away.
    pub(super) fn swallows(&self) -> bool {
        self.swallow
    }

    /// Decides about a chunk of `len` bytes that came in at `arrived`. Due times never go backwards.
    pub(super) fn on_chunk(&mut self, arrived: Duration, len: usize) -> Verdict {
        if self.swallow {
            return Verdict::Swallow;
        }
        let (sent, len) = match self.rate {
            None => (arrived, len),
            Some(0) => (NEVER, len),
            Some(rate) => self.send(rate, arrived, len),
        };
        let delay = self.delays.iter_mut().map(Delay::draw).fold(self.distance, Duration::saturating_add);
        let due = sent.saturating_add(delay).min(NEVER).max(self.last_due);
        self.last_due = due;
        Verdict::Deliver { due, len }
    }

    /// Puts the first piece of a chunk on the limited line: when its last byte is out, and how long it is.
    fn send(&mut self, rate: u64, arrived: Duration, len: usize) -> (Duration, usize) {
        let piece = u128::from(rate) * PIECE.as_nanos() / 1_000_000_000;
        let len = len.min(usize::try_from(piece).unwrap_or(usize::MAX).max(1));
        let takes = len as u128 * 1_000_000_000 / u128::from(rate);
        let takes = Duration::from_nanos(u64::try_from(takes).unwrap_or(u64::MAX));
        self.free_at = self.free_at.max(arrived).saturating_add(takes);
        (self.free_at, len)
    }

    /// The moment at which an end of the stream that came in at `arrived` is passed on: after every byte before it.
    pub(super) fn on_end(&mut self, arrived: Duration) -> Duration {
        let delay = self.delays.iter_mut().map(Delay::draw).fold(self.distance, Duration::saturating_add);
        arrived.saturating_add(delay).max(self.free_at).min(NEVER).max(self.last_due)
    }

    /// How many bytes may be held. A delay alone must not slow a connection down, so it grows with the delay; a
    /// limited line holds little, so that the sender feels the limit. A clear flow holds only what the receiver
    /// did not take: nothing more is read until that is gone.
    pub(super) fn window(&self) -> usize {
        if self.is_clear() {
            return 1;
        }
        let delay = self
            .delays
            .iter()
            .map(Delay::longest)
            .fold(self.distance, Duration::saturating_add)
            .saturating_add(Duration::from_millis(20));
        let speed = self.rate.unwrap_or(SPEED).min(SPEED);
        let bytes = u128::from(speed) * delay.as_millis() / 1000;
        usize::try_from(bytes).unwrap_or(WINDOW_MAX).clamp(WINDOW_MIN, WINDOW_MAX)
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sockets are closed.
    Close,
    /// Both peers get a RST.
    Reset,
}

/// When the rules end a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    /// The moment.
    pub(super) at: Duration,
    /// The way.
    pub(super) end: End,
}

impl Fate {
    /// What the rules hold for a connection that was accepted at `accepted`, when `cuts` changes had cut the link.
    pub(super) fn of(rules: &Rules, accepted: Instant, cuts: u64) -> Option<Self> {
        if rules.cuts != cuts || rules.is_down() {
            return Some(Self { at: Duration::ZERO, end: End::Close });
        }
        let ends = rules.toxics.values().filter_map(|placed| {
            let since = placed.since.saturating_duration_since(accepted);
            let (after_ms, end) = match placed.toxic {
                Toxic::Reset { after_ms } => (after_ms, End::Reset),
                Toxic::Timeout { timeout_ms } if timeout_ms > 0 => (timeout_ms, End::Close),
                _ => return None,
            };
            let at = since.saturating_add(Duration::from_millis(after_ms));
            Some(Self { at: at.min(NEVER), end })
        });
        ends.min_by_key(|fate| fate.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LANE: Lane<'static> = Lane { seed: Seed(7), link: "a-b", connection: 1, way: Way::Up };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rules(toxics: &[Toxic]) -> Rules {
        let mut rules = Rules::default();
        for (n, toxic) in toxics.iter().enumerate() {
            rules.set(&format!("gd-{n}").parse().unwrap(), toxic.clone(), Instant::now());
        }
        rules
    }

    fn flow(toxics: &[Toxic]) -> Flow {
        let mut flow = Flow::default();
        flow.obey(&rules(toxics), LANE, Duration::ZERO);
        flow
    }

    fn due(flow: &mut Flow, arrived: Duration, len: usize) -> Duration {
        match flow.on_chunk(arrived, len) {
            Verdict::Deliver { due, len: taken } if taken == len => due,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn latency_counts_from_each_arrival() {
        let mut flow = flow(&[
            Toxic::Latency { latency_ms: 150, jitter_ms: 0 },
            Toxic::Latency { latency_ms: 50, jitter_ms: 0 },
        ]);
        let dues: Vec<_> = (0..10).map(|n| due(&mut flow, ms(n * 10), 100)).collect();
        assert_eq!(dues[0], ms(200));
        assert_eq!(dues[9], ms(290));
    }

    #[test]
    fn the_same_seed_draws_the_same_jitter_and_each_connection_its_own() {
        let jitter = [Toxic::Latency { latency_ms: 10, jitter_ms: 500 }];
        let dues = |lane: Lane<'_>| -> Vec<Duration> {
            let mut flow = Flow::default();
            flow.obey(&rules(&jitter), lane, Duration::ZERO);
            (0..20).map(|n| due(&mut flow, ms(n * 1000), 1)).collect()
        };
        assert_eq!(dues(LANE), dues(LANE));
        assert_ne!(dues(LANE), dues(Lane { connection: 2, ..LANE }));
        assert_ne!(dues(LANE), dues(Lane { way: Way::Down, ..LANE }));
        assert_ne!(dues(LANE), dues(Lane { seed: Seed(8), ..LANE }));
    }

    #[test]
    fn a_change_elsewhere_does_not_start_a_stream_of_numbers_again() {
        let jitter = Toxic::Latency { latency_ms: 0, jitter_ms: 1000 };
        let mut left = flow(std::slice::from_ref(&jitter));
        let mut right = flow(std::slice::from_ref(&jitter));
        due(&mut left, ms(0), 1);
        due(&mut right, ms(0), 1);
        right.obey(&rules(&[jitter, Toxic::Reset { after_ms: 9 }]), LANE, ms(5000));
        assert_eq!(due(&mut left, ms(6000), 1), due(&mut right, ms(6000), 1));
    }

    #[test]
    fn bandwidth_keeps_to_its_rate_and_forgets_idle_time() {
        let mut flow = flow(&[Toxic::Bandwidth { rate_kb_s: 100 }]);
        let mut left = 100_000;
        let mut last = Duration::ZERO;
        while left > 0 {
            let Verdict::Deliver { due, len } = flow.on_chunk(Duration::ZERO, left) else {
                panic!("swallowed");
            };
            assert!(len <= 500, "a piece is 5 ms long");
            (left, last) = (left - len, due);
        }
        assert_eq!(last, ms(1000));
        assert_eq!(due(&mut flow, ms(5000), 500), ms(5005), "idle time is not saved up");
    }

    #[test]
    fn nothing_passes_at_rate_zero() {
        let mut flow = flow(&[Toxic::Bandwidth { rate_kb_s: 0 }]);
        assert_eq!(due(&mut flow, ms(1), 1000), NEVER);
    }

    #[test]
    fn ends_come_at_the_earliest_and_count_from_the_later_of_accept_and_set() {
        let accepted = Instant::now();
        let fate_of = |toxics: &[Toxic], since_ms: u64| {
            let mut rules = Rules::default();
            for (n, toxic) in toxics.iter().enumerate() {
                let since = accepted + ms(since_ms);
                rules.set(&format!("gd-{n}").parse().unwrap(), toxic.clone(), since);
            }
            Fate::of(&rules, accepted, rules.cuts)
        };
        assert_eq!(fate_of(&[], 0), None);
        assert_eq!(fate_of(&[Toxic::Timeout { timeout_ms: 0 }], 0), None);
        let both = [Toxic::Reset { after_ms: 30 }, Toxic::Timeout { timeout_ms: 20 }];
        assert_eq!(fate_of(&both, 5), Some(Fate { at: ms(25), end: End::Close }));
        assert_eq!(fate_of(&both[..1], 0), Some(Fate { at: ms(30), end: End::Reset }));
        let closed = Some(Fate { at: ms(0), end: End::Close });
        assert_eq!(fate_of(&[Toxic::Down], 0), closed);
        assert_eq!(Fate::of(&Rules::default(), accepted, 1), closed, "cut in between");
    }

    fn any_toxic() -> impl Strategy<Value = Toxic> {
        prop_oneof![
            (0_u64..500, 0_u64..200)
                .prop_map(|(latency_ms, jitter_ms)| Toxic::Latency { latency_ms, jitter_ms }),
            (1_u64..100_000).prop_map(|rate_kb_s| Toxic::Bandwidth { rate_kb_s }),
        ]
    }

    proptest! {
        #[test]
        fn every_byte_is_due_once_in_order_and_never_early(
            toxics in proptest::collection::vec(any_toxic(), 0..4),
            distance_ms in 0_u64..100,
            chunks in proptest::collection::vec((0_u64..50, 1_usize..5000), 1..40),
        ) {
            let mut rules = rules(&toxics);
            rules.distance = ms(distance_ms);
            let mut flow = Flow::default();
            flow.obey(&rules, LANE, Duration::ZERO);
            let least: u64 = toxics
                .iter()
                .map(|toxic| match toxic {
                    Toxic::Latency { latency_ms, .. } => *latency_ms,
                    _ => 0,
                })
                .sum();
            let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
            for (pause, len) in chunks {
                now += ms(pause);
                let mut left = len;
                while left > 0 {
                    let Verdict::Deliver { due, len } = flow.on_chunk(now, left) else {
                        panic!("swallowed");
                    };
                    prop_assert!(len >= 1 && len <= left);
                    prop_assert!(due >= last);
                    prop_assert!(due >= now + ms(least + distance_ms));
                    (left, last) = (left - len, due);
                }
            }
            prop_assert!(flow.on_end(now) >= last);
        }
    }
}
