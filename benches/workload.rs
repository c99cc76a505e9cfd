//! What the workload costs: how many requests a second its one thread can drive with full correction, and processor
//! time per request. The responder is a bare loop in a thread of its own, so it is not the thing that is measured.

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use gameday::{
    base::{At, Span},
    clock::{Clock, SystemClock},
    drill::measure::Tally,
    scenario::pack::{Expect, RequestClass, WorkloadShape},
    seed::Seed,
    workload::Workload,
};
use std::{collections::BTreeMap, hint::black_box, net::SocketAddr, sync::mpsc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
};

/// Seconds that each rate of the staircase is held.
const HELD: u64 = 1;
/// The rate at which the cost of one request is measured.
const RATE: f64 = 20_000.0;

/// Answers each request head with a short body, as fast as one thread can.
fn responder() -> SocketAddr {
    let (found, address) = mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
            found.send(listener.local_addr().expect("bound")).expect("somebody waits");
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    // A user sends one request at a time and in one piece.
                    while let Ok(1..) = stream.read(&mut buffer).await {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
    address.recv().expect("the responder listens")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn shape(rate: f64) -> WorkloadShape {
    WorkloadShape {
        classes: vec![RequestClass {
            name: "get".parse().expect("a name"),
            rate,
            method: "GET".into(),
            path: "/objects/{n}".into(),
            keys: 10_000,
            body_bytes: 0,
            headers: BTreeMap::new(),
            expect: Expect { status: vec![200], within: Span::from_secs(1) },
        }],
        encrypted: false,
    }
}

/// What `seconds` at `rate` came to.
struct Run {
    tally: Tally,
    lateness_ms: u32,
    cpu: Duration,
}

/// The first second is for warming up: it opens the connections.
async fn run(address: SocketAddr, rate: f64, seconds: u64) -> Run {
    let start: At = SystemClock.now() + Span::from_millis(20);
    let workload = Workload::start(&shape(rate), address, Seed(1), start, &SystemClock).expect("a workload");
    workload.bucket(start).await;
    let before = workload.cpu();
    let mut total = Run { tally: Tally::default(), lateness_ms: 0, cpu: Duration::ZERO };
    for second in 1..=seconds {
        let bucket = workload.bucket(start + Span::from_secs(second)).await;
        total.tally = bucket.classes.values().fold(total.tally, |sum, tally| sum.with(*tally));
        total.lateness_ms = total.lateness_ms.max(bucket.lateness_ms);
    }
    total.cpu = workload.cpu().checked_sub(before).expect("time does not run backwards");
    total
}

fn staircase(address: SocketAddr) {
    println!("intended/s   answered/s   dropped   p50 ms   p99 ms   late ms   CPU us/request   core");
    for rate in [1_000.0, 20_000.0, 40_000.0, 60_000.0, 80_000.0] {
        let Run { tally, lateness_ms, cpu } = runtime().block_on(run(address, rate, HELD));
        let good = f64::from(tally.sent - tally.failed);
        println!(
            "{rate:>10}   {:>10.0}   {:>7}   {:>6}   {:>6}   {lateness_ms:>7}   {:>14.2}   {:>3.0}%",
            good / HELD as f64,
            tally.dropped,
            tally.p50_ms,
            tally.p99_ms,
            cpu.as_secs_f64() * 1e6 / good.max(1.0),
            cpu.as_secs_f64() * 100.0 / HELD as f64,
        );
    }
}

fn workload(criterion: &mut Criterion) {
    let address = responder();
    staircase(address);
    let mut group = criterion.benchmark_group("workload");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    group.warm_up_time(Duration::from_millis(10)).measurement_time(Duration::from_secs(22));
    // Time here is processor time of the workload's thread, for one request at 20,000 a second.
    group.bench_function("cpu per request", |bencher| {
        bencher.iter_custom(|count| {
            let run = black_box(runtime().block_on(run(address, RATE, 1)));
            run.cpu.mul_f64(count as f64 / f64::from(run.tally.sent.max(1)))
        });
    });
    group.finish();
}

criterion_group!(benches, workload);
criterion_main!(benches);
