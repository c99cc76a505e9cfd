//! What people may do, and every reason to say no.

use super::{
    Drill, Phase,
    command::{Command, Refusal},
    event::{Event, Hat},
    tickets::names,
};
use crate::{
    base::{At, Person, limits},
    fault::kind,
    scenario::{
        act::{Act, CauseClaim, ClaimedWindow, ImpactClaim, Role, When},
        severity::Answer,
        truth::Rung,
    },
};
use std::collections::BTreeMap;

impl Drill {
    pub(super) fn asked(&self, now: At, command: &Command) -> Result<Vec<Event>, Refusal> {
        if self.next_seq + 1000 > limits::EVENTS_MAX {
            return Err(Refusal::JournalFull);
        }
        match command {
            Command::Join { person, hat } => self.join(person, *hat),
            Command::Act { by, act } => {
                self.needs(by, Hat::Responder)?;
                self.act(now, by, act)
            }
            Command::Hint { by, pointer } => self.hint(now, by, pointer).map(|hint| vec![hint]),
            Command::Ask { by, number } => self.ask(by, *number),
            Command::Inject { by, number } => self.send_held(now, by, *number),
            Command::SecondAct { by } => self.begin_second_act(now, by),
            Command::Tell { by, text } => self.tell(by, text),
            Command::Settle { by, message, pointer } => self.settle(now, by, *message, pointer.as_deref()),
            Command::Observe { by, about, text } => self.observe(by, *about, text),
            Command::Review { by, entry } => self.review(by, entry),
            Command::Stop { by, reason, real_incident } => self.stop(by, reason, *real_incident),
            Command::SignOff { id, by } => {
                let injection = self.injections.iter().find(|one| one.planned.id == *id);
                let mut people = by.clone();
                people.sort();
                people.dedup();
                match injection {
                    Some(one) if !one.state.is_blocked() => Err(Refusal::NoSignOff(format!(
                        "{id} is {}, and only a blocked injection is signed off",
                        one.state.as_str()
                    ))),
                    Some(_) if people.len() < 2 => {
                        Err(Refusal::NoSignOff("two people sign off together".into()))
                    }
                    Some(_) => Ok(vec![Event::SignedOff { id: id.clone(), by: people }]),
                    None => Err(Refusal::NoSignOff(format!("this drill has no injection {id}"))),
                }
            }
            Command::ResetTarget => Ok(vec![Event::TargetReset]),
            Command::Tick | Command::Report(_) => Ok(Vec::new()),
        }
    }

    fn join(&self, person: &Person, hat: Hat) -> Result<Vec<Event>, Refusal> {
        match self.people.hats.get(person) {
            Some(was) if *was == hat => Ok(Vec::new()),
            Some(was) => Err(Refusal::OtherHat { person: person.clone(), was: *was, wanted: hat }),
            // Whoever leads the talk may come to it.
            None if self.phase >= Phase::Ending && hat != Hat::Trainer => {
                Err(Refusal::WrongPhase { phase: self.phase.as_str(), help: "nobody joins any more" })
            }
            None if !self.is_expected(person, hat) => {
                Err(Refusal::NotOnRoster { person: person.clone(), wanted: hat })
            }
            None => Ok(vec![Event::Joined { person: person.clone(), hat }]),
        }
    }

    /// Whether the roster lets somebody in with this hat. A side for which nobody was named is open; so are the others.
    fn is_expected(&self, person: &Person, hat: Hat) -> bool {
        let played = hat == Hat::Responder && self.plan.players().contains(person);
        played || self.plan.admission.expects(person, hat)
    }

    pub(super) fn needs(&self, person: &Person, needed: Hat) -> Result<(), Refusal> {
        match self.people.hats.get(person) {
            None => Err(Refusal::NotJoined(person.clone())),
            Some(hat) if *hat == needed => Ok(()),
            Some(was) => Err(Refusal::WrongHat { person: person.clone(), was: *was, needed }),
        }
    }

    /// A responder's act, by hand or by the autopilot.
    pub(super) fn act(&self, now: At, by: &Person, act: &Act) -> Result<Vec<Event>, Refusal> {
        let early =
            matches!(act, Act::TakeRole(_) | Act::ReleaseRole(_) | Act::HandOver { .. } | Act::Say(_));
        match self.phase {
            Phase::Running => {}
            // Whoever has repaired something writes of it afterwards.
            Phase::Ending if matches!(act, Act::Summary(_)) => {}
            Phase::Ending | Phase::Closed => {
                return Err(Refusal::WrongPhase { phase: self.phase.as_str(), help: "the exercise is over" });
            }
            _ if early => {}
            _ => {
                return Err(Refusal::WrongPhase {
                    phase: self.phase.as_str(),
                    help: "before the start, take roles and talk",
                });
            }
        }
        let act = self.checked(by, act)?;
        let notices = match &act {
            Act::Page { with, text } => self.page(now, by, *with, text),
            _ => Vec::new(),
        };
        Ok([Event::Acted { by: by.clone(), act }].into_iter().chain(notices).collect())
    }

    /// The act with its claims resolved to instants, or why not.
    fn checked(&self, by: &Person, act: &Act) -> Result<Act, Refusal> {
        match act {
            Act::TakeRole(role) => match self.people.roles.get(role) {
                Some(holder) if exclusive(*role) && holder != by => {
                    return Err(Refusal::RoleTaken { role: *role, holder: holder.clone() });
                }
                _ => {}
            },
            Act::ReleaseRole(role) => self.holds(by, *role)?,
            Act::HandOver { role, to, note } => {
                self.holds(by, *role)?;
                self.needs(to, Hat::Responder)?;
                if !note.is_empty() {
                    text(note)?;
                }
            }
            Act::Ack(name) => {
                let alarm = self.alarms.iter().find(|alarm| alarm.name == *name && alarm.active);
                let alarm = alarm.ok_or_else(|| Refusal::NoSuchAlarm(name.clone()))?;
                if let Some(who) = &alarm.acknowledged_by {
                    return Err(Refusal::AlreadyAcknowledged { alarm: name.clone(), by: who.clone() });
                }
            }
            Act::Say(said)
            | Act::Stumped(said)
            | Act::Summary(said)
            | Act::Resolve(said)
            | Act::Declare { text: said } => text(said)?,
            Act::Page { text: said, .. } => {
                text(said)?;
                if self.talk.pages >= limits::PAGES_MAX {
                    let most = limits::PAGES_MAX;
                    return Err(Refusal::TooMany(format!("{most} pages were sent, and that is the limit")));
                }
            }
            Act::Action(done) => self.action(done)?,
            Act::Status { text: said, ticket, .. } => {
                text(said)?;
                if let Some(id) = ticket {
                    self.open_ticket(Some(*id))?;
                }
            }
            Act::Decide { option, because, asked, ticket } => {
                self.on_ladder(*option)?;
                text(because)?;
                names(asked, "somebody who was asked")?;
                if let Some(id) = ticket {
                    self.open_ticket(Some(*id))?;
                }
            }
            Act::Ticket(done) => return Ok(Act::Ticket(self.ticket(done)?)),
            Act::Severity(answers) => self.checklist(answers)?,
            Act::Log { text: said, on } => {
                text(said)?;
                if let Some(on) = on {
                    self.component(on)?;
                }
            }
            Act::Hypothesis(claim) => return Ok(Act::Hypothesis(self.cause(claim)?)),
            Act::Cause(claim) => return Ok(Act::Cause(self.cause(claim)?)),
            Act::Assess(claim) => return Ok(Act::Assess(self.impact(claim)?)),
            Act::Operate(argv) => {
                if !self.plan.target.allows(argv) {
                    return Err(Refusal::NotAnOperation(argv.join(" ")));
                }
            }
        }
        Ok(act.clone())
    }

    fn holds(&self, by: &Person, role: Role) -> Result<(), Refusal> {
        if self.people.roles.get(&role) == Some(by) {
            Ok(())
        } else {
            Err(Refusal::RoleNotHeld { role, person: by.clone() })
        }
    }

    pub(super) fn component(&self, name: &str) -> Result<(), Refusal> {
        let target = &self.plan.target;
        let known = target.has_service(name)
            || target.links.iter().any(|link| link.name.as_str() == name)
            || target.volumes.iter().any(|volume| volume.name.as_str() == name);
        if known {
            return Ok(());
        }
        let components = target.components().join(", ");
        Err(Refusal::BadClaim(format!(
            "`{name}` is no part of {}: it has {components}, their instances, links and volumes",
            target.name
        )))
    }

    fn instant(&self, when: When) -> When {
        When::Instant(when.resolve(self.started_at.unwrap_or(self.plan.start)))
    }

    fn cause(&self, claim: &CauseClaim) -> Result<CauseClaim, Refusal> {
        let bad = |why: String| Err(Refusal::BadClaim(why));
        if claim.component.is_none()
            && claim.kind.is_none()
            && claim.text.trim().is_empty()
            && claim.facts.is_empty()
        {
            return bad("a claim names at least a component, a kind, a fact or says something".into());
        }
        if let Some(component) = &claim.component {
            self.component(component)?;
        }
        if let Some(given) = &claim.kind
            && !kind::exists(given)
        {
            let known: Vec<_> = kind::all().collect();
            return bad(format!("`{given}` is not a kind of fault: use one of {}", known.join(", ")));
        }
        if let Some(fact) =
            claim.facts.iter().find(|fact| !self.plan.fact_offers.iter().any(|o| o.id == **fact))
        {
            return bad(format!("`{fact}` is not one of the offered facts"));
        }
        if claim.confidence.is_some_and(|percent| percent > 100) {
            return bad("a confidence is 0 to 100 per cent".into());
        }
        if let Some(seq) = claim.evidence.iter().find(|seq| **seq >= self.next_seq) {
            return bad(format!("event {seq} has not happened"));
        }
        if claim.text.len() > limits::TEXT_BYTES_MAX || claim.evidence.len() > limits::EVIDENCE_MAX {
            return bad(format!(
                "a claim has at most {} bytes and {} pieces of evidence",
                limits::TEXT_BYTES_MAX,
                limits::EVIDENCE_MAX
            ));
        }
        Ok(CauseClaim { onset: claim.onset.map(|onset| self.instant(onset)), ..claim.clone() })
    }

    fn impact(&self, claim: &ImpactClaim) -> Result<ImpactClaim, Refusal> {
        let bad = |why: String| Err(Refusal::BadClaim(why));
        if claim.windows.len() > 20 || claim.text.len() > limits::TEXT_BYTES_MAX {
            return bad(format!("an assessment has at most 20 windows and {} bytes", limits::TEXT_BYTES_MAX));
        }
        let mut windows = Vec::new();
        for window in &claim.windows {
            let (from, to) = (self.instant(window.from), self.instant(window.to));
            let start = self.started_at.unwrap_or(self.plan.start);
            if from.resolve(start) >= to.resolve(start) {
                return bad("a window ends after it begins".into());
            }
            windows.push(ClaimedWindow { from, to });
        }
        for (class, share) in &claim.failed {
            if !self.plan.workload.classes.iter().any(|known| known.name == *class) {
                let known: Vec<_> =
                    self.plan.workload.classes.iter().map(|class| class.name.to_string()).collect();
                return bad(format!("`{class}` is not a class of requests: there are {}", known.join(", ")));
            }
            let high = share.up_to.unwrap_or(share.percent);
            let in_range = (0.0..=100.0).contains(&share.percent) && (0.0..=100.0).contains(&high);
            if !in_range || high < share.percent || share.confidence.is_some_and(|percent| percent > 100) {
                return bad(format!(
                    "the share of `{class}` lies between 0 and 100 per cent, lower end first"
                ));
            }
        }
        Ok(ImpactClaim { windows, ..claim.clone() })
    }

    /// A decision is for one of the options that the drill offers.
    fn on_ladder(&self, option: Rung) -> Result<(), Refusal> {
        let ladder = &self.plan.ladder;
        if ladder.contains(&option) {
            return Ok(());
        }
        Err(Refusal::BadClaim(if ladder.is_empty() {
            "this drill offers no decision ladder".to_owned()
        } else {
            let known: Vec<_> = ladder.iter().map(|rung| rung.as_str()).collect();
            format!("`{option}` is not on this drill's decision ladder: it offers {}", known.join(", "))
        }))
    }

    /// Every answer is to a question of the checklist, and made of its options.
    fn checklist(&self, answers: &BTreeMap<String, Answer>) -> Result<(), Refusal> {
        let questions = &self.plan.severity;
        if answers.is_empty() || questions.is_empty() {
            let why = if questions.is_empty() {
                "this drill asks no severity checklist"
            } else {
                "answer at least one question of the severity checklist"
            };
            return Err(Refusal::BadClaim(why.to_owned()));
        }
        for (id, answer) in answers {
            let Some(question) = questions.iter().find(|question| question.id == *id) else {
                let known: Vec<_> = questions.iter().map(|question| question.id.as_str()).collect();
                let known = known.join(", ");
                return Err(Refusal::BadClaim(format!(
                    "the checklist has no question `{id}`: it asks {known}"
                )));
            };
            if let Some(objection) = question.objection(answer) {
                return Err(Refusal::BadClaim(objection));
            }
        }
        Ok(())
    }

    /// A note changes nothing in the game, so it may be made until the drill is closed.
    fn observe(&self, by: &Person, about: Option<u64>, said: &str) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Trainer)?;
        if self.phase == Phase::Closed {
            return Err(Refusal::WrongPhase {
                phase: self.phase.as_str(),
                help: "its journal takes no more notes",
            });
        }
        if let Some(seq) = about.filter(|seq| *seq >= self.next_seq) {
            return Err(Refusal::BadClaim(format!("event {seq} has not happened")));
        }
        text(said)?;
        Ok(vec![Event::Observed { by: by.clone(), about, text: said.to_owned() }])
    }

    fn stop(&self, by: &Person, reason: &str, real_incident: bool) -> Result<Vec<Event>, Refusal> {
        if !self.people.hats.contains_key(by) {
            return Err(Refusal::NotJoined(by.clone()));
        }
        if self.phase >= Phase::Ending {
            return Err(Refusal::WrongPhase { phase: self.phase.as_str(), help: "it has ended already" });
        }
        text(reason)?;
        Ok(vec![Event::StopRequested { by: by.clone(), reason: reason.to_owned(), real_incident }])
    }
}

/// Only one person coordinates; the other roles may be taken over without asking.
fn exclusive(role: Role) -> bool {
    role == Role::Ic
}

pub(super) fn text(said: &str) -> Result<(), Refusal> {
    if said.trim().is_empty() {
        return Err(Refusal::BadText("say something: the text is empty".into()));
    }
    if said.len() > limits::TEXT_BYTES_MAX {
        return Err(Refusal::BadText(format!(
            "at most {} bytes at a time, this has {}",
            limits::TEXT_BYTES_MAX,
            said.len()
        )));
    }
    Ok(())
}
