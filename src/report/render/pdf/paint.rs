//! Draws what the layout has set, and hands every part to the tree that a screen reader follows.

use super::{
    layout::{BODY, Drawn, Layout, Mark, PAGE, Role, SIDE, TOP, Tree, single},
    letters::{Ink, Letters, Line, Style, Weight},
    look::{self, Look},
};
use crate::report::render::{
    document::Document,
    picture::{Hold, Picture, Place, Shape, Step},
};
use krilla::{
    Document as Pdf, SerializeSettings,
    color::rgb,
    configure::{Configuration, ConfigurationBuilder, validate::Accessibility},
    destination::XyzDestination,
    geom::{Path, PathBuilder, Point, Rect, Transform},
    metadata::Metadata,
    num::NormalizedF32,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, Stroke, StrokeDash},
    surface::Surface,
    tagging::{
        Artifact, ArtifactType, ContentTag, Identifier, ListNumbering, Node, SpanTag, TableHeaderScope, Tag,
        TagGroup, TagTree,
    },
};
use std::num::NonZeroU16;

const SMALL: Style = Style { weight: Weight::Regular, size: 7.5, ink: Ink::Soft };
/// How far a curve's handle is, for a quarter of a circle of radius 1.
const QUARTER: f32 = 0.552_285;

/// The layout as a PDF. The settings ask the writer to refuse what a screen reader could not follow.
pub(super) fn painted(document: &Document, layout: &Layout<'_>) -> Vec<u8> {
    let mut pdf = Pdf::new_with(SerializeSettings { configuration: readable_by_all(), ..Default::default() });
    pdf.set_metadata(
        Metadata::new()
            .title(layout.letters.shown(&document.title))
            .language("en".to_owned())
            .creator("Gameday".to_owned()),
    );
    let count = layout.pages.len();
    let mut seen: Vec<Vec<Identifier>> = vec![Vec::new(); layout.tree.nodes.len()];
    for (index, marks) in layout.pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE.0, PAGE.1).expect("a page has a size");
        let mut page = pdf.start_page_with(settings);
        let mut surface = page.surface();
        let mut brush = Brush { surface: &mut surface, letters: layout.letters };
        brush.edges(document, index, count);
        let (scale, (x, y)) = (layout.scale, drawn_at(layout.scale, (0.0, 0.0)));
        brush.surface.push_transform(&Transform::from_row(scale, 0.0, 0.0, scale, x, y));
        for mark in marks {
            if let (Some(part), Some(shown)) = (mark.part, brush.mark(mark)) {
                seen[part].push(shown);
            }
        }
        brush.surface.pop();
        surface.finish();
        page.finish();
    }
    let mut outline = Outline::new();
    for (title, page, y) in &layout.outline {
        let (x, y) = drawn_at(layout.scale, (SIDE, *y));
        let place = XyzDestination::new(*page, Point::from_xy(x, y));
        outline.push_child(OutlineNode::new(layout.letters.shown(title), place));
    }
    pdf.set_outline(outline);
    pdf.set_tag_tree(tree(&layout.tree, &mut seen, layout.letters));
    pdf.finish().expect("what is set here is a valid PDF")
}

/// Where on paper something stands: what is drawn smaller begins at the same corner.
fn drawn_at(scale: f32, (x, y): (f32, f32)) -> (f32, f32) {
    (SIDE + (x - SIDE) * scale, TOP + (y - TOP) * scale)
}

fn readable_by_all() -> Configuration {
    ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .expect("one standard agrees with itself")
}

fn tree(tree: &Tree, seen: &mut [Vec<Identifier>], letters: &Letters) -> TagTree {
    let mut tags = TagTree::new().with_lang(Some("en".to_owned()));
    for part in &tree.top {
        tags.push(group(tree, *part, seen, letters));
    }
    tags
}

fn group(tree: &Tree, part: usize, seen: &mut [Vec<Identifier>], letters: &Letters) -> TagGroup {
    let (role, children) = &tree.nodes[part];
    let mut nodes: Vec<Node> = std::mem::take(&mut seen[part]).into_iter().map(Node::Leaf).collect();
    nodes.extend(children.iter().map(|child| Node::Group(group(tree, *child, seen, letters))));
    let shown = |text: &str| Some(letters.shown(text));
    match role {
        Role::Section => TagGroup::with_children(Tag::Section, nodes),
        Role::Heading { level, title } => {
            let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
            TagGroup::with_children(Tag::Hn(level, shown(title)), nodes)
        }
        Role::Paragraph => TagGroup::with_children(Tag::P, nodes),
        Role::Bullets => TagGroup::with_children(Tag::L(ListNumbering::Disc), nodes),
        Role::Numbers => TagGroup::with_children(Tag::L(ListNumbering::Decimal), nodes),
        Role::Item => TagGroup::with_children(Tag::LI, nodes),
        Role::Label => TagGroup::with_children(Tag::Lbl, nodes),
        Role::Body => TagGroup::with_children(Tag::LBody, nodes),
        Role::Table { summary } => TagGroup::with_children(Tag::Table.with_summary(shown(summary)), nodes),
        Role::Caption => TagGroup::with_children(Tag::Caption, nodes),
        Role::Head => TagGroup::with_children(Tag::THead, nodes),
        Role::Rows => TagGroup::with_children(Tag::TBody, nodes),
        Role::Row => TagGroup::with_children(Tag::TR, nodes),
        Role::ColumnName => TagGroup::with_children(Tag::TH(TableHeaderScope::Column), nodes),
        Role::RowName => TagGroup::with_children(Tag::TH(TableHeaderScope::Row), nodes),
        Role::Cell => TagGroup::with_children(Tag::TD, nodes),
        Role::Figure { alt } => TagGroup::with_children(Tag::Figure(shown(alt)), nodes),
    }
}

/// What draws on one page.
struct Brush<'s, 'p, 'l> {
    surface: &'s mut Surface<'p>,
    letters: &'l Letters,
}

impl Brush<'_, '_, '_> {
    /// Head and foot of a page, which nobody has to hear on each.
    fn edges(&mut self, document: &Document, index: usize, count: usize) {
        let foot = format!("{} of {count}", index + 1);
        let (width, low) = (self.letters.width(&foot, SMALL), PAGE.1 - 26.0);
        self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)));
        let title = self.letters.lines(&document.title, SMALL, PAGE.0 - 2.0 * SIDE - 60.0);
        self.words((SIDE, low), title.first());
        self.words((PAGE.0 - SIDE - width, low), self.letters.lines(&foot, SMALL, 90.0).first());
        self.surface.end_tagged();
        if index > 0 {
            self.surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Header)));
            let banner = Style { weight: Weight::Strong, ..SMALL };
            self.words((SIDE, 34.0), self.letters.lines(&document.banner, banner, 400.0).first());
            self.surface.end_tagged();
        }
    }

    /// Draws a mark; answers with what the tree may hold of it.
    fn mark(&mut self, mark: &Mark<'_>) -> Option<Identifier> {
        let text = matches!(mark.drawn, Drawn::Line { .. });
        let tag = match mark.part {
            None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)),
            Some(_) if text => ContentTag::Span(SpanTag::empty()),
            Some(_) => ContentTag::Other,
        };
        let shown = self.surface.start_tagged(tag);
        match &mark.drawn {
            Drawn::Line { at, line } => self.words(*at, Some(line)),
            Drawn::Rule { from, to, ink, width } => {
                self.stroke(Some(look::Stroke { ink: *ink, width: *width, dash: None }));
                self.surface.set_fill(None);
                self.path(|path| {
                    path.move_to(from.0, from.1);
                    path.line_to(to.0, to.1);
                });
            }
            Drawn::Picture { at, scale, picture } => {
                self.surface.push_transform(&Transform::from_row(*scale, 0.0, 0.0, *scale, at.0, at.1));
                self.picture(picture);
                self.surface.pop();
            }
        }
        self.surface.end_tagged();
        mark.part.map(|_| shown)
    }

    fn words(&mut self, (x, y): (f32, f32), line: Option<&Line>) {
        for run in line.iter().flat_map(|line| &line.runs) {
            self.surface.set_stroke(None);
            self.fill(Some((run.style.ink, 1.0)));
            let glyphs = self.letters.glyphs(&run.text, run.style.weight);
            let (at, font) = (Point::from_xy(x + run.x, y), self.letters.font(run.style.weight));
            self.surface.draw_glyphs(at, &glyphs, font, &run.text, run.style.size, false);
        }
    }

    fn picture(&mut self, picture: &Picture) {
        for (class, shape) in &picture.shapes {
            if let Shape::Text { at, hold, words } = shape {
                let style = look::text(class).unwrap_or(BODY);
                let words = self.letters.shown(words);
                let wide = self.letters.width(&words, style);
                let back = match hold {
                    Hold::Start => 0.0,
                    Hold::Middle => wide / 2.0,
                    Hold::End => wide,
                };
                let line = self.letters.lines(&words, style, f32::MAX);
                self.words((single(at.0) - back, single(at.1)), line.first());
                continue;
            }
            let look = look::shape(class).unwrap_or_default();
            self.look(&look);
            self.path(|path| trace(path, shape));
        }
    }

    fn look(&mut self, look: &Look) {
        self.fill(look.fill);
        self.stroke(look.stroke);
    }

    fn fill(&mut self, fill: Option<(Ink, f32)>) {
        self.surface.set_fill(fill.map(|(ink, opacity)| Fill {
            paint: colour(ink).into(),
            opacity: NormalizedF32::new(opacity).unwrap_or(NormalizedF32::ONE),
            ..Fill::default()
        }));
    }

    fn stroke(&mut self, stroke: Option<look::Stroke>) {
        self.surface.set_stroke(stroke.map(|look| Stroke {
            paint: colour(look.ink).into(),
            width: look.width,
            dash: look.dash.map(|(dash, gap)| StrokeDash { array: vec![dash, gap], offset: 0.0 }),
            ..Stroke::default()
        }));
    }

    /// A path of no extent is not drawn.
    fn path(&mut self, trace: impl FnOnce(&mut PathBuilder)) {
        let mut builder = PathBuilder::new();
        trace(&mut builder);
        let path: Option<Path> = builder.finish();
        if let Some(path) = path {
            self.surface.draw_path(&path);
        }
    }
}

fn trace(path: &mut PathBuilder, shape: &Shape) {
    let at = |place: &Place| (single(place.0), single(place.1));
    match shape {
        Shape::Rect { at: corner, size, .. } => {
            let ((x, y), (w, h)) = (at(corner), at(size));
            if let Some(rect) = Rect::from_xywh(x, y, w, h) {
                path.push_rect(rect);
            }
        }
        Shape::Line { from, to } => {
            let ((a, b), (c, d)) = (at(from), at(to));
            path.move_to(a, b);
            path.line_to(c, d);
        }
        Shape::Path { steps, .. } => steps.iter().for_each(|step| match *step {
            Step::Move(x, y) => path.move_to(single(x), single(y)),
            Step::Line(x, y) => path.line_to(single(x), single(y)),
            Step::Close => path.close(),
        }),
        Shape::Disc { at: middle, radius, .. } => disc(path, at(middle), single(*radius)),
        Shape::Text { .. } => {}
    }
}

/// A circle of four curves.
fn disc(path: &mut PathBuilder, (x, y): (f32, f32), r: f32) {
    let h = r * QUARTER;
    path.move_to(x + r, y);
    path.cubic_to(x + r, y + h, x + h, y + r, x, y + r);
    path.cubic_to(x - h, y + r, x - r, y + h, x - r, y);
    path.cubic_to(x - r, y - h, x - h, y - r, x, y - r);
    path.cubic_to(x + h, y - r, x + r, y - h, x + r, y);
    path.close();
}

/// Colours for paper: dark enough on white, and told apart without red and green.
fn colour(ink: Ink) -> rgb::Color {
    let (r, g, b) = match ink {
        Ink::Text => (0x1b, 0x1f, 0x24),
        Ink::Soft => (0x50, 0x59, 0x63),
        Ink::Line => (0xcc, 0xd2, 0xd9),
        Ink::Paper => (0xff, 0xff, 0xff),
        Ink::Measured => (0x00, 0x72, 0xb2),
        Ink::Claimed => (0x9a, 0x60, 0x00),
        Ink::Bad => (0xb3, 0x4e, 0x00),
        Ink::Good => (0x00, 0x66, 0x4b),
        Ink::Role => (0xdd, 0xe7, 0xee),
        Ink::Code => (0x2c, 0x4a, 0x6b),
    };
    rgb::Color::new(r, g, b)
}
