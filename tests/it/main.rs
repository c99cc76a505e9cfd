//! The one integration binary: everything that needs more than one room, a file, a socket or a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod hostile;
mod library;
