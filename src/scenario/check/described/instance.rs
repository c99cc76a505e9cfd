//! Instances of a target file: where they answer, whose processes they are, how they are watched.

use super::Check;
use crate::base::ServiceName;
use crate::scenario::blueprint::{ServicePlan, Spot};
use crate::scenario::file::{MetricsFile, Placed, ReloadFile, ServiceFile};
use crate::scenario::pack::{Driver, Health, Keeping, Metrics, Reload};

impl Check<'_> {
    pub(super) fn services(&mut self) -> Vec<ServicePlan> {
        let written = self.written;
        written.services.0.iter().filter_map(|(name, one)| self.service_plan(name, one)).collect()
    }

    fn service_plan(&mut self, name: &Placed<String>, one: &Placed<ServiceFile>) -> Option<ServicePlan> {
        let service: ServiceName = self.named(name)?;
        if let Some(datacenter) = &one.datacenter {
            let known = self.datacenters();
            if !known.contains(&datacenter.value) {
                let known = known.iter().map(String::as_str);
                self.found.unknown(datacenter.place, "datacenter", datacenter, known);
            }
        }
        let spot = self.spot(one);
        let start = one.start.as_ref().map(|argv| self.argv(argv)).unwrap_or_default();
        let keeping = self.keeping(one);
        let container = self.container(one);
        let folder = one.folder.as_ref().map(|folder| self.path(folder)).unwrap_or_default();
        for (key, value) in &one.environment.0 {
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                self.found.add(key.place, format!("`{}` is not a variable's name", key.value));
            }
            self.placeholders(value, value.place);
            self.not_yet(value, value.place);
        }
        for arg in one.start.iter().flat_map(|argv| &argv.value) {
            self.not_yet(arg, arg.place);
        }
        self.told(one, &spot);
        let pairs = one.environment.0.iter().map(|(key, value)| (key.value.clone(), value.value.clone()));
        Some(ServicePlan {
            component: one.component.as_ref().map_or_else(|| service.clone(), |given| given.value.clone()),
            name: service,
            health: self.health(one, &spot),
            spot,
            container,
            start,
            keeping,
            user: self.user(one.user.as_ref()),
            folder,
            environment: pairs.collect(),
            stop: one.stop,
            reload: match one.reload {
                ReloadFile::Hup => Reload::Hup,
                ReloadFile::Restart => Reload::Restart,
                ReloadFile::None => Reload::None,
            },
        })
    }

    /// Metrics that can be asked for, by names that can be.
    fn told(&mut self, one: &ServiceFile, spot: &Spot) {
        let Some(written) = &one.metrics else { return };
        if *spot == Spot::None {
            self.found.add(written.place, "this needs a `port` or an `address`");
        }
        if let Some(path) = written.path.as_ref().filter(|path| !path.starts_with('/')) {
            self.found.add(path.place, "a path begins with `/`");
        }
        let named = [&written.traffic, &written.errors, &written.latency, &written.saturation];
        for name in named.into_iter().flatten() {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
            if name.is_empty() || !name.chars().all(known) {
                self.found.add(name.place, format!("`{}` is not the name of a metric", name.value));
            }
        }
    }

    fn spot(&mut self, one: &ServiceFile) -> Spot {
        match (&one.port, &one.address) {
            (Some(port), Some(_)) => {
                self.found.add(port.place, "an instance has a `port` or an `address`, not both");
                Spot::None
            }
            (Some(port), None) => {
                if port.value == 0 {
                    self.found.add(port.place, "a port goes from 1 to 65535");
                }
                if self.written.driver.value == Driver::Agent {
                    self.found.add_with_help(
                        port.place,
                        "`port` means a loopback address, which the engine cannot reach on another host",
                        "give the whole `address`",
                    );
                }
                if one.container.is_some() { Spot::Container(port.value) } else { Spot::Port(port.value) }
            }
            (None, Some(address)) => {
                self.address(address);
                Spot::Fixed(address.value.clone())
            }
            (None, None) => Spot::None,
        }
    }

    fn keeping(&mut self, one: &ServiceFile) -> Option<Keeping> {
        let again = one.start_again.as_ref().map(|argv| self.argv(argv)).unwrap_or_default();
        match (&one.start, &one.pid_file) {
            (Some(_), Some(pid_file)) => {
                self.found.add_with_help(
                    pid_file.place,
                    "an instance is started here (`start`) or runs already (`pid_file`), not both",
                    "to start it again after a kill, use `start_again`",
                );
                None
            }
            (Some(_), None) => Some(Keeping::Ours),
            (None, Some(pid_file)) => {
                if !pid_file.starts_with('/') {
                    self.found.add(pid_file.place, "the path of a `pid_file` begins with `/`");
                }
                Some(Keeping::Found { pid_file: pid_file.value.clone().into(), start: again })
            }
            (None, None) => None,
        }
    }

    fn health(&mut self, one: &ServiceFile, spot: &Spot) -> Health {
        let Some(health) = &one.health else {
            return if *spot == Spot::None { Health::Running } else { Health::Tcp };
        };
        if *spot == Spot::None && health.command.is_none() {
            self.found.add(health.place, "this needs a `port` or an `address`");
        }
        match (&health.http, health.tcp, &health.command) {
            (Some(path), false, None) => {
                if !path.starts_with('/') {
                    self.found.add(path.place, "a path begins with `/`");
                }
                Health::Http(path.value.clone())
            }
            (None, true, None) => Health::Tcp,
            (None, false, Some(argv)) => Health::Command(self.argv(argv)),
            _ => {
                self.found.add(health.place, "`health` has exactly one of `http`, `tcp` and `command`");
                Health::Running
            }
        }
    }
}

/// What is not written is as the embedded target has it.
pub(super) fn metrics(written: &MetricsFile) -> Metrics {
    let usual = Metrics::default();
    let or = |given: &Option<Placed<String>>, usual: String| {
        given.as_ref().map_or(usual, |name| name.value.clone())
    };
    Metrics {
        path: or(&written.path, usual.path),
        traffic: or(&written.traffic, usual.traffic),
        errors: written.errors.as_ref().map(|name| name.value.clone()),
        latency: or(&written.latency, usual.latency),
        saturation: or(&written.saturation, usual.saturation),
    }
}
