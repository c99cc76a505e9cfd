//! Diagnose: the team's last answer about the cause, compared piece by piece with the declared truth.
//!
//! The component by nearness on the graph that the fault spreads by, the kind by the tree, facts as a set: what was
//! ticked, and what the claim's own words state in a known wording. False statements among the ticks take away in
//! proportion, so that neither a coin nor ticking everything is worth anything.

use super::{
    Check, Sheet,
    measure::{Graph, onset, prox, tax},
    text::{Found, Reading},
};
use crate::{
    base::At,
    drill::{
        event::{Event, InjectionStep},
        plan::Plan,
    },
    report::{journal::Mark, timeline::InjectionHistory, wording},
    scenario::{
        act::{Act, CauseClaim},
        truth::Fact,
    },
};
use std::collections::{BTreeMap, BTreeSet};

const COMPONENT: (&str, f64) = ("diagnose.component", 0.25);
const KIND: (&str, f64) = ("diagnose.kind", 0.20);
const FACTS: (&str, f64) = ("diagnose.facts", 0.25);
const ONSET: (&str, f64) = ("diagnose.onset", 0.10);
const EVIDENCE: (&str, f64) = ("diagnose.evidence", 0.10);
const MILESTONES: (&str, f64) = ("diagnose.milestones", 0.10);

/// What the facts of a claim are worth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct FactsFound {
    /// 0 to 1.
    score: f64,
    /// True statements that were ticked or written.
    right: usize,
    /// True statements that there are.
    of: usize,
    /// False statements that were ticked.
    wrong: usize,
    /// The words come near a fact and nothing else was given: a person has to read them.
    ambiguous: bool,
}

/// What the parts of a claim weigh where it is one figure.
const WEIGHS: [f64; 3] = [0.35, 0.20, 0.45];
/// What is left of a component's share when nothing supports it: whoever only names a place may have guessed.
const ALONE: f64 = 0.25;

/// The parts of a claim as one figure. A truth without facts leaves their share to the other two.
fn weighed(component: f64, kind: f64, facts: Option<f64>) -> f64 {
    let [of_component, of_kind, of_facts] = WEIGHS;
    let named = of_component * component + of_kind * kind;
    facts.map_or(named / (of_component + of_kind), |facts| named + of_facts * facts)
}

/// The parts of a sample claim as one figure: a component counts as far as kind or facts support it.
pub(super) fn supported(component: f64, kind: f64, facts: Option<f64>) -> f64 {
    let support = kind.max(facts.unwrap_or_default());
    weighed(component * (ALONE + (1.0 - ALONE) * support), kind, facts)
}

/// What a claim is worth against a plan's truth, 0 to 1: component .35, kind .20, facts .45 (a truth without facts
/// leaves their share to the other two), the component as far as kind or facts support it. For the sample claims of a
/// scenario: right at least .7, wrong below .2.
pub fn claim_score(plan: &Plan, claim: &CauseClaim) -> f64 {
    let facts = facts(plan, claim, &Readings::new()).map(|facts| facts.score);
    supported(component(plan, claim), kind(plan, claim), facts)
}

/// How near a guess on the way was, 0 to 1. The right place alone is near: somebody who is still looking owes no reasons.
pub fn claim_nearness(plan: &Plan, claim: &CauseClaim) -> f64 {
    let facts = facts(plan, claim, &Readings::new()).map(|facts| facts.score);
    weighed(component(plan, claim), kind(plan, claim), facts)
}

/// F1 of the true statements times what is left after the wrong ones: half of the distractors ticked is what a coin
/// does, and leaves nothing.
pub(super) fn facts_score(right: usize, of: usize, wrong: usize, distractors: usize) -> f64 {
    let f1 = 2.0 * right as f64 / (of + right + wrong).max(1) as f64;
    let kept = 1.0 - 2.0 * wrong as f64 / distractors.max(1) as f64;
    f1 * kept.max(0.0)
}

/// The true statements that a claim's words come near without stating them, where no other was given: a person has to
/// read them.
pub fn unclear<'p>(plan: &'p Plan, claim: &CauseClaim) -> Vec<&'p Fact> {
    let needed = facts(plan, claim, &Readings::new()).is_some_and(|facts| facts.ambiguous);
    let reading = Reading::of(&claim.text);
    let near = |fact: &&Fact| needed && reading.find(fact) == Found::Ambiguous;
    plan.truth.cause.facts.iter().filter(near).collect()
}

/// The component that an instance belongs to, or the name itself.
pub(crate) fn component_of<'p>(plan: &'p Plan, name: &'p str) -> &'p str {
    plan.target
        .services
        .iter()
        .find(|service| service.name.as_str() == name)
        .map_or(name, |service| service.component.as_str())
}

/// The components that a claim names: its own field, else every one that its words name without denying it.
fn named_components<'p>(plan: &'p Plan, claim: &'p CauseClaim) -> Vec<&'p str> {
    if let Some(name) = &claim.component {
        return vec![component_of(plan, name)];
    }
    let reading = Reading::of(&claim.text);
    let mut named: Vec<&str> = plan
        .target
        .services
        .iter()
        .filter(|service| reading.names(service.name.as_str()) || reading.names(service.component.as_str()))
        .map(|service| service.component.as_str())
        .collect();
    if named.is_empty() && reading.names(&plan.truth.cause.component) {
        named.push(&plan.truth.cause.component);
    }
    named.sort_unstable();
    named.dedup();
    named
}

fn component(plan: &Plan, claim: &CauseClaim) -> f64 {
    if plan.truth.cause.component.is_empty() {
        return f64::from(u8::from(claim.component.is_none()));
    }
    nearness(plan, &named_components(plan, claim))
}

/// How near components are to the one at fault, on the graph that the fault spreads by.
pub(super) fn nearness(plan: &Plan, named: &[&str]) -> f64 {
    let cause = &plan.truth.cause;
    let spreads: Vec<(String, String)> = cause
        .spreads
        .iter()
        .map(|(a, b)| (component_of(plan, a).to_owned(), component_of(plan, b).to_owned()))
        .collect();
    let actual = component_of(plan, &cause.component);
    let named: Vec<&str> = named.iter().map(|name| component_of(plan, name)).collect();
    prox(&named, &[actual], &Graph::new(&spreads))
}

fn kind(plan: &Plan, claim: &CauseClaim) -> f64 {
    claim.kind.as_deref().map_or(0.0, |kind| tax(kind, &plan.truth.cause.kind))
}

/// How a grader reads the words of a claim: by a fact's id, whether they state it.
type Readings<'a> = BTreeMap<&'a str, (Mark, bool)>;

/// What a person has read decides; the program's own reading only where nobody has.
fn facts(plan: &Plan, claim: &CauseClaim, readings: &Readings<'_>) -> Option<FactsFound> {
    let cause = &plan.truth.cause;
    if cause.facts.is_empty() {
        return None;
    }
    let reading = Reading::of(&claim.text);
    let read = |fact: &Fact| match readings.get(fact.id.as_str()) {
        Some((_, true)) => Found::Stated,
        Some((_, false)) => Found::Absent,
        None => reading.find(fact),
    };
    let found: Vec<(&str, Found)> = cause.facts.iter().map(|fact| (fact.id.as_str(), read(fact))).collect();
    let ticked: BTreeSet<&str> = claim.facts.iter().map(String::as_str).collect();
    let actual: BTreeSet<&str> = cause.facts.iter().map(|fact| fact.id.as_str()).collect();
    let wrong = cause.distractors.iter().filter(|fact| ticked.contains(fact.id.as_str())).count();
    let stated = found.iter().filter(|(_, found)| *found == Found::Stated).map(|(id, _)| *id);
    let claimed: BTreeSet<&str> = ticked.iter().copied().chain(stated).collect();
    let right = claimed.intersection(&actual).count();
    Some(FactsFound {
        score: facts_score(right, actual.len(), wrong, cause.distractors.len()),
        right,
        of: actual.len(),
        wrong,
        ambiguous: claimed.is_empty() && found.iter().any(|(_, found)| *found == Found::Ambiguous),
    })
}

pub(super) fn checks(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let mut checks = match sheet.timeline.causes.last() {
        Some((mark, claim)) => vec![
            component_check(sheet, *mark, claim),
            kind_check(sheet, *mark, claim),
            facts_check(sheet, *mark, claim),
            onset_check(sheet, *mark, claim),
            evidence_check(sheet, *mark, claim),
        ],
        None => no_answer(sheet),
    };
    checks.push(milestones(sheet));
    checks
}

fn no_answer(sheet: &Sheet<'_, '_>) -> Vec<Check> {
    let no_facts = sheet.journal.plan().truth.cause.facts.is_empty();
    [COMPONENT, KIND, FACTS, ONSET, EVIDENCE]
        .into_iter()
        .map(|(id, weight)| {
            if (id == FACTS.0 && no_facts) || (id == ONSET.0 && sheet.no_fault()) {
                Check::not_applicable(id, weight, wording::NOTHING_TO_COMPARE)
            } else {
                Check::scored(id, weight, 0.0, wording::no_cause())
            }
        })
        .collect()
}

fn component_check(sheet: &Sheet<'_, '_>, mark: Mark, claim: &CauseClaim) -> Check {
    let (id, weight) = COMPONENT;
    let plan = sheet.journal.plan();
    let score = component(plan, claim);
    let named = named_components(plan, claim).join(", ");
    let said = wording::component(&named, component_of(plan, &plan.truth.cause.component), score);
    Check::scored(id, weight, score, said)
        .with([("nearness", score)])
        .by([mark])
        .against(&["truth.cause.component", "truth.cause.spreads"])
}

fn kind_check(sheet: &Sheet<'_, '_>, mark: Mark, claim: &CauseClaim) -> Check {
    let (id, weight) = KIND;
    let plan = sheet.journal.plan();
    let score = kind(plan, claim);
    let said = wording::kind(claim.kind.as_deref(), &plan.truth.cause.kind, score);
    Check::scored(id, weight, score, said)
        .with([("nearness in the tree", score)])
        .by([mark])
        .against(&["truth.cause.kind"])
}

fn facts_check(sheet: &Sheet<'_, '_>, mark: Mark, claim: &CauseClaim) -> Check {
    let (id, weight) = FACTS;
    let readings = &sheet.timeline.reviews.readings;
    let check = match facts(sheet.journal.plan(), claim, readings) {
        None => Check::not_applicable(id, weight, wording::NOTHING_TO_COMPARE),
        Some(facts) if facts.ambiguous => Check::unknown(id, weight, wording::NEEDS_A_GRADER),
        Some(facts) => {
            let said = wording::facts(facts.right, facts.of, facts.wrong);
            Check::scored(id, weight, facts.score, said).with([
                ("true facts named", facts.right as f64),
                ("true facts", facts.of as f64),
                ("false statements ticked", facts.wrong as f64),
            ])
        }
    };
    let read = readings.values().map(|(mark, _)| *mark);
    check.by(read.chain([mark])).against(&["truth.cause.facts"])
}

fn onset_check(sheet: &Sheet<'_, '_>, mark: Mark, claim: &CauseClaim) -> Check {
    let (id, weight) = ONSET;
    if sheet.no_fault() {
        return Check::not_applicable(id, weight, wording::NOTHING_TO_COMPARE);
    }
    let Some(claimed) = claim.onset else {
        return Check::scored(id, weight, 0.0, wording::onset(None)).by([mark]);
    };
    // "It began" may mean the change or the harm: the nearer of the two is taken.
    let claimed = claimed.resolve(sheet.journal.start());
    let injected = sheet
        .timeline
        .injections
        .iter()
        .filter(|injection| injection.planned.related)
        .filter_map(InjectionHistory::injected);
    let moments = injected.map(|mark| mark.at).chain([sheet.onset()]);
    let error = moments
        .map(|moment: At| sheet.secs(claimed) - sheet.secs(moment))
        .min_by(|a, b| a.abs().total_cmp(&b.abs()))
        .unwrap_or_default();
    Check::scored(id, weight, onset(error), wording::onset(Some(error)))
        .with([("seconds from the true beginning", error)])
        .by([mark])
        .against(&["measured.windows", "measured.injections"])
}

/// Two things seen before the claim are enough: cited ones count in full, what the team merely did before it up to .6.
fn evidence_check(sheet: &Sheet<'_, '_>, mark: Mark, claim: &CauseClaim) -> Check {
    let (id, weight) = EVIDENCE;
    let events = sheet.journal.events();
    let cited: BTreeSet<u64> = claim
        .evidence
        .iter()
        .copied()
        .filter(|seq| *seq < mark.seq)
        .filter(|seq| {
            let index = usize::try_from(*seq).unwrap_or(usize::MAX);
            events.get(index).is_some_and(|recorded| shows(&recorded.event))
        })
        .collect();
    let looked = sheet
        .timeline
        .operations
        .iter()
        .map(|operation| operation.mark)
        .chain(sheet.timeline.logs.iter().map(|(mark, _, _)| *mark))
        .chain(sheet.timeline.commands.iter().copied())
        .filter(|seen| seen.seq < mark.seq)
        .count();
    let score = match (cited.len(), looked) {
        (2.., _) => 1.0,
        (1, _) | (0, 2..) => 0.6,
        (0, 1) => 0.3,
        (0, 0) => 0.0,
    };
    let shown = cited.iter().map(|seq| Mark { seq: *seq, at: mark.at });
    Check::scored(id, weight, score, wording::evidence(cited.len(), looked))
        .with([
            ("things cited that were seen before", cited.len() as f64),
            ("looks and log entries before", looked as f64),
        ])
        .by(shown.chain([mark]))
}

/// Whether an event shows something of the target.
fn shows(event: &Event) -> bool {
    match event {
        Event::Operated { .. }
        | Event::AlarmRaised { .. }
        | Event::AlarmResolved { .. }
        | Event::Measured { .. }
        | Event::ProbeAnswered { .. }
        | Event::InjectSpoken { .. } => true,
        Event::Acted { act, .. } => matches!(act, Act::Log { .. } | Act::Say(_) | Act::Ran(_)),
        _ => false,
    }
}

/// Milestones that can be seen in a journal; the others are left to people.
fn milestones(sheet: &Sheet<'_, '_>) -> Check {
    let (id, weight) = MILESTONES;
    let plan = sheet.journal.plan();
    let reached: Vec<(&str, Option<Mark>)> = plan
        .truth
        .milestones
        .iter()
        .filter_map(|name| Some((name.as_str(), milestone(sheet, name)?)))
        .collect();
    if reached.is_empty() {
        return Check::not_applicable(id, weight, wording::NOTHING_TO_COMPARE);
    }
    let passed = reached.iter().filter(|(_, mark)| mark.is_some()).count();
    let missing = reached.iter().find(|(_, mark)| mark.is_none()).map(|(name, _)| *name);
    let score = passed as f64 / reached.len() as f64;
    let said = wording::milestones(passed, reached.len(), missing);
    Check::scored(id, weight, score, said)
        .with([("milestones", reached.len() as f64), ("passed", passed as f64)])
        .by(reached.iter().filter_map(|(_, mark)| *mark))
        .against(&["truth.milestones"])
}

/// When a milestone was reached; the outer nothing: a journal cannot tell.
#[expect(clippy::option_option, reason = "a milestone that cannot be told is not one that was missed")]
pub(super) fn milestone(sheet: &Sheet<'_, '_>, name: &str) -> Option<Option<Mark>> {
    let plan = sheet.journal.plan();
    let line = sheet.timeline;
    let mut claims: Vec<_> = line.hypotheses.iter().chain(&line.causes).collect();
    claims.sort_by_key(|(mark, _)| *mark);
    let first = |good: &dyn Fn(&CauseClaim) -> bool| {
        claims.iter().find(|(_, claim)| good(claim)).map(|(mark, _)| *mark)
    };
    // A grader has read the last answer; guesses on the way are read by the program alone.
    let answer = line.causes.last().map(|(_, claim)| *claim);
    let (unread, by_grader) = (Readings::new(), &line.reviews.readings);
    let readings = |claim: &CauseClaim| {
        if answer.is_some_and(|answer| std::ptr::eq(answer, claim)) { by_grader } else { &unread }
    };
    let cleared = || {
        let related: Vec<_> = line
            .injections
            .iter()
            .filter(|injection| injection.planned.related)
            .map(|injection| {
                // A repair of another make is only seen when the fault is to be taken back; that service had held
                // since says that it was one.
                let held = line.held_restoration().is_some();
                injection.first(|step| match step {
                    InjectionStep::Cleared => true,
                    InjectionStep::Diverged { .. } => held,
                    _ => false,
                })
            })
            .collect();
        // All of them: the milestone is reached with the last one.
        let all: Option<Vec<Mark>> = related.into_iter().collect();
        all.and_then(|marks| marks.into_iter().max())
    };
    Some(match name {
        "symptom" => line.first_recognition(sheet.broken_from()),
        "localised" => first(&|claim| component(plan, claim) > 0.99),
        "mechanism" => first(&|claim| {
            kind(plan, claim) > 0.99
                || facts(plan, claim, readings(claim)).is_some_and(|facts| facts.score >= 0.5)
        }),
        "mitigated" => line.restored.first().map(|(mark, _)| *mark),
        "root-fixed" => cleared(),
        _ => return None,
    })
}
