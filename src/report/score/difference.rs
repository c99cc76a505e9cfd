//! A journal scored again: what a newer scorer says otherwise than the score that was kept.

use super::{Score, State};
use crate::scenario::Profile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A score that was kept, as far as it is compared. Older ones lack what is newer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Kept {
    /// The scorer's version.
    pub scorer: u32,
    /// By which profile.
    pub profile: Profile,
    /// The drill.
    pub drill: String,
    #[serde(default)]
    dimensions: Vec<KeptDimension>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct KeptDimension {
    name: String,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    checks: Vec<KeptCheck>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct KeptCheck {
    id: String,
    #[serde(default)]
    score: Option<f64>,
    #[serde(default)]
    sentence: String,
}

/// What differs between two scores of one journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The version that was kept.
    pub was_scorer: u32,
    /// This program's.
    pub is_scorer: u32,
    /// Capabilities whose figure is another one.
    pub dimensions: Vec<Changed>,
    /// Checks that are new, gone, or judged otherwise.
    pub checks: Vec<Changed>,
}

/// One figure, then and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Changed {
    /// Of what.
    pub name: String,
    /// Then; nothing where it was not judged.
    pub was: Option<f64>,
    /// Now.
    pub is: Option<f64>,
    /// How it came and went.
    pub how: How,
    /// What the newer scorer says of it.
    pub sentence: String,
}

/// How a figure came and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// It was not there.
    New,
    /// It is not there any more.
    Gone,
    /// It is another one.
    Changed,
}

/// Smaller differences are those of rounding.
const ALIKE: f64 = 0.0001;

impl Difference {
    /// Whether both say the same.
    pub fn is_empty(&self) -> bool {
        self.dimensions.is_empty() && self.checks.is_empty()
    }

    /// Compares what was kept with a score of now.
    pub fn of(kept: &Kept, now: &Score) -> Self {
        let was = kept.dimensions.iter().map(|one| (one.name.clone(), one.score, String::new()));
        let is =
            now.dimensions.iter().map(|one| (one.name.as_str().to_owned(), one.score, one.sentence.clone()));
        let dimensions = changed(was, is);
        let was = kept
            .dimensions
            .iter()
            .flat_map(|one| &one.checks)
            .map(|one| (one.id.clone(), one.score, one.sentence.clone()));
        let is = now.dimensions.iter().flat_map(|one| &one.checks).map(|one| {
            let applies = !matches!(one.state, State::NotApplicable { .. });
            (one.id.clone(), one.score.filter(|_| applies), one.sentence.clone())
        });
        let checks = changed(was, is);
        Self { was_scorer: kept.scorer, is_scorer: now.scorer, dimensions, checks }
    }
}

type Figure = (String, Option<f64>, String);

fn changed(was: impl Iterator<Item = Figure>, is: impl Iterator<Item = Figure>) -> Vec<Changed> {
    let mut was: BTreeMap<String, (Option<f64>, String)> =
        was.map(|(name, value, sentence)| (name, (value, sentence))).collect();
    let mut all = Vec::new();
    for (name, value, sentence) in is {
        match was.remove(&name) {
            None => all.push(Changed { name, was: None, is: value, how: How::New, sentence }),
            Some((before, _)) if alike(before, value) => {}
            Some((before, _)) => {
                all.push(Changed { name, was: before, is: value, how: How::Changed, sentence });
            }
        }
    }
    let gone = was.into_iter().map(|(name, (value, sentence))| Changed {
        name,
        was: value,
        is: None,
        how: How::Gone,
        sentence,
    });
    all.extend(gone);
    all
}

fn alike(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => (a - b).abs() <= ALIKE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Journal, score, tests::builder::perfect};

    #[test]
    fn a_score_does_not_differ_from_itself_and_an_older_one_is_told_apart() {
        let journal = perfect().journal();
        let now = score(&Journal::new(&journal).unwrap(), None);
        let mut kept = serde_json::to_value(&now).unwrap();
        let read = |kept: &serde_json::Value| serde_json::from_value::<Kept>(kept.clone()).unwrap();
        assert!(Difference::of(&read(&kept), &now).is_empty());
        kept["scorer"] = 1.into();
        kept["dimensions"][0]["score"] = 0.25.into();
        kept["dimensions"][0]["checks"][0]["id"] = "detect.gone".into();
        let differs = Difference::of(&read(&kept), &now);
        assert_eq!((differs.was_scorer, differs.is_scorer), (1, now.scorer));
        assert_eq!(differs.dimensions[0].was, Some(0.25));
        let how: Vec<_> = differs.checks.iter().map(|one| (one.how, one.name.as_str())).collect();
        let first = &now.dimensions[0].checks[0].id;
        assert_eq!(how, [(How::New, first.as_str()), (How::Gone, "detect.gone")]);
    }
}
