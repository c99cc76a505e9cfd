//! `gameday list`: the scenarios that come with the program.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::library::Library;
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gameday list
  gameday list --json | jq -r '.[].name'
  gameday run pool-shrink";

/// Lists the built-in scenarios
///
/// For those who run drills: names and titles may hint at a cause.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Prints JSON: an array of {"name", "title", "difficulty", "par"}
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    title: String,
    difficulty: u8,
    par: String,
}

impl List {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let library = Shelf::default().library()?;
        let mut entries = Vec::new();
        for name in Library::built_in() {
            let scenario = library.load(&name).map_err(|error| shelf::complain(&error))?;
            entries.push(Entry {
                name,
                title: scenario.title,
                difficulty: scenario.difficulty,
                par: scenario.duration.par.to_string(),
            });
        }
        if self.json {
            show::json(&entries)?;
            return Ok(Exit::Done);
        }
        let mut rows = vec![["NAME", "DIFFICULTY", "PAR", "TITLE"].map(str::to_owned).to_vec()];
        rows.extend(
            entries
                .into_iter()
                .map(|one| vec![one.name, format!("{} of 5", one.difficulty), one.par, one.title]),
        );
        show::print(&show::table(&rows))?;
        show::line(
            "\nNames and titles may spoil a drill: they are for instigators, not for people who play.",
        )?;
        Ok(Exit::Done)
    }
}
