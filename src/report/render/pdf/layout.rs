//! Where everything stands: lines of text, rules and pictures on numbered pages, each with its place in the tree that a
//! screen reader follows. Nothing is drawn here.

use super::{
    letters::{Ink, Letters, Line, Style, Weight},
    table,
};
use crate::report::{
    debrief::{Field, Filled, Open},
    render::{
        document::{Block, Cell, Document, Figure, Section, Voice},
        picture::Picture,
    },
};

/// A4, in points.
pub(super) const PAGE: (f32, f32) = (595.0, 842.0);
/// Left and right.
pub(super) const SIDE: f32 = 46.0;
pub(super) const TOP: f32 = 58.0;
const BOTTOM: f32 = 794.0;
/// No sheet is drawn smaller: what does not fit then goes on over the page.
const SMALLEST: f32 = 0.76;
const WIDTH: f32 = PAGE.0 - 2.0 * SIDE;
/// How far a block is from the next.
const GAP: f32 = 7.0;
/// Room for an answer by hand.
const ANSWER: f32 = 44.0;

pub(super) const BODY: Style = Style { weight: Weight::Regular, size: 9.5, ink: Ink::Text };
const LEDE: Style = Style { weight: Weight::Strong, size: 11.0, ink: Ink::Text };
const NOTE: Style = Style { weight: Weight::Regular, size: 8.5, ink: Ink::Soft };
const ASKS: Style = Style { weight: Weight::Strong, size: 9.5, ink: Ink::Claimed };
const STRONG: Style = Style { weight: Weight::Strong, size: 9.5, ink: Ink::Text };

/// What a part of the document is, to somebody who does not see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Role {
    Section,
    Heading { level: u16, title: String },
    Paragraph,
    Bullets,
    Numbers,
    Item,
    Label,
    Body,
    Table { summary: String },
    Caption,
    Head,
    Rows,
    Row,
    ColumnName,
    RowName,
    Cell,
    Figure { alt: String },
}

/// The tree of parts; the first node is the root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<(Role, Vec<usize>)>,
    /// What hangs under the document itself.
    pub(super) top: Vec<usize>,
}

impl Tree {
    pub(super) fn add(&mut self, under: Option<usize>, role: Role) -> usize {
        let node = self.nodes.len();
        self.nodes.push((role, Vec::new()));
        match under {
            Some(under) => self.nodes[under].1.push(node),
            None => self.top.push(node),
        }
        node
    }
}

/// What is drawn, with the part that it belongs to; without one it is decoration.
#[derive(Debug)]
pub(super) struct Mark<'d> {
    pub(super) part: Option<usize>,
    pub(super) drawn: Drawn<'d>,
}

#[derive(Debug)]
pub(super) enum Drawn<'d> {
    Line { at: (f32, f32), line: Line },
    Rule { from: (f32, f32), to: (f32, f32), ink: Ink, width: f32 },
    Picture { at: (f32, f32), scale: f32, picture: &'d Picture },
}

/// A document on pages.
pub(super) struct Layout<'d> {
    pub(super) letters: &'d Letters,
    pub(super) pages: Vec<Vec<Mark<'d>>>,
    pub(super) tree: Tree,
    /// Headings with their page and place.
    pub(super) outline: Vec<(String, usize, f32)>,
    pub(super) y: f32,
    /// How much smaller than it is set everything is drawn; a page holds so much more.
    pub(super) scale: f32,
    /// What stands between the sides.
    pub(super) width: f32,
}

/// Sets a document; a sheet as large as it fits on one page.
pub(super) fn set<'d>(document: &'d Document, letters: &'d Letters) -> Layout<'d> {
    let mut scale = 1.0;
    loop {
        let layout = set_at(document, letters, scale);
        if !document.sheet || layout.pages.len() == 1 || scale < SMALLEST {
            return layout;
        }
        scale -= 0.02;
    }
}

fn set_at<'d>(document: &'d Document, letters: &'d Letters, scale: f32) -> Layout<'d> {
    let mut layout = Layout {
        letters,
        scale,
        width: WIDTH / scale,
        pages: vec![Vec::new()],
        tree: Tree::default(),
        outline: Vec::new(),
        y: TOP - 12.0,
    };
    let banner = format!("{}. {}", document.banner, document.purpose);
    layout.paragraph(None, Role::Paragraph, &banner, NOTE);
    layout.y += 6.0;
    let title = Role::Heading { level: 1, title: document.title.clone() };
    let style = Style { weight: Weight::Strong, size: 19.0, ink: Ink::Text };
    layout.paragraph(None, title, &document.title, style);
    for block in &document.lead {
        layout.block(None, block);
    }
    for section in &document.sections {
        layout.section(section);
    }
    layout.y += 10.0;
    layout.paragraph(None, Role::Paragraph, &document.source, NOTE);
    layout
}

impl<'d> Layout<'d> {
    /// How far down there is room.
    pub(super) fn room(&self) -> f32 {
        TOP + self.whole_page() - self.y
    }

    /// The room of an empty page.
    pub(super) fn whole_page(&self) -> f32 {
        (BOTTOM - TOP) / self.scale
    }

    pub(super) fn turn(&mut self) {
        self.pages.push(Vec::new());
        self.y = TOP;
    }

    /// Turns the page unless so much fits.
    pub(super) fn need(&mut self, height: f32) {
        if height > self.room() && self.y > TOP {
            self.turn();
        }
    }

    pub(super) fn put(&mut self, part: Option<usize>, drawn: Drawn<'d>) {
        self.pages.last_mut().expect("there is always a page").push(Mark { part, drawn });
    }

    /// One line with its top at `y`.
    pub(super) fn put_line(&mut self, part: Option<usize>, x: f32, size: f32, line: Line) {
        let at = (x, self.y + size);
        self.put(part, Drawn::Line { at, line });
    }

    pub(super) fn rule(&mut self, from: (f32, f32), to: (f32, f32), ink: Ink, width: f32) {
        self.put(None, Drawn::Rule { from, to, ink, width });
    }

    /// Lines that flow from page to page.
    pub(super) fn flow(&mut self, part: usize, text: &str, style: Style, (x, width): (f32, f32)) {
        let high = line_height(style);
        for line in self.letters.lines(text, style, width) {
            self.need(high);
            self.put_line(Some(part), x, style.size, line);
            self.y += high;
        }
    }

    fn paragraph(&mut self, under: Option<usize>, role: Role, text: &str, style: Style) {
        let part = self.tree.add(under, role);
        self.flow(part, text, style, (SIDE, self.width));
        self.y += GAP;
    }

    fn heading(&mut self, under: Option<usize>, level: u16, text: &str) {
        let (size, before) = match level {
            2 => (13.5, 12.0),
            3 => (10.5, 5.0),
            _ => (9.5, 3.0),
        };
        self.y += before;
        // A heading never stands alone at the foot of a page.
        self.need(size * 1.4 + 100.0);
        if level == 2 {
            self.outline.push((text.to_owned(), self.pages.len() - 1, self.y));
        }
        let style = Style { weight: Weight::Strong, size, ink: Ink::Text };
        self.paragraph(under, Role::Heading { level, title: text.to_owned() }, text, style);
        self.y -= GAP - 3.0;
    }

    fn section(&mut self, section: &'d Section) {
        let part = self.tree.add(None, Role::Section);
        if section.reveals {
            self.turn();
            self.rule((SIDE, self.y - 6.0), (SIDE + self.width, self.y - 6.0), Ink::Claimed, 2.5);
        }
        self.heading(Some(part), 2, &section.title);
        for block in &section.blocks {
            self.block(Some(part), block);
        }
    }

    fn block(&mut self, under: Option<usize>, block: &'d Block) {
        match block {
            Block::Heading(text) => self.heading(under, 3, text),
            Block::Minor(text) => self.heading(under, 4, text),
            Block::Paragraph(voice, text) => {
                let style = match voice {
                    Voice::Plain | Voice::Told => BODY,
                    Voice::Asks => ASKS,
                    Voice::Lede => LEDE,
                    Voice::Note => NOTE,
                };
                self.paragraph(under, Role::Paragraph, text, style);
            }
            Block::List(items) => self.list(under, Role::Bullets, items),
            Block::Steps(items) => self.list(under, Role::Numbers, items),
            Block::Facts(fields) => self.facts(under, fields),
            Block::Fields(fields) => self.fields(under, fields),
            Block::Table(table) => {
                table::set(self, under, table);
                self.y += GAP;
            }
            Block::Opens(opens) => opens.iter().for_each(|open| self.open(under, open)),
            Block::Figure(figure) => self.figure(under, figure),
        }
    }

    fn list(&mut self, under: Option<usize>, role: Role, items: &[String]) {
        let numbered = role == Role::Numbers;
        let list = self.tree.add(under, role);
        for (index, text) in items.iter().enumerate() {
            let label = if numbered { format!("{}.", index + 1) } else { "\u{2022}".to_owned() };
            self.item(list, &label, text, (BODY, if numbered { 26.0 } else { 16.0 }));
        }
        self.y += GAP;
    }

    /// Labels with their values, as many on a line as fit.
    fn facts(&mut self, under: Option<usize>, facts: &[Field]) {
        const INNER: f32 = 5.0;
        const OUTER: f32 = 18.0;
        let soft = Style { ink: Ink::Soft, ..BODY };
        let letters = self.letters;
        let line = |text, style| letters.lines(text, style, f32::MAX).into_iter().next().unwrap_or_default();
        let set: Vec<_> =
            facts.iter().map(|fact| (line(&fact.name, soft), line(&fact.value, BODY))).collect();
        let width = |(name, value): &(Line, Line)| name.width + INNER + value.width;
        if set.iter().any(|fact| width(fact) > self.width) {
            return self.fields(under, facts);
        }
        let list = self.tree.add(under, Role::Bullets);
        let (high, mut x) = (line_height(BODY), SIDE);
        self.need(high);
        for fact in set {
            if x + width(&fact) > SIDE + self.width {
                x = SIDE;
                self.y += high + 1.5;
                self.need(high);
            }
            let item = self.tree.add(Some(list), Role::Item);
            let next = x + width(&fact) + OUTER;
            let inner = x + fact.0.width + INNER;
            for (role, at, line) in [(Role::Label, x, fact.0), (Role::Body, inner, fact.1)] {
                let part = self.tree.add(Some(item), role);
                self.put_line(Some(part), at, BODY.size, line);
            }
            x = next;
        }
        self.y += high + GAP;
    }

    fn fields(&mut self, under: Option<usize>, fields: &[Field]) {
        let list = self.tree.add(under, Role::Bullets);
        for field in fields {
            let soft = Style { ink: Ink::Soft, ..BODY };
            self.item(list, &field.name, &field.value, (soft, 150.0));
        }
        self.y += GAP;
    }

    fn item(&mut self, list: usize, label: &str, text: &str, (style, indent): (Style, f32)) {
        let item = self.tree.add(Some(list), Role::Item);
        let (name, body) = (self.tree.add(Some(item), Role::Label), self.tree.add(Some(item), Role::Body));
        let labels = self.letters.lines(label, style, indent - 8.0);
        let high = line_height(BODY);
        self.need(labels.len() as f32 * high);
        let (top, page) = (self.y, self.pages.len());
        for (nth, line) in labels.iter().enumerate() {
            let at = (SIDE, top + nth as f32 * high + style.size);
            self.put(Some(name), Drawn::Line { at, line: line.clone() });
        }
        self.flow(body, text, BODY, (SIDE + indent, self.width - indent));
        if page == self.pages.len() {
            self.y = self.y.max(top + labels.len() as f32 * high);
        }
        self.y += 1.5;
    }

    /// A question with room for what people answer, or with their answer.
    fn open(&mut self, under: Option<usize>, open: &Open) {
        if let Some(filled) = &open.filled {
            return self.answered(under, open, filled);
        }
        self.need(ANSWER + 50.0);
        let top = self.y;
        let inner = (SIDE + 10.0, self.width - 10.0);
        let name = self.tree.add(under, Role::Paragraph);
        self.flow(name, &open.name, STRONG, inner);
        let question = self.tree.add(under, Role::Paragraph);
        self.flow(question, &open.question, NOTE, inner);
        self.y += ANSWER;
        self.rule((SIDE + 1.0, top), (SIDE + 1.0, self.y), Ink::Claimed, 1.6);
        self.rule((SIDE, self.y), (SIDE + self.width, self.y), Ink::Line, 0.6);
        self.y += GAP;
    }

    /// What the team wrote. It may go on over the page, so no rule is drawn beside it.
    fn answered(&mut self, under: Option<usize>, open: &Open, filled: &Filled) {
        self.need(50.0);
        let inner = (SIDE + 10.0, self.width - 10.0);
        let said = Cell::from(filled).plain();
        for (text, style) in [(&open.name, STRONG), (&said, BODY)] {
            let part = self.tree.add(under, Role::Paragraph);
            self.flow(part, text, style, inner);
        }
        self.y += GAP;
    }

    fn figure(&mut self, under: Option<usize>, figure: &'d Figure) {
        let (wide, high) = (single(figure.picture.size.0), single(figure.picture.size.1));
        let scale = (self.width / wide).min(0.74).min((self.whole_page() - 60.0) / high);
        self.need(high * scale + 30.0);
        let alt = format!("{}. {}", figure.picture.title(), figure.picture.desc());
        let part = self.tree.add(under, Role::Figure { alt });
        self.put(Some(part), Drawn::Picture { at: (SIDE, self.y), scale, picture: &figure.picture });
        self.y += high * scale + 3.0;
        self.paragraph(under, Role::Paragraph, &figure.caption, NOTE);
    }
}

pub(super) fn line_height(style: Style) -> f32 {
    style.size * 1.38
}

/// Pictures are reckoned finer than paper needs.
#[expect(clippy::cast_possible_truncation, reason = "a place on paper needs no more than single precision")]
pub(super) fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        Journal, debrief,
        tests::builder::{do_nothing, perfect},
    };
    use std::collections::BTreeSet;

    fn document(play: crate::report::tests::builder::Play) -> Document {
        let journal = play.journal();
        Document::of(&debrief(&Journal::new(&journal).unwrap()))
    }

    #[test]
    fn nothing_leaves_the_page() {
        for play in [perfect(), do_nothing()] {
            let document = document(play);
            let letters = Letters::new();
            let layout = set(&document, &letters);
            for mark in layout.pages.iter().flatten() {
                let (right, low) = match &mark.drawn {
                    Drawn::Line { at, line } => (at.0 + line.width, at.1),
                    Drawn::Rule { to, .. } => *to,
                    Drawn::Picture { at, scale, picture } => {
                        (at.0 + single(picture.size.0) * scale, at.1 + single(picture.size.1) * scale)
                    }
                };
                assert!(right <= PAGE.0 - SIDE + 1.0 && low <= BOTTOM + 6.0, "{right} {low} {mark:?}");
            }
        }
    }

    #[test]
    fn whoever_cannot_see_is_told_everything_once() {
        let document = document(perfect());
        let letters = Letters::new();
        let layout = set(&document, &letters);
        // Every part hangs on the tree, and what is drawn belongs to a leaf of it.
        let mut hung: BTreeSet<usize> = layout.tree.top.iter().copied().collect();
        for (_, children) in &layout.tree.nodes {
            hung.extend(children);
        }
        assert_eq!(hung.len(), layout.tree.nodes.len());
        let mut spoken = String::new();
        for mark in layout.pages.iter().flatten() {
            if let (Some(part), Drawn::Line { line, .. }) = (mark.part, &mark.drawn) {
                assert!(layout.tree.nodes[part].1.is_empty());
                spoken.extend(line.runs.iter().map(|run| run.text.as_str()));
                spoken.push(' ');
            }
        }
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let spoken = words(&spoken);
        for section in &document.sections {
            assert!(spoken.contains(&words(&section.title)), "{}", section.title);
            for block in &section.blocks {
                if let Block::Paragraph(_, text) = block {
                    assert!(spoken.contains(&words(&letters.shown(text).replace('`', ""))), "{text}");
                }
            }
        }
    }
}
