//! As whom a command runs, and what it inherits.

use nix::unistd::{Uid, User};
use std::{io, os::unix::process::CommandExt as _, process::Command};

/// What a command of the target inherits; the rest of the agent's environment may hold secrets.
const KEPT_ENVIRONMENT: [&str; 4] = ["PATH", "LANG", "TZ", "TMPDIR"];

/// Clears the command's environment down to what is kept and, where this process is root, steps down to `user`.
/// Elsewhere the command runs as whoever this process belongs to.
///
/// # Errors
/// When this process is root and there is no such user.
pub fn run_as(command: &mut Command, user: Option<&str>) -> io::Result<()> {
    let kept = std::env::vars_os().filter(|(name, _)| KEPT_ENVIRONMENT.iter().any(|kept| name == kept));
    command.env_clear().envs(kept);
    if let Some(user) = user.filter(|_| Uid::effective().is_root()) {
        let user = find(user)?;
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    Ok(())
}

/// The user of this name.
///
/// # Errors
/// When there is none.
pub fn find(name: &str) -> io::Result<User> {
    User::from_name(name)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no user `{name}`")))
}

/// Where programs of this process's user are.
pub fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
