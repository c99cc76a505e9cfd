//! Fold, score and debrief of a journal of 100,000 events. Target: 150 ms on a laptop.

use criterion::{Criterion, criterion_group, criterion_main};
use gameday::{
    base::{At, Span},
    drill::{
        event::{Event, Outcome, Recorded},
        measure::{Bucket, Tally},
        plan::Plan,
    },
    report::{
        Journal, debrief,
        render::{self, Document},
        score,
    },
    scenario::act::Act,
};
use serde_json::json;
use std::{collections::BTreeMap, hint::black_box};

const EVENTS: usize = 100_000;

fn plan() -> Plan {
    let class = |name: &str| {
        json!({"name": name, "rate": 8.0, "method": "GET", "path": "/", "keys": 1, "body_bytes": 0, "headers": {},
            "expect": {"status": [200], "within": "1s"}})
    };
    let plan = json!({
        "drill": "d-bench", "scenario": "bench", "title": "Bench", "digest": "0", "summary": "A long drill",
        "objectives": [], "difficulty": 1, "seed": 1, "start": "2026-12-01T13:00:00.000Z", "profile": "understand-first",
        "duration": {"par": "1h", "limit": "12h"},
        "target": {"name": "depot", "driver": "depot", "datacenters": [], "services": [], "links": [], "volumes": [],
            "files": [], "probes": [], "operations": [], "caps": {"services": 1, "links": 1, "volumes": 1}},
        "catalogue": [], "hints": [], "questions": [], "roster": {"instigators": [1, 1], "responders": [1, 6]},
        "steady_state": [], "workload": {"classes": [class("get"), class("put"), class("list")]},
        "injections": [{"id": "gd-bench", "injector": "hang", "related": true, "at": "1s", "until": null,
            "fault": {"kind": "process-stop", "service": "web"}}],
        "alarms": [], "injects": [], "stop_conditions": [],
        "restored_when": [{"subject": {"class": "put"},
            "tests": [{"signal": "failed", "threshold": {"op": "<", "value": 0.01}}], "over": "5s", "held": "60s"}],
        "fact_offers": [],
        "truth": {"component": "web", "kind": "process.hang", "trigger": "", "facts": [], "distractors": [], "spreads": [],
            "contributing": [], "impact": {}, "owners": [], "severity": {}, "decision": {}, "milestones": ["symptom"]},
        "reference_solution": [], "autopilot": [], "routes": []
    });
    serde_json::from_value(plan).expect("the bench's plan is a plan")
}

fn journal() -> Vec<Recorded> {
    let plan = plan();
    let start = plan.start;
    let name = |text: &str| text.parse().expect("a name");
    let mut events = vec![(start, Event::Planned(Box::new(plan))), (start, Event::Started)];
    let tally = |failed| Tally { sent: 8, failed, dropped: 0, p50_ms: 10, p95_ms: 40, p99_ms: 90 };
    let step = |step| Event::Injection { id: "gd-bench".parse().expect("a name"), step };
    events.push((start, step(gameday::drill::event::InjectionStep::Injecting)));
    let mut second = 0_u64;
    while events.len() < EVENTS - 1 {
        let at: At = start + Span::from_secs(second);
        let failed = u32::from(second % 600 < 300) * 4;
        let classes = BTreeMap::from([
            (name("get"), tally(0)),
            (name("put"), tally(failed)),
            (name("list"), tally(failed / 2)),
        ]);
        let bucket = Bucket { classes, lateness_ms: 0 };
        events.push((at, Event::Measured { second: at, bucket }));
        if second.is_multiple_of(2) {
            let act = Act::Say(format!("still looking at it, second {second}"));
            events.push((at, Event::Acted { by: "ana".parse().expect("a name"), act }));
        }
        if second.is_multiple_of(5) {
            events.push((
                at,
                Event::Operated {
                    by: "ana".parse().expect("a name"),
                    argv: vec!["depotctl".to_owned(), "list".to_owned()],
                    exit: Some(0),
                    output: String::new(),
                },
            ));
        }
        second += 1;
    }
    events.truncate(EVENTS - 1);
    events.push((
        start + Span::from_secs(second),
        Event::Ended { outcome: Outcome::Completed, reason: "the limit".to_owned() },
    ));
    events.into_iter().zip(0..).map(|((at, event), seq)| Recorded { seq, at, event }).collect()
}

fn report(c: &mut Criterion) {
    let events = journal();
    assert_eq!(events.len(), EVENTS);
    let mut group = c.benchmark_group("report of 100,000 events");
    group.sample_size(20);
    group.bench_function("fold and score", |bench| {
        bench.iter(|| {
            let journal = Journal::new(black_box(&events)).expect("a good journal");
            score(&journal, None)
        });
    });
    group.bench_function("fold, score, debrief and every rendering", |bench| {
        bench.iter(|| {
            let journal = Journal::new(black_box(&events)).expect("a good journal");
            let debrief = debrief(&journal);
            let document = Document::of(&debrief);
            (document.markdown(), document.html(), document.pdf(), render::json(&debrief))
        });
    });
    group.finish();
}

criterion_group!(benches, report);
criterion_main!(benches);
