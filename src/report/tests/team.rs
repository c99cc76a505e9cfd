//! Engage, coordinate, decide and close: each check by hand, and what must hold for every play.

use super::{
    builder::{
        Play, close, decide, do_nothing, log, mirrored, name, perfect, plan, restorer, right_cause, status,
        ticket,
    },
    plays::{lone_hero, two_shifts},
};
use crate::{
    drill::event::{Event, Hat, InjectionStep, Outcome, Recorded},
    report::{
        Journal, Score, debrief, score,
        score::{State, explain},
    },
    scenario::{
        act::{Act, CauseClaim, Pager, Role, StatusState},
        ticket::TicketAct,
        truth::Rung,
    },
};
use proptest::prelude::*;
use std::collections::BTreeSet;

const CHECKS: [&str; 14] = [
    "engage.ticket",
    "engage.owners",
    "engage.escalated",
    "engage.first-line",
    "coordinate.ic",
    "coordinate.conflicts",
    "coordinate.logged",
    "coordinate.reported",
    "coordinate.handed-over",
    "decide.choice",
    "decide.reasons",
    "decide.asked",
    "close.audiences",
    "close.handed-back",
];

fn of(play: Play) -> Score {
    score(&Journal::new(&play.journal()).unwrap(), None)
}

fn figure(play: Play, id: &str) -> f64 {
    let score = of(play);
    let check = score.check(id).unwrap();
    check.score.unwrap_or_else(|| panic!("{id} is {:?}", check.state))
}

fn near(value: f64, hand: f64) {
    assert!((value - hand).abs() < 0.0001, "{value} is not {hand}");
}

fn not_asked(play: Play, id: &str) -> bool {
    matches!(of(play).check(id).unwrap().state, State::NotApplicable { .. })
}

fn lat(seconds: f64, par: f64, limit: f64) -> f64 {
    1.0 - (seconds / par).ln() / (limit / par).ln()
}

fn say() -> Act {
    Act::Say("web is rolled back".to_owned())
}

fn logged(text: &str, on: Option<&str>) -> Act {
    Act::Log { text: text.to_owned(), on: on.map(str::to_owned) }
}

/// An outage that somebody repairs at 1000 s; it is over from 1000 s on, measured at 1060 s.
fn repaired() -> Play {
    Play::of(plan())
        .broken()
        .outage(1000, 1800)
        .ran(990, "depotctl rollback web")
        .step(1005, InjectionStep::Cleared)
        .restored(1000)
        .ended(1800, Outcome::Completed)
}

#[test]
fn help_is_asked_for_when_par_has_passed() {
    let asked = |second: u64, act: Act| figure(do_nothing().act(second, "ana", act), "engage.escalated");
    let stumped = || Act::Stumped("the logs say nothing".to_owned());
    near(figure(do_nothing(), "engage.escalated"), 0.0);
    near(asked(400, stumped()), 1.0);
    // Par is at 600 s: 300 s later is in time, 900 s later is not.
    near(asked(900, stumped()), 1.0);
    near(asked(1500, stumped()), lat(900.0, 300.0, 1800.0));
    near(asked(700, Act::TakeRole(Role::ThirdLine)), 1.0);
    near(asked(700, ticket()), 1.0);
    near(asked(700, Act::Page { with: Pager::Klaxon, text: "uploads fail".to_owned() }), 1.0);
    // Nobody from outside: no help.
    let copied =
        |who: &str| Act::Ticket(TicketAct::Cc { ticket: Some(name("t1")), to: vec![who.to_owned()] });
    let open = |who: &str| do_nothing().act(200, "ana", bare()).act(700, "ana", copied(who));
    near(figure(open("ben"), "engage.escalated"), 0.0);
    near(figure(open("web-oncall"), "engage.escalated"), 1.0);
    assert!(not_asked(perfect(), "engage.escalated"));
}

fn bare() -> Act {
    let title = "uploads fail".to_owned();
    Act::Ticket(TicketAct::Open { title, on: None, priority: None, text: String::new(), cc: vec![] })
}

#[test]
fn the_first_line_is_warned_in_one_of_three_ways() {
    let warned = |second: u64, act: Act| figure(do_nothing().act(second, "ana", act), "engage.first-line");
    near(figure(do_nothing(), "engage.first-line"), 0.0);
    near(warned(725, status(StatusState::Investigating)), lat(600.0, 300.0, 1800.0));
    near(warned(300, Act::TakeRole(Role::FirstLine)), 1.0);
    // Who holds the role from before knows with the others; who had given it back does not.
    near(warned(20, Act::TakeRole(Role::FirstLine)), 1.0);
    let gone = do_nothing().act(20, "ana", Act::TakeRole(Role::FirstLine)).act(
        60,
        "ana",
        Act::ReleaseRole(Role::FirstLine),
    );
    near(figure(gone, "engage.first-line"), 0.0);
    let cc = Act::Ticket(TicketAct::Cc { ticket: Some(name("t1")), to: vec!["first-line".to_owned()] });
    near(figure(do_nothing().act(200, "ana", bare()).act(425, "ana", cc), "engage.first-line"), 1.0);
}

#[test]
fn the_incident_has_one_coordinator_all_the_time() {
    let ic = |play: Play| figure(play, "coordinate.ic");
    let take = |second: u64| do_nothing().act(second, "ana", Act::TakeRole(Role::Ic));
    // 1675 s, of which the first 120 are free.
    near(ic(take(245)), 1.0);
    near(ic(take(300)), (120.0 + 1500.0) / 1675.0);
    let gap = take(200).act(800, "ana", Act::ReleaseRole(Role::Ic)).act(900, "ben", Act::TakeRole(Role::Ic));
    near(ic(gap), 1575.0 / 1675.0);
    // Taking it twice changes nothing; two holders are none.
    near(ic(take(200).act(300, "ana", Act::TakeRole(Role::Ic))), 1.0);
    near(ic(take(200).act(800, "ben", Act::TakeRole(Role::Ic))), 675.0 / 1675.0);
    // Over before anybody had to.
    assert!(not_asked(restorer(), "coordinate.ic"));
    near(ic(restorer().act(150, "ana", Act::TakeRole(Role::Ic))), 1.0);
}

#[test]
fn who_coordinates_does_not_work_on_the_target() {
    let conflicts = |play: Play| figure(play, "coordinate.conflicts");
    // Coordinator from 200 s on; operations, too, for the last 320 of 1600 s.
    let both = do_nothing().act(200, "ana", Act::TakeRole(Role::Ic)).act(
        1480,
        "ana",
        Act::TakeRole(Role::Operations),
    );
    near(conflicts(both.clone()), 1.0 - 320.0 / 1600.0);
    // The role passes to ben at 1640 s: 160 s are left.
    near(conflicts(both.clone().act(1640, "ben", Act::TakeRole(Role::Operations))), 1.0 - 160.0 / 1600.0);
    // One of two operations by the coordinator is worse than that.
    let ran = both.ran_by(1500, "ana", "depotctl list").ran_by(1510, "ben", "depotctl list");
    near(conflicts(ran), 0.5);
    assert!(not_asked(do_nothing(), "coordinate.conflicts"));
    // A team of one has no choice.
    let alone = lone_hero()
        .without(|event| matches!(event, Event::Joined { person, .. } if person.as_str() == "ben"));
    assert!(not_asked(alone, "coordinate.conflicts"));
}

#[test]
fn each_change_is_announced_by_an_entry_of_its_own() {
    let changed = |acts: &[(u64, Act)], ran: &[(u64, &str)]| {
        let play =
            acts.iter().fold(do_nothing(), |play, (second, act)| play.act(*second, "ben", act.clone()));
        let play = ran.iter().fold(play, |play, (second, words)| play.ran(*second, words));
        figure(play, "coordinate.logged")
    };
    let one = [(1200, "depotctl rollback web")];
    near(changed(&[], &one), 0.0);
    near(changed(&[(1190, log())], &one), 1.0);
    near(changed(&[(299, log())], &one), 0.0);
    near(changed(&[(1210, log())], &one), 0.5);
    near(changed(&[(1190, logged("rolling back", Some("edge")))], &one), 0.0);
    near(changed(&[(1190, logged("rolling back web", None))], &one), 1.0);
    near(changed(&[(1190, logged("rolling something back", None))], &one), 0.0);
    // An instance stands for its component; a command that names no part may be about any.
    near(changed(&[(1190, logged("rolling back", Some("web-east")))], &one), 1.0);
    near(changed(&[(1190, logged("failing over", Some("edge")))], &[(1200, "depotctl failover")]), 1.0);
    // One entry announces one change; the older one goes to the earlier.
    let two = [(1200, "depotctl rollback web"), (1300, "depotctl restart web")];
    near(changed(&[(1190, log())], &two), 0.5);
    near(changed(&[(310, log()), (1250, log())], &two), 1.0);
    near(changed(&[(1190, log()), (1310, log())], &two), 0.75);
    // Looking changes nothing.
    for looks in ["logs web", "config web", "trace a-1", "queue list"] {
        assert!(
            not_asked(do_nothing().ran(300, &format!("depotctl {looks}")), "coordinate.logged"),
            "{looks}"
        );
    }
    near(changed(&[], &[(1200, "redis-cli config set maxmemory 0")]), 0.0);
}

/// Each change beside the entry that is shown as its announcement, in seconds from StartEx.
fn announcements(play: Play) -> Vec<(f64, Option<f64>)> {
    let events = play.journal();
    let plots = debrief(&Journal::new(&events).unwrap()).plots;
    plots.actions.iter().map(|dots| (dots.at, dots.logged)).collect()
}

#[test]
fn a_change_is_shown_beside_the_entry_that_was_meant_for_it() {
    let restart_then_roll_back = do_nothing()
        .ran(1200, "depotctl restart web-east")
        .act(1210, "ben", log())
        .act(1290, "ben", log())
        .ran(1300, "depotctl rollback web");
    assert_eq!(announcements(restart_then_roll_back), [(1200.0, Some(1210.0)), (1300.0, Some(1290.0))]);
    let look_first =
        do_nothing().act(1180, "ben", log()).act(1195, "ben", log()).ran(1200, "depotctl rollback web");
    assert_eq!(announcements(look_first), [(1200.0, Some(1195.0))]);
}

#[test]
fn a_repair_of_another_make_has_fixed_the_fault_if_service_held() {
    let diverged = || {
        Play::of(plan()).broken().step(950, InjectionStep::Diverged { detail: "pool.size is 16".to_owned() })
    };
    let passed = |play: Play| of(play).check("diagnose.milestones").map(|one| one.sentence.clone()).unwrap();
    let held = diverged().outage(800, 1000).restored(800).ended(1000, Outcome::Completed);
    assert!(passed(held).contains("2 of 5"));
    let never = diverged().outage(1000, 1000).ended(1000, Outcome::Completed);
    assert!(passed(never).contains("0 of 5"));
}

#[test]
fn what_is_worth_a_talk_is_of_different_dimensions() {
    let score = of(do_nothing());
    let asked: BTreeSet<_> = score
        .dimensions
        .iter()
        .flat_map(|one| &one.checks)
        .filter(|check| check.question.as_ref().is_some_and(|asks| score.questions.contains(asks)))
        .map(|check| check.dimension)
        .collect();
    assert_eq!((score.questions.len(), asked.len()), (3, 3), "{:?}", score.questions);
}

#[test]
fn a_repair_in_a_shell_of_ones_own_is_a_change_too() {
    let shell = || repaired().without(|event| matches!(event, Event::Operated { .. }));
    near(figure(shell(), "coordinate.logged"), 0.0);
    near(figure(shell().act(980, "ben", log()), "coordinate.logged"), 1.0);
    near(figure(shell().act(1060, "ben", say()), "coordinate.reported"), 1.0);
    let unknown = of(do_nothing());
    assert!(matches!(unknown.check("coordinate.logged").unwrap().state, State::Unknown { .. }));
}

#[test]
fn the_outcome_of_a_change_is_told() {
    let reported = |play: Play| figure(play, "coordinate.reported");
    near(reported(repaired()), 0.0);
    near(reported(repaired().act(1110, "ben", say())), 1.0);
    near(reported(repaired().act(1290, "ben", say())), lat(300.0, 120.0, 900.0));
    // What was said before tells no outcome; an entry that announces another change neither.
    near(reported(repaired().act(989, "ben", say())), 0.0);
    let next = repaired().act(1100, "ben", log()).ran(1110, "depotctl restart web").act(1230, "ben", say());
    near(reported(next), f64::midpoint(lat(240.0, 120.0, 900.0), 1.0));
    // Ended right after it: nobody can tell.
    let cut = Play::of(plan())
        .broken()
        .outage(500, 500)
        .ran(450, "depotctl rollback web")
        .ended(500, Outcome::Aborted);
    assert!(matches!(of(cut).check("coordinate.reported").unwrap().state, State::Censored { .. }));
}

#[test]
fn a_hand_over_says_what_the_next_one_must_know() {
    near(figure(two_shifts("the release is suspected, web is being read"), "coordinate.handed-over"), 1.0);
    near(figure(two_shifts(""), "coordinate.handed-over"), 0.0);
    assert!(not_asked(perfect(), "coordinate.handed-over"));
}

/// A team that has noticed at 140 s and guessed right at 300 s.
fn knowing() -> Play {
    do_nothing()
        .act(140, "ana", Act::Declare { text: "uploads fail".to_owned() })
        .act(150, "ana", bare())
        .act(300, "ben", Act::Hypothesis(right_cause()))
}

#[test]
fn the_lightest_step_that_works_is_the_best_one() {
    let choice = |option| figure(knowing().act(400, "ana", decide(option)), "decide.choice");
    near(choice(Rung::DoNothing), 0.0);
    near(choice(Rung::Broadcast), 0.25);
    near(choice(Rung::RollBack), 1.0);
    near(choice(Rung::FastTrack), 0.75);
    // A rung that is not offered is none that is lighter.
    let mut short = knowing();
    short.plan.ladder = vec![Rung::DoNothing, Rung::FastTrack];
    short.plan.truth.decision.retain(|rung, _| *rung != Rung::RollBack);
    near(figure(short.act(400, "ana", decide(Rung::FastTrack)), "decide.choice"), 1.0);
    // The last decision before service is back counts.
    let twice = knowing().act(400, "ana", decide(Rung::Broadcast)).act(500, "ana", decide(Rung::RollBack));
    near(figure(twice, "decide.choice"), 1.0);
    near(figure(do_nothing(), "decide.choice"), 0.0);
    near(figure(repaired().act(1001, "ana", decide(Rung::RollBack)), "decide.choice"), 0.0);
}

#[test]
fn a_decision_is_judged_on_what_could_be_known() {
    // Nobody had found the place yet: neither luck nor bad luck is judged.
    let early = |option| knowing().act(200, "ana", decide(option));
    assert!(not_asked(early(Rung::RollBack), "decide.choice"));
    assert!(not_asked(early(Rung::FastTrack), "decide.choice"));
    // That waiting harms could be seen with the symptom.
    near(figure(early(Rung::DoNothing), "decide.choice"), 0.0);
    // A lighter step that nobody could know of is no reproach.
    let mut sealed = knowing();
    let option = sealed.plan.truth.decision.get_mut(&Rung::RollBack).unwrap();
    option.knowable_after = Some("mitigated".to_owned());
    near(figure(sealed.clone().act(400, "ana", decide(Rung::FastTrack)), "decide.choice"), 1.0);
    // A milestone of the author's own is for people to judge.
    let option = sealed.plan.truth.decision.get_mut(&Rung::RollBack).unwrap();
    option.knowable_after = Some("release-found".to_owned());
    let score = of(sealed.act(400, "ana", decide(Rung::RollBack)));
    assert!(
        matches!(&score.check("decide.choice").unwrap().state, State::Unknown { why } if why.contains("grader"))
    );
    let mut old = knowing();
    old.plan.ladder.clear();
    assert!(not_asked(old, "decide.reasons"));
}

#[test]
fn a_decision_has_reasons_and_a_second_person() {
    let with = |because: &str, asked: &[&str], ticket: Option<&str>| {
        let act = Act::Decide {
            option: Rung::RollBack,
            because: because.to_owned(),
            asked: asked.iter().map(|&who| who.to_owned()).collect(),
            ticket: ticket.map(name),
        };
        knowing().act(350, "ana", Act::TakeRole(Role::Ic)).act(400, "ana", act)
    };
    let reason = "the release made it small";
    near(figure(with(reason, &[], Some("t1")), "decide.reasons"), 1.0);
    near(figure(with(reason, &[], None), "decide.reasons"), 0.5);
    near(figure(with("because I can", &[], Some("t1")), "decide.reasons"), 0.5);
    near(figure(with("because I can", &[], None), "decide.reasons"), 0.0);
    let asked = |who: &[&str]| figure(with(reason, who, None), "decide.asked");
    near(asked(&["ben"]), 1.0);
    near(asked(&["web-oncall"]), 1.0);
    // Oneself, by name or by role, is nobody else.
    near(asked(&["ana", "ic"]), 0.0);
    near(asked(&[]), 0.0);
}

#[test]
fn the_all_clear_waits_until_service_has_held() {
    let nominal =
        |second: u64| figure(repaired().act(second, "ana", Act::Resolve("over".to_owned())), "close.nominal");
    // Good from 1000 s on, and that for 60 s.
    near(nominal(1060), 1.0);
    near(nominal(1700), 1.0);
    near(nominal(1030), 0.5);
    near(nominal(1000), 0.0);
    near(nominal(500), 0.0);
    // The last one counts.
    let twice = repaired().act(500, "ana", Act::Resolve("over".to_owned())).act(
        1100,
        "ana",
        status(StatusState::Resolved),
    );
    near(figure(twice, "close.nominal"), 1.0);
    near(figure(repaired(), "close.nominal"), 0.0);
    assert!(not_asked(do_nothing(), "close.nominal"));
    // Over with 290 s left and no word yet: nobody can tell.
    let cut =
        |end: u64| Play::of(plan()).broken().outage(1000, end).restored(1000).ended(end, Outcome::Aborted);
    assert!(matches!(of(cut(1350)).check("close.nominal").unwrap().state, State::Censored { .. }));
    near(figure(cut(1360), "close.nominal"), 0.0);
}

#[test]
fn everybody_who_was_alarmed_hears_that_it_is_over() {
    let to = |state: StatusState, to: &[&str]| match status(state) {
        Act::Status { text, next_in, ticket, .. } => {
            Act::Status { text, to: to.iter().map(|&one| one.to_owned()).collect(), state, next_in, ticket }
        }
        act => act,
    };
    let play = |cleared: &[&str]| {
        let told = repaired().act(300, "ana", to(StatusState::Investigating, &["users", "stakeholders"]));
        figure(told.act(1100, "ana", to(StatusState::Resolved, cleared)), "close.audiences")
    };
    near(play(&["users", "stakeholders", "press"]), 1.0);
    near(play(&["users"]), 0.5);
    near(play(&["press"]), 0.0);
    // Alarmed again after a false all-clear: the last word counts.
    let again = repaired()
        .act(300, "ana", to(StatusState::Resolved, &["users"]))
        .act(400, "ana", to(StatusState::Investigating, &["users"]))
        .act(1100, "ana", Act::Resolve("over".to_owned()));
    near(figure(again, "close.audiences"), 0.0);
}

#[test]
fn the_all_clear_comes_from_the_right_role() {
    let by = |role: Role, act: Act| {
        figure(repaired().act(300, "ana", Act::TakeRole(role)).act(1100, "ana", act), "close.role")
    };
    let resolve = || Act::Resolve("over".to_owned());
    near(by(Role::Ic, resolve()), 1.0);
    near(by(Role::Communications, resolve()), 0.0);
    near(by(Role::Communications, status(StatusState::Resolved)), 1.0);
    near(by(Role::Ic, status(StatusState::Resolved)), 1.0);
    near(by(Role::Operations, status(StatusState::Resolved)), 0.0);
    let both = repaired()
        .act(300, "ana", Act::TakeRole(Role::Communications))
        .act(1100, "ana", status(StatusState::Resolved))
        .act(1110, "ana", resolve());
    near(figure(both, "close.role"), 0.5);
}

#[test]
fn roles_and_ticket_are_handed_back() {
    let play = || {
        repaired()
            .act(300, "ana", Act::TakeRole(Role::Ic))
            .act(310, "ben", Act::TakeRole(Role::Operations))
            .act(320, "ana", ticket())
            .act(1100, "ana", Act::Resolve("over".to_owned()))
    };
    near(figure(play(), "close.handed-back"), 0.0);
    let released = play().act(1200, "ben", Act::ReleaseRole(Role::Operations));
    near(figure(released.clone(), "close.handed-back"), 1.0 / 3.0);
    near(figure(released.clone().act(1200, "ana", close()), "close.handed-back"), 2.0 / 3.0);
    // What was not handed back within the last two minutes could not be.
    near(figure(released.act(1700, "ana", Act::Resolve("over".to_owned())), "close.handed-back"), 1.0);
}

#[test]
fn a_check_is_explained_by_its_formula_its_numbers_and_its_events() {
    let events = perfect().journal();
    let journal = Journal::new(&events).unwrap();
    let score = score(&journal, None);
    for check in score.dimensions.iter().flat_map(|one| &one.checks) {
        let why = explain(&journal, &score, &check.id).unwrap();
        assert!(!why.formula.is_empty(), "{}", check.id);
        assert_eq!(why.evidence.len(), check.evidence.len(), "{}", check.id);
        assert_eq!(check.score.is_some(), !check.numbers.is_empty(), "{}: {:?}", check.id, check.numbers);
    }
    let why = explain(&journal, &score, "mitigate.restored").unwrap();
    let numbers: Vec<_> = why.check.numbers.iter().map(|one| (one.name.as_str(), one.value)).collect();
    assert_eq!(
        numbers,
        [("seconds from StartEx", 410.0), ("par in seconds", 600.0), ("limit in seconds", 1800.0)]
    );
    assert_eq!(
        (why.evidence[0].offset.as_str(), why.evidence[0].text.as_str()),
        ("T+7m50s", "service is measured as restored")
    );
    assert!(explain(&journal, &score, "mitigate.luck").is_none());
}

#[test]
fn what_is_done_after_endex_changes_nothing() {
    let before = all(repaired());
    for act in anything() {
        let said = format!("{act:?}");
        assert_eq!(all(repaired().act(1900, "ben", act)), before, "{said}");
    }
}

#[test]
fn names_of_people_change_nothing() {
    let lines = |swap: bool| -> Vec<Recorded> {
        let rename = |line: String| {
            line.replace("\"ana\"", "\"zoe\"").replace("\"ben\"", "\"abe\"").replace("\"zoe\"", "\"ben\"")
        };
        let line = |one: &Recorded| if swap { rename(one.to_line()) } else { one.to_line() };
        perfect().journal().iter().map(|one| Recorded::from_line(&line(one)).unwrap()).collect()
    };
    let scored = |events: &[Recorded]| score(&Journal::new(events).unwrap(), None).dimensions;
    assert_eq!(scored(&lines(true)), scored(&lines(false)));
}

/// A play in which anything may have happened: what, when, and by whom.
fn played(acts: &[(u64, usize)]) -> Play {
    acts.iter().fold(repaired(), |play, (second, which)| {
        let by = if which % 2 == 0 { "ana" } else { "ben" };
        play.act(*second, by, anything()[*which].clone())
    })
}

fn anything() -> Vec<Act> {
    vec![
        Act::TakeRole(Role::Ic),
        Act::TakeRole(Role::Operations),
        bare(),
        log(),
        say(),
        Act::Hypothesis(right_cause()),
        Act::Hypothesis(CauseClaim { component: Some("edge".to_owned()), ..CauseClaim::default() }),
        mirrored(StatusState::Investigating),
        status(StatusState::Resolved),
        decide(Rung::Broadcast),
        decide(Rung::FastTrack),
        Act::ReleaseRole(Role::Ic),
        Act::Stumped("no idea".to_owned()),
        logged("restarting edge", Some("edge")),
        Act::Resolve("over".to_owned()),
        ticket(),
    ]
}

fn all(play: Play) -> Vec<Option<f64>> {
    let score = of(play);
    CHECKS.iter().map(|id| score.check(id).unwrap().score).collect()
}

fn none_lower(before: &[Option<f64>], after: &[Option<f64>]) -> Result<(), TestCaseError> {
    for ((id, before), after) in CHECKS.iter().zip(before).zip(after) {
        if let (Some(before), Some(after)) = (before, after) {
            prop_assert!(after + 1e-9 >= *before, "{id} fell from {before} to {after}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::random_plays(64))]

    #[test]
    fn a_conforming_act_never_lowers(
        acts in prop::collection::vec((126_u64..1790, 0_usize..16), 0..14), second in 126_u64..1790, which in 0_usize..8,
    ) {
        let conforming = [
            log(), say(), Act::Stumped("no idea".to_owned()), status(StatusState::Identified),
            Act::Ticket(TicketAct::Cc { ticket: Some(name("t1")), to: vec!["web-oncall".to_owned()] }),
            Act::Hypothesis(right_cause()), Act::TakeRole(Role::FirstLine), close(),
        ];
        let act = conforming[which].clone();
        let mut acts = acts;
        if matches!(act, Act::Ticket(_)) {
            // What is done to one of several tickets may say that this one tracks the incident, and another does not. So
            // only the first that was opened is there: rejecting such plays instead gives up after a thousand of them.
            acts.sort_by_key(|(second, _)| *second);
            let mut opened = false;
            acts.retain(|(_, which)| {
                let opens = matches!(anything()[*which], Act::Ticket(TicketAct::Open { .. }));
                let first = !opened;
                opened |= opens;
                !opens || first
            });
        }
        // A word that something is wrong, after the all-clear, is no conforming act; a role is given back in the end.
        let second = if which == 3 { 126 } else { second };
        let by = if which == 6 { "cho" } else { "ben" };
        let base = || played(&acts).event(0, Event::Joined { person: name("cho"), hat: Hat::Responder });
        let mut with = base().act(second, by, act);
        if which == 6 {
            with = with.act(1795, "cho", Act::ReleaseRole(Role::FirstLine));
        }
        let (before, after) = (all(base()), all(with));
        // A right guess, or a first sign that the outage was noticed, lets another decision be the one that is judged; an
        // update alarms people who then wait for the all-clear.
        if which == 3 || which == 5 {
            let choice = CHECKS.iter().position(|id| *id == "decide.choice").unwrap();
            none_lower(&before[..choice], &after[..choice])?;
        } else {
            none_lower(&before, &after)?;
        }
    }

    #[test]
    fn a_delay_never_raises(
        acts in prop::collection::vec((126_u64..1790, 0_usize..16), 0..10), second in 126_u64..980, later in 0_u64..900,
    ) {
        let play = |second: u64| {
            played(&acts).act(second, "ana", Act::Stumped("no idea".to_owned()))
                .act(second, "cho", Act::TakeRole(Role::FirstLine))
        };
        none_lower(&all(play(second + later)), &all(play(second)))?;
        // The word about the outcome, and the taking of the lead.
        let told = |second: u64| figure(repaired().act(second, "ben", say()), "coordinate.reported");
        prop_assert!(told(991 + later.min(780)) <= told(991));
        let led = |second: u64| figure(do_nothing().act(second, "ana", Act::TakeRole(Role::Ic)), "coordinate.ic");
        prop_assert!(led(second + later.min(700)) <= led(second) + 1e-9);
    }

    #[test]
    fn taking_an_act_away_never_raises(drop in 0_usize..8) {
        let kinds: [fn(&Act) -> bool; 8] = [
            |act| matches!(act, Act::Log { .. }), |act| matches!(act, Act::Say(_)),
            |act| matches!(act, Act::Ticket(_)), |act| matches!(act, Act::Decide { .. }),
            |act| matches!(act, Act::Resolve(_)), |act| matches!(act, Act::ReleaseRole(_)),
            |act| matches!(act, Act::Hypothesis(_)), |act| matches!(act, Act::Status { state: StatusState::Resolved, .. }),
        ];
        let less = perfect().without(|event| matches!(event, Event::Acted { act, .. } if kinds[drop](act)));
        none_lower(&all(less), &all(perfect()))?;
    }

    #[test]
    fn every_figure_of_any_team_is_in_range(acts in prop::collection::vec((0_u64..1800, 0_usize..16), 0..30)) {
        let score = of(played(&acts));
        for check in score.dimensions.iter().flat_map(|one| &one.checks) {
            prop_assert!(check.score.is_none_or(|value| (0.0..=1.0).contains(&value)), "{check:?}");
            prop_assert_eq!(check.score.is_some(), check.state == State::Scored);
        }
    }
}
