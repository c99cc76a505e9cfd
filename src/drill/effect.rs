//! What hands are asked to do after an event is stored. Every effect may be carried out twice with the same result.

use super::event::Notice;
use crate::{
    base::{At, InjectionId, Person, ProbeName},
    fault::{Fault, Fence, injector::ReactMoment},
};
use serde_json::{Map, Value};

/// One piece of work for the hands. Each is answered by a `Report`.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the synthetic users; the first bucket begins at this instant.
    StartWorkload {
        /// The beginning of the first second.
        at: At,
    },
    /// Report this second when it is final.
    Measure {
        /// The second's beginning.
        second: At,
    },
    /// End the synthetic users.
    StopWorkload,
    /// Ask a probe.
    Ask {
        /// Which.
        probe: ProbeName,
    },
    /// Look at an injection's place.
    Inspect {
        /// Which.
        id: InjectionId,
        /// What is looked for.
        fault: Fault,
    },
    /// Give the agent lease and undo.
    Arm(Arm),
    /// Let the agent apply what it has armed, and look whether it is there.
    Inject {
        /// Which.
        id: InjectionId,
        /// What must be seen afterwards.
        fault: Fault,
        /// The token.
        fence: Fence,
    },
    /// Make sure that the token can never be used (again).
    Revoke {
        /// Which.
        id: InjectionId,
        /// The token to act under: at least as new as the one revoked.
        fence: Fence,
    },
    /// Undo what the token applied.
    Undo {
        /// Which.
        id: InjectionId,
        /// The token to act under.
        fence: Fence,
    },
    /// Tell the agent that this engine lives.
    Heartbeat {
        /// Which engine.
        epoch: u64,
    },
    /// Deliver a notice.
    Send {
        /// The message.
        notice: Notice,
        /// Not before this instant: a try that failed is repeated later.
        not_before: At,
        /// Which try this is, from 1.
        attempt: u32,
    },
    /// Ask an injector what it wants now.
    React {
        /// Its index among the plan's reactors.
        reactor: usize,
        /// What has come.
        moment: ReactMoment,
        /// The script's text.
        source: String,
        /// What it is given.
        params: Map<String, Value>,
        /// What it is told.
        seen: Map<String, Value>,
    },
    /// Run an operation on the target.
    Operate {
        /// Who runs it.
        by: Person,
        /// The arguments.
        argv: Vec<String>,
    },
}

/// What an agent needs to hold before it may inject.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Arm {
    /// The injection.
    pub id: InjectionId,
    /// The change.
    pub fault: Fault,
    /// The token.
    pub fence: Fence,
    /// How many milliseconds it outlives the last heartbeat.
    pub lease_ms: u64,
    /// How many milliseconds from now it is taken back whatever happens.
    pub deadline_ms: u64,
}
