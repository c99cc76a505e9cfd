//! `gameday schedule invite`: what people are told of a planned drill, as an e-mail's text and a file for their calendars.

use super::{Which, refused};
use crate::{
    base::{Person, Span, limits},
    calendar::{Occurrence, Refusal},
    cli::{
        exit::{Exit, Failure},
        home::Home,
        show, wire,
    },
    people::{Email, People},
    post::{
        self, Invitation,
        ics::{self, Parties},
        invitation::{Occasion, Standing},
    },
};
use serde::Serialize;
use std::{fs, path::PathBuf};

pub(super) const EXAMPLES: &str = "\
Examples:
  gameday schedule invite s-7f3ab
  gameday schedule invite s-9k2cd --day 2027-01-05 --out drill.ics
  gameday schedule invite s-7f3ab --from drills@example.org
  gameday schedule invite s-7f3ab --changed
  gameday schedule invite s-7f3ab --out - | mail -s \"A game day\" -A - ana@example.org

Write it again after the drill was moved or called off: calendars change the entry that they have.";

#[derive(Debug, clap::Args)]
pub(super) struct Invite {
    #[command(flatten)]
    which: Which,
    /// Who asks; those who are named and have an address may answer there. Without it the file asks nobody for an answer
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Email>,
    /// How long before people's calendars remind them; may be repeated. 24h and 1h by default
    #[arg(long, value_name = "SPAN")]
    remind: Vec<Span>,
    /// The text is for those who were asked before, and says that something has changed
    #[arg(long)]
    changed: bool,
    /// Where the calendar file is written, `-` for here and nothing else; UID.ics in this folder by default
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Prints JSON, and writes no file: {"uid", "sequence", "method", "subject", "text", "ics"}
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

/// What was made, in JSON.
#[derive(Serialize)]
struct Made {
    uid: String,
    sequence: u32,
    method: &'static str,
    subject: String,
    text: String,
    ics: String,
}

/// How long before people are reminded: what was said, or the usual.
pub(in crate::cli) fn reminders(said: &[Span]) -> Result<Vec<Span>, Failure> {
    post::reminders(said).ok_or_else(|| {
        Failure::usage(format!(
            "could not take the reminders: there are at most {} of them, each a minute or more before the start",
            limits::REMINDERS_MAX
        ))
    })
}

impl Invite {
    pub(super) async fn run(self, home: &Home) -> Result<Exit, Failure> {
        let remind = reminders(&self.remind)?;
        let wire::Books { schedule, people, .. } = wire::open_books(home).await?;
        let people = people.look().await.map_err(Failure::io("read who is known"))?;
        let calendar = schedule.look().await.map_err(Failure::io("read the calendar"))?;
        let Which { id, day } = &self.which;
        let failed = |refusal: Refusal| refused("write the invitation", refusal.into());
        let entry = calendar.entry(id).ok_or_else(|| failed(Refusal::NoSuchEntry(id.clone())))?;
        let day = day.or(entry.only_day()).or_else(|| {
            let coming = calendar.upcoming(schedule.zones(), 1);
            coming.iter().find(|one| one.entry.id == *id).map(|one| one.day)
        });
        let day = day.ok_or_else(|| failed(Refusal::NothingToCome(id.clone())))?;
        let one = calendar.day(schedule.zones(), id, day);
        let one = one.ok_or_else(|| failed(Refusal::NoSuchDay { entry: id.clone(), day }))?;
        self.write(&one, &people, &remind)
    }

    fn write(self, one: &Occurrence<'_>, people: &People, remind: &[Span]) -> Result<Exit, Failure> {
        let invitation = Invitation::of(one);
        let address = |name: &Person| Some((name.clone(), people.about(name)?.email.clone()?));
        let named = invitation.people();
        let parties = Parties { from: self.from, to: named.into_iter().filter_map(address).collect() };
        let occasion = match invitation.standing {
            Standing::Off(_) => Occasion::Off,
            Standing::Holds if self.changed => Occasion::Changed,
            Standing::Holds => Occasion::Invited,
        };
        let made = Made {
            sequence: invitation.sequence,
            method: ics::method(&invitation, &parties),
            subject: invitation.subject(occasion),
            text: invitation.letter(occasion),
            ics: ics::file(&invitation, &parties, remind),
            uid: invitation.uid,
        };
        if self.json {
            show::json(&made)?;
            return Ok(Exit::Done);
        }
        let out = self.out.unwrap_or_else(|| PathBuf::from(format!("{}.ics", made.uid)));
        if out.as_os_str() == "-" {
            show::print(&made.ics)?;
            return Ok(Exit::Done);
        }
        fs::write(&out, &made.ics).map_err(Failure::io(format!("write {}", out.display())))?;
        show::line(&format!("Subject: {}\n\n{}", made.subject, made.text))?;
        show::line(&format!("The calendar file is {}.", out.display()))?;
        Ok(Exit::Done)
    }
}
