//! `gameday debrief`: the document.

use super::{
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::report::{debrief, render};
use std::{fs, path::PathBuf};

const EXAMPLES: &str = "\
Examples:
  gameday debrief out/journal.jsonl
  gameday debrief last --out debrief.html
  gameday debrief out/journal.jsonl --format json | jq .header

The debrief tells the truth about the outage: keep it from people who are still to play this scenario.";

/// Writes the debrief of a journal: Markdown, one self-contained HTML page, or JSON
///
/// What happened, what users saw, how the response went, and what really was the cause. The same journal always gives
/// the same bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Debrief {
    #[command(flatten)]
    source: Source,
    /// The format; by the ending of --out, else Markdown
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Writes this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown
    Md,
    /// One file with its pictures in it
    Html,
    /// For programs
    Json,
}

impl Debrief {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let ending = self.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
        let format = self.format.unwrap_or(match ending {
            Some("html" | "htm") => Format::Html,
            Some("json") => Format::Json,
            _ => Format::Md,
        });
        let events = self.source.read()?;
        let written = debrief(&journal::whole(&events)?);
        let text = match format {
            Format::Md => render::markdown(&written),
            Format::Html => render::html(&written),
            Format::Json => render::json(&written),
        };
        match &self.out {
            None => show::print(&text)?,
            Some(path) => {
                fs::write(path, text).map_err(Failure::io(format!("write {}", path.display())))?;
                show::line(&format!("{} is written.", path.display()))?;
            }
        }
        Ok(Exit::Done)
    }
}
