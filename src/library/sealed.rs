//! Sealed scenarios in the library: opened in memory with the keys that are at hand. What is wrong with one is told
//! without a word of it.

use super::{
    Library, LoadError,
    found::Found,
    keys::KeysError,
    reading::Reading,
    seal::{self, Opened, SealError},
    variants::Pick,
};
use crate::{
    base::limits::SEALED_BYTES_MAX,
    scenario::{
        check, file,
        problem::{Place, Problem},
    },
};
use std::{collections::BTreeMap, fs, path::Path};

/// Why a sealed scenario stays closed.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// It is not there, or is no sealed scenario.
    #[error("{}", .0.headline())]
    Bad(Problem),
    /// It is one, for whom there is no key here.
    #[error("{}", problem.headline())]
    NoKey {
        /// What it commits to, as it says itself.
        commitment: String,
        /// Why, and what to do about it.
        problem: Problem,
    },
}

impl Shut {
    /// As a mistake of the file.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Bad(problem) | Self::NoKey { problem, .. } => problem,
        }
    }
}

impl Library {
    /// Whether this is the path of a sealed scenario: `pool-shrink.yaml.age`.
    pub fn is_sealed(name_or_path: &str) -> bool {
        let plain = name_or_path.strip_suffix(".age").map(|plain| Path::new(plain).extension());
        plain.flatten().is_some_and(|end| end == "yaml" || end == "yml")
    }

    /// Whether this is the path of a scenario's file, and not a built-in one's name.
    pub fn is_file(name_or_path: &str) -> bool {
        Found::locate(name_or_path).is_ok_and(|found| found.is_on_disk())
    }

    /// Scenarios in a folder on disk, sealed ones as well: their paths by their names. Packs, targets and table-tops are none.
    /// One that also lies there unsealed is listed as that.
    pub fn in_folder(folder: &Path, most: usize) -> BTreeMap<String, String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
        paths.retain(|path| {
            let plain = Path::new(path.strip_suffix(".age").unwrap_or(path));
            plain.extension().is_some_and(|end| end == "yaml")
        });
        // `a.yaml` before `a.yaml.age`.
        paths.sort();
        let mut found = BTreeMap::new();
        for path in paths.into_iter().take(most) {
            let file = path.rsplit('/').next().unwrap_or_default();
            let name = file.strip_suffix(".age").unwrap_or(file).strip_suffix(".yaml").unwrap_or(file);
            if !matches!(name, "" | "pack" | "target") && !Self::is_tabletop(&path) {
                found.entry(name.to_owned()).or_insert(path);
            }
        }
        found
    }

    /// The text of a scenario that may be sealed: it is good, and all of it is in its own file.
    pub fn sealable(&self, name_or_path: &str) -> Result<Vec<u8>, LoadError> {
        let found = |problem: Problem| LoadError::Problems { problems: vec![problem], sources: [].into() };
        let shown = Self::shown(name_or_path).map_err(found)?;
        if Self::is_sealed(name_or_path) {
            let help = "`gameday unseal` gives back the text that it was made of";
            return Err(found(Problem::of_file(&shown, "this scenario is sealed already").with_help(help)));
        }
        let bytes = Self::bytes(name_or_path).map_err(found)?;
        let mut reading = Reading::new();
        let text = file::text_of(&shown, &bytes).map_err(found)?;
        self.check(name_or_path, text)?;
        let (_, written, _) = match self.read_with_file(name_or_path, Some(text), Pick::At(0), &mut reading) {
            Ok(read) => read,
            Err(stop) => return Err(stop.told(reading)),
        };
        if let Some(path) = check::player_file(&written) {
            let problem = Problem::at(
                &shown,
                path.place,
                "the autopilot\u{2019}s play is in another file, which would stay readable",
            );
            let problems = vec![problem.with_help("write the acts under `autopilot:` here")];
            return Err(LoadError::Problems { problems, sources: reading.sources });
        }
        Ok(bytes)
    }

    /// Opens a sealed scenario with the keys that are at hand.
    pub fn unseal(&self, path: &str) -> Result<Opened, Shut> {
        let found = Found::locate(path).map_err(Shut::Bad)?;
        self.open(&found)
    }

    /// The text of a scenario's own file.
    pub(super) fn own_file(&self, found: &Found, reading: &mut Reading) -> Result<Vec<u8>, Problem> {
        if !found.sealed {
            return reading.file(&found.folder, &found.file, &found.shown);
        }
        let opened = self.open(found).map_err(Shut::into_problem)?;
        reading.sealed = Some((opened.commitment.clone(), found.shown.clone()));
        Ok(opened.text().to_vec())
    }

    fn open(&self, found: &Found) -> Result<Opened, Shut> {
        let of_file = |why: &dyn std::fmt::Display, help: &str| {
            Problem::of_file(&found.shown, why.to_string()).with_help(help)
        };
        let bad = |error: &SealError| Shut::Bad(of_file(error, error.help()));
        if !found.sealed {
            return Err(bad(&SealError::NotAge));
        }
        let bytes = found.folder.read_at_most(&found.file, SEALED_BYTES_MAX);
        let bytes =
            bytes.map_err(|error| Shut::Bad(Problem::of_file(&found.shown, error.why.to_string())))?;
        let commitment = seal::commitment(&bytes).map_err(|error| bad(&error))?;
        let committed = format!(" (commitment {commitment})");
        let no_key = |problem| Shut::NoKey { commitment: commitment.clone(), problem };
        let identities = self.keys.identities().map_err(|error: KeysError| {
            no_key(of_file(&format!("this scenario is sealed, and {error}{committed}"), &error.help()))
        })?;
        seal::open(&bytes, &identities).map_err(|error| match error {
            SealError::ForOthers => no_key(of_file(&format!("{error}{committed}"), error.help())),
            error => bad(&error),
        })
    }
}

impl Reading {
    /// Problems as they may be told, at their places in the file: of a sealed scenario the places alone, since messages repeat what is written, and the
    /// names of other files tell what it uses.
    pub(super) fn fit_to_be_told(&self, problems: Vec<Problem>) -> Vec<Problem> {
        let mut problems = problems;
        if let Some(drawn) = &self.drawn {
            drawn.placed_back(&mut problems);
        }
        let Some((_, own)) = &self.sealed else { return problems };
        let mut told: Vec<Problem> = problems
            .into_iter()
            .map(|problem| {
                let (place, what) = if problem.file == *own {
                    let place = Place { line: problem.line, column: problem.column, width: 1 };
                    (place, "something is to be mended here")
                } else {
                    (Place::default(), "something is to be mended in a file that it uses")
                };
                let problem = Problem::at(own, place, format!("this scenario is sealed, and {what}"));
                problem.with_help(
                    "`gameday unseal` gives its text back; `gameday check` tells what is wrong in that",
                )
            })
            .collect();
        told.dedup();
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_scenario_is_known_by_its_name() {
        for (name, sealed) in [
            ("a.yaml.age", true),
            ("drills/a.yml.age", true),
            ("a.age", false),
            ("a.yaml", false),
            ("yaml.age", false),
            ("pool-shrink", false),
        ] {
            assert_eq!(Library::is_sealed(name), sealed, "{name}");
        }
    }
}
