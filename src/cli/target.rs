//! `gameday target`: a staging system of one's own.

use super::{
    allowed::Allowed,
    exit::{Exit, Failure},
    home::Home,
    shelf::{Shelf, complain},
    show,
};
use crate::{
    base::names::is_name,
    scenario::{
        blueprint::Blueprint,
        check::SERVICES_MAX,
        pack::{HandsOff, Part, PartKind, TargetDescription},
    },
    staging::{
        draft,
        operate::{OperateError, operate},
    },
};
use serde_json::json;
use std::{fmt::Write as _, fs, net::SocketAddr, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday target init shop --compose compose.yaml
  gameday target check shop/target.yaml
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
    Init(Init),
    Allow(Allow),
    Forbid(Forbid),
    Check(Check),
    Show(Show),
    Operate(Operate),
}

/// Writes a first draft: target, pack, a page of documentation, a first drill
///
/// The folder NAME passes every check as it is. What only you know is marked FILL IN. Files that are there are never
/// overwritten.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday target init shop --compose compose.yaml\n  gameday target init shop --from-host --port 8080 --port 6379\n  gameday check shop/target.yaml shop/pack.yaml shop/first-drill.yaml"
)]
struct Init {
    /// The target's name; a folder of this name is made here
    #[arg(value_name = "NAME")]
    name: String,
    /// Takes services, ports and dependencies from a compose file
    #[arg(long, value_name = "FILE", conflicts_with = "from_host")]
    compose: Option<PathBuf>,
    /// Takes what listens on this host; run it as root to see everything
    #[arg(long)]
    from_host: bool,
    /// With --from-host: only what listens on this port; may be repeated, the front door first
    #[arg(long, value_name = "PORT", requires = "from_host")]
    port: Vec<u16>,
}

/// Says that a target of your own may be broken from this machine
///
/// A toxiproxy that carries links of the target is named by the address of its API: it may carry other people's traffic,
/// so nothing is done to it before that.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday target allow shop\n  gameday target allow shop --toxiproxy 127.0.0.1:8474"
)]
struct Allow {
    /// The target's name, as its file says it
    #[arg(value_name = "NAME")]
    name: String,
    /// A toxiproxy that belongs to this target alone, by the address of its API; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    toxiproxy: Vec<SocketAddr>,
}

/// Takes back what `target allow` has said: no drill begins there any more
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday target forbid shop")]
struct Forbid {
    /// The target's name, as its file says it
    #[arg(value_name = "NAME")]
    name: String,
}

/// Finds every mistake in a target file
///
/// Nothing is started. `gameday check pack.yaml` checks the pack around it, too. Exit code 3 when there is a problem.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday target check target.yaml\n  gameday target check shop/target.yaml"
)]
struct Check {
    /// The target file
    #[arg(value_name = "FILE", default_value = "target.yaml")]
    file: PathBuf,
}

/// Shows what a target file describes: services, links, probes, operations
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday target show target.yaml\n  gameday target show target.yaml --json | jq .target.links"
)]
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
            Verb::Init(verb) => verb.run(),
            Verb::Allow(verb) => verb.run(),
            Verb::Forbid(verb) => verb.run(),
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
                let container = |part: &Part| part.kind == PartKind::Container && part.service == one.name;
                let hands = match target.hands_off.get(&one.name) {
                    _ if target.parts.iter().any(container) => "a container",
                    None => "started and ended here",
                    Some(HandsOff::Kill) => "may be stopped, never killed",
                    Some(HandsOff::Process) => "its process is not touched",
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
            .map(|one| {
                let by = one.toxiproxy.as_ref().map(|api| format!("by the toxiproxy at {api}"));
                vec![one.name.to_string(), format!("{} -> {}", one.from, one.to), by.unwrap_or_default()]
            })
            .collect(),
    );
    part("files", target.files.iter().map(|one| vec![one.name.clone(), one.component.to_string()]).collect());
    part("probes", target.probes.iter().map(|one| vec![one.name.to_string(), one.about.clone()]).collect());
    part("operations", target.operations.iter().map(|one| vec![one.clone()]).collect());
    text
}

impl Allow {
    fn run(self) -> Result<Exit, Failure> {
        if !is_name(&self.name) {
            return Err(Failure::usage(format!("could not allow `{}`: it is not a name", self.name)));
        }
        let home = Home::open()?;
        let mut allowed = Allowed::of(&home);
        allowed.allow(&self.name, self.toxiproxy.iter().map(SocketAddr::to_string));
        allowed.keep(&home)?;
        let toxiproxies = allowed.toxiproxies(&self.name);
        let with = match toxiproxies.as_slice() {
            [] => String::new(),
            some => format!(" with the toxiproxies at {}", some.join(", ")),
        };
        let place = home.allowed();
        show::line(&format!("{}{with} may be broken from here; {} says so.", self.name, place.display()))?;
        Ok(Exit::Done)
    }
}

impl Forbid {
    fn run(self) -> Result<Exit, Failure> {
        let home = Home::open()?;
        let mut allowed = Allowed::of(&home);
        if !allowed.forbid(&self.name) {
            let place = home.allowed();
            return Err(Failure::refused(format!("could not forbid `{}`: it is not allowed", self.name))
                .with_help(format!("What is allowed is in {}.", place.display())));
        }
        allowed.keep(&home)?;
        show::line(&format!("{} may not be broken from here any more.", self.name))?;
        Ok(Exit::Done)
    }
}

impl Init {
    /// What listens here, if it is neither nothing nor too much for one target.
    fn listening(&self) -> Result<Vec<draft::Seen>, Failure> {
        let seen = draft::from_host(&self.port);
        let who = "Run it as root to see what other users have started.";
        if seen.is_empty() {
            return Err(Failure::refused("could not find a service: nothing that can be seen listens there")
                .with_help(who));
        }
        if seen.len() > SERVICES_MAX {
            let message = format!("could not make one target of {} services", seen.len());
            let help = format!("Name those that belong to it with --port: at most {SERVICES_MAX}.");
            return Err(Failure::refused(message).with_help(help));
        }
        Ok(seen)
    }

    fn run(self) -> Result<Exit, Failure> {
        if !is_name(&self.name) || self.name == "depot" {
            return Err(Failure::usage(format!("could not name a target `{}`", self.name))
                .with_help("Use 1 to 64 letters, digits, `-`, `_` and `.`; `depot` is taken."));
        }
        let seen = match &self.compose {
            Some(path) => {
                let shown = path.display().to_string();
                let bytes = fs::read(path).map_err(Failure::io(format!("read {shown}")))?;
                draft::from_compose(&shown, &bytes).map_err(|problem| {
                    show::complain(&format!("{}\n", problem.headline()));
                    Failure::silent(Exit::Problems)
                })?
            }
            None if self.from_host => self.listening()?,
            None => Vec::new(),
        };
        let folder = PathBuf::from(&self.name);
        let files = draft::pack(&self.name, &seen);
        if let Some((there, _)) = files.iter().find(|(path, _)| folder.join(path).exists()) {
            let there = folder.join(there);
            return Err(Failure::refused(format!(
                "could not write {}: it is there already",
                there.display()
            ))
            .with_help("Choose another name, or move the file away."));
        }
        for (path, text) in &files {
            let path = folder.join(path);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).map_err(Failure::io(format!("make {}", parent.display())))?;
            fs::write(&path, text).map_err(Failure::io(format!("write {}", path.display())))?;
        }
        let name = &self.name;
        show::line(&format!(
            "{name}/ is written: {} services seen. Look for FILL IN, then:\n  \
             gameday check {name}/target.yaml {name}/pack.yaml {name}/first-drill.yaml",
            seen.len()
        ))?;
        Ok(Exit::Done)
    }
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
