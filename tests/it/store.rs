//! One contract for every store, and what only the durable one must survive.

use gameday::{
    base::{At, DrillId, limits},
    clock::BoxFuture,
    drill::event::{Event, Recorded},
    seed::Seed,
    store::{MemoryStore, SqliteStore, Store, StoreError},
};
use rand::{Rng, RngExt};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    task::Poll,
    time::Duration,
};

/// An event that can be told from every other by its number.
pub(crate) fn numbered(seq: u64) -> Recorded {
    Recorded {
        seq,
        at: At::from_millis(1_796_130_000_000 + seq.cast_signed() * 7),
        event: Event::AgentSilent { error: format!("event {seq}") },
    }
}

fn run(from: u64, to: u64) -> Vec<Recorded> {
    (from..to).map(numbered).collect()
}

fn drill(name: &str) -> DrillId {
    name.parse().unwrap()
}

pub(crate) async fn sqlite(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("journal.db")).await.unwrap()
}

/// Each function of the list becomes a test over each store.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Arc::new(super::MemoryStore::new())).await;
            })*
        }
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::Arc::new(super::sqlite(folder.path()).await)).await;
            })*
        }
    };
}
pub(crate) use contract;

contract!(
    what_is_appended_is_read,
    an_unexpected_number_is_a_conflict,
    a_batch_is_whole_or_absent,
    one_of_many_appenders_wins,
    what_is_refused_beside_others_refuses_only_itself,
    drills_are_apart_and_listed,
    a_large_event_is_kept_and_a_larger_one_refused,
    a_long_journal_is_read_from_anywhere,
    every_kind_of_event_is_kept,
);

async fn what_is_appended_is_read(store: Arc<dyn Store>) {
    let name = drill("d-one");
    assert_eq!(store.read(&name, 0).await.unwrap(), []);
    store.append(&name, 0, &run(0, 1)).await.unwrap();
    store.append(&name, 1, &run(1, 4)).await.unwrap();
    store.append(&name, 4, &[]).await.unwrap();
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 4));
    assert_eq!(store.read(&name, 2).await.unwrap(), run(2, 4));
    assert_eq!(store.read(&name, 4).await.unwrap(), []);
    assert_eq!(store.read(&name, u64::MAX).await.unwrap(), []);
}

async fn an_unexpected_number_is_a_conflict(store: Arc<dyn Store>) {
    let name = drill("d-one");
    store.append(&name, 0, &run(0, 2)).await.unwrap();
    for (expected_seq, batch) in [(0, run(0, 1)), (1, run(1, 2)), (3, run(3, 4)), (1, vec![])] {
        let told = store.append(&name, expected_seq, &batch).await.unwrap_err();
        match told {
            StoreError::Conflict { expected, found, .. } => assert_eq!((expected, found), (expected_seq, 2)),
            other => panic!("{other}"),
        }
    }
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 2));
}

async fn a_batch_is_whole_or_absent(store: Arc<dyn Store>) {
    let name = drill("d-one");
    store.append(&name, 0, &run(0, 2)).await.unwrap();
    for seqs in [vec![2, 4], vec![2, 2], vec![3, 2], vec![2, 3, 5], vec![0]] {
        let batch: Vec<_> = seqs.iter().map(|seq| numbered(*seq)).collect();
        let told = store.append(&name, 2, &batch).await.unwrap_err();
        assert!(matches!(told, StoreError::OutOfOrder { .. }), "{told}");
        assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 2), "{seqs:?}");
    }
    let mut batch = run(2, 5);
    batch[2].event = Event::AgentSilent { error: "x".repeat(limits::EVENT_BYTES_MAX) };
    let told = store.append(&name, 2, &batch).await.unwrap_err();
    assert!(matches!(told, StoreError::TooLarge { seq: 4, .. }), "{told}");
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 2));
    store.append(&name, 2, &run(2, 3)).await.unwrap();
}

async fn one_of_many_appenders_wins(store: Arc<dyn Store>) {
    let name = drill("d-one");
    for round in 0..20 {
        let appenders: Vec<_> = (0..8)
            .map(|_| {
                let (store, name) = (Arc::clone(&store), name.clone());
                tokio::spawn(async move { store.append(&name, round, &run(round, round + 1)).await })
            })
            .collect();
        let mut won = 0;
        for appender in appenders {
            match appender.await.unwrap() {
                Ok(()) => won += 1,
                Err(StoreError::Conflict { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 20));
}

async fn what_is_refused_beside_others_refuses_only_itself(store: Arc<dyn Store>) {
    let appends: Vec<_> = (0..300_u64)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let name = drill(&format!("d-{number}"));
                // Every third drill is believed to be longer than it is.
                let from = u64::from(number % 3 == 0);
                store.append(&name, from, &run(from, from + 2)).await
            })
        })
        .collect();
    for (number, append) in appends.into_iter().enumerate() {
        let told = append.await.unwrap();
        let journal = store.read(&drill(&format!("d-{number}")), 0).await.unwrap();
        if number % 3 == 0 {
            assert!(matches!(told, Err(StoreError::Conflict { expected: 1, found: 0, .. })), "{told:?}");
            assert_eq!(journal, []);
        } else {
            told.unwrap();
            assert_eq!(journal, run(0, 2));
        }
    }
}

async fn drills_are_apart_and_listed(store: Arc<dyn Store>) {
    assert_eq!(store.drills().await.unwrap(), []);
    for count in (1..=60).rev() {
        let name = drill(&format!("d-{count}"));
        store.append(&name, 0, &run(0, count)).await.unwrap();
    }
    let mut late = run(0, 1);
    late[0].at = At::from_millis(0);
    late[0].event = Event::Started;
    store.append(&drill("z-earliest"), 0, &late).await.unwrap();

    let entries = store.drills().await.unwrap();
    assert_eq!(entries.len(), 61);
    assert_eq!(entries[0].drill, drill("z-earliest"));
    assert_eq!(entries[0].last_kind, "started");
    for entry in &entries[1..] {
        let journal = store.read(&entry.drill, 0).await.unwrap();
        assert_eq!(entry.drill, drill(&format!("d-{}", entry.events)));
        assert_eq!(journal, run(0, entry.events));
        assert_eq!(entry.first_at, journal[0].at);
        assert_eq!(entry.last_at, journal.last().unwrap().at);
        assert_eq!(entry.last_kind, "agent-silent");
    }
}

async fn a_large_event_is_kept_and_a_larger_one_refused(store: Arc<dyn Store>) {
    let name = drill("d-one");
    let of_size = |bytes: usize| {
        let mut record = numbered(0);
        let set = |record: &mut Recorded, text: String| {
            record.event = Event::AgentSilent { error: text };
        };
        set(&mut record, String::new());
        let empty = record.to_line().len();
        set(&mut record, "x".repeat(bytes - empty));
        assert_eq!(record.to_line().len(), bytes);
        record
    };
    let told = store.append(&name, 0, &[of_size(limits::EVENT_BYTES_MAX + 1)]).await.unwrap_err();
    assert!(matches!(told, StoreError::TooLarge { seq: 0, .. }), "{told}");
    let largest = [of_size(limits::EVENT_BYTES_MAX)];
    store.append(&name, 0, &largest).await.unwrap();
    assert_eq!(store.read(&name, 0).await.unwrap(), largest);
}

async fn a_long_journal_is_read_from_anywhere(store: Arc<dyn Store>) {
    let name = drill("d-one");
    for seq in 0..10_000 {
        store.append(&name, seq, &[numbered(seq)]).await.unwrap();
    }
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 10_000));
    // Around the ends of pages.
    for from in [999, 1000, 1001, 8999, 9000, 9999] {
        assert_eq!(store.read(&name, from).await.unwrap(), run(from, 10_000));
    }
}

async fn every_kind_of_event_is_kept(store: Arc<dyn Store>) {
    let name = drill("d-one");
    let journal = crate::corpus::journal();
    store.append(&name, 0, &journal).await.unwrap();
    let read = store.read(&name, 0).await.unwrap();
    assert_eq!(read, journal);
    for (read, written) in read.iter().zip(&journal) {
        assert_eq!(read.to_line(), written.to_line());
    }
}

#[tokio::test]
async fn events_of_some_kinds_come_drill_by_drill() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let mut other = run(0, 3);
    other[1].event = Event::Started;
    store.append(&drill("d-b"), 0, &run(0, 2)).await.unwrap();
    store.append(&drill("d-a"), 0, &other).await.unwrap();
    let silent = store.of_kinds(&["agent-silent"]).await.unwrap();
    let without = vec![other[0].clone(), other[2].clone()];
    assert_eq!(silent, [(drill("d-a"), without), (drill("d-b"), run(0, 2))]);
    assert_eq!(store.of_kinds(&["started"]).await.unwrap(), [(drill("d-a"), vec![other[1].clone()])]);
    assert_eq!(store.of_kinds(&["ended"]).await.unwrap(), []);
    assert_eq!(store.of_kinds(&[]).await.unwrap(), []);
    let both = store.of_kinds(&["started", "agent-silent"]).await.unwrap();
    assert_eq!(both, [(drill("d-a"), other), (drill("d-b"), run(0, 2))]);
}

#[tokio::test]
async fn a_store_that_was_dropped_opens_with_everything() {
    let folder = tempfile::tempdir().unwrap();
    let name = drill("d-one");
    for round in 0..5 {
        let store = sqlite(folder.path()).await;
        assert_eq!(store.read(&name, 0).await.unwrap(), run(0, round * 3));
        store.append(&name, round * 3, &run(round * 3, round * 3 + 3)).await.unwrap();
    }
    sqlite(folder.path()).await.close().await;
    let store = sqlite(folder.path()).await;
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 15));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_with_a_store_each_cannot_share_a_drill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    // Both open at once a file that is not there yet.
    let (one, two) = tokio::join!(sqlite(&path), sqlite(&path));
    let name = drill("d-one");
    one.append(&name, 0, &run(0, 1)).await.unwrap();
    let told = two.append(&name, 0, &run(0, 1)).await.unwrap_err();
    assert!(matches!(told, StoreError::Conflict { found: 1, .. }), "{told}");
    two.append(&name, 1, &run(1, 2)).await.unwrap();
    let told = one.append(&name, 1, &run(1, 2)).await.unwrap_err();
    assert!(matches!(told, StoreError::Conflict { found: 2, .. }), "{told}");
    assert_eq!(one.read(&name, 0).await.unwrap(), run(0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_open_one_file_at_once() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let engines: Vec<_> = (0..8)
            .map(|number| {
                let path = folder.path().to_owned();
                tokio::spawn(async move {
                    let store = sqlite(&path).await;
                    let name = drill(&format!("d-{number}"));
                    store.append(&name, 0, &run(0, 2)).await.unwrap();
                    // Some leave while others come.
                    if number % 2 == 0 {
                        store.close().await;
                    }
                })
            })
            .collect();
        for engine in engines {
            engine.await.unwrap();
        }
        let entries = sqlite(folder.path()).await.drills().await.unwrap();
        assert_eq!(entries.len(), 8);
        assert!(entries.iter().all(|entry| entry.events == 2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engines_with_drills_of_their_own_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let (one, two) = tokio::join!(sqlite(&path), sqlite(&path));
    let engines = [(one, "d-one"), (two, "d-two")].map(|(store, name)| {
        tokio::spawn(async move {
            for seq in 0..150 {
                store.append(&drill(name), seq, &run(seq, seq + 1)).await.unwrap();
            }
        })
    });
    for engine in engines {
        engine.await.unwrap();
    }
    let store = sqlite(&path).await;
    for name in ["d-one", "d-two"] {
        assert_eq!(store.read(&drill(name), 0).await.unwrap(), run(0, 150));
    }
}

/// Lets others go on so many times while `future` waits, and then gives it up; whether it was done by then.
async fn given_up(after: u32, mut future: BoxFuture<'_, Result<(), StoreError>>) -> bool {
    for _ in 0..=after {
        let now = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(result) = now {
            result.unwrap();
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Somebody else in the middle of writing to the file.
async fn writing(path: &Path) -> sqlx::SqliteConnection {
    use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql("begin immediate").execute(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn what_waits_together_is_written_in_its_order() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let (one, two) = (drill("d-one"), drill("d-two"));
    // All of them are asked while somebody else has the file, so one transaction takes them.
    let other = writing(store.path()).await;
    let append = async |name: &DrillId, from, to| store.append(name, from, &run(from, to)).await;
    let free = async { other.close().await.unwrap() };
    let (first, rest, own, late, early, next, ()) = tokio::join!(
        append(&one, 0, 2),
        append(&one, 2, 7),
        append(&two, 0, 1),
        append(&one, 2, 4),
        append(&two, 2, 3),
        append(&one, 7, 8),
        free,
    );
    for written in [first, rest, own, next] {
        written.unwrap();
    }
    assert!(matches!(late, Err(StoreError::Conflict { expected: 2, found: 7, .. })), "{late:?}");
    assert!(matches!(early, Err(StoreError::Conflict { expected: 2, found: 1, .. })), "{early:?}");
    assert_eq!(store.read(&one, 0).await.unwrap(), run(0, 8));
    assert_eq!(store.read(&two, 0).await.unwrap(), run(0, 1));
}

/// How many events there are when the writer has done everything that it was asked before.
async fn settled(store: &SqliteStore, name: &DrillId) -> u64 {
    match store.append(name, u64::MAX, &[]).await {
        Err(StoreError::Conflict { found, .. }) => found,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_append_that_is_given_up_is_whole_or_absent_and_blocks_nobody() {
    use sqlx::Connection;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let name = drill("d-one");
    let (mut early, mut done) = (0, 0);
    for round in 0..80_u32 {
        let before = settled(&store, &name).await;
        // Every fourth one waits for another writer of the file, so it is given up for certain before it has begun. Every
        // fourth is waited for; the others are given up at each of their steps: in the queue, in the batch, in the commit.
        let other = if round % 4 == 0 { Some(writing(store.path()).await) } else { None };
        let batch = run(before, before + 5);
        let append = store.append(&name, before, &batch);
        let finished = match round % 4 {
            0 => given_up(round, append).await,
            1 => append.await.is_ok(),
            _ => given_up(round * 25, append).await,
        };
        let held = other.is_some();
        if let Some(other) = other {
            other.close().await.unwrap();
        }
        let after = settled(&store, &name).await;
        assert!(after == before || after == before + 5, "a batch was cut");
        assert!(!finished || after == before + 5, "a finished append is absent");
        early += u32::from(held && after == before);
        done += u32::from(finished);
        assert_eq!(store.read(&name, 0).await.unwrap(), run(0, after));
    }
    assert_eq!(early, 20, "whoever waits has written nothing");
    assert!(done >= 20, "{done} were done");
}

/// Runs SQL on the file behind the store's back.
async fn meddle(path: &Path, sql: &'static str) -> Result<(), sqlx::Error> {
    use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
    let result = sqlx::raw_sql(sql).execute(&mut connection).await;
    connection.close().await?;
    result.map(|_| ())
}

#[tokio::test]
async fn the_database_itself_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    let name = drill("d-one");
    store.append(&name, 0, &run(0, 3)).await.unwrap();
    for (sql, told) in [
        ("update events set data = '{}'", "never changed"),
        ("update events set seq = 9 where seq = 2", "never changed"),
        ("delete from events where seq = 2", "never removed"),
        ("insert or replace into events values ('d-one', 2, 0, 'started', 1, 'null')", "must follow"),
        ("insert into events values ('d-one', 4, 0, 'started', 1, 'null')", "must follow"),
        ("insert into events values ('d-two', 1, 0, 'started', 1, 'null')", "must follow"),
    ] {
        let error = meddle(store.path(), sql).await.unwrap_err().to_string();
        assert!(error.contains(told), "{sql}: {error}");
    }
    assert_eq!(store.read(&name, 0).await.unwrap(), run(0, 3));
}

#[tokio::test]
async fn damage_is_reported_with_its_place() {
    for (sql, seq, told) in [
        ("delete from events where seq = 1", 1, "event 2 stands in its place"),
        ("update events set data = '{\"err' where seq = 2", 2, "not a journal event"),
        ("update events set kind = 'dreamt' where seq = 0", 0, "dreamt"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite(folder.path()).await;
        let name = drill("d-one");
        store.append(&name, 0, &run(0, 3)).await.unwrap();
        meddle(store.path(), "drop trigger events_are_never_changed; drop trigger events_are_never_removed")
            .await
            .unwrap();
        meddle(store.path(), sql).await.unwrap();
        let error = store.read(&name, 0).await.unwrap_err();
        match &error {
            StoreError::Corrupt { seq: at, detail, .. } => {
                assert_eq!(*at, seq, "{sql}");
                assert!(detail.contains(told), "{sql}: {detail}");
            }
            other => panic!("{sql}: {other}"),
        }
    }
}

#[tokio::test]
async fn an_event_of_a_newer_program_is_told_from_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path()).await;
    meddle(store.path(), "insert into events values ('d-one', 0, 0, 'started', 2, 'null')").await.unwrap();
    let error = store.read(&drill("d-one"), 0).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerEvent { seq: 0, .. }), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    sqlite(folder.path()).await.close().await;
    meddle(&path, "insert into _sqlx_migrations values (99, 'later', current_timestamp, true, x'00', 0)")
        .await
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    match &error {
        StoreError::NewerSchema { found, known, .. } => {
            assert_eq!(*found, 99);
            assert!(known < found);
        }
        other => panic!("{other}"),
    }
    assert!(error.to_string().contains("use the newer gameday"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn the_files_of_others_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "not a database, just some text\n".repeat(100)).unwrap();
    let other = folder.path().join("other.db");
    std::fs::write(&other, "").unwrap();
    meddle(&other, "create table notes (line text)").await.unwrap();
    for path in [text, other] {
        let before = std::fs::read(&path).unwrap();
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert!(matches!(error, StoreError::NotAJournal { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before, "{}", path.display());
    }
    for path in [folder.path().to_owned(), folder.path().join("none/journal.db")] {
        let error = SqliteStore::open(&path).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    }
}

#[tokio::test]
async fn any_file_name_will_do_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.db", "what?mode=memory", "50%25.db", "#1.db", "file:x.db", "ünï.db"] {
        let path = folder.path().join(name);
        let store = SqliteStore::open(&path).await.unwrap();
        store.append(&drill("d-one"), 0, &run(0, 1)).await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap();
            assert!(entry.file_name().to_str().unwrap().starts_with(name), "{entry:?}");
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{entry:?}");
        }
        store.close().await;
        drop(store);
        std::fs::remove_file(&path).unwrap();
        for side in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.path().join(format!("{name}{side}")));
        }
    }
}

const CHILD: &str = "GAMEDAY_TEST_APPENDS_TO";
const BATCH: u64 = 3;
const KILLS_OF_A_JOURNAL: usize = 25;

/// Not a test of its own: the process that the next test kills. It appends until then and says what is stored.
#[tokio::test]
async fn the_one_that_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = SqliteStore::open(Path::new(&path)).await.unwrap();
    let name = drill("d-killed");
    let mut next = store.read(&name, 0).await.unwrap().len() as u64;
    let mut out = std::io::stdout();
    loop {
        store.append(&name, next, &run(next, next + BATCH)).await.unwrap();
        next += BATCH;
        // Straight to the pipe: nothing may stay in a buffer.
        out.write_all(format!("\nstored {next}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

/// Starts the child, kills it at `moment` after its first word, and returns how many events it said were stored.
fn kill_at(path: &Path, moment: Duration) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::the_one_that_is_killed", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (told, heard) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some(count) = line.strip_prefix("stored ") {
                let _ = told.send(count.parse::<u64>().unwrap());
            }
        }
    });
    let mut stored = heard.recv_timeout(Duration::from_secs(60)).expect("the child stores something");
    #[expect(clippy::disallowed_methods, reason = "a real process is killed in real time")]
    let until = std::time::Instant::now() + moment;
    #[expect(clippy::disallowed_methods, reason = "a real process is killed in real time")]
    while let Ok(count) = heard.recv_timeout(until.saturating_duration_since(std::time::Instant::now())) {
        stored = count;
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(status.code().is_none(), "it ended by itself: {status}");
    reader.join().unwrap();
    heard.iter().last().unwrap_or(stored)
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds = std::env::var("GAMEDAY_KILLS")
        .ok()
        .map_or(50, |rounds| rounds.parse().expect("GAMEDAY_KILLS is a number"));
    let seed = Seed::fresh();
    println!("seed {}", seed.0);
    let mut moments = seed.stream("kills");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Each round reads everything again: a journal that grew through all of them would be read for minutes.
    for rounds in (0..rounds).collect::<Vec<_>>().chunks(KILLS_OF_A_JOURNAL) {
        outlives_kills(rounds, &mut moments, &runtime);
    }
}

/// A journal that is killed once in each of these rounds.
fn outlives_kills(rounds: &[u32], moments: &mut impl Rng, runtime: &tokio::runtime::Runtime) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let name = drill("d-killed");
    for round in rounds {
        let moment = Duration::from_micros(moments.random_range(0..30_000));
        let stored = kill_at(&path, moment);
        runtime.block_on(async {
            let store = SqliteStore::open(&path).await.unwrap();
            let journal = store.read(&name, 0).await.unwrap();
            let count = journal.len() as u64;
            assert!(count >= stored, "round {round}: {stored} were stored, {count} are there");
            assert!(count <= stored + BATCH, "round {round}: {count} after {stored}");
            assert_eq!(count % BATCH, 0, "round {round}: a batch was cut");
            assert_eq!(journal, run(0, count), "round {round}: a wrong value");
            store.close().await;
        });
    }
    let whole = runtime.block_on(async {
        use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
        let mut connection = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        sqlx::query_scalar::<_, String>("pragma integrity_check").fetch_one(&mut connection).await.unwrap()
    });
    assert_eq!(whole, "ok");
}
