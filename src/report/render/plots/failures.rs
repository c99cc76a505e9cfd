//! Failed requests added up: what users met, what doing nothing would have cost, and what a team at par would have spared.

use super::{LEFT, RIGHT, TOP, Timed};
use crate::report::{
    debrief::{Failures, Plots},
    render::{
        picture::{Hold, Picture, Scale, Step},
        t_plus,
    },
    wording,
};

const DEEP: f64 = 150.0;

/// The picture; nothing when no request failed.
pub(in crate::report::render) fn failures(plots: &Plots) -> Option<Picture> {
    let data = plots.failures.as_ref()?;
    let (onset, end) = plots.incident.filter(|(from, to)| from < to)?;
    let (_, actual) = *data.actual.last()?;
    let right = (end * 1.3).max(plots.span.1).max(data.par * 1.1).min(data.limit.max(plots.span.1));
    let nothing = |at: f64| data.rate * (at - onset).max(0.0);
    let par = nothing(data.par);
    let title = ("Failed requests, added up", sentence(data, onset));
    let mut chart = Timed::new("failures", (title.0, &title.1), (plots.span.0, right), DEEP);
    let heights =
        Scale { from: 0.0, to: nothing(right).max(actual).max(1.0) * 1.08, left: TOP + DEEP, right: TOP };
    let (art, scale) = (&mut chart.art, chart.scale);
    let place = |at: f64, sum: f64| (scale.x(at), heights.x(sum));
    for share in [0.5, 1.0] {
        let sum = heights.to / 1.08 * share;
        art.text((LEFT - 12.0, heights.x(sum) + 4.0), Hold::End, "t-tick", &rounded(sum));
    }
    let steps = |points: &[(f64, f64)]| {
        let mut steps: Vec<Step> = points
            .iter()
            .map(|(at, sum)| {
                let (x, y) = place(*at, *sum);
                Step::Line(x, y)
            })
            .collect();
        if let Some(Step::Line(x, y)) = steps.first().copied() {
            steps[0] = Step::Move(x, y);
        }
        steps
    };
    art.path(steps(&[(onset, 0.0), (right, nothing(right))]), "nothing");
    art.path(
        steps(&[(onset, 0.0), (data.par.min(right), nothing(data.par.min(right))), (right, par)]),
        "par",
    );
    let mut met = vec![(onset, 0.0)];
    met.extend(&data.actual);
    met.push((plots.span.1, actual));
    art.path(steps(&met), "saw");
    let label = |art: &mut Picture, at: f64, sum: f64, class: &'static str, words: &str| {
        let (x, y) = place(at, sum);
        art.text((x.min(RIGHT) - 4.0, y - 7.0), Hold::End, class, words);
    };
    label(art, right, nothing(right), "t-claimed", "doing nothing");
    label(art, right * 0.82, nothing((right * 0.82).min(data.par)), "t-mark", "a team at par");
    let (x, y) = place(plots.span.1, actual);
    art.text((x.min(RIGHT - 90.0) + 6.0, y - 6.0), Hold::Start, "t-measured", "measured");
    Some(chart.art)
}

fn rounded(sum: f64) -> String {
    wording::number(format!("{sum:.0}").parse().unwrap_or_default())
}

fn sentence(data: &Failures, onset: f64) -> String {
    let actual = data.actual.last().map_or(0.0, |(_, sum)| *sum);
    let until = |end: f64| data.rate * (end - onset).max(0.0);
    format!(
        "{} requests failed inside the measured windows. At the rate from before anybody touched the target, {} would have failed with a repair at par ({}), and {} by doing nothing until the limit ({}).",
        rounded(actual),
        rounded(until(data.par)),
        t_plus(data.par),
        rounded(until(data.limit)),
        t_plus(data.limit)
    )
}
