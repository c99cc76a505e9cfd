//! Who may come to know which answer at the server: nobody who is to play it, and of everybody else it is written down.

use super::{
    program::Inside,
    shelves::{PICTURED, denied},
};
use crate::{
    base::{DrillId, Person, limits},
    calendar::Entry,
    cli::exposure::{Live, Seen, take_in},
    console::{Denied, Lesson},
    drill::{
        Drill,
        event::{Event, Hat},
    },
    engine::calendar::AskError,
    people::{Command, How, People},
};

/// What somebody is about to come to know.
struct Answer {
    family: String,
    how: How,
    drill: Option<DrillId>,
    /// Its drill tells by itself who took part.
    told: bool,
}

impl Inside {
    /// Refuses whoever is to play it, and writes down that everybody else knows it.
    pub(super) async fn learn(&self, by: &Person, of: Lesson<'_>) -> Result<(), Denied> {
        let Some(answer) = self.answer(by, of).await else { return Ok(()) };
        let Seen { people, live } = take_in(&self.books).await.map_err(denied)?;
        if let Some(until) = self.embargo(&people, &live, by, &answer.family).await? {
            let error = format!(
                "{by} is to play this answer {until}: it stays hidden from them until that drill is over, or they withdraw from it"
            );
            return Err(Denied::new("embargo", error));
        }
        if answer.told {
            return Ok(());
        }
        let Answer { family, how, drill, .. } = answer;
        let expose = Command::Expose { person: by.clone(), family, how, drill, note: None, by: None };
        let zones = self.books.schedule.zones();
        self.books.people.ask(|book, _| book.decide(zones, &expose)).await?;
        Ok(())
    }

    /// Those of these families whose answer somebody is still to play.
    pub(super) async fn hidden(&self, by: &Person, families: Vec<String>) -> Result<Vec<String>, Denied> {
        let Seen { people, live } = take_in(&self.books).await.map_err(denied)?;
        let mut hidden = Vec::new();
        for family in families {
            if self.embargo(&people, &live, by, &family).await?.is_some() {
                hidden.push(family);
            }
        }
        Ok(hidden)
    }

    /// What a lesson tells; nothing: it is no news to them, or tells nothing before they have played.
    async fn answer(&self, by: &Person, of: Lesson<'_>) -> Option<Answer> {
        let (drill, hat) = match of {
            Lesson::Read(scenario) | Lesson::Wrote(scenario) => {
                let how = if matches!(of, Lesson::Read(_)) { How::Viewed } else { How::Wrote };
                return Some(Answer { family: self.family(scenario).await, how, drill: None, told: false });
            }
            Lesson::Debrief(drill) => (drill, None),
            Lesson::Seat(drill, hat) => (drill, Some(hat)),
        };
        let journal = self.stored(drill).await;
        let folded = Drill::fold(&journal).ok()?;
        let family = folded.plan().family().to_owned();
        let (over, seat) = (folded.is_over(), hat.is_some());
        let joined =
            journal.iter().any(|one| matches!(&one.event, Event::Joined { person, .. } if person == by));
        if (over && joined) || (!over && hat == Some(Hat::Responder)) {
            return None;
        }
        Some(Answer { family, how: How::Debriefed, drill: Some(drill.clone()), told: seat && !over })
    }

    /// The family of a scenario of the library. One that cannot be read is its own.
    async fn family(&self, scenario: &str) -> String {
        match self.shelves.take(scenario.to_owned(), None, PICTURED).await {
            Ok(taken) => taken.scenario.family,
            Err(_) => bare(scenario).to_owned(),
        }
    }

    /// When somebody is to play an answer that they do not know yet; nothing: they may know it.
    async fn embargo(
        &self,
        people: &People,
        live: &[Live],
        by: &Person,
        family: &str,
    ) -> Result<Option<String>, Denied> {
        let plays = live.iter().find(|one| one.family == family && one.responders.contains(by));
        let playing = |drill: &DrillId| live.iter().any(|one| one.drill == *drill);
        // What they come to know while they play does not open the answer before the end.
        let knows = people
            .exposed(by, family)
            .any(|one| !(one.how == How::Played && one.drill.as_ref().is_some_and(playing)));
        if knows {
            return Ok(None);
        }
        if let Some(one) = plays {
            return Ok(Some(format!("in drill {}, which is not over", one.drill)));
        }
        let calendar = self.books.schedule.look().await.map_err(AskError::from)?;
        let zones = self.books.schedule.zones();
        for one in calendar.upcoming(zones, limits::OCCURRENCES_AHEAD) {
            if one.wanted.responders.contains(by) && family_of(one.entry) == family {
                return Ok(Some(format!("in drill {} ({})", one.drill(), one.told())));
            }
        }
        // Claimed, and not in the journals yet.
        for due in calendar.begun() {
            let is_theirs = due.entry.wanted.responders.contains(by) && family_of(&due.entry) == family;
            if is_theirs && self.stored(&due.drill).await.is_empty() {
                return Ok(Some(format!("in drill {}, which is about to begin", due.drill)));
            }
        }
        Ok(None)
    }
}

/// The name of a scenario without its pack.
fn bare(scenario: &str) -> &str {
    scenario.rsplit('/').next().unwrap_or(scenario)
}

/// The family of what is planned.
fn family_of(entry: &Entry) -> &str {
    entry.family.as_deref().unwrap_or_else(|| bare(&entry.wanted.scenario))
}
