//! Every path with its handler. Hidden and absent answer alike.

use super::{
    Console, guard, page,
    sessions::Caller,
    stream::{self, Telling},
};
use crate::{
    base::Person,
    drill::{
        command::{Command, Refusal},
        event::Hat,
    },
    report::board::Audience,
    scenario::act::Act,
};
use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use std::sync::Arc;

/// Most bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of why the safety lever is engaged.
const LEVER_REASON_MAX: usize = 400;

pub(super) fn router(console: Arc<Console>) -> Router {
    Router::new()
        .merge(page::router())
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/api/join", post(join))
        .route("/api/board", get(board))
        .route("/api/events", get(events))
        .route("/api/injections", get(injections))
        .route("/api/act", post(act))
        .route("/api/hint", post(hint))
        .route("/api/ask", post(ask))
        .route("/api/inject", post(inject))
        .route("/api/second-act", post(second_act))
        .route("/api/tell", post(tell))
        .route("/api/settle", post(settle))
        .route("/api/observe", post(observe))
        .route("/api/stop", post(stop))
        .route("/api/lever", post(lever))
        .route("/api/leave", post(leave))
        .fallback(|| async { Answer::nothing_here() })
        .method_not_allowed_fallback(|| async { Answer::nothing_here() })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&console), guard::guard))
        .with_state(console)
}

/// An answer that is no success: `{"code": .., "error": ..}`.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    code: &'static str,
    error: String,
}

impl Answer {
    pub(super) fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        Self { status, code, error: error.into() }
    }

    pub(super) fn unknown_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unknown-session", "no such session: join the drill (again)")
    }

    pub(super) fn too_fast() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", "too many requests: wait a second")
    }

    pub(super) fn is_unknown_session(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.code == "unknown-session"
    }

    pub(super) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing-here", "there is nothing here")
    }

    pub(super) fn too_many_streams() -> Self {
        let error = "as many live streams as there may be are open";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", error)
    }

    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", error)
    }

    pub(super) fn not_planned() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-plan", "the drill has no plan yet")
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::CONFLICT, refusal.code(), refusal.to_string())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "error": self.error}).to_string();
        (self.status, as_json(body)).into_response()
    }
}

fn as_json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

fn done() -> Response {
    as_json("{\"ok\":true}")
}

/// A body as it came, or why it did not.
type Given = Result<Bytes, BytesRejection>;

fn read<T: DeserializeOwned>(headers: &HeaderMap, given: Given) -> Result<T, Answer> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "send application/json"));
    }
    let bytes = given.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Answer::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                format!("a request holds at most {} KiB", BODY_BYTES_MAX / 1024),
            )
        } else {
            Answer::bad_request("the body could not be read")
        }
    })?;
    serde_json::from_slice(&bytes).map_err(|error| Answer::bad_request(error.to_string()))
}

/// What somebody with this hat sees.
pub(super) fn audience(hat: Hat) -> Audience {
    match hat {
        Hat::Instigator | Hat::Trainer => Audience::Instigator,
        Hat::Responder | Hat::Observer => Audience::Responder,
    }
}

/// Refuses in the drill's own words what belongs to another side.
fn only(needed: Hat, caller: &Caller) -> Result<(), Answer> {
    if caller.hat == needed {
        return Ok(());
    }
    Err(Refusal::WrongHat { person: caller.person.clone(), was: caller.hat, needed }.into())
}

async fn send(console: &Console, command: Command) -> Result<Response, Answer> {
    console.desk.send(command).await?;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinAsk {
    token: String,
    name: String,
    /// The session is kept in a cookie that no script can read, and is not told.
    #[serde(default)]
    cookie: bool,
}

async fn join(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    let ask: JoinAsk = read(&headers, given)?;
    let hat = console.tokens.hat(&ask.token).ok_or_else(|| {
        Answer::new(StatusCode::UNAUTHORIZED, "unknown-token", "this link belongs to no running drill")
    })?;
    let person: Person = ask.name.parse().map_err(|bad| Answer::bad_request(format!("{bad}")))?;
    console.desk.send(Command::Join { person: person.clone(), hat }).await?;
    let session = console.sessions.open(person.clone(), hat).ok_or_else(|| {
        Answer::new(StatusCode::SERVICE_UNAVAILABLE, "full", "this drill has as many sessions as it may have")
    })?;
    let snapshot = console.view.now();
    let drill = snapshot.plan().map(|plan| plan.drill.to_string());
    if !ask.cookie {
        let body = json!({"session": session, "person": person, "hat": hat, "drill": drill});
        return Ok(as_json(body.to_string()));
    }
    let name = guard::cookie_name(console.listen.port(), hat.as_str());
    let cookie = format!("{name}={session}; Path=/; HttpOnly; SameSite=Strict");
    let body = json!({"person": person, "hat": hat, "drill": drill});
    Ok(([(header::SET_COOKIE, cookie)], as_json(body.to_string())).into_response())
}

/// Ends one's own session; open streams of it end, too.
async fn leave(State(console): State<Arc<Console>>, Extension(caller): Extension<Caller>) -> Response {
    console.sessions.close(&caller);
    done()
}

async fn board(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Answer> {
    let board = console.view.now().board(audience(caller.hat));
    board.map(as_json).ok_or_else(Answer::not_planned)
}

async fn injections(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Answer> {
    match audience(caller.hat) {
        Audience::Responder => Err(Answer::nothing_here()),
        Audience::Instigator => console.view.now().injections().map(as_json).ok_or_else(Answer::not_planned),
    }
}

/// The event to begin with: the one behind `Last-Event-ID`, else behind `?after=`, else the first.
pub(super) fn first_event(headers: &HeaderMap, uri: &Uri) -> Result<u64, Answer> {
    let asked = uri.query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("after="));
    let last = match headers.get("last-event-id") {
        Some(value) => Some(value.to_str().unwrap_or_default()),
        None => asked,
    };
    match last {
        None | Some("") => Ok(0),
        Some(text) => text
            .parse::<u64>()
            .ok()
            .and_then(|seq| seq.checked_add(1))
            .ok_or_else(|| Answer::bad_request("`after` and `Last-Event-ID` are numbers of events")),
    }
}

async fn events(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Answer> {
    let next = first_event(&headers, &uri)?;
    let telling = Telling::Lines(audience(caller.hat));
    let stream = stream::open(&console, &caller, telling, next).ok_or_else(Answer::too_many_streams)?;
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(stream)).into_response())
}

async fn act(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Responder, &caller)?;
    let act: Act = read(&headers, given)?;
    if matches!(act, Act::Operate(_)) {
        let error = "operations are not run over the console: use your own shell on the target";
        return Err(Answer::new(StatusCode::CONFLICT, "own-shell", error));
    }
    send(&console, Command::Act { by: caller.person, act }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HintAsk {
    pointer: String,
}

async fn hint(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let HintAsk { pointer } = read(&headers, given)?;
    send(&console, Command::Hint { by: caller.person, pointer }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuestionAsk {
    number: usize,
}

async fn ask(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let QuestionAsk { number } = read(&headers, given)?;
    send(&console, Command::Ask { by: caller.person, number }).await
}

/// Sends an inject that was held back; its number says which.
async fn inject(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let QuestionAsk { number } = read(&headers, given)?;
    send(&console, Command::Inject { by: caller.person, number }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn second_act(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let Nothing {} = read(&headers, given)?;
    send(&console, Command::SecondAct { by: caller.person }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    text: String,
}

async fn tell(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Observer, &caller)?;
    let Message { text } = read(&headers, given)?;
    send(&console, Command::Tell { by: caller.person, text }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleAsk {
    /// The bystander's message, by its number.
    message: u64,
    /// What is passed on; nothing: the message is not.
    #[serde(default)]
    pointer: Option<String>,
}

async fn settle(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let SettleAsk { message, pointer } = read(&headers, given)?;
    send(&console, Command::Settle { by: caller.person, message, pointer }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    text: String,
    /// The event that it is about.
    #[serde(default)]
    about: Option<u64>,
}

async fn observe(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Trainer, &caller)?;
    let Observation { text, about } = read(&headers, given)?;
    send(&console, Command::Observe { by: caller.person, about, text }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StopAsk {
    reason: String,
    #[serde(default)]
    real_incident: bool,
}

async fn stop(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    let StopAsk { reason, real_incident } = read(&headers, given)?;
    send(&console, Command::Stop { by: caller.person, reason, real_incident }).await
}

/// Stops this drill and every other one of the home, and lets none begin: for the day on which the real world is on fire.
async fn lever(
    State(console): State<Arc<Console>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    given: Given,
) -> Result<Response, Answer> {
    only(Hat::Instigator, &caller)?;
    let Reason { reason } = read(&headers, given)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.len() > LEVER_REASON_MAX || reason.contains(char::is_control) {
        let error = format!("say why, in one line of at most {LEVER_REASON_MAX} bytes");
        return Err(Answer::new(StatusCode::CONFLICT, "bad-text", error));
    }
    let engaged = console.desk.engage_lever(&caller.person, reason);
    engaged.map_err(|error| Answer::new(StatusCode::CONFLICT, "no-lever", error))?;
    tracing::warn!(by = %caller.person, "the safety lever was engaged from the console");
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}
