//! The API as a client sees it, over real HTTP.

use super::*;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::io::{Read, Write};

struct Served {
    at: String,
    client: Client,
    proxies: Arc<Mutex<Proxies>>,
}

async fn serve_these(proxies: Proxies) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The library wants a provider of cryptography even where none is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let proxies = Arc::new(Mutex::new(proxies));
    let router = api::router(Arc::clone(&proxies));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { at, client: Client::new(), proxies }
}

async fn served() -> Served {
    serve_these(Proxies::new(Seed(1))).await
}

impl Served {
    async fn raw(&self, method: &str, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.at));
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.headers()["x-toxiproxy-request-id"].len(), 32);
        (answer.status(), answer.text().await.unwrap())
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.raw(method, path, body.to_string()).await;
        (status.as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Value::Null).await.1
    }
}

/// An upstream that greets and then sends back what it gets, in threads of its own.
fn upstream() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    at
}

#[tokio::test]
async fn a_proxy_is_made_shown_changed_and_deleted() {
    let api = served().await;
    let upstream = upstream();
    let wanted = json!({"name": "redis", "listen": "localhost:0", "upstream": upstream, "colour": "red"});
    let (status, made) = api.ask("POST", "/proxies", wanted.clone()).await;
    assert_eq!(status, 201);
    let listen = made["listen"].as_str().unwrap().to_owned();
    assert!(listen.starts_with("127.0.0.1:") && !listen.ends_with(":0"), "resolved: {listen}");
    let shown =
        json!({"name": "redis", "listen": listen, "upstream": upstream, "enabled": true, "toxics": []});
    assert_eq!(made, shown);
    assert_eq!(api.get("/proxies").await, json!({"redis": shown}));
    assert_eq!(api.get("/proxies/redis").await, shown);
    let again = api.ask("POST", "/proxies", wanted).await;
    assert_eq!(again, (409, json!({"error": "proxy already exists", "status": 409})));
    let taken = json!({"name": "b", "listen": listen, "upstream": upstream});
    let (status, error) = api.ask("POST", "/proxies", taken).await;
    assert_eq!(status, 500);
    assert_eq!(error["error"], format!("listen tcp {listen}: bind: address already in use"));
    for method in ["POST", "PATCH"] {
        let (status, changed) = api.ask(method, "/proxies/redis", json!({"enabled": false})).await;
        assert_eq!((status, &changed["enabled"], &changed["listen"]), (200, &json!(false), &json!(listen)));
        assert!(tokio::net::TcpStream::connect(&listen).await.is_err(), "refused");
        let (_, changed) = api.ask(method, "/proxies/redis", json!({"enabled": true})).await;
        assert_eq!(changed["enabled"], true);
        assert!(tokio::net::TcpStream::connect(&listen).await.is_ok());
    }
    assert_eq!(api.ask("DELETE", "/proxies/redis", Value::Null).await, (204, Value::Null));
    assert!(tokio::net::TcpStream::connect(&listen).await.is_err());
    for (method, path) in [
        ("GET", "/proxies/redis"),
        ("PATCH", "/proxies/redis"),
        ("DELETE", "/proxies/redis"),
        ("GET", "/proxies/redis/toxics"),
        ("POST", "/proxies/redis/toxics"),
        ("GET", "/proxies/redis/toxics/x"),
    ] {
        let gone = api.ask(method, path, json!({})).await;
        assert_eq!(gone, (404, json!({"error": "proxy not found", "status": 404})), "{method} {path}");
    }
}

#[tokio::test]
async fn toxics_are_added_changed_and_removed_under_their_names() {
    let api = served().await;
    api.ask("POST", "/proxies", json!({"name": "p", "upstream": upstream(), "listen": ":0"})).await;
    let latency = json!({"type": "latency", "attributes": {"latency": 5, "colour": "red"}});
    let shown = json!({"attributes": {"latency": 5, "jitter": 0}, "name": "latency_downstream",
        "type": "latency", "stream": "downstream", "toxicity": 1});
    assert_eq!(api.ask("POST", "/proxies/p/toxics", latency.clone()).await, (200, shown.clone()));
    let again = api.ask("POST", "/proxies/p/toxics", latency).await;
    assert_eq!(again, (409, json!({"error": "toxic already exists", "status": 409})));
    let up = json!({"type": "slicer", "stream": "UpStream", "name": "s", "toxicity": 0.1,
        "attributes": {"average_size": 10, "size_variation": 2, "delay": 3}});
    let (_, made) = api.ask("POST", "/proxies/p/toxics", up).await;
    assert_eq!((&made["stream"], &made["toxicity"]), (&json!("UpStream"), &json!(0.1)));
    let all = api.get("/proxies/p/toxics").await;
    assert_eq!(all, json!([made, shown]), "upstream ones first");
    assert_eq!(api.get("/proxies/p").await["toxics"], all);
    for method in ["POST", "PATCH"] {
        let change =
            json!({"attributes": {"jitter": 2}, "toxicity": 0.5, "name": "other", "stream": "upstream"});
        let (status, changed) = api.ask(method, "/proxies/p/toxics/latency_downstream", change).await;
        assert_eq!((status, &changed["attributes"]), (200, &json!({"latency": 5, "jitter": 2})));
        assert_eq!((&changed["toxicity"], &changed["stream"]), (&json!(0.5), &json!("downstream")));
    }
    assert_eq!(api.ask("DELETE", "/proxies/p/toxics/s", Value::Null).await.0, 204);
    let gone = api.ask("DELETE", "/proxies/p/toxics/s", Value::Null).await;
    assert_eq!(gone, (404, json!({"error": "toxic not found", "status": 404})));
    api.ask("PATCH", "/proxies/p", json!({"enabled": false})).await;
    assert_eq!(api.ask("POST", "/reset", Value::Null).await, (204, Value::Null));
    let after = api.get("/proxies/p").await;
    assert_eq!((&after["enabled"], &after["toxics"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn mistakes_are_told_in_the_words_that_clients_compare() {
    let api = served().await;
    api.ask("POST", "/proxies", json!({"name": "p", "upstream": "127.0.0.1:1"})).await;
    for (path, body, message) in [
        ("/proxies", json!({"upstream": "x"}), "missing required field: name"),
        ("/proxies", json!({"name": "x"}), "missing required field: upstream"),
        ("/proxies/p/toxics", json!({"type": "acid"}), "invalid toxic type"),
        ("/proxies/p/toxics", json!({}), "invalid toxic type"),
        (
            "/proxies/p/toxics",
            json!({"type": "latency", "stream": "both"}),
            "stream was invalid, can be either upstream or downstream",
        ),
    ] {
        assert_eq!(api.ask("POST", path, body).await, (400, json!({"error": message, "status": 400})));
    }
    for (path, body) in [
        ("/proxies", "{"),
        ("/proxies", ""),
        ("/proxies", "[]"),
        ("/proxies", r#"{"name": 5}"#),
        ("/proxies", r#"{"name": "a", "upstream": "b", "listen": "::::"}"#),
        ("/proxies/p/toxics", r#"{"type": "latency", "attributes": {"latency": 1.5}}"#),
        ("/proxies/p/toxics", r#"{"type": "latency", "attributes": {"latency": "5"}}"#),
        ("/proxies/p/toxics", r#"{"type": "latency", "toxicity": "much"}"#),
    ] {
        let (status, text) = api.raw("POST", path, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(text.starts_with(r#"{"error":""#) && text.ends_with("\"status\":400}\n"), "{text}");
    }
    let bad = api.client.post(format!("{}/proxies", api.at)).body("{}").send().await.unwrap();
    assert_eq!(bad.headers()["content-type"], "text/plain; charset=utf-8");
    let page = api.client.get(format!("{}/version", api.at)).header("user-agent", "Mozilla/5.0 (X11)");
    assert_eq!(page.send().await.unwrap().status(), 403);
    assert_eq!(api.get("/version").await["version"], "2.12.0");
}

#[tokio::test]
async fn populating_makes_what_is_missing_and_leaves_what_fits() {
    let api = served().await;
    let upstream = upstream();
    let (status, made) = api
        .ask(
            "POST",
            "/populate",
            json!([{"name": "a", "upstream": upstream}, {"name": "b", "upstream": upstream}]),
        )
        .await;
    assert_eq!((status, made["proxies"].as_array().unwrap().len()), (201, 2));
    let listen = made["proxies"][0]["listen"].clone();
    api.ask("POST", "/proxies/a/toxics", json!({"type": "noop"})).await;
    let same = json!([{"name": "a", "upstream": upstream, "listen": listen}]);
    let (_, made) = api.ask("POST", "/populate", same).await;
    assert_eq!(made["proxies"][0]["toxics"][0]["type"], "noop", "left alone");
    let other = json!([{"name": "a", "upstream": "127.0.0.1:1", "listen": listen, "enabled": false}]);
    let (_, made) = api.ask("POST", "/populate", other).await;
    assert_eq!(made["proxies"][0]["toxics"], json!([]), "replaced");
    assert_eq!(made["proxies"][0]["enabled"], false);
    let before = api.get("/proxies").await;
    let wrong = json!([{"name": "c", "upstream": "x"}, {"name": "d"}]);
    let (status, error) = api.ask("POST", "/populate", wrong).await;
    assert_eq!(status, 400);
    assert_eq!(
        error,
        json!({"error": "missing required field: upstream at proxy 2", "status": 400, "proxies": []})
    );
    assert_eq!(api.get("/proxies").await, before, "nothing was changed");
}

#[tokio::test]
async fn bytes_are_counted_while_they_pass_and_over_a_pause() {
    let api = served().await;
    let upstream = upstream();
    let (_, made) = api.ask("POST", "/proxies", json!({"name": "p", "upstream": upstream})).await;
    let listen = made["listen"].as_str().unwrap().to_owned();
    let echo = |listen: String| {
        tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(listen).unwrap();
            stream.write_all(b"12345").unwrap();
            stream.read_exact(&mut [0; 5]).unwrap();
            stream
        })
    };
    let line = |direction: &str, n: u32| {
        format!(
            "toxiproxy_proxy_sent_bytes_total{{direction=\"{direction}\",listener=\"{listen}\",proxy=\"p\",\
             upstream=\"{upstream}\"}} {n}\n"
        )
    };
    let open = echo(listen.clone()).await.unwrap();
    let (_, text) = api.raw("GET", "/metrics", "").await;
    assert!(text.contains(&line("upstream", 5)) && text.contains(&line("downstream", 5)), "{text}");
    api.ask("PATCH", "/proxies/p", json!({"enabled": false})).await;
    api.ask("PATCH", "/proxies/p", json!({"enabled": true})).await;
    drop(open);
    echo(listen.clone()).await.unwrap();
    let (_, text) = api.raw("GET", "/metrics", "").await;
    assert!(text.contains(&line("upstream", 10)), "{text}");
}

#[tokio::test]
async fn what_was_made_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxies.json");
    let api = serve_these(Proxies::kept_in(&file, Seed(1)).await.unwrap()).await;
    api.ask("POST", "/proxies", json!({"name": "a", "upstream": upstream()})).await;
    api.ask("POST", "/proxies", json!({"name": "b", "upstream": "x:1", "enabled": false})).await;
    let toxic =
        json!({"type": "limit_data", "stream": "upstream", "attributes": {"bytes": 3}, "toxicity": 0.25});
    api.ask("POST", "/proxies/a/toxics", toxic).await;
    let before = api.get("/proxies").await;
    api.proxies.lock().await.close().await;
    let after = Proxies::kept_in(&file, Seed(1)).await.unwrap();
    assert_eq!(after.index(), before);
}

#[tokio::test]
async fn every_call_is_answered_while_a_peer_does_not_read() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = deaf.local_addr().unwrap().to_string();
    let api = served().await;
    let (_, made) = api.ask("POST", "/proxies", json!({"name": "p", "upstream": upstream})).await;
    let mut stuck = std::net::TcpStream::connect(made["listen"].as_str().unwrap()).unwrap();
    stuck.set_nonblocking(true).unwrap();
    let zeros = vec![0; 65_536];
    let mut quiet = 0;
    while quiet < 200 {
        match stuck.write(&zeros) {
            Ok(_) => quiet = 0,
            Err(_) => quiet += 1,
        }
        tokio::task::yield_now().await;
    }
    let calls = [
        ("POST", "/proxies/p/toxics", json!({"type": "latency", "attributes": {"latency": 1000}})),
        ("PATCH", "/proxies/p/toxics/latency_downstream", json!({"attributes": {"latency": 2000}})),
        ("POST", "/proxies/p/toxics", json!({"type": "bandwidth", "stream": "upstream"})),
        ("DELETE", "/proxies/p/toxics/bandwidth_upstream", Value::Null),
        ("POST", "/proxies/p/toxics", json!({"type": "timeout"})),
        ("DELETE", "/proxies/p/toxics/timeout_downstream", Value::Null),
        ("GET", "/proxies", Value::Null),
        ("POST", "/reset", Value::Null),
        ("DELETE", "/proxies/p", Value::Null),
    ];
    for (method, path, body) in calls {
        let begin = tokio::time::Instant::now();
        let (status, _) = api.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
        // The promise is 100 ms; a busy machine gets some more.
        assert!(begin.elapsed().as_millis() < 1000, "{method} {path}: {:?}", begin.elapsed());
    }
}

/// Pieces that requests are put together from: right ones, wrong ones, and what lies between.
fn any_body() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    let word = prop_oneof![
        Just(json!("p")),
        Just(json!("")),
        Just(json!(null)),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(true)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("latency")),
        Just(json!("slicer")),
        Just(json!("limit_data")),
        Just(json!("timeout")),
        Just(json!("upstream")),
        Just(json!("1")),
        Just(json!("::")),
        Just(json!("\u{0}\u{fffd}")),
        Just(
            json!({"latency": i64::MAX, "jitter": i64::MAX, "rate": -1, "bytes": i64::MIN, "delay": i64::MAX,
            "average_size": i64::MAX, "size_variation": i64::MAX, "timeout": i64::MAX})
        ),
    ];
    let key = prop_oneof![
        Just("name"),
        Just("upstream"),
        Just("enabled"),
        Just("type"),
        Just("stream"),
        Just("toxicity"),
        Just("attributes"),
        Just("toxics"),
        Just("other"),
    ];
    let object = proptest::collection::hash_map(key, word, 0..6).prop_map(|fields| json!(fields));
    prop_oneof![
        4 => object.clone().prop_map(|value| value.to_string().into_bytes()),
        2 => proptest::collection::vec(object, 0..3).prop_map(|list| json!(list).to_string().into_bytes()),
        2 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => Just("[".repeat(5000).into_bytes()),
    ]
}

#[test]
fn garbage_is_refused_and_breaks_nothing() {
    use proptest::{prelude::*, test_runner::TestRunner};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let api = runtime.block_on(async {
        let api = served().await;
        api.ask("POST", "/proxies", json!({"name": "p", "upstream": upstream()})).await;
        api.ask("POST", "/proxies/p/toxics", json!({"type": "latency", "name": "t"})).await;
        api
    });
    let methods =
        prop_oneof![Just("GET"), Just("POST"), Just("PATCH"), Just("DELETE"), Just("PUT"), Just("BREW")];
    let paths = prop_oneof![
        Just("/proxies"),
        Just("/populate"),
        Just("/proxies/p"),
        Just("/proxies/p/toxics"),
        Just("/reset"),
        Just("/proxies/p/toxics/t"),
        Just("/proxies/%ff/toxics/%00"),
        Just("/proxies//toxics"),
        Just("/metrics"),
        Just("/x?y=z#"),
        Just("/version"),
    ];
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let garbage = (methods, paths, any_body());
    let done = runner.run(&garbage, |(method, path, body)| {
        let (status, text) = runtime.block_on(api.raw(method, path, body));
        prop_assert!(status.as_u16() < 500, "{method} {path}: {status} {text}");
        Ok(())
    });
    done.unwrap();
    // It still works: traffic passes through a new proxy.
    runtime.block_on(async {
        api.ask("DELETE", "/proxies/new", Value::Null).await;
        let (status, made) =
            api.ask("POST", "/proxies", json!({"name": "new", "upstream": upstream()})).await;
        assert_eq!(status, 201);
        let listen = made["listen"].as_str().unwrap().to_owned();
        let echoed = tokio::task::spawn_blocking(move || {
            let mut stream = std::net::TcpStream::connect(listen).unwrap();
            stream.write_all(b"x").unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).map(|()| byte)
        });
        assert_eq!(echoed.await.unwrap().unwrap(), *b"x");
    });
}
