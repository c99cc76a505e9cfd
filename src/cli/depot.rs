//! `gameday depot`: the embedded staging target by itself.

use super::{
    block_on,
    exit::{Exit, Failure},
    home::Home,
    shelf, show,
};
use crate::{
    agent::{self, AgentOptions},
    base::Span,
    depot::{self, DepotError, operate},
    scenario::pack::Layout,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  gameday depot start                    lay it out and run it until Ctrl-C
  gameday depot ctl list                 what runs (in another terminal)
  gameday depot ctl rollback web
  gameday depot describe | jq .links";

/// The embedded staging target, a small object store of real processes, without a drill
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Depot {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Start(Start),
    Layout(LayOut),
    Ctl(Ctl),
    Describe(Describe),
    #[command(hide = true)]
    Serve(Serve),
}

/// Lays the target out and runs it in the foreground until Ctrl-C
///
/// What an earlier one left in the folder is replaced. At the end every process is ended.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday depot start\n  gameday depot start --root depot-1")]
struct Start {
    /// Where it is laid out; `targets/depot` in the home folder by default
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Writes the target's files, afresh, and starts nothing
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday depot layout --root depot-1\n  gameday agent serve --root depot-1 --folder agent-1"
)]
struct LayOut {
    /// Where it is laid out; `targets/depot` in the home folder by default
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The number of its addresses (127.N.0.0/16); a free one by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=254))]
    instance: Option<u8>,
    /// Prints the layout as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the target's operations tool
///
/// The same as ROOT/bin/depotctl.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday depot ctl list\n  gameday depot ctl --root depot-1 logs web-east -n 50\n  gameday depot ctl help"
)]
struct Ctl {
    /// Where the target is laid out; `targets/depot` in the home folder by default
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// What `depotctl` is asked to do
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "ARGS")]
    args: Vec<String>,
}

/// Prints the target's description as JSON: services, links, volumes, operations
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gameday depot describe\n  gameday depot describe | jq '.services[].name'"
)]
struct Describe {}

/// Runs one process of the target; started by its supervisor
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  gameday depot serve web --root depot-1 --instance web-east")]
struct Serve {
    /// Its component
    component: String,
    /// Where the target is laid out
    #[arg(long)]
    root: PathBuf,
    /// Its instance
    #[arg(long)]
    instance: String,
}

impl Depot {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::Start(verb) => verb.run(),
            Verb::Layout(verb) => verb.run(),
            Verb::Ctl(verb) => verb.run(),
            Verb::Describe(Describe {}) => show::json(&depot::describe()).map(|()| Exit::Done),
            Verb::Serve(verb) => block_on(async {
                depot::serve(&verb.component, &verb.root, &verb.instance)
                    .await
                    .map_err(|error| failed(&error))
            })
            .map(|()| Exit::Done),
        }
    }
}

/// The folder named, or the home's.
fn root_of(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    match given {
        Some(root) => Ok(root),
        None => Ok(Home::open()?.targets().join("depot")),
    }
}

fn failed(error: &DepotError) -> Failure {
    match error {
        DepotError::Foreign { .. } | DepotError::Running { .. } | DepotError::WrongComponent { .. } => {
            Failure::refused(format!("could not use the depot: {error}"))
        }
        _ => Failure::world(format!("could not lay out or serve the depot: {error}")),
    }
}

fn lay_out(root: &Path, instance: Option<u8>) -> Result<Layout, Failure> {
    let program = shelf::this_program()?;
    let instance = match instance {
        Some(instance) => instance,
        None => depot::free_instance().map_err(|error| failed(&error))?,
    };
    depot::lay_out(root, instance, &program).map_err(|error| failed(&error))
}

impl LayOut {
    fn run(self) -> Result<Exit, Failure> {
        let layout = lay_out(&root_of(self.root)?, self.instance)?;
        if self.json {
            show::json(&layout)?;
        } else {
            show::line(&format!("A depot is laid out in {}.", layout.root.display()))?;
            show::line(&format!("Its front door will be http://{}.", layout.front_door))?;
        }
        Ok(Exit::Done)
    }
}

impl Start {
    fn run(self) -> Result<Exit, Failure> {
        let root = root_of(self.root)?;
        let folder = Home::open()?.agents().join(agent_name(&root)?);
        // What an earlier agent left belongs to the tree that is there now: it is taken back before that is replaced.
        if root.join("layout.json").exists() {
            let before = AgentOptions::at(&root, &folder).map_err(|error| super::agent::failed(&error))?;
            agent::sweep(&folder, &before.layout).map_err(|error| super::agent::failed(&error))?;
        }
        lay_out(&root, None)?;
        let options = AgentOptions::at(&root, &folder).map_err(|error| super::agent::failed(&error))?;
        let options = AgentOptions { linger: Span::from_mins(60 * 24 * 365), ..options };
        show::line(&format!("front door       http://{}", options.layout.front_door))?;
        show::line(&format!("operations tool  {}", options.layout.root.join("bin/depotctl").display()))?;
        show::line("Ctrl-C ends it.")?;
        block_on(async { agent::serve(options).await.map_err(|error| super::agent::failed(&error)) })?;
        Ok(Exit::Done)
    }
}

/// A name for the agent's folder: one for each root.
fn agent_name(root: &Path) -> Result<String, Failure> {
    fs::create_dir_all(root).map_err(Failure::io(format!("make the folder {}", root.display())))?;
    let real = root.canonicalize().map_err(Failure::io(format!("find {}", root.display())))?;
    let digest = crate::seed::digest(real.as_os_str().as_encoded_bytes());
    Ok(format!("depot-{}", &digest[..12]))
}

impl Ctl {
    fn run(self) -> Result<Exit, Failure> {
        let root = root_of(self.root)?;
        let done = block_on(async { Ok(operate::run(&root, &self.args, &mut std::io::stdout()).await) })?;
        match done {
            Ok(()) => Ok(Exit::Done),
            Err(operate::OperateError::Output(error)) => Err(Failure::output(&error)),
            Err(operate::OperateError::Usage(text)) => {
                show::complain(&text);
                Ok(Exit::Usage)
            }
            Err(error) => {
                let exit =
                    if error.exit_code() == Exit::Refused.code() { Exit::Refused } else { Exit::World };
                Err(Failure::new(exit, format!("could not run depotctl: {error}")))
            }
        }
    }
}
