//! The only room that asks for the time.
//!
//! [`SystemClock`] is the wall; [`VirtualClock`] stands still while anybody works and then jumps to the next moment that
//! somebody sleeps for, so that a four-hour drill takes milliseconds and always the same ones. (A paused tokio clock
//! would run away beside real I/O.)

use crate::base::At;
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// A future that can be kept in a box.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the time is, and how to wait for a moment.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> At;
    /// Waits until `at`. Whoever calls this holds the clock (see [`Clock::hold`]) and lets it go for as long as it
    /// sleeps.
    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()>;
    /// Somebody works: virtual time does not move until the hold is dropped or its owner sleeps.
    fn hold(&self) -> Hold;
}

/// See [`Clock::hold`].
#[derive(Debug)]
pub struct Hold(Option<VirtualClock>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(clock) = &self.0 {
            let mut state = clock.state();
            state.holds -= 1;
            state.advance();
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

/// A clock that moves only when everybody who holds it sleeps.
#[derive(Debug, Clone)]
pub struct VirtualClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: At,
    /// How many hold the clock and do not sleep.
    holds: usize,
    /// Who sleeps until when, in the order of falling asleep.
    sleepers: BTreeMap<(At, u64), oneshot::Sender<()>>,
    naps: u64,
}

impl State {
    /// Jumps to the next waking when nobody works. A sleeper works again from the moment it is woken.
    fn advance(&mut self) {
        while self.holds == 0 {
            let Some(((at, _), sleeper)) = self.sleepers.pop_first() else {
                return;
            };
            self.now = self.now.max(at);
            self.holds += 1;
            if sleeper.send(()).is_err() {
                // Nobody listens any more: `Nap` gave the sleep up and counts itself.
                self.holds -= 1;
            }
        }
    }
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: At) -> Self {
        Self(Arc::new(Mutex::new(State { now: start, holds: 0, sleepers: BTreeMap::new(), naps: 0 })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sleep that may be given up: its owner then works again.
struct Nap<'a> {
    clock: &'a VirtualClock,
    key: (At, u64),
    woken: Option<oneshot::Receiver<()>>,
}

impl Drop for Nap<'_> {
    fn drop(&mut self) {
        let Some(woken) = &mut self.woken else { return };
        let mut state = self.clock.state();
        // Either it still sleeps, or it was woken without noticing: then it counts already.
        if state.sleepers.remove(&self.key).is_some() {
            state.holds += 1;
        }
        woken.close();
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> At {
        self.state().now
    }

    fn sleep_until(&self, at: At) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut nap = {
                let mut state = self.state();
                if at <= state.now {
                    return;
                }
                let (wake, woken) = oneshot::channel();
                state.naps += 1;
                let key = (at, state.naps);
                state.sleepers.insert(key, wake);
                Nap { clock: self, key, woken: Some(woken) }
            };
            {
                let mut state = self.state();
                state.holds = state.holds.saturating_sub(1);
                state.advance();
            }
            if let Some(woken) = &mut nap.woken {
                // The sender is dropped only by waking or by `Nap`, so this cannot fail.
                let _ = woken.await;
            }
            nap.woken = None;
        })
    }

    fn hold(&self) -> Hold {
        self.state().holds += 1;
        Hold(Some(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    const START: At = At::from_millis(1_000_000);

    #[tokio::test]
    async fn time_stands_still_while_somebody_works() {
        let clock = VirtualClock::starting_at(START);
        let _engine = clock.hold();
        let work = clock.hold();
        let sleeper = clock.sleep_until(START + Span::from_secs(5));
        tokio::pin!(sleeper);
        assert!(futures_ready(&mut sleeper).await.is_none());
        assert_eq!(clock.now(), START);
        drop(work);
        sleeper.await;
        assert_eq!(clock.now(), START + Span::from_secs(5));
    }

    #[tokio::test]
    async fn sleepers_wake_in_order_of_their_moments() {
        let clock = VirtualClock::starting_at(START);
        let (send, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let all = clock.hold();
        for secs in [3_u64, 1, 2] {
            let (clock, send, hold) = (clock.clone(), send.clone(), clock.hold());
            tokio::spawn(async move {
                clock.sleep_until(START + Span::from_secs(secs)).await;
                let _ = send.send((secs, clock.now()));
                drop(hold);
            });
        }
        drop((all, send));
        for secs in [1, 2, 3] {
            assert_eq!(seen.recv().await, Some((secs, START + Span::from_secs(secs))));
        }
    }

    #[tokio::test]
    async fn a_sleep_given_up_counts_as_work_again() {
        let clock = VirtualClock::starting_at(START);
        let engine = clock.hold();
        let other = clock.hold();
        {
            let sleeper = clock.sleep_until(START + Span::from_secs(9));
            tokio::pin!(sleeper);
            assert!(futures_ready(&mut sleeper).await.is_none());
        }
        drop(other);
        assert_eq!(clock.now(), START, "the engine holds the clock again");
        drop(engine);
    }

    async fn futures_ready<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
            std::task::Poll::Ready(out) => std::task::Poll::Ready(Some(out)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
