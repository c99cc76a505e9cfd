//! A program in a pseudo terminal of ours, between it and the terminal that we were started from.
//!
//! While it runs, the terminal is raw: every key goes to the program. However this ends, the terminal is put back.

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use pty_process::{OwnedWritePty, Size};
use std::{
    io::{self, IsTerminal as _, Read as _, Write as _},
    os::unix::process::ExitStatusExt as _,
    process::ExitStatus,
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Child,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
};

/// Where there is no terminal to measure.
const SIZE: (u16, u16) = (80, 24);
/// Most bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// What was read from the keyboard and not yet taken, in pieces.
const KEYS_WAITING: usize = 64;
/// How long a program that has ended may leave output behind, while somebody else still has its terminal.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What is typed where a pipe has ended: in a shell a line that is kept off the timeline, else the end of the file.
const SHELL_FAREWELL: &[u8] = b" exit\n";
const END_OF_FILE: &[u8] = b"\x04";
/// How long a program may take to end when it is told to.
const GOODBYE: Duration = Duration::from_secs(5);

/// What is run.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Its name, looked up on the PATH, or its path.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// More environment.
    pub env: Vec<(String, String)>,
    /// It tells when it shows a prompt. What comes from a pipe is typed then.
    pub integrated: bool,
}

/// Who listens to a terminal.
pub trait Listener {
    /// The program has sent this. Gives what is shown of it.
    fn heard(&mut self, bytes: &[u8]) -> Vec<u8>;
    /// The terminal has another size: columns and lines.
    fn resized(&mut self, size: (u16, u16));
    /// How many prompts there were.
    fn prompts(&self) -> u64;
}

/// Columns and lines of the terminal that we were started from.
pub fn size() -> (u16, u16) {
    terminal_size::terminal_size().map_or(SIZE, |(columns, lines)| (columns.0, lines.0))
}

/// The terminal in raw mode, until this is dropped.
struct Raw(Termios);

impl Raw {
    /// Nothing where standard input is no terminal.
    fn begin() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&stdin, SetArg::TCSADRAIN, &raw)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// Runs a program to its end. Gives its exit code as shells count it.
pub async fn run(program: &Program, listener: &mut impl Listener) -> io::Result<i32> {
    let (pty, pts) = pty_process::open().map_err(other)?;
    let (columns, lines) = size();
    pty.resize(Size::new(lines, columns)).map_err(other)?;
    let command = pty_process::Command::new(&program.name)
        .args(&program.args)
        .envs(program.env.iter().map(|(name, value)| (name, value)));
    let mut child = command.spawn(pts).map_err(other)?;
    let (mut output, input) = pty.into_split();
    // Typed by hand it is seen at once; what comes from a pipe waits until a shell asks for it.
    let waits = program.integrated && !io::stdin().is_terminal();
    let raw = Raw::begin()?;
    let (prompts, sizes) = (watch::Sender::new(0), watch::Sender::new(size()));
    let typist = Typist { input, keys: read_keys(), prompts: prompts.subscribe(), sizes: sizes.subscribe() };
    tokio::spawn(typist.work(waits, program.integrated));
    let (mut winch, mut ends) = (signal(SignalKind::window_change())?, Ends::listen()?);
    let mut buffer = vec![0; READ_BYTES];
    let status = loop {
        tokio::select! {
            read = output.read(&mut buffer) => match read {
                // A terminal that nobody has any more cannot be read.
                Ok(0) | Err(_) => break child.wait().await?,
                Ok(count) => {
                    show(&listener.heard(&buffer[..count]));
                    let now = listener.prompts();
                    prompts.send_if_modified(|before| std::mem::replace(before, now) != now);
                }
            },
            _ = winch.recv() => {
                listener.resized(size());
                sizes.send_replace(size());
            }
            () = ends.one() => break dismiss(&mut child).await?,
            ended = child.wait() => {
                let status = ended?;
                while let Ok(Ok(count @ 1..)) = tokio::time::timeout(LAST_WORDS, output.read(&mut buffer)).await {
                    show(&listener.heard(&buffer[..count]));
                }
                break status;
            }
        }
    };
    drop(raw);
    Ok(code(status))
}

fn other(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        error => io::Error::other(error.to_string()),
    }
}

/// The side of the keyboard, in a task of its own: a program that does not read keeps nobody from hearing it.
struct Typist {
    input: OwnedWritePty,
    keys: mpsc::Receiver<Vec<u8>>,
    prompts: watch::Receiver<u64>,
    sizes: watch::Receiver<(u16, u16)>,
}

impl Typist {
    /// Types until the program is gone.
    async fn work(mut self, waits: bool, integrated: bool) {
        // What cannot be typed any more is not missed by anybody.
        let _ = self.type_all(waits, integrated).await;
    }

    async fn type_all(&mut self, waits: bool, integrated: bool) -> io::Result<()> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        if waits {
            self.prompts.wait_for(|count| *count > 0).await.map_err(gone)?;
        }
        loop {
            tokio::select! {
                keys = self.keys.recv() => match keys {
                    Some(keys) => self.input.write_all(&keys).await?,
                    None => break,
                },
                changed = self.sizes.changed() => {
                    changed.map_err(gone)?;
                    let (columns, lines) = *self.sizes.borrow_and_update();
                    self.input.resize(Size::new(lines, columns)).map_err(other)?;
                }
            }
        }
        // A pipe has ended. A shell may have something to say against it, and is told again.
        loop {
            self.prompts.mark_unchanged();
            let farewell: &[u8] = if integrated { SHELL_FAREWELL } else { END_OF_FILE };
            self.input.write_all(farewell).await?;
            self.prompts.changed().await.map_err(gone)?;
        }
    }
}

/// Reads the keyboard in a thread of its own, which ends with the program: nobody can call it back from a read.
fn read_keys() -> mpsc::Receiver<Vec<u8>> {
    let (sender, keys) = mpsc::channel(KEYS_WAITING);
    thread::spawn(move || {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(count @ 1..) = io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    keys
}

/// Shows output. A terminal that is gone is no reason to lose the recording: its hang-up ends it in order.
fn show(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// What ends us from outside.
struct Ends([Signal; 4]);

impl Ends {
    fn listen() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::quit())?,
        ]))
    }

    async fn one(&mut self) {
        let [terminate, hangup, interrupt, quit] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// Tells the program that its terminal is gone, and ends it if it does not go.
async fn dismiss(child: &mut Child) -> io::Result<ExitStatus> {
    use nix::{
        sys::signal::{Signal as Sent, killpg},
        unistd::Pid,
    };
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
        // It leads a session of its own, so its group has its number.
        let _ = killpg(Pid::from_raw(pid), Sent::SIGHUP);
    }
    if let Ok(ended) = tokio::time::timeout(GOODBYE, child.wait()).await {
        return ended;
    }
    child.kill().await?;
    child.wait().await
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
