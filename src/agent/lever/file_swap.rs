//! Gives a file another content as a whole, spoils bytes of it, or deletes it. A snapshot of the file is part of the
//! record and is verified before it is armed: without it nothing could be put back.

use super::{Hands, LeverError, certificate, failed, refused, seen};
use crate::{
    agent::durable,
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
    scenario::pack::PartKind,
    seed::{self, Seed},
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Largest file that is snapshot, in bytes.
const FILE_BYTES_MAX: u64 = 128 * 1024;

/// Bytes in a record: as hexadecimal, with a digest of what they were before they were written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Kept {
    hex: String,
    digest: String,
}

impl Kept {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let hex = bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            text.extend([byte >> 4, byte & 15].map(|half| char::from_digit(half.into(), 16).unwrap_or('0')));
            text
        });
        Self { hex, digest: seed::digest(bytes) }
    }

    /// The bytes, if they are still those that were kept.
    fn bytes(&self) -> Result<Vec<u8>, LeverError> {
        let digits: Vec<_> = self.hex.chars().map(|digit| digit.to_digit(16)).collect();
        let byte = |pair: &[Option<u32>]| match pair {
            [Some(high), Some(low)] => u8::try_from(high << 4 | low).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        bytes
            .filter(|bytes| seed::digest(bytes) == self.digest)
            .ok_or_else(|| LeverError::Failed("the snapshot in the record is damaged".to_owned()))
    }
}

/// What the file will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::agent) enum Ours {
    /// Not there.
    Gone,
    /// This content.
    Content(Kept),
    /// The content of before with every bit of these bytes turned over.
    Spoilt {
        /// Their places.
        places: BTreeSet<usize>,
        /// The digest of the whole.
        digest: String,
    },
}

/// What besides the content of before is a repair. Nobody can bring back the words of before: a certificate is renewed,
/// a credential rotated, and nothing of ours is left then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::agent) enum Repair {
    /// Nothing: people have to look at what else is there.
    #[default]
    AsBefore,
    /// A certificate that clients accept.
    GoodCertificate {
        /// The certificate of the authority that they trust.
        authority: PathBuf,
        /// The name that they ask for.
        name: String,
    },
    /// Words, one on each line, and none of ours.
    OtherWords,
}

/// The file as it was, and as it will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The file itself: links on the way were followed once, so that the undo reaches the same file.
    pub path: PathBuf,
    /// Whose instances are told to read it again, if they do not look by themselves.
    pub component: Option<ServiceName>,
    /// Its permissions.
    pub mode: u32,
    /// Its owner and group.
    pub owner: (u32, u32),
    /// Its content.
    pub before: Kept,
    /// Ours.
    pub ours: Ours,
    /// What else is a repair.
    #[serde(default)]
    pub repair: Repair,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Now {
    Ours,
    Before,
    Repaired(&'static str),
    Other(&'static str),
}

/// A file of the description: where it lies, and who has to be told.
pub(super) fn file_of(hands: &Hands, name: &str) -> Result<(PathBuf, Option<ServiceName>), LeverError> {
    let layout = &hands.layout;
    let file = layout.files.iter().find(|file| file.file == name);
    let machine = || layout.machine_files.iter().find(|file| file.name == name);
    let (path, component) = match (file, machine()) {
        (Some(file), _) => (&file.path, Some(file.component.clone())),
        (None, Some(file)) => (&file.path, None),
        (None, None) => return Err(refused(format!("there is no file `{name}` here"))),
    };
    Ok((inside(hands, path)?, component))
}

/// The real path of something that lies within the target.
pub(super) fn inside(hands: &Hands, path: &Path) -> Result<PathBuf, LeverError> {
    let real = path.canonicalize().map_err(|err| failed("find", path, &err))?;
    if real.starts_with(&hands.layout.root) {
        Ok(real)
    } else {
        Err(refused(format!("{} leads out of the target's folder", path.display())))
    }
}

impl PreImage {
    pub(super) fn replace(hands: &Hands, file: &str, content: &str) -> Result<Self, LeverError> {
        let (path, component) = file_of(hands, file)?;
        let is_config = component.is_some();
        let pre = Self::take(path, component, |_| Ok(Ours::Content(Kept::new(content.as_bytes()))))?;
        let mut small = hands.layout.machine_files.iter();
        // The first of this name is the one that was found above.
        let kind = small.find(|small| small.name == file).map(|small| small.kind);
        Ok(match kind {
            Some(PartKind::Credential) if !is_config => pre.repaired_by(Repair::OtherWords),
            _ => pre,
        })
    }

    /// The same with another repair that counts.
    pub(super) fn repaired_by(self, repair: Repair) -> Self {
        Self { repair, ..self }
    }

    pub(super) fn delete(hands: &Hands, file: &str) -> Result<Self, LeverError> {
        let (path, component) = file_of(hands, file)?;
        Self::take(path, component, |_| Ok(Ours::Gone))
    }

    pub(super) fn corrupt(
        hands: &Hands,
        id: &InjectionId,
        file: &str,
        count: u32,
    ) -> Result<Self, LeverError> {
        let (path, component) = file_of(hands, file)?;
        Self::take(path, component, |before| {
            if before.is_empty() {
                return Err(refused(format!("`{file}` is empty: there is nothing to spoil")));
            }
            let from = u64::from_str_radix(&seed::digest(id.as_str().as_bytes())[..16], 16).unwrap_or(0);
            let mut numbers = Seed(from).stream("spoilt bytes");
            let places = (0..count).map(|_| numbers.random_range(0..before.len())).collect();
            let digest = seed::digest(&spoil(before, &places));
            Ok(Ours::Spoilt { places, digest })
        })
    }

    /// Takes a snapshot, and makes sure that it is one.
    pub(super) fn take(
        path: PathBuf,
        component: Option<ServiceName>,
        ours: impl FnOnce(&[u8]) -> Result<Ours, LeverError>,
    ) -> Result<Self, LeverError> {
        let there = fs::metadata(&path).map_err(|err| failed("look at", &path, &err))?;
        if !there.is_file() || there.len() > FILE_BYTES_MAX {
            let most = FILE_BYTES_MAX / 1024;
            return Err(refused(format!("{} is no file of at most {most} KiB", path.display())));
        }
        let bytes = fs::read(&path).map_err(|err| failed("read", &path, &err))?;
        let pre = Self {
            component,
            mode: there.permissions().mode() & 0o7777,
            owner: (there.uid(), there.gid()),
            before: Kept::new(&bytes),
            ours: ours(&bytes)?,
            repair: Repair::default(),
            path,
        };
        if pre.before.bytes()? != bytes || pre.now()? != Now::Before {
            return Err(refused(format!("{} changes while it is looked at", pre.path.display())));
        }
        if pre.digest_of_ours() == Some(&pre.before.digest) {
            return Err(refused(format!("{} is so already", pre.path.display())));
        }
        Ok(pre)
    }

    fn digest_of_ours(&self) -> Option<&String> {
        match &self.ours {
            Ours::Gone => None,
            Ours::Content(kept) => Some(&kept.digest),
            Ours::Spoilt { digest, .. } => Some(digest),
        }
    }

    fn now(&self) -> Result<Now, LeverError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(err) if err.kind() == io::ErrorKind::NotFound => None,
            Err(err) => return Err(failed("read", &self.path, &err)),
        };
        let digest = bytes.as_ref().map(|bytes| seed::digest(bytes));
        Ok(match (digest, bytes) {
            (Some(digest), _) if digest == self.before.digest => Now::Before,
            (digest, _) if digest.as_ref() == self.digest_of_ours() => Now::Ours,
            (_, Some(bytes)) => match self.repaired(&bytes)? {
                Some(how) => Now::Repaired(how),
                None => Now::Other("has another content, neither ours nor as before"),
            },
            (_, None) => Now::Other("is gone"),
        })
    }

    /// How somebody has repaired it, if this is a repair.
    fn repaired(&self, now: &[u8]) -> Result<Option<&'static str>, LeverError> {
        Ok(match (&self.repair, &self.ours) {
            (Repair::GoodCertificate { authority, name }, _) => certificate::is_good(now, authority, name)
                .then_some("holds another certificate, which is good"),
            (Repair::OtherWords, Ours::Content(kept)) => {
                let (ours, now) = (kept.bytes()?, String::from_utf8_lossy(now));
                let ours = words(&String::from_utf8_lossy(&ours)).map(str::to_owned).collect::<Vec<_>>();
                let none_of_ours = words(&now).all(|word| !ours.iter().any(|one| one == word));
                (words(&now).count() > 0 && none_of_ours).then_some("holds other words, none of them ours")
            }
            _ => None,
        })
    }

    fn put(&self, bytes: &[u8], from: &Now) -> Result<(), LeverError> {
        let write = || -> io::Result<bool> {
            let still = || Ok(self.now().is_ok_and(|now| now == *from));
            let put = durable::replace_if(&self.path, bytes, self.mode, still)?;
            let there = fs::metadata(&self.path)?;
            if put && (there.uid(), there.gid()) != self.owner {
                std::os::unix::fs::chown(&self.path, Some(self.owner.0), Some(self.owner.1))?;
            }
            Ok(put)
        };
        match write() {
            Ok(true) => Ok(()),
            Ok(false) => Err(LeverError::Failed(format!(
                "somebody else writes {} at this moment",
                self.path.display()
            ))),
            Err(err) => Err(failed("write", &self.path, &err)),
        }
    }

    pub(super) fn apply(&self) -> Result<(), LeverError> {
        let before = self.before.bytes()?;
        if self.now()? != Now::Before {
            return Err(refused(format!("{} has changed since it was armed", self.path.display())));
        }
        match &self.ours {
            Ours::Gone => {
                durable::remove(&self.path).map_err(|err| failed("remove", &self.path, &err)).map(drop)
            }
            Ours::Content(kept) => self.put(&kept.bytes()?, &Now::Before),
            Ours::Spoilt { places, .. } => self.put(&spoil(&before, places), &Now::Before),
        }
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let path = self.path.display();
        Ok(match self.now()? {
            Now::Ours if self.ours == Ours::Gone => seen(Presence::Present, format!("{path} is deleted")),
            Now::Ours => seen(Presence::Present, format!("{path} has our content")),
            Now::Before => seen(Presence::Clean, format!("{path} is as before")),
            Now::Repaired(how) => seen(Presence::Clean, format!("{path} {how}")),
            Now::Other(what) => seen(Presence::Diverged, format!("{path} {what}")),
        })
    }

    pub(super) fn undo(&self) -> Result<Undone, LeverError> {
        let now = self.now()?;
        let undone = match now {
            Now::Ours => {
                self.put(&self.before.bytes()?, &Now::Ours)?;
                Undone::Restored
            }
            Now::Before | Now::Repaired(_) => Undone::AlreadyClean,
            Now::Other(_) => Undone::Diverged,
        };
        durable::clear(&self.path).map_err(|err| failed("clear up beside", &self.path, &err))?;
        Ok(undone)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|word| !word.is_empty())
}

/// Every bit of the bytes at these places turned over.
fn spoil(bytes: &[u8], places: &BTreeSet<usize>) -> Vec<u8> {
    let turned = |(place, byte): (usize, &u8)| if places.contains(&place) { !byte } else { *byte };
    bytes.iter().enumerate().map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{WEB, hands, id};
    use super::*;

    fn every_way(hands: &Hands) -> [PreImage; 3] {
        [
            PreImage::replace(hands, "web", "[pool]\nsize = 1\n").unwrap(),
            PreImage::delete(hands, "web").unwrap(),
            PreImage::corrupt(hands, &id(), "web", 3).unwrap(),
        ]
    }

    #[test]
    fn a_file_is_swapped_and_put_back_to_the_byte_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let path = hands.layout.files[0].path.clone();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        for pre in every_way(&hands) {
            assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
            pre.apply().unwrap();
            assert_ne!(fs::read(&path).unwrap_or_default(), WEB.as_bytes());
            assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
            assert!(matches!(pre.apply(), Err(LeverError::Refused(_))), "once");
            // What is stored is all that an undo has.
            let stored = serde_json::to_string(&pre).unwrap();
            let pre: PreImage = serde_json::from_str(&stored).unwrap();
            assert_eq!(pre.undo().unwrap(), Undone::Restored);
            assert_eq!(fs::read_to_string(&path).unwrap(), WEB);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
            assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        }
    }

    #[test]
    fn what_responders_have_written_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let path = hands.layout.files[0].path.clone();
        for pre in every_way(&hands) {
            pre.apply().unwrap();
            fs::write(&path, "theirs").unwrap();
            fs::write(durable::unfinished(&path), "half").unwrap();
            assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
            assert_eq!(pre.undo().unwrap(), Undone::Diverged);
            assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
            assert!(!durable::unfinished(&path).exists());
            fs::write(&path, WEB).unwrap();
            assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        }
    }

    #[test]
    fn a_credential_is_repaired_by_any_other_and_by_nothing_that_holds_ours() {
        let folder = tempfile::tempdir().unwrap();
        let mut hands = hands(folder.path());
        let layout = std::sync::Arc::make_mut(&mut hands.layout);
        let path = layout.root.join("credential");
        fs::write(&path, "everybodys\n").unwrap();
        layout.machine_files.push(crate::scenario::pack::MachineFileLayout {
            kind: PartKind::Credential,
            name: "node".to_owned(),
            service: "web-east".parse().unwrap(),
            path: path.clone(),
        });
        let pre = PreImage::replace(&hands, "node", "lonely\n").unwrap();
        pre.apply().unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        // Ours is still accepted, or nobody's is: that is no repair.
        for odd in ["fresh\nlonely\n", "\n", ""] {
            fs::write(&path, odd).unwrap();
            assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged, "{odd:?}");
            assert_eq!(pre.undo().unwrap(), Undone::Diverged, "{odd:?}");
        }
        let rotated = "fresh\neverybodys\n";
        fs::write(&path, rotated).unwrap();
        let pre: PreImage = serde_json::from_str(&serde_json::to_string(&pre).unwrap()).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.undo().unwrap(), Undone::AlreadyClean);
        assert_eq!(fs::read_to_string(&path).unwrap(), rotated, "hands off");
        // A configuration file is no credential, whatever it is called.
        assert_eq!(PreImage::replace(&hands, "web", "x = 1\n").unwrap().repair, Repair::AsBefore);
    }

    #[test]
    fn a_damaged_snapshot_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let mut pre = PreImage::replace(&hands, "web", "ours").unwrap();
        pre.apply().unwrap();
        pre.before.hex.replace_range(0..2, "00");
        assert!(pre.undo().unwrap_err().to_string().contains("damaged"));
        assert_eq!(fs::read_to_string(&pre.path).unwrap(), "ours");
        pre.before.hex.pop();
        assert!(pre.before.bytes().is_err());
    }

    #[test]
    fn what_cannot_be_put_back_is_not_armed() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let path = hands.layout.files[0].path.clone();
        assert!(PreImage::delete(&hands, "nowhere").is_err());
        assert!(PreImage::replace(&hands, "web", WEB).is_err(), "it is so already");
        let pre = PreImage::delete(&hands, "web").unwrap();
        fs::write(&path, "moved on").unwrap();
        assert!(matches!(pre.apply(), Err(LeverError::Refused(_))));
        fs::write(&path, vec![0; 200_000]).unwrap();
        assert!(PreImage::delete(&hands, "web").unwrap_err().to_string().contains("128 KiB"));
        fs::write(&path, "").unwrap();
        assert!(PreImage::corrupt(&hands, &id(), "web", 3).unwrap_err().to_string().contains("empty"));
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("web.toml"), WEB).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(outside.path().join("web.toml"), &path).unwrap();
        assert!(PreImage::delete(&hands, "web").unwrap_err().to_string().contains("leads out"));
    }
}
