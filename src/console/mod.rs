//! Room of `console`.
