//! Who a drill needs: how many, how experienced, and what each of them must have before.

use crate::base::names::is_name;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many people of each side a drill needs (inclusive).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterNeeds {
    /// Least and most instigators.
    pub instigators: (u8, u8),
    /// Least and most responders.
    pub responders: (u8, u8),
    /// The pack whose systems not all responders may be new to, and not all seasoned with; nothing: any team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mix: Option<String>,
    /// What each responder must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prerequisites: Vec<Prerequisite>,
}

/// Something that each responder must have before a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prerequisite {
    /// Its name.
    pub id: PrerequisiteId,
    /// What it is, to whoever has to say that they have it.
    pub says: String,
}

/// How well somebody knows the systems of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Experience {
    /// Has not been on call for them yet.
    New,
    /// Has worked on incidents of them.
    Practised,
    /// Knows them well, and has led incidents.
    Seasoned,
}

impl Experience {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Practised => "practised",
            Self::Seasoned => "seasoned",
        }
    }
}

/// What somebody must have before a drill, by name: `depot/shell-access`. Scenarios of one pack share it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrerequisiteId {
    pack: String,
    name: String,
}

/// A text that names no prerequisite.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a prerequisite: write its pack and its name, as `depot/shell-access`")]
pub struct BadPrerequisite(String);

impl PrerequisiteId {
    /// A prerequisite of a pack; both must be names.
    pub fn of(pack: &str, name: &str) -> Result<Self, BadPrerequisite> {
        if is_name(pack) && is_name(name) {
            Ok(Self { pack: pack.to_owned(), name: name.to_owned() })
        } else {
            Err(BadPrerequisite(format!("{pack}/{name}").chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for PrerequisiteId {
    type Error = BadPrerequisite;
    fn try_from(text: String) -> Result<Self, BadPrerequisite> {
        text.parse()
    }
}

impl std::str::FromStr for PrerequisiteId {
    type Err = BadPrerequisite;
    fn from_str(text: &str) -> Result<Self, BadPrerequisite> {
        let bad = || BadPrerequisite(text.chars().take(80).collect());
        let (pack, name) = text.split_once('/').ok_or_else(bad)?;
        Self::of(pack, name)
    }
}

impl From<PrerequisiteId> for String {
    fn from(id: PrerequisiteId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PrerequisiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pack, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prerequisite_is_named_by_its_pack_and_its_name() {
        let one: PrerequisiteId = "depot/shell-access".parse().unwrap();
        assert_eq!(one.to_string(), "depot/shell-access");
        for bad in ["", "depot", "/x", "depot/", "a/b/c", "depot/shell access", "de\npot/x"] {
            assert!(bad.parse::<PrerequisiteId>().is_err(), "{bad}");
        }
    }
}
