//! Runs side by side: a row for each measure, a sign for each run. No line joins them, and none is first.

use super::long;
use crate::report::{
    compare::Comparison,
    render::{
        figure,
        picture::{Hold, Picture, Scale, Sign},
    },
};

const WIDTH: f64 = 760.0;
const LEFT: f64 = 250.0;
const RIGHT: f64 = 730.0;
const TOP: f64 = 34.0;
/// What each run takes of a row, so that equal figures do not hide each other.
const SLOT: f64 = 13.0;

const SIGNS: [(Sign, &str); 6] = [
    (Sign::Circle, "m-measured"),
    (Sign::Square, "m-ink"),
    (Sign::Diamond, "m-claimed"),
    (Sign::Up, "m-good"),
    (Sign::Down, "m-alarm"),
    (Sign::Cross, "m-hollow"),
];

/// The times, and the capabilities; a picture without any figure is left out.
pub(in crate::report::render) fn runs(comparison: &Comparison) -> [Option<Picture>; 2] {
    let times: Vec<(&str, &[Option<f64>])> =
        comparison.measures.iter().map(|one| (one.name, one.seconds.as_slice())).collect();
    let longest =
        times.iter().flat_map(|(_, seconds)| seconds.iter().flatten()).copied().fold(60.0, f64::max);
    let capabilities: Vec<(&str, &[Option<f64>])> =
        comparison.capabilities.iter().map(|one| (one.name.as_str(), one.figures.as_slice())).collect();
    [
        dots(comparison, ("run-times", "Times, run by run"), (&times, longest * 1.04), &|value| long(value)),
        dots(comparison, ("run-dots", "Capabilities, run by run"), (&capabilities, 1.0), &|value| {
            figure(Some(value))
        }),
    ]
}

/// Rows of dots, each with its name and one value for each run, and the most that a value may be.
type Rows<'a> = (&'a [(&'a str, &'a [Option<f64>])], f64);

fn dots(
    comparison: &Comparison,
    (id, title): (&'static str, &str),
    (rows, most): Rows<'_>,
    say: &dyn Fn(f64) -> String,
) -> Option<Picture> {
    if rows.iter().all(|(_, values)| values.iter().all(Option::is_none)) {
        return None;
    }
    let row = SLOT * comparison.runs.len() as f64 + 12.0;
    let height = TOP + rows.len() as f64 * row + 12.0;
    let mut art = Picture::new((id, "plot narrow"), (WIDTH, height), title, &sentence(comparison, rows, say));
    let scale = Scale { from: 0.0, to: most, left: LEFT, right: RIGHT };
    let ticks = if most > 1.0 { scale.ticks(5.0) } else { vec![0.0, 0.5, 1.0] };
    for tick in ticks {
        art.line((scale.x(tick), TOP - 6.0), (scale.x(tick), height - 12.0), "grid");
        art.text((scale.x(tick), TOP - 12.0), Hold::Middle, "t-tick", &say(tick));
    }
    for (index, (name, values)) in rows.iter().enumerate() {
        let top = TOP + index as f64 * row;
        art.text((LEFT - 34.0, top + row / 2.0 + 4.0), Hold::End, "t-lane", name);
        art.line((0.0, top), (RIGHT, top), "lane");
        for ((run, value), nth) in comparison.runs.iter().zip(*values).zip(0_u32..) {
            let middle = top + 6.0 + SLOT * (f64::from(nth) + 0.5);
            art.text((LEFT - 12.0, middle + 4.0), Hold::End, "t-small", &run.letter.to_string());
            let Some(value) = value else { continue };
            let (sign, class) = SIGNS[nth as usize % SIGNS.len()];
            let title = format!("run {}: {}", run.letter, say(*value));
            art.mark(sign, (scale.x(*value), middle), class, &title);
        }
    }
    Some(art)
}

fn sentence(comparison: &Comparison, rows: &[(&str, &[Option<f64>])], say: &dyn Fn(f64) -> String) -> String {
    let row = |(name, values): &(&str, &[Option<f64>])| {
        let runs: Vec<_> = comparison
            .runs
            .iter()
            .zip(*values)
            .map(|(run, value)| format!("{} {}", run.letter, value.map_or_else(|| "none".to_owned(), say)))
            .collect();
        format!("{name}: {}", runs.join(", "))
    };
    let all: Vec<_> = rows.iter().map(row).collect();
    format!("{}.", all.join("; "))
}
