//! `PagerDuty`: factors rather than culprits, exact numbers, and the messages inside and outside.

use super::{Block, Debrief, Document, Section, asks, field, paper, plan, reflection, timeline};
use crate::report::{
    render::{
        document::{Holds, Table},
        whole::after,
    },
    wording::page,
};

pub(super) fn pagerduty(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "post-mortem");
    let reveal = &debrief.reveal;
    let columns = [("Role", Holds::Name), ("Who", Holds::Words)];
    let roles = debrief.response.roles.iter().map(|line| [line.role.as_str(), line.person.as_str()]);
    let mut factors: Vec<String> = Vec::new();
    factors.extend((!reveal.trigger.is_empty()).then(|| reveal.trigger.clone()));
    factors.extend(reveal.facts.iter().chain(&reveal.contributing).cloned());
    document.sections = vec![
        Section::new("Overview").says(reveal.summary.clone()).says(debrief.overview.one_line.clone()),
        Section::new("What happened").with(Block::Steps(debrief.what_happened.clone())),
        Section::new("Contributing factors").notes(page::FACTORS_NOT_PEOPLE).lists(factors),
        after::resolution(debrief),
        super::impact(debrief, "Impact"),
        Section::new("Responders")
            .table_or(Table::new("Roles that were held", columns).of(roles), page::NO_ROLE),
        timeline(debrief, "Timeline"),
        Section::new("What went well?").with(Block::Opens(reflection(debrief, "Went well"))),
        Section::new("What did not go so well?").with(Block::Opens(reflection(debrief, "Went poorly"))),
        plan(debrief, "Action items"),
        Section::new("Messaging")
            .headed("Internal message")
            .with(Block::Fields(vec![
                field("Summary", debrief.overview.one_line.clone()),
                field("Cause", reveal.summary.clone()),
                field("Repair", debrief.resolution.clone()),
            ]))
            .headed("External message")
            .table_or(Table::lines("What was sent", &debrief.response.broadcasts, false), page::NO_BROADCAST)
            .with(asks("External message", "What should users read about this once it is over?")),
    ];
    document
}
