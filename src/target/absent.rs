//! No target: for a drill whose start was missed, and for taking a journal to its end after a sweep.

use super::{HandError, Injector, Inspection, Operator, Prober, Traffic, Undone};
use crate::{
    base::{At, InjectionId, ProbeName},
    clock::BoxFuture,
    drill::{command::ProbeAnswer, effect::Arm, measure::Bucket},
    fault::{Fault, Fence, Presence},
};

/// Nothing is attached: whatever is asked is unavailable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent;

/// The target's agent is gone, and a sweep of its folder has just put everything back. Looking finds the place clean
/// and undoing has nothing left to do; nothing can be injected.
#[derive(Debug, Clone, Copy, Default)]
pub struct Swept;

fn none<T>() -> BoxFuture<'static, Result<T, HandError>>
where
    T: Send + 'static,
{
    Box::pin(async { Err(HandError::Unavailable("no target is attached".into())) })
}

impl Injector for Absent {
    fn inspect<'a>(
        &'a self,
        _: &'a InjectionId,
        _: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        none()
    }
    fn arm<'a>(&'a self, _: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        none()
    }
    fn inject<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        none()
    }
    fn revoke<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        none()
    }
    fn undo<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        none()
    }
    fn heartbeat(&self, _: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        none()
    }
}

impl Injector for Swept {
    fn inspect<'a>(
        &'a self,
        _: &'a InjectionId,
        _: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        let detail = "its agent is gone and its folder was swept".to_owned();
        Box::pin(async { Ok(Inspection { presence: Presence::Clean, detail }) })
    }
    fn arm<'a>(&'a self, _: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        none()
    }
    fn inject<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        none()
    }
    fn revoke<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        Box::pin(async { Ok(()) })
    }
    fn undo<'a>(&'a self, _: &'a InjectionId, _: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        Box::pin(async { Ok(Undone::Restored) })
    }
    fn heartbeat(&self, _: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl Prober for Absent {
    fn ask<'a>(&'a self, _: &'a ProbeName) -> BoxFuture<'a, ProbeAnswer> {
        let detail = "no target is attached".to_owned();
        Box::pin(async { ProbeAnswer { good: false, latency_ms: 0, detail } })
    }
}

impl Traffic for Absent {
    fn start(&self, _: At) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn measure(&self, _: At) -> BoxFuture<'_, Bucket> {
        Box::pin(async { Bucket::default() })
    }
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Operator for Absent {
    fn operate<'a>(&'a self, _: &'a [String]) -> BoxFuture<'a, (Option<i32>, String)> {
        Box::pin(async { (None, "no target is attached".to_owned()) })
    }
}
