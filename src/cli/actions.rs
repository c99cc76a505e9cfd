//! `gameday actions`: corrective actions with their owner role and date, and the later drills that tested them.

use super::{
    block_on,
    exit::{Exit, Failure},
    grade,
    home::Home,
    journal, show,
};
use crate::{
    base::Person,
    clock::{Clock as _, SystemClock},
    report::{
        debrief,
        follow_up::{ActionId, Change, CorrectiveAction, Entry, FollowUp},
        wording::{page, tame},
    },
    scenario::review::{ActionKind, Day, Review, Wanted},
};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
};

const EXAMPLES: &str = "\
Examples:
  gameday actions
  gameday actions add \"Alarm on the saturation of the pool\" --drill last --by tom --owner web-oncall --due 2026-12-15 \\
      --type prevent --issue \"nobody saw the pool fill up\" --ticket OPS-41
  gameday actions link d-7f3a/1 --drill last --note \"the alarm rang after 20 s\"
  gameday actions done d-7f3a/1 --note \"in OPS-41\"
  gameday actions --open --json | jq '.[] | .due'";

/// Most that is read of what came of actions, in bytes.
const BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Keeps the corrective actions that debriefs asked for: owner role, date, and which later drill tested them
///
/// What a drill asked for is in its journal, written here or on the trainers' page. The list is of all drills of this home. A
/// drill's debrief shows the actions that came out of it, and those that it put to the test.
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
    /// Writes an action into the journal of the drill that asks for it
    #[command(
        after_help = "Examples:\n  gameday actions add \"Write the runbook\" --drill last --by tom --owner web-oncall --due 2026-12-15"
    )]
    Add(Add),
    /// Links a later drill that put an action to the test
    #[command(
        after_help = "Examples:\n  gameday actions link d-7f3a/1 --drill last --note \"the alarm rang after 20 s\""
    )]
    Link {
        /// The action: `d-7f3a/1`
        id: ActionId,
        /// The drill: a journal file, its id, or `last`
        #[arg(long, value_name = "JOURNAL")]
        drill: String,
        /// What it showed
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Says that an action is done
    #[command(after_help = "Examples:\n  gameday actions done d-7f3a/1 --note \"merged in OPS-41\"")]
    Done {
        /// The action: `d-7f3a/1`
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
    /// The trainer who writes it down
    #[arg(long, value_name = "NAME")]
    by: Person,
    /// The role or team that owns it
    #[arg(long, value_name = "ROLE", value_parser = said)]
    owner: Option<String>,
    /// By when: 2026-12-15
    #[arg(long, value_name = "DATE")]
    due: Option<Day>,
    /// What it is for: prevent, mitigate, process or other
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<ActionKind>,
    /// What it answers
    #[arg(long, value_name = "TEXT", value_parser = said)]
    issue: Option<String>,
    /// Where it is tracked
    #[arg(long, value_name = "TICKET", value_parser = said)]
    ticket: Option<String>,
}

fn said(text: &str) -> Result<String, String> {
    let text = tame(text).trim().to_owned();
    if text.is_empty() { Err("say it in words".to_owned()) } else { Ok(text) }
}

impl Actions {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let change = match self.verb {
            None => return told(known(Vec::new())?.actions, self.open, self.json),
            Some(Verb::Add(add)) => return add.run(self.json),
            Some(Verb::Link { id, drill, note }) => {
                let events = journal::read(&drill)?;
                let drill = journal::whole(&events)?.plan().drill.clone();
                Change::Linked { id, drill, note: tame(&note) }
            }
            Some(Verb::Done { id, note }) => Change::Done { id, note: tame(&note) },
        };
        let entry = Entry { at: SystemClock.now(), change };
        let mut list = known(Vec::new())?;
        let action = list.take(entry.clone()).map_err(|no| {
            Failure::refused(format!("could not change the list: {no}"))
                .with_help("`gameday actions` shows what is on it.")
        })?;
        keep(&Home::open()?, &entry)?;
        told(vec![action.clone()], false, self.json)
    }
}

impl Add {
    fn run(self, json: bool) -> Result<Exit, Failure> {
        let Self { action, drill, by, owner, due, kind, issue, ticket } = self;
        let entry = Review::FollowUp(Wanted { action, issue, kind, owner, ticket, due });
        let events = grade::written(&drill, &by, &entry)?;
        // The journal's own, of which the last is new.
        let asked = debrief(&journal::whole(&events)?).actions;
        told(asked.into_iter().next_back().into_iter().collect(), false, json)
    }
}

/// What this home's drills asked for, with what came of it. `own` are those of a journal that may lie elsewhere.
pub(super) fn known(own: Vec<CorrectiveAction>) -> Result<FollowUp, Failure> {
    // Without a home there is no list either.
    let Ok(home) = Home::find() else { return Ok(FollowUp::of(own, [])) };
    let mut asked = block_on(journal::asked_for(&home))?;
    asked.retain(|one| own.iter().all(|another| another.id != one.id));
    asked.extend(own);
    follow_up(&home, asked)
}

/// These actions with what came of them.
pub(super) fn follow_up(home: &Home, asked: Vec<CorrectiveAction>) -> Result<FollowUp, Failure> {
    Ok(FollowUp::of(asked, read(home)?))
}

/// What came of actions; nothing where nothing did yet.
fn read(home: &Home) -> Result<Vec<Entry>, Failure> {
    let path = home.actions();
    let shown = path.display();
    let mut text = String::new();
    match fs::File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
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
    lines.map(entry).collect()
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

fn told(mut actions: Vec<CorrectiveAction>, open: bool, json: bool) -> Result<Exit, Failure> {
    actions.retain(|action| !open || action.done.is_none());
    if json {
        show::json(&actions)?;
    } else if actions.is_empty() {
        show::line(if open {
            "No open corrective action is on the list."
        } else {
            "No corrective action is on the list: `gameday actions add` puts one there."
        })?;
    } else {
        let rows: Vec<_> = actions.iter().map(row).collect();
        show::print(&show::table(&rows))?;
    }
    Ok(Exit::Done)
}

fn row(action: &CorrectiveAction) -> Vec<String> {
    let wanted = &action.wanted;
    let ticket = wanted.ticket.as_ref().map_or(String::new(), |ticket| format!(" ({})", tame(ticket)));
    vec![
        action.id.to_string(),
        page::or_open(wanted.due.as_ref().map(Day::as_str)),
        page::or_open(wanted.kind.map(ActionKind::as_str)),
        page::or_open(wanted.owner.as_deref()),
        format!("{}{ticket}", tame(&wanted.action)),
        page::action_stands(action),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

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
