//! The instigators' verbs, and the stop that everybody has.

use super::session::{Common, send};
use crate::cli::exit::{Exit, Failure};
use serde_json::json;

/// Points the responders at documentation
///
/// A hint is an entry of the scenario's documentation catalogue, with or without one of its headings. Anything else is
/// refused: no words of yours reach the responders.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday hint 'depotctl(1)'
  gameday hint 'depotctl(1)#logs'
  gameday board --facts                  lists the catalogue")]
pub(in crate::cli) struct Hint {
    /// The entry: NAME or NAME#HEADING
    pointer: String,
    #[command(flatten)]
    common: Common,
}

impl Hint {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let body = json!({"pointer": self.pointer});
        send(&self.common, "give the hint", "/api/hint", &body, "The hint is given.")
    }
}

/// Asks one of the scenario's vetted questions
///
/// Only after a responder has said `stumped`. `gameday board` lists the questions then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday board\n  gameday ask 1")]
pub(in crate::cli) struct Ask {
    /// The question's number, from 1
    #[arg(value_name = "N")]
    number: usize,
    #[command(flatten)]
    common: Common,
}

impl Ask {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let body = json!({"number": self.number});
        send(&self.common, "ask the question", "/api/ask", &body, "The question is asked.")
    }
}

/// Stops the drill: every fault is taken back at once
///
/// Anybody in the drill may. In a real incident say so: the run is not scored, and everybody is told that the real world
/// wins.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday stop \"we are done for today\"\n  gameday stop --real-incident \"production is down\""
)]
pub(in crate::cli) struct Stop {
    /// Why
    reason: String,
    /// A real incident
    #[arg(long)]
    real_incident: bool,
    #[command(flatten)]
    common: Common,
}

impl Stop {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let body = json!({"reason": self.reason, "real_incident": self.real_incident});
        let said = "The drill is being stopped; faults are being taken back.";
        send(&self.common, "stop the drill", "/api/stop", &body, said)
    }
}
