//! What was read on the way to a scenario.

use super::{folder::Folder, variants::Drawn};
use crate::scenario::problem::Problem;
use crate::seed;
use std::collections::BTreeMap;

/// Keeps what was read: the texts for messages, and what the digest of everything that shapes the drill is made of.
pub(super) struct Reading {
    /// Texts by the names that files are shown by.
    pub(super) sources: BTreeMap<String, String>,
    /// One line for each part: what it is, and its digest.
    noted: String,
    /// Which variant of the scenario is read, if it has some, and how its text lies in the file.
    pub(super) drawn: Option<Drawn>,
    /// What the scenario's file committed to, if it was sealed, with how that file is shown. Nothing of its text is kept.
    pub(super) sealed: Option<(String, String)>,
}

impl Reading {
    /// Nothing read yet.
    pub(super) fn new() -> Self {
        Self { sources: BTreeMap::new(), noted: String::new(), sealed: None, drawn: None }
    }

    /// Reads a file and keeps its text under the name that it is shown by.
    pub(super) fn file(&mut self, folder: &Folder, path: &str, shown: &str) -> Result<Vec<u8>, Problem> {
        let bytes = folder.read(path).map_err(|error| Problem::of_file(shown, error.why.to_string()))?;
        self.keep(shown, &bytes);
        Ok(bytes)
    }

    /// Keeps a text for messages.
    pub(super) fn keep(&mut self, shown: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        self.sources.insert(shown.to_owned(), text.trim_start_matches('\u{feff}').to_owned());
    }

    /// Notes a part that shapes the drill.
    pub(super) fn note(&mut self, what: &str, bytes: &[u8]) {
        let line = [what, " ", &seed::digest(bytes), "\n"].concat();
        // An injector that several variants use counts once.
        if !self.noted.contains(&line) {
            self.noted.push_str(&line);
        }
    }

    /// The digest of every part noted so far.
    pub(super) fn digest(&self) -> String {
        seed::digest(self.noted.as_bytes())
    }
}
