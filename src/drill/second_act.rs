//! The second act: a team that is done within minutes may meet another outage at once. The first act is concluded then, and
//! scored as it was.

use super::{
    Drill, Phase,
    command::Refusal,
    effect::Effect,
    event::{Event, Hat},
    gauge::Watch,
    plan::PlannedInjection,
};
use crate::base::{At, Person, limits};

impl Drill {
    /// Whether one is held back, and nobody has begun it.
    pub(super) fn has_second_act(&self) -> bool {
        !self.plan.second_act.is_empty() && !self.second_act && !self.plan.admission.rehearsal
    }

    pub(super) fn begin_second_act(&self, now: At, by: &Person) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Instigator)?;
        let no = |why: &str| Err(Refusal::NoSecondAct(why.to_owned()));
        let Some(start) = self.started_at.filter(|_| self.phase == Phase::Running) else {
            return Err(Refusal::WrongPhase {
                phase: self.phase.as_str(),
                help: "a second act follows a first one",
            });
        };
        if self.plan.second_act.is_empty() {
            return no("this scenario has no second act");
        }
        if self.second_act {
            return no("the second act has begun already");
        }
        let concluded = self.talk.resolved && self.talk.caused && self.talk.assessed;
        if !concluded || self.restored_at.is_none() {
            return no(
                "the first act goes on: it ends with the cause, the impact and the all-clear, once service is \
                       measured as restored",
            );
        }
        // An injection is armed before its time, so nothing begins at once.
        let earliest = now.since(start) + limits::ARM_LEAD;
        let moved = |one: &PlannedInjection| PlannedInjection {
            at: earliest + one.at,
            until: one.until.map(|until| earliest + until),
            ..one.clone()
        };
        let planned: Vec<_> = self.plan.second_act.iter().map(moved).collect();
        match self.may_be_added(&planned) {
            Ok(()) => Ok(vec![Event::SecondActBegan { by: by.clone(), planned }]),
            Err(why) => Err(Refusal::NoSecondAct(format!("the second act does not fit now: {why}"))),
        }
    }

    /// The team concludes anew; what is injected is looked at like any other before it may be armed.
    pub(super) fn take_second_act(&mut self, planned: &[PlannedInjection]) -> Vec<Effect> {
        self.second_act = true;
        let talk = &mut self.talk;
        (talk.resolved, talk.caused, talk.assessed, talk.declared) = (false, false, false, false);
        talk.concluded_at = None;
        (self.restored_since, self.restored_at) = (None, None);
        self.restored_when.iter_mut().for_each(Watch::restart);
        self.take_in(planned)
    }
}
