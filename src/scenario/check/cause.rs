//! The declared truth, and claims about it.

use super::params::services;
use super::{text, within};
use crate::base::{ClassName, names::is_name};
use crate::fault::kind;
use crate::scenario::act::CauseClaim;
use crate::scenario::file::{CauseFile, DecisionFile, FactFile, Placed, ScenarioFile, TextOr, TruthFile};
use crate::scenario::pack::{TargetDescription, WorkloadShape};
use crate::scenario::problem::{Findings, Place, suggestion};
use crate::scenario::truth::{CauseTruth, DecisionTruth, Fact, Rung, Truth};
use crate::scenario::{Band, SampleClaim};
use std::collections::{BTreeMap, BTreeSet};

const MILESTONES: [&str; 5] = ["symptom", "localised", "mechanism", "mitigated", "root-fixed"];

pub(super) fn truth(
    found: &mut Findings,
    file: &ScenarioFile,
    workload: &WorkloadShape,
    target: &TargetDescription,
) -> Truth {
    let truth = &file.truth.value;
    let no_fault = truth.cause.kind.starts_with("none.");
    let related = file.faults.iter().find(|step| step.related && !step.second_act);
    match related {
        None if !no_fault => found.add_with_help(
            truth.cause.kind.place,
            "the truth names a cause, but no fault is planned",
            "add a step under `faults:`, or make it a no-fault drill: `kind: none.false-alarm`",
        ),
        Some(step) if no_fault => found.add_with_help(
            step.place,
            format!("the truth says `{}`, but this fault is related to it", truth.cause.kind.value),
            "say `related: false` for noise, or name the cause",
        ),
        _ => {}
    }
    let milestones: Vec<String> = if truth.milestones.is_empty() {
        MILESTONES.map(str::to_owned).to_vec()
    } else {
        truth.milestones.iter().map(|milestone| named(found, milestone)).collect()
    };
    Truth {
        cause: cause(found, &truth.cause, no_fault, target),
        impact: impact(found, truth, workload),
        owners: truth.owners.clone(),
        severity: super::severity::answers(truth),
        priority: truth.priority,
        decision: decisions(found, truth, &milestones, no_fault),
        milestones,
    }
}

fn named(found: &mut Findings, name: &Placed<String>) -> String {
    if !is_name(name) {
        found.add(
            name.place,
            format!("`{}` is not a name: use letters, digits, `-`, `_` and `.`", name.value),
        );
    }
    name.value.clone()
}

fn component(found: &mut Findings, name: &Placed<String>, target: &TargetDescription) -> String {
    if !target.has_service(name) {
        found.unknown(name.place, "component", name, services(target));
    }
    name.value.clone()
}

fn fault_kind(found: &mut Findings, given: &Placed<String>) {
    if kind::exists(given) {
        return;
    }
    let all: Vec<String> = kind::all().collect();
    let known: Vec<&str> = all.iter().map(String::as_str).collect();
    let base: Vec<&str> = given.split('.').take(2).collect();
    let message = format!("there is no kind of fault `{}`", given.value);
    match suggestion(&base.join("."), &known) {
        Some(help) => found.add_with_help(given.place, message, help),
        None => found.add(given.place, message),
    }
}

fn cause(found: &mut Findings, file: &CauseFile, no_fault: bool, target: &TargetDescription) -> CauseTruth {
    fault_kind(found, &file.kind);
    if file.component.is_none() && !no_fault {
        found.add(file.kind.place, "the cause needs the `component` at fault");
    }
    if file.facts.is_empty() {
        found.add_with_help(
            file.kind.place,
            "the cause needs at least one fact",
            "add for example `facts: [{id: pool-2, says: \"each web instance has two connections\"}]`",
        );
    }
    let mut ids = BTreeSet::new();
    let mut facts = |found: &mut Findings, list: &[Placed<FactFile>]| -> Vec<Fact> {
        list.iter()
            .map(|entry| {
                if !ids.insert(entry.id.value.clone()) {
                    found.add(entry.id.place, format!("a second fact has the id `{}`", entry.id.value));
                }
                fact(found, entry)
            })
            .collect()
    };
    let (true_facts, distractors) = (facts(found, &file.facts), facts(found, &file.distractors));
    CauseTruth {
        component: file.component.as_ref().map_or_else(String::new, |name| component(found, name, target)),
        kind: file.kind.value.clone(),
        trigger: file.trigger.clone(),
        facts: true_facts,
        distractors,
        spreads: file.spreads.iter().filter_map(|spread| spreads(found, spread, target)).collect(),
        contributing: file.contributing.clone(),
    }
}

fn fact(found: &mut Findings, file: &Placed<FactFile>) -> Fact {
    let mut alternatives = Vec::new();
    let mut groups: Vec<Vec<String>> = Vec::new();
    for phrase in &file.any {
        match phrase {
            TextOr::Text(phrase) => alternatives.push(phrase.clone()),
            TextOr::Other(group) => groups.push(group.clone()),
        }
    }
    if !alternatives.is_empty() {
        groups.insert(0, alternatives);
    }
    let says = match (&file.says, groups.first().and_then(|group| group.first())) {
        (Some(says), _) => {
            text(found, says, 400);
            says.value.clone()
        }
        (None, Some(first)) => first.clone(),
        (None, None) => {
            found.add(file.place, "a fact needs `says`, `any`, or both");
            String::new()
        }
    };
    if groups.is_empty() {
        groups.push(vec![says.clone()]);
    }
    if groups.iter().any(|group| group.is_empty() || group.iter().any(|phrase| phrase.trim().is_empty())) {
        found.add(file.place, "a group of phrases is empty");
    }
    Fact { id: named(found, &file.id), says, any: groups }
}

fn spreads(
    found: &mut Findings,
    given: &Placed<String>,
    target: &TargetDescription,
) -> Option<(String, String)> {
    let Some((from, to)) = given.split_once("->") else {
        found.add(given.place, format!("`{}` is not a spread: write it like `web -> edge`", given.value));
        return None;
    };
    let mut end =
        |name: &str| component(found, &Placed { value: name.trim().to_owned(), place: given.place }, target);
    Some((end(from), end(to)))
}

fn impact(
    found: &mut Findings,
    truth: &TruthFile,
    workload: &WorkloadShape,
) -> BTreeMap<ClassName, (f64, f64)> {
    let mut impact = BTreeMap::new();
    for (class, share) in &truth.impact.0 {
        let known = workload.classes.iter().map(|known| known.name.as_str());
        let Some(class_known) = workload.classes.iter().find(|known| known.name.as_str() == class.value)
        else {
            found.unknown(class.place, "request class", class, known);
            continue;
        };
        match share_range(share) {
            Some(range) => {
                impact.insert(class_known.name.clone(), range);
            }
            None => found.add(share.place, format!("`{}` is not a share: write `35-65 %`", share.value)),
        }
    }
    impact
}

/// `35-65 %` or `40 %`, as shares from 0 to 1.
fn share_range(text: &str) -> Option<(f64, f64)> {
    let figures = text.trim().strip_suffix('%')?.trim();
    let (least, most) = figures.split_once('-').unwrap_or((figures, figures));
    let (least, most): (f64, f64) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
    (0.0 <= least && least <= most && most <= 100.0).then_some((least / 100.0, most / 100.0))
}

fn decisions(
    found: &mut Findings,
    truth: &TruthFile,
    milestones: &[String],
    no_fault: bool,
) -> BTreeMap<Rung, DecisionTruth> {
    let file = &truth.decision;
    let mut decisions = BTreeMap::new();
    for rung in Rung::ALL {
        let Some(DecisionFile { effective, harmful, knowable_after }) = file.of(rung) else {
            continue;
        };
        if let Some(milestone) = knowable_after
            && !milestones.contains(&milestone.value)
        {
            found.unknown(milestone.place, "milestone", milestone, milestones.iter().map(String::as_str));
        }
        let knowable_after = knowable_after.as_ref().map(|milestone| milestone.value.clone());
        decisions.insert(rung, DecisionTruth { effective: *effective, harmful: *harmful, knowable_after });
    }
    if !no_fault && !decisions.is_empty() && !decisions.values().any(|option| option.effective) {
        found.add(truth.cause.kind.place, "no option under `truth.decision` is effective");
    }
    decisions
}

pub(super) fn sample_claims(
    found: &mut Findings,
    file: &ScenarioFile,
    target: &TargetDescription,
) -> Vec<SampleClaim> {
    for claim in &file.sample_claims {
        if let Some(name) = &claim.component {
            component(found, name, target);
        }
        if let Some(kind) = &claim.kind {
            fault_kind(found, kind);
        }
        let empty = claim.text.trim().is_empty() && claim.component.is_none() && claim.kind.is_none();
        if empty && claim.band == Band::Right {
            found.add(claim.place, "an empty claim cannot be right");
        }
    }
    let claims = file.sample_claims.iter().map(|claim| SampleClaim {
        component: claim.component.as_ref().map(|name| name.value.clone()),
        kind: claim.kind.as_ref().map(|kind| kind.value.clone()),
        text: claim.text.clone(),
        band: claim.band,
    });
    claims.collect()
}

/// A cause claim of the autopilot: it names only what exists and is offered.
pub(super) fn claim(
    found: &mut Findings,
    place: Place,
    claim: &CauseClaim,
    file: &ScenarioFile,
    target: &TargetDescription,
) {
    let placed = |value: &str| Placed { value: value.to_owned(), place };
    if let Some(name) = &claim.component {
        component(found, &placed(name), target);
    }
    if let Some(kind) = &claim.kind {
        fault_kind(found, &placed(kind));
    }
    let cause = &file.truth.cause;
    let known: Vec<&str> =
        cause.facts.iter().chain(&cause.distractors).map(|fact| fact.id.as_str()).collect();
    for fact in &claim.facts {
        if !known.contains(&fact.as_str()) {
            found.unknown(place, "fact", fact, known.iter().copied());
        }
    }
    if claim.confidence.is_some_and(|confidence| confidence > 100) {
        found.add(place, "a confidence goes from 0 to 100 per cent");
    }
    if let Some(crate::scenario::act::When::Offset(onset)) = claim.onset {
        let limit =
            file.duration.limit.as_ref().map_or(crate::base::Span::from_mins(60), |limit| limit.value);
        within(found, &Placed { value: onset, place }, limit);
    }
}
