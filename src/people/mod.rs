//! The people of a practice: how they are reached, and how well they know what is broken; a fold over their own append-only
//! events.
//!
//! Nobody has to be known to play: a name is enough. What is known here makes rules about people possible, and lets
//! invitations reach them.
//!
//! Open first: this file for what is known of somebody, then [`decide`] for what may be changed, and [`event`] for what is
//! written down. [`email`] is what counts as an address.

pub mod decide;
pub mod email;
pub mod event;

pub use decide::{Change, Command, Refusal};
pub use email::Email;
pub use event::{Event, Noted};

use crate::{
    base::{Person, book::Fold},
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
        }
    }
}
