//! What a toxiproxy of somebody else's does for a fault of a link: the toxics of its HTTP API, or why it can do nothing
//! of the kind.

use super::{Fault, Only, Stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is changed about a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is disabled: it refuses new connections and closes open ones.
    Disabled,
    /// It gets these toxics.
    Toxics(Vec<Toxic>),
}

/// A toxic as the API knows it, but for its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toxic {
    /// Its type: `latency`.
    pub kind: String,
    /// `upstream` or `downstream`.
    pub stream: String,
    /// Per cent of the connections.
    pub toxicity_percent: u8,
    /// What its type takes.
    pub attributes: BTreeMap<String, u64>,
}

/// What a toxiproxy does for this fault. The error says in a sentence why it can do nothing.
pub fn change(fault: &Fault) -> Result<Change, String> {
    let (kind, attributes, only): (_, &[(&str, u64)], Only) = match *fault {
        Fault::LinkDown { .. } => return Ok(Change::Disabled),
        Fault::LinkLatency { latency_ms, jitter_ms, only, .. } => {
            // There the jitter goes both ways around the latency, here it comes on top.
            let half = jitter_ms.div_ceil(2);
            ("latency", &[("latency", latency_ms.saturating_add(half)), ("jitter", half)], only)
        }
        Fault::LinkReset { after_ms, only, .. } => {
            // One direction's end takes both along; what users send comes first.
            ("reset_peer", &[("timeout", after_ms)], Only { stream: Stream::Upstream, ..only })
        }
        Fault::LinkBandwidth { rate_kb_s, only, .. } => ("bandwidth", &[("rate", rate_kb_s)], only),
        Fault::LinkTimeout { timeout_ms, only, .. } => ("timeout", &[("timeout", timeout_ms)], only),
        Fault::LinkSlowClose { delay_ms, only, .. } => ("slow_close", &[("delay", delay_ms)], only),
        Fault::LinkLimitData { bytes, only, .. } => ("limit_data", &[("bytes", bytes)], only),
        Fault::LinkSlicer { average_size, size_variation, delay_us, only, .. } => {
            if size_variation >= average_size {
                return Err("a toxiproxy needs a `size_variation` below the `average_size`".to_owned());
            }
            let size = ("average_size", average_size);
            ("slicer", &[size, ("size_variation", size_variation), ("delay", delay_us)], only)
        }
        Fault::LinkLoss { .. } => {
            return Err(
                "a toxiproxy cannot leave new connections alone: use a black hole on a share of them".into(),
            );
        }
        Fault::LinkSharedBandwidth { .. } => {
            return Err("a toxiproxy limits each connection by itself, not all of a link together".into());
        }
        Fault::LinkHttp { .. } => return Err("a toxiproxy carries bytes and knows no requests".into()),
        _ => return Err(format!("`{}` is not a fault of a link", fault.kind())),
    };
    let streams: &[&str] = match only.stream {
        Stream::Upstream => &["upstream"],
        Stream::Downstream => &["downstream"],
        Stream::Both if only.toxicity_percent < 100 => {
            return Err(
                "a toxiproxy draws for each direction by itself: name one with `stream`, or take all connections"
                    .into(),
            );
        }
        Stream::Both => &["upstream", "downstream"],
    };
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let toxic = |stream: &&str| Toxic {
        kind: kind.to_owned(),
        stream: (*stream).to_owned(),
        toxicity_percent: only.toxicity_percent,
        attributes: attributes.clone(),
    };
    Ok(Change::Toxics(streams.iter().map(toxic).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(fault: serde_json::Value) -> Result<Change, String> {
        change(&serde_json::from_value(fault).unwrap())
    }

    #[test]
    fn faults_of_links_become_toxics_of_both_directions_and_a_reset_needs_one() {
        let toxics = |fault| match of(fault).unwrap() {
            Change::Toxics(toxics) => toxics,
            Change::Disabled => panic!("disabled"),
        };
        let slow = toxics(json!({"kind": "link-latency", "link": "l", "latency_ms": 100, "jitter_ms": 20}));
        assert_eq!(
            slow.iter().map(|toxic| toxic.stream.as_str()).collect::<Vec<_>>(),
            ["upstream", "downstream"]
        );
        // 100 to 120 ms, as everywhere.
        assert_eq!(slow[0].attributes, [("latency".to_owned(), 110), ("jitter".to_owned(), 10)].into());
        let reset = toxics(json!({"kind": "link-reset", "link": "l", "only": {"toxicity_percent": 30}}));
        assert_eq!((reset.len(), reset[0].toxicity_percent), (1, 30));
        let one = toxics(
            json!({"kind": "link-timeout", "link": "l", "only": {"stream": "downstream", "toxicity_percent": 5}}),
        );
        assert_eq!((one.len(), one[0].stream.as_str()), (1, "downstream"));
        assert_eq!(of(json!({"kind": "link-down", "link": "l"})), Ok(Change::Disabled));
    }

    #[test]
    fn what_it_cannot_do_is_refused_in_a_sentence() {
        for (fault, why) in [
            (json!({"kind": "link-loss", "link": "l", "percent": 3}), "new connections"),
            (json!({"kind": "link-shared-bandwidth", "link": "l", "rate_kb_s": 3}), "each connection"),
            (json!({"kind": "link-http", "link": "l", "act": "abort"}), "no requests"),
            (
                json!({"kind": "link-slicer", "link": "l", "average_size": 5, "size_variation": 5}),
                "size_variation",
            ),
            (
                json!({"kind": "link-latency", "link": "l", "latency_ms": 9, "only": {"toxicity_percent": 50}}),
                "each direction",
            ),
            (json!({"kind": "process-stop", "service": "web"}), "not a fault of a link"),
        ] {
            let said = of(fault.clone()).unwrap_err();
            assert!(said.contains(why), "{fault}: {said}");
        }
    }
}
