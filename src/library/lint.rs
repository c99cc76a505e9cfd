//! What a scenario needs beyond being free of mistakes before people may be put through it: truth that can be scored,
//! claims that land where their author says, and nothing to gain by guessing.
//!
//! What only a played drill can show (steady before, oracle, repair, quiet alarms) is proved by a rehearsal.

use crate::{
    base::At,
    drill::plan::{Plan, PlanOptions},
    report::score::{
        chance::{self, CHANCE_MAX},
        claim_score,
    },
    scenario::{
        AlarmTrigger, Band, SampleClaim, Scenario,
        file::{Placed, ScenarioFile},
        problem::{Findings, Place, Problem},
    },
    seed::Seed,
};

/// Fewest true statements: what, why now, and what it did to users.
const FACTS_MIN: usize = 3;
/// Fewest false statements that are offered among them, and fewest statements altogether.
const DISTRACTORS_MIN: usize = 4;
const OFFERS_MIN: usize = 8;
/// Fewest vetted questions.
const QUESTIONS_MIN: usize = 2;

/// Every finding, in the order of their places.
pub fn lint(shown: &str, file: &ScenarioFile, scenario: &Scenario) -> Vec<Problem> {
    let mut found = Findings::new(shown);
    let options =
        PlanOptions { seed: Seed(0), start: At::from_millis(0), autopilot: false, routes: Vec::new() };
    let plan = Plan::resolve(scenario, options);
    let quiet = scenario.truth.cause.kind.starts_with("none.");
    story(&mut found, file, scenario, quiet);
    if !quiet {
        truth(&mut found, file, scenario);
        guessing(&mut found, file, &plan);
    }
    claims(&mut found, file, scenario, &plan);
    let mut problems = found.into_problems();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems
}

/// Where the truth begins: what is missing in it has no place of its own.
fn at_truth(file: &ScenarioFile) -> Place {
    file.truth.place
}

fn story(found: &mut Findings, file: &ScenarioFile, scenario: &Scenario, quiet: bool) {
    let title = file.title.place;
    if scenario.summary.is_empty() {
        let help = "say under `summary:` in two sentences what happens, for those who run it";
        found.add_with_help(title, "nobody is told what happens in this scenario", help);
    }
    if scenario.objectives.is_empty() {
        let help = "add under `objectives:` what somebody can do after it, one sentence each";
        found.add_with_help(title, "there is no objective, so nobody can say what was learned", help);
    }
    if !quiet && tells(&scenario.title, &scenario.truth.cause.component) {
        let help =
            format!("leave `{}` out: the title is read before the drill", scenario.truth.cause.component);
        found.add_with_help(title, "the title names the component at fault", help);
    }
    if scenario.hints.is_empty() {
        let help = "list under `hints.catalogue:` the pages that lead to the evidence";
        found.add_with_help(
            title,
            "no document is suggested for hints, so the evidence cannot be pointed at",
            help,
        );
    }
    if scenario.questions.len() < QUESTIONS_MIN {
        let message = format!(
            "{} for a team that is stumped",
            crate::report::wording::count(scenario.questions.len(), "question")
        );
        let help = format!("add under `hints.questions:` at least {QUESTIONS_MIN} that give nothing away");
        found.add_with_help(title, message, help);
    }
    let measured = |trigger: &AlarmTrigger| matches!(trigger, AlarmTrigger::When(_));
    if !quiet && !scenario.alarms.iter().any(|alarm| alarm.related && measured(&alarm.trigger)) {
        let help = "add an alarm with `when:`, for example `{class: put, failed: \"> 5 %\", for: 30s}`";
        found.add_with_help(title, "no alarm is raised by what users meet", help);
    }
}

fn tells(title: &str, component: &str) -> bool {
    let words = |text: &str| text.to_lowercase();
    !component.is_empty()
        && words(title).split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == words(component))
}

/// The truth names mechanism and symptoms, and what was to be decided.
fn truth(found: &mut Findings, file: &ScenarioFile, scenario: &Scenario) {
    let truth = &scenario.truth;
    let place = file.truth.cause.kind.place;
    let (facts, others) = (truth.cause.facts.len(), truth.cause.distractors.len());
    if facts < FACTS_MIN {
        let message = format!("the mechanism is told in {}", crate::report::wording::count(facts, "fact"));
        let help = format!(
            "name at least {FACTS_MIN}: what is wrong, since when or by what, and what it does to users"
        );
        found.add_with_help(place, message, help);
    }
    if others < DISTRACTORS_MIN || facts + others < OFFERS_MIN {
        let message =
            format!("{} among {facts} true ones", crate::report::wording::count(others, "distractor"));
        let help = format!(
            "offer at least {DISTRACTORS_MIN}, and {OFFERS_MIN} statements altogether: take them from sibling scenarios"
        );
        found.add_with_help(place, message, help);
    }
    if truth.impact.is_empty() {
        let help = "say how hard users are hit, so that a fault which does not bite is seen: `impact: {put: 20-80 %}`";
        found.add_with_help(at_truth(file), "the truth names no symptom", help);
    }
    if !truth.decision.values().any(|option| option.effective && !option.harmful) {
        let help = "say under `truth.decision` what each rung would do; one is effective";
        found.add_with_help(at_truth(file), "no decision is known to work", help);
    }
    if truth.owners.is_empty() {
        let help = "name the team that owns the broken part: `owners: [web-oncall]`";
        found.add_with_help(at_truth(file), "nobody owns the broken part", help);
    }
    if truth.severity.is_empty() {
        let help = "answer the checklist: `severity: {live: true, users: some-of-all, ..}`";
        found.add_with_help(at_truth(file), "the severity checklist has no answer", help);
    }
}

/// Sample claims are there and land in their bands.
fn claims(found: &mut Findings, file: &ScenarioFile, scenario: &Scenario, plan: &Plan) {
    let missing: Vec<&str> = [(Band::Right, "right"), (Band::Near, "near"), (Band::Wrong, "wrong")]
        .into_iter()
        .filter(|(band, _)| !scenario.sample_claims.iter().any(|claim| claim.band == *band))
        .map(|(_, word)| word)
        .collect();
    if !missing.is_empty() {
        let place = file.sample_claims.first().map_or(at_truth(file), |first| first.place);
        let message = format!("no sample claim is meant to be {}", missing.join(" or "));
        let help = "add answers as a team would write them under `sample_claims:`, each with its `band`";
        found.add_with_help(place, message, help);
    }
    for (written, claim) in file.sample_claims.iter().zip(&scenario.sample_claims) {
        let worth = claim_score(plan, &claim.claim());
        if Band::of(worth) != claim.band {
            out_of_band(found, written.place, claim, worth);
        }
    }
}

fn out_of_band(found: &mut Findings, place: Place, claim: &SampleClaim, worth: f64) {
    let word = |band: Band| format!("{band:?}").to_lowercase();
    let message = format!(
        "this claim is meant to be {} and scores {worth:.2}, which is {}",
        word(claim.band),
        word(Band::of(worth))
    );
    let help =
        "right is .70 and more, wrong below .20: add the wording to a fact's `any`, or correct the band";
    found.add_with_help(place, message, help);
}

/// Nothing is to be gained by guessing.
fn guessing(found: &mut Findings, file: &ScenarioFile, plan: &Plan) {
    let kind: &Placed<String> = &file.truth.cause.kind;
    let guesses = [
        ("a claim at random", chance::random(plan)),
        ("ticking every statement and naming nothing", chance::ticks_everything(plan)),
    ];
    for (what, worth) in guesses {
        if worth > CHANCE_MAX {
            let message = format!("{what} is worth {worth:.2}, and may be worth {CHANCE_MAX:.2}");
            let help =
                "offer more distractors, or leave components out of `spreads` that the fault does not reach";
            found.add_with_help(kind.place, message, help);
        }
    }
}
