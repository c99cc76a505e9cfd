//! The debrief as typed sections, in the order in which a team reads it: the story, then figures; the truth after the
//! reveal; scores last. Sections that only people can fill are [`Open`]: a question, never an invention.
//!
//! [`render`](super::render) turns one of these into Markdown, HTML and JSON. `build` fills it.

mod after;
pub(super) mod build;
mod chart;
mod held;
mod plots;
mod tracked;

pub use build::{debrief, strip_of};
pub use chart::{AlarmBar, ChartMark, ClassSeries, Dumbbell, Lane, RoleBar, SharePair, Strip};
pub use held::{Filled, JudgedObjective};
pub use plots::{
    ActionDots, Failures, LadderRow, Milestone, Plots, RoleChart, RoleRow, SpreadChart, SpreadDot, StatusAge,
    StatusDot,
};

use super::{follow_up::CorrectiveAction, score::Score};
use crate::{base::At, drill::event::Outcome, scenario::Profile};
use serde::{Deserialize, Serialize};

/// The version of the JSON form.
pub const FORMAT: &str = "gameday/debrief/v1";

/// The whole write-up of one drill. It holds the truth: for eyes after EndEx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Debrief {
    /// [`FORMAT`].
    pub format: String,
    /// What this is, and what it is not for.
    pub header: Header,
    /// One line, then a short account.
    pub overview: Overview,
    /// What was practised.
    pub exercise: Exercise,
    /// Figures of the incident as houses keep them.
    pub incident: Vec<Field>,
    /// Impact, claimed then measured.
    pub impact: ImpactSection,
    /// The picture of the whole drill.
    pub strip: Strip,
    /// The pictures of single capabilities.
    #[serde(default)]
    pub plots: Plots,
    /// The story in paragraphs.
    pub what_happened: Vec<String>,
    /// How it was noticed.
    pub detection: Detection,
    /// What happened when, without the truth.
    pub timeline: TimelineSection,
    /// The severity checklist as the team answered it.
    pub severity: Vec<SeverityLine>,
    /// The decision record.
    #[serde(default)]
    pub decided: Vec<DecisionLine>,
    /// What of severity and decisions only people can tell.
    pub decisions: Vec<Open>,
    /// Roles, actions and broadcasts.
    pub response: Response,
    /// The truth, and how near the team came to it.
    pub reveal: Reveal,
    /// What brought service back.
    pub resolution: String,
    /// Well, poorly, lucky, surprised.
    pub reflections: Vec<Open>,
    /// The yes-or-no card.
    pub scorecard: Vec<CardLine>,
    /// About the system, the response and the practice.
    pub lessons: Vec<Open>,
    /// Objectives that a trainer has judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objectives: Vec<JudgedObjective>,
    /// The improvement plan's question.
    pub improvement_plan: Open,
    /// Corrective actions that were agreed on, or put to the test here. A journal knows its own and nothing of what came
    /// of them later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<CorrectiveAction>,
    /// Every pointer into the documentation.
    pub hints: Vec<HintLine>,
    /// The vetted questions, and which were asked.
    pub questions: Vec<QuestionLine>,
    /// Thanks.
    pub acknowledgements: String,
    /// Capabilities and every check.
    pub score: Score,
}

/// What this is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Always `PRACTICE / EXERCISE`.
    pub banner: String,
    /// Always `not for performance review`, in a sentence.
    pub purpose: String,
    /// The scenario's title.
    pub title: String,
    /// The drill.
    pub drill: String,
    /// The scenario's name.
    pub scenario: String,
    /// Its digest.
    pub digest: String,
    /// What the scenario's file had committed to, if it was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Which of the scenario's variants was played, if it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The seed.
    pub seed: u64,
    /// Rules that were waived for it, and why, each in a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived: Vec<String>,
    /// The profile, fixed before StartEx.
    pub profile: Profile,
    /// How it ended; nothing while it runs.
    pub outcome: Option<Outcome>,
    /// The date of StartEx in UTC.
    pub date: String,
    /// StartEx.
    pub start: Moment,
    /// EndEx.
    pub end: Moment,
}

/// An instant in both ways of telling it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The instant.
    pub at: At,
    /// `13:02:05`, UTC.
    pub utc: String,
    /// `T+2m5s`.
    pub offset: String,
}

/// The short account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// One line.
    pub one_line: String,
    /// A few sentences.
    pub text: String,
}

/// What was practised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exercise {
    /// What the drill trains.
    pub objectives: Vec<String>,
    /// 1 to 5.
    pub difficulty: u8,
    /// The staging target.
    pub target: String,
    /// Who took part, by side: side and names.
    pub people: Vec<Field>,
    /// Par and limit.
    pub duration: String,
}

/// A label and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The label.
    pub name: String,
    /// Its value in words.
    pub value: String,
}

/// Something that only people can fill in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// What is to be filled in.
    pub name: String,
    /// The question that helps.
    pub question: String,
    /// What the team has written; nothing: it is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<Filled>,
}

/// Impact, claimed then measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImpactSection {
    /// The team's own words, if it gave any.
    pub claimed: Option<String>,
    /// One sentence about what was measured.
    pub measured: String,
    /// How the measurement is defined.
    pub definition: String,
    /// Times: name, claimed, measured.
    pub times: Vec<Compared>,
    /// Shares of failed requests by class.
    pub shares: Vec<Compared>,
    /// The picture of both.
    pub chart: Dumbbell,
}

/// One thing as claimed and as measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// What.
    pub name: String,
    /// As the team had it.
    pub claimed: String,
    /// As it was measured or declared.
    pub actual: String,
}

/// How it was noticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// In a sentence.
    pub text: String,
    /// Every alarm.
    pub alarms: Vec<AlarmLine>,
}

/// One alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmLine {
    /// Its name.
    pub alarm: String,
    /// When it was raised.
    pub raised: Moment,
    /// How long until it was acknowledged.
    pub acknowledged: String,
    /// How long until it resolved.
    pub resolved: String,
    /// What it said.
    pub summary: String,
    /// The runbook that it pointed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
}

/// What happened when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineSection {
    /// The lines, in order.
    pub rows: Vec<TimelineRow>,
    /// Lines that were left out for length; they are in the journal.
    pub left_out: usize,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimelineRow {
    /// When.
    pub moment: Moment,
    /// What sort of line it is.
    pub lane: Lane,
    /// In words.
    pub text: String,
    /// The journal event that shows it.
    pub seq: u64,
}

/// Roles, actions and broadcasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// Who held which role when.
    pub roles: Vec<RoleLine>,
    /// Operations on the target and log entries.
    pub actions: Vec<TimelineRow>,
    /// Status updates.
    pub broadcasts: Vec<TimelineRow>,
    /// Tickets.
    pub tickets: Vec<TicketCard>,
}

/// A ticket as it stood at EndEx.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketCard {
    /// Its id: `t1`.
    pub id: String,
    /// One line.
    pub title: String,
    /// Its fields: component, priority, people on copy, when it was opened and closed.
    pub fields: Vec<Field>,
    /// What was known when it was opened; may be empty.
    pub text: String,
    /// Everything that was done to it.
    pub entries: Vec<TimelineRow>,
}

/// A question of the severity checklist, before the truth is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeverityLine {
    /// The question.
    pub question: String,
    /// The team's last answer.
    pub answer: String,
    /// When it was given, if it was.
    pub moment: Option<Moment>,
}

/// A decision, before the truth is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionLine {
    /// When.
    pub moment: Moment,
    /// By which role.
    pub by: String,
    /// What was to be done.
    pub option: String,
    /// Why.
    pub because: String,
    /// Who was asked before.
    pub asked: String,
    /// The journal event that shows it.
    pub seq: u64,
}

/// One time that a role was held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleLine {
    /// The role.
    pub role: String,
    /// Who held it.
    pub person: String,
    /// From.
    pub from: Moment,
    /// To.
    pub to: Moment,
}

/// The truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reveal {
    /// What happened, in the author's words.
    pub summary: String,
    /// What set it off.
    #[serde(default)]
    pub trigger: String,
    /// The team's last answer beside the truth.
    pub compared: Vec<Compared>,
    /// The severity checklist: the team's answers beside the declared ones.
    pub severity: Vec<Compared>,
    /// The decision ladder: what the team chose beside what each option would have done.
    #[serde(default)]
    pub ladder: Vec<Compared>,
    /// What is true of the cause.
    pub facts: Vec<String>,
    /// What let it happen.
    pub contributing: Vec<String>,
    /// How it spread: `web to edge`.
    pub spread: Vec<String>,
    /// Who owns the broken part.
    pub owners: Vec<String>,
    /// Every guess and answer on the way.
    pub claims: Vec<ClaimLine>,
    /// Every injection with its history.
    pub injections: Vec<InjectionLine>,
}

/// A guess or answer on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimLine {
    /// When.
    pub moment: Moment,
    /// In words.
    pub text: String,
    /// How near it was: `at the cause`, `near it`, `elsewhere`.
    pub nearness: String,
}

/// An injection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InjectionLine {
    /// Its id.
    pub id: String,
    /// What it did: `file-edit on file web`.
    pub fault: String,
    /// The script that planned it.
    pub injector: String,
    /// Whether it belongs to the outage.
    pub related: bool,
    /// Its states: `live T+2m`.
    pub history: Vec<String>,
}

/// One yes-or-no question of the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardLine {
    /// `people`, `process` or `tooling`.
    pub about: String,
    /// The question.
    pub question: String,
    /// What the journal says; nothing: for people to answer.
    pub answer: Option<bool>,
}

/// A pointer into the documentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HintLine {
    /// When.
    pub moment: Moment,
    /// Where it pointed.
    pub pointer: String,
}

/// A vetted question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionLine {
    /// The question.
    pub text: String,
    /// When it was asked, if it was.
    pub asked: Option<Moment>,
}
