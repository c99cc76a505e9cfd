//! The whole debrief as a [`Document`]: the story before figures, the truth after the reveal, scores last.
//!
//! [`story`] is what comes before the reveal, [`after`] what comes behind it. Views of houses take their parts from both.

pub(super) mod after;
pub(super) mod story;

use super::document::{Block, Document, Voice};
use crate::report::{
    debrief::{Debrief, Field},
    wording::{self, page, tame},
};

/// The whole debrief.
pub(super) fn whole(debrief: &Debrief) -> Document {
    let mut document = empty(debrief, &debrief.header.title);
    document.lead.push(Block::Facts(facts(debrief)));
    document.sections = vec![
        story::exercise(debrief),
        story::incident(debrief),
        story::impact(debrief),
        story::what_happened(debrief),
        story::detection(debrief),
        story::timeline(debrief),
        story::severity(debrief),
        story::response(debrief),
        after::reveal(debrief),
        after::knowable(debrief),
        after::resolution(debrief),
        after::reflections(debrief),
    ];
    document.sections.extend(after::talk(debrief));
    document.sections.extend([after::card(debrief), after::lessons(debrief), after::improvement(debrief)]);
    document.sections.push(after::hints(debrief));
    document.sections.extend(after::questions(debrief));
    document.sections.extend([after::thanks(debrief), after::capabilities(debrief)]);
    document.sections.extend(after::checks(debrief));
    // What holds nothing is not shown.
    document.sections.retain(|section| !section.blocks.is_empty());
    document
}

/// A document of a drill without sections: what it is, and the account.
pub(super) fn empty(debrief: &Debrief, title: &str) -> Document {
    let header = &debrief.header;
    let mut lead = vec![
        Block::Paragraph(Voice::Lede, debrief.overview.one_line.clone()),
        Block::Paragraph(Voice::Plain, debrief.overview.text.clone()),
    ];
    lead.extend(header.waived.iter().map(|waived| Block::Paragraph(Voice::Plain, waived.clone())));
    Document {
        sheet: false,
        banner: header.banner.clone(),
        purpose: header.purpose.clone(),
        title: tame(title),
        lead,
        sections: Vec::new(),
        source: page::source(
            &header.drill,
            &match &header.variant {
                Some(variant) => format!("{}, variant {variant}", header.scenario),
                None => header.scenario.clone(),
            },
            header.seed,
            &header.digest,
            header.sealed.as_deref(),
        ),
    }
}

/// What a reader looks for first.
pub(super) fn facts(debrief: &Debrief) -> Vec<Field> {
    let header = &debrief.header;
    let facts = [
        ("Date", header.date.clone()),
        ("StartEx", format!("{} UTC", header.start.utc)),
        ("EndEx", format!("{} UTC ({})", header.end.utc, header.end.offset)),
        ("Outcome", page::outcome(header.outcome).to_owned()),
        ("Profile", page::profile(header.profile).to_owned()),
        ("Drill", header.drill.clone()),
        ("Digest", wording::cut(&tame(&header.digest), 13)),
    ];
    facts.into_iter().map(|(name, value)| Field { name: name.to_owned(), value }).collect()
}
