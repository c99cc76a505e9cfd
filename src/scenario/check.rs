//! From a file to checked words: every mistake at once, each with its place.
//!
//! Nothing here reads a file or runs a script. The library reads, runs the injectors' scripts, and hands their answers
//! in: [`parameters`] first (what a script may be given), then [`scenario`] with what the scripts planned.
//!
//! Open first: [`scenario`]. Then [`target`] for names of the target's parts, [`story`] for what players are told,
//! [`cause`] for truth and claims, [`play`] for the autopilot, [`mod@pack`] for pack files.

mod cause;
mod pack;
mod params;
mod play;
mod story;
mod target;

pub use pack::pack;
pub use params::parameters;

use super::condition::{Condition, Signal, Subject, Test, Threshold};
use super::file::{
    ConditionFile, OneOrMany, Placed, PlayFile, SCENARIO_FORMAT, ScenarioFile, TextOr,
};
use super::pack::{Pack, WorkloadShape};
use super::problem::{Findings, Place, Problem};
use super::{Duration, RosterNeeds, Scenario};
use crate::base::Span;
use crate::base::limits::{DRILL_MAX, TEXT_BYTES_MAX};
use crate::fault::injector::Planned;

/// What a scenario is checked against.
pub struct Given<'a> {
    /// The scenario's name: its file's stem.
    pub name: &'a str,
    /// The file as the user named it.
    pub file: &'a str,
    /// Its pack.
    pub pack: &'a Pack,
    /// What each step's script planned; `None` where that failed and was already told.
    pub planned: &'a [Option<Planned>],
    /// The player file, when `autopilot` is a path: its name and content; `None` when reading it failed and was
    /// already told, or when there is none.
    pub players: Option<(&'a str, &'a [Placed<PlayFile>])>,
    /// SHA-256 of everything that shapes the drill.
    pub digest: String,
}

/// Checks a whole scenario. The error holds every problem, in the order of their places.
pub fn scenario(file: &ScenarioFile, given: Given<'_>) -> Result<Scenario, Vec<Problem>> {
    let mut found = Findings::new(given.file);
    format_is(&mut found, &file.format, SCENARIO_FORMAT);
    text(&mut found, &file.title, 200);
    let target = &given.pack.target;
    let duration = duration(&mut found, file);
    let workload = pack::workload(&mut found, file.workload.as_ref(), given.pack);
    let mut measure = Measure {
        workload: &workload,
        pack: given.pack,
        limit: duration.limit,
    };
    let steady_state = if file.steady_state.is_empty() {
        Pack::steady_by_default(&workload)
    } else {
        measure.conditions(&mut found, &file.steady_state, Span::from_secs(5))
    };
    let stop_conditions = measure.conditions(&mut found, &file.stop_conditions, Span::from_secs(5));
    if file.stop_conditions.is_empty() {
        found.add_with_help(
            Place::default(),
            "there is no stop condition",
            "declare under `stop_conditions:` what must hold whatever is broken, for example a probe of a neighbour",
        );
    }
    let restored_when = measure.restored(&mut found, file);
    let faults = target::faults(&mut found, file, given.planned, target, duration.limit);
    let alarms = story::alarms(&mut found, file, &mut measure);
    let injects = story::injects(&mut found, file, duration.limit);
    let (hints, questions) = story::hints(&mut found, file, given.pack);
    let truth = cause::truth(&mut found, file, &workload, target);
    let reference_solution = target::reference_solution(&mut found, file, target);
    let sample_claims = cause::sample_claims(&mut found, file, target);
    let stage = play::Stage {
        target,
        alarms: &alarms,
        workload: &workload,
        limit: duration.limit,
        file,
    };
    let (autopilot, mut player_problems) = play::autopilot(&mut found, &stage, given.players);
    let scenario = Scenario {
        name: given.name.to_owned(),
        title: file.title.value.clone(),
        summary: file.summary.trim().to_owned(),
        digest: given.digest,
        pack: given.pack.clone(),
        difficulty: difficulty(&mut found, file),
        duration,
        profile: file.profile,
        objectives: texts(&mut found, &file.objectives),
        roster: roster(&mut found, file),
        steady_state,
        workload,
        faults,
        alarms,
        injects,
        hints,
        questions,
        stop_conditions,
        restored_when,
        truth,
        reference_solution,
        sample_claims,
        autopilot,
    };
    let mut problems = found.into_problems();
    problems.append(&mut player_problems);
    if problems.is_empty() {
        return Ok(scenario);
    }
    problems.sort_by_key(|problem| (problem.file != given.file, problem.line, problem.column));
    Err(problems)
}

fn format_is(found: &mut Findings, format: &Placed<String>, expected: &str) {
    if format.value != expected {
        found.add_with_help(
            format.place,
            format!("the format `{}` is not known", format.value),
            format!("this version reads `{expected}`"),
        );
    }
}

fn duration(found: &mut Findings, file: &ScenarioFile) -> Duration {
    let limit = file
        .duration
        .limit
        .as_ref()
        .map_or(Span::from_mins(60), |limit| limit.value);
    let default_par = Span::from_millis(Span::from_mins(20).millis().min(limit.millis() / 3));
    let par = file
        .duration
        .par
        .as_ref()
        .map_or(default_par, |par| par.value);
    if let Some(placed) = &file.duration.limit
        && (limit > DRILL_MAX || limit < Span::from_secs(10))
    {
        found.add(
            placed.place,
            format!("a drill lasts from 10s to {DRILL_MAX}"),
        );
    }
    if let Some(placed) = &file.duration.par
        && (par >= limit || par == Span::ZERO)
    {
        found.add(
            placed.place,
            format!("`par` must be more than nothing and less than the limit of {limit}"),
        );
    }
    Duration { par, limit }
}

fn difficulty(found: &mut Findings, file: &ScenarioFile) -> u8 {
    let Some(difficulty) = &file.difficulty else {
        return 2;
    };
    if !(1..=5).contains(&difficulty.value) {
        found.add(
            difficulty.place,
            "difficulty goes from 1 (a first drill) to 5 (experts)",
        );
    }
    difficulty.value
}

fn roster(found: &mut Findings, file: &ScenarioFile) -> RosterNeeds {
    let mut range = |given: &Option<Placed<String>>, default| {
        let Some(given) = given else { return default };
        let (least, most) = given
            .split_once('-')
            .unwrap_or((given.as_str(), given.as_str()));
        match (least.trim().parse::<u8>(), most.trim().parse::<u8>()) {
            (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= 100 => (least, most),
            _ => {
                found.add(
                    given.place,
                    format!(
                        "`{}` is not a number of people: write `2` or `1-6`",
                        given.value
                    ),
                );
                default
            }
        }
    };
    RosterNeeds {
        instigators: range(&file.roster.instigators, (1, 1)),
        responders: range(&file.roster.responders, (1, 6)),
    }
}

/// A time from StartEx must lie within the drill.
fn within(found: &mut Findings, at: &Placed<Span>, limit: Span) {
    if at.value >= limit {
        found.add(
            at.place,
            format!("{} is not before the drill's limit of {limit}", at.value),
        );
    }
}

/// A text that people read: not empty, not longer than `most` bytes.
fn text(found: &mut Findings, text: &Placed<String>, most: usize) {
    if text.trim().is_empty() {
        found.add(text.place, "the text is empty");
    } else if text.len() > most {
        found.add(
            text.place,
            format!("the text has {} bytes; at most {most} fit", text.len()),
        );
    }
}

fn texts(found: &mut Findings, list: &[Placed<String>]) -> Vec<String> {
    list.iter()
        .map(|entry| {
            text(found, entry, TEXT_BYTES_MAX);
            entry.value.clone()
        })
        .collect()
}

/// What conditions are checked against.
struct Measure<'a> {
    workload: &'a WorkloadShape,
    pack: &'a Pack,
    limit: Span,
}

impl Measure<'_> {
    fn conditions(
        &mut self,
        found: &mut Findings,
        list: &[Placed<ConditionFile>],
        held: Span,
    ) -> Vec<Condition> {
        list.iter()
            .map(|one| self.condition(found, &one.value, one.place, held))
            .collect()
    }

    fn condition(
        &mut self,
        found: &mut Findings,
        file: &ConditionFile,
        place: Place,
        held: Span,
    ) -> Condition {
        let subject = self.subject(found, file);
        let expect = file.expect.clone().unwrap_or_default();
        let signals = [
            (Signal::Failed, [&file.failed, &expect.failed]),
            (Signal::Success, [&file.success, &expect.success]),
            (Signal::P50, [&file.p50, &expect.p50]),
            (Signal::P95, [&file.p95, &expect.p95]),
            (Signal::P99, [&file.p99, &expect.p99]),
        ];
        let mut tests = Vec::new();
        let mut written = false;
        for (signal, given) in signals {
            for text in given.into_iter().flatten() {
                written = true;
                match Threshold::parse(signal, text) {
                    Ok(threshold) => tests.push(Test { signal, threshold }),
                    Err(bad) => found.add(text.place, bad.to_string()),
                }
            }
        }
        if !written {
            found.add_with_help(
                place,
                "this condition tests nothing",
                "add one of `failed`, `success`, `p50`, `p95`, `p99`, for example `failed: \"> 5 %\"`",
            );
        }
        let mut span = |given: &Option<Placed<Span>>, default: Span| {
            let Some(given) = given else { return default };
            within(found, given, self.limit);
            given.value
        };
        let over = span(&file.over, Span::from_secs(5));
        let held = span(&file.held, held);
        if let Some(given) = &file.over
            && (given.value < Span::from_secs(1) || given.value > Span::from_mins(60))
        {
            found.add(given.place, "a window lasts from 1s to 1h");
        }
        Condition {
            subject,
            tests,
            over,
            held,
        }
    }

    fn subject(&self, found: &mut Findings, file: &ConditionFile) -> Subject {
        match (&file.class, &file.probe) {
            (Some(class), None) => {
                let classes = self
                    .workload
                    .classes
                    .iter()
                    .map(|known| known.name.as_str());
                if !classes.clone().any(|known| known == class.as_str()) {
                    found.unknown(class.place, "request class", class.as_str(), classes);
                }
                Subject::Class(class.value.clone())
            }
            (None, Some(probe)) => {
                let probes = self
                    .pack
                    .target
                    .probes
                    .iter()
                    .map(|known| known.name.as_str());
                if !probes.clone().any(|known| known == probe.as_str()) {
                    found.unknown(probe.place, "probe", probe.as_str(), probes);
                }
                Subject::Probe(probe.value.clone())
            }
            (None, None) => Subject::Workload,
            (Some(_), Some(probe)) => {
                found.add(
                    probe.place,
                    "a condition looks at a class or at a probe, not at both",
                );
                Subject::Workload
            }
        }
    }

    fn restored(&mut self, found: &mut Findings, file: &ScenarioFile) -> Vec<Condition> {
        let held = Span::from_secs(30);
        match &file.restored_when {
            Some(Placed {
                value: OneOrMany::One(one),
                place,
            }) => vec![self.condition(found, one, *place, held)],
            Some(Placed {
                value: OneOrMany::Many(many),
                ..
            }) if !many.is_empty() => self.conditions(found, many, held),
            _ => {
                found.add_with_help(
                    Place::default(),
                    "`restored_when` is missing: nobody could tell when service is back",
                    "add for example `restored_when: {class: put, failed: \"< 1 %\", for: 30s}`",
                );
                Vec::new()
            }
        }
    }
}

/// The path of the player file, when `autopilot` names one.
pub fn player_file(file: &ScenarioFile) -> Option<Placed<String>> {
    match file.autopilot.as_ref()? {
        Placed {
            value: TextOr::Text(path),
            place,
        } => Some(Placed {
            value: path.clone(),
            place: *place,
        }),
        Placed {
            value: TextOr::Other(_),
            ..
        } => None,
    }
}
