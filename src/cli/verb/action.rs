//! `gameday action`: the list of what is to be done, and whose it is.

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
    scenario::{act::Act, action::ActionAct},
};

const EXAMPLES: &str = "\
Examples:
  gameday action add \"ask the metadata people for their figures\" --owner ben
  gameday action list
  gameday action done 1";

/// Keeps the list of what is to be done, and whose it is
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Action {
    #[command(subcommand)]
    verb: ActionVerb,
}

#[derive(Debug, clap::Subcommand)]
enum ActionVerb {
    /// Puts something on the list
    #[command(after_help = "Examples:\n  gameday action add \"write to the users\" --owner communications")]
    Add {
        /// What is to be done
        text: String,
        /// Whose it is: a role, or somebody who responds
        #[arg(long, value_name = "OWNER")]
        owner: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Gives an action to somebody
    #[command(after_help = "Examples:\n  gameday action assign 2 --owner ana")]
    Assign {
        /// Its number
        action: u16,
        /// Whose it is: a role, or somebody who responds
        #[arg(long, value_name = "OWNER")]
        owner: String,
        #[command(flatten)]
        common: Common,
    },
    /// Says that an action is done
    #[command(after_help = "Examples:\n  gameday action done 2")]
    Done {
        /// Its number
        action: u16,
        #[command(flatten)]
        common: Common,
    },
    /// Takes an action off the list that is not needed any more
    #[command(after_help = "Examples:\n  gameday action drop 2")]
    Drop {
        /// Its number
        action: u16,
        #[command(flatten)]
        common: Common,
    },
    /// Shows the list
    #[command(after_help = "Examples:\n  gameday action list --json | jq '.[] | select(.closed == null)'")]
    List {
        #[command(flatten)]
        common: Common,
    },
}

impl Action {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let (common, trying, act, said) = match self.verb {
            ActionVerb::Add { text, owner, common } => {
                (common, "list the action", ActionAct::Add { text, owner }, "It is on the list.".to_owned())
            }
            ActionVerb::Assign { action, owner, common } => {
                let said = format!("Action {action} is {owner}'s.");
                (common, "give the action to them", ActionAct::Assign { action, owner }, said)
            }
            ActionVerb::Done { action, common } => {
                (common, "close the action", ActionAct::Done { action }, format!("Action {action} is done."))
            }
            ActionVerb::Drop { action, common } => (
                common,
                "drop the action",
                ActionAct::Drop { action },
                format!("Action {action} is dropped."),
            ),
            ActionVerb::List { common } => return list(&common),
        };
        send_act(&common, trying, &Act::Action(act), &said)
    }
}

fn list(common: &Common) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let board = block_on(board(&session))?;
    if common.json {
        show::json(&board.actions)?;
    } else {
        show::print(&terminal::actions(&board))?;
    }
    Ok(Exit::Done)
}
