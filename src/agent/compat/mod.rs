//! The fault proxy by itself, with the HTTP API of the field's best-known one, so that its clients work unchanged.
//!
//! There is no engine, no lease and no token here: a toxic stays until somebody removes it. Only loopback is listened
//! on for control, and a browser page is turned away.
//!
//! Open first: `api` for the paths, then `proxies` (what there is), then `wire` (how it is written).

mod api;
mod proxies;
mod wire;

use super::serve::{AgentError, end_on_signal};
use crate::seed::Seed;
use proxies::Proxies;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{net::TcpListener, sync::Mutex};
use tokio_util::sync::CancellationToken;

/// How the proxy by itself is to work.
#[derive(Debug, Clone)]
pub struct CompatOptions {
    /// Where its API listens; a loopback address. Port 0: any.
    pub api: SocketAddr,
    /// Where proxies and toxics are kept over a restart; without it they are forgotten.
    pub folder: Option<PathBuf>,
    /// Feeds every draw.
    pub seed: Seed,
}

/// Answers until SIGTERM or SIGINT; `ready` hears where. At its end every connection is closed.
pub async fn serve(options: CompatOptions, ready: impl FnOnce(SocketAddr)) -> Result<(), AgentError> {
    let CompatOptions { api, folder, seed } = options;
    if !api.ip().is_loopback() {
        return Err(AgentError::NotLoopback(api));
    }
    let proxies = match folder {
        None => Proxies::new(seed),
        Some(folder) => {
            std::fs::create_dir_all(&folder).map_err(AgentError::io("make", &folder))?;
            let file = folder.join("proxies.json");
            Proxies::kept_in(&file, seed).await.map_err(AgentError::io("read", &file))?
        }
    };
    let place = PathBuf::from(api.to_string());
    let listener = TcpListener::bind(api).await.map_err(AgentError::io("listen on", &place))?;
    let address = listener.local_addr().map_err(AgentError::io("listen on", &place))?;
    let end = CancellationToken::new();
    let signals = tokio::spawn(end_on_signal(end.clone())?);
    let proxies = Arc::new(Mutex::new(proxies));
    ready(address);
    let server = axum::serve(listener, api::router(Arc::clone(&proxies)));
    tokio::select! {
        () = end.cancelled() => {}
        done = server => done.map_err(AgentError::io("answer on", Path::new("the API")))?,
    }
    signals.abort();
    proxies.lock().await.close().await;
    Ok(())
}

#[cfg(test)]
mod tests;
