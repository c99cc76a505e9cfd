//! `gameday board`: how things stand.

use super::session::{Common, Session};
use crate::{
    cli::{
        block_on,
        exit::{Exit, Failure},
        show,
    },
    report::{
        board::{InstigatorBoard, ResponderBoard},
        render::terminal,
        wording::tame,
    },
};
use serde_json::Value;
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  gameday board
  watch -n 2 gameday board
  gameday board --facts                  the statements that a cause may tick, and the documentation
  gameday board --json | jq '.alarms[] | select(.acked_by == null)'";

/// Shows the drill as you may see it: alarms, roles, status, channel
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Board {
    /// Adds the offered facts, the components and the documentation catalogue
    #[arg(long)]
    facts: bool,
    #[command(flatten)]
    common: Common,
}

impl Board {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let session = Session::find(&self.common)?;
        let value: Value = block_on(session.get("look at the board", "/api/board"))?;
        if self.common.json {
            show::json(&value)?;
            return Ok(Exit::Done);
        }
        let (mut text, responders) = if value.get("responders").is_some() {
            let board: InstigatorBoard = serde_json::from_value(value).map_err(|error| strange(&error))?;
            (terminal::instigator(&board), board.responders)
        } else {
            let board: ResponderBoard = serde_json::from_value(value).map_err(|error| strange(&error))?;
            (terminal::responder(&board), board)
        };
        if self.facts {
            put_facts(&mut text, &responders);
        }
        show::print(&text)?;
        Ok(Exit::Done)
    }
}

fn strange(error: &serde_json::Error) -> Failure {
    Failure::world(format!("could not read the board: {error}"))
        .with_help("The console may be of another version of gameday.")
}

/// What responders see of the drill, whoever asks.
pub(super) async fn board(session: &Session) -> Result<ResponderBoard, Failure> {
    let mut value: Value = session.get("look at the board", "/api/board").await?;
    let responders = value.get_mut("responders").map(Value::take).unwrap_or(value);
    serde_json::from_value(responders).map_err(|error| strange(&error))
}

fn put_facts(text: &mut String, board: &ResponderBoard) {
    let _ = writeln!(text, "\ncomponents  {}", tame(&board.components.join(", ")));
    for (title, entries) in [("facts", &board.fact_offers), ("documentation", &board.catalogue)] {
        let _ = writeln!(text, "\n{title}");
        for entry in entries {
            let _ = writeln!(text, "  {}  {}", tame(&entry.name), tame(&entry.says));
        }
    }
}
