//! The `gameday` binary.
fn main() {}
