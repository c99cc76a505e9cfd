//! The library of a server: the built-in scenarios and those of named folders, each with what its check finds and whether
//! it is rehearsed; and what an editor opens, checks and keeps there. Nobody names a file over the network: what is not
//! listed cannot be begun or opened, and what is written is a scenario's file in one of these folders.

use crate::{
    base::{At, Span, limits::FILE_BYTES_MAX, names::is_name},
    cli::{exit::Failure, home::Home, preflight, shelf::Shelf},
    clock::{Clock as _, SystemClock},
    console::{Checked, Denied, Draft, Keep, Kept, Rehearsal, Shelved},
    drill::{
        plan::{Plan, PlanOptions},
        preflight::Rehearsed,
    },
    library::{
        Library, LoadError,
        keep::{KeepError, keep},
        variants::Pick,
    },
    scenario::{Scenario, problem::Problem},
    seed::{self, Seed},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// How long a look at the library counts: each one reads every file and runs its scripts.
const FRESH: Span = Span::from_secs(20);
/// Most files of a folder that are listed.
const FILES_MAX: usize = 500;
/// Texts that are checked at the same time: each starts processes.
const CHECKS_MAX: usize = 4;
/// The seed where nothing that it draws matters: a picture that is drawn again looks the same.
pub(super) const PICTURED: Seed = Seed(1);

/// Scenarios by the names that drills are begun by.
#[derive(Clone)]
pub(in crate::cli) struct Shelves(Arc<Inside>);

struct Inside {
    home: Home,
    shelf: Shelf,
    /// New scenarios are written into the first.
    folders: Vec<PathBuf>,
    looked: Mutex<Option<(At, Vec<Shelved>)>>,
    checks: Arc<Semaphore>,
    /// Two who save at once are asked one after the other.
    keeping: Mutex<()>,
}

/// A scenario that is good, with the documents that its people may read.
pub(super) struct Taken {
    pub(super) scenario: Scenario,
    pub(super) documents: BTreeMap<String, String>,
}

impl Shelves {
    pub(in crate::cli) fn new(home: Home, shelf: Shelf, mut folders: Vec<PathBuf>) -> Self {
        if folders.is_empty() {
            folders.push(home.scenarios());
        }
        let (checks, keeping) = (Arc::new(Semaphore::new(CHECKS_MAX)), Mutex::default());
        Self(Arc::new(Inside { home, shelf, folders, looked: Mutex::default(), checks, keeping }))
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

    /// The scenario of this name, as it is now; of one with variants the one that is named, or that the seed draws.
    pub(super) async fn take(
        &self,
        name: String,
        variant: Option<String>,
        seed: Seed,
    ) -> Result<Taken, Denied> {
        let inside = Arc::clone(&self.0);
        apart(move || {
            let (_, place) = inside.find(&name)?;
            let library = inside.shelf.library().map_err(denied)?;
            let bad = |error: LoadError| {
                let lines: Vec<_> = problems(&error, &place).iter().map(Problem::headline).collect();
                Denied::new("problems", if lines.is_empty() { error.to_string() } else { lines.join("\n") })
            };
            if let Some(variant) = &variant
                && !library.load_one(&place, Pick::At(0)).map_err(bad)?.variants.contains(variant)
            {
                // It may be told in a log, and names of variants tell.
                let error = format!("`{name}` has no variant of that name");
                return Err(Denied::new("no-variant", error));
            }
            let pick = variant.as_deref().map_or(Pick::Drawn(seed), Pick::Named);
            Ok(Taken {
                scenario: library.load_one(&place, pick).map_err(bad)?,
                documents: library.documents(&place).map_err(bad)?,
            })
        })
        .await
    }

    /// The documents of a scenario that is known by its bare name; none when it is not here any more.
    pub(super) async fn documents(&self, name: &str) -> BTreeMap<String, String> {
        self.take(name.to_owned(), None, PICTURED).await.map(|taken| taken.documents).unwrap_or_default()
    }
}

/// What an editor asks for.
impl Shelves {
    /// A scenario as it is written.
    pub(super) async fn draft(&self, name: String) -> Result<Draft, Denied> {
        let inside = Arc::clone(&self.0);
        apart(move || {
            let (scenario, place) = inside.find(&name)?;
            if Library::is_sealed(&place) {
                return Err(sealed(&scenario));
            }
            let unreadable = |problem: Problem| Denied::new("unreadable", problem.headline());
            let file = Library::shown(&place).map_err(unreadable)?;
            let bytes = Library::bytes(&place).map_err(unreadable)?;
            let digest = seed::digest(&bytes);
            let text = String::from_utf8(bytes)
                .map_err(|_| Denied::new("unreadable", format!("{file}: this is not text in UTF-8")))?;
            Ok(Draft { own: scenario != place, scenario, file, text, digest })
        })
        .await
    }

    /// What is wrong with a text, or its plan.
    pub(super) async fn check(&self, name: Option<String>, text: String) -> Result<Checked, Denied> {
        let Ok(turn) = Arc::clone(&self.0.checks).try_acquire_owned() else {
            return Err(Denied::new("busy", "others have texts checked: try again in a moment"));
        };
        let inside = Arc::clone(&self.0);
        apart(move || {
            let place = match name {
                Some(name) => inside.find(&name)?.1,
                None => inside.new_place("new-scenario").display().to_string(),
            };
            let library = inside.shelf.library().map_err(denied)?;
            let file = Library::shown(&place);
            let file = file.map_err(|problem| Denied::new("unreadable", problem.headline()))?;
            let checked = match library.check(&place, &text) {
                Ok(scenario) => Ok(Checked { file, problems: Vec::new(), plan: Some(pictured(&scenario)) }),
                Err(LoadError::Worker(error)) => Err(Denied::new("not-possible", error.to_string())),
                Err(error) => Ok(Checked { file, problems: problems(&error, &place), plan: None }),
            };
            drop(turn);
            checked
        })
        .await
    }

    /// Writes a text where its scenario stands. The next look at the library sees it.
    pub(super) async fn keep(&self, asked: Keep) -> Result<Kept, Denied> {
        let inside = Arc::clone(&self.0);
        apart(move || {
            if asked.text.len() > FILE_BYTES_MAX {
                let most = FILE_BYTES_MAX / 1024;
                return Err(Denied::new("too-large", format!("a scenario has at most {most} KiB")));
            }
            let _one = inside.keeping.lock().unwrap_or_else(PoisonError::into_inner);
            let place = inside.own_place(&asked.scenario)?;
            let (folder, file) = (place.parent().unwrap_or(Path::new(".")), place.file_name());
            let file = file.and_then(|name| name.to_str()).unwrap_or_default();
            let digest = keep(folder, file, &asked.text, asked.was.as_deref()).map_err(|error| {
                let code = match &error {
                    KeepError::Changed => "changed",
                    KeepError::Taken => "name-taken",
                    KeepError::Unreadable(_) | KeepError::Io(_) => "not-possible",
                };
                Denied::new(code, format!("could not write {}: {error}", place.display()))
            })?;
            *inside.looked.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let file = place.display().to_string();
            let library = inside.shelf.library().map_err(denied)?;
            let problems = library.load(&file).err().map_or(0, |error| error.problems().len());
            Ok(Kept { scenario: asked.scenario, file, digest, problems })
        })
        .await
    }
}

impl Inside {
    /// A scenario of the library by its name or the end of it, with what the library finds it by.
    fn find(&self, name: &str) -> Result<(String, String), Denied> {
        let known = self.names();
        let found = known.get_key_value(name).or_else(|| {
            // `pool-shrink` for `depot/pool-shrink`, as on the command line.
            known.iter().find(|(full, _)| full.rsplit('/').next() == Some(name))
        });
        let error = || Denied::new("no-such-scenario", format!("the library has no scenario `{name}`"));
        found.map(|(name, place)| (name.clone(), place.clone())).ok_or_else(error)
    }

    fn new_place(&self, name: &str) -> PathBuf {
        self.folders.first().map_or(Path::new("."), PathBuf::as_path).join(format!("{name}.yaml"))
    }

    /// Where a scenario is written that does not come with the program.
    fn own_place(&self, name: &str) -> Result<PathBuf, Denied> {
        let known = self.names();
        if let Some(place) = known.get(name).filter(|place| *place != name) {
            if Library::is_sealed(place) {
                return Err(sealed(name));
            }
            return Ok(PathBuf::from(place));
        }
        if known.keys().any(|full| full == name || full.rsplit('/').next() == Some(name)) {
            let error = format!("`{name}` comes with the program and stays as it is: choose another name");
            return Err(Denied::new("built-in", error));
        }
        if !is_name(name) || ends_in(name, "yaml") || matches!(name, "pack" | "target") {
            let error = "name it with 1 to 64 letters, digits, `-`, `_` and `.`, without `.yaml`, and not `pack` or `target`";
            return Err(Denied::new("bad-name", error));
        }
        if known.len() >= FILES_MAX {
            return Err(Denied::new("full", format!("the library has {FILES_MAX} scenarios: remove one")));
        }
        Ok(self.new_place(name))
    }

    /// Names with what the library finds them by: a built-in name or a path.
    fn names(&self) -> BTreeMap<String, String> {
        let mut names: BTreeMap<_, _> =
            Library::built_in().into_iter().map(|name| (name.clone(), name)).collect();
        for folder in &self.folders {
            names.extend(Library::in_folder(folder, FILES_MAX));
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
                let mut lines: Vec<_> = problems(&error, place).iter().map(Problem::headline).collect();
                if lines.is_empty() {
                    lines.push(error.to_string());
                }
                let rehearsal = Rehearsal::No("it has problems".to_owned());
                return Ok(Shelved {
                    own: name != place,
                    name,
                    title: String::new(),
                    target: String::new(),
                    difficulty: 0,
                    par: String::new(),
                    objectives: Vec::new(),
                    problems: lines,
                    rehearsal,
                });
            }
        };
        let rehearsal = match preflight::rehearsal(&self.home, &scenario)? {
            Rehearsed::Yes => Rehearsal::Holds,
            // Why is a matter of files of this machine; what helps is the same for all.
            Rehearsed::No(_) => {
                Rehearsal::No(format!("no rehearsal of this text holds: gameday rehearse {place}"))
            }
        };
        Ok(Shelved {
            own: name != place,
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

/// What is sealed is neither shown nor written over.
fn sealed(name: &str) -> Denied {
    let error = format!(
        "`{name}` is sealed: `gameday unseal` gives its text to whoever has a key, on their own machine"
    );
    Denied::new("sealed", error)
}

fn ends_in(path: impl AsRef<Path>, end: &str) -> bool {
    path.as_ref().extension().is_some_and(|found| found == end)
}

/// What is said of a scenario's mistakes. Its author may name any YAML file beneath the folder as its players: of one that
/// is something else, nothing but the place is told.
fn problems(error: &LoadError, place: &str) -> Vec<Problem> {
    let open = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or_default();
        file == place || matches!(name, "pack.yaml" | "target.yaml") || ends_in(name, "rhai")
    };
    let built_in = !ends_in(place, "yaml") && !Library::is_sealed(place);
    let told = error.problems().iter().cloned().map(|problem| {
        if built_in || open(&problem.file) {
            return problem;
        }
        let told = Problem { message: "this file has a mistake here".to_owned(), ..problem };
        told.with_help("`gameday check` on the server\u{2019}s machine tells which")
    });
    told.collect()
}

/// The plan of a scenario for a picture: when it begins and what its seed draws does not matter there.
fn pictured(scenario: &Scenario) -> Plan {
    let start = At::from_millis(0);
    Plan::resolve(scenario, PlanOptions { seed: PICTURED, start, autopilot: false, routes: Vec::new() })
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
