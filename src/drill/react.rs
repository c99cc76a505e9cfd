//! Injectors that adapt: when a moment comes that one has declared, its script is asked what it wants now, and is told
//! nothing but what the journal knows. What it answers becomes planned injections through an event, so that a journal is
//! replayed without the script. Who was asked and has no answer in the journal is asked again by the next engine.

use super::{
    Drill, Phase,
    effect::Effect,
    event::Event,
    injection::Injection,
    plan::{PlannedInjection, opaque_id},
};
use crate::{
    base::{At, Span, limits},
    fault::{TimedFault, injector::ReactMoment},
    scenario::{PlannedFault, check, condition::Subject},
};
use serde_json::{Map, Value, json};

/// What is said of users is measured over so long.
const OVER: Span = Span::from_secs(10);

/// A question to an injector that has no answer in the journal yet.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Its index among the plan's reactors.
    reactor: usize,
    moment: ReactMoment,
    /// What it was told, and will be told again.
    seen: Map<String, Value>,
}

impl Drill {
    /// Notes a moment, and asks every injector that has declared it.
    pub(super) fn moment(&mut self, at: At, moment: ReactMoment) -> Vec<Effect> {
        if self.phase != Phase::Running || !self.resume {
            return Vec::new();
        }
        *self.moments.entry(moment).or_default() += 1;
        if self.reactions >= limits::REACTIONS_MAX {
            return Vec::new();
        }
        let declared = |(_, one): &(usize, &crate::fault::injector::Reactor)| one.reacts.contains(&moment);
        let asked = self.plan.reactors.iter().enumerate().filter(declared);
        let seen = self.seen_by_reactors(at, moment);
        let new: Vec<_> =
            asked.map(|(reactor, _)| Question { reactor, moment, seen: seen.clone() }).collect();
        let effects = new.iter().filter_map(|question| self.put_question(question)).collect();
        self.questions.extend(new);
        effects
    }

    fn put_question(&self, question: &Question) -> Option<Effect> {
        let Question { reactor, moment, seen } = question.clone();
        let one = self.plan.reactors.get(reactor)?;
        let (source, params) = (one.source.clone(), one.params.clone());
        Some(Effect::React { reactor, moment, source, params, seen })
    }

    /// Asks again what an engine that is gone has asked and nobody has answered.
    pub(super) fn ask_again(&self) -> Vec<Effect> {
        if self.phase != Phase::Running || !self.resume {
            return Vec::new();
        }
        self.questions.iter().filter_map(|question| self.put_question(question)).collect()
    }

    /// The whole minutes since StartEx that have not been moments yet.
    pub(super) fn minutes(&mut self, at: At) -> Vec<Effect> {
        let passed =
            self.started_at.map_or(0, |start| at.since(start).millis() / Span::from_mins(1).millis());
        let told = self.moments.get(&ReactMoment::Minute).copied().unwrap_or(0);
        if u64::from(told) < passed { self.moment(at, ReactMoment::Minute) } else { Vec::new() }
    }

    /// All that a script is told.
    fn seen_by_reactors(&self, at: At, moment: ReactMoment) -> Map<String, Value> {
        let minutes =
            self.started_at.map_or(0, |start| at.since(start).millis() / Span::from_mins(1).millis());
        let failed: Map<String, Value> = self
            .plan
            .workload
            .classes
            .iter()
            .filter_map(|class| {
                let tally = self.window.tally(&Subject::Class(class.name.clone()), OVER)?;
                // Whole per cent: a script has no use for more.
                let percent = u64::from(tally.failed) * 100 / u64::from(tally.sent.max(1));
                Some((class.name.to_string(), percent.into()))
            })
            .collect();
        let acknowledged = self.alarms.iter().filter(|alarm| alarm.acknowledged_by.is_some());
        let acknowledged: Vec<_> = acknowledged.map(|alarm| alarm.name.to_string()).collect();
        let told = json!({
            "moment": moment,
            "times": self.moments.get(&moment).copied().unwrap_or(0),
            "minutes": minutes,
            "failed": failed,
            "restored": self.restored_since.is_some(),
            "acknowledged": acknowledged,
        });
        match told {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    /// What follows from an injector's answer: injections within the target's caps, or a refusal with its reason. One
    /// that wants nothing has answered, too.
    pub(super) fn reacted(
        &self,
        now: At,
        reactor: usize,
        moment: ReactMoment,
        answer: &Result<Vec<TimedFault>, String>,
    ) -> Vec<Event> {
        let (Some(start), Some(by)) = (self.started_at, self.plan.reactors.get(reactor)) else {
            return Vec::new();
        };
        let faults = match answer {
            Ok(faults) => faults,
            Err(why) => {
                return vec![Event::Reacted {
                    reactor,
                    moment,
                    planned: Vec::new(),
                    refused: Some(why.clone()),
                }];
            }
        };
        if self.phase != Phase::Running {
            return Vec::new();
        }
        // An injection is armed before its time, so nothing begins at once.
        let earliest = now.since(start) + limits::ARM_LEAD;
        let planned: Vec<_> = faults
            .iter()
            .zip(self.injections.len()..)
            .map(|(timed, number)| {
                let at = earliest + timed.at;
                let until = timed.until.map(|until| earliest + until);
                let id = opaque_id(self.plan.seed, self.plan.drill.as_str(), number);
                let (injector, fault) = (by.injector.clone(), timed.fault.clone());
                PlannedInjection { id, injector, related: by.related, at, until, fault }
            })
            .collect();
        match self.may_react(&planned) {
            Ok(()) => vec![Event::Reacted { reactor, moment, planned, refused: None }],
            Err(why) => vec![Event::Reacted { reactor, moment, planned: Vec::new(), refused: Some(why) }],
        }
    }

    fn may_react(&self, planned: &[PlannedInjection]) -> Result<(), String> {
        if self.reactions + planned.len() > limits::REACTIONS_MAX {
            return Err(format!(
                "more than {} faults would be planned while it is played",
                limits::REACTIONS_MAX
            ));
        }
        self.may_be_added(planned)
    }

    /// Whether the target's caps and the drill's limit let these in beside what is there.
    pub(super) fn may_be_added(&self, planned: &[PlannedInjection]) -> Result<(), String> {
        let told = |one: &PlannedInjection| PlannedFault {
            injector: one.injector.clone(),
            related: one.related,
            timed: TimedFault { at: one.at, until: one.until, fault: one.fault.clone() },
        };
        let open = self.injections.iter().filter(|one| !one.state.is_terminal());
        let there: Vec<_> = open.map(|one| told(&one.planned)).collect();
        let new: Vec<_> = planned.iter().map(told).collect();
        check::added(&self.plan.target, &there, &new, self.plan.duration.limit)
    }

    /// Takes an answer in: each fault is looked at like any other before it may be armed.
    pub(super) fn take_reaction(
        &mut self,
        reactor: usize,
        moment: ReactMoment,
        planned: &[PlannedInjection],
    ) -> Vec<Effect> {
        let answered = |one: &Question| (one.reactor, one.moment) == (reactor, moment);
        if let Some(place) = self.questions.iter().position(answered) {
            self.questions.remove(place);
        }
        self.reactions += planned.len();
        self.take_in(planned)
    }

    /// Adds injections to those of the plan.
    pub(super) fn take_in(&mut self, planned: &[PlannedInjection]) -> Vec<Effect> {
        let new: Vec<_> = planned.iter().cloned().map(Injection::new).collect();
        let looks = new.iter().map(Injection::look).collect();
        self.injections.extend(new);
        looks
    }

    /// Injections that were in the plan from the beginning. One that was planned while the drill was played may fail to
    /// land without an end to the drill: responders may be at work in its place.
    pub(super) fn planned_from_the_beginning(&self) -> &[Injection] {
        &self.injections[..self.plan.injections.len().min(self.injections.len())]
    }
}
