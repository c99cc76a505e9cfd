//! What of a compose file matters for the first draft of a target: services, published ports, who depends on whom.
//! Everything else is passed over.

use super::{Entries, Scalar, TextOr};
use serde::Deserialize;

/// A compose file.
#[derive(Debug, Clone, Deserialize)]
pub struct ComposeFile {
    /// Services by name.
    #[serde(default)]
    pub services: Entries<ComposeService>,
}

/// One service.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ComposeService {
    /// Its image.
    #[serde(default)]
    pub image: Option<String>,
    /// The container's name, where it is fixed.
    #[serde(default)]
    pub container_name: Option<String>,
    /// Ports that are published on the host: `8080:80`, `127.0.0.1:8080:80`, or a mapping.
    #[serde(default)]
    pub ports: Vec<TextOr<ComposePort>>,
    /// Whom it needs.
    #[serde(default)]
    pub depends_on: DependsOn,
}

/// A published port, written out.
#[derive(Debug, Clone, Deserialize)]
pub struct ComposePort {
    /// The port on the host.
    #[serde(default)]
    pub published: Option<Scalar>,
    /// The address on the host.
    #[serde(default)]
    pub host_ip: Option<String>,
}

/// A list of names, or a mapping by names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum DependsOn {
    /// Names.
    List(Vec<String>),
    /// Conditions by name.
    Map(std::collections::BTreeMap<String, serde_json::Value>),
}

impl Default for DependsOn {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl DependsOn {
    /// The names.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::List(names) => names.iter().map(String::as_str).collect(),
            Self::Map(map) => map.keys().map(String::as_str).collect(),
        }
    }
}

impl ComposeService {
    /// Where the host reaches it: the first port that is published.
    pub fn published(&self) -> Option<String> {
        self.ports.iter().find_map(|port| match port {
            TextOr::Text(text) => published(text),
            TextOr::Other(port) => {
                let number: u16 = port.published.as_ref()?.parse().ok()?;
                let host = port.host_ip.as_deref().unwrap_or("127.0.0.1");
                Some(format!("{}:{number}", reachable(host)))
            }
        })
    }
}

/// `127.0.0.1:8080` for `8080:80`, `127.0.0.1:8080:80/tcp`, `0.0.0.0:8080:80`; nothing where the host's port is not fixed.
fn published(text: &str) -> Option<String> {
    let text = text.split('/').next().unwrap_or(text);
    let parts: Vec<_> = text.rsplitn(3, ':').collect();
    let (host, port) = match parts.as_slice() {
        [_, port] => ("127.0.0.1", *port),
        [_, port, host] => (*host, *port),
        _ => return None,
    };
    let number: u16 = port.parse().ok()?;
    Some(format!("{}:{number}", reachable(host)))
}

fn reachable(host: &str) -> &str {
    if host == "0.0.0.0" || host.is_empty() { "127.0.0.1" } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::file::read;

    #[test]
    fn services_ports_and_dependencies_are_read_and_the_rest_is_passed_over() {
        let text = "\
version: '3.9'
x-common: {restart: always}
services:
  web:
    image: nginx:1.27
    ports: ['8080:80', '8443:443']
    depends_on: [app]
  app:
    build: .
    ports: ['127.0.0.1:9000:9000/tcp']
    depends_on: {db: {condition: service_healthy}}
    environment: {A: 1}
  db:
    image: postgres:16
    ports: [{target: 5432, published: 15432}]
  worker: {image: x, ports: ['80']}
volumes: {data: {}}
";
        let file: ComposeFile = read("compose.yaml", text.as_bytes()).unwrap();
        let seen: Vec<_> = file
            .services
            .0
            .iter()
            .map(|(name, one)| (name.as_str(), one.published(), one.depends_on.names()))
            .collect();
        let at = |address: &str| Some(address.to_owned());
        assert_eq!(
            seen,
            [
                ("web", at("127.0.0.1:8080"), vec!["app"]),
                ("app", at("127.0.0.1:9000"), vec!["db"]),
                ("db", at("127.0.0.1:15432"), vec![]),
                ("worker", None, vec![]),
            ]
        );
    }
}
