//! What came of the talk: the sections that the team wrote, objectives, corrective actions.

use super::{Open, build::Desk};
use crate::{report::wording, scenario::review::Section};
use serde::{Deserialize, Serialize};

/// What a team has written into an open field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// The words.
    pub text: String,
    /// Journal events that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<u64>,
}

/// An objective with a trainer's word on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedObjective {
    /// The objective.
    pub text: String,
    /// Whether it was met.
    pub met: bool,
    /// What was seen; may be empty.
    pub because: String,
}

/// A corrective action. What is missing is still to be agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// What is to be done.
    pub action: String,
    /// `mitigate`, `prevent`, `process` or `other`.
    pub kind: Option<String>,
    /// The role or team that owns it.
    pub owner: Option<String>,
    /// Where it is tracked.
    pub ticket: Option<String>,
    /// Until when.
    pub due: Option<String>,
    /// The journal event that holds it.
    pub seq: u64,
}

impl Desk<'_, '_> {
    /// Open fields with what the team has written into them. Each belongs to one of `sections`, in their order.
    pub(super) fn filled(&self, fields: &[(&str, &str)], sections: &[Section]) -> Vec<Open> {
        let written = &self.timeline.reviews.sections;
        fields
            .iter()
            .zip(sections)
            .map(|((name, question), section)| Open {
                name: (*name).to_owned(),
                question: (*question).to_owned(),
                filled: written
                    .get(section)
                    .map(|one| Filled { text: wording::tame(one.text), evidence: one.evidence.to_vec() }),
            })
            .collect()
    }

    pub(super) fn objectives(&self) -> Vec<JudgedObjective> {
        let objectives = &self.journal.plan().objectives;
        let judged = self.timeline.reviews.objectives.iter();
        judged
            .filter_map(|(number, judged)| {
                let text = objectives.get(number.checked_sub(1)?)?.clone();
                Some(JudgedObjective { text, met: judged.met, because: wording::tame(judged.because) })
            })
            .collect()
    }

    /// The improvement plan.
    pub(super) fn actions(&self) -> Vec<Action> {
        let follow_ups = self.timeline.reviews.follow_ups.iter();
        follow_ups
            .map(|one| Action {
                action: wording::tame(one.action),
                kind: one.kind.map(|kind| kind.as_str().to_owned()),
                owner: one.owner.map(wording::tame),
                ticket: one.ticket.map(wording::tame),
                due: one.due.map(|day| day.as_str().to_owned()),
                seq: one.mark.seq,
            })
            .collect()
    }
}
