//! What trainers may write after EndEx, and every reason to say no.
//!
//! Grades are blind, so they come in an order: grade, hand in, then doubt a check. What comes of the talk needs no order.

use super::{
    Drill, Phase,
    acts::text,
    command::{Command, Refusal},
    event::{Event, Hat, Recorded},
};
use crate::{
    base::{At, Person, limits},
    scenario::review::Review,
};
use std::collections::BTreeSet;

/// Who has graded, as far as rules depend on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Graders {
    graded: BTreeSet<Person>,
    handed_in: BTreeSet<Person>,
    count: usize,
}

impl Graders {
    pub(super) fn take(&mut self, by: &Person, entry: &Review) {
        self.count += 1;
        match entry {
            Review::Grade { .. } => self.graded.insert(by.clone()),
            Review::HandIn { .. } => self.handed_in.insert(by.clone()),
            _ => false,
        };
    }
}

impl Drill {
    /// What is added to the journal of a drill that nobody conducts any more: whoever comes to the talk, and their entry.
    pub fn written_up(mut self, at: At, by: &Person, entry: &Review) -> Result<Vec<Recorded>, Refusal> {
        let mut batch = Vec::new();
        let join = Command::Join { person: by.clone(), hat: Hat::Trainer };
        for command in [join, Command::Review { by: by.clone(), entry: entry.clone() }] {
            for event in self.decide(at, &command)? {
                let recorded = Recorded { seq: self.next_seq(), at, event };
                self.apply(&recorded);
                batch.push(recorded);
            }
        }
        Ok(batch)
    }

    pub(super) fn review(&self, by: &Person, entry: &Review) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Trainer)?;
        if self.phase < Phase::Ending {
            let help = "trainers grade after EndEx; until then they note what they see";
            return Err(Refusal::WrongPhase { phase: self.phase.as_str(), help });
        }
        if self.graders.count >= limits::REVIEWS_MAX {
            return Err(bad(format!("{} entries were written, and that is the limit", limits::REVIEWS_MAX)));
        }
        let handed_in = self.graders.handed_in.contains(by);
        match entry {
            Review::Grade { .. } | Review::HandIn { .. } if handed_in => {
                return Err(bad("your grades are in, and they stand: say what you think now in the debrief"));
            }
            Review::Grade { because, .. } => text(because)?,
            Review::HandIn { .. } if !self.graders.graded.contains(by) => {
                return Err(bad("grade at least one dimension before you hand in"));
            }
            Review::HandIn { overall } => text(overall)?,
            Review::Invalidate { .. } if !handed_in => {
                return Err(bad("hand your grades in first: before that you have not seen the score"));
            }
            Review::Invalidate { check, because } => {
                crate::scenario::review::known_check(check).map_err(bad)?;
                text(because)?;
            }
            Review::Read { fact, .. } => self.is_a_fact(fact)?,
            Review::Write { text: said, evidence, .. } => {
                text(said)?;
                self.have_happened(evidence)?;
            }
            Review::FollowUp(wanted) => {
                text(&wanted.action)?;
                let given = wanted.issue.iter().chain(&wanted.owner).chain(&wanted.ticket);
                given.into_iter().try_for_each(|said| text(said))?;
            }
            Review::Objective { number, because, .. } => {
                let count = self.plan.objectives.len();
                if *number == 0 || *number > count {
                    return Err(bad(format!("there is no objective {number}: this exercise has {count}")));
                }
                if !because.is_empty() {
                    text(because)?;
                }
            }
        }
        Ok(vec![Event::Reviewed { by: by.clone(), entry: entry.clone() }])
    }

    fn is_a_fact(&self, id: &str) -> Result<(), Refusal> {
        let facts = &self.plan.truth.cause.facts;
        if facts.iter().any(|fact| fact.id == id) {
            return Ok(());
        }
        let known: Vec<_> = facts.iter().map(|fact| fact.id.as_str()).collect();
        Err(bad(format!("`{id}` is no true statement of this scenario: it has {}", known.join(", "))))
    }

    fn have_happened(&self, evidence: &[u64]) -> Result<(), Refusal> {
        if evidence.len() > limits::EVIDENCE_MAX {
            return Err(bad(format!("at most {} events are linked", limits::EVIDENCE_MAX)));
        }
        match evidence.iter().find(|seq| **seq >= self.next_seq) {
            Some(seq) => Err(bad(format!("event {seq} has not happened"))),
            None => Ok(()),
        }
    }
}

fn bad(why: impl Into<String>) -> Refusal {
    Refusal::BadReview(why.into())
}
