//! The ticket that tracks an incident: what responders do to it. How a ticket stands is a fold in the report room.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A ticket of one drill: `t1`, `t2`, ... in the order in which they were opened.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TicketId(u16);

impl TicketId {
    /// The ticket that was opened first.
    pub const FIRST: Self = Self(1);

    /// The id of a ticket before which so many were opened.
    pub fn after(opened: usize) -> Self {
        Self(u16::try_from(opened).unwrap_or(u16::MAX).saturating_add(1))
    }

    /// Its place in the order in which tickets were opened, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0).saturating_sub(1)
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("t{}", self.0))
    }
}

impl From<TicketId> for String {
    fn from(id: TicketId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TicketId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for TicketId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('t').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
        number.map(Self).ok_or_else(|| format!("`{text}` is not a ticket: tickets are t1, t2, ..."))
    }
}

/// How soon somebody has to act on a ticket.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    /// In its turn.
    LessUrgent,
    /// Today.
    Urgent,
    /// Before other work.
    VeryUrgent,
    /// Now, whatever else there is.
    TopPriority,
}

impl Priority {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LessUrgent => "less-urgent",
            Self::Urgent => "urgent",
            Self::VeryUrgent => "very-urgent",
            Self::TopPriority => "top-priority",
        }
    }

    /// How many steps lie between two of them.
    pub fn steps_to(self, other: Self) -> u8 {
        (self as u8).abs_diff(other as u8)
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that is done to a ticket. Without `ticket` it is the one that is open, if there is only one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TicketAct {
    /// Opens one.
    Open {
        /// One line: what is broken, for whom.
        title: String,
        /// What it is about: a component of the target.
        #[serde(default)]
        on: Option<String>,
        /// How soon somebody has to act.
        #[serde(default)]
        priority: Option<Priority>,
        /// What is known.
        #[serde(default)]
        text: String,
        /// Who is copied.
        #[serde(default)]
        cc: Vec<String>,
    },
    /// Changes the fields that are given.
    Update {
        /// Which.
        #[serde(default)]
        ticket: Option<TicketId>,
        /// A new title.
        #[serde(default)]
        title: Option<String>,
        /// What it is about, as it is known now.
        #[serde(default)]
        on: Option<String>,
        /// How soon somebody has to act.
        #[serde(default)]
        priority: Option<Priority>,
    },
    /// Adds a note.
    Note {
        /// Which.
        #[serde(default)]
        ticket: Option<TicketId>,
        /// The words.
        text: String,
        /// The status update that the note mirrors: its number in the journal.
        #[serde(default)]
        status: Option<u64>,
    },
    /// Copies people on it.
    Cc {
        /// Which.
        #[serde(default)]
        ticket: Option<TicketId>,
        /// Who.
        to: Vec<String>,
    },
    /// Closes it.
    Close {
        /// Which.
        #[serde(default)]
        ticket: Option<TicketId>,
        /// What ended it.
        #[serde(default)]
        text: String,
    },
}

impl TicketAct {
    /// The ticket that it names; nothing for one that is only being opened.
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Open { .. } => None,
            Self::Update { ticket, .. }
            | Self::Note { ticket, .. }
            | Self::Cc { ticket, .. }
            | Self::Close { ticket, .. } => *ticket,
        }
    }

    /// The same done to `ticket`; one that is being opened stays as it is.
    #[must_use]
    pub fn on_ticket(mut self, id: TicketId) -> Self {
        match &mut self {
            Self::Open { .. } => {}
            Self::Update { ticket, .. }
            | Self::Note { ticket, .. }
            | Self::Cc { ticket, .. }
            | Self::Close { ticket, .. } => *ticket = Some(id),
        }
        self
    }

    /// The component that it names.
    pub fn on(&self) -> Option<&str> {
        match self {
            Self::Open { on, .. } | Self::Update { on, .. } => on.as_deref(),
            _ => None,
        }
    }

    /// The people whom it copies.
    pub fn copied(&self) -> &[String] {
        match self {
            Self::Open { cc, .. } => cc,
            Self::Cc { to, .. } => to,
            _ => &[],
        }
    }

    /// Every text in it that people wrote.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Open { title, text, .. } => vec![title, text],
            Self::Update { title, .. } => title.iter().map(String::as_str).collect(),
            Self::Note { text, .. } | Self::Close { text, .. } => vec![text],
            Self::Cc { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_has_a_short_id() {
        assert_eq!(TicketId::after(0).to_string(), "t1");
        assert_eq!("t12".parse::<TicketId>().unwrap().index(), 11);
        for wrong in ["", "t", "t0", "1", "T1", "t-1", "t+1", "t99999999", "ticket"] {
            assert!(wrong.parse::<TicketId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn priorities_are_steps() {
        assert_eq!(Priority::Urgent.steps_to(Priority::Urgent), 0);
        assert_eq!(Priority::TopPriority.steps_to(Priority::LessUrgent), 3);
    }
}
