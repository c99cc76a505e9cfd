//! Terminals that are recorded: somebody's shell, or any command, runs in a pseudo terminal of ours, and what it shows
//! passes through here.
//!
//! Open [`pty`] first: it runs the command. [`marks`] are what an integrated shell says between its output,
//! [`integration`] is what makes bash and zsh say it. [`mask`] finds secrets, [`cast`] writes the recording without them.

pub mod cast;
pub mod integration;
pub mod marks;
pub mod mask;
pub mod pty;
