//! Who is on which alarm: every acknowledgement with what was said of it, for as long as its alarm is active.

use super::ResponderBoard;
use crate::{
    base::{AlarmName, At, Person},
    drill::event::{Event, Recorded},
    scenario::act::Act,
};
use serde::{Deserialize, Serialize};

/// Somebody acknowledged an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardAck {
    /// The event.
    pub seq: u64,
    /// When.
    pub at: At,
    /// Who.
    pub by: Person,
    /// Which alarm.
    pub alarm: String,
    /// What they said of it.
    pub comment: Option<String>,
    /// When the alarm was resolved, or the exercise was over.
    pub until: Option<At>,
}

/// A word on an acknowledgement, as it is said in the channel.
pub fn comment(alarm: &AlarmName, words: &str) -> String {
    format!("{alarm}: {words}")
}

/// Takes an event in, before the alarms of the board change.
pub(super) fn take(board: &mut ResponderBoard, recorded: &Recorded) {
    let at = recorded.at;
    match &recorded.event {
        Event::Acted { by, act: Act::Ack(name) } => {
            let waits = |one: &&super::BoardAlarm| one.alarm == name.as_str() && one.acked_by.is_none();
            if board.alarms.iter().any(|one| waits(&one)) {
                let (seq, by, alarm) = (recorded.seq, by.clone(), name.to_string());
                board.acks.push(BoardAck { seq, at, by, alarm, comment: None, until: None });
            }
        }
        Event::Acted { by, act: Act::Say(said) } => {
            let told = board.acks.iter_mut().rev().find_map(|ack| {
                let is_open = ack.by == *by && ack.comment.is_none() && ack.until.is_none();
                let words = said.strip_prefix(&ack.alarm)?.strip_prefix(": ")?;
                is_open.then_some((ack, words))
            });
            if let Some((ack, words)) = told {
                ack.comment = Some(words.to_owned());
            }
        }
        Event::AlarmRaised { alarm, .. } | Event::AlarmResolved { alarm } => {
            end(board, at, |ack| ack.alarm == alarm.as_str());
        }
        Event::Ended { .. } => end(board, at, |_| true),
        _ => {}
    }
}

fn end(board: &mut ResponderBoard, at: At, which: impl Fn(&BoardAck) -> bool) {
    for ack in board.acks.iter_mut().filter(|ack| ack.until.is_none() && which(ack)) {
        ack.until = Some(at);
    }
}
