//! Engage: the right people are brought in: a ticket, the owners of the broken part, help when stuck, the first line.

mod ticket;

pub(super) use ticket::tracking;

use super::{Check, Sheet, measure::lat};
use crate::{
    report::{journal::Mark, wording},
    scenario::{
        act::{Act, Role},
        ticket::TicketAct,
    },
};

const ESCALATED: (&str, f64) = ("engage.escalated", 0.15);
const FIRST_LINE: (&str, f64) = ("engage.first-line", 0.20);

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let own = [ESCALATED, FIRST_LINE];
    if sheet.no_fault() {
        let all: Vec<_> = ticket::CHECKS.into_iter().chain(own).collect();
        return Sheet::none_of(&all, wording::NOTHING_WAS_BROKEN);
    }
    ticket::checks(sheet).into_iter().chain([escalated(sheet), first_line(sheet)]).collect()
}

/// Who is still in the outage at par is stuck, whoever is to blame for that. Asking for help is to say "stumped", to
/// page people, to copy somebody from outside, or to bring the second or third line in.
fn escalated(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = ESCALATED;
    let stuck = sheet.journal.start() + sheet.journal.plan().duration.par;
    if sheet.incident_end() <= stuck {
        return Check::not_applicable(id, weight, wording::NEVER_STUCK);
    }
    let from = sheet.broken_from();
    let asked = |act: &Act| match act {
        Act::Stumped(_) | Act::Page { .. } | Act::TakeRole(Role::SecondLine | Role::ThirdLine) => true,
        Act::Ticket(done @ (TicketAct::Open { .. } | TicketAct::Cc { .. })) => {
            done.copied().iter().any(|name| !ticket::responds(sheet, name.trim()))
        }
        _ => false,
    };
    let first = sheet.acts().find(|(mark, _, act)| mark.at >= from && asked(act)).map(|(mark, ..)| mark);
    let late = first.map(|mark| sheet.secs(mark.at) - sheet.secs(stuck));
    let score = late.map_or(0.0, |late| lat(late, 300.0, 1800.0));
    Check::scored(id, weight, score, wording::escalated(late))
        .with(late.map(|late| ("seconds from par to asking for help", late)))
        .by(first)
}

/// Users call the first line. It is warned by an update, by the ticket, or because one of the team is it.
fn first_line(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = FIRST_LINE;
    let (from, line) = (sheet.broken_from(), sheet.timeline);
    let named = |names: &[String]| names.iter().any(|name| name.trim() == Role::FirstLine.as_str());
    let told = sheet.acts().filter(|(mark, _, act)| {
        mark.at >= from
            && match act {
                Act::Status { to, .. } => named(to),
                Act::Ticket(done) => named(done.copied()),
                _ => false,
            }
    });
    let held = line.roles.iter().filter(|spell| spell.role == Role::FirstLine && spell.to >= from);
    // Whoever has been it since before the onset was warned at once: the span below is zero then.
    let first: Option<Mark> =
        told.map(|(mark, ..)| mark).chain(held.map(|spell| spell.from)).min_by_key(|mark| mark.at);
    let after = first.map(|mark| mark.at.since(sheet.onset()));
    let score = after.map_or(0.0, |after| lat(after.secs(), 300.0, 1800.0));
    Check::scored(id, weight, score, wording::first_line(after))
        .with(after.map(|after| ("seconds from onset to the warning", after.secs())))
        .by(first)
}
