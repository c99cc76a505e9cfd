//! Live streams under readers who do not read.

use crate::console::{DEADLINE, Running, under_way};
use gameday::{
    console::Desk as _,
    drill::event::{Event, Hat},
    scenario::act::Act,
};
use reqwest::Method;
use std::collections::BTreeSet;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// More than any socket takes on the way to somebody who does not read.
const EVENTS: u64 = 3000;
const WORDS: usize = 4000;

/// A stream that is open and that nobody reads yet.
async fn unread(running: &Running, session: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let (host, after) = (running.address, running.desk.journal(0).len() - 1);
    let asked = format!(
        "GET {path}?after={after} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {session}\r\n\r\n"
    );
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

/// The numbers of events in what is read until `last` is among them.
async fn read_to(mut next: impl AsyncFnMut() -> Vec<u8>, last: u64) -> Vec<u64> {
    let (mut text, mut ids) = (String::new(), Vec::new());
    while ids.last() != Some(&last) {
        text.push_str(&String::from_utf8_lossy(&next().await));
        let whole = text.rfind('\n').map_or(0, |at| at + 1);
        let lines = text[..whole].lines();
        ids.extend(lines.filter_map(|line| line.strip_prefix("id: ")?.trim().parse::<u64>().ok()));
        text.drain(..whole);
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_harms_nobody_and_misses_nothing() {
    let running = Running::over(under_way()).await;
    let (ana, ben) =
        (running.session(Hat::Responder, "ana").await, running.session(Hat::Responder, "ben").await);
    let mut slow = unread(&running, &ana, "/api/events").await;
    let _slow_page = unread(&running, &ana, "/responder/live").await;
    let begin = running.desk.journal(0).len() as u64;
    let path = format!("/api/events?after={}", begin - 1);
    let mut quick = running.request(Method::GET, &path).bearer_auth(&ben).send().await.unwrap();
    let by = "ben".parse().unwrap();
    let say = |number: u64| Event::Acted {
        by: Clone::clone(&by),
        act: Act::Say(format!("{number} {}", "x".repeat(WORDS))),
    };
    for number in 0..EVENTS {
        running.desk.append(say(number));
    }
    let last = begin + EVENTS - 1;
    let quick = read_to(async || quick.chunk().await.unwrap().expect("the stream goes on").to_vec(), last);
    let quick = tokio::time::timeout(DEADLINE, quick).await.expect("a slow reader keeps nobody waiting");
    assert_eq!(quick, (begin..=last).collect::<Vec<_>>());
    // And others are answered.
    let board = running.ask(&ben, Method::GET, "/api/board", None);
    assert_eq!(tokio::time::timeout(DEADLINE, board).await.unwrap().0.as_u16(), 200);
    // The slow one has waited in one place, and goes on there.
    let mut piece = vec![0; 64 * 1024];
    let slow = read_to(
        async || {
            let count = slow.read(&mut piece).await.unwrap();
            assert!(count > 0, "the stream goes on");
            piece[..count].to_vec()
        },
        last,
    );
    let slow = tokio::time::timeout(DEADLINE, slow).await.expect("the slow one comes to the end, too");
    let unique: BTreeSet<_> = slow.iter().copied().collect();
    assert_eq!((slow.len() as u64, unique.len() as u64), (EVENTS, EVENTS));
}

#[tokio::test]
async fn one_person_cannot_take_every_stream() {
    let running = Running::over(under_way()).await;
    let (ana, ben) =
        (running.session(Hat::Responder, "ana").await, running.session(Hat::Responder, "ben").await);
    let mut open = Vec::new();
    let refused = loop {
        let stream = running.request(Method::GET, "/api/events").bearer_auth(&ana).send().await.unwrap();
        match stream.status().as_u16() {
            200 => open.push(stream),
            // Twenty a second, and then as many as there may be.
            429 => {}
            status => break status,
        }
        assert!(open.len() < 100, "there is no end");
    };
    assert_eq!(refused, 503);
    assert_eq!(running.ask(&ben, Method::GET, "/api/events", None).await.0.as_u16(), 200);
    let (_, metrics) = running.ask(&ben, Method::GET, "/metrics", None).await;
    assert!(metrics.contains(&format!("gameday_streams_opened_total {}\n", open.len() + 1)), "{metrics}");
    assert!(metrics.contains("gameday_streams_refused_total 1\n"), "{metrics}");
}
