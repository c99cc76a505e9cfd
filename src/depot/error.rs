//! What can go wrong while a Depot is laid out or served.

use std::path::{Path, PathBuf};

/// Completes "could not lay out or serve the depot: ...".
#[derive(Debug, thiserror::Error)]
pub enum DepotError {
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
    /// A configuration file says something that it may not.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The root folder holds something that no Depot has written.
    #[error("{} is not empty and holds no depot: name an empty or new folder", root.display())]
    Foreign {
        /// The folder.
        root: PathBuf,
    },
    /// The root folder belongs to a Depot that is running.
    #[error("the depot in {} is running: stop it first", root.display())]
    Running {
        /// The folder.
        root: PathBuf,
    },
    /// An instance's address could not be taken.
    #[error("could not listen on {address}: {source}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The instance does not belong to the component.
    #[error("`{instance}` is a `{component}` instance, not a `{asked}` instance")]
    WrongComponent {
        /// The instance.
        instance: String,
        /// What it is.
        component: String,
        /// What was asked for.
        asked: String,
    },
    /// The catalogue's database failed.
    #[error("could not use the catalogue's database: {0}")]
    Database(#[from] sqlx::Error),
    /// A certificate could not be made.
    #[error("could not make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The HTTP client could not be made.
    #[error("could not make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// Every set of loopback addresses is taken.
    #[error("no free set of loopback addresses: other depots run on all of them")]
    NoFreeInstance,
}

impl DepotError {
    /// For `map_err` on file operations.
    pub(super) fn file(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::File { action, path, source }
    }
}
