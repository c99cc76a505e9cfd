//! The library: scenarios, packs and fault injectors, in folders on disk laid over the set built into the program.
//!
//! ```text
//! NAME or PATH -> read the file -> pack + documentation -> injectors describe themselves (worker process)
//!              -> parameters checked -> injectors plan (worker process) -> scenario::check -> Scenario
//! ```
//!
//! Open first: [`Library::load`]. [`folder`] reads files from disk and from the program alike and refuses links;
//! [`worker`] runs scripts in a process of their own; [`catalogue`] turns a folder of documents into entries that
//! hints may point to; [`template`] writes the file of `gameday new`.

pub mod catalogue;
pub mod folder;
pub mod template;
pub mod worker;

use crate::fault::injector::{FaultInjector, Planned};
use crate::fault::script::{self, Call, ScriptError};
use crate::scenario::Scenario;
use crate::scenario::check::{self, Given};
use crate::scenario::file::{self, PackFile, Placed, PlayFile, ScenarioFile};
use crate::scenario::pack::{Pack, TargetDescription};
use crate::scenario::problem::{Place, Problem, render_problems, suggestion};
use folder::{Folder, FolderError};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use worker::{ScriptRunner, WorkerError};

/// Scenarios, packs and injectors.
#[derive(Debug, Clone)]
pub struct Library {
    targets: Vec<TargetDescription>,
    scripts: ScriptRunner,
    injector_folders: Vec<PathBuf>,
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
    problems
        .iter()
        .map(Problem::headline)
        .collect::<Vec<_>>()
        .join("\n")
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

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl Library {
    /// A library over the targets that are built into the program. `scripts` says where scripts run.
    pub fn new(targets: Vec<TargetDescription>, scripts: ScriptRunner) -> Self {
        Self {
            targets,
            scripts,
            injector_folders: Vec::new(),
        }
    }

    /// The same with one more folder of injectors, laid over the built-in ones and over those of a pack.
    pub fn with_injectors(mut self, folder: impl Into<PathBuf>) -> Self {
        self.injector_folders.push(folder.into());
        self
    }

    /// Names of the built-in scenarios: `depot/pool-shrink`.
    pub fn built_in() -> Vec<String> {
        let mut names = Vec::new();
        for pack in folder::built_in_packs() {
            let files = Folder::built_in_pack(&pack)
                .map(|folder| folder.list("yaml"))
                .unwrap_or_default();
            names.extend(
                files
                    .iter()
                    .filter_map(|path| path.strip_suffix(".yaml"))
                    .filter(|stem| *stem != "pack" && !stem.contains('/'))
                    .map(|stem| format!("{pack}/{stem}")),
            );
        }
        names
    }

    /// Loads and checks a scenario: a path (`drills/pool.yaml`), or the name of a built-in one (`pool-shrink`,
    /// `depot/pool-shrink`). The error holds every problem at once.
    pub fn load(&self, name_or_path: &str) -> Result<Scenario, LoadError> {
        let mut reading = Reading {
            sources: BTreeMap::new(),
            digest: Sha256::new(),
        };
        self.read(name_or_path, &mut reading)
            .map_err(|stop| match stop {
                Stop::Problems(problems) => LoadError::Problems {
                    problems,
                    sources: reading.sources,
                },
                Stop::Worker(error) => LoadError::Worker(error),
            })
    }

    /// Loads a built-in pack by its name, or the one in a folder on disk.
    pub fn load_pack(&self, name_or_folder: &str) -> Result<Pack, LoadError> {
        let mut reading = Reading {
            sources: BTreeMap::new(),
            digest: Sha256::new(),
        };
        let on_disk = Path::new(name_or_folder);
        let folder = if on_disk.join("pack.yaml").exists() {
            Some(Folder::on_disk(on_disk))
        } else {
            Folder::built_in_pack(name_or_folder)
        };
        let name = on_disk
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(name_or_folder)
            .to_owned();
        let read = match folder {
            Some(folder) => self.pack_in(&folder, &name, &mut reading),
            None => Err(no_pack(name_or_folder, name_or_folder, Place::default()).into()),
        };
        read.map_err(|stop| match stop {
            Stop::Problems(problems) => LoadError::Problems {
                problems,
                sources: reading.sources,
            },
            Stop::Worker(error) => LoadError::Worker(error),
        })
    }

    /// Every built-in injector and those of the added folders, by name.
    pub fn injectors(&self) -> Result<Vec<FaultInjector>, LoadError> {
        let mut reading = Reading {
            sources: BTreeMap::new(),
            digest: Sha256::new(),
        };
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
            Err(LoadError::Problems {
                problems,
                sources: reading.sources,
            })
        }
    }

    fn read(&self, name_or_path: &str, reading: &mut Reading) -> Result<Scenario, Stop> {
        let found = Found::locate(name_or_path)?;
        let bytes = reading.file(&found.folder, &found.file, &found.shown)?;
        let file: ScenarioFile = file::read(&found.shown, &bytes)?;
        let pack_folder = found.pack_folder(&file.pack)?;
        let pack = self.pack_in(&pack_folder, &file.pack, reading)?;
        let mut problems = Vec::new();
        let planned = self.plans(
            &file,
            &found.shown,
            &pack,
            &pack_folder,
            reading,
            &mut problems,
        )?;
        let players = players(&file, &found, reading, &mut problems);
        let given = Given {
            name: &found.name,
            file: &found.shown,
            pack: &pack,
            planned: &planned,
            players: players
                .as_ref()
                .map(|(name, list)| (name.as_str(), list.as_slice())),
            digest: reading.digest(),
        };
        match check::scenario(&file, given) {
            Ok(scenario) if problems.is_empty() => Ok(scenario),
            Ok(_) => Err(Stop::Problems(problems)),
            Err(more) => {
                problems.extend(more);
                problems.sort_by_key(|problem| {
                    (problem.file != found.shown, problem.line, problem.column)
                });
                Err(Stop::Problems(problems))
            }
        }
    }

    fn pack_in(&self, folder: &Folder, name: &str, reading: &mut Reading) -> Result<Pack, Stop> {
        let shown = folder.shown("pack.yaml");
        let bytes = reading.file(folder, "pack.yaml", &shown)?;
        let file: PackFile = file::read(&shown, &bytes)?;
        let docs = file.docs.as_ref().map_or("docs", |docs| docs.as_str());
        let entries = catalogue::entries(folder, docs)
            .map_err(|error| Problem::of_file(&folder.shown(&error.path), error.to_string()))?;
        let pack =
            check::pack(name, &shown, &file, &self.targets, entries).map_err(Stop::Problems)?;
        let description = serde_json::to_vec(&pack).expect("a pack has only text keys");
        reading.note("pack", &description);
        Ok(pack)
    }

    /// What each step's script plans. Problems of single steps are collected; the step's plan is `None` then.
    fn plans(
        &self,
        file: &ScenarioFile,
        shown: &str,
        pack: &Pack,
        pack_folder: &Folder,
        reading: &mut Reading,
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Option<Planned>>, Stop> {
        let shelves = self.shelves(Some(pack_folder));
        let mut known: BTreeMap<&str, Option<FaultInjector>> = BTreeMap::new();
        let mut plans = Vec::new();
        for step in &file.faults {
            let name = step.injector.value.as_str();
            if !known.contains_key(name) {
                let injector = match self.injector(name, &shelves, reading) {
                    Ok(Some(injector)) => Some(injector),
                    Ok(None) => {
                        problems.push(no_injector(shown, &step.injector, &shelves));
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
            plans.push(
                match check::parameters(shown, step, injector, &pack.target) {
                    Ok(params) => {
                        self.plan(injector, params, shown, step.injector.place, problems)?
                    }
                    Err(more) => {
                        problems.extend(more);
                        None
                    }
                },
            );
        }
        Ok(plans)
    }

    fn plan(
        &self,
        injector: &FaultInjector,
        params: serde_json::Map<String, serde_json::Value>,
        shown: &str,
        place: Place,
        problems: &mut Vec<Problem>,
    ) -> Result<Option<Planned>, Stop> {
        let answer = self
            .scripts
            .run(&injector.source, &Call::Plan(params))
            .map_err(Stop::Worker)?;
        match answer.and_then(script::planned) {
            Ok(planned) => Ok(Some(planned)),
            Err(error) => {
                let message = format!(
                    "the injector `{}` could not plan: {}",
                    injector.name, error.message
                );
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
        let mut shelves: Vec<Folder> = self
            .injector_folders
            .iter()
            .rev()
            .map(|path| Folder::on_disk(path))
            .collect();
        shelves.extend(pack.map(|pack| pack.beneath("fault-injectors")));
        shelves.push(Folder::built_in_injectors());
        shelves
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
        let file = format!("{name}.rhai");
        let Some(shelf) = shelves.iter().find(|shelf| shelf.has(&file)) else {
            return Ok(None);
        };
        let shown = shelf.shown(&file);
        let bytes = reading.file(shelf, &file, &shown)?;
        let source = file::text_of(&shown, &bytes)?.to_owned();
        reading.note(&file, &bytes);
        let answer = self
            .scripts
            .run(&source, &Call::Describe)
            .map_err(Stop::Worker)?;
        match answer.and_then(script::description) {
            Ok(description) => Ok(Some(FaultInjector {
                name: name.to_owned(),
                source,
                description,
            })),
            Err(ScriptError {
                message,
                line,
                column,
            }) => Err(Problem::at(
                &shown,
                Place {
                    line,
                    column,
                    width: 1,
                },
                message,
            )
            .into()),
        }
    }
}

fn no_injector(shown: &str, injector: &Placed<String>, shelves: &[Folder]) -> Problem {
    let mut known: Vec<String> = shelves
        .iter()
        .flat_map(|shelf| shelf.list("rhai"))
        .collect();
    known
        .iter_mut()
        .for_each(|path| path.truncate(path.len() - ".rhai".len()));
    known.sort();
    known.dedup();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let problem = Problem::at(
        shown,
        injector.place,
        format!("there is no fault injector `{}`", injector.value),
    );
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

/// A scenario's file, found.
struct Found {
    name: String,
    folder: Folder,
    file: String,
    shown: String,
    /// `None` for a built-in scenario.
    on_disk: Option<PathBuf>,
}

impl Found {
    fn locate(name_or_path: &str) -> Result<Self, Problem> {
        let path = Path::new(name_or_path);
        let looks_like_path = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
            || path.exists();
        if looks_like_path {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let file = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
                .to_owned();
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default()
                .to_owned();
            if !crate::base::names::is_name(&name) {
                let help = "name it like `pool-shrink.yaml`";
                return Err(
                    Problem::of_file(name_or_path, "this is not a scenario's file name")
                        .with_help(help),
                );
            }
            let folder = Folder::on_disk(parent);
            return Ok(Self {
                name,
                folder,
                file,
                shown: name_or_path.to_owned(),
                on_disk: Some(parent.to_owned()),
            });
        }
        let built_in = Library::built_in();
        let full = built_in.iter().find(|full| {
            *full == name_or_path
                || full
                    .split_once('/')
                    .is_some_and(|(_, name)| name == name_or_path)
        });
        let Some((pack, name)) = full.and_then(|full| full.split_once('/')) else {
            let mut known: Vec<&str> = built_in.iter().map(String::as_str).collect();
            known.extend(
                built_in
                    .iter()
                    .filter_map(|full| full.split_once('/'))
                    .map(|(_, name)| name),
            );
            let problem = Problem::of_file(
                name_or_path,
                "there is no file and no built-in scenario of this name",
            );
            return Err(match suggestion(name_or_path, &known) {
                Some(help) => problem.with_help(help),
                None => problem,
            });
        };
        let folder =
            Folder::built_in_pack(pack).expect("a built-in scenario lies in a built-in pack");
        let file = format!("{name}.yaml");
        Ok(Self {
            name: name.to_owned(),
            shown: folder.shown(&file),
            folder,
            file,
            on_disk: None,
        })
    }

    /// The pack's folder: the scenario's own, one beside it, or a built-in one.
    fn pack_folder(&self, pack: &Placed<String>) -> Result<Folder, Problem> {
        if !crate::base::names::is_name(pack) || pack.contains("..") {
            return Err(no_pack(&self.shown, pack, pack.place));
        }
        let Some(parent) = &self.on_disk else {
            return Folder::built_in_pack(pack)
                .ok_or_else(|| no_pack(&self.shown, pack, pack.place));
        };
        let own_name = parent.canonicalize().ok();
        let own_name = own_name
            .as_deref()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str());
        if own_name == Some(pack.as_str()) && self.folder.has("pack.yaml") {
            return Ok(self.folder.clone());
        }
        if self.folder.has(&format!("{}/pack.yaml", pack.value)) {
            return Ok(self.folder.beneath(pack));
        }
        Folder::built_in_pack(pack).ok_or_else(|| no_pack(&self.shown, pack, pack.place))
    }
}

/// Keeps what was read: the texts for messages, and the digest of everything that shapes the drill.
struct Reading {
    sources: BTreeMap<String, String>,
    digest: Sha256,
}

impl Reading {
    fn file(&mut self, folder: &Folder, path: &str, shown: &str) -> Result<Vec<u8>, Problem> {
        let bytes = folder
            .read(path)
            .map_err(|error| Problem::of_file(shown, reason(&error)))?;
        self.keep(shown, &bytes);
        if shown.ends_with(".yaml") || shown.ends_with(".yml") {
            self.note("file", &bytes);
        }
        Ok(bytes)
    }

    fn keep(&mut self, shown: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.sources.insert(
            shown.to_owned(),
            text.trim_start_matches('\u{feff}').to_owned(),
        );
    }

    fn note(&mut self, what: &str, bytes: &[u8]) {
        self.digest.update(what.as_bytes());
        self.digest
            .update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.digest.update(bytes);
    }

    fn digest(&self) -> String {
        hex(&self.digest.clone().finalize())
    }
}

fn reason(error: &FolderError) -> String {
    error.why.to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
