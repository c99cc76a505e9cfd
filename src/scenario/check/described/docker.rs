//! Containers of a target file: how they are found, and what cannot be known of them before they run.

use super::Check;
use crate::fault::figures::is_docker_name;
use crate::scenario::blueprint::{Blueprint, DockerPlan, Slot, slots};
use crate::scenario::file::{LinkFile, Placed, ServiceFile};
use crate::scenario::pack::{Driver, Part, PartKind};
use crate::scenario::problem::Place;

/// The containers, as parts that can break.
pub(super) fn parts(blueprint: &Blueprint) -> impl Iterator<Item = Part> {
    blueprint.services.iter().filter(|service| service.container.is_some()).map(|service| Part {
        name: service.name.to_string(),
        kind: PartKind::Container,
        service: service.name.clone(),
    })
}

impl Check<'_> {
    pub(super) fn docker(&mut self) -> Option<DockerPlan> {
        let written = self.written;
        if written.driver.value != Driver::Docker {
            if let Some(given) = &written.docker {
                self.found.add(given.place, "`docker` goes with `driver: docker` alone");
            }
            return None;
        }
        if written.services.0.iter().all(|(_, service)| service.container.is_none()) {
            self.found.add_with_help(
                written.driver.place,
                "no service has a `container`",
                "name them: `container: shop-web`",
            );
        }
        let mut plan = DockerPlan { socket: None, project: None };
        if let Some(given) = &written.docker {
            if let Some(socket) = &given.socket {
                if !socket.starts_with('/') {
                    self.found
                        .add(socket.place, "a `socket` is the path of a unix socket and begins with `/`");
                }
                plan.socket = Some(socket.value.clone());
            }
            plan.project = given.project.as_ref().map(|project| self.docker_name(project));
        }
        Some(plan)
    }

    fn docker_name(&mut self, given: &Placed<String>) -> String {
        if !is_docker_name(given) {
            self.found.add(given.place, format!("`{}` is not a name that the engine knows", given.value));
        }
        given.value.clone()
    }

    pub(super) fn container(&mut self, one: &ServiceFile) -> Option<String> {
        let given = one.container.as_ref()?;
        if self.written.driver.value != Driver::Docker {
            self.found.add(given.place, "`container` goes with `driver: docker` alone");
        }
        if one.start.is_some() || one.pid_file.is_some() {
            self.found.add_with_help(
                given.place,
                "an instance is a container or a process, not both",
                "leave `start` and `pid_file` out: the engine starts containers",
            );
        }
        Some(self.docker_name(given))
    }

    /// What is written before the containers run cannot hold their addresses.
    pub(super) fn not_yet(&mut self, text: &str, place: Place) {
        for (_, slot) in slots(text) {
            let (Slot::Address(name) | Slot::Host(name) | Slot::Port(name)) = slot else { continue };
            let found = self.written.services.0.iter().find(|(service, _)| service.value == name);
            if found.is_some_and(|(_, service)| service.container.is_some() && service.address.is_none()) {
                self.found.add_with_help(
                    place,
                    format!("the address of `{name}` is not known before its container runs"),
                    "give the service a fixed `address` instead of a `port`",
                );
            }
        }
    }

    /// A container does not reach the loopback addresses of the machine that it runs on.
    pub(super) fn within_reach(&mut self, name: &Placed<String>, one: &LinkFile) {
        let from = self.written.services.0.iter().find(|(service, _)| service.value == one.from.as_str());
        let from_container = from.is_some_and(|(_, service)| service.container.is_some());
        if from_container && one.from.value != one.to.value && one.listen.is_none() {
            self.found.add_with_help(
                name.place,
                format!("`{}` is a container and cannot reach a link on loopback", one.from.as_str()),
                "give the link a `listen` at the gateway of the container's network: `172.20.0.1:6379`",
            );
        }
    }
}
