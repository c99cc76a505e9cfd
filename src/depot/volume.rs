//! A volume: a folder that holds object contents and may not grow beyond its size.
//!
//! Everything in the folder counts, whoever put it there. A content is written beside its predecessor and then takes
//! its place, so a write needs room for both.

use std::{
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::telemetry::Stopwatch;
use crate::base::names::is_name;

/// Bytes before the content: the version.
const HEAD_BYTES: usize = 8;

/// See the module.
#[derive(Debug)]
pub(super) struct Volume {
    folder: PathBuf,
    size_bytes: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    used_bytes: u64,
    counted: Option<Stopwatch>,
    writes: u64,
}

/// Why a volume did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub(super) enum VolumeError {
    /// There is no room.
    #[error(
        "the volume is full: {used_bytes} of {limit_bytes} bytes are in use, {needed_bytes} more are needed"
    )]
    Full { used_bytes: u64, limit_bytes: u64, needed_bytes: u64 },
    /// The file system refused.
    #[error("could not use the volume: {0}")]
    File(#[from] std::io::Error),
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The content is in place.
    Stored,
    /// A newer version was there already, and stays.
    NewerKept,
}

impl Volume {
    /// The volume in `folder`, which is made if it does not exist. Left-overs of unfinished writes go.
    pub(super) fn open(folder: &Path, size_bytes: u64) -> Result<Self, VolumeError> {
        std::fs::create_dir_all(folder)?;
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(".new-") {
                std::fs::remove_file(entry.path())?;
            }
        }
        let inner = Inner { used_bytes: 0, counted: None, writes: 0 };
        Ok(Self { folder: folder.to_owned(), size_bytes, inner: Mutex::new(inner) })
    }

    /// Its size in bytes.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Bytes in use now, counted. Does not wait for writes.
    pub(super) fn used_bytes(&self) -> Result<u64, VolumeError> {
        Ok(bytes_below(&self.folder)?)
    }

    /// Puts `content` in place as `version` of `key`, unless a newer version is there or less than `use_percent` of
    /// the volume would not hold it. A count older than `count_age` is made again first. Blocks; keys are file names.
    pub(super) fn write(
        &self,
        key: &str,
        version: u64,
        content: &[u8],
        limits: WriteLimits,
    ) -> Result<Written, VolumeError> {
        let mut inner = self.lock();
        if self.version(key)?.is_some_and(|there| there > version) {
            return Ok(Written::NewerKept);
        }
        let stale = inner.counted.as_ref().is_none_or(|at| at.elapsed() >= limits.count_age);
        if stale {
            inner.count(&self.folder)?;
        }
        let needed_bytes = (HEAD_BYTES + content.len()) as u64;
        let limit_bytes = self.size_bytes / 100 * limits.use_percent;
        if inner.used_bytes + needed_bytes > limit_bytes {
            let used_bytes = inner.used_bytes;
            return Err(VolumeError::Full { used_bytes, limit_bytes, needed_bytes });
        }
        let path = self.folder.join(key);
        let old_bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        inner.writes += 1;
        let fresh = self.folder.join(format!(".new-{}", inner.writes));
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(&version.to_le_bytes())?;
        file.write_all(content)?;
        drop(file);
        std::fs::rename(&fresh, &path)?;
        inner.used_bytes = (inner.used_bytes + needed_bytes).saturating_sub(old_bytes);
        Ok(Written::Stored)
    }

    /// The version and the content of `key`. Blocks.
    pub(super) fn read(&self, key: &str) -> Result<Option<(u64, Vec<u8>)>, VolumeError> {
        let mut bytes = match std::fs::read(self.folder.join(key)) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let version = u64::from_le_bytes(*head);
        bytes.drain(..HEAD_BYTES);
        Ok(Some((version, bytes)))
    }

    /// The keys that it holds, in order. Blocks.
    pub(super) fn keys(&self) -> Result<Vec<String>, VolumeError> {
        let mut keys = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if is_name(&name) {
                keys.push(name);
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// Takes `key` away; whether it was there. Blocks.
    pub(super) fn remove(&self, key: &str) -> Result<bool, VolumeError> {
        let mut inner = self.lock();
        // The next write counts again.
        inner.counted = None;
        match std::fs::remove_file(self.folder.join(key)) {
            Ok(()) => Ok(true),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err.into()),
        }
    }

    fn version(&self, key: &str) -> Result<Option<u64>, VolumeError> {
        let mut head = [0; HEAD_BYTES];
        let mut file = match std::fs::File::open(self.folder.join(key)) {
            Ok(file) => file,
            Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(err.into()),
        };
        match file.read_exact(&mut head) {
            Ok(()) => Ok(Some(u64::from_le_bytes(head))),
            Err(err) if err.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(err) => Err(err.into()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Volume::write`].
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteLimits {
    pub(super) use_percent: u64,
    pub(super) count_age: Duration,
}

impl Inner {
    fn count(&mut self, folder: &Path) -> Result<(), VolumeError> {
        self.used_bytes = bytes_below(folder)?;
        self.counted = Some(Stopwatch::start());
        Ok(())
    }
}

fn bytes_below(folder: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // What vanishes between the listing and the look takes no room.
        let Ok(file) = entry.metadata() else { continue };
        total += if file.is_dir() { bytes_below(&entry.path())? } else { file.len() };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WriteLimits = WriteLimits { use_percent: 100, count_age: Duration::ZERO };

    #[test]
    fn foreign_bytes_count_and_a_full_volume_refuses() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::open(folder.path(), 10_000).unwrap();
        volume.write("a", 1, &[7; 1000], NOW).unwrap();
        assert_eq!(volume.used_bytes().unwrap(), 1008);
        std::fs::create_dir(folder.path().join("more")).unwrap();
        std::fs::write(folder.path().join("more/blob"), vec![0; 8000]).unwrap();
        let refused = volume.write("a", 2, &[8; 1000], NOW).unwrap_err();
        assert!(
            matches!(refused, VolumeError::Full { used_bytes: 9008, needed_bytes: 1008, .. }),
            "{refused}"
        );
        assert_eq!(volume.read("a").unwrap(), Some((1, vec![7; 1000])));
        std::fs::remove_dir_all(folder.path().join("more")).unwrap();
        assert_eq!(volume.write("a", 2, &[8; 1000], NOW).unwrap(), Written::Stored);
        assert_eq!(volume.used_bytes().unwrap(), 1008);
    }

    #[test]
    fn an_old_count_is_good_for_its_age_and_own_writes_are_added() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::open(folder.path(), 3000).unwrap();
        let limits = WriteLimits { use_percent: 100, count_age: Duration::from_secs(3600) };
        volume.write("a", 1, &[0; 1000], limits).unwrap();
        volume.write("b", 1, &[0; 900], limits).unwrap();
        assert!(matches!(volume.write("c", 1, &[0; 1200], limits), Err(VolumeError::Full { .. })));
        std::fs::remove_file(folder.path().join("b")).unwrap();
        assert!(matches!(volume.write("c", 1, &[0; 1200], limits), Err(VolumeError::Full { .. })));
        assert!(volume.write("c", 1, &[0; 1200], NOW).is_ok());
    }

    #[test]
    fn a_late_write_of_an_older_version_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::open(folder.path(), 10_000).unwrap();
        volume.write("a", 5, b"new", NOW).unwrap();
        assert_eq!(volume.write("a", 4, b"old", NOW).unwrap(), Written::NewerKept);
        assert_eq!(volume.read("a").unwrap(), Some((5, b"new".to_vec())));
        assert_eq!(volume.read("b").unwrap(), None);
    }

    #[test]
    fn unfinished_writes_are_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".new-3"), vec![0; 100]).unwrap();
        let volume = Volume::open(folder.path(), 10_000).unwrap();
        assert_eq!(volume.used_bytes().unwrap(), 0);
    }
}
