//! Reaches a real target through its agent, and holds what both say to each other.
//!
//! All times are in milliseconds. A refusal is a 4xx answer with a [`Complaint`]; anything else that is no success is
//! no answer that can be trusted.

use super::{HandError, Injector, Operator, pinned};
use crate::{
    base::{InjectionId, Span, supervise::Process},
    clock::BoxFuture,
    drill::effect::Arm,
    fault::{
        Fault, Fence, Inspection, Undone,
        protocol::{
            ACCESS, Access, Attestation, Complaint, Epoch, FenceAsk, HeartbeatAnswer, InspectAnswer,
            InspectAsk, Listed, OperateAnswer, OperateAsk, UndoAnswer,
        },
    },
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long most answers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an inject or undo may take: a roll-out waits for every instance.
const PATIENCE_LONG: Duration = Duration::from_secs(30);
/// How long an operation may take; the agent kills it before that.
const PATIENCE_OPERATION: Duration = Duration::from_secs(125);
/// Most bytes of an answer that is no success which are shown.
const COMPLAINT_CHARS_MAX: usize = 300;

/// A client of one agent.
#[derive(Debug)]
pub struct AgentClient {
    http: reqwest::Client,
    access: Mutex<Access>,
    /// Where to look again when the agent has been started anew.
    folder: Option<PathBuf>,
}

impl AgentClient {
    /// The agent that works on this folder. Does not call it yet.
    pub fn connect(folder: &Path) -> Result<Self, HandError> {
        let access = read_access(folder)?;
        Ok(Self { http: http_to(&access)?, access: Mutex::new(access), folder: Some(folder.to_owned()) })
    }

    /// The agent at an address, `127.0.0.1:port`.
    pub fn at(address: &str, token: &str) -> Result<Self, HandError> {
        Ok(Self {
            http: http()?,
            access: Mutex::new(Access {
                address: address.to_owned(),
                token: token.to_owned(),
                pid: 0,
                boot: String::new(),
                fingerprint: None,
            }),
            folder: None,
        })
    }

    /// What the agent says of itself.
    pub async fn attestation(&self) -> Result<Attestation, HandError> {
        self.get("/v1/attestation").await
    }

    /// Everything that it holds or has held lately.
    pub async fn injections(&self) -> Result<Vec<Listed>, HandError> {
        self.get("/v1/injections").await
    }

    /// The supervised processes, in start order.
    pub async fn processes(&self) -> Result<Vec<Process>, HandError> {
        self.get("/v1/processes").await
    }

    /// Takes a new epoch, newer than any that the agent has seen. What older ones do from now on is refused.
    pub async fn take_epoch(&self) -> Result<u64, HandError> {
        let taken: Epoch = self.post("/v1/epoch", &serde_json::json!({}), PATIENCE).await?;
        Ok(taken.epoch)
    }

    /// Ends the agent and its target. What it holds is taken back first.
    pub async fn shutdown(&self) -> Result<(), HandError> {
        self.post("/v1/shutdown", &serde_json::json!({}), PATIENCE).await
    }

    fn access(&self) -> Access {
        let access = self.access.lock().unwrap_or_else(PoisonError::into_inner);
        access.clone()
    }

    /// Whether the agent is reached in another way than it was.
    fn has_moved(&self, from: &Access) -> bool {
        let Some(Ok(now)) = self.folder.as_deref().map(read_access) else {
            return false;
        };
        let moved = now != *from;
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = now;
        moved
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HandError> {
        self.call(path, None, PATIENCE).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        patience: Duration,
    ) -> Result<T, HandError> {
        let body = serde_json::to_vec(body)
            .map_err(|err| HandError::Refused(format!("could not be written as JSON: {err}")))?;
        self.call(path, Some(body), patience).await
    }

    async fn act<T: DeserializeOwned>(
        &self,
        id: &InjectionId,
        what: &str,
        body: &(impl Serialize + Sync),
        patience: Duration,
    ) -> Result<T, HandError> {
        let path = format!("/v1/injections/{id}/{what}");
        self.post(&path, body, patience).await
    }

    /// Calls, and once more where the agent is now if it was started anew. Everything may be said twice.
    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<T, HandError> {
        let access = self.access();
        let first = self.call_once(&access, path, body.clone(), patience).await;
        let (status, bytes) = match first {
            Ok((status, _)) if status.as_u16() == 401 && self.has_moved(&access) => {
                self.call_once(&self.access(), path, body, patience).await?
            }
            Err(_) if self.has_moved(&access) => self.call_once(&self.access(), path, body, patience).await?,
            first => first?,
        };
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|err| {
                HandError::Unavailable(format!("could not understand the agent's answer: {err}"))
            });
        }
        let complaint = match serde_json::from_slice::<Complaint>(&bytes) {
            Ok(Complaint { error, code }) => format!("{error} ({code})"),
            Err(_) => String::from_utf8_lossy(&bytes).chars().take(COMPLAINT_CHARS_MAX).collect(),
        };
        Err(if status.is_client_error() {
            HandError::Refused(complaint)
        } else {
            HandError::Unavailable(format!("the agent answered {status}: {complaint}"))
        })
    }

    async fn call_once(
        &self,
        access: &Access,
        path: &str,
        body: Option<Vec<u8>>,
        patience: Duration,
    ) -> Result<(reqwest::StatusCode, Vec<u8>), HandError> {
        let scheme = if access.fingerprint.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}{path}", access.address);
        let request = match body {
            None => self.http.get(url),
            Some(body) => self.http.post(url).header("content-type", "application/json").body(body),
        };
        let unavailable = |err: reqwest::Error| {
            HandError::Unavailable(format!("could not reach the agent: {}", root_of(&err)))
        };
        let response =
            request.bearer_auth(&access.token).timeout(patience).send().await.map_err(unavailable)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(unavailable)?;
        Ok((status, bytes.to_vec()))
    }
}

/// The reason at the bottom, which is the one that says something.
fn root_of(err: &dyn std::error::Error) -> String {
    err.source().map_or_else(|| err.to_string(), root_of)
}

fn read_access(folder: &Path) -> Result<Access, HandError> {
    let path = folder.join(ACCESS);
    let text = std::fs::read(&path)
        .map_err(|err| HandError::Unavailable(format!("could not read {}: {err}", path.display())))?;
    serde_json::from_slice(&text)
        .map_err(|err| HandError::Unavailable(format!("could not understand {}: {err}", path.display())))
}

/// A client for one agent: over TLS where its certificate is known.
fn http_to(access: &Access) -> Result<reqwest::Client, HandError> {
    let failed = |why: String| HandError::Unavailable(format!("could not make a client: {why}"));
    let Some(fingerprint) = &access.fingerprint else { return http() };
    let tls = pinned::config(fingerprint).map_err(|err| failed(err.to_string()))?;
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Span::from_secs(2).std())
        .tls_backend_preconfigured(tls)
        .build()
        .map_err(|err| failed(err.to_string()))
}

pub(super) fn http() -> Result<reqwest::Client, HandError> {
    // The library wants a provider of cryptography even where none is used; a second one changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Span::from_secs(2).std())
        .build()
        .map_err(|err| HandError::Unavailable(format!("could not make a client: {err}")))
}

impl Injector for AgentClient {
    fn inspect<'a>(
        &'a self,
        id: &'a InjectionId,
        fault: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        Box::pin(async move {
            let ask = InspectAsk { fault: fault.clone() };
            let seen: InspectAnswer = self.act(id, "inspect", &ask, PATIENCE).await?;
            Ok(Inspection { presence: seen.presence, detail: seen.detail })
        })
    }

    fn arm<'a>(&'a self, arm: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(self.act(&arm.id, "arm", arm, PATIENCE))
    }

    fn inject<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async move { self.act(id, "inject", &FenceAsk { fence }, PATIENCE_LONG).await })
    }

    fn revoke<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        // It waits for an inject that is in progress.
        Box::pin(async move { self.act(id, "revoke", &FenceAsk { fence }, PATIENCE_LONG).await })
    }

    fn undo<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        Box::pin(async move {
            let answer: UndoAnswer = self.act(id, "undo", &FenceAsk { fence }, PATIENCE_LONG).await?;
            Ok(answer.undone)
        })
    }

    fn heartbeat(&self, epoch: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        Box::pin(async move {
            let answer: HeartbeatAnswer = self.post("/v1/heartbeat", &Epoch { epoch }, PATIENCE).await?;
            Ok(answer.expired)
        })
    }
}

/// On the agent's own host, by the target's own tool.
impl Operator for AgentClient {
    fn operate<'a>(&'a self, argv: &'a [String]) -> BoxFuture<'a, (Option<i32>, String)> {
        Box::pin(async move {
            let ask = OperateAsk { argv: argv.to_vec() };
            let answer: Result<OperateAnswer, _> = self.post("/v1/operate", &ask, PATIENCE_OPERATION).await;
            answer.map_or_else(|err| (None, err.to_string()), |answer| (answer.code, answer.output))
        })
    }
}
