//! `gameday shell` and `gameday record`: real bash and real zsh in a real terminal, beside a real drill.
//!
//! What is typed here is typed as people type: letter by letter is the terminal's own doing, and each line waits for the
//! prompt before it.

mod terminal;

use crate::{
    cli::{folder, gameday, out},
    engine_killed::{House, interrupt},
    kill::{Mortal, watch_for},
    skip::skip,
    stage::run,
};
use gameday::{
    base::Span,
    drill::event::{Event, Recorded},
    scenario::{act::Act, shell::ShellCommand},
};
use nix::{
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};
use predicates::prelude::*;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};
use terminal::{Person, prepare};

/// How long anything may take; generous, because the machine is busy.
const LIMIT: Span = Span::from_secs(120);
/// What every prompt of these shells ends with. It is made by the shell, so that no echo of what is typed looks like it.
const PROMPT: &str = "<ready>";
/// The other end of ssh.
const SSHD: &str = "/usr/sbin/sshd";
/// A word that nobody may read anywhere.
const SECRET: &str = "hunter2horseQ7";

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A drill that waits for its responders, with one who has joined.
struct Play {
    house: House,
    engine: Mortal,
}

impl Play {
    async fn begin() -> Self {
        let house = House::new();
        let engine = house.start(&["run", "quick.yaml", "--seed", "7", "--out", "after"]);
        house.until("StartEx", |event| matches!(event, Event::Started)).await;
        let play = Self { house, engine };
        let link = play.link("responder");
        gameday(play.home()).args(["join", &link, "--as", "ana"]).assert().success();
        play
    }

    fn home(&self) -> &Path {
        self.house.path()
    }

    fn link(&self, side: &str) -> String {
        let log = self.house.log();
        let line = log.lines().rev().find(|line| line.trim_start().starts_with(side));
        let line = line.unwrap_or_else(|| panic!("no link for {side}:\n{log}"));
        line.split('\'').nth(1).unwrap().to_owned()
    }

    /// The commands on the timeline, as soon as there is one with this line.
    async fn told(&self, last: &str) -> Vec<ShellCommand> {
        let journal = self.house.until(
            last,
            |event| matches!(event, Event::Acted { act: Act::Ran(ran), .. } if ran.line == last),
        );
        commands(&journal.await)
    }

    async fn all_told(&self) -> Vec<ShellCommand> {
        commands(&self.house.journal().await)
    }

    /// The only recording.
    fn recording(&self) -> PathBuf {
        let found = recordings(&self.home().join("home/recordings"));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    }

    /// Stops the engine, or lets it go on: a console that hangs.
    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.engine.0.id()).unwrap()), signal).unwrap();
    }

    async fn end(mut self) -> Vec<Recorded> {
        interrupt(&mut self.engine);
        self.house.journal().await
    }
}

impl Drop for Play {
    /// A story that failed leaves no target behind.
    fn drop(&mut self) {
        if self.engine.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.signal(Signal::SIGCONT);
            interrupt(&mut self.engine);
        }
    }
}

fn commands(journal: &[Recorded]) -> Vec<ShellCommand> {
    let ran = journal.iter().filter_map(|recorded| match &recorded.event {
        Event::Acted { act: Act::Ran(ran), .. } => Some(ran.clone()),
        _ => None,
    });
    ran.collect()
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { recordings(&path) } else { vec![path] }
        })
        .filter(|path| path.extension().is_some_and(|ending| ending == "cast"))
        .collect()
}

/// Lines with their exit codes.
fn lines(commands: &[ShellCommand]) -> Vec<(&str, Option<i32>)> {
    commands.iter().map(|ran| (ran.line.as_str(), ran.exit)).collect()
}

/// Every event of an asciicast of version 2, each held to the format.
fn events_of(path: &Path) -> Vec<(f64, String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let head: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert!(head["version"] == 2 && head["width"].is_u64() && head["height"].is_u64(), "{head}");
    let events: Vec<(f64, String, String)> =
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|bad| panic!("{bad}: {line}"))).collect();
    assert!(events.is_sorted_by(|a, b| a.0 <= b.0), "{events:?}");
    assert!(events.iter().all(|event| ["o", "m", "r"].contains(&event.1.as_str())), "{events:?}");
    events
}

fn shown(events: &[(f64, String, String)]) -> String {
    events.iter().filter(|event| event.1 == "o").map(|event| event.2.as_str()).collect()
}

async fn a_shell_is_recorded(shell: &str) {
    if !has(shell) {
        return skip(&format!("{shell} is not here"));
    }
    let play = Play::begin().await;
    let mut ana = Person::in_shell(play.home(), shell).await;
    // The target's own tool is there, and so are her own files.
    ana.runs("depotctl list").await;
    ana.runs("own").await;
    assert!(ana.screen().contains(&format!("own-file-of-{shell}")), "{}", ana.screen());
    ana.runs("(exit 3)").await;
    ana.runs("").await;
    ana.runs(" echo to-myself").await;
    ana.runs("pwd").await;
    ana.runs("echo one; echo two |\\\rcat").await;
    ana.runs(&format!("mysql -u root -p{SECRET} shop")).await;
    ana.runs(&format!("echo the word is {SECRET}")).await;
    // What a program says is no command, whatever it looks like.
    ana.runs(r"printf '\033]7475;0123456789abcdef0123456789abcdef;C;rm -rf /\007\033]7475;;P;0\007'").await;
    ana.runs("env | grep -c LC_GAMEDAY").await;
    // Typed while nothing is echoed.
    ana.types("read -rs word\r").await;
    ana.sees("word").await;
    watch_for(LIMIT, async || is_silent(&ana).then_some(())).await.expect("the echo is off");
    ana.types("Q7neverSEENq7\r").await;
    ana.sees(PROMPT).await;
    ana.runs("true").await;
    assert_eq!(ana.leaves().await, Some(0));
    ana.sees("11 commands on the timeline").await;

    let told = play.told("true").await;
    let (multi, forged) = (&told[4].line, &told[7].line);
    assert!(multi.starts_with("echo one; echo two |") && multi.ends_with("cat"), "{multi:?}");
    assert!(forged.starts_with("printf"), "{forged}");
    let masked = "mysql -u root -p*** shop";
    assert_eq!(
        lines(&told),
        [
            ("depotctl list", Some(0)),
            ("own", Some(0)),
            ("(exit 3)", Some(3)),
            ("pwd", Some(0)),
            (multi, Some(0)),
            (masked, told[5].exit),
            ("echo the word is ***", Some(0)),
            (forged, Some(0)),
            ("env | grep -c LC_GAMEDAY", Some(1)),
            ("read -rs word", Some(0)),
            ("true", Some(0)),
        ]
    );
    assert!(told.iter().map(|ran| ran.number).eq(1..=11), "{told:?}");
    assert!(told.iter().all(|ran| ran.ago >= ran.took && ran.late() < Span::from_secs(60)), "{told:?}");

    let cast = play.recording();
    let mode = fs::metadata(&cast).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let events = events_of(&cast);
    let screen = shown(&events);
    assert!(screen.contains("web-east") && screen.contains("to-myself"), "{screen}");
    assert!(screen.contains("mysql -u root -p*** shop"), "{screen}");
    // The two that were forged are output, and ours are not to be seen anywhere.
    assert_eq!(screen.matches("\x1b]7475;").count(), 2, "{screen:?}");
    assert_eq!(ana.screen().matches("\x1b]7475;").count(), 2, "{:?}", ana.screen());
    let marks: Vec<_> = events.iter().filter(|event| event.1 == "m").map(|event| event.2.as_str()).collect();
    assert!(marks.contains(&"depotctl list") && marks.contains(&masked), "{marks:?}");
    for path in every_file(&play.home().join("home/recordings")) {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(SECRET) && !text.contains("Q7never"), "{}", path.display());
    }
    accepted_by_asciinema(play.home(), &cast).await;
    assert!(ana.screen().contains(SECRET), "the person saw it, or this looks at nothing");
    if shell == "bash" {
        let history = fs::read_to_string(play.home().join(".bash_history")).unwrap();
        assert!(history.contains("depotctl list"), "{history}");
        assert!(
            !history.contains("to-myself") && !history.contains("pwd"),
            "as her own settings say: {history}"
        );
    }

    let journal = play.end().await;
    let whole = crate::golden::lines(&journal);
    assert!(!whole.contains(SECRET) && !whole.contains("to-myself") && !whole.contains("Q7never"));
}

/// Whether the terminal of the recorded shell echoes nothing: what she types is not to be seen.
fn is_silent(person: &Person) -> bool {
    person.screen().matches("read -rs word").count() >= 1 && {
        let pid = person.child.id().unwrap();
        children(pid).into_iter().any(|shell| {
            let tty = fs::read_link(format!("/proc/{shell}/fd/0"));
            let Ok(tty) = tty.and_then(fs::File::open) else { return false };
            tcgetattr(&tty).is_ok_and(|now| {
                // A line editor has neither; a program that reads a password has the first alone.
                !now.local_flags.contains(LocalFlags::ECHO) && now.local_flags.contains(LocalFlags::ICANON)
            })
        })
    }
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let others = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let all: String = others.chain([text]).collect::<Vec<_>>().join(" ");
    all.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn every_file(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { every_file(&path) } else { vec![path] }).collect()
}

/// Somebody else's player reads it; it wants a terminal.
async fn accepted_by_asciinema(home: &Path, cast: &Path) {
    if !has("asciinema") {
        return skip("asciinema is not here");
    }
    let mut player = Person::runs_program("asciinema", home, &["cat", cast.to_str().unwrap()]);
    assert_eq!(player.ends().await, Some(0), "{}", player.screen());
    player.sees("web-east").await;
    player.sees("exit").await;
    assert!(!player.screen().contains(SECRET), "{}", player.screen());
}

#[test]
fn bash_is_recorded_and_its_commands_are_on_the_timeline() {
    run(a_shell_is_recorded("bash"));
}

#[test]
fn zsh_is_recorded_and_its_commands_are_on_the_timeline() {
    run(a_shell_is_recorded("zsh"));
}

/// What a console has heard, each as JSON.
type Said = Arc<Mutex<Vec<Value>>>;

/// A console of our own that answers from a script, and then as a real one does.
fn console(answers: Vec<&'static str>) -> (String, Said) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let said = Said::default();
    let hears = Arc::clone(&said);
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if let Some(body) = read_request(&mut stream) {
                hears.lock().unwrap().push(serde_json::from_str(&body).unwrap());
            }
            let fine = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"ok\":true}";
            let _ = stream.write_all(answers.next().unwrap_or(fine).as_bytes());
        }
    });
    (address, said)
}

fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(body.to_owned());
            }
        }
    }
}

/// A session with a console at this address.
fn session(home: &Path, console: &str, hat: &str) -> PathBuf {
    let path = home.join("session.json");
    let text = json!({"console": console, "person": "ana", "hat": hat, "drill": "d-1", "secret": "s"});
    fs::write(&path, text.to_string()).unwrap();
    path
}

/// A shell whose lines come from a pipe.
fn piped(home: &Path, session: &Path, input: &str) -> assert_cmd::assert::Assert {
    prepare(home);
    let mut command = gameday(home);
    command.args(["shell", "--shell", "bash", "--session"]).arg(session).env("HOME", home);
    command.write_stdin(input.to_owned()).timeout(LIMIT.std()).assert()
}

fn line_of(said: &Value) -> &str {
    said["ran"]["line"].as_str().unwrap()
}

#[test]
fn what_a_console_answers_amiss_is_sent_again_and_nothing_is_lost_or_out_of_order() {
    let home = folder();
    let (address, said) = console(vec![
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        "garbage\r\n\r\n",
    ]);
    let path = session(home.path(), &address, "responder");
    // The pipe stays open until the console has heard the second command.
    let mut shell = Command::new(env!("CARGO_BIN_EXE_gameday"))
        .args(["shell", "--shell", "bash", "--session"])
        .arg(&path)
        .current_dir(home.path())
        .env("GAMEDAY_HOME", home.path().join("home"))
        .env("HOME", home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = shell.stdin.take().unwrap();
    keys.write_all(b"echo first\nfalse\n").unwrap();
    run(async {
        let heard = watch_for(LIMIT, async || (said.lock().unwrap().len() >= 5).then_some(()));
        heard.await.unwrap_or_else(|| panic!("{said:?}"));
    });
    drop(keys);
    let ended = shell.wait_with_output().unwrap();
    let last_words = String::from_utf8(ended.stderr).unwrap();
    assert!(last_words.contains("2 commands on the timeline"), "{last_words}");
    assert_eq!(ended.status.code(), Some(1), "of the last command, as shells do");
    let said = said.lock().unwrap();
    let lines: Vec<_> = said.iter().map(line_of).collect();
    assert_eq!(lines, ["echo first", "echo first", "echo first", "echo first", "false"]);
    assert!(said[..4].iter().all(|one| one["ran"]["number"] == 1), "the same one each time: {said:?}");
    assert_eq!((&said[4]["ran"]["number"], &said[4]["ran"]["exit"]), (&json!(2), &json!(1)));
}

#[test]
fn what_cannot_be_told_is_kept_and_said() {
    let home = folder();
    // Port 9 of this address has no listener.
    let path = session(home.path(), "http://127.255.255.254:9", "responder");
    let ended = piped(home.path(), &path, "echo first\necho second\n").success();
    let said = String::from_utf8(ended.get_output().stderr.clone()).unwrap();
    assert!(said.contains("2 commands could not be told: nobody answers"), "{said}");
    let kept = said.lines().find_map(|line| line.strip_prefix("Later: gameday shell --send ")).unwrap();
    let kept = kept.trim_matches('\'').to_owned();
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let send = |path: &Path| {
        let mut command = gameday(home.path());
        command.args(["shell", "--send", &kept, "--session"]).arg(path);
        command
    };
    send(&path).assert().code(4).stderr(predicate::str::contains("could not send 2 commands"));
    let (address, heard) = console(Vec::new());
    let path = session(home.path(), &address, "responder");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("d-1", "d-2")).unwrap();
    send(&path).assert().code(1).stderr(predicate::str::contains("they belong to d-1"));
    fs::write(&path, text).unwrap();
    assert!(out(&mut send(&path)).contains("2 commands on the timeline"));
    let heard: Vec<_> = heard.lock().unwrap().iter().map(|one| line_of(one).to_owned()).collect();
    assert_eq!(heard, ["echo first", "echo second"]);
    assert!(!Path::new(&kept).exists(), "it is not needed any more");
}

#[test]
fn a_console_that_hangs_keeps_nobody_waiting_and_hears_everything_once() {
    run(async {
        let play = Play::begin().await;
        let mut ana = Person::in_shell(play.home(), "bash").await;
        ana.runs("echo before").await;
        play.told("echo before").await;
        play.signal(Signal::SIGSTOP);
        for number in 1..=3 {
            ana.runs(&format!("echo away-{number}")).await;
        }
        play.signal(Signal::SIGCONT);
        ana.runs("echo back").await;
        play.told("echo back").await;
        play.signal(Signal::SIGSTOP);
        ana.runs("echo last").await;
        let ended = ana.leaves().await;
        play.signal(Signal::SIGCONT);
        assert_eq!(ended, Some(0), "{}", ana.screen());
        ana.sees("1 command could not be told").await;
        ana.sees("Later: gameday shell --send").await;
        ana.sees("\n").await;
        let screen = ana.screen();
        let kept = screen.lines().find_map(|line| line.strip_prefix("Later: gameday shell --send ")).unwrap();
        let kept = kept.trim().trim_matches('\'');
        // It may have come through after all. However often it is told, it is there once.
        let again = play.home().join("again");
        fs::copy(kept, &again).unwrap();
        for file in [kept, again.to_str().unwrap()] {
            gameday(play.home()).args(["shell", "--send", file]).assert().success();
        }
        let told = play.all_told().await;
        let lines: Vec<_> = told.iter().map(|ran| ran.line.as_str()).collect();
        assert_eq!(
            lines,
            ["echo before", "echo away-1", "echo away-2", "echo away-3", "echo back", "echo last"]
        );
        play.end().await;
    });
}

#[test]
fn a_session_that_is_not_known_tells_nothing_and_says_so() {
    run(async {
        let play = Play::begin().await;
        let file = fs::read_to_string(play.home().join("home/sessions/last")).unwrap();
        let file = play.home().join("home/sessions").join(file);
        let good = fs::read_to_string(&file).unwrap();
        let mut wrong: Value = serde_json::from_str(&good).unwrap();
        wrong["secret"] = json!("0123456789abcdef0123456789abcdef");
        let path = play.home().join("wrong.json");
        fs::write(&path, wrong.to_string()).unwrap();
        let ended = piped(play.home(), &path, "true\n").success();
        ended.stderr(predicate::str::contains("1 command could not be told: no such session"));
        assert_eq!(play.all_told().await, []);
        // Who instigates is not recorded.
        gameday(play.home()).args(["join", &play.link("instigator"), "--as", "ivo"]).assert().success();
        gameday(play.home())
            .arg("shell")
            .assert()
            .code(1)
            .stderr(predicate::str::contains("only responders"));
        play.end().await;
    });
}

#[test]
fn many_commands_and_long_ones_are_cut_aloud() {
    let home = folder();
    let (address, said) = console(Vec::new());
    let path = session(home.path(), &address, "responder");
    let long = format!("true {}\n", "x".repeat(3000));
    let many = "true a\n".repeat(40);
    let ended = piped(home.path(), &path, &format!("{long}{many}")).success();
    ended.stderr(predicate::str::contains("11 commands left out: at most 30 are told in a minute"));
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 30);
    let first = line_of(&said[0]);
    assert!(first.len() <= 1000 && first.ends_with("x [cut]"), "{first}");
}

#[test]
fn the_terminal_is_put_back_however_it_ends() {
    run(async {
        let play = Play::begin().await;
        let mut ana = Person::in_shell(play.home(), "bash").await;
        let pid = ana.child.id().unwrap();
        let tty = fs::File::open(fs::read_link(format!("/proc/{pid}/fd/0")).unwrap()).unwrap();
        let is_raw =
            || !tcgetattr(&tty).unwrap().local_flags.intersects(LocalFlags::ECHO | LocalFlags::ICANON);
        assert!(is_raw());
        ana.keys.resize(pty_process::Size::new(33, 99)).unwrap();
        // The shell hears of it a moment later.
        watch_for(LIMIT, async || {
            ana.runs("stty size").await;
            ana.screen().contains("33 99").then_some(())
        })
        .await
        .expect("the new size arrives");
        let pid = Pid::from_raw(i32::try_from(pid).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert_eq!(ana.ends().await, Some(129), "the shell was hung up");
        assert!(!is_raw(), "{}", ana.screen());
        let events = events_of(&play.recording());
        assert!(events.iter().any(|event| event.1 == "r" && event.2 == "99x33"), "{events:?}");
        let mut ana = Person::in_shell(play.home(), "bash").await;
        ana.types("exit 7\r").await;
        assert_eq!(ana.ends().await, Some(7));
        play.end().await;
    });
}

#[test]
fn any_command_is_recorded_and_told_as_one_entry() {
    run(async {
        let play = Play::begin().await;
        prepare(play.home());
        let mut record = gameday(play.home());
        record
            .args(["record", "--", "sh", "-c", &format!("echo token={SECRET}; exit 4")])
            .env("HOME", play.home());
        record.timeout(LIMIT.std()).assert().code(4).stdout(predicate::str::contains(SECRET));
        let told = play.all_told().await;
        assert_eq!(lines(&told), [("sh -c echo token=*** exit 4", Some(4))]);
        let cast = play.recording();
        assert!(!fs::read_to_string(&cast).unwrap().contains(SECRET));
        fs::remove_file(cast).unwrap();
        play.end().await;
    });
}

/// A far side: a real sshd that is reached through a pipe, and how ssh gets there.
fn far_side(home: &Path) -> Vec<String> {
    let key = |name: &str| {
        let path = home.join(name);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path).status();
        assert!(made.unwrap().success());
        path.display().to_string()
    };
    let (host, own) = (key("host-key"), key("own-key"));
    let config = home.join("sshd_config");
    let text = format!(
        "HostKey {host}\nAuthorizedKeysFile {own}.pub\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
         AcceptEnv LC_*\nPidFile none\n"
    );
    fs::write(&config, text).unwrap();
    // Root's sshd wants this folder; anybody else's does without.
    let _ = fs::create_dir("/run/sshd");
    let proxy = format!("ProxyCommand={SSHD} -i -f {}", config.display());
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let options =
        ["BatchMode=yes", "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no", "LogLevel=ERROR"];
    let mut args = vec!["ssh".to_owned(), "-F".into(), "none".into(), "-t".into(), "-i".into(), own];
    for option in options.into_iter().chain(["SendEnv=LC_*", proxy.as_str()]) {
        args.extend(["-o".to_owned(), option.to_owned()]);
    }
    args.push(format!("{user}@far"));
    args
}

#[test]
fn a_far_side_behind_ssh_tells_its_commands_when_it_is_prepared() {
    if !Path::new(SSHD).exists() || !has("ssh-keygen") {
        return skip("sshd is not here");
    }
    run(async {
        let play = Play::begin().await;
        let snippet = out(gameday(play.home()).args(["record", "--init", "bash"]));
        let far = far_side(play.home());
        for (file, prepared) in [("bare", ""), ("prepared", snippet.as_str())] {
            let file = play.home().join(file);
            fs::write(&file, format!("PS1='<rea''dy>'\nunset HISTFILE\n{prepared}")).unwrap();
            let shell = format!("bash --rcfile {} -i", file.display());
            let args: Vec<_> = ["record", "--"]
                .into_iter()
                .chain(far.iter().map(String::as_str))
                .chain([shell.as_str()])
                .collect();
            let mut ana = Person::at_terminal(play.home(), &args);
            ana.sees(PROMPT).await;
            ana.runs("uname").await;
            ana.runs("(exit 5)").await;
            assert_eq!(ana.leaves().await, Some(5), "{}", ana.screen());
            assert!(!ana.screen().contains("\x1b]7475"), "{:?}", ana.screen());
        }
        let told = play.all_told().await;
        let told = lines(&told);
        assert!(told[0].0.starts_with("ssh -F none") && told[0].1 == Some(5), "{told:?}");
        assert_eq!(told[1..3], [("uname", Some(0)), ("(exit 5)", Some(5))]);
        assert!(told[3].0.starts_with("ssh -F none") && told.len() == 4, "{told:?}");
        play.end().await;
    });
}

#[test]
fn a_replay_tells_what_stood_on_the_terminal_beside_the_timeline() {
    run(async {
        let play = Play::begin().await;
        let mut ana = Person::in_shell(play.home(), "bash").await;
        ana.runs("echo a-line-of-output").await;
        play.told("echo a-line-of-output").await;
        // Nobody records what is recorded.
        ana.runs("echo $GAMEDAY_RECORDING | grep -o cast").await;
        let nested = format!("GAMEDAY_HOME= {} shell", env!("CARGO_BIN_EXE_gameday"));
        ana.runs(&nested).await;
        assert!(ana.screen().contains("this terminal is recorded already"), "{}", ana.screen());
        ana.leaves().await;
        let cast = play.recording();
        let home = play.home().to_owned();
        let replayed = out(gameday(&home).args(["replay", "last", "--speed", "0", "--recording"]).arg(&cast));
        let at = |what: &str| replayed.find(what).unwrap_or_else(|| panic!("no {what} in\n{replayed}"));
        assert!(at("| a-line-of-output") < at("ana ran `echo a-line-of-output`"), "{replayed}");
        assert!(at("StartEx") < at("| a-line-of-output"), "{replayed}");
        let other = fs::read_to_string(&cast).unwrap().replacen("\"drill\":\"d-", "\"drill\":\"x-", 1);
        fs::write(home.join("other.cast"), other).unwrap();
        gameday(&home).args(["replay", "last", "--recording", "other.cast"]).assert().code(1);
        fs::write(home.join("none.cast"), "nothing").unwrap();
        gameday(&home).args(["replay", "last", "--recording", "none.cast"]).assert().code(3);
        play.end().await;
    });
}
