//! The real program and a mail server of somebody else's: letters that calendars take in place, over TLS and with a login;
//! servers that are away, let nobody in, or refuse a mailbox.

use super::invited::{calendars, judge, only};
use crate::{
    cli::{folder, gameday, out},
    kill::{Mortal, watch_for},
    serve::Server,
    skip::skip,
    stage::run,
    tidy::root,
};
use gameday::base::Span;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

const LIMIT: Span = Span::from_secs(240);
const PASSWORD: &str = "CanaryPassword7Q";

/// A mail server that leaves letters in a folder; gone when it is dropped.
pub(crate) struct Post {
    _process: Mortal,
    pub(crate) port: String,
}

/// Starts one.
pub(crate) fn post(place: &Path, options: &[&str]) -> Post {
    fs::create_dir_all(place).unwrap();
    let mut process = judge().expect("it was looked for");
    process.arg(root().join("tests/fixtures/mail_server.py")).arg(place).args(options);
    let mut process = Mortal(process.stdout(Stdio::piped()).spawn().unwrap());
    let mut port = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    Post { _process: process, port: port.trim().to_owned() }
}

/// The letters that have come, once there are as many.
pub(crate) async fn letters(place: &Path, number: usize, log: &Path) -> Vec<(Value, PathBuf)> {
    let come = || (0..).map_while(|one| fs::read(place.join(format!("{one}.json"))).ok()).collect::<Vec<_>>();
    let enough = watch_for(LIMIT, async || (come().len() >= number).then_some(()));
    assert!(enough.await.is_some(), "{} of {number}: {}", come().len(), fs::read_to_string(log).unwrap());
    let read = |(one, bytes): (usize, Vec<u8>)| {
        (serde_json::from_slice(&bytes).unwrap(), place.join(format!("{one}.ics")))
    };
    come().into_iter().enumerate().map(read).collect()
}

/// Certificates for a mail server at 127.0.0.1; the authority's is named by the variable that programs read.
fn certificates(place: &Path) -> [String; 3] {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signed = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, &authority_key);
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let texts = [("mail.pem", own.pem()), ("mail.key", key.serialize_pem()), ("authority.pem", signed)];
    texts.map(|(name, text)| {
        let path = place.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn plan(home: &Path) -> String {
    for name in ["ana", "ben"] {
        let address = format!("{name}@example.org");
        gameday(home).args(["people", "add", name, "--email", &address]).assert().success();
    }
    let at = [
        "--at",
        "2099-03-03 14:00 Europe/Berlin",
        "--responder",
        "ana",
        "--responder",
        "ben",
        "--instigator",
        "ina",
    ];
    let planned = out(gameday(home).args(["schedule", "add", "pool-shrink", "--json"]).args(at));
    serde_json::from_str::<Value>(&planned).unwrap()["id"].as_str().unwrap().to_owned()
}

/// A login that only its owner reads.
fn login(home: &Path) {
    let path = home.join("login");
    fs::write(&path, format!("drills\n{PASSWORD}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A file of routes with this mail server.
fn routes(home: &Path, server: &str, login: &str) -> String {
    let text = format!(
        "format: gameday/routes/v1\nmail:\n  server: {server}\n  from: drills@example.org\n  login: {login}\n"
    );
    let path = home.join("routes.yaml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn told_nowhere(home: &Path, secret: &str) {
    let kept = [
        home.join("log"),
        home.join("home/journal.db"),
        home.join("home/journal.db-wal"),
        home.join("home/audit.jsonl"),
    ];
    for path in kept {
        let bytes = fs::read(&path).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|one| one == secret.as_bytes()), "{}", path.display());
    }
}

#[test]
fn letters_change_one_entry_of_a_calendar_and_a_restart_sends_nothing_again() {
    if judge().is_none() {
        return skip("python-judges (icalendar and aiosmtpd) is not installed");
    }
    run(async {
        let home = folder();
        let home = home.path();
        let (place, log) = (home.join("letters"), home.join("log"));
        let [certificate, key, authority] = certificates(home);
        let post = post(&place, &["--login", "drills", PASSWORD, "--tls", &certificate, &key]);
        login(home);
        let address = format!("smtp://127.0.0.1:{}", post.port);
        let routes = routes(home, &address, "{ file: login }");
        let options = ["--routes", &routes];
        let trusting = [("SSL_CERT_FILE", authority.as_str())];
        let server = Server::told(home, &options, "127.0.0.1:0", &trusting);
        let id = plan(home);
        let first = letters(&place, 2, &log).await;
        for ((letter, _), name) in first.iter().zip(["ana", "ben"]) {
            assert_eq!(letter["to"], serde_json::json!([format!("{name}@example.org")]));
            assert_eq!(
                (&letter["encrypted"], &letter["login"], &letter["method"]),
                (&true.into(), &true.into(), &"REQUEST".into())
            );
            assert_eq!(letter["subject"], "EXERCISE: game day on depot, 2099-03-03 14:00 Europe/Berlin");
            assert_eq!(
                (&letter["from"], &letter["automatic"]),
                (&"drills@example.org".into(), &"auto-generated".into())
            );
            let text = letter["text"].as_str().unwrap();
            assert!(
                text.contains("exercise")
                    && text.contains("Instigators so far: ina")
                    && !text.contains("pool"),
                "{text}"
            );
        }
        assert_eq!(server.end(), Some(0));
        let server = Server::told(home, &options, "127.0.0.1:0", &trusting);
        gameday(home)
            .args(["schedule", "move", &id, "--at", "2099-03-04 09:30 Asia/Tokyo"])
            .assert()
            .success();
        letters(&place, 4, &log).await;
        gameday(home).args(["schedule", "cancel", &id]).assert().success();
        let all = letters(&place, 6, &log).await;
        assert_eq!(server.end(), Some(0));
        assert_eq!(letters(&place, 6, &log).await.len(), 6, "a restart has sent nothing again");
        let ids: std::collections::BTreeSet<_> =
            all.iter().map(|(letter, _)| letter["id"].to_string()).collect();
        assert_eq!(ids.len(), 6);
        assert_eq!(all[4].0["method"], "CANCEL");
        told_nowhere(home, PASSWORD);

        let of_ana: Vec<_> = all.iter().filter(|(letter, _)| letter["to"][0] == "ana@example.org").collect();
        let files: Vec<_> = of_ana.iter().map(|(_, file)| file.as_path()).collect();
        let after = calendars(&files).unwrap();
        let starts = ["2099-03-03T13:00:00+00:00", "2099-03-04T00:30:00+00:00", "2099-03-04T00:30:00+00:00"];
        let uid = only(&after[0]).0;
        for (calendar, start) in after.iter().zip(starts) {
            assert_eq!((only(calendar).0, &only(calendar).1["start"]), (uid, &start.into()));
        }
        let (_, gone) = only(&after[2]);
        assert_eq!((&gone["status"], &gone["sequence"]), (&"CANCELLED".into(), &2.into()));
        assert_eq!(
            gone["attendees"],
            serde_json::json!([["ana", "mailto:ana@example.org"]]),
            "nobody sees others' addresses"
        );
    });
}

#[test]
fn letters_wait_for_a_mail_server_that_is_away_or_lets_nobody_in_and_a_refused_one_is_given_up() {
    if judge().is_none() {
        return skip("python-judges (icalendar and aiosmtpd) is not installed");
    }
    run(async {
        let home = folder();
        let home = home.path();
        let log = home.join("log");
        // Somewhere where nobody listens any more.
        let free =
            std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        login(home);
        let address = format!("smtp://127.0.0.1:{free}");
        let routes = routes(home, &address, "{ file: login }");
        let options = ["--routes", &routes];
        let server = Server::with(home, &options, "127.0.0.1:0");
        plan(home);
        let said = async |what: &str| {
            let found =
                watch_for(LIMIT, async || fs::read_to_string(&log).unwrap().contains(what).then_some(()));
            assert!(found.await.is_some(), "{what}: {}", fs::read_to_string(&log).unwrap());
        };
        said("a letter could not be sent; it is tried again").await;
        assert_eq!(server.end(), Some(0));

        // One that wants another password.
        let strict = post(&home.join("none"), &["--port", &free, "--login", "drills", "another"]);
        let server = Server::with(home, &options, "127.0.0.1:0");
        said("535").await;
        drop(strict);
        let place = home.join("letters");
        let _kind =
            post(&place, &["--port", &free, "--login", "drills", PASSWORD, "--refuse", "ana@example.org"]);
        let come = letters(&place, 1, &log).await;
        assert_eq!(come[0].0["to"][0], "ben@example.org");
        said("a letter was refused, and is not sent again").await;
        assert!(!home.join("none/0.json").exists());
        assert_eq!(server.end(), Some(0));
        told_nowhere(home, PASSWORD);
    });
}
