//! Room of `notify`.
