//! `gameday practice`: a path for one person, from the first alarm to leading an incident.
//!
//! [`path`] holds the steps; [`tabletop`] asks, [`drill`] plays; [`record`] keeps what was answered and played.

mod drill;
mod path;
mod record;
mod tabletop;

pub(super) use drill::sit_down;

use super::{
    exit::{Exit, Failure},
    home::Home,
    shelf, show,
};
use crate::{
    base::Person,
    library::Library,
    scenario::{problem::suggestion, tabletop::TableTop},
};
use path::{Kind, PATH, Step, Work};
use record::Record;
use serde::Serialize;
use std::{
    io::{self, BufRead as _, Read as _},
    path::{Path, PathBuf},
};
use tabletop::Walked;

const EXAMPLES: &str = "\
Examples:
  gameday practice                       your path: what is done, what is next
  gameday practice next                  the next step
  gameday practice coordinating          this one; a table-top goes on where you stopped
  gameday practice first-alarm --again   its questions anew; the earlier answers are dropped
  gameday practice our-night.yaml        a table-top of your own
  gameday practice --json | jq '.steps[] | select(.done | not) | .step'
  gameday practice --forget              removes everything that is kept of your path

An answer ends with an empty line. What you answer stays in your state folder; nobody collects it.";

/// The word for the first step that is not done.
const NEXT: &str = "next";

/// Walks a path for one person: table-top questions, and real drills in which the autopilot has the other roles
///
/// A table-top asks: you answer in your own words, and then read what others have learned. A drill breaks the embedded target
/// for real; you have one role, and at the end you see your part beside a practised one. Without a step it shows how far you
/// are.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Practice {
    /// A step of the path, `next`, or the file of a table-top
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// Begins a table-top anew: its earlier answers are dropped
    #[arg(long, requires = "step")]
    again: bool,
    /// Your name in a drill
    #[arg(long = "as", value_name = "NAME", default_value = "you")]
    name: Person,
    /// Where the journal and the debrief of a drill are left; else `drills/` in the state folder
    #[arg(long, value_name = "DIR", requires = "step")]
    out: Option<PathBuf>,
    /// Removes everything that is kept of your path, after a question
    #[arg(long, conflicts_with_all = ["step", "json"])]
    forget: bool,
    /// Prints JSON: {"steps": [{"step", "kind", "title", "done", "answered", "questions", "drills"}], "next"}
    #[arg(long, conflicts_with = "step")]
    json: bool,
}

/// How far somebody is with a step.
#[derive(Serialize)]
struct Stand {
    step: &'static str,
    kind: Kind,
    title: String,
    done: bool,
    /// Of a table-top.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    questions: Option<usize>,
    /// Of a drill, the newest last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    drills: Vec<record::Drilled>,
}

#[derive(Serialize)]
struct Overview {
    steps: Vec<Stand>,
    next: Option<&'static str>,
}

impl Practice {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let home = Home::open()?;
        if self.forget {
            return forget(&home);
        }
        let Some(wanted) = &self.step else {
            return overview(&home, self.json);
        };
        let step = if wanted == NEXT {
            let Some(next) = next(&stands(&home)?) else {
                show::line("Every step is done. Take a shift with somebody, or walk one again: --again")?;
                return Ok(Exit::Done);
            };
            path::find(next)
        } else {
            path::find(wanted)
        };
        match step {
            Some(Step { name, work: Work::TableTop }) => self.tabletop(&home, name),
            Some(step @ Step { work: Work::Drill(part), .. }) => {
                if self.again {
                    return Err(Failure::usage("could not begin a drill anew: it always is")
                        .with_help("Leave --again out."));
                }
                let exit = drill::play(step, part, &self.name, self.out)?;
                say_next(&home)?;
                Ok(exit)
            }
            None if Library::is_tabletop(wanted) || is_file_name(wanted) => self.tabletop(&home, wanted),
            None => Err(unknown(wanted)),
        }
    }

    fn tabletop(&self, home: &Home, name_or_path: &str) -> Result<Exit, Failure> {
        let tabletop = load(name_or_path)?;
        let key = key(name_or_path)?;
        if self.again {
            Record::change(home, &key, |record| record.answers.clear())?;
        }
        let record = Record::read(home, &key)?;
        if record.answered(&tabletop) == tabletop.questions.len() {
            tabletop::look_back(&tabletop, &record)?;
            show::line("\nAll of it is answered. To answer anew: --again")?;
            return Ok(Exit::Done);
        }
        match tabletop::walk(home, &key, &tabletop, &mut io::stdin().lock())? {
            Walked::Through => {
                show::line("\nThat was the last question. Thank you for thinking it through.")?;
            }
            Walked::Stopped(answered) => {
                let of = tabletop.questions.len();
                let same = show::quoted(name_or_path);
                show::line(&format!(
                    "\nStopped: {answered} of {of} are answered and kept. To go on: gameday practice {same}"
                ))?;
                return Ok(Exit::Done);
            }
        }
        if path::find(name_or_path).is_some() {
            say_next(home)?;
        }
        Ok(Exit::Done)
    }
}

/// What looks like a file is looked for, and what is wrong with it told.
fn is_file_name(text: &str) -> bool {
    Path::new(text).extension().is_some_and(|end| end == "yaml" || end == "yml")
}

fn load(name_or_path: &str) -> Result<TableTop, Failure> {
    Library::load_tabletop(name_or_path).map_err(|error| shelf::complain(&error))
}

/// What answers are kept under: a name, or the whole path of a file.
fn key(name_or_path: &str) -> Result<String, Failure> {
    if Library::built_in_tabletops().iter().any(|name| name == name_or_path) {
        return Ok(name_or_path.to_owned());
    }
    let whole = Path::new(name_or_path).canonicalize();
    let whole = whole.map_err(Failure::io(format!("find {name_or_path}")))?;
    Ok(whole.to_string_lossy().into_owned())
}

fn unknown(wanted: &str) -> Failure {
    let beside = path::beside();
    let mut known: Vec<&str> = PATH.iter().map(|step| step.name).collect();
    known.push(NEXT);
    known.extend(beside.iter().map(String::as_str));
    let failure = Failure::usage(format!("could not find a step `{wanted}`"));
    match suggestion(wanted, &known) {
        Some(help) => failure.with_help(help),
        None => failure,
    }
}

fn stands(home: &Home) -> Result<Vec<Stand>, Failure> {
    PATH.iter().map(|step| stand(home, step)).collect()
}

fn stand(home: &Home, step: &'static Step) -> Result<Stand, Failure> {
    let record = Record::read(home, step.name)?;
    let mut stand = Stand {
        step: step.name,
        kind: step.kind(),
        title: String::new(),
        done: record.has_drilled(),
        answered: None,
        questions: None,
        drills: Vec::new(),
    };
    match &step.work {
        Work::Drill(part) => {
            part.title.clone_into(&mut stand.title);
            stand.drills = record.drills;
        }
        Work::TableTop => {
            let tabletop = load(step.name)?;
            let (answered, of) = (record.answered(&tabletop), tabletop.questions.len());
            (stand.answered, stand.questions) = (Some(answered), Some(of));
            stand.done = answered == of;
            stand.title = tabletop.title;
        }
    }
    Ok(stand)
}

fn next(stands: &[Stand]) -> Option<&'static str> {
    stands.iter().find(|stand| !stand.done).map(|stand| stand.step)
}

fn overview(home: &Home, json: bool) -> Result<Exit, Failure> {
    let steps = stands(home)?;
    let next = next(&steps);
    if json {
        show::json(&Overview { steps, next })?;
        return Ok(Exit::Done);
    }
    show::line(
        "Your path, from the first alarm to leading an incident. It is yours: nobody collects anything of it.\n",
    )?;
    let mut rows = vec![["STEP", "KIND", "STATE", "WHAT"].map(str::to_owned).to_vec()];
    rows.extend(steps.iter().map(|stand| {
        let kind = match stand.kind {
            Kind::TableTop => "table-top",
            Kind::Drill => "drill",
        };
        vec![stand.step.to_owned(), kind.to_owned(), state(stand, next), stand.title.clone()]
    }));
    show::print(&show::table(&rows))?;
    if next.is_some() {
        show::line("\nGo on: gameday practice next")?;
    } else {
        show::line("\nEvery step is done. You may walk any of them again.")?;
    }
    Ok(Exit::Done)
}

fn state(stand: &Stand, next: Option<&str>) -> String {
    let is_next = next == Some(stand.step);
    match (stand.answered, stand.questions) {
        _ if stand.done => "done".to_owned(),
        (Some(answered), Some(of)) if answered > 0 => format!("{answered} of {of}"),
        _ if !stand.drills.is_empty() => "tried".to_owned(),
        _ if is_next => "next".to_owned(),
        _ => "-".to_owned(),
    }
}

fn say_next(home: &Home) -> Result<(), Failure> {
    match next(&stands(home)?) {
        Some(step) => show::line(&format!("\nNext on your path: {step} (gameday practice next)")),
        None => show::line("\nEvery step of your path is done."),
    }
}

fn forget(home: &Home) -> Result<Exit, Failure> {
    show::print(
        "Every answer and the list of your drills are removed, for good. Journals and debriefs stay.\nType `forget` to do it: ",
    )?;
    let mut said = String::new();
    io::stdin().lock().take(64).read_line(&mut said).map_err(Failure::io("read your answer"))?;
    if said.trim() != "forget" {
        show::line("\nNothing was removed.")?;
        return Ok(Exit::Refused);
    }
    show::line(if record::forget(home)? { "\nIt is forgotten." } else { "\nThere was nothing to forget." })?;
    Ok(Exit::Done)
}
