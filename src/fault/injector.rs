//! What a fault injector (a `.rhai` file) says of itself, and what it plans.

use super::{Fault, TimedFault};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The answer of a script's `describe()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// One line for the catalogue of injectors.
    pub summary: String,
    /// The kind of fault that responders would name, from the tree in [`super::kind`].
    pub kind: String,
    /// Its parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    /// Moments of a drill at which its `react(params, seen)` is asked what it wants now; none for most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reacts: Vec<ReactMoment>,
}

/// A moment of a drill at which an injector may plan more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReactMoment {
    /// Users feel the outage.
    Symptom,
    /// Service is measured as restored.
    Restored,
    /// It fails again after that.
    Relapsed,
    /// A responder has acknowledged an alarm.
    Acknowledged,
    /// Another minute since StartEx has passed.
    Minute,
}

/// An injector of a plan that is asked again while the drill is played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reactor {
    /// The injector.
    pub injector: String,
    /// `false`: what it adds is noise.
    pub related: bool,
    /// The script's text.
    pub source: String,
    /// What the script is given, as it was for its plan.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// The moments that it has declared.
    pub reacts: Vec<ReactMoment>,
}

/// One parameter of an injector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// What it takes.
    #[serde(rename = "type")]
    pub takes: ParamType,
    /// One line for people.
    pub about: String,
    /// Used where the scenario gives none; a parameter without a default must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Least value of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Greatest value of an integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// What a parameter takes. Names of the target's parts are checked against its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamType {
    /// A service, or one of its instances.
    Service,
    /// A link.
    Link,
    /// Several links, their names separated by commas; the script receives an array of names.
    Links,
    /// A volume.
    Volume,
    /// A file.
    File,
    /// Another part of the target: a database, a certificate, a fault of its owner.
    Part,
    /// Free text of at most 256 bytes; a number or a truth value is taken as its text.
    Text,
    /// A whole number.
    Integer,
    /// A length of time; the script receives whole milliseconds.
    Duration,
    /// `true` or `false`.
    Boolean,
}

/// A compiled injector as the library holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultInjector {
    /// The file's stem: `config-rollout`.
    pub name: String,
    /// The script's text.
    pub source: String,
    /// What it says of itself.
    pub description: Description,
}

/// The answer of a script's `plan(params)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Planned(pub Vec<TimedFault>);

impl Planned {
    /// The faults alone.
    pub fn faults(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|timed| &timed.fault)
    }
}
