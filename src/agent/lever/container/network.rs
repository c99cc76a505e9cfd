//! Takes a container off a network: whoever is in there finds it no more, and it finds nobody.

use super::{Container, ContainerLayout, Docker, LeverError, Presence, refused, state::comes_back};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What of a container's end in a network was given to it; the rest is the engine's own.
const GIVEN: [&str; 4] = ["IPAMConfig", "Links", "Aliases", "DriverOpts"];

/// A network and the container's end in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Network {
    network: String,
    endpoint: Value,
}

impl Network {
    pub(super) fn take(
        place: &ContainerLayout,
        container: &Container,
        network: &str,
    ) -> Result<Self, LeverError> {
        let endpoint = container.endpoint(network).ok_or_else(|| {
            let known = container.networks().join(", ");
            refused(format!("`{}` is not in the network `{network}`; it is in: {known}", container.name()))
        })?;
        comes_back(place, container)?;
        let mut given = Map::new();
        for key in GIVEN {
            if let Some(value) = endpoint.get(key).filter(|value| !value.is_null()) {
                given.insert(key.to_owned(), value.clone());
            }
        }
        if let Some(Value::Array(aliases)) = given.get_mut("Aliases") {
            // The engine adds the beginning of the id by itself.
            aliases.retain(|alias| alias.as_str().is_none_or(|alias| !container.id.starts_with(alias)));
        }
        Ok(Self { network: network.to_owned(), endpoint: Value::Object(given) })
    }

    pub(super) async fn apply(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        Ok(docker.disconnect(id, &self.network).await?)
    }

    pub(super) fn seen_in(&self, container: &Container) -> (Presence, String) {
        let network = &self.network;
        match container.endpoint(network) {
            Some(_) => (Presence::Clean, format!("is in the network {network}")),
            None => (Presence::Present, format!("is not in the network {network}")),
        }
    }

    pub(super) async fn undo(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        Ok(docker.connect(id, &self.network, &self.endpoint).await?)
    }
}
