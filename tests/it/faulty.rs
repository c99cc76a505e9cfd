//! A store whose n-th append fails, before it has written or after: what a crash or a full disk looks like.

use gameday::{
    base::DrillId,
    clock::BoxFuture,
    drill::event::Recorded,
    store::{DrillEntry, MemoryStore, Store, StoreError},
};
use std::sync::atomic::{AtomicU64, Ordering};

/// When the chosen append fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fails {
    /// Nothing is written.
    BeforeWriting,
    /// Everything is written, and the answer is lost.
    AfterWriting,
    /// Nothing is written, and so it is with every later one.
    ForGood,
}

/// Lets one append fail, counted from 1; all others go through.
pub(crate) struct FaultyStore<S> {
    inner: S,
    nth: u64,
    fails: Fails,
    appends: AtomicU64,
}

impl<S: Store> FaultyStore<S> {
    /// The `nth` append fails.
    pub(crate) fn new(inner: S, nth: u64, fails: Fails) -> Self {
        Self { inner, nth, fails, appends: AtomicU64::new(0) }
    }

    /// How many appends were asked for.
    pub(crate) fn appends(&self) -> u64 {
        self.appends.load(Ordering::SeqCst)
    }
}

impl<S: Store> Store for FaultyStore<S> {
    fn append<'a>(
        &'a self,
        drill: &'a DrillId,
        expected_seq: u64,
        batch: &'a [Recorded],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let number = self.appends.fetch_add(1, Ordering::SeqCst) + 1;
            let failing = number == self.nth || (number > self.nth && self.fails == Fails::ForGood);
            if failing && self.fails != Fails::AfterWriting {
                return Err(StoreError::Unavailable("no write".to_owned()));
            }
            self.inner.append(drill, expected_seq, batch).await?;
            if failing {
                return Err(StoreError::Unavailable("no answer".to_owned()));
            }
            Ok(())
        })
    }

    fn read<'a>(&'a self, drill: &'a DrillId, from: u64) -> BoxFuture<'a, Result<Vec<Recorded>, StoreError>> {
        self.inner.read(drill, from)
    }

    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillEntry>, StoreError>> {
        self.inner.drills()
    }
}

#[tokio::test]
async fn the_chosen_append_fails_and_no_other() {
    let drill: DrillId = "d-faulty".parse().unwrap();
    for (fails, stored) in [(Fails::BeforeWriting, 1), (Fails::AfterWriting, 2)] {
        let store = FaultyStore::new(MemoryStore::new(), 2, fails);
        let event = |seq| crate::store::numbered(seq);
        store.append(&drill, 0, &[event(0)]).await.unwrap();
        let failed = store.append(&drill, 1, &[event(1)]).await;
        assert!(matches!(failed, Err(StoreError::Unavailable(_))));
        assert_eq!(store.read(&drill, 0).await.unwrap().len(), stored);
        let next = stored as u64;
        store.append(&drill, next, &[event(next)]).await.unwrap();
        assert_eq!(store.appends(), 3);
    }
}
