//! The file of routes: what it may say, where secrets are kept, what is sent to prove a route, and alarms by e-mail.

use crate::{
    calendar::{
        invited::judge,
        mailed::{letters, post},
    },
    cli::{folder, gameday},
    skip::skip,
    stage::run,
};
use gameday::{
    base::At,
    drill::event::{Notice, NoticeKind},
    notify::{Addressees, Means, Notifier as _},
    scenario::act::Pager,
};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
};

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn write(home: &Path, text: &str) -> PathBuf {
    let path = home.join("routes.yaml");
    fs::write(&path, format!("format: gameday/routes/v1\n{text}")).unwrap();
    path
}

fn keep(home: &Path, name: &str, text: &str, mode: u32) {
    fs::write(home.join(name), text).unwrap();
    fs::set_permissions(home.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn every_mistake_is_told_with_its_line_and_no_secret_with_it() {
    let home = folder();
    let home = home.path();
    keep(home, "open", "http://127.0.0.1:1/hooks/canary-7Q", 0o644);
    keep(home, "kept", "ftp://canary-7Q.example.org", 0o600);
    keep(home, "login", "only one line canary-7Q", 0o600);
    keep(home, "secret", "three\nlines\ncanary-7Q", 0o600);
    let path = write(
        home,
        "mail:
  server: http://mail.example.org
  from: nobody
  login: { file: login }
  remind: [1s]
routes:
  Loud: { webhook: http://127.0.0.1:1/ }
  terminal: { webhook: http://127.0.0.1:1/ }
  none: { optional: true }
  both: { webhook: http://127.0.0.1:1/, mail: team }
  open: { webhook: { file: open } }
  kept: { slack: { file: kept } }
  away: { webhook: { env: GAMEDAY_TEST_NO_SUCH } }
  two: { webhook: { file: kept, env: HOME } }
  sign: { slack: http://127.0.0.1:1/, sign: { env: HOME } }
  key: { webhook: http://127.0.0.1:1/, sign: { env: HOME } }
  post: { mail: [ana] }
  alerts: { alertmanager: ftp://127.0.0.1/ }
  pass: { alertmanager: http://127.0.0.1:1/, pass: { file: secret } }
  books: { alertmanager: http://127.0.0.1:1/, runbooks: runbooks }
  only: { slack: http://127.0.0.1:1/, pass: { file: login } }
  phone: { ntfy: http://127.0.0.1:1/no.topic }
  nobody: { ntfy: http://127.0.0.1:1/ }
",
    );
    let ended = gameday(home).args(["routes", "--routes"]).arg(&path).assert().code(3);
    let told = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    let plain = told.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    for (line, why) in [
        (3, "smtp://mail.example.org:587"),
        (4, "address"),
        (5, "two lines"),
        (6, "a minute or more"),
        (8, "small letters"),
        (9, "always there"),
        (10, "one of `webhook`"),
        (11, "one of `webhook`"),
        (12, "others can read"),
        (13, "`ftp:`"),
        (14, "GAMEDAY_TEST_NO_SUCH is not set"),
        (15, "one place"),
        (16, "only a `webhook` is signed"),
        (17, "whsec_"),
        (18, "ana"),
        (19, "`ftp:`"),
        (20, "a token in one line"),
        (21, "not a URL"),
        (22, "only `alertmanager` and `ntfy` have a `pass`"),
        (23, "ends with no topic"),
        (24, "ends with no topic"),
    ] {
        let place = format!("routes.yaml:{line}:");
        let found = plain.lines().any(|told| told.contains(&place) && told.contains(why));
        // One fault of the mail server hides what stands behind it.
        assert!(found || matches!(line, 3), "{line} {why}:\n{plain}");
    }
    assert!(!plain.contains("canary-7Q"), "{plain}");
    let bare = write(home, "routes:\n  post: { mail: team }\n");
    let ended = gameday(home).args(["routes", "--routes"]).arg(&bare).assert().code(3);
    let told = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    assert!(told.contains("no mail server is set") && told.contains("from: drills@example.org"), "{told}");
}

/// Takes one request and answers it; gives its head and body.
fn one_request(listener: TcpListener) -> thread::JoinHandle<(String, Vec<u8>)> {
    thread::spawn(move || {
        let (stream, _): (TcpStream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        let length =
            head.to_lowercase().split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse();
        let mut body = vec![0; length.unwrap()];
        reader.read_exact(&mut body).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head, body)
    })
}

#[test]
fn each_route_is_proved_by_a_message_and_says_what_came_of_it() {
    let home = folder();
    let home = home.path();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hooks/canary-7Q", listener.local_addr().unwrap());
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    keep(home, "hook", &hook, 0o600);
    keep(home, "key", KEY, 0o600);
    // The usual place: in the state folder.
    fs::create_dir_all(home.join("home")).unwrap();
    let text = |optional: bool| {
        format!(
            "routes:\n  chat: {{ webhook: {{ file: {0}/hook }}, sign: {{ file: {0}/key }} }}\n  \
             dead: {{ slack: 'http://{dead}/', optional: {optional} }}\n",
            home.display()
        )
    };
    write(&home.join("home"), &text(true));
    let taken = one_request(listener);
    let told = gameday(home).args(["routes", "--send", "--json"]).assert().success();
    let told: Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    let line = |name: &str| told.as_array().unwrap().iter().find(|line| line["name"] == name).unwrap();
    assert_eq!((&line("chat")["sent"], &line("chat")["error"]), (&true.into(), &Value::Null));
    assert!(line("dead")["error"].as_str().unwrap().contains("could not connect"), "{told}");
    assert_eq!(line("terminal")["sent"], true);
    assert!(!told.to_string().contains("canary-7Q"));
    let (head, body) = taken.join().unwrap();
    let head = head.to_lowercase();
    for header in ["webhook-id: d-", "webhook-timestamp: ", "webhook-signature: v1,", "x-gameday: exercise"] {
        assert!(head.contains(header), "{head}");
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["about"], &body["exercise"]), (&"com-check".into(), &true.into()));
    // One that must carry is a failure of the world.
    write(&home.join("home"), &text(false));
    gameday(home).args(["routes", "--send"]).assert().code(4);
    gameday(home).args(["routes"]).assert().success();
}

#[test]
fn alarms_by_mail_reach_each_person_once_in_one_thread_and_the_batphone_everybody() {
    if judge().is_none() {
        return skip("python-judges (icalendar and aiosmtpd) is not installed");
    }
    run(async {
        let home = folder();
        let home = home.path();
        let (place, log) = (home.join("letters"), home.join("log"));
        fs::write(&log, "").unwrap();
        let server = post(&place, &["--refuse", "cem@example.org"]);
        let path = write(
            home,
            &format!(
                "mail: {{ server: 'smtp://127.0.0.1:{}', from: drills@example.org }}\nroutes: {{ post: {{ mail: team }} }}\n",
                server.port
            ),
        );
        let means = Means::read(&path, &|_| None).unwrap();
        let known = ["ana", "ben", "cem"]
            .map(|name| (name.parse().unwrap(), format!("{name}@example.org").parse().unwrap()));
        let to =
            Addressees { team: ["ana".parse().unwrap(), "ben".parse().unwrap()].into(), known: known.into() };
        let routes = means.routes(&"d-one".parse().unwrap(), &to, std::io::sink()).unwrap();
        let notice = |id: &str, about: NoticeKind| Notice {
            id: id.parse().unwrap(),
            route: "post".to_owned(),
            at: At::from_millis(1_700_000_000_000),
            about,
            severity: None,
            runbook: None,
            subject: "EXERCISE uploads fail".to_owned(),
            text: "runbook: runbooks/uploads.md".to_owned(),
        };
        // The comcheck asks the server and tells nobody: a surprise would be none.
        routes.deliver(&notice("n-0", NoticeKind::ComCheck)).await.unwrap();
        let alarm = notice("n-1", NoticeKind::AlarmRaised("UploadErrorsHigh".parse().unwrap()));
        routes.deliver(&alarm).await.unwrap();
        // Another try, as after a lost answer, writes to nobody again.
        routes.deliver(&alarm).await.unwrap();
        let failed = routes.deliver(&notice("n-2", NoticeKind::Page(Pager::Batphone))).await.unwrap_err();
        assert!(failed.error.contains("cem@example.org") && !failed.retry, "{}", failed.error);
        let come: Vec<_> = letters(&place, 4, &log).await.into_iter().map(|(letter, _)| letter).collect();
        let to: Vec<_> = come.iter().map(|letter| letter["to"][0].as_str().unwrap()).collect();
        assert_eq!(to, ["ana@example.org", "ben@example.org", "ana@example.org", "ben@example.org"]);
        for letter in &come {
            assert_eq!(letter["subject"], "EXERCISE: uploads fail");
            assert_eq!(letter["thread"], "<d-one@gameday>");
            assert!(letter["text"].as_str().unwrap().contains("runbooks/uploads.md"));
        }
        let ids: std::collections::BTreeSet<_> = come.iter().map(|letter| letter["id"].to_string()).collect();
        assert_eq!(ids.len(), 4);
        drop(server);
        let away = routes.deliver(&notice("n-3", NoticeKind::ComCheck)).await.unwrap_err();
        assert!(away.retry, "{}", away.error);
    });
}
