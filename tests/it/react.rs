//! Injectors that adapt to what was measured, told as stories: what they add is planned by an event, within the same
//! caps, a bounded number of times, and a journal tells it again without the script.

use crate::{
    golden::{compare, lines},
    stage::{Stage, run, scenario},
};
use gameday::{
    base::{Span, limits::REACTIONS_MAX},
    drill::{
        Drill,
        event::{Event, InjectionStep, Outcome, Recorded},
        injection::State,
        plan::{Plan, PlannedInjection},
    },
    fault::{
        Fault,
        injector::{ReactMoment, Reactor},
    },
    scenario::condition::{Op, Threshold},
};
use serde_json::{Value, json};

const STUBBORN: &str = include_str!("../../fault-injectors/stubborn-hang.rhai");

fn reactor(source: &str, reacts: ReactMoment, params: Value) -> Reactor {
    let Value::Object(params) = params else { unreachable!() };
    let injector = "stubborn-hang".to_owned();
    Reactor { injector, related: true, source: source.to_owned(), params, reacts: vec![reacts] }
}

/// The session service hangs and is restarted by its responders; the injector waits for that.
fn stubborn() -> Reactor {
    let params = json!({"first": "session", "second": "metadata", "wait": 0});
    reactor(STUBBORN, ReactMoment::Restored, params)
}

/// A stage with one injector that reacts.
fn staged(reactor: Reactor, change: impl FnOnce(&mut Plan)) -> Stage {
    let mut stage = Stage::in_memory(&scenario("session-hang"), 7);
    stage.plan.reactors = vec![reactor];
    stage.plan.duration.limit = Span::from_mins(5);
    // What is added harms more than the scenario's author allowed for.
    for test in stage.plan.stop_conditions.iter_mut().flat_map(|condition| &mut condition.tests) {
        test.threshold = Threshold { op: Op::Below, value: f64::MAX };
    }
    change(&mut stage.plan);
    stage
}

/// A played drill on such a stage.
fn played(reactor: Reactor, change: impl FnOnce(&mut Plan)) -> (Vec<Recorded>, Drill, Stage) {
    run(async {
        let stage = staged(reactor, change);
        let mut conductor = stage.begin().await.unwrap();
        conductor.conduct().await.unwrap();
        stage.sim.is_pristine().unwrap();
        (stage.journal().await, conductor.drill().clone(), stage)
    })
}

/// What injectors have answered, without the answers that want nothing.
fn reactions(journal: &[Recorded]) -> Vec<(&[PlannedInjection], Option<&str>)> {
    let told = |recorded: &'_ Recorded| matches!(recorded.event, Event::Reacted { .. });
    let events = journal.iter().filter(|recorded| told(recorded)).map(|recorded| &recorded.event);
    events
        .map(|event| match event {
            Event::Reacted { planned, refused, .. } => (planned.as_slice(), refused.as_deref()),
            _ => unreachable!(),
        })
        .filter(|(planned, refused)| !planned.is_empty() || refused.is_some())
        .collect()
}

#[test]
fn a_second_instance_hangs_when_the_first_was_restarted() {
    let (journal, live, _) = played(stubborn(), |_| {});
    let told = reactions(&journal);
    let [([second], None)] = told[..] else { panic!("{told:?}") };
    assert_eq!(second.fault, Fault::ProcessStop { service: "metadata".parse().unwrap() });
    let seq = |wanted: &dyn Fn(&Event) -> bool| {
        journal.iter().find(|recorded| wanted(&recorded.event)).expect("it happens").seq
    };
    let step = |wanted: InjectionStep| {
        seq(&|event| event.injection_step().is_some_and(|(id, step)| *id == second.id && *step == wanted))
    };
    let restored = seq(&|event| matches!(event, Event::Restored { .. }));
    let relapsed = seq(&|event| matches!(event, Event::Relapsed));
    // Looked at and armed like any other, and taken back at the end.
    let order = [
        restored,
        step(InjectionStep::Probed),
        step(InjectionStep::Armed),
        step(InjectionStep::Live),
        relapsed,
    ];
    assert!(order.is_sorted(), "{order:?}");
    assert!(step(InjectionStep::Reverted) > relapsed);
    assert_eq!(live.outcome(), Some(Outcome::Completed));
    assert!(live.is_clean());
    compare("reaction", "journal.jsonl", &lines(&journal));
}

#[test]
fn the_journal_alone_tells_it_again() {
    let (journal, live, _) = played(stubborn(), |_| {});
    // Nothing but the plan knows the script, and here it no longer does what it did.
    let mut blind = journal.clone();
    let Event::Planned(plan) = &mut blind[0].event else { unreachable!() };
    plan.reactors[0].source = "fn react(params, seen) { [] }".to_owned();
    let folded = Drill::fold(&blind).unwrap();
    let states = |drill: &Drill| {
        drill.injections().iter().map(|one| (one.planned.clone(), one.state)).collect::<Vec<_>>()
    };
    assert_eq!(states(&folded), states(&live));
    assert_eq!(format!("{:?}", Drill::fold(&journal).unwrap()), format!("{live:?}"));
    assert_eq!(lines(&journal), lines(&played(stubborn(), |_| {}).0), "one seed, the same bytes");
}

#[test]
fn what_is_beyond_the_caps_or_no_answer_at_all_is_refused_with_a_reason() {
    let all_down = r#"fn react(params, seen) {
        let down = [];
        for link in ["edge-web-east", "edge-web-west", "web-east-session", "web-west-session", "web-east-metadata",
            "web-west-metadata", "web-east-storage-east", "web-west-storage-west"] {
            down.push(#{fault: #{kind: "link-down", link: link}});
        }
        down
    }"#;
    for (source, reason) in [
        (all_down, "cap"),
        (r#"fn react(params, seen) { [#{fault: #{kind: "link-down", link: "nowhere"}}] }"#, "nowhere"),
        (
            r#"fn react(params, seen) { [#{at: "9h", fault: #{kind: "link-down", link: "edge-web-east"}}] }"#,
            "limit",
        ),
        ("fn react(params, seen) { throw \"enough\" }", "enough"),
        ("fn react(params, seen) { loop {} }", "does not end"),
        ("fn plan(params) { [] }", "no function `react(params, seen)`"),
    ] {
        let (journal, live, _) = played(reactor(source, ReactMoment::Restored, json!({})), |_| {});
        let told = reactions(&journal);
        let [([], Some(why))] = told[..] else { panic!("{source}: {told:?}") };
        assert!(why.contains(reason), "{source}: {why}");
        assert_eq!(live.injections().len(), 1, "{source}");
    }
}

#[test]
fn a_script_knows_what_was_measured_and_its_faults_are_bounded() {
    // A blink each minute, as long as users are well.
    let source = r#"fn react(params, seen) {
        if seen.minutes != seen.times || seen.restored || !seen.failed.contains("put") {
            throw `told ${seen.minutes} ${seen.times}`;
        }
        if seen.failed.put > 5 { return []; }
        let blink = #{kind: "link-latency", link: "edge-web-east", latency_ms: 1};
        [#{at: "1s", lasts: "2s", fault: blink}, #{at: "5s", lasts: "2s", fault: blink},
         #{at: "9s", lasts: "2s", fault: blink}]
    }"#;
    let mut blinks = reactor(source, ReactMoment::Minute, json!({}));
    blinks.related = false;
    let (journal, live, _) = played(blinks, |plan| {
        plan.autopilot.clear();
        plan.injections.clear();
        plan.duration.limit = Span::from_mins(9);
    });
    let told = reactions(&journal);
    let added: usize = told.iter().map(|(planned, _)| planned.len()).sum();
    assert_eq!(added, REACTIONS_MAX / 3 * 3);
    assert!(told.last().unwrap().1.unwrap().contains("more than"), "{told:?}");
    let never = told.iter().filter_map(|(_, refused)| *refused).find(|why| why.contains("told"));
    assert_eq!(never, None);
    assert_eq!(live.injections().len(), added);
    assert!(live.is_clean());
}

#[test]
fn a_reaction_that_cannot_land_does_not_end_the_drill() {
    // What hangs already cannot be made to hang: its place is not clean.
    let source = r#"fn react(params, seen) { [#{fault: #{kind: "process-stop", service: "session"}}] }"#;
    let (journal, live, _) = played(reactor(source, ReactMoment::Symptom, json!({})), |plan| {
        // It is let go of by the plan before the second one would overlap with it.
        plan.injections[0].until = Some(Span::from_secs(22));
    });
    let told = reactions(&journal);
    let [([added], None)] = told[..] else { panic!("{told:?}") };
    let second = live.injections().iter().find(|one| one.planned.id == added.id).unwrap();
    assert_eq!(second.state, State::Aborted);
    assert_eq!(live.outcome(), Some(Outcome::Completed), "{:?}", live.injections());
}

#[test]
fn what_a_dead_engine_has_asked_is_asked_again_by_the_next() {
    let whole_length = played(stubborn(), |_| {}).0.len() as u64;
    run(async {
        let dies = async |nth: u64| {
            let mut stage = staged(stubborn(), |_| {});
            assert!(stage.dies_in(nth, true).await, "the drill has no {nth} appends");
            let journal = stage.journal().await;
            let asked = journal.iter().any(|one| matches!(one.event, Event::Restored { .. }));
            (stage, journal, asked)
        };
        // The first append after which the question is out: the engine dies before anybody can answer it.
        let (mut before, mut after) = (2, whole_length / 4);
        while !dies(after).await.2 {
            (before, after) = (after, after + 20);
        }
        while after - before > 1 {
            let middle = u64::midpoint(before, after);
            if dies(middle).await.2 { after = middle } else { before = middle }
        }
        let (stage, journal, _) = dies(after).await;
        assert!(reactions(&journal).is_empty());
        let mut conductor = stage.take_over(true).await.unwrap();
        conductor.conduct().await.unwrap();
        let whole = stage.journal().await;
        assert!(matches!(reactions(&whole)[..], [([_], None)]), "{:?}", reactions(&whole));
        stage.sim.is_pristine().unwrap();
    });
}
