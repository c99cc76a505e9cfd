//! The rules: who may arm, inject, revoke and undo, and when the agent lets go by itself.
//!
//! One lock per injection puts everything that is done to it in an order; nothing waits for another injection. A
//! record is durable before the world changes and before an answer is given.

use super::{
    boot,
    guard::{self, Denied},
    lever::{self, Hands, LeverError, PreImage},
    record::{Held, LeaseStore, Record, StoreError},
};
use crate::{
    base::{InjectionId, Span, limits},
    drill::effect::Arm,
    fault::{
        Fault, Fence, Inspection, Presence, Undone,
        protocol::{Listed, State},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::{Notify, OwnedMutexGuard};

/// The wait before an undo that failed is tried again; it doubles up to [`BACK_OFF_MAX_MS`] and never ends.
const BACK_OFF_MS: u64 = 200;
const BACK_OFF_MAX_MS: u64 = 10_000;
/// How often leases are looked at when nothing is due earlier. Short, since the machine may have slept.
const LOOK: Duration = Duration::from_secs(1);
/// Failed undos in a row from which on the log gets louder.
const LOUD: u32 = 3;

/// Why the keeper did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    /// No, and nothing was changed.
    #[error("{why}")]
    Refused {
        /// For programs.
        code: &'static str,
        /// For people.
        why: String,
    },
    /// Nothing is known of the injection.
    #[error("nothing is known of `{0}`")]
    NoSuch(InjectionId),
    /// It failed on the way. Anything may have happened.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for KeeperError {
    fn from(err: StoreError) -> Self {
        Self::Failed(err.to_string())
    }
}

impl From<LeverError> for KeeperError {
    fn from(err: LeverError) -> Self {
        match err {
            LeverError::Refused(why) => refused("refused", why),
            LeverError::Failed(why) => Self::Failed(why),
        }
    }
}

impl From<Denied> for KeeperError {
    fn from(err: Denied) -> Self {
        refused(err.code(), err.to_string())
    }
}

fn refused(code: &'static str, why: impl Into<String>) -> KeeperError {
    KeeperError::Refused { code, why: why.into() }
}

/// Everything that the agent holds.
#[derive(Debug)]
pub(super) struct Keeper {
    store: Arc<LeaseStore>,
    pub(super) hands: Hands,
    boot: String,
    lease_max: Option<Span>,
    /// Every record as its file holds it.
    records: Mutex<BTreeMap<InjectionId, Record>>,
    /// Until when each lease lasts, on the boot-time clock. Not durable: a new agent takes everything back.
    leases: Mutex<BTreeMap<InjectionId, u64>>,
    locks: Mutex<BTreeMap<InjectionId, Arc<tokio::sync::Mutex<()>>>>,
    /// Held while a place is claimed, so that two arms never claim the same one.
    claiming: tokio::sync::Mutex<()>,
    epoch: tokio::sync::Mutex<u64>,
    /// Records that could not be read.
    pub(super) damaged: Vec<String>,
    /// Every process has been started.
    pub(super) ready: AtomicBool,
    contact_ms: AtomicU64,
    changed: Notify,
    retries: Mutex<BTreeMap<InjectionId, Retry>>,
    /// Injections that the agent is letting go of at this moment.
    letting_go: Mutex<BTreeSet<InjectionId>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Retry {
    failures: u32,
    next_ms: u64,
}

/// What a keeper begins with.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) store: Arc<LeaseStore>,
    pub(super) hands: Hands,
    pub(super) boot: String,
    pub(super) lease_max: Option<Span>,
    /// As the sweep has left them.
    pub(super) records: Vec<Record>,
    pub(super) damaged: Vec<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Keeper {
    /// A keeper of what a sweep has left.
    pub(super) fn new(begin: Beginning) -> Result<Self, StoreError> {
        let epoch = begin.store.epoch()?;
        let records = begin.records.into_iter();
        Ok(Self {
            store: begin.store,
            hands: begin.hands,
            boot: begin.boot,
            lease_max: begin.lease_max,
            records: Mutex::new(records.map(|record| (record.id.clone(), record)).collect()),
            leases: Mutex::default(),
            locks: Mutex::default(),
            claiming: tokio::sync::Mutex::default(),
            epoch: tokio::sync::Mutex::new(epoch),
            damaged: begin.damaged,
            ready: AtomicBool::new(false),
            contact_ms: AtomicU64::new(boot::now_ms()),
            changed: Notify::new(),
            retries: Mutex::default(),
            letting_go: Mutex::default(),
        })
    }

    fn record(&self, id: &InjectionId) -> Option<Record> {
        lock(&self.records).get(id).cloned()
    }

    /// Waits until nothing else is done to this injection.
    async fn turn(&self, id: &InjectionId) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(lock(&self.locks).entry(id.clone()).or_default());
        turn.lock_owned().await
    }

    /// Makes a record durable, then known.
    async fn save(&self, record: &Record) -> Result<(), KeeperError> {
        let (store, to_save) = (Arc::clone(&self.store), record.clone());
        lever::blocking(move || store.save(&to_save)).await??;
        lock(&self.records).insert(record.id.clone(), record.clone());
        self.changed.notify_one();
        Ok(())
    }

    /// Refuses an old epoch and remembers a new one.
    async fn see_epoch(&self, epoch: u64) -> Result<(), KeeperError> {
        let mut newest = self.epoch.lock().await;
        if epoch < *newest {
            let why = format!("epoch {epoch} is over: {newest} has been seen");
            return Err(refused("old-epoch", why));
        }
        if epoch > *newest {
            let store = Arc::clone(&self.store);
            lever::blocking(move || store.save_epoch(epoch)).await??;
            *newest = epoch;
        }
        Ok(())
    }

    /// The newest epoch seen.
    pub(super) async fn epoch(&self) -> u64 {
        *self.epoch.lock().await
    }

    /// Gives out an epoch that nobody has had.
    pub(super) async fn take_epoch(&self) -> Result<u64, KeeperError> {
        let mut newest = self.epoch.lock().await;
        let (store, next) = (Arc::clone(&self.store), *newest + 1);
        lever::blocking(move || store.save_epoch(next)).await??;
        *newest = next;
        Ok(next)
    }

    /// An engine or a person has called.
    pub(super) fn contact(&self) {
        self.contact_ms.store(boot::now_ms(), SeqCst);
    }

    /// Milliseconds since the last call.
    pub(super) fn silent_ms(&self) -> u64 {
        boot::now_ms().saturating_sub(self.contact_ms.load(SeqCst))
    }

    /// Whether the target may be changed at all.
    fn may_break(&self) -> Result<(), KeeperError> {
        if !self.ready.load(SeqCst) {
            return Err(refused("starting", "the target is still being started"));
        }
        if !self.damaged.is_empty() {
            let why = format!("records could not be read: {}", self.damaged.join("; "));
            return Err(refused("damaged", why));
        }
        Ok(guard::check(&self.hands.layout.root)?)
    }

    /// Stores lease, pre-image and undo durably. Nothing is changed on the target.
    pub(super) async fn arm(&self, arm: Arm) -> Result<(), KeeperError> {
        let _turn = self.turn(&arm.id).await;
        self.see_epoch(arm.fence.epoch).await?;
        if let Some(record) = self.record(&arm.id) {
            let held = record.held.as_ref();
            match (record.state, held) {
                (State::Armed, Some(held)) if held.fence == arm.fence && held.fault == arm.fault => {
                    return Ok(());
                }
                (State::Armed, Some(held)) if held.fence < arm.fence => {}
                _ => return Err(over(&record)),
            }
        }
        self.may_break()?;
        let _claim = self.claiming.lock().await;
        let pre_image = PreImage::take(&self.hands, &arm.id, &arm.fault).await?;
        if let Some(other) = self.in_the_way(&arm.id, &pre_image) {
            let place = arm.fault.place();
            return Err(refused("overlap", format!("`{other}` holds {place}")));
        }
        let lease_ms = self.lease_max.map_or(arm.lease_ms, |most| arm.lease_ms.min(most.millis()));
        let now_ms = boot::now_ms();
        let record = Record::armed(
            arm.id,
            Held {
                fault: arm.fault,
                fence: arm.fence,
                pre_image,
                lease_ms,
                lease_until_ms: now_ms.saturating_add(lease_ms),
                deadline_ms: now_ms.saturating_add(arm.deadline_ms.min(limits::DRILL_MAX.millis())),
                boot: self.boot.clone(),
            },
        );
        lock(&self.leases).insert(record.id.clone(), now_ms.saturating_add(lease_ms));
        self.save(&record).await
    }

    /// Another injection whose undo would get into this one's way.
    fn in_the_way(&self, id: &InjectionId, pre_image: &PreImage) -> Option<InjectionId> {
        let records = lock(&self.records);
        let mut held = records.values().filter(|record| {
            record.id != *id
                && !record.state.is_terminal()
                && record.held.as_ref().is_some_and(|held| held.pre_image.overlaps(pre_image))
        });
        held.next().map(|record| record.id.clone())
    }

    /// Applies what is armed, once.
    pub(super) async fn inject(&self, id: &InjectionId, fence: Fence) -> Result<(), KeeperError> {
        let _turn = self.turn(id).await;
        self.see_epoch(fence.epoch).await?;
        let mut record = self.record(id).ok_or_else(|| KeeperError::NoSuch(id.clone()))?;
        let Some(held) = record.held.clone() else {
            return Err(over(&record));
        };
        if record.revoked.is_some_and(|revoked| fence <= revoked) {
            return Err(refused("revoked", format!("the token of `{id}` is revoked")));
        }
        if held.fence != fence {
            let why = format!("`{id}` was armed with another token");
            return Err(refused("other-token", why));
        }
        match record.state {
            State::Armed => {}
            State::Applied => return Ok(()),
            State::Applying => {
                let why = format!("an inject of `{id}` did not come to its end: {}", record.note);
                return Err(KeeperError::Failed(why));
            }
            _ => return Err(over(&record)),
        }
        if self.runs_out_ms(&record) <= boot::now_ms() {
            self.expire_armed(record).await?;
            return Err(refused("expired", format!("the lease of `{id}` has run out")));
        }
        self.may_break()?;
        record.state = State::Applying;
        self.save(&record).await?;
        match held.pre_image.apply(&self.hands, id).await {
            Ok(()) => {
                record.state = State::Applied;
                self.save(&record).await
            }
            Err(LeverError::Refused(why)) => {
                record.state = State::Revoked;
                record.note.clone_from(&why);
                self.save(&record).await?;
                Err(refused("refused", why))
            }
            Err(LeverError::Failed(why)) => {
                // Half an effect may be there: the engine undoes it, or the lease does.
                record.note.clone_from(&why);
                self.save(&record).await?;
                Err(KeeperError::Failed(why))
            }
        }
    }

    /// Makes the token unusable for ever, also for an id that was never armed. Waits for an inject in progress.
    pub(super) async fn revoke(&self, id: &InjectionId, fence: Fence) -> Result<(), KeeperError> {
        let _turn = self.turn(id).await;
        self.see_epoch(fence.epoch).await?;
        let Some(mut record) = self.record(id) else {
            return self.save(&Record::tombstone(id.clone(), fence)).await;
        };
        not_older(&record, fence)?;
        if record.revoked >= Some(fence) {
            return Ok(());
        }
        record.revoked = Some(fence);
        if record.state == State::Armed {
            record.state = State::Revoked;
        }
        self.save(&record).await
    }

    /// Undoes by comparison.
    pub(super) async fn undo(&self, id: &InjectionId, fence: Fence) -> Result<Undone, KeeperError> {
        let _turn = self.turn(id).await;
        self.see_epoch(fence.epoch).await?;
        let mut record = self.record(id).ok_or_else(|| KeeperError::NoSuch(id.clone()))?;
        not_older(&record, fence)?;
        match record.state {
            State::Armed => {
                record.state = State::Revoked;
                record.revoked = Some(fence);
                self.save(&record).await?;
                Ok(Undone::AlreadyClean)
            }
            State::Revoked | State::Reverted | State::Expired => {
                Ok(record.undone.unwrap_or(Undone::AlreadyClean))
            }
            State::Applying | State::Applied | State::Reverting | State::Diverged => {
                record.revoked = record.revoked.max(Some(fence));
                self.take_back(record, false).await
            }
        }
    }

    /// Looks at the injection's place, or at that of `fault` if nothing is held.
    pub(super) async fn inspect(&self, id: &InjectionId, fault: &Fault) -> Inspection {
        let record = self.record(id);
        let Some((held, state)) = record.and_then(|record| Some((record.held?, record.state))) else {
            return lever::inspect_unarmed(&self.hands, id, fault).await;
        };
        let mut seen = held.pre_image.inspect(&self.hands, id).await;
        if seen.presence == Presence::Diverged && (state == State::Armed || state.is_terminal()) {
            // Nothing was applied, or it was taken back: what came after that has nothing to do with it.
            seen.presence = Presence::Clean;
            seen.detail.push_str("; it was never applied or is over");
        }
        seen
    }

    /// Renews the leases of this epoch and of those that it has followed. Answers what the agent let go of by itself.
    pub(super) async fn heartbeat(&self, epoch: u64) -> Result<Vec<InjectionId>, KeeperError> {
        self.see_epoch(epoch).await?;
        let now_ms = boot::now_ms();
        let records = lock(&self.records);
        let mut leases = lock(&self.leases);
        for record in records.values() {
            let alive = matches!(record.state, State::Armed | State::Applying | State::Applied);
            let Some(held) = record.held.as_ref().filter(|_| alive) else {
                continue;
            };
            let until = leases.entry(record.id.clone()).or_insert(held.lease_until_ms);
            // A lease that has run out is not renewed: the agent has begun to let go.
            if held.fence.epoch <= epoch && *until > now_ms {
                *until = now_ms.saturating_add(held.lease_ms);
            }
        }
        let expired = records.values().filter(|record| record.state == State::Expired);
        Ok(expired.map(|record| record.id.clone()).collect())
    }

    /// Everything known.
    pub(super) fn list(&self) -> Vec<Listed> {
        let now_ms = boot::now_ms();
        let records: Vec<_> = lock(&self.records).values().cloned().collect();
        let describe = |record: Record| {
            let active = !record.state.is_terminal() && record.state != State::Diverged;
            let left_ms = self.runs_out_ms(&record).saturating_sub(now_ms);
            let held = record.held.as_ref();
            Listed {
                fault: held.map(|held| held.fault.kind().to_owned()),
                place: held.map(|held| held.fault.place().to_string()),
                fence: held.map(|held| held.fence),
                lease_left_ms: if active { left_ms } else { 0 },
                state: record.state,
                note: record.note,
                id: record.id,
            }
        };
        records.into_iter().map(describe).collect()
    }

    /// Whether anything is armed, there, or being taken back.
    pub(super) fn holds_anything(&self) -> bool {
        let records = lock(&self.records);
        records.values().any(|record| record.state == State::Armed || record.state.may_have_effect())
    }

    /// When the agent lets go of it, on the boot-time clock: lease or deadline, what comes first.
    fn runs_out_ms(&self, record: &Record) -> u64 {
        let Some(held) = &record.held else { return 0 };
        let lease = lock(&self.leases).get(&record.id).copied();
        lease.unwrap_or(held.lease_until_ms).min(held.deadline_ms)
    }

    async fn expire_armed(&self, mut record: Record) -> Result<(), KeeperError> {
        record.state = State::Expired;
        record.by_agent = true;
        "the lease ran out before it was injected".clone_into(&mut record.note);
        self.save(&record).await
    }

    /// Takes an effect back. The turn is held by the caller. What fails is tried again by [`Keeper::tend`].
    async fn take_back(&self, mut record: Record, by_agent: bool) -> Result<Undone, KeeperError> {
        let Some(held) = record.held.clone() else {
            return Err(over(&record));
        };
        let again = matches!(record.state, State::Reverting | State::Diverged);
        record.state = State::Reverting;
        record.by_agent = by_agent;
        if let Err(err) = self.save(&record).await {
            // The undo is safe without this line in the store, so a full disk does not stop it.
            tracing::warn!("{err}");
            lock(&self.records).insert(record.id.clone(), record.clone());
        }
        match held.pre_image.undo(&self.hands, &record.id, again).await {
            Ok(undone) => {
                record.settle(undone);
                if let Err(err) = self.save(&record).await {
                    self.try_later(&record.id);
                    return Err(err);
                }
                lock(&self.retries).remove(&record.id);
                Ok(undone)
            }
            Err(LeverError::Refused(why) | LeverError::Failed(why)) => {
                let failures = self.try_later(&record.id);
                if failures > LOUD {
                    tracing::error!("undo of `{}` failed {failures} times: {why}", record.id);
                } else {
                    tracing::warn!("undo of `{}` failed: {why}", record.id);
                }
                record.note.clone_from(&why);
                lock(&self.records).insert(record.id.clone(), record);
                Err(KeeperError::Failed(why))
            }
        }
    }

    /// Plans the next try of an undo. Answers how many have failed.
    fn try_later(&self, id: &InjectionId) -> u32 {
        let mut retries = lock(&self.retries);
        let retry = retries.entry(id.clone()).or_default();
        retry.failures = retry.failures.saturating_add(1);
        let wait_ms = (BACK_OFF_MS << retry.failures.min(10)).min(BACK_OFF_MAX_MS);
        retry.next_ms = boot::now_ms() + wait_ms;
        self.changed.notify_one();
        retry.failures
    }

    /// When the agent has to act on a record by itself; nothing if it never has to.
    fn due_ms(&self, record: &Record) -> Option<u64> {
        let retry_ms = lock(&self.retries).get(&record.id).map_or(0, |retry| retry.next_ms);
        match record.state {
            State::Armed | State::Applying | State::Applied => Some(self.runs_out_ms(record).max(retry_ms)),
            State::Reverting => Some(retry_ms),
            _ => None,
        }
    }

    /// Lets go of what has run out, and tries again what failed, for ever.
    pub(super) async fn tend(self: Arc<Self>) {
        loop {
            if self.holds_anything() && guard::check(&self.hands.layout.root).is_err() {
                self.let_go_of_all("drills are forbidden here").await;
                if self.holds_anything() {
                    boot::pause(LOOK).await;
                }
            }
            let now_ms = boot::now_ms();
            let mut wait = LOOK;
            let records: Vec<_> = lock(&self.records).values().cloned().collect();
            for record in records {
                let Some(due_ms) = self.due_ms(&record) else {
                    continue;
                };
                if due_ms > now_ms {
                    wait = wait.min(Duration::from_millis(due_ms - now_ms));
                } else if lock(&self.letting_go).insert(record.id.clone()) {
                    let keeper = Arc::clone(&self);
                    tokio::spawn(async move {
                        keeper.let_go(&record.id, "the lease ran out", false).await;
                        lock(&keeper.letting_go).remove(&record.id);
                        keeper.changed.notify_one();
                    });
                }
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = boot::pause(wait) => {}
            }
        }
    }

    /// Takes an injection back on the agent's own account, if that is due or `anyway`.
    async fn let_go(&self, id: &InjectionId, why: &str, anyway: bool) {
        let _turn = self.turn(id).await;
        let Some(mut record) = self.record(id) else {
            return;
        };
        let due = self.due_ms(&record).is_some_and(|due_ms| anyway || due_ms <= boot::now_ms());
        if !due {
            return;
        }
        tracing::info!("`{id}` is let go of: {why}");
        let done = match record.state {
            State::Armed => {
                let expired = self.expire_armed(record).await;
                if expired.is_err() {
                    self.try_later(id);
                }
                expired
            }
            State::Reverting => {
                let by_agent = record.by_agent;
                self.take_back(record, by_agent).await.map(drop)
            }
            _ => {
                why.clone_into(&mut record.note);
                self.take_back(record, true).await.map(drop)
            }
        };
        if let Err(err) = done {
            tracing::warn!("could not let go of `{id}`: {err}");
        }
    }

    /// Takes everything back on the agent's own account.
    pub(super) async fn let_go_of_all(self: &Arc<Self>, why: &'static str) {
        let ids: Vec<_> = lock(&self.records).keys().cloned().collect();
        let mut tasks = tokio::task::JoinSet::new();
        for id in ids {
            let keeper = Arc::clone(self);
            tasks.spawn(async move { keeper.let_go(&id, why, true).await });
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// Nothing more can be done under this id.
fn over(record: &Record) -> KeeperError {
    let state = serde_json::to_value(record.state).unwrap_or_default();
    let state = state.as_str().unwrap_or("over");
    refused("used", format!("`{}` is {state}", record.id))
}

/// A token acts only on what was armed with it or an older one.
fn not_older(record: &Record, fence: Fence) -> Result<(), KeeperError> {
    match &record.held {
        Some(held) if fence < held.fence => {
            Err(refused("other-token", format!("`{}` was armed with a newer token", record.id)))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
