//! `gameday decide`: the decision record.

use super::{
    board::board,
    session::{Common, Session, send_act},
};
use crate::{
    cli::{
        block_on,
        exit::{Exit, Failure},
        show,
    },
    report::render::terminal,
    scenario::{act::Act, ticket::TicketId, truth::Rung},
};

const EXAMPLES: &str = "\
Examples:
  gameday decide                                       the options, and the last decision
  gameday decide roll_back --because \"the release made the pool too small\" --asked ops --ticket t1

Decide before you act. The lightest step that works is the best one; what each option would do is told after the drill.";

/// Records what the team decides to do and why, or shows the options
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Decide {
    /// A rung of the decision ladder: `do_nothing`, `broadcast`, `roll_back` or `fast_track`
    #[arg(requires = "because")]
    option: Option<Rung>,
    /// Why this one, and not a lighter one
    #[arg(long, value_name = "TEXT", requires = "option")]
    because: Option<String>,
    /// Who was asked before: a person, a role or a team; may be repeated
    #[arg(long, value_name = "WHO", requires = "option")]
    asked: Vec<String>,
    /// Records the decision in this ticket: `t1`
    #[arg(long, value_name = "TICKET", requires = "option")]
    ticket: Option<TicketId>,
    #[command(flatten)]
    common: Common,
}

impl Decide {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let (Some(option), Some(because)) = (self.option, self.because) else {
            return ladder(&self.common);
        };
        let act = Act::Decide { option, because, asked: self.asked, ticket: self.ticket };
        send_act(&self.common, "record the decision", &act, "The decision is recorded.")
    }
}

fn ladder(common: &Common) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let board = block_on(board(&session))?;
    if common.json {
        show::json(&serde_json::json!({"ladder": board.ladder, "decision": board.decision}))?;
    } else {
        show::print(&terminal::ladder(&board))?;
    }
    Ok(Exit::Done)
}
