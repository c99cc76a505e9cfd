//! Puts drills on the calendar, for the console and the command line: with every check that their beginning will meet.

use super::shelves::{Shelves, Taken, denied};
use crate::{
    base::{DrillId, EntryId, Person, Span, limits, time::BadSpan},
    calendar::{
        Ask, Command, Entry, Moment, Noted, Refusal, SignUp, Wanted, rule::Rule, series::End, window::Window,
    },
    cli::{
        home::Home,
        play::{Entrance, Play},
        preflight::{self, admission, reason},
        wire::Books,
    },
    clock::{Clock as _, SystemClock},
    console::{Denied, Order},
    drill::preflight::{lacking, sign_up},
    engine::{book, calendar::AskError},
    notify::Means,
    people,
    scenario::roster::{BadShift, PrerequisiteId, Shift},
    seed::Seed,
};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use std::collections::BTreeSet;

/// The hours of a surprise, when nobody says others.
pub(in crate::cli) const HOURS: &str = "09:00-17:00";

/// What planning needs of a home.
#[derive(Clone)]
pub(in crate::cli) struct Bookings {
    pub(in crate::cli) home: Home,
    pub(in crate::cli) books: Books,
    pub(in crate::cli) shelves: Shelves,
    /// By which means alarms reach people.
    pub(in crate::cli) means: Means,
}

/// What was planned.
pub(in crate::cli) struct Booked {
    pub(in crate::cli) entry: Entry,
    /// The first drill of it.
    pub(in crate::cli) drill: DrillId,
    /// Days of the coming ones on which its time does not exist, or exists twice.
    pub(in crate::cli) gaps: Vec<Date>,
    /// Who has to sign up before it can begin, if people were named.
    pub(in crate::cli) lacking: Option<String>,
}

/// What an order says of when; nothing: at once.
pub(in crate::cli) fn asked(zones: &TimeZoneDatabase, order: &Order) -> Result<Option<Ask>, Denied> {
    let bad = |what: &str, text: &str, why: &dyn std::fmt::Display| {
        Denied::new("bad-time", format!("could not understand the {what} `{text}`: {why}"))
    };
    if said(order.every.as_ref()).is_none() && end(order)? != End::Never {
        return Err(Denied::new("bad-time", "only what takes place again and again has an end"));
    }
    match (said(order.at.as_ref()), said(order.window.as_ref()), said(order.every.as_ref())) {
        (None, None, None) => Ok(None),
        (Some(at), None, None) => {
            let moment = Moment::read(zones, &at).map_err(|why| bad("time", &at, &why))?;
            Ok(Some(Ask::At(moment)))
        }
        (None, Some(week), None) => {
            if order.holidays.len() > limits::HOLIDAYS_MAX {
                return Err(Denied::new("bad-time", "a week has at most seven holidays"));
            }
            let holidays =
                order.holidays.iter().map(|day| day.parse().map_err(|why| bad("holiday", day, &why)));
            let holidays = holidays.collect::<Result<_, _>>()?;
            let hours = said(order.hours.as_ref()).unwrap_or_else(|| HOURS.to_owned());
            let window = Window::read(zones, &week, &hours, holidays);
            Ok(Some(Ask::Window(window.map_err(|why| bad("window", &week, &why))?)))
        }
        (None, None, Some(every)) => {
            let rule = Rule::read(zones, &every).map_err(|why| bad("rule", &every, &why))?;
            Ok(Some(Ask::Every(rule, end(order)?)))
        }
        _ => Err(Denied::new("bad-time", "say one of: a moment, a window, a rule")),
    }
}

/// What somebody has written into a field.
fn said(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).cloned()
}

/// When a series is to end.
fn end(order: &Order) -> Result<End, Denied> {
    match (said(order.until.as_ref()), order.times) {
        (None, None) => Ok(End::Never),
        (None, Some(times)) => Ok(End::Times(times)),
        (Some(until), None) => until.trim().parse().map(End::Until).map_err(|why| {
            let why = format!("could not understand the last day `{until}`: {why}");
            Denied::new("bad-time", why)
        }),
        _ => Err(Denied::new("bad-time", "a series ends on a day or after so many times: say one of them")),
    }
}

fn comcheck(order: &Order) -> Result<Option<Span>, Denied> {
    let span = said(order.comcheck.as_ref()).as_deref().map(str::parse).transpose();
    span.map_err(|why: BadSpan| Denied::new("bad-comcheck", format!("could not read the comcheck: {why}")))
}

/// What is to be played, with reasons that are fit to be kept.
pub(super) fn wanted(order: &Order) -> Result<Wanted, Denied> {
    let why = |text: Option<&String>| {
        let text = said(text).as_deref().map(reason).transpose();
        text.map_err(|bad| Denied::new("bad-reason", bad))
    };
    let shifts = order.shifts.iter().filter(|text| !text.trim().is_empty()).map(|text| text.parse());
    let shifts: Vec<Shift> =
        shifts.collect::<Result<_, BadShift>>().map_err(|bad| Denied::new("bad-shift", bad.to_string()))?;
    let on_shift: BTreeSet<&Person> = shifts.iter().flat_map(|shift| &shift.people).collect();
    let named =
        order.responders.iter().chain(on_shift.into_iter().filter(|one| !order.responders.contains(one)));
    let responders: Vec<_> = named.cloned().collect();
    if order.code_blue && !responders.is_empty() {
        return Err(Denied::new(
            "bad-code-blue",
            "a Code Blue calls everybody: name no responders and no shifts",
        ));
    }
    Ok(Wanted {
        scenario: order.scenario.clone(),
        responders,
        instigators: order.instigators.clone(),
        variant: said(order.variant.as_ref()),
        autopilot: order.autopilot,
        trainers: Vec::new(),
        observers: Vec::new(),
        unrehearsed: why(order.unrehearsed.as_ref())?,
        roster_anyway: why(order.roster_anyway.as_ref())?,
        comcheck: comcheck(order)?,
        code_blue: order.code_blue,
        shifts,
    })
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.to_string())
    }
}

impl From<AskError> for Denied {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Refused(refusal) => refusal.into(),
            AskError::Store(error) => Self::new("no-calendar", error.to_string()),
        }
    }
}

impl From<book::AskError<people::Refusal>> for Denied {
    fn from(error: book::AskError<people::Refusal>) -> Self {
        match error {
            book::AskError::Refused(refusal) => Self::new(refusal.code(), refusal.to_string()),
            book::AskError::Store(error) => Self::new("no-people", error.to_string()),
        }
    }
}

impl Bookings {
    /// The play of what is wanted, which begins as soon as it can.
    pub(super) async fn play(&self, wanted: &Wanted, seed: Seed) -> Result<Play, Denied> {
        let (name, variant) = (wanted.scenario.clone(), wanted.variant.clone());
        let Taken { scenario, documents } = self.shelves.take(name, variant, seed).await?;
        let people = (wanted.instigators.clone(), wanted.responders.clone());
        let mut admission = admission(people, wanted.roster_anyway.clone(), wanted.unrehearsed.clone());
        admission.code_blue = wanted.code_blue;
        if let Some(named) = &mut admission.roster {
            named.comcheck = wanted.comcheck;
            named.shifts.clone_from(&wanted.shifts);
        }
        Ok(Play {
            scenario,
            documents,
            seed,
            start: None,
            admission,
            autopilot: wanted.autopilot,
            seat: None,
            means: self.means.clone(),
            entrance: Entrance::Own(([127, 0, 0, 1], 0).into()),
            out: None,
            show: None,
        })
    }

    /// Whether anybody could be called, where all are to be.
    pub(super) fn can_call(&self, wanted: &Wanted) -> Result<(), Denied> {
        if wanted.code_blue && !self.means.reach_people() {
            let why = "nobody could be called: the file of routes names none. `gameday help routes` tells how it is written";
            return Err(Denied::new("no-route", why));
        }
        Ok(())
    }

    /// Puts something on the calendar, unless something would keep it from beginning as things are.
    pub(in crate::cli) async fn plan(
        &self,
        order: &Order,
        ask: Ask,
        seed: Seed,
        (by, planner): (Person, Option<Person>),
    ) -> Result<Booked, Denied> {
        let zones = self.books.schedule.zones();
        let wanted = wanted(order)?;
        self.can_call(&wanted)?;
        let when = ask.settle(zones, seed, SystemClock.now())?;
        let play = self.play(&wanted.clone().run_by(planner.as_ref()), seed).await?;
        let resolved = play.plan(None);
        preflight::refuse(&play, &self.home, &self.books, &resolved, true).await.map_err(denied)?;
        let letters = Seed::fresh().opaque("entry", 5);
        let id: EntryId = format!("s-{letters}").parse().expect("made of letters and digits");
        let entry = Entry {
            id,
            when,
            wanted,
            title: resolved.title.clone(),
            family: resolved.family.clone(),
            target: resolved.target.name.clone(),
            lead: resolved.lead(),
            limit: resolved.duration.limit,
            needs: Some(resolved.roster.clone()),
            planner,
            seed,
            uid: Some(Seed::fresh().opaque("invitation", 16)),
        };
        self.books.schedule.ask(&Command::Plan { entry: Box::new(entry.clone()), by }).await?;
        let calendar = self.books.schedule.look().await.map_err(AskError::from)?;
        let mut coming = calendar.upcoming(zones, limits::OCCURRENCES_AHEAD);
        coming.retain(|one| one.entry.id == entry.id);
        let first = coming.first().map(|one| one.day).or(entry.only_day());
        let drill = first.map(|day| entry.drill(day)).expect("something is to come of what was just planned");
        let gaps = coming.iter().filter(|one| one.moment.is_err()).map(|one| one.day).collect();
        Ok(Booked { entry, drill, gaps, lacking: lacking(&resolved) })
    }

    /// Changes what is planned.
    pub(in crate::cli) async fn change(&self, command: &Command) -> Result<Vec<Noted>, Denied> {
        Ok(self.books.schedule.ask(command).await?)
    }

    /// Signs somebody up with what they say to have, unless a rule of the roster says no. Gives who is still lacking.
    pub(in crate::cli) async fn sign_up(
        &self,
        asked: SignUp,
        attest: Vec<PrerequisiteId>,
    ) -> Result<Option<String>, Denied> {
        let schedule = &self.books.schedule;
        let calendar = schedule.look().await.map_err(AskError::from)?;
        let entry = calendar.signed_up(schedule.zones(), &asked)?;
        let plan = self.play(&entry.wanted, entry.seed).await?.plan(None);
        let known = preflight::known(&self.books, &plan, true).await.map_err(denied)?;
        let mut standing = known.people.get(&asked.person).cloned().unwrap_or_default();
        standing.attested.extend(attest.iter().cloned());
        let bars = sign_up(&plan, &asked.person, &standing);
        if !bars.is_empty() {
            let error = format!("{} cannot take part as {}", asked.person, asked.side.word());
            return Err(Denied { bars, ..Denied::new("barred", error) });
        }
        if !attest.is_empty() {
            let (person, has, by) = (asked.person.clone(), attest.into_iter().collect(), asked.by.clone());
            let attested = people::Command::Attest { person, has, by };
            self.books.people.ask(|book, _| book.decide(schedule.zones(), &attested)).await?;
        }
        schedule.ask(&Command::SignUp(asked)).await?;
        Ok(lacking(&plan))
    }
}
