//! Toxics on a part of a link, and those that cut, slice, lose, share or speak HTTP.

use super::*;
use crate::fault::{HttpAct, Stream};
use proptest::prelude::*;

fn only(effect: Effect, stream: Stream, share: f64) -> Toxic {
    Toxic { effect, stream, toxicity: Toxicity::of_share(share) }
}

#[tokio::test]
async fn toxicity_0_never_acts_whatever_the_toxic() {
    let (listener, proxy) = pair(0).await;
    let (mut open_client, mut open_server) = connect(&listener, &proxy).await;
    for (n, effect) in [
        latency(3_600_000),
        Effect::Reset { after_ms: 0 },
        Effect::Bandwidth { rate_kb_s: 0 },
        Effect::Timeout { timeout_ms: 0 },
        Effect::Timeout { timeout_ms: 1 },
        Effect::SlowClose { delay_ms: 3_600_000 },
        Effect::LimitData { bytes: 0 },
        Effect::Slicer { average_size: 1, size_variation: 0, delay_us: 3_600_000_000 },
        Effect::Loss,
        Effect::SharedBandwidth { rate_kb_s: 0 },
    ]
    .into_iter()
    .enumerate()
    {
        proxy.set(&id(&format!("gd-{n}")), only(effect, Stream::Both, 0.0));
    }
    ping(&mut open_client, &mut open_server).await;
    for _ in 0..20 {
        let (mut client, mut server) = connect(&listener, &proxy).await;
        ping(&mut client, &mut server).await;
    }
    for n in 0..10 {
        proxy.remove(&id(&format!("gd-{n}")));
    }
    ping(&mut open_client, &mut open_server).await;
    open_client.shutdown().await.unwrap();
    assert_eq!(end_of(&mut open_server).await.unwrap(), 0);
}

#[tokio::test]
async fn a_share_of_the_connections_is_reset_and_the_same_seed_chooses_the_same() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (listener, proxy) = pair(0).await;
        proxy.set(&id("gd-rst"), only(Effect::Reset { after_ms: 0 }, Stream::Both, 0.5));
        let mut resets = Vec::new();
        for _ in 0..40 {
            let mut client = soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap();
            // One that is reset at once may never come to the server.
            let reset = tokio::select! {
                end = end_of(&mut client) => {
                    assert!(is_reset(&end), "{end:?}");
                    true
                }
                server = listener.accept() => {
                    let (mut server, _) = server.unwrap();
                    let _ = server.write_all(b"x").await;
                    let mut byte = [0];
                    soon("a byte or a reset", client.read(&mut byte)).await.is_err()
                }
            };
            resets.push(reset);
        }
        let count = resets.iter().filter(|reset| **reset).count();
        assert!((8..=32).contains(&count), "{count} of 40");
        runs.push(resets);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn a_black_hole_in_one_direction_leaves_the_other_and_its_removal_closes_what_it_touched_alone() {
    let (listener, proxy) = pair(0).await;
    let hole = only(Effect::Timeout { timeout_ms: 0 }, Stream::Downstream, 1.0);
    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-hole"), hole);
    client.write_all(b"question").await.unwrap();
    assert_eq!(exact(&mut server, 8).await, b"question");
    server.write_all(b"lost").await.unwrap();
    until("it is swallowed", || proxy.counters().down.received_bytes == 4).await;
    assert_eq!(proxy.counters().down.sent_bytes, 0);
    proxy.remove(&id("gd-hole"));
    assert_eq!(end_of(&mut client).await.unwrap(), 0);

    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-hole"), only(Effect::Timeout { timeout_ms: 0 }, Stream::Both, 0.0));
    ping(&mut client, &mut server).await;
    proxy.remove(&id("gd-hole"));
    ping(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_slow_close_keeps_the_end_back_and_its_removal_lets_it_go() {
    let (listener, proxy) = pair(0).await;
    proxy.set(&id("gd-end"), Effect::SlowClose { delay_ms: 150 });
    let (mut client, mut server) = connect(&listener, &proxy).await;
    let begin = Instant::now();
    client.write_all(b"all").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(exact(&mut server, 3).await, b"all");
    assert_eq!(end_of(&mut server).await.unwrap(), 0);
    assert!(begin.elapsed() >= Duration::from_millis(150));

    proxy.set(&id("gd-end"), Effect::SlowClose { delay_ms: 3_600_000 });
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    client.shutdown().await.unwrap();
    server.write_all(b"answer").await.unwrap();
    assert_eq!(exact(&mut client, 6).await, b"answer");
    proxy.remove(&id("gd-end"));
    assert_eq!(end_of(&mut server).await.unwrap(), 0);
}

#[tokio::test]
async fn a_limit_lets_its_bytes_through_and_closes() {
    let (listener, proxy) = pair(0).await;
    proxy.set(&id("gd-limit"), only(Effect::LimitData { bytes: 100_000 }, Stream::Downstream, 1.0));
    proxy.set(&id("gd-slow"), latency(30));
    let (mut client, mut server) = connect(&listener, &proxy).await;
    client.write_all(b"question").await.unwrap();
    exact(&mut server, 8).await;
    let sent = pattern(3, 250_000);
    let writer = {
        let sent = sent.clone();
        tokio::spawn(async move {
            let _ = server.write_all(&sent).await;
            server
        })
    };
    let mut seen = Vec::new();
    soon("the end", client.read_to_end(&mut seen)).await.unwrap();
    assert!(seen == sent[..100_000], "{} bytes", seen.len());
    until("the connection is gone", || proxy.counters().connections_open == 0).await;
    drop(soon("the writer ends", writer).await.unwrap());
}

#[tokio::test]
async fn a_slicer_writes_small_pieces_and_loses_nothing() {
    let (listener, proxy) = pair(0).await;
    let slicer = Effect::Slicer { average_size: 50, size_variation: 20, delay_us: 2000 };
    proxy.set(&id("gd-slice"), slicer);
    let (mut client, mut server) = connect(&listener, &proxy).await;
    let sent = pattern(5, 2000);
    let begin = Instant::now();
    client.write_all(&sent).await.unwrap();
    let (mut seen, mut largest) = (Vec::new(), 0);
    let mut buffer = [0; 4096];
    while seen.len() < sent.len() {
        let n = soon("a piece", server.read(&mut buffer)).await.unwrap();
        largest = largest.max(n);
        seen.extend_from_slice(&buffer[..n]);
    }
    assert!(seen == sent);
    assert!(largest < 2000, "in pieces");
    assert!(begin.elapsed() >= Duration::from_millis(50), "2000 bytes in pieces of 70 at most, 2 ms apart");
}

#[tokio::test]
async fn a_lost_connection_gets_no_answer_and_open_ones_live_on() {
    let (listener, proxy) = pair(0).await;
    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-loss"), Effect::Loss);
    ping(&mut client, &mut server).await;
    let mut lost = soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap();
    lost.write_all(b"hello?").await.unwrap();
    until("it is swallowed", || proxy.counters().up.received_bytes == 7).await;
    assert_eq!(proxy.counters().up.sent_bytes, 1);
    assert!(lost.try_read(&mut [0]).is_err(), "no answer, and no end");
    proxy.remove(&id("gd-loss"));
    assert!(is_reset(&end_of(&mut lost).await));
    let (mut client, mut server) = connect(&listener, &proxy).await;
    ping(&mut client, &mut server).await;
    // A client that gives up is not kept.
    proxy.set(&id("gd-loss"), Effect::Loss);
    let open = proxy.counters().connections_open;
    let lost = soon("connect", TcpStream::connect(proxy.local_addr())).await.unwrap();
    until("it is accepted", || proxy.counters().connections_open == open + 1).await;
    drop(lost);
    until("it is gone", || proxy.counters().connections_open == open).await;
}

/// Seconds that `count` connections take to carry `bytes` each to the server, at the same time.
async fn seconds_for(listener: &TcpListener, proxy: &Proxy, count: usize, bytes: usize) -> Vec<f64> {
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push(connect(listener, proxy).await);
    }
    let begin = Instant::now();
    let all: Vec<_> = pairs
        .into_iter()
        .map(|(mut client, mut server)| {
            tokio::spawn(async move {
                let writer = tokio::spawn(async move {
                    client.write_all(&vec![1; bytes]).await.unwrap();
                    client
                });
                exact(&mut server, bytes).await;
                drop(writer.await.unwrap());
                begin.elapsed().as_secs_f64()
            })
        })
        .collect();
    let mut seconds = Vec::new();
    for one in all {
        seconds.push(one.await.unwrap());
    }
    seconds
}

#[tokio::test]
async fn a_shared_bandwidth_holds_all_connections_together() {
    let (listener, proxy) = pair(0).await;
    proxy.set(&id("gd-pipe"), Effect::SharedBandwidth { rate_kb_s: 2000 });
    let seconds = seconds_for(&listener, &proxy, 4, 200_000).await;
    let last = seconds.iter().copied().fold(0.0, f64::max);
    let first = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((0.38..1.5).contains(&last), "800 kB at 2 MB/s: {seconds:?}");
    assert!(first > last * 0.5, "each has its share: {seconds:?}");
    let (mut client, mut server) = connect(&listener, &proxy).await;
    proxy.set(&id("gd-pipe"), Effect::SharedBandwidth { rate_kb_s: 0 });
    client.write_all(b"kept").await.unwrap();
    until("it is read", || proxy.counters().up.received_bytes == 800_004).await;
    assert_eq!(proxy.counters().up.sent_bytes, 800_000);
    proxy.set(&id("gd-pipe"), Effect::SharedBandwidth { rate_kb_s: 1 });
    assert_eq!(exact(&mut server, 4).await, b"kept");
}

/// A server that answers every request with its path.
async fn http_pair() -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let answer = |uri: axum::http::Uri, body: String| async move { format!("{}:{body}", uri.path()) };
    let router = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let link = LinkLayout {
        link: "a-b".parse().unwrap(),
        listen: "127.0.0.1:0".to_owned(),
        upstream: upstream.to_string(),
        distance_ms: 0,
        http: true,
    };
    Proxy::open(&link, Seed(1)).await.unwrap()
}

fn http(path: &str, act: HttpAct) -> Effect {
    Effect::Http { path: path.to_owned(), act, requests: Toxicity::ALL }
}

#[tokio::test]
async fn http_requests_fail_by_path_on_connections_that_stay() {
    let proxy = http_pair().await;
    // The library wants a provider of cryptography even where none is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap();
    let at = format!("http://{}", proxy.local_addr());
    let ask = async |path: &str, body: &str| {
        let answer = client.post(format!("{at}{path}")).body(body.to_owned()).send().await;
        match answer {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap()),
            Err(_) => (0, String::new()),
        }
    };
    assert_eq!(ask("/a", "x").await, (200, "/a:x".to_owned()));
    proxy.set(&id("gd-http"), http("/bad", HttpAct::Status(503)));
    let large = "y".repeat(300_000);
    for _ in 0..3 {
        assert_eq!(ask("/bad/1", &large).await.0, 503);
        assert_eq!(ask("/good", &large).await, (200, format!("/good:{large}")));
    }
    assert_eq!(proxy.counters().connections_total, 1, "one connection was kept alive all the time");
    proxy.set(&id("gd-http"), http("/bad", HttpAct::DelayMs(120)));
    let begin = Instant::now();
    assert_eq!(ask("/bad", "x").await, (200, "/bad:x".to_owned()));
    assert!(begin.elapsed() >= Duration::from_millis(120));
    proxy.set(&id("gd-http"), http("/bad", HttpAct::Abort));
    assert_eq!(ask("/bad", "x").await.0, 0);
    assert_eq!(ask("/good", "x").await.0, 200);
    proxy.set(&id("gd-http"), http("/", HttpAct::DelayMs(3_600_000)));
    let before = proxy.counters().up.received_bytes;
    let (waiting, ()) = tokio::join!(ask("/held", "z"), async {
        until("it is read", || proxy.counters().up.received_bytes > before + 50).await;
        let begin = Instant::now();
        proxy.remove(&id("gd-http"));
        until("it is passed on", || {
            let up = proxy.counters().up;
            up.sent_bytes + 1000 > up.received_bytes || begin.elapsed() > Duration::from_secs(1)
        })
        .await;
    });
    assert_eq!(waiting, (200, "/held:z".to_owned()));
}

#[tokio::test]
async fn a_part_of_the_requests_fails_and_pipelined_answers_keep_their_order() {
    let proxy = http_pair().await;
    proxy.set(&id("gd-http"), http("/bad", HttpAct::Status(500)));
    proxy.set(&id("gd-slow"), latency(20));
    let mut client = TcpStream::connect(proxy.local_addr()).await.unwrap();
    let request = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    let all = ["/1", "/bad", "/2", "/bad", "/3"].map(request).concat();
    client.write_all(all.as_bytes()).await.unwrap();
    client.write_all(b"GET /bad HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut seen = String::new();
    soon("the answers", client.read_to_string(&mut seen)).await.unwrap();
    let bodies: Vec<_> = seen.split("\r\n\r\n").skip(1).map(|part| &part[..2]).collect();
    assert_eq!(bodies, ["/1", "50", "/2", "50", "/3", "50"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_toxic_is_removed_within_a_moment_while_a_peer_does_not_read() {
    for effect in [
        latency(3_600_000),
        Effect::Bandwidth { rate_kb_s: 0 },
        Effect::SharedBandwidth { rate_kb_s: 0 },
        Effect::Slicer { average_size: 10, size_variation: 0, delay_us: 1_000_000 },
        Effect::SlowClose { delay_ms: 3_600_000 },
    ] {
        let (listener, proxy) = pair(0).await;
        let (stuck, _deaf) = connect(&listener, &proxy).await;
        let writer = stuff(stuck, &proxy).await;
        proxy.set(&id("gd-x"), effect.clone());
        // Another connection of the same link shows when the toxic is gone.
        let (mut client, server) = connect(&listener, &proxy).await;
        let (read, _write) = server.into_split();
        // From the start: a toxic that holds no bytes passes them on only as fast as they are read.
        let seen = tokio::spawn(digest_of(read));
        let sent = pattern(9, 100_000);
        let before = proxy.counters().up.received_bytes;
        client.write_all(&sent).await.unwrap();
        let is_read = || proxy.counters().up.received_bytes >= before + 100_000;
        until(&format!("it is read: {effect:?}"), is_read).await;
        client.shutdown().await.unwrap();
        assert!(proxy.remove(&id("gd-x")));
        let seen = soon("the rest", seen).await.unwrap();
        assert_eq!(seen, (sent.len(), crate::seed::digest(&sent)), "{effect:?}");
        proxy.set(&id("gd-end"), Effect::Reset { after_ms: 0 });
        drop(soon("the writer ends", writer).await.unwrap());
    }
}

fn any_effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        (0_u64..30, 0_u64..30).prop_map(|(latency_ms, jitter_ms)| Effect::Latency { latency_ms, jitter_ms }),
        (0_u64..50_000).prop_map(|rate_kb_s| Effect::Bandwidth { rate_kb_s }),
        (0_u64..50_000).prop_map(|rate_kb_s| Effect::SharedBandwidth { rate_kb_s }),
        (0_u64..20).prop_map(|delay_ms| Effect::SlowClose { delay_ms }),
        (1_u64..5000, 0_u64..5000, 0_u64..500).prop_map(|(average_size, size_variation, delay_us)| {
            Effect::Slicer { average_size, size_variation, delay_us }
        }),
        Just(Effect::Noop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_should_arrive_arrives_whole_whatever_comes_and_goes(
        changes in proptest::collection::vec(
            (0_usize..3, proptest::option::of((any_effect(), 0_u8..3, 0.0_f64..1.2))), 1..12,
        ),
        size in 1_usize..600_000,
        distance_ms in 0_u64..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let seen = runtime.block_on(async {
            let (listener, proxy) = pair(distance_ms).await;
            let (client, server) = connect(&listener, &proxy).await;
            let (read, _keep) = server.into_split();
            let (_keep_too, mut write) = client.into_split();
            let reader = tokio::spawn(digest_of(read));
            let writer = tokio::spawn(async move {
                write.write_all(&pattern(size, size)).await.unwrap();
                write.shutdown().await.unwrap();
            });
            for (n, change) in changes {
                let name = id(&format!("gd-{n}"));
                match change {
                    Some((effect, stream, share)) => {
                        let streams = [Stream::Both, Stream::Upstream, Stream::Downstream];
                        proxy.set(&name, only(effect, streams[usize::from(stream)], share));
                    }
                    None => drop(proxy.remove(&name)),
                }
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
            }
            for n in 0..3 {
                proxy.remove(&id(&format!("gd-{n}")));
            }
            soon("the writer", writer).await.unwrap();
            soon("the rest", reader).await.unwrap()
        });
        prop_assert_eq!(seen, (size, crate::seed::digest(&pattern(size, size))));
    }
}
