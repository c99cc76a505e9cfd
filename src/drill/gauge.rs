//! Conditions watched over what is measured: since when does each hold?

use super::measure::{BUCKET, Bucket, Tally};
use crate::{
    base::{At, ProbeName, Span},
    scenario::condition::{Condition, Signal, Subject},
};
use std::collections::{BTreeMap, VecDeque};

/// How many seconds are kept: the longest window that a condition may look over.
const KEPT: usize = 600;
/// How often stop conditions are read.
pub const STOP_READ: Span = Span::from_secs(5);

/// The latest measurements.
#[derive(Debug, Clone, Default)]
pub struct Window {
    buckets: VecDeque<(At, Bucket)>,
    probes: BTreeMap<ProbeName, VecDeque<ProbeSample>>,
}

#[derive(Debug, Clone, Copy)]
struct ProbeSample {
    at: At,
    good: bool,
    latency_ms: u32,
}

impl Window {
    /// Adds a second.
    pub fn add_bucket(&mut self, second: At, bucket: Bucket) {
        if self.buckets.len() == KEPT {
            self.buckets.pop_front();
        }
        self.buckets.push_back((second, bucket));
    }

    /// Adds a probe's answer.
    pub fn add_answer(&mut self, probe: &ProbeName, at: At, good: bool, latency_ms: u32) {
        let samples = self.probes.entry(probe.clone()).or_default();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(ProbeSample { at, good, latency_ms });
    }

    /// The end of the newest second.
    pub fn measured_until(&self) -> Option<At> {
        self.buckets.back().map(|(second, _)| *second + BUCKET)
    }

    /// All classes' figures of `subject` over the last `over`; nothing while less than that was measured.
    pub fn tally(&self, subject: &Subject, over: Span) -> Option<Tally> {
        match subject {
            Subject::Probe(probe) => self.probe_tally(probe, over),
            Subject::Class(_) | Subject::Workload => {
                let from = self.measured_until()? - over;
                let first = self.buckets.front().map(|(second, _)| *second)?;
                if first > from {
                    return None;
                }
                let mut sum = Tally::default();
                for (_, bucket) in self.buckets.iter().rev().take_while(|(second, _)| *second >= from) {
                    for (class, tally) in &bucket.classes {
                        if matches!(subject, Subject::Workload) || *subject == Subject::Class(class.clone()) {
                            sum = sum.with(*tally);
                        }
                    }
                }
                (sum.sent > 0).then_some(sum)
            }
        }
    }

    fn probe_tally(&self, probe: &ProbeName, over: Span) -> Option<Tally> {
        let samples = self.probes.get(probe)?;
        let from = samples.back()?.at - over;
        let mut sum = Tally::default();
        for sample in samples.iter().rev().take_while(|sample| sample.at >= from) {
            let latency = sample.latency_ms;
            sum = sum.with(Tally {
                sent: 1,
                failed: u32::from(!sample.good),
                dropped: 0,
                p50_ms: latency,
                p95_ms: latency,
                p99_ms: latency,
            });
        }
        Some(sum)
    }

    /// Whether every test of `condition` passes now; nothing when that cannot be said.
    pub fn passes(&self, condition: &Condition) -> Option<bool> {
        let tally = self.tally(&condition.subject, condition.over)?;
        Some(condition.tests.iter().all(|test| test.threshold.passes(figure(&tally, test.signal))))
    }
}

/// One figure of a tally: a share 0 to 1, or milliseconds.
pub fn figure(tally: &Tally, signal: Signal) -> f64 {
    match signal {
        Signal::Failed => tally.failed_share(),
        Signal::Success => 1.0 - tally.failed_share(),
        Signal::P50 => f64::from(tally.p50_ms),
        Signal::P95 => f64::from(tally.p95_ms),
        Signal::P99 => f64::from(tally.p99_ms),
    }
}

/// A tally in one line: `38.2 % of 412 failed, p95 910 ms`.
pub fn describe(subject: &Subject, tally: &Tally) -> String {
    format!(
        "{subject}: {:.1} % of {} failed, p95 {} ms",
        tally.failed_share() * 100.0,
        tally.sent,
        tally.p95_ms
    )
}

/// One condition and since when it holds.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The condition.
    pub condition: Condition,
    /// The last reading.
    pub passes: Option<bool>,
    /// Since when it passes without a break.
    since: Option<At>,
    /// When it was read last.
    read_at: Option<At>,
    /// Consecutive readings, [`STOP_READ`] apart, that did not pass; unknown counts.
    pub bad_readings: u32,
    counted_at: Option<At>,
}

impl Watch {
    /// Watches a condition.
    pub fn new(condition: Condition) -> Self {
        Self { condition, passes: None, since: None, read_at: None, bad_readings: 0, counted_at: None }
    }

    /// Whether the condition looks at a probe, and not at requests.
    pub fn is_probe(&self) -> bool {
        matches!(self.condition.subject, Subject::Probe(_))
    }

    /// Looks at the window at `now`: the end of the newest second, or the moment of the newest answer.
    pub fn read(&mut self, window: &Window, now: At) {
        self.read_at = Some(now);
        self.passes = window.passes(&self.condition);
        if self.passes == Some(true) {
            self.since.get_or_insert(now);
        } else {
            self.since = None;
        }
        if self.counted_at.is_none_or(|last| now.since(last) >= STOP_READ) {
            self.counted_at = Some(now);
            self.bad_readings = if self.passes == Some(true) { 0 } else { self.bad_readings + 1 };
        }
    }

    /// Whether it has passed for its time at the last reading.
    pub fn holds(&self) -> bool {
        let Some((since, read_at)) = self.since.zip(self.read_at) else { return false };
        read_at.since(since) >= self.condition.held
    }

    /// When the good time began: the start of the window whose first reading passed.
    pub fn good_from(&self) -> Option<At> {
        self.since.map(|since| since - self.condition.over)
    }

    /// Forgets what it saw, so that a new time begins.
    pub fn restart(&mut self) {
        *self = Self::new(self.condition.clone());
    }
}

/// Whether all of `watches` hold. None of nothing holds.
pub fn all_hold(watches: &[Watch]) -> bool {
    !watches.is_empty() && watches.iter().all(Watch::holds)
}
