//! The one table of the API: path, who may, shapes of question and answer, handler. The router, the guard and the
//! OpenAPI document are made of it. A shape is that of the handler's own types, so that none of them can drift.

use super::{
    alertmanager,
    api::{
        self, Answer, Given, HintAsk, InjectAsk, JoinAsk, Joined, Observation, Problem, QuestionAsk,
        SecondAct, SettleAsk, StopAsk, TellAsk, Visitor,
    },
    editor::{self, CheckAsk, Draft},
    lobby::Lobby,
    office::{self, DrillAsk, EnterAsk},
    own::{self, Answers, TakePart, Withdraw},
    sessions::{Caller, Place},
};
use crate::{
    drill::event::Hat,
    scenario::{act::Act, review::Review},
};
use axum::{
    extract::{DefaultBodyLimit, Query, rejection::QueryRejection},
    handler::Handler,
    http::Method,
    response::Response,
    routing::{self, MethodRouter},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{future::Future, sync::Arc};

const EVERY_HAT: &[Hat] = &[Hat::Instigator, Hat::Responder, Hat::Trainer, Hat::Observer];
const STAFF: &[Hat] = &[Hat::Instigator, Hat::Trainer];

/// Who may use an operation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Who {
    /// Everybody, without a session.
    Anyone,
    /// Whoever has a session.
    Session,
    /// In a drill these; others are told, in the drill's words, whose it is.
    Drill(&'static [Hat]),
    /// In a drill these; for others it is not there.
    Hidden(&'static [Hat]),
    /// At the list of drills these; for a drill's people it is not there.
    Lobby(&'static [Hat]),
}

impl Who {
    /// Lets a caller through, or says what is said instead.
    pub(super) fn admit(self, caller: &Caller) -> Result<(), Answer> {
        let in_lobby = caller.place == Place::Lobby;
        let (hats, hidden) = match self {
            Self::Anyone | Self::Session => return Ok(()),
            Self::Drill(hats) => (hats, in_lobby),
            Self::Hidden(hats) => (hats, true),
            Self::Lobby(hats) => (hats, !in_lobby),
        };
        let belongs = in_lobby == matches!(self, Self::Lobby(_));
        match hats {
            hats if belongs && hats.contains(&caller.hat) => Ok(()),
            [needed, ..] if !hidden => Err(Answer::wrong_hat(caller, *needed)),
            _ => Err(Answer::nothing_here()),
        }
    }

    /// Where, and which hats, as the document says it.
    fn told(self) -> (&'static str, &'static [Hat]) {
        match self {
            Self::Anyone => ("open", EVERY_HAT),
            Self::Session => ("any", EVERY_HAT),
            Self::Drill(hats) | Self::Hidden(hats) => ("drill", hats),
            Self::Lobby(hats) => ("lobby", hats),
        }
    }
}

/// How a type looks in the document.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What a success says.
enum Told {
    Json(Shape),
    /// JSON that the handler makes in one piece; what is in it depends on the side.
    Object(&'static str),
    Other(&'static str),
}

/// One operation.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) who: Who,
    summary: &'static str,
    asked: Option<Shape>,
    /// Name, meaning and shape of each parameter of the query.
    query: &'static [(&'static str, &'static str, &'static str)],
    told: Told,
    pub(super) route: MethodRouter<Arc<Lobby>>,
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// A `GET` whose handler makes the whole answer.
fn whole<H, X>(path: &'static str, who: Who, summary: &'static str, told: Told, handler: H) -> Operation
where
    H: Handler<X, Arc<Lobby>>,
    X: 'static,
{
    let route = routing::get(handler);
    Operation { method: Method::GET, path, who, summary, asked: None, query: &[], told, route }
}

/// A `GET` that answers with what its handler gives.
fn get<R, F, W>(path: &'static str, who: Who, summary: &'static str, handler: F) -> Operation
where
    F: Fn(Visitor) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<R, Answer>> + Send + 'static,
    R: Serialize + JsonSchema + 'static,
{
    let answer = move |visitor: Visitor| {
        let work = handler(visitor);
        async move { work.await.map(|said| as_json(&said)) }
    };
    whole(path, who, summary, Told::Json(shape::<R>), answer)
}

/// A `POST` of one body, which answers with what its handler gives.
fn post<A, R, F, W>(path: &'static str, who: Who, summary: &'static str, handler: F) -> Operation
where
    F: Fn(Visitor, A) -> W + Clone + Send + Sync + 'static,
    W: Future<Output = Result<R, Answer>> + Send + 'static,
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: Serialize + JsonSchema + 'static,
{
    let answer = move |visitor: Visitor, Given(asked): Given<A>| {
        let work = handler(visitor, asked);
        async move { work.await.map(|said| as_json(&said)) }
    };
    seated::<A, R, _, _>(path, who, summary, answer)
}

/// A `POST` whose handler makes the whole answer: it may hold a cookie.
fn seated<A, R, H, X>(path: &'static str, who: Who, summary: &'static str, handler: H) -> Operation
where
    H: Handler<X, Arc<Lobby>>,
    X: 'static,
    A: JsonSchema,
    R: JsonSchema,
{
    let (asked, told) = (Some(shape::<A> as Shape), Told::Json(shape::<R>));
    Operation {
        method: Method::POST,
        path,
        who,
        summary,
        asked,
        query: &[],
        told,
        route: routing::post(handler),
    }
}

fn as_json(said: &impl Serialize) -> Response {
    api::as_json(serde_json::to_string(said).expect("answers are plain data"))
}

/// Which debrief.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DebriefAsk {
    drill: String,
    form: String,
}

async fn debrief(
    visitor: Visitor,
    asked: Result<Query<DebriefAsk>, QueryRejection>,
) -> Result<Response, Answer> {
    let Query(asked) = asked?;
    office::debrief(&visitor, &asked.drill, &asked.form).await
}

/// In which form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FormAsk {
    form: String,
}

async fn programme(
    visitor: Visitor,
    asked: Result<Query<FormAsk>, QueryRejection>,
) -> Result<Response, Answer> {
    let Query(asked) = asked?;
    office::programme(&visitor, &asked.form).await
}

/// Which scenario.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ScenarioAsk {
    scenario: String,
}

async fn draft(
    visitor: Visitor,
    asked: Result<Query<ScenarioAsk>, QueryRejection>,
) -> Result<Response, Answer> {
    let Query(asked) = asked?;
    Ok(as_json(&editor::draft(&visitor, &asked.scenario).await?))
}

/// The same for a body that holds a scenario's text.
fn with_text(one: Operation) -> Operation {
    Operation { route: one.route.layer(DefaultBodyLimit::max(editor::BODY_BYTES_MAX)), ..one }
}

async fn enter(visitor: Visitor, Given(asked): Given<EnterAsk>) -> Result<Response, Answer> {
    office::enter(visitor, asked).await
}

/// Every operation.
pub(super) fn operations() -> Vec<Operation> {
    let mut all = vec![
        whole("/healthz", Who::Anyone, "Says that it lives", Told::Other("text/plain"), api::health),
        whole(
            "/metrics",
            Who::Anyone,
            "Its own counters, for Prometheus",
            Told::Other("text/plain"),
            api::metrics,
        ),
        whole("/api/openapi.json", Who::Anyone, "This document", Told::Object("OpenAPI 3.1"), api::document),
        seated::<JoinAsk, Joined, _, _>("/api/join", Who::Anyone, "Comes in with a link", api::join),
    ];
    all.push(Operation {
        method: Method::POST,
        path: "/api/leave",
        who: Who::Session,
        summary: "Ends one's session",
        asked: None,
        query: &[],
        told: Told::Json(shape::<api::Done>),
        route: routing::post(|visitor: Visitor| async move { as_json(&api::leave(&visitor)) }),
    });
    all.extend(of_a_drill());
    all.extend(of_the_lobby());
    all.extend(of_alertmanager());
    all
}

fn of_a_drill() -> Vec<Operation> {
    use api::command;
    const DIRECTS: Who = Who::Drill(&[Hat::Instigator]);
    let events = whole(
        "/api/events",
        Who::Drill(EVERY_HAT),
        "What happens, one line an event, live",
        Told::Other("text/event-stream"),
        api::events,
    );
    vec![
        whole(
            "/api/board",
            Who::Drill(EVERY_HAT),
            "How it stands",
            Told::Object("What one's side sees"),
            api::board,
        ),
        Operation { query: &[("after", "Begins behind this event", "integer")], ..events },
        whole(
            "/api/injections",
            Who::Hidden(STAFF),
            "Every injection with its state",
            Told::Object("A list of id, fault, target and state"),
            api::injections,
        ),
        post("/api/act", Who::Drill(&[Hat::Responder]), "Acts in the drill", command::<Act>),
        post("/api/hint", DIRECTS, "Points at documentation", command::<HintAsk>),
        post("/api/ask", DIRECTS, "Asks a prepared question", command::<QuestionAsk>),
        post("/api/inject", DIRECTS, "Sends an inject that was held back", command::<InjectAsk>),
        post("/api/second-act", DIRECTS, "Begins the second act", command::<SecondAct>),
        post("/api/tell", Who::Drill(&[Hat::Observer]), "Hands in a bystander's message", command::<TellAsk>),
        post("/api/settle", DIRECTS, "Passes a bystander's message on, or not", command::<SettleAsk>),
        post("/api/observe", Who::Drill(&[Hat::Trainer]), "Notes an observation", command::<Observation>),
        post(
            "/api/review",
            Who::Drill(&[Hat::Trainer]),
            "Grades, or keeps what comes of the talk",
            command::<Review>,
        ),
        whole(
            "/api/grading",
            Who::Hidden(&[Hat::Trainer]),
            "What one has to grade: blind until one's grades are in",
            Told::Object("The dimensions, objectives and answers that need a reader"),
            api::grading,
        ),
        post("/api/stop", Who::Drill(EVERY_HAT), "Stops the drill", command::<StopAsk>),
        post("/api/lever", DIRECTS, "Engages the safety lever", api::lever),
    ]
}

fn of_the_lobby() -> Vec<Operation> {
    const RUNS: Who = Who::Lobby(&[Hat::Instigator]);
    let debrief = whole(
        "/api/debrief",
        Who::Lobby(STAFF),
        "The debrief of a drill",
        Told::Object("The debrief; `form` may also be `html` or `md`"),
        debrief,
    );
    let programme = whole(
        "/api/programme",
        Who::Lobby(STAFF),
        "What was practised, and what comes next",
        Told::Object("The programme; `form` may also be `html` or `md`"),
        programme,
    );
    let draft =
        whole("/api/scenario", RUNS, "A scenario as it is written", Told::Json(shape::<Draft>), draft);
    vec![
        get("/api/drills", Who::Lobby(STAFF), "Planned, running and past drills", office::drills),
        post("/api/drills", RUNS, "Begins a drill, or plans one", office::begin),
        post::<DrillAsk, _, _, _>("/api/call-off", RUNS, "Calls a planned drill off", office::call_off),
        post("/api/postpone", RUNS, "Moves a planned drill, or begins it now", office::postpone),
        get("/api/library", Who::Lobby(STAFF), "Scenarios, checked and rehearsed or not", office::library),
        Operation { query: &[("scenario", "Which scenario", "string")], ..draft },
        with_text(post::<CheckAsk, _, _, _>(
            "/api/check",
            RUNS,
            "Finds every mistake in a scenario's text",
            editor::check,
        )),
        with_text(post("/api/scenario", RUNS, "Writes a scenario", editor::keep)),
        Operation {
            query: &[("drill", "Which drill", "string"), ("form", "json, html or md", "string")],
            ..debrief
        },
        Operation { query: &[("form", "json, html or md", "string")], ..programme },
        post("/api/invitations", RUNS, "Makes a personal invitation", office::invite),
        post("/api/revoke", RUNS, "Ends what somebody has", office::revoke),
        get("/api/me", Who::Lobby(EVERY_HAT), "What one may sign up for, or go into", own::mine),
        post::<TakePart, _, _, _>(
            "/api/sign-up",
            Who::Lobby(EVERY_HAT),
            "Takes part in a planned drill",
            own::sign_up,
        ),
        post::<Withdraw, _, _, _>(
            "/api/withdraw",
            Who::Lobby(EVERY_HAT),
            "Takes part no more",
            own::withdraw,
        ),
        post::<Answers, _, _, _>("/api/answer", Who::Lobby(EVERY_HAT), "Answers a comcheck", own::answer),
        seated::<EnterAsk, Joined, _, _>(
            "/api/enter",
            Who::Lobby(EVERY_HAT),
            "Takes one's seat in a drill",
            enter,
        ),
    ]
}

/// What Alertmanager's clients ask for: the paths, words and statuses are those of its published API.
fn of_alertmanager() -> Vec<Operation> {
    use alertmanager::{Alert, AlertGroup, Postable, Posted, Receiver, Silence, Status};
    const SEES: Who = Who::Drill(EVERY_HAT);
    const WHICH: &[(&str, &str, &str)] = &[
        ("filter", "A matcher; each has to match", "strings"),
        ("receiver", "A regular expression for receivers", "string"),
        ("active", "Whether alarms that nobody has acknowledged are told", "boolean"),
        ("silenced", "Whether alarms that somebody has acknowledged are told", "boolean"),
    ];
    const WHICH_SILENCES: &[(&str, &str, &str)] = &[
        ("filter", "A matcher; each has to match", "strings"),
        ("active", "Whether silences of active alarms are told", "boolean"),
        ("expired", "Whether silences that are over are told", "boolean"),
    ];
    const ALERTS: &str = "/alertmanager/api/v2/alerts";
    const GROUPS: &str = "/alertmanager/api/v2/alerts/groups";
    const RECEIVERS: &str = "/alertmanager/api/v2/receivers";
    const SILENCE: &str = "/alertmanager/api/v2/silence/{id}";
    const SILENCES: &str = "/alertmanager/api/v2/silences";
    const STATUS: &str = "/alertmanager/api/v2/status";
    fn told<T: JsonSchema>() -> Told {
        Told::Json(shape::<T>)
    }
    let alerts = whole(ALERTS, SEES, "Active alarms", told::<Vec<Alert>>(), alertmanager::alerts);
    let groups = whole(
        GROUPS,
        SEES,
        "Active alarms, each in a group",
        told::<Vec<AlertGroup>>(),
        alertmanager::groups,
    );
    let silences = whole(SILENCES, SEES, "Acknowledgements", told::<Vec<Silence>>(), alertmanager::silences);
    let refusing = |method, path, summary, route| Operation {
        method,
        path,
        who: SEES,
        summary,
        asked: None,
        query: &[],
        told: Told::Json(shape::<String>),
        route,
    };
    vec![
        whole(STATUS, SEES, "What this is", told::<Status>(), alertmanager::status),
        whole(RECEIVERS, SEES, "Who is told", told::<Vec<Receiver>>(), alertmanager::receiver_list),
        Operation { query: WHICH, ..alerts },
        Operation { query: WHICH, ..groups },
        refusing(
            Method::POST,
            ALERTS,
            "Refuses: only the drill raises alarms",
            routing::post(alertmanager::add_alerts),
        ),
        Operation { query: WHICH_SILENCES, ..silences },
        seated::<Postable, Posted, _, _>(
            SILENCES,
            Who::Drill(&[Hat::Responder]),
            "Acknowledges the alarms that match",
            alertmanager::add_silence,
        ),
        whole(SILENCE, SEES, "One acknowledgement", told::<Silence>(), alertmanager::silence),
        refusing(
            Method::DELETE,
            SILENCE,
            "Refuses: an acknowledgement stays",
            routing::delete(alertmanager::expire_silence),
        ),
    ]
}

/// What a path or a query may hold, as the document says it.
fn parameters(one: &Operation) -> Vec<Value> {
    let in_path = one.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = in_path.map(|name| {
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
    });
    let in_query = one.query.iter().map(|(name, means, kind)| {
        let schema = match *kind {
            "integer" => json!({"type": kind, "minimum": 0, "maximum": u32::MAX}),
            "strings" => json!({"type": "array", "items": {"type": "string"}}),
            _ => json!({"type": kind}),
        };
        json!({"name": name, "in": "query", "description": means, "schema": schema})
    });
    in_path.chain(in_query).collect()
}

/// The OpenAPI document.
pub(super) fn document() -> Value {
    let settings =
        || SchemaSettings::draft2020_12().with(|set| set.definitions_path = "/components/schemas".into());
    let mut asked = settings().for_deserialize().into_generator();
    let mut told = settings().for_serialize().into_generator();
    let problem = told.subschema_for::<Problem>();
    let mut paths = serde_json::Map::new();
    for one in operations() {
        let (place, hats) = one.who.told();
        let content = |kind: &str, schema: Value| json!({kind: {"schema": schema}});
        let good = match one.told {
            Told::Json(shape) => content("application/json", json!(shape(&mut told))),
            Told::Object(what) => content("application/json", json!({"description": what})),
            Told::Other(kind) => content(kind, json!({"type": "string"})),
        };
        let said = if one.path.starts_with(alertmanager::ROOT) {
            json!({"anyOf": [{"type": "string"}, problem]})
        } else {
            json!(problem)
        };
        let bad =
            |says: &str| json!({"description": says, "content": content("application/json", said.clone())});
        let mut operation = json!({
            "summary": one.summary,
            "operationId": format!("{} {}", one.method, one.path).to_lowercase(),
            "parameters": parameters(&one),
            "responses": {
                "200": {"description": "Done", "content": good},
                "4XX": bad("Refused, and why"),
                "503": bad("Not now, and why"),
            },
            "x-place": place,
            "x-hats": hats,
        });
        if let Some(shape) = one.asked {
            operation["requestBody"] =
                json!({"required": true, "content": content("application/json", json!(shape(&mut asked)))});
        }
        if one.method == Method::DELETE {
            // So Alertmanager's own API says why a silence stays.
            operation["responses"]["500"] = bad("Refused, and why");
        }
        if matches!(one.who, Who::Anyone) {
            operation["security"] = json!([]);
        }
        let path = paths.entry(one.path).or_insert_with(|| json!({}));
        path[one.method.as_str().to_lowercase()] = operation;
    }
    let mut schemas = asked.take_definitions(true);
    schemas.extend(told.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gameday",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What people and programs may ask of a drill, and of the list of drills. `x-place` and `x-hats` say whose an operation is.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"session": {"type": "http", "scheme": "bearer", "description": "What `/api/join` answers"}},
        },
        "security": [{"session": []}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document = document();
        let text = document.to_string();
        let names: BTreeSet<_> =
            text.split("\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
        let ids: BTreeSet<_> = text.match_indices("\"operationId\"").collect();
        assert_eq!(ids.len(), operations().len());
    }
}
