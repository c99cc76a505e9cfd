//! From a file to checked words: every mistake at once, each with its place.
//!
//! Nothing here reads a file or runs a script. The library reads, runs the injectors' scripts, and hands their answers
//! in: [`parameters`] first (what a script may be given), then [`scenario`] with what the scripts planned.
//!
//! Open first: [`scenario`]. Then `target` for names of the target's parts, `story` for what players are told,
//! `cause` for truth and claims, `severity` for its checklist, `play` for the autopilot, `pack` for pack files,
//! `described` for target files, `tabletop` for table-tops.

mod cause;
mod described;
mod pack;
mod params;
mod play;
mod severity;
mod story;
mod tabletop;
mod target;

pub use described::{Contents, OPERATIONS, SERVICES_MAX, target as described};
pub use pack::{OfTarget, pack};
pub use params::parameters;
pub use tabletop::tabletop;
pub use target::added;

use super::condition::{Condition, Signal, Subject, Test, Threshold};
use super::file::{
    ConditionFile, OneOrMany, Placed, PlayFile, PrerequisiteFile, SCENARIO_FORMAT, Scalar, ScenarioFile,
    TextOr,
};
use super::pack::{Pack, WorkloadShape};
use super::problem::{Findings, Place, Problem};
use super::roster::{Prerequisite, PrerequisiteId, RosterNeeds};
use super::{Duration, Scenario};
use crate::base::Span;
use crate::base::limits::{ARGS_MAX, DRILL_MAX, PREREQUISITES_MAX, TEXT_BYTES_MAX};
use crate::base::names::is_name;
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
    let mut measure = Measure { workload: &workload, pack: given.pack, limit: duration.limit };
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
    let (faults, second_act) = target::faults(&mut found, file, given.planned, target, duration.limit);
    let alarms = story::alarms(&mut found, file, &mut measure);
    let injects = story::injects(&mut found, file, duration.limit);
    let (hints, questions) = story::hints(&mut found, file, given.pack);
    let severity = severity::questions(&mut found, &file.truth, target);
    let truth = cause::truth(&mut found, file, &workload, target);
    let reference_solution = target::reference_solution(&mut found, file, target);
    let sample_claims = cause::sample_claims(&mut found, file, target);
    let stage = play::Stage {
        target,
        alarms: &alarms,
        workload: &workload,
        severity: &severity,
        limit: duration.limit,
        file,
    };
    let (autopilot, mut player_problems) = play::autopilot(&mut found, &stage, given.players);
    let scenario = Scenario {
        name: given.name.to_owned(),
        title: file.title.value.clone(),
        summary: file.summary.trim().to_owned(),
        family: family(&mut found, file, given.name),
        digest: given.digest,
        // The library opens what is sealed, and knows which variant this is.
        sealed: None,
        variant: None,
        variants: Vec::new(),
        pack: given.pack.clone(),
        difficulty: difficulty(&mut found, file),
        duration,
        profile: file.profile,
        objectives: texts(&mut found, &file.objectives),
        roster: roster(&mut found, file, given.pack),
        steady_state,
        workload,
        faults,
        second_act,
        // The library knows the scripts.
        reactors: Vec::new(),
        alarms,
        injects,
        hints,
        questions,
        severity,
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
    let limit = file.duration.limit.as_ref().map_or(Span::from_mins(60), |limit| limit.value);
    let default_par = Span::from_millis(Span::from_mins(20).millis().min(limit.millis() / 3));
    let par = file.duration.par.as_ref().map_or(default_par, |par| par.value);
    if let Some(placed) = &file.duration.limit
        && (limit > DRILL_MAX || limit < Span::from_secs(10))
    {
        found.add(placed.place, format!("a drill lasts from 10s to {DRILL_MAX}"));
    }
    if let Some(placed) = &file.duration.par
        && (par >= limit || par == Span::ZERO)
    {
        found
            .add(placed.place, format!("`par` must be more than nothing and less than the limit of {limit}"));
    }
    Duration { par, limit }
}

fn difficulty(found: &mut Findings, file: &ScenarioFile) -> u8 {
    let Some(difficulty) = &file.difficulty else {
        return 2;
    };
    if !(1..=5).contains(&difficulty.value) {
        found.add(difficulty.place, "difficulty goes from 1 (a first drill) to 5 (experts)");
    }
    difficulty.value
}

fn roster(found: &mut Findings, file: &ScenarioFile, pack: &Pack) -> RosterNeeds {
    let mut range = |given: &Option<Placed<Scalar>>, default| {
        let Some(given) = given else { return default };
        let (least, most) = given.split_once('-').unwrap_or((given, given));
        match (least.trim().parse::<u8>(), most.trim().parse::<u8>()) {
            (Ok(least), Ok(most)) if 1 <= least && least <= most && most <= 100 => (least, most),
            _ => {
                found.add(
                    given.place,
                    format!("`{}` is not a number of people: write `2` or `1-6`", given.value.0),
                );
                default
            }
        }
    };
    let instigators = range(&file.roster.instigators, (1, 1));
    let responders = range(&file.roster.responders, (1, 6));
    RosterNeeds {
        instigators,
        responders,
        mix: file.roster.mix.then(|| pack.name.clone()),
        prerequisites: prerequisites(found, &file.roster.prerequisites, pack),
    }
}

/// What each responder must have, each by a name of its own.
fn prerequisites(found: &mut Findings, written: &[PrerequisiteFile], pack: &Pack) -> Vec<Prerequisite> {
    let mut all: Vec<Prerequisite> = Vec::new();
    if let Some(over) = written.get(PREREQUISITES_MAX) {
        found.add(over.name.place, format!("a scenario has at most {PREREQUISITES_MAX} prerequisites"));
    }
    for one in written.iter().take(PREREQUISITES_MAX) {
        text(found, &one.says, 200);
        match PrerequisiteId::of(&pack.name, &one.name.value) {
            Err(_) => found.add(
                one.name.place,
                "a prerequisite's name has 1 to 64 of a-z, 0-9, `-`, `_` and `.`, like `shell-access`",
            ),
            Ok(id) if all.iter().any(|other| other.id == id) => {
                found.add(one.name.place, format!("the prerequisite `{}` is here twice", one.name.value));
            }
            Ok(id) => {
                let prove = one.prove.as_ref().map(|prove| prove.value.clone()).unwrap_or_default();
                let is_command = |words: &[String]| {
                    words.first().is_some_and(|program| !program.trim().is_empty()) && words.len() <= ARGS_MAX
                };
                if let Some(bad) = one.prove.as_ref().filter(|prove| !is_command(prove)) {
                    let message =
                        format!("a command is a program with its arguments, at most {ARGS_MAX} words");
                    found.add(bad.place, message);
                }
                all.push(Prerequisite { id, says: one.says.value.clone(), prove });
            }
        }
    }
    all
}

/// The family that a scenario is of.
fn family(found: &mut Findings, file: &ScenarioFile, name: &str) -> String {
    let Some(family) = &file.family else { return name.to_owned() };
    if !is_name(&family.value) {
        found.add(
            family.place,
            "a family's name has 1 to 64 of a-z, 0-9, `-`, `_` and `.`, like the name of a scenario",
        );
    }
    family.value.clone()
}

/// A time from StartEx must lie within the drill.
fn within(found: &mut Findings, at: &Placed<Span>, limit: Span) {
    if at.value >= limit {
        found.add(at.place, format!("{} is not before the drill's limit of {limit}", at.value));
    }
}

/// A text that people read: not empty, not longer than `most` bytes.
fn text(found: &mut Findings, text: &Placed<String>, most: usize) {
    if text.trim().is_empty() {
        found.add(text.place, "the text is empty");
    } else if text.len() > most {
        found.add(text.place, format!("the text has {} bytes; at most {most} fit", text.len()));
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
        list.iter().map(|one| self.condition(found, &one.value, one.place, held)).collect()
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
        Condition { subject, tests, over, held }
    }

    fn subject(&self, found: &mut Findings, file: &ConditionFile) -> Subject {
        match (&file.class, &file.probe) {
            (Some(class), None) => {
                let classes = self.workload.classes.iter().map(|known| known.name.as_str());
                if !classes.clone().any(|known| known == class.as_str()) {
                    found.unknown(class.place, "request class", class.as_str(), classes);
                }
                Subject::Class(class.value.clone())
            }
            (None, Some(probe)) => {
                let probes = self.pack.target.probes.iter().map(|known| known.name.as_str());
                if !probes.clone().any(|known| known == probe.as_str()) {
                    found.unknown(probe.place, "probe", probe.as_str(), probes);
                }
                Subject::Probe(probe.value.clone())
            }
            (None, None) => Subject::Workload,
            (Some(_), Some(probe)) => {
                found.add(probe.place, "a condition looks at a class or at a probe, not at both");
                Subject::Workload
            }
        }
    }

    fn restored(&mut self, found: &mut Findings, file: &ScenarioFile) -> Vec<Condition> {
        let held = Span::from_secs(30);
        match &file.restored_when {
            Some(Placed { value: OneOrMany::One(one), place }) => {
                vec![self.condition(found, one, *place, held)]
            }
            Some(Placed { value: OneOrMany::Many(many), .. }) if !many.is_empty() => {
                self.conditions(found, many, held)
            }
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
        Placed { value: TextOr::Text(path), place } => Some(Placed { value: path.clone(), place: *place }),
        Placed { value: TextOr::Other(_), .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::script;
    use crate::scenario::file::{PackFile, read};
    use std::collections::BTreeMap;

    const PACK: &str = "\
format: gameday/pack/v1
title: A pack
target: depot
workloads: {evening: {classes: {put: {rate: 4, path: '/objects/{n}'}}}}
";
    const SCENARIO: &str = "\
format: gameday/scenario/v1
title: A drill
pack: depot
duration: {limit: 10m}
faults:
  - {at: 1m, injector: some}
stop_conditions: [{class: put, failed: '< 100 %'}]
truth:
  cause:
    component: web
    kind: config.value
    facts: [{id: a, says: it is so}]
restored_when: {class: put, failed: '< 1 %'}
reference_solution: [depotctl rollback web]
";

    fn pack() -> Pack {
        let target = serde_json::from_str(include_str!("../../tests/fixtures/depot-target.json")).unwrap();
        let file: PackFile = read("pack.yaml", PACK.as_bytes()).unwrap();
        super::pack("depot", "pack.yaml", &file, OfTarget::BuiltIn(&[target]), Vec::new()).unwrap()
    }

    /// Checks `text` as if its only step's script had answered `plan`.
    fn checked(text: &str, plan: &serde_json::Value) -> Result<Scenario, Vec<String>> {
        let file: ScenarioFile =
            read("drill.yaml", text.as_bytes()).map_err(|problem| vec![problem.headline()])?;
        let planned = [Some(script::planned(plan.clone()).unwrap())];
        let pack = pack();
        let given = Given {
            name: "drill",
            file: "drill.yaml",
            pack: &pack,
            planned: &planned[..file.faults.len()],
            players: None,
            digest: String::new(),
        };
        scenario(&file, given).map_err(|problems| problems.iter().map(Problem::headline).collect())
    }

    fn stop(service: &str, at: &str, lasts: &str) -> serde_json::Value {
        serde_json::json!({"at": at, "lasts": lasts, "fault": {"kind": "process-stop", "service": service}})
    }

    fn told(text: &str, plan: &serde_json::Value) -> String {
        checked(text, plan).err().expect("this must not pass").join("\n")
    }

    fn with(old: &str, new: &str) -> String {
        assert!(SCENARIO.contains(old), "{old}");
        SCENARIO.replacen(old, new, 1)
    }

    fn good_plan() -> serde_json::Value {
        serde_json::json!([stop("session", "5s", "30s")])
    }

    #[test]
    fn times_of_a_step_and_of_its_faults_add_up() {
        let scenario = checked(SCENARIO, &good_plan()).expect("it passes");
        let timed = &scenario.faults[0].timed;
        assert_eq!((timed.at, timed.until), (Span::from_secs(65), Some(Span::from_secs(95))));
        assert_eq!(scenario.duration.par, Span::from_millis(200_000));
        assert_eq!(scenario.steady_state.len(), 1);
        assert_eq!(scenario.truth.milestones.len(), 5);
        assert_eq!(scenario.truth.cause.facts[0].any, [["it is so"]]);
        assert_eq!(scenario.restored_when[0].held, Span::from_secs(30));
    }

    #[test]
    fn a_plan_must_fit_the_target_and_the_drill() {
        let cases = [
            (serde_json::json!([]), "plans no fault"),
            (serde_json::json!([stop("web", "0s", "0s")]), "there is no service instance `web`"),
            (serde_json::json!([stop("session", "9m", "0s")]), "would begin at 10m"),
            (serde_json::json!([stop("session", "0s", "10m")]), "would end at 11m"),
            (
                serde_json::json!([stop("session", "0s", "1m"), stop("session", "30s", "1m")]),
                "at the same time",
            ),
            (
                serde_json::json!([{"fault": {"kind": "volume-fill", "volume": "storage-east", "percent": 101}}]),
                "between 1 and 100 per cent",
            ),
            (
                serde_json::json!([{"fault": {"kind": "file-edit", "file": "webb", "key": "a", "value": "1"}}]),
                "no file `webb`",
            ),
            (
                serde_json::json!([{"fault": {"kind": "release-roll-out", "service": "web-east", "release": "1", "key": "a", "value": "1"}}]),
                "there is no component `web-east`",
            ),
            (
                serde_json::json!([{"fault": {"kind": "file-edit", "file": "web", "key": "a..b", "value": "1"}}]),
                "is not a key",
            ),
        ];
        for (plan, expected) in cases {
            let told = told(SCENARIO, &plan);
            assert!(told.contains(expected) && told.contains("drill.yaml:6:"), "{expected}: {told}");
        }
        let apart = serde_json::json!([stop("session", "0s", "30s"), stop("session", "30s", "30s")]);
        assert!(checked(SCENARIO, &apart).is_ok());
    }

    #[test]
    fn no_more_is_broken_at_once_than_the_caps_allow() {
        let link = |link: &str, at: &str, lasts: &str| serde_json::json!({"at": at, "lasts": lasts, "fault": {"kind": "link-down", "link": link}});
        let names =
            ["edge-web-east", "edge-web-west", "web-east-session", "web-west-session", "web-east-metadata"];
        let at_once: Vec<_> = names.iter().map(|name| link(name, "0s", "0s")).collect();
        let told = told(SCENARIO, &at_once.into());
        assert!(told.contains("5 links have a fault at the same time; the target's cap is 4"), "{told}");
        let in_turn =
            names.iter().enumerate().map(|(nth, name)| link(name, &format!("{}s", nth * 10), "10s"));
        assert!(checked(SCENARIO, &in_turn.collect::<Vec<_>>().into()).is_ok());
        // A roll-out counts every instance of its component: web has two.
        let roll_out = serde_json::json!({"fault": {"kind": "release-roll-out", "service": "web", "release": "1", "key": "a", "value": "1"}});
        let three = ["session", "metadata", "edge"].map(|name| stop(name, "0s", "0s"));
        let plan: Vec<_> = three.into_iter().chain([roll_out]).collect();
        let told = self::told(SCENARIO, &plan.into());
        assert!(told.contains("5 services have a fault"), "{told}");
    }

    #[test]
    fn a_drill_without_a_fault_says_so() {
        let nothing = serde_json::json!([]);
        let no_faults = with("faults:\n  - {at: 1m, injector: some}\n", "");
        assert!(told(&no_faults, &nothing).contains("the truth names a cause, but no fault is planned"));
        let alarm = no_faults
            .replace("kind: config.value", "kind: none.false-alarm")
            .replace("    component: web\n", "");
        assert!(checked(&alarm, &nothing).is_ok());
        let both = SCENARIO.replace("kind: config.value", "kind: none.false-alarm");
        assert!(told(&both, &good_plan()).contains("but this fault is related to it"));
        let noise = both.replace("injector: some", "injector: some, related: false");
        assert!(checked(&noise, &good_plan()).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused_with_a_place_in_it(
            from in 0_usize..700, length in 0_usize..40, put in "[ -~\\n]{0,12}"
        ) {
            let from = from.min(SCENARIO.len());
            let to = (from + length).min(SCENARIO.len());
            let text = [&SCENARIO[..from], &put, &SCENARIO[to..]].concat();
            let lines = text.lines().count() + 1;
            let places = |problems: Vec<Problem>| problems.iter().all(|problem| {
                problem.line <= lines && problem.width >= 1 && !problem.message.is_empty()
            });
            match read::<ScenarioFile>("drill.yaml", text.as_bytes()) {
                Err(problem) => proptest::prop_assert!(places(vec![problem])),
                Ok(file) => {
                    let plan = Some(script::planned(good_plan()).unwrap());
                    let planned = vec![plan; file.faults.len()];
                    let pack = pack();
                    let given = Given {
                        name: "drill",
                        file: "drill.yaml",
                        pack: &pack,
                        planned: &planned,
                        players: None,
                        digest: String::new(),
                    };
                    if let Err(problems) = scenario(&file, given) {
                        proptest::prop_assert!(places(problems));
                    }
                }
            }
        }
    }

    /// What is replaced in the scenario, what by, and what must be told.
    const MISTAKES: &[(&str, &str, &str)] = &[
        ("format: gameday/scenario/v1", "format: gameday/scenario/v2", "drill.yaml:1:9: the format"),
        ("title: A drill", "title: ''", "drill.yaml:2:8: the text is empty"),
        ("limit: 10m", "limit: 13h", "a drill lasts from 10s to 12h"),
        ("limit: 10m", "limit: 10m, par: 10m", "`par` must be"),
        ("pack: depot", "pack: depot\ndifficulty: 6", "difficulty goes from 1"),
        ("pack: depot", "pack: depot\nroster: {responders: 0-3}", "`0-3` is not a number of people"),
        ("pack: depot", "pack: depot\nfamily: a b", "drill.yaml:4:9: a family's name"),
        (
            "pack: depot",
            "pack: depot\nroster: {prerequisites: [{name: a b, says: x}]}",
            "a prerequisite's name has",
        ),
        (
            "pack: depot",
            "pack: depot\nroster: {prerequisites: [{name: vpn, says: x}, {name: vpn, says: y}]}",
            "the prerequisite `vpn` is here twice",
        ),
        ("pack: depot", "pack: depot\nroster: {prerequisites: [{name: vpn, says: ''}]}", "the text is empty"),
        (
            "stop_conditions: [{class: put, failed: '< 100 %'}]",
            "stop_conditions: []",
            "there is no stop condition",
        ),
        ("{class: put, failed: '< 1 %'}", "{class: put}", "this condition tests nothing"),
        ("{class: put, failed: '< 1 %'}", "{class: put, p95: '< 1 %'}", "`< 1 %` is not a threshold"),
        ("{class: put, failed: '< 1 %'}", "{class: put, probe: front-door, p95: '< 1 s'}", "not at both"),
        ("restored_when: {class: put, failed: '< 1 %'}\n", "", "`restored_when` is missing"),
        ("reference_solution: [depotctl rollback web]\n", "", "there is no `reference_solution`"),
        ("[depotctl rollback web]", "[depotctl rollback web-east]", "there is no component `web-east`"),
        ("[depotctl rollback web]", "[rm -rf web]", "the target has no operation"),
        ("facts: [{id: a, says: it is so}]", "facts: []", "needs at least one fact"),
        ("says: it is so}]", "says: it is so}, {id: a, says: b}]", "a second fact has the id `a`"),
        ("{id: a, says: it is so}", "{id: a}", "a fact needs `says`, `any`, or both"),
        ("{id: a, says: it is so}", "{id: a, any: [[]]}", "a fact needs"),
        ("component: web", "component: wbe", "there is no component `wbe`"),
        ("    component: web\n", "", "the cause needs the `component` at fault"),
        ("truth:\n", "truth:\n  impact: {put: 60-40 %}\n", "`60-40 %` is not a share"),
        ("truth:\n", "truth:\n  impact: {got: 40 %}\n", "there is no request class `got`"),
        ("truth:\n", "truth:\n  decision: {broadcast: {effective: false}}\n", "is effective"),
        ("pack: depot", "pack: depot\nalarms: [{name: A}]", "either `when:`"),
        ("pack: depot", "pack: depot\nalarms: [{name: A, at: 1s}, {name: A, at: 2s}]", "a second alarm"),
        (
            "pack: depot",
            "pack: depot\nalarms: [{name: A, at: 1s, summary: 'x {p42}'}]",
            "no placeholder `p42`",
        ),
        ("pack: depot", "pack: depot\ninjects: [{at: 10m, text: x}]", "10m is not before the drill's limit"),
    ];

    #[test]
    fn each_mistake_is_told() {
        for (old, new, expected) in MISTAKES {
            let told = told(&with(old, new), &good_plan());
            assert!(told.contains(expected), "{new}: {told}");
        }
    }

    #[test]
    fn the_autopilot_keeps_to_the_roles() {
        let play = |acts: &str| told(&format!("{SCENARIO}autopilot:\n{acts}"), &good_plan());
        let taken = play("  - {who: a, do: {take-role: ic}}\n  - {who: b, do: {take-role: ic}}\n");
        assert!(taken.contains("drill.yaml:17:18: the role `ic` is held by a"), "{taken}");
        assert!(play("  - {who: a, do: {release-role: ic}}\n").contains("a does not hold the role"));
        assert!(
            play("  - {who: a, do: {hand-over: {role: ic, to: b}}}\n").contains("a does not hold the role")
        );
        assert!(play("  - {after: someday, who: a, do: {say: x}}\n").contains("`someday` is not a moment"));
        assert!(play("  - {who: a, do: {cause: {confidence: 101}}}\n").contains("from 0 to 100"));
        let windows = "  - {who: a, do: {assess: {windows: [{from: T+2m, to: T+1m}]}}}\n";
        assert!(play(windows).contains("does not lie within the drill"));
        let share = "  - {who: a, do: {assess: {failed: {put: {percent: 80, up_to: 20}}}}}\n";
        assert!(play(share).contains("not within 0 and 100 per cent"));
        let good = "  - {who: a, do: {take-role: ic}}\n  - {who: a, do: {hand-over: {role: ic, to: b}}}\n  - {who: b, do: {release-role: ic}}\n";
        let scenario = checked(&format!("{SCENARIO}autopilot:\n{good}"), &good_plan()).expect("it passes");
        assert_eq!(scenario.autopilot[0].after, crate::scenario::Moment::Start);
        assert_eq!(scenario.autopilot[1].after, crate::scenario::Moment::Previous);
    }

    #[test]
    fn a_pack_file_is_checked() {
        let targets: Vec<crate::scenario::pack::TargetDescription> =
            vec![serde_json::from_str(include_str!("../../tests/fixtures/depot-target.json")).unwrap()];
        let cases: BTreeMap<&str, (&str, &str)> = BTreeMap::from([
            ("target: depott", ("target: depot", "there is no built-in target `depott`")),
            ("rate: 0,", ("rate: 4,", "a rate is more than 0")),
            ("path: 'objects'", ("path: '/objects/{n}'", "is not a path")),
            ("path: '/objects/{m}'", ("path: '/objects/{n}'", "is not a path")),
            ("rate: 4, method: FETCH,", ("rate: 4,", "there is no method `FETCH`")),
            ("rate: 4, body_bytes: 9999999,", ("rate: 4,", "a body has at most")),
            ("rate: 4, expect: {status: [99]},", ("rate: 4,", "99 is not an HTTP status")),
            ("rate: 4, expect: {within: 0s},", ("rate: 4,", "an answer is awaited")),
            ("rate: 4, headers: {\"a b\": c},", ("rate: 4,", "is not a header")),
            ("rate: .nan,", ("rate: 4,", "a rate is more than 0")),
            ("{}", ("{evening: {classes: {put: {rate: 4, path: '/objects/{n}'}}}}", "at least one shape")),
        ]);
        for (new, (old, expected)) in cases {
            let text = PACK.replacen(old, new, 1);
            assert_ne!(text, PACK);
            let file: PackFile = read("pack.yaml", text.as_bytes()).unwrap();
            let problems = super::pack("depot", "pack.yaml", &file, OfTarget::BuiltIn(&targets), Vec::new())
                .unwrap_err();
            assert!(problems.iter().any(|problem| problem.message.contains(expected)), "{new}: {problems:?}");
        }
    }
}
