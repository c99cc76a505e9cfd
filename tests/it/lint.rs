//! What a scenario must have before it may be scheduled, and that guessing does not pay in any that is shipped.

use gameday::{
    base::At,
    drill::plan::{Plan, PlanOptions},
    library::{Library, template::template, worker::ScriptRunner},
    report::score::{
        chance::{CHANCE_MAX, best_constant, random, ticks_everything},
        claim_score,
    },
    scenario::{Band, act::CauseClaim, problem::Problem},
    seed::Seed,
};
use std::path::PathBuf;

fn library() -> Library {
    Library::new(
        vec![gameday::depot::describe()],
        ScriptRunner::Worker(PathBuf::from(env!("CARGO_BIN_EXE_gameday"))),
    )
}

fn plans() -> Vec<(String, Plan)> {
    let plan = |name: &String| {
        let scenario = library().load(name).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let start = At::from_millis(0);
        Plan::resolve(&scenario, PlanOptions { seed: Seed(7), start, autopilot: false, routes: Vec::new() })
    };
    Library::built_in().into_iter().map(|name| (name.clone(), plan(&name))).collect()
}

#[test]
fn guessing_does_not_pay_in_any_scenario_that_is_shipped() {
    for (name, plan) in plans() {
        let (guess, ticks) = (random(&plan), ticks_everything(&plan));
        assert!(guess <= CHANCE_MAX, "{name}: a claim at random is worth {guess:.3}");
        assert!(ticks <= CHANCE_MAX, "{name}: ticking everything is worth {ticks:.3}");
    }
}

#[test]
fn no_constant_claim_pays_over_the_library() {
    let plans: Vec<Plan> = plans().into_iter().map(|(_, plan)| plan).collect();
    let (claim, worth) = best_constant(&plans);
    assert!(worth <= CHANCE_MAX, "always {:?} and {:?} is worth {worth:.3}", claim.component, claim.kind);
    // It can be seen to fail: on a single scenario somebody who always says the same is right by luck.
    assert!(best_constant(&plans[..1]).1 > CHANCE_MAX);
}

#[test]
fn every_scenario_that_is_shipped_or_begun_with_may_be_scheduled() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine.yaml");
    std::fs::write(&mine, template("mine", "Nobody can log in")).unwrap();
    let mine = mine.to_str().unwrap().to_owned();
    for name in Library::built_in().into_iter().chain([mine]) {
        let found = library().lint(&name).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
        let lines: Vec<_> = found.iter().map(Problem::headline).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

#[test]
fn what_is_true_of_another_scenario_is_worth_no_more_than_its_place() {
    let plans = plans();
    // The same part that fails in the same way is the same outage, on whichever target.
    let outage = |plan: &Plan| (plan.truth.cause.component.clone(), plan.truth.cause.kind.clone());
    for (name, plan) in &plans {
        for (other, theirs) in plans.iter().filter(|(_, theirs)| outage(theirs) != outage(plan)) {
            let says: Vec<_> = theirs.truth.cause.facts.iter().map(|fact| fact.says.as_str()).collect();
            let cause = &theirs.truth.cause;
            let claim =
                CauseClaim { kind: Some(cause.kind.clone()), text: says.join(". "), ..CauseClaim::default() };
            let worth = claim_score(plan, &claim);
            assert!(Band::of(worth) != Band::Right, "{name}: what is true of {other} is worth {worth:.3}");
            // Without a component to be near to, words and kind of an outage of another kind are chance.
            if cause.kind == plan.truth.cause.kind {
                continue;
            }
            let nowhere = CauseClaim { component: Some("nowhere".to_owned()), ..claim };
            let worth = claim_score(plan, &nowhere);
            assert!(worth <= CHANCE_MAX, "{name}: the words of {other} are worth {worth:.3}");
        }
    }
}

/// What is found in the first scenario of the house after a change of its text.
fn found(from: &str, to: &str) -> Vec<Problem> {
    let text = template("mine", "Nobody can log in");
    assert!(text.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, text.replace(from, to)).unwrap();
    library().lint(path.to_str().unwrap()).unwrap_or_else(|bad| panic!("{}", bad.render(false)))
}

#[test]
fn what_is_missing_is_told_with_its_line_and_what_to_do() {
    let distractors = "      - {id: after-release, says: it began with a release, any: [release, roll-out]}
      - {id: disk-full, says: a volume is full, any: [disk full, volume full]}
      - {id: certificate, says: a certificate has expired, any: [certificate]}
      - {id: slow-link, says: the way between the datacenters is slow, any: [slow link, link is slow]}
      - {id: flood, says: there are many more requests than usual, any: [flood, bots]}
";
    let cases = [
        (
            "title: \"Nobody can log in\"",
            "title: The session hangs",
            "the title names the component at fault",
        ),
        ("  catalogue: [runbooks/logins.md]\n", "", "no document is suggested"),
        (
            "    - How do you tell a process that is down from one that answers nothing?\n",
            "",
            "1 question for a team",
        ),
        (
            "when: {class: login, failed: \"> 20 %\", for: 10s}",
            "at: 3m",
            "no alarm is raised by what users meet",
        ),
        (
            "      - {id: logins-only, says: \"logins time out, everything else answers\", any: [[login, log in], [time out, timeout, fail]]}\n",
            "",
            "the mechanism is told in 2 facts",
        ),
        (distractors, "      - {id: flood, says: a flood, any: [flood]}\n", "1 distractor among 3 true ones"),
        ("  impact: {login: 80-100 %}\n", "", "the truth names no symptom"),
        (
            "    fast_track: {effective: true, knowable_after: localised}",
            "    fast_track: {effective: true, harmful: true}",
            "no decision is known to work",
        ),
        (
            "  owners: [session-oncall]        # whom the team has to copy on its ticket\n",
            "",
            "nobody owns the broken part",
        ),
        (
            "text: session is down, band: near",
            "text: session is down, band: right",
            "is meant to be right and scores",
        ),
        (
            "a certificate has expired, band: wrong",
            "the session hangs, band: near",
            "no sample claim is meant to be wrong",
        ),
    ];
    for (from, to, says) in cases {
        let found = found(from, to);
        let hit = found.iter().find(|one| one.message.contains(says));
        let lines: Vec<_> = found.iter().map(Problem::headline).collect();
        let hit = hit.unwrap_or_else(|| panic!("`{says}` is not among {lines:?}"));
        assert!(hit.line > 0 && hit.column > 0, "{}", hit.headline());
        assert!(hit.help.as_ref().is_some_and(|help| !help.is_empty()), "{}", hit.headline());
    }
}

#[test]
fn without_distractors_ticking_pays_and_is_told() {
    let text = template("mine", "Nobody can log in");
    let (head, rest) = text.split_once("    # Statements that sound").unwrap();
    let (_, tail) = rest.split_once("    spreads:").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    std::fs::write(&path, format!("{head}    spreads:{tail}")).unwrap();
    let found = library().lint(path.to_str().unwrap()).ok().unwrap();
    for says in [
        "0 distractors",
        "a claim at random is worth",
        "ticking every statement and naming nothing is worth 0.45",
    ] {
        assert!(found.iter().any(|one| one.message.contains(says)), "{says}: {found:?}");
    }
}
