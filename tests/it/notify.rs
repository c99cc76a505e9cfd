//! Webhooks against a real server on the loopback, well-behaved and not.

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use gameday::{
    base::Span,
    drill::{
        command::DeliveryError,
        event::{Notice, NoticeKind},
    },
    notify::{Notifier, Ntfy, Routes, Terminal, Webhook, http::Pass},
    scenario::{AlarmSeverity, act::Pager},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What a receiver has seen: the key of the request and its body.
type Seen = Arc<Mutex<Vec<(String, Value)>>>;

#[derive(Clone)]
struct Receiver {
    seen: Seen,
    answer: fn(usize) -> Response,
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Json<Value>) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let count = {
        let mut seen = receiver.seen.lock().unwrap();
        seen.push((key, body.0));
        seen.len()
    };
    (receiver.answer)(count)
}

/// Starts a receiver whose n-th request, counted from 1, is answered by `answer`. Ends with the test's runtime.
async fn receiver(answer: fn(usize) -> Response) -> (String, Seen) {
    let seen = Seen::default();
    let app = Router::new()
        .route("/hook", post(take))
        .route("/elsewhere", post(take))
        .with_state(Receiver { seen: Arc::clone(&seen), answer });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, seen)
}

fn alarm(id: &str) -> Notice {
    Notice {
        at: gameday::base::At::from_millis(0),
        severity: None,
        runbook: None,
        id: id.parse().unwrap(),
        route: "hook".to_owned(),
        about: NoticeKind::AlarmRaised("UploadErrorsHigh".parse().unwrap()),
        subject: "12 % of uploads fail".to_owned(),
        text: "runbook: runbooks/uploads.md".to_owned(),
    }
}

fn failed(result: Result<(), DeliveryError>, retry: bool, told: &str) {
    let error = result.unwrap_err();
    assert!(error.error.contains(told), "{}", error.error);
    assert_eq!(error.retry, retry, "{}", error.error);
}

#[tokio::test]
async fn a_notice_arrives_whole_and_marked() {
    let (address, seen) = receiver(|_| StatusCode::OK.into_response()).await;
    let hook = Webhook::new(&address).unwrap();
    hook.deliver(&alarm("n-1")).await.unwrap();
    let of_drill = hook.for_drill("d-one".parse().unwrap());
    let end = Notice {
        about: NoticeKind::EndEx,
        subject: "EXERCISE: it is over".to_owned(),
        text: String::new(),
        ..alarm("n-2")
    };
    of_drill.deliver(&end).await.unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            (
                "n-1".to_owned(),
                json!({"id": "n-1", "exercise": true, "about": "alarm-raised", "alarm": "UploadErrorsHigh",
                       "subject": "EXERCISE: 12 % of uploads fail", "text": "runbook: runbooks/uploads.md"})
            ),
            (
                "n-2".to_owned(),
                json!({"id": "n-2", "exercise": true, "drill": "d-one", "about": "end-ex",
                       "subject": "EXERCISE: it is over", "text": ""})
            ),
        ]
    );
}

#[tokio::test]
async fn a_failing_receiver_is_worth_another_try_and_knows_the_notice_again() {
    let (address, seen) = receiver(|count| match count {
        1 => (StatusCode::INTERNAL_SERVER_ERROR, "secret detail").into_response(),
        2 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        _ => StatusCode::CREATED.into_response(),
    })
    .await;
    let hook = Webhook::new(&address).unwrap();
    let first = hook.deliver(&alarm("n-1")).await;
    assert!(!format!("{first:?}").contains("secret"), "{first:?}");
    failed(first, true, "500");
    failed(hook.deliver(&alarm("n-1")).await, true, "429");
    hook.deliver(&alarm("n-1")).await.unwrap();
    hook.deliver(&alarm("n-2")).await.unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    let keys: BTreeSet<_> = seen.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, BTreeSet::from(["n-1", "n-2"]));
    assert!(seen[..3].iter().all(|(_, body)| *body == seen[0].1));
}

#[tokio::test]
async fn a_receiver_that_says_no_is_not_asked_again() {
    for (answer, told) in [
        ((|_| StatusCode::NOT_FOUND.into_response()) as fn(usize) -> Response, "404"),
        (|_| StatusCode::UNAUTHORIZED.into_response(), "401"),
        (|_| StatusCode::GONE.into_response(), "410"),
    ] {
        let (address, _) = receiver(answer).await;
        let hook = Webhook::new(&address).unwrap();
        failed(hook.deliver(&alarm("n-1")).await, false, told);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (address, seen) =
        receiver(|_| (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response())
            .await;
    let hook = Webhook::new(&address).unwrap();
    failed(hook.deliver(&alarm("n-1")).await, false, "redirects are not followed");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_endless_answer_holds_nobody_up() {
    /// A body that never ends.
    struct Endless;
    impl hyper::body::Body for Endless {
        type Data = hyper::body::Bytes;
        type Error = std::convert::Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            Poll::Ready(Some(Ok(hyper::body::Frame::data(hyper::body::Bytes::from_static(&[b'x'; 1024])))))
        }
    }
    let (address, _) = receiver(|_| Response::new(Body::new(Endless))).await;
    Webhook::new(&address).unwrap().deliver(&alarm("n-1")).await.unwrap();
}

#[tokio::test]
async fn a_silent_receiver_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    let hook = Webhook::with_timeout(&address, Span::from_millis(200)).unwrap();
    failed(hook.deliver(&alarm("n-1")).await, true, "did not answer in time");
}

#[tokio::test]
async fn a_status_counts_even_if_the_rest_never_comes() {
    let address = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", false).await;
    let hook = Webhook::with_timeout(&address, Span::from_millis(500)).unwrap();
    hook.deliver(&alarm("n-1")).await.unwrap();
}

#[tokio::test]
async fn garbage_and_silence_are_worth_another_try() {
    for (answer, told) in [
        (&b"\x00\xff\x16garbage\r\n\r\n"[..], "the exchange with the receiver failed"),
        (b"HTTP/1.1 banana\r\n\r\n", "the exchange with the receiver failed"),
        (b"", "the exchange with the receiver failed"),
    ] {
        let hook = Webhook::new(&raw(answer, true).await).unwrap();
        failed(hook.deliver(&alarm("n-1")).await, true, told);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", nobody.local_addr().unwrap());
    drop(nobody);
    let hook = Webhook::new(&address).unwrap();
    failed(hook.deliver(&alarm("n-1")).await, true, "could not connect");
}

#[tokio::test]
async fn no_part_of_a_secret_address_is_told() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address =
        format!("http://user:password@{}/services/sesame?key=swordfish", nobody.local_addr().unwrap());
    drop(nobody);
    let hook = Webhook::new(&address).unwrap();
    let told = hook.deliver(&alarm("n-1")).await.unwrap_err().error;
    for part in ["password", "sesame", "swordfish"] {
        assert!(!told.contains(part), "{told}");
    }
}

/// A server that reads a request and answers these bytes; it then hangs up or keeps the line open.
async fn raw(answer: &'static [u8], hang_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
            if !hang_up {
                kept.push(stream);
            }
        }
    });
    address
}

/// What a terminal was given.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What ntfy takes, as its documentation has it: <https://docs.ntfy.sh/publish/#publish-as-json>.
async fn ntfy(State(seen): State<Seen>, headers: HeaderMap, body: Json<Value>) -> StatusCode {
    let text = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
    let tags = body["tags"].as_array().is_some_and(|tags| tags.iter().all(Value::is_string));
    let loud = (1..=5).contains(&body["priority"].as_i64().unwrap_or(0));
    let is_whole = text("topic") && text("title") && text("message") && tags && loud;
    if !is_whole {
        return StatusCode::BAD_REQUEST;
    }
    let pass = headers.get(header::AUTHORIZATION).and_then(|pass| pass.to_str().ok()).unwrap_or_default();
    if pass != "Bearer tk_canary" {
        return StatusCode::FORBIDDEN;
    }
    seen.lock().unwrap().push((pass.to_owned(), body.0));
    StatusCode::OK
}

#[tokio::test]
async fn telephones_get_what_is_loud_loudly_and_a_wrong_pass_is_not_tried_again() {
    let seen = Seen::default();
    let app = Router::new().route("/", post(ntfy)).with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/our-drills", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let phone =
        |pass: &str| Ntfy::new(&address, &"d-one".parse().unwrap()).unwrap().with_pass(Pass::read(pass).ok());
    failed(phone("tk_wrong").deliver(&alarm("n-0")).await, false, "403");
    let one = phone("tk_canary");
    assert!(!format!("{one:?}").contains("canary"));
    let of = |severity: Option<AlarmSeverity>, about: NoticeKind| Notice { severity, about, ..alarm("n-1") };
    let name = || "UploadErrorsHigh".parse().unwrap();
    for notice in [
        of(Some(AlarmSeverity::Page), NoticeKind::AlarmRaised(name())),
        of(Some(AlarmSeverity::Info), NoticeKind::AlarmRaised(name())),
        of(None, NoticeKind::AlarmResolved(name())),
        of(Some(AlarmSeverity::Page), NoticeKind::Page(Pager::Batphone)),
        of(None, NoticeKind::ComCheck),
    ] {
        one.deliver(&notice).await.unwrap();
    }
    let got: Vec<_> = seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(
        got.iter().map(|body| body["priority"].as_i64().unwrap()).collect::<Vec<_>>(),
        [5, 3, 2, 5, 1]
    );
    assert_eq!(
        got[0],
        json!({"topic": "our-drills", "title": "EXERCISE: 12 % of uploads fail",
               "message": "runbook: runbooks/uploads.md\nThis is an exercise, drill d-one.",
               "priority": 5, "tags": ["rotating_light"]})
    );
    server.abort();
    let _ = server.await;
    failed(one.deliver(&alarm("n-2")).await, true, "connect");
}

#[tokio::test]
async fn a_notice_goes_by_the_route_that_it_names() {
    let (address, seen) = receiver(|_| StatusCode::OK.into_response()).await;
    let paper = Paper::default();
    let hook: Arc<dyn Notifier> = Arc::new(Webhook::new(&address).unwrap());
    let terminal: Arc<dyn Notifier> = Arc::new(Terminal::new(paper.clone()));
    let routes = Routes::new([("hook".to_owned(), hook), ("terminal".to_owned(), terminal)].into());
    routes.deliver(&alarm("n-1")).await.unwrap();
    let to_terminal = Notice { route: "terminal".to_owned(), ..alarm("n-2") };
    routes.deliver(&to_terminal).await.unwrap();
    assert_eq!(seen.lock().unwrap().len(), 1);
    let written = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    assert!(written.lines().all(|line| line.starts_with("EXERCISE ")), "{written}");

    let nowhere = Notice { route: "pigeon\x1b".to_owned(), ..alarm("n-3") };
    failed(routes.deliver(&nowhere).await, false, "there is no route `pigeon`");
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return crate::skip::skip("there is no /dev/full");
    };
    failed(Terminal::new(full).deliver(&alarm("n-1")).await, true, "could not write");
}
