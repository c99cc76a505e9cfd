//! How old the last word to people outside was: a saw that falls with every update.

use super::{LEFT, RIGHT, TOP, Timed, long};
use crate::report::{
    debrief::{Plots, StatusAge},
    render::{
        picture::{Hold, Picture, Scale, Sign, Step},
        t_plus,
    },
    wording,
};

const DEEP: f64 = 120.0;

/// The picture; nothing when nothing was broken.
pub(in crate::report::render) fn status(plots: &Plots) -> Option<Picture> {
    let incident = plots.incident.filter(|(from, to)| from < to)?;
    let waits = waits(&plots.status, incident);
    let title = "How old the last word was";
    let mut chart = Timed::new("status", (title, &sentence(&plots.status, incident)), plots.span, DEEP);
    chart.shade(Some(incident), DEEP);
    let longest = waits.iter().map(|(from, to)| to - from).fold(plots.status.first_within, f64::max);
    let heights = Scale { from: 0.0, to: longest * 1.12, left: TOP + DEEP, right: TOP };
    let (art, scale) = (&mut chart.art, chart.scale);
    for tick in heights.ticks(4.0) {
        art.text((LEFT - 12.0, heights.x(tick) + 4.0), Hold::End, "t-tick", &long(tick));
    }
    let mut saw = Vec::new();
    for (from, to) in &waits {
        saw.push(if saw.is_empty() {
            Step::Move(scale.x(*from), heights.x(0.0))
        } else {
            Step::Line(scale.x(*from), heights.x(0.0))
        });
        saw.push(Step::Line(scale.x(*to), heights.x(to - from)));
    }
    art.path(saw, "saw");
    let first = waits.first().map_or(incident.1, |wait| wait.1);
    let limit = |at: f64, until: f64, within: f64| {
        vec![Step::Move(scale.x(at), heights.x(within)), Step::Line(scale.x(until), heights.x(within))]
    };
    art.path(limit(incident.0, first, plots.status.first_within), "limit");
    if plots.status.next_within <= heights.to && waits.len() > 1 {
        art.path(limit(first, incident.1, plots.status.next_within), "limit");
    }
    let words = format!("{} for the first word", long(plots.status.first_within));
    art.text((RIGHT, heights.x(plots.status.first_within) - 5.0), Hold::End, "t-note", &words);
    for update in &plots.status.updates {
        let title = format!("{} {}", t_plus(update.at), update.state);
        art.mark(Sign::Circle, (scale.x(update.at), heights.x(0.0)), "m-ink", &title);
    }
    Some(chart.art)
}

/// From one word to the next, within the incident.
fn waits(status: &StatusAge, (from, to): (f64, f64)) -> Vec<(f64, f64)> {
    let mut since = from;
    let mut waits = Vec::new();
    for update in status.updates.iter().filter(|update| update.at > from && update.at < to) {
        waits.push((since, update.at));
        since = update.at;
    }
    waits.push((since, to));
    waits
}

fn sentence(status: &StatusAge, incident: (f64, f64)) -> String {
    let inside = status.updates.iter().filter(|update| update.at > incident.0 && update.at < incident.1);
    let times: Vec<_> = inside.map(|update| format!("{} ({})", t_plus(update.at), update.state)).collect();
    let longest = waits(status, incident).iter().map(|(from, to)| to - from).fold(0.0, f64::max);
    let told = if times.is_empty() {
        "No update went out while users were harmed".to_owned()
    } else {
        format!("Updates while users were harmed: {}", wording::list(&times))
    };
    format!("{told}. The longest wait for a word was {}.", long(longest))
}
