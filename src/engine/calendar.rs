//! The loop of the calendar: what is planned begins by itself, at its time or not at all.
//!
//! ```text
//! somebody's command · every second of the wall clock
//!        |
//!     decide -> events -> append (durable) -> apply -> a claimed drill begins
//! ```
//!
//! The claim is written before anything happens. A server that dies behind it has begun nothing: the next one finds a claim
//! without a journal and begins the same drill, or, when that would be too late, says that it was missed. Should two servers
//! ever begin one claim, the drill's event number 0 is written once, and the second has lost.

use super::book::{self, OpenBook};
use crate::{
    base::{DrillId, Span, book::Fold as _},
    calendar::{Calendar, Command, Due, Event, Noted, Refusal},
    clock::{Clock, Hold},
    store::{Book, Store, StoreError},
};
use jiff::tz::TimeZoneDatabase;
use std::{collections::BTreeSet, sync::Arc};

/// How long the calendar is not looked at, at most.
const LOOK: Span = Span::from_secs(1);

/// Why the calendar did not do what it was asked for.
pub type AskError = book::AskError<Refusal>;

/// The calendar, as it is read and changed by these clocks and zones.
pub struct Schedule {
    book: OpenBook<Calendar>,
    clock: Arc<dyn Clock>,
    zones: TimeZoneDatabase,
}

/// What begins drills that were claimed.
pub trait Starter: Send + Sync {
    /// Begins a drill in a task of its own. Its journal may be there already: then somebody else has it.
    fn begin(&self, due: Due);
    /// Something has changed, here or elsewhere.
    fn tell(&self, noted: &Noted, calendar: &Calendar);
}

impl Schedule {
    /// The calendar in this store, by these clocks and zones.
    pub fn new(store: Arc<dyn Book<Event>>, clock: Arc<dyn Clock>, zones: TimeZoneDatabase) -> Self {
        Self { book: OpenBook::new(store, Arc::clone(&clock)), clock, zones }
    }

    /// The zones that its times are read by.
    pub fn zones(&self) -> &TimeZoneDatabase {
        &self.zones
    }

    /// How it stands now.
    pub async fn look(&self) -> Result<Calendar, StoreError> {
        self.book.look().await
    }

    /// Decides, appends, applies. Gives what was written, which is durable then.
    pub async fn ask(&self, command: &Command) -> Result<Vec<Noted>, AskError> {
        self.book.ask(|calendar, now| calendar.decide(&self.zones, now, command)).await
    }
}

/// Begins what is planned, for as long as it is let. May be dropped at any point.
pub struct Keeper {
    schedule: Arc<Schedule>,
    /// Where drills have their journals.
    journals: Arc<dyn Store>,
    starter: Arc<dyn Starter>,
    /// Drills that are begun: here, or by a server before this one.
    begun: BTreeSet<DrillId>,
    /// The first event that was not told.
    told: u64,
    /// Virtual time stands still while the keeper works.
    _hold: Hold,
}

impl Keeper {
    /// A keeper that tells what happens from now on.
    pub async fn new(
        schedule: Arc<Schedule>,
        journals: Arc<dyn Store>,
        starter: Arc<dyn Starter>,
    ) -> Result<Self, StoreError> {
        let hold = schedule.clock.hold();
        let told = schedule.look().await?.next_seq();
        Ok(Self { schedule, journals, starter, begun: BTreeSet::new(), told, _hold: hold })
    }

    /// Looks at the calendar every second. What cannot be read now is looked at again.
    pub async fn keep(mut self) {
        let clock = Arc::clone(&self.schedule.clock);
        let mut said = None;
        loop {
            let error = self.turn().await.err().map(|error| error.to_string());
            if error != said {
                if let Some(error) = &error {
                    tracing::warn!(error, "planned drills may be missed");
                }
                said = error;
            }
            clock.sleep_until(clock.now() + LOOK).await;
        }
    }

    /// One look.
    async fn turn(&mut self) -> Result<(), AskError> {
        self.schedule.ask(&Command::Tick).await?;
        let mut calendar = self.schedule.look().await?;
        let new: Vec<_> = calendar.begun().filter(|due| !self.begun.contains(&due.drill)).collect();
        if !new.is_empty() {
            // A claim of before this process: its drill may be there already.
            let there: BTreeSet<_> =
                self.journals.drills().await?.into_iter().map(|entry| entry.drill).collect();
            for due in new {
                self.begun.insert(due.drill.clone());
                if there.contains(&due.drill) {
                    continue;
                }
                let lost = Command::Lost { entry: due.entry.id.clone(), day: due.day };
                match self.schedule.ask(&lost).await {
                    Ok(_) => {}
                    Err(AskError::Refused(_)) => self.starter.begin(due),
                    Err(error) => {
                        self.begun.remove(&due.drill);
                        return Err(error);
                    }
                }
            }
            calendar = self.schedule.look().await?;
        }
        for noted in self.schedule.book.noted(self.told).await? {
            // Somebody may have written more since.
            if noted.seq >= calendar.next_seq() {
                break;
            }
            self.told = noted.seq + 1;
            self.starter.tell(&noted, &calendar);
        }
        Ok(())
    }
}

/// Says in the calendar why a drill that was claimed could not be begun.
pub async fn could_not_begin(schedule: &Schedule, due: &Due, why: String) -> Result<(), AskError> {
    let failed = Command::Fail { entry: due.entry.id.clone(), day: due.day, why };
    match schedule.ask(&failed).await {
        Ok(_) | Err(AskError::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether an event says that something planned does not take place, or not as it was told.
pub fn is_bad_news(event: &Event) -> bool {
    matches!(
        event,
        Event::Missed { .. } | Event::Skipped { .. } | Event::Failed { .. } | Event::Shifted { .. }
    )
}
