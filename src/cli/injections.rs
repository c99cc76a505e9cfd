//! `gameday injections`: every injection of a drill and where it stands.

use super::{
    exit::{Exit, Failure},
    home::Home,
    show, wire,
};
use crate::{
    base::{DrillId, InjectionId},
    drill::{Drill, injection::State},
};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gameday injections
  gameday injections d-4k2m9qxz --json | jq '.[] | select(.state != \"reverted\")'

This tells the cause of a drill that is still going on: keep it from people who play.";

/// Shows every injection of a drill (the newest by default) with its state
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Injections {
    /// The drill
    drill: Option<DrillId>,
    /// Prints an array of {id, fault, target, state}
    #[arg(long)]
    json: bool,
}

/// One injection.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    id: InjectionId,
    fault: &'static str,
    target: String,
    state: State,
}

/// The injections of a drill.
pub(super) fn rows(drill: &Drill) -> Vec<Row> {
    let row = |one: &crate::drill::injection::Injection| Row {
        id: one.planned.id.clone(),
        fault: one.planned.fault.kind(),
        target: one.planned.fault.place().to_string(),
        state: one.state,
    };
    drill.injections().iter().map(row).collect()
}

/// The same for people.
pub(super) fn table(rows: &[Row]) -> String {
    let mut cells = vec![["INJECTION", "FAULT", "TARGET", "STATE"].map(str::to_owned).to_vec()];
    cells.extend(rows.iter().map(|row| {
        vec![row.id.to_string(), row.fault.to_owned(), row.target.clone(), row.state.as_str().to_owned()]
    }));
    show::table(&cells)
}

impl Injections {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        super::block_on(async {
            let store = wire::open_store(&Home::open()?).await?;
            let drill = if let Some(drill) = self.drill {
                Some(drill)
            } else {
                let entries = store.drills().await.map_err(Failure::io("read the journal"))?;
                entries.into_iter().max_by_key(|entry| entry.first_at).map(|entry| entry.drill)
            };
            let Some(drill) = drill else {
                return if self.json { show::line("[]") } else { show::line("No drill was run here yet.") }
                    .map(|()| Exit::Done);
            };
            let journal = store.read(&drill, 0).await.map_err(Failure::io("read the journal"))?;
            if journal.is_empty() {
                return Err(Failure::refused(format!("could not find drill {drill} in the journal")));
            }
            let folded = Drill::fold(&journal).map_err(Failure::io(format!("read drill {drill} back")))?;
            let rows = rows(&folded);
            if self.json {
                show::json(&rows)?;
            } else {
                show::line(&format!("drill {drill}, {}", folded.phase().as_str()))?;
                show::print(&table(&rows))?;
            }
            Ok(Exit::Done)
        })
    }
}
