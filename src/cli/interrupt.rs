//! Interrupts: what a person at the terminal, or whatever looks after this process, sends to end it.

use std::io;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Waits for Ctrl-C or a request to end.
pub(super) async fn interrupted() -> io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// The first two interrupts, for everybody who has to know of them, also afterwards.
#[derive(Debug, Clone, Default)]
pub(super) struct Interrupts {
    /// Everything is to be taken back.
    pub(super) first: CancellationToken,
    /// The process is to be left at once.
    pub(super) second: CancellationToken,
}

impl Interrupts {
    /// Those that come from now on.
    pub(super) fn watch() -> Self {
        let interrupts = Self::default();
        let Self { first, second } = interrupts.clone();
        tokio::spawn(async move {
            for one in [first, second] {
                if interrupted().await.is_err() {
                    return;
                }
                one.cancel();
            }
        });
        interrupts
    }
}
