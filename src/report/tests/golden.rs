use super::builder::{
    ONSET, Play, START, at, do_nothing, hacker, name, no_fault, perfect, plan, restorer, right_cause,
    right_impact, scholar,
};
use crate::{
    base::{At, Span},
    drill::event::{Event, InjectionStep, Outcome, Recorded},
    report::{
        BadJournal, Journal, Score,
        impact::Impact,
        score,
        score::{DimensionName, State, claim_nearness, claim_score, secs},
        timeline::Timeline,
    },
    scenario::{
        Profile,
        act::{Act, CauseClaim, ClaimedShare, ClaimedWindow, ImpactClaim, Role, StatusState},
    },
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn scored(events: &[Recorded], profile: Option<Profile>) -> Score {
    score(&Journal::new(events).unwrap(), profile)
}

fn of(play: Play) -> Score {
    scored(&play.journal(), None)
}

fn figure(score: &Score, name: DimensionName) -> f64 {
    score.dimension(name).unwrap().score.unwrap()
}

fn check(score: &Score, id: &str) -> f64 {
    score
        .check(id)
        .unwrap_or_else(|| panic!("no check {id}"))
        .score
        .unwrap_or_else(|| panic!("{id} is {:?}", score.check(id).unwrap().state))
}

fn near(value: f64, hand: f64) {
    assert!((value - hand).abs() < 0.001, "{value} is not {hand}");
}

fn windows(events: &[Recorded]) -> Vec<(u64, u64)> {
    let journal = Journal::new(events).unwrap();
    let timeline = Timeline::of(&journal);
    let secs = |at: At| at.since(START).millis() / 1000;
    Impact::of(&journal, &timeline)
        .windows
        .iter()
        .map(|window| (secs(window.from), secs(window.to)))
        .collect()
}

#[test]
fn a_journal_is_checked() {
    let good = perfect().journal();
    assert!(Journal::new(&good).is_ok());
    assert_eq!(Journal::new(&[]).err(), Some(BadJournal::Empty));
    assert_eq!(Journal::new(&good[1..]).err(), Some(BadJournal::NoPlan));
    let mut gap = good.clone();
    gap.remove(5);
    assert_eq!(Journal::new(&gap).err(), Some(BadJournal::Gap { expected: 5, found: 6 }));
    let mut twice = good.clone();
    twice[3].event = twice[0].event.clone();
    assert_eq!(Journal::new(&twice).err(), Some(BadJournal::SecondPlan(3)));
}

#[test]
fn windows_are_bad_seconds_joined_over_short_gaps() {
    let flapping = |until: u64, put: &dyn Fn(u64) -> u32| {
        let play = Play::of(plan()).broken().measured(0..600, put);
        windows(&play.ended(until, Outcome::Completed).journal())
    };
    assert_eq!(windows(&perfect().journal()), [(ONSET, 410)]);
    // A gap of 5 s is joined, one of 6 s is not, and two bad seconds are no outage.
    let gaps = |second: u64| match second {
        200..210 | 215..220 | 226..230 | 300..302 => 8,
        _ => 0,
    };
    assert_eq!(flapping(600, &gaps), [(200, 220), (226, 230)]);
    // Nothing before the first injection or after EndEx counts.
    assert_eq!(flapping(400, &|_| 1), [(120, 400)]);
    assert_eq!(flapping(600, &|_| 0), []);
}

#[test]
fn the_timeline_knows_roles_alarms_and_injections() {
    let events = Play::of(plan())
        .broken()
        .act(170, "ana", Act::TakeRole(Role::Ic))
        .act(180, "ana", Act::Ack(name("UploadErrorsHigh")))
        .act(181, "ben", Act::Ack(name("UploadErrorsHigh")))
        .act(300, "ana", Act::HandOver { role: Role::Ic, to: name("ben"), note: String::new() })
        .ended(400, Outcome::Completed)
        .act(401, "ana", Act::Cause(right_cause()))
        .journal();
    let journal = Journal::new(&events).unwrap();
    let line = Timeline::of(&journal);
    let held: Vec<_> = line
        .roles
        .iter()
        .map(|spell| {
            let secs = |at: At| at.since(START).millis() / 1000;
            (spell.person.as_str(), secs(spell.from.at), secs(spell.to))
        })
        .collect();
    assert_eq!(held, [("ana", 170, 300), ("ben", 300, 400)]);
    let acked = line.alarms[0].acked.unwrap();
    assert_eq!(acked.1.as_str(), "ana");
    assert_eq!(line.injections[0].steps.len(), 6);
    assert!(line.causes.is_empty(), "a claim after EndEx does not count");
}

#[test]
fn a_perfect_play_is_worth_1_everywhere() {
    let events = perfect().journal();
    let score = scored(&events, None);
    for check in score.dimensions.iter().flat_map(|one| &one.checks) {
        if let Some(value) = check.score {
            assert!((value - 1.0).abs() < 1e-9, "{}: {}", check.id, check.sentence);
        }
    }
    for name in DimensionName::ALL.into_iter().filter(|name| *name != DimensionName::Learn) {
        near(figure(&score, name), 1.0);
    }
    assert_eq!(score.questions, Vec::<String>::new());
    near(score.weighted_mean().unwrap(), 1.0);
}

#[test]
fn what_only_a_debrief_can_tell_says_so() {
    let score = of(perfect());
    let learn = score.dimension(DimensionName::Learn).unwrap();
    assert_eq!((learn.score, learn.checks.len()), (None, 3));
    assert_eq!(learn.sentence, "Not applicable: the debrief has not been held.");
    for check in &learn.checks {
        assert_eq!(check.state, State::NotApplicable { why: "the debrief has not been held".to_owned() });
    }
}

#[test]
fn doing_nothing_is_worth_next_to_nothing() {
    let score = of(do_nothing());
    for name in [
        DimensionName::Detect,
        DimensionName::Engage,
        DimensionName::Diagnose,
        DimensionName::Mitigate,
        DimensionName::Assess,
        DimensionName::Decide,
    ] {
        near(figure(&score, name), 0.0);
    }
    // 15 free minutes of 1675 s are fresh: .2 x .5373 of a weight of .7.
    near(check(&score, "communicate.cadence"), 900.0 / 1675.0);
    near(figure(&score, DimensionName::Communicate), 0.1535);
    // Two free minutes of 1675 s; what was changed nobody knows, so .35 of .75 can be told, which is too little.
    near(check(&score, "coordinate.ic"), 120.0 / 1675.0);
    let coordinate = score.dimension(DimensionName::Coordinate).unwrap();
    assert_eq!((coordinate.score, coordinate.coverage), (None, 0.4667));
    assert_eq!(coordinate.sentence, "Not enough evidence for a figure.");
    // It was never over.
    assert_eq!(score.dimension(DimensionName::Close).unwrap().score, None);
    assert_eq!(score.questions.len(), 3);
    assert!(score.questions.iter().all(|one| one.contains('?')));
    // Nobody can tell what was looked at before: unknown, not zero.
    let preserved = score.check("mitigate.preserved").unwrap();
    assert!(matches!(preserved.state, State::Unknown { .. }));
}

#[test]
fn scholar_and_restorer_change_places_with_the_profile() {
    let mean = |play: Play, profile| scored(&play.journal(), Some(profile)).weighted_mean().unwrap();
    let understand = Profile::UnderstandFirst;
    let restore = Profile::RestoreFirst;
    assert!(mean(scholar(), understand) > mean(restorer(), understand));
    assert!(mean(scholar(), restore) < mean(restorer(), restore));
    // By hand: the scholar noticed 775 s after the onset, restored at 1400 s of par 600 s and limit 1800 s.
    let score = of(scholar());
    near(check(&score, "detect.recognised"), 1.0 - (775.0_f64 / 120.0).ln() / 15.0_f64.ln());
    near(check(&score, "mitigate.restored"), 1.0 - (1400.0_f64 / 600.0).ln() / 3.0_f64.ln());
    // 4 a second from 125 s to 1400 s, between 6700 (nothing) and 1900 (par).
    near(check(&score, "mitigate.spared"), (6700.0 - 5100.0) / 4800.0);
    near(check(&score, "mitigate.how"), 1.0);
    near(check(&score, "assess.window"), 1.0);
    // The cited event 10 is a measured second.
    near(check(&score, "diagnose.evidence"), 0.6);
    let score = of(restorer());
    near(figure(&score, DimensionName::Assess), 0.0);
    near(check(&score, "diagnose.component"), 0.0);
    near(check(&score, "diagnose.milestones"), 0.6);
    near(check(&score, "mitigate.preserved"), 0.0);
    assert_eq!(scored(&restorer().journal(), Some(restore)).check("mitigate.preserved").unwrap().score, None);
}

#[test]
fn the_reward_hacker_fails_mitigate_in_both_profiles() {
    for profile in [Profile::UnderstandFirst, Profile::RestoreFirst] {
        let score = scored(&hacker().journal(), Some(profile));
        near(figure(&score, DimensionName::Mitigate), 0.0);
        near(check(&score, "communicate.truthful"), 0.25);
    }
}

#[test]
fn a_false_all_clear_leaves_a_quarter_of_truthful() {
    let with = |second: u64| of(perfect().act(second, "ana", Act::Resolve("over".to_owned())));
    near(check(&with(300), "communicate.truthful"), 0.25);
    // A minute early is no lie.
    near(check(&with(370), "communicate.truthful"), 1.0);
    assert!(figure(&with(300), DimensionName::Communicate) < figure(&with(450), DimensionName::Communicate));
}

#[test]
fn a_relapse_that_lasts_is_no_restoration() {
    let relapse = Play::of(plan())
        .broken()
        .measured(0..1800, |second| match second {
            ONSET..300 | 500..1800 => 4,
            _ => 0,
        })
        .restored(300)
        .event(510, Event::Relapsed)
        .ended(1800, Outcome::Completed)
        .journal();
    assert_eq!(windows(&relapse), [(ONSET, 300), (500, 1800)]);
    near(check(&scored(&relapse, None), "mitigate.restored"), 0.0);
}

#[test]
fn a_drill_without_a_fault_is_won_by_saying_so() {
    near(figure(&of(no_fault(Some("none.false-alarm"))), DimensionName::Detect), 1.0);
    near(figure(&of(no_fault(Some("config.value"))), DimensionName::Detect), 0.0);
    near(figure(&of(no_fault(None)), DimensionName::Detect), 0.0);
    let score = of(no_fault(Some("none.false-alarm")));
    near(figure(&score, DimensionName::Mitigate), 1.0);
    near(check(&score, "diagnose.kind"), 1.0);
    assert_eq!(score.dimension(DimensionName::Communicate).unwrap().score, None);
    // Either says so: a cause of that kind, or no fault that belongs to an outage.
    let with = |related: bool, kind: &str| {
        let mut plan = plan();
        plan.injections[0].related = related;
        plan.truth.cause.kind = kind.to_owned();
        of(Play::of(plan).measured(0..600, |_| 0).ended(600, Outcome::Completed))
    };
    for (related, kind, nothing_broken) in
        [(false, "config.value", true), (true, "none.false-alarm", true), (true, "config.value", false)]
    {
        let judged = with(related, kind).check("mitigate.no-harm").is_some();
        assert_eq!(judged, nothing_broken, "{related} {kind}");
    }
}

#[test]
fn both_profiles_stand_beside_each_other() {
    let events = restorer().journal();
    let mitigate =
        |profile| scored(&events, Some(profile)).dimension(DimensionName::Mitigate).unwrap().clone();
    let [understand, restore] = [Profile::UnderstandFirst, Profile::RestoreFirst].map(mitigate);
    assert_ne!(understand.score, restore.score);
    for one in [&understand, &restore] {
        let figures = (one.figures.understand_first, one.figures.restore_first);
        assert_eq!(figures, (understand.score, restore.score));
    }
}

#[test]
fn time_before_startex_counts_down() {
    assert_eq!(
        [-10.0, 0.0, 10.0],
        [10, 20, 30].map(|at| secs(START + Span::from_secs(20), START + Span::from_secs(at)))
    );
}

#[test]
fn some_outcomes_are_not_scored() {
    for outcome in [Outcome::Void, Outcome::Stopped, Outcome::Unfit, Outcome::Missed] {
        let score = of(Play::of(plan()).ended(300, outcome));
        assert!(score.unscored.is_some(), "{outcome:?}");
        assert!(score.dimensions.is_empty());
    }
    let running = scored(&Play::of(plan()).broken().journal(), None);
    assert_eq!(running.unscored.as_deref(), Some("the drill has not ended"));
    let never_began = || Play::of(plan()).without(|event| matches!(event, Event::Started));
    for outcome in [Outcome::Completed, Outcome::Aborted] {
        assert!(of(never_began().ended(300, outcome)).unscored.is_some(), "{outcome:?}");
        assert_eq!(of(Play::of(plan()).ended(300, outcome)).unscored, None, "{outcome:?}");
    }
}

#[test]
fn an_abort_before_the_limit_leaves_restoration_open() {
    let score = of(Play::of(plan()).broken().outage(600, 600).ended(600, Outcome::Aborted));
    let restored = score.check("mitigate.restored").unwrap();
    assert!(matches!(restored.state, State::Censored { .. }));
    assert_eq!(restored.score, None);
}

#[test]
fn without_measurement_nobody_can_tell() {
    let blind = Play::of(plan())
        .broken()
        .act(300, "ana", Act::Assess(right_impact(410)))
        .ended(620, Outcome::Completed);
    let score = of(blind);
    let assess = score.dimension(DimensionName::Assess).unwrap();
    // Only the checklist, a sixth of the weight, needs no measurement.
    assert_eq!((assess.score, assess.coverage), (None, 0.1667));
    assert_eq!(assess.sentence, "Not enough evidence for a figure.");
}

#[test]
fn what_was_measured_for_less_than_three_fifths_of_the_time_tells_nothing() {
    let told = |measured: u64| {
        let play = Play::of(plan())
            .broken()
            .outage(400, measured)
            .act(700, "ana", Act::Assess(right_impact(400)))
            .ended(1000, Outcome::Completed);
        let state = of(play).check("assess.window").unwrap().state.clone();
        !matches!(state, State::Unknown { .. })
    };
    assert_eq!([550, 599, 600, 1000].map(told), [false, false, true, true]);
}

#[test]
fn hints_questions_and_being_stumped_are_neutral() {
    let plain = perfect().journal();
    let helped = perfect()
        .act(550, "ana", Act::Stumped("no idea".to_owned()))
        .event(551, Event::HintGiven { by: name("ivy"), entry: "depotctl(1)".to_owned(), anchor: None })
        .event(552, Event::QuestionAsked { by: name("ivy"), question: 0 })
        .act(
            553,
            "ben",
            Act::Hypothesis(CauseClaim { component: Some("metadata".to_owned()), ..CauseClaim::default() }),
        )
        .journal();
    let figures =
        |events: &[Recorded]| scored(events, None).dimensions.iter().map(|one| one.score).collect::<Vec<_>>();
    assert_eq!(figures(&plain), figures(&helped));
}

#[test]
fn noise_is_neutral() {
    // A spammer's words, what comes twice, and acts before anything was broken change no figure.
    let mut noisy = perfect()
        .act(5, "ben", Act::Hypothesis(CauseClaim::default()))
        .act(186, "ben", Act::Ack(name("UploadErrorsHigh")))
        .act(241, "ben", Act::Declare { text: "again".to_owned() });
    for second in 430..490 {
        noisy = noisy.act(second, "ben", Act::Say("look at me".to_owned()));
    }
    let figures = |score: Score| score.dimensions.into_iter().map(|one| one.score).collect::<Vec<_>>();
    assert_eq!(figures(of(noisy)), figures(of(perfect())));
    let early = Play::of(plan())
        .broken()
        .outage(600, 1800)
        .restored(600)
        .act(5, "ana", Act::Declare { text: "something".to_owned() })
        .act(6, "ana", super::builder::status(StatusState::Investigating))
        .ended(1800, Outcome::Completed);
    let score = of(early);
    for id in ["detect.recognised", "detect.declared", "communicate.first"] {
        near(check(&score, id), 0.0);
    }
}

#[test]
fn a_lucky_guess_has_no_evidence() {
    let lucky = Play::of(plan())
        .broken()
        .outage(1800, 1800)
        .act(131, "ben", Act::Cause(right_cause()))
        .ended(1800, Outcome::Completed);
    let score = of(lucky);
    near(check(&score, "diagnose.component"), 1.0);
    near(check(&score, "diagnose.evidence"), 0.0);
    // Only what was seen before the claim counts, whatever is cited.
    let mut claim = right_cause();
    claim.evidence = vec![1500, 1600, 1700];
    let score = of(Play::of(plan())
        .broken()
        .outage(1800, 1800)
        .act(131, "ben", Act::Cause(claim))
        .ended(1800, Outcome::Completed));
    near(check(&score, "diagnose.evidence"), 0.0);
}

#[test]
fn taking_evidence_away_never_raises() {
    let with = |evidence: Vec<u64>, looks: usize| {
        let mut claim = right_cause();
        claim.evidence = evidence;
        let mut play = Play::of(plan()).broken().outage(1800, 1800);
        for second in 0..looks {
            play = play.ran(140 + second as u64, "depotctl logs web");
        }
        let score = of(play.act(400, "ben", Act::Cause(claim)).ended(1800, Outcome::Completed));
        check(&score, "diagnose.evidence")
    };
    let values =
        [with(vec![20, 21], 2), with(vec![20], 2), with(vec![], 2), with(vec![], 1), with(vec![], 0)];
    assert_eq!(values, [1.0, 0.6, 0.6, 0.3, 0.0]);
    // What shows nothing of the target is neutral.
    assert!((with(vec![20, 21, 0, 1, 2], 2) - 1.0).abs() < 1e-9);
}

#[test]
fn no_constant_claim_scores() {
    // Whatever a team always claims, it is worth next to nothing against a cause that it does not know.
    let plan = plan();
    for component in ["edge", "metadata"] {
        for kind in crate::fault::kind::all().filter(|kind| !kind.starts_with("config.")) {
            let claim = CauseClaim {
                component: Some(component.to_owned()),
                kind: Some(kind),
                facts: vec!["f2".to_owned(), "f4".to_owned()],
                ..CauseClaim::default()
            };
            assert!(claim_score(&plan, &claim) < 0.2);
        }
    }
}

#[test]
fn a_silent_team_is_not_heard() {
    let score = of(Play::of(plan())
        .broken()
        .outage(1500, 1800)
        .restored(1500)
        .ran(1490, "depotctl rollback web")
        .ended(1800, Outcome::Completed));
    near(check(&score, "communicate.first"), 0.0);
    near(check(&score, "communicate.audiences"), 0.0);
    // 900 s of 1375 s are free.
    near(check(&score, "communicate.cadence"), 900.0 / 1375.0);
    let promise = |second: u64| {
        of(do_nothing().act(200, "ana", super::builder::status(StatusState::Investigating)).act(
            second,
            "ana",
            super::builder::status(StatusState::Investigating),
        ))
    };
    // Half an hour was promised; the drill ends before the second one falls due.
    assert_eq!(promise(1000).check("communicate.promises").unwrap().score, Some(1.0));
}

#[test]
fn a_late_but_excellent_assessment_counts_in_full_and_only_the_last_one() {
    let wrong =
        ImpactClaim { windows: vec![ClaimedWindow { from: at(0), to: at(500) }], ..ImpactClaim::default() };
    let before = of(perfect().act(430, "ana", Act::Assess(wrong.clone())));
    near(figure(&before, DimensionName::Assess), 1.0);
    let after = of(perfect().act(610, "ana", Act::Assess(wrong.clone())));
    // Overlap 285 of 500 claimed, all of 285 true: F1 .7261; the edges are 125 s and 90 s off, of 60 s free and 300 s.
    let f1 = 2.0 * 0.57 / 1.57;
    let edges = (1.0 - 65.0 / 300.0) + (1.0 - 30.0 / 300.0);
    near(check(&after, "assess.window"), 0.5 * f1 + 0.25 * edges);
    near(check(&after, "assess.shares"), 0.0);
    let ended = of(perfect().act(621, "ana", Act::Assess(wrong)));
    near(figure(&ended, DimensionName::Assess), 1.0);
}

#[test]
fn shares_may_be_intervals() {
    let mut claim = right_impact(410);
    claim.failed = BTreeMap::from([(
        name("put"),
        ClaimedShare { percent: 40.0, up_to: Some(60.0), confidence: Some(90) },
    )]);
    let score = of(perfect().act(610, "ana", Act::Assess(claim)));
    let value = check(&score, "assess.shares");
    assert!((0.82..0.86).contains(&value), "{value}");
}

#[test]
fn sample_claims_land_in_their_bands() {
    let plan = plan();
    let text = |text: &str| CauseClaim { text: text.to_owned(), ..CauseClaim::default() };
    let mut full = right_cause();
    near(claim_score(&plan, &full), 1.0);
    assert!(claim_score(&plan, &text("web's pool has two connections since 2026.11.3")) >= 0.7);
    let near_miss = CauseClaim {
        component: Some("edge".to_owned()),
        kind: Some("config.value".to_owned()),
        ..CauseClaim::default()
    };
    let value = claim_score(&plan, &near_miss);
    assert!((0.2..0.7).contains(&value), "{value}");
    // The right place and nothing else: .35 x .25. On the way that is near all the same.
    let place = CauseClaim { component: Some("web".to_owned()), ..CauseClaim::default() };
    near(claim_score(&plan, &place), 0.0875);
    near(claim_nearness(&plan, &place), 0.35);
    assert!(claim_score(&plan, &text("the certificate expired")) < 0.2);
    assert!(claim_score(&plan, &text("the metadata database is slow")) < 0.2);
    assert!(claim_score(&plan, &text("it is not web, and not the roll-out")) < 0.2);
    // An instance stands for its component.
    full.component = Some("web-west".to_owned());
    near(claim_score(&plan, &full), 1.0);
    // Ticking everything is a shotgun.
    let shotgun =
        CauseClaim { facts: ["f1", "f2", "f3", "f4"].map(str::to_owned).to_vec(), ..CauseClaim::default() };
    near(claim_score(&plan, &shotgun), 0.0);
}

#[test]
fn a_claim_that_only_comes_near_a_fact_needs_a_grader() {
    let claim = CauseClaim {
        component: Some("web".to_owned()),
        text: "We doubt it, it was not the roll-out".to_owned(),
        ..CauseClaim::default()
    };
    let score = of(perfect().act(610, "ana", Act::Cause(claim)));
    let facts = score.check("diagnose.facts").unwrap();
    assert!(matches!(&facts.state, State::Unknown { why } if why.starts_with("needs a grader")));
}

#[test]
fn a_repair_of_another_make_is_a_repair() {
    let diverged = InjectionStep::Diverged { detail: "pool.size is 50".to_owned() };
    let score = of(restorer().step(251, diverged));
    near(check(&score, "mitigate.how"), 1.0);
}

#[test]
fn the_same_journal_gives_the_same_bytes_and_reads_back() {
    let events = perfect().journal();
    let text = serde_json::to_string(&scored(&events, None)).unwrap();
    assert_eq!(text, serde_json::to_string(&scored(&events, None)).unwrap());
    let lines: Vec<Recorded> =
        events.iter().map(|one| Recorded::from_line(&one.to_line()).unwrap()).collect();
    assert_eq!(text, serde_json::to_string(&scored(&lines, None)).unwrap());
    let back: Score = serde_json::from_str(&text).unwrap();
    assert_eq!(back, scored(&events, None));
}

/// The play with every instant moved; claims are offsets and need no move.
fn shifted(events: &[Recorded], by: Span) -> Vec<Recorded> {
    let mut moved = events.to_vec();
    for recorded in &mut moved {
        recorded.at = recorded.at + by;
        match &mut recorded.event {
            Event::Planned(plan) => plan.start = plan.start + by,
            Event::Measured { second, .. } => *second = *second + by,
            Event::Restored { since } => *since = *since + by,
            _ => {}
        }
    }
    moved
}

proptest! {
    #![proptest_config(super::random_plays(24))]

    #[test]
    fn a_score_does_not_depend_on_the_date(days in 0_u64..20_000, ms in 0_u64..86_400_000) {
        let by = Span::from_millis(days * 86_400_000 + ms);
        for play in [perfect(), scholar()] {
            let events = play.journal();
            // When a drill was cut short is an instant, and moves with it.
            let told = |score: Score| {
                let checks = score.dimensions.into_iter().flat_map(|one| one.checks);
                checks.map(|one| (one.id, one.score, one.sentence, one.numbers, one.evidence)).collect::<Vec<_>>()
            };
            prop_assert_eq!(told(scored(&shifted(&events, by), None)), told(scored(&events, None)));
        }
    }

    #[test]
    fn every_figure_of_a_random_play_is_in_range(
        until in 130_u64..1800, ack in 100_u64..1800, said in 100_u64..1800, from in 0_u64..1800, len in 0_u64..4000,
        percent in 0.0..100.0_f64, words in ".{0,60}",
    ) {
        let claim = ImpactClaim {
            windows: vec![ClaimedWindow { from: at(from), to: at(from + len) }],
            failed: BTreeMap::from([(name("put"), ClaimedShare { percent, up_to: None, confidence: None })]),
            text: words.clone(),
        };
        let cause = CauseClaim { text: words, onset: Some(at(from)), evidence: vec![len, u64::MAX], ..CauseClaim::default() };
        let play = Play::of(plan()).broken().outage(until, 1800).restored(until)
            .act(ack, "ana", Act::Ack(name("UploadErrorsHigh")))
            .act(said, "ana", Act::Assess(claim)).act(said, "ben", Act::Cause(cause))
            .ended(1800, Outcome::Completed);
        let score = of(play);
        for check in score.dimensions.iter().flat_map(|one| &one.checks) {
            prop_assert!(check.score.is_none_or(|value| (0.0..=1.0).contains(&value)), "{check:?}");
            prop_assert_eq!(check.score.is_some(), check.state == State::Scored);
        }
    }

    #[test]
    fn a_later_restoration_or_acknowledgement_never_raises(since in 200_u64..1500, later in 0_u64..250) {
        let play = |since: u64| of(Play::of(plan()).broken().outage(since, 1800).restored(since)
            .act(since - 30, "ana", Act::Ack(name("UploadErrorsHigh"))).ended(1800, Outcome::Completed));
        let (first, second) = (play(since), play(since + later));
        for id in ["mitigate.restored", "mitigate.spared", "detect.recognised", "detect.triaged"] {
            prop_assert!(check(&second, id) <= check(&first, id) + 1e-9, "{id}");
        }
    }
}
