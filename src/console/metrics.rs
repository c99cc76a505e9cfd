//! What the console counts of itself, for Prometheus. Nothing here depends on what happens within a drill.

use super::lobby::Lobby;
use axum::http::StatusCode;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that only go up.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Answers by the first figure of their status, from 1 on.
    answers: [AtomicU64; 5],
    pub(super) streams_opened: AtomicU64,
    pub(super) streams_refused: AtomicU64,
    pub(super) streams_stalled: AtomicU64,
    pub(super) joins_refused: AtomicU64,
}

impl Counts {
    pub(super) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn add(one: &AtomicU64) {
        one.fetch_add(1, Ordering::Relaxed);
    }
}

/// The page of `/metrics`.
pub(super) fn page(lobby: &Lobby) -> String {
    let counts = &lobby.counts;
    let read = |one: &AtomicU64| one.load(Ordering::Relaxed);
    let mut page = String::from(
        "# HELP gameday_http_answers_total Answers by class of status.\n# TYPE gameday_http_answers_total counter\n",
    );
    for (class, count) in (1..).zip(&counts.answers) {
        page.push_str(&format!("gameday_http_answers_total{{status=\"{class}xx\"}} {}\n", read(count)));
    }
    for (name, kind, help, value) in [
        ("sessions", "gauge", "Sessions that are open.", lobby.sessions.count() as u64),
        ("consoles", "gauge", "Drills whose pages are open.", lobby.consoles().len() as u64),
        ("streams", "gauge", "Live streams that are open.", lobby.streams.open()),
        ("streams_opened_total", "counter", "Live streams that were opened.", read(&counts.streams_opened)),
        ("streams_refused_total", "counter", "Live streams beyond the limit.", read(&counts.streams_refused)),
        (
            "streams_stalled_total",
            "counter",
            "Live streams that were ended because nobody read them.",
            read(&counts.streams_stalled),
        ),
        (
            "joins_refused_total",
            "counter",
            "Tries to come in without a good link.",
            read(&counts.joins_refused),
        ),
    ] {
        page.push_str(&format!(
            "# HELP gameday_{name} {help}\n# TYPE gameday_{name} {kind}\ngameday_{name} {value}\n"
        ));
    }
    page
}
