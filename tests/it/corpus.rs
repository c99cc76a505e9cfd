//! The corpus of stored journals: what any released version has written must read for ever.
//!
//! `tests/corpus/journal-v1/*.jsonl` is what counts. [`journal`] made `every-kind.jsonl`; after a new kind has been
//! added to it, `GAMEDAY_WRITE_CORPUS=1 cargo test --test it corpus` appends the new lines, and refuses to change old ones.

mod names;
mod reviews;

pub(crate) use names::{ACTS, KINDS, REVIEWS, STEPS};

use gameday::{
    base::{At, Span},
    drill::{
        event::{Attachment, Event, Hat, InjectionStep, Notice, NoticeKind, Outcome, Recorded},
        measure::{Bucket, Tally},
        plan::{Admission, FactOffer, NamedRoster, Plan, PlannedInjection},
    },
    fault::{Fault, Fence, injector::ReactMoment},
    scenario::{
        AlarmRule, AlarmSeverity, AlarmTrigger, Contingency, Duration, Inject, Moment, Play, Profile,
        act::{Act, CauseClaim, ClaimedShare, ClaimedWindow, ImpactClaim, Pager, Role, StatusState, When},
        action::ActionAct,
        condition::{Condition, Op, Signal, Subject, Test, Threshold},
        pack::{
            BlastCaps, CatalogueEntry, CatalogueKind, ConfigFile, Driver, Expect, Link, Probe, ProbeAsk,
            RequestClass, Service, TargetDescription, Volume, WorkloadShape,
        },
        roster::RosterNeeds,
        severity::{Answer, Question},
        ticket::{Priority, TicketAct},
        truth::{CauseTruth, DecisionTruth, Fact, Rung, Truth},
    },
    seed::Seed,
    store::{read_jsonl, write_jsonl},
};
use names::{act_of, kind_of, review_of, step_of};
use reviews::reviews;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::PathBuf,
    str::FromStr,
};

/// StartEx of the made-up drill: 2026-12-01T13:00:00Z.
const START: At = At::from_millis(1_796_130_000_000);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/journal-v1")
}

fn n<T: FromStr<Err: Debug>>(name: &str) -> T {
    name.parse().unwrap()
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn condition(subject: Subject, signal: Signal, op: Op, value: f64) -> Condition {
    Condition {
        subject,
        tests: vec![Test { signal, threshold: Threshold { op, value } }],
        over: Span::from_secs(10),
        held: Span::from_secs(30),
    }
}

fn target() -> TargetDescription {
    TargetDescription {
        name: "depot".to_owned(),
        driver: Driver::Depot,
        datacenters: words(&["east", "west"]),
        services: vec![Service {
            name: n("web-east"),
            component: n("web"),
            datacenter: "east".to_owned(),
            about: "answers uploads and downloads".to_owned(),
            metrics: None,
        }],
        links: vec![Link {
            name: n("web-east-metadata"),
            from: n("web-east"),
            to: n("metadata"),
            distance: Span::from_millis(2),
            http: false,
            toxiproxy: None,
        }],
        volumes: vec![Volume { name: n("storage-east"), service: n("storage-east"), size_mib: 64 }],
        files: vec![ConfigFile { name: "web".to_owned(), component: n("web") }],
        parts: Vec::new(),
        probes: vec![Probe {
            name: n("front-door"),
            about: "the edge answers".to_owned(),
            ask: ProbeAsk::Http { service: n("edge"), path: "/health".to_owned() },
            timeout: Span::from_secs(2),
        }],
        operations: words(&["depotctl rollback {service}"]),
        caps: BlastCaps { services: 2, links: 1, volumes: 1 },
        hands_off: BTreeMap::new(),
    }
}

fn truth() -> Truth {
    let fact = |id: &str, says: &str| Fact {
        id: id.to_owned(),
        says: says.to_owned(),
        any: vec![words(&["pool", "connections"]), words(&["too small"])],
    };
    Truth {
        cause: CauseTruth {
            component: "web".to_owned(),
            kind: "config.value.too-small".to_owned(),
            trigger: "release 42 set pool.size to 2".to_owned(),
            facts: vec![fact("f2", "The connection pool is too small.")],
            distractors: vec![fact("f1", "A disk is full.")],
            spreads: vec![("web".to_owned(), "edge".to_owned())],
            contributing: words(&["no canary"]),
        },
        impact: BTreeMap::from([(n("put"), (0.05, 0.4))]),
        owners: words(&["web-team"]),
        severity: BTreeMap::from([("users-affected".to_owned(), "some".to_owned())]),
        priority: Some(Priority::VeryUrgent),
        decision: BTreeMap::from([(
            Rung::RollBack,
            DecisionTruth {
                effective: true,
                harmful: false,
                knowable_after: Some("release-found".to_owned()),
            },
        )]),
        milestones: words(&["release-found"]),
    }
}

fn workload() -> WorkloadShape {
    WorkloadShape {
        classes: vec![RequestClass {
            name: n("put"),
            rate: 12.5,
            method: "PUT".to_owned(),
            path: "/o/{n}".to_owned(),
            keys: 1000,
            body_bytes: 512,
            headers: BTreeMap::from([("x-client".to_owned(), "synthetic".to_owned())]),
            expect: Expect { status: vec![200, 201], within: Span::from_millis(800) },
        }],
        encrypted: false,
    }
}

fn alarms() -> Vec<AlarmRule> {
    vec![
        AlarmRule {
            name: n("UploadErrorsHigh"),
            severity: AlarmSeverity::Page,
            summary: "{failed} of {class} fail".to_owned(),
            runbook: Some("runbooks/uploads.md".to_owned()),
            trigger: AlarmTrigger::When(condition(Subject::Class(n("put")), Signal::Failed, Op::Above, 0.05)),
            related: true,
        },
        AlarmRule {
            name: n("BatteryLow"),
            severity: AlarmSeverity::Info,
            summary: "a battery is low".to_owned(),
            runbook: None,
            trigger: AlarmTrigger::At(Span::from_secs(90)),
            related: false,
        },
    ]
}

fn autopilot() -> Vec<Play> {
    vec![
        Play {
            after: Moment::Alarm(n("UploadErrorsHigh")),
            wait: Span::from_secs(20),
            who: n("ana"),
            act: Act::Ack(n("UploadErrorsHigh")),
            by_hand: Some(Span::from_mins(3)),
        },
        Play {
            after: Moment::Previous,
            wait: Span::from_secs(5),
            who: n("ana"),
            act: Act::Operate(words(&["depotctl", "rollback", "web"])),
            by_hand: None,
        },
    ]
}

fn manual() -> CatalogueEntry {
    CatalogueEntry {
        name: "depotctl(1)".to_owned(),
        kind: CatalogueKind::Man,
        title: "operate Depot".to_owned(),
        address: "man/depotctl.1.md".to_owned(),
        anchors: words(&["rollback"]),
        digest: "1".repeat(64),
    }
}

fn plan() -> Plan {
    let calm = condition(Subject::Workload, Signal::P95, Op::AtMost, 300.0);
    Plan {
        drill: n("d-corpus"),
        scenario: "pool-shrink".to_owned(),
        title: "Uploads fail".to_owned(),
        digest: "0".repeat(64),
        sealed: None,
        variant: None,
        summary: "A roll-out shrinks the web's connection pool.".to_owned(),
        family: None,
        objectives: words(&["find a bad release"]),
        difficulty: 2,
        seed: Seed(7),
        start: START,
        profile: Profile::RestoreFirst,
        duration: Duration { par: Span::from_mins(15), limit: Span::from_mins(45) },
        target: target(),
        catalogue: vec![manual()],
        hints: words(&["depotctl(1)"]),
        questions: words(&["What changed last?"]),
        severity: vec![Question {
            id: "users-affected".to_owned(),
            asks: "How many users are affected?".to_owned(),
            options: words(&["none", "some", "all"]),
            many: false,
        }],
        ladder: vec![Rung::RollBack],
        roster: RosterNeeds { instigators: (1, 3), responders: (1, 6), mix: None, prerequisites: Vec::new() },
        steady_state: vec![calm.clone()],
        workload: workload(),
        second_act: Vec::new(),
        reactors: Vec::new(),
        injections: vec![PlannedInjection {
            id: n("gd-one"),
            injector: "config-rollout".to_owned(),
            related: true,
            at: Span::from_secs(5),
            until: Some(Span::from_mins(40)),
            fault: Fault::ReleaseRollOut {
                service: n("web"),
                release: "42".to_owned(),
                key: "pool.size".to_owned(),
                value: "2".to_owned(),
            },
        }],
        alarms: alarms(),
        injects: vec![Inject {
            at: Span::from_mins(3),
            unless: Some(Contingency::StatusSent),
            held: false,
            from: "user".to_owned(),
            to: Role::FirstLine,
            text: "my upload fails".to_owned(),
        }],
        stop_conditions: vec![condition(Subject::Probe(n("front-door")), Signal::Success, Op::AtLeast, 0.1)],
        restored_when: vec![calm],
        fact_offers: vec![
            FactOffer { id: "f1".to_owned(), says: "A disk is full.".to_owned() },
            FactOffer { id: "f2".to_owned(), says: "The connection pool is too small.".to_owned() },
        ],
        truth: truth(),
        reference_solution: vec![words(&["depotctl", "rollback", "web"])],
        autopilot: autopilot(),
        routes: words(&["terminal"]),
        optional_routes: words(&["terminal"]).into_iter().collect(),
        admission: Admission {
            unrehearsed: Some("the first try".to_owned()),
            roster: Some(NamedRoster {
                instigators: vec![n("ivo")],
                responders: vec![n("ana"), n("ben")],
                anyway: Some("cho is ill".to_owned()),
                comcheck: None,
                shifts: vec!["0s ana".parse().unwrap(), "1h ben".parse().unwrap()],
            }),
            ..Admission::default()
        },
    }
}

/// Every step of an injection once, in an order in which they make sense; the last ones belong to other injections.
fn steps() -> Vec<InjectionStep> {
    let fence = Fence { epoch: 1, seq: 9 };
    let text = |text: &str| text.to_owned();
    vec![
        InjectionStep::Probed,
        InjectionStep::Intent { fence, deadline: START + Span::from_mins(50) },
        InjectionStep::Armed,
        InjectionStep::Injecting,
        InjectionStep::Applied,
        InjectionStep::Live,
        InjectionStep::Reverting { why: text("the drill ended") },
        InjectionStep::Fenced,
        InjectionStep::Undoing,
        InjectionStep::Stuck { attempt: 2, error: text("no answer"), retry_at: START + Span::from_mins(31) },
        InjectionStep::Verifying { found: gameday::fault::Undone::Restored },
        InjectionStep::Reverted,
        InjectionStep::Cleared,
        InjectionStep::Expired,
        InjectionStep::Aborted { why: text("steady state did not hold") },
        InjectionStep::Diverged { detail: text("somebody else's value") },
        InjectionStep::Gone { detail: text("no route to the target") },
    ]
}

/// Every act of a responder once.
fn acts() -> Vec<Act> {
    let text = |text: &str| text.to_owned();
    let claim = CauseClaim {
        component: Some(text("web")),
        kind: Some(text("config.value")),
        facts: words(&["f2"]),
        text: text("release 42 made the pool too small"),
        onset: Some(When::Instant(START + Span::from_secs(6))),
        confidence: Some(80),
        evidence: vec![12, 14],
    };
    vec![
        Act::TakeRole(Role::Ic),
        Act::HandOver { role: Role::Ic, to: n("ben"), note: text("we suspect the release") },
        Act::ReleaseRole(Role::Scribe),
        Act::Say(text("looking at the web's log \"now\" \u{2013} \u{fc}ber alles")),
        Act::Ack(n("UploadErrorsHigh")),
        Act::Declare { text: text("uploads fail for some users") },
        Act::Status {
            text: text("we found it"),
            to: words(&["users"]),
            state: StatusState::Identified,
            next_in: Some(Span::from_mins(30)),
            ticket: Some(n("t1")),
        },
        Act::Stumped(text("the log says nothing")),
        Act::Hypothesis(CauseClaim::default()),
        Act::Log { text: text("rolling web back"), on: Some(text("web")) },
        Act::Operate(words(&["depotctl", "rollback", "web"])),
        Act::Cause(claim),
        Act::Assess(ImpactClaim {
            windows: vec![ClaimedWindow {
                from: When::Offset(Span::from_secs(5)),
                to: When::Instant(START + Span::from_mins(12)),
            }],
            failed: BTreeMap::from([
                (
                    n("put"),
                    ClaimedShare { percent: 17.3, up_to: Some(22.000_000_000_000_004), confidence: Some(90) },
                ),
                (n("get"), ClaimedShare { percent: 0.1, up_to: None, confidence: None }),
            ]),
            text: text("about a fifth of all uploads"),
        }),
        Act::Severity(BTreeMap::from([
            (text("users-affected"), Answer::of(words(&["some"]))),
            (text("sites"), Answer::DontKnow),
        ])),
        Act::Decide {
            option: Rung::RollBack,
            because: text("the release made the pool too small"),
            asked: words(&["ben"]),
            ticket: Some(n("t1")),
        },
        Act::Resolve(text("rolled back")),
    ]
}

/// People are called in, things are to be done, and somebody sums up.
fn team_acts() -> Vec<Act> {
    let text = |text: &str| text.to_owned();
    [
        ActionAct::Add { text: text("ask the metadata people"), owner: Some(text("ana")) },
        ActionAct::Assign { action: 1, owner: text("ic") },
        ActionAct::Done { action: 1 },
        ActionAct::Drop { action: 1 },
    ]
    .into_iter()
    .map(Act::Action)
    .chain([Pager::Klaxon, Pager::Batphone].map(|with| Act::Page { with, text: text("uploads fail") }))
    .chain([Act::Summary(text("a release made the pool too small"))])
    .collect()
}

/// What came in after the first version of the corpus: its lines follow those that were there.
fn later() -> Vec<Event> {
    let page = Notice {
        id: n("n-9"),
        route: "terminal".to_owned(),
        at: START,
        about: NoticeKind::Page(Pager::Batphone),
        severity: Some(AlarmSeverity::Page),
        subject: "EXERCISE batphone page".to_owned(),
        text: String::new(),
    };
    let mut events: Vec<_> = team_acts().into_iter().map(|act| Event::Acted { by: n("ana"), act }).collect();
    events.extend([
        Event::NoticeQueued(page),
        Event::InjectSpoken { inject: 0, by: Some(n("ivo")) },
        Event::BystanderWrote { by: n("oli"), text: "I know this pool".to_owned() },
        Event::BystanderSettled { by: n("ivo"), message: 3, passed_on: true },
        Event::SecondActBegan { by: n("ivo"), planned: plan().injections },
    ]);
    events
}

/// Everything that is done to a ticket, once.
fn ticket_acts() -> Vec<Act> {
    let text = |text: &str| text.to_owned();
    let ticket = Some(n("t1"));
    [
        TicketAct::Open {
            title: text("Some uploads fail"),
            on: Some(text("web")),
            priority: Some(Priority::Urgent),
            text: text("a fifth of all uploads since 13:00"),
            cc: words(&["web-team"]),
        },
        TicketAct::Update {
            ticket,
            title: None,
            on: Some(text("web-east")),
            priority: Some(Priority::VeryUrgent),
        },
        TicketAct::Note { ticket, text: text("users are told"), status: Some(51) },
        TicketAct::Cc { ticket, to: words(&["ben", "stakeholders"]) },
        TicketAct::Close { ticket, text: text("rolled back") },
    ]
    .into_iter()
    .map(Act::Ticket)
    .collect()
}

fn measured() -> Event {
    Event::Measured {
        second: START + Span::from_secs(7),
        bucket: Bucket {
            classes: BTreeMap::from([(
                n("put"),
                Tally { sent: 13, failed: 4, dropped: 1, p50_ms: 220, p95_ms: 790, p99_ms: 801 },
            )]),
            lateness_ms: 3,
        },
    }
}

fn notices() -> Vec<Event> {
    let notice = |id: &str, about: NoticeKind| Notice {
        at: START,
        severity: None,
        id: n(id),
        route: "terminal".to_owned(),
        about,
        subject: "EXERCISE: something".to_owned(),
        text: "more of it".to_owned(),
    };
    let mut events: Vec<_> = [
        NoticeKind::ComCheck,
        NoticeKind::StartEx,
        NoticeKind::AlarmRaised(n("UploadErrorsHigh")),
        NoticeKind::AlarmResolved(n("UploadErrorsHigh")),
        NoticeKind::Inject,
        NoticeKind::Shift,
        NoticeKind::EndEx,
    ]
    .into_iter()
    .enumerate()
    .map(|(index, about)| Event::NoticeQueued(notice(&format!("n-{index}"), about)))
    .collect();
    events.extend([
        Event::NoticeFailed {
            notice: n("n-0"),
            attempts: 1,
            error: "the receiver did not answer in time".to_owned(),
            retry_at: Some(START + Span::from_secs(12)),
        },
        Event::NoticeFailed {
            notice: n("n-1"),
            attempts: 5,
            error: "the receiver answered 404 Not Found".to_owned(),
            retry_at: None,
        },
        Event::NoticeDelivered { notice: n("n-0"), attempts: 2 },
    ]);
    events
}

fn conduct() -> Vec<Event> {
    vec![
        Event::AlarmRaised { alarm: n("UploadErrorsHigh"), summary: "31 % of put fail".to_owned() },
        Event::SymptomSeen { detail: "31 % of put failed within 10s".to_owned() },
        Event::InjectSpoken { inject: 0, by: None },
        Event::InjectSkipped { inject: 1 },
        Event::Played { play: 0, refused: None },
        Event::Played {
            play: 1,
            refused: Some("alarm `UploadErrorsHigh` is acknowledged by ben".to_owned()),
        },
        Event::PlayLeft { play: 0, since: START + Span::from_secs(20), done: true },
        Event::HintGiven {
            by: n("ivo"),
            entry: "depotctl(1)".to_owned(),
            anchor: Some("rollback".to_owned()),
        },
        Event::QuestionAsked { by: n("ivo"), question: 0 },
        Event::Observed { by: n("tom"), about: Some(3), text: "two people restart the same service".into() },
        Event::Operated {
            by: n("ana"),
            argv: words(&["depotctl", "rollback", "web"]),
            exit: Some(0),
            output: "web: 42 -> 41\n".to_owned(),
        },
        Event::Operated {
            by: n("ana"),
            argv: words(&["depotctl", "rollback", "web"]),
            exit: None,
            output: String::new(),
        },
        Event::Restored { since: START + Span::from_mins(12) },
        Event::AlarmResolved { alarm: n("UploadErrorsHigh") },
        Event::Relapsed,
        Event::AgentSilent { error: "connection refused".to_owned() },
        Event::AgentBack,
        Event::StopConditionFailed { condition: 0, detail: "no answer from front-door".to_owned() },
        Event::StopRequested { by: n("tom"), reason: "a real incident".to_owned(), real_incident: true },
        Event::TookOver { epoch: 2, resume: false },
        Event::Reacted {
            reactor: 0,
            moment: ReactMoment::Restored,
            planned: plan().injections,
            refused: None,
        },
        Event::Reacted {
            reactor: 0,
            moment: ReactMoment::Minute,
            planned: Vec::new(),
            refused: Some("the script gave up: enough".to_owned()),
        },
    ]
}

/// With the target's root, or as older programs wrote it.
fn attached(root: Option<String>) -> Event {
    let agent = "http://127.0.0.1:4100".to_owned();
    Event::TargetAttached(Attachment { agent, folder: "targets/depot".to_owned(), root })
}

/// A journal with every kind of event, every step, every act, and every shape of the rest. No drill plays like this.
pub(crate) fn journal() -> Vec<Recorded> {
    let mut events =
        vec![Event::Planned(Box::new(plan())), Event::TookOver { epoch: 1, resume: true }, attached(None)];
    for (person, hat) in
        [("ivo", Hat::Instigator), ("ana", Hat::Responder), ("tom", Hat::Trainer), ("oli", Hat::Observer)]
    {
        events.push(Event::Joined { person: n(person), hat });
    }
    events.extend([
        Event::MeasuringBegan,
        measured(),
        Event::ProbeAnswered {
            probe: n("front-door"),
            good: true,
            latency_ms: 4,
            detail: "200 OK".to_owned(),
        },
        Event::SteadyStateHeld,
        Event::ShiftBegan { shift: 1 },
        Event::Started,
    ]);
    events.extend(steps().into_iter().map(|step| Event::Injection { id: n("gd-one"), step }));
    events.extend(notices());
    events.extend(acts().into_iter().chain(ticket_acts()).map(|act| Event::Acted { by: n("ana"), act }));
    events.extend(conduct());
    events.push(Event::Barred { code: "not-steady".to_owned(), why: "31 % of put fail".to_owned() });
    for outcome in [
        Outcome::Completed,
        Outcome::Aborted,
        Outcome::Stopped,
        Outcome::Unfit,
        Outcome::Void,
        Outcome::Missed,
    ] {
        events.push(Event::Ended { outcome, reason: "as planned".to_owned() });
    }
    events.extend([
        Event::TargetReset,
        Event::SignedOff { id: n("gd-one"), by: vec![n("ivo"), n("tom")] },
        Event::Closed { steady_after: Some(true) },
        Event::Closed { steady_after: None },
        attached(Some("targets/depot".to_owned())),
    ]);
    events.extend(later());
    events.extend(reviews().into_iter().map(|entry| Event::Reviewed { by: n("tom"), entry }));
    (0..)
        .zip(events)
        .map(|(seq, event)| Recorded { seq, at: START + Span::from_millis(seq * 1001), event })
        .collect()
}

/// Every stored journal of the corpus with its name and its text.
fn stored() -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .expect("the corpus is committed")
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "the corpus is empty");
    files
}

#[test]
fn every_stored_journal_still_reads_and_means_the_same() {
    for (name, text) in stored() {
        let journal = read_jsonl(&folder().join(&name)).unwrap_or_else(|bad| panic!("{name}: {bad}"));
        assert_eq!(journal.len(), text.lines().count(), "{name}");
        for (record, line) in journal.iter().zip(text.lines()) {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let version = value["v"].as_u64().unwrap();
            let kind = value["kind"].as_str().unwrap();
            assert_eq!(kind, kind_of(&record.event), "{name}: {line}");
            // A kind whose version has moved on is written in its new form; all others to the byte.
            if version == u64::from(Event::version(kind)) {
                assert_eq!(record.to_line(), line, "{name}");
            }
            assert_eq!(Recorded::from_line(&record.to_line()).unwrap(), *record, "{name}");
        }
    }
}

#[test]
fn every_kind_step_and_act_has_its_line() {
    let mut seen = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (name, _) in stored() {
        for record in read_jsonl(&folder().join(name)).unwrap() {
            seen.0.insert(kind_of(&record.event));
            if let Some((_, step)) = record.event.injection_step() {
                seen.1.insert(step_of(step));
            }
            if let Event::Acted { act, .. } = &record.event {
                seen.2.insert(act_of(act));
            }
            if let Event::Reviewed { entry, .. } = &record.event {
                seen.3.insert(review_of(entry));
            }
        }
    }
    for (seen, all, what) in [
        (seen.0, KINDS, "kind of event"),
        (seen.1, STEPS, "step of an injection"),
        (seen.2, ACTS, "act"),
        (seen.3, REVIEWS, "entry of a trainer"),
    ] {
        for name in all {
            assert!(seen.contains(name), "the corpus holds no {what} `{name}`");
        }
    }
}

#[test]
fn the_stored_journal_is_the_one_that_is_made_here() {
    let path = folder().join("every-kind.jsonl");
    let made = journal();
    if std::env::var_os("GAMEDAY_WRITE_CORPUS").is_some() {
        let stored = if path.exists() { read_jsonl(&path).unwrap() } else { Vec::new() };
        assert!(made.starts_with(&stored), "a stored line is never changed: add new events at the end");
        std::fs::create_dir_all(folder()).unwrap();
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        write_jsonl(&made[stored.len()..], file).unwrap();
    }
    // By meaning, not by text: a line of an older version stays as it was written.
    let stored = read_jsonl(&path).unwrap();
    for (stored, made) in stored.iter().zip(&made) {
        assert_eq!(stored.to_line(), made.to_line());
    }
    assert_eq!(stored.len(), made.len());
}

proptest::proptest! {
    /// A score that is computed again from a journal must not differ in its last digit.
    #[test]
    fn a_figure_reads_back_exactly(percent in proptest::num::f64::NORMAL) {
        let share = ClaimedShare { percent, up_to: None, confidence: None };
        let claim = ImpactClaim { failed: BTreeMap::from([(n("put"), share)]), ..ImpactClaim::default() };
        let record = Recorded { seq: 0, at: START, event: Event::Acted { by: n("ana"), act: Act::Assess(claim) } };
        proptest::prop_assert_eq!(Recorded::from_line(&record.to_line()).unwrap(), record);
    }
}
