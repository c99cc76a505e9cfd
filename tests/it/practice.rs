//! The path of one person: table-tops in the terminal, what is kept of them, and drills in which one seat is theirs.

use crate::{
    cli::{folder, gameday, out},
    docs::broken_links,
    kill::Mortal,
    stage::{Stage, run, scenario, until},
    tidy,
};
use gameday::{
    base::{Person, Span, limits::BY_HAND_WAIT},
    drill::{
        Drill,
        command::Command,
        event::{Event, Hat, Outcome, Recorded},
        seat::Seat,
    },
    library::Library,
    report::{Journal, part},
    scenario::{
        act::{Act, CauseClaim, ImpactClaim, Role, StatusState},
        tabletop::TableTop,
        ticket::TicketAct,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use predicates::prelude::*;
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command as Process, Stdio},
    sync::{Arc, Mutex},
};

fn first_alarm() -> TableTop {
    Library::load_tabletop("first-alarm").unwrap_or_else(|bad| panic!("{}", bad.render(false)))
}

/// What a step says to this input.
fn said(home: &Path, step: &str, input: &str) -> String {
    out(gameday(home).args(["practice", step]).write_stdin(input))
}

fn overview(home: &Path) -> Value {
    serde_json::from_str(&out(gameday(home).args(["practice", "--json"]))).unwrap()
}

fn record(home: &Path, step: &str) -> Value {
    let path = home.join(format!("home/practice/{step}.json"));
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Which questions' guidance a text tells.
fn guided(tabletop: &TableTop, text: &str) -> Vec<usize> {
    let told = |(index, question): (usize, &gameday::scenario::tabletop::Question)| {
        let hidden = [&question.guidance].into_iter().chain(&question.discussion).chain(&question.pointers);
        hidden.into_iter().any(|hidden| text.contains(hidden.as_str())).then_some(index)
    };
    tabletop.questions.iter().enumerate().filter_map(told).collect()
}

#[test]
fn a_learner_walks_a_tabletop_comes_back_and_sees_how_far_they_are() {
    let home = folder();
    let tabletop = first_alarm();
    let fresh = out(gameday(home.path()).arg("practice"));
    assert!(fresh.contains("first-alarm") && fresh.contains("gameday practice next"), "{fresh}");
    assert!(!fresh.contains('\x1b'), "plain where it is no terminal");
    assert!(
        !fresh.contains("session-hang") && !fresh.contains("pool-shrink"),
        "names of scenarios tell too much"
    );

    let said_first =
        said(home.path(), "next", "I swap Wednesday.\nAnd I page myself.\n\nAcknowledge, then look.\n");
    assert!(said_first.contains("Stopped: 2 of 5"), "{said_first}");
    let kept = record(home.path(), "first-alarm");
    assert_eq!(kept["format"], "gameday/practice/v1");
    assert_eq!(kept["answers"][0]["said"], "I swap Wednesday.\nAnd I page myself.");
    assert_eq!(kept["answers"][1]["said"], "Acknowledge, then look.");
    let stands = overview(home.path());
    assert_eq!((&stands["steps"][0]["answered"], &stands["steps"][0]["done"]), (&2.into(), &false.into()));
    assert_eq!(stands["next"], "first-alarm");

    let again = said(home.path(), "first-alarm", "Yes.\n\nIt depends.\n\nSleep.\n\n");
    assert!(again.contains("2 of 5 are answered") && !again.contains("Question 1 of 5"), "{again}");
    assert!(
        again.contains("Question 3 of 5") && again.contains("Next on your path: answer-alarms"),
        "{again}"
    );
    let stands = overview(home.path());
    assert_eq!((&stands["steps"][0]["done"], &stands["next"]), (&true.into(), &"answer-alarms".into()));

    // What is done is shown with one's own words, and asked anew only when that is wanted.
    let back = said(home.path(), "first-alarm", "");
    assert!(back.contains("I swap Wednesday.") && back.contains("Sleep."), "{back}");
    assert_eq!(guided(&tabletop, &back), [0, 1, 2, 3, 4]);
    let anew = out(gameday(home.path()).args(["practice", "first-alarm", "--again"]).write_stdin("Other.\n"));
    assert!(anew.contains("Stopped: 1 of 5"), "{anew}");
    assert_eq!(record(home.path(), "first-alarm")["answers"].as_array().unwrap().len(), 1);
}

#[test]
fn guidance_is_never_told_before_an_answer_was_given() {
    let tabletop = first_alarm();
    for (input, told) in [
        ("", &[][..]),
        ("\n", &[]),
        ("\n   \n\t\n\n", &[]),
        ("An answer.", &[0]),
        ("An answer.\n\n\n\n", &[0]),
        ("An answer.\n\nAnother.\n\n", &[0, 1]),
    ] {
        let home = folder();
        let text = said(home.path(), "first-alarm", input);
        assert!(
            text.contains(&tabletop.questions[0].situation) && text.contains(&tabletop.questions[0].question)
        );
        assert_eq!(guided(&tabletop, &text), told, "{input:?}");
        assert!(!text.contains("Guidance") || !told.is_empty(), "{text}");
    }
    // Nor does anything else of the program tell it.
    let home = folder();
    for args in [
        &["practice"][..],
        &["practice", "--json"],
        &["list", "--tabletops"],
        &["list", "--tabletops", "--json"],
    ] {
        assert_eq!(guided(&tabletop, &out(gameday(home.path()).args(args))), [0; 0], "{args:?}");
    }
}

/// A learner at a terminal of their own, whose every line is seen as it comes.
struct Learner {
    process: Mortal,
    told: Arc<Mutex<String>>,
}

impl Learner {
    fn at(home: &Path, args: &[&str]) -> Self {
        let mut command = Process::new(env!("CARGO_BIN_EXE_gameday"));
        command.arg("practice").args(args).current_dir(home).env("GAMEDAY_HOME", home.join("home"));
        command.env_remove("GAMEDAY_SESSION").env_remove("GAMEDAY_LOG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = Mortal(command.spawn().unwrap());
        let lines = BufReader::new(process.0.stdout.take().unwrap());
        let told = Arc::new(Mutex::new(String::new()));
        let to = told.clone();
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *to.lock().unwrap() += &(line + "\n");
            }
        });
        Self { process, told }
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    async fn hears(&self, what: &str) {
        until(what, async || self.told().contains(what).then_some(())).await;
    }

    fn types(&mut self, text: &str) {
        self.process.0.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }
}

#[test]
fn an_answer_is_kept_before_its_guidance_is_told_and_outlives_an_interrupt() {
    run(async {
        let home = folder();
        let mut learner = Learner::at(home.path(), &["first-alarm"]);
        learner.hears("Question 1 of 5").await;
        learner.types("I page myself first.\n");
        learner.types("\n");
        learner.hears("Question 2 of 5").await;
        assert_eq!(record(home.path(), "first-alarm")["answers"][0]["said"], "I page myself first.");
        learner.types("half an ans");
        kill(Pid::from_raw(i32::try_from(learner.process.0.id()).unwrap()), Signal::SIGINT).unwrap();
        learner.process.0.wait().unwrap();
        assert_eq!(overview(home.path())["steps"][0]["answered"], 1);
        let back = said(home.path(), "first-alarm", "");
        assert!(back.contains("1 of 5 are answered") && back.contains("Question 2 of 5"), "{back}");
    });
}

#[test]
fn progress_is_private_and_never_written_over_what_is_not_understood() {
    let home = folder();
    said(home.path(), "coordinating", "Mine.\n");
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(home.path().join(path)).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("home"), 0o700);
    let path = home.path().join("home/practice/coordinating.json");
    let good = fs::read_to_string(&path).unwrap();
    for (text, why) in [
        (good.replace("practice/v1", "practice/v2"), "this version reads `gameday/practice/v1`"),
        ("{".to_owned(), "could not understand"),
        (good.replace("\"answers\"", "\"replies\""), "unknown field"),
        (" ".repeat(300 * 1024), "larger than"),
    ] {
        fs::write(&path, &text).unwrap();
        let refused =
            gameday(home.path()).args(["practice", "coordinating"]).write_stdin("Other.\n\n").assert();
        refused.code(3).stderr(predicate::str::contains(why).and(predicate::str::contains("Move it away")));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, &good).unwrap();

    // It is forgotten after a plain word, and only then.
    for (input, code) in [("", 1), ("yes\n", 1), ("forget\n", 0), ("forget\n", 0)] {
        gameday(home.path()).args(["practice", "--forget"]).write_stdin(input).assert().code(code);
        assert_eq!(path.exists(), code == 1, "{input:?}");
    }
    assert_eq!(overview(home.path())["steps"][2]["answered"], 0);
}

#[test]
fn two_terminals_lose_no_answer_of_each_other() {
    run(async {
        let home = folder();
        let mut one = Learner::at(home.path(), &["first-alarm"]);
        let mut other = Learner::at(home.path(), &["first-alarm"]);
        one.hears("Question 1 of 5").await;
        other.hears("Question 1 of 5").await;
        one.types("one\n\n");
        one.hears("Question 2 of 5").await;
        other.types("other\n\nother too\n\n");
        other.hears("Question 3 of 5").await;
        one.types("one as well\n\nthird\n\n");
        one.hears("Question 4 of 5").await;
        let answers = record(home.path(), "first-alarm")["answers"].as_array().unwrap().clone();
        let texts: Vec<_> = answers.iter().map(|one| one["said"].as_str().unwrap()).collect();
        assert_eq!(texts, ["other", "one as well", "third"], "the last word on each question");
    });
}

#[test]
fn a_wrong_step_is_told_with_the_nearest() {
    let home = folder();
    let near = gameday(home.path()).args(["practice", "coordinate"]).assert().code(2);
    near.stderr(predicate::str::contains("did you mean `coordinating`?"));
    gameday(home.path()).args(["practice", "nowhere.yaml"]).assert().code(3);
    gameday(home.path()).args(["practice", "answer-alarms", "--as", "ana"]).assert().code(2);
    // A table-top is no drill, and a drill is no table-top.
    fs::copy(tidy::root().join("scenarios/tabletops/deciding.yaml"), home.path().join("ours.yaml")).unwrap();
    let ran = gameday(home.path()).args(["run", "ours.yaml"]).assert().code(3);
    ran.stderr(
        predicate::str::contains("this is a table-top").and(predicate::str::contains("gameday practice")),
    );
}

const OURS: &str = "format: gameday/tabletop/v1
title: The night that we remember
level: 2
roles: [ic]
questions:
  - situation: The lights go out.
    question: What do you do?
    guidance: Light a candle.
    discussion: [Where are the candles?]
";

fn checked(text: impl AsRef<[u8]>) -> Vec<(u64, u64, String)> {
    let home = folder();
    fs::write(home.path().join("ours.yaml"), text).unwrap();
    let done = gameday(home.path()).args(["check", "ours.yaml", "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(if report["ok"] == true { 0 } else { 3 }));
    let problems = report["files"][0]["problems"].as_array().unwrap();
    let place = |problem: &Value, of: &str| problem[of].as_u64().unwrap();
    let problems = problems.iter();
    problems
        .map(|one| (place(one, "line"), place(one, "column"), one["message"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn a_broken_tabletop_gets_every_problem_at_its_line() {
    assert_eq!(checked(OURS), []);
    let broken = OURS
        .replace("level: 2", "level: 9")
        .replace("[ic]", "[ic, ic]")
        .replace("What do you do?", "\"\"")
        .replace("    guidance", "    offered: [Only this.]\n    guidance")
        .replace("[Where are the candles?]", "[]");
    let found = checked(&broken);
    let lines: Vec<_> = found.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [3, 4, 7, 8, 10], "{found:?}");
    assert_eq!(found[1].1, 13, "{found:?}");
    for (text, line, why) in [
        (OURS.replace("level", "levle"), 3, "unknown field `levle`"),
        (OURS.replace("[ic]", "[boss]"), 4, "`boss` is not one of the words"),
        (OURS.replace("    guidance: Light a candle.\n", ""), 8, "the field `guidance` is missing"),
        (OURS.replace("tabletop/v1", "tabletop/v2"), 1, "is not known"),
        (OURS.replace("level: 2", "level: two"), 3, "a whole number"),
        (format!("{OURS}  - not: {{closed\n"), 0, ""),
    ] {
        let found = checked(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((line == 0 || found[0].0 == line) && found[0].2.contains(why), "{why}: {found:?}");
    }
    // The terminal shows the line, with what to do about it.
    let home = folder();
    fs::write(home.path().join("ours.yaml"), broken).unwrap();
    let shown = gameday(home.path()).args(["practice", "ours.yaml"]).assert().code(3);
    shown.stderr(predicate::str::contains("3 | level: 9").and(predicate::str::contains("help:")));
}

#[test]
fn a_hostile_tabletop_meets_the_limits() {
    let question = "  - {situation: s, question: \"N\", guidance: g, discussion: [d]}\n";
    let many = |count: usize| (0..count).map(|n| question.replace('N', &n.to_string())).collect::<String>();
    let head = OURS.split("  - ").next().unwrap();
    assert_eq!(checked(format!("{head}{}", many(30))), []);
    for (text, why) in [
        (format!("{head}{}", many(31)), "at most 30 questions"),
        (format!("{head}{}{}", many(1), many(1)), "stands here twice"),
        (OURS.replace("The lights", &"x".repeat(5000)), "at most 4096 fit"),
        (OURS.replace("[Where", &format!("[{} Where", "a, ".repeat(12))), "at most 12 points"),
        (OURS.replace("Light a candle.", "&a x"), "anchors and aliases"),
        (
            OURS.replace("[Where are the candles?]", &format!("{}{}", "[".repeat(64), "]".repeat(64))),
            "limit exceeded",
        ),
        (OURS.replace("Light a candle.", &"y".repeat(300 * 1024)), "larger than 256 KiB"),
        (OURS.replace("candle", "\x1b[2J"), "control characters"),
    ] {
        let found = checked(&text);
        assert!(found.iter().any(|(.., message)| message.contains(why)), "{why}: {found:?}");
    }
    // What is hidden behind an escape of YAML cannot write on the reader's terminal.
    let home = folder();
    let sly = OURS.replace("The lights go out.", r#""The \e[2J\u202e lights.""#);
    fs::write(home.path().join("ours.yaml"), sly).unwrap();
    let text = said(home.path(), "ours.yaml", "\u{1b}[31mred\n\n");
    assert!(text.contains("The [2J lights.") && !text.contains(['\x1b', '\u{202e}']), "{text:?}");
    assert_eq!(said(home.path(), "ours.yaml", "").matches("[31mred").count(), 1, "own ones are kept, too");
}

#[test]
fn pointers_of_the_built_in_tabletops_lead_somewhere() {
    for name in Library::built_in_tabletops() {
        let tabletop = Library::load_tabletop(&name).unwrap();
        for pointer in tabletop.questions.iter().flat_map(|question| &question.pointers) {
            let broken = broken_links(&tidy::root(), &name, &format!("[here]({pointer})"));
            assert!(broken.is_empty(), "{broken:?}");
        }
    }
}

#[test]
fn the_example_tabletop_of_the_docs_is_good() {
    let page = fs::read_to_string(tidy::root().join("docs/tabletops.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(checked(example), []);
}

fn nia() -> Person {
    "nia".parse().unwrap()
}

/// A modelled drill in which this seat is left to a person, who does `acts` to what they see.
fn played(name: &str, seat: Seat, mut acts: impl FnMut(&Event) -> Vec<Act>) -> (Vec<Recorded>, Drill) {
    run(async {
        let mut stage = Stage::in_memory(&scenario(name), 11);
        seat.leave(&mut stage.plan);
        let mut conductor = stage.begin().await.unwrap();
        let desk = conductor.desk();
        let person = async {
            desk.send(Command::Join { person: nia(), hat: Hat::Responder }).await.unwrap();
            let (mut changed, mut next) = (desk.changed(), 0);
            loop {
                for recorded in desk.journal(next) {
                    next = recorded.seq + 1;
                    for act in acts(&recorded.event) {
                        desk.send(Command::Act { by: nia(), act }).await.unwrap();
                    }
                    if matches!(recorded.event, Event::Ended { .. }) {
                        return;
                    }
                }
                changed.changed().await.unwrap();
            }
        };
        let (conducted, ()) = tokio::join!(conductor.conduct(), person);
        conducted.unwrap();
        stage.sim.is_pristine().unwrap();
        let journal = stage.journal().await;
        assert_eq!(format!("{:?}", Drill::fold(&journal).unwrap()), format!("{:?}", conductor.drill()));
        (journal, conductor.drill().clone())
    })
}

/// What was left to the person, with what came of it: verb, whether it was done, how long the others waited.
fn left(journal: &[Recorded], drill: &Drill) -> Vec<(&'static str, bool, Span)> {
    let waited = journal.iter().filter_map(|one| match one.event {
        Event::PlayLeft { play, since, done } => {
            Some((drill.plan().autopilot[play].act.verb(), done, one.at.since(since)))
        }
        _ => None,
    });
    waited.collect()
}

fn refusals(journal: &[Recorded]) -> usize {
    journal.iter().filter(|one| matches!(one.event, Event::Played { refused: Some(_), .. })).count()
}

fn acted(journal: &[Recorded], wanted: impl Fn(&Person, &Act) -> bool) -> Vec<&Recorded> {
    let is = |one: &&Recorded| matches!(&one.event, Event::Acted { by, act } if wanted(by, act));
    journal.iter().filter(is).collect()
}

#[test]
fn the_others_wait_for_the_first_responder_and_go_on_in_their_order() {
    let (journal, drill) = played("session-hang", Seat::FirstResponder, |event| match event {
        Event::AlarmRaised { alarm, .. } => {
            let declared = Act::Declare { text: "nobody gets in".to_owned() };
            vec![Act::Ack(alarm.clone()), declared]
        }
        _ => Vec::new(),
    });
    assert_eq!(drill.outcome(), Some(Outcome::Completed));
    let waits = left(&journal, &drill);
    assert!(
        waits.len() >= 3 && waits.iter().all(|(_, done, waited)| *done && *waited == Span::ZERO),
        "{waits:?}"
    );
    assert_eq!(refusals(&journal), 0);
    let by_others =
        acted(&journal, |by, act| by != &nia() && matches!(act, Act::Ack(_) | Act::Declare { .. }));
    assert!(by_others.is_empty(), "the seat is theirs alone: {by_others:?}");
    let rows = part::own_part(&Journal::new(&journal).unwrap());
    assert_eq!(rows.len(), waits.len());
    let (_, words) = rows[0].own.as_ref().unwrap();
    assert_eq!(
        (rows[0].practised.as_str(), words.as_str()),
        ("acknowledged LoginErrorsHigh", "acknowledged LoginErrorsHigh")
    );
}

#[test]
fn a_seat_that_stays_empty_holds_nobody_up_for_ever() {
    let (journal, drill) = played("session-hang", Seat::FirstResponder, |_| Vec::new());
    assert_eq!(drill.outcome(), Some(Outcome::Completed));
    let waits = left(&journal, &drill);
    let undone = waits.iter().filter(|(_, done, _)| !done).count();
    assert!(undone == waits.len() && waits.iter().all(|(.., waited)| *waited <= BY_HAND_WAIT), "{waits:?}");
    assert!(waits.iter().any(|(.., waited)| *waited == BY_HAND_WAIT), "{waits:?}");
    // What comes after waits for them: the ticket is opened when the declaration was given up.
    let opened = acted(&journal, |_, act| matches!(act, Act::Ticket(TicketAct::Open { .. })))[0].seq;
    let given_up =
        journal.iter().filter(|one| matches!(one.event, Event::PlayLeft { .. })).nth(1).unwrap().seq;
    assert!(given_up < opened);
    let rows = part::own_part(&Journal::new(&journal).unwrap());
    assert!(rows.iter().all(|row| row.own.is_none() && row.due.is_some()), "{rows:?}");
}

#[test]
fn nobody_announces_a_repair_that_was_not_made() {
    let monitoring = |journal: &[Recorded]| {
        acted(journal, |_, act| matches!(act, Act::Status { state: StatusState::Monitoring, .. })).len()
    };
    let operations = Seat::Holder(Role::Operations);
    let (journal, drill) = played("pool-shrink", operations, |_| Vec::new());
    assert!(!journal.iter().any(|one| matches!(one.event, Event::Operated { .. })), "nobody else repairs");
    assert_eq!((monitoring(&journal), drill.outcome()), (0, Some(Outcome::Completed)));

    let (journal, drill) = played("pool-shrink", operations, |event| match event {
        Event::Acted { act: Act::Decide { .. }, .. } => {
            vec![Act::Operate(["depotctl", "rollback", "web"].map(str::to_owned).into())]
        }
        _ => Vec::new(),
    });
    assert_eq!((monitoring(&journal), drill.outcome()), (1, Some(Outcome::Completed)));
    let waits = left(&journal, &drill);
    assert!(waits.iter().any(|(verb, done, _)| *verb == "operate" && *done), "{waits:?}");
    let rows = part::own_part(&Journal::new(&journal).unwrap());
    assert!(rows.len() == 1 && rows[0].own.is_some(), "{rows:?}");
}

#[test]
fn colleagues_do_without_the_ticket_of_whoever_keeps_it() {
    let seat = Seat::Holder(Role::Communications);
    let (journal, drill) = played("pool-shrink", seat, |event| match event {
        Event::Acted { act: Act::Declare { .. }, .. } => vec![Act::Status {
            text: "Uploads fail.".to_owned(),
            to: vec!["users".to_owned()],
            state: StatusState::Investigating,
            next_in: None,
            ticket: None,
        }],
        _ => Vec::new(),
    });
    assert_eq!(drill.outcome(), Some(Outcome::Completed));
    assert_eq!(refusals(&journal), 0);
    assert!(!acted(&journal, |_, act| matches!(act, Act::Decide { .. })).is_empty());
    let done: Vec<_> =
        left(&journal, &drill).iter().filter(|(verb, ..)| *verb == "status").map(|one| one.1).collect();
    assert_eq!(done, [true, false, false], "one update stands for one, and not for all");
}

#[test]
fn what_was_done_before_its_turn_and_after_the_last_one_is_shown_too() {
    let seat = Seat::Holder(Role::Ic);
    let (journal, drill) = played("session-hang", seat, |event| match event {
        // Everything at once, and nothing of the rest: the drill ends before its turn comes.
        Event::Restored { .. } => {
            let claim = CauseClaim { text: "it hung".to_owned(), ..CauseClaim::default() };
            let impact = ImpactClaim { text: "nobody got in".to_owned(), ..ImpactClaim::default() };
            vec![Act::Cause(claim), Act::Assess(impact), Act::Resolve("over".to_owned())]
        }
        _ => Vec::new(),
    });
    assert_eq!(drill.outcome(), Some(Outcome::Completed));
    let rows = part::own_part(&Journal::new(&journal).unwrap());
    let of = |word: &str| rows.iter().find(|row| row.practised.starts_with(word)).unwrap();
    assert!(of("gave the all-clear").due.is_none() && of("gave the all-clear").own.is_some(), "{rows:?}");
    assert!(of("declared").due.is_some() && of("declared").own.is_none(), "{rows:?}");
    assert!(of("answered the severity").own.is_none(), "{rows:?}");
}

#[test]
fn a_step_is_a_real_drill_in_which_one_seat_is_the_learners() {
    run(async {
        let home = folder();
        let mut learner = Learner::at(home.path(), &["answer-alarms", "--as", "nia", "--out", "mine"]);
        let wait = async |what: &str| {
            let found = crate::kill::watch_for(Span::from_secs(180), async || {
                learner.told().contains(what).then_some(())
            });
            found.await.unwrap_or_else(|| panic!("no {what} in time:\n{}", learner.told()));
        };
        wait("You have your seat, as nia").await;
        // The verbs speak for the learner at once.
        for alarm in ["LoginErrorsHigh", "UploadErrorsHigh", "BackupLate"] {
            wait(&format!("alarm: {alarm}")).await;
            gameday(home.path()).args(["ack", alarm]).assert().success();
            if alarm == "LoginErrorsHigh" {
                gameday(home.path()).args(["declare", "nobody can log in"]).assert().success();
            }
        }
        wait("Your part, beside a practised one").await;
        wait("Next on your path: first-alarm").await;
        assert_eq!(learner.process.0.wait().unwrap().code(), Some(0));
        let told = learner.told();
        assert!(told.contains("you: declared an incident: nobody can log in"), "{told}");
        assert!(!told.contains("session-hang"), "{told}");
        assert!(fs::metadata(home.path().join("mine/debrief.html")).unwrap().len() > 100);
        let stand = overview(home.path())["steps"][1].clone();
        assert_eq!(
            (&stand["done"], &stand["drills"][0]["done"]),
            (&true.into(), &stand["drills"][0]["parts"]),
            "{stand}"
        );
    });
}
