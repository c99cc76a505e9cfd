//! The real binary: help, exit codes, and the commands that read files.

use crate::tidy;
use assert_cmd::Command;
use predicates::prelude::*;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// `gameday` with a home of its own and nothing of the caller's settings.
pub(crate) fn gameday(home: &Path) -> Command {
    let mut command = Command::cargo_bin("gameday").unwrap();
    command
        .current_dir(home)
        .env_remove("GAMEDAY_SESSION")
        .env_remove("GAMEDAY_LOG")
        .env_remove("GAMEDAY_INJECTORS")
        .env_remove("GAMEDAY_IDENTITY")
        .env("GAMEDAY_HOME", home.join("home"))
        .env("NO_COLOR", "1");
    command
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// What a command that succeeds prints.
pub(crate) fn out(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

fn json(command: &mut Command) -> Value {
    serde_json::from_str(&out(command)).unwrap()
}

fn corpus() -> String {
    tidy::root().join("tests/corpus/journal-v1/every-kind.jsonl").to_str().unwrap().to_owned()
}

/// Subcommands that a help text lists.
pub(crate) fn listed(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let home = folder();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    let mut seen = BTreeSet::new();
    while let Some(command) = waiting.pop() {
        let help = out(gameday(home.path()).args(&command).arg("--help"));
        assert!(help.contains("Examples:\n"), "`gameday {}` has no example", command.join(" "));
        let about = help.lines().next().unwrap();
        assert!(about.len() > 10 && !about.starts_with("Usage"), "{command:?} does not say what it does");
        for name in listed(&help) {
            let mut deeper = command.clone();
            deeper.push(name);
            seen.insert(deeper.join(" "));
            waiting.push(deeper);
        }
    }
    for wanted in [
        "check",
        "schema",
        "new",
        "plan",
        "list",
        "injectors",
        "practice",
        "score",
        "debrief",
        "actions",
        "actions add",
        "actions link",
        "actions done",
        "replay",
        "doctor",
        "join",
        "board",
        "say",
        "log",
        "ack",
        "declare",
        "status",
        "ticket open",
        "ticket update",
        "ticket note",
        "ticket cc",
        "ticket close",
        "ticket show",
        "stumped",
        "hypothesis",
        "cause",
        "assess",
        "severity",
        "resolve",
        "hint",
        "ask",
        "stop",
        "completions",
        "role hand-over",
        "depot start",
        "depot layout",
        "depot ctl",
        "depot describe",
        "agent serve",
        "agent sweep",
        "agent status",
    ] {
        assert!(seen.contains(wanted), "{wanted} is missing in {seen:?}");
    }
    assert!(!seen.contains("depot serve") && !seen.contains("script-worker"), "{seen:?}");
}

#[test]
fn the_exit_codes_are_documented() {
    let home = folder();
    let table = out(gameday(home.path()).args(["help", "exit-codes"]));
    for code in ["0", "1", "2", "3", "4", "5", "6", "70"] {
        let lines = table.lines().filter(|line| line.split_whitespace().next() == Some(code)).count();
        assert_eq!(lines, 1, "{code} in\n{table}");
    }
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let home = folder();
    for wrong in [
        &["explode"][..],
        &["check"],
        &["plan"],
        &["plan", "pool-shrink", "--seed", "many"],
        &["score", "x.jsonl", "--profile", "lucky"],
        &["assess", "--failed", "put"],
        &["assess"],
        &["cause"],
        &["join", "localhost", "--as", "ana"],
        &["new", "a b"],
        &[],
    ] {
        let mut command = gameday(home.path());
        command.args(wrong).assert().code(2).stderr(predicate::str::is_empty().not());
    }
}

#[test]
fn a_new_scenario_passes_its_check_and_is_never_overwritten() {
    let home = folder();
    let new = || gameday(home.path()).args(["new", "my-drill", "--title", "Say \"hello\""]).assert();
    new().success().stdout(predicate::str::contains("gameday check my-drill.yaml"));
    let file = home.path().join("my-drill.yaml");
    let written = std::fs::read_to_string(&file).unwrap();
    new().code(1).stderr(predicate::str::starts_with("gameday: could not write my-drill.yaml"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    gameday(home.path()).args(["check", "my-drill.yaml"]).assert().success().stdout("my-drill.yaml: good\n");
    let plan = json(gameday(home.path()).args(["plan", "my-drill.yaml", "--json"]));
    assert_eq!(plan["title"], "Say \"hello\"");
}

#[test]
fn every_problem_is_told_with_its_line_and_ends_with_3() {
    let home = folder();
    gameday(home.path()).args(["new", "broken"]).assert().success();
    let file = home.path().join("broken.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text
        .replace("injector: process-hang", "injector: process-hung")
        .replace("difficulty: 1", "difficulty: 9");
    std::fs::write(&file, text).unwrap();
    let line = |word: &str| {
        let text = std::fs::read_to_string(&file).unwrap();
        text.lines().position(|line| line.contains(word)).unwrap() + 1
    };
    let check = |args: &[&str]| {
        gameday(home.path()).args(["check", "broken.yaml", "depot/pool-shrink"]).args(args).assert().code(3)
    };
    let said = check(&[]);
    let (stdout, stderr) = (said.get_output().stdout.clone(), said.get_output().stderr.clone());
    let stderr = String::from_utf8(stderr).unwrap();
    for word in ["process-hung", "difficulty: 9"] {
        assert!(stderr.contains(&format!("broken.yaml:{}:", line(word))), "{word} in\n{stderr}");
    }
    assert!(stderr.contains("process-hang"), "no suggestion in\n{stderr}");
    assert!(!stderr.contains('\u{1b}'), "colour in\n{stderr}");
    assert_eq!(String::from_utf8(stdout).unwrap(), "depot/pool-shrink: good\n");

    let report: Value = serde_json::from_slice(&check(&["--json"]).get_output().stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["files"][1]["ok"], true);
    let lines: Vec<_> =
        report["files"][0]["problems"].as_array().unwrap().iter().map(|one| one["line"].as_u64()).collect();
    assert!(lines.contains(&u64::try_from(line("process-hung")).ok()), "{lines:?}");
}

#[test]
fn an_unknown_scenario_gets_a_suggestion() {
    let home = folder();
    let mut plan = gameday(home.path());
    plan.args(["plan", "pool-shrnk"]).assert().code(3).stderr(predicate::str::contains("pool-shrink"));
    let mut injectors = gameday(home.path());
    injectors
        .args(["injectors", "process-hung"])
        .assert()
        .code(1)
        .stderr(predicate::str::contains("process-hang"));
}

#[test]
fn the_built_in_set_is_good() {
    let home = folder();
    let list = json(gameday(home.path()).args(["list", "--json"]));
    let names: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    assert!(names.contains(&"depot/pool-shrink".to_owned()), "{names:?}");
    gameday(home.path()).arg("check").args(&names).assert().success();
    let pack = tidy::root().join("scenarios/depot/pack.yaml");
    gameday(home.path()).arg("check").arg(pack).assert().success();
    let injectors = json(gameday(home.path()).args(["injectors", "--json"]));
    assert!(injectors.as_array().unwrap().len() >= 8);
    gameday(home.path())
        .args(["injectors", "process-hang"])
        .assert()
        .success()
        .stdout(predicate::str::contains("service"));
}

#[test]
fn schemas_are_json_schemas() {
    let home = folder();
    for (args, field) in
        [(&["schema"][..], "faults"), (&["schema", "pack"], "target"), (&["schema", "tabletop"], "questions")]
    {
        let schema = json(gameday(home.path()).args(args));
        assert!(schema["$schema"].is_string());
        assert!(schema["properties"][field].is_object(), "{args:?} has no {field}");
    }
}

#[test]
fn a_plan_is_the_same_for_the_same_seed() {
    let home = folder();
    let plan = |args: &[&str]| out(gameday(home.path()).args(["plan", "pool-shrink"]).args(args));
    let table = plan(&["--seed", "7"]);
    assert_eq!(table, plan(&["--seed", "7"]));
    assert!(table.contains("seed 7,") && table.contains("fault ") && table.contains("T+"), "{table}");
    let steps = |text: &str| serde_json::from_str::<Value>(text).unwrap()["steps"].clone();
    let seven = plan(&["--seed", "7", "--json"]);
    assert_eq!(seven, plan(&["--seed", "7", "--json"]));
    assert!(!steps(&seven).as_array().unwrap().is_empty());
}

#[test]
fn a_journal_is_scored_and_written_up() {
    let home = folder();
    let journal = corpus();
    let score = json(gameday(home.path()).args(["score", &journal, "--json"]));
    assert_eq!(score["drill"], "d-corpus");
    let other =
        json(gameday(home.path()).args(["score", &journal, "--json", "--profile", "understand-first"]));
    assert_eq!(other["profile"], "understand-first");
    gameday(home.path())
        .args(["score", &journal])
        .assert()
        .success()
        .stdout(predicate::str::contains("d-corpus"));

    // The corpus ends with every outcome; the first one is `completed`.
    let why = json(gameday(home.path()).args(["score", &journal, "--explain", "detect.triaged", "--json"]));
    assert!(why["formula"].as_str().unwrap().contains("lat("), "{why}");
    assert_eq!(why["evidence"].as_array().unwrap().len(), why["check"]["evidence"].as_array().unwrap().len());
    let text = out(gameday(home.path()).args(["score", &journal, "--explain", "detect.triaged"]));
    for part in ["detect.triaged", "formula", "numbers", "evidence"] {
        assert!(text.contains(part), "{text}");
    }
    gameday(home.path())
        .args(["score", &journal, "--explain", "detect.luck"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("no such check").and(predicate::str::contains("detect.triaged")));

    let markdown = out(gameday(home.path()).args(["debrief", &journal]));
    assert!(markdown.contains("EXERCISE") && markdown.contains("# "), "{markdown}");
    let written = json(gameday(home.path()).args(["debrief", &journal, "--format", "json"]));
    assert!(written["header"].is_object());
    gameday(home.path()).args(["debrief", &journal, "--out", "x.html"]).assert().success();
    let page = std::fs::read_to_string(home.path().join("x.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>"), "{}", &page[..80.min(page.len())]);
}

#[test]
fn a_replay_shows_each_side_what_is_theirs() {
    let home = folder();
    let journal = corpus();
    let responder = out(gameday(home.path()).args(["replay", &journal]));
    let instigator =
        out(gameday(home.path()).args(["replay", &journal, "--as", "instigator", "--speed", "0"]));
    assert!(responder.contains("UploadErrorsHigh") && !responder.contains("gd-one"), "{responder}");
    assert!(instigator.contains("gd-one"), "{instigator}");
    assert!(instigator.lines().count() > responder.lines().count());
    // Faster than it can be told from at once, but by the clock.
    let fast = out(gameday(home.path()).args(["replay", &journal, "--speed", "1000000"]));
    assert_eq!(fast, responder);
}

#[test]
fn a_journal_that_is_none_is_refused_with_its_line() {
    let home = folder();
    let bad = home.path().join("bad.jsonl");
    let text = std::fs::read_to_string(corpus()).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.remove(3);
    std::fs::write(&bad, lines.join("\n") + "\n").unwrap();
    for verb in ["score", "debrief", "replay"] {
        let mut command = gameday(home.path());
        command.args([verb, "bad.jsonl"]).assert().code(3).stderr(predicate::str::contains("line 4"));
        gameday(home.path()).args([verb, "none.jsonl"]).assert().code(4);
        gameday(home.path()).args([verb, "d-none"]).assert().code(1);
    }
}

#[test]
fn a_verb_without_a_session_says_how_to_get_one() {
    let home = folder();
    gameday(home.path())
        .args(["say", "hello"])
        .env("GAMEDAY_SESSION", "")
        .assert()
        .code(1)
        .stderr(predicate::str::contains("gameday join LINK --as NAME"));
    let mut join = gameday(home.path());
    // Port 9 of this address has no listener: only depots listen beside 127.0.0.1.
    join.args(["join", "http://127.255.255.254:9/#abc", "--as", "ana"])
        .assert()
        .code(4)
        .stderr(predicate::str::contains("nobody answers"));
}

#[test]
fn the_doctor_finds_what_a_drill_needs() {
    let home = folder();
    let report = json(gameday(home.path()).args(["doctor", "--json"]));
    assert_eq!(report["ok"], true, "{report:#}");
    let names: BTreeSet<_> =
        report["checks"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in
        ["loopback addresses", "home folder", "SQLite", "script worker", "file descriptors", "chromium"]
    {
        assert!(names.contains(name), "{names:?}");
    }
    // A home that cannot be made is missing, and told.
    std::fs::write(home.path().join("file"), "").unwrap();
    let mut command = gameday(home.path());
    command
        .env("GAMEDAY_HOME", home.path().join("file"))
        .arg("doctor")
        .assert()
        .code(4)
        .stdout(predicate::str::contains("MISSING"));
}

#[test]
fn a_depot_is_laid_out_swept_and_operated() {
    let home = folder();
    let layout = json(gameday(home.path()).args(["depot", "layout", "--root", "depot-1", "--json"]));
    let tool = home.path().join("depot-1/bin/depotctl");
    assert!(layout["front_door"].is_string() && tool.exists());
    let mut sweep = gameday(home.path());
    sweep
        .args(["agent", "sweep", "--root", "depot-1", "--folder", "agent-1"])
        .assert()
        .success()
        .stdout(predicate::str::contains("Nothing is broken any more."));
    gameday(home.path()).args(["agent", "status", "--folder", "agent-1"]).assert().code(4);
    let releases = out(gameday(home.path()).args(["depot", "ctl", "--root", "depot-1", "releases", "web"]));
    // The same by the name that the program is called by.
    Command::new(&tool).args(["releases", "web"]).assert().success().stdout(releases);
    Command::new(&tool).arg("explode").assert().code(2);
    gameday(home.path()).args(["depot", "ctl", "--root", "depot-1", "explode"]).assert().code(2);
    std::fs::create_dir(home.path().join("mine")).unwrap();
    std::fs::write(home.path().join("mine/thesis.txt"), "").unwrap();
    gameday(home.path()).args(["depot", "layout", "--root", "mine"]).assert().code(1);
    assert!(home.path().join("mine/thesis.txt").exists());
    let described = json(gameday(home.path()).args(["depot", "describe"]));
    assert_eq!(described["name"], "depot");
}

#[test]
fn completions_know_the_commands() {
    let home = folder();
    for shell in ["bash", "zsh", "fish"] {
        let script = out(gameday(home.path()).args(["completions", shell]));
        assert!(script.contains("injectors"), "{shell}");
    }
}

#[test]
fn a_log_filter_that_makes_no_sense_is_told_and_not_fatal() {
    let home = folder();
    let mut command = gameday(home.path());
    command
        .env("GAMEDAY_LOG", "a=b=c")
        .args(["depot", "describe"])
        .assert()
        .success()
        .stderr(predicate::str::contains("GAMEDAY_LOG"));
}

/// A `gameday` that runs until it is told to end; it takes its target's processes with it.
pub(crate) struct Foreground(pub(crate) std::process::Child);

impl Foreground {
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("gameday"));
        command.args(args).current_dir(home).env("GAMEDAY_HOME", home.join("home"));
        Self(command.stdout(std::process::Stdio::null()).spawn().unwrap())
    }

    /// As Ctrl-C does.
    fn interrupt(&mut self) -> std::process::ExitStatus {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        // One that has ended already is only waited for.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        self.0.wait().unwrap()
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.interrupt();
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a deadline for what must happen soon")]
fn an_agent_runs_a_depot_until_it_is_interrupted() {
    let home = folder();
    gameday(home.path()).args(["depot", "layout", "--root", "depot-1"]).assert().success();
    let mut agent =
        Foreground::start(home.path(), &["agent", "serve", "--root", "depot-1", "--folder", "agent-1"]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let status = loop {
        let asked =
            gameday(home.path()).args(["agent", "status", "--folder", "agent-1", "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
        if status["agent"]["ready"] == true {
            break status;
        }
        assert!(std::time::Instant::now() < deadline, "not ready in time: {asked:?}");
    };
    assert_eq!(status["processes"].as_array().unwrap().len(), 12);
    assert_eq!(status["injections"], serde_json::json!([]));
    let mut list = gameday(home.path());
    list.args(["depot", "ctl", "--root", "depot-1", "list"]);
    list.assert()
        .success()
        .stdout(predicate::str::contains("web-east").and(predicate::str::contains("running")));
    // Nobody sweeps beneath an agent that works, and nobody lays out anew what runs.
    let sweep = ["agent", "sweep", "--root", "depot-1", "--folder", "agent-1"];
    gameday(home.path()).args(sweep).assert().code(4);
    gameday(home.path()).args(["depot", "layout", "--root", "depot-1"]).assert().code(1);
    assert!(agent.interrupt().success());
    gameday(home.path()).args(sweep).assert().success();
    gameday(home.path()).args(["agent", "status", "--folder", "agent-1"]).assert().code(4);
}
