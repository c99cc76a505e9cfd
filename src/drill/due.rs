//! What happens by itself: because time has passed, or because something that was just applied makes it due.
//!
//! [`Drill::due`] gives one batch at a time, the most urgent first; the engine asks again until there is nothing.
//! Every batch changes the state that made it due, so that asking ends.

use super::{
    Drill, Phase, Watch,
    event::{Event, InjectionStep, Notice, NoticeKind, Outcome},
    gauge::{all_hold, describe},
    injection::{Injection, State},
    measure::Tally,
    preflight::{self, code},
};
use crate::{
    base::{At, Person, Span, limits},
    fault::Fence,
    scenario::{
        AlarmSeverity, AlarmTrigger, Contingency, Inject, Moment,
        act::Pager,
        condition::{Condition, Subject},
    },
};

/// Readings of a stop condition in a row that end the drill.
const BAD_READINGS_MAX: u32 = 3;
/// Heartbeats in a row without an answer that end the drill.
const SILENT_MAX: u32 = 3;
/// How long after the last concluding act a drill goes on: late thoughts still land on the timeline.
const LINGER: Span = Span::from_secs(3);
/// Room kept in a journal for taking everything back.
const EVENTS_RESERVED: u64 = 20_000;

impl Drill {
    /// One batch of what is due at `now`; empty when nothing is.
    pub(super) fn due(&self, now: At) -> Vec<Event> {
        if self.engines == 0 || self.phase == Phase::Closed {
            return Vec::new();
        }
        let steps: [fn(&Self, At) -> Vec<Event>; 12] = [
            Self::due_ending,
            Self::due_undoing,
            Self::due_preparing,
            Self::due_comcheck,
            Self::due_start,
            Self::due_injecting,
            Self::due_seen,
            Self::due_alarms,
            Self::due_injects,
            Self::due_shift,
            Self::due_play,
            Self::due_close,
        ];
        steps.iter().map(|step| step(self, now)).find(|batch| !batch.is_empty()).unwrap_or_default()
    }

    /// Instants at which something may be due without anything else happening before.
    pub(super) fn timers(&self) -> impl Iterator<Item = At> {
        let mut timers = Vec::new();
        match self.phase {
            Phase::Planned => timers.push(self.plan.start - self.plan.lead()),
            Phase::Preparing => timers.push(self.plan.start + limits::STEADY_WAIT),
            Phase::Steady => {
                timers.push(self.plan.start);
                timers.push(self.plan.start + limits::STEADY_WAIT);
            }
            Phase::Running => self.running_timers(&mut timers),
            Phase::Ending => timers.extend(self.undone_at.map(|undone| undone + limits::STEADY_WAIT)),
            Phase::Closed => {}
        }
        if matches!(self.phase, Phase::Steady | Phase::Running) {
            let start = self.started_at.unwrap_or(self.plan.start);
            for injection in &self.injections {
                let at = start + injection.planned.at;
                match injection.state {
                    State::Probed => timers.push(at - limits::ARM_LEAD),
                    State::Armed => timers.push(at),
                    State::Injecting | State::Live => {
                        timers.extend(injection.planned.until.map(|until| start + until));
                    }
                    _ => {}
                }
            }
        }
        timers.extend(self.injections.iter().filter_map(|injection| injection.retry_at));
        timers.into_iter()
    }

    fn running_timers(&self, timers: &mut Vec<At>) {
        let Some(start) = self.started_at else { return };
        timers.push(start + self.plan.duration.limit);
        if self.symptom_at.is_none() {
            timers.extend(self.last_related_applied().map(|at| at + limits::SYMPTOM_WAIT));
        }
        timers.extend(self.wrap_up_at());
        timers.extend(self.next_shift_at());
        for (rule, alarm) in self.plan.alarms.iter().zip(&self.alarms) {
            if let (AlarmTrigger::At(at), 0) = (&rule.trigger, alarm.times_raised) {
                timers.push(start + *at);
            }
        }
        let open = |index: &usize| !self.plan.injects[*index].held && !self.injects_done.contains(index);
        timers.extend((0..self.plan.injects.len()).filter(open).map(|i| start + self.plan.injects[i].at));
        if let Some(at) = self.next_play_at() {
            let by_hand = self.plan.autopilot[self.plays_done].by_hand;
            timers.push(by_hand.map_or(at, |patience| self.left_until(self.plays_done, at, patience)));
        }
    }

    /// Reasons to end the exercise.
    fn due_ending(&self, now: At) -> Vec<Event> {
        if self.phase >= Phase::Ending {
            return Vec::new();
        }
        let end = |outcome, reason: String| self.end_ex(now, outcome, reason);
        if let Some((by, reason, real)) = &self.stop_asked {
            return if *real {
                end(Outcome::Stopped, format!("a real incident takes over ({by}: {reason})"))
            } else {
                end(Outcome::Aborted, format!("stopped by {by}: {reason}"))
            };
        }
        if !self.resume {
            return end(Outcome::Aborted, "the engine was lost, and everything is taken back".into());
        }
        if self.stop_failed {
            return end(Outcome::Aborted, "a stop condition did not hold".into());
        }
        if self.silent >= SILENT_MAX {
            return end(Outcome::Aborted, "the target's agent does not answer".into());
        }
        if self.next_seq + EVENTS_RESERVED > limits::EVENTS_MAX {
            return end(Outcome::Aborted, "the journal has reached its limit of events".into());
        }
        if self.phase >= Phase::Steady
            && let Some(index) = self.stops.iter().position(|watch| watch.bad_readings >= BAD_READINGS_MAX)
        {
            let detail = self.seen(&self.stops[index]);
            return vec![Event::StopConditionFailed { condition: index, detail }];
        }
        self.due_end_by_play(now)
    }

    fn due_end_by_play(&self, now: At) -> Vec<Event> {
        if let Some(failed) = self.planned_from_the_beginning().iter().find(|one| one.failed_to_land()) {
            let outcome = if self.phase == Phase::Running { Outcome::Aborted } else { Outcome::Unfit };
            return self.end_ex(now, outcome, format!("a fault could not be injected: {}", failed.why));
        }
        let Some(start) = self.started_at else { return Vec::new() };
        if now >= start + self.plan.duration.limit {
            let reason = if self.restored_since.is_some() {
                "time is up; service was restored"
            } else {
                "time is up; service was not restored"
            };
            return self.end_ex(now, Outcome::Completed, reason.into());
        }
        if self.symptom_at.is_none()
            && self.last_related_applied().is_some_and(|at| now >= at + limits::SYMPTOM_WAIT)
        {
            return self.end_ex(now, Outcome::Void, "the fault was there, and no user felt it".into());
        }
        match self.wrap_up_at() {
            Some(at) if now >= at => {
                self.end_ex(now, Outcome::Completed, "the responders closed the incident".into())
            }
            _ => Vec::new(),
        }
    }

    /// When the drill ends because there is nothing left to do.
    fn wrap_up_at(&self) -> Option<At> {
        let has_outage = self.injections.iter().any(|one| one.planned.related);
        let restored_at = if has_outage { Some(self.restored_at?) } else { None };
        if self.talk.resolved && self.talk.caused && self.talk.assessed {
            let concluded = self.talk.concluded_at?;
            let linger = if self.has_second_act() { limits::SECOND_ACT_WAIT } else { LINGER };
            return Some(restored_at.map_or(concluded, |at| at.max(concluded)) + linger);
        }
        restored_at.map(|at| at + limits::CLAIM_TIME)
    }

    /// EndEx with its announcement.
    fn end_ex(&self, now: At, outcome: Outcome, reason: String) -> Vec<Event> {
        let subject = format!("EXERCISE ended ({}): {reason}", outcome.as_str());
        let mut events = vec![Event::Ended { outcome, reason }];
        if self.phase >= Phase::Steady {
            events.extend(self.announce(now, &NoticeKind::EndEx, &subject, "", 0));
        }
        events
    }

    /// Takes back what has to be taken back.
    fn due_undoing(&self, now: At) -> Vec<Event> {
        let mut events = Vec::new();
        for injection in &self.injections {
            let go_back = |why: &str| InjectionStep::Reverting { why: why.to_owned() };
            let ending = self.phase == Phase::Ending;
            let foreign = injection.fence.is_some_and(|fence| fence.epoch < self.epoch);
            let start = self.started_at.unwrap_or(self.plan.start);
            let step = match injection.state {
                State::Planned | State::Probed if ending => {
                    Some(InjectionStep::Aborted { why: "the exercise ended before its time".into() })
                }
                State::Intent | State::Armed | State::Injecting | State::Live if ending => {
                    Some(go_back("the exercise ended"))
                }
                State::Intent | State::Armed | State::Injecting if foreign => {
                    Some(go_back("the engine was replaced"))
                }
                State::Injecting | State::Live
                    if injection.planned.until.is_some_and(|until| now >= start + until) =>
                {
                    Some(go_back("the plan takes it back"))
                }
                State::Stuck if injection.retry_at.is_some_and(|at| now >= at) => Some(go_back("again")),
                _ => None,
            };
            events.extend(step.map(|step| Event::Injection { id: injection.planned.id.clone(), step }));
        }
        events
    }

    fn due_preparing(&self, now: At) -> Vec<Event> {
        let start = self.plan.start;
        match self.phase {
            Phase::Planned if now > start + limits::START_LATE_MAX => {
                let late = now.since(start);
                self.end_ex(now, Outcome::Missed, format!("the start was {late} ago; nothing was done"))
            }
            Phase::Planned if now >= start - self.plan.lead() => {
                let bars = preflight::of_plan(&self.plan);
                if !bars.is_empty() {
                    return self.unfit(now, bars.into_iter().map(|bar| (bar.code, bar.says)).collect());
                }
                let mut events = self.join_autopilot();
                events.push(Event::MeasuringBegan);
                events
            }
            Phase::Preparing if all_hold(&self.steady) => vec![Event::SteadyStateHeld],
            Phase::Preparing | Phase::Steady if now >= start + limits::STEADY_WAIT => {
                self.unfit(now, self.not_ready())
            }
            // What was given up is not tried again: nothing is left to wait for.
            Phase::Preparing | Phase::Steady if self.comchecks.is_hopeless(&self.plan) => {
                self.unfit(now, self.silent_routes())
            }
            _ => Vec::new(),
        }
    }

    /// What kept the drill from starting in time.
    fn not_ready(&self) -> Vec<(String, String)> {
        let bad: Vec<_> =
            self.steady.iter().filter(|watch| !watch.holds()).map(|watch| self.seen(watch)).collect();
        let mut bars = self.silent_routes();
        if !bad.is_empty() {
            let why = format!("no steady state before the start: {}", bad.join("; "));
            bars.insert(0, (code::NOT_STEADY.to_owned(), why));
        }
        if bars.is_empty() {
            let why = "no steady state before the start: the target's agent was not ready in time";
            bars.push((code::NOT_STEADY.to_owned(), why.to_owned()));
        }
        bars
    }

    fn silent_routes(&self) -> Vec<(String, String)> {
        let open = self.comchecks.open(&self.plan);
        open.map(|why| (code::COMCHECK_FAILED.to_owned(), why)).collect()
    }

    /// Ends a drill that must not begin, with every rule that bars it.
    fn unfit(&self, now: At, bars: Vec<(String, String)>) -> Vec<Event> {
        let reason = bars.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>().join("; ");
        let barred = bars.into_iter().map(|(code, why)| Event::Barred { code, why });
        barred.chain(self.end_ex(now, Outcome::Unfit, reason)).collect()
    }

    /// One message through each route that none was sent through yet: whoever is to be paged can be reached.
    fn due_comcheck(&self, now: At) -> Vec<Event> {
        if !matches!(self.phase, Phase::Preparing | Phase::Steady) {
            return Vec::new();
        }
        let unasked = self.plan.routes.iter().filter(|route| !self.comchecks.knows(route));
        let subject = "EXERCISE comcheck: nothing is wrong, a drill is being prepared";
        let text = "This proves that messages arrive here. Nothing has to be done.";
        self.notices(unasked, now, &NoticeKind::ComCheck, (subject, text), 0)
    }

    fn join_autopilot(&self) -> Vec<Event> {
        self.plan
            .players()
            .into_iter()
            .filter(|person| !self.people.hats.contains_key(person))
            .map(|person| Event::Joined { person: person.clone(), hat: super::Hat::Responder })
            .collect()
    }

    /// StartEx, at its time and not before the target is steady and looked at and everybody can be reached.
    fn due_start(&self, now: At) -> Vec<Event> {
        let looked_at = self.injections.iter().all(|one| one.state != State::Planned);
        let reachable = self.comchecks.passed(&self.plan);
        if self.phase != Phase::Steady
            || now < self.plan.start
            || !looked_at
            || !reachable
            || !all_hold(&self.steady)
        {
            return Vec::new();
        }
        let mut events = vec![Event::Started];
        let subject = "EXERCISE begins: this is a drill on a staging target".to_owned();
        events.extend(self.announce(now, &NoticeKind::StartEx, &subject, "", 0));
        if self.plan.admission.code_blue {
            let target = &self.plan.target.name;
            let subject =
                format!("EXERCISE CODE BLUE: everybody is called; an outage drill has begun on {target}");
            let text = "Take your seat: your own page of the server opens it.";
            let called = NoticeKind::Page(Pager::Batphone);
            events.extend(self.announce(now, &called, &subject, text, queued(&events)));
        }
        events
    }

    /// The next people come on, and those before them hand over.
    fn due_shift(&self, now: At) -> Vec<Event> {
        let due = self.next_shift_at().is_some_and(|at| self.phase == Phase::Running && at <= now);
        if !due {
            return Vec::new();
        }
        let shift = self.shift + 1;
        let subject = format!("EXERCISE {}", self.plan.shift_told(shift));
        let mut events = vec![Event::ShiftBegan { shift }];
        let text = "Hand over what you hold, with a note of what the next one must know.";
        events.extend(self.announce(now, &NoticeKind::Shift, &subject, text, 0));
        events
    }

    /// When the next shift comes on; nothing: there is none.
    fn next_shift_at(&self) -> Option<At> {
        Some(self.started_at? + self.plan.admission.shifts().get(self.shift + 1)?.from)
    }

    fn due_injecting(&self, now: At) -> Vec<Event> {
        if !matches!(self.phase, Phase::Steady | Phase::Running) {
            return Vec::new();
        }
        let start = self.started_at.unwrap_or(self.plan.start);
        let mut events = Vec::new();
        for injection in &self.injections {
            let at = start + injection.planned.at;
            let step = match injection.state {
                State::Probed if now >= at - limits::ARM_LEAD => Some(InjectionStep::Intent {
                    fence: Fence { epoch: self.epoch, seq: self.next_seq + events.len() as u64 },
                    deadline: self.deadline(),
                }),
                State::Armed if self.phase == Phase::Running && now >= at => Some(InjectionStep::Injecting),
                // Noise has no symptom to wait for.
                State::Injecting if injection.applied_at.is_some() && !injection.planned.related => {
                    Some(InjectionStep::Live)
                }
                State::Injecting if injection.applied_at.is_some() && self.symptom_at.is_some() => {
                    Some(InjectionStep::Live)
                }
                _ => None,
            };
            events.extend(step.map(|step| Event::Injection { id: injection.planned.id.clone(), step }));
        }
        events
    }

    /// The hard deadline: planned end and a tenth, never beyond the longest drill. It is the agent's to keep; an engine
    /// that lives takes everything back when the drill's own limit comes, which is before.
    fn deadline(&self) -> At {
        let limit = self.plan.duration.limit;
        let span = Span::from_millis(limit.millis() + limit.millis() / 10).min(limits::DRILL_MAX);
        self.started_at.unwrap_or(self.plan.start) + span
    }

    /// When the latest fault that users should feel was seen on the target.
    fn last_related_applied(&self) -> Option<At> {
        self.injections.iter().filter(|one| one.planned.related).filter_map(|one| one.applied_at).max()
    }

    /// Symptom, restoration and relapse, by measurement only.
    fn due_seen(&self, _now: At) -> Vec<Event> {
        if self.phase != Phase::Running || self.last_related_applied().is_none() {
            return Vec::new();
        }
        let failing = self.restored_when.iter().find(|watch| watch.passes == Some(false));
        match (self.symptom_at, self.restored_since, failing) {
            (None, _, Some(watch)) => vec![Event::SymptomSeen { detail: self.seen(watch) }],
            (Some(_), Some(_), Some(_)) => vec![Event::Relapsed],
            (Some(_), None, _) if all_hold(&self.restored_when) => {
                let since = self.restored_when.iter().filter_map(Watch::good_from).max();
                since.map(|since| Event::Restored { since }).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a condition sees now, in one line.
    fn seen(&self, watch: &Watch) -> String {
        let subject = &watch.condition.subject;
        match self.window.tally(subject, watch.condition.over) {
            Some(tally) => describe(subject, &tally),
            None => format!("{subject}: not measured"),
        }
    }

    fn due_alarms(&self, now: At) -> Vec<Event> {
        let Some(start) = self.started_at.filter(|_| self.phase == Phase::Running) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for (rule, alarm) in self.plan.alarms.iter().zip(&self.alarms) {
            match (&rule.trigger, &alarm.watch) {
                (AlarmTrigger::At(at), _) if alarm.times_raised == 0 && now >= start + *at => {
                    self.raise(now, rule, rule.summary.clone(), &mut events);
                }
                (AlarmTrigger::When(condition), Some(watch)) if !alarm.active && watch.holds() => {
                    let summary = self.fill(&rule.summary, condition);
                    self.raise(now, rule, summary, &mut events);
                }
                (AlarmTrigger::When(_), Some(watch)) if alarm.active && watch.passes == Some(false) => {
                    events.push(Event::AlarmResolved { alarm: rule.name.clone() });
                    let subject = format!("EXERCISE resolved: {}", rule.name);
                    let offset = queued(&events);
                    let about = NoticeKind::AlarmResolved(rule.name.clone());
                    events.extend(self.announce(now, &about, &subject, "", offset));
                }
                _ => {}
            }
        }
        events
    }

    fn raise(&self, now: At, rule: &crate::scenario::AlarmRule, summary: String, events: &mut Vec<Event>) {
        let subject = format!("EXERCISE alarm: {} ({})", rule.name, summary);
        let text = rule.runbook.as_ref().map(|runbook| format!("runbook: {runbook}")).unwrap_or_default();
        events.push(Event::AlarmRaised { alarm: rule.name.clone(), summary });
        let offset = queued(events);
        events.extend(self.announce(
            now,
            &NoticeKind::AlarmRaised(rule.name.clone()),
            &subject,
            &text,
            offset,
        ));
    }

    /// The alarm's summary with the figures that its condition sees.
    fn fill(&self, summary: &str, condition: &Condition) -> String {
        let tally = self.window.tally(&condition.subject, condition.over);
        tally.map_or_else(|| summary.to_owned(), |tally| filled(summary, &condition.subject, &tally))
    }

    /// A notice for every route. `offset` counts the notices that this batch has queued already.
    fn announce(&self, now: At, about: &NoticeKind, subject: &str, text: &str, offset: u64) -> Vec<Event> {
        self.notices(self.plan.routes.iter(), now, about, (subject, text), offset)
    }

    fn notices<'a>(
        &self,
        routes: impl Iterator<Item = &'a String>,
        now: At,
        about: &NoticeKind,
        (subject, text): (&str, &str),
        offset: u64,
    ) -> Vec<Event> {
        let first = self.notices + offset;
        let severity = match about {
            NoticeKind::AlarmRaised(name) => {
                self.plan.alarms.iter().find(|rule| rule.name == *name).map(|rule| rule.severity)
            }
            NoticeKind::Page(_) => Some(AlarmSeverity::Page),
            _ => None,
        };
        routes
            .zip(first..)
            .map(|(route, number)| {
                Event::NoticeQueued(Notice {
                    id: format!("{}.n{number}", self.plan.drill).parse().expect("made of names"),
                    route: route.clone(),
                    at: now,
                    about: about.clone(),
                    severity,
                    subject: subject.to_owned(),
                    text: text.to_owned(),
                })
            })
            .collect()
    }

    fn due_injects(&self, now: At) -> Vec<Event> {
        let Some(start) = self.started_at.filter(|_| self.phase == Phase::Running) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        for (index, inject) in self.plan.injects.iter().enumerate() {
            if inject.held || self.injects_done.contains(&index) || now < start + inject.at {
                continue;
            }
            let needless = inject.unless.is_some_and(|contingency| match contingency {
                Contingency::StatusSent => self.talk.status_sent,
                Contingency::Declared => self.talk.declared,
                Contingency::Restored => self.restored_since.is_some(),
            });
            if needless {
                events.push(Event::InjectSkipped { inject: index });
            } else {
                events.push(Event::InjectSpoken { inject: index, by: None });
                let offset = queued(&events);
                events.extend(self.tell_routes(now, inject, offset));
            }
        }
        events
    }

    /// An inject on its way to those who are not looking at a page.
    pub(super) fn tell_routes(&self, now: At, inject: &Inject, offset: u64) -> Vec<Event> {
        let subject = format!("EXERCISE {} to {}: {}", inject.from, inject.to, inject.text);
        self.announce(now, &NoticeKind::Inject, &subject, "", offset)
    }

    /// People are called in, by every route that there is.
    pub(super) fn page(&self, now: At, by: &Person, with: Pager, text: &str) -> Vec<Event> {
        let subject = format!("EXERCISE {} page to {}, by {by}: {text}", with.as_str(), with.reaches());
        self.announce(now, &NoticeKind::Page(with), &subject, "", 0)
    }

    /// When the autopilot acts next; nothing while it waits for a moment that has not come.
    fn next_play_at(&self) -> Option<At> {
        let start = self.started_at?;
        let play = self.plan.autopilot.get(self.plays_done)?;
        let moment = match &play.after {
            Moment::Start => start,
            Moment::Alarm(name) => *self.alarm_times.get(name)?,
            Moment::Restored => self.restored_at?,
            Moment::Previous => self.last_play.unwrap_or(start),
        };
        // Its turn comes with the end of the one before; only a wait for a person tells the difference.
        Some((moment + play.wait).max(self.last_play.unwrap_or(start)))
    }

    fn due_play(&self, now: At) -> Vec<Event> {
        let Some(at) = self.next_play_at().filter(|at| self.phase == Phase::Running && *at <= now) else {
            return Vec::new();
        };
        let index = self.plays_done;
        let play = &self.plan.autopilot[index];
        if let Some(patience) = play.by_hand {
            return self.due_left(now, index, at, patience);
        }
        match self.act(now, &play.who, &play.act) {
            Ok(mut events) => {
                events.push(Event::Played { play: index, refused: None });
                events
            }
            Err(refusal) => vec![Event::Played { play: index, refused: Some(refusal.to_string()) }],
        }
    }

    /// The end of the end: everything undone, and measured once more where measuring goes on.
    fn due_close(&self, now: At) -> Vec<Event> {
        let undone = self.injections.iter().all(|one| one.state.is_terminal() || one.state.is_blocked());
        if self.phase != Phase::Ending || !undone {
            return Vec::new();
        }
        let since = self.undone_at.or(self.ended.map(|(at, _)| at)).unwrap_or(now);
        let measured = self.measuring_from.is_some() && self.started_at.is_some();
        if !measured {
            return vec![Event::Closed { steady_after: None }];
        }
        if all_hold(&self.steady) {
            return vec![Event::Closed { steady_after: Some(true) }];
        }
        if now >= since + limits::STEADY_WAIT {
            return vec![Event::Closed { steady_after: Some(false) }];
        }
        Vec::new()
    }
}

impl Injection {
    /// A fault that users should have felt did not come to be.
    fn failed_to_land(&self) -> bool {
        self.planned.related && self.state == State::Aborted
            || self.planned.related && self.applied_at.is_none() && self.state.is_going_back()
            || self.planned.related && self.applied_at.is_none() && self.state == State::Expired
    }
}

fn queued(events: &[Event]) -> u64 {
    events.iter().filter(|event| matches!(event, Event::NoticeQueued(_))).count() as u64
}

/// Fills `{failed}`, `{success}`, `{p50}`, `{p95}`, `{p99}` and `{class}`.
fn filled(summary: &str, subject: &Subject, tally: &Tally) -> String {
    // Both shares come from one rounded figure, so that they add up to 100.
    let failed = (tally.failed_share() * 100.0).round_ties_even();
    summary
        .replace("{failed}", &format!("{failed:.0} %"))
        .replace("{success}", &format!("{:.0} %", 100.0 - failed))
        .replace("{p50}", &format!("{} ms", tally.p50_ms))
        .replace("{p95}", &format!("{} ms", tally.p95_ms))
        .replace("{p99}", &format!("{} ms", tally.p99_ms))
        .replace("{class}", &subject.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::event::Recorded;

    /// A drill of the stored corpus, whose journal is this long.
    fn with_events(count: u64) -> Drill {
        let corpus = include_str!("../../tests/corpus/journal-v1/every-kind.jsonl");
        let first = Recorded::from_line(corpus.lines().next().unwrap()).unwrap();
        let Event::Planned(plan) = first.event else { panic!("a journal begins with its plan") };
        let mut drill = Drill::new(plan);
        (drill.engines, drill.next_seq) = (1, count);
        drill
    }

    #[test]
    fn a_long_journal_ends_the_drill_while_there_is_room_to_take_everything_back() {
        let soon = At::from_millis(0);
        let ends = |count| matches!(with_events(count).due(soon).first(), Some(Event::Ended { .. }));
        assert!(!ends(limits::EVENTS_MAX - EVENTS_RESERVED));
        assert!(ends(limits::EVENTS_MAX - EVENTS_RESERVED + 1));
        // Every fault of the largest plan, tried again a hundred times.
        assert!(EVENTS_RESERVED > limits::FAULTS_MAX as u64 * 100 * 3);
    }

    #[test]
    fn a_summary_is_filled_with_every_figure() {
        let tally = Tally { sent: 8, failed: 3, dropped: 0, p50_ms: 12, p95_ms: 340, p99_ms: 5600 };
        let subject = Subject::Class("put".parse().unwrap());
        let summary = "{class}: {failed} failed, {success} not; {p50}, {p95}, {p99}; {other}";
        let wanted = format!("{subject}: 38 % failed, 62 % not; 12 ms, 340 ms, 5600 ms; {{other}}");
        assert_eq!(filled(summary, &subject, &tally), wanted);
    }
}
