//! `gameday recover`: takes back what a lost engine has left, from the journal and the agent's folder alone.

use super::{
    exit::{Exit, Failure},
    home::Home,
    play::{engine_failure, write_reports},
    show, wire,
};
use crate::{
    agent,
    base::{DrillId, InjectionId, Person},
    clock::{Clock, SystemClock},
    drill::{
        Drill,
        event::{Attachment, Recorded},
    },
    engine::{Conductor, Hands},
    library::worker::ScriptRunner,
    notify::{Notifier, Routes, Terminal},
    scenario::pack::{Driver, Layout},
    store::Store,
    target::{
        HandError, Injector,
        absent::{Absent, Swept},
        agent_client::AgentClient,
    },
};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const EXAMPLES: &str = "\
Examples:
  gameday recover
  gameday recover --json
  gameday recover --sign-off gd-7f3aq2mz --by ana --by ben

Exit codes: 0 nothing is left, 6 something may still be broken.";

/// What to do where something may be left.
const STILL_THERE: &str = "An agent lets go by itself when its leases run out. Where one does not answer, start it again on its \
     host: it sweeps first. Then `gameday recover` once more; it changes nothing that is clean already.\n";

/// Takes back every fault that a lost engine has left, and closes its drills
///
/// Works from the journal alone. A living agent is asked to undo; where the agent is gone, its folder is swept. A fault
/// that cannot be undone because somebody changed its place is signed off by two people.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Recover {
    /// Declares a blocked injection dealt with; needs two people
    #[arg(long, value_name = "INJECTION", requires = "by")]
    sign_off: Option<InjectionId>,
    /// Who signs off
    #[arg(long, value_name = "NAME")]
    by: Vec<Person>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// A drill that no engine conducts and that is not over.
pub(super) struct Left {
    /// The drill.
    pub(super) drill: DrillId,
    /// What its journal tells.
    pub(super) folded: Drill,
    /// Nobody else takes it meanwhile.
    pub(super) lock: wire::DrillLock,
}

impl Left {
    /// Its injections that may have an effect, or that only people can end.
    pub(super) fn unsettled(&self) -> Vec<InjectionId> {
        let injections = self.folded.injections().iter().filter(|one| one.state.may_have_effect());
        injections.map(|one| one.planned.id.clone()).collect()
    }
}

/// Drills of this home that are unfinished or may have left something, and that no living engine has.
pub(super) async fn left_behind(home: &Home, store: &dyn Store) -> Result<Vec<Left>, Failure> {
    let mut left = Vec::new();
    let entries = store.drills().await.map_err(Failure::io("read the journal"))?;
    for entry in entries {
        let Some(lock) = wire::lock_drill(home, entry.drill.as_str())? else { continue };
        let journal = store.read(&entry.drill, 0).await.map_err(Failure::io("read the journal"))?;
        let folded =
            Drill::fold(&journal).map_err(Failure::io(format!("read drill {} back", entry.drill)))?;
        if !folded.is_over() {
            left.push(Left { drill: entry.drill, folded, lock });
        }
    }
    Ok(left)
}

/// What became of one drill.
#[derive(Debug, Serialize)]
pub(super) struct Recovered {
    drill: DrillId,
    /// Nothing of it can be left on the target.
    pub(super) clean: bool,
    by: String,
    injections: Vec<super::injections::Row>,
}

impl Recover {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        super::block_on(async {
            let home = Home::open()?;
            let store = wire::open_store(&home).await?;
            if let Some(id) = &self.sign_off {
                return self.sign_off(&home, store, id).await;
            }
            let mut recovered = Vec::new();
            for left in left_behind(&home, store.as_ref()).await? {
                if !self.json {
                    show::line(&format!("drill {}: taking everything back ...", left.drill))?;
                }
                let out = home.root().join("drills").join(left.drill.as_str());
                recovered.push(recover(&home, store.clone(), left, &out).await?);
            }
            let clean = recovered.iter().all(|one| one.clean);
            if self.json {
                show::json(&recovered)?;
            } else if recovered.is_empty() {
                show::line("Nothing was left behind.")?;
            } else {
                for one in &recovered {
                    let word =
                        if one.clean { "nothing is left on the target" } else { "SOMETHING MAY BE LEFT" };
                    show::line(&format!("drill {}: {word} ({})", one.drill, one.by))?;
                    show::print(&super::injections::table(&one.injections))?;
                }
                if !clean {
                    show::complain(STILL_THERE);
                }
            }
            Ok(if clean { Exit::Done } else { Exit::Broken })
        })
    }

    async fn sign_off(&self, home: &Home, store: Arc<dyn Store>, id: &InjectionId) -> Result<Exit, Failure> {
        for left in left_behind(home, store.as_ref()).await? {
            if !left.folded.injections().iter().any(|one| one.planned.id == *id) {
                continue;
            }
            let now = SystemClock.now();
            let command = crate::drill::command::Command::SignOff { id: id.clone(), by: self.by.clone() };
            let events =
                left.folded.decide(now, &command).map_err(|refusal| Failure::refused(refusal.to_string()))?;
            let first = left.folded.next_seq();
            let batch: Vec<_> =
                (first..).zip(events).map(|(seq, event)| Recorded { seq, at: now, event }).collect();
            store.append(&left.drill, first, &batch).await.map_err(Failure::io("write the journal"))?;
            show::line(&format!("{id} is signed off."))?;
            return Ok(Exit::Done);
        }
        Err(Failure::refused(format!("could not sign off {id}: no unfinished drill has it")))
    }
}

/// Takes one drill to its end, and leaves its reports in `out`.
pub(super) async fn recover(
    home: &Home,
    store: Arc<dyn Store>,
    left: Left,
    out: &Path,
) -> Result<Recovered, Failure> {
    let attachment = left.folded.attached().cloned();
    let driver = left.folded.plan().target.driver;
    let alive = match &attachment {
        Some(attachment) => living_agent(Path::new(&attachment.folder)).await.map(Some),
        None => Ok(None),
    };
    let unsettled = |by: String| {
        let injections = super::injections::rows(&left.folded);
        Ok(Recovered { drill: left.drill.clone(), clean: false, by, injections })
    };
    let next = left.folded.epoch() + 1;
    let (injector, epoch, by): (Arc<dyn Injector>, u64, _) = match (&alive, &attachment) {
        (Ok(Some(agent)), _) => {
            let epoch = agent.take_epoch().await.map_err(Failure::io("take the target"))?;
            (agent.clone(), epoch, "by its agent")
        }
        (Ok(None), _) | (_, None) => (Arc::new(Swept), next, "it never had a target"),
        // Its folder is over there: what it has done is not known here, and unknown is not clean.
        (Err(error), _) if driver == Driver::Agent => {
            return unsettled(format!("the agent on the other host does not answer: {error}"));
        }
        (Err(_), Some(attachment)) if sweep(home, attachment)? => {
            (Arc::new(Swept), next, "its agent was gone; its folder was swept")
        }
        (Err(_), Some(_)) => return unsettled("the sweep failed".to_owned()),
    };
    // What the lost engine could not deliver is said here; nobody waits for it elsewhere any more.
    let here = |name: &String| -> (String, Arc<dyn Notifier>) {
        (name.clone(), Arc::new(Terminal::new(std::io::stderr())))
    };
    let routes = Routes::new(left.folded.plan().routes.iter().map(here).collect());
    let hands = Hands {
        clock: Arc::new(SystemClock),
        store: store.clone(),
        injector,
        prober: Arc::new(Absent),
        traffic: Arc::new(Absent),
        operator: Arc::new(Absent),
        notifier: Arc::new(routes),
        scripts: ScriptRunner::InProcess,
    };
    let mut conductor = Conductor::take_over(hands, &left.drill, epoch, false)
        .await
        .map_err(|error| engine_failure(&error))?;
    conductor.conduct().await.map_err(|error| engine_failure(&error))?;
    if let Ok(Some(agent)) = alive
        && driver != Driver::Agent
    {
        // The drill is over; the embedded target that was staged for it goes, too.
        agent.shutdown().await.map_err(Failure::io("end the target's agent"))?;
    }
    let journal = conductor.desk().journal(0);
    fs::create_dir_all(out).map_err(Failure::io(format!("make {}", out.display())))?;
    write_reports(&journal, out)?;
    drop(left.lock);
    let drill = conductor.drill();
    Ok(Recovered {
        drill: left.drill,
        clean: drill.is_clean(),
        by: by.to_owned(),
        injections: super::injections::rows(drill),
    })
}

/// The agent that works on this folder, or that is reached by what is in it. The error says why it does not answer.
pub(super) async fn living_agent(folder: &Path) -> Result<Arc<AgentClient>, HandError> {
    let agent = AgentClient::connect(folder)?;
    agent.attestation().await?;
    Ok(Arc::new(agent))
}

/// Where a target is laid out: the journal says it. Those of before did not; the target then has the same name as its
/// agent's folder.
pub(super) fn root_of(home: &Home, attachment: &Attachment) -> PathBuf {
    let named = || home.targets().join(Path::new(&attachment.folder).file_name().unwrap_or_default());
    attachment.root.as_ref().map_or_else(named, PathBuf::from)
}

/// Sweeps an agent's folder without the agent.
fn sweep(home: &Home, attachment: &Attachment) -> Result<bool, Failure> {
    let path = root_of(home, attachment).join("layout.json");
    let text = fs::read(&path).map_err(Failure::io(format!("read {}", path.display())))?;
    let layout: Layout =
        serde_json::from_slice(&text).map_err(Failure::io(format!("understand {}", path.display())))?;
    let swept = agent::sweep(Path::new(&attachment.folder), &layout)
        .map_err(Failure::io("sweep the agent's folder"))?;
    Ok(swept.is_clean())
}
