//! metadata: the catalogue of objects. Its replica is the same program with another role.
//!
//! The primary takes writes. Every other catalogue asks it for changes and applies them. The role lies in a file, and
//! has a term: of several that call themselves primary, the one of the highest term is meant, and the others step back
//! as soon as they hear of it.

use super::{
    call::{Ask, Peer},
    catalogue::{ApplyError, Catalogue, Change, Commit, Entry, Position, Wanted},
    config::{self, Live, LogSettings, Settings, current_file},
    directory::Role,
    error::DepotError,
    host::{Ctx, Failure, Service, Site},
    telemetry::{Page, Stopwatch},
};
use crate::{
    base::Span,
    clock::{BoxFuture, Clock, SystemClock},
};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, Query, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::sync::Notify;

/// The file of the role in the data folder.
pub(super) const ROLE: &str = "role.json";
/// How long the primary may take to answer a replica, in milliseconds.
const TIMEOUT_MS: u64 = 5000;

/// What an upload gets.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reservation {
    pub(super) version: u64,
}

#[derive(Debug, Deserialize)]
struct Listing {
    #[serde(default)]
    prefix: String,
}

#[derive(Debug, Deserialize)]
struct Location {
    version: u64,
    node: String,
}

/// What a replica asks the primary.
#[derive(Debug, Deserialize)]
struct Asked {
    after: i64,
    #[serde(default)]
    chain: String,
    max: u64,
}

/// What the primary answers.
#[derive(Debug, Serialize, Deserialize)]
struct Shipped {
    changes: Vec<Change>,
    /// How far the primary is.
    position: Position,
}

/// How a catalogue stands, as it says itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) role: Role,
    pub(super) position: Position,
    pub(super) checksum: String,
    pub(super) objects: i64,
    pub(super) behind: u64,
    pub(super) heard_s: Option<f64>,
    pub(super) problem: Option<String>,
}

/// How following the primary goes.
#[derive(Debug, Default)]
struct Following {
    behind: u64,
    heard: Option<Stopwatch>,
    problem: Option<String>,
}

pub(super) struct Metadata {
    file: PathBuf,
    config: Live<config::Metadata>,
    site: Arc<Site>,
    catalogue: Catalogue,
    role_file: PathBuf,
    role: Mutex<Role>,
    following: Mutex<Following>,
    objects: AtomicI64,
    reloaded: Notify,
}

impl Metadata {
    pub(super) async fn open(site: &Arc<Site>) -> Result<Self, DepotError> {
        let file = current_file(&site.root, &site.facts.component);
        let config = config::Metadata::read(&file)?;
        let folder = site.data()?;
        let catalogue = Catalogue::open(&folder, config.database).await?;
        let objects = AtomicI64::new(catalogue.count().await?);
        let role_file = folder.join(ROLE);
        let role = read_role(&role_file)?;
        site.directory.set_role(role);
        Ok(Self {
            file,
            config: Live::new(config),
            site: Arc::clone(site),
            catalogue,
            role_file,
            role: Mutex::new(role),
            following: Mutex::default(),
            objects,
            reloaded: Notify::new(),
        })
    }

    fn role(&self) -> Role {
        *self.role.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn following(&self) -> MutexGuard<'_, Following> {
        self.following.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The term under which writes are taken here.
    fn term(&self) -> Result<u64, Failure> {
        match self.role() {
            Role { primary: true, term } => Ok(term),
            _ => Err(Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "not_primary",
                "this catalogue is a replica and takes no writes",
            )),
        }
    }

    async fn take_role(&self, role: Role) -> Result<(), Failure> {
        if role.primary && !self.role().primary {
            self.catalogue.skip_versions().await?;
        }
        let text = serde_json::to_string(&role).map_err(|err| Failure::internal(&err))?;
        std::fs::write(&self.role_file, text + "\n").map_err(|err| Failure::internal(&err))?;
        *self.role.lock().unwrap_or_else(PoisonError::into_inner) = role;
        *self.following() = Following::default();
        self.site.directory.set_role(role);
        self.site.log.info("role changed", json!({ "primary": role.primary, "term": role.term }));
        Ok(())
    }

    /// Whether the catalogue has room for `key`.
    async fn has_room(&self, key: &str, max: u64) -> Result<bool, sqlx::Error> {
        if self.objects.load(Ordering::Relaxed).unsigned_abs() < max {
            return Ok(true);
        }
        self.catalogue.has(key).await
    }

    async fn within_quota(&self, wanted: &Wanted) -> Result<(), Failure> {
        let quota_mib = self.config.get().quota.user_mib;
        let used = self.catalogue.used_by(&wanted.owner, &wanted.key).await?;
        if used + wanted.size <= quota_mib * 1024 * 1024 {
            return Ok(());
        }
        let detail = format!("{} stores {used} bytes and may store {quota_mib} MiB", wanted.owner);
        Err(Failure::new(StatusCode::CONFLICT, "quota_exceeded", detail))
    }

    async fn count_again(&self) -> Result<(), sqlx::Error> {
        self.objects.store(self.catalogue.count().await?, Ordering::Relaxed);
        Ok(())
    }

    async fn standing(&self) -> Result<Standing, sqlx::Error> {
        let (position, checksum) = (self.catalogue.position().await?, self.catalogue.checksum().await?);
        let objects = self.catalogue.count().await?;
        let following = self.following();
        Ok(Standing {
            role: self.role(),
            position,
            checksum,
            objects,
            behind: following.behind,
            heard_s: following.heard.map(|at| at.elapsed().as_secs_f64()),
            problem: following.problem.clone(),
        })
    }

    /// One round: steps back if somebody newer is primary, and asks the primary for changes.
    async fn follow(&self) -> Result<(), String> {
        let Some((entry, term)) = self.site.directory.primary_entry() else { return Ok(()) };
        let role = self.role();
        if entry.instance == self.site.facts.name || (role.primary && term <= role.term) {
            return Ok(());
        }
        if role.primary || role.term < term {
            let follower = Role { primary: false, term };
            self.take_role(follower).await.map_err(|_| "could not write down the new role".to_owned())?;
        }
        let primary = self.site.directory.primary().map_err(|_| "there is no primary".to_owned())?;
        let own = self.catalogue.position().await.map_err(|err| err.to_string())?;
        let settings = self.config.get().replication;
        let path = format!("/changes?after={}&chain={}&max={}", own.seq, own.chain, settings.batch_max);
        let reply = ask(&primary, Method::GET, &path).await?;
        let shipped: Shipped = serde_json::from_slice(&reply).map_err(|err| err.to_string())?;
        match self.catalogue.apply(&shipped.changes, settings.keep).await {
            Ok(()) => {}
            Err(err @ ApplyError::Diverged(_)) => return Err(format!("diverged: {err}")),
            Err(ApplyError::Database(err)) => return Err(err.to_string()),
        }
        let at = shipped.changes.last().map_or(own.seq, |change| change.seq);
        let behind = shipped.position.seq.saturating_sub(at).unsigned_abs();
        if !shipped.changes.is_empty() {
            self.count_again().await.map_err(|err| err.to_string())?;
        }
        *self.following() = Following { behind, heard: Some(Stopwatch::start()), problem: None };
        Ok(())
    }

    /// Forgets what is here and takes over all that the primary holds.
    async fn resync(&self) -> Result<Position, Failure> {
        if self.role().primary {
            let detail = "this catalogue is the primary: there is nobody to copy from";
            return Err(Failure::new(StatusCode::CONFLICT, "is_primary", detail));
        }
        let primary = self.site.directory.primary()?;
        let unavailable = |why| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "upstream_error", why);
        let reply = ask(&primary, Method::GET, "/snapshot").await.map_err(unavailable)?;
        let snapshot = serde_json::from_slice(&reply).map_err(|err| Failure::internal(&err))?;
        self.catalogue.restore(&snapshot, self.role().term).await?;
        self.count_again().await?;
        *self.following() = Following { behind: 0, heard: Some(Stopwatch::start()), problem: None };
        self.site.log.info("copied the primary", json!({ "objects": snapshot.objects.len() }));
        Ok(snapshot.position)
    }
}

/// The body of a good answer of the primary; the error is a sentence.
async fn ask(primary: &Peer, method: Method, path: &str) -> Result<axum::body::Bytes, String> {
    let reply = primary.ask(&Ctx::own("replication"), Ask::new(method, path, TIMEOUT_MS)).await;
    let reply = reply.map_err(|err| format!("{} gave no answer: {err:?}", primary.name()))?;
    if reply.status.is_success() {
        return Ok(reply.body);
    }
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let (code, detail) =
        (body["error"].as_str().unwrap_or("error"), body["detail"].as_str().unwrap_or_default());
    Err(format!("{code}: {detail}"))
}

fn read_role(path: &Path) -> Result<Role, DepotError> {
    let text = std::fs::read_to_string(path).map_err(DepotError::file("read", path))?;
    serde_json::from_str(&text)
        .map_err(|err| DepotError::Config { path: path.to_owned(), problem: err.to_string() })
}

impl From<sqlx::Error> for Failure {
    fn from(err: sqlx::Error) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database", err.to_string())
    }
}

async fn reserve(
    State(metadata): State<Arc<Metadata>>,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Failure> {
    metadata.term()?;
    let max = metadata.config.get().objects.max;
    if !metadata.has_room(&wanted.key, max).await? {
        let detail = format!("the catalogue holds its {max} objects; overwrite one of them");
        return Err(Failure::new(StatusCode::CONFLICT, "catalogue_full", detail));
    }
    metadata.within_quota(&wanted).await?;
    let version = metadata.catalogue.reserve(&wanted).await?;
    Ok((StatusCode::CREATED, Json(Reservation { version })).into_response())
}

async fn commit(
    State(metadata): State<Arc<Metadata>>,
    UrlPath(version): UrlPath<u64>,
    Json(commit): Json<Commit>,
) -> Result<Response, Failure> {
    let (term, keep) = (metadata.term()?, metadata.config.get().replication.keep);
    if metadata.catalogue.commit(version, &commit, term, keep).await? {
        metadata.count_again().await?;
        Ok(Json(json!({ "version": version })).into_response())
    } else {
        Err(Failure::new(StatusCode::CONFLICT, "not_reserved", "the reservation is unknown or too old"))
    }
}

async fn find(
    State(metadata): State<Arc<Metadata>>,
    UrlPath(key): UrlPath<String>,
) -> Result<Json<Entry>, Failure> {
    let found = metadata.catalogue.find(&key).await?;
    found.map(Json).ok_or_else(|| Failure::not_found(format!("there is no object `{key}`")))
}

async fn list(
    State(metadata): State<Arc<Metadata>>,
    Query(listing): Query<Listing>,
) -> Result<Response, Failure> {
    let max = metadata.config.get().list.max;
    let objects = metadata.catalogue.list(&listing.prefix, max).await?;
    Ok(Json(json!({ "objects": objects })).into_response())
}

async fn add_location(
    State(metadata): State<Arc<Metadata>>,
    UrlPath(key): UrlPath<String>,
    Json(location): Json<Location>,
) -> Result<Response, Failure> {
    let (term, keep) = (metadata.term()?, metadata.config.get().replication.keep);
    let Location { version, node } = location;
    let added = metadata.catalogue.add_location(&key, version, &node, term, keep).await?;
    Ok(Json(json!({ "added": added })).into_response())
}

async fn owners(State(metadata): State<Arc<Metadata>>) -> Result<Response, Failure> {
    let quota_mib = metadata.config.get().quota.user_mib;
    let usage = metadata.catalogue.usage().await?;
    Ok(Json(json!({ "quota_mib": quota_mib, "owners": usage })).into_response())
}

async fn purge(
    State(metadata): State<Arc<Metadata>>,
    UrlPath(owner): UrlPath<String>,
) -> Result<Response, Failure> {
    let (term, keep) = (metadata.term()?, metadata.config.get().replication.keep);
    let keys = metadata.catalogue.purge(&owner, term, keep).await?;
    metadata.count_again().await?;
    metadata.site.log.info("objects purged", json!({ "owner": owner, "count": keys.len() }));
    Ok(Json(json!({ "keys": keys })).into_response())
}

async fn standing(State(metadata): State<Arc<Metadata>>) -> Result<Json<Standing>, Failure> {
    Ok(Json(metadata.standing().await?))
}

async fn changes(
    State(metadata): State<Arc<Metadata>>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let position = metadata.catalogue.position().await?;
    let conflict = |code, detail: String| Failure::new(StatusCode::CONFLICT, code, detail);
    match metadata.catalogue.chain_at(asked.after).await? {
        Some(chain) if chain == asked.chain => {}
        Some(_) => {
            return Err(conflict("diverged", format!("change {} was another one here", asked.after)));
        }
        None if asked.after > position.seq => {
            let detail = format!("change {} never came to pass here", asked.after);
            return Err(conflict("diverged", detail));
        }
        None => return Err(conflict("too_far_behind", "the changes after it are no longer kept".to_owned())),
    }
    let changes = metadata.catalogue.changes(asked.after, asked.max.min(10_000)).await?;
    Ok(Json(Shipped { changes, position }).into_response())
}

/// Applies what an operator brings from a catalogue that was the primary.
async fn bring_changes(
    State(metadata): State<Arc<Metadata>>,
    Json(changes): Json<Vec<Change>>,
) -> Result<Response, Failure> {
    let keep = metadata.config.get().replication.keep;
    match metadata.catalogue.apply(&changes, keep).await {
        Ok(()) => {}
        Err(err @ ApplyError::Diverged(_)) => {
            return Err(Failure::new(StatusCode::CONFLICT, "diverged", err.to_string()));
        }
        Err(ApplyError::Database(err)) => return Err(err.into()),
    }
    metadata.count_again().await?;
    Ok(Json(metadata.catalogue.position().await?).into_response())
}

async fn snapshot(State(metadata): State<Arc<Metadata>>) -> Result<Response, Failure> {
    metadata.term()?;
    Ok(Json(metadata.catalogue.snapshot().await?).into_response())
}

async fn take_role(
    State(metadata): State<Arc<Metadata>>,
    Json(role): Json<Role>,
) -> Result<Response, Failure> {
    if role.term < metadata.role().term {
        let detail = format!("term {} is over: this is term {}", role.term, metadata.role().term);
        return Err(Failure::new(StatusCode::CONFLICT, "old_term", detail));
    }
    metadata.take_role(role).await?;
    Ok(Json(role).into_response())
}

async fn resync(State(metadata): State<Arc<Metadata>>) -> Result<Response, Failure> {
    Ok(Json(metadata.resync().await?).into_response())
}

async fn vacuum(State(metadata): State<Arc<Metadata>>) -> Result<Response, Failure> {
    let (before, _) = metadata.catalogue.sizes().await?;
    metadata.catalogue.vacuum(metadata.config.get().replication.keep).await?;
    let (after, _) = metadata.catalogue.sizes().await?;
    Ok(Json(json!({ "bytes_before": before, "bytes": after })).into_response())
}

async fn indexes(State(metadata): State<Arc<Metadata>>) -> Result<Response, Failure> {
    let there = metadata.catalogue.indexes().await?;
    let list: Vec<_> = there.iter().map(|(name, is)| json!({ "name": name, "present": is })).collect();
    Ok(Json(json!({ "indexes": list })).into_response())
}

async fn create_index(
    State(metadata): State<Arc<Metadata>>,
    UrlPath(name): UrlPath<String>,
) -> Result<Response, Failure> {
    if metadata.catalogue.create_index(&name).await? {
        Ok((StatusCode::CREATED, Json(json!({ "name": name }))).into_response())
    } else {
        Err(Failure::not_found(format!("no query counts on an index `{name}`")))
    }
}

impl Service for Metadata {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/reservations", post(reserve))
            .route("/reservations/{version}/commit", post(commit))
            .route("/objects", get(list))
            .route("/objects/{key}", get(find))
            .route("/objects/{key}/locations", post(add_location))
            .route("/owners", get(owners))
            .route("/owners/{owner}/purge", post(purge))
            .route("/replication", get(standing))
            .route("/changes", get(changes).post(bring_changes))
            .route("/snapshot", get(snapshot))
            .route("/role", post(take_role))
            .route("/resync", post(resync))
            .route("/vacuum", post(vacuum))
            .route("/indexes", get(indexes))
            .route("/indexes/{name}", post(create_index))
            .with_state(self)
    }

    /// What concerns the database's lock and size is taken at the start only.
    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Metadata::read(&self.file)?;
        self.config.set(config);
        // A long pause must not outlive the setting that asked for it.
        self.reloaded.notify_waiters();
        Ok(config.log())
    }

    /// Well while the database answers.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { self.catalogue.answers().await.map_err(|err| err.to_string()) })
    }

    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            loop {
                let pause = Span::from_millis(self.config.get().replication.poll_ms);
                tokio::select! {
                    () = SystemClock.sleep_until(SystemClock.now() + pause) => {}
                    () = self.reloaded.notified() => {}
                }
                if let Err(problem) = self.follow().await {
                    let mut following = self.following();
                    if following.problem.as_ref() != Some(&problem) {
                        self.site.log.error("could not follow the primary", json!({ "detail": problem }));
                    }
                    following.problem = Some(problem);
                }
            }
        })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let objects = self.objects.load(Ordering::Relaxed) as f64;
            page.single("catalogue_objects", "gauge", "Objects in the catalogue.", objects);
            if let Ok((bytes, free)) = self.catalogue.sizes().await {
                page.single("database_bytes", "gauge", "Size of the database.", bytes as f64);
                page.single("database_free_bytes", "gauge", "Of it, what holds nothing.", free as f64);
            }
            let limit = (self.config.get().database.max_mib * 1024 * 1024) as f64;
            page.single("database_limit_bytes", "gauge", "Largest size of the database.", limit);
            let role = self.role();
            let primary = f64::from(u8::from(role.primary));
            page.single("catalogue_primary", "gauge", "1 while this catalogue takes writes.", primary);
            page.single("catalogue_term", "gauge", "The term of its role.", role.term as f64);
            if let Ok(position) = self.catalogue.position().await {
                let help = "Number of the last change.";
                page.single("replication_position", "gauge", help, position.seq as f64);
            }
            let following = self.following();
            let behind = following.behind as f64;
            page.single(
                "replication_behind",
                "gauge",
                "Changes that the primary has and this one not.",
                behind,
            );
            let age = following.heard.map_or(0.0, |at| at.elapsed().as_secs_f64());
            page.single("replication_age_seconds", "gauge", "Since the primary last answered.", age);
            let broken = f64::from(u8::from(following.problem.is_some()));
            page.single("replication_broken", "gauge", "1 while the primary cannot be followed.", broken);
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.catalogue.close())
    }
}
