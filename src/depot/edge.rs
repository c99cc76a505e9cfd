//! edge: the front door. Passes each request on to a web instance, the next one each time, unless a rule of people's
//! turns it away.

use super::{
    call::{Ask, CallError, Peer, Reply},
    config::{self, Live, LogSettings, Settings, current_file},
    error::DepotError,
    gate::{Gate, Passing},
    host::{Ctx, Failure, Service, Site},
    telemetry::{Page, Stopwatch},
    tls::{self, Shown},
};
use crate::{
    base::Span,
    clock::{BoxFuture, Clock, SystemClock},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How long a web instance may take to say that it is well, in milliseconds.
const HEALTH_TIMEOUT_MS: u64 = 1000;
/// How often the certificate is looked at.
const CERTIFICATE_LOOK: Span = Span::from_secs(1);

pub(super) struct Edge {
    file: PathBuf,
    config: Live<config::Edge>,
    site: Arc<Site>,
    gate: Gate,
    shown: Option<Arc<Shown>>,
    turn: AtomicUsize,
    /// When a web instance last could not be reached.
    lost: Mutex<BTreeMap<String, Stopwatch>>,
}

impl Edge {
    pub(super) fn open(site: &Arc<Site>) -> Result<Self, DepotError> {
        let file = current_file(&site.root, "edge");
        let config = Live::new(config::Edge::read(&file)?);
        let gate = Gate::of(&site.root, &site.facts.name);
        let shown = site.facts.tls.as_ref().map(|facts| Shown::of(facts, &site.machine));
        let site = Arc::clone(site);
        Ok(Self { file, config, site, gate, shown, turn: AtomicUsize::new(0), lost: Mutex::default() })
    }

    fn lost(&self) -> MutexGuard<'_, BTreeMap<String, Stopwatch>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_left_out(&self, web: &Peer, skip: Duration) -> bool {
        self.lost().get(web.name()).is_some_and(|since| since.elapsed() < skip)
    }

    /// Web instances in the order in which they are tried; those left out come last, drained ones not at all.
    fn in_turn(&self, skip: Duration) -> Vec<Peer> {
        let mut webs = self.site.directory.all("web");
        let rules = self.gate.rules();
        webs.retain(|web| !rules.drained.iter().any(|name| name == web.name()));
        if webs.is_empty() {
            return webs;
        }
        let first = self.turn.fetch_add(1, Ordering::Relaxed) % webs.len();
        webs.rotate_left(first);
        webs.sort_by_key(|web| self.is_left_out(web, skip));
        webs
    }

    /// Says in the log how the certificate is doing when that has changed.
    async fn watch_certificate(&self, shown: &Shown) {
        let mut told = None;
        loop {
            let now = (shown.state(), shown.until(), shown.problem());
            if told.as_ref() != Some(&now) {
                let (state, until, problem) = &now;
                let what = json!({ "not_after": until, "detail": problem });
                match state {
                    _ if problem.is_some() => self.site.log.error("certificate cannot be used", what),
                    Some(tls::State::Good) => self.site.log.info("certificate in use", what),
                    Some(tls::State::EndsSoon) => self.site.log.warn("certificate ends soon", what),
                    Some(tls::State::Expired) => self.site.log.error("certificate has expired", what),
                    None => self.site.log.error("there is no certificate", what),
                }
                told = Some(now);
            }
            SystemClock.sleep_until(SystemClock.now() + CERTIFICATE_LOOK).await;
        }
    }

    async fn pass_on(&self, ctx: &Ctx, request: &Passed) -> Result<Reply, Failure> {
        let config = self.config.get();
        let detail = "the registry lists no web instance that is not drained";
        let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no_instance", detail);
        for web in self.in_turn(Duration::from_millis(config.web.skip_ms)) {
            match web.ask(ctx, request.ask(config.web.timeout_ms)).await {
                Ok(reply) => {
                    self.lost().remove(web.name());
                    return Ok(reply);
                }
                // It may have done what was asked: asking another one would only double the load.
                Err(err @ CallError::Timeout) => return Err(web.failure(&err)),
                Err(err) => {
                    self.lost().insert(web.name().to_owned(), Stopwatch::start());
                    failure = web.failure(&err);
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
    let passing = Passing {
        client: ctx.client.map(|ip| ip.to_string()).unwrap_or_default(),
        agent: &ctx.user_agent,
        path: request.uri().path(),
    };
    if edge.gate.turns_away(&passing) {
        return Err(Failure::new(StatusCode::FORBIDDEN, "blocked", "a rule at the edge turns this away"));
    }
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
            .route("/objects/{key}/preview", get(pass))
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
                match web.ask(&Ctx::own("health"), ask).await {
                    Ok(reply) if reply.status.is_success() => return Ok(()),
                    Ok(reply) => why = format!("{} answers {}", web.name(), reply.status),
                    Err(err) => why = format!("{}: {err:?}", web.name()),
                }
            }
            Err(format!("no web instance is well; the last one: {why}"))
        })
    }

    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            match &self.shown {
                Some(shown) => self.watch_certificate(shown).await,
                None => std::future::pending().await,
            }
        })
    }

    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let skip = Duration::from_millis(self.config.get().web.skip_ms);
            let webs = self.site.directory.all("web");
            page.family("edge_web_left_out", "gauge", "1 while a web instance is left out of the turn.");
            for web in &webs {
                let labels = format!("upstream=\"{}\"", web.name());
                page.sample("edge_web_left_out", &labels, f64::from(u8::from(self.is_left_out(web, skip))));
            }
            self.gate.write(page);
            if let Some(shown) = &self.shown {
                shown.write(page);
            }
        })
    }
}
