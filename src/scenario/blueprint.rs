//! How a described target is laid out: what `target.yaml` says, checked, with placeholders still in it.
//!
//! A placeholder is filled once the target's folder and addresses are known: `{root}`, and `{address.NAME}`,
//! `{host.NAME}`, `{port.NAME}` of a service or of a link's proxy.

use super::pack::{
    CustomFault, FileFormat, Health, Keeping, LinkLayout, OperationLayout, PostgresLayout, Reload,
    StopSignal, ToxiproxyLayout,
};
use crate::base::{Cidr, LinkName, ServiceName, VolumeName};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range};

/// A described target, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blueprint {
    /// How another host's agent is reached.
    pub agent: Option<AgentAddress>,
    /// The Docker Engine that runs its containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerPlan>,
    /// Ranges that every address lies in.
    pub ranges: Vec<Cidr>,
    /// More folders of programs; `*` stands for one folder.
    pub programs: Vec<String>,
    /// Files that are written into its folder: path and content.
    pub lay_out: BTreeMap<String, String>,
    /// Folders that are made in its folder, with their owners.
    pub folders: Vec<(String, Option<String>)>,
    /// What prepares it.
    pub prepare: Vec<Preparation>,
    /// Its instances, in start order.
    pub services: Vec<ServicePlan>,
    /// Its links.
    pub links: Vec<LinkPlan>,
    /// Its volumes: name, path, size in MiB.
    pub volumes: Vec<(VolumeName, String, u64)>,
    /// Its configuration files.
    pub files: Vec<FilePlan>,
    /// Its databases in PostgreSQL; where they answer follows from the service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<PostgresLayout>,
    /// The service or link that the workload knocks at.
    pub front_door: ServiceName,
    /// The operations tool's name.
    pub tool: String,
    /// Operations of its own.
    pub operations: Vec<OperationLayout>,
    /// Faults of its own.
    pub custom: Vec<CustomFault>,
}

/// An agent on another host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentAddress {
    /// Where it listens.
    pub address: String,
    /// SHA-256 of its certificate, in hexadecimal.
    pub fingerprint: Option<String>,
    /// The file that holds its token.
    pub token_file: String,
}

/// A Docker Engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DockerPlan {
    /// Its unix socket, where it is not the usual one.
    pub socket: Option<String>,
    /// The compose project of its containers.
    pub project: Option<String>,
}

/// A command that prepares a fresh target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preparation {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Who runs it where the agent is root.
    pub user: Option<String>,
    /// How long it may take, in milliseconds.
    pub within_ms: u64,
}

/// Where something answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spot {
    /// A port of a free loopback address.
    Port(u16),
    /// Exactly there.
    Fixed(String),
    /// A port of its container. Where that answers is known once the container runs.
    Container(u16),
    /// Nowhere.
    None,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlan {
    /// Its name.
    pub name: ServiceName,
    /// Its component.
    pub component: ServiceName,
    /// Where it answers.
    pub spot: Spot,
    /// Its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What starts it; nothing when it runs already, or is in nobody's hands.
    pub start: Vec<String>,
    /// Whose process it is; nothing: nobody's here.
    pub keeping: Option<Keeping>,
    /// Who runs it where the agent is root.
    pub user: Option<String>,
    /// Its working folder.
    pub folder: String,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// How it is seen that it is ready.
    pub health: Health,
    /// The signal that ends it cleanly.
    pub stop: StopSignal,
    /// How it reads its configuration again.
    pub reload: Reload,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkPlan {
    /// Its name.
    pub name: LinkName,
    /// Who accepts.
    pub to: ServiceName,
    /// Where its proxy listens.
    pub spot: Spot,
    /// Where it leads, when that is not the address of `to`.
    pub upstream: Option<String>,
    /// One-way delay in milliseconds that is always there.
    pub distance_ms: u64,
    /// It carries HTTP.
    pub http: bool,
    /// The toxiproxy that carries it; nothing: the agent's fault proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toxiproxy: Option<ToxiproxyPlan>,
}

/// A toxiproxy that carries a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToxiproxyPlan {
    /// Where its HTTP API answers.
    pub api: String,
    /// Its name for the link.
    pub proxy: String,
}

impl Blueprint {
    /// The links that the agent carries, at their addresses.
    pub fn links_at(&self, addresses: &Filling) -> Vec<LinkLayout> {
        let ours = self.links.iter().filter(|link| link.toxiproxy.is_none());
        ours.map(|link| LinkLayout {
            link: link.name.clone(),
            listen: addresses.of(link.name.as_str()),
            upstream: link.upstream.clone().unwrap_or_else(|| addresses.of(link.to.as_str())),
            distance_ms: link.distance_ms,
            http: link.http,
        })
        .collect()
    }

    /// The links that toxiproxies carry.
    pub fn toxiproxies_at(&self, addresses: &Filling) -> Vec<ToxiproxyLayout> {
        let carried = self.links.iter().filter_map(|link| Some((link, link.toxiproxy.as_ref()?)));
        carried
            .map(|(link, by)| ToxiproxyLayout {
                link: link.name.clone(),
                listen: addresses.of(link.name.as_str()),
                api: by.api.clone(),
                proxy: by.proxy.clone(),
            })
            .collect()
    }
}

/// A configuration file that a fault may edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePlan {
    /// Its name.
    pub name: String,
    /// The component that reads it.
    pub component: ServiceName,
    /// Its path in the target's folder.
    pub path: String,
    /// How it is written.
    pub format: FileFormat,
}

/// What placeholders are filled with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filling {
    /// The target's folder.
    pub root: String,
    /// Addresses by the name of a service or link.
    pub addresses: BTreeMap<String, String>,
}

/// A word in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot<'a> {
    /// `{root}`
    Root,
    /// `{address.NAME}`
    Address(&'a str),
    /// `{host.NAME}`
    Host(&'a str),
    /// `{port.NAME}`
    Port(&'a str),
    /// Any other word: `{service}`.
    Other(&'a str),
}

/// Every word in braces, with its place in the text. Braces around anything else mean nothing.
pub fn slots(text: &str) -> Vec<(Range<usize>, Slot<'_>)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        from = open + 1;
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let length = text[from..].find(|c: char| !word(c)).unwrap_or(text.len() - from);
        let inner = &text[from..from + length];
        // Other people's templates have a dot in front: `{{.Names}}`.
        if inner.is_empty() || inner.starts_with('.') || !text[from + length..].starts_with('}') {
            continue;
        }
        let slot = match inner.split_once('.') {
            _ if inner == "root" => Slot::Root,
            Some(("address", name)) => Slot::Address(name),
            Some(("host", name)) => Slot::Host(name),
            Some(("port", name)) => Slot::Port(name),
            _ => Slot::Other(inner),
        };
        found.push((open..from + length + 1, slot));
        from += length + 1;
    }
    found
}

impl Filling {
    /// Where something answers; empty: nowhere.
    pub fn of(&self, name: &str) -> String {
        self.addresses.get(name).cloned().unwrap_or_default()
    }

    /// The text with its placeholders filled; other words in braces stay.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut from = 0;
        for (range, slot) in slots(text) {
            let Some(value) = self.value(slot) else { continue };
            filled.push_str(&text[from..range.start]);
            filled.push_str(value);
            from = range.end;
        }
        filled.push_str(&text[from..]);
        filled
    }

    /// Every argument with its placeholders filled.
    pub fn fill_all(&self, argv: &[String]) -> Vec<String> {
        argv.iter().map(|arg| self.fill(arg)).collect()
    }

    fn value(&self, slot: Slot<'_>) -> Option<&str> {
        let split = |name: &str| self.addresses.get(name).and_then(|address| address.rsplit_once(':'));
        match slot {
            Slot::Root => Some(&self.root),
            Slot::Address(name) => self.addresses.get(name).map(String::as_str),
            Slot::Host(name) => split(name).map(|(host, _)| host),
            Slot::Port(name) => split(name).map(|(_, port)| port),
            Slot::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let filling = Filling {
            root: "/srv/t".to_owned(),
            addresses: [("db".to_owned(), "127.20.3.1:5432".to_owned())].into(),
        };
        let text = "http { server { listen {address.db}; } } {root}/x {host.db} {port.db} {service} {{.Name}} {} {a b} {";
        assert_eq!(
            filling.fill(text),
            "http { server { listen 127.20.3.1:5432; } } /srv/t/x 127.20.3.1 5432 {service} {{.Name}} {} {a b} {"
        );
        assert_eq!(filling.fill("{address.nobody}"), "{address.nobody}");
        assert_eq!(slots("{é} {x.y}"), [(5..10, Slot::Other("x.y"))]);
    }
}
