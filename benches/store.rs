//! How long a durable append takes. `cargo bench --bench store`

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gameday::{
    base::{At, DrillId, Span},
    drill::{
        event::{Event, Recorded},
        measure::{Bucket, Tally},
    },
    store::{MemoryStore, SqliteStore, Store},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The most frequent event of a drill: one second of traffic in three classes.
fn second(seq: u64) -> Recorded {
    let at = At::from_millis(1_796_130_000_000) + Span::from_secs(seq);
    let tally = Tally { sent: 40, failed: 3, dropped: 0, p50_ms: 12, p95_ms: 88, p99_ms: 140 };
    let classes = ["get", "put", "delete"]
        .map(|name| (name.parse().expect("a name"), tally))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    Recorded { seq, at, event: Event::Measured { second: at, bucket: Bucket { classes, lateness_ms: 1 } } }
}

fn append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite = runtime.block_on(SqliteStore::open(folder.path().join("journal.db"))).expect("a store");
    let stores: [(&str, Arc<dyn Store>); 2] =
        [("sqlite", Arc::new(sqlite)), ("memory", Arc::new(MemoryStore::new()))];
    let mut group = criterion.benchmark_group("append");
    for (name, store) in &stores {
        for batch in [1, 10] {
            let drill: DrillId = format!("d-{batch}").parse().expect("a name");
            let next = AtomicU64::new(0);
            group.throughput(Throughput::Elements(batch));
            group.bench_function(BenchmarkId::new(*name, batch), |bencher| {
                bencher.to_async(&runtime).iter_batched(
                    || {
                        let from = next.fetch_add(batch, Ordering::Relaxed);
                        (from, (from..from + batch).map(second).collect::<Vec<_>>())
                    },
                    |(from, events)| {
                        let drill = &drill;
                        async move {
                            store.append(drill, from, &events).await.expect("nobody else appends");
                        }
                    },
                    // One at a time, so that each number is taken when it is used.
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    const EVENTS: u64 = 14_400;
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let store = runtime.block_on(SqliteStore::open(folder.path().join("journal.db"))).expect("a store");
    let drill: DrillId = "d-long".parse().expect("a name");
    let journal: Vec<_> = (0..EVENTS).map(second).collect();
    runtime.block_on(store.append(&drill, 0, &journal)).expect("an empty store");
    let mut group = criterion.benchmark_group("read");
    group.sample_size(10).throughput(Throughput::Elements(EVENTS));
    group.bench_function("sqlite/four hours", |bencher| {
        bencher.to_async(&runtime).iter(|| async { store.read(&drill, 0).await.expect("it is there") });
    });
    group.finish();
}

criterion_group!(benches, append, read);
criterion_main!(benches);
