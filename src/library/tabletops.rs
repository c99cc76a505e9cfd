//! Table-tops, on disk and built into the program. They need no pack and run no script.

use super::folder::Folder;
use super::{Library, LoadError, Stop, reading::Reading};
use crate::base::names::is_name;
use crate::scenario::check;
use crate::scenario::file::{self, TableTopFile};
use crate::scenario::problem::{Problem, suggestion};
use crate::scenario::tabletop::TableTop;
use std::path::Path;

/// A table-top's file, found.
struct Place {
    name: String,
    folder: Folder,
    file: String,
    shown: String,
}

impl Library {
    /// Names of the built-in table-tops: `first-alarm`.
    pub fn built_in_tabletops() -> Vec<String> {
        let files = Folder::built_in_tabletops().list("yaml");
        files.iter().filter_map(|path| path.strip_suffix(".yaml")).map(str::to_owned).collect()
    }

    /// Whether this is a table-top: the name of a built-in one, or a file that says so, with or without mistakes.
    pub fn is_tabletop(name_or_path: &str) -> bool {
        let Ok(place) = locate(name_or_path) else { return false };
        place.folder.read(&place.file).is_ok_and(|bytes| file::is_tabletop(&bytes))
    }

    /// Loads and checks a table-top: a path, or the name of a built-in one. The error holds every problem at once.
    pub fn load_tabletop(name_or_path: &str) -> Result<TableTop, LoadError> {
        let mut reading = Reading::new();
        let read = |reading: &mut Reading| -> Result<TableTop, Stop> {
            let place = locate(name_or_path)?;
            let bytes = reading.file(&place.folder, &place.file, &place.shown)?;
            let written: TableTopFile = file::read(&place.shown, &bytes)?;
            check::tabletop(&place.name, &place.shown, &written).map_err(Stop::Problems)
        };
        read(&mut reading).map_err(|stop| stop.told(reading))
    }
}

fn locate(name_or_path: &str) -> Result<Place, Problem> {
    let path = Path::new(name_or_path);
    let ends_like_one = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    if ends_like_one {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if !is_name(name) {
            let problem = Problem::of_file(name_or_path, "this is not a table-top's file name");
            return Err(problem.with_help("name it like `first-alarm.yaml`"));
        }
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let folder = Folder::on_disk(parent);
        return Ok(Place { name: name.to_owned(), folder, file, shown: name_or_path.to_owned() });
    }
    let built_in = Library::built_in_tabletops();
    if built_in.iter().any(|known| known == name_or_path) {
        let (folder, file) = (Folder::built_in_tabletops(), format!("{name_or_path}.yaml"));
        return Ok(Place { name: name_or_path.to_owned(), shown: folder.shown(&file), folder, file });
    }
    let known: Vec<&str> = built_in.iter().map(String::as_str).collect();
    let problem = Problem::of_file(name_or_path, "there is no file and no built-in table-top of this name");
    Err(match suggestion(name_or_path, &known) {
        Some(help) => problem.with_help(help),
        None => problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_tabletop_is_good() {
        let names = Library::built_in_tabletops();
        assert!(names.len() >= 3, "{names:?}");
        for name in names {
            let loaded = Library::load_tabletop(&name).unwrap_or_else(|bad| panic!("{}", bad.render(false)));
            assert!((4..=6).contains(&loaded.questions.len()), "{name} has {}", loaded.questions.len());
            assert!(Library::is_tabletop(&name));
        }
        assert!(!Library::is_tabletop("pool-shrink"), "a scenario is none");
    }
}
