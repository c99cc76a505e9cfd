//! What an engine and an agent say to each other, and what an agent says of itself. All times are in milliseconds.

use super::{Fault, Fence, Presence, Undone};
use crate::base::{At, InjectionId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The file in an agent's folder that says how to reach it.
pub const ACCESS: &str = "agent.json";
/// How to reach an agent; readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `127.0.0.1:port`.
    pub address: String,
    /// The bearer token.
    pub token: String,
    /// The agent's process.
    pub pid: u32,
    /// The run of the machine that it belongs to.
    pub boot: String,
    /// SHA-256 of its certificate, where it speaks TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// An operation that the target's own tool is to carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperateAsk {
    /// The tool's name and its arguments.
    pub argv: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperateAnswer {
    /// The exit code; nothing when it could not be run to its end.
    pub code: Option<i32>,
    /// What it said, cut.
    pub output: String,
}

/// What the file `.gameday-staging` in a target's folder says: this is there to be broken, here and until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staging {
    /// `gameday/staging/v1`.
    pub format: String,
    /// The machine that it is meant for: a digest of the machine's id, or of its boot where it has none.
    pub machine: String,
    /// From then on nothing may be broken any more.
    pub until: At,
    /// Who says so.
    pub by: String,
}

/// What an agent says of itself and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The target's name.
    pub target: String,
    /// The folder that everything lies under.
    pub root: PathBuf,
    /// What the target says of itself; nothing where that cannot be read.
    pub staging: Option<Staging>,
    /// Why nothing may be broken here, if so.
    pub refuses: Option<Complaint>,
    /// The run of the machine.
    pub boot: String,
    /// The agent's process.
    pub pid: u32,
    /// Every process has been started; before that nothing can be armed.
    pub ready: bool,
    /// The newest epoch that the agent has seen; older ones are refused.
    pub epoch: u64,
    /// Records that could not be read. What they held may still be broken, so nothing can be armed.
    pub damaged: Vec<String>,
}

/// Where an injection stands at its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Lease, pre-image and undo are stored. Nothing is changed.
    Armed,
    /// The effect is on its way, or half of it is there.
    Applying,
    /// The effect is there.
    Applied,
    /// It is being taken back; goes on until it is.
    Reverting,
    /// It was taken back because the engine said so.
    Reverted,
    /// The agent has let go by itself: the lease or the deadline ran out, or the agent was started again.
    Expired,
    /// Its token can never be used. There is no effect.
    Revoked,
    /// Somebody else changed the place. People decide.
    Diverged,
}

impl State {
    /// Whether an effect may be there that the agent has to take back.
    pub fn may_have_effect(self) -> bool {
        matches!(self, Self::Applying | Self::Applied | Self::Reverting)
    }

    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Reverted | Self::Expired | Self::Revoked)
    }
}

/// An injection in the agent's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The injection.
    pub id: InjectionId,
    /// The fault's kind; nothing for an id that was revoked before it was armed.
    pub fault: Option<String>,
    /// What of the target it touches.
    pub place: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Its token.
    pub fence: Option<Fence>,
    /// Until the agent lets go by itself; 0 when nothing is held.
    pub lease_left_ms: u64,
    /// Why it is where it is, in one line for instigators.
    pub note: String,
}

/// A question about a place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectAsk {
    /// What is looked for.
    pub fault: Fault,
}

/// What was seen there.
#[derive(Debug, Serialize, Deserialize)]
pub struct InspectAnswer {
    /// Whether the effect is there.
    pub presence: Presence,
    /// In one line, for instigators.
    pub detail: String,
}

/// The token that something is done under.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FenceAsk {
    /// The token.
    pub fence: Fence,
}

/// What an undo did.
#[derive(Debug, Serialize, Deserialize)]
pub struct UndoAnswer {
    /// See there.
    pub undone: Undone,
}

/// An engine's epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// See [`Fence::epoch`].
    pub epoch: u64,
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// What the agent has taken back by itself.
    pub expired: Vec<InjectionId>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// A sentence for instigators.
    pub error: String,
    /// For programs.
    pub code: String,
}
