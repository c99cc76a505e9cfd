//! Trainers after EndEx: every reason to say no, grades on the command line and on the page, and that nothing of the
//! score is told before a trainer's own grades are in.

use crate::{
    cli::{folder, gameday, out},
    console::Running,
    stage::{Stage, scenario},
    tidy,
};
use gameday::{
    base::Person,
    drill::{
        Drill,
        command::Command,
        event::{Event, Hat, Outcome, Recorded},
    },
    report::{self, Journal},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    tidy::root().join("tests/golden/depot-pool-shrink/journal.jsonl")
}

/// A drill that was played to its end.
pub(crate) fn played() -> Vec<Recorded> {
    let text = std::fs::read_to_string(golden()).unwrap();
    text.lines().map(|line| Recorded::from_line(line).unwrap()).collect()
}

/// Sentences that the scorer made of this journal: none may be told before the grades are in.
fn findings() -> Vec<String> {
    let events = played();
    let score = report::score(&Journal::new(&events).unwrap(), None);
    let of = |one: &report::score::Dimension| {
        let checks = one.checks.iter().filter(|check| check.score.is_some());
        checks.map(|check| check.sentence.clone()).chain([one.sentence.clone()]).collect::<Vec<_>>()
    };
    score.dimensions.iter().flat_map(of).filter(|sentence| sentence.len() > 20).collect()
}

/// A drill with a trainer, without any engine.
struct Team {
    drill: Drill,
    at: gameday::base::At,
}

impl Team {
    fn of() -> Self {
        let plan = Box::new(Stage::in_memory(&scenario("session-hang"), 7).plan);
        let mut team = Self { at: plan.start, drill: Drill::new(plan) };
        for (person, hat) in [("ana", Hat::Responder), ("tom", Hat::Trainer)] {
            team.take(Event::Joined { person: person.parse().unwrap(), hat });
        }
        team.take(Event::Started);
        team
    }

    fn take(&mut self, event: Event) {
        self.drill.apply(&Recorded { seq: self.drill.next_seq(), at: self.at, event });
    }

    fn ended(mut self) -> Self {
        self.take(Event::Ended { outcome: Outcome::Completed, reason: "played to its end".to_owned() });
        self
    }

    fn writes(&mut self, by: &str, entry: Value) -> Result<(), (&'static str, String)> {
        let entry = serde_json::from_value(entry).unwrap();
        let command = Command::Review { by: by.parse().unwrap(), entry };
        let events = self.drill.decide(self.at, &command).map_err(|no| (no.code(), no.to_string()))?;
        for event in events {
            self.take(event);
        }
        Ok(())
    }

    fn refused(&mut self, by: &str, entry: &Value, code: &str, words: &str) {
        let (was, sentence) = self.writes(by, entry.clone()).unwrap_err();
        assert!(was == code && sentence.contains(words), "{entry}: {was}: {sentence}");
    }
}

fn grade(rating: &str) -> Value {
    json!({"grade": {"dimension": "detect", "rating": rating, "because": "at once"}})
}

fn hand_in() -> Value {
    json!({"hand-in": {"overall": "calm and late"}})
}

#[test]
fn grades_come_after_the_exercise_in_their_order_and_from_trainers() {
    let mut playing = Team::of();
    playing.refused("tom", &grade("P"), "wrong-phase", "after EndEx");
    let mut team = playing.ended();
    team.refused("ana", &grade("P"), "wrong-hat", "for trainers");
    team.refused("zoe", &grade("P"), "not-joined", "zoe");
    team.refused("tom", &hand_in(), "bad-review", "at least one dimension");
    let doubt = || json!({"invalidate": {"check": "coordinate.logged", "because": "on paper"}});
    team.refused("tom", &doubt(), "bad-review", "hand your grades in first");
    team.writes("tom", grade("U")).unwrap();
    team.writes("tom", grade("P")).unwrap();
    team.writes("tom", hand_in()).unwrap();
    team.refused("tom", &grade("S"), "bad-review", "they stand");
    team.refused("tom", &hand_in(), "bad-review", "they stand");
    team.writes("tom", doubt()).unwrap();
    let unknown = json!({"invalidate": {"check": "coordinate.luck", "because": "on paper"}});
    team.refused("tom", &unknown, "bad-review", "coordinate.logged");
    // Whoever leads the talk may come to it, after everything is closed, too; nobody else does.
    team.take(Event::Closed { steady_after: Some(true) });
    let join = |name: &str, hat| Command::Join { person: name.parse().unwrap(), hat };
    assert!(team.drill.decide(team.at, &join("oli", Hat::Observer)).is_err());
    let joined = team.drill.decide(team.at, &join("tia", Hat::Trainer)).unwrap();
    for event in joined {
        team.take(event);
    }
    team.writes("tia", grade("S")).unwrap();
}

#[test]
fn what_is_written_of_the_talk_is_about_this_drill() {
    let mut team = Team::of().ended();
    let refused = [
        (json!({"read": {"fact": "luck", "stated": true}}), "no true statement"),
        (json!({"write": {"section": "well", "text": " "}}), "the text is empty"),
        (
            json!({"write": {"section": "well", "text": "we saw it", "evidence": [99]}}),
            "event 99 has not happened",
        ),
        (json!({"follow-up": {"action": "an alarm", "owner": ""}}), "the text is empty"),
        (json!({"objective": {"number": 0, "met": true}}), "there is no objective 0"),
        (json!({"objective": {"number": 4, "met": true}}), "this exercise has 3"),
    ];
    for (entry, words) in refused {
        let code = if words.contains("empty") { "bad-text" } else { "bad-review" };
        team.refused("tom", &entry, code, words);
    }
    let bad_day = json!({"follow-up": {"action": "an alarm", "due": "soon"}});
    assert!(serde_json::from_value::<gameday::scenario::review::Review>(bad_day).is_err());
    for entry in [
        json!({"write": {"section": "well", "text": "we saw it", "evidence": [1, 2]}}),
        json!({"follow-up": {"action": "an alarm", "owner": "web-oncall", "due": "2026-12-15"}}),
        json!({"objective": {"number": 3, "met": false}}),
    ] {
        team.writes("tom", entry).unwrap();
    }
    // Everything has a limit.
    for _ in 3..gameday::base::limits::REVIEWS_MAX {
        team.writes("tom", json!({"follow-up": {"action": "one more"}})).unwrap();
    }
    team.refused("tom", &json!({"follow-up": {"action": "one more"}}), "bad-review", "that is the limit");
}

fn copied(home: &Path) -> PathBuf {
    let path = home.join("journal.jsonl");
    std::fs::copy(golden(), &path).unwrap();
    path
}

#[test]
fn a_trainer_grades_a_stored_drill_blind_and_then_sees_both() {
    let home = folder();
    let path = copied(home.path());
    let journal = path.to_str().unwrap();
    let grade = |args: &[&str]| {
        let mut command = gameday(home.path());
        command.arg("grade").arg(args[0]).arg(journal).args(&args[1..]).args(["--by", "tom"]);
        command
    };
    let blind = |text: &str| {
        for finding in findings() {
            assert!(!text.contains(&finding), "{finding} is told: {text}");
        }
    };
    blind(&out(&mut grade(&["sheet"])));
    blind(&out(grade(&["sheet"]).arg("--json")));
    blind(&out(&mut grade(&["give", "detect", "M", "two alarms were not looked at"])));
    blind(&out(&mut grade(&["write", "lucky", "ben had built the pool", "--evidence", "12"])));
    let stored = std::fs::read_to_string(golden()).unwrap();
    assert!(
        std::fs::read_to_string(&path).unwrap().starts_with(&stored),
        "nothing that was there is changed"
    );
    let shown = out(&mut grade(&["hand-in", "calm, and late with the users"]));
    assert!(shown.contains("measured 1.00") && shown.contains("they disagree by 0.67"), "{shown}");
    grade(&["give", "detect", "P", "after all"]).assert().code(1);
    grade(&["invalidate", "coordinate.ic", "the console was away"]).assert().success();
    let score: Value =
        serde_json::from_str(&out(gameday(home.path()).args(["score", journal, "--json"]))).unwrap();
    let of =
        |name: &str| score["dimensions"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(of("detect")["together"]["gap"], 0.6667);
    let void = of("coordinate")["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == "coordinate.ic")
        .unwrap();
    assert_eq!(
        (void["state"]["is"].as_str(), void["state"]["why"].as_str()),
        (Some("invalid"), Some("the console was away"))
    );
    let text = out(gameday(home.path()).args(["score", journal]));
    assert!(text.contains("graded M"), "{text}");
    let debrief = out(gameday(home.path()).args(["debrief", journal]));
    assert!(debrief.contains("ben had built the pool") && debrief.contains("disagreement"), "{debrief}");
    // Who played does not grade.
    let responder = gameday(home.path())
        .args(["grade", "give", journal, "detect", "P", "we were good", "--by", "ana"])
        .assert();
    let said = String::from_utf8(responder.code(1).get_output().stderr.clone()).unwrap();
    assert!(said.contains("ana joined as responder"), "{said}");
}

#[tokio::test]
async fn the_trainers_pages_are_blind_and_theirs_alone() {
    let running = Running::over(played()).await;
    let tom = running.session(Hat::Trainer, "tom").await;
    let get = |session: String, path: &'static str| {
        let running = &running;
        async move { running.ask(&session, Method::GET, path, None).await }
    };
    let all: Vec<String> = (0..8).map(|step| format!("/trainer/talk?step={step}")).collect();
    let mut pages = vec!["/trainer/grade".to_owned(), "/api/grading".to_owned()];
    pages.extend(all);
    pages.extend(["", "?form=md", "?form=json"].map(|form| format!("/trainer/debrief{form}")));
    for page in &pages {
        let (status, text) = running.ask(&tom, Method::GET, page, None).await;
        assert_eq!(status.as_u16(), 200, "{page}");
        for finding in findings() {
            assert!(!text.contains(&finding), "{page} tells {finding}");
        }
    }
    for (hat, name) in [(Hat::Responder, "ana"), (Hat::Instigator, "ina"), (Hat::Observer, "oli")] {
        let session = running.session(hat, name).await;
        for page in ["/api/grading", "/trainer/grade", "/trainer/talk"] {
            assert_eq!(get(session.clone(), page).await.0.as_u16(), 404, "{page} for {hat}");
        }
        let own = format!("/{hat}/grade");
        assert_eq!(running.ask(&session, Method::GET, &own, None).await.0.as_u16(), 404, "{own}");
        let (status, said) = running.ask(&session, Method::POST, "/api/review", Some(&grade("P"))).await;
        assert!(status.as_u16() == 409 && said.contains("for trainers"), "{said}");
    }
    for entry in [grade("M"), hand_in()] {
        let (status, said) = running.ask(&tom, Method::POST, "/api/review", Some(&entry)).await;
        assert_eq!(status.as_u16(), 200, "{said}");
    }
    let (_, page) = get(tom.clone(), "/trainer/grade").await;
    assert!(
        page.contains("they disagree by 0.67")
            && page.contains("Noticing, declaring and looking after the alarms"),
        "{page}"
    );
    let (_, page) = get(tom.clone(), "/trainer/talk?step=6").await;
    assert!(page.contains("they disagree by 0.67"), "{page}");
    // Another trainer is as blind as tom was.
    let tia = running.session(Hat::Trainer, "tia").await;
    let (_, page) = get(tia, "/trainer/grade").await;
    assert!(!page.contains("disagree") && !page.contains("at once"), "{page}");
    let _: Person = "tia".parse().unwrap();
}

#[tokio::test]
async fn the_talk_goes_forward_and_tells_the_truth_after_the_reveal() {
    let running = Running::over(played()).await;
    let tom = running.session(Hat::Trainer, "tom").await;
    let trigger = "rolled out to both web instances at once";
    for step in 0..8 {
        let (_, page) = running.ask(&tom, Method::GET, &format!("/trainer/talk?step={step}"), None).await;
        assert_eq!(page.contains(trigger), step == 5, "step {step}");
        assert_eq!(page.contains("rel=\"next\""), step < 7, "step {step}");
    }
    let (_, plan) = running.ask(&tom, Method::GET, "/trainer/talk?step=7", None).await;
    for part in [
        "/trainer/debrief?form=html",
        "/trainer/debrief?form=md",
        "/trainer/debrief?form=pdf",
        "/trainer/debrief?form=json",
        "follow-up.due",
        "objective.met:yes",
    ] {
        assert!(plan.contains(part), "{part}");
    }
    // Before EndEx there is nothing to grade.
    let playing: Vec<_> =
        played().into_iter().take_while(|one| !matches!(one.event, Event::Ended { .. })).collect();
    let running = Running::over(playing).await;
    let tom = running.session(Hat::Trainer, "tom").await;
    let (_, page) = running.ask(&tom, Method::GET, "/trainer/grade", None).await;
    assert!(page.contains("begin after EndEx") && !page.contains("grade.rating"), "{page}");
}
