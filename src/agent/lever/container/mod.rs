//! Faults on containers; the hands are the Docker Engine's. A container is known by its id: one that responders have made
//! anew under the same name is theirs, and nothing of ours is left on it.
//!
//! Only a running container that is labelled as this target's is touched. One that might come back at another address
//! than links and probes know is neither ended nor taken off its network: that could not be taken back.
//!
//! Open first: [`PreImage`]; then `state` (pause, stop, kill), `limits` (processor, memory), `network`.

mod limits;
mod network;
mod state;

use super::{Hands, LeverError, refused, seen};
use crate::{
    agent::{
        boot,
        docker::{Docker, DockerError, LABEL, container::Container},
    },
    base::ServiceName,
    fault::{Fault, Inspection, Presence, Undone},
    scenario::pack::{ContainerLayout, DockerLayout},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long something may still become of a call whose caller died: so long a place that looks clean is watched.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// A container as it was before, and what of it will be ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// How it is found by its name.
    pub place: ContainerLayout,
    /// Its id.
    pub id: String,
    /// What is done to it.
    pub change: Change,
}

/// What is done to a container, with what it was like before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub(in crate::agent) enum Change {
    /// It is frozen.
    Pause,
    /// It is ended.
    Down(state::Down),
    /// It gets less of the processor.
    Cpu(limits::Cpu),
    /// It gets less memory.
    Memory(limits::Memory),
    /// It is taken off a network.
    Network(network::Network),
}

impl From<DockerError> for LeverError {
    fn from(err: DockerError) -> Self {
        Self::Failed(err.to_string())
    }
}

impl Hands {
    fn containers(&self) -> Result<(Docker, &DockerLayout), LeverError> {
        let docker = self.layout.docker.as_ref().ok_or_else(|| refused("there are no containers here"))?;
        Ok((Docker::at(&docker.socket), docker))
    }
}

impl PreImage {
    pub(super) async fn take(hands: &Hands, fault: &Fault) -> Result<Self, LeverError> {
        let name = fault.container().ok_or_else(|| refused("this is no fault of a container"))?;
        let (docker, layout) = hands.containers()?;
        let place = layout.containers.iter().find(|one| one.service == *name);
        let place = place.ok_or_else(|| refused(format!("there is no container of `{name}` here")))?;
        let container = match docker.find(place).await {
            Err(DockerError::NotFound(why)) => return Err(refused(why)),
            found => found?,
        };
        labelled(&container, &hands.layout.target)?;
        if !container.runs() {
            return Err(refused(format!("the container of `{name}` is {}", container.state.status)));
        }
        let change = match fault {
            Fault::ContainerPause { .. } => Change::Pause,
            Fault::ContainerStop { .. } => {
                Change::Down(state::Down::take(place, &container, state::End::Stop)?)
            }
            Fault::ContainerKill { .. } => {
                Change::Down(state::Down::take(place, &container, state::End::Kill)?)
            }
            Fault::ContainerCpu { percent, .. } => Change::Cpu(limits::Cpu::take(&container, *percent)?),
            Fault::ContainerMemory { most_mib, .. } => {
                Change::Memory(limits::Memory::take(&container, *most_mib)?)
            }
            Fault::ContainerNetwork { network, .. } => {
                Change::Network(network::Network::take(place, &container, network)?)
            }
            other => return Err(refused(format!("`{}` is no fault of a container", other.kind()))),
        };
        Ok(Self { place: place.clone(), id: container.id, change })
    }

    /// The instance and its component.
    pub(super) fn owner(&self) -> (&ServiceName, &ServiceName) {
        (&self.place.service, &self.place.component)
    }

    pub(super) async fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        let (docker, _) = hands.containers()?;
        let service = &self.place.service;
        let other =
            || refused(format!("the container of `{service}` is another one than when this was armed"));
        let container = docker.look(&self.id).await?.ok_or_else(other)?;
        labelled(&container, &hands.layout.target)?;
        let now = self.seen_in(&container);
        if !container.runs() || now.presence != Presence::Clean {
            return Err(refused(format!("`{service}` has changed since this was armed: {}", now.detail)));
        }
        match &self.change {
            Change::Pause => docker.pause(&self.id).await?,
            Change::Down(down) => down.apply(&docker, &self.id).await?,
            Change::Cpu(cpu) => cpu.apply(&docker, &self.id).await?,
            Change::Memory(memory) => memory.apply(&docker, &self.id).await?,
            Change::Network(network) => network.apply(&docker, &self.id).await?,
        }
        let now = self.inspect(hands).await?;
        match now.presence {
            Presence::Present => Ok(()),
            _ => Err(LeverError::Failed(format!("the engine took it, and {}", now.detail))),
        }
    }

    pub(super) async fn inspect(&self, hands: &Hands) -> Result<Inspection, LeverError> {
        let (docker, _) = hands.containers()?;
        if let Some(container) = docker.look(&self.id).await? {
            return Ok(self.seen_in(&container));
        }
        let service = &self.place.service;
        match docker.find(&self.place).await {
            Ok(_) => Ok(seen(Presence::Clean, format!("the container of {service} was made anew"))),
            Err(DockerError::NotFound(_)) => {
                Ok(seen(Presence::Diverged, format!("the container of {service} was removed")))
            }
            Err(err) => Err(err.into()),
        }
    }

    fn seen_in(&self, container: &Container) -> Inspection {
        let (presence, detail) = match &self.change {
            Change::Pause if container.state.paused => (Presence::Present, "is paused".to_owned()),
            Change::Pause => (Presence::Clean, "is not paused".to_owned()),
            Change::Down(down) => down.seen_in(container),
            Change::Cpu(cpu) => cpu.seen_in(container),
            Change::Memory(memory) => memory.seen_in(container),
            Change::Network(network) => network.seen_in(container),
        };
        seen(presence, format!("the container of {} {detail}", self.place.service))
    }

    pub(super) async fn undo(&self, hands: &Hands) -> Result<Undone, LeverError> {
        let now = match self.inspect(hands).await?.presence {
            // A call whose caller was killed may still be under way at the engine.
            Presence::Clean => self.watched(hands).await?,
            other => other,
        };
        match now {
            Presence::Clean => return Ok(Undone::AlreadyClean),
            Presence::Diverged => return Ok(Undone::Diverged),
            Presence::Present | Presence::Unknown => {}
        }
        let (docker, _) = hands.containers()?;
        match &self.change {
            Change::Pause => docker.unpause(&self.id).await?,
            Change::Down(_) => docker.start(&self.id).await?,
            Change::Cpu(cpu) => cpu.undo(&docker, &self.id).await?,
            Change::Memory(memory) => memory.undo(&docker, &self.id).await?,
            Change::Network(network) => network.undo(&docker, &self.id).await?,
        }
        let now = self.inspect(hands).await?;
        match now.presence {
            Presence::Clean => Ok(Undone::Restored),
            _ => Err(LeverError::Failed(format!("the engine took it back, and {}", now.detail))),
        }
    }

    /// What becomes of a place that looks clean.
    async fn watched(&self, hands: &Hands) -> Result<Presence, LeverError> {
        let long = match &self.change {
            Change::Down(down) => down.under_way(),
            _ => UNDER_WAY,
        };
        let (docker, _) = hands.containers()?;
        let changed = async || match docker.look(&self.id).await {
            Ok(Some(container)) => {
                let presence = self.seen_in(&container).presence;
                let over = presence != Presence::Clean || self.is_repaired(&container);
                over.then_some(Ok(presence))
            }
            // It was made anew, and nothing comes to one that is gone.
            Ok(None) => Some(Ok(Presence::Clean)),
            Err(err) => Some(Err(err.into())),
        };
        boot::watch_for(long, changed).await.unwrap_or(Ok(Presence::Clean))
    }

    /// Whether it was ended and runs again: then our call is long over.
    fn is_repaired(&self, container: &Container) -> bool {
        matches!(&self.change, Change::Down(down) if container.state.started_at != down.started_at)
    }
}

/// Whether the container says of itself that this target's drills may break it.
fn labelled(container: &Container, target: &str) -> Result<(), LeverError> {
    match container.label(LABEL) {
        Some(value) if value == target => Ok(()),
        Some(value) => Err(refused(format!(
            "the container `{}` is labelled `{LABEL}={value}`, which is another target",
            container.name()
        ))),
        None => Err(refused(format!(
            "the container `{}` does not say that it is staging: make it with the label `{LABEL}={target}`",
            container.name()
        ))),
    }
}
