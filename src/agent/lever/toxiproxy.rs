//! A fault on a link that a toxiproxy carries, by its HTTP API. Such a server has no lease and knows nobody, so the agent
//! holds both: the toxics carry the injection's id, and only those are ever removed.

use super::{Hands, LeverError, refused, seen};
use crate::{
    base::{InjectionId, LinkName},
    fault::{
        Fault, Inspection, Presence, Undone,
        toxiproxy::{Change, Toxic, change},
    },
};
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// How long one answer may take; whoever asks for a look waits a little longer than for two of them.
const PATIENCE: Duration = Duration::from_secs(2);
/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Most of an answer that is shown.
const SAID_CHARS_MAX: usize = 200;

/// What is changed where, and what the proxy was like before. Enough to undo without the target's layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The link.
    pub link: LinkName,
    /// Where the API answers.
    pub api: String,
    /// The proxy's name there.
    pub proxy: String,
    /// What is changed.
    pub change: Change,
    /// Names of the toxics that others had set. They are left alone.
    pub before: BTreeSet<String>,
}

/// A proxy as the API shows it.
#[derive(Debug, Deserialize)]
struct Shown {
    enabled: bool,
    #[serde(default)]
    toxics: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

impl Shown {
    fn names(&self) -> BTreeSet<String> {
        self.toxics.iter().map(|toxic| toxic.name.clone()).collect()
    }
}

/// Toxics are called after the injection and their direction.
fn name_of(id: &InjectionId, toxic: &Toxic) -> String {
    format!("{id}_{}", toxic.stream)
}

impl PreImage {
    /// Takes only what can be seen, and a proxy that lets something through.
    pub(super) async fn take(
        hands: &Hands,
        id: &InjectionId,
        fault: &Fault,
    ) -> Result<Option<Self>, LeverError> {
        let crate::fault::Place::Link(link) = fault.place() else { return Ok(None) };
        let Some(by) = hands.layout.toxiproxies.iter().find(|one| one.link == link) else {
            return Ok(None);
        };
        let change = change(fault).map_err(refused)?;
        let (api, proxy) = (by.api.clone(), by.proxy.clone());
        let mut pre = Self { link, api, proxy, change, before: BTreeSet::new() };
        let now = pre.show().await?;
        if !now.enabled {
            return Err(refused(format!("{} is disabled: nothing comes through", pre.what())));
        }
        if let Some(taken) = pre.ours(id).find(|name| now.names().contains(name)) {
            return Err(refused(format!("{} has a toxic `{taken}` already", pre.what())));
        }
        pre.before = now.names();
        Ok(Some(pre))
    }

    /// The whole proxy is one place: two that disable it would get into each other's undo.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let same = self.api == other.api && self.proxy == other.proxy;
        same && self.change == Change::Disabled && other.change == Change::Disabled
    }

    fn what(&self) -> String {
        format!("the proxy `{}` of the toxiproxy at {}", self.proxy, self.api)
    }

    fn toxics(&self) -> &[Toxic] {
        match &self.change {
            Change::Toxics(toxics) => toxics,
            Change::Disabled => &[],
        }
    }

    fn ours(&self, id: &InjectionId) -> impl Iterator<Item = String> {
        self.toxics().iter().map(|toxic| name_of(id, toxic))
    }

    pub(super) async fn apply(&self, id: &InjectionId) -> Result<(), LeverError> {
        if self.change == Change::Disabled {
            return self.enable(false).await;
        }
        for toxic in self.toxics() {
            let body = json!({
                "name": name_of(id, toxic),
                "type": toxic.kind,
                "stream": toxic.stream,
                "toxicity": f64::from(toxic.toxicity_percent) / 100.0,
                "attributes": toxic.attributes,
            });
            self.ask(Method::POST, "/toxics", Some(&body)).await?;
        }
        Ok(())
    }

    /// What of ours is there. What others have set is none of our business, but an instigator may want to know of it.
    pub(super) async fn inspect(&self, id: &InjectionId) -> Result<Inspection, LeverError> {
        let now = self.show().await?;
        let there: Vec<_> = self.ours(id).filter(|name| now.names().contains(name)).collect();
        let what = self.what();
        Ok(match (&self.change, there.is_empty()) {
            (Change::Disabled, _) if now.enabled => seen(Presence::Clean, format!("{what} is enabled")),
            (Change::Disabled, _) => seen(Presence::Present, format!("{what} is disabled")),
            (_, false) => seen(Presence::Present, format!("{what} has {}", there.join(", "))),
            (_, true) => match self.before.difference(&now.names()).next() {
                None => seen(Presence::Clean, format!("{what} has no toxic of ours")),
                Some(gone) => {
                    let told =
                        format!("{what} has no toxic of ours; `{gone}`, which is not ours, is gone, too");
                    seen(Presence::Clean, told)
                }
            },
        })
    }

    pub(super) async fn undo(&self, id: &InjectionId) -> Result<Undone, LeverError> {
        let now = self.show().await?;
        if self.change == Change::Disabled {
            if now.enabled {
                return Ok(Undone::AlreadyClean);
            }
            return self.enable(true).await.map(|()| Undone::Restored);
        }
        let mut undone = Undone::AlreadyClean;
        for name in self.ours(id).filter(|name| now.names().contains(name)) {
            self.ask(Method::DELETE, &format!("/toxics/{name}"), None).await?;
            undone = Undone::Restored;
        }
        Ok(undone)
    }

    async fn enable(&self, enabled: bool) -> Result<(), LeverError> {
        self.ask(Method::POST, "", Some(&json!({"enabled": enabled}))).await.map(drop)
    }

    async fn show(&self) -> Result<Shown, LeverError> {
        let answer = self.ask(Method::GET, "", None).await?;
        serde_json::from_slice(&answer)
            .map_err(|err| LeverError::Failed(format!("could not understand {}: {err}", self.what())))
    }

    /// One call below the proxy's own path. Whatever is no success has failed: a 404 says no more than a time-out.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Vec<u8>, LeverError> {
        let failed = |why: String| LeverError::Failed(format!("could not {method} {}: {why}", self.what()));
        let url = format!("http://{}/proxies/{}{path}", self.api, self.proxy);
        let client = client().map_err(|err| failed(err.to_string()))?;
        let mut request = client.request(method.clone(), url);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let mut answer = request.send().await.map_err(|err| failed(root_of(&err)))?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|err| failed(root_of(&err)))? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(failed(format!("it answers more than {ANSWER_BYTES_MAX} bytes")));
            }
        }
        let status = answer.status();
        if status.is_success() {
            return Ok(bytes);
        }
        if status == StatusCode::NOT_FOUND && method == Method::DELETE {
            // Somebody has just taken it away.
            return Ok(Vec::new());
        }
        let said: String = String::from_utf8_lossy(&bytes).trim().chars().take(SAID_CHARS_MAX).collect();
        Err(failed(format!("it answered {status}: {said}")))
    }
}

/// The reason at the bottom, which is the one that says something.
fn root_of(err: &dyn std::error::Error) -> String {
    err.source().map_or_else(|| err.to_string(), root_of)
}

fn client() -> reqwest::Result<Client> {
    // The library wants a provider of cryptography even where none is used; a second one changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build()
}
