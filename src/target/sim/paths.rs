//! What may become of a request: ends with their probabilities and times.

/// How a path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Good,
    /// An error came at once, or the connection broke: nothing was done.
    Refused,
    /// No answer, or a bad one.
    Failed,
}

/// One thing that may happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    pub(super) share: f64,
    pub(super) ms: f64,
    pub(super) end: End,
}

/// Everything that may happen; the shares add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paths(Vec<Path>);

/// Shares below this are rounding, and are left out.
const SHARE_MIN: f64 = 1e-9;

impl Paths {
    /// It certainly ends so, after so long.
    pub(super) fn certain(end: End, ms: f64) -> Self {
        Self(vec![Path { share: 1.0, ms, end }])
    }

    /// With probability `share` the first, otherwise the second.
    pub(super) fn either(share: f64, first: &Self, second: &Self) -> Self {
        let scaled = |paths: &Self, by: f64| -> Vec<Path> {
            paths.0.iter().map(|path| Path { share: path.share * by, ..*path }).collect()
        };
        let mut all = scaled(first, share);
        all.extend(scaled(second, 1.0 - share));
        all.retain(|path| path.share > SHARE_MIN);
        Self(all)
    }

    /// What ended well goes on with `next`.
    pub(super) fn then(&self, next: &Self) -> Self {
        self.go_on(next, |end| end == End::Good)
    }

    /// What did not end well is tried again with `next`.
    pub(super) fn or_else(&self, next: &Self) -> Self {
        self.go_on(next, |end| end != End::Good)
    }

    /// What was refused is tried elsewhere with `next`.
    pub(super) fn if_refused(&self, next: &Self) -> Self {
        self.go_on(next, |end| end == End::Refused)
    }

    /// The same, seen by somebody who got an answer: an error on the way is a bad answer.
    pub(super) fn answered(mut self) -> Self {
        for path in &mut self.0 {
            if path.end == End::Refused {
                path.end = End::Failed;
            }
        }
        self
    }

    fn go_on(&self, next: &Self, goes_on: impl Fn(End) -> bool) -> Self {
        let mut all = Vec::new();
        for path in &self.0 {
            if goes_on(path.end) {
                all.extend(next.0.iter().map(|after| Path {
                    share: path.share * after.share,
                    ms: path.ms + after.ms,
                    end: after.end,
                }));
            } else {
                all.push(*path);
            }
        }
        all.retain(|path| path.share > SHARE_MIN);
        Self(all)
    }

    /// Whoever waits gives up after `ms`.
    pub(super) fn within(mut self, ms: f64) -> Self {
        for path in &mut self.0 {
            if path.ms > ms {
                (path.ms, path.end) = (ms, End::Failed);
            }
        }
        self
    }

    /// The probability of this end.
    pub(super) fn share_of(&self, end: End) -> f64 {
        self.0.iter().filter(|path| path.end == end).map(|path| path.share).sum()
    }

    /// The probability that it does not end well; exactly 0 and 1 where that is certain.
    pub(super) fn fail(&self) -> f64 {
        if self.0.iter().all(|path| path.end == End::Good) {
            0.0
        } else if self.0.iter().all(|path| path.end != End::Good) {
            1.0
        } else {
            (1.0 - self.share_of(End::Good)).clamp(0.0, 1.0)
        }
    }

    /// How long it takes on average.
    pub(super) fn mean_ms(&self) -> f64 {
        self.0.iter().map(|path| path.share * path.ms).sum()
    }

    /// The time that a share `quantile` of all does not exceed.
    pub(super) fn quantile_ms(&self, quantile: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        let mut seen = 0.0;
        for path in &sorted {
            seen += path.share;
            if seen >= quantile - SHARE_MIN {
                return path.ms;
            }
        }
        sorted.last().map_or(0.0, |path| path.ms)
    }
}
