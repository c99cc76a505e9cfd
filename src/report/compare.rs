//! Several runs of one scenario side by side. Runs are letters in the order in which they were given: nothing here ranks
//! them, averages them or draws a line from one to the next.

use super::{
    debrief::{Moment, build},
    impact::Impact,
    journal::Journal,
    score::{DimensionName, score_with, secs, seen::Seen},
    timeline::Timeline,
    wording::{self, page},
};
use crate::{base::At, drill::event::Outcome};
use serde::Serialize;

/// The version of the JSON form.
pub const FORMAT: &str = "gameday/comparison/v1";
/// Most runs on one page.
pub const RUNS_MAX: usize = 12;

/// Why runs cannot be laid side by side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// Fewer than two, or more than [`RUNS_MAX`].
    #[error("could not compare {0} runs: two to {RUNS_MAX} fit beside each other")]
    Count(usize),
    /// Another scenario.
    #[error(
        "could not compare runs of different scenarios: run {letter} is of `{found}`, and run A of `{wanted}`"
    )]
    Scenario {
        /// Which run.
        letter: char,
        /// Its scenario.
        found: String,
        /// That of the first.
        wanted: String,
    },
    /// The same run twice.
    #[error("could not compare a run with itself: {0} and {1} are the same drill")]
    Twice(char, char),
}

/// Runs of one scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: &'static str,
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The runs.
    pub runs: Vec<Run>,
    /// Moments and lengths.
    pub measures: Vec<Measure>,
    /// The capabilities, each by the run's own profile.
    pub capabilities: Vec<Capability>,
    /// What keeps the runs from being quite the same.
    pub differences: Vec<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// `A`, `B`, ...
    pub letter: char,
    /// The drill.
    pub drill: String,
    /// StartEx.
    pub start: Moment,
    /// Its day.
    pub date: String,
    /// The profile, in words.
    pub profile: &'static str,
    /// How many responded.
    pub responders: usize,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why nothing is scored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unscored: Option<String>,
}

/// A moment or length of every run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// What, with its zero point.
    pub name: &'static str,
    /// Seconds, run after run.
    pub seconds: Vec<Option<f64>>,
}

/// A capability of every run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capability {
    /// Which.
    pub name: DimensionName,
    /// 0 to 1, run after run.
    pub figures: Vec<Option<f64>>,
}

/// Lays runs side by side.
pub fn compare(journals: &[Journal<'_>]) -> Result<Comparison, Incomparable> {
    if !(2..=RUNS_MAX).contains(&journals.len()) {
        return Err(Incomparable::Count(journals.len()));
    }
    let first = journals[0].plan();
    for (index, journal) in journals.iter().enumerate() {
        let plan = journal.plan();
        if plan.scenario != first.scenario {
            let (found, wanted) = (plan.scenario.clone(), first.scenario.clone());
            return Err(Incomparable::Scenario { letter: letter(index), found, wanted });
        }
        if let Some(other) = journals[..index].iter().position(|other| other.plan().drill == plan.drill) {
            return Err(Incomparable::Twice(letter(other), letter(index)));
        }
    }
    let mut comparison = Comparison {
        format: FORMAT,
        scenario: first.scenario.clone(),
        title: first.title.clone(),
        runs: Vec::new(),
        measures: page::MEASURES.map(|name| Measure { name, seconds: Vec::new() }).to_vec(),
        capabilities: DimensionName::ALL.map(|name| Capability { name, figures: Vec::new() }).to_vec(),
        differences: differences(journals),
    };
    for (index, journal) in journals.iter().enumerate() {
        comparison.add(index, journal);
    }
    Ok(comparison)
}

fn letter(index: usize) -> char {
    (b'A'..=b'Z').nth(index).map_or('?', char::from)
}

impl Comparison {
    fn add(&mut self, index: usize, journal: &Journal<'_>) {
        let timeline = Timeline::of(journal);
        let impact = Impact::of(journal, &timeline);
        let score = score_with(journal, &timeline, &impact, None);
        let plan = journal.plan();
        for (measure, seconds) in self.measures.iter_mut().zip(measures(journal, &timeline, &impact)) {
            measure.seconds.push(seconds);
        }
        for capability in &mut self.capabilities {
            capability.figures.push(score.dimension(capability.name).and_then(|one| one.score));
        }
        self.runs.push(Run {
            letter: letter(index),
            drill: plan.drill.to_string(),
            start: build::moment(journal, journal.start()),
            date: journal.start().date(),
            profile: page::profile(plan.profile),
            responders: timeline.responders(),
            outcome: journal.ended().map(|(_, outcome, _)| outcome),
            unscored: score.unscored,
        });
    }
}

/// In the order of [`page::MEASURES`].
fn measures(journal: &Journal<'_>, timeline: &Timeline<'_>, impact: &Impact) -> [Option<f64>; 6] {
    let onset = Seen::of(journal, timeline, impact).incident().map(|(onset, _)| onset);
    let after = |at: Option<At>| Some(secs(onset?, at?)).filter(|seconds| *seconds >= 0.0);
    let noticed = onset.and_then(|onset| timeline.first_recognition(onset)).map(|mark| mark.at);
    let declared = timeline.declared.first().map(|(mark, _)| mark.at);
    let told = timeline
        .statuses
        .iter()
        .map(|status| status.mark.at)
        .find(|at| onset.is_some_and(|onset| *at >= onset));
    let restored = timeline.held_restoration().map(|(_, since)| since);
    let harmed = (!journal.measured().is_empty()).then(|| impact.length().secs());
    [after(noticed), after(declared), after(told), after(restored), harmed, Some(journal.length().secs())]
}

fn differences(journals: &[Journal<'_>]) -> Vec<String> {
    let first = journals[0].plan();
    let letters = |differs: &dyn Fn(&Journal<'_>) -> bool| {
        let which = journals.iter().enumerate().filter(|(_, journal)| differs(journal));
        which.map(|(index, _)| letter(index).to_string()).collect::<Vec<_>>()
    };
    let texts = [
        (letters(&|journal| journal.plan().digest != first.digest), page::OTHER_TEXT),
        (letters(&|journal| journal.plan().profile != first.profile), page::OTHER_PROFILE),
    ];
    texts
        .into_iter()
        .filter(|(which, _)| !which.is_empty())
        .map(|(which, says)| format!("{} {says}", wording::list(&which)))
        .collect()
}
