//! Journals by hand: a plan, then events by their second from StartEx.

use crate::{
    base::{At, Span},
    drill::{
        event::{Event, Hat, InjectionStep, Outcome, Recorded},
        measure::{Bucket, Tally},
        plan::{Admission, FactOffer, Plan, PlannedInjection},
    },
    fault::{Fault, Fence},
    scenario::{
        AlarmRule, AlarmSeverity, AlarmTrigger, Duration, Inject, Profile,
        act::{Act, CauseClaim, ClaimedShare, ClaimedWindow, ImpactClaim, Role, StatusState, When},
        condition::{Condition, Op, Signal, Subject, Test, Threshold},
        pack::{
            BlastCaps, CatalogueEntry, CatalogueKind, Driver, Expect, RequestClass, Service,
            TargetDescription, WorkloadShape,
        },
        roster::RosterNeeds,
        severity::{Answer, Question},
        ticket::{Priority, TicketAct},
        truth::{CauseTruth, DecisionTruth, Fact, Rung, Truth},
    },
    seed::Seed,
};
use std::collections::BTreeMap;

/// StartEx of every play.
pub(crate) const START: At = At::from_millis(1_796_130_000_000);
/// When users are first harmed.
pub(crate) const ONSET: u64 = 125;

pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("tests use good names")
}

fn service(instance: &str, component: &str) -> Service {
    Service {
        name: name(instance),
        component: name(component),
        datacenter: "east".to_owned(),
        about: format!("the {component}"),
        metrics: None,
    }
}

fn class(of: &str, rate: f64) -> RequestClass {
    RequestClass {
        name: name(of),
        rate,
        method: "GET".to_owned(),
        path: "/o/{n}".to_owned(),
        keys: 100,
        body_bytes: 0,
        headers: BTreeMap::new(),
        expect: Expect { status: vec![200], within: Span::from_secs(1) },
    }
}

fn target() -> TargetDescription {
    TargetDescription {
        name: "depot".to_owned(),
        driver: Driver::Depot,
        datacenters: vec!["east".to_owned(), "west".to_owned()],
        services: vec![
            service("web-east", "web"),
            service("web-west", "web"),
            service("edge", "edge"),
            service("metadata", "metadata"),
        ],
        links: vec![],
        volumes: vec![],
        files: vec![],
        parts: Vec::new(),
        probes: vec![],
        operations: vec![],
        caps: BlastCaps { services: 2, links: 2, volumes: 1 },
        hands_off: BTreeMap::new(),
    }
}

fn fact(id: &str, says: &str, any: &[&str]) -> Fact {
    Fact {
        id: id.to_owned(),
        says: says.to_owned(),
        any: vec![any.iter().map(|&one| one.to_owned()).collect()],
    }
}

fn truth() -> Truth {
    Truth {
        cause: CauseTruth {
            component: "web".to_owned(),
            kind: "config.capacity.too-small".to_owned(),
            trigger: "the evening roll-out of 2026.11.3".to_owned(),
            facts: vec![
                fact("f1", "Each web instance holds two connections.", &["two connections", "pool size 2"]),
                fact("f3", "It began with a roll-out.", &["2026.11.3", "roll-out"]),
            ],
            distractors: vec![
                fact("f2", "The disk is full.", &["disk is full"]),
                fact("f4", "A certificate expired.", &["certificate expired"]),
            ],
            spreads: vec![("web".to_owned(), "edge".to_owned())],
            contributing: vec!["no alarm on pool saturation".to_owned()],
        },
        impact: BTreeMap::new(),
        owners: vec!["web-oncall".to_owned()],
        severity: [("live", "true"), ("users", "some-of-all"), ("sites", "east")]
            .map(|(question, answer)| (question.to_owned(), answer.to_owned()))
            .into(),
        priority: Some(Priority::VeryUrgent),
        decision: [
            (Rung::DoNothing, false, true, "symptom"),
            (Rung::Broadcast, false, false, "symptom"),
            (Rung::RollBack, true, false, "localised"),
            (Rung::FastTrack, true, false, "mechanism"),
        ]
        .map(|(rung, effective, harmful, after)| {
            (rung, DecisionTruth { effective, harmful, knowable_after: Some(after.to_owned()) })
        })
        .into(),
        milestones: ["symptom", "localised", "mechanism", "mitigated", "root-fixed"]
            .map(str::to_owned)
            .to_vec(),
    }
}

fn alarms() -> Vec<AlarmRule> {
    let rule = |of: &str, severity, related| AlarmRule {
        name: name(of),
        severity,
        summary: "{failed} of uploads failed".to_owned(),
        runbook: Some("runbooks/uploads.md".to_owned()),
        trigger: AlarmTrigger::At(Span::from_secs(160)),
        related,
    };
    vec![
        rule("UploadErrorsHigh", AlarmSeverity::Page, true),
        rule("DiskPredictedFull", AlarmSeverity::Warning, false),
    ]
}

pub(crate) fn put_failed_below_1_percent() -> Condition {
    Condition {
        subject: Subject::Class(name("put")),
        tests: vec![Test { signal: Signal::Failed, threshold: Threshold { op: Op::Below, value: 0.01 } }],
        over: Span::from_secs(5),
        held: Span::from_secs(60),
    }
}

pub(crate) fn plan() -> Plan {
    let truth = truth();
    Plan {
        drill: name("d-k2m4p6q8"),
        scenario: "pool-shrink".to_owned(),
        title: "Uploads fail after the evening release".to_owned(),
        digest: "5f1c0a9b2d".repeat(6),
        sealed: None,
        variant: None,
        summary: "A roll-out shrinks the web tier's connection pool; uploads queue and time out.".to_owned(),
        family: None,
        objectives: vec!["read a pool's saturation before restarting anything".to_owned()],
        difficulty: 2,
        seed: Seed(7),
        start: START,
        profile: Profile::UnderstandFirst,
        duration: Duration { par: Span::from_mins(10), limit: Span::from_mins(30) },
        target: target(),
        catalogue: vec![CatalogueEntry {
            name: "depotctl(1)".to_owned(),
            kind: CatalogueKind::Man,
            title: "operate the depot".to_owned(),
            address: "man/depotctl.md".to_owned(),
            anchors: vec!["rollback".to_owned()],
            digest: "00".to_owned(),
        }],
        hints: vec!["depotctl(1)".to_owned()],
        questions: vec!["How many requests wait for a connection?".to_owned()],
        severity: ["live", "users", "sites"]
            .map(|id| Question::standard(id, &target()).expect("a standard question"))
            .to_vec(),
        ladder: Rung::ALL.to_vec(),
        roster: RosterNeeds { instigators: (1, 3), responders: (1, 6), mix: None, prerequisites: Vec::new() },
        steady_state: vec![],
        workload: WorkloadShape { classes: vec![class("put", 8.0), class("get", 20.0)], encrypted: false },
        second_act: Vec::new(),
        reactors: Vec::new(),
        injections: vec![PlannedInjection {
            id: name("gd-7f3a9c2e"),
            injector: "config-rollout".to_owned(),
            related: true,
            at: Span::from_secs(120),
            until: None,
            fault: Fault::ReleaseRollOut {
                service: name("web"),
                release: "2026.11.3".to_owned(),
                key: "pool.size".to_owned(),
                value: "2".to_owned(),
            },
        }],
        alarms: alarms(),
        injects: vec![Inject {
            held: false,
            at: Span::from_secs(360),
            unless: None,
            from: "user".to_owned(),
            to: Role::FirstLine,
            text: "I cannot upload my thesis!".to_owned(),
        }],
        stop_conditions: vec![],
        admission: Admission::default(),
        restored_when: vec![put_failed_below_1_percent()],
        fact_offers: truth
            .cause
            .facts
            .iter()
            .chain(&truth.cause.distractors)
            .map(|fact| FactOffer { id: fact.id.clone(), says: fact.says.clone() })
            .collect(),
        truth,
        reference_solution: vec![vec!["depotctl".to_owned(), "rollback".to_owned(), "web".to_owned()]],
        autopilot: vec![],
        routes: vec![],
        optional_routes: std::collections::BTreeSet::new(),
    }
}

/// A play in the making.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) plan: Plan,
    events: Vec<(u64, Event)>,
}

impl Play {
    /// Joined people, StartEx, nothing else.
    pub(crate) fn of(plan: Plan) -> Self {
        let mut made = Self { plan, events: Vec::new() };
        for (person, hat) in [("ana", Hat::Responder), ("ben", Hat::Responder), ("ivy", Hat::Instigator)] {
            made = made.event(0, Event::Joined { person: name(person), hat });
        }
        made.event(0, Event::MeasuringBegan).event(0, Event::Started)
    }

    pub(crate) fn event(mut self, second: u64, event: Event) -> Self {
        self.events.push((second * 1000, event));
        self
    }

    pub(crate) fn act(self, second: u64, by: &str, act: Act) -> Self {
        self.event(second, Event::Acted { by: name(by), act })
    }

    pub(crate) fn ran(self, second: u64, words: &str) -> Self {
        self.ran_by(second, "ben", words)
    }

    pub(crate) fn ran_by(self, second: u64, by: &str, words: &str) -> Self {
        self.event(
            second,
            Event::Operated {
                by: name(by),
                argv: words.split(' ').map(str::to_owned).collect(),
                exit: Some(0),
                output: String::new(),
            },
        )
    }

    pub(crate) fn step(self, second: u64, step: InjectionStep) -> Self {
        let id = self.plan.injections[0].id.clone();
        self.event(second, Event::Injection { id, step })
    }

    /// A second for each of `seconds`: 8 puts of which `put(second)` fail, 20 gets of which none does.
    pub(crate) fn measured(mut self, seconds: std::ops::Range<u64>, put: impl Fn(u64) -> u32) -> Self {
        for second in seconds {
            let tally = |sent, failed| Tally { sent, failed, dropped: 0, p50_ms: 20, p95_ms: 60, p99_ms: 90 };
            let bucket = Bucket {
                classes: BTreeMap::from([(name("put"), tally(8, put(second))), (name("get"), tally(20, 0))]),
                lateness_ms: 1,
            };
            let measured = Event::Measured { second: START + Span::from_secs(second), bucket };
            self.events.push((second * 1000 + 1000, measured));
        }
        self
    }

    /// The fault goes in at 120 s, bites at 125 s and raises its alarm at 160 s.
    pub(crate) fn broken(self) -> Self {
        let fence = Fence { epoch: 1, seq: 1 };
        let alarm = Event::AlarmRaised {
            alarm: name("UploadErrorsHigh"),
            summary: "50 % of uploads failed in the last minute".to_owned(),
        };
        let symptom = Event::SymptomSeen { detail: "put failed 50 %".to_owned() };
        self.step(119, InjectionStep::Probed)
            .step(119, InjectionStep::Intent { fence, deadline: START + Span::from_mins(33) })
            .step(119, InjectionStep::Armed)
            .step(120, InjectionStep::Injecting)
            .step(121, InjectionStep::Applied)
            .step(130, InjectionStep::Live)
            .event(130, symptom)
            .event(160, alarm)
    }

    /// Half of all puts fail from the onset until `until`.
    pub(crate) fn outage(self, until: u64, end: u64) -> Self {
        self.measured(0..end, |second| if (ONSET..until).contains(&second) { 4 } else { 0 })
    }

    pub(crate) fn restored(self, since: u64) -> Self {
        let at = START + Span::from_secs(since);
        self.event(since + 60, Event::Restored { since: at })
            .event(since + 61, Event::AlarmResolved { alarm: name("UploadErrorsHigh") })
    }

    pub(crate) fn ended(self, second: u64, outcome: Outcome) -> Self {
        let reason = match outcome {
            Outcome::Completed => "played to its end",
            _ => "for a test",
        };
        self.event(second, Event::Ended { outcome, reason: reason.to_owned() })
    }

    /// The same without some of its events.
    pub(crate) fn without(mut self, which: impl Fn(&Event) -> bool) -> Self {
        self.events.retain(|(_, event)| !which(event));
        self
    }

    /// The journal: events by time, in the order in which they were added within one moment.
    pub(crate) fn journal(mut self) -> Vec<Recorded> {
        self.events.sort_by_key(|(at, _)| *at);
        let planned = (0, Event::Planned(Box::new(self.plan)));
        std::iter::once(planned)
            .chain(self.events)
            .zip(0..)
            .map(|((at, event), seq)| Recorded { seq, at: START + Span::from_millis(at), event })
            .collect()
    }
}

pub(crate) fn at(second: u64) -> When {
    When::Offset(Span::from_secs(second))
}

pub(crate) fn right_cause() -> CauseClaim {
    CauseClaim {
        component: Some("web".to_owned()),
        kind: Some("config.capacity".to_owned()),
        facts: vec!["f1".to_owned()],
        text: "The roll-out of 2026.11.3 left each instance with two connections.".to_owned(),
        onset: Some(at(ONSET)),
        confidence: Some(90),
        evidence: vec![],
    }
}

pub(crate) fn right_impact(until: u64) -> ImpactClaim {
    ImpactClaim {
        windows: vec![ClaimedWindow { from: at(ONSET), to: at(until) }],
        failed: BTreeMap::from([(
            name("put"),
            ClaimedShare { percent: 50.0, up_to: None, confidence: None },
        )]),
        text: "Half of all uploads failed.".to_owned(),
    }
}

pub(crate) fn status(state: StatusState) -> Act {
    Act::Status {
        text: "Uploads are failing for about half of all users".to_owned(),
        to: ["users", "stakeholders", "first-line"].map(str::to_owned).to_vec(),
        state,
        next_in: Some(Span::from_mins(30)),
        ticket: None,
    }
}

/// A status update that is mirrored into the first ticket as it is sent.
pub(crate) fn mirrored(state: StatusState) -> Act {
    match status(state) {
        Act::Status { text, to, state, next_in, .. } => {
            Act::Status { text, to, state, next_in, ticket: Some(name("t1")) }
        }
        act => act,
    }
}

/// A ticket with every field right.
pub(crate) fn ticket() -> Act {
    Act::Ticket(TicketAct::Open {
        title: "Half of all uploads fail".to_owned(),
        on: Some("web".to_owned()),
        priority: Some(Priority::VeryUrgent),
        text: "requests wait for a connection".to_owned(),
        cc: vec!["web-oncall".to_owned()],
    })
}

/// A decision with a reason, recorded in the first ticket; ben was asked.
pub(crate) fn decide(option: Rung) -> Act {
    Act::Decide {
        option,
        because: "the release made the pool too small".to_owned(),
        asked: vec!["ben".to_owned()],
        ticket: Some(name("t1")),
    }
}

/// A log entry about the web.
pub(crate) fn log() -> Act {
    Act::Log { text: "roll web back".to_owned(), on: Some("web".to_owned()) }
}

/// The first ticket is closed.
pub(crate) fn close() -> Act {
    Act::Ticket(TicketAct::Close { ticket: Some(name("t1")), text: String::new() })
}

/// Answers to the severity checklist, as people type them: words with commas between them.
pub(crate) fn answers(list: &[(&str, &str)]) -> Act {
    let answer = |words: &str| Answer::of(words.split(',').map(str::to_owned));
    Act::Severity(list.iter().map(|(id, words)| ((*id).to_owned(), answer(words))).collect())
}

/// The numbers of the operations on the target.
pub(crate) fn looks(events: &[Recorded]) -> Vec<u64> {
    let ran = |one: &&Recorded| matches!(one.event, Event::Operated { .. });
    events.iter().filter(ran).map(|one| one.seq).collect()
}

/// Notices at once, declares, opens a ticket, tells people, looks before it acts, decides with reasons, repairs,
/// understands, assesses, closes and hands back.
pub(crate) fn perfect() -> Play {
    let response = Play::of(plan())
        .broken()
        .outage(410, 620)
        .act(180, "ana", Act::TakeRole(Role::Ic))
        .act(182, "ben", Act::TakeRole(Role::Operations))
        .act(185, "ana", Act::Ack(name("UploadErrorsHigh")))
        .ran(205, "depotctl list")
        .act(240, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .ran(260, "depotctl logs web")
        .act(262, "ana", ticket())
        .act(300, "ana", mirrored(StatusState::Investigating))
        .act(330, "ben", Act::Hypothesis(right_cause()))
        .act(340, "ben", Act::Say("the pool looks tiny".to_owned()))
        .act(350, "ana", decide(Rung::RollBack))
        .act(390, "ben", log())
        .ran(400, "depotctl rollback web")
        .step(425, InjectionStep::Cleared)
        .act(430, "ben", Act::Say("web is rolled back".to_owned()))
        .restored(410)
        .act(500, "ana", mirrored(StatusState::Resolved));
    let mut cause = right_cause();
    cause.evidence = looks(&response.clone().journal());
    response
        .act(520, "ben", Act::Cause(cause))
        .act(540, "ana", Act::Assess(right_impact(410)))
        .act(545, "ana", answers(&[("live", "true"), ("users", "some-of-all"), ("sites", "east")]))
        .act(590, "ben", Act::ReleaseRole(Role::Operations))
        .act(600, "ana", Act::Resolve("uploads work again".to_owned()))
        .act(602, "ana", close())
        .act(605, "ana", Act::ReleaseRole(Role::Ic))
        .ended(620, Outcome::Completed)
}

/// Sees nothing, says nothing, does nothing.
pub(crate) fn do_nothing() -> Play {
    Play::of(plan()).broken().outage(1800, 1800).ended(1800, Outcome::Completed)
}

/// Rolls back at once and goes home.
pub(crate) fn restorer() -> Play {
    Play::of(plan())
        .broken()
        .outage(240, 420)
        .act(170, "ana", Act::Ack(name("UploadErrorsHigh")))
        .act(180, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .act(190, "ana", status(StatusState::Investigating))
        .ran(230, "depotctl rollback web")
        .step(250, InjectionStep::Cleared)
        .restored(240)
        .act(330, "ana", Act::Resolve("back".to_owned()))
        .ended(420, Outcome::Completed)
}

/// Restores late and understands everything.
pub(crate) fn scholar() -> Play {
    let mut cause = right_cause();
    cause.evidence = vec![10];
    Play::of(plan())
        .broken()
        .outage(1400, 1620)
        .act(900, "ana", Act::Ack(name("UploadErrorsHigh")))
        .ran(905, "depotctl list")
        .ran(960, "depotctl logs web")
        .act(1000, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .ran(1390, "depotctl rollback web")
        .step(1410, InjectionStep::Cleared)
        .restored(1400)
        .act(1500, "ben", Act::Cause(cause))
        .act(1510, "ana", Act::Assess(right_impact(1400)))
        .ended(1620, Outcome::Completed)
}

/// Deletes what is broken: no more errors of its own, and no service.
pub(crate) fn hacker() -> Play {
    let gone = InjectionStep::Gone { detail: "no such service".to_owned() };
    Play::of(plan())
        .broken()
        .measured(0..1800, |second| match second {
            0..ONSET => 0,
            ONSET..200 => 4,
            _ => 8,
        })
        .act(170, "ana", Act::Ack(name("UploadErrorsHigh")))
        .ran(200, "depotctl remove web")
        .step(210, gone)
        .act(220, "ana", Act::Resolve("no errors any more".to_owned()))
        .act(230, "ben", Act::Cause(right_cause()))
        .ended(1800, Outcome::Completed)
}

/// Nothing is broken; `says` is what the team makes of it.
pub(crate) fn no_fault(says: Option<&str>) -> Play {
    let mut quiet = plan();
    quiet.injections.clear();
    quiet.truth.cause.kind = "none.false-alarm".to_owned();
    quiet.truth.cause.component = String::new();
    quiet.truth.cause.facts.clear();
    quiet.truth.milestones.clear();
    let play = Play::of(quiet).measured(0..600, |_| 0).event(
        160,
        Event::AlarmRaised { alarm: name("DiskPredictedFull"), summary: "full in 4 h".to_owned() },
    );
    let play = match says {
        Some(kind) => play.act(
            300,
            "ana",
            Act::Cause(CauseClaim { kind: Some(kind.to_owned()), ..CauseClaim::default() }),
        ),
        None => play,
    };
    play.ended(600, Outcome::Completed)
}
