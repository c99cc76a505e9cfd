//! A small file that is read again by itself when it changes.

use super::telemetry::Stopwatch;
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A change is seen this long after it was made, at the latest when somebody looks.
const LOOK: Duration = Duration::from_millis(100);

/// How a file's text becomes a value; the error is a sentence.
type Parse<T> = dyn Fn(&str) -> Result<T, String> + Send + Sync;

/// See the module. A file that cannot be used leaves the last good value in use.
pub(super) struct Watched<T> {
    path: PathBuf,
    parse: Box<Parse<T>>,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    value: Arc<T>,
    looked: Option<Stopwatch>,
    stamp: Option<Stamp>,
    problem: Option<String>,
}

/// Tells one state of a file from another: inode, size, time of change in seconds and nanoseconds.
type Stamp = (u64, u64, i64, i64);

impl<T> Watched<T> {
    /// The file at `path`, which need not exist yet; `first` is its value until it can be read.
    pub(super) fn new(
        path: &Path,
        first: T,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Self {
        let inner = Inner { value: Arc::new(first), looked: None, stamp: None, problem: None };
        Self { path: path.to_owned(), parse: Box::new(parse), inner: Mutex::new(inner) }
    }

    /// The value as the file says it now, or a tenth of a second ago.
    pub(super) fn get(&self) -> Arc<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.looked.is_none_or(|at| at.elapsed() >= LOOK) {
            inner.looked = Some(Stopwatch::start());
            self.look(&mut inner);
        }
        Arc::clone(&inner.value)
    }

    /// Why the file as it is now is not in use.
    pub(super) fn problem(&self) -> Option<String> {
        self.get();
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).problem.clone()
    }

    fn look(&self, inner: &mut Inner<T>) {
        let stamp = match std::fs::metadata(&self.path) {
            Ok(file) => (file.ino(), file.size(), file.mtime(), file.mtime_nsec()),
            Err(err) => {
                inner.problem = Some(format!("could not read {}: {err}", self.path.display()));
                inner.stamp = None;
                return;
            }
        };
        if inner.stamp == Some(stamp) {
            return;
        }
        let read = std::fs::read_to_string(&self.path).map_err(|err| err.to_string());
        match read.and_then(|text| (self.parse)(&text)) {
            Ok(value) => {
                inner.value = Arc::new(value);
                inner.stamp = Some(stamp);
                inner.problem = None;
            }
            // Without a stamp it is read again: its other half may still be on its way.
            Err(problem) => {
                inner.stamp = None;
                inner.problem = Some(format!("{}: {problem}", self.path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_nonsense_leaves_the_last_good_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let watched =
            Watched::new(&path, 1, |text| text.trim().parse::<i64>().map_err(|err| err.to_string()));
        assert_eq!(*watched.get(), 1);
        let settled = |expected: i64, has_problem: bool| {
            let watch = Stopwatch::start();
            while (*watched.get(), watched.problem().is_some()) != (expected, has_problem) {
                assert!(watch.elapsed() < Duration::from_secs(10), "it never became {expected}");
                std::thread::yield_now();
            }
        };
        settled(1, true);
        std::fs::write(&path, "7000\n").unwrap();
        settled(7000, false);
        std::fs::write(&path, "many\n").unwrap();
        settled(7000, true);
        std::fs::write(&path, "-2\n").unwrap();
        settled(-2, false);
    }
}
