//! What belongs to an instance's machine and not to its release: clock, credential, and what the process takes of it.
//!
//! Each instance has a folder `machine/NAME/` of small files that are read again by themselves.

use super::{telemetry::Page, watched::Watched};
use crate::{
    base::At,
    clock::{Clock, SystemClock},
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// The file that says by how many milliseconds the machine's clock is ahead.
pub(super) const CLOCK: &str = "clock";
/// The file with the credential: the first line is shown to neighbours, every line is accepted from them.
pub(super) const CREDENTIAL: &str = "credential";
/// Most descriptors that a process of a Depot may have open.
pub(super) const DESCRIPTORS_MAX: u64 = 1024;

/// An instance's machine.
pub(super) struct Machine {
    offset_ms: Watched<i64>,
    credential: Watched<Vec<String>>,
}

/// Where the machine of `instance` keeps its files.
pub(super) fn folder(root: &Path, instance: &str) -> PathBuf {
    root.join("machine").join(instance)
}

/// The words in a credential's file.
pub(super) fn words(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

impl Machine {
    pub(super) fn of(root: &Path, instance: &str) -> Self {
        let folder = folder(root, instance);
        let offset = |text: &str| {
            text.trim().parse().map_err(|_| format!("`{}` is no number of milliseconds", text.trim()))
        };
        Self {
            offset_ms: Watched::new(&folder.join(CLOCK), 0, offset),
            credential: Watched::new(&folder.join(CREDENTIAL), Vec::new(), |text| Ok(words(text))),
        }
    }

    /// What the machine's clock shows.
    pub(super) fn now(&self) -> At {
        At::from_millis(SystemClock.now().millis().saturating_add(*self.offset_ms.get()))
    }

    /// The credential that neighbours are shown; empty when there is none.
    pub(super) fn credential(&self) -> String {
        self.credential.get().first().cloned().unwrap_or_default()
    }

    /// Whether `shown` is a credential that is accepted here.
    pub(super) fn accepts(&self, shown: &str) -> bool {
        self.credential.get().iter().any(|word| bool::from(word.as_bytes().ct_eq(shown.as_bytes())))
    }

    /// Adds what the process takes of its machine.
    pub(super) fn write(&self, page: &mut Page) {
        page.single("process_open_fds", "gauge", "Open descriptors.", open_descriptors());
        let most = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
        page.single("process_max_fds", "gauge", "Most descriptors that may be open.", most as f64);
        let resident = resident_bytes() as f64;
        page.single("process_resident_memory_bytes", "gauge", "Memory in use.", resident);
        page.single("process_cpu_seconds_total", "counter", "Processor time used.", cpu_seconds());
        let clock = self.now().millis() as f64 / 1000.0;
        page.single("machine_clock_seconds", "gauge", "What the machine's clock shows.", clock);
    }
}

/// Lets this process have at most [`DESCRIPTORS_MAX`] descriptors open, or fewer if it may not have so many.
pub(super) fn limit_descriptors() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // A refusal leaves the limit that the supervisor gave.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS_MAX.min(hard), hard);
    }
}

fn open_descriptors() -> f64 {
    std::fs::read_dir("/proc/self/fd").map_or(0.0, |entries| entries.count() as f64)
}

/// Memory of this process that is in RAM.
pub(super) fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

fn cpu_seconds() -> f64 {
    const TICKS_PER_S: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold spaces; what follows it begins with the third field.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_credential_is_accepted_and_the_first_is_shown() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path(), "session");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(CREDENTIAL), "new\nold\n").unwrap();
        std::fs::write(folder.join(CLOCK), "7200000\n").unwrap();
        let machine = Machine::of(root.path(), "session");
        assert_eq!(machine.credential(), "new");
        assert!(machine.accepts("old") && machine.accepts("new"));
        assert!(!machine.accepts("") && !machine.accepts("older"));
        let ahead = machine.now().millis() - SystemClock.now().millis();
        assert!((7_190_000..=7_210_000).contains(&ahead), "{ahead}");
        assert!(resident_bytes() > 1_000_000 && open_descriptors() > 2.0 && cpu_seconds() >= 0.0);
    }
}
