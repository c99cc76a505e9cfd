//! The office behind a server's console: begins drills and plans them, at most one at a time on each target, lists them,
//! and finds them again when the server was started anew.

use super::{
    past::Past,
    shelves::{Shelves, Taken, denied},
};
use crate::{
    base::{At, DrillId, Person, Span},
    cli::{
        exit::{Exit, Failure},
        home::Home,
        interrupt::Interrupts,
        play::{Doors, Entrance, Play, Played, Shared},
        preflight::{self, admission, reason},
        recover::{Left, left_behind},
        resume::{go_on, same_routes},
        run::moment,
        wire,
    },
    clock::{BoxFuture, Clock, SystemClock},
    console::{Checked, Denied, Draft, DrillLine, DrillState, Keep, Kept, Lobby, Office, Order, Target},
    drill::{
        Drill,
        event::{Event, Recorded},
        plan::Plan,
    },
    seed::Seed,
    store::Store,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::AbortHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a target is taken before and after a drill: it is laid out, and everything is taken back.
const AROUND: Span = Span::from_mins(5);
/// Drills that are listed.
const LISTED_MAX: usize = 200;
/// Drills that may be planned at the same time.
const PLANNED_MAX: usize = 200;

/// The office; a copy is the same one.
#[derive(Clone)]
pub(super) struct Program(Arc<Inside>);

struct Inside {
    home: Home,
    store: Arc<dyn Store>,
    lobby: Arc<Lobby>,
    shelves: Shelves,
    webhook: Option<String>,
    interrupts: Interrupts,
    /// Drills of this process, by their ids.
    going: Mutex<BTreeMap<DrillId, Going>>,
    /// Lines of drills that are stored, with the number of events that they were made of.
    told: Mutex<BTreeMap<DrillId, (u64, DrillLine)>>,
    /// Two who begin a drill at once are asked one after the other.
    beginning: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
}

/// A drill that this process plans, plays or failed to play.
struct Going {
    line: DrillLine,
    /// When its target is taken.
    from: At,
    until: At,
    /// How it was ordered, if it can be ordered again.
    planned: Option<Planned>,
    staged: CancellationToken,
    task: AbortHandle,
}

impl Going {
    /// Whether its target is, or will be, somebody's.
    fn takes(&self, target: &str, from: At, until: At) -> bool {
        self.line.target == target
            && self.line.state != DrillState::Failed
            && from < self.until
            && self.from < until
    }

    fn line(&self) -> DrillLine {
        let waits = self.line.state == DrillState::Planned && !self.staged.is_cancelled();
        let state = match self.line.state {
            DrillState::Planned if !waits => DrillState::Running,
            state => state,
        };
        DrillLine { state, ..self.line.clone() }
    }
}

/// A drill that is to begin later, as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Planned {
    drill: DrillId,
    start: At,
    seed: Seed,
    order: Order,
}

impl Program {
    pub(super) async fn open(
        home: Home,
        lobby: Arc<Lobby>,
        shelves: Shelves,
        webhook: Option<String>,
        interrupts: Interrupts,
    ) -> Result<Self, Failure> {
        let store = wire::open_store(&home).await?;
        Ok(Self(Arc::new(Inside {
            home,
            store,
            lobby,
            shelves,
            webhook,
            interrupts,
            going: Mutex::default(),
            told: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
        })))
    }

    /// Plays on what an earlier engine has left, waits again for what was planned, and opens what people may still read.
    pub(super) async fn find_again(&self) -> Result<(), Failure> {
        for left in left_behind(&self.0.home, self.0.store.as_ref()).await? {
            self.go_on(left);
        }
        for planned in self.0.written_plans()? {
            if !self.0.stored(&planned.drill).await.is_empty() {
                continue;
            }
            let (drill, title) = (planned.drill.clone(), planned.order.scenario.clone());
            if let Err(denied) = self.plan_again(planned).await {
                tracing::warn!(%drill, error = denied.error, scenario = title, "a planned drill cannot be begun any more");
            }
        }
        self.0.write_plans();
        for drill in self.0.lobby.expected() {
            if !self.0.going().contains_key(&drill) {
                self.0.open_past(&drill).await;
            }
        }
        Ok(())
    }

    /// Waits until every drill that runs has taken everything back. Planned ones wait for the next server.
    pub(super) async fn close(&self) -> Exit {
        for going in self.0.going().values().filter(|one| !one.staged.is_cancelled()) {
            going.task.abort();
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let failed = |one: &Going| one.line.state == DrillState::Failed && one.staged.is_cancelled();
        if self.0.going().values().any(failed) { Exit::Broken } else { Exit::Done }
    }

    /// Plays on what an engine has left.
    fn go_on(&self, left: Left) {
        let plan = left.folded.plan();
        let (drill, scenario) = (left.drill.clone(), plan.scenario.clone());
        let line = line_of(plan, DrillState::Running, left.folded.started_at());
        let until = SystemClock.now() + plan.duration.limit + AROUND;
        let shared = self.shared(drill.clone());
        shared.staged.cancel();
        let inside = Arc::clone(&self.0);
        let staged = shared.staged.clone();
        self.begin_task(drill.clone(), (line, None, staged), (SystemClock.now(), until), async move {
            same_routes(&left.folded, inside.webhook.as_deref())?;
            let documents = inside.shelves.documents(&scenario).await;
            let folder = inside.home.root().join("drills").join(drill.as_str());
            fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
            let entrance = Entrance::Shared(shared);
            let doors = Doors {
                home: &inside.home,
                webhook: inside.webhook.as_deref(),
                documents: &documents,
                entrance: &entrance,
                show: None,
                since: left.folded.next_seq(),
            };
            go_on(&doors, Arc::clone(&inside.store), left, folder).await
        });
    }

    fn shared(&self, drill: DrillId) -> Shared {
        let (lobby, interrupts) = (Arc::clone(&self.0.lobby), self.0.interrupts.clone());
        Shared { lobby, drill, interrupts, staged: CancellationToken::new() }
    }

    async fn plan_again(&self, planned: Planned) -> Result<(), Denied> {
        let Planned { drill, start, seed, order } = planned;
        let play = self.play(&order, Some(start), seed, Some(drill)).await?;
        self.play_through(play, order);
        Ok(())
    }

    /// The play of an order. A new one gets the name that its plan would have.
    async fn play(
        &self,
        order: &Order,
        start: Option<At>,
        seed: Seed,
        drill: Option<DrillId>,
    ) -> Result<Play, Denied> {
        let why = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.trim().is_empty()).map(reason).transpose();
            text.map_err(|bad| Denied::new("bad-reason", bad))
        };
        let (unrehearsed, anyway) = (why(&order.unrehearsed)?, why(&order.roster_anyway)?);
        let Taken { scenario, documents } = self.0.shelves.take(order.scenario.clone()).await?;
        let mut play = Play {
            scenario,
            documents,
            seed,
            start,
            admission: admission((order.instigators.clone(), order.responders.clone()), anyway, unrehearsed),
            autopilot: order.autopilot,
            seat: None,
            webhook: self.0.webhook.clone(),
            entrance: Entrance::Own(([127, 0, 0, 1], 0).into()),
            out: None,
            show: None,
        };
        let drill = drill.unwrap_or_else(|| play.plan(start).drill);
        play.entrance = Entrance::Shared(self.shared(drill));
        Ok(play)
    }

    /// Plays in a task of its own, now or at its time.
    fn play_through(&self, play: Play, order: Order) -> DrillId {
        let resolved = play.plan(play.start);
        let Entrance::Shared(shared) = &play.entrance else {
            unreachable!("a server's drill has a place in it")
        };
        let (drill, staged) = (resolved.drill.clone(), shared.staged.clone());
        let planned = play.start.map(|start| Planned { drill: drill.clone(), start, seed: play.seed, order });
        let state = if planned.is_some() { DrillState::Planned } else { DrillState::Running };
        let line = line_of(&resolved, state, planned.as_ref().map(|one| one.start));
        let span =
            (resolved.start - resolved.lead() - AROUND, resolved.start + resolved.duration.limit + AROUND);
        self.begin_task(drill.clone(), (line, planned, staged), span, play.play());
        self.0.write_plans();
        drill
    }

    fn begin_task(
        &self,
        drill: DrillId,
        (line, planned, staged): (DrillLine, Option<Planned>, CancellationToken),
        (from, until): (At, At),
        work: impl Future<Output = Result<Played, Failure>> + Send + 'static,
    ) {
        let (inside, id) = (Arc::clone(&self.0), drill.clone());
        let mut going = self.0.going();
        let task = self.0.tasks.spawn(async move {
            let ended = work.await;
            inside.ended(&id, ended);
            // One that could only be taken back never opened its pages.
            if !inside.lobby.is_open(&id) && inside.lobby.expected().contains(&id) {
                inside.open_past(&id).await;
            }
        });
        let task = task.abort_handle();
        going.insert(drill, Going { line, from, until, planned, staged, task });
    }
}

impl Inside {
    fn going(&self) -> MutexGuard<'_, BTreeMap<DrillId, Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stored(&self, drill: &DrillId) -> Vec<Recorded> {
        self.store.read(drill, 0).await.unwrap_or_default()
    }

    /// Lets the people of a drill that is over read its pages, and its trainers write it up.
    async fn open_past(&self, drill: &DrillId) {
        let journal = self.stored(drill).await;
        if !Drill::fold(&journal).is_ok_and(|folded| folded.is_over()) {
            return;
        }
        let ended = CancellationToken::new();
        ended.cancel();
        let past = Past::of(drill.clone(), Arc::clone(&self.store), journal);
        if let Err(error) = self.lobby.open(Arc::new(past), Target::default(), ended) {
            tracing::warn!(%drill, %error, "the pages of a drill that is over could not be opened");
        }
    }

    /// A drill has been played to its end, or could not be.
    fn ended(&self, drill: &DrillId, ended: Result<Played, Failure>) {
        let why = match ended {
            Ok(played) if played.clean => None,
            Ok(_) => Some("something may be left on the target: `gameday recover` takes it back".to_owned()),
            Err(failure) => Some(failure.message),
        };
        let mut going = self.going();
        match why {
            None => drop(going.remove(drill)),
            Some(why) => {
                tracing::warn!(%drill, "a drill could not be conducted to its end");
                if let Some(one) = going.get_mut(drill) {
                    (one.line.state, one.line.note, one.planned) = (DrillState::Failed, Some(why), None);
                }
            }
        }
        drop(going);
        self.write_plans();
    }

    /// What is planned, as it is written down.
    fn written_plans(&self) -> Result<Vec<Planned>, Failure> {
        let path = self.home.planned();
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::io(format!("read {}", path.display()))(error)),
            Ok(text) => serde_json::from_slice(&text)
                .map_err(Failure::io(format!("understand {}", path.display())))
                .map_err(|failure: Failure| {
                    failure.with_help("Move it away to begin without planned drills.")
                }),
        }
    }

    fn write_plans(&self) {
        let going = self.going();
        let planned: Vec<_> = going.values().filter_map(|one| one.planned.as_ref()).collect();
        let text = serde_json::to_vec_pretty(&planned).expect("plans are plain data");
        let (path, new) = (self.home.planned(), self.home.planned().with_extension("new"));
        if let Err(error) = fs::write(&new, text).and_then(|()| fs::rename(&new, &path)) {
            tracing::warn!(%error, "planned drills could not be written down");
        }
    }

    /// The lines of the drills that are stored, the newest first.
    async fn stored_lines(&self) -> Result<Vec<DrillLine>, Denied> {
        let unreadable = |error: crate::store::StoreError| Denied::new("no-journal", error.to_string());
        let entries = self.store.drills().await.map_err(unreadable)?;
        let mut lines = Vec::new();
        for entry in entries.into_iter().rev().take(LISTED_MAX) {
            let known = self.told.lock().unwrap_or_else(PoisonError::into_inner).get(&entry.drill).cloned();
            if let Some((_, line)) = known.filter(|(events, _)| *events == entry.events) {
                lines.push(line);
                continue;
            }
            if self.going().get(&entry.drill).is_some_and(|one| one.line.state != DrillState::Failed) {
                continue;
            }
            let journal = self.store.read(&entry.drill, 0).await.map_err(unreadable)?;
            let Ok(folded) = Drill::fold(&journal) else { continue };
            let state = if folded.is_over() { DrillState::Over } else { DrillState::Left };
            let start = folded.started_at().or(Some(folded.plan().start));
            let line = DrillLine { outcome: folded.outcome(), ..line_of(folded.plan(), state, start) };
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.insert(entry.drill, (entry.events, line.clone()));
            lines.push(line);
        }
        Ok(lines)
    }
}

fn line_of(plan: &Plan, state: DrillState, start: Option<At>) -> DrillLine {
    DrillLine {
        drill: plan.drill.clone(),
        scenario: plan.scenario.clone(),
        title: plan.title.clone(),
        target: plan.target.name.clone(),
        state,
        start,
        outcome: None,
        note: None,
    }
}

impl Office for Program {
    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillLine>, Denied>> {
        Box::pin(async move {
            let mut lines: Vec<_> = self.0.going().values().map(Going::line).collect();
            lines.sort_by_key(|line| std::cmp::Reverse(line.start));
            for stored in self.0.stored_lines().await? {
                match lines.iter_mut().find(|line| line.drill == stored.drill) {
                    None => lines.push(stored),
                    Some(line) if line.state == DrillState::Failed => {
                        *line = DrillLine { note: line.note.take(), ..stored };
                    }
                    Some(_) => {}
                }
            }
            Ok(lines)
        })
    }

    fn library(&self) -> BoxFuture<'_, Result<Vec<crate::console::Shelved>, Denied>> {
        Box::pin(self.0.shelves.look())
    }

    fn draft<'a>(&'a self, scenario: &'a str) -> BoxFuture<'a, Result<Draft, Denied>> {
        Box::pin(self.0.shelves.draft(scenario.to_owned()))
    }

    fn check(&self, scenario: Option<String>, text: String) -> BoxFuture<'_, Result<Checked, Denied>> {
        Box::pin(self.0.shelves.check(scenario, text))
    }

    fn keep(&self, asked: Keep) -> BoxFuture<'_, Result<Kept, Denied>> {
        Box::pin(self.0.shelves.keep(asked))
    }

    fn begin<'a>(&'a self, order: Order, _by: &'a Person) -> BoxFuture<'a, Result<DrillId, Denied>> {
        Box::pin(async move {
            if self.0.interrupts.first.is_cancelled() {
                return Err(Denied::new("ending", "the server is ending: begin it when it is back"));
            }
            let _one = self.0.beginning.lock().await;
            let start = order.at.as_deref().filter(|text| !text.trim().is_empty()).map(moment).transpose();
            let start = start.map_err(|failure| Denied::new("bad-time", failure.to_string()))?;
            if start.is_some_and(|start| start <= SystemClock.now()) {
                return Err(Denied::new("bad-time", "this moment has passed"));
            }
            let play = self.play(&order, start, Seed::fresh(), None).await?;
            let resolved = play.plan(start);
            let (from, until) = (
                resolved.start - resolved.lead() - AROUND,
                resolved.start + resolved.duration.limit + AROUND,
            );
            let taken = {
                let going = self.0.going();
                if going.values().filter(|one| one.planned.is_some()).count() >= PLANNED_MAX {
                    return Err(Denied::new("full", "as many drills as there may be are planned"));
                }
                going
                    .values()
                    .find(|one| one.takes(&resolved.target.name, from, until))
                    .map(|one| one.line.drill.clone())
            };
            if let Some(other) = taken {
                let error = format!(
                    "drill {other} has the target `{}` at that time: one drill at a time",
                    resolved.target.name
                );
                return Err(Denied::new("target-busy", error));
            }
            preflight::refuse(&play, &self.0.home, self.0.store.as_ref(), &resolved).await.map_err(denied)?;
            Ok(self.play_through(play, order))
        })
    }

    fn call_off(&self, drill: &DrillId) -> Result<(), Denied> {
        let mut going = self.0.going();
        let waits = going.get(drill).is_some_and(|one| one.planned.is_some() && !one.staged.is_cancelled());
        if !waits {
            let error = format!(
                "drill {drill} is not waiting for its start; one that runs is stopped on its own pages"
            );
            return Err(Denied::new("not-planned", error));
        }
        if let Some(one) = going.remove(drill) {
            one.task.abort();
        }
        drop(going);
        self.0.write_plans();
        Ok(())
    }

    fn journal<'a>(&'a self, drill: &'a DrillId) -> BoxFuture<'a, Result<Vec<Recorded>, Denied>> {
        Box::pin(async move {
            let journal = self.0.store.read(drill, 0).await;
            let journal = journal.map_err(|error| Denied::new("no-journal", error.to_string()))?;
            if journal.first().is_some_and(|first| matches!(first.event, Event::Planned(_))) {
                Ok(journal)
            } else {
                Err(Denied::new("no-such-drill", format!("there is no drill {drill}")))
            }
        })
    }
}
