//! The only room that asks for the time.
//!
//! [`SystemClock`] is the wall; [`VirtualClock`] stands still until nobody holds it and then jumps to the next moment
//! that somebody waits for, so that a four-hour drill takes milliseconds and always the same ones. (A paused tokio
//! clock would run away beside real I/O.)

use crate::base::At;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::watch;

/// A future that can be kept in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the time is, and how to wait for a moment.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> At;
    /// Waits until `at`. In virtual time: until nobody holds the clock, which then stands at `at`.
    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()>;
    /// Work is in flight: virtual time does not move until the hold is dropped.
    fn hold(&self) -> Hold;
}

/// See [`Clock::hold`].
#[derive(Debug)]
pub struct Hold(Option<watch::Sender<usize>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(holds) = &self.0 {
            holds.send_modify(|count| *count -= 1);
        }
    }
}

/// The wall clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// How long a sleep lasts at most before the wall is looked at again: steps and suspends are seen within it.
    const NAP: std::time::Duration = std::time::Duration::from_secs(1);
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the room that may ask")]
    fn now(&self) -> At {
        At::from_millis(chrono::Utc::now().timestamp_millis())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the room that may sleep")]
    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let rest = at.since(self.now()).std();
                if rest.is_zero() {
                    return;
                }
                tokio::time::sleep(rest.min(Self::NAP)).await;
            }
        })
    }

    fn hold(&self) -> Hold {
        Hold(None)
    }
}

/// A clock that moves only when nothing is in flight.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    now_ms: Arc<AtomicI64>,
    holds: watch::Sender<usize>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: At) -> Self {
        Self {
            now_ms: Arc::new(AtomicI64::new(start.millis())),
            holds: watch::Sender::new(0),
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> At {
        At::from_millis(self.now_ms.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()> {
        let mut holds = self.holds.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, so waiting cannot fail.
            let _ = holds.wait_for(|count| *count == 0).await;
            self.now_ms.fetch_max(at.millis(), Ordering::SeqCst);
        })
    }

    fn hold(&self) -> Hold {
        self.holds.send_modify(|count| *count += 1);
        Hold(Some(self.holds.clone()))
    }
}
