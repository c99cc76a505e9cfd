//! One drill at a time on each target: who has it at a time, and what can be done about it.

use super::{
    Calendar, Entry, Occurrence, State, When,
    decide::Refusal,
    moment::{Moment, civil_of, zone_of},
};
use crate::base::{At, EntryId, limits};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use std::fmt;

/// Drills in a row that are looked past for a moment at which the target is free.
const IN_A_ROW: usize = 20;

/// Another entry has the target then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// The target.
    pub target: String,
    /// Whose it is.
    pub entry: EntryId,
    /// Its day.
    pub day: Date,
    /// When that takes place, as everybody may read it.
    told: String,
    /// It is one of a series.
    of_series: bool,
    /// A server has taken it.
    begun: bool,
    /// The day that asks, if it is one of a series.
    yours: Option<Date>,
    /// From when the target is free for who asks; nothing where that would tell a moment that is nobody's business.
    free: Option<Moment>,
}

impl Busy {
    /// It is taken by this one.
    pub fn by(other: &Occurrence<'_>) -> Self {
        let told = match &other.entry.when {
            // Also when it is about to begin.
            When::Window { window, .. } if other.surprise => window.to_string(),
            _ => other.told(),
        };
        Self {
            target: other.entry.target.clone(),
            entry: other.entry.id.clone(),
            day: other.day,
            told,
            of_series: is_series(other.entry),
            begun: other.state != State::Waiting,
            yours: None,
            free: None,
        }
    }
}

fn is_series(entry: &Entry) -> bool {
    matches!(entry.when, When::Every(_))
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, entry, day, .. } = self;
        if let Some(yours) = self.yours {
            write!(f, "on {yours} ")?;
        }
        write!(f, "the target `{target}` is taken, one drill at a time: {entry} ")?;
        write!(f, "{} ({})", if self.begun { "has begun" } else { "is planned" }, self.told)?;
        let of = if self.of_series { format!(" --day {day}") } else { String::new() };
        match &self.free {
            Some(free) => write!(f, ". Yours may begin at {free} or later")?,
            None => f.write_str(". Take another time for yours")?,
        }
        if self.begun {
            return f.write_str("; what has begun is stopped on the pages of its drill");
        }
        write!(
            f,
            ". Or make room: `gameday schedule move {entry}{of} --at TIME`, or `gameday schedule cancel {entry}{of}`"
        )
    }
}

impl Calendar {
    /// Who has a target at that time.
    pub fn taken(
        &self,
        zones: &TimeZoneDatabase,
        target: &str,
        (from, until): (At, At),
    ) -> Option<Occurrence<'_>> {
        let pages = self.pages.values().filter(|page| page.entry.target == target);
        let all = pages.flat_map(|page| {
            let begun = page.days.iter().filter(|(_, known)| matches!(known.state, State::Begun { .. }));
            let begun = begun.map(|(day, _)| page.occurrence(zones, *day));
            begun.chain(page.upcoming(zones, limits::OCCURRENCES_AHEAD)).collect::<Vec<_>>()
        });
        let mut taking = all.filter_map(|one| Some((one.takes()?, one)));
        taking.find(|((first, last), _)| from < *last && *first < until).map(|(_, one)| one)
    }

    /// Refuses a start of an entry when its target is somebody else's then.
    pub(super) fn free(
        &self,
        zones: &TimeZoneDatabase,
        (entry, day): (&Entry, Date),
        start: &Moment,
    ) -> Result<(), Refusal> {
        let Some(other) = self.taken(zones, &entry.target, entry.takes(start.at)) else { return Ok(()) };
        // Who asks for a surprise is not told which moment was drawn.
        let drawn = matches!(&entry.when, When::Window { drawn, .. } if drawn == start);
        let yours = Some(day).filter(|_| is_series(entry));
        let free = if drawn { None } else { self.free_from(zones, entry, start) };
        Err(Refusal::TargetBusy(Box::new(Busy { yours, free, ..Busy::by(&other) })))
    }

    /// From when an entry may start at the earliest, if not at `start`: a whole minute, in the same zone.
    fn free_from(&self, zones: &TimeZoneDatabase, entry: &Entry, start: &Moment) -> Option<Moment> {
        let zone = zone_of(zones, &start.zone).ok()?;
        let mut at = start.at;
        for _ in 0..IN_A_ROW {
            let Some(other) = self.taken(zones, &entry.target, entry.takes(at)) else {
                let civil = civil_of(&zone, at);
                let moment = Moment { civil, zone: start.zone.clone(), at };
                // An hour that comes twice is told by an instant.
                return Some(moment.again(zones).filter(|again| *again == moment).unwrap_or(Moment::utc(at)));
            };
            if other.surprise {
                return None;
            }
            let (_, last) = other.takes()?;
            let lead = at.since(entry.takes(at).0);
            at = whole_minute(last + lead);
        }
        None
    }
}

/// The first whole minute that is no earlier.
fn whole_minute(at: At) -> At {
    const MINUTE: i64 = 60_000;
    At::from_millis(
        at.millis().div_euclid(MINUTE) * MINUTE + if at.millis() % MINUTE == 0 { 0 } else { MINUTE },
    )
}

impl Occurrence<'_> {
    /// From when to when it has its target; nothing where it is not held.
    fn takes(&self) -> Option<(At, At)> {
        match self.state {
            State::Begun { start, .. } => Some(self.entry.takes(start)),
            _ => self.moment.as_ref().ok().map(|moment| self.entry.takes(moment.at)),
        }
    }
}
