//! A stage in virtual time: a scenario, a modelled target, a journal in memory, and notices that are kept.

use crate::network::{Holds, Network};
use gameday::{
    base::{At, NoticeId, Span},
    clock::{BoxFuture, Clock, SystemClock, VirtualClock},
    depot,
    drill::{
        command::DeliveryError,
        event::{Attachment, Notice, Recorded},
        plan::{Plan, PlanOptions},
    },
    engine::{Conductor, EngineError, Hands},
    library::{Library, worker::ScriptRunner},
    notify::Notifier,
    scenario::Scenario,
    seed::Seed,
    store::{MemoryStore, Store},
    target::sim::Sim,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

pub(crate) const NOW: At = At::from_millis(1_796_130_000_000);

/// Keeps what was delivered, by the idempotency key, and how often.
#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) got: Mutex<BTreeMap<NoticeId, (Notice, u32)>>,
}

impl Notifier for Mailbox {
    fn deliver<'a>(&'a self, notice: &'a Notice) -> BoxFuture<'a, Result<(), DeliveryError>> {
        let mut got = self.got.lock().unwrap();
        got.entry(notice.id.clone()).or_insert_with(|| (notice.clone(), 0)).1 += 1;
        Box::pin(async { Ok(()) })
    }
}

/// One world that outlives its engines.
pub(crate) struct Stage {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) sim: Sim,
    pub(crate) mail: Arc<Mailbox>,
    pub(crate) plan: Plan,
    pub(crate) store: Arc<dyn Store>,
    /// How engines reach the target's agent.
    pub(crate) network: Arc<Network>,
}

/// What virtual time has no model for: a certificate and who verifies it, jobs and previews, a catalogue's second copy,
/// credentials, limits of single components. These are rehearsed on real processes only.
const REAL_ONLY: [&str; 5] = [
    "depot/expired-door",
    "depot/lagging-copy",
    "depot/late-previews",
    "depot/lone-credential",
    "depot/two-releases",
];

/// The built-in scenarios that virtual time has a model for: those of the embedded target, but for a few.
pub(crate) fn modelled() -> Vec<String> {
    let mut names = Library::built_in();
    assert!(REAL_ONLY.iter().all(|name| names.iter().any(|known| known == name)), "{REAL_ONLY:?}");
    names.retain(|name| name.starts_with("depot/") && !REAL_ONLY.contains(&name.as_str()));
    names
}

pub(crate) fn scenario(name: &str) -> Scenario {
    let library = Library::new(vec![depot::describe()], ScriptRunner::InProcess);
    library.load(name).unwrap_or_else(|error| panic!("{}", error.render(false)))
}

impl Stage {
    pub(crate) fn new(scenario: &Scenario, seed: u64, store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(VirtualClock::starting_at(NOW));
        let seed = Seed(seed);
        let options = PlanOptions {
            seed,
            start: NOW + Span::from_secs(60),
            autopilot: true,
            routes: vec!["terminal".into()],
        };
        let plan = Plan::resolve(scenario, options);
        let sim = Sim::new(clock.clone(), plan.target.clone(), plan.workload.clone(), seed);
        let network = Network::to(Arc::new(sim.clone()), Holds::Nothing);
        Self { clock, sim, mail: Arc::default(), plan, store, network }
    }

    pub(crate) fn in_memory(scenario: &Scenario, seed: u64) -> Self {
        Self::new(scenario, seed, Arc::new(MemoryStore::new()))
    }

    pub(crate) fn hands(&self) -> Hands {
        Hands {
            clock: self.clock.clone(),
            store: self.store.clone(),
            injector: self.network.clone(),
            prober: Arc::new(self.sim.clone()),
            traffic: Arc::new(self.sim.clone()),
            operator: Arc::new(self.sim.clone()),
            notifier: self.mail.clone(),
            scripts: ScriptRunner::InProcess,
        }
    }

    pub(crate) async fn begin(&self) -> Result<Conductor, EngineError> {
        let attachment = Attachment { agent: "sim".into(), folder: "sim".into(), root: None };
        Conductor::begin(self.hands(), self.plan.clone(), Some(attachment), self.sim.take_epoch()).await
    }

    /// A new engine after the old one is gone.
    pub(crate) async fn take_over(&self, resume: bool) -> Result<Conductor, EngineError> {
        Conductor::take_over(self.hands(), &self.plan.drill, self.sim.take_epoch(), resume).await
    }

    pub(crate) async fn journal(&self) -> Vec<Recorded> {
        self.store.read(&self.plan.drill, 0).await.unwrap()
    }

    /// Lets virtual time pass while nobody works.
    pub(crate) async fn pass(&self, span: Span) {
        let hold = self.clock.hold();
        self.clock.sleep_until(self.clock.now() + span).await;
        drop(hold);
    }
}

/// Waits for what real processes do.
pub(crate) async fn until<T>(what: &str, mut seen: impl AsyncFnMut() -> Option<T>) -> T {
    let end = SystemClock.now() + Span::from_secs(60);
    loop {
        if let Some(seen) = seen().await {
            return seen;
        }
        assert!(SystemClock.now() < end, "{what} did not come to pass");
        SystemClock.sleep_until(SystemClock.now() + Span::from_millis(20)).await;
    }
}

/// Runs a story on one thread, so that tasks take turns in one order.
pub(crate) fn run<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(story)
}
