//! Looking: golden signals of everybody, and one request through all logs.

use super::{Desk, OperateError, Out};
use crate::{
    base::Span,
    clock::{Clock, SystemClock},
    depot::error::DepotError,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    time::Duration,
};

/// How far apart the two looks are.
const APART: Span = Span::from_secs(1);
/// How long an instance may take to show its metrics.
const ANSWER: Duration = Duration::from_secs(2);

/// Sums of an instance's metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Sums {
    requests: f64,
    errors: f64,
    seconds: f64,
    in_flight: f64,
    cpu_s: f64,
    memory_bytes: f64,
    descriptors: f64,
}

impl Sums {
    fn of(page: &str) -> Self {
        let mut sums = Self::default();
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let value: f64 = value.parse().unwrap_or(0.0);
            let family = name.split('{').next().unwrap_or_default();
            match family {
                "http_requests_total" => {
                    sums.requests += value;
                    sums.errors += if name.contains("status=\"5") { value } else { 0.0 };
                }
                "http_request_duration_seconds_sum" => sums.seconds += value,
                "http_requests_in_flight" => sums.in_flight = value,
                "process_cpu_seconds_total" => sums.cpu_s = value,
                "process_resident_memory_bytes" => sums.memory_bytes = value,
                "process_open_fds" => sums.descriptors = value,
                _ => {}
            }
        }
        sums
    }
}

impl Desk<'_> {
    async fn look(&self) -> HashMap<String, Sums> {
        let mut seen = HashMap::new();
        for process in &self.layout.processes {
            if let Ok(page) = super::desk::ask(process, "/metrics", ANSWER).await {
                seen.insert(process.service.to_string(), Sums::of(&page));
            }
        }
        seen
    }

    pub(super) async fn top(&self, out: Out<'_>) -> Result<(), OperateError> {
        let began = SystemClock.now();
        let first = self.look().await;
        SystemClock.sleep_until(began + APART).await;
        let middle = SystemClock.now();
        let second = self.look().await;
        let seconds = (middle.since(began).millis() as f64 / 1000.0).max(0.001);
        writeln!(
            out,
            "{:<14} {:>8} {:>8} {:>8} {:>9} {:>6} {:>7} {:>5}",
            "INSTANCE", "REQ/S", "ERRORS", "MEAN", "IN FLIGHT", "CPU", "MEMORY", "FDS"
        )?;
        for process in &self.layout.processes {
            let own = process.service.as_str();
            let (Some(before), Some(now)) = (first.get(own), second.get(own)) else {
                writeln!(out, "{own:<14} does not answer")?;
                continue;
            };
            let requests = now.requests - before.requests;
            let share = |part: f64| if requests > 0.0 { part / requests } else { 0.0 };
            writeln!(
                out,
                "{own:<14} {:>8.1} {:>7.1}% {:>6.0}ms {:>9} {:>5.0}% {:>4.0}MiB {:>5}",
                requests / seconds,
                share(now.errors - before.errors) * 100.0,
                share(now.seconds - before.seconds) * 1000.0,
                now.in_flight,
                (now.cpu_s - before.cpu_s) / seconds * 100.0,
                now.memory_bytes / (1024.0 * 1024.0),
                now.descriptors
            )?;
        }
        Ok(())
    }

    /// Lines of all logs that speak of the request. A log says the time of its own machine.
    pub(super) fn trace(&self, request: &str, out: Out<'_>) -> Result<(), OperateError> {
        let mut lines: Vec<(String, Value)> = Vec::new();
        for process in &self.layout.processes {
            let file = File::open(&process.log).map_err(DepotError::file("read", &process.log))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(DepotError::file("read", &process.log))?;
                if !line.contains(request) {
                    continue;
                }
                let Ok(value) = serde_json::from_str::<Value>(&line) else { continue };
                if value["request_id"] == request {
                    lines.push((value["time"].as_str().unwrap_or_default().to_owned(), value));
                }
            }
        }
        if lines.is_empty() {
            return Err(OperateError::Refused(format!(
                "no log has a line about request `{request}`: good requests are logged in turn only, unless their id \
                 begins with `trace-`"
            )));
        }
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        for (time, line) in lines {
            let text = |key: &str| match &line[key] {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let more: Vec<_> = ["method", "path", "status", "job", "kind", "error", "detail"]
                .into_iter()
                .map(text)
                .filter(|text| !text.is_empty())
                .collect();
            writeln!(
                out,
                "{time} {:<14} {:<16} {:>8} {}",
                text("service"),
                text("message"),
                format!("{}ms", text("duration_ms")),
                more.join(" ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_a_page() {
        let page = "# TYPE http_requests_total counter\n\
            http_requests_total{method=\"GET\",route=\"/a\",status=\"200\"} 7\n\
            http_requests_total{method=\"GET\",route=\"/a\",status=\"503\"} 2\n\
            http_request_duration_seconds_sum{method=\"GET\",route=\"/a\"} 0.5\n\
            http_requests_in_flight 3\nprocess_open_fds 12\nunheard_of 9\n";
        let sums = Sums::of(page);
        assert_eq!((sums.requests, sums.errors, sums.seconds), (9.0, 2.0, 0.5));
        assert_eq!((sums.in_flight, sums.descriptors), (3.0, 12.0));
    }
}
