//! The words of what trainers write: grades beside the measurement, and what comes of the talk.

use super::{Said, cut, tame};
use crate::{
    report::debrief::JudgedObjective,
    scenario::review::{Rating, Review, Wanted},
};

pub(crate) const NO_OBJECTIVE: &str = "the exercise declares no objective";
pub(crate) const OBJECTIVES_OPEN: &str =
    "needs a grader: no trainer has said whether the objectives were met";
/// Above the grades of trainers.
pub(crate) const GRADED: &str = "Trainers graded before they saw a figure. Where both are near each other, half and half is taken; where they are not, there is something to talk about.";
/// Stands in place of every figure until a trainer has graded.
pub const SEALED: &str = "grades are blind: the figures are shown once yours are handed in";

/// Measurement and trainers side by side. `mean`: nothing where they disagree.
pub(crate) fn together(measured: Option<f64>, ratings: &[Rating], mean: Option<f64>, gap: f64) -> String {
    let letters: Vec<_> = ratings.iter().map(|one| format!("{one} ({})", one.means())).collect();
    let saw = match letters.as_slice() {
        [one] => format!("The trainer saw {one}"),
        all => format!("The trainers saw {}", super::list(all)),
    };
    match (measured, mean) {
        (Some(measured), Some(mean)) => {
            format!("{saw}, the measurement says {measured:.2}: half and half {mean:.2}.")
        }
        (None, Some(mean)) => format!("{saw}; nothing could be measured, so {mean:.2} is theirs alone."),
        (Some(measured), None) => format!(
            "{saw}, the measurement says {measured:.2}: they disagree by {gap:.2}. What did each of them look at?"
        ),
        (None, None) => format!("{saw}: they disagree by {gap:.2}. What did each of them look at?"),
    }
}

pub(crate) fn sections(written: usize, shown: usize, of: usize) -> Said {
    let sentence = format!(
        "{written} of {of} sections of the debrief are written, {shown} with an event that shows it."
    );
    Said::asking(sentence, "Which part of this evening would be forgotten if nobody wrote it down today?")
}

pub(crate) fn follow_ups(full: usize, all: usize) -> Said {
    if all == 0 {
        return Said::asking(
            "No corrective action was agreed on.",
            "If this happens again next month, what will be different?",
        );
    }
    let sentence =
        format!("{full} of {} with owner role, type and ticket.", super::count(all, "corrective action"));
    Said::asking(sentence, "Who will notice when one of these actions is not done?")
}

pub(crate) fn objectives(met: usize, judged: usize) -> Said {
    Said::asking(
        format!("{met} of {} met, as a trainer saw it.", super::count(judged, "objective")),
        "Which objective deserves another exercise, and what would make it easier to meet?",
    )
}

/// An objective as a trainer saw it.
pub(crate) fn objective(judged: &JudgedObjective) -> String {
    let met = if judged.met { "met" } else { "not met" };
    let because = if judged.because.is_empty() { String::new() } else { format!(": {}", judged.because) };
    format!("Objective {met}: {}{because}", judged.text)
}

/// What a trainer wrote, without who did.
pub fn entry(entry: &Review) -> String {
    let quoted = |text: &str| cut(&tame(text), 200);
    match entry {
        Review::Grade { dimension, rating, because } => {
            format!("graded {dimension} {rating}: {}", quoted(because))
        }
        Review::HandIn { overall } => format!("handed the grades in: {}", quoted(overall)),
        Review::Invalidate { check, because } => {
            format!("found that {} does not hold: {}", tame(check), quoted(because))
        }
        Review::Read { fact, stated: true } => format!("read the answer as stating `{}`", tame(fact)),
        Review::Read { fact, stated: false } => format!("read the answer as not stating `{}`", tame(fact)),
        Review::Write { section, text, .. } => format!("wrote of `{section}`: {}", quoted(text)),
        Review::FollowUp(Wanted { action, owner, due, .. }) => {
            let owner = owner.as_deref().map_or(String::new(), |owner| format!(" for {}", quoted(owner)));
            let due = due.as_ref().map_or(String::new(), |due| format!(", due {}", due.as_str()));
            format!("noted a corrective action{owner}{due}: {}", quoted(action))
        }
        Review::Objective { number, met, because } => {
            let met = if *met { "met" } else { "not met" };
            let because = if because.is_empty() { String::new() } else { format!(": {}", quoted(because)) };
            format!("found objective {number} {met}{because}")
        }
    }
}
