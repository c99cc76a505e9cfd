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

use crate::{
    base::{DrillId, Span},
    calendar::{Calendar, Command, Due, Event, Noted, Refusal},
    clock::{Clock, Hold},
    store::{CalendarStore, Store, StoreError},
};
use jiff::tz::TimeZoneDatabase;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::Mutex;

/// How long the calendar is not looked at, at most.
const LOOK: Span = Span::from_secs(1);
/// How often somebody may be faster before a command is given up.
const TRIES_MAX: usize = 100;

/// Why the calendar did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It says no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// It cannot be read or written.
    #[error("could not use the calendar: {0}")]
    Store(#[from] StoreError),
}

/// A calendar that others may change, too: each look takes in what they have written.
pub struct Schedule {
    store: Arc<dyn CalendarStore>,
    clock: Arc<dyn Clock>,
    zones: TimeZoneDatabase,
    known: Mutex<Calendar>,
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
    pub fn new(store: Arc<dyn CalendarStore>, clock: Arc<dyn Clock>, zones: TimeZoneDatabase) -> Self {
        Self { store, clock, zones, known: Mutex::default() }
    }

    /// The zones that its times are read by.
    pub fn zones(&self) -> &TimeZoneDatabase {
        &self.zones
    }

    /// How it stands now.
    pub async fn look(&self) -> Result<Calendar, StoreError> {
        let mut known = self.known.lock().await;
        self.catch_up(&mut known).await?;
        Ok(known.clone())
    }

    /// Decides, appends, applies. Gives what was written, which is durable then.
    pub async fn ask(&self, command: &Command) -> Result<Vec<Noted>, AskError> {
        let mut known = self.known.lock().await;
        let mut tries = 0;
        loop {
            self.catch_up(&mut known).await?;
            let at = self.clock.now();
            let events = known.decide(&self.zones, at, command)?;
            if events.is_empty() {
                return Ok(Vec::new());
            }
            let expected = known.next_seq();
            let batch: Vec<_> =
                (expected..).zip(events).map(|(seq, event)| Noted { seq, at, event }).collect();
            match self.store.note(expected, &batch).await {
                Ok(()) => {}
                Err(StoreError::Overtaken { .. }) if tries < TRIES_MAX => {
                    tries += 1;
                    continue;
                }
                // It may have been written all the same.
                Err(error @ StoreError::Unavailable(_)) => {
                    if !self.store.noted(expected).await?.starts_with(&batch) {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
            for noted in &batch {
                known.apply(noted);
            }
            return Ok(batch);
        }
    }

    async fn catch_up(&self, known: &mut Calendar) -> Result<(), StoreError> {
        for noted in self.store.noted(known.next_seq()).await? {
            known.apply(&noted);
        }
        Ok(())
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
        for noted in self.schedule.store.noted(self.told).await? {
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
