//! What a journal says, for people: boards while it runs; timeline, measured impact, score and debrief afterwards.
//!
//! ```text
//! &[Recorded] -> Journal -> Timeline -> Score ---+
//!                      \--> Impact  --/          +-> Debrief -> render: Document -> Markdown, HTML, PDF
//! ```
//!
//! Everything is a pure fold: no I/O, no clock, no randomness; the same journal gives the same bytes. Every sentence
//! that a person reads is in [`wording`].
//!
//! Open first: [`journal`], then [`score`](mod@score) (a file per dimension) or [`debrief`](mod@debrief). [`board`] is what people see live.

pub mod board;
pub mod compare;
pub mod debrief;
pub mod follow_up;
pub mod grading;
pub mod impact;
pub mod journal;
pub mod part;
pub mod programme;
pub mod proof;
pub mod render;
pub mod review;
pub mod score;
pub mod ticket;
pub mod timeline;
pub mod walk;
pub mod wording;

pub use debrief::{Debrief, debrief};
pub use journal::{BadJournal, Journal};
pub use score::{Score, score};

#[cfg(test)]
pub(crate) mod tests;
