//! A drill that is over, as its people may still read it after the server was started again.

use crate::{
    clock::BoxFuture,
    console::Desk,
    drill::{
        command::{Command, Refusal},
        event::Recorded,
    },
};
use tokio::sync::watch;

/// The desk of a drill to which nothing is added any more.
pub(super) struct Past {
    journal: Vec<Recorded>,
    count: watch::Sender<u64>,
}

impl Past {
    pub(super) fn of(journal: Vec<Recorded>) -> Self {
        let count = watch::Sender::new(journal.len() as u64);
        Self { journal, count }
    }
}

impl Desk for Past {
    fn send(&self, command: Command) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            match command {
                // Whoever comes to read changes nothing.
                Command::Join { .. } => Ok(()),
                _ => Err(Refusal::WrongPhase { phase: "closed", help: "the exercise is over" }),
            }
        })
    }

    fn journal(&self, from: u64) -> Vec<Recorded> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        self.journal.get(from..).unwrap_or_default().to_vec()
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
}
