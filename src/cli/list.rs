//! `gameday list`: the scenarios and table-tops that come with the program.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::{library::Library, scenario::act::Role};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  gameday list
  gameday list --json | jq -r '.[].name'
  gameday list --tabletops      table-tops instead, which anybody may read about
  gameday run pool-shrink";

/// Lists the built-in scenarios, or the table-tops
///
/// For those who run drills: names and titles may hint at a cause.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Lists the table-tops instead, which break nothing: `gameday practice NAME` walks through one
    #[arg(long)]
    tabletops: bool,
    /// Prints JSON: an array of {"name", "title", "difficulty", "par"}; of table-tops {"name", "title", "level", "roles", "questions"}
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

#[derive(Serialize)]
struct TableTopEntry {
    name: String,
    title: String,
    level: u8,
    roles: Vec<Role>,
    questions: usize,
}

impl List {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if self.tabletops {
            return tabletops(self.json);
        }
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

fn tabletops(json: bool) -> Result<Exit, Failure> {
    let mut entries = Vec::new();
    for name in Library::built_in_tabletops() {
        let one = Library::load_tabletop(&name).map_err(|error| shelf::complain(&error))?;
        let questions = one.questions.len();
        entries.push(TableTopEntry { name, title: one.title, level: one.level, roles: one.roles, questions });
    }
    entries.sort_by_key(|one| one.level);
    if json {
        show::json(&entries)?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![["NAME", "LEVEL", "QUESTIONS", "TITLE"].map(str::to_owned).to_vec()];
    rows.extend(
        entries
            .into_iter()
            .map(|one| vec![one.name, format!("{} of 5", one.level), one.questions.to_string(), one.title]),
    );
    show::print(&show::table(&rows))?;
    Ok(Exit::Done)
}
