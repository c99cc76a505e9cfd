//! What somebody puts on the calendar.

use super::{moment::Moment, series::Series, window::Window};
use crate::{
    base::{At, DrillId, EntryId, Person, Span, limits},
    scenario::roster::{RosterNeeds, Shift},
    seed::Seed,
};
use jiff::civil::Date;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A drill, or a series of them, that is to begin by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// When.
    pub when: When,
    /// What, and who plays.
    pub wanted: Wanted,
    /// The scenario's title as it was when this was planned.
    pub title: String,
    /// The family of its scenario; nothing: the scenario is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// What is broken.
    pub target: String,
    /// How long before its start it is measured.
    pub lead: Span,
    /// The longest that it may take.
    pub limit: Span,
    /// What its scenario needed of people when this was planned; nothing on calendars of before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<RosterNeeds>,
    /// Who runs it where responders are named, or sign up, and nobody else is: the one who planned it in the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planner: Option<Person>,
    /// Where randomness begins.
    pub seed: Seed,
    /// What its invitations are known by, and what the names of its drills are made of: letters that no seed of a drill has
    /// made, so that nobody reckons a surprise from them. Nothing on calendars of before there were invitations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// What is to be played, by whom, and which rules are waived.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// A name of the library.
    pub scenario: String,
    /// Who plays. None: anybody may.
    pub responders: Vec<Person>,
    /// Who runs it. None: anybody may.
    pub instigators: Vec<Person>,
    /// Who leads the talk afterwards, and whoever else does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trainers: Vec<Person>,
    /// Who watches, and whoever else does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub observers: Vec<Person>,
    /// Which of the scenario's variants; nothing: the seed draws one. Its name may tell, so nobody who plays is shown it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The scenario's own responders play.
    pub autopilot: bool,
    /// Why it is played although it is not rehearsed as it is.
    pub unrehearsed: Option<String>,
    /// Why it is played although the people named do not fit.
    pub roster_anyway: Option<String>,
    /// How shortly before the start each responder must have answered a comcheck; nothing: nobody must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comcheck: Option<Span>,
    /// Everybody is called when it begins, and may come.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub code_blue: bool,
    /// Who is on when; none: everybody, all the time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
}

/// The side on which somebody takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Is exercised.
    Responder,
    /// Runs it.
    Instigator,
    /// Leads the talk afterwards.
    Trainer,
    /// Watches.
    Observer,
}

impl Side {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Responder, Self::Instigator, Self::Trainer, Self::Observer];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Responder => "responder",
            Self::Instigator => "instigator",
            Self::Trainer => "trainer",
            Self::Observer => "observer",
        }
    }
}

impl Wanted {
    /// The people of one side.
    pub fn of(&self, side: Side) -> &Vec<Person> {
        match side {
            Side::Responder => &self.responders,
            Side::Instigator => &self.instigators,
            Side::Trainer => &self.trainers,
            Side::Observer => &self.observers,
        }
    }

    fn of_mut(&mut self, side: Side) -> &mut Vec<Person> {
        match side {
            Side::Responder => &mut self.responders,
            Side::Instigator => &mut self.instigators,
            Side::Trainer => &mut self.trainers,
            Side::Observer => &mut self.observers,
        }
    }

    /// The side that somebody is on.
    pub fn side(&self, person: &Person) -> Option<Side> {
        Side::ALL.into_iter().find(|side| self.of(*side).contains(person))
    }

    /// How many take part.
    pub fn people(&self) -> usize {
        Side::ALL.into_iter().map(|side| self.of(side).len()).sum()
    }

    /// The same with somebody on that side, or on none.
    pub fn with(mut self, person: &Person, side: Option<Side>) -> Self {
        for each in Side::ALL {
            self.of_mut(each).retain(|one| one != person);
        }
        if let Some(side) = side {
            self.of_mut(side).push(person.clone());
        }
        self
    }

    /// The same, run by whoever planned it where somebody is to be exercised and nobody else runs it.
    pub fn run_by(mut self, planner: Option<&Person>) -> Self {
        let asked = self.code_blue || !self.responders.is_empty();
        if asked && self.instigators.is_empty() {
            self.instigators.extend(planner.filter(|planner| self.side(planner).is_none()).cloned());
        }
        self
    }

    /// The same with one more reason to play with the people that there are.
    pub fn anyway(mut self, reason: Option<&str>) -> Self {
        if let Some(reason) = reason {
            let before = self.roster_anyway.take();
            self.roster_anyway =
                Some(before.map_or_else(|| reason.to_owned(), |before| format!("{before}; {reason}")));
        }
        self
    }
}

/// When an entry takes place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At an announced moment.
    At(Moment),
    /// At a moment that nobody is told.
    Window {
        /// What people are told.
        window: Window,
        /// What the seed has drawn.
        drawn: Moment,
    },
    /// Again and again.
    Every(Series),
}

impl fmt::Display for When {
    /// As people are told it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(moment) => moment.fmt(f),
            Self::Window { window, .. } => window.fmt(f),
            Self::Every(series) => series.fmt(f),
        }
    }
}

impl Entry {
    /// The day that names its only occurrence; nothing for a series. A surprise is named by the Monday of its week.
    pub fn only_day(&self) -> Option<Date> {
        match &self.when {
            When::At(moment) => Some(moment.civil.date()),
            When::Window { window, .. } => Some(window.monday),
            When::Every(_) => None,
        }
    }

    /// The drill of one of its days: the same for everybody who reads this entry.
    pub fn drill(&self, day: Date) -> DrillId {
        // People see the names of drills, and a seed is short enough to be tried: the one that drew a surprise is in none.
        let letters = match &self.uid {
            Some(uid) => Seed(0).opaque(&format!("calendar {uid} {day}"), 8),
            None => self.seed.opaque(&format!("calendar {} {day}", self.id), 8),
        };
        format!("d-{letters}").parse().expect("made of letters and digits")
    }

    /// Where the randomness of one of its days begins: each day of a series has its own.
    pub fn seed_of(&self, day: Date) -> Seed {
        match self.when {
            When::Every(_) => Seed(u64::from(self.seed.stream(&format!("occurrence {day}")).next_u32())),
            _ => self.seed,
        }
    }

    /// From when to when its target is taken by a drill that starts then.
    pub fn takes(&self, start: At) -> (At, At) {
        (start - self.lead - limits::AROUND_DRILL, start + self.limit + limits::AROUND_DRILL)
    }
}
