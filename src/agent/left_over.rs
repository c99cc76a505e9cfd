//! What a supervised process has started outlives it when the agent is killed: the kernel takes only the process itself
//! along. So its group is noted beside its log, and ended before the process is started anew.

use super::{
    boot,
    process::{Identity, look},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgid},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A group of processes, named by the one that leads it.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    leader: Identity,
    boot: String,
}

fn place(log: &Path) -> PathBuf {
    log.with_extension("group")
}

/// Notes the group of a process that was just started. Without the note nothing is ended later: no worse than before.
pub(super) fn note(log: &Path, leader: Identity) {
    let Ok(boot) = boot::id() else { return };
    let text = serde_json::to_vec(&Noted { leader, boot }).expect("a note has text keys only");
    if let Err(err) = fs::write(place(log), text) {
        tracing::warn!("could not write {}: {err}", place(log).display());
    }
}

/// Ends whatever is left of the group that was noted last.
pub(super) fn end(log: &Path) {
    let Ok(text) = fs::read(place(log)) else { return };
    let Ok(noted) = serde_json::from_slice::<Noted>(&text) else { return };
    if boot::id().ok().as_ref() != Some(&noted.boot) {
        return;
    }
    for member in members(noted.leader) {
        tracing::info!("ending {}, left over from an earlier agent", member.pid);
        let _ = kill(Pid::from_raw(member.pid), Signal::SIGKILL);
    }
}

/// Who is in the group. A number is not given away while a group of that number has a member; when it was given to
/// another leader since, the whole group is somebody else's.
fn members(leader: Identity) -> Vec<Identity> {
    if matches!(look(leader.pid), Ok(Some((now, _))) if now != leader) {
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let group = Pid::from_raw(leader.pid);
    numbers
        .filter(|&pid| getpgid(Some(Pid::from_raw(pid))) == Ok(group))
        .filter_map(|pid| Identity::of(pid).ok().flatten())
        .filter(|member| member.start_ticks >= leader.start_ticks)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::boot::watch_for;
    use std::{os::unix::process::CommandExt as _, process::Command, time::Duration};

    #[tokio::test]
    async fn children_that_outlive_their_leader_are_ended_and_nobody_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("web.log");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "sleep 600 & echo $!; exec sleep 600"]).process_group(0);
        let mut leader = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(leader.stdout.take().unwrap()), &mut line)
            .unwrap();
        let child = Identity::of(line.trim().parse().unwrap()).unwrap().unwrap();
        let identity = Identity::of(i32::try_from(leader.id()).unwrap()).unwrap().unwrap();
        note(&log, Identity { start_ticks: identity.start_ticks + 1, ..identity });
        end(&log);
        assert!(!members(identity).is_empty(), "another leader's group is left alone");
        leader.kill().unwrap();
        leader.wait().unwrap();
        note(&log, identity);
        end(&log);
        let gone = async || matches!(child.life(), Ok(super::super::process::Life::Gone)).then_some(());
        watch_for(Duration::from_secs(10), gone).await.expect("the child is ended");
    }
}
