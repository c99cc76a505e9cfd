//! What the team kept in tickets, and its severity checklist: claimed here, beside the truth after the reveal.

use super::{
    Compared, Lane, SeverityLine, TicketCard, TimelineRow,
    build::{Desk, field, or_none},
};
use crate::{
    report::{
        journal::Mark,
        ticket::Ticket,
        wording::{self, page},
    },
    scenario::{severity::Answer, ticket::Priority},
};

/// Most tickets, and most entries of one, that are written out.
const TICKETS_MAX: usize = 20;
const ENTRIES_MAX: usize = 100;

impl Desk<'_, '_> {
    pub(super) fn tickets(&self) -> Vec<TicketCard> {
        self.timeline.tickets.iter().take(TICKETS_MAX).map(|ticket| self.ticket(ticket)).collect()
    }

    fn ticket(&self, ticket: &Ticket) -> TicketCard {
        let given = |value: Option<&str>| value.map_or_else(|| page::NONE.to_owned(), wording::tame);
        let cc: Vec<String> = ticket.cc.iter().map(|name| wording::tame(name)).collect();
        TicketCard {
            id: ticket.id.to_string(),
            title: wording::tame(&ticket.title),
            fields: vec![
                field("Component", given(ticket.on.as_deref())),
                field("Priority", given(ticket.priority.map(Priority::as_str))),
                field("On copy", or_none(&cc)),
                field("Opened", self.said(ticket.opened().at)),
                field(
                    "Closed",
                    ticket.closed.map_or_else(|| page::NOT_CLOSED.to_owned(), |at| self.said(at)),
                ),
            ],
            text: wording::tame(&ticket.text),
            entries: ticket
                .entries
                .iter()
                .take(ENTRIES_MAX)
                .map(|entry| {
                    let who = self.role_of(&entry.by, Mark { seq: entry.seq, at: entry.at });
                    TimelineRow {
                        moment: self.moment(entry.at),
                        lane: if entry.status.is_some() { Lane::Status } else { Lane::Response },
                        text: format!("{who} {}", entry.text),
                        seq: entry.seq,
                    }
                })
                .collect(),
        }
    }

    pub(super) fn severity(&self) -> Vec<SeverityLine> {
        let questions = &self.journal.plan().severity;
        let given = |id: &str| self.timeline.severity.get(id);
        questions
            .iter()
            .map(|question| SeverityLine {
                question: question.asks.clone(),
                answer: page::answer(given(&question.id).map(|(_, answer)| *answer)),
                moment: given(&question.id).map(|(mark, _)| self.moment(mark.at)),
            })
            .collect()
    }

    pub(super) fn severity_compared(&self) -> Vec<Compared> {
        let plan = self.journal.plan();
        plan.severity
            .iter()
            .filter_map(|question| {
                let declared = plan.truth.severity.get(&question.id)?;
                let given = self.timeline.severity.get(question.id.as_str()).map(|(_, answer)| *answer);
                Some(Compared {
                    name: question.asks.clone(),
                    claimed: page::answer(given),
                    actual: page::answer(Some(&Answer::of(declared.split(", ").map(str::to_owned)))),
                })
            })
            .collect()
    }
}
