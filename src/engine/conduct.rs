//! The loop: decide, append, apply, effects, in this order and no other.
//!
//! ```text
//! a person · a hand's report · the clock
//!        |
//!     decide -> events -> append (durable) -> apply -> effects -> tasks -> reports, back into the inbox
//! ```
//!
//! One consumer, one order. A failed append changes nothing. Before its next command the drill settles: whatever has
//! become due happens first.

use super::{Hands, carry_out::carry_out};
use crate::{
    base::{DrillId, Span},
    clock::{BoxFuture, Hold},
    drill::{
        BadJournal, Drill, Phase,
        command::{Command, Refusal, Report},
        effect::Effect,
        event::{Attachment, Event, Recorded},
        plan::Plan,
    },
    store::StoreError,
};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Commands that wait; a door that sends more waits itself.
const INBOX: usize = 1024;
/// How long after the end notices may still be on their way.
const FAREWELL: Span = Span::from_secs(5);
/// Tries of an append that the journal could not take for the moment.
const APPEND_TRIES: u64 = 5;
/// Batches that one moment may bring; more means that a rule does not end.
const BATCHES_MAX: usize = 100_000;

/// Why a drill can no longer be conducted. Its leases end what is left.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another engine has this drill.
    #[error("another engine has taken over drill {0}; this one lets go")]
    Lost(DrillId),
    /// The journal cannot be written or read.
    #[error("could not use the journal: {0}")]
    Journal(#[source] StoreError),
    /// The journal tells no drill.
    #[error("could not read the drill back: {0}")]
    Broken(#[from] BadJournal),
    /// Nothing is left to do.
    #[error("drill {0} is closed")]
    Closed(DrillId),
}

/// What doors hold of a running drill.
#[derive(Clone)]
pub struct Desk {
    inbox: mpsc::Sender<Letter>,
    told: Arc<RwLock<Vec<Recorded>>>,
    changed: watch::Receiver<u64>,
}

/// Something in the inbox.
enum Letter {
    Asked { command: Command, answer: oneshot::Sender<Result<(), Refusal>> },
    Reported { report: Report, _hold: Hold },
}

impl Desk {
    /// Asks something of the drill. The answer comes when its events are durable.
    pub fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        let over = || Refusal::WrongPhase { phase: "closed", help: "the exercise is over" };
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.inbox.send(Letter::Asked { command, answer }).await.map_err(|_| over())?;
            answered.await.unwrap_or_else(|_| Err(over()))
        })
    }

    /// The journal from event number `from` on.
    pub fn journal(&self, from: u64) -> Vec<Recorded> {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        told.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default().to_vec()
    }

    /// How many events there are; changes with each.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }
}

/// Conducts one drill.
pub struct Conductor {
    hands: Hands,
    drill: Drill,
    inbox: mpsc::Receiver<Letter>,
    desk: Desk,
    changed: watch::Sender<u64>,
    tasks: TaskTracker,
    over: CancellationToken,
    /// Virtual time stands still while the loop works.
    _hold: Hold,
    /// Effects of a take-over, carried out when the loop begins.
    first: Vec<Effect>,
}

impl Conductor {
    /// Stores a plan as a new drill and takes it.
    pub async fn begin(
        hands: Hands,
        plan: Plan,
        attachment: Option<Attachment>,
        epoch: u64,
    ) -> Result<Self, EngineError> {
        let now = hands.clock.now();
        let planned = Recorded { seq: 0, at: now, event: Event::Planned(Box::new(plan.clone())) };
        append(&hands, &plan.drill, 0, std::slice::from_ref(&planned)).await?;
        let mut conductor = Self::with(hands, Drill::new(Box::new(plan)), vec![planned]);
        conductor.first = conductor.take(vec![Event::TookOver { epoch, resume: true }]).await?;
        if let Some(attachment) = attachment {
            conductor.take(vec![Event::TargetAttached(attachment)]).await?;
        }
        Ok(conductor)
    }

    /// Takes a drill that another engine has left. `resume`: play on; otherwise everything is taken back and closed.
    pub async fn take_over(
        hands: Hands,
        drill: &DrillId,
        epoch: u64,
        resume: bool,
    ) -> Result<Self, EngineError> {
        let journal = hands.store.read(drill, 0).await.map_err(EngineError::Journal)?;
        let folded = Drill::fold(&journal)?;
        if folded.is_over() {
            return Err(EngineError::Closed(drill.clone()));
        }
        let mut conductor = Self::with(hands, folded, journal);
        conductor.first = conductor.take(vec![Event::TookOver { epoch, resume }]).await?;
        Ok(conductor)
    }

    fn with(hands: Hands, drill: Drill, journal: Vec<Recorded>) -> Self {
        let (send, inbox) = mpsc::channel(INBOX);
        let (changed, watched) = watch::channel(drill.next_seq());
        let desk = Desk { inbox: send, told: Arc::new(RwLock::new(journal)), changed: watched };
        Self {
            _hold: hands.clock.hold(),
            hands,
            drill,
            inbox,
            desk,
            changed,
            tasks: TaskTracker::new(),
            over: CancellationToken::new(),
            first: Vec::new(),
        }
    }

    /// What doors need.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The drill as it stands.
    pub fn drill(&self) -> &Drill {
        &self.drill
    }

    /// Conducts until the drill is closed and its last notices are out. May be dropped at any point: whatever is left
    /// is found in the journal and by the leases.
    pub async fn conduct(&mut self) -> Result<(), EngineError> {
        let first = std::mem::take(&mut self.first);
        self.start(first).await;
        self.settle().await?;
        let mut closed_at = None;
        loop {
            let now = self.hands.clock.now();
            if self.drill.phase() == Phase::Closed {
                let closed_at = *closed_at.get_or_insert(now);
                if !self.drill.has_mail() || now >= closed_at + FAREWELL {
                    break;
                }
            }
            let until = match closed_at {
                Some(closed_at) => closed_at + FAREWELL,
                None => {
                    self.drill.next_due().unwrap_or(now + Span::from_mins(60)).max(now + Span::from_millis(1))
                }
            };
            let letter = tokio::select! {
                biased;
                letter = self.inbox.recv() => letter,
                () = self.hands.clock.sleep_until(until) => None,
            };
            if let Some(letter) = letter {
                self.open(letter).await?;
            }
            self.settle().await?;
        }
        self.over.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        Ok(())
    }

    /// Takes in what trainers write after the drill is closed, for as long as somebody lets it; comes back only when the
    /// journal can no longer be written. Nothing else is left to do.
    pub async fn attend(&mut self) -> EngineError {
        loop {
            let Some(letter) = self.inbox.recv().await else { unreachable!("the desk itself can send") };
            if let Err(error) = self.open(letter).await {
                self.inbox.close();
                return error;
            }
        }
    }

    /// The target was laid out anew after the end: nothing can be left on it.
    pub async fn target_was_reset(&mut self) -> Result<(), EngineError> {
        self.take(vec![Event::TargetReset]).await?;
        Ok(())
    }

    async fn open(&mut self, letter: Letter) -> Result<(), EngineError> {
        let now = self.hands.clock.now();
        match letter {
            Letter::Reported { report, _hold } => {
                let events = self.drill.decide(now, &Command::Report(report)).unwrap_or_default();
                self.take_and_start(events).await
            }
            Letter::Asked { command, answer } => match self.drill.decide(now, &command) {
                Ok(events) => {
                    self.take_and_start(events).await?;
                    // Whoever asked may be gone; the events stand.
                    let _ = answer.send(Ok(()));
                    Ok(())
                }
                Err(refusal) => {
                    let _ = answer.send(Err(refusal));
                    Ok(())
                }
            },
        }
    }

    /// Everything that has become due.
    async fn settle(&mut self) -> Result<(), EngineError> {
        for _ in 0..BATCHES_MAX {
            let now = self.hands.clock.now();
            let events = self.drill.decide(now, &Command::Tick).unwrap_or_default();
            if events.is_empty() {
                return Ok(());
            }
            self.take_and_start(events).await?;
        }
        unreachable!("what is due does not end after {BATCHES_MAX} batches")
    }

    async fn take_and_start(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let effects = self.take(events).await?;
        self.start(effects).await;
        Ok(())
    }

    /// Appends, then applies. Nothing has changed when this fails.
    async fn take(&mut self, events: Vec<Event>) -> Result<Vec<Effect>, EngineError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let at = self.hands.clock.now();
        let batch: Vec<_> =
            (self.drill.next_seq()..).zip(events).map(|(seq, event)| Recorded { seq, at, event }).collect();
        append(&self.hands, &self.drill.plan().drill, self.drill.next_seq(), &batch).await?;
        let effects = batch.iter().flat_map(|recorded| self.drill.apply(recorded)).collect();
        self.desk.told.write().unwrap_or_else(PoisonError::into_inner).extend(batch);
        self.changed.send_replace(self.drill.next_seq());
        Ok(effects)
    }

    /// Lets the hands work. The workload begins before anybody asks for its first second.
    async fn start(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if matches!(effect, Effect::StartWorkload { .. }) {
                carry_out(&self.hands, effect).await;
                continue;
            }
            let ends_with_the_drill = !matches!(effect, Effect::StopWorkload);
            let hands = self.hands.clone();
            let inbox = self.desk.inbox.clone();
            let over = self.over.clone();
            let hold = hands.clock.hold();
            self.tasks.spawn(async move {
                let work = carry_out(&hands, effect);
                let report = if ends_with_the_drill {
                    over.run_until_cancelled(work).await.flatten()
                } else {
                    work.await
                };
                if let Some(report) = report {
                    // The hold travels with the report, so that virtual time waits until it is taken in.
                    let _ = inbox.send(Letter::Reported { report, _hold: hold }).await;
                }
            });
        }
    }
}

impl Drop for Conductor {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// Appends durably; a journal that is away for a moment is tried again, and asked whether it took the batch.
async fn append(
    hands: &Hands,
    drill: &DrillId,
    expected: u64,
    batch: &[Recorded],
) -> Result<(), EngineError> {
    let mut tries = 0;
    loop {
        match hands.store.append(drill, expected, batch).await {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict { .. }) => return Err(EngineError::Lost(drill.clone())),
            Err(error @ StoreError::Unavailable(_)) => {
                tries += 1;
                if took(hands, drill, expected, batch).await {
                    return Ok(());
                }
                if tries >= APPEND_TRIES {
                    return Err(EngineError::Journal(error));
                }
                pause(tries).await;
            }
            Err(error) => return Err(EngineError::Journal(error)),
        }
    }
}

/// A journal that is away is away in real time, also for a drill in virtual time.
#[expect(clippy::disallowed_methods, reason = "the drill's clock must not move while its journal is away")]
async fn pause(tries: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(50 * tries)).await;
}

/// Whether the journal holds exactly this batch at its place.
async fn took(hands: &Hands, drill: &DrillId, expected: u64, batch: &[Recorded]) -> bool {
    let found = hands.store.read(drill, expected).await.unwrap_or_default();
    found.len() == batch.len() && found == batch
}
