//! A small picture of the last minutes as measured: one line a class. Shapes carry classes; colours are the page's.

use crate::{
    base::ClassName,
    drill::{
        event::{Event, Recorded},
        measure::Tally,
    },
};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Seconds that are shown, at most and at least.
const SECONDS: usize = 600;
const SECONDS_LEAST: usize = 120;
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 120.0;

/// The measured seconds, oldest first; a class without arrivals in a second is absent.
fn seconds(events: &[Recorded]) -> Vec<&BTreeMap<ClassName, Tally>> {
    let measured = events.iter().rev().filter_map(|one| match &one.event {
        Event::Measured { bucket, .. } => Some(&bucket.classes),
        _ => None,
    });
    let mut seconds: Vec<_> = measured.take(SECONDS).collect();
    seconds.reverse();
    seconds
}

/// One picture: its name, what is drawn of a second, and how a figure is written. `top` is the least full scale.
pub(super) fn chart(
    events: &[Recorded],
    name: &str,
    top: f64,
    figure: impl Fn(&Tally) -> f64,
    written: impl Fn(f64) -> String,
) -> Markup {
    let seconds = seconds(events);
    let width = seconds.len().max(SECONDS_LEAST);
    let mut classes: Vec<&ClassName> = seconds.iter().flat_map(|second| second.keys()).collect();
    classes.sort();
    classes.dedup();
    let highest = seconds.iter().flat_map(|second| second.values()).map(&figure).fold(top, f64::max);
    let lines = classes.iter().enumerate().map(|(index, class)| {
        let points: Vec<_> = seconds
            .iter()
            .enumerate()
            .filter_map(|(at, second)| Some((at, figure(second.get(*class)?))))
            .map(|(at, value)| {
                let x = WIDTH - (seconds.len() - at) as f64 * (WIDTH / width as f64);
                format!("{x:.1},{:.1}", HEIGHT - value / highest * (HEIGHT - 6.0))
            })
            .collect();
        let last = seconds.iter().rev().find_map(|second| second.get(*class)).map(&figure);
        (index % 4, *class, points.join(" "), last)
    });
    let lines: Vec<_> = lines.collect();
    html! {
        figure class="chart" {
            figcaption {
                b { (name) } " "
                @for (index, class, _, last) in &lines {
                    span class={ "key c" (index) } { (class) " " b { (last.map_or_else(String::new, &written)) } }
                }
                span class="soft" { "up to " (written(highest)) ", last " (width.div_ceil(60)) " min" }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label={ (name) ", the last minutes" } {
                @for share in [0.25, 0.5, 0.75] {
                    line class="rule" x1="0" x2=(WIDTH) y1=(HEIGHT * share) y2=(HEIGHT * share) {}
                }
                line class="floor" x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                @for (index, _, points, _) in &lines {
                    polyline class={ "c" (index) } points=(points) vector-effect="non-scaling-stroke" {}
                }
            }
        }
    }
}
