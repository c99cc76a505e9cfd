//! `gameday new`: a commented scenario that passes every check.

use super::{
    exit::{Exit, Failure},
    show,
};
use crate::{base::names::is_name, library::template};
use std::{fs::OpenOptions, io::Write as _};

const EXAMPLES: &str = "\
Examples:
  gameday new login-storm
  gameday new login-storm --title \"Nobody can log in\"
  gameday check login-storm.yaml";

/// Writes a commented scenario to begin with
///
/// The file NAME.yaml in the current folder passes every check as it is; each part says what it is for. A file that is
/// there already is never overwritten.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct New {
    /// The scenario's name: letters, digits, `-`, `_` and `.`
    #[arg(value_name = "NAME")]
    name: String,
    /// One line for people who may know that the scenario exists
    #[arg(long, default_value = "Something is wrong")]
    title: String,
}

impl New {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let name = self.name.strip_suffix(".yaml").unwrap_or(&self.name);
        if !is_name(name) {
            return Err(Failure::usage(format!("could not name a scenario `{name}`")).with_help(
                "Use 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit.",
            ));
        }
        let file = format!("{name}.yaml");
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&file)
            .and_then(|mut out| out.write_all(template::template(name, &self.title).as_bytes()));
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(Failure::refused(format!("could not write {file}: it is there already"))
                    .with_help("Choose another name, or move the file away."));
            }
            Err(error) => return Err(Failure::io(format!("write {file}"))(error)),
        }
        show::line(&format!("{file} is written. Now: gameday check {file}"))?;
        Ok(Exit::Done)
    }
}
