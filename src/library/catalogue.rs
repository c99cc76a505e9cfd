//! The documentation catalogue of a pack: one entry for each document in its folder.

use super::folder::{Folder, FolderError};
use crate::scenario::pack::{CatalogueEntry, CatalogueKind};
use std::collections::BTreeMap;

/// Entries for every Markdown file beneath the folder `docs` of a pack, sorted by name.
pub fn entries(pack: &Folder, docs: &str) -> Result<Vec<CatalogueEntry>, FolderError> {
    let folder = pack.beneath(docs);
    let mut entries = Vec::new();
    for path in folder.list("md") {
        let bytes = folder.read(&path)?;
        entries.push(entry(&path, &bytes));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// The text of every document that [`entries`] lists, by the name of its entry.
pub fn documents(pack: &Folder, docs: &str) -> Result<BTreeMap<String, String>, FolderError> {
    let folder = pack.beneath(docs);
    let mut documents = BTreeMap::new();
    for path in folder.list("md") {
        let text = String::from_utf8_lossy(&folder.read(&path)?).into_owned();
        documents.insert(name_and_kind(&path).0, text);
    }
    Ok(documents)
}

fn entry(path: &str, bytes: &[u8]) -> CatalogueEntry {
    let text = String::from_utf8_lossy(bytes);
    let headings = headings(&text);
    let (name, kind) = name_and_kind(path);
    CatalogueEntry {
        title: headings.first().cloned().unwrap_or_else(|| name.clone()),
        name,
        kind,
        address: path.to_owned(),
        anchors: anchors(&headings),
        digest: crate::seed::digest(bytes),
    }
}

/// `depotctl.1.md` is the manual page `depotctl(1)`; every other document goes by its path.
fn name_and_kind(path: &str) -> (String, CatalogueKind) {
    let file = path.rsplit('/').next().unwrap_or(path);
    let page = file.strip_suffix(".md").and_then(|stem| stem.rsplit_once('.'));
    match page {
        Some((name, section)) if section.len() == 1 && ("1"..="9").contains(&section) => {
            (format!("{name}({section})"), CatalogueKind::Man)
        }
        _ if path.starts_with("src/") => (path.to_owned(), CatalogueKind::Source),
        _ => (path.to_owned(), CatalogueKind::Doc),
    }
}

/// Headings (`# ...` to `###### ...`) outside fenced blocks.
fn headings(text: &str) -> Vec<String> {
    let mut headings = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let marks = line.chars().take_while(|c| *c == '#').count();
        if !fenced && (1..=6).contains(&marks) && line[marks..].starts_with(' ') {
            headings.push(line[marks..].trim().trim_end_matches('#').trim().to_owned());
        }
    }
    headings
}

/// Anchors as Markdown viewers make them: lower case, dashes for spaces, a number after a repeated one.
fn anchors(headings: &[String]) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for heading in headings {
        let slug: String = heading
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
                _ => None,
            })
            .collect();
        let mut anchor = slug.clone();
        let mut nth = 0;
        while anchors.contains(&anchor) {
            nth += 1;
            anchor = format!("{slug}-{nth}");
        }
        anchors.push(anchor);
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_an_entry() {
        let page = entry(
            "man/depotctl.1.md",
            b"intro\n# depotctl: operate Depot\n## Options\n```\n# not this\n```\n## Options\n",
        );
        assert_eq!(page.name, "depotctl(1)");
        assert_eq!(page.kind, CatalogueKind::Man);
        assert_eq!(page.title, "depotctl: operate Depot");
        assert_eq!(page.anchors, ["depotctl-operate-depot", "options", "options-1"]);
        assert_eq!(page.address, "man/depotctl.1.md");
        assert_eq!(page.digest.len(), 64);
        let runbook = entry("runbooks/uploads.md", b"no heading");
        assert_eq!((runbook.name.as_str(), runbook.kind), ("runbooks/uploads.md", CatalogueKind::Doc));
        assert_eq!(runbook.title, "runbooks/uploads.md");
        assert_eq!(name_and_kind("notes.v12.md").1, CatalogueKind::Doc);
    }
}
