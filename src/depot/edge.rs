//! edge: the front door. Passes each request on to a web instance, the next one each time.

use super::{
    call::{Ask, CallError, Peer, Reply, client},
    config::{self, Facts, Live, LogSettings, Settings, current_file},
    error::DepotError,
    host::{Ctx, Failure, Service},
    telemetry::{Metrics, Page, Stopwatch},
};
use crate::clock::BoxFuture;
use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long a web instance may take to say that it is well, in milliseconds.
const HEALTH_TIMEOUT_MS: u64 = 1000;

pub(super) struct Edge {
    file: PathBuf,
    config: Live<config::Edge>,
    webs: Vec<Backend>,
    turn: AtomicUsize,
}

struct Backend {
    peer: Peer,
    /// When it last could not be reached.
    lost: Mutex<Option<Stopwatch>>,
}

impl Backend {
    fn is_left_out(&self, skip: Duration) -> bool {
        let lost = *self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_some_and(|since| since.elapsed() < skip)
    }

    fn set_lost(&self, lost: Option<Stopwatch>) {
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = lost;
    }
}

impl Edge {
    pub(super) fn open(root: &Path, facts: &Facts, metrics: &Arc<Metrics>) -> Result<Self, DepotError> {
        let file = current_file(root, "edge");
        let config = Live::new(config::Edge::read(&file)?);
        let client = client()?;
        let webs: Vec<_> = facts
            .links
            .iter()
            .map(|(name, address)| Backend {
                peer: Peer::new(name, address, &client, metrics),
                lost: Mutex::new(None),
            })
            .collect();
        if webs.is_empty() {
            return Err(facts.missing(root, "links"));
        }
        Ok(Self { file, config, webs, turn: AtomicUsize::new(0) })
    }

    /// Web instances in the order in which they are tried; those left out come last.
    fn in_turn(&self, skip: Duration) -> Vec<&Backend> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut order: Vec<_> =
            (0..self.webs.len()).map(|step| &self.webs[first.wrapping_add(step) % self.webs.len()]).collect();
        order.sort_by_key(|web| web.is_left_out(skip));
        order
    }

    async fn pass_on(&self, ctx: &Ctx, request: &Passed) -> Result<Reply, Failure> {
        let config = self.config.get();
        let mut failure = Failure::internal(&"no web instance is known");
        for web in self.in_turn(Duration::from_millis(config.web.skip_ms)) {
            match web.peer.ask(ctx, request.ask(config.web.timeout_ms)).await {
                Ok(reply) => {
                    web.set_lost(None);
                    return Ok(reply);
                }
                // It may have done what was asked: asking another one would only double the load.
                Err(err @ CallError::Timeout) => return Err(web.peer.failure(&err)),
                Err(err) => {
                    web.set_lost(Some(Stopwatch::start()));
                    failure = web.peer.failure(&err);
                }
            }
        }
        Err(failure)
    }
}

struct Passed {
    method: Method,
    path: String,
    authorization: Option<HeaderValue>,
    body: Bytes,
}

impl Passed {
    fn ask(&self, timeout_ms: u64) -> Ask {
        let ask = Ask::new(self.method.clone(), &self.path, timeout_ms).body(self.body.clone());
        match &self.authorization {
            Some(value) => ask.header(header::AUTHORIZATION, value.clone()),
            None => ask,
        }
    }
}

async fn pass(State(edge): State<Arc<Edge>>, ctx: Ctx, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let limit = usize::try_from(edge.config.get().limits.body_kib * 1024).unwrap_or(usize::MAX);
    let body = axum::body::to_bytes(body, limit).await.map_err(|_| {
        let detail = format!("the body is longer than {} KiB, or was cut off", limit / 1024);
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    })?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let authorization = parts.headers.get(header::AUTHORIZATION).cloned();
    let reply = edge.pass_on(&ctx, &Passed { method: parts.method, path, authorization, body }).await?;
    let kind = reply.headers.get(header::CONTENT_TYPE).cloned();
    let mut response = (reply.status, reply.body).into_response();
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

impl Service for Edge {
    fn routes(self: Arc<Self>) -> Router {
        Router::new()
            .route("/sessions", post(pass))
            .route("/objects", get(pass))
            .route("/objects/{key}", put(pass).get(pass))
            .with_state(self)
    }

    fn reload(&self) -> Result<LogSettings, DepotError> {
        let config = config::Edge::read(&self.file)?;
        self.config.set(config);
        Ok(config.log())
    }

    /// Well while at least one web instance says that it is.
    fn health(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let mut why = String::new();
            for web in self.in_turn(Duration::from_millis(self.config.get().web.skip_ms)) {
                let ask = Ask::new(Method::GET, "/health", HEALTH_TIMEOUT_MS);
                match web.peer.ask(&Ctx::own("health"), ask).await {
                    Ok(reply) if reply.status.is_success() => return Ok(()),
                    Ok(reply) => why = format!("{} answers {}", web.peer.name(), reply.status),
                    Err(err) => why = format!("{}: {err:?}", web.peer.name()),
                }
            }
            Err(format!("no web instance is well; the last one: {why}"))
        })
    }

    fn metrics(&self, page: &mut Page) {
        let skip = Duration::from_millis(self.config.get().web.skip_ms);
        page.family("edge_web_left_out", "gauge", "1 while a web instance is left out of the turn.");
        for web in &self.webs {
            let labels = format!("upstream=\"{}\"", web.peer.name());
            page.sample("edge_web_left_out", &labels, f64::from(u8::from(web.is_left_out(skip))));
        }
    }
}
