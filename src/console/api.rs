//! What the operations of a drill do, and the shapes of questions and answers. Hidden and absent answer alike.

use super::{
    Console, guard,
    lobby::Lobby,
    metrics::{self, Counts},
    office::Lesson,
    operations::{self, operations},
    page,
    sessions::{Caller, Place},
    stream::{self, Telling},
};
use crate::{
    base::{Person, limits::FILE_BYTES_MAX},
    drill::{
        command::{Command, Refusal},
        event::Hat,
        preflight::Bar,
    },
    report::{Journal, board::Audience, grading::GradingSheet},
    scenario::{act::Act, review::Review},
};
use axum::{
    RequestExt as _, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
    middleware,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use std::sync::Arc;

/// Most bytes of a request's body.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of why the safety lever is engaged.
const LEVER_REASON_MAX: usize = 400;

pub(super) fn router(lobby: Arc<Lobby>) -> Router {
    operations()
        .into_iter()
        .fold(Router::new(), |router, one| router.route(one.path, one.route))
        .merge(page::router())
        .merge(page::lobby::router())
        .fallback(|| async { Answer::nothing_here() })
        .method_not_allowed_fallback(|| async { Answer::nothing_here() })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(&lobby), guard::guard))
        .with_state(lobby)
}

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    problem: Problem,
}

/// Why something was not done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Problem {
    /// A word for scripts.
    code: &'static str,
    /// A sentence for people.
    error: String,
    /// Every rule that keeps a drill from beginning, if that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Option<Vec<std::collections::BTreeMap<String, String>>>")]
    bars: Vec<Bar>,
}

impl Answer {
    pub(super) fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        Self { status, problem: Problem { code, error: error.into(), bars: Vec::new() } }
    }

    /// The same with every rule that bars a drill.
    pub(super) fn with_bars(mut self, bars: Vec<Bar>) -> Self {
        self.problem.bars = bars;
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for people.
    pub(super) fn error(&self) -> &str {
        &self.problem.error
    }

    pub(super) fn unknown_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unknown-session", "no such session: join the drill (again)")
    }

    pub(super) fn too_fast() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-fast", "too many requests: wait a second")
    }

    pub(super) fn is_unknown_session(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED && self.problem.code == "unknown-session"
    }

    pub(super) fn nothing_here() -> Self {
        Self::new(StatusCode::NOT_FOUND, "nothing-here", "there is nothing here")
    }

    pub(super) fn too_many_streams() -> Self {
        let error = "as many live streams as there may be are open";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", error)
    }

    pub(super) fn too_many_sessions() -> Self {
        let error = "there are as many sessions and invitations as there may be";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "full", error)
    }

    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", error)
    }

    pub(super) fn not_planned() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-plan", "the drill has no plan yet")
    }

    /// A drill of which one has a session, or an invitation, and whose pages are closed.
    pub(super) fn not_open() -> Self {
        let error = "this drill's pages are closed: they open when its target is made ready, and close after its debrief";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-open", error)
    }

    /// Refuses in the drill's own words what belongs to another side.
    pub(super) fn wrong_hat(caller: &Caller, needed: Hat) -> Self {
        Refusal::WrongHat { person: caller.person.clone(), was: caller.hat, needed }.into()
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::new(StatusCode::CONFLICT, refusal.code(), refusal.to_string())
    }
}

impl From<QueryRejection> for Answer {
    fn from(_: QueryRejection) -> Self {
        Self::bad_request("the address could not be read")
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self.problem).expect("a problem is plain data");
        (self.status, as_json(body)).into_response()
    }
}

pub(super) fn as_json(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// It is done.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Done {
    ok: bool,
}

pub(super) const DONE: Done = Done { ok: true };

/// The body of a request, read as JSON.
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Lobby>> for Given<T> {
    type Rejection = Answer;

    async fn from_request(request: Request, _: &Arc<Lobby>) -> Result<Self, Answer> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if kind.unwrap_or_default().split(';').next().map(str::trim) != Some("application/json") {
            return Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "send application/json"));
        }
        let bytes = request.extract::<Bytes, _>().await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let (most, text) = (BODY_BYTES_MAX / 1024, FILE_BYTES_MAX / 1024);
                let error = format!("a request holds at most {most} KiB, a scenario's text {text} KiB");
                Answer::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error)
            } else {
                Answer::bad_request("the body could not be read")
            }
        })?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| Answer::bad_request(error.to_string()))
    }
}

/// Somebody with a session, whom the guard has let in.
pub(super) struct Visitor {
    pub(super) caller: Caller,
    pub(super) lobby: Arc<Lobby>,
    console: Option<Arc<Console>>,
}

impl FromRequestParts<Arc<Lobby>> for Visitor {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, lobby: &Arc<Lobby>) -> Result<Self, Answer> {
        // A path that is open to everybody has no caller.
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Answer::unknown_session)?;
        let console = parts.extensions.get::<Arc<Console>>().cloned();
        Ok(Self { caller, lobby: Arc::clone(lobby), console })
    }
}

impl Visitor {
    /// The console of the drill that the session is for.
    pub(super) fn console(&self) -> Result<&Arc<Console>, Answer> {
        self.console.as_ref().ok_or_else(Answer::not_open)
    }
}

/// What somebody with this hat sees.
pub(super) fn audience(hat: Hat) -> Audience {
    match hat {
        Hat::Instigator | Hat::Trainer => Audience::Instigator,
        Hat::Responder | Hat::Observer => Audience::Responder,
    }
}

/// A question that becomes a command to the drill.
pub(super) trait Asked: DeserializeOwned + JsonSchema + Send + 'static {
    fn command(self, by: Person) -> Result<Command, Answer>;
}

/// Asks the drill what a body says, in the name of its sender.
pub(super) async fn command<A: Asked>(visitor: Visitor, asked: A) -> Result<Done, Answer> {
    let command = asked.command(visitor.caller.person.clone())?;
    visitor.console()?.desk.send(command).await?;
    Ok(DONE)
}

impl Asked for Act {
    fn command(self, by: Person) -> Result<Command, Answer> {
        if matches!(self, Self::Operate(_)) {
            let error = "operations are not run over the console: use your own shell on the target";
            return Err(Answer::new(StatusCode::CONFLICT, "own-shell", error));
        }
        Ok(Command::Act { by, act: self })
    }
}

/// A pointer into the documentation catalogue.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HintAsk {
    /// The name of an entry, with or without one of its headings behind `#`.
    pointer: String,
}

impl Asked for HintAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Hint { by, pointer: self.pointer })
    }
}

/// One of the scenario's questions.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuestionAsk {
    /// Its number, from 1.
    number: usize,
}

impl Asked for QuestionAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Ask { by, number: self.number })
    }
}

/// An inject that the author holds back until it is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InjectAsk {
    /// Its number, from 1.
    number: usize,
}

impl Asked for InjectAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Inject { by, number: self.number })
    }
}

/// The second act begins.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecondAct {}

impl Asked for SecondAct {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::SecondAct { by })
    }
}

/// What a bystander would tell the responders; instigators read it first.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TellAsk {
    text: String,
}

impl Asked for TellAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Tell { by, text: self.text })
    }
}

/// What becomes of a bystander's message.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettleAsk {
    /// The message, by its number.
    message: u64,
    /// What is passed on; nothing: the message is not.
    #[serde(default)]
    pointer: Option<String>,
}

impl Asked for SettleAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Settle { by, message: self.message, pointer: self.pointer })
    }
}

/// What a trainer has seen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Observation {
    text: String,
    /// The event that it is about.
    #[serde(default)]
    about: Option<u64>,
}

impl Asked for Observation {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Observe { by, about: self.about, text: self.text })
    }
}

impl Asked for Review {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Review { by, entry: self })
    }
}

/// Ends the drill for everybody.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StopAsk {
    reason: String,
    /// Something real has happened: the drill is not scored.
    #[serde(default)]
    real_incident: bool,
}

impl Asked for StopAsk {
    fn command(self, by: Person) -> Result<Command, Answer> {
        Ok(Command::Stop { by, reason: self.reason, real_incident: self.real_incident })
    }
}

/// Comes in with the token of a link.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinAsk {
    /// What stands behind the `#`.
    token: String,
    /// One's name; a personal link knows it.
    #[serde(default)]
    name: Option<String>,
    /// The session is kept in a cookie that no script can read, and is not told.
    #[serde(default)]
    cookie: bool,
}

/// A seat that somebody has taken.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Joined {
    /// The secret of `authorization: Bearer`, if no cookie holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    person: Person,
    hat: Hat,
    /// The drill; nothing at the list of drills.
    drill: Option<crate::base::DrillId>,
    /// The page to go to.
    page: String,
}

pub(super) async fn join(
    State(lobby): State<Arc<Lobby>>,
    Given(ask): Given<JoinAsk>,
) -> Result<Response, Answer> {
    let unknown = || {
        Counts::add(&lobby.counts.joins_refused);
        Answer::new(StatusCode::UNAUTHORIZED, "unknown-token", "this link belongs to no running drill")
    };
    let invitation = lobby.sessions.invitation(&ask.token).ok_or_else(unknown)?;
    let given = ask.name.filter(|name| !name.is_empty()).map(|name| name.parse::<Person>()).transpose();
    let given = given.map_err(|bad| Answer::bad_request(bad.to_string()))?;
    let person = match (invitation.person, given) {
        (Some(own), Some(given)) if own != given => {
            let error = format!("this link is for {own} alone");
            return Err(Answer::new(StatusCode::CONFLICT, "other-person", error));
        }
        (Some(person), _) | (None, Some(person)) => person,
        (None, None) => return Err(Answer::bad_request("say your name in the drill")),
    };
    let (hat, place) = (invitation.hat, invitation.place);
    let token = ask.token;
    let accept = |lobby: &Lobby| lobby.sessions.accept(&token);
    seat(&lobby, person, hat, place, ask.cookie, accept).await?.ok_or_else(unknown)
}

/// Gives somebody a seat: the drill agrees, and a session is opened. Nothing when `may` says so in the last moment.
pub(super) async fn seat(
    lobby: &Arc<Lobby>,
    person: Person,
    hat: Hat,
    place: Place,
    cookie: bool,
    may: impl FnOnce(&Lobby) -> bool,
) -> Result<Option<Response>, Answer> {
    let (side, drill) = match &place {
        Place::Lobby => ("lobby", None),
        Place::Drill(drill) => {
            let console = lobby.console(drill).filter(|console| console.is_open_to(hat));
            let console = console.ok_or_else(Answer::not_open)?;
            if let Some(office) = lobby.office() {
                office.learn(&person, Lesson::Seat(drill, hat)).await?;
            }
            console.desk.send(Command::Join { person: person.clone(), hat }).await?;
            (hat.as_str(), Some(drill.clone()))
        }
    };
    let opened = lobby.sessions.open(person.clone(), hat, place.clone());
    let session = opened.ok_or_else(Answer::too_many_sessions)?;
    if !may(lobby) {
        if let Some(caller) = lobby.sessions.caller(&session) {
            lobby.sessions.close(&caller);
        }
        return Ok(None);
    }
    lobby.audit.note_in(&person, &place, "came in", hat.as_str());
    let page = match &drill {
        Some(_) => format!("/{hat}"),
        None if hat.is_staff() => "/drills".to_owned(),
        None => "/me".to_owned(),
    };
    let set = cookie.then(|| lobby.address.cookie(side, &session));
    let joined = Joined { session: (!cookie).then_some(session), person, hat, drill, page };
    let mut response = as_json(serde_json::to_string(&joined).expect("a seat is plain data"));
    if let Some(set) = set {
        let value = set.parse().map_err(|_| Answer::bad_request("the cookie could not be made"))?;
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    Ok(Some(response))
}

/// Ends one's own session; open streams of it end, too.
pub(super) fn leave(visitor: &Visitor) -> Done {
    visitor.lobby.sessions.close(&visitor.caller);
    visitor.lobby.audit.note(&visitor.caller, "left", "");
    DONE
}

pub(super) async fn board(visitor: Visitor) -> Result<Response, Answer> {
    let board = visitor.console()?.view.now().board(audience(visitor.caller.hat));
    board.map(as_json).ok_or_else(Answer::not_planned)
}

pub(super) async fn injections(visitor: Visitor) -> Result<Response, Answer> {
    visitor.console()?.view.now().injections().map(as_json).ok_or_else(Answer::not_planned)
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

pub(super) async fn events(visitor: Visitor, headers: HeaderMap, uri: Uri) -> Result<Response, Answer> {
    let next = first_event(&headers, &uri)?;
    let telling = Telling::Lines(audience(visitor.caller.hat));
    let stream = stream::open(visitor.console()?, &visitor.caller, telling, next);
    let stream = stream.ok_or_else(Answer::too_many_streams)?;
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(stream)).into_response())
}

/// What this trainer has to grade: blind until their own grades are in.
pub(super) async fn grading(visitor: Visitor) -> Result<Response, Answer> {
    let snapshot = visitor.console()?.view.now();
    let journal = Journal::new(&snapshot.events).map_err(|_| Answer::not_planned())?;
    let sheet = GradingSheet::of(&journal, &visitor.caller.person);
    Ok(as_json(serde_json::to_vec(&sheet).expect("a sheet is plain data")))
}

pub(super) async fn health() -> &'static str {
    "ok\n"
}

pub(super) async fn metrics(State(lobby): State<Arc<Lobby>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::page(&lobby))
        .into_response()
}

pub(super) async fn document() -> Response {
    as_json(json!(operations::document()).to_string())
}

/// What the guard has found out about a request.
pub(super) fn found(request: &mut Request, caller: Caller, console: Option<Arc<Console>>) {
    if let Some(console) = console {
        request.extensions_mut().insert(console);
    }
    request.extensions_mut().insert(caller);
}

/// Why the safety lever is engaged.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeverAsk {
    reason: String,
}

/// Stops this drill and every other one of the home, and lets none begin: for the day on which the real world is on fire.
pub(super) async fn lever(visitor: Visitor, asked: LeverAsk) -> Result<Done, Answer> {
    let reason = asked.reason.trim();
    if reason.is_empty() || reason.len() > LEVER_REASON_MAX || reason.contains(char::is_control) {
        let error = format!("say why, in one line of at most {LEVER_REASON_MAX} bytes");
        return Err(Answer::new(StatusCode::CONFLICT, "bad-text", error));
    }
    let engaged = visitor.console()?.desk.engage_lever(&visitor.caller.person, reason);
    engaged.map_err(|error| Answer::new(StatusCode::CONFLICT, "no-lever", error))?;
    tracing::warn!(by = %visitor.caller.person, "the safety lever was engaged from the console");
    Ok(DONE)
}
