//! What a server adds to the drills that are open: the list of all, the library, and a way to begin others. The office
//! itself is the program around the console; here are its words, and the operations that ask it.

use super::{
    api::{Answer, DONE, Done, Visitor, as_json, seat},
    editor::{Checked, Draft, Keep, Kept},
    own::{Own, TakePart, Withdraw},
    sessions::{Invited, Place},
};
use crate::{
    base::{At, DrillId, Person},
    clock::BoxFuture,
    drill::{
        event::{Hat, Outcome, Recorded},
        preflight::Bar,
    },
    report::{
        Journal,
        programme::Programme,
        render::{self, Document},
    },
};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A document holds its own style, and no script.
const DOCUMENT: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
/// People who may be named for one drill.
const NAMED_MAX: usize = 100;

/// What a long-running console needs of the program around it.
pub trait Office: Send + Sync {
    /// Every drill: planned, running and past, the newest first.
    fn drills(&self) -> BoxFuture<'_, Result<Vec<DrillLine>, Denied>>;
    /// Every scenario that a drill can be begun of.
    fn library(&self) -> BoxFuture<'_, Result<Vec<Shelved>, Denied>>;
    /// A scenario of the library as it is written. It holds the answers.
    fn draft<'a>(&'a self, scenario: &'a str) -> BoxFuture<'a, Result<Draft, Denied>>;
    /// What `gameday check` finds in a text. A scenario's name says where it is to stand; nothing: nowhere yet.
    fn check(&self, scenario: Option<String>, text: String) -> BoxFuture<'_, Result<Checked, Denied>>;
    /// Writes a scenario's file, new or in the place of what somebody has opened.
    fn keep(&self, asked: Keep) -> BoxFuture<'_, Result<Kept, Denied>>;
    /// Begins a drill, or plans one; answered before anything is broken.
    fn begin<'a>(&'a self, order: Order, by: &'a Person) -> BoxFuture<'a, Result<DrillId, Denied>>;
    /// Calls a planned drill off. One that has been begun is stopped in its own pages.
    fn call_off<'a>(&'a self, drill: &'a DrillId, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>>;
    /// Gives a planned drill another moment, or (without one) begins it now.
    fn postpone<'a>(
        &'a self,
        drill: &'a DrillId,
        to: Option<&'a str>,
        by: &'a Person,
    ) -> BoxFuture<'a, Result<(), Denied>>;
    /// What somebody may know of what is planned, before they play it.
    fn own<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<Own, Denied>>;
    /// Somebody takes part in a planned drill, on the side of that hat. Gives who is still lacking.
    fn sign_up<'a>(
        &'a self,
        asked: TakePart,
        by: &'a Person,
        hat: Hat,
    ) -> BoxFuture<'a, Result<Option<String>, Denied>>;
    /// Somebody takes part no more.
    fn withdraw<'a>(&'a self, asked: Withdraw, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>>;
    /// Somebody has answered a comcheck.
    fn answered<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<(), Denied>>;
    /// What was practised here, and what comes next, without what would tell somebody an answer that they are to play.
    fn programme<'a>(&'a self, by: &'a Person) -> BoxFuture<'a, Result<Programme, Denied>>;
    /// Somebody is about to come to know an answer: whoever is to play it may not, and of everybody else it is written down.
    fn learn<'a>(&'a self, by: &'a Person, of: Lesson<'a>) -> BoxFuture<'a, Result<(), Denied>>;
    /// The journal of a drill; nothing when there is none.
    fn journal<'a>(&'a self, drill: &'a DrillId) -> BoxFuture<'a, Result<Vec<Recorded>, Denied>>;
}

/// What tells the answer of a scenario.
#[derive(Debug, Clone, Copy)]
pub enum Lesson<'a> {
    /// The debrief of a drill.
    Debrief(&'a DrillId),
    /// A seat in a drill.
    Seat(&'a DrillId, Hat),
    /// A scenario, as it is written.
    Read(&'a str),
    /// The same, in one's own words.
    Wrote(&'a str),
}

/// Why the office does not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// A word for scripts.
    pub code: &'static str,
    /// A sentence for people.
    pub error: String,
    /// Every rule that keeps a drill from beginning.
    pub bars: Vec<Bar>,
}

impl Denied {
    /// A reason that is no rule of the preflight.
    pub fn new(code: &'static str, error: impl Into<String>) -> Self {
        Self { code, error: error.into(), bars: Vec::new() }
    }
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::CONFLICT, denied.code, denied.error).with_bars(denied.bars)
    }
}

/// How a drill stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DrillState {
    /// Its start is announced.
    Planned,
    /// Its target is made ready, it is played, or taken back.
    Running,
    /// Its engine is gone, and something may be left.
    Left,
    /// Nothing follows.
    Over,
    /// It did not begin, or could not be conducted to its end.
    Failed,
}

/// A drill in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DrillLine {
    /// The drill.
    pub drill: DrillId,
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// What is broken.
    pub target: String,
    /// How it stands.
    pub state: DrillState,
    /// `StartEx`, as it happened or as it is planned; nothing for a surprise.
    #[schemars(with = "Option<String>")]
    pub start: Option<At>,
    /// When it is planned, as people say it; nothing for what was begun at once.
    pub when: Option<String>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Why it failed, or nothing.
    pub note: Option<String>,
}

/// Whether a scenario is proved as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearsal {
    /// A certificate holds, or it comes with the program as it is.
    Holds,
    /// Why it does not count as rehearsed.
    No(String),
}

/// A scenario of the library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shelved {
    /// What a drill is begun by.
    pub name: String,
    /// Whether it may be edited; one that comes with the program stays as it is.
    pub own: bool,
    /// Its title; empty when the file has problems.
    pub title: String,
    /// What it breaks.
    pub target: String,
    /// 1 to 5; 0 when the file has problems.
    pub difficulty: u8,
    /// How long it takes good players.
    pub par: String,
    /// What it trains.
    pub objectives: Vec<String>,
    /// What `gameday check` finds, each with its line.
    pub problems: Vec<String>,
    /// Whether it is rehearsed.
    pub rehearsal: Rehearsal,
}

/// A drill that somebody wants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Order {
    /// A name of the library.
    pub scenario: String,
    /// When the outage begins, like `2026-12-01 14:00 Europe/Berlin`; at once without it, a window or a rule.
    pub at: Option<String>,
    /// A surprise in the business hours of this week, like `2026-W50 Europe/Berlin`.
    pub window: Option<String>,
    /// These hours, like `09:00-17:00`.
    pub hours: Option<String>,
    /// Days of that week on which nobody works, like `2026-12-08`.
    pub holidays: Vec<String>,
    /// Again and again, like `tue 14:00 Europe/Berlin`, `1st tue 14:00 Europe/Berlin` or `last day 10:00 UTC`.
    pub every: Option<String>,
    /// The last day of a series, like `2027-06-30`; without it or `times` it goes on.
    pub until: Option<String>,
    /// How often a series takes place.
    pub times: Option<u32>,
    /// Which of the scenario's variants is played; without it the seed draws one.
    pub variant: Option<String>,
    /// Who plays; each gets an invitation, and nobody else may play. Without names, invitations are made later.
    pub responders: Vec<Person>,
    /// Who else runs it.
    pub instigators: Vec<Person>,
    /// The scenario's own responders play.
    pub autopilot: bool,
    /// Why it is played although it is not rehearsed as it is.
    pub unrehearsed: Option<String>,
    /// Why it is played although the people named are too few or too many.
    pub roster_anyway: Option<String>,
    /// How shortly before the start each responder must have answered a comcheck, like `336h`.
    pub comcheck: Option<String>,
    /// Everybody is called when it begins, and may come; then nobody is named.
    pub code_blue: bool,
    /// Who is on from when after the start, like `0s ana,ben` and `2h cem,dia`.
    pub shifts: Vec<String>,
}

/// Every drill.
#[derive(Serialize, JsonSchema)]
pub(super) struct Drills {
    drills: Vec<DrillLine>,
}

/// Every scenario.
#[derive(Serialize, JsonSchema)]
pub(super) struct Shelves {
    scenarios: Vec<Shelved>,
}

/// A link that lets one person in, once.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Invite {
    person: Person,
    hat: Hat,
    link: String,
    /// When it can no longer be accepted.
    #[schemars(with = "String")]
    until: At,
}

/// A drill that was begun or planned.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Begun {
    drill: DrillId,
    invitations: Vec<Invite>,
}

/// Lets somebody in: to a drill, or to the list of drills.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteAsk {
    person: Person,
    hat: Hat,
    /// The drill; without it the list of drills, or for responders and observers a page of their own.
    #[serde(default)]
    drill: Option<DrillId>,
}

/// Ends what somebody has: sessions with their open pages, and invitations.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeAsk {
    person: Person,
    /// In this drill; without it at the list of drills.
    #[serde(default)]
    drill: Option<DrillId>,
}

/// One of the drills.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DrillAsk {
    drill: DrillId,
}

/// Another moment for a planned drill.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PostponeAsk {
    drill: DrillId,
    /// Like `2026-12-02 14:00 Europe/Berlin`; without it the drill begins now.
    #[serde(default)]
    at: Option<String>,
}

/// Takes one's seat in a drill that is open.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnterAsk {
    drill: DrillId,
    /// The session is kept in a cookie that no script can read, and is not told.
    #[serde(default)]
    cookie: bool,
}

impl Visitor {
    pub(super) fn office(&self) -> Result<&Arc<dyn Office>, Answer> {
        self.lobby.office().ok_or_else(Answer::nothing_here)
    }

    fn link(&self, place: &Place, person: Person, hat: Hat) -> Result<Invite, Answer> {
        let invited = self.lobby.sessions.invite(place.clone(), person.clone(), hat);
        let Invited { token, until } = invited.ok_or_else(Answer::too_many_sessions)?;
        self.lobby.audit.note_in(&self.caller.person, place, "invited", &format!("{person} as {hat}"));
        Ok(Invite { link: format!("{}/#{token}", self.lobby.address.origin()), person, hat, until })
    }
}

pub(super) async fn drills(visitor: Visitor) -> Result<Drills, Answer> {
    Ok(Drills { drills: visitor.office()?.drills().await? })
}

pub(super) async fn library(visitor: Visitor) -> Result<Shelves, Answer> {
    visitor.lobby.audit.note(&visitor.caller, "read the library", "");
    Ok(Shelves { scenarios: visitor.office()?.library().await? })
}

pub(super) async fn begin(visitor: Visitor, mut order: Order) -> Result<Begun, Answer> {
    if order.responders.len() + order.instigators.len() > NAMED_MAX {
        return Err(Answer::bad_request(format!("at most {NAMED_MAX} people may be named")));
    }
    let by = visitor.caller.person.clone();
    let asked = order.code_blue || !order.shifts.is_empty();
    let named = asked || !order.responders.is_empty() || !order.instigators.is_empty();
    if named && !order.instigators.contains(&by) {
        order.instigators.insert(0, by.clone());
    }
    let people = order.responders.iter().map(|one| (one.clone(), Hat::Responder));
    let others = order.instigators.iter().filter(|one| **one != by).map(|one| (one.clone(), Hat::Instigator));
    let people: Vec<_> = people.chain(others).collect();
    let scenario = order.scenario.clone();
    let drill = visitor.office()?.begin(order, &by).await?;
    let place = Place::Drill(drill.clone());
    visitor.lobby.audit.note_in(&by, &place, "began", &scenario);
    let links = people.into_iter().map(|(person, hat)| visitor.link(&place, person, hat));
    Ok(Begun { drill, invitations: links.collect::<Result<_, _>>()? })
}

pub(super) async fn postpone(visitor: Visitor, ask: PostponeAsk) -> Result<Done, Answer> {
    let by = &visitor.caller.person;
    let to = ask.at.as_deref().filter(|text| !text.trim().is_empty());
    visitor.office()?.postpone(&ask.drill, to, by).await?;
    visitor.lobby.audit.note_in(by, &Place::Drill(ask.drill), "postponed", to.unwrap_or("now"));
    Ok(DONE)
}

pub(super) async fn call_off(visitor: Visitor, ask: DrillAsk) -> Result<Done, Answer> {
    visitor.office()?.call_off(&ask.drill, &visitor.caller.person).await?;
    visitor.lobby.sessions.forget(&ask.drill);
    visitor.lobby.audit.note_in(&visitor.caller.person, &Place::Drill(ask.drill), "called off", "");
    Ok(DONE)
}

pub(super) async fn invite(visitor: Visitor, ask: InviteAsk) -> Result<Invite, Answer> {
    let place = match ask.drill {
        None => Place::Lobby,
        Some(drill) => {
            let known = visitor.office()?.drills().await?;
            let open = |one: &DrillLine| {
                one.drill == drill && matches!(one.state, DrillState::Planned | DrillState::Running)
            };
            if !known.iter().any(open) {
                return Err(
                    Denied::new("no-such-drill", format!("no drill {drill} is planned or running")).into()
                );
            }
            Place::Drill(drill)
        }
    };
    visitor.link(&place, ask.person, ask.hat)
}

/// How much was ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Revoked {
    ended: usize,
}

pub(super) async fn revoke(visitor: Visitor, ask: RevokeAsk) -> Result<Revoked, Answer> {
    let place = ask.drill.map_or(Place::Lobby, Place::Drill);
    let ended = visitor.lobby.sessions.revoke(&ask.person, &place);
    visitor.lobby.audit.note_in(&visitor.caller.person, &place, "revoked", ask.person.as_str());
    Ok(Revoked { ended })
}

/// Whoever is at the list of drills, or at a page of their own, may take a seat in each drill that they may be in, on the
/// same side.
pub(super) async fn enter(visitor: Visitor, ask: EnterAsk) -> Result<Response, Answer> {
    let place = Place::Drill(ask.drill);
    let (person, hat) = (visitor.caller.person.clone(), visitor.caller.hat);
    seat(&visitor.lobby, person, hat, place, ask.cookie, |_| true).await?.ok_or_else(Answer::not_open)
}

/// The practice of this home as a whole.
pub(super) async fn programme(visitor: &Visitor, form: &str) -> Result<Response, Answer> {
    let programme = visitor.office()?.programme(&visitor.caller.person).await?;
    visitor.lobby.audit.note(&visitor.caller, "read the programme", form);
    written(
        form,
        || render::programme(&programme),
        || serde_json::to_string_pretty(&programme).expect("a programme is plain data"),
    )
}

/// A document in the form that was asked for.
fn written(
    form: &str,
    document: impl FnOnce() -> Document,
    json: impl FnOnce() -> String,
) -> Result<Response, Answer> {
    let (kind, text) = match form {
        "html" => ("text/html; charset=utf-8", document().html()),
        "md" => ("text/markdown; charset=utf-8", document().markdown()),
        "" | "json" => return Ok(as_json(json())),
        _ => return Err(Answer::nothing_here()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, DOCUMENT)], text).into_response())
}

/// The debrief of any drill, as it is or as it would be now.
pub(super) async fn debrief(visitor: &Visitor, drill: &str, form: &str) -> Result<Response, Answer> {
    let drill: DrillId = drill.parse().map_err(|_| Answer::nothing_here())?;
    visitor.office()?.learn(&visitor.caller.person, Lesson::Debrief(&drill)).await?;
    let journal = visitor.office()?.journal(&drill).await?;
    let journal = Journal::new(&journal).map_err(|_| Answer::nothing_here())?;
    let debrief = visitor.caller.debrief(&journal);
    visitor.lobby.audit.note_in(&visitor.caller.person, &Place::Drill(drill), "read the debrief", form);
    written(form, || Document::of(&debrief), || render::json(&debrief))
}
