//! What people see, made again only when something has happened since.

use super::Desk;
use crate::{
    base::At,
    drill::{
        event::{Event, Recorded},
        plan::Plan,
    },
    report::board::{Audience, BoardInjection, InstigatorBoard, ResponderBoard},
};
use axum::body::Bytes;
use serde::Serialize;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::watch;

/// The journal so far, with the boards that somebody has asked for since its last event.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) events: Vec<Recorded>,
    boards: Boards,
}

#[derive(Default)]
struct Boards {
    responder: OnceLock<Option<ResponderBoard>>,
    instigator: OnceLock<Option<InstigatorBoard>>,
}

/// An injection as `/api/injections` and `gameday injections` print it.
#[derive(Serialize)]
struct InjectionLine<'a> {
    id: &'a str,
    fault: &'a str,
    target: &'a str,
    state: &'a str,
}

impl<'a> InjectionLine<'a> {
    fn of(one: &'a BoardInjection) -> Self {
        let BoardInjection { id, fault, target, state, .. } = one;
        Self { id, fault, target, state }
    }
}

impl Snapshot {
    /// The plan; nothing before event 0.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match &self.events.first()?.event {
            Event::Planned(plan) => Some(plan),
            _ => None,
        }
    }

    /// Whether something has happened.
    pub(super) fn has(&self, what: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(|one| what(&one.event))
    }

    /// StartEx as it happened, or as it is planned.
    pub(super) fn start(&self) -> Option<At> {
        let started = self.events.iter().find(|one| matches!(one.event, Event::Started));
        started.map(|one| one.at).or_else(|| Some(self.plan()?.start))
    }

    /// The responders' board.
    pub(super) fn responder(&self) -> Option<&ResponderBoard> {
        self.boards.responder.get_or_init(|| ResponderBoard::of(&self.events)).as_ref()
    }

    /// The instigators' board.
    pub(super) fn instigator(&self) -> Option<&InstigatorBoard> {
        self.boards.instigator.get_or_init(|| InstigatorBoard::of(&self.events)).as_ref()
    }

    /// The board of an audience as JSON.
    pub(super) fn board(&self, audience: Audience) -> Option<Bytes> {
        match audience {
            Audience::Responder => self.responder().map(json),
            Audience::Instigator => self.instigator().map(json),
        }
    }

    /// Every injection as JSON.
    pub(super) fn injections(&self) -> Option<Bytes> {
        let lines: Vec<_> = self.instigator()?.injections.iter().map(InjectionLine::of).collect();
        Some(json(&lines))
    }
}

fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("boards are plain data").into()
}

/// The newest snapshot.
pub(super) struct View {
    changed: watch::Receiver<u64>,
    desk: Arc<dyn Desk>,
    latest: RwLock<Snapshot>,
}

impl View {
    pub(super) fn of(desk: Arc<dyn Desk>) -> Self {
        Self { changed: desk.changed(), desk, latest: RwLock::default() }
    }

    /// The journal as it is now. Only what is new is copied.
    pub(super) fn now(&self) -> RwLockReadGuard<'_, Snapshot> {
        let count = *self.changed.borrow();
        let latest = self.latest.read().unwrap_or_else(PoisonError::into_inner);
        if latest.events.len() as u64 >= count {
            return latest;
        }
        drop(latest);
        {
            let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody else may have been here in between: then there is less that is new, or nothing.
            let news = self.desk.journal(latest.events.len() as u64);
            latest.events.extend(news);
            latest.boards = Boards::default();
        }
        self.latest.read().unwrap_or_else(PoisonError::into_inner)
    }
}
