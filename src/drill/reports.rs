//! What hands report, and what follows from it.

use super::{
    Drill, Phase,
    command::{HandResult, Report},
    event::{Event, InjectionStep},
    injection::{Injection, State},
};
use crate::{
    base::{At, InjectionId, Span, limits},
    fault::{Presence, Undone},
};

impl Drill {
    /// Nothing that the world says can be refused; what is late or double has no consequence.
    pub(super) fn heard(&self, now: At, report: &Report) -> Vec<Event> {
        match report {
            Report::Measured(measured) => {
                let fresh = self.window.measured_until().is_none_or(|until| measured.at >= until);
                if !fresh || self.phase == Phase::Closed || self.measuring_from.is_none() {
                    return Vec::new();
                }
                vec![Event::Measured { second: measured.at, bucket: measured.bucket.clone() }]
            }
            Report::Asked { probe, answer } if self.phase != Phase::Closed => vec![Event::ProbeAnswered {
                probe: probe.clone(),
                good: answer.good,
                latency_ms: answer.latency_ms,
                detail: cut(&answer.detail),
            }],
            Report::Asked { .. } => Vec::new(),
            Report::Inspected { id, presence, detail } => {
                self.step(id, |one| inspected(one, now, *presence, detail))
            }
            Report::Armed { id, result } => self.step(id, |one| match (one.state, result) {
                (State::Intent, HandResult::Done) => vec![InjectionStep::Armed],
                (State::Intent, HandResult::Refused(why) | HandResult::Unknown(why)) => {
                    vec![InjectionStep::Reverting { why: cut(why) }]
                }
                _ => Vec::new(),
            }),
            Report::Injected { id, result } => self.step(id, |one| match (one.state, result) {
                (State::Injecting, HandResult::Done) if one.applied_at.is_none() => {
                    vec![InjectionStep::Applied]
                }
                (State::Injecting, HandResult::Refused(why) | HandResult::Unknown(why))
                    if one.applied_at.is_none() =>
                {
                    vec![InjectionStep::Reverting { why: cut(why) }]
                }
                _ => Vec::new(),
            }),
            Report::Revoked { id, result } => self.step(id, |one| match (one.state, result) {
                (State::Reverting, HandResult::Done) => vec![InjectionStep::Fenced, InjectionStep::Undoing],
                (State::Reverting, HandResult::Refused(why) | HandResult::Unknown(why)) => {
                    vec![stuck(one, now, why)]
                }
                _ => Vec::new(),
            }),
            Report::Undone { id, result } => self.step(id, |one| match (one.state, result) {
                (State::Undoing, Ok(Undone::Diverged)) => vec![InjectionStep::Diverged {
                    detail: "somebody changed the place; it is left as it is".into(),
                }],
                (State::Undoing, Ok(found)) => vec![InjectionStep::Verifying { found: *found }],
                (State::Undoing, Err(HandResult::Refused(why) | HandResult::Unknown(why))) => {
                    vec![stuck(one, now, why)]
                }
                _ => Vec::new(),
            }),
            Report::Heartbeat { expired } => self.heartbeat(expired),
            Report::HeartbeatLost { error } => vec![Event::AgentSilent { error: cut(error) }],
            Report::Delivered { notice, result } => {
                let Some((_, tries)) = self.outbox.get(notice) else { return Vec::new() };
                let attempts = tries + 1;
                vec![match result {
                    Ok(()) => Event::NoticeDelivered { notice: notice.clone(), attempts },
                    Err(failed) => Event::NoticeFailed {
                        notice: notice.clone(),
                        attempts,
                        error: cut(&failed.error),
                        retry_at: (failed.retry && attempts < limits::DELIVERY_TRIES_MAX)
                            .then(|| now + next_try(attempts, failed.wait)),
                    },
                }]
            }
            Report::Reacted { reactor, moment, answer } => {
                let answer = answer.clone().map_err(|why| cut(&why));
                self.reacted(now, *reactor, *moment, &answer)
            }
            Report::Operated { by, argv, exit, output } => {
                vec![Event::Operated { by: by.clone(), argv: argv.clone(), exit: *exit, output: cut(output) }]
            }
        }
    }

    /// The events of an injection's next steps, if the table allows the first of them.
    fn step(&self, id: &InjectionId, next: impl Fn(&Injection) -> Vec<InjectionStep>) -> Vec<Event> {
        let Some(injection) = self.injections.iter().find(|one| one.planned.id == *id) else {
            return Vec::new();
        };
        let steps = next(injection);
        if steps.first().is_none_or(|step| !injection.allows(step)) {
            return Vec::new();
        }
        steps.into_iter().map(|step| Event::Injection { id: id.clone(), step }).collect()
    }

    fn heartbeat(&self, expired: &[InjectionId]) -> Vec<Event> {
        let mut events = Vec::new();
        if self.silent > 0 {
            events.push(Event::AgentBack);
        }
        // What is on its way back goes on: its own undo then finds the place clean and says so.
        let held = |one: &&Injection| one.state.may_have_effect() && !one.state.is_going_back();
        events.extend(
            self.injections
                .iter()
                .filter(held)
                .filter(|one| expired.contains(&one.planned.id))
                .map(|one| Event::Injection { id: one.planned.id.clone(), step: InjectionStep::Expired }),
        );
        events
    }
}

fn inspected(one: &Injection, now: At, presence: Presence, detail: &str) -> Vec<InjectionStep> {
    match (one.state, presence) {
        (State::Planned, Presence::Clean) => vec![InjectionStep::Probed],
        (State::Planned, _) => {
            vec![InjectionStep::Aborted { why: format!("its place is not clean: {}", cut(detail)) }]
        }
        (State::Live | State::Injecting, Presence::Clean) if one.applied_at.is_some() => {
            vec![InjectionStep::Reverting { why: "the responders' repair".into() }]
        }
        (State::Verifying, Presence::Clean) => vec![one.verified()],
        (State::Verifying, Presence::Diverged) => vec![InjectionStep::Diverged { detail: cut(detail) }],
        (State::Verifying, Presence::Present | Presence::Unknown) => vec![stuck(one, now, detail)],
        _ => Vec::new(),
    }
}

/// Tried again, later each time, for ever.
fn stuck(one: &Injection, now: At, error: &str) -> InjectionStep {
    let attempt = one.attempts + 1;
    InjectionStep::Stuck { attempt, error: cut(error), retry_at: now + backoff(attempt) }
}

/// 1, 2, 4, ... 30 s.
/// The pause before the next try: it grows, and the receiver may ask for a longer one.
fn next_try(attempts: u32, asked: Span) -> Span {
    backoff(attempts).max(asked.min(limits::DELIVERY_WAIT_MAX))
}

fn backoff(attempts: u32) -> Span {
    Span::from_secs((1_u64 << attempts.saturating_sub(1).min(5)).min(30))
}

fn cut(text: &str) -> String {
    text.chars().take(limits::TEXT_BYTES_MAX / 4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_given_the_time_that_it_asks_for_within_reason() {
        let secs = |attempts, asked| next_try(attempts, Span::from_secs(asked)).millis() / 1000;
        assert_eq!([1, 2, 5, 8].map(|attempts| secs(attempts, 0)), [1, 2, 16, 30]);
        assert_eq!((secs(1, 120), secs(8, 5)), (120, 30));
        assert_eq!(secs(1, 86_400), limits::DELIVERY_WAIT_MAX.millis() / 1000);
    }
}
