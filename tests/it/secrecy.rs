//! Who may play: sign-ups with their rules, and answers that are kept from those who are still to play them. By the real
//! program, its command line and its server.

use crate::{
    cli::{folder, gameday, out},
    people::people,
    serve::Server,
    stage::run,
    tidy,
};
use gameday::{
    drill::event::{Event, Hat, Recorded},
    store::{SqliteStore, Store as _, read_jsonl},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Far enough away to stay planned.
const AT: [&str; 2] = ["--at", "2099-03-03 14:00 Europe/Berlin"];

fn schedule(home: &Path, args: &[&str]) -> Value {
    let said = out(gameday(home).arg("schedule").args(args).arg("--json"));
    serde_json::from_str(&said).unwrap_or_else(|bad| panic!("{bad}: {said}"))
}

/// The codes of everything that refuses.
fn barred(home: &Path, args: &[&str]) -> Vec<String> {
    let ended = gameday(home).arg("schedule").args(args).arg("--json").assert().code(1);
    let said: Value = serde_json::from_slice(&ended.get_output().stdout).unwrap();
    let bars = said["refused"].as_array().unwrap();
    bars.iter().map(|bar| bar["code"].as_str().unwrap().to_owned()).collect()
}

fn refused(home: &Path, args: &[&str], code: i32) -> String {
    let ended = gameday(home).args(args).assert().code(code);
    String::from_utf8_lossy(&ended.get_output().stderr).into_owned()
}

fn exposure(home: &Path, args: &[&str]) -> Value {
    let said = out(gameday(home).arg("exposure").args(args).arg("--json"));
    serde_json::from_str(&said).unwrap_or_else(|bad| panic!("{bad}: {said}"))
}

/// A scenario of one's own that asks for a mix and a prerequisite, in the folder `own`.
pub(crate) fn picky(home: &Path) {
    let own = home.join("own");
    fs::create_dir_all(&own).unwrap();
    gameday(home).args(["new", "picky"]).current_dir(&own).assert().success();
    let file = own.join("picky.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let roster = "roster:\n  instigators: 1\n  responders: 2-3\n  mix: true\n  prerequisites:\n    - {name: shell-access, says: You can log in on web-east.}\nfamily: pools\n";
    let kept: Vec<_> = text.lines().filter(|line| !line.starts_with("roster:")).collect();
    fs::write(&file, format!("{}\n{roster}", kept.join("\n"))).unwrap();
    gameday(home).args(["check", "own/picky.yaml"]).assert().success();
}

/// A drill of `pool-shrink` that was played here, by these.
fn played(home: &Path, drill: &str, more: &[(&str, Hat)]) {
    let golden = tidy::root().join("tests/golden/depot-pool-shrink/journal.jsonl");
    let mut journal = read_jsonl(&golden).unwrap();
    if let Event::Planned(plan) = &mut journal[0].event {
        plan.drill = drill.parse().unwrap();
    }
    let place = journal.iter().position(|one| matches!(one.event, Event::Joined { .. })).unwrap();
    for (name, hat) in more {
        let event = Event::Joined { person: name.parse().unwrap(), hat: *hat };
        journal.insert(place, Recorded { event, ..journal[place].clone() });
    }
    for (seq, recorded) in (0..).zip(&mut journal) {
        recorded.seq = seq;
    }
    fs::create_dir_all(home.join("home")).unwrap();
    run(async {
        let store = SqliteStore::open(home.join("home/journal.db")).await.unwrap();
        store.append(&drill.parse().unwrap(), 0, &journal).await.unwrap();
        store.close().await;
    });
}

#[test]
fn a_sign_up_counts_when_every_rule_about_the_person_holds() {
    let home = folder();
    let home = home.path();
    picky(home);
    let own = ["--scenarios", "own"];
    let added = [&["add", "picky", "--unrehearsed", "a try", "--instigator", "ina"][..], &AT, &own].concat();
    let planned = schedule(home, &added);
    // Nobody has signed up yet, and that is told and no reason.
    assert_eq!(planned["lacking"], "0 responders are named, and the scenario needs 2 to 3");
    let id = planned["id"].as_str().unwrap();
    let sign_up = |name: &'static str, more: &[&'static str]| -> Vec<String> {
        let words = [&["sign-up", id, name][..], more, &own].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let bars = |words: &[String]| barred(home, &words.iter().map(String::as_str).collect::<Vec<_>>());
    let goes = |words: &[String]| schedule(home, &words.iter().map(String::as_str).collect::<Vec<_>>());

    // Who has not said to have what is asked for is not taken; who says it is, and it is known from then on.
    assert_eq!(bars(&sign_up("ana", &[])), ["prerequisite-missing"]);
    let told = refused(home, &["schedule", "sign-up", id, "ana", "--scenarios", "own"], 1);
    assert!(
        told.contains("You can log in on web-east.") && told.contains("people change ana --attest"),
        "{told}"
    );
    assert_eq!(
        goes(&sign_up("ana", &["--attest", "depot/shell-access"]))["lacking"],
        "1 responders are named, and the scenario needs 2 to 3"
    );
    assert_eq!(people(home, &["show", "ana"])["attested"], json!(["depot/shell-access"]));

    // Somebody who knows the answer of the family cannot play, also by another name of the scenario.
    people(home, &["add", "ben", "--attest", "depot/shell-access", "--experience", "depot=new"]);
    gameday(home).args(["exposure", "add", "ben", "pools", "--how", "debriefed"]).assert().success();
    assert_eq!(bars(&sign_up("ben", &[])), ["exposed"]);
    assert_eq!(exposure(home, &["ben", "own/picky.yaml"])["may_play"], false);
    let why = "he leads the communication";
    goes(&sign_up("ben", &["--roster-anyway", why]));
    // Nobody is on both sides, too many are too many, and whoever watches needs nothing.
    assert!(
        refused(home, &["schedule", "sign-up", id, "ina", "--scenarios", "own"], 1)
            .contains("ina is signed up as instigator already")
    );
    goes(&sign_up("oda", &["--side", "observer"]));
    let listed = |home: &Path| schedule(home, &["list"])["planned"][0].clone();
    let line = listed(home);
    assert_eq!(
        json!([line["responders"], line["instigators"], line["observers"]]),
        json!([["ana", "ben"], ["ina"], ["oda"]])
    );
    assert!(out(gameday(home).args(["schedule", "list"])).contains("    responders: ana, ben\n"));
    gameday(home).args(["schedule", "withdraw", id, "ben"]).assert().success();
    gameday(home).args(["schedule", "withdraw", id, "oda"]).assert().success();
    assert!(refused(home, &["schedule", "withdraw", id, "oda"], 1).contains("oda is not signed up"));
    assert_eq!(listed(home)["responders"], json!(["ana"]));
}

#[test]
fn too_many_are_refused_when_they_sign_up_and_all_rules_again_when_the_drill_begins() {
    let home = folder();
    let home = home.path();
    picky(home);
    let own = ["--scenarios", "own"];
    for name in ["ana", "ben", "cem", "dan"] {
        people(home, &["add", name, "--attest", "depot/shell-access", "--experience", "depot=seasoned"]);
    }
    let named = ["--responder", "ana", "--responder", "ben", "--responder", "cem", "--instigator", "ina"];
    let planned =
        schedule(home, &[&["add", "picky", "--unrehearsed", "a try"][..], &named, &AT, &own].concat());
    assert_eq!(planned["lacking"], Value::Null);
    let id = planned["id"].as_str().unwrap();
    assert_eq!(barred(home, &[&["sign-up", id, "dan"][..], &own].concat()), ["roster-invalid"]);

    // `run` begins at once, so the mix has to be there, too.
    let begin = |more: &[&str]| {
        let words = [&["run", "own/picky.yaml", "--unrehearsed", "a try"][..], &named, more].concat();
        refused(home, &words, 1)
    };
    let told = begin(&[]);
    assert!(told.contains("roster-mix: every responder whose experience is known is seasoned"), "{told}");
    people(home, &["change", "cem", "--experience", "depot=new", "--retract", "depot/shell-access"]);
    let told = begin(&[]);
    assert!(told.contains("prerequisite-missing: cem") && !told.contains("roster-mix"), "{told}");
}

#[test]
fn who_took_part_in_a_drill_knows_its_answer_from_then_on() {
    let home = folder();
    let home = home.path();
    played(home, "d-old", &[("dan", Hat::Responder), ("tom", Hat::Trainer), ("oda", Hat::Observer)]);
    let how =
        |name: &str| exposure(home, &[name, "pool-shrink"])["exposures"]["pool-shrink"][0]["how"].clone();
    assert_eq!([how("dan"), how("tom"), how("oda")], ["played", "ran", "watched"]);
    assert_eq!(
        exposure(home, &["eva", "depot/pool-shrink"]),
        json!({"person": "eva", "may_play": true, "exposures": {}})
    );
    // The autopilot's own players are nobody.
    assert_eq!(exposure(home, &["ana"])["exposures"], json!({}));
    let told = out(gameday(home).args(["exposure", "dan", "pool-shrink"]));
    assert!(told.starts_with("dan may not play pool-shrink:\n  pool-shrink: played it in d-old, "), "{told}");
    assert_eq!(
        barred(
            home,
            &[&["add", "pool-shrink", "--responder", "dan", "--instigator", "ina"][..], &AT].concat()
        ),
        ["exposed"]
    );
    assert!(refused(home, &["exposure", "add", "ana", "no such", "--how", "played"], 2).contains("no such"));
    assert!(
        refused(home, &["exposure", "add", "ana", "pools", "--how", "somehow"], 2).contains("say wrote, ran")
    );
}

/// The promise: nobody who is signed up reads the answer before they have played, by any door of the server.
#[test]
fn no_answer_reaches_somebody_who_is_still_to_play_it() {
    let home = folder();
    let home = home.path();
    played(home, "d-old", &[("eva", Hat::Responder)]);
    let agreed = ["actions", "add", "An alarm on pool.size", "--drill", "d-old", "--by", "uwe"];
    gameday(home).args(agreed).assert().success();
    let planned = schedule(home, &[&["add", "pool-shrink", "--instigator", "ina"][..], &AT].concat());
    let id = planned["id"].as_str().unwrap().to_owned();
    gameday(home).args(["schedule", "sign-up", &id, "tom"]).assert().success();
    run(async {
        let server = Server::with(home, &[], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let invite = json!({"person": "tom", "hat": "instigator"});
        let (_, invited) = server.post(&ina, "/api/invitations", invite).await;
        let tom = server.join(invited["link"].as_str().unwrap()).await;
        let doors = [
            "/api/debrief?drill=d-old",
            "/api/debrief?drill=d-old&form=html",
            "/drills/d-old/debrief?form=html",
            "/api/scenario?scenario=depot/pool-shrink",
            "/library/edit?scenario=depot/pool-shrink",
        ];
        // One who is not to play sees a sealed word behind each of them, or the test looks at nothing.
        let truth = "pool.size";
        for door in doors {
            let (status, text) = server.ask(&ina, Method::GET, door, None).await;
            assert!(status == 200 && text.contains(truth), "{door}: {status} {text}");
            let (status, text) = server.ask(&tom, Method::GET, door, None).await;
            assert!(
                !text.contains(truth),
                "{door} tells the answer to somebody who is still to play it: {text}"
            );
            assert_eq!(status, 409, "{door}: {text}");
            assert!(
                text.contains("2099-03-03 14:00 Europe/Berlin") && text.contains("tom is to play"),
                "{text}"
            );
        }
        // What was agreed on tells what was wrong.
        let programme = "/api/programme";
        assert!(server.ask(&ina, Method::GET, programme, None).await.1.contains(truth));
        let (status, text) = server.ask(&tom, Method::GET, programme, None).await;
        assert!(status == 200 && !text.contains(truth) && text.contains("\"kept\": 1"), "{text}");
        // Whoever read it knows it, and cannot play any more; nothing was written of whoever could not.
        let read = exposure(home, &["ina", "pool-shrink"]);
        let hows: Vec<_> =
            read["exposures"]["pool-shrink"].as_array().unwrap().iter().map(|one| &one["how"]).collect();
        assert_eq!(hows, ["debriefed", "viewed"]);
        assert_eq!(exposure(home, &["tom", "pool-shrink"])["may_play"], true);

        // Who withdraws may read, and then may not sign up again.
        gameday(home).args(["schedule", "withdraw", &id, "tom"]).assert().success();
        assert_eq!(server.get(&tom, doors[0]).await.0, 200);
        assert_eq!(barred(home, &["sign-up", &id, "tom"]), ["exposed"]);
    });
}
