//! What players are told: alarms, injects, hints and questions.

use super::{Measure, text, texts, within};
use crate::base::Span;
use crate::base::limits::{STEPS_MAX, TEXT_BYTES_MAX};
use crate::scenario::act::Role;
use crate::scenario::file::{Placed, ScenarioFile};
use crate::scenario::pack::Pack;
use crate::scenario::problem::{Findings, Place};
use crate::scenario::{AlarmRule, AlarmSeverity, AlarmTrigger, Inject};

pub(super) fn alarms(found: &mut Findings, file: &ScenarioFile, measure: &mut Measure<'_>) -> Vec<AlarmRule> {
    let mut rules: Vec<AlarmRule> = Vec::new();
    for alarm in &file.alarms {
        if rules.iter().any(|rule| rule.name == alarm.name.value) {
            found.add(alarm.name.place, format!("a second alarm has the name `{}`", alarm.name.value));
        }
        if let Some(summary) = &alarm.summary {
            text(found, summary, 400);
            placeholders(found, summary);
        }
        let runbook = alarm.runbook.as_ref().map(|runbook| catalogue_entry(found, runbook, measure.pack));
        let trigger = match (&alarm.when, &alarm.at) {
            (Some(when), None) => {
                let condition = measure.condition(found, &when.value, when.place, Span::from_secs(10));
                AlarmTrigger::When(condition)
            }
            (None, Some(at)) => {
                within(found, at, measure.limit);
                AlarmTrigger::At(at.value)
            }
            (_, at) => {
                let place = at.as_ref().map_or(alarm.place, |at| at.place);
                found.add(place, "an alarm has either `when:` (what is measured) or `at:` (a time)");
                AlarmTrigger::At(Span::ZERO)
            }
        };
        rules.push(AlarmRule {
            name: alarm.name.value.clone(),
            severity: alarm.severity.unwrap_or(AlarmSeverity::Page),
            summary: alarm
                .summary
                .as_ref()
                .map_or_else(|| alarm.name.to_string(), |summary| summary.value.clone()),
            runbook,
            trigger,
            related: alarm.related,
        });
    }
    rules
}

fn placeholders(found: &mut Findings, summary: &Placed<String>) {
    let mut rest = summary.as_str();
    while let Some((_, after)) = rest.split_once('{') {
        let name = after.split('}').next().unwrap_or(after);
        if !["failed", "success", "p50", "p95", "p99", "class"].contains(&name) {
            let shown: String = name.chars().take(30).collect();
            found.unknown(
                summary.place,
                "placeholder",
                &shown,
                ["failed", "success", "p50", "p95", "p99", "class"],
            );
        }
        rest = after;
    }
}

/// The name of a catalogue entry; people may write the pack's name before it (`depot/runbooks/uploads.md`).
fn catalogue_entry(found: &mut Findings, given: &Placed<String>, pack: &Pack) -> String {
    let with_pack = format!("{}/", pack.name);
    let name = given.strip_prefix(&with_pack).unwrap_or(given);
    if pack.entry(name).is_none() {
        let known = pack.catalogue.iter().map(|entry| entry.name.as_str());
        found.unknown(given.place, "entry in the documentation catalogue", name, known);
    }
    name.to_owned()
}

pub(super) fn injects(found: &mut Findings, file: &ScenarioFile, limit: Span) -> Vec<Inject> {
    if file.injects.len() + file.alarms.len() + file.faults.len() > STEPS_MAX {
        found.add(Place::default(), format!("more than {STEPS_MAX} steps"));
    }
    let mut injects: Vec<Inject> = Vec::new();
    for inject in &file.injects {
        within(found, &inject.at, limit);
        text(found, &inject.text, TEXT_BYTES_MAX);
        if let Some(from) = &inject.from {
            text(found, from, 64);
        }
        if inject.held && inject.unless.is_some() {
            found.add(
                inject.at.place,
                "an inject that is held back is sent by a person, who needs no `unless:`",
            );
        }
        injects.push(Inject {
            at: inject.at.value,
            unless: inject.unless,
            held: inject.held,
            from: inject.from.as_ref().map_or_else(|| "user".to_owned(), |from| from.value.clone()),
            to: inject.to.unwrap_or(Role::FirstLine),
            text: inject.text.trim().to_owned(),
        });
    }
    injects.sort_by_key(|inject| inject.at);
    injects
}

pub(super) fn hints(found: &mut Findings, file: &ScenarioFile, pack: &Pack) -> (Vec<String>, Vec<String>) {
    let hints = file.hints.catalogue.iter().map(|entry| catalogue_entry(found, entry, pack)).collect();
    (hints, texts(found, &file.hints.questions))
}
