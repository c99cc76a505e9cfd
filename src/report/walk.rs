//! The talk after a drill, step by step: forward through time with what was seen at each moment, then the truth, then
//! figures, then what is to be done. A step is a page to talk about; nothing of the truth is on one before the reveal.

use super::{
    Journal,
    debrief::{Debrief, TimelineRow},
    timeline::Timeline,
    wording::page::WALK,
};
use crate::{base::At, drill::event::Event};

/// What a step shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A stretch of time.
    Story,
    /// How bad the team held it to be, and what it decided.
    Severity,
    /// The truth.
    Reveal,
    /// Trainers and measurement.
    Figures,
    /// Sections, objectives and corrective actions.
    Plan,
}

/// One step of the talk.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its heading.
    pub title: &'static str,
    /// The question that opens it.
    pub ask: &'static str,
    /// What it shows.
    pub part: Part,
    /// What happened in it, by time; what a trainer noted stands beside the moment that it is about.
    pub rows: Vec<TimelineRow>,
}

/// Every step, in order.
pub fn walk(journal: &Journal<'_>, debrief: &Debrief) -> Vec<Step> {
    let line = Timeline::of(journal);
    let end = journal.end();
    let noticed = line.first_recognition(journal.start()).map_or(end, |mark| mark.at);
    let first_change = line.operations.iter().map(|one| one.mark.at);
    let first_choice = line.decisions.iter().map(|one| one.mark.at);
    let acted = first_change.chain(first_choice).min().map_or(end, |at| at.max(noticed));
    let restored = line.held_restoration().map_or(end, |(mark, _)| mark.at.max(acted));
    let rows = pinned(journal, debrief);
    let mut from = At::from_millis(i64::MIN);
    let mut stretches = [noticed, acted, restored].into_iter().chain([At::from_millis(i64::MAX)]);
    let parts = [Part::Story, Part::Story, Part::Story, Part::Story, Part::Severity, Part::Reveal];
    let parts = parts.into_iter().chain([Part::Figures, Part::Plan]);
    let step = |((title, ask), part): (&(&'static str, &'static str), Part)| {
        let mut within = Vec::new();
        if part == Part::Story
            && let Some(to) = stretches.next()
        {
            within =
                rows.iter().filter(|(at, _)| from <= *at && *at < to).map(|(_, row)| row.clone()).collect();
            from = to;
        }
        Step { title, ask, part, rows: within }
    };
    WALK.iter().zip(parts).map(step).collect()
}

/// The timeline's rows with their times; an observation goes to the moment that it is about.
fn pinned(journal: &Journal<'_>, debrief: &Debrief) -> Vec<(At, TimelineRow)> {
    let event = |seq: u64| journal.events().get(usize::try_from(seq).ok()?);
    let about = |row: &TimelineRow| match &event(row.seq)?.event {
        Event::Observed { about: Some(seq), .. } => event(*seq).map(|one| (one.at, *seq)),
        _ => None,
    };
    let mut rows: Vec<_> = debrief
        .timeline
        .rows
        .iter()
        .map(|row| {
            let (at, seq) = about(row).unwrap_or((row.moment.at, row.seq));
            ((at, seq, row.seq), row.clone())
        })
        .collect();
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|((at, ..), row)| (at, row)).collect()
}
