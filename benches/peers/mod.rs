//! The peers of both benches of the proxy: blocking threads, so that the figures are the proxy's.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

/// How much a source writes at a time, in bytes.
pub(crate) const BLOCK: usize = 256 * 1024;

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// Serves connections one after the other, each by a thread.
pub(crate) fn serve(with: fn(TcpStream)) -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            thread::spawn(move || with(stream));
        }
    });
    address
}

/// Answers each request, a count of bytes, with so many bytes.
pub(crate) fn source(mut stream: TcpStream) {
    let block = vec![7; BLOCK];
    let mut count = [0; 8];
    while stream.read_exact(&mut count).is_ok() {
        let mut left = usize::try_from(u64::from_le_bytes(count)).expect("64 bits");
        while left > 0 {
            let n = left.min(BLOCK);
            if stream.write_all(&block[..n]).is_err() {
                return;
            }
            left -= n;
        }
    }
}

pub(crate) fn echo(mut stream: TcpStream) {
    let mut block = [0; 64];
    while let Ok(n @ 1..) = stream.read(&mut block) {
        if stream.write_all(&block[..n]).is_err() {
            return;
        }
    }
}
