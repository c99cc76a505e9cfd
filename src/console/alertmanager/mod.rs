//! The drill's alarms in the words of Alertmanager's API, version 2, for the tools that people on call know. Alerts and
//! silences are the responders' board, told otherwise: nothing is kept here. To silence an alarm is to acknowledge it.
//!
//! Open first: [`add_silence`], the one thing that acts. `shapes` tells a board in these words; `matcher` reads which
//! alerts are meant.

mod matcher;
mod shapes;

pub(super) use shapes::{Alert, AlertGroup, Postable, Posted, Receiver, Silence, Status};

use super::{
    api::{Answer, Given, Visitor, as_json},
    now,
    page::escaped,
};
use crate::{
    base::{AlarmName, Span, limits::TEXT_BYTES_MAX},
    drill::command::{Command, Refusal},
    report::board::{self, ResponderBoard},
    scenario::act::Act,
};
use axum::{
    extract::{
        Path, Query,
        rejection::{PathRejection, QueryRejection},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use matcher::{MATCHERS_MAX, Matcher, whole};
use serde::Serialize;
use shapes::{View, receivers};

/// Where it is, below the console's address.
pub(super) const ROOT: &str = "/alertmanager/api/v2";
/// How far the clocks of people may be ahead of this one.
const AHEAD_MAX: Span = Span::from_mins(1);

/// What is no success, as clients of that API read it: a sentence alone, under a status that the API has.
pub(super) struct Said(Answer);

impl From<Answer> for Said {
    fn from(answer: Answer) -> Self {
        Self(answer)
    }
}

impl From<Refusal> for Said {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let status = match self.0.status() {
            StatusCode::CONFLICT => StatusCode::BAD_REQUEST,
            other => other,
        };
        let sentence = serde_json::to_string(self.0.error()).expect("a text is plain data");
        (status, as_json(sentence)).into_response()
    }
}

fn refused(error: impl Into<String>) -> Said {
    Said(Answer::bad_request(error))
}

/// The last part of an address.
type Id = Result<Path<String>, PathRejection>;
type Asked = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Which alerts, or silences, are asked for.
struct Wanted {
    matchers: Vec<Matcher>,
    receiver: Option<regex::Regex>,
    /// States that are left out.
    without: Vec<String>,
}

impl Wanted {
    fn read(asked: Asked) -> Result<Self, Said> {
        let Query(pairs) = asked.map_err(Answer::from)?;
        let mut wanted = Self { matchers: Vec::new(), receiver: None, without: Vec::new() };
        for (name, value) in pairs {
            match name.as_str() {
                "filter" if wanted.matchers.len() >= MATCHERS_MAX => {
                    return Err(refused(format!("at most {MATCHERS_MAX} filters at a time")));
                }
                "filter" => wanted.matchers.push(Matcher::parse(&value).map_err(refused)?),
                "receiver" => wanted.receiver = Some(whole(&value).map_err(refused)?),
                // Other words are of later versions, or nobody's: Alertmanager does not look at them either.
                _ if value == "false" => wanted.without.push(name),
                _ => {}
            }
        }
        Ok(wanted)
    }

    fn without(&self, state: &str) -> bool {
        self.without.iter().any(|one| one == state)
    }

    fn has(&self, alert: &Alert) -> bool {
        let left_out = if alert.is_silenced() {
            self.without("silenced") || self.without("muted")
        } else {
            self.without("active")
        };
        let received = |to: &Receiver| self.receiver.as_ref().is_none_or(|regex| regex.is_match(to.name));
        !left_out
            && alert.receivers.iter().any(received)
            && self.matchers.iter().all(|one| one.matches(&alert.labels))
    }

    fn has_silence(&self, silence: &Silence) -> bool {
        let labels = silence.matchers.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
        !self.without(silence.status.state) && self.matchers.iter().all(|one| one.matches(&labels))
    }
}

/// Tells something of the board that responders see, whoever asks.
fn told<T>(visitor: &Visitor, tell: impl FnOnce(&View<'_>) -> T) -> Result<T, Answer> {
    let console = visitor.console()?;
    let snapshot = console.view.now();
    let board: &ResponderBoard = snapshot.responder().ok_or_else(Answer::not_planned)?;
    let view = View { board, origin: visitor.lobby.address.origin(), hat: visitor.caller.hat, now: now() };
    Ok(tell(&view))
}

/// Active alarms that are meant.
fn firing(visitor: &Visitor, is_meant: impl Fn(&Alert) -> bool) -> Result<Vec<Alert>, Answer> {
    told(visitor, |view| view.alerts().filter(is_meant).collect())
}

fn json(said: &impl Serialize) -> Response {
    as_json(serde_json::to_string(said).expect("answers are plain data"))
}

pub(super) async fn status(visitor: Visitor) -> Result<Response, Said> {
    Ok(told(&visitor, |view| json(&Status::of(view.board)))?)
}

pub(super) async fn alerts(visitor: Visitor, asked: Asked) -> Result<Response, Said> {
    let wanted = Wanted::read(asked)?;
    Ok(json(&firing(&visitor, |alert| wanted.has(alert))?))
}

pub(super) async fn groups(visitor: Visitor, asked: Asked) -> Result<Response, Said> {
    let wanted = Wanted::read(asked)?;
    let alerts = firing(&visitor, |alert| wanted.has(alert))?;
    Ok(json(&alerts.into_iter().map(AlertGroup::of).collect::<Vec<_>>()))
}

pub(super) async fn receiver_list(_: Visitor) -> Response {
    json(&receivers())
}

pub(super) async fn silences(visitor: Visitor, asked: Asked) -> Result<Response, Said> {
    let wanted = Wanted::read(asked)?;
    let silences = told(&visitor, |view| {
        view.silences().filter(|silence| wanted.has_silence(silence)).collect::<Vec<_>>()
    })?;
    Ok(json(&silences))
}

pub(super) async fn silence(visitor: Visitor, id: Id) -> Result<Response, Said> {
    let Path(id) = id.map_err(|_| no_silence())?;
    let found = told(&visitor, |view| view.ack(&id).map(|ack| json(&view.silence(ack))))?;
    Ok(found.ok_or_else(no_silence)?)
}

fn no_silence() -> Answer {
    Answer::new(
        StatusCode::NOT_FOUND,
        "no-such-silence",
        "there is no such silence: alarms that somebody acknowledged have one",
    )
}

/// Acknowledges the alarms that are meant, in the name of whoever has the session. What they say of it goes to the channel.
pub(super) async fn add_silence(
    visitor: Visitor,
    asked: Result<Given<Postable>, Answer>,
) -> Result<Response, Said> {
    let Given(asked) = asked?;
    let meant = wanted_alarms(&visitor, &asked)?;
    let (by, desk) = (&visitor.caller.person, &visitor.console()?.desk);
    let (mut taken, mut refusal) = (Vec::new(), None);
    for alarm in meant {
        match desk.send(Command::Act { by: by.clone(), act: Act::Ack(alarm.clone()) }).await {
            Ok(()) => taken.push(alarm),
            Err(no) => refusal = Some(no),
        }
    }
    let Some(first) = taken.first() else {
        return Err(refusal.map_or_else(|| Said(no_silence()), Said::from));
    };
    let words = asked.comment.trim();
    for alarm in taken.iter().filter(|_| !words.is_empty()) {
        let act = Act::Say(board::comment(alarm, words));
        desk.send(Command::Act { by: by.clone(), act }).await?;
    }
    let silence_id = told(&visitor, |view| view.id_of(first.as_str()))?;
    Ok(json(&Posted { silence_id: silence_id.unwrap_or_default() }))
}

/// The alarms that a silence would acknowledge, or why there is none.
fn wanted_alarms(visitor: &Visitor, asked: &Postable) -> Result<Vec<AlarmName>, Said> {
    let now = now();
    if asked.id.as_deref().is_some_and(|id| !id.is_empty()) {
        return Err(refused("a silence is an acknowledgement here, and none is changed later"));
    }
    if asked.starts_at > now + AHEAD_MAX {
        return Err(refused("a silence is an acknowledgement here: it begins now, and cannot be planned"));
    }
    if asked.ends_at <= now || asked.ends_at <= asked.starts_at {
        return Err(refused("this silence would be over before it begins"));
    }
    if asked.matchers.is_empty() || asked.matchers.len() > MATCHERS_MAX {
        return Err(refused(format!("name 1 to {MATCHERS_MAX} matchers, like `alertname=NAME`")));
    }
    if asked.comment.len() > TEXT_BYTES_MAX / 2 {
        return Err(refused(format!("a comment has at most {} bytes", TEXT_BYTES_MAX / 2)));
    }
    let matchers = asked.matchers.iter().map(Matcher::of).collect::<Result<Vec<_>, _>>().map_err(refused)?;
    let firing = firing(visitor, |_| true)?;
    let meant: Vec<&Alert> =
        firing.iter().filter(|alert| matchers.iter().all(|one| one.matches(&alert.labels))).collect();
    if meant.is_empty() {
        let names: Vec<&str> = firing.iter().map(Alert::name).collect();
        let firing = if names.is_empty() { "none fires now".to_owned() } else { names.join(", ") };
        return Err(refused(format!(
            "a silence acknowledges alarms that fire, and no such alarm does (firing: {firing})"
        )));
    }
    // Where all of them are acknowledged the drill says by whom.
    let some_wait = meant.iter().any(|alert| !alert.is_silenced());
    let waiting = meant.iter().filter(|alert| !(some_wait && alert.is_silenced()));
    let names = waiting.map(|alert| alert.name().parse::<AlarmName>());
    names.collect::<Result<_, _>>().map_err(|bad| refused(bad.to_string()))
}

/// Whoever has acknowledged an alarm is on it, and cannot have been there never.
pub(super) async fn expire_silence(visitor: Visitor, id: Id) -> Result<Response, Said> {
    let Path(id) = id.map_err(|_| no_silence())?;
    let until = told(&visitor, |view| view.ack(&id).map(|ack| ack.until))?.ok_or_else(no_silence)?;
    let error = if until.is_some() {
        "this silence is over: it ended with its alarm"
    } else {
        "an acknowledgement stays: somebody is on this alarm, and the silence ends with it. Say in the channel what has changed"
    };
    // The one status under which clients of that API show why a silence stays.
    Err(Said(Answer::new(StatusCode::INTERNAL_SERVER_ERROR, "acknowledged", error)))
}

/// Alarms come from the drill alone.
pub(super) async fn add_alerts(_: Visitor) -> Said {
    refused("alarms are raised by the drill alone: here they are read and acknowledged")
}
