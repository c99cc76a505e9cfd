//! `amtool` as a responder's tool: it reads the alarms of a drill that runs, and acknowledges them.

use super::Amtool;
use crate::{
    browser::six::{Played, drill},
    console::{HATS, Running, gameday, journal},
    skip::skip,
    stage::{Mailbox, until},
};
use gameday::{
    base::Person,
    drill::{
        command::Command,
        event::{Event, Hat},
    },
    scenario::act::Act,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

const ALARM: &str = "UploadErrorsHigh";

async fn join(http: &Client, played: &Played, hat: Hat, name: &str) -> String {
    let body = json!({"token": played.tokens.of(hat), "name": name});
    let answer = http.post(format!("http://{}/api/join", played.address)).json(&body).send().await.unwrap();
    answer.json::<Value>().await.unwrap()["session"].as_str().unwrap().to_owned()
}

/// Joins as people do, and takes the file that is written for `amtool`.
async fn at_the_terminal(amtool: &Amtool, played: &Played, home: &Path, name: &'static str) -> Amtool {
    let (link, home) = (played.tokens.link(played.address, Hat::Responder), home.to_owned());
    let join =
        move || gameday(&home, &["join", &link, "--as", name, "--amtool", "--json"]).assert().success();
    let joined = tokio::task::spawn_blocking(join).await.unwrap();
    let said: Value = serde_json::from_slice(&joined.get_output().stdout).unwrap();
    let config = PathBuf::from(said["amtool"].as_str().unwrap());
    let mode = std::fs::metadata(&config).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds a secret");
    Amtool { config: Some(config), ..amtool.clone() }
}

/// What responders have done about the alarm, in order.
fn acts(played: &Played) -> Vec<(String, Act)> {
    let acted = played.desk.journal(0).into_iter().filter_map(|one| match one.event {
        Event::Acted { by, act: act @ (Act::Ack(_) | Act::Say(_)) } => Some((by.to_string(), act)),
        _ => None,
    });
    acted.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_reads_and_acknowledges_with_amtool() {
    let Some(amtool) = Amtool::at(String::new()) else { return skip("amtool is not installed") };
    let played = drill("terminal", |_| Arc::new(Mailbox::default())).await;
    let amtool = Amtool { url: format!("http://{}/alertmanager", played.address), ..amtool };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder().no_proxy().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ana = at_the_terminal(&amtool, &played, folder.path(), "ana").await;
    let session = join(&http, &played, Hat::Responder, "ana").await;
    let ben = join(&http, &played, Hat::Responder, "ben").await;
    let ben = amtool.with_token(folder.path(), "ben", &ben);
    let oli = join(&http, &played, Hat::Observer, "oli").await;
    let oli = amtool.with_token(folder.path(), "oli", &oli);

    let alert = ana.one_alert(&["alert", "query"]).await;
    let drill = alert["labels"]["drill"].as_str().unwrap().to_owned();
    assert_eq!(
        alert["labels"],
        json!({"alertname": ALARM, "severity": "page", "exercise": "true", "drill": drill})
    );
    assert_eq!(alert["status"]["state"], "active");
    assert_eq!(alert["receivers"], json!([{"name": "gameday"}]));
    let told = |name: &str| alert["annotations"][name].as_str().unwrap();
    assert!(told("summary").starts_with("EXERCISE: ") && told("description").starts_with("EXERCISE"));
    let runbook = format!("http://{}/responder/docs/read?name=runbooks/", played.address);
    assert!(told("runbook_url").starts_with(&runbook), "{alert}");
    for which in [&["severity=page"][..], &["alertname=~Upload.*", "severity!=info"], &["exercise=true"]] {
        let found = ana.one_alert(&[&["alert", "query"], which].concat()).await;
        assert_eq!(found["fingerprint"], alert["fingerprint"], "{which:?}");
    }
    for other in ["severity=info", "alertname=~Up"] {
        assert!(ana.json(&["alert", "query", other]).await.is_empty(), "{other}");
    }
    assert!(ana.prints(&["alert", "query", ALARM]).await.contains(told("summary")));
    assert!(ana.prints(&["config", "show"]).await.contains("receiver: gameday"));

    refuses(&amtool, &ana, &oli, folder.path()).await;
    odd_bodies(&http, &played, &session).await;
    assert!(acts(&played).is_empty(), "{:?}", acts(&played));
    acknowledges(&played, &ana, &ben).await;

    let by: Person = "ben".parse().unwrap();
    let stop = Command::Stop { by, reason: "seen enough".into(), real_incident: false };
    played.desk.send(stop).await.unwrap();
    until("the end of every alert", async || {
        ana.json(&["alert", "query", "--silenced"]).await.is_empty().then_some(())
    })
    .await;
    assert_eq!(ana.json(&["silence", "query"]).await.len(), 0);
    let over = ana.json(&["silence", "query", "--expired"]).await;
    assert_eq!(over[0]["status"]["state"], "expired");
    played.conducted.await.unwrap();
}

/// Nobody gets further than their seat lets them, and each refusal says why.
async fn refuses(amtool: &Amtool, ana: &Amtool, oli: &Amtool, folder: &Path) {
    let silence = ["silence", "add", "alertname=UploadErrorsHigh", "--comment", "mine"];
    for stranger in [amtool.clone(), amtool.with_token(folder, "eve", "0123456789abcdef0123456789abcdef")] {
        assert!(stranger.fails(&["alert", "query"]).await.contains("401"));
        assert!(stranger.fails(&silence).await.contains("401"));
    }
    let watching = oli.fails(&silence).await;
    assert!(watching.contains("oli") && watching.contains("responder"), "{watching}");
    assert_eq!(oli.json(&["alert", "query"]).await.len(), 1, "an observer reads");
    for (args, told) in [
        (&["silence", "add", "alertname=Nothing", "--comment", "x"][..], "firing: UploadErrorsHigh"),
        (
            &["silence", "add", "alertname=UploadErrorsHigh", "severity=info", "--comment", "x"],
            "no such alarm",
        ),
        (
            &["silence", "add", ALARM, "--comment", "x", "--start", "2099-01-01T00:00:00+00:00"],
            "cannot be planned",
        ),
        (&["alert", "add", "alertname=MyOwn"], "raised by the drill alone"),
        (&["alert", "query", ALARM, "severity=~("], "no regular expression"),
    ] {
        let complaint = ana.fails(args).await;
        assert!(complaint.contains(told), "{args:?}: {complaint}");
    }
}

async fn odd_bodies(http: &Client, played: &Played, session: &str) {
    let matchers = json!([{"name": "alertname", "value": ALARM, "isRegex": false}]);
    let good = json!({"matchers": matchers, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "ana", "comment": "x"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body.to_string()
    };
    let many = json!([{"name": "alertname", "value": ".*", "isRegex": true}]);
    let many = Value::Array(many.as_array().unwrap().iter().cycle().take(33).cloned().collect());
    let greedy = json!([{"name": "alertname", "value": "(a{999}){999}", "isRegex": true}]);
    for (body, status) in [
        ("garbage".to_owned(), 400),
        ("[]".to_owned(), 400),
        (with("matchers", json!([])), 400),
        (with("matchers", many), 400),
        (with("matchers", greedy), 400),
        (with("matchers", json!([{"name": "no label", "value": "", "isRegex": false}])), 400),
        (with("endsAt", json!("2020-01-01T00:00:00Z")), 400),
        (with("endsAt", json!("soon")), 400),
        (with("id", json!("8d2a5e0c-0000-8000-8000-000000000000")), 400),
        (with("comment", json!("x".repeat(3000))), 400),
        (with("comment", json!("x".repeat(70 * 1024))), 413),
    ] {
        let path = format!("http://{}/alertmanager/api/v2/silences", played.address);
        let request = http.request(Method::POST, path).bearer_auth(session);
        let answer = until("an answer", async || {
            let request = request.try_clone().unwrap().header("content-type", "application/json");
            let answer = request.body(body.clone()).send().await.unwrap();
            (answer.status() != 429).then_some(answer)
        })
        .await;
        let shown: String = body.chars().take(120).collect();
        assert_eq!(answer.status(), status, "{shown}");
        // A sentence alone, as clients of this API read it.
        assert!(answer.json::<String>().await.unwrap().len() > 10, "{shown}");
    }
}

/// The silence is an acknowledgement of whoever has the session, whatever name is typed.
async fn acknowledges(played: &Played, ana: &Amtool, ben: &Amtool) {
    let matcher = format!("alertname={ALARM}");
    let silence = ["silence", "add", &matcher, "--comment", "I look at the pool", "--author", "ben"];
    let id = ana.prints(&silence).await.trim().to_owned();
    let said = Act::Say("UploadErrorsHigh: I look at the pool".into());
    let ack = Act::Ack(ALARM.parse().unwrap());
    assert_eq!(acts(played), [("ana".to_owned(), ack), ("ana".to_owned(), said)]);

    assert!(ana.json(&["alert", "query"]).await.is_empty(), "somebody is on it");
    let alert = ben.one_alert(&["alert", "query", "--silenced"]).await;
    assert_eq!(
        (&alert["status"]["state"], &alert["status"]["silencedBy"]),
        (&json!("suppressed"), &json!([id]))
    );
    let silences = ben.json(&["silence", "query", &matcher]).await;
    let told = |name: &str| silences[0][name].clone();
    assert_eq!((silences.len(), told("id"), told("status")), (1, json!(id), json!({"state": "active"})));
    assert_eq!((told("createdBy"), told("comment")), (json!("ana"), json!("I look at the pool")));
    assert!(ben.json(&["silence", "query", "alertname=Other"]).await.is_empty());
    let second = ben.fails(&["silence", "add", &matcher, "--comment", "me, too"]).await;
    assert!(second.contains("acknowledged by ana"), "{second}");
    let stays = ana.fails(&["silence", "expire", &id]).await;
    assert!(stays.contains("an acknowledgement stays"), "{stays}");
    let unknown = ana.fails(&["silence", "expire", "8d2a5e0c-0000-8000-8000-000000000000"]).await;
    assert!(unknown.contains("404"), "{unknown}");
    assert_eq!(acts(played).len(), 2, "nothing more was done");
}

#[tokio::test]
async fn alarms_in_the_words_of_alertmanager_hold_nothing_that_is_sealed() {
    let while_it_fires =
        journal().into_iter().take_while(|one| !matches!(one.event, Event::AlarmResolved { .. })).collect();
    let running = Running::over(while_it_fires).await;
    for (hat, name) in HATS {
        let session = running.session(hat, name).await;
        let mut seen = String::new();
        for path in ["alerts", "alerts/groups", "silences", "status", "receivers"] {
            let path = format!("/alertmanager/api/v2/{path}");
            seen.push_str(&running.ask(&session, Method::GET, &path, None).await.1);
        }
        assert!(seen.contains("UploadErrorsHigh") && seen.contains("31 % of put fail"), "{seen}");
        // Not even to those who may know it elsewhere.
        for sealed in ["canary", "gd-one", "related"] {
            assert!(!seen.contains(sealed), "{hat:?}: {sealed} in {seen}");
        }
    }
}
