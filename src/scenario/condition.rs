//! Conditions on what is measured: `{class: put, failed: "> 5 %", for: 30s}`.

use crate::base::{ClassName, ProbeName, Span};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Something measured that must hold, over a window and for a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// What is looked at.
    pub subject: Subject,
    /// All of these must be true; never empty.
    pub tests: Vec<Test>,
    /// The sliding window that each test is evaluated over.
    pub over: Span,
    /// How long the tests must stay true without a break before the condition holds.
    pub held: Span,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// One request class of the workload.
    Class(ClassName),
    /// All classes together.
    Workload,
    /// A probe of the target.
    Probe(ProbeName),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => write!(f, "{class}"),
            Self::Workload => f.write_str("all requests"),
            Self::Probe(probe) => write!(f, "probe {probe}"),
        }
    }
}

/// One comparison.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Test {
    /// Which figure.
    pub signal: Signal,
    /// How it is compared.
    pub threshold: Threshold,
}

/// A figure of a window. Shares are 0 to 1, latencies milliseconds. A window's percentile is the worst of its seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Share of starts that failed, dropped ones included.
    Failed,
    /// Share of starts that succeeded.
    Success,
    /// Median latency.
    P50,
    /// 95th percentile of latency.
    P95,
    /// 99th percentile of latency.
    P99,
}

impl Signal {
    /// Whether the figure is a share (written with `%`) and not a latency (written as a time).
    pub fn is_share(self) -> bool {
        matches!(self, Self::Failed | Self::Success)
    }
}

/// A comparison with a number: a share 0 to 1, or milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The operator.
    pub op: Op,
    /// The number compared with.
    pub value: f64,
}

/// Comparison operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// `<`
    #[serde(rename = "<")]
    Below,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `>`
    #[serde(rename = ">")]
    Above,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
}

impl Threshold {
    /// Whether `figure` passes.
    pub fn passes(self, figure: f64) -> bool {
        match self.op {
            Op::Below => figure < self.value,
            Op::AtMost => figure <= self.value,
            Op::Above => figure > self.value,
            Op::AtLeast => figure >= self.value,
        }
    }

    /// Reads `> 5 %` (a share) or `<= 300 ms` (milliseconds), whichever `signal` takes.
    pub fn parse(signal: Signal, text: &str) -> Result<Self, BadThreshold> {
        let bad = || BadThreshold { given: text.chars().take(60).collect(), share: signal.is_share() };
        let text_trimmed = text.trim();
        let (op, rest) = [("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Below), (">", Op::Above)]
            .iter()
            .find_map(|(sign, op)| text_trimmed.strip_prefix(sign).map(|rest| (*op, rest.trim())))
            .ok_or_else(bad)?;
        let value = if signal.is_share() {
            let number = rest.strip_suffix('%').ok_or_else(bad)?.trim();
            let percent = f64::from_str(number).map_err(|_| bad())?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(bad());
            }
            percent / 100.0
        } else {
            let span: Span = rest.replace(' ', "").parse().map_err(|_| bad())?;
            span.millis() as f64
        };
        Ok(Self { op, value })
    }
}

/// A threshold that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a threshold: write it like {}", if *share { "`> 5 %` or `>= 99 %`" } else { "`<= 300 ms` or `< 2 s`" })]
pub struct BadThreshold {
    given: String,
    share: bool,
}
