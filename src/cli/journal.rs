//! The journal that `score`, `debrief`, `actions` and `replay` read, and that `grade` and `actions` add to: a file, or a drill
//! in the home's store.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    wire::{DrillLock, lock_drill},
};
use crate::{
    base::DrillId,
    drill::event::{Event, Recorded},
    report::{
        Journal,
        follow_up::{self, CorrectiveAction},
        programme::KINDS,
    },
    scenario::review::Review,
    store::{SqliteStore, Store as _, read_jsonl, write_jsonl},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Which journal, as an argument of several commands.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Source {
    /// A journal file (`journal.jsonl`), the id of a drill that was run here, or `last`
    #[arg(value_name = "JOURNAL")]
    pub(super) journal: String,
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
    if is_file(name) { file(name) } else { block_on(stored(name)) }
}

fn is_file(name: &str) -> bool {
    Path::new(name).exists() || name.contains(['/', '.'])
}

fn file(name: &str) -> Result<Vec<Recorded>, Failure> {
    let path = Path::new(name);
    read_jsonl(path).map_err(|cause| {
        let exit = if path.is_file() { Exit::Problems } else { Exit::World };
        Failure::new(exit, format!("could not read {name}: {cause}"))
            .with_help("`gameday run --out DIR` leaves a journal in DIR/journal.jsonl.")
    })
}

/// A journal to which more can be written: its events, and where they are kept.
pub(super) struct Kept {
    /// Every event that is there.
    pub(super) events: Vec<Recorded>,
    place: Place,
}

enum Place {
    File(PathBuf),
    Home(SqliteStore, DrillId, #[expect(dead_code, reason = "held while more is written")] DrillLock),
}

/// The journal of that name, kept from everybody else who would write to it.
pub(super) async fn keep(name: &str) -> Result<Kept, Failure> {
    if is_file(name) {
        let events = file(name)?;
        refuse_copy(name, &whole(&events)?.plan().drill).await?;
        return Ok(Kept { events, place: Place::File(PathBuf::from(name)) });
    }
    let (home, store, drill) = find(name).await?;
    let lock = lock_drill(&home, drill.as_str())?.ok_or_else(|| {
        Failure::refused(format!("could not write to drill {drill}: its console is still open"))
            .with_help("Write on the trainers' page, or end the console first.")
    })?;
    let events = events_of(&store, &home, &drill).await?;
    Ok(Kept { events, place: Place::Home(store, drill, lock) })
}

/// What is written has one place: where this home holds the drill, not a copy of its journal.
async fn refuse_copy(name: &str, drill: &DrillId) -> Result<(), Failure> {
    let Ok(home) = Home::find() else { return Ok(()) };
    if !home.journal().exists() {
        return Ok(());
    }
    let failed = || Failure::io(format!("read {}", home.journal().display()));
    let store = SqliteStore::open(home.journal()).await.map_err(failed())?;
    let drills = store.drills().await.map_err(failed())?;
    store.close().await;
    if drills.iter().all(|one| one.drill != *drill) {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "could not write to {name}: it is a copy of drill {drill}, which is kept here"
    ))
    .with_help(format!("Name the drill: {drill}. `gameday debrief {drill}` then has what you write.")))
}

impl Kept {
    /// Appends durably; all of it or nothing.
    pub(super) async fn append(&mut self, batch: Vec<Recorded>) -> Result<(), Failure> {
        let expected = self.events.len() as u64;
        match &self.place {
            Place::Home(store, drill, _) => store
                .append(drill, expected, &batch)
                .await
                .map_err(Failure::io(format!("write to drill {drill}")))?,
            Place::File(path) => {
                let all: Vec<_> = self.events.iter().chain(&batch).cloned().collect();
                replace(path, &all).map_err(Failure::io(format!("write {}", path.display())))?;
            }
        }
        self.events.extend(batch);
        Ok(())
    }
}

/// Writes the whole file beside the old one and puts it in its place.
fn replace(path: &Path, events: &[Recorded]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut made = tempfile::NamedTempFile::new_in(folder)?;
    write_jsonl(events, made.as_file_mut())?;
    made.as_file().sync_all()?;
    made.as_file().set_permissions(std::fs::metadata(path)?.permissions())?;
    made.persist(path).map(drop).map_err(|error| error.error)
}

/// The events as a journal that can be reported on.
pub(super) fn whole(events: &[Recorded]) -> Result<Journal<'_>, Failure> {
    Journal::new(events).map_err(|bad| Failure::new(Exit::Problems, bad.to_string()))
}

async fn stored(name: &str) -> Result<Vec<Recorded>, Failure> {
    let (home, store, drill) = find(name).await?;
    let events = events_of(&store, &home, &drill).await?;
    store.close().await;
    Ok(events)
}

fn unknown(name: &str, why: &str) -> Failure {
    Failure::refused(format!("could not find a journal `{name}`: {why}"))
        .with_help("Name a file, the id of a drill that was run here, or `last`.")
}

/// The home's store, and the drill in it that is meant.
async fn find(name: &str) -> Result<(Home, SqliteStore, DrillId), Failure> {
    let home = Home::find()?;
    if !home.journal().exists() {
        return Err(unknown(name, "there is no such file, and no drill was run here yet"));
    }
    let failed = || Failure::io(format!("read {}", home.journal().display()));
    let store = SqliteStore::open(home.journal()).await.map_err(failed())?;
    let drill: DrillId = if name == "last" {
        let mut drills = store.drills().await.map_err(failed())?;
        drills.pop().ok_or_else(|| unknown(name, "no drill was run here yet"))?.drill
    } else {
        name.parse().map_err(|_| unknown(name, "that is neither a file nor the id of a drill"))?
    };
    Ok((home, store, drill))
}

async fn events_of(store: &SqliteStore, home: &Home, drill: &DrillId) -> Result<Vec<Recorded>, Failure> {
    let failed = Failure::io(format!("read {}", home.journal().display()));
    let events = store.read(drill, 0).await.map_err(failed)?;
    if events.is_empty() {
        return Err(unknown(drill.as_str(), "there is no such file, and no drill of that id was run here"));
    }
    Ok(events)
}

/// The corrective actions that this home's drills asked for, with their drills.
pub(super) async fn asked_for(home: &Home) -> Result<Vec<CorrectiveAction>, Failure> {
    let reviewed = of_kinds(home, &["reviewed"]).await?;
    Ok(reviewed.iter().flat_map(|(drill, events)| asked_in(drill, events)).collect())
}

/// The corrective actions that these events of a drill ask for.
pub(super) fn asked_in(drill: &DrillId, events: &[Recorded]) -> Vec<CorrectiveAction> {
    let wanted = events.iter().filter_map(|one| match &one.event {
        Event::Reviewed { entry: Review::FollowUp(wanted), .. } => Some((one.at, wanted)),
        _ => None,
    });
    follow_up::asked_for(drill, wanted)
}

/// What a programme is made of, drill by drill.
pub(super) async fn outlines(home: &Home) -> Result<Vec<(DrillId, Vec<Recorded>)>, Failure> {
    of_kinds(home, &KINDS).await
}

/// Events of these kinds of every drill of a home.
async fn of_kinds(home: &Home, kinds: &[&str]) -> Result<Vec<(DrillId, Vec<Recorded>)>, Failure> {
    if !home.journal().exists() {
        return Ok(Vec::new());
    }
    let failed = || Failure::io(format!("read {}", home.journal().display()));
    let store = SqliteStore::open(home.journal()).await.map_err(failed())?;
    let found = store.of_kinds(kinds).await.map_err(failed())?;
    store.close().await;
    Ok(found)
}
