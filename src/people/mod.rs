//! The people of a practice: how they are reached, and how well they know what is broken; a fold over their own append-only
//! events.
//!
//! Nobody has to be known to play: a name is enough. What is known here makes rules about people possible, and lets
//! invitations reach them.
//!
//! Open first: this file for what is known of somebody, then [`decide`] for what may be changed, and [`event`] for what is
//! written down. [`exposure`] is who knows which answer; [`email`] is what counts as an address.

pub mod decide;
pub mod email;
pub mod event;
pub mod exposure;

pub use decide::{Change, Command, Refusal};
pub use email::Email;
pub use event::{Event, Noted};
pub use exposure::{Exposure, How};

use crate::{
    base::{At, DrillId, Person, book::Fold},
    scenario::roster::{Experience, PrerequisiteId},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// Where they are written to.
    pub email: Option<Email>,
    /// The IANA name of the zone that their clocks show.
    pub zone: Option<String>,
    /// How well they know the systems of each pack.
    pub experience: BTreeMap<String, Experience>,
    /// What they have said to have.
    pub attested: BTreeSet<PrerequisiteId>,
}

/// Everybody who is known.
#[derive(Debug, Clone, Default)]
pub struct People {
    next_seq: u64,
    known: BTreeMap<Person, About>,
    /// When each of them last answered a comcheck; also of people who are not known otherwise.
    answered: BTreeMap<Person, At>,
    /// What each of them has come to know, by family; also of people who are not known otherwise.
    exposures: BTreeMap<Person, Vec<(String, Exposure)>>,
    /// Drills that were taken in: who they have exposed, and how long their journals were when they were over.
    taken: BTreeMap<DrillId, Taken>,
}

/// A drill as it was taken in last.
#[derive(Debug, Clone, Default)]
struct Taken {
    who: BTreeMap<Person, How>,
    events: Option<u64>,
}

impl People {
    /// What is known of somebody; nothing: they were never added, or removed.
    pub fn about(&self, person: &Person) -> Option<&About> {
        self.known.get(person)
    }

    /// Everybody, by name.
    pub fn everybody(&self) -> impl Iterator<Item = (&Person, &About)> {
        self.known.iter()
    }

    /// When somebody last answered a comcheck.
    pub fn answered(&self, person: &Person) -> Option<At> {
        self.answered.get(person).copied()
    }

    /// The answers that somebody knows, by family, in the order in which they came to know them.
    pub fn exposures(&self, person: &Person) -> impl Iterator<Item = (&str, &Exposure)> {
        let all = self.exposures.get(person).into_iter().flatten();
        all.map(|(family, exposure)| (family.as_str(), exposure))
    }

    /// How somebody knows the answer of one family.
    pub fn exposed<'a>(&'a self, person: &Person, family: &'a str) -> impl Iterator<Item = &'a Exposure> {
        self.exposures(person).filter(move |(of, _)| *of == family).map(|(_, exposure)| exposure)
    }

    /// Whether everything is here that a drill that is over tells of this, whose journal is that long.
    pub fn is_taken_in(&self, drill: &DrillId, events: u64) -> bool {
        self.taken.get(drill).is_some_and(|taken| taken.events == Some(events))
    }

    fn expose(&mut self, person: &Person, family: &str, exposure: Exposure) {
        self.exposures.entry(person.clone()).or_default().push((family.to_owned(), exposure));
    }

    fn take_in(&mut self, at: At, drill: &DrillId, family: &str, now: Taken) {
        let before = self.taken.insert(drill.clone(), now.clone()).unwrap_or_default();
        for (person, how) in now.who.into_iter().filter(|(person, how)| before.who.get(person) != Some(how)) {
            let drill = Some(drill.clone());
            self.expose(&person, family, Exposure { how, at, drill, note: None, by: None });
        }
    }
}

impl Fold for People {
    type Event = Event;

    fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn apply(&mut self, noted: &Noted) {
        self.next_seq = noted.seq + 1;
        match &noted.event {
            Event::Added { person, about, .. } | Event::Changed { person, about, .. } => {
                self.known.insert(person.clone(), about.clone());
            }
            Event::Removed { person, .. } => {
                self.known.remove(person);
            }
            Event::Exposed { person, family, how, drill, note, by } => {
                let (drill, note, by) = (drill.clone(), note.clone(), by.clone());
                self.expose(person, family, Exposure { how: *how, at: noted.at, drill, note, by });
            }
            Event::Answered { person, .. } => {
                self.answered.insert(person.clone(), noted.at);
            }
            Event::TakenIn { drill, family, who, events } => {
                self.take_in(noted.at, drill, family, Taken { who: who.clone(), events: *events });
            }
        }
    }
}
