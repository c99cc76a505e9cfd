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

/// What does not arrive in time; its sender hears nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Nothing,
    Arms,
    Injects,
}

/// The way to an agent, on which messages may arrive twice or late. An engine that is only slow looks the same: what it
/// says comes when another one has taken everything back.
pub(crate) struct Network {
    agent: Arc<dyn Injector>,
    holds: Holds,
    sent: Mutex<Vec<Message>>,
}

impl Network {
    pub(crate) fn to(agent: Arc<dyn Injector>, holds: Holds) -> Arc<Self> {
        Arc::new(Self { agent, holds, sent: Mutex::default() })
    }

    /// Every message that was to arm something.
    pub(crate) fn arms(&self) -> Vec<Arm> {
        let sent = self.sent.lock().unwrap();
        let arms = sent.iter().filter_map(|message| match message {
            Message::Arm(arm) => Some(arm.clone()),
            Message::Inject(..) => None,
        });
        arms.collect()
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

fn no_answer() -> BoxFuture<'static, Result<(), HandError>> {
    Box::pin(async { Err(HandError::Unavailable("no answer in time".to_owned())) })
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
        if self.holds == Holds::Arms { no_answer() } else { self.agent.arm(arm) }
    }

    fn inject<'a>(&'a self, id: &'a InjectionId, fence: Fence) -> BoxFuture<'a, Result<(), HandError>> {
        self.sent.lock().unwrap().push(Message::Inject(id.clone(), fence));
        if self.holds == Holds::Injects { no_answer() } else { self.agent.inject(id, fence) }
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
