//! Published clients of the field's proxy drive ours as they are: over the real program, with real traffic.

use crate::{
    cli::{folder, gameday},
    skip::skip,
    tidy,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    thread,
};

const PYTHON_CLIENT: &str = "toxiproxy-python==0.1.1";
const NODE_CLIENT: &str = "toxiproxy-node-client@4.1.0";

/// The program with the proxy alone; it is told to end when it is dropped.
struct Agent {
    child: Child,
    address: String,
}

impl Agent {
    fn start(home: &Path, more: &[&str]) -> Self {
        let program = gameday(home).get_program().to_owned();
        let mut child = Command::new(program)
            .args(["agent", "--compat", "--api", "127.0.0.1:0", "--seed", "7"])
            .args(more)
            .current_dir(home)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").and_then(|rest| rest.split(',').next());
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        // Whoever prints more must not be kept waiting.
        thread::spawn(move || output.read_to_string(&mut String::new()));
        Self { child, address }
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that sends back what it gets.
pub(crate) fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut bytes = vec![0; 65_536];
                while let Ok(n @ 1..) = stream.read(&mut bytes) {
                    if stream.write_all(&bytes[..n]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// Whether the program is there.
pub(crate) fn has(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Installs a client once for all runs, below the build's own folder; nothing if that is not possible here.
pub(crate) fn client(name: &str, install: impl FnOnce(&Path) -> Command) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    let complete = place.join("complete");
    if complete.exists() {
        return Some(place);
    }
    std::fs::create_dir_all(&place).unwrap();
    let done = install(&place).output();
    match done {
        Ok(output) if output.status.success() => {
            std::fs::write(complete, "").unwrap();
            Some(place)
        }
        Ok(output) => {
            skip(&format!("{name} cannot be installed: {}", String::from_utf8_lossy(&output.stderr)));
            None
        }
        Err(error) => {
            skip(&format!("{name} cannot be installed: {error}"));
            None
        }
    }
}

/// Runs a script with the address of the API and of an echo server; it ends well or says why.
fn drive(mut script: Command) {
    let home = folder();
    let agent = Agent::start(home.path(), &[]);
    let output = script.arg(&agent.address).arg(echo()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.ends_with("all is well\n"), "{said}\n{complained}");
}

fn fixture(name: &str) -> PathBuf {
    tidy::root().join("tests/fixtures/compat").join(name)
}

#[test]
fn the_python_client_drives_it_unchanged() {
    if !has("python3") || !has("pip3") {
        return skip("python3 and pip3 are not installed");
    }
    let install = |place: &Path| {
        let mut pip = Command::new("pip3");
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--target"])
            .arg(place)
            .arg(PYTHON_CLIENT);
        pip
    };
    let Some(place) = client("python", install) else { return };
    let mut script = Command::new("python3");
    script.arg(fixture("drive.py")).env("PYTHONPATH", place).env("PYTHONDONTWRITEBYTECODE", "1");
    drive(script);
}

#[test]
fn the_node_client_drives_it_unchanged() {
    if !has("node") || !has("npm") {
        return skip("node and npm are not installed");
    }
    let install = |place: &Path| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(place).arg(NODE_CLIENT);
        npm
    };
    let Some(place) = client("node", install) else { return };
    let mut script = Command::new("node");
    script.arg(fixture("drive.js")).env("NODE_PATH", place.join("node_modules"));
    drive(script);
}

#[test]
fn it_ends_cleanly_and_what_is_kept_comes_back() {
    let home = folder();
    let listen = {
        let mut agent = Agent::start(home.path(), &["--folder", "faults"]);
        let made = ask(&agent.address, "POST", "/proxies", r#"{"name": "a", "upstream": "127.0.0.1:1"}"#);
        assert!(made.starts_with("HTTP/1.1 201 "), "{made}");
        agent.signal(nix::sys::signal::Signal::SIGINT);
        assert!(agent.child.wait().unwrap().success());
        made.split(r#""listen":""#).nth(1).unwrap().split('"').next().unwrap().to_owned()
    };
    let agent = Agent::start(home.path(), &["--folder", "faults"]);
    assert!(ask(&agent.address, "GET", "/proxies", "").contains(&listen));
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn other_machines_cannot_reach_its_controls() {
    let home = folder();
    let refused = gameday(home.path()).args(["agent", "--compat", "--api", "0.0.0.0:0"]).assert().failure();
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert!(said.contains("could not listen on 0.0.0.0:0: it is not a loopback address"), "{said}");
}
