//! Communicate: people outside the response were told early, often, fully and truthfully.

use super::{
    Check, Sheet, engage,
    measure::{lat, stale},
};
use crate::{
    base::{At, Span},
    report::{journal::Mark, timeline::StatusUpdate, wording},
    scenario::act::StatusState,
};

const FIRST: (&str, f64) = ("communicate.first", 0.25);
const CADENCE: (&str, f64) = ("communicate.cadence", 0.20);
const CONTENT: (&str, f64) = ("communicate.content", 0.15);
const PROMISES: (&str, f64) = ("communicate.promises", 0.10);
const AUDIENCES: (&str, f64) = ("communicate.audiences", 0.10);
const TRUTHFUL: (&str, f64) = ("communicate.truthful", 0.20);
const MIRRORED: (&str, f64) = ("communicate.mirrored", 0.10);

/// A status is fresh for so long, and a little longer.
pub(super) const PERIOD: Span = Span::from_mins(30);
pub(super) const GRACE: Span = Span::from_mins(5);
/// The first one may take so long.
pub(super) const FIRST_WITHIN: Span = Span::from_mins(15);
/// Who has to hear of an incident.
pub(crate) const AUDIENCES_TOLD: [&str; 2] = ["users", "stakeholders"];
/// "It is over" may be said so long before the measurement agrees.
const EARLY: Span = Span::from_secs(60);

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let all = [FIRST, CADENCE, CONTENT, PROMISES, AUDIENCES, TRUTHFUL, MIRRORED];
    if sheet.no_fault() {
        Sheet::none_of(&all, wording::NOTHING_WAS_BROKEN)
    } else {
        vec![
            first(sheet),
            cadence(sheet),
            content(sheet),
            promises(sheet),
            audiences(sheet),
            truthful(sheet),
            mirrored(sheet),
        ]
    }
}

fn marks(statuses: &[StatusUpdate<'_>]) -> Vec<Mark> {
    statuses.iter().map(|status| status.mark).collect()
}

fn first(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = FIRST;
    let first =
        sheet.timeline.statuses.iter().map(|status| status.mark).find(|mark| mark.at >= sheet.broken_from());
    let after = first.map(|mark| mark.at.since(sheet.onset()));
    let score = after.map_or(0.0, |after| lat(after.secs(), 300.0, 1800.0));
    Check::scored(id, weight, score, wording::first_status(after))
        .with(after.map(|after| ("seconds from onset to the first update", after.secs())))
        .by(first)
        .against(&["measured.windows"])
}

/// From the first harm to the measured restoration, or to EndEx.
fn incident(sheet: &Sheet<'_, '_>) -> (At, At) {
    (sheet.onset(), sheet.incident_end())
}

fn cadence(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = CADENCE;
    let statuses = &sheet.timeline.statuses;
    let (start, end) = incident(sheet);
    // An incident that is over before a first status would be due says nothing about cadence.
    if statuses.is_empty() && end.since(start) <= FIRST_WITHIN {
        return Check::not_applicable(id, weight, wording::TOO_SHORT_FOR_CADENCE);
    }
    let broadcasts: Vec<_> = statuses.iter().map(|status| sheet.secs(status.mark.at)).collect();
    let score = stale(
        &broadcasts,
        (sheet.secs(start), sheet.secs(end)),
        FIRST_WITHIN.secs(),
        PERIOD.secs(),
        GRACE.secs(),
    );
    Check::scored(id, weight, score, wording::cadence(score))
        .with([
            ("seconds of the incident", end.since(start).secs()),
            ("share covered by a fresh update", score),
        ])
        .by(marks(statuses))
        .against(&["measured.restored"])
}

/// What a reader needs: what is wrong (more than a word or two), who is told, and when more comes.
fn content(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = CONTENT;
    let statuses = &sheet.timeline.statuses;
    if statuses.is_empty() {
        return Check::scored(id, weight, 0.0, wording::content(None));
    }
    let full: f64 = statuses
        .iter()
        .map(|status| {
            let says = status.text.split_whitespace().count() >= 5;
            let told = !status.to.is_empty();
            let next = status.next_in.is_some() || status.state == StatusState::Resolved;
            f64::from(u8::from(says) + u8::from(told) + u8::from(next)) / 3.0
        })
        .sum();
    let score = full / statuses.len() as f64;
    Check::scored(id, weight, score, wording::content(Some(score)))
        .with([("updates", statuses.len() as f64)])
        .by(marks(statuses))
}

/// A promise is kept by another status in time (a tenth more, at least a minute), or fell due after the incident.
fn promises(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = PROMISES;
    let statuses = &sheet.timeline.statuses;
    let (_, end) = incident(sheet);
    let mut kept = 0_usize;
    let mut due = 0_usize;
    let mut evidence = Vec::new();
    for (index, status) in statuses.iter().enumerate() {
        let Some(next_in) = status.next_in else {
            continue;
        };
        let grace = Span::from_millis((next_in.millis() / 10).max(60_000));
        let by = status.mark.at + next_in + grace;
        let next = statuses.get(index + 1).map(|next| next.mark);
        let in_time = next.is_some_and(|next| next.at <= by);
        if !in_time && by >= end {
            continue;
        }
        due += 1;
        kept += usize::from(in_time);
        evidence.push(status.mark);
        evidence.extend(next.filter(|_| in_time));
    }
    if due == 0 {
        return Check::not_applicable(id, weight, wording::NO_PROMISE_DUE);
    }
    let score = kept as f64 / due as f64;
    Check::scored(id, weight, score, wording::promises(kept, due))
        .with([("promises due", due as f64), ("kept", kept as f64)])
        .by(evidence)
}

fn audiences(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = AUDIENCES;
    let statuses = &sheet.timeline.statuses;
    let told: Vec<&str> = AUDIENCES_TOLD
        .into_iter()
        .filter(|audience| statuses.iter().any(|status| status.to.iter().any(|to| to == audience)))
        .collect();
    let score = told.len() as f64 / AUDIENCES_TOLD.len() as f64;
    Check::scored(id, weight, score, wording::audiences(&told))
        .with([("audiences told", told.len() as f64)])
        .by(marks(statuses))
}

/// "It is over" said while users were still being harmed is what nobody forgets: one such word leaves a quarter.
fn truthful(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = TRUTHFUL;
    let line = sheet.timeline;
    let over: Vec<Mark> = line
        .statuses
        .iter()
        .filter(|status| status.state == StatusState::Resolved)
        .map(|status| status.mark)
        .chain(line.resolved.iter().map(|(mark, _)| *mark))
        .collect();
    if line.statuses.is_empty() && over.is_empty() {
        return Check::not_applicable(id, weight, wording::NOTHING_SAID);
    }
    if let Some(why) = sheet.blind() {
        return Check::unknown(id, weight, why);
    }
    let wrong: Vec<Mark> = over
        .iter()
        .copied()
        .filter(|mark| sheet.impact.window_at(mark.at).is_some_and(|window| window.to.since(mark.at) > EARLY))
        .collect();
    let score = if wrong.is_empty() { 1.0 } else { 0.25 };
    let offset = wrong.first().map(|mark| sheet.journal.offset(mark.at));
    let said = [("times it was said to be over", over.len() as f64), ("too early", wrong.len() as f64)];
    let evidence = if wrong.is_empty() { over } else { wrong };
    Check::scored(id, weight, score, wording::truthful(offset.as_deref()))
        .with(said)
        .by(evidence)
        .against(&["measured.windows"])
}

/// How soon each status update of the incident was in the ticket that tracks it. Whether there is such a ticket, and
/// what is in its fields, is judged in engage.
fn mirrored(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = MIRRORED;
    let from = sheet.broken_from();
    let updates: Vec<Mark> =
        marks(&sheet.timeline.statuses).into_iter().filter(|mark| mark.at >= from).collect();
    if updates.is_empty() {
        return Check::not_applicable(id, weight, wording::NOTHING_TO_MIRROR);
    }
    let ticket = engage::tracking(sheet);
    let within = |update: &Mark| {
        let mirrors = ticket?.mirrors().filter(|entry| entry.status == Some(update.seq));
        mirrors.map(|entry| Mark { seq: entry.seq, at: entry.at }).min()
    };
    let inside: Vec<(Mark, Mark)> =
        updates.iter().filter_map(|update| Some((*update, within(update)?))).collect();
    let worth = |(update, mirror): &(Mark, Mark)| lat(mirror.at.since(update.at).secs(), 300.0, 1800.0);
    let score = inside.iter().map(worth).sum::<f64>() / updates.len() as f64;
    Check::scored(id, weight, score, wording::mirrored(inside.len(), updates.len()))
        .with([("updates", updates.len() as f64), ("updates in the ticket", inside.len() as f64)])
        .by(updates.iter().copied().chain(inside.iter().map(|(_, mirror)| *mirror)))
}
