//! `gameday score`: what a drill was worth, check by check.

use super::{
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    report::{
        Score as DrillScore,
        score::{Check, Dimension, Explanation, State, explain, score},
        wording::{page, tame},
    },
    scenario::Profile,
};
use std::fmt::Write as _;

const EXAMPLES: &str = "\
Examples:
  gameday score out/journal.jsonl
  gameday score last --profile understand-first
  gameday score last --explain mitigate.spared         its formula, its numbers, its evidence
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
    /// Explains one check: the formula, the numbers that went in, and the events that show them
    #[arg(long, value_name = "CHECK")]
    explain: Option<String>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Score {
    pub(super) fn run(self) -> Result<Exit, Failure> {
        let events = self.source.read()?;
        let journal = journal::whole(&events)?;
        let scored = score(&journal, self.profile);
        if let Some(id) = &self.explain {
            let why = explain(&journal, &scored, id).ok_or_else(|| no_such_check(&scored, id))?;
            return if self.json { show::json(&why) } else { show::print(&explained(&why)) }
                .map(|()| Exit::Done);
        }
        if self.json {
            show::json(&scored)?;
        } else {
            show::print(&readable(&scored))?;
        }
        Ok(Exit::Done)
    }
}

fn readable(score: &DrillScore) -> String {
    let mut text = format!("drill {}, profile {}\n", score.drill, page::profile(score.profile));
    if let Some(why) = &score.unscored {
        let _ = writeln!(text, "not scored: {}", tame(why));
    }
    put_profiles(&mut text, score);
    for dimension in &score.dimensions {
        put_dimension(&mut text, dimension);
    }
    if !score.questions.is_empty() {
        text.push_str("\nworth talking about\n");
        for question in &score.questions {
            let _ = writeln!(text, "  - {}", tame(question));
        }
    }
    text
}

/// Figures and weights by both profiles, side by side.
fn put_profiles(text: &mut String, score: &DrillScore) {
    if score.dimensions.is_empty() {
        return;
    }
    let profiles = [Profile::UnderstandFirst, Profile::RestoreFirst];
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(profiles.map(|profile| page::profile(profile).to_owned()));
    for dimension in &score.dimensions {
        let mut row = vec![dimension.name.as_str().to_owned()];
        row.extend(profiles.map(|profile| {
            let (found, weight) = (dimension.figures.of(profile), dimension.weights.of(profile));
            format!("{} (weighs {weight:.2})", figure(found))
        }));
        rows.push(row);
    }
    let _ = write!(text, "\n{}", show::table(&rows));
}

fn put_dimension(text: &mut String, dimension: &Dimension) {
    let _ = writeln!(
        text,
        "\n{}  {}\n  {}",
        figure(dimension.score),
        dimension.name.as_str(),
        tame(&dimension.sentence)
    );
    if let Some(together) = &dimension.together {
        let letters: Vec<_> = dimension.grades.iter().map(|grade| grade.rating.as_str()).collect();
        let _ = writeln!(text, "  graded {}: {}", letters.join(", "), together.sentence);
    }
    for check in &dimension.checks {
        let _ = writeln!(text, "  {}  {}: {}", verdict(check), check.id, tame(&check.sentence));
    }
}

fn no_such_check(score: &DrillScore, id: &str) -> Failure {
    if let Some(why) = &score.unscored {
        return Failure::refused(format!("could not explain `{}`: nothing is scored, {why}", tame(id)));
    }
    let known: Vec<_> =
        score.dimensions.iter().flat_map(|one| &one.checks).map(|check| check.id.as_str()).collect();
    Failure::usage(format!("could not explain `{}`: this score has no such check", tame(id)))
        .with_help(format!("Its checks: {}.", known.join(", ")))
}

fn explained(why: &Explanation) -> String {
    let check = &why.check;
    let mut text = format!(
        "{}  {}  (weighs {} in {})\n  {}\n\nformula\n  {}\n",
        verdict(check).trim(),
        check.id,
        check.weight,
        check.dimension.as_str(),
        tame(&check.sentence),
        why.formula
    );
    let numbers = check.numbers.iter().map(|one| vec![format!("  {}", one.name), one.value.to_string()]);
    put_list(&mut text, "numbers", &show::table(&numbers.collect::<Vec<_>>()));
    let compared = check.truth_refs.iter().map(|one| format!("  {one}\n"));
    put_list(&mut text, "compared with", &compared.collect::<String>());
    let evidence = why
        .evidence
        .iter()
        .map(|line| vec![format!("  #{}", line.seq), line.offset.clone(), tame(&line.text)]);
    put_list(&mut text, "evidence", &show::table(&evidence.collect::<Vec<_>>()));
    text
}

fn put_list(text: &mut String, title: &str, lines: &str) {
    let _ = if lines.is_empty() {
        write!(text, "\n{title}\n  none\n")
    } else {
        write!(text, "\n{title}\n{lines}")
    };
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
