//! Trainers: blind grades, grades beside figures, checks that do not hold, answers that a person reads, and the talk.

use super::builder::{Play, do_nothing, name, perfect, plan, restorer, right_cause};
use crate::{
    drill::event::{Event, Hat, Recorded},
    report::{
        Journal, Score, debrief,
        grading::{GradingSheet, debrief_for},
        render, score,
        score::{DimensionName, State},
        walk,
    },
    scenario::{
        act::{Act, CauseClaim},
        review::{ActionKind, CHECKS, Rating, Review, Section, Wanted},
    },
};

fn grade(dimension: DimensionName, rating: Rating) -> Review {
    Review::Grade { dimension, rating, because: format!("{dimension} as I saw it") }
}

fn hand_in() -> Review {
    Review::HandIn { overall: "calm and late".to_owned() }
}

fn write(section: Section, text: &str, evidence: &[u64]) -> Review {
    Review::Write { section, text: text.to_owned(), evidence: evidence.to_vec() }
}

fn follow_up(owner: Option<&str>, kind: Option<ActionKind>, ticket: Option<&str>) -> Review {
    Review::FollowUp(Wanted {
        action: "an alarm on the pool".to_owned(),
        issue: None,
        kind,
        owner: owner.map(str::to_owned),
        ticket: ticket.map(str::to_owned),
        due: None,
    })
}

/// A play with what trainers wrote after it, one entry a second.
fn reviewed(play: Play, entries: &[(&str, Review)]) -> Vec<Recorded> {
    let play = play.event(0, Event::Joined { person: name("tom"), hat: Hat::Trainer });
    let after = |play: Play, (second, (by, entry)): (u64, &(&str, Review))| {
        play.event(second, Event::Reviewed { by: name(by), entry: entry.clone() })
    };
    (2000..).zip(entries).fold(play, after).journal()
}

fn scored(events: &[Recorded]) -> Score {
    score(&Journal::new(events).unwrap(), None)
}

fn near(value: f64, hand: f64) {
    assert!((value - hand).abs() < 0.0001, "{value} is not {hand}");
}

#[test]
fn half_is_measured_and_half_is_seen() {
    // Measured 1. P: 1. S: (1 + 2/3) / 2. M is .67 away, which is no mean but a question.
    for (rating, half) in [(Rating::P, Some(1.0)), (Rating::S, Some(5.0 / 6.0)), (Rating::M, None)] {
        let events =
            reviewed(perfect(), &[("tom", grade(DimensionName::Detect, rating)), ("tom", hand_in())]);
        let score = scored(&events);
        let detect = score.dimension(DimensionName::Detect).unwrap();
        let together = detect.together.as_ref().unwrap();
        assert_eq!(detect.score, Some(1.0), "what was measured is not changed");
        match (together.score, half) {
            (Some(found), Some(hand)) => near(found, hand),
            (found, hand) => assert_eq!(found, hand, "{rating}"),
        }
        near(together.gap, 1.0 - rating.worth());
        assert_eq!(together.sentence.contains("disagree"), half.is_none(), "{}", together.sentence);
        assert_eq!(score.dimension(DimensionName::Close).unwrap().together, None, "nobody graded it");
    }
}

#[test]
fn where_nothing_was_measured_the_grades_stand_alone_and_may_disagree_too() {
    // Coordinate has no figure when nobody did anything.
    let of = |ratings: &[(&'static str, Rating)]| {
        let mut entries: Vec<_> =
            ratings.iter().map(|(by, rating)| (*by, grade(DimensionName::Coordinate, *rating))).collect();
        entries.extend(ratings.iter().map(|(by, _)| (*by, hand_in())));
        let score = scored(&reviewed(do_nothing(), &entries));
        score.dimension(DimensionName::Coordinate).unwrap().together.clone().unwrap()
    };
    assert_eq!(of(&[("tom", Rating::M)]).score, Some(0.3333));
    // Neighbours agree, and their mean counts; P and M do not.
    assert_eq!(of(&[("tom", Rating::P), ("tia", Rating::S)]).score, Some(0.8333));
    let apart = of(&[("tom", Rating::P), ("tia", Rating::M)]);
    assert_eq!((apart.score, apart.gap), (None, 0.6667));
}

#[test]
fn a_grade_counts_once_it_is_handed_in_and_only_the_last_one() {
    let first = ("tom", grade(DimensionName::Detect, Rating::U));
    let last = ("tom", grade(DimensionName::Detect, Rating::P));
    let open = scored(&reviewed(perfect(), std::slice::from_ref(&first)));
    assert!(open.dimensions.iter().all(|one| one.grades.is_empty() && one.together.is_none()));
    // Nothing of an open grade is in the score, to the byte.
    let plain = reviewed(perfect(), &[]);
    let text = |score: &Score| serde_json::to_string(score).unwrap();
    assert_eq!(text(&open), text(&scored(&plain)));
    let closed = scored(&reviewed(perfect(), &[first, last, ("tom", hand_in())]));
    let grades = &closed.dimension(DimensionName::Detect).unwrap().grades;
    assert_eq!(grades.iter().map(|one| one.rating).collect::<Vec<_>>(), [Rating::P]);
}

#[test]
fn a_trainer_sees_nothing_of_the_score_before_the_grades_are_in() {
    let mut wrong = plan();
    wrong.objectives = vec!["read a pool".to_owned()];
    let entries = [
        ("tia", grade(DimensionName::Detect, Rating::U)),
        ("tia", hand_in()),
        ("tom", grade(DimensionName::Detect, Rating::S)),
        ("tom", hand_in()),
    ];
    let before = reviewed(restorer(), &entries[..3]);
    let journal = Journal::new(&before).unwrap();
    let score = score(&journal, None);
    let sheet = GradingSheet::of(&journal, &name("tom"));
    assert!(!sheet.handed_in && sheet.rows.iter().all(|row| row.beside.is_none()));
    let dark = debrief_for(&journal, &name("tom"));
    let shown = [
        serde_json::to_string(&sheet).unwrap(),
        render::markdown(&dark),
        render::html(&dark),
        render::json(&dark),
    ];
    let steps = walk::walk(&journal, &dark);
    assert_eq!(steps.len(), 8);
    for text in &shown {
        // Neither the machine's sentences and questions, nor the other trainer's grade.
        for dimension in &score.dimensions {
            assert!(!text.contains(&dimension.sentence), "{}", dimension.sentence);
            for check in &dimension.checks {
                assert!(!text.contains(&check.id), "{}", check.id);
                assert!(check.question.as_ref().is_none_or(|question| !text.contains(question)));
            }
        }
        assert!(!text.contains("the measurement says"), "{text}");
    }
    let after = reviewed(restorer(), &entries);
    let sheet = GradingSheet::of(&Journal::new(&after).unwrap(), &name("tom"));
    let row = &sheet.rows[0];
    assert_eq!(row.given.as_ref().map(|(rating, _)| *rating), Some(Rating::S));
    let beside = row.beside.as_ref().unwrap();
    assert_eq!(beside.measured, score.dimensions[0].score);
    // U and S are apart, and so are U and what was measured.
    assert_eq!(beside.together.as_ref().unwrap().score, None);
    let written = render::markdown(&debrief(&Journal::new(&after).unwrap()));
    assert!(written.contains("Graded by trainers") && written.contains("disagreement"), "{written}");
}

#[test]
fn a_check_that_does_not_hold_is_left_out_and_not_changed() {
    let why = "they logged on paper".to_owned();
    let doubt = |check: &str| ("tom", Review::Invalidate { check: check.to_owned(), because: why.clone() });
    let events = reviewed(restorer(), &[doubt("mitigate.preserved"), doubt("coordinate.ic")]);
    let score = scored(&events);
    let check = score.check("mitigate.preserved").unwrap();
    let said = events.iter().find(|one| matches!(one.event, Event::Reviewed { .. })).unwrap().seq;
    assert_eq!(check.evidence.last(), Some(&said), "who doubts it is heard");
    assert_eq!(check.state, State::Invalid { why: why.clone() });
    assert_eq!((check.score, check.question.as_ref()), (None, None));
    // Without it the others of mitigate are 1: restored in time, spared, by the root fix.
    let mitigate = score.dimension(DimensionName::Mitigate).unwrap();
    assert_eq!(mitigate.score, Some(1.0));
    // .80 of .90: the stop conditions of this plan are none.
    near(mitigate.coverage, 0.8 / 0.9);
    // What was not judged stays what it was.
    assert!(matches!(score.check("coordinate.ic").unwrap().state, State::NotApplicable { .. }));
}

#[test]
fn an_unclear_answer_is_read_by_a_person() {
    let claim = CauseClaim {
        text: "We doubt it, it was not the roll-out".to_owned(),
        component: Some("web".to_owned()),
        ..CauseClaim::default()
    };
    let play = || perfect().act(610, "ana", Act::Cause(claim.clone()));
    let read = |stated: bool| ("tom", Review::Read { fact: "f3".to_owned(), stated });
    let open = reviewed(play(), &[]);
    let sheet = GradingSheet::of(&Journal::new(&open).unwrap(), &name("tom"));
    assert_eq!(sheet.unclear.iter().map(|one| one.fact.as_str()).collect::<Vec<_>>(), ["f3"]);
    assert_eq!(sheet.answer, claim.text);
    let figure = |entries: &[(&str, Review)]| {
        let score = scored(&reviewed(play(), entries));
        score.check("diagnose.facts").unwrap().score
    };
    assert_eq!(figure(&[]), None);
    // One of two facts: F1 is 2/3. Nothing read as stated is nothing named. The last reading counts.
    assert_eq!(figure(&[read(true)]), Some(0.6667));
    assert_eq!(figure(&[read(false)]), Some(0.0));
    assert_eq!(figure(&[read(false), read(true)]), Some(0.6667));
    // An answer that is clear shows nothing to read.
    let clear = perfect().act(610, "ana", Act::Cause(right_cause()));
    let events = reviewed(clear, &[]);
    assert!(GradingSheet::of(&Journal::new(&events).unwrap(), &name("tom")).unclear.is_empty());
}

#[test]
fn learning_is_what_is_written_and_followed_up() {
    let learn = |entries: &[Review]| {
        let entries: Vec<_> = entries.iter().map(|entry| ("tom", entry.clone())).collect();
        let score = scored(&reviewed(perfect(), &entries));
        let figure = |id: &str| score.check(id).unwrap().score;
        [figure("learn.sections"), figure("learn.follow-ups"), figure("learn.objectives")]
    };
    assert_eq!(learn(&[]), [None, None, None]);
    let said = "the release was suspected at once";
    // One of seven sections without evidence is .7 / 7 = .1; no action is 0; nobody has judged the objective.
    assert_eq!(learn(&[write(Section::Well, said, &[])]), [Some(0.1), Some(0.0), None]);
    // With evidence 1/7; four words say nothing.
    let shown = [write(Section::Well, said, &[12]), write(Section::Lucky, "ben knew the pool", &[12])];
    assert_eq!(learn(&shown), [Some(0.1429), Some(0.0), None]);
    // Owner, type and ticket: 3 of 3 and 1 of 3 are 4 of 6.
    let actions = [
        follow_up(Some("web-oncall"), Some(ActionKind::Prevent), Some("OPS-12")),
        follow_up(Some("web-oncall"), None, None),
    ];
    assert_eq!(learn(&actions)[1], Some(0.6667));
    let with_a_wish = actions.iter().cloned().chain([follow_up(None, None, None)]);
    let entries: Vec<_> = with_a_wish.map(|entry| ("tom", entry)).collect();
    let score_of_three = scored(&reviewed(perfect(), &entries));
    let numbers = &score_of_three.check("learn.follow-ups").unwrap().numbers;
    assert_eq!(numbers.iter().map(|one| one.value).collect::<Vec<_>>(), [3.0, 1.0, 4.0]);
    let objective = |met| Review::Objective { number: 1, met, because: String::new() };
    assert_eq!(learn(&[objective(false), objective(true)])[2], Some(1.0));
    assert_eq!(learn(&[objective(false)])[2], Some(0.0));
    let mut two = perfect();
    two.plan.objectives.push("tell the users first".to_owned());
    let second = Review::Objective { number: 2, met: false, because: String::new() };
    let half = scored(&reviewed(two, &[("tom", objective(true)), ("tom", second)]));
    assert_eq!(half.check("learn.objectives").unwrap().score, Some(0.5));
    let all: Vec<Review> = Section::ALL
        .into_iter()
        .map(|section| write(section, said, &[12]))
        .chain([actions[0].clone(), objective(true)])
        .collect();
    assert_eq!(learn(&all), [Some(1.0), Some(1.0), Some(1.0)]);
}

#[test]
fn what_the_team_wrote_is_in_the_debrief() {
    let events = reviewed(
        perfect(),
        &[
            ("tom", write(Section::Lucky, "ben had <b>built</b> the pool", &[12])),
            ("tom", follow_up(Some("web-oncall"), Some(ActionKind::Prevent), None)),
            ("tom", Review::Objective { number: 1, met: true, because: "ben read it first".to_owned() }),
        ],
    );
    let data = debrief(&Journal::new(&events).unwrap());
    assert_eq!(data.reflections[2].filled.as_ref().map(|one| one.evidence.as_slice()), Some(&[12][..]));
    assert_eq!(data.actions.len(), 1);
    let card = |words: &str| data.scorecard.iter().find(|line| line.question.contains(words)).unwrap().answer;
    assert_eq!((card("follow-up"), card("right team")), (Some(true), Some(true)));
    for page in [render::markdown(&data), render::html(&data)] {
        for said in ["web-oncall", "prevent", "ben read it first"] {
            assert!(page.contains(said), "{said}");
        }
        assert!(!page.contains("<b>built"), "what people type is text");
    }
}

#[test]
fn the_walk_goes_forward_through_time_and_pins_what_was_noted() {
    let play = perfect().event(0, Event::Joined { person: name("tom"), hat: Hat::Trainer });
    let events = play.clone().journal();
    // Noted at 500 s, about the acknowledgement at 185 s.
    let acked = events.iter().find(|one| matches!(one.event, Event::Acted { act: Act::Ack(_), .. })).unwrap();
    let note = Event::Observed { by: name("tom"), about: Some(acked.seq), text: "quick".to_owned() };
    let events = play.event(500, note).journal();
    let journal = Journal::new(&events).unwrap();
    let steps = walk::walk(&journal, &debrief(&journal));
    let shown =
        |step: usize| steps[step].rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>().join("\n");
    assert!(
        !shown(0).contains("acknowledged") && shown(0).contains("alarm UploadErrorsHigh"),
        "{}",
        shown(0)
    );
    assert!(shown(1).contains("quick") && shown(1).contains("acknowledged"), "{}", shown(1));
    assert!(
        shown(2).contains("rollback") && shown(3).contains("all-clear"),
        "{}\n--\n{}",
        shown(2),
        shown(3)
    );
    // Every line of the timeline is in exactly one step, and none is told with the truth.
    let all: usize = steps.iter().map(|step| step.rows.len()).sum();
    assert_eq!(all, debrief(&journal).timeline.rows.len());
    assert!(steps[4..].iter().all(|step| step.rows.is_empty()));
}

#[test]
fn a_check_can_be_doubted_by_its_id() {
    let formulas: Vec<&str> = crate::report::wording::formulas::FORMULAS.iter().map(|(id, _)| *id).collect();
    assert_eq!(CHECKS.to_vec(), formulas);
}
