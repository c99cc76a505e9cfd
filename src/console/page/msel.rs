//! The plan as a picture: one row for each step, in order, with its place between StartEx and the drill's limit.

use super::{Look, parts};
use crate::{
    base::Span,
    drill::plan::{Plan, Step, StepKind},
    report::wording::{cut, tame},
    scenario::AlarmSeverity,
};
use maud::{Markup, html};

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 16.0;
/// Least width of what is drawn.
const MARK: f64 = 8.0;
/// Rows that are drawn.
const ROWS: usize = 60;

struct Row {
    kind: &'static str,
    at: Option<Span>,
    until: Option<Span>,
    held: bool,
    text: String,
}

pub(super) fn msel(look: &Look<'_>) -> Markup {
    let limit = look.plan.duration.limit;
    // Moved on in steps of a hundredth, so that the picture changes only when one would see it.
    let now = look.snapshot.events.last().map_or(look.board.start, |last| last.at);
    let share = now.since(look.board.start).secs() / limit.secs();
    let now = (now > look.board.start && share <= 1.0).then(|| (share * 100.0).floor() / 100.0 * WIDTH);
    html! {
        (parts::heading("msel", "The plan"))
        (picture(look.plan, now))
    }
}

/// A plan's rows; `now` is where a drill has got to.
pub(super) fn picture(plan: &Plan, now: Option<f64>) -> Markup {
    let limit = plan.duration.limit;
    let steps = plan.msel();
    let rows: Vec<Row> = steps.iter().filter_map(|step| row(step, limit)).collect();
    html! {
        ol class="msel" {
            @for row in rows.iter().take(ROWS) {
                li class={ "step-" (row.kind) @if row.held { " held" } } {
                    span class="offset" { @match row.at { Some(at) if row.held => { "~T+" (at) }, Some(at) => { "T+" (at) }, None => "measured" } }
                    p { span class="tag" { (row.kind) } " " (row.text) }
                    (track(row, limit, now))
                }
            }
        }
        @if rows.len() > ROWS { p class="soft" { (rows.len() - ROWS) " more steps" } }
        @if !plan.second_act.is_empty() {
            p class="soft" { "Held back for a second act: "
                @for (index, one) in plan.second_act.iter().enumerate() { @if index > 0 { ", " } (one.fault.kind()) " on " (one.fault.place()) } }
        }
        div class="soft axis" { p { span { "StartEx" } span { "limit T+" (limit) } } }
        p class="soft" { "A good team has service back by T+" (plan.duration.par) "." }
    }
}

fn track(row: &Row, limit: Span, now: Option<f64>) -> Markup {
    let x = |span: Span| (span.secs() / limit.secs()).clamp(0.0, 1.0) * WIDTH;
    html! {
        svg class="track" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
            line class="rule" x1="0" x2=(WIDTH) y1=(HEIGHT / 2.0) y2=(HEIGHT / 2.0) {}
            @if let Some(at) = row.at {
                @let width = row.until.map_or(MARK, |until| (x(until) - x(at)).max(MARK));
                rect x={ (format!("{:.1}", x(at).min(WIDTH - MARK))) } y="3" width={ (format!("{width:.1}")) } height=(HEIGHT - 6.0) rx="2" {}
            }
            @if let Some(now) = now { line class="now" x1=(now) x2=(now) y1="0" y2=(HEIGHT) vector-effect="non-scaling-stroke" {} }
        }
    }
}

/// What is said of a step; nothing for a fault's end, which the fault's own row draws.
fn row(step: &Step, limit: Span) -> Option<Row> {
    let plain = |kind, text: String| Row { kind, at: step.at, until: None, held: false, text: tame(&text) };
    Some(match &step.what {
        StepKind::Fault(one) => {
            let until = Some(one.until.unwrap_or(limit));
            Row { until, ..plain("fault", format!("{} on {}", one.fault.kind(), one.fault.place())) }
        }
        StepKind::FaultEnds(_) => return None,
        StepKind::Alarm { name, severity } => {
            let loud = match severity {
                AlarmSeverity::Page => "page",
                AlarmSeverity::Warning => "warning",
                AlarmSeverity::Info => "info",
            };
            plain("alarm", format!("{name} ({loud})"))
        }
        StepKind::Message(inject) => {
            let text = format!("{} to {}: {}", inject.from, inject.to, cut(&inject.text, 90));
            Row { held: inject.held, ..plain("inject", text) }
        }
    })
}
