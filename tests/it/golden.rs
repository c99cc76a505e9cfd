//! Golden drills in virtual time: each built-in scenario, played by its own responders, against the stored journal,
//! score and debrief. `GAMEDAY_WRITE_GOLDEN=1 cargo test golden` writes them anew; the change is then read by a person.

use crate::stage::{Stage, modelled, run, scenario};
use gameday::{
    drill::{
        Drill,
        event::{Event, Recorded},
        plan::Plan,
    },
    fault::kind,
    library::Library,
    report::{self, Journal, proof::Proof, render},
    scenario::{Band, Scenario, act::CauseClaim},
    seed::Seed,
    store::write_jsonl,
};
use rand::RngExt;
use std::{fs, path::PathBuf};

fn played(name: &str) -> (Vec<Recorded>, Drill) {
    run(async {
        let stage = Stage::in_memory(&scenario(name), 7);
        let mut conductor = stage.begin().await.unwrap();
        conductor.conduct().await.unwrap();
        stage.sim.is_pristine().unwrap();
        (stage.journal().await, conductor.drill().clone())
    })
}

pub(crate) fn lines(journal: &[Recorded]) -> String {
    let mut bytes = Vec::new();
    write_jsonl(journal, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn compare(name: &str, file: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).join(file);
    if std::env::var_os("GAMEDAY_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, now).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    if stored != now {
        let (line, (was, is)) = stored
            .lines()
            .zip(now.lines())
            .enumerate()
            .find(|(_, (was, is))| was != is)
            .unwrap_or((stored.lines().count().min(now.lines().count()), ("(end)", "(end)")));
        panic!("{name}/{file} differs in line {}:\n  was {was:.300}\n  is  {is:.300}", line + 1);
    }
}

#[test]
fn every_scenario_plays_as_it_is_stored() {
    for name in modelled() {
        let (journal, _) = played(&name);
        let folder = name.replace('/', "-");
        let read = Journal::new(&journal).unwrap();
        let proof = Proof::of(&read);
        assert!(proof.holds(), "{name}: {:#?}", proof.links);
        let refused = |one: &&Recorded| matches!(one.event, Event::Played { refused: Some(_), .. });
        assert_eq!(journal.iter().filter(refused).count(), 0, "{name}: the reference play is never refused");
        compare(&folder, "journal.jsonl", &lines(&journal));
        let score = report::score(&read, None);
        compare(&folder, "score.json", &(serde_json::to_string_pretty(&score).unwrap() + "\n"));
        compare(&folder, "debrief.md", &render::markdown(&report::debrief(&read)));
    }
}

#[test]
fn one_seed_gives_the_same_bytes_twice() {
    for name in modelled() {
        assert_eq!(lines(&played(&name).0), lines(&played(&name).0), "{name}");
    }
}

#[test]
fn folding_the_journal_gives_the_live_state() {
    for name in modelled() {
        let (journal, live) = played(&name);
        let folded = Drill::fold(&journal).unwrap();
        assert_eq!(format!("{folded:?}"), format!("{live:?}"), "{name}");
    }
}

/// The plans of all built-in scenarios, also of those that virtual time cannot play.
fn every_plan() -> Vec<(Scenario, Plan)> {
    let names = Library::built_in().into_iter();
    let scenarios = names.map(|name| scenario(&name));
    scenarios.map(|scenario| (scenario.clone(), Stage::in_memory(&scenario, 7).plan)).collect()
}

#[test]
fn what_a_team_would_always_claim_or_throws_dice_for_is_worth_next_to_nothing() {
    let kinds: Vec<String> = kind::all().collect();
    let mut dice = Seed(7).stream("claims of dice");
    for (scenario, plan) in every_plan() {
        let name = &scenario.name;
        let components = scenario.pack.target.components();
        let offered: Vec<String> = plan.fact_offers.iter().map(|offer| offer.id.clone()).collect();
        let claim = |component: &str, kind: &str, facts: Vec<String>| CauseClaim {
            component: Some(component.to_owned()),
            kind: Some(kind.to_owned()),
            facts,
            ..CauseClaim::default()
        };
        let scores: Vec<f64> = (0..400)
            .map(|_| {
                let mut pick = |count: usize| dice.random_range(0..count);
                let (component, kind) = (components[pick(components.len())], &kinds[pick(kinds.len())]);
                let facts = (0..3).map(|_| offered[pick(offered.len())].clone()).collect();
                report::score::claim_score(&plan, &claim(component, kind, facts))
            })
            .collect();
        let mean = scores.iter().sum::<f64>() / 400.0;
        assert!(mean <= 0.2, "{name}: dice score {mean:.2}");
        // The same claim in every scenario: whoever says it everywhere is right at most where it is so.
        for always in ["network.latency", "process.crash", "resource.disk-space", "load.flood"] {
            let family = always.split('.').next();
            if scenario.truth.cause.kind.split('.').next() == family {
                continue;
            }
            let score = report::score::claim_score(&plan, &claim(components[0], always, offered.clone()));
            assert!(score <= 0.2, "{name}: `{always}` with every fact that is offered scores {score:.2}");
        }
    }
}

#[test]
fn sample_claims_score_as_their_authors_say() {
    for (scenario, plan) in every_plan() {
        let name = &scenario.name;
        for sample in &scenario.sample_claims {
            let score = report::score::claim_score(&plan, &sample.claim());
            assert_eq!(Band::of(score), sample.band, "{name}: `{}` scores {score:.2}", sample.text);
        }
    }
}
