//! `gameday serve`, the real program: a drill on the real target that is begun over the network, outlives its server, and
//! is taken back when the server ends; a drill that is planned; and a word in everything that is sealed, which nobody who
//! plays or watches finds anywhere.

use crate::{
    cli::{folder, gameday, out},
    engine_killed::House,
    kill::{Mortal, watch_for},
    pages::PAGES,
    stage::run,
};
use gameday::{
    base::Span,
    drill::{
        Drill,
        event::{Event, InjectionStep, Outcome, Recorded},
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How long anything may take; generous, because the machine is busy.
const LIMIT: Span = Span::from_secs(240);
/// What nobody who plays may ever read, as it is and in the usual disguises.
const CANARY: &str = "CanaryQ7Z2";
/// One line of a live stream at least comes within this.
const STREAM: std::time::Duration = std::time::Duration::from_secs(60);

/// A server with a home; killed when it is dropped.
pub(crate) struct Server {
    process: Mortal,
    pub(crate) listen: String,
    pub(crate) link: String,
    http: Client,
}

impl Server {
    /// Starts one on `listen`, with the scenarios in its folder, and waits for its line.
    fn start(folder: &Path, listen: &str) -> Self {
        Self::over(folder, ".", listen)
    }

    /// The same with the scenarios of another folder.
    pub(crate) fn over(folder: &Path, scenarios: &str, listen: &str) -> Self {
        Self::with(folder, &["--scenarios", scenarios], listen)
    }

    pub(crate) fn with(folder: &Path, options: &[&str], listen: &str) -> Self {
        Self::told(folder, options, listen, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn told(folder: &Path, options: &[&str], listen: &str, vars: &[(&str, &str)]) -> Self {
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
        command
            .args(["serve", "--json", "--as", "ina", "--listen", listen])
            .args(options)
            .current_dir(folder)
            .env("GAMEDAY_HOME", folder.join("home"))
            .env("GAMEDAY_LOG", "trace")
            .envs(vars.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut process = Mortal(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line)
            .unwrap_or_else(|bad| panic!("{bad}: {line}{}", fs::read_to_string(folder.join("log")).unwrap()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            process,
            listen: said["listen"].as_str().unwrap().to_owned(),
            link: said["link"].as_str().unwrap().to_owned(),
            http: Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) async fn ask(
        &self,
        session: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, String) {
        let request = self.http.request(method, format!("http://{}{path}", self.listen)).bearer_auth(session);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        let head = format!("{:?}", answer.headers());
        (answer.status().as_u16(), format!("{}\n{head}", answer.text().await.unwrap()))
    }

    /// Asks again a little later where the server says that it is asked too often.
    async fn patiently(
        &self,
        session: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, String) {
        let answer = watch_for(LIMIT, async || {
            let answer = self.ask(session, method.clone(), path, body.clone()).await;
            (answer.0 != 429).then_some(answer)
        });
        answer.await.expect("it is answered")
    }

    pub(crate) async fn get(&self, session: &str, path: &str) -> (u16, Value) {
        let (status, text) = self.patiently(session, Method::GET, path, None).await;
        (status, serde_json::from_str(text.rsplit_once('\n').unwrap().0).unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, session: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.patiently(session, Method::POST, path, Some(body)).await;
        (status, serde_json::from_str(text.rsplit_once('\n').unwrap().0).unwrap())
    }

    /// Comes in with a link, as soon as what it leads to is open.
    pub(crate) async fn join(&self, link: &str) -> String {
        let token = link.split('#').nth(1).unwrap();
        let joined = watch_for(LIMIT, async || {
            let (status, said) = self.post("", "/api/join", json!({"token": token})).await;
            // Closed for now, or asked too often.
            (!matches!(status, 503 | 429)).then_some(said)
        });
        let joined = joined.await.expect("the drill opens in time");
        joined["session"].as_str().unwrap_or_else(|| panic!("{joined}")).to_owned()
    }

    /// The first bytes of a live stream.
    async fn stream(&self, session: &str, path: &str) -> String {
        let opened = watch_for(LIMIT, async || {
            let request = self.http.get(format!("http://{}{path}", self.listen)).bearer_auth(session);
            let answer = request.send().await.unwrap();
            // Asked too often: a little later.
            (answer.status() != 429).then_some(answer)
        });
        let mut answer = opened.await.expect("it is answered");
        assert_eq!(answer.status(), 200, "{path}");
        let piece = tokio::time::timeout(STREAM, answer.chunk()).await.expect("it says something");
        String::from_utf8_lossy(&piece.unwrap().unwrap()).into_owned()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.0.id()).unwrap()), signal).unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.process.0.wait().unwrap().code()
    }
}

pub(crate) fn line<'a>(drills: &'a Value, drill: &str) -> &'a Value {
    let found = drills["drills"].as_array().unwrap().iter().find(|one| one["drill"] == drill);
    found.unwrap_or_else(|| panic!("{drill} is not in {drills}"))
}

/// The canary as people hide things: as it is, in hexadecimal, and in base64 wherever it may begin.
fn disguises() -> Vec<String> {
    let hex: Vec<String> = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![CANARY.to_lowercase(), hex.concat()];
    for before in 0..3 {
        let text = format!("{}{CANARY}", "-".repeat(before));
        // Whole groups alone: those at the ends depend on what stands beside it.
        let groups = base64(text.as_bytes());
        all.push(groups[4..groups.len() - 4].to_lowercase());
    }
    all
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let word =
            three.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4).map(move |at| char::from(LETTERS[(word >> (18 - 6 * at)) as usize % 64])).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn assert_sealed(where_: &str, text: &str) {
    let text = text.to_lowercase();
    for disguise in disguises() {
        if let Some(at) = text.find(&disguise) {
            let around: String = text[..at].chars().rev().take(200).collect();
            let around: String = around.chars().rev().collect();
            panic!("{where_} holds the truth as `{disguise}`, behind: {around}");
        }
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

/// Everything that somebody is answered. Waits a little where the server says that it is asked too often.
async fn crawl(server: &Server, session: &str) -> String {
    let (_, document) = server.get("", "/api/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let mut asked: Vec<(Method, String)> = Vec::new();
    for (path, methods) in
        paths.iter().filter(|(path, _)| !matches!(path.as_str(), "/api/events" | "/api/leave" | "/api/stop"))
    {
        for method in methods.as_object().unwrap().keys() {
            asked.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    for side in ["responder", "observer", "instigator", "trainer"] {
        asked.extend(
            PAGES.iter().filter(|page| **page != "/live").map(|page| (Method::GET, format!("/{side}{page}"))),
        );
    }
    asked.extend(
        ["/drills", "/library", "/library/edit?scenario=quick"].map(|path| (Method::GET, path.to_owned())),
    );
    let mut seen = String::new();
    for (method, path) in asked {
        let answer = watch_for(LIMIT, async || {
            let body = (method == Method::POST).then(|| json!({"text": "x"}));
            let (status, text) = server.ask(session, method.clone(), &path, body).await;
            (status != 429).then_some(format!("{method} {path} {status} {text}\n"))
        });
        seen.push_str(&answer.await.unwrap());
    }
    seen
}

#[test]
fn a_drill_that_is_begun_over_the_network_outlives_its_server_and_seals_its_truth() {
    run(async {
        let house = House::new();
        let file = house.path().join("quick.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let text = text
            .replace(
                "summary: The session service hangs",
                &format!("summary: {CANARY} The session service hangs"),
            )
            .replace("owners: [session-oncall]", &format!("owners: [{CANARY}]"))
            .replace("- Which service do", &format!("- {CANARY} which service do"));
        assert_eq!(text.matches(CANARY).count(), 3);
        fs::write(&file, text).unwrap();
        let server = Server::start(house.path(), "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let (_, library) = server.get(&ina, "/api/library").await;
        let find = |name: &str| {
            library["scenarios"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
        };
        assert_eq!(
            (&find("depot/pool-shrink")["rehearsal"], &find("quick")["problems"]),
            (&json!("holds"), &json!([]))
        );
        let drill = begin(&server, &ina).await;
        let (ana, oli) = people(&server, &ina, &drill).await;
        house
            .until("live fault", |event| matches!(event.injection_step(), Some((_, InjectionStep::Live))))
            .await;
        nothing_is_told(&server, &house, [&ana, &oli]).await;
        let (status, entered) = server.post(&ina, "/api/enter", json!({"drill": drill})).await;
        let seat = entered["session"].as_str().unwrap_or_else(|| panic!("{status} {entered}"));
        assert!(crawl(&server, seat).await.contains(CANARY), "the search finds what is there");

        // The server dies. The next one at the same place plays on, and whoever had a session still has it.
        let said = server.stream(&ana, "/api/events").await;
        let last = said.lines().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
        let listen = server.listen.clone();
        drop(server);
        let server = Server::start(house.path(), &listen);
        let board = watch_for(LIMIT, async || {
            let (status, board) = server.get(&ana, "/api/board").await;
            assert!(matches!(status, 200 | 503 | 429), "{status} {board}");
            (status == 200).then_some(board)
        });
        assert!(board.await.is_some(), "the drill opens again: {}", house.log());
        let tom = invited(&server, &ina, &drill, ("tom", "trainer")).await;
        let (status, said) = server.post(&ana, "/api/act", json!({"say": "still here"})).await;
        assert_eq!(status, 200, "{said}");
        assert!(server.stream(&ana, &format!("/api/events?after={last}")).await.contains("still here"));

        // It is asked to end: the fault is taken back and the journal closed.
        assert_eq!(server.end(), Some(0), "{}", house.log());
        let journal = house.journal().await;
        let folded = Drill::fold(&journal).unwrap();
        assert!(folded.is_over() && folded.is_clean(), "{:?}", folded.injections());
        assert_eq!(folded.outcome(), Some(Outcome::Aborted));
        assert!(
            journal
                .iter()
                .any(|one| matches!(one.event, Event::TookOver { resume: true, epoch } if epoch > 1))
        );
        assert!(house.path().join("home/drills").join(&drill).join("debrief.html").exists());

        // A third one finds it as it ended; who played may read on.
        let server = Server::start(house.path(), &listen);
        let (_, drills) = server.get(&ina, "/api/drills").await;
        assert_eq!(
            (&line(&drills, &drill)["state"], &line(&drills, &drill)["outcome"]),
            (&json!("over"), &json!("aborted"))
        );
        let (status, debrief) = server.ask(&ana, Method::GET, "/responder/debrief", None).await;
        assert!(status == 200 && debrief.contains("What happened"), "{debrief}");
        written_up(&server, &tom).await;
        assert_eq!(server.end(), Some(0));
        let reviewed = |one: &Recorded| matches!(one.event, Event::Reviewed { .. });
        assert_eq!(house.journal().await.iter().filter(|one| reviewed(one)).count(), 2);
        assert_sealed("the log", &house.log());
    });
}

/// The quick scenario, sealed, with the word wherever something is kept back: two variants, of which one is named. Gives
/// the name.
fn sealed(house: &House) -> String {
    let file = house.path().join("quick.yaml");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace(
            "summary: The session service hangs",
            &format!("summary: {CANARY} $(word) The session service hangs"),
        )
        .replace("owners: [session-oncall]", &format!("owners: [{CANARY}]"))
        .replace("- Which service do", &format!("- {CANARY} which service do"))
        .replace("text: Customers", &format!("text: {CANARY} customers"))
        .replace("any: [answers nothing", &format!("any: [{CANARY}, answers nothing"))
        .replace("any: [disk full", &format!("any: [{CANARY}, disk full"))
        .replace("text: session is down", &format!("text: {CANARY} session is down"))
        .replace("{text: Restarting session", &format!("{{text: {CANARY} Restarting session"));
    assert!(text.matches(CANARY).count() >= 8, "{text}");
    let variants = format!("variants:\n  {CANARY}-one: {{word: first}}\n  {CANARY}-two: {{word: second}}\n");
    fs::write(&file, format!("{text}{variants}")).unwrap();
    gameday(house.path()).args(["seal", "--new-identity"]).assert().success();
    gameday(house.path()).args(["seal", "quick.yaml"]).assert().success();
    fs::remove_file(file).unwrap();
    format!("{CANARY}-two")
}

/// A drill that is sealed from the planning to the live fault, and whoever is still to play its answer has no seat beside it.
#[test]
fn a_sealed_drill_of_a_named_variant_is_planned_and_played_without_a_word_to_who_plays() {
    run(async {
        let house = House::new();
        let variant = sealed(&house);
        let server = Server::start(house.path(), "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let add = |more: &[&str]| {
            let args = ["schedule", "add", "quick", "--scenarios", ".", "--unrehearsed", "made for a test"];
            let said = out(gameday(house.path()).args(args).arg("--json").args(more));
            serde_json::from_str::<Value>(&said).unwrap()
        };
        // A seed that draws the other one.
        let seed = (0..50).map(|seed: u64| seed.to_string()).find(|seed| {
            let args = ["plan", "quick.yaml.age", "--json", "--seed", seed];
            !out(gameday(house.path()).args(args)).contains(&variant)
        });
        let planned = add(&["--at", "2099-03-03 14:00 UTC", "--seed", &seed.unwrap(), "--variant", &variant]);
        let later = add(&["--at", "2099-04-03 14:00 UTC", "--responder", "rosa"]);
        gameday(house.path()).args(["schedule", "now", planned["id"].as_str().unwrap()]).assert().success();
        let drill = planned["drill"].as_str().unwrap().to_owned();
        let (ana, oli) = people(&server, &ina, &drill).await;
        let journal = house
            .until("live fault", |event| matches!(event.injection_step(), Some((_, InjectionStep::Live))))
            .await;
        let folded = Drill::fold(&journal).unwrap();
        assert_eq!(folded.plan().variant.as_deref(), Some(variant.as_str()));
        assert!(folded.plan().sealed.is_some(), "it was sealed");
        nothing_is_told(&server, &house, [&ana, &oli]).await;
        let (_, entered) = server.post(&ina, "/api/enter", json!({"drill": drill})).await;
        let seat = entered["session"].as_str().unwrap_or_else(|| panic!("{entered}"));
        assert!(crawl(&server, seat).await.contains(CANARY), "the search finds what is there");

        // Whoever is to play the same answer later does not watch now; who withdraws from that may.
        let ask = json!({"person": "rosa", "hat": "observer", "drill": drill});
        let (_, made) = server.post(&ina, "/api/invitations", ask).await;
        let link = made["link"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let token = link.split('#').nth(1).unwrap();
        let (status, refused) = server.post("", "/api/join", json!({"token": token})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("embargo")), "{refused}");
        assert!(refused["error"].as_str().unwrap().contains(later["drill"].as_str().unwrap()), "{refused}");
        let withdraw = ["schedule", "withdraw", later["id"].as_str().unwrap(), "rosa"];
        gameday(house.path()).args(withdraw).assert().success();
        server.join(&link).await;
        assert_eq!(server.end(), Some(0), "{}", house.log());
        assert_sealed("the log", &house.log());
    });
}

/// Begins the drill, after trying what must not be.
async fn begin(server: &Server, ina: &str) -> String {
    let (status, refused) = server.post(ina, "/api/drills", json!({"scenario": "quick"})).await;
    assert_eq!(
        (status, &refused["code"], &refused["bars"][0]["code"]),
        (409, &json!("refused"), &json!("not-rehearsed"))
    );
    for wrong in ["../quick", "quick.yaml", "./quick.yaml", "/etc/passwd", ""] {
        let (status, refused) = server.post(ina, "/api/drills", json!({"scenario": wrong})).await;
        assert_eq!((status, &refused["code"]), (409, &json!("no-such-scenario")), "{wrong}");
    }
    let order = json!({"scenario": "quick", "unrehearsed": "made for a test"});
    let (_, begun) = server.post(ina, "/api/drills", order).await;
    let drill = begun["drill"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
    let (status, refused) = server.post(ina, "/api/drills", json!({"scenario": "depot/pool-shrink"})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("target-busy")));
    let (_, drills) = server.get(ina, "/api/drills").await;
    assert_eq!(line(&drills, &drill)["state"], "running");
    drill
}

/// A responder and an observer come in with links of their own.
async fn people(server: &Server, ina: &str, drill: &str) -> (String, String) {
    let ana = invited(server, ina, drill, ("ana", "responder")).await;
    (ana, invited(server, ina, drill, ("oli", "observer")).await)
}

/// The session of somebody who comes in with a link of their own.
pub(crate) async fn invited(server: &Server, ina: &str, drill: &str, (person, hat): (&str, &str)) -> String {
    let ask = json!({"person": person, "hat": hat, "drill": drill});
    let (_, made) = server.post(ina, "/api/invitations", ask).await;
    server.join(made["link"].as_str().unwrap_or_else(|| panic!("{made}"))).await
}

/// A trainer leads the talk days later; what they keep is in the journal, and grades are blind still.
async fn written_up(server: &Server, tom: &str) {
    let too_early = json!({"hand-in": {"overall": "short"}});
    let (status, refused) = server.post(tom, "/api/review", too_early).await;
    assert_eq!((status, &refused["code"]), (409, &json!("bad-review")), "{refused}");
    for entry in [
        json!({"write": {"section": "lucky", "text": "the server came back by itself"}}),
        json!({"follow-up": {"action": "an alarm on the server", "owner": "web-oncall"}}),
    ] {
        let (status, said) = server.post(tom, "/api/review", entry).await;
        assert_eq!(status, 200, "{said}");
    }
    let (_, page) = server.ask(tom, Method::GET, "/trainer/debrief?form=md", None).await;
    for said in ["the server came back by itself", "an alarm on the server", "grades are blind"] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

/// Not in answers, streams, metrics and logs, and not in what lies on the target.
async fn nothing_is_told(server: &Server, house: &House, sessions: [&str; 2]) {
    for session in sessions {
        let seen = crawl(server, session).await;
        assert!(seen.contains("EXERCISE"), "nothing was told at all");
        assert_sealed("an answer", &seen);
        assert_sealed("the stream", &server.stream(session, "/api/events").await);
    }
    assert_sealed("a page's stream", &server.stream(sessions[0], "/responder/live").await);
    assert_sealed("a page's stream", &server.stream(sessions[1], "/observer/live").await);
    assert_sealed("what strangers see", &crawl(server, "").await);
    let log = house.log();
    assert!(log.contains("TRACE"), "it logs everything");
    assert_sealed("the log", &log);
    let on_target = files(&house.path().join("home/targets"));
    assert!(on_target.len() > 20, "{on_target:?}");
    for file in on_target {
        assert_sealed(
            &file.display().to_string(),
            &String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()),
        );
        assert_sealed("a file's name", &file.display().to_string());
    }
}

#[test]
fn a_planned_drill_waits_for_the_next_server_and_can_be_called_off() {
    run(async {
        let home = folder();
        let server = Server::start(home.path(), "127.0.0.1:0");
        let ina = server.join(&server.link).await;
        let order = |at: &str| json!({"scenario": "pool-shrink", "at": at, "responders": ["ana", "ben"]});
        let (_, begun) = server.post(&ina, "/api/drills", order("2099-03-01 14:00 Europe/Berlin")).await;
        let drill = begun["drill"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned();
        let link = begun["invitations"][0]["link"].as_str().unwrap().to_owned();
        for (at, code) in [
            ("2099-03-01 14:10 Europe/Berlin", "target-busy"),
            ("2020-01-01 14:00 Europe/Berlin", "bad-time"),
            ("tomorrow", "bad-time"),
        ] {
            let (status, refused) = server.post(&ina, "/api/drills", order(at)).await;
            assert_eq!((status, &refused["code"]), (409, &json!(code)), "{at}");
        }
        let listen = server.listen.clone();
        assert_eq!(server.end(), Some(0));
        let server = Server::start(home.path(), &listen);
        let (_, drills) = server.get(&ina, "/api/drills").await;
        let told = line(&drills, &drill);
        assert_eq!((&told["state"], &told["start"]), (&json!("planned"), &json!("2099-03-01T13:00:00.000Z")));
        // Its people are told to come back, and their link stays good.
        let token = link.split('#').nth(1).unwrap();
        let (status, closed) = server.post("", "/api/join", json!({"token": token})).await;
        assert_eq!((status, &closed["code"]), (503, &json!("not-open")));
        assert_eq!(server.post(&ina, "/api/call-off", json!({"drill": drill})).await.0, 200);
        assert_eq!(server.get(&ina, "/api/drills").await.1, json!({"drills": []}));
        assert_eq!(server.post(&ina, "/api/call-off", json!({"drill": drill})).await.0, 409);
        let (status, _) = server.post("", "/api/join", json!({"token": token})).await;
        assert_eq!(status, 401, "the links of a drill that is called off lead nowhere");
        assert_eq!(server.end(), Some(0));
        let calendar: Value =
            serde_json::from_str(&out(gameday(home.path()).args(["schedule", "list", "--json"]))).unwrap();
        assert_eq!((&calendar["planned"], &calendar["past"][0]["state"]), (&json!([]), &json!("cancelled")));
    });
}

#[test]
fn a_home_has_one_server_and_other_machines_need_tls() {
    let home = folder();
    let server = Server::start(home.path(), "127.0.0.1:0");
    let second = gameday(home.path()).args(["serve", "--listen", "127.0.0.1:0"]).assert().code(1);
    let said = String::from_utf8_lossy(&second.get_output().stderr).into_owned();
    assert!(said.contains("another `gameday serve` has this home"), "{said}");
    let open = gameday(home.path()).args(["serve", "--listen", "0.0.0.0:0"]).assert().code(2);
    let said = String::from_utf8_lossy(&open.get_output().stderr).into_owned();
    assert!(said.contains("without TLS") && said.contains("--public-url"), "{said}");
    assert_eq!(server.end(), Some(0));
}
