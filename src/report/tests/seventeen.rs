//! The seventeen golden timelines, one table: what sets each team apart, computed by hand, and who comes before whom.

use super::{
    builder::{Play, do_nothing, hacker, no_fault, perfect, restorer, scholar},
    plays::{
        aborted, false_all_clear, late_assessment, lone_hero, lucky_guesser, not_measured, relapse,
        shotgun_claim, silent_team, spammer, two_shifts,
    },
};
use crate::{
    report::{
        Journal, Score, score,
        score::{DimensionName, State},
    },
    scenario::Profile,
};

const NOTE: &str = "the pool looks tiny, cho reads the releases";

pub(super) fn all() -> Vec<(&'static str, Play)> {
    vec![
        ("perfect", perfect()),
        ("do-nothing", do_nothing()),
        ("restorer", restorer()),
        ("scholar", scholar()),
        ("lone hero", lone_hero()),
        ("silent team", silent_team()),
        ("spammer", spammer()),
        ("lucky guesser", lucky_guesser()),
        ("shotgun claim", shotgun_claim()),
        ("reward hacker", hacker()),
        ("false all-clear", false_all_clear()),
        ("relapse", relapse()),
        ("late assessment", late_assessment()),
        ("no fault", no_fault(Some("none.false-alarm"))),
        ("aborted", aborted()),
        ("not measured", not_measured()),
        ("two shifts", two_shifts(NOTE)),
    ]
}

fn by(play: Play, profile: Profile) -> Score {
    score(&Journal::new(&play.journal()).unwrap(), Some(profile))
}

fn of(play: Play) -> Score {
    by(play, Profile::UnderstandFirst)
}

fn lat(seconds: f64, par: f64, limit: f64) -> f64 {
    1.0 - (seconds / par).ln() / (limit / par).ln()
}

/// Checks by id, with what each is worth by hand; nothing: it could not be judged.
fn expect(play: Play, hand: &[(&str, Option<f64>)]) {
    let score = of(play);
    for (id, hand) in hand {
        let check = score.check(id).unwrap_or_else(|| panic!("no check {id}"));
        let same = match (check.score, hand) {
            (Some(found), Some(hand)) => (found - hand).abs() < 0.0001,
            (None, None) => true,
            _ => false,
        };
        assert!(same, "{id} is {:?} ({:?}) and not {hand:?}: {}", check.score, check.state, check.sentence);
    }
}

#[test]
fn there_are_seventeen_and_each_figure_has_its_formula() {
    let all = all();
    assert_eq!(all.len(), 17);
    let mut seen = std::collections::BTreeSet::new();
    for (name, play) in all {
        for profile in [Profile::UnderstandFirst, Profile::RestoreFirst] {
            let score = by(play.clone(), profile);
            assert_eq!(score.dimensions.len(), 10, "{name}");
            for dimension in &score.dimensions {
                assert_eq!(dimension.score, dimension.figures.of(profile), "{name}");
                assert_eq!(
                    dimension.score.is_some(),
                    dimension.coverage >= 0.6,
                    "{name}: {:?} with a coverage of {}",
                    dimension.name,
                    dimension.coverage
                );
                let whole: f64 = dimension.checks.iter().map(|check| check.weight).sum();
                assert!(whole > 0.89 && whole < 1.21, "{name}: {:?} weighs {whole}", dimension.name);
                seen.extend(dimension.checks.iter().map(|check| check.id.clone()));
            }
        }
    }
    let formulas: std::collections::BTreeSet<String> =
        crate::report::wording::formulas::FORMULAS.iter().map(|(id, _)| (*id).to_owned()).collect();
    assert_eq!(seen, formulas, "each check has its formula, and each formula its check");
}

#[test]
fn a_lone_hero_restores_and_does_not_coordinate() {
    expect(
        lone_hero(),
        &[
            ("mitigate.restored", Some(1.0)),
            // In charge 45 s after the onset, and that within the first two minutes.
            ("coordinate.ic", Some(1.0)),
            // Both roles all of the time, and both operations by one hand.
            ("coordinate.conflicts", Some(0.0)),
            ("coordinate.logged", Some(0.0)),
            // The first word about it 110 s later.
            ("coordinate.reported", Some(1.0)),
            ("communicate.first", Some(0.0)),
            ("engage.ticket", Some(0.0)),
            ("engage.owners", Some(0.0)),
            ("engage.first-line", Some(0.0)),
            // Back before par.
            ("engage.escalated", None),
            ("decide.choice", Some(0.0)),
            ("close.nominal", Some(1.0)),
            ("close.role", Some(1.0)),
            // Two roles, and none given back 80 s after the all-clear: there was no time.
            ("close.handed-back", None),
        ],
    );
    // .35 + .20 of .90: the hand-over does not arise.
    let coordinate = of(lone_hero()).dimension(DimensionName::Coordinate).unwrap().score.unwrap();
    assert!((coordinate - 0.55 / 0.90).abs() < 0.0001, "{coordinate}");
    assert!(coordinate < of(perfect()).dimension(DimensionName::Coordinate).unwrap().score.unwrap());
}

#[test]
fn a_silent_team_is_not_heard_and_a_spammer_is_not_better() {
    expect(
        silent_team(),
        &[
            ("mitigate.restored", Some(lat(1300.0, 600.0, 1800.0))),
            ("coordinate.ic", Some(120.0 / 1175.0)),
            ("coordinate.conflicts", None),
            ("coordinate.logged", Some(0.0)),
            ("coordinate.reported", Some(0.0)),
            ("engage.escalated", Some(0.0)),
            ("communicate.first", Some(0.0)),
            ("communicate.mirrored", None),
            // Service was back for 500 s, and nobody said so.
            ("close.nominal", Some(0.0)),
            ("close.audiences", None),
            ("close.role", None),
            ("close.handed-back", None),
        ],
    );
    expect(
        spammer(),
        &[
            ("detect.recognised", Some(1.0)),
            ("communicate.cadence", Some(1.0)),
            // Two words, to nobody, and no word when the next comes.
            ("communicate.content", Some(0.0)),
            ("communicate.audiences", Some(0.0)),
            ("communicate.mirrored", Some(0.0)),
            ("engage.first-line", Some(0.0)),
            ("engage.escalated", Some(0.0)),
            ("mitigate.restored", Some(0.0)),
            // Nobody was alarmed, and nothing was over.
            ("close.audiences", None),
        ],
    );
    let mean = |play: Play| of(play).weighted_mean().unwrap();
    assert!(mean(spammer()) < mean(silent_team()), "who repairs in silence is ahead of who talks");
}

#[test]
fn luck_and_shotguns_are_worth_little() {
    expect(
        lucky_guesser(),
        &[
            ("diagnose.component", Some(1.0)),
            ("diagnose.evidence", Some(0.0)),
            // The milestone was passed by the guess itself, so the choice could be known; its ticket is none.
            ("decide.choice", Some(1.0)),
            ("decide.reasons", Some(0.5)),
            // Ben decided, and asked ben.
            ("decide.asked", Some(0.0)),
            ("mitigate.restored", Some(0.0)),
        ],
    );
    expect(shotgun_claim(), &[("diagnose.facts", Some(0.0)), ("diagnose.component", Some(0.0))]);
}

#[test]
fn a_false_all_clear_costs_its_truth_and_its_close() {
    expect(
        false_all_clear(),
        &[
            ("communicate.truthful", Some(0.25)),
            // 600 s before service was good.
            ("close.nominal", Some(0.0)),
            // Three audiences were alarmed, and all were told that it was over: that it was not is said above.
            ("close.audiences", Some(1.0)),
            ("close.role", Some(1.0)),
            // The coordinator's role was never given back.
            ("close.handed-back", Some(0.0)),
            ("coordinate.ic", Some(1.0)),
        ],
    );
    expect(
        relapse(),
        &[
            ("mitigate.restored", Some(0.0)),
            ("communicate.truthful", Some(1.0)),
            ("close.nominal", Some(0.0)),
            // Nobody had a role.
            ("close.role", Some(0.0)),
        ],
    );
}

#[test]
fn what_cannot_be_told_is_not_zero() {
    let score = of(aborted());
    assert!(matches!(score.check("mitigate.restored").unwrap().state, State::Censored { .. }));
    // An abort before par says nothing of being stuck; the outage was not over.
    expect(aborted(), &[("engage.escalated", None), ("close.nominal", None), ("decide.choice", Some(0.0))]);
    expect(
        not_measured(),
        &[
            ("assess.window", None),
            ("mitigate.spared", None),
            ("communicate.truthful", None),
            ("coordinate.logged", None),
            ("coordinate.reported", None),
            ("diagnose.component", Some(1.0)),
            ("engage.ticket", Some(1.0)),
            ("decide.choice", Some(1.0)),
        ],
    );
    let blind = of(not_measured());
    let coordinate = blind.dimension(DimensionName::Coordinate).unwrap();
    // .35 and .15 of .90.
    assert_eq!((coordinate.score, coordinate.coverage), (None, 0.5556));
    for name in DimensionName::ALL {
        let quiet = of(no_fault(Some("none.false-alarm")));
        // The checklist is answered in such a drill, too.
        let arises = matches!(
            name,
            DimensionName::Detect | DimensionName::Diagnose | DimensionName::Mitigate | DimensionName::Assess
        );
        assert_eq!(quiet.dimension(name).unwrap().score.is_some(), arises, "{name:?}");
    }
    expect(
        late_assessment(),
        &[("assess.window", Some(1.0)), ("assess.shares", Some(1.0)), ("detect.recognised", Some(0.0))],
    );
}

#[test]
fn an_outage_of_two_shifts_is_handed_over_with_a_note() {
    expect(
        two_shifts(NOTE),
        &[
            ("coordinate.ic", Some(1.0)),
            ("coordinate.handed-over", Some(1.0)),
            ("coordinate.conflicts", Some(1.0)),
            ("coordinate.logged", Some(1.0)),
            ("coordinate.reported", Some(1.0)),
            // The owner was on copy long before par.
            ("engage.escalated", Some(1.0)),
            ("decide.choice", Some(1.0)),
            // Ben decided, and asked ben.
            ("decide.asked", Some(0.0)),
            ("close.nominal", Some(1.0)),
            ("close.role", Some(1.0)),
        ],
    );
    expect(two_shifts("over to you"), &[("coordinate.handed-over", Some(0.0)), ("coordinate.ic", Some(1.0))]);
}

#[test]
fn the_order_is_the_profiles() {
    let (understand, restore) = (Profile::UnderstandFirst, Profile::RestoreFirst);
    let mean = |play: Play, profile| by(play, profile).weighted_mean().unwrap();
    assert!(mean(scholar(), understand) > mean(restorer(), understand));
    assert!(mean(scholar(), restore) < mean(restorer(), restore));
    for profile in [understand, restore] {
        assert_eq!(by(hacker(), profile).dimension(DimensionName::Mitigate).unwrap().score, Some(0.0));
        let best = mean(perfect(), profile);
        for (name, play) in all() {
            if !matches!(name, "perfect" | "no fault") {
                assert!(mean(play.clone(), profile) < best, "{name} is not ahead of a perfect team");
            }
            // Who was cut short did nothing either, and was not even asked to keep people informed.
            let behind = mean(play, profile) < mean(do_nothing(), profile);
            assert!(!behind || name == "aborted", "{name} is behind doing nothing");
        }
    }
}
