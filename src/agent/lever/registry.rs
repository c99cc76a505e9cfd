//! An instance's entry in a registry of services: removed, or leading to another instance. A registry that runs is asked;
//! without an agent nothing of it runs, and the file is mended that it reads when it starts.

use super::{Hands, LeverError, failed, refused, seen};
use crate::{
    agent::durable,
    base::ServiceName,
    fault::{Inspection, Presence, Undone},
    scenario::pack::RegistryLayout,
};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fs, path::PathBuf, pin::pin, time::Duration};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Permissions of the entries' file.
const MODE: u32 = 0o644;

/// The entry as it was, and what its address will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::unsafe_derive_deserialize,
    reason = "what is unsafe is within a macro of tokio, and not about fields"
)]
pub(in crate::agent) struct PreImage {
    /// Where the registry answers.
    pub address: String,
    /// The file of its entries.
    pub path: PathBuf,
    /// The instance.
    pub instance: String,
    /// Its whole entry.
    pub before: Value,
    /// Where the entry will lead; nothing: there will be none.
    pub ours: Option<String>,
}

fn registry<'a>(hands: &'a Hands, name: &str) -> Result<&'a RegistryLayout, LeverError> {
    let mut known = hands.layout.registries.iter();
    known
        .find(|layout| layout.service.as_str() == name)
        .ok_or_else(|| refused(format!("there is no registry `{name}` here")))
}

fn leads_to(entry: &Value) -> Option<&str> {
    entry["address"].as_str()
}

fn is_of(entry: &Value, instance: &str) -> bool {
    entry["instance"].as_str() == Some(instance)
}

impl PreImage {
    pub(super) async fn removed(
        hands: &Hands,
        name: &str,
        instance: &ServiceName,
    ) -> Result<Self, LeverError> {
        Self::take(hands, name, instance, None).await
    }

    pub(super) async fn redirected(
        hands: &Hands,
        name: &str,
        instance: &ServiceName,
        to: &ServiceName,
    ) -> Result<Self, LeverError> {
        let address = hands.instance(to)?.address.clone();
        if address.is_empty() {
            return Err(refused(format!("`{to}` listens nowhere: no entry can lead there")));
        }
        Self::take(hands, name, instance, Some(address)).await
    }

    async fn take(
        hands: &Hands,
        name: &str,
        instance: &ServiceName,
        ours: Option<String>,
    ) -> Result<Self, LeverError> {
        let layout = registry(hands, name)?;
        let mut pre = Self {
            address: layout.address.clone(),
            path: layout.path.clone(),
            instance: instance.to_string(),
            before: Value::Null,
            ours,
        };
        let entry = pre.entry(hands).await?;
        pre.before =
            entry.ok_or_else(|| refused(format!("registry `{name}` has no entry of `{instance}`")))?;
        match leads_to(&pre.before) {
            None => Err(refused(format!("the entry of `{instance}` says no address"))),
            now if now == pre.ours.as_deref() => {
                Err(refused(format!("the entry of `{instance}` leads there already")))
            }
            Some(_) => Ok(pre),
        }
    }

    /// Whether a second change would get into the undo of the first.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.path == other.path && self.instance == other.instance
    }

    pub(super) async fn apply(&self, hands: &Hands) -> Result<(), LeverError> {
        if self.entry(hands).await?.as_ref() != Some(&self.before) {
            return Err(refused(format!(
                "the entry of `{}` has changed since this was armed",
                self.instance
            )));
        }
        match &self.ours {
            None => self.remove().await,
            Some(address) => {
                let mut entry = self.before.clone();
                entry["address"] = address.as_str().into();
                self.put(hands, &entry).await
            }
        }
    }

    pub(super) async fn inspect(&self, hands: &Hands) -> Result<Inspection, LeverError> {
        let now = self.entry(hands).await?;
        let leads = now.as_ref().map(|entry| leads_to(entry).unwrap_or("nowhere"));
        let presence = if leads == self.ours.as_deref() {
            Presence::Present
        } else if leads == leads_to(&self.before) {
            Presence::Clean
        } else {
            Presence::Diverged
        };
        let detail = match leads {
            Some(address) => format!("the entry of {} leads to {address}", self.instance),
            None => format!("there is no entry of {}", self.instance),
        };
        Ok(seen(presence, detail))
    }

    pub(super) async fn undo(&self, hands: &Hands) -> Result<Undone, LeverError> {
        match self.inspect(hands).await?.presence {
            Presence::Clean => return Ok(Undone::AlreadyClean),
            Presence::Present => {}
            _ => return Ok(Undone::Diverged),
        }
        // What else of the entry has changed meanwhile stays: a role may have been taken over.
        let mut entry = self.entry(hands).await?.unwrap_or_else(|| self.before.clone());
        entry["address"] = self.before["address"].clone();
        self.put(hands, &entry).await?;
        Ok(Undone::Restored)
    }

    async fn entry(&self, hands: &Hands) -> Result<Option<Value>, LeverError> {
        let entries = if hands.supervisor.is_some() {
            let told = self.ask(Method::GET, "/entries", None).await?;
            told["entries"].as_array().cloned().ok_or_else(|| self.nonsense("no list of entries"))?
        } else {
            self.in_file()?
        };
        Ok(entries.into_iter().find(|entry| is_of(entry, &self.instance)))
    }

    fn in_file(&self) -> Result<Vec<Value>, LeverError> {
        let text = fs::read_to_string(&self.path).map_err(|err| failed("read", &self.path, &err))?;
        serde_json::from_str(&text).map_err(|err| self.nonsense(&err.to_string()))
    }

    async fn remove(&self) -> Result<(), LeverError> {
        self.ask(Method::DELETE, &format!("/entries/{}", self.instance), None).await.map(drop)
    }

    async fn put(&self, hands: &Hands, entry: &Value) -> Result<(), LeverError> {
        if hands.supervisor.is_some() {
            let path = format!("/entries/{}", self.instance);
            return self.ask(Method::PUT, &path, Some(entry)).await.map(drop);
        }
        let mut entries = self.in_file()?;
        entries.retain(|there| !is_of(there, &self.instance));
        entries.push(entry.clone());
        let text = serde_json::to_string_pretty(&entries).map_err(|err| self.nonsense(&err.to_string()))?;
        durable::replace(&self.path, format!("{text}\n").as_bytes(), MODE)
            .map_err(|err| failed("write", &self.path, &err))
    }

    fn nonsense(&self, why: &str) -> LeverError {
        LeverError::Failed(format!("could not understand the registry at {}: {why}", self.address))
    }

    /// One request to the registry; an empty answer is `null`.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, LeverError> {
        let what = format!("{method} {path} at {}", self.address);
        let work = async {
            let stream = TcpStream::connect(&self.address).await.map_err(|err| err.to_string())?;
            let shown = |err: hyper::Error| err.to_string();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(shown)?;
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header("host", &self.address)
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))
                .map_err(|err| err.to_string())?;
            let talk = async {
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                Ok::<_, hyper::Error>((status, answer.into_body().collect().await?.to_bytes()))
            };
            // The connection makes progress only while it is asked to. One that has ended has brought its answer, or the
            // talk ends with what is missing.
            let (mut talk, mut connection, mut is_open) = (pin!(talk), pin!(connection), true);
            let (status, bytes) = loop {
                tokio::select! {
                    answer = &mut talk => break answer.map_err(shown)?,
                    _ = &mut connection, if is_open => is_open = false,
                }
            };
            told(status, &bytes)
        };
        match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(why)) => Err(LeverError::Failed(format!("could not {what}: {why}"))),
            Err(_) => {
                let ms = PATIENCE.as_millis();
                Err(LeverError::Failed(format!("could not {what}: no answer within {ms} ms")))
            }
        }
    }
}

fn told(status: StatusCode, bytes: &[u8]) -> Result<Value, String> {
    if !status.is_success() {
        return Err(format!("it answered {}", status.as_u16()));
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|err| err.to_string())
}
