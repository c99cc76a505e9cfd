//! What trainers write after EndEx: grades, how a claim is to be read, and what comes of the talk. One enum for the command
//! line, the pages and the journal.
//!
//! Grades are blind: they are given before the score is shown. Handing them in shows it, and they stand from then on.

use crate::base::At;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The ten dimensions of good play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`DimensionName::asks` says what each is about")]
pub enum DimensionName {
    Detect,
    Engage,
    Coordinate,
    Diagnose,
    Mitigate,
    Communicate,
    Assess,
    Decide,
    Close,
    Learn,
}

impl DimensionName {
    /// Every dimension, in the order of an incident.
    pub const ALL: [Self; 10] = [
        Self::Detect,
        Self::Engage,
        Self::Coordinate,
        Self::Diagnose,
        Self::Mitigate,
        Self::Communicate,
        Self::Assess,
        Self::Decide,
        Self::Close,
        Self::Learn,
    ];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Engage => "engage",
            Self::Coordinate => "coordinate",
            Self::Diagnose => "diagnose",
            Self::Mitigate => "mitigate",
            Self::Communicate => "communicate",
            Self::Assess => "assess",
            Self::Decide => "decide",
            Self::Close => "close",
            Self::Learn => "learn",
        }
    }

    /// What a grader asks themselves.
    pub fn asks(self) -> &'static str {
        match self {
            Self::Detect => "Was it noticed, declared, and were its alarms looked after?",
            Self::Engage => "Were the right people brought in, and the first line warned?",
            Self::Coordinate => "Did one person lead, and did everybody know what was being done?",
            Self::Diagnose => "Was the cause found, and did it rest on what had been seen?",
            Self::Mitigate => "Was service brought back, and was nothing else broken on the way?",
            Self::Communicate => "Did people outside hear early, often and truthfully?",
            Self::Assess => "Did the team know how bad it was?",
            Self::Decide => "Was the lightest step chosen that works, with reasons, and not by one alone?",
            Self::Close => "Did the all-clear come when service held, and reach everybody?",
            Self::Learn => "Did the talk find something that will be done?",
        }
    }
}

impl fmt::Display for DimensionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DimensionName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            format!("`{text}` is no dimension: use one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// A grade, as exercises are graded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Rating {
    /// Achieved, without a challenge worth the name.
    P,
    /// Achieved, with some challenges, and without harm.
    S,
    /// Achieved, but with harm, added risk, or against the plan.
    M,
    /// Not achieved.
    U,
}

impl Rating {
    /// Every grade, the best first.
    pub const ALL: [Self; 4] = [Self::P, Self::S, Self::M, Self::U];

    /// The letter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P => "P",
            Self::S => "S",
            Self::M => "M",
            Self::U => "U",
        }
    }

    /// What it means.
    pub fn means(self) -> &'static str {
        match self {
            Self::P => "performed without challenges",
            Self::S => "performed with some challenges",
            Self::M => "performed, but with harm, added risk or against the plan",
            Self::U => "not performed",
        }
    }

    /// What it is worth beside a figure from 0 to 1: equal steps.
    pub fn worth(self) -> f64 {
        match self {
            Self::P => 1.0,
            Self::S => 2.0 / 3.0,
            Self::M => 1.0 / 3.0,
            Self::U => 0.0,
        }
    }
}

impl fmt::Display for Rating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rating {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|one| format!("{one} ({})", one.means())).collect();
            format!("`{text}` is no grade: use {}", known.join(", "))
        })
    }
}

/// A section of the debrief that only people can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What went well.
    Well,
    /// What went poorly.
    Poorly,
    /// Where there was luck.
    Lucky,
    /// What surprised.
    Surprised,
    /// A lesson about the system.
    System,
    /// A lesson about the response.
    Response,
    /// A lesson about the practice itself.
    Practice,
}

impl Section {
    /// Every section, in the order of the debrief.
    pub const ALL: [Self; 7] = [
        Self::Well,
        Self::Poorly,
        Self::Lucky,
        Self::Surprised,
        Self::System,
        Self::Response,
        Self::Practice,
    ];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Poorly => "poorly",
            Self::Lucky => "lucky",
            Self::Surprised => "surprised",
            Self::System => "system",
            Self::Response => "response",
            Self::Practice => "practice",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Section {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
            format!("`{text}` is no section: use one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// What a corrective action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Makes the next one less bad.
    Mitigate,
    /// Keeps it from happening again.
    Prevent,
    /// Changes how people work together.
    Process,
    /// Something else.
    Other,
}

impl ActionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Mitigate, Self::Prevent, Self::Process, Self::Other];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mitigate => "mitigate",
            Self::Prevent => "prevent",
            Self::Process => "process",
            Self::Other => "other",
        }
    }
}

impl FromStr for ActionKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or_else(|| {
            format!("`{text}` is no type of action: use one of {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// A day: `2026-12-01`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Day(String);

impl Day {
    /// The day as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}

impl TryFrom<String> for Day {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Day {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let day = text.trim();
        let shaped = day.len() == 10 && At::try_from(format!("{day}T00:00:00Z")).is_ok();
        shaped
            .then(|| Self(day.to_owned()))
            .ok_or_else(|| format!("`{text}` is no day: write a day like 2026-12-15"))
    }
}

/// Ids of all checks of the score, so that a trainer can name one.
pub const CHECKS: [&str; 46] = [
    "detect.recognised",
    "detect.declared",
    "detect.triaged",
    "detect.nothing-broken",
    "engage.ticket",
    "engage.owners",
    "engage.escalated",
    "engage.first-line",
    "coordinate.ic",
    "coordinate.conflicts",
    "coordinate.logged",
    "coordinate.reported",
    "coordinate.handed-over",
    "diagnose.component",
    "diagnose.kind",
    "diagnose.facts",
    "diagnose.onset",
    "diagnose.evidence",
    "diagnose.milestones",
    "mitigate.restored",
    "mitigate.spared",
    "mitigate.how",
    "mitigate.invariants",
    "mitigate.preserved",
    "mitigate.no-harm",
    "communicate.first",
    "communicate.cadence",
    "communicate.content",
    "communicate.promises",
    "communicate.audiences",
    "communicate.truthful",
    "communicate.mirrored",
    "assess.severity",
    "assess.window",
    "assess.classes",
    "assess.shares",
    "decide.choice",
    "decide.reasons",
    "decide.asked",
    "close.nominal",
    "close.audiences",
    "close.role",
    "close.handed-back",
    "learn.sections",
    "learn.follow-ups",
    "learn.objectives",
];

/// Refuses what is no check's id.
pub fn known_check(id: &str) -> Result<(), String> {
    if CHECKS.contains(&id) {
        return Ok(());
    }
    let family = id.split('.').next().unwrap_or_default();
    let near: Vec<_> = CHECKS.into_iter().filter(|one| one.split('.').next() == Some(family)).collect();
    let known = if near.is_empty() { CHECKS.to_vec() } else { near };
    Err(format!("`{id}` is no check: there are {}", known.join(", ")))
}

/// A corrective action. What is left out is still to be agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// What is to be done.
    pub action: String,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<String>,
    /// What it is for.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ActionKind>,
    /// The role or team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Day>,
}

/// Something that a trainer writes after EndEx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Review {
    /// Grades a dimension. Of each trainer the last one counts, once it is handed in.
    Grade {
        /// Which.
        dimension: DimensionName,
        /// How it was played.
        rating: Rating,
        /// What was seen.
        because: String,
    },
    /// The trainer's grades are in: they stand, and the trainer sees the score.
    HandIn {
        /// The exercise in a sentence.
        overall: String,
    },
    /// A check's judgement does not hold: it no longer counts. No figure can be put in its place.
    Invalidate {
        /// Its id.
        check: String,
        /// Why.
        because: String,
    },
    /// How a grader reads the team's last answer about the cause.
    Read {
        /// A true statement, by its id.
        fact: String,
        /// Whether the answer's words state it.
        stated: bool,
    },
    /// Writes a section of the debrief. The last text of each section counts.
    Write {
        /// Which.
        section: Section,
        /// The words that the team agreed on.
        text: String,
        /// Numbers of the events that show it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<u64>,
    },
    /// A corrective action of the improvement plan.
    FollowUp(Wanted),
    /// Whether an objective of the exercise was met. The last word on each counts.
    Objective {
        /// Its number, from 1.
        number: usize,
        /// Whether it was.
        met: bool,
        /// What was seen.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        because: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day() {
        for good in ["2026-12-01", " 2028-02-29 "] {
            assert_eq!(good.parse::<Day>().unwrap().as_str(), good.trim());
        }
        for bad in ["", "2026-13-01", "2027-02-29", "tomorrow", "2026-12-1", "2026-12-01T00:00:00Z"] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
    }

    #[test]
    fn grades_go_down_in_equal_steps() {
        let worth: Vec<f64> = Rating::ALL.iter().map(|one| one.worth()).collect();
        assert!(worth.windows(2).all(|two| (two[0] - two[1] - 1.0 / 3.0).abs() < 1e-9), "{worth:?}");
        assert_eq!("s".parse(), Ok(Rating::S));
        assert!("A".parse::<Rating>().unwrap_err().contains("P (performed without challenges)"));
    }
}
