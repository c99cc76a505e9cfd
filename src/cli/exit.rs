//! The one table of exit codes, and what a command that failed says.

use crate::drill::preflight::Bar;
use std::{fmt, io, process::ExitCode};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Criteria missed, or somebody said no.
    Refused = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Files have problems.
    Problems = 3,
    /// The world is unavailable.
    World = 4,
    /// A drill was aborted or stopped.
    Stopped = 5,
    /// Something may still be broken.
    Broken = 6,
    /// Our bug.
    Bug = 70,
}

impl Exit {
    /// Every code with its meaning, as the help prints it.
    pub const TABLE: [(Self, &'static str); 8] = [
        (Self::Done, "done"),
        (Self::Refused, "criteria were missed, or what was asked for is refused"),
        (Self::Usage, "the command line makes no sense"),
        (Self::Problems, "a file has problems: each is printed with its line"),
        (Self::World, "the world is unavailable: a file, an address, the target, the console"),
        (Self::Stopped, "the drill was aborted or stopped"),
        (Self::Broken, "something may still be broken on the target"),
        (Self::Bug, "a bug in gameday: please report it"),
    ];

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The table as text, one code a line.
    pub fn table() -> String {
        let lines = Self::TABLE.map(|(exit, means)| format!("  {:<3} {means}", exit.code()));
        format!("Exit codes:\n{}", lines.join("\n"))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Ends the program at once: nothing that is still to be done is done.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the one place that may")]
pub(super) fn leave(exit: Exit) -> ! {
    std::process::exit(i32::from(exit.code()))
}

/// Ends the program with the exit code of another one that it ran, when everything else is done.
#[expect(clippy::exit, clippy::disallowed_methods, reason = "the one place that may")]
pub(super) fn leave_as(code: i32) -> ! {
    std::process::exit(code)
}

/// A command that could not do its work. Printed as `gameday: could not ...: cause`, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// `could not read x.yaml: no such file`; empty when there is nothing to say.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Every rule that bars a drill from beginning, if that is why.
    pub bars: Vec<Bar>,
}

impl Failure {
    /// A failure with its exit code. The message begins with `could not`.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, bars: Vec::new() }
    }

    /// The world is unavailable.
    pub fn world(message: impl Into<String>) -> Self {
        Self::new(Exit::World, message)
    }

    /// What was asked for is refused.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Nothing is left to say: whoever read the output has gone, or everything was printed already.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// The same with what to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// For `map_err`: `could not WHAT: cause`, exit 4.
    pub fn io<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |cause| Self::world(format!("could not {what}: {cause}"))
    }

    /// For `map_err` on standard output: a reader that has gone is no failure.
    pub(super) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::silent(Exit::Done)
        } else {
            Self::world(format!("could not write the output: {error}"))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n{help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once_and_in_order() {
        let codes: Vec<_> = Exit::TABLE.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 70]);
        assert!(Exit::table().contains("  6   something may still be broken"));
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Failure::output(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit, gone.message.as_str()), (Exit::Done, ""));
        let full = Failure::output(&io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit, Exit::World);
    }
}
