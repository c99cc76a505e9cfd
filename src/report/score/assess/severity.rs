//! The severity checklist: each question's last answer against the declared one. A wrong answer is worth nothing,
//! "don't know" what a guess would earn, so that honesty is never worse than guessing.

use crate::{
    report::{
        score::{
            Check, Sheet,
            measure::{choice, guessed_set, set_f},
        },
        wording,
    },
    scenario::severity::{Answer, Question},
};
use std::collections::BTreeSet;

const SEVERITY: (&str, f64) = ("assess.severity", 0.2);

pub(super) fn check(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = SEVERITY;
    let plan = sheet.journal.plan();
    let given = &sheet.timeline.severity;
    let declared = &plan.truth.severity;
    let asked: Vec<(&Question, &str)> = plan
        .severity
        .iter()
        .filter_map(|question| Some((question, declared.get(&question.id)?.as_str())))
        .collect();
    if asked.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_CHECKLIST);
    }
    let mut sum = 0.0;
    let (mut answered, mut right, mut unsure) = (0, 0, 0);
    for (question, actual) in &asked {
        let Some((_, answer)) = given.get(question.id.as_str()) else {
            continue;
        };
        let worth = worth(question, answer, actual);
        sum += worth;
        answered += 1;
        match answer {
            Answer::DontKnow => unsure += 1,
            Answer::Says(_) => right += usize::from(worth > 0.99),
        }
    }
    let score = sum / asked.len() as f64;
    Check::scored(id, weight, score, wording::severity(answered, asked.len(), right, unsure))
        .with([
            ("questions", asked.len() as f64),
            ("answered", answered as f64),
            ("as declared", right as f64),
            ("don't know", unsure as f64),
        ])
        .by(given.values().map(|(mark, _)| *mark))
        .against(&["truth.severity"])
}

/// What an answer is worth, 0 to 1. `actual` holds the right words with commas between them.
fn worth(question: &Question, answer: &Answer, actual: &str) -> f64 {
    let actual: BTreeSet<&str> = actual.split(", ").collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let options = count(question.options.len());
    match answer {
        Answer::DontKnow if question.many => guessed_set(count(actual.len()), options),
        Answer::DontKnow => choice(None, options),
        Answer::Says(words) => {
            let said: BTreeSet<&str> = words.iter().map(String::as_str).collect();
            if question.many { set_f(&said, &actual, 1.0) } else { choice(Some(said == actual), options) }
        }
    }
}
