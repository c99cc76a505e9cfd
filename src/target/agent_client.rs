//! Reaches a real target through its agent, and holds what both say to each other.
//!
//! All times are in milliseconds. A refusal is a 4xx answer with a [`Complaint`]; anything else that is no success is
//! no answer that can be trusted.

use super::{HandError, Injector, Inspection, Undone};
use crate::{
    base::{InjectionId, Span, supervise::Process},
    clock::BoxFuture,
    drill::effect::Arm,
    fault::{Fault, Fence, Presence},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The file in an agent's folder that says how to reach it.
pub const ACCESS: &str = "agent.json";
/// How long most answers may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an inject or undo may take: a roll-out waits for every instance.
const PATIENCE_LONG: Duration = Duration::from_secs(30);
/// Most bytes of an answer that is no success which are shown.
const COMPLAINT_CHARS_MAX: usize = 300;

/// How to reach an agent; readable by its owner alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `127.0.0.1:port`.
    pub address: String,
    /// The bearer token.
    pub token: String,
    /// The agent's process.
    pub pid: u32,
    /// The run of the machine that it belongs to.
    pub boot: String,
}

/// What an agent says of itself and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The target's name.
    pub target: String,
    /// The folder that everything lies under.
    pub root: PathBuf,
    /// The target says of itself that it is there to be broken.
    pub staging: bool,
    /// The run of the machine.
    pub boot: String,
    /// The agent's process.
    pub pid: u32,
    /// Every process has been started; before that nothing can be armed.
    pub ready: bool,
    /// The newest epoch that the agent has seen; older ones are refused.
    pub epoch: u64,
    /// Records that could not be read. What they held may still be broken, so nothing can be armed.
    pub damaged: Vec<String>,
}

/// Where an injection stands at its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Lease, pre-image and undo are stored. Nothing is changed.
    Armed,
    /// The effect is on its way, or half of it is there.
    Applying,
    /// The effect is there.
    Applied,
    /// It is being taken back; goes on until it is.
    Reverting,
    /// It was taken back because the engine said so.
    Reverted,
    /// The agent has let go by itself: the lease or the deadline ran out, or the agent was started again.
    Expired,
    /// Its token can never be used. There is no effect.
    Revoked,
    /// Somebody else changed the place. People decide.
    Diverged,
}

impl State {
    /// Whether an effect may be there that the agent has to take back.
    pub fn may_have_effect(self) -> bool {
        matches!(self, Self::Applying | Self::Applied | Self::Reverting)
    }

    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Reverted | Self::Expired | Self::Revoked)
    }
}

/// An injection in the agent's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The injection.
    pub id: InjectionId,
    /// The fault's kind; nothing for an id that was revoked before it was armed.
    pub fault: Option<String>,
    /// What of the target it touches.
    pub place: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Its token.
    pub fence: Option<Fence>,
    /// Until the agent lets go by itself; 0 when nothing is held.
    pub lease_left_ms: u64,
    /// Why it is where it is, in one line for instigators.
    pub note: String,
}

/// A question about a place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectAsk {
    /// What is looked for.
    pub fault: Fault,
}

/// What was seen there.
#[derive(Debug, Serialize, Deserialize)]
pub struct InspectAnswer {
    /// Whether the effect is there.
    pub presence: Presence,
    /// In one line, for instigators.
    pub detail: String,
}

/// The token that something is done under.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FenceAsk {
    /// The token.
    pub fence: Fence,
}

/// What an undo did.
#[derive(Debug, Serialize, Deserialize)]
pub struct UndoAnswer {
    /// See there.
    pub undone: Undone,
}

/// An engine's epoch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// See [`Fence::epoch`].
    pub epoch: u64,
}

/// The answer to a heartbeat.
#[derive(Debug, Serialize, Deserialize)]
pub struct HeartbeatAnswer {
    /// What the agent has taken back by itself.
    pub expired: Vec<InjectionId>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// A sentence for instigators.
    pub error: String,
    /// For programs.
    pub code: String,
}

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
        Ok(Self { http: http()?, access: Mutex::new(access), folder: Some(folder.to_owned()) })
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
            Ok(complaint) => complaint.error,
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
        let url = format!("http://{}{path}", access.address);
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
