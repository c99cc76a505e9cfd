//! A document as one self-contained page: no script, one style element, no address outside the file. Light and dark,
//! phone and paper.

use super::document::{Block, Cell, Column, Document, Figure, Holds, Row, Section, Table, Voice};
use crate::report::{
    debrief::{Field, Open},
    wording::tame,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeSet;

const STYLE: &str = concat!(include_str!("plot.css"), include_str!("page.css"));
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Text as it is shown: tamed, `code` between backticks, a figure never parted from its unit.
fn words(text: &str) -> Markup {
    let tamed = tame(text);
    let parts: Vec<&str> = tamed.split('`').collect();
    // An odd backtick is only a backtick.
    if parts.len().is_multiple_of(2) {
        return html! { (unparted(&tamed)) };
    }
    html! {
        @for (index, part) in parts.iter().enumerate() {
            @if index % 2 == 0 { (unparted(part)) } @else { code { (part) } }
        }
    }
}

fn unparted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for (index, c) in text.char_indices() {
        let rest = &text[index + c.len_utf8()..];
        let unit = ["%", "s", "min", "h", "UTC"].iter().any(|unit| {
            rest.strip_prefix(unit).is_some_and(|after| !after.starts_with(char::is_alphanumeric))
        });
        let tied = c == ' ' && before.is_ascii_digit() && unit;
        out.push(if tied { '\u{a0}' } else { c });
        before = c;
    }
    out
}

/// The whole page.
pub(super) fn html(document: &Document) -> String {
    let page = Page { anchors: anchors(document) };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
                title { "Debrief: " (tame(&document.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body class=[document.sheet.then_some("sheet")] {
                div class="banner" { strong { (document.banner) } span { (document.purpose) } }
                header class="top" {
                    h1 { (words(&document.title)) }
                    @for block in &document.lead { (page.block(block)) }
                }
                main {
                    @for section in &document.sections { (page.section(section)) }
                    footer { (words(&document.source)) }
                }
            }
        }
    };
    page.into_string()
}

/// The sections alone, for a page of somebody else's.
pub(super) fn sections(document: &Document) -> String {
    let page = Page { anchors: anchors(document) };
    html! { @for section in &document.sections { (page.section(section)) } }.into_string()
}

/// Events that have a row to point to.
fn anchors(document: &Document) -> BTreeSet<u64> {
    let blocks = document.sections.iter().flat_map(|section| &section.blocks);
    let tables = blocks.filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables.flat_map(|table| &table.rows).filter_map(|row| row.event).collect()
}

struct Page {
    anchors: BTreeSet<u64>,
}

impl Page {
    fn section(&self, section: &Section) -> Markup {
        let blocks = html! {
            h2 { (words(&section.title)) }
            @for block in &section.blocks { (self.block(block)) }
        };
        if section.reveals {
            html! { section class="reveal" id="reveal" { (blocks) } }
        } else {
            html! { section { (blocks) } }
        }
    }

    fn block(&self, block: &Block) -> Markup {
        match block {
            Block::Heading(text) => html! { h3 { (words(text)) } },
            Block::Minor(text) => html! { h4 { (words(text)) } },
            Block::Paragraph(Voice::Plain, text) => html! { p { (words(text)) } },
            Block::Paragraph(Voice::Lede, text) => html! { p class="lede" { (words(text)) } },
            Block::Paragraph(Voice::Note, text) => html! { p class="note" { (words(text)) } },
            Block::Paragraph(Voice::Asks, text) => html! { p class="asks" { (words(text)) } },
            Block::Paragraph(Voice::Told, text) => html! { p class="quote" { (words(text)) } },
            Block::List(items) => html! { ul { @for item in items { li { (words(item)) } } } },
            Block::Steps(items) => html! { ol { @for item in items { li { (words(item)) } } } },
            Block::Facts(facts) => html! {
                dl class="facts" {
                    @for fact in facts { div { dt { (words(&fact.name)) } dd { (words(&fact.value)) } } }
                }
            },
            Block::Fields(fields) => pairs(fields),
            Block::Table(table) => self.table(table),
            Block::Opens(list) => self.opens(list),
            Block::Figure(figure) => picture(figure),
        }
    }

    fn table(&self, table: &Table) -> Markup {
        let lanes = table.rows.iter().any(|row| row.lane.is_some());
        let room = table.columns.iter().all(|column| column.holds == Holds::Room);
        let class = match (lanes, room) {
            (true, _) => "lanes",
            (_, true) => "blank",
            _ => "stack",
        };
        html! {
            div class="scroll" {
                table class=(class) {
                    @if !table.caption.is_empty() { caption { (words(&table.caption)) } }
                    thead { tr { @for column in &table.columns { th scope="col" class=[named(column, lanes)] { (words(&column.name)) } } } }
                    tbody { @for row in &table.rows { (self.row(row, table, lanes)) } }
                }
            }
        }
    }

    fn row(&self, row: &Row, table: &Table, lanes: bool) -> Markup {
        let lane = row.lane.map(|lane| format!("lane-{lane}"));
        html! {
            tr class=[lane] id=[row.event.map(|seq| format!("e{seq}"))] {
                @for (column, cell) in table.columns.iter().zip(&row.cells) {
                    @if column.holds == Holds::Name {
                        th scope="row" { (self.cell(cell)) }
                    } @else {
                        td class=[named(column, lanes)] data-l=[labelled(column, lanes)] { (self.cell(cell)) }
                    }
                }
            }
        }
    }

    fn opens(&self, list: &[Open]) -> Markup {
        html! {
            div class="grid" {
                @for open in list {
                    div class={ "open" @if open.filled.is_some() { " filled" } } {
                        b { (words(&open.name)) }
                        @match &open.filled {
                            None => span { (words(&open.question)) },
                            Some(filled) => span { (self.cell(&filled.into())) },
                        }
                    }
                }
            }
        }
    }

    fn cell(&self, cell: &Cell) -> Markup {
        html! {
            (words(&cell.text))
            @for seq in &cell.events {
                @if self.anchors.contains(seq) { a href={ "#e" (seq) } { "#" (seq) } " " } @else { "#" (seq) " " }
            }
        }
    }
}

/// The class of a column's cells; a timeline's columns are known by their names.
fn named(column: &Column, lanes: bool) -> Option<&'static str> {
    match (column.holds, column.name.as_str()) {
        (Holds::Figure, "UTC") if lanes => Some("num utc"),
        (Holds::Figure, "Kind") if lanes => Some("lane"),
        (Holds::Words, _) if lanes => Some("what"),
        (Holds::Events, _) if lanes => Some("num seen"),
        (Holds::Figure | Holds::Events, _) => Some("num"),
        _ => None,
    }
}

/// On a narrow screen a cell stands under its row's heading, and says what it is.
fn labelled(column: &Column, lanes: bool) -> Option<String> {
    (!lanes && !column.name.is_empty()).then(|| format!("{}:", column.name))
}

fn pairs(fields: &[Field]) -> Markup {
    html! {
        dl class="pairs" {
            @for field in fields { dt { (words(&field.name)) } dd { (words(&field.value)) } }
        }
    }
}

fn picture(figure: &Figure) -> Markup {
    html! {
        figure {
            div class="wide" tabindex="0" role="group" aria-label={ "Picture: " (tame(figure.picture.title())) } {
                (PreEscaped(figure.picture.svg()))
            }
            figcaption {
                (words(&figure.caption))
                details { summary { "The picture in words" } p { (words(figure.picture.desc())) } }
            }
        }
    }
}
