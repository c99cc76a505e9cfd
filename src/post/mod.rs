//! The post: letters about what is planned. What is to be sent follows from the calendar, the people and a book of what was
//! sent; the book is a fold over its own append-only events.
//!
//! A letter is written down behind its sending. So none is lost when a server dies, and one at most is sent twice, under the
//! same name, which calendars and mailboxes take for the same.
//!
//! Open first: [`Desk::due`], then [`invitation`], which is what people are told, and [`ics`], the file that their calendars read.

pub mod event;
pub mod ics;
pub mod invitation;

pub use event::{Event, Letter, Noted, What};
pub use invitation::Invitation;

use crate::{
    base::{At, EntryId, Person, Span, book::Fold, limits},
    calendar::{Calendar, Occurrence, State},
    people::{Email, People},
};
use invitation::{Occasion, Standing};
use jiff::{civil::Date, tz::TimeZoneDatabase};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody was last told of one day.
#[derive(Debug, Clone, Copy)]
struct Known {
    sequence: u32,
    off: bool,
    at: At,
    /// The nearest reminder of this sequence.
    reminded: Option<Span>,
}

/// Who was told what.
#[derive(Debug, Clone, Default)]
pub struct Told {
    next_seq: u64,
    known: BTreeMap<(EntryId, Date), BTreeMap<Person, Known>>,
}

impl Fold for Told {
    type Event = Event;

    fn next_seq(&self) -> u64 {
        self.next_seq
    }

    fn apply(&mut self, noted: &Noted) {
        self.next_seq = noted.seq + 1;
        let (Event::Sent(letter) | Event::Refused { letter, .. }) = &noted.event;
        let day = self.known.entry((letter.entry.clone(), letter.day)).or_default();
        match letter.what {
            What::Invitation { sequence, off } => {
                let known = Known { sequence, off, at: noted.at, reminded: None };
                day.insert(letter.to.clone(), known);
            }
            What::Reminder { sequence, before } => {
                if let Some(known) = day.get_mut(&letter.to).filter(|known| known.sequence == sequence) {
                    known.reminded = Some(before);
                }
            }
        }
    }
}

/// A letter as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The same whenever it is sent.
    pub id: String,
    /// What it is one of several letters about, if it is.
    pub thread: Option<String>,
    /// Where to.
    pub to: Email,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The method of its calendar file, and the file, if it has one.
    pub calendar: Option<(&'static str, String)>,
}

/// Everything that decides what is to be sent.
pub struct Desk<'a> {
    /// What is planned.
    pub calendar: &'a Calendar,
    /// By which zones.
    pub zones: &'a TimeZoneDatabase,
    /// Who has an address.
    pub people: &'a People,
    /// What was sent.
    pub told: &'a Told,
    /// How long before a start people are reminded.
    pub remind: &'a [Span],
    /// Who asks.
    pub from: &'a Email,
}

impl Desk<'_> {
    /// Letters that are to be sent now. People are asked to the next day of each entry, and told of every change of what they
    /// were asked to.
    pub fn due(&self, now: At) -> Vec<Letter> {
        let next = self.calendar.upcoming(self.zones, 1);
        let next: BTreeSet<_> = next.iter().map(|one| (one.entry.id.clone(), one.day)).collect();
        let days: BTreeSet<_> = self.told.known.keys().chain(&next).collect();
        let day = |key: &(EntryId, Date)| {
            let one = self.calendar.day(self.zones, &key.0, key.1)?;
            Some(self.due_of(&one, next.contains(key), now))
        };
        days.into_iter().filter_map(day).flatten().collect()
    }

    fn due_of(&self, one: &Occurrence<'_>, is_next: bool, now: At) -> Vec<Letter> {
        let invitation = Invitation::of(one);
        let none = BTreeMap::new();
        let told = self.told.known.get(&(one.entry.id.clone(), one.day)).unwrap_or(&none);
        let people = self.asked(&invitation);
        let new = people.iter().copied().filter(|person| is_next && !told.contains_key(*person));
        let everybody = told.keys().chain(new).filter(|person| self.address(person).is_some());
        let what =
            |person: &Person| self.what(one, &invitation, (told.get(person), people.contains(person)), now);
        let letter = |person: &Person| {
            let what = what(person)?;
            Some(Letter { to: person.clone(), entry: one.entry.id.clone(), day: one.day, what })
        };
        everybody.filter_map(letter).collect()
    }

    fn what(
        &self,
        one: &Occurrence<'_>,
        invitation: &Invitation<'_>,
        (known, takes_part): (Option<&Known>, bool),
        now: At,
    ) -> Option<What> {
        let sequence = invitation.sequence;
        let from = invitation.from(self.zones);
        if invitation.standing != Standing::Holds || !takes_part {
            return known.filter(|known| !known.off).map(|_| What::Invitation { sequence, off: true });
        }
        let is_over = from.is_none_or(|from| now > from + invitation.limit());
        match known {
            None => from.map(|_| What::Invitation { sequence, off: false }),
            Some(known) if known.off || known.sequence < one.news => {
                (one.state == State::Waiting || !is_over).then_some(What::Invitation { sequence, off: false })
            }
            Some(known) if one.state == State::Waiting => {
                let before = self.reminder(from?, known, now)?;
                Some(What::Reminder { sequence: known.sequence, before })
            }
            Some(_) => None,
        }
    }

    /// The nearest reminder that has come since somebody was told, if they have not had it. What was slept through is left out.
    fn reminder(&self, from: At, known: &Known, now: At) -> Option<Span> {
        let come = |before: &&Span| (known.at..=now).contains(&(from - **before));
        let nearest = *self.remind.iter().filter(come).min()?;
        let is_new = known.reminded.is_none_or(|last| nearest < last);
        (now < from && is_new).then_some(nearest)
    }

    /// Everybody who is asked to come: all who are known, where all are called.
    fn asked<'b>(&'b self, invitation: &'b Invitation<'_>) -> BTreeSet<&'b Person> {
        let mut asked = invitation.people();
        if invitation.is_code_blue() {
            asked.extend(self.people.everybody().map(|(person, _)| person));
        }
        asked
    }

    fn address(&self, person: &Person) -> Option<&Email> {
        self.people.about(person)?.email.as_ref()
    }

    /// The letter's text, as things stand; nothing when there is nothing to say any more.
    pub fn write(&self, letter: &Letter) -> Option<Mail> {
        let one = self.calendar.day(self.zones, &letter.entry, letter.day)?;
        let mut invitation = Invitation::of(&one);
        let takes_part = self.asked(&invitation).contains(&letter.to);
        if !takes_part {
            invitation = invitation.withdrawn();
        }
        let to = self.address(&letter.to)?.clone();
        let known =
            self.told.known.get(&(letter.entry.clone(), letter.day)).and_then(|day| day.get(&letter.to));
        let (occasion, about) = match letter.what {
            What::Invitation { off: true, sequence } => {
                (if takes_part { Occasion::Off } else { Occasion::Withdrawn }, format!("off.{sequence}"))
            }
            What::Invitation { sequence, .. } if known.is_some_and(|known| !known.off) => {
                (Occasion::Changed, sequence.to_string())
            }
            What::Invitation { sequence, .. } => (Occasion::Invited, sequence.to_string()),
            What::Reminder { sequence, before } => (Occasion::Reminded, format!("{sequence}.{before}")),
        };
        let parties =
            ics::Parties { from: Some(self.from.clone()), to: vec![(letter.to.clone(), to.clone())] };
        let id = invitation.uid.replace('@', &format!(".{about}.{}@", letter.to));
        let calendar = (ics::method(&invitation, &parties), ics::file(&invitation, &parties, self.remind));
        let (subject, text) = (invitation.subject(occasion), invitation.letter(occasion));
        Some(Mail { id, thread: None, to, subject, text, calendar: Some(calendar) })
    }
}

/// Reminders as somebody may set them; nothing: too many, or too near.
pub fn reminders(said: &[Span]) -> Option<Vec<Span>> {
    let fits = said.len() <= limits::REMINDERS_MAX && said.iter().all(|span| *span >= Span::from_mins(1));
    fits.then(|| if said.is_empty() { limits::REMINDERS.to_vec() } else { said.to_vec() })
}
