//! What somebody has answered and played: a file for each step, in the state folder, for nobody's eyes but theirs.

use crate::{
    base::{At, DrillId, limits::TEXT_BYTES_MAX},
    cli::{
        exit::{Exit, Failure},
        home::Home,
    },
    drill::event::Outcome,
    library::{
        folder::{Folder, FolderError, FolderTrouble},
        keep::{self, KeepError},
    },
    scenario::tabletop::{Question, TableTop},
    seed,
};
use serde::{Deserialize, Serialize};
use std::{fs, io::ErrorKind, path::Path};

/// The format of these files.
const FORMAT: &str = "gameday/practice/v1";
/// Most drills of one step that are kept; the oldest go first.
const DRILLS_MAX: usize = 50;
/// How often a write is tried while somebody else writes, too.
const TRIES_MAX: usize = 20;

/// Everything of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    format: String,
    /// The step's name, or the path of somebody's own table-top.
    pub(super) step: String,
    /// One for each question that was answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answers: Vec<Answer>,
    /// Drills, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) drills: Vec<Drilled>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    /// Which situation and question it is to, as a digest: a changed one is asked anew.
    to: String,
    /// The question in its words, for whoever reads the file.
    question: String,
    /// What was answered.
    pub(super) said: String,
    /// When.
    pub(super) at: At,
}

/// A drill that was played in a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Drilled {
    pub(super) drill: DrillId,
    pub(super) at: At,
    pub(super) outcome: Option<Outcome>,
    /// Parts of the seat that were waited for, and how many of them were done.
    pub(super) parts: usize,
    pub(super) done: usize,
    /// Where its journal and debrief are.
    pub(super) folder: String,
}

impl Answer {
    /// An answer to this question. It fits a line of the table of limits.
    pub(super) fn new(question: &Question, said: String, at: At) -> Self {
        debug_assert!(said.len() <= TEXT_BYTES_MAX);
        Self { to: identity(question), question: question.question.clone(), said, at }
    }
}

/// The same situation and question, whatever guidance was written since.
fn identity(question: &Question) -> String {
    seed::digest([question.situation.as_str(), "\n", &question.question].concat().as_bytes())
}

impl Record {
    fn of(step: &str) -> Self {
        Self { format: FORMAT.to_owned(), step: step.to_owned(), answers: Vec::new(), drills: Vec::new() }
    }

    /// What is known of a step.
    pub(super) fn read(home: &Home, step: &str) -> Result<Self, Failure> {
        load(home, step).map(|(record, _)| record)
    }

    /// Changes what is known of a step: durably, whole or not at all, and never over what another terminal has written.
    pub(super) fn change(home: &Home, step: &str, change: impl Fn(&mut Self)) -> Result<(), Failure> {
        let folder = home.practice();
        let file = file_of(step);
        let unwritten = Failure::io::<KeepError>(format!("write {}", folder.join(&file).display()));
        for _ in 1..TRIES_MAX {
            let (mut record, was) = load(home, step)?;
            change(&mut record);
            let beyond = record.drills.len().saturating_sub(DRILLS_MAX);
            record.drills.drain(..beyond);
            let text = serde_json::to_string_pretty(&record).expect("a record is plain data") + "\n";
            match keep::keep(&folder, &file, &text, was.as_deref()) {
                Ok(_) => return Ok(()),
                Err(KeepError::Changed | KeepError::Taken) => {}
                Err(error) => return Err(unwritten(error)),
            }
        }
        Err(unwritten(KeepError::Changed))
    }

    /// The answer to a question.
    pub(super) fn answer_to(&self, question: &Question) -> Option<&Answer> {
        let identity = identity(question);
        self.answers.iter().rev().find(|answer| answer.to == identity)
    }

    /// Puts an answer in the place of the one before.
    pub(super) fn take(&mut self, answer: Answer) {
        self.answers.retain(|before| before.to != answer.to);
        self.answers.push(answer);
    }

    /// How many questions of a table-top are answered.
    pub(super) fn answered(&self, tabletop: &TableTop) -> usize {
        tabletop.questions.iter().filter(|question| self.answer_to(question).is_some()).count()
    }

    /// Whether a drill of this step was played to its end.
    pub(super) fn has_drilled(&self) -> bool {
        self.drills.iter().any(|drill| drill.outcome == Some(Outcome::Completed))
    }
}

/// A step's file: its name, or for a path something made of it.
fn file_of(step: &str) -> String {
    if step.contains('/') {
        format!("own-{}.json", &seed::digest(step.as_bytes())[..16])
    } else {
        format!("{step}.json")
    }
}

/// The record, and the digest of what it was read from.
fn load(home: &Home, step: &str) -> Result<(Record, Option<String>), Failure> {
    let file = file_of(step);
    let path = home.practice().join(&file);
    let bad = |why: String| {
        Failure::new(Exit::Problems, format!("could not understand {}: {why}", path.display()))
            .with_help("Move it away to begin this step anew. Nothing was written over it.")
    };
    let bytes = match Folder::on_disk(&home.practice()).read(&file) {
        Ok(bytes) => bytes,
        Err(FolderError { why: FolderTrouble::Missing, .. }) => return Ok((Record::of(step), None)),
        Err(error) => return Err(bad(error.why.to_string())),
    };
    let format = |bytes: &[u8]| -> Option<String> {
        serde_json::from_slice::<serde_json::Value>(bytes).ok()?.get("format")?.as_str().map(str::to_owned)
    };
    if let Some(other) = format(&bytes).filter(|format| format != FORMAT) {
        return Err(bad(format!("its format is `{other}`, and this version reads `{FORMAT}`")));
    }
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if record.step != step {
        return Err(bad(format!("it is about `{}`", record.step)));
    }
    Ok((record, Some(seed::digest(&bytes))))
}

/// Removes everything of every step. Whether there was anything.
pub(super) fn forget(home: &Home) -> Result<bool, Failure> {
    let folder = home.practice();
    match fs::remove_dir_all(&folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Failure::io(format!("remove {}", shown(&folder)))(error)),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
