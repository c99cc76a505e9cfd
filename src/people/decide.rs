//! What may be changed of what is known of people, and why not.

use super::{About, Email, Event, How, People};
use crate::{
    base::{At, DrillId, Person, limits, names::is_name},
    scenario::roster::{Experience, PrerequisiteId},
};
use jiff::tz::TimeZoneDatabase;
use std::collections::{BTreeMap, BTreeSet};

/// What somebody wants of the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Somebody is to be known.
    Add {
        /// Who.
        person: Person,
        /// What is known of them.
        change: Change,
        /// Who says so.
        by: Person,
    },
    /// Something else is known of somebody.
    Change {
        /// Of whom.
        person: Person,
        /// What.
        change: Change,
        /// Who says so.
        by: Person,
    },
    /// Somebody is to be known no more.
    Remove {
        /// Who.
        person: Person,
        /// Who wants it.
        by: Person,
    },
    /// Somebody has what a drill asks for. Whoever is not known yet is added.
    Attest {
        /// Who.
        person: Person,
        /// What.
        has: BTreeSet<PrerequisiteId>,
        /// Who says so.
        by: Person,
    },
    /// Somebody knows an answer.
    Expose {
        /// Who.
        person: Person,
        /// Of which family of scenarios.
        family: String,
        /// How they came to know it.
        how: How,
        /// Of which drill they read, if that is how.
        drill: Option<DrillId>,
        /// What is to be remembered of it.
        note: Option<String>,
        /// Who says so; nothing: the program saw it.
        by: Option<Person>,
    },
    /// Somebody can be reached: they have answered a comcheck.
    Answer {
        /// Who.
        person: Person,
        /// When.
        now: At,
        /// Who says so.
        by: Person,
    },
    /// A drill's journal tells who knows its answer.
    TakeIn {
        /// The drill.
        drill: DrillId,
        /// The family of its scenario.
        family: String,
        /// Who, and how.
        who: BTreeMap<Person, How>,
        /// How long its journal is, if it is over.
        events: Option<u64>,
    },
}

/// What is to be different; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Another address, or none.
    pub email: Option<Option<Email>>,
    /// Another zone, or none.
    pub zone: Option<Option<String>>,
    /// Experience with packs; nothing: it is not known any more.
    pub experience: BTreeMap<String, Option<Experience>>,
    /// Prerequisites that they have, or have no longer.
    pub attested: BTreeMap<PrerequisiteId, bool>,
}

/// Why the book does not take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Their name is there already.
    #[error("{0} is known already")]
    Known(Person),
    /// Their name is not there.
    #[error("nobody called {0} is known")]
    Unknown(Person),
    /// There are too many.
    #[error("{} people are known, and there may be no more", limits::PEOPLE_MAX)]
    Full,
    /// Too much is said of one person.
    #[error("at most {} packs and as many prerequisites are kept of one person", limits::KNOWN_OF_PERSON_MAX)]
    TooMuch,
    /// The zone's database does not know it.
    #[error("there is no zone `{0}`: write its IANA name, as `Europe/Berlin`")]
    NoZone(String),
    /// A pack has a name.
    #[error("`{0}` is not a pack's name")]
    NoPack(String),
}

impl Refusal {
    /// A word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Known(_) => "known-already",
            Self::Unknown(_) => "not-known",
            Self::Full | Self::TooMuch => "full",
            Self::NoZone(_) => "no-such-zone",
            Self::NoPack(_) => "no-such-pack",
        }
    }
}

impl People {
    /// What a command leads to, or why it does not. Nothing is written when nothing would change.
    pub fn decide(&self, zones: &TimeZoneDatabase, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Add { person, change, by } => {
                if self.known.contains_key(person) {
                    return Err(Refusal::Known(person.clone()));
                }
                self.write(zones, person, change, by)
            }
            Command::Change { person, change, by } => {
                self.must_know(person)?;
                self.write(zones, person, change, by)
            }
            Command::Remove { person, by } => {
                self.must_know(person)?;
                Ok(vec![Event::Removed { person: person.clone(), by: by.clone() }])
            }
            Command::Attest { person, has, by } => {
                let attested = has.iter().map(|one| (one.clone(), true)).collect();
                self.write(zones, person, &Change { attested, ..Change::default() }, by)
            }
            Command::Expose { person, family, how, drill, note, by } => {
                let same = |one: &super::Exposure| (one.how, &one.drill, &one.note) == (*how, drill, note);
                if self.exposed(person, family).any(same) {
                    return Ok(Vec::new());
                }
                let (drill, note, by) = (drill.clone(), note.clone(), by.clone());
                Ok(vec![Event::Exposed {
                    person: person.clone(),
                    family: family.clone(),
                    how: *how,
                    drill,
                    note,
                    by,
                }])
            }
            Command::Answer { person, now, by } => {
                let again = self.answered(person).is_some_and(|last| *now < last + limits::ANSWERS_EVERY);
                let answered = Event::Answered { person: person.clone(), by: by.clone() };
                Ok(if again { Vec::new() } else { vec![answered] })
            }
            Command::TakeIn { drill, family, who, events } => {
                let known =
                    self.taken.get(drill).is_some_and(|taken| taken.who == *who && taken.events == *events);
                let nothing = who.is_empty() && events.is_none();
                if known || nothing {
                    return Ok(Vec::new());
                }
                let (drill, family, who) = (drill.clone(), family.clone(), who.clone());
                Ok(vec![Event::TakenIn { drill, family, who, events: *events }])
            }
        }
    }

    fn must_know(&self, person: &Person) -> Result<(), Refusal> {
        if self.known.contains_key(person) { Ok(()) } else { Err(Refusal::Unknown(person.clone())) }
    }

    fn write(
        &self,
        zones: &TimeZoneDatabase,
        person: &Person,
        change: &Change,
        by: &Person,
    ) -> Result<Vec<Event>, Refusal> {
        let before = self.known.get(person);
        let about = before.cloned().unwrap_or_default().with(zones, change)?;
        let (person, by) = (person.clone(), by.clone());
        match before {
            None if self.known.len() >= limits::PEOPLE_MAX => Err(Refusal::Full),
            None => Ok(vec![Event::Added { person, about, by }]),
            Some(before) if *before == about => Ok(Vec::new()),
            Some(_) => Ok(vec![Event::Changed { person, about, by }]),
        }
    }
}

impl About {
    fn with(mut self, zones: &TimeZoneDatabase, change: &Change) -> Result<Self, Refusal> {
        if let Some(email) = &change.email {
            self.email.clone_from(email);
        }
        if let Some(zone) = &change.zone {
            if let Some(name) = zone
                && zones.get(name).is_err()
            {
                return Err(Refusal::NoZone(name.chars().take(80).collect()));
            }
            self.zone.clone_from(zone);
        }
        for (pack, experience) in &change.experience {
            if !is_name(pack) {
                return Err(Refusal::NoPack(pack.chars().take(80).collect()));
            }
            match experience {
                Some(experience) => drop(self.experience.insert(pack.clone(), *experience)),
                None => drop(self.experience.remove(pack)),
            }
        }
        for (one, has) in &change.attested {
            if *has {
                self.attested.insert(one.clone());
            } else {
                self.attested.remove(one);
            }
        }
        if self.experience.len().max(self.attested.len()) > limits::KNOWN_OF_PERSON_MAX {
            return Err(Refusal::TooMuch);
        }
        Ok(self)
    }
}
