//! The game: a drill is a fold over its journal.
//!
//! Open first: [`measure`] for now.

pub mod measure;
