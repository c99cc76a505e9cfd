//! Drills on a line of days: a row for each scenario, a sign for each drill. No line joins them.

use super::{LEFT, RIGHT, ROW, TOP, WIDTH};
use crate::{
    base::At,
    drill::event::Outcome,
    report::{
        programme::{Programme, Run},
        render::picture::{Hold, Picture, Scale, Sign},
        wording::{cut, page},
    },
};

const DAY_S: f64 = 86_400.0;
/// Rows are titles of scenarios.
const NAMES: f64 = LEFT + 130.0;

/// The dots; nothing without a drill.
pub(in crate::report::render) fn programme(programme: &Programme) -> Option<Picture> {
    let runs = || programme.scenarios.iter().flat_map(|one| &one.runs);
    let (first, last) = (runs().map(|run| run.at).min()?, runs().map(|run| run.at).max()?);
    // Whole days, with room beside a single one.
    let from = (seconds(first) / DAY_S).floor() * DAY_S;
    let to = ((seconds(last) / DAY_S).floor() + 1.0) * DAY_S;
    let deep = programme.scenarios.len() as f64 * ROW;
    let scale = Scale { from, to, left: NAMES + 14.0, right: RIGHT };
    let size = (WIDTH, TOP + deep + 34.0);
    let mut art = Picture::new(("programme", "plot"), size, "Drills by scenario", &sentence(programme));
    art.line((NAMES, TOP + deep + 4.0), (RIGHT, TOP + deep + 4.0), "axis");
    for day in days(&scale) {
        let x = scale.x(day);
        art.line((x, TOP - 8.0), (x, TOP + deep + 4.0), "grid");
        art.text((x, TOP + deep + 21.0), Hold::Middle, "t-tick", &date(day));
    }
    for (index, one) in programme.scenarios.iter().enumerate() {
        let middle = TOP + (index as f64 + 0.5) * ROW;
        art.text((NAMES, middle + 4.0), Hold::End, "t-lane", &cut(&one.title, 42));
        art.line((NAMES + 8.0, middle), (RIGHT, middle), "lane");
        for run in &one.runs {
            let (sign, class) = sign(run);
            let title = format!("{}: {}", run.at.date(), page::outcome(run.outcome));
            art.mark(sign, (scale.x(seconds(run.at)), middle), class, &title);
        }
    }
    Some(art)
}

fn sign(run: &Run) -> (Sign, &'static str) {
    match run.outcome {
        Some(Outcome::Completed) => (Sign::Circle, "m-measured"),
        None => (Sign::Diamond, "m-claimed"),
        Some(_) => (Sign::Cross, "m-hollow"),
    }
}

/// At most six days, evenly spread.
fn days(scale: &Scale) -> Vec<f64> {
    let days = ((scale.to - scale.from) / DAY_S).round();
    let step = (days / 6.0).ceil().max(1.0);
    (0..6).map(|nth| scale.from + f64::from(nth) * step * DAY_S).filter(|day| *day < scale.to).collect()
}

fn seconds(at: At) -> f64 {
    at.millis() as f64 / 1000.0
}

fn date(seconds: f64) -> String {
    let millis = format!("{:.0}", seconds * 1000.0);
    At::from_millis(millis.parse().unwrap_or_default()).date()
}

fn sentence(programme: &Programme) -> String {
    let rows = programme.scenarios.iter().map(|one| {
        let runs: Vec<_> =
            one.runs.iter().map(|run| format!("{} {}", run.at.date(), page::outcome(run.outcome))).collect();
        format!("{}: {}", one.title, runs.join(", "))
    });
    format!("{}.", rows.collect::<Vec<_>>().join("; "))
}
