//! Room of `depot`.
