//! What can go wrong while a target is laid out.

use crate::agent::docker::{DockerError, LABEL};
use std::path::{Path, PathBuf};

/// Completes "could not lay the target out: ...".
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// A file or folder did not do as it was told.
    #[error("could not {action} {}: {source}", path.display())]
    File {
        /// `read`, `write`, `remove`, ...
        action: &'static str,
        /// The place.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds something that is no target of ours.
    #[error("{} is not empty and was not made by gameday: name an empty or new folder", root.display())]
    Foreign {
        /// The folder.
        root: PathBuf,
    },
    /// The folder belongs to a target that is running.
    #[error("the target in {} is running: stop it first", root.display())]
    Running {
        /// The folder.
        root: PathBuf,
    },
    /// A program is not on this machine.
    #[error(
        "there is no program `{name}` in {searched}: install it, or add its folder under `programs:` in the target file"
    )]
    Program {
        /// Its name.
        name: String,
        /// Where it was looked for.
        searched: String,
    },
    /// A preparation did not end well.
    #[error("could not prepare with `{line}`: {why}\n{said}")]
    Prepare {
        /// The command.
        line: String,
        /// How it ended.
        why: String,
        /// The end of what it said.
        said: String,
    },
    /// The Docker Engine did not do its part.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// `DOCKER_HOST` names no unix socket.
    #[error(
        "`DOCKER_HOST` is `{0}`, and only an engine on a unix socket can be used: `unix:///var/run/docker.sock`"
    )]
    DockerHost(String),
    /// A container does not say that it may be broken.
    #[error(
        "the container `{container}` does not say that it is staging: make it with the label `{LABEL}={target}`, \
         or name another one"
    )]
    NotLabelled {
        /// Its name.
        container: String,
        /// The target's name.
        target: String,
    },
    /// A container answers nowhere.
    #[error(
        "the container `{container}` is {status}, and its port {port} has no address: start it, and put it in a network \
         or publish the port"
    )]
    NoAddress {
        /// Its name.
        container: String,
        /// Whether it runs.
        status: String,
        /// The port in there.
        port: u16,
    },
    /// Every set of loopback addresses is in use.
    #[error("no free loopback addresses are left for the target")]
    NoFreeNumber,
}

impl StagingError {
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
