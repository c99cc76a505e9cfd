//! HTTP/1.1 connections to one front door, kept alive between requests.
//!
//! A request's own task drives its connection, so an answer wakes one task and not two, and a request that is given
//! up takes its connection with it.

use super::door::{Opener, Stream};
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, Connection, SendRequest},
};
use hyper_util::rt::TokioIo;
use nix::errno::Errno;
use std::{
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// Most bytes of a response that are read.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes that one connection buffers.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// How long a connection may lie unused.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    /// This machine could not even try: it has no descriptor, port or memory left.
    #[error("could not open a connection, this machine is at its limit: {0}")]
    Ours(io::Error),
    /// The front door did not accept.
    #[error("could not connect: {0}")]
    Connect(io::Error),
    /// The connection broke, or what came over it was not HTTP.
    #[error("could not read an answer: {0}")]
    Broken(hyper::Error),
    /// The answer is larger than what is read.
    #[error("could not read the whole answer, it is longer than {RESPONSE_BYTES_MAX} bytes")]
    TooLong,
}

/// What is sent.
type Body = Full<Bytes>;
/// Does the reading and writing of one connection.
type Driver = Pin<Box<Connection<TokioIo<Stream>, Body>>>;

/// Connections to one door. The one that was used last is used next, so that spare ones grow old and are closed.
#[derive(Debug)]
pub(super) struct Lines {
    opener: Opener,
    /// Sorted by the time of the last use.
    idle: Mutex<Vec<(Instant, Line)>>,
}

impl Lines {
    pub(super) fn through(opener: Opener) -> Self {
        Self { opener, idle: Mutex::default() }
    }

    /// Sends one request and reads its answer to the end. A kept connection that turns out to be closed before the
    /// request went out is replaced; a request that went out is never repeated. The request is boxed because it is large
    /// and moves through many futures.
    pub(super) async fn ask(&self, mut request: Box<Request<Body>>) -> Result<StatusCode, NoAnswer> {
        while let Some(mut line) = self.take_idle() {
            if !line.is_usable().await {
                continue;
            }
            match line.exchange(request).await {
                Exchange::Done(answer) => return self.give_back(line, answer),
                Exchange::NotSent(same) => request = same,
            }
        }
        let mut line = Line::open(&self.opener).await?;
        match line.exchange(request).await {
            Exchange::Done(answer) => self.give_back(line, answer),
            Exchange::NotSent(_) => Err(NoAnswer::Connect(io::ErrorKind::ConnectionReset.into())),
        }
    }

    /// Closes connections that nobody has used for a while.
    pub(super) fn close_old(&self, now: Instant) {
        let mut idle = self.idle();
        let old = idle.partition_point(|(used, _)| now.duration_since(*used) > IDLE_MAX);
        idle.drain(..old);
    }

    fn give_back(&self, line: Line, answer: Result<StatusCode, NoAnswer>) -> Result<StatusCode, NoAnswer> {
        let now = Instant::now();
        let stays = self.opener.visit().is_none_or(|visit| now.duration_since(line.opened) < visit);
        if answer.is_ok() && line.driver.is_some() && stays {
            self.idle().push((now, line));
        }
        answer
    }

    fn take_idle(&self) -> Option<Line> {
        self.idle().pop().map(|(_, line)| line)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, Line)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection.
#[derive(Debug)]
struct Line {
    opened: Instant,
    sender: SendRequest<Body>,
    /// None once the connection is closed.
    driver: Option<Driver>,
}

enum Exchange {
    Done(Result<StatusCode, NoAnswer>),
    /// The connection was closed before anything was written.
    NotSent(Box<Request<Body>>),
}

impl Line {
    async fn open(opener: &Opener) -> Result<Self, NoAnswer> {
        let stream = opener.open().await.map_err(|error| {
            if is_ours(&error) { NoAnswer::Ours(error) } else { NoAnswer::Connect(error) }
        })?;
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(NoAnswer::Broken)?;
        Ok(Self { opened: Instant::now(), sender, driver: Some(Box::pin(driver)) })
    }

    /// Whether the connection is still open and has nothing left over from its last answer.
    async fn is_usable(&mut self) -> bool {
        poll_fn(|cx| {
            drive(&mut self.driver, cx);
            Poll::Ready(())
        })
        .await;
        self.driver.is_some() && self.sender.is_ready()
    }

    async fn exchange(&mut self, request: Box<Request<Body>>) -> Exchange {
        let Self { sender, driver, .. } = self;
        let mut answer = pin!(async {
            match sender.try_send_request(*request).await {
                Ok(response) => {
                    let status = response.status();
                    Exchange::Done(drain(response.into_body()).await.map(|()| status))
                }
                Err(mut failed) => match failed.take_message() {
                    Some(request) => Exchange::NotSent(Box::new(request)),
                    None => Exchange::Done(Err(NoAnswer::Broken(failed.into_error()))),
                },
            }
        });
        poll_fn(|cx| {
            if let Poll::Ready(done) = answer.as_mut().poll(cx) {
                return Poll::Ready(done);
            }
            drive(driver, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }
}

/// Moves the connection on. A closed one is dropped at once, which ends whatever waits for it.
fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(connection) = driver
        && connection.as_mut().poll(cx).is_ready()
    {
        *driver = None;
    }
}

async fn drain(mut body: Incoming) -> Result<(), NoAnswer> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(NoAnswer::Broken)?;
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > RESPONSE_BYTES_MAX {
            return Err(NoAnswer::TooLong);
        }
    }
    Ok(())
}

/// Whether it was this machine that could not open a connection: that says nothing about the target.
fn is_ours(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(Errno::EMFILE | Errno::ENFILE | Errno::EADDRNOTAVAIL | Errno::ENOBUFS | Errno::ENOMEM)
    )
}
