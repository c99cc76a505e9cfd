//! Everything that is said of each golden play, to the letter. A change of the scorer shows here line by line, and is read
//! by a person before it is taken: `INSTA_UPDATE=always cargo test --lib report::tests::accounts` takes it.

use super::seventeen;
use crate::{
    report::{
        Journal, Score, score,
        score::{Check, Dimension, State},
    },
    scenario::Profile,
};
use std::fmt::Write as _;

#[test]
fn what_is_said_of_each_golden_play_stays() {
    for (name, play) in seventeen::all() {
        let journal = play.journal();
        let journal = Journal::new(&journal).unwrap();
        let [first, second] = [Profile::UnderstandFirst, Profile::RestoreFirst]
            .map(|profile| account(&score(&journal, Some(profile))));
        // By the other profile only what is said differently.
        let other: String = second.iter().filter(|part| !first.contains(part)).cloned().collect();
        insta::assert_snapshot!(name.replace(' ', "-"), format!("{}\n{other}", first.concat()));
    }
}

fn account(score: &Score) -> Vec<String> {
    let mut said = vec![format!("{:?} {:?} {:?}\n", score.profile, score.unscored, score.weighted_mean())];
    said.extend(score.questions.iter().map(|question| format!("? {question}\n")));
    for Dimension { name, score, figures, coverage, sentence, checks, .. } in &score.dimensions {
        let both = (figures.understand_first, figures.restore_first);
        said.push(format!("{name:?} {score:?} {both:?} coverage {coverage}: {sentence}\n"));
        said.extend(checks.iter().map(of_check));
    }
    said
}

fn of_check(check: &Check) -> String {
    let Check { id, weight, state, score, sentence, question, numbers, evidence, truth_refs, .. } = check;
    let state = match (state, score) {
        (State::Scored, Some(score)) => score.to_string(),
        (state, score) => format!("{state:?} {score:?}"),
    };
    let mut said = String::new();
    writeln!(said, "- {id} of {weight}: {state} · {sentence}").unwrap();
    if let Some(question) = question {
        writeln!(said, "  ? {question}").unwrap();
    }
    for number in numbers {
        writeln!(said, "  {} = {}", number.name, number.value).unwrap();
    }
    writeln!(said, "  {evidence:?} {truth_refs:?}").unwrap();
    said
}
