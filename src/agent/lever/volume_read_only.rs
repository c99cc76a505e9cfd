//! Lets nothing be written to a volume. As root, its folder is mounted over itself, read-only; otherwise its folders
//! lose the right to be written to.

use super::{Hands, LeverError, failed, file_mode, file_swap::inside, refused, seen, volume_fill::layout_of};
use crate::{
    base::VolumeName,
    fault::{Inspection, Presence, Undone},
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The bit of a process's capabilities that lets it mount.
const MAY_MOUNT: u64 = 1 << 21;

/// The volume, over which nothing of ours was mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The volume.
    pub volume: VolumeName,
    /// Its folder.
    pub path: PathBuf,
    /// How many file systems were mounted at it.
    pub mounted: usize,
    /// Its folders' permissions where nothing can be mounted.
    pub modes: Option<file_mode::PreImage>,
}

fn may_mount() -> bool {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = text.lines().find_map(|line| line.strip_prefix("CapEff:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & MAY_MOUNT != 0)
}

/// The options of every file system that is mounted at `path`, the one in use last.
fn mounts_at(path: &Path) -> Result<Vec<String>, LeverError> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(|err| failed("read", table, &err))?;
    // Spaces and the like are written as octal numbers in this table.
    let written: String = path.display().to_string().replace('\\', "\\134").replace(' ', "\\040");
    let at_path = |line: &str| {
        let mut words = line.split(' ').skip(4);
        (words.next()? == written).then(|| words.next().unwrap_or_default().to_owned())
    };
    Ok(text.lines().filter_map(at_path).collect())
}

impl PreImage {
    pub(super) fn take(hands: &Hands, volume: &VolumeName) -> Result<Self, LeverError> {
        let path = inside(hands, &layout_of(hands, volume)?.path)?;
        let root = nix::unistd::geteuid().is_root();
        if root && !may_mount() {
            return Err(refused(
                "root may mount nothing here (CAP_SYS_ADMIN), and permissions do not stop root",
            ));
        }
        let modes = if root { None } else { Some(file_mode::PreImage::of_volume(&path)?) };
        Ok(Self { volume: volume.clone(), mounted: mounts_at(&path)?.len(), path, modes })
    }

    pub(super) fn apply(&self) -> Result<(), LeverError> {
        if let Some(modes) = &self.modes {
            return modes.apply();
        }
        if mounts_at(&self.path)?.len() != self.mounted {
            return Err(refused(format!(
                "{} is mounted otherwise than when this was armed",
                self.path.display()
            )));
        }
        let none: Option<&str> = None;
        let over_itself = mount(Some(&self.path), &self.path, none, MsFlags::MS_BIND, none);
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        let done = over_itself.and_then(|()| mount(none, &self.path, none, read_only, none));
        done.map_err(|err| failed("mount", &self.path, &io::Error::from(err)))
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        if let Some(modes) = &self.modes {
            return modes.inspect();
        }
        let (volume, mounts) = (&self.volume, mounts_at(&self.path)?);
        let read_only = mounts.last().is_some_and(|options| options.split(',').any(|one| one == "ro"));
        Ok(if mounts.len() > self.mounted && read_only {
            seen(Presence::Present, format!("volume {volume} is read-only"))
        } else {
            seen(Presence::Clean, format!("volume {volume} can be written to"))
        })
    }

    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        if let Some(modes) = &self.modes {
            return modes.undo();
        }
        let present = self.inspect()?.presence == Presence::Present;
        // Whoever has made it writable again has left our mount in its place.
        while mounts_at(&self.path)?.len() > self.mounted {
            umount2(&self.path, MntFlags::MNT_DETACH)
                .map_err(|err| failed("unmount", &self.path, &io::Error::from(err)))?;
        }
        Ok(if present { Undone::Restored } else { Undone::AlreadyClean })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::hands;
    use super::*;

    #[test]
    fn nothing_can_be_written_until_the_undo() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let pre = match PreImage::take(&hands, &"a".parse().unwrap()) {
            Ok(pre) => pre,
            Err(LeverError::Refused(why)) => return assert!(why.contains("CAP_SYS_ADMIN"), "{why}"),
            Err(err) => panic!("{err}"),
        };
        let file = pre.path.join("object");
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.apply().unwrap();
        assert!(fs::write(&file, "x").is_err());
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        fs::write(&file, "x").unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert_eq!(mounts_at(&pre.path).unwrap().len(), pre.mounted);
    }

    #[test]
    fn a_responder_who_makes_it_writable_has_repaired_it() {
        let folder = tempfile::tempdir().unwrap();
        let Ok(pre) = PreImage::take(&hands(folder.path()), &"a".parse().unwrap()) else { return };
        if pre.modes.is_some() {
            return;
        }
        pre.apply().unwrap();
        let none: Option<&str> = None;
        mount(none, &pre.path, none, MsFlags::MS_BIND | MsFlags::MS_REMOUNT, none).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert_eq!(mounts_at(&pre.path).unwrap().len(), pre.mounted, "nothing of ours stays");
    }
}
