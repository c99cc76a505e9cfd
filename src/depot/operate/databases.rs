//! The catalogues and the databases: roles, quotas, space, indexes, locks.

use super::{Desk, OperateError, Out};
use crate::{
    base::names::is_name,
    depot::{directory::Role, error::DepotError, metadata::Standing},
    scenario::pack::{DatabaseLayout, ProcessLayout},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

/// The byte of a database's shared memory file that its writer has locked.
const WRITER_BYTE: &str = "120";

/// A catalogue and how it stands, if it answers.
struct Seen<'a> {
    process: &'a ProcessLayout,
    standing: Result<Standing, OperateError>,
}

impl Seen<'_> {
    /// Its term, if it is the primary.
    fn primary_term(&self) -> Option<u64> {
        self.standing
            .as_ref()
            .ok()
            .filter(|standing| standing.role.primary)
            .map(|standing| standing.role.term)
    }
}

fn nonsense(err: &serde_json::Error) -> OperateError {
    OperateError::World(format!("could not understand the answer: {err}"))
}

impl Desk<'_> {
    async fn standings(&self) -> Vec<Seen<'_>> {
        let mut seen = Vec::new();
        for process in &self.layout.processes {
            if matches!(process.component.as_str(), "metadata" | "replica") {
                let answer = self.call(process, Method::GET, "/replication", None).await;
                let standing =
                    answer.and_then(|body| serde_json::from_value(body).map_err(|err| nonsense(&err)));
                seen.push(Seen { process, standing });
            }
        }
        seen
    }

    /// The catalogue that takes writes.
    async fn primary(&self) -> Result<&ProcessLayout, OperateError> {
        let seen = self.standings().await;
        let primary =
            seen.iter().filter(|one| one.primary_term().is_some()).max_by_key(|one| one.primary_term());
        let none = || OperateError::World("no catalogue that answers is the primary".to_owned());
        primary.map(|one| one.process).ok_or_else(none)
    }

    pub(super) async fn replication(&self, out: Out<'_>) -> Result<(), OperateError> {
        writeln!(
            out,
            "{:<14} {:<8} {:>5} {:>9} {:>7} {:>7} {:<16} NOTE",
            "INSTANCE", "ROLE", "TERM", "POSITION", "BEHIND", "OBJECTS", "CHECKSUM"
        )?;
        for Seen { process, standing } in self.standings().await {
            let standing = match standing {
                Ok(standing) => standing,
                Err(err) => {
                    writeln!(out, "{:<14} {err}", process.service)?;
                    continue;
                }
            };
            let role = if standing.role.primary { "primary" } else { "replica" };
            let heard = match (&standing.problem, standing.heard_s) {
                (Some(problem), _) => problem.clone(),
                (None, Some(s)) => format!("heard from the primary {s:.1} s ago"),
                (None, None) => String::new(),
            };
            writeln!(
                out,
                "{:<14} {role:<8} {:>5} {:>9} {:>7} {:>7} {:<16} {heard}",
                process.service,
                standing.role.term,
                standing.position.seq,
                standing.behind,
                standing.objects,
                standing.checksum
            )?;
        }
        Ok(())
    }

    pub(super) async fn promote(
        &self,
        instance: &str,
        force: bool,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        let target = self.instance(instance)?;
        let seen = self.standings().await;
        let own = seen.iter().find(|one| one.process.service == target.service);
        let own = own.ok_or_else(|| OperateError::Refused(format!("`{instance}` is no catalogue")))?;
        let standing = match &own.standing {
            Ok(standing) => standing,
            Err(err) => return Err(OperateError::World(err.to_string())),
        };
        let newest = seen.iter().filter_map(|one| one.standing.as_ref().ok()).map(|s| s.role.term).max();
        let term = newest.unwrap_or(0) + 1;
        if own.primary_term().is_some_and(|own| own + 1 == term) {
            return Err(OperateError::Refused(format!("{instance} is the primary already")));
        }
        if let (Some(problem), false) = (&standing.problem, force)
            && problem.starts_with("diverged")
        {
            return Err(OperateError::Refused(format!(
                "{instance} has gone another way ({problem}): resync it, or lose changes with --force"
            )));
        }
        for other in seen.iter().filter(|one| one.process.service != target.service) {
            if other.primary_term().is_none() {
                if other.standing.is_err() {
                    writeln!(
                        out,
                        "{} does not answer: what it has not shipped is not here",
                        other.process.service
                    )?;
                }
                continue;
            }
            self.take_role(other.process, Role { primary: false, term }).await?;
            writeln!(out, "{} takes no more writes", other.process.service)?;
            let shipped = self.ship_rest(other.process, target, standing).await;
            match shipped {
                Ok(count) => writeln!(out, "{count} changes shipped")?,
                Err(err) if force => writeln!(out, "changes are lost: {err}")?,
                Err(err) => {
                    self.take_role(other.process, Role { primary: true, term: term + 1 }).await?;
                    return Err(err);
                }
            }
        }
        self.take_role(target, Role { primary: true, term }).await?;
        Ok(writeln!(out, "{instance} is the primary, term {term}")?)
    }

    async fn take_role(&self, process: &ProcessLayout, role: Role) -> Result<(), OperateError> {
        self.call(process, Method::POST, "/role", Some(json!(role))).await.map(drop)
    }

    /// Brings to `to` what `from` has and it has not.
    async fn ship_rest(
        &self,
        from: &ProcessLayout,
        to: &ProcessLayout,
        standing: &Standing,
    ) -> Result<u64, OperateError> {
        const BATCH: u64 = 1000;
        let mut position = standing.position.clone();
        let mut count = 0;
        loop {
            let path = format!("/changes?after={}&chain={}&max={BATCH}", position.seq, position.chain);
            let mut shipped = self.call(from, Method::GET, &path, None).await?;
            let changes = shipped["changes"].take();
            let length = changes.as_array().map_or(0, Vec::len) as u64;
            if length == 0 {
                return Ok(count);
            }
            count += length;
            let reached = self.call(to, Method::POST, "/changes", Some(changes)).await?;
            position = serde_json::from_value(reached).map_err(|err| nonsense(&err))?;
        }
    }

    pub(super) async fn resync(&self, instance: &str, out: Out<'_>) -> Result<(), OperateError> {
        let position = self.call(self.instance(instance)?, Method::POST, "/resync", None).await?;
        Ok(writeln!(out, "{instance} has copied the primary up to change {}", position["seq"])?)
    }

    pub(super) async fn quotas(&self, out: Out<'_>) -> Result<(), OperateError> {
        let told = self.call(self.primary().await?, Method::GET, "/owners", None).await?;
        writeln!(out, "each user may store {} MiB", told["quota_mib"])?;
        writeln!(out, "{:<24} {:>8} {:>12}", "USER", "OBJECTS", "BYTES")?;
        for owner in told["owners"].as_array().into_iter().flatten() {
            let user = owner["owner"].as_str().unwrap_or_default();
            writeln!(
                out,
                "{user:<24} {:>8} {:>12}",
                owner["objects"].to_string(),
                owner["bytes"].to_string()
            )?;
        }
        Ok(())
    }

    pub(super) async fn purge_user(&self, user: &str, out: Out<'_>) -> Result<(), OperateError> {
        if !is_name(user) {
            return Err(OperateError::Refused(format!("`{user}` is no name of a user")));
        }
        let path = format!("/owners/{user}/purge");
        let told = self.call(self.primary().await?, Method::POST, &path, None).await?;
        let keys: Vec<_> = told["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for node in self.instances("storage")? {
            for key in &keys {
                self.call(node, Method::DELETE, &format!("/blobs/{key}"), None).await?;
            }
        }
        Ok(writeln!(out, "{} objects of {user} are removed", keys.len())?)
    }

    fn database(&self, name: &str) -> Result<(&DatabaseLayout, &ProcessLayout), OperateError> {
        let databases = &self.layout.databases;
        let Some(database) = databases.iter().find(|one| one.database == name) else {
            let names: Vec<_> = databases.iter().map(|one| one.database.as_str()).collect();
            let there = names.join(", ");
            return Err(OperateError::Refused(format!("there is no database `{name}`; there are {there}")));
        };
        Ok((database, self.instance(database.service.as_str())?))
    }

    pub(super) async fn vacuum(&self, name: &str, out: Out<'_>) -> Result<(), OperateError> {
        let (_, process) = self.database(name)?;
        let told = self.call(process, Method::POST, "/vacuum", None).await?;
        Ok(writeln!(out, "{name}: {} bytes -> {} bytes", told["bytes_before"], told["bytes"])?)
    }

    pub(super) async fn indexes(&self, out: Out<'_>) -> Result<(), OperateError> {
        writeln!(out, "{:<16} {:<20} STATE", "DATABASE", "INDEX")?;
        for database in &self.layout.databases {
            if database.service.as_str() == "queue" {
                continue;
            }
            let process = self.instance(database.service.as_str())?;
            let told = self.call(process, Method::GET, "/indexes", None).await?;
            for index in told["indexes"].as_array().into_iter().flatten() {
                let state = if index["present"] == true { "present" } else { "missing" };
                let index = index["name"].as_str().unwrap_or_default();
                writeln!(out, "{:<16} {index:<20} {state}", database.database)?;
            }
        }
        Ok(())
    }

    pub(super) async fn create_index(
        &self,
        name: &str,
        index: &str,
        out: Out<'_>,
    ) -> Result<(), OperateError> {
        let (_, process) = self.database(name)?;
        if !is_name(index) {
            return Err(OperateError::Refused(format!("`{index}` is no name of an index")));
        }
        self.call(process, Method::POST, &format!("/indexes/{index}"), None).await?;
        Ok(writeln!(out, "{name}: {index} is there")?)
    }

    /// What the kernel says of locks on the databases' files. Nothing is opened: closing a file that SQLite uses in
    /// the same process would drop its locks.
    pub(super) fn locks(&self, out: Out<'_>) -> Result<(), OperateError> {
        let table = PathBuf::from("/proc/locks");
        let table = fs::read_to_string(&table).map_err(DepotError::file("read", &table))?;
        for database in &self.layout.databases {
            let shared = PathBuf::from(format!("{}-shm", database.path.display()));
            let inode = fs::metadata(&shared).map_or(0, |file| file.ino());
            let holders = writers(&table, inode);
            if holders.is_empty() {
                writeln!(out, "{:<16} nobody is writing", database.database)?;
            }
            for pid in holders {
                let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                writeln!(out, "{:<16} process {pid} ({}) is writing", database.database, program.trim())?;
            }
        }
        Ok(())
    }
}

/// The processes that hold a writer's lock on the shared memory file with this inode, by the kernel's table of locks.
fn writers(table: &str, inode: u64) -> Vec<String> {
    let suffix = format!(":{inode}");
    let mut holders = Vec::new();
    for line in table.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        // `1: POSIX ADVISORY WRITE 4711 00:2a:123 120 120`; a waiting one has an arrow after its number.
        if let [_, _, _, "WRITE", pid, file, first, last] = words.as_slice()
            && file.ends_with(&suffix)
            && (*first, *last) == (WRITER_BYTE, WRITER_BYTE)
        {
            holders.push((*pid).to_owned());
        }
    }
    holders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_found_in_the_kernels_table() {
        let table = "1: POSIX  ADVISORY  READ 10 00:2a:99 123 123\n\
                     2: POSIX  ADVISORY  WRITE 11 00:2a:99 120 120\n\
                     2: -> POSIX  ADVISORY  WRITE 12 00:2a:99 120 120\n\
                     3: POSIX  ADVISORY  WRITE 13 00:2a:199 120 120\n\
                     4: FLOCK  ADVISORY  WRITE 14 00:2a:99 0 EOF\n";
        assert_eq!(writers(table, 99), ["11"]);
        assert_eq!(writers(table, 9), Vec::<String>::new());
    }
}
