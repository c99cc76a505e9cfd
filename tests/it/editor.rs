//! The editor of a server, the real program: what it finds is what `gameday check` finds, what it keeps stays in its folder
//! and over nothing that its author does not know, and a text is no way to read other files.

use crate::{
    cli::{folder, gameday},
    serve::Server,
    stage::run,
};
use gameday::library::template::template;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink, path::Path};

/// What stands in files that nobody may read over the network.
const CANARY: &str = "CanaryE4K9";

/// A scenario as it is and with a mistake in it.
fn texts() -> (String, String) {
    let good = template("quick", "Nobody can log in");
    let bad = good.replace("\ndifficulty: 1", "\ndificulty: 1").replace("at: 2m", "at: 2 moons");
    assert_ne!(good, bad);
    (good, bad)
}

/// A server whose scenarios lie in a folder of their own, with an instigator at it.
async fn serving(home: &Path) -> (Server, String) {
    fs::create_dir_all(home.join("drills")).unwrap();
    let server = Server::over(home, "drills", "127.0.0.1:0");
    let ina = server.join(&server.link).await;
    (server, ina)
}

/// A scenario as the library lists it.
async fn listed(server: &Server, session: &str, name: &str) -> Value {
    let (_, library) = server.get(session, "/api/library").await;
    let found = library["scenarios"].as_array().unwrap().iter().find(|one| one["name"] == name);
    found.cloned().unwrap_or(Value::Null)
}

/// What the command line finds.
fn found_by_check(home: &Path, file: &str) -> Value {
    let output = gameday(home).args(["check", "--json", file]).output().unwrap();
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["files"][0]["problems"].take()
}

#[test]
fn a_scenario_is_opened_checked_and_kept_and_the_library_knows_it_at_once() {
    run(async {
        let home = folder();
        let (server, ina) = serving(home.path()).await;
        let (good, bad) = texts();
        assert_eq!(listed(&server, &ina, "quick").await, Value::Null);

        // A new one is kept, and it is the file that is checked on the command line.
        let new = json!({"scenario": "quick", "text": good});
        let (status, kept) = server.post(&ina, "/api/scenario", new.clone()).await;
        assert_eq!((status, &kept["file"], &kept["problems"]), (200, &json!("drills/quick.yaml"), &json!(0)));
        assert_eq!(fs::read_to_string(home.path().join("drills/quick.yaml")).unwrap(), good);
        let shelved = listed(&server, &ina, "quick").await;
        assert_eq!((&shelved["problems"], &shelved["own"]), (&json!([]), &json!(true)));
        assert!(shelved["rehearsal"]["no"].is_string(), "{shelved}");
        let (_, opened) = server.get(&ina, "/api/scenario?scenario=quick").await;
        assert_eq!((&opened["text"], &opened["digest"]), (&json!(good), &kept["digest"]));

        // It is rehearsed as it is; what is changed then is not.
        let plan = gameday(home.path()).args(["plan", "--json", "drills/quick.yaml"]).output().unwrap();
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        let digest = plan["digest"].as_str().unwrap();
        let certificates = home.path().join("home/certificates");
        fs::create_dir_all(&certificates).unwrap();
        let certificate = json!({"format": "gameday/certificate/v1", "digest": digest, "holds": true});
        fs::write(certificates.join(format!("{digest}.json")), certificate.to_string()).unwrap();
        let same = json!({"scenario": "quick", "text": good, "was": kept["digest"]});
        assert_eq!(server.post(&ina, "/api/scenario", same).await.0, 200);
        assert_eq!(listed(&server, &ina, "quick").await["rehearsal"], "holds");
        let other = good.replace("at: 2m", "at: 3m");
        let changed = json!({"scenario": "quick", "text": other, "was": kept["digest"]});
        let (_, kept) = server.post(&ina, "/api/scenario", changed).await;
        assert!(listed(&server, &ina, "quick").await["rehearsal"]["no"].is_string(), "{kept}");

        // The plan as a picture, and a draft with every mistake at its line, as `check` tells it.
        let ask = json!({"scenario": "quick", "text": other});
        let (_, checked) = server.post(&ina, "/api/check", ask).await;
        let picture = checked["plan"].as_str().unwrap();
        assert!(
            checked["ok"] == json!(true) && picture.contains("T+3m") && picture.contains("<svg"),
            "{checked}"
        );
        let (_, checked) = server.post(&ina, "/api/check", json!({"scenario": "quick", "text": bad})).await;
        let was = kept["digest"].clone();
        let draft = json!({"scenario": "quick", "text": bad, "was": was});
        let (_, kept) = server.post(&ina, "/api/scenario", draft).await;
        let said = found_by_check(home.path(), "drills/quick.yaml");
        assert_eq!((&checked["problems"], &checked["plan"]), (&said, &Value::Null));
        let first = &said[0];
        assert!(first["line"].as_u64().unwrap() > 10 && first["help"].is_string(), "{said}");
        assert_eq!(kept["problems"].as_u64(), Some(said.as_array().unwrap().len() as u64));
        let shelved = listed(&server, &ina, "quick").await;
        assert!(shelved["problems"][0].as_str().unwrap().contains("dificulty"), "{shelved}");
        let (status, refused) = server.post(&ina, "/api/drills", json!({"scenario": "quick"})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("problems")));
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn what_is_kept_stays_in_its_folder_and_over_nothing_that_is_not_known() {
    run(async {
        let home = folder();
        let (server, ina) = serving(home.path()).await;
        let drills = home.path().join("drills");
        let (good, bad) = texts();
        fs::write(drills.join("quick.yaml"), &good).unwrap();
        let outside = home.path().join("outside.yaml");
        fs::write(&outside, CANARY).unwrap();
        symlink(&outside, drills.join("link.yaml")).unwrap();
        let keep = |name: &str, was: Value| {
            let asked = json!({"scenario": name, "text": bad, "was": was});
            let (server, ina) = (&server, &ina);
            async move {
                let (status, said) = server.post(ina, "/api/scenario", asked).await;
                (status, said["code"].as_str().unwrap_or_default().to_owned())
            }
        };
        for name in ["../x", "a/b", "/etc/x", ".x", "", "pack", "target", "x.yaml", "..", "x\u{0}", "a b"] {
            assert_eq!(keep(name, Value::Null).await, (409, "bad-name".to_owned()), "{name:?}");
        }
        for name in ["depot/pool-shrink", "pool-shrink"] {
            assert_eq!(keep(name, Value::Null).await, (409, "built-in".to_owned()), "{name}");
        }
        let (_, opened) = server.get(&ina, "/api/scenario?scenario=quick").await;
        assert_eq!(keep("quick", Value::Null).await, (409, "name-taken".to_owned()));
        assert_eq!(keep("other", opened["digest"].clone()).await, (409, "changed".to_owned()));
        // Somebody else writes meanwhile.
        fs::write(drills.join("quick.yaml"), "theirs").unwrap();
        assert_eq!(keep("quick", opened["digest"].clone()).await, (409, "changed".to_owned()));
        assert_eq!(fs::read_to_string(drills.join("quick.yaml")).unwrap(), "theirs");
        assert_eq!(keep("link", Value::Null).await, (409, "not-possible".to_owned()));
        assert_eq!(fs::read_to_string(&outside).unwrap(), CANARY);
        let (status, refused) = server.get(&ina, "/api/scenario?scenario=link").await;
        assert!(status == 409 && !refused.to_string().contains(CANARY), "{refused}");
        for name in ["../outside", "outside.yaml", "drills/quick.yaml", "/etc/passwd", ""] {
            let (status, refused) = server.get(&ina, &format!("/api/scenario?scenario={name}")).await;
            assert_eq!((status, &refused["code"]), (409, &json!("no-such-scenario")), "{name}");
        }

        // A text is as large as a file may be, and a request hardly larger.
        let large = format!("{good}#{}", "x".repeat(256 * 1024));
        let (_, checked) = server.post(&ina, "/api/check", json!({"text": large})).await;
        assert!(checked["problems"].to_string().contains("larger than 256 KiB"), "{checked}");
        let (status, refused) =
            server.post(&ina, "/api/scenario", json!({"scenario": "large", "text": large})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("too-large")));
        let huge = json!({"text": "x".repeat(600 * 1024)});
        assert_eq!(server.post(&ina, "/api/check", huge).await.0, 413);
        let mut names: Vec<_> = fs::read_dir(&drills)
            .unwrap()
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["link.yaml", "quick.yaml"]);
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn a_text_is_no_way_to_read_other_files() {
    run(async {
        let home = folder();
        let (server, ina) = serving(home.path()).await;
        let drills = home.path().join("drills");
        let (good, _) = texts();
        let sealed = format!("- {{{CANARY}: 1}}\n");
        for file in [drills.join("secret.yaml"), drills.join("secret"), home.path().join("outside.yaml")] {
            fs::write(file, &sealed).unwrap();
        }
        symlink(home.path().join("outside.yaml"), drills.join("link.yaml")).unwrap();
        let (before, _) = good.split_once("\nautopilot:").unwrap();
        let naming = |file: &str| format!("{before}\nautopilot: {file}\n");
        // On the machine itself the author is told what is wrong there.
        fs::write(drills.join("own.yaml"), naming("secret.yaml")).unwrap();
        assert!(found_by_check(home.path(), "drills/own.yaml").to_string().contains(CANARY));
        for file in
            ["secret.yaml", "secret", "../outside.yaml", "link.yaml", "/etc/passwd", "\"/proc/self/environ\""]
        {
            let (status, checked) = server.post(&ina, "/api/check", json!({"text": naming(file)})).await;
            assert_eq!((status, &checked["ok"]), (200, &json!(false)), "{file}: {checked}");
            assert!(
                !checked.to_string().contains(CANARY) && !checked.to_string().contains("root:"),
                "{checked}"
            );
        }
        for pack in ["../..", "..", "/etc", "drills/../.."] {
            let text = good.replace("\npack: depot", &format!("\npack: {pack}"));
            let (_, checked) = server.post(&ina, "/api/check", json!({"text": text})).await;
            assert!(checked["problems"].to_string().contains("there is no pack"), "{checked}");
        }
        // Nor does the library tell it, or a drill that is refused.
        assert!(!listed(&server, &ina, "own").await.to_string().contains(CANARY));
        let (status, refused) = server.post(&ina, "/api/drills", json!({"scenario": "own"})).await;
        assert!(status == 409 && !refused.to_string().contains(CANARY), "{refused}");
        assert_eq!(server.end(), Some(0));
    });
}

#[test]
fn without_a_folder_new_scenarios_lie_in_the_state_folder() {
    run(async {
        let home = folder();
        let server = Server::with(home.path(), &[], "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let (good, _) = texts();
        let (status, kept) =
            server.post(&ina, "/api/scenario", json!({"scenario": "quick", "text": good})).await;
        assert_eq!(status, 200, "{kept}");
        let file = home.path().join("home/scenarios/quick.yaml");
        assert_eq!(kept["file"], json!(file.display().to_string()));
        assert_eq!(listed(&server, &ina, "quick").await["problems"], json!([]));
        assert_eq!(server.end(), Some(0));
    });
}
