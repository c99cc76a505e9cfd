//! web: the object API.
//!
//! An upload: is the token good (session)? Take a connection from the pool and hold it; reserve the object (metadata);
//! write the content (storage nodes, one after the other); commit (metadata); give the connection back. A download
//! holds its connection in the same way, so that what it reads stays in the catalogue until it was read. Listings are
//! answered by the catalogue alone, over a connection of their own.

use super::{
    call::{Ask, Peer, Reply, VERSION, client},
    config::{self, Facts, Live, LogSettings, ReadOrder, Settings, WritePolicy, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service},
    metadata::{Commit, Entry, Reservation},
    pool::{Connection, Pool},
    telemetry::{Metrics, Page, Stopwatch},
};
use crate::{base::names::is_name, clock::BoxFuture};
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
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Most tokens whose goodness is remembered.
const CACHED_TOKENS_MAX: usize = 10_000;

pub(super) struct Web {
    file: PathBuf,
    config: Live<config::Web>,
    session: Peer,
    metadata: Peer,
    /// By name.
    storage: Vec<Peer>,
    near: String,
    pool: Arc<Pool>,
    good_tokens: Mutex<HashMap<String, Stopwatch>>,
    cache_hits: AtomicU64,
    turn: AtomicUsize,
}

impl Web {
    pub(super) fn open(root: &Path, facts: &Facts, metrics: &Arc<Metrics>) -> Result<Self, DepotError> {
        let file = current_file(root, "web");
        let config = config::Web::read(&file)?;
        let client = client()?;
        let peer = |name: &str| {
            let address = facts.links.get(name).ok_or_else(|| facts.missing(root, name))?;
            Ok::<_, DepotError>(Peer::new(name, address, &client, metrics))
        };
        let storage: Vec<_> = facts
            .links
            .iter()
            .filter(|(name, _)| name.starts_with("storage-"))
            .map(|(name, address)| Peer::new(name, address, &client, metrics))
            .collect();
        let near = facts.near_storage.clone().ok_or_else(|| facts.missing(root, "near_storage"))?;
        if !storage.iter().any(|node| node.name() == near) {
            return Err(facts.missing(root, &near));
        }
        Ok(Self {
            file,
            config: Live::new(config),
            session: peer("session")?,
            metadata: peer("metadata")?,
            storage,
            near,
            pool: Pool::new(usize::try_from(config.pool.size).unwrap_or(1)),
            good_tokens: Mutex::default(),
            cache_hits: AtomicU64::new(0),
            turn: AtomicUsize::new(0),
        })
    }

    /// Lets the request in if its token is good.
    async fn admit(&self, ctx: &Ctx, config: &config::Web) -> Result<(), Failure> {
        let refused = || Failure::new(StatusCode::UNAUTHORIZED, "unauthorized", "no good token was given");
        let given = ctx.authorization.as_deref().ok_or_else(refused)?;
        if self.is_remembered(given, Duration::from_millis(config.session.cache_ms)) {
            self.cache_hits.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let value = HeaderValue::from_str(given).map_err(|_| refused())?;
        let ask = Ask::new(Method::GET, "/tokens/check", config.session.timeout_ms)
            .header(header::AUTHORIZATION, value);
        let reply = self.session.ask(ctx, ask).await.map_err(|err| self.session.failure(&err))?;
        match reply.status {
            StatusCode::OK => {
                self.remember(given, Duration::from_millis(config.session.cache_ms));
                Ok(())
            }
            StatusCode::UNAUTHORIZED => Err(refused()),
            _ => Err(self.session.unexpected(&reply)),
        }
    }

    fn is_remembered(&self, token: &str, cache: Duration) -> bool {
        let tokens = self.good_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(token).is_some_and(|since| since.elapsed() < cache)
    }

    fn remember(&self, token: &str, cache: Duration) {
        let mut tokens = self.good_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= CACHED_TOKENS_MAX {
            tokens.retain(|_, since| since.elapsed() < cache);
        }
        if tokens.len() < CACHED_TOKENS_MAX {
            tokens.insert(token.to_owned(), Stopwatch::start());
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
        let reply = self.metadata.ask(ctx, ask).await.map_err(|err| self.metadata.failure(&err))?;
        if reply.status.is_success() { Ok(reply) } else { Err(self.metadata.unexpected(&reply)) }
    }

    /// Writes one upload's content to every node that the policy names, one after the other.
    async fn write(
        &self,
        ctx: &Ctx,
        upload: &Upload<'_>,
        config: &config::Web,
    ) -> Result<Vec<String>, Failure> {
        let nodes = self.storage.iter().filter(|node| match config.storage.policy {
            WritePolicy::Both => true,
            WritePolicy::Near => node.name() == self.near,
        });
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
    fn readers(&self, entry: &Entry, order: ReadOrder) -> Vec<&Peer> {
        let mut nodes: Vec<_> = match order {
            ReadOrder::Spread => {
                let holds = |node: &&Peer| entry.locations.iter().any(|name| name == node.name());
                self.storage.iter().filter(holds).collect()
            }
            ReadOrder::Near => self.storage.iter().collect(),
        };
        match order {
            ReadOrder::Spread if !nodes.is_empty() => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed) % nodes.len();
                nodes.rotate_left(turn);
            }
            ReadOrder::Spread => {}
            ReadOrder::Near => nodes.sort_by_key(|node| node.name() != self.near),
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
                Ok(reply) if reply.status.is_success() => return Ok(reply),
                Ok(reply) if reply.status == StatusCode::NOT_FOUND => {}
                Ok(reply) => failure = node.unexpected(&reply),
                Err(err) => failure = node.failure(&err),
            }
        }
        Err(failure)
    }
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

fn checked(key: &str) -> Result<(), Failure> {
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
    web.admit(&ctx, &config).await?;
    let connection = web.connection(&config).await?;
    let asked = json!({ "key": key, "size": content.len() });
    let reply = web.catalogue(&ctx, Method::POST, "/reservations", asked, &config).await?;
    let Reservation { version } = web.metadata.json(&reply)?;
    let (size, digest) = (content.len() as u64, crate::seed::digest(&content));
    let upload = Upload { key: &key, version, content };
    let locations = web.write(&ctx, &upload, &config).await?;
    let commit = Commit { size, digest: digest.clone(), locations };
    let path = format!("/reservations/{version}/commit");
    let commit = serde_json::to_value(commit).map_err(|err| Failure::internal(&err))?;
    web.catalogue(&ctx, Method::POST, &path, commit, &config).await?;
    drop(connection);
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
    let ask = Ask::new(Method::GET, &format!("/objects/{key}"), config.metadata.timeout_ms);
    let found = web.metadata.ask(&ctx, ask).await.map_err(|err| web.metadata.failure(&err))?;
    if found.status == StatusCode::NOT_FOUND {
        return Err(Failure::not_found(format!("there is no object `{key}`")));
    }
    if !found.status.is_success() {
        return Err(web.metadata.unexpected(&found));
    }
    let entry: Entry = web.metadata.json(&found)?;
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
    let reply = web.metadata.ask(&ctx, ask).await.map_err(|err| web.metadata.failure(&err))?;
    if !reply.status.is_success() {
        return Err(web.metadata.unexpected(&reply));
    }
    Ok(([(header::CONTENT_TYPE, "application/json")], reply.body).into_response())
}

async fn login(State(web): State<Arc<Web>>, ctx: Ctx, body: Bytes) -> Result<Response, Failure> {
    let config = web.config.get();
    let ask = Ask::new(Method::POST, "/tokens", config.session.timeout_ms).body(body);
    let reply = web.session.ask(&ctx, ask).await.map_err(|err| web.session.failure(&err))?;
    if reply.status != StatusCode::CREATED {
        return Err(web.session.unexpected(&reply));
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    Ok((StatusCode::CREATED, kind, reply.body).into_response())
}

impl Service for Web {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/sessions", post(login))
            .route("/objects", get(list))
            .route("/objects/{key}", put(upload).get(download))
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

    fn metrics(&self, page: &mut Page) {
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
    }
}
