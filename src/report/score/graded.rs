//! Trainers beside the measurement: blind grades, the two together, and checks that do not hold.
//!
//! Half measurement, half trainers. Where they are far apart there is no mean: the gap is something to talk about.

use super::{Check, DimensionName, Sheet, State, round};
use crate::{report::wording, scenario::review::Rating};
use serde::{Deserialize, Serialize};

/// From this gap on, measurement and trainers disagree. Two neighbouring grades are a third apart, which is less.
const DISAGREEMENT: f64 = 0.34;

/// What one trainer gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grade {
    /// The grade.
    pub rating: Rating,
    /// The same beside figures from 0 to 1.
    pub worth: f64,
    /// What was seen.
    pub because: String,
    /// The journal event that holds it.
    pub seq: u64,
}

/// Measurement and trainers side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// Half the measured figure, half the mean of the grades; the grades alone where nothing could be measured. Nothing
    /// where they disagree.
    pub score: Option<f64>,
    /// The largest distance between any two of them, 0 to 1.
    pub gap: f64,
    /// In words; a question where they disagree.
    pub sentence: String,
}

/// The grades of a dimension, by when they were given.
pub(super) fn grades(sheet: &Sheet<'_, '_>, name: DimensionName) -> Vec<Grade> {
    let mut all: Vec<Grade> = sheet
        .timeline
        .reviews
        .counting(name)
        .map(|given| Grade {
            rating: given.rating,
            worth: round(given.rating.worth()),
            because: given.because.to_owned(),
            seq: given.mark.seq,
        })
        .collect();
    all.sort_by_key(|grade| grade.seq);
    all
}

impl Together {
    /// Nothing without a grade.
    pub(super) fn of(measured: Option<f64>, grades: &[Grade]) -> Option<Self> {
        if grades.is_empty() {
            return None;
        }
        let worth = || grades.iter().map(|grade| grade.rating.worth());
        let all = || worth().chain(measured);
        let gap = all().fold(0.0, f64::max) - all().fold(1.0, f64::min);
        let trainers = worth().sum::<f64>() / grades.len() as f64;
        let mean = measured.map_or(trainers, |measured| f64::midpoint(measured, trainers));
        let agree = gap < DISAGREEMENT;
        let ratings: Vec<Rating> = grades.iter().map(|grade| grade.rating).collect();
        Some(Self {
            score: agree.then(|| round(mean)),
            gap: round(gap),
            sentence: wording::grades::together(measured, &ratings, agree.then_some(mean), gap),
        })
    }
}

/// Checks with those left out of the figures whose judgement a trainer found not to hold. What was not judged stays so.
pub(super) fn without_invalid(sheet: &Sheet<'_, '_>, checks: Vec<Check>) -> Vec<Check> {
    let invalid = &sheet.timeline.reviews.invalid;
    checks
        .into_iter()
        .map(|check| match invalid.get(check.id.as_str()) {
            Some((mark, why)) if check.state == State::Scored => Check {
                state: State::Invalid { why: (*why).to_owned() },
                score: None,
                question: None,
                evidence: check.evidence.iter().copied().chain([mark.seq]).collect(),
                ..check
            },
            _ => check,
        })
        .collect()
}
