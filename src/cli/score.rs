//! `gameday score`: what a drill was worth, check by check.

use super::{
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    report::{
        Score as DrillScore,
        score::{Check, Dimension, State, score},
        wording::tame,
    },
    scenario::Profile,
};
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  gameday score out/journal.jsonl
  gameday score last --profile understand-first
  gameday score out/journal.jsonl --json | jq '.dimensions[] | {name, score}'

There is no total: ten dimensions are ten things to talk about. The score tells the cause, as the journal does.";

/// Scores a journal
///
/// Every dimension with its checks, each in words and with the figures that it rests on. The same journal always gives
/// the same score.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Score {
    #[command(flatten)]
    source: Source,
    /// Whose weights: `understand-first` or `restore-first`; the scenario's own by default
    #[arg(long, value_parser = show::word::<Profile>)]
    profile: Option<Profile>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Score {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let events = self.source.read()?;
        let scored = score(&journal::whole(&events)?, self.profile);
        if self.json {
            show::json(&scored)?;
        } else {
            show::print(&readable(&scored))?;
        }
        Ok(Exit::Done)
    }
}

fn readable(score: &DrillScore) -> String {
    let profile = match score.profile {
        Profile::RestoreFirst => "restore-first",
        Profile::UnderstandFirst => "understand-first",
    };
    let mut text = format!("drill {}, profile {profile}\n", score.drill);
    if let Some(why) = &score.unscored {
        let _ = writeln!(text, "not scored: {}", tame(why));
    }
    for dimension in &score.dimensions {
        put_dimension(&mut text, dimension, score.profile);
    }
    if !score.questions.is_empty() {
        text.push_str("\nworth talking about\n");
        for question in &score.questions {
            let _ = writeln!(text, "  - {}", tame(question));
        }
    }
    text
}

fn put_dimension(text: &mut String, dimension: &Dimension, profile: Profile) {
    let _ = writeln!(
        text,
        "\n{}  {}  (weighs {})\n  {}",
        figure(dimension.score),
        dimension.name.as_str(),
        dimension.weights.of(profile),
        tame(&dimension.sentence)
    );
    for check in &dimension.checks {
        let _ = writeln!(text, "  {}  {}: {}", verdict(check), check.id, tame(&check.sentence));
    }
}

fn figure(score: Option<f64>) -> String {
    score.map_or_else(|| "  - ".to_owned(), |score| format!("{score:.2}"))
}

fn verdict(check: &Check) -> String {
    match &check.state {
        State::Scored => figure(check.score),
        State::NotApplicable { .. } => "n/a ".to_owned(),
        State::Unknown { .. } => " ?  ".to_owned(),
        State::Censored { .. } => "cut ".to_owned(),
        State::Invalid { .. } => "void".to_owned(),
    }
}
