//! The one enum of events: what happened, in order, in the past tense.
//!
//! A journal line is `{"seq":7,"at":"2026-12-01T13:00:00.000Z","kind":"acted","v":1,"data":{..}}`. A kind whose data
//! changes its shape gets a new version in [`Event::version`] and an upcaster in [`Recorded::from_line`]; the corpus of
//! stored journals proves that old ones still read.

use super::{
    measure::Bucket,
    plan::{Plan, PlannedInjection},
};
use crate::{
    base::{AlarmName, At, InjectionId, NoticeId, Person, ProbeName, Span},
    fault::{Fence, Undone, injector::ReactMoment},
    scenario::{
        AlarmSeverity,
        act::{Act, Pager},
        review::Review,
    },
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that happened in a drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case")]
pub enum Event {
    /// Always number 0: the whole plan.
    Planned(Box<Plan>),
    /// An engine holds the drill from here on; the first has epoch 1.
    TookOver {
        /// Counts engines.
        epoch: u64,
        /// `false`: only to undo everything and close.
        resume: bool,
    },
    /// The target can be reached, and whoever recovers finds it here.
    TargetAttached(Attachment),
    /// Somebody takes part.
    Joined {
        /// Who.
        person: Person,
        /// On which side.
        hat: Hat,
    },
    /// The workload began; buckets follow.
    MeasuringBegan,
    /// What one second's requests met.
    Measured {
        /// When the second began.
        second: At,
        /// What was seen.
        bucket: Bucket,
    },
    /// A probe was asked.
    ProbeAnswered {
        /// Which.
        probe: ProbeName,
        /// Whether it was good; unknown counts as bad.
        good: bool,
        /// How long it took, in milliseconds.
        latency_ms: u32,
        /// What was seen, in one line.
        detail: String,
    },
    /// Steady state held before the outage.
    SteadyStateHeld,
    /// StartEx.
    Started,
    /// An injection went from one state to the next.
    Injection {
        /// Which.
        id: InjectionId,
        /// What happened to it.
        step: InjectionStep,
    },
    /// The oracle failed while a fault of the scenario was there: the outage is real.
    SymptomSeen {
        /// What was measured, in one line.
        detail: String,
    },
    /// The oracle holds again, measured.
    Restored {
        /// When the time during which it held began.
        since: At,
    },
    /// The oracle failed again after restoration.
    Relapsed,
    /// An injector was asked what it wants now, and has answered.
    Reacted {
        /// Its index among the plan's reactors.
        reactor: usize,
        /// The moment that it was asked at.
        moment: ReactMoment,
        /// What is injected from here on like anything else of the plan; empty when it wants nothing.
        planned: Vec<PlannedInjection>,
        /// Why nothing is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// An alarm was raised.
    AlarmRaised {
        /// Which.
        alarm: AlarmName,
        /// The summary with its figures.
        summary: String,
    },
    /// What the alarm watches is good again.
    AlarmResolved {
        /// Which.
        alarm: AlarmName,
    },
    /// A message has to go out; it stays in the outbox until it is delivered or given up.
    NoticeQueued(Notice),
    /// The receiver has it.
    NoticeDelivered {
        /// Which.
        notice: NoticeId,
        /// How many tries it took.
        attempts: u32,
    },
    /// A try failed.
    NoticeFailed {
        /// Which.
        notice: NoticeId,
        /// Tries so far.
        attempts: u32,
        /// Why.
        error: String,
        /// When it is tried again; nothing: given up, and shown.
        retry_at: Option<At>,
    },
    /// A message of the plan was spoken to the players.
    InjectSpoken {
        /// Its index in the plan.
        inject: usize,
        /// The instigator who chose the moment of one that was held back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Person>,
    },
    /// A message of the plan was not needed.
    InjectSkipped {
        /// Its index in the plan.
        inject: usize,
    },
    /// A responder did something. Moments in claims are instants here.
    Acted {
        /// Who.
        by: Person,
        /// What.
        act: Act,
    },
    /// The next shift of a long drill came on.
    ShiftBegan {
        /// Its index among the plan's shifts; the first is on from StartEx and has no such event.
        shift: usize,
    },
    /// The autopilot did its part (or was refused, with the reason).
    Played {
        /// Its index in the plan.
        play: usize,
        /// Why it was refused, if it was.
        refused: Option<String>,
    },
    /// A part of the autopilot's play that is left to a person was waited for, and the others go on.
    PlayLeft {
        /// Its index in the plan.
        play: usize,
        /// When its turn came.
        since: At,
        /// A person did it; else they did not come to it in time, or it was not needed any more.
        done: bool,
    },
    /// An operation on the target ended.
    Operated {
        /// Who ran it.
        by: Person,
        /// The arguments.
        argv: Vec<String>,
        /// Its exit code; nothing when it could not be run.
        exit: Option<i32>,
        /// What it printed, cut.
        output: String,
    },
    /// An instigator pointed at documentation.
    HintGiven {
        /// Who.
        by: Person,
        /// The catalogue entry.
        entry: String,
        /// The heading in it.
        anchor: Option<String>,
    },
    /// An instigator asked a vetted question.
    QuestionAsked {
        /// Who.
        by: Person,
        /// Its index in the plan.
        question: usize,
    },
    /// Somebody who only watches wrote to the instigators. No responder reads it.
    BystanderWrote {
        /// Who.
        by: Person,
        /// The words.
        text: String,
    },
    /// An instigator has dealt with a bystander's message.
    BystanderSettled {
        /// Who.
        by: Person,
        /// The message, by its number in the journal.
        message: u64,
        /// A pointer into the documentation was passed on: the hint before this event.
        passed_on: bool,
    },
    /// An instigator began the second act: the first is concluded, and what was held back is injected.
    SecondActBegan {
        /// Who.
        by: Person,
        /// What is injected from here on like anything else of the plan.
        planned: Vec<PlannedInjection>,
    },
    /// A trainer noted something, for the debrief.
    Observed {
        /// Who.
        by: Person,
        /// The event that it is about.
        about: Option<u64>,
        /// What was seen.
        text: String,
    },
    /// A trainer graded, or wrote down what came of the talk. After EndEx, also after the drill is closed.
    Reviewed {
        /// Who.
        by: Person,
        /// What.
        entry: Review,
    },
    /// A stop condition did not hold three times in a row.
    StopConditionFailed {
        /// Its index in the plan.
        condition: usize,
        /// What was seen.
        detail: String,
    },
    /// Somebody stopped the drill.
    StopRequested {
        /// Who.
        by: Person,
        /// Why.
        reason: String,
        /// A real incident: the run is not scored.
        real_incident: bool,
    },
    /// The agent does not answer.
    AgentSilent {
        /// What was tried and seen.
        error: String,
    },
    /// The agent answers again.
    AgentBack,
    /// A rule that has to hold before anything is broken did not; the drill ends unfit.
    Barred {
        /// The rule, as `drill::preflight` names it.
        code: String,
        /// What was seen.
        why: String,
    },
    /// EndEx: the exercise is over, faults are taken back.
    Ended {
        /// How.
        outcome: Outcome,
        /// Why, in one line.
        reason: String,
    },
    /// The target was laid out anew: whatever was left on it is gone.
    TargetReset,
    /// People decided that an injection which could not be undone is dealt with.
    SignedOff {
        /// Which.
        id: InjectionId,
        /// Two people.
        by: Vec<Person>,
    },
    /// Everything is undone and measured again. Only what concerns the outbox or what is left on a target follows.
    Closed {
        /// Whether steady state held again; nothing: it was not measured.
        steady_after: Option<bool>,
    },
}

/// What happened to an injection. See `drill::injection` for which step may follow which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub enum InjectionStep {
    /// Looked at: the effect is absent and the place is as it should be.
    Probed,
    /// We mean to inject, under this fence.
    Intent {
        /// The token.
        fence: Fence,
        /// When it is reverted whatever happens.
        deadline: At,
    },
    /// The agent holds lease and undo durably.
    Armed,
    /// The agent was told to apply it.
    Injecting,
    /// The effect was seen by inspection.
    Applied,
    /// Effect and symptom were seen.
    Live,
    /// It is being taken back.
    Reverting {
        /// Why.
        why: String,
    },
    /// The agent has revoked the token: nothing of it can be applied any more.
    Fenced,
    /// The agent was told to undo.
    Undoing,
    /// The undo was done; it is being checked.
    Verifying {
        /// What the undo found.
        found: Undone,
    },
    /// Gone, by our undo.
    Reverted,
    /// Gone, by the responders' repair.
    Cleared,
    /// Gone, by its lease.
    Expired,
    /// Never applied.
    Aborted {
        /// Why.
        why: String,
    },
    /// Somebody changed the place: neither ours nor as it was. Blocks.
    Diverged {
        /// What was found.
        detail: String,
    },
    /// The target cannot be found. Blocks.
    Gone {
        /// What was seen.
        detail: String,
    },
    /// A step failed and is tried again. Blocks while it lasts.
    Stuck {
        /// Which try.
        attempt: u32,
        /// What was seen.
        error: String,
        /// When it is tried again.
        retry_at: At,
    },
}

/// On which side somebody is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Hat {
    /// Plans and runs the drill.
    Instigator,
    /// Is exercised.
    Responder,
    /// Observes and grades.
    Trainer,
    /// Watches.
    Observer,
}

impl Hat {
    /// Whether whoever wears it runs the drill or grades it, and knows its answers.
    pub fn is_staff(self) -> bool {
        matches!(self, Self::Instigator | Self::Trainer)
    }

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instigator => "instigator",
            Self::Responder => "responder",
            Self::Trainer => "trainer",
            Self::Observer => "observer",
        }
    }
}

impl fmt::Display for Hat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where the target of a drill is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Where its agent answers.
    pub agent: String,
    /// The agent's own folder: enough to clean up without any engine.
    pub folder: String,
    /// Where the target is laid out; nothing in the journals of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
}

/// A message on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Also the idempotency key at the receiver.
    pub id: NoticeId,
    /// The route's name.
    pub route: String,
    /// When it was decided.
    pub at: At,
    /// What it is about.
    pub about: NoticeKind,
    /// How loud, if it is an alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<AlarmSeverity>,
    /// One line, beginning with `EXERCISE`.
    pub subject: String,
    /// The rest; may be empty.
    pub text: String,
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// A message that proves its route, before the exercise. Nothing is wrong.
    ComCheck,
    /// The exercise begins.
    StartEx,
    /// The exercise ends.
    EndEx,
    /// An alarm was raised.
    AlarmRaised(AlarmName),
    /// An alarm resolved by itself.
    AlarmResolved(AlarmName),
    /// A message of the plan.
    Inject,
    /// Others come on, and those before them hand over.
    Shift,
    /// Responders call people in.
    Page(Pager),
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Played to its end.
    Completed,
    /// Stopped by an instigator, a stop condition or a lost engine.
    Aborted,
    /// The real world won; not scored.
    Stopped,
    /// No steady state before the start.
    Unfit,
    /// The fault never bit; not scored.
    Void,
    /// The start passed.
    Missed,
}

impl Outcome {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Stopped => "stopped",
            Self::Unfit => "unfit",
            Self::Void => "void",
            Self::Missed => "missed",
        }
    }
}

/// An event in its place in a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// 0, 1, 2, ...
    pub seq: u64,
    /// When it was decided.
    pub at: At,
    /// What happened.
    pub event: Event,
}

/// A journal line that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BadLine {
    /// Not JSON, or not of this shape.
    #[error("line is not a journal event: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written by a newer version.
    #[error("event kind `{kind}` has version {found}, and this program reads up to {known}: use a newer one")]
    TooNew {
        /// The event's kind.
        kind: String,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    seq: u64,
    at: At,
    kind: String,
    v: u32,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    data: serde_json::Value,
}

impl Event {
    /// The version of each kind's data.
    pub fn version(_kind: &str) -> u32 {
        1
    }

    /// The injection's step, if this is one.
    pub fn injection_step(&self) -> Option<(&InjectionId, &InjectionStep)> {
        match self {
            Self::Injection { id, step } => Some((id, step)),
            _ => None,
        }
    }
}

impl Recorded {
    /// The event as one line of JSON, without a newline.
    pub fn to_line(&self) -> String {
        let mut value = serde_json::to_value(&self.event).expect("events are plain data");
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        let line =
            Line { seq: self.seq, at: self.at, v: Event::version(&kind), kind, data: value["data"].take() };
        serde_json::to_string(&line).expect("events are plain data")
    }

    /// Reads a line that this or an older version wrote.
    pub fn from_line(text: &str) -> Result<Self, BadLine> {
        let line: Line = serde_json::from_str(text)?;
        let known = Event::version(&line.kind);
        if line.v > known {
            return Err(BadLine::TooNew { kind: line.kind, found: line.v, known });
        }
        let mut tagged = serde_json::Map::new();
        tagged.insert("kind".to_owned(), line.kind.into());
        if !line.data.is_null() {
            tagged.insert("data".to_owned(), line.data);
        }
        let event = serde_json::from_value(tagged.into())?;
        Ok(Self { seq: line.seq, at: line.at, event })
    }
}

/// How long after `start` something happened, as people say it in a drill: `T+1m30s`, `T-5s`.
pub fn offset(start: At, at: At) -> String {
    if at >= start {
        format!("T+{}", Span::from_secs(at.since(start).millis() / 1000))
    } else {
        format!("T-{}", Span::from_secs(start.since(at).millis().div_ceil(1000)))
    }
}
