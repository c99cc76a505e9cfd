//! A plan: a scenario with a seed, a start and everything random resolved. Event number 0 of every journal.

use super::event::Hat;
use crate::{
    base::{At, DrillId, InjectionId, Person, Span, limits},
    fault::{Fault, injector::Reactor},
    scenario::{
        AlarmRule, AlarmSeverity, Duration, Inject, PlannedFault, Play, Profile, Scenario,
        act::Act,
        condition::Condition,
        pack::{CatalogueEntry, TargetDescription, WorkloadShape},
        roster::{RosterNeeds, Shift},
        severity::Question,
        truth::{self, Rung, Truth},
    },
    seed::Seed,
};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Everything that one drill needs, so that its journal alone can be replayed, scored and written up.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The drill.
    pub drill: DrillId,
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Its digest.
    pub digest: String,
    /// What the scenario's file committed to before it was opened, if it was sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Which of the scenario's variants was drawn or named. Sealed from responders like the truth: its name may tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What happens, in the author's words. Sealed from responders like the truth.
    pub summary: String,
    /// The family that it is of, where that has another name than the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// What it trains.
    pub objectives: Vec<String>,
    /// 1 to 5.
    pub difficulty: u8,
    /// Where randomness began.
    pub seed: Seed,
    /// Planned StartEx.
    pub start: At,
    /// Bias of the score.
    pub profile: Profile,
    /// Par and limit.
    pub duration: Duration,
    /// The target.
    pub target: TargetDescription,
    /// What hints may point to.
    pub catalogue: Vec<CatalogueEntry>,
    /// Entries that the author suggests to the instigators.
    pub hints: Vec<String>,
    /// Vetted questions, asked by number.
    pub questions: Vec<String>,
    /// The severity checklist: questions and options, without what is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Question>,
    /// What may be decided against the outage, the slightest perturbation first; not what each would do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ladder: Vec<Rung>,
    /// Who is needed.
    pub roster: RosterNeeds,
    /// What must hold before StartEx and again at the end.
    pub steady_state: Vec<Condition>,
    /// The traffic.
    pub workload: WorkloadShape,
    /// Every injection.
    pub injections: Vec<PlannedInjection>,
    /// Injections that wait for an instigator to begin the second act; their times count from there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_act: Vec<PlannedInjection>,
    /// Injectors that are asked again while it is played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactors: Vec<Reactor>,
    /// Every alarm.
    pub alarms: Vec<AlarmRule>,
    /// Every message to the players, by time.
    pub injects: Vec<Inject>,
    /// Automatic aborts.
    pub stop_conditions: Vec<Condition>,
    /// The oracle of restoration.
    pub restored_when: Vec<Condition>,
    /// Statements about the cause that a claim may tick, true and false ones mixed; ids are `f1`, `f2`, ...
    pub fact_offers: Vec<FactOffer>,
    /// What really happened. The ids of its facts are those of the offers.
    #[serde(with = "truth::at_rest")]
    pub truth: Truth,
    /// Operations that repair the target.
    pub reference_solution: Vec<Vec<String>>,
    /// The autopilot's play; empty when people play.
    pub autopilot: Vec<Play>,
    /// Names of the routes that alarms and announcements go out by.
    pub routes: Vec<String>,
    /// Those of them without whose comcheck it begins all the same. Whoever resolves a plan fills it in.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub optional_routes: BTreeSet<String>,
    /// On what terms it was let in. Whoever resolves a plan fills it in.
    #[serde(default, skip_serializing_if = "Admission::is_plain")]
    pub admission: Admission,
}

/// On what terms a drill was let in, and who may take part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// It is itself a rehearsal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rehearsal: bool,
    /// Its moment is a surprise: who plays comes in when it has started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surprise: bool,
    /// Everybody is called when it begins, and may come.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub code_blue: bool,
    /// Why it runs although its scenario was not rehearsed as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrehearsed: Option<String>,
    /// Who was named before the start; nothing: an open drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster: Option<NamedRoster>,
}

/// The people who were named for a drill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRoster {
    /// Those who run it. None: anybody may.
    pub instigators: Vec<Person>,
    /// Those who are exercised. None: anybody may be.
    pub responders: Vec<Person>,
    /// Why it is played although their numbers do not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anyway: Option<String>,
    /// How shortly before the start each responder must have answered a comcheck; nothing: nobody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comcheck: Option<Span>,
    /// Who is on when, in the order in which they come on; none: everybody, all the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
}

impl Admission {
    /// Nothing was waived, and nobody was named.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Whether somebody may come in with this hat. A side for which nobody was named is open; so are the others.
    pub fn expects(&self, person: &Person, hat: Hat) -> bool {
        let Some(roster) = &self.roster else { return true };
        let named = match hat {
            Hat::Instigator => &roster.instigators,
            Hat::Responder if !self.code_blue => &roster.responders,
            Hat::Responder | Hat::Trainer | Hat::Observer => return true,
        };
        named.is_empty() || named.contains(person)
    }

    /// Who is on when; none: everybody, all the time.
    pub fn shifts(&self) -> &[Shift] {
        self.roster.as_ref().map_or(&[], |named| &named.shifts)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A plan holds the truth, and debug output ends up in logs.
        f.debug_struct("Plan").field("drill", &self.drill).finish_non_exhaustive()
    }
}

/// One injection of a plan. Times count from StartEx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedInjection {
    /// Its id, which says nothing.
    pub id: InjectionId,
    /// The injector that planned it.
    pub injector: String,
    /// `false`: noise; no symptom is awaited.
    pub related: bool,
    /// When it is injected.
    pub at: Span,
    /// When the plan itself takes it back.
    pub until: Option<Span>,
    /// The change.
    pub fault: Fault,
}

/// A statement that a cause claim may tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactOffer {
    /// `f1`, `f2`, ...
    pub id: String,
    /// The statement.
    pub says: String,
}

/// How a plan is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanOptions {
    /// Where randomness begins.
    pub seed: Seed,
    /// Planned StartEx.
    pub start: At,
    /// The scenario's own play is acted by the engine.
    pub autopilot: bool,
    /// Routes for alarms and announcements.
    pub routes: Vec<String>,
}

impl Plan {
    /// Resolves a scenario. The same scenario and options give the same plan, to the byte.
    pub fn resolve(scenario: &Scenario, options: PlanOptions) -> Self {
        let seed = options.seed;
        let drill_name =
            format!("d-{}", seed.opaque(&format!("drill {} {}", scenario.digest, options.start), 8));
        let (fact_offers, truth, names) = offer_facts(&scenario.truth, seed);
        let mut injects = scenario.injects.clone();
        injects.sort_by_key(|inject| inject.at);
        let planned = |first: usize, faults: &[PlannedFault]| -> Vec<_> {
            faults
                .iter()
                .zip(first..)
                .map(|(planned, index)| PlannedInjection {
                    id: opaque_id(seed, &drill_name, index),
                    injector: planned.injector.clone(),
                    related: planned.related,
                    at: planned.timed.at,
                    until: planned.timed.until,
                    fault: planned.timed.fault.clone(),
                })
                .collect()
        };
        let mut injections = planned(0, &scenario.faults);
        // Numbers that neither the plan nor an injector gives while it is played.
        let second_act = planned(limits::FAULTS_MAX + limits::REACTIONS_MAX, &scenario.second_act);
        injections.sort_by_key(|injection| injection.at);
        Self {
            drill: drill_name.parse().expect("made of letters and digits"),
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            digest: scenario.digest.clone(),
            sealed: scenario.sealed.clone(),
            variant: scenario.variant.clone(),
            summary: scenario.summary.clone(),
            family: Some(&scenario.family).filter(|family| **family != scenario.name).cloned(),
            objectives: scenario.objectives.clone(),
            difficulty: scenario.difficulty,
            seed,
            start: options.start,
            profile: scenario.profile,
            duration: scenario.duration,
            target: scenario.pack.target.clone(),
            catalogue: scenario.pack.catalogue.clone(),
            hints: scenario.hints.clone(),
            questions: scenario.questions.clone(),
            severity: scenario.severity.clone(),
            ladder: scenario.truth.decision.keys().copied().collect(),
            roster: scenario.roster.clone(),
            steady_state: scenario.steady_state.clone(),
            workload: scenario.workload.clone(),
            injections,
            second_act,
            reactors: scenario.reactors.clone(),
            alarms: scenario.alarms.clone(),
            injects,
            stop_conditions: scenario.stop_conditions.clone(),
            restored_when: scenario.restored_when.clone(),
            fact_offers,
            truth,
            reference_solution: scenario.reference_solution.clone(),
            autopilot: if options.autopilot { renamed(&scenario.autopilot, &names) } else { Vec::new() },
            routes: options.routes,
            optional_routes: BTreeSet::new(),
            admission: Admission::default(),
        }
    }

    /// The family that it is of: scenarios of one family share their answer.
    pub fn family(&self) -> &str {
        self.family.as_deref().unwrap_or(&self.scenario)
    }

    /// What a change of shifts is told by: who comes on, and who hands over.
    pub fn shift_told(&self, shift: usize) -> String {
        let shifts = self.admission.shifts();
        let names = |shift: Option<&Shift>| -> String {
            let people = shift.into_iter().flat_map(|shift| &shift.people);
            people.map(Person::as_str).collect::<Vec<_>>().join(", ")
        };
        let before = shift.checked_sub(1).and_then(|before| shifts.get(before));
        format!("shift change: {} come on; {} hand over", names(shifts.get(shift)), names(before))
    }

    /// How long before StartEx measuring begins: long enough for every steady-state condition to be seen to hold.
    pub fn lead(&self) -> Span {
        let longest = self.steady_state.iter().map(|one| one.over + one.held).max().unwrap_or(Span::ZERO);
        longest + limits::ARM_LEAD + Span::from_secs(5)
    }

    /// The plan as a list of what is pushed at target and players, in order (the MSEL).
    pub fn msel(&self) -> Vec<Step> {
        use crate::scenario::AlarmTrigger;
        let mut steps = Vec::new();
        for injection in &self.injections {
            steps.push(Step { at: Some(injection.at), what: StepKind::Fault(injection.clone()) });
            if let Some(until) = injection.until {
                steps.push(Step { at: Some(until), what: StepKind::FaultEnds(injection.id.clone()) });
            }
        }
        for alarm in &self.alarms {
            let at = match &alarm.trigger {
                AlarmTrigger::At(at) => Some(*at),
                AlarmTrigger::When(_) => None,
            };
            steps.push(Step {
                at,
                what: StepKind::Alarm { name: alarm.name.to_string(), severity: alarm.severity },
            });
        }
        for inject in &self.injects {
            steps.push(Step { at: Some(inject.at), what: StepKind::Message(inject.clone()) });
        }
        // Steps that wait for a measurement come last: they have no time of their own.
        steps.sort_by_key(|step| (step.at.is_none(), step.at));
        steps
    }
}

/// One line of the master scenario events list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// When, from StartEx; nothing for what a measurement triggers.
    pub at: Option<Span>,
    /// What happens.
    pub what: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A fault begins.
    Fault(PlannedInjection),
    /// The plan takes a fault back.
    FaultEnds(InjectionId),
    /// An alarm is raised.
    Alarm {
        /// Its name.
        name: String,
        /// How loud.
        severity: AlarmSeverity,
    },
    /// Somebody says something to the players.
    Message(Inject),
}

/// The id of a drill's injection by its number.
pub(super) fn opaque_id(seed: Seed, drill: &str, index: usize) -> InjectionId {
    let letters = seed.opaque(&format!("injection {drill} {index}"), 8);
    format!("gd-{letters}").parse().expect("made of letters and digits")
}

/// Mixes true and false statements and gives both ids that tell nothing. The map leads from the author's ids to them.
fn offer_facts(truth: &Truth, seed: Seed) -> (Vec<FactOffer>, Truth, BTreeMap<String, String>) {
    let mut truth = truth.clone();
    let mut names = BTreeMap::new();
    let cause = &mut truth.cause;
    let mut all: Vec<_> = cause.facts.iter_mut().chain(cause.distractors.iter_mut()).collect();
    all.shuffle(&mut seed.stream("fact offers"));
    let offers = all
        .into_iter()
        .enumerate()
        .map(|(index, fact)| {
            let id = format!("f{}", index + 1);
            names.insert(std::mem::replace(&mut fact.id, id.clone()), id.clone());
            FactOffer { id, says: fact.says.clone() }
        })
        .collect();
    (offers, truth, names)
}

/// The autopilot's play with the ids of facts as they are offered.
fn renamed(plays: &[Play], names: &BTreeMap<String, String>) -> Vec<Play> {
    let mut plays = plays.to_vec();
    for play in &mut plays {
        if let Act::Cause(claim) | Act::Hypothesis(claim) = &mut play.act {
            for fact in &mut claim.facts {
                if let Some(id) = names.get(fact) {
                    fact.clone_from(id);
                }
            }
        }
    }
    plays
}
