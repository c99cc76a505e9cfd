//! The one integration binary: everything that needs more than one room, a file, a socket or a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod console;
mod corpus;
mod docs;
mod faulty;
mod notify;
mod skip;
mod store;
mod tidy;
mod hostile;
mod library;
