//! Gives one key of a configuration file another value.

use super::{
    Hands, LeverError, failed, refused, seen,
    setting::{self, Setting},
};
use crate::{
    agent::durable,
    base::ServiceName,
    fault::Presence,
    fault::{Inspection, Undone},
    scenario::pack::FileFormat,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// How often a write is tried again when somebody else writes at the same moment.
const TRIES: usize = 10;

/// The value that was there, and the one that will be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The file itself: links on the way were followed once, so that the undo reaches the same file.
    pub path: PathBuf,
    /// Whose instances read it.
    pub component: ServiceName,
    /// The dotted key.
    pub key: String,
    /// The value as it was written; nothing if the key was not there.
    pub before: Option<String>,
    /// Our value.
    pub ours: String,
    /// How the file is written.
    #[serde(default)]
    pub format: FileFormat,
}

/// What is at the key now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Now {
    Ours,
    Before,
    Other(String),
}

fn layout_of<'a>(hands: &'a Hands, file: &str) -> Result<&'a crate::scenario::pack::FileLayout, LeverError> {
    let mut files = hands.layout.files.iter();
    files.find(|layout| layout.file == file).ok_or_else(|| refused(format!("there is no file `{file}` here")))
}

impl PreImage {
    pub(super) fn take(hands: &Hands, file: &str, key: &str, value: &str) -> Result<Self, LeverError> {
        let layout = layout_of(hands, file)?;
        let path = layout.path.canonicalize().map_err(|err| failed("find", &layout.path, &err))?;
        if !path.starts_with(&hands.layout.root) {
            return Err(refused(format!("`{file}` leads out of the target's folder")));
        }
        let text = fs::read_to_string(&path).map_err(|err| failed("read", &path, &err))?;
        let odd = |why: String| refused(format!("{} {why}", path.display()));
        let format = layout.format;
        let before = setting::read(format, &text, key).map_err(odd)?;
        setting::has_place_for(format, &text, key).map_err(odd)?;
        let ours = setting::value(format, value, before.as_ref()).map_err(refused)?;
        if setting::same(before.as_ref(), Some(&ours)) {
            return Err(refused(format!("`{key}` is {value} already")));
        }
        Ok(Self {
            path,
            component: layout.component.clone(),
            key: key.to_owned(),
            before: before.as_ref().map(|value| setting::text(Some(value))),
            ours: setting::text(Some(&ours)),
            format,
        })
    }

    /// The same file, and the same key or one inside the other.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let within = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.path == other.path && (within(&self.key, &other.key) || within(&other.key, &self.key))
    }

    fn values(&self) -> Result<(Option<Setting>, Setting), LeverError> {
        let parse = |text: &String| {
            setting::value(self.format, text, None)
                .map_err(|err| LeverError::Failed(format!("could not understand {text}: {err}")))
        };
        Ok((self.before.as_ref().map(parse).transpose()?, parse(&self.ours)?))
    }

    fn now_in(&self, text: &str) -> Result<Now, LeverError> {
        let (before, ours) = self.values()?;
        Ok(match setting::read(self.format, text, &self.key) {
            Ok(now) if setting::same(now.as_ref(), Some(&ours)) => Now::Ours,
            Ok(now) if setting::same(now.as_ref(), before.as_ref()) => Now::Before,
            Ok(now) => Now::Other(format!("`{}` is {}", self.key, setting::text(now.as_ref()))),
            Err(why) => Now::Other(format!("the file {why}")),
        })
    }

    /// The text of the file; nothing if somebody has removed it.
    fn text(&self) -> Result<Option<String>, LeverError> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(failed("read", &self.path, &err)),
        }
    }

    fn now(&self) -> Result<Now, LeverError> {
        match self.text()? {
            Some(text) => self.now_in(&text),
            None => Ok(Now::Other("the file is gone".to_owned())),
        }
    }

    /// Puts `value` at the key if what is there is `from`. Answers what was there.
    fn swap(&self, from: &Now, value: Option<&Setting>) -> Result<Now, LeverError> {
        for _ in 0..TRIES {
            let Some(text) = self.text()? else {
                return Ok(Now::Other("the file is gone".to_owned()));
            };
            let now = self.now_in(&text)?;
            if now != *from {
                return Ok(now);
            }
            let new = setting::with(self.format, &text, &self.key, value)
                .map_err(|why| LeverError::Failed(format!("{} {why}", self.path.display())))?;
            let unchanged = || Ok(fs::read(&self.path)? == text.as_bytes());
            let write = write_keeping_mode(&self.path, new.as_bytes(), unchanged);
            if write.map_err(|err| failed("write", &self.path, &err))? {
                return Ok(now);
            }
        }
        Err(LeverError::Failed(format!(
            "could not write {}: somebody else writes it all the time",
            self.path.display()
        )))
    }

    /// The change itself.
    pub(super) fn write_ours(&self) -> Result<(), LeverError> {
        let (_, ours) = self.values()?;
        match self.swap(&Now::Before, Some(&ours))? {
            Now::Before => Ok(()),
            Now::Ours => Err(refused(format!("`{}` is {} already", self.key, self.ours))),
            Now::Other(what) => Err(refused(format!("{what}: it has changed since it was armed"))),
        }
    }

    /// The undo, compared and absolute.
    pub(super) fn write_before(&self) -> Result<Undone, LeverError> {
        let (before, _) = self.values()?;
        let was = self.swap(&Now::Ours, before.as_ref())?;
        durable::clear(&self.path).map_err(|err| failed("clear up beside", &self.path, &err))?;
        Ok(match was {
            Now::Ours => Undone::Restored,
            Now::Before => Undone::AlreadyClean,
            Now::Other(_) => Undone::Diverged,
        })
    }

    pub(super) fn inspect(&self) -> Result<Inspection, LeverError> {
        let path = self.path.display();
        Ok(match self.now()? {
            Now::Ours => seen(Presence::Present, format!("`{}` in {path} is {}", self.key, self.ours)),
            Now::Before => seen(Presence::Clean, format!("`{}` in {path} is as before", self.key)),
            Now::Other(what) => {
                seen(Presence::Diverged, format!("{path}: {what}, neither ours nor as before"))
            }
        })
    }
}

/// Replaces a file that is there; its mode stays.
pub(super) fn write_keeping_mode(
    path: &Path,
    bytes: &[u8],
    still: impl FnOnce() -> io::Result<bool>,
) -> io::Result<bool> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    durable::replace_if(path, bytes, mode, still)
}

pub(super) fn inspect_unarmed(
    hands: &Hands,
    file: &str,
    key: &str,
    value: &str,
) -> Result<Inspection, LeverError> {
    let layout = layout_of(hands, file)?;
    let (path, format) = (&layout.path, layout.format);
    let text = fs::read_to_string(path).map_err(|err| failed("read", path, &err))?;
    let now = setting::read(format, &text, key).map_err(LeverError::Failed)?;
    let ours = setting::value(format, value, now.as_ref()).map_err(LeverError::Failed)?;
    let presence = if setting::same(now.as_ref(), Some(&ours)) { Presence::Present } else { Presence::Clean };
    let now = setting::text(now.as_ref());
    Ok(seen(presence, format!("`{key}` in {} is {now}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{WEB, hands};
    use super::*;
    use proptest::{
        prelude::*,
        test_runner::{Config, TestError, TestRunner},
    };

    fn edit(root: &Path) -> PreImage {
        PreImage::take(&hands(root), "web", "pool.size", "2").unwrap()
    }

    fn put(pre: &PreImage, size: &str) {
        let text = fs::read_to_string(&pre.path).unwrap();
        let value = size.parse().unwrap();
        fs::write(&pre.path, super::super::toml::with(&text, "pool.size", Some(&value)).unwrap()).unwrap();
    }

    #[test]
    fn a_value_is_changed_and_restored_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let pre = edit(folder.path());
        fs::set_permissions(&pre.path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(pre.before.as_deref(), Some("16"));
        assert_eq!(pre.inspect().unwrap().presence, Presence::Clean);
        pre.write_ours().unwrap();
        assert_eq!(pre.inspect().unwrap().presence, Presence::Present);
        assert!(fs::read_to_string(&pre.path).unwrap().contains("size = 2 # per instance"));
        assert_eq!(pre.write_before().unwrap(), Undone::Restored);
        assert_eq!(fs::read_to_string(&pre.path).unwrap(), WEB);
        assert_eq!(pre.write_before().unwrap(), Undone::AlreadyClean);
        let mode = fs::metadata(&pre.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn two_edits_of_one_file_are_made_and_taken_back_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let edits = [("pool.size", "2"), ("pool.wait_ms", "1")]
            .map(|(key, value)| PreImage::take(&hands, "web", key, value).unwrap());
        let both = |act: &(dyn Fn(&PreImage) + Sync)| {
            std::thread::scope(|scope| {
                for one in &edits {
                    scope.spawn(|| act(one));
                }
            });
        };
        for round in 0..200 {
            both(&|one| one.write_ours().unwrap_or_else(|err| panic!("round {round}: {err}")));
            both(&|one| match one.write_before() {
                Ok(undone) => assert_eq!(undone, Undone::Restored, "round {round}"),
                Err(err) => panic!("round {round}: {err}"),
            });
            assert_eq!(fs::read_to_string(&edits[0].path).unwrap(), WEB, "round {round}");
        }
    }

    #[test]
    fn a_responders_value_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let pre = edit(folder.path());
        pre.write_ours().unwrap();
        put(&pre, "32");
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
        assert_eq!(pre.write_before().unwrap(), Undone::Diverged);
        assert!(fs::read_to_string(&pre.path).unwrap().contains("size = 32"));
        put(&pre, "16");
        assert_eq!(pre.write_before().unwrap(), Undone::AlreadyClean);
        fs::remove_file(&pre.path).unwrap();
        assert_eq!(pre.write_before().unwrap(), Undone::Diverged);
        assert_eq!(pre.inspect().unwrap().presence, Presence::Diverged);
    }

    #[test]
    fn what_moved_since_it_was_armed_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pre = edit(folder.path());
        put(&pre, "20");
        assert!(matches!(pre.write_ours(), Err(LeverError::Refused(_))));
        put(&pre, "2");
        assert!(matches!(pre.write_ours(), Err(LeverError::Refused(_))));
    }

    #[test]
    fn what_cannot_be_undone_is_not_armed() {
        let folder = tempfile::tempdir().unwrap();
        let hands = hands(folder.path());
        let take = |file: &str, key: &str, value: &str| PreImage::take(&hands, file, key, value);
        for (file, key, value) in [
            ("nowhere", "pool.size", "2"),
            ("web", "pool.size", "16"),
            ("web", "pool.size", "0x10"),
            ("web", "pool", "2"),
            ("web", "nowhere.size", "2"),
            ("web", "pool.size", "many words"),
        ] {
            let taken = take(file, key, value);
            assert!(matches!(taken, Err(LeverError::Refused(_))), "{file} {key} {value}: {taken:?}");
        }
        let path = hands.layout.files[0].path.clone();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("web.toml"), WEB).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(outside.path().join("web.toml"), &path).unwrap();
        assert!(take("web", "pool.size", "2").unwrap_err().to_string().contains("leads out"));
    }

    #[test]
    fn the_same_file_is_reached_after_the_link_has_moved() {
        let folder = tempfile::tempdir().unwrap();
        let pre = edit(folder.path());
        pre.write_ours().unwrap();
        let web = folder.path().join("services/web");
        fs::create_dir(web.join("releases/0")).unwrap();
        fs::write(web.join("releases/0/web.toml"), WEB).unwrap();
        fs::remove_file(web.join("current")).unwrap();
        std::os::unix::fs::symlink("releases/0", web.join("current")).unwrap();
        assert_eq!(pre.write_before().unwrap(), Undone::Restored);
        assert_eq!(fs::read_to_string(web.join("releases/1/web.toml")).unwrap(), WEB);
    }

    /// What happens to the file between the arming and the end.
    #[derive(Debug, Clone)]
    enum Act {
        Apply,
        Undo,
        Write(i64),
        Remove,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![Just(Act::Apply), Just(Act::Undo), (-1_i64..40).prop_map(Act::Write), Just(Act::Remove),]
    }

    type Undo = fn(&PreImage);

    /// Runs the acts and asks after every undo: was a value that is neither ours nor the pre-image left as it was?
    fn undo_keeps_foreign_values(acts: &[Act], undo: Undo) -> Result<(), TestCaseError> {
        let folder = tempfile::tempdir().unwrap();
        let pre = edit(folder.path());
        for act in acts {
            match act {
                Act::Apply => drop(pre.write_ours()),
                Act::Write(size) => put(&pre, &size.to_string()),
                Act::Remove => {
                    let text = fs::read_to_string(&pre.path).unwrap();
                    fs::write(&pre.path, super::super::toml::with(&text, "pool.size", None).unwrap())
                        .unwrap();
                }
                Act::Undo => {
                    let (before, was) = (fs::read(&pre.path).unwrap(), pre.now().unwrap());
                    undo(&pre);
                    let (after, now) = (fs::read(&pre.path).unwrap(), pre.now().unwrap());
                    match was {
                        Now::Ours => prop_assert_eq!(now, Now::Before),
                        Now::Before | Now::Other(_) => prop_assert_eq!(before, after),
                    }
                }
            }
        }
        Ok(())
    }

    fn check(undo: Undo) -> Result<(), TestError<Vec<Act>>> {
        let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
        let acts = prop::collection::vec(act(), 1..10);
        TestRunner::new(config).run(&acts, |acts| undo_keeps_foreign_values(&acts, undo))
    }

    #[test]
    fn no_sequence_of_values_makes_the_undo_overwrite_a_foreign_one() {
        check(|pre| drop(pre.write_before())).unwrap();
    }

    /// The negative control: an undo that reckons from what it finds, as every naive one does.
    #[test]
    fn a_relative_undo_breaks_that_property() {
        let broken = check(|pre| {
            let text = fs::read_to_string(&pre.path).unwrap();
            let now = super::super::toml::read(&text, "pool.size").unwrap();
            if let Some(now) = now.and_then(|now| now.as_integer()) {
                put(pre, &(now + 16 - 2).to_string());
            }
        });
        assert!(matches!(broken, Err(TestError::Fail(..))), "{broken:?}");
    }
}
