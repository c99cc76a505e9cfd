//! What may be done to a link, as data.

use crate::{
    base::{InjectionId, LinkName},
    fault::Fault,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// One toxic: it acts on every connection of its link, in both directions, until it is removed. Several of them add
/// up: latencies are summed, the lowest rate counts, the earliest end counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Toxic {
    /// Bytes arrive later. The time is counted from the arrival of each chunk at the proxy.
    Latency {
        /// Milliseconds, each way.
        latency_ms: u64,
        /// A further 0 to so many milliseconds, drawn for each chunk. The order of bytes is kept.
        #[serde(default)]
        jitter_ms: u64,
    },
    /// New connections are refused, open ones are closed.
    Down,
    /// Connections work until they are reset (RST to both peers).
    Reset {
        /// Milliseconds from accept, or from the toxic's begin for a connection that was open before it.
        #[serde(default)]
        after_ms: u64,
    },
    /// Each connection carries no more than this.
    Bandwidth {
        /// Kilobytes (1000 bytes) per second, each way. At 0 nothing passes; it is kept and passes after removal.
        rate_kb_s: u64,
    },
    /// Everything that the peers send is swallowed. Its removal closes the connections that it has touched, since
    /// their streams have holes.
    Timeout {
        /// Milliseconds until a connection is closed, counted as in [`Toxic::Reset`]; 0: only its removal closes.
        #[serde(default)]
        timeout_ms: u64,
    },
}

/// A fault that no proxy can carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not make a toxic of `{kind}`: it is not a fault of a link")]
pub struct NotOnALink {
    /// The fault's kind.
    pub kind: &'static str,
}

impl TryFrom<&Fault> for Toxic {
    type Error = NotOnALink;

    fn try_from(fault: &Fault) -> Result<Self, NotOnALink> {
        Toxic::on_link(fault).map(|(_, toxic)| toxic)
    }
}

impl Toxic {
    /// The toxic that a fault stands for, and the link that it belongs on.
    pub fn on_link(fault: &Fault) -> Result<(&LinkName, Self), NotOnALink> {
        Ok(match *fault {
            Fault::LinkLatency { ref link, latency_ms, jitter_ms } => {
                (link, Self::Latency { latency_ms, jitter_ms })
            }
            Fault::LinkDown { ref link } => (link, Self::Down),
            Fault::LinkReset { ref link, after_ms } => (link, Self::Reset { after_ms }),
            Fault::LinkBandwidth { ref link, rate_kb_s } => (link, Self::Bandwidth { rate_kb_s }),
            Fault::LinkTimeout { ref link, timeout_ms } => (link, Self::Timeout { timeout_ms }),
            _ => return Err(NotOnALink { kind: fault.kind() }),
        })
    }

    /// Whether an open connection must end when this toxic begins.
    fn cuts_when_set(&self) -> bool {
        matches!(self, Self::Down)
    }

    /// Whether an open connection must end when this toxic goes.
    fn cuts_when_gone(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }
}

/// A toxic and the moment it was set.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The toxic.
    pub(super) toxic: Toxic,
    /// When it was set; a repeated set of the same toxic does not move it.
    pub(super) since: Instant,
}

/// Everything that a link does to its connections at present. Handed to them through a watch channel.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// The delay that belongs to the distance, one way.
    pub(super) distance: Duration,
    /// Toxics by the injection that set them.
    pub(super) toxics: BTreeMap<InjectionId, Placed>,
    /// Counts the changes that end every open connection, so that a connection sees one even when it was undone
    /// before the connection could look.
    pub(super) cuts: u64,
}

impl Rules {
    /// Adds or replaces a toxic. False if it was there already and nothing changes.
    pub(super) fn set(&mut self, id: &InjectionId, toxic: Toxic, now: Instant) -> bool {
        if self.toxics.get(id).is_some_and(|placed| placed.toxic == toxic) {
            return false;
        }
        self.cuts += u64::from(toxic.cuts_when_set());
        let before = self.toxics.insert(id.clone(), Placed { toxic, since: now });
        self.cuts += u64::from(before.is_some_and(|placed| placed.toxic.cuts_when_gone()));
        true
    }

    /// Takes a toxic away. False if there was none.
    pub(super) fn remove(&mut self, id: &InjectionId) -> bool {
        let before = self.toxics.remove(id);
        let cuts = before.as_ref().is_some_and(|placed| placed.toxic.cuts_when_gone());
        self.cuts += u64::from(cuts);
        before.is_some()
    }

    /// Whether new connections are refused.
    pub(super) fn is_down(&self) -> bool {
        self.toxics.values().any(|placed| placed.toxic == Toxic::Down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_link_has_its_toxic() {
        let link: LinkName = "web-metadata".parse().unwrap();
        let fault = Fault::LinkLatency { link: link.clone(), latency_ms: 250, jitter_ms: 20 };
        let latency = Toxic::Latency { latency_ms: 250, jitter_ms: 20 };
        assert_eq!(Toxic::on_link(&fault), Ok((&link, latency)));
        let fault = Fault::LinkDown { link: link.clone() };
        assert_eq!(Toxic::try_from(&fault), Ok(Toxic::Down));
        let fault = Fault::LinkReset { link: link.clone(), after_ms: 7 };
        assert_eq!(Toxic::try_from(&fault), Ok(Toxic::Reset { after_ms: 7 }));
        let fault = Fault::LinkBandwidth { link: link.clone(), rate_kb_s: 9 };
        assert_eq!(Toxic::try_from(&fault), Ok(Toxic::Bandwidth { rate_kb_s: 9 }));
        let fault = Fault::LinkTimeout { link, timeout_ms: 0 };
        assert_eq!(Toxic::try_from(&fault), Ok(Toxic::Timeout { timeout_ms: 0 }));
    }

    #[test]
    fn other_faults_are_refused() {
        let fault = Fault::ProcessKill { service: "web".parse().unwrap() };
        let refused = Toxic::try_from(&fault).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "could not make a toxic of `process-kill`: it is not a fault of a link"
        );
    }

    #[test]
    fn a_toxic_reads_back_as_it_was_written() {
        for toxic in
            [Toxic::Down, Toxic::Latency { latency_ms: 1, jitter_ms: 2 }, Toxic::Timeout { timeout_ms: 3 }]
        {
            let text = serde_json::to_string(&toxic).unwrap();
            assert_eq!(serde_json::from_str::<Toxic>(&text).unwrap(), toxic, "{text}");
        }
    }

    #[test]
    fn what_was_undone_at_once_still_cuts() {
        let (id, now) = ("gd-a".parse().unwrap(), Instant::now());
        let mut rules = Rules::default();
        assert!(rules.set(&id, Toxic::Down, now));
        assert!(!rules.set(&id, Toxic::Down, now), "the same again changes nothing");
        assert!(rules.is_down());
        assert!(rules.remove(&id));
        assert!(!rules.remove(&id));
        assert_eq!(rules.cuts, 1);
        rules.set(&id, Toxic::Timeout { timeout_ms: 0 }, now);
        assert_eq!(rules.cuts, 1);
        rules.set(&id, Toxic::Bandwidth { rate_kb_s: 1 }, now);
        assert_eq!(rules.cuts, 2, "replacing a timeout is removing it");
    }
}
