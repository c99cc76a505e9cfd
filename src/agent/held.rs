//! What an injection has only while the agent lives: a session that holds a lock, a loop, a load. Whatever ends the
//! agent ends them.

use crate::base::InjectionId;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a task may take to end by itself.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Tasks by the injection that they belong to.
#[derive(Debug, Default)]
pub(super) struct HeldTasks(Mutex<BTreeMap<InjectionId, Task>>);

#[derive(Debug)]
struct Task {
    end: CancellationToken,
    handle: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl HeldTasks {
    fn tasks(&self) -> MutexGuard<'_, BTreeMap<InjectionId, Task>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the work of an injection begin. It ends when it is told to, and leaves nothing behind then.
    pub(super) fn hold<F>(&self, id: &InjectionId, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let end = CancellationToken::new();
        let handle = tokio::spawn(work(end.clone()));
        self.tasks().insert(id.clone(), Task { end, handle });
    }

    /// Whether the work of an injection goes on.
    pub(super) fn holds(&self, id: &InjectionId) -> bool {
        self.tasks().get(id).is_some_and(|task| !task.handle.is_finished())
    }

    /// Ends the work of an injection and waits until it has ended. Whether it still went on.
    pub(super) async fn let_go(&self, id: &InjectionId) -> bool {
        let Some(mut task) = self.tasks().remove(id) else {
            return false;
        };
        let went_on = !task.handle.is_finished();
        task.end.cancel();
        if tokio::time::timeout(END_LIMIT, &mut task.handle).await.is_err() {
            task.handle.abort();
            let _ = (&mut task.handle).await;
        }
        went_on
    }
}

/// Waits so long, or until the end. Whether it is the end.
pub(super) async fn pause_or_end(span: Duration, end: &CancellationToken) -> bool {
    end.run_until_cancelled(super::boot::pause(span)).await.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    };

    #[tokio::test]
    async fn work_goes_on_until_it_is_let_go_of_and_has_cleared_up_by_then() {
        let tasks = HeldTasks::default();
        let (a, b): (InjectionId, InjectionId) = ("gd-a".parse().unwrap(), "gd-b".parse().unwrap());
        let cleared = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&cleared);
        tasks.hold(&a, async move |end: CancellationToken| {
            end.cancelled().await;
            tokio::task::yield_now().await;
            told.store(true, SeqCst);
        });
        assert!(tasks.holds(&a) && !tasks.holds(&b));
        assert!(!tasks.let_go(&b).await);
        assert!(tasks.let_go(&a).await);
        assert!(cleared.load(SeqCst));
        assert!(!tasks.holds(&a) && !tasks.let_go(&a).await);
    }
}
