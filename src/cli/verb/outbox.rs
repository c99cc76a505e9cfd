//! What a recorded shell has to tell: commands wait here until the console has them, in order, while the shell goes on.

use super::session::{Heard, Session};
use crate::{
    base::{At, Span, limits},
    clock::{Clock as _, SystemClock},
    scenario::{act::Act, shell::ShellCommand},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Notify, task::JoinHandle};

/// How long after a failure it is tried again, at first and at most.
const PAUSE: Span = Span::from_secs(1);
const PAUSE_MAX: Span = Span::from_secs(15);

/// A command that is to be told. Its age is reckoned when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Untold {
    /// When it began, by this machine's clock.
    pub(super) began: At,
    /// As it was, with no age yet.
    pub(super) command: ShellCommand,
}

impl Untold {
    fn act(&self, now: At) -> Act {
        let mut command = self.command.clone();
        command.ago = now.since(self.began).max(command.took);
        Act::Ran(command)
    }
}

/// What has become of the commands.
#[derive(Debug, Default, Clone)]
pub(super) struct Report {
    /// Acknowledged: they are in the journal.
    pub(super) told: usize,
    /// The drill did not want them, with its last reason.
    pub(super) refused: Option<(usize, String)>,
    /// There was no room for them.
    pub(super) lost: usize,
    /// Not told yet, in order.
    pub(super) left: Vec<Untold>,
    /// Why they are left.
    pub(super) away: Option<String>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Untold>,
    report: Report,
    /// The console knows this session no more: nothing is sent again.
    shut: bool,
    /// Nothing more comes; what is left after the next failure stays.
    closing: bool,
}

impl State {
    /// How the oldest was heard.
    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Taken => {
                self.queue.pop_front();
                self.report.told += 1;
                self.report.away = None;
            }
            Heard::Refused(why) => {
                self.queue.pop_front();
                let before = self.report.refused.take().map_or(0, |(count, _)| count);
                self.report.refused = Some((before + 1, why));
            }
            Heard::Unknown(why) => {
                self.shut = true;
                self.report.away = Some(why);
            }
            Heard::Away(why) => self.report.away = Some(why),
        }
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends commands in the background.
pub(super) struct Outbox {
    shared: Arc<Shared>,
    sender: JoinHandle<()>,
}

impl Outbox {
    /// Sends in the name of this session.
    pub(super) fn of(session: Session) -> Self {
        let shared = Arc::new(Shared::default());
        let sender = tokio::spawn(send(session, Arc::clone(&shared)));
        Self { shared, sender }
    }

    /// Never waits. What finds no room is lost, and counted.
    pub(super) fn put(&self, untold: Untold) {
        let mut state = self.shared.state();
        if state.queue.len() < limits::COMMANDS_WAITING_MAX {
            state.queue.push_back(untold);
        } else {
            state.report.lost += 1;
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Sends what is left, for no longer than `patience`, and tells what has become of everything.
    pub(super) async fn finish(self, patience: Span) -> Report {
        self.shared.state().closing = true;
        self.shared.changed.notify_one();
        let abort = self.sender.abort_handle();
        tokio::select! {
            _ = self.sender => {}
            () = SystemClock.sleep_until(SystemClock.now() + patience) => abort.abort(),
        }
        let mut state = self.shared.state();
        let left: Vec<Untold> = state.queue.drain(..).collect();
        let mut report = std::mem::take(&mut state.report);
        if !left.is_empty() && report.away.is_none() {
            report.away = Some(format!("it does not answer within {patience}"));
        }
        report.left = left;
        report
    }
}

/// The oldest first, each until it is acknowledged or refused.
async fn send(session: Session, shared: Arc<Shared>) {
    let mut pause = PAUSE;
    loop {
        let (next, closing) = {
            let state = shared.state();
            (state.queue.front().filter(|_| !state.shut).cloned(), state.closing)
        };
        let Some(next) = next else {
            if closing {
                return;
            }
            shared.changed.notified().await;
            continue;
        };
        let heard = session.tell(&next.act(SystemClock.now())).await;
        let is_away = matches!(heard, Heard::Away(_));
        shared.state().take(heard);
        if !is_away {
            pause = PAUSE;
            continue;
        }
        // Only at the end is it enough to have tried.
        if closing {
            return;
        }
        wait(&shared, SystemClock.now() + pause).await;
        pause = (pause + pause).min(PAUSE_MAX);
    }
}

/// Waits until then, or until nothing more comes.
async fn wait(shared: &Shared, until: At) {
    let closing = async {
        while !shared.state().closing {
            shared.changed.notified().await;
        }
    };
    tokio::select! {
        () = closing => {}
        () = SystemClock.sleep_until(until) => {}
    }
}
