//! The decision ladder over time: from when on an option's effect could be known, and when it was chosen.

use super::{ROW, Timed, drawable};
use crate::report::{
    debrief::{LadderRow, Plots},
    render::{
        picture::{Hold, Picture, Sign, width},
        t_plus,
    },
};

/// The picture; nothing when the drill has no ladder.
pub(in crate::report::render) fn ladder(plots: &Plots) -> Option<Picture> {
    if !drawable(plots) || plots.ladder.is_empty() {
        return None;
    }
    let deep = plots.ladder.len() as f64 * ROW;
    let title = ("The decision ladder over time", sentence(&plots.ladder));
    let mut chart = Timed::new("ladder", (title.0, &title.1), plots.span, deep);
    chart.shade(plots.incident, deep);
    for (index, row) in plots.ladder.iter().enumerate() {
        let middle = chart.row(index, &row.option);
        let scale = chart.scale;
        if let Some(known) = row.known {
            let left = scale.x(known);
            let title = format!("could be known from {}", t_plus(known));
            chart.art.bar((left, middle - 8.0), (super::RIGHT - left, 16.0), "known", &title);
        }
        for at in &row.chosen {
            let title = format!("{} chosen {}", row.option, t_plus(*at));
            chart.art.mark(Sign::Diamond, (scale.x(*at), middle), "m-ink", &title);
        }
        let room = row.chosen.iter().all(|at| scale.x(*at) + 12.0 < super::RIGHT - width(&row.would));
        if room {
            chart.art.text((super::RIGHT - 4.0, middle - 9.5), Hold::End, "t-mark", &row.would);
        }
    }
    Some(chart.art)
}

fn sentence(rows: &[LadderRow]) -> String {
    let one = |row: &LadderRow| {
        let known = row.known.map_or_else(
            || "that could not be known during this drill".to_owned(),
            |at| format!("that could be known from {}", t_plus(at)),
        );
        let chosen: Vec<_> = row.chosen.iter().map(|at| t_plus(*at)).collect();
        let chosen = if chosen.is_empty() {
            "not chosen".to_owned()
        } else {
            format!("chosen at {}", chosen.join(" and "))
        };
        format!("{} {}; {known}; {chosen}", row.option, row.would)
    };
    let all: Vec<_> = rows.iter().map(one).collect();
    format!("{}.", all.join(". "))
}
