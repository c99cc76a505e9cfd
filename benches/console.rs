//! A thousand open streams on one drill: how long until what happens has reached all of them, with two worker threads for
//! server and readers together. Once for streams of programs, once for pages; then both with long messages, alone and beside
//! streams that nobody reads, which are to make no difference.

#![expect(clippy::disallowed_methods, reason = "a bench measures with the machine's own clock")]

use gameday::{
    base::{DrillId, Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    console::{Desk, Entrance, Lobby, Target, Tokens},
    depot,
    drill::{
        command::{Command, Refusal},
        event::{Event, Hat, Recorded},
        plan::{Plan, PlanOptions},
    },
    library::{Library, worker::ScriptRunner},
    scenario::act::Act,
    seed::Seed,
};
use hdrhistogram::Histogram;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

const STREAMS: usize = 1000;
/// Streams of one person.
const EACH: usize = 20;
/// Streams that are opened beside and never read.
const UNREAD: usize = 50;
const EVENTS: usize = 40;
/// Letters of a message; with long ones, those who do not read soon have more waiting than their buffers hold.
const SHORT: usize = 80;
const LONG: usize = 4000;
/// Words that were said before: boards and pages are as full as in a drill.
const SAID_BEFORE: usize = 300;
/// Between two events; a page is told at most five times a second.
const PAUSE: Span = Span::from_millis(400);

/// A drill whose journal grows when it is told to.
struct Journal {
    events: Mutex<Vec<Recorded>>,
    count: watch::Sender<u64>,
}

impl Journal {
    fn of(plan: Plan) -> Arc<Self> {
        let journal = Arc::new(Self { events: Mutex::default(), count: watch::Sender::default() });
        journal.append(Event::Planned(Box::new(plan)));
        journal.append(Event::Started);
        for number in 0..SAID_BEFORE {
            journal.append(said(&format!("looking at place {number}")));
        }
        journal
    }

    fn append(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = events.len() as u64;
        events.push(Recorded { seq, at: SystemClock.now(), event });
        drop(events);
        self.count.send_replace(seq + 1);
    }
}

fn said(words: &str) -> Event {
    Event::Acted { by: "ben".parse().expect("a name"), act: Act::Say(words.to_owned()) }
}

impl Desk for Journal {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        if let Command::Join { person, hat } = command {
            self.append(Event::Joined { person, hat });
        }
        Box::pin(async { Ok(()) })
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        let from = usize::try_from(from).expect("a journal fits in memory");
        self.events.lock().unwrap_or_else(PoisonError::into_inner).get(from..).unwrap_or_default().to_vec()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}

/// One session for every `EACH` streams.
async fn sessions(address: SocketAddr, token: &str) -> Vec<String> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut sessions = Vec::new();
    while sessions.len() < STREAMS.div_ceil(EACH) {
        let name: Person = format!("p{}", sessions.len()).parse().expect("a name");
        let asked = serde_json::json!({"token": token, "name": name});
        let answer =
            client.post(format!("http://{address}/api/join")).json(&asked).send().await.expect("it answers");
        if answer.status().as_u16() == 429 {
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(100)).await;
            continue;
        }
        let said: serde_json::Value = answer.json().await.expect("a session");
        sessions.push(said["session"].as_str().expect("a session").to_owned());
    }
    sessions
}

async fn stream(address: SocketAddr, session: &str, path: &str, after: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let asked = format!(
        "GET {path}?after={after} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {session}\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.expect("it is asked");
    stream
}

/// Says when each marked word has arrived.
async fn read(mut stream: TcpStream, arrived: mpsc::UnboundedSender<(usize, Instant)>) {
    let (mut piece, mut kept) = (vec![0; 64 * 1024], String::new());
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        let now = Instant::now();
        kept.push_str(&String::from_utf8_lossy(&piece[..count]));
        let whole = kept.rfind('\n').map_or(0, |at| at + 1);
        if let Some(number) = kept[..whole].rsplit("mark-").next().filter(|_| kept[..whole].contains("mark-"))
        {
            let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
            let _ = arrived.send((digits.parse().expect("a number"), now));
        }
        kept.drain(..whole);
    }
}

async fn round(
    name: &str,
    journal: &Journal,
    address: SocketAddr,
    sessions: &[String],
    path: &str,
    (length, unread): (usize, usize),
) {
    let (send, mut arrived) = mpsc::unbounded_channel();
    let after = journal.journal(0).len() - 1;
    let mut idle = Vec::new();
    for number in 0..unread {
        idle.push(stream(address, &sessions[number % sessions.len()], path, 0).await);
    }
    // A person may ask so often in a second, and these have.
    SystemClock.sleep_until(SystemClock.now() + Span::from_secs(1)).await;
    let mut readers = tokio::task::JoinSet::new();
    for number in 0..STREAMS {
        let stream = stream(address, &sessions[number / EACH], path, after).await;
        readers.spawn(read(stream, send.clone()));
    }
    let mut reached = Histogram::<u64>::new_with_max(60_000_000, 3).expect("three digits");
    let mut all = Histogram::<u64>::new_with_max(60_000_000, 3).expect("three digits");
    for number in 0..=EVENTS {
        SystemClock.sleep_until(SystemClock.now() + PAUSE).await;
        let begin = Instant::now();
        journal.append(said(&format!("mark-{number} {}", "x".repeat(length))));
        let mut last = begin;
        for _ in 0..STREAMS {
            let (which, at) = loop {
                let one = arrived.recv().await.expect("readers are there");
                if one.0 == number {
                    break one;
                }
            };
            assert_eq!(which, number);
            last = last.max(at);
            // The first one finds streams that are still being opened.
            if number > 0 {
                reached.saturating_record(u64::try_from((at - begin).as_micros()).unwrap_or(u64::MAX));
            }
        }
        if number > 0 {
            all.saturating_record(u64::try_from((last - begin).as_micros()).unwrap_or(u64::MAX));
        }
    }
    let ms = |us: u64| us as f64 / 1000.0;
    println!(
        "{name:<44} a stream: p50 {:>5.1} ms, p99 {:>5.1} ms; all of them: p50 {:>5.1} ms, p99 {:>5.1} ms",
        ms(reached.value_at_quantile(0.5)),
        ms(reached.value_at_quantile(0.99)),
        ms(all.value_at_quantile(0.5)),
        ms(all.value_at_quantile(0.99)),
    );
}

async fn measure() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    let scenario = library.load("pool-shrink").expect("a built-in scenario");
    let options =
        PlanOptions { seed: Seed(7), start: SystemClock.now(), autopilot: false, routes: Vec::new() };
    let plan = Plan::resolve(&scenario, options);
    let drill: DrillId = plan.drill.clone();
    let journal = Journal::of(plan);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
    let address = listener.local_addr().expect("an address");
    let lobby = Lobby::new(Entrance::at(address)).expect("a lobby");
    let tokens = Tokens::fresh();
    let desk: Arc<dyn Desk> = journal.clone();
    lobby.open(desk, Target::default(), CancellationToken::new()).expect("a drill");
    lobby.admit(&tokens, &drill);
    let end = CancellationToken::new();
    let server = tokio::spawn(lobby.serve(listener, end.clone()));
    let sessions = sessions(address, tokens.of(Hat::Responder)).await;
    println!("{STREAMS} open streams of {} responders, {EVENTS} events each:", sessions.len());
    let kinds = [("programs", "/api/events"), ("pages", "/responder/live")];
    for (kind, path) in kinds {
        round(&format!("{kind} ({path})"), &journal, address, &sessions, path, (SHORT, 0)).await;
    }
    for (kind, path) in kinds {
        for (beside, unread) in [("", 0), (", beside 50 that nobody reads", UNREAD)] {
            let name = format!("{kind}, long{beside}");
            round(&name, &journal, address, &sessions, path, (LONG, unread)).await;
        }
    }
    end.cancel();
    let _ = server.await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure());
}
