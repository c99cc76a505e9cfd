//! The sections from the reveal on.

use crate::{
    report::{
        debrief::Debrief,
        follow_up::CorrectiveAction,
        render::{
            document::{Block, Cell, EVENTS_MAX, Holds, Section, Table, Voice},
            figure, plots,
        },
        score::{Check, Score, State},
        wording::{self, grades, page},
    },
    scenario::{
        Profile,
        review::{ActionKind, Day},
    },
};

/// From here on a check is a strength.
const STRONG: f64 = 0.9;
/// Most strengths that are named.
const STRENGTHS_MAX: usize = 3;

pub(in crate::report::render) fn reveal(debrief: &Debrief) -> Section {
    let reveal = &debrief.reveal;
    let mut section = Section { reveals: true, ..Section::new(page::REVEAL) }
        .notes(page::REVEAL_NOTE)
        .with(Block::Paragraph(Voice::Told, reveal.summary.clone()))
        .with(Table::compared(
            ("The team\u{2019}s last answer beside the truth", "The cause", "Truth"),
            &reveal.compared,
        ));
    if !reveal.severity.is_empty() {
        let heads = ("The severity checklist: answered and declared", "Severity checklist", "Declared");
        section = section.with(Table::compared(heads, &reveal.severity));
    }
    section = section
        .lists_under("What was true of it", &reveal.facts)
        .lists_under("What let it happen", &reveal.contributing)
        .lists_under("How it spread", &reveal.spread)
        .pictures(plots::spread(&debrief.plots), page::SPREAD)
        .lists_under("Who owns the part", &reveal.owners);
    if !reveal.claims.is_empty() {
        let columns = [("T+", Holds::Figure), ("It said", Holds::Words), ("It was", Holds::Figure)];
        let rows = reveal
            .claims
            .iter()
            .map(|claim| [&claim.moment.offset, &claim.text, &claim.nearness].map(String::as_str));
        section = section
            .headed("Guesses and answers on the way")
            .with(Table::new(page::BLIND_ALLEYS, columns).of(rows));
    }
    section.headed("What was injected").table_or(injected(debrief), page::NO_FAULT)
}

fn injected(debrief: &Debrief) -> Table {
    let columns = [("Fault", Holds::Name), ("Planned by", Holds::Words), ("Its states", Holds::Words)];
    let rows = debrief.reveal.injections.iter().map(|one| {
        let by = if one.related { one.injector.clone() } else { page::noise(&one.injector) };
        [one.fault.clone(), by, one.history.join(", ")]
    });
    Table::new("Every fault with its history", columns).of(rows)
}

/// What could be known when, and what that means for the decisions.
pub(in crate::report::render) fn knowable(debrief: &Debrief) -> Section {
    let (plots, reveal) = (&debrief.plots, &debrief.reveal);
    let mut section = Section::new("What could be known when");
    if !plots.milestones.is_empty() {
        let columns = [("Milestone", Holds::Name), ("Passed", Holds::Words)];
        let rows = plots.milestones.iter().map(|one| [page::milestone(&one.name), one.says.clone()]);
        section = section.with(Table::new(page::MILESTONES, columns).of(rows));
    }
    if !reveal.ladder.is_empty() {
        let columns =
            [("Decision ladder", Holds::Name), ("The team", Holds::Words), ("Declared", Holds::Words)];
        let rows = reveal.ladder.iter().map(|row| [&row.name, &row.claimed, &row.actual].map(String::as_str));
        section = section
            .with(Table::new("The decision ladder: chosen and declared", columns).of(rows))
            .pictures(plots::ladder(plots), page::LADDER);
    }
    section
}

pub(in crate::report::render) fn resolution(debrief: &Debrief) -> Section {
    Section::new("Resolution")
        .says(debrief.resolution.clone())
        .pictures(plots::failures(&debrief.plots), page::FAILURES)
        .asks(page::ASK_RESOLUTION)
}

pub(in crate::report::render) fn reflections(debrief: &Debrief) -> Section {
    let strong = strengths(&debrief.score);
    let mut section = Section::new("Well, poorly, lucky, surprised");
    if !strong.is_empty() {
        section = section.says(page::STRENGTHS).lists(strong);
    }
    section.with(Block::Opens(debrief.reflections.clone()))
}

/// What went best by the journal, as a beginning: the heaviest checks with a high figure.
fn strengths(score: &Score) -> Vec<String> {
    let weight = |check: &Check| {
        let dimension = score.dimensions.iter().find(|one| one.name == check.dimension);
        dimension.map_or(0.0, |one| one.weights.of(score.profile)) * check.weight
    };
    let all = score.dimensions.iter().flat_map(|one| &one.checks);
    let mut strong: Vec<&Check> =
        all.filter(|check| check.score.is_some_and(|value| value >= STRONG)).collect();
    strong.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.id.cmp(&b.id)));
    strong.into_iter().take(STRENGTHS_MAX).map(|check| wording::tame(&check.sentence)).collect()
}

pub(in crate::report::render) fn talk(debrief: &Debrief) -> Option<Section> {
    let questions = &debrief.score.questions;
    (!questions.is_empty()).then(|| Section::new(page::TALK_ABOUT).with(Block::Steps(questions.clone())))
}

pub(in crate::report::render) fn card(debrief: &Debrief) -> Section {
    let columns = [("Question", Holds::Name), ("About", Holds::Words), ("Answer", Holds::Figure)];
    let rows = debrief.scorecard.iter().map(|line| {
        let answer = page::card_answer(line.answer);
        [line.question.as_str(), line.about.as_str(), answer]
    });
    Section::new("Scorecard").with(Table::new(page::CARD, columns).of(rows))
}

pub(in crate::report::render) fn lessons(debrief: &Debrief) -> Section {
    Section::new("Lessons").with(Block::Opens(debrief.lessons.clone()))
}

/// What was agreed, or lines to write it on.
pub(in crate::report::render) fn improvement(debrief: &Debrief) -> Section {
    let section = Section::new("Improvement plan").lists(debrief.objectives.iter().map(grades::objective));
    if !debrief.actions.is_empty() {
        return section.with(agreed(&debrief.actions));
    }
    section.with(Block::Opens(vec![debrief.improvement_plan.clone()])).with(blank()).notes(page::TO_THE_LIST)
}

/// Corrective actions that are still to be written down.
pub(in crate::report::render) fn blank() -> Table {
    let row: [&str; 6] = [""; 6];
    let heads = ["Issue", "Corrective action", "Type", "Owner role", "Ticket", "Due"];
    Table::new("To be agreed by the team", heads.map(|head| (head, Holds::Room))).of([row; 3])
}

/// Corrective actions as a table.
pub(in crate::report::render) fn agreed(actions: &[CorrectiveAction]) -> Table {
    let columns = [
        ("Id", Holds::Name),
        ("Issue", Holds::Words),
        ("Corrective action", Holds::Words),
        ("Type", Holds::Words),
        ("Owner role", Holds::Words),
        ("Ticket", Holds::Words),
        ("Due", Holds::Figure),
        ("How it stands", Holds::Words),
    ];
    let rows = actions.iter().map(|action| {
        let wanted = &action.wanted;
        [
            action.id.to_string(),
            page::or_open(wanted.issue.as_deref()),
            wanted.action.clone(),
            page::or_open(wanted.kind.map(ActionKind::as_str)),
            page::or_open(wanted.owner.as_deref()),
            page::or_open(wanted.ticket.as_deref()),
            page::or_open(wanted.due.as_ref().map(Day::as_str)),
            page::action_stands(action),
        ]
    });
    Table::new("Corrective actions that were agreed on", columns).of(rows)
}

pub(in crate::report::render) fn hints(debrief: &Debrief) -> Section {
    let section = Section::new("Hints").says(page::HINTS_ARE_FREE);
    if debrief.hints.is_empty() {
        return section.says(page::NO_HINT);
    }
    section.lists(debrief.hints.iter().map(|hint| format!("{} `{}`", hint.moment.offset, hint.pointer)))
}

pub(in crate::report::render) fn questions(debrief: &Debrief) -> Option<Section> {
    let lines = debrief.questions.iter().map(|question| {
        let asked = question.asked.as_ref();
        asked.map_or_else(|| question.text.clone(), |asked| page::asked_at(&question.text, &asked.offset))
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| Section::new("Question bank").lists(lines))
}

pub(in crate::report::render) fn thanks(debrief: &Debrief) -> Section {
    Section::new("Acknowledgements").says(debrief.acknowledgements.clone())
}

pub(in crate::report::render) fn capabilities(debrief: &Debrief) -> Section {
    let score = &debrief.score;
    let section = Section::new("Capabilities");
    if let Some(why) = &score.unscored {
        return section.says(page::nothing_scored(why));
    }
    let columns = [
        ("Capability", Holds::Name),
        ("Figure", Holds::Figure),
        ("In words", Holds::Words),
        ("understand-first", Holds::Figure),
        ("restore-first", Holds::Figure),
    ];
    let rows = score.dimensions.iter().map(|dimension| {
        let by = |profile| {
            let (found, weight) = (dimension.figures.of(profile), dimension.weights.of(profile));
            format!("{} (weighs {weight:.2})", figure(found))
        };
        [
            dimension.name.as_str().to_owned(),
            figure(dimension.score),
            dimension.sentence.clone(),
            by(Profile::UnderstandFirst),
            by(Profile::RestoreFirst),
        ]
    });
    let section = section
        .notes(page::ABOUT_SCORES)
        .says(page::profile_and_scorer(score.profile, score.scorer))
        .pictures(plots::capabilities(score), page::CAPABILITIES)
        .with(Table::new("Figures and weights of both profiles side by side", columns).of(rows));
    let graded = graded(score);
    if graded.rows.is_empty() {
        return section;
    }
    section.headed("Graded by trainers").notes(grades::GRADED).with(graded)
}

/// What trainers gave, beside what was measured.
fn graded(score: &Score) -> Table {
    let columns = [
        ("Capability", Holds::Name),
        ("Measured", Holds::Figure),
        ("Grades", Holds::Figure),
        ("Half and half", Holds::Figure),
        ("In words", Holds::Words),
        ("Grade", Holds::Events),
    ];
    let both = score.dimensions.iter().filter_map(|one| Some((one, one.together.as_ref()?)));
    let rows = both.map(|(one, together)| -> Vec<Cell> {
        let letters: Vec<_> = one.grades.iter().map(|grade| grade.rating.as_str()).collect();
        let seen =
            one.grades.iter().map(|grade| format!(" \u{201c}{}\u{201d}", wording::tame(&grade.because)));
        let half = together.score.map_or_else(|| "disagreement".to_owned(), |half| figure(Some(half)));
        vec![
            one.name.as_str().into(),
            figure(one.score).into(),
            letters.join(", ").into(),
            half.into(),
            format!("{}{}", together.sentence, seen.collect::<String>()).into(),
            Cell::events(one.grades.iter().map(|grade| grade.seq)),
        ]
    });
    Table::new("Trainers beside the measurement", columns).of(rows)
}

/// Every check; nothing when nothing is scored.
pub(in crate::report::render) fn checks(debrief: &Debrief) -> Option<Section> {
    if debrief.score.dimensions.is_empty() {
        return None;
    }
    let columns = [
        ("Check", Holds::Name),
        ("Figure", Holds::Figure),
        ("Finding", Holds::Words),
        ("Evidence", Holds::Events),
    ];
    let all = debrief.score.dimensions.iter().flat_map(|dimension| &dimension.checks);
    let rows = all.map(|check| -> Vec<Cell> {
        let value = if check.score.is_some() { figure(check.score) } else { state(&check.state).to_owned() };
        vec![
            check.id.clone().into(),
            value.into(),
            page::finding(&check.sentence, check.question.as_deref()).into(),
            Cell::events(check.evidence.iter().copied().take(EVENTS_MAX)),
        ]
    });
    Some(Section::new("Appendix: every check").with(Table::new(page::EVIDENCE, columns).of(rows)))
}

/// How a check's state is called.
fn state(state: &State) -> &'static str {
    match state {
        State::Scored => "scored",
        State::NotApplicable { .. } => "not applicable",
        State::Unknown { .. } => "unknown",
        State::Censored { .. } => "censored",
        State::Invalid { .. } => "invalid",
    }
}
