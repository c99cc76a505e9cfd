//! Takes back whatever an agent that is gone has left. Needs nothing but its folder and the layout.

use super::{
    AgentError, boot, guard,
    lever::Hands,
    record::{LeaseStore, Record},
};
use crate::{
    base::InjectionId,
    fault::{Undone, protocol::State},
    scenario::pack::Layout,
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
    guard::check_paths(layout)?;
    let hands = Hands::without_agent(Arc::new(layout.clone()));
    let boot = boot::id().map_err(AgentError::Boot)?;
    // On a thread of its own, so that a caller may be in a runtime or not.
    std::thread::scope(|scope| {
        let work = scope.spawn(|| -> Result<_, AgentError> {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(AgentError::Runtime)?;
            runtime.block_on(async {
                let store = LeaseStore::take(folder).await?;
                let found = store.load()?;
                let (_, mut report) = sweep_records(&store, found.records, &hands, &boot).await;
                report.damaged = found.damaged;
                Ok(report)
            })
        });
        work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
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
    let undone = if held.pre_image.is_of_a_process() && held.boot != boot {
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

#[cfg(test)]
mod tests {
    use super::{
        super::{
            lever::{
                PreImage, process_stop,
                tests::{WEB, layout},
            },
            process::{Life, Process},
            record::Held,
        },
        *,
    };
    use crate::fault::{Fault, Fence};
    use nix::sys::signal::Signal;
    use std::{fs, time::Duration};

    const FENCE: Fence = Fence { epoch: 1, seq: 1 };

    fn held(fault: Fault, pre_image: PreImage, boot: &str) -> Held {
        Held {
            fault,
            fence: FENCE,
            pre_image,
            lease_ms: 1,
            lease_until_ms: 0,
            deadline_ms: 0,
            boot: boot.to_owned(),
        }
    }

    /// An edit of one key, each with a name of its own, as an agent would have armed it.
    async fn armed(hands: &Hands, name: &str, key: &str) -> Record {
        let fault = Fault::FileEdit { file: "web".to_owned(), key: key.to_owned(), value: "2".to_owned() };
        let id: InjectionId = name.parse().unwrap();
        let pre_image = PreImage::take(hands, &id, &fault).await.unwrap();
        Record::armed(id, held(fault, pre_image, "this"))
    }

    #[tokio::test]
    async fn whatever_state_a_crash_leaves_nothing_of_the_effect_stays() {
        for (state, applied, undone) in [
            (State::Armed, false, false),
            (State::Applying, false, false),
            (State::Applying, true, false),
            (State::Applied, true, false),
            (State::Reverting, true, false),
            (State::Reverting, true, true),
        ] {
            let case = format!("{state:?} {applied} {undone}");
            let folder = tempfile::tempdir().unwrap();
            let layout = layout(folder.path());
            let hands = Hands::without_agent(Arc::new(layout.clone()));
            let agent = folder.path().join("agent");
            let mut record = armed(&hands, "gd-a", "pool.size").await;
            let pre_image = record.held.as_ref().unwrap().pre_image.clone();
            let id = record.id.clone();
            if applied {
                pre_image.apply(&hands, &id).await.unwrap();
            }
            if undone {
                pre_image.undo(&hands, &id, false).await.unwrap();
            }
            record.state = state;
            LeaseStore::take(&agent).await.unwrap().save(&record).unwrap();

            let report = sweep(&agent, &layout).unwrap();
            assert!(report.is_clean(), "{case}: {report:?}");
            let effect = applied && !undone;
            assert_eq!(report.restored.len(), usize::from(effect), "{case}");
            let text = fs::read_to_string(&layout.files[0].path).unwrap();
            assert_eq!(text, WEB, "{case}");
            let left = LeaseStore::take(&agent).await.unwrap().load().unwrap();
            assert!(left.records[0].state.is_terminal(), "{case}");
            let again = sweep(&agent, &layout).unwrap();
            assert_eq!(again, SweepReport::default(), "{case}");
        }
    }

    #[tokio::test]
    async fn one_undo_that_cannot_be_done_stops_no_other_and_foreign_values_stay() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path());
        let hands = Hands::without_agent(Arc::new(layout.clone()));
        let agent = folder.path().join("agent");
        let store = LeaseStore::take(&agent).await.unwrap();
        for (name, key) in [("gd-a", "pool.size"), ("gd-b", "pool.wait_ms")] {
            let mut record = armed(&hands, name, key).await;
            let pre_image = record.held.as_ref().unwrap().pre_image.clone();
            pre_image.apply(&hands, &record.id).await.unwrap();
            record.state = State::Applied;
            store.save(&record).unwrap();
        }
        // A third one whose place cannot be read at all.
        let mut broken = armed(&hands, "gd-c", "pool.extra").await;
        broken.state = State::Applying;
        if let PreImage::FileEdit(pre) = &mut broken.held.as_mut().unwrap().pre_image {
            pre.path = folder.path().to_owned();
        }
        store.save(&broken).unwrap();
        fs::write(agent.join("injections/gd-d.json"), "{").unwrap();
        drop(store);
        let path = &layout.files[0].path;
        let repaired = fs::read_to_string(path).unwrap().replace("size = 2", "size = 32");
        fs::write(path, repaired).unwrap();

        let report = sweep(&agent, &layout).unwrap();
        assert_eq!(report.diverged.len(), 1);
        assert_eq!(report.restored.len(), 1);
        assert_eq!(report.failed.len(), 1, "{report:?}");
        assert_eq!(report.damaged.len(), 1);
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("size = 32") && text.contains("wait_ms = 250"), "{text}");
    }

    #[tokio::test]
    async fn a_stopped_process_of_this_boot_is_let_run() {
        let folder = tempfile::tempdir().unwrap();
        let layout = layout(folder.path());
        let agent = folder.path().join("agent");
        let process = Process::start(layout.processes[0].clone(), Vec::new()).await.unwrap();
        let identity = process.identity();
        process.signal(Signal::SIGSTOP).unwrap();
        let limit = Duration::from_secs(10);
        let stopped = async || (identity.life().unwrap() == Life::Stopped).then_some(());
        boot::watch_for(limit, stopped).await.expect("it stops");
        let service = layout.processes[0].service.clone();
        let left_by = async |boot: &str| {
            let pre_image = PreImage::ProcessStop(process_stop::PreImage {
                service: service.clone(),
                component: layout.processes[0].component.clone(),
                identity,
            });
            let fault = Fault::ProcessStop { service: service.clone() };
            let mut record = Record::armed("gd-a".parse().unwrap(), held(fault, pre_image, boot));
            record.state = State::Applied;
            LeaseStore::take(&agent).await.unwrap().save(&record).unwrap();
        };
        left_by("another boot").await;
        let report = sweep(&agent, &layout).unwrap();
        assert_eq!(report.already_clean.len(), 1);
        assert_eq!(identity.life().unwrap(), Life::Stopped);
        left_by(&boot::id().unwrap()).await;
        let report = sweep(&agent, &layout).unwrap();
        assert_eq!(report.restored.len(), 1);
        let runs = async || (identity.life().unwrap() == Life::Running).then_some(());
        boot::watch_for(limit, runs).await.expect("it runs");
        process.signal(Signal::SIGKILL).unwrap();
        process.ended().await;
    }

    #[tokio::test]
    async fn a_deny_marker_stops_no_sweep_and_a_working_agent_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("depot");
        fs::create_dir(&root).unwrap();
        let layout = layout(&root);
        fs::write(root.join(guard::DENY), "").unwrap();
        let agent = folder.path().join("agent");
        sweep(&agent, &layout).unwrap();
        let _working = LeaseStore::take(&agent).await.unwrap();
        assert!(matches!(sweep(&agent, &layout), Err(AgentError::Store(_))));
    }
}
