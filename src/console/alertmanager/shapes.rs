//! Alerts and silences as the published API of Alertmanager writes them.

use super::matcher::MatcherJson;
use crate::{
    base::{At, Person, Span, limits::DRILL_MAX},
    drill::event::Hat,
    notify::alertmanager::{LabelSet, annotations, fingerprint, labels},
    report::board::{BoardAck, BoardAlarm, Phase, ResponderBoard},
    seed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of Alertmanager in whose words this is.
const VERSION: &str = "0.25.0";
/// The one receiver: the people of the drill.
const RECEIVER: &str = "gameday";
/// What clients may read as configuration.
const CONFIG: &str =
    "route:\n  receiver: gameday\n  group_by: ['alertname']\nreceivers:\n  - name: gameday\n";
/// How far ahead an alert that fires is said to end, unless it goes on.
const AHEAD: Span = Span::from_mins(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::console) struct Receiver {
    pub(super) name: &'static str,
}

/// Who is told of anything.
pub(super) fn receivers() -> Vec<Receiver> {
    vec![Receiver { name: RECEIVER }]
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::console) struct Alert {
    pub(super) labels: LabelSet,
    pub(super) annotations: LabelSet,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    #[schemars(with = "String")]
    starts_at: At,
    #[schemars(with = "String")]
    ends_at: At,
    #[schemars(with = "String")]
    updated_at: At,
    fingerprint: String,
    pub(super) receivers: Vec<Receiver>,
    status: AlertStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AlertStatus {
    state: &'static str,
    silenced_by: Vec<String>,
    inhibited_by: Vec<String>,
    muted_by: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::console) struct AlertGroup {
    labels: LabelSet,
    route_labels: LabelSet,
    receiver: Receiver,
    alerts: Vec<Alert>,
}

impl Alert {
    /// The alarm's name.
    pub(super) fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// Whether somebody is on it.
    pub(super) fn is_silenced(&self) -> bool {
        !self.status.silenced_by.is_empty()
    }
}

impl AlertGroup {
    /// One group for each alarm.
    pub(super) fn of(alert: Alert) -> Self {
        let labels = [("alertname".to_owned(), alert.name().to_owned())].into_iter().collect();
        Self {
            labels,
            route_labels: LabelSet::new(),
            receiver: Receiver { name: RECEIVER },
            alerts: vec![alert],
        }
    }
}

/// Somebody is on an alarm.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::console) struct Silence {
    pub(super) id: String,
    pub(super) status: SilenceStatus,
    #[schemars(with = "String")]
    updated_at: At,
    pub(super) matchers: Vec<MatcherJson>,
    #[schemars(with = "String")]
    starts_at: At,
    #[schemars(with = "String")]
    ends_at: At,
    created_by: Person,
    comment: String,
    annotations: LabelSet,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SilenceStatus {
    pub(super) state: &'static str,
}

/// A silence that somebody asks for. Who asks is known by their session, whatever `createdBy` says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::console) struct Postable {
    #[serde(default)]
    pub(super) id: Option<String>,
    pub(super) matchers: Vec<MatcherJson>,
    #[schemars(with = "String")]
    pub(super) starts_at: At,
    #[schemars(with = "String")]
    pub(super) ends_at: At,
    pub(super) comment: String,
}

/// A silence is there.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::console) struct Posted {
    #[serde(rename = "silenceID")]
    pub(super) silence_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::console) struct Status {
    cluster: Cluster,
    version_info: VersionInfo,
    config: Config,
    #[schemars(with = "String")]
    uptime: At,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Cluster {
    status: &'static str,
    peers: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VersionInfo {
    version: &'static str,
    revision: &'static str,
    branch: &'static str,
    build_user: &'static str,
    build_date: &'static str,
    go_version: &'static str,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Config {
    original: &'static str,
}

impl Status {
    /// The drill, since its start.
    pub(super) fn of(board: &ResponderBoard) -> Self {
        let version_info = VersionInfo {
            version: VERSION,
            revision: env!("CARGO_PKG_VERSION"),
            branch: "gameday",
            build_user: "",
            build_date: "",
            go_version: "",
        };
        let cluster = Cluster { status: "disabled", peers: Vec::new() };
        Self { cluster, version_info, config: Config { original: CONFIG }, uptime: board.start }
    }
}

/// The responders' board, told in these words.
pub(super) struct View<'a> {
    pub(super) board: &'a ResponderBoard,
    /// What addresses of this console begin with.
    pub(super) origin: String,
    /// Whose pages they lead to.
    pub(super) hat: Hat,
    pub(super) now: At,
}

impl View<'_> {
    /// Alarms that are active, the oldest first; none outside of the exercise.
    pub(super) fn alerts(&self) -> impl Iterator<Item = Alert> {
        let alarms = self.board.alarms.iter().filter(|_| self.board.phase == Phase::Running);
        alarms.map(|alarm| self.alert(alarm))
    }

    fn alert(&self, alarm: &BoardAlarm) -> Alert {
        let drill = &self.board.drill;
        let labels = labels(drill, &alarm.alarm, alarm.severity);
        let ack = self.open_ack(&alarm.alarm);
        let page = format!("{}/{}", self.origin, self.hat);
        let runbook =
            alarm.runbook.as_ref().map(|name| format!("{page}/docs/read?name={}", super::escaped(name)));
        let silenced_by: Vec<_> = ack.map(|ack| self.id(ack)).into_iter().collect();
        let status = AlertStatus {
            state: if silenced_by.is_empty() { "active" } else { "suppressed" },
            silenced_by,
            inhibited_by: Vec::new(),
            muted_by: Vec::new(),
        };
        Alert {
            fingerprint: fingerprint(&labels),
            labels,
            annotations: annotations(drill, &alarm.summary, runbook),
            generator_url: page,
            starts_at: alarm.raised,
            ends_at: self.now + AHEAD,
            updated_at: ack.map_or(alarm.raised, |ack| ack.at),
            receivers: receivers(),
            status,
        }
    }

    /// Every acknowledgement, the oldest first.
    pub(super) fn silences(&self) -> impl Iterator<Item = Silence> {
        self.board.acks.iter().map(|ack| self.silence(ack))
    }

    pub(super) fn silence(&self, ack: &BoardAck) -> Silence {
        Silence {
            id: self.id(ack),
            status: SilenceStatus { state: if ack.until.is_none() { "active" } else { "expired" } },
            updated_at: ack.until.unwrap_or(ack.at),
            matchers: vec![MatcherJson::is("alertname", &ack.alarm)],
            starts_at: ack.at,
            // It ends with its alarm; no drill is longer than this.
            ends_at: ack.until.unwrap_or(ack.at + DRILL_MAX),
            created_by: ack.by.clone(),
            comment: ack.comment.clone().unwrap_or_else(|| "acknowledged".to_owned()),
            annotations: LabelSet::new(),
        }
    }

    /// The acknowledgement of a silence.
    pub(super) fn ack(&self, id: &str) -> Option<&BoardAck> {
        self.board.acks.iter().find(|ack| self.id(ack) == id)
    }

    fn open_ack(&self, alarm: &str) -> Option<&BoardAck> {
        self.board.acks.iter().find(|ack| ack.alarm == alarm && ack.until.is_none())
    }

    /// The silence of an alarm that somebody is on.
    pub(super) fn id_of(&self, alarm: &str) -> Option<String> {
        self.open_ack(alarm).map(|ack| self.id(ack))
    }

    /// A UUID (version 8) of the drill and the event: the same at every look.
    fn id(&self, ack: &BoardAck) -> String {
        let digest = seed::digest(format!("{}/{}", self.board.drill, ack.seq).as_bytes());
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
        format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }
}
