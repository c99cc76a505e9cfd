//! Runs a responder's operations on a real target as processes.

use super::Operator;
use crate::{base::names::is_name, clock::BoxFuture, scenario::pack::TargetDescription};
use nix::{sys::signal::Signal, unistd::Pid};
use std::{io, os::fd::OwnedFd, path::PathBuf, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, process::Command, time::timeout};

/// How long an operation may take before it is killed with everything that it has started.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long what an operation leaves behind may hold its output open after its end.
const PATIENCE_OUTPUT: Duration = Duration::from_secs(1);
/// Most bytes of output that are kept, from its beginning.
const OUTPUT_BYTES_MAX: usize = 16 * 1024;

/// Runs what a target's description allows, and programs of one folder only.
#[derive(Debug, Clone)]
pub struct CommandOperator {
    target: TargetDescription,
    program_dir: PathBuf,
    env: Vec<(String, String)>,
    patience: Duration,
}

impl CommandOperator {
    /// Programs are taken from `program_dir` (`ROOT/bin`) and see no environment but `env`.
    pub fn new(target: TargetDescription, program_dir: PathBuf, env: Vec<(String, String)>) -> Self {
        Self { target, program_dir, env, patience: PATIENCE }
    }

    async fn run(&self, argv: &[String]) -> (Option<i32>, String) {
        let line = argv.join(" ");
        let program = argv.first().filter(|program| is_name(program) && self.target.allows(argv));
        let Some(program) = program else {
            return (None, format!("`{line}` is not an operation of this target"));
        };
        match self.start(program, argv) {
            Ok((child, output)) => self.attend(child, output).await,
            Err(err) => (None, format!("could not start `{program}`: {err}")),
        }
    }

    fn start(&self, program: &str, argv: &[String]) -> io::Result<(tokio::process::Child, Receiver)> {
        let (output, input) = io::pipe()?;
        let mut command = Command::new(self.program_dir.join(program));
        command
            .args(&argv[1..])
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.program_dir)
            .stdin(Stdio::null())
            .stdout(input.try_clone()?)
            .stderr(input)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn()?;
        // Our ends of the input go with the command, so that the output ends with the process.
        drop(command);
        Ok((child, Receiver::from_owned_fd(OwnedFd::from(output))?))
    }

    async fn attend(&self, mut child: tokio::process::Child, mut output: Receiver) -> (Option<i32>, String) {
        let mut group = Group::of(&child);
        let mut kept = Kept::default();
        let ended = {
            let reading = kept.read(&mut output);
            tokio::pin!(reading);
            timeout(self.patience, async {
                tokio::select! {
                    status = child.wait() => return status,
                    () = &mut reading => {}
                }
                child.wait().await
            })
            .await
        };
        let Ok(status) = ended else {
            group.kill();
            // It is dead; this only takes it off the table of processes.
            let _ = child.wait().await;
            group.forget();
            let shown = kept.shown();
            return (None, format!("{shown}\nkilled: it took longer than {} s", self.patience.as_secs_f64()));
        };
        group.forget();
        let _ = timeout(PATIENCE_OUTPUT, kept.read(&mut output)).await;
        match status {
            Ok(status) if status.code().is_some() => (status.code(), kept.shown()),
            Ok(status) => (None, format!("{}\nended by {status}", kept.shown())),
            Err(err) => (None, format!("{}\ncould not wait for it: {err}", kept.shown())),
        }
    }
}

/// A child and all that it starts; killed unless its end was seen.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0 {
            // Nobody is left in it: that is what is wanted.
            let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
        }
    }

    /// The number may belong to somebody else from now on.
    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The beginning of an output.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

impl Kept {
    /// Reads to the end; what is too much is read and dropped, so that its writer never waits. May be given up.
    async fn read(&mut self, output: &mut Receiver) {
        let mut block = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut block).await {
            let room = OUTPUT_BYTES_MAX - self.bytes.len();
            self.bytes.extend_from_slice(&block[..read.min(room)]);
            self.cut |= read > room;
        }
    }

    /// As text without anything that would move a terminal's cursor or change its colours.
    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let plain = anstream::adapter::strip_str(&text).to_string();
        let mut shown: String =
            plain.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        if self.cut {
            shown.push_str("\n[cut]");
        }
        shown
    }
}

impl Operator for CommandOperator {
    fn operate<'a>(&'a self, argv: &'a [String]) -> BoxFuture<'a, (Option<i32>, String)> {
        Box::pin(self.run(argv))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::{fs, os::unix::fs::PermissionsExt, path::Path};

    fn operator(folder: &Path, script: &str) -> CommandOperator {
        let program = folder.join("tool");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let target = serde_json::from_value(json!({
            "name": "t", "driver": "depot", "datacenters": [], "services": [], "links": [], "volumes": [],
            "files": [], "probes": [], "operations": ["tool do {thing}", "missing", "../tool", "/bin/ls"],
            "caps": {"services": 1, "links": 1, "volumes": 1},
        }))
        .unwrap();
        CommandOperator::new(target, folder.to_owned(), vec![("GIVEN".to_owned(), "yes".to_owned())])
    }

    async fn run(operator: &CommandOperator, line: &str) -> (Option<i32>, String) {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        operator.operate(&argv).await
    }

    #[tokio::test]
    async fn an_operation_gives_its_output_and_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let script = r#"echo "$2 $GIVEN ${HOME:-none}"; printf '\033[31mred\033[0m\a\n' >&2; exit 3"#;
        let (exit, output) = run(&operator(folder.path(), script), "tool do it").await;
        assert_eq!((exit, output.as_str()), (Some(3), "it yes none\nred\n"));
    }

    #[tokio::test]
    async fn what_is_not_declared_or_lies_elsewhere_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let operator = operator(folder.path(), "touch ran");
        for line in
            ["tool", "tool do", "tool do it now", "tool do -it", "ls", "../tool", "/bin/ls", "missing"]
        {
            assert_eq!(run(&operator, line).await.0, None, "{line}");
        }
        assert_eq!(operator.operate(&[]).await.0, None);
        assert!(!folder.path().join("ran").exists());
    }

    #[tokio::test]
    async fn a_long_output_is_cut_and_never_blocks_its_writer() {
        let folder = tempfile::tempdir().unwrap();
        let script =
            "i=0; while [ $i -lt 4000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done";
        let (exit, output) = run(&operator(folder.path(), script), "tool do it").await;
        assert_eq!(exit, Some(0));
        assert!(output.ends_with("[cut]") && output.len() <= OUTPUT_BYTES_MAX + 10, "{}", output.len());
    }

    #[tokio::test]
    async fn an_operation_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let mut operator = operator(folder.path(), "sleep 600 & echo $!; wait");
        operator.patience = Duration::from_millis(500);
        let (exit, output) = run(&operator, "tool do it").await;
        assert_eq!(exit, None);
        assert!(output.contains("killed"), "{output}");
        let child: i32 = output.lines().next().unwrap().parse().unwrap();
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        timeout(Duration::from_secs(5), async {
            while !gone() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the child's child is killed");
    }
}
