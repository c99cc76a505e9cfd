//! One event as one line.

use super::{cut, tame, time};
use crate::{
    base::Span,
    drill::{
        event::{Event, Hat, InjectionStep},
        plan::{Plan, PlannedInjection},
    },
    scenario::{
        act::{Act, StatusState},
        action::ActionAct,
        ticket::{TicketAct, TicketId},
        truth::Rung,
    },
};

/// How a status is said.
pub fn status_state(state: StatusState) -> &'static str {
    match state {
        StatusState::Investigating => "investigating",
        StatusState::Identified => "identified",
        StatusState::Monitoring => "monitoring",
        StatusState::Resolved => "resolved",
    }
}

/// How a side is called.
pub fn hat(hat: Hat) -> &'static str {
    match hat {
        Hat::Instigator => "instigator",
        Hat::Responder => "responder",
        Hat::Trainer => "trainer",
        Hat::Observer => "observer",
    }
}

/// The name of an injection's state, as the revert protocol has it.
pub fn step(step: &InjectionStep) -> &'static str {
    match step {
        InjectionStep::Probed => "probed",
        InjectionStep::Intent { .. } => "intent",
        InjectionStep::Armed => "armed",
        InjectionStep::Injecting => "injecting",
        InjectionStep::Applied => "applied",
        InjectionStep::Live => "live",
        InjectionStep::Reverting { .. } => "reverting",
        InjectionStep::Fenced => "fenced",
        InjectionStep::Undoing => "undoing",
        InjectionStep::Verifying { .. } => "verifying",
        InjectionStep::Reverted => "reverted",
        InjectionStep::Cleared => "cleared",
        InjectionStep::Expired => "expired",
        InjectionStep::Aborted { .. } => "aborted",
        InjectionStep::Diverged { .. } => "diverged",
        InjectionStep::Gone { .. } => "gone",
        InjectionStep::Stuck { .. } => "stuck",
    }
}

/// What an act was, without who did it: `acknowledged UploadErrorsHigh`.
pub fn act(act: &Act) -> String {
    let quoted = |text: &str| cut(&tame(text), 200);
    match act {
        Act::TakeRole(role) => format!("took {role}"),
        Act::ReleaseRole(role) => format!("gave {role} back"),
        Act::HandOver { role, to, note } if note.is_empty() => {
            format!("handed {role} over to {to}")
        }
        Act::HandOver { role, to, note } => {
            format!("handed {role} over to {to}: {}", quoted(note))
        }
        Act::Say(text) => format!("said: {}", quoted(text)),
        Act::Log { text, on: None } => format!("logged: {}", quoted(text)),
        Act::Log { text, on: Some(on) } => format!("logged on {}: {}", tame(on), quoted(text)),
        Act::Ack(alarm) => format!("acknowledged {alarm}"),
        Act::Declare { text } => format!("declared an incident: {}", quoted(text)),
        Act::Status { text, to, state, next_in, ticket } => {
            let to = if to.is_empty() { String::new() } else { format!(" to {}", tame(&to.join(", "))) };
            let next = next_in.map_or(String::new(), |next| format!(" (next in {})", time(next)));
            let state = status_state(*state);
            let mirrored = ticket.map_or(String::new(), |id| format!(", mirrored into {id}"));
            format!("sent status `{state}`{to}{mirrored}: {}{next}", quoted(text))
        }
        Act::Decide { option, because, asked, ticket } => {
            let asked =
                if asked.is_empty() { String::new() } else { format!(", asked {}", tame(&asked.join(", "))) };
            let recorded = ticket.map_or(String::new(), |id| format!(", recorded in {id}"));
            format!("decided `{option}`{asked}{recorded}: {}", quoted(because))
        }
        Act::Ticket(TicketAct::Open { title, on, priority, cc, .. }) => {
            let on = on.as_deref().map_or(String::new(), |on| format!(" on {}", tame(on)));
            let priority = priority.map_or(String::new(), |priority| format!(" ({priority})"));
            let cc = if cc.is_empty() { String::new() } else { format!(", copied {}", tame(&cc.join(", "))) };
            format!("opened a ticket{on}{priority}{cc}: {}", quoted(title))
        }
        Act::Ticket(done) => quoted(&ticket_done(done, done.ticket())),
        Act::Page { with, text } => format!("paged {} ({}): {}", with.reaches(), with.as_str(), quoted(text)),
        Act::Action(done) => action(done),
        Act::Summary(text) => format!("summed up: {}", quoted(text)),
        Act::Stumped(text) if text.is_empty() => "said: we are stumped".to_owned(),
        Act::Stumped(text) => format!("said: we are stumped: {}", quoted(text)),
        Act::Hypothesis(claim) => format!("guessed: {}", claim_words(claim)),
        Act::Cause(claim) => format!("answered the cause: {}", claim_words(claim)),
        Act::Assess(claim) => {
            let words = if claim.text.is_empty() {
                super::count(claim.windows.len(), "window")
            } else {
                quoted(&claim.text)
            };
            format!("assessed the impact: {words}")
        }
        Act::Severity(answers) => {
            let answers: Vec<_> = answers.iter().map(|(id, answer)| format!("{id}: {answer}")).collect();
            format!("answered the severity checklist: {}", quoted(&answers.join("; ")))
        }
        Act::Resolve(text) => format!("gave the all-clear: {}", quoted(text)),
        Act::Operate(argv) => format!("ran `{}`", tame(&argv.join(" "))),
    }
}

fn action(done: &ActionAct) -> String {
    match done {
        ActionAct::Add { text, owner: None } => format!("listed an action: {}", cut(&tame(text), 200)),
        ActionAct::Add { text, owner: Some(owner) } => {
            format!("listed an action for {}: {}", tame(owner), cut(&tame(text), 200))
        }
        ActionAct::Assign { action, owner } => format!("gave action {action} to {}", tame(owner)),
        ActionAct::Done { action } => format!("has done action {action}"),
        ActionAct::Drop { action } => format!("dropped action {action}"),
    }
}

/// How a ticket's first entry reads.
pub(crate) const TICKET_OPENED: &str = "opened it";

/// What was done to a ticket: `noted in t1: the pool looks tiny`. Without its id it reads as an entry of that ticket.
pub(crate) fn ticket_done(act: &TicketAct, named: Option<TicketId>) -> String {
    let it = named.map_or_else(|| "it".to_owned(), |id| id.to_string());
    let within = |word: &str| named.map_or_else(String::new, |id| format!(" {word} {id}"));
    match act {
        TicketAct::Open { .. } => TICKET_OPENED.to_owned(),
        TicketAct::Update { title, on, priority, .. } => {
            let fields = [
                title.as_deref().map(|title| format!("title {}", tame(title))),
                on.as_deref().map(|on| format!("component {}", tame(on))),
                priority.map(|priority| format!("priority {priority}")),
            ];
            let fields: Vec<_> = fields.into_iter().flatten().collect();
            format!("changed {it}: {}", fields.join(", "))
        }
        TicketAct::Note { text, status: None, .. } => format!("noted{}: {}", within("in"), tame(text)),
        TicketAct::Note { text, status: Some(_), .. } => {
            format!("mirrored an update{}: {}", within("into"), tame(text))
        }
        TicketAct::Cc { to, .. } => format!("copied {}{}", tame(&to.join(", ")), within("on")),
        TicketAct::Close { text, .. } if text.is_empty() => format!("closed {it}"),
        TicketAct::Close { text, .. } => format!("closed {it}: {}", tame(text)),
    }
}

/// A status update as a ticket's entry.
pub(crate) fn status_mirrored(state: StatusState, text: &str) -> String {
    format!("mirrored an update: `{}`: {}", status_state(state), tame(text))
}

/// A decision as a ticket's entry.
pub(crate) fn decision_recorded(option: Rung, because: &str) -> String {
    format!("recorded a decision: `{option}`: {}", tame(because))
}

/// A cause claim in a few words.
pub fn claim_words(claim: &crate::scenario::act::CauseClaim) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(claim.component.as_deref().map(tame));
    parts.extend(claim.kind.as_deref().map(tame));
    if !claim.text.is_empty() {
        parts.push(cut(&tame(&claim.text), 200));
    }
    if parts.is_empty() { "no words".to_owned() } else { parts.join(", ") }
}

/// Whether responders may read of this event while they play.
pub fn open_to_responders(event: &Event) -> bool {
    match event {
        Event::Joined { .. }
        | Event::Started
        | Event::ShiftBegan { .. }
        | Event::AlarmRaised { .. }
        | Event::AlarmResolved { .. }
        | Event::InjectSpoken { .. }
        | Event::Operated { .. }
        | Event::HintGiven { .. }
        | Event::QuestionAsked { .. }
        | Event::StopRequested { .. }
        | Event::Ended { .. }
        | Event::Closed { .. } => true,
        // What is asked of the autopilot is shown when it is done; a plain "operate" says the same twice.
        Event::Acted { act, .. } => !matches!(act, Act::Operate(_)),
        _ => false,
    }
}

/// A trainer's observation, with the trainer called as `who` says.
pub fn observed(who: &str, about: Option<u64>, text: &str) -> String {
    let about = about.map_or(String::new(), |seq| format!(" on event {seq}"));
    format!("{who} noted{about}: {}", tame(text))
}

/// An event in words, for those who may know everything. Nothing for what is only bookkeeping.
pub fn line(plan: &Plan, event: &Event) -> Option<String> {
    Some(match event {
        Event::SymptomSeen { detail } => format!("the outage is real: {}", tame(detail)),
        Event::Restored { .. } => "service is measured as restored".to_owned(),
        Event::Relapsed => "service is failing again".to_owned(),
        Event::Injection { id, step: taken } => {
            let what = plan
                .injections
                .iter()
                .find(|injection| injection.id == *id)
                .map_or(String::new(), |one| format!(" ({} on {})", one.fault.kind(), one.fault.place()));
            format!("injection {id}{what} is {}", step(taken))
        }
        Event::Reacted { reactor, planned, refused, .. } => {
            let by = plan.reactors.get(*reactor).map_or("an injector", |one| one.injector.as_str());
            if let Some(why) = refused {
                format!("{} wanted more, and got nothing: {}", tame(by), tame(why))
            } else if planned.is_empty() {
                format!("{} wants nothing more", tame(by))
            } else {
                let place = |one: &PlannedInjection| format!("{} on {}", one.fault.kind(), one.fault.place());
                format!("{} adds {}", tame(by), planned.iter().map(place).collect::<Vec<_>>().join(", "))
            }
        }
        Event::PlayLeft { play, done, .. } => {
            let left = plan.autopilot.get(*play)?;
            // What nobody waits for is only bookkeeping.
            left.by_hand.filter(|patience| *patience > Span::ZERO)?;
            let came = if *done { "was done by hand" } else { "was left undone, and the others go on" };
            format!("the part of {} ({}) {came}", left.who, left.act.verb())
        }
        Event::InjectSkipped { inject } => {
            format!("message {} of the plan was not needed", inject + 1)
        }
        Event::StopConditionFailed { detail, .. } => {
            format!("a stop condition failed: {}", tame(detail))
        }
        Event::SteadyStateHeld => "steady state holds".to_owned(),
        Event::AgentSilent { error } => format!("the agent is silent: {}", tame(error)),
        Event::AgentBack => "the agent answers again".to_owned(),
        Event::TargetReset => "the target was laid out anew".to_owned(),
        Event::SignedOff { id, .. } => format!("injection {id} was signed off"),
        Event::NoticeFailed { retry_at: None, error, .. } => {
            format!("a message was given up: {}", tame(error))
        }
        Event::Observed { by, about, text } => observed(by.as_str(), *about, text),
        Event::Reviewed { by, entry } => format!("{by} {}", super::grades::entry(entry)),
        Event::Joined { person, hat: side } => format!("{person} joined as {}", hat(*side)),
        Event::InjectSpoken { by: Some(by), .. } => {
            format!("{}, sent by {by}", open_line(plan, event, ToString::to_string)?)
        }
        Event::BystanderWrote { by, text } => {
            format!("{by} wrote to the instigators: {}", cut(&tame(text), 200))
        }
        Event::BystanderSettled { by, message, passed_on: true } => {
            format!("{by} passed a pointer on after message {message}")
        }
        Event::BystanderSettled { by, message, passed_on: false } => {
            format!("{by} did not pass message {message} on")
        }
        Event::SecondActBegan { by, planned } => {
            let place = |one: &PlannedInjection| format!("{} on {}", one.fault.kind(), one.fault.place());
            let planned: Vec<_> = planned.iter().map(place).collect();
            format!("{by} began the second act: {}", planned.join(", "))
        }
        Event::TookOver { epoch, .. } if *epoch > 1 => "another engine took over".to_owned(),
        Event::Barred { code, why } => format!("refused ({}): {}", tame(code), tame(why)),
        Event::Ended { outcome, reason } => {
            format!("EndEx: {} ({})", outcome.as_str(), tame(reason))
        }
        event => return open_line(plan, event, ToString::to_string),
    })
}

/// An open event in words, with people called as `who` says.
pub fn open_line(plan: &Plan, event: &Event, who: impl Fn(&crate::base::Person) -> String) -> Option<String> {
    Some(match event {
        // A name is typed by a person, too: only those who play are told by theirs.
        Event::Joined { person, hat: Hat::Responder } => format!("{} joined as responder", who(person)),
        Event::Joined { hat: Hat::Instigator, .. } => "an instigator joined".to_owned(),
        Event::Joined { hat: Hat::Trainer, .. } => "a trainer joined".to_owned(),
        Event::Joined { hat: Hat::Observer, .. } => "an observer joined".to_owned(),
        Event::Started if plan.admission.code_blue => {
            "StartEx, as a Code Blue: everybody is called".to_owned()
        }
        Event::Started => "StartEx".to_owned(),
        Event::ShiftBegan { shift } => plan.shift_told(*shift),
        Event::AlarmRaised { alarm, summary } => format!("alarm {alarm}: {}", tame(summary)),
        Event::AlarmResolved { alarm } => format!("alarm {alarm} resolved"),
        Event::InjectSpoken { inject, .. } => {
            let inject = plan.injects.get(*inject)?;
            format!("{} to {}: {}", tame(&inject.from), inject.to, cut(&tame(&inject.text), 200))
        }
        Event::Acted { by, act: done } => match done {
            Act::Operate(_) => return None,
            done => format!("{} {}", who(by), act(done)),
        },
        Event::Operated { by, argv, exit, .. } => {
            let ended = match exit {
                Some(0) => String::new(),
                Some(code) => format!(" (exit {code})"),
                None => " (did not run)".to_owned(),
            };
            format!("{} ran `{}`{ended}", who(by), tame(&argv.join(" ")))
        }
        Event::HintGiven { entry, anchor, .. } => {
            let anchor = anchor.as_deref().map_or(String::new(), |a| format!("#{a}"));
            format!("hint: see {}{}", tame(entry), tame(&anchor))
        }
        Event::QuestionAsked { question, .. } => {
            format!("question: {}", tame(plan.questions.get(*question)?))
        }
        Event::StopRequested { by, reason, .. } => {
            format!("{} stopped the drill: {}", who(by), tame(reason))
        }
        // The outcome and its reason may tell whether a fault was there at all.
        Event::Ended { .. } => "EndEx".to_owned(),
        Event::Closed { .. } => "the drill is closed".to_owned(),
        _ => return None,
    })
}
