//! An invitation as a file that calendars read: RFC 5545 with the methods of RFC 5546. Moments are written in UTC: a drill is
//! one day, so no calendar needs a zone's rules to place it, and none can have them wrong.
//!
//! Why it is written here is told in `docs/decisions/0012-invitations.md`.

use super::invitation::{Invitation, Standing, Told};
use crate::{
    base::{At, Person, Span},
    calendar::Moment,
    people::Email,
};
use jiff::{ToSpan as _, civil::Date};

/// Longest line, in bytes, without its end.
const LINE_BYTES_MAX: usize = 75;

/// Between whom an invitation goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    /// Who asks.
    pub from: Option<Email>,
    /// Who is asked.
    pub to: Vec<(Person, Email)>,
}

impl Parties {
    /// Whether somebody asks somebody. Otherwise it is a notice on a board, and calendars ask for no answer.
    fn are_asked(&self) -> bool {
        self.from.is_some() && !self.to.is_empty()
    }
}

/// What the file asks calendars to do.
pub fn method(invitation: &Invitation<'_>, parties: &Parties) -> &'static str {
    match (invitation.standing, parties.are_asked()) {
        (Standing::Off(_), _) => "CANCEL",
        (Standing::Holds, true) => "REQUEST",
        (Standing::Holds, false) => "PUBLISH",
    }
}

/// The file: the same bytes whenever it is written. `remind`: how long before.
pub fn file(invitation: &Invitation<'_>, parties: &Parties, remind: &[Span]) -> String {
    let holds = invitation.standing == Standing::Holds;
    let mut lines = Lines::default();
    lines.add("BEGIN", "VCALENDAR");
    lines.add("VERSION", "2.0");
    lines.add("PRODID", "-//Gameday//Gameday//EN");
    lines.add("METHOD", method(invitation, parties));
    lines.add("BEGIN", "VEVENT");
    lines.text("UID", &invitation.uid);
    lines.add("SEQUENCE", &invitation.sequence.to_string());
    lines.add("DTSTAMP", &instant(invitation.stamp));
    match &invitation.when {
        Some(Told::Moment(moment)) => {
            lines.add("DTSTART", &instant(moment.at));
            lines.add("DTEND", &instant(moment.at + invitation.limit()));
            lines.add("TRANSP", "OPAQUE");
        }
        Some(Told::Week(window)) => {
            // From Monday to Friday, and nobody is shown as busy.
            lines.add("DTSTART;VALUE=DATE", &day(window.monday));
            lines.add("DTEND;VALUE=DATE", &day(window.monday.saturating_add(5.days())));
            lines.add("TRANSP", "TRANSPARENT");
        }
        None => {}
    }
    lines.add("STATUS", if holds { "CONFIRMED" } else { "CANCELLED" });
    lines.text("SUMMARY", &invitation.summary());
    lines.text("DESCRIPTION", &invitation.description());
    if let Some(from) = parties.from.as_ref().filter(|_| parties.are_asked()) {
        lines.add("ORGANIZER;CN=Gameday", &format!("mailto:{from}"));
        for (person, address) in &parties.to {
            let person = format!("ATTENDEE;CN={person};ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE");
            lines.add(&person, &format!("mailto:{address}"));
        }
    }
    // Of a week there is no hour to be reminded of.
    if holds && matches!(invitation.when, Some(Told::Moment(_))) {
        for before in remind {
            lines.add("BEGIN", "VALARM");
            lines.add("ACTION", "DISPLAY");
            lines.text("DESCRIPTION", &invitation.summary());
            lines.add("TRIGGER", &format!("-PT{}M", before.millis() / 60_000));
            lines.add("END", "VALARM");
        }
    }
    lines.add("END", "VEVENT");
    lines.add("END", "VCALENDAR");
    lines.0
}

/// Content lines, each ended and folded as calendars want it.
#[derive(Default)]
struct Lines(String);

impl Lines {
    /// A text that people have written.
    fn text(&mut self, name: &str, text: &str) {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '\n' => escaped.push_str("\\n"),
                '\\' | ',' | ';' => escaped.extend(['\\', c]),
                // Nothing else may end a line or steer what reads it.
                c if c.is_control() => {}
                c => escaped.push(c),
            }
        }
        self.add(name, &escaped);
    }

    /// A value that needs no care. A line that is too long goes on in the next one, behind a space.
    fn add(&mut self, name: &str, value: &str) {
        let mut used = 0;
        for c in format!("{name}:{value}").chars() {
            if used + c.len_utf8() > LINE_BYTES_MAX {
                self.0.push_str("\r\n ");
                used = 1;
            }
            self.0.push(c);
            used += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

fn instant(at: At) -> String {
    let utc = Moment::utc(at).civil;
    format!("{}T{:02}{:02}{:02}Z", day(utc.date()), utc.hour(), utc.minute(), utc.second())
}

fn day(day: Date) -> String {
    day.to_string().replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reader makes of it: lines put together again, escapes taken back.
    fn read(written: &str) -> Option<String> {
        let unfolded = written.replace("\r\n ", "");
        let line = unfolded.strip_suffix("\r\n")?.strip_prefix("SUMMARY:")?;
        let (mut text, mut chars) = (String::new(), line.chars());
        while let Some(c) = chars.next() {
            text.push(match (c, c == '\\') {
                (_, true) => match chars.next()? {
                    'n' => '\n',
                    other => other,
                },
                (c, false) => c,
            });
        }
        Some(text)
    }

    proptest! {
        #[test]
        fn lines_are_short_and_every_text_comes_back(text in any::<String>()) {
            let mut lines = Lines::default();
            lines.text("SUMMARY", &text);
            for line in lines.0.split_terminator("\r\n") {
                prop_assert!(line.len() <= LINE_BYTES_MAX, "{} bytes: {line:?}", line.len());
                prop_assert!(!line.contains(['\r', '\n']), "{line:?}");
            }
            let kept: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
            prop_assert_eq!(read(&lines.0), Some(kept));
        }
    }

    #[test]
    fn an_instant_is_written_in_utc() {
        assert_eq!(instant(At::from_millis(1_796_130_000_000)), "20261201T130000Z");
        assert_eq!(day("2026-12-07".parse().unwrap()), "20261207");
    }
}
