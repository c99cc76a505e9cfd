//! The proxies that clients made, with their toxics.

use super::wire::{Complaint, Fields, Spec, address};
use crate::{
    agent::{
        durable,
        proxy::{Carried, Counters, Proxy, ProxyError},
    },
    base::InjectionId,
    scenario::pack::LinkLayout,
    seed::Seed,
};
use axum::{body::Bytes, http::StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Most proxies at a time.
const PROXIES_MAX: usize = 1000;
/// Most toxics of one proxy.
const TOXICS_MAX: usize = 100;

/// All of them.
#[derive(Debug)]
pub(super) struct Proxies {
    all: BTreeMap<String, Entry>,
    seed: Seed,
    /// Counts what was ever made; names its streams of numbers.
    made: u64,
    file: Option<PathBuf>,
}

/// One proxy. It listens while it is enabled.
#[derive(Debug)]
struct Entry {
    name: String,
    number: u64,
    listen: SocketAddr,
    upstream: String,
    open: Option<Proxy>,
    toxics: Vec<(InjectionId, Spec)>,
    /// What went through before it was disabled.
    before: (Carried, Carried),
}

/// What a client asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    name: String,
    listen: SocketAddr,
    upstream: String,
    enabled: bool,
}

impl Wanted {
    /// A new proxy; `nth` names it in a list.
    pub(super) async fn of(fields: &Fields, nth: Option<usize>) -> Result<Self, Complaint> {
        let required = |name: &str, value: Option<String>| {
            let place = nth.map_or_else(String::new, |nth| format!(" at proxy {nth}"));
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| Complaint::missing(format!("{name}{place}")))
        };
        let (name, listen, upstream) =
            (fields.text("name")?, fields.text("listen")?, fields.text("upstream")?);
        let enabled = fields.truth("enabled")?.unwrap_or(true);
        let (name, upstream) = (required("name", name)?, required("upstream", upstream)?);
        let listen = address(&listen.unwrap_or_default()).await?;
        Ok(Self { name, listen, upstream, enabled })
    }
}

impl Entry {
    fn written(&self) -> Value {
        json!({
            "name": self.name,
            "listen": self.listen.to_string(),
            "upstream": self.upstream,
            "enabled": self.open.is_some(),
            "toxics": self.toxics_written(),
        })
    }

    /// The toxics, upstream ones first.
    fn toxics_written(&self) -> Vec<Value> {
        let of = |upstream: bool| {
            let specs = self.toxics.iter().map(|(_, spec)| spec);
            specs.filter(move |spec| spec.is_upstream == upstream).map(Spec::written)
        };
        of(true).chain(of(false)).collect()
    }

    async fn enable(&mut self, seed: Seed) -> Result<(), Complaint> {
        if self.open.is_some() {
            return Ok(());
        }
        let link = format!("proxy-{}", self.number);
        let layout = LinkLayout {
            link: link.parse().map_err(|_| Complaint::bad("too many proxies were made"))?,
            listen: self.listen.to_string(),
            upstream: self.upstream.clone(),
            distance_ms: 0,
            http: false,
        };
        let proxy = Proxy::open(&layout, seed).await.map_err(|error| cannot_listen(self.listen, &error))?;
        for (id, spec) in &self.toxics {
            proxy.set(id, spec.toxic());
        }
        self.listen = proxy.local_addr();
        self.open = Some(proxy);
        Ok(())
    }

    async fn disable(&mut self) {
        if let Some(proxy) = self.open.take() {
            let Counters { up, down, .. } = proxy.counters();
            self.before = (plus(self.before.0, up), plus(self.before.1, down));
            proxy.close().await;
        }
    }

    fn carried(&self) -> (Carried, Carried) {
        let Counters { up, down, .. } = self.open.as_ref().map(Proxy::counters).unwrap_or_default();
        (plus(self.before.0, up), plus(self.before.1, down))
    }

    fn place_of(&self, toxic: &str) -> Result<usize, Complaint> {
        let place = self.toxics.iter().position(|(_, spec)| spec.name == toxic);
        place.ok_or_else(Complaint::no_toxic)
    }
}

fn plus(a: Carried, b: Carried) -> Carried {
    Carried {
        received_bytes: a.received_bytes.saturating_add(b.received_bytes),
        sent_bytes: a.sent_bytes.saturating_add(b.sent_bytes),
    }
}

fn cannot_listen(at: SocketAddr, error: &ProxyError) -> Complaint {
    let why = match error {
        ProxyError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
            "address already in use".to_owned()
        }
        ProxyError::Listen { source, .. } | ProxyError::Address { source, .. } => source.to_string(),
    };
    Complaint::new(StatusCode::INTERNAL_SERVER_ERROR, format!("listen tcp {at}: bind: {why}"))
}

impl Proxies {
    /// None, and they are forgotten at the end.
    pub(super) fn new(seed: Seed) -> Self {
        Self { all: BTreeMap::new(), seed, made: 0, file: None }
    }

    /// Those that were kept in a file. One whose address is taken comes back disabled.
    pub(super) async fn kept_in(file: &Path, seed: Seed) -> io::Result<Self> {
        let mut proxies = Self { file: Some(file.to_owned()), ..Self::new(seed) };
        let kept = match std::fs::read(file) {
            Ok(kept) => Bytes::from(kept),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(proxies),
            Err(error) => return Err(error),
        };
        let damaged = |complaint: Complaint| io::Error::other(complaint.message);
        let bodies: Vec<Value> = serde_json::from_slice(&kept)?;
        for (fields, body) in Fields::list_of(&kept).map_err(damaged)?.iter().zip(bodies) {
            let mut wanted = Wanted::of(fields, None).await.map_err(damaged)?;
            let (name, enabled) = (wanted.name.clone(), std::mem::take(&mut wanted.enabled));
            proxies.make(wanted).await.map_err(damaged)?;
            let toxics = Bytes::from(body["toxics"].to_string());
            for toxic in Fields::list_of(&toxics).map_err(damaged)? {
                proxies.take_in(&name, Spec::of(&toxic).map_err(damaged)?).map_err(damaged)?;
            }
            if enabled && let Err(complaint) = proxies.entry(&name).map_err(damaged)?.enable(seed).await {
                tracing::warn!(proxy = name, "could not be opened again: {}", complaint.message);
            }
        }
        Ok(proxies)
    }

    fn entry(&mut self, name: &str) -> Result<&mut Entry, Complaint> {
        self.all.get_mut(name).ok_or_else(Complaint::no_proxy)
    }

    fn look(&self, name: &str) -> Result<&Entry, Complaint> {
        self.all.get(name).ok_or_else(Complaint::no_proxy)
    }

    /// All of them by name.
    pub(super) fn index(&self) -> Value {
        self.all.iter().map(|(name, entry)| (name.clone(), entry.written())).collect()
    }

    /// One of them.
    pub(super) fn show(&self, name: &str) -> Result<Value, Complaint> {
        self.look(name).map(Entry::written)
    }

    async fn make(&mut self, wanted: Wanted) -> Result<Value, Complaint> {
        if self.all.len() >= PROXIES_MAX {
            return Err(Complaint::bad(format!("there are {PROXIES_MAX} proxies already")));
        }
        let Wanted { name, listen, upstream, enabled } = wanted;
        let mut entry = Entry {
            name: name.clone(),
            number: self.made,
            listen,
            upstream,
            open: None,
            toxics: Vec::new(),
            before: (Carried::default(), Carried::default()),
        };
        // One that is to be disabled is opened for a moment if its port is still to be chosen.
        if enabled || listen.port() == 0 {
            entry.enable(self.seed).await?;
        }
        if !enabled {
            entry.disable().await;
        }
        self.made += 1;
        let written = entry.written();
        self.all.insert(name, entry);
        Ok(written)
    }

    /// Makes one.
    pub(super) async fn create(&mut self, wanted: Wanted) -> Result<Value, Complaint> {
        if self.all.contains_key(&wanted.name) {
            return Err(Complaint::new(StatusCode::CONFLICT, "proxy already exists"));
        }
        let made = self.make(wanted).await?;
        self.keep().await;
        Ok(made)
    }

    /// Makes those that are not there as they are wanted: what was made or found, and why not all.
    pub(super) async fn populate(&mut self, all: Vec<Wanted>) -> (Vec<Value>, Option<Complaint>) {
        let (mut made, mut failed) = (Vec::new(), None);
        for wanted in all {
            if let Some(entry) = self.all.get_mut(&wanted.name) {
                if entry.listen == wanted.listen && entry.upstream == wanted.upstream {
                    made.push(entry.written());
                    continue;
                }
                entry.disable().await;
                self.all.remove(&wanted.name);
            }
            match self.make(wanted).await {
                Ok(written) => made.push(written),
                Err(complaint) => {
                    failed = Some(complaint);
                    break;
                }
            }
        }
        self.keep().await;
        (made, failed)
    }

    /// Changes where one listens, where it leads, and whether it is enabled.
    pub(super) async fn update(&mut self, name: &str, change: &Change) -> Result<Value, Complaint> {
        let seed = self.seed;
        let entry = self.entry(name)?;
        let listen = change.listen.unwrap_or(entry.listen);
        let upstream = change.upstream.clone().unwrap_or_else(|| entry.upstream.clone());
        let enabled = change.enabled.unwrap_or(entry.open.is_some());
        if listen != entry.listen || upstream != entry.upstream {
            entry.disable().await;
            (entry.listen, entry.upstream) = (listen, upstream);
        }
        let done = if enabled {
            entry.enable(seed).await
        } else {
            entry.disable().await;
            Ok(())
        };
        let written = entry.written();
        self.keep().await;
        done.map(|()| written)
    }

    /// Takes one away, with its connections.
    pub(super) async fn remove(&mut self, name: &str) -> Result<(), Complaint> {
        self.entry(name)?.disable().await;
        self.all.remove(name);
        self.keep().await;
        Ok(())
    }

    /// Enables all of them and takes every toxic away.
    pub(super) async fn reset(&mut self) -> Result<(), Complaint> {
        let (mut done, seed) = (Ok(()), self.seed);
        for entry in self.all.values_mut() {
            for (id, _) in entry.toxics.drain(..) {
                entry.open.as_ref().map(|proxy| proxy.remove(&id));
            }
            done = done.and(entry.enable(seed).await);
        }
        self.keep().await;
        done
    }

    /// The toxics of one proxy.
    pub(super) fn toxics(&self, name: &str) -> Result<Value, Complaint> {
        self.look(name).map(|entry| entry.toxics_written().into())
    }

    /// One toxic.
    pub(super) fn toxic(&self, name: &str, toxic: &str) -> Result<Value, Complaint> {
        let entry = self.look(name)?;
        entry.place_of(toxic).map(|place| entry.toxics[place].1.written())
    }

    fn take_in(&mut self, name: &str, spec: Spec) -> Result<Value, Complaint> {
        let made = self.made;
        let entry = self.entry(name)?;
        if entry.place_of(&spec.name).is_ok() {
            return Err(Complaint::new(StatusCode::CONFLICT, "toxic already exists"));
        }
        if entry.toxics.len() >= TOXICS_MAX {
            return Err(Complaint::bad(format!("there are {TOXICS_MAX} toxics already")));
        }
        let id: InjectionId =
            format!("toxic-{made}").parse().map_err(|_| Complaint::bad("too many toxics were made"))?;
        let written = spec.written();
        if let Some(proxy) = &entry.open {
            proxy.set(&id, spec.toxic());
        }
        entry.toxics.push((id, spec));
        self.made += 1;
        Ok(written)
    }

    /// Adds a toxic.
    pub(super) async fn add(&mut self, name: &str, body: &Bytes) -> Result<Value, Complaint> {
        self.look(name)?;
        let written = self.take_in(name, Spec::of(&Fields::of(body)?)?)?;
        self.keep().await;
        Ok(written)
    }

    /// Changes a toxic's attributes or toxicity.
    pub(super) async fn change(&mut self, name: &str, toxic: &str, body: &Bytes) -> Result<Value, Complaint> {
        let entry = self.entry(name)?;
        let place = entry.place_of(toxic)?;
        let (id, spec) = &mut entry.toxics[place];
        *spec = spec.updated(&Fields::of(body)?)?;
        if let Some(proxy) = &entry.open {
            proxy.set(id, spec.toxic());
        }
        let written = spec.written();
        self.keep().await;
        Ok(written)
    }

    /// Takes a toxic away.
    pub(super) async fn take_away(&mut self, name: &str, toxic: &str) -> Result<(), Complaint> {
        let entry = self.entry(name)?;
        let (id, _) = entry.toxics.remove(entry.place_of(toxic)?);
        entry.open.as_ref().map(|proxy| proxy.remove(&id));
        self.keep().await;
        Ok(())
    }

    /// Bytes so far, as Prometheus reads them.
    pub(super) fn metrics(&self) -> String {
        let mut text = String::new();
        let quoted = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        for (what, bytes) in [
            ("received", (|carried| carried.received_bytes) as fn(Carried) -> u64),
            ("sent", |carried| carried.sent_bytes),
        ] {
            let name = format!("toxiproxy_proxy_{what}_bytes_total");
            let _ = writeln!(text, "# TYPE {name} counter");
            for entry in self.all.values() {
                let (up, down) = entry.carried();
                for (direction, carried) in [("upstream", up), ("downstream", down)] {
                    let _ = writeln!(
                        text,
                        "{name}{{direction=\"{direction}\",listener=\"{}\",proxy=\"{}\",upstream=\"{}\"}} {}",
                        entry.listen,
                        quoted(&entry.name),
                        quoted(&entry.upstream),
                        bytes(carried)
                    );
                }
            }
        }
        text
    }

    /// Writes everything down, if it is to survive.
    async fn keep(&self) {
        let Some(file) = self.file.clone() else { return };
        let all: Vec<_> = self.all.values().map(Entry::written).collect();
        let text = Value::from(all).to_string();
        let kept = tokio::task::spawn_blocking(move || durable::replace(&file, text.as_bytes(), 0o600)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!("could not keep the proxies: {error}");
        }
    }

    /// Closes all of them.
    pub(super) async fn close(&mut self) {
        for entry in self.all.values_mut() {
            entry.disable().await;
        }
    }
}

/// What is to be different about a proxy.
#[derive(Debug)]
pub(super) struct Change {
    listen: Option<SocketAddr>,
    upstream: Option<String>,
    enabled: Option<bool>,
}

impl Change {
    /// The change that a body asks for.
    pub(super) async fn of(fields: &Fields) -> Result<Self, Complaint> {
        let upstream = fields.text("upstream")?;
        if upstream.as_deref() == Some("") {
            return Err(Complaint::missing("upstream"));
        }
        let enabled = fields.truth("enabled")?;
        let listen = match fields.text("listen")?.filter(|listen| !listen.is_empty()) {
            Some(listen) => Some(address(&listen).await?),
            None => None,
        };
        Ok(Self { listen, upstream, enabled })
    }
}
