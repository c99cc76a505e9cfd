//! Coordinate: one coordinator who coordinates, announced actions, reported outcomes, hand-overs with a note.

mod actions;

pub(super) use actions::courses;

use super::{Check, Sheet, measure::cover1};
use crate::{
    base::{At, Person, Span},
    report::{
        journal::Mark,
        timeline::{Operation, RoleSpell},
        wording,
    },
    scenario::act::Role,
};

const IC: (&str, f64) = ("coordinate.ic", 0.35);
const CONFLICTS: (&str, f64) = ("coordinate.conflicts", 0.15);
const HANDED_OVER: (&str, f64) = ("coordinate.handed-over", 0.10);
/// So long behind the end of a shift its roles are in other hands.
const HANDED_WITHIN: Span = Span::from_mins(10);

/// So much of an incident may pass before somebody coordinates.
pub(super) const GRACE: Span = Span::from_mins(2);
/// Roles that work on the target.
pub(super) const WORKING: [Role; 3] = [Role::Operations, Role::SecondLine, Role::ThirdLine];
/// A note says something from so many words on.
const WORDS_MIN: usize = 5;

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    if sheet.no_fault() {
        let all: Vec<_> = [IC, CONFLICTS, HANDED_OVER].into_iter().chain(actions::CHECKS).collect();
        return Sheet::none_of(&all, wording::NOTHING_WAS_BROKEN);
    }
    let mut checks = vec![coordinator(sheet), conflicts(sheet)];
    checks.extend(actions::checks(sheet));
    checks.push(handed_over(sheet));
    checks
}

fn spells<'s, 'a>(sheet: &Sheet<'s, 'a>, role: Role) -> impl Iterator<Item = &'s RoleSpell<'a>> {
    sheet.timeline.roles.iter().filter(move |spell| spell.role == role)
}

fn coordinator(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = IC;
    let (start, end) = (sheet.secs(sheet.onset()), sheet.secs(sheet.incident_end()));
    let ics: Vec<_> = spells(sheet, Role::Ic).collect();
    let held: Vec<_> = ics.iter().map(|spell| (sheet.secs(spell.from.at), sheet.secs(spell.to))).collect();
    let none = held.iter().all(|(from, to)| *to <= start || *from >= end);
    if none && end - start <= GRACE.secs() {
        return Check::not_applicable(id, weight, wording::TOO_SHORT_TO_COORDINATE);
    }
    let whole = end - start;
    let free = GRACE.secs().min(whole);
    let alone = cover1(&held, (start + free, end));
    let score = if whole > 0.0 { (free + (whole - free) * alone) / whole } else { 1.0 };
    Check::scored(id, weight, score, wording::coordinator(score, none))
        .with([
            ("seconds of the incident", whole),
            ("of these free at the start", free),
            ("share of the rest with exactly one coordinator", alone),
        ])
        .by(ics.iter().map(|spell| spell.from))
}

/// Who coordinates does not work on the target: neither by role nor by hand.
fn conflicts(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = CONFLICTS;
    if sheet.responders() < 2 {
        return Check::not_applicable(id, weight, wording::ALONE);
    }
    let (from, to) = (sheet.onset(), sheet.incident_end());
    let within = |a: &RoleSpell<'_>, b: (At, At)| {
        let (start, end) = (a.from.at.max(b.0), a.to.min(b.1));
        (start < end).then_some((start, end))
    };
    let held: f64 =
        spells(sheet, Role::Ic).filter_map(|ic| within(ic, (from, to))).map(|(a, b)| b.since(a).secs()).sum();
    if held <= 0.0 {
        return Check::not_applicable(id, weight, wording::NOBODY_COORDINATED);
    }
    let both: f64 = spells(sheet, Role::Ic)
        .filter_map(|ic| Some((ic.person, within(ic, (from, to))?)))
        .map(|(person, span)| {
            let working = sheet
                .timeline
                .roles
                .iter()
                .filter(|spell| WORKING.contains(&spell.role) && spell.person == person);
            let spans: Vec<_> = working
                .filter_map(|spell| within(spell, span))
                .map(|(a, b)| (sheet.secs(a), sheet.secs(b)))
                .collect();
            super::measure::union(&spans).iter().map(|(a, b)| b - a).sum::<f64>()
        })
        .sum();
    let ran: Vec<&Operation<'_>> =
        sheet.timeline.operations.iter().filter(|operation| operation.mark.at >= from).collect();
    let by_ic: Vec<_> = ran
        .iter()
        .filter(|one| sheet.timeline.roles_at(one.by, one.mark).contains(&Role::Ic))
        .map(|one| one.mark)
        .collect();
    let by_hand = by_ic.len() as f64 / ran.len().max(1) as f64;
    let score = 1.0 - (both / held).max(by_hand);
    Check::scored(id, weight, score, wording::conflicts(both / held, by_ic.len(), ran.len()))
        .with([
            ("seconds with a coordinator", held),
            ("of these with a working role, too", both),
            ("operations", ran.len() as f64),
            ("of these run by the coordinator", by_ic.len() as f64),
        ])
        .by(spells(sheet, Role::Ic).map(|spell| spell.from).chain(by_ic))
}

fn handed_over(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = HANDED_OVER;
    let from = sheet.broken_from();
    let all: Vec<_> = sheet.timeline.hand_overs.iter().filter(|one| one.mark.at >= from).collect();
    let kept = kept_behind_shift(sheet);
    if all.is_empty() && kept.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_HAND_OVER);
    }
    let told = all.iter().filter(|one| one.note.split_whitespace().count() >= WORDS_MIN).count();
    let score = told as f64 / (all.len() + kept.len()) as f64;
    Check::scored(id, weight, score, wording::handed_over(told, all.len(), kept.len()))
        .with([
            ("hand-overs", all.len() as f64),
            ("with a note", told as f64),
            ("roles that stayed behind a shift", kept.len() as f64),
        ])
        .by(all.iter().map(|one| one.mark).chain(kept))
}

/// Roles that somebody kept whose shift was over, each by the change of shifts.
fn kept_behind_shift(sheet: &Sheet<'_, '_>) -> Vec<Mark> {
    let shifts = sheet.journal.plan().admission.shifts();
    let kept = |(mark, shift): &(Mark, usize)| {
        let (on, before) = (&shifts[*shift].people, &shifts[*shift - 1].people);
        let went_off = |person: &Person| before.contains(person) && !on.contains(person);
        let over = mark.at + HANDED_WITHIN;
        let spells = sheet.timeline.roles.iter();
        let kept =
            spells.filter(|spell| went_off(spell.person) && spell.from.at < mark.at && spell.to > over);
        kept.map(|_| *mark).collect::<Vec<_>>()
    };
    sheet.timeline.shifts.iter().flat_map(kept).collect()
}
