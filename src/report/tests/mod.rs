//! Golden timelines: whole plays with their worth computed by hand.

pub(crate) mod builder;
mod golden;
mod plays;
mod rendering;
mod seventeen;
mod spoilers;
mod team;
mod tracked;
mod views;
