//! The one table of Depot: instances, addresses and links.
//!
//! Instance number N lives on `127.N.1.x` (east), `127.N.2.x` (west) and `127.N.9.x` (links), always at port 8080.

use super::error::DepotError;
use crate::base::Span;
use crate::scenario::pack::{
    BlastCaps, ConfigFile, Driver, Link, Part, PartKind, Probe, ProbeAsk, Service, TargetDescription, Volume,
};
use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// The port of every address.
pub const PORT: u16 = 8080;
/// The port of the edge's encrypted door.
pub const TLS_PORT: u16 = 8443;
/// The size of each storage volume, in MiB.
pub const VOLUME_MIB: u64 = 64;
/// Objects that a fresh Depot holds: `obj-0`, `obj-1`, ...
pub const OBJECTS: u64 = 300;
/// About how long each of them is, in bytes.
pub const OBJECT_BYTES: usize = 4096;
/// One-way delay between the datacenters, in milliseconds.
pub const DISTANCE_MS: u64 = 15;
/// The releases that a fresh Depot holds, oldest first; the last is in use.
pub const RELEASES: [&str; 2] = ["2026.11.1", "2026.11.2"];

/// An instance in the table.
pub(super) struct Instance {
    pub(super) name: &'static str,
    pub(super) component: &'static str,
    pub(super) datacenter: &'static str,
    host: u8,
    about: &'static str,
}

/// Every instance, in start order: whoever is asked comes before whoever asks.
pub(super) const INSTANCES: [Instance; 12] = [
    instance("registry", "registry", "east", 60, "who runs, and where"),
    instance("metadata", "metadata", "east", 40, "catalogue of objects, on SQLite"),
    instance("replica-west", "replica", "west", 40, "second copy of the catalogue"),
    instance("session", "session", "east", 30, "logins and their tokens"),
    instance("storage-east", "storage", "east", 50, "object contents on the east volume"),
    instance("storage-west", "storage", "west", 50, "object contents on the west volume"),
    instance("queue", "queue", "east", 70, "jobs for the workers, on SQLite"),
    instance("worker-east", "worker", "east", 80, "does jobs"),
    instance("worker-west", "worker", "west", 80, "does jobs"),
    instance("web-east", "web", "east", 20, "object API"),
    instance("web-west", "web", "west", 20, "object API"),
    instance("edge", "edge", "east", 10, "front door"),
];

const fn instance(
    name: &'static str,
    component: &'static str,
    datacenter: &'static str,
    host: u8,
    about: &'static str,
) -> Instance {
    Instance { name, component, datacenter, host, about }
}

/// Who asks whom; a link's place in this table is its place on `127.N.9.x`.
pub(super) const LINKS: [(&str, &str); 37] = [
    ("edge", "web-east"),
    ("edge", "web-west"),
    ("web-east", "session"),
    ("web-west", "session"),
    ("web-east", "metadata"),
    ("web-west", "metadata"),
    ("web-east", "storage-east"),
    ("web-east", "storage-west"),
    ("web-west", "storage-east"),
    ("web-west", "storage-west"),
    ("metadata", "registry"),
    ("replica-west", "registry"),
    ("session", "registry"),
    ("storage-east", "registry"),
    ("storage-west", "registry"),
    ("queue", "registry"),
    ("worker-east", "registry"),
    ("worker-west", "registry"),
    ("web-east", "registry"),
    ("web-west", "registry"),
    ("edge", "registry"),
    ("replica-west", "metadata"),
    ("metadata", "replica-west"),
    ("web-east", "replica-west"),
    ("web-west", "replica-west"),
    ("web-east", "queue"),
    ("web-west", "queue"),
    ("worker-east", "queue"),
    ("worker-west", "queue"),
    ("worker-east", "metadata"),
    ("worker-west", "metadata"),
    ("worker-east", "replica-west"),
    ("worker-west", "replica-west"),
    ("worker-east", "storage-east"),
    ("worker-east", "storage-west"),
    ("worker-west", "storage-east"),
    ("worker-west", "storage-west"),
];

impl Instance {
    /// The row with this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        INSTANCES.iter().find(|row| row.name == name)
    }

    /// Its own address: `127.N.1.20:8080`.
    pub(super) fn address(&self, instance: u8) -> String {
        let net = if self.datacenter == "east" { 1 } else { 2 };
        format!("127.{instance}.{net}.{}:{PORT}", self.host)
    }
}

/// Where the edge of this Depot shows its certificate.
pub(super) fn tls_address(instance: u8) -> String {
    let edge = Instance::named("edge").expect("edge is in the table");
    edge.address(instance).replace(&format!(":{PORT}"), &format!(":{TLS_PORT}"))
}

/// Where the clients of the link at this place of [`LINKS`] connect.
pub(super) fn link_address(instance: u8, place: usize) -> String {
    format!("127.{instance}.9.{}:{PORT}", place + 1)
}

/// A link's name: `web-east-metadata`.
pub(super) fn link_name(from: &str, to: &str) -> String {
    format!("{from}-{to}")
}

/// One-way delay of a link, in milliseconds: that of the distance when its ends are in different datacenters.
pub(super) fn distance_ms(from: &str, to: &str) -> u64 {
    let datacenter = |name| Instance::named(name).map(|row| row.datacenter);
    if datacenter(from) == datacenter(to) { 0 } else { DISTANCE_MS }
}

/// A name from the table.
pub(super) fn name<T: std::str::FromStr>(text: &str) -> T {
    let Ok(name) = text.parse() else {
        unreachable!("every name in the table is a name: {text}");
    };
    name
}

/// The components, in start order.
pub(super) fn components() -> Vec<&'static str> {
    let mut seen = Vec::new();
    for row in &INSTANCES {
        if !seen.contains(&row.component) {
            seen.push(row.component);
        }
    }
    seen
}

/// What an engine and its people know of Depot. The same for every root folder and every set of addresses.
pub fn describe() -> TargetDescription {
    let services = INSTANCES
        .iter()
        .map(|row| Service {
            name: name(row.name),
            component: name(row.component),
            datacenter: row.datacenter.to_owned(),
            about: row.about.to_owned(),
            metrics: None,
        })
        .collect();
    let links = LINKS
        .iter()
        .map(|(from, to)| Link {
            name: name(&link_name(from, to)),
            from: name(from),
            to: name(to),
            distance: Span::from_millis(distance_ms(from, to)),
            http: true,
            toxiproxy: None,
        })
        .collect();
    let volumes = INSTANCES
        .iter()
        .filter(|row| row.component == "storage")
        .map(|row| Volume { name: name(row.name), service: name(row.name), size_mib: VOLUME_MIB })
        .collect();
    let files = components()
        .into_iter()
        .map(|component| ConfigFile { name: component.to_owned(), component: name(component) })
        .collect();
    TargetDescription {
        name: "depot".to_owned(),
        driver: Driver::Depot,
        datacenters: vec!["east".to_owned(), "west".to_owned()],
        services,
        links,
        volumes,
        files,
        parts: parts(),
        probes: vec![
            probe("front-door", "the front door answers and reaches at least one web instance", "edge"),
            probe(
                "staging-neighbours",
                "the catalogue, which other staging systems share, answers",
                "metadata",
            ),
            Probe {
                name: name("edge-tls"),
                about: "the encrypted front door answers, with a certificate that is good".to_owned(),
                ask: ProbeAsk::Tls { service: name("edge"), path: "/health".to_owned() },
                timeout: Span::from_secs(2),
            },
        ],
        operations: OPERATIONS.iter().map(|&pattern| pattern.to_owned()).collect(),
        caps: BlastCaps { services: 4, links: 4, volumes: 1 },
        hands_off: std::collections::BTreeMap::new(),
    }
}

/// The databases: name, instance, folder under `data`, file.
pub(super) const DATABASES: [(&str, &str, &str); 3] = [
    ("catalogue", "metadata", super::catalogue::DATABASE),
    ("catalogue-west", "replica-west", super::catalogue::DATABASE),
    ("jobs", "queue", super::queue::DATABASE),
];

/// Instances whose clock is read for more than their log.
pub(super) const CLOCKS: [&str; 3] = ["session", "web-east", "web-west"];

/// Instances that show a credential to their neighbours or ask for one.
pub(super) const CREDENTIALS: [&str; 10] = [
    "metadata",
    "replica-west",
    "session",
    "storage-east",
    "storage-west",
    "worker-east",
    "worker-west",
    "web-east",
    "web-west",
    "edge",
];

fn parts() -> Vec<Part> {
    let part = |kind: PartKind, own: &str, service: &str| Part {
        name: own.to_owned(),
        kind,
        service: name(service),
    };
    let mut parts = vec![
        part(PartKind::Registry, "registry", "registry"),
        part(PartKind::Queue, "queue", "queue"),
        part(PartKind::Certificate, "edge", "edge"),
        part(PartKind::Flags, "web", "web"),
    ];
    parts.extend(DATABASES.map(|(own, service, _)| part(PartKind::Database, own, service)));
    parts.extend(CLOCKS.map(|service| part(PartKind::Clock, service, service)));
    parts.extend(CREDENTIALS.map(|service| part(PartKind::Credential, service, service)));
    parts
}

const OPERATIONS: [&str; 45] = [
    "depotctl list",
    "depotctl restart {service}",
    "depotctl reload {component}",
    "depotctl logs {instance}",
    "depotctl releases {component}",
    "depotctl deploy {component} {version}",
    "depotctl rollback {component}",
    "depotctl config {component}",
    "depotctl set {component} {key} {value}",
    "depotctl metrics {instance}",
    "depotctl top",
    "depotctl trace {request}",
    "depotctl registry list",
    "depotctl registry register {instance}",
    "depotctl registry remove {instance}",
    "depotctl replication",
    "depotctl promote {instance}",
    "depotctl resync {instance}",
    "depotctl queue list",
    "depotctl queue list --state {state}",
    "depotctl queue show {id}",
    "depotctl queue requeue {id}",
    "depotctl queue dead-letter {id}",
    "depotctl queue purge {id}",
    "depotctl certificate show",
    "depotctl certificate renew",
    "depotctl rules",
    "depotctl block client {address}",
    "depotctl block agent {part}",
    "depotctl unblock client {address}",
    "depotctl unblock agent {part}",
    "depotctl drain {instance}",
    "depotctl undrain {instance}",
    "depotctl quota list",
    "depotctl quota purge {user}",
    "depotctl token show",
    "depotctl token rotate",
    "depotctl vacuum {database}",
    "depotctl index list",
    "depotctl index create {database} {index}",
    "depotctl locks",
    "depotctl flag list",
    "depotctl flag set {flag} {value}",
    "depotctl clock list",
    "depotctl clock sync {instance}",
];

fn probe(probe: &str, about: &str, service: &str) -> Probe {
    Probe {
        name: name(probe),
        about: about.to_owned(),
        ask: ProbeAsk::Http { service: name(service), path: "/health".to_owned() },
        timeout: Span::from_secs(2),
    }
}

/// A number whose addresses nobody listens on at this moment.
pub fn free_instance() -> Result<u8, DepotError> {
    const FIRST: u8 = 20;
    const COUNT: u8 = 200;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    // Two callers at the same moment begin at different places, so that they hardly ever choose the same one.
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let begin = u8::try_from(std::process::id().wrapping_add(call) % u32::from(COUNT)).unwrap_or(0);
    (0..COUNT)
        .map(|step| {
            let place = (u16::from(begin) + u16::from(step)) % u16::from(COUNT);
            FIRST + u8::try_from(place).unwrap_or(0)
        })
        .find(|&number| is_free(number))
        .ok_or(DepotError::NoFreeInstance)
}

fn is_free(instance: u8) -> bool {
    let own = INSTANCES.iter().map(|row| row.address(instance));
    let links = (0..LINKS.len()).map(|place| link_address(instance, place));
    let own = own.chain([tls_address(instance)]);
    // All are held until the last has been tried.
    let held: Result<Vec<_>, _> = own.chain(links).map(TcpListener::bind).collect();
    held.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_consistent() {
        let target = describe();
        for link in &target.links {
            assert!(target.has_service(link.from.as_str()), "{}", link.name);
            assert!(target.has_service(link.to.as_str()), "{}", link.name);
        }
        let far: Vec<_> = target
            .links
            .iter()
            .take(10)
            .filter(|link| link.distance == Span::from_millis(15))
            .map(|link| link.name.as_str())
            .collect();
        assert_eq!(
            far,
            [
                "edge-web-west",
                "web-west-session",
                "web-west-metadata",
                "web-east-storage-west",
                "web-west-storage-east"
            ]
        );
        assert_eq!(
            target.components(),
            ["registry", "metadata", "replica", "session", "storage", "queue", "worker", "web", "edge"]
        );
        let argv = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(target.allows(&argv("depotctl set web storage.policy near")));
        assert!(!target.allows(&argv("depotctl set web storage.policy near now")));
        assert!(!target.allows(&argv("rm -rf web")));
    }

    #[test]
    fn a_number_in_use_is_not_free() {
        let number = free_instance().unwrap();
        let listener = TcpListener::bind(link_address(number, 3)).unwrap();
        assert!(!is_free(number));
        drop(listener);
        assert!(is_free(number));
    }
}
