//! Measured truth: when users were harmed, and how many of their requests failed.
//!
//! A second is **bad** when a figure of its own (not of a sliding window) misses a test of `restored_when` on a request
//! class or on all classes together. A class without arrivals in that second says nothing. Bad seconds with at most
//! [`GAP`] between them are one **outage window**, from the beginning of its first bad second to the end of its last;
//! a window of fewer than [`BAD_SECONDS_MIN`] bad seconds is dropped, because one lost request is no outage. Only
//! seconds from the first injection (StartEx when there is none) to the restoration that held (EndEx when none did)
//! are looked at. When the oracle looks at probes alone, their bad answers take the place of bad seconds.

use super::{
    journal::Journal,
    timeline::{InjectionHistory, Timeline},
};
use crate::{
    base::{At, ClassName, Span},
    drill::{
        event::Event,
        measure::{BUCKET, Bucket, Tally},
    },
    scenario::condition::{Condition, Signal, Subject},
};
use std::collections::BTreeMap;

/// Bad seconds this close belong to one window.
pub const GAP: Span = Span::from_secs(5);
/// The same for answers of probes, which are asked less often.
pub const PROBE_GAP: Span = Span::from_secs(15);
/// Fewer bad seconds are no outage.
pub const BAD_SECONDS_MIN: usize = 3;
/// How much of an outage's beginning tells how bad it is without anybody's doing.
const UNTOUCHED_MAX: Span = Span::from_secs(120);

/// A span of harm: from the beginning of its first bad second to the end of its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its beginning.
    pub from: At,
    /// Its end.
    pub to: At,
}

impl Window {
    /// How long it is.
    pub fn length(self) -> Span {
        self.to.since(self.from)
    }

    /// Whether `at` lies in it.
    pub fn holds(self, at: At) -> bool {
        self.from <= at && at < self.to
    }
}

/// Requests of one class: how many, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Intended starts.
    pub sent: u64,
    /// Of these: failed.
    pub failed: u64,
}

impl Count {
    fn add(&mut self, tally: &Tally) {
        self.sent += u64::from(tally.sent);
        self.failed += u64::from(tally.failed);
    }

    /// Share of starts that failed; 0 when there was none.
    pub fn share(self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.failed as f64 / self.sent as f64 }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Impact {
    /// The outage windows, by time.
    pub windows: Vec<Window>,
    /// By class, inside the windows. Classes of the plan that saw no request are there with zeros.
    pub classes: BTreeMap<ClassName, Count>,
    /// All classes, inside the windows.
    pub inside: Count,
    /// All classes, from the first injection to EndEx.
    pub total: Count,
    /// Failed requests per second while nobody had yet touched the target: what doing nothing would have cost.
    pub untouched_rate: f64,
    /// Seconds between StartEx and EndEx that have a bucket.
    pub seconds_measured: usize,
    /// Seconds between StartEx and EndEx.
    pub seconds: u64,
    /// The workload's worst lateness in milliseconds: large values mean that the machine was the bottleneck.
    pub lateness_ms_max: u32,
}

impl Impact {
    /// Looks at every second of the drill.
    pub fn of(journal: &Journal<'_>, timeline: &Timeline<'_>) -> Self {
        let plan = journal.plan();
        let from = timeline
            .injections
            .iter()
            .filter_map(InjectionHistory::injected)
            .map(|mark| mark.at)
            .min()
            .unwrap_or(journal.start());
        let until = timeline.held_restoration().map_or(journal.end(), |(_, since)| since);
        let windows = windows(journal, &plan.restored_when, from, until);
        let mut impact = Self {
            windows,
            classes: plan
                .workload
                .classes
                .iter()
                .map(|class| (class.name.clone(), Count::default()))
                .collect(),
            seconds: journal.length().millis() / BUCKET.millis(),
            ..Self::default()
        };
        for (second, bucket) in journal.measured() {
            impact.count(*second, bucket, from, journal);
        }
        impact.untouched_rate = impact.rate_before_any_hand(journal, timeline);
        impact
    }

    fn count(&mut self, second: At, bucket: &Bucket, from: At, journal: &Journal<'_>) {
        if second < journal.start() || second >= journal.end() {
            return;
        }
        self.seconds_measured += 1;
        self.lateness_ms_max = self.lateness_ms_max.max(bucket.lateness_ms);
        let within = self.window_at(second).is_some();
        for (class, tally) in &bucket.classes {
            if second + BUCKET > from {
                self.total.add(tally);
            }
            if within {
                self.inside.add(tally);
                self.classes.entry(class.clone()).or_default().add(tally);
            }
        }
    }

    fn rate_before_any_hand(&self, journal: &Journal<'_>, timeline: &Timeline<'_>) -> f64 {
        let Some(onset) = self.onset() else {
            return 0.0;
        };
        let hand = timeline
            .operations
            .iter()
            .map(|operation| operation.mark.at)
            .find(|at| *at > onset + Span::from_secs(5));
        let until = hand.unwrap_or(onset + UNTOUCHED_MAX).min(onset + UNTOUCHED_MAX);
        let mut seconds = 0_u32;
        let mut failed = 0_u32;
        for (second, bucket) in journal.measured() {
            if *second >= onset && *second < until && self.window_at(*second).is_some() {
                seconds += 1;
                failed += bucket.classes.values().map(|tally| tally.failed).sum::<u32>();
            }
        }
        f64::from(failed) / f64::from(seconds.max(1))
    }

    /// The window that `at` lies in.
    pub fn window_at(&self, at: At) -> Option<Window> {
        let after = self.windows.partition_point(|window| window.from <= at);
        let window = *self.windows.get(after.checked_sub(1)?)?;
        window.holds(at).then_some(window)
    }

    /// When users were first harmed.
    pub fn onset(&self) -> Option<At> {
        self.windows.first().map(|window| window.from)
    }

    /// When users were last harmed.
    pub fn last(&self) -> Option<At> {
        self.windows.last().map(|window| window.to)
    }

    /// How long users were harmed, gaps left out.
    pub fn length(&self) -> Span {
        self.windows.iter().fold(Span::ZERO, |sum, window| sum + window.length())
    }

    /// Share of the drill's seconds that have a bucket.
    pub fn coverage(&self) -> f64 {
        if self.seconds == 0 { 0.0 } else { (self.seconds_measured as f64 / self.seconds as f64).min(1.0) }
    }

    /// Classes of which at least one in a hundred requests failed inside the windows.
    pub fn harmed(&self) -> impl Iterator<Item = (&ClassName, Count)> {
        self.classes.iter().filter(|(_, count)| count.share() >= 0.01).map(|(class, count)| (class, *count))
    }
}

fn windows(journal: &Journal<'_>, oracle: &[Condition], from: At, until: At) -> Vec<Window> {
    let in_reach = |at: At| at + BUCKET > from && at < until;
    let on_requests = oracle.iter().any(|condition| !matches!(condition.subject, Subject::Probe(_)));
    if on_requests {
        let bad = journal
            .measured()
            .iter()
            .filter(|(second, bucket)| in_reach(*second) && misses(oracle, bucket))
            .map(|(second, _)| *second);
        return join(bad, GAP);
    }
    let bad = journal
        .events()
        .iter()
        .filter(|recorded| {
            let Event::ProbeAnswered { probe, good, .. } = &recorded.event else {
                return false;
            };
            let asked = oracle.iter().any(|condition| condition.subject == Subject::Probe(probe.clone()));
            asked && !good && in_reach(recorded.at)
        })
        .map(|recorded| recorded.at);
    join(bad, PROBE_GAP)
}

fn join(bad: impl Iterator<Item = At>, gap: Span) -> Vec<Window> {
    let mut windows: Vec<(Window, usize)> = Vec::new();
    for second in bad {
        let end = second + BUCKET;
        match windows.last_mut() {
            Some((window, count)) if second.since(window.to) <= gap => {
                window.to = window.to.max(end);
                *count += 1;
            }
            _ => windows.push((Window { from: second, to: end }, 1)),
        }
    }
    windows.into_iter().filter(|(_, count)| *count >= BAD_SECONDS_MIN).map(|(window, _)| window).collect()
}

/// Whether a second's own figures miss a test of the oracle.
pub fn misses(oracle: &[Condition], bucket: &Bucket) -> bool {
    oracle.iter().any(|condition| {
        let tally = match &condition.subject {
            Subject::Class(class) => bucket.classes.get(class).copied().unwrap_or_default(),
            Subject::Workload => {
                bucket.classes.values().fold(Tally::default(), |sum, tally| sum.with(*tally))
            }
            Subject::Probe(_) => return false,
        };
        tally.sent > 0
            && condition.tests.iter().any(|test| !test.threshold.passes(figure(test.signal, &tally)))
    })
}

fn figure(signal: Signal, tally: &Tally) -> f64 {
    match signal {
        Signal::Failed => tally.failed_share(),
        Signal::Success => 1.0 - tally.failed_share(),
        Signal::P50 => f64::from(tally.p50_ms),
        Signal::P95 => f64::from(tally.p95_ms),
        Signal::P99 => f64::from(tally.p99_ms),
    }
}
