//! What came of the talk: the sections that the team wrote, objectives, corrective actions.

use super::{Open, build::Desk};
use crate::{
    report::{
        follow_up::{self, CorrectiveAction},
        wording,
    },
    scenario::review::Section,
};
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

    /// The corrective actions that this drill asked for.
    pub(super) fn actions(&self) -> Vec<CorrectiveAction> {
        let wanted = self.timeline.reviews.follow_ups.iter().map(|(mark, wanted)| (mark.at, *wanted));
        follow_up::asked_for(&self.journal.plan().drill, wanted)
    }
}
