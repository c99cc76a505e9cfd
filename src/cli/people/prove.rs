//! Proves prerequisites: a scenario may name a command for each, which ends with 0 where somebody has it.

use super::ask;
use crate::{
    base::Person,
    cli::{
        exit::{Exit, Failure},
        home::Home,
        show,
    },
    people::Command,
    scenario::roster::{Prerequisite, PrerequisiteId},
};
use serde::Serialize;
use std::{process::Stdio, time::Duration};
use tokio::{process, time::timeout};

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of one, in JSON.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a PrerequisiteId,
    /// Nothing: there is no command for it.
    proved: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Runs each command, notes what it has proved, and tells all of it.
pub(super) async fn prove(
    home: &Home,
    person: Person,
    needed: &[Prerequisite],
    json: bool,
) -> Result<Exit, Failure> {
    let mut lines = Vec::new();
    for one in needed {
        let Some((program, arguments)) = one.prove.split_first() else {
            lines.push(Line { id: &one.id, proved: None, why: None });
            continue;
        };
        let why = run(program, arguments).await.err();
        lines.push(Line { id: &one.id, proved: Some(why.is_none()), why });
    }
    let has: Vec<_> =
        lines.iter().filter(|line| line.proved == Some(true)).map(|line| line.id.clone()).collect();
    if !has.is_empty() {
        let command = Command::Attest {
            person: person.clone(),
            has: has.into_iter().collect(),
            by: "terminal".parse().expect("it is a name"),
        };
        ask(home, "note what was proved of", &person, &command).await?;
    }
    if json {
        show::json(&lines)?;
    } else if lines.is_empty() {
        show::line("This scenario asks for nothing.")?;
    } else {
        lines.iter().try_for_each(|line| show::line(&told(line, &person)))?;
    }
    let missing = lines.iter().any(|line| line.proved == Some(false));
    Ok(if missing { Exit::Refused } else { Exit::Done })
}

fn told(line: &Line<'_>, person: &Person) -> String {
    let id = line.id;
    match (line.proved, &line.why) {
        (Some(true), _) => format!("{id}: {person} has it"),
        (Some(false), why) => format!("{id}: not proved: {}", why.as_deref().unwrap_or_default()),
        (None, _) => format!("{id}: has no command; `gameday people change {person} --attest {id}` says it"),
    }
}

/// Runs a command as whoever asks, without a shell, and gives why it proves nothing.
async fn run(program: &str, arguments: &[String]) -> Result<(), String> {
    let mut command = process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("could not run `{program}`: {error}"))?;
    let ended = timeout(PATIENCE, child.wait()).await;
    let status = ended.map_err(|_| format!("`{program}` took longer than {} s", PATIENCE.as_secs()))?;
    let status = status.map_err(|error| format!("could not wait for `{program}`: {error}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(format!("`{program}` ended with {code}")),
        None => Err(format!("`{program}` was killed")),
    }
}
