//! Checks at the edges of their formulas, where two readings of one rule part: each value by hand.

use super::{
    builder::{
        ONSET, Play, START, decide, do_nothing, name, no_fault, plan, right_cause, right_impact, status,
        ticket,
    },
    plays::lone_hero,
};
use crate::{
    base::{At, Span},
    drill::{
        event::{Event, InjectionStep, Outcome},
        plan::{NamedRoster, Plan},
    },
    report::{
        Journal, Score,
        impact::Impact,
        score,
        score::{
            Difference,
            chance::{best_constant, ticks_everything},
            claim_nearness, claim_score,
            seen::{PATIENCE, Seen},
        },
        timeline::Timeline,
    },
    scenario::{
        AlarmRule,
        act::{Act, CauseClaim, ClaimedShare, Role, StatusState},
        pack::{Link, Volume},
        severity::Answer,
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
    assert_eq!(of(do_nothing()).weighted_mean().map(f64::is_finite), Some(true));
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
fn a_role_that_stays_with_somebody_whose_shift_is_over_counts_against_hand_overs() {
    let shifted = |shifts: [&str; 2]| {
        let mut plan = plan();
        let shifts = shifts.map(|shift| shift.parse().unwrap()).into();
        plan.admission.roster = Some(NamedRoster { shifts, ..NamedRoster::default() });
        Play::of(plan).broken().outage(1700, 1800).act(150, "ana", Act::TakeRole(Role::Ic))
    };
    let change = |play: Play| play.event(900, Event::ShiftBegan { shift: 1 });
    let end = |play: Play| play.ended(1800, Outcome::Completed);
    let hand = |to: &str, note: &str| Act::HandOver { role: Role::Ic, to: name(to), note: note.to_owned() };
    let gone = ["0s ana,ben", "900s cho,dia"];
    near(worth(end(change(shifted(gone))), "coordinate.handed-over"), 0.0);
    let note = "the pool looks tiny, read the releases";
    near(
        worth(end(change(shifted(gone)).act(1400, "ana", hand("cho", note))), "coordinate.handed-over"),
        1.0,
    );
    // Ten minutes are time enough, and one second more is not.
    near(
        worth(end(change(shifted(gone)).act(1500, "ana", hand("cho", note))), "coordinate.handed-over"),
        1.0,
    );
    near(
        worth(end(change(shifted(gone)).act(1501, "ana", hand("cho", note))), "coordinate.handed-over"),
        0.5,
    );
    // Who stays on keeps what they hold.
    assert_eq!(worth(end(change(shifted(["0s ana,ben", "900s ana,dia"]))), "coordinate.handed-over"), None);
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

#[test]
fn an_instance_is_named_for_its_component() {
    let said = |plan: &Plan, text: &str| {
        claim_nearness(plan, &CauseClaim { text: text.to_owned(), ..CauseClaim::default() })
    };
    near(Some(said(&plan(), "web-east hangs")), 0.35);
    near(Some(said(&plan(), "metadata hangs")), 0.0);
    near(Some(said(&plan(), "the edge hangs")), 0.35 * 0.5);
    // The right word is not in it, and its neighbour is named, by itself or by one of its instances.
    let mut edge = plan();
    edge.truth.cause.component = "edge".to_owned();
    for text in ["web-east hangs", "the web hangs"] {
        near(Some(said(&edge, text)), 0.35 * 0.5);
    }
}

/// The checks of the cause that are judged where nobody gave an answer.
fn asked_without_an_answer(play: Play) -> Vec<&'static str> {
    let score = of(play);
    let parts = ["component", "kind", "facts", "onset", "evidence"];
    let judged = |part: &&str| score.check(&format!("diagnose.{part}")).unwrap().score.is_some();
    parts.into_iter().filter(judged).collect()
}

#[test]
fn without_an_answer_only_what_there_was_to_answer_is_missed() {
    assert_eq!(asked_without_an_answer(do_nothing()), ["component", "kind", "facts", "onset", "evidence"]);
    let mut bare = do_nothing();
    bare.plan.truth.cause.facts.clear();
    assert_eq!(asked_without_an_answer(bare), ["component", "kind", "onset", "evidence"]);
    let mut quiet = no_fault(None);
    quiet.plan.truth.cause.facts = plan().truth.cause.facts;
    assert_eq!(asked_without_an_answer(quiet), ["component", "kind", "facts", "evidence"]);
}

#[test]
fn evidence_is_what_shows_something_of_the_target() {
    let cited = |act: Option<Act>, seq: Option<u64>| {
        let play = act.into_iter().fold(do_nothing(), |play, act| play.act(300, "ana", act));
        let journal = play.clone().journal();
        let last = journal.iter().rev().find(|one| matches!(one.event, Event::Acted { .. }));
        let seq = seq.or(last.map(|one| one.seq)).unwrap();
        let claim = CauseClaim { evidence: vec![seq], ..right_cause() };
        worth(play.act(400, "ana", Act::Cause(claim)), "diagnose.evidence")
    };
    near(cited(Some(Act::Say("the pool is full".to_owned())), None), 0.6);
    near(cited(Some(Act::Declare { text: "uploads fail".to_owned() }), None), 0.0);
    // That somebody has joined shows nothing.
    near(cited(None, Some(1)), 0.0);
}

#[test]
fn the_mechanism_is_known_by_kind_or_by_facts() {
    let passed = |claim: CauseClaim| {
        let score = of(do_nothing().act(300, "ana", Act::Hypothesis(claim)));
        let check = score.check("diagnose.milestones").unwrap();
        check.numbers.iter().find(|number| number.name == "passed").unwrap().value
    };
    // Whoever guesses has noticed.
    near(Some(passed(CauseClaim::default())), 1.0);
    let kind = CauseClaim { kind: right_cause().kind, ..CauseClaim::default() };
    near(Some(passed(CauseClaim { kind: Some("config.capacity.too-small".to_owned()), ..kind })), 2.0);
    near(Some(passed(CauseClaim { facts: vec!["f1".to_owned()], ..CauseClaim::default() })), 2.0);
    near(Some(passed(CauseClaim { component: Some("edge".to_owned()), ..CauseClaim::default() })), 1.0);
    near(Some(passed(CauseClaim { component: Some("web".to_owned()), ..CauseClaim::default() })), 2.0);
}

#[test]
fn two_scores_of_one_journal_differ_where_a_check_does() {
    let score = of(do_nothing());
    let differs = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut kept = serde_json::to_value(&score).unwrap();
        change(&mut kept["dimensions"][0]);
        let difference = Difference::of(&serde_json::from_value(kept).unwrap(), &score);
        (difference.is_empty(), difference.dimensions.len(), difference.checks.len())
    };
    assert_eq!(differs(&|_| {}), (true, 0, 0));
    assert_eq!(differs(&|one| one["checks"][0]["score"] = 0.123.into()), (false, 0, 1));
    assert_eq!(differs(&|one| one["score"] = 0.123.into()), (false, 1, 0));
}

#[test]
fn an_abort_at_the_limit_leaves_nothing_open() {
    let aborted = |second| {
        let play = Play::of(plan()).broken().outage(second, second).ended(second, Outcome::Aborted);
        worth(play, "mitigate.restored")
    };
    assert_eq!(aborted(1799), None);
    near(aborted(1800), 0.0);
}

type Stretch = (At, At);

/// The incident, the times of two hats on one head, and when the outcome of each change was told.
fn seen(play: Play) -> (Option<Stretch>, Vec<Stretch>, Vec<Option<At>>) {
    let events = play.journal();
    let journal = Journal::new(&events).unwrap();
    let timeline = Timeline::of(&journal);
    let impact = Impact::of(&journal, &timeline);
    let seen = Seen::of(&journal, &timeline, &impact);
    let told = seen.courses().iter().map(|course| course.told.map(|mark| mark.at)).collect();
    (seen.incident(), seen.both_hats(), told)
}

fn second(second: u64) -> At {
    START + Span::from_secs(second)
}

#[test]
fn pictures_show_the_incident_that_checks_are_reckoned_from() {
    let incident = |play| seen(play).0;
    assert_eq!(incident(lone_hero()), Some((second(ONSET), second(300))));
    assert_eq!(incident(do_nothing()), Some((second(ONSET), second(1800))));
    assert_eq!(incident(no_fault(None)), None);
    assert_eq!(PATIENCE, (Span::from_mins(15), Span::from_mins(35)));
}

#[test]
fn two_hats_on_one_head_are_shown_from_the_moment_both_are_worn() {
    use Act::{ReleaseRole, TakeRole};
    let both = |acts: &[(u64, &str, Act)]| {
        let play = acts.iter().fold(do_nothing(), |play, (at, by, act)| play.act(*at, by, act.clone()));
        seen(play).1
    };
    let ic = |at| (at, "ana", TakeRole(Role::Ic));
    assert_eq!(
        both(&[ic(200), (300, "ana", TakeRole(Role::Operations)), (500, "ana", ReleaseRole(Role::Ic))]),
        [(second(300), second(500))]
    );
    // Another head, a role that works on nothing, and one hat put on when the other is off.
    assert_eq!(both(&[ic(200), (300, "ben", TakeRole(Role::Operations))]), []);
    assert_eq!(both(&[ic(200), (300, "ana", TakeRole(Role::Communications))]), []);
    let before = [(150, "ana", TakeRole(Role::Operations)), (200, "ana", ReleaseRole(Role::Operations))];
    assert_eq!(both(&[&before[..], &[ic(200)]].concat()), []);
}

#[test]
fn who_does_not_know_is_counted_as_such() {
    let given = ["live", "users"].map(|id| (id.to_owned(), Answer::DontKnow));
    let score = of(do_nothing().act(400, "ana", Act::Severity(given.into())));
    let check = score.check("assess.severity").unwrap();
    let numbers: Vec<_> = check.numbers.iter().map(|number| number.value).collect();
    assert_eq!(numbers, [3.0, 2.0, 0.0, 2.0]);
}

/// One change of the target, 290 s after the start, with what is said around it.
fn changed(command: &str, acts: &[(u64, Act)]) -> Play {
    let mut wider = plan();
    let (from, to) = (name("edge"), name("web-east"));
    wider.target.links.push(Link {
        name: name("crossing"),
        from,
        to,
        distance: Span::ZERO,
        http: false,
        toxiproxy: None,
    });
    wider.target.volumes.push(Volume { name: name("blobs"), service: name("web-east"), size_mib: 64 });
    let play = Play::of(wider).broken().outage(1800, 1800).ran(290, command);
    let said = |play: Play, (second, act): &(u64, Act)| play.act(*second, "ben", act.clone());
    acts.iter().fold(play, said).ended(1800, Outcome::Completed)
}

fn noted(text: &str) -> Act {
    Act::Log { text: text.to_owned(), on: None }
}

#[test]
fn an_entry_announces_a_change_of_what_both_name() {
    let logged =
        |command: &str, text: &str| worth(changed(command, &[(280, noted(text))]), "coordinate.logged");
    near(logged("depotctl rollback web-east", "the web goes back"), 1.0);
    // A word of the command that is no part of the target is no name.
    near(logged("depotctl rollback web-east", "now with depotctl"), 0.0);
    near(logged("depotctl clear crossing", "the crossing is cleared"), 1.0);
    near(logged("depotctl clear crossing", "the web goes back"), 0.0);
    near(logged("depotctl clean blobs", "the web goes back"), 0.0);
    // Of what a command that names nothing is done to, nobody can tell: any entry fits.
    near(logged("depotctl sweep", "the web goes back"), 1.0);
}

#[test]
fn an_entry_right_after_a_change_is_half_of_one_before() {
    let score = of(changed("depotctl rollback web-east", &[(300, noted("the web goes back"))]));
    let check = score.check("coordinate.logged").unwrap();
    near(check.score, 0.5);
    let numbers: Vec<_> = check.numbers.iter().map(|number| number.value).collect();
    assert_eq!(numbers, [1.0, 0.0, 1.0]);
}

#[test]
fn an_entry_that_announces_nothing_tells_how_it_went() {
    let announced = (280, noted("the web goes back"));
    let reported =
        |acts: &[(u64, Act)]| worth(changed("depotctl rollback web-east", acts), "coordinate.reported");
    near(reported(std::slice::from_ref(&announced)), 0.0);
    near(reported(&[announced, (320, noted("the web is back"))]), 1.0);
}

#[test]
fn the_outcome_of_a_change_is_told_by_the_first_word_after_it() {
    let word = |second| (second, Act::Say("we look at the web".to_owned()));
    let told = seen(changed("depotctl rollback web-east", &[word(200), word(350), word(400)])).2;
    assert_eq!(told, [Some(second(350))]);
}

#[test]
fn what_is_done_two_minutes_before_the_end_need_not_be_told() {
    let reported = |end| {
        let play = Play::of(plan())
            .broken()
            .outage(1800, end)
            .ran(1000, "depotctl rollback web-east")
            .ended(end, Outcome::Completed);
        worth(play, "coordinate.reported")
    };
    assert_eq!(reported(1120), None);
    near(reported(1121), 0.0);
}
