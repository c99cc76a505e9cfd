//! `gameday safety`: the lever that stops every drill of this home and lets none begin.

use super::{
    exit::{Exit, Failure},
    home::Home,
    preflight::reason,
    show, wire,
};
use crate::{
    base::{At, DrillId, Span},
    clock::{Clock, SystemClock},
    drill::{command::Command, event::Hat, preflight::Lever},
    engine::Desk,
    scenario::pack::Driver,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
};

const EXAMPLES: &str = "\
Examples:
  gameday safety
  gameday safety engage --reason \"production is down\"
  gameday safety release --reason \"production is back since 15:00\" --by ana
  gameday safety status --json | jq -e .engaged

Exit codes: 0 done, 4 the state cannot be kept, 6 a drill did not end in time.";

/// How often a running drill looks at the lever.
const LOOK: Span = Span::from_secs(1);
/// How long the drills that run may take to end.
const PATIENCE: Span = Span::from_secs(90);
/// Largest record of moves that is read, in bytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// The lever that stops every drill of this home and lets none begin
///
/// Until somebody moves it, it is engaged for every target except the embedded one. Once a person has engaged it, no
/// drill begins at all, a demo included, and those that run are stopped. Every move is kept, with who, when and why.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Safety {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Prints JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Tells how the lever stands, who moved it last, and what runs
    #[command(after_help = "Examples:\n  gameday safety status --json")]
    Status,
    /// Stops every drill of this home, and lets none begin
    #[command(after_help = "Examples:\n  gameday safety engage --reason \"production is down\" --by ana")]
    Engage(Move),
    /// Lets drills begin again, also on targets of your own
    #[command(after_help = "Examples:\n  gameday safety release --reason \"production is back\" --by ana")]
    Release(Move),
}

// What both moves of the lever are told.
#[derive(Debug, clap::Args)]
struct Move {
    /// Why; one line
    #[arg(long, value_name = "REASON", value_parser = reason)]
    reason: String,
    /// Who; the account's name by default
    #[arg(long, value_name = "NAME", env = "USER", default_value = "somebody", value_parser = reason)]
    by: String,
}

/// One move of the lever: a line of `safety.jsonl`. The last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Moved {
    at: At,
    by: String,
    engaged: bool,
    reason: String,
}

/// How the lever stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stands {
    Untouched,
    Moved(Moved),
    Unreadable(String),
}

fn stands(home: &Home) -> Stands {
    let path = home.safety();
    match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Stands::Untouched,
        Ok(there) if there.len() > BYTES_MAX => {
            return Stands::Unreadable(format!("{} is too large", path.display()));
        }
        _ => {}
    }
    let unreadable = |why: String| Stands::Unreadable(format!("{}: {why}", path.display()));
    match fs::read_to_string(&path) {
        Err(error) => unreadable(error.to_string()),
        Ok(text) => match text.lines().last().map(serde_json::from_str) {
            Some(Ok(moved)) => Stands::Moved(moved),
            Some(Err(error)) => unreadable(error.to_string()),
            None => unreadable("it is empty".to_owned()),
        },
    }
}

/// What keeps a target with this driver from being broken, if the lever does. What cannot be read counts as engaged.
pub(super) fn lever(home: &Home, driver: Driver) -> Option<Lever> {
    match stands(home) {
        Stands::Untouched if driver == Driver::Depot => None,
        Stands::Untouched => Some(Lever::Untouched),
        Stands::Moved(Moved { engaged: false, .. }) => None,
        Stands::Moved(Moved { at, by, reason, .. }) => Some(Lever::Engaged { by, at, reason }),
        Stands::Unreadable(why) => Some(Lever::Unreadable(why)),
    }
}

/// Stops a running drill when somebody engages the lever. A lever that nobody has moved stops nothing.
pub(super) async fn stop_when_engaged(home: Home, desk: Desk) {
    let Ok(person) = "safety-lever".parse::<crate::base::Person>() else { return };
    loop {
        let why = match stands(&home) {
            Stands::Moved(Moved { engaged: true, by, reason, .. }) => Some(format!("{by}: {reason}")),
            Stands::Unreadable(why) => Some(why),
            _ => None,
        };
        if let Some(why) = why {
            let joined = Command::Join { person: person.clone(), hat: Hat::Observer };
            let reason = format!("the safety lever was engaged by {why}");
            let stop = Command::Stop { by: person, reason, real_incident: true };
            for command in [joined, stop] {
                if let Err(refusal) = desk.send(command).await {
                    tracing::info!(%refusal, "the safety lever came too late");
                }
            }
            return;
        }
        SystemClock.sleep_until(SystemClock.now() + LOOK).await;
    }
}

/// What is told of the lever.
#[derive(Serialize)]
struct Told {
    /// Whether no drill begins at all.
    engaged: bool,
    /// Whether targets other than the embedded one may be broken.
    own_targets: bool,
    /// The last move.
    moved: Option<Moved>,
    /// Drills that are being conducted now.
    running: Vec<DrillId>,
}

impl Safety {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let home = Home::open()?;
        super::block_on(async {
            let stopped = match self.verb {
                None | Some(Verb::Status) => true,
                Some(Verb::Release(given)) => {
                    keep(&home, given, false)?;
                    true
                }
                Some(Verb::Engage(given)) => {
                    keep(&home, given, true)?;
                    wait_for_the_end(&home).await?
                }
            };
            let told = told(&home).await?;
            if self.json {
                show::json(&told)?;
            } else {
                show::print(&readable(&home, &told))?;
            }
            Ok(if stopped { Exit::Done } else { Exit::Broken })
        })
    }
}

/// Engages the lever; every engine of this home looks at it by itself.
pub(super) fn engage(home: &Home, by: &str, reason: &str) -> Result<(), Failure> {
    keep(home, Move { reason: reason.to_owned(), by: by.to_owned() }, true)
}

/// Writes a move down, durably.
fn keep(home: &Home, given: Move, engaged: bool) -> Result<(), Failure> {
    let moved = Moved { at: SystemClock.now(), by: given.by, engaged, reason: given.reason };
    let line = serde_json::to_string(&moved).expect("a move is plain data") + "\n";
    let path = home.safety();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(Failure::io(format!("open {}", path.display())))?;
    // After a line that was cut off, this one stands by itself.
    let whole = fs::read_to_string(&path).is_ok_and(|text| text.is_empty() || text.ends_with('\n'));
    let line = if whole { line } else { format!("\n{line}") };
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(Failure::io(format!("write {}", path.display())))
}

/// Waits until every drill that runs has taken everything back; each engine looks at the lever by itself.
async fn wait_for_the_end(home: &Home) -> Result<bool, Failure> {
    let clock = SystemClock;
    let until = clock.now() + PATIENCE;
    while clock.now() < until {
        if running(home).await?.is_empty() {
            return Ok(true);
        }
        clock.sleep_until(clock.now() + LOOK).await;
    }
    Ok(false)
}

/// Drills of this home that a living engine conducts.
async fn running(home: &Home) -> Result<Vec<DrillId>, Failure> {
    if !home.journal().exists() {
        return Ok(Vec::new());
    }
    let store = wire::open_store(home).await?;
    let drills = store.drills().await.map_err(Failure::io("read the journal"))?;
    let mut running = Vec::new();
    for entry in drills {
        if wire::lock_drill(home, entry.drill.as_str())?.is_none() {
            running.push(entry.drill);
        }
    }
    Ok(running)
}

async fn told(home: &Home) -> Result<Told, Failure> {
    let running = running(home).await?;
    Ok(match stands(home) {
        Stands::Untouched => Told { engaged: false, own_targets: false, moved: None, running },
        Stands::Unreadable(_) => Told { engaged: true, own_targets: false, moved: None, running },
        Stands::Moved(moved) => {
            Told { engaged: moved.engaged, own_targets: !moved.engaged, moved: Some(moved), running }
        }
    })
}

fn readable(home: &Home, told: &Told) -> String {
    let mut text = match (&told.moved, told.engaged) {
        (Some(Moved { at, by, reason, .. }), true) => {
            format!("Engaged since {at}, by {by}: {reason}\nNo drill begins.\n")
        }
        (Some(Moved { at, by, reason, .. }), false) => {
            format!("Released since {at}, by {by}: {reason}\nDrills may begin.\n")
        }
        (None, true) => {
            format!("{} cannot be read, and counts as engaged: no drill begins.\n", home.safety().display())
        }
        (None, false) => {
            "Nobody has moved it: drills may begin on the embedded target, and on no other until \
                          somebody releases it.\n"
                .to_owned()
        }
    };
    for drill in &told.running {
        text.push_str(&format!("running: drill {drill}\n"));
    }
    if told.engaged && !told.running.is_empty() {
        text.push_str(
            "What still runs did not end in time: stop it with Ctrl-C where it runs, or `gameday stop`.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        home.make().unwrap();
        (folder, home)
    }

    fn given(reason: &str) -> Move {
        Move { reason: reason.to_owned(), by: "ana".to_owned() }
    }

    #[test]
    fn the_last_move_counts_and_every_move_is_kept() {
        let (_folder, home) = home();
        assert_eq!(lever(&home, Driver::Depot), None);
        keep(&home, given("an outage"), true).unwrap();
        let Some(Lever::Engaged { by, reason, .. }) = lever(&home, Driver::Depot) else { panic!() };
        assert_eq!((by.as_str(), reason.as_str()), ("ana", "an outage"));
        keep(&home, given("it is over"), false).unwrap();
        assert_eq!(lever(&home, Driver::Depot), None);
        assert_eq!(fs::read_to_string(home.safety()).unwrap().lines().count(), 2);
    }

    #[test]
    fn what_cannot_be_read_counts_as_engaged_until_somebody_moves_it() {
        for text in ["", "{}\n", "not json", "{\"engaged\":false}"] {
            let (_folder, home) = home();
            fs::write(home.safety(), text).unwrap();
            assert!(matches!(lever(&home, Driver::Depot), Some(Lever::Unreadable(_))), "{text}");
            keep(&home, given("looked at"), false).unwrap();
            assert_eq!(lever(&home, Driver::Depot), None, "{text}");
        }
    }
}
