//! The fault proxy alone (`gameday agent --compat`) side by side with a direct connection, haproxy in TCP mode and, where
//! `TOXIPROXY` names its server, toxiproxy: each a process of its own, in one run, with the same peers.
//!
//! Processor time and memory are those of the proxy's process. What is not there is told and left out.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time and waits in it")]

mod peers;

use hdrhistogram::Histogram;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use peers::{BLOCK, connect, echo, listen, serve, source};

const GIGABYTES: u64 = 2;

/// One that carries connections, or none for the direct way.
struct Contestant {
    name: &'static str,
    child: Option<Child>,
    /// The address of its control API.
    api: Option<String>,
    folder: tempfile::TempDir,
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound")
}

fn wait_for(address: &str) {
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("{address} does not listen");
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null())
}

impl Contestant {
    fn new(name: &'static str) -> Self {
        Self { name, child: None, api: None, folder: tempfile::tempdir().expect("a folder") }
    }

    fn with_api(name: &'static str, start: impl FnOnce(&SocketAddr) -> Command) -> Self {
        let api = free_address();
        let child = quiet(&mut start(&api)).spawn().expect("it starts");
        let api = api.to_string();
        wait_for(&api);
        let mut one = Self::new(name);
        (one.child, one.api) = (Some(child), Some(api));
        one
    }

    /// Every one that is there.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::new("direct")];
        all.push(Self::with_api("gameday", |api| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
            command.args(["agent", "--compat", "--api", &api.to_string()]);
            command
        }));
        if quiet(Command::new("haproxy").arg("-v")).status().is_ok_and(|status| status.success()) {
            all.push(Self::new("haproxy"));
        } else {
            println!("haproxy is not installed: left out");
        }
        match std::env::var("TOXIPROXY") {
            Ok(server) => all.push(Self::with_api("toxiproxy", |api| {
                let mut command = Command::new(server);
                command.args(["-host", "127.0.0.1", "-port", &api.port().to_string()]);
                command
            })),
            Err(_) => println!("TOXIPROXY names no server: left out"),
        }
        all
    }

    /// Where clients connect to reach the upstream.
    fn way_to(&mut self, upstream: SocketAddr) -> SocketAddr {
        if self.api.is_some() {
            self.ask("DELETE", "/proxies/bench", "");
            let body = format!(r#"{{"name":"bench","listen":"127.0.0.1:0","upstream":"{upstream}"}}"#);
            let made = self.ask("POST", "/proxies", &body);
            let listen = made.split(r#""listen":""#).nth(1).and_then(|rest| rest.split('"').next());
            return listen.and_then(|listen| listen.parse().ok()).unwrap_or_else(|| panic!("{made}"));
        }
        if self.name == "direct" {
            return upstream;
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let listen = free_address();
        let config = self.folder.path().join("haproxy.cfg");
        let text = format!(
            "global\n maxconn 6000\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 300s\n timeout server 300s\n\
             listen bench\n bind {listen}\n server upstream {upstream}\n"
        );
        fs::write(&config, text).expect("a file");
        self.child = Some(
            quiet(Command::new("haproxy").arg("-db").arg("-f").arg(&config)).spawn().expect("it starts"),
        );
        wait_for(&listen.to_string());
        listen
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.api.as_deref().expect("it has an API")).expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}",
            body.len()
        );
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn toxic(&self, body: &str) {
        let answer = self.ask("POST", "/proxies/bench/toxics", body);
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// Processor time of its process so far.
    fn cpu(&self) -> Duration {
        let Some(child) = &self.child else { return Duration::ZERO };
        let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).expect("Linux").flatten();
        let nanos = tasks.map(|task| {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
        });
        Duration::from_nanos(nanos.sum())
    }

    fn resident_kib(&self) -> u64 {
        let Some(child) = &self.child else { return 0 };
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
    }
}

/// Fetches so many bytes: MB/s from the first byte on.
fn fetch(stream: &mut TcpStream, bytes: u64) -> f64 {
    let mut block = vec![0; BLOCK];
    stream.write_all(&bytes.to_le_bytes()).expect("it is open");
    let (mut left, mut begin) = (bytes, None);
    while left > 0 {
        let n = stream.read(&mut block).expect("it is open") as u64;
        assert!(n > 0, "the stream ended");
        begin.get_or_insert_with(Instant::now);
        left -= n;
    }
    bytes as f64 / 1e6 / begin.map_or(f64::NAN, |begin| begin.elapsed().as_secs_f64())
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a minute in three digits")
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn us(seen: &Histogram<u64>, quantile: f64) -> f64 {
    seen.value_at_quantile(quantile) as f64 / 1e3
}

/// Throughput and processor time per GB: the median of five.
fn throughput(one: &mut Contestant) -> String {
    let way = one.way_to(serve(source));
    let mut stream = connect(way);
    fetch(&mut stream, 64 << 20);
    let mut runs: Vec<_> = (0..5)
        .map(|_| {
            let before = one.cpu();
            let speed = fetch(&mut stream, GIGABYTES * 1_000_000_000);
            (speed, one.cpu().saturating_sub(before).as_secs_f64() / GIGABYTES as f64)
        })
        .collect();
    runs.sort_by(|a, b| a.0.total_cmp(&b.0));
    format!("{:.0} MB/s | {:.2} s/GB", runs[2].0, runs[2].1)
}

/// Round trips of one byte on so many connections at once, by one client thread each.
fn round_trips(one: &mut Contestant, connections: usize, rounds: usize) -> String {
    let way = one.way_to(serve(echo));
    let begin = Instant::now();
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            thread::spawn(move || {
                let (mut stream, mut byte, mut seen) = (connect(way), [1], histogram());
                for round in 0..rounds {
                    let begin = Instant::now();
                    stream.write_all(&byte).expect("it is open");
                    stream.read_exact(&mut byte).expect("it is open");
                    if round * 10 >= rounds {
                        seen.saturating_record(nanos(begin.elapsed()));
                    }
                }
                seen
            })
        })
        .collect();
    let mut all = histogram();
    for client in clients {
        all.add(client.join().expect("a client")).expect("the same bounds");
    }
    let rate = (connections * rounds) as f64 / begin.elapsed().as_secs_f64() / 1e3;
    format!("{rate:.1} k/s | p50 {:.0} us, p99 {:.0} us", us(&all, 0.5), us(&all, 0.99))
}

/// New connections, one after the other, each with a byte there and back.
fn openings(one: &mut Contestant) -> String {
    let way = one.way_to(serve(echo));
    let (count, before, begin) = (3000, one.cpu(), Instant::now());
    for _ in 0..count {
        let mut stream = connect(way);
        stream.write_all(b"x").expect("it is open");
        stream.read_exact(&mut [0]).expect("it is open");
    }
    let rate = f64::from(count) / begin.elapsed().as_secs_f64();
    let cpu = one.cpu().saturating_sub(before).as_micros() as f64 / f64::from(count);
    format!("{rate:.0} /s | {cpu:.0} us")
}

/// Memory of connections that have carried a byte each way and are idle.
fn idle(one: &mut Contestant) -> String {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let count = usize::try_from(hard / 3).map_or(5000, |most| most.min(5000));
    let (listener, upstream) = listen();
    let way = one.way_to(upstream);
    let before = one.resident_kib();
    // The proxy's own look at whether it listens may have left one.
    listener.set_nonblocking(true).expect("a socket");
    while listener.accept().is_ok() {}
    listener.set_nonblocking(false).expect("a socket");
    let mut held = Vec::with_capacity(2 * count);
    for _ in 0..count {
        let mut client = connect(way);
        client.write_all(b"x").expect("it is open");
        let mut server = loop {
            let (mut server, _) = listener.accept().expect("a connection");
            if server.read_exact(&mut [0]).is_ok() {
                break server;
            }
        };
        server.write_all(b"x").expect("it is open");
        client.read_exact(&mut [0]).expect("it is open");
        held.extend([client, server]);
    }
    let grown = one.resident_kib().saturating_sub(before);
    format!("{:.1} KiB of {count}", grown as f64 / count as f64)
}

/// How late messages are under 100 ms of latency, and how fast a connection is.
fn latency(one: &mut Contestant) -> String {
    let (listener, upstream) = listen();
    let way = one.way_to(upstream);
    one.toxic(r#"{"type":"latency","stream":"upstream","attributes":{"latency":100}}"#);
    let mut client = connect(way);
    let (mut server, _) = listener.accept().expect("a connection");
    let zero = Instant::now();
    let reader = thread::spawn(move || {
        let (mut seen, mut stamp, mut early) = (histogram(), [0; 8], 0);
        while server.read_exact(&mut stamp).is_ok() {
            let took = nanos(zero.elapsed()) - u64::from_le_bytes(stamp);
            match took.checked_sub(100_000_000) {
                Some(late) => seen.saturating_record(late),
                None => early += 1,
            }
        }
        (seen, early)
    });
    for _ in 0..1000 {
        client.write_all(&nanos(zero.elapsed()).to_le_bytes()).expect("it is open");
        thread::sleep(Duration::from_micros(2700));
    }
    drop(client);
    let (seen, early) = reader.join().expect("the reader does not panic");
    let mut stream = connect(one.way_to(serve(source)));
    one.toxic(r#"{"type":"latency","attributes":{"latency":100}}"#);
    fetch(&mut stream, 256 << 20);
    let speed = fetch(&mut stream, GIGABYTES * 1_000_000_000);
    let (p50, p99) = (us(&seen, 0.5), us(&seen, 0.99));
    format!("late by p50 {p50:.0} us, p99 {p99:.0} us, {early} of 1000 early | {speed:.0} MB/s")
}

/// How exact limited rates are.
fn bandwidth(one: &mut Contestant) -> String {
    let errors = [1_u64, 100, 500].map(|rate| {
        let mut stream = connect(one.way_to(serve(source)));
        one.toxic(&format!(r#"{{"type":"bandwidth","attributes":{{"rate":{}}}}}"#, rate * 1000));
        let speed = fetch(&mut stream, rate * 2_000_000);
        format!("{rate} MB/s {:+.1} %", (speed / rate as f64 - 1.0) * 100.0)
    });
    errors.join(", ")
}

/// How long the removal of a toxic takes while a peer does not read.
fn removal(one: &mut Contestant) -> String {
    let (_deaf, upstream) = listen();
    let mut stuck = connect(one.way_to(upstream));
    stuck.set_nonblocking(true).expect("a socket");
    one.toxic(r#"{"type":"latency","stream":"upstream","attributes":{"latency":10}}"#);
    let zeros = vec![0; 65_536];
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_millis(500) {
        if stuck.write(&zeros).is_ok() {
            last = Instant::now();
        } else {
            thread::sleep(Duration::from_millis(5));
        }
    }
    let begin = Instant::now();
    let answer = one.ask("DELETE", "/proxies/bench/toxics/latency_upstream", "");
    let code = answer.split(' ').nth(1).unwrap_or("no answer").to_owned();
    format!("{:.1} ms ({code})", begin.elapsed().as_secs_f64() * 1e3)
}

/// What is measured, how, and whether only those with an API can do it.
type Discipline = (&'static str, fn(&mut Contestant) -> String, bool);

fn main() {
    let mut all = Contestant::all();
    let disciplines: [Discipline; 8] = [
        ("one connection: throughput, CPU", throughput, false),
        ("round trips, 1 connection", |one| round_trips(one, 1, 20_000), false),
        ("round trips, 50 connections", |one| round_trips(one, 50, 2000), false),
        ("new connections: rate, CPU of each", openings, false),
        ("memory of an idle connection", idle, false),
        ("latency of 100 ms: error, throughput", latency, true),
        ("bandwidth", bandwidth, true),
        ("removal of a toxic, a peer does not read", removal, true),
    ];
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine before: {}", load.trim());
    for (what, measure, needs_api) in disciplines {
        for one in all.iter_mut().filter(|one| one.api.is_some() || !needs_api) {
            let result = measure(one);
            println!("{what} | {} | {result}", one.name);
        }
    }
}
