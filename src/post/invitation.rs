//! What people are told of a planned drill: when, where and who, never what. An invitation follows from the calendar
//! alone, and of a surprise it is the same whatever moment was drawn.

use crate::{
    base::{At, Person, Span},
    calendar::{Entry, Moment, Occurrence, State, Wanted, When, window::Window},
    scenario::roster::Shift,
};
use jiff::tz::TimeZoneDatabase;
use std::collections::BTreeSet;

/// When people are asked to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// At this moment.
    Moment(Moment),
    /// Some time in these hours.
    Week(Window),
}

/// Whether it takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Holds,
    /// It does not; why, in a sentence.
    Off(&'static str),
}

/// Why somebody gets an e-mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// They are asked to come.
    Invited,
    /// They were asked, and something is different now.
    Changed,
    /// It does not take place.
    Off,
    /// It does, and they take no part any more.
    Withdrawn,
    /// It is near.
    Reminded,
}

/// The invitation to one day of an entry, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation<'a> {
    /// Names it for ever, in every calendar.
    pub uid: String,
    /// Grows with each change.
    pub sequence: u32,
    /// When it became what it is.
    pub stamp: At,
    /// When it takes place; nothing when its time is not there on that day.
    pub when: Option<Told>,
    /// Whether it does.
    pub standing: Standing,
    wanted: Wanted,
    entry: &'a Entry,
}

impl<'a> Invitation<'a> {
    /// The invitation to this day.
    pub fn of(one: &Occurrence<'a>) -> Self {
        let entry = one.entry;
        let when = match (&entry.when, &one.moment) {
            (When::Window { window, .. }, _) if one.surprise => Some(Told::Week(window.clone())),
            (_, moment) => moment.clone().ok().map(Told::Moment),
        };
        let standing = match &one.state {
            State::Waiting | State::Begun { .. } => Standing::Holds,
            State::Cancelled => Standing::Off("It was called off."),
            State::Missed { .. } => Standing::Off("Nobody was there to begin it in time."),
            State::Skipped(_) => Standing::Off("Its time does not exist on that day, or exists twice."),
            State::Failed(_) => Standing::Off("It could not be begun."),
        };
        let known_by = entry.uid.as_deref().unwrap_or(entry.id.as_str());
        let uid = format!("{known_by}.{}@gameday", one.day);
        let wanted = one.wanted.clone();
        Self { uid, sequence: one.changes, stamp: one.changed, when, standing, wanted, entry }
    }

    /// The longest that it may take.
    pub fn limit(&self) -> Span {
        self.entry.limit
    }

    /// When whoever is told reckons with it: its moment, or the first hour of its week.
    pub fn from(&self, zones: &TimeZoneDatabase) -> Option<At> {
        match self.when.as_ref()? {
            Told::Moment(moment) => Some(moment.at),
            Told::Week(window) => Some(window.begins(zones)),
        }
    }

    /// The same for somebody who takes no part any more.
    pub fn withdrawn(self) -> Self {
        Self { standing: Standing::Off("You are not on its list any more."), ..self }
    }

    /// Everybody who takes part as things are.
    pub fn people(&self) -> BTreeSet<&Person> {
        let Wanted { responders, instigators, trainers, observers, .. } = &self.wanted;
        [responders, instigators, trainers, observers].into_iter().flatten().collect()
    }

    /// Whether everybody is called when it begins.
    pub fn is_code_blue(&self) -> bool {
        self.wanted.code_blue
    }

    /// One line for a calendar.
    pub fn summary(&self) -> String {
        format!("EXERCISE: game day on {}", self.entry.target)
    }

    /// The e-mail's subject.
    pub fn subject(&self, occasion: Occasion) -> String {
        let what = match occasion {
            Occasion::Invited => "",
            Occasion::Changed => "changed: ",
            Occasion::Off => "called off: ",
            Occasion::Withdrawn => "without you: ",
            Occasion::Reminded => "reminder: ",
        };
        let when = match &self.when {
            Some(Told::Moment(moment)) => format!(", {moment}"),
            Some(Told::Week(window)) => format!(", in the week of {}", window.monday),
            None => String::new(),
        };
        format!("EXERCISE: {what}game day on {}{when}", self.entry.target)
    }

    /// The e-mail's text.
    pub fn letter(&self, occasion: Occasion) -> String {
        let first = match (occasion, self.standing) {
            (Occasion::Invited, _) => "You are asked to a game day.",
            (Occasion::Changed, _) => "A game day that you were asked to has changed.",
            (Occasion::Off, Standing::Off(why)) => &format!("A game day does not take place. {why}"),
            (Occasion::Off, Standing::Holds) => "A game day does not take place.",
            (Occasion::Withdrawn, _) => "You take no part in this game day any more.",
            (Occasion::Reminded, _) => "A game day is near.",
        };
        let last = match occasion {
            Occasion::Off | Occasion::Withdrawn => "The attached file takes it out of your calendar.",
            _ => "The attached file puts it into your calendar; what changes later changes that entry.",
        };
        format!("{first}\n\n{}\n\n{last}\n", self.description())
    }

    /// The same for a calendar: everything but the occasion.
    pub fn description(&self) -> String {
        let wanted = &self.wanted;
        let mut lines = vec![
            "This is an exercise in responding to an outage, on a system that is there to be broken. What breaks is not told \
             before; nobody is graded."
                .to_owned(),
            String::new(),
        ];
        match &self.when {
            Some(Told::Moment(moment)) => lines.push(format!("When: {moment}{}", in_utc(moment))),
            Some(Told::Week(window)) => lines.push(format!("When: {window}. The moment is not told.")),
            None => {}
        }
        lines.push(format!("For: at most {} minutes", self.entry.limit.millis().div_ceil(60_000)));
        lines.push(format!("On: {}", self.entry.target));
        if wanted.code_blue {
            lines.push(
                "Who: everybody. When it begins, everybody is called (Code Blue); nobody has to sign up."
                    .to_owned(),
            );
        }
        lines.extend(wanted.shifts.iter().map(Shift::told));
        for (role, people) in [("Responders", &wanted.responders), ("Instigators", &wanted.instigators)] {
            if !people.is_empty() {
                let names: Vec<_> = people.iter().map(Person::as_str).collect();
                lines.push(format!("{role} so far: {}", names.join(", ")));
            }
        }
        lines.join("\n")
    }
}

fn in_utc(moment: &Moment) -> String {
    if moment.zone == "UTC" {
        return String::new();
    }
    let utc = Moment::utc(moment.at).civil;
    format!(" ({:02}:{:02} UTC)", utc.hour(), utc.minute())
}
