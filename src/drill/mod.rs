//! The game: a drill is a fold over its journal.
//!
//! ```text
//! Command -> decide -> Vec<Event> -> (stored) -> apply -> Vec<Effect> -> hands -> Report (a Command again)
//! ```
//!
//! `decide` reads and never changes; [`Drill::apply`] changes and never decides. Open first: this file for the state,
//! then [`due`](self) for what happens by itself, `acts` for what people may do (`tickets` for theirs, `help` for
//! instigators and bystanders, `second_act`, [`seat`], `reviews` for trainers after EndEx), `reports` for
//! what hands tell, and [`injection`] for the only table of an injection's states. [`preflight`] is what must hold
//! before anything is broken.

mod acts;
mod comcheck;
pub mod command;
mod due;
pub mod effect;
pub mod event;
pub mod gauge;
mod help;
pub mod injection;
pub mod measure;
pub mod plan;
pub mod preflight;
mod react;
mod reports;
mod reviews;
pub mod seat;
mod second_act;
mod tickets;

use crate::{
    base::{AlarmName, At, InjectionId, NoticeId, Person, ProbeName, Span, limits},
    fault::{Fence, injector::ReactMoment},
    scenario::{
        AlarmTrigger,
        act::{Act, Role},
        action::ActionAct,
        condition::{Condition, Subject},
        ticket::TicketAct,
    },
};
use comcheck::Comchecks;
use command::{Command, Refusal};
use effect::{Arm, Effect};
use event::{Attachment, Event, Hat, InjectionStep, Notice, Outcome, Recorded};
use gauge::{Watch, Window};
use injection::{Injection, State};
use measure::BUCKET;
use plan::Plan;
use reviews::Graders;
use std::collections::{BTreeMap, BTreeSet};

/// How a drill stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Waiting for its time.
    Planned,
    /// Measured, and not yet steady.
    Preparing,
    /// Steady; injections are being made ready.
    Steady,
    /// Between StartEx and EndEx.
    Running,
    /// EndEx was called; everything is taken back.
    Ending,
    /// Over.
    Closed,
}

impl Phase {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Preparing => "preparing",
            Self::Steady => "ready",
            Self::Running => "running",
            Self::Ending => "ending",
            Self::Closed => "closed",
        }
    }
}

/// An alarm of the plan and how it stands.
#[derive(Debug, Clone)]
struct Alarm {
    name: AlarmName,
    watch: Option<Watch>,
    active: bool,
    acknowledged_by: Option<Person>,
    times_raised: u32,
}

/// Who takes part and holds what.
#[derive(Debug, Clone, Default)]
struct People {
    hats: BTreeMap<Person, Hat>,
    roles: BTreeMap<Role, Person>,
}

/// What the responders have said and asked so far, as far as rules depend on it.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one kind of act has happened")]
struct Talk {
    stumped: bool,
    hints: usize,
    last_hint: Option<At>,
    declared: bool,
    status_sent: bool,
    resolved: bool,
    caused: bool,
    assessed: bool,
    /// Whether each ticket is open, in the order in which they were opened.
    tickets: Vec<bool>,
    /// Whether each action of the list is open, in order.
    actions: Vec<bool>,
    pages: usize,
    /// What bystanders wrote, by its numbers in the journal, and whether it was dealt with.
    messages: BTreeMap<u64, bool>,
    /// The status updates, by their numbers in the journal.
    statuses: BTreeSet<u64>,
    /// The latest of the three acts that close an incident.
    concluded_at: Option<At>,
}

/// One run of a plan.
#[derive(Debug, Clone)]
pub struct Drill {
    plan: Box<Plan>,
    next_seq: u64,
    phase: Phase,
    epoch: u64,
    engines: u32,
    resume: bool,
    attached: Option<Attachment>,
    measuring_from: Option<At>,
    window: Window,
    steady: Vec<Watch>,
    restored_when: Vec<Watch>,
    stops: Vec<Watch>,
    alarms: Vec<Alarm>,
    injections: Vec<Injection>,
    started_at: Option<At>,
    ended: Option<(At, Outcome)>,
    symptom_at: Option<At>,
    restored_since: Option<At>,
    restored_at: Option<At>,
    last_heartbeat: Option<At>,
    last_look: Option<At>,
    silent: u32,
    stop_failed: bool,
    stop_asked: Option<(Person, String, bool)>,
    outbox: BTreeMap<NoticeId, (Notice, u32)>,
    notices: u64,
    comchecks: Comchecks,
    /// Which shift is on.
    shift: usize,
    injects_done: BTreeSet<usize>,
    plays_done: usize,
    last_play: Option<At>,
    /// What people have done of what the autopilot may wait for, and how often.
    tasks: BTreeMap<String, usize>,
    alarm_times: BTreeMap<AlarmName, At>,
    people: People,
    talk: Talk,
    graders: Graders,
    steady_after: Option<bool>,
    undone_at: Option<At>,
    /// How often each moment has come that injectors react to.
    moments: BTreeMap<ReactMoment, u32>,
    /// What injectors were asked and have not answered.
    questions: Vec<react::Question>,
    /// Injections that injectors have added.
    reactions: usize,
    /// Whether the second act has begun.
    second_act: bool,
}

/// A journal that no drill can have written.
#[derive(Debug, thiserror::Error)]
pub enum BadJournal {
    /// It does not begin with a plan.
    #[error("the journal does not begin with a plan")]
    NoPlan,
    /// An event is missing or doubled.
    #[error("the journal continues with event {found} where {expected} was due")]
    Gap {
        /// The number that was due.
        expected: u64,
        /// The number found.
        found: u64,
    },
}

impl Drill {
    /// The drill that a journal tells, without any effect.
    pub fn fold(journal: &[Recorded]) -> Result<Self, BadJournal> {
        let Some(Recorded { seq: 0, event: Event::Planned(plan), .. }) = journal.first() else {
            return Err(BadJournal::NoPlan);
        };
        let mut drill = Self::new(plan.clone());
        for recorded in &journal[1..] {
            if recorded.seq != drill.next_seq {
                return Err(BadJournal::Gap { expected: drill.next_seq, found: recorded.seq });
            }
            drill.apply(recorded);
        }
        Ok(drill)
    }

    /// A drill whose plan was just stored as event 0.
    pub fn new(plan: Box<Plan>) -> Self {
        let watches = |conditions: &[Condition]| conditions.iter().cloned().map(Watch::new).collect();
        let alarms = plan
            .alarms
            .iter()
            .map(|rule| Alarm {
                name: rule.name.clone(),
                watch: match &rule.trigger {
                    AlarmTrigger::When(condition) => Some(Watch::new(condition.clone())),
                    AlarmTrigger::At(_) => None,
                },
                active: false,
                acknowledged_by: None,
                times_raised: 0,
            })
            .collect();
        Self {
            steady: watches(&plan.steady_state),
            restored_when: watches(&plan.restored_when),
            stops: watches(&plan.stop_conditions),
            injections: plan.injections.iter().cloned().map(Injection::new).collect(),
            alarms,
            plan,
            next_seq: 1,
            phase: Phase::Planned,
            epoch: 0,
            engines: 0,
            resume: true,
            attached: None,
            measuring_from: None,
            window: Window::default(),
            started_at: None,
            ended: None,
            symptom_at: None,
            restored_since: None,
            restored_at: None,
            last_heartbeat: None,
            last_look: None,
            silent: 0,
            stop_failed: false,
            stop_asked: None,
            outbox: BTreeMap::new(),
            notices: 0,
            comchecks: Comchecks::default(),
            shift: 0,
            injects_done: BTreeSet::new(),
            plays_done: 0,
            last_play: None,
            tasks: BTreeMap::new(),
            alarm_times: BTreeMap::new(),
            people: People::default(),
            talk: Talk::default(),
            graders: Graders::default(),
            steady_after: None,
            undone_at: None,
            moments: BTreeMap::new(),
            questions: Vec::new(),
            reactions: 0,
            second_act: false,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The number that the next event gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The newest engine's epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Where the target is reached, if there is one.
    pub fn attached(&self) -> Option<&Attachment> {
        self.attached.as_ref()
    }

    /// StartEx, if it was.
    pub fn started_at(&self) -> Option<At> {
        self.started_at
    }

    /// How it ended, if it did.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ended.map(|(_, outcome)| outcome)
    }

    /// Whether steady state held again after everything was undone.
    pub fn steady_after(&self) -> Option<bool> {
        self.steady_after
    }

    /// Every injection.
    pub fn injections(&self) -> &[Injection] {
        &self.injections
    }

    /// Whether nothing of this drill can be left on the target.
    pub fn is_clean(&self) -> bool {
        self.injections.iter().all(|injection| !injection.state.may_have_effect())
    }

    /// Whether nothing is left to do: closed, nothing on the target, nothing to be delivered.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Closed && self.is_clean() && !self.has_mail()
    }

    /// Whether a notice is on its way.
    pub fn has_mail(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What follows from a command; nothing changes. The events are to be stored, then applied one by one.
    pub fn decide(&self, now: At, command: &Command) -> Result<Vec<Event>, Refusal> {
        match command {
            Command::Tick => Ok(self.due(now)),
            Command::Report(report) => Ok(self.heard(now, report)),
            _ => self.asked(now, command),
        }
    }

    /// When something is due by itself; nothing: only a command can move it.
    pub fn next_due(&self) -> Option<At> {
        self.timers().min()
    }

    /// Takes an event in and says what hands have to do now.
    pub fn apply(&mut self, recorded: &Recorded) -> Vec<Effect> {
        debug_assert_eq!(recorded.seq, self.next_seq);
        self.next_seq = recorded.seq + 1;
        let at = recorded.at;
        match &recorded.event {
            Event::TookOver { epoch, resume } => return self.take_over(at, *epoch, *resume),
            Event::MeasuringBegan => {
                self.phase = Phase::Preparing;
                return self.begin_measuring(at);
            }
            Event::Measured { second, bucket } => return self.take_second(at, *second, bucket.clone()),
            Event::ShiftBegan { shift } => self.shift = *shift,
            Event::SteadyStateHeld => {
                self.phase = Phase::Steady;
                return self.injections.iter().map(Injection::look).collect();
            }
            Event::Injection { id, step } => return self.take_step(at, id, step),
            Event::NoticeQueued(notice) => {
                self.notices += 1;
                self.comchecks.sent(notice);
                self.outbox.insert(notice.id.clone(), (notice.clone(), 0));
                return vec![Effect::Send { notice: notice.clone(), not_before: at, attempt: 1 }];
            }
            Event::NoticeFailed { notice, attempts, error, retry_at } => {
                self.comchecks.failed(notice, error, retry_at.is_none());
                return self.retry_notice(notice, *attempts, *retry_at);
            }
            Event::Acted { by, act } => return self.take_act(at, by, act),
            Event::Closed { steady_after } => {
                self.phase = Phase::Closed;
                self.steady_after = *steady_after;
                return if self.measuring_from.is_some() { vec![Effect::StopWorkload] } else { Vec::new() };
            }
            Event::Reacted { reactor, moment, planned, .. } => {
                return self.take_reaction(*reactor, *moment, planned);
            }
            Event::SecondActBegan { planned, .. } => return self.take_second_act(planned),
            event => self.take_quietly(at, event),
        }
        match &recorded.event {
            Event::SymptomSeen { .. } => self.moment(at, ReactMoment::Symptom),
            Event::Restored { .. } => self.moment(at, ReactMoment::Restored),
            Event::Relapsed => self.moment(at, ReactMoment::Relapsed),
            _ => Vec::new(),
        }
    }

    /// Events that ask nothing of the hands.
    fn take_quietly(&mut self, at: At, event: &Event) {
        match event {
            Event::TargetAttached(attachment) => self.attached = Some(attachment.clone()),
            Event::Joined { person, hat } => {
                self.people.hats.insert(person.clone(), *hat);
            }
            Event::ProbeAnswered { probe, good, latency_ms, .. } => {
                self.window.add_answer(probe, at, *good, *latency_ms);
                self.read_watches(at, |watch| watch.condition.subject == Subject::Probe(probe.clone()));
            }
            Event::Started => {
                self.phase = Phase::Running;
                self.started_at = Some(at);
            }
            Event::SymptomSeen { .. } => {
                self.symptom_at = Some(at);
                self.restored_when.iter_mut().for_each(Watch::restart);
            }
            Event::Restored { since } => {
                self.restored_since = Some(*since);
                self.restored_at = Some(at);
            }
            Event::Relapsed => (self.restored_since, self.restored_at) = (None, None),
            Event::AlarmRaised { alarm, .. } => self.set_alarm(at, alarm, true),
            Event::AlarmResolved { alarm } => self.set_alarm(at, alarm, false),
            Event::NoticeDelivered { notice, .. } => {
                self.comchecks.arrived(notice);
                self.outbox.remove(notice);
            }
            Event::InjectSpoken { inject, .. } | Event::InjectSkipped { inject } => {
                self.injects_done.insert(*inject);
            }
            Event::Played { .. } | Event::PlayLeft { .. } => {
                self.plays_done += 1;
                self.last_play = Some(at);
            }
            Event::HintGiven { .. } => {
                self.talk.hints += 1;
                self.talk.last_hint = Some(at);
            }
            Event::Reviewed { by, entry } => self.graders.take(by, entry),
            Event::BystanderWrote { .. } => {
                self.talk.messages.insert(self.next_seq - 1, false);
            }
            Event::BystanderSettled { message, .. } => {
                self.talk.messages.insert(*message, true);
            }
            Event::StopConditionFailed { .. } => self.stop_failed = true,
            Event::StopRequested { by, reason, real_incident } => {
                self.stop_asked = Some((by.clone(), reason.clone(), *real_incident));
            }
            Event::AgentSilent { .. } => self.silent += 1,
            Event::AgentBack => self.silent = 0,
            Event::Ended { outcome, .. } => {
                self.phase = Phase::Ending;
                self.ended = Some((at, *outcome));
            }
            Event::TargetReset => self.injections.iter_mut().for_each(Injection::wiped),
            Event::SignedOff { id, .. } => {
                if let Some(injection) = self.injections.iter_mut().find(|one| one.planned.id == *id) {
                    injection.wiped();
                }
            }
            // The plan is the drill's beginning; a question and an operation's end change no rule. The rest is
            // taken by `apply`.
            _ => {}
        }
    }

    /// A new engine: whatever an earlier one had begun and nobody answered is begun again.
    fn take_over(&mut self, at: At, epoch: u64, resume: bool) -> Vec<Effect> {
        let first = self.engines == 0;
        self.engines += 1;
        self.epoch = epoch;
        self.resume = resume;
        self.last_heartbeat = None;
        self.silent = 0;
        if first {
            return Vec::new();
        }
        // Time in which nobody measured proves nothing.
        self.restored_when.iter_mut().for_each(Watch::restart);
        let mut effects: Vec<_> = self
            .outbox
            .values()
            .map(|(notice, tries)| Effect::Send {
                notice: notice.clone(),
                not_before: at,
                attempt: tries + 1,
            })
            .collect();
        for injection in &self.injections {
            match injection.state {
                State::Planned if matches!(self.phase, Phase::Steady | Phase::Running) => {
                    effects.push(injection.look());
                }
                State::Reverting => effects.push(self.revoke(injection)),
                State::Fenced | State::Undoing => effects.push(self.undo(injection)),
                State::Verifying => effects.push(injection.look()),
                _ => {}
            }
        }
        effects.extend(self.ask_again());
        if resume && self.measuring_from.is_some() && self.phase != Phase::Closed {
            effects.extend(self.begin_measuring(at));
        } else if !resume {
            self.measuring_from = None;
        }
        effects
    }

    /// Synchronous seconds begin with the next whole one.
    fn begin_measuring(&mut self, at: At) -> Vec<Effect> {
        let first = At::from_millis((at.millis() / 1000 + 1) * 1000);
        self.measuring_from = Some(first);
        vec![Effect::StartWorkload { at: first }, Effect::Measure { second: first }]
    }

    /// The engine's heart beats with the measuring: leases are renewed and live faults looked at as seconds come in.
    fn take_second(&mut self, at: At, second: At, bucket: measure::Bucket) -> Vec<Effect> {
        self.window.add_bucket(second, bucket);
        self.read_watches(second + BUCKET, |watch| !watch.is_probe());
        let mut effects = vec![Effect::Measure { second: second + BUCKET }];
        let due = |last: Option<At>, every: Span| last.is_none_or(|last| at.since(last) >= every);
        if self.injections.iter().any(|one| one.state.may_have_effect())
            && due(self.last_heartbeat, limits::HEARTBEAT)
        {
            self.last_heartbeat = Some(at);
            effects.push(Effect::Heartbeat { epoch: self.epoch });
        }
        if due(self.last_look, gauge::STOP_READ) {
            self.last_look = Some(at);
            effects.extend(self.probes().into_iter().map(|probe| Effect::Ask { probe }));
            let applied = |one: &&Injection| {
                one.state == State::Live || (one.state == State::Injecting && one.applied_at.is_some())
            };
            effects.extend(self.injections.iter().filter(applied).map(Injection::look));
        }
        effects.extend(self.minutes(at));
        effects
    }

    /// The probes that any condition of the plan speaks of.
    fn probes(&self) -> BTreeSet<ProbeName> {
        let alarm_watches = self.alarms.iter().filter_map(|alarm| alarm.watch.as_ref());
        self.steady
            .iter()
            .chain(&self.restored_when)
            .chain(&self.stops)
            .chain(alarm_watches)
            .filter_map(|watch| match &watch.condition.subject {
                Subject::Probe(probe) => Some(probe.clone()),
                _ => None,
            })
            .collect()
    }

    fn read_watches(&mut self, now: At, wanted: impl Fn(&Watch) -> bool) {
        let alarm_watches = self.alarms.iter_mut().filter_map(|alarm| alarm.watch.as_mut());
        for watch in self
            .steady
            .iter_mut()
            .chain(&mut self.restored_when)
            .chain(&mut self.stops)
            .chain(alarm_watches)
            .filter(|watch| wanted(watch))
        {
            watch.read(&self.window, now);
        }
    }

    fn take_step(&mut self, at: At, id: &InjectionId, step: &InjectionStep) -> Vec<Effect> {
        let Some(index) = self.injections.iter().position(|one| one.planned.id == *id) else {
            return Vec::new();
        };
        self.injections[index].take(at, step);
        let injection = &self.injections[index];
        if self.injections.iter().all(|one| one.state.is_terminal() || one.state.is_blocked()) {
            self.undone_at = Some(at);
            self.steady.iter_mut().for_each(Watch::restart);
        }
        let id = id.clone();
        match step {
            InjectionStep::Intent { fence, deadline } => vec![Effect::Arm(Arm {
                id,
                fault: injection.planned.fault.clone(),
                fence: *fence,
                lease_ms: limits::LEASE.millis(),
                deadline_ms: deadline.since(at).millis(),
            })],
            InjectionStep::Injecting => injection
                .fence
                .map(|fence| Effect::Inject { id, fault: injection.planned.fault.clone(), fence })
                .into_iter()
                .collect(),
            InjectionStep::Reverting { .. } => vec![self.revoke(injection)],
            InjectionStep::Undoing => vec![self.undo(injection)],
            InjectionStep::Verifying { .. } => vec![injection.look()],
            _ => Vec::new(),
        }
    }

    /// The token under which this engine acts on an injection.
    fn fence(&self, injection: &Injection) -> Fence {
        Fence { epoch: self.epoch, seq: injection.fence.map_or(0, |fence| fence.seq) }
    }

    fn revoke(&self, injection: &Injection) -> Effect {
        Effect::Revoke { id: injection.planned.id.clone(), fence: self.fence(injection) }
    }

    fn undo(&self, injection: &Injection) -> Effect {
        Effect::Undo { id: injection.planned.id.clone(), fence: self.fence(injection) }
    }

    fn set_alarm(&mut self, at: At, name: &AlarmName, active: bool) {
        if let Some(alarm) = self.alarms.iter_mut().find(|alarm| alarm.name == *name) {
            alarm.active = active;
            alarm.acknowledged_by = None;
            if active {
                alarm.times_raised += 1;
                self.alarm_times.entry(name.clone()).or_insert(at);
            }
        }
    }

    fn retry_notice(&mut self, id: &NoticeId, attempts: u32, retry_at: Option<At>) -> Vec<Effect> {
        let Some(not_before) = retry_at else {
            self.outbox.remove(id);
            return Vec::new();
        };
        let Some((notice, tries)) = self.outbox.get_mut(id) else { return Vec::new() };
        *tries = attempts;
        vec![Effect::Send { notice: notice.clone(), not_before, attempt: attempts + 1 }]
    }

    fn take_act(&mut self, at: At, by: &Person, act: &Act) -> Vec<Effect> {
        self.note_task(by, act);
        let talk = &mut self.talk;
        match act {
            Act::TakeRole(role) => {
                self.people.roles.insert(*role, by.clone());
            }
            Act::ReleaseRole(role) => {
                self.people.roles.remove(role);
            }
            Act::HandOver { role, to, .. } => {
                self.people.roles.insert(*role, to.clone());
            }
            Act::Ack(name) => {
                if let Some(alarm) = self.alarms.iter_mut().find(|alarm| alarm.name == *name) {
                    alarm.acknowledged_by = Some(by.clone());
                }
                return self.moment(at, ReactMoment::Acknowledged);
            }
            Act::Declare { .. } => talk.declared = true,
            Act::Status { .. } => {
                talk.status_sent = true;
                talk.statuses.insert(self.next_seq - 1);
            }
            Act::Ticket(TicketAct::Open { .. }) => talk.tickets.push(true),
            Act::Ticket(TicketAct::Close { ticket: Some(id), .. }) => {
                if let Some(open) = talk.tickets.get_mut(id.index()) {
                    *open = false;
                }
            }
            Act::Page { .. } => talk.pages += 1,
            Act::Action(done) => match done.action() {
                None => talk.actions.push(true),
                Some(number) => {
                    let open = matches!(done, ActionAct::Assign { .. });
                    if let Some(one) = talk.actions.get_mut(usize::from(number).wrapping_sub(1)) {
                        *one = open;
                    }
                }
            },
            Act::Stumped(_) => talk.stumped = true,
            Act::Cause(_) => (talk.caused, talk.concluded_at) = (true, Some(at)),
            Act::Assess(_) => (talk.assessed, talk.concluded_at) = (true, Some(at)),
            Act::Resolve(_) => (talk.resolved, talk.concluded_at) = (true, Some(at)),
            Act::Operate(argv) => return vec![Effect::Operate { by: by.clone(), argv: argv.clone() }],
            Act::Say(_)
            | Act::Log { .. }
            | Act::Decide { .. }
            | Act::Hypothesis(_)
            | Act::Summary(_)
            | Act::Ticket(_)
            | Act::Severity(_) => {}
        }
        Vec::new()
    }
}
