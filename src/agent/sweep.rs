//! Takes back whatever an agent that is gone has left. Needs nothing but its folder and the layout.

use super::{
    AgentError, boot, guard,
    lever::{Hands, PreImage},
    record::{LeaseStore, Record},
};
use crate::{
    base::InjectionId,
    scenario::pack::Layout,
    target::{Undone, agent_client::State},
};
use serde::Serialize;
use std::{path::Path, sync::Arc};

/// What a sweep has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// The effect was there, and the pre-image is back.
    pub restored: Vec<InjectionId>,
    /// Something was begun, and nothing of it was there.
    pub already_clean: Vec<InjectionId>,
    /// Somebody else changed the place; nothing was written. Older ones too: people decide.
    pub diverged: Vec<InjectionId>,
    /// Could not be taken back, with the reason. A later sweep tries again.
    pub failed: Vec<(InjectionId, String)>,
    /// Records that could not be read. What they held may still be broken.
    pub damaged: Vec<String>,
}

impl SweepReport {
    /// Whether nothing can be broken any more.
    pub fn is_clean(&self) -> bool {
        self.diverged.is_empty() && self.failed.is_empty() && self.damaged.is_empty()
    }
}

/// Takes back everything that an agent has left in `folder`: files, releases, ballast, and stopped processes that are
/// still the same. Its toxics and kept-down processes are gone with it. Fails while an agent works on the folder.
pub fn sweep(folder: &Path, layout: &Layout) -> Result<SweepReport, AgentError> {
    guard::check_layout(layout)?;
    let store = LeaseStore::open(folder)?;
    let found = store.load()?;
    let hands = Hands::without_agent(Arc::new(layout.clone()));
    let boot = boot::id().map_err(AgentError::Boot)?;
    // On a thread of its own, so that a caller may be in a runtime or not.
    let swept = std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(AgentError::Runtime)?;
            Ok(runtime.block_on(sweep_records(&store, found.records, &hands, &boot)))
        });
        work.join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let (_, mut report) = swept?;
    report.damaged = found.damaged;
    Ok(report)
}

/// Takes back every record that may have an effect. What was only armed has lost its agent's promise and expires.
/// Answers the records as they stand now.
pub(super) async fn sweep_records(
    store: &LeaseStore,
    records: Vec<Record>,
    hands: &Hands,
    boot: &str,
) -> (Vec<Record>, SweepReport) {
    let mut report = SweepReport::default();
    let mut swept = Vec::new();
    for mut record in records {
        match record.state {
            State::Armed => {
                record.state = State::Expired;
                record.by_agent = true;
                "the agent ended before it was injected".clone_into(&mut record.note);
                if let Err(err) = store.save(&record) {
                    // Nothing was applied, and this agent will not do it either.
                    tracing::warn!("{err}");
                }
            }
            State::Diverged => report.diverged.push(record.id.clone()),
            state if state.may_have_effect() => {
                take_back(store, &mut record, hands, boot, &mut report).await;
            }
            _ => {}
        }
        swept.push(record);
    }
    (swept, report)
}

async fn take_back(
    store: &LeaseStore,
    record: &mut Record,
    hands: &Hands,
    boot: &str,
    report: &mut SweepReport,
) {
    let again = record.state == State::Reverting;
    if !again {
        record.by_agent = true;
        "the agent had ended".clone_into(&mut record.note);
    }
    record.state = State::Reverting;
    // The undo is safe without this line in the store, so a full disk does not stop it.
    if let Err(err) = store.save(record) {
        tracing::warn!("{err}");
    }
    let id = record.id.clone();
    let Some(held) = &record.held else {
        report.failed.push((id, "nothing is held".to_owned()));
        return;
    };
    let process = matches!(
        held.pre_image,
        PreImage::ProcessStop(_) | PreImage::ProcessKill(_)
    );
    let undone = if process && held.boot != boot {
        // Every process of then is gone, and numbers are given out anew.
        Ok(Undone::AlreadyClean)
    } else {
        held.pre_image.undo(hands, &id, again).await
    };
    match undone {
        Err(err) => {
            record.note = err.to_string();
            report.failed.push((id, err.to_string()));
        }
        Ok(undone) => {
            record.settle(undone);
            if let Err(err) = store.save(record) {
                record.state = State::Reverting;
                report.failed.push((id, err.to_string()));
                return;
            }
            match undone {
                Undone::Restored => report.restored.push(id),
                Undone::AlreadyClean => report.already_clean.push(id),
                Undone::Diverged => report.diverged.push(id),
            }
        }
    }
}
