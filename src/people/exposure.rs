//! Who knows which answer, and how they came to know it.

use crate::base::{At, DrillId, Person};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How somebody comes to know an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Wrote the scenario, or changed it.
    Wrote,
    /// Ran a drill of it, or was its trainer.
    Ran,
    /// Rehearsed it.
    Rehearsed,
    /// Read a debrief of it, or was told one.
    Debriefed,
    /// Played it.
    Played,
    /// Watched others play it.
    Watched,
    /// Read the scenario.
    Viewed,
}

impl How {
    /// As a sentence goes on behind a name.
    pub fn told(self) -> &'static str {
        match self {
            Self::Wrote => "wrote it",
            Self::Ran => "ran it",
            Self::Rehearsed => "rehearsed it",
            Self::Debriefed => "read or heard its debrief",
            Self::Played => "played it",
            Self::Watched => "watched it being played",
            Self::Viewed => "read its scenario",
        }
    }
}

/// One time at which somebody came to know the answer of a family of scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// How.
    pub how: How,
    /// When that was written down.
    pub at: At,
    /// In which drill, or by whose debrief.
    pub drill: Option<DrillId>,
    /// What somebody wrote beside it.
    pub note: Option<String>,
    /// Who said so; nothing: the program saw it.
    pub by: Option<Person>,
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.at.to_string();
        write!(f, "{}", self.how.told())?;
        if let Some(drill) = &self.drill {
            write!(f, " in {drill}")?;
        }
        write!(f, ", {}", day.split('T').next().unwrap_or_default())?;
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}
