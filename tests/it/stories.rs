//! How drills end, each told once: in virtual time, on the modelled target.

use crate::stage::{Stage, run, scenario};
use gameday::{
    base::{Person, Span, limits},
    drill::{
        Drill,
        command::{Command, Refusal},
        event::{Event, Hat, InjectionStep, Outcome, Recorded},
        injection::State,
        plan::Plan,
    },
    engine::{Conductor, Desk},
    fault::Fault,
    report::{self, Journal, proof::Proof},
    scenario::condition::{Condition, Op, Signal, Subject, Test, Threshold},
    store::MemoryStore,
    target::{
        Operator,
        sim::{Breakage, Call, Moment},
    },
};
use std::sync::Arc;

fn person(name: &str) -> Person {
    name.parse().unwrap()
}

/// A stage whose plan was changed before the drill.
fn stage_with(name: &str, change: impl FnOnce(&mut Plan)) -> Stage {
    let mut stage = Stage::new(&scenario(name), 7, Arc::new(MemoryStore::new()));
    change(&mut stage.plan);
    stage
}

/// People only: nobody repairs anything.
fn nobody_plays(plan: &mut Plan) {
    plan.autopilot.clear();
}

async fn played(stage: &Stage) -> (Drill, Vec<Recorded>) {
    let mut conductor = stage.begin().await.unwrap();
    conductor.conduct().await.unwrap();
    (conductor.drill().clone(), stage.journal().await)
}

/// Conducts, and does `act` once when `moment` is in the journal.
async fn interrupted<A: Future<Output = ()>>(
    conductor: &mut Conductor,
    moment: impl Fn(&Event) -> bool,
    act: impl FnOnce(Desk) -> A,
) {
    let desk = conductor.desk();
    let driver = async {
        let mut changed = desk.changed();
        while !desk.journal(0).iter().any(|recorded| moment(&recorded.event)) {
            changed.changed().await.unwrap();
        }
        act(desk.clone()).await;
    };
    let (conducted, ()) = tokio::join!(conductor.conduct(), driver);
    conducted.unwrap();
}

fn is_live(event: &Event) -> bool {
    matches!(event.injection_step(), Some((_, InjectionStep::Live)))
}

fn never_injected(journal: &[Recorded]) -> bool {
    !journal.iter().any(|recorded| {
        matches!(
            recorded.event.injection_step(),
            Some((_, InjectionStep::Intent { .. } | InjectionStep::Injecting))
        )
    })
}

fn condition(class: &str, signal: Signal, op: Op, value: f64) -> Condition {
    Condition {
        subject: Subject::Class(class.parse().unwrap()),
        tests: vec![Test { signal, threshold: Threshold { op, value } }],
        over: Span::from_secs(5),
        held: Span::from_secs(5),
    }
}

fn is_scored(journal: &[Recorded]) -> bool {
    let score = report::score(&Journal::new(journal).unwrap(), None);
    serde_json::to_value(&score).unwrap()["unscored"].is_null()
}

#[test]
fn a_stop_condition_that_fails_ends_the_drill_within_twenty_seconds() {
    run(async {
        let stage = stage_with("session-hang", |plan| {
            nobody_plays(plan);
            plan.stop_conditions = vec![condition("put", Signal::Failed, Op::Below, 0.5)];
        });
        let (drill, journal) = played(&stage).await;
        assert_eq!(drill.outcome(), Some(Outcome::Aborted));
        let at = |wanted: &dyn Fn(&Event) -> bool| {
            journal.iter().find(|recorded| wanted(&recorded.event)).unwrap().at
        };
        let bad = at(&|event| matches!(event, Event::SymptomSeen { .. }));
        let gone = at(&|event| matches!(event.injection_step(), Some((_, InjectionStep::Reverted))));
        assert!(gone.since(bad) <= Span::from_secs(20), "{}", gone.since(bad));
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn a_fault_that_nobody_feels_makes_the_drill_void_and_unscored() {
    run(async {
        let stage = stage_with("slow-crossing", |plan| {
            nobody_plays(plan);
            for injection in &mut plan.injections {
                if let Fault::LinkLatency { latency_ms, jitter_ms, .. } = &mut injection.fault {
                    (*latency_ms, *jitter_ms) = (1, 0);
                }
            }
        });
        let (drill, journal) = played(&stage).await;
        assert_eq!(drill.outcome(), Some(Outcome::Void));
        assert!(drill.is_clean() && !is_scored(&journal));
        let proof = Proof::of(&Journal::new(&journal).unwrap());
        assert!(!proof.holds(), "a void drill proves nothing");
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn without_a_steady_state_nothing_is_injected() {
    run(async {
        let stage = stage_with("pool-shrink", |plan| {
            plan.steady_state = vec![condition("put", Signal::P95, Op::AtMost, 1.0)];
        });
        let (drill, journal) = played(&stage).await;
        assert_eq!(drill.outcome(), Some(Outcome::Unfit));
        assert!(never_injected(&journal) && !is_scored(&journal));
    });
}

#[test]
fn a_steady_state_that_is_lost_before_the_start_stops_it() {
    run(async {
        let stage = stage_with("pool-shrink", nobody_plays);
        let mut conductor = stage.begin().await.unwrap();
        let sim = stage.sim.clone();
        interrupted(
            &mut conductor,
            |event| matches!(event, Event::SteadyStateHeld),
            |_| async move {
                let argv: Vec<String> =
                    ["depotctl", "set", "web", "pool.size", "1"].map(str::to_owned).into();
                assert_eq!(sim.operate(&argv).await.0, Some(0));
            },
        )
        .await;
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Unfit));
        let journal = stage.journal().await;
        let began = |event: &Event| {
            matches!(event, Event::Started)
                || matches!(event.injection_step(), Some((_, InjectionStep::Injecting)))
        };
        assert!(!journal.iter().any(|recorded| began(&recorded.event)));
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn a_place_that_cannot_be_looked_at_is_not_clean() {
    run(async {
        let stage = stage_with("pool-shrink", nobody_plays);
        let mut conductor = stage.begin().await.unwrap();
        let sim = stage.sim.clone();
        interrupted(&mut conductor, is_live, |desk| async move {
            for _ in 0..3 {
                sim.break_next(Breakage { call: Call::Inspect, moment: Moment::Before });
            }
            let ina = person("ina");
            desk.send(Command::Join { person: ina.clone(), hat: Hat::Instigator }).await.unwrap();
            let stop = Command::Stop { by: ina, reason: "enough".into(), real_incident: false };
            desk.send(stop).await.unwrap();
        })
        .await;
        let journal = stage.journal().await;
        let place = |wanted: &dyn Fn(&InjectionStep) -> bool| {
            let step = |one: &Recorded| one.event.injection_step().is_some_and(|(_, step)| wanted(step));
            journal.iter().position(step).unwrap()
        };
        let undone = place(&|step| matches!(step, InjectionStep::Verifying { .. }));
        let stuck = place(&|step| matches!(step, InjectionStep::Stuck { .. }));
        let reverted = place(&|step| *step == InjectionStep::Reverted || *step == InjectionStep::Cleared);
        assert!(undone < stuck && stuck < reverted, "it is looked at until there is an answer");
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn every_injection_is_armed_with_a_lease_and_a_deadline() {
    run(async {
        for name in ["pool-shrink", "session-hang", "slow-crossing"] {
            let stage = stage_with(name, |_| {});
            played(&stage).await;
            let arms = stage.network.arms();
            assert!(!arms.is_empty());
            let limit = stage.plan.duration.limit.millis();
            for arm in arms {
                assert_eq!(arm.lease_ms, limits::LEASE.millis());
                // Planned end and a tenth, from the moment of arming on.
                let longest = limit + limit / 10 + limits::ARM_LEAD.millis();
                assert!((limit..=longest).contains(&arm.deadline_ms), "{name}: {} ms", arm.deadline_ms);
            }
        }
    });
}

#[test]
fn a_start_that_has_passed_is_missed_and_nothing_happens() {
    run(async {
        let stage = stage_with("pool-shrink", |plan| {
            plan.start = crate::stage::NOW - limits::START_LATE_MAX - Span::from_millis(1);
        });
        let (drill, journal) = played(&stage).await;
        assert_eq!(drill.outcome(), Some(Outcome::Missed));
        assert!(never_injected(&journal));
        assert!(!journal.iter().any(|recorded| matches!(recorded.event, Event::MeasuringBegan)));
    });
}

#[test]
fn when_time_is_up_the_engine_takes_the_fault_back() {
    run(async {
        let stage = stage_with("slow-crossing", nobody_plays);
        let (drill, journal) = played(&stage).await;
        assert_eq!(drill.outcome(), Some(Outcome::Completed));
        assert!(drill.injections().iter().all(|one| one.state == State::Reverted));
        assert_eq!(drill.steady_after(), Some(true));
        assert!(!journal.iter().any(|recorded| matches!(recorded.event, Event::Restored { .. })));
        assert!(is_scored(&journal));
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn a_real_incident_stops_everything_and_is_not_scored() {
    run(async {
        let stage = stage_with("pool-shrink", nobody_plays);
        let mut conductor = stage.begin().await.unwrap();
        interrupted(&mut conductor, is_live, |desk| async move {
            let ana = person("ana");
            let stop =
                Command::Stop { by: ana.clone(), reason: "production is down".into(), real_incident: true };
            let stranger = desk.send(stop.clone()).await;
            assert_eq!(stranger, Err(Refusal::NotJoined(ana.clone())));
            desk.send(Command::Join { person: ana, hat: Hat::Responder }).await.unwrap();
            desk.send(stop).await.unwrap();
        })
        .await;
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Stopped));
        assert!(conductor.drill().is_clean() && !is_scored(&stage.journal().await));
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn a_silent_agent_ends_the_drill_and_its_leases_end_the_fault() {
    run(async {
        let stage = stage_with("pool-shrink", nobody_plays);
        let mut conductor = stage.begin().await.unwrap();
        let sim = stage.sim.clone();
        let back = stage.sim.clone();
        let ended = |event: &Event| matches!(event, Event::Ended { .. });
        let desk = conductor.desk();
        let found = async {
            let mut changed = desk.changed();
            // Unknown is never clean: while the agent is away, the drill goes on trying.
            let stuck = |recorded: &Recorded| {
                matches!(
                    recorded.event.injection_step(),
                    Some((_, InjectionStep::Stuck { attempt: 3.., .. }))
                )
            };
            while !desk.journal(0).iter().any(stuck) {
                changed.changed().await.unwrap();
            }
            assert!(desk.journal(0).iter().any(|recorded| ended(&recorded.event)));
            back.find();
        };
        tokio::join!(interrupted(&mut conductor, is_live, |_| async move { sim.lose() }), found);
        assert_eq!(conductor.drill().outcome(), Some(Outcome::Aborted));
        assert!(conductor.drill().is_clean());
        stage.sim.settle();
        stage.sim.is_pristine().unwrap();
    });
}

#[test]
fn a_repair_that_differs_is_never_overwritten_and_two_people_sign_it_off() {
    run(async {
        let stage = stage_with("pool-shrink", nobody_plays);
        let mut conductor = stage.begin().await.unwrap();
        let sim = stage.sim.clone();
        interrupted(&mut conductor, is_live, |desk| async move {
            let argv: Vec<String> = ["depotctl", "set", "web", "pool.size", "12"].map(str::to_owned).into();
            assert_eq!(sim.operate(&argv).await.0, Some(0));
            let ina = person("ina");
            desk.send(Command::Join { person: ina.clone(), hat: Hat::Instigator }).await.unwrap();
            let stop = Command::Stop { by: ina, reason: "enough".into(), real_incident: false };
            desk.send(stop).await.unwrap();
        })
        .await;
        let drill = conductor.drill();
        let blocked = &drill.injections()[0];
        assert_eq!(blocked.state, State::Diverged);
        assert!(!drill.is_clean(), "the target stays quarantined");
        let sign_off = |by: &[&str]| Command::SignOff {
            id: blocked.planned.id.clone(),
            by: by.iter().map(|name| person(name)).collect(),
        };
        let now = crate::stage::NOW;
        assert!(matches!(drill.decide(now, &sign_off(&["ana", "ana"])), Err(Refusal::NoSignOff(_))));
        assert!(matches!(
            drill.decide(now, &sign_off(&["ana", "ben"])).as_deref(),
            Ok([Event::SignedOff { .. }])
        ));
    });
}
