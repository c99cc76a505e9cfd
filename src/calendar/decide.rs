//! What may be done with a calendar, and what has become due on it.

use super::{
    Calendar, Entry, Event, Occurrence, Page, Side, State, When,
    busy::Busy,
    moment::{BadMoment, Moment},
    rule::Rule,
    series::{End, Series},
    window::Window,
};
use crate::base::{At, EntryId, Person, book::Fold as _, limits};
use jiff::{civil::Date, tz::TimeZoneDatabase};

/// Events that one look may bring; the rest comes with the next one.
const BATCH_MAX: usize = 1000;

/// What somebody, or a server, wants of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Puts something on it.
    Plan {
        /// What; its moment is what an [`Ask`] settled on.
        entry: Box<Entry>,
        /// Who.
        by: Person,
    },
    /// Gives one day another moment.
    Move {
        /// The entry.
        entry: EntryId,
        /// Its day; needed for a series.
        day: Option<Date>,
        /// The new moment.
        to: Moment,
        /// Who.
        by: Person,
    },
    /// Begins one day now; of a series the next one.
    StartNow {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Option<Date>,
        /// Who.
        by: Person,
    },
    /// Calls one day off, or all that have not begun.
    Cancel {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Option<Date>,
        /// Who.
        by: Person,
    },
    /// Somebody will take part on one day.
    SignUp(SignUp),
    /// Somebody will not take part on one day.
    Withdraw {
        /// The entry.
        entry: EntryId,
        /// Its day; needed for a series.
        day: Option<Date>,
        /// Who.
        person: Person,
        /// Who says so.
        by: Person,
    },
    /// Whatever has become due happens.
    Tick,
    /// A drill that was begun has left no trace.
    Lost {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
    },
    /// A drill that was begun could not be.
    Fail {
        /// The entry.
        entry: EntryId,
        /// Its day.
        day: Date,
        /// Why.
        why: String,
    },
}

/// A sign-up as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUp {
    /// The entry.
    pub entry: EntryId,
    /// Its day; needed for a series.
    pub day: Option<Date>,
    /// Who.
    pub person: Person,
    /// On which side.
    pub side: Side,
    /// Why they may although a rule of the roster says no.
    pub anyway: Option<String>,
    /// Who says so.
    pub by: Person,
}

/// When somebody wants something, before it is held against the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// At a moment that is announced.
    At(Moment),
    /// At a moment that nobody is told.
    Window(Window),
    /// Again and again, until an end.
    Every(Rule, End),
}

/// Why the calendar does not take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such entry.
    #[error("nothing on the calendar is called {0}")]
    NoSuchEntry(EntryId),
    /// The entry has no such day.
    #[error("{entry} does not take place on {day}")]
    NoSuchDay {
        /// The entry.
        entry: EntryId,
        /// The day.
        day: Date,
    },
    /// A series is moved day by day.
    #[error("{0} is a series: say which day is meant")]
    WhichDay(EntryId),
    /// A server has taken it.
    #[error("{entry} of {day} has begun: it is stopped on the pages of its drill")]
    HasBegun {
        /// The entry.
        entry: EntryId,
        /// The day.
        day: Date,
    },
    /// Nothing of it is to come.
    #[error("{entry} of {day} is over: {how}")]
    IsOver {
        /// The entry.
        entry: EntryId,
        /// The day.
        day: Date,
        /// What became of it.
        how: &'static str,
    },
    /// Nothing of the entry is to come.
    #[error("nothing of {0} is to come")]
    NothingToCome(EntryId),
    /// The moment has passed.
    #[error("{0} has passed")]
    Passed(Moment),
    /// Nothing of the window is left.
    #[error("no moment is left in this window: {0}")]
    NoMoment(Window),
    /// A series has no day before its end.
    #[error("no day of `{rule}` is left until {until}")]
    NoDay {
        /// Its rule.
        rule: Rule,
        /// Its end.
        until: Date,
    },
    /// A series takes place never, or too often.
    #[error("a series takes place 1 to {max} times, and not {0}", max = limits::SERIES_TIMES_MAX)]
    BadTimes(u32),
    /// The zone's database does not know the rule's zone.
    #[error("{0}")]
    BadMoment(#[from] BadMoment),
    /// Another drill has the target.
    #[error("{0}")]
    TargetBusy(Box<Busy>),
    /// Nobody is on two sides.
    #[error("{person} is signed up as {} already: withdraw first", side.word())]
    OtherSide {
        /// Who.
        person: Person,
        /// As what.
        side: Side,
    },
    /// They do not take part.
    #[error("{0} is not signed up for it")]
    NotSignedUp(Person),
    /// Too many take part.
    #[error("{} people are signed up, and there may be no more", limits::SIGN_UPS_MAX)]
    TooMany,
    /// Too much is planned.
    #[error("{} entries are planned, and there may be no more", limits::ENTRIES_MAX)]
    Full,
    /// The name is somebody else's.
    #[error("{0} is on the calendar already")]
    Taken(EntryId),
    /// It was not begun, or is not late yet.
    #[error("{entry} of {day} is not lost")]
    NotLost {
        /// The entry.
        entry: EntryId,
        /// The day.
        day: Date,
    },
}

impl Refusal {
    /// A word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchEntry(_) => "no-such-entry",
            Self::NoSuchDay { .. } => "no-such-day",
            Self::WhichDay(_) => "which-day",
            Self::HasBegun { .. } => "not-planned",
            Self::IsOver { .. } | Self::NothingToCome(_) => "is-over",
            Self::Passed(_)
            | Self::NoMoment(_)
            | Self::NoDay { .. }
            | Self::BadTimes(_)
            | Self::BadMoment(_) => "bad-time",
            Self::TargetBusy(_) => "target-busy",
            Self::OtherSide { .. } => "other-side",
            Self::NotSignedUp(_) => "not-signed-up",
            Self::Full | Self::TooMany => "full",
            Self::Taken(_) => "taken",
            Self::NotLost { .. } => "not-lost",
        }
    }
}

impl Ask {
    /// What is to be written down: a surprise is drawn, a series begins with its next day.
    pub fn settle(self, zones: &TimeZoneDatabase, seed: crate::seed::Seed, now: At) -> Result<When, Refusal> {
        match self {
            Self::At(moment) if moment.at <= now => Err(Refusal::Passed(moment)),
            Self::At(moment) => Ok(When::At(moment)),
            Self::Window(window) => match window.draw(zones, seed, now + limits::STAGING_LEAD) {
                Some(drawn) => Ok(When::Window { window, drawn }),
                None => Err(Refusal::NoMoment(window)),
            },
            Self::Every(rule, end) => Series::settle(zones, rule, end, now).map(When::Every),
        }
    }
}

impl Calendar {
    /// What a command leads to, or why it does not.
    pub fn decide(
        &self,
        zones: &TimeZoneDatabase,
        now: At,
        command: &Command,
    ) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Plan { entry, by } => self.plan(zones, now, entry, by),
            Command::Move { entry, day, to, by } => {
                let (page, day) = self.one_of(zones, entry, *day, false)?;
                if to.at <= now {
                    return Err(Refusal::Passed(to.clone()));
                }
                self.without(entry, day).free(zones, (&page.entry, day), to)?;
                Ok(vec![Event::Moved { entry: entry.clone(), day, to: to.clone(), by: by.clone() }])
            }
            Command::StartNow { entry, day, by } => {
                let (page, day) = self.one_of(zones, entry, *day, true)?;
                self.without(entry, day).free(zones, (&page.entry, day), &Moment::utc(now))?;
                Ok(vec![Event::Hastened { entry: entry.clone(), day, at: now, by: by.clone() }])
            }
            Command::Cancel { entry, day, by } => {
                let page = self.page(entry)?;
                match day {
                    Some(day) => drop(page.still_waits(*day)?),
                    None if page.upcoming(zones, 1).is_empty() => {
                        return Err(match page.entry.only_day() {
                            Some(day) => {
                                page.still_waits(day).err().unwrap_or(Refusal::NothingToCome(entry.clone()))
                            }
                            None => Refusal::NothingToCome(entry.clone()),
                        });
                    }
                    None => {}
                }
                Ok(vec![Event::Cancelled { entry: entry.clone(), day: *day, by: by.clone() }])
            }
            Command::SignUp(asked) => {
                self.signed_up(zones, asked)?;
                let (page, day) = self.one_of(zones, &asked.entry, asked.day, false)?;
                if page.wanted(day).side(&asked.person) == Some(asked.side) {
                    return Ok(Vec::new());
                }
                let SignUp { entry, person, side, anyway, by, .. } = asked.clone();
                Ok(vec![Event::SignedUp { entry, day, person, side, anyway, by }])
            }
            Command::Withdraw { entry, day, person, by } => {
                let (page, day) = self.one_of(zones, entry, *day, false)?;
                if page.wanted(day).side(person).is_none() {
                    return Err(Refusal::NotSignedUp(person.clone()));
                }
                let (entry, person, by) = (entry.clone(), person.clone(), by.clone());
                Ok(vec![Event::Withdrawn { entry, day, person, by }])
            }
            Command::Tick => Ok(self.due(zones, now)),
            Command::Lost { entry, day } => {
                let late = |start: At| now > start + limits::START_LATE_MAX;
                match self.page(entry)?.state(*day) {
                    Some(State::Begun { start, .. }) if late(start) => {
                        Ok(vec![Event::Missed { entry: entry.clone(), day: *day, start }])
                    }
                    _ => Err(Refusal::NotLost { entry: entry.clone(), day: *day }),
                }
            }
            Command::Fail { entry, day, why } => match self.page(entry)?.state(*day) {
                Some(State::Begun { .. }) => {
                    Ok(vec![Event::Failed { entry: entry.clone(), day: *day, why: why.clone() }])
                }
                _ => Err(Refusal::NotLost { entry: entry.clone(), day: *day }),
            },
        }
    }

    /// What is to be played, with everybody who would take part after a sign-up; or why it is not taken.
    pub fn signed_up(&self, zones: &TimeZoneDatabase, asked: &SignUp) -> Result<Entry, Refusal> {
        let (page, day) = self.one_of(zones, &asked.entry, asked.day, false)?;
        let wanted = page.wanted(day);
        match wanted.side(&asked.person) {
            Some(side) if side != asked.side => {
                return Err(Refusal::OtherSide { person: asked.person.clone(), side });
            }
            None if wanted.people() >= limits::SIGN_UPS_MAX => return Err(Refusal::TooMany),
            _ => {}
        }
        let wanted = wanted.with(&asked.person, Some(asked.side)).anyway(asked.anyway.as_deref());
        let wanted = wanted.run_by(page.entry.planner.as_ref());
        Ok(Entry { wanted, ..page.entry.clone() })
    }

    fn plan(
        &self,
        zones: &TimeZoneDatabase,
        now: At,
        entry: &Entry,
        by: &Person,
    ) -> Result<Vec<Event>, Refusal> {
        if self.pages.contains_key(&entry.id) {
            return Err(Refusal::Taken(entry.id.clone()));
        }
        let open = self.pages.values().filter(|page| !page.upcoming(zones, 1).is_empty());
        if open.count() >= limits::ENTRIES_MAX {
            return Err(Refusal::Full);
        }
        if let When::At(moment) = &entry.when
            && moment.at <= now
        {
            return Err(Refusal::Passed(moment.clone()));
        }
        let mut alone = Self::default();
        let planned = Event::Planned { entry: Box::new(entry.clone()), by: by.clone() };
        alone.apply(&super::Noted { seq: 0, at: now, event: planned.clone() });
        for one in alone.upcoming(zones, limits::OCCURRENCES_AHEAD) {
            if let Ok(moment) = &one.moment {
                self.free(zones, (entry, one.day), moment)?;
            }
        }
        Ok(vec![planned])
    }

    /// The same calendar if one day of it were over.
    fn without(&self, entry: &EntryId, day: Date) -> Self {
        let mut other = self.clone();
        if let Some(page) = other.pages.get_mut(entry) {
            page.settle(day, State::Cancelled);
        }
        other
    }

    fn page(&self, entry: &EntryId) -> Result<&Page, Refusal> {
        self.pages.get(entry).ok_or_else(|| Refusal::NoSuchEntry(entry.clone()))
    }

    /// The day that somebody means; without a word the only one, or (`next`) the next of a series.
    fn one_of(
        &self,
        zones: &TimeZoneDatabase,
        entry: &EntryId,
        day: Option<Date>,
        next: bool,
    ) -> Result<(&Page, Date), Refusal> {
        let page = self.page(entry)?;
        let day = match (day.or(page.entry.only_day()), next) {
            (Some(day), _) => day,
            (None, false) => return Err(Refusal::WhichDay(entry.clone())),
            (None, true) => {
                let coming = page.upcoming(zones, 1);
                coming.first().map(|one| one.day).ok_or_else(|| Refusal::NothingToCome(entry.clone()))?
            }
        };
        page.still_waits(day)?;
        Ok((page, day))
    }

    /// What has happened by itself: clocks that were changed by law, drills to begin, starts that were missed.
    fn due(&self, zones: &TimeZoneDatabase, now: At) -> Vec<Event> {
        let mut events = Vec::new();
        for page in self.pages.values() {
            let (moved, rule) = page.waiting();
            let near = rule.map(|day| page.occurrence(zones, day));
            let near = near.take_while(|one| one.order <= now + limits::STAGING_LEAD);
            let moved = moved.into_iter().map(|day| page.occurrence(zones, day));
            events.extend(moved.chain(near).take(BATCH_MAX).filter_map(|one| one.due(zones, now)));
        }
        events.truncate(BATCH_MAX);
        events
    }
}

impl Page {
    fn still_waits(&self, day: Date) -> Result<(), Refusal> {
        let entry = self.entry.id.clone();
        let over = |how| Err(Refusal::IsOver { entry: entry.clone(), day, how });
        match self.state(day) {
            None => Err(Refusal::NoSuchDay { entry, day }),
            Some(State::Waiting) if self.is_behind(day) => Err(Refusal::NoSuchDay { entry, day }),
            Some(State::Waiting) => Ok(()),
            Some(State::Begun { .. }) => Err(Refusal::HasBegun { entry, day }),
            Some(State::Missed { .. }) => over("it was missed"),
            Some(State::Skipped(_)) => over("its time did not exist on that day, or existed twice"),
            Some(State::Failed(_)) => over("it could not be begun"),
            Some(State::Cancelled) => over("it was called off"),
        }
    }

    /// A day of a series from before all that is still to come.
    fn is_behind(&self, day: Date) -> bool {
        matches!(self.entry.when, When::Every(_)) && day < self.next && !self.days.contains_key(&day)
    }
}

impl Occurrence<'_> {
    fn due(&self, zones: &TimeZoneDatabase, now: At) -> Option<Event> {
        let (entry, day) = (self.entry.id.clone(), self.day);
        let moment = match &self.moment {
            Ok(moment) => moment,
            Err(why) => return Some(Event::Skipped { entry, day, why: why.to_string() }),
        };
        // What was hastened has an instant and no civil time that anybody chose.
        if !self.soon
            && let Some(to) = moment.again(zones)
            && to.at != moment.at
        {
            return Some(Event::Shifted { entry, day, to });
        }
        let start = moment.at;
        if now > start + limits::START_LATE_MAX {
            Some(Event::Missed { entry, day, start })
        } else if now + limits::STAGING_LEAD >= start {
            Some(Event::Begun { entry, day, drill: self.drill(), start, soon: self.soon })
        } else {
            None
        }
    }
}
