//! What became of each arrival, second by second.
//!
//! A second is final when the pace is past it and all its requests have ended. Seconds become final in order.

use super::arrivals::SECOND_NS;
use crate::{
    base::{ClassName, limits},
    drill::measure::{Bucket, Tally},
};
use hdrhistogram::Histogram;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How many final seconds are kept: as many as the longest drill has.
const SECONDS_KEPT: usize = (limits::DRILL_MAX.millis() / 1000) as usize;

/// Everything that one class has seen in its final seconds.
#[derive(Debug, Clone)]
pub struct Totals {
    /// Intended starts, dropped ones included.
    pub sent: u64,
    /// Of these: wrong status, error, too slow, or dropped.
    pub failed: u64,
    /// Of the failed: never started.
    pub dropped: u64,
    /// Microseconds from the intended start, to three digits. A start without an answer counts with its time-out.
    pub latency_us: Histogram<u64>,
}

/// How an arrival ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole answer came in time, with a status that counts as success.
    Good,
    /// The whole answer came in time, with another status.
    Wrong,
    /// There was no whole answer in time.
    Unanswered,
    /// The request was never sent.
    Dropped,
}

/// What the ledger must know of a class.
#[derive(Debug, Clone)]
pub(super) struct ClassTerms {
    pub(super) name: ClassName,
    /// Time-out, counted from the intended start.
    pub(super) within_us: u32,
    /// Most requests that may be open at the same time.
    pub(super) open_max: usize,
}

/// How far the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// Every second before this one is final.
    pub(super) seconds: u64,
    /// No further second will come.
    pub(super) ended: bool,
}

/// The ledger of one workload.
#[derive(Debug)]
pub(super) struct Ledger {
    classes: Vec<ClassTerms>,
    book: Mutex<Book>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug)]
struct Book {
    /// Requests that are open now, by class.
    open: Vec<usize>,
    /// All arrivals before this second have been dealt out.
    paced: u64,
    /// The second that `seconds` begins with.
    first: u64,
    /// Seconds that are not final.
    seconds: VecDeque<OpenSecond>,
    /// Final seconds, the last one being the one before `first`.
    kept: VecDeque<FinalSecond>,
    totals: Vec<Totals>,
    cpu: Duration,
}

#[derive(Debug, Default, Clone)]
struct OpenSecond {
    classes: Vec<OpenTally>,
    lateness_us: u32,
}

#[derive(Debug, Default, Clone)]
struct OpenTally {
    pending: u32,
    failed: u32,
    dropped: u32,
    latencies_us: Vec<u32>,
}

#[derive(Debug)]
struct FinalSecond {
    tallies: Box<[Tally]>,
    lateness_ms: u32,
}

impl Ledger {
    /// An empty ledger whose first second is `first`.
    pub(super) fn new(classes: Vec<ClassTerms>, first: u64) -> Self {
        let book = Book {
            open: vec![0; classes.len()],
            paced: first,
            first,
            seconds: VecDeque::new(),
            kept: VecDeque::new(),
            totals: classes.iter().map(Totals::empty).collect(),
            cpu: Duration::ZERO,
        };
        let progress = watch::Sender::new(Progress { seconds: first, ended: false });
        Self { classes, book: Mutex::new(book), progress }
    }

    /// An arrival of `class` in `second`: whether its request may be opened. A refused one is counted as dropped.
    pub(super) fn admit(&self, class: usize, second: u64, lateness_us: u32) -> bool {
        let mut book = self.book();
        let admitted = book.open[class] < self.classes[class].open_max;
        if admitted {
            book.open[class] += 1;
            book.tally(class, second).pending += 1;
        } else {
            book.record(class, second, Outcome::Dropped, self.classes[class].within_us, lateness_us);
        }
        admitted
    }

    /// An arrival whose time-out was over before its request could be opened.
    pub(super) fn miss(&self, class: usize, second: u64, lateness_us: u32) {
        let within_us = self.classes[class].within_us;
        self.book().record(class, second, Outcome::Dropped, within_us, lateness_us);
    }

    /// An admitted request has ended. Without an answer in time its latency is its time-out.
    pub(super) fn end(&self, class: usize, second: u64, outcome: Outcome, latency_us: u32, lateness_us: u32) {
        let within_us = self.classes[class].within_us;
        let (outcome, latency_us) = match outcome {
            Outcome::Good | Outcome::Wrong if latency_us <= within_us => (outcome, latency_us),
            Outcome::Dropped => (outcome, within_us),
            _ => (Outcome::Unanswered, within_us),
        };
        let mut book = self.book();
        book.open[class] -= 1;
        book.tally(class, second).pending -= 1;
        book.record(class, second, outcome, latency_us, lateness_us);
        self.close_seconds(&mut book);
    }

    /// All arrivals before `second` have been dealt out; `cpu` is what the workload has used so far.
    pub(super) fn pace_past(&self, second: u64, cpu: Duration) {
        let mut book = self.book();
        book.paced = book.paced.max(second);
        book.cpu = cpu;
        self.close_seconds(&mut book);
    }

    /// Nothing will be recorded any more.
    pub(super) fn finish(&self) {
        self.progress.send_modify(|progress| progress.ended = true);
    }

    /// Tells when seconds become final.
    pub(super) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// A final second; empty when it is not among those that are kept.
    pub(super) fn bucket(&self, second: u64) -> Bucket {
        let book = self.book();
        let kept_from = book.first - book.kept.len() as u64;
        let index = second.checked_sub(kept_from).and_then(|index| usize::try_from(index).ok());
        let Some(found) = index.and_then(|index| book.kept.get(index)) else {
            return Bucket::default();
        };
        let classes = self.classes.iter().zip(&found.tallies).filter(|(_, tally)| tally.sent > 0);
        Bucket {
            classes: classes.map(|(class, tally)| (class.name.clone(), *tally)).collect(),
            lateness_ms: found.lateness_ms,
        }
    }

    /// The sums of all final seconds by class.
    pub(super) fn totals(&self) -> BTreeMap<ClassName, Totals> {
        let book = self.book();
        self.classes
            .iter()
            .zip(&book.totals)
            .map(|(class, totals)| (class.name.clone(), totals.clone()))
            .collect()
    }

    /// Processor time that was used until the last whole second.
    pub(super) fn cpu(&self) -> Duration {
        self.book().cpu
    }

    fn close_seconds(&self, book: &mut Book) {
        let before = book.first;
        while book.first < book.paced && book.front_has_ended() {
            let second = book.seconds.pop_front().unwrap_or_default();
            book.keep(second);
        }
        if book.first > before {
            self.progress.send_modify(|progress| progress.seconds = book.first);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn record(&mut self, class: usize, second: u64, outcome: Outcome, latency_us: u32, lateness_us: u32) {
        let index = self.index(second);
        let second = &mut self.seconds[index];
        second.lateness_us = second.lateness_us.max(lateness_us);
        let tally = &mut second.classes[class];
        tally.latencies_us.push(latency_us);
        tally.failed += u32::from(outcome != Outcome::Good);
        tally.dropped += u32::from(outcome == Outcome::Dropped);
    }

    fn tally(&mut self, class: usize, second: u64) -> &mut OpenTally {
        let index = self.index(second);
        &mut self.seconds[index].classes[class]
    }

    /// The place of `second`, made if need be.
    fn index(&mut self, second: u64) -> usize {
        let ahead =
            second.checked_sub(self.first).expect("a second stays open until its last request has ended");
        let index = usize::try_from(ahead).expect("within the longest time-out");
        let classes = self.open.len();
        while self.seconds.len() <= index {
            self.seconds
                .push_back(OpenSecond { classes: vec![OpenTally::default(); classes], lateness_us: 0 });
        }
        index
    }

    fn front_has_ended(&self) -> bool {
        self.seconds.front().is_none_or(|second| second.classes.iter().all(|class| class.pending == 0))
    }

    fn keep(&mut self, mut second: OpenSecond) {
        second.classes.resize_with(self.totals.len(), OpenTally::default);
        let tallies = second
            .classes
            .iter_mut()
            .zip(&mut self.totals)
            .map(|(class, totals)| class.close(totals))
            .collect();
        self.kept.push_back(FinalSecond { tallies, lateness_ms: millis(second.lateness_us) });
        if self.kept.len() > SECONDS_KEPT {
            self.kept.pop_front();
        }
        self.first += 1;
    }
}

impl OpenTally {
    fn close(&mut self, totals: &mut Totals) -> Tally {
        for latency in &self.latencies_us {
            totals.latency_us.saturating_record(u64::from(*latency));
        }
        let tally = Tally {
            sent: u32::try_from(self.latencies_us.len()).unwrap_or(u32::MAX),
            failed: self.failed,
            dropped: self.dropped,
            p50_ms: percentile_ms(&mut self.latencies_us, 50),
            p95_ms: percentile_ms(&mut self.latencies_us, 95),
            p99_ms: percentile_ms(&mut self.latencies_us, 99),
        };
        totals.sent += u64::from(tally.sent);
        totals.failed += u64::from(tally.failed);
        totals.dropped += u64::from(tally.dropped);
        tally
    }
}

impl Totals {
    fn empty(class: &ClassTerms) -> Self {
        let longest = u64::from(class.within_us).max(2);
        let latency_us = Histogram::new_with_bounds(1, longest, 3).expect("three digits and bounds in order");
        Self { sent: 0, failed: 0, dropped: 0, latency_us }
    }
}

/// The smallest value that `percent` of all values do not exceed (nearest rank), in milliseconds; 0 for no values.
fn percentile_ms(values_us: &mut [u32], percent: usize) -> u32 {
    let Some(rank) = (values_us.len() * percent).div_ceil(100).checked_sub(1) else {
        return 0;
    };
    millis(*values_us.select_nth_unstable(rank).1)
}

/// Microseconds as milliseconds, rounded half up.
fn millis(us: u32) -> u32 {
    us / 1000 + u32::from(us % 1000 >= 500)
}

/// Nanoseconds as microseconds, held between 0 and an hour and more.
pub(super) fn micros(ns: i64) -> u32 {
    u32::try_from((ns / 1000).max(0)).unwrap_or(u32::MAX)
}

/// The second that an instant after the start belongs to; the first for one before it.
pub(super) fn second_of(ns: i64) -> u64 {
    u64::try_from(ns.div_euclid(SECOND_NS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(open_max: usize) -> Ledger {
        let terms = |name: &str| ClassTerms { name: name.parse().unwrap(), within_us: 2_000_000, open_max };
        Ledger::new(vec![terms("get"), terms("put")], 0)
    }

    fn seconds(ledger: &Ledger) -> u64 {
        ledger.watch().borrow().seconds
    }

    #[test]
    fn a_second_is_final_when_it_is_over_and_all_have_ended_and_in_order() {
        let ledger = ledger(10);
        assert!(ledger.admit(0, 0, 0));
        assert!(ledger.admit(1, 1, 0));
        ledger.end(1, 1, Outcome::Good, 3_000, 0);
        assert_eq!(seconds(&ledger), 0);
        ledger.pace_past(3, Duration::ZERO);
        assert_eq!(seconds(&ledger), 0, "the first second has an open request");
        ledger.end(0, 0, Outcome::Good, 1_999_000, 700);
        assert_eq!(seconds(&ledger), 3, "the third is empty and final too");
        assert_eq!(ledger.bucket(0).classes.keys().map(ClassName::as_str).collect::<Vec<_>>(), ["get"]);
        assert_eq!(ledger.bucket(0).lateness_ms, 1);
        assert_eq!(ledger.bucket(1).classes.values().next().unwrap().p50_ms, 3);
        assert_eq!(ledger.bucket(2), Bucket::default());
    }

    #[test]
    fn what_had_no_answer_in_time_counts_with_its_time_out() {
        let ledger = ledger(10);
        for (outcome, latency) in [
            (Outcome::Unanswered, 5),
            (Outcome::Good, 2_000_001),
            (Outcome::Dropped, 5),
            (Outcome::Wrong, 4_000),
        ] {
            assert!(ledger.admit(0, 0, 0));
            ledger.end(0, 0, outcome, latency, 0);
        }
        ledger.miss(0, 0, 9_000_000);
        ledger.pace_past(1, Duration::ZERO);
        let bucket = ledger.bucket(0);
        let tally = Tally { sent: 5, failed: 5, dropped: 2, p50_ms: 2000, p95_ms: 2000, p99_ms: 2000 };
        assert_eq!(bucket.classes.values().copied().collect::<Vec<_>>(), [tally]);
        assert_eq!(bucket.lateness_ms, 9000);
        let totals = &ledger.totals()[&"get".parse().unwrap()];
        assert_eq!((totals.sent, totals.failed, totals.dropped), (5, 5, 2));
        assert_eq!(totals.latency_us.min() / 10, 400);
    }

    #[test]
    fn arrivals_beyond_the_cap_are_dropped_and_a_freed_place_is_used() {
        let ledger = ledger(2);
        assert_eq!(
            [ledger.admit(0, 0, 0), ledger.admit(0, 0, 0), ledger.admit(0, 0, 0)],
            [true, true, false]
        );
        assert!(ledger.admit(1, 0, 0), "each class has its own cap");
        ledger.end(0, 0, Outcome::Good, 10, 0);
        assert!(ledger.admit(0, 0, 0));
    }

    #[test]
    fn percentiles_are_exact_nearest_ranks() {
        let mut values: Vec<u32> = (1..=200).rev().map(|ms| ms * 1000).collect();
        assert_eq!([50, 95, 99].map(|percent| percentile_ms(&mut values, percent)), [100, 190, 198]);
        assert_eq!(percentile_ms(&mut [7_499], 99), 7);
        assert_eq!(percentile_ms(&mut [7_500], 50), 8);
        assert_eq!(percentile_ms(&mut [], 50), 0);
    }

    #[test]
    fn no_more_seconds_are_kept_than_the_longest_drill_has() {
        let ledger = ledger(2);
        ledger.miss(0, 0, 0);
        ledger.miss(0, 5, 0);
        let longest = SECONDS_KEPT as u64;
        ledger.pace_past(longest, Duration::ZERO);
        assert_eq!(ledger.bucket(0).classes.len(), 1);
        ledger.pace_past(longest + 3, Duration::ZERO);
        assert_eq!(ledger.bucket(0).classes.len(), 0, "forgotten");
        assert_eq!(ledger.bucket(5).classes.len(), 1, "still there, at its place");
        assert_eq!(ledger.book().kept.len(), SECONDS_KEPT);
    }
}
