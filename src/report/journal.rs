//! A whole journal in memory, checked once, with cheap indexes.

use crate::{
    base::{At, Span},
    drill::{
        event::{Event, Outcome, Recorded, offset},
        measure::Bucket,
        plan::Plan,
    },
};

/// A journal that cannot be reported on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadJournal {
    /// No event at all.
    #[error("could not report on the journal: it is empty")]
    Empty,
    /// Event 0 is something else.
    #[error("could not report on the journal: event 0 is not the plan")]
    NoPlan,
    /// Sequence numbers do not follow each other.
    #[error("could not report on the journal: event {expected} is missing (found {found})")]
    Gap {
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// A second plan.
    #[error("could not report on the journal: event {0} is a second plan")]
    SecondPlan(u64),
}

/// Where and when something is in a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Its sequence number.
    pub seq: u64,
    /// When it was decided.
    pub at: At,
}

/// A checked journal: event 0 is the plan, sequence numbers are consecutive.
#[derive(Clone)]
pub struct Journal<'a> {
    events: &'a [Recorded],
    plan: &'a Plan,
    started: Option<Mark>,
    ended: Option<(Mark, Outcome, &'a str)>,
    measured: Vec<(At, &'a Bucket)>,
}

impl<'a> Journal<'a> {
    /// Checks `events` and makes the indexes.
    pub fn new(events: &'a [Recorded]) -> Result<Self, BadJournal> {
        let first = events.first().ok_or(BadJournal::Empty)?;
        let Event::Planned(plan) = &first.event else {
            return Err(BadJournal::NoPlan);
        };
        let mut journal = Self { events, plan, started: None, ended: None, measured: Vec::new() };
        for (expected, recorded) in (0..).zip(events) {
            if recorded.seq != expected {
                return Err(BadJournal::Gap { expected, found: recorded.seq });
            }
            let mark = Mark { seq: recorded.seq, at: recorded.at };
            match &recorded.event {
                Event::Planned(_) if expected > 0 => {
                    return Err(BadJournal::SecondPlan(expected));
                }
                Event::Started => journal.started = journal.started.or(Some(mark)),
                Event::Ended { outcome, reason } if journal.ended.is_none() => {
                    journal.ended = Some((mark, *outcome, reason));
                }
                Event::Measured { second, bucket } => journal.measured.push((*second, bucket)),
                _ => {}
            }
        }
        // Buckets may be reported late; a second that is reported twice counts once.
        journal.measured.sort_by_key(|(second, _)| *second);
        journal.measured.dedup_by_key(|(second, _)| *second);
        Ok(journal)
    }

    /// The journal up to where a second act began, as if it had ended there; nothing when there was none, or when the
    /// real world stopped the drill.
    pub fn first_act(&self) -> Option<Self> {
        let begins = self.events.iter().find(|one| matches!(one.event, Event::SecondActBegan { .. }))?;
        if matches!(self.ended, Some((_, Outcome::Stopped, _))) {
            return None;
        }
        let before = usize::try_from(begins.seq).ok()?;
        let mut first = Self::new(&self.events[..before]).ok()?;
        let mark = Mark { seq: begins.seq, at: begins.at };
        first.ended = Some((mark, Outcome::Completed, "the first act was concluded"));
        Some(first)
    }

    /// Every event, in order.
    pub fn events(&self) -> &'a [Recorded] {
        self.events
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// StartEx as it happened, or as it was planned when it never did.
    pub fn start(&self) -> At {
        self.started.map_or(self.plan.start, |mark| mark.at)
    }

    /// Whether StartEx happened.
    pub fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// EndEx with the outcome and its reason.
    pub fn ended(&self) -> Option<(Mark, Outcome, &'a str)> {
        self.ended
    }

    /// EndEx, or the last event when the drill has not ended.
    pub fn end(&self) -> At {
        self.ended.map_or(self.events[self.events.len() - 1].at, |(mark, _, _)| mark.at)
    }

    /// Whether `mark` lies before EndEx: claims and acts after it do not count.
    pub fn counts(&self, mark: Mark) -> bool {
        self.ended.is_none_or(|(end, _, _)| mark.seq < end.seq)
    }

    /// Every measured second, by time, each once.
    pub fn measured(&self) -> &[(At, &'a Bucket)] {
        &self.measured
    }

    /// `T+1m30s`: how long after StartEx.
    pub fn offset(&self, at: At) -> String {
        offset(self.start(), at)
    }

    /// From StartEx to EndEx.
    pub fn length(&self) -> Span {
        self.end().since(self.start())
    }
}
