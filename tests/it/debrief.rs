//! The debrief at the command line: formats, views, a house's template, corrective actions, runs side by side, a drill once
//! more, and a journal that is scored again. The examples of the documentation are what is read here.

use crate::{
    cli::{folder, gameday, out},
    tidy,
};
use predicates::prelude::*;
use serde_json::Value;
use std::{fs, path::PathBuf};

const RUNS: [&str; 3] = ["good", "middling", "poor"];

fn example(run: &str, file: &str) -> PathBuf {
    tidy::root().join("docs/examples").join(run).join(file)
}

fn journal(run: &str) -> String {
    example(run, "journal.jsonl").to_str().unwrap().to_owned()
}

#[test]
fn the_examples_are_what_the_program_writes_today() {
    let home = folder();
    for run in RUNS {
        for file in ["debrief.md", "debrief.html", "debrief.pdf"] {
            let now = home.path().join(file);
            gameday(home.path()).args(["debrief", &journal(run), "--out", file]).assert().success();
            let now = fs::read(now).unwrap();
            if std::env::var_os("GAMEDAY_WRITE_GOLDEN").is_some() {
                fs::write(example(run, file), &now).unwrap();
            }
            assert!(
                fs::read(example(run, file)).unwrap() == now,
                "docs/examples/{run}/{file} is not of today"
            );
        }
    }
}

#[test]
fn every_view_can_be_written_in_every_format() {
    let home = folder();
    for view in ["whole", "brief", "egee", "wikimedia", "google", "pagerduty", "hseep"] {
        for (file, begins) in [("x.md", "**PRACTICE"), ("x.html", "<!DOCTYPE html>"), ("x.pdf", "%PDF-1.7")] {
            gameday(home.path())
                .args(["debrief", &journal("middling"), "--view", view, "--out", file])
                .assert()
                .success();
            let bytes = fs::read(home.path().join(file)).unwrap();
            assert!(bytes.starts_with(begins.as_bytes()), "{view} {file}");
        }
    }
    gameday(home.path())
        .args(["debrief", &journal("good"), "--view", "hseep", "--format", "json"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("the JSON holds every field"));
}

#[test]
fn a_house_fills_its_own_template_and_is_told_where_it_errs() {
    let home = folder();
    fs::write(home.path().join("ours.md"), "# {{title}}\n\n{{one_line}}\n\n{{section.resolution}}\n")
        .unwrap();
    let text = out(gameday(home.path()).args(["debrief", &journal("good"), "--template", "ours.md"]));
    assert!(text.starts_with("# Uploads fail after the evening release\n\nUsers were harmed for"), "{text}");
    fs::write(home.path().join("wrong.md"), "# {{title}}\n{{nonsense}}\n").unwrap();
    gameday(home.path())
        .args(["debrief", &journal("good"), "--template", "wrong.md", "--out", "never.md"])
        .assert()
        .code(3)
        .stderr(
            predicate::str::contains("wrong.md:2:1: there is no placeholder `nonsense`")
                .and(predicate::str::contains("section.timeline")),
        );
    assert!(!home.path().join("never.md").exists());
    let all = out(gameday(home.path()).args(["debrief", "--placeholders"]));
    assert!(all.lines().any(|line| line == "section.scorecard"), "{all}");
}

#[test]
fn an_action_is_kept_shown_in_its_debrief_and_tested_by_a_later_drill() {
    let home = folder();
    let add = |due: &str| {
        let mut command = gameday(home.path());
        command.args([
            "actions",
            "add",
            "Alarm on the pool",
            "--drill",
            &journal("poor"),
            "--owner",
            "web-oncall",
        ]);
        command.args([
            "--due",
            due,
            "--type",
            "prevent",
            "--issue",
            "nobody saw it fill up",
            "--ticket",
            "OPS-41",
        ]);
        command
    };
    assert!(out(gameday(home.path()).arg("actions")).contains("No corrective action"));
    add("soon").assert().code(2).stderr(predicate::str::contains("a day like 2026-12-15"));
    add("2026-12-15").assert().success();
    let debrief = out(gameday(home.path()).args(["debrief", &journal("poor")]));
    assert!(
        debrief
            .contains("| a1 | nobody saw it fill up | Alarm on the pool | prevent | web-oncall | OPS-41 |")
    );
    // A drill that it did not come out of says nothing of it, until it is linked.
    let later = || out(gameday(home.path()).args(["debrief", &journal("good")]));
    assert!(!later().contains("Alarm on the pool"));
    gameday(home.path())
        .args(["actions", "link", "a1", "--drill", &journal("good"), "--note", "it rang after 20 s"])
        .assert()
        .success();
    assert!(later().contains("it rang after 20 s"));
    gameday(home.path()).args(["actions", "done", "a1", "--note", "merged"]).assert().success();
    gameday(home.path()).args(["actions", "done", "a1"]).assert().code(1);
    gameday(home.path())
        .args(["actions", "link", "a1", "--drill", &journal("poor")])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("came out of that drill"));
    let open = out(gameday(home.path()).args(["actions", "--open", "--json"]));
    assert_eq!(open.trim(), "[]");
    let all: Value = serde_json::from_str(&out(gameday(home.path()).args(["actions", "--json"]))).unwrap();
    assert_eq!((&all[0]["id"], &all[0]["due"]), (&"a1".into(), &"2026-12-15".into()));
}

#[test]
fn runs_are_laid_side_by_side() {
    let home = folder();
    let all = RUNS.map(journal);
    let mut command = gameday(home.path());
    command.arg("debrief").arg("--compare").args(&all);
    let text = out(&mut command);
    assert!(text.contains("| Measure | A | B | C |"), "{text}");
    let json =
        out(gameday(home.path()).arg("debrief").arg("--compare").args(&all).args(["--format", "json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["runs"].as_array().unwrap().len(), &json["format"]),
        (3, &"gameday/comparison/v1".into())
    );
    gameday(home.path())
        .arg("debrief")
        .arg("--compare")
        .args(&all)
        .args(["--out", "runs.html"])
        .assert()
        .success();
    gameday(home.path())
        .args(["debrief", "--compare", &all[0], &all[0]])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("the same drill"));
    gameday(home.path()).arg("debrief").args(&all).assert().code(2);
}

#[test]
fn a_drill_is_recorded_at_any_speed() {
    let home = folder();
    let length = |speed: &str| {
        let file = home.path().join("drill.cast");
        gameday(home.path())
            .args(["replay", &journal("good"), "--speed", speed, "--asciicast", "drill.cast"])
            .assert()
            .success();
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["version"], 2);
        assert!(!text.contains("injection"), "responders' recordings hold no truth");
        lines.last().unwrap()[0].as_f64().unwrap()
    };
    let (real, fast) = (length("1x"), length("20"));
    assert!(real > 60.0 && (real / fast - 20.0).abs() < 0.1, "{real} {fast}");
    gameday(home.path())
        .args(["replay", &journal("good"), "--speed", "0", "--asciicast", "drill.cast"])
        .assert()
        .code(2);
}

#[test]
fn a_journal_that_an_older_scorer_has_scored_shows_what_differs() {
    let home = folder();
    let copy = home.path().join("journal.jsonl");
    fs::copy(example("middling", "journal.jsonl"), &copy).unwrap();
    let now = out(gameday(home.path()).args(["score", "journal.jsonl", "--json"]));
    fs::write(home.path().join("score.json"), &now).unwrap();
    let same = out(gameday(home.path()).args(["score", "./journal.jsonl", "--diff"]));
    assert!(same.contains("says the same"), "{same}");
    let mut older: Value = serde_json::from_str(&now).unwrap();
    older["scorer"] = 1.into();
    older["dimensions"][0]["checks"][0]["score"] = 0.5.into();
    fs::write(home.path().join("score.json"), older.to_string()).unwrap();
    // By itself, because what lies beside the journal is an older scorer's.
    let told = out(gameday(home.path()).args(["score", "./journal.jsonl"]));
    assert!(told.contains("scorer 1 said otherwise") && told.contains("0.50 -> 1.00"), "{told}");
    let json = out(gameday(home.path()).args(["score", "./journal.jsonl", "--diff", "score.json", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["was_scorer"], json["checks"].as_array().unwrap().len()), (&1.into(), 1));
    gameday(home.path())
        .args(["score", &journal("good"), "--diff", "score.json"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("it is the score of drill"));
}
