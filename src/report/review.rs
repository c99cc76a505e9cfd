//! What trainers wrote after EndEx, as it stands: a fold over the journal's `reviewed` events.

use super::journal::Mark;
use crate::{
    base::Person,
    scenario::review::{DimensionName, Rating, Review, Section, Wanted},
};
use std::collections::BTreeMap;

/// A grade of one trainer.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// When.
    pub mark: Mark,
    /// Who.
    pub by: &'a Person,
    /// Of what.
    pub dimension: DimensionName,
    /// How it was played.
    pub rating: Rating,
    /// What was seen.
    pub because: &'a str,
}

/// A section that was written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// When.
    pub mark: Mark,
    /// The words.
    pub text: &'a str,
    /// Events that show it.
    pub evidence: &'a [u64],
}

/// A word on an objective.
#[derive(Debug, Clone, Copy)]
pub struct Objective<'a> {
    /// When.
    pub mark: Mark,
    /// Whether it was met.
    pub met: bool,
    /// What was seen.
    pub because: &'a str,
}

/// Everything that trainers wrote; of what can be said again, the last word.
#[derive(Debug, Clone, Default)]
pub struct Reviews<'a> {
    grades: BTreeMap<(DimensionName, &'a Person), Given<'a>>,
    handed_in: BTreeMap<&'a Person, (Mark, &'a str)>,
    /// Checks whose judgement does not hold, with the reason.
    pub invalid: BTreeMap<&'a str, (Mark, &'a str)>,
    /// How the words of the last answer are read: by the fact's id, whether they state it.
    pub readings: BTreeMap<&'a str, (Mark, bool)>,
    /// Sections of the debrief.
    pub sections: BTreeMap<Section, Written<'a>>,
    /// Corrective actions, in the order in which they were agreed on.
    pub follow_ups: Vec<(Mark, &'a Wanted)>,
    /// Objectives by their number, from 1.
    pub objectives: BTreeMap<usize, Objective<'a>>,
}

impl<'a> Reviews<'a> {
    /// Takes one entry in.
    pub fn take(&mut self, mark: Mark, by: &'a Person, entry: &'a Review) {
        match entry {
            Review::Grade { dimension, rating, because } => {
                let given = Given { mark, by, dimension: *dimension, rating: *rating, because };
                self.grades.insert((*dimension, by), given);
            }
            Review::HandIn { overall } => {
                self.handed_in.entry(by).or_insert((mark, overall));
            }
            Review::Invalidate { check, because } => {
                self.invalid.insert(check, (mark, because));
            }
            Review::Read { fact, stated } => {
                self.readings.insert(fact, (mark, *stated));
            }
            Review::Write { section, text, evidence } => {
                self.sections.insert(*section, Written { mark, text, evidence });
            }
            Review::FollowUp(wanted) => self.follow_ups.push((mark, wanted)),
            Review::Objective { number, met, because } => {
                self.objectives.insert(*number, Objective { mark, met: *met, because });
            }
        }
    }

    /// The grades that count: those of trainers who have handed in, by dimension.
    pub fn counting(&self, dimension: DimensionName) -> impl Iterator<Item = &Given<'a>> {
        self.grades.values().filter(move |one| one.dimension == dimension && self.has_handed_in(one.by))
    }

    /// What one trainer has given so far, handed in or not.
    pub fn of(&self, by: &Person) -> impl Iterator<Item = &Given<'a>> {
        self.grades.values().filter(move |one| one.by == by)
    }

    /// The exercise in a sentence of each trainer whose grades are in.
    pub fn overall(&self) -> impl Iterator<Item = (Mark, &'a str)> {
        self.handed_in.values().copied()
    }

    /// Whether a trainer's grades are in.
    pub fn has_handed_in(&self, by: &Person) -> bool {
        self.handed_in.contains_key(by)
    }

    /// Whether the talk has left anything: a section, a corrective action or a word on an objective.
    pub fn has_talk(&self) -> bool {
        !(self.sections.is_empty() && self.follow_ups.is_empty() && self.objectives.is_empty())
    }
}
