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

/// Sends an inject that the scenario holds back for its moment
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday board                          lists what is held back\n  gameday inject 4"
)]
pub(in crate::cli) struct Inject {
    /// The inject's number
    #[arg(value_name = "N")]
    number: usize,
    #[command(flatten)]
    common: Common,
}

impl Inject {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let body = json!({"number": self.number});
        send(&self.common, "send the inject", "/api/inject", &body, "The inject is sent.")
    }
}

/// Begins the second act, once the team has concluded the first
///
/// The scenario says which faults it holds back for one. The first act is scored as it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday second-act")]
pub(in crate::cli) struct SecondAct {
    #[command(flatten)]
    common: Common,
}

impl SecondAct {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let said = "The second act begins.";
        send(&self.common, "begin the second act", "/api/second-act", &json!({}), said)
    }
}

/// Writes to the instigators, as somebody who watches; no responder reads it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday tell \"I know this pool; shall I say something?\"")]
pub(in crate::cli) struct Tell {
    /// The words
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Tell {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let body = json!({"text": self.text});
        send(&self.common, "write to the instigators", "/api/tell", &body, "The instigators have it.")
    }
}

/// Deals with a bystander's message: passes a pointer into the documentation on, or nothing
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday board                          lists the messages with their numbers
  gameday settle 52                      it is not passed on
  gameday settle 52 --hint 'depotctl(1)#logs'")]
pub(in crate::cli) struct Settle {
    /// The message's number
    #[arg(value_name = "MESSAGE")]
    message: u64,
    /// What is passed on instead of its words: an entry of the documentation catalogue, under the rules of hints
    #[arg(long, value_name = "POINTER")]
    hint: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Settle {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let said = if self.hint.is_some() { "The pointer is passed on." } else { "It is not passed on." };
        let body = json!({"message": self.message, "pointer": self.hint});
        send(&self.common, "deal with the message", "/api/settle", &body, said)
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
