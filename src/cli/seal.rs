//! `gameday seal` and `gameday unseal`: a scenario that nobody can read before its drill, and back.

use super::{
    exit::{Exit, Failure},
    home::Home,
    shelf::{self, Shelf},
    show,
};
use crate::{
    clock::{Clock as _, SystemClock},
    library::{
        Library,
        keep::{KeepError, keep},
        keys::{self, KeysError, Recipient},
        seal::{self, SealError},
    },
    scenario::{file::text_of, problem::Problem},
};
use serde::Serialize;
use std::{
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  gameday seal --new-identity                        once: a key of your own, in the state folder
  gameday seal drills/pool.yaml                      writes drills/pool.yaml.age, for that key
  gameday seal drills/*.yaml --to age1... --to age1...
  gameday seal pool.yaml --recipients-file instigators.txt --output drills/night-1.yaml.age
  gameday run drills/pool.yaml.age                   whoever has a key runs it as any other scenario

The scenario is read and checked first. The file is one of age's: `age --decrypt` opens it, too.";

const UNSEAL_EXAMPLES: &str = "\
Examples:
  gameday unseal drills/pool.yaml.age
  gameday unseal drills/pool.yaml.age --output pool.yaml
  gameday unseal drills/pool.yaml.age --identity key.txt
  gameday unseal drills/pool.yaml.age --as-committed | sha256sum    shows the commitment";

/// Seals scenarios, so that only those with a key can read them before the drill
///
/// Each becomes a file NAME.yaml.age. It also commits to its text: after the drill everybody can see that what was sealed is
/// what was played. The commitment is printed here, by `list`, and in the debrief.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Seal {
    /// Scenario files, or names of built-in scenarios
    #[arg(required_unless_present = "new_identity", value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Who can open it: a recipient `age1...`; may be repeated. Without any, whoever has the identity that is at hand
    #[arg(long, value_name = "RECIPIENT", value_parser = recipient)]
    to: Vec<Recipient>,
    /// Everybody in this file can open it: a recipient in each line
    #[arg(long, value_name = "FILE")]
    recipients_file: Vec<PathBuf>,
    /// The file that is written, `NAME.yaml.age`; beside the scenario by default
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Makes a key instead: an identity in FILE, by default where it is found by itself
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        conflicts_with_all = ["scenarios", "to", "recipients_file", "output"]
    )]
    new_identity: Option<Vec<PathBuf>>,
    /// Prints JSON: an array of {"scenario", "file", "commitment"}; of a key {"identity", "recipient"}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shelf: Shelf,
}

/// Gives a sealed scenario's text back, to whoever has a key
///
/// It goes to the standard output, or into a new file that only its owner may read.
#[derive(Debug, clap::Args)]
#[command(after_help = UNSEAL_EXAMPLES)]
pub(super) struct Unseal {
    /// A sealed scenario: NAME.yaml.age
    #[arg(value_name = "FILE")]
    file: String,
    /// The file that is written; it must not be there
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Gives exactly what the file commits to: the text with one more line, which nobody could guess
    #[arg(long)]
    as_committed: bool,
    #[command(flatten)]
    shelf: Shelf,
}

/// One that was sealed.
#[derive(Serialize)]
struct Line {
    scenario: String,
    file: String,
    commitment: String,
}

#[derive(Serialize)]
struct NewKey {
    identity: String,
    recipient: String,
}

fn recipient(text: &str) -> Result<Recipient, String> {
    let bad = "write a recipient as `gameday seal --new-identity` prints it: age1...";
    text.parse().map_err(|_| bad.to_owned())
}

impl Seal {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if let Some(place) = &self.new_identity {
            return new_identity(place.first().map(PathBuf::as_path), self.json);
        }
        if self.output.is_some() && self.scenarios.len() > 1 {
            return Err(Failure::usage("could not write several scenarios to one --output")
                .with_help("Leave it out: each is written beside its scenario."));
        }
        let library = self.shelf.library()?;
        let to = self.recipients()?;
        // Everything is looked at before anything is written.
        let mut texts = Vec::new();
        for scenario in &self.scenarios {
            let text = library.sealable(scenario).map_err(|error| shelf::complain(&error))?;
            texts.push((scenario, self.place(scenario)?, text));
        }
        let mut lines = Vec::new();
        for (scenario, place, text) in texts {
            let sealed = seal::seal(&text, &to).map_err(|error| cannot_seal(scenario, &error))?;
            write(&place, &sealed.file)?;
            let file = place.display().to_string();
            lines.push(Line { scenario: scenario.clone(), file, commitment: sealed.commitment });
        }
        if self.json {
            show::json(&lines)?;
            return Ok(Exit::Done);
        }
        for line in &lines {
            show::line(&format!(
                "{} is sealed, for {} to open\n  commitment {}",
                line.file,
                keys(to.len()),
                line.commitment
            ))?;
        }
        let readable: Vec<_> = self.scenarios.iter().filter(|one| Path::new(one).exists()).cloned().collect();
        if !readable.is_empty() {
            show::line(&format!(
                "\nStill readable: {}. Remove it where others may look, also from the history of a repository.",
                readable.join(", ")
            ))?;
        }
        Ok(Exit::Done)
    }

    /// Whoever can open what is sealed now.
    fn recipients(&self) -> Result<Vec<Recipient>, Failure> {
        let mut to = self.to.clone();
        for file in &self.recipients_file {
            to.extend(keys::recipients_in(file).map_err(|error| no_keys(&error))?);
        }
        if to.is_empty() {
            to = self.shelf.keys().recipients().map_err(|error| match error {
                KeysError::None { .. } => Failure::usage("could not seal it: nobody is named who can open it").with_help(
                    "Name recipients with `--to age1...` or `--recipients-file`, or make a key of your own: `gameday seal --new-identity`.",
                ),
                error => no_keys(&error),
            })?;
        }
        if to.len() > crate::base::limits::KEYS_MAX {
            return Err(Failure::usage(format!(
                "could not seal it for {} recipients: there are at most {}",
                to.len(),
                crate::base::limits::KEYS_MAX
            )));
        }
        Ok(to)
    }

    /// Where a sealed scenario is written.
    fn place(&self, scenario: &str) -> Result<PathBuf, Failure> {
        let beside = Library::is_file(scenario);
        let name = scenario.rsplit('/').next().unwrap_or(scenario);
        let place = match &self.output {
            Some(output) => output.clone(),
            None if beside => PathBuf::from(format!("{scenario}.age")),
            None => PathBuf::from(format!("{name}.yaml.age")),
        };
        if Library::is_sealed(&place.to_string_lossy()) {
            return Ok(place);
        }
        Err(Failure::usage(format!(
            "could not write to {}: that is no sealed scenario's name",
            place.display()
        ))
        .with_help("Name it like `pool-shrink.yaml.age`: so it is found and read."))
    }
}

impl Unseal {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let opened = self.shelf.library()?.unseal(&self.file).map_err(|shut| told(&shut.into_problem()))?;
        let bytes = if self.as_committed { opened.whole() } else { opened.text() };
        // What it holds must not write on the reader's terminal.
        text_of(&self.file, bytes).map_err(|problem| told(&problem))?;
        let Some(place) = &self.output else {
            show::print(&String::from_utf8_lossy(bytes))?;
            return Ok(Exit::Done);
        };
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => taken(place),
            _ => Failure::io(format!("write {}", place.display()))(error),
        };
        let mut out =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(place).map_err(failed)?;
        out.write_all(bytes).and_then(|()| out.sync_all()).map_err(failed)?;
        show::line(&format!("{} is written. Everybody who may read it knows the answer.", place.display()))?;
        Ok(Exit::Done)
    }
}

fn new_identity(place: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    let path = match place {
        Some(path) => path.to_owned(),
        None => Home::open()?.identity(),
    };
    let recipient = keys::new_identity(&path, SystemClock.now()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => taken(&path),
        _ => Failure::io(format!("write {}", path.display()))(error),
    })?;
    let key = NewKey { identity: path.display().to_string(), recipient: recipient.to_string() };
    if json {
        show::json(&key)?;
    } else {
        show::line(&format!(
            "{}\n\nThe identity is in {}. Keep a copy: without it nobody opens what is sealed for it alone. The line above is no \
             secret; others seal for it with `--to`.",
            key.recipient, key.identity
        ))?;
    }
    Ok(Exit::Done)
}

/// Writes a sealed file, whole or not at all, and never over another.
fn write(place: &Path, text: &str) -> Result<(), Failure> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match keep(folder, file, text, None) {
        Ok(_) => Ok(()),
        Err(KeepError::Taken) => Err(taken(place)),
        Err(error) => Err(Failure::io(format!("write {}", place.display()))(error)),
    }
}

fn taken(place: &Path) -> Failure {
    Failure::refused(format!("could not write {}: it is there already", place.display()))
        .with_help("Choose another name, or move the file away.")
}

fn told(problem: &Problem) -> Failure {
    let failure = Failure::new(Exit::Problems, format!("could not unseal {}", problem.headline()));
    match &problem.help {
        Some(help) => failure.with_help(format!("help: {help}")),
        None => failure,
    }
}

fn no_keys(error: &KeysError) -> Failure {
    Failure::world(format!("could not read the keys: {error}")).with_help(format!("help: {}", error.help()))
}

fn cannot_seal(scenario: &str, error: &SealError) -> Failure {
    Failure::new(Exit::Problems, format!("could not seal {scenario}: {error}"))
        .with_help(format!("help: {}", error.help()))
}

fn keys(count: usize) -> String {
    if count == 1 { "one key".to_owned() } else { format!("{count} keys") }
}
