//! What may be asked of a drill, and how it says no.

use super::{event::Hat, measure::Measured};
use crate::{
    base::{AlarmName, InjectionId, NoticeId, Person, ProbeName, Span},
    fault::{Presence, TimedFault, Undone, injector::ReactMoment},
    scenario::{
        act::{Act, Role},
        review::Review,
    },
};

/// Something asked of a drill: by a person, by the clock, or by a hand that finished.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Time has passed, or something has just changed: whatever is due happens.
    Tick,
    /// Somebody takes part.
    Join {
        /// Who.
        person: Person,
        /// On which side.
        hat: Hat,
    },
    /// A responder acts.
    Act {
        /// Who.
        by: Person,
        /// What.
        act: Act,
    },
    /// An instigator points at documentation.
    Hint {
        /// Who.
        by: Person,
        /// As typed: `depotctl(1)`, `depotctl(1)#rollback`.
        pointer: String,
    },
    /// An instigator asks one of the vetted questions, counted from 1.
    Ask {
        /// Who.
        by: Person,
        /// Its number.
        number: usize,
    },
    /// An instigator sends an inject that the plan holds back, counted from 1.
    Inject {
        /// Who.
        by: Person,
        /// Its number among all injects of the plan.
        number: usize,
    },
    /// An instigator begins the second act.
    SecondAct {
        /// Who.
        by: Person,
    },
    /// An observer writes to the instigators.
    Tell {
        /// Who.
        by: Person,
        /// The words.
        text: String,
    },
    /// An instigator deals with a bystander's message: passes a pointer on, or nothing.
    Settle {
        /// Who.
        by: Person,
        /// The message, by its number in the journal.
        message: u64,
        /// The pointer, as for a hint; nothing: it is not passed on.
        pointer: Option<String>,
    },
    /// A trainer notes something, for the debrief.
    Observe {
        /// Who.
        by: Person,
        /// The event that it is about.
        about: Option<u64>,
        /// What was seen.
        text: String,
    },
    /// A trainer grades, or writes down what comes of the talk.
    Review {
        /// Who.
        by: Person,
        /// What.
        entry: Review,
    },
    /// Anybody in the drill stops it.
    Stop {
        /// Who.
        by: Person,
        /// Why.
        reason: String,
        /// A real incident.
        real_incident: bool,
    },
    /// Two people declare an injection dealt with.
    SignOff {
        /// Which.
        id: InjectionId,
        /// Who.
        by: Vec<Person>,
    },
    /// The target was laid out anew.
    ResetTarget,
    /// A hand reports.
    Report(Report),
}

/// What a hand reports after an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A second was measured.
    Measured(Measured),
    /// A probe answered.
    Asked {
        /// Which.
        probe: ProbeName,
        /// How.
        answer: ProbeAnswer,
    },
    /// An injection's place was looked at.
    Inspected {
        /// Which.
        id: InjectionId,
        /// What was seen; an error is `Unknown`.
        presence: Presence,
        /// In one line.
        detail: String,
    },
    /// The agent holds lease and undo, or does not.
    Armed {
        /// Which.
        id: InjectionId,
        /// How it went.
        result: HandResult,
    },
    /// The agent applied the fault, or did not, or nobody knows.
    Injected {
        /// Which.
        id: InjectionId,
        /// How it went.
        result: HandResult,
    },
    /// The token is revoked at the agent.
    Revoked {
        /// Which.
        id: InjectionId,
        /// How it went.
        result: HandResult,
    },
    /// The undo ran.
    Undone {
        /// Which.
        id: InjectionId,
        /// How it went, and what the undo found when it ran.
        result: Result<Undone, HandResult>,
    },
    /// The agent answered a heartbeat: these injections are no longer held by a lease.
    Heartbeat {
        /// Injections that the agent took back by itself.
        expired: Vec<InjectionId>,
    },
    /// The agent did not answer a heartbeat.
    HeartbeatLost {
        /// What was seen.
        error: String,
    },
    /// A notice was taken by its receiver, or was not.
    Delivered {
        /// Which.
        notice: NoticeId,
        /// How it went.
        result: Result<(), DeliveryError>,
    },
    /// An injector answered what it wants now.
    Reacted {
        /// Its index among the plan's reactors.
        reactor: usize,
        /// The moment that it was asked at.
        moment: ReactMoment,
        /// Its faults, with times counted from now; or why there are none.
        answer: Result<Vec<TimedFault>, String>,
    },
    /// An operation ended.
    Operated {
        /// Who.
        by: Person,
        /// The arguments.
        argv: Vec<String>,
        /// Its exit code, if it ran.
        exit: Option<i32>,
        /// What it printed.
        output: String,
    },
}

/// How a hand's work on an injection went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandResult {
    /// Done.
    Done,
    /// The agent said no; nothing was changed.
    Refused(String),
    /// No answer, or none that can be trusted: anything may have happened.
    Unknown(String),
}

/// A probe's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// Whether it was good; unknown is bad.
    pub good: bool,
    /// Milliseconds until it was there.
    pub latency_ms: u32,
    /// What was seen, in one line.
    pub detail: String,
}

/// Why a notice was not delivered; the receiver says whether trying again helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    /// What was seen.
    pub error: String,
    /// Whether it is worth another try.
    pub retry: bool,
    /// The receiver asks for so long a wait before that.
    pub wait: Span,
}

/// Why a drill says no. `Display` is the sentence that people read; [`Refusal::code`] is for scripts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not part of this drill.
    #[error("{0} is not part of this drill: join it first")]
    NotJoined(Person),
    /// Joined with another hat.
    #[error("{person} joined as {was} and cannot also be {wanted}")]
    OtherHat {
        /// Who.
        person: Person,
        /// What they are.
        was: Hat,
        /// What they asked for.
        wanted: Hat,
    },
    /// The drill's people were named beforehand.
    #[error("{person} is not on this drill's roster as {wanted}: ask an instigator, or join as observer")]
    NotOnRoster {
        /// Who.
        person: Person,
        /// What they asked for.
        wanted: Hat,
    },
    /// The act belongs to another side.
    #[error("this is for {needed}s, and {person} joined as {was}")]
    WrongHat {
        /// Who.
        person: Person,
        /// What they are.
        was: Hat,
        /// What is needed.
        needed: Hat,
    },
    /// Not the time for it.
    #[error("the drill is {phase}: {help}")]
    WrongPhase {
        /// How the drill stands.
        phase: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// Somebody has the role.
    #[error("{role} is held by {holder}: ask for a hand-over")]
    RoleTaken {
        /// The role.
        role: Role,
        /// Who has it.
        holder: Person,
    },
    /// Nobody, or somebody else, has the role.
    #[error("{person} does not hold {role}")]
    RoleNotHeld {
        /// The role.
        role: Role,
        /// Who asked.
        person: Person,
    },
    /// No such alarm is active.
    #[error("no alarm `{0}` is active")]
    NoSuchAlarm(AlarmName),
    /// Acknowledged before.
    #[error("alarm `{alarm}` is acknowledged by {by}")]
    AlreadyAcknowledged {
        /// Which.
        alarm: AlarmName,
        /// By whom.
        by: Person,
    },
    /// A text is empty or too long.
    #[error("{0}")]
    BadText(String),
    /// A claim names something that does not exist.
    #[error("{0}")]
    BadClaim(String),
    /// A ticket that is not there, is closed, or could be one of several.
    #[error("{0}")]
    BadTicket(String),
    /// A grade or an entry of the debrief that cannot be taken.
    #[error("{0}")]
    BadReview(String),
    /// A hint that is no pointer into the catalogue.
    #[error("`{given}` is not in the documentation catalogue, and a hint may point nowhere else{suggestion}")]
    NotInCatalogue {
        /// What was typed, cut.
        given: String,
        /// `; did you mean ...?`, or nothing.
        suggestion: String,
    },
    /// Hints are rationed.
    #[error("{0}")]
    HintsRationed(String),
    /// Nobody is stumped.
    #[error("a question may be asked only after a responder says `stumped`")]
    NobodyStumped,
    /// No question of that number.
    #[error("there is no question {number}: this scenario has {count}")]
    NoSuchQuestion {
        /// What was asked for.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// No inject of that number is held back, or it was sent.
    #[error("{0}")]
    NotHeld(String),
    /// No such message, or it was dealt with.
    #[error("event {0} is no bystander's message that waits")]
    NoSuchMessage(u64),
    /// There is none, or not now.
    #[error("{0}")]
    NoSecondAct(String),
    /// An entry of the action list that is not there or is done, or an owner that nobody knows.
    #[error("{0}")]
    BadAction(String),
    /// Something was done as often as it may be in one drill.
    #[error("{0}")]
    TooMany(String),
    /// The operation is not declared for this target.
    #[error("`{0}` is not one of this target's operations")]
    NotAnOperation(String),
    /// Only blocked injections can be signed off, by two people.
    #[error("{0}")]
    NoSignOff(String),
    /// The journal is full.
    #[error("the journal has reached its limit of events; the drill is being ended")]
    JournalFull,
}

impl Refusal {
    /// A stable word for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotJoined(_) => "not-joined",
            Self::OtherHat { .. } => "other-hat",
            Self::NotOnRoster { .. } => "not-on-roster",
            Self::WrongHat { .. } => "wrong-hat",
            Self::WrongPhase { .. } => "wrong-phase",
            Self::RoleTaken { .. } => "role-taken",
            Self::RoleNotHeld { .. } => "role-not-held",
            Self::NoSuchAlarm(_) => "no-such-alarm",
            Self::AlreadyAcknowledged { .. } => "already-acknowledged",
            Self::BadText(_) => "bad-text",
            Self::BadClaim(_) => "bad-claim",
            Self::BadTicket(_) => "bad-ticket",
            Self::BadReview(_) => "bad-review",
            Self::NotInCatalogue { .. } => "not-in-catalogue",
            Self::HintsRationed(_) => "hints-rationed",
            Self::NobodyStumped => "nobody-stumped",
            Self::NoSuchQuestion { .. } => "no-such-question",
            Self::NotHeld(_) => "not-held",
            Self::NoSuchMessage(_) => "no-such-message",
            Self::NoSecondAct(_) => "no-second-act",
            Self::BadAction(_) => "bad-action",
            Self::TooMany(_) => "too-many",
            Self::NotAnOperation(_) => "not-an-operation",
            Self::NoSignOff(_) => "no-sign-off",
            Self::JournalFull => "journal-full",
        }
    }
}
