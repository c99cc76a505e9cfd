//! The joints between checks, dimensions and questions: each value by hand.

use super::{
    Check, Dimension, DimensionName, assess::share_score, diagnose::facts_score, measure::pct_interval,
    questions, summed_up,
};
use crate::{
    report::{impact::Count, wording::Said},
    scenario::{Profile, act::ClaimedShare},
};

fn near(value: f64, hand: f64) {
    assert!((value - hand).abs() < 0.0001, "{value} is not {hand}");
}

fn scored(id: &str, weight: f64, score: f64) -> Check {
    Check::scored(id, weight, score, Said::plain("as it is"))
}

/// A check whose weakness is something to talk about.
fn asking(id: &str, weight: f64, score: f64, question: &str) -> Check {
    Check { question: Some(question.to_owned()), ..scored(id, weight, score) }
}

fn detect(checks: Vec<Check>) -> Dimension {
    summed_up(DimensionName::Detect, checks)
}

#[test]
fn three_fifths_of_the_weight_are_enough_for_a_figure() {
    let with = |judged: [f64; 2]| {
        let rest = 1.0 - judged[0] - judged[1];
        detect(vec![
            scored("detect.recognised", judged[0], 1.0),
            scored("detect.declared", judged[1], 0.5),
            Check::unknown("detect.triaged", rest, "nobody looked"),
        ])
    };
    let enough = with([0.35, 0.25]);
    near(enough.coverage, 0.6);
    near(enough.score.unwrap(), (0.35 + 0.125) / 0.6);
    assert_eq!(with([0.35, 0.24]).score, None);
}

#[test]
fn a_dimension_of_which_nothing_arises_says_so() {
    let none = detect(vec![
        Check::not_applicable("detect.recognised", 0.5, "it was quiet"),
        Check::not_applicable("detect.declared", 0.5, "nobody was there"),
    ]);
    assert_eq!((none.score, none.coverage), (None, 0.0));
    assert_eq!(none.sentence, "Did not arise in this drill.");
    let unseen = detect(vec![Check::unknown("detect.recognised", 1.0, "nobody looked")]);
    assert_eq!(unseen.sentence, "Not enough evidence for a figure.");
}

#[test]
fn questions_are_of_the_largest_gaps_and_of_different_dimensions_first() {
    let of = |name, checks| summed_up(name, checks);
    let dimensions = [
        // Its largest gap has no question, and does not take the place of the next.
        of(
            DimensionName::Detect,
            vec![
                scored("detect.recognised", 0.5, 0.0),
                asking("detect.declared", 0.3, 0.0, "detect, large?"),
                asking("detect.triaged", 0.2, 0.0, "detect, small?"),
            ],
        ),
        // What is whole is nothing to talk about, whatever stands beside it.
        of(DimensionName::Assess, vec![asking("assess.window", 1.0, 1.0, "assess, whole?")]),
        of(DimensionName::Close, vec![asking("close.role", 1.0, 0.9, "close, nearly whole?")]),
    ];
    assert_eq!(
        questions(&dimensions, Profile::UnderstandFirst),
        ["detect, large?", "close, nearly whole?", "detect, small?"]
    );
}

#[test]
fn a_claimed_interval_is_as_sure_as_its_author_says() {
    let count = Count { sent: 1000, failed: 400 };
    let claim = |confidence| ClaimedShare { percent: 10.0, up_to: Some(30.0), confidence };
    for sure in [50, 80, 90] {
        let hand = pct_interval((0.1, 0.3), f64::from(sure) / 100.0, 400, 1000);
        near(share_score(&claim(Some(sure)), count), hand);
    }
    assert!(share_score(&claim(Some(50)), count) > share_score(&claim(Some(80)), count));
    near(share_score(&claim(None), count), share_score(&claim(Some(90)), count));
}

#[test]
fn one_wrong_tick_of_four_leaves_half() {
    near(facts_score(2, 2, 1, 4), 0.8 * 0.5);
    near(facts_score(2, 2, 2, 4), 0.0);
    near(facts_score(2, 2, 0, 0), 1.0);
}
