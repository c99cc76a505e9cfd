//! The ticket: opened in time, its fields right, the owners of the broken part on copy. That updates are mirrored into it
//! belongs to communicate.
//!
//! Of several tickets the one that tracks the incident counts: the one with most updates in it, then with most people on
//! copy, then with most entries, then the first. The others are neutral.

use crate::{
    base::Span,
    report::{
        journal::Mark,
        score::{
            Check, Sheet,
            communicate::AUDIENCES_TOLD,
            diagnose::nearness,
            measure::{lat, set_f},
        },
        ticket::Ticket,
        wording,
    },
    scenario::act::Role,
};
use std::collections::BTreeSet;

const TICKET: (&str, f64) = ("engage.ticket", 0.35);
const OWNERS: (&str, f64) = ("engage.owners", 0.30);
pub(super) const CHECKS: [(&str, f64); 2] = [TICKET, OWNERS];

const OPENED: f64 = 0.6;
const FIELDS: f64 = 0.4;

/// Opening is in time up to here, and worth nothing from the limit on.
const PAR: Span = Span::from_mins(5);
const LIMIT: Span = Span::from_mins(30);
/// Title and description say something from so many words on.
const WORDS_MIN: usize = 5;

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> [Check; 2] {
    [ticket(sheet), owners(sheet)]
}

fn ticket(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = TICKET;
    let truth_refs = ["measured.windows", "truth.cause.component", "truth.priority"];
    let Some(ticket) = tracking(sheet) else {
        return Check::scored(id, weight, 0.0, wording::no_ticket()).against(&truth_refs);
    };
    let after = ticket.opened().at.since(sheet.onset());
    let opened = lat(after.secs(), PAR.secs(), LIMIT.secs());
    let fields = fields(sheet, ticket);
    let score = OPENED * opened + FIELDS * fields;
    Check::scored(id, weight, score, wording::ticket(after, fields))
        .with([("seconds from onset to the ticket", after.secs()), ("opened", opened), ("fields", fields)])
        .by(marks(ticket))
        .against(&truth_refs)
}

fn owners(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = OWNERS;
    let plan = sheet.journal.plan();
    let owners: BTreeSet<&str> = plan.truth.owners.iter().map(String::as_str).collect();
    if owners.is_empty() {
        return Check::not_applicable(id, weight, wording::NO_OWNER);
    }
    let ticket = tracking(sheet);
    let copied: BTreeSet<&str> = ticket
        .into_iter()
        .flat_map(|ticket| ticket.cc.iter().map(String::as_str))
        .filter(|name| owners.contains(name) || !responds(sheet, name))
        .collect();
    let right = copied.intersection(&owners).count();
    let score = set_f(&copied, &owners, 2.0);
    Check::scored(id, weight, score, wording::owners(right, owners.len(), copied.len() - right))
        .with([
            ("owners", owners.len() as f64),
            ("owners on copy", right as f64),
            ("others on copy", (copied.len() - right) as f64),
        ])
        .by(ticket.into_iter().flat_map(marks))
        .against(&["truth.owners"])
}

fn marks(ticket: &Ticket) -> impl Iterator<Item = Mark> {
    ticket.entries.iter().map(|entry| Mark { seq: entry.seq, at: entry.at })
}

/// Whether a name on copy is part of the response anyway, or an audience of status updates: neutral.
pub(super) fn responds(sheet: &Sheet<'_, '_>, name: &str) -> bool {
    AUDIENCES_TOLD.contains(&name)
        || Role::ALL.iter().any(|role| role.as_str() == name)
        || sheet.timeline.people.iter().any(|(person, _)| person.as_str() == name)
}

/// The ticket that tracks the incident. One from before anything was broken tracks something else.
pub(in crate::report::score) fn tracking<'s>(sheet: &Sheet<'s, '_>) -> Option<&'s Ticket> {
    let from = sheet.broken_from();
    let tickets = sheet.timeline.tickets.iter().filter(|ticket| ticket.opened().at >= from);
    // Of equals the last one wins, so the first opened comes last.
    tickets.rev().max_by_key(|ticket| (ticket.mirrors().count(), ticket.cc.len(), ticket.entries.len()))
}

/// The mean of: it says what is wrong, its component is near the one at fault, its priority is the declared one (a
/// step beside it is half right). What the scenario does not declare is left out.
fn fields(sheet: &Sheet<'_, '_>, ticket: &Ticket) -> f64 {
    let plan = sheet.journal.plan();
    let words = ticket.title.split_whitespace().count() + ticket.text.split_whitespace().count();
    let says = f64::from(u8::from(words >= WORDS_MIN));
    let on = ticket.on.as_deref().map_or(0.0, |on| nearness(plan, &[on]));
    let priority =
        plan.truth.priority.map(|right| match ticket.priority.map(|given| given.steps_to(right)) {
            Some(0) => 1.0,
            Some(1) => 0.5,
            _ => 0.0,
        });
    let judged: Vec<f64> = [Some(says), Some(on), priority].into_iter().flatten().collect();
    judged.iter().sum::<f64>() / judged.len() as f64
}
