//! registry: who runs, and where. Instances register, renew once a second and look each other up.
//!
//! Entries are kept in a file, so that a restart forgets nobody. An entry that is no longer renewed is marked late and
//! stays: a registry that takes away what it does not hear of turns its own trouble into everybody's.

use super::{
    config::{self, Live, LogSettings, Settings, current_file},
    directory::{Entry, Listing},
    error::DepotError,
    host::{Failure, Service, Site},
    telemetry::{Page, Stopwatch},
};
use crate::{base::names::is_name, clock::BoxFuture};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The file of the entries in the data folder: a list of them in JSON.
pub(super) const ENTRIES: &str = "entries.json";

pub(super) struct Registry {
    config_file: PathBuf,
    config: Live<config::Registry>,
    path: PathBuf,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    revision: u64,
    entries: BTreeMap<String, (Entry, Stopwatch)>,
}

impl Book {
    fn read(path: &Path, revision: u64) -> Result<Self, DepotError> {
        if !path.exists() {
            return Ok(Self { revision, entries: BTreeMap::new() });
        }
        let text = std::fs::read_to_string(path).map_err(DepotError::file("read", path))?;
        let list: Vec<Entry> = serde_json::from_str(&text)
            .map_err(|err| DepotError::Config { path: path.to_owned(), problem: err.to_string() })?;
        let entries =
            list.into_iter().map(|entry| (entry.instance.clone(), (entry, Stopwatch::start()))).collect();
        Ok(Self { revision, entries })
    }

    fn list(&self) -> Vec<Entry> {
        self.entries.values().map(|(entry, _)| entry.clone()).collect()
    }
}

impl Registry {
    pub(super) fn open(site: &Site) -> Result<Self, DepotError> {
        let config_file = current_file(&site.root, "registry");
        let config = Live::new(config::Registry::read(&config_file)?);
        let folder = site.data()?;
        std::fs::create_dir_all(&folder).map_err(DepotError::file("make", &folder))?;
        let path = folder.join(ENTRIES);
        // Whoever kept a list of an earlier life must not take a new one for the same.
        let revision = site.machine.now().millis().unsigned_abs();
        let book = Mutex::new(Book::read(&path, revision)?);
        Ok(Self { config_file, config, path, book })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the revision up and writes the entries to their file.
    fn changed(&self, book: &mut Book) -> Result<(), Failure> {
        book.revision += 1;
        let text = serde_json::to_string_pretty(&book.list()).map_err(|err| Failure::internal(&err))?;
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, text + "\n").map_err(|err| Failure::internal(&err))?;
        std::fs::rename(&fresh, &self.path).map_err(|err| Failure::internal(&err))
    }

    fn is_late(&self, renewed: Stopwatch) -> bool {
        renewed.elapsed() >= Duration::from_millis(self.config.get().entries.late_ms)
    }
}

async fn list(State(registry): State<Arc<Registry>>) -> Response {
    let book = registry.book();
    let late: Vec<_> = book
        .entries
        .values()
        .filter(|(_, renewed)| registry.is_late(*renewed))
        .map(|(entry, _)| entry.instance.clone())
        .collect();
    let listing = Listing { revision: book.revision, entries: book.list() };
    Json(json!({ "revision": listing.revision, "entries": listing.entries, "late": late })).into_response()
}

async fn register(
    State(registry): State<Arc<Registry>>,
    UrlPath(instance): UrlPath<String>,
    Json(entry): Json<Entry>,
) -> Result<Response, Failure> {
    if entry.instance != instance || !is_name(&instance) {
        return Err(Failure::bad_request("the entry's instance must be the one in the path"));
    }
    let mut book = registry.book();
    let most = registry.config.get().entries.max;
    if !book.entries.contains_key(&instance) && book.entries.len() as u64 >= most {
        let detail = format!("the registry holds its {most} entries");
        return Err(Failure::new(StatusCode::INSUFFICIENT_STORAGE, "registry_full", detail));
    }
    let before = book.entries.insert(instance, (entry.clone(), Stopwatch::start()));
    if before.is_none_or(|(before, _)| before != entry) {
        registry.changed(&mut book)?;
    }
    Ok((StatusCode::CREATED, Json(json!({ "revision": book.revision }))).into_response())
}

async fn renew(
    State(registry): State<Arc<Registry>>,
    UrlPath(instance): UrlPath<String>,
) -> Result<Response, Failure> {
    let mut book = registry.book();
    let revision = book.revision;
    match book.entries.get_mut(&instance) {
        Some((_, renewed)) => {
            *renewed = Stopwatch::start();
            Ok(Json(json!({ "revision": revision })).into_response())
        }
        // Who is not listed still wants to know whether the list has changed.
        None => Ok((StatusCode::NOT_FOUND, Json(json!({ "error": "not_found", "revision": revision })))
            .into_response()),
    }
}

async fn remove(
    State(registry): State<Arc<Registry>>,
    UrlPath(instance): UrlPath<String>,
) -> Result<Response, Failure> {
    let mut book = registry.book();
    if book.entries.remove(&instance).is_none() {
        return Err(Failure::not_found(format!("there is no entry `{instance}`")));
    }
    registry.changed(&mut book)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

impl Service for Registry {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/entries", get(list))
            .route("/entries/{instance}", put(register).delete(remove))
            .route("/entries/{instance}/renew", post(renew))
            .with_state(self)
    }

    /// Also reads the entries' file again.
    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Registry::read(&self.config_file)?;
        self.config.set(config);
        let mut book = self.book();
        let revision = book.revision + 1;
        *book = Book::read(&self.path, revision)?;
        Ok(config.log())
    }

    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let book = self.book();
            page.single("registry_entries", "gauge", "Entries.", book.entries.len() as f64);
            page.family("registry_entry_late", "gauge", "1 while an entry is not renewed.");
            for (entry, renewed) in book.entries.values() {
                let labels = format!("instance=\"{}\"", entry.instance);
                page.sample("registry_entry_late", &labels, f64::from(u8::from(self.is_late(*renewed))));
            }
        })
    }
}
