//! The library: scenarios, packs and fault injectors, in folders on disk laid over the set built into the program.
//!
//! ```text
//! NAME or PATH -> read the file -> pack + documentation -> injectors describe themselves (worker process)
//!              -> parameters checked -> injectors plan (worker process) -> scenario::check -> Scenario
//! ```
//!
//! Open first: [`Library::load`]. [`folder`] reads files from disk and from the program alike and refuses links;
//! [`worker`] runs scripts in a process of their own; [`catalogue`] turns a folder of documents into entries that
//! hints may point to; [`template`] writes the file of `gameday new`; [`keep`] writes what an editor hands in; `tabletops` finds table-tops;
//! [`variants`] draws one of a scenario's answers; [`mod@seal`] makes a scenario unreadable, `sealed` opens one with the [`keys`] that are at hand.

pub mod catalogue;
pub mod folder;
mod found;
pub mod keep;
pub mod keys;
pub mod lint;
mod reading;
pub mod seal;
pub mod sealed;
mod tabletops;
pub mod template;
pub mod variants;
pub mod worker;

use crate::fault::injector::{FaultInjector, Planned, Reactor};
use crate::fault::script::{self, Call, ScriptError};
use crate::scenario::Scenario;
use crate::scenario::blueprint::Blueprint;
use crate::scenario::check::{self, Given, OfTarget};
use crate::scenario::file::{self, PackFile, Placed, PlayFile, ScenarioFile, TargetFile};
use crate::scenario::pack::{Pack, TargetDescription};
use crate::scenario::problem::{Place, Problem, render_problems, suggestion};
use folder::{Folder, FolderError};
use found::Found;
use keys::Keys;
use reading::Reading;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use variants::Pick;
use worker::{ScriptRunner, WorkerError};

/// Scenarios, packs and injectors.
#[derive(Debug, Clone)]
pub struct Library {
    targets: Vec<TargetDescription>,
    scripts: ScriptRunner,
    injector_folders: Vec<PathBuf>,
    keys: Keys,
}

/// A scenario that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The files have mistakes: all of them, with the texts that they are in.
    #[error("{}", headlines(problems))]
    Problems {
        /// Every mistake.
        problems: Vec<Problem>,
        /// The texts of the files, by the names in the problems.
        sources: BTreeMap<String, String>,
    },
    /// Scripts could not be run at all; the files may be good.
    #[error("could not run the scripts: {0}")]
    Worker(#[from] WorkerError),
}

fn headlines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::headline).collect::<Vec<_>>().join("\n")
}

impl LoadError {
    /// Every mistake; none when the scripts could not be run.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Problems { problems, .. } => problems,
            Self::Worker(_) => &[],
        }
    }

    /// For people: each mistake with its line, a caret and help. `styled` adds terminal colours.
    pub fn render(&self, styled: bool) -> String {
        match self {
            Self::Problems { problems, sources } => {
                render_problems(problems, &|name| sources.get(name).cloned(), styled)
            }
            Self::Worker(_) => format!("{self}\n"),
        }
    }
}

/// Why a step ended early.
enum Stop {
    Problems(Vec<Problem>),
    Worker(WorkerError),
}

impl Stop {
    /// As it is told to whoever asked.
    fn told(self, reading: Reading) -> LoadError {
        match self {
            Self::Problems(problems) => {
                LoadError::Problems { problems: reading.fit_to_be_told(problems), sources: reading.sources }
            }
            Self::Worker(error) => LoadError::Worker(error),
        }
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl Library {
    /// A library over the targets that are built into the program. `scripts` says where scripts run.
    pub fn new(targets: Vec<TargetDescription>, scripts: ScriptRunner) -> Self {
        Self { targets, scripts, injector_folders: Vec::new(), keys: Keys::default() }
    }

    /// The same with one more folder of injectors, laid over the built-in ones and over those of a pack.
    pub fn with_injectors(mut self, folder: impl Into<PathBuf>) -> Self {
        self.injector_folders.push(folder.into());
        self
    }

    /// The same with identities that open sealed scenarios.
    pub fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Names of the built-in scenarios: `depot/pool-shrink`.
    pub fn built_in() -> Vec<String> {
        let mut names = Vec::new();
        for pack in folder::built_in_packs() {
            let files = Folder::built_in_pack(&pack).map(|folder| folder.list("yaml")).unwrap_or_default();
            names.extend(
                files
                    .iter()
                    .filter_map(|path| path.strip_suffix(".yaml"))
                    .filter(|stem| !["pack", "target"].contains(stem) && !stem.contains('/'))
                    .map(|stem| format!("{pack}/{stem}")),
            );
        }
        names
    }

    /// Loads and checks a scenario: a path (`drills/pool.yaml`), or the name of a built-in one (`pool-shrink`,
    /// `depot/pool-shrink`). The error holds every problem at once. Of one with variants all are checked, and the first is
    /// given.
    pub fn load(&self, name_or_path: &str) -> Result<Scenario, LoadError> {
        self.checked(name_or_path, None)
    }

    /// Checks a text as if it stood in this scenario's file, which need not be there yet.
    pub fn check(&self, name_or_path: &str, text: &str) -> Result<Scenario, LoadError> {
        self.checked(name_or_path, Some(text))
    }

    /// How a scenario's own file is named to people, whether it is there or not.
    pub fn shown(name_or_path: &str) -> Result<String, Problem> {
        Ok(Found::locate(name_or_path)?.shown)
    }

    /// The bytes of a scenario's file as they are, with or without mistakes.
    pub fn bytes(name_or_path: &str) -> Result<Vec<u8>, Problem> {
        let found = Found::locate(name_or_path)?;
        let bytes = found.folder.read(&found.file);
        bytes.map_err(|error| Problem::of_file(&found.shown, error.why.to_string()))
    }

    /// The documentation that a scenario's people may read: the text of each document by its name in the catalogue.
    pub fn documents(&self, name_or_path: &str) -> Result<BTreeMap<String, String>, LoadError> {
        let mut reading = Reading::new();
        let read = |reading: &mut Reading| -> Result<BTreeMap<String, String>, Stop> {
            let found = Found::locate(name_or_path)?;
            let bytes = self.own_file(&found, reading)?;
            let file = Self::any_variant(&found.shown, &bytes)?;
            let folder = found.pack_folder(&file.pack)?;
            let shown = folder.shown("pack.yaml");
            let bytes = reading.file(&folder, "pack.yaml", &shown)?;
            let pack: PackFile = file::read(&shown, &bytes)?;
            in_docs(&folder, &pack, catalogue::documents)
        };
        read(&mut reading).map_err(|stop| stop.told(reading))
    }

    /// Loads a built-in pack by its name, or the one in a folder on disk.
    pub fn load_pack(&self, name_or_folder: &str) -> Result<Pack, LoadError> {
        let mut reading = Reading::new();
        let on_disk = Path::new(name_or_folder);
        let folder = if on_disk.join("pack.yaml").exists() {
            Some(Folder::on_disk(on_disk))
        } else {
            Folder::built_in_pack(name_or_folder)
        };
        let name = on_disk.file_name().and_then(|name| name.to_str()).unwrap_or(name_or_folder).to_owned();
        let read = match folder {
            Some(folder) => self.pack_in(&folder, &name, &mut reading),
            None => Err(no_pack(name_or_folder, name_or_folder, Place::default()).into()),
        };
        read.map_err(|stop| stop.told(reading))
    }

    /// Every built-in injector and those of the added folders, by name.
    pub fn injectors(&self) -> Result<Vec<FaultInjector>, LoadError> {
        let mut reading = Reading::new();
        let shelves = self.shelves(None);
        let mut names: Vec<String> = Vec::new();
        for shelf in &shelves {
            let stems = shelf
                .list("rhai")
                .into_iter()
                .filter_map(|path| path.strip_suffix(".rhai").map(str::to_owned));
            names.extend(stems.filter(|stem| !stem.contains('/')));
        }
        names.sort();
        names.dedup();
        let mut problems = Vec::new();
        let mut injectors = Vec::new();
        for name in names {
            match self.injector(&name, &shelves, &mut reading) {
                Ok(Some(injector)) => injectors.push(injector),
                Ok(None) => {}
                Err(Stop::Problems(more)) => problems.extend(more),
                Err(Stop::Worker(error)) => return Err(LoadError::Worker(error)),
            }
        }
        if problems.is_empty() {
            Ok(injectors)
        } else {
            Err(LoadError::Problems { problems, sources: reading.sources })
        }
    }

    /// Checks the injector in a file: its script is whole and describes itself. What it plans is seen with the scenario
    /// that names it.
    pub fn load_injector(&self, path: &Path) -> Result<FaultInjector, LoadError> {
        let mut reading = Reading::new();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let read = self.injector(name, &[Folder::on_disk(parent)], &mut reading).and_then(|found| {
            let shown = path.display().to_string();
            let why = format!("could not find an injector here, or `{name}` is not a name");
            found.ok_or_else(|| Problem::of_file(&shown, why).into())
        });
        read.map_err(|stop| stop.told(reading))
    }

    /// A scenario with the file that it was made of, and how that is called. Of one with variants it is the one that is
    /// picked.
    fn read_with_file(
        &self,
        name_or_path: &str,
        text: Option<&str>,
        pick: Pick<'_>,
        reading: &mut Reading,
    ) -> Result<(String, ScenarioFile, Scenario), Stop> {
        let found = Found::locate(name_or_path)?;
        let bytes = match text {
            Some(text) => {
                reading.keep(&found.shown, text.as_bytes());
                text.as_bytes().to_vec()
            }
            None => self.own_file(&found, reading)?,
        };
        if file::is_tabletop(&bytes) {
            let problem =
                Problem::of_file(&found.shown, "this is a table-top, which breaks nothing and is no drill");
            return Err(problem.with_help("one person walks through it: `gameday practice FILE`").into());
        }
        reading.note("scenario", &bytes);
        let drawn = self.draw(&found, &bytes, pick, reading)?;
        self.made(found, drawn.as_ref().unwrap_or(&bytes), reading)
    }

    /// The scenario of a text without variants.
    fn made(
        &self,
        found: Found,
        bytes: &[u8],
        reading: &mut Reading,
    ) -> Result<(String, ScenarioFile, Scenario), Stop> {
        let file: ScenarioFile = file::read(&found.shown, bytes)?;
        let pack_folder = found.pack_folder(&file.pack)?;
        let pack = self.pack_in(&pack_folder, &file.pack, reading)?;
        let mut problems = Vec::new();
        let shelves = self.shelves(Some(&pack_folder));
        let (planned, reactors) =
            self.plans(&file, (&found.shown, &pack), &shelves, reading, &mut problems)?;
        let players = players(&file, &found, reading, &mut problems);
        let given = Given {
            name: &found.name,
            file: &found.shown,
            pack: &pack,
            planned: &planned,
            players: players.as_ref().map(|(name, list)| (name.as_str(), list.as_slice())),
            digest: reading.digest(),
        };
        match check::scenario(&file, given) {
            Ok(scenario) if problems.is_empty() => {
                Ok((found.shown, file, reading.marked(Scenario { reactors, ..scenario })))
            }
            Ok(_) => Err(Stop::Problems(problems)),
            Err(more) => {
                problems.extend(more);
                problems.sort_by_key(|problem| (problem.file != found.shown, problem.line, problem.column));
                Err(Stop::Problems(problems))
            }
        }
    }

    fn pack_in(&self, folder: &Folder, name: &str, reading: &mut Reading) -> Result<Pack, Stop> {
        let shown = folder.shown("pack.yaml");
        let bytes = reading.file(folder, "pack.yaml", &shown)?;
        let file: PackFile = file::read(&shown, &bytes)?;
        let entries = in_docs(folder, &file, catalogue::entries)?;
        let mut problems = Vec::new();
        let target = if file.target.ends_with(".yaml") {
            let read = Self::target_in(folder, &file.target, reading);
            OfTarget::Described(read.map_err(|more| problems = more).ok().map(Box::new))
        } else {
            OfTarget::BuiltIn(&self.targets)
        };
        let pack = match check::pack(name, &shown, &file, target, entries) {
            Ok(pack) => pack,
            Err(more) => {
                problems.extend(more);
                return Err(Stop::Problems(problems));
            }
        };
        let description = serde_json::to_vec(&pack).expect("a pack has only text keys");
        reading.note("pack", &description);
        Ok(pack)
    }

    /// The target that a file of the pack describes.
    fn target_in(
        folder: &Folder,
        path: &str,
        reading: &mut Reading,
    ) -> Result<(TargetDescription, Blueprint), Vec<Problem>> {
        let shown = folder.shown(path);
        let bytes = reading.file(folder, path, &shown).map_err(|problem| vec![problem])?;
        let file: TargetFile = file::read(&shown, &bytes).map_err(|problem| vec![problem])?;
        let mut contents = check::Contents::new();
        for one in &file.lay_out {
            let text = folder.read(&one.from).map_err(|error| error.why.to_string()).and_then(|bytes| {
                String::from_utf8(bytes).map_err(|_| "this is not text in UTF-8".to_owned())
            });
            contents.insert(one.from.value.clone(), text);
        }
        check::described(&shown, &file, &contents)
    }

    /// Loads the target file at a path alone, without its pack.
    pub fn load_target(&self, path: &Path) -> Result<(TargetDescription, Blueprint), LoadError> {
        let mut reading = Reading::new();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Self::target_in(&Folder::on_disk(parent), name, &mut reading)
            .map_err(|problems| LoadError::Problems { problems, sources: reading.sources })
    }

    /// What each step's script plans, and which of them are asked again while it is played. Problems of single steps are
    /// collected; the step's plan is `None` then.
    fn plans(
        &self,
        file: &ScenarioFile,
        (shown, pack): (&str, &Pack),
        shelves: &[Folder],
        reading: &mut Reading,
        problems: &mut Vec<Problem>,
    ) -> Result<(Vec<Option<Planned>>, Vec<Reactor>), Stop> {
        let mut reactors = Vec::new();
        let mut known: BTreeMap<&str, Option<FaultInjector>> = BTreeMap::new();
        let mut plans = Vec::new();
        for step in &file.faults {
            let name = step.injector.value.as_str();
            if !known.contains_key(name) {
                let injector = match self.injector(name, shelves, reading) {
                    Ok(Some(injector)) => Some(injector),
                    Ok(None) => {
                        problems.push(no_injector(shown, &step.injector, shelves));
                        None
                    }
                    Err(Stop::Problems(more)) => {
                        problems.extend(more);
                        None
                    }
                    Err(stop) => return Err(stop),
                };
                known.insert(name, injector);
            }
            let Some(injector) = known.get(name).and_then(Option::as_ref) else {
                plans.push(None);
                continue;
            };
            plans.push(match check::parameters(shown, step, injector, &pack.target) {
                Ok(params) => {
                    if !injector.description.reacts.is_empty() && !step.second_act {
                        reactors.push(reactor(injector, step.related, &params));
                    }
                    self.plan(injector, params, shown, step.injector.place, problems)?
                }
                Err(more) => {
                    problems.extend(more);
                    None
                }
            });
        }
        Ok((plans, reactors))
    }

    fn plan(
        &self,
        injector: &FaultInjector,
        params: serde_json::Map<String, serde_json::Value>,
        shown: &str,
        place: Place,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Planned>, Stop> {
        let answer = self.scripts.run(&injector.source, &Call::Plan(params)).map_err(Stop::Worker)?;
        match answer.and_then(script::planned) {
            Ok(planned) => Ok(Some(planned)),
            Err(error) => {
                let message = format!("the injector `{}` could not plan: {}", injector.name, error.message);
                let problem = Problem::at(shown, place, message);
                problems.push(if error.line > 0 {
                    problem.with_help(format!(
                        "{}.rhai, line {}, column {}",
                        injector.name, error.line, error.column
                    ))
                } else {
                    problem
                });
                Ok(None)
            }
        }
    }

    /// Folders of injectors, the one that wins first.
    fn shelves(&self, pack: Option<&Folder>) -> Vec<Folder> {
        let mut shelves: Vec<Folder> =
            self.injector_folders.iter().rev().map(|path| Folder::on_disk(path)).collect();
        shelves.extend(pack.map(|pack| pack.beneath("fault-injectors")));
        shelves.push(Folder::built_in_injectors());
        shelves
    }

    /// The script of an injector, noted as a part of the drill, and how its file is shown.
    fn script(
        name: &str,
        shelves: &[Folder],
        reading: &mut Reading,
    ) -> Result<Option<(String, Vec<u8>)>, Problem> {
        let file = format!("{name}.rhai");
        let Some(folder) = shelves.iter().find(|shelf| shelf.has(&file)) else {
            return Ok(None);
        };
        let shown = folder.shown(&file);
        let bytes = reading.file(folder, &file, &shown)?;
        reading.note(&file, &bytes);
        Ok(Some((shown, bytes)))
    }

    fn injector(
        &self,
        name: &str,
        shelves: &[Folder],
        reading: &mut Reading,
    ) -> Result<Option<FaultInjector>, Stop> {
        if !crate::base::names::is_name(name) {
            return Ok(None);
        }
        let Some((shown, bytes)) = Self::script(name, shelves, reading)? else {
            return Ok(None);
        };
        let source = file::text_of(&shown, &bytes)?.to_owned();
        let answer = self.scripts.run(&source, &Call::Describe).map_err(Stop::Worker)?;
        match answer.and_then(script::description) {
            Ok(description) => Ok(Some(FaultInjector { name: name.to_owned(), source, description })),
            Err(ScriptError { message, line, column }) => {
                Err(Problem::at(&shown, Place { line, column, width: 1 }, message).into())
            }
        }
    }
}

/// Reads a pack's folder of documents. One that is outside of the pack is refused by the check; nothing of it is read.
fn in_docs<T: Default>(
    folder: &Folder,
    file: &PackFile,
    read: impl Fn(&Folder, &str) -> Result<T, FolderError>,
) -> Result<T, Stop> {
    let docs = file.docs.as_ref().map_or("docs", |docs| docs.as_str());
    if !docs.split('/').all(crate::base::names::is_name) {
        return Ok(T::default());
    }
    read(folder, docs)
        .map_err(|error| Problem::of_file(&folder.shown(&error.path), error.why.to_string()).into())
}

fn reactor(
    injector: &FaultInjector,
    related: bool,
    params: &serde_json::Map<String, serde_json::Value>,
) -> Reactor {
    Reactor {
        injector: injector.name.clone(),
        related,
        source: injector.source.clone(),
        params: params.clone(),
        reacts: injector.description.reacts.clone(),
    }
}

fn no_injector(shown: &str, injector: &Placed<String>, shelves: &[Folder]) -> Problem {
    let mut known: Vec<String> = shelves.iter().flat_map(|shelf| shelf.list("rhai")).collect();
    for path in &mut known {
        path.truncate(path.len() - ".rhai".len());
    }
    known.sort();
    known.dedup();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let problem =
        Problem::at(shown, injector.place, format!("there is no fault injector `{}`", injector.value));
    match suggestion(injector, &known) {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

fn no_pack(shown: &str, name: &str, place: Place) -> Problem {
    let known = folder::built_in_packs();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let problem = Problem::at(shown, place, format!("there is no pack `{name}`"));
    match suggestion(name, &known) {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

/// The plays of a file beside the scenario, with the name that the file is shown by.
fn players(
    file: &ScenarioFile,
    found: &Found,
    reading: &mut Reading,
    problems: &mut Vec<Problem>,
) -> Option<(String, Vec<Placed<PlayFile>>)> {
    let path = check::player_file(file)?;
    let shown = found.folder.shown(&path);
    let bytes = match found.folder.read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            problems.push(Problem::at(&found.shown, path.place, error.to_string()));
            return None;
        }
    };
    reading.keep(&shown, &bytes);
    reading.note("players", &bytes);
    match file::read(&shown, &bytes) {
        Ok(plays) => Some((shown, plays)),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}
