//! What a browser shows: one page for each side, made on the server, live through one stream for each person.
//!
//! A page is a shell, forms that never change, and parts that do. A part is made by a function from what somebody may see
//! ([`Look`]) to markup; the stream sends a part again when it has changed. A form is a command in JSON; the script sends
//! it and shows the answer.
//!
//! Open first: `shell` for the page around everything, `parts` for what responders see, `forms` for what they do, `ticket`
//! for the ticket and the severity checklist, `actions` for the action list and
//! pages, `staff` for instigators and trainers, `desk` for what instigators do, `editor` for scenarios, `msel` for the plan as
//! a picture, `talk` for trainers after EndEx, `line` for the channel, `live` for the stream, `reading` for documents, status page and
//! debrief, `signals` for the target's own metrics. `console.css` and `console.js` are served as they are.

mod actions;
mod chart;
mod desk;
pub(super) mod editor;
mod forms;
mod line;
pub(super) mod live;
pub(super) mod lobby;
mod msel;
mod own;
mod parts;
mod reading;
mod shell;
mod signals;
mod staff;
mod talk;
mod ticket;

use super::{
    Console,
    api::{Answer, Visitor, first_event},
    lobby::Lobby,
    sessions::{Caller, Place},
    stream::{self, Telling},
    view::Snapshot,
};
use crate::{
    drill::{event::Hat, plan::Plan},
    report::board::{InstigatorBoard, ResponderBoard},
};
use axum::{
    Router,
    body::Body,
    extract::{FromRequestParts, Path},
    http::{HeaderMap, Uri, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use maud::Markup;
use std::sync::{Arc, RwLockReadGuard};

const STYLE: &str = concat!(include_str!("console.css"), include_str!("../../report/render/plot.css"));
const SCRIPT: &str = include_str!("console.js");
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#14171b"/><path d="M6 18h5l3-9 5 15 3-6h4" fill="none" stroke="#e69f00" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>"##;

pub(super) fn router() -> Router<Arc<Lobby>> {
    Router::new()
        .route("/", get(|| async { html(&shell::join()) }))
        .route("/assets/console.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/assets/console.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/assets/icon.svg", get(|| async { asset("image/svg+xml", ICON) }))
        .route("/{side}", get(board))
        .route("/{side}/live", get(live))
        .route("/{side}/docs", get(reading::search))
        .route("/{side}/docs/read", get(reading::read))
        .route("/{side}/signals", get(signals::page))
        .route("/{side}/status", get(reading::status))
        .route("/{side}/debrief", get(reading::debrief))
        .route("/{side}/grade", get(talk::grade))
        .route("/{side}/talk", get(talk::talk))
}

/// What somebody may see at one moment.
struct Look<'a> {
    caller: &'a Caller,
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    board: &'a ResponderBoard,
    /// For those who run the drill.
    staff: Option<&'a InstigatorBoard>,
}

impl<'a> Look<'a> {
    /// Nothing before the drill has a plan.
    fn of(caller: &'a Caller, snapshot: &'a Snapshot) -> Option<Self> {
        let staff = match caller.hat {
            Hat::Instigator | Hat::Trainer => Some(snapshot.instigator()?),
            Hat::Responder | Hat::Observer => None,
        };
        Some(Self { caller, snapshot, plan: snapshot.plan()?, board: snapshot.responder()?, staff })
    }

    /// Whether they are among those who are exercised.
    fn plays(&self) -> bool {
        self.caller.hat == Hat::Responder
    }

    /// The number of the last event.
    fn seq(&self) -> u64 {
        self.snapshot.events.last().map_or(0, |last| last.seq)
    }

    /// The page of a document.
    fn document(&self, name: &str, anchor: &str) -> String {
        let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
        format!("/{}/docs/read?name={}{anchor}", self.caller.hat, escaped(name))
    }
}

/// A text as it may stand in an address.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn html(markup: &Markup) -> Response {
    asset("text/html; charset=utf-8", markup.0.clone())
}

fn asset(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// Somebody at a page of their own side, at one moment. Only one's own side is there; every other answers as if there
/// were nothing.
struct Visit {
    caller: Caller,
    console: Arc<Console>,
}

impl FromRequestParts<Arc<Lobby>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, lobby: &Arc<Lobby>) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, lobby).await;
        let visitor = visitor.map_err(IntoResponse::into_response)?;
        let side = Path::<String>::from_request_parts(parts, lobby).await;
        let Path(side) = side.map_err(IntoResponse::into_response)?;
        if side != visitor.caller.hat.as_str() || visitor.caller.place == Place::Lobby {
            return Err(Answer::nothing_here().into_response());
        }
        let console = visitor.console().map(Arc::clone).map_err(IntoResponse::into_response)?;
        Ok(Self { caller: visitor.caller, console })
    }
}

impl Visit {
    fn snapshot(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.console.view.now()
    }

    fn look<'a>(&'a self, snapshot: &'a Snapshot) -> Result<Look<'a>, Answer> {
        Look::of(&self.caller, snapshot).ok_or_else(Answer::not_planned)
    }
}

async fn board(visit: Visit) -> Result<Response, Answer> {
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let main = match visit.caller.hat {
        Hat::Responder => forms::responder(&look),
        Hat::Observer => parts::observer(&look),
        Hat::Instigator => staff::instigator(&look),
        Hat::Trainer => staff::trainer(&look),
    };
    Ok(html(&shell::page(&look, "", &main)))
}

async fn live(Visit { caller, console }: Visit, headers: HeaderMap, uri: Uri) -> Result<Response, Answer> {
    let next = first_event(&headers, &uri)?;
    let wants_signals = uri.query().is_some_and(|query| query.split('&').any(|one| one == "signals"));
    let telling = Telling::Page(Box::new(live::Live::of(caller.clone(), wants_signals)));
    let stream = stream::open(&console, &caller, telling, next).ok_or_else(Answer::too_many_streams)?;
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(stream)).into_response())
}
