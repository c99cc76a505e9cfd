//! Moving bytes from socket to socket inside the kernel.
//!
//! A pipe is lent from a small pool of the thread for as long as bytes lie in it, so that an idle connection owns none.

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice},
    unistd,
};
use std::{
    cell::RefCell,
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
};
use tokio::{io::Interest, net::TcpStream};

/// What is asked for: the most that a user without privileges gets by default.
const SIZE: i32 = 1024 * 1024;
/// What one splice may move, in bytes.
const MOVE_MAX: usize = 512 * 1024;
/// Empty pipes that a thread keeps.
const SPARE_MAX: usize = 4;

thread_local! {
    static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe and how many bytes lie in it.
#[derive(Debug)]
pub(super) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
    len: usize,
}

impl Pipe {
    /// An empty pipe; none when the process has no descriptors left.
    pub(super) fn lend() -> Option<Self> {
        SPARE.with_borrow_mut(Vec::pop).or_else(|| Self::new().ok())
    }

    fn new() -> Result<Self, Errno> {
        let (out, into) = unistd::pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
        // A user over the pipe quota keeps the default size: slower, not wrong.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(SIZE));
        Ok(Self { out, into, len: 0 })
    }

    /// Gives an empty pipe back; one with bytes in it is closed.
    pub(super) fn give_back(self) {
        SPARE.with_borrow_mut(|spare| {
            if self.len == 0 && spare.len() < SPARE_MAX {
                spare.push(self);
            }
        });
    }

    /// Bytes that lie in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Moves what has arrived at `from` into the pipe, which must be empty. 0 is the end of the stream.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(from.poll_read_ready(cx))?;
            match from.try_io(Interest::READABLE, || shift(from, &self.into, MOVE_MAX)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(n) => {
                    self.len += n;
                    return Poll::Ready(Ok(n));
                }
            }
        }
    }

    /// Moves bytes out of the pipe to `to`; says how many.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(to.poll_write_ready(cx))?;
            match to.try_io(Interest::WRITABLE, || shift(&self.out, to, self.len)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(n) => {
                    self.len -= n;
                    return Poll::Ready(Ok(n));
                }
            }
        }
    }
}

fn shift(from: impl std::os::fd::AsFd, to: impl std::os::fd::AsFd, len: usize) -> io::Result<usize> {
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
    loop {
        match splice(&from, None, &to, None, len, flags) {
            Err(Errno::EINTR) => {}
            result => return Ok(result?),
        }
    }
}
