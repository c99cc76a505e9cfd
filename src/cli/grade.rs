//! `gameday grade`: trainers grade blind, and write down what comes of the talk.

use super::{
    block_on,
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    base::Person,
    clock::{Clock as _, SystemClock},
    drill::{
        Drill,
        event::{Event, Recorded},
    },
    report::{
        grading::{Beside, GradingSheet},
        wording::{grades::entry, tame},
    },
    scenario::review::{DimensionName, Rating, Review, Section},
};
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  gameday grade sheet last --by tom
  gameday grade give last coordinate S \"two people led for a while\" --by tom
  gameday grade hand-in last \"calm, and late with the users\" --by tom

Grades are blind: nothing of the score is shown here until yours are handed in. Who played does not grade. On the
trainers' page the same is done with buttons. `gameday actions add` keeps corrective actions.";

/// Grades a drill that is over, blind; and keeps what the team learned from it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Grade {
    #[command(subcommand)]
    verb: Verb,
}

/// Who writes, and where.
#[derive(Debug, clap::Args)]
struct Writer {
    /// Who grades or writes
    #[arg(long, value_name = "NAME")]
    by: Person,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Shows what there is to grade, and after handing in what was measured
    #[command(
        after_help = "Examples:\n  gameday grade sheet last --by tom\n  gameday grade sheet out/journal.jsonl --by tom --json"
    )]
    Sheet {
        #[command(flatten)]
        source: Source,
        #[command(flatten)]
        writer: Writer,
    },
    /// Grades a dimension: P, S, M or U
    #[command(after_help = "\
Examples:
  gameday grade give last detect P \"acknowledged and declared within a minute\" --by tom

P performed without challenges; S with some challenges; M performed, but with harm, added risk or against the plan;
U not performed.")]
    Give {
        #[command(flatten)]
        source: Source,
        /// `detect`, `engage`, `coordinate`, ...
        dimension: DimensionName,
        /// `P`, `S`, `M` or `U`
        rating: Rating,
        /// What you saw
        because: String,
        #[command(flatten)]
        writer: Writer,
    },
    /// Hands your grades in: they stand, and the score is shown
    #[command(
        after_help = "Examples:\n  gameday grade hand-in last \"calm, and late with the users\" --by tom"
    )]
    HandIn {
        #[command(flatten)]
        source: Source,
        /// The exercise in a sentence
        overall: String,
        #[command(flatten)]
        writer: Writer,
    },
    /// Says that a check's judgement does not hold: it no longer counts
    #[command(after_help = "\
Examples:
  gameday grade invalidate last coordinate.logged \"they logged on paper: the console was away\" --by tom

A figure is left out, with the reason. None can be put in its place.")]
    Invalidate {
        #[command(flatten)]
        source: Source,
        /// The check: `coordinate.logged`
        check: String,
        /// Why
        because: String,
        #[command(flatten)]
        writer: Writer,
    },
    /// Says whether the words of the team's answer state a fact that they come near
    #[command(after_help = "\
Examples:
  gameday grade read last pool-2 --stated --by tom
  gameday grade read last disk-full --not-stated --by tom

A wording that states it belongs into the scenario: it is printed as lines to add.")]
    Read {
        #[command(flatten)]
        source: Source,
        /// The fact's id
        fact: String,
        /// They state it
        #[arg(long, conflicts_with = "not_stated", required_unless_present = "not_stated")]
        stated: bool,
        /// They do not
        #[arg(long)]
        not_stated: bool,
        #[command(flatten)]
        writer: Writer,
    },
    /// Writes a section of the debrief
    #[command(after_help = "\
Examples:
  gameday grade write last lucky \"ben had built the pool and knew its limit\" --evidence 212 --by tom

Sections: well, poorly, lucky, surprised; lessons about the system, the response, the practice.")]
    Write {
        #[command(flatten)]
        source: Source,
        /// The section
        section: Section,
        /// What the team agreed on
        text: String,
        /// The number of an event that shows it
        #[arg(long, value_name = "SEQ")]
        evidence: Vec<u64>,
        #[command(flatten)]
        writer: Writer,
    },
    /// Says whether an objective of the exercise was met
    #[command(
        after_help = "Examples:\n  gameday grade objective last 1 --met --by tom\n  gameday grade objective last 2 --not-met --because \"nobody read the pool\" --by tom"
    )]
    Objective {
        #[command(flatten)]
        source: Source,
        /// Its number, from 1: `gameday grade sheet` lists them
        number: usize,
        /// It was
        #[arg(long, conflicts_with = "not_met", required_unless_present = "not_met")]
        met: bool,
        /// It was not
        #[arg(long)]
        not_met: bool,
        /// What you saw
        #[arg(long, value_name = "TEXT", default_value = "")]
        because: String,
        #[command(flatten)]
        writer: Writer,
    },
}

impl Grade {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        match self.verb {
            Verb::Sheet { source, writer } => sheet(&source, &writer),
            Verb::Give { source, dimension, rating, because, writer } => {
                write(&source, &writer, &Review::Grade { dimension, rating, because })
            }
            Verb::HandIn { source, overall, writer } => write(&source, &writer, &Review::HandIn { overall }),
            Verb::Invalidate { source, check, because, writer } => {
                write(&source, &writer, &Review::Invalidate { check, because })
            }
            Verb::Read { source, fact, stated, not_stated: _, writer } => {
                write(&source, &writer, &Review::Read { fact, stated })
            }
            Verb::Write { source, section, text, evidence, writer } => {
                write(&source, &writer, &Review::Write { section, text, evidence })
            }
            Verb::Objective { source, number, met, not_met: _, because, writer } => {
                write(&source, &writer, &Review::Objective { number, met, because })
            }
        }
    }
}

/// Asks the drill as its engine would, and appends what it says; the journal with it.
pub(super) fn written(journal: &str, by: &Person, entry: &Review) -> Result<Vec<Recorded>, Failure> {
    block_on(async {
        let mut kept = journal::keep(journal).await?;
        let drill = Drill::fold(&kept.events).map_err(Failure::io("read the drill back"))?;
        let batch = drill.written_up(SystemClock.now(), by, entry);
        kept.append(batch.map_err(|no| Failure::refused(format!("could not write it: {no}")))?).await?;
        Ok(kept.events)
    })
}

fn write(source: &Source, writer: &Writer, asked: &Review) -> Result<Exit, Failure> {
    let events = written(&source.journal, &writer.by, asked)?;
    let journal = journal::whole(&events)?;
    let after = GradingSheet::of(&journal, &writer.by);
    if writer.json {
        show::json(&after)?;
        return Ok(Exit::Done);
    }
    show::line(&format!("Written: {} {}.", writer.by, entry(asked)))?;
    match asked {
        Review::HandIn { .. } => show::print(&readable(&after))?,
        Review::Read { fact, stated: true } => show::print(&alias(&events, fact, &after.answer))?,
        _ => {}
    }
    show::line("`gameday debrief` writes the debrief anew, with this in it.")?;
    Ok(Exit::Done)
}

fn sheet(source: &Source, writer: &Writer) -> Result<Exit, Failure> {
    let events = source.read()?;
    let sheet = GradingSheet::of(&journal::whole(&events)?, &writer.by);
    if writer.json { show::json(&sheet) } else { show::print(&readable(&sheet)) }.map(|()| Exit::Done)
}

fn readable(sheet: &GradingSheet) -> String {
    let mut text = String::new();
    if !sheet.handed_in {
        text.push_str("Grades are blind: what was measured is shown once yours are handed in.\n");
    }
    if let Some(why) = &sheet.unscored {
        let _ = writeln!(text, "not scored: {}", tame(why));
    }
    for row in &sheet.rows {
        let given = row.given.as_ref().map_or("-", |(rating, _)| rating.as_str());
        let _ = writeln!(text, "\n{given}  {}  {}", row.name, row.asks);
        if let Some((_, because)) = &row.given {
            let _ = writeln!(text, "   you saw: {}", tame(because));
        }
        if let Some(beside) = &row.beside {
            put_beside(&mut text, beside);
        }
    }
    if !sheet.objectives.is_empty() {
        text.push_str("\nobjectives\n");
        for one in &sheet.objectives {
            let met = match one.met {
                Some(true) => "met",
                Some(false) => "not met",
                None => "open",
            };
            let _ = writeln!(text, "  {}  {met}: {}", one.number, tame(&one.text));
        }
    }
    if !sheet.unclear.is_empty() {
        let _ =
            writeln!(text, "\nneeds a reader: the team answered\n  {}\ndoes that state", tame(&sheet.answer));
        for one in &sheet.unclear {
            let read = match one.stated {
                Some(true) => "yes",
                Some(false) => "no",
                None => "?",
            };
            let _ = writeln!(text, "  {read}  {}: {}", one.fact, tame(&one.says));
        }
    }
    text
}

fn put_beside(text: &mut String, beside: &Beside) {
    let measured = beside.measured.map_or_else(|| "-".to_owned(), |score| format!("{score:.2}"));
    let _ = writeln!(text, "   measured {measured}: {}", tame(&beside.sentence));
    if let Some(together) = &beside.together {
        let _ = writeln!(text, "   {}", together.sentence);
    }
}

/// The lines that teach a scenario this wording.
fn alias(events: &[Recorded], fact: &str, answer: &str) -> String {
    let kept = events.iter().find_map(|one| match &one.event {
        Event::Planned(plan) => plan.truth.cause.facts.iter().find(|one| one.id == fact),
        _ => None,
    });
    let says = kept.map_or("", |fact| fact.says.as_str());
    format!(
        "\nAdd the wording to the scenario, and the answer as a claim that must stay right:\n\n  \
         facts:\n    - id: {fact}\n      says: {}\n      any: [.., the words that state it]\n  \
         sample_claims:\n    - {{text: {}, band: near}}\n\n",
        tame(says),
        serde_json::Value::from(tame(answer))
    )
}
