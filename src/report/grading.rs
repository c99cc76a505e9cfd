//! What one trainer has before them when they grade. It is blind: of the machine's score it holds nothing until the
//! trainer's own grades are in.

use super::{
    Journal, Score,
    debrief::Debrief,
    score::{DimensionName, Together, unclear},
    timeline::Timeline,
    wording::grades::SEALED,
};
use crate::{base::Person, scenario::review::Rating};
use serde::Serialize;

/// The sheet of one trainer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradingSheet {
    /// Whether their grades are in.
    pub handed_in: bool,
    /// Every dimension, in the order of an incident.
    pub rows: Vec<GradingRow>,
    /// The objectives of the exercise.
    pub objectives: Vec<ObjectiveRow>,
    /// Statements that the team's last answer comes near, and that a person has to read.
    pub unclear: Vec<UnclearRow>,
    /// The words of that answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// Why nothing is scored, if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscored: Option<String>,
}

/// One dimension to grade.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradingRow {
    /// Which.
    pub name: DimensionName,
    /// What a grader asks themselves.
    pub asks: &'static str,
    /// What this trainer gave, with what they saw.
    pub given: Option<(Rating, String)>,
    /// The measured figure and the two together; nothing before the grades are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<Beside>,
}

/// What stands beside a grade once it is in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside {
    /// The measured figure, if enough could be measured.
    pub measured: Option<f64>,
    /// In words.
    pub sentence: String,
    /// With the grades.
    pub together: Option<Together>,
}

/// One objective.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ObjectiveRow {
    /// Its number, from 1.
    pub number: usize,
    /// The objective.
    pub text: String,
    /// Whether a trainer saw it met.
    pub met: Option<bool>,
}

/// A statement that a person has to look for in the team's words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UnclearRow {
    /// Its id.
    pub fact: String,
    /// The statement.
    pub says: String,
    /// How it was read, if it was.
    pub stated: Option<bool>,
}

impl GradingSheet {
    /// The sheet of `by` over a journal.
    pub fn of(journal: &Journal<'_>, by: &Person) -> Self {
        let timeline = Timeline::of(journal);
        let reviews = &timeline.reviews;
        let handed_in = reviews.has_handed_in(by);
        let score = handed_in.then(|| super::score(journal, None));
        let row = |name: DimensionName| GradingRow {
            name,
            asks: name.asks(),
            given: reviews
                .of(by)
                .find(|given| given.dimension == name)
                .map(|given| (given.rating, given.because.to_owned())),
            beside: score.as_ref().and_then(|score| beside(score, name)),
        };
        let objectives = (1..).zip(&journal.plan().objectives).map(|(number, text)| ObjectiveRow {
            number,
            text: text.clone(),
            met: reviews.objectives.get(&number).map(|one| one.met),
        });
        let answer = timeline.causes.last().map(|(_, claim)| *claim);
        let unclear = answer.map(|claim| unclear(journal.plan(), claim)).unwrap_or_default();
        Self {
            handed_in,
            rows: DimensionName::ALL.into_iter().map(row).collect(),
            objectives: objectives.collect(),
            answer: answer
                .filter(|_| !unclear.is_empty())
                .map(|claim| claim.text.clone())
                .unwrap_or_default(),
            unclear: unclear
                .into_iter()
                .map(|fact| UnclearRow {
                    fact: fact.id.clone(),
                    says: fact.says.clone(),
                    stated: reviews.readings.get(fact.id.as_str()).map(|(_, stated)| *stated),
                })
                .collect(),
            unscored: score.and_then(|score| score.unscored),
        }
    }
}

/// The debrief for a trainer: blind until their own grades are in.
pub fn debrief_for(journal: &Journal<'_>, by: &Person) -> Debrief {
    let debrief = super::debrief(journal);
    if Timeline::of(journal).reviews.has_handed_in(by) { debrief } else { blind(debrief) }
}

fn beside(score: &Score, name: DimensionName) -> Option<Beside> {
    let dimension = score.dimension(name)?;
    Some(Beside {
        measured: dimension.score,
        sentence: dimension.sentence.clone(),
        together: dimension.together.clone(),
    })
}

/// The debrief without anything that the scorer found: for a trainer who is still to grade.
fn blind(debrief: Debrief) -> Debrief {
    let mut blind = debrief;
    blind.score.unscored = Some(SEALED.to_owned());
    blind.score.dimensions.clear();
    blind.score.questions.clear();
    // How near each guess was, and whether the status was current, are findings.
    for claim in &mut blind.reveal.claims {
        "\u{2013}".clone_into(&mut claim.nearness);
    }
    for line in &mut blind.scorecard {
        line.answer = None;
    }
    blind
}
