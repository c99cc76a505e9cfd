//! One direction of a connection: reads, asks the [`Flow`], writes what is due.
//!
//! Everything is a poll that keeps its state in [`Pump`], so that it can be left at any point and taken up again under
//! other rules. Nothing in here waits for a peer.

use super::{
    Shared,
    decide::{Flow, Way},
    http::{Exchange, Part},
    pipe::Pipe,
    queue::{self, BUFFER, Look, Queue},
};
use std::{
    io::{self, IoSlice},
    net::Shutdown,
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};

/// Reads between two looks at everything else that the connection waits for.
const ROUNDS_MAX: usize = 4;
/// A splice that moves less than this was not worth its pipe.
const BULK_MIN: usize = 32 * 1024;
/// What all flows of a link may hold together beyond [`super::decide::WINDOW_MIN`] each, in bytes.
const HELD_MAX: usize = 256 * 1024 * 1024;

/// One direction.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one thing has happened to this direction"
)]
pub(super) struct Pump {
    pub(super) way: Way,
    pub(super) flow: Flow,
    /// Bytes that were read. Those in `pipe` come before them.
    queue: Queue,
    pipe: Option<Pipe>,
    /// The source sends more than a buffer at a time: worth a pipe.
    bulk: bool,
    /// The end of the source's stream: it arrived, and is due.
    end: Option<SourceEnd>,
    /// The source refused to be written to: its end is a reset, whatever reading from it says.
    source_cut: bool,
    done: bool,
    /// A rule of HTTP resets the connection.
    aborted: bool,
    /// What of `queue.held()` has been told to the link.
    told: usize,
}

#[derive(Debug, Clone, Copy)]
struct SourceEnd {
    arrived: Duration,
    due: Duration,
    how: How,
}

/// How a source's stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It closed its side.
    Closed,
    /// It is gone.
    Reset,
    /// The rules let nothing more pass.
    Cut,
}

/// How far a pump came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It waits for its sockets, and for this moment if there is one.
    Wait(Option<Duration>),
    /// The stream has ended and the end was passed on.
    Done,
    /// The destination takes nothing any more.
    Broken,
    /// A reset is due at the destination.
    Reset,
    /// The stream has ended, and the connection with it.
    Over,
}

/// What a pump needs from its connection while it is polled.
pub(super) struct Around<'a, 'cx> {
    /// The task.
    pub(super) cx: &'a mut Context<'cx>,
    /// The link.
    pub(super) shared: &'a Shared,
    /// Where the connection's time begins.
    pub(super) accepted: Instant,
    /// The connection's time.
    pub(super) now: Duration,
    /// What is said on it, on a link that carries HTTP.
    pub(super) http: Option<&'a mut Exchange>,
}

impl Around<'_, '_> {
    fn look(&self, way: Way) -> Look {
        Look { accepted: self.accepted, now: self.now, way }
    }
}

impl Pump {
    /// A pump that has nothing.
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            flow: Flow::default(),
            queue: Queue::default(),
            pipe: None,
            bulk: false,
            end: None,
            source_cut: false,
            done: false,
            aborted: false,
            told: 0,
        }
    }

    /// The flow has other rules since just now.
    pub(super) fn rules_changed(&mut self, now: Duration) {
        if self.flow.swallows() {
            self.pipe = None;
            self.queue.clear();
            return;
        }
        self.queue.decide_again(&mut self.flow, now);
        if let Some(end) = &mut self.end {
            end.due = end.due.min(self.flow.on_end(end.arrived));
        }
    }

    /// The source's socket failed when it was written to.
    pub(super) fn source_was_cut(&mut self) {
        self.source_cut = true;
    }

    /// Whether the source has ended its stream.
    pub(super) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Moves what can be moved.
    pub(super) fn poll(
        &mut self,
        around: &mut Around<'_, '_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
    ) -> Step {
        let step = self.run(around, from, to);
        self.tell(around.shared);
        step
    }

    fn run(&mut self, around: &mut Around<'_, '_>, from: &mut TcpStream, to: &mut TcpStream) -> Step {
        if self.done {
            return Step::Done;
        }
        for _ in 0..ROUNDS_MAX {
            self.say_ours(around);
            if self.deliver(around, to).is_err() {
                self.finish();
                return Step::Broken;
            }
            if let Some(end) = self.end
                && !self.flow.swallows()
                && end.due <= around.now
                && self.is_empty()
            {
                if end.how == How::Reset {
                    return Step::Reset;
                }
                self.finish();
                // It fails when the destination has gone in the meantime, which the other direction will see.
                let _ = socket2::SockRef::from(&*to).shutdown(Shutdown::Write);
                return if end.how == How::Cut { Step::Over } else { Step::Done };
            }
            if !self.may_read(around.shared) || self.take(around, from, to).is_pending() {
                return if self.aborted { Step::Reset } else { Step::Wait(self.next_due()) };
            }
        }
        around.cx.waker().wake_by_ref();
        Step::Wait(self.next_due())
    }

    fn finish(&mut self) {
        self.done = true;
        self.pipe = None;
        self.queue.clear();
    }

    fn is_empty(&self) -> bool {
        self.pipe.is_none() && self.queue.is_empty()
    }

    fn next_due(&self) -> Option<Duration> {
        if self.flow.swallows() {
            return None;
        }
        // An end waits for the bytes before it, so that it is not looked for while they cannot be written.
        let end = self.end.filter(|_| self.is_empty());
        // While a piece waits for the destination alone, the pieces after it wait for no moment: one in the past would
        // keep the task from everything else.
        let is_stuck = self.flow.chops() && self.queue.has_ready();
        let next = self.queue.next_due().filter(|_| !is_stuck);
        next.or(end.map(|end| end.due))
    }

    fn may_read(&self, shared: &Shared) -> bool {
        if self.end.is_some() {
            return false;
        }
        if self.flow.is_clear() {
            return self.is_empty();
        }
        let held = self.queue.held();
        held < super::decide::WINDOW_MIN
            || (held < self.flow.window() && shared.held.load(Relaxed) < HELD_MAX)
    }

    /// Writes what is due, as far as the destination takes it.
    fn deliver(&mut self, around: &mut Around<'_, '_>, to: &mut TcpStream) -> io::Result<()> {
        let carried = around.shared.carried(self.way);
        // First, so that nothing that waits for the destination alone also waits for a moment in the past.
        self.queue.ripen(around.look(self.way), &self.flow);
        while let Some(pipe) = &mut self.pipe {
            match pipe.poll_drain(around.cx, to)? {
                Poll::Pending => return Ok(()),
                Poll::Ready(n) => carried.sent.fetch_add(n as u64, Relaxed),
            };
            if pipe.len() == 0
                && let Some(pipe) = self.pipe.take()
            {
                pipe.give_back();
            }
        }
        while self.queue.ripen(around.look(self.way), &self.flow) > 0 {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.queue.slices(&mut slices);
            match Pin::new(&mut *to).poll_write_vectored(around.cx, &slices[..filled])? {
                Poll::Pending => return Ok(()),
                Poll::Ready(n) => {
                    carried.sent.fetch_add(n as u64, Relaxed);
                    self.queue.advance(n);
                }
            }
        }
        Ok(())
    }

    /// Reads once. Pending when there is nothing to read.
    fn take(&mut self, around: &mut Around<'_, '_>, from: &mut TcpStream, to: &mut TcpStream) -> Poll<()> {
        if self.bulk
            && self.flow.is_clear()
            && let Some(pipe) = Pipe::lend()
        {
            return self.take_in_pipe(around, pipe, from);
        }
        let mut buffer = queue::buffer();
        let mut read = ReadBuf::new(&mut buffer);
        let result = Pin::new(from).poll_read(around.cx, &mut read);
        let len = read.filled().len();
        if result.is_ready() {
            if !self.flow.is_clear() {
                // Not before the read: bytes that came in since the task was woken would be delivered early.
                around.now = around.accepted.elapsed();
            }
            self.received(around, result_len(&result, len));
        }
        if result.is_pending() || len == 0 || self.flow.swallows() {
            queue::give_back(buffer);
            return result.map(drop);
        }
        let bytes = &buffer[..len];
        if let Some(http) = around.http.as_deref_mut() {
            if self.way == Way::Down {
                let n = http.responses(bytes);
                if n < len {
                    self.take_around_ours(around, bytes, n);
                    queue::give_back(buffer);
                    return Poll::Ready(());
                }
            } else if http.has_rules() {
                let parts = http.requests(bytes);
                queue::give_back(buffer);
                return self.take_parts(around, parts);
            } else {
                http.watch_requests(bytes);
            }
        } else {
            self.bulk = len == BUFFER;
        }
        if !self.flow.is_clear() {
            self.take_in(around, buffer, len);
            return Poll::Ready(());
        }
        // The queue and the pipe are empty here, or nothing would have been read. An error is seen again by the next
        // write of what is left.
        let written = match Pin::new(to).poll_write(around.cx, &buffer[..len]) {
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        around.shared.carried(self.way).sent.fetch_add(written as u64, Relaxed);
        if written < len {
            self.queue.take_ready(&buffer[written..len]);
        }
        queue::give_back(buffer);
        Poll::Ready(())
    }

    /// Takes what a limit of bytes lets through; the stream ends with the last of it.
    fn take_in(&mut self, around: &Around<'_, '_>, buffer: Vec<u8>, len: usize) {
        let len = self.flow.admit(len);
        if len > 0 {
            self.queue.take_in(buffer, len, around.now, &mut self.flow);
        } else {
            queue::give_back(buffer);
        }
        self.end_if_spent(around.now);
    }

    fn take_bytes(&mut self, mut bytes: Vec<u8>, hold: Duration, now: Duration) {
        bytes.truncate(self.flow.admit(bytes.len()));
        if self.flow.is_clear() {
            self.queue.take_ready(&bytes);
        } else if !bytes.is_empty() {
            self.queue.take_held(bytes, hold, now, &mut self.flow);
        }
        self.end_if_spent(now);
    }

    fn end_if_spent(&mut self, now: Duration) {
        if self.flow.is_spent() {
            self.end_with(How::Cut, now);
        }
    }

    fn end_with(&mut self, how: How, now: Duration) {
        self.end = Some(SourceEnd { arrived: now, due: self.flow.on_end(now), how });
    }

    /// Takes what the rules of HTTP leave of a request.
    fn take_parts(&mut self, around: &Around<'_, '_>, parts: Vec<Part>) -> Poll<()> {
        for part in parts {
            match part {
                Part::Pass(bytes, hold) => self.take_bytes(bytes, hold, around.now),
                Part::Abort => {
                    self.aborted = true;
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// Takes the server's bytes with our answers where they have their turn: first after `n` bytes.
    fn take_around_ours(&mut self, around: &mut Around<'_, '_>, bytes: &[u8], n: usize) {
        let (mut rest, mut n) = (bytes, n);
        loop {
            self.take_bytes(rest[..n].to_vec(), Duration::ZERO, around.now);
            rest = &rest[n..];
            self.say_ours(around);
            match around.http.as_deref_mut() {
                Some(http) if !rest.is_empty() && self.end.is_none() => n = http.responses(rest),
                _ => return,
            }
        }
    }

    /// Says what is answered in the server's place, and passes on what was kept for rules that are gone.
    fn say_ours(&mut self, around: &mut Around<'_, '_>) {
        let Some(http) = around.http.as_deref_mut() else { return };
        if self.way == Way::Up {
            if let Some(kept) = http.let_go() {
                self.take_bytes(kept, Duration::ZERO, around.now);
            }
            return;
        }
        while self.end.is_none()
            && let Some(ours) = http.ours()
        {
            self.take_bytes(ours.bytes, Duration::ZERO, around.now);
            if ours.close {
                self.end_with(How::Cut, around.now);
            }
        }
    }

    fn take_in_pipe(&mut self, around: &mut Around<'_, '_>, mut pipe: Pipe, from: &TcpStream) -> Poll<()> {
        let result = pipe.poll_fill(around.cx, from);
        if let Poll::Ready(result) = &result {
            self.received(around, result.as_ref().ok().copied());
        }
        self.bulk = pipe.len() >= BULK_MIN;
        if pipe.len() > 0 {
            self.pipe = Some(pipe);
        } else {
            pipe.give_back();
        }
        result.map(drop)
    }

    /// Notes what a read brought: so many bytes, the end (0), or a failure.
    fn received(&mut self, around: &Around<'_, '_>, len: Option<usize>) {
        match len {
            Some(len) if len > 0 => {
                around.shared.carried(self.way).received.fetch_add(len as u64, Relaxed);
            }
            _ => {
                let gone = len.is_none() || self.source_cut;
                self.end_with(if gone { How::Reset } else { How::Closed }, around.now);
            }
        }
    }

    /// Tells the link how much memory is held here.
    fn tell(&mut self, shared: &Shared) {
        let held = self.queue.held();
        if held != self.told {
            shared.held.fetch_add(held.wrapping_sub(self.told), Relaxed);
            self.told = held;
        }
    }

    /// Gives back everything when the connection ends.
    pub(super) fn close(&mut self, shared: &Shared) {
        self.finish();
        self.tell(shared);
    }
}

fn result_len(result: &Poll<io::Result<()>>, len: usize) -> Option<usize> {
    match result {
        Poll::Ready(Err(_)) => None,
        _ => Some(len),
    }
}
