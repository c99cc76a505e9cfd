//! `gameday actions`: corrective actions with their owner role and date, and the later drills that tested them.

use super::{
    exit::{Exit, Failure},
    home::Home,
    journal, show,
};
use crate::{
    clock::{Clock as _, SystemClock},
    report::{
        follow_up::{ActionId, ActionType, Change, CorrectiveAction, Entry, FollowUp, Wanted},
        wording::{page, tame},
    },
};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
};

const EXAMPLES: &str = "\
Examples:
  gameday actions
  gameday actions add \"Alarm on the saturation of the pool\" --drill last --owner web-oncall --due 2026-12-15 \\
      --type prevent --issue \"nobody saw the pool fill up\" --ticket OPS-41
  gameday actions link a1 --drill last --note \"the alarm rang after 20 s\"
  gameday actions done a1 --note \"in OPS-41\"
  gameday actions --open --json | jq '.[] | .due'";

/// Largest list that is read, in bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Keeps the corrective actions that debriefs asked for: owner role, date, and which later drill tested them
///
/// The list is this home's, and only ever added to. A drill's debrief shows the actions that came out of it, and those
/// that it put to the test.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Actions {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Leaves out what is done
    #[arg(long)]
    open: bool,
    /// Prints JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Puts an action on the list
    #[command(
        after_help = "Examples:\n  gameday actions add \"Write the runbook\" --drill last --owner web-oncall --due 2026-12-15"
    )]
    Add(Add),
    /// Links a later drill that put an action to the test
    #[command(
        after_help = "Examples:\n  gameday actions link a1 --drill last --note \"the alarm rang after 20 s\""
    )]
    Link {
        /// The action: `a1`
        id: ActionId,
        /// The drill: a journal file, its id, or `last`
        #[arg(long, value_name = "JOURNAL")]
        drill: String,
        /// What it showed
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Says that an action is done
    #[command(after_help = "Examples:\n  gameday actions done a1 --note \"merged in OPS-41\"")]
    Done {
        /// The action: `a1`
        id: ActionId,
        /// What shows it
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What is to be done
    #[arg(value_name = "ACTION", value_parser = said)]
    action: String,
    /// The drill that asks for it: a journal file, its id, or `last`
    #[arg(long, value_name = "JOURNAL")]
    drill: String,
    /// The role that owns it
    #[arg(long, value_name = "ROLE", value_parser = said)]
    owner: String,
    /// By when: 2026-12-15
    #[arg(long, value_name = "DATE", value_parser = date)]
    due: String,
    /// What it is for: prevent, mitigate, process or other
    #[arg(long = "type", value_name = "TYPE", value_parser = show::word::<ActionType>, default_value = "other")]
    kind: ActionType,
    /// What it answers
    #[arg(long, value_name = "TEXT", default_value = "")]
    issue: String,
    /// Its ticket in your house
    #[arg(long, value_name = "TICKET")]
    ticket: Option<String>,
}

fn said(text: &str) -> Result<String, String> {
    let text = tame(text).trim().to_owned();
    if text.is_empty() { Err("say it in words".to_owned()) } else { Ok(text) }
}

fn date(text: &str) -> Result<String, String> {
    let date: jiff::civil::Date = text.parse().map_err(|_| "use a day like 2026-12-15".to_owned())?;
    Ok(date.to_string())
}

impl Actions {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let change = match self.verb {
            None => return told(list()?, self.open, self.json),
            Some(Verb::Add(add)) => Change::Added(add.wanted()?),
            Some(Verb::Link { id, drill, note }) => {
                let events = journal::read(&drill)?;
                let drill = journal::whole(&events)?.plan().drill.clone();
                Change::Linked { id, drill, note: tame(&note) }
            }
            Some(Verb::Done { id, note }) => Change::Done { id, note: tame(&note) },
        };
        let entry = Entry { at: SystemClock.now(), change };
        let home = Home::open()?;
        let mut list = read(&home)?;
        let id = list.take(entry.clone()).map_err(|no| {
            Failure::refused(format!("could not change the list: {no}"))
                .with_help("`gameday actions` shows what is on it.")
        })?;
        keep(&home, &entry)?;
        list.actions.retain(|action| action.id == id);
        told(list, false, self.json)
    }
}

impl Add {
    fn wanted(self) -> Result<Wanted, Failure> {
        let events = journal::read(&self.drill)?;
        let journal = journal::whole(&events)?;
        let plan = journal.plan();
        Ok(Wanted {
            drill: plan.drill.clone(),
            scenario: plan.scenario.clone(),
            action: self.action,
            issue: tame(&self.issue),
            kind: self.kind,
            owner: self.owner,
            ticket: self.ticket.map(|ticket| tame(&ticket)),
            due: self.due,
        })
    }
}

/// The list of this home; empty where there is none yet.
pub(super) fn list() -> Result<FollowUp, Failure> {
    // Without a home there is no list either.
    Home::find().map_or_else(|_| Ok(FollowUp::default()), |home| read(&home))
}

fn read(home: &Home) -> Result<FollowUp, Failure> {
    let path = home.actions();
    let shown = path.display();
    let mut text = String::new();
    match fs::File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(FollowUp::default()),
        opened => opened
            .and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(Failure::io(format!("read {shown}")))?,
    };
    if text.len() as u64 > BYTES_MAX {
        return Err(Failure::world(format!("could not read {shown}: it is larger than {BYTES_MAX} bytes")));
    }
    let entry = |(index, line): (usize, &str)| {
        serde_json::from_str::<Entry>(line).map_err(|error| {
            Failure::new(Exit::Problems, format!("could not read {shown}:{}: {error}", index + 1))
                .with_help("Every line is one entry; mend that line, or remove it.")
        })
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(FollowUp::of(lines.map(entry).collect::<Result<Vec<_>, _>>()?))
}

/// Writes an entry down, durably.
fn keep(home: &Home, entry: &Entry) -> Result<(), Failure> {
    let path = home.actions();
    let line = serde_json::to_string(entry).expect("an entry is plain data") + "\n";
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(Failure::io(format!("open {}", path.display())))?;
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(Failure::io(format!("write {}", path.display())))
}

fn told(mut list: FollowUp, open: bool, json: bool) -> Result<Exit, Failure> {
    list.actions.retain(|action| !open || action.done.is_none());
    if json {
        show::json(&list.actions)?;
    } else if list.actions.is_empty() {
        show::line("No corrective action is on the list: `gameday actions add` puts one there.")?;
    } else {
        let rows: Vec<_> = list.actions.iter().map(row).collect();
        show::print(&show::table(&rows))?;
    }
    Ok(Exit::Done)
}

fn row(action: &CorrectiveAction) -> Vec<String> {
    let wanted = &action.wanted;
    let ticket = wanted.ticket.as_ref().map_or(String::new(), |ticket| format!(" ({})", tame(ticket)));
    vec![
        action.id.to_string(),
        wanted.due.clone(),
        wanted.kind.as_str().to_owned(),
        tame(&wanted.owner),
        format!("{}{ticket}", tame(&wanted.action)),
        format!("from {}", wanted.drill),
        page::action_stands(action),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_of_the_calendar() {
        assert_eq!(date("2026-12-15").unwrap(), "2026-12-15");
        for bad in ["2026-02-30", "tomorrow", ""] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        fs::write(home.actions(), "{}\n").unwrap();
        let failure = read(&home).unwrap_err();
        assert_eq!(failure.exit, Exit::Problems);
        assert!(failure.message.contains("actions.jsonl:1:"), "{}", failure.message);
    }
}
