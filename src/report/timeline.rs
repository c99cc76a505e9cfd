//! Who did what and when: one pass over the journal, kept as lists that borrow from it.

use super::{
    journal::{Journal, Mark},
    review::Reviews,
    ticket::{self, Ticket},
};
use crate::{
    base::{AlarmName, At, InjectionId, Person, Span},
    drill::{
        event::{Event, Hat, InjectionStep},
        plan::PlannedInjection,
    },
    scenario::{
        AlarmRule,
        act::{Act, CauseClaim, ImpactClaim, Role, StatusState},
        severity::Answer,
        ticket::TicketId,
        truth::Rung,
    },
};
use std::collections::BTreeMap;

/// One time that an alarm was active.
#[derive(Clone)]
pub struct AlarmSpell<'a> {
    /// Which.
    pub alarm: &'a AlarmName,
    /// Its rule, if the plan has it.
    pub rule: Option<&'a AlarmRule>,
    /// With its figures.
    pub summary: &'a str,
    /// When it was raised.
    pub raised: Mark,
    /// The first acknowledgement.
    pub acked: Option<(Mark, &'a Person)>,
    /// When it resolved by itself.
    pub resolved: Option<Mark>,
}

impl AlarmSpell<'_> {
    /// Whether it belongs to the fault. For eyes after the reveal.
    pub fn related(&self) -> bool {
        self.rule.is_none_or(|rule| rule.related)
    }
}

/// One time that somebody held a role.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleSpell<'a> {
    /// The role.
    pub role: Role,
    /// Who held it.
    pub person: &'a Person,
    /// From when.
    pub from: Mark,
    /// Until when; EndEx for those who held it to the end.
    pub to: At,
}

/// One status update.
#[derive(Debug, Clone)]
pub struct StatusUpdate<'a> {
    /// When.
    pub mark: Mark,
    /// The words.
    pub text: &'a str,
    /// Who was told.
    pub to: &'a [String],
    /// How the incident stood.
    pub state: StatusState,
    /// When the next one was promised, counted from this one.
    pub next_in: Option<Span>,
}

/// A decision, as it was recorded.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// When.
    pub mark: Mark,
    /// Who recorded it.
    pub by: &'a Person,
    /// What is to be done.
    pub option: Rung,
    /// Why.
    pub because: &'a str,
    /// Who was asked before.
    pub asked: &'a [String],
    /// The ticket that holds it.
    pub ticket: Option<TicketId>,
}

/// A role that went from one responder to another.
#[derive(Debug, Clone, Copy)]
pub struct HandOver<'a> {
    /// When.
    pub mark: Mark,
    /// What the next one was told.
    pub note: &'a str,
}

/// An operation on the target.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// When it ended.
    pub mark: Mark,
    /// Who ran it.
    pub by: &'a Person,
    /// The arguments.
    pub argv: &'a [String],
    /// Its exit code.
    pub exit: Option<i32>,
}

/// An injection with everything that happened to it.
#[derive(Clone)]
pub struct InjectionHistory<'a> {
    /// As planned.
    pub planned: &'a PlannedInjection,
    /// Its steps, in order.
    pub steps: Vec<(Mark, &'a InjectionStep)>,
}

impl InjectionHistory<'_> {
    /// When the first step that `which` accepts was taken.
    pub fn first(&self, which: impl Fn(&InjectionStep) -> bool) -> Option<Mark> {
        self.steps.iter().find(|(_, step)| which(step)).map(|(mark, _)| *mark)
    }

    /// When the agent was told to apply it.
    pub fn injected(&self) -> Option<Mark> {
        self.first(|step| {
            matches!(step, InjectionStep::Injecting | InjectionStep::Applied | InjectionStep::Live)
        })
    }
}

/// A claim about the cause, with when it was made.
pub type CauseMark<'a> = (Mark, &'a CauseClaim);

/// Who did what and when.
#[derive(Clone, Default)]
pub struct Timeline<'a> {
    /// Everybody who took part, each once.
    pub people: Vec<(&'a Person, Hat)>,
    /// Alarms, by when they were raised.
    pub alarms: Vec<AlarmSpell<'a>>,
    /// Roles, by when they were taken.
    pub roles: Vec<RoleSpell<'a>>,
    /// Roles that were handed over.
    pub hand_overs: Vec<HandOver<'a>>,
    /// When another shift came on, and which.
    pub shifts: Vec<(Mark, usize)>,
    /// Decisions.
    pub decisions: Vec<Decision<'a>>,
    /// What was said in the channel.
    pub said: Vec<Mark>,
    /// Status updates.
    pub statuses: Vec<StatusUpdate<'a>>,
    /// Tickets, by when they were opened.
    pub tickets: Vec<Ticket>,
    /// The last answer to each question of the severity checklist.
    pub severity: BTreeMap<&'a str, (Mark, &'a Answer)>,
    /// Declarations of an incident.
    pub declared: Vec<(Mark, &'a str)>,
    /// "It is over".
    pub resolved: Vec<(Mark, &'a str)>,
    /// Log entries with what they are about.
    pub logs: Vec<(Mark, &'a str, Option<&'a str>)>,
    /// Guesses on the way.
    pub hypotheses: Vec<CauseMark<'a>>,
    /// Answers about the cause.
    pub causes: Vec<CauseMark<'a>>,
    /// Answers about the impact.
    pub assessments: Vec<(Mark, &'a ImpactClaim)>,
    /// Operations on the target.
    pub operations: Vec<Operation<'a>>,
    /// Pointers into the documentation.
    pub hints: Vec<(Mark, &'a str, Option<&'a str>)>,
    /// Questions by their index in the plan.
    pub questions: Vec<(Mark, usize)>,
    /// "We cannot get any further".
    pub stumped: Vec<(Mark, &'a str)>,
    /// Injections in the order of the plan.
    pub injections: Vec<InjectionHistory<'a>>,
    /// Measured restorations: when it was established, and since when it holds.
    pub restored: Vec<(Mark, At)>,
    /// Measured relapses.
    pub relapsed: Vec<Mark>,
    /// The outage was seen to be real.
    pub symptom: Option<Mark>,
    /// Stop conditions that failed.
    pub stops_failed: Vec<(Mark, &'a str)>,
    /// What trainers wrote after EndEx.
    pub reviews: Reviews<'a>,
}

impl<'a> Timeline<'a> {
    /// Folds the journal. Acts after EndEx are left out; injections are followed to their end.
    pub fn of(journal: &Journal<'a>) -> Self {
        let plan = journal.plan();
        let mut line = Self {
            injections: plan
                .injections
                .iter()
                .map(|planned| InjectionHistory { planned, steps: Vec::new() })
                .collect(),
            ..Self::default()
        };
        let mut open: Vec<usize> = Vec::new();
        for recorded in journal.events() {
            let mark = Mark { seq: recorded.seq, at: recorded.at };
            let counts = journal.counts(mark);
            match &recorded.event {
                Event::Injection { id, step } => line.injection(mark, id, step),
                Event::Reacted { planned, .. } => {
                    let added = planned.iter().map(|planned| InjectionHistory { planned, steps: Vec::new() });
                    line.injections.extend(added);
                }
                Event::Joined { person, hat } => line.joined(person, *hat),
                Event::Reviewed { by, entry } => line.reviews.take(mark, by, entry),
                Event::Acted { by, act } if counts => {
                    line.acted(mark, by, act, &mut open);
                }
                event if counts => line.happened(mark, event, &plan.alarms),
                _ => {}
            }
        }
        for index in open {
            line.roles[index].to = journal.end();
        }
        line
    }

    fn joined(&mut self, person: &'a Person, hat: Hat) {
        if !self.people.iter().any(|(known, _)| *known == person) {
            self.people.push((person, hat));
        }
    }

    fn injection(&mut self, mark: Mark, id: &InjectionId, step: &'a InjectionStep) {
        if let Some(history) = self.injections.iter_mut().find(|h| h.planned.id == *id) {
            history.steps.push((mark, step));
        }
    }

    fn happened(&mut self, mark: Mark, event: &'a Event, rules: &'a [AlarmRule]) {
        match event {
            Event::AlarmRaised { alarm, summary } => self.alarms.push(AlarmSpell {
                alarm,
                rule: rules.iter().find(|rule| rule.name == *alarm),
                summary,
                raised: mark,
                acked: None,
                resolved: None,
            }),
            Event::AlarmResolved { alarm } => {
                if let Some(spell) = self.active(alarm) {
                    spell.resolved = Some(mark);
                }
            }
            Event::Operated { by, argv, exit, .. } => {
                self.operations.push(Operation { mark, by, argv, exit: *exit });
            }
            Event::HintGiven { entry, anchor, .. } => {
                self.hints.push((mark, entry, anchor.as_deref()));
            }
            Event::QuestionAsked { question, .. } => self.questions.push((mark, *question)),
            Event::ShiftBegan { shift } => self.shifts.push((mark, *shift)),
            Event::Restored { since } => self.restored.push((mark, *since)),
            Event::Relapsed => self.relapsed.push(mark),
            Event::SymptomSeen { .. } => self.symptom = self.symptom.or(Some(mark)),
            Event::StopConditionFailed { detail, .. } => self.stops_failed.push((mark, detail)),
            _ => {}
        }
    }

    fn active(&mut self, alarm: &AlarmName) -> Option<&mut AlarmSpell<'a>> {
        self.alarms.iter_mut().rev().find(|spell| spell.alarm == alarm && spell.resolved.is_none())
    }

    fn acted(&mut self, mark: Mark, by: &'a Person, act: &'a Act, open: &mut Vec<usize>) {
        match act {
            Act::TakeRole(role) => self.take(mark, *role, by, open),
            Act::ReleaseRole(role) => self.release(mark.at, *role, by, open),
            Act::HandOver { role, to, note } => {
                self.hand_overs.push(HandOver { mark, note });
                self.release(mark.at, *role, by, open);
                self.take(mark, *role, to, open);
            }
            Act::Log { text, on } => self.logs.push((mark, text, on.as_deref())),
            Act::Ack(alarm) => {
                if let Some(spell) = self.active(alarm) {
                    spell.acked = spell.acked.or(Some((mark, by)));
                }
            }
            Act::Declare { text } => self.declared.push((mark, text)),
            Act::Status { text, to, state, next_in, .. } => {
                self.statuses.push(StatusUpdate { mark, text, to, state: *state, next_in: *next_in });
            }
            Act::Stumped(text) => self.stumped.push((mark, text)),
            Act::Hypothesis(claim) => self.hypotheses.push((mark, claim)),
            Act::Cause(claim) => self.causes.push((mark, claim)),
            Act::Assess(claim) => self.assessments.push((mark, claim)),
            Act::Severity(answers) => {
                self.severity.extend(answers.iter().map(|(id, answer)| (id.as_str(), (mark, answer))));
            }
            Act::Resolve(text) => self.resolved.push((mark, text)),
            Act::Decide { option, because, asked, ticket } => {
                self.decisions.push(Decision { mark, by, option: *option, because, asked, ticket: *ticket });
            }
            Act::Say(_) => self.said.push(mark),
            Act::Operate(_) | Act::Ticket(_) | Act::Page { .. } | Act::Action(_) | Act::Summary(_) => {}
        }
        ticket::take(&mut self.tickets, mark.seq, mark.at, by, act);
    }

    fn take(&mut self, from: Mark, role: Role, person: &'a Person, open: &mut Vec<usize>) {
        // Whoever takes what they hold already changes nothing; any role but the coordinator's passes from its holder.
        if open.iter().any(|index| self.roles[*index].role == role && self.roles[*index].person == person) {
            return;
        }
        if role != Role::Ic {
            open.retain(|index| {
                let spell = &mut self.roles[*index];
                let passes = spell.role == role;
                if passes {
                    spell.to = from.at;
                }
                !passes
            });
        }
        open.push(self.roles.len());
        self.roles.push(RoleSpell { role, person, from, to: from.at });
    }

    fn release(&mut self, at: At, role: Role, person: &Person, open: &mut Vec<usize>) {
        open.retain(|index| {
            let spell = &mut self.roles[*index];
            let ends = spell.role == role && spell.person == person;
            if ends {
                spell.to = at;
            }
            !ends
        });
    }

    /// The roles that `person` held when they did what is at `mark`, in the order of the documentation. A role that is
    /// taken by that very act is not yet held.
    pub fn roles_at(&self, person: &Person, mark: Mark) -> Vec<Role> {
        let mut roles: Vec<_> = self
            .roles
            .iter()
            .filter(|spell| spell.person == person && spell.from.seq < mark.seq && mark.at <= spell.to)
            .map(|spell| spell.role)
            .collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// How many people responded.
    pub fn responders(&self) -> usize {
        self.people.iter().filter(|(_, hat)| *hat == Hat::Responder).count()
    }

    /// For each role the last time that somebody held it.
    pub fn last_holders(&self) -> impl Iterator<Item = &RoleSpell<'a>> {
        Role::ALL.into_iter().filter_map(|role| self.roles.iter().rev().find(|spell| spell.role == role))
    }

    /// When restoration was last measured, unless a relapse followed it.
    pub fn held_restoration(&self) -> Option<(Mark, At)> {
        let last = *self.restored.last()?;
        let relapsed = self.relapsed.last().is_some_and(|r| r.seq > last.0.seq);
        (!relapsed).then_some(last)
    }

    /// The first thing from `from` on that shows that somebody had noticed: an acknowledgement, a declaration, a status
    /// update or a guess. What was said before anything was broken is no recognition of it.
    pub fn first_recognition(&self, from: At) -> Option<Mark> {
        let acks = self
            .alarms
            .iter()
            .filter(|spell| spell.related())
            .filter_map(|spell| spell.acked.map(|(mark, _)| mark));
        acks.chain(self.declared.iter().map(|(mark, _)| *mark))
            .chain(self.statuses.iter().map(|status| status.mark))
            .chain(self.hypotheses.iter().map(|(mark, _)| *mark))
            .filter(|mark| mark.at >= from)
            .min()
    }

    /// When the first injection that belongs to the outage was made.
    pub fn injected(&self) -> Option<Mark> {
        self.injections
            .iter()
            .filter(|injection| injection.planned.related)
            .filter_map(InjectionHistory::injected)
            .min()
    }
}
