//! Plays one plan on a staged target: what `run`, `demo` and `rehearse` share.

use super::{
    exit::{Exit, Failure},
    home::Home,
    interrupt::{Interrupts, interrupted},
    practice, preflight, safety, show,
    wire::{self, Books, DrillLock, Stage},
};
use crate::{
    base::{At, DrillId, Person, Span, limits},
    clock::{BoxFuture, Clock, SystemClock},
    console::{self, Lobby, Tokens},
    drill::{
        command::{Command, Refusal},
        event::{Event, Hat, Outcome, Recorded},
        plan::{Admission, Plan, PlanOptions},
        seat::Seat,
    },
    engine::{Conductor, Desk, EngineError, Hands},
    notify::{Addressees, Means, Routes},
    people::Email,
    report::{
        self, Journal,
        board::{Audience, replay_line},
        render,
    },
    scenario::Scenario,
    seed::Seed,
    store::write_jsonl,
};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// How a plan is played.
pub(super) struct Play {
    /// The scenario.
    pub(super) scenario: Scenario,
    /// The documents that its people may read, by their names in the catalogue.
    pub(super) documents: BTreeMap<String, String>,
    /// Where randomness begins.
    pub(super) seed: Seed,
    /// StartEx; nothing: as soon as the target is ready and steady.
    pub(super) start: Option<At>,
    /// On what terms it is let in.
    pub(super) admission: Admission,
    /// The scenario's own play is acted.
    pub(super) autopilot: bool,
    /// The seat in it that is left to a person.
    pub(super) seat: Option<Seat>,
    /// By which means alarms reach people, beside the terminal.
    pub(super) means: Means,
    /// Where people come in.
    pub(super) entrance: Entrance,
    /// Where the journal and the reports are left.
    pub(super) out: Option<PathBuf>,
    /// What is shown while it runs: nothing, what responders may see, or everything.
    pub(super) show: Option<Audience>,
}

/// Where the people of a drill come in.
pub(super) enum Entrance {
    /// At a console of its own, which listens here.
    Own(SocketAddr),
    /// At a console of its own, where one person alone has a seat already.
    Alone(Person),
    /// At the server's.
    Shared(Shared),
}

/// What a drill has of the server that it is played in.
#[derive(Clone)]
pub(super) struct Shared {
    /// Where its pages open.
    pub(super) lobby: Arc<Lobby>,
    /// The name that it was announced by.
    pub(super) drill: DrillId,
    /// When the server is to end.
    pub(super) interrupts: Interrupts,
    /// Cancelled when the countdown is over: from then on there is something to take back.
    pub(super) staged: CancellationToken,
}

/// What is left of a drill that was played.
pub(super) struct Played {
    /// Its journal.
    pub(super) journal: Vec<Recorded>,
    /// Where its files are.
    pub(super) folder: PathBuf,
    /// Nothing of it can be left on the target.
    pub(super) clean: bool,
    /// How it ended.
    pub(super) outcome: Option<Outcome>,
}

impl Played {
    /// The same with what was written since, and its reports written anew.
    pub(super) fn again(self, conductor: &Conductor) -> Result<Self, Failure> {
        if conductor.desk().journal(self.journal.len() as u64).is_empty() {
            return Ok(self);
        }
        finish(conductor, self.folder)
    }

    /// Codes of the rules that kept it from starting.
    pub(super) fn refused(&self) -> impl Iterator<Item = &str> {
        self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::Barred { code, .. } => Some(code.as_str()),
            _ => None,
        })
    }

    /// The exit code that says how it went.
    pub(super) fn exit(&self) -> Exit {
        if !self.clean {
            return Exit::Broken;
        }
        match self.outcome {
            Some(Outcome::Completed) => Exit::Done,
            Some(Outcome::Aborted | Outcome::Stopped) => Exit::Stopped,
            Some(Outcome::Unfit | Outcome::Missed) => Exit::World,
            Some(Outcome::Void) => Exit::Refused,
            None => Exit::Broken,
        }
    }
}

impl Play {
    /// Plays to the end, and leaves journal, score and debrief behind.
    pub(super) async fn play(self) -> Result<Played, Failure> {
        let home = Home::open()?;
        let books = wire::open_books(&home).await?;
        preflight::refuse(&self, &home, &books, &self.plan(self.start), false).await?;
        let clock = SystemClock;
        // A target is staged shortly before it is needed; the wait is the countdown.
        if let Some(start) = self.start {
            count_down(start, self.show.is_some()).await?;
        }
        let late = self.start.is_some_and(|start| clock.now() > start + limits::START_LATE_MAX);
        if late {
            return self.miss(&home, &books).await;
        }
        if self.start.is_some() {
            // The countdown may have been long.
            preflight::refuse(&self, &home, &books, &self.plan(self.start), false).await?;
        }
        if let Entrance::Shared(shared) = &self.entrance {
            shared.staged.cancel();
        }
        self.say("Laying out the target and starting its services ...")?;
        let stage = Stage::raise(&home, &self.scenario.pack).await?;
        if let Some(start) = self.start {
            self.say(&begins(start, clock.now()))?;
        }
        let plan = self.plan(self.start);
        let result = self.on_stage(&home, &stage, plan, &books).await;
        let (mut conductor, folder, readers) = match result {
            Ok(done) => done,
            Err(failure) => {
                stage.strike().await?;
                return Err(failure);
            }
        };
        clear_away(stage, &mut conductor).await?;
        let played = finish(&conductor, folder)?;
        readers.wait(self.show.is_some(), &home, &mut conductor).await?;
        played.again(&conductor)
    }

    fn doors<'a>(&'a self, home: &'a Home) -> Doors<'a> {
        let (means, documents) = (&self.means, &self.documents);
        Doors { home, means, documents, entrance: &self.entrance, show: self.show, since: 0 }
    }

    /// The plan of a drill that begins at this moment, or as soon as it can.
    pub(super) fn plan(&self, start: Option<At>) -> Plan {
        let routes = self.means.names();
        let start = start.unwrap_or_else(|| SystemClock.now());
        let options = PlanOptions { seed: self.seed, start, autopilot: self.autopilot, routes };
        let mut plan = Plan::resolve(&self.scenario, options);
        plan.optional_routes = self.means.optional();
        plan.admission.clone_from(&self.admission);
        if let Some(seat) = self.seat {
            seat.leave(&mut plan);
        }
        if let Entrance::Shared(shared) = &self.entrance {
            plan.drill.clone_from(&shared.drill);
        }
        if self.start.is_none() {
            // Whole seconds read better on a timeline.
            let soonest = SystemClock.now() + plan.lead() + Span::from_secs(2);
            plan.start = At::from_millis((soonest.millis() / 1000 + 1) * 1000);
        }
        plan
    }

    async fn on_stage(
        &self,
        home: &Home,
        stage: &Stage,
        plan: Plan,
        books: &Books,
    ) -> Result<(Conductor, PathBuf, Readers), Failure> {
        let routes = self.doors(home).routes(&plan, books.addresses().await?)?;
        let hands = stage.hands(&plan, Arc::clone(&books.store), Arc::new(routes))?;
        let epoch = stage.agent.take_epoch().await.map_err(Failure::io("take the target"))?;
        self.conduct(home, hands, plan, Some(stage), epoch).await
    }

    async fn conduct(
        &self,
        home: &Home,
        hands: Hands,
        plan: Plan,
        stage: Option<&Stage>,
        epoch: u64,
    ) -> Result<(Conductor, PathBuf, Readers), Failure> {
        let folder = self.out.clone().unwrap_or_else(|| home.root().join("drills").join(plan.drill.as_str()));
        fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
        let _lock: DrillLock = wire::lock_drill(home, plan.drill.as_str())?
            .ok_or_else(|| Failure::world(format!("drill {} is being conducted already", plan.drill)))?;
        let mut conductor = Conductor::begin(hands, plan, stage.map(Stage::attachment), epoch)
            .await
            .map_err(|error| engine_failure(&error))?;
        let readers = self.doors(home).conduct(&mut conductor, stage).await?;
        Ok((conductor, folder, readers))
    }

    /// The start has passed: that is written down, and nothing is done.
    async fn miss(&self, home: &Home, books: &Books) -> Result<Played, Failure> {
        let plan = self.plan(self.start);
        let routes = self.doors(home).routes(&plan, books.addresses().await?)?;
        let hands = wire::hands_without_target(Arc::clone(&books.store), Arc::new(routes));
        let (conductor, folder, _) = self.conduct(home, hands, plan, None, 1).await?;
        finish(&conductor, folder)
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.show.is_some() { show::line(text) } else { Ok(()) }
    }
}

/// The console of a drill that is over: it ends when nobody has a page open any more.
pub(super) struct Readers(Option<JoinHandle<()>>);

impl Readers {
    /// Lets people read the debrief in their pages, and trainers grade; an interrupt ends that.
    pub(super) async fn wait(
        self,
        shown: bool,
        home: &Home,
        conductor: &mut Conductor,
    ) -> Result<(), Failure> {
        let Some(mut console) = self.0 else { return Ok(()) };
        if shown && !console.is_finished() {
            show::complain(
                "Pages of this drill are open: the debrief can be read there, and trainers can grade. Ctrl-C ends this.\n",
            );
        }
        // Whoever grades on the command line waits for these pages.
        let _lock = wire::lock_drill(home, conductor.drill().plan().drill.as_str())?;
        let attended = async {
            let error = conductor.attend().await;
            tracing::warn!(%error, "nothing more can be written");
            std::future::pending::<()>().await;
        };
        tokio::select! {
            // An error of the console is no error of the drill.
            _ = &mut console => {}
            _ = interrupted() => console.abort(),
            () = attended => {}
        }
        Ok(())
    }
}

/// How people see a drill, and how they and its alarms get through, while it runs.
pub(super) struct Doors<'a> {
    /// Whose safety lever ends the drill when it is engaged.
    pub(super) home: &'a Home,
    /// By which means alarms reach people, beside the terminal.
    pub(super) means: &'a Means,
    /// What its people may read, by the names in the catalogue.
    pub(super) documents: &'a BTreeMap<String, String>,
    /// Where people come in.
    pub(super) entrance: &'a Entrance,
    /// What is shown here: nothing, what responders may see, or everything.
    pub(super) show: Option<Audience>,
    /// The first event that is shown.
    pub(super) since: u64,
}

impl Doors<'_> {
    /// The ways of one drill's alarms and announcements, when these are known.
    pub(super) fn routes(&self, plan: &Plan, known: BTreeMap<Person, Email>) -> Result<Routes, Failure> {
        let team = plan.admission.roster.iter().flat_map(|named| named.responders.clone()).collect();
        let to = Addressees { team, known };
        // A rehearsal delivers its alarms to a terminal that nobody looks at.
        let terminal: Box<dyn Write + Send> =
            if self.show.is_some() { Box::new(std::io::stdout()) } else { Box::new(std::io::sink()) };
        let routes = self.means.routes(&plan.drill, &to, terminal);
        routes.map_err(Failure::io("prepare the routes of alarms"))
    }

    /// Conducts with the console open, this terminal told, and an interrupt that stops the drill.
    pub(super) async fn conduct(
        &self,
        conductor: &mut Conductor,
        stage: Option<&Stage>,
    ) -> Result<Readers, Failure> {
        let over = CancellationToken::new();
        let doors = self.open(conductor, stage, &over).await?;
        let watcher = tokio::spawn(watch(conductor.desk(), self.show, self.since));
        let interrupts = match self.entrance {
            Entrance::Own(_) | Entrance::Alone(_) => Interrupts::watch(),
            Entrance::Shared(shared) => shared.interrupts.clone(),
        };
        let stopper = tokio::spawn(stop_on_interrupt(conductor.desk(), interrupts));
        let lever = tokio::spawn(safety::stop_when_engaged(self.home.clone(), conductor.desk()));
        let conducted = conductor.conduct().await;
        over.cancel();
        stopper.abort();
        lever.abort();
        watcher.abort();
        conducted.map_err(|error| engine_failure(&error))?;
        Ok(Readers(doors))
    }

    /// The console. One of its own ends with the drill, when it has been read.
    async fn open(
        &self,
        conductor: &Conductor,
        stage: Option<&Stage>,
        over: &CancellationToken,
    ) -> Result<Option<JoinHandle<()>>, Failure> {
        let Some(stage) = stage else { return Ok(None) };
        let desk: Arc<dyn console::Desk> = Arc::new(Door { desk: conductor.desk(), home: self.home.clone() });
        let gauges = match desk.journal(0).first().map(|first| &first.event) {
            Some(Event::Planned(plan)) => stage.gauges(&plan.target)?,
            _ => None,
        };
        let target = console::Target { documents: self.documents.clone(), gauges };
        let over = over.clone();
        let listen = match self.entrance {
            Entrance::Own(listen) => *listen,
            Entrance::Alone(_) => ([127, 0, 0, 1], 0).into(),
            Entrance::Shared(shared) => {
                shared.lobby.open(desk, target, over).map_err(Failure::io("open the drill's pages"))?;
                return Ok(None);
            }
        };
        let listener = TcpListener::bind(listen).await.map_err(Failure::io(format!("listen on {listen}")))?;
        let address = listener.local_addr().map_err(Failure::io("read the console's address"))?;
        let tokens = Tokens::fresh();
        let link = tokens.link(address, Hat::Responder);
        match self.entrance {
            Entrance::Alone(_) => {}
            _ if self.show.is_some() => show::print(&join_lines(&tokens, address, stage))?,
            _ => {}
        }
        let console = tokio::spawn(async move {
            if let Err(error) = console::serve(desk, target, listener, tokens, over).await {
                tracing::warn!(%error, "the console ended");
            }
        });
        if let Entrance::Alone(person) = self.entrance {
            practice::sit_down(self.home.clone(), person.clone(), link, stage.tool_line());
        }
        Ok(Some(console))
    }
}

/// One line for each side.
fn join_lines(tokens: &Tokens, console: SocketAddr, stage: &Stage) -> String {
    let mut text =
        String::from("\nTake part: open the link in a browser, or type the line in another terminal.\n");
    for hat in [Hat::Responder, Hat::Instigator, Hat::Trainer, Hat::Observer] {
        text.push_str(&format!("  {hat:<11} gameday join '{}' --as NAME\n", tokens.link(console, hat)));
    }
    text.push_str("Give each side only its own line: it says what its holder may see and do.\n");
    text.push_str(&format!("\nThe target's operations tool: {}\n\n", stage.tool_line()));
    text
}

/// The engine's desk as the console knows it.
struct Door {
    desk: Desk,
    home: Home,
}

impl console::Desk for Door {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        self.desk.send(command)
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        self.desk.journal(from)
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.desk.changed()
    }

    fn engage_lever(&self, by: &Person, reason: &str) -> Result<(), String> {
        safety::engage(&self.home, by.as_str(), reason).map_err(|failure| failure.to_string())
    }
}

/// What an engine that had to let go says.
pub(super) fn engine_failure(error: &EngineError) -> Failure {
    match error {
        EngineError::Closed(_) => Failure::refused(error.to_string()),
        _ => Failure::new(Exit::Broken, format!("could not conduct the drill to its end: {error}"))
            .with_help("The target lets go by itself when its leases run out. `gameday recover` takes everything back now."),
    }
}

/// Waits until shortly before the start, when the target is staged. Says once a minute how long that is.
async fn count_down(start: At, shown: bool) -> Result<(), Failure> {
    let clock = SystemClock;
    let staging = start - limits::STAGING_LEAD;
    loop {
        let now = clock.now();
        if shown && now < start {
            show::line(&begins(start, now))?;
        }
        if now >= staging {
            return Ok(());
        }
        let whole_minutes = Span::from_mins((start.since(now).millis() - 1) / 60_000);
        clock.sleep_until((start - whole_minutes).min(staging)).await;
    }
}

/// `The outage begins in 2m, at 2026-12-01 13:00:00 UTC.`
fn begins(start: At, now: At) -> String {
    let rest = Span::from_secs(start.since(now).millis().div_ceil(1000));
    let moment = start.to_string();
    let moment = moment.split('.').next().unwrap_or_default().replace('T', " ");
    format!("The outage begins in {rest}, at {moment} UTC.")
}

/// Prints what happens, for the one who looks at this terminal.
async fn watch(desk: Desk, audience: Option<Audience>, since: u64) {
    let Some(audience) = audience else { return };
    let mut changed = desk.changed();
    let mut next = 0;
    let mut plan: Option<Box<Plan>> = None;
    loop {
        for recorded in desk.journal(next) {
            next = recorded.seq + 1;
            if let Event::Planned(planned) = &recorded.event {
                plan = Some(planned.clone());
            }
            if recorded.seq < since {
                continue;
            }
            // Alarms, announcements and messages are printed by their own route.
            if matches!(
                recorded.event,
                Event::AlarmRaised { .. } | Event::AlarmResolved { .. } | Event::InjectSpoken { .. }
            ) {
                continue;
            }
            let line = plan.as_deref().and_then(|plan| replay_line(plan, plan.start, &recorded, audience));
            if let Some(line) = line
                && show::line(&line).is_err()
            {
                return;
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// The first interrupt stops the drill and takes everything back; the second leaves it to the leases.
async fn stop_on_interrupt(desk: Desk, interrupts: Interrupts) {
    let Ok(operator) = "terminal".parse::<Person>() else { return };
    interrupts.first.cancelled().await;
    show::complain("\nStopping: every fault is taken back. Once more to leave at once.\n");
    // Anybody in a drill may stop it, and no roster keeps an observer out.
    let joined = Command::Join { person: operator.clone(), hat: Hat::Observer };
    let stop =
        Command::Stop { by: operator, reason: "interrupted in the terminal".into(), real_incident: false };
    for command in [joined, stop] {
        if let Err(refusal) = desk.send(command).await {
            tracing::info!(%refusal, "the interrupt came too late");
        }
    }
    interrupts.second.cancelled().await;
    show::complain("Leaving at once: the target lets go by itself. `gameday recover` does it now.\n");
    super::exit::leave(Exit::Broken);
}

/// Ends the target; one on which something may be left is laid out anew.
pub(super) async fn clear_away(stage: Stage, conductor: &mut Conductor) -> Result<(), Failure> {
    if conductor.drill().is_clean() {
        return stage.strike().await;
    }
    if stage.strike_to_pristine().await? {
        conductor.target_was_reset().await.map_err(|error| engine_failure(&error))?;
    }
    Ok(())
}

/// Writes journal, score and debrief.
pub(super) fn finish(conductor: &Conductor, folder: PathBuf) -> Result<Played, Failure> {
    let journal = conductor.desk().journal(0);
    write_reports(&journal, &folder)?;
    Ok(Played { clean: conductor.drill().is_clean(), outcome: conductor.drill().outcome(), journal, folder })
}

/// `journal.jsonl`, `score.json`, and the debrief as `debrief.md`, `.html`, `.pdf` and `.json`.
pub(super) fn write_reports(journal: &[Recorded], folder: &Path) -> Result<(), Failure> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(Failure::io(format!("write {}", path.display())))
    };
    let mut lines = Vec::new();
    write_jsonl(journal, &mut lines).map_err(Failure::io("write the journal"))?;
    put("journal.jsonl", &lines)?;
    let read = Journal::new(journal).map_err(Failure::io("read the journal back"))?;
    let score = report::score(&read, None);
    put("score.json", &serde_json::to_vec_pretty(&score).expect("a score is plain data"))?;
    let debrief = report::debrief(&read);
    let document = render::Document::of(&debrief);
    put("debrief.md", document.markdown().as_bytes())?;
    put("debrief.html", document.html().as_bytes())?;
    put("debrief.pdf", &document.pdf())?;
    put("debrief.json", render::json(&debrief).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_told_in_whole_seconds_and_never_as_too_little() {
        let start = At::try_from("2026-12-01T13:00:00Z".to_owned()).unwrap();
        let told = |before_ms| begins(start, start - Span::from_millis(before_ms));
        assert_eq!(told(120_000), "The outage begins in 2m, at 2026-12-01 13:00:00 UTC.");
        assert_eq!(told(99_001), "The outage begins in 1m40s, at 2026-12-01 13:00:00 UTC.");
    }
}
