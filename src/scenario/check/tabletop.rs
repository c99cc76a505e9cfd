//! Table-tops: every text is there, nothing is endless, nothing stands twice.

use super::{format_is, text};
use crate::base::limits::TEXT_BYTES_MAX;
use crate::scenario::file::{Placed, TABLETOP_FORMAT, TableTopFile, TableTopQuestionFile};
use crate::scenario::problem::{Findings, Problem};
use crate::scenario::tabletop::{Question, TableTop};

/// Most questions of one table-top.
const QUESTIONS_MAX: usize = 30;
/// Most answers that are offered to one question.
const OFFERED_MAX: usize = 8;
/// Most points of one discussion.
const DISCUSSION_MAX: usize = 12;
/// Most pointers of one question.
const POINTERS_MAX: usize = 8;
/// Longest title, question, offered answer, point and pointer, in bytes.
const LINE_BYTES_MAX: usize = 500;

/// Checks a whole table-top. The error holds every problem, in the order of their places.
pub fn tabletop(name: &str, file: &str, written: &TableTopFile) -> Result<TableTop, Vec<Problem>> {
    let mut found = Findings::new(file);
    format_is(&mut found, &written.format, TABLETOP_FORMAT);
    text(&mut found, &written.title, 200);
    if let Some(summary) = &written.summary {
        text(&mut found, summary, TEXT_BYTES_MAX);
    }
    if !(1..=5).contains(&written.level.value) {
        found.add(written.level.place, "a level goes from 1 (before the first shift) to 5 (experts)");
    }
    roles(&mut found, written);
    questions(&mut found, written);
    let mut problems = found.into_problems();
    if problems.is_empty() {
        return Ok(checked(name, written));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

fn roles(found: &mut Findings, written: &TableTopFile) {
    if written.roles.is_empty() {
        found.add_with_help(
            written.roles.place,
            "no role is named",
            "say whom it teaches, for example `roles: [ic, communications]`",
        );
    }
    for (index, role) in written.roles.iter().enumerate() {
        if written.roles[..index].iter().any(|before| before.value == role.value) {
            found.add(role.place, format!("the role `{}` stands here twice", role.value));
        }
    }
}

fn questions(found: &mut Findings, written: &TableTopFile) {
    let questions = &written.questions;
    if questions.is_empty() {
        found.add(questions.place, "a table-top asks at least one question");
    }
    if let Some(beyond) = questions.get(QUESTIONS_MAX) {
        found.add_with_help(
            beyond.place,
            format!("a table-top has at most {QUESTIONS_MAX} questions"),
            "four to six are an hour for a group: make two table-tops of it",
        );
    }
    for (index, one) in questions.iter().enumerate() {
        question(found, one);
        let same = |before: &Placed<TableTopQuestionFile>| {
            before.situation.trim() == one.situation.trim() && before.question.trim() == one.question.trim()
        };
        if questions[..index].iter().any(same) {
            found.add(one.question.place, "this situation with this question stands here twice");
        }
    }
}

fn question(found: &mut Findings, one: &TableTopQuestionFile) {
    text(found, &one.situation, TEXT_BYTES_MAX);
    text(found, &one.question, LINE_BYTES_MAX);
    lines(found, &one.offered, OFFERED_MAX, "answers are offered");
    if let [only] = one.offered.as_slice() {
        found.add_with_help(
            only.place,
            "one offered answer is a verdict",
            "offer at least two that sensible people give, or none",
        );
    }
    text(found, &one.guidance, TEXT_BYTES_MAX);
    if one.discussion.is_empty() {
        found.add_with_help(
            one.discussion.place,
            "there is nothing to talk about",
            "add at least one point: where sensible people differ, what your own house would need",
        );
    }
    lines(found, &one.discussion, DISCUSSION_MAX, "points are discussed");
    lines(found, &one.pointers, POINTERS_MAX, "pointers are given");
}

fn lines(found: &mut Findings, list: &[Placed<String>], most: usize, what: &str) {
    if let Some(beyond) = list.get(most) {
        found.add(beyond.place, format!("at most {most} {what} with one question"));
    }
    for line in list {
        text(found, line, LINE_BYTES_MAX);
    }
}

fn checked(name: &str, written: &TableTopFile) -> TableTop {
    let plain = |text: &Placed<String>| text.trim().to_owned();
    let all = |list: &[Placed<String>]| list.iter().map(plain).collect();
    TableTop {
        name: name.to_owned(),
        title: plain(&written.title),
        summary: written.summary.as_ref().map(plain).unwrap_or_default(),
        level: written.level.value,
        roles: written.roles.iter().map(|role| role.value).collect(),
        questions: written
            .questions
            .iter()
            .map(|one| Question {
                situation: plain(&one.situation),
                question: plain(&one.question),
                offered: all(&one.offered),
                guidance: plain(&one.guidance),
                discussion: all(&one.discussion),
                pointers: all(&one.pointers),
            })
            .collect(),
    }
}
