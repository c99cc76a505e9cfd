//! The console over a recorded journal, with a desk that accepts what it is asked: who may do what, what is streamed,
//! and that nobody hears what is not theirs. What concerns pages alone is in `pages.rs`.

use crate::{
    pages::{PAGES, live},
    stage::until,
    tidy,
};
use assert_cmd::Command as Program;
use gameday::{
    base::{At, Person},
    clock::BoxFuture,
    console::{self, Desk, Target, Tokens},
    drill::{
        command::{Command, Refusal},
        event::{Event, Hat, Recorded},
    },
    scenario::act::{Act, Role},
    seed,
};
use predicates::prelude::*;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
pub(crate) const HATS: [(Hat, &str); 4] =
    [(Hat::Instigator, "ivo"), (Hat::Responder, "ana"), (Hat::Trainer, "tom"), (Hat::Observer, "oli")];

/// A desk without a drill: what it is asked becomes an event at once.
pub(crate) struct Recorder {
    events: Mutex<Vec<Recorded>>,
    asked: Mutex<Vec<Command>>,
    levers: Mutex<Vec<String>>,
    count: watch::Sender<u64>,
}

impl Recorder {
    pub(crate) fn over(events: Vec<Recorded>) -> Arc<Self> {
        let count = watch::Sender::new(events.len() as u64);
        Arc::new(Self {
            events: Mutex::new(events),
            asked: Mutex::default(),
            levers: Mutex::default(),
            count,
        })
    }

    pub(crate) fn append(&self, event: Event) {
        let mut events = self.events.lock().unwrap();
        let seq = events.len() as u64;
        let at = events.last().map_or(At::from_millis(0), |last| last.at);
        events.push(Recorded { seq, at, event });
        self.count.send_replace(seq + 1);
    }

    pub(crate) fn asked(&self) -> Vec<Command> {
        self.asked.lock().unwrap().clone()
    }

    fn hat(&self, who: &Person) -> Option<Hat> {
        self.events.lock().unwrap().iter().find_map(|one| match &one.event {
            Event::Joined { person, hat } if person == who => Some(*hat),
            _ => None,
        })
    }
}

impl Desk for Recorder {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push(command.clone());
            match command {
                Command::Join { person, hat } => match self.hat(&person) {
                    Some(was) if was != hat => return Err(Refusal::OtherHat { person, was, wanted: hat }),
                    Some(_) => {}
                    None => self.append(Event::Joined { person, hat }),
                },
                Command::Act { act: Act::Ack(alarm), .. } => return Err(Refusal::NoSuchAlarm(alarm)),
                Command::Act { by, act } => self.append(Event::Acted { by, act }),
                Command::Review { by, entry } => self.append(Event::Reviewed { by, entry }),
                Command::Stop { by, reason, real_incident } => {
                    self.append(Event::StopRequested { by, reason, real_incident });
                }
                _ => {}
            }
            Ok(())
        })
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        self.events.lock().unwrap()[usize::try_from(from).unwrap()..].to_vec()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    fn engage_lever(&self, by: &Person, reason: &str) -> Result<(), String> {
        self.levers.lock().unwrap().push(format!("{by}: {reason}"));
        Ok(())
    }
}

/// The recorded journal with a canary in whatever responders may not hear.
pub(crate) fn journal() -> Vec<Recorded> {
    let path = tidy::root().join("tests/corpus/journal-v1/every-kind.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| Recorded::from_line(&sealed(line)).unwrap()).collect()
}

/// The same while it is played: a debrief is for everybody once the drill is closed.
pub(crate) fn under_way() -> Vec<Recorded> {
    journal().into_iter().take_while(|one| !matches!(one.event, Event::Ended { .. })).collect()
}

/// What the catalogue's one document says.
pub(crate) const DOCUMENT: &str = "# depotctl\n\n## rollback\n\nGoes one release back.\n";

pub(crate) fn target() -> Target {
    let documents = BTreeMap::from([("depotctl(1)".to_owned(), DOCUMENT.to_owned())]);
    Target { documents, gauges: None }
}

fn sealed(line: &str) -> String {
    let mut event: Value = serde_json::from_str(line).unwrap();
    let data = &mut event["data"];
    if data["truth"].is_object() {
        for field in [
            "component",
            "kind",
            "trigger",
            "facts",
            "distractors",
            "spreads",
            "contributing",
            "owners",
            "severity",
        ] {
            mark(&mut data["truth"][field]);
        }
        data["catalogue"][0]["digest"] = seed::digest(DOCUMENT.as_bytes()).into();
        mark(&mut data["summary"]);
        mark(&mut data["hints"]);
        mark(&mut data["reference_solution"]);
        data["injections"][0]["injector"] = "canary-injector".into();
        data["questions"].as_array_mut().unwrap().push("canary question".into());
    }
    let hidden = ["injection", "symptom-seen", "stop-condition-failed", "agent-silent", "probe-answered"];
    if hidden.contains(&event["kind"].as_str().unwrap()) {
        for field in ["why", "detail", "error"] {
            for place in ["/data", "/data/step"] {
                if let Some(text) = event.pointer_mut(&format!("{place}/{field}")) {
                    mark(text);
                }
            }
        }
    }
    if event["kind"] == "reviewed" {
        for entry in event["data"]["entry"].as_object_mut().unwrap().values_mut() {
            for field in ["because", "overall", "text", "action"] {
                entry.get_mut(field).into_iter().for_each(mark);
            }
        }
    }
    event.to_string()
}

/// Puts the canary into every text.
fn mark(value: &mut Value) {
    match value {
        Value::String(text) => *text = format!("canary {text}"),
        Value::Array(values) => values.iter_mut().for_each(mark),
        Value::Object(fields) => fields.values_mut().for_each(mark),
        _ => {}
    }
}

/// A console in this process.
pub(crate) struct Running {
    pub(crate) desk: Arc<Recorder>,
    pub(crate) tokens: Tokens,
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
    http: Client,
}

impl Running {
    pub(crate) async fn over(events: Vec<Recorded>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (desk, tokens) = (Recorder::over(events), Tokens::fresh());
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = console::serve(desk.clone(), target(), listener, tokens.clone(), shutdown.clone());
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        Self { desk, tokens, address, shutdown, server: tokio::spawn(served), http }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    fn join(&self, hat: Hat, name: &str) -> RequestBuilder {
        self.request(Method::POST, "/api/join").json(&json!({"token": self.tokens.of(hat), "name": name}))
    }

    pub(crate) async fn session(&self, hat: Hat, name: &str) -> String {
        let answer: Value = rationed(&self.join(hat, name)).await.json().await.unwrap();
        answer["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub(crate) async fn ask(
        &self,
        session: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, String) {
        let request = self.request(method, path).bearer_auth(session);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = rationed(&request).await;
        let status = response.status();
        let streams = path.starts_with("/api/events") || path.ends_with("/live");
        let text = if streams { String::new() } else { response.text().await.unwrap() };
        (status, text)
    }

    /// Waits until somebody listens to the live stream; the console itself listens, too.
    async fn stream_is_open(&self) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        while self.desk.count.receiver_count() < 2 {
            assert!(tokio::time::Instant::now() < deadline, "nobody listens");
            tokio::task::yield_now().await;
        }
    }

    /// The live stream up to and with event `last`.
    async fn stream(&self, request: RequestBuilder, last: u64) -> String {
        let mut response = rationed(&request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut text = String::new();
        let end = format!("id: {last}\n");
        let read = async {
            while !(text.contains(&end) && text.ends_with("\n\n")) {
                text.push_str(
                    std::str::from_utf8(&response.chunk().await.unwrap().expect("the stream ended")).unwrap(),
                );
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("the event came in time");
        text
    }
}

/// Asks again for as long as there were too many requests within a second.
pub(crate) async fn rationed(request: &RequestBuilder) -> Response {
    until("an answer", async || {
        let answer = request.try_clone().expect("its body is no stream").send().await.unwrap();
        (answer.status() != StatusCode::TOO_MANY_REQUESTS).then_some(answer)
    })
    .await
}

fn ids(stream: &str) -> Vec<u64> {
    stream.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

/// Every path with what each hat is answered: instigator, responder, trainer, observer.
fn matrix() -> Vec<(Method, &'static str, Option<Value>, [u16; 4])> {
    let post = Method::POST;
    vec![
        (Method::GET, "/", None, [200; 4]),
        (Method::GET, "/healthz", None, [200; 4]),
        (Method::GET, "/api/board", None, [200; 4]),
        (Method::GET, "/api/events", None, [200; 4]),
        (Method::GET, "/api/injections", None, [200, 404, 200, 404]),
        (post.clone(), "/api/act", Some(json!({"say": "hello"})), [409, 200, 409, 409]),
        (post.clone(), "/api/act", Some(json!({"operate": ["depotctl", "list"]})), [409; 4]),
        (post.clone(), "/api/hint", Some(json!({"pointer": "depotctl(1)"})), [200, 409, 409, 409]),
        (post.clone(), "/api/observe", Some(json!({"text": "they talk", "about": 3})), [409, 409, 200, 409]),
        (post.clone(), "/api/review", Some(json!({"hand-in": {"overall": "calm"}})), [409, 409, 200, 409]),
        (Method::GET, "/api/grading", None, [404, 404, 200, 404]),
        (post.clone(), "/api/ask", Some(json!({"number": 1})), [200, 409, 409, 409]),
        (post.clone(), "/api/inject", Some(json!({"number": 1})), [200, 409, 409, 409]),
        (post.clone(), "/api/second-act", Some(json!({})), [200, 409, 409, 409]),
        (post.clone(), "/api/settle", Some(json!({"message": 3})), [200, 409, 409, 409]),
        (post.clone(), "/api/tell", Some(json!({"text": "I know this"})), [409, 409, 409, 200]),
        (post.clone(), "/api/lever", Some(json!({"reason": "a fire"})), [200, 409, 409, 409]),
        (post.clone(), "/api/stop", Some(json!({"reason": "enough"})), [200; 4]),
        (Method::GET, "/alertmanager/api/v2/alerts", None, [200; 4]),
        (Method::GET, "/alertmanager/api/v2/alerts/groups", None, [200; 4]),
        (Method::GET, "/alertmanager/api/v2/silences", None, [200; 4]),
        (Method::GET, "/alertmanager/api/v2/status", None, [200; 4]),
        (post.clone(), "/api/board", Some(json!({})), [404; 4]),
        (post, "/api/nothing", Some(json!({})), [404; 4]),
        (Method::GET, "/debug", None, [404; 4]),
    ]
}

#[tokio::test]
async fn every_path_answers_every_hat_as_it_should() {
    let running = Running::over(under_way()).await;
    for (column, (hat, name)) in HATS.into_iter().enumerate() {
        let session = running.session(hat, name).await;
        for (method, path, body, wanted) in matrix() {
            let (status, text) = running.ask(&session, method, path, body.as_ref()).await;
            assert_eq!(status.as_u16(), wanted[column], "{path} for {hat:?}: {text}");
        }
    }
    // Only what was let through has reached the drill, in the names of those who asked.
    let acts = running.desk.asked().into_iter().filter_map(|asked| match asked {
        Command::Act { by, .. } | Command::Hint { by, .. } | Command::Ask { by, .. } => Some(by.to_string()),
        _ => None,
    });
    assert_eq!(acts.collect::<Vec<_>>(), ["ivo", "ivo", "ana"]);
    assert_eq!(*running.desk.levers.lock().unwrap(), ["ivo: a fire"]);
}

#[tokio::test]
async fn without_a_session_nothing_is_told() {
    let running = Running::over(journal()).await;
    let mut bodies = std::collections::BTreeSet::new();
    let mut tried = 0;
    for (method, path, body, _) in matrix() {
        if matches!(path, "/" | "/healthz") {
            continue;
        }
        for authorization in
            [None, Some("Bearer 0123456789abcdef0123456789abcdef"), Some("Basic YTpi"), Some("Bearer ")]
        {
            let mut request = running.request(method.clone(), path);
            if let Some(value) = authorization {
                request = request.header("authorization", value);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {authorization:?}");
            bodies.insert(response.text().await.unwrap());
            tried += 1;
        }
    }
    assert!(tried > 30);
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // A join token is no session, and another drill's token joins nobody.
    let token = running.tokens.of(Hat::Instigator).to_owned();
    assert_eq!(running.ask(&token, Method::GET, "/api/board", None).await.0, StatusCode::UNAUTHORIZED);
    let wrong = json!({"token": Tokens::fresh().of(Hat::Instigator), "name": "eve"});
    let response = running.request(Method::POST, "/api/join").json(&wrong).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(running.desk.asked().is_empty());
}

#[tokio::test]
async fn hidden_and_absent_answer_alike() {
    let running = Running::over(journal()).await;
    let session = running.session(Hat::Responder, "ana").await;
    let hidden = running.ask(&session, Method::GET, "/api/injections", None).await;
    let absent = running.ask(&session, Method::GET, "/api/nothing", None).await;
    assert_eq!(hidden, absent);
}

#[tokio::test]
async fn a_name_has_one_hat_and_names_are_names() {
    let running = Running::over(journal()).await;
    running.session(Hat::Responder, "ana").await;
    let other = running.join(Hat::Instigator, "ana").send().await.unwrap();
    assert_eq!(other.status(), StatusCode::CONFLICT);
    let body: Value = other.json().await.unwrap();
    assert_eq!(body["code"], "other-hat");
    let odd = running.join(Hat::Responder, "a\u{202e}b").send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::BAD_REQUEST);
    // What the drill refuses comes with its word and its sentence.
    let session = running.session(Hat::Responder, "ana").await;
    let (status, text) =
        running.ask(&session, Method::POST, "/api/act", Some(&json!({"ack": "Nothing"}))).await;
    let refused: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(refused, json!({"code": "no-such-alarm", "error": "no alarm `Nothing` is active"}));
}

#[tokio::test]
async fn injections_are_told_with_their_states() {
    let running = Running::over(journal()).await;
    let session = running.session(Hat::Trainer, "tom").await;
    let (_, text) = running.ask(&session, Method::GET, "/api/injections", None).await;
    let injections: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        injections,
        json!([
            {"id": "gd-one", "fault": "release-roll-out", "target": "service web", "state": "gone"},
            // What the script and a second act planned later, under the same name in this journal.
            {"id": "gd-one", "fault": "release-roll-out", "target": "service web", "state": "planned"},
            {"id": "gd-one", "fault": "release-roll-out", "target": "service web", "state": "planned"},
        ])
    );
}

#[tokio::test]
async fn the_stream_catches_up_and_goes_on() {
    let running = Running::over(journal()).await;
    let session = running.session(Hat::Responder, "ana").await;
    let begin = |path: &str| running.request(Method::GET, path).bearer_auth(&session);
    running.desk.append(Event::Acted { by: "ana".parse().unwrap(), act: Act::Say("first".into()) });
    let last = running.desk.journal(0).len() as u64 - 1;
    let all = ids(&running.stream(begin("/api/events"), last).await);
    assert!(all.len() > 10 && all.is_sorted_by(|a, b| a < b), "{all:?}");

    let middle = all[all.len() / 2];
    let wanted: Vec<_> = all.iter().copied().filter(|seq| *seq > middle).collect();
    let asked = running.stream(begin(&format!("/api/events?after={middle}")), last).await;
    assert_eq!(ids(&asked), wanted);
    // Who comes back knows better than the address of the first try.
    let again = begin("/api/events?after=0").header("last-event-id", middle.to_string());
    assert_eq!(ids(&running.stream(again, last).await), wanted);

    // A stream that is open hears what happens, once.
    let live = running.stream(begin(&format!("/api/events?after={last}")), last + 1);
    let happen = async {
        running.stream_is_open().await;
        running.desk.append(Event::Acted { by: "ana".parse().unwrap(), act: Act::Say("second".into()) });
    };
    let (live, ()) = tokio::join!(live, happen);
    assert_eq!(ids(&live), [last + 1]);
    assert!(live.contains("second"), "{live}");

    for wrong in ["/api/events?after=x", "/api/events?after=-1", "/api/events?after=18446744073709551615"] {
        assert_eq!(begin(wrong).send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{wrong}");
    }
}

/// Everything that a person with this hat is ever answered.
async fn crawl(running: &Running, hat: Hat, name: &str) -> String {
    let joined = running.join(hat, name).send().await.unwrap();
    let mut seen = format!("{:?}", joined.headers());
    let answer: Value = joined.json().await.unwrap();
    seen.push_str(&answer.to_string());
    let session = answer["session"].as_str().unwrap().to_owned();
    for (method, path, body, _) in matrix() {
        seen.push_str(&running.ask(&session, method, path, body.as_ref()).await.1);
    }
    for side in ["responder", "observer", "instigator", "trainer"] {
        let session = running.session(hat, &format!("{name}-{side}")).await;
        for page in PAGES {
            let (status, text) = running.ask(&session, Method::GET, &format!("/{side}{page}"), None).await;
            seen.push_str(&format!("{status} {text}"));
        }
        for asset in ["console.css", "console.js", "icon.svg"] {
            seen.push_str(&running.ask(&session, Method::GET, &format!("/assets/{asset}"), None).await.1);
        }
    }
    let nonsense = json!({"gd-one": {"by": "me"}});
    seen.push_str(&running.ask(&session, Method::POST, "/api/act", Some(&nonsense)).await.1);
    running.desk.append(Event::Acted { by: "ana".parse().unwrap(), act: Act::Say("the end".into()) });
    let last = running.desk.journal(0).len() as u64 - 1;
    let stream = running.request(Method::GET, "/api/events").bearer_auth(&session);
    seen.push_str(&running.stream(stream, last).await);
    let page = format!("/{hat}/live");
    seen.push_str(&live(running, &session, &page, last).await);
    seen
}

#[tokio::test]
async fn no_responder_hears_the_truth() {
    let running = Running::over(under_way()).await;
    for (hat, name, told) in [
        (Hat::Responder, "ana", false),
        (Hat::Observer, "oli", false),
        (Hat::Instigator, "ivo", true),
        (Hat::Trainer, "tom", true),
    ] {
        let seen = crawl(&running, hat, name).await;
        // What a refusal repeats of one's own words is no leak.
        let seen = seen.replace("unknown variant `gd-one`", "");
        assert_eq!(seen.contains("canary"), told, "{hat:?}");
        assert_eq!(seen.contains("gd-one"), told, "{hat:?}");
        assert!(seen.contains("UploadErrorsHigh"), "{hat:?} was told nothing");
    }
}

#[tokio::test]
async fn odd_requests_are_refused() {
    let running = Running::over(journal()).await;
    let session = running.session(Hat::Responder, "ana").await;
    let port = running.address.port();
    let board = || running.request(Method::GET, "/api/board").bearer_auth(&session);
    let status = |request: RequestBuilder| async { request.send().await.unwrap().status().as_u16() };
    assert_eq!(status(board().header("host", format!("evil.example:{port}"))).await, 421);
    assert_eq!(status(board().header("host", format!("localhost:{port}"))).await, 200);
    assert_eq!(status(board().header("x-long", "x".repeat(20 * 1024))).await, 431);
    let act = || running.request(Method::POST, "/api/act").bearer_auth(&session);
    assert_eq!(status(act().json(&json!({"say": "x".repeat(70 * 1024)}))).await, 413);
    assert_eq!(status(act().body(r#"{"say":"x"}"#)).await, 415);
    assert_eq!(status(act().header("content-type", "application/json").body("{")).await, 400);
    assert_eq!(status(act().json(&json!({"explode": "x"}))).await, 400);
    let stop = running.request(Method::POST, "/api/stop").bearer_auth(&session);
    assert_eq!(status(stop.json(&json!({"reason": "x", "by": "ivo"}))).await, 400);
    let answer = board().send().await.unwrap();
    let headers = answer.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(!headers.contains_key("access-control-allow-origin"));
    let flat = running.request(Method::OPTIONS, "/api/act").header("origin", "http://evil.example");
    let preflight = flat.header("access-control-request-method", "POST").send().await.unwrap();
    assert!(
        !preflight.status().is_success() && !preflight.headers().contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else() {
    let running = Running::over(journal()).await;
    let (ana, ben) =
        (running.session(Hat::Responder, "ana").await, running.session(Hat::Responder, "ben").await);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..80 {
        asking.spawn(running.request(Method::GET, "/api/board").bearer_auth(&ana).send());
    }
    let answers = asking.join_all().await;
    let count =
        |wanted: StatusCode| answers.iter().filter(|one| one.as_ref().unwrap().status() == wanted).count();
    assert!(count(StatusCode::OK) >= 20 && count(StatusCode::TOO_MANY_REQUESTS) > 0);
    let of_ben = running.request(Method::GET, "/api/board").bearer_auth(&ben).send().await.unwrap();
    assert_eq!(of_ben.status(), StatusCode::OK);
}

#[tokio::test]
async fn open_streams_end_with_the_console() {
    let running = Running::over(journal()).await;
    let session = running.session(Hat::Observer, "oli").await;
    let request = running.request(Method::GET, "/api/events").bearer_auth(&session);
    let mut response = request.send().await.unwrap();
    running.shutdown.cancel();
    let end = async { while response.chunk().await.is_ok_and(|piece| piece.is_some()) {} };
    tokio::time::timeout(DEADLINE, end).await.expect("the stream ends");
    tokio::time::timeout(DEADLINE, running.server).await.expect("the console ends").unwrap().unwrap();
}

/// The binary with a home of its own.
pub(crate) fn gameday(home: &std::path::Path, args: &[&str]) -> Program {
    let mut program = Program::cargo_bin("gameday").unwrap();
    program.args(args).env("GAMEDAY_HOME", home).env_remove("GAMEDAY_SESSION").env_remove("GAMEDAY_LOG");
    program
}

/// Runs what blocks beside the console.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_play_from_the_terminal() {
    let running = Running::over(journal()).await;
    let folder = tempfile::tempdir().unwrap();
    let home: PathBuf = folder.path().join("home");
    let responder = running.tokens.link(running.address, Hat::Responder);
    let instigator = running.tokens.link(running.address, Hat::Instigator);
    let paths = beside(move || play(&home, &responder, &instigator)).await;
    for path in paths {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let acts: Vec<_> =
        running.desk.asked().into_iter().filter(|one| !matches!(one, Command::Join { .. })).collect();
    let by = |name: &str| name.parse::<Person>().unwrap();
    let ana = |act| Command::Act { by: by("ana"), act };
    let act = |value: Value| ana(serde_json::from_value(value).unwrap());
    assert_eq!(
        acts,
        [
            ana(Act::TakeRole(Role::Ic)),
            ana(Act::Say("hello".into())),
            ana(Act::Ack("Nothing".parse().unwrap())),
            act(
                json!({"status": {"text": "we look", "to": ["users"], "state": "investigating", "next_in": "15m"}})
            ),
            act(
                json!({"cause": {"component": "web", "kind": "config.value", "facts": ["f2"], "text": "the pool",
                "onset": "T+90s", "confidence": 80, "evidence": [52]}})
            ),
            act(
                json!({"assess": {"windows": [{"from": "T+15s", "to": "T+1m20s"}], "failed": {"put": {"percent": 40.0}}, "text": ""}})
            ),
            act(
                json!({"ticket": {"open": {"title": "Uploads fail", "on": "web", "priority": "urgent", "cc": ["web-team"]}}})
            ),
            act(json!({"ticket": {"note": {"text": "users are told", "status": 51}}})),
            act(json!({"severity": {"users-affected": "some", "sites": "dont-know"}})),
            Command::Hint { by: by("ivo"), pointer: "depotctl(1)".into() },
            Command::Stop { by: by("ana"), reason: "a fire".into(), real_incident: true },
        ]
    );
}

/// What two people type. Gives the files that hold secrets.
fn play(home: &std::path::Path, responder: &str, instigator: &str) -> Vec<PathBuf> {
    let run = |args: &[&str]| gameday(home, args).assert();
    let joined = run(&["join", instigator, "--as", "ivo", "--json"]).success();
    let ivo: Value = serde_json::from_slice(&joined.get_output().stdout).unwrap();
    let ivo = ivo["session"].as_str().unwrap();
    run(&["join", responder, "--as", "ana"])
        .success()
        .stdout(predicate::str::contains("You are ana, responder."));
    run(&["role", "take", "ic"]).success().stdout("You hold ic.\n");
    run(&["say", "hello"]).success();
    run(&["ack", "Nothing"])
        .code(1)
        .stderr("gameday: could not acknowledge the alarm: no alarm `Nothing` is active\n");
    run(&["status", "we look", "--state", "investigating", "--to", "users", "--next", "15m"]).success();
    run(&[
        "cause",
        "--component",
        "web",
        "--kind",
        "config.value",
        "--fact",
        "f2",
        "--text",
        "the pool",
        "--onset",
        "T+90s",
        "--confidence",
        "80",
        "--evidence",
        "52",
    ])
    .success();
    run(&["assess", "--window", "T+15s..T+1m20s", "--failed", "put=40%"]).success();
    run(&["ticket", "open", "Uploads fail", "--on", "web", "--priority", "urgent", "--cc", "web-team"])
        .success();
    run(&["ticket", "note", "users are told", "--status", "51"]).success();
    run(&["ticket", "show", "t1"]).success().stdout(predicate::str::contains("t1  very-urgent  on web-east"));
    run(&["ticket", "show", "t9"]).code(1).stderr(predicate::str::contains("there is no ticket t9"));
    run(&["severity", "users-affected=some", "sites=?"]).success();
    run(&["severity"]).success().stdout(predicate::str::contains("one of: none, some, all; or dont-know"));
    run(&["severity", "users"]).code(2);
    run(&["hint", "depotctl(1)"]).code(1).stderr(predicate::str::contains("instigators"));
    run(&["hint", "depotctl(1)", "--session", ivo]).success();
    run(&["board", "--facts"])
        .success()
        .stdout(predicate::str::contains("EXERCISE").and(predicate::str::contains("gd-one").not()));
    gameday(home, &["board"])
        .env("GAMEDAY_SESSION", ivo)
        .assert()
        .success()
        .stdout(predicate::str::contains("gd-one"));
    run(&["stop", "--real-incident", "a fire"]).success();
    std::fs::read_dir(home.join("sessions")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_sees_the_channel_until_the_end() {
    let running = Running::over(journal()).await;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    let link = running.tokens.link(running.address, Hat::Responder);
    let follower = tokio::spawn(beside(move || {
        gameday(&home, &["join", &link, "--as", "ana", "--follow"]).timeout(DEADLINE).assert().success()
    }));
    running.stream_is_open().await;
    running.shutdown.cancel();
    let done = follower.await.unwrap();
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(said.contains("UploadErrorsHigh") && !said.contains("data:"), "{said}");
}
