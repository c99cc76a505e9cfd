//! One page of paper: one line, metadata, impact claimed and measured, what went well, poorly and by luck, corrective actions.

use super::{Block, Debrief, Document, Open, Section, after, field, glance, paper, whole};
use crate::report::{render::document::Table, wording::page};

pub(super) fn brief(debrief: &Debrief) -> Document {
    let mut document = paper(debrief, "brief");
    document.lead.push(Block::Facts(whole::facts(debrief)));
    let mut impact = Section::new("Impact").says(debrief.impact.measured.clone());
    if !debrief.impact.times.is_empty() {
        let heads = ("When users were harmed, and how many", "Figure", "Measured");
        let rows: Vec<_> = debrief.impact.times.iter().chain(&debrief.impact.shares).cloned().collect();
        impact = impact.with(Table::compared(heads, &rows));
    }
    let cause = Section::new("Cause and repair").with(Block::Fields(vec![
        field("Cause", debrief.reveal.summary.clone()),
        field("The team\u{2019}s answer", answer(debrief)),
        field("Repair", debrief.resolution.clone()),
        field("Noticed", debrief.detection.text.clone()),
        field("Coordinated by", glance(debrief, "Incident coordinators")),
    ]));
    // Questions without room for answers: this is the sheet that is handed out afterwards.
    let asked = debrief.reflections.iter().filter(|open| open.name != "Surprised");
    let said =
        |open: &Open| open.filled.as_ref().map_or_else(|| open.question.clone(), |one| one.text.clone());
    let asked = asked.map(|open| field(&open.name, said(open))).collect();
    document.sections = vec![impact, cause, Section::new("Well, poorly, lucky").with(Block::Fields(asked))];
    document.sections.extend(after::talk(debrief));
    let actions = if debrief.actions.is_empty() { after::blank() } else { after::agreed(&debrief.actions) };
    document.sections.push(Section::new("Corrective actions").with(actions));
    document.sheet = true;
    document
}

fn answer(debrief: &Debrief) -> String {
    let claimed = debrief.reveal.compared.iter().filter(|row| row.claimed != page::NOT_CLAIMED);
    let words: Vec<_> = claimed.map(|row| row.claimed.clone()).collect();
    if words.is_empty() { page::NOT_CLAIMED.to_owned() } else { words.join(", ") }
}
