//! The documentation catalogue, to search and to read. What a document says is shown as text with headings, lists and
//! tables; its markup can hold no script, and its links lead to other documents of the catalogue or nowhere.

use crate::{scenario::pack::CatalogueEntry, seed};
use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use std::collections::BTreeMap;

/// Most words of a search that are looked at.
const WORDS_MAX: usize = 8;
/// Characters of a document that are shown around what was found.
const EXCERPT: usize = 140;

/// The texts of the documents by the names of their entries.
#[derive(Debug, Default)]
pub(super) struct Documents(BTreeMap<String, String>);

/// An entry that a search has found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) entry: &'a CatalogueEntry,
    /// The line that matched first, if it was not the title.
    pub(super) excerpt: Option<String>,
}

impl Documents {
    pub(super) fn new(texts: BTreeMap<String, String>) -> Self {
        Self(texts)
    }

    /// A document as it was when the catalogue was made; nothing when it is not here or has changed since.
    pub(super) fn text(&self, entry: &CatalogueEntry) -> Option<&str> {
        let text = self.0.get(&entry.name)?;
        (seed::digest(text.as_bytes()) == entry.digest).then_some(text)
    }

    /// Entries that hold every word of `query`, the best first; all of them, in their order, for an empty query.
    pub(super) fn search<'a>(&self, catalogue: &'a [CatalogueEntry], query: &str) -> Vec<Found<'a>> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query.split_whitespace().take(WORDS_MAX).collect();
        let mut found: Vec<(usize, Found<'a>)> = Vec::new();
        for entry in catalogue {
            let title = format!("{} {}", entry.name, entry.title).to_lowercase();
            let text = self.text(entry).unwrap_or_default();
            let lower = text.to_lowercase();
            if !words.iter().all(|word| title.contains(word) || lower.contains(word)) {
                continue;
            }
            let in_title = words.iter().filter(|word| title.contains(*word)).count();
            let times: usize = words.iter().map(|word| lower.matches(word).count().min(20)).sum();
            let excerpt =
                words.iter().find(|word| !title.contains(*word)).and_then(|word| excerpt(text, word));
            found.push((in_title * 100 + times, Found { entry, excerpt }));
        }
        if !words.is_empty() {
            found.sort_by_key(|(points, _)| std::cmp::Reverse(*points));
        }
        found.into_iter().map(|(_, found)| found).collect()
    }
}

/// The first line with this word, cut.
fn excerpt(text: &str, word: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| line.to_lowercase().contains(word))?;
    let plain: String = line.chars().filter(|c| !matches!(c, '`' | '#' | '*' | '|')).collect();
    Some(crate::report::wording::cut(plain.trim(), EXCERPT))
}

/// A document as markup. `address` gives the page of another document of the catalogue, by its name.
pub(super) fn render(
    text: &str,
    entry: &CatalogueEntry,
    address: impl Fn(&str, &str) -> Option<String>,
) -> Markup {
    let mut headings = entry.anchors.iter();
    // Links that lead nowhere lose their tags; they are closed in the order in which they were opened.
    let mut links = Vec::new();
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(move |event| match event {
        Event::Html(markup) | Event::InlineHtml(markup) => Some(Event::Text(markup)),
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            let id = headings.next().map(|anchor| anchor.clone().into());
            Some(Event::Start(Tag::Heading { level: below_title(level), id, classes, attrs }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below_title(level)))),
        Event::Start(Tag::Table(columns)) => {
            Some(Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()])))
        }
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let (path, anchor) = dest_url.split_once('#').unwrap_or((&dest_url, ""));
            let leads = if path.is_empty() { Some(format!("#{anchor}")) } else { address(path, anchor) };
            links.push(leads.is_some());
            leads.map(|to| Event::Start(Tag::Link { link_type, dest_url: to.into(), title, id }))
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link)),
        other => Some(other),
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    PreEscaped(out)
}

/// The page has a title of its own, so a document's headings begin one level below.
fn below_title(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        _ => HeadingLevel::H5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::pack::CatalogueKind;

    fn entry(name: &str, text: &str) -> CatalogueEntry {
        CatalogueEntry {
            name: name.to_owned(),
            kind: CatalogueKind::Doc,
            title: name.to_owned(),
            address: name.to_owned(),
            anchors: vec!["one".into(), "two".into()],
            digest: seed::digest(text.as_bytes()),
        }
    }

    fn shown(text: &str) -> String {
        let known = |path: &str, anchor: &str| (path == "b.md").then(|| format!("/b#{anchor}"));
        render(text, &entry("a.md", text), known).into_string()
    }

    #[test]
    fn a_document_is_read_with_its_anchors() {
        let page = shown("# One\n\n- `x`\n\n## Two\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n");
        for part in ["<h2 id=\"one\">One</h2>", "<h3 id=\"two\">", "<code>x</code>", "<table>"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("style"), "{page}");
    }

    #[test]
    fn markup_in_a_document_does_nothing() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](https://evil.example/)",
            "![x](https://evil.example/x.png)",
            "<https://evil.example/>",
        ] {
            let page = shown(text);
            assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("href"), "{page}");
        }
        assert!(
            shown("[x](b.md#two) [y](#one)").contains(r##"<a href="/b#two">x</a> <a href="#one">y</a>"##)
        );
    }

    #[test]
    fn a_search_finds_every_word_and_shows_where() {
        let (pool, disk) = ("Pools\n\nThe `pool.size` of web.", "Disks\n\nA volume is full.");
        let catalogue = [entry("a.md", disk), entry("pool.md", pool)];
        let texts =
            [("a.md", disk), ("pool.md", pool)].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let documents = Documents::new(texts.into());
        let names = |query: &str| {
            let found = documents.search(&catalogue, query);
            found.into_iter().map(|one| (one.entry.name.clone(), one.excerpt)).collect::<Vec<_>>()
        };
        assert_eq!(names("").len(), 2);
        assert_eq!(names("SIZE pool"), [("pool.md".into(), Some("The pool.size of web.".into()))]);
        assert_eq!(names("full pool"), []);
    }

    #[test]
    fn a_document_that_has_changed_is_not_shown() {
        let documents = Documents::new([("a.md".to_owned(), "new".to_owned())].into());
        assert_eq!(documents.text(&entry("a.md", "old")), None);
        assert_eq!(documents.text(&entry("a.md", "new")), Some("new"));
    }
}
