//! The autopilot's timeline: the whole play of a good team.

use super::{cause, target};
use crate::base::Span;
use crate::base::limits::{STEPS_MAX, TEXT_BYTES_MAX};
use crate::scenario::act::{Act, ImpactClaim, Role, When};
use crate::scenario::action::ActionAct;
use crate::scenario::file::{Placed, PlayFile, ScenarioFile, TextOr};
use crate::scenario::pack::{TargetDescription, WorkloadShape};
use crate::scenario::problem::{Findings, Place, Problem};
use crate::scenario::severity::{Answer, Question};
use crate::scenario::ticket::{TicketAct, TicketId};
use crate::scenario::truth::Rung;
use crate::scenario::{AlarmRule, Moment, Play};
use std::collections::BTreeMap;

/// What the play is checked against.
pub(super) struct Stage<'a> {
    pub(super) target: &'a TargetDescription,
    pub(super) alarms: &'a [AlarmRule],
    pub(super) workload: &'a WorkloadShape,
    pub(super) severity: &'a [Question],
    pub(super) limit: Span,
    pub(super) file: &'a ScenarioFile,
}

/// The plays, and the problems of a player file of its own. Problems of an inline list go to `found`.
pub(super) fn autopilot(
    found: &mut Findings,
    stage: &Stage<'_>,
    players: Option<(&str, &[Placed<PlayFile>])>,
) -> (Vec<Play>, Vec<Problem>) {
    let inline = match &stage.file.autopilot {
        Some(Placed { value: TextOr::Other(list), .. }) => Some(list),
        _ => None,
    };
    match (inline, players) {
        (Some(list), _) => (stage.plays(found, list), Vec::new()),
        (None, Some((name, list))) => {
            let mut apart = Findings::new(name);
            let plays = stage.plays(&mut apart, list);
            (plays, apart.into_problems())
        }
        (None, None) => (Vec::new(), Vec::new()),
    }
}

impl Stage<'_> {
    fn plays(&self, found: &mut Findings, list: &[Placed<PlayFile>]) -> Vec<Play> {
        if list.len() > STEPS_MAX {
            found.add(Place::default(), format!("more than {STEPS_MAX} acts"));
        }
        let mut held: BTreeMap<Role, String> = BTreeMap::new();
        let mut opened = 0;
        let mut plays = Vec::new();
        for (index, entry) in list.iter().enumerate() {
            let after = match &entry.after {
                Some(after) => self.moment(found, after),
                None if index == 0 => Moment::Start,
                None => Moment::Previous,
            };
            let wait = entry.wait.as_ref().map_or(Span::ZERO, |wait| {
                super::within(found, wait, self.limit);
                wait.value
            });
            self.act(found, &entry.act, entry.who.as_str(), &mut held);
            tickets(found, &entry.act, &mut opened);
            plays.push(Play {
                after,
                wait,
                who: entry.who.value.clone(),
                act: entry.act.value.clone(),
                by_hand: None,
            });
        }
        plays
    }

    fn moment(&self, found: &mut Findings, after: &Placed<String>) -> Moment {
        let words: Vec<_> = after.split_whitespace().collect();
        match words.as_slice() {
            ["start"] => Moment::Start,
            ["restored"] => Moment::Restored,
            ["previous"] => Moment::Previous,
            ["alarm", name] => {
                let known = self.alarms.iter().find(|alarm| alarm.name.as_str() == *name);
                if let Some(alarm) = known {
                    Moment::Alarm(alarm.name.clone())
                } else {
                    self.no_alarm(found, after.place, name);
                    Moment::Start
                }
            }
            _ => {
                found.add(
                    after.place,
                    format!(
                        "`{}` is not a moment: write `start`, `alarm NAME`, `restored` or `previous`",
                        after.value
                    ),
                );
                Moment::Start
            }
        }
    }

    fn no_alarm(&self, found: &mut Findings, place: Place, name: &str) {
        found.unknown(place, "alarm", name, self.alarms.iter().map(|alarm| alarm.name.as_str()));
    }

    /// `held` follows who has which role, in the order of the list.
    fn act(&self, found: &mut Findings, act: &Placed<Act>, who: &str, held: &mut BTreeMap<Role, String>) {
        let place = act.place;
        for text in texts_of(&act.value) {
            if text.len() > TEXT_BYTES_MAX {
                found.add(place, format!("a text has {} bytes; at most {TEXT_BYTES_MAX} fit", text.len()));
            }
        }
        Self::roles(found, act, who, held);
        match &act.value {
            Act::Ack(alarm) if !self.alarms.iter().any(|known| known.name == *alarm) => {
                self.no_alarm(found, place, alarm.as_str());
            }
            Act::Log { on: Some(on), .. }
            | Act::Ticket(TicketAct::Open { on: Some(on), .. } | TicketAct::Update { on: Some(on), .. })
                if !self.target.has_service(on) =>
            {
                found.unknown(place, "component", on, super::params::services(self.target));
            }
            Act::Hypothesis(claim) | Act::Cause(claim) => {
                cause::claim(found, place, claim, self.file, self.target);
            }
            Act::Assess(claim) => self.impact(found, place, claim),
            Act::Decide { option, .. } => self.option(found, place, *option),
            Act::Severity(answers) => self.checklist(found, place, answers),
            Act::Ran(_) => {
                found.add(place, "a command is told by the recorder of a shell: play `operate`".to_owned());
            }
            Act::Operate(argv) => {
                target::operation(found, &Placed { value: argv.as_slice(), place }, self.target);
            }
            _ => {}
        }
    }

    fn roles(found: &mut Findings, act: &Placed<Act>, who: &str, held: &mut BTreeMap<Role, String>) {
        let (role, before, takes) = match &act.value {
            Act::TakeRole(role) => (role, held.insert(*role, who.to_owned()), true),
            Act::ReleaseRole(role) => (role, held.remove(role), false),
            Act::HandOver { role, to, .. } => (role, held.insert(*role, to.to_string()), false),
            _ => return,
        };
        match before.as_deref() {
            Some(holder) if takes && holder != who => found.add(
                act.place,
                format!("the role `{role}` is held by {holder}: it must be released or handed over"),
            ),
            holder if !takes && holder != Some(who) => {
                found.add(act.place, format!("{who} does not hold the role `{role}`"));
            }
            _ => {}
        }
    }

    fn option(&self, found: &mut Findings, place: Place, option: Rung) {
        let declared = &self.file.truth.value.decision;
        let offered: Vec<Rung> = Rung::ALL.into_iter().filter(|rung| declared.of(*rung).is_some()).collect();
        if !offered.contains(&option) {
            found.unknown(
                place,
                "option under `truth.decision`",
                option.as_str(),
                offered.iter().map(|rung| rung.as_str()),
            );
        }
    }

    fn checklist(&self, found: &mut Findings, place: Place, answers: &BTreeMap<String, Answer>) {
        for (id, answer) in answers {
            let Some(question) = self.severity.iter().find(|question| question.id == *id) else {
                let known = self.severity.iter().map(|question| question.id.as_str());
                found.unknown(place, "question of the severity checklist", id, known);
                continue;
            };
            if let Some(objection) = question.objection(answer) {
                found.add(place, objection);
            }
        }
    }

    fn impact(&self, found: &mut Findings, place: Place, claim: &ImpactClaim) {
        for window in &claim.windows {
            if let (When::Offset(from), When::Offset(to)) = (window.from, window.to)
                && (from >= to || to > self.limit)
            {
                found.add(place, format!("the window from {from} to {to} does not lie within the drill"));
            }
        }
        for (class, share) in &claim.failed {
            if !self.workload.classes.iter().any(|known| known.name == *class) {
                let known = self.workload.classes.iter().map(|known| known.name.as_str());
                found.unknown(place, "request class", class.as_str(), known);
            }
            let most = share.up_to.unwrap_or(share.percent);
            if !(0.0 <= share.percent && share.percent <= most && most <= 100.0) {
                found.add(place, format!("the share of `{class}` is not within 0 and 100 per cent"));
            }
        }
    }
}

/// A ticket is opened before anything is done to it.
fn tickets(found: &mut Findings, act: &Placed<Act>, opened: &mut usize) {
    let named: Option<TicketId> = match &act.value {
        Act::Ticket(TicketAct::Open { .. }) => {
            *opened += 1;
            None
        }
        Act::Ticket(done) => Some(done.ticket().unwrap_or(TicketId::FIRST)),
        Act::Status { ticket, .. } | Act::Decide { ticket, .. } => *ticket,
        _ => None,
    };
    if let Some(id) = named.filter(|id| id.index() >= *opened) {
        found.add(act.place, format!("the ticket {id} is not open yet"));
    }
}

fn texts_of(act: &Act) -> Vec<&str> {
    match act {
        Act::Say(text)
        | Act::Stumped(text)
        | Act::Summary(text)
        | Act::Page { text, .. }
        | Act::Action(ActionAct::Add { text, .. })
        | Act::Resolve(text)
        | Act::Log { text, .. }
        | Act::Declare { text }
        | Act::Status { text, .. } => vec![text],
        Act::HandOver { note, .. } => vec![note],
        Act::Decide { because, asked, .. } => asked.iter().chain([because]).map(String::as_str).collect(),
        Act::Ticket(done) => done.texts(),
        Act::Hypothesis(claim) | Act::Cause(claim) => vec![&claim.text],
        Act::Assess(claim) => vec![&claim.text],
        Act::Operate(argv) => argv.iter().map(String::as_str).collect(),
        Act::Ran(command) => vec![&command.line],
        Act::TakeRole(_) | Act::ReleaseRole(_) | Act::Ack(_) | Act::Severity(_) | Act::Action(_) => {
            Vec::new()
        }
    }
}
