//! `gameday check`: every problem of a file at once.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::{
    library::{Library, LoadError},
    scenario::problem::{Problem, render_problems},
};
use serde::Serialize;
use std::{fs, path::Path};

const EXAMPLES: &str = "\
Examples:
  gameday check my-drill.yaml            one scenario
  gameday check drills/*.yaml            several
  gameday check drills/pack.yaml         a pack: its target, documentation and traffic
  gameday check drills/target.yaml       a target of your own
  gameday check our-night.yaml           a table-top
  gameday check fault-injectors/*.rhai   injectors: each is whole and describes itself
  gameday check depot/pool-shrink        a built-in one
  gameday check my-drill.yaml --json     for editors and CI
  gameday check --lint my-drill.yaml     what is still missing before it can be scheduled
  gameday check my-drill.yaml.age        a sealed one, with a key

Exit code 3 when there is a problem.";

/// Finds every mistake in scenarios, table-tops, packs, targets and injectors
///
/// Reads the files, runs the injectors that they name in a process of their own, and prints every problem at once with
/// its line and what to do about it. Nothing is changed and nothing is started.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    /// Files of scenarios and table-tops, `pack.yaml` and `target.yaml` files, injectors (`.rhai`), or built-in names
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Also says what a good scenario has and this one lacks: distractors, sample claims, questions, ...
    #[arg(long)]
    lint: bool,
    /// Prints JSON: {"ok", "files": [{"file", "ok", "problems": [..]}]}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

#[derive(Serialize)]
struct Report {
    ok: bool,
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    ok: bool,
    problems: Vec<Problem>,
}

impl Check {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let library = self.shelf.library()?;
        let mut report = Report { ok: true, files: Vec::new() };
        for file in self.files {
            let problems = match look(&library, &file, self.lint) {
                Ok(found) => {
                    if !self.json && !found.is_empty() {
                        show::complain(&render(&file, &found));
                    }
                    found
                }
                Err(error @ LoadError::Worker(_)) => return Err(shelf::complain(&error)),
                Err(error) => {
                    if !self.json {
                        show::complain(&error.render(true));
                    }
                    error.problems().to_vec()
                }
            };
            let ok = problems.is_empty();
            if ok && !self.json {
                show::line(&format!("{file}: good"))?;
            }
            report.ok &= ok;
            report.files.push(FileReport { file, ok, problems });
        }
        if self.json {
            show::json(&report)?;
        }
        Ok(if report.ok { Exit::Done } else { Exit::Problems })
    }
}

/// Each finding with its line where the file can be read, else as a headline.
fn render(file: &str, found: &[Problem]) -> String {
    let text = fs::read_to_string(file).ok().filter(|_| !Library::is_sealed(file));
    render_problems(found, &|_| text.clone(), true)
}

/// What is wrong, or with `lint` could be better.
fn look(library: &Library, file: &str, lint: bool) -> Result<Vec<Problem>, LoadError> {
    let path = Path::new(file);
    if path.file_name().is_some_and(|name| name == "pack.yaml") {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return library.load_pack(&folder.to_string_lossy()).map(|_| Vec::new());
    }
    if path.file_name().is_some_and(|name| name == "target.yaml") {
        return library.load_target(path).map(|_| Vec::new());
    }
    if path.extension().is_some_and(|end| end == "rhai") {
        return library.load_injector(path).map(|_| Vec::new());
    }
    if Library::is_tabletop(file) {
        return Library::load_tabletop(file).map(|_| Vec::new());
    }
    if lint { library.lint(file) } else { library.load(file).map(|_| Vec::new()) }
}
