//! One contract for every home of the calendar, and what only the durable one must survive.

use super::{NOW, ina};
use crate::store::{contract, sqlite};
use gameday::{
    calendar::{Event, Noted},
    store::{CalendarStore, MemoryStore, SqliteStore, StoreError},
};
use std::sync::Arc;

fn numbered(seq: u64) -> Noted {
    let entry = format!("s-{seq}").parse().unwrap();
    Noted { seq, at: NOW, event: Event::Cancelled { entry, day: None, by: ina() } }
}

fn run(from: u64, to: u64) -> Vec<Noted> {
    (from..to).map(numbered).collect()
}

contract!(
    what_is_noted_is_read,
    an_unexpected_number_is_refused,
    a_batch_is_whole_or_absent,
    one_of_many_writers_wins,
);

async fn what_is_noted_is_read(store: Arc<dyn CalendarStore>) {
    assert_eq!(store.noted(0).await.unwrap(), []);
    store.note(0, &run(0, 1)).await.unwrap();
    store.note(1, &run(1, 4)).await.unwrap();
    store.note(4, &[]).await.unwrap();
    assert_eq!(store.noted(0).await.unwrap(), run(0, 4));
    assert_eq!(store.noted(2).await.unwrap(), run(2, 4));
    assert_eq!(store.noted(4).await.unwrap(), []);
    assert_eq!(store.noted(u64::MAX).await.unwrap(), []);
}

async fn an_unexpected_number_is_refused(store: Arc<dyn CalendarStore>) {
    store.note(0, &run(0, 2)).await.unwrap();
    for (expected, batch) in [(0, run(0, 1)), (1, run(1, 2)), (3, run(3, 4)), (1, vec![])] {
        match store.note(expected, &batch).await.unwrap_err() {
            StoreError::Overtaken { expected: told, found } => assert_eq!((told, found), (expected, 2)),
            other => panic!("{other}"),
        }
    }
    assert_eq!(store.noted(0).await.unwrap(), run(0, 2));
}

async fn a_batch_is_whole_or_absent(store: Arc<dyn CalendarStore>) {
    store.note(0, &run(0, 2)).await.unwrap();
    for seqs in [vec![2, 4], vec![2, 2], vec![3, 2], vec![0]] {
        let batch: Vec<_> = seqs.iter().map(|seq| numbered(*seq)).collect();
        let told = store.note(2, &batch).await.unwrap_err();
        assert!(matches!(told, StoreError::OutOfOrder { .. }), "{told}");
        assert_eq!(store.noted(0).await.unwrap(), run(0, 2), "{seqs:?}");
    }
    let mut batch = run(2, 4);
    batch[1].event = Event::Failed {
        entry: "s-1".parse().unwrap(),
        day: "2026-12-01".parse().unwrap(),
        why: "x".repeat(gameday::base::limits::CALENDAR_EVENT_BYTES_MAX),
    };
    assert!(store.note(2, &batch).await.is_err());
    assert_eq!(store.noted(0).await.unwrap(), run(0, 2));
}

async fn one_of_many_writers_wins(store: Arc<dyn CalendarStore>) {
    for round in 0..20 {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.note(round, &run(round, round + 1)).await })
            })
            .collect();
        let mut won = 0;
        for writer in writers {
            match writer.await.unwrap() {
                Ok(()) => won += 1,
                Err(StoreError::Overtaken { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(store.noted(0).await.unwrap(), run(0, 20));
}

#[tokio::test]
async fn nobody_changes_what_is_noted_and_what_a_newer_program_wrote_is_refused() {
    use sqlx::Connection as _;
    let folder = crate::cli::folder();
    let path = folder.path().join("journal.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.note(0, &run(0, 2)).await.unwrap();
    let mut raw = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    for meddle in [
        "delete from calendar",
        "update calendar set data = '{}'",
        "insert into calendar (seq, at_ms, kind, version, data) values (5, 0, 'begun', 1, '{}')",
    ] {
        assert!(sqlx::query(meddle).execute(&mut raw).await.is_err(), "{meddle}");
    }
    let newer = "insert into calendar (seq, at_ms, kind, version, data) values (2, 0, 'begun', 2, '{}')";
    sqlx::query(newer).execute(&mut raw).await.unwrap();
    assert_eq!(
        store.noted(2).await.unwrap_err().to_string(),
        "event 2 of calendar was written by a newer gameday: `begun` has version 2"
    );
}
