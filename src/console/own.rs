//! One's own page at a server: the comcheck, the drills that one may sign up for, and those that one may go into. Of what is
//! planned it tells when and where, never what.

use super::{
    api::{Answer, DONE, Done, Visitor},
    lobby::Lobby,
    sessions::Caller,
};
use crate::{
    base::{At, DrillId, EntryId, Person, Span},
    drill::event::{Event, Hat},
    scenario::roster::{PrerequisiteId, Shift},
};
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Prerequisites that one sign-up may attest.
const ATTESTED_MAX: usize = 20;

/// What somebody may know of themselves and of what is planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Own {
    /// When they last answered a comcheck.
    #[schemars(with = "Option<String>")]
    pub answered: Option<At>,
    /// What is planned, as everybody may know it.
    pub planned: Vec<OwnDrill>,
}

/// A planned drill before anybody may know what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OwnDrill {
    /// What one signs up for.
    pub entry: EntryId,
    /// Which of its days.
    #[schemars(with = "String")]
    pub day: Date,
    /// When it begins, or in which week.
    pub when: String,
    /// What is broken.
    pub target: String,
    /// The longest that it may take.
    pub minutes: u64,
    /// Who is exercised so far.
    pub responders: Vec<Person>,
    /// How many responders it needs, at least and at most; nothing: that is not known.
    pub needed: Option<(u8, u8)>,
    /// Everybody is called when it begins.
    pub code_blue: bool,
    /// Who is on when, where people take turns.
    #[schemars(with = "Vec<String>")]
    pub shifts: Vec<Shift>,
    /// What responders need.
    pub prerequisites: Vec<Needed>,
    /// How shortly before the start responders must have answered a comcheck; nothing: they need not.
    #[schemars(with = "Option<String>")]
    pub comcheck: Option<Span>,
    /// Its target is being made ready. A surprise does not tell.
    pub soon: bool,
    /// On which side one takes part; nothing: on none.
    #[schemars(with = "Option<String>")]
    pub side: Option<Hat>,
}

/// A prerequisite of responders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Needed {
    /// Like `depot/shell-access`.
    pub id: String,
    /// What it is.
    pub says: String,
    /// One has said to have it.
    pub attested: bool,
}

/// Takes part in a planned drill, on the side that one has here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TakePart {
    /// What is planned.
    pub entry: EntryId,
    /// Which of its days; needed for a series.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub day: Option<Date>,
    /// Prerequisites that one has.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub attest: Vec<PrerequisiteId>,
}

/// Takes part no more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdraw {
    /// What is planned.
    pub entry: EntryId,
    /// Which of its days; needed for a series.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub day: Option<Date>,
}

/// Can be reached here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {}

/// A drill that one may go into now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Open {
    pub(super) drill: DrillId,
    pub(super) target: String,
}

/// One's own page.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Mine {
    person: Person,
    hat: Hat,
    pub(super) open: Vec<Open>,
    #[serde(flatten)]
    pub(super) own: Own,
}

/// What came of a sign-up.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SignedUp {
    /// Who has to sign up before it can begin.
    lacking: Option<String>,
}

pub(super) async fn mine(visitor: Visitor) -> Result<Mine, Answer> {
    look(&visitor).await
}

/// How it stands for one.
pub(super) async fn look(visitor: &Visitor) -> Result<Mine, Answer> {
    let own = visitor.office()?.own(&visitor.caller.person).await?;
    let (person, hat) = (visitor.caller.person.clone(), visitor.caller.hat);
    Ok(Mine { person, hat, open: open(&visitor.lobby, &visitor.caller), own })
}

/// Drills that run and that somebody may come into, as far as their plans say.
fn open(lobby: &Lobby, caller: &Caller) -> Vec<Open> {
    let open = |drill: DrillId| {
        let console = lobby.console(&drill).filter(|console| console.is_open_to(caller.hat))?;
        let seen = console.view.now();
        let plan = seen.plan()?;
        let may = plan.admission.expects(&caller.person, caller.hat);
        let over = seen.has(|event| matches!(event, Event::Closed { .. }));
        (may && !over).then(|| Open { target: plan.target.name.clone(), drill })
    };
    lobby.consoles().into_iter().filter_map(open).collect()
}

pub(super) async fn sign_up(visitor: Visitor, asked: TakePart) -> Result<SignedUp, Answer> {
    if asked.attest.len() > ATTESTED_MAX {
        return Err(Answer::bad_request(format!("at most {ATTESTED_MAX} prerequisites may be attested")));
    }
    let Caller { person, hat, .. } = &visitor.caller;
    let entry = asked.entry.to_string();
    let lacking = visitor.office()?.sign_up(asked, person, *hat).await?;
    visitor.lobby.audit.note(&visitor.caller, "signed up", &entry);
    Ok(SignedUp { lacking })
}

pub(super) async fn withdraw(visitor: Visitor, asked: Withdraw) -> Result<Done, Answer> {
    let entry = asked.entry.to_string();
    visitor.office()?.withdraw(asked, &visitor.caller.person).await?;
    visitor.lobby.audit.note(&visitor.caller, "withdrew", &entry);
    Ok(DONE)
}

pub(super) async fn answer(visitor: Visitor, _: Answers) -> Result<Done, Answer> {
    visitor.office()?.answered(&visitor.caller.person).await?;
    visitor.lobby.audit.note(&visitor.caller, "answered a comcheck", "");
    Ok(DONE)
}
