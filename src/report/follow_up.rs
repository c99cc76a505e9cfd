//! Corrective actions: what debriefs asked for, who owns it, until when, and which later drill put it to the test.
//!
//! What is asked for stands in the journal of the drill that asked. What comes of it later is told by entries that are only
//! ever added to; where they are kept is the doors' business. The list is a fold over both.

use crate::{
    base::{At, DrillId, limits::TEXT_BYTES_MAX},
    scenario::review::Wanted,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The number of a corrective action: `d-7f3a/2`, the second that this drill asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionId {
    drill: DrillId,
    number: u32,
}

impl ActionId {
    /// The drill that asked for it.
    pub fn drill(&self) -> &DrillId {
        &self.drill
    }
}

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.drill, self.number)
    }
}

impl FromStr for ActionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(drill, number)| {
            Some(Self { drill: drill.parse().ok()?, number: number.parse().ok()? })
        });
        parts.ok_or_else(|| {
            format!("`{text}` is no corrective action: they are called after their drill, like d-7f3a/2")
        })
    }
}

impl TryFrom<String> for ActionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ActionId> for String {
    fn from(id: ActionId) -> Self {
        id.to_string()
    }
}

/// One line of the file that tells what came of actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: At,
    /// What it says.
    #[serde(flatten)]
    pub change: Change,
}

/// What an entry changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Change {
    /// A later drill put it to the test.
    Linked {
        /// Which.
        id: ActionId,
        /// The drill.
        drill: DrillId,
        /// What it showed.
        note: String,
    },
    /// It was done.
    Done {
        /// Which.
        id: ActionId,
        /// What shows it.
        note: String,
    },
}

/// A corrective action as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectiveAction {
    /// Its number.
    pub id: ActionId,
    /// When it was agreed on.
    pub at: At,
    /// What is asked for.
    #[serde(flatten)]
    pub wanted: Wanted,
    /// Later drills that put it to the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tested: Vec<Tested>,
    /// When it was done, and what shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<(At, String)>,
}

/// A later drill that put an action to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// The drill.
    pub drill: DrillId,
    /// What it showed.
    pub note: String,
}

/// Why an entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchAction {
    /// No drill asked for it.
    #[error("there is no corrective action {0}")]
    Unknown(ActionId),
    /// It was done before.
    #[error("{0} is done already")]
    DoneBefore(ActionId),
    /// A drill cannot test what came out of it.
    #[error("{0} came out of that drill: link a later one that puts it to the test")]
    OwnDrill(ActionId),
    /// A text is longer than [`TEXT_BYTES_MAX`].
    #[error("a text is longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
}

/// What a drill asked for, in the order of its journal. Nothing has come of it yet.
pub fn asked_for<'a>(
    drill: &DrillId,
    wanted: impl IntoIterator<Item = (At, &'a Wanted)>,
) -> Vec<CorrectiveAction> {
    let action = |(number, (at, wanted)): (u32, (At, &Wanted))| CorrectiveAction {
        id: ActionId { drill: drill.clone(), number },
        at,
        wanted: wanted.clone(),
        tested: Vec::new(),
        done: None,
    };
    (1..).zip(wanted).map(action).collect()
}

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// Every action, the oldest first.
    pub actions: Vec<CorrectiveAction>,
}

impl FollowUp {
    /// What drills asked for, and what came of it; entries that make no sense are passed over.
    pub fn of(mut actions: Vec<CorrectiveAction>, entries: impl IntoIterator<Item = Entry>) -> Self {
        actions.sort_by_key(|action| action.at);
        let mut list = Self { actions };
        for entry in entries {
            // What could not be taken was refused when it came; a file that was edited is read as far as it goes.
            let _ = list.take(entry);
        }
        list
    }

    /// Takes an entry in; the action that it is about.
    pub fn take(&mut self, entry: Entry) -> Result<&CorrectiveAction, NoSuchAction> {
        let (Change::Linked { id, note, .. } | Change::Done { id, note }) = &entry.change;
        if note.len() > TEXT_BYTES_MAX {
            return Err(NoSuchAction::TooLong);
        }
        let action = self.actions.iter_mut().find(|action| action.id == *id);
        let action = action.ok_or_else(|| NoSuchAction::Unknown(id.clone()))?;
        match entry.change {
            Change::Linked { id, drill, .. } if id.drill == drill => return Err(NoSuchAction::OwnDrill(id)),
            Change::Linked { drill, note, .. } => action.tested.push(Tested { drill, note }),
            Change::Done { id, .. } if action.done.is_some() => return Err(NoSuchAction::DoneBefore(id)),
            Change::Done { note, .. } => action.done = Some((entry.at, note)),
        }
        Ok(action)
    }

    /// What came out of a drill, or was put to the test by it.
    pub fn of_drill(&self, drill: &DrillId) -> Vec<CorrectiveAction> {
        let about = |action: &&CorrectiveAction| {
            action.id.drill == *drill || action.tested.iter().any(|tested| tested.drill == *drill)
        };
        self.actions.iter().filter(about).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(actions: &[&str]) -> Vec<CorrectiveAction> {
        let wanted = |action: &&str| Wanted {
            action: (*action).to_owned(),
            issue: None,
            kind: None,
            owner: Some("web-oncall".to_owned()),
            ticket: None,
            due: None,
        };
        let all: Vec<_> = actions.iter().map(wanted).collect();
        asked_for(&"d-1".parse().unwrap(), all.iter().map(|one| (At::from_millis(0), one)))
    }

    fn at(change: Change) -> Entry {
        Entry { at: At::from_millis(0), change }
    }

    #[test]
    fn a_later_drill_links_to_what_an_earlier_one_asked_for() {
        let id: ActionId = "d-1/1".parse().unwrap();
        let linked = |drill: &str| {
            at(Change::Linked { id: id.clone(), drill: drill.parse().unwrap(), note: "it rang".into() })
        };
        let line = serde_json::to_string(&linked("d-7")).unwrap();
        let mut list = FollowUp::of(asked(&["alarm on the pool"]), [serde_json::from_str(&line).unwrap()]);
        assert_eq!(list.actions[0].tested[0].note, "it rang");
        assert_eq!(list.of_drill(&"d-7".parse().unwrap()), list.actions);
        assert_eq!(list.of_drill(&"d-8".parse().unwrap()), []);
        assert_eq!(list.take(linked("d-1")), Err(NoSuchAction::OwnDrill(id)));
    }

    #[test]
    fn what_is_not_there_cannot_be_done_and_nothing_is_done_twice() {
        let mut list = FollowUp::of(asked(&["one", "two"]), []);
        let id = |id: &str| id.parse::<ActionId>().unwrap();
        let done = |which: &str, note: &str| at(Change::Done { id: id(which), note: note.to_owned() });
        assert_eq!(list.take(done("d-1/2", "")).unwrap().wanted.action, "two");
        assert_eq!(list.take(done("d-1/2", "")), Err(NoSuchAction::DoneBefore(id("d-1/2"))));
        assert_eq!(list.take(done("d-1/3", "")), Err(NoSuchAction::Unknown(id("d-1/3"))));
        assert_eq!(list.take(done("d-1/1", &"x".repeat(TEXT_BYTES_MAX + 1))), Err(NoSuchAction::TooLong));
        for bad in ["1", "a1", "d-1/", "/1", "d-1/-1", "d 1/1"] {
            assert!(bad.parse::<ActionId>().is_err(), "{bad}");
        }
    }
}
