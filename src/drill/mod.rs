//! The game: a drill is a fold over its journal.

pub mod command;
pub mod effect;
pub mod event;
pub mod measure;
pub mod plan;
