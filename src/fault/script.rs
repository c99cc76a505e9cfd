//! Runs a script under limits; see the room head.
