//! The small files of the machines: credentials, flags, clocks. And the way back to the beginning.

use super::{Desk, OperateError, Out, doors::replace};
use crate::{
    base::Span,
    clock::{Clock, SystemClock},
    depot::{
        aside::Flags,
        error::DepotError,
        layout::{FLAGS, flags_text, reset},
        machine, supervisor,
    },
    scenario::pack::PartKind,
};
use std::{fs, path::PathBuf};

/// How long every instance has certainly read a changed file after.
const READ: Span = Span::from_millis(500);

/// What can be shown of a secret word.
fn fingerprint(word: &str) -> String {
    crate::seed::digest(word.as_bytes())[..8].to_owned()
}

impl Desk<'_> {
    fn credentials(&self) -> impl Iterator<Item = (&str, &PathBuf)> {
        let files = self.layout.machine_files.iter().filter(|file| file.kind == PartKind::Credential);
        files.map(|file| (file.service.as_str(), &file.path))
    }

    fn words(path: &PathBuf) -> Result<Vec<String>, OperateError> {
        Ok(machine::words(&fs::read_to_string(path).map_err(DepotError::file("read", path))?))
    }

    pub(super) fn tokens(&self, out: Out<'_>) -> Result<(), OperateError> {
        writeln!(out, "{:<14} {:<10} ACCEPTS", "INSTANCE", "SHOWS")?;
        for (instance, path) in self.credentials() {
            let prints: Vec<_> = Self::words(path)?.iter().map(|word| fingerprint(word)).collect();
            let shows = prints.first().map_or("-", String::as_str);
            writeln!(out, "{instance:<14} {shows:<10} {}", prints.join(" "))?;
        }
        Ok(())
    }

    /// Everybody accepts the new word before anybody shows it.
    pub(super) async fn rotate(&self, out: Out<'_>) -> Result<(), OperateError> {
        let files: Vec<_> = self.credentials().collect();
        let mut shown = Vec::new();
        for (_, path) in &files {
            shown.extend(Self::words(path)?.into_iter().next());
        }
        let count = |word: &String| shown.iter().filter(|other| *other == word).count();
        // What most of them show is what most of them accept.
        let old = shown.iter().max_by_key(|word| count(word)).cloned().unwrap_or_default();
        let new = crate::seed::token();
        for text in [format!("{old}\n{new}\n"), format!("{new}\n{old}\n")] {
            for (_, path) in &files {
                replace(path, &text)?;
            }
            SystemClock.sleep_until(SystemClock.now() + READ).await;
        }
        let (new, old) = (fingerprint(&new), fingerprint(&old));
        Ok(writeln!(out, "{} instances show {new}; {old} is accepted as well", files.len())?)
    }

    fn read_flags(&self) -> Result<Flags, OperateError> {
        let path = self.root.join(FLAGS);
        let text = fs::read_to_string(&path).map_err(DepotError::file("read", &path))?;
        Ok(Flags::parse(&text).map_err(|problem| DepotError::Config { path, problem })?)
    }

    pub(super) fn flags(&self, out: Out<'_>) -> Result<(), OperateError> {
        let flags = self.read_flags()?;
        writeln!(out, "read_only         {}", flags.read_only)?;
        Ok(writeln!(out, "verify_downloads  {}", flags.verify_downloads)?)
    }

    pub(super) fn set_flag(&self, flag: &str, value: bool, out: Out<'_>) -> Result<(), OperateError> {
        let mut flags = self.read_flags()?;
        let place = match flag {
            "read_only" => &mut flags.read_only,
            "verify_downloads" => &mut flags.verify_downloads,
            _ => {
                return Err(OperateError::Refused(format!(
                    "there is no flag `{flag}`; there are read_only, verify_downloads"
                )));
            }
        };
        let before = std::mem::replace(place, value);
        replace(&self.root.join(FLAGS), &flags_text(flags))?;
        Ok(writeln!(out, "{flag} was {before}, is {value}")?)
    }

    pub(super) async fn clocks(&self, out: Out<'_>) -> Result<(), OperateError> {
        writeln!(out, "{:<14} {:<26} AHEAD", "INSTANCE", "SHOWS")?;
        for process in &self.layout.processes {
            let asked = SystemClock.now();
            let page = super::desk::ask(process, "/metrics", std::time::Duration::from_secs(2)).await;
            let seconds = page.ok().and_then(|page| {
                let line = page.lines().find_map(|line| line.strip_prefix("machine_clock_seconds "))?;
                line.parse::<f64>().ok()
            });
            let Some(seconds) = seconds else {
                writeln!(out, "{:<14} does not answer", process.service)?;
                continue;
            };
            let ahead = seconds - asked.millis() as f64 / 1000.0;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a moment in milliseconds is far from the ends"
            )]
            let shows = crate::base::At::from_millis((seconds * 1000.0) as i64);
            writeln!(out, "{:<14} {shows:<26} {ahead:+.1} s", process.service)?;
        }
        Ok(())
    }

    pub(super) fn sync_clock(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let process = self.instance(instance)?;
        let path = machine::folder(self.root, process.service.as_str()).join(machine::CLOCK);
        replace(&path, "0\n")?;
        Ok(writeln!(out, "the clock of {} is right", process.service)?)
    }

    pub(super) async fn reset(&self, out: Out<'_>) -> Result<(), OperateError> {
        // Whoever could not be asked to restart must not be left without its files.
        supervisor::list(self.root).await?;
        reset(self.root)?;
        writeln!(
            out,
            "releases, data, volumes, rules, flags, clocks, credentials and certificate are as new"
        )?;
        let all: Vec<_> = self.layout.processes.iter().collect();
        self.restart_all(&all, out).await
    }
}
