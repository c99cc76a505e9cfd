//! The sections before the reveal: nothing of the truth is in them.

use crate::report::{
    debrief::{Debrief, Field},
    render::{
        document::{Block, Cell, Holds, Section, Table},
        plots,
    },
    wording::page,
};

pub(in crate::report::render) fn exercise(debrief: &Debrief) -> Section {
    let exercise = &debrief.exercise;
    let mut section = Section::new("The exercise");
    if !exercise.objectives.is_empty() {
        section = section.says("What it trains:").lists(exercise.objectives.iter().cloned());
    }
    let own = [
        ("Target", exercise.target.clone()),
        ("Difficulty", format!("{} of 5", exercise.difficulty)),
        ("Time", exercise.duration.clone()),
    ];
    let mut fields: Vec<Field> =
        own.into_iter().map(|(name, value)| Field { name: name.to_owned(), value }).collect();
    fields.extend(exercise.people.iter().cloned());
    section.with(Block::Fields(fields))
}

pub(in crate::report::render) fn incident(debrief: &Debrief) -> Section {
    Section::new("The incident at a glance").with(Block::Fields(debrief.incident.clone()))
}

pub(in crate::report::render) fn impact(debrief: &Debrief) -> Section {
    let impact = &debrief.impact;
    let said = match &impact.claimed {
        None => page::NO_ASSESSMENT.to_owned(),
        Some(text) if text.is_empty() => page::ASSESSED_IN_FIGURES.to_owned(),
        Some(text) => page::assessed(text),
    };
    let mut section = Section::new("Impact: claimed, then measured")
        .says(said)
        .says(impact.measured.clone())
        .pictures(plots::dumbbell(&impact.chart), page::DUMBBELL);
    if !impact.times.is_empty() {
        let heads = ("When users were harmed", "Time", "Measured");
        section = section.with(Table::compared(heads, &impact.times));
    }
    let heads = ("Failed requests by class, inside the measured windows", "Failed requests", "Measured");
    section
        .with(Table::compared(heads, &impact.shares))
        .notes(impact.definition.clone())
        .asks(page::ASK_IMPACT)
}

pub(in crate::report::render) fn what_happened(debrief: &Debrief) -> Section {
    Section::new("What happened")
        .with(Block::Steps(debrief.what_happened.clone()))
        .pictures(Some(plots::strip(&debrief.strip)), page::STRIP)
        .asks(page::ASK_STORY)
}

pub(in crate::report::render) fn detection(debrief: &Debrief) -> Section {
    let detection = &debrief.detection;
    let columns = [
        ("Alarm", Holds::Name),
        ("Raised", Holds::Figure),
        ("Acknowledged", Holds::Figure),
        ("Resolved", Holds::Figure),
        ("It said", Holds::Words),
    ];
    let rows = detection.alarms.iter().map(|alarm| {
        [&alarm.alarm, &alarm.raised.offset, &alarm.acknowledged, &alarm.resolved, &alarm.summary]
            .map(String::as_str)
    });
    let mut section = Section::new("Detection").says(detection.text.clone());
    if !detection.alarms.is_empty() {
        section = section.with(Table::new("Alarms", columns).of(rows));
    }
    section.asks(page::ASK_DETECTION)
}

pub(in crate::report::render) fn timeline(debrief: &Debrief) -> Section {
    let timeline = &debrief.timeline;
    let section = Section::new("Timeline").with(Table::lines(page::EVERY_LINE, &timeline.rows, true));
    if timeline.left_out == 0 {
        return section;
    }
    section.notes(page::left_out(timeline.left_out))
}

pub(in crate::report::render) fn severity(debrief: &Debrief) -> Section {
    let mut section = Section::new("Severity and decisions");
    if !debrief.severity.is_empty() {
        let columns = [
            ("Severity checklist", Holds::Name),
            ("The team\u{2019}s answer", Holds::Words),
            ("Given", Holds::Figure),
        ];
        let rows = debrief.severity.iter().map(|line| {
            let given = line.moment.as_ref().map_or(String::new(), |moment| moment.offset.clone());
            [line.question.clone(), line.answer.clone(), given]
        });
        section =
            section.with(Table::new("The severity checklist as the team answered it", columns).of(rows));
    }
    if !debrief.decided.is_empty() {
        let columns = [
            ("Decided", Holds::Figure),
            ("By", Holds::Words),
            ("Option", Holds::Words),
            ("Because", Holds::Words),
            ("Asked", Holds::Words),
            ("Event", Holds::Events),
        ];
        let rows = debrief.decided.iter().map(|line| -> Vec<Cell> {
            let words = [&line.moment.offset, &line.by, &line.option, &line.because, &line.asked];
            words.into_iter().map(|word| word.clone().into()).chain([Cell::events([line.seq])]).collect()
        });
        section = section.with(Table::new("The decisions that the team recorded", columns).of(rows));
    }
    section.with(Block::Opens(debrief.decisions.clone()))
}

pub(in crate::report::render) fn response(debrief: &Debrief) -> Section {
    let response = &debrief.response;
    let columns =
        [("Role", Holds::Name), ("Held by", Holds::Words), ("From", Holds::Figure), ("To", Holds::Figure)];
    let roles = response
        .roles
        .iter()
        .map(|line| [&line.role, &line.person, &line.from.offset, &line.to.offset].map(String::as_str));
    let section = Section::new("Response")
        .headed("Roles")
        .table_or(Table::new("Who held which role when", columns).of(roles), page::NO_ROLE)
        .pictures(plots::roles(&debrief.plots), page::ROLES)
        .asks(page::ASK_ROLES)
        .headed("Log and actions")
        .table_or(
            Table::lines("Log entries and operations on the target", &response.actions, false),
            page::NO_ACTION,
        )
        .pictures(plots::actions(&debrief.plots), page::ACTIONS)
        .asks(page::ASK_ACTIONS)
        .headed("Broadcasts")
        .table_or(Table::lines("Status updates", &response.broadcasts, false), page::NO_BROADCAST)
        .pictures(plots::status(&debrief.plots), page::STATUS_AGE)
        .asks(page::ASK_BROADCASTS)
        .headed("Tickets");
    tickets(section, debrief)
}

pub(in crate::report::render) fn tickets(mut section: Section, debrief: &Debrief) -> Section {
    if debrief.response.tickets.is_empty() {
        return section.says(page::NO_TICKET);
    }
    for ticket in &debrief.response.tickets {
        section = section
            .with(Block::Minor(format!("{} {}", ticket.id, ticket.title)))
            .with(Block::Fields(ticket.fields.clone()));
        if !ticket.text.is_empty() {
            section = section.says(ticket.text.clone());
        }
        let caption = format!("What was done to {}", ticket.id);
        section = section.with(Table::lines(&caption, &ticket.entries, false));
    }
    section
}
