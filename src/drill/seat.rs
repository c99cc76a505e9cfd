//! One person's seat among the autopilot's: what that seat does is left to the person, and the others play on around it.
//!
//! What is left stays in the plan, marked ([`Play::by_hand`]): its moment is waited for, and then the person, for some
//! time. So the others keep their order, and nobody announces a repair before it was made.

use super::{Drill, event::Event, plan::Plan};
use crate::{
    base::{At, Person, Span, limits},
    scenario::{
        Play,
        act::{Act, Role},
        ticket::TicketAct,
    },
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// The part that one person takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seat {
    /// Answers alarms and says that it is an incident, whoever does so in the autopilot's play.
    FirstResponder,
    /// Everything of whoever holds this role there.
    Holder(Role),
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstResponder => f.write_str("first responder"),
            Self::Holder(Role::Ic) => f.write_str("incident coordinator"),
            Self::Holder(role) => role.fmt(f),
        }
    }
}

impl Seat {
    /// Whether a play has this seat.
    pub fn is_in(self, plays: &[Play]) -> bool {
        plays.iter().any(|play| self.does(plays, play))
    }

    fn does(self, plays: &[Play], play: &Play) -> bool {
        match self {
            Self::FirstResponder => matches!(play.act, Act::Ack(_) | Act::Declare { .. }),
            Self::Holder(role) => {
                let takes = |one: &&Play| matches!(one.act, Act::TakeRole(taken) if taken == role);
                plays.iter().find(takes).is_some_and(|holder| holder.who == play.who)
            }
        }
    }

    /// Leaves this seat's part of the plan's play to a person.
    pub fn leave(self, plan: &mut Plan) {
        let mine: Vec<bool> = plan.autopilot.iter().map(|play| self.does(&plan.autopilot, play)).collect();
        let opens = |play: &Play| matches!(play.act, Act::Ticket(TicketAct::Open { .. }));
        let no_ticket = plan.autopilot.iter().zip(&mine).any(|(play, mine)| *mine && opens(play));
        for (play, mine) in plan.autopilot.iter_mut().zip(mine) {
            if mine {
                play.by_hand = Some(patience(&plan.reference_solution, &play.act));
            } else if no_ticket {
                // Whether there is a ticket, and which, is the person's matter now.
                match &mut play.act {
                    Act::Status { ticket, .. } | Act::Decide { ticket, .. } => *ticket = None,
                    Act::Ticket(_) => play.by_hand = Some(Span::ZERO),
                    _ => {}
                }
            }
        }
    }
}

/// How long the others wait for an act: not at all where nothing depends on it, to the end for the repair.
fn patience(repair: &[Vec<String>], act: &Act) -> Span {
    match act {
        Act::Operate(argv) if repair.contains(argv) => limits::DRILL_MAX,
        Act::Operate(_) => Span::ZERO,
        act if task(act).is_some() => limits::BY_HAND_WAIT,
        _ => Span::ZERO,
    }
}

/// What an act does for the response, as far as others may wait for it: two acts of one task stand for each other.
pub fn task(act: &Act) -> Option<String> {
    let task = match act {
        Act::Ack(alarm) => return Some(format!("ack {alarm}")),
        Act::Declare { .. }
        | Act::Status { .. }
        | Act::Decide { .. }
        | Act::Cause(_)
        | Act::Assess(_)
        | Act::Severity(_)
        | Act::Resolve(_) => act.verb(),
        Act::Ticket(TicketAct::Open { .. }) => "ticket open",
        _ => return None,
    };
    Some(task.to_owned())
}

impl Plan {
    /// Those whom the autopilot plays.
    pub fn players(&self) -> BTreeSet<&Person> {
        self.autopilot.iter().filter(|play| play.by_hand.is_none()).map(|play| &play.who).collect()
    }

    /// How many acts of this play's task were left to a person up to it, itself included.
    pub fn left_before(&self, play: usize) -> usize {
        let Some(wanted) = self.autopilot.get(play).and_then(|play| task(&play.act)) else { return 0 };
        let left = self.autopilot[..=play].iter().filter(|one| one.by_hand.is_some());
        left.filter(|one| task(&one.act).as_ref() == Some(&wanted)).count()
    }
}

impl Drill {
    /// Counts what people do of what others may wait for.
    pub(super) fn note_task(&mut self, by: &Person, act: &Act) {
        if let Some(task) = task(act)
            && !self.plan.players().contains(by)
        {
            *self.tasks.entry(task).or_default() += 1;
        }
    }

    /// When the wait for the person's part ends whatever happens; `since` is when it began.
    pub(super) fn left_until(&self, play: usize, since: At, patience: Span) -> At {
        if self.is_done_by_hand(play) { since } else { since + patience }
    }

    /// Goes on from a part that was left to a person: it is done, it can no longer be done, or they did not come to it.
    pub(super) fn due_left(&self, now: At, play: usize, since: At, patience: Span) -> Vec<Event> {
        let done = self.is_done_by_hand(play);
        if done || now >= since + patience || self.is_pointless(play) {
            vec![Event::PlayLeft { play, since, done }]
        } else {
            Vec::new()
        }
    }

    fn is_done_by_hand(&self, play: usize) -> bool {
        match &self.plan.autopilot[play].act {
            // What people run in their own shell is seen by what it does.
            Act::Operate(argv) if self.plan.reference_solution.contains(argv) => {
                self.restored_since.is_some()
            }
            act => task(act).is_some_and(|task| {
                self.tasks.get(&task).copied().unwrap_or_default() >= self.plan.left_before(play)
            }),
        }
    }

    /// An alarm that is over cannot be acknowledged.
    fn is_pointless(&self, play: usize) -> bool {
        match &self.plan.autopilot[play].act {
            Act::Ack(name) => !self.alarms.iter().any(|alarm| alarm.name == *name && alarm.active),
            _ => false,
        }
    }
}
