//! web: the object API.
//!
//! An upload: is the token good (session)? Take a connection from the pool and hold it; reserve the object (metadata);
//! write the content (storage nodes, one after the other); commit (metadata); give the connection back. A download
//! holds its connection in the same way, so that what it reads stays in the catalogue until it was read. Listings are
//! answered by the catalogue alone, over a connection of their own. What can be done later is left to the workers: a
//! preview, a second copy, a check.

use super::{
    aside::{Errands, Flags, Memory, Recorded, Recorder},
    call::{Ask, Peer, Reply, VERSION},
    catalogue::{Commit, Entry, Wanted},
    config::{self, CatalogueRead, Live, LogSettings, ReadOrder, Settings, WritePolicy, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service, Site},
    metadata::Reservation,
    pool::{Connection, Pool},
    preview::{self, Previews},
    session::Grant,
    telemetry::{Page, Stopwatch},
    watched::Watched,
    worker::ObjectJob,
};
use crate::{
    base::{Span, names::is_name},
    clock::BoxFuture,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as UrlPath, RawQuery, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::json;
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Most tokens whose goodness is remembered.
const CACHED_TOKENS_MAX: usize = 10_000;
/// Copies that the policy `both` asks for.
const COPIES: usize = 2;

pub(super) struct Web {
    file: PathBuf,
    config: Live<config::Web>,
    site: Arc<Site>,
    flags: Watched<Flags>,
    pool: Arc<Pool>,
    grants: Mutex<HashMap<String, (Stopwatch, Grant)>>,
    cache_hits: AtomicU64,
    turn: AtomicUsize,
    uploads: AtomicU64,
    errands: Errands,
    previews: Previews,
    recorder: Recorder,
    memory: Memory,
}

impl Web {
    pub(super) fn open(site: &Arc<Site>) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "web");
        let config = config::Web::read(&file)?;
        let missing = || site.facts.missing(&site.root, "flags");
        let flags = site.facts.flags.as_ref().ok_or_else(missing)?;
        Ok(Self {
            file,
            config: Live::new(config),
            site: Arc::clone(site),
            flags: Watched::new(flags, Flags::default(), Flags::parse),
            pool: Pool::new(usize::try_from(config.pool.size).unwrap_or(1)),
            grants: Mutex::default(),
            cache_hits: AtomicU64::new(0),
            turn: AtomicUsize::new(0),
            uploads: AtomicU64::new(0),
            errands: Errands::default(),
            previews: Previews::default(),
            recorder: Recorder::default(),
            memory: Memory::default(),
        })
    }

    /// The settings in use.
    pub(super) fn settings(&self) -> Arc<config::Web> {
        self.config.get()
    }

    pub(super) fn previews(&self) -> &Previews {
        &self.previews
    }

    /// How long ago the object became what it is, by this instance's clock.
    pub(super) fn since(&self, entry: &Entry) -> Span {
        preview::since(entry, self.site.machine.now())
    }

    fn is_near(&self, node: &Peer) -> bool {
        self.site.directory.is_in(node.name(), &self.site.facts.datacenter)
    }

    /// Lets the request in if its token is good, and says whose it is.
    pub(super) async fn admit(&self, ctx: &Ctx, config: &config::Web) -> Result<String, Failure> {
        let refused = || Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "no good token was given");
        let given = ctx.authorization.as_deref().ok_or_else(refused)?;
        let cache = Duration::from_millis(config.session.cache_ms);
        if let Some(user) = self.remembered(given, cache) {
            self.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(user);
        }
        let value = HeaderValue::from_str(given).map_err(|_| refused())?;
        let ask = Ask::new(Method::GET, "/tokens/check", config.session.timeout_ms)
            .header(header::AUTHORIZATION, value);
        let session = self.site.directory.one("session")?;
        let reply = session.ask(ctx, ask).await.map_err(|err| session.failure(&err))?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(refused()),
            _ => return Err(session.unexpected(&reply)),
        }
        let grant: Grant = session.json(&reply)?;
        if !self.is_good(&grant) {
            let detail = "the token has expired by this instance's clock";
            return Err(Failure::new(StatusCode::UNAUTHORIZED, "token_expired", detail));
        }
        let user = grant.user.clone();
        self.remember(given, grant, cache);
        Ok(user)
    }

    fn is_good(&self, grant: &Grant) -> bool {
        grant.until.is_none_or(|until| self.site.machine.now() < until)
    }

    fn grants(&self) -> MutexGuard<'_, HashMap<String, (Stopwatch, Grant)>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, token: &str, cache: Duration) -> Option<String> {
        let grants = self.grants();
        let (since, grant) = grants.get(token)?;
        (since.elapsed() < cache && self.is_good(grant)).then(|| grant.user.clone())
    }

    fn remember(&self, token: &str, grant: Grant, cache: Duration) {
        let mut grants = self.grants();
        if grants.len() >= CACHED_TOKENS_MAX {
            grants.retain(|_, (since, _)| since.elapsed() < cache);
        }
        if grants.len() < CACHED_TOKENS_MAX {
            grants.insert(token.to_owned(), (Stopwatch::start(), grant));
        }
    }

    /// The catalogue that answers downloads and listings.
    fn reading(&self, config: &config::Web) -> Result<Peer, Failure> {
        match config.metadata.read {
            CatalogueRead::Primary => self.site.directory.primary(),
            CatalogueRead::Near => self.site.directory.near_catalogue(&self.site.facts.datacenter),
        }
    }

    /// What the catalogue that answers downloads knows of the object.
    pub(super) async fn look_up(&self, ctx: &Ctx, key: &str, config: &config::Web) -> Result<Entry, Failure> {
        let ask = Ask::new(Method::GET, &format!("/objects/{key}"), config.metadata.timeout_ms);
        let metadata = self.reading(config)?;
        let found = metadata.ask(ctx, ask).await.map_err(|err| metadata.failure(&err))?;
        if found.status == StatusCode::NOT_FOUND {
            return Err(Failure::not_found(format!("there is no object `{key}`")));
        }
        if !found.status.is_success() {
            return Err(metadata.unexpected(&found));
        }
        metadata.json(&found)
    }

    /// Refuses uploads while people want none, or while this instance has no room to breathe.
    fn takes_uploads(&self, config: &config::Web) -> Result<(), Failure> {
        let refuse = |code, detail: String| Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, code, detail));
        if self.flags.get().read_only {
            return refuse("read_only", "the flag `read_only` is set".to_owned());
        }
        let (used, most) = (self.memory.used_mib(), config.limits.memory_mib);
        if used > most {
            return refuse("memory_pressure", format!("{used} MiB of {most} MiB of memory are in use"));
        }
        Ok(())
    }

    /// Leaves to the workers what can be done later.
    fn run_errands(&self, ctx: &Ctx, key: &str, size: u64, config: &config::Web) {
        let count = self.uploads.fetch_add(1, Ordering::Relaxed);
        let job = ObjectJob { key: key.to_owned() };
        if size >= config.previews.min_kib * 1024 {
            self.errands.add(&ctx.request_id, "preview", &job);
        }
        if config.storage.policy == WritePolicy::Near {
            self.errands.add(&ctx.request_id, "replicate", &job);
        }
        if count.is_multiple_of(config.jobs.checksum_every.max(1)) {
            self.errands.add(&ctx.request_id, "checksum", &job);
        }
    }

    async fn connection(&self, config: &config::Web) -> Result<Connection, Failure> {
        let patience = Duration::from_millis(config.pool.wait_ms);
        self.pool.take(patience).await.map_err(|_| {
            let detail = format!(
                "no connection to metadata came free within {} ms: all {} are in use",
                config.pool.wait_ms, config.pool.size
            );
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "pool_exhausted", detail)
        })
    }

    async fn catalogue(
        &self,
        ctx: &Ctx,
        method: Method,
        path: &str,
        body: serde_json::Value,
        config: &config::Web,
    ) -> Result<Reply, Failure> {
        let ask = Ask::new(method, path, config.metadata.timeout_ms)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body.to_string()));
        let metadata = self.site.directory.primary()?;
        let reply = metadata.ask(ctx, ask).await.map_err(|err| metadata.failure(&err))?;
        if reply.status.is_success() { Ok(reply) } else { Err(metadata.unexpected(&reply)) }
    }

    /// Writes one upload's content to every node that the policy names, one after the other.
    async fn write(
        &self,
        ctx: &Ctx,
        upload: &Upload<'_>,
        config: &config::Web,
    ) -> Result<Vec<String>, Failure> {
        let mut nodes = self.site.directory.all("storage");
        let wanted = match config.storage.policy {
            WritePolicy::Both => COPIES,
            WritePolicy::Near => {
                nodes.retain(|node| self.is_near(node));
                1
            }
        };
        if nodes.len() < wanted {
            let detail = format!("the registry lists {} of {wanted} storage nodes", nodes.len());
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no_instance", detail));
        }
        let mut written = Vec::new();
        for node in nodes {
            let reply = node
                .ask_again(ctx, config.storage.retries, || upload.ask(config.storage.timeout_ms))
                .await
                .map_err(|err| node.failure(&err))?;
            if !reply.status.is_success() {
                return Err(node.unexpected(&reply));
            }
            written.push(node.name().to_owned());
        }
        Ok(written)
    }

    /// Nodes that may hold the object, in the order in which they are asked.
    pub(super) fn readers(&self, entry: &Entry, order: ReadOrder) -> Vec<Peer> {
        let mut nodes = self.site.directory.all("storage");
        match order {
            ReadOrder::Spread => {
                nodes.retain(|node| entry.locations.iter().any(|name| name == node.name()));
                let turn = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len().max(1);
                nodes.rotate_left(turn);
            }
            ReadOrder::Near => nodes.sort_by_key(|node| !self.is_near(node)),
        }
        nodes
    }

    async fn read(
        &self,
        ctx: &Ctx,
        key: &str,
        entry: &Entry,
        config: &config::Web,
    ) -> Result<Reply, Failure> {
        let mut failure = Failure::new(
            StatusCode::BAD_GATEWAY,
            "object_missing",
            "the catalogue has the object and no storage node does",
        );
        let path = format!("/blobs/{key}");
        for node in self.readers(entry, config.storage.read) {
            let ask = || Ask::new(Method::GET, &path, config.storage.timeout_ms);
            match node.ask_again(ctx, config.storage.retries, ask).await {
                Ok(reply) if reply.status.is_success() => {
                    if !self.flags.get().verify_downloads || is_what_was_uploaded(&reply, entry) {
                        return Ok(reply);
                    }
                    let detail = format!("the copy on {} is not what was uploaded", node.name());
                    failure = Failure::new(StatusCode::BAD_GATEWAY, "object_damaged", detail);
                }
                Ok(reply) if reply.status == StatusCode::NOT_FOUND => {}
                Ok(reply) => failure = node.unexpected(&reply),
                Err(err) => failure = node.failure(&err),
            }
        }
        Err(failure)
    }
}

/// Whether a copy is the one that the catalogue knows; a newer one is not judged.
fn is_what_was_uploaded(reply: &Reply, entry: &Entry) -> bool {
    preview::version(reply) != Some(entry.version) || crate::seed::digest(&reply.body) == entry.digest
}

struct Upload<'a> {
    key: &'a str,
    version: u64,
    content: Bytes,
}

impl Upload<'_> {
    fn ask(&self, timeout_ms: u64) -> Ask {
        Ask::new(Method::PUT, &format!("/blobs/{}", self.key), timeout_ms)
            .header(VERSION, HeaderValue::from(self.version))
            .body(self.content.clone())
    }
}

pub(super) fn checked(key: &str) -> Result<(), Failure> {
    if is_name(key) {
        Ok(())
    } else {
        Err(Failure::bad_request(
            "a key is 1 to 64 letters, digits, `-`, `_` and `.`, beginning with a letter or digit",
        ))
    }
}

async fn upload(
    State(web): State<Arc<Web>>,
    ctx: Ctx,
    UrlPath(key): UrlPath<String>,
    content: Bytes,
) -> Result<Response, Failure> {
    let config = web.config.get();
    checked(&key)?;
    web.takes_uploads(&config)?;
    let owner = web.admit(&ctx, &config).await?;
    web.recorder.keep(Recorded::of(&ctx, &key, &content, config.recorder.body_kib), config.recorder.max);
    let connection = web.connection(&config).await?;
    let (size, digest) = (content.len() as u64, crate::seed::digest(&content));
    let wanted = Wanted { key: key.clone(), size, owner };
    let wanted = serde_json::to_value(wanted).map_err(|err| Failure::internal(&err))?;
    let reply = web.catalogue(&ctx, Method::POST, "/reservations", wanted, &config).await?;
    let Reservation { version } =
        serde_json::from_slice(&reply.body).map_err(|err| Failure::internal(&err))?;
    let upload = Upload { key: &key, version, content };
    let locations = web.write(&ctx, &upload, &config).await?;
    let commit = Commit { size, digest: digest.clone(), locations };
    let path = format!("/reservations/{version}/commit");
    let commit = serde_json::to_value(commit).map_err(|err| Failure::internal(&err))?;
    web.catalogue(&ctx, Method::POST, &path, commit, &config).await?;
    drop(connection);
    web.run_errands(&ctx, &key, size, &config);
    let body = Json(json!({ "key": key, "version": version, "size": size, "digest": digest }));
    Ok((StatusCode::CREATED, body).into_response())
}

async fn download(
    State(web): State<Arc<Web>>,
    ctx: Ctx,
    UrlPath(key): UrlPath<String>,
) -> Result<Response, Failure> {
    let config = web.config.get();
    checked(&key)?;
    web.admit(&ctx, &config).await?;
    let _connection = web.connection(&config).await?;
    let entry = web.look_up(&ctx, &key, &config).await?;
    let content = web.read(&ctx, &key, &entry, &config).await?;
    let version = content.headers.get(VERSION).cloned();
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    let mut response = (kind, content.body).into_response();
    if let Some(version) = version {
        response.headers_mut().insert(VERSION, version);
    }
    Ok(response)
}

async fn list(State(web): State<Arc<Web>>, ctx: Ctx, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let config = web.config.get();
    web.admit(&ctx, &config).await?;
    let path = query.map_or_else(|| "/objects".to_owned(), |query| format!("/objects?{query}"));
    let ask = Ask::new(Method::GET, &path, config.metadata.timeout_ms);
    let metadata = web.reading(&config)?;
    let reply = metadata.ask(&ctx, ask).await.map_err(|err| metadata.failure(&err))?;
    if !reply.status.is_success() {
        return Err(metadata.unexpected(&reply));
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], reply.body).into_response())
}

async fn login(State(web): State<Arc<Web>>, ctx: Ctx, body: Bytes) -> Result<Response, Failure> {
    let config = web.config.get();
    let ask = Ask::new(Method::POST, "/tokens", config.session.timeout_ms).body(body);
    let session = web.site.directory.one("session")?;
    let reply = session.ask(&ctx, ask).await.map_err(|err| session.failure(&err))?;
    if reply.status != StatusCode::CREATED {
        return Err(session.unexpected(&reply));
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::CREATED, kind, reply.body).into_response())
}

/// The requests that are kept for whoever debugs, the newest last.
async fn recorded(State(web): State<Arc<Web>>) -> Response {
    Json(json!({ "requests": web.recorder.newest() })).into_response()
}

impl Service for Web {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/sessions", post(login))
            .route("/objects", get(list))
            .route("/objects/{key}", put(upload).get(download))
            .route("/objects/{key}/preview", get(preview::serve))
            .route("/recorded", get(recorded))
            .with_state(self)
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Web::read(&self.file)?;
        self.pool.resize(usize::try_from(config.pool.size).unwrap_or(1));
        self.config.set(config);
        Ok(config.log())
    }

    /// Well as soon as it serves: what its neighbours do is theirs to tell.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.errands.run(&self.site).await })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let pool = self.pool.state();
            page.single("pool_size", "gauge", "Connections to metadata that may be used.", pool.size as f64);
            page.single("pool_in_use", "gauge", "Connections to metadata in use.", pool.in_use as f64);
            page.single("pool_waiting", "gauge", "Requests that wait for a connection.", pool.waiting as f64);
            page.single("pool_taken_total", "counter", "Connections handed out.", pool.taken as f64);
            page.single(
                "pool_wait_timeouts_total",
                "counter",
                "Requests turned away because no connection came free in time.",
                pool.wait_timeouts as f64,
            );
            page.single(
                "token_cache_hits_total",
                "counter",
                "Requests let in without asking session.",
                self.cache_hits.load(Ordering::Relaxed) as f64,
            );
            self.errands.write(page);
            self.previews.write(page);
            self.recorder.write(page);
        })
    }
}
