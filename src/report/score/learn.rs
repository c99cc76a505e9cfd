//! Learn: what is written up and followed up. A drill ends at EndEx, and learning begins there: this rests on what the
//! trainers write down of the talk. What the team wrote while it played is judged in diagnose, assess and decide.

use super::{Check, Sheet};
use crate::{
    report::{review::Written, wording},
    scenario::review::{Section, Wanted},
};

const SECTIONS: (&str, f64) = ("learn.sections", 0.40);
const FOLLOW_UPS: (&str, f64) = ("learn.follow-ups", 0.40);
const OBJECTIVES: (&str, f64) = ("learn.objectives", 0.20);

/// A section says something from so many words on.
const WORDS_MIN: usize = 5;
/// What a section is worth without an event that shows it.
const UNSHOWN: f64 = 0.7;

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    if !sheet.timeline.reviews.has_talk() {
        return Sheet::none_of(&[SECTIONS, FOLLOW_UPS, OBJECTIVES], wording::NO_DEBRIEF_YET);
    }
    vec![sections(sheet), follow_ups(sheet), objectives(sheet)]
}

fn sections(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = SECTIONS;
    let said: Vec<&Written<'_>> = sheet
        .timeline
        .reviews
        .sections
        .values()
        .filter(|one| one.text.split_whitespace().count() >= WORDS_MIN)
        .collect();
    let shown = said.iter().filter(|one| !one.evidence.is_empty()).count();
    let of = Section::ALL.len();
    let score = (UNSHOWN * said.len() as f64 + (1.0 - UNSHOWN) * shown as f64) / of as f64;
    Check::scored(id, weight, score, wording::grades::sections(said.len(), shown, of))
        .with([("sections", of as f64), ("written", said.len() as f64), ("with evidence", shown as f64)])
        .by(said.iter().map(|one| one.mark))
}

/// An action without an owner role, a type and a ticket is a wish: each of the three is a third.
fn follow_ups(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = FOLLOW_UPS;
    let all = &sheet.timeline.reviews.follow_ups;
    let fields = |one: &Wanted| {
        let there = [one.owner.is_some(), one.kind.is_some(), one.ticket.is_some()];
        there.into_iter().filter(|there| *there).count()
    };
    let full = all.iter().filter(|(_, one)| fields(one) == 3).count();
    let given: usize = all.iter().map(|(_, one)| fields(one)).sum();
    let score = if all.is_empty() { 0.0 } else { given as f64 / (3 * all.len()) as f64 };
    Check::scored(id, weight, score, wording::grades::follow_ups(full, all.len()))
        .with([
            ("corrective actions", all.len() as f64),
            ("with owner role, type and ticket", full as f64),
            ("of these fields given", given as f64),
        ])
        .by(all.iter().map(|(mark, _)| *mark))
}

fn objectives(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = OBJECTIVES;
    if sheet.journal.plan().objectives.is_empty() {
        return Check::not_applicable(id, weight, wording::grades::NO_OBJECTIVE);
    }
    let judged = &sheet.timeline.reviews.objectives;
    if judged.is_empty() {
        return Check::unknown(id, weight, wording::grades::OBJECTIVES_OPEN);
    }
    let met = judged.values().filter(|one| one.met).count();
    let score = met as f64 / judged.len() as f64;
    Check::scored(id, weight, score, wording::grades::objectives(met, judged.len()))
        .with([("objectives judged", judged.len() as f64), ("met", met as f64)])
        .by(judged.values().map(|one| one.mark))
}
