//! Runs of one scenario side by side, as a document.

use super::{
    document::{Block, Cell, Document, Holds, Section, Table},
    figure, plots,
};
use crate::report::{
    compare::Comparison,
    debrief::Open,
    wording::{page, tame},
};

/// The runs as tables and dots.
pub fn side_by_side(comparison: &Comparison) -> Document {
    let [times, dots] = plots::runs(comparison);
    let mut runs = Section::new("The runs").with(runs(comparison));
    for difference in &comparison.differences {
        runs = runs.says(difference.clone());
    }
    let ask = |(name, question): (&str, &str)| Open {
        name: name.to_owned(),
        question: question.to_owned(),
        filled: None,
    };
    Document {
        sheet: false,
        banner: page::BANNER.to_owned(),
        purpose: page::PURPOSE.to_owned(),
        title: page::side_by_side(&comparison.title),
        lead: vec![Block::Paragraph(super::document::Voice::Plain, page::NO_RANKING.to_owned())],
        sections: vec![
            runs,
            Section::new("Times").pictures(times, page::RUN_SIGNS).with(measures(comparison)),
            Section::new("Capabilities").pictures(dots, page::RUN_SIGNS).with(capabilities(comparison)),
            Section::new("Worth a talk").with(Block::Opens(page::COMPARED.map(ask).to_vec())),
        ],
        source: page::compared_source(&comparison.scenario, comparison.runs.len()),
    }
}

fn runs(comparison: &Comparison) -> Table {
    let columns = [
        ("Run", Holds::Name),
        ("Date", Holds::Figure),
        ("StartEx", Holds::Figure),
        ("Responders", Holds::Figure),
        ("Profile", Holds::Words),
        ("Outcome", Holds::Words),
        ("Drill", Holds::Words),
    ];
    let rows = comparison.runs.iter().map(|run| {
        let outcome = page::outcome(run.outcome);
        let outcome =
            run.unscored.as_ref().map_or_else(|| outcome.to_owned(), |why| format!("{outcome}: {why}"));
        [
            run.letter.to_string(),
            run.date.clone(),
            format!("{} UTC", run.start.utc),
            run.responders.to_string(),
            run.profile.to_owned(),
            outcome,
            tame(&run.drill),
        ]
    });
    Table::new("Letters stand for runs in the order in which they were given", columns).of(rows)
}

/// A table with a column for every run.
fn by_run(comparison: &Comparison, caption: &str, first: &str) -> Table {
    let mut table = Table::new(caption, [(first, Holds::Name)]);
    for run in &comparison.runs {
        let name = run.letter.to_string();
        table.columns.push(super::document::Column { name, holds: Holds::Figure });
    }
    table
}

fn measures(comparison: &Comparison) -> Table {
    let rows = comparison.measures.iter().map(|measure| -> Vec<Cell> {
        let values = measure
            .seconds
            .iter()
            .map(|seconds| Cell::from(seconds.map_or_else(|| page::NONE.to_owned(), plots::long)));
        std::iter::once(Cell::from(measure.name)).chain(values).collect()
    });
    by_run(comparison, "The same in figures", "Measure").of(rows)
}

fn capabilities(comparison: &Comparison) -> Table {
    let rows = comparison.capabilities.iter().map(|capability| -> Vec<Cell> {
        let values = capability.figures.iter().map(|value| Cell::from(figure(*value)));
        std::iter::once(Cell::from(capability.name.as_str())).chain(values).collect()
    });
    by_run(comparison, "The same in figures", "Capability").of(rows)
}
