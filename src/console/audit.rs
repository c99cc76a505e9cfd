//! The audit trail of a console: who came in, who was let in, who began a drill, to whom truth was shown. What people do
//! within a drill is in its journal.

use super::{
    now,
    sessions::{Caller, Place},
};
use crate::base::{At, DrillId, Person};
use serde::Serialize;
use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Where lines are written; nowhere: what happens is in the drill's own journal.
#[derive(Debug, Default)]
pub(super) struct Audit(Option<Mutex<File>>);

/// One line.
#[derive(Serialize)]
struct Line<'a> {
    at: At,
    by: &'a Person,
    #[serde(skip_serializing_if = "Option::is_none")]
    drill: Option<&'a DrillId>,
    did: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    what: &'a str,
}

impl Audit {
    /// Goes on with the lines of this file.
    pub(super) fn to(file: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
        Ok(Self(Some(Mutex::new(file))))
    }

    /// Somebody did something, in the place that they have a session of.
    pub(super) fn note(&self, caller: &Caller, did: &str, what: &str) {
        self.note_in(&caller.person, &caller.place, did, what);
    }

    /// Somebody did something in a place.
    pub(super) fn note_in(&self, by: &Person, place: &Place, did: &str, what: &str) {
        let Some(file) = &self.0 else { return };
        let drill = match place {
            Place::Lobby => None,
            Place::Drill(drill) => Some(drill),
        };
        let line = Line { at: now(), by, drill, did, what };
        let text = serde_json::to_string(&line).expect("a line is plain data") + "\n";
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(text.as_bytes()) {
            tracing::warn!(%error, "the audit trail could not be written");
        }
    }
}
