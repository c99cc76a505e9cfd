//! What a link's proxy costs, and how exact its toxics are, beside a direct connection.
//!
//! The peers are blocking threads, so that the figures are the proxy's. Criterion measures the transfers; the rest is
//! measured once and printed.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time and waits in it")]

mod peers;

use criterion::{Criterion, Throughput};
use gameday::{
    agent::proxy::{Effect, Proxy},
    base::InjectionId,
    scenario::pack::LinkLayout,
    seed::Seed,
};
use hdrhistogram::Histogram;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

use peers::{BLOCK, connect, echo, listen, serve, source};

const TRANSFER: u64 = 64 << 20;

/// A runtime of its own for the proxy: the names of its threads tell its CPU time from the peers'.
struct Bench {
    runtime: Runtime,
}

impl Bench {
    fn proxy(&self, upstream: SocketAddr) -> Proxy {
        let link = LinkLayout {
            link: name("bench"),
            listen: "127.0.0.1:0".to_owned(),
            upstream: upstream.to_string(),
            distance_ms: 0,
            http: false,
        };
        self.runtime.block_on(Proxy::open(&link, Seed(1))).expect("loopback has a free port")
    }
}

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a good name")
}

fn latency(latency_ms: u64) -> Effect {
    Effect::Latency { latency_ms, jitter_ms: 0 }
}

/// CPU time of the proxy's threads.
fn proxy_cpu() -> Duration {
    let mut total = 0;
    for task in fs::read_dir("/proc/self/task").expect("Linux").flatten() {
        let comm = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if comm.trim() == "fault-proxy" {
            let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            total += stat.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    Duration::from_nanos(total)
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Fetches `bytes` and returns how long it took from the first byte on.
fn fetch(stream: &mut TcpStream, block: &mut [u8], bytes: u64) -> Duration {
    stream.write_all(&bytes.to_le_bytes()).expect("it is open");
    let mut left = bytes;
    let mut begin = None;
    while left > 0 {
        let n = stream.read(block).expect("it is open") as u64;
        assert!(n > 0, "the stream ended");
        begin.get_or_insert_with(Instant::now);
        left -= n;
    }
    begin.map_or(Duration::ZERO, |begin| begin.elapsed())
}

fn megabytes_a_second(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64()
}

fn transfers(criterion: &mut Criterion, bench: &Bench) {
    let upstream = serve(source);
    let proxy = bench.proxy(upstream);
    let mut group = criterion.benchmark_group("transfer");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .throughput(Throughput::Bytes(TRANSFER));
    let mut block = vec![0; BLOCK];
    for (label, address) in [("direct", upstream), ("proxy", proxy.local_addr())] {
        let mut stream = connect(address);
        group.bench_function(label, |b| {
            b.iter(|| fetch(&mut stream, &mut block, TRANSFER));
        });
    }
    group.finish();
    bench.runtime.block_on(proxy.close());
}

fn speeds(bench: &Bench, workers: &str) {
    let upstream = serve(source);
    let proxy = bench.proxy(upstream);
    let mut block = vec![0; BLOCK];
    let bytes = 4 << 30;
    let mut speed = |address| {
        let mut stream = connect(address);
        fetch(&mut stream, &mut block, TRANSFER);
        let cpu = proxy_cpu();
        let took = fetch(&mut stream, &mut block, bytes);
        let cpu = proxy_cpu().saturating_sub(cpu).as_secs_f64() / (bytes as f64 / 1e9);
        (megabytes_a_second(bytes, took), cpu)
    };
    let (direct, _) = speed(upstream);
    let (through, cpu) = speed(proxy.local_addr());
    println!(
        "{workers}, one connection: direct {direct:.0} MB/s, proxy {through:.0} MB/s ({:.2} of direct), proxy CPU {cpu:.2} s/GB",
        through / direct
    );
    proxy.set(&name("gd-slow"), latency(100));
    let (delayed, cpu) = speed(proxy.local_addr());
    println!(
        "{workers}, with 100 ms latency: {delayed:.0} MB/s ({:.2} of direct), proxy CPU {cpu:.2} s/GB",
        delayed / direct
    );
    proxy.remove(&name("gd-slow"));
    for rate_mb in [1, 100, 500] {
        proxy.set(&name("gd-thin"), Effect::Bandwidth { rate_kb_s: rate_mb * 1000 });
        let mut stream = connect(proxy.local_addr());
        let bytes = rate_mb * 1_500_000;
        let rate = megabytes_a_second(bytes, fetch(&mut stream, &mut block, bytes));
        println!(
            "{workers}, bandwidth {rate_mb} MB/s: {rate:.2} MB/s ({:+.2} %)",
            (rate / rate_mb as f64 - 1.0) * 100.0
        );
    }
    bench.runtime.block_on(proxy.close());
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a minute in three digits")
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn round_trips(bench: &Bench, workers: &str) {
    let upstream = serve(echo);
    let proxy = bench.proxy(upstream);
    let mut medians = Vec::new();
    for address in [upstream, proxy.local_addr(), upstream, proxy.local_addr()] {
        let mut stream = connect(address);
        let mut seen = histogram();
        let mut byte = [1];
        for round in 0..12_000 {
            let begin = Instant::now();
            stream.write_all(&byte).expect("it is open");
            stream.read_exact(&mut byte).expect("it is open");
            if round >= 2000 {
                seen.saturating_record(nanos(begin.elapsed()));
            }
        }
        medians.push((seen.value_at_quantile(0.5) as f64 / 1e3, seen.value_at_quantile(0.99) as f64 / 1e3));
    }
    for pair in medians.chunks(2) {
        let ((direct, direct_99), (through, through_99)) = (pair[0], pair[1]);
        println!(
            "{workers}, 1-byte echo, us: direct p50 {direct:.1} p99 {direct_99:.1}, proxy p50 {through:.1} p99 {through_99:.1} \
             (added p50 {:.1}, ratio {:.2})",
            through - direct,
            through / direct
        );
    }
}

fn latency_error(bench: &Bench, workers: &str) {
    let (listener, upstream) = listen();
    let proxy = bench.proxy(upstream);
    proxy.set(&name("gd-slow"), latency(100));
    let mut client = connect(proxy.local_addr());
    let (mut server, _) = listener.accept().expect("a connection");
    let zero = Instant::now();
    let reader = thread::spawn(move || {
        let mut seen = histogram();
        let (mut stamp, mut early) = ([0; 8], 0);
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
    println!(
        "{workers}, error of 100 ms latency, us: p50 {:.0}, p99 {:.0}, max {:.0}; too early: {early} of 1000",
        seen.value_at_quantile(0.5) as f64 / 1e3,
        seen.value_at_quantile(0.99) as f64 / 1e3,
        seen.max() as f64 / 1e3
    );
}

/// Writes until the far end is stuck; the receiver hears when the write fails.
fn stuffed(address: SocketAddr) -> mpsc::Receiver<Instant> {
    let mut stream = connect(address);
    let (tell, ended) = mpsc::channel();
    thread::spawn(move || {
        let block = vec![1; BLOCK];
        while stream.write_all(&block).is_ok() {}
        let _ = tell.send(Instant::now());
    });
    ended
}

fn wait_until_stuck(proxy: &Proxy) {
    let mut last = proxy.counters();
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = proxy.counters();
        if now.up == last.up && now.up.received_bytes > 0 {
            return;
        }
        last = now;
    }
}

fn removal(bench: &Bench, workers: &str) {
    let (mut calls, mut ends, mut arrivals) = (histogram(), histogram(), histogram());
    let reset: InjectionId = name("gd-rst");
    let slow: InjectionId = name("gd-slow");
    for _ in 0..20 {
        // Nobody reads from what this listener accepts.
        let (listener, deaf) = listen();
        let proxy = bench.proxy(deaf);
        let ended = stuffed(proxy.local_addr());
        wait_until_stuck(&proxy);
        proxy.set(&slow, latency(3_600_000));
        let mut waiting = connect(proxy.local_addr());
        let (_stuck, _) = listener.accept().expect("a connection");
        let (mut far, _) = listener.accept().expect("a connection");
        let before = proxy.counters().up.received_bytes;
        waiting.write_all(b"w").expect("it is open");
        while proxy.counters().up.received_bytes <= before {
            thread::yield_now();
        }
        let begin = Instant::now();
        proxy.remove(&slow);
        calls.saturating_record(nanos(begin.elapsed()));
        far.read_exact(&mut [0]).expect("it is open");
        arrivals.saturating_record(nanos(begin.elapsed()));
        let begin = Instant::now();
        proxy.set(&reset, Effect::Reset { after_ms: 0 });
        calls.saturating_record(nanos(begin.elapsed()));
        let end = ended.recv_timeout(Duration::from_secs(5)).expect("the stuck connection is reset");
        ends.saturating_record(nanos(end - begin));
        bench.runtime.block_on(proxy.close());
    }
    println!(
        "{workers}, while a peer does not read, us (p50, max of 20): a call {:.1}, {:.1}; removed latency delivers {:.0}, {:.0}; \
         the stuck connection is reset {:.0}, {:.0}",
        calls.value_at_quantile(0.5) as f64 / 1e3,
        calls.max() as f64 / 1e3,
        arrivals.value_at_quantile(0.5) as f64 / 1e3,
        arrivals.max() as f64 / 1e3,
        ends.value_at_quantile(0.5) as f64 / 1e3,
        ends.max() as f64 / 1e3,
    );
}

fn many_connections(bench: &Bench, workers: &str) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
    let count = usize::try_from(hard / 5).map_or(5000, |most| most.min(5000));
    let (listener, upstream) = listen();
    let proxy = bench.proxy(upstream);
    let mut held = Vec::with_capacity(2 * count);
    let mut byte = [1];
    let (before, cpu) = (resident_kib(), proxy_cpu());
    for _ in 0..count {
        let mut client = connect(proxy.local_addr());
        let (mut server, _) = listener.accept().expect("a connection");
        client.write_all(&byte).expect("it is open");
        server.read_exact(&mut byte).expect("it is open");
        server.write_all(&byte).expect("it is open");
        client.read_exact(&mut byte).expect("it is open");
        held.extend([client, server]);
    }
    let cpu = proxy_cpu().saturating_sub(cpu).as_micros() as f64 / count as f64;
    let kib = resident_kib().saturating_sub(before) as f64 / count as f64;
    println!(
        "{workers}, {count} connections: {cpu:.1} us of proxy CPU to open each and carry one byte each way, {kib:.2} KiB each when idle"
    );
    drop(held);
    bench.runtime.block_on(proxy.close());
}

fn bench(workers: usize) -> Bench {
    let runtime = Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("fault-proxy")
        .enable_all()
        .build()
        .expect("threads");
    Bench { runtime }
}

fn main() {
    let mut criterion = Criterion::default().without_plots().configure_from_args();
    for workers in [1, 2] {
        let bench = bench(workers);
        let label = format!("{workers} worker(s)");
        many_connections(&bench, &label);
        round_trips(&bench, &label);
        speeds(&bench, &label);
        latency_error(&bench, &label);
        removal(&bench, &label);
    }
    transfers(&mut criterion, &bench(1));
    criterion.final_summary();
}
