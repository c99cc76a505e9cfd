//! What trainers and the team wrote after EndEx, on the page: grades beside figures, objectives, the improvement plan.

use super::{figure, html::words};
use crate::report::{
    debrief::{Action, JudgedObjective},
    score::Score,
};
use maud::{Markup, html};

/// Grades beside the measurement; nothing where nobody graded.
pub(super) fn grades(score: &Score) -> Markup {
    let graded = || score.dimensions.iter().filter_map(|one| Some((one, one.together.as_ref()?)));
    html! {
        @if graded().next().is_some() {
            section {
                h2 { "Graded by trainers" }
                p class="note" { "Trainers graded before they saw a figure. Where both are near each other, half and half is taken; where they are not, there is something to talk about." }
                div class="scroll" {
                    table {
                        thead { tr {
                            th scope="col" { "Capability" } th scope="col" class="r" { "Measured" } th scope="col" { "Grades" }
                            th scope="col" class="r" { "Half and half" } th scope="col" { "In words" }
                        } }
                        tbody {
                            @for (one, together) in graded() {
                                tr {
                                    th scope="row" { (one.name.as_str()) }
                                    td class="num r" { (figure(one.score)) }
                                    td { @for grade in &one.grades { b { (grade.rating) } " " } }
                                    td class="num r" {
                                        @if together.score.is_some() { (figure(together.score)) } @else { span class="state" { "disagreement" } }
                                    }
                                    td {
                                        (together.sentence)
                                        @for grade in &one.grades { p class="note" { "\u{201c}" (words(&grade.because)) "\u{201d} #" (grade.seq) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The objectives as a trainer saw them.
pub(super) fn objectives(judged: &[JudgedObjective]) -> Markup {
    html! {
        @if !judged.is_empty() {
            ul { @for one in judged {
                li {
                    b { @if one.met { "Objective met: " } @else { "Objective not met: " } } (words(&one.text))
                    @if !one.because.is_empty() { span class="note" { " " (words(&one.because)) } }
                }
            } }
        }
    }
}

/// The improvement plan, with a dash for what is still to be agreed on.
pub(super) fn plan(actions: &[Action]) -> Markup {
    let given = |field: &Option<String>| html! { td { @match field { Some(text) => (words(text)), None => "\u{2013}" } } };
    html! {
        div class="scroll" {
            table {
                thead { tr {
                    @for head in ["Corrective action", "Type", "Owner role", "Ticket", "Due"] { th scope="col" { (head) } }
                } }
                tbody {
                    @for one in actions {
                        tr { td { (words(&one.action)) } (given(&one.kind)) (given(&one.owner)) (given(&one.ticket)) (given(&one.due)) }
                    }
                }
            }
        }
    }
}
