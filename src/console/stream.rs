//! The live stream: one line an event, as server-sent events. The id of each is its sequence number, so that whoever
//! comes back gets what was missed and nothing twice.

use super::{Console, now};
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
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// How often a silent stream says that it lives.
const ALIVE: Span = Span::from_secs(15);
/// Bytes that are sent at once while somebody catches up.
const PIECE: usize = 16 * 1024;
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;

/// One line of the stream.
#[derive(Serialize)]
struct Line {
    seq: u64,
    at: At,
    text: String,
}

/// The body of the answer; its permit is one of the streams that may be open.
pub(super) struct Stream {
    pieces: mpsc::Receiver<Bytes>,
    _permit: OwnedSemaphorePermit,
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

/// Begins a stream with event number `next`; nothing when too many are open.
pub(super) fn open(console: &Arc<Console>, audience: Audience, next: u64) -> Option<Stream> {
    let permit = Arc::clone(&console.streams).try_acquire_owned().ok()?;
    let (send, pieces) = mpsc::channel(WAITING);
    let console = Arc::clone(console);
    tokio::spawn(async move {
        let shutdown = console.shutdown.clone();
        shutdown.run_until_cancelled(pump(&console, audience, next, send)).await;
    });
    Some(Stream { pieces, _permit: permit })
}

/// Sends what is there and then what comes, until the reader or the drill has gone.
async fn pump(console: &Console, audience: Audience, mut next: u64, send: mpsc::Sender<Bytes>) {
    let mut changed = console.desk.changed();
    let mut said = now();
    loop {
        changed.borrow_and_update();
        for piece in pieces(console, audience, &mut next) {
            said = now();
            if send.send(piece).await.is_err() {
                return;
            }
        }
        tokio::select! {
            more = changed.changed() => if more.is_err() { return },
            () = send.closed() => return,
            () = SystemClock.sleep_until(said + ALIVE) => {
                said = now();
                if send.send(Bytes::from_static(b": alive\n\n")).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The lines from event number `next` on, in pieces; `next` is moved behind them.
fn pieces(console: &Console, audience: Audience, next: &mut u64) -> Vec<Bytes> {
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
        text.push_str("id: ");
        text.push_str(&recorded.seq.to_string());
        text.push_str("\ndata: ");
        text.push_str(&data);
        text.push_str("\n\n");
        if text.len() > PIECE {
            pieces.push(std::mem::take(&mut text).into());
        }
    }
    if !text.is_empty() {
        pieces.push(text.into());
    }
    pieces
}
