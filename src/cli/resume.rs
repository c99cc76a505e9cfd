//! `gameday run --resume`: takes over a drill whose engine has died, and plays it on. Where that is not possible any
//! more, everything is taken back as `gameday recover` does.

use super::{
    exit::{Exit, Failure},
    home::Home,
    play::{Doors, Entrance, Played, clear_away, engine_failure, finish},
    recover::{self, Left, left_behind, living_agent, root_of},
    run::Staging,
    show,
    wire::{self, Books, Stage},
};
use crate::{
    base::{At, DrillId, InjectionId},
    clock::{Clock, SystemClock},
    drill::{
        Drill, Phase,
        event::{Event, Notice, NoticeKind, Recorded},
        injection::State,
    },
    engine::Conductor,
    fault::protocol,
    notify::{Means, Notifier as _},
    report::board::Audience,
    scenario::pack::Driver,
    store::Store,
    target::{HandError, Injector, agent_client::AgentClient},
};
use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

/// Plays one drill on to its end, and leaves journal, score and debrief behind.
pub(super) async fn resume(
    staging: &Staging,
    wanted: Option<&DrillId>,
    audience: Audience,
) -> Result<Exit, Failure> {
    staging.only_loopback()?;
    let home = Home::open()?;
    let books = wire::open_books(&home).await?;
    let left = choose(&home, books.store.as_ref(), wanted).await?;
    let means = staging.routes.standing(&home)?;
    same_routes(&left.folded, &means)?;
    let folder = staging.out.clone().unwrap_or_else(|| home.root().join("drills").join(left.drill.as_str()));
    fs::create_dir_all(&folder).map_err(Failure::io(format!("make {}", folder.display())))?;
    // A pack on disk may be elsewhere by now, and a document that has changed is not shown: then there are none.
    let documents = staging.shelf.library()?.documents(&left.folded.plan().scenario).unwrap_or_default();
    let doors = Doors {
        home: &home,
        documents: &documents,
        means: &means,
        entrance: &Entrance::Own(staging.listen),
        show: (!staging.json).then_some(audience),
        since: left.folded.next_seq(),
    };
    let played = go_on(&doors, &books, left, folder).await?;
    staging.conclude(&played)
}

/// Plays a drill on behind these doors, or takes everything back where that is not possible any more.
pub(super) async fn go_on(
    doors: &Doors<'_>,
    books: &Books,
    left: Left,
    folder: PathBuf,
) -> Result<Played, Failure> {
    match adopt(doors.home, &left.folded).await? {
        Ok((stage, epoch)) => play_on(doors, books, left, stage, epoch, folder).await,
        Err(why) => {
            show::complain(&format!(
                "Drill {} cannot be played on: {why}. Everything is taken back ...\n",
                left.drill
            ));
            take_back(doors.home, Arc::clone(&books.store), left, folder).await
        }
    }
}

/// The drill that is meant, with its lock.
async fn choose(home: &Home, store: &dyn Store, wanted: Option<&DrillId>) -> Result<Left, Failure> {
    let mut left = left_behind(home, store).await?;
    let Some(wanted) = wanted else {
        if left.len() == 1 {
            return Ok(left.remove(0));
        }
        if left.is_empty() {
            return Err(Failure::refused("could not play on: no drill was left unfinished"));
        }
        let lines = left.iter().map(|one| {
            let plan = one.folded.plan();
            format!("  {}  {}, {}\n", one.drill, plan.title, one.folded.phase().as_str())
        });
        let lines: String = lines.collect();
        return Err(Failure::usage(format!(
            "could not choose: several drills were left unfinished\n{lines}"
        ))
        .with_help(format!("Name the one that is to go on: `gameday run --resume {}`.", left[0].drill)));
    };
    if let Some(place) = left.iter().position(|one| one.drill == *wanted) {
        return Ok(left.swap_remove(place));
    }
    let entries = store.drills().await.map_err(Failure::io("read the journal"))?;
    let why = if !entries.iter().any(|entry| entry.drill == *wanted) {
        "it is not in the journal"
    } else if wire::lock_drill(home, wanted.as_str())?.is_none() {
        "its engine lives"
    } else {
        "it is over"
    };
    Err(Failure::refused(format!("could not play drill {wanted} on: {why}")))
}

/// Addresses of routes may be secrets, and so they are not in the journal: whoever resumes has them by the same names.
pub(super) fn same_routes(drill: &Drill, means: &Means) -> Result<(), Failure> {
    let planned = &drill.plan().routes;
    let named = means.names();
    let Some(missing) = planned.iter().find(|route| !named.contains(route)) else { return Ok(()) };
    Err(Failure::usage(format!("could not play on: this drill's alarms go by the route `{missing}`, too"))
        .with_help("Its address is not in the journal. Name the file that it stands in with --routes FILE."))
}

/// What routes were told of alarms that are still active.
fn still_raised(events: &[Recorded]) -> Vec<Notice> {
    let mut raised = BTreeMap::new();
    for recorded in events {
        if let Event::NoticeQueued(notice) = &recorded.event {
            match &notice.about {
                NoticeKind::AlarmRaised(alarm) => {
                    raised.insert((notice.route.clone(), alarm.clone()), notice.clone());
                }
                NoticeKind::AlarmResolved(alarm) => {
                    raised.remove(&(notice.route.clone(), alarm.clone()));
                }
                NoticeKind::EndEx => raised.clear(),
                _ => {}
            }
        }
    }
    raised.into_values().collect()
}

/// The target with its living agent, and this engine's epoch; or why the drill cannot go on.
async fn adopt(home: &Home, drill: &Drill) -> Result<Result<(Stage, u64), String>, Failure> {
    let Some(attachment) = drill.attached() else { return Ok(Err("it never had a target".into())) };
    if let Some(why) = is_over(drill, SystemClock.now()) {
        return Ok(Err(why.into()));
    }
    let folder = PathBuf::from(&attachment.folder);
    let remote = drill.plan().target.driver == Driver::Agent;
    let agent = match living_agent(&folder).await {
        Ok(agent) => agent,
        // Nothing can be taken back from here either.
        Err(error) if remote => return Err(out_of_reach(drill, &error)),
        Err(_) => return Ok(Err("its target's agent is gone".into())),
    };
    let epoch = agent.take_epoch().await.map_err(Failure::io("take the target"))?;
    if let Some(why) = let_go(drill, &agent, epoch).await? {
        return Ok(Err(why));
    }
    let stage = if remote {
        Stage::reach_again(folder, agent)?
    } else {
        Stage::adopt(&root_of(home, attachment), folder, agent)?
    };
    Ok(Ok((stage, epoch)))
}

/// The agent is on another host and does not answer: the drill stays as it is.
fn out_of_reach(drill: &Drill, error: &HandError) -> Failure {
    let id = &drill.plan().drill;
    let message =
        format!("could not play drill {id} on: the agent on the other host does not answer: {error}");
    Failure::new(Exit::Broken, message).with_help(
        "It lets go by itself when its leases run out. When it answers again: `gameday run --resume`, \
         or `gameday recover` to take everything back.",
    )
}

/// Why there is nothing more to play at this time.
fn is_over(drill: &Drill, now: At) -> Option<&'static str> {
    let limit = drill.plan().duration.limit;
    if drill.phase() >= Phase::Ending {
        Some("the exercise had ended, and faults were being taken back")
    } else if drill.started_at().is_some_and(|start| now >= start + limit) {
        Some("its time is up")
    } else {
        None
    }
}

/// Renews every lease, so that none runs out from here on, and says which fault the agent has already let go of.
async fn let_go(drill: &Drill, agent: &AgentClient, epoch: u64) -> Result<Option<String>, Failure> {
    agent.heartbeat(epoch).await.map_err(Failure::io("renew the leases"))?;
    let held = agent.injections().await.map_err(Failure::io("ask the target's agent what it holds"))?;
    let holds = |id: &InjectionId| {
        let listed = held.iter().find(|one| one.id == *id);
        listed.is_some_and(|one| {
            matches!(one.state, protocol::State::Armed | protocol::State::Applying | protocol::State::Applied)
        })
    };
    let should_be =
        drill.injections().iter().filter(|one| matches!(one.state, State::Injecting | State::Live));
    let lost = should_be.map(|one| &one.planned.id).find(|id| !holds(id));
    Ok(lost.map(|id| format!("the lease of {id} has run out, and the target's agent has taken it back")))
}

async fn play_on(
    doors: &Doors<'_>,
    books: &Books,
    left: Left,
    stage: Stage,
    epoch: u64,
    folder: PathBuf,
) -> Result<Played, Failure> {
    if doors.show.is_some() {
        let plan = left.folded.plan();
        show::line(&format!(
            "Drill {} ({}) goes on where its engine left it. Whoever takes part joins again.",
            left.drill, plan.title
        ))?;
    }
    let conducted = async {
        let routes = doors.routes(left.folded.plan(), books.addresses().await?)?;
        let events = books.store.read(&left.drill, 0).await.map_err(Failure::io("read the journal"))?;
        routes.goes_on(&still_raised(&events));
        let hands = stage.hands(left.folded.plan(), Arc::clone(&books.store), Arc::new(routes))?;
        let mut conductor = Conductor::take_over(hands, &left.drill, epoch, true)
            .await
            .map_err(|error| engine_failure(&error))?;
        let readers = doors.conduct(&mut conductor, Some(&stage)).await?;
        Ok((conductor, readers))
    };
    let (mut conductor, readers) = match conducted.await {
        Ok(done) => done,
        Err(failure) => {
            stage.strike().await?;
            return Err(failure);
        }
    };
    clear_away(stage, &mut conductor).await?;
    let played = finish(&conductor, folder)?;
    readers.wait(doors.show.is_some(), doors.home, &mut conductor).await?;
    played.again(&conductor)
}

async fn take_back(
    home: &Home,
    store: Arc<dyn Store>,
    left: Left,
    folder: PathBuf,
) -> Result<Played, Failure> {
    let drill = left.drill.clone();
    let recovered = recover::recover(home, store.clone(), left, &folder).await?;
    let journal = store.read(&drill, 0).await.map_err(Failure::io("read the journal"))?;
    let outcome = Drill::fold(&journal).map_err(Failure::io(format!("read drill {drill} back")))?.outcome();
    Ok(Played { journal, folder, clean: recovered.clean, outcome })
}
