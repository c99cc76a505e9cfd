//! Golden timelines: whole plays with their worth computed by hand.

pub(crate) mod builder;
mod golden;
mod rendering;
mod spoilers;
mod tracked;
