//! Bytes on their way: what came in, and when each piece of it is due. No I/O.

use super::decide::{Flow, Verdict, Way};
use std::{cell::RefCell, collections::VecDeque, io::IoSlice, time::Duration};
use tokio::time::Instant;

/// Size of a large buffer, in bytes: what one read may bring.
pub(super) const BUFFER: usize = 128 * 1024;
/// What a thread keeps of unused large buffers.
const SPARE_MAX: usize = 16;
/// What a buffer or a mark costs beside its bytes.
const OVERHEAD: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A large buffer from this thread's spare ones, [`BUFFER`] bytes long, with whatever it held before.
pub(super) fn buffer() -> Vec<u8> {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER])
}

/// Gives a large buffer back.
pub(super) fn give_back(buffer: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| {
        if buffer.len() == BUFFER && spare.len() < SPARE_MAX {
            spare.push(buffer);
        }
    });
}

/// One direction's bytes that were read and not yet written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    stored: VecDeque<Stored>,
    marks: VecDeque<Mark>,
    /// Bytes at the front whose time has come.
    ready: usize,
    /// Memory that is held.
    held: usize,
}

#[derive(Debug)]
struct Stored {
    bytes: Vec<u8>,
    from: usize,
    to: usize,
}

/// So many bytes, in the order of the stream, due at the same moment.
#[derive(Debug)]
struct Mark {
    arrived: Duration,
    /// What holds these bytes back beside the flow.
    hold: Duration,
    due: Duration,
    len: usize,
    /// What the lines that are shared said, once they were asked.
    booked: Option<Duration>,
}

impl Mark {
    fn due(&self) -> Duration {
        self.booked.unwrap_or(self.due)
    }
}

/// Where a queue stands while it is asked what is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Where the connection's time begins.
    pub(super) accepted: Instant,
    /// The connection's time.
    pub(super) now: Duration,
    /// The direction.
    pub(super) way: Way,
}

impl Queue {
    /// Takes the first `len` bytes of `buffer`, which must come from [`buffer`], as they arrived at `arrived`. A small
    /// chunk is copied so that it does not hold a large buffer.
    pub(super) fn take_in(&mut self, buffer: Vec<u8>, len: usize, arrived: Duration, flow: &mut Flow) {
        if len >= BUFFER / 2 {
            self.store(buffer, len);
        } else {
            self.store(buffer[..len].to_vec(), len);
            give_back(buffer);
        }
        self.mark(len, arrived, Duration::ZERO, flow);
    }

    /// Takes bytes that arrived at `arrived` and are held back for `hold` by themselves.
    pub(super) fn take_held(&mut self, bytes: Vec<u8>, hold: Duration, arrived: Duration, flow: &mut Flow) {
        let len = bytes.len();
        self.store(bytes, len);
        self.mark(len, arrived, hold, flow);
    }

    /// Takes bytes whose time has come already.
    pub(super) fn take_ready(&mut self, bytes: &[u8]) {
        debug_assert!(self.marks.is_empty(), "ready bytes would overtake waiting ones");
        self.store(bytes.to_vec(), bytes.len());
        self.ready += bytes.len();
    }

    fn store(&mut self, bytes: Vec<u8>, to: usize) {
        self.held += bytes.len() + OVERHEAD;
        self.stored.push_back(Stored { bytes, from: 0, to });
    }

    fn mark(&mut self, len: usize, arrived: Duration, hold: Duration, flow: &mut Flow) {
        let mut left = len;
        while left > 0 {
            // A flow that swallows is never asked here; if it were, the bytes would pass at once rather than vanish.
            let (due, len) = match flow.on_chunk(arrived, hold, left) {
                Verdict::Deliver { due, len } => (due, len),
                Verdict::Swallow => (arrived, left),
            };
            self.marks.push_back(Mark { arrived, hold, due, len, booked: None });
            self.held += OVERHEAD;
            left -= len;
        }
    }

    /// Decides again about everything that still waits, since the rules have changed. Nothing comes later than it
    /// was due before.
    pub(super) fn decide_again(&mut self, flow: &mut Flow, now: Duration) {
        flow.restart(now);
        let before = std::mem::take(&mut self.marks);
        self.held -= before.len() * OVERHEAD;
        for mark in before {
            if mark.booked.is_some() && flow.keeps_bookings() {
                // Its turn has been given; asking again would take another one.
                self.held += OVERHEAD;
                self.marks.push_back(mark);
                continue;
            }
            let first = self.marks.len();
            self.mark(mark.len, mark.arrived, mark.hold, flow);
            for new in self.marks.range_mut(first..) {
                new.due = new.due.min(mark.due);
            }
        }
    }

    /// When the next byte is due that is not ready yet.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.marks.front().map(Mark::due)
    }

    /// Makes ready what is due; says how many bytes are ready. With a slicer, one piece at a time.
    pub(super) fn ripen(&mut self, look: Look, flow: &Flow) -> usize {
        while let Some(mark) = self.marks.front_mut()
            && mark.due() <= look.now
            && !(flow.chops() && self.ready > 0)
        {
            if mark.booked.is_none() && flow.shares() {
                // Its own time has come, whatever the lines say.
                mark.due = Duration::ZERO;
                mark.booked = Some(flow.book(look.accepted, look.way, look.now, mark.len));
                continue;
            }
            self.ready += mark.len;
            self.held -= OVERHEAD;
            self.marks.pop_front();
        }
        self.ready
    }

    /// Whether bytes wait for nothing but the destination.
    pub(super) fn has_ready(&self) -> bool {
        self.ready > 0
    }

    /// Ready bytes for one write, at most `N` slices. Says how many slices were filled.
    pub(super) fn slices<'a, const N: usize>(&'a self, slices: &mut [IoSlice<'a>; N]) -> usize {
        let mut left = self.ready;
        let mut filled = 0;
        for (slice, stored) in slices.iter_mut().zip(&self.stored) {
            if left == 0 {
                break;
            }
            let bytes = &stored.bytes[stored.from..stored.to];
            let bytes = &bytes[..bytes.len().min(left)];
            left -= bytes.len();
            *slice = IoSlice::new(bytes);
            filled += 1;
        }
        filled
    }

    /// Forgets the first `n` ready bytes, which were written.
    pub(super) fn advance(&mut self, n: usize) {
        let mut left = n;
        self.ready -= n;
        while left > 0 {
            let Some(stored) = self.stored.front_mut() else {
                return;
            };
            let taken = left.min(stored.to - stored.from);
            stored.from += taken;
            left -= taken;
            if stored.from == stored.to {
                self.pop();
            }
        }
        if self.stored.is_empty() && self.stored.capacity() + self.marks.capacity() > 32 {
            *self = Self::default();
        }
    }

    fn pop(&mut self) {
        if let Some(stored) = self.stored.pop_front() {
            self.held -= stored.bytes.len() + OVERHEAD;
            give_back(stored.bytes);
        }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// Memory that is held, in bytes, with what the queue itself takes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Throws everything away.
    pub(super) fn clear(&mut self) {
        while !self.stored.is_empty() {
            self.pop();
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::proxy::{
            decide::{Lane, Way},
            toxic::{Effect, Rules},
        },
        seed::Seed,
    };
    use proptest::prelude::*;

    const LANE: Lane<'static> = Lane { seed: Seed(3), link: "a-b", connection: 9, way: Way::Down };

    #[derive(Debug, Clone)]
    enum Doing {
        Read(usize),
        Write(usize),
        Set(u8, Effect),
        Remove(u8),
    }

    fn doing() -> impl Strategy<Value = Doing> {
        let toxic = prop_oneof![
            (0_u64..300, 0_u64..100)
                .prop_map(|(latency_ms, jitter_ms)| Effect::Latency { latency_ms, jitter_ms }),
            (0_u64..2000).prop_map(|rate_kb_s| Effect::Bandwidth { rate_kb_s }),
            (0_u64..2000).prop_map(|rate_kb_s| Effect::SharedBandwidth { rate_kb_s }),
            (0_u64..20_000, 0_u64..5000, 0_u64..3000).prop_map(|(average_size, size_variation, delay_us)| {
                Effect::Slicer { average_size, size_variation, delay_us }
            }),
        ];
        prop_oneof![
            4 => prop_oneof![1_usize..300, Just(BUFFER), Just(BUFFER / 2)].prop_map(Doing::Read),
            4 => (1_usize..100_000).prop_map(Doing::Write),
            1 => (0_u8..3, toxic).prop_map(|(n, toxic)| Doing::Set(n, toxic)),
            1 => (0_u8..3).prop_map(Doing::Remove),
        ]
    }

    fn take(queue: &mut Queue, most: usize, out: &mut Vec<u8>) {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = queue.slices(&mut slices);
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect();
        let n = bytes.len().min(most);
        out.extend_from_slice(&bytes[..n]);
        queue.advance(n);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn bytes_stay_whole_and_in_order_whatever_the_rules_do(
            doings in proptest::collection::vec((0_u64..40, doing()), 1..60),
        ) {
            let (mut rules, mut flow, mut queue) = (Rules::default(), Flow::default(), Queue::default());
            let (mut sent, mut seen) = (Vec::new(), Vec::new());
            let accepted = Instant::now();
            let look = |now| Look { accepted, now, way: LANE.way };
            let mut now = Duration::ZERO;
            for (pause_ms, doing) in doings {
                now += Duration::from_millis(pause_ms);
                match doing {
                    Doing::Read(len) => {
                        let mut bytes = buffer();
                        for byte in &mut bytes[..len] {
                            *byte = u8::try_from(sent.len() % 251).unwrap();
                            sent.push(*byte);
                        }
                        queue.take_in(bytes, len, now, &mut flow);
                    }
                    Doing::Write(most) => {
                        queue.ripen(look(now), &flow);
                        take(&mut queue, most, &mut seen);
                    }
                    Doing::Set(n, toxic) => {
                        rules.set(&format!("gd-{n}").parse().unwrap(), toxic.into(), accepted);
                        flow.obey(&rules, LANE, now);
                        queue.decide_again(&mut flow, now);
                    }
                    Doing::Remove(n) => {
                        rules.remove(&format!("gd-{n}").parse().unwrap());
                        flow.obey(&rules, LANE, now);
                        queue.decide_again(&mut flow, now);
                    }
                }
                let dues: Vec<_> = queue.marks.iter().map(|mark| mark.due).collect();
                prop_assert!(dues.is_sorted(), "{dues:?}");
            }
            flow.obey(&Rules::default(), LANE, now);
            queue.decide_again(&mut flow, now);
            prop_assert_eq!(queue.ripen(look(now), &flow), sent.len() - seen.len(), "all is due when no rule is left");
            while !queue.is_empty() {
                take(&mut queue, usize::MAX, &mut seen);
            }
            prop_assert!(sent == seen);
            prop_assert_eq!(queue.held(), 0);
            prop_assert_eq!(queue.next_due(), None);
        }
    }

    #[test]
    fn a_shorter_latency_brings_waiting_bytes_forward_and_a_longer_one_leaves_them() {
        let at = Duration::from_millis;
        let id = "gd-a".parse().unwrap();
        let (mut rules, mut flow, mut queue) = (Rules::default(), Flow::default(), Queue::default());
        let accepted = Instant::now();
        let latency = |latency_ms| Effect::Latency { latency_ms, jitter_ms: 0 };
        let mut obey = |toxic: Effect, flow: &mut Flow, queue: &mut Queue| {
            rules.set(&id, toxic.into(), accepted);
            flow.obey(&rules, LANE, at(50));
            queue.decide_again(flow, at(50));
        };
        obey(latency(1000), &mut flow, &mut queue);
        queue.take_in(buffer(), 10, at(40), &mut flow);
        assert_eq!(queue.next_due(), Some(at(1040)));
        obey(latency(100), &mut flow, &mut queue);
        assert_eq!(queue.next_due(), Some(at(140)));
        obey(latency(5000), &mut flow, &mut queue);
        assert_eq!(queue.next_due(), Some(at(140)));
    }
}
