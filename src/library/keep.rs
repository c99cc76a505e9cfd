//! Writes a scenario's file: whole or not at all, and never over what somebody else has written meanwhile.

use super::folder::{Folder, FolderError, FolderTrouble};
use crate::seed;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Why a text was not written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It is not as it was when somebody opened it.
    #[error("the file is not as it was when it was opened")]
    Changed,
    /// A new file would take an old one's place.
    #[error("there is a file of this name already")]
    Taken,
    /// What stands there is nothing that may be written over.
    #[error(transparent)]
    Unreadable(FolderError),
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes `text` to `file` in `folder`, which is made if it is not there. `was` is the digest of what it takes the place
/// of; without it the file must be new. The answer is the digest of what is written.
pub fn keep(folder: &Path, file: &str, text: &str, was: Option<&str>) -> Result<String, KeepError> {
    let before = match Folder::on_disk(folder).read(file) {
        Ok(bytes) => Some(seed::digest(&bytes)),
        Err(FolderError { why: FolderTrouble::Missing, .. }) => None,
        Err(error) => return Err(KeepError::Unreadable(error)),
    };
    match was {
        None if before.is_some() => return Err(KeepError::Taken),
        was if before.as_deref() != was => return Err(KeepError::Changed),
        _ => {}
    }
    fs::create_dir_all(folder)?;
    let (place, new) = (folder.join(file), folder.join(format!(".{file}.new")));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut out = OpenOptions::new().write(true).create_new(true).open(&new)?;
    out.write_all(text.as_bytes())?;
    if was.is_some() {
        out.set_permissions(fs::metadata(&place)?.permissions())?;
        out.sync_all()?;
        fs::rename(&new, &place)?;
    } else {
        out.sync_all()?;
        // A link is made only where nothing is: who came first stays.
        let linked = fs::hard_link(&new, &place);
        fs::remove_file(&new)?;
        linked.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeepError::Taken,
            _ => error.into(),
        })?;
    }
    Ok(seed::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_file_is_written_whole_and_never_over_what_is_not_known() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("drills");
        let first = keep(&folder, "a.yaml", "one", None).unwrap();
        assert!(matches!(keep(&folder, "a.yaml", "two", None), Err(KeepError::Taken)));
        assert!(matches!(keep(&folder, "a.yaml", "two", Some("0")), Err(KeepError::Changed)));
        assert!(matches!(keep(&folder, "b.yaml", "two", Some(&first)), Err(KeepError::Changed)));
        fs::set_permissions(folder.join("a.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
        // What an interrupted write has left stands in nobody's way.
        fs::write(folder.join(".a.yaml.new"), "half").unwrap();
        let second = keep(&folder, "a.yaml", "two", Some(&first)).unwrap();
        assert_eq!(fs::read_to_string(folder.join("a.yaml")).unwrap(), "two");
        assert_eq!(fs::metadata(folder.join("a.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(matches!(keep(&folder, "a.yaml", "three", Some(&first)), Err(KeepError::Changed)));
        assert_ne!(first, second);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn links_are_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let secret = home.path().join("secret");
        fs::write(&secret, "s").unwrap();
        let digest = seed::digest(b"s");
        symlink(&secret, home.path().join("a.yaml")).unwrap();
        symlink(home.path().join("none"), home.path().join("b.yaml")).unwrap();
        for (file, was) in
            [("a.yaml", Some(digest.as_str())), ("a.yaml", None), ("b.yaml", None), ("../c.yaml", None)]
        {
            assert!(matches!(keep(home.path(), file, "t", was), Err(KeepError::Unreadable(_))), "{file}");
        }
        // What writing goes through first is no way out either.
        symlink(&secret, home.path().join(".d.yaml.new")).unwrap();
        keep(home.path(), "d.yaml", "t", None).unwrap();
        assert_eq!(fs::read_to_string(&secret).unwrap(), "s");
        assert!(!home.path().join("none").exists());
    }
}
