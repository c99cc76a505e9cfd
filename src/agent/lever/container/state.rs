//! Ends a container, as `docker stop` or as a crash. The engine counts both as wanted, so no restart policy starts it
//! again; whoever starts it repairs it.

use super::{Container, ContainerLayout, Docker, LeverError, Presence, UNDER_WAY, refused};
use crate::agent::docker::GRACE;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a container is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::agent) enum End {
    /// It may end by itself.
    Stop,
    /// SIGKILL.
    Kill,
}

/// A container that is ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Down {
    /// How.
    pub how: End,
    /// When it had been started, as the engine writes it: a later time is somebody's repair.
    pub started_at: String,
}

impl Down {
    pub(super) fn take(place: &ContainerLayout, container: &Container, how: End) -> Result<Self, LeverError> {
        if container.host_config.auto_remove {
            return Err(refused(format!(
                "the container `{}` is removed when it ends (`--rm`), and could not be started again",
                container.name()
            )));
        }
        comes_back(place, container)?;
        Ok(Self { how, started_at: container.state.started_at.clone() })
    }

    pub(super) async fn apply(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        match self.how {
            End::Stop => docker.stop(id).await?,
            End::Kill => docker.kill(id).await?,
        }
        // A kill is answered before the engine has seen the end.
        let ended = async || match docker.look(id).await {
            Ok(Some(container)) if container.state.running => None,
            _ => Some(()),
        };
        crate::agent::boot::watch_for(GRACE, ended)
            .await
            .ok_or_else(|| LeverError::Failed("the container did not end".to_owned()))
    }

    pub(super) fn seen_in(&self, container: &Container) -> (Presence, String) {
        let same = container.state.started_at == self.started_at;
        match (container.state.running, same) {
            (true, true) => (Presence::Clean, "runs".to_owned()),
            (true, false) => (Presence::Clean, "was started again".to_owned()),
            (false, true) => (Presence::Present, format!("is {}", container.state.status)),
            (false, false) => {
                (Presence::Diverged, "was started again, and has ended without our doing".to_owned())
            }
        }
    }

    /// How long a stop may still come that nobody waits for any more.
    pub(super) fn under_way(&self) -> Duration {
        match self.how {
            End::Stop => GRACE + UNDER_WAY,
            End::Kill => UNDER_WAY,
        }
    }
}

/// Whether links and probes will find it where it was.
pub(super) fn comes_back(place: &ContainerLayout, container: &Container) -> Result<(), LeverError> {
    match place.port {
        Some(port) if !container.keeps_address(port) => Err(refused(format!(
            "the container of `{}` may come back at another address: publish its port, or give it a fixed `ipv4_address`",
            place.service
        ))),
        _ => Ok(()),
    }
}
