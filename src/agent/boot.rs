//! The boot-time clock: it runs on while the machine sleeps, and nobody sets it.

use nix::time::{ClockId, clock_gettime};
use std::{future::Future, time::Duration};

/// Milliseconds since this machine was started, suspended time included.
pub(super) fn now_ms() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had this clock since 2.6.39");
    let ms = i128::from(time.tv_sec()) * 1000 + i128::from(time.tv_nsec()) / 1_000_000;
    u64::try_from(ms).unwrap_or(0)
}

/// Names the present run of the machine: a reading of the clock means nothing in another one.
pub(super) fn id() -> std::io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

/// Waits. The agent supervises real processes, so this is always real time.
#[expect(clippy::disallowed_methods, reason = "the agent keeps real time and has no drill clock")]
pub(super) async fn pause(span: Duration) {
    tokio::time::sleep(span).await;
}

/// Asks `seen` every few milliseconds until it answers something; nothing once `limit` is over.
pub(super) async fn watch_for<T, F>(limit: Duration, mut seen: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    const STEP: Duration = Duration::from_millis(10);
    let end_ms = now_ms() + u64::try_from(limit.as_millis()).unwrap_or(u64::MAX / 2);
    loop {
        if let Some(answer) = seen().await {
            return Some(answer);
        }
        if now_ms() >= end_ms {
            return None;
        }
        pause(STEP).await;
    }
}
