//! Scripts run in a process of their own: the same program, started with one hidden argument, that reads a request,
//! answers, and ends. It gives up memory, files and time before it reads a byte of the script; whatever still goes
//! wrong in it ends with the process.

use crate::base::limits::{SCRIPT_DEADLINE, SCRIPT_KILL, SCRIPT_MEMORY_BYTES, SCRIPT_OUTPUT_BYTES_MAX};
use crate::fault::script::{self, Call, SOURCE_BYTES_MAX, ScriptError};
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Instant;

/// The hidden argument that makes the program a worker.
pub const WORKER_ARG: &str = "script-worker";
/// Processor time that a worker may use, in seconds.
const CPU_SECONDS: u64 = 2;
const OPEN_FILES: u64 = 16;
/// JSON may write a byte of text as six.
const ANSWER_BYTES_MAX: usize = SCRIPT_OUTPUT_BYTES_MAX * 6 + 4096;
const REQUEST_BYTES_MAX: usize = SOURCE_BYTES_MAX * 6 + 256 * 1024;

/// Where scripts run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScriptRunner {
    /// In a process of their own: this program (its absolute path), started as a worker. It must call
    /// [`script_worker_main`] when its first argument is [`WORKER_ARG`].
    Worker(PathBuf),
    /// In this process, with the limits of the language alone: no cap on memory, no kill. For scripts that come with
    /// the program, and for tests.
    InProcess,
}

/// The worker could not do its work; the script may be good.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// It could not be started.
    #[error("could not start `{}`: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It answered something else than an answer.
    #[error("the script worker answered nonsense: {0}")]
    Nonsense(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    source: String,
    call: Call,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Value(Value),
    Error(ScriptError),
}

impl ScriptRunner {
    /// Runs one function of a script. The outer error is the world's, the inner one the script's.
    pub fn run(&self, source: &str, call: &Call) -> Result<Result<Value, ScriptError>, WorkerError> {
        match self {
            Self::InProcess => Ok(run_here(source, call)),
            Self::Worker(program) => run_in_worker(program, source, call),
        }
    }
}

fn run_here(source: &str, call: &Call) -> Result<Value, ScriptError> {
    #[expect(clippy::disallowed_methods, reason = "a script is given so much real time and no more")]
    let started = Instant::now();
    script::run(source, call, move || started.elapsed() > SCRIPT_DEADLINE.std())
}

fn run_in_worker(
    program: &PathBuf,
    source: &str,
    call: &Call,
) -> Result<Result<Value, ScriptError>, WorkerError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Ok(run_here(source, call));
    }
    let request = Request { source: source.to_owned(), call: call.clone() };
    let request = serde_json::to_vec(&request).expect("a request has only text keys");
    let mut child = Command::new(program)
        .arg(WORKER_ARG)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|source| WorkerError::Start { program: program.clone(), source })?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // The request is written from a thread of its own: a worker that does not read must not hold us up.
    let writer = std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&request)));
    let (sender, receiver) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let most = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
        let read = stdout.map(|stdout| stdout.take(most + 1).read_to_end(&mut answer));
        drop(sender.send(read.map(|_| answer).unwrap_or_default()));
    });
    let answer = receiver.recv_timeout(SCRIPT_KILL.std());
    let status = ended(&mut child, answer.is_ok());
    drop((writer.join(), reader.join()));
    let Ok(answer) = answer else {
        return Ok(Err(ScriptError::new(format!(
            "the script did not end within {SCRIPT_KILL} and was killed"
        ))));
    };
    if answer.len() > ANSWER_BYTES_MAX {
        return Ok(Err(ScriptError::new("the script's answer is too large")));
    }
    match serde_json::from_slice(&answer) {
        Ok(Answer::Value(value)) => Ok(Ok(value)),
        Ok(Answer::Error(error)) => Ok(Err(error)),
        Err(bad) => died(status, &bad),
    }
}

/// How the worker ended. One that has answered ends by itself within moments, and our kill must not look like its own
/// death; one that still hangs must not hang us.
fn ended(child: &mut Child, answered: bool) -> Option<ExitStatus> {
    const LOOKS: u32 = 500;
    for _ in 0..if answered { LOOKS } else { 0 } {
        match child.try_wait() {
            Ok(None) => std::thread::park_timeout(std::time::Duration::from_millis(2)),
            ended => return ended.ok().flatten(),
        }
    }
    drop(child.kill());
    child.wait().ok()
}

fn died(
    status: Option<ExitStatus>,
    bad: &serde_json::Error,
) -> Result<Result<Value, ScriptError>, WorkerError> {
    match status.and_then(|status| status.signal()) {
        Some(signal) => {
            let memory = SCRIPT_MEMORY_BYTES / 1024 / 1024;
            Ok(Err(ScriptError::new(format!(
                "the script used more than {memory} MiB of memory or {CPU_SECONDS} s of processor time \
                 (its worker was ended by signal {signal})"
            ))))
        }
        None => Err(WorkerError::Nonsense(bad.to_string())),
    }
}

/// The worker's whole life: gives up what it does not need, reads a request from standard input, writes the answer to
/// standard output.
pub fn script_worker_main() -> ExitCode {
    let answer = match give_up() {
        Ok(()) => answer_stdin(),
        Err(error) => Answer::Error(ScriptError::new(format!("the worker could not limit itself: {error}"))),
    };
    let Ok(bytes) = serde_json::to_vec(&answer) else {
        return ExitCode::from(70);
    };
    let written = std::io::stdout().write_all(&bytes).and_then(|()| std::io::stdout().flush());
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(70) }
}

fn give_up() -> nix::Result<()> {
    let limits = [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NOFILE, OPEN_FILES),
        (Resource::RLIMIT_CPU, CPU_SECONDS),
        (Resource::RLIMIT_AS, SCRIPT_MEMORY_BYTES),
    ];
    limits.into_iter().try_for_each(|(what, most)| setrlimit(what, most, most))
}

fn answer_stdin() -> Answer {
    let mut request = Vec::new();
    let most = u64::try_from(REQUEST_BYTES_MAX).unwrap_or(u64::MAX);
    let read = std::io::stdin().take(most).read_to_end(&mut request);
    let request: Result<Request, String> = match read {
        Ok(_) => serde_json::from_slice(&request).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match request.map(|request| run_here(&request.source, &request.call)) {
        Ok(Ok(value)) => Answer::Value(value),
        Ok(Err(error)) => Answer::Error(error),
        Err(bad) => Answer::Error(ScriptError::new(format!("the worker could not read its request: {bad}"))),
    }
}
