//! The debrief at the command line: formats, views, a house's template, corrective actions, runs side by side, a drill once
//! more, and a journal that is scored again. The examples of the documentation are what is read here.

use crate::{
    cli::{folder, gameday, out},
    tidy,
};
use assert_cmd::Command;
use gameday::{
    base::DrillId,
    drill::{event::Event, plan::Plan},
    report::Journal,
    store::{SqliteStore, Store as _, read_jsonl},
};
use predicates::prelude::*;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

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

/// Keeps journals of the examples in a home, as `run` does; the drills.
async fn kept(home: &Path, names: &[&str]) -> Vec<DrillId> {
    keep(home, names, |_, _| {}).await
}

async fn keep(home: &Path, names: &[&str], change: impl Fn(&str, &mut Plan)) -> Vec<DrillId> {
    fs::create_dir_all(home.join("home")).unwrap();
    let store = SqliteStore::open(home.join("home/journal.db")).await.unwrap();
    let mut drills = Vec::new();
    for name in names {
        let mut events = read_jsonl(Path::new(&journal(name))).unwrap();
        let Event::Planned(plan) = &mut events[0].event else { panic!("event 0 is the plan") };
        change(name, plan);
        let drill = Journal::new(&events).unwrap().plan().drill.clone();
        store.append(&drill, 0, &events).await.unwrap();
        drills.push(drill);
    }
    store.close().await;
    drills
}

fn add(home: &Path, drill: &str, due: &str) -> Command {
    let mut command = gameday(home);
    command.args(["actions", "add", "Alarm on the pool", "--drill", drill, "--by", "tom"]);
    command.args(["--owner", "web-oncall", "--type", "prevent", "--ticket", "OPS-41"]);
    command.args(["--due", due, "--issue", "nobody saw it fill up"]);
    command
}

#[tokio::test]
async fn an_action_is_in_its_drills_journal_and_tested_by_a_later_drill() {
    let home = folder();
    let drills = kept(home.path(), &["poor", "good"]).await;
    let [poor, good] = [0, 1].map(|at: usize| drills[at].as_str());
    let id = format!("{poor}/1");
    assert!(out(gameday(home.path()).arg("actions")).contains("No corrective action"));
    add(home.path(), poor, "soon").assert().code(2).stderr(predicate::str::contains("a day like 2026-12-15"));
    add(home.path(), poor, "2026-12-15").assert().success().stdout(predicate::str::contains(&id));
    let debrief = |drill: &str| out(gameday(home.path()).args(["debrief", drill]));
    let row = format!(
        "| {id} | nobody saw it fill up | Alarm on the pool | prevent | web-oncall | OPS-41 | 2026-12-15 | open |"
    );
    assert!(debrief(poor).contains(&row));
    // The copy that `run --out` leaves beside is no second place to write to.
    let copy = home.path().join("copy.jsonl");
    fs::copy(journal("poor"), &copy).unwrap();
    add(home.path(), copy.to_str().unwrap(), "2026-12-15")
        .assert()
        .code(1)
        .stderr(predicate::str::contains(format!("it is a copy of drill {poor}")));
    // A drill that it did not come out of says nothing of it, until it is linked.
    assert!(!debrief(good).contains("Alarm on the pool"));
    let link = |drill: &str| {
        let mut command = gameday(home.path());
        command.args(["actions", "link", &id, "--drill", drill, "--note", "it rang after 20 s"]);
        command
    };
    link(good).assert().success();
    assert!(debrief(good).contains("it rang after 20 s") && debrief(poor).contains("it rang after 20 s"));
    link(poor).assert().code(1).stderr(predicate::str::contains("came out of that drill"));
    let done = |id: &str| {
        let mut command = gameday(home.path());
        command.args(["actions", "done", id, "--note", "merged"]);
        command
    };
    done(&id).assert().success();
    done(&id).assert().code(1).stderr(predicate::str::contains("done already"));
    done(&format!("{poor}/2"))
        .assert()
        .code(1)
        .stderr(predicate::str::contains("there is no corrective action"));
    let open = out(gameday(home.path()).args(["actions", "--open", "--json"]));
    assert_eq!(open.trim(), "[]");
    let all: Value = serde_json::from_str(&out(gameday(home.path()).args(["actions", "--json"]))).unwrap();
    assert_eq!((&all[0]["id"], &all[0]["due"]), (&id.into(), &"2026-12-15".into()));
}

#[test]
fn an_action_of_a_journal_that_no_home_holds_stays_with_it() {
    let home = folder();
    let path = home.path().join("sent.jsonl");
    fs::copy(journal("poor"), &path).unwrap();
    let path = path.to_str().unwrap();
    add(home.path(), path, "2026-12-15").assert().success();
    assert!(out(gameday(home.path()).args(["debrief", path])).contains("Alarm on the pool"));
    assert!(out(gameday(home.path()).arg("actions")).contains("No corrective action"));
    // Who played writes nothing into the plan.
    let mut played = gameday(home.path());
    played.args(["actions", "add", "More sleep", "--drill", path, "--by", "ana"]);
    played.assert().code(1).stderr(predicate::str::contains("ana joined as responder"));
}

#[tokio::test]
async fn a_programme_shows_what_was_practised_what_is_open_and_what_comes_next() {
    let home = folder();
    let programme = |args: &[&str]| out(gameday(home.path()).arg("programme").args(args));
    let empty = programme(&[]);
    assert!(empty.contains("Nothing was practised yet.") && empty.contains("Nothing is planned."), "{empty}");
    kept(home.path(), &["poor", "good"]).await;
    assert!(
        programme(&[]).contains("2 more are left out"),
        "the examples were played by the autopilot alone"
    );
    fs::remove_dir_all(home.path().join("home")).unwrap();
    // The same, if people had played all but one.
    let drills = keep(home.path(), &["poor", "good", "middling"], |name, plan| {
        if name != "middling" {
            plan.autopilot.clear();
        }
    })
    .await;
    let objective = |drill: &str, verdict: &str| {
        let mut command = gameday(home.path());
        command.args(["grade", "objective", drill, "1", verdict, "--because", "seen", "--by", "tom"]);
        command.assert().success();
    };
    objective(drills[0].as_str(), "--not-met");
    objective(drills[1].as_str(), "--not-met");
    // The last word on it counts.
    objective(drills[1].as_str(), "--met");
    add(home.path(), drills[0].as_str(), "2026-12-15").assert().success();
    let mut plan = gameday(home.path());
    plan.args(["schedule", "add", "pool-shrink", "--at", "2099-03-03 14:00 Europe/Berlin"])
        .assert()
        .success();
    let mut surprise = gameday(home.path());
    surprise.args(["schedule", "add", "session-hang", "--window", "2099-W08 Asia/Tokyo"]).assert().success();

    let told: Value = serde_json::from_str(&programme(&["--format", "json"])).unwrap();
    let runs = told["scenarios"][0]["runs"].as_array().unwrap();
    assert_eq!(
        (told["scenarios"].as_array().unwrap().len(), runs.len(), &told["left_out"]),
        (1, 2, &1.into())
    );
    assert!(runs.is_sorted_by_key(|run| run["at"].as_i64()), "{runs:?}");
    let text = "read a pool's saturation from its metrics before restarting anything";
    let one = told["objectives"].as_array().unwrap().iter().find(|one| one["text"] == text).unwrap();
    assert_eq!((&one["practised"], &one["judged"], &one["met"]), (&2.into(), &2.into(), &1.into()));
    assert_eq!(told["open"][0]["action"], "Alarm on the pool");
    // A surprise stands last and tells no moment, though its week is before the other.
    let next: Vec<_> =
        told["next"].as_array().unwrap().iter().map(|one| one["when"].as_str().unwrap()).collect();
    assert_eq!(next.len(), 2);
    assert_eq!(next[0], "2099-03-03 14:00 Europe/Berlin");
    assert!(next[1].starts_with("a surprise in the week of 2099-02-"), "{next:?}");

    let page = programme(&["--format", "html"]);
    assert_eq!(page.matches("class=\"m-measured\"").count(), 2, "a sign for each drill");
    let done = format!("{}/1", drills[0]);
    gameday(home.path()).args(["actions", "done", &done, "--note", "merged"]).assert().success();
    assert!(programme(&[]).contains("No corrective action is open here."));
    let words: Vec<_> = page.split(|letter: char| !letter.is_alphanumeric()).collect();
    for person in ["ana", "ben", "cho"] {
        assert!(!words.contains(&person), "it names {person}");
    }
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
