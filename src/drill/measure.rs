//! What the synthetic users saw: one [`Bucket`] a second.

use crate::base::{At, ClassName, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The length of a bucket.
pub const BUCKET: Span = Span::from_secs(1);

/// All requests whose intended start lies in one second. Requests belong to the second in which they should have
/// started, whenever they were answered.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bucket {
    /// Figures by class. A class without arrivals in this second is absent.
    pub classes: BTreeMap<ClassName, Tally>,
    /// How late the workload itself was with its latest start, in milliseconds: large values mean that the machine,
    /// not the target, was the bottleneck.
    pub lateness_ms: u32,
}

/// One class within one second. Latencies are milliseconds from the intended start to the end of the answer; an
/// unanswered request counts with its time-out (censored).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Intended starts, dropped ones included.
    pub sent: u32,
    /// Of these: wrong status, error, too slow, or dropped.
    pub failed: u32,
    /// Of the failed: never started, because too many were open.
    pub dropped: u32,
    /// Median latency.
    pub p50_ms: u32,
    /// 95th percentile.
    pub p95_ms: u32,
    /// 99th percentile.
    pub p99_ms: u32,
}

impl Tally {
    /// Share of starts that failed; 0 when there was none.
    pub fn failed_share(&self) -> f64 {
        if self.sent == 0 { 0.0 } else { f64::from(self.failed) / f64::from(self.sent) }
    }

    /// Both together: counts add up, a percentile is the worse of the two.
    pub fn with(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            failed: self.failed + other.failed,
            dropped: self.dropped + other.dropped,
            p50_ms: self.p50_ms.max(other.p50_ms),
            p95_ms: self.p95_ms.max(other.p95_ms),
            p99_ms: self.p99_ms.max(other.p99_ms),
        }
    }
}

/// A second and its bucket, as a workload reports them.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// When the second began.
    pub at: At,
    /// What was seen.
    pub bucket: Bucket,
}
