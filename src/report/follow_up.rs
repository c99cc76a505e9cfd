//! Corrective actions: what a debrief asked for, who owns it, until when, and which later drill put it to the test.
//!
//! The list is a fold over entries that are only ever added to, as a drill is one over its journal. Where they are kept is
//! the doors' business.

use crate::base::{At, DrillId, limits::TEXT_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The number of a corrective action: `a3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionId(u32);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a{}", self.0)
    }
}

impl FromStr for ActionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('a').and_then(|digits| digits.parse().ok());
        number
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no corrective action: they are called a1, a2, ..."))
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

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionType {
    /// It keeps this from happening again.
    Prevent,
    /// It makes the next one shorter or lighter.
    Mitigate,
    /// It changes how people work.
    Process,
    /// Anything else.
    Other,
}

impl ActionType {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prevent => "prevent",
            Self::Mitigate => "mitigate",
            Self::Process => "process",
            Self::Other => "other",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The drill whose debrief asked for it.
    pub drill: DrillId,
    /// Its scenario.
    pub scenario: String,
    /// What is to be done.
    pub action: String,
    /// What it answers; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issue: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: ActionType,
    /// The role that owns it.
    pub owner: String,
    /// The house's ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// `2026-12-15`.
    pub due: String,
}

/// One line of the list's file.
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
    /// A new action; its number is its place among these.
    Added(Wanted),
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
    /// Nobody added it.
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

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowUp {
    /// Every action, by its number.
    pub actions: Vec<CorrectiveAction>,
}

impl FollowUp {
    /// Folds entries; those that make no sense are passed over.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            // What could not be taken was refused when it came; a file that was edited is read as far as it goes.
            let _ = list.take(entry);
        }
        list
    }

    /// Takes an entry in; the number of the action that it is about.
    pub fn take(&mut self, entry: Entry) -> Result<ActionId, NoSuchAction> {
        match entry.change {
            Change::Added(wanted) => {
                let texts = [&wanted.action, &wanted.issue, &wanted.owner];
                if texts.iter().any(|text| text.len() > TEXT_BYTES_MAX) {
                    return Err(NoSuchAction::TooLong);
                }
                let next = u32::try_from(self.actions.len()).unwrap_or(u32::MAX).saturating_add(1);
                let id = ActionId(next);
                self.actions.push(CorrectiveAction { id, wanted, tested: Vec::new(), done: None });
                Ok(id)
            }
            Change::Linked { id, drill, note } => {
                let action = self.action(id)?;
                if action.wanted.drill == drill {
                    return Err(NoSuchAction::OwnDrill(id));
                }
                action.tested.push(Tested { drill, note });
                Ok(id)
            }
            Change::Done { id, note } => {
                let action = self.action(id)?;
                if action.done.is_some() {
                    return Err(NoSuchAction::DoneBefore(id));
                }
                action.done = Some((entry.at, note));
                Ok(id)
            }
        }
    }

    fn action(&mut self, id: ActionId) -> Result<&mut CorrectiveAction, NoSuchAction> {
        self.actions.iter_mut().find(|action| action.id == id).ok_or(NoSuchAction::Unknown(id))
    }

    /// What came out of a drill, or was put to the test by it.
    pub fn of_drill(&self, drill: &DrillId) -> Vec<CorrectiveAction> {
        let about = |action: &&CorrectiveAction| {
            action.wanted.drill == *drill || action.tested.iter().any(|tested| tested.drill == *drill)
        };
        self.actions.iter().filter(about).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(action: &str) -> Change {
        Change::Added(Wanted {
            drill: "d-1".parse().unwrap(),
            scenario: "pool-shrink".to_owned(),
            action: action.to_owned(),
            issue: String::new(),
            kind: ActionType::Prevent,
            owner: "web-oncall".to_owned(),
            ticket: None,
            due: "2026-12-15".to_owned(),
        })
    }

    fn at(change: Change) -> Entry {
        Entry { at: At::from_millis(0), change }
    }

    #[test]
    fn a_later_drill_links_to_what_an_earlier_one_asked_for() {
        let id: ActionId = "a1".parse().unwrap();
        let linked =
            |drill: &str| Change::Linked { id, drill: drill.parse().unwrap(), note: "it rang".into() };
        let entries = [added("alarm on the pool"), linked("d-7")].map(at);
        let lines: Vec<String> = entries.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        let mut list = FollowUp::of(lines.iter().map(|line| serde_json::from_str(line).unwrap()));
        assert_eq!(list.actions[0].tested[0].note, "it rang");
        assert_eq!(list.of_drill(&"d-7".parse().unwrap()), list.actions);
        assert_eq!(list.of_drill(&"d-8".parse().unwrap()), []);
        assert_eq!(list.take(at(linked("d-1"))), Err(NoSuchAction::OwnDrill(id)));
    }

    #[test]
    fn what_is_not_there_cannot_be_done_and_nothing_is_done_twice() {
        let mut list = FollowUp::of([at(added("one")), at(added("two"))]);
        let done = |id: &str| at(Change::Done { id: id.parse().unwrap(), note: String::new() });
        assert_eq!(list.take(done("a2")), Ok(ActionId(2)));
        assert_eq!(list.take(done("a2")), Err(NoSuchAction::DoneBefore(ActionId(2))));
        assert_eq!(list.take(done("a3")), Err(NoSuchAction::Unknown(ActionId(3))));
        assert!("3".parse::<ActionId>().is_err() && "a-1".parse::<ActionId>().is_err());
    }
}
