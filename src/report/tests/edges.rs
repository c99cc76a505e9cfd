//! Checks at the edges of their formulas, where two readings of one rule part: each value by hand.

use super::builder::{
    Play, decide, do_nothing, name, no_fault, plan, right_cause, right_impact, status, ticket,
};
use crate::{
    base::Span,
    drill::{
        event::{Event, InjectionStep, Outcome},
        plan::Plan,
    },
    report::{
        Journal, Score, score,
        score::{
            chance::{best_constant, ticks_everything},
            claim_score,
        },
    },
    scenario::{
        AlarmRule,
        act::{Act, CauseClaim, ClaimedShare, Role, StatusState},
        truth::Rung,
    },
};

fn of(play: Play) -> Score {
    score(&Journal::new(&play.journal()).unwrap(), None)
}

/// What a check is worth; nothing: it could not be judged, or does not arise.
fn worth(play: Play, id: &str) -> Option<f64> {
    of(play).check(id).unwrap_or_else(|| panic!("no check {id}")).score
}

fn near(value: Option<f64>, hand: f64) {
    assert!(value.is_some_and(|value| (value - hand).abs() < 0.0001), "{value:?} is not {hand}");
}

fn tell(to: &[&str], state: StatusState, next_in: Option<u64>) -> Act {
    Act::Status {
        text: "Half of all uploads fail at the moment".to_owned(),
        to: to.iter().map(|&one| one.to_owned()).collect(),
        state,
        next_in: next_in.map(Span::from_secs),
        ticket: None,
    }
}

#[test]
fn a_play_that_is_not_scored_has_no_mean() {
    assert_eq!(of(do_nothing()).weighted_mean().map(|mean| mean.is_finite()), Some(true));
    let void = Play::of(plan()).broken().outage(500, 500).ended(500, Outcome::Void);
    assert_eq!(of(void).weighted_mean(), None);
}

#[test]
fn shares_are_the_mean_over_every_class_that_is_named_or_harmed() {
    let with = |more: &[(&str, f64)]| {
        let mut claim = right_impact(1800);
        for (class, percent) in more {
            let share = ClaimedShare { percent: *percent, up_to: None, confidence: None };
            claim.failed.insert(name(class), share);
        }
        worth(do_nothing().act(1700, "ana", Act::Assess(claim)), "assess.shares")
    };
    let right = with(&[]).unwrap();
    assert!(right > 0.9, "{right}");
    // Nobody who read was harmed: the second of two is worth nothing.
    near(with(&[("get", 90.0)]), right / 2.0);
}

/// A truth without any statement that is wrong.
fn without_distractors() -> Plan {
    let mut plan = plan();
    let wrong: Vec<_> = plan.truth.cause.distractors.drain(..).map(|one| one.id).collect();
    plan.fact_offers.retain(|offer| !wrong.contains(&offer.id));
    plan
}

#[test]
fn where_nothing_offered_is_wrong_ticking_everything_is_worth_its_share() {
    near(Some(ticks_everything(&without_distractors())), 0.45);
    let (_, best) = best_constant(&[without_distractors()]);
    near(Some(best), 1.0);
}

#[test]
fn of_constant_claims_that_are_worth_the_same_the_first_is_told() {
    let mut other = plan();
    other.truth.cause.component = "metadata".to_owned();
    other.truth.cause.kind = "dependency.slow".to_owned();
    let (first, _) = best_constant(&[plan(), other.clone()]);
    let (turned, _) = best_constant(&[other, plan()]);
    assert_eq!((first.component.as_deref(), &first), (Some("metadata"), &turned));
}

#[test]
fn a_truth_without_facts_leaves_their_share_to_place_and_kind() {
    let mut bare = plan();
    bare.truth.cause.facts.clear();
    bare.truth.cause.distractors.clear();
    bare.fact_offers.clear();
    let claim = |component: Option<&str>, kind: Option<&str>| {
        let claim = CauseClaim {
            component: component.map(str::to_owned),
            kind: kind.map(str::to_owned),
            ..CauseClaim::default()
        };
        Some(claim_score(&bare, &claim))
    };
    near(claim(Some("web"), Some("config.capacity.too-small")), 1.0);
    near(claim(None, Some("config.capacity.too-small")), 0.20 / 0.55);
    // A quarter of a place that nothing supports.
    near(claim(Some("web"), None), 0.35 * 0.25 / 0.55);
}

#[test]
fn whoever_has_two_minutes_after_the_all_clear_has_time_to_hand_back() {
    let ended = |second| {
        let play = Play::of(plan())
            .broken()
            .outage(300, second)
            .act(150, "ana", Act::TakeRole(Role::Ic))
            .restored(300)
            .act(400, "ana", Act::Resolve("over".to_owned()))
            .ended(second, Outcome::Completed);
        worth(play, "close.handed-back")
    };
    assert_eq!(ended(519), None);
    near(ended(520), 0.0);
}

#[test]
fn a_promise_may_be_a_tenth_late() {
    let second = |next: u64| {
        let play = Play::of(plan())
            .broken()
            .outage(3000, 3000)
            .act(200, "ana", tell(&["users"], StatusState::Investigating, Some(1200)))
            .act(next, "ana", tell(&["users"], StatusState::Investigating, None))
            .ended(3000, Outcome::Completed);
        worth(play, "communicate.promises")
    };
    // Two minutes more than twenty.
    near(second(1520), 1.0);
    near(second(1521), 0.0);
}

#[test]
fn one_promise_of_two_is_half() {
    let play = Play::of(plan())
        .broken()
        .outage(3000, 3000)
        .act(200, "ana", tell(&["users"], StatusState::Investigating, Some(300)))
        .act(400, "ana", tell(&["users"], StatusState::Investigating, Some(300)))
        .ended(3000, Outcome::Completed);
    near(worth(play, "communicate.promises"), 0.5);
}

#[test]
fn whoever_was_told_counts_and_nobody_else() {
    let told = |to: &[&str]| {
        let play = do_nothing().act(300, "ana", tell(to, StatusState::Investigating, None));
        worth(play, "communicate.audiences")
    };
    near(told(&["users"]), 0.5);
    near(told(&["stakeholders", "users"]), 1.0);
    near(told(&["first-line"]), 0.0);
}

#[test]
fn a_minute_before_the_measurement_agrees_is_not_too_early() {
    let resolved = |second| {
        let play = Play::of(plan())
            .broken()
            .outage(500, 700)
            .act(second, "ana", Act::Resolve("over".to_owned()))
            .restored(500)
            .ended(700, Outcome::Completed);
        worth(play, "communicate.truthful")
    };
    near(resolved(440), 1.0);
    near(resolved(439), 0.25);
}

#[test]
fn who_coordinates_only_after_a_short_incident_is_not_judged() {
    let play = |from: u64| {
        Play::of(plan())
            .broken()
            .outage(185, 400)
            .act(from, "ana", Act::TakeRole(Role::Ic))
            .restored(185)
            .ended(400, Outcome::Completed)
    };
    assert_eq!(worth(play(200), "coordinate.ic"), None);
    // Within it all of it is free.
    let score = of(play(150));
    let check = score.check("coordinate.ic").unwrap();
    near(check.score, 1.0);
    let numbers: Vec<_> = check.numbers.iter().map(|number| number.value).collect();
    assert_eq!(numbers, [60.0, 60.0, 1.0]);
}

#[test]
fn one_hand_over_with_a_note_of_two_is_half() {
    let hand = |to: &str, note: &str| Act::HandOver { role: Role::Ic, to: name(to), note: note.to_owned() };
    let play = do_nothing()
        .act(150, "ana", Act::TakeRole(Role::Ic))
        .act(900, "ana", hand("ben", "the pool looks tiny, read the releases"))
        .act(1200, "ben", hand("ana", "yours"));
    near(worth(play, "coordinate.handed-over"), 0.5);
}

#[test]
fn when_service_is_back_there_is_nothing_to_decide() {
    let decided = |second| {
        let play = Play::of(plan())
            .broken()
            .outage(400, 700)
            .act(180, "ana", ticket())
            .act(200, "ben", Act::Hypothesis(right_cause()))
            .act(second, "ana", decide(Rung::RollBack))
            .step(410, InjectionStep::Cleared)
            .restored(400)
            .ended(700, Outcome::Completed);
        worth(play, "decide.reasons")
    };
    near(decided(399), 1.0);
    near(decided(400), 0.0);
}

#[test]
fn whoever_is_alone_need_not_ask_and_may() {
    let asked = |names: &[&str]| {
        let Act::Decide { option, because, ticket, .. } = decide(Rung::RollBack) else { unreachable!() };
        let asked = names.iter().map(|&one| one.to_owned()).collect();
        let play = do_nothing()
            .without(|event| matches!(event, Event::Joined { person, .. } if person.as_str() == "ben"))
            .act(400, "ana", Act::Decide { option, because, asked, ticket });
        worth(play, "decide.asked")
    };
    assert_eq!(asked(&[]), None);
    assert_eq!(asked(&["ana"]), None, "oneself is nobody else");
    near(asked(&["cho"]), 1.0);
}

#[test]
fn an_alarm_that_nobody_looks_after_is_half_of_two() {
    let mut two = plan();
    let again = AlarmRule { name: name("UploadsSlow"), ..two.alarms[0].clone() };
    two.alarms.push(again);
    let play = Play::of(two)
        .broken()
        .event(160, Event::AlarmRaised { alarm: name("UploadsSlow"), summary: "slow".to_owned() })
        .outage(1800, 1800)
        .act(200, "ana", Act::Ack(name("UploadErrorsHigh")))
        .ended(1800, Outcome::Completed);
    near(worth(play, "detect.triaged"), 0.5);
}

#[test]
fn where_nothing_is_broken_only_an_all_clear_says_so() {
    let said = |state| worth(no_fault(None).act(400, "ana", status(state)), "detect.nothing-broken");
    near(said(StatusState::Investigating), 0.0);
    near(said(StatusState::Resolved), 1.0);
}
