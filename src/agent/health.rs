//! Whether a process is ready to do its work.

use super::found;
use crate::scenario::pack::{Health, ProcessLayout};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a command may take: it has to be started first.
const PATIENCE_COMMAND: Duration = Duration::from_secs(5);

/// Asks once.
pub(super) async fn is_healthy(process: &ProcessLayout) -> bool {
    match &process.care.health {
        Health::Http(path) => {
            matches!(timeout(PATIENCE, http(&process.address, path)).await, Ok(Ok(true)))
        }
        Health::Tcp => matches!(timeout(PATIENCE, TcpStream::connect(&process.address)).await, Ok(Ok(_))),
        Health::Command(argv) => {
            found::run(argv, PATIENCE_COMMAND).await.is_ok_and(|status| status.success())
        }
        Health::Running => true,
    }
}

/// Whether GET answers with 2xx.
async fn http(address: &str, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.starts_with(b"HTTP/1.") && head[9] == b'2')
}
