//! The rules of an agent, on a virtual clock: tokens, epochs, leases and deadlines.

use super::{
    place::{PreImage, inspect_unarmed},
    world::World,
};
use crate::{
    base::{At, InjectionId, Span, limits},
    drill::effect::Arm,
    fault::{
        Fault, Fence, Inspection, Presence, Undone,
        protocol::{Listed, State},
    },
    target::HandError,
};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Held {
    fault: Fault,
    fence: Fence,
    pre_image: PreImage,
    lease: Span,
    lease_until: At,
    deadline: At,
}

#[derive(Debug, Clone)]
struct Record {
    state: State,
    held: Option<Held>,
    revoked: Option<Fence>,
    undone: Option<Undone>,
    note: String,
}

impl Record {
    /// When the agent lets go of it by itself.
    fn runs_out(&self) -> Option<At> {
        self.held.as_ref().map(|held| held.lease_until.min(held.deadline))
    }

    fn settle(&mut self, undone: Undone, by_agent: bool) {
        self.undone = Some(undone);
        self.state = match (undone, by_agent) {
            (Undone::Diverged, _) => State::Diverged,
            (_, true) => State::Expired,
            (_, false) => State::Reverted,
        };
    }
}

/// Everything that is held of injections.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    records: BTreeMap<InjectionId, Record>,
    epoch: u64,
}

fn refused<T>(why: impl Into<String>) -> Result<T, HandError> {
    Err(HandError::Refused(why.into()))
}

fn over<T>(id: &InjectionId, record: &Record) -> Result<T, HandError> {
    let state = serde_json::to_value(record.state).unwrap_or_default();
    refused(format!("`{id}` is {}", state.as_str().unwrap_or("over")))
}

/// A token acts only on what was armed with it or an older one.
fn not_older(id: &InjectionId, record: &Record, fence: Fence) -> Result<(), HandError> {
    match &record.held {
        Some(held) if fence < held.fence => refused(format!("`{id}` was armed with a newer token")),
        _ => Ok(()),
    }
}

impl Keeper {
    fn see_epoch(&mut self, epoch: u64) -> Result<(), HandError> {
        if epoch < self.epoch {
            return refused(format!("epoch {epoch} is over: {} has been seen", self.epoch));
        }
        self.epoch = epoch;
        Ok(())
    }

    /// Gives out an epoch that nobody has had.
    pub(super) fn take_epoch(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    fn known(&mut self, id: &InjectionId) -> Result<&mut Record, HandError> {
        self.records.get_mut(id).ok_or_else(|| HandError::Refused(format!("there is no injection `{id}`")))
    }

    /// Lets go of everything whose lease or deadline has run out.
    pub(super) fn settle(&mut self, world: &mut World, now: At) {
        for (id, record) in &mut self.records {
            if record.runs_out().is_none_or(|at| at > now) {
                continue;
            }
            match (record.state, &record.held) {
                (State::Armed, _) => {
                    record.state = State::Expired;
                    "the lease ran out before it was injected".clone_into(&mut record.note);
                }
                (State::Applied, Some(held)) => {
                    let undone = held.pre_image.undo(world, id, now);
                    "the lease ran out".clone_into(&mut record.note);
                    record.settle(undone, true);
                }
                _ => {}
            }
        }
    }

    pub(super) fn arm(&mut self, world: &World, arm: &Arm, now: At) -> Result<(), HandError> {
        self.see_epoch(arm.fence.epoch)?;
        if let Some(record) = self.records.get(&arm.id) {
            match (record.state, &record.held) {
                (State::Armed, Some(held)) if held.fence == arm.fence && held.fault == arm.fault => {
                    return Ok(());
                }
                (State::Armed, Some(held)) if held.fence < arm.fence => {}
                _ => return over(&arm.id, record),
            }
        }
        let pre_image = PreImage::take(world, &arm.fault).map_err(HandError::Refused)?;
        for (other, record) in &self.records {
            let held = record.held.as_ref().filter(|_| !record.state.is_terminal() && *other != arm.id);
            if held.is_some_and(|held| held.pre_image.overlaps(&pre_image)) {
                return refused(format!("`{other}` holds {}", arm.fault.place()));
            }
        }
        let lease = Span::from_millis(arm.lease_ms);
        let held = Held {
            fault: arm.fault.clone(),
            fence: arm.fence,
            pre_image,
            lease,
            lease_until: now + lease,
            deadline: now + Span::from_millis(arm.deadline_ms.min(limits::DRILL_MAX.millis())),
        };
        let record = Record {
            state: State::Armed,
            held: Some(held),
            revoked: None,
            undone: None,
            note: String::new(),
        };
        self.records.insert(arm.id.clone(), record);
        Ok(())
    }

    pub(super) fn inject(
        &mut self,
        world: &mut World,
        id: &InjectionId,
        fence: Fence,
        now: At,
    ) -> Result<(), HandError> {
        self.see_epoch(fence.epoch)?;
        let record = self.known(id)?;
        let Some(held) = &record.held else { return over(id, record) };
        if record.revoked.is_some_and(|revoked| fence <= revoked) {
            return refused(format!("the token of `{id}` is revoked"));
        }
        if held.fence != fence {
            return refused(format!("`{id}` was armed with another token"));
        }
        match record.state {
            State::Armed => {}
            State::Applied => return Ok(()),
            _ => return over(id, record),
        }
        match held.pre_image.apply(world, id, now) {
            Ok(()) => {
                record.state = State::Applied;
                Ok(())
            }
            Err(why) => {
                record.state = State::Revoked;
                record.note.clone_from(&why);
                Err(HandError::Refused(why))
            }
        }
    }

    pub(super) fn revoke(&mut self, id: &InjectionId, fence: Fence) -> Result<(), HandError> {
        self.see_epoch(fence.epoch)?;
        let Some(record) = self.records.get_mut(id) else {
            let note = "revoked before it was armed".to_owned();
            let record =
                Record { state: State::Revoked, held: None, revoked: Some(fence), undone: None, note };
            self.records.insert(id.clone(), record);
            return Ok(());
        };
        not_older(id, record, fence)?;
        record.revoked = record.revoked.max(Some(fence));
        if record.state == State::Armed {
            record.state = State::Revoked;
        }
        Ok(())
    }

    pub(super) fn undo(
        &mut self,
        world: &mut World,
        id: &InjectionId,
        fence: Fence,
        now: At,
    ) -> Result<Undone, HandError> {
        self.see_epoch(fence.epoch)?;
        let record = self.known(id)?;
        not_older(id, record, fence)?;
        match (record.state, &record.held) {
            (State::Armed, _) => {
                record.state = State::Revoked;
                record.revoked = Some(fence);
                Ok(Undone::AlreadyClean)
            }
            (State::Applied | State::Diverged, Some(held)) => {
                record.revoked = record.revoked.max(Some(fence));
                let undone = held.pre_image.undo(world, id, now);
                record.settle(undone, false);
                Ok(undone)
            }
            _ => Ok(record.undone.unwrap_or(Undone::AlreadyClean)),
        }
    }

    pub(super) fn inspect(&self, world: &World, id: &InjectionId, fault: &Fault) -> Inspection {
        let Some((record, held)) =
            self.records.get(id).and_then(|record| Some((record, record.held.as_ref()?)))
        else {
            return inspect_unarmed(world, id, fault);
        };
        let mut seen = held.pre_image.inspect(world, id);
        if seen.presence == Presence::Diverged && (record.state == State::Armed || record.state.is_terminal())
        {
            // Nothing was applied, or it was taken back: what came after that has nothing to do with it.
            seen.presence = Presence::Clean;
            seen.detail.push_str("; it was never applied or is over");
        }
        seen
    }

    pub(super) fn heartbeat(&mut self, epoch: u64, now: At) -> Result<Vec<InjectionId>, HandError> {
        self.see_epoch(epoch)?;
        for record in self.records.values_mut() {
            let alive = matches!(record.state, State::Armed | State::Applied);
            if let Some(held) = record.held.as_mut().filter(|held| alive && held.fence.epoch <= epoch) {
                held.lease_until = now + held.lease;
            }
        }
        let expired = self.records.iter().filter(|(_, record)| record.state == State::Expired);
        Ok(expired.map(|(id, _)| id.clone()).collect())
    }

    /// Everything known.
    pub(super) fn list(&self, now: At) -> Vec<Listed> {
        let describe = |(id, record): (&InjectionId, &Record)| {
            let active = matches!(record.state, State::Armed | State::Applied);
            let left = record.runs_out().filter(|_| active).map_or(0, |at| at.since(now).millis());
            let held = record.held.as_ref();
            Listed {
                id: id.clone(),
                fault: held.map(|held| held.fault.kind().to_owned()),
                place: held.map(|held| held.fault.place().to_string()),
                state: record.state,
                fence: held.map(|held| held.fence),
                lease_left_ms: left,
                note: record.note.clone(),
            }
        };
        self.records.iter().map(describe).collect()
    }
}
