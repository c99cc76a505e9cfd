//! The debrief as houses write it: the same fields in another order, under their headings. What only people can fill is left
//! open with a question.

mod brief;
mod egee;
mod google;
mod hseep;
mod pagerduty;
mod wikimedia;

use super::{
    document::{Block, Document, Section, Voice},
    whole::{self, after},
};
use crate::report::{
    debrief::{Debrief, Field, Open},
    wording::{list, page},
};

/// Whose headings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Everything, in the order of this house.
    Whole,
    /// One page of paper.
    Brief,
    /// The post-mortem of EGEE's procedures for critical incidents.
    Egee,
    /// The report of Wikimedia's incidents, with its scorecard.
    Wikimedia,
    /// The post-mortem of Google's book on site reliability.
    Google,
    /// The post-mortem of `PagerDuty`'s guide.
    PagerDuty,
    /// The after-action report and improvement plan of HSEEP.
    Hseep,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 7] =
        [Self::Whole, Self::Brief, Self::Egee, Self::Wikimedia, Self::Google, Self::PagerDuty, Self::Hseep];

    /// The word as it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Brief => "brief",
            Self::Egee => "egee",
            Self::Wikimedia => "wikimedia",
            Self::Google => "google",
            Self::PagerDuty => "pagerduty",
            Self::Hseep => "hseep",
        }
    }

    /// The debrief in this view.
    pub fn of(self, debrief: &Debrief) -> Document {
        match self {
            Self::Whole => whole::whole(debrief),
            Self::Brief => brief::brief(debrief),
            Self::Egee => egee::egee(debrief),
            Self::Wikimedia => wikimedia::wikimedia(debrief),
            Self::Google => google::google(debrief),
            Self::PagerDuty => pagerduty::pagerduty(debrief),
            Self::Hseep => hseep::hseep(debrief),
        }
    }
}

/// A page with a house's title; it tells the truth from its first line on, and says so.
fn paper(debrief: &Debrief, what: &str) -> Document {
    let mut document = whole::empty(debrief, &format!("{}: {what}", debrief.header.title));
    document.lead.push(Block::Paragraph(Voice::Note, page::VIEW_NOTE.to_owned()));
    document
}

fn field(name: &str, value: impl Into<String>) -> Field {
    Field { name: name.to_owned(), value: value.into() }
}

/// A value of the incident at a glance.
fn glance(debrief: &Debrief, name: &str) -> String {
    let found = debrief.incident.iter().find(|field| field.name == name);
    found.map_or_else(|| page::NONE.to_owned(), |field| field.value.clone())
}

/// One of the questions that only people can answer.
fn asks(name: &str, question: &str) -> Block {
    Block::Opens(vec![Open { name: name.to_owned(), question: question.to_owned(), filled: None }])
}

/// A question of the debrief by its name.
fn reflection(debrief: &Debrief, name: &str) -> Vec<Open> {
    let all = debrief.reflections.iter().chain(&debrief.lessons);
    all.filter(|open| open.name == name).cloned().collect()
}

fn role_holders(debrief: &Debrief) -> String {
    let held: Vec<_> =
        debrief.response.roles.iter().map(|line| format!("{} ({})", line.person, line.role)).collect();
    or_none(&held)
}

fn or_none(words: &[String]) -> String {
    if words.is_empty() { page::NONE.to_owned() } else { list(words) }
}

fn people(debrief: &Debrief, side: &str) -> String {
    let found = debrief.exercise.people.iter().find(|field| field.name == side);
    found.map_or_else(|| page::NONE.to_owned(), |field| field.value.clone())
}

/// The improvement plan under a house's heading.
fn plan(debrief: &Debrief, heading: &str) -> Section {
    Section { title: heading.to_owned(), ..after::improvement(debrief) }
}

/// The impact in exact numbers, claimed beside measured.
fn impact(debrief: &Debrief, heading: &str) -> Section {
    Section { title: heading.to_owned(), ..whole::story::impact(debrief) }
}

fn timeline(debrief: &Debrief, heading: &str) -> Section {
    Section { title: heading.to_owned(), ..whole::story::timeline(debrief) }
}
