//! The trainer after EndEx: grades, blind until they are handed in; then the talk, step by step, and what comes of it.

use super::{Look, Visit, forms, html as answer, line, shell};
use crate::{
    console::api::Answer,
    drill::event::{Event, Hat},
    report::{
        Journal,
        debrief::{Compared, Debrief, Open},
        follow_up::CorrectiveAction,
        grading::{GradingRow, GradingSheet},
        render,
        walk::{self, Part, Step},
        wording::{page::WALK, tame},
    },
    scenario::review::{ActionKind, CHECKS, Day, Rating, Section},
};
use axum::{
    extract::{Query, rejection::QueryRejection},
    response::Response,
};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;

const GRADE: &str = "/trainer/grade";
const TALK: &str = "/trainer/talk";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    step: usize,
}

/// The journal of a drill that has ended, for a trainer; to everybody else there is nothing here.
fn ended<'a>(visit: &Visit, look: &Look<'a>) -> Result<Option<Journal<'a>>, Answer> {
    if visit.caller.hat != Hat::Trainer {
        return Err(Answer::nothing_here());
    }
    let journal = Journal::new(&look.snapshot.events).map_err(|_| Answer::not_planned())?;
    Ok(Some(journal).filter(|journal| journal.ended().is_some()))
}

fn too_early() -> Markup {
    html! { div class="reading" { p class="empty" { "Grades and the talk begin after EndEx. Until then, note what you see on the board." } } }
}

pub(super) async fn grade(visit: Visit) -> Result<Response, Answer> {
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let main = match ended(&visit, &look)? {
        None => too_early(),
        Some(journal) => grading_page(&GradingSheet::of(&journal, &visit.caller.person)),
    };
    Ok(answer(&shell::page(&look, "/grade", &main)))
}

fn grading_page(sheet: &GradingSheet) -> Markup {
    html! {
        div class="reading" {
            @if sheet.handed_in {
                p class="soft" { "Your grades are in. Where you and the measurement see different things, there is something to talk about." }
                @if let Some(why) = &sheet.unscored { p class="pill" { "Nothing is scored: " (tame(why)) } }
            } @else {
                p class="soft" { "Grade what you saw. The measured figures are shown once you hand your grades in; you can change a grade until then. What you did not see, leave out." }
            }
            @let next = sheet.rows.iter().find(|row| row.given.is_none()).map(|row| row.name);
            @for row in &sheet.rows { (dimension(row, sheet.handed_in, next == Some(row.name))) }
            @if !sheet.unclear.is_empty() { (unclear(sheet)) }
            @if sheet.handed_in { (invalidate()) } @else { (hand_in()) }
            p { a class={ "button " @if sheet.handed_in { "primary" } @else { "quiet" } } href=(TALK) { "Lead the talk" } }
        }
    }
}

/// One dimension. The next one to be graded stands open.
fn dimension(row: &GradingRow, handed_in: bool, next: bool) -> Markup {
    html! {
        section class="card dimension" id={ "d-" (row.name) } {
            h2 { (row.name) }
            p { (row.asks) }
            @if let Some((rating, because)) = &row.given {
                p { b { (rating) } " " span class="soft" { (rating.means()) } ": " (tame(because)) }
            }
            @if let Some(beside) = &row.beside {
                p { b { (render::figure(beside.measured)) } " measured. " (tame(&beside.sentence)) }
                @if let Some(together) = &beside.together {
                    p class={ @if together.score.is_none() { "pill bad" } } { (together.sentence) }
                }
            }
            @if !handed_in {
                details class="more" open[next] {
                    summary { @if row.given.is_some() { "Change it" } @else { "Grade it" } }
                    form data-post="/api/review" data-then=(GRADE) {
                        input type="hidden" name="grade.dimension" value=(row.name);
                        fieldset {
                            legend class="hush" { "Grade" }
                            @for rating in Rating::ALL {
                                label class="check" {
                                    input type="radio" name="grade.rating" value=(rating) required;
                                    span { b { (rating) } " " (rating.means()) }
                                }
                            }
                        }
                        label { span { "What you saw" } textarea name="grade.because" rows="2" required maxlength="2000" {} }
                        (forms::send("Keep this grade", "primary"))
                    }
                }
            }
        }
    }
}

fn hand_in() -> Markup {
    html! {
        section class="card" {
            h2 { "Hand in" }
            form data-post="/api/review" data-then=(GRADE) {
                label { span { "The exercise in a sentence" } textarea name="hand-in.overall" rows="2" required maxlength="2000" {} }
                label class="check" { input type="checkbox" required; span { "My grades stand from here on" } }
                (forms::send("Hand my grades in", "primary"))
            }
        }
    }
}

/// A figure that does not hold is left out; none is put in its place.
fn invalidate() -> Markup {
    html! {
        details class="card" {
            summary { "A check does not hold \u{2026}" }
            form data-post="/api/review" data-then=(GRADE) {
                label { span { "Check" } select name="invalidate.check" required {
                    @for check in CHECKS { option value=(check) { (check) } }
                } }
                label { span { "Why" } textarea name="invalidate.because" rows="2" required maxlength="2000" placeholder="They logged on paper: the console was away" {} }
                (forms::send("Leave it out", "danger"))
            }
        }
    }
}

/// Two buttons that say yes or no.
fn yes_or_no(fields: &[(&str, &str)], answer: &str, then: &str, words: [&str; 2]) -> Markup {
    html! {
        @for (value, word) in [("yes", words[0]), ("no", words[1])] {
            form data-post="/api/review" data-then=(then) class="inline" {
                @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
                input type="hidden" name={ (answer) ":yes" } value=(value);
                button class="quiet" { (word) } output role="status" {}
            }
        }
    }
}

fn unclear(sheet: &GradingSheet) -> Markup {
    html! {
        section class="card" {
            h2 { "Needs a reader" }
            p { "The team answered: \u{201c}" (tame(&sheet.answer)) "\u{201d}. Does that state what follows?" }
            ul class="plain" {
                @for one in &sheet.unclear {
                    li class="row" {
                        span {
                            (tame(&one.says))
                            @if let Some(stated) = one.stated { " " span class="tag" { @if stated { "read as stated" } @else { "read as not stated" } } }
                        }
                        span { (yes_or_no(&[("read.fact", &one.fact)], "read.stated", GRADE, ["It does", "It does not"])) }
                    }
                }
            }
        }
    }
}

pub(super) async fn talk(
    visit: Visit,
    place: Result<Query<Place>, QueryRejection>,
) -> Result<Response, Answer> {
    let Query(place) = place?;
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let main = match ended(&visit, &look)? {
        None => too_early(),
        Some(journal) => {
            let sheet = GradingSheet::of(&journal, &visit.caller.person);
            let debrief = visit.caller.debrief(&journal);
            let steps = walk::walk(&journal, &debrief);
            let step = place.step.min(steps.len() - 1);
            step_page(&look, &steps, step, &debrief, &sheet)
        }
    };
    Ok(answer(&shell::page(&look, "/talk", &main)))
}

fn step_page(look: &Look<'_>, steps: &[Step], at: usize, debrief: &Debrief, sheet: &GradingSheet) -> Markup {
    let step = &steps[at];
    let to = |step: usize| format!("{TALK}?step={step}");
    html! {
        div class="reading" {
            p class="soft" { "Step " (at + 1) " of " (steps.len()) }
            h2 { (step.title) }
            p class="pill" { (step.ask) }
            @if at == 0 { div class="card wide" tabindex="0" role="group" aria-label="Picture: the whole drill" { (PreEscaped(render::strip(&debrief.strip))) } }
            @match step.part {
                Part::Story => (story(look, step)),
                Part::Severity => (severity(debrief)),
                Part::Reveal => (reveal(debrief)),
                Part::Figures => (figures(debrief, sheet)),
                Part::Plan => (plan(debrief, sheet)),
            }
            p class="row" {
                @if at > 0 { a class="button quiet" rel="prev" href=(to(at - 1)) { "Back" } }
                @if at + 1 < steps.len() { a class="button primary" rel="next" href=(to(at + 1)) { (steps[at + 1].title) " \u{2192}" } }
            }
        }
    }
}

fn story(look: &Look<'_>, step: &Step) -> Markup {
    let noted = |seq: u64| {
        let index = usize::try_from(seq).unwrap_or(usize::MAX);
        look.snapshot.events.get(index).is_some_and(|one| matches!(one.event, Event::Observed { .. }))
    };
    html! {
        @if step.rows.is_empty() { p class="empty" { "Nothing happened that anybody could see." } }
        ol class="lines walk" {
            @for row in &step.rows {
                li class={ "lane-" (row.lane.as_str()) @if noted(row.seq) { " called" } } {
                    span class="offset" { (row.moment.offset) }
                    p { (line::commands(&tame(&row.text))) }
                    span class="seq" { "#" (row.seq) }
                }
            }
        }
    }
}

fn severity(debrief: &Debrief) -> Markup {
    html! {
        section class="card" {
            h3 { "How bad the team held it to be" }
            @if debrief.severity.is_empty() { p class="empty" { "No checklist was asked." } }
            dl class="pairs" { @for line in &debrief.severity { dt { (line.question) } dd { (tame(&line.answer)) } } }
        }
        section class="card" {
            h3 { "What it decided" }
            @if debrief.decided.is_empty() { p class="empty" { "No decision was recorded." } }
            ul class="plain" { @for line in &debrief.decided {
                li { (line.moment.offset) " " b { (line.option) } ": " (tame(&line.because)) span class="soft" { " (asked: " (tame(&line.asked)) ")" } }
            } }
        }
    }
}

fn reveal(debrief: &Debrief) -> Markup {
    let reveal = &debrief.reveal;
    html! {
        section class="card" {
            p { (tame(&reveal.summary)) }
        }
        @for (title, rows) in [("The cause", &reveal.compared), ("How bad it was", &reveal.severity), ("What could have been done", &reveal.ladder)] {
            @if !rows.is_empty() { (beside(title, rows)) }
        }
        section class="card" {
            h3 { "What was true" }
            ul class="dots" { @for fact in &reveal.facts { li { (tame(fact)) } } }
            @if !reveal.contributing.is_empty() {
                h3 { "What let it happen" }
                ul class="dots" { @for one in &reveal.contributing { li { (tame(one)) } } }
            }
            @if !reveal.claims.is_empty() {
                h3 { "Guesses on the way" }
                ul class="dots" { @for claim in &reveal.claims { li { (claim.moment.offset) " " (tame(&claim.text)) span class="soft" { " \u{2013} " (claim.nearness) } } } }
            }
        }
    }
}

/// What the team said beside what was true.
fn beside(title: &str, rows: &[Compared]) -> Markup {
    html! {
        section class="card" {
            h3 { (title) }
            div class="scroll" tabindex="0" role="group" aria-label=(title) { table {
                thead { tr { td {} th scope="col" { "The team said" } th scope="col" { "True" } } }
                tbody { @for row in rows {
                    tr { th scope="row" { (row.name) } td { (line::commands(&tame(&row.claimed))) } td { (line::commands(&tame(&row.actual))) } }
                } }
            } }
        }
    }
}

fn figures(debrief: &Debrief, sheet: &GradingSheet) -> Markup {
    if !sheet.handed_in {
        return html! { p { "Grades are blind: " a href=(GRADE) { "hand yours in" } ", and the figures are shown here." } };
    }
    html! {
        @for row in sheet.rows.iter().filter(|row| row.given.is_some() || row.beside.is_some()) { (dimension(row, true, false)) }
        @if !debrief.score.questions.is_empty() {
            section class="card" { h3 { "Worth a talk" } ul class="dots" { @for question in &debrief.score.questions { li { (question) } } } }
        }
    }
}

fn plan(debrief: &Debrief, sheet: &GradingSheet) -> Markup {
    let here = format!("{TALK}?step={}", WALK.len() - 1);
    let opens: Vec<&Open> = debrief.reflections.iter().chain(&debrief.lessons).collect();
    html! {
        @let next = opens.iter().position(|open| open.filled.is_none());
        @for (at, (section, open)) in Section::ALL.iter().zip(opens).enumerate() { (written(*section, open, next == Some(at), &here)) }
        @if !sheet.objectives.is_empty() {
            section class="card" {
                h3 { "Objectives" }
                ul class="plain" { @for one in &sheet.objectives {
                    li class="row" {
                        span { (tame(&one.text)) @if let Some(met) = one.met { " " span class="tag" { @if met { "met" } @else { "not met" } } } }
                        span { (yes_or_no(&[("objective.number:number", &one.number.to_string())], "objective.met", &here, ["Met", "Not met"])) }
                    }
                } }
            }
        }
        (actions(debrief, &here))
        section class="card" {
            h3 { "Take it along" }
            p { "The debrief with everything that is written here." }
            p class="row exports" {
                @for (form, name) in [("html", "One page (HTML)"), ("pdf", "PDF"), ("md", "Markdown"), ("json", "JSON")] {
                    a class="button quiet" href={ "/trainer/debrief?form=" (form) } download={ "debrief-" (debrief.header.drill) "." (form) } { (name) }
                }
            }
        }
    }
}

/// One section in the team's words. The next one to be written stands open.
fn written(section: Section, open: &Open, next: bool, here: &str) -> Markup {
    html! {
        section class="card" {
            h3 { (open.name) }
            p class="soft" { (open.question) }
            @if let Some(filled) = &open.filled { p { (tame(&filled.text)) @for seq in &filled.evidence { " #" (seq) } } }
            details class="more" open[next] {
                summary { @if open.filled.is_some() { "Write it anew" } @else { "Write" } }
                form data-post="/api/review" data-then=(here) {
                    input type="hidden" name="write.section" value=(section);
                    label { span { "In the team\u{2019}s words" } textarea name="write.text" rows="2" required maxlength="2000" {} }
                    label { span { "Events that show it" } input name="write.evidence:list" inputmode="numeric" placeholder="41, 52" autocomplete="off"; }
                    (forms::send("Keep", "primary"))
                }
            }
        }
    }
}

fn actions(debrief: &Debrief, here: &str) -> Markup {
    html! {
        section class="card" {
            h3 { "Improvement plan" }
            p class="soft" { (debrief.improvement_plan.question) }
            ul class="dots" { @for one in &debrief.actions { (action(one)) } }
            form data-post="/api/review" data-then=(here) {
                label { span { "Corrective action" } textarea name="follow-up.action" rows="2" required maxlength="2000" {} }
                label { span { "What it answers" } input name="follow-up.issue" maxlength="2000" autocomplete="off"; }
                div class="two" {
                    label { span { "Owner: a role or a team" } input name="follow-up.owner" maxlength="200" autocomplete="off"; }
                    label { span { "Due" } input type="date" name="follow-up.due"; }
                }
                div class="two" {
                    label { span { "Type" } select name="follow-up.type" {
                        option value="" { "not said" }
                        @for kind in ActionKind::ALL { option value=(kind.as_str()) { (kind.as_str()) } }
                    } }
                    label { span { "Ticket" } input name="follow-up.ticket" maxlength="200" autocomplete="off"; }
                }
                (forms::send("Add it", "primary"))
            }
        }
    }
}

fn action(one: &CorrectiveAction) -> Markup {
    let wanted = &one.wanted;
    let said = [
        ("", wanted.kind.map(ActionKind::as_str)),
        ("owner ", wanted.owner.as_deref()),
        ("ticket ", wanted.ticket.as_deref()),
        ("due ", wanted.due.as_ref().map(Day::as_str)),
    ];
    let said: Vec<String> =
        said.iter().filter_map(|(what, said)| said.map(|said| format!("{what}{}", tame(said)))).collect();
    html! {
        li { b { (tame(&wanted.action)) } @if !said.is_empty() { span class="soft" { " \u{2013} " (said.join(", ")) } } }
    }
}
