//! One injection on its way: the only table of legal transitions.
//!
//! ```text
//! planned -> probed -> intent -> armed -> injecting -> (applied) -> live
//!                 any of these -> reverting -> fenced -> undoing -> verifying -> reverted | cleared | aborted
//!                                        stuck: a step is tried again          diverged, gone: people decide
//! ```

use super::{effect::Effect, event::InjectionStep, plan::PlannedInjection};
use crate::{
    base::At,
    fault::{Fence, Undone},
};
use serde::Serialize;

/// Where an injection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No effect is possible.
    Planned,
    /// The place was looked at and is as it should be.
    Probed,
    /// Intent is durable; the agent may or may not have been asked.
    Intent,
    /// The agent holds lease and undo.
    Armed,
    /// The agent was told to apply; until effect and symptom were seen.
    Injecting,
    /// Effect and symptom were seen.
    Live,
    /// To be taken back.
    Reverting,
    /// The token is revoked.
    Fenced,
    /// The undo runs.
    Undoing,
    /// The undo is checked.
    Verifying,
    /// Terminal: gone by our undo.
    Reverted,
    /// Terminal: gone by the responders' repair.
    Cleared,
    /// Terminal: gone by its lease.
    Expired,
    /// Terminal: never applied.
    Aborted,
    /// Blocks: somebody changed the place.
    Diverged,
    /// Blocks: the target cannot be found.
    Gone,
    /// A step failed; it is tried again.
    Stuck,
}

impl State {
    /// The name as the protocol has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Probed => "probed",
            Self::Intent => "intent",
            Self::Armed => "armed",
            Self::Injecting => "injecting",
            Self::Live => "live",
            Self::Reverting => "reverting",
            Self::Fenced => "fenced",
            Self::Undoing => "undoing",
            Self::Verifying => "verifying",
            Self::Reverted => "reverted",
            Self::Cleared => "cleared",
            Self::Expired => "expired",
            Self::Aborted => "aborted",
            Self::Diverged => "diverged",
            Self::Gone => "gone",
            Self::Stuck => "stuck",
        }
    }

    /// Nothing of it can be on the target any more, or ever was.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Reverted | Self::Cleared | Self::Expired | Self::Aborted)
    }

    /// Only people can end it.
    pub fn is_blocked(self) -> bool {
        matches!(self, Self::Diverged | Self::Gone)
    }

    /// An effect is possible, so the target is not free.
    pub fn may_have_effect(self) -> bool {
        !self.is_terminal() && !matches!(self, Self::Planned | Self::Probed)
    }

    /// It is on its way back.
    pub fn is_going_back(self) -> bool {
        matches!(self, Self::Reverting | Self::Fenced | Self::Undoing | Self::Verifying | Self::Stuck)
    }
}

/// An injection of a drill.
#[derive(Debug, Clone)]
pub struct Injection {
    /// What was planned.
    pub planned: PlannedInjection,
    /// Where it stands.
    pub state: State,
    /// Its token, from the intent on.
    pub fence: Option<Fence>,
    /// The effect was seen.
    pub applied_at: Option<At>,
    /// The agent was told to apply, whatever came of it.
    pub told: bool,
    /// What the undo found.
    pub undone: Option<Undone>,
    /// Why it is taken back.
    pub why: String,
    /// Failed tries of the present step.
    pub attempts: u32,
    /// When a stuck step is tried again.
    pub retry_at: Option<At>,
    /// The step before it got stuck.
    pub stuck_in: Option<State>,
}

impl Injection {
    /// At the beginning.
    pub fn new(planned: PlannedInjection) -> Self {
        Self {
            planned,
            state: State::Planned,
            fence: None,
            applied_at: None,
            told: false,
            undone: None,
            why: String::new(),
            attempts: 0,
            retry_at: None,
            stuck_in: None,
        }
    }

    /// Whether `step` may follow the present state.
    pub fn allows(&self, step: &InjectionStep) -> bool {
        use InjectionStep as Step;
        match step {
            Step::Probed => self.state == State::Planned,
            Step::Intent { .. } => self.state == State::Probed,
            Step::Armed => self.state == State::Intent,
            Step::Injecting => self.state == State::Armed,
            Step::Applied => self.state == State::Injecting && self.applied_at.is_none(),
            Step::Live => self.state == State::Injecting && self.applied_at.is_some(),
            Step::Reverting { .. } => {
                matches!(
                    self.state,
                    State::Intent | State::Armed | State::Injecting | State::Live | State::Stuck
                )
            }
            Step::Fenced => self.state == State::Reverting,
            Step::Undoing => matches!(self.state, State::Fenced | State::Verifying),
            Step::Verifying { .. } => self.state == State::Undoing,
            Step::Reverted | Step::Cleared => self.state == State::Verifying || self.state.is_blocked(),
            Step::Aborted { .. } => matches!(self.state, State::Planned | State::Probed | State::Verifying),
            Step::Expired => self.state.may_have_effect(),
            Step::Diverged { .. } => matches!(self.state, State::Undoing | State::Verifying),
            Step::Gone { .. } | Step::Stuck { .. } => self.state.is_going_back(),
        }
    }

    /// Takes a step. The journal holds only legal ones, because `decide` asks [`Injection::allows`] first.
    pub fn take(&mut self, at: At, step: &InjectionStep) {
        use InjectionStep as Step;
        debug_assert!(self.allows(step), "{:?} -> {step:?}", self.state);
        match step {
            Step::Probed => self.state = State::Probed,
            Step::Intent { fence, .. } => {
                self.state = State::Intent;
                self.fence = Some(*fence);
            }
            Step::Armed => self.state = State::Armed,
            Step::Injecting => {
                self.state = State::Injecting;
                self.told = true;
            }
            Step::Applied => self.applied_at = Some(at),
            Step::Live => self.state = State::Live,
            Step::Reverting { why } => {
                if self.state != State::Stuck {
                    self.why.clone_from(why);
                }
                self.state = State::Reverting;
                self.retry_at = None;
            }
            Step::Fenced => self.state = State::Fenced,
            Step::Undoing => self.state = State::Undoing,
            Step::Verifying { found } => {
                self.state = State::Verifying;
                self.undone = Some(*found);
            }
            Step::Reverted => self.end(State::Reverted),
            Step::Cleared => self.end(State::Cleared),
            Step::Expired => self.end(State::Expired),
            Step::Aborted { why } => {
                self.why.clone_from(why);
                self.end(State::Aborted);
            }
            Step::Diverged { .. } => self.end(State::Diverged),
            Step::Gone { .. } => self.end(State::Gone),
            Step::Stuck { attempt, retry_at, .. } => {
                self.stuck_in.get_or_insert(self.state);
                self.state = State::Stuck;
                self.attempts = *attempt;
                self.retry_at = Some(*retry_at);
            }
        }
    }

    /// The effect that looks at its place.
    pub fn look(&self) -> Effect {
        Effect::Inspect { id: self.planned.id.clone(), fault: self.planned.fault.clone() }
    }

    /// The target was laid out anew, or people answer for it: nothing is left.
    pub fn wiped(&mut self) {
        if self.state.may_have_effect() {
            self.end(State::Reverted);
        }
    }

    fn end(&mut self, state: State) {
        self.state = state;
        self.retry_at = None;
        self.stuck_in = None;
    }

    /// Which end a verified undo is: never told to apply, gone before we came, or gone by us.
    pub fn verified(&self) -> InjectionStep {
        if !self.told {
            InjectionStep::Aborted { why: self.why.clone() }
        } else if self.undone == Some(Undone::AlreadyClean) && self.applied_at.is_some() {
            InjectionStep::Cleared
        } else {
            InjectionStep::Reverted
        }
    }
}
