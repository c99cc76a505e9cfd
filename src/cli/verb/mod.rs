//! What people do in a running drill, from the terminal: each verb is one call to the console.
//!
//! [`session`] keeps who joined what, and calls; [`join`] begins a session, [`board`] looks, [`acts`], [`action`], [`ticket`],
//! [`decide`], [`claims`] and [`severity`] are the responders' verbs, [`instigate`] the instigators'. [`shell`] records a
//! terminal and tells what is run in it, through [`outbox`].

pub(super) mod action;
pub(super) mod acts;
pub(super) mod board;
pub(super) mod claims;
pub(super) mod decide;
pub(super) mod instigate;
pub(super) mod join;
mod outbox;
pub(super) mod session;
pub(super) mod severity;
pub(super) mod shell;
pub(super) mod ticket;
