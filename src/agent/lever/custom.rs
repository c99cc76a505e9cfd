//! A fault that the target's owner has declared: three commands that break, repair and look. They are argument vectors
//! that no shell reads. Each runs in the target's folder, with an environment of its own and in a process group of its
//! own, and is killed with everything it has started when its time is over.

use super::{Hands, LeverError, refused, seen};
use crate::{
    base::{InjectionId, ServiceName},
    fault::{Inspection, Presence, Undone},
    scenario::pack::CustomFault,
};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
};

/// Longest time that a change may take; whoever asks for it waits a little longer.
const CHANGE_MAX: Duration = Duration::from_secs(18);
/// As [`CHANGE_MAX`] for a look.
const LOOK_MAX: Duration = Duration::from_secs(4);
/// What of a command's output is kept, in bytes.
const OUTPUT_BYTES_MAX: u64 = 4096;
/// Where commands without a slash are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The commands as they were declared when it was armed: an undo does not hang on a file that has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::agent) struct PreImage {
    /// The three commands.
    pub fault: CustomFault,
    /// Where they run.
    pub folder: PathBuf,
}

/// How a command ended.
struct Ended {
    code: Option<i32>,
    said: String,
}

impl PreImage {
    /// Takes only what can be seen to be absent: an effect whose absence cannot be seen could not be proved undone.
    pub(super) async fn take(hands: &Hands, id: &InjectionId, name: &str) -> Result<Self, LeverError> {
        let mut known = hands.layout.custom.iter();
        let fault = known
            .find(|fault| fault.name == name)
            .ok_or_else(|| refused(format!("there is no fault `{name}` of the target's owner here")))?;
        for (what, argv) in [("apply", &fault.apply), ("revert", &fault.revert), ("inspect", &fault.inspect)]
        {
            if argv.first().is_none_or(String::is_empty) {
                return Err(refused(format!(
                    "the fault `{name}` has no command to {what}: all three are needed"
                )));
            }
        }
        let pre = Self { fault: fault.clone(), folder: hands.layout.root.clone() };
        let now = pre.inspect(id).await?;
        match now.presence {
            Presence::Clean => Ok(pre),
            Presence::Present => Err(refused(format!("the effect of `{name}` is there already"))),
            _ => Err(refused(format!("`{name}` cannot be seen to be absent: {}", now.detail))),
        }
    }

    /// Where it is counted: two faults of owners are never on one service at once.
    pub(super) fn place(&self) -> &ServiceName {
        &self.fault.place
    }

    pub(super) async fn apply(&self, id: &InjectionId) -> Result<(), LeverError> {
        self.command("apply", &self.fault.apply, id).await
    }

    pub(super) async fn inspect(&self, id: &InjectionId) -> Result<Inspection, LeverError> {
        let ended = self.run(&self.fault.inspect, id, LOOK_MAX).await?;
        let presence = match ended.code {
            Some(0) => Presence::Present,
            Some(1) => Presence::Clean,
            _ => Presence::Unknown,
        };
        let code = ended.code.map_or_else(|| "no exit code".to_owned(), |code| format!("exit code {code}"));
        Ok(seen(presence, format!("inspect of `{}`: {code}: {}", self.fault.name, ended.said)))
    }

    /// Reverts unless the effect is seen to be absent, and believes nothing but what it sees afterwards.
    pub(super) async fn undo(&self, id: &InjectionId) -> Result<Undone, LeverError> {
        if self.inspect(id).await?.presence == Presence::Clean {
            return Ok(Undone::AlreadyClean);
        }
        self.command("revert", &self.fault.revert, id).await?;
        let now = self.inspect(id).await?;
        if now.presence == Presence::Clean {
            Ok(Undone::Restored)
        } else {
            Err(LeverError::Failed(format!("reverted, but it is not gone: {}", now.detail)))
        }
    }

    /// A command that has to end well.
    async fn command(&self, what: &str, argv: &[String], id: &InjectionId) -> Result<(), LeverError> {
        let ended = self.run(argv, id, CHANGE_MAX).await?;
        if ended.code == Some(0) {
            return Ok(());
        }
        let how = ended.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        Err(LeverError::Failed(format!("{what} of `{}` ended with {how}: {}", self.fault.name, ended.said)))
    }

    async fn run(&self, argv: &[String], id: &InjectionId, most: Duration) -> Result<Ended, LeverError> {
        let program = argv.first().map_or("", String::as_str);
        let limit = Duration::from_millis(self.fault.timeout_ms).min(most);
        let failed = |what: &str, err: &std::io::Error| {
            LeverError::Failed(format!("could not {what} `{}`: {err}", Path::new(program).display()))
        };
        let mut child = Command::new(program)
            .args(&argv[1..])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", PATH)
            .env("GAMEDAY_INJECTION", id.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|err| failed("start", &err))?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let work = async {
            let said = words_of(out, err).await;
            (child.wait().await, said)
        };
        let done = tokio::time::timeout(limit, work).await;
        // Also what it has left running: a command that goes on in the background would be no end.
        if let Some(group) = group {
            let _ = killpg(group, Signal::SIGKILL);
        }
        match done {
            Ok((Ok(status), said)) => Ok(Ended { code: status.code(), said }),
            Ok((Err(err), _)) => Err(failed("wait for", &err)),
            Err(_) => {
                let _ = child.wait().await;
                let ms = limit.as_millis();
                Err(LeverError::Failed(format!("`{program}` did not end within {ms} ms and was killed")))
            }
        }
    }
}

/// The first words of both outputs.
async fn words_of(out: Option<impl AsyncRead + Unpin>, err: Option<impl AsyncRead + Unpin>) -> String {
    let (out, err) = tokio::join!(first_bytes(out), first_bytes(err));
    format!("{} {}", out.trim(), err.trim()).trim().to_owned()
}

/// The first bytes of an output; the rest is read and thrown away, so that nobody waits for a full pipe.
async fn first_bytes(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut kept = Vec::new();
    let _ = (&mut pipe).take(OUTPUT_BYTES_MAX).read_to_end(&mut kept).await;
    let mut rest = [0; 4096];
    while matches!(pipe.read(&mut rest).await, Ok(count) if count > 0) {}
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{hands, id};
    use super::*;
    use crate::agent::boot;
    use std::{fs, sync::Arc};

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    /// A fault that is a file in the target's folder.
    fn flag() -> CustomFault {
        CustomFault {
            name: "flag".to_owned(),
            apply: shell("echo \"$GAMEDAY_INJECTION\" > flag"),
            revert: shell("rm -f flag"),
            inspect: shell("test -e flag"),
            timeout_ms: 10_000,
            place: "web-east".parse().unwrap(),
        }
    }

    fn with(root: &Path, fault: CustomFault) -> Hands {
        let mut hands = hands(root);
        Arc::make_mut(&mut hands.layout).custom = vec![fault];
        hands
    }

    #[tokio::test]
    async fn the_owners_commands_break_look_and_repair() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with(folder.path(), flag());
        let pre = PreImage::take(&hands, &id(), "flag").await.unwrap();
        pre.apply(&id()).await.unwrap();
        let path = hands.layout.root.join("flag");
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), id().as_str());
        assert_eq!(pre.inspect(&id()).await.unwrap().presence, Presence::Present);
        assert!(PreImage::take(&hands, &id(), "flag").await.is_err(), "it is there already");
        assert_eq!(pre.undo(&id()).await.unwrap(), Undone::Restored);
        assert!(!path.exists());
        assert_eq!(pre.undo(&id()).await.unwrap(), Undone::AlreadyClean);
    }

    #[tokio::test]
    async fn what_cannot_be_seen_or_is_not_whole_is_not_armed() {
        let folder = tempfile::tempdir().unwrap();
        let take = async |fault: CustomFault| {
            let name = fault.name.clone();
            PreImage::take(&with(folder.path(), fault), &id(), &name).await
        };
        for broken in [
            CustomFault { apply: Vec::new(), ..flag() },
            CustomFault { revert: Vec::new(), ..flag() },
            CustomFault { inspect: vec![String::new()], ..flag() },
            CustomFault { inspect: shell("exit 3"), ..flag() },
        ] {
            assert!(matches!(take(broken).await, Err(LeverError::Refused(_))));
        }
        let nowhere = CustomFault { inspect: vec!["/nowhere/look".to_owned()], ..flag() };
        assert!(take(nowhere).await.unwrap_err().to_string().contains("/nowhere/look"));
    }

    #[tokio::test]
    async fn a_revert_is_believed_only_when_it_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let hands = with(folder.path(), CustomFault { revert: shell("exit 0"), ..flag() });
        let pre = PreImage::take(&hands, &id(), "flag").await.unwrap();
        pre.apply(&id()).await.unwrap();
        assert!(pre.undo(&id()).await.unwrap_err().to_string().contains("not gone"));
    }

    #[tokio::test]
    async fn a_command_ends_in_time_with_all_that_it_has_started_and_sees_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let slow =
            CustomFault { apply: shell("echo $$ > pid; sleep 600 & sleep 600"), timeout_ms: 500, ..flag() };
        let hands = with(folder.path(), slow);
        let pre = PreImage::take(&hands, &id(), "flag").await.unwrap();
        assert!(pre.apply(&id()).await.unwrap_err().to_string().contains("within 500 ms"));
        let pid = fs::read_to_string(hands.layout.root.join("pid")).unwrap();
        let group = Pid::from_raw(pid.trim().parse().unwrap());
        let gone = async || killpg(group, None).is_err().then_some(());
        boot::watch_for(Duration::from_secs(10), gone).await.expect("nothing of it runs on");
        let loud = CustomFault { inspect: shell("env; yes | head -c 200000; exit 1"), ..flag() };
        let hands = with(folder.path(), loud);
        let pre = PreImage::take(&hands, &id(), "flag").await.unwrap();
        let said = pre.inspect(&id()).await.unwrap().detail;
        assert!(said.contains("GAMEDAY_INJECTION=") && !said.contains("HOME="), "{said}");
        assert!(said.len() < 10_000);
    }
}
