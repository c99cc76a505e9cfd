//! The edge's rules: who is turned away, which web instances get nothing, and who asks how much.

use super::{machine, telemetry::Page, watched::Watched};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The file of the rules in the machine's folder.
const FILE: &str = "rules.json";
/// Most clients that are counted one by one.
const CLIENTS_MAX: usize = 1000;
/// Most clients on the metrics page.
const SHOWN_MAX: usize = 10;

/// The edge's rules as people write them with `depotctl`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    #[serde(default)]
    pub(super) blocked: Vec<Block>,
    /// Web instances that get no requests.
    #[serde(default)]
    pub(super) drained: Vec<String>,
}

/// What is turned away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Block {
    /// Whoever connects from this address.
    Client(String),
    /// Whoever's `user-agent` contains this.
    Agent(String),
    /// Paths that begin like this.
    Path(String),
}

/// A request at the gate.
pub(super) struct Passing<'a> {
    pub(super) client: String,
    pub(super) agent: &'a str,
    pub(super) path: &'a str,
}

impl Block {
    fn meets(&self, passing: &Passing<'_>) -> bool {
        match self {
            Self::Client(address) => passing.client == *address,
            Self::Agent(part) => passing.agent.contains(part.as_str()),
            Self::Path(begin) => passing.path.starts_with(begin.as_str()),
        }
    }
}

/// Where the rules of the edge `instance` lie.
pub(super) fn file(root: &Path, instance: &str) -> PathBuf {
    machine::folder(root, instance).join(FILE)
}

/// The rules in `text`, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Rules, String> {
    serde_json::from_str(text).map_err(|err| err.to_string())
}

/// See the module.
pub(super) struct Gate {
    rules: Watched<Rules>,
    turned_away: AtomicU64,
    clients: Mutex<HashMap<(String, String), u64>>,
}

impl Gate {
    pub(super) fn of(root: &Path, instance: &str) -> Self {
        Self {
            rules: Watched::new(&file(root, instance), Rules::default(), parse),
            turned_away: AtomicU64::new(0),
            clients: Mutex::default(),
        }
    }

    pub(super) fn rules(&self) -> Arc<Rules> {
        self.rules.get()
    }

    /// Counts the request, and whether a rule turns it away.
    pub(super) fn turns_away(&self, passing: &Passing<'_>) -> bool {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // What a label may hold; the rest of a long or strange name is of no help to anybody.
        let agent =
            passing.agent.chars().filter(|c| c.is_ascii_graphic() && *c != '"' && *c != '\\').take(40);
        let who = (passing.client.clone(), agent.collect::<String>());
        if clients.len() < CLIENTS_MAX || clients.contains_key(&who) {
            *clients.entry(who).or_default() += 1;
        }
        drop(clients);
        let away = self.rules().blocked.iter().any(|block| block.meets(passing));
        self.turned_away.fetch_add(u64::from(away), Ordering::Relaxed);
        away
    }

    pub(super) fn write(&self, page: &mut Page) {
        let away = self.turned_away.load(Ordering::Relaxed) as f64;
        page.single("edge_turned_away_total", "counter", "Requests that a rule turned away.", away);
        let mut most: Vec<_> =
            self.clients.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter().collect();
        most.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        page.family("edge_client_requests_total", "counter", "Requests of those who ask the most.");
        for ((client, agent), count) in most.into_iter().take(SHOWN_MAX) {
            let labels = format!("client=\"{client}\",agent=\"{agent}\"");
            page.sample("edge_client_requests_total", &labels, count as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_turns_away_whom_it_means_and_nobody_else() {
        let passing = |client: &str, agent, path| Passing { client: client.to_owned(), agent, path };
        for (block, met, not) in [
            (
                Block::Client("127.0.0.9".into()),
                passing("127.0.0.9", "", "/"),
                passing("127.0.0.90", "", "/"),
            ),
            (Block::Agent("bot".into()), passing("a", "nice-bot/1", "/"), passing("a", "browser", "/bot")),
            (Block::Path("/objects/x".into()), passing("a", "", "/objects/x1"), passing("a", "", "/objects")),
        ] {
            assert!(block.meets(&met) && !block.meets(&not), "{block:?}");
        }
        let text = r#"{"blocked": [{"agent": "bot"}], "drained": ["web-west"]}"#;
        assert_eq!(parse(text).unwrap().blocked, [Block::Agent("bot".into())]);
        assert!(parse(r#"{"block": []}"#).is_err());
    }
}
