//! What the agent knows of one injection, and the store that keeps it through every crash.
//!
//! A record is written before the world changes and again after; its file is replaced whole or not at all.

use super::{boot, durable, lever::PreImage};
use crate::{
    base::InjectionId,
    clock::{Clock, SystemClock},
    fault::{Fault, Fence},
    fault::{Undone, protocol::State},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The format of the files written now.
const FORMAT: u32 = 1;
/// How long a predecessor that was killed may take to let go of the lock.
const TAKE_OVER: Duration = Duration::from_secs(3);
/// Terminal records are kept so long: no message travels longer than that.
const KEPT_DAYS: u64 = 7;

/// What an armed injection holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// The change.
    pub fault: Fault,
    /// The token that may inject it, once.
    pub fence: Fence,
    /// What the place was like before.
    pub pre_image: PreImage,
    /// How many milliseconds it outlives the last heartbeat.
    pub lease_ms: u64,
    /// The lease as it was when it was armed, on the boot-time clock.
    pub lease_until_ms: u64,
    /// When it is taken back whatever happens, on the boot-time clock.
    pub deadline_ms: u64,
    /// The boot that the clock readings belong to.
    pub boot: String,
}

/// One injection as its file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// The format of this file.
    pub format: u32,
    /// The injection.
    pub id: InjectionId,
    /// Where it stands.
    pub state: State,
    /// Nothing for an id that was revoked before it was ever armed.
    pub held: Option<Held>,
    /// No token up to this one may be used any more.
    pub revoked: Option<Fence>,
    /// The agent took it back on its own account.
    pub by_agent: bool,
    /// What the undo did.
    pub undone: Option<Undone>,
    /// Why it is where it is, in one line for instigators.
    pub note: String,
}

impl Record {
    /// An injection that is about to be armed.
    pub(super) fn armed(id: InjectionId, held: Held) -> Self {
        Self {
            format: FORMAT,
            id,
            state: State::Armed,
            held: Some(held),
            revoked: None,
            by_agent: false,
            undone: None,
            note: String::new(),
        }
    }

    /// An id whose tokens are refused although nothing was ever armed under it.
    pub(super) fn tombstone(id: InjectionId, fence: Fence) -> Self {
        Self {
            format: FORMAT,
            id,
            state: State::Revoked,
            held: None,
            revoked: Some(fence),
            by_agent: false,
            undone: None,
            note: "revoked before it was armed".to_owned(),
        }
    }
}

impl Record {
    /// Notes what an undo did.
    pub(super) fn settle(&mut self, undone: Undone) {
        self.undone = Some(undone);
        self.state = match (undone, self.by_agent) {
            (Undone::Diverged, _) => State::Diverged,
            (_, true) => State::Expired,
            (_, false) => State::Reverted,
        };
    }
}

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder refused.
    #[error("could not {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another agent or sweep works on the folder.
    #[error("could not take the folder {0}: another agent or sweep works on it")]
    Locked(PathBuf),
    /// The newest epoch is not readable; without it an old engine could act.
    #[error("could not understand {path}: {why}")]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl StoreError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Everything that was found in a store.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Readable records.
    pub(super) records: Vec<Record>,
    /// Files that could not be understood, with the reason. What they held may still be broken.
    pub(super) damaged: Vec<String>,
}

/// The agent's durable memory, and the lock that makes it the only one that writes there.
#[derive(Debug)]
pub(super) struct LeaseStore {
    folder: PathBuf,
    // Held for its lock; the system lets go of it however this process ends.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
struct Newest {
    epoch: u64,
}

/// Whether an agent or a sweep works on this folder at this moment. The system ends its hold with the process.
pub fn is_taken(folder: &Path) -> bool {
    matches!(LeaseStore::open(folder), Err(StoreError::Locked(_)))
}

impl LeaseStore {
    /// Takes the folder, which is made if it does not exist. Waits a little: an agent that was killed a moment ago may
    /// still hold it through a child that it was about to start.
    pub(super) async fn take(folder: &Path) -> Result<Self, StoreError> {
        let opened = boot::watch_for(TAKE_OVER, async || match Self::open(folder) {
            Err(StoreError::Locked(_)) => None,
            done => Some(done),
        });
        opened.await.unwrap_or_else(|| Err(StoreError::Locked(folder.to_owned())))
    }

    fn open(folder: &Path) -> Result<Self, StoreError> {
        let injections = folder.join("injections");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&injections)
            .map_err(StoreError::io("make", &injections))?;
        durable::sync_folder_of(&injections).map_err(StoreError::io("sync", folder))?;
        let path = folder.join("lock");
        let lock =
            File::options().create(true).append(true).open(&path).map_err(StoreError::io("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(StoreError::Io { what: "lock", path, source }),
        }
    }

    fn path_of(&self, id: &InjectionId) -> PathBuf {
        self.folder.join("injections").join(format!("{id}.json"))
    }

    /// Writes a record; it is durable when this returns.
    pub(super) fn save(&self, record: &Record) -> Result<(), StoreError> {
        let path = self.path_of(&record.id);
        let bytes =
            serde_json::to_vec_pretty(record).map_err(|err| StoreError::io("write", &path)(err.into()))?;
        durable::replace(&path, &bytes, 0o600).map_err(StoreError::io("write", &path))
    }

    /// Reads everything, clears away what was never finished, and forgets what has been over for a week.
    pub(super) fn load(&self) -> Result<Found, StoreError> {
        let folder = self.folder.join("injections");
        let mut found = Found::default();
        for entry in fs::read_dir(&folder).map_err(StoreError::io("read", &folder))? {
            let path = entry.map_err(StoreError::io("read", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') {
                // Its own file still holds what was durable before.
                durable::remove(&path).map_err(StoreError::io("remove", &path))?;
                continue;
            }
            match read_record(&path) {
                Ok(record) if record.state.is_terminal() && is_old(&path) => {
                    durable::remove(&path).map_err(StoreError::io("remove", &path))?;
                }
                Ok(record) => found.records.push(record),
                Err(why) => found.damaged.push(format!("{name}: {why}")),
            }
        }
        found.records.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The newest epoch ever seen here; 0 if none was.
    pub(super) fn epoch(&self) -> Result<u64, StoreError> {
        let path = self.folder.join("epoch.json");
        match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<Newest>(&bytes) {
                Ok(newest) => Ok(newest.epoch),
                Err(err) => Err(StoreError::Damaged { path, why: err.to_string() }),
            },
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(err) => Err(StoreError::io("read", &path)(err)),
        }
    }

    /// Remembers the newest epoch; it is durable when this returns.
    pub(super) fn save_epoch(&self, epoch: u64) -> Result<(), StoreError> {
        let path = self.folder.join("epoch.json");
        let text = format!("{{\"epoch\":{epoch}}}\n");
        durable::replace(&path, text.as_bytes(), 0o600).map_err(StoreError::io("write", &path))
    }
}

fn read_record(path: &Path) -> Result<Record, String> {
    let bytes = fs::read(path).map_err(|err| err.to_string())?;
    let record: Record = serde_json::from_slice(&bytes).map_err(|err| err.to_string())?;
    if record.format != FORMAT {
        return Err(format!("format {} is not known here", record.format));
    }
    Ok(record)
}

fn is_old(path: &Path) -> bool {
    let written = fs::metadata(path).and_then(|file| file.modified());
    let Ok(age) = written.map(|at| at.duration_since(std::time::UNIX_EPOCH)) else {
        return false;
    };
    let written_ms = age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
    let now_ms = u64::try_from(SystemClock.now().millis()).unwrap_or(0);
    now_ms.saturating_sub(written_ms) > KEPT_DAYS * 24 * 3_600_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn id(text: &str) -> InjectionId {
        text.parse().unwrap()
    }

    const FENCE: Fence = Fence { epoch: 1, seq: 7 };

    #[tokio::test]
    async fn a_record_reads_back_and_a_torn_write_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::tombstone(id("gd-a"), FENCE);
        let store = LeaseStore::take(folder.path()).await.unwrap();
        store.save(&record).unwrap();
        // A crash in the middle of the next write leaves half a file under the other name.
        let torn = durable::unfinished(&store.path_of(&record.id));
        fs::write(&torn, &b"{\"format\":1,\"id\":\"gd-a\",\"state\":\"appl"[..]).unwrap();
        drop(store);
        let store = LeaseStore::take(folder.path()).await.unwrap();
        let found = store.load().unwrap();
        assert_eq!(found.records, [record]);
        assert!(found.damaged.is_empty());
        assert!(!torn.exists());
    }

    #[tokio::test]
    async fn a_damaged_record_is_reported_and_hides_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = LeaseStore::take(folder.path()).await.unwrap();
        store.save(&Record::tombstone(id("gd-good"), FENCE)).unwrap();
        fs::write(store.path_of(&id("gd-bad")), "{").unwrap();
        let mut newer = Record::tombstone(id("gd-newer"), FENCE);
        newer.format = 2;
        store.save(&newer).unwrap();
        let found = store.load().unwrap();
        assert_eq!(found.records.len(), 1);
        assert_eq!(found.damaged.len(), 2, "{:?}", found.damaged);
    }

    #[tokio::test]
    async fn one_folder_has_one_master() {
        let folder = tempfile::tempdir().unwrap();
        let first = LeaseStore::take(folder.path()).await.unwrap();
        assert!(matches!(LeaseStore::open(folder.path()), Err(StoreError::Locked(_))));
        drop(first);
        LeaseStore::take(folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn the_newest_epoch_is_remembered_and_never_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let store = LeaseStore::take(folder.path()).await.unwrap();
        assert_eq!(store.epoch().unwrap(), 0);
        store.save_epoch(3).unwrap();
        assert_eq!(store.epoch().unwrap(), 3);
        fs::write(folder.path().join("epoch.json"), "").unwrap();
        assert!(matches!(store.epoch(), Err(StoreError::Damaged { .. })));
    }

    #[tokio::test]
    async fn what_has_been_over_for_a_week_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = LeaseStore::take(folder.path()).await.unwrap();
        for name in ["gd-old", "gd-new"] {
            store.save(&Record::tombstone(id(name), FENCE)).unwrap();
        }
        let eight_days = Duration::from_secs(8 * 24 * 3600);
        let file = File::options().append(true).open(store.path_of(&id("gd-old"))).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + eight_days).unwrap();
        let left: Vec<_> = store.load().unwrap().records;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id, id("gd-new"));
    }
}
