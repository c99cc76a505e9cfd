//! Containers of a described target: found at their Docker Engine, asked whether they may be broken, and where they answer;
//! and what the operations tool does with them.

use super::StagingError;
use crate::{
    agent::docker::{Docker, DockerError, LABEL},
    scenario::{
        blueprint::{Blueprint, Filling, Spot},
        pack::{ContainerLayout, DockerLayout},
    },
};
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// Where an engine listens that nobody has put elsewhere.
const SOCKET: &str = "/var/run/docker.sock";

/// The socket of the target's engine; nothing: it has no containers.
pub(super) fn socket(blueprint: &Blueprint, host: Option<&str>) -> Result<Option<PathBuf>, StagingError> {
    let Some(docker) = &blueprint.docker else { return Ok(None) };
    let socket = match (&docker.socket, host.filter(|host| !host.is_empty())) {
        (Some(socket), _) => socket.as_str(),
        (None, Some(host)) => {
            host.strip_prefix("unix://").ok_or_else(|| StagingError::DockerHost(host.to_owned()))?
        }
        (None, None) => SOCKET,
    };
    Ok(Some(PathBuf::from(socket)))
}

/// What commands of the target need to know, so that they speak with the same engine.
pub(super) fn environment(socket: &Path) -> (&'static str, String) {
    ("DOCKER_HOST", format!("unix://{}", socket.display()))
}

/// Every described container, with its address; refuses as soon as one does not say of itself that it is this target's.
pub(super) async fn find(
    target: &str,
    blueprint: &Blueprint,
    socket: PathBuf,
    filling: &mut Filling,
) -> Result<DockerLayout, StagingError> {
    let docker = Docker::at(&socket);
    let project = blueprint.docker.as_ref().and_then(|docker| docker.project.clone());
    let mut containers = Vec::new();
    for service in &blueprint.services {
        let Some(name) = &service.container else { continue };
        let mut place = ContainerLayout {
            service: service.name.clone(),
            component: service.component.clone(),
            name: name.clone(),
            project: project.clone(),
            port: None,
            address: filling.addresses.get(service.name.as_str()).cloned().unwrap_or_default(),
        };
        let container = docker.find(&place).await?;
        if container.label(LABEL) != Some(target) {
            let container = container.name().to_owned();
            return Err(StagingError::NotLabelled { container, target: target.to_owned() });
        }
        if let Spot::Container(port) = service.spot {
            place.port = Some(port);
            place.address = container.address(port).ok_or_else(|| StagingError::NoAddress {
                container: container.name().to_owned(),
                status: container.state.status.clone(),
                port,
            })?;
            filling.addresses.insert(service.name.to_string(), place.address.clone());
        }
        containers.push(place);
    }
    Ok(DockerLayout { socket, containers })
}

/// One row for each container, as the engine sees it now.
pub(super) fn list(layout: &DockerLayout) -> Result<String, DockerError> {
    waited_for(async {
        let docker = Docker::at(&layout.socket);
        let mut text = String::new();
        for place in &layout.containers {
            let state = match docker.find(place).await {
                Err(DockerError::NotFound(_)) => "gone".to_owned(),
                found => found?.state.status,
            };
            let _ = writeln!(
                text,
                "{:<16} {state:<10} container {:<24} {}",
                place.service.as_str(),
                place.name,
                place.address
            );
        }
        Ok(text)
    })
}

/// Ends the container and starts it again.
pub(super) fn restart(layout: &DockerLayout, place: &ContainerLayout) -> Result<(), DockerError> {
    waited_for(async {
        let docker = Docker::at(&layout.socket);
        docker.restart(&docker.find(place).await?.id).await
    })
}

/// The end of what the container has said.
pub(super) fn logs(
    layout: &DockerLayout,
    place: &ContainerLayout,
    lines: usize,
) -> Result<String, DockerError> {
    waited_for(async {
        let docker = Docker::at(&layout.socket);
        docker.logs(&docker.find(place).await?, lines).await
    })
}

/// On a thread of its own, so that a caller may be in a runtime or not.
fn waited_for<T: Send>(work: impl Future<Output = Result<T, DockerError>> + Send) -> Result<T, DockerError> {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let lost =
                |err: std::io::Error| DockerError::NotFound(format!("could not start a runtime: {err}"));
            runtime.map_err(lost)?.block_on(work)
        });
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::blueprint::DockerPlan;

    #[test]
    fn the_engine_is_the_target_files_then_the_environments_then_the_usual_one() {
        let mut blueprint: Blueprint = serde_json::from_value(serde_json::json!({
            "agent": null, "ranges": [], "programs": [], "lay_out": {}, "folders": [], "prepare": [],
            "services": [], "links": [], "volumes": [], "files": [], "front_door": "web", "tool": "shopctl",
            "operations": [], "custom": [],
        }))
        .unwrap();
        assert!(socket(&blueprint, Some("unix:///x")).unwrap().is_none(), "it has no containers");
        blueprint.docker = Some(DockerPlan { socket: None, project: None });
        for (host, wanted) in [(None, SOCKET), (Some(""), SOCKET), (Some("unix:///x"), "/x")] {
            assert_eq!(socket(&blueprint, host).unwrap(), Some(PathBuf::from(wanted)));
        }
        let why = socket(&blueprint, Some("tcp://10.0.0.1:2375")).unwrap_err().to_string();
        assert!(why.contains("only an engine on a unix socket"), "{why}");
        blueprint.docker = Some(DockerPlan { socket: Some("/mine".to_owned()), project: None });
        assert_eq!(socket(&blueprint, Some("unix:///x")).unwrap(), Some(PathBuf::from("/mine")));
    }
}
