//! The score: checks with their evidence, one file per dimension.
//!
//! ```text
//! Journal -> Timeline + Impact -> Sheet -> a file of checks for each of the ten dimensions -> Score
//! ```
//!
//! A [`Check`] that could not be judged is never a zero: it says why. Measured things rule times and shares; declared
//! truth rules causes. Nothing subtracts: hints, questions and blind alleys are neutral.
//!
//! Open first: [`score`], then [`measure`] for the formulas and [`diagnose`] for how a cause claim is compared.
//! [`explain`](mod@explain) tells of one check which formula, numbers and events it rests on.

mod assess;
pub mod chance;
mod close;
mod communicate;
mod coordinate;
mod decide;
mod detect;
pub mod diagnose;
pub mod difference;
mod engage;
pub mod explain;
mod graded;
mod learn;
pub mod measure;
mod mitigate;
pub(crate) mod seen;
pub mod text;

pub use crate::scenario::review::DimensionName;
pub use diagnose::{claim_nearness, claim_score, unclear};
pub use difference::Difference;
pub use explain::{Explanation, explain};
pub use graded::{Grade, Together};

use super::{
    impact::Impact,
    journal::{Journal, Mark},
    timeline::Timeline,
    wording::{self, Said},
};
use crate::{
    base::{At, DrillId, Person},
    drill::event::{Event, Outcome},
    scenario::{Profile, act::Act},
};
use serde::{Deserialize, Serialize};

/// The version of the rules. A change to any formula, weight or sentence of a check counts it up.
pub const SCORER_VERSION: u32 = 6;
/// Less than this share of a dimension's weight scored: no figure is given.
pub const COVERAGE_MIN: f64 = 0.6;
/// Below this a check is weak and asks its question.
const WEAK: f64 = 0.7;

/// What a drill was worth, check by check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// [`SCORER_VERSION`] of the program that made it.
    pub scorer: u32,
    /// The drill.
    pub drill: DrillId,
    /// The scenario's digest.
    pub digest: String,
    /// Whose weights and rules were taken.
    pub profile: Profile,
    /// Why nothing is scored, if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unscored: Option<String>,
    /// Every dimension, in the order of the documentation; empty when nothing is scored.
    pub dimensions: Vec<Dimension>,
    /// What the largest gaps make worth talking about; three at most.
    pub questions: Vec<String>,
}

/// One dimension of good play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dimension {
    /// Which.
    pub name: DimensionName,
    /// What it weighs in each profile.
    pub weights: Weights,
    /// Weighted mean of its scored checks, 0 to 1; nothing when too little could be judged.
    pub score: Option<f64>,
    /// The same by either profile: some checks ask for different things.
    pub figures: Figures,
    /// Share of the applicable checks' weight that could be judged, 0 to 1.
    pub coverage: f64,
    /// In words.
    pub sentence: String,
    /// Its checks.
    pub checks: Vec<Check>,
    /// What trainers gave, once their grades were in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<Grade>,
    /// Measurement and trainers side by side; nothing without a grade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
}

/// What a dimension weighs in each profile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// When understanding comes first.
    pub understand_first: f64,
    /// When restoring comes first.
    pub restore_first: f64,
}

impl Weights {
    /// The weight in one profile.
    pub fn of(self, profile: Profile) -> f64 {
        match profile {
            Profile::UnderstandFirst => self.understand_first,
            Profile::RestoreFirst => self.restore_first,
        }
    }
}

/// What a dimension is worth by each profile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When understanding comes first.
    pub understand_first: Option<f64>,
    /// When restoring comes first.
    pub restore_first: Option<f64>,
}

impl Figures {
    /// The figure by one profile.
    pub fn of(self, profile: Profile) -> Option<f64> {
        match profile {
            Profile::UnderstandFirst => self.understand_first,
            Profile::RestoreFirst => self.restore_first,
        }
    }
}

/// What a dimension weighs in each profile; each profile's weights add up to 1 with the part left to graders.
fn weights(name: DimensionName) -> Weights {
    use DimensionName as D;
    let (understand_first, restore_first) = match name {
        D::Detect | D::Engage | D::Communicate => (0.05, 0.10),
        D::Coordinate => (0.10, 0.20),
        D::Diagnose => (0.25, 0.05),
        D::Mitigate => (0.15, 0.25),
        D::Assess => (0.15, 0.05),
        D::Decide | D::Close => (0.05, 0.05),
        D::Learn => (0.10, 0.05),
    };
    Weights { understand_first, restore_first }
}

/// One automatic judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// `detect.declared`: stable.
    pub id: String,
    /// Its dimension.
    pub dimension: DimensionName,
    /// Its weight within the dimension.
    pub weight: f64,
    /// Whether it could be judged.
    pub state: State,
    /// 0 to 1; only when it was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// In words, with its figures.
    pub sentence: String,
    /// What to talk about, when it is weak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The numbers that went into its formula.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Number>,
    /// Journal events that show it.
    pub evidence: Vec<u64>,
    /// What of the truth it was compared with: `measured.windows`, `truth.cause.kind`.
    pub truth_refs: Vec<String>,
}

/// A number that went into a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Number {
    /// What it counts or measures, with its unit.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// Whether a check could be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum State {
    /// Yes.
    Scored,
    /// It does not arise in this drill.
    NotApplicable {
        /// Why.
        why: String,
    },
    /// It arises, and nobody can tell.
    Unknown {
        /// Why.
        why: String,
    },
    /// The drill was over before it could be told.
    Censored {
        /// When.
        at: At,
    },
    /// It was judged, and the judgement does not hold.
    Invalid {
        /// Why.
        why: String,
    },
}

impl Check {
    fn new(id: &str, weight: f64, state: State, score: Option<f64>, said: Said) -> Self {
        let dimension = DimensionName::ALL
            .into_iter()
            .find(|name| id.split('.').next() == Some(name.as_str()))
            .expect("a check's id begins with its dimension");
        let weak = score.is_some_and(|score| score < WEAK);
        Self {
            id: id.to_owned(),
            dimension,
            weight,
            state,
            score: score.map(round),
            sentence: said.sentence,
            question: said.question.filter(|_| weak),
            numbers: Vec::new(),
            evidence: Vec::new(),
            truth_refs: Vec::new(),
        }
    }

    fn scored(id: &str, weight: f64, score: f64, said: Said) -> Self {
        Self::new(id, weight, State::Scored, Some(score), said)
    }

    fn not_applicable(id: &str, weight: f64, why: &str) -> Self {
        let state = State::NotApplicable { why: why.to_owned() };
        Self::new(id, weight, state, None, Said::plain(why))
    }

    fn unknown(id: &str, weight: f64, why: &str) -> Self {
        let state = State::Unknown { why: why.to_owned() };
        Self::new(id, weight, state, None, Said::plain(why))
    }

    /// The drill was over before it could be told.
    fn censored(id: &str, weight: f64, at: At, said: Said) -> Self {
        Self::new(id, weight, State::Censored { at }, None, said)
    }

    fn with<'n>(mut self, numbers: impl IntoIterator<Item = (&'n str, f64)>) -> Self {
        let number = |(name, value): (&str, f64)| Number { name: name.to_owned(), value: round(value) };
        self.numbers.extend(numbers.into_iter().map(number));
        self
    }

    fn by(mut self, evidence: impl IntoIterator<Item = Mark>) -> Self {
        self.evidence = evidence.into_iter().map(|mark| mark.seq).collect();
        self.evidence.sort_unstable();
        self.evidence.dedup();
        // Evidence is for reading; a hundred lines of it are not.
        self.evidence.truncate(20);
        self
    }

    fn against(mut self, truth_refs: &[&str]) -> Self {
        self.truth_refs = truth_refs.iter().map(|&one| one.to_owned()).collect();
        self
    }
}

/// Everything that a check may look at.
#[derive(Clone, Copy)]
struct Sheet<'s, 'a> {
    journal: &'s Journal<'a>,
    timeline: &'s Timeline<'a>,
    impact: &'s Impact,
    profile: Profile,
}

impl<'a> Sheet<'_, 'a> {
    /// What responders did before EndEx, in order.
    fn acts(&self) -> impl Iterator<Item = (Mark, &'a Person, &'a Act)> {
        self.journal.events().iter().filter_map(|recorded| {
            let mark = Mark { seq: recorded.seq, at: recorded.at };
            match &recorded.event {
                Event::Acted { by, act } if self.journal.counts(mark) => Some((mark, by, act)),
                _ => None,
            }
        })
    }

    /// How many people respond.
    fn responders(&self) -> usize {
        self.timeline.responders()
    }

    /// When the incident was over: since when the restoration that held is measured, else EndEx.
    fn incident_end(&self) -> At {
        self.timeline.held_restoration().map_or(self.journal.end(), |(_, since)| since)
    }

    /// Every one of `checks` as not applicable, for the same reason.
    fn none_of(checks: &[(&str, f64)], why: &str) -> Vec<Check> {
        checks.iter().map(|(id, weight)| Check::not_applicable(id, *weight, why)).collect()
    }

    /// Nothing is broken in this drill, and saying so is the right answer.
    fn no_fault(&self) -> bool {
        no_fault(self.journal)
    }

    /// When users were first harmed: as measured, else when the outage was seen, else when the fault was injected.
    fn onset(&self) -> At {
        self.impact
            .onset()
            .or(self.timeline.symptom.map(|mark| mark.at))
            .or(self.timeline.injected().map(|mark| mark.at))
            .unwrap_or(self.journal.start())
    }

    /// From when on there was something to notice.
    fn broken_from(&self) -> At {
        let onset = self.onset();
        self.timeline.injected().map_or(onset, |mark| mark.at.min(onset))
    }

    /// Seconds since StartEx.
    fn secs(&self, at: At) -> f64 {
        secs(self.journal.start(), at)
    }

    /// Why the measurement cannot be used, if it cannot.
    fn blind(&self) -> Option<&'static str> {
        if self.journal.measured().is_empty() {
            Some(wording::NOT_MEASURED)
        } else if self.impact.coverage() < COVERAGE_MIN {
            Some(wording::HARDLY_MEASURED)
        } else {
            None
        }
    }
}

/// Whether the drill has no fault that belongs to an outage.
pub fn no_fault(journal: &Journal<'_>) -> bool {
    let plan = journal.plan();
    let named_none = plan.truth.cause.kind.split('.').next() == Some("none");
    named_none || !plan.injections.iter().any(|injection| injection.related)
}

/// Seconds from `start` to `at`; negative before it.
pub(crate) fn secs(start: At, at: At) -> f64 {
    if at >= start { at.since(start).secs() } else { -start.since(at).secs() }
}

/// Why a drill of this outcome is not scored, if it is not.
fn unscored(journal: &Journal<'_>) -> Option<&'static str> {
    let Some((_, outcome, _)) = journal.ended() else {
        return Some(wording::NOT_ENDED);
    };
    match outcome {
        Outcome::Void | Outcome::Stopped | Outcome::Unfit | Outcome::Missed => {
            Some(wording::unscored(outcome))
        }
        Outcome::Completed | Outcome::Aborted if !journal.has_started() => Some(wording::NEVER_STARTED),
        Outcome::Completed | Outcome::Aborted => None,
    }
}

/// Scores a journal by the plan's profile, or by another one.
pub fn score(journal: &Journal<'_>, profile: Option<Profile>) -> Score {
    let timeline = Timeline::of(journal);
    let impact = Impact::of(journal, &timeline);
    score_with(journal, &timeline, &impact, profile)
}

/// The same for callers that have the folds at hand.
pub(crate) fn score_with(
    journal: &Journal<'_>,
    timeline: &Timeline<'_>,
    impact: &Impact,
    profile: Option<Profile>,
) -> Score {
    // What a second act shows is for the debrief; the score is about the first.
    if let Some(first) = journal.first_act() {
        return score(&first, profile);
    }
    let plan = journal.plan();
    let sheet = Sheet { journal, timeline, impact, profile: profile.unwrap_or(plan.profile) };
    let unscored = unscored(journal).map(str::to_owned);
    let dimensions = if unscored.is_some() {
        Vec::new()
    } else {
        DimensionName::ALL.into_iter().map(|name| judged(name, &sheet)).collect()
    };
    Score {
        scorer: SCORER_VERSION,
        drill: plan.drill.clone(),
        digest: plan.digest.clone(),
        profile: sheet.profile,
        unscored,
        questions: questions(&dimensions, sheet.profile),
        dimensions,
    }
}

/// The dimension by the sheet's profile, with its figures by both.
fn judged(name: DimensionName, sheet: &Sheet<'_, '_>) -> Dimension {
    let by = |profile| dimension(name, &Sheet { profile, ..*sheet }).score;
    let figures =
        Figures { understand_first: by(Profile::UnderstandFirst), restore_first: by(Profile::RestoreFirst) };
    let dimension = dimension(name, sheet);
    let grades = graded::grades(sheet, name);
    let together = Together::of(dimension.score, &grades);
    Dimension { figures, grades, together, ..dimension }
}

fn dimension(name: DimensionName, sheet: &Sheet<'_, '_>) -> Dimension {
    let checks = match name {
        DimensionName::Detect => detect::checks(sheet),
        DimensionName::Diagnose => diagnose::checks(sheet),
        DimensionName::Mitigate => mitigate::checks(sheet),
        DimensionName::Communicate => communicate::checks(sheet),
        DimensionName::Assess => assess::checks(sheet),
        DimensionName::Engage => engage::checks(sheet),
        DimensionName::Coordinate => coordinate::checks(sheet),
        DimensionName::Decide => decide::checks(sheet),
        DimensionName::Close => close::checks(sheet),
        DimensionName::Learn => learn::checks(sheet),
    };
    summed_up(name, graded::without_invalid(sheet, checks))
}

fn summed_up(name: DimensionName, checks: Vec<Check>) -> Dimension {
    let weight_of = |which: &dyn Fn(&Check) -> bool| -> f64 {
        checks.iter().filter(|check| which(check)).map(|check| check.weight).sum()
    };
    let judged = weight_of(&|check| check.score.is_some());
    let applicable = weight_of(&|check| !matches!(check.state, State::NotApplicable { .. }));
    let coverage = if applicable > 0.0 { judged / applicable } else { 0.0 };
    let earned: f64 = checks.iter().filter_map(|check| Some(check.weight * check.score?)).sum();
    let score = (coverage + 1e-9 >= COVERAGE_MIN).then(|| round(earned / judged));
    Dimension {
        name,
        weights: weights(name),
        score,
        figures: Figures { understand_first: None, restore_first: None },
        coverage: round(coverage),
        sentence: wording::dimension(name, score, applicable > 0.0, &checks),
        checks,
        grades: Vec::new(),
        together: None,
    }
}

/// The three largest `weight x (1 - score)` as questions, of different dimensions as far as there are: three views of one
/// thing make one talk, not three.
fn questions(dimensions: &[Dimension], profile: Profile) -> Vec<String> {
    let mut gaps: Vec<(f64, &Check)> = dimensions
        .iter()
        .flat_map(|dimension| {
            let whole: f64 = dimension.checks.iter().map(|check| check.weight).sum();
            dimension.checks.iter().map(move |check| {
                let weight = dimension.weights.of(profile) * check.weight / whole;
                (weight * (1.0 - check.score.unwrap_or(1.0)), check)
            })
        })
        .filter(|(gap, check)| *gap > 0.0 && check.question.is_some())
        .collect();
    gaps.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.id.cmp(&b.1.id)));
    let (mut first, mut more): (Vec<&Check>, Vec<&Check>) = (Vec::new(), Vec::new());
    for (_, check) in gaps {
        let of_another = first.iter().all(|one| one.dimension != check.dimension);
        if of_another { first.push(check) } else { more.push(check) }
    }
    let mut questions: Vec<String> = Vec::new();
    for question in first.into_iter().chain(more).filter_map(|check| check.question.clone()) {
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    questions.truncate(3);
    questions
}

impl Score {
    /// The dimension of that name; nothing when nothing is scored.
    pub fn dimension(&self, name: DimensionName) -> Option<&Dimension> {
        self.dimensions.iter().find(|one| one.name == name)
    }

    /// The check of that id.
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.dimensions.iter().flat_map(|dimension| &dimension.checks).find(|check| check.id == id)
    }

    /// Weighted mean of the scored dimensions, to compare two plays of one scenario when the scorer is tested. It is
    /// never shown: one figure for a drill invites ranking.
    pub fn weighted_mean(&self) -> Option<f64> {
        let scored =
            self.dimensions.iter().filter_map(|one| Some((one.weights.of(self.profile), one.score?)));
        let (whole, sum) =
            scored.fold((0.0, 0.0), |(whole, sum), (weight, score)| (whole + weight, sum + weight * score));
        (whole > 0.0).then(|| round(sum / whole))
    }
}

/// Four decimals: enough for people, and the same bytes everywhere. A sum of nothing is `-0.0`, and reads as 0 here.
fn round(score: f64) -> f64 {
    (score * 10_000.0).round() / 10_000.0 + 0.0
}

#[cfg(test)]
mod tests;
