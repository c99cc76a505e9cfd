//! Who can open what is sealed: identities, which are secret, and recipients, which are not. Both are written as the
//! `age` tools write them, so that either side may use those.

use crate::base::{
    At,
    limits::{KEYS_BYTES_MAX, KEYS_MAX},
};
use age::{secrecy::ExposeSecret as _, x25519};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Somebody whom a scenario is sealed to.
pub type Recipient = x25519::Recipient;

/// Where identities lie. They are read when something sealed is met, and not kept.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    named: Vec<PathBuf>,
    usual: Option<PathBuf>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Nobody named an identity, and none lies at its usual place.
    #[error("no identity is at hand")]
    None {
        /// Where one would have been found.
        usual: Option<PathBuf>,
    },
    /// A file of keys could not be read.
    #[error("could not read the keys in {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// Others than the owner may read an identity.
    #[error("others may read the identity in {}: its mode is {mode:03o}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A line is no key. What it holds is not repeated.
    #[error("{}:{line}: this is not {wanted}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was looked for.
        wanted: &'static str,
    },
    /// There are none in it, or too many.
    #[error("{} has {found} keys: 1 to {KEYS_MAX} are read", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// How many there are.
        found: usize,
    },
}

impl KeysError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::None { usual } => {
                let usual = usual.as_ref().map(|path| format!(", or put it at {}", path.display()));
                format!(
                    "name a file with `--identity FILE` or GAMEDAY_IDENTITY{}; whoever sealed it knows for whom",
                    usual.unwrap_or_default()
                )
            }
            Self::Unreadable { .. } => "name a file that you may read".to_owned(),
            Self::Open { path, .. } => format!("close it: chmod 600 {}", path.display()),
            Self::NotAKey { .. } | Self::Count { .. } => {
                "an identity is a line `AGE-SECRET-KEY-1...`, a recipient a line `age1...`; `gameday seal --new-identity FILE` makes both"
                    .to_owned()
            }
        }
    }
}

impl Keys {
    /// The identities in these files; without any, those in the `usual` one if it is there.
    pub fn new(named: Vec<PathBuf>, usual: Option<PathBuf>) -> Self {
        Self { named, usual }
    }

    /// Whoever these identities belong to.
    pub fn recipients(&self) -> Result<Vec<Recipient>, KeysError> {
        Ok(self.identities()?.iter().map(x25519::Identity::to_public).collect())
    }

    /// Every identity, read now.
    pub(super) fn identities(&self) -> Result<Vec<x25519::Identity>, KeysError> {
        let usual = self.usual.as_ref().filter(|path| self.named.is_empty() && path.exists());
        let files: Vec<&PathBuf> = self.named.iter().chain(usual).collect();
        if files.is_empty() {
            return Err(KeysError::None { usual: self.usual.clone() });
        }
        let mut all = Vec::new();
        for path in files {
            all.extend(keys_in(path, true, "an identity that begins with AGE-SECRET-KEY-1")?);
        }
        Ok(all)
    }
}

/// Everybody in a file of recipients, one in each line.
pub fn recipients_in(path: &Path) -> Result<Vec<Recipient>, KeysError> {
    keys_in(path, false, "a recipient that begins with age1")
}

/// Makes an identity and writes it to a new file that is its owner's alone. Gives the recipient.
pub fn new_identity(path: &Path, now: At) -> io::Result<Recipient> {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public();
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let secret = identity.to_string();
    let written = writeln!(out, "# created: {now}\n# public key: {recipient}\n{}", secret.expose_secret());
    // Half an identity would stand in the way of a whole one.
    written.and_then(|()| out.sync_all()).inspect_err(|_| drop(fs::remove_file(path)))?;
    Ok(recipient)
}

/// The keys in a file, one in each line; `#` begins a comment. What must be secret must not be open to others.
fn keys_in<K: std::str::FromStr>(
    path: &Path,
    secret: bool,
    wanted: &'static str,
) -> Result<Vec<K>, KeysError> {
    let text = read(path, secret)?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |_| KeysError::NotAKey { path: path.to_owned(), line: index + 1, wanted };
        keys.push(line.parse().map_err(bad)?);
    }
    if (1..=KEYS_MAX).contains(&keys.len()) {
        Ok(keys)
    } else {
        Err(KeysError::Count { path: path.to_owned(), found: keys.len() })
    }
}

fn read(path: &Path, secret: bool) -> Result<String, KeysError> {
    let unreadable = |why| KeysError::Unreadable { path: path.to_owned(), why };
    // A pipe must not block the open.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(unreadable(io::Error::other("this is not a regular file")));
    }
    let mode = about.permissions().mode() & 0o777;
    if secret && mode & 0o077 != 0 {
        return Err(KeysError::Open { path: path.to_owned(), mode });
    }
    let most = u64::try_from(KEYS_BYTES_MAX).unwrap_or(u64::MAX);
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > KEYS_BYTES_MAX {
        let why = format!("it is larger than {} KiB", KEYS_BYTES_MAX / 1024);
        return Err(unreadable(io::Error::other(why)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: At = At::from_millis(1_796_130_000_000);

    #[test]
    fn an_identity_is_made_once_is_its_owners_alone_and_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.txt");
        let recipient = new_identity(&path, NOW).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(new_identity(&path, NOW).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let keys = Keys::new(vec![path.clone()], None);
        assert_eq!(keys.recipients().unwrap(), vec![recipient.clone()]);
        // What is at the usual place is used where nothing is named.
        assert_eq!(Keys::new(Vec::new(), Some(path)).recipients().unwrap(), vec![recipient]);
        let none = Keys::new(Vec::new(), Some(folder.path().join("none")));
        assert!(matches!(none.recipients(), Err(KeysError::None { usual: Some(_) })));
    }

    #[test]
    fn an_identity_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.txt");
        new_identity(&path, NOW).unwrap();
        for (mode, fine) in [(0o640, false), (0o604, false), (0o620, false), (0o600, true), (0o400, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let read = Keys::new(vec![path.clone()], None).recipients();
            assert_eq!(read.is_ok(), fine, "{mode:o}");
            assert!(fine || matches!(read, Err(KeysError::Open { mode: found, .. }) if found == mode));
        }
    }

    #[test]
    fn what_is_no_key_is_told_by_its_line_and_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.txt");
        for (text, line) in [("# c\n\nAGE-SECRET-KEY-1WRONG\n", 3), ("hunter2", 1), ("age1q", 1)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            for told in [Keys::new(vec![path.clone()], None).recipients(), recipients_in(&path)] {
                let told = told.err().unwrap();
                assert!(matches!(told, KeysError::NotAKey { line: found, .. } if found == line), "{told}");
                assert!(!told.to_string().contains("hunter2") && !told.to_string().contains("WRONG"));
            }
        }
        for (text, found) in [(String::new(), 0), (format!("{}\n", recipient()).repeat(KEYS_MAX + 1), 201)] {
            fs::write(&path, text).unwrap();
            let told = recipients_in(&path).err().unwrap();
            assert!(matches!(told, KeysError::Count { found: counted, .. } if counted == found), "{told}");
        }
        fs::write(&path, "#".repeat(KEYS_BYTES_MAX + 1)).unwrap();
        assert!(matches!(recipients_in(&path), Err(KeysError::Unreadable { .. })));
        assert!(matches!(recipients_in(folder.path()), Err(KeysError::Unreadable { .. })));
    }

    fn recipient() -> Recipient {
        x25519::Identity::generate().to_public()
    }
}
