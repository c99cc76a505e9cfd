//! The calendar: drills that are to begin by themselves, as a fold over its own append-only events.
//!
//! ```text
//! Command -> decide -> Vec<Event> -> (stored) -> apply
//! ```
//!
//! The discipline is a drill's: `decide` reads and never changes, [`Fold::apply`] changes and never decides. A drill is
//! claimed (`Begun`) before anything else happens, so that whoever reads the calendar knows whose it is.
//!
//! Open first: this file for the state, then [`decide`] for what may be done and what is due. [`entry`] is what people plan,
//! [`moment`], [`window`] and [`series`] (by a [`rule`]) are the three ways to say when. [`busy`] is about one target for two. Times are read by a time-zone database that is handed
//! in, so that this room reads no files.

pub mod busy;
pub mod decide;
pub mod entry;
pub mod event;
pub mod moment;
pub mod rule;
pub mod series;
pub mod window;

pub use decide::{Ask, Command, Refusal, SignUp};
pub use entry::{Entry, Side, Wanted, When};
pub use event::{Event, Noted};
pub use moment::Moment;

use crate::{
    base::{At, DrillId, EntryId, Person, book::Fold, limits},
    seed::Seed,
};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use moment::{BadMoment, near, only_instant, zone_of};
use series::Series;
use std::collections::BTreeMap;

/// How one day of an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is to come.
    Waiting,
    /// A server has taken it.
    Begun {
        /// When it is, or was, to start.
        start: At,
        /// It starts as soon as its target is steady.
        soon: bool,
    },
    /// Nobody began it.
    Missed {
        /// When it was to start.
        start: At,
    },
    /// Its civil time is not there on that day.
    Skipped(String),
    /// It could not be begun.
    Failed(String),
    /// It was called off.
    Cancelled,
}

/// What is known of a day beyond its entry.
#[derive(Debug, Clone)]
struct Known {
    /// Where it was moved to.
    moment: Option<Moment>,
    /// It is to begin as soon as possible.
    soon: bool,
    /// Who has signed up, with a reason where a rule is waived for them, or (nothing) withdrawn.
    people: BTreeMap<Person, Option<(Side, Option<String>)>>,
    state: State,
    /// What changed since it was planned.
    changed: Option<Changed>,
}

/// How often, and when last, something changed that is told to people.
#[derive(Debug, Clone, Copy)]
struct Changed {
    times: u32,
    /// As many as there were at the last change that everybody is told of.
    news: u32,
    at: At,
}

/// An entry with what has become of it.
#[derive(Debug, Clone)]
struct Page {
    entry: Entry,
    planned: At,
    /// When it was called off as a whole.
    cancelled: Option<At>,
    /// Every day of a series before this one is settled.
    next: Date,
    days: BTreeMap<Date, Known>,
}

/// One day of an entry, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// The day that names it.
    pub day: Date,
    /// When; or why its time is not there on that day.
    pub moment: Result<Moment, BadMoment>,
    /// It is to begin as soon as possible.
    pub soon: bool,
    /// Where it comes in the order of things.
    pub order: At,
    /// How it stands.
    pub state: State,
    /// Its moment is nobody's business.
    pub hidden: bool,
    /// It begins, or began, at a moment that nobody is told.
    pub surprise: bool,
    /// How often something changed: when, whether, or who takes part.
    pub changes: u32,
    /// As many as there were when something last changed that everybody is told of.
    pub news: u32,
    /// When something last changed; at first when it was planned.
    pub changed: At,
    /// What is to be played, and who takes part as things are.
    pub wanted: Wanted,
}

impl Occurrence<'_> {
    /// Its drill.
    pub fn drill(&self) -> DrillId {
        self.entry.drill(self.day)
    }

    /// When it takes place, as everybody may read it.
    pub fn told(&self) -> String {
        match (&self.entry.when, &self.moment) {
            (When::Window { window, .. }, _) if self.hidden => window.to_string(),
            (_, Ok(_)) if self.soon => "as soon as its target is steady".to_owned(),
            (_, Ok(moment)) => moment.to_string(),
            (_, Err(why)) => format!("{}, not held: {why}", self.day),
        }
    }
}

/// A drill that a server has to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// What was planned, with everybody who takes part.
    pub entry: Entry,
    /// The day.
    pub day: Date,
    /// The drill.
    pub drill: DrillId,
    /// Where its randomness begins.
    pub seed: Seed,
    /// When it is to start.
    pub start: At,
    /// It starts as soon as its target is steady.
    pub soon: bool,
    /// Nobody who plays is told before it starts.
    pub surprise: bool,
}

/// Everything that is planned, and what has become of it.
#[derive(Debug, Clone, Default)]
pub struct Calendar {
    next_seq: u64,
    pages: BTreeMap<EntryId, Page>,
}

impl Calendar {
    /// An entry.
    pub fn entry(&self, id: &EntryId) -> Option<&Entry> {
        self.pages.get(id).map(|page| &page.entry)
    }

    /// What is to come, in order: of each series the next `ahead` days.
    pub fn upcoming(&self, zones: &TimeZoneDatabase, ahead: usize) -> Vec<Occurrence<'_>> {
        let mut all: Vec<_> = self.pages.values().flat_map(|page| page.upcoming(zones, ahead)).collect();
        all.sort_by(|a, b| (a.order, &a.entry.id, a.day).cmp(&(b.order, &b.entry.id, b.day)));
        all
    }

    /// What has become of days that are no longer to come, in order.
    pub fn past(&self, zones: &TimeZoneDatabase) -> Vec<Occurrence<'_>> {
        let settled = |page: &'_ Page, day: &Date| page.days[day].state != State::Waiting;
        let pages = self.pages.values();
        let mut all: Vec<_> = pages
            .flat_map(|page| {
                let days = page.days.keys().filter(move |day| settled(page, day));
                days.map(|day| page.occurrence(zones, *day))
            })
            .collect();
        all.sort_by(|a, b| (a.order, &a.entry.id).cmp(&(b.order, &b.entry.id)));
        all
    }

    /// One day of an entry, whatever has become of it.
    pub fn day(&self, zones: &TimeZoneDatabase, entry: &EntryId, day: Date) -> Option<Occurrence<'_>> {
        let page = self.pages.get(entry)?;
        page.state(day).map(|_| page.occurrence(zones, day))
    }

    /// The day that a drill belongs to.
    pub fn of_drill(&self, zones: &TimeZoneDatabase, drill: &DrillId) -> Option<Occurrence<'_>> {
        let mut all = self.upcoming(zones, limits::OCCURRENCES_AHEAD).into_iter().chain(self.past(zones));
        all.find(|one| one.drill() == *drill)
    }

    /// Every drill that a server has taken on itself.
    pub fn begun(&self) -> impl Iterator<Item = Due> + '_ {
        self.pages.values().flat_map(|page| {
            page.days.iter().filter_map(|(day, known)| match known.state {
                State::Begun { start, soon } => Some(page.due(*day, start, soon)),
                _ => None,
            })
        })
    }

    /// A drill whose start was missed, for those who tell it.
    pub fn missed(&self, entry: &EntryId, day: Date, start: At) -> Option<Due> {
        self.pages.get(entry).map(|page| page.due(day, start, false))
    }

    /// Series that have come to their end: nothing of them is to come, and nobody called them off.
    pub fn ended(&self, zones: &TimeZoneDatabase) -> Vec<&Entry> {
        let pages = self.pages.values().filter(|page| {
            let is_series = matches!(page.entry.when, When::Every(_));
            is_series && page.cancelled.is_none() && page.upcoming(zones, 1).is_empty()
        });
        pages.map(|page| &page.entry).collect()
    }
}

impl Fold for Calendar {
    type Event = Event;

    fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn apply(&mut self, noted: &Noted) {
        self.next_seq = noted.seq + 1;
        if let Event::Planned { entry, .. } = &noted.event {
            let next = match &entry.when {
                When::Every(series) => series.from,
                _ => Date::MIN,
            };
            let (entry, planned) = ((**entry).clone(), noted.at);
            let page = Page { entry, planned, cancelled: None, next, days: BTreeMap::new() };
            self.pages.insert(page.entry.id.clone(), page);
            return;
        }
        let Some(page) = self.pages.get_mut(noted.event.entry()) else { return };
        page.count_change(noted);
        match &noted.event {
            Event::Planned { .. } => {}
            Event::Moved { day, to, .. } => {
                let known = page.known(*day);
                (known.moment, known.soon) = (Some(to.clone()), false);
            }
            Event::Hastened { day, at, .. } => {
                let known = page.known(*day);
                (known.moment, known.soon) = (Some(Moment::utc(*at)), true);
            }
            Event::SignedUp { day, person, side, anyway, .. } => {
                page.known(*day).people.insert(person.clone(), Some((*side, anyway.clone())));
            }
            Event::Withdrawn { day, person, .. } => {
                page.known(*day).people.insert(person.clone(), None);
            }
            Event::Shifted { day, to, .. } => page.known(*day).moment = Some(to.clone()),
            Event::Cancelled { day: Some(day), .. } => page.settle(*day, State::Cancelled),
            Event::Cancelled { day: None, .. } => page.cancel(noted.at),
            Event::Begun { day, start, soon, .. } => {
                page.settle(*day, State::Begun { start: *start, soon: *soon });
            }
            Event::Missed { day, start, .. } => page.settle(*day, State::Missed { start: *start }),
            Event::Skipped { day, why, .. } => page.settle(*day, State::Skipped(why.clone())),
            Event::Failed { day, why, .. } => page.settle(*day, State::Failed(why.clone())),
        }
    }
}

fn in_order(moment: Moment) -> (Result<Moment, BadMoment>, At) {
    let at = moment.at;
    (Ok(moment), at)
}

impl Known {
    fn change(&mut self, at: At, is_news: bool) {
        let (times, news) = self.changed.map_or((0, 0), |changed| (changed.times, changed.news));
        let news = if is_news { times + 1 } else { news };
        self.changed = Some(Changed { times: times + 1, news, at });
    }
}

impl Page {
    fn known(&mut self, day: Date) -> &mut Known {
        let unknown = || Known {
            moment: None,
            soon: false,
            people: BTreeMap::new(),
            state: State::Waiting,
            changed: None,
        };
        self.days.entry(day).or_insert_with(unknown)
    }

    fn settle(&mut self, day: Date, state: State) {
        self.known(day).state = state;
        let When::Every(series) = &self.entry.when else { return };
        let settled = |day: &Date| self.days.get(day).is_some_and(|known| known.state != State::Waiting);
        if let Some(open) = series.days(self.next).find(|day| !settled(day)) {
            self.next = open;
        }
    }

    /// Takes note of what makes an invitation to this day another one. What hides behind a surprise does not.
    fn count_change(&mut self, noted: &Noted) {
        let (day, is_news) = match &noted.event {
            // That is between them and who runs it.
            Event::SignedUp { day, .. } | Event::Withdrawn { day, .. } => (*day, false),
            Event::Moved { day, .. }
            | Event::Hastened { day, .. }
            | Event::Cancelled { day: Some(day), .. }
            | Event::Missed { day, .. }
            | Event::Skipped { day, .. }
            | Event::Failed { day, .. } => (*day, true),
            Event::Shifted { day, .. } if !self.is_surprise(*day) => (*day, true),
            _ => return,
        };
        self.known(day).change(noted.at, is_news);
    }

    fn cancel(&mut self, at: At) {
        self.cancelled = Some(at);
        let only = self.entry.only_day();
        only.map(|day| self.known(day));
        for known in self.days.values_mut().filter(|known| known.state == State::Waiting) {
            known.state = State::Cancelled;
            known.change(at, true);
        }
    }

    /// Whether it begins at the moment that was drawn, and not at one that somebody has announced.
    fn is_surprise(&self, day: Date) -> bool {
        let When::Window { drawn, .. } = &self.entry.when else { return false };
        let known = self.days.get(&day);
        known.is_none_or(|known| {
            !known.soon && known.moment.as_ref().is_none_or(|moment| moment.civil == drawn.civil)
        })
    }

    /// What is played on a day, with the people who were named when it was planned, and who signed up or withdrew since.
    fn wanted(&self, day: Date) -> Wanted {
        let people = self.days.get(&day).map(|known| &known.people);
        let wanted =
            people.into_iter().flatten().fold(self.entry.wanted.clone(), |wanted, (person, signed)| {
                match signed {
                    Some((side, anyway)) => wanted.with(person, Some(*side)).anyway(anyway.as_deref()),
                    None => wanted.with(person, None),
                }
            });
        // Whoever has withdrawn runs nothing.
        let stays = |planner: &&Person| people.and_then(|people| people.get(*planner)) != Some(&None);
        wanted.run_by(self.entry.planner.as_ref().filter(stays))
    }

    /// How a day stands, whether it is known already or follows from the rule.
    fn state(&self, day: Date) -> Option<State> {
        if let Some(known) = self.days.get(&day) {
            return Some(known.state.clone());
        }
        let is_of_it = match &self.entry.when {
            When::Every(series) => series.has(day),
            _ => self.entry.only_day() == Some(day),
        };
        is_of_it.then_some(if self.cancelled.is_some() { State::Cancelled } else { State::Waiting })
    }

    fn occurrence(&self, zones: &TimeZoneDatabase, day: Date) -> Occurrence<'_> {
        let known = self.days.get(&day);
        let moved = known.and_then(|known| known.moment.clone());
        let (moment, order) = match (moved, &self.entry.when) {
            (Some(moved), _) => in_order(moved),
            (None, When::At(moment) | When::Window { drawn: moment, .. }) => in_order(moment.clone()),
            (None, When::Every(Series { rule, .. })) => match zone_of(zones, &rule.zone) {
                Err(bad) => (Err(bad), At::from_millis(i64::MAX)),
                Ok(zone) => {
                    let civil = rule.on(day);
                    let at = only_instant(&zone, &rule.zone, civil);
                    (at.map(|at| Moment { civil, zone: rule.zone.clone(), at }), near(&zone, civil))
                }
            },
        };
        let state = self.state(day).unwrap_or(State::Cancelled);
        let soon = known.is_some_and(|known| known.soon);
        let surprise = self.is_surprise(day);
        let hidden = state == State::Waiting && surprise;
        // A day of a series that nothing is known of changes only with the whole.
        let whole = self.cancelled.filter(|_| known.is_none()).map(|at| Changed { times: 1, news: 1, at });
        let never = Changed { times: 0, news: 0, at: self.planned };
        let last = known.and_then(|known| known.changed).or(whole).unwrap_or(never);
        Occurrence {
            entry: &self.entry,
            day,
            moment,
            soon,
            order,
            state,
            hidden,
            surprise,
            changes: last.times,
            news: last.news,
            changed: last.at,
            wanted: self.wanted(day),
        }
    }

    /// Days that wait and whose moment the rule does not tell, and then those of the rule.
    fn waiting(&self) -> (Vec<Date>, impl Iterator<Item = Date> + '_) {
        let known = self.days.iter().filter(|(_, known)| known.state == State::Waiting);
        let mut moved: Vec<_> = known.map(|(day, _)| *day).collect();
        if let Some(only) = self.entry.only_day()
            && !self.days.contains_key(&only)
        {
            moved.push(only);
        }
        let rule = match &self.entry.when {
            When::Every(series) if self.cancelled.is_none() => Some(series.days(self.next)),
            _ => None,
        };
        (moved, rule.into_iter().flatten().filter(|day| !self.days.contains_key(day)))
    }

    fn upcoming(&self, zones: &TimeZoneDatabase, ahead: usize) -> Vec<Occurrence<'_>> {
        let (moved, rule) = self.waiting();
        let mut all: Vec<_> =
            moved.into_iter().chain(rule.take(ahead)).map(|day| self.occurrence(zones, day)).collect();
        all.sort_by_key(|one| one.order);
        all.truncate(ahead);
        all
    }

    fn due(&self, day: Date, start: At, soon: bool) -> Due {
        let entry = Entry { wanted: self.wanted(day), ..self.entry.clone() };
        let (drill, seed) = (entry.drill(day), entry.seed_of(day));
        Due { entry, day, drill, seed, start, soon, surprise: self.is_surprise(day) }
    }
}
