//! Six people at once: instigator, coordinator, two responders, trainer and observer play a drill to its debrief.

use super::{Browser, RETURN, SPACE, TAB};
use crate::{
    skip::skip,
    stage::{Mailbox, NOW, scenario},
};
use gameday::{
    base::{DrillId, Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    console::{self, Gauges, Target, Tokens},
    drill::{
        command::{Command, Refusal},
        event::{Attachment, Event, Hat, Outcome, Recorded},
        plan::{Plan, PlanOptions},
    },
    engine::{Conductor, Desk, Hands},
    library::{Library, worker::ScriptRunner},
    notify::Notifier,
    scenario::{
        AlarmTrigger, Inject,
        act::{Act, Role},
    },
    seed::Seed,
    store::MemoryStore,
    target::sim::Sim,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

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
fn short(route: &str) -> Plan {
    let scenario = scenario("pool-shrink");
    let options = PlanOptions { seed: Seed(7), start: NOW, autopilot: false, routes: vec![route.into()] };
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
    plan.injects.push(Inject {
        at: Span::from_secs(30),
        unless: None,
        held: true,
        from: "business-owner".into(),
        to: Role::Ic,
        text: "The evening peak begins soon. Will it hold?".into(),
    });
    plan.start = SystemClock.now() + plan.lead() + Span::from_secs(8);
    plan
}

/// The drill, with its console.
pub(crate) struct Played {
    pub(crate) desk: Desk,
    pub(crate) tokens: Tokens,
    pub(crate) address: SocketAddr,
    pub(crate) conducted: tokio::task::JoinHandle<()>,
}

/// Begins it; its alarms go the way of this route.
pub(crate) async fn drill(route: &str, notifier: impl FnOnce(&DrillId) -> Arc<dyn Notifier>) -> Played {
    let plan = short(route);
    let notifier = notifier(&plan.drill);
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
        notifier,
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

/// Where everybody's page is. A cookie belongs to one side of one host, so the second responder comes by another name of
/// this machine, and the coordinator from a browser of their own.
struct Six {
    /// The coordinator, alone.
    desk: Browser,
    /// Everybody else, in tabs.
    room: Browser,
    ben: Value,
    cho: Value,
    ivo: Value,
    tom: Value,
    oli: Value,
}

impl Six {
    async fn join(tokens: &Tokens, address: SocketAddr) -> Option<Self> {
        let (desk, room) = (Browser::start().await?, Browser::start().await?);
        let link = |hat| tokens.link(address, hat);
        desk.join(&link(Hat::Responder), "ana").await;
        let ben = room.join(&link(Hat::Responder), "ben").await;
        let cho = room.join(&link(Hat::Responder).replace("127.0.0.1", "localhost"), "cho").await;
        let ivo = room.join(&link(Hat::Instigator), "ivo").await;
        let tom = room.join(&link(Hat::Trainer), "tom").await;
        let oli = room.join(&link(Hat::Observer), "oli").await;
        Some(Self { desk, room, ben, cho, ivo, tom, oli })
    }

    /// Somebody of the room, in front from now on.
    async fn of(&self, window: &Value) -> &Browser {
        self.room.turn_to(window).await;
        &self.room
    }

    /// Every board stays small, plots aside.
    async fn weigh(&self) {
        let weight = "const page = document.documentElement.cloneNode(true); \
            page.querySelectorAll('svg').forEach((one) => one.remove()); return page.outerHTML.length";
        for window in [&self.ben, &self.ivo, &self.tom, &self.oli] {
            let bytes = self.of(window).await.js(weight).await.as_u64().unwrap();
            assert!((1000..150 * 1024).contains(&bytes), "{bytes}");
        }
    }

    async fn pictures(&self, when: &str) {
        self.desk.shoot(&format!("responder-{when}")).await;
        for (name, window) in [("instigator", &self.ivo), ("trainer", &self.tom), ("observer", &self.oli)] {
            self.of(window).await.shoot(&format!("{name}-{when}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_people_play_a_drill_in_the_browser() {
    let mail = |_: &DrillId| Arc::new(Mailbox::default()) as Arc<dyn Notifier>;
    let Played { desk, tokens, address, conducted } = drill("terminal", mail).await;
    let Some(six) = Six::join(&tokens, address).await else {
        return skip("chromedriver is not installed, or its browser does not start");
    };
    let ana = &six.desk;
    ana.click("#role-ic button").await;
    ana.says("#role-ic", "ana").await;
    six.of(&six.ivo).await.says("#roster", "ana").await;
    six.of(&six.cho).await.until("document.querySelector('#alarm-UploadErrorsHigh')").await;
    by_keyboard(&six.room).await;
    respond(&six).await;
    ask_and_help(&six).await;
    signals(&six.room, &six.ben, address).await;

    let trainer = six.of(&six.tom).await;
    trainer.click("#moments li:last-child button").await;
    trainer.write("#observe [name=text]", "one person does everything").await;
    trainer.click("#observe button").await;
    trainer.says("#notes", "one person does everything").await;
    six.weigh().await;
    six.pictures("live").await;

    // The repair itself is done on the target, and not in the browser.
    let who: Person = "ben".parse().unwrap();
    let rollback = ["depotctl", "rollback", "web"].map(str::to_owned).to_vec();
    desk.send(Command::Act { by: who, act: Act::Operate(rollback) }).await.unwrap();
    six.of(&six.ivo).await.says("#truth", "restored").await;
    let summary = [("summary", "a release made the pool too small")];
    six.of(&six.ben).await.act("act-w", &summary).await;
    ana.says("#answers", "a release made the pool too small").await;
    conclude(ana).await;
    conducted.await.unwrap();

    // Every page has stayed, and leads to the debrief.
    for window in [&six.ben, &six.cho, &six.oli, &six.tom, &six.ivo] {
        let page = six.of(window).await;
        page.says("#phase", "closed").await;
        page.click("#phase a.good").await;
        page.says("body", "What happened").await;
    }
    ana.click("#phase a.good").await;
    ana.says("body", "pool.size is 2").await;
    ana.shoot("debrief").await;
    assert_eq!(ana.complaints().await, Vec::<String>::new());
    assert_eq!(six.room.complaints().await, Vec::<String>::new());
    told(&desk.journal(0));
}

/// One of them has no mouse.
async fn by_keyboard(cho: &Browser) {
    cho.tab_to("#role-communications button, .roles + details summary").await;
    if cho.js("return document.activeElement.tagName").await == "SUMMARY" {
        cho.keys(RETURN).await;
        cho.tab_to("#role-communications button").await;
    }
    cho.keys(RETURN).await;
    cho.says("#role-communications", "cho").await;
    cho.js("document.activeElement.blur()").await;
    cho.keys("a").await;
    cho.until("document.activeElement.matches('button.ack')").await;
    cho.keys(RETURN).await;
    cho.says("#alarms", "acknowledged by cho").await;
    cho.js("document.activeElement.blur()").await;
    cho.keys("c").await;
    cho.until("document.activeElement.id === 'message'").await;
    cho.keys(&format!("good morning @ana{RETURN}")).await;
    cho.says("#lines", "good morning").await;
    cho.js("document.activeElement.blur()").await;
    cho.keys("s").await;
    cho.until("document.querySelector('#act-s').open").await;
    // From the template to the text, and on to the button.
    cho.tab_to("#act-s textarea").await;
    cho.keys("Some uploads fail. We are looking.").await;
    cho.tab_to("#act-s .send button").await;
    cho.keys(SPACE).await;
    cho.says("#incident", "Some uploads fail").await;
    cho.js("document.activeElement.blur()").await;
    cho.keys("t").await;
    cho.until("document.activeElement.matches('#add-action input')").await;
    cho.keys(&format!("write to the users again{TAB}")).await;
    cho.tab_to("#add-action button").await;
    cho.keys(RETURN).await;
    cho.says("#actions", "write to the users again").await;
}

/// What responders say and write while they look.
async fn respond(six: &Six) {
    let ana = &six.desk;
    ana.until("document.querySelector('#lines .called .at').textContent === '@ana'").await;
    ana.act("act-d", &[("declare.text", "uploads fail")]).await;
    ana.says("#incident", "uploads fail").await;
    ana.act("act-p", &[("page.text", "we need somebody who knows the metadata service")]).await;
    ana.says("#incident", "the on-call").await;
    let ben = six.of(&six.ben).await;
    ben.says("#lines", "klaxon to the on-call").await;
    ben.act("act-t", &[("ticket.open.title", "Uploads fail"), ("ticket.open.cc:words", "web-oncall, ben")])
        .await;
    ben.says("#tickets", "copied web-oncall, ben").await;
    ben.act("act-v", &[("severity.live", "yes")]).await;
    ben.says("#answers", "live: true").await;
    ben.write("#message", "!log looking at the pool\n").await;
    ben.says("#lines", "looking at the pool").await;
    ana.write("#add-action input", "compare both releases").await;
    ana.write("#add-action select", "ben").await;
    ana.click("#add-action button").await;
    ana.says("#action-2", "ben").await;
    ben.click("#action-2 form button[aria-label]").await;
    ana.says("#actions", "1 closed").await;
}

/// A bystander, a held inject; stumped, then a question and a hint, and the document that it points to.
async fn ask_and_help(six: &Six) {
    let oli = six.of(&six.oli).await;
    oli.write("#do [name=text]", "it is the pool of web").await;
    oli.click("#do .send button").await;
    oli.says("#told", "not answered yet").await;
    let ivo = six.of(&six.ivo).await;
    ivo.says("#bystanders", "it is the pool of web").await;
    ivo.click("#bystanders .message form.inline button").await;
    ivo.says("#bystanders", "dealt with").await;
    ivo.click("#held button").await;
    ivo.says("#held", "sent").await;
    ivo.until("document.querySelector('#desk button').disabled").await;
    six.desk.says("#lines", "Will it hold?").await;
    six.desk.act("act-u", &[("stumped", "we see nothing")]).await;
    ivo.click("#desk button:not([disabled])").await;
    // Two keystrokes.
    ivo.js("document.activeElement.blur()").await;
    ivo.keys(&format!("h{RETURN}")).await;
    ivo.says("#do output", "Done.").await;
    six.of(&six.oli).await.says("#told", "not passed on").await;
    let ana = &six.desk;
    ana.says("#help", "How many connections").await;
    ana.click("#help a").await;
    ana.says("article", "pool.size").await;
    ana.shoot("document").await;
    ana.click(".bar nav a").await;
    ana.until("document.querySelector('.link.live')").await;
}

/// The target's own metrics, in a tab more of the same person.
async fn signals(room: &Browser, ben: &Value, address: SocketAddr) {
    room.open(&format!("http://{address}/responder/signals")).await;
    room.says("#signals", "web-east").await;
    room.says("#signals", "2.0/s").await;
    room.shoot("signals").await;
    room.tell("/url", serde_json::json!({"url": format!("http://{address}/responder/status")})).await;
    room.says("#public", "Some uploads fail").await;
    room.shoot("status").await;
    room.turn_to(ben).await;
}

/// The team's answers, and the all-clear.
async fn conclude(ana: &Browser) {
    let cause = [
        ("cause.component", "web"),
        ("cause.kind", "config.capacity"),
        ("cause.text", "pool.size is 2"),
        ("cause.onset:moment", "T+2s"),
        ("cause.confidence:number", "90"),
    ];
    ana.act("act-n", &cause).await;
    ana.says("#answers", "pool.size is 2").await;
    let impact = [
        ("assess.windows[0].from:moment", "T+2s"),
        ("assess.windows[0].to:moment", "T+40s"),
        ("assess.failed.put.percent:number", "20"),
    ];
    ana.act("act-i", &impact).await;
    ana.act("act-r", &[("resolve", "uploads are good again")]).await;
}

/// What the journal says about all of it.
fn told(journal: &[Recorded]) {
    let kinds: BTreeSet<&str> = journal
        .iter()
        .filter_map(|one| match &one.event {
            Event::Acted { act, .. } => Some(act.verb()),
            Event::HintGiven { .. } => Some("hint"),
            Event::QuestionAsked { .. } => Some("question"),
            Event::InjectSpoken { by: Some(_), .. } => Some("held inject"),
            Event::BystanderWrote { .. } => Some("bystander"),
            Event::BystanderSettled { passed_on: false, .. } => Some("settled"),
            Event::Observed { about: Some(_), .. } => Some("observed"),
            _ => None,
        })
        .collect();
    let wanted = [
        "role",
        "say",
        "ack",
        "declare",
        "page",
        "action",
        "ticket",
        "status",
        "severity",
        "log",
        "stumped",
        "question",
        "hint",
        "held inject",
        "bystander",
        "settled",
        "observed",
        "operate",
        "summary",
        "cause",
        "assess",
        "resolve",
    ];
    assert_eq!(kinds, BTreeSet::from(wanted));
    let outcome = journal.iter().find_map(|one| match &one.event {
        Event::Ended { outcome, .. } => Some(*outcome),
        _ => None,
    });
    assert_eq!(outcome, Some(Outcome::Completed));
}
