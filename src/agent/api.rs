//! The agent's HTTP API: loopback, a bearer token, JSON. Each path is one rule of the keeper.

use super::{
    keeper::{Keeper, KeeperError},
    supervisor::Supervisor,
};
use crate::{
    base::InjectionId,
    drill::effect::Arm,
    fault::protocol::{
        Attestation, Complaint, Epoch, FenceAsk, HeartbeatAnswer, InspectAnswer, InspectAsk, OperateAnswer,
        OperateAsk, UndoAnswer,
    },
};
use axum::{
    Json, Router,
    extract::{
        DefaultBodyLimit, FromRequest, Path, Request, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;
use std::sync::{Arc, atomic::Ordering::SeqCst};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What all handlers share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) keeper: Arc<Keeper>,
    pub(super) supervisor: Supervisor,
    pub(super) token: Arc<str>,
    pub(super) boot: Arc<str>,
    pub(super) end: CancellationToken,
}

/// An answer that is no success.
struct Failure(StatusCode, Complaint);

impl Failure {
    fn new(status: StatusCode, code: &str, error: impl Into<String>) -> Self {
        let (error, code) = (error.into(), code.to_owned());
        Self(status, Complaint { error, code })
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<KeeperError> for Failure {
    fn from(err: KeeperError) -> Self {
        let text = err.to_string();
        match err {
            KeeperError::Refused { code, .. } => Self::new(StatusCode::CONFLICT, code, text),
            KeeperError::NoSuch(_) => Self::new(StatusCode::NOT_FOUND, "no-such", text),
            KeeperError::Failed(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "failed", text),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), "bad-request", rejection.body_text())
    }
}

/// A JSON body whose refusal is JSON too.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

type Id = Result<Path<InjectionId>, PathRejection>;
type Answer<T> = Result<Json<T>, Failure>;

/// Runs to its end even if the caller goes away: an inject or undo is never left half done for that.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, KeeperError>> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::spawn(work).await {
        Ok(done) => Ok(done?),
        Err(err) => Err(KeeperError::Failed(format!("could not finish: {err}")).into()),
    }
}

/// Every path.
pub(super) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/v1/attestation", get(attestation))
        .route("/v1/injections", get(list))
        .route("/v1/injections/{id}/inspect", post(inspect))
        .route("/v1/injections/{id}/arm", post(arm))
        .route("/v1/injections/{id}/inject", post(inject))
        .route("/v1/injections/{id}/revoke", post(revoke))
        .route("/v1/injections/{id}/undo", post(undo))
        .route("/v1/heartbeat", post(heartbeat))
        .route("/v1/epoch", post(take_epoch))
        .route("/v1/processes", get(processes))
        .route("/v1/operate", post(operate))
        .route("/v1/shutdown", post(shutdown))
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no-such-path", "no such path"))
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Failure::new(status, "bad-method", "this path takes another method")
        })
        .layer(axum::middleware::from_fn_with_state(shared.clone(), authorize))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

async fn authorize(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if !bool::from(given.ct_eq(shared.token.as_bytes())) {
        let status = StatusCode::UNAUTHORIZED;
        return Failure::new(status, "unauthorized", "the agent's token is needed").into_response();
    }
    shared.keeper.contact();
    next.run(request).await
}

async fn attestation(State(shared): State<Shared>) -> Json<Attestation> {
    let keeper = &shared.keeper;
    let layout = &keeper.hands.layout;
    Json(Attestation {
        target: layout.target.clone(),
        root: layout.root.clone(),
        staging: super::attestation::read(&layout.root).ok(),
        refuses: super::guard::check(&layout.root).err().map(|denied| denied.complaint()),
        boot: shared.boot.to_string(),
        pid: std::process::id(),
        ready: keeper.ready.load(SeqCst),
        epoch: keeper.epoch().await,
        damaged: keeper.damaged.clone(),
    })
}

async fn list(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.keeper.list())
}

async fn processes(State(shared): State<Shared>) -> impl IntoResponse {
    Json(shared.supervisor.list())
}

async fn inspect(State(shared): State<Shared>, id: Id, Body(ask): Body<InspectAsk>) -> Answer<InspectAnswer> {
    let Path(id) = id?;
    let seen = shared.keeper.inspect(&id, &ask.fault).await;
    Ok(Json(InspectAnswer { presence: seen.presence, detail: seen.detail }))
}

async fn arm(State(shared): State<Shared>, id: Id, Body(arm): Body<Arm>) -> Answer<()> {
    let Path(id) = id?;
    if arm.id != id {
        let why = "the body speaks of another injection than the path";
        return Err(Failure::new(StatusCode::BAD_REQUEST, "bad-request", why));
    }
    let keeper = shared.keeper;
    to_the_end(async move { keeper.arm(arm).await }).await?;
    Ok(Json(()))
}

async fn inject(State(shared): State<Shared>, id: Id, Body(ask): Body<FenceAsk>) -> Answer<()> {
    let Path(id) = id?;
    let keeper = shared.keeper;
    to_the_end(async move { keeper.inject(&id, ask.fence).await }).await?;
    Ok(Json(()))
}

async fn revoke(State(shared): State<Shared>, id: Id, Body(ask): Body<FenceAsk>) -> Answer<()> {
    let Path(id) = id?;
    let keeper = shared.keeper;
    to_the_end(async move { keeper.revoke(&id, ask.fence).await }).await?;
    Ok(Json(()))
}

async fn undo(State(shared): State<Shared>, id: Id, Body(ask): Body<FenceAsk>) -> Answer<UndoAnswer> {
    let Path(id) = id?;
    let keeper = shared.keeper;
    let undone = to_the_end(async move { keeper.undo(&id, ask.fence).await }).await?;
    Ok(Json(UndoAnswer { undone }))
}

async fn heartbeat(State(shared): State<Shared>, Body(ask): Body<Epoch>) -> Answer<HeartbeatAnswer> {
    let expired = shared.keeper.heartbeat(ask.epoch).await?;
    Ok(Json(HeartbeatAnswer { expired }))
}

async fn take_epoch(State(shared): State<Shared>) -> Answer<Epoch> {
    let keeper = shared.keeper;
    let epoch = to_the_end(async move { keeper.take_epoch().await }).await?;
    Ok(Json(Epoch { epoch }))
}

async fn operate(State(shared): State<Shared>, Body(ask): Body<OperateAsk>) -> Answer<OperateAnswer> {
    let layout = Arc::clone(&shared.keeper.hands.layout);
    Ok(Json(super::operate::operate(&layout, &ask.argv).await))
}

async fn shutdown(State(shared): State<Shared>) -> Json<()> {
    shared.end.cancel();
    Json(())
}
