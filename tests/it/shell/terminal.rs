//! A person at a terminal of their own.

use super::{LIMIT, PROMPT};
use crate::kill::watch_for;
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A person at a terminal.
pub(super) struct Person {
    pub(super) child: tokio::process::Child,
    pub(super) keys: pty_process::OwnedWritePty,
    seen: Arc<Mutex<String>>,
    /// How much of it was waited for.
    read: usize,
}

impl Person {
    /// `gameday` on a terminal of its own.
    pub(super) fn at_terminal(home: &Path, args: &[&str]) -> Self {
        Self::runs_program(env!("CARGO_BIN_EXE_gameday"), home, args)
    }

    /// Starts a program on a terminal of its own.
    pub(super) fn runs_program(program: &str, home: &Path, args: &[&str]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(pty_process::Size::new(40, 120)).unwrap();
        let child = pty_process::Command::new(program)
            .args(args)
            .current_dir(home)
            .env("GAMEDAY_HOME", home.join("home"))
            .env("HOME", home)
            .env("TERM", "xterm")
            .env_remove("GAMEDAY_SESSION")
            .env_remove("ZDOTDIR")
            .env("LC_ALL", "C.UTF-8")
            .kill_on_drop(true)
            .spawn(pts)
            .unwrap();
        let (mut output, keys) = pty.into_split();
        let seen = Arc::new(Mutex::new(String::new()));
        let writes = Arc::clone(&seen);
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer).await {
                writes.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { child, keys, seen, read: 0 }
    }

    /// A recorded shell, at its first prompt.
    pub(super) async fn in_shell(home: &Path, shell: &str) -> Self {
        prepare(home);
        let mut person = Self::at_terminal(home, &["shell", "--shell", shell]);
        person.sees(PROMPT).await;
        person
    }

    pub(super) fn screen(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for something new on the screen.
    pub(super) async fn sees(&mut self, what: &str) {
        let from = self.read;
        let found = watch_for(LIMIT, async || {
            let screen = self.screen();
            screen[from..].find(what).map(|at| from + at + what.len())
        });
        self.read = found.await.unwrap_or_else(|| panic!("no {what:?} in\n{}", self.screen()));
    }

    pub(super) async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// A command, to its next prompt.
    pub(super) async fn runs(&mut self, line: &str) {
        self.types(&format!("{line}\r")).await;
        self.sees(PROMPT).await;
    }

    /// Leaves the shell; its exit code.
    pub(super) async fn leaves(&mut self) -> Option<i32> {
        self.types("exit\r").await;
        self.ends().await
    }

    pub(super) async fn ends(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(LIMIT.std(), self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("it does not end:\n{}", self.screen())).unwrap().code()
    }
}

/// Somebody's own files of both shells, as people have them.
pub(super) fn prepare(home: &Path) {
    fs::write(
        home.join(".bashrc"),
        "PS1='<rea''dy>'\nHISTCONTROL=ignoreboth\nHISTIGNORE='pwd*'\nalias own='echo own-file-of-bash'\n",
    )
    .unwrap();
    fs::write(
        home.join(".zshrc"),
        "PS1='<rea''dy>'\nsetopt hist_ignore_space\nalias own='echo own-file-of-zsh'\n",
    )
    .unwrap();
}
