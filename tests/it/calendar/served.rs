//! The real program: drills that are planned on the command line and begun by a server, servers that are killed around
//! planned starts, and a surprise that nobody who plays can see coming.

use crate::{
    cli::{folder, gameday, out},
    engine_killed::House,
    kill::watch_for,
    serve::{Server, invited, line},
    stage::run,
};
use gameday::{
    base::{At, Span, limits},
    calendar::{Ask, Entry, Moment, Wanted, When, window::Window},
    clock::{Clock, SystemClock, VirtualClock},
    drill::{
        Drill,
        event::{Event, Outcome, Recorded},
    },
    engine::calendar::Schedule,
    seed::Seed,
    store::SqliteStore,
};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::{path::Path, sync::Arc};

const LIMIT: Span = Span::from_secs(240);

fn schedule(home: &Path, args: &[&str]) -> Value {
    let said = out(gameday(home).arg("schedule").args(args).arg("--json"));
    serde_json::from_str(&said).unwrap_or_else(|bad| panic!("{bad}: {said}"))
}

fn refused(home: &Path, args: &[&str], code: i32) -> String {
    let ended = gameday(home).arg("schedule").args(args).assert().code(code);
    String::from_utf8_lossy(&ended.get_output().stderr).into_owned()
}

#[test]
fn what_cannot_be_is_refused_at_planning_with_its_reason() {
    let home = folder();
    let home = home.path();
    let add = |scenario: &str, when: &[&str], code: i32| {
        refused(home, &[&["add", scenario][..], when].concat(), code)
    };
    for (when, said) in [
        ("2027-03-28 02:30 Europe/Berlin", "does not exist"),
        ("2027-10-31 02:30 Europe/Berlin", "exists twice"),
        ("2020-01-01 14:00 Europe/Berlin", "has passed"),
        ("2099-01-01 14:00 Nowhere/Land", "there is no zone"),
        ("noon", "a day, a time and a zone are needed"),
    ] {
        let told = add("pool-shrink", &["--at", when], 2);
        assert!(told.contains(said) && told.contains("could not plan the drill"), "{when}: {told}");
    }
    for when in [["--window", "2020-W50 UTC"], ["--window", "week UTC"], ["--every", "sometimes 14:00 UTC"]] {
        add("pool-shrink", &when, 2);
    }
    add("pool-shrink", &[], 2);
    add("pool-shrink", &["--at", "2099-01-01 14:00 UTC", "--every", "tue 14:00 UTC"], 2);
    let later = ["--at", "2099-01-01 14:00 UTC"];
    assert!(add("no-such-thing", &later, 1).contains("no-such-thing"));
    let alone = add("pool-shrink", &[&later[..], &["--responder", "ana", "--instigator", "ana"]].concat(), 1);
    assert!(alone.contains("roster-"), "{alone}");
    gameday(home).args(["new", "quick"]).assert().success();
    let own = refused(home, &["add", "quick", "--scenarios", ".", "--every", "tue 14:00 UTC"], 1);
    assert!(own.contains("not-rehearsed"), "{own}");
    gameday(home).args(["safety", "engage", "--reason", "a real incident"]).assert().success();
    assert!(add("pool-shrink", &later, 1).contains("safety-engaged"));
    assert_eq!(schedule(home, &["list"]), json!({"planned": [], "past": [], "ended": []}));
}

#[test]
fn a_series_has_an_end_and_is_listed_as_ended_behind_it() {
    let home = folder();
    let home = home.path();
    let every = |more: &[&'static str]| {
        [&["add", "pool-shrink", "--every", "15th,last day 10:00 UTC"][..], more].concat()
    };
    for (more, said) in [
        (&["--until", "2020-01-01"][..], "no day of `15th,last day 10:00 UTC` is left until 2020-01-01"),
        (&["--times", "0"], "--times"),
        (&["--times", "3", "--until", "2099-01-01"], "cannot be used with"),
        (&["--until", "soon"], "--until"),
    ] {
        let told = refused(home, &every(more), 2);
        assert!(told.contains(said), "{more:?}: {told}");
    }
    refused(home, &["add", "pool-shrink", "--at", "2099-01-01 10:00 UTC", "--times", "2"], 2);
    let series = schedule(home, &every(&["--times", "2"]));
    let told = series["told"].as_str().unwrap();
    assert!(told.starts_with("every 15th,last day 10:00 UTC, until 2"), "{told}");
    let listed = schedule(home, &["list"]);
    let planned = listed["planned"].as_array().unwrap();
    assert_eq!((planned.len(), &listed["ended"]), (2, &json!([])));
    assert_eq!(planned[0]["every"], "15th,last day 10:00 UTC");
    assert_eq!(planned[0]["until"], planned[1]["day"]);
    assert!(out(gameday(home).args(["schedule", "list"])).contains(", until "));

    // Who wants the same time is told whose it is.
    let day = planned[1]["day"].as_str().unwrap();
    let busy = refused(home, &["add", "pool-shrink", "--at", &format!("{day} 10:20 UTC")], 1);
    let id = series["id"].as_str().unwrap();
    assert!(busy.contains(&format!("{id} is planned ({day} 10:00 UTC)")), "{busy}");
    assert!(busy.contains(&format!("`gameday schedule cancel {id} --day {day}`")), "{busy}");

    // With its last day it is at its end.
    for one in planned {
        let day = one["day"].as_str().unwrap();
        gameday(home).args(["schedule", "cancel", id, "--day", day]).assert().success();
    }
    let listed = schedule(home, &["list"]);
    assert_eq!((&listed["planned"], &listed["ended"][0]["id"]), (&json!([]), &json!(id)), "{listed}");
    let shown = out(gameday(home).args(["schedule", "list"]));
    assert!(shown.contains(&format!("{id}  ended  pool-shrink, on depot, {told}")), "{shown}");
}

#[test]
fn plans_of_the_command_line_are_seen_by_a_server_and_a_surprise_by_nobody() {
    run(async {
        let home = folder();
        let server = Server::with(home.path(), &[], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let add = |when: &[&str]| schedule(home.path(), &[&["add", "pool-shrink"][..], when].concat());
        let one = add(&["--at", "2099-03-03 14:00 Europe/Berlin"]);
        let series = add(&["--every", "tue 02:30 Europe/Berlin"]);
        assert_eq!(series["told"], "every tue 02:30 Europe/Berlin");
        // One that is not drawn for the first minute, which everybody is told.
        let surprise = add(&["--window", "2099-W10 Asia/Tokyo", "--hours", "09:00-12:00", "--seed", "7"]);
        let (_, drills) = server.get(&ina, "/api/drills").await;
        let told = |drill: &Value| line(&drills, drill["drill"].as_str().unwrap()).clone();
        assert_eq!(told(&one)["when"], "2099-03-03 14:00 Europe/Berlin");
        let hidden = told(&surprise);
        assert_eq!(
            (&hidden["start"], &hidden["when"], &hidden["state"]),
            (
                &Value::Null,
                &json!("a surprise in the week of 2099-03-02, 09:00 to 12:00 Asia/Tokyo"),
                &json!("planned")
            )
        );

        // Only whoever asks for it sees the moment, and nobody on a page.
        let id = surprise["id"].as_str().unwrap();
        let find = |list: &Value| {
            list["planned"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone()
        };
        assert_eq!(find(&schedule(home.path(), &["list"]))["at"], Value::Null);
        let revealed = find(&schedule(home.path(), &["list", "--reveal"]));
        let (moment, at) = (revealed["told"].as_str().unwrap(), revealed["at"].as_str().unwrap());
        assert!(moment.contains("2099-03-0") && moment.contains("Asia/Tokyo"), "{moment}");
        let clock = moment.split(' ').nth(1).unwrap();
        let plain = out(gameday(home.path()).args(["schedule", "list"]));
        assert!(plain.contains(id) && plain.contains("in the week of 2099-03-02"), "{plain}");
        let (_, page) = server.ask(&ina, Method::GET, "/drills", None).await;
        for seen in [plain, page, drills.to_string()] {
            assert!(!seen.contains(at) && !seen.contains(&format!(" {clock} ")), "{at} {clock}: {seen}");
        }

        // Moved and called off, by either door.
        let id = one["id"].as_str().unwrap();
        gameday(home.path())
            .args(["schedule", "move", id, "--at", "2099-03-04 15:00 Europe/Berlin"])
            .assert()
            .success();
        let drill = one["drill"].as_str().unwrap();
        let (_, drills) = server.get(&ina, "/api/drills").await;
        assert_eq!(line(&drills, drill)["start"], "2099-03-04T14:00:00.000Z");
        let ask = json!({"drill": drill, "at": "2099-03-05 15:00 Europe/Berlin"});
        assert_eq!(server.post(&ina, "/api/postpone", ask).await.0, 200);
        let (status, told) = server.post(&ina, "/api/postpone", json!({"drill": drill, "at": "noon"})).await;
        assert_eq!((status, &told["code"]), (409, &json!("bad-time")));
        let series = series["id"].as_str().unwrap();
        let day = schedule(home.path(), &["list"])["planned"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == series)
            .unwrap()["day"]
            .clone();
        gameday(home.path())
            .args(["schedule", "cancel", series, "--day", day.as_str().unwrap()])
            .assert()
            .success();
        assert!(
            refused(home.path(), &["cancel", series, "--day", day.as_str().unwrap()], 1)
                .contains("called off")
        );
        assert!(
            refused(home.path(), &["move", series, "--at", "2099-03-04 15:00 UTC"], 2)
                .contains("say which day")
        );
        gameday(home.path()).args(["schedule", "cancel", series]).assert().success();
        assert_eq!(schedule(home.path(), &["list"])["planned"].as_array().unwrap().len(), 2);
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn a_start_for_which_no_server_was_there_is_told_as_missed_and_nothing_is_broken() {
    run(async {
        let house = House::new();
        // Planned an hour before now, for half an hour ago.
        let now = SystemClock.now();
        let then = VirtualClock::starting_at(now - Span::from_mins(60));
        let moment = Moment::utc(now - Span::from_mins(30));
        let mut entry = super::entry(jiff::tz::db(), "s-missed", Ask::At(moment.clone()), then.now());
        (entry.target, entry.wanted) = ("depot".into(), quick());
        let drill = entry.drill(entry.only_day().unwrap()).to_string();
        write(house.path(), entry, Arc::new(then)).await;
        let server = Server::over(house.path(), ".", "127.0.0.1:0");
        let journal = house.until("end", |event| matches!(event, Event::Ended { .. })).await;
        let folded = Drill::fold(&journal).unwrap();
        assert_eq!((folded.outcome(), starts(&journal)), (Some(Outcome::Missed), vec![]));
        let ina = server.join(&server.link).await;
        let missed = watch_for(LIMIT, async || {
            let (_, drills) = server.get(&ina, "/api/drills").await;
            let one = line(&drills, &drill).clone();
            (one["outcome"] == "missed").then_some(one)
        });
        assert_eq!(missed.await.unwrap()["start"], moment.at.to_string());
        assert!(house.log().contains("a planned drill was missed"), "{}", house.log());
        assert_eq!(schedule(house.path(), &["list"])["past"][0]["state"], "missed");
        assert_eq!(server.end(), Some(0));
    });
}

/// Plans the quick scenario for this moment, with a server that may be killed.
fn plan(house: &House, when: &[&str]) -> Value {
    let args = ["add", "quick", "--scenarios", ".", "--autopilot", "--unrehearsed", "made for a test"];
    schedule(house.path(), &[&args[..], when].concat())
}

fn starts(journal: &[Recorded]) -> Vec<At> {
    journal.iter().filter(|one| matches!(one.event, Event::Started)).map(|one| one.at).collect()
}

/// A surprise that was drawn for a moment from now, whatever day it is; gives its drill.
async fn surprise(home: &Path) -> String {
    let start = At::from_millis((SystemClock.now().millis() / 1000 + 30) * 1000);
    let zones = jiff::tz::db().clone();
    let window = Window::read(&zones, "2099-W10 UTC", "09:00-17:00", Vec::new()).unwrap();
    let asked = Ask::At(Moment::utc(start));
    let mut entry = super::entry(&zones, "s-surprise", asked, SystemClock.now());
    entry.when = When::Window { window, drawn: Moment::utc(start) };
    (entry.target, entry.wanted) = ("depot".into(), quick());
    let drill = entry.drill(entry.only_day().unwrap()).to_string();
    write(home, entry, Arc::new(SystemClock)).await;
    drill
}

/// The quick scenario, which plays by itself.
fn quick() -> Wanted {
    let unrehearsed = Some("made for a test".into());
    Wanted { scenario: "quick".into(), autopilot: true, unrehearsed, ..Wanted::default() }
}

/// Puts something on the calendar behind the program's back.
async fn write(home: &Path, entry: Entry, clock: Arc<dyn Clock>) {
    std::fs::create_dir_all(home.join("home")).unwrap();
    let store = SqliteStore::open(home.join("home/journal.db")).await.unwrap();
    let schedule = Schedule::new(Arc::new(store), clock, jiff::tz::db().clone());
    schedule.ask(&super::plan(entry)).await.unwrap();
}

#[test]
fn a_surprise_that_begins_is_closed_to_who_plays_until_it_has_started() {
    run(async {
        let house = House::new();
        let server = Server::over(house.path(), ".", "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let drill = surprise(house.path()).await;
        let ask = json!({"person": "ana", "hat": "responder", "drill": drill});
        let (_, made) = server.post(&ina, "/api/invitations", ask).await;
        let token = made["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let iva = invited(&server, &ina, &drill, ("iva", "instigator")).await;
        // The drill's pages are open to those who run it.
        assert_eq!(server.get(&iva, "/api/board").await.0, 200);
        let (status, told) = server.post("", "/api/join", json!({"token": token})).await;
        assert_eq!((status, &told["code"]), (503, &json!("not-open")));
        // On the page of somebody who may play it, it is still some time in its week, and nothing runs.
        let ask = json!({"person": "rosa", "hat": "responder"});
        let (_, made_for_rosa) = server.post(&ina, "/api/invitations", ask).await;
        let rosa = server.join(made_for_rosa["link"].as_str().unwrap()).await;
        let (_, seen) = server.get(&rosa, "/api/me").await;
        let week = "a surprise in the week of 2099-03-02, 09:00 to 17:00 UTC";
        if starts(&house.journal().await).is_empty() {
            assert_eq!((&seen["planned"][0]["when"], &seen["open"]), (&json!(week), &json!([])), "{seen}");
        }
        let journal = house.until("start", |event| matches!(event, Event::Started)).await;
        assert_eq!(starts(&journal).len(), 1);
        let joined = watch_for(LIMIT, async || {
            let (status, _) = server.post("", "/api/join", json!({"token": token})).await;
            (status == 200).then_some(())
        });
        assert!(joined.await.is_some(), "{}", house.log());
        // It runs under the name that it was planned by, and under no other.
        let (_, listed) = server.get(&ina, "/api/drills").await;
        let lines: Vec<_> =
            listed["drills"].as_array().unwrap().iter().map(|one| (&one["drill"], &one["state"])).collect();
        assert_eq!(lines, [(&json!(drill), &json!("running"))], "{listed}");
        let (_, seen) = server.get(&rosa, "/api/me").await;
        assert_eq!((&seen["planned"], &seen["open"][0]["drill"]), (&json!([]), &json!(drill)), "{seen}");
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn a_server_that_is_killed_around_a_start_begins_its_drill_once_or_tells_that_it_was_missed() {
    let trials = std::env::var("GAMEDAY_SERVER_KILLS")
        .map_or(2, |trials| trials.parse().expect("GAMEDAY_SERVER_KILLS is a number"));
    let started = (0..trials).filter(|number| {
        let mut started = false;
        run(async { started = trial(*number).await });
        started
    });
    assert!(
        started.count() > 0,
        "none of {trials} drills has started: the kills come too early to show anything"
    );
}

/// Gives whether the drill has started.
async fn trial(number: u64) -> bool {
    let mut rng = Seed(number).stream("server kills");
    let house = House::new();
    let mut server = Server::over(house.path(), ".", "127.0.0.1:0");
    let listen = server.listen.clone();
    let start = At::from_millis((SystemClock.now().millis() / 1000 + rng.random_range(22..35)) * 1000);
    let booked = plan(&house, &["--at", &start.to_string()]);
    for _ in 0..rng.random_range(1..4) {
        let dies = SystemClock.now() + Span::from_millis(rng.random_range(0..15_000));
        SystemClock.sleep_until(dies).await;
        drop(server);
        // Now and then nobody is there until it is too late.
        let away = if rng.random_bool(0.15) {
            Span::from_secs(100)
        } else {
            Span::from_millis(rng.random_range(0..3000))
        };
        SystemClock.sleep_until(SystemClock.now() + away).await;
        server = Server::over(house.path(), ".", &listen);
    }
    let over = watch_for(LIMIT, async || {
        let journal = house.journal().await;
        Drill::fold(&journal).ok().filter(Drill::is_over).map(|drill| (journal, drill))
    });
    let (journal, drill) =
        over.await.unwrap_or_else(|| panic!("trial {number} does not end:\n{}", house.log()));
    let context = format!("trial {number}, {:?}, start {start}:\n{}", drill.outcome(), house.log());
    assert!(drill.is_clean(), "{context}");
    assert_eq!(drill.plan().drill.as_str(), booked["drill"], "{context}");
    let started = starts(&journal);
    assert!(started.len() <= 1, "{context}");
    assert!(
        started.iter().all(|at| *at >= start && *at <= start + limits::START_LATE_MAX),
        "{started:?} {context}"
    );
    let all = schedule(house.path(), &["list"]);
    assert_eq!(all["planned"], json!([]), "{context}");
    let state = all["past"][0]["state"].as_str().unwrap();
    assert!(matches!(state, "begun" | "missed"), "{state} {context}");
    if state == "missed" {
        assert!(started.is_empty() && drill.outcome() == Some(Outcome::Missed), "{context}");
    }
    assert_eq!(server.end(), Some(0), "{context}");
    println!("trial {number}: {state}, {:?}", drill.outcome());
    !started.is_empty()
}
