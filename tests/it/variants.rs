//! Scenarios with variants: one file, several answers, of which the seed draws one. By the real program and in virtual time.

use crate::{
    cli::{folder, gameday, out},
    serve::Server,
    stage::{Stage, run},
    tidy,
};
use gameday::{
    depot,
    library::{Library, template::template, variants::Pick, worker::ScriptRunner},
    report::{self, Journal, proof::Proof, render},
    scenario::file::read_variants,
    seed::Seed,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// The names of variants are told to nobody who plays.
const EARLY: &str = "CanaryV4R1-early";
const LATE: &str = "CanaryV4R1-late";

/// The pool that a release shrinks, by one of two releases.
fn releases() -> String {
    let text = fs::read_to_string(tidy::root().join("scenarios/depot/pool-shrink.yaml")).unwrap();
    let text = text.replace("2026.11.3", "$(release)");
    assert!(text.matches("$(release)").count() > 5);
    format!("{text}variants:\n  {EARLY}: {{release: 2026.11.3}}\n  {LATE}: {{release: 2026.12.1}}\n")
}

/// A home with the file at `drills/releases.yaml`.
fn written(home: &Path) -> &'static str {
    fs::create_dir_all(home.join("drills")).unwrap();
    fs::write(home.join("drills/releases.yaml"), releases()).unwrap();
    "drills/releases.yaml"
}

fn plan(home: &Path, more: &[&str]) -> Value {
    let said = out(gameday(home).args(["plan", "drills/releases.yaml", "--json"]).args(more));
    serde_json::from_str(&said).unwrap()
}

fn seeds(home: &Path) -> [u64; 2] {
    let of = |name: &str| {
        (0..50).find(|seed| plan(home, &["--seed", &seed.to_string()])["variant"] == name).unwrap()
    };
    [of(EARLY), of(LATE)]
}

/// A certificate as a rehearsal of this variant leaves one.
fn rehearsed(home: &Path, variant: &str) {
    let digest = plan(home, &[])["digest"].as_str().unwrap().to_owned();
    let folder = home.join("home/certificates");
    fs::create_dir_all(&folder).unwrap();
    let text =
        json!({"format": "gameday/certificate/v1", "digest": digest, "variant": variant, "holds": true});
    fs::write(folder.join(format!("{digest}-{variant}.json")), text.to_string()).unwrap();
}

#[test]
fn the_seed_draws_a_variant_and_everything_says_the_same() {
    let home = folder();
    let home = home.path();
    let file = written(home);
    assert_eq!(out(gameday(home).args(["check", file])), format!("{file}: good\n"));
    let [early, late] = seeds(home).map(|seed| plan(home, &["--seed", &seed.to_string()]));
    assert_eq!(early["digest"], late["digest"], "the file has one digest");
    let steps = |plan: &Value| plan["steps"].to_string();
    let named = plan(home, &["--seed", "7", "--variant", LATE]);
    assert_eq!((steps(&named), &named["variant"]), (steps(&late), &json!(LATE)));
    assert!(
        out(gameday(home).args(["plan", file, "--variant", EARLY]))
            .contains(&format!("variant {EARLY}, seed"))
    );
    let wrong = gameday(home).args(["plan", file, "--variant", "CanaryV4R1-lat"]).assert().code(3);
    let told = String::from_utf8_lossy(&wrong.get_output().stderr).into_owned();
    assert!(told.contains(&format!("did you mean `{LATE}`?")), "{told}");

    // What one variant says is nowhere in the plan of another.
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    let path = home.join(file);
    for (name, has, lacks) in [(EARLY, "2026.11.3", "2026.12.1"), (LATE, "2026.12.1", "2026.11.3")] {
        let scenario = library.load_one(path.to_str().unwrap(), Pick::Named(name)).ok().unwrap();
        let whole = serde_json::to_string(&Stage::in_memory(&scenario, 7).plan).unwrap();
        assert!(whole.matches(has).count() > 5 && !whole.contains("$("), "{whole}");
        let elsewhere = whole.replace(&serde_json::to_string(&scenario.pack.target).unwrap(), "");
        assert!(!elsewhere.contains(lacks), "{name}");
    }
}

#[test]
fn each_variant_is_rehearsed_in_virtual_time_and_only_that_one_counts() {
    let home = folder();
    let home = home.path();
    let path = home.join(written(home));
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    let mut drawn = BTreeSet::new();
    for seed in 0..20 {
        let scenario = library.load_one(path.to_str().unwrap(), Pick::Drawn(Seed(seed))).ok().unwrap();
        if !drawn.insert(scenario.variant.clone().unwrap()) {
            continue;
        }
        let stage = Stage::in_memory(&scenario, seed);
        run(async {
            stage.begin().await.unwrap().conduct().await.unwrap();
            let journal = stage.journal().await;
            let read = Journal::new(&journal).unwrap();
            assert!(Proof::of(&read).holds(), "{:?}: {:#?}", scenario.variant, Proof::of(&read).links);
            let page = render::markdown(&report::debrief(&read));
            assert!(
                page.contains(&format!("variant {},", scenario.variant.as_ref().unwrap())),
                "the debrief tells it"
            );
        });
    }
    assert_eq!(drawn.len(), 2);

    // A drill of the one that was rehearsed is let in, one of the other is not.
    let [early, late] = seeds(home);
    rehearsed(home, EARLY);
    let add = |seed: u64| {
        let seed = seed.to_string();
        let at = ["--at", "2099-03-03 14:00 Europe/Berlin"];
        let ended = gameday(home)
            .args(["schedule", "add", "releases", "--json", "--scenarios", "drills", "--seed", &seed])
            .args(at)
            .output()
            .unwrap();
        (ended.status.code().unwrap(), String::from_utf8_lossy(&ended.stdout).into_owned())
    };
    let (code, said) = add(late);
    assert!(code == 1 && said.contains("not-rehearsed"), "{said}");
    let (code, said) = add(early);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("CanaryV4R1"), "{said}");
    let ended = gameday(home).args(["rehearse", "drills/releases.yaml"]).assert().code(2);
    let told = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(told.contains("--every-variant") && told.contains(LATE), "{told}");
}

/// What somebody plans by name is that variant, whatever its seed would have drawn, and only who may read the state folder
/// and asks for what is hidden is shown its name.
#[test]
fn a_drill_is_planned_of_the_variant_that_is_named_and_nobody_who_plays_is_shown_it() {
    run(async {
        let home = folder();
        let home = home.path();
        written(home);
        rehearsed(home, LATE);
        let [early, late] = seeds(home).map(|seed| seed.to_string());
        let add = |more: &[&str]| {
            let args =
                ["schedule", "add", "releases", "--json", "--scenarios", "drills", "--responder", "ana"];
            let ended = gameday(home).args(args).args(more).output().unwrap();
            let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
            (ended.status.code().unwrap(), said.concat())
        };
        let at = ["--at", "2099-03-03 14:00 Europe/Berlin"];
        // The seed of the one that is not rehearsed, and the name of the one that is; and the other way round.
        let (code, said) = add(&[&at[..], &["--seed", &late, "--variant", EARLY]].concat());
        assert!(code == 1 && said.contains("not-rehearsed"), "{said}");
        let (code, said) = add(&[&at[..], &["--seed", &early, "--variant", LATE]].concat());
        assert!(code == 0 && !said.contains("CanaryV4R1"), "{said}");
        let (code, said) = add(&["--at", "2099-04-03 14:00 Europe/Berlin", "--variant", "CanaryV4R1-other"]);
        assert!(code == 1 && said.contains("`releases` has no variant of that name"), "{said}");

        let list = |more: &[&str]| out(gameday(home).args(["schedule", "list"]).args(more));
        for shown in [list(&[]), list(&["--json"])] {
            assert!(shown.contains("releases") && !shown.contains("CanaryV4R1"), "{shown}");
        }
        assert!(list(&["--reveal"]).contains(&format!("variant {LATE}")));
        let revealed: Value = serde_json::from_str(&list(&["--reveal", "--json"])).unwrap();
        assert_eq!(revealed["planned"][0]["variant"], LATE);
        let id = revealed["planned"][0]["id"].as_str().unwrap().to_owned();
        let letter = out(gameday(home).args(["schedule", "invite", &id, "--json"]));
        assert!(letter.contains("ana") && !letter.contains("CanaryV4R1"), "{letter}");

        let server = Server::over(home, "drills", "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let order = |variant: &str| json!({"scenario": "releases", "variant": variant, "responders": ["ana"], "every": "last day 14:00 UTC", "times": 2});
        let (status, said) = server.post(&ina, "/api/drills", order(EARLY)).await;
        assert!(status == 409 && said["bars"].to_string().contains("not-rehearsed"), "{status} {said}");
        let (status, said) = server.post(&ina, "/api/drills", order("none")).await;
        assert_eq!((status, &said["code"]), (409, &json!("no-variant")));
        let (status, begun) = server.post(&ina, "/api/drills", order(LATE)).await;
        assert_eq!(status, 200, "{begun}");
        let ana = server.post(&ina, "/api/invitations", json!({"person": "ana", "hat": "responder"})).await;
        let ana = server.join(ana.1["link"].as_str().unwrap()).await;
        let mut seen = format!("{begun}");
        for (who, path) in [(&ana, "/api/me"), (&ana, "/me"), (&ina, "/api/drills"), (&ina, "/drills")] {
            let (status, text) = server.ask(who, reqwest::Method::GET, path, None).await;
            assert_eq!(status, 200, "{path}");
            seen.push_str(&text);
        }
        assert!(seen.contains("last day") || seen.contains("14:00 UTC"), "{seen}");
        assert!(!seen.contains("CanaryV4R1"), "{seen}");
        assert!(!fs::read_to_string(home.join("log")).unwrap().contains("CanaryV4R1"));
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn a_server_lists_a_scenario_as_rehearsed_when_every_variant_is_and_names_none() {
    run(async {
        let home = folder();
        let home = home.path();
        written(home);
        rehearsed(home, EARLY);
        for (also, holds) in [(None, false), (Some(LATE), true)] {
            if let Some(also) = also {
                rehearsed(home, also);
            }
            let server = Server::over(home, "drills", "127.0.0.1:0");
            let ina = server.join(&server.link).await;
            let (_, library) = server.get(&ina, "/api/library").await;
            let listed =
                library["scenarios"].as_array().unwrap().iter().find(|one| one["name"] == "releases");
            assert_eq!(listed.unwrap()["rehearsal"] == "holds", holds, "{listed:?}");
            assert!(!library.to_string().contains("CanaryV4R1"));
        }
        assert!(!fs::read_to_string(home.join("log")).unwrap().contains("CanaryV4R1"));
    });
}

#[test]
fn a_mistake_is_told_at_its_place_with_the_variants_that_have_it() {
    let home = folder();
    let home = home.path();
    let text = template("quick", "Nobody can log in")
        .replace("    component: session\n", "    component: $(component)    # who\n")
        .replace("severity: {live: true, users: everybody", "severity: {live: $(live), users: nobodyy");
    let good = format!(
        "{text}variants:\n  one: {{component: session, live: true}}\n  two: {{component: web-est, live: maybe}}\n"
    );
    fs::write(home.join("quick.yaml"), &good).unwrap();
    let ended = gameday(home).args(["check", "--json", "quick.yaml"]).assert().code(3);
    let report: Value = serde_json::from_slice(&ended.get_output().stdout).unwrap();
    let problems = report["files"][0]["problems"].as_array().unwrap();
    let told: Vec<String> = problems
        .iter()
        .map(|one| format!("{}:{}: {}", one["line"], one["column"], one["message"].as_str().unwrap()))
        .collect();
    let place = |what: &str| {
        let (index, line) = good.lines().enumerate().find(|(_, line)| line.contains(what)).unwrap();
        format!("{}:{}: ", index + 1, 1 + line.find(what).unwrap())
    };
    let one = told.iter().find(|line| line.contains("web-est")).unwrap_or_else(|| panic!("{told:?}"));
    assert!(one.starts_with(&format!("{}in the variant `two`: ", place("$(component)"))), "{told:?}");
    // What is wrong in both, in the truth and in the play, is told once and without a name.
    let both: Vec<_> = told.iter().filter(|line| line.contains("nobodyy")).collect();
    assert!(
        both.len() == 2
            && both[0].starts_with(&place("nobodyy"))
            && !both.iter().any(|line| line.contains("in the variant")),
        "{told:?}"
    );
    // A mistake of the variants themselves.
    fs::write(home.join("quick.yaml"), good.replace(", live: maybe", "")).unwrap();
    let ended = gameday(home).args(["check", "quick.yaml"]).assert().code(3);
    let told = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(told.contains("the variant `two` has no `live`, which `one` has"), "{told}");
}

#[test]
fn the_example_of_the_docs_is_good() {
    let page = fs::read_to_string(tidy::root().join("docs/scenario.md")).unwrap();
    let (_, after) = page.split_once("\n## Variants\n").unwrap();
    let example = after.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let variants = read_variants("a.yaml", example.as_bytes()).unwrap_or_else(|bad| panic!("{bad:?}"));
    let variants = variants.expect("it has some");
    for index in 0..variants.names().len() {
        let text = variants.of(index).text;
        assert!(!text.contains("$("), "{text}");
    }
}
