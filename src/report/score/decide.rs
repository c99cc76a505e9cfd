//! Decide: the lightest step that works, chosen with reasons and not alone. Judged on what could be known at that moment.

use super::{Check, Sheet, diagnose::milestone, engage};
use crate::{
    report::{timeline::Decision, wording},
    scenario::{
        act::Role,
        truth::{DecisionTruth, Rung},
    },
};

const CHOICE: (&str, f64) = ("decide.choice", 0.50);
const REASONS: (&str, f64) = ("decide.reasons", 0.30);
const ASKED: (&str, f64) = ("decide.asked", 0.20);

/// A reason says something from so many words on.
const WORDS_MIN: usize = 5;
/// What a heavier rung than necessary costs.
const HEAVIER: f64 = 0.25;
/// What a choice is worth that helps nobody and harms nobody.
const HARMLESS: f64 = 0.25;

/// Whether what an option would do could be known at a moment.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Yes,
    NotYet,
    CannotTell,
}

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let all = [CHOICE, REASONS, ASKED];
    if sheet.no_fault() {
        return Sheet::none_of(&all, wording::NOTHING_WAS_BROKEN);
    }
    if sheet.journal.plan().ladder.is_empty() {
        return Sheet::none_of(&all, wording::NO_LADDER);
    }
    let (from, to) = (sheet.broken_from(), sheet.incident_end());
    // Once service is back there is nothing to decide.
    let taken: Vec<&Decision<'_>> =
        sheet.timeline.decisions.iter().filter(|one| from <= one.mark.at && one.mark.at < to).collect();
    let Some(last) = taken.last() else {
        return all
            .into_iter()
            .map(|(id, weight)| Check::scored(id, weight, 0.0, wording::no_decision()))
            .collect();
    };
    let judged = taken.iter().rev().find(|one| known(sheet, one, one.option) == Known::Yes);
    let counts = judged.unwrap_or(last);
    let choice = if let Some(decision) = judged {
        choice(sheet, decision)
    } else {
        let (id, weight) = CHOICE;
        let untold = taken.iter().any(|one| known(sheet, one, one.option) == Known::CannotTell);
        let check = if untold {
            Check::unknown(id, weight, wording::MILESTONE_UNTOLD)
        } else {
            Check::not_applicable(id, weight, wording::NOT_YET_KNOWABLE)
        };
        check.by(taken.iter().map(|one| one.mark))
    };
    vec![choice, reasons(sheet, counts), asked(sheet, counts)]
}

fn declared<'s>(sheet: &Sheet<'s, '_>, option: Rung) -> Option<&'s DecisionTruth> {
    sheet.journal.plan().truth.decision.get(&option)
}

/// Whether what `option` would do could be known when a decision was taken: its milestone had been passed.
fn known(sheet: &Sheet<'_, '_>, decision: &Decision<'_>, option: Rung) -> Known {
    let Some(declared) = declared(sheet, option) else {
        return Known::NotYet;
    };
    match declared.knowable_after.as_deref().map(|name| milestone(sheet, name)) {
        None => Known::Yes,
        Some(None) => Known::CannotTell,
        Some(Some(passed)) if passed.is_some_and(|mark| mark.seq < decision.mark.seq) => Known::Yes,
        Some(Some(_)) => Known::NotYet,
    }
}

fn choice(sheet: &Sheet<'_, '_>, decision: &Decision<'_>) -> Check {
    let (id, weight) = CHOICE;
    let ladder = &sheet.journal.plan().ladder;
    let works = |option: Rung| declared(sheet, option).is_some_and(|one| one.effective && !one.harmful);
    let lightest = ladder.iter().position(|rung| works(*rung) && known(sheet, decision, *rung) == Known::Yes);
    let chosen = ladder.iter().position(|rung| *rung == decision.option);
    let harmful = declared(sheet, decision.option).is_some_and(|one| one.harmful);
    let (score, heavier) = match (lightest, chosen) {
        _ if harmful => (0.0, 0),
        (Some(lightest), Some(chosen)) if works(decision.option) => {
            let heavier = chosen.saturating_sub(lightest);
            ((1.0 - HEAVIER * heavier as f64).max(0.0), heavier)
        }
        _ => (HARMLESS, 0),
    };
    let said = wording::choice(decision.option, harmful, works(decision.option), heavier);
    Check::scored(id, weight, score, said)
        .with([
            ("effective", f64::from(u8::from(works(decision.option)))),
            ("harmful", f64::from(u8::from(harmful))),
            ("rungs above the lightest that was known to work", heavier as f64),
        ])
        .by([decision.mark])
        .against(&["truth.decision", "truth.milestones"])
}

/// Half for a reason, half for a reader of the ticket who finds it there.
fn reasons(sheet: &Sheet<'_, '_>, decision: &Decision<'_>) -> Check {
    let (id, weight) = REASONS;
    let words = decision.because.split_whitespace().count();
    let says = words >= WORDS_MIN;
    let recorded = decision.ticket.is_some() && decision.ticket == engage::tracking(sheet).map(|one| one.id);
    let score = 0.5 * f64::from(u8::from(says)) + 0.5 * f64::from(u8::from(recorded));
    Check::scored(id, weight, score, wording::reasons(says, recorded))
        .with([("words of reason", words as f64), ("in the ticket", f64::from(u8::from(recorded)))])
        .by([decision.mark])
}

/// Somebody else was asked: neither the one who decided nor a role of theirs.
fn asked(sheet: &Sheet<'_, '_>, decision: &Decision<'_>) -> Check {
    let (id, weight) = ASKED;
    let own: Vec<Role> = sheet.timeline.roles_at(decision.by, decision.mark);
    let others = decision
        .asked
        .iter()
        .map(|name| name.trim())
        .filter(|name| *name != decision.by.as_str() && !own.iter().any(|role| role.as_str() == *name))
        .count();
    if others == 0 && sheet.responders() < 2 {
        return Check::not_applicable(id, weight, wording::ALONE);
    }
    let score = f64::from(u8::from(others > 0));
    Check::scored(id, weight, score, wording::asked(others))
        .with([("others who were asked", others as f64)])
        .by([decision.mark])
}
