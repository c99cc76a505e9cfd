//! What people are asked for and called to: actions, pages and summaries for everybody; held injects, bystanders' messages
//! and the second act for those who run the drill.

use super::{InstigatorBoard, ResponderBoard};
use crate::{
    base::{At, Person, Span},
    drill::{
        event::{Event, Recorded},
        plan::Plan,
    },
    scenario::{
        act::{Act, Pager, Role},
        action::ActionAct,
    },
};
use serde::{Deserialize, Serialize};

/// An entry of the action list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardAction {
    /// Its number, from 1.
    pub number: u16,
    /// What is to be done.
    pub text: String,
    /// Whose it is: a role or a responder.
    pub owner: Option<String>,
    /// When it was listed.
    pub at: At,
    /// By whom.
    pub by: Person,
    /// When it was closed, and whether it was done or dropped.
    pub closed: Option<(At, bool)>,
}

/// People were called in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPage {
    /// When.
    pub at: At,
    /// By whom.
    pub by: Person,
    /// Whom it reached.
    pub with: Pager,
    /// What they are needed for.
    pub text: String,
}

/// What happened, in somebody's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardSummary {
    /// When.
    pub at: At,
    /// Whose.
    pub by: Person,
    /// The words.
    pub text: String,
}

pub(super) fn take(board: &mut ResponderBoard, recorded: &Recorded, by: &Person, act: &Act) {
    let at = recorded.at;
    match act {
        Act::Action(ActionAct::Add { text, owner }) => {
            let number = u16::try_from(board.actions.len() + 1).unwrap_or(u16::MAX);
            let (text, owner, by) = (text.clone(), owner.clone(), by.clone());
            board.actions.push(BoardAction { number, text, owner, at, by, closed: None });
        }
        Act::Action(done) => {
            let Some(one) = board.actions.iter_mut().find(|one| Some(one.number) == done.action()) else {
                return;
            };
            match done {
                ActionAct::Assign { owner, .. } => one.owner = Some(owner.clone()),
                ActionAct::Done { .. } => one.closed = Some((at, true)),
                ActionAct::Drop { .. } => one.closed = Some((at, false)),
                ActionAct::Add { .. } => {}
            }
        }
        Act::Page { with, text } => {
            board.pages.push(BoardPage { at, by: by.clone(), with: *with, text: text.clone() });
        }
        Act::Summary(text) => {
            board.summaries.retain(|one| one.by != *by);
            board.summaries.push(BoardSummary { at, by: by.clone(), text: text.clone() });
        }
        _ => {}
    }
}

/// An inject that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardInject {
    /// Its number among all injects, from 1.
    pub number: usize,
    /// When it may be of use, from StartEx.
    pub at: Span,
    /// Who speaks.
    pub from: String,
    /// The role that is spoken to.
    pub to: Role,
    /// The words.
    pub text: String,
    /// When it was sent.
    pub sent: Option<At>,
}

impl BoardInject {
    pub(super) fn held(plan: &Plan) -> Vec<Self> {
        let numbered = plan.injects.iter().zip(1..).filter(|(inject, _)| inject.held);
        numbered
            .map(|(inject, number)| Self {
                number,
                at: inject.at,
                from: inject.from.clone(),
                to: inject.to,
                text: inject.text.clone(),
                sent: None,
            })
            .collect()
    }
}

/// A bystander's message to the instigators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardMessage {
    /// Its number in the journal.
    pub seq: u64,
    /// When.
    pub at: At,
    /// Whose.
    pub by: Person,
    /// The words.
    pub text: String,
    /// Whether a pointer was passed on; nothing: it waits.
    pub passed_on: Option<bool>,
}

/// How it stands with a second act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondAct {
    /// The scenario has none.
    #[default]
    None,
    /// The first act goes on.
    Waits,
    /// The first act is concluded: it may begin.
    MayBegin,
    /// It has begun.
    Began,
}

impl SecondAct {
    pub(super) fn of(plan: &Plan, events: &[Recorded]) -> Self {
        if plan.second_act.is_empty() {
            return Self::None;
        }
        let (mut caused, mut assessed, mut resolved, mut restored) = (false, false, false, false);
        for recorded in events {
            match &recorded.event {
                Event::SecondActBegan { .. } => return Self::Began,
                Event::Acted { act: Act::Cause(_), .. } => caused = true,
                Event::Acted { act: Act::Assess(_), .. } => assessed = true,
                Event::Acted { act: Act::Resolve(_), .. } => resolved = true,
                Event::Restored { .. } => restored = true,
                Event::Relapsed => restored = false,
                Event::Ended { .. } => return Self::Waits,
                _ => {}
            }
        }
        if caused && assessed && resolved && restored { Self::MayBegin } else { Self::Waits }
    }
}

impl InstigatorBoard {
    pub(super) fn take_desk(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::Joined { person, hat } => self.everybody.push((person.clone(), *hat)),
            Event::InjectSpoken { inject, .. } => {
                if let Some(one) = self.held.iter_mut().find(|one| one.number == inject + 1) {
                    one.sent = Some(recorded.at);
                }
            }
            Event::BystanderWrote { by, text } => self.messages.push(BoardMessage {
                seq: recorded.seq,
                at: recorded.at,
                by: by.clone(),
                text: text.clone(),
                passed_on: None,
            }),
            Event::BystanderSettled { message, passed_on, .. } => {
                if let Some(one) = self.messages.iter_mut().find(|one| one.seq == *message) {
                    one.passed_on = Some(*passed_on);
                }
            }
            _ => {}
        }
    }
}
