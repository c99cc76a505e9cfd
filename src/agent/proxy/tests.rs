//! Tests with real sockets on loopback.

use super::*;
use std::{future::Future, io::ErrorKind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    task::JoinHandle,
    time::timeout,
};

const LONG: Duration = Duration::from_secs(20);

/// Fails the test when the future takes far longer than it ever should.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.unwrap_or_else(|_| panic!("waited too long: {what}"))
}

/// Looks again and again until it holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    soon(what, async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn id(name: &str) -> InjectionId {
    name.parse().unwrap()
}

fn latency(latency_ms: u64) -> Effect {
    Effect::Latency { latency_ms, jitter_ms: 0 }
}

async fn proxy_to(upstream: SocketAddr, distance_ms: u64) -> Proxy {
    let link = LinkLayout {
        link: "a-b".parse().unwrap(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: upstream.to_string(),
        distance_ms,
        http: false,
    };
    Proxy::open(&link, Seed(1)).await.unwrap()
}

/// A listener and a proxy before it.
async fn pair(distance_ms: u64) -> (TcpListener, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy_to(listener.local_addr().unwrap(), distance_ms).await;
    (listener, proxy)
}

/// Both ends of a connection through the proxy.
async fn connect(listener: &TcpListener, proxy: &Proxy) -> (TcpStream, TcpStream) {
    let client = soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap();
    let (server, _) = soon("accept", listener.accept()).await.unwrap();
    (client, server)
}

async fn exact(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    soon("bytes", stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

/// Sends a byte and gets it: the rules that were set before are in force on both directions when it returns.
async fn ping(client: &mut TcpStream, server: &mut TcpStream) {
    client.write_all(b"p").await.unwrap();
    assert_eq!(exact(server, 1).await, b"p");
    server.write_all(b"q").await.unwrap();
    assert_eq!(exact(client, 1).await, b"q");
}

/// What ends the stream: `Ok(0)` or an error.
async fn end_of(stream: &mut TcpStream) -> io::Result<usize> {
    let mut byte = [0; 64];
    soon("end of the stream", async {
        loop {
            match stream.read(&mut byte).await {
                Ok(n) if n > 0 => {}
                end => return end,
            }
        }
    })
    .await
}

fn is_reset(end: &io::Result<usize>) -> bool {
    matches!(end, Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[tokio::test]
async fn bytes_pass_both_ways_and_are_counted() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    server.write_all(b"more").await.unwrap();
    exact(&mut client, 4).await;
    let counters = proxy.counters();
    assert_eq!((counters.connections_open, counters.connections_total), (1, 1));
    assert_eq!((counters.up.received_bytes, counters.up.sent_bytes), (1, 1));
    assert_eq!((counters.down.received_bytes, counters.down.sent_bytes), (5, 5));
    drop((client, server));
    until("the connection is gone", || proxy.counters().connections_open == 0).await;
}

#[tokio::test]
async fn half_close_is_kept_in_both_directions() {
    for distance_ms in [0, 5] {
        let (listener, proxy) = pair(distance_ms).await;
        let (mut client, mut server) = connect(&listener, &proxy).await;
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = Vec::new();
        soon("question", server.read_to_end(&mut question)).await.unwrap();
        server.write_all(&question).await.unwrap();
        exact(&mut client, 8).await;

        let (mut client, mut server) = connect(&listener, &proxy).await;
        server.shutdown().await.unwrap();
        assert_eq!(end_of(&mut client).await.unwrap(), 0);
        client.write_all(b"still").await.unwrap();
        assert_eq!(exact(&mut server, 5).await, b"still");
    }
}

#[tokio::test]
async fn a_peers_reset_is_passed_on() {
    for distance_ms in [0, 5] {
        let (listener, proxy) = pair(distance_ms).await;
        let (mut client, mut server) = connect(&listener, &proxy).await;
        ping(&mut client, &mut server).await;
        server.set_zero_linger().unwrap();
        drop(server);
        assert!(is_reset(&end_of(&mut client).await));
    }
}

#[tokio::test]
async fn latency_delays_each_chunk_from_its_own_arrival() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    proxy.set(&id("gd-slow"), latency(200));
    let begin = Instant::now();
    let sender = tokio::spawn(async move {
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        for n in 0..40_u8 {
            pace.tick().await;
            client.write_all(&[n]).await.unwrap();
        }
        client
    });
    for n in 0..40_u8 {
        assert_eq!(exact(&mut server, 1).await, [n]);
        let least = Duration::from_millis(200 + 10 * u64::from(n) - 5);
        assert!(begin.elapsed() >= least, "chunk {n} after {:?}", begin.elapsed());
    }
    // One after the other they would take eight seconds.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    drop(sender.await.unwrap());
}

#[tokio::test]
async fn distance_is_there_without_a_toxic_and_stays_when_latency_goes() {
    let (listener, proxy) = pair(30).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    let begin = Instant::now();
    ping(&mut client, &mut server).await;
    assert!(begin.elapsed() >= Duration::from_millis(60));
    proxy.set(&id("gd-slow"), latency(60_000));
    assert_eq!(proxy.toxics().len(), 1);
    assert!(proxy.remove(&id("gd-slow")));
    let begin = Instant::now();
    ping(&mut client, &mut server).await;
    assert!(begin.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn removing_latency_delivers_at_once_what_waits() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-slow"), latency(3_600_000));
    client.write_all(b"one").await.unwrap();
    until("the chunk is read", || proxy.counters().up.received_bytes == 3).await;
    client.write_all(b"two").await.unwrap();
    client.shutdown().await.unwrap();
    until("the chunk is read", || proxy.counters().up.received_bytes == 6).await;
    assert_eq!(proxy.counters().up.sent_bytes, 0);
    assert!(proxy.remove(&id("gd-slow")));
    let mut seen = Vec::new();
    soon("the rest", server.read_to_end(&mut seen)).await.unwrap();
    assert_eq!(seen, b"onetwo");
}

#[tokio::test]
async fn down_closes_what_is_open_and_refuses_what_is_new_until_it_is_removed() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    proxy.set(&id("gd-down"), Effect::Down);
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
    assert_eq!(end_of(&mut server).await.unwrap(), 0);
    let refused = soon("refusal", async {
        loop {
            match TcpStream::connect(proxy.local_addr()).await {
                // The listener may not have gone yet; then the connection itself ends.
                Ok(mut early) => assert!(!matches!(end_of(&mut early).await, Ok(1..))),
                Err(error) => return error,
            }
        }
    })
    .await;
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(proxy.remove(&id("gd-down")));
    let mut client = soon("a connection", async {
        loop {
            match TcpStream::connect(proxy.local_addr()).await {
                Ok(client) => return client,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let (mut server, _) = soon("accept", listener.accept()).await.unwrap();
    ping(&mut client, &mut server).await;
}

#[tokio::test]
async fn reset_sends_a_real_rst_to_both_peers() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    proxy.set(&id("gd-rst"), Effect::Reset { after_ms: 0 });
    assert!(is_reset(&end_of(&mut client).await));
    assert!(is_reset(&end_of(&mut server).await));
}

#[tokio::test]
async fn a_connection_works_until_its_reset_is_due() {
    let (listener, proxy) = pair(0).await;
    proxy.set(&id("gd-rst"), Effect::Reset { after_ms: 300 });
    let begin = Instant::now();
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    assert!(is_reset(&end_of(&mut client).await));
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert!(is_reset(&end_of(&mut server).await));
}

#[tokio::test]
async fn bandwidth_holds_a_connection_to_its_rate() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-thin"), Effect::Bandwidth { rate_kb_s: 1000 });
    ping(&mut client, &mut server).await;
    let begin = Instant::now();
    let sender = tokio::spawn(async move {
        client.write_all(&vec![7; 400_000]).await.unwrap();
        client
    });
    exact(&mut server, 400_000).await;
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(392), "{took:?}");
    assert!(took < Duration::from_millis(1500), "{took:?}");
    drop(sender.await.unwrap());
}

#[tokio::test]
async fn a_black_hole_swallows_until_it_is_removed_and_then_closes() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    proxy.set(&id("gd-hole"), Effect::Timeout { timeout_ms: 0 });
    let sent = vec![1; 300_000];
    soon("the hole takes all", client.write_all(&sent)).await.unwrap();
    until("all is swallowed", || proxy.counters().up.received_bytes == 300_001).await;
    assert_eq!(proxy.counters().up.sent_bytes, 1, "nothing but the ping came through");
    assert_eq!(proxy.counters().connections_open, 1);
    proxy.remove(&id("gd-hole"));
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
    let mut seen = Vec::new();
    soon("end", server.read_to_end(&mut seen)).await.unwrap();
    assert_eq!(seen, b"");
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_timeout_with_a_time_closes_after_it() {
    let (listener, proxy) = pair(0).await;
    proxy.set(&id("gd-hole"), Effect::Timeout { timeout_ms: 100 });
    let begin = Instant::now();
    let (mut client, mut server) = connect(&listener, &proxy).await;
    client.write_all(b"lost").await.unwrap();
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    let mut seen = Vec::new();
    soon("end", server.read_to_end(&mut seen)).await.unwrap();
    assert_eq!(seen, b"");
}

/// Fills the connection until the proxy can write no more, since `server` does not read.
async fn stuff(client: TcpStream, proxy: &Proxy) -> JoinHandle<TcpStream> {
    let mut client = client;
    let writer = tokio::spawn(async move {
        let block = vec![5; 1 << 20];
        while client.write_all(&block).await.is_ok() {}
        client
    });
    let mut last = (0, Instant::now());
    until("the connection is stuck", || {
        let sent = proxy.counters().up.sent_bytes;
        if sent != last.0 || sent == 0 {
            last = (sent, Instant::now());
        }
        last.1.elapsed() > Duration::from_millis(100)
    })
    .await;
    writer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_act_while_a_peer_does_not_read() {
    for before in [None, Some(latency(1)), Some(latency(3_600_000))] {
        let (listener, proxy) = pair(0).await;
        let (mut client, mut server) = connect(&listener, &proxy).await;
        ping(&mut client, &mut server).await;
        let writer = stuff(client, &proxy).await;
        if let Some(toxic) = before {
            proxy.set(&id("gd-slow"), toxic);
        }
        proxy.remove(&id("gd-slow"));
        proxy.set(&id("gd-rst"), Effect::Reset { after_ms: 0 });
        until("the connection is reset", || proxy.counters().connections_open == 0).await;
        drop(soon("the writer ends", writer).await.unwrap());
    }
}

#[tokio::test]
async fn a_hung_dial_blocks_nobody_else() {
    // A full backlog: the kernel leaves further connections without an answer.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let full = socket.local_addr().unwrap().as_socket().unwrap();
    let mut fillers = Vec::new();
    while let Ok(filler) = timeout(Duration::from_millis(200), TcpStream::connect(full)).await {
        fillers.push(filler.unwrap());
    }
    let proxy = proxy_to(full, 0).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap());
    }
    until("all are accepted", || proxy.counters().connections_open == 5).await;
    proxy.set(&id("gd-rst"), Effect::Reset { after_ms: 0 });
    for client in &mut clients {
        assert!(is_reset(&end_of(client).await));
    }
}

#[tokio::test]
async fn a_refusing_upstream_closes_the_client() {
    let (listener, proxy) = pair(0).await;
    drop(listener);
    let mut client = soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap();
    assert!(!matches!(end_of(&mut client).await, Ok(1..)));
    until("counted", || proxy.counters().dials_failed == 1).await;
}

#[tokio::test]
async fn closing_ends_the_listener_and_the_connections() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    let address = proxy.local_addr();
    soon("close", proxy.close()).await;
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let (listener, proxy) = pair(0).await;
    let (mut client, _server) = connect(&listener, &proxy).await;
    drop(proxy);
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let (listener, _proxy) = pair(0).await;
    let listen = listener.local_addr().unwrap().to_string();
    let link = LinkLayout {
        link: "a-b".parse().unwrap(),
        listen: listen.clone(),
        upstream: listen.clone(),
        distance_ms: 0,
        http: false,
    };
    let error = Proxy::open(&link, Seed(1)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("could not listen on {listen} for link a-b"));
}

/// Bytes that show any loss, doubling or change of order.
fn pattern(from: usize, len: usize) -> Vec<u8> {
    (from..from + len)
        .map(|at| u8::try_from((at.wrapping_mul(2_654_435_761) >> 13) & 0xff).unwrap())
        .collect()
}

async fn digest_of(mut reader: OwnedReadHalf) -> (usize, String) {
    let mut seen = Vec::new();
    reader.read_to_end(&mut seen).await.unwrap();
    (seen.len(), crate::seed::digest(&seen))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_chunks_stay_whole_while_toxics_come_and_go() {
    let (listener, proxy) = pair(0).await;
    let (client, server) = connect(&listener, &proxy).await;
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    let sizes: Vec<usize> = (0..1000_usize).map(|n| 1 + (n * 7919) % 40_000).collect();
    let all = pattern(0, sizes.iter().sum());
    let expected = (all.len(), crate::seed::digest(&all));
    let send = |mut to: tokio::net::tcp::OwnedWriteHalf| {
        let (all, sizes) = (all.clone(), sizes.clone());
        async move {
            let mut at = 0;
            for size in sizes {
                to.write_all(&all[at..at + size]).await.unwrap();
                at += size;
                if size % 3 == 0 {
                    tokio::task::yield_now().await;
                }
            }
            to.shutdown().await.unwrap();
        }
    };
    let senders = [tokio::spawn(send(client_write)), tokio::spawn(send(server_write))];
    let up = tokio::spawn(digest_of(server_read));
    let down = tokio::spawn(digest_of(client_read));
    let toxics = [
        latency(2),
        Effect::Latency { latency_ms: 1, jitter_ms: 9 },
        Effect::Bandwidth { rate_kb_s: 200_000 },
        Effect::Reset { after_ms: 3_600_000 },
        Effect::Bandwidth { rate_kb_s: 0 },
        latency(3_600_000),
    ];
    let mut pace = tokio::time::interval(Duration::from_millis(1));
    let mut changes = 0_usize;
    let begin = Instant::now();
    while !(up.is_finished() && down.is_finished()) {
        pace.tick().await;
        let name = id(&format!("gd-{}", changes % 3));
        if changes.is_multiple_of(2) {
            proxy.set(&name, toxics[changes / 2 % toxics.len()].clone());
        } else {
            proxy.remove(&name);
        }
        changes += 1;
        if changes.is_multiple_of(20) {
            for n in 0..3 {
                proxy.remove(&id(&format!("gd-{n}")));
            }
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "stuck");
    }
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(changes > 20, "only {changes} changes");
    assert_eq!(up.await.unwrap(), expected);
    assert_eq!(down.await.unwrap(), expected);
    until("nothing is held", || {
        proxy.shared.held.load(Relaxed) == 0 && proxy.counters().connections_open == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_streams_stay_whole_on_the_short_path() {
    let (listener, proxy) = pair(0).await;
    let (client, mut server) = connect(&listener, &proxy).await;
    let all = pattern(11, 32 << 20);
    let expected = (all.len(), crate::seed::digest(&all));
    let (client_read, _client_write) = client.into_split();
    let reader = tokio::spawn(digest_of(client_read));
    server.write_all(&all).await.unwrap();
    server.shutdown().await.unwrap();
    assert_eq!(soon("the stream", reader).await.unwrap(), expected);
}

mod toxics;
