//! The severity checklist of a truth: standard questions by name, and an author's own.

use super::text;
use crate::base::names::is_name;
use crate::scenario::file::{Placed, QuestionFile, TextOr, TruthFile, WordsOr};
use crate::scenario::pack::TargetDescription;
use crate::scenario::problem::Findings;
use crate::scenario::severity::{Answer, DONT_KNOW, Question, STANDARD};
use std::collections::BTreeMap;

/// Most questions of one checklist.
const QUESTIONS_MAX: usize = 20;
/// Most options of one question.
const OPTIONS_MAX: usize = 12;

type Written = TextOr<WordsOr<QuestionFile>>;

/// The questions as they are asked: standard ones first, in their order, then the author's. Each has a right answer
/// among its options.
pub(super) fn questions(
    found: &mut Findings,
    truth: &TruthFile,
    target: &TargetDescription,
) -> Vec<Question> {
    let entries = &truth.severity.0;
    if let Some((id, _)) = entries.get(QUESTIONS_MAX) {
        found.add(id.place, format!("a checklist has at most {QUESTIONS_MAX} questions"));
    }
    let mut questions: Vec<(usize, Question)> = Vec::new();
    for (id, written) in entries {
        let standard = Question::standard(id, target);
        let question = match (&written.value, standard) {
            (TextOr::Other(WordsOr::Other(_)), Some(_)) => {
                found.add_with_help(
                    id.place,
                    format!("`{}` is a standard question", id.value),
                    "give only its right answer, or give your own question another name",
                );
                continue;
            }
            (TextOr::Other(WordsOr::Other(own)), None) => own_question(found, id, own),
            (_, Some(standard)) => standard,
            (_, None) => {
                found.unknown(id.place, "standard question", id, STANDARD);
                continue;
            }
        };
        if let Some(objection) = question.objection(&Answer::of(right(&written.value))) {
            found.add(written.place, objection);
        } else if right(&written.value).iter().any(|word| word == DONT_KNOW) {
            found.add(written.place, "the truth knows: give the right answer, or leave the question out");
        }
        let place = STANDARD.iter().position(|known| *known == question.id).unwrap_or(STANDARD.len());
        questions.push((place, question));
    }
    questions.sort_by_key(|(place, _)| *place);
    questions.into_iter().map(|(_, question)| question).collect()
}

fn own_question(found: &mut Findings, id: &Placed<String>, own: &QuestionFile) -> Question {
    if !is_name(id) {
        found.add(id.place, format!("`{}` is not a name: use letters, digits, `-`, `_` and `.`", id.value));
    }
    text(found, &own.ask, 200);
    if !(2..=OPTIONS_MAX).contains(&own.options.len()) {
        found.add(own.ask.place, format!("a question has from 2 to {OPTIONS_MAX} options"));
    }
    let mut options: Vec<String> = Vec::new();
    for option in &own.options {
        if !is_name(option) || option.value == DONT_KNOW {
            let message = format!("`{}` is not an option: use letters, digits, `-`, `_`", option.value);
            found.add_with_help(option.place, message, format!("`{DONT_KNOW}` is always offered"));
        } else if options.contains(&option.value) {
            found.add(option.place, format!("the option `{}` stands here twice", option.value));
        }
        options.push(option.value.clone());
    }
    Question {
        id: id.value.clone(),
        asks: own.ask.value.clone(),
        options,
        many: matches!(own.answer, TextOr::Other(_)),
    }
}

fn right(written: &Written) -> Vec<String> {
    let of = |answer: &TextOr<Vec<String>>| match answer {
        TextOr::Text(word) => vec![word.clone()],
        TextOr::Other(words) => words.clone(),
    };
    match written {
        TextOr::Text(word) => vec![word.clone()],
        TextOr::Other(WordsOr::Words(words)) => words.clone(),
        TextOr::Other(WordsOr::Other(own)) => of(&own.answer),
    }
}

/// The right answers by question, as the truth keeps them.
pub(super) fn answers(truth: &TruthFile) -> BTreeMap<String, String> {
    truth.severity.0.iter().map(|(id, written)| (id.value.clone(), right(written).join(", "))).collect()
}
