//! The pages of the console, as a browser asks for them: whose they are, what they may do, and what their streams tell.

use crate::console::{DEADLINE, HATS, Running, rationed, under_way};
use gameday::{
    console::Desk as _,
    drill::{
        command::Command,
        event::{Event, Hat},
    },
    scenario::act::Act,
};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

/// Every page below each side. `/debrief` is for those who run the drill, until it is closed.
pub(crate) const PAGES: [&str; 7] =
    ["", "/live", "/signals", "/docs?q=rollback", "/docs/read?name=depotctl(1)", "/status", "/debrief"];

#[tokio::test]
async fn every_page_is_its_own_sides_alone() {
    let running = Running::over(under_way()).await;
    for (hat, name) in HATS {
        for (side, _) in HATS {
            // A budget of requests for each pair.
            let session = running.session(hat, &format!("{name}-{side}")).await;
            for page in PAGES {
                let (status, text) =
                    running.ask(&session, Method::GET, &format!("/{side}{page}"), None).await;
                let runs_it = matches!(hat, Hat::Instigator | Hat::Trainer);
                let wanted = if side == hat && (page != "/debrief" || runs_it) { 200 } else { 404 };
                assert_eq!(status.as_u16(), wanted, "/{side}{page} for {hat}");
                assert!(text.len() < 150 * 1024, "/{side}{page} has {} bytes", text.len());
            }
        }
    }
    let session = running.session(Hat::Responder, "ana").await;
    let hidden = running.ask(&session, Method::GET, "/instigator", None).await;
    assert_eq!(hidden, running.ask(&session, Method::GET, "/api/nothing", None).await);
    assert_eq!(hidden, running.ask(&session, Method::GET, "/responder/docs/read?name=nothing", None).await);
    let (_, document) =
        running.ask(&session, Method::GET, "/responder/docs/read?name=depotctl(1)", None).await;
    assert!(
        document.contains("<h3 id=\"rollback\">") || document.contains("Goes one release back."),
        "{document}"
    );
    running.desk.append(Event::Closed { steady_after: Some(true) });
    assert_eq!(running.ask(&session, Method::GET, "/responder/debrief", None).await.0, StatusCode::OK);
}

/// What a page does: joins with a cookie, which no script can read.
async fn page_session(running: &Running, hat: Hat, name: &str) -> String {
    let body = json!({"token": running.tokens.of(hat), "name": name, "cookie": true});
    let response = running.request(Method::POST, "/api/join").json(&body).send().await.unwrap();
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    for word in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let answer: Value = response.json().await.unwrap();
    assert!(answer.get("session").is_none(), "the session is told: {answer}");
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_cookie_acts_only_for_its_own_pages() {
    let running = Running::over(under_way()).await;
    let cookie = page_session(&running, Hat::Responder, "ana").await;
    let say =
        || running.request(Method::POST, "/api/act").header("cookie", &cookie).json(&json!({"say": "hi"}));
    let status = |request: RequestBuilder| async { request.send().await.unwrap().status().as_u16() };
    let own = |request: RequestBuilder| request.header("x-gameday-hat", "responder");
    let origin = format!("http://{}", running.address);
    assert_eq!(
        status(own(say()).header("origin", &origin).header("sec-fetch-site", "same-origin")).await,
        200
    );
    // Without the page's own header, for another side, from another site: nothing is done.
    assert_eq!(status(say()).await, 401);
    assert_eq!(status(say().header("x-gameday-hat", "instigator")).await, 401);
    assert_eq!(status(own(say()).header("origin", "http://evil.example")).await, 403);
    assert_eq!(status(own(say()).header("origin", "http://127.0.0.1:1")).await, 403);
    assert_eq!(status(own(say()).header("sec-fetch-site", "cross-site")).await, 403);
    let live = || running.request(Method::GET, "/responder/live").header("cookie", &cookie);
    assert_eq!(status(live()).await, 200);
    assert_eq!(status(live().header("origin", "http://evil.example")).await, 403);
    assert_eq!(status(live().header("sec-fetch-site", "same-site")).await, 403);
    let said = running.desk.asked().into_iter().filter(|one| matches!(one, Command::Act { .. })).count();
    assert_eq!(said, 1);
    // Who has no session is led to where one is given, and sees nothing of the drill.
    let without = running.request(Method::GET, "/responder").send().await.unwrap();
    assert_eq!(without.url().path(), "/");
    assert!(!without.text().await.unwrap().contains("Uploads fail"));
    assert_eq!(status(running.request(Method::GET, "/instigator/live").header("cookie", &cookie)).await, 401);
}

#[tokio::test]
async fn pages_may_do_nothing_but_what_they_are_for() {
    let running = Running::over(under_way()).await;
    let session = running.session(Hat::Instigator, "ivo").await;
    let policy = |path: &'static str| {
        let request = running.request(Method::GET, path).bearer_auth(&session);
        async move {
            let answer = request.send().await.unwrap();
            answer.headers()["content-security-policy"].to_str().unwrap().to_owned()
        }
    };
    let page = policy("/instigator").await;
    assert!(page.starts_with("default-src 'none'") && page.contains("script-src 'self'"), "{page}");
    assert!(!page.contains("unsafe") && page.contains("frame-ancestors 'none'"), "{page}");
    assert_eq!(policy("/api/board").await, "default-src 'none'; frame-ancestors 'none'");
    let debrief = policy("/instigator/debrief").await;
    assert!(debrief.starts_with("default-src 'none'") && !debrief.contains("script"), "{debrief}");
    // No page holds a script or a style of its own: the policy would forbid both.
    for path in ["/", "/instigator", "/instigator/docs", "/instigator/docs/read?name=depotctl(1)"] {
        let text = running.ask(&session, Method::GET, path, None).await.1;
        for word in ["<style", " style=", " onclick", "javascript:", "<script>"] {
            assert!(!text.contains(word), "{path} holds {word}");
        }
    }
}

#[tokio::test]
async fn who_leaves_ends_the_session_and_its_streams() {
    let running = Running::over(under_way()).await;
    let session = running.session(Hat::Responder, "ana").await;
    let mut open = Vec::new();
    for path in ["/responder/live", "/api/events"] {
        open.push(running.request(Method::GET, path).bearer_auth(&session).send().await.unwrap());
    }
    assert_eq!(running.ask(&session, Method::POST, "/api/leave", None).await.0, StatusCode::OK);
    for mut stream in open {
        let end = async { while stream.chunk().await.is_ok_and(|piece| piece.is_some()) {} };
        tokio::time::timeout(DEADLINE, end).await.expect("the stream ends");
    }
    assert_eq!(running.ask(&session, Method::GET, "/api/board", None).await.0, StatusCode::UNAUTHORIZED);
}

/// A page's own stream up to the message of event `last`.
pub(crate) async fn live(running: &Running, session: &str, path: &str, last: u64) -> String {
    let mut response = rationed(&running.request(Method::GET, path).bearer_auth(session)).await;
    let mut text = String::new();
    let read = async {
        while !(text.contains(&format!("id: {last}\n")) && text.ends_with("\n\n")) {
            text.push_str(&String::from_utf8_lossy(
                &response.chunk().await.unwrap().expect("the stream ended"),
            ));
        }
    };
    tokio::time::timeout(DEADLINE, read).await.expect("the message came in time");
    text
}

#[tokio::test]
async fn a_page_hears_of_nothing_that_is_hidden_from_it() {
    let running = Running::over(under_way()).await;
    let session = running.session(Hat::Responder, "ana").await;
    let last = running.desk.journal(0).len() as u64 - 1;
    let request =
        running.request(Method::GET, &format!("/responder/live?after={last}")).bearer_auth(&session);
    let mut response = request.send().await.unwrap();
    let first = response.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).contains("\"alarms\""), "the parts as they are come first");
    // Hidden events make no message: the next one is that of what was said after them.
    for _ in 0..3 {
        running.desk.append(Event::Relapsed);
        running.desk.append(Event::AgentBack);
    }
    running.desk.append(Event::Acted { by: "ana".parse().unwrap(), act: Act::Say("we go on".into()) });
    let next = tokio::time::timeout(DEADLINE, response.chunk()).await.unwrap().unwrap().unwrap();
    let next = String::from_utf8_lossy(&next);
    assert!(next.contains("we go on") && next.contains(&format!("id: {}\n", last + 7)), "{next}");
    assert_eq!(next.matches("event: page").count(), 1);
}
