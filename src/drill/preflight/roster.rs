//! The people of a drill: as many as it needs, each on one side, a mix where it asks for one, with what they must have, and
//! nobody who knows the answer.

use super::{Bar, bar, code};
use crate::{
    base::{At, Person},
    drill::plan::{NamedRoster, Plan},
    scenario::roster::{Experience, PrerequisiteId, wrong_with},
};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the people who are named for a drill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// By name; nothing is known of the others.
    pub people: BTreeMap<Person, Standing>,
    /// More may still sign up, so too few are no reason yet.
    pub open: bool,
}

/// What is known of somebody, as far as it matters to one drill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// How well they know the systems of its pack.
    pub experience: Option<Experience>,
    /// What they have said to have.
    pub attested: BTreeSet<PrerequisiteId>,
    /// When they last answered a comcheck.
    pub answered: Option<At>,
    /// How they came to know the answer; nothing: they may play.
    pub exposed: Option<String>,
}

const ANYWAY: &str = "say why it is played so: `--roster-anyway \"REASON\"`";

/// Whether the roster was waived, with a reason.
fn is_waived(named: &NamedRoster) -> bool {
    named.anyway.as_ref().is_some_and(|reason| !reason.trim().is_empty())
}

/// Whether the people who were named are as many as the scenario needs, each on one side. While others may still sign up,
/// nobody is too few.
pub(super) fn numbers(plan: &Plan, named: &NamedRoster, open: bool) -> Option<Bar> {
    let instigators: BTreeSet<&Person> = named.instigators.iter().collect();
    let mut responders: BTreeSet<&Person> = named.responders.iter().collect();
    responders.extend(plan.players());
    if let Some(both) = instigators.intersection(&responders).next() {
        let says = format!("{both} would be instigator and responder at once");
        return Some(bar(
            code::ROSTER_INVALID,
            says,
            "Whoever knows the answer cannot be exercised: name others.",
        ));
    }
    if is_waived(named) {
        return None;
    }
    let unfit = |what: &str, count: usize, (least, most): (u8, u8)| {
        let least = if open { 0 } else { least };
        let fits = (usize::from(least)..=usize::from(most)).contains(&count);
        let needed = match (least, most) {
            (0, most) => format!("at most {most}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        (!fits).then(|| format!("{count} {what} are named, and the scenario needs {needed}"))
    };
    // Nobody is named for a Code Blue: everybody is called.
    let responders = if plan.admission.code_blue {
        None
    } else {
        unfit("responders", responders.len(), plan.roster.responders)
    };
    let wrong: Vec<_> = responders
        .into_iter()
        .chain(wrong_with(&named.shifts, plan.duration.limit))
        .chain(unfit("instigators", instigators.len(), plan.roster.instigators))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let help = format!("Name others, name nobody for an open drill, or {ANYWAY}.");
    Some(bar(code::ROSTER_INVALID, wrong.join("; "), &help))
}

/// What the drill asks of the people who were named, beyond their number.
pub(super) fn people(plan: &Plan, named: &NamedRoster, known: &Known) -> Vec<Bar> {
    if is_waived(named) {
        return Vec::new();
    }
    let mut all: Vec<_> = if known.open { None } else { mix(plan, named, known) }.into_iter().collect();
    for person in &named.responders {
        let standing = known.people.get(person).cloned().unwrap_or_default();
        all.extend(of_responder(plan, person, &standing));
        // There is time to answer until it begins.
        all.extend(if known.open { None } else { unreached(plan, named, person, &standing) });
    }
    all
}

/// Whoever is to be paged must have answered, where the drill asks for it.
fn unreached(plan: &Plan, named: &NamedRoster, person: &Person, standing: &Standing) -> Option<Bar> {
    let within = named.comcheck?;
    if standing.answered.is_some_and(|at| plan.start <= at + within) {
        return None;
    }
    let since = standing.answered.map_or("ever".to_owned(), |at| format!("since {at}"));
    let says =
        format!("{person} has not answered a comcheck {since}, and must have within {within} of the start");
    let help = format!(
        "{person} answers on their own page of the server; when you have heard them, `gameday people answered {person}`. Or {ANYWAY}."
    );
    Some(bar(code::NOT_REACHED, says, &help))
}

/// Not everybody new to the systems, and not everybody seasoned. Whose experience is not known is neither.
fn mix(plan: &Plan, named: &NamedRoster, known: &Known) -> Option<Bar> {
    let pack = plan.roster.mix.as_ref()?;
    if named.responders.is_empty() {
        return None;
    }
    let level = |person: &Person| known.people.get(person).and_then(|standing| standing.experience);
    let levels: Vec<_> = named.responders.iter().map(level).collect();
    let some_know = levels.iter().flatten().any(|level| *level > Experience::New);
    let some_learn = levels.iter().flatten().any(|level| *level < Experience::Seasoned);
    if some_know && some_learn {
        return None;
    }
    let mut says = match (some_know, some_learn) {
        (true, _) => format!("every responder whose experience is known is seasoned with `{pack}`"),
        (_, true) => format!("every responder whose experience is known is new to `{pack}`"),
        _ => format!("of no responder it is known how well they know `{pack}`"),
    };
    let unknown: Vec<_> = named.responders.iter().zip(&levels).filter(|(_, level)| level.is_none()).collect();
    if !unknown.is_empty() && unknown.len() < levels.len() {
        let of: Vec<_> = unknown.iter().map(|(person, _)| person.as_str()).collect();
        says.push_str(&format!("; nothing is known of {}", of.join(", ")));
    }
    says.push_str(", and the scenario asks for a mix");
    let help = format!(
        "Name others, say what is known (`gameday people change NAME --experience {pack}=LEVEL`), or {ANYWAY}."
    );
    Some(bar(code::ROSTER_MIX, says, &help))
}

/// What keeps one person from playing as responder.
fn of_responder(plan: &Plan, person: &Person, standing: &Standing) -> Vec<Bar> {
    let missing: Vec<_> =
        plan.roster.prerequisites.iter().filter(|one| !standing.attested.contains(&one.id)).collect();
    let mut all = Vec::new();
    if !missing.is_empty() {
        let told: Vec<_> = missing.iter().map(|one| format!("{} ({})", one.id, one.says)).collect();
        let attest: Vec<_> = missing.iter().map(|one| format!("--attest {}", one.id)).collect();
        let says = format!("{person} has not said to have {}", told.join(", "));
        let help = format!(
            "When {person} has it: `gameday people change {person} {}` (`people add` for somebody new). Or {ANYWAY}.",
            attest.join(" ")
        );
        all.push(bar(code::PREREQUISITE_MISSING, says, &help));
    }
    if let Some(how) = &standing.exposed {
        let says = format!("{person} knows what this drill is about: {how}");
        let help = format!("Name somebody else, play another scenario, or {ANYWAY}.");
        all.push(bar(code::EXPOSED, says, &help));
    }
    all
}

/// Every reason not to take somebody's sign-up: `plan` names everybody who would then take part.
pub fn sign_up(plan: &Plan, person: &Person, standing: &Standing) -> Vec<Bar> {
    let Some(named) = &plan.admission.roster else { return Vec::new() };
    let mut all: Vec<_> = numbers(plan, named, true).into_iter().collect();
    if named.responders.contains(person) && !is_waived(named) {
        all.extend(of_responder(plan, person, standing));
    }
    all
}

/// What people who were named still lack in number, while others may sign up.
pub fn lacking(plan: &Plan) -> Option<String> {
    let named = plan.admission.roster.as_ref()?;
    numbers(plan, named, false).map(|bar| bar.says)
}
