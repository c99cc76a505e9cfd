//! A step's parameters against its injector's description.

use crate::base::{Span, names::is_name};
use crate::fault::injector::{FaultInjector, Param, ParamType};
use crate::scenario::file::{FaultStepFile, Placed};
use crate::scenario::pack::{Part, PartKind, TargetDescription};
use crate::scenario::problem::{Findings, Problem, suggestion};
use serde_json::{Map, Value};

const TEXT_MAX: usize = 256;

/// What the script's `plan` is given: every parameter, defaults filled in, lengths of time as whole milliseconds.
pub fn parameters(
    file: &str,
    step: &Placed<FaultStepFile>,
    injector: &FaultInjector,
    target: &TargetDescription,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut found = Findings::new(file);
    let params = &injector.description.params;
    let mut values = Map::new();
    for (key, given) in &step.with.0 {
        let Some(param) = params.get(&key.value) else {
            let known: Vec<_> = params.keys().map(String::as_str).collect();
            let message = format!("the injector `{}` has no parameter `{}`", injector.name, key.value);
            match suggestion(key, &known) {
                Some(help) => found.add_with_help(key.place, message, help),
                None => found.add(key.place, message),
            }
            continue;
        };
        match value(param, &given.value, target) {
            Ok(value) => {
                values.insert(key.value.clone(), value);
            }
            Err(Refused { message, help: Some(help) }) => {
                found.add_with_help(given.place, format!("`{}`: {message}", key.value), help);
            }
            Err(Refused { message, help: None }) => {
                found.add(given.place, format!("`{}`: {message}", key.value));
            }
        }
    }
    for (name, param) in params {
        let given = step.with.0.iter().any(|(key, _)| key.value == *name);
        match &param.default {
            _ if given => {}
            Some(default) => {
                values.insert(name.clone(), default.clone());
            }
            None => found.add_with_help(
                step.injector.place,
                format!("the injector `{}` needs the parameter `{name}`", injector.name),
                format!("`{name}`: {}", param.about),
            ),
        }
    }
    if found.is_empty() { Ok(values) } else { Err(found.into_problems()) }
}

struct Refused {
    message: String,
    help: Option<String>,
}

impl Refused {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }
}

fn value(param: &Param, given: &str, target: &TargetDescription) -> Result<Value, Refused> {
    let text = given.trim();
    match param.takes {
        ParamType::Service => named("service", text, &services(target)),
        ParamType::Link => named("link", text, &links(target)),
        ParamType::Volume => {
            named("volume", text, &target.volumes.iter().map(|v| v.name.as_str()).collect::<Vec<_>>())
        }
        ParamType::File => named("file", text, &files(target)),
        ParamType::Part => {
            named("part", text, &target.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>())
        }
        ParamType::Links => {
            let known = links(target);
            let list = text.split(',').map(|part| named("link", part.trim(), &known));
            list.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        ParamType::Text => {
            if given.len() > TEXT_MAX {
                return Err(Refused::new(format!("more than {TEXT_MAX} bytes of text")));
            }
            Ok(given.into())
        }
        ParamType::Integer => {
            let number: i64 =
                text.parse().map_err(|_| Refused::new(format!("`{}` is not a whole number", shown(text))))?;
            let least = param.min.unwrap_or(i64::MIN);
            let most = param.max.unwrap_or(i64::MAX);
            if (least..=most).contains(&number) {
                return Ok(number.into());
            }
            Err(Refused::new(match (param.min, param.max) {
                (Some(least), Some(most)) => format!("{number} is not from {least} to {most}"),
                (Some(least), None) => format!("{number} is less than {least}"),
                _ => format!("{number} is more than {most}"),
            }))
        }
        ParamType::Duration => {
            let span: Span =
                text.parse().map_err(|bad: crate::base::time::BadSpan| Refused::new(bad.to_string()))?;
            Ok(span.millis().into())
        }
        ParamType::Boolean => match text {
            "true" => Ok(true.into()),
            "false" => Ok(false.into()),
            _ => Err(Refused::new(format!("`{}` is neither `true` nor `false`", shown(text)))),
        },
    }
}

fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

fn named(what: &str, name: &str, known: &[&str]) -> Result<Value, Refused> {
    if known.contains(&name) && is_name(name) {
        return Ok(name.into());
    }
    Err(Refused { message: format!("there is no {what} `{}`", shown(name)), help: suggestion(name, known) })
}

/// Instances and components, each once.
pub(super) fn services(target: &TargetDescription) -> Vec<&str> {
    let mut names: Vec<&str> = target.services.iter().map(|service| service.name.as_str()).collect();
    for component in target.components() {
        if !names.contains(&component) {
            names.push(component);
        }
    }
    names
}

/// Configuration files, and what else of the target is one small file.
pub(super) fn files(target: &TargetDescription) -> Vec<&str> {
    let small = |part: &&Part| matches!(part.kind, PartKind::Credential | PartKind::Clock | PartKind::Flags);
    let parts = target.parts.iter().filter(small).map(|part| part.name.as_str());
    target.files.iter().map(|file| file.name.as_str()).chain(parts).collect()
}

fn links(target: &TargetDescription) -> Vec<&str> {
    target.links.iter().map(|link| link.name.as_str()).collect()
}
