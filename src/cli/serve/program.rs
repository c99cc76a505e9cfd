//! The office behind a server's console: begins drills and plans them, at most one at a time on each target, lists them,
//! and finds them again when the server was started anew.

use super::{
    booking::{Bookings, asked, wanted},
    own,
    past::Past,
    shelves::{Shelves, denied},
};
use crate::{
    base::{At, DrillId, Person, limits},
    calendar::{Command, Due, Moment, Refusal, busy::Busy},
    cli::{
        exit::{Exit, Failure},
        home::Home,
        interrupt::Interrupts,
        play::{Doors, Entrance, Play, Played, Shared},
        preflight,
        programme::practice,
        recover::{Left, left_behind},
        resume::{go_on, same_routes},
        wire::{self, Books},
    },
    clock::{BoxFuture, Clock, SystemClock},
    console::{
        Checked, Denied, Draft, DrillLine, DrillState, Keep, Kept, Lesson, Lobby, Office, Order, Own,
        TakePart, Target, Withdraw,
    },
    drill::{
        Drill,
        event::{Event, Hat, Recorded},
        plan::Plan,
    },
    engine::calendar::{AskError, Keeper, could_not_begin},
    notify::Means,
    report::programme::Programme,
    seed::Seed,
};
use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::AbortHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Drills that are listed.
pub(super) const LISTED_MAX: usize = 200;

/// The office; a copy is the same one.
#[derive(Clone)]
pub(super) struct Program(pub(super) Arc<Inside>);

pub(super) struct Inside {
    home: Home,
    pub(super) books: Books,
    lobby: Arc<Lobby>,
    pub(super) shelves: Shelves,
    means: Means,
    interrupts: Interrupts,
    /// Drills of this process, by their ids.
    going: Mutex<BTreeMap<DrillId, Going>>,
    /// Lines of drills that are stored, with the number of events that they were made of.
    told: Mutex<BTreeMap<DrillId, (u64, DrillLine)>>,
    /// Two who begin a drill at once are asked one after the other.
    beginning: tokio::sync::Mutex<()>,
    pub(super) tasks: TaskTracker,
    /// Begins what is planned.
    keeping: Mutex<Option<AbortHandle>>,
}

/// A drill that this process plays or failed to play.
pub(super) struct Going {
    pub(super) line: DrillLine,
    /// When its target is taken.
    from: At,
    until: At,
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

    fn has_failed(&self) -> bool {
        self.line.state == DrillState::Failed
    }
}

impl Program {
    pub(super) async fn open(
        home: Home,
        lobby: Arc<Lobby>,
        shelves: Shelves,
        means: Means,
        interrupts: Interrupts,
    ) -> Result<Self, Failure> {
        let books = wire::open_books(&home).await?;
        Ok(Self(Arc::new(Inside {
            home,
            books,
            lobby,
            shelves,
            means,
            interrupts,
            going: Mutex::default(),
            told: Mutex::default(),
            beginning: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            keeping: Mutex::default(),
        })))
    }

    /// Plays on what an earlier engine has left, opens what people may still read, and waits for what is planned.
    pub(super) async fn find_again(&self) -> Result<(), Failure> {
        for left in left_behind(&self.0.home, self.0.books.store.as_ref()).await? {
            self.go_on(left);
        }
        for drill in self.0.lobby.expected() {
            if !self.0.going().contains_key(&drill) {
                self.0.open_past(&drill).await;
            }
        }
        let starter = Arc::new(self.clone());
        let keeper =
            Keeper::new(Arc::clone(&self.0.books.schedule), Arc::clone(&self.0.books.store), starter).await;
        let keeper = keeper.map_err(Failure::io("read the calendar"))?;
        let keeping = tokio::spawn(keeper.keep()).abort_handle();
        *self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeping);
        Ok(())
    }

    /// Waits until every drill that runs has taken everything back. What is planned waits for the next server.
    pub(super) async fn close(&self) -> Exit {
        if let Some(keeping) = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner).take() {
            keeping.abort();
        }
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
        let until = SystemClock.now() + plan.duration.limit + limits::AROUND_DRILL;
        let shared = self.shared(drill.clone());
        shared.staged.cancel();
        let inside = Arc::clone(&self.0);
        let staged = shared.staged.clone();
        self.begin_task((line, None, staged), (SystemClock.now(), until), async move {
            same_routes(&left.folded, &inside.means)?;
            let documents = inside.shelves.documents(&scenario).await;
            let folder = inside.home.root().join("drills").join(drill.as_str());
            fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
            let entrance = Entrance::Shared(shared);
            let doors = Doors {
                home: &inside.home,
                means: &inside.means,
                documents: &documents,
                entrance: &entrance,
                show: None,
                since: left.folded.next_seq(),
            };
            go_on(&doors, &inside.books, left, folder).await
        });
    }

    fn shared(&self, drill: DrillId) -> Shared {
        let (lobby, interrupts) = (Arc::clone(&self.0.lobby), self.0.interrupts.clone());
        Shared { lobby, drill, interrupts, staged: CancellationToken::new() }
    }

    /// What planning needs.
    fn bookings(&self) -> Bookings {
        let inside = &self.0;
        Bookings {
            home: inside.home.clone(),
            books: inside.books.clone(),
            shelves: inside.shelves.clone(),
            means: inside.means.clone(),
        }
    }

    /// Begins what the calendar says, or tells there why it cannot be.
    pub(super) async fn begin_planned(&self, due: Due) {
        let _one = self.0.beginning.lock().await;
        if self.0.interrupts.first.is_cancelled() {
            // The claim stands: the next server begins it, or tells that it was missed.
            return;
        }
        let begun = async {
            let mut play = self.bookings().play(&due.entry.wanted, due.seed).await?;
            play.start = (!due.soon).then_some(due.start);
            play.admission.surprise = due.surprise;
            let taken = self.has_target(&play)?;
            self.play_through(play, taken, due.drill.clone(), Some(due.clone()));
            Ok::<_, Denied>(())
        };
        if let Err(denied) = begun.await {
            self.0.could_not_begin(&due, denied.error).await;
        }
    }

    /// Refuses a play whose target another drill of this process has at its time. Gives its plan, and that time.
    fn has_target(&self, play: &Play) -> Result<(Plan, At, At), Denied> {
        let resolved = play.plan(play.start);
        let from = resolved.start - resolved.lead() - limits::AROUND_DRILL;
        let until = resolved.start + resolved.duration.limit + limits::AROUND_DRILL;
        let going = self.0.going();
        match going.values().find(|one| one.takes(&resolved.target.name, from, until)) {
            None => Ok((resolved, from, until)),
            Some(other) => Err(target_busy(&other.line.drill, &resolved.target.name)),
        }
    }

    /// Plays in a task of its own, now or at its time, what [`Program::has_target`] has looked at.
    fn play_through(
        &self,
        mut play: Play,
        (resolved, from, until): (Plan, At, At),
        drill: DrillId,
        due: Option<Due>,
    ) {
        let shared = self.shared(drill.clone());
        let staged = shared.staged.clone();
        play.entrance = Entrance::Shared(shared);
        // What was planned has had its name since then, and the plan alone does not know it.
        let line = DrillLine { drill, ..line_of(&resolved, DrillState::Running, play.start) };
        self.begin_task((line, due, staged), (from, until), play.play());
    }

    fn begin_task(
        &self,
        (line, due, staged): (DrillLine, Option<Due>, CancellationToken),
        (from, until): (At, At),
        work: impl Future<Output = Result<Played, Failure>> + Send + 'static,
    ) {
        let (inside, drill) = (Arc::clone(&self.0), line.drill.clone());
        let id = drill.clone();
        let mut going = self.0.going();
        let task = self.0.tasks.spawn(async move {
            let ended = work.await;
            inside.ended(&id, ended, due).await;
            // One that could only be taken back never opened its pages.
            if !inside.lobby.is_open(&id) && inside.lobby.expected().contains(&id) {
                inside.open_past(&id).await;
            }
        });
        let task = task.abort_handle();
        going.insert(drill, Going { line, from, until, staged, task });
    }
}

fn target_busy(other: &DrillId, target: &str) -> Denied {
    let error = format!("drill {other} has the target `{target}` at that time: one drill at a time");
    Denied::new("target-busy", error)
}

impl Inside {
    pub(super) fn going(&self) -> MutexGuard<'_, BTreeMap<DrillId, Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn stored(&self, drill: &DrillId) -> Vec<Recorded> {
        self.books.store.read(drill, 0).await.unwrap_or_default()
    }

    /// Lets the people of a drill that is over read its pages, and its trainers write it up.
    async fn open_past(&self, drill: &DrillId) {
        let journal = self.stored(drill).await;
        if !Drill::fold(&journal).is_ok_and(|folded| folded.is_over()) {
            return;
        }
        let ended = CancellationToken::new();
        ended.cancel();
        let past = Past::of(drill.clone(), Arc::clone(&self.books.store), journal);
        if let Err(error) = self.lobby.open(Arc::new(past), Target::default(), ended) {
            tracing::warn!(%drill, %error, "the pages of a drill that is over could not be opened");
        }
    }

    /// A drill has been played to its end, or could not be.
    async fn ended(&self, drill: &DrillId, ended: Result<Played, Failure>, due: Option<Due>) {
        let why = match ended {
            Ok(played) if played.clean => None,
            Ok(_) => Some("something may be left on the target: `gameday recover` takes it back".to_owned()),
            Err(failure) => Some(failure.message),
        };
        let Some(why) = why else {
            self.going().remove(drill);
            return;
        };
        tracing::warn!(%drill, "a drill could not be conducted to its end");
        if let Some(due) = due
            && self.stored(drill).await.is_empty()
        {
            // It never was: the calendar says so, and lists it.
            self.could_not_begin(&due, why).await;
            self.going().remove(drill);
        } else if let Some(one) = self.going().get_mut(drill) {
            (one.line.state, one.line.note) = (DrillState::Failed, Some(why));
        }
    }

    async fn could_not_begin(&self, due: &Due, why: String) {
        if let Err(error) = could_not_begin(&self.books.schedule, due, why).await {
            tracing::warn!(drill = %due.drill, %error, "a planned drill could not be begun, nor could that be written down");
        }
    }

    /// The lines of the drills that are stored, the newest first.
    pub(super) async fn stored_lines(&self) -> Result<Vec<DrillLine>, Denied> {
        let unreadable = |error: crate::store::StoreError| Denied::new("no-journal", error.to_string());
        let entries = self.books.store.drills().await.map_err(unreadable)?;
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
            let journal = self.books.store.read(&entry.drill, 0).await.map_err(unreadable)?;
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
        when: None,
        outcome: None,
        note: None,
    }
}

impl Office for Program {
    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillLine>, Denied>> {
        Box::pin(async move {
            let mut lines: Vec<_> = self.0.going().values().map(|one| one.line.clone()).collect();
            for planned in self.0.planned_lines().await? {
                if lines.iter().all(|line| line.drill != planned.drill) {
                    lines.push(planned);
                }
            }
            lines.sort_by_key(|line| std::cmp::Reverse(line.start));
            for stored in self.0.stored_lines().await? {
                match lines.iter_mut().find(|line| line.drill == stored.drill) {
                    None => lines.push(stored),
                    // What has a journal is told by it, unless it runs here.
                    Some(line) if self.0.going().get(&line.drill).is_none_or(Going::has_failed) => {
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

    fn begin<'a>(&'a self, order: Order, by: &'a Person) -> BoxFuture<'a, Result<DrillId, Denied>> {
        Box::pin(async move {
            if self.0.interrupts.first.is_cancelled() {
                return Err(Denied::new("ending", "the server is ending: begin it when it is back"));
            }
            let _one = self.0.beginning.lock().await;
            let (bookings, zones) = (self.bookings(), self.0.books.schedule.zones());
            if let Some(ask) = asked(zones, &order)? {
                return Ok(bookings
                    .plan(&order, ask, Seed::fresh(), (by.clone(), Some(by.clone())))
                    .await?
                    .drill);
            }
            let wanted = wanted(&order)?;
            bookings.can_call(&wanted)?;
            let play = bookings.play(&wanted, Seed::fresh()).await?;
            let taken = self.has_target(&play)?;
            let (resolved, from, until) = &taken;
            let calendar = self.0.books.schedule.look().await.map_err(AskError::from)?;
            if let Some(other) = calendar.taken(zones, &resolved.target.name, (*from, *until)) {
                return Err(Refusal::TargetBusy(Box::new(Busy::by(&other))).into());
            }
            preflight::refuse(&play, &self.0.home, &self.0.books, resolved, false).await.map_err(denied)?;
            let drill = resolved.drill.clone();
            self.play_through(play, taken, drill.clone(), None);
            Ok(drill)
        })
    }

    fn call_off<'a>(&'a self, drill: &'a DrillId, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async move {
            let (entry, day) = self.0.planned(drill).await?;
            let cancel = Command::Cancel { entry, day: Some(day), by: by.clone() };
            self.bookings().change(&cancel).await.map(drop)
        })
    }

    fn postpone<'a>(
        &'a self,
        drill: &'a DrillId,
        to: Option<&'a str>,
        by: &'a Person,
    ) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(async move {
            let (entry, day) = self.0.planned(drill).await?;
            let (day, by) = (Some(day), by.clone());
            let command = match to {
                None => Command::StartNow { entry, day, by },
                Some(text) => {
                    let to = Moment::read(self.0.books.schedule.zones(), text);
                    let to = to.map_err(|why| Denied::new("bad-time", why.to_string()))?;
                    Command::Move { entry, day, to, by }
                }
            };
            self.bookings().change(&command).await.map(drop)
        })
    }

    fn programme<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<Programme, Denied>> {
        Box::pin(async move {
            let practice = practice(&self.0.home, &self.0.books.schedule).await;
            let mut practice = practice.map_err(|failure| Denied::new("no-journal", failure.message))?;
            let families = practice.scenarios.iter().map(|one| one.family.clone()).collect();
            practice.keep_back(&self.0.hidden(by, families).await?);
            Ok(practice)
        })
    }

    fn own<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<Own, Denied>> {
        Box::pin(async move { self.0.own(by).await })
    }

    fn sign_up<'a>(
        &'a self,
        asked: TakePart,
        by: &'a Person,
        hat: Hat,
    ) -> BoxFuture<'a, Result<Option<String>, Denied>> {
        Box::pin(async move {
            let attest = asked.attest.clone();
            self.bookings().sign_up(own::sign_up(asked, by, hat), attest).await
        })
    }

    fn withdraw<'a>(&'a self, asked: Withdraw, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(self.0.withdraw(asked, by))
    }

    fn answered<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(self.0.answered(by))
    }

    fn learn<'a>(&'a self, by: &'a Person, of: Lesson<'a>) -> BoxFuture<'a, Result<(), Denied>> {
        Box::pin(self.0.learn(by, of))
    }

    fn journal<'a>(&'a self, drill: &'a DrillId) -> BoxFuture<'a, Result<Vec<Recorded>, Denied>> {
        Box::pin(async move {
            let journal = self.0.books.store.read(drill, 0).await;
            let journal = journal.map_err(|error| Denied::new("no-journal", error.to_string()))?;
            if journal.first().is_some_and(|first| matches!(first.event, Event::Planned(_))) {
                Ok(journal)
            } else {
                Err(Denied::new("no-such-drill", format!("there is no drill {drill}")))
            }
        })
    }
}
