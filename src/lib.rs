//! Gameday: an engine for incident-response practice.
//!
//! The rooms stand on floors, and a room imports only from lower ones:
//!
//! ```text
//! 5 doors    cli       console
//! 4 conduct  engine
//! 3 hands    store  target  agent  workload  notify  library  depot  staging  terminal
//! 2 game     drill  report  calendar  people  post
//! 1 words    scenario  fault
//! 0 ground   clock  seed  base
//! ```
//!
//! Read `engine::conduct` first: it is the loop that everything else serves.

pub mod agent;
pub mod base;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod console;
pub mod depot;
pub mod drill;
pub mod engine;
pub mod fault;
pub mod library;
pub mod notify;
pub mod people;
pub mod post;
pub mod report;
pub mod scenario;
pub mod seed;
pub mod staging;
pub mod store;
pub mod target;
pub mod terminal;
pub mod workload;
