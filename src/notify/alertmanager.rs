//! Alarms in the words of Alertmanager, whose clients read them from us, and to which they are pushed.
//!
//! An alert that nobody sends again ends by itself: each is said to end in a few minutes, and is sent again before. So an
//! engine that dies leaves no alarm of an exercise firing for ever. Open first: [`Alertmanager`].

use super::{
    MARK, Notifier,
    http::{BadDestination, Pass, Receiver},
    marked,
};
use crate::{
    base::{AlarmName, At, DrillId, Span},
    clock::{BoxFuture, Clock as _, SystemClock},
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
    scenario::AlarmSeverity,
};
use reqwest::RequestBuilder;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::task::JoinHandle;

/// How often an alert that fires is sent again.
const AGAIN: Span = Span::from_mins(1);
/// How far ahead its end is said to be: several times that, so that one lost try ends nothing.
const LASTS: Span = Span::from_mins(5);

/// Names and values. They are in order, as Alertmanager counts them for a fingerprint.
pub type LabelSet = BTreeMap<String, String>;

/// What an alarm is told apart by. It says nothing that may change while the alarm is active, so that an alarm that is sent
/// again is the same one.
pub fn labels(drill: &str, alarm: &str, severity: Option<AlarmSeverity>) -> LabelSet {
    let severity = severity.map_or("none", AlarmSeverity::as_str);
    [("alertname", alarm), ("drill", drill), ("exercise", "true"), ("severity", severity)]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What people read of an alarm.
pub fn annotations(drill: &str, summary: &str, runbook_url: Option<String>) -> LabelSet {
    let description =
        format!("{MARK}: an alarm of the drill {drill}. It was caused on purpose, on a staging target.");
    let told = [("description", description), ("summary", marked(summary))];
    let runbook = runbook_url.map(|url| ("runbook_url", url));
    told.into_iter().chain(runbook).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The name that Alertmanager gives to these labels: FNV-1a over names and values, each before a byte that no text has.
pub fn fingerprint(labels: &LabelSet) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    const BETWEEN: u8 = 0xff;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = texts.flat_map(|text| text.bytes().chain([BETWEEN]));
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

/// Pushes the alarms of one drill to one Alertmanager. Announcements, messages and pages are no alarms: it has no words for
/// them.
pub struct Alertmanager {
    shared: Arc<Shared>,
    /// Sends again what fires, from the first alarm on.
    again: OnceLock<Ending>,
    /// How often, and how far ahead ends are said to be.
    rhythm: (Span, Span),
}

struct Shared {
    drill: DrillId,
    alerts: Receiver,
    status: Receiver,
    pass: Option<Pass>,
    /// What the name of a runbook is put behind.
    runbooks: Option<String>,
    known: Mutex<Known>,
    /// One at a time: what was sent last is what holds.
    turn: tokio::sync::Mutex<()>,
}

/// What was told so far.
#[derive(Default)]
struct Known {
    alarms: BTreeMap<AlarmName, Told>,
    /// The exercise is over, since then.
    over: Option<At>,
}

/// An alarm that was told.
#[derive(Clone)]
struct Told {
    labels: LabelSet,
    annotations: LabelSet,
    since: At,
    /// When it was good again.
    until: Option<At>,
}

/// The body holds a list of these.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostableAlert<'a> {
    labels: &'a LabelSet,
    annotations: &'a LabelSet,
    starts_at: At,
    ends_at: At,
}

/// Ends its task when it is dropped.
struct Ending(JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Alertmanager {
    /// Pushes to the Alertmanager whose own page is at `address`.
    pub fn new(address: &str, drill: &DrillId) -> Result<Self, BadDestination> {
        let below =
            |path: &str| Receiver::new(&format!("{}/api/v2/{path}", address.trim().trim_end_matches('/')));
        let shared = Shared {
            drill: drill.clone(),
            alerts: below("alerts")?,
            status: below("status")?,
            pass: None,
            runbooks: None,
            known: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared), again: OnceLock::new(), rhythm: (AGAIN, LASTS) })
    }

    /// Says who we are.
    pub fn with_pass(self, pass: Option<Pass>) -> Self {
        self.with(|shared| shared.pass = pass)
    }

    /// Runbooks are found where their names stand behind `address`.
    pub fn with_runbooks(self, address: Option<String>) -> Self {
        self.with(|shared| shared.runbooks = address)
    }

    /// Sends what fires again so often, and says that it ends so far ahead.
    pub fn with_rhythm(self, again: Span, lasts: Span) -> Self {
        Self { rhythm: (again, lasts), ..self }
    }

    /// Before it is used nobody else has it.
    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }

    async fn send(&self, notice: &Notice) -> Result<(), DeliveryError> {
        let shared = &self.shared;
        let _turn = shared.turn.lock().await;
        match &notice.about {
            NoticeKind::ComCheck => shared.check().await,
            NoticeKind::StartEx | NoticeKind::Inject | NoticeKind::Shift | NoticeKind::Page(_) => Ok(()),
            NoticeKind::AlarmRaised(alarm) => {
                if shared.known().is_past(alarm, notice.at) {
                    return Ok(());
                }
                let told = shared.told(alarm, notice);
                shared.post([&told], self.rhythm.1).await?;
                shared.known().alarms.insert(alarm.clone(), told);
                self.keep_sending();
                Ok(())
            }
            NoticeKind::AlarmResolved(alarm) => {
                let told = {
                    let mut known = shared.known();
                    let new = || shared.told(alarm, notice);
                    let told = known.alarms.entry(alarm.clone()).or_insert_with(new);
                    told.until = Some(notice.at);
                    told.clone()
                };
                shared.post([&told], self.rhythm.1).await
            }
            NoticeKind::EndEx => {
                let told: Vec<Told> = {
                    let mut known = shared.known();
                    known.over = Some(notice.at);
                    for told in known.alarms.values_mut() {
                        told.until.get_or_insert(notice.at);
                    }
                    known.alarms.values().cloned().collect()
                };
                shared.post(&told, self.rhythm.1).await
            }
        }
    }

    /// Sends again what fires, until this is dropped.
    fn keep_sending(&self) {
        let (again, lasts) = self.rhythm;
        self.again.get_or_init(|| {
            let shared = Arc::clone(&self.shared);
            Ending(tokio::spawn(async move {
                loop {
                    SystemClock.sleep_until(SystemClock.now() + again).await;
                    let _turn = shared.turn.lock().await;
                    let fires: Vec<Told> =
                        shared.known().alarms.values().filter(|told| told.until.is_none()).cloned().collect();
                    if let Err(failed) = shared.post(&fires, lasts).await {
                        tracing::warn!(error = failed.error, "alerts could not be sent again");
                    }
                }
            }))
        });
    }
}

impl Known {
    /// Whether an alarm of this moment is over already: a late try of its first notice says nothing any more.
    fn is_past(&self, alarm: &AlarmName, at: At) -> bool {
        let good_again = self.alarms.get(alarm).and_then(|told| told.until);
        [good_again, self.over].into_iter().flatten().any(|until| at <= until)
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self, alarm: &AlarmName, notice: &Notice) -> Told {
        let drill = self.drill.as_str();
        let runbook_url = notice.runbook.as_ref().and_then(|name| {
            let is_address = name.starts_with("https://") || name.starts_with("http://");
            if is_address { Some(name.clone()) } else { Some(format!("{}{name}", self.runbooks.as_ref()?)) }
        });
        Told {
            labels: labels(drill, alarm.as_str(), notice.severity),
            annotations: annotations(drill, &notice.subject, runbook_url),
            since: notice.at,
            until: None,
        }
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        Pass::on(self.pass.as_ref(), request.header("X-Gameday", MARK))
    }

    /// Proves the way without an alarm: what answers is an Alertmanager, and it takes an empty list from us.
    async fn check(&self) -> Result<(), DeliveryError> {
        let answer = self.status.get(|request| self.signed(request)).await?;
        let status: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        if !status["versionInfo"]["version"].is_string() {
            let error = "what answers there is no Alertmanager".to_owned();
            return Err(DeliveryError { error, retry: false, wait: Span::ZERO });
        }
        self.alerts.post(|request| self.signed(request).json(&[(); 0])).await
    }

    async fn post(&self, told: impl IntoIterator<Item = &Told>, lasts: Span) -> Result<(), DeliveryError> {
        let ahead = SystemClock.now() + lasts;
        let alerts: Vec<_> = told
            .into_iter()
            .map(|told| PostableAlert {
                labels: &told.labels,
                annotations: &told.annotations,
                starts_at: told.since,
                ends_at: told.until.unwrap_or(ahead),
            })
            .collect();
        if alerts.is_empty() {
            return Ok(());
        }
        self.alerts.post(|request| self.signed(request).json(&alerts)).await
    }
}

impl fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alertmanager").field("alerts", &self.shared.alerts).finish_non_exhaustive()
    }
}

impl Notifier for Alertmanager {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.send(notice))
    }

    fn goes_on(&self, told: &[Notice]) {
        for notice in told {
            if let NoticeKind::AlarmRaised(alarm) = &notice.about {
                let told = self.shared.told(alarm, notice);
                self.shared.known().alarms.insert(alarm.clone(), told);
                self.keep_sending();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_one_of_alertmanager() {
        // What an Alertmanager 0.25 says of these labels.
        let only_a_name = [("alertname".to_owned(), "X".to_owned())].into_iter().collect();
        assert_eq!(fingerprint(&only_a_name), "d2aeefc389ca7746");
        let ours = labels("d-one", "UploadErrorsHigh", Some(AlarmSeverity::Page));
        assert_eq!(ours["exercise"], "true");
        assert_ne!(
            fingerprint(&ours),
            fingerprint(&labels("d-two", "UploadErrorsHigh", Some(AlarmSeverity::Page)))
        );
    }
}
