//! The library that commands read scenarios from.

use super::{
    exit::{Exit, Failure},
    home::Home,
    show,
};
use crate::{
    depot,
    library::{Library, LoadError, keys::Keys, variants::Pick, worker::ScriptRunner},
    scenario::{Scenario, problem::Problem},
};
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use std::{collections::BTreeMap, env, path::PathBuf};

/// Where scenarios and injectors come from, as options of several commands.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Shelf {
    /// One more folder of fault injectors (`*.rhai`), laid over the built-in ones
    // An empty variable names no folder, so empty values are let through here and passed over later.
    #[arg(
        long,
        value_name = "DIR",
        env = "GAMEDAY_INJECTORS",
        value_delimiter = ':',
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub injectors: Vec<PathBuf>,
    /// A key that opens sealed scenarios; may be repeated. By default `identity.txt` in the state folder
    #[arg(
        long,
        value_name = "FILE",
        env = "GAMEDAY_IDENTITY",
        value_delimiter = ':',
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub identity: Vec<PathBuf>,
}

/// This program's own path, for the processes that it starts.
pub fn this_program() -> Result<PathBuf, Failure> {
    env::current_exe().map_err(Failure::io("find this program's own file"))
}

impl Shelf {
    /// The library: the built-in set, the embedded target, and the folders that were named.
    pub fn library(&self) -> Result<Library, Failure> {
        let library = Library::new(vec![depot::describe()], ScriptRunner::Worker(this_program()?));
        let named = self.injectors.iter().filter(|folder| !folder.as_os_str().is_empty());
        Ok(named.fold(library.with_keys(self.keys()), Library::with_injectors))
    }

    /// The keys that open sealed scenarios: those that were named, or the one in the state folder.
    pub fn keys(&self) -> Keys {
        let named = self.identity.iter().filter(|path| !path.as_os_str().is_empty());
        Keys::new(named.cloned().collect(), Home::find().ok().map(|home| home.identity()))
    }

    /// Loads a scenario, all variants of which must be good; its problems are printed.
    pub fn load(&self, name_or_path: &str) -> Result<Scenario, Failure> {
        self.library()?.load(name_or_path).map_err(|error| complain(&error))
    }

    /// Loads one variant of a scenario, or the scenario that has none.
    pub fn load_one(&self, name_or_path: &str, pick: Pick<'_>) -> Result<Scenario, Failure> {
        self.library()?.load_one(name_or_path, pick).map_err(|error| complain(&error))
    }

    /// What is still missing in one variant before it can be scheduled.
    pub fn lint_one(&self, name_or_path: &str, pick: Pick<'_>) -> Result<Vec<Problem>, Failure> {
        self.library()?.lint_one(name_or_path, pick).map_err(|error| complain(&error))
    }

    /// The documents that a scenario's people may read.
    pub fn documents(&self, name_or_path: &str) -> Result<BTreeMap<String, String>, Failure> {
        self.library()?.documents(name_or_path).map_err(|error| complain(&error))
    }
}

/// Prints every problem and gives the failure that ends the command.
pub fn complain(error: &LoadError) -> Failure {
    match error {
        LoadError::Problems { .. } => {
            show::complain(&error.render(true));
            Failure::silent(Exit::Problems)
        }
        LoadError::Worker(cause) => Failure::world(format!("could not run the scripts: {cause}"))
            .with_help("`gameday doctor` tells what is missing."),
    }
}
