//! Runs one instance of any component: address, request ids, log, metrics, health, reload, drain.

use super::{
    call::REQUEST_ID,
    config::{Facts, LogSettings},
    edge::Edge,
    error::DepotError,
    metadata::Metadata,
    session::Session,
    storage::Storage,
    telemetry::{Finished, Log, Metrics, Page, Sink, Stopwatch},
    web::Web,
};
use crate::clock::BoxFuture;
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use serde_json::json;
use std::{convert::Infallible, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Most KiB of a body that any service reads.
pub(super) const BODY_KIB_MAX: u64 = 1024;
/// How long requests in flight may take to end after the instance was told to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// What a component does, apart from what all do alike.
pub(super) trait Service: Send + Sync {
    /// Its paths, without `/health` and `/metrics`.
    fn routes(self: Arc<Self>) -> Router;
    /// Reads its configuration again; an error changes nothing.
    fn reload(&self) -> Result<LogSettings, DepotError>;
    /// Whether it can serve, or the reason why not.
    fn health(&self) -> BoxFuture<'_, Result<(), String>>;
    /// Adds what only it knows to the metrics page.
    fn metrics(&self, page: &mut Page);
    /// Lets go of what must be closed in order.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Who asks, as far as a handler needs to know.
#[derive(Debug, Clone)]
pub(super) struct Ctx {
    pub(super) request_id: String,
    pub(super) authorization: Option<String>,
}

impl Ctx {
    /// For what a service asks on its own account.
    pub(super) fn own(purpose: &str) -> Self {
        Self { request_id: purpose.to_owned(), authorization: None }
    }
}

#[derive(Clone)]
struct RequestId(String);

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let authorization = parts.headers.get(header::AUTHORIZATION);
        Ok(Self {
            request_id: id.unwrap_or_default(),
            authorization: authorization.and_then(|value| value.to_str().ok()).map(str::to_owned),
        })
    }
}

/// An answer that is no success: `{"error": code, "detail": ..., "request_id": ...}`.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// The request makes no sense.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// There is no such thing.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// Something inside failed.
    pub(super) fn internal(err: &impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", err.to_string())
    }
}

impl IntoResponse for Failure {
    /// The body is added by [`observe`], which knows the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What all handlers of an instance share.
pub(super) struct Shared {
    pub(super) log: Log,
    pub(super) metrics: Arc<Metrics>,
}

/// A running instance.
pub(super) struct Running {
    service: Arc<dyn Service>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Reads the configuration again and says in the log how that went.
    pub(super) fn reload(&self) {
        match self.service.reload() {
            Ok(settings) => {
                self.shared.log.set(settings);
                self.shared.log.info("configuration read again", json!({}));
            }
            Err(err) => {
                let why = json!({ "detail": err.to_string() });
                self.shared.log.error("configuration refused, the old one stays in use", why);
            }
        }
    }

    /// Accepts nothing new, lets requests in flight end, and ends.
    pub(super) async fn drain(self) {
        self.shared.log.info("stopping", json!({}));
        self.stop.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(DRAIN, self.task).await.is_err() {
            abort.abort();
            self.shared.log.error("requests in flight were cut off", json!({}));
        }
        self.service.close().await;
        self.shared.log.info("stopped", json!({}));
    }
}

/// Serves the instance until SIGTERM or SIGINT; SIGHUP reads its configuration again. Log lines go to standard
/// output. Fails when the configuration cannot be used or the address cannot be taken.
pub async fn serve(component: &str, root: &Path, instance: &str) -> Result<(), DepotError> {
    let facts = Facts::read(root, instance)?;
    if facts.component != component {
        return Err(DepotError::WrongComponent {
            instance: instance.to_owned(),
            component: facts.component,
            asked: component.to_owned(),
        });
    }
    // What `ps` and `top` show beside the arguments; a kernel without it changes nothing.
    let _ = std::fs::write("/proc/self/comm", format!("depot-{component}"));
    let handler = |kind| signal(kind).map_err(DepotError::file("handle signals of", root));
    let mut hangup = handler(SignalKind::hangup())?;
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let running = start(root, facts, Box::new(std::io::stdout())).await?;
    loop {
        tokio::select! {
            Some(()) = hangup.recv() => running.reload(),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    running.drain().await;
    Ok(())
}

/// Starts the instance that `facts` speak of; its log lines go to `sink`.
pub(super) async fn start(root: &Path, facts: Facts, sink: Sink) -> Result<Running, DepotError> {
    let shared = Arc::new(Shared { log: Log::new(&facts.name, sink), metrics: Arc::new(Metrics::default()) });
    let (address, name) = (facts.listen.clone(), facts.name.clone());
    let metrics = &shared.metrics;
    let service: Arc<dyn Service> = match facts.component.as_str() {
        "edge" => Arc::new(Edge::open(root, &facts, metrics)?),
        "web" => Arc::new(Web::open(root, &facts, metrics)?),
        "session" => Arc::new(Session::open(root)?),
        "metadata" => Arc::new(Metadata::open(root, &facts).await?),
        "storage" => Arc::new(Storage::open(root, &facts)?),
        _ => return Err(facts.missing(root, "component")),
    };
    shared.log.set(service.reload()?);
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|source| DepotError::Listen { address: address.clone(), source })?
        .tap_io(|stream| {
            // Slower answers are the worst that can come of it.
            let _ = stream.set_nodelay(true);
        });
    let stop = CancellationToken::new();
    let router = router(&service, &shared);
    let stopped = stop.clone().cancelled_owned();
    let task =
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
    shared
        .log
        .info("serving", json!({ "address": address, "datacenter": facts.datacenter, "instance": name }));
    Ok(Running { service, shared, stop, task })
}

fn router(service: &Arc<dyn Service>, shared: &Arc<Shared>) -> Router {
    let observed = Arc::clone(service)
        .routes()
        .layer(DefaultBodyLimit::max(usize::try_from(BODY_KIB_MAX).unwrap_or(0) * 1024))
        .fallback(async || Failure::not_found("there is nothing at this path"))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(shared), observe));
    let (for_health, for_metrics) = (Arc::clone(service), Arc::clone(service));
    let shared = Arc::clone(shared);
    observed.route("/health", get(async move || health(&*for_health).await)).route(
        "/metrics",
        get(async move || {
            let mut page = Page::default();
            shared.metrics.write(&mut page);
            for_metrics.metrics(&mut page);
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page.into_text())
        }),
    )
}

async fn health(service: &dyn Service) -> Response {
    match service.health().await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(why) => {
            let body = Json(json!({ "status": "failing", "detail": why }));
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

/// Gives a request its id, counts and logs it, and puts the id into a failure's body.
async fn observe(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = match given {
        Some(id) if crate::base::names::is_name(id) => id.to_owned(),
        _ => crate::seed::token()[..16].to_owned(),
    };
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut seen = Seen {
        shared,
        request_id: id,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        route: route.unwrap_or_else(|| "other".to_owned()),
        watch: Stopwatch::start(),
        // What stays if the caller goes away and this future is dropped.
        status: 499,
        failure: None,
    };
    seen.shared.metrics.begin();
    let mut response = next.run(request).await;
    seen.status = response.status().as_u16();
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        let body = json!({
            "error": failure.code,
            "detail": failure.detail,
            "request_id": seen.request_id,
        });
        response = (failure.status, Json(body)).into_response();
        seen.failure = Some(failure);
    }
    if let Ok(value) = HeaderValue::from_str(&seen.request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// A request on its way; counted and logged when it ends, however it ends.
struct Seen {
    shared: Arc<Shared>,
    request_id: String,
    method: String,
    path: String,
    route: String,
    watch: Stopwatch,
    status: u16,
    failure: Option<Failure>,
}

impl Drop for Seen {
    fn drop(&mut self) {
        let failure = self.failure.as_ref();
        let finished = Finished {
            request_id: &self.request_id,
            method: &self.method,
            path: &self.path,
            route: &self.route,
            status: self.status,
            took: self.watch.elapsed(),
            failure: failure.map(|failure| (failure.code, failure.detail.as_str())),
        };
        self.shared.metrics.end(&finished);
        self.shared.log.request(&finished);
    }
}
