//! Gives a container less of the processor, or less memory.

use super::{Container, Docker, LeverError, Presence, refused};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Microseconds of a period.
const PERIOD: i64 = 100_000;
/// Least memory that the engine gives, in MiB.
const LEAST_MIB: u64 = 6;

/// A limit of the processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Cpu {
    /// As the engine held it.
    before: Share,
    /// Ours.
    ours: Share,
}

/// A share of the processor, in one of the two ways in which the engine writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Share {
    nano: i64,
    quota: i64,
    period: i64,
}

impl Share {
    fn of(container: &Container) -> Self {
        let host = &container.host_config;
        Self { nano: host.nano_cpus, quota: host.cpu_quota, period: host.cpu_period }
    }

    /// Thousandths of a processor; nothing: no limit. 0 and -1 are the same to the engine.
    fn thousandths(self) -> Option<i64> {
        let period = if self.period > 0 { self.period } else { PERIOD };
        match (self.nano, self.quota) {
            (nano, _) if nano > 0 => Some(nano / 1_000_000),
            (_, quota) if quota > 0 => Some(quota.saturating_mul(1000) / period),
            _ => None,
        }
    }

    fn written(self) -> Value {
        if self.nano > 0 {
            return json!({"NanoCpus": self.nano});
        }
        let quota = if self.quota > 0 { self.quota } else { -1 };
        let period = if self.period > 0 { self.period } else { PERIOD };
        json!({"CpuQuota": quota, "CpuPeriod": period})
    }

    fn told(self) -> String {
        let part = |thousandths: i64| format!("{} % of a processor", thousandths as f64 / 10.0);
        self.thousandths().map_or_else(|| "all of the processor".to_owned(), part)
    }
}

impl Cpu {
    pub(super) fn take(container: &Container, percent: u8) -> Result<Self, LeverError> {
        let before = Share::of(container);
        let ours = if before.nano > 0 {
            Share { nano: i64::from(percent) * 10_000_000, ..before }
        } else {
            Share { nano: 0, quota: i64::from(percent) * PERIOD / 100, period: PERIOD }
        };
        if before.thousandths().is_some_and(|has| Some(has) <= ours.thousandths()) {
            return Err(refused(format!("`{}` has no more than {} now", container.name(), before.told())));
        }
        Ok(Self { before, ours })
    }

    pub(super) async fn apply(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        Ok(docker.update(id, &self.ours.written()).await?)
    }

    pub(super) fn seen_in(&self, container: &Container) -> (Presence, String) {
        let now = Share::of(container);
        let presence = match now.thousandths() {
            share if share == self.ours.thousandths() => Presence::Present,
            share if share == self.before.thousandths() => Presence::Clean,
            _ => Presence::Diverged,
        };
        (presence, format!("gets {}", now.told()))
    }

    pub(super) async fn undo(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        Ok(docker.update(id, &self.before.written()).await?)
    }
}

/// A limit of memory. The engine cannot take a limit away again, so there has to be one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct Memory {
    /// Bytes before.
    before: i64,
    /// Bytes with swap before; -1: without limit.
    swap_before: i64,
    /// Ours.
    ours: i64,
}

impl Memory {
    pub(super) fn take(container: &Container, most_mib: u64) -> Result<Self, LeverError> {
        let host = &container.host_config;
        if host.memory <= 0 {
            return Err(refused(format!(
                "`{}` has no limit of memory that could be given back: set one (`mem_limit`)",
                container.name()
            )));
        }
        if most_mib < LEAST_MIB {
            return Err(refused(format!("the engine gives no less than {LEAST_MIB} MiB")));
        }
        let ours = i64::try_from(most_mib << 20).unwrap_or(i64::MAX);
        if ours >= host.memory {
            let has = host.memory >> 20;
            return Err(refused(format!("`{}` has no more than {has} MiB now", container.name())));
        }
        Ok(Self { before: host.memory, swap_before: host.memory_swap, ours })
    }

    pub(super) async fn apply(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        Ok(docker.update(id, &json!({"Memory": self.ours, "MemorySwap": self.ours})).await?)
    }

    pub(super) fn seen_in(&self, container: &Container) -> (Presence, String) {
        let host = &container.host_config;
        let presence = match (host.memory, host.memory_swap) {
            (memory, _) if memory == self.ours => Presence::Present,
            (memory, swap) if memory == self.before && swap == self.swap_before => Presence::Clean,
            _ => Presence::Diverged,
        };
        (presence, format!("gets {} MiB of memory", host.memory >> 20))
    }

    /// The limit comes back, and with it a container that our limit has ended.
    pub(super) async fn undo(&self, docker: &Docker, id: &str) -> Result<(), LeverError> {
        docker.update(id, &json!({"Memory": self.before, "MemorySwap": self.swap_before})).await?;
        let now = docker.look(id).await?;
        if now.is_some_and(|now| !now.state.running && now.state.oom_killed) {
            docker.start(id).await?;
        }
        Ok(())
    }
}
