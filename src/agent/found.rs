//! Processes that somebody else has started: known by the number in a file, started again by a command.

use super::{
    boot::watch_for,
    process::{Identity, Life},
    user,
};
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// How long the command that starts it again may take, and the process until its number is in the file.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The living process whose number the file holds.
pub(super) fn identity(pid_file: &Path) -> Option<Identity> {
    let text = fs::read_to_string(pid_file).ok()?;
    let pid = text.split_whitespace().next()?.parse().ok()?;
    let identity = Identity::of(pid).ok()??;
    matches!(identity.life(), Ok(Life::Running | Life::Stopped)).then_some(identity)
}

/// Runs the command, and waits until the file holds the number of a living process. Nothing to do when it does already.
pub(super) async fn start(pid_file: &Path, argv: &[String]) -> io::Result<()> {
    if identity(pid_file).is_some() {
        return Ok(());
    }
    let ended = run(argv, START_LIMIT).await?;
    if !ended.success() {
        return Err(io::Error::other(format!("`{}` ended with {ended}", argv.join(" "))));
    }
    let seen = async || identity(pid_file).map(drop);
    watch_for(START_LIMIT, seen).await.ok_or_else(|| {
        io::Error::other(format!(
            "`{}` ran, and no living process is in {}",
            argv.join(" "),
            pid_file.display()
        ))
    })
}

/// Runs a command of the target to its end, as the agent's own user.
pub(super) async fn run(argv: &[String], limit: Duration) -> io::Result<std::process::ExitStatus> {
    let (program, rest) = argv.split_first().ok_or_else(|| io::Error::other("no command is declared"))?;
    let mut command = Command::new(program);
    user::run_as(&mut command, None)?;
    command.args(rest).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("`{}` takes too long", argv.join(" ")));
    tokio::time::timeout(limit, child.wait()).await.map_err(|_| late())?
}
