//! The action list: what is to be done, and whose it is. How it stands is a fold in the report room.

use serde::{Deserialize, Serialize};

/// Something that is done to the list. Its entries are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ActionAct {
    /// Puts something on it.
    Add {
        /// What is to be done.
        text: String,
        /// Whose it is: a role, or somebody who responds. Nobody yet, if it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<String>,
    },
    /// Gives it to somebody.
    Assign {
        /// Its number.
        action: u16,
        /// A role, or somebody who responds.
        owner: String,
    },
    /// It is done.
    Done {
        /// Its number.
        action: u16,
    },
    /// It is not needed any more.
    Drop {
        /// Its number.
        action: u16,
    },
}

impl ActionAct {
    /// The number of the entry that it is done to; nothing for a new one.
    pub fn action(&self) -> Option<u16> {
        match self {
            Self::Add { .. } => None,
            Self::Assign { action, .. } | Self::Done { action } | Self::Drop { action } => Some(*action),
        }
    }

    /// Whom it names as owner.
    pub fn owner(&self) -> Option<&str> {
        match self {
            Self::Add { owner, .. } => owner.as_deref(),
            Self::Assign { owner, .. } => Some(owner),
            Self::Done { .. } | Self::Drop { .. } => None,
        }
    }
}
