//! `gameday debrief`: the document, in a house's view or by its own template, and runs side by side.

use super::{
    actions,
    exit::{Exit, Failure},
    journal, show,
};
use crate::{
    base::limits::FILE_BYTES_MAX,
    drill::event::Recorded,
    report::{
        Debrief as Written, Journal,
        compare::compare,
        debrief,
        render::{
            self, Document, View,
            template::{self, BadTemplate, Form},
        },
    },
};
use std::{
    fs,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  gameday debrief out/journal.jsonl
  gameday debrief last --out debrief.html
  gameday debrief last --out debrief.pdf
  gameday debrief last --view wikimedia --out report.md
  gameday debrief last --template our-house.md --out report.md
  gameday debrief --compare monday.jsonl tuesday.jsonl --out runs.html
  gameday debrief out/journal.jsonl --format json | jq .header

The debrief tells the truth about the outage: keep it from people who are still to play this scenario.";

/// Writes the debrief of a journal: Markdown, one self-contained HTML page, PDF, or JSON
///
/// What happened, what users saw, how the response went, and what really was the cause. The same journal always gives
/// the same bytes, but for what came of its corrective actions later: that is this home's list to tell.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Debrief {
    /// A journal file (`journal.jsonl`), the id of a drill that was run here, or `last`; several with --compare
    #[arg(value_name = "JOURNAL", required_unless_present = "placeholders", num_args = 1..)]
    journals: Vec<String>,
    /// The format; by the ending of --out, else Markdown
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Writes this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Whose headings: the whole debrief, one sheet, or a house's
    #[arg(long, value_enum, default_value = "whole", conflicts_with_all = ["template", "compare"])]
    view: Headings,
    /// Fills a template of your own: `{{title}}`, `{{section.timeline}}`; HTML when its name ends so
    #[arg(long, value_name = "FILE", conflicts_with_all = ["compare", "format"])]
    template: Option<PathBuf>,
    /// Lists what a template may hold
    #[arg(long, exclusive = true)]
    placeholders: bool,
    /// Lays runs of the same scenario side by side as dots
    #[arg(long)]
    compare: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown
    Md,
    /// One file with its pictures in it
    Html,
    /// For paper, and for who has it read out
    Pdf,
    /// For programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Headings {
    /// Everything
    Whole,
    /// One page
    Brief,
    /// A post-mortem with the broadcasts of EGEE
    Egee,
    /// An incident report with the scorecard of Wikimedia
    Wikimedia,
    /// A post-mortem of Google's book
    Google,
    /// A post-mortem of `PagerDuty`'s guide
    Pagerduty,
    /// An after-action report and improvement plan
    Hseep,
}

impl Headings {
    fn view(self) -> View {
        match self {
            Self::Whole => View::Whole,
            Self::Brief => View::Brief,
            Self::Egee => View::Egee,
            Self::Wikimedia => View::Wikimedia,
            Self::Google => View::Google,
            Self::Pagerduty => View::PagerDuty,
            Self::Hseep => View::Hseep,
        }
    }
}

impl Debrief {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        if self.placeholders {
            show::line(&template::placeholders().join("\n"))?;
            return Ok(Exit::Done);
        }
        if self.compare {
            return self.side_by_side();
        }
        let [name] = self.journals.as_slice() else {
            return Err(Failure::usage(format!(
                "could not write one debrief of {} journals",
                self.journals.len()
            ))
            .with_help("Name one journal, or lay several side by side with --compare."));
        };
        let events = journal::read(name)?;
        let written = with_actions(debrief(&journal::whole(&events)?))?;
        if let Some(path) = &self.template {
            let filled = filled(path, &written)?;
            return self.put(filled.as_bytes());
        }
        let format = self.format();
        if format == Format::Json {
            if self.view != Headings::Whole {
                return Err(Failure::usage("could not write a view as JSON: the JSON holds every field")
                    .with_help("Leave --view away, or choose md, html or pdf."));
            }
            return self.put(render::json(&written).as_bytes());
        }
        self.put(&bytes(&self.view.view().of(&written), format))
    }

    fn side_by_side(&self) -> Result<Exit, Failure> {
        let all: Vec<Vec<Recorded>> =
            self.journals.iter().map(|name| journal::read(name)).collect::<Result<_, _>>()?;
        let journals: Vec<Journal<'_>> =
            all.iter().map(|events| journal::whole(events)).collect::<Result<_, _>>()?;
        let comparison = compare(&journals).map_err(|bad| {
            Failure::refused(bad.to_string())
                .with_help("Name journals of different drills of the same scenario.")
        })?;
        let format = self.format();
        if format == Format::Json {
            let text = serde_json::to_string_pretty(&comparison).expect("a comparison is plain data");
            return self.put((text + "\n").as_bytes());
        }
        self.put(&bytes(&render::side_by_side(&comparison), format))
    }

    fn format(&self) -> Format {
        let ending = self.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
        self.format.unwrap_or(match ending {
            Some("html" | "htm") => Format::Html,
            Some("pdf") => Format::Pdf,
            Some("json") => Format::Json,
            _ => Format::Md,
        })
    }

    fn put(&self, bytes: &[u8]) -> Result<Exit, Failure> {
        let Some(path) = &self.out else {
            return printed(bytes);
        };
        fs::write(path, bytes).map_err(Failure::io(format!("write {}", path.display())))?;
        show::line(&format!("{} is written.", path.display()))?;
        Ok(Exit::Done)
    }
}

fn bytes(document: &Document, format: Format) -> Vec<u8> {
    match format {
        Format::Html => document.html().into_bytes(),
        Format::Pdf => document.pdf(),
        Format::Md | Format::Json => document.markdown().into_bytes(),
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

/// What was agreed on after this drill, or put to the test by it.
fn with_actions(mut written: Written) -> Result<Written, Failure> {
    if let Ok(drill) = written.header.drill.parse() {
        written.actions = actions::known(written.actions)?.of_drill(&drill);
    }
    Ok(written)
}

fn filled(path: &Path, written: &Written) -> Result<String, Failure> {
    let shown = path.display();
    let size = fs::metadata(path).map_err(Failure::io(format!("read the template {shown}")))?.len();
    if size > FILE_BYTES_MAX as u64 {
        return Err(bad_template(path, &BadTemplate::TooLarge));
    }
    let text = fs::read_to_string(path).map_err(Failure::io(format!("read the template {shown}")))?;
    let html = path.extension().is_some_and(|ending| ending == "html" || ending == "htm");
    let form = if html { Form::Html } else { Form::Markdown };
    template::fill(&text, written, form).map_err(|bad| bad_template(path, &bad))
}

fn bad_template(path: &Path, bad: &BadTemplate) -> Failure {
    let shown = path.display();
    match bad {
        BadTemplate::TooLarge => {
            Failure::new(Exit::Problems, format!("could not fill the template {shown}: {bad}"))
        }
        _ => Failure::new(Exit::Problems, format!("could not fill the template {shown}:{bad}"))
            .with_help(format!("Placeholders: {}.", template::placeholders().join(", "))),
    }
}
