//! HSEEP: the after-action report and improvement plan. Objectives are rated by trainers; what the checks found stands below
//! as strengths and areas for improvement.

use super::{Block, Debrief, Document, Section, asks, field, paper, plan};
use crate::report::{
    render::{
        document::{Cell, EVENTS_MAX, Holds, Table, Voice},
        whole::after,
    },
    score::Check,
    wording::{grades, page, tame},
};

/// From here on a check is a strength, and below it worth an improvement.
const STRENGTH: f64 = 0.9;
const WEAK: f64 = 0.7;

pub(super) fn hseep(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "after-action report and improvement plan");
    let (header, exercise) = (&debrief.header, &debrief.exercise);
    let mut overview = vec![
        field("Exercise name", header.title.clone()),
        field("Exercise dates", format!("{}, {} to {} UTC", header.date, header.start.utc, header.end.utc)),
        field("Scope", format!("{}; {}", exercise.target, exercise.duration)),
        field("Purpose", page::PURPOSE),
        field("Scenario", debrief.reveal.summary.clone()),
        field("Outcome", page::outcome(header.outcome)),
    ];
    overview.extend(
        exercise.people.iter().map(|side| field(&format!("Participants: {}", side.name), side.value.clone())),
    );
    document.sections = vec![
        Section::new("Exercise overview").with(Block::Fields(overview)),
        Section::new("Objectives").lists(exercise.objectives.iter().cloned()),
    ];
    for objective in &exercise.objectives {
        document.sections.push(
            Section::new(format!("Objective: {}", tame(objective)))
                .with(rating(debrief, objective))
                .with(asks("Strengths", "What did the team do here that others should see?"))
                .with(asks(
                    "Areas for improvement",
                    "What was observed, where is it written down, and what lies behind it?",
                )),
        );
    }
    document.sections.push(found(
        debrief,
        "Strengths that the journal shows",
        |score| score >= STRENGTH,
        false,
    ));
    document.sections.push(found(
        debrief,
        "Areas for improvement that the journal shows",
        |score| score < WEAK,
        true,
    ));
    document.sections.push(after::reflections(debrief));
    document.sections.push(plan(debrief, "Appendix: improvement plan"));
    document
}

/// What a trainer said of an objective, or the question.
fn rating(debrief: &Debrief, objective: &str) -> Block {
    match debrief.objectives.iter().find(|judged| judged.text == objective) {
        Some(judged) => Block::Paragraph(Voice::Plain, grades::objective(judged)),
        None => asks("Rating", page::RATING),
    }
}

fn found(debrief: &Debrief, heading: &str, which: impl Fn(f64) -> bool, analysed: bool) -> Section {
    let all = debrief.score.dimensions.iter().flat_map(|dimension| &dimension.checks);
    let wanted: Vec<&Check> = all.filter(|check| check.score.is_some_and(&which)).collect();
    let rows = wanted.into_iter().map(|check| -> Vec<Cell> {
        let analysis = if analysed { check.question.clone().unwrap_or_default() } else { String::new() };
        let capability = check.dimension.as_str();
        vec![
            capability.into(),
            tame(&check.sentence).into(),
            Cell::events(check.evidence.iter().copied().take(EVENTS_MAX)),
            analysis.into(),
        ]
    });
    let last = if analysed { "Analysis: a question" } else { "Analysis" };
    let columns = [
        ("Capability", Holds::Name),
        ("Observation", Holds::Words),
        ("Reference", Holds::Events),
        (last, Holds::Words),
    ];
    let none = if analysed { page::NOTHING_WEAK } else { page::NOTHING_STRONG };
    Section::new(heading).table_or(Table::new(page::EVIDENCE, columns).of(rows), none)
}
