//! Each change of the target as three dots: announced in the log, done, its outcome told.

use super::{ROW, Timed, drawable};
use crate::report::{
    debrief::{ActionDots, Plots},
    render::{
        picture::{Hold, Picture, Sign},
        t_plus,
    },
};

/// The picture; nothing when nothing was changed.
pub(in crate::report::render) fn actions(plots: &Plots) -> Option<Picture> {
    if !drawable(plots) || plots.actions.is_empty() {
        return None;
    }
    let deep = plots.actions.len() as f64 * ROW;
    let title = ("Announced, done, told", sentence(&plots.actions));
    let mut chart = Timed::new("actions", (title.0, &title.1), plots.span, deep);
    chart.shade(plots.incident, deep);
    for (index, action) in plots.actions.iter().enumerate() {
        let middle = chart.row(index, &action.what);
        let x = |at: f64| chart.scale.x(at);
        let ends = [action.logged, Some(action.at), action.told];
        let from = ends.iter().flatten().copied().fold(f64::MAX, f64::min);
        let to = ends.iter().flatten().copied().fold(f64::MIN, f64::max);
        let (from, to, done) = (x(from), x(to), x(action.at));
        let logged = action.logged.map(|at| (x(at), format!("announced {}", t_plus(at))));
        let told = action.told.map(|at| (x(at), format!("outcome told {}", t_plus(at))));
        let art = &mut chart.art;
        art.line((from, middle), (to, middle), "bond");
        if let Some((at, title)) = &logged {
            art.mark(Sign::Diamond, (*at, middle), "m-hollow", title);
        }
        art.mark(Sign::Square, (done, middle), "m-ink", &format!("{} {}", action.what, t_plus(action.at)));
        if let Some((at, title)) = &told {
            art.mark(Sign::Circle, (*at, middle), "m-good", title);
        }
        let missing = match (logged.is_some(), told.is_some()) {
            (true, true) => continue,
            (false, true) => "not announced",
            (true, false) => "outcome not told",
            (false, false) => "neither announced nor told",
        };
        art.text((to + 10.0, middle + 4.0), Hold::Start, "t-mark", missing);
    }
    Some(chart.art)
}

fn sentence(actions: &[ActionDots]) -> String {
    let one = |action: &ActionDots| {
        let or = |at: Option<f64>, none: &str| at.map_or_else(|| none.to_owned(), t_plus);
        format!(
            "{}: announced {}, done {}, outcome told {}",
            action.what,
            or(action.logged, "not"),
            t_plus(action.at),
            or(action.told, "not")
        )
    };
    let all: Vec<_> = actions.iter().map(one).collect();
    format!("{}. A diamond is the log, a square the change, a disc the first word about it.", all.join("; "))
}
