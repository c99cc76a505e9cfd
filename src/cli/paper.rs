//! A document on its way out: in which form, and where to.

use super::{
    exit::{Exit, Failure},
    show,
};
use crate::report::render::Document;
use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

/// Options of commands that write a document.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Paper {
    /// The format; by the ending of --out, else Markdown
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Writes this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Markdown
    Md,
    /// One file with its pictures in it
    Html,
    /// For paper, and for who has it read out
    Pdf,
    /// For programs
    Json,
}

impl Paper {
    /// What was asked for, or what the file's name says.
    pub(super) fn format(&self) -> Format {
        let ending = self.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
        self.format.unwrap_or(match ending {
            Some("html" | "htm") => Format::Html,
            Some("pdf") => Format::Pdf,
            Some("json") => Format::Json,
            _ => Format::Md,
        })
    }

    /// Writes a document, or the `data` that it is made of for programs.
    pub(super) fn write<D: serde::Serialize>(
        &self,
        data: &D,
        document: impl FnOnce() -> Document,
    ) -> Result<Exit, Failure> {
        let bytes = match self.format() {
            Format::Md => document().markdown().into_bytes(),
            Format::Html => document().html().into_bytes(),
            Format::Pdf => document().pdf(),
            Format::Json => {
                let text = serde_json::to_string_pretty(data).expect("it is plain data");
                (text + "\n").into_bytes()
            }
        };
        self.put(&bytes)
    }

    /// Writes what is ready.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<Exit, Failure> {
        let Some(path) = &self.out else {
            return printed(bytes);
        };
        fs::write(path, bytes).map_err(Failure::io(format!("write {}", path.display())))?;
        show::line(&format!("{} is written.", path.display()))?;
        Ok(Exit::Done)
    }
}

/// Text goes to a terminal as text; a PDF does not go to a terminal at all.
fn printed(bytes: &[u8]) -> Result<Exit, Failure> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        show::print(text)?;
        return Ok(Exit::Done);
    }
    let mut out = std::io::stdout();
    if out.is_terminal() {
        return Err(
            Failure::usage("could not print a PDF on a terminal").with_help("Name a file with --out.")
        );
    }
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}
