//! The paths, their codes and headers.

use super::{
    proxies::{Change, Proxies, Wanted},
    wire::{Complaint, Fields},
};
use crate::seed;
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The version of the API that is spoken; clients choose by it. `gameday` tells who answers.
const SPOKEN: &str = "2.12.0";

type All = State<Arc<Mutex<Proxies>>>;
type Answer = Result<Json<Value>, Complaint>;
type Nothing = Result<StatusCode, Complaint>;

/// Every path.
pub(super) fn router(proxies: Arc<Mutex<Proxies>>) -> Router {
    Router::new()
        .route("/reset", post(reset))
        .route("/proxies", get(index).post(create))
        .route("/populate", post(populate))
        .route("/proxies/{proxy}", get(show).post(update).patch(update).delete(remove))
        .route("/proxies/{proxy}/toxics", get(toxics).post(add))
        .route("/proxies/{proxy}/toxics/{toxic}", get(toxic).post(change).patch(change).delete(take_away))
        .route("/version", get(version))
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .layer(middleware::from_fn(guard))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(proxies)
}

/// Turns browser pages away, and gives every answer an id.
async fn guard(request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT);
    let mut answer = if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/")) {
        (StatusCode::FORBIDDEN, "User agent not allowed\n").into_response()
    } else {
        next.run(request).await
    };
    if let Ok(id) = HeaderValue::from_str(&seed::token()) {
        answer.headers_mut().insert("x-toxiproxy-request-id", id);
    }
    answer
}

async fn index(State(all): All) -> Json<Value> {
    Json(all.lock().await.index())
}

async fn create(State(all): All, body: Bytes) -> Result<(StatusCode, Json<Value>), Complaint> {
    let wanted = Wanted::of(&Fields::of(&body)?, None).await?;
    let made = all.lock().await.create(wanted).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn populate(State(all): All, body: Bytes) -> (StatusCode, Json<Value>) {
    let (made, failed) = match wanted(&body).await {
        Ok(wanted) => all.lock().await.populate(wanted).await,
        Err(complaint) => (Vec::new(), Some(complaint)),
    };
    let (mut answer, status) = match failed {
        None => (json!({}), StatusCode::CREATED),
        Some(complaint) => (complaint.written(), complaint.status),
    };
    answer["proxies"] = made.into();
    (status, Json(answer))
}

/// Every proxy of a list, before any of them is made.
async fn wanted(body: &Bytes) -> Result<Vec<Wanted>, Complaint> {
    let mut all = Vec::new();
    for (at, fields) in Fields::list_of(body)?.iter().enumerate() {
        all.push(Wanted::of(fields, Some(at + 1)).await?);
    }
    Ok(all)
}

async fn show(State(all): All, Path(name): Path<String>) -> Answer {
    all.lock().await.show(&name).map(Json)
}

async fn update(State(all): All, Path(name): Path<String>, body: Bytes) -> Answer {
    all.lock().await.show(&name)?;
    let change = Change::of(&Fields::of(&body)?).await?;
    all.lock().await.update(&name, &change).await.map(Json)
}

async fn remove(State(all): All, Path(name): Path<String>) -> Nothing {
    all.lock().await.remove(&name).await.map(|()| StatusCode::NO_CONTENT)
}

async fn reset(State(all): All) -> Nothing {
    all.lock().await.reset().await.map(|()| StatusCode::NO_CONTENT)
}

async fn toxics(State(all): All, Path(name): Path<String>) -> Answer {
    all.lock().await.toxics(&name).map(Json)
}

async fn add(State(all): All, Path(name): Path<String>, body: Bytes) -> Answer {
    all.lock().await.add(&name, &body).await.map(Json)
}

async fn toxic(State(all): All, Path((name, toxic)): Path<(String, String)>) -> Answer {
    all.lock().await.toxic(&name, &toxic).map(Json)
}

async fn change(State(all): All, Path((name, toxic)): Path<(String, String)>, body: Bytes) -> Answer {
    all.lock().await.change(&name, &toxic, &body).await.map(Json)
}

async fn take_away(State(all): All, Path((name, toxic)): Path<(String, String)>) -> Nothing {
    all.lock().await.take_away(&name, &toxic).await.map(|()| StatusCode::NO_CONTENT)
}

async fn version() -> Json<Value> {
    Json(json!({"version": SPOKEN, "gameday": env!("CARGO_PKG_VERSION")}))
}

async fn metrics(State(all): All) -> impl IntoResponse {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, all.lock().await.metrics())
}
