//! Google: the post-mortem of the book on site reliability.

use super::{
    Block, Debrief, Document, Section, asks, field, glance, or_none, paper, people, plan, reflection,
    timeline,
};
use crate::report::{
    render::{plots, whole::after},
    wording::page,
};

pub(super) fn google(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "post-mortem");
    let reveal = &debrief.reveal;
    let mut causes = vec![reveal.summary.clone()];
    causes.extend(reveal.contributing.iter().cloned());
    let mut lessons = Section::new("Lessons learned");
    for (heading, name) in [
        ("What went well", "Went well"),
        ("What went wrong", "Went poorly"),
        ("Where we got lucky", "Got lucky"),
    ] {
        lessons = lessons.headed(heading).with(Block::Opens(reflection(debrief, name)));
    }
    let mut supporting = Section::new("Supporting information")
        .pictures(Some(plots::strip(&debrief.strip)), page::STRIP)
        .pictures(plots::failures(&debrief.plots), page::FAILURES);
    supporting.blocks.extend(after::capabilities(debrief).blocks);
    document.sections = vec![
        Section::new("Head").with(Block::Fields(vec![
            field("Date", debrief.header.date.clone()),
            field(
                "Authors",
                or_none(
                    &[people(debrief, "Trainers"), people(debrief, "Responders")]
                        .into_iter()
                        .filter(|who| who != page::NONE)
                        .collect::<Vec<_>>(),
                ),
            ),
            field("Status", page::outcome(debrief.header.outcome)),
        ])),
        Section::new("Summary").says(debrief.overview.one_line.clone()).says(debrief.overview.text.clone()),
        super::impact(debrief, "Impact"),
        Section::new("Root causes").lists(causes).lists(reveal.facts.iter().cloned()),
        Section::new("Trigger").says(trigger(debrief)),
        Section::new("Resolution").says(debrief.resolution.clone()),
        Section::new("Detection").says(debrief.detection.text.clone()),
        plan(debrief, "Action items"),
        lessons,
        moments(debrief),
        timeline(debrief, "Timeline"),
        supporting,
    ];
    document
}

fn trigger(debrief: &Debrief) -> String {
    let trigger = &debrief.reveal.trigger;
    if trigger.is_empty() { page::NONE.to_owned() } else { trigger.clone() }
}

/// The five moments that every timeline of this house has.
fn moments(debrief: &Debrief) -> Section {
    Section::new("Moments")
        .with(Block::Fields(vec![
            field("Outage begins", glance(debrief, "Outage began, measured")),
            field("Incident begins", glance(debrief, "Incident declared")),
            field("Outage mitigated", glance(debrief, "Service restored, measured")),
            field("Outage ends", glance(debrief, "Outage ended, measured")),
            field("Incident ends", glance(debrief, "All-clear by the team")),
        ]))
        .with(asks(
            "Thirty nominal minutes",
            "Was service watched long enough before the incident was closed?",
        ))
}
