//! The journal that `score`, `debrief`, `actions` and `replay` read: a file, or a drill in the home's store.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
};
use crate::{
    base::DrillId,
    drill::event::Recorded,
    report::Journal,
    store::{SqliteStore, Store as _, read_jsonl},
};
use std::path::{Path, PathBuf};

/// Which journal, as an argument of several commands.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Source {
    /// A journal file (`journal.jsonl`), the id of a drill that was run here, or `last`
    #[arg(value_name = "JOURNAL")]
    journal: String,
}

impl Source {
    /// Every event that is there.
    pub(super) fn read(&self) -> Result<Vec<Recorded>, Failure> {
        read(&self.journal)
    }

    /// A file that lies beside the journal's, if the journal is a file and it is there.
    pub(super) fn beside(&self, name: &str) -> Option<PathBuf> {
        let path = Path::new(&self.journal);
        Some(path.parent()?.join(name)).filter(|beside| path.is_file() && beside.is_file())
    }
}

/// Every event of a journal file, of the drill of that id, or of the `last` one.
pub(super) fn read(name: &str) -> Result<Vec<Recorded>, Failure> {
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '.']) {
        return block_on(stored(name));
    }
    read_jsonl(path).map_err(|cause| {
        let exit = if path.is_file() { Exit::Problems } else { Exit::World };
        Failure::new(exit, format!("could not read {name}: {cause}"))
            .with_help("`gameday run --out DIR` leaves a journal in DIR/journal.jsonl.")
    })
}

/// The events as a journal that can be reported on.
pub(super) fn whole(events: &[Recorded]) -> Result<Journal<'_>, Failure> {
    Journal::new(events).map_err(|bad| Failure::new(Exit::Problems, bad.to_string()))
}

async fn stored(name: &str) -> Result<Vec<Recorded>, Failure> {
    let home = Home::find()?;
    let unknown = |why: &str| {
        Failure::refused(format!("could not find a journal `{name}`: {why}"))
            .with_help("Name a file, the id of a drill that was run here, or `last`.")
    };
    if !home.journal().exists() {
        return Err(unknown("there is no such file, and no drill was run here yet"));
    }
    let failed = || Failure::io(format!("read {}", home.journal().display()));
    let store = SqliteStore::open(home.journal()).await.map_err(failed())?;
    let drill: DrillId = if name == "last" {
        let mut drills = store.drills().await.map_err(failed())?;
        drills.pop().ok_or_else(|| unknown("no drill was run here yet"))?.drill
    } else {
        name.parse().map_err(|_| unknown("that is neither a file nor the id of a drill"))?
    };
    let events = store.read(&drill, 0).await.map_err(failed())?;
    store.close().await;
    if events.is_empty() {
        return Err(unknown("there is no such file, and no drill of that id was run here"));
    }
    Ok(events)
}
