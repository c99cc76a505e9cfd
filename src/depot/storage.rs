//! storage: one node, one volume.

use super::{
    call::VERSION,
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Failure, Service, Site},
    preview,
    telemetry::Page,
    volume::{Volume, VolumeError, WriteLimits, Written},
};
use crate::{base::names::is_name, clock::BoxFuture};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as UrlPath, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use serde_json::json;
use std::{path::PathBuf, sync::Arc, time::Duration};

pub(super) struct Storage {
    file: PathBuf,
    config: Live<config::Storage>,
    volume: Arc<Volume>,
}

impl Storage {
    pub(super) fn open(site: &Site) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "storage");
        let config = Live::new(config::Storage::read(&file)?);
        let missing = || site.facts.missing(&site.root, "volume");
        let place = site.facts.volume.as_ref().ok_or_else(missing)?;
        let volume = Volume::open(&place.path, place.size_mib * 1024 * 1024)
            .map_err(|err| DepotError::Config { path: place.path.clone(), problem: err.to_string() })?;
        Ok(Self { file, config, volume: Arc::new(volume) })
    }
}

impl From<VolumeError> for Failure {
    fn from(err: VolumeError) -> Self {
        match err {
            VolumeError::Full { .. } => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", err.to_string())
            }
            VolumeError::File(_) => Self::internal(&err),
        }
    }
}

/// Runs what blocks on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VolumeError> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|err| Failure::internal(&err))?;
    Ok(done?)
}

fn checked(key: &str) -> Result<(), Failure> {
    if is_name(key) { Ok(()) } else { Err(Failure::bad_request("that is not a key")) }
}

impl Storage {
    /// Puts `content` into the file `name` of the volume, as the version that the headers say.
    async fn write(&self, name: String, headers: &HeaderMap, content: Bytes) -> Result<Response, Failure> {
        let version = headers
            .get(VERSION)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| Failure::bad_request("the header `x-object-version` must hold a number"))?;
        let config = self.config.get();
        let limits = WriteLimits {
            use_percent: config.volume.use_percent,
            count_age: Duration::from_millis(config.volume.count_ms),
        };
        let volume = Arc::clone(&self.volume);
        let written = blocking(move || volume.write(&name, version, &content, limits)).await?;
        let stored = written == Written::Stored;
        Ok((StatusCode::CREATED, Json(json!({ "stored": stored }))).into_response())
    }

    /// What the file `name` of the volume holds.
    async fn read(&self, name: String, kind: &'static str) -> Result<Response, Failure> {
        let volume = Arc::clone(&self.volume);
        let found = blocking(move || volume.read(&name)).await?;
        let (version, content) =
            found.ok_or_else(|| Failure::not_found("this node does not hold the object"))?;
        let mut response = ([(header::CONTENT_TYPE, kind)], content).into_response();
        response.headers_mut().insert(VERSION, version.into());
        Ok(response)
    }
}

async fn write(
    State(storage): State<Arc<Storage>>,
    UrlPath(key): UrlPath<String>,
    headers: HeaderMap,
    content: Bytes,
) -> Result<Response, Failure> {
    checked(&key)?;
    storage.write(key, &headers, content).await
}

async fn write_preview(
    State(storage): State<Arc<Storage>>,
    UrlPath(key): UrlPath<String>,
    headers: HeaderMap,
    picture: Bytes,
) -> Result<Response, Failure> {
    checked(&key)?;
    storage.write(preview::file(&key), &headers, picture).await
}

async fn read(
    State(storage): State<Arc<Storage>>,
    UrlPath(key): UrlPath<String>,
) -> Result<Response, Failure> {
    checked(&key)?;
    storage.read(key, "application/octet-stream").await
}

async fn read_preview(
    State(storage): State<Arc<Storage>>,
    UrlPath(key): UrlPath<String>,
) -> Result<Response, Failure> {
    checked(&key)?;
    storage.read(preview::file(&key), preview::KIND).await
}

async fn list(State(storage): State<Arc<Storage>>) -> Result<Response, Failure> {
    let volume = Arc::clone(&storage.volume);
    let keys = blocking(move || volume.keys()).await?;
    Ok(Json(json!({ "keys": keys })).into_response())
}

async fn remove(
    State(storage): State<Arc<Storage>>,
    UrlPath(key): UrlPath<String>,
) -> Result<Response, Failure> {
    checked(&key)?;
    let volume = Arc::clone(&storage.volume);
    let removed = blocking(move || {
        volume.remove(&preview::file(&key))?;
        volume.remove(&key)
    });
    let removed = removed.await?;
    Ok(Json(json!({ "removed": removed })).into_response())
}

impl Service for Storage {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/blobs", get(list))
            .route("/blobs/{key}", put(write).get(read).delete(remove))
            .route("/previews/{key}", put(write_preview).get(read_preview))
            .with_state(self)
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Storage::read(&self.file)?;
        self.config.set(config);
        Ok(config.log())
    }

    /// Well while the volume can be looked at; a full volume still serves downloads.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { self.volume.used_bytes().map(drop).map_err(|err| err.to_string()) })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Ok(used_bytes) = self.volume.used_bytes() {
                page.single("volume_used_bytes", "gauge", "Bytes in use.", used_bytes as f64);
            }
            let size_bytes = self.volume.size_bytes() as f64;
            page.single("volume_size_bytes", "gauge", "The volume's size.", size_bytes);
        })
    }
}
