//! What the engine sees of a staging target: the seams, and what stands behind them.
//!
//! [`Injector`] breaks and repairs, [`Prober`] asks, [`Traffic`] measures, [`Operator`] runs a responder's operation.
//! Every method may be called twice with the same result. `agent_client` reaches a real target through its agent,
//! `prober`, `traffic` and `operator` are the other hands on it; `sim` is a small modelled service for rehearsal in
//! virtual time.

pub mod absent;
pub mod agent_client;
pub mod operator;
mod pinned;
pub mod prober;
pub mod sim;
pub mod traffic;

use crate::{
    base::{At, InjectionId, ProbeName},
    clock::BoxFuture,
    drill::{command::ProbeAnswer, effect::Arm, measure::Bucket},
    fault::{Fault, Fence, Inspection, Undone},
};

/// Why a hand could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandError {
    /// The other side said no, and changed nothing.
    #[error("{0}")]
    Refused(String),
    /// No answer that can be trusted: anything may have happened.
    #[error("{0}")]
    Unavailable(String),
}

/// Breaks a target and takes it back. See the revert protocol in docs.
pub trait Injector: Send + Sync {
    /// Looks at the place of a fault.
    fn inspect<'a>(
        &'a self,
        id: &'a InjectionId,
        fault: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>>;
    /// Stores lease, pre-image and undo durably; nothing is changed on the target.
    fn arm<'a>(&'a self, arm: &'a Arm) -> BoxFuture<'a, Result<(), HandError>>;
    /// Applies what is armed, once per token.
    fn inject<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>>;
    /// Makes the token unusable for ever. Also for an id that was never armed.
    fn revoke<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>>;
    /// Undoes by comparison: only what is still ours is written.
    fn undo<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<Undone, HandError>>;
    /// Renews every lease of this epoch; answers which injections the agent has taken back by itself.
    fn heartbeat(&self, epoch: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>>;
}

/// Asks the target whether it works.
pub trait Prober: Send + Sync {
    /// Asks one probe of the description. Unknown counts as bad.
    fn ask<'a>(&'a self, probe: &'a ProbeName) -> BoxFuture<'a, ProbeAnswer>;
}

/// Synthetic users.
pub trait Traffic: Send + Sync {
    /// Starts them; the first second begins at `at`. Starting twice does nothing.
    fn start(&self, at: At) -> BoxFuture<'_, ()>;
    /// One second, when it is final.
    fn measure(&self, second: At) -> BoxFuture<'_, Bucket>;
    /// Ends them.
    fn stop(&self) -> BoxFuture<'_, ()>;
}

/// Runs operations on the target as a responder would.
pub trait Operator: Send + Sync {
    /// Runs one operation; exit code (nothing when it could not be run) and output, cut.
    fn operate<'a>(&'a self, argv: &'a [String]) -> BoxFuture<'a, (Option<i32>, String)>;
}
