//! A debrief as a [`Document`], and a document as Markdown, one self-contained HTML file or PDF; a debrief as JSON; boards
//! as text. Pure: same input, same bytes.
//!
//! ```text
//! Debrief -> whole, view, template --+
//! Comparison -> side_by_side         +-> Document -> markdown, html, pdf
//! Programme -> programme           --+
//! ```
//!
//! Everything that a person typed goes through one escaping function per format, and control characters are removed.
//!
//! Open first: [`document`], then `whole` for what the debrief says in which order; `plots` for its pictures.

pub mod document;
mod html;
mod markdown;
mod pdf;
pub mod picture;
mod plots;
mod programme;
pub mod recording;
pub mod replay;
mod side_by_side;
pub mod template;
pub mod terminal;
mod view;
mod whole;

pub use document::Document;
pub use programme::programme;
pub use side_by_side::side_by_side;
pub use view::View;

use super::{Debrief, debrief::Strip, wording, wording::page};
use crate::base::{At, Span};
use crate::drill::event::offset;

impl Document {
    /// The whole debrief.
    pub fn of(debrief: &Debrief) -> Self {
        whole::whole(debrief)
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        markdown::markdown(self)
    }

    /// As one HTML file.
    pub fn html(&self) -> String {
        html::html(self)
    }

    /// As PDF.
    pub fn pdf(&self) -> Vec<u8> {
        pdf::pdf(self)
    }
}

/// The whole debrief as Markdown.
pub fn markdown(debrief: &Debrief) -> String {
    Document::of(debrief).markdown()
}

/// The whole debrief as one HTML file.
pub fn html(debrief: &Debrief) -> String {
    Document::of(debrief).html()
}

/// The incident strip as SVG.
pub fn strip(strip: &Strip) -> String {
    plots::strip(strip).svg()
}

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
pub(crate) fn figure(score: Option<f64>) -> String {
    // A sum of nothing may be -0, which reads as less than nothing.
    score.map_or_else(|| "\u{2013}".to_owned(), |score| format!("{:.2}", score + 0.0))
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
