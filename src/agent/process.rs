//! Starts a process that cannot outlive the agent, watches it, and sends it signals that never reach another one.
//!
//! The kernel kills the process when the thread that started it ends (`PR_SET_PDEATHSIG`), whatever ends it. So each
//! process has a thread of its own that starts it and stays until it is gone.

#![expect(
    unsafe_code,
    reason = "a parent-death signal can only be set between fork and exec, and `nix` has no `prlimit`"
)]

use super::{left_over, user};
use crate::scenario::pack::ProcessLayout;
use nix::{
    sys::{
        prctl,
        signal::{Signal, kill, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::{Pid, getpgid, getppid},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Which process it is, for as long as the machine runs: numbers are used again, start times are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it was started, in clock ticks since the machine was (field 22 of `/proc/PID/stat`).
    pub start_ticks: u64,
}

/// What `/proc` says about a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// It runs, or waits for something.
    Running,
    /// It was stopped by a signal.
    Stopped,
    /// It is gone, or its number belongs to another process now.
    Gone,
}

/// The identity of the process with this number, and the letter of its state.
pub(super) fn look(pid: i32) -> io::Result<Option<(Identity, char)>> {
    let text = match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        // The process ended while it was read.
        Err(err) if err.raw_os_error() == Some(nix::libc::ESRCH) => return Ok(None),
        Err(err) => return Err(err),
    };
    // The second field is the program's name in brackets and may hold anything, brackets too.
    let odd = || io::Error::other(format!("could not understand /proc/{pid}/stat"));
    let (_, rest) = text.rsplit_once(')').ok_or_else(odd)?;
    let mut fields = rest.split_whitespace();
    let state = fields.next().and_then(|field| field.chars().next()).ok_or_else(odd)?;
    let start_ticks = fields.nth(18).and_then(|field| field.parse().ok()).ok_or_else(odd)?;
    Ok(Some((Identity { pid, start_ticks }, state)))
}

impl Identity {
    /// The identity of the process that has this number now.
    pub(super) fn of(pid: i32) -> io::Result<Option<Self>> {
        Ok(look(pid)?.map(|(identity, _)| identity))
    }

    /// What the process is doing.
    pub(super) fn life(self) -> io::Result<Life> {
        Ok(match look(self.pid)? {
            Some((identity, _)) if identity != self => Life::Gone,
            Some((_, 'T' | 't')) => Life::Stopped,
            None | Some((_, 'Z' | 'X')) => Life::Gone,
            Some(_) => Life::Running,
        })
    }

    /// Lets a process and its group run on that were stopped, if it is still the same one. Whether it was stopped.
    pub(super) fn let_run(self) -> io::Result<bool> {
        let life = self.life()?;
        if life != Life::Gone {
            self.send(Signal::SIGCONT)?;
        }
        Ok(life == Life::Stopped)
    }

    /// Sends a signal to a process that somebody else has started, if it is still the same one. Whether it was.
    pub(super) fn signal(self, signal: Signal) -> io::Result<bool> {
        if self.life()? == Life::Gone {
            return Ok(false);
        }
        self.send(signal)?;
        Ok(true)
    }

    /// A server of several processes is stopped, let run on and killed as a whole, where it has a group of its own.
    fn send(self, signal: Signal) -> io::Result<()> {
        let pid = Pid::from_raw(self.pid);
        let leads = getpgid(Some(pid)).is_ok_and(|group| group == pid);
        if leads && of_the_whole_group(signal) {
            killpg(pid, signal)?;
        } else {
            kill(pid, signal)?;
        }
        Ok(())
    }
}

/// What the kernel limits for each process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Limited {
    /// Open files and sockets.
    Descriptors,
    /// Address space, in bytes.
    Memory,
}

/// A process that this agent started.
#[derive(Debug, Clone)]
pub(super) struct Process {
    identity: Identity,
    /// Holds the child until it has ended; locked while it is reaped, so that a signal never goes to a number that
    /// was given to another process in between.
    alive: Arc<Mutex<Option<Child>>>,
    ended: watch::Receiver<bool>,
}

impl Process {
    /// Starts a process and its watching thread. `extra`: what its environment holds beside the usual.
    pub(super) async fn start(layout: ProcessLayout, extra: Vec<(String, String)>) -> io::Result<Self> {
        let (started_tx, started) = tokio::sync::oneshot::channel();
        let (ended_tx, ended) = watch::channel(false);
        std::thread::Builder::new().name(format!("watch-{}", layout.service)).spawn(move || {
            // An agent that was killed takes the process along, and not what the process has started: that still holds
            // its address.
            left_over::end(&layout.log);
            let child = match spawn(&layout, extra) {
                Ok(child) => child,
                Err(err) => {
                    let _ = started_tx.send(Err(err));
                    return;
                }
            };
            let pid = i32::try_from(child.id()).unwrap_or(0);
            let identity = Identity::of(pid);
            if let Ok(Some(identity)) = &identity {
                left_over::note(&layout.log, *identity);
            }
            let alive = Arc::new(Mutex::new(Some(child)));
            let _ = started_tx.send(identity.map(|identity| (identity, Arc::clone(&alive))));
            wait_and_reap(pid, &alive);
            let _ = ended_tx.send(true);
        })?;
        let (identity, alive) =
            started.await.map_err(|_| io::Error::other("the watching thread ended"))??;
        let identity = identity.ok_or_else(|| io::Error::other("the process is not in /proc"))?;
        Ok(Self { identity, alive, ended })
    }

    /// Which process it is.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether it has not ended yet.
    pub(super) fn is_alive(&self) -> bool {
        !*self.ended.borrow() && lock(&self.alive).is_some()
    }

    /// Sends it a signal; to its whole group when it is to end, stop or run on. False if it has ended.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let alive = lock(&self.alive);
        if alive.is_none() {
            return Ok(false);
        }
        let pid = Pid::from_raw(self.identity.pid);
        let sent = if of_the_whole_group(signal) { killpg(pid, signal) } else { kill(pid, signal) };
        match sent {
            Ok(()) => Ok(true),
            Err(nix::errno::Errno::ESRCH) => Ok(false),
            Err(err) => Err(err.into()),
        }
    }

    /// Its soft limit of something, as it was; `new`: what it is to be from now on, the hard limit at most. Nothing if
    /// it has ended.
    pub(super) fn limit(&self, what: Limited, new: Option<u64>) -> io::Result<Option<u64>> {
        let alive = lock(&self.alive);
        if alive.is_none() {
            return Ok(None);
        }
        let resource = match what {
            Limited::Descriptors => nix::libc::RLIMIT_NOFILE,
            Limited::Memory => nix::libc::RLIMIT_AS,
        };
        let pid = self.identity.pid;
        let mut old = nix::libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the call writes one such structure and reads none; both live longer than it.
        let got = unsafe { nix::libc::prlimit64(pid, resource, std::ptr::null(), &raw mut old) };
        nix::errno::Errno::result(got)?;
        if let Some(soft) = new {
            let wanted = nix::libc::rlimit64 { rlim_cur: soft.min(old.rlim_max), rlim_max: old.rlim_max };
            // SAFETY: the call reads one such structure and writes none.
            let set = unsafe { nix::libc::prlimit64(pid, resource, &raw const wanted, std::ptr::null_mut()) };
            nix::errno::Errno::result(set)?;
        }
        Ok(Some(old.rlim_cur))
    }

    /// Waits until it has ended.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.clone();
        // The thread sends before it goes, so an error means the same.
        let _ = ended.wait_for(|ended| *ended).await;
    }
}

fn of_the_whole_group(signal: Signal) -> bool {
    matches!(signal, Signal::SIGKILL | Signal::SIGTERM | Signal::SIGSTOP | Signal::SIGCONT)
}

fn lock(alive: &Mutex<Option<Child>>) -> MutexGuard<'_, Option<Child>> {
    alive.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_and_reap(pid: i32, alive: &Mutex<Option<Child>>) {
    // Waiting without reaping keeps the number taken until nobody can send to it any more.
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while let Err(nix::errno::Errno::EINTR) | Ok(WaitStatus::StillAlive) =
        waitid(Id::Pid(Pid::from_raw(pid)), flags)
    {}
    let mut alive = lock(alive);
    // What it leaves behind in its group would hold its address; until it is reaped, the number can only mean that group.
    let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    if let Some(mut child) = alive.take() {
        let _ = child.wait();
    }
}

fn spawn(layout: &ProcessLayout, extra: Vec<(String, String)>) -> io::Result<Child> {
    let log = open_log(&layout.log)?;
    let mut command = Command::new(&layout.program);
    user::run_as(&mut command, layout.care.user.as_deref())?;
    if let Some(folder) = &layout.care.folder {
        command.current_dir(folder);
    }
    command
        .arg0(&layout.argv0)
        .args(&layout.args)
        .envs(&layout.care.environment)
        .envs(extra)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0);
    let agent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec and makes two system calls, both safe after a fork; it
    // allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            // The agent may have died before the line above; then nobody would send the signal.
            if getppid() == agent { Ok(()) } else { Err(io::Error::from(nix::errno::Errno::ESRCH)) }
        });
    }
    let named = |err: io::Error| io::Error::new(err.kind(), format!("{}: {err}", layout.program.display()));
    command.spawn().map_err(named)
}

fn open_log(path: &Path) -> io::Result<fs::File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::boot::watch_for;
    use crate::scenario::pack::Care;
    use std::time::Duration;

    fn sleeper(folder: &Path, argv0: &str) -> ProcessLayout {
        ProcessLayout {
            service: "web-east".parse().unwrap(),
            component: "web".parse().unwrap(),
            program: "/bin/sleep".into(),
            argv0: argv0.to_owned(),
            args: vec!["600".to_owned()],
            log: folder.join("logs/web.log"),
            address: String::new(),
            care: Care::default(),
        }
    }

    #[tokio::test]
    async fn a_process_is_stopped_let_run_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        // A name with brackets and spaces must not confuse the reading of /proc.
        let process = Process::start(sleeper(folder.path(), "we) b (1"), Vec::new()).await.unwrap();
        let identity = process.identity();
        assert_eq!(identity.life().unwrap(), Life::Running);
        assert!(process.signal(Signal::SIGSTOP).unwrap());
        let limit = Duration::from_secs(10);
        let stopped = async || (identity.life().unwrap() == Life::Stopped).then_some(());
        watch_for(limit, stopped).await.expect("it stops");
        assert!(identity.let_run().unwrap());
        let other = Identity { start_ticks: identity.start_ticks + 1, ..identity };
        assert_eq!(other.life().unwrap(), Life::Gone);
        assert!(!other.let_run().unwrap());
        assert!(process.signal(Signal::SIGKILL).unwrap());
        process.ended().await;
        assert!(!process.is_alive());
        assert!(!process.signal(Signal::SIGKILL).unwrap());
        assert_eq!(identity.life().unwrap(), Life::Gone);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = sleeper(folder.path(), "web");
        layout.program = "/nowhere/web".into();
        assert_eq!(Process::start(layout, Vec::new()).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn what_it_writes_is_appended_to_its_log_and_ps_shows_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut layout = sleeper(folder.path(), "depot-web");
        layout.program = "/bin/sh".into();
        layout.args = vec!["-c".to_owned(), "echo \"$0 says hello\"".to_owned()];
        fs::create_dir_all(folder.path().join("logs")).unwrap();
        fs::write(&layout.log, "before\n").unwrap();
        Process::start(layout.clone(), Vec::new()).await.unwrap().ended().await;
        let log = fs::read_to_string(&layout.log).unwrap();
        assert_eq!(log, "before\ndepot-web says hello\n");
    }
}
