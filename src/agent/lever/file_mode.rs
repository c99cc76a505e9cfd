//! Changes the permissions of files and folders: of one file, or of all folders of a volume, so that nothing new can be
//! written there. Works against services that do not run as root; for root, permissions are no more than a note.

use super::{Hands, LeverError, failed, file_swap::file_of, refused, seen};
use crate::fault::{Inspection, Presence, Undone, figures};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Most folders of a volume.
const FOLDERS_MAX: usize = 10_000;

/// Places with their permissions, as they were and as they will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// Each place with its permissions before and ours.
    pub places: Vec<(PathBuf, u32, u32)>,
}

/// Whether permissions stop the services here: they run as the agent does.
fn permissions_count() -> Result<(), LeverError> {
    if nix::unistd::geteuid().is_root() {
        return Err(refused(
            "the services run as root, whom permissions do not stop: run the agent as another user",
        ));
    }
    Ok(())
}

fn mode_of(path: &Path) -> Result<Option<u32>, LeverError> {
    match fs::metadata(path) {
        Ok(there) => Ok(Some(there.permissions().mode() & 0o7777)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(failed("look at", path, &err)),
    }
}

impl PreImage {
    pub(super) fn of_file(hands: &Hands, file: &str, mode: &str) -> Result<Self, LeverError> {
        let (path, _) = file_of(hands, file)?;
        permissions_count()?;
        Self::take(vec![path], |_| figures::mode(mode).map_err(refused))
    }

    /// Every folder of a volume loses the right to be written to.
    pub(super) fn of_volume(volume: &Path) -> Result<Self, LeverError> {
        permissions_count()?;
        let mut folders = vec![volume.to_owned()];
        let mut next = 0;
        while let Some(folder) = folders.get(next).cloned() {
            next += 1;
            let entries = fs::read_dir(&folder).map_err(|err| failed("read", &folder, &err))?;
            let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            folders.extend(entries.filter_map(Result::ok).filter(is_folder).map(|entry| entry.path()));
            if folders.len() > FOLDERS_MAX {
                return Err(refused(format!("{} has more than {FOLDERS_MAX} folders", volume.display())));
            }
        }
        Self::take(folders, |before| Ok(before & !0o222))
    }

    fn take(paths: Vec<PathBuf>, ours: impl Fn(u32) -> Result<u32, LeverError>) -> Result<Self, LeverError> {
        let mut places = Vec::new();
        for path in paths {
            let gone = || refused(format!("{} is gone", path.display()));
            let before = mode_of(&path)?.ok_or_else(gone)?;
            let ours = ours(before)?;
            if before != ours {
                places.push((path, before, ours));
            }
        }
        if places.is_empty() { Err(refused("the permissions are so already")) } else { Ok(Self { places }) }
    }

    /// Whether both speak of a common place.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.places.iter().any(|(path, ..)| other.touches(path))
    }

    /// Whether it speaks of this place.
    pub(super) fn touches(&self, place: &Path) -> bool {
        self.places.iter().any(|(path, ..)| path == place)
    }

    pub(super) fn apply(&self) -> Result<(), LeverError> {
        for (path, before, _) in &self.places {
            if mode_of(path)? != Some(*before) {
                return Err(refused(format!("{} has changed since this was armed", path.display())));
            }
        }
        self.places.iter().try_for_each(|(path, _, ours)| set(path, *ours))
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let mut presence = Presence::Clean;
        for (path, before, ours) in &self.places {
            match mode_of(path)? {
                Some(now) if now == *ours => presence = Presence::Present,
                Some(now) if now != *before => {
                    return Ok(seen(Presence::Diverged, format!("{} has {now:o}", path.display())));
                }
                // A place that is gone has no permissions any more.
                _ => {}
            }
        }
        let first = self.places.first().map(|(path, ..)| path.display().to_string()).unwrap_or_default();
        Ok(seen(presence, format!("permissions of {first} and {} more", self.places.len().saturating_sub(1))))
    }

    /// Each place by itself: what somebody else has set stays, and stops nothing.
    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        let mut undone = Undone::AlreadyClean;
        let mut diverged = false;
        for (path, before, ours) in &self.places {
            match mode_of(path)? {
                Some(now) if now == *ours => {
                    set(path, *before)?;
                    undone = Undone::Restored;
                }
                Some(now) if now != *before => diverged = true,
                _ => {}
            }
        }
        Ok(if diverged { Undone::Diverged } else { undone })
    }
}

fn set(path: &Path, mode: u32) -> Result<(), LeverError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(|err| failed("change", path, &err))
}

#[cfg(test)]
mod tests {
    use super::super::tests::hands;
    use super::*;

    fn closed(path: &Path) -> PreImage {
        PreImage::take(vec![path.to_owned()], |_| Ok(0)).unwrap()
    }

    #[test]
    fn permissions_are_taken_and_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = hands(folder.path()).layout.files[0].path.canonicalize().unwrap();
        set(&path, 0o640).unwrap();
        let pre = closed(&path);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.apply().unwrap();
        assert_eq!(mode_of(&path).unwrap(), Some(0));
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        assert_eq!(mode_of(&path).unwrap(), Some(0o640));
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
    }

    #[test]
    fn what_somebody_else_has_set_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = hands(folder.path()).layout.files[0].path.canonicalize().unwrap();
        let pre = closed(&path);
        pre.apply().unwrap();
        set(&path, 0o600).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
        assert_eq!(pre.undo().unwrap(), Undone::Diverged);
        assert_eq!(mode_of(&path).unwrap(), Some(0o600));
        assert!(matches!(pre.apply(), Err(LeverError::Refused(_))));
    }

    #[test]
    fn they_are_refused_where_they_stop_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let taken = PreImage::of_file(&hands, "web", "000");
        if nix::unistd::geteuid().is_root() {
            assert!(taken.unwrap_err().to_string().contains("root"));
        } else {
            let pre = taken.unwrap();
            pre.apply().unwrap();
            assert!(fs::read(&hands.layout.files[0].path).is_err());
            pre.undo().unwrap();
        }
    }
}
