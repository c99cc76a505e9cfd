//! What the team kept in tickets, its severity checklist and its decisions: claimed here, beside the truth after the reveal.

use super::{
    Compared, DecisionLine, Lane, SeverityLine, TicketCard, TimelineRow,
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

    pub(super) fn decided(&self) -> Vec<DecisionLine> {
        self.timeline
            .decisions
            .iter()
            .take(ENTRIES_MAX)
            .map(|decision| {
                let asked: Vec<String> = decision.asked.iter().map(|name| wording::tame(name)).collect();
                DecisionLine {
                    moment: self.moment(decision.mark.at),
                    by: self.role_of(decision.by, decision.mark),
                    option: decision.option.to_string(),
                    because: wording::tame(decision.because),
                    asked: or_none(&asked),
                    seq: decision.mark.seq,
                }
            })
            .collect()
    }

    pub(super) fn ladder_compared(&self) -> Vec<Compared> {
        let plan = self.journal.plan();
        let chosen = |option| {
            let times: Vec<_> = self.timeline.decisions.iter().filter(|one| one.option == option).collect();
            times.last().map(|last| self.journal.offset(last.mark.at))
        };
        plan.ladder
            .iter()
            .filter_map(|option| {
                let declared = plan.truth.decision.get(option)?;
                Some(Compared {
                    name: option.to_string(),
                    claimed: page::chosen(chosen(*option).as_deref()),
                    actual: page::would_have(declared),
                })
            })
            .collect()
    }
}
