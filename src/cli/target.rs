//! `gameday target`: a staging system of one's own.

use super::{
    exit::{Exit, Failure},
    shelf::{Shelf, complain},
    show,
};
use crate::{
    scenario::{blueprint::Blueprint, pack::TargetDescription},
    staging::operate::{OperateError, operate},
};
use serde_json::json;
use std::{fmt::Write as _, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday target check target.yaml
  gameday target show target.yaml

docs/bring-your-own-target.md goes from nothing to a rehearsed drill.";

/// A staging system of your own: describe it, check it, look at it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Target {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Check(Check),
    Show(Show),
    Operate(Operate),
}

/// Finds every mistake in a target file
///
/// Nothing is started. `gameday check pack.yaml` checks the pack around it, too. Exit code 3 when there is a problem.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday target check target.yaml\n  gameday target check shop/target.yaml")]
struct Check {
    /// The target file
    #[arg(value_name = "FILE", default_value = "target.yaml")]
    file: PathBuf,
}

/// Shows what a target file describes: services, links, probes, operations
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday target show target.yaml\n  gameday target show target.yaml --json | jq .target.links")]
struct Show {
    /// The target file
    #[arg(value_name = "FILE", default_value = "target.yaml")]
    file: PathBuf,
    /// Prints JSON: {"target", "blueprint"}
    #[arg(long)]
    json: bool,
}

/// Carries out one operation on a target that is laid out; its operations tool calls this
#[derive(Debug, clap::Args)]
#[command(hide = true, after_help = "Examples:\n  gameday target operate --root shop-21 list")]
struct Operate {
    /// Where the target is laid out
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// The operation and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    operation: Vec<String>,
}

impl Target {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::Check(verb) => {
                load(&verb.file)?;
                show::line(&format!("{}: good", verb.file.display()))?;
                Ok(Exit::Done)
            }
            Verb::Show(verb) => {
                let (target, blueprint) = load(&verb.file)?;
                if verb.json {
                    show::json(&json!({"target": target, "blueprint": blueprint}))?;
                } else {
                    show::print(&readable(&target, &blueprint))?;
                }
                Ok(Exit::Done)
            }
            Verb::Operate(verb) => verb.run(),
        }
    }
}

fn load(file: &std::path::Path) -> Result<(TargetDescription, Blueprint), Failure> {
    Shelf::default().library()?.load_target(file).map_err(|error| complain(&error))
}

fn readable(target: &TargetDescription, blueprint: &Blueprint) -> String {
    let mut text = format!("{}, front door {}\n", target.name, blueprint.front_door);
    let mut part = |title: &str, rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            let _ = write!(text, "\n{title}\n{}", show::table(&rows));
        }
    };
    part(
        "services",
        target
            .services
            .iter()
            .map(|one| {
                let hands = match target.hands_off.get(&one.name) {
                    None => "started and ended here",
                    Some(crate::scenario::pack::HandsOff::Kill) => "may be stopped, never killed",
                    Some(crate::scenario::pack::HandsOff::Process) => "its process is not touched",
                };
                let row = [one.name.as_str(), one.component.as_str(), &one.datacenter, hands, &one.about];
                row.map(str::to_owned).to_vec()
            })
            .collect(),
    );
    part(
        "links",
        target
            .links
            .iter()
            .map(|one| vec![one.name.to_string(), format!("{} -> {}", one.from, one.to)])
            .collect(),
    );
    part(
        "files",
        target.files.iter().map(|one| vec![one.name.clone(), one.component.to_string()]).collect(),
    );
    part(
        "probes",
        target.probes.iter().map(|one| vec![one.name.to_string(), one.about.clone()]).collect(),
    );
    part("operations", target.operations.iter().map(|one| vec![one.clone()]).collect());
    text
}

impl Operate {
    fn run(self) -> Result<Exit, Failure> {
        let mut failed = None;
        let mut out = |text: &str| {
            if let Err(failure) = show::print(text) {
                failed = Some(failure);
            }
        };
        let done = operate(&self.root, &self.operation, &mut out);
        if let Some(failure) = failed {
            return Err(failure);
        }
        match done {
            Ok(0) => Ok(Exit::Done),
            // The command has said what there is to say.
            Ok(_) => Err(Failure::silent(Exit::Refused)),
            Err(OperateError::Usage(why)) => Err(Failure::usage(format!("could not do it: {why}"))),
            Err(OperateError::Refused(why)) => Err(Failure::refused(format!("could not do it: {why}"))),
            Err(OperateError::World(why)) => Err(Failure::world(why)),
        }
    }
}
