//! Takes the inodes of a volume with small files. Only where the volume is a file system of its own with a table of its
//! own: a folder shares that of the machine, which is nobody's to fill.

use super::{Hands, LeverError, failed, file_swap::inside, refused, seen, volume_fill::layout_of};
use crate::{
    base::{InjectionId, VolumeName},
    fault::{Inspection, Presence, Undone},
};
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Most files that are made.
const FILES_MAX: u64 = 200_000;

/// The folder that will hold the files, which was not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The volume.
    pub volume: VolumeName,
    /// Ours.
    pub folder: PathBuf,
    /// Inodes that stay free.
    pub free: u64,
}

fn free_inodes(path: &Path) -> Result<u64, LeverError> {
    let table = statvfs(path).map_err(|err| failed("ask the file system of", path, &err.into()))?;
    Ok(table.files_free())
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        id: &InjectionId,
        volume: &VolumeName,
        free: u64,
    ) -> Result<Self, LeverError> {
        let path = inside(hands, &layout_of(hands, volume)?.path)?;
        let look = |path: &Path| fs::metadata(path).map_err(|err| failed("look at", path, &err));
        let above = path.parent().unwrap_or(&path);
        if look(&path)?.dev() == look(above)?.dev() {
            return Err(refused(format!(
                "volume `{volume}` is a folder and shares the machine's inodes: mount a file system of its own there"
            )));
        }
        let now = free_inodes(&path)?;
        // One for the folder that holds the files.
        if now <= free.saturating_add(1) {
            return Err(refused(format!("volume `{volume}` has {now} free inodes, not more than {free}")));
        }
        if now - free > FILES_MAX {
            return Err(refused(format!("volume `{volume}` has {now} free inodes: more than can be taken")));
        }
        let folder = path.join(format!("spool.{}", &crate::seed::digest(id.as_str().as_bytes())[..6]));
        if fs::symlink_metadata(&folder).is_ok() {
            return Err(refused(format!("{} is there already", folder.display())));
        }
        Ok(Self { volume: volume.clone(), folder, free })
    }

    pub(super) fn apply(&self) -> Result<(), LeverError> {
        fs::create_dir(&self.folder).map_err(|err| failed("make", &self.folder, &err))?;
        for number in 0..FILES_MAX {
            if free_inodes(&self.folder)? <= self.free {
                break;
            }
            match File::create(self.folder.join(format!("{number:06}"))) {
                Ok(_) => {}
                Err(err) if err.kind() == io::ErrorKind::StorageFull => break,
                Err(err) => return Err(failed("fill", &self.folder, &err)),
            }
        }
        Ok(())
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let folder = self.folder.display();
        Ok(match fs::read_dir(&self.folder) {
            Ok(mut entries) => match entries.next() {
                Some(_) => {
                    seen(Presence::Present, format!("{folder} takes inodes of volume {}", self.volume))
                }
                None => seen(Presence::Clean, format!("{folder} is empty")),
            },
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                seen(Presence::Clean, format!("{folder} is not there"))
            }
            Err(err) => return Err(failed("look at", &self.folder, &err)),
        })
    }

    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        let present = self.inspect()?.presence == Presence::Present;
        match fs::remove_dir_all(&self.folder) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(failed("remove", &self.folder, &err)),
        }
        Ok(if present { Undone::Restored } else { Undone::AlreadyClean })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;
    use nix::mount::{MsFlags, mount, umount};

    #[test]
    fn a_folder_on_the_machines_own_file_system_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let taken = PreImage::take(&hands(folder.path()), &id(), &"a".parse().unwrap(), 0);
        assert!(taken.unwrap_err().to_string().contains("shares the machine's inodes"));
    }

    #[test]
    fn a_small_file_system_runs_out_of_inodes_and_gets_them_back() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let path = &hands.layout.volumes[0].path;
        let size = Some("nr_inodes=50,size=1m");
        if mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), size).is_err() {
            // Only root may; the refusal above is what others get.
            return;
        }
        let before = free_inodes(path).unwrap();
        let pre = PreImage::take(&hands, &id(), &"a".parse().unwrap(), 0).unwrap();
        pre.apply().unwrap();
        assert!(File::create(path.join("object")).is_err());
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        assert_eq!(free_inodes(path).unwrap(), before);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        umount(path).unwrap();
    }
}
