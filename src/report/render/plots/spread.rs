//! How the fault spread, from its cause downwards, and on which component the team looked for it when.

use super::{LEFT, ROW, TOP, Timed, drawable};
use crate::report::{
    debrief::{Plots, SpreadChart},
    render::{
        picture::{Hold, Picture, Sign, Step},
        t_plus,
    },
    wording,
};

/// The picture; nothing when there is no cause.
pub(in crate::report::render) fn spread(plots: &Plots) -> Option<Picture> {
    let chart = &plots.spread;
    if !drawable(plots) || chart.components.is_empty() {
        return None;
    }
    let rows = chart.components.len() + 1;
    let deep = rows as f64 * ROW;
    let title = ("How it spread, and where it was looked for", sentence(chart));
    let mut drawn = Timed::new("spread", (title.0, &title.1), plots.span, deep);
    let names = chart.components.iter().map(String::as_str).chain(["elsewhere"]);
    let middles: Vec<f64> = names.enumerate().map(|(index, name)| drawn.row(index, name)).collect();
    let (art, scale) = (&mut drawn.art, drawn.scale);
    art.text((4.0, TOP - 12.0), Hold::Start, "t-note", "the cause is at the top");
    for (from, to) in &chart.edges {
        arrow(art, (middles[*from], middles[*to]), from.abs_diff(*to));
    }
    art.mark(Sign::Diamond, (LEFT, middles[0]), "m-alarm", "the cause");
    for claim in &chart.claims {
        let middle = middles[claim.on.unwrap_or(rows - 1)];
        let what = if claim.answer { "answer" } else { "guess" };
        let title = format!("{} {what}: {}", t_plus(claim.at), claim.component);
        let class = if claim.answer { "m-claimed" } else { "m-claimed-hollow" };
        art.mark(Sign::Diamond, (scale.x(claim.at), middle), class, &title);
        if claim.on.is_none() {
            art.text((scale.x(claim.at) + 9.0, middle + 4.0), Hold::Start, "t-mark", &claim.component);
        }
    }
    Some(drawn.art)
}

/// An arrow left of the names; the farther it goes, the farther left it runs.
fn arrow(art: &mut Picture, (from, to): (f64, f64), apart: usize) {
    let x = 30.0 - 8.0 * apart.min(3) as f64;
    let near = 40.0;
    let down = if to > from { 1.0 } else { -1.0 };
    let (from, to) = (from + 5.0 * down, to - 5.0 * down);
    let way = [Step::Move(near, from), Step::Line(x, from), Step::Line(x, to), Step::Line(near, to)];
    let head = [Step::Move(near - 5.0, to - 4.0), Step::Line(near, to), Step::Line(near - 5.0, to + 4.0)];
    art.path([&way[..], &head[..]].concat(), "arrow");
}

fn sentence(chart: &SpreadChart) -> String {
    let name = |index: usize| chart.components.get(index).map_or("", String::as_str);
    let ways: Vec<_> =
        chart.edges.iter().map(|(from, to)| format!("{} to {}", name(*from), name(*to))).collect();
    let spread = if ways.is_empty() {
        format!("The fault was in {} and did not spread", name(0))
    } else {
        format!("The fault was in {} and spread from {}", name(0), wording::list(&ways))
    };
    let claims: Vec<_> = chart
        .claims
        .iter()
        .map(|claim| {
            let what = if claim.answer { "answered" } else { "guessed" };
            format!("{} {what} at {}", claim.component, t_plus(claim.at))
        })
        .collect();
    let looked = if claims.is_empty() { "nothing was guessed".to_owned() } else { claims.join(", ") };
    format!("{spread}. In time: {looked}.")
}
