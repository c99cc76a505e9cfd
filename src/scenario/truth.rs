//! Ground truth as the author declared it: the one type that no responder-facing structure can hold.
//!
//! [`Truth`] has neither `Serialize` nor `Debug`. It is written in exactly one place, the plan in a journal, through
//! [`at_rest`]; a test forbids every other use of that module.

use super::ticket::Priority;
use crate::base::ClassName;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// What really happened, as declared in the scenario.
#[derive(Clone, PartialEq)]
pub struct Truth {
    /// The cause.
    pub cause: CauseTruth,
    /// Share of failed requests by class that shows that the fault bit: (least, most), 0 to 1.
    pub impact: BTreeMap<ClassName, (f64, f64)>,
    /// Who owns the broken part.
    pub owners: Vec<String>,
    /// The right answers of the severity checklist, by question.
    pub severity: BTreeMap<String, String>,
    /// How soon somebody had to act: what the ticket has to say.
    pub priority: Option<Priority>,
    /// The decision ladder's rungs and what each would have done.
    pub decision: BTreeMap<Rung, DecisionTruth>,
    /// What the team has to pass through, in order.
    pub milestones: Vec<String>,
}

/// The cause, structured so that a claim can be compared without reading it.
#[derive(Clone, PartialEq)]
pub struct CauseTruth {
    /// The component at fault.
    pub component: String,
    /// The kind of fault.
    pub kind: String,
    /// What set it off, in words.
    pub trigger: String,
    /// Statements that are true of this cause.
    pub facts: Vec<Fact>,
    /// Statements that are not; offered among the true ones.
    pub distractors: Vec<Fact>,
    /// How the fault spreads: from component to component.
    pub spreads: Vec<(String, String)>,
    /// What let it happen.
    pub contributing: Vec<String>,
}

/// A statement about a cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its id in the scenario file.
    pub id: String,
    /// The statement as it is offered.
    pub says: String,
    /// Wordings in free text that state it: every group must be met (AND), a group is met by any of its phrases (OR).
    pub any: Vec<Vec<String>>,
}

/// Rungs of the decision ladder, the slightest perturbation first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Leave it and hand the ticket back.
    DoNothing,
    /// Tell people how to live with it.
    Broadcast,
    /// Go back to the previous release.
    RollBack,
    /// Put a fix through the fast lane.
    FastTrack,
}

impl Rung {
    /// Every rung, the slightest perturbation first.
    pub const ALL: [Self; 4] = [Self::DoNothing, Self::Broadcast, Self::RollBack, Self::FastTrack];

    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DoNothing => "do_nothing",
            Self::Broadcast => "broadcast",
            Self::RollBack => "roll_back",
            Self::FastTrack => "fast_track",
        }
    }

    /// What it is to choose it.
    pub fn says(self) -> &'static str {
        match self {
            Self::DoNothing => "leave it and hand the ticket back",
            Self::Broadcast => "tell people how to live with it",
            Self::RollBack => "go back to the previous release",
            Self::FastTrack => "put a fix through the fast lane",
        }
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rung {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.replace('-', "_");
        Self::ALL.into_iter().find(|rung| rung.as_str() == word).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is no option of a decision ladder: use one of {known}")
        })
    }
}

/// What one rung would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionTruth {
    /// It would have restored service.
    pub effective: bool,
    /// It would have made things worse.
    pub harmful: bool,
    /// The milestone after which a team could know that.
    pub knowable_after: Option<String>,
}

/// Writes and reads a [`Truth`] where a journal holds it.
pub mod at_rest {
    use super::{BTreeMap, CauseTruth, ClassName, DecisionTruth, Fact, Priority, Rung, Truth};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Stored {
        component: String,
        kind: String,
        trigger: String,
        facts: Vec<Fact>,
        distractors: Vec<Fact>,
        spreads: Vec<(String, String)>,
        contributing: Vec<String>,
        impact: BTreeMap<ClassName, (f64, f64)>,
        owners: Vec<String>,
        severity: BTreeMap<String, String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        decision: BTreeMap<Rung, DecisionTruth>,
        milestones: Vec<String>,
    }

    /// For `#[serde(with = ..)]`.
    pub fn serialize<S: Serializer>(truth: &Truth, to: S) -> Result<S::Ok, S::Error> {
        let truth = truth.clone();
        let cause = truth.cause;
        Stored {
            component: cause.component,
            kind: cause.kind,
            trigger: cause.trigger,
            facts: cause.facts,
            distractors: cause.distractors,
            spreads: cause.spreads,
            contributing: cause.contributing,
            impact: truth.impact,
            owners: truth.owners,
            severity: truth.severity,
            priority: truth.priority,
            decision: truth.decision,
            milestones: truth.milestones,
        }
        .serialize(to)
    }

    /// For `#[serde(with = ..)]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Truth, D::Error> {
        let stored = Stored::deserialize(from)?;
        Ok(Truth {
            cause: CauseTruth {
                component: stored.component,
                kind: stored.kind,
                trigger: stored.trigger,
                facts: stored.facts,
                distractors: stored.distractors,
                spreads: stored.spreads,
                contributing: stored.contributing,
            },
            impact: stored.impact,
            owners: stored.owners,
            severity: stored.severity,
            priority: stored.priority,
            decision: stored.decision,
            milestones: stored.milestones,
        })
    }
}
