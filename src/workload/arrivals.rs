//! When the requests of a class are due: `phase + i / rate` after the workload's start, whatever happens.

use crate::{base::ClassName, seed::Seed};
use rand::RngExt;

/// Nanoseconds in a second.
pub(super) const SECOND_NS: i64 = 1_000_000_000;

/// The ideal timestamps of one class, in nanoseconds after the workload's start.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    rate: f64,
    phase_ns: f64,
    next: u64,
}

impl Arrivals {
    /// Arrivals `rate` times a second. The first lies within the first period, at a moment that seed and class
    /// decide, so that classes with the same rate do not fire together.
    pub(super) fn new(rate: f64, class: &ClassName, seed: Seed) -> Self {
        let share: f64 = seed.stream(&format!("workload phase {class}")).random();
        let phase_ns = if rate > 0.0 { share / rate * SECOND_NS as f64 } else { 0.0 };
        Self { rate, phase_ns, next: 0 }
    }

    /// When the next request is due; never, when the rate is zero.
    pub(super) fn due(&self) -> Option<i64> {
        (self.rate > 0.0).then(|| self.at(self.next))
    }

    /// Goes on to the arrival after the present one.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Leaves out every arrival before `from`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to zero and above")]
    pub(super) fn skip_to(&mut self, from: i64) {
        let index = (from as f64 - self.phase_ns) * self.rate / SECOND_NS as f64;
        self.next = index.floor().max(0.0) as u64;
        while self.due().is_some_and(|due| due < from) {
            self.advance();
        }
    }

    /// Counted from the start each time, so that rounding never adds up. 2^53 ns are 104 days.
    #[expect(clippy::cast_possible_truncation, reason = "far below 2^63 for as long as a workload can run")]
    fn at(&self, index: u64) -> i64 {
        (self.phase_ns + index as f64 * SECOND_NS as f64 / self.rate).round() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> ClassName {
        name.parse().unwrap()
    }

    fn first(mut arrivals: Arrivals, count: usize) -> Vec<i64> {
        (0..count)
            .map(|_| {
                let due = arrivals.due().unwrap();
                arrivals.advance();
                due
            })
            .collect()
    }

    #[test]
    fn arrivals_keep_their_distance_and_do_not_drift() {
        let due = first(Arrivals::new(300.0, &class("get"), Seed(7)), 30_001);
        let period = 1e9 / 300.0;
        assert!((0.0..period).contains(&(due[0] as f64)), "{}", due[0]);
        assert!(due.windows(2).all(|pair| ((pair[1] - pair[0]) as f64 - period).abs() <= 1.0));
        assert_eq!(due[30_000] - due[0], 100 * SECOND_NS);
    }

    #[test]
    fn each_second_holds_its_share_of_a_broken_rate() {
        let due = first(Arrivals::new(2.5, &class("get"), Seed(7)), 250);
        for second in 0..100 {
            let count = due.iter().filter(|at| **at / SECOND_NS == second).count();
            assert!((2..=3).contains(&count), "second {second}: {count}");
        }
    }

    #[test]
    fn the_phase_belongs_to_seed_and_class() {
        let one = Arrivals::new(10.0, &class("get"), Seed(1)).due();
        assert_eq!(one, Arrivals::new(10.0, &class("get"), Seed(1)).due());
        assert_ne!(one, Arrivals::new(10.0, &class("put"), Seed(1)).due());
        assert_ne!(one, Arrivals::new(10.0, &class("get"), Seed(2)).due());
    }

    #[test]
    fn skipping_lands_on_the_first_arrival_that_is_not_past() {
        let all = first(Arrivals::new(7.0, &class("get"), Seed(3)), 200);
        for from in [0, 1, all[3], all[3] + 1, all[150] - 1, 20 * SECOND_NS] {
            let mut arrivals = Arrivals::new(7.0, &class("get"), Seed(3));
            arrivals.skip_to(from);
            assert_eq!(arrivals.due(), all.iter().copied().find(|at| *at >= from), "from {from}");
        }
    }

    #[test]
    fn a_rate_of_zero_never_fires() {
        let mut arrivals = Arrivals::new(0.0, &class("get"), Seed(3));
        arrivals.skip_to(SECOND_NS);
        assert_eq!(arrivals.due(), None);
    }
}
