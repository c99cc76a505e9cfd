//! Room of `target`.
