//! `gameday score`: what a drill was worth, check by check.

use super::{
    exit::{Exit, Failure},
    journal::{self, Source},
    show,
};
use crate::{
    base::limits,
    report::{
        Journal, Score as DrillScore,
        score::{
            Check, Difference, Dimension, Explanation, State,
            difference::{How, Kept},
            explain, score,
        },
        wording::{page, tame},
    },
    scenario::Profile,
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  gameday score out/journal.jsonl
  gameday score last --profile understand-first
  gameday score last --explain mitigate.spared         its formula, its numbers, its evidence
  gameday score old/journal.jsonl --diff old/score.json        scored again: what a newer scorer says otherwise
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
    /// Compares with a score that was kept; by itself with the `score.json` beside the journal when that is an older
    /// scorer's
    #[arg(long, value_name = "SCORE", num_args = 0..=1, conflicts_with = "explain")]
    #[expect(clippy::option_option, reason = "clap's way to say: not given, given alone, given with a file")]
    diff: Option<Option<PathBuf>>,
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
        if self.diff.is_some() {
            return self.differs(&journal);
        }
        if self.json {
            show::json(&scored)?;
        } else {
            show::print(&readable(&scored))?;
            self.tell_of_older(&scored)?;
        }
        Ok(Exit::Done)
    }

    /// What a newer scorer says otherwise than the score that was kept.
    fn differs(&self, journal: &Journal<'_>) -> Result<Exit, Failure> {
        let named = self.diff.as_ref().and_then(Option::as_ref);
        let path = named.cloned().or_else(|| self.source.beside("score.json")).ok_or_else(|| {
            Failure::usage("could not compare: no score was kept beside this journal")
                .with_help("Name one: `--diff FILE`. `gameday run --out DIR` leaves it in DIR/score.json.")
        })?;
        let kept = kept(&path)?;
        if kept.drill != journal.plan().drill.as_str() {
            let (found, wanted) = (tame(&kept.drill), &journal.plan().drill);
            return Err(Failure::refused(format!(
                "could not compare with {}: it is the score of drill {found}, not of {wanted}",
                path.display()
            )));
        }
        // Like with like: by the profile that it was scored by then, unless somebody asks for another.
        let now = score(journal, self.profile.or(Some(kept.profile)));
        let difference = Difference::of(&kept, &now);
        if self.json { show::json(&difference) } else { show::print(&told(&difference)) }.map(|()| Exit::Done)
    }

    /// A score that an older scorer has kept beside the journal is not passed over in silence.
    fn tell_of_older(&self, now: &DrillScore) -> Result<(), Failure> {
        let Some(path) = self.source.beside("score.json") else {
            return Ok(());
        };
        // What cannot be read there is nobody's question here.
        let Ok(kept) = kept(&path) else {
            return Ok(());
        };
        let older = kept.scorer < now.scorer && kept.drill == now.drill.as_str();
        if older && kept.profile == now.profile {
            show::print(&format!("\n{}", told(&Difference::of(&kept, now))))?;
        }
        Ok(())
    }
}

fn kept(path: &Path) -> Result<Kept, Failure> {
    let shown = path.display();
    let size = fs::metadata(path).map_err(Failure::io(format!("read {shown}")))?.len();
    if size > limits::EVENT_BYTES_MAX as u64 {
        return Err(Failure::new(
            Exit::Problems,
            format!("could not read {shown}: it is too large for a score"),
        ));
    }
    let text = fs::read_to_string(path).map_err(Failure::io(format!("read {shown}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::new(Exit::Problems, format!("could not read {shown} as a score: {error}")))
}

fn told(difference: &Difference) -> String {
    let Difference { was_scorer, is_scorer, .. } = difference;
    if difference.is_empty() {
        return format!("scorer {is_scorer} says the same as scorer {was_scorer} did\n");
    }
    let mut text = format!("scorer {was_scorer} said otherwise than scorer {is_scorer} says now\n");
    for (title, list) in [("capabilities", &difference.dimensions), ("checks", &difference.checks)] {
        let rows = list.iter().map(|one| {
            let how = match one.how {
                How::New => "new",
                How::Gone => "gone",
                How::Changed => "",
            };
            let figures = format!("{} -> {}", figure(one.was).trim(), figure(one.is).trim());
            vec![format!("  {}", one.name), figures, how.to_owned(), tame(&one.sentence)]
        });
        put_list(&mut text, title, &show::table(&rows.collect::<Vec<_>>()));
    }
    text
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
