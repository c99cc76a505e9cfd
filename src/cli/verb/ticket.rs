//! `gameday ticket`: the ticket that tracks the incident.

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
    report::{board::ResponderBoard, render::terminal},
    scenario::{
        act::Act,
        ticket::{Priority, TicketAct, TicketId},
    },
};

const EXAMPLES: &str = "\
Examples:
  gameday ticket open \"Nobody can log in\" --on session --priority top-priority --cc session-oncall
  gameday ticket note \"the process is alive and answers nothing\"
  gameday ticket show

Where a ticket may be left out, it is the one that is open. A status update is mirrored into it as it is sent, with
`gameday status ... --ticket t1`, or later by a note: `gameday ticket note \"users are told\" --status 41`.";

/// Opens the ticket that tracks the incident, and keeps it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Ticket {
    #[command(subcommand)]
    verb: TicketVerb,
}

#[derive(Debug, clap::Subcommand)]
enum TicketVerb {
    /// Opens a ticket
    #[command(after_help = "\
Examples:
  gameday ticket open \"Some uploads fail since 20:14\" --on web --priority very-urgent
  gameday ticket open \"Nobody can log in\" --on session --text \"every login times out\" --cc session-oncall")]
    Open {
        /// One line: what is broken, for whom
        title: String,
        /// What it is about: a component of the target
        #[arg(long, value_name = "COMPONENT")]
        on: Option<String>,
        /// `less-urgent`, `urgent`, `very-urgent` or `top-priority`
        #[arg(long, value_name = "PRIORITY", value_parser = show::word::<Priority>)]
        priority: Option<Priority>,
        /// What is known
        #[arg(long, value_name = "TEXT", default_value = "")]
        text: String,
        /// Who is copied on it
        #[arg(long, value_name = "WHO")]
        cc: Vec<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Changes fields of a ticket
    #[command(after_help = "Examples:\n  gameday ticket update --on session --priority top-priority")]
    Update {
        /// The ticket, if several are open: `t1`
        ticket: Option<TicketId>,
        /// A new title
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// What it is about, as you know it now
        #[arg(long, value_name = "COMPONENT")]
        on: Option<String>,
        /// `less-urgent`, `urgent`, `very-urgent` or `top-priority`
        #[arg(long, value_name = "PRIORITY", value_parser = show::word::<Priority>)]
        priority: Option<Priority>,
        #[command(flatten)]
        common: Common,
    },
    /// Adds a note to a ticket
    #[command(after_help = "\
Examples:
  gameday ticket note \"restarting session, then watching the logins\"
  gameday ticket note \"users are told\" --status 41       mirrors the status update that the board shows as #41")]
    Note {
        /// The words
        text: String,
        /// The ticket, if several are open
        #[arg(long, value_name = "TICKET")]
        ticket: Option<TicketId>,
        /// The status update that this note mirrors, by its number on the board
        #[arg(long, value_name = "SEQ")]
        status: Option<u64>,
        #[command(flatten)]
        common: Common,
    },
    /// Copies people on a ticket
    #[command(after_help = "Examples:\n  gameday ticket cc session-oncall web-oncall")]
    Cc {
        /// Who
        #[arg(required = true, value_name = "WHO")]
        to: Vec<String>,
        /// The ticket, if several are open
        #[arg(long, value_name = "TICKET")]
        ticket: Option<TicketId>,
        #[command(flatten)]
        common: Common,
    },
    /// Closes a ticket
    #[command(
        after_help = "Examples:\n  gameday ticket close --text \"session was restarted, logins are good\""
    )]
    Close {
        /// The ticket, if several are open
        ticket: Option<TicketId>,
        /// What ended it
        #[arg(long, value_name = "TEXT", default_value = "")]
        text: String,
        #[command(flatten)]
        common: Common,
    },
    /// Shows tickets with everything that was done to them
    #[command(after_help = "Examples:\n  gameday ticket show\n  gameday ticket show t1 --json")]
    Show {
        /// One of them; else all
        ticket: Option<TicketId>,
        #[command(flatten)]
        common: Common,
    },
}

impl Ticket {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let send = |common: &Common, what: &str, act: TicketAct, said: &str| {
            send_act(common, &format!("{what} the ticket"), &Act::Ticket(act), said)
        };
        match self.verb {
            TicketVerb::Open { title, on, priority, text, cc, common } => {
                open(&common, &TicketAct::Open { title, on, priority, text, cc })
            }
            TicketVerb::Update { ticket, title, on, priority, common } => {
                let act = TicketAct::Update { ticket, title, on, priority };
                send(&common, "change", act, "The ticket is changed.")
            }
            TicketVerb::Note { text, ticket, status, common } => {
                let act = TicketAct::Note { ticket, text, status };
                send(&common, "add to", act, "The note is in the ticket.")
            }
            TicketVerb::Cc { to, ticket, common } => {
                let act = TicketAct::Cc { ticket, to };
                send(&common, "copy people on", act, "They are on copy.")
            }
            TicketVerb::Close { ticket, text, common } => {
                send(&common, "close", TicketAct::Close { ticket, text }, "The ticket is closed.")
            }
            TicketVerb::Show { ticket, common } => tickets(&common, ticket),
        }
    }
}

/// Opens it, then looks which id it has got: the drill gives ids.
fn open(common: &Common, act: &TicketAct) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let body = serde_json::to_value(Act::Ticket(act.clone())).expect("an act is plain data");
    let board = block_on(async {
        session.post("open the ticket", "/api/act", &body).await?;
        board(&session).await
    })?;
    let ours = board.tickets.iter().rev().find(|ticket| {
        ticket.opened().by.as_str() == session.person && act.texts().contains(&ticket.title.as_str())
    });
    match ours {
        Some(ticket) if common.json => show::json(ticket)?,
        Some(ticket) => show::line(&format!("The ticket {} is open.", ticket.id))?,
        None => show::line("The ticket is open.")?,
    }
    Ok(Exit::Done)
}

fn tickets(common: &Common, wanted: Option<TicketId>) -> Result<Exit, Failure> {
    let session = Session::find(common)?;
    let board: ResponderBoard = block_on(board(&session))?;
    let found: Vec<_> =
        board.tickets.iter().filter(|ticket| wanted.is_none_or(|id| id == ticket.id)).collect();
    if let (Some(id), true) = (wanted, found.is_empty()) {
        return Err(Failure::refused(format!("could not show the ticket: there is no ticket {id}"))
            .with_help("`gameday ticket show` shows all of them."));
    }
    if common.json {
        show::json(&found)?;
    } else {
        show::print(&terminal::tickets(found, board.start))?;
    }
    Ok(Exit::Done)
}
