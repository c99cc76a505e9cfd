//! Service discovery from an instance's side: it registers itself, renews that, and looks its neighbours up.
//!
//! The list of entries is kept and fetched again when it has changed. When the registry does not answer, the last list
//! stays in use. An instance registers when it starts and when it reads its configuration again; a renewal never
//! brings a lost entry back, so that whoever takes an instance out of the registry is not overruled a second later.

use super::{
    call::{Ask, Peer},
    config::Facts,
    host::{Ctx, Failure},
    machine::Machine,
    telemetry::{Log, Metrics, Page, Stopwatch},
};
use crate::clock::{Clock, SystemClock};
use axum::{
    body::Bytes,
    http::{HeaderValue, Method, StatusCode, header},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// How often an instance renews its entry, and at the same time hears whether the list has changed.
pub(super) const RENEW: crate::base::Span = crate::base::Span::from_secs(1);
/// How long the registry may take to answer, in milliseconds.
const TIMEOUT_MS: u64 = 800;

/// An instance as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) instance: String,
    pub(super) component: String,
    pub(super) datacenter: String,
    /// Its own address.
    pub(super) address: String,
    /// What a catalogue is at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<Role>,
}

/// Which of the catalogues takes writes: the primary of the highest term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) primary: bool,
    pub(super) term: u64,
}

/// The registry's answer to a listing.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Listing {
    pub(super) revision: u64,
    pub(super) entries: Vec<Entry>,
}

/// See the module.
pub(super) struct Directory {
    own: Mutex<Entry>,
    registry: Option<Peer>,
    /// By a neighbour's own address: where it is reached from here.
    routes: BTreeMap<String, String>,
    client: reqwest::Client,
    metrics: Arc<Metrics>,
    machine: Arc<Machine>,
    known: Mutex<Known>,
    registered: AtomicBool,
    again: Notify,
}

#[derive(Default)]
struct Known {
    list: Arc<Listing>,
    heard: Option<Stopwatch>,
}

impl Directory {
    pub(super) fn of(
        facts: &Facts,
        client: &reqwest::Client,
        metrics: &Arc<Metrics>,
        machine: &Arc<Machine>,
    ) -> Self {
        let own = Entry {
            instance: facts.name.clone(),
            component: facts.component.clone(),
            datacenter: facts.datacenter.clone(),
            address: facts.listen.clone(),
            role: None,
        };
        let peer = |address: &String| Peer::new("registry", address, client, metrics, machine);
        Self {
            own: Mutex::new(own),
            registry: facts.links.get("registry").map(peer),
            routes: facts.routes.clone(),
            client: client.clone(),
            metrics: Arc::clone(metrics),
            machine: Arc::clone(machine),
            known: Mutex::default(),
            registered: AtomicBool::new(false),
            again: Notify::new(),
        }
    }

    /// Tells the registry of a new role.
    pub(super) fn set_role(&self, role: Role) {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).role = Some(role);
        self.register_again();
    }

    /// Registers as soon as the registry answers.
    pub(super) fn register_again(&self) {
        self.registered.store(false, Ordering::Relaxed);
        self.again.notify_one();
    }

    fn own(&self) -> Entry {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn list(&self) -> Arc<Listing> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner).list)
    }

    fn peer(&self, entry: &Entry) -> Peer {
        // Without a route of its own, an address is reached as it is.
        let address = self.routes.get(&entry.address).unwrap_or(&entry.address);
        Peer::new(&entry.instance, address, &self.client, &self.metrics, &self.machine)
    }

    /// The instances of a component, by name.
    pub(super) fn all(&self, component: &str) -> Vec<Peer> {
        self.list()
            .entries
            .iter()
            .filter(|entry| entry.component == component)
            .map(|e| self.peer(e))
            .collect()
    }

    /// The only instance of a component.
    pub(super) fn one(&self, component: &str) -> Result<Peer, Failure> {
        self.all(component).into_iter().next().ok_or_else(|| none_listed(component))
    }

    /// Whether an instance is in `datacenter`.
    pub(super) fn is_in(&self, instance: &str, datacenter: &str) -> bool {
        self.list().entries.iter().any(|entry| entry.instance == instance && entry.datacenter == datacenter)
    }

    /// The catalogue that takes writes.
    pub(super) fn primary(&self) -> Result<Peer, Failure> {
        self.primary_entry().map(|(entry, _)| self.peer(&entry)).ok_or_else(|| none_listed("metadata"))
    }

    /// The catalogue that takes writes, and its term.
    pub(super) fn primary_entry(&self) -> Option<(Entry, u64)> {
        let list = self.list();
        let primaries = list.entries.iter().filter_map(|entry| match entry.role {
            Some(Role { primary: true, term }) => Some((entry.clone(), term)),
            _ => None,
        });
        primaries.max_by_key(|(_, term)| *term)
    }

    /// The catalogue in `datacenter`, whatever its role, or else the primary.
    pub(super) fn near_catalogue(&self, datacenter: &str) -> Result<Peer, Failure> {
        let list = self.list();
        let near = list.entries.iter().find(|entry| entry.role.is_some() && entry.datacenter == datacenter);
        near.map_or_else(|| self.primary(), |entry| Ok(self.peer(entry)))
    }

    /// Registers once and fetches the list, if the registry answers.
    pub(super) async fn begin(&self, log: &Log) {
        if let Some(registry) = &self.registry {
            self.register(registry, log).await;
            self.fetch(registry).await;
        }
    }

    /// Goes on for as long as the instance lives.
    pub(super) async fn keep(&self, log: &Log) {
        let Some(registry) = &self.registry else { return };
        let (mut was_known, mut answered) = (true, true);
        loop {
            tokio::select! {
                () = SystemClock.sleep_until(SystemClock.now() + RENEW) => {}
                () = self.again.notified() => {
                    self.register(registry, log).await;
                    was_known = true;
                }
            }
            if !self.registered.load(Ordering::Relaxed) && was_known {
                self.register(registry, log).await;
                continue;
            }
            let path = format!("/entries/{}/renew", self.own().instance);
            let reply = registry.ask(&Ctx::own("renew"), Ask::new(Method::POST, &path, TIMEOUT_MS)).await;
            let is_known = match &reply {
                Ok(reply) if reply.status == StatusCode::NOT_FOUND => false,
                Ok(reply) if reply.status.is_success() => true,
                _ => {
                    if answered {
                        log.error("the registry does not answer, the last list stays in use", json!({}));
                    }
                    answered = false;
                    continue;
                }
            };
            answered = true;
            if was_known && !is_known {
                let what = json!({ "detail": "a restart or a reload registers it again" });
                log.error("the registry has no entry of this instance", what);
            }
            was_known = is_known;
            self.registered.store(is_known, Ordering::Relaxed);
            self.hear(registry, reply.ok().and_then(|reply| serde_json::from_slice(&reply.body).ok())).await;
        }
    }

    async fn register(&self, registry: &Peer, log: &Log) {
        let own = self.own();
        let body = serde_json::to_vec(&own).unwrap_or_default();
        let ask = Ask::new(Method::PUT, &format!("/entries/{}", own.instance), TIMEOUT_MS)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(body));
        let reply = registry.ask(&Ctx::own("register"), ask).await;
        let done = reply.is_ok_and(|reply| reply.status.is_success());
        self.registered.store(done, Ordering::Relaxed);
        if done {
            log.info("registered", json!({ "address": own.address }));
        }
    }

    /// Fetches the list if its revision is not the one that is known.
    async fn hear(&self, registry: &Peer, told: Option<serde_json::Value>) {
        let revision = told.as_ref().and_then(|told| told["revision"].as_u64());
        let same = revision == Some(self.list().revision);
        if same {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).heard = Some(Stopwatch::start());
        } else {
            self.fetch(registry).await;
        }
    }

    async fn fetch(&self, registry: &Peer) {
        let ask = Ask::new(Method::GET, "/entries", TIMEOUT_MS);
        let Ok(reply) = registry.ask(&Ctx::own("entries"), ask).await else { return };
        if let Ok(list) = serde_json::from_slice(&reply.body) {
            let known = Known { list: Arc::new(list), heard: Some(Stopwatch::start()) };
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        }
    }

    /// Adds what the registry is to this instance.
    pub(super) fn write(&self, page: &mut Page) {
        if self.registry.is_none() {
            return;
        }
        let registered = f64::from(u8::from(self.registered.load(Ordering::Relaxed)));
        page.single("registry_registered", "gauge", "1 while the registry has this instance.", registered);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = known.list.entries.len() as f64;
        page.single("registry_list_entries", "gauge", "Entries in the list that is in use.", entries);
        let age = known.heard.map_or(f64::INFINITY, |at| at.elapsed().as_secs_f64());
        page.single("registry_list_age_seconds", "gauge", "Since the list was last confirmed.", age);
    }
}

fn none_listed(component: &str) -> Failure {
    let detail = format!("the registry lists no instance of {component}");
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "no_instance", detail)
}
