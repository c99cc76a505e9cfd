//! Makes a release with one changed setting and rolls it out, the way an operations tool deploys.

use super::{Hands, LeverError, blocking, failed, file_edit::write_keeping_mode, refused, seen, toml};
use crate::{
    agent::durable,
    base::{ServiceName, names::is_name},
    clock::{Clock, SystemClock},
    fault::Presence,
    fault::{Inspection, Undone},
    scenario::pack::ReleaseLayout,
    seed,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The release in use before, and the one that will be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The component.
    pub component: ServiceName,
    /// The link to the release in use.
    pub current: PathBuf,
    /// What the link said.
    pub link: PathBuf,
    /// The folder it led to.
    pub before: PathBuf,
    /// The folder of our release.
    pub made: PathBuf,
    /// The configuration file's name in it.
    pub config: String,
    /// The changed key.
    pub key: String,
    /// Its value in our release.
    pub ours: String,
    /// Digest of everything in our release, so that one that somebody has worked on is never removed.
    pub digest: String,
}

/// Where the link leads now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Now {
    Ours,
    Before,
    Another,
    /// To our release, but it is not as we made it; or to nowhere.
    Odd(String),
}

fn layout_of<'a>(hands: &'a Hands, service: &ServiceName) -> Result<&'a ReleaseLayout, LeverError> {
    let of = |component: &ServiceName| {
        let mut releases = hands.layout.releases.iter();
        releases.find(|layout| layout.component == *component)
    };
    let mut processes = hands.layout.processes.iter();
    of(service)
        .or_else(|| {
            processes.find(|process| process.service == *service).and_then(|process| of(&process.component))
        })
        .ok_or_else(|| refused(format!("there are no releases of `{service}` here")))
}

impl PreImage {
    pub(super) fn take(
        hands: &Hands,
        service: &ServiceName,
        release: &str,
        key: &str,
        value: &str,
    ) -> Result<Self, LeverError> {
        let layout = layout_of(hands, service)?;
        if !is_name(release) {
            return Err(refused(format!("`{release}` is not the name of a release")));
        }
        let find = |path: &Path| path.canonicalize().map_err(|err| failed("find", path, &err));
        let (folder, before) = (find(&layout.folder)?, find(&layout.current)?);
        if before.parent() != Some(&folder) || !folder.starts_with(&hands.layout.root) {
            return Err(refused(format!("{} leads to no release", layout.current.display())));
        }
        let made = folder.join(release);
        if fs::symlink_metadata(&made).is_ok() {
            return Err(refused(format!("release {release} is there already")));
        }
        let config = before.join(&layout.config);
        let text = fs::read_to_string(&config).map_err(|err| failed("read", &config, &err))?;
        let odd = |why: String| refused(format!("{} {why}", config.display()));
        let now = toml::read(&text, key).map_err(odd)?;
        let ours = toml::value(value, now.as_ref()).map_err(refused)?;
        if toml::same(now.as_ref(), Some(&ours)) {
            return Err(refused(format!("`{key}` is {value} already")));
        }
        let changed = toml::with(&text, key, Some(&ours)).map_err(odd)?;
        let link = fs::read_link(&layout.current);
        Ok(Self {
            component: layout.component.clone(),
            current: layout.current.clone(),
            link: link.map_err(|err| failed("read", &layout.current, &err))?,
            digest: digest(&before, &layout.config, Some(&changed))
                .map_err(|err| failed("read", &before, &err))?,
            before,
            made,
            config: layout.config.clone(),
            key: key.to_owned(),
            ours: toml::text(Some(&ours)),
        })
    }

    /// The folder that is worked on before it takes its name, or after it lost it.
    fn beside(&self) -> PathBuf {
        let name = self.made.file_name().unwrap_or_default().to_string_lossy();
        self.current.with_file_name(format!(".{name}~"))
    }

    fn history(&self) -> PathBuf {
        self.current.with_file_name("history")
    }

    fn now(&self) -> Result<Now, LeverError> {
        let folder = match self.current.canonicalize() {
            Ok(folder) => folder,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                let what = format!("{} leads nowhere", self.current.display());
                return Ok(Now::Odd(what));
            }
            Err(err) => return Err(failed("find", &self.current, &err)),
        };
        if folder == self.before {
            return Ok(Now::Before);
        }
        if folder != self.made {
            return Ok(Now::Another);
        }
        let config = self.made.join(&self.config);
        let text = match fs::read_to_string(&config) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Ok(Now::Odd(format!("{} is gone", config.display())));
            }
            Err(err) => return Err(failed("read", &config, &err)),
        };
        let ours = toml::value(&self.ours, None).map_err(LeverError::Failed)?;
        Ok(match toml::read(&text, &self.key) {
            Ok(now) if toml::same(now.as_ref(), Some(&ours)) => Now::Ours,
            Ok(now) => {
                Now::Odd(format!("`{}` in {} is {}", self.key, config.display(), toml::text(now.as_ref())))
            }
            Err(why) => Now::Odd(format!("{} {why}", config.display())),
        })
    }

    pub(super) async fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        let supervisor = hands.supervisor()?;
        let pre = self.clone();
        blocking(move || pre.make_and_switch()).await??;
        supervisor.roll(&self.component).await.map_err(|err| LeverError::Failed(err.to_string()))
    }

    fn make_and_switch(&self) -> Result<(), LeverError> {
        if self.now()? != Now::Before || fs::symlink_metadata(&self.made).is_ok() {
            return Err(refused(format!(
                "the releases of `{}` have changed since it was armed",
                self.component
            )));
        }
        let beside = self.beside();
        let failed = |what| {
            let made = self.made.clone();
            move |err: io::Error| failed(what, &made, &err)
        };
        self.clear_beside()?;
        copy(&self.before, &beside).map_err(failed("make"))?;
        let config = beside.join(&self.config);
        let text = fs::read_to_string(&config).map_err(failed("make"))?;
        let ours = toml::value(&self.ours, None).map_err(LeverError::Failed)?;
        let text = toml::with(&text, &self.key, Some(&ours)).map_err(LeverError::Failed)?;
        write_keeping_mode(&config, text.as_bytes(), || Ok(true)).map_err(failed("make"))?;
        if digest(&beside, &self.config, None).map_err(failed("read"))? != self.digest {
            self.clear_beside()?;
            return Err(refused(format!(
                "the release of `{}` has changed since it was armed",
                self.component
            )));
        }
        fs::rename(&beside, &self.made).map_err(failed("make"))?;
        durable::sync_folder_of(&self.made).map_err(failed("make"))?;
        let version = self.made.file_name().unwrap_or_default();
        self.switch(&self.link.with_file_name(version))?;
        self.note("deploy", &self.made)
    }

    /// Lets the link lead elsewhere in one step: nobody ever finds it missing.
    fn switch(&self, to: &Path) -> Result<(), LeverError> {
        let fresh = durable::unfinished(&self.current);
        let switch = || {
            durable::remove(&fresh)?;
            symlink(to, &fresh)?;
            fs::rename(&fresh, &self.current)?;
            durable::sync_folder_of(&self.current)
        };
        switch().map_err(|err| failed("switch", &self.current, &err))
    }

    /// Adds a line to the history, as an operations tool does.
    fn note(&self, act: &str, folder: &Path) -> Result<(), LeverError> {
        let path = self.history();
        let version = folder.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("{} {act} {version}\n", SystemClock.now());
        let write = || {
            let mut file = File::options().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|err| failed("write", &path, &err))
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let component = &self.component;
        Ok(match self.now()? {
            Now::Ours => seen(Presence::Present, format!("{component} runs {}", self.made.display())),
            Now::Before => seen(Presence::Clean, format!("{component} runs the release that it ran before")),
            Now::Another => seen(Presence::Clean, format!("{component} runs a release that is not ours")),
            Now::Odd(what) => seen(Presence::Diverged, format!("{what}, neither ours nor as before")),
        })
    }

    pub(super) async fn undo(&self, hands: &Hands, again: bool) -> Result<Undone, LeverError> {
        let pre = self.clone();
        let undone = blocking(move || pre.switch_back()).await??;
        let roll = undone == Undone::Restored || (again && undone == Undone::AlreadyClean);
        if let (true, Some(supervisor)) = (roll, &hands.supervisor) {
            supervisor.roll(&self.component).await.map_err(|err| LeverError::Failed(err.to_string()))?;
        }
        Ok(undone)
    }

    fn switch_back(&self) -> Result<Undone, LeverError> {
        self.clear_beside()?;
        let undone = match self.now()? {
            Now::Odd(_) => return Ok(Undone::Diverged),
            Now::Ours if !self.before.is_dir() => return Ok(Undone::Diverged),
            Now::Ours => {
                self.switch(&self.link)?;
                self.note("rollback", &self.before)?;
                Undone::Restored
            }
            Now::Before | Now::Another => Undone::AlreadyClean,
        };
        self.remove_made()?;
        Ok(undone)
    }

    /// Removes our release, which nobody uses now, unless somebody has worked on it. A later roll-back must not lead
    /// to what is gone, so it leaves the pile of the history too.
    fn remove_made(&self) -> Result<(), LeverError> {
        match digest(&self.made, &self.config, None) {
            Ok(digest) if digest == self.digest => {}
            Ok(_) => return Ok(()),
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(failed("read", &self.made, &err)),
        }
        self.leave_history()?;
        // It loses its name first: half a release is never found under it.
        fs::rename(&self.made, self.beside()).map_err(|err| failed("remove", &self.made, &err))?;
        durable::sync_folder_of(&self.made).map_err(|err| failed("remove", &self.made, &err))?;
        self.clear_beside()
    }

    fn clear_beside(&self) -> Result<(), LeverError> {
        let beside = self.beside();
        match fs::remove_dir_all(&beside) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => Err(failed("remove", &beside, &err)),
            _ => Ok(()),
        }
    }

    fn leave_history(&self) -> Result<(), LeverError> {
        let path = self.history();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(failed("read", &path, &err)),
        };
        let version = self.made.file_name().unwrap_or_default().to_string_lossy();
        if !pile(&text).contains(&&*version) {
            return Ok(());
        }
        let ours = |line: &&str| line.split_whitespace().nth(2) == Some(&*version);
        let rest: String = text.split_inclusive('\n').filter(|line| !ours(line)).collect();
        let unchanged = || Ok(fs::read(&path)? == text.as_bytes());
        match write_keeping_mode(&path, rest.as_bytes(), unchanged) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(LeverError::Failed(format!("somebody else writes {} at this moment", path.display())))
            }
            Err(err) => Err(failed("write", &path, &err)),
        }
    }
}

/// The releases that a roll-back may come to: a deploy lays one on the pile, a roll-back takes those above it off.
fn pile(history: &str) -> Vec<&str> {
    let mut pile: Vec<&str> = Vec::new();
    for line in history.lines() {
        let mut words = line.split_whitespace().skip(1);
        let (Some(act), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        match pile.iter().rposition(|there| *there == version) {
            Some(place) if act == "rollback" => pile.truncate(place + 1),
            _ => pile.push(version),
        }
    }
    pile
}

/// Copies a folder with everything in it, and makes it durable.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, to)?;
        } else {
            fs::copy(entry.path(), &to)?;
            File::open(&to)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()
}

/// A digest of every name and content in a folder. `config`: taken as if that file held this text.
fn digest(folder: &Path, config_name: &str, config: Option<&str>) -> io::Result<String> {
    let mut lines = Vec::new();
    collect(folder, Path::new(""), &mut |name, content| {
        let digest = match config {
            Some(config) if name == Path::new(config_name) => seed::digest(config.as_bytes()),
            _ => seed::digest(content),
        };
        lines.push(format!("{digest} {}\n", name.display()));
    })?;
    lines.sort();
    Ok(seed::digest(lines.concat().as_bytes()))
}

fn collect(folder: &Path, name: &Path, see: &mut impl FnMut(&Path, &[u8])) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = name.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), &name, see)?;
        } else if kind.is_symlink() {
            see(&name, fs::read_link(entry.path())?.as_os_str().as_encoded_bytes());
        } else {
            see(&name, &fs::read(entry.path())?);
        }
    }
    Ok(())
}

pub(super) fn inspect_unarmed(
    hands: &Hands,
    service: &ServiceName,
    release: &str,
) -> Result<Inspection, LeverError> {
    let layout = layout_of(hands, service)?;
    let current = layout.current.canonicalize().map_err(|err| failed("find", &layout.current, &err))?;
    let presence = if current.ends_with(release) { Presence::Present } else { Presence::Clean };
    Ok(seen(presence, format!("{} runs {}", layout.component, current.display())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{WEB, hands};
    use super::*;

    fn roll_out(root: &Path) -> PreImage {
        let web = "web".parse().unwrap();
        PreImage::take(&hands(root), &web, "2", "pool.size", "2").unwrap()
    }

    fn history(pre: &PreImage) -> Vec<String> {
        let text = fs::read_to_string(pre.history()).unwrap();
        let words = |line: &str| line.split_once(' ').unwrap().1.to_owned();
        text.lines().map(words).collect()
    }

    fn switch_to(pre: &PreImage, version: &str) {
        pre.switch(&Path::new("releases").join(version)).unwrap();
    }

    #[test]
    fn a_release_is_made_rolled_out_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let pre = roll_out(folder.path());
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.make_and_switch().unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert_eq!(fs::read_link(&pre.current).unwrap(), Path::new("releases/2"));
        let text = fs::read_to_string(pre.current.join("web.toml")).unwrap();
        assert_eq!(text, WEB.replace("size = 16", "size = 2"));
        assert_eq!(history(&pre), ["deploy 1", "deploy 2"]);
        assert_eq!(pre.switch_back().unwrap(), Undone::Restored);
        assert_eq!(fs::read_link(&pre.current).unwrap(), Path::new("releases/1"));
        assert!(!pre.made.exists() && !pre.beside().exists());
        assert_eq!(history(&pre), ["deploy 1", "deploy 2", "rollback 1"]);
        assert_eq!(pre.switch_back().unwrap(), Undone::AlreadyClean);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        let text = fs::read_to_string(pre.before.join("web.toml")).unwrap();
        assert_eq!(text, WEB);
    }

    #[test]
    fn after_a_responders_roll_back_only_our_folder_goes() {
        let folder = tempfile::tempdir().unwrap();
        let pre = roll_out(folder.path());
        pre.make_and_switch().unwrap();
        switch_to(&pre, "1");
        pre.note("rollback", Path::new("1")).unwrap();
        let told = history(&pre);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        assert_eq!(pre.switch_back().unwrap(), Undone::AlreadyClean);
        assert!(!pre.made.exists());
        assert_eq!(history(&pre), told, "it leads nowhere wrong and stays");
    }

    #[test]
    fn a_later_deploy_stays_and_no_roll_back_leads_to_what_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let pre = roll_out(folder.path());
        pre.make_and_switch().unwrap();
        copy(&pre.before, &pre.before.with_file_name("3")).unwrap();
        switch_to(&pre, "3");
        pre.note("deploy", Path::new("3")).unwrap();
        assert_eq!(pre.switch_back().unwrap(), Undone::AlreadyClean);
        assert_eq!(fs::read_link(&pre.current).unwrap(), Path::new("releases/3"));
        assert!(!pre.made.exists());
        assert_eq!(history(&pre), ["deploy 1", "deploy 3"]);
    }

    #[test]
    fn a_release_that_somebody_works_on_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pre = roll_out(folder.path());
        pre.make_and_switch().unwrap();
        let config = pre.made.join("web.toml");
        fs::write(&config, WEB.replace("16", "32")).unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
        assert_eq!(pre.switch_back().unwrap(), Undone::Diverged);
        assert_eq!(fs::read_link(&pre.current).unwrap(), Path::new("releases/2"));
        switch_to(&pre, "1");
        assert_eq!(pre.switch_back().unwrap(), Undone::AlreadyClean);
        assert!(config.exists(), "it is not as we made it");
        fs::remove_file(&pre.current).unwrap();
        assert_eq!(pre.switch_back().unwrap(), Undone::Diverged);
    }

    #[test]
    fn every_point_of_a_crash_is_undone() {
        for point in ["half a copy", "made", "switched"] {
            let folder = tempfile::tempdir().unwrap();
            let pre = roll_out(folder.path());
            match point {
                "half a copy" => fs::create_dir(pre.beside()).unwrap(),
                "made" => {
                    pre.make_and_switch().unwrap();
                    switch_to(&pre, "1");
                    fs::write(pre.history(), "2026-11-20T09:12:44.000Z deploy 1\n").unwrap();
                }
                _ => {
                    pre.make_and_switch().unwrap();
                    fs::write(pre.history(), "2026-11-20T09:12:44.000Z deploy 1\n").unwrap();
                }
            }
            assert_ne!(pre.switch_back().unwrap(), Undone::Diverged, "{point}");
            assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
            assert!(!pre.made.exists() && !pre.beside().exists(), "{point}");
            assert_eq!(pile(&fs::read_to_string(pre.history()).unwrap()), ["1"]);
        }
    }

    #[test]
    fn what_moved_since_it_was_armed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pre = roll_out(folder.path());
        fs::write(pre.before.join("notes"), "new").unwrap();
        assert!(matches!(pre.make_and_switch(), Err(LeverError::Refused(_))));
        assert!(!pre.made.exists() && !pre.beside().exists());
        fs::remove_file(pre.before.join("notes")).unwrap();
        fs::create_dir(&pre.made).unwrap();
        assert!(matches!(pre.make_and_switch(), Err(LeverError::Refused(_))));
        let hands = hands(folder.path());
        for (service, release, value) in
            [("web", "2", "2"), ("web", "../3", "2"), ("web", "3", "16"), ("db", "3", "2")]
        {
            let service = service.parse().unwrap();
            let taken = PreImage::take(&hands, &service, release, "pool.size", value);
            assert!(matches!(taken, Err(LeverError::Refused(_))), "{release}");
        }
    }
}
