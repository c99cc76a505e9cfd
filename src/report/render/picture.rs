//! Pictures: plain shapes with classes and a text twin. In a page they are SVG without style attributes, numbers with
//! one decimal; `pdf` draws the same shapes on paper.

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
pub enum Hold {
    /// At its beginning.
    Start,
    /// In its middle.
    Middle,
    /// At its end.
    End,
}

/// A place, in units of the picture.
pub type Place = (f64, f64);

/// A step of a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Begins a stretch here.
    Move(f64, f64),
    /// A straight line to here.
    Line(f64, f64),
    /// Back to where the stretch began.
    Close,
}

/// One shape. Its class says what it means; each format has a look for every class.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "where it is, how large, and the text of its own: their names say it")]
pub enum Shape {
    /// A rectangle; round ones have a text of their own.
    Rect { at: Place, size: Place, title: Option<String> },
    /// A straight line.
    Line { from: Place, to: Place },
    /// Lines, closed or open.
    Path { steps: Vec<Step>, title: Option<String> },
    /// A disc.
    Disc { at: Place, radius: f64, title: Option<String> },
    /// A text.
    Text { at: Place, hold: Hold, words: String },
}

/// A picture in the making: shapes with classes, and its text twin. It becomes SVG in a page and lines in a PDF.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Unique on a page.
    id: &'static str,
    /// The class of the whole.
    class: &'static str,
    /// Width and height.
    pub(super) size: Place,
    /// What it is.
    pub(super) title: String,
    /// All that it shows, in words.
    pub(super) desc: String,
    /// Its shapes with their classes, the lowest first.
    pub(super) shapes: Vec<(&'static str, Shape)>,
}

impl Picture {
    /// A picture of this size in user units, with its text twin; the id is unique on the page.
    pub(super) fn new(
        (id, class): (&'static str, &'static str),
        size: Place,
        title: &str,
        desc: &str,
    ) -> Self {
        Self { id, class, size, title: title.to_owned(), desc: desc.to_owned(), shapes: Vec::new() }
    }

    /// What it is called.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// All that it shows, in words.
    pub fn desc(&self) -> &str {
        &self.desc
    }

    /// Every class that its shapes have.
    pub fn classes(&self) -> impl Iterator<Item = &'static str> {
        self.shapes.iter().map(|(class, _)| *class)
    }

    pub(super) fn rect(&mut self, at: Place, size: Place, class: &'static str) {
        let size = (size.0.max(0.0), size.1.max(0.0));
        self.shapes.push((class, Shape::Rect { at, size, title: None }));
    }

    /// A rectangle with round corners and a text of its own.
    pub(super) fn bar(&mut self, at: Place, size: Place, class: &'static str, title: &str) {
        let size = (size.0.max(1.5), size.1.max(0.0));
        self.shapes.push((class, Shape::Rect { at, size, title: Some(title.to_owned()) }));
    }

    pub(super) fn line(&mut self, from: Place, to: Place, class: &'static str) {
        self.shapes.push((class, Shape::Line { from, to }));
    }

    pub(super) fn path(&mut self, steps: Vec<Step>, class: &'static str) {
        self.shapes.push((class, Shape::Path { steps, title: None }));
    }

    /// A small shape around a point, with a text of its own.
    pub(super) fn mark(&mut self, sign: Sign, at: Place, class: &'static str, title: &str) {
        let title = Some(title.to_owned());
        let shape = match sign {
            Sign::Circle => Shape::Disc { at, radius: 4.5, title },
            sign => Shape::Path { steps: sign.steps(at), title },
        };
        self.shapes.push((class, shape));
    }

    pub(super) fn text(&mut self, at: Place, hold: Hold, class: &'static str, words: &str) {
        self.shapes.push((class, Shape::Text { at, hold, words: words.to_owned() }));
    }

    /// As SVG. Colours come from the page's style sheet, so that it follows light and dark.
    pub fn svg(&self) -> String {
        let mut out = String::with_capacity(self.shapes.len() * 80);
        let id = self.id;
        let _ = write!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="{}" role="img" viewBox="0 0 {} {}" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>"#,
            self.class,
            n(self.size.0),
            n(self.size.1),
            escape(&self.title),
            escape(&self.desc)
        );
        for (class, shape) in &self.shapes {
            shape.put(&mut out, class);
        }
        out.push_str("</svg>");
        out
    }
}

impl Shape {
    fn put(&self, out: &mut String, class: &str) {
        let close = |out: &mut String, tag: &str, title: Option<&String>| match title {
            Some(title) => {
                let _ = write!(out, "><title>{}</title></{tag}>", escape(title));
            }
            None => out.push_str("/>"),
        };
        let _ = match self {
            Self::Rect { at, size, title } => {
                let round = if title.is_some() { r#" rx="2""# } else { "" };
                let (x, y, w, h) = (n(at.0), n(at.1), n(size.0), n(size.1));
                let _ =
                    write!(out, r#"<rect x="{x}" y="{y}" width="{w}" height="{h}"{round} class="{class}""#);
                close(out, "rect", title.as_ref());
                Ok(())
            }
            Self::Line { from, to } => {
                let (a, b, c, d) = (n(from.0), n(from.1), n(to.0), n(to.1));
                write!(out, r#"<line x1="{a}" y1="{b}" x2="{c}" y2="{d}" class="{class}"/>"#)
            }
            Self::Path { steps, title } => {
                let _ = write!(out, r#"<path d="{}" class="{class}""#, drawn(steps));
                close(out, "path", title.as_ref());
                Ok(())
            }
            Self::Disc { at, radius, title } => {
                let (x, y, r) = (n(at.0), n(at.1), n(*radius));
                let _ = write!(out, r#"<circle cx="{x}" cy="{y}" r="{r}" class="{class}""#);
                close(out, "circle", title.as_ref());
                Ok(())
            }
            Self::Text { at, hold, words } => {
                let anchor = match hold {
                    Hold::Start => "",
                    Hold::Middle => r#" text-anchor="middle""#,
                    Hold::End => r#" text-anchor="end""#,
                };
                let (x, y) = (n(at.0), n(at.1));
                write!(out, r#"<text x="{x}" y="{y}"{anchor} class="{class}">{}</text>"#, escape(words))
            }
        };
    }
}

/// A path's `d`; level and upright stretches are short.
fn drawn(steps: &[Step]) -> String {
    let mut d = String::new();
    let mut last = (String::new(), String::new());
    for step in steps {
        let _ = match *step {
            Step::Close => {
                d.push('Z');
                Ok(())
            }
            Step::Move(x, y) => {
                last = (n(x), n(y));
                write!(d, "M{} {}", last.0, last.1)
            }
            Step::Line(x, y) => {
                let to = (n(x), n(y));
                let done = match (to.0 == last.0, to.1 == last.1) {
                    (true, true) => Ok(()),
                    (true, false) => write!(d, "V{}", to.1),
                    (false, true) => write!(d, "H{}", to.0),
                    (false, false) => write!(d, "L{} {}", to.0, to.1),
                };
                last = to;
                done
            }
        };
    }
    d
}

/// Signs that mark a moment; the sign carries the meaning as much as the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Circle,
    Square,
    Diamond,
    Up,
    Down,
    Cross,
}

impl Sign {
    fn steps(self, (x, y): Place) -> Vec<Step> {
        let around: &[Place] = match self {
            Self::Circle => &[],
            Self::Square => &[(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)],
            Self::Diamond => &[(0.0, -5.5), (5.5, 0.0), (0.0, 5.5), (-5.5, 0.0)],
            Self::Up => &[(0.0, -5.5), (5.5, 4.0), (-5.5, 4.0)],
            Self::Down => &[(0.0, 5.5), (5.5, -4.0), (-5.5, -4.0)],
            Self::Cross => {
                let (a, b) = (3.5, 3.5);
                return vec![
                    Step::Move(x - a, y - b),
                    Step::Line(x + a, y + b),
                    Step::Move(x - a, y + b),
                    Step::Line(x + a, y - b),
                ];
            }
        };
        let mut steps: Vec<Step> = around.iter().map(|(dx, dy)| Step::Line(x + dx, y + dy)).collect();
        if let Some(Step::Line(x, y)) = steps.first().copied() {
            steps[0] = Step::Move(x, y);
            steps.push(Step::Close);
        }
        steps
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
