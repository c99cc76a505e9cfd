//! Wikimedia: metadata, summary, a timeline with the outage's beginning and end, detection, conclusions, actionables, and
//! the scorecard of fifteen questions.

use super::{
    Block, Debrief, Document, Section, asks, field, glance, paper, people, plan, reflection, role_holders,
};
use crate::{
    base::{At, Span},
    report::{
        render::{
            document::{Cell, Holds, Row, Table},
            plots, t_plus,
            whole::{after, story},
        },
        wording::page,
    },
};

pub(super) fn wikimedia(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "incident report");
    let tickets: Vec<_> =
        debrief.response.tickets.iter().map(|one| format!("{} {}", one.id, one.title)).collect();
    let metadata = Section::new("Metadata").with(Block::Fields(vec![
        field("Incident", debrief.header.drill.clone()),
        field("Task", super::or_none(&tickets)),
        field("Start", glance(debrief, "Outage began, measured")),
        field("End", glance(debrief, "Outage ended, measured")),
        field("People paged", people(debrief, "Responders")),
        field("Responders by role", role_holders(debrief)),
        field("Coordinators", glance(debrief, "Incident coordinators")),
        field("Affected metrics", glance(debrief, "Harmed request classes")),
        field("Impact", debrief.impact.measured.clone()),
    ]));
    document.sections = vec![
        metadata,
        Section::new("Summary")
            .says(debrief.reveal.summary.clone())
            .with(Block::Steps(debrief.what_happened.clone())),
        Section::new("Timeline")
            .notes("All times in UTC.")
            .with(outage_timeline(debrief))
            .pictures(Some(plots::strip(&debrief.strip)), page::STRIP),
        detection(debrief),
        conclusions(debrief),
        runbooks(debrief),
        plan(debrief, "Actionables"),
        after::card(debrief),
    ];
    document
}

/// The timeline with two lines more.
fn outage_timeline(debrief: &Debrief) -> Table {
    let mut table = Table::lines(page::EVERY_LINE, &debrief.timeline.rows, true);
    let mut rows: Vec<(At, u64, Row)> = debrief
        .timeline
        .rows
        .iter()
        .map(|row| (row.moment.at, row.seq))
        .zip(table.rows)
        .map(|((at, seq), row)| (at, seq, row))
        .collect();
    let measured = &debrief.strip.measured;
    let edges = [
        (measured.first().map(|window| window.0), "OUTAGE BEGINS"),
        (measured.last().map(|window| window.1), "OUTAGE ENDS"),
    ];
    for (seconds, words) in edges {
        if let Some(seconds) = seconds {
            let at = moment(debrief, seconds);
            let cells: Vec<Cell> =
                [at.clock_time(), t_plus(seconds), "service".to_owned(), words.to_owned(), String::new()]
                    .map(Cell::from)
                    .into();
            rows.push((at, 0, Row { event: None, lane: Some("service"), cells }));
        }
    }
    rows.sort_by_key(|(at, seq, _)| (*at, *seq));
    table.rows = rows.into_iter().map(|(_, _, row)| row).collect();
    table
}

fn moment(debrief: &Debrief, seconds: f64) -> At {
    let millis = format!("{:.0}", seconds.abs() * 1000.0);
    let span = Span::from_millis(millis.parse().unwrap_or_default());
    let start = debrief.header.start.at;
    if seconds < 0.0 { start - span } else { start + span }
}

fn detection(debrief: &Debrief) -> Section {
    let mut section = story::detection(debrief);
    section.blocks.push(asks(
        "Was the alarm right",
        "Did the alarms name what users met, and were there too many or too few?",
    ));
    section
}

fn conclusions(debrief: &Debrief) -> Section {
    let mut section = Section::new("Conclusions");
    for (heading, name) in [
        ("What went well?", "Went well"),
        ("What went poorly?", "Went poorly"),
        ("Where did we get lucky?", "Got lucky"),
    ] {
        section = section.headed(heading).with(Block::Opens(reflection(debrief, name)));
    }
    section
}

fn runbooks(debrief: &Debrief) -> Section {
    let columns = [("Alarm", Holds::Name), ("Runbook", Holds::Words)];
    let rows = debrief.detection.alarms.iter().map(|alarm| {
        [alarm.alarm.clone(), alarm.runbook.clone().unwrap_or_else(|| page::NO_RUNBOOK.to_owned())]
    });
    Section::new("Links to relevant documentation")
        .table_or(Table::new("What each alarm pointed to", columns).of(rows), page::NO_ALARM)
        .with(asks("Missing", "Which page would have helped, and is not written yet?"))
}
