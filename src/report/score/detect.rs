//! Detect: somebody noticed, declared, and looked after the alarms. Where nothing is broken, saying so wins.

use super::{Check, Sheet, measure::lat};
use crate::{report::wording, scenario::act::StatusState};

const RECOGNISED: (&str, f64) = ("detect.recognised", 0.35);
const DECLARED: (&str, f64) = ("detect.declared", 0.35);
const TRIAGED: (&str, f64) = ("detect.triaged", 0.30);
const SAID_SO: (&str, f64) = ("detect.nothing-broken", 1.0);

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    if sheet.no_fault() {
        return vec![nothing_broken(sheet)];
    }
    vec![recognised(sheet), declared(sheet), triaged(sheet)]
}

fn recognised(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = RECOGNISED;
    let first = sheet.timeline.first_recognition(sheet.broken_from());
    let after = first.map(|mark| mark.at.since(sheet.onset()));
    let score = after.map_or(0.0, |after| lat(after.secs(), 120.0, 1800.0));
    Check::scored(id, weight, score, wording::recognised(after))
        .with(after.map(|after| ("seconds from onset to the first sign", after.secs())))
        .by(first)
        .against(&["measured.windows"])
}

fn declared(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = DECLARED;
    let first =
        sheet.timeline.declared.iter().map(|(mark, _)| *mark).find(|mark| mark.at >= sheet.broken_from());
    let after = first.map(|mark| mark.at.since(sheet.onset()));
    let score = after.map_or(0.0, |after| lat(after.secs(), 300.0, 1800.0));
    Check::scored(id, weight, score, wording::declared(after))
        .with(after.map(|after| ("seconds from onset to the declaration", after.secs())))
        .by(first)
        .against(&["measured.windows"])
}

/// Alarms of the outage: each is acknowledged soon. Noise is neutral whatever is done with it, and so is an alarm that
/// resolved before anybody had to look.
fn triaged(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = TRIAGED;
    let spells: Vec<_> = sheet
        .timeline
        .alarms
        .iter()
        .filter(|spell| spell.related())
        .filter(|spell| {
            let gone_soon = spell.resolved.is_some_and(|mark| mark.at.since(spell.raised.at).secs() <= 120.0);
            spell.acked.is_some() || !gone_soon
        })
        .collect();
    if spells.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_ALARM);
    }
    let acked = spells.iter().filter(|spell| spell.acked.is_some()).count();
    let sum: f64 = spells
        .iter()
        .filter_map(|spell| Some(spell.acked?.0.at.since(spell.raised.at)))
        .map(|after| lat(after.secs(), 120.0, 1800.0))
        .sum();
    let evidence = spells.iter().map(|spell| spell.acked.map_or(spell.raised, |(mark, _)| mark));
    let score = sum / spells.len() as f64;
    Check::scored(id, weight, score, wording::triaged(acked, spells.len()))
        .with([("alarms of the outage", spells.len() as f64), ("acknowledged", acked as f64)])
        .by(evidence)
}

fn nothing_broken(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = SAID_SO;
    let line = sheet.timeline;
    let says_none =
        |kind: &Option<String>| kind.as_deref().is_some_and(|kind| kind.split('.').next() == Some("none"));
    // The last answer counts; without one, an all-clear says the same.
    let claimed = line.causes.last().map(|(mark, claim)| (*mark, says_none(&claim.kind)));
    let cleared = line.resolved.last().map(|(mark, _)| *mark).or_else(|| {
        line.statuses
            .iter()
            .rev()
            .find(|status| status.state == StatusState::Resolved)
            .map(|status| status.mark)
    });
    let guessed = line.hypotheses.iter().find(|(_, claim)| says_none(&claim.kind)).map(|(mark, _)| *mark);
    let (score, mark) = match (claimed, cleared, guessed) {
        (Some((mark, true)), _, _) | (None, Some(mark), _) => (1.0, Some(mark)),
        (Some((mark, false)), _, _) => (0.0, Some(mark)),
        (None, None, Some(mark)) => (0.5, Some(mark)),
        (None, None, None) => (0.0, None),
    };
    Check::scored(id, weight, score, wording::nothing_broken(score, mark.is_some()))
        .by(mark)
        .against(&["truth.cause.kind"])
}
