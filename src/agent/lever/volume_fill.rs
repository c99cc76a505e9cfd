//! Fills a volume with a ballast file that looks like the dump of a crashed process.

use super::{Hands, LeverError, failed, refused, seen};
use crate::{
    agent::durable,
    base::{InjectionId, VolumeName},
    fault::Presence,
    fault::{Inspection, Undone},
    scenario::pack::VolumeLayout,
    seed,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What stays free on the machine's own file system, whatever a scenario asks for.
const MACHINE_FREE_BYTES: u64 = 256 * 1024 * 1024;

/// The ballast file, which was not there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The volume.
    pub volume: VolumeName,
    /// Where the ballast lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

pub(super) fn layout_of<'a>(hands: &'a Hands, volume: &VolumeName) -> Result<&'a VolumeLayout, LeverError> {
    let mut volumes = hands.layout.volumes.iter();
    volumes
        .find(|layout| layout.volume == *volume)
        .ok_or_else(|| refused(format!("there is no volume `{volume}` here")))
}

/// `core.` and a number like that of a process. The same for the same injection.
fn ballast(folder: &Path, id: &InjectionId) -> PathBuf {
    let digest = seed::digest(id.as_str().as_bytes());
    let number = u32::from_str_radix(&digest[..8], 16).unwrap_or(0) % 60_000 + 2000;
    folder.join(format!("core.{number}"))
}

/// Bytes in all files below a folder, as its service counts them.
fn used_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file = match entry.metadata() {
            Ok(file) => file,
            // The service works on while it is counted.
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => return Err(err),
        };
        bytes += if file.is_dir() { used_bytes(&entry.path())? } else { file.len() };
    }
    Ok(bytes)
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        id: &InjectionId,
        volume: &VolumeName,
        percent: u8,
    ) -> Result<Self, LeverError> {
        if !(1..=100).contains(&percent) {
            return Err(refused(format!("{percent} per cent is not from 1 to 100")));
        }
        let percent = u64::from(percent);
        Self::up_to(hands, id, volume, |size| size / 100 * percent + size % 100 * percent / 100)
    }

    /// A ballast that leaves exactly so much of the volume free.
    pub(super) fn take_rest(
        hands: &Hands,
        id: &InjectionId,
        volume: &VolumeName,
        free_bytes: u64,
    ) -> Result<Self, LeverError> {
        Self::up_to(hands, id, volume, |size| size.saturating_sub(free_bytes))
    }

    /// A ballast with which so many bytes of the volume are in use as `wanted` makes of its size.
    fn up_to(
        hands: &Hands,
        id: &InjectionId,
        volume: &VolumeName,
        wanted: impl FnOnce(u64) -> u64,
    ) -> Result<Self, LeverError> {
        let layout = layout_of(hands, volume)?;
        let path = ballast(&layout.path, id);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(refused(format!("{} is there already", path.display())));
        }
        let used = used_bytes(&layout.path).map_err(|err| failed("count", &layout.path, &err))?;
        let bytes = wanted(layout.size_bytes).saturating_sub(used);
        if bytes == 0 {
            return Err(refused(format!(
                "volume `{volume}` is that full already: {used} of {} bytes",
                layout.size_bytes
            )));
        }
        let machine = nix::sys::statvfs::statvfs(&layout.path)
            .map_err(|err| failed("ask the file system of", &layout.path, &err.into()))?;
        let free = machine.blocks_available() * machine.fragment_size();
        if free < bytes.saturating_add(MACHINE_FREE_BYTES) {
            return Err(refused("the machine's own file system would become too full"));
        }
        Ok(Self { volume: volume.clone(), path, bytes })
    }

    pub(super) fn apply(&self) -> Result<(), LeverError> {
        if fs::symlink_metadata(&self.path).is_ok() {
            return Err(refused(format!("{} has appeared since it was armed", self.path.display())));
        }
        let beside = durable::unfinished(&self.path);
        let write = || {
            let mut file = File::create(&beside)?;
            allocate(&mut file, self.bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            durable::sync_folder_of(&self.path)
        };
        write().map_err(|err| failed("write", &self.path, &err))
    }

    /// The size of what is at the ballast's place.
    fn size(&self) -> Result<Option<u64>, LeverError> {
        match fs::symlink_metadata(&self.path) {
            Ok(file) => Ok(Some(if file.is_file() { file.len() } else { u64::MAX })),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(failed("look at", &self.path, &err)),
        }
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let path = self.path.display();
        let half = durable::unfinished(&self.path).exists();
        Ok(match self.size()? {
            Some(bytes) if bytes == self.bytes => {
                seen(Presence::Present, format!("{path} takes {bytes} bytes of volume {}", self.volume))
            }
            None if half => seen(Presence::Present, format!("{path} is half written")),
            // Nothing of an emptied ballast takes room.
            None | Some(0) => seen(Presence::Clean, format!("{path} is not there")),
            Some(bytes) => {
                seen(Presence::Diverged, format!("{path} has {bytes} bytes where we wrote {}", self.bytes))
            }
        })
    }

    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        let remove = |path: &Path| durable::remove(path).map_err(|err| failed("remove", path, &err));
        let half = remove(&durable::unfinished(&self.path))?;
        match self.size()? {
            Some(bytes) if bytes == self.bytes => {
                remove(&self.path)?;
                Ok(Undone::Restored)
            }
            Some(0) => {
                remove(&self.path)?;
                Ok(Undone::AlreadyClean)
            }
            Some(_) => Ok(Undone::Diverged),
            None if half => Ok(Undone::Restored),
            None => Ok(Undone::AlreadyClean),
        }
    }
}

fn allocate(file: &mut File, bytes: u64) -> io::Result<()> {
    let length = i64::try_from(bytes).map_err(io::Error::other)?;
    match nix::fcntl::posix_fallocate(&*file, 0, length) {
        Ok(()) => return Ok(()),
        Err(nix::errno::Errno::EOPNOTSUPP | nix::errno::Errno::EINVAL) => {}
        Err(err) => return Err(err.into()),
    }
    let zeros = vec![0; 1024 * 1024];
    let mut rest = bytes;
    while rest > 0 {
        let part = usize::try_from(rest).unwrap_or(zeros.len()).min(zeros.len());
        file.write_all(&zeros[..part])?;
        rest -= part as u64;
    }
    Ok(())
}

pub(super) fn inspect_unarmed(
    hands: &Hands,
    id: &InjectionId,
    volume: &VolumeName,
) -> Result<Inspection, LeverError> {
    let path = ballast(&layout_of(hands, volume)?.path, id);
    match fs::symlink_metadata(&path) {
        Ok(_) => Ok(seen(Presence::Present, format!("{} is there", path.display()))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            Ok(seen(Presence::Clean, format!("no ballast is on volume {volume}")))
        }
        Err(err) => Err(failed("look at", &path, &err)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;

    fn fill(root: &Path, percent: u8) -> Result<PreImage, LeverError> {
        let hands = hands(root);
        PreImage::take(&hands, &id(), &"a".parse().unwrap(), percent)
    }

    #[test]
    fn a_volume_is_filled_to_the_byte_and_emptied_once() {
        let folder = tempfile::tempdir().unwrap();
        let volume = hands(folder.path()).layout.volumes[0].path.clone();
        fs::create_dir(volume.join("deep")).unwrap();
        fs::write(volume.join("deep/object"), vec![1; 1000]).unwrap();
        let pre = fill(folder.path(), 90).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.apply().unwrap();
        assert_eq!(used_bytes(&volume).unwrap(), 900_000);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        assert_eq!(used_bytes(&volume).unwrap(), 1000);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
    }

    #[test]
    fn a_volume_is_left_an_exact_rest() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let volume = &hands.layout.volumes[0];
        fs::write(volume.path.join("object"), vec![1; 1000]).unwrap();
        let pre = PreImage::take_rest(&hands, &id(), &volume.volume, 4321).unwrap();
        pre.apply().unwrap();
        assert_eq!(volume.size_bytes - used_bytes(&volume.path).unwrap(), 4321);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        let taken = PreImage::take_rest(&hands, &id(), &volume.volume, volume.size_bytes);
        assert!(matches!(taken, Err(LeverError::Refused(_))), "it has less free already");
    }

    #[test]
    fn a_responders_repair_is_respected() {
        let folder = tempfile::tempdir().unwrap();
        let pre = fill(folder.path(), 50).unwrap();
        pre.apply().unwrap();
        fs::remove_file(&pre.path).unwrap();
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        pre.apply().unwrap();
        fs::write(&pre.path, "").unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert!(!pre.path.exists());
        fs::write(&pre.path, "theirs").unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
        assert_eq!(pre.undo().unwrap(), Undone::Diverged);
        assert!(pre.path.exists());
    }

    #[test]
    fn a_half_written_ballast_goes_too() {
        let folder = tempfile::tempdir().unwrap();
        let pre = fill(folder.path(), 50).unwrap();
        fs::write(durable::unfinished(&pre.path), "half").unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(pre.undo().unwrap(), Undone::Restored);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for percent in [0, 101] {
            assert!(matches!(fill(folder.path(), percent), Err(LeverError::Refused(_))));
        }
        let volume = hands(folder.path()).layout.volumes[0].path.clone();
        fs::write(volume.join("object"), vec![1; 600_000]).unwrap();
        assert!(matches!(fill(folder.path(), 60), Err(LeverError::Refused(_))));
        let pre = fill(folder.path(), 61).unwrap();
        assert_eq!(pre.bytes, 10_000);
        fs::write(&pre.path, "theirs").unwrap();
        assert!(matches!(pre.apply(), Err(LeverError::Refused(_))));
        assert_eq!(fs::read(&pre.path).unwrap(), b"theirs");
    }
}
