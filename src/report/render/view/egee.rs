//! EGEE: a post-mortem, and the broadcast that other sites would have needed.

use super::{Block, Debrief, Document, Section, asks, field, or_none, paper, plan, timeline};
use crate::report::{
    render::{
        document::Table,
        whole::{after, story},
    },
    wording::page,
};

pub(super) fn egee(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "post-mortem");
    let reveal = &debrief.reveal;
    let severity = story::severity(debrief);
    let mut analysis =
        Section::new("Analysis").says(reveal.summary.clone()).headed("Outcome of the emergency meeting");
    analysis.blocks.extend(severity.blocks);
    analysis = analysis.lists_under("What let it happen", &reveal.contributing);
    let concerned = or_none(
        &debrief.severity.iter().map(|line| format!("{} {}", line.question, line.answer)).collect::<Vec<_>>(),
    );
    document.sections = vec![
        Section::new("One-line description").says(debrief.overview.one_line.clone()),
        Section::new("Description")
            .says(debrief.overview.text.clone())
            .with(Block::Steps(debrief.what_happened.clone())),
        timeline(debrief, "Time line"),
        analysis,
        Section::new("Follow-up: done").says(debrief.resolution.clone()),
        plan(debrief, "Follow-up: preventive"),
        Section::new("Broadcasts that went out").table_or(
            Table::lines("Status updates", &debrief.response.broadcasts, false),
            page::NO_BROADCAST,
        ),
        Section::new("A special announce, prepared")
            .with(Block::Fields(vec![
                field("Analysis", reveal.summary.clone()),
                field("Who is concerned, as the team judged it", concerned),
                field("What repaired it", debrief.resolution.clone()),
                field("Who owns the part", or_none(&reveal.owners)),
            ]))
            .with(asks(
                "Who should act before they are hit",
                "Which other sites run the same part, and what should they change?",
            ))
            .with(asks("Where it is documented", "Which page tells the next site what to do?")),
        after::thanks(debrief),
    ];
    document
}
