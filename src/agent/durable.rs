//! Files that survive a crash: either the old content or the new, never half of one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Two undos may write one file at the same time. Looking whether it is still the same and putting the new content in its
/// place are one step, and the file beside it is one writer's.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name that a file has while it is written. Its own name follows a dot, so that nobody mistakes it for the file.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}~"))
}

/// Puts `bytes` in the place of `path`: written beside it, synced, renamed, and the folder synced.
pub(super) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_if(path, bytes, mode, || Ok(true)).map(|_| ())
}

/// As [`replace`], but only if `still` holds right before the new content takes its place. False if it did not.
pub(super) fn replace_if(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    still: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    let _turn = turn();
    let beside = unfinished(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    // The process's umask may have taken bits away, and a left-over keeps its old ones.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    drop(file);
    if !still()? {
        fs::remove_file(&beside)?;
        return Ok(false);
    }
    fs::rename(&beside, path)?;
    sync_folder_of(path)?;
    Ok(true)
}

/// Removes what a crash in the middle of a write has left.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    let _turn = turn();
    remove(&unfinished(path)).map(drop)
}

/// Makes the names in the folder that holds `path` durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Removes a file durably; one that is not there is fine. Whether there was one.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {
            sync_folder_of(path)?;
            Ok(true)
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_content_takes_the_place_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.toml");
        fs::write(&path, "old").unwrap();
        fs::write(unfinished(&path), "torn").unwrap();
        replace(&path, b"new", 0o640).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(!unfinished(&path).exists());
    }

    #[test]
    fn a_condition_that_no_longer_holds_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.toml");
        fs::write(&path, "old").unwrap();
        assert!(!replace_if(&path, b"new", 0o600, || Ok(false)).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert!(!unfinished(&path).exists());
    }
}
