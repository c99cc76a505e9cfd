//! Real drills of the real program: engines that are killed with signal 9 while a fault is live, what `run --resume` makes
//! of that, and a start at an announced moment.

use crate::{
    cli::{folder, gameday},
    kill::{Mortal, watch_for},
    stage::run,
};
use gameday::{
    agent,
    base::{At, Span, limits},
    clock::{Clock, SystemClock},
    drill::{
        Drill,
        event::{Event, InjectionStep, Outcome, Recorded},
    },
    fault::Fence,
    store::{SqliteStore, Store},
    target::{Injector, agent_client::AgentClient},
};
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

/// How long anything may take; generous, because the machine is busy.
const LIMIT: Span = Span::from_secs(180);

/// These scenarios come and go with their tests; a run that begins a drill of one says why it was not rehearsed.
fn unrehearsed(args: &[&str]) -> &'static [&'static str] {
    if args.contains(&"--resume") { &[] } else { &["--unrehearsed", "made for a test"] }
}

/// A home with a scenario that is over soon: one service hangs, and conditions are seen within seconds.
pub(crate) struct House(tempfile::TempDir);

impl House {
    /// A home with nothing in it.
    pub(crate) fn bare() -> Self {
        Self(folder())
    }

    pub(crate) fn new() -> Self {
        let house = Self::bare();
        gameday(house.path()).args(["new", "quick"]).assert().success();
        let file = house.path().join("quick.yaml");
        let mut text = fs::read_to_string(&file).unwrap();
        for (was, is) in [
            ("at: 2m\n", "at: 1s\n"),
            (
                "workload: evening",
                "workload: evening\nsteady_state: [{class: login, failed: \"< 50 %\", over: 3s, for: 2s}]",
            ),
            ("\"> 20 %\", for: 10s", "\"> 20 %\", over: 2s, for: 1s"),
            ("\"< 1 %\", for: 30s", "\"< 20 %\", over: 2s, for: 2s"),
            ("wait: 5s, who: ana, do: {ack", "wait: 1s, who: ana, do: {ack"),
            ("wait: 5s, who: ana, do: {declare", "wait: 1s, who: ana, do: {declare"),
            (
                "  - {wait: 5s, who: ana, do: {resolve",
                "  - {wait: 1s, who: ana, do: {assess: {windows: [{from: T+1s, to: T+20s}], failed: {login: {percent: 90}}}}}\n  - {wait: 1s, who: ana, do: {resolve",
            ),
        ] {
            assert!(text.contains(was), "{was}");
            text = text.replace(was, is);
        }
        fs::write(file, text).unwrap();
        house
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program of its own, without a terminal.
    pub(crate) fn start(&self, args: &[&str]) -> Mortal {
        let log = fs::File::options().create(true).append(true).open(self.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
        command
            .args(args)
            .args(unrehearsed(args))
            .current_dir(self.path())
            .env("GAMEDAY_HOME", self.path().join("home"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Mortal(command.spawn().unwrap())
    }

    /// What the programs have printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap()
    }

    /// The journal of the only drill.
    pub(crate) async fn journal(&self) -> Vec<Recorded> {
        let path = self.path().join("home/journal.db");
        if !path.exists() {
            return Vec::new();
        }
        // On a busy machine its lock is somebody else's for a while.
        let opened = watch_for(LIMIT, async || SqliteStore::open(&path).await.ok()).await;
        let store = opened.unwrap_or_else(|| panic!("{} does not open", path.display()));
        let journal = match store.drills().await.unwrap().as_slice() {
            [] => Vec::new(),
            [entry] => store.read(&entry.drill, 0).await.unwrap(),
            more => panic!("{more:?}"),
        };
        store.close().await;
        journal
    }

    /// The journal, as soon as it tells this.
    pub(crate) async fn until(&self, what: &str, seen: impl Fn(&Event) -> bool) -> Vec<Recorded> {
        let found = watch_for(LIMIT, async || {
            let journal = self.journal().await;
            journal.iter().any(|recorded| seen(&recorded.event)).then_some(journal)
        });
        found.await.unwrap_or_else(|| panic!("no {what} in time:\n{}", self.log()))
    }

    /// A fault is live; and the engine is killed.
    pub(crate) async fn killed_while_live(&self, args: &[&str]) -> Vec<Recorded> {
        let mut engine = self.start(args);
        self.until("live fault", |event| step(event) == Some(&InjectionStep::Live)).await;
        engine.kill();
        self.journal().await
    }

    /// `gameday run --resume`, to its end: exit code, last words in JSON, complaints.
    fn resume(&self) -> (Option<i32>, Value, String) {
        let ended =
            gameday(self.path()).args(["run", "--resume", "--json", "--out", "after"]).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        (ended.status.code(), serde_json::from_slice(&ended.stdout).unwrap_or_default(), said)
    }

    async fn assert_nothing_is_left(&self) {
        let journal = self.journal().await;
        let drill = Drill::fold(&journal).unwrap();
        assert!(drill.is_over(), "{:?}", drill.injections());
        assert!(drill.injections().iter().all(|one| one.state.is_terminal()));
        let attachment = drill.attached().unwrap();
        gameday(self.path()).args(["agent", "status", "--folder", &attachment.folder]).assert().code(4);
        let root = attachment.root.as_deref().unwrap();
        gameday(self.path())
            .args(["agent", "sweep", "--root", root, "--folder", &attachment.folder])
            .assert()
            .success()
            .stdout(predicates::str::contains("taken back: 0, clean already: 0"));
        for name in ["journal.jsonl", "score.json", "debrief.md", "debrief.html"] {
            assert!(fs::metadata(self.path().join("after").join(name)).unwrap().len() > 100, "{name}");
        }
    }
}

fn step(event: &Event) -> Option<&InjectionStep> {
    event.injection_step().map(|(_, step)| step)
}

fn folder_of(journal: &[Recorded]) -> PathBuf {
    PathBuf::from(&Drill::fold(journal).unwrap().attached().unwrap().folder)
}

async fn agent_in(folder: &Path) -> Option<i32> {
    let attested = AgentClient::connect(folder).ok()?.attestation().await.ok()?;
    attested.ready.then(|| i32::try_from(attested.pid).unwrap())
}

pub(crate) fn interrupt(program: &mut Mortal) -> ExitStatus {
    kill(Pid::from_raw(i32::try_from(program.0.id()).unwrap()), Signal::SIGINT).unwrap();
    program.0.wait().unwrap()
}

#[test]
fn a_drill_whose_engine_was_killed_is_played_on_to_its_end() {
    run(async {
        let house = House::new();
        let before = house.killed_while_live(&["run", "quick.yaml", "--autopilot"]).await;
        // No other drill begins beside it, and the program says what to do.
        let other = gameday(house.path()).args(["run", "quick.yaml"]).assert().code(6);
        let said = String::from_utf8_lossy(&other.get_output().stderr).into_owned();
        assert!(said.contains("gameday run --resume"), "{said}");
        let drill = Drill::fold(&before).unwrap().plan().drill.clone();
        gameday(house.path()).args(["run", "--resume", "d-none"]).assert().code(1);

        let (code, last, said) = house.resume();
        assert_eq!(code, Some(0), "{said}");
        assert_eq!((&last["outcome"], &last["clean"]), (&"completed".into(), &true.into()), "{last}");
        let after = house.journal().await;
        assert_eq!(after[..before.len()], before[..], "what was acknowledged is there");
        let seen = |wanted: &dyn Fn(&Event) -> bool| after.iter().filter(|one| wanted(&one.event)).count();
        assert_eq!(seen(&|event| matches!(event, Event::TookOver { resume: true, .. })), 2);
        assert_eq!(seen(&|event| step(event) == Some(&InjectionStep::Injecting)), 1, "it was injected once");
        // A busy machine may let logins fail once more, and that is measured, too: what is said must be in turns.
        let turns = after.iter().filter_map(|one| match one.event {
            Event::SymptomSeen { .. } => Some("symptom"),
            Event::Restored { .. } => Some("restored"),
            Event::Relapsed => Some("relapsed"),
            _ => None,
        });
        let turns: Vec<_> = turns.collect();
        let relapses = turns.iter().filter(|turn| **turn == "relapsed").count();
        let told: Vec<_> = ["symptom", "restored"]
            .into_iter()
            .chain(["relapsed", "restored"].into_iter().cycle().take(2 * relapses))
            .collect();
        assert_eq!(turns, told, "and the responders repaired it");
        let queued = seen(&|event| matches!(event, Event::NoticeQueued(_)));
        assert_eq!(seen(&|event| matches!(event, Event::NoticeDelivered { .. })), queued);
        house.assert_nothing_is_left().await;
        gameday(house.path()).args(["run", "--resume"]).assert().code(1);
        gameday(house.path()).args(["run", "--resume", drill.as_str()]).assert().code(1);
    });
}

#[test]
fn an_adopted_agent_is_looked_after_and_the_drill_can_be_stopped() {
    run(async {
        let house = House::new();
        let before = house.killed_while_live(&["run", "quick.yaml"]).await;
        let folder = folder_of(&before);
        let first = agent_in(&folder).await.expect("the agent lives on");
        let mut second = house.start(&["run", "--resume", "--out", "after"]);
        let taken = before.len();
        let goes_on = watch_for(LIMIT, async || {
            let journal = house.journal().await;
            journal[taken..].iter().any(|one| matches!(one.event, Event::Measured { .. })).then_some(())
        });
        goes_on.await.expect("it is measured on");
        assert!(house.log().contains("gameday join"), "people can join again:\n{}", house.log());
        assert_eq!(agent_in(&folder).await, Some(first), "the agent was adopted, not started anew");
        kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
        let again = watch_for(LIMIT, async || agent_in(&folder).await.filter(|pid| *pid != first));
        again.await.expect("an agent that dies is started again");
        let status = interrupt(&mut second);
        assert_eq!(status.code(), Some(5), "{}", house.log());
        house.assert_nothing_is_left().await;
    });
}

#[test]
fn a_drill_whose_agent_is_gone_too_is_taken_back() {
    run(async {
        let house = House::new();
        let before = house.killed_while_live(&["run", "quick.yaml"]).await;
        let agent = agent_in(&folder_of(&before)).await.expect("the agent lives on");
        kill(Pid::from_raw(agent), Signal::SIGKILL).unwrap();
        let (code, last, said) = house.resume();
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains("cannot be played on: its target's agent is gone"), "{said}");
        assert_eq!((&last["outcome"], &last["clean"]), (&"aborted".into(), &true.into()), "{last}");
        let after = house.journal().await;
        assert_eq!(after[..before.len()], before[..], "what was acknowledged is there");
        assert_eq!(Drill::fold(&after).unwrap().outcome(), Some(Outcome::Aborted));
        house.assert_nothing_is_left().await;
    });
}

#[test]
fn a_drill_whose_fault_the_agent_has_let_go_of_is_taken_back() {
    run(async {
        let house = House::new();
        let before = house.killed_while_live(&["run", "quick.yaml"]).await;
        let drill = Drill::fold(&before).unwrap();
        let agent = AgentClient::connect(&folder_of(&before)).unwrap();
        // What the end of a lease does, without the two minutes until then.
        let fence = Fence { epoch: agent.take_epoch().await.unwrap(), seq: 0 };
        agent.undo(&drill.injections()[0].planned.id, fence).await.unwrap();
        let (code, last, said) = house.resume();
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains("has run out"), "{said}");
        assert_eq!((&last["outcome"], &last["clean"]), (&"aborted".into(), &true.into()), "{last}");
        house.assert_nothing_is_left().await;
    });
}

#[test]
fn an_interrupt_while_the_target_is_started_leaves_no_agent() {
    run(async {
        let house = House::new();
        let mut engine = house.start(&["run", "quick.yaml"]);
        let agents = house.path().join("home/agents");
        let working = watch_for(LIMIT, async || {
            let folders = fs::read_dir(&agents).ok()?.flatten().map(|entry| entry.path());
            folders.into_iter().find(|folder| agent::is_taken(folder))
        });
        let folder = working.await.expect("an agent takes its folder");
        assert_eq!(interrupt(&mut engine).code(), Some(5), "{}", house.log());
        assert!(!agent::is_taken(&folder), "the agent has ended:\n{}", house.log());
    });
}

#[test]
fn where_several_drills_were_left_they_are_listed() {
    run(async {
        let house = House::new();
        fs::create_dir_all(house.path().join("home")).unwrap();
        let store = SqliteStore::open(&house.path().join("home/journal.db")).await.unwrap();
        for name in ["d-one", "d-two"] {
            let mut journal = crate::corpus::journal()[..2].to_vec();
            let Event::Planned(plan) = &mut journal[0].event else {
                panic!("a journal begins with its plan")
            };
            plan.drill = name.parse().unwrap();
            store.append(&plan.drill.clone(), 0, &journal).await.unwrap();
        }
        store.close().await;
        let several = gameday(house.path()).args(["run", "--resume"]).assert().code(2);
        let said = String::from_utf8_lossy(&several.get_output().stderr).into_owned();
        assert!(said.contains("d-one") && said.contains("d-two"), "{said}");
        // The one that is named is meant; it never had a target, so there is nothing to play.
        let one = gameday(house.path()).args(["run", "--resume", "d-two"]).assert().code(5);
        one.stderr(predicates::str::contains("it never had a target"));
        gameday(house.path()).args(["run", "--resume", "d-two"]).assert().code(1);
    });
}

/// No real drill: a journal that was left, and somebody who holds its lock as an engine does.
#[test]
fn a_drill_that_a_living_engine_has_is_left_alone_and_a_lost_one_lets_no_other_begin() {
    run(async {
        let house = House::new();
        let home = house.path().join("home");
        fs::create_dir_all(home.join("locks")).unwrap();
        let journal = &crate::corpus::journal()[..2];
        let drill = Drill::fold(journal).unwrap().plan().drill.clone();
        let store = SqliteStore::open(&home.join("journal.db")).await.unwrap();
        store.append(&drill, 0, journal).await.unwrap();
        store.close().await;
        let lock = fs::File::create(home.join("locks").join(drill.as_str())).unwrap();
        let engine = Flock::lock(lock, FlockArg::LockExclusiveNonblock).unwrap();

        let recover = gameday(house.path()).arg("recover").assert().success();
        recover.stdout("Nothing was left behind.\n");
        let resume = gameday(house.path()).args(["run", "--resume", drill.as_str()]).assert().code(1);
        resume.stderr(predicates::str::contains("its engine lives"));
        assert_eq!(house.journal().await, journal, "nothing was written beside it");

        drop(engine);
        let other = gameday(house.path()).args(["run", "quick.yaml"]).timeout(LIMIT.std()).assert().code(6);
        other.stderr(predicates::str::contains("was left unfinished"));
        gameday(house.path()).arg("recover").assert().success();
        assert!(Drill::fold(&house.journal().await).unwrap().is_over());
    });
}

#[test]
fn a_drill_begins_at_its_announced_moment() {
    run(async {
        let house = House::new();
        // Whole seconds, and time enough to stage a target and to see that it is steady.
        let start = At::from_millis((SystemClock.now() + Span::from_secs(36)).millis() / 1000 * 1000);
        let civil = start.to_string().replace('T', " ").replace(".000Z", "");
        let mut engine =
            house.start(&["run", "quick.yaml", "--at", &format!("{civil} UTC"), "--out", "after"]);
        let journal = house.until("start", |event| matches!(event, Event::Started)).await;
        let started = journal.iter().find(|one| matches!(one.event, Event::Started)).unwrap().at;
        println!("planned {start}, started {started}: {} late", started.since(start));
        assert_eq!(Drill::fold(&journal).unwrap().plan().start, start);
        assert!(started >= start, "never early");
        assert!(started.since(start) < limits::START_LATE_MAX);
        let log = house.log();
        let told: Vec<_> = log.lines().filter(|line| line.starts_with("The outage begins in ")).collect();
        assert_eq!(told.len(), 2, "before and after staging:\n{log}");
        assert!(told.iter().all(|line| line.ends_with(&format!("at {civil} UTC."))), "{told:?}");

        let status = interrupt(&mut engine);
        assert_eq!(status.code(), Some(5), "{}", house.log());
        house.assert_nothing_is_left().await;
    });
}
