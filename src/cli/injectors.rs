//! `gameday injectors`: what can be broken, and how.

use super::{
    exit::{Exit, Failure},
    shelf::{self, Shelf},
    show,
};
use crate::{
    fault::injector::{FaultInjector, Param},
    scenario::problem::suggestion,
};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  gameday injectors                      all of them, a line each
  gameday injectors config-rollout       one with its parameters
  gameday injectors --json";

/// Lists the fault injectors, or shows one with its parameters
///
/// A step of a scenario names one of them under `injector:` and gives its parameters under `with:`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Injectors {
    /// One of them
    name: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

impl Injectors {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let library = self.shelf.library()?;
        let mut all = library.injectors().map_err(|error| shelf::complain(&error))?;
        if let Some(name) = &self.name {
            if !all.iter().any(|one| one.name == *name) {
                let known: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
                let failure = Failure::refused(format!("could not find a fault injector `{name}`"));
                return Err(failure.with_help(
                    suggestion(name, &known).unwrap_or_else(|| "`gameday injectors` lists them.".to_owned()),
                ));
            }
            all.retain(|one| one.name == *name);
        }
        if self.json {
            let values: Vec<_> = all
                .iter()
                .map(|one| {
                    let about = &one.description;
                    json!({"name": one.name, "summary": about.summary, "kind": about.kind, "params": about.params})
                })
                .collect();
            show::json(&values)?;
        } else if self.name.is_some() {
            for one in &all {
                show::print(&details(one))?;
            }
        } else {
            let rows: Vec<_> = all
                .iter()
                .map(|one| {
                    vec![one.name.clone(), one.description.kind.clone(), one.description.summary.clone()]
                })
                .collect();
            show::print(&show::table(&rows))?;
        }
        Ok(Exit::Done)
    }
}

fn details(one: &FaultInjector) -> String {
    let about = &one.description;
    let rows: Vec<_> = about
        .params
        .iter()
        .map(|(name, param)| {
            let takes = serde_json::to_value(param.takes).expect("a word");
            let takes = takes.as_str().unwrap_or_default().to_owned();
            vec![format!("  {name}"), takes, needed(param), param.about.clone()]
        })
        .collect();
    format!("{}: {}\nkind {}\n\n{}", one.name, about.summary, about.kind, show::table(&rows))
}

fn needed(param: &Param) -> String {
    let default = match &param.default {
        None => "must be given".to_owned(),
        Some(serde_json::Value::String(text)) => format!("default {text}"),
        Some(value) => format!("default {value}"),
    };
    match (param.min, param.max) {
        (Some(min), Some(max)) => format!("{default}, {min} to {max}"),
        (Some(min), None) => format!("{default}, at least {min}"),
        (None, Some(max)) => format!("{default}, at most {max}"),
        (None, None) => default,
    }
}
