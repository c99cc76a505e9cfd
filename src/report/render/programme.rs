//! A team's practice as a whole, as a document.

use super::{
    document::{Block, Document, Holds, Section, Table, Voice},
    plots,
    whole::after,
};
use crate::report::{
    programme::{Practised, Programme, Run},
    wording::{self, page, programme as words, tame},
};

/// The programme as tables and dots.
pub fn programme(programme: &Programme) -> Document {
    let drills: usize = programme.scenarios.iter().map(|one| one.runs.len()).sum();
    Document {
        sheet: false,
        banner: page::BANNER.to_owned(),
        purpose: page::PURPOSE.to_owned(),
        title: words::TITLE.to_owned(),
        lead: vec![
            Block::Paragraph(Voice::Lede, words::practised(drills, programme.scenarios.len())),
            Block::Paragraph(Voice::Note, words::NOTE.to_owned()),
        ],
        sections: vec![
            Section::new("Next").table_or(next(programme), words::NOTHING_PLANNED),
            Section::new("Drills by scenario")
                .pictures(plots::programme(programme), words::SIGNS)
                .table_or(scenarios(programme), words::NOTHING_PLAYED),
            Section::new("Objectives practised").table_or(objectives(programme), words::NOTHING_PLAYED),
            actions(programme),
        ],
        source: words::left_out(programme.left_out),
    }
}

fn actions(programme: &Programme) -> Section {
    let section = Section::new("Open corrective actions");
    let section = section.table_or(after::agreed(&programme.open), words::NOTHING_OPEN);
    if programme.kept == 0 { section } else { section.notes(words::kept(programme.kept)) }
}

fn next(programme: &Programme) -> Table {
    let columns = [("When", Holds::Name), ("Scenario", Holds::Words), ("Target", Holds::Words)];
    let rows = programme.next.iter().map(|one| [one.when.clone(), tame(&one.title), tame(&one.target)]);
    Table::new("What is planned", columns).of(rows)
}

fn scenarios(programme: &Programme) -> Table {
    let columns =
        [("Scenario", Holds::Name), ("Drills", Holds::Figure), ("When, and how it ended", Holds::Words)];
    let runs = |one: &Practised| {
        let run = |run: &Run| {
            format!("{} {} ({})", run.at.date(), page::outcome(run.outcome), words::people(run.responders))
        };
        wording::list(&one.runs.iter().map(run).collect::<Vec<_>>())
    };
    let rows =
        programme.scenarios.iter().map(|one| [tame(&one.title), one.runs.len().to_string(), runs(one)]);
    Table::new("The same in words", columns).of(rows)
}

fn objectives(programme: &Programme) -> Table {
    let columns = [
        ("Objective", Holds::Name),
        ("Practised", Holds::Figure),
        ("Last", Holds::Figure),
        ("Seen to be met", Holds::Words),
    ];
    let rows = programme.objectives.iter().map(|one| {
        [tame(&one.text), words::times(one.practised), one.last.date(), words::met(one.met, one.judged)]
    });
    Table::new("What the scenarios that were played train", columns).of(rows)
}
