//! The pictures, a file each. Every one has a title and a description that says in words all that it shows; shapes carry
//! the meaning as much as colours.
//!
//! Open first: [`strip`]. What they share is here: a line of time, and names left of rows.

mod actions;
mod capabilities;
mod dumbbell;
mod failures;
mod ladder;
mod programme;
mod roles;
mod runs;
mod spread;
mod status;
mod strip;

pub(super) use actions::actions;
pub(super) use capabilities::capabilities;
pub(super) use dumbbell::dumbbell;
pub(super) use failures::failures;
pub(super) use ladder::ladder;
pub(super) use programme::programme;
pub(super) use roles::roles;
pub(super) use runs::runs;
pub(super) use spread::spread;
pub(super) use status::status;
pub(super) use strip::strip;

use super::{
    picture::{Hold, Picture, Scale},
    t_plus,
};
use crate::{
    base::Span,
    report::{debrief::Plots, wording},
};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 930.0;
const TOP: f64 = 26.0;
const ROW: f64 = 27.0;

/// The axis of time below `bottom`, and its lines up to `top`.
fn axis(art: &mut Picture, scale: &Scale, (top, bottom): (f64, f64)) {
    art.line((scale.left, bottom + 4.0), (scale.right, bottom + 4.0), "axis");
    for tick in scale.ticks(7.0) {
        let x = scale.x(tick);
        art.line((x, top), (x, bottom + 4.0), "grid");
        art.line((x, bottom + 4.0), (x, bottom + 9.0), "axis");
        art.text((x, bottom + 21.0), Hold::Middle, "t-tick", &t_plus(tick));
    }
}

/// A picture on a line of time.
struct Timed {
    art: Picture,
    scale: Scale,
}

impl Timed {
    /// `deep` is how much the rows take.
    fn new(id: &'static str, (title, desc): (&str, &str), span: (f64, f64), deep: f64) -> Self {
        let scale = Scale { from: span.0, to: span.1, left: LEFT, right: RIGHT };
        let mut art = Picture::new((id, "plot"), (WIDTH, TOP + deep + 34.0), title, desc);
        axis(&mut art, &scale, (TOP - 8.0, TOP + deep));
        Self { art, scale }
    }

    /// Shades the time in which users were harmed or nothing was declared over.
    fn shade(&mut self, incident: Option<(f64, f64)>, deep: f64) {
        if let Some((from, to)) = incident {
            let x = self.scale.x(from);
            self.art.rect((x, TOP - 8.0), ((self.scale.x(to) - x).max(1.5), deep + 8.0), "window");
        }
    }

    /// The middle of a row, with its name at the left and a line through it.
    fn row(&mut self, index: usize, name: &str) -> f64 {
        let middle = TOP + (index as f64 + 0.5) * ROW;
        self.art.text((LEFT - 12.0, middle + 4.0), Hold::End, "t-lane", &wording::cut(name, 22));
        self.art.line((LEFT, middle), (RIGHT, middle), "lane");
        middle
    }
}

/// Pictures are drawn only of a drill that has a length.
fn drawable(plots: &Plots) -> bool {
    plots.span.1 > plots.span.0
}

/// A length of seconds in words.
pub(super) fn long(seconds: f64) -> String {
    let millis = format!("{:.0}", seconds.max(0.0) * 1000.0);
    wording::time(Span::from_millis(millis.parse().unwrap_or_default()))
}
