//! The first draft of a target: from a compose file, from what listens on this host, or from nothing. It passes every
//! check as it is; what only its owner knows is marked `FILL IN`.

use crate::base::names::is_name;
use crate::scenario::file::{ComposeFile, read};
use crate::scenario::problem::Problem;
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// What is known of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Where it answers.
    pub address: Option<String>,
    /// The file that holds its process number.
    pub pid_file: Option<String>,
    /// Whom it connects to.
    pub needs: Vec<String>,
}

/// A drafted file: its path and its text.
pub type Drafted = (&'static str, String);

/// The services of a compose file.
pub fn from_compose(shown: &str, bytes: &[u8]) -> Result<Vec<Seen>, Problem> {
    let file: ComposeFile = read(shown, bytes)?;
    if file.services.0.is_empty() {
        return Err(Problem::of_file(shown, "there is no service under `services:`"));
    }
    let services = file.services.0.iter().filter(|(name, _)| is_name(name));
    Ok(services
        .map(|(name, one)| Seen {
            name: name.value.clone(),
            about: one
                .image
                .as_deref()
                .map_or_else(|| "built here".to_owned(), |image| format!("image {image}")),
            address: one.published(),
            pid_file: None,
            needs: one.depends_on.names().into_iter().map(str::to_owned).collect(),
        })
        .collect())
}

/// Whatever listens on a TCP port of this host and can be looked at, but for Gameday itself: name, address, file with its
/// number. With ports only what listens on them, in their order.
pub fn from_host(ports: &[u16]) -> Vec<Seen> {
    let owners = owners();
    let numbers = pid_files();
    let mut seen: Vec<Seen> = Vec::new();
    for (address, inode) in listening("/proc/net/tcp") {
        let Some(pid) = owners.get(&inode) else { continue };
        if place_of(&address, ports).is_none() || is_gameday(*pid) {
            continue;
        }
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let name: String = comm.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        if !is_name(&name) || seen.iter().any(|one| one.address.as_ref() == Some(&address)) {
            continue;
        }
        let same =
            seen.iter().filter(|one| one.name == name || one.name.starts_with(&format!("{name}-"))).count();
        let pid_file = numbers.get(pid).cloned();
        seen.push(Seen {
            about: format!("{name}, process {pid} when this was written"),
            name: if same == 0 { name } else { format!("{name}-{}", same + 1) },
            address: Some(address),
            pid_file,
            needs: Vec::new(),
        });
    }
    let order = |one: &Seen| one.address.as_deref().and_then(|address| place_of(address, ports));
    seen.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name)));
    seen
}

/// The place of an address among the ports that were named; all are the first where none was.
fn place_of(address: &str, ports: &[u16]) -> Option<usize> {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    if ports.is_empty() { Some(0) } else { ports.iter().position(|one| Some(*one) == port) }
}

/// Engines, agents and services of the embedded target: all are this program.
fn is_gameday(pid: i32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe"))
        .is_ok_and(|program| program.file_name().is_some_and(|name| name == "gameday"))
}

/// Addresses that are listened on, with the socket's number.
fn listening(table: &str) -> Vec<(String, u64)> {
    const LISTEN: &str = "0A";
    let text = fs::read_to_string(table).unwrap_or_default();
    let rows = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (host, port) = fields.get(1)?.split_once(':')?;
        if *fields.get(3)? != LISTEN {
            return None;
        }
        let host = u32::from_str_radix(host, 16).ok()?.to_le_bytes();
        let port = u16::from_str_radix(port, 16).ok()?;
        let host = if host == [0; 4] { [127, 0, 0, 1] } else { host };
        let address = format!("{}.{}.{}.{}:{port}", host[0], host[1], host[2], host[3]);
        Some((address, fields.get(9)?.parse().ok()?))
    });
    rows.collect()
}

/// Which process holds which socket, as far as this user may look.
fn owners() -> BTreeMap<u64, i32> {
    let mut owners = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return owners };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        for file in files.flatten() {
            let Ok(link) = fs::read_link(file.path()) else { continue };
            let link = link.to_string_lossy();
            let socket = link.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            if let Some(inode) = socket.and_then(|inode| inode.parse().ok()) {
                // The oldest holder is the one that passed it on.
                owners.entry(inode).and_modify(|known: &mut i32| *known = pid.min(*known)).or_insert(pid);
            }
        }
    }
    owners
}

/// Files in `/run` that hold nothing but a process number.
fn pid_files() -> BTreeMap<i32, String> {
    let mut found = BTreeMap::new();
    let deeper = fs::read_dir("/run").into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = std::iter::once(Path::new("/run").to_owned()).chain(deeper.filter(|path| path.is_dir()));
    for folder in folders {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "pid")
                && let Ok(text) = fs::read_to_string(&path)
                && let Some(pid) = text.split_whitespace().next().and_then(|pid| pid.parse().ok())
            {
                found.insert(pid, path.display().to_string());
            }
        }
    }
    found
}

/// The whole pack: `target.yaml`, `pack.yaml`, one page of documentation, one scenario.
pub fn pack(name: &str, seen: &[Seen]) -> Vec<Drafted> {
    let example;
    let services = if seen.is_empty() {
        example = [Seen {
            name: "web".to_owned(),
            about: "FILL IN: what it does".to_owned(),
            address: Some("127.0.0.1:8080".to_owned()),
            ..Seen::default()
        }];
        &example[..]
    } else {
        seen
    };
    let front = services.iter().find(|one| one.address.is_some());
    let fallback = Seen { address: Some("127.0.0.1:8080".to_owned()), ..services[0].clone() };
    let front = front.unwrap_or(&fallback);
    let links = links(services, front);
    vec![
        ("target.yaml", target(name, services, front, &links)),
        ("pack.yaml", PACK.replace("{NAME}", name)),
        ("docs/system.md", docs(name, services)),
        ("first-drill.yaml", scenario(name, front, &links)),
    ]
}

/// Name, from, to.
type Edge = (String, String, String);

/// One link before the front door, and one for each dependency that can be reached.
fn links(services: &[Seen], front: &Seen) -> Vec<Edge> {
    let mut links = vec![(format!("users-{}", front.name), front.name.clone(), front.name.clone())];
    for from in services {
        for to in &from.needs {
            if services.iter().any(|one| one.name == *to && one.address.is_some()) {
                links.push((format!("{}-{to}", from.name), from.name.clone(), to.clone()));
            }
        }
    }
    links
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn target(name: &str, services: &[Seen], front: &Seen, links: &[Edge]) -> String {
    let mut text = TARGET.replace("{NAME}", name).replace("{FRONT}", &front.name);
    text.push_str("services:\n");
    for one in services {
        let _ = writeln!(text, "  {}:\n    about: {}", one.name, quoted(&one.about));
        match (&one.address, one.name == front.name) {
            (Some(address), _) => {
                let _ = writeln!(text, "    address: {address}");
            }
            (None, true) => {
                let address = front.address.as_deref().unwrap_or_default();
                let _ = writeln!(text, "    address: {address}            # FILL IN: where users come in");
            }
            (None, false) => {
                text.push_str(
                    "    # address: 127.0.0.1:5432      FILL IN: where this host reaches it, if it can\n",
                );
            }
        }
        match &one.pid_file {
            Some(path) => {
                let _ = writeln!(text, "    pid_file: {path}");
                text.push_str(
                    "    # start_again: [/usr/sbin/service, NAME, start]   FILL IN, or it is never killed\n",
                );
            }
            None => {
                text.push_str("    # pid_file: /run/NAME.pid      FILL IN, or its process is not touched\n");
            }
        }
    }
    text.push_str(LINKS);
    for (place, (link, from, to)) in links.iter().enumerate() {
        let _ = writeln!(text, "  {link}:\n    from: {from}\n    to: {to}");
        // The synthetic users use the first one by themselves.
        if place > 0 {
            let _ = writeln!(
                text,
                "    # listen: 127.0.0.1:15432      FILL IN: an address that `{from}` can use instead"
            );
        }
    }
    let address = front.address.as_deref().unwrap_or("127.0.0.1:8080");
    text.push_str(&PROBES.replace("{FRONT}", &front.name).replace("{ADDRESS}", address));
    text
}

fn docs(name: &str, services: &[Seen]) -> String {
    let mut text = format!(
        "# {name}\n\nWhat responders may read. Every Markdown file here becomes an entry that hints can point to.\n\n\
         | service | what it is | where it answers |\n|---|---|---|\n"
    );
    for one in services {
        let address = one.address.as_deref().unwrap_or("not from this host");
        let _ = writeln!(text, "| {} | {} | {address} |", one.name, one.about);
    }
    text.push_str("\n## How it is restarted\n\nFILL IN: the commands that your people use.\n");
    text
}

fn scenario(name: &str, front: &Seen, links: &[Edge]) -> String {
    let (link, from, _) = &links[0];
    SCENARIO
        .replace("{NAME}", name)
        .replace("{FRONT}", &front.name)
        .replace("{LINK}", link)
        .replace("{FROM}", from)
}

const TARGET: &str = "\
# The staging system {NAME}. docs/target.md explains every field, `gameday schema target` tells your editor.
#
#   gameday check target.yaml        finds every mistake at once
#   gameday target show target.yaml  shows what it describes
#
# What only you know is marked FILL IN. Nothing is started or touched before a drill.
format: gameday/target/v1
name: {NAME}
driver: local                        # this machine; `agent` for another host
front_door: users-{FRONT}            # FILL IN: the synthetic users come in over this link; is it the right one?

# Instances, in start order. Gameday starts what has `start:`; what has `pid_file:` runs already and may be made to hang;
# of all others only links and probes are used.
";
const LINKS: &str = "
# Links carry faults; without a fault they only pass bytes on. The synthetic users take the first link by themselves. For
# every other one, whoever connects has to be told to connect to the link: FILL IN a fixed `listen`, and put it into that
# service's own configuration.
links:
";
const PROBES: &str = "
probes:
  front-door:
    about: the front door accepts connections
    tcp: {FRONT}
  # FILL IN: something that others use and that must stay whole, for stop conditions
  neighbours:
    about: what must not suffer
    tcp: {FRONT}

# Operations that your people repair it with, beside list, restart, reload, logs, config and set.
operations:
  status:
    about: what the front door says
    run: [curl, --silent, --max-time, \"5\", \"http://{ADDRESS}/\"]

# How much one drill may touch at the same time.
caps: {services: 1, links: 1, volumes: 0}
";
const PACK: &str = "\
# What the scenarios of {NAME} share.
format: gameday/pack/v1
title: The staging system {NAME}
target: target.yaml
docs: docs

workloads:
  # FILL IN: what your users do, how often, and what a good answer is
  usual:
    classes:
      visit:
        rate: 5
        path: /
        expect: {status: [200], within: 2s}
";
const SCENARIO: &str = "\
# first-drill.yaml: the first drill on {NAME}.
#
#   gameday check first-drill.yaml
#   gameday rehearse first-drill.yaml     proves that the fault bites and that the repair repairs it
format: gameday/scenario/v1
title: Visits fail                   # it must not give the cause away
summary: The link {LINK} swallows everything for a minute and a half.
pack: {NAME}
difficulty: 1
duration: {par: 10m, limit: 30m}
profile: restore-first
objectives:
  - find the place where requests get lost
workload: usual

faults:
  - at: 15s
    injector: black-hole
    with: {links: {LINK}, lasts: 90s}

alarms:
  - name: VisitErrorsHigh
    when: {class: visit, failed: \"> 20 %\", for: 8s}
    summary: \"{failed} of visits fail\"

hints:
  catalogue: [system.md]
  questions:
    - What do all failing requests have in common?
    - How do you tell a service that does not answer from one that is never asked?

stop_conditions:
  - {probe: neighbours, success: \">= 50 %\", over: 10s, for: 20s}

# What really happened. Nobody who has yet to play sees any of it.
truth:
  cause:
    component: {FROM}
    kind: network.partition
    facts:
      - {id: lost, says: requests get lost on the way, any: [lost, swallowed]}
      - {id: link, says: \"the service runs, and what is sent to it does not reach it\", any: [does not reach, never arrives]}
      - {id: waits, says: users wait until they give up, any: [time out, timeout, wait]}
    # Statements that sound as likely and are wrong: enough of them that guessing does not pay.
    distractors:
      - {id: hangs, says: the service hangs, any: [hangs, stuck]}
      - {id: crashed, says: the service has crashed, any: [crashed, is down]}
      - {id: release, says: it began with a release, any: [release, roll-out]}
      - {id: disk, says: a disk is full, any: [disk full]}
      - {id: flood, says: there are many more requests than usual, any: [flood, bots]}
      - {id: certificate, says: a certificate has expired, any: [certificate]}
  impact: {visit: 80-100 %}
  owners: [{FROM}-oncall]               # FILL IN: whom your team copies on its ticket
  severity: {live: true, users: everybody}
  decision:
    do_nothing: {effective: true}

restored_when: {class: visit, failed: \"< 1 %\", for: 15s}

# FILL IN: what your people type to repair it
reference_solution:
  - {NAME}ctl status

sample_claims:
  - component: {FROM}
    kind: network.partition
    text: requests are lost on the way; the service runs and what is sent does not reach it, so users time out
    band: right
  - {component: {FROM}, kind: network.latency, text: the way to the service is slow and users time out, band: near}
  - {kind: config.certificate, text: a certificate has expired, band: wrong}

autopilot:
  - {after: start, wait: 2s, who: ana, do: {take-role: ic}}
  - {after: alarm VisitErrorsHigh, wait: 3s, who: ana, do: {ack: VisitErrorsHigh}}
  - {wait: 2s, who: ana, do: {declare: {text: Visits fail}}}
  - {wait: 1s, who: ana, do: {operate: [{NAME}ctl, status]}}
  - wait: 2s
    who: ana
    do: {cause: {component: {FROM}, kind: network.partition, facts: [lost], text: requests are lost, confidence: 80}}
  - wait: 2s
    who: ana
    do:
      assess:
        windows: [{from: T+15s, to: T+105s}]
        failed: {visit: {percent: 90, up_to: 100, confidence: 80}}
        text: Nearly every visit failed
  - {after: restored, wait: 2s, who: ana, do: {resolve: Visits are good again}}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_here_is_seen_with_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = from_host(&[]);
        assert!(seen.iter().any(|one| one.address.as_ref() == Some(&address)), "{address}: {seen:?}");
    }

    #[test]
    fn only_what_listens_on_the_named_ports_is_seen_and_in_their_order() {
        let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let [first, second, _] = listeners.each_ref().map(|one| one.local_addr().unwrap());
        let seen = from_host(&[second.port(), first.port()]);
        let addresses: Vec<_> = seen.iter().filter_map(|one| one.address.clone()).collect();
        // Others may listen on the same port of another address.
        let place =
            |address: &std::net::SocketAddr| addresses.iter().position(|one| *one == address.to_string());
        assert!(place(&second).unwrap() < place(&first).unwrap(), "{addresses:?}");
        assert!(
            seen.len() >= 2
                && addresses.iter().all(|one| place_of(one, &[second.port(), first.port()]).is_some())
        );
    }

    #[test]
    fn links_follow_dependencies_that_can_be_reached() {
        let compose = "services: {web: {ports: ['8080:80'], depends_on: [db, queue]}, db: {ports: ['5432:5432']}, queue: {}}";
        let seen = from_compose("compose.yaml", compose.as_bytes()).unwrap();
        let edge = |name: &str, from: &str, to: &str| (name.to_owned(), from.to_owned(), to.to_owned());
        assert_eq!(links(&seen, &seen[0]), [edge("users-web", "web", "web"), edge("web-db", "web", "db")]);
        assert!(from_compose("compose.yaml", b"services: {}").is_err());
    }
}
