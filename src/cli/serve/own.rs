//! What people may know of what is planned before they play it, and how they take part.

use super::program::Inside;
use crate::{
    base::Person,
    calendar::{self, Command, Entry, Occurrence, Side, State, When},
    clock::{Clock as _, SystemClock},
    console::{Denied, Needed, Own, OwnDrill, TakePart, Withdraw},
    drill::event::{Event, Hat},
    engine::calendar::AskError,
    people::{self, People},
};

impl Inside {
    /// What somebody may know. A surprise looks the same until it has started, and tells nothing by its place in the list.
    pub(super) async fn own(&self, by: &Person) -> Result<Own, Denied> {
        let schedule = &self.books.schedule;
        let calendar = schedule.look().await.map_err(AskError::from)?;
        let people = self.books.people.look().await;
        let people = people.map_err(|error| Denied::new("no-people", error.to_string()))?;
        let zones = schedule.zones();
        let mut coming = calendar.upcoming(zones, 1);
        let now = SystemClock.now();
        for due in calendar.begun().filter(|due| due.entry.takes(due.start).1 > now) {
            let journal = self.stored(&due.drill).await;
            let told = |event: &Event| matches!(event, Event::Started | Event::Ended { .. });
            if !journal.iter().any(|one| told(&one.event)) {
                coming.extend(calendar.day(zones, &due.entry.id, due.day));
            }
        }
        // Moments that everybody knows first, in their order; a surprise has no place among them.
        let place =
            |one: &Occurrence<'_>| (one.surprise, (!one.surprise).then_some(one.order), one.entry.id.clone());
        coming.sort_by_key(place);
        let planned = coming.iter().map(|one| card(one, &people, by)).collect();
        Ok(Own { answered: people.answered(by), planned })
    }

    /// Takes part no more.
    pub(super) async fn withdraw(&self, asked: Withdraw, by: &Person) -> Result<(), Denied> {
        let Withdraw { entry, day } = asked;
        let command = Command::Withdraw { entry, day, person: by.clone(), by: by.clone() };
        self.books.schedule.ask(&command).await?;
        Ok(())
    }

    /// Writes down that somebody can be reached.
    pub(super) async fn answered(&self, by: &Person) -> Result<(), Denied> {
        let answer = people::Command::Answer { person: by.clone(), now: SystemClock.now(), by: by.clone() };
        let zones = self.books.schedule.zones();
        self.books.people.ask(|book, _| book.decide(zones, &answer)).await?;
        Ok(())
    }
}

/// A sign-up on the side of a hat.
pub(super) fn sign_up(asked: TakePart, by: &Person, hat: Hat) -> calendar::SignUp {
    let side = match hat {
        Hat::Responder => Side::Responder,
        Hat::Instigator => Side::Instigator,
        Hat::Trainer => Side::Trainer,
        Hat::Observer => Side::Observer,
    };
    let TakePart { entry, day, .. } = asked;
    calendar::SignUp { entry, day, person: by.clone(), side, anyway: None, by: by.clone() }
}

fn card(one: &Occurrence<'_>, people: &People, by: &Person) -> OwnDrill {
    let attested = people.about(by).map(|about| &about.attested);
    let needs = one.entry.needs.as_ref();
    let prerequisites = needs.iter().flat_map(|needs| &needs.prerequisites).map(|one| Needed {
        id: one.id.to_string(),
        says: one.says.clone(),
        attested: attested.is_some_and(|attested| attested.contains(&one.id)),
    });
    OwnDrill {
        entry: one.entry.id.clone(),
        day: one.day,
        when: when(one),
        target: one.entry.target.clone(),
        minutes: one.entry.limit.millis().div_ceil(60_000),
        responders: one.wanted.responders.clone(),
        needed: needs.map(|needs| needs.responders),
        code_blue: one.wanted.code_blue,
        shifts: one.wanted.shifts.clone(),
        prerequisites: prerequisites.collect(),
        comcheck: one.wanted.comcheck,
        soon: !one.surprise && one.state != State::Waiting,
        side: one.wanted.side(by).map(hat),
    }
}

fn hat(side: Side) -> Hat {
    match side {
        Side::Responder => Hat::Responder,
        Side::Instigator => Hat::Instigator,
        Side::Trainer => Hat::Trainer,
        Side::Observer => Hat::Observer,
    }
}

/// A surprise is told by its week, also when it is about to begin.
fn when(one: &Occurrence<'_>) -> String {
    let Entry { when, .. } = one.entry;
    match when {
        When::Window { window, .. } if one.surprise => window.to_string(),
        _ => one.told(),
    }
}
