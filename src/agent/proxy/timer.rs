//! Waiting for a moment within tens of microseconds. The runtime's own timers round up to the next millisecond, which
//! would show in every delayed message.

use nix::sys::{
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};
use std::{
    future::Future,
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::{Instant, Sleep},
};

/// A timer that takes a descriptor when it is first used.
#[derive(Debug, Default)]
pub(super) struct Timer {
    kind: Option<Kind>,
    armed: Option<Instant>,
}

#[derive(Debug)]
enum Kind {
    Fine(AsyncFd<Descriptor>),
    /// Used when no descriptor is to be had.
    Coarse(Pin<Box<Sleep>>),
}

#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Kind {
    fn new(at: Instant) -> Self {
        Self::fine().unwrap_or_else(|_| Self::Coarse(Box::pin(coarse(at))))
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe, to make sure of what holds here: the descriptor is owned and never changes"
    )]
    fn fine() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        Ok(Self::Fine(AsyncFd::with_interest(Descriptor(timer), Interest::READABLE)?))
    }
}

#[expect(clippy::disallowed_methods, reason = "this room delays real bytes in real time")]
fn coarse(at: Instant) -> Sleep {
    tokio::time::sleep_until(at)
}

impl Timer {
    /// Ready once `at` has come. A later call may name another moment.
    pub(super) fn poll_at(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        loop {
            let rest = at.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Poll::Ready(());
            }
            let kind = self.kind.get_or_insert_with(|| Kind::new(at));
            match kind {
                Kind::Coarse(sleep) => {
                    if self.armed.replace(at) != Some(at) {
                        sleep.as_mut().reset(at);
                    }
                    ready!(sleep.as_mut().poll(cx));
                }
                Kind::Fine(timer) => {
                    if self.armed != Some(at) {
                        if arm(&timer.get_ref().0, rest).is_err() {
                            self.kind = Some(Kind::Coarse(Box::pin(coarse(at))));
                            continue;
                        }
                        self.armed = Some(at);
                    }
                    match ready!(timer.poll_read_ready(cx)) {
                        // A new expiration makes it readable again.
                        Ok(mut guard) => guard.clear_ready(),
                        Err(_) => self.kind = Some(Kind::Coarse(Box::pin(coarse(at)))),
                    }
                }
            }
        }
    }

    /// Waits until `at`; for ever without one.
    pub(super) async fn until(&mut self, at: Option<Instant>) {
        match at {
            Some(at) => std::future::poll_fn(|cx| self.poll_at(cx, at)).await,
            None => std::future::pending().await,
        }
    }
}

fn arm(timer: &TimerFd, rest: Duration) -> nix::Result<()> {
    timer.set(Expiration::OneShot(TimeSpec::from_duration(rest)), TimerSetTimeFlags::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_waits_for_each_moment_and_not_less() {
        let mut timer = Timer::default();
        for ms in [3, 1, 7, 2] {
            let at = Instant::now() + Duration::from_millis(ms);
            timer.until(Some(at)).await;
            assert!(Instant::now() >= at);
        }
    }

    #[tokio::test]
    async fn a_moment_may_be_moved_either_way() {
        let mut timer = Timer::default();
        let begin = Instant::now();
        let far = begin + Duration::from_secs(3600);
        std::future::poll_fn(|cx| {
            assert!(timer.poll_at(cx, far).is_pending());
            Poll::Ready(())
        })
        .await;
        timer.until(Some(begin + Duration::from_millis(5))).await;
        assert!(begin.elapsed() < Duration::from_secs(60));
    }
}
