//! A document as Markdown that a wiki accepts. Text that somebody typed is escaped in one place, [`safe`].

use super::document::{Block, Cell, Document, Holds, Section, Table, Voice};
use crate::report::{
    debrief::{Field, Open},
    wording,
};

/// The whole document.
pub(super) fn markdown(document: &Document) -> String {
    let mut page = Page::default();
    page.paragraph(&format!("**{}** {}", document.banner, document.purpose));
    page.paragraph(&format!("# {}", safe(&document.title)));
    for block in &document.lead {
        page.block(block);
    }
    for section in &document.sections {
        page.section(section);
    }
    page.paragraph(&format!("_{}_", safe(&document.source)));
    page.out
}

/// The sections alone, one level deeper than their page.
pub(super) fn sections(document: &Document) -> String {
    let mut page = Page::default();
    document.sections.iter().for_each(|section| page.section(section));
    page.out.trim_end().to_owned()
}

/// Makes a text harmless in Markdown: one line, no control characters, no markup, no link, no list.
/// Plain words between two backticks stay code.
pub(crate) fn safe(text: &str) -> String {
    let tamed = wording::tame(text);
    let tamed = tamed.trim();
    let parts: Vec<&str> = tamed.split('`').collect();
    let last = parts.len() - 1;
    let paired = !parts.len().is_multiple_of(2);
    let apart = parts.iter().enumerate().all(|(index, part)| index == 0 || index == last || !part.is_empty());
    let plain = |part: &&str| !part.contains(['<', '>', '&', '|', '[', ']', '\\']);
    if last == 0 || !paired || !apart || !parts.iter().skip(1).step_by(2).all(plain) {
        return escaped(tamed);
    }
    let spans = parts
        .iter()
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { escaped(part) } else { format!("`{part}`") });
    spans.collect()
}

fn escaped(tamed: &str) -> String {
    let mut safe = String::with_capacity(tamed.len() + 8);
    let mut digits_only = true;
    for (index, c) in tamed.char_indices() {
        let rest = &tamed[index..];
        let escape = match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '$' => true,
            // At the beginning these would make a list, a rule or a heading.
            '-' | '+' | '=' => index == 0,
            // A number makes a list only before a gap: 1.00 does not.
            '.' | ')' if index > 0 && digits_only => rest.len() == 1 || rest[1..].starts_with(' '),
            // Bare addresses must not become links.
            ':' => rest.starts_with("://"),
            '.' => tamed[..index].to_ascii_lowercase().ends_with("www"),
            _ => false,
        };
        digits_only &= c.is_ascii_digit();
        if escape {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

#[derive(Default)]
struct Page {
    out: String,
}

impl Page {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn paragraph(&mut self, text: &str) {
        self.line(text);
        self.line("");
    }

    fn section(&mut self, section: &Section) {
        if section.reveals {
            self.paragraph("---");
        }
        self.paragraph(&format!("## {}", safe(&section.title)));
        for block in &section.blocks {
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(text) => self.paragraph(&format!("### {}", safe(text))),
            Block::Minor(text) => self.paragraph(&format!("**{}**", safe(text))),
            Block::Paragraph(voice, text) => self.paragraph(&match voice {
                Voice::Plain | Voice::Told => safe(text),
                Voice::Lede => format!("**{}**", safe(text)),
                Voice::Note => format!("_{}_", safe(text)),
                Voice::Asks => format!("> **To talk about:** {}", safe(text)),
            }),
            Block::List(items) => self.list(items.iter().map(|item| format!("- {}", safe(item)))),
            Block::Steps(items) => {
                self.list((1..).zip(items).map(|(nth, item)| format!("{nth}. {}", safe(item))));
            }
            Block::Facts(facts) => self.facts(facts),
            Block::Fields(fields) => {
                let field = |field: &Field| format!("- **{}:** {}", safe(&field.name), safe(&field.value));
                self.list(fields.iter().map(field));
            }
            Block::Table(table) => self.table(table),
            Block::Opens(opens) => self.opens(opens),
            Block::Figure(figure) => {
                let (title, desc) = (safe(figure.picture.title()), safe(figure.picture.desc()));
                self.paragraph(&format!("**{title}.** {desc} _{}_", safe(&figure.caption)));
            }
        }
    }

    fn list(&mut self, items: impl IntoIterator<Item = String>) {
        for item in items {
            self.line(&item);
        }
        self.line("");
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<_> = cells.into_iter().collect();
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn facts(&mut self, facts: &[Field]) {
        self.row(facts.iter().map(|fact| safe(&fact.name)));
        self.row(facts.iter().map(|_| "---".to_owned()));
        self.row(facts.iter().map(|fact| safe(&fact.value)));
        self.line("");
    }

    fn table(&mut self, table: &Table) {
        self.row(table.columns.iter().map(|column| safe(&column.name)));
        self.row(table.columns.iter().map(|_| "---".to_owned()));
        let room = table.columns.iter().all(|column| column.holds == Holds::Room);
        // Empty lines are for paper; a wiki grows its own.
        for row in table.rows.iter().take(if room { 1 } else { usize::MAX }) {
            self.row(row.cells.iter().map(cell));
        }
        self.line("");
    }

    fn opens(&mut self, opens: &[Open]) {
        for open in opens {
            self.paragraph(&format!("**{}** _{}_", safe(&open.name), safe(&open.question)));
            self.paragraph(&match &open.filled {
                None => "> (to be filled in by the team)".to_owned(),
                Some(filled) => format!("> {}", cell(&filled.into())),
            });
        }
    }
}

fn cell(cell: &Cell) -> String {
    if cell.text.is_empty() && cell.events.is_empty() {
        return " ".to_owned();
    }
    safe(&cell.plain())
}
