//! What becomes of a chunk and of a connection: pure, in the connection's own time.
//!
//! Every time here is a [`Duration`] since the connection was accepted. [`Flow::on_chunk`] is the one decision for
//! bytes, [`Fate`] the one for the connection as a whole; the pump does the I/O.

use super::{
    line::Line,
    toxic::{Effect, Rules},
};
use crate::{base::InjectionId, fault::HttpAct, seed::Seed};
use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use std::{sync::Arc, time::Duration};
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
    chops: Vec<Chop>,
    limits: Vec<Limit>,
    /// Lines that other connections use, too.
    lines: Vec<Arc<Line>>,
    /// They are those of before the last change of the rules.
    same_lines: bool,
    /// How much later an end is passed on.
    close_late: Duration,
    /// The longest time that an HTTP request may be held back; with one, requests pass through the queue.
    http: Option<Duration>,
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

/// One slicer with its own stream of numbers.
#[derive(Debug)]
struct Chop {
    id: InjectionId,
    average: u64,
    variation: u64,
    pause: Duration,
    rng: Box<ChaCha12Rng>,
    /// When the next piece may go.
    next_at: Duration,
}

impl Chop {
    fn size(&mut self) -> usize {
        let least = self.average.saturating_sub(self.variation).max(1);
        let most = self.average.saturating_add(self.variation).max(least);
        usize::try_from(self.rng.random_range(least..=most)).unwrap_or(usize::MAX)
    }
}

/// One limit of bytes, and what has passed since it was set.
#[derive(Debug)]
struct Limit {
    id: InjectionId,
    most: u64,
    passed: u64,
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
    /// The numbers of one toxic for one purpose; the direction is a purpose, too.
    pub(super) fn stream(&self, id: &InjectionId, purpose: &str) -> ChaCha12Rng {
        let Self { seed, link, connection, .. } = self;
        seed.stream(&format!("proxy {link} {id} {connection} {purpose}"))
    }

    fn numbers(&self, id: &InjectionId) -> Box<ChaCha12Rng> {
        Box::new(self.stream(id, &format!("{:?}", self.way)))
    }
}

/// How many bytes a limited line takes at once.
pub(super) fn piece(rate: u64) -> usize {
    let piece = u128::from(rate) * PIECE.as_nanos() / 1_000_000_000;
    usize::try_from(piece).unwrap_or(usize::MAX).max(1)
}

/// How long a line of this rate, which is not 0, takes for so many bytes.
pub(super) fn takes(rate: u64, len: usize) -> Duration {
    let nanos = len as u128 * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Flow {
    /// Takes the rules over. A toxic that stays keeps its stream of numbers, and its count, where it is.
    pub(super) fn obey(&mut self, rules: &Rules, lane: Lane<'_>, now: Duration) {
        let before = std::mem::take(self);
        self.distance = rules.distance;
        let (mut delays, mut chops, mut limits) = (before.delays, before.chops, before.limits);
        for (id, placed) in rules.on(lane).filter(|(_, placed)| placed.toxic.goes(lane.way)) {
            match placed.toxic.effect {
                Effect::Latency { latency_ms, jitter_ms } => {
                    let known = delays.iter().position(|delay| delay.id == *id);
                    let rng = known.and_then(|at| delays.swap_remove(at).rng);
                    let rng = (jitter_ms > 0).then(|| rng.unwrap_or_else(|| lane.numbers(id)));
                    self.delays.push(Delay { id: id.clone(), latency_ms, jitter_ms, rng });
                }
                Effect::Bandwidth { rate_kb_s } => {
                    let rate = rate_kb_s.saturating_mul(1000);
                    self.rate = Some(self.rate.map_or(rate, |other| other.min(rate)));
                }
                Effect::Timeout { .. } => self.swallow = true,
                Effect::SlowClose { delay_ms } => {
                    self.close_late = self.close_late.saturating_add(Duration::from_millis(delay_ms));
                }
                Effect::LimitData { bytes } => {
                    let known = limits.iter().position(|limit| limit.id == *id);
                    let passed = known.map_or(0, |at| limits.swap_remove(at).passed);
                    self.limits.push(Limit { id: id.clone(), most: bytes, passed });
                }
                Effect::Slicer { average_size, size_variation, delay_us } => {
                    let known = chops.iter().position(|chop| chop.id == *id);
                    let rng = known.map_or_else(|| lane.numbers(id), |at| chops.swap_remove(at).rng);
                    self.chops.push(Chop {
                        id: id.clone(),
                        average: average_size,
                        variation: size_variation,
                        pause: Duration::from_micros(delay_us),
                        rng,
                        next_at: now,
                    });
                }
                Effect::SharedBandwidth { .. } => self.lines.extend(placed.line.clone()),
                Effect::Http { act, .. } => {
                    let hold = match act {
                        HttpAct::DelayMs(ms) => Duration::from_millis(ms),
                        HttpAct::Status(_) | HttpAct::Abort => Duration::ZERO,
                    };
                    self.http = self.http.max(Some(hold));
                }
                Effect::Down | Effect::Reset { .. } | Effect::Loss | Effect::Noop => {}
            }
        }
        self.same_lines = self.lines.len() == before.lines.len()
            && self.lines.iter().zip(&before.lines).all(|(now, before)| Arc::ptr_eq(now, before));
        self.restart(now);
    }

    /// Forgets the due times given so far: the next decisions count from `now` on.
    pub(super) fn restart(&mut self, now: Duration) {
        self.free_at = now;
        self.last_due = Duration::ZERO;
        for chop in &mut self.chops {
            chop.next_at = now;
        }
    }

    /// Whether every chunk passes at once and whole.
    pub(super) fn is_clear(&self) -> bool {
        self.delays.is_empty()
            && self.rate.is_none()
            && !self.swallow
            && self.chops.is_empty()
            && self.limits.is_empty()
            && self.lines.is_empty()
            && self.http.is_none()
            && self.distance == Duration::ZERO
    }

    /// Whether every chunk is thrown away.
    pub(super) fn swallows(&self) -> bool {
        self.swallow
    }

    /// Whether each piece is written by itself.
    pub(super) fn chops(&self) -> bool {
        !self.chops.is_empty()
    }

    /// How many of the next `len` bytes may ever pass; asked once for each byte that came in.
    pub(super) fn admit(&mut self, len: usize) -> usize {
        let left =
            |limit: &Limit| usize::try_from(limit.most.saturating_sub(limit.passed)).unwrap_or(usize::MAX);
        let admitted = self.limits.iter().map(left).fold(len, usize::min);
        for limit in &mut self.limits {
            limit.passed = limit.passed.saturating_add(admitted as u64);
        }
        admitted
    }

    /// Whether a limit of bytes is used up.
    pub(super) fn is_spent(&self) -> bool {
        self.limits.iter().any(|limit| limit.passed >= limit.most)
    }

    /// Decides about a chunk of `len` bytes that came in at `arrived` and is held back for `hold` by itself. Due times
    /// never go backwards.
    pub(super) fn on_chunk(&mut self, arrived: Duration, hold: Duration, len: usize) -> Verdict {
        if self.swallow {
            return Verdict::Swallow;
        }
        let begin = arrived.saturating_add(hold.min(self.http.unwrap_or_default()));
        let mut len = self.lines.iter().map(|line| line.piece()).fold(len, usize::min);
        for chop in &mut self.chops {
            len = len.min(chop.size());
        }
        let (mut sent, len) = match self.rate {
            None => (begin, len),
            Some(0) => (NEVER, len),
            Some(rate) => self.send(rate, begin, len),
        };
        for chop in &mut self.chops {
            sent = sent.max(chop.next_at);
        }
        for chop in &mut self.chops {
            chop.next_at = sent.saturating_add(chop.pause);
        }
        let delay = self.delays.iter_mut().map(Delay::draw).fold(self.distance, Duration::saturating_add);
        let due = sent.saturating_add(delay).min(NEVER).max(self.last_due);
        self.last_due = due;
        Verdict::Deliver { due, len }
    }

    /// Puts the first piece of a chunk on the limited line: when its last byte is out, and how long it is.
    fn send(&mut self, rate: u64, arrived: Duration, len: usize) -> (Duration, usize) {
        let len = len.min(piece(rate));
        self.free_at = self.free_at.max(arrived).saturating_add(takes(rate, len));
        (self.free_at, len)
    }

    /// Whether this flow shares a line.
    pub(super) fn shares(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether what was booked before the rules changed still counts.
    pub(super) fn keeps_bookings(&self) -> bool {
        self.shares() && self.same_lines
    }

    /// Books a piece that is due at `now` on the lines that are shared: when it is through all of them.
    pub(super) fn book(&self, accepted: Instant, way: Way, now: Duration, len: usize) -> Duration {
        let at = accepted + now;
        let through = self.lines.iter().map(|line| {
            line.book(way, at, len).map_or(NEVER, |through| through.saturating_duration_since(accepted))
        });
        through.fold(now, Duration::max)
    }

    /// The moment at which an end of the stream that came in at `arrived` is passed on: after every byte before it.
    pub(super) fn on_end(&mut self, arrived: Duration) -> Duration {
        let late = self.distance.saturating_add(self.close_late);
        let delay = self.delays.iter_mut().map(Delay::draw).fold(late, Duration::saturating_add);
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
        let shared = self.lines.iter().map(|line| line.rate());
        let speed = shared.chain(self.rate).fold(SPEED, u64::min);
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
    pub(super) fn of(rules: &Rules, lane: Lane<'_>, accepted: Instant, cuts: u64) -> Option<Self> {
        if rules.cuts != cuts || rules.is_down() {
            return Some(Self { at: Duration::ZERO, end: End::Close });
        }
        let ends = rules.on(lane).filter_map(|(_, placed)| {
            let since = placed.since.saturating_duration_since(accepted);
            let (after_ms, end) = match placed.toxic.effect {
                Effect::Reset { after_ms } => (after_ms, End::Reset),
                Effect::Timeout { timeout_ms } if timeout_ms > 0 => (timeout_ms, End::Close),
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
    use crate::{
        agent::proxy::toxic::{Toxic, Toxicity},
        fault::Stream,
    };
    use proptest::prelude::*;

    const LANE: Lane<'static> = Lane { seed: Seed(7), link: "a-b", connection: 1, way: Way::Up };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rules(toxics: &[Effect]) -> Rules {
        let mut rules = Rules::default();
        for (n, toxic) in toxics.iter().enumerate() {
            rules.set(&format!("gd-{n}").parse().unwrap(), toxic.clone().into(), Instant::now());
        }
        rules
    }

    fn flow(toxics: &[Effect]) -> Flow {
        let mut flow = Flow::default();
        flow.obey(&rules(toxics), LANE, Duration::ZERO);
        flow
    }

    fn due(flow: &mut Flow, arrived: Duration, len: usize) -> Duration {
        match flow.on_chunk(arrived, Duration::ZERO, len) {
            Verdict::Deliver { due, len: taken } if taken == len => due,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn latency_counts_from_each_arrival() {
        let mut flow = flow(&[
            Effect::Latency { latency_ms: 150, jitter_ms: 0 },
            Effect::Latency { latency_ms: 50, jitter_ms: 0 },
        ]);
        let dues: Vec<_> = (0..10).map(|n| due(&mut flow, ms(n * 10), 100)).collect();
        assert_eq!(dues[0], ms(200));
        assert_eq!(dues[9], ms(290));
    }

    #[test]
    fn the_same_seed_draws_the_same_jitter_and_each_connection_its_own() {
        let jitter = [Effect::Latency { latency_ms: 10, jitter_ms: 500 }];
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
        let jitter = Effect::Latency { latency_ms: 0, jitter_ms: 1000 };
        let mut left = flow(std::slice::from_ref(&jitter));
        let mut right = flow(std::slice::from_ref(&jitter));
        due(&mut left, ms(0), 1);
        due(&mut right, ms(0), 1);
        right.obey(&rules(&[jitter, Effect::Reset { after_ms: 9 }]), LANE, ms(5000));
        assert_eq!(due(&mut left, ms(6000), 1), due(&mut right, ms(6000), 1));
    }

    #[test]
    fn bandwidth_keeps_to_its_rate_and_forgets_idle_time() {
        let mut flow = flow(&[Effect::Bandwidth { rate_kb_s: 100 }]);
        let mut left = 100_000;
        let mut last = Duration::ZERO;
        while left > 0 {
            let Verdict::Deliver { due, len } = flow.on_chunk(Duration::ZERO, Duration::ZERO, left) else {
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
        let mut flow = flow(&[Effect::Bandwidth { rate_kb_s: 0 }]);
        assert_eq!(due(&mut flow, ms(1), 1000), NEVER);
    }

    #[test]
    fn ends_come_at_the_earliest_and_count_from_the_later_of_accept_and_set() {
        let accepted = Instant::now();
        let fate_of = |toxics: &[Effect], since_ms: u64| {
            let mut rules = Rules::default();
            for (n, toxic) in toxics.iter().enumerate() {
                let since = accepted + ms(since_ms);
                rules.set(&format!("gd-{n}").parse().unwrap(), toxic.clone().into(), since);
            }
            Fate::of(&rules, LANE, accepted, rules.cuts)
        };
        assert_eq!(fate_of(&[], 0), None);
        assert_eq!(fate_of(&[Effect::Timeout { timeout_ms: 0 }], 0), None);
        let both = [Effect::Reset { after_ms: 30 }, Effect::Timeout { timeout_ms: 20 }];
        assert_eq!(fate_of(&both, 5), Some(Fate { at: ms(25), end: End::Close }));
        assert_eq!(fate_of(&both[..1], 0), Some(Fate { at: ms(30), end: End::Reset }));
        let closed = Some(Fate { at: ms(0), end: End::Close });
        assert_eq!(fate_of(&[Effect::Down], 0), closed);
        assert_eq!(Fate::of(&Rules::default(), LANE, accepted, 1), closed, "cut in between");
    }

    #[test]
    fn a_slicer_makes_pieces_of_about_its_size_with_its_pause() {
        let mut flow = flow(&[Effect::Slicer { average_size: 100, size_variation: 20, delay_us: 1000 }]);
        let (mut left, mut pieces, mut last) = (10_000, 0_u32, Duration::ZERO);
        while left > 0 {
            let Verdict::Deliver { due, len } = flow.on_chunk(Duration::ZERO, Duration::ZERO, left) else {
                panic!("swallowed");
            };
            assert!((80..=120).contains(&len) || len == left, "{len}");
            assert_eq!(due, ms(u64::from(pieces)));
            (left, pieces, last) = (left - len, pieces + 1, due);
        }
        assert!((83..=126).contains(&pieces), "{pieces} pieces, the last at {last:?}");
        assert!(flow.chops() && !flow.is_clear());
    }

    #[test]
    fn a_limit_counts_over_changes_of_other_rules_and_ends_what_is_left() {
        let limit = Effect::LimitData { bytes: 100 };
        let mut flow = flow(std::slice::from_ref(&limit));
        assert_eq!((flow.admit(60), flow.is_spent()), (60, false));
        flow.obey(&rules(&[limit, Effect::Noop]), LANE, ms(5));
        assert_eq!((flow.admit(60), flow.is_spent()), (40, true));
        assert_eq!(flow.admit(1), 0);
        flow.obey(&rules(&[Effect::LimitData { bytes: 150 }]), LANE, ms(9));
        assert_eq!((flow.admit(60), flow.is_spent()), (50, true), "a wider limit counts what has passed");
        flow.obey(&Rules::default(), LANE, ms(9));
        assert_eq!((flow.admit(60), flow.is_clear()), (60, true));
    }

    #[test]
    fn a_late_close_is_counted_from_the_end_and_bytes_do_not_wait_for_it() {
        let mut flow = flow(&[Effect::SlowClose { delay_ms: 300 }]);
        assert!(flow.is_clear());
        assert_eq!(due(&mut flow, ms(10), 5), ms(10));
        assert_eq!(flow.on_end(ms(20)), ms(320));
        flow.obey(&Rules::default(), LANE, ms(30));
        assert_eq!(flow.on_end(ms(20)), ms(30));
    }

    #[test]
    fn a_toxic_acts_in_its_own_direction_alone() {
        let mut rules = Rules::default();
        let up =
            Toxic { stream: Stream::Upstream, ..Effect::Latency { latency_ms: 50, jitter_ms: 0 }.into() };
        rules.set(&"gd-1".parse().unwrap(), up, Instant::now());
        for (way, expected) in [(Way::Up, 50), (Way::Down, 0)] {
            let mut flow = Flow::default();
            flow.obey(&rules, Lane { way, ..LANE }, Duration::ZERO);
            assert_eq!(due(&mut flow, ms(0), 1), ms(expected));
        }
    }

    #[test]
    fn what_http_holds_back_goes_at_once_when_no_rule_holds_any_more() {
        let act = HttpAct::DelayMs(400);
        let mut flow = flow(&[Effect::Http { path: "/".into(), act, requests: Toxicity::ALL }]);
        let held = |flow: &mut Flow| flow.on_chunk(ms(10), ms(400), 5);
        assert_eq!(held(&mut flow), Verdict::Deliver { due: ms(410), len: 5 });
        flow.obey(&Rules::default(), LANE, ms(20));
        assert_eq!(held(&mut flow), Verdict::Deliver { due: ms(10), len: 5 });
    }

    fn any_toxic() -> impl Strategy<Value = Effect> {
        prop_oneof![
            (0_u64..500, 0_u64..200)
                .prop_map(|(latency_ms, jitter_ms)| Effect::Latency { latency_ms, jitter_ms }),
            (1_u64..100_000).prop_map(|rate_kb_s| Effect::Bandwidth { rate_kb_s }),
            (1_u64..100_000).prop_map(|rate_kb_s| Effect::SharedBandwidth { rate_kb_s }),
            (0_u64..3000, 0_u64..3000, 0_u64..2000).prop_map(|(average_size, size_variation, delay_us)| {
                Effect::Slicer { average_size, size_variation, delay_us }
            }),
            (0_u64..50).prop_map(|delay_ms| Effect::SlowClose { delay_ms }),
            Just(Effect::Noop),
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
                    Effect::Latency { latency_ms, .. } => *latency_ms,
                    _ => 0,
                })
                .sum();
            let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
            for (pause, len) in chunks {
                now += ms(pause);
                let mut left = len;
                while left > 0 {
                    let Verdict::Deliver { due, len } = flow.on_chunk(now, Duration::ZERO, left) else {
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
