//! The responders' verbs that say or take something.

use super::session::{Common, send_act};
use crate::{
    base::{AlarmName, Person, Span},
    cli::{
        exit::{Exit, Failure},
        show,
    },
    scenario::{
        act::{Act, Pager, Role as DrillRole, StatusState},
        ticket::TicketId,
    },
};

/// Says something in the channel
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday say \"a write on storage-west says that no space is left\"")]
pub(in crate::cli) struct Say {
    /// The words
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Say {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        send_act(&self.common, "say it", &Act::Say(self.text), "Said.")
    }
}

/// Writes into the log what you are about to do, before you do it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday log \"making room on the volume of storage-west\" --on storage")]
pub(in crate::cli) struct Log {
    /// What you are going to do
    text: String,
    /// What it is done to: a component of the target
    #[arg(long, value_name = "COMPONENT")]
    on: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Log {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        send_act(&self.common, "log it", &Act::Log { text: self.text, on: self.on }, "Logged.")
    }
}

/// Acknowledges an alarm: somebody is on it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday board\n  gameday ack UploadErrorsHigh")]
pub(in crate::cli) struct Ack {
    /// The alarm
    alarm: AlarmName,
    #[command(flatten)]
    common: Common,
}

impl Ack {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        send_act(&self.common, "acknowledge the alarm", &Act::Ack(self.alarm), "Acknowledged.")
    }
}

/// Declares an incident
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday declare \"some writes fail since 20:14\"")]
pub(in crate::cli) struct Declare {
    /// One line: what is broken, for whom
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Declare {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let said = "The incident is declared.";
        send_act(&self.common, "declare the incident", &Act::Declare { text: self.text }, said)
    }
}

/// Tells people outside of the response how things stand
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday status \"Uploads fail; we are looking into it\" --state investigating --to users --next 15m
  gameday status \"Uploads work again\" --state monitoring --to users --to stakeholders --ticket t1")]
pub(in crate::cli) struct Status {
    /// The update
    text: String,
    /// `investigating`, `identified`, `monitoring` or `resolved`
    #[arg(long, value_name = "STATE", value_parser = show::word::<StatusState>)]
    state: StatusState,
    /// Who is told: `users`, `stakeholders`, ...
    #[arg(long, value_name = "WHO")]
    to: Vec<String>,
    /// When the next update is promised, from now
    #[arg(long, value_name = "TIME")]
    next: Option<Span>,
    /// Mirrors the update into this ticket: `t1`
    #[arg(long, value_name = "TICKET")]
    ticket: Option<TicketId>,
    #[command(flatten)]
    common: Common,
}

impl Status {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let Self { text, state, to, next, ticket, .. } = self;
        let act = Act::Status { text, to, state, next_in: next, ticket };
        send_act(&self.common, "send the update", &act, "The update is sent.")
    }
}

/// Calls people in: the on-call with the klaxon, everybody with the batphone
///
/// It goes out by every route of the drill, marked EXERCISE. To call early is never wrong.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday page klaxon \"uploads fail, we need somebody who knows the metadata service\"
  gameday page batphone \"nobody of the on-call answers, and half of the users are hit\"")]
pub(in crate::cli) struct Page {
    /// `klaxon` (the on-call) or `batphone` (everybody)
    #[arg(value_name = "PAGER", value_parser = show::word::<Pager>)]
    with: Pager,
    /// What they are needed for
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Page {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let said = format!("Paged {}.", self.with.reaches());
        send_act(&self.common, "page them", &Act::Page { with: self.with, text: self.text }, &said)
    }
}

/// Sums up what happened, in your own words
///
/// Also while faults are being taken back after the end. Your last summary counts.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday summary \"a release made the pool too small; going back repaired it\""
)]
pub(in crate::cli) struct Summary {
    /// What happened
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Summary {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        send_act(&self.common, "sum up", &Act::Summary(self.text), "Noted.")
    }
}

/// Says that the team cannot get any further: the instigators may ask a question then
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday stumped \"the logs say nothing, every instance is healthy\"")]
pub(in crate::cli) struct Stumped {
    /// What you have tried
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Stumped {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        let said = "The instigators know that you are stumped.";
        send_act(&self.common, "say that you are stumped", &Act::Stumped(self.text), said)
    }
}

/// Says that the incident is over
///
/// Restoration itself is measured, not believed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday resolve \"the new certificate is in use, every page loads\"")]
pub(in crate::cli) struct Resolve {
    /// What ended it
    text: String,
    #[command(flatten)]
    common: Common,
}

impl Resolve {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        send_act(&self.common, "resolve the incident", &Act::Resolve(self.text), "The incident is resolved.")
    }
}

/// Takes a role, gives it back, or hands it to somebody
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gameday role take ic
  gameday role hand-over ic --to ben --note \"the certificate is renewed, waiting for the numbers\"
  gameday role release scribe

Roles: ic (incident coordinator), operations, communications, first-line, second-line, third-line, scribe.")]
pub(in crate::cli) struct Role {
    #[command(subcommand)]
    verb: RoleVerb,
}

#[derive(Debug, clap::Subcommand)]
enum RoleVerb {
    /// Takes a role; only `ic` must be free, any other passes from its holder to you
    #[command(after_help = "Examples:\n  gameday role take ic")]
    Take {
        /// The role
        role: DrillRole,
        #[command(flatten)]
        common: Common,
    },
    /// Gives a role back
    #[command(after_help = "Examples:\n  gameday role release scribe")]
    Release {
        /// The role
        role: DrillRole,
        #[command(flatten)]
        common: Common,
    },
    /// Hands a role to another responder
    #[command(
        after_help = "Examples:\n  gameday role hand-over ic --to ben --note \"the volume has room, watching\""
    )]
    HandOver {
        /// The role
        role: DrillRole,
        /// Who takes it
        #[arg(long, value_name = "NAME")]
        to: Person,
        /// What the next one must know
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        #[command(flatten)]
        common: Common,
    },
}

impl Role {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            RoleVerb::Take { role, common } => {
                let said = format!("You hold {role}.");
                send_act(&common, &format!("take {role}"), &Act::TakeRole(role), &said)
            }
            RoleVerb::Release { role, common } => {
                let said = format!("{role} is free.");
                send_act(&common, &format!("release {role}"), &Act::ReleaseRole(role), &said)
            }
            RoleVerb::HandOver { role, to, note, common } => {
                let said = format!("{to} holds {role}.");
                send_act(&common, &format!("hand {role} over"), &Act::HandOver { role, to, note }, &said)
            }
        }
    }
}
