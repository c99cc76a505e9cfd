//! A small writer of SVG: plain shapes with classes, no style attributes, numbers with one decimal. Colours come from
//! the page's style sheet, so that a picture follows light and dark.

use std::fmt::Write as _;

/// Escapes text for XML and HTML: content and attribute values.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in super::wording::tame(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A number with at most one decimal: `12`, `12.5`.
pub(super) fn n(value: f64) -> String {
    let mut text = format!("{value:.1}");
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    if text == "-0" {
        text.remove(0);
    }
    text
}

/// Where a text is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Start,
    Middle,
    End,
}

/// A picture in the making.
pub(super) struct Svg {
    out: String,
}

impl Svg {
    /// A picture of this size in user units, with its text twin; the id is unique on the page.
    pub(super) fn new((id, class): (&str, &str), size: (f64, f64), title: &str, desc: &str) -> Self {
        let mut out = String::new();
        let _ = write!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="{class}" role="img" viewBox="0 0 {} {}" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>"#,
            n(size.0),
            n(size.1),
            escape(title),
            escape(desc)
        );
        Self { out }
    }

    pub(super) fn rect(&mut self, at: (f64, f64), size: (f64, f64), class: &str) {
        let _ = write!(
            self.out,
            r#"<rect x="{}" y="{}" width="{}" height="{}" class="{class}"/>"#,
            n(at.0),
            n(at.1),
            n(size.0.max(0.0)),
            n(size.1.max(0.0))
        );
    }

    /// A rectangle with round corners and a text of its own.
    pub(super) fn bar(&mut self, at: (f64, f64), size: (f64, f64), class: &str, title: &str) {
        let _ = write!(
            self.out,
            r#"<rect x="{}" y="{}" width="{}" height="{}" rx="2" class="{class}"><title>{}</title></rect>"#,
            n(at.0),
            n(at.1),
            n(size.0.max(1.5)),
            n(size.1.max(0.0)),
            escape(title)
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let _ = write!(
            self.out,
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}" class="{class}"/>"#,
            n(from.0),
            n(from.1),
            n(to.0),
            n(to.1)
        );
    }

    pub(super) fn path(&mut self, d: &str, class: &str) {
        let _ = write!(self.out, r#"<path d="{d}" class="{class}"/>"#);
    }

    /// A small shape around a point, with a text of its own.
    pub(super) fn mark(&mut self, shape: Shape, at: (f64, f64), class: &str, title: &str) {
        let d = shape.path(at);
        let _ = write!(self.out, r#"<path d="{d}" class="{class}"><title>{}</title></path>"#, escape(title));
    }

    pub(super) fn text(&mut self, at: (f64, f64), hold: Hold, class: &str, words: &str) {
        let anchor = match hold {
            Hold::Start => "",
            Hold::Middle => r#" text-anchor="middle""#,
            Hold::End => r#" text-anchor="end""#,
        };
        let _ = write!(
            self.out,
            r#"<text x="{}" y="{}"{anchor} class="{class}">{}</text>"#,
            n(at.0),
            n(at.1),
            escape(words)
        );
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }
}

/// Shapes of marks; the shape carries the meaning as much as the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Circle,
    Square,
    Diamond,
    Up,
    Down,
    Cross,
}

impl Shape {
    fn path(self, (x, y): (f64, f64)) -> String {
        let p = |dx: f64, dy: f64| format!("{} {}", n(x + dx), n(y + dy));
        match self {
            Self::Circle => format!("M{}a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0Z", p(-4.5, 0.0)),
            Self::Square => format!("M{}h8v8h-8Z", p(-4.0, -4.0)),
            Self::Diamond => format!("M{}L{}L{}L{}Z", p(0.0, -5.5), p(5.5, 0.0), p(0.0, 5.5), p(-5.5, 0.0)),
            Self::Up => format!("M{}L{}L{}Z", p(0.0, -5.5), p(5.5, 4.0), p(-5.5, 4.0)),
            Self::Down => format!("M{}L{}L{}Z", p(0.0, 5.5), p(5.5, -4.0), p(-5.5, -4.0)),
            Self::Cross => format!("M{}L{}M{}L{}", p(-3.5, -3.5), p(3.5, 3.5), p(-3.5, 3.5), p(3.5, -3.5)),
        }
    }
}

/// A scale from values to places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) left: f64,
    pub(super) right: f64,
}

impl Scale {
    /// Where a value is, held within the ends.
    pub(super) fn x(&self, value: f64) -> f64 {
        let share = (value - self.from) / (self.to - self.from).max(f64::EPSILON);
        self.left + share.clamp(0.0, 1.0) * (self.right - self.left)
    }

    /// Round places for at most `most` ticks; the values are seconds.
    pub(super) fn ticks(&self, most: f64) -> Vec<f64> {
        const STEPS: [f64; 15] = [
            5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0,
            28_800.0, 86_400.0,
        ];
        let length = self.to - self.from;
        let step = STEPS.into_iter().find(|step| length / step <= most).unwrap_or(86_400.0);
        let mut at = (self.from / step).ceil() * step;
        let mut ticks = Vec::new();
        while at <= self.to && ticks.len() < 40 {
            ticks.push(at);
            at += step;
        }
        ticks
    }
}

/// About how wide a text of the pictures' small size is.
pub(super) fn width(words: &str) -> f64 {
    words.chars().count() as f64 * 6.3
}

/// A dot on a line from 0 to 1, for a table's cell.
pub fn dot(score: f64) -> String {
    let x = 6.0 + score.clamp(0.0, 1.0) * 88.0;
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" class="dot" viewBox="0 0 100 12" aria-hidden="true"><line x1="6" y1="6" x2="94" y2="6" class="track"/><circle cx="{}" cy="6" r="4.5" class="c-measured"/></svg>"#,
        n(x)
    )
}
