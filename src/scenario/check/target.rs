//! Faults and operations against the target's description: what exists, what fits, how much is touched.

use super::params::{files, services};
use crate::base::limits::FAULTS_MAX;
use crate::base::{ServiceName, Span, names::is_name};
use crate::fault::{Fault, HttpAct, Place as Touched, injector::Planned, toxiproxy};
use crate::scenario::PlannedFault;
use crate::scenario::blast::{Blast, beyond_caps};
use crate::scenario::file::{Placed, ScenarioFile};
use crate::scenario::pack::{Driver, HandsOff, Part, PartKind, TargetDescription};
use crate::scenario::problem::{Findings, Place};

/// Every fault of every step in the order of their times, checked against the target and its blast caps.
pub(super) fn faults(
    found: &mut Findings,
    file: &ScenarioFile,
    planned: &[Option<Planned>],
    target: &TargetDescription,
    limit: Span,
) -> (Vec<PlannedFault>, Vec<PlannedFault>) {
    let mut all: Vec<(Place, PlannedFault)> = Vec::new();
    let mut second = Vec::new();
    for (step, plan) in file.faults.iter().zip(planned) {
        if let Some(at) = &step.at {
            super::within(found, at, limit);
        }
        let Some(plan) = plan else { continue };
        if plan.0.is_empty() {
            found.add(
                step.place,
                format!("the injector `{}` plans no fault with these parameters", step.injector.value),
            );
        }
        let start = step.at.as_ref().map_or(Span::ZERO, |at| at.value);
        for timed in &plan.0 {
            let mut timed = timed.clone();
            timed.at = start + timed.at;
            timed.until = timed.until.map(|until| start + until);
            if let Err(message) = times(timed.at, timed.until, limit) {
                found.add(step.place, message);
            }
            fits(found, step.place, &timed.fault, target);
            let injector = step.injector.value.clone();
            let act = if step.second_act { &mut second } else { &mut all };
            act.push((step.place, PlannedFault { injector, related: step.related, timed }));
        }
    }
    let count = all.len() + second.len();
    if count > FAULTS_MAX {
        found.add(Place::default(), format!("{count} faults are planned; at most {FAULTS_MAX} may be"));
    } else {
        // What the first act has left is looked at again when the second begins.
        for act in [&all, &second] {
            overlaps(found, act);
            blast(found, act, target);
        }
    }
    let in_order = |mut act: Vec<(Place, PlannedFault)>| {
        act.sort_by_key(|(_, fault)| fault.timed.at);
        act.into_iter().map(|(_, fault)| fault).collect()
    };
    (in_order(all), in_order(second))
}

/// Whether `new` faults may be added to those that are `there`: all that is asked of a plan, in one sentence.
pub fn added(
    target: &TargetDescription,
    there: &[PlannedFault],
    new: &[PlannedFault],
    limit: Span,
) -> Result<(), String> {
    let mut found = Findings::new("");
    for fault in new {
        if let Err(message) = times(fault.timed.at, fault.timed.until, limit) {
            found.add(Place::default(), message);
        }
        fits(&mut found, Place::default(), &fault.timed.fault, target);
    }
    let all: Vec<_> = there.iter().chain(new).map(|fault| (Place::default(), fault.clone())).collect();
    overlaps(&mut found, &all);
    blast(&mut found, &all, target);
    found.into_problems().first().map_or(Ok(()), |problem| Err(problem.message.clone()))
}

fn times(at: Span, until: Option<Span>, limit: Span) -> Result<(), String> {
    if at >= limit {
        return Err(format!("a fault would begin at {at}, not before the drill's limit of {limit}"));
    }
    match until {
        Some(until) if until <= at => Err(format!("a fault would end at {until}, before it begins at {at}")),
        Some(until) if until > limit => {
            Err(format!("a fault would end at {until}, after the drill's limit of {limit}"))
        }
        _ => Ok(()),
    }
}

/// Whether what the fault touches exists, and whether its figures make sense.
fn fits(found: &mut Findings, place: Place, fault: &Fault, target: &TargetDescription) {
    let mut wants = |what: &str, name: &str, known: Vec<&str>| {
        if !known.contains(&name) {
            found.unknown(place, what, name, known);
        }
    };
    match fault.place() {
        Touched::Link(link) => {
            wants("link", link.as_str(), target.links.iter().map(|link| link.name.as_str()).collect());
        }
        Touched::Volume(volume) => {
            wants(
                "volume",
                volume.as_str(),
                target.volumes.iter().map(|volume| volume.name.as_str()).collect(),
            );
        }
        Touched::File(file) if matches!(fault, Fault::FileEdit { .. }) => {
            wants("file", &file, target.files.iter().map(|file| file.name.as_str()).collect());
        }
        Touched::File(file) => wants("file", &file, files(target)),
        Touched::Part { kind, name } => {
            let of_kind = target.parts.iter().filter(|part| part.kind.as_str() == kind);
            wants(kind, &name, of_kind.map(|part| part.name.as_str()).collect());
        }
        Touched::FrontDoor => {}
        Touched::Service(service) if matches!(fault, Fault::ReleaseRollOut { .. }) => {
            wants("component", service.as_str(), target.components());
        }
        Touched::Service(service) => {
            let instances = target.services.iter().map(|service| service.name.as_str()).collect();
            wants("service instance", service.as_str(), instances);
        }
    }
    of_link(found, place, fault, target);
    of_registry(found, place, fault, target);
    match fault {
        Fault::ProcessStop { service } | Fault::ProcessKill { service } => {
            of_process(found, place, fault, service, target);
        }
        Fault::ReleaseRollOut { .. } if target.driver != Driver::Depot => {
            found.add(place, "a described target has no releases: change its configuration instead");
        }
        Fault::VolumeFill { percent, .. } if !(1..=100).contains(percent) => {
            found.add(place, format!("a volume is filled to between 1 and 100 per cent, not {percent}"));
        }
        Fault::LinkBandwidth { rate_kb_s: 0, .. } | Fault::LinkSharedBandwidth { rate_kb_s: 0, .. } => {
            found.add(place, "a bandwidth of nothing is a black hole: use that injector");
        }
        Fault::LinkLatency { latency_ms: 0, jitter_ms: 0, .. } => {
            found.add(place, "a latency of nothing changes nothing");
        }
        Fault::FileEdit { key, .. } | Fault::ReleaseRollOut { key, .. } if !is_dotted_key(key) => {
            found.add(place, format!("`{}` is not a key: write it like `pool.size`", shown(key)));
        }
        Fault::ReleaseRollOut { release, .. } if !is_name(release) => {
            found.add(place, format!("`{}` is not a release: write it like `2026.11.3`", shown(release)));
        }
        fault => {
            if let Err(message) = fault.check_figures() {
                found.add(place, message);
            }
        }
    }
}

/// Whether those whose entries a fault touches are instances of the target.
fn of_registry(found: &mut Findings, place: Place, fault: &Fault, target: &TargetDescription) {
    let (instance, to) = match fault {
        Fault::RegistryRemove { instance, .. } => (instance, None),
        Fault::RegistryRedirect { instance, to, .. } => (instance, Some(to)),
        _ => return,
    };
    let known: Vec<_> = target.services.iter().map(|service| service.name.as_str()).collect();
    for name in [Some(instance), to].into_iter().flatten().filter(|name| !known.contains(&name.as_str())) {
        found.unknown(place, "service instance", name.as_str(), known.clone());
    }
}

/// Whether the process is in anybody's hands here.
fn of_process(
    found: &mut Findings,
    place: Place,
    fault: &Fault,
    service: &ServiceName,
    target: &TargetDescription,
) {
    match target.hands_off.get(service) {
        Some(HandsOff::Process) => {
            let container = |part: &Part| part.kind == PartKind::Container && part.service == *service;
            let help = if target.parts.iter().any(container) {
                "it is a container: use `frozen-container`, `stopped-container` or `killed-container`"
            } else {
                "give it `start` or `pid_file` in the target file, or break one of its links"
            };
            found.add_with_help(place, format!("nobody here can touch the process of `{service}`"), help);
        }
        Some(HandsOff::Kill) if matches!(fault, Fault::ProcessKill { .. }) => found.add_with_help(
            place,
            format!("`{service}` cannot be killed: nobody here could start it again"),
            "give it `start_again` in the target file, or let it hang instead",
        ),
        _ => {}
    }
}

/// Whether the figures of a link's fault make sense.
fn of_link(found: &mut Findings, place: Place, fault: &Fault, target: &TargetDescription) {
    let percent = match fault {
        Fault::LinkLatency { only, .. }
        | Fault::LinkReset { only, .. }
        | Fault::LinkBandwidth { only, .. }
        | Fault::LinkTimeout { only, .. }
        | Fault::LinkSlowClose { only, .. }
        | Fault::LinkLimitData { only, .. }
        | Fault::LinkSlicer { only, .. }
        | Fault::LinkSharedBandwidth { only, .. } => only.toxicity_percent,
        Fault::LinkLoss { percent, .. } | Fault::LinkHttp { percent, .. } => *percent,
        _ => return,
    };
    if let Some(by) = target.links.iter().find(|link| Touched::Link(link.name.clone()) == fault.place())
        && by.toxiproxy.is_some()
        && let Err(why) = toxiproxy::change(fault)
    {
        found.add_with_help(
            place,
            format!("link `{}` cannot be broken so: {why}", by.name),
            "take another injector, or let Gameday's own proxy carry the link",
        );
    }
    if !(1..=100).contains(&percent) {
        found.add(place, format!("a share is between 1 and 100 per cent, not {percent}"));
    }
    match fault {
        Fault::LinkReset { only, .. } if !only.stream.is_both() => {
            found.add(place, "a reset ends both directions: leave `stream` out");
        }
        Fault::LinkSlowClose { delay_ms: 0, .. } => found.add(place, "a delay of nothing changes nothing"),
        Fault::LinkSlicer { average_size: 0, .. } => {
            found.add(place, "a piece has at least 1 byte: set `average_size`");
        }
        Fault::LinkHttp { link, path, act, .. } => {
            if target.links.iter().any(|known| known.name == *link && !known.http) {
                found.add(place, format!("link `{link}` is not declared to carry HTTP"));
            }
            if !path.starts_with('/') {
                found.add(
                    place,
                    format!("`{}` is not the beginning of a path: write it like `/objects`", shown(path)),
                );
            }
            match act {
                HttpAct::Status(status) if !(400..=599).contains(status) => {
                    found.add(place, format!("a status is between 400 and 599, not {status}"));
                }
                HttpAct::DelayMs(0) => found.add(place, "a delay of nothing changes nothing"),
                _ => {}
            }
        }
        _ => {}
    }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn is_dotted_key(key: &str) -> bool {
    key.len() <= 128 && key.split('.').all(|part| is_name(part) && !part.contains('.'))
}

/// The same change twice at once in the same place could not be undone one by one.
fn overlaps(found: &mut Findings, all: &[(Place, PlannedFault)]) {
    let end = |fault: &PlannedFault| fault.timed.until.unwrap_or(Span::from_millis(u64::MAX));
    for (index, (place, later)) in all.iter().enumerate() {
        let clash = all[..index].iter().any(|(_, earlier)| {
            earlier.timed.fault.kind() == later.timed.fault.kind()
                && earlier.timed.fault.place() == later.timed.fault.place()
                && earlier.timed.at < end(later)
                && later.timed.at < end(earlier)
        });
        if clash {
            let (kind, part) = (later.timed.fault.kind(), later.timed.fault.place());
            found.add(*place, format!("two faults of the kind `{kind}` are on {part} at the same time"));
        }
    }
}

/// How much of the target has a fault at the same time, against its caps.
fn blast(found: &mut Findings, all: &[(Place, PlannedFault)], target: &TargetDescription) {
    let faults: Vec<_> =
        all.iter().map(|(_, one)| (one.timed.at, one.timed.until, &one.timed.fault)).collect();
    for Blast { fault, at, what, count, cap } in beyond_caps(target, &faults) {
        found.add_with_help(
            all[fault].0,
            format!("from {at} on, {count} {what} have a fault at the same time; the target's cap is {cap}"),
            "break less, or end one fault before the next begins",
        );
    }
}

/// The reference solution as argument vectors that the target knows.
pub(super) fn reference_solution(
    found: &mut Findings,
    file: &ScenarioFile,
    target: &TargetDescription,
) -> Vec<Vec<String>> {
    if file.reference_solution.is_empty() && !file.faults.is_empty() {
        found.add_with_help(
            Place::default(),
            "there is no `reference_solution`: nothing proves that the outage can be repaired",
            "list the operations that repair it, for example `- depotctl restart session`",
        );
    }
    let mut lines = Vec::new();
    for line in &file.reference_solution {
        let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        operation(found, &Placed { value: argv.as_slice(), place: line.place }, target);
        lines.push(argv);
    }
    lines
}

/// Whether the target has this operation, and its parts.
pub(super) fn operation(found: &mut Findings, argv: &Placed<&[String]>, target: &TargetDescription) {
    let line = argv.join(" ");
    let fitting = target.operations.iter().find(|pattern| shape_fits(pattern, argv));
    let Some(pattern) = fitting else {
        let known = target.operations.iter().map(String::as_str);
        found.add_with_help(
            argv.place,
            format!("the target has no operation `{}`", shown(&line)),
            format!("its operations: {}", known.collect::<Vec<_>>().join(", ")),
        );
        return;
    };
    for (word, arg) in pattern.split_whitespace().zip(argv.iter()) {
        match word {
            "{component}" if !target.components().contains(&arg.as_str()) => {
                found.unknown(argv.place, "component", arg, target.components());
            }
            "{service}" if !target.has_service(arg) => {
                found.unknown(argv.place, "service", arg, services(target));
            }
            "{file}" if !target.files.iter().any(|file| file.name == *arg) => {
                let files = target.files.iter().map(|file| file.name.as_str());
                found.unknown(argv.place, "file", arg, files);
            }
            "{instance}" if !target.services.iter().any(|service| service.name.as_str() == arg) => {
                let instances = target.services.iter().map(|service| service.name.as_str());
                found.unknown(argv.place, "service instance", arg, instances);
            }
            _ => {}
        }
    }
}

fn shape_fits(pattern: &str, argv: &[String]) -> bool {
    let words: Vec<_> = pattern.split_whitespace().collect();
    words.len() == argv.len()
        && words.iter().zip(argv).all(|(word, arg)| {
            if word.starts_with('{') && word.ends_with('}') { is_name(arg) } else { word == arg }
        })
}
