//! One person's part of a drill beside the practised one: what the autopilot's own player does in that seat and when,
//! and what the person did.

use super::{Journal, wording::events};
use crate::{
    base::{At, Span},
    drill::{event::Event, seat},
    scenario::act::Act,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// When its turn came; nothing: the drill ended before.
    pub due: Option<At>,
    /// What a practised player does then.
    pub practised: String,
    /// When the person did it, and in which words; nothing: they did not come to it.
    pub own: Option<(At, String)>,
}

/// Every act that others wait for, in the order of the practised play.
pub fn own_part(journal: &Journal<'_>) -> Vec<Row> {
    let plan = journal.plan();
    let turns = journal.events().iter().filter_map(|one| match one.event {
        Event::PlayLeft { play, since, .. } => Some((play, since)),
        _ => None,
    });
    let turns: BTreeMap<usize, At> = turns.collect();
    let plays = plan.autopilot.iter().enumerate();
    plays
        .filter_map(|(index, play)| {
            play.by_hand.filter(|patience| *patience > Span::ZERO)?;
            let own = match &play.act {
                Act::Operate(_) => restored(journal),
                act => nth_of(journal, &seat::task(act)?, plan.left_before(index)),
            };
            Some(Row { due: turns.get(&index).copied(), practised: events::act(&play.act), own })
        })
        .collect()
}

/// The `nth` act of this task that a person did; the first is 1.
fn nth_of(journal: &Journal<'_>, task: &str, nth: usize) -> Option<(At, String)> {
    let players = journal.plan().players();
    let mut done = journal.events().iter().filter_map(|one| match &one.event {
        Event::Acted { by, act } if !players.contains(by) && seat::task(act).as_deref() == Some(task) => {
            Some((one.at, events::act(act)))
        }
        _ => None,
    });
    done.nth(nth.checked_sub(1)?)
}

/// A repair is seen by what it does.
fn restored(journal: &Journal<'_>) -> Option<(At, String)> {
    journal.events().iter().find_map(|one| match one.event {
        Event::Restored { since } => Some((since, "service was good again".to_owned())),
        _ => None,
    })
}
