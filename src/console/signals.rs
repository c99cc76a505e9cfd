//! The four golden signals of the target, read from its own metrics every few seconds: traffic, errors, latency,
//! saturation. What synthetic users measure is no part of this.

use super::{Console, now};
use crate::{
    base::Span,
    clock::{BoxFuture, Clock, SystemClock},
    scenario::pack::Metrics,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// How often the metrics are read.
const EVERY: Span = Span::from_secs(5);
/// Readings that are kept: ten minutes.
const KEPT: usize = 120;

/// Reads the target's own metrics.
pub trait Gauges: Send + Sync {
    /// The metrics page of each instance in Prometheus text format, by the instance's name. One that does not answer is
    /// left out.
    fn read(&self) -> BoxFuture<'_, BTreeMap<String, String>>;
}

/// What one instance had counted at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
struct Counted {
    requests: f64,
    failed: f64,
    in_flight: f64,
    /// Requests answered within so many seconds, by upper bound.
    buckets: Vec<(f64, f64)>,
}

/// The signals of one instance between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Signal {
    /// Requests a second.
    pub(super) traffic: f64,
    /// Share that failed, 0 to 1.
    pub(super) errors: f64,
    /// 95th percentile in milliseconds.
    pub(super) latency_ms: f64,
    /// Requests being worked on.
    pub(super) in_flight: f64,
}

/// The last readings.
pub(super) struct Signals {
    gauges: Option<Arc<dyn Gauges>>,
    readings: Mutex<VecDeque<BTreeMap<String, Counted>>>,
    /// Counts readings.
    pub(super) count: watch::Sender<u64>,
}

impl Signals {
    pub(super) fn of(gauges: Option<Arc<dyn Gauges>>) -> Self {
        Self { gauges, readings: Mutex::default(), count: watch::Sender::default() }
    }

    pub(super) fn can_be_read(&self) -> bool {
        self.gauges.is_some()
    }

    fn readings(&self) -> MutexGuard<'_, VecDeque<BTreeMap<String, Counted>>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `names` says by which names an instance tells its signals, where they are not the usual ones.
    fn take(&self, pages: BTreeMap<String, String>, names: &BTreeMap<String, Metrics>) {
        let usual = Metrics::default();
        let reading = pages
            .into_iter()
            .map(|(name, page)| {
                let counted = counted(&page, names.get(&name).unwrap_or(&usual));
                (name, counted)
            })
            .collect();
        let mut readings = self.readings();
        readings.push_back(reading);
        if readings.len() > KEPT {
            readings.pop_front();
        }
        drop(readings);
        self.count.send_modify(|count| *count += 1);
    }

    /// The signals by instance, the oldest first; nothing where an instance did not answer or has begun anew.
    pub(super) fn by_instance(&self) -> BTreeMap<String, Vec<Option<Signal>>> {
        let readings = self.readings();
        let names: Vec<&String> = readings.iter().flat_map(BTreeMap::keys).collect();
        names
            .into_iter()
            .map(|name| {
                let pairs = readings.iter().zip(readings.iter().skip(1));
                let signals = pairs.map(|(before, after)| between(before.get(name)?, after.get(name)?));
                (name.clone(), signals.collect())
            })
            .collect()
    }
}

/// Reads for as long as the console lives: whoever looks later sees what was before, too.
pub(super) async fn watch_target(console: &Console) {
    let Some(gauges) = console.signals.gauges.clone() else { return };
    loop {
        let next = now() + EVERY;
        let pages = gauges.read().await;
        let names = names(console);
        console.signals.take(pages, &names);
        SystemClock.sleep_until(next).await;
    }
}

/// By which names the target's instances tell their signals.
fn names(console: &Console) -> BTreeMap<String, Metrics> {
    let snapshot = console.view.now();
    let services = snapshot.plan().into_iter().flat_map(|plan| &plan.target.services);
    services.filter_map(|one| Some((one.name.to_string(), one.metrics.clone()?))).collect()
}

fn counted(page: &str, names: &Metrics) -> Counted {
    let mut counted = Counted::default();
    let buckets = format!("{}_bucket", names.latency);
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let Some((sample, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<f64>() else { continue };
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let label = |wanted: &str| labels.split_once(&format!("{wanted}=\""))?.1.split('"').next();
        if name == names.traffic {
            counted.requests += value;
            let failed = label("status").is_some_and(|status| status.starts_with('5'));
            if names.errors.is_none() && failed {
                counted.failed += value;
            }
        }
        if names.errors.as_deref() == Some(name) {
            counted.failed += value;
        } else if name == names.saturation {
            counted.in_flight += value;
        } else if name == buckets {
            let bound = label("le").map_or(f64::INFINITY, |le| le.parse().unwrap_or(f64::INFINITY));
            match counted.buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += value,
                None => counted.buckets.push((bound, value)),
            }
        }
    }
    counted.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    counted
}

/// What happened between two readings; nothing when a counter went back: the instance has begun anew.
fn between(before: &Counted, after: &Counted) -> Option<Signal> {
    let requests = after.requests - before.requests;
    let failed = after.failed - before.failed;
    if requests < 0.0 || failed < 0.0 {
        return None;
    }
    Some(Signal {
        traffic: requests / EVERY.secs(),
        errors: if requests > 0.0 { failed / requests } else { 0.0 },
        latency_ms: percentile_95(&before.buckets, &after.buckets) * 1000.0,
        in_flight: after.in_flight,
    })
}

/// The 95th percentile in seconds, within a bucket as if its requests were spread evenly; 0 without requests.
fn percentile_95(before: &[(f64, f64)], after: &[(f64, f64)]) -> f64 {
    let earlier =
        |bound: f64| before.iter().find(|(known, _)| *known == bound).map_or(0.0, |(_, count)| *count);
    let grown: Vec<(f64, f64)> =
        after.iter().map(|(bound, count)| (*bound, count - earlier(*bound))).collect();
    let wanted = grown.last().map_or(0.0, |(_, all)| all * 0.95);
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in grown {
        if count >= wanted && count > below {
            if bound.is_infinite() {
                return low;
            }
            return low + (bound - low) * ((wanted - below) / (count - below)).clamp(0.0, 1.0);
        }
        (low, below) = (bound, count);
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(good: u32, bad: u32, fast: u32) -> String {
        let all = good + bad;
        format!(
            "# TYPE http_requests_total counter\nhttp_requests_total{{method=\"GET\",status=\"200\"}} {good}\n\
             http_requests_total{{method=\"GET\",status=\"503\"}} {bad}\n\
             http_request_duration_seconds_bucket{{method=\"GET\",le=\"0.1\"}} {fast}\n\
             http_request_duration_seconds_bucket{{method=\"GET\",le=\"1\"}} {all}\n\
             http_request_duration_seconds_bucket{{method=\"GET\",le=\"+Inf\"}} {all}\n\
             http_requests_in_flight 3\nodd line\n"
        )
    }

    fn signals(pages: &[String]) -> Vec<Option<Signal>> {
        let signals = Signals::of(None);
        for page in pages {
            signals.take([("web".to_owned(), page.clone())].into(), &BTreeMap::new());
        }
        signals.by_instance().remove("web").unwrap_or_default()
    }

    #[test]
    fn signals_are_what_was_counted_between_two_readings() {
        let seen = signals(&[page(100, 0, 100), page(190, 10, 190), page(190, 10, 190)]);
        let first = seen[0].unwrap();
        assert_eq!((first.traffic, first.errors, first.in_flight), (20.0, 0.1, 3.0));
        // Nine in ten within 100 ms, the rest within a second: the 95th lies half-way between.
        assert!((first.latency_ms - 550.0).abs() < 1.0, "{first:?}");
        assert_eq!(seen[1], Some(Signal { traffic: 0.0, errors: 0.0, latency_ms: 0.0, in_flight: 3.0 }));
    }

    #[test]
    fn an_instance_that_began_anew_has_no_signal_for_a_moment() {
        let seen = signals(&[page(100, 0, 100), page(5, 0, 5), page(10, 0, 10)]);
        assert_eq!(seen[0], None);
        assert_eq!(seen[1].unwrap().traffic, 1.0);
    }

    #[test]
    fn a_target_has_names_of_its_own() {
        let names = Metrics {
            traffic: "shop_orders".into(),
            errors: Some("shop_failures".into()),
            latency: "shop_seconds".into(),
            saturation: "shop_queue".into(),
            ..Metrics::default()
        };
        let page = "shop_orders{kind=\"a\"} 30\nshop_orders{kind=\"b\",status=\"500\"} 10\nshop_failures 4\nshop_queue 7\n\
                    shop_seconds_bucket{le=\"0.5\"} 38\nshop_seconds_bucket{le=\"+Inf\"} 40\nhttp_requests_total 99\n";
        let counted = counted(page, &names);
        assert_eq!((counted.requests, counted.failed, counted.in_flight), (40.0, 4.0, 7.0));
        assert_eq!(counted.buckets, [(0.5, 38.0), (f64::INFINITY, 40.0)]);
    }

    #[test]
    fn only_the_last_ten_minutes_are_kept() {
        let pages: Vec<_> = (0..300).map(|count| page(count, 0, count)).collect();
        assert_eq!(signals(&pages).len(), KEPT - 1);
    }
}
