//! The operations tool: `depotctl`.
//!
//! It reads the tree of a Depot, asks the supervisor for what concerns processes and the instances for what concerns
//! them, and waits until what it has changed answers again. One file for each family of verbs; `desk` is what they share.

mod databases;
pub(super) mod deploy;
mod desk;
mod discovery;
mod doors;
mod jobs;
mod machines;
mod view;

use super::{error::DepotError, layout::saved, supervisor::SupervisorError};
use clap::{Parser, Subcommand, error::ErrorKind};
use desk::Desk;
use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
};

/// Where a command's output goes.
type Out<'a> = &'a mut (dyn Write + Send);

/// Why the tool did not do it.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The command line makes no sense; the text says what would.
    #[error("{0}")]
    Usage(String),
    /// What was asked for does not exist or may not be.
    #[error("{0}")]
    Refused(String),
    /// The tree could not be read or written.
    #[error(transparent)]
    Depot(#[from] DepotError),
    /// The supervisor or an instance does not answer.
    #[error("{0}")]
    World(String),
    /// The output could not be written.
    #[error("could not write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl OperateError {
    /// The exit code: 1 refused, 2 usage, 4 the world is unavailable.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Refused(_) => 1,
            Self::Depot(_) | Self::World(_) | Self::Output(_) => 4,
        }
    }
}

impl From<SupervisorError> for OperateError {
    fn from(err: SupervisorError) -> Self {
        match err {
            SupervisorError::Refused(_) => Self::Refused(err.to_string()),
            _ => Self::World(err.to_string()),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  depotctl list                          what runs, where, and in which release
  depotctl logs web-east -n 50           the last 50 lines of an instance's log
  depotctl metrics web-east              its numbers
  depotctl restart session               end it and start it again
  depotctl releases web                  which releases there are
  depotctl rollback web                  back to the release before
  depotctl set web storage.timeout_ms 800
                                         change a setting and have it read
  depotctl top                           who is asked how much, and how that goes
  depotctl trace trace-1                 one request through all logs
  depotctl queue list --state dead       jobs that were put aside";

/// Operates a depot.
#[derive(Debug, Parser)]
#[command(name = "depotctl", bin_name = "depotctl", version = super::topology::RELEASES[1], after_help = EXAMPLES)]
struct Tool {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Instances: datacenter, process, state, release, address
    List,
    /// Ends an instance, or all of a component one after the other, and starts it again
    Restart {
        /// An instance or a component
        #[arg(value_name = "INSTANCE|COMPONENT")]
        name: String,
    },
    /// Has a component, or one instance, read its configuration again
    Reload {
        /// A component or an instance
        #[arg(value_name = "COMPONENT|INSTANCE")]
        name: String,
    },
    /// Shows the end of an instance's log
    Logs {
        /// An instance
        instance: String,
        /// How many lines
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
        /// Goes on as lines come in
        #[arg(short, long)]
        follow: bool,
    },
    /// Releases of a component; `*` marks the one in use
    Releases {
        /// A component
        component: String,
    },
    /// Puts a release of a component to use, instance after instance
    Deploy {
        /// A component
        component: String,
        /// A version that `depotctl releases` shows
        version: String,
    },
    /// Puts the release that was in use before to use again
    Rollback {
        /// A component
        component: String,
    },
    /// Shows a component's configuration
    Config {
        /// A component
        component: String,
    },
    /// Changes a setting in the release in use, and has it read
    Set {
        /// A component
        component: String,
        /// A dotted key: `pool.size`
        key: String,
        /// Its new value
        value: String,
    },
    /// Shows an instance's metrics
    Metrics {
        /// An instance
        instance: String,
    },
    /// Golden signals of all instances over one second
    Top,
    /// One request's lines from all logs, in the order of time
    Trace {
        /// A request's id; one that begins with `trace-` is logged everywhere
        request: String,
    },
    /// Service discovery: who is listed, and under which address
    #[command(subcommand)]
    Registry(Registry),
    /// How the catalogues stand: role, position, checksum
    Replication,
    /// Makes a catalogue the primary
    Promote {
        /// `metadata` or `replica-west`
        instance: String,
        /// Also when changes would be lost
        #[arg(long)]
        force: bool,
    },
    /// Has a replica forget what it holds and copy the primary
    Resync {
        /// `metadata` or `replica-west`, whichever is the replica
        instance: String,
    },
    /// Jobs for the workers
    #[command(subcommand)]
    Queue(Queue),
    /// The front door's certificate
    #[command(subcommand)]
    Certificate(Certificate),
    /// Rules at the edge: who is turned away, what is drained
    Rules,
    /// Turns requests away at the edge
    Block {
        /// What the rule looks at
        what: What,
        /// An address, a part of the user agent, or the beginning of a path
        value: String,
    },
    /// Takes such a rule back
    Unblock {
        /// What the rule looks at
        what: What,
        /// As it was given to `block`
        value: String,
    },
    /// Has the edge send no requests to a web instance
    Drain {
        /// A web instance
        instance: String,
    },
    /// Has the edge send requests to a web instance again
    Undrain {
        /// A web instance
        instance: String,
    },
    /// Who stores how much
    #[command(subcommand)]
    Quota(Quota),
    /// The credential that services show to each other
    #[command(subcommand)]
    Token(Token),
    /// Forgets what a database no longer needs, and gives the space back
    Vacuum {
        /// `catalogue`, `catalogue-west` or `jobs`
        database: String,
    },
    /// Indexes that the catalogues' queries count on
    #[command(subcommand)]
    Index(Index),
    /// Who holds a lock on a database
    Locks,
    /// Feature flags of web
    #[command(subcommand)]
    Flag(Flag),
    /// The machines' clocks
    #[command(subcommand, name = "clock")]
    ClockOf(ClockOf),
    /// Puts everything back to what a fresh depot begins with, objects included
    Reset {
        /// Yes, all of it
        #[arg(long, required = true)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Registry {
    /// Who is listed
    List,
    /// Enters an instance as its facts say, over what is there
    Register {
        /// An instance
        instance: String,
    },
    /// Takes an entry away
    Remove {
        /// An instance
        instance: String,
    },
}

#[derive(Debug, Subcommand)]
enum Queue {
    /// Jobs, dead ones first
    List {
        /// Only `waiting`, `running` or `dead` ones
        #[arg(long)]
        state: Option<String>,
    },
    /// All that is known of a job
    Show {
        /// Its number
        id: i64,
    },
    /// Gives a job out again as if it were new
    Requeue {
        /// Its number
        id: i64,
    },
    /// Puts a job aside; whoever does it drops it
    DeadLetter {
        /// Its number
        id: i64,
    },
    /// Throws a job away; whoever does it drops it
    Purge {
        /// Its number
        id: i64,
    },
    /// Adds a job
    Add {
        /// `checksum`, `replicate` or `scrub`
        kind: String,
        /// What it is about, in JSON
        payload: String,
    },
}

#[derive(Debug, Subcommand)]
enum Certificate {
    /// Until when it is good
    Show,
    /// Has the authority sign a new one
    Renew,
}

/// What a rule at the edge looks at.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    /// Where somebody connects from
    Client,
    /// A part of the user agent
    Agent,
    /// The beginning of the path
    Path,
}

#[derive(Debug, Subcommand)]
enum Quota {
    /// Users, the largest first
    List,
    /// Removes all objects of a user
    Purge {
        /// A user
        user: String,
    },
}

#[derive(Debug, Subcommand)]
enum Token {
    /// Fingerprints of what each instance shows and accepts
    Show,
    /// Gives every instance a new one; the one before stays accepted
    Rotate,
}

#[derive(Debug, Subcommand)]
enum Index {
    /// Which are there
    List,
    /// Makes one
    Create {
        /// `catalogue` or `catalogue-west`
        database: String,
        /// An index that `depotctl index list` shows
        index: String,
    },
}

#[derive(Debug, Subcommand)]
enum Flag {
    /// All of them
    List,
    /// Sets one
    Set {
        /// A flag that `depotctl flag list` shows
        flag: String,
        /// `true` or `false`
        #[arg(action = clap::ArgAction::Set)]
        value: bool,
    },
}

#[derive(Debug, Subcommand)]
enum ClockOf {
    /// What they show
    List,
    /// Sets a machine's clock right
    Sync {
        /// An instance
        instance: String,
    },
}

/// The tool as a program of its own. `args` begin with the program's name; the depot's root is taken from `DEPOT_ROOT`,
/// or is the folder above the one that the program was called from (`ROOT/bin/depotctl`). Gives the exit code.
pub async fn depotctl(args: Vec<String>) -> u8 {
    let called = args.first().map(PathBuf::from).unwrap_or_default();
    let rest = args.get(1..).unwrap_or_default();
    let mut out = std::io::stdout();
    let result = match find_root(&called) {
        Some(root) => run(&root, rest, &mut out).await,
        // Help needs no depot.
        None => match parse(rest) {
            Err(early) => early.finish(&mut out),
            Ok(_) => Err(OperateError::World(
                "could not find the depot: set DEPOT_ROOT, or call depotctl by its full path".to_owned(),
            )),
        },
    };
    match result {
        Ok(()) => 0,
        Err(OperateError::Usage(text)) => {
            eprint!("{text}");
            2
        }
        Err(err) => {
            eprintln!("depotctl: {err}");
            err.exit_code()
        }
    }
}

fn find_root(called: &Path) -> Option<PathBuf> {
    if let Some(root) = std::env::var_os("DEPOT_ROOT") {
        return Some(PathBuf::from(root));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    root_above(called, &path)
}

/// The root above `called`, looked up in `path` when it is a bare name.
fn root_above(called: &Path, path: &OsStr) -> Option<PathBuf> {
    let bare = called.components().count() == 1;
    let candidates: Vec<_> = if bare {
        std::env::split_paths(path).map(|folder| folder.join(called)).collect()
    } else {
        vec![called.to_owned()]
    };
    candidates
        .iter()
        .filter(|candidate| candidate.exists())
        .filter_map(|candidate| Some(std::path::absolute(candidate).ok()?.parent()?.parent()?.to_owned()))
        .find(|root| root.join("layout.json").exists())
}

/// Runs one command on the depot in `root`; `args` do not include the program's name. What it shows goes to `out`.
pub async fn run(root: &Path, args: &[String], out: Out<'_>) -> Result<(), OperateError> {
    let tool = match parse(args) {
        Ok(tool) => tool,
        Err(early) => return early.finish(out),
    };
    let desk = Desk { root, layout: saved(root)? };
    desk.perform(tool.verb, out).await
}

impl Desk<'_> {
    async fn perform(&self, verb: Verb, out: Out<'_>) -> Result<(), OperateError> {
        match verb {
            Verb::List => self.list(out).await,
            Verb::Restart { name } => self.restart(&name, out).await,
            Verb::Reload { name } => self.reload(&name, out).await,
            Verb::Logs { instance, lines, follow } => self.logs(&instance, lines, follow, out).await,
            Verb::Releases { component } => self.releases(&component, out),
            Verb::Deploy { component, version } => self.deploy(&component, &version, out).await,
            Verb::Rollback { component } => self.roll_back(&component, out).await,
            Verb::Config { component } => self.config(&component, out),
            Verb::Set { component, key, value } => self.set(&component, &key, &value, out).await,
            Verb::Metrics { instance } => self.metrics(&instance, out).await,
            Verb::Top => self.top(out).await,
            Verb::Trace { request } => self.trace(&request, out),
            Verb::Registry(verb) => self.registry(verb, out).await,
            Verb::Replication => self.replication(out).await,
            Verb::Promote { instance, force } => self.promote(&instance, force, out).await,
            Verb::Resync { instance } => self.resync(&instance, out).await,
            Verb::Queue(verb) => self.queue(verb, out).await,
            Verb::Certificate(Certificate::Show) => self.show_certificate(out),
            Verb::Certificate(Certificate::Renew) => self.renew_certificate(out).await,
            Verb::Rules => self.rules(out),
            Verb::Block { what, value } => self.block(what, &value, out),
            Verb::Unblock { what, value } => self.unblock(what, &value, out),
            Verb::Drain { instance } => self.drain(&instance, out),
            Verb::Undrain { instance } => self.undrain(&instance, out),
            Verb::Quota(Quota::List) => self.quotas(out).await,
            Verb::Quota(Quota::Purge { user }) => self.purge_user(&user, out).await,
            Verb::Token(Token::Show) => self.tokens(out),
            Verb::Token(Token::Rotate) => self.rotate(out).await,
            Verb::Vacuum { database } => self.vacuum(&database, out).await,
            Verb::Index(Index::List) => self.indexes(out).await,
            Verb::Index(Index::Create { database, index }) => self.create_index(&database, &index, out).await,
            Verb::Locks => self.locks(out),
            Verb::Flag(Flag::List) => self.flags(out),
            Verb::Flag(Flag::Set { flag, value }) => self.set_flag(&flag, value, out),
            Verb::ClockOf(ClockOf::List) => self.clocks(out).await,
            Verb::ClockOf(ClockOf::Sync { instance }) => self.sync_clock(&instance, out),
            Verb::Reset { .. } => self.reset(out).await,
        }
    }
}

/// The command line ended the command before it began: help, or a mistake.
enum Early {
    Help(String),
    Mistake(String),
}

impl Early {
    fn finish(self, out: Out<'_>) -> Result<(), OperateError> {
        match self {
            Self::Help(text) => Ok(out.write_all(text.as_bytes())?),
            Self::Mistake(text) => Err(OperateError::Usage(text)),
        }
    }
}

fn parse(args: &[String]) -> Result<Tool, Early> {
    let line = std::iter::once("depotctl").chain(args.iter().map(String::as_str));
    Tool::try_parse_from(line).map_err(|err| match err.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Early::Help(err.to_string()),
        _ => Early::Mistake(err.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_root_is_found_from_where_the_tool_was_called() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("bin")).unwrap();
        for file in ["bin/depotctl", "layout.json"] {
            fs::write(root.join(file), "").unwrap();
        }
        let path = std::env::join_paths([Path::new("/nowhere"), &root.join("bin")]).unwrap();
        assert_eq!(root_above(&root.join("bin/depotctl"), OsStr::new("")), Some(root.to_owned()));
        assert_eq!(root_above(Path::new("depotctl"), &path), Some(root.to_owned()));
        assert_eq!(root_above(Path::new("depotctl"), OsStr::new("/nowhere")), None);
    }
}
