//! A second act: what was held back happens when an instigator begins it, once the first act is concluded, and not before;
//! the score is about the first.

use crate::stage::{Stage, run, scenario};
use gameday::{
    base::{Person, Span},
    drill::{
        Drill,
        command::{Command, Refusal},
        event::{Event, Hat, InjectionStep, Outcome, Recorded},
        plan::PlannedInjection,
    },
    fault::Fault,
    report::{Journal, score},
    scenario::{
        act::Act,
        condition::{Op, Threshold},
    },
};
use serde_json::Value;

/// The session service hangs and is restarted by its responders; then, perhaps, the metadata service hangs for a minute.
fn stage() -> Stage {
    let mut stage = Stage::in_memory(&scenario("session-hang"), 7);
    stage.plan.duration.limit = Span::from_mins(8);
    for test in stage.plan.stop_conditions.iter_mut().flat_map(|condition| &mut condition.tests) {
        test.threshold = Threshold { op: Op::Below, value: f64::MAX };
    }
    stage.plan.second_act = vec![PlannedInjection {
        id: "gd-second".parse().unwrap(),
        injector: "process-hang".to_owned(),
        related: true,
        at: Span::ZERO,
        until: Some(Span::from_secs(60)),
        fault: Fault::ProcessStop { service: "metadata".parse().unwrap() },
    }];
    stage
}

fn ivo() -> Person {
    "ivo".parse().unwrap()
}

/// Plays it; the instigator asks for the second act after every event until it is granted.
fn played(asks: bool) -> (Vec<Recorded>, Drill, Vec<Refusal>) {
    run(async {
        let stage = stage();
        let mut conductor = stage.begin().await.unwrap();
        let desk = conductor.desk();
        let mut refusals: Vec<Refusal> = Vec::new();
        let asking = async {
            if !asks {
                return;
            }
            desk.send(Command::Join { person: ivo(), hat: Hat::Instigator }).await.unwrap();
            let mut changed = desk.changed();
            while let Err(refusal) = desk.send(Command::SecondAct { by: ivo() }).await {
                if refusals.last() != Some(&refusal) {
                    refusals.push(refusal);
                }
                changed.changed().await.unwrap();
            }
        };
        let (conducted, ()) = tokio::join!(conductor.conduct(), asking);
        conducted.unwrap();
        stage.sim.is_pristine().unwrap();
        (stage.journal().await, conductor.drill().clone(), refusals)
    })
}

fn seq(journal: &[Recorded], wanted: impl Fn(&Event) -> bool) -> Option<u64> {
    journal.iter().find(|one| wanted(&one.event)).map(|one| one.seq)
}

fn began(journal: &[Recorded]) -> Option<u64> {
    seq(journal, |event| matches!(event, Event::SecondActBegan { .. }))
}

#[test]
fn it_begins_once_the_first_is_concluded_and_is_taken_back_like_everything_else() {
    let (journal, live, refusals) = played(true);
    let began = began(&journal).expect("the second act began");
    let codes: Vec<_> = refusals.iter().map(Refusal::code).collect();
    assert_eq!(codes, ["wrong-phase", "wrong-phase", "no-second-act"], "{refusals:?}");
    for act in ["cause", "assess", "resolve"] {
        let said =
            seq(&journal, |event| matches!(event, Event::Acted { act: done, .. } if done.verb() == act));
        assert!(said.unwrap() < began, "{act}");
    }
    let step = |wanted: InjectionStep| {
        seq(&journal, |event| {
            event.injection_step().is_some_and(|(id, step)| id.as_str() == "gd-second" && *step == wanted)
        })
    };
    // Service was restored, and is again once the second is taken back.
    let restored: Vec<u64> =
        journal.iter().filter(|one| matches!(one.event, Event::Restored { .. })).map(|one| one.seq).collect();
    let order =
        [Some(began), step(InjectionStep::Probed), step(InjectionStep::Armed), step(InjectionStep::Live)];
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}");
    let reverted = step(InjectionStep::Reverted).unwrap();
    assert!(restored[0] < began && *restored.last().unwrap() > reverted, "{restored:?}, {reverted}");
    assert_eq!(live.outcome(), Some(Outcome::Completed));
    assert!(live.is_clean());
    assert_eq!(format!("{:?}", Drill::fold(&journal).unwrap()), format!("{live:?}"));
}

#[test]
fn the_score_is_about_the_first_act() {
    let (journal, ..) = played(true);
    let began = began(&journal).unwrap();
    let both = score(&Journal::new(&journal).unwrap(), None);
    assert!(!both.dimensions.is_empty());
    let told = serde_json::to_value(&both).unwrap();
    let mut numbers = Vec::new();
    evidence(&told, &mut numbers);
    assert!(!numbers.is_empty());
    assert!(numbers.iter().all(|number| *number < began), "{numbers:?} and {began}");
}

/// Every event that a score points at.
fn evidence(value: &Value, into: &mut Vec<u64>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Array(list) if name == "evidence" => {
                        into.extend(list.iter().filter_map(Value::as_u64));
                    }
                    other => evidence(other, into),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|one| evidence(one, into)),
        _ => {}
    }
}

#[test]
fn nobody_has_to_begin_it() {
    let (journal, live, _) = played(false);
    assert_eq!(began(&journal), None);
    let at = |wanted: &dyn Fn(&Event) -> bool| journal.iter().rfind(|one| wanted(&one.event)).unwrap().at;
    let concluded = at(&|event| matches!(event, Event::Acted { act: Act::Resolve(_), .. }));
    let ended = at(&|event| matches!(event, Event::Ended { .. }));
    assert!(ended.since(concluded) >= Span::from_mins(2), "the drill waited for it");
    assert_eq!(live.outcome(), Some(Outcome::Completed));
    let injected =
        seq(&journal, |event| event.injection_step().is_some_and(|(id, _)| id.as_str() == "gd-second"));
    assert_eq!(injected, None);
}
