//! Puts drills on the calendar, for the console and the command line: with every check that their beginning will meet.

use super::shelves::{Shelves, Taken, denied};
use crate::{
    base::{DrillId, EntryId, Person, limits},
    calendar::{Ask, Command, Entry, Moment, Noted, Refusal, Wanted, rule::Rule, window::Window},
    cli::{
        home::Home,
        play::{Entrance, Play},
        preflight::{self, admission, reason},
    },
    clock::{Clock as _, SystemClock},
    console::{Denied, Order},
    engine::calendar::{AskError, Schedule},
    seed::Seed,
    store::Store,
};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use std::sync::Arc;

/// The hours of a surprise, when nobody says others.
pub(in crate::cli) const HOURS: &str = "09:00-17:00";

/// What planning needs of a home.
#[derive(Clone)]
pub(in crate::cli) struct Bookings {
    pub(in crate::cli) home: Home,
    pub(in crate::cli) store: Arc<dyn Store>,
    pub(in crate::cli) schedule: Arc<Schedule>,
    pub(in crate::cli) shelves: Shelves,
    /// Alarms go to this webhook, too.
    pub(in crate::cli) webhook: Option<String>,
}

/// What was planned.
pub(in crate::cli) struct Booked {
    pub(in crate::cli) entry: Entry,
    /// The first drill of it.
    pub(in crate::cli) drill: DrillId,
    /// Days of the coming ones on which its time does not exist, or exists twice.
    pub(in crate::cli) gaps: Vec<Date>,
}

/// What an order says of when; nothing: at once.
pub(in crate::cli) fn asked(zones: &TimeZoneDatabase, order: &Order) -> Result<Option<Ask>, Denied> {
    let bad = |what: &str, text: &str, why: &dyn std::fmt::Display| {
        Denied::new("bad-time", format!("could not understand the {what} `{text}`: {why}"))
    };
    let said = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    match (said(&order.at), said(&order.window), said(&order.every)) {
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
            let hours = said(&order.hours).unwrap_or_else(|| HOURS.to_owned());
            let window = Window::read(zones, &week, &hours, holidays);
            Ok(Some(Ask::Window(window.map_err(|why| bad("window", &week, &why))?)))
        }
        (None, None, Some(every)) => {
            let rule = Rule::read(zones, &every).map_err(|why| bad("rule", &every, &why))?;
            Ok(Some(Ask::Every(rule)))
        }
        _ => Err(Denied::new("bad-time", "say one of: a moment, a window, a rule")),
    }
}

/// What is to be played, with reasons that are fit to be kept.
pub(super) fn wanted(order: &Order) -> Result<Wanted, Denied> {
    let why = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.trim().is_empty()).map(reason).transpose();
        text.map_err(|bad| Denied::new("bad-reason", bad))
    };
    Ok(Wanted {
        scenario: order.scenario.clone(),
        responders: order.responders.clone(),
        instigators: order.instigators.clone(),
        autopilot: order.autopilot,
        unrehearsed: why(&order.unrehearsed)?,
        roster_anyway: why(&order.roster_anyway)?,
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

impl Bookings {
    /// The play of what is wanted, which begins as soon as it can.
    pub(super) async fn play(&self, wanted: &Wanted, seed: Seed) -> Result<Play, Denied> {
        let Taken { scenario, documents } = self.shelves.take(wanted.scenario.clone()).await?;
        let people = (wanted.instigators.clone(), wanted.responders.clone());
        Ok(Play {
            scenario,
            documents,
            seed,
            start: None,
            admission: admission(people, wanted.roster_anyway.clone(), wanted.unrehearsed.clone()),
            autopilot: wanted.autopilot,
            seat: None,
            webhook: self.webhook.clone(),
            entrance: Entrance::Own(([127, 0, 0, 1], 0).into()),
            out: None,
            show: None,
        })
    }

    /// Puts something on the calendar, unless something would keep it from beginning as things are.
    pub(in crate::cli) async fn plan(
        &self,
        order: &Order,
        ask: Ask,
        seed: Seed,
        by: Person,
    ) -> Result<Booked, Denied> {
        let zones = self.schedule.zones();
        let wanted = wanted(order)?;
        let when = ask.settle(zones, seed, SystemClock.now())?;
        let play = self.play(&wanted, seed).await?;
        let resolved = play.plan(None);
        preflight::refuse(&play, &self.home, self.store.as_ref(), &resolved).await.map_err(denied)?;
        let letters = Seed::fresh().opaque("entry", 5);
        let id: EntryId = format!("s-{letters}").parse().expect("made of letters and digits");
        let entry = Entry {
            id,
            when,
            wanted,
            title: resolved.title.clone(),
            target: resolved.target.name.clone(),
            lead: resolved.lead(),
            limit: resolved.duration.limit,
            seed,
            uid: Some(Seed::fresh().opaque("invitation", 16)),
        };
        self.schedule.ask(&Command::Plan { entry: Box::new(entry.clone()), by }).await?;
        let calendar = self.schedule.look().await.map_err(AskError::from)?;
        let mut coming = calendar.upcoming(zones, limits::OCCURRENCES_AHEAD);
        coming.retain(|one| one.entry.id == entry.id);
        let first = coming.first().map(|one| one.day).or(entry.only_day());
        let drill = first.map(|day| entry.drill(day)).expect("something is to come of what was just planned");
        let gaps = coming.iter().filter(|one| one.moment.is_err()).map(|one| one.day).collect();
        Ok(Booked { entry, drill, gaps })
    }

    /// Changes what is planned.
    pub(in crate::cli) async fn change(&self, command: &Command) -> Result<Vec<Noted>, Denied> {
        Ok(self.schedule.ask(command).await?)
    }
}
