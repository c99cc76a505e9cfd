//! A store that forgets: for rehearsals in virtual time.

use super::{DrillEntry, Row, Store, StoreError, book::Line, check_expected, check_numbers};
use crate::{base::DrillId, clock::BoxFuture, drill::event::Recorded};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Keeps journals and books for as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    journals: Mutex<BTreeMap<DrillId, Vec<Recorded>>>,
    pub(super) books: Mutex<BTreeMap<&'static str, Vec<Line>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn journals(&self) -> MutexGuard<'_, BTreeMap<DrillId, Vec<Recorded>>> {
        // Every write is one `extend` of checked events, so a panic elsewhere cannot have left half of one.
        self.journals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_now(&self, drill: &DrillId, expected_seq: u64, batch: &[Recorded]) -> Result<(), StoreError> {
        for record in batch {
            Row::of(record).check_size(record)?;
        }
        check_numbers(expected_seq, batch)?;
        let mut journals = self.journals();
        let found = journals.get(drill).map_or(0, |journal| journal.len() as u64);
        check_expected(drill, expected_seq, found)?;
        if !batch.is_empty() {
            journals.entry(drill.clone()).or_default().extend_from_slice(batch);
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.append_now(drill, expected_seq, batch) })
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        Box::pin(async move {
            let journals = self.journals();
            let journal = journals.get(drill).map_or(&[][..], Vec::as_slice);
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            Ok(journal.get(from..).unwrap_or_default().to_vec())
        })
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        Box::pin(async move {
            let journals = self.journals();
            let mut entries: Vec<_> = journals
                .iter()
                .filter_map(|(drill, journal)| {
                    let (first, last) = (journal.first()?, journal.last()?);
                    Some(DrillEntry {
                        drill: drill.clone(),
                        events: journal.len() as u64,
                        first_at: first.at,
                        last_at: last.at,
                        last_kind: Row::of(last).kind,
                    })
                })
                .collect();
            entries.sort_by(|a, b| (a.first_at, &a.drill).cmp(&(b.first_at, &b.drill)));
            Ok(entries)
        })
    }
}
