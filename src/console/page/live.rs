//! A page's own stream: lines that are new, and parts that have changed. Whoever comes back says the number of the last
//! event that was told, and gets every line since and every part as it is now.

use super::{Look, line, parts, signals, staff};
use crate::{
    clock::{Clock as _, SystemClock},
    console::{Console, sessions::Caller},
    drill::event::{Event, Hat, Recorded},
    report::wording::events,
};
use axum::body::Bytes;
use maud::Markup;
use serde::Serialize;
use std::collections::BTreeMap;

/// What one page has been told.
pub(in crate::console) struct Live {
    caller: Caller,
    /// Whether the page draws the target's own metrics.
    signals: bool,
    /// The parts as they were sent last; empty before the first message.
    told: BTreeMap<&'static str, String>,
}

/// One message.
#[derive(Serialize)]
struct News<'a> {
    /// The engine's time in milliseconds: a page whose own clock is wrong shows the right ages.
    now: i64,
    parts: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    channel: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    timeline: String,
}

/// Every part that a page of this person may hold.
pub(super) fn all_parts(look: &Look<'_>) -> Vec<(&'static str, Markup)> {
    let mut all = parts::all(look);
    if look.staff.is_some() {
        all.extend(staff::parts(look));
    }
    all
}

impl Live {
    pub(in crate::console) fn of(caller: Caller, signals: bool) -> Self {
        Self { caller, signals, told: BTreeMap::new() }
    }

    pub(in crate::console) fn draws_signals(&self) -> bool {
        self.signals
    }

    /// What is new from event number `next` on, as one message; `next` is moved behind it.
    pub(in crate::console) fn news(&mut self, console: &Console, next: &mut u64) -> Option<Bytes> {
        let snapshot = console.view.now();
        let look = Look::of(&self.caller, &snapshot)?;
        let from = usize::try_from(*next).unwrap_or(usize::MAX);
        let fresh = snapshot.events.get(from..).unwrap_or_default();
        let first = self.told.is_empty();
        let signals = self.signals.then(|| ("signals", signals::rows(&console.signals)));
        let drawn = signals.as_ref().is_some_and(|(name, markup)| self.told.get(name) != Some(&markup.0));
        // Nothing that is hidden from somebody makes a message to them, not even an empty one.
        if !first && !drawn && !fresh.iter().any(|one| self.concerns(&look, one)) {
            *next = (*next).max(look.seq() + 1);
            return None;
        }
        let mut channel = String::new();
        let mut timeline = String::new();
        for recorded in fresh {
            channel.push_str(&line::channel(&look, recorded).map_or(String::new(), |line| line.0));
            if look.staff.is_some() {
                timeline.push_str(&line::timeline(&look, recorded).map_or(String::new(), |line| line.0));
            }
        }
        *next = (*next).max(look.seq() + 1);
        let changed: Vec<_> = all_parts(&look)
            .into_iter()
            .chain(signals)
            .filter(|(name, markup)| self.told.get(name) != Some(&markup.0))
            .collect();
        for (name, markup) in &changed {
            self.told.insert(name, markup.0.clone());
        }
        let news = News {
            now: SystemClock.now().millis(),
            parts: changed.iter().map(|(name, markup)| (*name, markup.0.as_str())).collect(),
            channel,
            timeline,
        };
        let data = serde_json::to_string(&news).expect("news are plain data");
        Some(format!("id: {}\nevent: page\ndata: {data}\n\n", next.saturating_sub(1)).into())
    }

    fn concerns(&self, look: &Look<'_>, recorded: &Recorded) -> bool {
        match self.caller.hat {
            Hat::Instigator | Hat::Trainer => true,
            Hat::Responder => events::open_to_responders(&recorded.event),
            Hat::Observer => {
                events::open_to_responders(&recorded.event) || self.is_own(look, &recorded.event)
            }
        }
    }

    /// Whether it is one's own message to the instigators, or what became of it.
    fn is_own(&self, look: &Look<'_>, event: &Event) -> bool {
        let mine =
            |event: &Event| matches!(event, Event::BystanderWrote { by, .. } if *by == self.caller.person);
        match event {
            Event::BystanderSettled { message, .. } => {
                let written = usize::try_from(*message).ok().and_then(|seq| look.snapshot.events.get(seq));
                written.is_some_and(|one| mine(&one.event))
            }
            event => mine(event),
        }
    }
}
