//! One contract for every home of every book, and what only the durable one must survive.

use crate::{
    calendar::{NOW, ina},
    store::{contract, sqlite},
};
use gameday::{
    base::{
        book::{Note, Noted},
        limits,
    },
    calendar, people, post,
    store::{Book, MemoryStore, SqliteStore, StoreError},
};
use std::sync::Arc;

/// A book whose events can be told from each other.
trait Numbered: Note {
    fn number(seq: u64) -> Self;
    /// One that is larger than any that is kept.
    fn too_large() -> Self;
}

impl Numbered for calendar::Event {
    fn number(seq: u64) -> Self {
        Self::Cancelled { entry: format!("s-{seq}").parse().unwrap(), day: None, by: ina() }
    }

    fn too_large() -> Self {
        Self::Failed {
            entry: "s-1".parse().unwrap(),
            day: "2026-12-01".parse().unwrap(),
            why: "x".repeat(limits::BOOK_EVENT_BYTES_MAX),
        }
    }
}

impl Numbered for people::Event {
    fn number(seq: u64) -> Self {
        Self::Removed { person: format!("p-{seq}").parse().unwrap(), by: ina() }
    }

    fn too_large() -> Self {
        let zone = Some("x".repeat(limits::BOOK_EVENT_BYTES_MAX));
        let about = people::About { zone, ..people::About::default() };
        Self::Added { person: ina(), about, by: ina() }
    }
}

impl Numbered for post::Event {
    fn number(seq: u64) -> Self {
        let what = post::What::Invitation { sequence: 0, off: false };
        let (entry, day) = (format!("s-{seq}").parse().unwrap(), "2026-12-01".parse().unwrap());
        Self::Sent(post::Letter { to: ina(), entry, day, what })
    }

    fn too_large() -> Self {
        let Self::Sent(letter) = Self::number(0) else { unreachable!() };
        Self::Refused { letter, why: "x".repeat(limits::BOOK_EVENT_BYTES_MAX) }
    }
}

fn numbered<E: Numbered>(seq: u64) -> Noted<E> {
    Noted { seq, at: NOW, event: E::number(seq) }
}

fn run<E: Numbered>(from: u64, to: u64) -> Vec<Noted<E>> {
    (from..to).map(numbered).collect()
}

/// Holds one book to the contract, in each of its homes.
macro_rules! held_to_the_contract {
    ($($book:ident: $event:ty),* $(,)?) => {$(
        mod $book {
            use super::*;

            contract!(
                what_is_noted_is_read,
                an_unexpected_number_is_refused,
                a_batch_is_whole_or_absent,
                one_of_many_writers_wins,
            );

            async fn what_is_noted_is_read(store: Arc<dyn Book<$event>>) {
                super::what_is_noted_is_read(store).await;
            }

            async fn an_unexpected_number_is_refused(store: Arc<dyn Book<$event>>) {
                super::an_unexpected_number_is_refused(store).await;
            }

            async fn a_batch_is_whole_or_absent(store: Arc<dyn Book<$event>>) {
                super::a_batch_is_whole_or_absent(store).await;
            }

            async fn one_of_many_writers_wins(store: Arc<dyn Book<$event>>) {
                super::one_of_many_writers_wins(store).await;
            }
        }
    )*};
}

held_to_the_contract! {
    the_calendar: calendar::Event,
    the_people: people::Event,
    the_post: post::Event,
}

async fn what_is_noted_is_read<E: Numbered>(store: Arc<dyn Book<E>>) {
    assert_eq!(store.noted(0).await.unwrap(), []);
    store.note(0, &run(0, 1)).await.unwrap();
    store.note(1, &run(1, 4)).await.unwrap();
    store.note(4, &[]).await.unwrap();
    assert_eq!(store.noted(0).await.unwrap(), run(0, 4));
    assert_eq!(store.noted(2).await.unwrap(), run(2, 4));
    assert_eq!(store.noted(4).await.unwrap(), []);
    assert_eq!(store.noted(u64::MAX).await.unwrap(), []);
}

async fn an_unexpected_number_is_refused<E: Numbered>(store: Arc<dyn Book<E>>) {
    store.note(0, &run(0, 2)).await.unwrap();
    for (expected, batch) in [(0, run(0, 1)), (1, run(1, 2)), (3, run(3, 4)), (1, vec![])] {
        match store.note(expected, &batch).await.unwrap_err() {
            StoreError::Overtaken { book, expected: told, found } => {
                assert_eq!((book, told, found), (E::BOOK, expected, 2));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(store.noted(0).await.unwrap(), run(0, 2));
}

async fn a_batch_is_whole_or_absent<E: Numbered>(store: Arc<dyn Book<E>>) {
    store.note(0, &run(0, 2)).await.unwrap();
    for seqs in [vec![2, 4], vec![2, 2], vec![3, 2], vec![0]] {
        let batch: Vec<_> = seqs.iter().map(|seq| numbered(*seq)).collect();
        let told = store.note(2, &batch).await.unwrap_err();
        assert!(matches!(told, StoreError::OutOfOrder { .. }), "{told}");
        assert_eq!(store.noted(0).await.unwrap(), run(0, 2), "{seqs:?}");
    }
    let mut batch = run(2, 4);
    batch[1].event = E::too_large();
    assert!(store.note(2, &batch).await.is_err());
    assert_eq!(store.noted(0).await.unwrap(), run(0, 2));
}

async fn one_of_many_writers_wins<E: Numbered>(store: Arc<dyn Book<E>>) {
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

async fn apart(calendar: &dyn Book<calendar::Event>, people: &dyn Book<people::Event>) {
    calendar.note(0, &run(0, 3)).await.unwrap();
    assert_eq!(people.noted(0).await.unwrap(), []);
    people.note(0, &run(0, 2)).await.unwrap();
    assert_eq!(calendar.noted(0).await.unwrap(), run(0, 3));
    assert_eq!(people.noted(0).await.unwrap(), run(0, 2));
}

#[tokio::test]
async fn books_of_one_store_are_apart() {
    let folder = crate::cli::folder();
    let durable = sqlite(folder.path()).await;
    let memory = MemoryStore::new();
    apart(&durable, &durable).await;
    apart(&memory, &memory).await;
}

async fn nobody_changes_what_is_noted<E: Numbered>() {
    use sqlx::{AssertSqlSafe, Connection as _};
    let folder = crate::cli::folder();
    let path = folder.path().join("journal.db");
    let store: Arc<dyn Book<E>> = Arc::new(SqliteStore::open(&path).await.unwrap());
    store.note(0, &run(0, 2)).await.unwrap();
    let mut raw = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let book = E::BOOK;
    for meddle in [
        format!("delete from {book}"),
        format!("update {book} set data = '{{}}'"),
        format!("insert into {book} (seq, at_ms, kind, version, data) values (5, 0, 'begun', 1, '{{}}')"),
    ] {
        assert!(sqlx::query(AssertSqlSafe(meddle.clone())).execute(&mut raw).await.is_err(), "{meddle}");
    }
    let newer =
        format!("insert into {book} (seq, at_ms, kind, version, data) values (2, 0, 'begun', 2, '{{}}')");
    sqlx::query(AssertSqlSafe(newer)).execute(&mut raw).await.unwrap();
    assert_eq!(
        store.noted(2).await.unwrap_err().to_string(),
        format!("event 2 of {book} was written by a newer gameday: `begun` has version 2")
    );
}

#[tokio::test]
async fn nobody_changes_what_is_noted_and_what_a_newer_program_wrote_is_refused() {
    nobody_changes_what_is_noted::<calendar::Event>().await;
    nobody_changes_what_is_noted::<people::Event>().await;
    nobody_changes_what_is_noted::<post::Event>().await;
}
