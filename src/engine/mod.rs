//! Room of `engine`.
