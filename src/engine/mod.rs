//! Conducts a drill: the loop between its journal, its people and its hands.
//!
//! Open first: [`conduct`], the loop that everything else serves; then [`carry_out`], the one match from effects to
//! seams. [`Desk`] is what doors (console, command line) hold of a running drill. [`calendar`] begins drills at their time;
//! [`post`] tells people of them; [`book`] is how the calendar and what is known of people are read and changed.

pub mod book;
pub mod calendar;
pub mod carry_out;
pub mod conduct;
pub mod post;

pub use conduct::{Conductor, Desk, EngineError};

use crate::{
    clock::Clock,
    library::worker::ScriptRunner,
    notify::Notifier,
    store::Store,
    target::{Injector, Operator, Prober, Traffic},
};
use std::sync::Arc;

/// The outside world as one value: everything that a drill can touch.
#[derive(Clone)]
pub struct Hands {
    /// What the time is.
    pub clock: Arc<dyn Clock>,
    /// Where the journal lives.
    pub store: Arc<dyn Store>,
    /// Breaks the target and takes it back.
    pub injector: Arc<dyn Injector>,
    /// Asks the target.
    pub prober: Arc<dyn Prober>,
    /// Synthetic users.
    pub traffic: Arc<dyn Traffic>,
    /// Runs the autopilot's operations.
    pub operator: Arc<dyn Operator>,
    /// Reaches people.
    pub notifier: Arc<dyn Notifier>,
    /// Runs the scripts of injectors that react.
    pub scripts: ScriptRunner,
}
