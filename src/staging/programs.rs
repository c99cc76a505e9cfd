//! Finds programs: in PATH, and in the folders that a target file names.

use super::StagingError;
use crate::agent::user;
use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Where administrators' programs are, which PATH often leaves out.
const ALWAYS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The program's file. A path is taken as it is; a name is looked for in PATH, in the folders given, and where
/// administrators' programs are.
pub fn find(name: &str, folders: &[String]) -> Result<PathBuf, StagingError> {
    let missing = |searched: String| StagingError::Program { name: name.to_owned(), searched };
    if name.contains('/') {
        let path = PathBuf::from(name);
        return if is_program(&path) { Ok(path) } else { Err(missing("its place".to_owned())) };
    }
    let path = user::search_path();
    let mut searched: Vec<PathBuf> = env::split_paths(&path).collect();
    searched.extend(folders.iter().flat_map(|pattern| spread(pattern)));
    searched.extend(ALWAYS.iter().map(PathBuf::from));
    let found = searched.iter().map(|folder| folder.join(name)).find(|path| is_program(path));
    found.ok_or_else(|| {
        let all: Vec<_> = searched.iter().map(|folder| folder.display().to_string()).collect();
        missing(all.join(":"))
    })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// The folders that a pattern stands for, the last in order first: `/usr/lib/postgresql/*/bin`.
fn spread(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![PathBuf::from(pattern)] };
    let Ok(entries) = fs::read_dir(before) else { return Vec::new() };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let after = after.trim_start_matches('/');
    names.into_iter().rev().map(|name| Path::new(before).join(name).join(after)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_in_the_newest_folder_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["14", "15"] {
            let bin = folder.path().join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            let file = bin.join("gameday-none-such");
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir_all(folder.path().join("16/bin")).unwrap();
        let pattern = format!("{}/*/bin", folder.path().display());
        let found = find("gameday-none-such", std::slice::from_ref(&pattern)).unwrap();
        assert_eq!(found, folder.path().join("15/bin/gameday-none-such"));
        assert!(find("sh", &[]).unwrap().ends_with("sh"));
        let why = find("gameday-no-such", &[pattern]).unwrap_err().to_string();
        assert!(why.contains("install it") && why.contains("/usr/sbin"), "{why}");
        assert!(find("/nowhere/x", &[]).is_err());
    }
}
