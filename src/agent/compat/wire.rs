//! How proxies, toxics and errors are written.

use crate::{
    agent::proxy::{Effect, Toxic, Toxicity},
    fault::Stream,
};
use axum::{
    body::Bytes,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{net::SocketAddr, time::Duration};

/// Longest name, address or stream, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// How long the name of an address to listen on is looked for.
const LOOK_UP_MAX: Duration = Duration::from_secs(2);

/// Each type of toxic with its attributes, all of them integers. The last two are not in the reference.
const TYPES: [(&str, &[&str]); 10] = [
    ("latency", &["latency", "jitter"]),
    ("bandwidth", &["rate"]),
    ("slow_close", &["delay"]),
    ("timeout", &["timeout"]),
    ("reset_peer", &["timeout"]),
    ("slicer", &["average_size", "size_variation", "delay"]),
    ("limit_data", &["bytes"]),
    ("noop", &[]),
    ("loss", &[]),
    ("shared_bandwidth", &["rate"]),
];

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    /// Its code.
    pub(super) status: StatusCode,
    /// What a client compares.
    pub(super) message: String,
}

impl Complaint {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    fn body(why: impl std::fmt::Display) -> Self {
        Self::bad(format!("bad request body: {why}"))
    }

    pub(super) fn missing(field: impl std::fmt::Display) -> Self {
        Self::bad(format!("missing required field: {field}"))
    }

    pub(super) fn no_proxy() -> Self {
        Self::new(StatusCode::NOT_FOUND, "proxy not found")
    }

    pub(super) fn no_toxic() -> Self {
        Self::new(StatusCode::NOT_FOUND, "toxic not found")
    }

    pub(super) fn written(&self) -> Value {
        json!({"error": self.message, "status": self.status.as_u16()})
    }
}

impl IntoResponse for Complaint {
    fn into_response(self) -> Response {
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (self.status, plain, format!("{}\n", self.written())).into_response()
    }
}

/// The fields of a body. What follows its first value is ignored, as are fields that nobody asks for.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The one object of a body.
    pub(super) fn of(body: &Bytes) -> Result<Self, Complaint> {
        Self::from_value(first_value(body)?)
    }

    /// The objects of a body that is an array.
    pub(super) fn list_of(body: &Bytes) -> Result<Vec<Self>, Complaint> {
        match first_value(body)? {
            Value::Array(items) => items.into_iter().map(Self::from_value).collect(),
            Value::Null => Ok(Vec::new()),
            _ => Err(Complaint::body("an array of proxies is expected")),
        }
    }

    fn from_value(value: Value) -> Result<Self, Complaint> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            Value::Null => Ok(Self(Map::new())),
            _ => Err(Complaint::body("an object is expected")),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Complaint> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= TEXT_BYTES_MAX => Ok(Some(text.clone())),
            Some(Value::String(_)) => {
                Err(Complaint::body(format!("`{name}` is longer than {TEXT_BYTES_MAX} bytes")))
            }
            Some(_) => Err(Complaint::body(format!("`{name}` is a string"))),
        }
    }

    /// A truth value, if it is there.
    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Complaint> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(Complaint::body(format!("`{name}` is true or false"))),
        }
    }

    fn share(&self, name: &str) -> Result<Option<f32>, Complaint> {
        match self.get(name) {
            None => Ok(None),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the reference keeps a single-precision number"
            )]
            Some(Value::Number(number)) => {
                let share = number.as_f64().map(|number| number as f32).filter(|share| share.is_finite());
                share.map(Some).ok_or_else(|| Complaint::body(format!("`{name}` is too large")))
            }
            Some(_) => Err(Complaint::body(format!("`{name}` is a number"))),
        }
    }

    fn attributes(&self, kind: &'static Kind, before: &[i64]) -> Result<Vec<i64>, Complaint> {
        let given = match self.get("attributes") {
            None => &Map::new(),
            Some(Value::Object(given)) => given,
            Some(_) => return Err(Complaint::body("`attributes` is an object")),
        };
        let value = |(name, before): (&&str, &i64)| match given.get(*name) {
            None | Some(Value::Null) => Ok(*before),
            Some(value) => {
                value.as_i64().ok_or_else(|| Complaint::body(format!("`{name}` is an integer, not {value}")))
            }
        };
        kind.1.iter().zip(before).map(value).collect()
    }
}

fn first_value(body: &Bytes) -> Result<Value, Complaint> {
    Value::deserialize(&mut serde_json::Deserializer::from_slice(body)).map_err(Complaint::body)
}

type Kind = (&'static str, &'static [&'static str]);

/// A toxic as clients know it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spec {
    pub(super) name: String,
    kind: &'static Kind,
    /// As the caller wrote it.
    stream: String,
    pub(super) is_upstream: bool,
    toxicity: f32,
    /// In the order of the kind's names.
    attributes: Vec<i64>,
}

impl Spec {
    /// A new toxic.
    pub(super) fn of(fields: &Fields) -> Result<Self, Complaint> {
        let stream = fields.text("stream")?.unwrap_or_else(|| "downstream".to_owned());
        let kind = fields.text("type")?.unwrap_or_default();
        let name = fields.text("name")?.filter(|name| !name.is_empty());
        let toxicity = fields.share("toxicity")?.unwrap_or(1.0);
        let is_upstream = match stream.to_ascii_lowercase().as_str() {
            "upstream" => true,
            "downstream" => false,
            _ => {
                return Err(Complaint::bad("stream was invalid, can be either upstream or downstream"));
            }
        };
        let name = name.unwrap_or_else(|| format!("{kind}_{stream}"));
        let known = TYPES.iter().find(|(known, _)| *known == kind);
        let kind = known.ok_or_else(|| Complaint::bad("invalid toxic type"))?;
        let attributes = fields.attributes(kind, &vec![0; kind.1.len()])?;
        Ok(Self { name, kind, stream, is_upstream, toxicity, attributes })
    }

    /// The same with other attributes or another toxicity.
    pub(super) fn updated(&self, fields: &Fields) -> Result<Self, Complaint> {
        let toxicity = fields.share("toxicity")?.unwrap_or(self.toxicity);
        let attributes = fields.attributes(self.kind, &self.attributes)?;
        Ok(Self { toxicity, attributes, ..self.clone() })
    }

    /// As it is answered and kept.
    pub(super) fn written(&self) -> Value {
        let attributes: Map<_, _> = self
            .kind
            .1
            .iter()
            .zip(&self.attributes)
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        json!({
            "attributes": attributes,
            "name": self.name,
            "type": self.kind.0,
            "stream": self.stream,
            "toxicity": number(self.toxicity),
        })
    }

    /// What the proxy does.
    pub(super) fn toxic(&self) -> Toxic {
        let attribute = |name: &str| {
            let at = self.kind.1.iter().position(|known| *known == name);
            at.map_or(0, |at| u64::try_from(self.attributes[at]).unwrap_or(0))
        };
        let effect = match self.kind.0 {
            "latency" => {
                // There the jitter goes both ways around the latency, here it comes on top.
                let (latency, jitter) = (attribute("latency"), attribute("jitter"));
                let latency_ms = latency.saturating_sub(jitter);
                Effect::Latency { latency_ms, jitter_ms: latency.saturating_add(jitter) - latency_ms }
            }
            "bandwidth" => Effect::Bandwidth { rate_kb_s: attribute("rate") },
            "slow_close" => Effect::SlowClose { delay_ms: attribute("delay") },
            "timeout" => Effect::Timeout { timeout_ms: attribute("timeout") },
            "reset_peer" => Effect::Reset { after_ms: attribute("timeout") },
            "slicer" => Effect::Slicer {
                average_size: attribute("average_size"),
                size_variation: attribute("size_variation"),
                delay_us: attribute("delay"),
            },
            "limit_data" => Effect::LimitData { bytes: attribute("bytes") },
            "loss" => Effect::Loss,
            "shared_bandwidth" => Effect::SharedBandwidth { rate_kb_s: attribute("rate") },
            _ => Effect::Noop,
        };
        let stream = if self.is_upstream { Stream::Upstream } else { Stream::Downstream };
        Toxic { effect, stream, toxicity: Toxicity::of_share(f64::from(self.toxicity)) }
    }
}

/// Written as the reference does: the shortest text of the number, a whole one without a point.
fn number(value: f32) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or(Value::Null)
}

/// The address that a proxy is to listen on. Without a host it is a loopback address.
pub(super) async fn address(listen: &str) -> Result<SocketAddr, Complaint> {
    let listen = match listen {
        "" => "127.0.0.1:0".to_owned(),
        port if port.starts_with(':') => format!("127.0.0.1{port}"),
        other => other.to_owned(),
    };
    let bad = |why: &str| Complaint::bad(format!("listen tcp: address {listen}: {why}"));
    if let Ok(address) = listen.parse() {
        return Ok(address);
    }
    let is_host = |host: &str| {
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
    };
    match listen.rsplit_once(':') {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok() => {}
        _ => return Err(bad("write it like 127.0.0.1:26379")),
    }
    let found = tokio::time::timeout(LOOK_UP_MAX, tokio::net::lookup_host(&listen)).await;
    let Ok(Ok(found)) = found else { return Err(bad("no such host")) };
    let found: Vec<_> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| bad("no such host"))
}
