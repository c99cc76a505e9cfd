//! `gameday shell` and `gameday record`: a recorded terminal whose commands are on the timeline by themselves.

use super::{
    outbox::{Outbox, Report, Untold},
    session::{Common, Session},
};
use crate::{
    base::{At, DrillId, Span, limits},
    cli::{
        block_on,
        exit::{Exit, Failure, leave_as},
        home::Home,
        show,
        wire::open_store,
    },
    clock::{Clock as _, SystemClock},
    drill::event::{Event, Hat},
    scenario::shell::ShellCommand,
    seed::{self, Seed},
    terminal::{
        cast::{Header, Recorder},
        integration::{NONCE_VAR, Shell as Kind},
        marks::{Marks, Piece},
        mask::Masker,
        pty::{self, Listener, Program},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    env,
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Set in a shell that is recorded.
const RECORDING_VAR: &str = "GAMEDAY_RECORDING";
/// How long the end of a shell may take when the console does not answer.
const LAST_TRIES: Span = Span::from_secs(5);
/// How long commands that were left may take to be sent.
const SENDING_MAX: Span = Span::from_mins(2);
/// Stands at the end of a line that was cut.
const CUT: &str = " [cut]";

const SHELL_EXAMPLES: &str = "\
Examples:
  gameday shell                        your own shell, with the target's operations tool on the PATH
  gameday shell --shell zsh
  gameday shell --send FILE            what a console that was away has not heard

A line that begins with a space is not told. docs/shell.md says what is masked, and what cannot be.";

/// Opens your shell, records it, and puts each command on the timeline
///
/// Each command is told with its exit code and how long it ran, when it has ended. Secrets are masked, in what is told and in
/// the recording. What you type is recorded only as far as the terminal shows it. `exit` ends it, with the shell's exit code.
#[derive(Debug, clap::Args)]
#[command(after_help = SHELL_EXAMPLES)]
pub(in crate::cli) struct Shell {
    /// `bash` or `zsh`; else the one that SHELL names
    #[arg(long = "shell", value_name = "SHELL")]
    kind: Option<Kind>,
    /// Sends the commands that another shell has left in this file, and opens none
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    send: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

impl Shell {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        if let Some(file) = &self.send {
            return send_again(&self.common, file);
        }
        let kind = kind(self.kind);
        let seat = Seat::of(&self.common)?;
        let tools = block_on(tools(&seat))?;
        if tools.is_none() {
            show::complain(
                "The target's operations tool is not known here: paste the line that was given out with the link.\n",
            );
        }
        seat.record(kind.as_str(), tools, |folder| own_shell(kind, folder))
    }
}

const RECORD_EXAMPLES: &str = "\
Examples:
  gameday record -- ssh web-1              the session on the far side, as one entry
  gameday record                           your own shell, without the target's tool
  gameday record --init bash >> ~/.bashrc  on the far side: its commands are told one by one, too

docs/shell.md says how the far side is prepared.";

/// Records any command in a terminal, such as your own ssh
///
/// The command itself is one entry of the timeline, when it has ended. Where the shell on the far side has the lines that
/// `--init` prints, its commands are told one by one as with `gameday shell`.
#[derive(Debug, clap::Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub(in crate::cli) struct Record {
    /// Prints the lines that make a shell tell its commands, for the end of its own file, and records nothing
    #[arg(long, value_name = "SHELL", conflicts_with = "command")]
    init: Option<Kind>,
    /// The command with its arguments; your own shell without one
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    common: Common,
}

impl Record {
    pub(in crate::cli) fn run(self) -> Result<Exit, Failure> {
        if let Some(kind) = self.init {
            show::print(kind.snippet())?;
            return Ok(Exit::Done);
        }
        let seat = Seat::of(&self.common)?;
        let Some((name, args)) = self.command.split_first() else {
            let kind = kind(None);
            return seat.record(kind.as_str(), None, |folder| own_shell(kind, folder));
        };
        let program = Program { name: name.clone(), args: args.to_vec(), ..Program::default() };
        seat.record(&self.command.join(" "), None, |_| Ok(program))
    }
}

fn kind(asked: Option<Kind>) -> Kind {
    let own = || env::var("SHELL").ok().and_then(|path| path.parse().ok());
    asked.or_else(own).unwrap_or(Kind::Bash)
}

fn own_shell(kind: Kind, folder: &Path) -> Result<Program, Failure> {
    kind.program(folder, env::var("ZDOTDIR").ok())
        .map_err(Failure::io(format!("write the files of {kind} in {}", folder.display())))
}

/// The folder of the target's operations tool, if the drill is one of this home and its target is on this machine.
async fn tools(seat: &Seat) -> Result<Option<PathBuf>, Failure> {
    if !seat.home.journal().exists() {
        return Ok(None);
    }
    let store = open_store(&seat.home).await?;
    let events = store.read(&seat.drill, 0).await.map_err(Failure::io("read the drill's journal"))?;
    let root = events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::TargetAttached(attachment) => attachment.root.clone(),
        _ => None,
    });
    Ok(root.map(|root| Path::new(&root).join("bin")).filter(|tools| tools.is_dir()))
}

/// Who is recorded, and where.
struct Seat {
    session: Session,
    home: Home,
    drill: DrillId,
}

impl Seat {
    fn of(common: &Common) -> Result<Self, Failure> {
        if let Some(outer) = env::var_os(RECORDING_VAR) {
            let outer = outer.display();
            return Err(Failure::refused(format!(
                "could not record: this terminal is recorded already, as {outer}"
            ))
            .with_help("Leave it first: exit"));
        }
        let session = Session::find(common)?;
        if session.hat != Hat::Responder {
            let hat = session.hat;
            return Err(Failure::refused(format!(
                "could not record: you are {hat}, and only responders are recorded"
            )));
        }
        // Its name becomes a folder's.
        let Some(drill) = session.drill.as_deref().and_then(|drill| drill.parse::<DrillId>().ok()) else {
            return Err(Failure::refused("could not record: this session is for no drill")
                .with_help("Join the drill with its own link: gameday join LINK --as NAME"));
        };
        Ok(Self { session, home: Home::open()?, drill })
    }

    /// Records a program to its end, and ends as it did.
    fn record(
        self,
        what: &str,
        tools: Option<PathBuf>,
        program: impl FnOnce(&Path) -> Result<Program, Failure>,
    ) -> Result<Exit, Failure> {
        let scratch = tempfile::tempdir().map_err(Failure::io("make a folder for the shell's files"))?;
        let nonce = seed::token();
        let mut program = program(scratch.path())?;
        let whole = !program.integrated;
        let name = format!("{}-{}", plain_name(&self.session.person), Seed::fresh().opaque("recording", 6));
        let path = self.home.recordings().join(self.drill.as_str()).join(format!("{name}.cast"));
        program.env.push((RECORDING_VAR.into(), path.display().to_string()));
        program.env.push((NONCE_VAR.into(), nonce.clone()));
        program.env.extend(tools.map(|tools| ("PATH".to_owned(), before_path(&tools))));
        let began = SystemClock.now();
        let mut masker = Masker::default();
        masker.learn(&nonce);
        let what = masker.line(what);
        let header = Header {
            began,
            size: pty::size(),
            title: what.clone(),
            name: name.clone(),
            person: self.session.person.clone(),
            drill: self.drill.to_string(),
        };
        let file = new_file(&path)?;
        let recorder = Recorder::begin(file, &header, masker)
            .map_err(Failure::io(format!("write {}", path.display())))?;
        let shown = path.display();
        show::complain(&format!(
            "This terminal is recorded, to {shown}\n\
             Commands are on the timeline when they have ended; one that begins with a space is not. exit ends it.\n"
        ));
        let session = self.session;
        let (code, report, told) = block_on(async move {
            let outbox = Outbox::of(session);
            let mut ears = Ears::new(&nonce, recorder, outbox, name);
            let ran = pty::run(&program, &mut ears).await;
            let ran = ran.map_err(Failure::io(format!("run {}", program.name)));
            // What did not even begin is no entry of the timeline.
            let entry = (whole && ran.is_ok()).then_some((what, began));
            let (report, told) = ears.close(ran.as_ref().ok().copied(), entry).await;
            Ok((ran?, report, told))
        })?;
        drop(scratch);
        say_what_became(self.drill.as_str(), &path, &report, &told)?;
        leave_as(code)
    }
}

/// A person's name as far as it can be part of a recording's.
fn plain_name(person: &str) -> String {
    person.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect()
}

fn before_path(tools: &Path) -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("{}:{path}", tools.display())
}

/// A file that only its owner may read, in a folder of the same sort.
fn new_file(path: &Path) -> Result<File, Failure> {
    let make = || {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    };
    make().map_err(Failure::io(format!("make {}", path.display())))
}

/// What a recording could not do.
#[derive(Debug, Default)]
struct Lacks {
    /// Why the recording is not whole.
    recording: Option<String>,
    /// Commands that were too many for the timeline.
    left_out: u32,
}

/// Listens to the terminal: writes the recording, and tells the commands.
struct Ears {
    marks: Marks,
    recorder: Recorder,
    outbox: Outbox,
    recording: String,
    number: u32,
    prompts: u64,
    /// The command that runs, if it is to be told.
    running: Option<(String, At)>,
    /// When the last commands were told: as many as there may be in a minute.
    lately: VecDeque<At>,
    left_out: u32,
    left_out_in_all: u32,
}

impl Ears {
    fn new(nonce: &str, recorder: Recorder, outbox: Outbox, recording: String) -> Self {
        Self {
            marks: Marks::of(nonce),
            recorder,
            outbox,
            recording,
            number: 0,
            prompts: 0,
            running: None,
            lately: VecDeque::new(),
            left_out: 0,
            left_out_in_all: 0,
        }
    }

    fn ended(&mut self, now: At, exit: Option<i32>) {
        let Some((line, began)) = self.running.take() else { return };
        while self.lately.front().is_some_and(|at| now.since(*at) >= Span::from_mins(1)) {
            self.lately.pop_front();
        }
        if self.lately.len() >= limits::COMMANDS_PER_MINUTE {
            self.left_out += 1;
            self.left_out_in_all += 1;
            return;
        }
        self.lately.push_back(now);
        self.tell(&line, began, now, exit);
    }

    fn tell(&mut self, line: &str, began: At, now: At, exit: Option<i32>) {
        self.number += 1;
        let command = ShellCommand {
            line: cut(line),
            exit,
            took: now.since(began),
            ago: Span::ZERO,
            recording: self.recording.clone(),
            number: self.number,
            left_out: std::mem::take(&mut self.left_out),
        };
        self.outbox.put(Untold { began, command });
    }

    /// The program is over. `whole` is its own line, if it is an entry of the timeline itself.
    async fn close(mut self, code: Option<i32>, whole: Option<(String, At)>) -> (Report, Lacks) {
        let now = SystemClock.now();
        let rest = self.marks.rest();
        self.recorder.output(now, &rest);
        let leaves = self.running.as_ref().is_some_and(|(line, _)| {
            matches!(line.split_whitespace().next(), Some("exit" | "logout") | None)
        });
        if leaves {
            self.running = None;
        }
        // The shell ended with this command: `exec`, or it was ended from outside.
        self.ended(now, code.filter(|_| whole.is_none()));
        if let Some((line, began)) = whole {
            self.tell(&line, began, now, code);
        }
        let lacks = Lacks { recording: self.recorder.finish(), left_out: self.left_out_in_all };
        (self.outbox.finish(LAST_TRIES).await, lacks)
    }
}

impl Listener for Ears {
    fn heard(&mut self, bytes: &[u8]) -> Vec<u8> {
        let now = SystemClock.now();
        let mut shown = Vec::with_capacity(bytes.len());
        for piece in self.marks.take(bytes) {
            match piece {
                Piece::Output(output) => {
                    self.recorder.output(now, &output);
                    shown.extend(output);
                }
                Piece::Prompt(exit) => {
                    self.prompts += 1;
                    self.ended(now, exit);
                    self.recorder.prompt();
                }
                Piece::Begins(line) => {
                    // One that never came back to a prompt.
                    self.ended(now, None);
                    let is_told = is_told(&line);
                    let masked = self.recorder.begins(now, &line, is_told);
                    self.running = is_told.then_some((masked, now));
                }
            }
        }
        shown
    }

    fn resized(&mut self, size: (u16, u16)) {
        self.recorder.resized(SystemClock.now(), size);
    }

    fn prompts(&self) -> u64 {
        self.prompts
    }
}

/// A leading space keeps a line off the timeline. A verb of this program is there by itself.
fn is_told(line: &str) -> bool {
    let program = line.split_whitespace().next().map(Path::new).and_then(Path::file_name);
    let is_verb = program.is_some_and(|name| name == "gameday") && !line.contains([';', '|', '&', '\n']);
    program.is_some() && !line.starts_with(' ') && !is_verb
}

/// A line that is short enough for the timeline.
fn cut(line: &str) -> String {
    let line = line.trim_end();
    if line.len() <= limits::COMMAND_BYTES_MAX {
        return line.to_owned();
    }
    let end = line.floor_char_boundary(limits::COMMAND_BYTES_MAX - CUT.len());
    format!("{}{CUT}", &line[..end])
}

/// What a file of commands that could not be told holds in each line.
#[derive(Serialize, Deserialize)]
struct Kept {
    drill: String,
    #[serde(flatten)]
    untold: Untold,
}

fn keep(path: &Path, drill: &str, left: &[Untold]) -> Result<(), Failure> {
    let lines = left.iter().map(|untold| {
        let kept = Kept { drill: drill.to_owned(), untold: untold.clone() };
        serde_json::to_string(&kept).expect("a command is plain data") + "\n"
    });
    let text: String = lines.collect();
    fs::write(path, text).map_err(Failure::io(format!("write {}", path.display())))
}

fn commands(count: usize) -> String {
    if count == 1 { "1 command".to_owned() } else { format!("{count} commands") }
}

/// The last words: where the recording is, what is on the timeline, and everything that is not.
fn say_what_became(drill: &str, path: &Path, report: &Report, lacks: &Lacks) -> Result<(), Failure> {
    let mut said = format!("\nRecorded in {}\n{} on the timeline.\n", path.display(), commands(report.told));
    if let Some((count, why)) = &report.refused {
        said.push_str(&format!("{} refused: {why}\n", commands(*count)));
    }
    if lacks.left_out > 0 {
        let (left_out, most) = (commands(lacks.left_out as usize), limits::COMMANDS_PER_MINUTE);
        said.push_str(&format!("{left_out} left out: at most {most} are told in a minute.\n"));
    }
    if report.lost > 0 {
        said.push_str(&format!("{} lost: too many waited for the console.\n", commands(report.lost)));
    }
    if let Some(why) = &lacks.recording {
        said.push_str(&format!("The recording is not whole: {why}.\n"));
    }
    if !report.left.is_empty() {
        let why = report.away.as_deref().unwrap_or("the console is away");
        let file = path.with_extension("untold");
        drop(new_file(&file)?);
        keep(&file, drill, &report.left)?;
        said.push_str(&format!(
            "{} could not be told: {why}\nLater: gameday shell --send {}\n",
            commands(report.left.len()),
            show::quoted(&file.display().to_string())
        ));
    }
    show::complain(&said);
    Ok(())
}

/// `gameday shell --send FILE`.
fn send_again(common: &Common, path: &Path) -> Result<Exit, Failure> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(Failure::io(format!("read {shown}")))?;
    let kept: Result<Vec<Kept>, _> = text.lines().map(serde_json::from_str).collect();
    let kept = kept.map_err(|error| {
        Failure::new(Exit::Problems, format!("could not understand {shown}: it holds no commands: {error}"))
    })?;
    let session = Session::find(common)?;
    let drill = session.drill.clone().unwrap_or_default();
    if let Some(other) = kept.iter().find(|one| one.drill != drill) {
        let (theirs, ours) = (&other.drill, if drill.is_empty() { "no drill" } else { &drill });
        return Err(Failure::refused(format!(
            "could not send them: they belong to {theirs}, and this session is for {ours}"
        )));
    }
    let report = block_on(async {
        let outbox = Outbox::of(session);
        for one in kept {
            outbox.put(one.untold);
        }
        Ok(outbox.finish(SENDING_MAX).await)
    })?;
    if report.left.is_empty() {
        fs::remove_file(path).map_err(Failure::io(format!("remove {shown}")))?;
    } else {
        keep(path, &drill, &report.left)?;
    }
    if common.json {
        let refused = report.refused.as_ref().map_or(0, |(count, _)| *count);
        show::json(&serde_json::json!({"told": report.told, "refused": refused, "left": report.left.len()}))?;
    } else {
        show::line(&format!("{} on the timeline.", commands(report.told)))?;
    }
    if let Some((count, why)) = &report.refused {
        return Err(Failure::refused(format!("could not send {}: {why}", commands(*count))));
    }
    match report.away {
        Some(why) if !report.left.is_empty() => {
            Err(Failure::world(format!("could not send {}: {why}", commands(report.left.len()))))
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_say_so() {
        assert_eq!(cut("ls "), "ls");
        let long = cut(&"\u{fc}".repeat(limits::COMMAND_BYTES_MAX));
        assert!(long.len() <= limits::COMMAND_BYTES_MAX && long.ends_with(CUT), "{long}");
    }

    #[test]
    fn a_leading_space_keeps_a_line_to_oneself_and_verbs_are_told_once() {
        assert!(is_told("ls") && !is_told(" ls") && !is_told("") && !is_told("\n"));
        assert!(!is_told("gameday log x --on web") && !is_told("/opt/bin/gameday board"));
        assert!(is_told("gameday log x && depotctl restart web") && is_told("gameday2 x"));
    }
}
