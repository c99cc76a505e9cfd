//! Close: the all-clear comes when service has held, reaches everybody who was alarmed, comes from the right role, and
//! what was taken is given back.

use super::{Check, Sheet, engage, measure::held_for};
use crate::{
    base::Span,
    report::{journal::Mark, timeline::StatusUpdate, wording},
    scenario::act::{Act, Role, StatusState},
};
use std::collections::BTreeMap;

const NOMINAL: (&str, f64) = ("close.nominal", 0.35);
const AUDIENCES: (&str, f64) = ("close.audiences", 0.30);
const ROLE: (&str, f64) = ("close.role", 0.15);
const HANDED_BACK: (&str, f64) = ("close.handed-back", 0.20);

/// So long after restoration an all-clear is awaited.
const AWAITED: Span = Span::from_mins(5);
/// So long after the all-clear roles are handed back.
const BACK: Span = Span::from_mins(2);

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let all = [NOMINAL, AUDIENCES, ROLE, HANDED_BACK];
    if sheet.no_fault() {
        return Sheet::none_of(&all, wording::NOTHING_WAS_BROKEN);
    }
    let cleared = all_clear(sheet);
    let restored = sheet.timeline.held_restoration();
    if cleared.is_none() && restored.is_none() {
        return Sheet::none_of(&all, wording::NOT_OVER);
    }
    if let (None, Some((mark, _))) = (cleared, restored)
        && sheet.journal.end().since(mark.at) < AWAITED
    {
        let end = sheet.journal.end();
        return all
            .into_iter()
            .map(|(id, weight)| Check::censored(id, weight, end, wording::close_censored()))
            .collect();
    }
    vec![nominal(sheet, cleared), audiences(sheet), role(sheet), handed_back(sheet, cleared)]
}

fn over<'s, 'a>(sheet: &Sheet<'s, 'a>) -> impl Iterator<Item = &'s StatusUpdate<'a>> {
    let from = sheet.broken_from();
    sheet
        .timeline
        .statuses
        .iter()
        .filter(move |one| one.mark.at >= from && one.state == StatusState::Resolved)
}

/// The last word that it is over: to the team or to people outside.
fn all_clear(sheet: &Sheet<'_, '_>) -> Option<Mark> {
    let from = sheet.broken_from();
    let said = sheet.timeline.resolved.iter().map(|(mark, _)| *mark).filter(|mark| mark.at >= from);
    said.chain(over(sheet).map(|one| one.mark)).max()
}

/// The scenario says for how long service has to be good before it counts as restored: the nominal period. Only the
/// last all-clear is judged. A false one before it is a matter of truthfulness, and judged there.
fn nominal(sheet: &Sheet<'_, '_>, cleared: Option<Mark>) -> Check {
    let (id, weight) = NOMINAL;
    let restored = sheet.timeline.held_restoration();
    let Some(cleared) = cleared else {
        return Check::scored(id, weight, 0.0, wording::no_all_clear()).by(restored.map(|(mark, _)| mark));
    };
    let Some((mark, since)) = restored else {
        return Check::scored(id, weight, 0.0, wording::nominal(None))
            .by([cleared])
            .against(&["measured.restored"]);
    };
    let period = sheet.secs(mark.at) - sheet.secs(since);
    let waited = sheet.secs(cleared.at) - sheet.secs(since);
    let score = held_for(waited, period);
    Check::scored(id, weight, score, wording::nominal(Some((waited, period))))
        .with([
            ("seconds of good service before the all-clear", waited),
            ("nominal period in seconds", period),
        ])
        .by([mark, cleared])
        .against(&["measured.restored"])
}

/// Of everybody who was told that something is wrong: the share whose last word was that it is over.
fn audiences(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = AUDIENCES;
    let from = sheet.broken_from();
    let mut last: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for status in sheet.timeline.statuses.iter().filter(|one| one.mark.at >= from) {
        let resolved = status.state == StatusState::Resolved;
        for to in status.to.iter().map(|to| to.trim()) {
            let (alarmed, cleared) = last.entry(to).or_default();
            *alarmed |= !resolved;
            *cleared = resolved;
        }
    }
    let alarmed: Vec<bool> =
        last.values().filter(|(alarmed, _)| *alarmed).map(|(_, cleared)| *cleared).collect();
    if alarmed.is_empty() {
        return Check::not_applicable(id, weight, wording::NOBODY_ALARMED);
    }
    let cleared = alarmed.iter().filter(|cleared| **cleared).count();
    let score = cleared as f64 / alarmed.len() as f64;
    Check::scored(id, weight, score, wording::cleared(cleared, alarmed.len()))
        .with([
            ("audiences alarmed", alarmed.len() as f64),
            ("of these told that it is over", cleared as f64),
        ])
        .by(sheet.timeline.statuses.iter().map(|one| one.mark).filter(|mark| mark.at >= from))
}

/// The coordinator says that it is over; people outside hear it from communications or from the coordinator.
fn role(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = ROLE;
    let from = sheet.broken_from();
    let last = |which: &dyn Fn(&Act) -> bool| {
        sheet
            .acts()
            .filter(|(mark, _, act)| mark.at >= from && which(act))
            .map(|(mark, by, _)| (mark, by))
            .last()
    };
    let given = [
        (last(&|act| matches!(act, Act::Resolve(_))), &[Role::Ic][..]),
        (
            last(&|act| matches!(act, Act::Status { state: StatusState::Resolved, .. })),
            &[Role::Communications, Role::Ic][..],
        ),
    ];
    let judged: Vec<(Mark, bool)> = given
        .into_iter()
        .filter_map(|(given, right)| {
            let (mark, by) = given?;
            let roles = sheet.timeline.roles_at(by, mark);
            Some((mark, right.iter().any(|role| roles.contains(role))))
        })
        .collect();
    if judged.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_ALL_CLEAR_TO_JUDGE);
    }
    let right = judged.iter().filter(|(_, right)| *right).count();
    let score = right as f64 / judged.len() as f64;
    Check::scored(id, weight, score, wording::closed_by(right, judged.len()))
        .with([("all-clears", judged.len() as f64), ("by the right role", right as f64)])
        .by(judged.iter().map(|(mark, _)| *mark))
}

/// Roles that were taken are given back, and the ticket is closed, before EndEx. A role that is still held is left out
/// when the exercise ended within [`BACK`] of the all-clear: there was no time.
fn handed_back(sheet: &Sheet<'_, '_>, cleared: Option<Mark>) -> Check {
    let (id, weight) = HANDED_BACK;
    let end = sheet.journal.end();
    let no_time = cleared.is_some_and(|mark| end.since(mark.at) < BACK);
    let held: Vec<(Mark, bool)> = sheet
        .timeline
        .last_holders()
        .map(|spell| (spell.from, spell.to < end))
        .filter(|(_, back)| *back || !no_time)
        .collect();
    let ticket = engage::tracking(sheet);
    let closed = ticket.map(|ticket| ticket.closed.is_some()).filter(|closed| *closed || !no_time);
    let things: Vec<bool> = held.iter().map(|(_, back)| *back).chain(closed).collect();
    if things.is_empty() {
        return Check::not_applicable(id, weight, wording::NOTHING_TO_HAND_BACK);
    }
    let back = things.iter().filter(|back| **back).count();
    let score = back as f64 / things.len() as f64;
    let entries = ticket.into_iter().flat_map(|ticket| &ticket.entries).last();
    Check::scored(id, weight, score, wording::handed_back(back, things.len()))
        .with([("roles and tickets to hand back", things.len() as f64), ("handed back", back as f64)])
        .by(held.iter().map(|(mark, _)| *mark).chain(entries.map(|one| Mark { seq: one.seq, at: one.at })))
}
