//! How the operations tool speaks to whoever supervises the processes.

use crate::base::supervise::{Answer, LINE_BYTES_MAX, Process, Request, SOCKET};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

/// How long an answer may take. Starting a process again includes waiting for the old one to end.
const ANSWER: Duration = Duration::from_secs(20);

/// Why the supervisor did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum SupervisorError {
    /// Nobody answers.
    #[error("could not reach the supervisor at {}: {source} (is the depot running?)", socket.display())]
    Unreachable { socket: PathBuf, source: io::Error },
    /// It answered no.
    #[error("the supervisor refused: {0}")]
    Refused(String),
    /// It answered nonsense.
    #[error("could not understand the supervisor: {0}")]
    Nonsense(String),
}

/// Has `request` done by the supervisor of the Depot in `root`.
pub(super) async fn request(root: &Path, request: &Request) -> Result<Answer, SupervisorError> {
    let socket = root.join(SOCKET);
    let exchange = tokio::time::timeout(ANSWER, exchange(&socket, request)).await;
    let line = match exchange {
        Ok(Ok(line)) => line,
        Ok(Err(source)) => return Err(SupervisorError::Unreachable { socket, source }),
        Err(_) => {
            let source = io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time");
            return Err(SupervisorError::Unreachable { socket, source });
        }
    };
    let answer: Answer =
        serde_json::from_str(&line).map_err(|err| SupervisorError::Nonsense(err.to_string()))?;
    if answer.ok {
        Ok(answer)
    } else {
        Err(SupervisorError::Refused(answer.error.unwrap_or_else(|| "no reason was given".to_owned())))
    }
}

/// The processes that run.
pub(super) async fn list(root: &Path) -> Result<Vec<Process>, SupervisorError> {
    let answer = request(root, &Request::List).await?;
    answer.processes.ok_or_else(|| SupervisorError::Nonsense("the list is missing".to_owned()))
}

async fn exchange(socket: &Path, request: &Request) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX as u64)).read_line(&mut answer).await?;
    Ok(answer)
}
