//! The live streams, as server-sent events. The id of each is the sequence number of the last event that it tells of, so
//! that whoever comes back gets what was missed and nothing twice.
//!
//! Two streams: `/api/events` tells one line an event, for programs; a page's own stream tells the lines and the parts of
//! the page that have changed.

use super::{Console, lobby::OpenStream, metrics::Counts, now, page::live::Live, sessions::Caller};
use crate::{
    base::{At, Span},
    clock::{Clock as _, SystemClock},
    report::board::{Audience, replay_line},
};
use axum::body::{Bytes, HttpBody};
use hyper::body::Frame;
use serde::Serialize;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::mpsc;

/// How often a silent stream says that it lives.
const ALIVE: Span = Span::from_secs(15);
/// Bytes that are sent at once while somebody catches up.
const PIECE: usize = 16 * 1024;
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;
/// Nobody reads a stream that takes nothing for so long; who comes back begins behind the last event that arrived.
const STALLED: Span = Span::from_secs(60);
/// A page is told at most so often: what happens together comes together.
const GATHER: Span = Span::from_millis(200);

/// One line of the stream.
#[derive(Serialize)]
struct Line {
    seq: u64,
    at: At,
    text: String,
}

/// What a stream tells.
pub(super) enum Telling {
    /// One line an event, as one audience may hear it.
    Lines(Audience),
    /// The changed parts of somebody's page.
    Page(Box<Live>),
}

/// The body of the answer; it is one of the streams that may be open.
pub(super) struct Stream {
    pieces: mpsc::Receiver<Bytes>,
    _open: OpenStream,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A page is open as long as this lives.
struct OpenPage(Arc<Console>);

impl OpenPage {
    fn new(console: &Arc<Console>) -> Self {
        console.pages.send_modify(|open| *open += 1);
        Self(Arc::clone(console))
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.0.pages.send_modify(|open| *open -= 1);
    }
}

/// Begins a stream with event number `next`; nothing when too many are open. It ends with the session.
pub(super) fn open(console: &Arc<Console>, caller: &Caller, telling: Telling, next: u64) -> Option<Stream> {
    let counts = &console.lobby.counts;
    let Some(open) = console.lobby.streams.take(caller.budget()) else {
        Counts::add(&counts.streams_refused);
        return None;
    };
    Counts::add(&counts.streams_opened);
    let (send, pieces) = mpsc::channel(WAITING);
    let (console, caller) = (Arc::clone(console), caller.clone());
    tokio::spawn(async move {
        let (end, _page) = match telling {
            Telling::Lines(_) => (console.shutdown.clone(), None),
            Telling::Page(_) => (console.end.clone(), Some(OpenPage::new(&console))),
        };
        let told = async {
            tokio::select! {
                () = pump(&console, telling, next, send) => {}
                () = console.lobby.sessions.until_closed(&caller) => {}
            }
        };
        end.run_until_cancelled(told).await;
    });
    Some(Stream { pieces, _open: open })
}

/// Sends what is there and then what comes, until the reader or the drill has gone.
async fn pump(console: &Console, mut telling: Telling, mut next: u64, send: mpsc::Sender<Bytes>) {
    let mut changed = console.desk.changed();
    let mut sampled = console.signals.count.subscribe();
    let mut said = now();
    let mut over = false;
    loop {
        changed.borrow_and_update();
        let pieces = match &mut telling {
            Telling::Lines(audience) => lines(console, *audience, &mut next),
            Telling::Page(live) => live.news(console, &mut next).into_iter().collect(),
        };
        for piece in pieces {
            said = now();
            if !put(console, &send, piece).await {
                return;
            }
        }
        if matches!(telling, Telling::Page(_)) {
            SystemClock.sleep_until(now() + GATHER).await;
        }
        tokio::select! {
            // Nothing follows once the drill is over; a page stays live while it is read.
            more = changed.changed(), if !over => match telling {
                Telling::Lines(_) if more.is_err() => return,
                _ => over = more.is_err(),
            },
            Ok(()) = sampled.changed(), if matches!(&telling, Telling::Page(live) if live.draws_signals()) => {}
            () = send.closed() => return,
            () = SystemClock.sleep_until(said + ALIVE) => {
                said = now();
                let alive = match telling {
                    Telling::Lines(_) => Bytes::from_static(b": alive\n\n"),
                    Telling::Page(_) => format!("event: alive\ndata: {}\n\n", said.millis()).into(),
                };
                if !put(console, &send, alive).await {
                    return;
                }
            }
        }
    }
}

/// Hands a piece over to a reader, who may be slow, but not for ever; `false` when nobody reads any more.
async fn put(console: &Console, send: &mpsc::Sender<Bytes>, piece: Bytes) -> bool {
    tokio::select! {
        taken = send.send(piece) => taken.is_ok(),
        () = SystemClock.sleep_until(now() + STALLED) => {
            Counts::add(&console.lobby.counts.streams_stalled);
            false
        }
    }
}

/// The lines from event number `next` on, in pieces; `next` is moved behind them.
fn lines(console: &Console, audience: Audience, next: &mut u64) -> Vec<Bytes> {
    let snapshot = console.view.now();
    let (Some(plan), Some(start)) = (snapshot.plan(), snapshot.start()) else {
        return Vec::new();
    };
    let from = usize::try_from(*next).unwrap_or(usize::MAX);
    let mut pieces = Vec::new();
    let mut text = String::new();
    for recorded in snapshot.events.get(from..).unwrap_or_default() {
        *next = recorded.seq + 1;
        let Some(words) = replay_line(plan, start, recorded, audience) else {
            continue;
        };
        let line = Line { seq: recorded.seq, at: recorded.at, text: words };
        let data = serde_json::to_string(&line).expect("a line is plain data");
        text.push_str(&format!("id: {}\ndata: {data}\n\n", recorded.seq));
        if text.len() > PIECE {
            pieces.push(std::mem::take(&mut text).into());
        }
    }
    if !text.is_empty() {
        pieces.push(text.into());
    }
    pieces
}
