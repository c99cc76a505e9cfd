//! Depot: the embedded staging target, a small multi-datacenter object store of real processes.
//!
//! [`lay_out`] writes the whole tree of one Depot (releases, instance facts, volumes, logs, `layout.json`); [`serve`]
//! is what each of its processes runs; [`describe`] is what an engine and its people know of it; [`depotctl`] and
//! [`operate`] are its operations tool. Every path between two services leads over a link that somebody else hosts.
//!
//! Open first: [`topology`], the one table of instances, addresses and links; then `web`, where an upload's way is
//! written down. `host` runs any of the components; `call` is how one service asks another, and `directory` how it finds it.

mod aside;
mod call;
mod catalogue;
mod config;
mod directory;
mod edge;
mod error;
mod gate;
mod host;
mod layout;
mod machine;
mod metadata;
pub mod operate;
mod pool;
mod preview;
mod queue;
mod registry;
mod releases;
mod session;
mod storage;
mod supervisor;
mod telemetry;
mod tls;
pub mod topology;
mod volume;
mod watched;
mod web;
mod worker;

pub use error::DepotError;
pub use host::serve;
pub use layout::lay_out;
pub use operate::depotctl;
pub use topology::{describe, free_instance};

#[cfg(test)]
mod tests;
