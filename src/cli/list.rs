//! `gameday list`: the scenarios and table-tops that come with the program.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::{
    library::{Library, sealed::Shut},
    report::wording::tame,
    scenario::act::Role,
};
use serde::Serialize;
use std::path::PathBuf;

/// Most files of a folder that are listed.
const FILES_MAX: usize = 500;

const EXAMPLES: &str = "\
Examples:
  gameday list
  gameday list --json | jq -r '.[].name'
  gameday list drills           those in a folder of your own; sealed ones show what they commit to
  gameday list --tabletops      table-tops instead, which anybody may read about
  gameday run pool-shrink";

/// Lists the built-in scenarios, those of a folder, or the table-tops
///
/// For those who run drills: names and titles may hint at a cause.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Folders of scenarios, instead of the built-in ones
    #[arg(value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Lists the table-tops instead, which break nothing: `gameday practice NAME` walks through one
    #[arg(long, conflicts_with = "folders")]
    tabletops: bool,
    /// Prints JSON: an array of {"name", "title", "difficulty", "par"}, of a sealed one {"name", "sealed"} and the rest only
    /// with a key; of table-tops {"name", "title", "level", "roles", "questions"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    #[serde(flatten)]
    about: Option<About>,
    /// What a sealed one commits to.
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
}

/// What is known of a scenario that can be read.
#[derive(Serialize)]
struct About {
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
        let library = self.shelf.library()?;
        let entries = self.places()?.into_iter().map(|(name, place)| entry(&library, name, &place));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        if self.json {
            show::json(&entries)?;
            return Ok(Exit::Done);
        }
        let mut rows = vec![["NAME", "DIFFICULTY", "PAR", "TITLE"].map(str::to_owned).to_vec()];
        rows.extend(entries.into_iter().map(Entry::row));
        show::print(&show::table(&rows))?;
        show::line(
            "\nNames and titles may spoil a drill: they are for instigators, not for people who play.",
        )?;
        Ok(Exit::Done)
    }

    /// What the scenarios are called, and what the library finds them by.
    fn places(&self) -> Result<Vec<(String, String)>, Failure> {
        if self.folders.is_empty() {
            return Ok(Library::built_in().into_iter().map(|name| (name.clone(), name)).collect());
        }
        let mut all = Vec::new();
        for folder in &self.folders {
            std::fs::read_dir(folder).map_err(Failure::io(format!("list {}", folder.display())))?;
            all.extend(Library::in_folder(folder, FILES_MAX));
        }
        Ok(all)
    }
}

/// A scenario as it is listed. A sealed one for others is no mistake.
fn entry(library: &Library, name: String, place: &str) -> Result<Entry, Failure> {
    if Library::is_sealed(place)
        && let Err(Shut::NoKey { commitment, .. }) = library.unseal(place)
    {
        return Ok(Entry { name, about: None, sealed: Some(commitment) });
    }
    let scenario = library.load(place).map_err(|error| shelf::complain(&error))?;
    let (title, par) = (tame(&scenario.title), scenario.duration.par.to_string());
    let about = Some(About { title, difficulty: scenario.difficulty, par });
    Ok(Entry { name, about, sealed: scenario.sealed })
}

impl Entry {
    fn row(self) -> Vec<String> {
        let sealed = self.sealed.map(|commitment| format!("sealed, commitment {commitment}"));
        match self.about {
            Some(About { title, difficulty, par }) => {
                let title = [Some(title), sealed].into_iter().flatten().collect::<Vec<_>>().join("; ");
                vec![self.name, format!("{difficulty} of 5"), par, title]
            }
            None => vec![self.name, String::new(), String::new(), sealed.unwrap_or_default()],
        }
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
