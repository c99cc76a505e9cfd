//! The four golden signals of each instance of the target, as its own metrics tell them.

use super::{Visit, html as answer, parts, shell};
use crate::{
    console::{
        api::Answer,
        signals::{Signal, Signals},
    },
    report::wording,
};
use axum::response::Response;
use maud::{Markup, html};

/// Places for points in a line, at most and at least.
const WIDTH: f64 = 120.0;
const POINTS_LEAST: usize = 24;
const HEIGHT: f64 = 24.0;

pub(super) async fn page(visit: Visit) -> Result<Response, Answer> {
    let snapshot = visit.snapshot();
    let look = visit.look(&snapshot)?;
    let main = html! {
        div class="reading broad" {
            p class="soft" { "The target\u{2019}s own metrics, read every five seconds; the last ten minutes at most." }
            (parts::place("signals", "card", &rows(&visit.console.signals)))
        }
    };
    Ok(answer(&shell::page(&look, "/signals", &main)))
}

/// One line for each instance.
pub(super) fn rows(signals: &Signals) -> Markup {
    let instances = signals.by_instance();
    html! {
        (parts::heading("signals", "Golden signals"))
        @if instances.is_empty() { p class="empty" { "Nothing was read yet." } }
        @else {
            div class="signals" {
                div class="heads" aria-hidden="true" {
                    span { "Instance" } span { "Traffic" } span { "Errors" } span { "Latency, p95" } span { "In flight" }
                }
                @for (name, seen) in &instances {
                    div class="instance" id={ "signal-" (name) } {
                        b { (name) }
                        (cell("Traffic", "", seen, 1.0, |one| one.traffic, |value| format!("{value:.1}/s")))
                        (cell("Errors", "errors", seen, 0.02, |one| one.errors, wording::percent))
                        (cell("Latency", "", seen, 50.0, |one| one.latency_ms, |value| format!("{value:.0} ms")))
                        (cell("In flight", "", seen, 4.0, |one| one.in_flight, |value| format!("{value:.0}")))
                    }
                }
            }
        }
    }
}

/// The last figure, and the line that led to it. `top` is the least full scale.
fn cell(
    name: &str,
    class: &str,
    seen: &[Option<Signal>],
    top: f64,
    figure: impl Fn(&Signal) -> f64,
    written: impl Fn(f64) -> String,
) -> Markup {
    let values: Vec<Option<f64>> = seen.iter().map(|one| one.as_ref().map(&figure)).collect();
    let highest = values.iter().flatten().copied().fold(top, f64::max);
    let step = WIDTH / values.len().max(POINTS_LEAST) as f64;
    let points: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(at, value)| {
            value.map(|value| {
                (
                    WIDTH - (values.len() - 1 - at) as f64 * step,
                    HEIGHT - 1.0 - value / highest * (HEIGHT - 3.0),
                )
            })
        })
        .collect();
    html! {
        div class="cell" {
            span {
                span class="hush" { (name) }
                @match values.last().copied().flatten() { Some(value) => (written(value)), None => span class="soft" { "no answer" } }
            }
            svg class={ "spark " (class) } viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" aria-hidden="true" {
                line x1="0" x2=(WIDTH) y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
                @for stretch in points.split(Option::is_none).filter(|stretch| !stretch.is_empty()) {
                    polyline vector-effect="non-scaling-stroke" points=(line(stretch)) {}
                }
            }
        }
    }
}

fn line(points: &[Option<(f64, f64)>]) -> String {
    points.iter().flatten().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}
