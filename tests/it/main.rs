//! The one integration binary: everything that needs more than one room, a file, a socket or a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
mod calendar;
mod cli;
mod compat;
mod console;
mod controls;
mod corpus;
mod crash;
mod debrief;
mod depot;
mod described;
mod docker;
mod docs;
mod editor;
mod engine_killed;
mod faulty;
mod golden;
mod grading;
mod hints;
mod hostile;
mod kill;
mod levers;
mod library;
mod lint;
mod lobby;
mod network;
mod notify;
mod pages;
mod parts;
mod postgres;
mod practice;
mod react;
mod refusals;
mod remote;
mod second_act;
mod serve;
mod skip;
mod stage;
mod store;
mod stories;
mod streams;
mod tickets;
mod tidy;
mod toxiproxy;
