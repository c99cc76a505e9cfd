//! The structs of `scenario.yaml` and `pack.yaml`, field by field. What a field means is in its comment, which is also
//! its description in the JSON Schema; `docs/scenario.md` and `docs/pack.md` explain the same with examples.

use super::{Entries, OneOrMany, Placed, Scalar, TextOr, WordsOr};
use crate::base::{AlarmName, ClassName, Person, ProbeName, Span};
use crate::scenario::act::{Act, Role};
use crate::scenario::ticket::Priority;
use crate::scenario::truth::Rung;
use crate::scenario::{AlarmSeverity, Band, Contingency, Profile};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The value of `format` in a scenario file.
pub const SCENARIO_FORMAT: &str = "gameday/scenario/v1";
/// The value of `format` in a pack file.
pub const PACK_FORMAT: &str = "gameday/pack/v1";

/// A scenario: the written drill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Always `gameday/scenario/v1`.
    pub format: Placed<String>,
    /// One line for people who may know that this scenario exists. It must not give the cause away.
    pub title: Placed<String>,
    /// What happens, for instigators and trainers only.
    #[serde(default)]
    pub summary: String,
    /// Scenarios of one family share their answer: who knows one cannot play another. Default: the scenario's own name.
    #[serde(default)]
    pub family: Option<Placed<String>>,
    /// The pack that the scenario belongs to: target, documentation catalogue, traffic. A folder's name.
    pub pack: Placed<String>,
    /// From 1 (a first drill) to 5 (experts). Default 2.
    #[serde(default)]
    pub difficulty: Option<Placed<u8>>,
    /// How long a good team needs, and when the drill ends whatever happened.
    #[serde(default)]
    pub duration: DurationFile,
    /// The bias of the score. Default `understand-first`.
    #[serde(default)]
    pub profile: Profile,
    /// What the drill trains, one sentence each.
    #[serde(default)]
    pub objectives: Vec<Placed<String>>,
    /// How many people of each side are needed.
    #[serde(default)]
    pub roster: RosterFile,
    /// What must hold before the outage and again after it. Default: fewer than 1 % of each class fail over 5s.
    #[serde(default)]
    pub steady_state: Vec<Placed<ConditionFile>>,
    /// The synthetic users' traffic: the name of one of the pack's shapes, or a shape written out. It may be left out
    /// when the pack has exactly one.
    #[serde(default)]
    pub workload: Option<Placed<TextOr<ShapeFile>>>,
    /// What is broken, when, and by which injector. Empty only in a no-fault drill (`truth.cause.kind: none.*`).
    #[serde(default)]
    pub faults: Vec<Placed<FaultStepFile>>,
    /// Alarms, measured or at a time.
    #[serde(default)]
    pub alarms: Vec<Placed<AlarmFile>>,
    /// Messages pushed at the players.
    #[serde(default)]
    pub injects: Vec<Placed<InjectFile>>,
    /// Help for responders that instigators may give.
    #[serde(default)]
    pub hints: HintsFile,
    /// Automatic aborts: the drill is stopped when one of these does not hold. At least one.
    #[serde(default)]
    pub stop_conditions: Vec<Placed<ConditionFile>>,
    /// What really happened. Nobody who has yet to play sees any of it.
    pub truth: Placed<TruthFile>,
    /// The oracle: when service counts as restored. One condition or a list; all must hold.
    #[serde(default)]
    pub restored_when: Option<Placed<OneOrMany<ConditionFile>>>,
    /// Operations that repair the target, in order, as they are typed: `depotctl rollback web`.
    #[serde(default)]
    pub reference_solution: Vec<Placed<String>>,
    /// Claims whose score band is known; a rehearsal tests the scorer with them.
    #[serde(default)]
    pub sample_claims: Vec<Placed<SampleClaimFile>>,
    /// The whole play of a good team: a list of acts, or the path of a file beside the scenario that holds the list.
    #[serde(default)]
    pub autopilot: Option<Placed<TextOr<Vec<Placed<PlayFile>>>>>,
    /// Several answers of one scenario, of which the seed draws one: for each name what stands for every `$(key)`. All have
    /// the same keys. Default: none.
    #[serde(default)]
    pub variants: Entries<Entries<Scalar>>,
}

/// Times of the drill, from StartEx.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DurationFile {
    /// What a good team needs until service is restored. Default 20m.
    #[serde(default)]
    pub par: Option<Placed<Span>>,
    /// When the drill ends whatever happened; at most 12h. Default 1h.
    #[serde(default)]
    pub limit: Option<Placed<Span>>,
}

/// How many people of each side a drill needs: a number (`2`) or a range (`1-6`).
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterFile {
    /// Instigators. Default 1.
    #[serde(default)]
    pub instigators: Option<Placed<Scalar>>,
    /// Responders. Default 1-6.
    #[serde(default)]
    pub responders: Option<Placed<Scalar>>,
    /// The responders must be a mix: not all of them new to the pack's systems, and not all seasoned. Default: any team.
    #[serde(default)]
    pub mix: bool,
    /// What each responder must say to have before.
    #[serde(default)]
    pub prerequisites: Vec<PrerequisiteFile>,
}

/// Something that each responder must have before: `{name: shell-access, says: "You can log in on web-east."}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrerequisiteFile {
    /// Its name; scenarios of one pack share it.
    pub name: Placed<String>,
    /// What it is, in a sentence to whoever signs up.
    pub says: Placed<String>,
    /// A command that ends with 0 where a responder has it: `[ssh, web-east, "true"]`. Without it they say so themselves.
    #[serde(default)]
    pub prove: Option<Placed<Vec<String>>>,
}

/// Something measured that must hold: `{class: put, failed: "> 5 %", for: 30s}`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionFile {
    /// A request class of the workload. With neither `class` nor `probe`: all requests together.
    #[serde(default)]
    pub class: Option<Placed<ClassName>>,
    /// A probe of the target.
    #[serde(default)]
    pub probe: Option<Placed<ProbeName>>,
    /// Share of requests that failed: `> 5 %`.
    #[serde(default)]
    pub failed: Option<Placed<String>>,
    /// Share of requests that succeeded: `>= 99 %`.
    #[serde(default)]
    pub success: Option<Placed<String>>,
    /// Median latency: `<= 50 ms`.
    #[serde(default)]
    pub p50: Option<Placed<String>>,
    /// 95th percentile of latency: `<= 300 ms`.
    #[serde(default)]
    pub p95: Option<Placed<String>>,
    /// 99th percentile of latency: `< 2 s`.
    #[serde(default)]
    pub p99: Option<Placed<String>>,
    /// The same figures, grouped: `expect: {success: ">= 99 %"}`.
    #[serde(default)]
    pub expect: Option<ExpectFile>,
    /// The sliding window that figures are taken over. Default 5s.
    #[serde(default)]
    pub over: Option<Placed<Span>>,
    /// How long it must hold without a break. Default 5s; 10s in an alarm, 30s in `restored_when`.
    #[serde(default, rename = "for")]
    pub held: Option<Placed<Span>>,
}

/// Figures of a condition.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectFile {
    /// Share of requests that failed.
    #[serde(default)]
    pub failed: Option<Placed<String>>,
    /// Share of requests that succeeded.
    #[serde(default)]
    pub success: Option<Placed<String>>,
    /// Median latency.
    #[serde(default)]
    pub p50: Option<Placed<String>>,
    /// 95th percentile of latency.
    #[serde(default)]
    pub p95: Option<Placed<String>>,
    /// 99th percentile of latency.
    #[serde(default)]
    pub p99: Option<Placed<String>>,
}

/// One use of a fault injector.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultStepFile {
    /// When the injector starts, from StartEx. Default 0s.
    #[serde(default)]
    pub at: Option<Placed<Span>>,
    /// The injector: the stem of a file in `fault-injectors/`.
    pub injector: Placed<String>,
    /// The injector's parameters.
    #[serde(default)]
    pub with: Entries<Scalar>,
    /// `false` for noise that is not the cause. Default true.
    #[serde(default = "yes")]
    pub related: bool,
    /// Held back until an instigator begins the second act: `at` counts from there. Default false.
    #[serde(default)]
    pub second_act: bool,
}

/// An alarm: `when` something is measured, or `at` a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmFile {
    /// Its name, unique in the scenario.
    pub name: Placed<AlarmName>,
    /// Raised while this holds, resolved when it no longer does.
    #[serde(default)]
    pub when: Option<Placed<ConditionFile>>,
    /// Raised at this time from StartEx, whatever is measured.
    #[serde(default)]
    pub at: Option<Placed<Span>>,
    /// How loud it is. Default `page`.
    #[serde(default)]
    pub severity: Option<AlarmSeverity>,
    /// One line for the responders; `{failed}`, `{p95}` and `{class}` are filled from the measurement. Default: the
    /// name.
    #[serde(default)]
    pub summary: Option<Placed<String>>,
    /// The runbook: an entry of the pack's documentation catalogue.
    #[serde(default)]
    pub runbook: Option<Placed<String>>,
    /// `false` for noise that has nothing to do with the cause. Default true.
    #[serde(default = "yes")]
    pub related: bool,
}

/// A message pushed at the players.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InjectFile {
    /// When, from StartEx.
    pub at: Placed<Span>,
    /// Skipped when this has happened by then: `status-sent`, `declared` or `restored`.
    #[serde(default)]
    pub unless: Option<Contingency>,
    /// Held back: an instigator says when, if at all. `at` is then only when it may be of use. Default false.
    #[serde(default)]
    pub held: bool,
    /// Who speaks: `user`, `business-owner`, ... Default `user`.
    #[serde(default)]
    pub from: Option<Placed<String>>,
    /// The role that is spoken to. Default `first-line`.
    #[serde(default)]
    pub to: Option<Role>,
    /// The words.
    pub text: Placed<String>,
}

/// Help that instigators may give.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HintsFile {
    /// Entries of the documentation catalogue that are most of use here.
    #[serde(default)]
    pub catalogue: Vec<Placed<String>>,
    /// Questions that may be asked once a responder is stumped.
    #[serde(default)]
    pub questions: Vec<Placed<String>>,
}

/// What really happened.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TruthFile {
    /// The cause.
    pub cause: CauseFile,
    /// Share of failed requests by class while the fault is live: `put: 35-65 %`. It only shows that the fault bit; the
    /// measured truth scores.
    #[serde(default)]
    pub impact: Entries<String>,
    /// Who owns the broken part: `web-oncall`.
    #[serde(default)]
    pub owners: Vec<String>,
    /// The severity checklist: the right answer by the standard question's name (a word, a truth value, or a list of
    /// words), or a question of your own.
    #[serde(default)]
    pub severity: Entries<TextOr<WordsOr<QuestionFile>>>,
    /// How soon somebody had to act: what the ticket has to say.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// What each rung of the decision ladder would have done.
    #[serde(default)]
    pub decision: DecisionsFile,
    /// What the team has to pass through, in order. Default: symptom, localised, mechanism, mitigated, root-fixed.
    #[serde(default)]
    pub milestones: Vec<Placed<String>>,
}

/// The cause of the outage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CauseFile {
    /// The component (or instance) at fault. It may be left out in a no-fault drill.
    #[serde(default)]
    pub component: Option<Placed<String>>,
    /// The kind of fault, from the tree: `config.value`, refined once if need be: `config.value.too-small`.
    pub kind: Placed<String>,
    /// What set it off, in words.
    #[serde(default)]
    pub trigger: String,
    /// Statements that are true of this cause. At least one.
    #[serde(default)]
    pub facts: Vec<Placed<FactFile>>,
    /// Statements that are not true; they are offered among the true ones.
    #[serde(default)]
    pub distractors: Vec<Placed<FactFile>>,
    /// How the fault spreads, from component to component: `web -> edge`.
    #[serde(default)]
    pub spreads: Vec<Placed<String>>,
    /// What let it happen.
    #[serde(default)]
    pub contributing: Vec<String>,
}

/// A statement about the cause that a claim may hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FactFile {
    /// Its id, unique among facts and distractors.
    pub id: Placed<String>,
    /// The statement as it is offered to responders. Default: the first phrase of `any`.
    #[serde(default)]
    pub says: Option<Placed<String>>,
    /// Phrases in free text that state it. Plain phrases are alternatives; a list within the list is a further group,
    /// and every group must be met. Default: `says`.
    #[serde(default)]
    pub any: Vec<TextOr<Vec<String>>>,
}

/// A question of one's own in the severity checklist.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionFile {
    /// The question as responders read it. It must not give the cause away.
    pub ask: Placed<String>,
    /// The answers to choose from, 2 to 12 words. "Don't know" is always offered.
    pub options: Vec<Placed<String>>,
    /// The right one; a list where several are right together.
    pub answer: TextOr<Vec<String>>,
}

/// The decision ladder, the slightest perturbation first.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionsFile {
    /// Leave it and hand the ticket back.
    #[serde(default)]
    pub do_nothing: Option<DecisionFile>,
    /// Tell people how to live with it.
    #[serde(default)]
    pub broadcast: Option<DecisionFile>,
    /// Go back to the previous release.
    #[serde(default)]
    pub roll_back: Option<DecisionFile>,
    /// Put a fix through the fast lane.
    #[serde(default)]
    pub fast_track: Option<DecisionFile>,
}

impl DecisionsFile {
    /// What is declared for a rung.
    pub fn of(&self, rung: Rung) -> Option<&DecisionFile> {
        match rung {
            Rung::DoNothing => self.do_nothing.as_ref(),
            Rung::Broadcast => self.broadcast.as_ref(),
            Rung::RollBack => self.roll_back.as_ref(),
            Rung::FastTrack => self.fast_track.as_ref(),
        }
    }
}

/// What one rung would have done.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionFile {
    /// It would have restored service.
    pub effective: bool,
    /// It would have made things worse. Default false.
    #[serde(default)]
    pub harmful: bool,
    /// The milestone after which a team could know that.
    #[serde(default)]
    pub knowable_after: Option<Placed<String>>,
}

/// A claim whose worth the author knows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleClaimFile {
    /// The claim's component, if it names one.
    #[serde(default)]
    pub component: Option<Placed<String>>,
    /// The claim's fault kind, if it names one.
    #[serde(default)]
    pub kind: Option<Placed<String>>,
    /// The claim in words.
    pub text: String,
    /// Where its score must land: `right` (0.7 and more), `near`, or `wrong` (below 0.2).
    pub band: Band,
}

/// One act of the autopilot.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlayFile {
    /// Which moment it follows: `start`, `alarm NAME`, `restored`, or `previous`. Default `previous`.
    #[serde(default)]
    pub after: Option<Placed<String>>,
    /// How long after that moment. Default 0s.
    #[serde(default)]
    pub wait: Option<Placed<Span>>,
    /// Who acts.
    pub who: Placed<Person>,
    /// What is done.
    #[serde(rename = "do")]
    pub act: Placed<Act>,
}

/// A pack: what a family of scenarios shares.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    /// Always `gameday/pack/v1`.
    pub format: Placed<String>,
    /// One line.
    pub title: Placed<String>,
    /// The staging system: the name of a built-in target, or a file of the pack that describes one: `target.yaml`.
    pub target: Placed<String>,
    /// The folder of documentation within the pack; each file becomes an entry of the catalogue. Default `docs`.
    #[serde(default)]
    pub docs: Option<Placed<String>>,
    /// Shapes of traffic by name.
    pub workloads: Entries<ShapeFile>,
}

/// A shape of traffic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShapeFile {
    /// Request classes by name.
    pub classes: Entries<RequestClassFile>,
    /// The users come over TLS, and verify the front door's certificate. Default false.
    #[serde(default)]
    pub encrypted: Option<Placed<bool>>,
}

/// One class of requests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestClassFile {
    /// Arrivals per second, up to 10000.
    pub rate: Placed<f64>,
    /// The HTTP method. Default GET.
    #[serde(default)]
    pub method: Option<Placed<String>>,
    /// Path and query; `{n}` becomes a number below `keys`, `{s}` the second since the users came, `{s-5}` the one five
    /// seconds before.
    pub path: Placed<String>,
    /// Size of the space that `{n}` is drawn from. Default 1000.
    #[serde(default)]
    pub keys: Option<Placed<u64>>,
    /// Size of the request's body in bytes, up to 1 MiB. Default 0.
    #[serde(default)]
    pub body_bytes: Option<Placed<usize>>,
    /// Headers sent with each request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What counts as success.
    #[serde(default)]
    pub expect: ExpectAnswerFile,
}

/// What counts as a successful answer.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectAnswerFile {
    /// Statuses that are good. Default 200.
    #[serde(default)]
    pub status: Vec<Placed<u16>>,
    /// Slower than this, counted from the intended start, is a failure. Default 2s.
    #[serde(default)]
    pub within: Option<Placed<Span>>,
}

fn yes() -> bool {
    true
}

/// The JSON Schema of scenario files.
pub fn schema() -> serde_json::Value {
    schema_of::<ScenarioFile>("Gameday scenario", SCENARIO_FORMAT)
}

/// The JSON Schema of pack files.
pub fn pack_schema() -> serde_json::Value {
    schema_of::<PackFile>("Gameday pack", PACK_FORMAT)
}

/// The JSON Schema of target files.
pub fn target_schema() -> serde_json::Value {
    schema_of::<super::TargetFile>("Gameday target", super::TARGET_FORMAT)
}

/// The JSON Schema of a table-top's file.
pub fn tabletop_schema() -> serde_json::Value {
    schema_of::<super::TableTopFile>("Gameday table-top", super::TABLETOP_FORMAT)
}

fn schema_of<T: JsonSchema>(title: &str, format: &str) -> serde_json::Value {
    let mut schema = schemars::SchemaGenerator::default().into_root_schema_for::<T>().to_value();
    schema["title"] = title.into();
    schema["properties"]["format"]["const"] = format.into();
    schema
}
