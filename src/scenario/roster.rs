//! Who a drill needs: how many, how experienced, and what each of them must have before.

use crate::base::{Person, Span, limits, names::is_name};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

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
    /// A command that ends with 0 where somebody has it; empty: they say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prove: Vec<String>,
}

/// People who are on together in a long drill, until the next ones come on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shift {
    /// When they come on, from StartEx.
    pub from: Span,
    /// Who.
    pub people: Vec<Person>,
}

/// A text that is no shift.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a shift: write when it begins after the start and who is on, as `2h cem,dia`")]
pub struct BadShift(String);

impl TryFrom<String> for Shift {
    type Error = BadShift;
    fn try_from(text: String) -> Result<Self, BadShift> {
        text.parse()
    }
}

impl From<Shift> for String {
    fn from(shift: Shift) -> Self {
        shift.to_string()
    }
}

impl FromStr for Shift {
    type Err = BadShift;
    fn from_str(text: &str) -> Result<Self, BadShift> {
        let bad = || BadShift(text.chars().take(80).collect());
        let (from, people) = text.trim().split_once(char::is_whitespace).ok_or_else(bad)?;
        let people = people.split(',').map(|name| name.trim().parse()).collect::<Result<Vec<_>, _>>();
        Ok(Self { from: from.parse().map_err(|_| bad())?, people: people.map_err(|_| bad())? })
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.people.iter().map(Person::as_str).collect();
        write!(f, "{} {}", self.from, names.join(","))
    }
}

impl Shift {
    /// Who is on from when, in words.
    pub fn told(&self) -> String {
        let names: Vec<_> = self.people.iter().map(Person::as_str).collect();
        let from =
            if self.from == Span::ZERO { "the start".to_owned() } else { format!("{} after it", self.from) };
        format!("on from {from}: {}", names.join(", "))
    }
}

/// What is wrong with these shifts of a drill that takes at most `limit`, in a sentence.
pub fn wrong_with(shifts: &[Shift], limit: Span) -> Option<String> {
    let first = shifts.first()?;
    if shifts.len() > limits::SHIFTS_MAX {
        return Some(format!("there are at most {} shifts", limits::SHIFTS_MAX));
    }
    if first.from != Span::ZERO {
        return Some("the first shift begins with the drill, at `0s`".to_owned());
    }
    if let Some([before, after]) = shifts.array_windows().find(|[before, after]| before.from >= after.from) {
        return Some(format!("the shift at {} does not come after the one at {}", after.from, before.from));
    }
    let late = shifts.iter().find(|shift| shift.from >= limit)?;
    Some(format!("the shift at {} would begin after the drill, which takes at most {limit}", late.from))
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

impl FromStr for PrerequisiteId {
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
