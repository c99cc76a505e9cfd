//! A write-up as headings, paragraphs, lists, tables and pictures: the one thing that every format is made from.
//!
//! Texts are plain, with `code` between backticks; each format escapes them in a place of its own.

use super::picture::Picture;
use crate::report::debrief::{Compared, Field, Filled, Open, TimelineRow};

/// Events that are named beside what they show.
pub(super) const EVENTS_MAX: usize = 6;

/// A whole write-up: the debrief, a house's view of it, or several runs side by side.
#[derive(Debug, Clone)]
pub struct Document {
    /// Stands above everything: what this is.
    pub banner: String,
    /// What it is not for.
    pub purpose: String,
    /// Its title.
    pub title: String,
    /// What stands under the title.
    pub lead: Vec<Block>,
    /// Its sections.
    pub sections: Vec<Section>,
    /// Where it comes from: drill, scenario, seed, digest.
    pub source: String,
    /// Whether it is handed out as one page of paper.
    pub sheet: bool,
}

/// A heading with what belongs to it.
#[derive(Debug, Clone)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Whether the truth begins here.
    pub reveals: bool,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// One piece of a section.
#[derive(Debug, Clone)]
pub enum Block {
    /// A heading within a section.
    Heading(String),
    /// A heading within that.
    Minor(String),
    /// A paragraph.
    Paragraph(Voice, String),
    /// Points, or numbered questions.
    List(Vec<String>),
    /// Steps in order.
    Steps(Vec<String>),
    /// The few facts at the head of a page, in one line where there is room.
    Facts(Vec<Field>),
    /// Labels with their values, one a line.
    Fields(Vec<Field>),
    /// A table.
    Table(Table),
    /// Questions that only people can answer, with room for the answer.
    Opens(Vec<Open>),
    /// A picture with what it says in words.
    Figure(Figure),
}

/// How a paragraph sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Like the rest.
    Plain,
    /// The one line at the head.
    Lede,
    /// An aside: how something is measured.
    Note,
    /// The author's own words.
    Told,
    /// A question that opens a talk.
    Asks,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// What it shows; read out before it.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// What its cells hold.
    pub holds: Holds,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// What the row is about: a heading of the row.
    Name,
    /// Words.
    Words,
    /// Times, numbers, ids: never broken.
    Figure,
    /// Journal events that show it.
    Events,
    /// Nothing yet: room to write.
    Room,
}

/// A row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// The journal event that it is about, if others may point to it.
    pub event: Option<u64>,
    /// The kind of a timeline's line.
    pub lane: Option<&'static str>,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Journal events.
    pub events: Vec<u64>,
}

/// A picture with its text twin.
#[derive(Debug, Clone)]
pub struct Figure {
    /// The picture; its description says everything that it shows.
    pub picture: Picture,
    /// How to read it.
    pub caption: String,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&Filled> for Cell {
    fn from(filled: &Filled) -> Self {
        Self { text: filled.text.clone(), events: filled.evidence.iter().copied().take(EVENTS_MAX).collect() }
    }
}

impl Cell {
    /// A cell that names events.
    pub fn events(events: impl IntoIterator<Item = u64>) -> Self {
        Self { events: events.into_iter().collect(), ..Self::default() }
    }

    /// The cell as plain words.
    pub fn plain(&self) -> String {
        let events: Vec<_> = self.events.iter().map(|seq| format!("#{seq}")).collect();
        match (self.text.is_empty(), events.is_empty()) {
            (_, true) => self.text.clone(),
            (true, false) => events.join(" "),
            (false, false) => format!("{} {}", self.text, events.join(" ")),
        }
    }
}

impl<C: Into<Cell>, const N: usize> From<[C; N]> for Row {
    fn from(cells: [C; N]) -> Self {
        Self { cells: cells.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, ..Self::default() }
    }
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), reveals: false, blocks: Vec::new() }
    }

    /// A plain paragraph more.
    pub fn says(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Paragraph(Voice::Plain, text.into()));
        self
    }

    /// An aside more.
    pub fn notes(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Paragraph(Voice::Note, text.into()));
        self
    }

    /// A question for the talk more.
    pub fn asks(mut self, question: impl Into<String>) -> Self {
        self.blocks.push(Block::Paragraph(Voice::Asks, question.into()));
        self
    }

    /// Points more, unless there are none.
    pub fn lists(mut self, items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
        self
    }

    /// A heading and points more, unless there are none.
    pub fn lists_under(mut self, heading: &str, items: &[String]) -> Self {
        if !items.is_empty() {
            self.blocks.push(Block::Heading(heading.to_owned()));
            self.blocks.push(Block::List(items.to_vec()));
        }
        self
    }

    /// One block more.
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }

    /// A heading more.
    pub fn headed(self, heading: &str) -> Self {
        self.with(Block::Heading(heading.to_owned()))
    }

    /// A picture more, if there is one.
    pub fn pictures(mut self, picture: Option<Picture>, caption: &str) -> Self {
        self.blocks
            .extend(picture.map(|picture| Block::Figure(Figure { picture, caption: caption.to_owned() })));
        self
    }

    /// A table more, or a sentence where it has no rows.
    pub fn table_or(self, table: Table, none: &str) -> Self {
        if table.rows.is_empty() { self.says(none) } else { self.with(table) }
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl Table {
    /// A table with these columns.
    pub fn new<const N: usize>(caption: &str, columns: [(&str, Holds); N]) -> Self {
        let column = |(name, holds): (&str, Holds)| Column { name: name.to_owned(), holds };
        Self {
            caption: caption.to_owned(),
            columns: columns.into_iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// With these rows.
    pub fn of<R: Into<Row>>(mut self, rows: impl IntoIterator<Item = R>) -> Self {
        self.rows.extend(rows.into_iter().map(Into::into));
        self
    }

    /// What was claimed beside what is so.
    pub fn compared((caption, name, actual): (&str, &str, &str), rows: &[Compared]) -> Self {
        Self::new(caption, [(name, Holds::Name), ("Claimed", Holds::Words), (actual, Holds::Words)])
            .of(rows.iter().map(|row| [row.name.as_str(), row.claimed.as_str(), row.actual.as_str()]))
    }

    /// Lines of a timeline. With `anchors` others may point to them.
    pub fn lines(caption: &str, rows: &[TimelineRow], anchors: bool) -> Self {
        let columns = [
            ("UTC", Holds::Figure),
            ("T+", Holds::Figure),
            ("Kind", Holds::Figure),
            ("What", Holds::Words),
            ("Event", Holds::Events),
        ];
        Self::new(caption, columns).of(rows.iter().map(|row| Row {
            event: anchors.then_some(row.seq),
            lane: Some(row.lane.as_str()),
            cells: vec![
                row.moment.utc.clone().into(),
                row.moment.offset.clone().into(),
                row.lane.as_str().into(),
                row.text.clone().into(),
                Cell::events([row.seq]),
            ],
        }))
    }
}
