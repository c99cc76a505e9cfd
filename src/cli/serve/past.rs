//! A drill that is over, as its people may still read it after the server was started again, and as trainers write it up.

use crate::{
    base::{DrillId, Person},
    clock::{BoxFuture, Clock as _, SystemClock},
    console::Desk,
    drill::{
        Drill,
        command::{Command, Refusal},
        event::Recorded,
    },
    scenario::review::Review,
    store::{Store, StoreError},
};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{Mutex, watch};

/// The desk of a drill to which nothing is added any more but what trainers write.
pub(super) struct Past {
    drill: DrillId,
    store: Arc<dyn Store>,
    journal: RwLock<Vec<Recorded>>,
    count: watch::Sender<u64>,
    /// One writes at a time.
    writing: Mutex<()>,
}

impl Past {
    pub(super) fn of(drill: DrillId, store: Arc<dyn Store>, journal: Vec<Recorded>) -> Self {
        let count = watch::Sender::new(journal.len() as u64);
        Self { drill, store, journal: RwLock::new(journal), count, writing: Mutex::new(()) }
    }

    async fn write(&self, by: &Person, entry: &Review) -> Result<(), Refusal> {
        let failed = |error: StoreError| Refusal::BadReview(format!("could not write it: {error}"));
        let _alone = self.writing.lock().await;
        // Somebody may have graded on the command line.
        self.take(self.store.read(&self.drill, self.count()).await.map_err(failed)?);
        let drill = Drill::fold(&self.journal(0)).map_err(|bad| Refusal::BadReview(bad.to_string()))?;
        let batch = drill.written_up(SystemClock.now(), by, entry)?;
        self.store.append(&self.drill, self.count(), &batch).await.map_err(failed)?;
        self.take(batch);
        Ok(())
    }

    fn take(&self, more: Vec<Recorded>) {
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.extend(more);
        self.count.send_replace(journal.len() as u64);
    }

    fn count(&self) -> u64 {
        *self.count.borrow()
    }
}

impl Desk for Past {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            match command {
                // Whoever comes to read changes nothing.
                Command::Join { .. } => Ok(()),
                Command::Review { by, entry } => self.write(&by, &entry).await,
                _ => Err(Refusal::WrongPhase { phase: "closed", help: "the exercise is over" }),
            }
        })
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        journal.get(from..).unwrap_or_default().to_vec()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}
