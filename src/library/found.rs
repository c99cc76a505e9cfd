//! Where a scenario and its pack lie.

use super::folder::Folder;
use super::{Library, no_pack};
use crate::base::names::is_name;
use crate::scenario::file::Placed;
use crate::scenario::problem::{Problem, suggestion};
use std::path::{Path, PathBuf};

/// A scenario's file, found.
pub(super) struct Found {
    /// The scenario's name.
    pub(super) name: String,
    /// The folder that it lies in.
    pub(super) folder: Folder,
    /// The file's name in it.
    pub(super) file: String,
    /// How the file is named to people.
    pub(super) shown: String,
    /// It is a sealed one.
    pub(super) sealed: bool,
    /// `None` for a built-in scenario.
    on_disk: Option<PathBuf>,
}

impl Found {
    /// Finds a scenario by its path or its built-in name.
    pub(super) fn locate(name_or_path: &str) -> Result<Self, Problem> {
        let path = Path::new(name_or_path);
        let sealed = Library::is_sealed(name_or_path);
        // What it is called once it is open.
        let plain = if sealed { path.file_stem().map_or(path, Path::new) } else { path };
        let ends_like_one = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        // A folder of that name must not hide a built-in scenario.
        let looks_like_path = ends_like_one || sealed || (path.exists() && !path.is_dir());
        if looks_like_path {
            let parent =
                path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let name = plain.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
            if !is_name(&name) {
                let help = "name it like `pool-shrink.yaml`";
                return Err(
                    Problem::of_file(name_or_path, "this is not a scenario's file name").with_help(help)
                );
            }
            let folder = Folder::on_disk(parent);
            return Ok(Self {
                name,
                folder,
                file,
                shown: name_or_path.to_owned(),
                sealed,
                on_disk: Some(parent.to_owned()),
            });
        }
        let built_in = Library::built_in();
        let full = built_in.iter().find(|full| {
            *full == name_or_path || full.split_once('/').is_some_and(|(_, name)| name == name_or_path)
        });
        let Some((pack, name)) = full.and_then(|full| full.split_once('/')) else {
            let mut known: Vec<&str> = built_in.iter().map(String::as_str).collect();
            known.extend(built_in.iter().filter_map(|full| full.split_once('/')).map(|(_, name)| name));
            let problem =
                Problem::of_file(name_or_path, "there is no file and no built-in scenario of this name");
            return Err(match suggestion(name_or_path, &known) {
                Some(help) => problem.with_help(help),
                None => problem,
            });
        };
        let folder = Folder::built_in_pack(pack).expect("a built-in scenario lies in a built-in pack");
        let file = format!("{name}.yaml");
        let (name, shown) = (name.to_owned(), folder.shown(&file));
        Ok(Self { name, shown, folder, file, sealed, on_disk: None })
    }

    /// Whether it is a file that somebody wrote.
    pub(super) fn is_on_disk(&self) -> bool {
        self.on_disk.is_some()
    }

    /// The pack's folder: the scenario's own, one beside it, or a built-in one.
    pub(super) fn pack_folder(&self, pack: &Placed<String>) -> Result<Folder, Problem> {
        if !is_name(pack) || pack.contains("..") {
            return Err(no_pack(&self.shown, pack, pack.place));
        }
        let Some(parent) = &self.on_disk else {
            return Folder::built_in_pack(pack).ok_or_else(|| no_pack(&self.shown, pack, pack.place));
        };
        let own_name = parent.canonicalize().ok();
        let own_name = own_name.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        if own_name == Some(pack.as_str()) && self.folder.has("pack.yaml") {
            return Ok(self.folder.clone());
        }
        if self.folder.has(&format!("{}/pack.yaml", pack.value)) {
            return Ok(self.folder.beneath(pack));
        }
        Folder::built_in_pack(pack).ok_or_else(|| no_pack(&self.shown, pack, pack.place))
    }
}
