//! Scenarios with variants: one file, of which the seed draws an answer, or somebody names one.

use super::{Library, LoadError, Stop, found::Found, lint, reading::Reading};
use crate::{
    scenario::{
        Scenario,
        file::{self, Resolved, ScenarioFile, Variants},
        problem::{Problem, suggestion},
    },
    seed::Seed,
};
use rand::RngExt as _;
use std::collections::{BTreeMap, BTreeSet};

/// Which variant of a scenario is meant. Without variants every number and seed means the scenario.
#[derive(Debug, Clone, Copy)]
pub enum Pick<'a> {
    /// The one at this place in the file, from 0.
    At(usize),
    /// The one that a seed draws.
    Drawn(Seed),
    /// The one of this name.
    Named(&'a str),
}

/// The variant that is read.
pub(super) struct Drawn {
    variants: Variants,
    index: usize,
    resolved: Resolved,
}

impl Drawn {
    pub(super) fn placed_back(&self, problems: &mut [Problem]) {
        self.variants.placed_back(&self.resolved, problems);
    }

    fn name(&self) -> String {
        self.variants.names().swap_remove(self.index)
    }
}

impl Pick<'_> {
    /// The place among these; nothing: there is none of that name.
    fn among(self, names: &[String]) -> Option<usize> {
        match self {
            Self::At(index) => Some(index).filter(|index| *index < names.len().max(1)),
            // A stream of its own: what else is drawn does not depend on how many there are.
            Self::Drawn(_) if names.is_empty() => Some(0),
            Self::Drawn(seed) => Some(seed.stream("variant").random_range(0..names.len())),
            Self::Named(name) => names.iter().position(|known| known == name),
        }
    }
}

impl Reading {
    /// A scenario with what is known of its file.
    pub(super) fn marked(&self, scenario: Scenario) -> Scenario {
        Scenario {
            sealed: self.sealed.as_ref().map(|(commitment, _)| commitment.clone()),
            variant: self.drawn.as_ref().map(Drawn::name),
            variants: self.variants(),
            ..scenario
        }
    }

    fn variants(&self) -> Vec<String> {
        self.drawn.as_ref().map(|drawn| drawn.variants.names()).unwrap_or_default()
    }
}

impl Library {
    /// Loads one variant of a scenario; one without variants as it is.
    pub fn load_one(&self, name_or_path: &str, pick: Pick<'_>) -> Result<Scenario, LoadError> {
        let mut reading = Reading::new();
        let read = self.read_with_file(name_or_path, None, pick, &mut reading);
        read.map(|(_, _, scenario)| scenario).map_err(|stop| stop.told(reading))
    }

    /// What has to be better before a scenario may be scheduled; see [`lint`]. A scenario that does not load has its
    /// problems in the error.
    pub fn lint(&self, name_or_path: &str) -> Result<Vec<Problem>, LoadError> {
        let mut found = Told::default();
        self.of_each(name_or_path, None, |shown, file, scenario, reading| {
            found.add(reading, reading.fit_to_be_told(lint::lint(shown, file, &scenario)));
        })?;
        Ok(found.problems())
    }

    /// The same of one variant.
    pub fn lint_one(&self, name_or_path: &str, pick: Pick<'_>) -> Result<Vec<Problem>, LoadError> {
        let mut reading = Reading::new();
        match self.read_with_file(name_or_path, None, pick, &mut reading) {
            Ok((shown, file, scenario)) => Ok(reading.fit_to_be_told(lint::lint(&shown, &file, &scenario))),
            Err(stop) => Err(stop.told(reading)),
        }
    }

    /// The first variant, when all of them are good.
    pub(super) fn checked(&self, name_or_path: &str, text: Option<&str>) -> Result<Scenario, LoadError> {
        let mut first = None;
        self.of_each(name_or_path, text, |_, _, scenario, _| {
            first.get_or_insert(scenario);
        })?;
        Ok(first.expect("there is one at least"))
    }

    /// Reads every variant. The error holds the problems of all of them, each once.
    fn of_each(
        &self,
        name_or_path: &str,
        text: Option<&str>,
        mut take: impl FnMut(&str, &ScenarioFile, Scenario, &Reading),
    ) -> Result<(), LoadError> {
        let (mut told, mut sources) = (Told::default(), BTreeMap::new());
        for index in 0.. {
            let mut reading = Reading::new();
            let read = self.read_with_file(name_or_path, text, Pick::At(index), &mut reading);
            let more = index + 1 < reading.variants().len();
            match read {
                Ok((shown, file, scenario)) => take(&shown, &file, scenario, &reading),
                Err(Stop::Worker(error)) => return Err(LoadError::Worker(error)),
                Err(Stop::Problems(problems)) => {
                    told.add(&reading, reading.fit_to_be_told(problems));
                    sources.append(&mut reading.sources);
                }
            }
            if !more {
                break;
            }
        }
        let problems = told.problems();
        if problems.is_empty() { Ok(()) } else { Err(LoadError::Problems { problems, sources }) }
    }

    /// The text of the variant that is picked; nothing: the file has none. What every variant uses is noted, so that the
    /// file has one digest.
    pub(super) fn draw(
        &self,
        found: &Found,
        bytes: &[u8],
        pick: Pick<'_>,
        reading: &mut Reading,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let variants = file::read_variants(&found.shown, bytes).map_err(Stop::Problems)?;
        let names = variants.as_ref().map(Variants::names).unwrap_or_default();
        let Some(index) = pick.among(&names) else {
            let mut problem = no_variant(&found.shown, pick, &names);
            // It says what was asked for. Of a sealed scenario it says no more, and so may be told as it is.
            if reading.sealed.take().is_some() {
                problem.help = None;
            }
            return Err(problem.into());
        };
        let Some(variants) = variants else { return Ok(None) };
        let mut used = BTreeSet::new();
        let mut folder = None;
        for each in 0..names.len() {
            // What is wrong with another one is told when that is read.
            if let Ok(file) = file::read::<ScenarioFile>(&found.shown, variants.of(each).text.as_bytes()) {
                used.extend(file.faults.iter().map(|step| step.injector.value.clone()));
                folder = Some(found.pack_folder(&file.pack)?);
            }
        }
        if let Some(folder) = folder {
            let shelves = self.shelves(Some(&folder));
            for name in used.iter().filter(|name| crate::base::names::is_name(name)) {
                Self::script(name, &shelves, reading)?;
            }
        }
        let resolved = variants.of(index);
        let text = resolved.text.clone().into_bytes();
        reading.drawn = Some(Drawn { variants, index, resolved });
        Ok(Some(text))
    }

    /// The file as any of its variants has it.
    pub(super) fn any_variant(shown: &str, bytes: &[u8]) -> Result<ScenarioFile, Stop> {
        match file::read_variants(shown, bytes).map_err(Stop::Problems)? {
            Some(variants) => Ok(file::read(shown, variants.of(0).text.as_bytes())?),
            None => Ok(file::read(shown, bytes)?),
        }
    }
}

fn no_variant(shown: &str, pick: Pick<'_>, names: &[String]) -> Problem {
    let Pick::Named(name) = pick else {
        return Problem::of_file(shown, "there is no such variant");
    };
    if names.is_empty() {
        return Problem::of_file(shown, format!("there is no variant `{name}`: this scenario has none"));
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let problem = Problem::of_file(shown, format!("there is no variant `{name}`"));
    match suggestion(name, &known) {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

/// Problems of several variants: what is wrong in all of them is told once, anything else with their names.
#[derive(Default)]
struct Told {
    found: Vec<(Problem, Vec<String>)>,
    of: usize,
}

impl Told {
    fn add(&mut self, reading: &Reading, problems: Vec<Problem>) {
        self.of = reading.variants().len();
        // The name of a sealed scenario's variant may tell.
        let name = reading.drawn.as_ref().filter(|_| reading.sealed.is_none()).map(Drawn::name);
        for problem in problems {
            match self.found.iter_mut().find(|(known, _)| *known == problem) {
                Some((_, of)) => of.extend(name.clone()),
                None => self.found.push((problem, name.clone().into_iter().collect())),
            }
        }
    }

    fn problems(self) -> Vec<Problem> {
        let of = self.of;
        let told = self.found.into_iter().map(|(problem, names)| {
            if names.is_empty() || names.len() >= of {
                return problem;
            }
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("in the variant {}: {}", names.join(", "), problem.message);
            Problem { message, ..problem }
        });
        let mut told: Vec<_> = told.collect();
        let first = told.first().map(|problem| problem.file.clone());
        told.sort_by_key(|problem| (Some(&problem.file) != first.as_ref(), problem.line, problem.column));
        told
    }
}
