//! Runs one instance of any component: address, request ids, log, metrics, health, reload, drain.

use super::{
    call::{CREDENTIAL, REQUEST_ID, client},
    config::{Facts, LogSettings},
    directory::Directory,
    edge::Edge,
    error::DepotError,
    machine::{self, Machine},
    metadata::Metadata,
    queue::Queue,
    registry::Registry,
    session::Session,
    storage::Storage,
    telemetry::{Finished, Log, Metrics, Page, Sink, Stopwatch},
    tls::{self, TlsListener},
    web::Web,
    worker::Worker,
};
use crate::clock::BoxFuture;
use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use serde_json::json;
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
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
    fn metrics<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()>;
    /// What it does of its own accord for as long as it lives.
    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
    /// Lets go of what must be closed in order.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// What an instance is given to begin with.
pub(super) struct Site {
    pub(super) root: PathBuf,
    pub(super) facts: Facts,
    pub(super) log: Log,
    pub(super) metrics: Arc<Metrics>,
    pub(super) machine: Arc<Machine>,
    pub(super) directory: Directory,
}

impl Site {
    fn new(root: &Path, facts: Facts, sink: Sink) -> Result<Self, DepotError> {
        let machine = Arc::new(Machine::of(root, &facts.name));
        let metrics = Arc::new(Metrics::default());
        let directory = Directory::of(&facts, &client()?, &metrics, &machine);
        let log = Log::new(&facts.name, &machine, sink);
        Ok(Self { root: root.to_owned(), facts, log, metrics, machine, directory })
    }

    /// The folder of the instance's data.
    pub(super) fn data(&self) -> Result<PathBuf, DepotError> {
        self.facts.data.clone().ok_or_else(|| self.facts.missing(&self.root, "data"))
    }
}

/// Who asks, as far as a handler needs to know.
#[derive(Debug, Clone)]
pub(super) struct Ctx {
    pub(super) request_id: String,
    pub(super) authorization: Option<String>,
    pub(super) user_agent: String,
    pub(super) client: Option<IpAddr>,
}

impl Ctx {
    /// For what a service asks on its own account.
    pub(super) fn own(purpose: &str) -> Self {
        Self { request_id: purpose.to_owned(), authorization: None, user_agent: String::new(), client: None }
    }
}

#[derive(Clone)]
struct RequestId(String);

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            request_id: id.unwrap_or_default(),
            authorization: text(header::AUTHORIZATION),
            user_agent: text(header::USER_AGENT).unwrap_or_default(),
            client: client.map(|ConnectInfo(address)| address.ip()),
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

/// Components that answer only those who show a credential. The registry and the queue are open to the staging
/// network, and web to whoever the edge lets through.
const GUARDED: [&str; 4] = ["session", "metadata", "replica", "storage"];

/// A running instance.
pub(super) struct Running {
    service: Arc<dyn Service>,
    site: Arc<Site>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Reads the configuration again, says in the log how that went, and registers again.
    pub(super) fn reload(&self) {
        match self.service.reload() {
            Ok(settings) => {
                self.site.log.set(settings);
                self.site.log.info("configuration read again", json!({}));
            }
            Err(err) => {
                let why = json!({ "detail": err.to_string() });
                self.site.log.error("configuration refused, the old one stays in use", why);
            }
        }
        self.site.directory.register_again();
    }

    /// Accepts nothing new, lets requests in flight end, and ends.
    pub(super) async fn drain(self) {
        self.site.log.info("stopping", json!({}));
        self.stop.cancel();
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for task in self.tasks {
                // A task that was cut off has ended, too.
                let _ = task.await;
            }
        };
        if tokio::time::timeout(DRAIN, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
            self.site.log.error("requests in flight were cut off", json!({}));
        }
        self.service.close().await;
        self.site.log.info("stopped", json!({}));
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
    machine::limit_descriptors();
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

async fn open(site: &Arc<Site>) -> Result<Arc<dyn Service>, DepotError> {
    Ok(match site.facts.component.as_str() {
        "registry" => Arc::new(Registry::open(site)?),
        "metadata" | "replica" => Arc::new(Metadata::open(site).await?),
        "session" => Arc::new(Session::open(site)?),
        "storage" => Arc::new(Storage::open(site)?),
        "queue" => Arc::new(Queue::open(site).await?),
        "worker" => Arc::new(Worker::open(site)?),
        "web" => Arc::new(Web::open(site)?),
        "edge" => Arc::new(Edge::open(site)?),
        _ => return Err(site.facts.missing(&site.root, "component")),
    })
}

/// Starts the instance that `facts` speak of; its log lines go to `sink`.
pub(super) async fn start(root: &Path, facts: Facts, sink: Sink) -> Result<Running, DepotError> {
    let site = Arc::new(Site::new(root, facts, sink)?);
    let service = open(&site).await?;
    site.log.set(service.reload()?);
    let facts = &site.facts;
    let listener = bind(&facts.listen).await?.tap_io(|stream| {
        // Slower answers are the worst that can come of it.
        let _ = stream.set_nodelay(true);
    });
    // Who says that it is well is registered, and knows its neighbours; until then connections wait.
    site.directory.begin(&site.log).await;
    let stop = CancellationToken::new();
    let app = router(&service, &site).into_make_service_with_connect_info::<SocketAddr>();
    let mut tasks = Vec::new();
    if let Some(door) = &facts.tls {
        let listener = TlsListener::new(bind(&door.listen).await?, tls::Shown::of(door, &site.machine));
        let served = axum::serve(listener.tap_io(|_| {}), app.clone());
        let served = served.with_graceful_shutdown(stop.clone().cancelled_owned());
        tasks.push(tokio::spawn(async move {
            let _ = served.await;
        }));
    }
    let served = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    tasks.push(tokio::spawn(async move {
        let _ = served.await;
    }));
    for work in [keep(Arc::clone(&site)), Arc::clone(&service).work()] {
        let stopped = stop.clone().cancelled_owned();
        tasks.push(tokio::spawn(async move {
            tokio::select! { () = stopped => {}, () = work => {} }
        }));
    }
    let what = json!({ "address": facts.listen, "datacenter": facts.datacenter, "instance": facts.name });
    site.log.info("serving", what);
    Ok(Running { service, site, stop, tasks })
}

fn keep(site: Arc<Site>) -> BoxFuture<'static, ()> {
    Box::pin(async move { site.directory.keep(&site.log).await })
}

async fn bind(address: &str) -> Result<TcpListener, DepotError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| DepotError::Listen { address: address.to_owned(), source })
}

fn router(service: &Arc<dyn Service>, site: &Arc<Site>) -> Router {
    let observed = Arc::clone(service)
        .routes()
        .layer(DefaultBodyLimit::max(usize::try_from(BODY_KIB_MAX).unwrap_or(0) * 1024))
        .fallback(async || Failure::not_found("there is nothing at this path"))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(site), admit))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(site), observe));
    let (for_health, for_metrics) = (Arc::clone(service), Arc::clone(service));
    let site = Arc::clone(site);
    observed.route("/health", get(async move || health(&*for_health).await)).route(
        "/metrics",
        get(async move || {
            let mut page = Page::default();
            site.metrics.write(&mut page);
            site.machine.write(&mut page);
            site.directory.write(&mut page);
            for_metrics.metrics(&mut page).await;
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page.into_text())
        }),
    )
}

/// Turns away who shows no credential that is good here.
async fn admit(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(CREDENTIAL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if GUARDED.contains(&site.facts.component.as_str()) && !site.machine.accepts(shown) {
        let detail = "the caller's credential is not accepted here";
        return Failure::new(StatusCode::FORBIDDEN, "credential_refused", detail).into_response();
    }
    next.run(request).await
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
async fn observe(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = match given {
        Some(id) if crate::base::names::is_name(id) => id.to_owned(),
        _ => crate::seed::token()[..16].to_owned(),
    };
    request.extensions_mut().insert(RequestId(id.clone()));
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut seen = Seen {
        site,
        request_id: id,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        route: route.unwrap_or_else(|| "other".to_owned()),
        watch: Stopwatch::start(),
        // What stays if the caller goes away and this future is dropped.
        status: 499,
        failure: None,
    };
    seen.site.metrics.begin();
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
    site: Arc<Site>,
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
        self.site.metrics.end(&finished);
        self.site.log.request(&finished);
    }
}
