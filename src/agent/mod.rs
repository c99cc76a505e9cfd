//! Room of `agent`.

pub mod proxy;
