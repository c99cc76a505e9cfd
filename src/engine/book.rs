//! A book that is open: read by its fold, and changed by deciding on what it says now.

use crate::{
    base::{
        At,
        book::{Fold, Noted},
    },
    clock::Clock,
    store::{Book, StoreError},
};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How often somebody may be faster before a command is given up.
const TRIES_MAX: usize = 100;

/// Why a book did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum AskError<R> {
    /// Its rules say no.
    #[error("{0}")]
    Refused(R),
    /// It cannot be read or written.
    #[error("could not read or write what is kept: {0}")]
    Store(#[from] StoreError),
}

/// A book that others may write in, too: each look takes in what they have written.
pub struct OpenBook<F: Fold> {
    store: Arc<dyn Book<F::Event>>,
    clock: Arc<dyn Clock>,
    known: Mutex<F>,
}

impl<F: Fold> OpenBook<F> {
    /// The book in this store.
    pub fn new(store: Arc<dyn Book<F::Event>>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: Mutex::default() }
    }

    /// What it adds up to now.
    pub async fn look(&self) -> Result<F, StoreError> {
        let mut known = self.known.lock().await;
        self.catch_up(&mut known).await?;
        Ok(known.clone())
    }

    /// Its events from number `from` on.
    pub async fn noted(&self, from: u64) -> Result<Vec<Noted<F::Event>>, StoreError> {
        self.store.noted(from).await
    }

    /// Decides, appends, applies. Gives what was written, which is durable then. `decide` is asked again when somebody else
    /// was faster.
    pub async fn ask<R>(
        &self,
        decide: impl Fn(&F, At) -> Result<Vec<F::Event>, R>,
    ) -> Result<Vec<Noted<F::Event>>, AskError<R>> {
        let mut known = self.known.lock().await;
        let mut tries = 0;
        loop {
            self.catch_up(&mut known).await?;
            let at = self.clock.now();
            let events = decide(&known, at).map_err(AskError::Refused)?;
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

    async fn catch_up(&self, known: &mut F) -> Result<(), StoreError> {
        for noted in self.store.noted(known.next_seq()).await? {
            known.apply(&noted);
        }
        Ok(())
    }
}
