//! A bounded pool whose size can change while it is in use.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that may be used at the same time; whoever finds none waits in line for a while.
#[derive(Debug)]
pub(super) struct Pool {
    places: Arc<Semaphore>,
    bound: Mutex<Bound>,
    waiting: AtomicU64,
    wait_timeouts: AtomicU64,
    taken: AtomicU64,
}

#[derive(Debug)]
struct Bound {
    size: usize,
    /// Places that are in use beyond the size; they end when they are given back.
    surplus: usize,
}

/// Nobody gave a connection back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exhausted;

/// A connection in use; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    pool: Arc<Pool>,
    permit: Option<OwnedSemaphorePermit>,
}

/// How a pool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PoolState {
    pub(super) size: usize,
    pub(super) in_use: usize,
    pub(super) waiting: u64,
    pub(super) taken: u64,
    pub(super) wait_timeouts: u64,
}

impl Pool {
    pub(super) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(size)),
            bound: Mutex::new(Bound { size, surplus: 0 }),
            waiting: AtomicU64::new(0),
            wait_timeouts: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        })
    }

    /// A connection, in order of arrival, if one comes free within `patience`.
    pub(super) async fn take(self: &Arc<Self>, patience: Duration) -> Result<Connection, Exhausted> {
        let permit = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => self.wait(patience).await,
        };
        let counter = if permit.is_some() { &self.taken } else { &self.wait_timeouts };
        counter.fetch_add(1, Ordering::Relaxed);
        match permit {
            Some(permit) => Ok(Connection { pool: Arc::clone(self), permit: Some(permit) }),
            None => Err(Exhausted),
        }
    }

    async fn wait(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let _in_line = InLine::enter(&self.waiting);
        let place = Arc::clone(&self.places).acquire_owned();
        tokio::time::timeout(patience, place).await.ok()?.ok()
    }

    /// Sets the size. Connections in use beyond a smaller size end as they are given back.
    pub(super) fn resize(&self, size: usize) {
        let mut bound = self.bound();
        if size >= bound.size {
            let more = size - bound.size;
            let kept = more.min(bound.surplus);
            bound.surplus -= kept;
            self.places.add_permits(more - kept);
        } else {
            let fewer = bound.size - size;
            bound.surplus += fewer - self.places.forget_permits(fewer);
        }
        bound.size = size;
    }

    pub(super) fn state(&self) -> PoolState {
        let bound = self.bound();
        PoolState {
            size: bound.size,
            in_use: (bound.size + bound.surplus).saturating_sub(self.places.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            taken: self.taken.load(Ordering::Relaxed),
            wait_timeouts: self.wait_timeouts.load(Ordering::Relaxed),
        }
    }

    fn bound(&self) -> std::sync::MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut bound = self.pool.bound();
        if bound.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            bound.surplus -= 1;
            permit.forget();
        }
        // Otherwise the permit is given back as it is dropped.
    }
}

/// Counts somebody who waits, also when the wait is abandoned.
struct InLine<'a>(&'a AtomicU64);

impl<'a> InLine<'a> {
    fn enter(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn who_finds_no_connection_is_turned_away_in_time() {
        let pool = Pool::new(2);
        let first = pool.take(SHORT).await.unwrap();
        let _second = pool.take(SHORT).await.unwrap();
        assert_eq!(pool.take(SHORT).await.unwrap_err(), Exhausted);
        let state = PoolState { size: 2, in_use: 2, waiting: 0, taken: 2, wait_timeouts: 1 };
        assert_eq!(pool.state(), state);
        drop(first);
        assert!(pool.take(SHORT).await.is_ok());
    }

    #[tokio::test]
    async fn a_shrunk_pool_gets_smaller_as_connections_come_back() {
        let pool = Pool::new(3);
        let (one, two) = (pool.take(SHORT).await.unwrap(), pool.take(SHORT).await.unwrap());
        pool.resize(1);
        assert_eq!((pool.state().size, pool.state().in_use), (1, 2));
        drop(one);
        assert!(pool.take(SHORT).await.is_err());
        drop(two);
        let again = pool.take(SHORT).await.unwrap();
        assert!(pool.take(SHORT).await.is_err());
        drop(again);
        assert_eq!(pool.state().in_use, 0);
    }

    #[tokio::test]
    async fn a_grown_pool_serves_those_who_wait() {
        let pool = Pool::new(1);
        let held = pool.take(SHORT).await.unwrap();
        let waiter = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.take(LONG).await.is_ok() }
        });
        while pool.state().waiting == 0 {
            tokio::task::yield_now().await;
        }
        pool.resize(2);
        assert!(waiter.await.unwrap());
        drop(held);
    }

    #[tokio::test]
    async fn growing_takes_back_what_shrinking_had_marked() {
        let pool = Pool::new(2);
        let (one, two) = (pool.take(SHORT).await.unwrap(), pool.take(SHORT).await.unwrap());
        pool.resize(1);
        pool.resize(2);
        assert!(pool.take(SHORT).await.is_err());
        drop((one, two));
        let held = (pool.take(SHORT).await.unwrap(), pool.take(SHORT).await.unwrap());
        assert!(pool.take(SHORT).await.is_err());
        drop(held);
    }
}
