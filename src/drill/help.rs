//! What instigators do for the players, and what reaches them: hints, questions, injects that are held back, what bystanders
//! write. Nothing that a person typed goes from here to a responder.

use super::{
    Drill, Phase,
    acts::text,
    command::Refusal,
    event::{Event, Hat},
};
use crate::{
    base::{At, Person, limits},
    scenario::pack::CatalogueEntry,
};

/// How much of a pointer that leads nowhere is told to the one who typed it.
const GIVEN: usize = 60;

impl Drill {
    /// A hint is a catalogue entry and perhaps one of its headings: the catalogue's own words, whatever was typed.
    pub(super) fn hint(&self, now: At, by: &Person, pointer: &str) -> Result<Event, Refusal> {
        self.needs(by, Hat::Instigator)?;
        if self.phase != Phase::Running {
            return Err(Refusal::WrongPhase {
                phase: self.phase.as_str(),
                help: "hints are for the time of play",
            });
        }
        let Some((entry, anchor)) = resolve(&self.plan.catalogue, pointer) else {
            return Err(Refusal::NotInCatalogue {
                given: pointer.chars().filter(|c| !c.is_control()).take(GIVEN).collect(),
                suggestion: self.nearest(pointer),
            });
        };
        if self.talk.hints >= limits::HINTS_MAX {
            return Err(Refusal::HintsRationed(format!(
                "{} hints were given, and that is the limit",
                limits::HINTS_MAX
            )));
        }
        if let Some(last) = self.talk.last_hint
            && now.since(last) < limits::HINT_INTERVAL
        {
            return Err(Refusal::HintsRationed(format!("at most one hint in {}", limits::HINT_INTERVAL)));
        }
        Ok(Event::HintGiven { by: by.clone(), entry: entry.name.clone(), anchor: anchor.cloned() })
    }

    fn nearest(&self, pointer: &str) -> String {
        let name = pointer.split('#').next().unwrap_or_default();
        let near = |entry: &&CatalogueEntry| {
            !name.is_empty()
                && name.len() < 64
                && (entry.name.contains(name) || name.contains(entry.name.as_str()))
        };
        match self.plan.catalogue.iter().find(near) {
            Some(entry) => format!("; did you mean `{}`?", entry.name),
            None => String::new(),
        }
    }

    pub(super) fn ask(&self, by: &Person, number: usize) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Instigator)?;
        if self.phase != Phase::Running || !self.talk.stumped {
            return Err(Refusal::NobodyStumped);
        }
        let count = self.plan.questions.len();
        if number == 0 || number > count {
            return Err(Refusal::NoSuchQuestion { number, count });
        }
        Ok(vec![Event::QuestionAsked { by: by.clone(), question: number - 1 }])
    }

    /// An inject that waits for its moment: the author's words, sent once.
    pub(super) fn send_held(&self, now: At, by: &Person, number: usize) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Instigator)?;
        if self.phase != Phase::Running {
            return Err(Refusal::WrongPhase {
                phase: self.phase.as_str(),
                help: "injects are for the time of play",
            });
        }
        let index = number.wrapping_sub(1);
        let inject = self.plan.injects.get(index).filter(|inject| inject.held);
        let Some(inject) = inject else {
            return Err(Refusal::NotHeld(format!(
                "no inject {number} is held back: `gameday board` lists those that are"
            )));
        };
        if self.injects_done.contains(&index) {
            return Err(Refusal::NotHeld(format!("inject {number} was sent already")));
        }
        let spoken = Event::InjectSpoken { inject: index, by: Some(by.clone()) };
        Ok([spoken].into_iter().chain(self.tell_routes(now, inject, 0)).collect())
    }

    /// What somebody writes who only watches. It stays with those who run the drill.
    pub(super) fn tell(&self, by: &Person, said: &str) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Observer)?;
        if self.phase >= Phase::Ending {
            return Err(Refusal::WrongPhase { phase: self.phase.as_str(), help: "the exercise is over" });
        }
        text(said)?;
        if self.talk.messages.len() >= limits::MESSAGES_MAX {
            let most = limits::MESSAGES_MAX;
            return Err(Refusal::TooMany(format!("{most} messages were written, and that is the limit")));
        }
        Ok(vec![Event::BystanderWrote { by: by.clone(), text: said.to_owned() }])
    }

    /// A bystander's message is passed on as a pointer, under the rules of hints, or not at all.
    pub(super) fn settle(
        &self,
        now: At,
        by: &Person,
        message: u64,
        pointer: Option<&str>,
    ) -> Result<Vec<Event>, Refusal> {
        self.needs(by, Hat::Instigator)?;
        if self.talk.messages.get(&message) != Some(&false) {
            return Err(Refusal::NoSuchMessage(message));
        }
        let hint = pointer.map(|pointer| self.hint(now, by, pointer)).transpose()?;
        let settled = Event::BystanderSettled { by: by.clone(), message, passed_on: hint.is_some() };
        Ok(hint.into_iter().chain([settled]).collect())
    }
}

/// What a pointer leads to: an entry by its name or its address in the pack, with or without one of its headings. The
/// match is exact, to the byte; anything else leads nowhere.
fn resolve<'a>(
    catalogue: &'a [CatalogueEntry],
    pointer: &str,
) -> Option<(&'a CatalogueEntry, Option<&'a String>)> {
    let (name, anchor) = match pointer.split_once('#') {
        Some((name, anchor)) => (name, Some(anchor)),
        None => (pointer, None),
    };
    let entry = catalogue.iter().find(|entry| entry.name == name || entry.address == name)?;
    let anchor = match anchor {
        Some(anchor) => Some(entry.anchors.iter().find(|known| *known == anchor)?),
        None => None,
    };
    Some((entry, anchor))
}
