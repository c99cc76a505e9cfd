//! Target files: from what somebody wrote to a description and a blueprint.
//!
//! Open first: [`target`]. Names are collected before anything else, so that one wrong name is told once.

mod docker;
mod instance;
mod link;

use crate::base::{Cidr, ProbeName, ServiceName, Span, VolumeName, limits::ARGS_MAX, names::is_name};
use crate::scenario::blueprint::{AgentAddress, Blueprint, FilePlan, Preparation, ServicePlan, Slot, slots};
use crate::scenario::file::{CommandFile, Placed, ProbeFile, StatementFile, TARGET_FORMAT, TargetFile};
use crate::scenario::pack::{
    BlastCaps, ConfigFile, CustomFault, Driver, HandsOff, Keeping, OperationLayout, Part, PartKind,
    PostgresLayout, Probe, ProbeAsk, Service, StatementLayout, TargetDescription, Volume,
};
use crate::scenario::problem::{Findings, Place, Problem};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Component, Path, PathBuf},
};

/// Where targets are that say nothing else.
const LOOPBACK: &str = "127.0.0.0/8";
/// Most services of one target.
pub const SERVICES_MAX: usize = 64;
const ARG_BYTES_MAX: usize = 4096;
const STATEMENT_BYTES_MAX: usize = 4096;
/// An engine waits for an inject and for an undo no longer than this.
const CUSTOM_MAX: Span = Span::from_secs(25);
const PREPARE_MAX: Span = Span::from_mins(10);
/// Operations that every described target has, beside its own.
pub const OPERATIONS: [&str; 6] = [
    "list",
    "restart {service}",
    "reload {component}",
    "logs {instance}",
    "config {file}",
    "set {file} {key} {value}",
];

/// What the files of `lay_out` hold, by their path in the pack; the error says why one cannot be read.
pub type Contents = BTreeMap<String, Result<String, String>>;

/// Checks a target file.
pub fn target(
    file: &str,
    written: &TargetFile,
    contents: &Contents,
) -> Result<(TargetDescription, Blueprint), Vec<Problem>> {
    let mut check = Check { found: Findings::new(file), written };
    super::format_is(&mut check.found, &written.format, TARGET_FORMAT);
    check.names();
    let agent = check.agent();
    let docker = check.docker();
    let services = check.services();
    let links = check.links();
    let volumes = check.volumes();
    let files = check.files();
    let operations = check.operations();
    let blueprint = Blueprint {
        agent,
        docker,
        ranges: check.ranges(),
        programs: written.programs.iter().map(|one| one.value.clone()).collect(),
        lay_out: check.lay_out(contents),
        folders: check.folders(),
        prepare: written.prepare.iter().map(|one| check.prepare(one)).collect(),
        services,
        links,
        volumes: volumes.clone(),
        files: files.clone(),
        databases: check.databases(),
        front_door: written.front_door.value.clone(),
        tool: check.tool(),
        operations,
        custom: check.custom(),
    };
    let probes = check.probes();
    let description = TargetDescription {
        name: written.name.value.clone(),
        driver: written.driver.value,
        datacenters: check.datacenters(),
        services: check.described_services(),
        links: check.described_links(),
        volumes: volumes
            .into_iter()
            .zip(&written.volumes.0)
            .map(|((name, _, size_mib), (_, one))| Volume {
                name,
                service: one.service.value.clone(),
                size_mib,
            })
            .collect(),
        files: files
            .into_iter()
            .map(|file| ConfigFile { name: file.name, component: file.component })
            .collect(),
        probes,
        operations: patterns(&blueprint),
        caps: check.caps(),
        parts: blueprint
            .databases
            .iter()
            .map(database)
            .chain(blueprint.custom.iter().map(part))
            .chain(docker::parts(&blueprint))
            .collect(),
        hands_off: blueprint.services.iter().filter_map(hands_off).collect(),
    };
    if check.found.is_empty() {
        return Ok((description, blueprint));
    }
    let mut problems = check.found.into_problems();
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    Err(problems)
}

fn hands_off(service: &ServicePlan) -> Option<(ServiceName, HandsOff)> {
    let off = match &service.keeping {
        None => HandsOff::Process,
        Some(Keeping::Found { start, .. }) if start.is_empty() => HandsOff::Kill,
        Some(_) => return None,
    };
    Some((service.name.clone(), off))
}

fn part(custom: &CustomFault) -> Part {
    Part { name: custom.name.clone(), kind: PartKind::Custom, service: custom.place.clone() }
}

fn database(database: &PostgresLayout) -> Part {
    let (name, service) = (database.database.clone(), database.service.clone());
    Part { name, kind: PartKind::Database, service }
}

/// Every operation as people type it.
fn patterns(blueprint: &Blueprint) -> Vec<String> {
    let tool = &blueprint.tool;
    let own = blueprint.operations.iter().map(|operation| {
        let takes = operation.takes.iter().map(|word| format!("{{{word}}}"));
        let words: Vec<_> = [tool.clone(), operation.name.clone()].into_iter().chain(takes).collect();
        words.join(" ")
    });
    OPERATIONS.iter().map(|pattern| format!("{tool} {pattern}")).chain(own).collect()
}

struct Check<'a> {
    found: Findings,
    written: &'a TargetFile,
}

impl Check<'_> {
    fn named<T: std::str::FromStr<Err = crate::base::names::BadName>>(
        &mut self,
        name: &Placed<String>,
    ) -> Option<T> {
        name.parse()
            .map_err(|bad: crate::base::names::BadName| self.found.add(name.place, bad.to_string()))
            .ok()
    }

    /// Whether something may be called so.
    fn nameable(&mut self, name: &Placed<String>) {
        if !is_name(name) {
            self.found.add(name.place, format!("`{}` is not a name", name.value));
        }
    }

    /// The target's own name, and that no service and link share one: placeholders know them by it.
    fn names(&mut self) {
        let written = self.written;
        if !is_name(&written.name) {
            self.found.add(written.name.place, format!("`{}` is not a name", written.name.value));
        }
        if written.name.value == "depot" {
            self.found.add(written.name.place, "`depot` is the built-in target: choose another name");
        }
        let services = &written.services.0;
        if services.is_empty() || services.len() > SERVICES_MAX {
            self.found.add(Place::default(), format!("a target has from 1 to {SERVICES_MAX} services"));
        }
        for (link, _) in &written.links.0 {
            if services.iter().any(|(service, _)| service.value == link.value) {
                self.found.add_with_help(
                    link.place,
                    format!("`{}` is a service, too", link.value),
                    "name links after both ends: `app-redis`",
                );
            }
        }
        if !written.links.0.iter().any(|(link, _)| link.value == written.front_door.as_str()) {
            self.service(&written.front_door);
        }
        if let Some((_, front)) = services.iter().find(|(name, _)| name.value == written.front_door.as_str())
            && front.port.is_none()
            && front.address.is_none()
        {
            self.found.add(written.front_door.place, "the front door needs a `port` or an `address`");
        }
        self.known_from_afar(written.front_door.as_str(), written.front_door.place);
        match written.driver.value {
            Driver::Depot => self.found.add_with_help(
                written.driver.place,
                "`depot` is the built-in target's driver",
                "a described target has the driver `local`, `docker` or `agent`",
            ),
            Driver::Agent if written.agent.is_none() => self.found.add_with_help(
                written.driver.place,
                "`agent` is missing: nobody knows where the agent is",
                "add `agent: {address: .., fingerprint: .., token_file: ..}` as `gameday agent init` prints it",
            ),
            Driver::Local | Driver::Agent | Driver::Docker => {}
        }
    }

    /// An engine on another host knows where a link listens only if the file says so.
    fn known_from_afar(&mut self, link: &str, place: Place) {
        let mut links = self.written.links.0.iter();
        if self.written.driver.value == Driver::Agent
            && links.any(|(name, one)| name.value == link && one.listen.is_none())
        {
            self.found
                .add(place, format!("the engine is on another host: give the link `{link}` a `listen`"));
        }
    }

    fn service(&mut self, name: &Placed<ServiceName>) {
        let known: Vec<_> = self.written.services.0.iter().map(|(known, _)| known.value.as_str()).collect();
        if !known.contains(&name.as_str()) {
            self.found.unknown(name.place, "service", name.as_str(), known);
        }
    }

    fn component(&mut self, name: &Placed<ServiceName>) {
        let known: Vec<_> = self
            .written
            .services
            .0
            .iter()
            .map(|(service, one)| one.component.as_ref().map_or(service.as_str(), |given| given.as_str()))
            .collect();
        if !known.contains(&name.as_str()) {
            self.found.unknown(name.place, "component", name.as_str(), known);
        }
    }

    fn ranges(&mut self) -> Vec<Cidr> {
        let mut ranges = Vec::new();
        for given in &self.written.ranges {
            match given.parse::<Cidr>() {
                Ok(range) => ranges.push(range),
                Err(bad) => self.found.add(given.place, bad.to_string()),
            }
        }
        if self.written.ranges.is_empty() {
            ranges.extend(LOOPBACK.parse::<Cidr>());
        }
        ranges
    }

    fn datacenters(&self) -> Vec<String> {
        if self.written.datacenters.is_empty() {
            return vec!["main".to_owned()];
        }
        self.written.datacenters.iter().map(|one| one.value.clone()).collect()
    }

    fn agent(&mut self) -> Option<AgentAddress> {
        let given = self.written.agent.as_ref()?;
        if self.written.driver.value != Driver::Agent {
            self.found.add(given.place, "`agent` goes with `driver: agent` alone");
        }
        let address = self.address(&given.address);
        match &given.fingerprint {
            Some(print) if print.len() != 64 || !print.chars().all(|c| c.is_ascii_hexdigit()) => {
                self.found.add(print.place, "a fingerprint has 64 hexadecimal digits");
            }
            None if address.is_some_and(|address| !address.ip().is_loopback()) => {
                self.found.add_with_help(
                    given.address.place,
                    "an agent that is not on loopback speaks TLS, and nobody knows its certificate",
                    "add `fingerprint:` as `gameday agent init` prints it",
                );
            }
            _ => {}
        }
        Some(AgentAddress {
            address: given.address.value.clone(),
            fingerprint: given.fingerprint.as_ref().map(|print| print.to_lowercase()),
            token_file: given.token_file.value.clone(),
        })
    }

    /// `10.0.0.7:5432`: numbers only, because a name may mean something else tomorrow.
    fn address(&mut self, given: &Placed<String>) -> Option<SocketAddr> {
        let parsed = given.parse::<SocketAddr>();
        if parsed.is_err() {
            self.found.add_with_help(
                given.place,
                format!("`{}` is not an address", given.value),
                "write the numbers: `10.0.0.7:5432`",
            );
        }
        parsed.ok()
    }

    /// A path in the target's folder.
    fn path(&mut self, given: &Placed<String>) -> String {
        let plain = Path::new(&given.value).components().all(|part| matches!(part, Component::Normal(_)));
        let first = given.split('/').next().unwrap_or_default();
        if given.is_empty() || !plain {
            self.found.add(
                given.place,
                format!("`{}` is not a path in the target's folder: no `..`, no leading `/`", given.value),
            );
        } else if ["bin", "run", "logs", "layout.json"].contains(&first) || first.starts_with('.') {
            self.found.add(given.place, format!("`{first}` in the target's folder is Gameday's own"));
        }
        given.value.clone()
    }

    /// A command: not empty, not endless, every placeholder known.
    fn argv(&mut self, given: &Placed<Vec<Placed<String>>>) -> Vec<String> {
        let argv = self.argv_with_slots(given);
        for arg in &given.value {
            for (_, slot) in slots(arg) {
                if let Slot::Other(word) = slot {
                    self.found.add_with_help(
                        arg.place,
                        format!("`{{{word}}}` is not a placeholder"),
                        "write `{root}`, or `{address.NAME}`, `{host.NAME}`, `{port.NAME}` of a service or link",
                    );
                }
            }
        }
        argv
    }

    fn argv_with_slots(&mut self, given: &Placed<Vec<Placed<String>>>) -> Vec<String> {
        if given.value.is_empty() || given.value.len() > ARGS_MAX {
            self.found.add(given.place, format!("a command has from 1 to {ARGS_MAX} words"));
        }
        for arg in &given.value {
            if arg.len() > ARG_BYTES_MAX || arg.contains('\0') {
                self.found.add(arg.place, format!("a word of a command has at most {ARG_BYTES_MAX} bytes"));
            }
            self.placeholders(arg, arg.place);
        }
        given.value.iter().map(|arg| arg.value.clone()).collect()
    }

    fn placeholders(&mut self, text: &str, place: Place) {
        let mut known: Vec<&str> = Vec::new();
        for (name, one) in &self.written.services.0 {
            if one.port.is_some() || one.address.is_some() {
                known.push(name);
            }
        }
        known.extend(self.written.links.0.iter().map(|(name, _)| name.as_str()));
        for (_, slot) in slots(text) {
            if let Slot::Address(name) | Slot::Host(name) | Slot::Port(name) = slot
                && !known.contains(&name)
            {
                self.found.unknown(place, "service or link with an address", name, known.clone());
            }
        }
    }

    fn lay_out(&mut self, contents: &Contents) -> BTreeMap<String, String> {
        let mut laid = BTreeMap::new();
        for one in &self.written.lay_out {
            let to = self.path(&one.to);
            match contents.get(&one.from.value) {
                Some(Ok(text)) => {
                    self.placeholders(text, one.from.place);
                    self.not_yet(text, one.from.place);
                    laid.insert(to, text.clone());
                }
                Some(Err(why)) => {
                    self.found.add(one.from.place, format!("could not read `{}`: {why}", one.from.value));
                }
                None => {}
            }
        }
        laid
    }

    fn folders(&mut self) -> Vec<(String, Option<String>)> {
        let written = self.written;
        written.folders.iter().map(|one| (self.path(&one.path), self.user(one.user.as_ref()))).collect()
    }

    fn user(&mut self, given: Option<&Placed<String>>) -> Option<String> {
        let given = given?;
        if !is_name(given) {
            self.found.add(given.place, format!("`{}` is not a user's name", given.value));
        }
        Some(given.value.clone())
    }

    fn prepare(&mut self, one: &CommandFile) -> Preparation {
        let within = one.within.as_ref().map_or(Span::from_secs(60), |within| within.value);
        if let Some(given) = &one.within
            && (within == Span::ZERO || within > PREPARE_MAX)
        {
            self.found.add(given.place, format!("a command is awaited for at most {PREPARE_MAX}"));
        }
        for arg in &one.run.value {
            self.not_yet(arg, arg.place);
        }
        Preparation {
            argv: self.argv(&one.run),
            user: self.user(one.user.as_ref()),
            within_ms: within.millis(),
        }
    }

    fn volumes(&mut self) -> Vec<(VolumeName, String, u64)> {
        let mut volumes = Vec::new();
        for (name, one) in &self.written.volumes.0 {
            self.service(&one.service);
            let path = self.path(&one.path);
            if !(1..=10_240).contains(&one.size_mib.value) {
                self.found.add(one.size_mib.place, "a volume has from 1 to 10240 MiB");
            }
            if let Some(name) = self.named(name) {
                volumes.push((name, path, one.size_mib.value));
            }
        }
        volumes
    }

    fn files(&mut self) -> Vec<FilePlan> {
        let mut files = Vec::new();
        for (name, one) in &self.written.files.0 {
            self.nameable(name);
            self.component(&one.component);
            let path = self.path(&one.path);
            let format = one.format.unwrap_or(crate::scenario::pack::FileFormat::Lines);
            files.push(FilePlan {
                name: name.value.clone(),
                component: one.component.value.clone(),
                path,
                format,
            });
        }
        files
    }

    fn databases(&mut self) -> Vec<PostgresLayout> {
        let mut databases = Vec::new();
        for (name, one) in &self.written.databases.0 {
            self.nameable(name);
            self.reachable(&one.service);
            let or_postgres = |given: &Option<Placed<String>>| {
                given.as_ref().map_or_else(|| "postgres".to_owned(), |given| given.value.clone())
            };
            databases.push(PostgresLayout {
                database: name.value.clone(),
                service: one.service.value.clone(),
                address: String::new(),
                user: or_postgres(&one.user),
                password_file: one.password_file.as_ref().map(|path| PathBuf::from(self.path(path))),
                name: or_postgres(&one.name),
                statements: one.statements.0.iter().map(|(name, one)| self.statement(name, one)).collect(),
            });
        }
        databases
    }

    fn statement(&mut self, name: &Placed<String>, one: &StatementFile) -> StatementLayout {
        self.nameable(name);
        for text in [&one.apply, &one.revert, &one.inspect] {
            if text.trim().is_empty() || text.len() > STATEMENT_BYTES_MAX {
                self.found.add(text.place, format!("a statement has from 1 to {STATEMENT_BYTES_MAX} bytes"));
            }
        }
        let [apply, revert, inspect] = [&one.apply, &one.revert, &one.inspect].map(|text| text.value.clone());
        StatementLayout { name: name.value.clone(), apply, revert, inspect }
    }

    fn tool(&mut self) -> String {
        let tool = match &self.written.tool {
            Some(given) => given.value.clone(),
            None => format!("{}ctl", self.written.name.value),
        };
        if let Some(given) = &self.written.tool
            && !is_name(given)
        {
            self.found.add(given.place, format!("`{}` is not a name", given.value));
        }
        tool
    }

    fn operations(&mut self) -> Vec<OperationLayout> {
        let mut operations = Vec::new();
        for (name, one) in &self.written.operations.0 {
            let taken = OPERATIONS.iter().any(|known| known.split(' ').next() == Some(name.as_str()));
            if !is_name(name) || taken {
                let message = format!("`{}` cannot be an operation's name", name.value);
                self.found.add_with_help(
                    name.place,
                    message,
                    "every target has list, restart, reload, logs, config and set; choose another name",
                );
            }
            let argv = self.argv_with_slots(&one.run);
            let mut words = Vec::new();
            for arg in &argv {
                for (_, slot) in slots(arg) {
                    if let Slot::Other(word) = slot
                        && !words.iter().any(|known| known == word)
                    {
                        words.push(word.to_owned());
                    }
                }
            }
            operations.push(OperationLayout {
                name: name.value.clone(),
                about: one.about.trim().to_owned(),
                takes: words,
                argv,
            });
        }
        operations
    }

    fn custom(&mut self) -> Vec<CustomFault> {
        let mut custom = Vec::new();
        for (name, one) in &self.written.custom.0 {
            self.nameable(name);
            self.instance_or_component(&one.service);
            let timeout = one.timeout.as_ref().map_or(Span::from_secs(10), |timeout| timeout.value);
            if let Some(given) = &one.timeout
                && (timeout == Span::ZERO || timeout > CUSTOM_MAX)
            {
                self.found.add(given.place, format!("a command is awaited for at most {CUSTOM_MAX}"));
            }
            custom.push(CustomFault {
                name: name.value.clone(),
                apply: self.argv(&one.apply),
                revert: self.argv(&one.revert),
                inspect: self.argv(&one.inspect),
                timeout_ms: timeout.millis(),
                place: one.service.value.clone(),
            });
        }
        custom
    }

    fn instance_or_component(&mut self, name: &Placed<ServiceName>) {
        if !self.written.services.0.iter().any(|(known, _)| known.value == name.as_str()) {
            self.component(name);
        }
    }

    fn probes(&mut self) -> Vec<Probe> {
        let written = self.written;
        written.probes.0.iter().filter_map(|(name, one)| self.probe(name, one)).collect()
    }

    fn probe(&mut self, name: &Placed<String>, one: &Placed<ProbeFile>) -> Option<Probe> {
        let probe: ProbeName = self.named(name)?;
        let timeout = one.timeout.as_ref().map_or(Span::from_secs(2), |timeout| timeout.value);
        if let Some(given) = &one.timeout
            && (timeout == Span::ZERO || timeout > Span::from_secs(30))
        {
            self.found.add(given.place, "a probe waits for more than nothing and at most 30s");
        }
        let ask = match (&one.http, &one.tcp, &one.command) {
            (Some(http), None, None) => {
                self.reachable(&http.service);
                if !http.path.starts_with('/') {
                    self.found.add(http.path.place, "a path begins with `/`");
                }
                ProbeAsk::Http { service: http.service.value.clone(), path: http.path.value.clone() }
            }
            (None, Some(service), None) => {
                self.reachable(service);
                ProbeAsk::Tcp { service: service.value.clone() }
            }
            (None, None, Some(argv)) => {
                for arg in &argv.value {
                    for (_, slot) in slots(arg) {
                        if let Slot::Address(name) | Slot::Host(name) | Slot::Port(name) = slot {
                            self.known_from_afar(name, arg.place);
                        }
                    }
                }
                ProbeAsk::Command { argv: self.argv(argv) }
            }
            _ => {
                self.found.add(one.place, "a probe has exactly one of `http`, `tcp` and `command`");
                return None;
            }
        };
        Some(Probe { name: probe, about: one.about.trim().to_owned(), ask, timeout })
    }

    fn reachable(&mut self, name: &Placed<ServiceName>) {
        self.service(name);
        let one = self.written.services.0.iter().find(|(known, _)| known.value == name.as_str());
        if one.is_some_and(|(_, one)| one.port.is_none() && one.address.is_none()) {
            self.found.add(name.place, format!("`{}` has no `port` and no `address`", name.as_str()));
        }
    }

    fn caps(&mut self) -> BlastCaps {
        let caps = &self.written.caps;
        let mut cap = |given: &Option<Placed<usize>>, default| {
            if let Some(given) = given
                && given.value > SERVICES_MAX
            {
                self.found.add(given.place, format!("a cap is at most {SERVICES_MAX}"));
            }
            given.as_ref().map_or(default, |given| given.value)
        };
        BlastCaps {
            services: cap(&caps.services, 2),
            links: cap(&caps.links, 2),
            volumes: cap(&caps.volumes, 1),
        }
    }

    fn described_services(&self) -> Vec<Service> {
        let first = self.datacenters().into_iter().next().unwrap_or_default();
        let services = self.written.services.0.iter().filter_map(|(name, one)| {
            let service: ServiceName = name.parse().ok()?;
            Some(Service {
                component: one
                    .component
                    .as_ref()
                    .map_or_else(|| service.clone(), |given| given.value.clone()),
                name: service,
                datacenter: one
                    .datacenter
                    .as_ref()
                    .map_or_else(|| first.clone(), |given| given.value.clone()),
                about: one.about.trim().to_owned(),
                metrics: one.metrics.as_ref().map(|written| instance::metrics(written)),
            })
        });
        services.collect()
    }
}
