//! Each change of the target: announced in the log before, its outcome told after.
//!
//! What people type in their own shells is not recorded. A fault that is measured as repaired is then the change.

use crate::{
    base::Span,
    drill::{event::InjectionStep, plan::Plan},
    report::{
        journal::Mark,
        score::{
            Check, Sheet,
            diagnose::component_of,
            measure::{lat, prec},
            mitigate::only_looks,
            text::Reading,
        },
        wording,
    },
    scenario::{act::Act, ticket::TicketAct},
};
use std::collections::BTreeSet;

const LOGGED: (&str, f64) = ("coordinate.logged", 0.20);
const REPORTED: (&str, f64) = ("coordinate.reported", 0.20);
pub(super) const CHECKS: [(&str, f64); 2] = [LOGGED, REPORTED];

/// An outcome is told in time up to here, and worth nothing from the limit on.
const PAR: Span = Span::from_mins(2);
const LIMIT: Span = Span::from_mins(15);

/// A change of the target.
struct Action<'a> {
    mark: Mark,
    /// The components that it names; none: it may concern any.
    on: BTreeSet<&'a str>,
}

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let actions = actions(sheet);
    if actions.is_empty() {
        return CHECKS
            .into_iter()
            .map(|(id, weight)| {
                if sheet.timeline.operations.is_empty() {
                    Check::unknown(id, weight, wording::NO_CHANGE_RECORDED)
                } else {
                    Check::not_applicable(id, weight, wording::NOTHING_CHANGED)
                }
            })
            .collect();
    }
    let announced = announced(sheet, &actions);
    vec![logged(sheet, &actions, &announced), reported(sheet, &actions, &announced)]
}

fn actions<'a>(sheet: &Sheet<'_, 'a>) -> Vec<Action<'a>> {
    let plan = sheet.journal.plan();
    let ran: Vec<Action<'a>> = sheet
        .timeline
        .operations
        .iter()
        .filter(|operation| operation.mark.at >= sheet.broken_from() && !only_looks(operation.argv))
        .map(|operation| Action { mark: operation.mark, on: named(plan, operation.argv) })
        .collect();
    if !sheet.timeline.operations.is_empty() {
        return ran;
    }
    let repaired = sheet.timeline.injections.iter().filter(|one| one.planned.related).filter_map(|one| {
        one.first(|step| matches!(step, InjectionStep::Cleared | InjectionStep::Diverged { .. }))
    });
    let on = BTreeSet::from([component_of(plan, &plan.truth.cause.component)]);
    repaired.map(|mark| Action { mark, on: on.clone() }).collect()
}

fn known(plan: &Plan, word: &str) -> bool {
    let target = &plan.target;
    target.has_service(word)
        || target.links.iter().any(|link| link.name.as_str() == word)
        || target.volumes.iter().any(|volume| volume.name.as_str() == word)
}

fn named<'p>(plan: &'p Plan, argv: &'p [String]) -> BTreeSet<&'p str> {
    argv.iter().filter(|word| known(plan, word)).map(|word| component_of(plan, word)).collect()
}

/// Whether a log entry is about what an action is done to: by its own field, else by its words.
fn about(plan: &Plan, entry: &(Mark, &str, Option<&str>), action: &Action<'_>) -> bool {
    let (_, text, on) = entry;
    match on {
        _ if action.on.is_empty() => true,
        Some(on) => action.on.contains(component_of(plan, on)),
        None => {
            let reading = Reading::of(text);
            let instances =
                plan.target.services.iter().filter(|one| action.on.contains(one.component.as_str()));
            action.on.iter().any(|on| reading.names(on))
                || instances.into_iter().any(|one| reading.names(one.name.as_str()))
        }
    }
}

/// For each action the log entry that announces it, by its place among the entries. Each announces one action. First
/// those of before are given out, from the last action back and to each the latest that is left: the one that people had
/// in mind, and as many as can be find one.
fn announced(sheet: &Sheet<'_, '_>, actions: &[Action<'_>]) -> Vec<Option<usize>> {
    let (plan, logs) = (sheet.journal.plan(), &sheet.timeline.logs);
    let mut used = BTreeSet::new();
    let mut found = vec![None; actions.len()];
    for worth in [1.0, 0.5] {
        for (action, slot) in actions.iter().zip(&mut found).rev().filter(|(_, slot)| slot.is_none()) {
            let fits = |index: &usize| {
                let entry = &logs[*index];
                let prec = prec(&[sheet.secs(entry.0.at)], sheet.secs(action.mark.at));
                !used.contains(index) && about(plan, entry, action) && (prec - worth).abs() < 1e-9
            };
            *slot = (0..logs.len()).rev().find(fits);
            used.extend(*slot);
        }
    }
    found
}

fn logged(sheet: &Sheet<'_, '_>, actions: &[Action<'_>], announced: &[Option<usize>]) -> Check {
    let (id, weight) = LOGGED;
    let entries: Vec<Option<Mark>> =
        announced.iter().map(|index| index.map(|index| sheet.timeline.logs[index].0)).collect();
    let worth = |(action, entry): (&Action<'_>, &Option<Mark>)| {
        entry.map_or(0.0, |entry| prec(&[sheet.secs(entry.at)], sheet.secs(action.mark.at)))
    };
    let figures: Vec<f64> = actions.iter().zip(&entries).map(worth).collect();
    let score = figures.iter().sum::<f64>() / figures.len() as f64;
    let before = figures.iter().filter(|worth| **worth > 0.99).count();
    Check::scored(id, weight, score, wording::logged(before, actions.len()))
        .with([
            ("changes", actions.len() as f64),
            ("logged before", before as f64),
            (
                "logged within 2 min after",
                figures.iter().filter(|worth| (**worth - 0.5).abs() < 1e-9).count() as f64,
            ),
        ])
        .by(actions.iter().map(|action| action.mark).chain(entries.iter().flatten().copied()))
}

/// What tells an outcome: words in the channel, an update, a note in the ticket, or a log entry that announces nothing.
fn told(sheet: &Sheet<'_, '_>, announced: &[Option<usize>]) -> Vec<Mark> {
    let spent: BTreeSet<u64> =
        announced.iter().flatten().map(|index| sheet.timeline.logs[*index].0.seq).collect();
    let tells = |mark: Mark, act: &Act| match act {
        Act::Say(_)
        | Act::Status { .. }
        | Act::Resolve(_)
        | Act::Ticket(TicketAct::Note { .. } | TicketAct::Close { .. }) => true,
        Act::Log { .. } => !spent.contains(&mark.seq),
        _ => false,
    };
    sheet.acts().filter(|(mark, _, act)| tells(*mark, act)).map(|(mark, ..)| mark).collect()
}

/// Each change with the log entry that announced it and the first word about its outcome.
pub(in crate::report::score) fn courses(sheet: &Sheet<'_, '_>) -> Vec<(Mark, Option<Mark>, Option<Mark>)> {
    let actions = actions(sheet);
    let announced = announced(sheet, &actions);
    let told = told(sheet, &announced);
    let entry = |index: Option<usize>| index.map(|index| sheet.timeline.logs[index].0);
    let outcome = |action: Mark| told.iter().copied().find(|mark| mark.seq > action.seq);
    actions
        .iter()
        .zip(announced)
        .map(|(action, index)| (action.mark, entry(index), outcome(action.mark)))
        .collect()
}

fn reported(sheet: &Sheet<'_, '_>, actions: &[Action<'_>], announced: &[Option<usize>]) -> Check {
    let (id, weight) = REPORTED;
    let told = told(sheet, announced);
    let end = sheet.journal.end();
    let reports: Vec<(Mark, Option<Mark>)> = actions
        .iter()
        .map(|action| (action.mark, told.iter().copied().find(|mark| mark.seq > action.mark.seq)))
        // What was done right before the end could not be told any more.
        .filter(|(action, report)| report.is_some() || end.since(action.at) > PAR)
        .collect();
    if reports.is_empty() {
        return Check::censored(id, weight, end, wording::reported_censored());
    }
    let worth = |(action, report): &(Mark, Option<Mark>)| {
        report.map_or(0.0, |report| lat(report.at.since(action.at).secs(), PAR.secs(), LIMIT.secs()))
    };
    let score = reports.iter().map(worth).sum::<f64>() / reports.len() as f64;
    let count = reports.iter().filter(|(_, report)| report.is_some()).count();
    Check::scored(id, weight, score, wording::reported(count, reports.len()))
        .with([("changes", reports.len() as f64), ("outcomes told", count as f64)])
        .by(reports.iter().flat_map(|(action, report)| [Some(*action), *report]).flatten())
}
