//! What the engine says of a container, and what follows from it.

use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, net::IpAddr};

/// One container, as the engine knows it at this moment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// Its id, which no other container ever has.
    pub id: String,
    /// Its name, with a slash before it.
    name: String,
    /// Whether it runs.
    pub state: State,
    /// What it was made from.
    pub config: Config,
    /// How it is run.
    pub host_config: HostConfig,
    network_settings: NetworkSettings,
}

/// Whether a container runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "these are the engine's own words")]
pub struct State {
    /// In one word: `running`, `paused`, `exited`.
    pub status: String,
    /// It has processes; also while they are frozen.
    pub running: bool,
    /// They are frozen.
    pub paused: bool,
    /// Its restart policy is about to start it again.
    pub restarting: bool,
    /// The kernel ended it because its memory was over.
    #[serde(rename = "OOMKilled")]
    pub oom_killed: bool,
    /// When it was started for the last time.
    pub started_at: String,
}

/// What a container was made from.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Config {
    labels: Option<BTreeMap<String, String>>,
    /// It talks to a terminal, so that its log has one output.
    pub tty: bool,
}

/// How a container is run.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// Billionths of a processor; 0: not given so.
    pub nano_cpus: i64,
    /// Microseconds of each period; 0 or less: no limit.
    pub cpu_quota: i64,
    /// Microseconds; 0: the default.
    pub cpu_period: i64,
    /// Bytes; 0: no limit.
    pub memory: i64,
    /// Bytes of memory and swap together; -1: no limit of swap.
    pub memory_swap: i64,
    /// It is removed when it ends.
    pub auto_remove: bool,
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_ip: String,
    host_port: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct NetworkSettings {
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    networks: Option<BTreeMap<String, Value>>,
}

impl Container {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// A label's value.
    pub fn label(&self, label: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(label).map(String::as_str)
    }

    /// Whether its processes run.
    pub fn runs(&self) -> bool {
        self.state.running && !self.state.paused && !self.state.restarting
    }

    /// Where a port of it answers from this machine: where it is published, else at its own address.
    pub fn address(&self, port: u16) -> Option<String> {
        let published =
            self.network_settings.ports.as_ref().and_then(|ports| ports.get(&key(port))?.as_deref());
        let published = published.unwrap_or_default().iter().find_map(|binding| {
            let ip = match binding.host_ip.as_str() {
                "" | "0.0.0.0" => "127.0.0.1",
                other => other,
            };
            let ip: IpAddr = ip.parse().ok()?;
            (ip.is_ipv4() && is_fixed(&binding.host_port)).then(|| format!("{ip}:{}", binding.host_port))
        });
        published.or_else(|| {
            let mut networks = self.network_settings.networks.iter().flatten();
            networks.find_map(|(_, end)| Some(format!("{}:{port}", own_address(end)?)))
        })
    }

    /// Whether that stays so when it is started again or put back on a network: an address that the engine chose may
    /// be given to another container meanwhile.
    pub fn keeps_address(&self, port: u16) -> bool {
        let bindings =
            self.host_config.port_bindings.as_ref().and_then(|all| all.get(&key(port))?.as_deref());
        if let Some(binding) = bindings.and_then(<[Binding]>::first) {
            return is_fixed(&binding.host_port);
        }
        let mut networks = self.network_settings.networks.iter().flatten();
        let first = networks.find(|(_, end)| own_address(end).is_some());
        first.is_some_and(|(_, end)| {
            end.pointer("/IPAMConfig/IPv4Address").and_then(Value::as_str).is_some_and(|ip| !ip.is_empty())
        })
    }

    /// Its end in a network; nothing: it is not in it.
    pub fn endpoint(&self, network: &str) -> Option<&Value> {
        self.network_settings.networks.as_ref()?.get(network)
    }

    /// The networks that it is in.
    pub fn networks(&self) -> Vec<&str> {
        self.network_settings.networks.iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}

fn key(port: u16) -> String {
    format!("{port}/tcp")
}

fn is_fixed(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|port| port != 0)
}

fn own_address(end: &Value) -> Option<&str> {
    end.get("IPAddress")?.as_str().filter(|ip| !ip.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(bindings: &Value, ports: &Value, networks: &Value) -> Container {
        serde_json::from_value(json!({
            "Id": "a1", "Name": "/redis", "Config": {"Labels": null},
            "State": {"Status": "running", "Running": true, "Paused": false, "Restarting": false,
                "OOMKilled": false, "StartedAt": "2026-11-21T15:33:36.5Z"},
            "HostConfig": {"PortBindings": bindings},
            "NetworkSettings": {"Ports": ports, "Networks": networks},
        }))
        .unwrap()
    }

    #[test]
    fn a_published_port_comes_before_the_own_address_and_only_fixed_ones_are_kept() {
        let end =
            |ip: &str, fixed: &str| json!({"n": {"IPAddress": ip, "IPAMConfig": {"IPv4Address": fixed}}});
        let bound = |ip: &str, port: &str| json!({"6379/tcp": [{"HostIp": ip, "HostPort": port}]});
        let none = json!({"6379/tcp": null});
        for (bindings, ports, networks, address, kept) in [
            (bound("", "7000"), bound("0.0.0.0", "7000"), end("10.1.0.2", ""), Some("127.0.0.1:7000"), true),
            (
                bound("127.0.0.1", ""),
                bound("127.0.0.1", "32768"),
                end("10.1.0.2", ""),
                Some("127.0.0.1:32768"),
                false,
            ),
            (json!({}), none.clone(), end("10.1.0.2", ""), Some("10.1.0.2:6379"), false),
            (json!({}), none.clone(), end("10.1.0.2", "10.1.0.2"), Some("10.1.0.2:6379"), true),
            (json!({}), none.clone(), end("", ""), None, false),
            (json!(null), json!(null), json!(null), None, false),
        ] {
            let container = container(&bindings, &ports, &networks);
            assert_eq!(container.address(6379).as_deref(), address, "{bindings} {networks}");
            assert_eq!(container.keeps_address(6379), kept, "{bindings} {networks}");
            assert!(container.runs() && container.label("x").is_none() && container.name() == "redis");
        }
    }
}
