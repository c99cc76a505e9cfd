//! The supervisor's socket under the target's root: what an operations tool may ask of it.

use super::supervisor::Supervisor;
use crate::base::supervise::{Answer, LINE_BYTES_MAX, Request, SOCKET, Signal};
use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
};

/// How long a caller may take with its request.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens the socket, in the place of one that a dead agent has left.
pub(super) fn open(root: &Path) -> io::Result<UnixListener> {
    let path = root.join(SOCKET);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match fs::remove_file(&path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers callers for ever.
pub(super) async fn serve(listener: UnixListener, supervisor: Supervisor) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let supervisor = supervisor.clone();
                tokio::spawn(async move {
                    if let Err(err) = answer(stream, &supervisor).await {
                        tracing::debug!("a caller of the supervisor went away: {err}");
                    }
                });
            }
            Err(err) => {
                tracing::warn!("could not accept on the supervisor's socket: {err}");
                super::boot::pause(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, supervisor: &Supervisor) -> io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut limited = BufReader::new(read.take(LINE_BYTES_MAX as u64));
    let answer = match tokio::time::timeout(PATIENCE, limited.read_line(&mut line)).await {
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        Ok(Err(err)) => return Err(err),
        Ok(Ok(_)) => match serde_json::from_str(&line) {
            Ok(request) => {
                // A caller that goes away must not leave an instance half restarted.
                let supervisor = supervisor.clone();
                tokio::spawn(async move { carry_out(request, &supervisor).await })
                    .await
                    .unwrap_or_else(|_| Answer::refused("the supervisor failed"))
            }
            Err(err) => Answer::refused(format!("could not understand the request: {err}")),
        },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

async fn carry_out(request: Request, supervisor: &Supervisor) -> Answer {
    let done = match request {
        Request::List => return Answer::list(supervisor.list()),
        Request::Restart { service } => supervisor.restart(&service).await,
        Request::Signal { service, signal } => supervisor.signal(
            &service,
            match signal {
                Signal::Hup => nix::sys::signal::Signal::SIGHUP,
            },
        ),
    };
    done.map_or_else(|err| Answer::refused(err.to_string()), |()| Answer::done())
}
