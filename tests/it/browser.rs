//! The pages in a real browser: four people play a drill from the first page to the debrief, and a page that was cut off
//! catches up by itself.

use crate::{
    console::{Recorder, Running, journal, under_way},
    lobby::Hall,
    skip::skip,
    stage::{Mailbox, NOW, scenario},
};
use gameday::{
    base::{Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    console::{self, Gauges, Target, Tokens},
    drill::{
        command::{Command, Refusal},
        event::{Attachment, Event, Hat, Outcome, Recorded},
        plan::{Plan, PlanOptions},
    },
    engine::{Conductor, Desk, Hands},
    library::{Library, worker::ScriptRunner},
    scenario::{AlarmTrigger, act::Act},
    seed::Seed,
    store::MemoryStore,
    target::sim::Sim,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

/// Nothing that a page waits for takes longer, also on a busy machine.
const PATIENCE: Span = Span::from_secs(60);
/// How an element is named in the driver's protocol.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a driver beside it; both end with this.
struct Browser {
    driver: Child,
    http: Client,
    session: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver takes its browser along.
        let _ = std::process::Command::new("kill").arg(self.driver.id().to_string()).status();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// Nothing when no browser is installed here.
    async fn start() -> Option<Self> {
        let mut driver = std::process::Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok()
        })?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build().unwrap();
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,900"];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let address = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, http, session: address };
        let answer = browser.ask(Method::POST, "", wanted).await.ok()?;
        browser.session = format!("{}/{}", browser.session, answer["sessionId"].as_str()?);
        Some(browser)
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let request = self.http.request(method.clone(), format!("{}{path}", self.session));
        let request = if method == Method::GET { request } else { request.json(&body) };
        let mut answer: Value = request.send().await.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        if value["error"].is_string() { Err(value) } else { Ok(value) }
    }

    async fn tell(&self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn js(&self, script: &str) -> Value {
        self.tell("/execute/sync", json!({"script": script, "args": []})).await
    }

    /// A page of its own, in front from now on.
    async fn open(&self, address: &str) -> Value {
        let window = self.tell("/window/new", json!({"type": "tab"})).await["handle"].clone();
        self.turn_to(&window).await;
        self.tell("/url", json!({"url": address})).await;
        window
    }

    async fn turn_to(&self, window: &Value) {
        self.tell("/window", json!({"handle": window})).await;
    }

    /// Waits until an expression is true on the page in front.
    async fn until(&self, expression: &str) {
        let end = SystemClock.now() + PATIENCE;
        loop {
            let seen =
                self.js(&format!("try {{ return Boolean({expression}) }} catch {{ return false }}")).await;
            if seen == json!(true) {
                return;
            }
            if SystemClock.now() > end {
                let text = self.js("return document.body.innerText").await;
                panic!("this never came true: {expression}\n{}", text.as_str().unwrap_or_default());
            }
            SystemClock.sleep_until(SystemClock.now() + Span::from_millis(50)).await;
        }
    }

    /// Waits until a part of the page says something.
    async fn says(&self, part: &str, words: &str) {
        self.until(&format!("document.querySelector({part:?}).textContent.includes({words:?})")).await;
    }

    /// Clicks what a selector finds, once it is there.
    async fn click(&self, selector: &str) {
        self.until(&format!("document.querySelector({selector:?})")).await;
        self.js(&format!("document.querySelector({selector:?}).scrollIntoView({{block: 'center'}})")).await;
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/click"), json!({})).await;
    }

    /// Types into a field.
    async fn write(&self, selector: &str, text: &str) {
        self.until(&format!("document.querySelector({selector:?})")).await;
        let element = self.find(selector).await;
        self.tell(&format!("/element/{element}/value"), json!({"text": text})).await;
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.tell("/element", json!({"using": "css selector", "value": selector})).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Fills a form that stands under a title, and sends it.
    async fn act(&self, form: &str, fields: &[(&str, &str)]) {
        if self.js(&format!("return document.querySelector('#{form}').open")).await != json!(true) {
            self.click(&format!("#{form} > summary")).await;
        }
        for (field, text) in fields {
            self.write(&format!("#{form} [name='{field}']"), text).await;
        }
        self.click(&format!("#{form} .send button")).await;
        self.says(&format!("#{form} output"), "Done.").await;
    }

    /// Opens somebody's link and joins.
    async fn join(&self, link: &str, name: &str) -> Value {
        let window = self.open(link).await;
        self.until("location.hash === ''").await;
        self.write("#join [name=name]", name).await;
        self.click("#join button").await;
        self.until("document.querySelector('.link.live')").await;
        window
    }

    /// What the page complained of since the last time.
    async fn complaints(&self) -> Vec<String> {
        let log = self.tell("/se/log", json!({"type": "browser"})).await;
        let lines = log.as_array().into_iter().flatten().map(|line| line["message"].to_string());
        lines.collect()
    }
}

/// The engine's desk as the console knows it.
struct Door(Desk);

impl console::Desk for Door {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        self.0.send(command)
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        self.0.journal(from)
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed()
    }
}

/// A drill on the modelled target that takes a minute and not twenty; people alone play.
fn short() -> Plan {
    let scenario = scenario("pool-shrink");
    let options =
        PlanOptions { seed: Seed(7), start: NOW, autopilot: false, routes: vec!["terminal".into()] };
    let mut plan = Plan::resolve(&scenario, options);
    let soon = Span::from_secs(2);
    for condition in plan.steady_state.iter_mut().chain(&mut plan.restored_when) {
        condition.held = soon;
    }
    plan.injections[0].at = soon;
    for alarm in &mut plan.alarms {
        if let AlarmTrigger::When(condition) = &mut alarm.trigger {
            condition.held = soon;
        }
    }
    plan.start = SystemClock.now() + plan.lead() + Span::from_secs(8);
    plan
}

/// The drill, with its console.
struct Played {
    desk: Desk,
    tokens: Tokens,
    address: SocketAddr,
    conducted: tokio::task::JoinHandle<()>,
}

async fn drill() -> Played {
    let plan = short();
    let clock = Arc::new(SystemClock);
    let sim = Sim::new(clock.clone(), plan.target.clone(), plan.workload.clone(), Seed(7));
    let epoch = sim.take_epoch();
    let sim = Arc::new(sim);
    let hands = Hands {
        clock,
        store: Arc::new(MemoryStore::new()),
        injector: sim.clone(),
        prober: sim.clone(),
        traffic: sim.clone(),
        operator: sim,
        notifier: Arc::new(Mailbox::default()),
        scripts: ScriptRunner::InProcess,
    };
    let attachment = Attachment { agent: "sim".into(), folder: "sim".into(), root: Some("sim".into()) };
    let mut conductor = Conductor::begin(hands, plan, Some(attachment), epoch).await.unwrap();
    let (desk, tokens) = (conductor.desk(), Tokens::fresh());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let over = CancellationToken::new();
    let door: Arc<dyn console::Desk> = Arc::new(Door(desk.clone()));
    tokio::spawn(console::serve(door, target(), listener, tokens.clone(), over.clone()));
    let conducted = tokio::spawn(async move {
        conductor.conduct().await.unwrap();
        over.cancel();
    });
    Played { desk, tokens, address, conducted }
}

/// The documents of the target, and metrics as if each instance answered ten requests between two readings.
fn target() -> Target {
    let library = Library::new(vec![gameday::depot::describe()], ScriptRunner::InProcess);
    let documents = library.documents("pool-shrink").unwrap();
    Target { documents, gauges: Some(Arc::new(Counting::default())) }
}

#[derive(Default)]
struct Counting(AtomicU64);

impl Gauges for Counting {
    fn read(&self) -> BoxFuture<'_, BTreeMap<String, String>> {
        let count = self.0.fetch_add(10, Ordering::Relaxed);
        let page = format!("http_requests_total{{status=\"200\"}} {count}\n");
        Box::pin(async move { BTreeMap::from([("web-east".to_owned(), page)]) })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_people_play_a_drill_in_the_browser() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let Played { desk, tokens, address, conducted } = drill().await;
    let link = |hat| tokens.link(address, hat);
    let ana = browser.join(&link(Hat::Responder), "ana").await;
    let ivo = browser.join(&link(Hat::Instigator), "ivo").await;
    let tom = browser.join(&link(Hat::Trainer), "tom").await;
    let oli = browser.join(&link(Hat::Observer), "oli").await;
    // The same person in a second tab.
    let second = browser.open(&format!("http://{address}/responder")).await;

    browser.turn_to(&ana).await;
    browser.click("#role-ic button").await;
    browser.says("#role-ic", "ana").await;
    browser.write("#message", "good morning @ana\n").await;
    browser.says("#lines", "good morning").await;
    browser.until("document.querySelector('#lines .called .at').textContent === '@ana'").await;
    browser.turn_to(&second).await;
    browser.says("#lines", "good morning").await;

    browser.turn_to(&ana).await;
    browser.click("#alarm-UploadErrorsHigh button.ack").await;
    browser.says("#alarm-UploadErrorsHigh", "acknowledged by ana").await;
    respond(&browser).await;
    browser.turn_to(&second).await;
    browser.click(".bar nav a[href='/responder/signals']").await;
    browser.says("#signals", "web-east").await;
    browser.says("#signals", "2.0/s").await;
    browser.turn_to(&ana).await;
    help(&browser, &ana, &ivo).await;

    browser.turn_to(&tom).await;
    browser.click("#moments li:last-child button").await;
    browser.write("#observe [name=text]", "one person does everything").await;
    browser.click("#observe button").await;
    browser.says("#notes", "one person does everything").await;

    // The repair itself is done on the target, and not in the browser.
    let who: Person = "ana".parse().unwrap();
    let rollback = ["depotctl", "rollback", "web"].map(str::to_owned).to_vec();
    desk.send(Command::Act { by: who, act: Act::Operate(rollback) }).await.unwrap();
    browser.turn_to(&ivo).await;
    browser.says("#truth", "restored").await;
    browser.turn_to(&ana).await;
    conclude(&browser).await;
    conducted.await.unwrap();

    // The page has stayed, and leads to the debrief.
    browser.click("#phase a.good").await;
    browser.says("body", "What happened").await;
    browser.says("body", "pool.size is 2").await;
    browser.turn_to(&oli).await;
    browser.says("#phase", "closed").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    told(&desk.journal(0));
}

/// What responders say and write while they look.
async fn respond(browser: &Browser) {
    browser.act("act-d", &[("declare.text", "uploads fail")]).await;
    browser.says("#incident", "uploads fail").await;
    browser
        .act("act-t", &[("ticket.open.title", "Uploads fail"), ("ticket.open.cc:words", "web-oncall, ben")])
        .await;
    browser.says("#tickets", "copied web-oncall, ben").await;
    browser.act("act-s", &[("status.text", "Some uploads fail. We are looking.")]).await;
    browser.says("#incident", "Some uploads fail").await;
    browser.says("#tickets", "mirrored an update").await;
    browser.act("act-v", &[("severity.live", "yes")]).await;
    browser.says("#answers", "live: true").await;
    browser.write("#message", "!log looking at the pool\n").await;
    browser.says("#lines li.log", "looking at the pool").await;
}

/// Stumped; then a question and a hint, and the document that it points to.
async fn help(browser: &Browser, ana: &Value, ivo: &Value) {
    browser.turn_to(ivo).await;
    browser.until("document.querySelector('#desk button').disabled").await;
    browser.turn_to(ana).await;
    browser.act("act-u", &[("stumped", "we see nothing")]).await;
    browser.turn_to(ivo).await;
    browser.click("#desk button:not([disabled])").await;
    browser.click("#do .send button").await;
    browser.says("#do output", "Done.").await;
    browser.turn_to(ana).await;
    browser.says("#help", "How many connections").await;
    browser.click("#help a").await;
    browser.says("article", "pool.size").await;
    browser.click(".bar nav a").await;
    browser.until("document.querySelector('.link.live')").await;
}

/// The team's answers, and the all-clear.
async fn conclude(browser: &Browser) {
    browser
        .act(
            "act-n",
            &[
                ("cause.component", "web"),
                ("cause.kind", "config.capacity"),
                ("cause.text", "pool.size is 2"),
                ("cause.onset:moment", "T+2s"),
                ("cause.confidence:number", "90"),
            ],
        )
        .await;
    browser.says("#answers", "pool.size is 2").await;
    browser
        .act(
            "act-i",
            &[
                ("assess.windows[0].from:moment", "T+2s"),
                ("assess.windows[0].to:moment", "T+40s"),
                ("assess.failed.put.percent:number", "20"),
            ],
        )
        .await;
    browser.act("act-r", &[("resolve", "uploads are good again")]).await;
}

/// What the journal says about all of it.
fn told(journal: &[Recorded]) {
    let acts: Vec<&str> = journal
        .iter()
        .filter_map(|one| match &one.event {
            Event::Acted { act, .. } => Some(act.verb()),
            Event::HintGiven { .. } => Some("hint"),
            Event::QuestionAsked { .. } => Some("question"),
            Event::Observed { about: Some(_), .. } => Some("observed"),
            _ => None,
        })
        .collect();
    assert_eq!(
        acts,
        [
            "role", "say", "ack", "declare", "ticket", "status", "severity", "log", "stumped", "question",
            "hint", "observed", "operate", "cause", "assess", "resolve"
        ]
    );
    let outcome = journal.iter().find_map(|one| match &one.event {
        Event::Ended { outcome, .. } => Some(*outcome),
        _ => None,
    });
    assert_eq!(outcome, Some(Outcome::Completed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_was_cut_off_says_so_and_catches_up() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let running = Running::over(journal()).await;
    browser.join(&running.tokens.link(running.address, Hat::Responder), "ana").await;
    let say = |words: &str| {
        running.desk.append(Event::Acted { by: "ben".parse().unwrap(), act: Act::Say(words.into()) });
    };
    say("before");
    browser.says("#lines", "before").await;

    let network =
        |offline: bool| json!({"network_conditions": {"offline": offline, "latency": 0, "throughput": -1}});
    browser.tell("/chromium/network_conditions", network(true)).await;
    browser.until("!document.querySelector('#note').hidden").await;
    browser.until("document.querySelector('.link.lost')").await;
    say("meanwhile one");
    say("meanwhile two");
    browser.tell("/chromium/network_conditions", network(false)).await;
    browser.says("#lines", "meanwhile two").await;
    browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
    // Every line is there, and once.
    let lines = browser.js("return [...document.querySelectorAll('#lines li')].map((one) => one.id)").await;
    let ids: Vec<&str> = lines.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len());
    browser.says("#lines", "meanwhile one").await;

    // A session that is closed elsewhere ends the page's stream, and the page says what to do.
    let left = "fetch('/api/leave', {method: 'POST', headers: {'x-gameday-hat': 'responder'}})";
    browser.js(left).await;
    browser.says("#note", "Open your link again").await;
}

/// What a page has said about its connection since it was asked to listen.
const LISTEN: &str = "window.said = []; const note = document.getElementById('note'); \
    new MutationObserver(() => window.said.push(note.textContent)).observe(note, {childList: true, characterData: true, subtree: true})";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_outlive_their_server_and_a_laptops_sleep() {
    let Some(browser) = Browser::start().await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let folder = tempfile::tempdir().unwrap();
    let people = folder.path().join("people.json");
    let entrance =
        |listen| console::Entrance { people: Some(people.clone()), ..console::Entrance::at(listen) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let desk = Recorder::over(under_way());
    let hall = Hall::over(listener, entrance, desk.clone(), CancellationToken::new());
    let address = hall.address;
    let first = browser.join(&format!("http://{address}/#{}", hall.token(Hat::Responder)), "ana").await;
    let second = browser.open(&format!("http://{address}/responder")).await;
    browser.until("document.querySelector('.link.live')").await;
    let say =
        |words: &str| desk.append(Event::Acted { by: "ben".parse().unwrap(), act: Act::Say(words.into()) });

    hall.close().await;
    for tab in [&first, &second] {
        browser.turn_to(tab).await;
        browser.says("#note", "No connection to the drill").await;
    }
    say("while nobody listened");
    let listener = TcpListener::bind(address).await.unwrap();
    let hall = Hall::over(listener, entrance, desk.clone(), CancellationToken::new());
    for tab in [&first, &second] {
        browser.turn_to(tab).await;
        browser.says("#lines", "while nobody listened").await;
        browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
        let twice = "[...document.querySelectorAll('#lines li')].filter((li) => li.textContent.includes('while nobody')).length";
        assert_eq!(browser.js(&format!("return {twice}")).await, json!(1));
    }

    // A device that sleeps stops its timers; when it wakes, its clock has jumped.
    browser.js(LISTEN).await;
    browser.js("const was = Date.now; Date.now = () => was() + 60000").await;
    browser.until("window.said.some((text) => text.includes('Catching up'))").await;
    say("while it slept");
    browser.says("#lines", "while it slept").await;
    browser.until("document.querySelector('.link.live') && document.querySelector('#note').hidden").await;
    hall.close().await;
}
