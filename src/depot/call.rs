//! How one service asks another: over its link, with a time limit, with the request's id.

use super::{
    error::DepotError,
    host::{Ctx, Failure},
    machine::Machine,
    telemetry::{Metrics, Stopwatch},
};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
};
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};

/// The header that carries a request's id from service to service.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries the credential of the service that asks.
pub(super) const CREDENTIAL: HeaderName = HeaderName::from_static("x-depot-credential");
/// The header that carries a content's version.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-object-version");

/// Another service, at the other end of a link.
#[derive(Clone)]
pub(super) struct Peer {
    name: String,
    base: String,
    client: reqwest::Client,
    metrics: Arc<Metrics>,
    machine: Arc<Machine>,
}

/// What is asked.
pub(super) struct Ask {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timeout: Duration,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallError {
    /// Not in time.
    Timeout,
    /// No connection, or a broken one.
    Unreachable(String),
}

impl Ask {
    pub(super) fn new(method: Method, path: &str, timeout_ms: u64) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_millis(timeout_ms),
        }
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// The client that a service asks all others with: keeps connections open, follows no proxy settings.
pub(super) fn client() -> Result<reqwest::Client, DepotError> {
    // The client wants to know a TLS provider even where nothing is encrypted. An error says that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder()
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(64)
        .pool_idle_timeout(Duration::from_secs(30))
        .build()?)
}

impl Peer {
    pub(super) fn new(
        name: &str,
        address: &str,
        client: &reqwest::Client,
        metrics: &Arc<Metrics>,
        machine: &Arc<Machine>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            base: format!("http://{address}"),
            client: client.clone(),
            metrics: Arc::clone(metrics),
            machine: Arc::clone(machine),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Asks once. Any answer is an `Ok`, whatever its status.
    pub(super) async fn ask(&self, ctx: &Ctx, ask: Ask) -> Result<Reply, CallError> {
        let watch = Stopwatch::start();
        let result = self.exchange(ctx, ask).await;
        let outcome = match &result {
            Ok(reply) if reply.status.is_server_error() => "error",
            Ok(_) => "answer",
            Err(CallError::Timeout) => "timeout",
            Err(CallError::Unreachable(_)) => "unreachable",
        };
        self.metrics.asked(&self.name, outcome, watch.elapsed());
        result
    }

    /// Asks up to `1 + retries` times, until there is an answer that is not a broken service's.
    pub(super) async fn ask_again(
        &self,
        ctx: &Ctx,
        retries: u64,
        mut make: impl FnMut() -> Ask,
    ) -> Result<Reply, CallError> {
        let mut left = retries;
        loop {
            let result = self.ask(ctx, make()).await;
            let again = match &result {
                // A full volume does not get emptier by asking again.
                Ok(reply) => {
                    reply.status.is_server_error() && reply.status != StatusCode::INSUFFICIENT_STORAGE
                }
                Err(_) => true,
            };
            if !again || left == 0 {
                return result;
            }
            left -= 1;
        }
    }

    async fn exchange(&self, ctx: &Ctx, ask: Ask) -> Result<Reply, CallError> {
        let error = |err: reqwest::Error| {
            if err.is_timeout() { CallError::Timeout } else { CallError::Unreachable(root_cause(&err)) }
        };
        let answer = self
            .client
            .request(ask.method, format!("{}{}", self.base, ask.path))
            .headers(ask.headers)
            .header(REQUEST_ID, ctx.request_id.as_str())
            .header(CREDENTIAL, self.machine.credential())
            .timeout(ask.timeout)
            .body(ask.body)
            .send()
            .await
            .map_err(error)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(error)?;
        Ok(Reply { status, headers, body })
    }

    /// The failure to answer with when this peer gave no answer.
    pub(super) fn failure(&self, err: &CallError) -> Failure {
        match err {
            CallError::Timeout => Failure::new(
                StatusCode::GATEWAY_TIMEOUT,
                "upstream_timeout",
                format!("{} did not answer in time", self.name),
            ),
            CallError::Unreachable(why) => Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "upstream_unreachable",
                format!("{} could not be reached: {why}", self.name),
            ),
        }
    }

    /// The failure to answer with when this peer answered with something that was not hoped for.
    pub(super) fn unexpected(&self, reply: &Reply) -> Failure {
        let status = match reply.status {
            passed @ (StatusCode::INSUFFICIENT_STORAGE | StatusCode::CONFLICT | StatusCode::BAD_REQUEST) => {
                passed
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let detail = body["detail"].as_str().unwrap_or_default();
        let code = match body["error"].as_str() {
            Some("quota_exceeded") => "quota_exceeded",
            _ if status == StatusCode::INSUFFICIENT_STORAGE => "storage_full",
            _ => "upstream_error",
        };
        Failure::new(status, code, format!("{} answered {}: {detail}", self.name, reply.status.as_u16()))
    }

    /// What a good answer's body says.
    pub(super) fn json<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, Failure> {
        serde_json::from_slice(&reply.body).map_err(|err| {
            Failure::new(
                StatusCode::BAD_GATEWAY,
                "upstream_nonsense",
                format!("{} answered something that cannot be read: {err}", self.name),
            )
        })
    }
}

fn root_cause(err: &dyn std::error::Error) -> String {
    let mut cause = err;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
