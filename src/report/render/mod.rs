//! A debrief as Markdown, one self-contained HTML file or JSON; boards as text. Pure: same input, same bytes.
//!
//! Everything that a person typed goes through one escaping function per format, and control characters are removed.
//!
//! Open first: [`html`] for the page, [`strip`] and [`dumbbell`] for its pictures, [`svg`] for how they are drawn.

mod after;
mod dumbbell;
mod html;
mod markdown;
mod strip;
pub mod svg;
pub mod terminal;

pub use dumbbell::dumbbell;
pub use html::html;
pub use markdown::markdown;
pub use strip::strip;

use super::{Debrief, wording, wording::page};
use crate::base::{At, Span};
use crate::drill::event::offset;

/// The debrief as JSON, indented, with a newline at the end.
pub fn json(debrief: &Debrief) -> String {
    let mut text = serde_json::to_string_pretty(debrief).expect("a debrief is plain data");
    text.push('\n');
    text
}

/// `T+2m5s` for seconds from StartEx.
pub(crate) fn t_plus(seconds: f64) -> String {
    let millis = format!("{:.0}", seconds.abs() * 1000.0);
    let span = Span::from_millis(millis.parse().unwrap_or_default());
    let start = At::from_millis(0);
    offset(start, if seconds < 0.0 { start - span } else { start + span })
}

/// A figure from 0 to 1 as it is printed: `0.81`.
pub fn figure(score: Option<f64>) -> String {
    score.map_or_else(|| "\u{2013}".to_owned(), |score| format!("{score:.2}"))
}

/// A claimed share as it is printed.
fn claimed_share(claimed: Option<(f64, f64)>) -> String {
    match claimed {
        None => page::NOT_CLAIMED.to_owned(),
        Some((low, high)) if low < high => {
            format!("{} to {}", wording::percent(low), wording::percent(high))
        }
        Some((low, _)) => wording::percent(low),
    }
}
