//! What must hold before anything is broken: every reason at once, each with a code that does not change.
//!
//! [`of_plan`] needs the plan alone, and the drill asks it again at its door: a plan is data, whoever made it. [`bars`]
//! adds what only the outside knows. Two rules are the drill's own, since they need time: steady state and comcheck.

mod roster;

pub use roster::{Known, Standing, lacking, sign_up};

use super::plan::Plan;
use crate::{
    base::{At, DrillId, InjectionId, Span, limits},
    fault::protocol::Complaint,
    scenario::blast::{beyond_caps, has_place},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// The stable words, as docs/revert-protocol.md explains them.
pub mod code {
    /// The target is not one of those that may be broken from here.
    pub const NOT_ALLOWED: &str = "not-allowed";
    /// Nothing says that the target is staging.
    pub const NOT_ATTESTED: &str = "not-attested";
    /// What says so cannot be read.
    pub const ATTESTATION_UNREADABLE: &str = "attestation-unreadable";
    /// What says so has ended.
    pub const ATTESTATION_EXPIRED: &str = "attestation-expired";
    /// What says so was said of another machine.
    pub const OTHER_MACHINE: &str = "other-machine";
    /// A deny marker forbids it.
    pub const DENIED: &str = "denied";
    /// A part of the layout lies outside of the target's folder.
    pub const OUTSIDE_TARGET: &str = "outside-target";
    /// A part is reached by a name instead of an address.
    pub const ADDRESS_NOT_PINNED: &str = "address-not-pinned";
    /// An address lies outside of the declared ranges.
    pub const ADDRESS_OUT_OF_RANGE: &str = "address-out-of-range";
    /// An earlier drill may have left something.
    pub const QUARANTINED: &str = "quarantined";
    /// Too much would be broken at the same time.
    pub const BLAST_RADIUS: &str = "blast-radius";
    /// A fault could not be looked at and undone.
    pub const NO_UNDO: &str = "no-undo";
    /// A fault would have no end.
    pub const NO_DEADLINE: &str = "no-deadline";
    /// Nothing would stop the drill by itself.
    pub const NO_STOP_CONDITION: &str = "no-stop-condition";
    /// There is no steady state before the start.
    pub const NOT_STEADY: &str = "not-steady";
    /// A route did not carry the comcheck.
    pub const COMCHECK_FAILED: &str = "comcheck-failed";
    /// The scenario was not rehearsed as it is.
    pub const NOT_REHEARSED: &str = "not-rehearsed";
    /// The safety lever is engaged.
    pub const SAFETY_ENGAGED: &str = "safety-engaged";
    /// The people who were named do not fit.
    pub const ROSTER_INVALID: &str = "roster-invalid";
    /// The responders are all new to the systems, or all seasoned.
    pub const ROSTER_MIX: &str = "roster-mix";
    /// A responder has not said to have what the scenario asks for.
    pub const PREREQUISITE_MISSING: &str = "prerequisite-missing";
    /// A responder has not answered a comcheck of late.
    pub const NOT_REACHED: &str = "not-reached";
    /// A responder knows the answer.
    pub const EXPOSED: &str = "exposed";

    /// All of them.
    pub const ALL: [&str; 23] = [
        NOT_ALLOWED,
        NOT_ATTESTED,
        ATTESTATION_UNREADABLE,
        ATTESTATION_EXPIRED,
        OTHER_MACHINE,
        DENIED,
        OUTSIDE_TARGET,
        ADDRESS_NOT_PINNED,
        ADDRESS_OUT_OF_RANGE,
        QUARANTINED,
        BLAST_RADIUS,
        NO_UNDO,
        NO_DEADLINE,
        NO_STOP_CONDITION,
        NOT_STEADY,
        COMCHECK_FAILED,
        NOT_REHEARSED,
        SAFETY_ENGAGED,
        ROSTER_INVALID,
        ROSTER_MIX,
        PREREQUISITE_MISSING,
        NOT_REACHED,
        EXPOSED,
    ];
}

/// One reason not to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bar {
    /// One of [`code`].
    pub code: String,
    /// What does not hold, and where.
    pub says: String,
    /// What to do about it.
    pub help: String,
}

fn bar(code: &str, says: impl Into<String>, help: &str) -> Bar {
    Bar { code: code.to_owned(), says: says.into(), help: help.to_owned() }
}

impl From<Complaint> for Bar {
    /// What an agent says of its target.
    fn from(complaint: Complaint) -> Self {
        let help = match complaint.code.as_str() {
            code::DENIED => "Somebody put it there for a reason: ask before you remove it.",
            code::NOT_ATTESTED | code::ATTESTATION_EXPIRED => {
                "If it is a staging target: `gameday agent attest --root DIR --by NAME --for 8h`, on its machine."
            }
            code::ATTESTATION_UNREADABLE | code::OTHER_MACHINE => {
                "Look whether this is the target that you mean. Then: `gameday agent attest --root DIR --by NAME --for 8h`."
            }
            code::ADDRESS_NOT_PINNED => "Write the address as numbers: a name may lead elsewhere tomorrow.",
            code::ADDRESS_OUT_OF_RANGE => {
                "Correct the address, or declare its range under `addresses` of the layout."
            }
            _ => "Correct the target's layout.",
        };
        bar(&complaint.code, complaint.error, help)
    }
}

/// What only the outside knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Names of the targets that may be broken from here.
    pub allowed: Vec<String>,
    /// Addresses of toxiproxies that belong to this target, as somebody has said here.
    pub toxiproxies: Vec<String>,
    /// Why the target's agent takes no drill, where it was asked.
    pub agent: Option<Complaint>,
    /// Drills that may have left something.
    pub left: Vec<Left>,
    /// What is known of a rehearsal.
    pub rehearsed: Rehearsed,
    /// Whether the safety lever holds this target back, and on whose word.
    pub lever: Option<Lever>,
    /// What is known of the people who are named.
    pub known: Known,
}

/// A drill that may have left something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The drill.
    pub drill: DrillId,
    /// Its injections that are not at an end.
    pub injections: Vec<InjectionId>,
}

/// What is known of the rehearsal of a scenario as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsed {
    /// A certificate holds, or it comes with the program as it is.
    Yes,
    /// There is no certificate, or none that counts: why.
    No(String),
}

/// An engaged safety lever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lever {
    /// Nobody has ever moved it, and the target is not the embedded one.
    Untouched,
    /// Somebody engaged it.
    Engaged {
        /// Who.
        by: String,
        /// When.
        at: At,
        /// Why.
        reason: String,
    },
    /// Its state cannot be read.
    Unreadable(String),
}

/// Every reason not to begin this drill; none: it may begin.
pub fn bars(plan: &Plan, facts: &Facts) -> Vec<Bar> {
    let mut all = Vec::new();
    all.extend(facts.lever.as_ref().map(lever));
    if !facts.allowed.contains(&plan.target.name) {
        let known = facts.allowed.join(", ");
        let says = format!("the target `{}` is not one that may be broken from here", plan.target.name);
        let name = &plan.target.name;
        let help =
            format!("If it is yours to break: `gameday target allow {name}`. Those that may be: {known}.");
        all.push(bar(code::NOT_ALLOWED, says, &help));
    }
    all.extend(foreign_toxiproxies(plan, facts));
    all.extend(facts.agent.clone().map(Bar::from));
    all.extend(facts.left.iter().map(quarantined));
    all.extend(of_faults(plan));
    if let Some(named) = &plan.admission.roster {
        all.extend(roster::numbers(plan, named, facts.known.open));
        all.extend(roster::people(plan, named, &facts.known));
    }
    all.extend(rehearsed(plan, &facts.rehearsed));
    all
}

/// Toxiproxies that nobody has said to belong to the target: another system's traffic may come through them.
fn foreign_toxiproxies(plan: &Plan, facts: &Facts) -> Vec<Bar> {
    let carried: BTreeSet<_> = plan.target.links.iter().filter_map(|link| link.toxiproxy.as_ref()).collect();
    let foreign = carried.into_iter().filter(|api| !facts.toxiproxies.contains(api));
    foreign
        .map(|api| {
            let says =
                format!("nobody here has said that the toxiproxy at {api} belongs to this staging target");
            let help = format!("If it does: `gameday target allow {} --toxiproxy {api}`.", plan.target.name);
            bar(code::NOT_ALLOWED, says, &help)
        })
        .collect()
}

/// Every reason that the plan itself holds.
pub fn of_plan(plan: &Plan) -> Vec<Bar> {
    let mut all = of_faults(plan);
    all.extend(plan.admission.roster.as_ref().and_then(|named| roster::numbers(plan, named, false)));
    all
}

/// Every reason that lies in what is broken, and for how long.
fn of_faults(plan: &Plan) -> Vec<Bar> {
    let mut all = Vec::new();
    let faults: Vec<_> = plan.injections.iter().map(|one| (one.at, one.until, &one.fault)).collect();
    for blast in beyond_caps(&plan.target, &faults) {
        let says = format!(
            "from {} on, {} {} have a fault at the same time; the target's cap is {}",
            blast.at, blast.count, blast.what, blast.cap
        );
        all.push(bar(code::BLAST_RADIUS, says, "Break less, or end one fault before the next begins."));
    }
    for one in
        plan.injections.iter().chain(&plan.second_act).filter(|one| !has_place(&plan.target, &one.fault))
    {
        let says = format!(
            "injection {} ({} on {}) could not be looked at or undone: the target has no such place",
            one.id,
            one.fault.kind(),
            one.fault.place()
        );
        all.push(bar(code::NO_UNDO, says, "`gameday check` names what the target has."));
    }
    all.extend(deadlines(plan));
    if plan.stop_conditions.is_empty() {
        let help = "Declare under `stop_conditions:` what must hold whatever is broken.";
        all.push(bar(code::NO_STOP_CONDITION, "no stop condition would end the drill by itself", help));
    }
    all
}

fn deadlines(plan: &Plan) -> Option<Bar> {
    let limit = plan.duration.limit;
    let says = if limit == Span::ZERO || limit > limits::DRILL_MAX {
        format!("the drill's limit is {limit}, and no fault would be taken back by {}", limits::DRILL_MAX)
    } else {
        let late = plan
            .injections
            .iter()
            .find(|one| one.at >= limit || one.until.is_some_and(|until| until <= one.at || until > limit))?;
        format!("injection {} does not begin and end within the drill's limit of {limit}", late.id)
    };
    let help = "Give the drill a limit, and let every fault begin and end within it.";
    Some(bar(code::NO_DEADLINE, says, help))
}

fn quarantined(left: &Left) -> Bar {
    let what = match left.injections.as_slice() {
        [] => "was left unfinished".to_owned(),
        some => {
            let ids: Vec<_> = some.iter().map(ToString::to_string).collect();
            format!("may have left something on its target ({})", ids.join(", "))
        }
    };
    bar(
        code::QUARANTINED,
        format!("drill {} {what}, and no other begins before that is settled", left.drill),
        "`gameday run --resume` plays it on while its leases hold, and `gameday recover` takes everything back; `gameday injections` shows what there is.",
    )
}

fn rehearsed(plan: &Plan, rehearsed: &Rehearsed) -> Option<Bar> {
    let Rehearsed::No(why) = rehearsed else { return None };
    let waived = plan.admission.unrehearsed.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    if plan.admission.rehearsal || waived {
        return None;
    }
    Some(bar(
        code::NOT_REHEARSED,
        format!("the scenario `{}` is not rehearsed as it is: {why}", plan.scenario),
        "`gameday rehearse` proves it in a few minutes; `run --unrehearsed \"REASON\"` does without, and the debrief says so.",
    ))
}

fn lever(lever: &Lever) -> Bar {
    let says = match lever {
        Lever::Untouched => {
            "the safety lever is engaged, as it is until somebody releases it for other targets \
                             than the embedded one"
                .to_owned()
        }
        Lever::Engaged { by, at, reason } => {
            format!("the safety lever is engaged since {at}, by {by}: {reason}")
        }
        Lever::Unreadable(why) => {
            format!("the safety lever's state cannot be read, and counts as engaged: {why}")
        }
    };
    let help = "When it is safe again: `gameday safety release --reason \"...\"`.";
    bar(code::SAFETY_ENGAGED, says, help)
}
