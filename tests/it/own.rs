//! One's own page at the server: how people who play sign up and answer, without coming to know what they are to play.

use crate::{
    cli::{folder, gameday, out},
    people::people,
    secrecy::picky,
    serve::Server,
    stage::run,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

fn schedule(home: &Path, args: &[&str]) -> Value {
    let said = out(gameday(home).arg("schedule").args(args).args(["--scenarios", "own", "--json"]));
    serde_json::from_str(&said).unwrap_or_else(|bad| panic!("{bad}: {said}"))
}

/// Plans `picky`, and gives its entry.
fn plan(home: &Path, when: &[&str]) -> Value {
    let more = ["--unrehearsed", "a try", "--instigator", "ina"];
    schedule(home, &[&["add", "picky"][..], when, &more].concat())
}

/// A link to somebody's own page, used.
async fn guest(server: &Server, ina: &str, name: &str) -> String {
    let (_, made) = server.post(ina, "/api/invitations", json!({"person": name, "hat": "responder"})).await;
    server.join(made["link"].as_str().unwrap()).await
}

#[test]
fn a_responder_signs_up_and_withdraws_without_coming_to_know_what_it_is() {
    let home = folder();
    let home = home.path();
    picky(home);
    // In the calendar's own order the surprise would be the first.
    let hidden = plan(home, &["--window", "2099-W10 UTC"])["id"].clone();
    let open = plan(home, &["--at", "2099-06-03 14:00 Europe/Berlin", "--comcheck", "24h"])["id"].clone();
    run(async {
        let server = Server::with(home, &["--scenarios", "own"], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let rosa = guest(&server, &ina, "rosa").await;
        let mine = async || server.get(&rosa, "/api/me").await.1;
        let seen = mine().await;
        let of = |seen: &Value, what: &str| -> Vec<Value> {
            seen["planned"].as_array().unwrap().iter().map(|one| one[what].clone()).collect()
        };
        assert_eq!(of(&seen, "entry"), [open.clone(), hidden.clone()], "{seen}");
        assert_eq!(
            of(&seen, "when"),
            [
                json!("2099-06-03 14:00 Europe/Berlin"),
                json!("a surprise in the week of 2099-03-02, 09:00 to 17:00 UTC")
            ]
        );
        assert_eq!(seen["planned"][0]["needed"], json!([2, 3]));
        assert_eq!(of(&seen, "comcheck"), [json!("24h"), Value::Null]);
        let shell = &seen["planned"][0]["prerequisites"][0];
        assert_eq!(
            shell,
            &json!({"id": "depot/shell-access", "says": "You can log in on web-east.", "attested": false})
        );
        // Whoever runs drills sees what it is, or this looks at nothing.
        let (_, told) = server.ask(&ina, Method::GET, "/api/drills", None).await;
        assert!(told.contains("picky"), "{told}");
        for secret in ["picky", "pools"] {
            for door in ["/api/me", "/me"] {
                let (status, text) = server.ask(&rosa, Method::GET, door, None).await;
                assert!(status == 200 && !text.contains(secret), "{door} tells `{secret}`: {text}");
            }
        }

        let ask = |more: Value| {
            let mut asked = json!({"entry": open});
            asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            asked
        };
        let (status, no) = server.post(&rosa, "/api/sign-up", ask(json!({}))).await;
        assert_eq!((status, &no["bars"][0]["code"]), (409, &json!("prerequisite-missing")), "{no}");
        let attest = ask(json!({"attest": ["depot/shell-access"]}));
        let (status, done) = server.post(&rosa, "/api/sign-up", attest.clone()).await;
        let lacking = json!("1 responders are named, and the scenario needs 2 to 3");
        assert_eq!((status, &done["lacking"]), (200, &lacking), "{done}");
        assert_eq!(server.post(&rosa, "/api/sign-up", attest).await.0, 200, "again is no harm");
        let seen = mine().await;
        assert_eq!(of(&seen, "side"), [json!("responder"), Value::Null]);
        assert_eq!(seen["planned"][0]["responders"], json!(["rosa"]));
        assert_eq!(seen["planned"][1]["prerequisites"][0]["attested"], true, "it is known from now on");

        let (status, _) = server.post(&rosa, "/api/withdraw", ask(json!({}))).await;
        assert_eq!((status, mine().await["planned"][0]["responders"].clone()), (200, json!([])));
        assert_eq!(server.post(&rosa, "/api/withdraw", ask(json!({}))).await.0, 409);
        let unknown = json!({"entry": "s-none"});
        assert_eq!(server.post(&rosa, "/api/sign-up", unknown).await.1["code"], "no-such-entry");
    });
}

#[test]
fn a_drill_that_asks_for_a_comcheck_does_not_begin_before_everybody_has_answered() {
    let home = folder();
    let home = home.path();
    picky(home);
    for name in ["ana", "ben"] {
        people(home, &["add", name, "--attest", "depot/shell-access", "--experience", "depot=seasoned"]);
    }
    run(async {
        let server = Server::with(home, &["--scenarios", "own"], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let ana = guest(&server, &ina, "ana").await;
        // All are seasoned, so that nothing begins whoever has answered.
        let order = json!({
            "scenario": "picky", "unrehearsed": "a try", "responders": ["ana", "ben"], "instigators": ["ina"],
            "comcheck": "24h",
        });
        let bars = async || {
            let (status, told) = server.post(&ina, "/api/drills", order.clone()).await;
            assert_eq!(status, 409, "{told}");
            let bars = told["bars"].as_array().unwrap().clone();
            bars.iter().map(|bar| format!("{}: {}", bar["code"], bar["says"])).collect::<Vec<_>>()
        };
        let unreached = |bars: &[String], name: &str| {
            bars.iter().any(|bar| bar.contains("not-reached") && bar.contains(name))
        };
        let before = bars().await;
        assert!(unreached(&before, "ana") && unreached(&before, "ben"), "{before:?}");
        assert_eq!(server.post(&ana, "/api/answer", json!({})).await.0, 200);
        assert_eq!(server.post(&ana, "/api/answer", json!({})).await.0, 200, "again is no harm");
        let between = bars().await;
        assert!(!unreached(&between, "ana") && unreached(&between, "ben"), "{between:?}");
        gameday(home).args(["people", "answered", "ben"]).assert().success();
        let after = bars().await;
        assert!(after.len() == 1 && after[0].contains("roster-mix"), "{after:?}");
        let (_, mine) = server.get(&ana, "/api/me").await;
        assert_eq!(people(home, &["show", "ana"])["answered"], mine["answered"]);
        assert!(mine["answered"].is_string(), "{mine}");
        let (status, bad) =
            server.post(&ina, "/api/drills", json!({"scenario": "picky", "comcheck": "soon"})).await;
        assert_eq!((status, &bad["code"]), (409, &json!("bad-comcheck")));
    });
    // Whoever is planned for has time to answer until it begins.
    let named = ["--responder", "ana", "--responder", "cem", "--instigator", "ina", "--comcheck", "24h"];
    let attest = ["add", "cem", "--attest", "depot/shell-access", "--experience", "depot=new"];
    people(home, &attest);
    let later = ["--at", "2099-03-03 14:00 UTC", "--unrehearsed", "a try"];
    schedule(home, &[&["add", "picky"][..], &later, &named].concat());
}

#[test]
fn a_code_blue_needs_a_route_and_asks_nobody_to_sign_up() {
    let home = folder();
    let home = home.path();
    picky(home);
    let when = ["--window", "2099-W10 UTC", "--code-blue", "--unrehearsed", "a try", "--instigator", "ina"];
    let add = |code: i32| {
        let mut command = gameday(home);
        let ended = command.args(["schedule", "add", "picky", "--scenarios", "own", "--json"]).args(when);
        let ended = ended.assert().code(code);
        String::from_utf8_lossy(&[&ended.get_output().stdout[..], &ended.get_output().stderr[..]].concat())
            .into_owned()
    };
    let told = add(1);
    assert!(told.contains("nobody could be called"), "{told}");
    let routes = "format: gameday/routes/v1\nroutes: { chat: { slack: http://127.0.0.1:9/hook } }\n";
    std::fs::write(home.join("home/routes.yaml"), routes).unwrap();
    add(0);
    run(async {
        let server = Server::with(home, &["--scenarios", "own"], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let rosa = guest(&server, &ina, "rosa").await;
        let (_, seen) = server.get(&rosa, "/api/me").await;
        assert_eq!(seen["planned"][0]["code_blue"], true, "{seen}");
        let (_, page) = server.ask(&rosa, Method::GET, "/me", None).await;
        assert!(
            page.contains("everybody is called when it begins") && !page.contains("Sign up as"),
            "{page}"
        );
        // Names and a Code Blue exclude each other.
        let order = json!({"scenario": "picky", "code_blue": true, "responders": ["ana"], "at": "2099-08-03 14:00 UTC"});
        let (status, no) = server.post(&ina, "/api/drills", order).await;
        assert_eq!((status, &no["code"]), (409, &json!("bad-code-blue")), "{no}");

        // Whoever has planned an open drill runs it for those who sign up.
        let order = json!({"scenario": "picky", "unrehearsed": "a try", "at": "2099-07-03 14:00 UTC"});
        assert_eq!(server.post(&ina, "/api/drills", order).await.0, 200);
        let (_, seen) = server.get(&rosa, "/api/me").await;
        let open = seen["planned"].as_array().unwrap().iter().find(|one| one["code_blue"] == false).unwrap();
        let asked = json!({"entry": open["entry"], "attest": ["depot/shell-access"]});
        let (status, done) = server.post(&rosa, "/api/sign-up", asked).await;
        let lacking = json!("1 responders are named, and the scenario needs 2 to 3");
        assert_eq!((status, &done["lacking"]), (200, &lacking), "{done}");
    });
}

#[test]
fn shifts_are_told_on_the_page_and_have_to_make_sense() {
    let home = folder();
    let home = home.path();
    picky(home);
    for name in ["ana", "ben", "cem"] {
        let level = if name == "ana" { "depot=new" } else { "depot=seasoned" };
        people(home, &["add", name, "--attest", "depot/shell-access", "--experience", level]);
    }
    let shifts = |shifts: &[&str]| {
        let shifts = shifts.iter().flat_map(|shift| ["--shift", shift]);
        let when = ["--at", "2099-06-03 14:00 Europe/Berlin"];
        when.into_iter().chain(shifts).map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |given: &[&str]| {
        let more = ["--unrehearsed", "a try", "--instigator", "ina", "--scenarios", "own"];
        let ended = gameday(home)
            .args(["schedule", "add", "picky"])
            .args(shifts(given))
            .args(more)
            .assert()
            .failure();
        String::from_utf8_lossy(&ended.get_output().stderr).into_owned()
    };
    for (given, why) in [
        (&["5m ana,ben"][..], "the first shift begins with the drill"),
        (&["0s ana", "0s ben"], "does not come after"),
        (&["0s ana", "9h ben"], "would begin after the drill"),
        (&["ana"], "is not a shift"),
        (&["soon ana"], "is not a shift"),
    ] {
        let told = refused(given);
        assert!(told.contains(why), "{given:?}: {told}");
    }
    let good = shifts(&["0s ana,ben", "5m cem"]);
    plan(home, &good.iter().map(String::as_str).collect::<Vec<_>>());
    run(async {
        let server = Server::with(home, &["--scenarios", "own"], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let ana = guest(&server, &ina, "ana").await;
        let (_, seen) = server.get(&ana, "/api/me").await;
        assert_eq!(seen["planned"][0]["responders"], json!(["ana", "ben", "cem"]), "{seen}");
        assert_eq!(seen["planned"][0]["shifts"], json!(["0s ana,ben", "5m cem"]));
        let (_, page) = server.ask(&ana, Method::GET, "/me", None).await;
        assert!(page.contains("on from 5m after it: cem"), "{page}");
    });
}
