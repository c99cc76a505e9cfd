//! What a service tells of itself: one JSON line for what matters, and the golden signals as a Prometheus page.

use super::{config::LogSettings, machine::Machine};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A request whose id begins with this is logged by every service that it comes to.
pub(super) const TRACED: &str = "trace-";

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "durations of real requests are measured here and nowhere else"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Where a log's lines go.
pub(super) type Sink = Box<dyn Write + Send>;

/// A service's log: JSON lines.
pub(super) struct Log {
    service: String,
    machine: Arc<Machine>,
    sink: Mutex<Sink>,
    every: AtomicU64,
    slow_ms: AtomicU64,
    good: AtomicU64,
}

/// A finished request as the log and the metrics see it.
pub(super) struct Finished<'a> {
    pub(super) request_id: &'a str,
    pub(super) method: &'a str,
    /// The path as it came.
    pub(super) path: &'a str,
    /// The path's pattern.
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) took: Duration,
    /// Why it failed.
    pub(super) failure: Option<(&'a str, &'a str)>,
}

impl Log {
    pub(super) fn new(service: &str, machine: &Arc<Machine>, sink: Sink) -> Self {
        Self {
            service: service.to_owned(),
            machine: Arc::clone(machine),
            sink: Mutex::new(sink),
            every: AtomicU64::new(1),
            slow_ms: AtomicU64::new(u64::MAX),
            good: AtomicU64::new(0),
        }
    }

    /// From now on logs as much as `settings` say.
    pub(super) fn set(&self, settings: LogSettings) {
        self.every.store(settings.every, Ordering::Relaxed);
        self.slow_ms.store(settings.slow_ms, Ordering::Relaxed);
    }

    /// Something that a person should know.
    pub(super) fn info(&self, message: &str, more: Value) {
        self.line("info", message, more);
    }

    /// Something that a person should look at before it goes wrong.
    pub(super) fn warn(&self, message: &str, more: Value) {
        self.line("warn", message, more);
    }

    /// Something that went wrong.
    pub(super) fn error(&self, message: &str, more: Value) {
        self.line("error", message, more);
    }

    /// A request, if it failed, was slow, or is its turn.
    pub(super) fn request(&self, finished: &Finished<'_>) {
        let took_ms = finished.took.as_secs_f64() * 1000.0;
        let slow = finished.took >= Duration::from_millis(self.slow_ms.load(Ordering::Relaxed));
        let (level, message) = match finished.status {
            500.. => ("error", "request failed"),
            _ if slow => ("warn", "slow request"),
            400.. => ("warn", "request refused"),
            _ => ("info", "request"),
        };
        if level == "info" && !finished.request_id.starts_with(TRACED) {
            let turn = self.good.fetch_add(1, Ordering::Relaxed);
            if !turn.is_multiple_of(self.every.load(Ordering::Relaxed).max(1)) {
                return;
            }
        }
        let mut more = json!({
            "request_id": finished.request_id,
            "method": finished.method,
            "path": finished.path,
            "status": finished.status,
            "duration_ms": (took_ms * 10.0).round() / 10.0,
        });
        if let Some((code, detail)) = finished.failure {
            more["error"] = code.into();
            more["detail"] = detail.into();
        }
        self.line(level, message, more);
    }

    fn line(&self, level: &str, message: &str, more: Value) {
        let mut line = Map::new();
        line.insert("time".to_owned(), self.machine.now().to_string().into());
        line.insert("level".to_owned(), level.into());
        line.insert("service".to_owned(), self.service.as_str().into());
        line.insert("message".to_owned(), message.into());
        if let Value::Object(more) = more {
            line.extend(more);
        }
        let mut text = Value::Object(line).to_string();
        text.push('\n');
        // A log that cannot be written must not stop the service.
        let _ = self.sink.lock().unwrap_or_else(PoisonError::into_inner).write_all(text.as_bytes());
    }
}

/// Upper ends of the duration histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Requests served and requests made, counted.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    in_flight: AtomicI64,
    served: Mutex<BTreeMap<(String, String), Durations>>,
    statuses: Mutex<BTreeMap<(String, String, u16), u64>>,
    asked: Mutex<BTreeMap<(String, &'static str), Durations>>,
}

#[derive(Debug, Default, Clone)]
struct Durations {
    buckets: [u64; BUCKETS.len()],
    count: u64,
    sum_s: f64,
}

impl Durations {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (bucket, most) in self.buckets.iter_mut().zip(BUCKETS) {
            *bucket += u64::from(seconds <= most);
        }
        self.count += 1;
        self.sum_s += seconds;
    }
}

impl Metrics {
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, finished: &Finished<'_>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let (method, route) = (finished.method.to_owned(), finished.route.to_owned());
        lock(&self.served).entry((method.clone(), route.clone())).or_default().add(finished.took);
        *lock(&self.statuses).entry((method, route, finished.status)).or_default() += 1;
    }

    /// Counts one attempt at asking `peer`.
    pub(super) fn asked(&self, peer: &str, outcome: &'static str, took: Duration) {
        lock(&self.asked).entry((peer.to_owned(), outcome)).or_default().add(took);
    }

    /// Writes all of it.
    pub(super) fn write(&self, page: &mut Page) {
        page.family("http_requests_total", "counter", "Requests answered.");
        for ((method, route, status), count) in &*lock(&self.statuses) {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            page.sample("http_requests_total", &labels, *count as f64);
        }
        page.family("http_request_duration_seconds", "histogram", "Time from request to answer.");
        for ((method, route), durations) in &*lock(&self.served) {
            let labels = format!("method=\"{method}\",route=\"{route}\"");
            page.histogram("http_request_duration_seconds", &labels, durations);
        }
        page.family("http_requests_in_flight", "gauge", "Requests being worked on.");
        page.sample("http_requests_in_flight", "", self.in_flight.load(Ordering::Relaxed) as f64);
        let asked = lock(&self.asked);
        if asked.is_empty() {
            return;
        }
        page.family("upstream_request_duration_seconds", "summary", "Attempts at asking another service.");
        for ((peer, outcome), durations) in &*asked {
            let labels = format!("upstream=\"{peer}\",outcome=\"{outcome}\"");
            page.sample("upstream_request_duration_seconds_sum", &labels, durations.sum_s);
            page.sample("upstream_request_duration_seconds_count", &labels, durations.count as f64);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A page in Prometheus text format.
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }

    /// A family with one sample without labels.
    pub(super) fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.family(name, kind, help);
        self.sample(name, "", value);
    }

    fn histogram(&mut self, name: &str, labels: &str, durations: &Durations) {
        for (count, most) in durations.buckets.iter().zip(BUCKETS) {
            self.sample(&format!("{name}_bucket"), &format!("{labels},le=\"{most}\""), *count as f64);
        }
        let count = durations.count as f64;
        self.sample(&format!("{name}_bucket"), &format!("{labels},le=\"+Inf\""), count);
        self.sample(&format!("{name}_sum"), labels, durations.sum_s);
        self.sample(&format!("{name}_count"), labels, count);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn finished(status: u16, took_ms: u64) -> Finished<'static> {
        Finished {
            request_id: "r1",
            method: "GET",
            path: "/objects/a",
            route: "/objects/{key}",
            status,
            took: Duration::from_millis(took_ms),
            failure: (status >= 500).then_some(("pool_exhausted", "no connection in 250 ms")),
        }
    }

    #[test]
    fn failures_and_slow_requests_are_always_logged_and_good_ones_in_turn() {
        let lines = Lines::default();
        let machine = Arc::new(Machine::of(std::path::Path::new("/nowhere"), "web-east"));
        let log = Log::new("web-east", &machine, Box::new(lines.clone()));
        log.set(LogSettings { every: 10, slow_ms: 100 });
        for _ in 0..20 {
            log.request(&finished(200, 5));
        }
        log.request(&finished(503, 5));
        log.request(&finished(200, 500));
        log.request(&Finished { request_id: "trace-1", ..finished(200, 5) });
        let text = String::from_utf8(lock(&lines.0).clone()).unwrap();
        let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let levels: Vec<_> = read.iter().map(|line| line["level"].as_str().unwrap()).collect();
        assert_eq!(levels, ["info", "info", "error", "warn", "info"]);
        assert_eq!(read[2]["error"], "pool_exhausted");
        assert_eq!(read[2]["service"], "web-east");
        assert_eq!(read[3]["duration_ms"], 500.0);
    }

    #[test]
    fn the_page_counts_what_was_served() {
        let metrics = Metrics::default();
        for (status, took_ms) in [(200, 4), (200, 40), (503, 260)] {
            metrics.begin();
            metrics.end(&finished(status, took_ms));
        }
        metrics.begin();
        metrics.asked("session", "timeout", Duration::from_millis(800));
        let mut page = Page::default();
        metrics.write(&mut page);
        let text = page.into_text();
        for line in [
            r#"http_requests_total{method="GET",route="/objects/{key}",status="200"} 2"#,
            r#"http_requests_total{method="GET",route="/objects/{key}",status="503"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/objects/{key}",le="0.05"} 2"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/objects/{key}",le="+Inf"} 3"#,
            r#"http_request_duration_seconds_count{method="GET",route="/objects/{key}"} 3"#,
            "http_requests_in_flight 1",
            r#"upstream_request_duration_seconds_sum{upstream="session",outcome="timeout"} 0.8"#,
        ] {
            assert!(text.lines().any(|there| there == line), "{line}\nis not in\n{text}");
        }
    }
}
