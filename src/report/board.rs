//! What people see while a drill runs: folds over the events so far, a structure of its own for each audience.
//!
//! [`ResponderBoard`] has no place for truth, plan, measurement or the names of injectors. [`InstigatorBoard`] adds the
//! injections and the measured truth. Both are made again from the journal whenever they are asked for.

mod desk;

pub use desk::{BoardAction, BoardInject, BoardMessage, BoardPage, BoardSummary, SecondAct};

use super::{
    ticket::{self, Ticket},
    wording::{self, events},
};
use crate::{
    base::{At, ClassName, Person, Span},
    drill::{
        event::{Event, Hat, InjectionStep, Outcome, Recorded, offset},
        plan::{Plan, PlannedInjection},
    },
    scenario::{
        AlarmSeverity,
        act::{Act, Role, StatusState},
        severity::Answer,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Lines of the channel that a board shows.
const CHANNEL_LINES: usize = 50;

/// For whom something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Plays: hears nothing of truth or injections.
    Responder,
    /// Runs the drill: hears everything.
    Instigator,
}

/// Where a drill stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before StartEx.
    Preparing,
    /// Between StartEx and EndEx.
    Running,
    /// After EndEx, while faults are taken back.
    Ending,
    /// Nothing follows.
    Closed,
}

/// What responders see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponderBoard {
    /// The drill.
    pub drill: String,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub phase: Phase,
    /// StartEx, planned or as it happened.
    pub start: At,
    /// The moment of the last event.
    pub now: At,
    /// Active alarms, the oldest first.
    pub alarms: Vec<BoardAlarm>,
    /// Every role and who holds it.
    pub roles: Vec<BoardRole>,
    /// Whether an incident is declared.
    pub declared: Option<String>,
    /// The last status update.
    pub status: Option<BoardStatus>,
    /// Every status update, the oldest first.
    pub statuses: Vec<BoardStatus>,
    /// Everybody who is exercised.
    pub people: Vec<(Person, Hat)>,
    /// Whose shift it is, where people take turns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on_shift: Vec<Person>,
    /// The team's last answer about the cause.
    pub cause: Option<BoardLine>,
    /// The team's last answer about the impact.
    pub impact: Option<BoardLine>,
    /// The all-clear; nothing again once another incident is declared.
    pub all_clear: Option<BoardLine>,
    /// Every ticket.
    pub tickets: Vec<Ticket>,
    /// The severity checklist with the team's last answers.
    pub severity: Vec<BoardQuestion>,
    /// What may be decided, the slightest perturbation first.
    #[serde(default)]
    pub ladder: Vec<BoardEntry>,
    /// The team's last decision.
    #[serde(default)]
    pub decision: Option<BoardDecision>,
    /// What is to be done, and whose it is.
    #[serde(default)]
    pub actions: Vec<BoardAction>,
    /// Everybody who was called in, the oldest first.
    #[serde(default)]
    pub pages: Vec<BoardPage>,
    /// The last summary of each responder.
    #[serde(default)]
    pub summaries: Vec<BoardSummary>,
    /// The tail of the channel.
    pub channel: Vec<BoardLine>,
    /// Pointers given so far.
    pub hints: Vec<String>,
    /// Questions asked so far.
    pub questions: Vec<String>,
    /// The documentation catalogue: name and title.
    pub catalogue: Vec<BoardEntry>,
    /// Statements that a cause claim may tick.
    pub fact_offers: Vec<BoardEntry>,
    /// The target's components.
    pub components: Vec<String>,
    /// Classes of requests that an assessment may speak of.
    pub classes: Vec<ClassName>,
}

/// An active alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardAlarm {
    /// Its name.
    pub alarm: String,
    /// How loud.
    pub severity: Option<AlarmSeverity>,
    /// What it says.
    pub summary: String,
    /// The runbook's address.
    pub runbook: Option<String>,
    /// When it was raised.
    pub raised: At,
    /// How long it has been active.
    pub age: Span,
    /// Who acknowledged it.
    pub acked_by: Option<Person>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardRole {
    /// The role.
    pub role: Role,
    /// Who holds it.
    pub holder: Option<Person>,
}

/// A status update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardStatus {
    /// The event.
    pub seq: u64,
    /// When it was sent.
    pub at: At,
    /// By whom.
    pub by: Person,
    /// Who was told.
    pub to: Vec<String>,
    /// The words.
    pub text: String,
    /// How the incident stands.
    pub state: StatusState,
    /// Its age.
    pub age: Span,
    /// When the next one was promised.
    pub next_due: Option<At>,
}

/// A question of the severity checklist. Which answer is right is nothing for a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardQuestion {
    /// What it is answered by.
    pub name: String,
    /// The question.
    pub asks: String,
    /// What can be answered.
    pub options: Vec<String>,
    /// Several options may be named together.
    pub many: bool,
    /// The team's last answer.
    pub answer: Option<Answer>,
    /// When it was given.
    pub answered: Option<At>,
}

/// The team's last decision. What each option would do is nothing for a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardDecision {
    /// What is to be done.
    pub option: String,
    /// Why.
    pub because: String,
    /// Who recorded it.
    pub by: Person,
    /// When.
    pub at: At,
}

/// A line of the channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardLine {
    /// The event.
    pub seq: u64,
    /// When.
    pub at: At,
    /// In words.
    pub text: String,
}

/// A name and what it stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardEntry {
    /// The name or id.
    pub name: String,
    /// In words.
    pub says: String,
}

/// What instigators see: the responders' view, the injections and the measured truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstigatorBoard {
    /// What responders see at this moment.
    pub responders: ResponderBoard,
    /// Every injection.
    pub injections: Vec<BoardInjection>,
    /// The last measured second.
    pub measured: BTreeMap<ClassName, BoardFigures>,
    /// Whether service is measured as restored; nothing before the symptom was seen.
    pub restored: Option<bool>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Entries that the author suggests for hints.
    pub suggested_hints: Vec<String>,
    /// Questions that may be asked after a "stumped".
    pub question_bank: Vec<String>,
    /// Somebody is stumped and no question was asked since.
    pub stumped: bool,
    /// Injects that are held back.
    #[serde(default)]
    pub held: Vec<BoardInject>,
    /// What bystanders wrote, the oldest first.
    #[serde(default)]
    pub messages: Vec<BoardMessage>,
    /// How it stands with a second act.
    #[serde(default)]
    pub second_act: SecondAct,
    /// Everybody who takes part, on every side.
    #[serde(default)]
    pub everybody: Vec<(Person, Hat)>,
}

/// An injection as an instigator sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardInjection {
    /// Its id.
    pub id: String,
    /// What it does.
    pub fault: String,
    /// To what.
    pub target: String,
    /// The script that planned it.
    pub injector: String,
    /// When it is due, from StartEx.
    pub at: Span,
    /// Its state; `planned` before anything happened.
    pub state: String,
}

/// Golden signals of one class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoardFigures {
    /// Intended starts in the second.
    pub sent: u32,
    /// Share that failed, 0 to 1.
    pub failed: f64,
    /// 95th percentile in milliseconds.
    pub p95_ms: u32,
}

impl ResponderBoard {
    /// Folds the events so far; nothing when they do not begin with a plan.
    pub fn of(events: &[Recorded]) -> Option<Self> {
        let Event::Planned(plan) = &events.first()?.event else {
            return None;
        };
        let mut board = Self::empty(plan);
        for recorded in events {
            board.take(plan, recorded);
        }
        let now = events.last()?.at;
        board.now = now;
        for alarm in &mut board.alarms {
            alarm.age = now.since(alarm.raised);
        }
        for status in &mut board.statuses {
            status.age = now.since(status.at);
        }
        board.status = board.statuses.last().cloned();
        Some(board)
    }

    fn empty(plan: &Plan) -> Self {
        Self {
            drill: plan.drill.to_string(),
            title: plan.title.clone(),
            phase: Phase::Preparing,
            start: plan.start,
            now: plan.start,
            alarms: Vec::new(),
            roles: Role::ALL.into_iter().map(|role| BoardRole { role, holder: None }).collect(),
            declared: None,
            status: None,
            statuses: Vec::new(),
            people: Vec::new(),
            on_shift: plan.admission.shifts().first().map(|shift| shift.people.clone()).unwrap_or_default(),
            cause: None,
            impact: None,
            all_clear: None,
            tickets: Vec::new(),
            severity: plan
                .severity
                .iter()
                .map(|question| BoardQuestion {
                    name: question.id.clone(),
                    asks: question.asks.clone(),
                    options: question.options.clone(),
                    many: question.many,
                    answer: None,
                    answered: None,
                })
                .collect(),
            ladder: plan
                .ladder
                .iter()
                .map(|rung| BoardEntry { name: rung.to_string(), says: rung.says().to_owned() })
                .collect(),
            decision: None,
            actions: Vec::new(),
            pages: Vec::new(),
            summaries: Vec::new(),
            channel: Vec::new(),
            hints: Vec::new(),
            questions: Vec::new(),
            catalogue: plan
                .catalogue
                .iter()
                .map(|entry| BoardEntry { name: entry.name.clone(), says: entry.title.clone() })
                .collect(),
            fact_offers: plan
                .fact_offers
                .iter()
                .map(|offer| BoardEntry { name: offer.id.clone(), says: offer.says.clone() })
                .collect(),
            components: plan.target.components().into_iter().map(str::to_owned).collect(),
            classes: plan.workload.classes.iter().map(|class| class.name.clone()).collect(),
        }
    }

    fn take(&mut self, plan: &Plan, recorded: &Recorded) {
        match &recorded.event {
            Event::Started => {
                self.phase = Phase::Running;
                self.start = recorded.at;
            }
            Event::Ended { .. } => self.phase = Phase::Ending,
            Event::Closed { .. } => self.phase = Phase::Closed,
            Event::AlarmRaised { alarm, summary } => {
                let rule = plan.alarms.iter().find(|rule| rule.name == *alarm);
                self.alarms.retain(|one| one.alarm != alarm.as_str());
                self.alarms.push(BoardAlarm {
                    alarm: alarm.to_string(),
                    severity: rule.map(|rule| rule.severity),
                    summary: summary.clone(),
                    runbook: rule.and_then(|rule| rule.runbook.clone()),
                    raised: recorded.at,
                    age: Span::ZERO,
                    acked_by: None,
                });
            }
            Event::AlarmResolved { alarm } => {
                self.alarms.retain(|one| one.alarm != alarm.as_str());
            }
            Event::HintGiven { entry, anchor, .. } => self
                .hints
                .push(anchor.as_ref().map_or_else(|| entry.clone(), |anchor| format!("{entry}#{anchor}"))),
            Event::QuestionAsked { question, .. } => {
                self.questions.extend(plan.questions.get(*question).cloned());
            }
            Event::Joined { person, hat: Hat::Responder } => {
                self.people.push((person.clone(), Hat::Responder));
            }
            Event::ShiftBegan { shift } => {
                let shift = plan.admission.shifts().get(*shift);
                self.on_shift = shift.map(|shift| shift.people.clone()).unwrap_or_default();
            }
            Event::Acted { by, act } => {
                ticket::take(&mut self.tickets, recorded.seq, recorded.at, by, act);
                desk::take(self, recorded, by, act);
                self.act(recorded, by, act);
            }
            _ => {}
        }
        self.say(plan, recorded);
    }

    fn act(&mut self, recorded: &Recorded, by: &Person, act: &Act) {
        let mut hold = |role: Role, holder: Option<&Person>| {
            if let Some(one) = self.roles.iter_mut().find(|one| one.role == role) {
                one.holder = holder.cloned();
            }
        };
        match act {
            Act::TakeRole(role) => hold(*role, Some(by)),
            Act::ReleaseRole(role) => hold(*role, None),
            Act::HandOver { role, to, .. } => hold(*role, Some(to)),
            Act::Ack(name) => {
                for alarm in &mut self.alarms {
                    if alarm.alarm == name.as_str() {
                        alarm.acked_by.get_or_insert_with(|| by.clone());
                    }
                }
            }
            Act::Declare { text } => {
                self.declared = Some(text.clone());
                self.all_clear = None;
            }
            Act::Status { text, to, state, next_in, .. } => self.statuses.push(BoardStatus {
                seq: recorded.seq,
                at: recorded.at,
                by: by.clone(),
                to: to.clone(),
                text: text.clone(),
                state: *state,
                age: Span::ZERO,
                next_due: next_in.map(|next| recorded.at + next),
            }),
            Act::Cause(_) => self.cause = Some(line_of(recorded, by, act)),
            Act::Assess(_) => self.impact = Some(line_of(recorded, by, act)),
            Act::Resolve(_) => {
                self.declared = None;
                self.all_clear = Some(line_of(recorded, by, act));
            }
            Act::Decide { option, because, .. } => {
                let (option, because) = (option.to_string(), because.clone());
                self.decision = Some(BoardDecision { option, because, by: by.clone(), at: recorded.at });
            }
            Act::Severity(answers) => {
                for question in &mut self.severity {
                    if let Some(answer) = answers.get(&question.name) {
                        (question.answer, question.answered) = (Some(answer.clone()), Some(recorded.at));
                    }
                }
            }
            _ => {}
        }
    }

    fn say(&mut self, plan: &Plan, recorded: &Recorded) {
        if !events::open_to_responders(&recorded.event) {
            return;
        }
        if let Some(text) = events::open_line(plan, &recorded.event, ToString::to_string) {
            if self.channel.len() == CHANNEL_LINES {
                self.channel.remove(0);
            }
            self.channel.push(BoardLine { seq: recorded.seq, at: recorded.at, text });
        }
    }
}

fn last_figures(events: &[Recorded]) -> BTreeMap<ClassName, BoardFigures> {
    let last = events.iter().rev().find_map(|one| match &one.event {
        Event::Measured { bucket, .. } => Some(bucket),
        _ => None,
    });
    let classes = last.into_iter().flat_map(|bucket| &bucket.classes);
    classes
        .map(|(class, tally)| {
            let figures =
                BoardFigures { sent: tally.sent, failed: tally.failed_share(), p95_ms: tally.p95_ms };
            (class.clone(), figures)
        })
        .collect()
}

fn line_of(recorded: &Recorded, by: &Person, act: &Act) -> BoardLine {
    BoardLine { seq: recorded.seq, at: recorded.at, text: format!("{by} {}", events::act(act)) }
}

impl BoardInjection {
    fn planned(one: &PlannedInjection) -> Self {
        Self {
            id: one.id.to_string(),
            fault: one.fault.kind().to_owned(),
            target: one.fault.place().to_string(),
            injector: one.injector.clone(),
            at: one.at,
            state: "planned".to_owned(),
        }
    }
}

impl InstigatorBoard {
    /// Folds the events so far; nothing when they do not begin with a plan.
    pub fn of(events: &[Recorded]) -> Option<Self> {
        let responders = ResponderBoard::of(events)?;
        let Event::Planned(plan) = &events.first()?.event else {
            return None;
        };
        let mut board = Self {
            responders,
            injections: plan.injections.iter().map(BoardInjection::planned).collect(),
            measured: BTreeMap::new(),
            restored: None,
            outcome: None,
            suggested_hints: plan.hints.clone(),
            question_bank: plan.questions.clone(),
            stumped: false,
            held: BoardInject::held(plan),
            messages: Vec::new(),
            second_act: SecondAct::of(plan, events),
            everybody: Vec::new(),
        };
        for recorded in events {
            board.take(&recorded.event);
            board.take_desk(recorded);
        }
        board.measured = last_figures(events);
        Some(board)
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::Injection { id, step } => self.step(id.as_str(), step),
            Event::Reacted { planned, .. } | Event::SecondActBegan { planned, .. } => {
                self.injections.extend(planned.iter().map(BoardInjection::planned));
            }
            Event::SymptomSeen { .. } | Event::Relapsed => self.restored = Some(false),
            Event::Restored { .. } => self.restored = Some(true),
            Event::Ended { outcome, .. } => self.outcome = Some(*outcome),
            Event::Acted { act: Act::Stumped(_), .. } => self.stumped = true,
            Event::QuestionAsked { .. } => self.stumped = false,
            _ => {}
        }
    }

    fn step(&mut self, id: &str, step: &InjectionStep) {
        if let Some(one) = self.injections.iter_mut().find(|one| one.id == id) {
            events::step(step).clone_into(&mut one.state);
        }
    }
}

/// One readable line for an event (`T+1m2s  ana acknowledged UploadErrorsHigh`), or nothing when it is bookkeeping or
/// not for this audience. `plan` is event 0's; `start` is StartEx.
pub fn replay_line(plan: &Plan, start: At, recorded: &Recorded, audience: Audience) -> Option<String> {
    let offset = offset(start, recorded.at);
    replay_words(plan, recorded, audience).map(|words| format!("{offset:<9} {words}"))
}

/// The same without its time.
pub(crate) fn replay_words(plan: &Plan, recorded: &Recorded, audience: Audience) -> Option<String> {
    // What trainers write belongs to the talk, and their grades are blind.
    if matches!(recorded.event, Event::Reviewed { .. }) {
        return None;
    }
    let words = match audience {
        Audience::Responder if !events::open_to_responders(&recorded.event) => return None,
        Audience::Responder => events::open_line(plan, &recorded.event, ToString::to_string)?,
        Audience::Instigator => events::line(plan, &recorded.event)?,
    };
    Some(wording::tame(&words))
}
