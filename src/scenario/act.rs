//! What a responder may do: one enum for the autopilot's file, the command line, the API and the journal.

use super::action::ActionAct;
use super::severity::Answer;
use super::shell::ShellCommand;
use super::ticket::{TicketAct, TicketId};
use super::truth::Rung;
use crate::base::{AlarmName, At, ClassName, Person, Span};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// An act of a responder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// Takes a role. Only `ic` must be free; any other role passes from whoever holds it.
    TakeRole(Role),
    /// Gives a role back.
    ReleaseRole(Role),
    /// Hands a role to another responder.
    HandOver {
        /// The role.
        role: Role,
        /// Who takes it.
        to: Person,
        /// What the next one must know.
        #[serde(default)]
        note: String,
    },
    /// Says something in the channel.
    Say(String),
    /// Writes the action that is about to be taken into the log.
    Log {
        /// What is going to be done.
        text: String,
        /// What it is done to: a component of the target.
        #[serde(default)]
        on: Option<String>,
    },
    /// Acknowledges an alarm.
    Ack(AlarmName),
    /// Declares an incident.
    Declare {
        /// One line: what is broken, for whom.
        text: String,
    },
    /// Tells somebody outside the response how things stand.
    Status {
        /// The update.
        text: String,
        /// Who is told: `users`, `stakeholders`, ...
        #[serde(default)]
        to: Vec<String>,
        /// How the incident stands.
        state: StatusState,
        /// When the next update is promised, counted from now.
        #[serde(default)]
        next_in: Option<Span>,
        /// The ticket that the update is mirrored into.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
    },
    /// Does something to the ticket that tracks the incident.
    Ticket(TicketAct),
    /// Records which step is taken against the outage, before it is taken.
    Decide {
        /// A rung of the scenario's decision ladder.
        option: Rung,
        /// Why this one.
        because: String,
        /// Who was asked before: people, roles, teams.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        asked: Vec<String>,
        /// The ticket that the decision is recorded in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
    },
    /// Calls people who are not here yet. To call early is never wrong.
    Page {
        /// Whom it reaches.
        with: Pager,
        /// What they are needed for.
        text: String,
    },
    /// Does something to the list of what is to be done.
    Action(ActionAct),
    /// "We cannot get any further": unlocks the instigators' questions.
    Stumped(String),
    /// A guess at the cause, while working.
    Hypothesis(CauseClaim),
    /// The team's answer: what the cause was. The last one before the reveal counts.
    Cause(CauseClaim),
    /// The team's answer: who was affected, when and how much. The last one before the reveal counts.
    Assess(ImpactClaim),
    /// The team's answers to questions of the severity checklist. The last one to each question before the reveal counts.
    Severity(BTreeMap<String, Answer>),
    /// What happened, in one's own words. The last one of each person counts.
    Summary(String),
    /// Says that the incident is over. Restoration itself is measured, not believed.
    Resolve(String),
    /// Runs an operation on the target; people do this in their own shell, the autopilot through the engine.
    Operate(Vec<String>),
    /// Ran a command in a recorded shell. The recorder tells it, nobody by hand, and no scenario holds it.
    #[schemars(skip)]
    Ran(ShellCommand),
}

impl Act {
    /// The verb as people type it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::TakeRole(_) | Self::ReleaseRole(_) | Self::HandOver { .. } => "role",
            Self::Say(_) => "say",
            Self::Log { .. } => "log",
            Self::Ack(_) => "ack",
            Self::Declare { .. } => "declare",
            Self::Status { .. } => "status",
            Self::Ticket(_) => "ticket",
            Self::Decide { .. } => "decide",
            Self::Page { .. } => "page",
            Self::Action(_) => "action",
            Self::Stumped(_) => "stumped",
            Self::Hypothesis(_) => "hypothesis",
            Self::Cause(_) => "cause",
            Self::Assess(_) => "assess",
            Self::Severity(_) => "severity",
            Self::Summary(_) => "summary",
            Self::Resolve(_) => "resolve",
            Self::Operate(_) => "operate",
            Self::Ran(_) => "shell",
        }
    }
}

/// Roles of the response.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Incident coordinator: exactly one; coordinates and does not troubleshoot.
    Ic,
    /// Works on the target.
    Operations,
    /// Tells people outside.
    Communications,
    /// Calms users, publishes workarounds.
    FirstLine,
    /// Fixes.
    SecondLine,
    /// Debugs code.
    ThirdLine,
    /// Keeps the record.
    Scribe,
}

impl Role {
    /// Every role, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Ic,
        Self::Operations,
        Self::Communications,
        Self::FirstLine,
        Self::SecondLine,
        Self::ThirdLine,
        Self::Scribe,
    ];

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ic => "ic",
            Self::Operations => "operations",
            Self::Communications => "communications",
            Self::FirstLine => "first-line",
            Self::SecondLine => "second-line",
            Self::ThirdLine => "third-line",
            Self::Scribe => "scribe",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|role| role.as_str()).collect();
            format!("`{text}` is not a role: use one of {}", known.join(", "))
        })
    }
}

/// How people are called in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pager {
    /// Pages those who are on call.
    Klaxon,
    /// Pages everybody: for when nobody is on call, or too few.
    Batphone,
}

impl Pager {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Klaxon => "klaxon",
            Self::Batphone => "batphone",
        }
    }

    /// Whom it reaches.
    pub fn reaches(self) -> &'static str {
        match self {
            Self::Klaxon => "the on-call",
            Self::Batphone => "everybody",
        }
    }
}

/// How an incident stands, as status pages say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatusState {
    /// Something is wrong, we are looking.
    Investigating,
    /// We know what it is.
    Identified,
    /// A fix is in, we are watching.
    Monitoring,
    /// It is over.
    Resolved,
}

/// What somebody holds to be the cause.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CauseClaim {
    /// The component of the target at fault.
    pub component: Option<String>,
    /// The kind of fault, from the tree (`config.value`).
    pub kind: Option<String>,
    /// Ids of the offered facts that are held to be true.
    pub facts: Vec<String>,
    /// The cause in words; it may add facts.
    pub text: String,
    /// When it began.
    pub onset: Option<When>,
    /// How sure, in per cent.
    pub confidence: Option<u8>,
    /// Sequence numbers of journal events that show it.
    pub evidence: Vec<u64>,
}

/// Who was affected, when and how much.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImpactClaim {
    /// The times in which users were harmed.
    pub windows: Vec<ClaimedWindow>,
    /// Share of failed requests by class within those times.
    pub failed: BTreeMap<ClassName, ClaimedShare>,
    /// The impact in words.
    pub text: String,
}

/// A claimed span of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimedWindow {
    /// Its beginning.
    pub from: When,
    /// Its end.
    pub to: When,
}

/// A claimed share: one figure, or an interval with a confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimedShare {
    /// Per cent, or the interval's lower end.
    pub percent: f64,
    /// The interval's upper end, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<f64>,
    /// How sure of the interval, in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
}

/// A moment as people write it: `T+90s` after StartEx, or an instant in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum When {
    /// So long after StartEx.
    Offset(Span),
    /// An instant.
    Instant(At),
}

impl When {
    /// The instant, given StartEx.
    pub fn resolve(self, start: At) -> At {
        match self {
            Self::Offset(span) => start + span,
            Self::Instant(at) => at,
        }
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        match when {
            When::Offset(span) => format!("T+{span}"),
            When::Instant(at) => at.to_string(),
        }
    }
}

impl TryFrom<String> for When {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(span) = text.strip_prefix("T+") {
            return span.parse().map(Self::Offset).map_err(|bad| bad.to_string());
        }
        At::try_from(text.to_owned()).map(Self::Instant).map_err(|_| {
            format!("`{text}` is not a moment: write `T+90s` (after the start) or `2026-12-01T13:04:05Z`")
        })
    }
}
