//! The way between engines and an agent, on which messages arrive twice or too late.

use gameday::{
    base::InjectionId,
    clock::BoxFuture,
    drill::effect::Arm,
    fault::{Fault, Fence, Inspection, Undone},
    target::{HandError, Injector},
};
use std::sync::{Arc, Mutex};

/// Something that was said to an agent.
#[derive(Clone)]
enum Message {
    Arm(Arm),
    Inject(InjectionId, Fence),
}

/// The way to an agent, on which messages may arrive twice or late. An engine that is only slow looks the same: what it
/// says comes when another one has taken everything back.
pub(crate) struct Network {
    agent: Arc<dyn Injector>,
    /// An inject does not arrive in time, and its sender hears nothing.
    holds_injects: bool,
    sent: Mutex<Vec<Message>>,
}

impl Network {
    /// One on which everything arrives at once.
    pub(crate) fn to(agent: Arc<dyn Injector>) -> Arc<Self> {
        Arc::new(Self { agent, holds_injects: false, sent: Mutex::default() })
    }

    /// One on which injects do not arrive in time.
    pub(crate) fn slow(agent: Arc<dyn Injector>) -> Arc<Self> {
        Arc::new(Self { agent, holds_injects: true, sent: Mutex::default() })
    }

    /// Everything that was ever said arrives now, again or at last.
    pub(crate) async fn deliver(&self) {
        let sent = self.sent.lock().unwrap().clone();
        for message in sent {
            // Nobody waits for these answers any more.
            let _ = match message {
                Message::Arm(arm) => self.agent.arm(&arm).await,
                Message::Inject(id, fence) => self.agent.inject(&id, fence).await,
            };
        }
    }
}

impl Injector for Network {
    fn inspect<'a>(
        &'a self,
        id: &'a InjectionId,
        fault: &'a Fault,
    ) -> BoxFuture<'a, Result<Inspection, HandError>> {
        self.agent.inspect(id, fault)
    }

    fn arm<'a>(&'a self, arm: &'a Arm) -> BoxFuture<'a, Result<(), HandError>> {
        self.sent.lock().unwrap().push(Message::Arm(arm.clone()));
        self.agent.arm(arm)
    }

    fn inject<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        self.sent.lock().unwrap().push(Message::Inject(id.clone(), fence));
        if self.holds_injects {
            return Box::pin(async { Err(HandError::Unavailable("no answer in time".to_owned())) });
        }
        self.agent.inject(id, fence)
    }

    fn revoke<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        self.agent.revoke(id, fence)
    }

    fn undo<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<Undone, HandError>> {
        self.agent.undo(id, fence)
    }

    fn heartbeat(&self, epoch: u64) -> BoxFuture<'_, Result<Vec<InjectionId>, HandError>> {
        self.agent.heartbeat(epoch)
    }
}
