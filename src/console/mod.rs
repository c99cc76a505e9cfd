//! The other door: pages in the browser and a small HTTP API for the people of a running drill. It holds no rules: a
//! button is a `Command`, and the drill says yes or no.
//!
//! ```text
//! GET  / · /responder · /instigator · /trainer · /observer      pages; below each: /live · /docs · /signals · /status · /debrief
//! POST /api/join {token, name} -> session    everything below needs `authorization: Bearer SESSION`, or a page's cookie
//! GET  /api/board · /api/events?after=SEQ (live stream) · /api/injections
//! POST /api/act · /api/hint · /api/ask · /api/inject · /api/second-act · /api/tell · /api/settle
//! POST /api/observe · /api/stop · /api/lever · /api/leave
//! ```
//!
//! Open first: `api`, every path with its handler. `guard` is what a request has to pass before; `sessions` knows
//! tokens and who is who; `view` makes boards again only when something has happened; `stream` is the live streams;
//! `page` makes what a browser shows; `documents` is the documentation catalogue, to search and to read;
//! `signals` reads the target's own metrics.

mod api;
mod documents;
mod guard;
mod page;
mod sessions;
mod signals;
mod stream;
mod view;

pub use sessions::Tokens;
pub use signals::Gauges;

use crate::{
    base::{At, Person, Span},
    clock::{BoxFuture, Clock, SystemClock},
    drill::{
        command::{Command, Refusal},
        event::Recorded,
    },
};
use documents::Documents;
use sessions::Sessions;
use signals::Signals;
use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use view::View;

/// How long requests in progress may take when the console ends.
const DRAIN: Span = Span::from_secs(3);
/// How long pages may be read after the drill.
const READING: Span = Span::from_mins(30);
/// How long somebody may take from one page to the next.
const TURNING: Span = Span::from_mins(2);
/// Live streams at the same time, of everybody together.
const STREAMS_MAX: usize = 256;

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

/// What every handler shares.
struct Console {
    desk: Arc<dyn Desk>,
    documents: Documents,
    signals: Signals,
    tokens: Tokens,
    sessions: Sessions,
    view: View,
    listen: SocketAddr,
    streams: Arc<Semaphore>,
    /// How many pages are open.
    pages: watch::Sender<usize>,
    /// The drill is over: streams for programs end.
    shutdown: CancellationToken,
    /// Nobody reads any more: everything ends.
    end: CancellationToken,
}

/// Answers on `listener` until `shutdown`, and on for those who have a page open then: they may read the debrief. Live
/// streams for programs end with `shutdown`; what is in progress at the end has a few seconds.
pub async fn serve(
    desk: Arc<dyn Desk>,
    target: Target,
    listener: TcpListener,
    tokens: Tokens,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let console = Arc::new(Console {
        view: View::of(Arc::clone(&desk)),
        desk,
        documents: Documents::new(target.documents),
        signals: Signals::of(target.gauges),
        tokens,
        sessions: Sessions::default(),
        listen: listener.local_addr()?,
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        pages: watch::Sender::default(),
        shutdown,
        end: CancellationToken::new(),
    });
    let ended = console.end.clone().cancelled_owned();
    let server = axum::serve(listener, api::router(Arc::clone(&console))).with_graceful_shutdown(ended);
    let too_long = async {
        console.shutdown.cancelled().await;
        let latest = now() + READING;
        tokio::select! {
            () = nobody_reads(&console) => {}
            () = SystemClock.sleep_until(latest) => {}
        }
        console.end.cancel();
        SystemClock.sleep_until(now() + DRAIN).await;
    };
    tokio::select! {
        done = async { server.await } => done,
        () = signals::watch_target(&console), if console.signals.can_be_read() => Ok(()),
        () = too_long => Ok(()),
    }
}

/// Comes back at once when no page is open, else when none has been for a while: who goes from the board to the debrief
/// has none for a moment.
async fn nobody_reads(console: &Console) {
    let mut pages = console.pages.subscribe();
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

fn now() -> At {
    SystemClock.now()
}
