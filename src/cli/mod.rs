//! The command line: one file per subcommand, and nothing in them that another door would need too.
//!
//! [`main`] is everything that the binary calls. [`exit`] is the one table of exit codes; [`home`] says where state
//! lives; [`show`] prints; [`shelf`] is the library that commands read.
//!
//! A command is a clap struct with its help and an `Examples:` section, and a `run` that gives an [`Exit`] or a
//! [`Failure`]: `gameday: could not ...: cause`, and what to do about it.

mod actions;
mod agent;
mod allowed;
mod check;
mod completions;
mod debrief;
mod demo;
mod depot;
mod doctor;
pub mod exit;
mod exposure;
mod grade;
pub mod home;
mod injections;
mod injectors;
mod interrupt;
mod journal;
mod list;
mod new;
mod paper;
mod people;
mod plan;
mod play;
mod practice;
mod preflight;
mod programme;
mod recover;
mod rehearse;
mod replay;
mod resume;
mod routes;
mod run;
mod safety;
mod schedule;
mod schema;
mod score;
mod seal;
mod serve;
pub mod shelf;
pub mod show;
mod target;
mod verb;
mod wire;

pub use exit::{Exit, Failure};
pub use home::Home;

use crate::{depot::depotctl, library::worker};
use clap::Parser;
use std::{ffi::OsString, future::Future, panic, path::Path, process::ExitCode};

/// Says what is logged to standard error: `warn`, `debug`, `gameday::agent=trace`, ...
const LOG_VAR: &str = "GAMEDAY_LOG";

const LONG_ABOUT: &str = "\
An engine for incident-response practice.

A scenario breaks a real staging target on purpose; alarms go out; people work the outage; the engine measures what users
saw, takes every fault back, scores the response and writes the debrief.";

const EXAMPLES: &str = "\
Examples:
  gameday demo --autopilot          a whole drill on the embedded target, played by itself
  gameday practice                  your own path, from the first alarm to leading an incident
  gameday list                      the scenarios that come with the program
  gameday new my-drill              a commented scenario to begin with
  gameday check my-drill.yaml       every mistake in it at once
  gameday help exit-codes           what the exit codes mean

State lives in GAMEDAY_HOME (default: ~/.local/state/gameday). GAMEDAY_LOG=debug shows what happens inside.";

#[derive(Debug, Parser)]
#[command(
    name = "gameday",
    version,
    about = "Practises incident response on real outages of a staging target",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES,
    max_term_width = 110,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Run(run::Run),
    Serve(serve::Serve),
    Schedule(schedule::Schedule),
    People(people::People),
    Routes(routes::Routes),
    Exposure(exposure::Exposure),
    Rehearse(rehearse::Rehearse),
    Recover(recover::Recover),
    Safety(safety::Safety),
    Injections(injections::Injections),
    Demo(demo::Demo),
    Practice(practice::Practice),
    List(list::List),
    New(new::New),
    Check(check::Check),
    Schema(schema::Schema),
    Plan(plan::Plan),
    Seal(seal::Seal),
    Unseal(seal::Unseal),
    Injectors(injectors::Injectors),
    Join(verb::join::Join),
    Board(verb::board::Board),
    Role(verb::acts::Role),
    Say(verb::acts::Say),
    Log(verb::acts::Log),
    Ack(verb::acts::Ack),
    Declare(verb::acts::Declare),
    Status(verb::acts::Status),
    Ticket(verb::ticket::Ticket),
    Decide(verb::decide::Decide),
    Action(verb::action::Action),
    Page(verb::acts::Page),
    Stumped(verb::acts::Stumped),
    Hypothesis(verb::claims::Hypothesis),
    Cause(verb::claims::Cause),
    Assess(verb::claims::Assess),
    Severity(verb::severity::Severity),
    Summary(verb::acts::Summary),
    Resolve(verb::acts::Resolve),
    Shell(verb::shell::Shell),
    Record(verb::shell::Record),
    Hint(verb::instigate::Hint),
    Ask(verb::instigate::Ask),
    Inject(verb::instigate::Inject),
    SecondAct(verb::instigate::SecondAct),
    Tell(verb::instigate::Tell),
    Settle(verb::instigate::Settle),
    Stop(verb::instigate::Stop),
    Score(score::Score),
    Grade(grade::Grade),
    Debrief(debrief::Debrief),
    Actions(actions::Actions),
    Programme(programme::Programme),
    Replay(replay::Replay),
    Doctor(doctor::Doctor),
    Depot(depot::Depot),
    Agent(agent::Agent),
    Target(target::Target),
    Completions(completions::Completions),
}

impl Command {
    fn run(self) -> Result<Exit, Failure> {
        match self {
            Self::Run(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Schedule(command) => command.run(),
            Self::People(command) => command.run(),
            Self::Routes(command) => command.run(),
            Self::Exposure(command) => command.run(),
            Self::Rehearse(command) => command.run(),
            Self::Recover(command) => command.run(),
            Self::Safety(command) => command.run(),
            Self::Injections(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Practice(command) => command.run(),
            Self::List(command) => command.run(),
            Self::New(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Schema(command) => command.run(),
            Self::Plan(command) => command.run(),
            Self::Seal(command) => command.run(),
            Self::Unseal(command) => command.run(),
            Self::Injectors(command) => command.run(),
            Self::Join(command) => command.run(),
            Self::Board(command) => command.run(),
            Self::Role(command) => command.run(),
            Self::Say(command) => command.run(),
            Self::Log(command) => command.run(),
            Self::Ack(command) => command.run(),
            Self::Declare(command) => command.run(),
            Self::Status(command) => command.run(),
            Self::Ticket(command) => command.run(),
            Self::Decide(command) => command.run(),
            Self::Action(command) => command.run(),
            Self::Page(command) => command.run(),
            Self::Stumped(command) => command.run(),
            Self::Hypothesis(command) => command.run(),
            Self::Cause(command) => command.run(),
            Self::Assess(command) => command.run(),
            Self::Severity(command) => command.run(),
            Self::Summary(command) => command.run(),
            Self::Resolve(command) => command.run(),
            Self::Shell(command) => command.run(),
            Self::Record(command) => command.run(),
            Self::Hint(command) => command.run(),
            Self::Ask(command) => command.run(),
            Self::Inject(command) => command.run(),
            Self::SecondAct(command) => command.run(),
            Self::Tell(command) => command.run(),
            Self::Settle(command) => command.run(),
            Self::Stop(command) => command.run(),
            Self::Score(command) => command.run(),
            Self::Grade(command) => command.run(),
            Self::Debrief(command) => command.run(),
            Self::Actions(command) => command.run(),
            Self::Programme(command) => command.run(),
            Self::Replay(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Depot(command) => command.run(),
            Self::Agent(command) => command.run(),
            Self::Target(command) => command.run(),
            Self::Completions(command) => command.run(),
        }
    }
}

/// The whole program. `args` begin with the name that it was called by: `depotctl` is the operations tool of the
/// embedded target, everything else is `gameday`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|arg| arg == worker::WORKER_ARG) {
        return worker::script_worker_main();
    }
    panic::set_hook(Box::new(|info| {
        show::complain(&format!(
            "gameday: this is a bug in gameday, not in what you did: {info}\n\
             What was acknowledged is in the journal. Please report it with the lines above.\n"
        ));
    }));
    log_to_stderr();
    if args.first().is_some_and(|name| Path::new(name).file_name().is_some_and(|name| name == "depotctl")) {
        let args = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let code = guarded(|| block_on(async { Ok(depotctl(args).await) }));
        return match code {
            Ok(code) => ExitCode::from(code),
            Err(failure) => fail(&failure).into(),
        };
    }
    guarded(|| begin(&args)).unwrap_or_else(|failure| fail(&failure)).into()
}

/// Reads the command line and runs what it names.
fn begin(args: &[OsString]) -> Result<Exit, Failure> {
    if args.len() == 3 && args[1] == "help" && args[2] == "exit-codes" {
        show::line(&Exit::table())?;
        return Ok(Exit::Done);
    }
    match Cli::try_parse_from(args) {
        Ok(cli) => cli.command.run(),
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            match error.print() {
                Ok(()) => Ok(exit),
                Err(error) => Err(Failure::output(&error)),
            }
        }
    }
}

/// Contains a panic: the hook has said what there is to say.
fn guarded<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    panic::catch_unwind(panic::AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::silent(Exit::Bug)))
}

fn fail(failure: &Failure) -> Exit {
    if !failure.message.is_empty() {
        show::complain(&format!("gameday: {failure}\n"));
    }
    failure.exit
}

fn log_to_stderr() {
    let wanted = std::env::var(LOG_VAR).unwrap_or_else(|_| "warn".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
        show::complain(&format!("gameday: could not understand {LOG_VAR}={wanted}: {error}\n"));
        tracing_subscriber::EnvFilter::new("warn")
    });
    // A second call in one process (tests) keeps the first one's.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .try_init();
}

/// Runs asynchronous work of a command to its end.
pub fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("start a runtime"))?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn a_panic_ends_with_the_code_of_a_bug() {
        let quiet = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let ended = guarded::<Exit>(|| panic!("a bug"));
        panic::set_hook(quiet);
        assert_eq!(ended, Err(Failure::silent(Exit::Bug)));
    }
}
