//! What the consoles of all drills at one address share: sessions, limits, the list of drills. `run` has one drill and no
//! office behind it; `serve` has both.

use super::{
    Console, DRAIN, Desk, Target,
    address::{Address, PublicUrl},
    api,
    audit::Audit,
    documents::Documents,
    metrics::Counts,
    now,
    office::Office,
    sessions::{Invited, Place, Sessions, Tokens},
    signals::Signals,
    view::View,
};
use crate::{
    base::{DrillId, Person},
    clock::{Clock as _, SystemClock},
    drill::event::{Event, Hat},
};
use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Live streams at the same time, of everybody together, and of one person.
const STREAMS_MAX: usize = 4096;
const STREAMS_EACH_MAX: usize = 32;

/// Where a lobby is, and what it keeps.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What people call it, when something with TLS stands in front.
    pub public: Option<PublicUrl>,
    /// Sessions and invitations outlive the process in this file.
    pub people: Option<PathBuf>,
    /// Who did what is written here.
    pub audit: Option<PathBuf>,
}

impl Entrance {
    /// On this address, keeping nothing.
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, public: None, people: None, audit: None }
    }
}

/// Everything that the requests of one address share.
pub struct Lobby {
    pub(super) address: Address,
    pub(super) sessions: Sessions,
    pub(super) streams: Streams,
    pub(super) counts: Counts,
    pub(super) audit: Audit,
    consoles: RwLock<BTreeMap<DrillId, Arc<Console>>>,
    office: OnceLock<Arc<dyn Office>>,
}

impl Lobby {
    /// A lobby without drills.
    pub fn new(entrance: Entrance) -> io::Result<Arc<Self>> {
        let sessions = entrance.people.as_deref().map(Sessions::kept_in).transpose()?;
        let audit = entrance.audit.as_deref().map(Audit::to).transpose()?;
        Ok(Arc::new(Self {
            address: Address { listen: entrance.listen, public: entrance.public },
            sessions: sessions.unwrap_or_default(),
            streams: Streams::default(),
            counts: Counts::default(),
            audit: audit.unwrap_or_default(),
            consoles: RwLock::default(),
            office: OnceLock::new(),
        }))
    }

    /// Gives it a list of drills, and a library to begin others from. The first office stays.
    pub fn staff(&self, office: Arc<dyn Office>) {
        let _ = self.office.set(office);
    }

    /// Who knows other drills than those that are open.
    pub(super) fn office(&self) -> Option<&Arc<dyn Office>> {
        self.office.get()
    }

    /// Drills that are open.
    pub(super) fn consoles(&self) -> Vec<DrillId> {
        self.consoles.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The console of a drill that is open.
    pub(super) fn console(&self, drill: &DrillId) -> Option<Arc<Console>> {
        self.consoles.read().unwrap_or_else(PoisonError::into_inner).get(drill).cloned()
    }

    /// Whether the pages of a drill are open.
    pub fn is_open(&self, drill: &DrillId) -> bool {
        self.console(drill).is_some()
    }

    /// Drills that somebody has a session of, perhaps from before this process.
    pub fn expected(&self) -> Vec<DrillId> {
        self.sessions.drills()
    }

    /// The link of a personal invitation to the list of drills.
    pub fn invite(&self, person: Person, hat: Hat) -> Option<String> {
        let Invited { token, .. } = self.sessions.invite(Place::Lobby, person, hat)?;
        Some(format!("{}/#{token}", self.address.origin()))
    }

    /// Lets whoever has one of these tokens into a drill.
    pub fn admit(&self, tokens: &Tokens, drill: &DrillId) {
        self.sessions.admit(tokens, drill);
    }

    /// Opens the pages of a drill. They stay after `over` for those who read the debrief on them; the task ends with them.
    pub fn open(
        self: &Arc<Self>,
        desk: Arc<dyn Desk>,
        target: Target,
        over: CancellationToken,
    ) -> io::Result<JoinHandle<()>> {
        let drill = drill_of(desk.as_ref()).ok_or_else(|| io::Error::other("the journal has no plan"))?;
        let console = Arc::new(Console {
            drill: drill.clone(),
            view: View::of(Arc::clone(&desk)),
            desk,
            documents: Documents::new(target.documents),
            signals: Signals::of(target.gauges),
            lobby: Arc::clone(self),
            pages: watch::Sender::default(),
            shutdown: over,
            end: CancellationToken::new(),
        });
        let mut consoles = self.consoles.write().unwrap_or_else(PoisonError::into_inner);
        consoles.insert(drill, Arc::clone(&console));
        Ok(tokio::spawn(async move {
            let is_read = console.until_read().await;
            console.end.cancel();
            let lobby = &console.lobby;
            lobby.consoles.write().unwrap_or_else(PoisonError::into_inner).remove(&console.drill);
            if is_read {
                lobby.sessions.forget(&console.drill);
            }
        }))
    }

    /// Ends every open page and stream; sessions stay.
    pub fn close(&self) {
        for console in self.consoles.read().unwrap_or_else(PoisonError::into_inner).values() {
            console.shutdown.cancel();
            console.end.cancel();
        }
    }

    /// Answers on `listener` until `end`; what is in progress then has a few seconds.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, end: CancellationToken) -> io::Result<()> {
        let app = api::router(self).into_make_service_with_connect_info::<SocketAddr>();
        let server = axum::serve(listener, app).with_graceful_shutdown(end.clone().cancelled_owned());
        let too_long = async {
            end.cancelled().await;
            SystemClock.sleep_until(now() + DRAIN).await;
        };
        tokio::select! {
            done = async { server.await } => done,
            () = too_long => Ok(()),
        }
    }
}

/// The drill that a desk belongs to.
fn drill_of(desk: &dyn Desk) -> Option<DrillId> {
    match &desk.journal(0).first()?.event {
        Event::Planned(plan) => Some(plan.drill.clone()),
        _ => None,
    }
}

/// Counts live streams, so that one person cannot take them all.
#[derive(Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

impl Streams {
    pub(super) fn open(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum::<usize>() as u64
    }

    /// One more stream of somebody; nothing when there are too many.
    pub(super) fn take(&self, whose: String) -> Option<OpenStream> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= STREAMS_MAX {
            return None;
        }
        let own = open.entry(whose.clone()).or_default();
        if *own >= STREAMS_EACH_MAX {
            return None;
        }
        *own += 1;
        Some(OpenStream { all: Arc::clone(&self.0), whose })
    }
}

/// A stream is open as long as this lives.
#[derive(Debug)]
pub(super) struct OpenStream {
    all: Arc<Mutex<HashMap<String, usize>>>,
    whose: String,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut open = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.whose) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_cannot_take_every_stream() {
        let streams = Streams::default();
        let ana: Vec<_> = (0..100).map_while(|_| streams.take("ana".into())).collect();
        assert_eq!(ana.len(), STREAMS_EACH_MAX);
        assert!(streams.take("ben".into()).is_some());
        drop(ana);
        assert_eq!(streams.open(), 0);
        assert!(streams.take("ana".into()).is_some());
    }
}
