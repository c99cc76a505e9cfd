//! Alarms in the words of Alertmanager, whose clients read them from us, and to which they are pushed.

use super::{MARK, marked};
use crate::scenario::AlarmSeverity;
use std::collections::BTreeMap;

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

/// The name that Alertmanager gives to these labels: FNV-1a over names and values, each behind a byte that no text has.
pub fn fingerprint(labels: &LabelSet) -> String {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    const BETWEEN: u8 = 0xff;
    let texts = labels.iter().flat_map(|(name, value)| [name, value]);
    let bytes = texts.flat_map(|text| text.bytes().chain([BETWEEN]));
    let hash = bytes.fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}
