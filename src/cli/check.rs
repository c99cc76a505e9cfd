//! `gameday check`: every problem of a file at once.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::{
    library::{Library, LoadError},
    scenario::problem::Problem,
};
use serde::Serialize;
use std::path::Path;

const EXAMPLES: &str = "\
Examples:
  gameday check my-drill.yaml            one scenario
  gameday check drills/*.yaml            several
  gameday check drills/pack.yaml         a pack: its target, documentation and traffic
  gameday check drills/target.yaml       a target of your own
  gameday check fault-injectors/*.rhai   injectors: each is whole and describes itself
  gameday check depot/pool-shrink        a built-in one
  gameday check my-drill.yaml --json     for editors and CI

Exit code 3 when there is a problem.";

/// Finds every mistake in scenarios, packs, targets and injectors
///
/// Reads the files, runs the injectors that they name in a process of their own, and prints every problem at once with
/// its line and what to do about it. Nothing is changed and nothing is started.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    /// Scenario files, `pack.yaml` and `target.yaml` files, injectors (`.rhai`), or names of built-in scenarios
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
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
            let problems = match look(&library, &file) {
                Ok(()) => Vec::new(),
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

fn look(library: &Library, file: &str) -> Result<(), LoadError> {
    let path = Path::new(file);
    if path.file_name().is_some_and(|name| name == "pack.yaml") {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return library.load_pack(&folder.to_string_lossy()).map(drop);
    }
    if path.file_name().is_some_and(|name| name == "target.yaml") {
        return library.load_target(path).map(drop);
    }
    if path.extension().is_some_and(|end| end == "rhai") {
        return library.load_injector(path).map(drop);
    }
    library.load(file).map(drop)
}
