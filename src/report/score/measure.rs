//! The formulas that turn what was measured into a figure from 0 to 1. All are pure; times are seconds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A span of time: (from, to) in seconds, `from <= to`.
pub type Stretch = (f64, f64);

fn unit(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score.clamp(0.0, 1.0) }
}

/// How prompt: 1 up to `par`, 0 from `limit`, log-linear between.
pub fn lat(t: f64, par: f64, limit: f64) -> f64 {
    if t <= par {
        1.0
    } else if t >= limit {
        0.0
    } else {
        unit(1.0 - (t / par).ln() / (limit / par).ln())
    }
}

/// Sorts, drops what is empty or backwards, and joins what touches.
pub fn union(stretches: &[Stretch]) -> Vec<Stretch> {
    let mut sorted: Vec<_> = stretches.iter().copied().filter(|(from, to)| from < to).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut joined: Vec<Stretch> = Vec::new();
    for (from, to) in sorted {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn length(stretches: &[Stretch]) -> f64 {
    stretches.iter().map(|(from, to)| to - from).sum()
}

fn overlap(a: &[Stretch], b: &[Stretch]) -> f64 {
    a.iter().flat_map(|x| b.iter().map(move |y| (x.1.min(y.1) - x.0.max(y.0)).max(0.0))).sum()
}

/// How well claimed times match true ones: half F1, a quarter for each outer edge.
///
/// Precision is the share of the claimed time that is true; recall the mean share of each true interval that is
/// claimed. An edge is right up to an error of `max(bucket, 60 s)`; what is beyond costs linearly, and all of it is
/// lost after another `max(300 s, a quarter of the outage)`. The outage is from the first true edge to the last.
/// Nothing claimed about nothing true is 1.
pub fn win(claimed: &[Stretch], actual: &[Stretch], bucket: f64) -> f64 {
    let claimed = union(claimed);
    let actual = union(actual);
    let (Some(first), Some(last)) = (actual.first(), actual.last()) else {
        return f64::from(u8::from(claimed.is_empty()));
    };
    let (Some(claimed_first), Some(claimed_last)) = (claimed.first(), claimed.last()) else {
        return 0.0;
    };
    let precision = overlap(&claimed, &actual) / length(&claimed);
    let recall = actual.iter().map(|one| overlap(&claimed, &[*one]) / (one.1 - one.0)).sum::<f64>()
        / actual.len() as f64;
    let f1 = harmonic(precision, recall);
    let free = bucket.max(60.0);
    let scale = (0.25 * (last.1 - first.0)).max(300.0);
    let edge = |error: f64| unit(1.0 - (error.abs() - free).max(0.0) / scale);
    unit(0.5 * f1 + 0.25 * edge(claimed_first.0 - first.0) + 0.25 * edge(claimed_last.1 - last.1))
}

/// How well one edge of an outage was named: right up to 60 s, worth nothing from 300 s.
pub fn onset(error: f64) -> f64 {
    unit(1.0 - (error.abs() - 60.0).max(0.0) / 240.0)
}

fn harmonic(a: f64, b: f64) -> f64 {
    if a + b <= 0.0 { 0.0 } else { 2.0 * a * b / (a + b) }
}

/// The Wilson 95 % interval of `k` out of `n`; (0, 1) when `n` is 0.
pub fn wilson(k: u64, n: u64) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if n == 0 {
        return (0.0, 1.0);
    }
    let n = n as f64;
    let p = (k as f64 / n).min(1.0);
    let z2 = Z * Z;
    let scale = 1.0 + z2 / n;
    let centre = (p + z2 / (2.0 * n)) / scale;
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / scale;
    // The interval holds the measured share itself even where rounding would say otherwise.
    ((centre - half).clamp(0.0, p), (centre + half).clamp(p, 1.0))
}

/// How well a claimed share (0 to 1) matches `k` of `n`: 1 inside the Wilson 95 % interval, else by the distance in
/// log-odds to its nearer edge; for a true share of at least 5 % the better of that and the plain distance to that edge
/// in units of half the share (at least 5 points).
pub fn pct(claim: f64, k: u64, n: u64) -> f64 {
    if n == 0 || claim.is_nan() {
        return 0.0;
    }
    let claim = claim.clamp(0.0, 1.0);
    let (low, high) = wilson(k, n);
    if (low..=high).contains(&claim) {
        return 1.0;
    }
    let p = k as f64 / n as f64;
    let nearest = if claim < low { low } else { high };
    // Half a request away from certain: the odds stay finite.
    let floor = 0.5 / n as f64;
    let log_odds = |share: f64| {
        let share = share.clamp(floor, 1.0 - floor);
        (share / (1.0 - share)).ln()
    };
    let by_odds = unit(1.0 - (log_odds(claim) - log_odds(nearest)).abs() / 3.0);
    if p >= 0.05 { by_odds.max(unit(1.0 - (claim - nearest).abs() / (0.5 * p).max(0.05))) } else { by_odds }
}

/// How well a claimed interval with a confidence (both 0 to 1) matches `k` of `n`: the interval (Winkler) score, width
/// plus `2 / (1 - confidence)` for each unit by which the truth is missed, against the know-nothing answer 0 to 100 %.
/// The truth is the Wilson interval: an interval inside it costs nothing.
pub fn pct_interval(claim: (f64, f64), confidence: f64, k: u64, n: u64) -> f64 {
    if n == 0 || claim.0.is_nan() || claim.1.is_nan() {
        return 0.0;
    }
    let low = claim.0.min(claim.1).clamp(0.0, 1.0);
    let high = claim.0.max(claim.1).clamp(0.0, 1.0);
    let (least, most) = wilson(k, n);
    let wider = (least - low).max(0.0) + (high - most).max(0.0);
    let missed = (low - most).max(least - high).max(0.0);
    // A miss is not also charged as width beyond the truth.
    let width = if missed > 0.0 { high - low } else { wider };
    let alpha = (1.0 - confidence).clamp(0.01, 0.5);
    unit(1.0 - (width + 2.0 / alpha * missed))
}

/// Share of an incident that a fresh status covers: the first `first` seconds are free, every broadcast is fresh for
/// `period + grace`. A broadcast from before the incident counts from its own time.
pub fn stale(broadcasts: &[f64], incident: Stretch, first: f64, period: f64, grace: f64) -> f64 {
    let (start, end) = incident;
    if end <= start {
        return 1.0;
    }
    let mut fresh = vec![(start, start + first)];
    fresh.extend(broadcasts.iter().map(|at| (*at, at + period + grace)));
    unit(overlap(&union(&fresh), &[(start, end)]) / (end - start))
}

/// Whether an action was logged before it was taken: an entry of the 15 minutes before it is worth 1, one within
/// 2 minutes after it .5, none 0. `log` holds the times of unused entries about the same target.
pub fn prec(log: &[f64], action: f64) -> f64 {
    if log.iter().any(|at| *at <= action && action - at <= 15.0 * 60.0) {
        1.0
    } else if log.iter().any(|at| *at > action && at - action <= 120.0) {
        0.5
    } else {
        0.0
    }
}

/// The paths that a fault spreads by, walked both ways.
#[derive(Debug, Clone, Default)]
pub struct Graph<'a>(BTreeMap<&'a str, BTreeSet<&'a str>>);

impl<'a> Graph<'a> {
    /// From pairs of neighbours.
    pub fn new(edges: &'a [(String, String)]) -> Self {
        let mut graph = Self::default();
        for (a, b) in edges {
            graph.0.entry(a).or_default().insert(b);
            graph.0.entry(b).or_default().insert(a);
        }
        graph
    }

    /// The least number of hops from one to the other, if it is at most 2.
    fn hops(&self, from: &str, to: &str) -> Option<u32> {
        let mut seen = BTreeSet::from([from]);
        let mut queue = VecDeque::from([(from, 0)]);
        while let Some((at, hops)) = queue.pop_front() {
            if at == to {
                return Some(hops);
            }
            if hops == 2 {
                continue;
            }
            for next in self.0.get(at).into_iter().flatten() {
                if seen.insert(next) {
                    queue.push_back((next, hops + 1));
                }
            }
        }
        None
    }

    fn nearness(&self, from: &str, to: &[&str]) -> f64 {
        to.iter()
            .filter_map(|other| self.hops(from, other))
            .map(|hops| 1.0 / f64::from(1 + hops))
            .fold(0.0, f64::max)
    }
}

/// How near claimed components are to the true ones: F1 in which a neighbour counts half, its neighbour a third, and
/// everything farther nothing.
pub fn prox(claimed: &[&str], actual: &[&str], graph: &Graph<'_>) -> f64 {
    if claimed.is_empty() || actual.is_empty() {
        return f64::from(u8::from(claimed.is_empty() && actual.is_empty()));
    }
    let mean = |from: &[&str], to: &[&str]| {
        from.iter().map(|one| graph.nearness(one, to)).sum::<f64>() / from.len() as f64
    };
    harmonic(mean(claimed, actual), mean(actual, claimed))
}

/// How near two kinds of fault are: the same leaf 1, the same family .5. A refinement counts as its leaf.
pub fn tax(claimed: &str, actual: &str) -> f64 {
    let parts = |kind: &'_ str| {
        let mut parts = kind.split('.').map(str::to_owned);
        (parts.next().unwrap_or_default(), parts.next())
    };
    let (claimed, actual) = (parts(claimed), parts(actual));
    if claimed.0.is_empty() || claimed.0 != actual.0 {
        0.0
    } else if claimed.1 == actual.1 {
        1.0
    } else {
        0.5
    }
}

/// Share of `whole` in which exactly one of `spans` is open.
pub fn cover1(spans: &[Stretch], whole: Stretch) -> f64 {
    if whole.1 <= whole.0 {
        return 1.0;
    }
    let mut edges: Vec<(f64, i32)> =
        spans.iter().filter(|(from, to)| from < to).flat_map(|(from, to)| [(*from, 1), (*to, -1)]).collect();
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut holders = 0;
    let mut since = whole.0;
    let mut covered = 0.0;
    for (at, change) in edges {
        let at = at.clamp(whole.0, whole.1);
        if holders == 1 {
            covered += at - since;
        }
        since = at;
        holders += change;
    }
    unit(covered / (whole.1 - whole.0))
}

/// F-beta of two sets: `beta` below 1 minds false answers more, above 1 missing ones. Two empty sets are equal.
pub fn set_f<T: Ord>(claimed: &BTreeSet<T>, actual: &BTreeSet<T>, beta: f64) -> f64 {
    if claimed.is_empty() && actual.is_empty() {
        return 1.0;
    }
    let hits = claimed.intersection(actual).count() as f64;
    let b2 = beta * beta;
    let whole = b2 * actual.len() as f64 + claimed.len() as f64;
    unit((1.0 + b2) * hits / whole)
}

/// A closed question of `answers` possible answers: right 1, wrong 0, "don't know" (`None`) what a guess would earn.
pub fn choice(right: Option<bool>, answers: u32) -> f64 {
    match right {
        Some(true) => 1.0,
        Some(false) => 0.0,
        None => 1.0 / f64::from(answers.max(1)),
    }
}

/// What an answer at random to "which of these" would earn on average: the mean F1 of every set of `options` things that
/// holds at least one, when `right` of them are true. So "don't know" is never worse than guessing.
pub fn guessed_set(right: u32, options: u32) -> f64 {
    let of = |n: u32, k: u32| (0..k).fold(1.0, |ways, i| ways * f64::from(n - i) / f64::from(i + 1));
    let right = right.min(options);
    let mut sets = 0.0;
    let mut sum = 0.0;
    for hits in 0..=right {
        for wrong in 0..=options - right {
            let ways = of(right, hits) * of(options - right, wrong);
            let size = hits + wrong;
            if size > 0 {
                sets += ways;
                sum += ways * 2.0 * f64::from(hits) / f64::from(size + right);
            }
        }
    }
    if sets > 0.0 { unit(sum / sets) } else { 0.0 }
}

/// How much of the period for which service has to be good had passed.
pub fn held_for(waited: f64, period: f64) -> f64 {
    if period <= 0.0 { f64::from(u8::from(waited >= 0.0)) } else { unit(waited / period) }
}

/// How much of the avoidable harm was avoided: 1 at par or better, 0 at doing nothing or worse.
pub fn area(actual: f64, nothing: f64, par: f64) -> f64 {
    if nothing <= par {
        return f64::from(u8::from(actual <= par));
    }
    unit((nothing - actual) / (nothing - par))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: f64 = 3600.0;
    const MIN: f64 = 60.0;

    fn near(value: f64, listed: f64) {
        assert!((value - listed).abs() < 0.0051, "{value} is not about {listed}");
    }

    fn graph(edges: &[(&str, &str)]) -> Vec<(String, String)> {
        edges.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn lat_has_its_listed_values() {
        near(lat(5.0 * MIN, 2.0 * MIN, 30.0 * MIN), 0.66);
        near(lat(10.0 * MIN, 2.0 * MIN, 30.0 * MIN), 0.41);
        near(lat(2.0 * MIN, 2.0 * MIN, 30.0 * MIN), 1.0);
        near(lat(30.0 * MIN, 2.0 * MIN, 30.0 * MIN), 0.0);
    }

    #[test]
    fn win_has_its_listed_values() {
        let hour = [(0.0, HOUR)];
        // The end of an hour's outage claimed 10 minutes late.
        near(win(&[(0.0, HOUR + 10.0 * MIN)], &hour, 1.0), 0.81);
        // Its beginning claimed 10 minutes late loses recall as well.
        near(win(&[(10.0 * MIN, HOUR)], &hour, 1.0), 0.80);
        // Two flaps of 10 minutes within an hour, claimed as one.
        let flaps = [(0.0, 10.0 * MIN), (50.0 * MIN, HOUR)];
        near(win(&hour, &flaps, 1.0), 0.75);
        // The formula leaves .04 for the whole day; .13 is the most that it may be worth.
        let day = win(&[(-10.0 * HOUR, 14.0 * HOUR)], &hour, 1.0);
        near(day, 0.04);
        assert!(day <= 0.13);
    }

    #[test]
    fn onset_is_right_up_to_a_minute_and_worth_nothing_from_five() {
        near(onset(0.0), 1.0);
        near(onset(60.0), 1.0);
        // Half of the 240 s between.
        near(onset(180.0), 0.5);
        near(onset(-180.0), 0.5);
        near(onset(240.0), 0.25);
        near(onset(300.0), 0.0);
        near(onset(900.0), 0.0);
    }

    #[test]
    fn stretches_are_joined_where_they_touch_and_dropped_where_they_are_empty() {
        assert_eq!(union(&[(5.0, 5.0), (3.0, 1.0)]), []);
        assert_eq!(union(&[(4.0, 6.0), (0.0, 2.0), (2.0, 3.0), (1.0, 1.5)]), [(0.0, 3.0), (4.0, 6.0)]);
        // A claim of no time claims nothing.
        near(win(&[(50.0, 50.0)], &[(0.0, 100.0)], 1.0), 0.0);
    }

    #[test]
    fn pct_has_its_listed_values() {
        near(pct(0.40, 5200, 10_000), 0.85);
        near(pct(0.001, 100, 10_000), 0.30);
        near(pct(1.0, 9500, 10_000), 0.90);
        near(pct(0.52, 5200, 10_000), 1.0);
    }

    #[test]
    fn wilson_has_the_values_of_the_textbooks() {
        let close = |(low, high): (f64, f64), hand: (f64, f64)| {
            assert!((low - hand.0).abs() < 0.0005 && (high - hand.1).abs() < 0.0005, "{low} to {high}");
        };
        close(wilson(8, 10), (0.4902, 0.9433));
        close(wilson(5, 10), (0.2366, 0.7634));
        close(wilson(0, 10), (0.0, 0.2775));
        close(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn an_interval_that_misses_costs_its_width_and_its_distance() {
        // The truth begins at .5102: .0102 is missed, which costs twenty times as much at 90 %.
        near(pct_interval((0.40, 0.50), 0.9, 5200, 10_000), 1.0 - 0.10 - 20.0 * 0.0102);
        near(pct_interval((0.56, 0.66), 0.9, 5200, 10_000), 1.0 - 0.10 - 20.0 * 0.0302);
        for nothing in [(f64::NAN, 0.5), (0.5, f64::NAN)] {
            near(pct_interval(nothing, 0.9, 5200, 10_000), 0.0);
        }
        near(pct_interval((0.4, 0.6), 0.9, 0, 0), 0.0);
    }

    #[test]
    fn what_lies_on_an_edge_counts() {
        near(prec(&[160.0], 160.0), 1.0);
        near(prec(&[100.0], 1000.0), 1.0);
        near(prec(&[99.0], 1000.0), 0.0);
        near(prec(&[280.0], 160.0), 0.5);
        near(prec(&[281.0], 160.0), 0.0);
        // An incident does not begin at zero; one of no length has nothing to cover.
        near(stale(&[], (1000.0, 4600.0), 900.0, 1800.0, 300.0), 0.25);
        near(stale(&[2000.0], (1000.0, 4600.0), 900.0, 1800.0, 300.0), 3000.0 / 3600.0);
        near(stale(&[], (1000.0, 1000.0), 0.0, 1800.0, 300.0), 1.0);
        near(cover1(&[(1010.0, 1050.0)], (1000.0, 1100.0)), 0.4);
        near(cover1(&[(1010.0, 1010.0), (900.0, 1020.0)], (1000.0, 1100.0)), 0.2);
        near(cover1(&[], (1000.0, 1000.0)), 1.0);
        near(choice(None, 0), 1.0);
        near(held_for(-1.0, 0.0), 0.0);
        near(area(10.0, 10.0, 10.0), 1.0);
        near(area(11.0, 10.0, 10.0), 0.0);
        near(tax("", "config.value"), 0.0);
        near(guessed_set(3, 2), guessed_set(2, 2));
    }

    #[test]
    fn a_share_at_the_ends_has_finite_odds() {
        near(pct(f64::NAN, 5, 10), 0.0);
        near(pct(0.5, 0, 0), 0.0);
        // Half a request from certain is as near as anybody can tell.
        assert_eq!(pct(1.0, 999, 1000), 1.0);
        assert_eq!(pct(0.0, 1, 1000), 1.0);
        // Below 5 % plain distance is no excuse: ten times as many is far off.
        assert!(pct(0.4, 40, 1000) < 0.2);
    }

    #[test]
    fn an_interval_is_worth_more_the_narrower_and_the_surer_it_rightly_is() {
        let (k, n) = (5200, 10_000);
        near(pct_interval((0.52, 0.52), 0.9, k, n), 1.0);
        near(pct_interval((0.0, 1.0), 0.9, k, n), 0.02);
        near(pct_interval((0.0, 1.0), 0.9, 52, 100), 0.19);
        let good = pct_interval((0.45, 0.60), 0.9, k, n);
        assert!(good > pct_interval((0.30, 0.80), 0.9, k, n));
        // A miss costs more when it was made with more confidence.
        assert!(pct_interval((0.40, 0.50), 0.9, k, n) < pct_interval((0.40, 0.50), 0.5, k, n));
        assert!(pct_interval((0.10, 0.20), 0.9, k, n) < 0.01);
    }

    #[test]
    fn stale_counts_the_time_that_a_fresh_status_covers() {
        let stale = |at: &[f64], end: f64| {
            let at: Vec<_> = at.iter().map(|minute| minute * MIN).collect();
            stale(&at, (0.0, end * MIN), 15.0 * MIN, 30.0 * MIN, 5.0 * MIN)
        };
        near(stale(&[], 60.0), 0.25);
        near(stale(&[10.0], 60.0), 0.75);
        near(stale(&[10.0, 40.0], 60.0), 1.0);
        near(stale(&[20.0], 60.0), 50.0 / 60.0);
        near(stale(&[], 10.0), 1.0);
    }

    #[test]
    fn prec_has_its_listed_values() {
        near(prec(&[100.0], 160.0), 1.0);
        near(prec(&[200.0], 160.0), 0.5);
        near(prec(&[300.0], 160.0), 0.0);
        near(prec(&[], 160.0), 0.0);
        near(prec(&[0.0], 16.0 * MIN), 0.0);
    }

    #[test]
    fn prox_has_its_listed_values() {
        let edges = graph(&[("web", "edge"), ("edge", "user"), ("user", "world")]);
        let graph = Graph::new(&edges);
        near(prox(&["web", "edge"], &["web"], &graph), 0.86);
        near(prox(&["web"], &["web"], &graph), 1.0);
        near(prox(&["edge"], &["web"], &graph), 0.5);
        near(prox(&["user"], &["web"], &graph), 0.333);
        near(prox(&["world"], &["web"], &graph), 0.0);
        near(prox(&["nowhere"], &["web"], &graph), 0.0);
        near(prox(&["solo"], &["solo"], &graph), 1.0);
        near(prox(&[], &["web"], &graph), 0.0);
        near(prox(&["web"], &[], &graph), 0.0);
        near(prox(&[], &[], &graph), 1.0);
    }

    #[test]
    fn tax_has_its_listed_values() {
        near(tax("config.value", "config.value"), 1.0);
        near(tax("config.capacity", "config.capacity.too-small"), 1.0);
        near(tax("config.flag", "config.value"), 0.5);
        near(tax("config", "config.value"), 0.5);
        near(tax("network.loss", "config.value"), 0.0);
        near(tax("", "config.value"), 0.0);
    }

    #[test]
    fn cover1_wants_exactly_one_holder() {
        let whole = (0.0, 100.0);
        near(cover1(&[(0.0, 100.0)], whole), 1.0);
        near(cover1(&[(0.0, 40.0), (60.0, 100.0)], whole), 0.8);
        near(cover1(&[(0.0, 60.0), (40.0, 100.0)], whole), 0.8);
        near(cover1(&[(-50.0, 500.0)], whole), 1.0);
        near(cover1(&[], whole), 0.0);
    }

    #[test]
    fn set_f_and_choice_and_area_have_their_values() {
        let set = |items: &[u8]| items.iter().copied().collect::<BTreeSet<_>>();
        near(set_f(&set(&[1, 2]), &set(&[1, 2]), 1.0), 1.0);
        near(set_f(&set(&[1, 3]), &set(&[1, 2]), 1.0), 0.5);
        near(set_f(&set(&[1]), &set(&[1, 2]), 0.5), 0.833);
        near(set_f(&set(&[1]), &set(&[1, 2]), 2.0), 0.556);
        near(set_f(&set(&[]), &set(&[]), 1.0), 1.0);
        near(set_f(&set(&[]), &set(&[1]), 1.0), 0.0);
        near(set_f(&set(&[1]), &set(&[]), 1.0), 0.0);
        near(choice(Some(true), 4), 1.0);
        near(choice(Some(false), 4), 0.0);
        near(choice(None, 4), 0.25);
        near(held_for(60.0, 60.0), 1.0);
        near(held_for(30.0, 60.0), 0.5);
        near(held_for(-1.0, 60.0), 0.0);
        near(held_for(0.0, 0.0), 1.0);
        near(area(100.0, 1000.0, 100.0), 1.0);
        near(area(1000.0, 1000.0, 100.0), 0.0);
        near(area(550.0, 1000.0, 100.0), 0.5);
        near(area(2000.0, 1000.0, 100.0), 0.0);
    }

    #[test]
    fn a_set_at_random_earns_the_mean_of_all_sets() {
        // Of two, both are right: one of them is worth 2/3 (twice), both are worth 1.
        near(guessed_set(2, 2), (2.0 / 3.0 + 2.0 / 3.0 + 1.0) / 3.0);
        // Of two, one is right: it alone 1, the other 0, both 2/3.
        near(guessed_set(1, 2), (1.0 + 0.0 + 2.0 / 3.0) / 3.0);
        near(guessed_set(1, 1), 1.0);
        near(guessed_set(0, 0), 0.0);
        // The same, set by set.
        for (right, options) in [(1_u32, 5_u32), (3, 5), (4, 7)] {
            let actual: BTreeSet<u32> = (0..right).collect();
            let sets = (1_u32..1 << options)
                .map(|bits| (0..options).filter(|one| bits >> one & 1 == 1).collect::<BTreeSet<_>>());
            let figures: Vec<f64> = sets.map(|set| set_f(&set, &actual, 1.0)).collect();
            let mean = figures.iter().sum::<f64>() / figures.len() as f64;
            assert!((guessed_set(right, options) - mean).abs() < 1e-9, "{right} of {options}");
        }
    }

    fn stretches() -> impl Strategy<Value = Vec<Stretch>> {
        prop::collection::vec((0.0..20_000.0_f64, 1.0..5000.0_f64), 0..5)
            .prop_map(|list| list.into_iter().map(|(from, len)| (from, from + len)).collect())
    }

    proptest! {
        #[test]
        fn every_figure_is_between_0_and_1(
            claimed in stretches(), actual in stretches(), t in -10.0..1e7_f64, claim in -1.0..2.0_f64,
            n in 0_u64..100_000, part in 0.0..=1.0_f64, confidence in 0.0..=1.0_f64,
        ) {
            let k = (0..=n).rev().find(|k| *k as f64 <= part * n as f64).unwrap_or(0);
            let all = [
                lat(t, 120.0, 1800.0), win(&claimed, &actual, 1.0), pct(claim, k, n),
                pct_interval((claim, part), confidence, k, n), onset(t),
                stale(&[t], (0.0, 900.0), 900.0, 1800.0, 300.0), cover1(&claimed, (0.0, 10_000.0)), area(t, 1000.0, 10.0),
            ];
            for figure in all {
                prop_assert!((0.0..=1.0).contains(&figure), "{figure} in {all:?}");
            }
        }

        #[test]
        fn a_claim_that_is_the_truth_is_worth_1(actual in stretches(), n in 1_u64..50_000, part in 0.0..=1.0_f64) {
            prop_assert!(win(&actual, &actual, 1.0) > 0.999_999);
            let k = (n as f64 * part).round();
            let k = (0..=n).find(|whole| *whole as f64 >= k).unwrap_or(n);
            let p = k as f64 / n as f64;
            prop_assert!(pct(p, k, n) > 0.999_999);
            prop_assert!(pct_interval((p, p), 0.95, k, n) > 0.999_999);
        }

        #[test]
        fn widening_beyond_the_truth_never_raises(
            from in 0.0..5000.0_f64, len in 1.0..20_000.0_f64, a in 0.0..5000.0_f64, b in 0.0..5000.0_f64, more in 0.0..9000.0_f64,
        ) {
            let actual = [(from, from + len)];
            let wide = [(from - a, from + len + b)];
            let wider = [(from - a - more, from + len + b + more / 2.0)];
            prop_assert!(win(&wider, &actual, 1.0) <= win(&wide, &actual, 1.0) + 1e-9);
            let interval = |grow: f64| pct_interval((0.5 - grow, 0.5 + grow), 0.9, 500, 1000);
            prop_assert!(interval((a + more) / 20_000.0) <= interval(a / 20_000.0) + 1e-9);
        }

        #[test]
        fn a_later_moment_never_raises(t in 0.0..5000.0_f64, later in 0.0..5000.0_f64) {
            prop_assert!(lat(t + later, 120.0, 1800.0) <= lat(t, 120.0, 1800.0));
            prop_assert!(onset(t + later) <= onset(t));
            prop_assert!(area(t + later, 5000.0, 10.0) <= area(t, 5000.0, 10.0));
        }

        #[test]
        fn times_may_be_shifted(claimed in stretches(), actual in stretches(), shift in -1e6..1e6_f64) {
            let moved = |list: &[Stretch]| list.iter().map(|(a, b)| (a + shift, b + shift)).collect::<Vec<_>>();
            let still = win(&claimed, &actual, 1.0);
            prop_assert!((win(&moved(&claimed), &moved(&actual), 1.0) - still).abs() < 1e-6);
            let whole = (0.0, 10_000.0);
            let moved_whole = (shift, 10_000.0 + shift);
            prop_assert!((cover1(&moved(&claimed), moved_whole) - cover1(&claimed, whole)).abs() < 1e-6);
        }

        #[test]
        fn the_whole_day_is_worth_next_to_nothing(start in 0.0..79_200.0_f64, len in 1.0..7200.0_f64) {
            // Away from midnight, where a whole day is half right about an edge.
            let start = start.clamp(2400.0, 86_400.0 - 2400.0 - len);
            prop_assert!(win(&[(0.0, 86_400.0)], &[(start, start + len)], 1.0) <= 0.16);
        }

        #[test]
        fn the_order_of_what_comes_in_is_no_matter(mut claimed in stretches(), actual in stretches()) {
            let before = win(&claimed, &actual, 1.0);
            claimed.reverse();
            let doubled: Vec<_> = claimed.iter().chain(&claimed).copied().collect();
            prop_assert!((win(&doubled, &actual, 1.0) - before).abs() < 1e-9);
        }
    }
}
