//! The library of a server: the built-in scenarios and those of named folders, each with what its check finds and whether
//! it is rehearsed. Nobody names a file over the network: what is not listed cannot be begun.

use crate::{
    base::{At, Span},
    cli::{exit::Failure, home::Home, preflight, shelf::Shelf},
    clock::{Clock as _, SystemClock},
    console::{Denied, Rehearsal, Shelved},
    drill::preflight::Rehearsed,
    library::Library,
    scenario::{Scenario, problem::Problem},
};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// How long a look at the library counts: each one reads every file and runs its scripts.
const FRESH: Span = Span::from_secs(20);
/// Most files of a folder that are listed.
const FILES_MAX: usize = 500;

/// Scenarios by the names that drills are begun by.
#[derive(Clone)]
pub(super) struct Shelves(Arc<Inside>);

struct Inside {
    home: Home,
    shelf: Shelf,
    folders: Vec<PathBuf>,
    looked: Mutex<Option<(At, Vec<Shelved>)>>,
}

/// A scenario that is good, with the documents that its people may read.
pub(super) struct Taken {
    pub(super) scenario: Scenario,
    pub(super) documents: BTreeMap<String, String>,
}

impl Shelves {
    pub(super) fn new(home: Home, shelf: Shelf, folders: Vec<PathBuf>) -> Self {
        Self(Arc::new(Inside { home, shelf, folders, looked: Mutex::default() }))
    }

    /// Every scenario as it is, or was a few seconds ago.
    pub(super) async fn look(&self) -> Result<Vec<Shelved>, Denied> {
        let inside = Arc::clone(&self.0);
        apart(move || {
            // One look at a time: who comes meanwhile waits for it.
            let mut looked = inside.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = SystemClock.now();
            if let Some((at, found)) = &*looked
                && now < *at + FRESH
            {
                return Ok(found.clone());
            }
            let found = inside.look().map_err(denied)?;
            *looked = Some((SystemClock.now(), found.clone()));
            Ok(found)
        })
        .await
    }

    /// The scenario of this name, as it is now.
    pub(super) async fn take(&self, name: String) -> Result<Taken, Denied> {
        let inside = Arc::clone(&self.0);
        apart(move || {
            let known = inside.names();
            let place = known.get(&name).or_else(|| {
                // `pool-shrink` for `depot/pool-shrink`, as on the command line.
                let mut ends = known.iter().filter(|(full, _)| full.rsplit('/').next() == Some(&name));
                ends.next().map(|(_, place)| place)
            });
            let place = place.ok_or_else(|| {
                Denied::new("no-such-scenario", format!("the library has no scenario `{name}`"))
            })?;
            let library = inside.shelf.library().map_err(denied)?;
            let bad = |error: crate::library::LoadError| Denied::new("problems", error.to_string());
            Ok(Taken {
                scenario: library.load(place).map_err(bad)?,
                documents: library.documents(place).map_err(bad)?,
            })
        })
        .await
    }

    /// The documents of a scenario that is known by its bare name; none when it is not here any more.
    pub(super) async fn documents(&self, name: &str) -> BTreeMap<String, String> {
        self.take(name.to_owned()).await.map(|taken| taken.documents).unwrap_or_default()
    }
}

impl Inside {
    /// Names with what the library finds them by: a built-in name or a path.
    fn names(&self) -> BTreeMap<String, String> {
        let mut names: BTreeMap<_, _> =
            Library::built_in().into_iter().map(|name| (name.clone(), name)).collect();
        for folder in &self.folders {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in
                entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).take(FILES_MAX)
            {
                let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
                if !matches!(stem, "" | "pack" | "target") {
                    names.insert(stem.to_owned(), path.display().to_string());
                }
            }
        }
        names
    }

    fn look(&self) -> Result<Vec<Shelved>, Failure> {
        let library = self.shelf.library()?;
        self.names().into_iter().map(|(name, place)| self.shelved(&library, name, &place)).collect()
    }

    fn shelved(&self, library: &Library, name: String, place: &str) -> Result<Shelved, Failure> {
        let scenario = match library.load(place) {
            Ok(scenario) => scenario,
            Err(error) => {
                let mut problems: Vec<_> = error.problems().iter().map(Problem::headline).collect();
                if problems.is_empty() {
                    problems.push(error.to_string());
                }
                let rehearsal = Rehearsal::No("it has problems".to_owned());
                return Ok(Shelved {
                    name,
                    title: String::new(),
                    target: String::new(),
                    difficulty: 0,
                    par: String::new(),
                    objectives: Vec::new(),
                    problems,
                    rehearsal,
                });
            }
        };
        let rehearsal = match preflight::rehearsal(&self.home, &scenario)? {
            Rehearsed::Yes => Rehearsal::Holds,
            Rehearsed::No(why) => Rehearsal::No(why),
        };
        Ok(Shelved {
            name,
            title: scenario.title,
            target: scenario.pack.target.name.clone(),
            difficulty: scenario.difficulty,
            par: scenario.duration.par.to_string(),
            objectives: scenario.objectives,
            problems: Vec::new(),
            rehearsal,
        })
    }
}

/// Reads files and runs scripts away from those who answer requests.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Denied> + Send + 'static,
) -> Result<T, Denied> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Denied::new("broken", "the library could not be read: this is a bug")))
}

/// What the office says of a failure.
pub(super) fn denied(failure: Failure) -> Denied {
    let code = if failure.bars.is_empty() { "not-possible" } else { "refused" };
    let error = failure.message.lines().next().unwrap_or_default().to_owned();
    Denied { code, error, bars: failure.bars }
}
