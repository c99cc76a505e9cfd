//! How the tickets of a drill stand: a fold over what was done to them, for boards, score and debrief alike.

use super::wording::events;
use crate::{
    base::{At, Person},
    scenario::{
        act::Act,
        ticket::{Priority, TicketAct, TicketId},
    },
};
use serde::{Deserialize, Serialize};

/// A ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id.
    pub id: TicketId,
    /// One line.
    pub title: String,
    /// What it is about.
    pub on: Option<String>,
    /// How soon somebody has to act.
    pub priority: Option<Priority>,
    /// What was known when it was opened.
    pub text: String,
    /// Who is copied, each once.
    pub cc: Vec<String>,
    /// When it was closed, if it was.
    pub closed: Option<At>,
    /// Everything that was done to it; the first entry opened it.
    pub entries: Vec<TicketEntry>,
}

/// One thing that was done to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketEntry {
    /// The event.
    pub seq: u64,
    /// When.
    pub at: At,
    /// By whom.
    pub by: Person,
    /// In words.
    pub text: String,
    /// The status update that it mirrors: its number in the journal.
    pub status: Option<u64>,
}

impl Ticket {
    /// The entry that opened it.
    pub fn opened(&self) -> &TicketEntry {
        &self.entries[0]
    }

    /// The entries that mirror a status update.
    pub fn mirrors(&self) -> impl Iterator<Item = &TicketEntry> {
        self.entries.iter().filter(|entry| entry.status.is_some())
    }

    fn copy(&mut self, names: &[String]) {
        for name in names.iter().map(|name| name.trim()) {
            if !self.cc.iter().any(|known| known == name) {
                self.cc.push(name.to_owned());
            }
        }
    }
}

/// Takes an act in; only those that concern a ticket change anything.
pub fn take(tickets: &mut Vec<Ticket>, seq: u64, at: At, by: &Person, act: &Act) {
    let entry = |text: String, status: Option<u64>| TicketEntry { seq, at, by: by.clone(), text, status };
    match act {
        Act::Status { state, text, ticket: Some(id), .. } => {
            if let Some(ticket) = tickets.get_mut(id.index()) {
                ticket.entries.push(entry(events::status_mirrored(*state, text), Some(seq)));
            }
        }
        Act::Decide { option, because, ticket: Some(id), .. } => {
            if let Some(ticket) = tickets.get_mut(id.index()) {
                ticket.entries.push(entry(events::decision_recorded(*option, because), None));
            }
        }
        Act::Ticket(TicketAct::Open { title, on, priority, text, cc }) => {
            let mut ticket = Ticket {
                id: TicketId::after(tickets.len()),
                title: title.clone(),
                on: on.clone(),
                priority: *priority,
                text: text.clone(),
                cc: Vec::new(),
                closed: None,
                entries: vec![entry(events::TICKET_OPENED.to_owned(), None)],
            };
            ticket.copy(cc);
            tickets.push(ticket);
        }
        Act::Ticket(done) => {
            let Some(ticket) = done.ticket().and_then(|id| tickets.get_mut(id.index())) else {
                return;
            };
            let mut status = None;
            match done {
                TicketAct::Update { title, on, priority, .. } => {
                    ticket.title = title.clone().unwrap_or_else(|| std::mem::take(&mut ticket.title));
                    ticket.on = on.clone().or_else(|| ticket.on.take());
                    ticket.priority = priority.or(ticket.priority);
                }
                TicketAct::Note { status: mirrored, .. } => status = *mirrored,
                TicketAct::Cc { to, .. } => ticket.copy(to),
                TicketAct::Close { .. } => ticket.closed = Some(at),
                TicketAct::Open { .. } => {}
            }
            ticket.entries.push(entry(events::ticket_done(done, None), status));
        }
        _ => {}
    }
}
