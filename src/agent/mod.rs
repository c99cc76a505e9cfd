//! The agent: a process beside a target.
//!
//! It supervises the target's processes, hosts the proxies of its links and pulls the levers. For each injection it
//! holds a durable lease and undo, and it lets go by itself when the engine is silent. See the revert protocol in docs.
//!
//! Open first: [`serve`], then `keeper` (the rules of arm, inject, revoke, undo and expiry), then `lever`.

mod api;
mod attestation;
mod boot;
pub mod compat;
pub mod docker;
mod durable;
mod found;
mod guard;
mod health;
mod held;
mod keeper;
mod left_over;
mod lever;
mod operate;
mod process;
pub mod proxy;
mod record;
mod serve;
mod socket;
mod supervisor;
mod sweep;
mod tls;
pub mod user;

pub use attestation::{STAGING, attest};
pub use guard::{DENY, Denied, refuses};
/// A configuration file with one other value.
pub use lever::changed;
pub use record::{StoreError, is_taken};
pub use serve::{AgentError, AgentOptions, serve};
pub use sweep::{SweepReport, sweep};
pub use tls::{Invitation, Remote, invite};
