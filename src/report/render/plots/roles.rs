//! Who held which role, where nobody coordinated, and where one person wore two hats.

use super::{ROW, Timed, drawable, long};
use crate::report::{
    debrief::{Plots, RoleChart},
    render::{
        picture::{Hold, Picture, Sign, width},
        t_plus,
    },
    wording,
};

/// The picture; nothing when no role was ever taken and none was missed.
pub(in crate::report::render) fn roles(plots: &Plots) -> Option<Picture> {
    let chart = &plots.roles;
    if !drawable(plots) || (chart.rows.is_empty() && chart.gaps.is_empty()) {
        return None;
    }
    let deep = (chart.rows.len() + 2) as f64 * ROW;
    let mut drawn = Timed::new("roles", ("Roles, gaps and conflicts", &sentence(chart)), plots.span, deep);
    drawn.shade(plots.incident, deep);
    for (index, row) in chart.rows.iter().enumerate() {
        let middle = drawn.row(index, &row.role);
        for (person, from, to) in &row.held {
            let left = drawn.scale.x(*from);
            let wide = drawn.scale.x(*to) - left;
            let title = format!("{}: {person}, {} to {}", row.role, t_plus(*from), t_plus(*to));
            drawn.art.bar((left, middle - 9.0), (wide - 1.0, 18.0), "b-role", &title);
            if width(person) + 10.0 <= wide {
                drawn.art.text((left + 6.0, middle + 4.0), Hold::Start, "t-role", person);
            }
        }
    }
    for (index, name, spans) in [
        (chart.rows.len(), "nobody coordinates", &chart.gaps),
        (chart.rows.len() + 1, "two hats, or two ics", &chart.conflicts),
    ] {
        let middle = drawn.row(index, name);
        for (from, to) in spans {
            let (left, right) = (drawn.scale.x(*from), drawn.scale.x(*to));
            let title = format!("{name}: {} to {}", t_plus(*from), t_plus(*to));
            drawn.art.bar((left, middle - 6.0), (right - left, 12.0), "gap", &title);
            drawn.art.mark(Sign::Cross, (f64::midpoint(left, right), middle), "m-hollow", &title);
        }
        if spans.is_empty() {
            drawn.art.text((super::LEFT + 6.0, middle - 3.0), Hold::Start, "t-small", "none");
        }
    }
    Some(drawn.art)
}

fn sentence(chart: &RoleChart) -> String {
    let held: Vec<_> = chart
        .rows
        .iter()
        .flat_map(|row| row.held.iter().map(move |(person, from, to)| (&row.role, person, from, to)))
        .map(|(role, person, from, to)| format!("{role}: {person} from {} to {}", t_plus(*from), t_plus(*to)))
        .collect();
    let held = if held.is_empty() { "Nobody took a role".to_owned() } else { held.join("; ") };
    let spans = |list: &[(f64, f64)]| {
        let words: Vec<_> =
            list.iter().map(|(from, to)| format!("{} to {}", t_plus(*from), t_plus(*to))).collect();
        wording::list(&words)
    };
    let gaps = match chart.gaps.as_slice() {
        [] => "Somebody coordinated all the time".to_owned(),
        gaps => format!("Nobody coordinated: {} ({} are allowed)", spans(gaps), long(chart.gap_max)),
    };
    let conflicts = match chart.conflicts.as_slice() {
        [] => "No role conflict".to_owned(),
        both => format!("Role conflict: {}", spans(both)),
    };
    format!("{held}. {gaps}. {conflicts}.")
}
