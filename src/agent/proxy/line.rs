//! A limited line that several connections share: first come, first served, in small pieces.

use super::decide::{Way, piece, takes};
use std::{sync::Mutex, time::Duration};
use tokio::time::Instant;

/// How much idle time is made up for: a connection that takes its turn a little late must not slow the line down.
const SLACK: Duration = Duration::from_millis(5);

/// One line for each direction.
#[derive(Debug)]
pub(super) struct Line {
    /// Bytes per second.
    rate: u64,
    /// When what was booked so far is through.
    free: Mutex<[Instant; 2]>,
}

impl Line {
    /// A line that is free from now on.
    pub(super) fn new(rate_kb_s: u64, now: Instant) -> Self {
        Self { rate: rate_kb_s.saturating_mul(1000), free: Mutex::new([now; 2]) }
    }

    /// Bytes per second.
    pub(super) fn rate(&self) -> u64 {
        self.rate
    }

    /// The most that is booked at once. A line that lets nothing through takes all, as one piece that waits.
    pub(super) fn piece(&self) -> usize {
        if self.rate == 0 { usize::MAX } else { piece(self.rate) }
    }

    /// Books a piece: the moment at which it is through. `None`: never.
    pub(super) fn book(&self, way: Way, now: Instant, len: usize) -> Option<Instant> {
        if self.rate == 0 {
            return None;
        }
        // A lock that somebody died with still holds two good moments.
        let mut free = self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let free = &mut free[usize::from(way == Way::Down)];
        let begin = now.checked_sub(SLACK).map_or(*free, |oldest| oldest.max(*free));
        *free = begin + takes(self.rate, len);
        Some(*free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_book_share_one_rate_in_each_direction() {
        let now = Instant::now();
        let line = Line::new(1000, now);
        assert_eq!(line.piece(), 5000);
        let all: Vec<_> = (0..200).map(|_| line.book(Way::Up, now, 5000).unwrap()).collect();
        assert_eq!(*all.last().unwrap() - now, Duration::from_secs(1));
        assert!(all.is_sorted());
        assert_eq!(line.book(Way::Down, now, 5000).unwrap() - now, Duration::from_millis(5), "its own");
    }

    #[test]
    fn idle_time_is_not_saved_up_beyond_a_little() {
        let now = Instant::now();
        let line = Line::new(1000, now);
        let later = now + Duration::from_secs(60);
        assert_eq!(line.book(Way::Up, later, 5000), Some(later));
        assert_eq!(line.book(Way::Up, later, 5000), Some(later + Duration::from_millis(5)));
    }

    #[test]
    fn nothing_goes_through_a_line_without_a_rate_and_it_waits_in_one_piece() {
        let line = Line::new(0, Instant::now());
        assert_eq!(line.book(Way::Up, Instant::now(), 1), None);
        assert_eq!(line.piece(), usize::MAX);
    }
}
