//! Room of `library`.
