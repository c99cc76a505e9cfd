//! The words of a scenario: what an instigator may write, checked.
//!
//! ```text
//! scenario.yaml -> file::ScenarioFile (positions kept) -> check -> Scenario | every Problem
//! pack.yaml     -> file::PackFile                      -> check -> pack::Pack
//! target.yaml   -> file::TargetFile                    -> check -> blueprint::Blueprint
//! a table-top   -> file::TableTopFile                  -> check -> tabletop::TableTop
//! ```
//!
//! Open first: [`Scenario`], the checked form that plans are made from. [`mod@file`] mirrors the YAML and is the only
//! place that knows the YAML library; [`check`] turns the one into the other and finds every mistake at once.

pub mod act;
pub mod action;
pub mod blast;
pub mod blueprint;
pub mod check;
pub mod condition;
pub mod file;
pub mod pack;
pub mod problem;
pub mod review;
pub mod roster;
pub mod severity;
pub mod shell;
pub mod tabletop;
pub mod ticket;
pub mod truth;

use crate::base::{AlarmName, Person, Span};
use crate::fault::{TimedFault, injector::Reactor};
use act::{Act, CauseClaim, Role};
use condition::Condition;
use pack::{Pack, WorkloadShape};
use roster::RosterNeeds;
use serde::{Deserialize, Serialize};
use severity::Question;
use truth::Truth;

/// A scenario that passed every check, with its pack.
#[derive(Clone)]
pub struct Scenario {
    /// The file's stem: `pool-shrink`.
    pub name: String,
    /// One line for people who may know that this scenario exists.
    pub title: String,
    /// What happens, for instigators and trainers only.
    pub summary: String,
    /// Scenarios of one family share their answer. Its own name, unless it says another.
    pub family: String,
    /// SHA-256 of everything that shapes the drill: scenario, pack, injector scripts, player file.
    pub digest: String,
    /// What its file committed to before it was opened, if it was sealed.
    pub sealed: Option<String>,
    /// Which of its variants this is; nothing: it has none.
    pub variant: Option<String>,
    /// All of them, in the order of the file.
    pub variants: Vec<String>,
    /// The target, its documentation and its traffic.
    pub pack: Pack,
    /// 1 (first drill) to 5 (experts).
    pub difficulty: u8,
    /// How long a good team needs, and when the drill is ended.
    pub duration: Duration,
    /// Which bias the score takes.
    pub profile: Profile,
    /// What the drill trains.
    pub objectives: Vec<String>,
    /// Who is needed.
    pub roster: RosterNeeds,
    /// What must hold before the outage, and again after it.
    pub steady_state: Vec<Condition>,
    /// The synthetic users' traffic.
    pub workload: WorkloadShape,
    /// Every fault of every injector, in the order of their times from StartEx.
    pub faults: Vec<PlannedFault>,
    /// Faults that are held back for a second act, in the order of their times from its beginning.
    pub second_act: Vec<PlannedFault>,
    /// Injectors that are asked again while it is played.
    pub reactors: Vec<Reactor>,
    /// Alarms, scripted and derived.
    pub alarms: Vec<AlarmRule>,
    /// Messages pushed at the players.
    pub injects: Vec<Inject>,
    /// Names of catalogue entries that are most of use here, for the instigators' picker.
    pub hints: Vec<String>,
    /// Questions that instigators may ask after a "stumped".
    pub questions: Vec<String>,
    /// The severity checklist: questions and options, without what is right.
    pub severity: Vec<Question>,
    /// Automatic aborts: the drill is stopped when one of these does not hold.
    pub stop_conditions: Vec<Condition>,
    /// The oracle: when service counts as restored.
    pub restored_when: Vec<Condition>,
    /// What really happened. Sealed: see [`truth`].
    pub truth: Truth,
    /// Operations that repair the target, in order.
    pub reference_solution: Vec<Vec<String>>,
    /// Claims whose score band is known; they test the scorer against this scenario.
    pub sample_claims: Vec<SampleClaim>,
    /// The whole play of a good team.
    pub autopilot: Vec<Play>,
}

/// Times of a drill, from StartEx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duration {
    /// What a good team needs until service is restored.
    pub par: Span,
    /// When the drill ends whatever happened.
    pub limit: Span,
}

/// The bias of the score, fixed before StartEx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Understand completely and fix robustly.
    #[default]
    UnderstandFirst,
    /// Restore service first; causes can wait for the review.
    RestoreFirst,
}

/// A fault with the step that it comes from. Times count from StartEx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// The injector that planned it.
    pub injector: String,
    /// `false`: noise that is not the cause; no symptom is awaited.
    pub related: bool,
    /// The fault and its times.
    #[serde(flatten)]
    pub timed: TimedFault,
}

/// An alarm and what raises it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmRule {
    /// Its name, unique in the scenario.
    pub name: AlarmName,
    /// How loud it is.
    pub severity: AlarmSeverity,
    /// One line; `{failed}`, `{p95}` and `{class}` are filled from the measurement.
    pub summary: String,
    /// Address of the runbook in the documentation catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// What raises it.
    pub trigger: AlarmTrigger,
    /// `false`: noise. Sealed with the truth: no responder sees this.
    pub related: bool,
}

/// How loud an alarm is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmSeverity {
    /// Worth knowing.
    Info,
    /// Worth a look in working hours.
    Warning,
    /// Somebody gets up.
    Page,
}

impl AlarmSeverity {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Page => "page",
        }
    }
}

/// What raises an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmTrigger {
    /// At a time from StartEx; it stays until somebody acknowledges it or the drill ends.
    At(Span),
    /// Measured: raised while the condition holds, resolved when it no longer does.
    When(Condition),
}

/// Something the plan says to the players.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    /// When, from StartEx.
    pub at: Span,
    /// Skipped when this has happened by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Contingency>,
    /// Held back: an instigator says when, if at all. `at` is then only when it may be of use.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Who speaks: `user`, `business-owner`, ...
    pub from: String,
    /// The role that is spoken to.
    pub to: Role,
    /// The words.
    pub text: String,
}

/// What may make an inject unnecessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Contingency {
    /// A status update was sent.
    StatusSent,
    /// Somebody declared an incident.
    Declared,
    /// Service was measured as restored.
    Restored,
}

/// A claim whose worth the author knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleClaim {
    /// The claim's component, if it names one.
    pub component: Option<String>,
    /// The claim's fault kind, if it names one.
    pub kind: Option<String>,
    /// The claim in words.
    pub text: String,
    /// Where its score must land.
    pub band: Band,
}

impl SampleClaim {
    /// The claim as a team would make it.
    pub fn claim(&self) -> CauseClaim {
        CauseClaim {
            component: self.component.clone(),
            kind: self.kind.clone(),
            text: self.text.clone(),
            ..CauseClaim::default()
        }
    }
}

/// Bands of a sample claim's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Band {
    /// At least 0.7.
    Right,
    /// From 0.2 to below 0.7.
    Near,
    /// Below 0.2.
    Wrong,
}

impl Band {
    /// The band that a claim's score, 0 to 1, lies in.
    pub fn of(score: f64) -> Self {
        if score >= 0.7 {
            Self::Right
        } else if score >= 0.2 {
            Self::Near
        } else {
            Self::Wrong
        }
    }
}

/// One act of the autopilot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// Which moment it follows.
    pub after: Moment,
    /// How long after that moment.
    pub wait: Span,
    /// Who acts.
    pub who: Person,
    /// What is done.
    pub act: Act,
    /// It is left to a person who has this seat; the others wait for it so long. No file says so: see `drill::seat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<Span>,
}

/// A moment that the autopilot waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// StartEx.
    Start,
    /// The named alarm was raised.
    Alarm(AlarmName),
    /// Service was measured as restored.
    Restored,
    /// The autopilot's previous act.
    Previous,
}
