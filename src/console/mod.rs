//! The other door: pages in the browser and a small HTTP API for the people of drills. It holds no rules: a button is a
//! `Command`, and the drill says yes or no.
//!
//! ```text
//! GET  / · /responder · /instigator · /trainer · /observer      pages; below each: /live · /docs · /signals · /status · /debrief; /trainer/grade · /talk
//! GET  /drills · /library · /library/edit                       pages of those who run drills, of a server alone
//! POST /api/join {token, name} -> session    everything else below /api needs `authorization: Bearer SESSION`, or a page's cookie
//! GET  /api/openapi.json                     every operation
//! ```
//!
//! Open first: `operations`, the one table of the API: paths, who may, shapes, handlers. `guard` is what a request has to
//! pass before; `lobby` is what the drills of one address share, `Console` what the people of one drill share;
//! `sessions` knows invitations and who is who; `office` is what a server adds: the list of drills, the library; `editor` opens, checks and keeps scenarios;
//! `view` makes boards again only when something has happened; `stream` is the live streams; `page` makes what a
//! browser shows; `documents` is the documentation catalogue, to search and to read; `signals` reads the target's own
//! metrics; `metrics` counts what the console itself does; `audit` writes down who came and went.

mod address;
mod api;
mod audit;
mod documents;
mod editor;
mod guard;
mod lobby;
mod metrics;
mod office;
mod operations;
mod own;
mod page;
mod sessions;
mod signals;
mod stream;
mod view;

pub use address::PublicUrl;
pub use editor::{Checked, Draft, Keep, Kept};
pub use lobby::{Entrance, Lobby};
pub use office::{Denied, DrillLine, DrillState, Lesson, Office, Order, Rehearsal, Shelved};
pub use own::{Needed, Own, OwnDrill, TakePart, Withdraw};
pub use sessions::Tokens;
pub use signals::Gauges;

use crate::{
    base::{At, DrillId, Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    drill::{
        command::{Command, Refusal},
        event::{Event, Hat, Recorded},
    },
};
use documents::Documents;
use signals::Signals;
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use view::View;

/// How long requests in progress may take when the console ends.
const DRAIN: Span = Span::from_secs(3);
/// How long pages may be read after the drill.
const READING: Span = Span::from_mins(30);
/// How long somebody may take from one page to the next.
const TURNING: Span = Span::from_mins(2);

/// What a door needs of a running drill.
pub trait Desk: Send + Sync {
    /// Asks the drill; answered after the events are durable.
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>>;
    /// The journal from event number `from` on.
    fn journal(&self, from: u64) -> Vec<Recorded>;
    /// The number of events; it changes after they can be read.
    fn changed(&self) -> watch::Receiver<u64>;
    /// Engages the safety lever: every drill is stopped, and none begins. The error is a sentence.
    fn engage_lever(&self, _by: &Person, _reason: &str) -> Result<(), String> {
        Err("there is no safety lever here: stop the drill instead".to_owned())
    }
}

/// What a drill's people may see of its target.
#[derive(Default, Clone)]
pub struct Target {
    /// The texts of the documentation catalogue by name.
    pub documents: BTreeMap<String, String>,
    /// Its own metrics, if they can be read.
    pub gauges: Option<Arc<dyn Gauges>>,
}

/// What the people of one drill share.
struct Console {
    drill: DrillId,
    desk: Arc<dyn Desk>,
    documents: Documents,
    signals: Signals,
    view: View,
    lobby: Arc<Lobby>,
    /// How many pages are open.
    pages: watch::Sender<usize>,
    /// The drill is over: streams for programs end.
    shutdown: CancellationToken,
    /// Nobody reads any more: everything ends.
    end: CancellationToken,
}

/// Answers for one drill on `listener` until `shutdown`, and on for those who have a page open then: they may read the
/// debrief. Live streams for programs end with `shutdown`; what is in progress at the end has a few seconds.
pub async fn serve(
    desk: Arc<dyn Desk>,
    target: Target,
    listener: TcpListener,
    tokens: Tokens,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let lobby = Lobby::new(Entrance::at(listener.local_addr()?))?;
    let read = lobby.open(desk, target, shutdown)?;
    for drill in lobby.consoles() {
        lobby.admit(&tokens, &drill);
    }
    let end = CancellationToken::new();
    let closing = end.clone();
    tokio::spawn(async move {
        let _ = read.await;
        closing.cancel();
    });
    lobby.serve(listener, end).await
}

impl Console {
    /// Whether somebody with this hat may come in: who plays or watches learns of a surprise when it has started.
    fn is_open_to(&self, hat: Hat) -> bool {
        let seen = self.view.now();
        let is_surprise = seen.plan().is_some_and(|plan| plan.admission.surprise);
        hat.is_staff() || !is_surprise || seen.has(|event| matches!(event, Event::Started))
    }

    /// Reads the target's metrics until the drill is over and its pages have been read; `false` when the process ends
    /// before: then people come back to the next one.
    async fn until_read(&self) -> bool {
        let reading = async {
            self.shutdown.cancelled().await;
            let latest = now() + READING;
            if self.lobby.office().is_some() {
                // The process lives on anyway: people may come back to the debrief.
                return SystemClock.sleep_until(latest).await;
            }
            tokio::select! {
                () = self.nobody_reads() => {}
                () = SystemClock.sleep_until(latest) => {}
            }
        };
        tokio::select! {
            () = reading => true,
            () = self.end.cancelled() => false,
            () = signals::watch_target(self), if self.signals.can_be_read() => true,
        }
    }

    /// Comes back at once when no page is open, else when none has been for a while: who goes from the board to the
    /// debrief has none for a moment.
    async fn nobody_reads(&self) {
        let mut pages = self.pages.subscribe();
        if *pages.borrow_and_update() == 0 {
            return;
        }
        loop {
            let none = pages.wait_for(|open| *open == 0).await.is_err();
            let until = now() + TURNING;
            tokio::select! {
                _ = pages.wait_for(|open| *open > 0), if !none => {}
                () = SystemClock.sleep_until(until) => return,
            }
        }
    }
}

fn now() -> At {
    SystemClock.now()
}
