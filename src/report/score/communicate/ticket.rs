//! The ticket: opened in time, its fields right, the right people on copy, every update mirrored into it.
//!
//! Of several tickets the one that tracks the incident counts: the one with most updates in it, then with most people on
//! copy, then with most entries, then the first. The others are neutral.

use crate::{
    base::{At, Span},
    report::{
        journal::Mark,
        score::{
            Check, Sheet,
            diagnose::nearness,
            measure::{lat, set_f},
        },
        ticket::Ticket,
        wording::{self, TicketSaid},
    },
    scenario::act::Role,
};
use std::collections::BTreeSet;

pub(super) const TICKET: (&str, f64) = ("communicate.ticket", 0.10);

const OPENED: f64 = 0.35;
const FIELDS: f64 = 0.25;
const COPIED: f64 = 0.20;
const MIRRORED: f64 = 0.20;

/// Opening, and mirroring an update, are in time up to here, and worth nothing from the limit on.
const PAR: Span = Span::from_mins(5);
const LIMIT: Span = Span::from_mins(30);
/// Title and description say something from so many words on.
const WORDS_MIN: usize = 5;

pub(super) fn check(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = TICKET;
    let truth_refs = ["measured.windows", "truth.cause.component", "truth.owners", "truth.priority"];
    let Some(ticket) = tracking(sheet) else {
        return Check::scored(id, weight, 0.0, wording::no_ticket()).against(&truth_refs);
    };
    let opened = ticket.opened();
    let after = opened.at.since(sheet.onset());
    let fields = fields(sheet, ticket);
    let copied = copied(sheet, ticket);
    let mirrored = mirrored(sheet, ticket);
    let parts = [
        (OPENED, Some(lat(after.secs(), PAR.secs(), LIMIT.secs()))),
        (FIELDS, Some(fields)),
        (COPIED, copied.map(|(score, ..)| score)),
        (MIRRORED, mirrored.map(|(score, ..)| score)),
    ];
    let arising = || parts.iter().filter_map(|(weight, score)| Some((weight, (*score)?)));
    let whole: f64 = arising().map(|(weight, _)| weight).sum();
    let score = arising().map(|(weight, score)| weight * score).sum::<f64>() / whole;
    let said = wording::ticket(&TicketSaid {
        after,
        fields,
        copied: copied.map(|(_, right, of)| (right, of)),
        mirrored: mirrored.map(|(_, inside, of)| (inside, of)),
    });
    let evidence = ticket.entries.iter().map(|entry| Mark { seq: entry.seq, at: entry.at });
    Check::scored(id, weight, score, said).by(evidence).against(&truth_refs)
}

/// The ticket that tracks the incident. One from before anything was broken tracks something else.
fn tracking<'s>(sheet: &Sheet<'s, '_>) -> Option<&'s Ticket> {
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

/// F2 of the people on copy against the owners of the broken part: a missing one costs more than one too many. Who is
/// part of the response anyway, and audiences of status updates, are neutral. Nothing when no owner is declared.
fn copied(sheet: &Sheet<'_, '_>, ticket: &Ticket) -> Option<(f64, usize, usize)> {
    let owners: BTreeSet<&str> = sheet.journal.plan().truth.owners.iter().map(String::as_str).collect();
    if owners.is_empty() {
        return None;
    }
    let neutral = |name: &str| {
        super::AUDIENCES_TOLD.contains(&name)
            || Role::ALL.iter().any(|role| role.as_str() == name)
            || sheet.timeline.people.iter().any(|(person, _)| person.as_str() == name)
    };
    let copied = ticket.cc.iter().map(String::as_str);
    let copied: BTreeSet<&str> = copied.filter(|name| owners.contains(name) || !neutral(name)).collect();
    let right = copied.intersection(&owners).count();
    Some((set_f(&copied, &owners, 2.0), right, owners.len()))
}

/// How soon each status update of the incident was in the ticket. Nothing when there was none.
fn mirrored(sheet: &Sheet<'_, '_>, ticket: &Ticket) -> Option<(f64, usize, usize)> {
    let from = sheet.broken_from();
    let updates: Vec<Mark> =
        sheet.timeline.statuses.iter().map(|status| status.mark).filter(|mark| mark.at >= from).collect();
    if updates.is_empty() {
        return None;
    }
    let inside: Vec<Option<At>> = updates
        .iter()
        .map(|update| {
            ticket.mirrors().filter(|entry| entry.status == Some(update.seq)).map(|entry| entry.at).min()
        })
        .collect();
    let worth = |(update, at): (&Mark, &Option<At>)| {
        at.map_or(0.0, |at| lat(at.since(update.at).secs(), PAR.secs(), LIMIT.secs()))
    };
    let score = updates.iter().zip(&inside).map(worth).sum::<f64>() / updates.len() as f64;
    Some((score, inside.iter().flatten().count(), updates.len()))
}
