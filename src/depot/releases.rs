//! Releases of a component: folders with a configuration file, the one in use behind the link `current`, and the
//! history of what was in use.

use super::error::DepotError;
use crate::clock::{Clock, SystemClock};
use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::symlink,
    path::Path,
};

/// One line of a history: `2026-11-20T09:12:44.000Z deploy 2026.11.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) act: Act,
    pub(super) version: String,
}

/// How a release came into use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Deploy,
    RollBack,
}

impl Entry {
    pub(super) fn deploy(version: &str) -> Self {
        Self { act: Act::Deploy, version: version.to_owned() }
    }

    pub(super) fn roll_back(version: &str) -> Self {
        Self { act: Act::RollBack, version: version.to_owned() }
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let act = match words.next()? {
            "deploy" => Act::Deploy,
            "rollback" => Act::RollBack,
            _ => return None,
        };
        Some(Self { act, version: words.next()?.to_owned() })
    }
}

/// The versions in `folder/releases`, oldest first.
pub(super) fn versions(folder: &Path) -> Result<Vec<String>, DepotError> {
    let releases = folder.join("releases");
    let mut versions = Vec::new();
    for entry in fs::read_dir(&releases).map_err(DepotError::file("read", &releases))? {
        let entry = entry.map_err(DepotError::file("read", &releases))?;
        if entry.path().is_dir() {
            versions.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    versions.sort_by_key(|version| sort_key(version));
    Ok(versions)
}

/// Numbers compare as numbers: `2026.11.9` comes before `2026.11.10`.
fn sort_key(version: &str) -> Vec<(u64, String)> {
    version.split('.').map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned())).collect()
}

/// The version behind `folder/current`.
pub(super) fn current(folder: &Path) -> Result<String, DepotError> {
    let link = folder.join("current");
    let target = fs::read_link(&link).map_err(DepotError::file("read", &link))?;
    Ok(target.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// Makes `folder/current` lead to `version`, in one step: nobody ever finds it missing.
pub(super) fn switch(folder: &Path, version: &str) -> Result<(), DepotError> {
    let (link, fresh) = (folder.join("current"), folder.join(".current-new"));
    match fs::remove_file(&fresh) {
        Err(err) if err.kind() != ErrorKind::NotFound => {
            return Err(DepotError::file("remove", &fresh)(err));
        }
        _ => {}
    }
    symlink(Path::new("releases").join(version), &fresh).map_err(DepotError::file("make", &fresh))?;
    fs::rename(&fresh, &link).map_err(DepotError::file("replace", &link))
}

/// Adds a line to `folder/history`.
pub(super) fn record(folder: &Path, entry: &Entry) -> Result<(), DepotError> {
    let path = folder.join("history");
    let act = match entry.act {
        Act::Deploy => "deploy",
        Act::RollBack => "rollback",
    };
    let line = format!("{} {act} {}\n", SystemClock.now(), entry.version);
    let mut file =
        fs::File::options().create(true).append(true).open(&path).map_err(DepotError::file("open", &path))?;
    file.write_all(line.as_bytes()).map_err(DepotError::file("write", &path))
}

/// The release that was in use before `current`, by the history of `folder`. A release that came into use without a
/// line in the history counts as the newest.
pub(super) fn before(folder: &Path, current: &str) -> Result<Option<String>, DepotError> {
    let path = folder.join("history");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(err) if err.kind() == ErrorKind::NotFound => String::new(),
        Err(err) => return Err(DepotError::file("read", &path)(err)),
    };
    Ok(previous(text.lines().filter_map(Entry::parse), current))
}

/// A history is a pile: a deploy lays a release on top, a roll-back takes releases off until its own is on top.
fn previous(history: impl Iterator<Item = Entry>, current: &str) -> Option<String> {
    let mut pile: Vec<String> = Vec::new();
    for Entry { act, version } in history {
        if act == Act::RollBack
            && let Some(place) = pile.iter().rposition(|there| *there == version)
        {
            pile.truncate(place + 1);
        } else if pile.last() != Some(&version) {
            pile.push(version);
        }
    }
    pile.into_iter().rev().find(|version| version != current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(text: &str) -> impl Iterator<Item = Entry> {
        text.lines().map(|line| Entry::parse(&format!("2026-11-20T00:00:00Z {line}")).unwrap())
    }

    #[test]
    fn a_roll_back_goes_to_what_was_in_use_before() {
        let two = "deploy 1\ndeploy 2";
        assert_eq!(previous(history(two), "2").as_deref(), Some("1"));
        // A release that appeared without a line.
        assert_eq!(previous(history(two), "3").as_deref(), Some("2"));
        // Back from 3 to 2; the next goes to 1, not to 3 again.
        assert_eq!(previous(history("deploy 1\ndeploy 2\ndeploy 3\nrollback 2"), "2").as_deref(), Some("1"));
        assert_eq!(previous(history("deploy 1\ndeploy 2\nrollback 2"), "2").as_deref(), Some("1"));
        assert_eq!(previous(history("deploy 1"), "1"), None);
        assert_eq!(previous(history(""), "1"), None);
    }

    #[test]
    fn versions_are_in_their_order_and_the_link_moves() {
        let folder = tempfile::tempdir().unwrap();
        for version in ["2026.11.10", "2026.11.9", "2026.12.1"] {
            fs::create_dir_all(folder.path().join("releases").join(version)).unwrap();
        }
        assert_eq!(versions(folder.path()).unwrap(), ["2026.11.9", "2026.11.10", "2026.12.1"]);
        switch(folder.path(), "2026.11.9").unwrap();
        record(folder.path(), &Entry::deploy("2026.11.9")).unwrap();
        switch(folder.path(), "2026.12.1").unwrap();
        assert_eq!(current(folder.path()).unwrap(), "2026.12.1");
        assert_eq!(before(folder.path(), "2026.12.1").unwrap().as_deref(), Some("2026.11.9"));
    }
}
