//! What a server does with the calendar: begins what is due, tells what went wrong, lists what is to come.

use super::program::{Inside, LISTED_MAX, Program};
use crate::{
    base::{DrillId, EntryId},
    calendar::{Calendar, Due, Event, Noted, Occurrence, State},
    console::{Denied, DrillLine, DrillState},
    engine::calendar::{AskError, Starter, is_bad_news},
};
use jiff::civil::Date;

impl Starter for Program {
    fn begin(&self, due: Due) {
        let program = self.clone();
        self.0.tasks.spawn(async move { program.begin_planned(due).await });
    }

    fn tell(&self, noted: &Noted, calendar: &Calendar) {
        if !is_bad_news(&noted.event) {
            return;
        }
        let entry = noted.event.entry();
        match &noted.event {
            Event::Missed { day, start, .. } => {
                tracing::warn!(%entry, %day, %start, "a planned drill was missed: nobody was here to begin it in time");
                // Its drill is played as one that is missed: everybody is told by the usual ways, and it is in the list.
                if let Some(due) = calendar.missed(entry, *day, *start) {
                    self.begin(due);
                }
            }
            Event::Skipped { day, why, .. } => {
                tracing::warn!(%entry, %day, why, "a day of a series is passed over");
            }
            Event::Failed { day, why, .. } => {
                tracing::warn!(%entry, %day, why, "a planned drill could not be begun");
            }
            Event::Shifted { day, .. } => {
                tracing::warn!(%entry, %day, "a zone has other rules now: the civil time stays, and the instant has changed");
            }
            _ => {}
        }
    }
}

impl Inside {
    /// The entry and day of a drill that is planned.
    pub(super) async fn planned(&self, drill: &DrillId) -> Result<(EntryId, Date), Denied> {
        let calendar = self.books.schedule.look().await.map_err(AskError::from)?;
        let found = calendar.of_drill(self.books.schedule.zones(), drill);
        found.map(|one| (one.entry.id.clone(), one.day)).ok_or_else(|| {
            let error = format!(
                "drill {drill} is not waiting for its start; one that runs is stopped on its own pages"
            );
            Denied::new("not-planned", error)
        })
    }

    /// Drills that are on the calendar: of each series the next one, and those that were not to be.
    pub(super) async fn planned_lines(&self) -> Result<Vec<DrillLine>, Denied> {
        let calendar = self.books.schedule.look().await.map_err(AskError::from)?;
        let zones = self.books.schedule.zones();
        let coming =
            calendar.upcoming(zones, 1).into_iter().map(|one| line_of(&one, DrillState::Planned, None));
        let past =
            calendar.past(zones).into_iter().rev().take(LISTED_MAX).filter_map(|one| match &one.state {
                State::Missed { .. } => Some(line_of(
                    &one,
                    DrillState::Failed,
                    Some("missed: nobody was here to begin it in time"),
                )),
                State::Failed(why) => Some(line_of(&one, DrillState::Failed, Some(why.as_str()))),
                // What has begun has a journal, or is told anew within a second.
                _ => None,
            });
        Ok(coming.chain(past).collect())
    }
}

fn line_of(one: &Occurrence<'_>, state: DrillState, note: Option<&str>) -> DrillLine {
    let scenario = one.entry.wanted.scenario.clone();
    let start = one.moment.as_ref().ok().map(|moment| moment.at).filter(|_| !one.hidden);
    DrillLine {
        drill: one.drill(),
        scenario,
        title: one.entry.title.clone(),
        target: one.entry.target.clone(),
        state,
        start,
        when: (state == DrillState::Planned).then(|| one.told()),
        outcome: None,
        note: note.map(str::to_owned),
    }
}
