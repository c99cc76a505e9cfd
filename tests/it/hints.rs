//! Nothing that anybody but a responder types reaches the responders. Messages that try, made with the techniques that people
//! use, go through every entry that there is; and every pointer that leads somewhere passes.

use crate::console::{DEADLINE, gameday};
use crate::stage::{NOW, scenario};
use crate::tidy;
use gameday::{
    base::{At, Person, Span},
    clock::BoxFuture,
    console::{self, Desk, Target, Tokens},
    drill::{
        Drill,
        command::{Command, Refusal},
        event::{Event, Hat, Recorded},
        plan::{Plan, PlanOptions},
    },
    scenario::act::Act,
    seed::Seed,
};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// A message of the corpus.
#[derive(Deserialize)]
struct Smuggled {
    how: String,
    text: String,
}

fn smuggled() -> Vec<Smuggled> {
    let path = tidy::root().join("tests/corpus/hints/smuggled.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Pointers by pack, as people type them.
fn legitimate() -> Vec<(String, String)> {
    let path = tidy::root().join("tests/corpus/hints/legitimate.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let pairs = text.lines().map(|line| line.split_once(' ').unwrap());
    pairs.map(|(pack, pointer)| (pack.to_owned(), pointer.to_owned())).collect()
}

fn person(name: &str) -> Person {
    name.parse().unwrap()
}

/// A drill of this scenario that is being played, with its journal.
fn playing(name: &str) -> (Drill, Vec<Recorded>) {
    let options =
        PlanOptions { seed: Seed(7), start: NOW, autopilot: false, routes: vec!["terminal".into()] };
    let mut events = vec![
        Event::Planned(Box::new(Plan::resolve(&scenario(name), options))),
        Event::TookOver { epoch: 1, resume: true },
    ];
    let people = [("ivo", Hat::Instigator), ("ana", Hat::Responder), ("oli", Hat::Observer)];
    events.extend(people.map(|(name, hat)| Event::Joined { person: person(name), hat }));
    events.extend([Event::MeasuringBegan, Event::SteadyStateHeld, Event::Started]);
    let journal: Vec<_> = (0..).zip(events).map(|(seq, event)| Recorded { seq, at: NOW, event }).collect();
    (Drill::fold(&journal).unwrap(), journal)
}

/// Hands a message to every command that takes words or a pointer from somebody who does not play.
fn every_way(text: &str, message: u64) -> Vec<Command> {
    let (ivo, oli) = (person("ivo"), person("oli"));
    let pointer = text.to_owned();
    vec![
        Command::Hint { by: ivo.clone(), pointer: pointer.clone() },
        Command::Settle { by: ivo.clone(), message, pointer: Some(pointer.clone()) },
        Command::Hint { by: oli.clone(), pointer: pointer.clone() },
        Command::Act { by: ivo.clone(), act: Act::Say(pointer.clone()) },
        Command::Act { by: ivo.clone(), act: Act::Log { text: pointer.clone(), on: None } },
        Command::Act { by: oli, act: Act::Say(pointer.clone()) },
        Command::Observe { by: ivo, about: None, text: pointer },
    ]
}

#[test]
fn every_pointer_that_leads_somewhere_passes() {
    let pointers = legitimate();
    assert!(pointers.len() >= 200, "{}", pointers.len());
    let drills = BTreeMap::from([
        ("depot", playing("depot/pool-shrink").0),
        ("guestbook", playing("guestbook/cache-hang").0),
    ]);
    let mut refused = Vec::new();
    for (pack, pointer) in &pointers {
        let asked = Command::Hint { by: person("ivo"), pointer: pointer.clone() };
        let drill = &drills[pack.as_str()];
        match drill.decide(NOW, &asked).as_deref() {
            Ok([Event::HintGiven { entry, anchor, .. }]) => {
                let known = drill.plan().catalogue.iter().find(|one| one.name == *entry).unwrap();
                assert!(anchor.as_ref().is_none_or(|anchor| known.anchors.contains(anchor)), "{pointer}");
            }
            _ => refused.push(pointer),
        }
    }
    assert!(refused.len() * 100 <= pointers.len(), "refused: {refused:?}");
}

#[test]
fn nothing_that_is_smuggled_passes_the_gate() {
    let messages = smuggled();
    assert!(messages.len() >= 600, "{}", messages.len());
    let ways: BTreeSet<_> = messages.iter().map(|one| one.how.as_str()).collect();
    assert!(ways.len() >= 60, "{}", ways.len());
    for name in ["depot/pool-shrink", "guestbook/cache-hang"] {
        let (mut drill, journal) = playing(name);
        let seq = journal.len() as u64;
        let wrote = Event::BystanderWrote { by: person("oli"), text: "may I say something?".into() };
        drill.apply(&Recorded { seq, at: NOW, event: wrote });
        for Smuggled { how, text } in &messages {
            for command in every_way(text, seq) {
                let decided = drill.decide(NOW, &command);
                assert!(decided.is_err(), "{name}, {how}: {text:?} became {decided:?}");
            }
        }
    }
}

#[test]
fn an_inject_that_is_held_back_is_sent_once_and_in_the_authors_words() {
    let (drill, mut journal) = playing("depot/pool-shrink");
    let Event::Planned(plan) = &mut journal[0].event else { unreachable!() };
    plan.injects[1].held = true;
    let mut held = Drill::fold(&journal).unwrap();
    let ask = |number| Command::Inject { by: person("ivo"), number };
    for number in [0, 1, 3, 99, usize::MAX] {
        assert_eq!(held.decide(NOW, &ask(number)).unwrap_err().code(), "not-held", "{number}");
    }
    assert_eq!(drill.decide(NOW, &ask(2)).unwrap_err().code(), "not-held");
    let oli = Command::Inject { by: person("oli"), number: 2 };
    assert_eq!(held.decide(NOW, &oli).unwrap_err().code(), "wrong-hat");
    let events = held.decide(NOW, &ask(2)).unwrap();
    let [Event::InjectSpoken { inject: 1, by: Some(_) }, Event::NoticeQueued(notice)] = &events[..] else {
        panic!("{events:?}")
    };
    assert!(notice.subject.contains(&drill.plan().injects[1].text), "{}", notice.subject);
    let seq = held.next_seq();
    held.apply(&Recorded { seq, at: NOW, event: events[0].clone() });
    assert_eq!(held.decide(NOW, &ask(2)).unwrap_err().code(), "not-held");
    // By itself it never comes, however late it is.
    let late = NOW + Span::from_mins(10);
    let due = held.decide(late, &Command::Tick).unwrap();
    assert!(!due.iter().any(|one| matches!(one, Event::InjectSpoken { inject: 1, .. })), "{due:?}");
}

/// What an order of good pointers could spell is rationed, and on the record.
#[test]
fn many_hints_in_a_row_say_little() {
    let (mut drill, journal) = playing("depot/pool-shrink");
    let orders = [
        &["depot-storage(8)", "depot-session(8)", "depot-web(8)"][..],
        &["depotctl(1)#rollback", "depot-web(8)", "depotctl(1)#rollback"],
        &["depot-web(8)"; 16],
    ];
    let (mut given, mut seq) = (0, journal.len() as u64);
    for round in 0..40u64 {
        let now = NOW + Span::from_secs(round * 31);
        for pointer in orders.iter().flat_map(|order| order.iter()) {
            let asked = Command::Hint { by: person("ivo"), pointer: (*pointer).to_owned() };
            if let Ok(events) = drill.decide(now, &asked) {
                for event in events {
                    drill.apply(&Recorded { seq, at: now, event });
                    seq += 1;
                }
                given += 1;
            }
        }
        // However many are tried at once, one passes.
        assert!(given <= round + 1);
    }
    assert_eq!(given, 12);
}

/// A desk with a real drill behind it: what is asked is decided, kept and applied.
struct Table {
    drill: Mutex<(Drill, Vec<Recorded>)>,
    count: watch::Sender<u64>,
}

impl Table {
    fn of((drill, journal): (Drill, Vec<Recorded>)) -> Arc<Self> {
        let count = watch::Sender::new(journal.len() as u64);
        Arc::new(Self { drill: Mutex::new((drill, journal)), count })
    }

    /// Everything that has happened so far.
    fn events(&self) -> Vec<Event> {
        self.drill.lock().unwrap().1.iter().map(|one| one.event.clone()).collect()
    }
}

impl Desk for Table {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let mut inside = self.drill.lock().unwrap();
            let (drill, journal) = &mut *inside;
            for event in drill.decide(NOW, &command)? {
                let recorded = Recorded { seq: drill.next_seq(), at: NOW, event };
                drill.apply(&recorded);
                journal.push(recorded);
            }
            self.count.send_replace(journal.len() as u64);
            Ok(())
        })
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        self.drill.lock().unwrap().1[usize::try_from(from).unwrap()..].to_vec()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

/// A console over such a table.
struct Open {
    table: Arc<Table>,
    tokens: Tokens,
    address: SocketAddr,
    http: Client,
    end: CancellationToken,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl Open {
    async fn over(name: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (table, tokens) = (Table::of(playing(name)), Tokens::fresh());
        let address = listener.local_addr().unwrap();
        let end = CancellationToken::new();
        tokio::spawn(console::serve(table.clone(), Target::default(), listener, tokens.clone(), end.clone()));
        let http = Client::builder().no_proxy().timeout(DEADLINE).build().unwrap();
        Self { table, tokens, address, http, end }
    }

    fn address(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A session; joining is rationed, and waited for.
    async fn join(&self, hat: Hat, name: &str) -> String {
        let body = json!({"token": self.tokens.of(hat), "name": name});
        loop {
            let answer = self.http.post(self.address("/api/join")).json(&body).send().await.unwrap();
            if answer.status() != StatusCode::TOO_MANY_REQUESTS {
                let answer: Value = answer.json().await.unwrap();
                return answer["session"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
            }
        }
    }

    /// Sends as a program does, or as a page does: with its cookie and its own header.
    async fn post(&self, session: &str, hat: Hat, page: bool, path: &str, body: &Value) -> StatusCode {
        let request = self.http.request(Method::POST, self.address(path)).json(body);
        let request = if page {
            let cookie = format!("gameday-{}-{hat}={session}", self.address.port());
            request.header("cookie", cookie).header("x-gameday-hat", hat.as_str())
        } else {
            request.bearer_auth(session)
        };
        request.send().await.unwrap().status()
    }

    /// Everything that a responder can fetch.
    async fn seen(&self, session: &str) -> Vec<String> {
        let mut all = Vec::new();
        for path in ["/api/board", "/responder", "/responder/docs", "/responder/status", "/responder/signals"]
        {
            let answer = self.http.get(self.address(path)).bearer_auth(session).send().await.unwrap();
            all.push(answer.text().await.unwrap());
        }
        all
    }
}

/// What is left of something that a responder has fetched without its event numbers, and without the lines that say no
/// more than that somebody came.
fn quiet(text: &str) -> String {
    if let Ok(mut board) = serde_json::from_str::<Value>(text) {
        let channel = board["channel"].take();
        for line in channel.as_array().into_iter().flatten() {
            let says = line["text"].as_str().unwrap();
            assert!(
                says == "StartEx" || says.ends_with(" joined") || says == "ana joined as responder",
                "{says}"
            );
        }
        return board.to_string();
    }
    let line = regex::Regex::new("(?s)<li id=\"e[0-9]+\".*?</li>").unwrap();
    let number = regex::Regex::new("data-seq=\"[0-9]+\"").unwrap();
    number.replace_all(&line.replace_all(text, ""), "").into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_entry_of_the_console_lets_a_smuggled_word_through() {
    let open = Open::over("depot/pool-shrink").await;
    let ana = open.join(Hat::Responder, "ana").await;
    let before = open.seen(&ana).await;
    let messages = smuggled();
    // Everybody may ask twenty times at once: each person sends a few messages, in two ways.
    for (index, few) in messages.chunks(9).enumerate() {
        let ivo = open.join(Hat::Instigator, &format!("ivona{index}")).await;
        let oli = open.join(Hat::Observer, &format!("olivar{index}")).await;
        for (number, Smuggled { how, text }) in few.iter().enumerate() {
            let page = number % 2 == 0;
            let hint = json!({"pointer": text});
            let status = open.post(&ivo, Hat::Instigator, page, "/api/hint", &hint).await;
            assert_eq!(status, StatusCode::CONFLICT, "{how}: {text:?}");
            let (path, body) = match (index + number) % 6 {
                0 => ("/api/settle", json!({"message": 2, "pointer": text})),
                1 => ("/api/ask", json!({"number": text})),
                2 => ("/api/inject", json!({"number": text})),
                3 => ("/api/act", json!({"say": text})),
                4 => {
                    ("/api/act", json!({"status": {"text": text, "to": ["users"], "state": "investigating"}}))
                }
                _ => ("/api/hint", json!({"pointer": "depotctl(1)", "title": text})),
            };
            let status = open.post(&ivo, Hat::Instigator, page, path, &body).await;
            assert!(
                status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS,
                "{path} {text:?}: {status}"
            );
            // This one is taken, and stays with those who run the drill.
            let tell = open.post(&oli, Hat::Observer, page, "/api/tell", &json!({"text": text})).await;
            assert!([StatusCode::OK, StatusCode::CONFLICT].contains(&tell), "{text:?}: {tell}");
        }
    }
    let wrote = open.table.events().iter().filter(|one| matches!(one, Event::BystanderWrote { .. })).count();
    assert!(wrote > 100, "{wrote}");
    // Names are typed by people, too.
    open.join(Hat::Instigator, "it-is-the-pool").await;
    open.join(Hat::Trainer, "roll-back-web").await;
    let after = open.seen(&ana).await;
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(quiet(before), quiet(after));
        for name in ["it-is-the-pool", "roll-back-web", "olivar", "ivona"] {
            assert!(!after.contains(name), "{name}");
        }
    }
    stream_says_nothing(&open, &ana, &messages).await;
}

async fn stream_says_nothing(open: &Open, ana: &str, messages: &[Smuggled]) {
    let last = {
        let say = json!({"say": "this is the end"});
        assert_eq!(open.post(ana, Hat::Responder, false, "/api/act", &say).await, StatusCode::OK);
        open.table.events().len() - 1
    };
    for path in ["/api/events", "/responder/live"] {
        let mut answer = open.http.get(open.address(path)).bearer_auth(ana).send().await.unwrap();
        let mut told = String::new();
        while !told.contains(&format!("id: {last}\n")) {
            told.push_str(&String::from_utf8_lossy(&answer.chunk().await.unwrap().unwrap()));
        }
        for word in ["it-is-the-pool", "roll-back-web", "olivar", "ivona"] {
            assert!(!told.contains(word), "{path} tells {word}");
        }
        for Smuggled { how, text } in messages.iter().filter(|one| one.text.len() > 12) {
            let escaped = serde_json::to_string(text).unwrap();
            assert!(
                !told.contains(text) && !told.contains(escaped.trim_matches('"')),
                "{path} tells {how}: {text:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_smuggles_nothing_either() {
    let open = Open::over("depot/pool-shrink").await;
    let mut seen = BTreeSet::new();
    let one_each: Vec<_> = smuggled().into_iter().filter(|one| seen.insert(one.how.clone())).collect();
    let link = open.tokens.link(open.address, Hat::Instigator);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let typed = tokio::task::spawn_blocking(move || {
        gameday(&home, &["join", &link, "--as", "ivo"]).assert().success();
        // No program can be given a NUL.
        let texts: Vec<_> = one_each.iter().filter(|one| !one.text.contains('\0')).collect();
        for one in &texts {
            gameday(&home, &["hint", "--", &one.text]).assert().failure();
        }
        texts.len()
    });
    assert!(typed.await.unwrap() > 60);
    assert!(!open.table.events().iter().any(|one| matches!(one, Event::HintGiven { .. })));
}

#[test]
fn a_bystanders_message_is_passed_on_as_a_pointer_or_not_at_all() {
    let (mut drill, journal) = playing("depot/pool-shrink");
    let mut seq = journal.len() as u64;
    let mut take = |drill: &mut Drill, at: At, command: &Command| -> Result<Vec<Event>, Refusal> {
        let events = drill.decide(at, command)?;
        for event in &events {
            drill.apply(&Recorded { seq, at, event: event.clone() });
            seq += 1;
        }
        Ok(events)
    };
    let (ivo, oli) = (person("ivo"), person("oli"));
    let first = drill.next_seq();
    for words in ["it is the pool", "I know this one"] {
        take(&mut drill, NOW, &Command::Tell { by: oli.clone(), text: words.into() }).unwrap();
    }
    let settle = |message, pointer: Option<&str>| Command::Settle {
        by: ivo.clone(),
        message,
        pointer: pointer.map(str::to_owned),
    };
    assert_eq!(
        take(&mut drill, NOW, &settle(first, Some("it is the pool"))).unwrap_err().code(),
        "not-in-catalogue"
    );
    let passed = take(&mut drill, NOW, &settle(first, Some("depot-web(8)"))).unwrap();
    assert!(matches!(&passed[0], Event::HintGiven { entry, .. } if entry == "depot-web(8)"), "{passed:?}");
    assert!(matches!(passed[1], Event::BystanderSettled { passed_on: true, .. }));
    // The rules of hints hold, and a message is dealt with once.
    assert_eq!(
        take(&mut drill, NOW, &settle(first + 1, Some("depotctl(1)"))).unwrap_err().code(),
        "hints-rationed"
    );
    let dropped = take(&mut drill, NOW, &settle(first + 1, None)).unwrap();
    assert!(matches!(dropped[..], [Event::BystanderSettled { passed_on: false, .. }]));
    assert_eq!(take(&mut drill, NOW, &settle(first + 1, None)).unwrap_err().code(), "no-such-message");
    let responder = Command::Tell { by: person("ana"), text: "hello".into() };
    assert_eq!(take(&mut drill, NOW, &responder).unwrap_err().code(), "wrong-hat");
}
