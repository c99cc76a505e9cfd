//! What the modelled service consists of, and how it is at this moment.

use crate::{
    base::{At, InjectionId, LinkName, ServiceName, VolumeName},
    fault::Fault,
    scenario::pack::{Part, TargetDescription},
};
use std::collections::{BTreeMap, VecDeque};

/// The releases that every component begins with, oldest first; the last is in use.
pub(super) const RELEASES: [&str; 2] = ["2026.11.1", "2026.11.2"];
/// What a volume's own data takes, in per cent.
const OWN_DATA_PERCENT: u8 = 2;
/// Lines that an instance's log keeps.
const LOG_LINES_MAX: usize = 100;

/// What each component's configuration says in the beginning.
pub(super) const SETTINGS: [(&str, &[(&str, &str)]); 9] = [
    (
        "edge",
        &[
            ("web.timeout_ms", "5000"),
            ("web.skip_ms", "3000"),
            ("limits.body_kib", "256"),
            ("log.every", "20"),
            ("log.slow_ms", "1000"),
        ],
    ),
    (
        "web",
        &[
            ("pool.size", "16"),
            ("pool.wait_ms", "250"),
            ("metadata.timeout_ms", "1000"),
            ("metadata.read", "primary"),
            ("session.timeout_ms", "800"),
            ("session.cache_ms", "2000"),
            ("storage.policy", "both"),
            ("storage.read", "spread"),
            ("storage.timeout_ms", "1000"),
            ("storage.retries", "2"),
            ("jobs.checksum_every", "10"),
            ("previews.min_kib", "4"),
            ("previews.late_ms", "5000"),
            ("recorder.max", "200"),
            ("recorder.body_kib", "2"),
            ("limits.memory_mib", "512"),
            ("log.every", "20"),
            ("log.slow_ms", "1000"),
        ],
    ),
    (
        "session",
        &[
            ("tokens.ttl_s", "3600"),
            ("tokens.max", "20000"),
            ("tokens.staging", "staging"),
            ("log.every", "20"),
            ("log.slow_ms", "500"),
        ],
    ),
    (
        "metadata",
        &[
            ("objects.max", "10000"),
            ("list.max", "100"),
            ("database.busy_timeout_ms", "500"),
            ("database.max_mib", "64"),
            ("quota.user_mib", "32"),
            ("replication.poll_ms", "500"),
            ("replication.batch_max", "500"),
            ("replication.keep", "20000"),
            ("log.every", "50"),
            ("log.slow_ms", "250"),
        ],
    ),
    (
        "storage",
        &[
            ("volume.use_percent", "100"),
            ("volume.count_ms", "500"),
            ("log.every", "50"),
            ("log.slow_ms", "250"),
        ],
    ),
    (
        "registry",
        &[("entries.late_ms", "5000"), ("entries.max", "100"), ("log.every", "100"), ("log.slow_ms", "250")],
    ),
    (
        "replica",
        &[
            ("objects.max", "10000"),
            ("list.max", "100"),
            ("database.busy_timeout_ms", "500"),
            ("database.max_mib", "64"),
            ("quota.user_mib", "32"),
            ("replication.poll_ms", "500"),
            ("replication.batch_max", "500"),
            ("replication.keep", "20000"),
            ("log.every", "50"),
            ("log.slow_ms", "250"),
        ],
    ),
    (
        "queue",
        &[
            ("jobs.max", "10000"),
            ("jobs.attempts_max", "3"),
            ("jobs.lease_ms", "5000"),
            ("jobs.retry_ms", "1000"),
            ("log.every", "50"),
            ("log.slow_ms", "250"),
        ],
    ),
    (
        "worker",
        &[
            ("jobs.slots", "1"),
            ("jobs.poll_ms", "500"),
            ("jobs.scrub_pause_ms", "20"),
            ("upstream.timeout_ms", "2000"),
            ("log.every", "20"),
            ("log.slow_ms", "1000"),
        ],
    ),
];

/// Values by dotted key, as they are written without quotes.
pub(super) type Settings = BTreeMap<String, String>;

/// Whether a process works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    /// Alive, and answering nothing.
    Stopped,
    Down,
}

impl Life {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Down => "down",
        }
    }
}

/// An instance of a service.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) component: ServiceName,
    pub(super) datacenter: String,
    pub(super) life: Life,
    /// When it came into that life.
    pub(super) since: At,
    /// Counts its starts: a restarted process is another one.
    pub(super) generation: u64,
    /// The injection that keeps it down.
    pub(super) held_by: Option<InjectionId>,
    pub(super) log: VecDeque<String>,
}

impl Process {
    fn say(&mut self, now: At, line: &str) {
        if self.log.len() == LOG_LINES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(format!("{now} {line}"));
    }

    pub(super) fn live(&mut self, life: Life, now: At) {
        self.life = life;
        self.since = now;
    }

    pub(super) fn start_again(&mut self, now: At) {
        self.generation += 1;
        self.held_by = None;
        self.live(Life::Running, now);
        self.say(now, "started");
    }
}

/// One release of a component.
#[derive(Debug, Clone)]
pub(super) struct Release {
    pub(super) settings: Settings,
    /// The settings as they would be if nobody had changed anything in it.
    pub(super) base: Settings,
    /// What responders have written in it.
    pub(super) written: Settings,
    /// An injection has made it.
    pub(super) made: bool,
}

/// A component's releases.
#[derive(Debug, Clone)]
pub(super) struct Releases {
    pub(super) versions: BTreeMap<String, Release>,
    pub(super) current: String,
    /// Those that a roll-back may come to; the last is in use.
    pub(super) pile: Vec<String>,
    /// The one that people put to use last.
    pub(super) chosen: String,
}

impl Releases {
    pub(super) fn in_use(&self) -> Option<&Release> {
        self.versions.get(&self.current)
    }

    pub(super) fn lay_on(&mut self, version: &str) {
        version.clone_into(&mut self.current);
        self.pile.push(version.to_owned());
    }

    pub(super) fn go_back_to(&mut self, version: &str) {
        version.clone_into(&mut self.current);
        match self.pile.iter().rposition(|there| there == version) {
            Some(place) => self.pile.truncate(place + 1),
            None => self.pile.push(version.to_owned()),
        }
    }
}

/// A link, and what injections have put on it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) from: ServiceName,
    pub(super) to: ServiceName,
    pub(super) distance_ms: u64,
    pub(super) toxics: BTreeMap<InjectionId, (Fault, At)>,
}

/// A volume.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) service: ServiceName,
    pub(super) size_bytes: u64,
    pub(super) own_percent: u8,
    /// Share in use because of each injection.
    pub(super) ballast: BTreeMap<InjectionId, u8>,
}

impl Volume {
    pub(super) fn used_percent(&self) -> u8 {
        self.ballast.values().copied().max().unwrap_or(0).max(self.own_percent)
    }
}

/// The modelled service at this moment.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) services: BTreeMap<ServiceName, Process>,
    pub(super) releases: BTreeMap<ServiceName, Releases>,
    pub(super) links: BTreeMap<LinkName, Link>,
    pub(super) volumes: BTreeMap<VolumeName, Volume>,
    pub(super) parts: Vec<Part>,
    /// What lies on a part of it because of each injection.
    pub(super) laid: BTreeMap<InjectionId, Fault>,
}

impl World {
    /// Everything healthy.
    pub(super) fn new(target: &TargetDescription, now: At) -> Self {
        let mut services = BTreeMap::new();
        let mut releases = BTreeMap::new();
        for service in &target.services {
            let mut process = Process {
                component: service.component.clone(),
                datacenter: service.datacenter.clone(),
                life: Life::Running,
                since: now,
                generation: 0,
                held_by: None,
                log: VecDeque::new(),
            };
            process.say(now, "started");
            services.insert(service.name.clone(), process);
            releases.entry(service.component.clone()).or_insert_with(|| initial(&service.component));
        }
        let links = target.links.iter().map(|link| {
            let fresh = Link {
                from: link.from.clone(),
                to: link.to.clone(),
                distance_ms: link.distance.millis(),
                toxics: BTreeMap::new(),
            };
            (link.name.clone(), fresh)
        });
        let volumes = target.volumes.iter().map(|volume| {
            let fresh = Volume {
                service: volume.service.clone(),
                size_bytes: volume.size_mib * 1024 * 1024,
                own_percent: OWN_DATA_PERCENT,
                ballast: BTreeMap::new(),
            };
            (volume.name.clone(), fresh)
        });
        Self {
            services,
            releases,
            links: links.collect(),
            volumes: volumes.collect(),
            parts: target.parts.clone(),
            laid: BTreeMap::new(),
        }
    }

    /// The instances that `name` stands for.
    pub(super) fn instances(&self, name: &str) -> Vec<ServiceName> {
        let stands_for = |(own, process): &(&ServiceName, &Process)| {
            own.as_str() == name || process.component.as_str() == name
        };
        self.services.iter().filter(stands_for).map(|(own, _)| own.clone()).collect()
    }

    /// Starts every instance of `name` again; one that finds no configuration stays down.
    pub(super) fn restart(&mut self, name: &str, now: At) {
        for own in self.instances(name) {
            let component = self.services.get(&own).map(|process| process.component.clone());
            let may_start = component.is_some_and(|component| self.may_start(component.as_str()));
            let Some(process) = self.services.get_mut(&own) else { continue };
            process.start_again(now);
            if may_start {
                self.started(&own);
            } else {
                process.live(Life::Down, now);
                process.say(now, "could not read the configuration");
            }
        }
    }

    /// Lets every instance of `name` read its configuration again.
    pub(super) fn reload(&mut self, name: &str, now: At) {
        for (own, process) in &mut self.services {
            let meant = own.as_str() == name || process.component.as_str() == name;
            if meant && process.life == Life::Running {
                process.say(now, "configuration read");
            }
        }
        for own in self.instances(name) {
            self.registered(&own);
        }
    }

    /// A setting that is in force.
    pub(super) fn setting(&self, component: &str, key: &str) -> Option<&str> {
        let (_, releases) = self.releases.iter().find(|(name, _)| name.as_str() == component)?;
        releases.in_use()?.settings.get(key).map(String::as_str)
    }

    /// A number that is in force; what cannot be read as one is the initial value, and 0 if there is none.
    pub(super) fn number(&self, component: &str, key: &str) -> u64 {
        let initial =
            || SETTINGS.iter().find(|(name, _)| *name == component)?.1.iter().find(|(name, _)| *name == key);
        let read = |text: &str| text.parse().ok();
        self.setting(component, key).and_then(read).or_else(|| read(initial()?.1)).unwrap_or(0)
    }

    /// Everything that is neither as in the beginning nor as responders have made it.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (name, process) in &self.services {
            if process.life != Life::Running {
                found.push(format!("service {name} is {}", process.life.word()));
            }
        }
        for (name, link) in &self.links {
            for (id, (fault, _)) in &link.toxics {
                found.push(format!("link {name} has the {} of {id}", fault.kind()));
            }
        }
        for (name, volume) in &self.volumes {
            for id in volume.ballast.keys() {
                found.push(format!("volume {name} has the ballast of {id}"));
            }
        }
        for (id, fault) in &self.laid {
            found.push(format!("{} has the {} of {id}", fault.place(), fault.kind()));
        }
        for (component, releases) in &self.releases {
            found.extend(releases.differences(component));
        }
        found
    }
}

impl Releases {
    fn differences(&self, component: &ServiceName) -> Vec<String> {
        let mut found = Vec::new();
        let adopted = self.in_use().is_some_and(|release| release.made && !release.written.is_empty());
        if self.current != self.chosen && !adopted {
            found.push(format!("{component} runs {} and not {}", self.current, self.chosen));
        }
        for version in self.pile.iter().filter(|version| !self.versions.contains_key(*version)) {
            found.push(format!("{component} may be rolled back to {version}, which is gone"));
        }
        for (version, release) in &self.versions {
            if release.made && release.written.is_empty() {
                found.push(format!("release {version} of {component} is left over"));
            }
            if release.made && *version != self.current {
                continue;
            }
            let mut expected = release.base.clone();
            expected.extend(release.written.clone());
            let keys: std::collections::BTreeSet<_> =
                expected.keys().chain(release.settings.keys()).collect();
            for key in keys {
                let (is, should) = (release.settings.get(key), expected.get(key));
                if is != should {
                    let show =
                        |value: Option<&String>| value.cloned().unwrap_or_else(|| "nothing".to_owned());
                    let (is, should) = (show(is), show(should));
                    found.push(format!("{component} {version}: {key} is {is} and not {should}"));
                }
            }
        }
        found
    }
}

fn initial(component: &ServiceName) -> Releases {
    let table = SETTINGS.iter().find(|(name, _)| *name == component.as_str()).map_or(&[][..], |row| row.1);
    let newest: Settings = table.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    let versions = RELEASES.iter().map(|&version| {
        let mut settings = newest.clone();
        if version == RELEASES[0] {
            // The older release had a somewhat smaller pool.
            settings.entry("pool.size".to_owned()).and_modify(|size| "12".clone_into(size));
        }
        let release = Release { base: settings.clone(), settings, written: Settings::new(), made: false };
        (version.to_owned(), release)
    });
    Releases {
        versions: versions.collect(),
        current: RELEASES[1].to_owned(),
        pile: RELEASES.iter().map(|&version| version.to_owned()).collect(),
        chosen: RELEASES[1].to_owned(),
    }
}
