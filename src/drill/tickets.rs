//! What may be done to tickets and to the action list. A drill knows of each only whether it is open; what is in them is a
//! fold of the report room.

use super::{Drill, acts::text, command::Refusal, event::Hat};
use crate::{
    base::limits,
    scenario::{
        act::Role,
        action::ActionAct,
        ticket::{TicketAct, TicketId},
    },
};

impl Drill {
    /// The act with the ticket that it is done to, or why not.
    pub(super) fn ticket(&self, act: &TicketAct) -> Result<TicketAct, Refusal> {
        match act {
            TicketAct::Open { title, text: known, .. } => {
                if self.talk.tickets.len() >= limits::TICKETS_MAX {
                    let most = limits::TICKETS_MAX;
                    return Err(Refusal::BadTicket(format!(
                        "{most} tickets were opened, and that is the limit"
                    )));
                }
                text(title)?;
                optional(known)?;
            }
            TicketAct::Update { title, on, priority, .. } => {
                if let Some(title) = title {
                    text(title)?;
                } else if on.is_none() && priority.is_none() {
                    return Err(Refusal::BadText("say which field of the ticket changes".into()));
                }
            }
            TicketAct::Note { text: note, status, .. } => {
                text(note)?;
                if let Some(seq) = status.filter(|seq| !self.talk.statuses.contains(seq)) {
                    return Err(Refusal::BadTicket(format!("event {seq} is no status update")));
                }
            }
            TicketAct::Cc { to, .. } if to.is_empty() => {
                return Err(Refusal::BadText("say who is copied".into()));
            }
            TicketAct::Cc { .. } => {}
            TicketAct::Close { text: why, .. } => optional(why)?,
        }
        names(act.copied(), "somebody on copy")?;
        if let Some(on) = act.on() {
            self.component(on)?;
        }
        Ok(match act {
            TicketAct::Open { .. } => act.clone(),
            _ => act.clone().on_ticket(self.open_ticket(act.ticket())?),
        })
    }

    /// An entry of the action list has a number, and an owner who can do it: a role or a responder.
    pub(super) fn action(&self, act: &ActionAct) -> Result<(), Refusal> {
        let actions = &self.talk.actions;
        if let Some(owner) = act.owner() {
            let responds = |name: &str| {
                self.people.hats.iter().any(|(who, hat)| who.as_str() == name && *hat == Hat::Responder)
            };
            if owner.parse::<Role>().is_err() && !responds(owner) {
                let why = "the owner of an action is a role or one of the responders";
                return Err(Refusal::BadAction(why.to_owned()));
            }
        }
        if let ActionAct::Add { text: what, .. } = act {
            text(what)?;
            if actions.len() >= limits::ACTIONS_MAX {
                let most = limits::ACTIONS_MAX;
                return Err(Refusal::TooMany(format!(
                    "{most} actions are on the list, and that is the limit"
                )));
            }
        }
        let Some(number) = act.action() else { return Ok(()) };
        match usize::from(number).checked_sub(1).and_then(|index| actions.get(index)) {
            Some(true) => Ok(()),
            Some(false) => Err(Refusal::BadAction(format!("action {number} is closed: add a new one"))),
            None => Err(Refusal::BadAction(format!(
                "there is no action {number}: the list has {}",
                actions.len()
            ))),
        }
    }

    /// The ticket of that id; without one, the only ticket that is open.
    pub(super) fn open_ticket(&self, given: Option<TicketId>) -> Result<TicketId, Refusal> {
        let tickets = &self.talk.tickets;
        let open: Vec<_> = (0..tickets.len()).filter(|index| tickets[*index]).map(TicketId::after).collect();
        let named = || open.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let bad = |why: String| Err(Refusal::BadTicket(why));
        match (given, open.as_slice()) {
            (Some(id), _) if open.contains(&id) => Ok(id),
            (None, [id]) => Ok(*id),
            (Some(id), _) if id.index() < tickets.len() => bad(format!("{id} is closed: open a new ticket")),
            (_, []) => bad("no ticket is open: open one first".to_owned()),
            (Some(id), _) => bad(format!("there is no ticket {id}: open are {}", named())),
            (None, _) => bad(format!("say which ticket: open are {}", named())),
        }
    }
}

/// A text that may be left out.
fn optional(said: &str) -> Result<(), Refusal> {
    if said.is_empty() { Ok(()) } else { text(said) }
}

/// A list of names that people typed. `what` says whose.
pub(super) fn names(names: &[String], what: &str) -> Result<(), Refusal> {
    if names.len() > limits::COPIED_MAX {
        return Err(Refusal::BadText(format!("at most {} people are named at once", limits::COPIED_MAX)));
    }
    let odd = |name: &&String| {
        name.trim().is_empty() || name.len() > limits::COPIED_BYTES_MAX || name.chars().any(char::is_control)
    };
    match names.iter().find(odd) {
        None => Ok(()),
        Some(_) => Err(Refusal::BadText(format!(
            "the name of {what} has 1 to {} bytes and no control characters",
            limits::COPIED_BYTES_MAX
        ))),
    }
}
