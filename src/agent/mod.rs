//! Room of `agent`.
