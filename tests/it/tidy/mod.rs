//! The rules of the house as tests: floors, sizes, banned calls, absent words.
//!
//! Each rule is a function from a file to findings, and each has a test of its own with a text that breaks it. Here is
//! what they share: a source file in its readings, and the files of this house.

mod calls;
mod floors;
mod shape;
mod sizes;
mod words;

use regex::Regex;
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A source file in three readings. All have the same lines.
struct Source {
    /// Below the repository's root, with slashes: `src/store/mod.rs`.
    path: String,
    /// As it is.
    text: String,
    /// Without comments, and with `_` for what stands in strings.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), code: code_of(text), text: text.to_owned() }
    }

    /// `store` for `src/store/sqlite.rs`; nothing for `src/lib.rs` and everything outside of `src`.
    fn room(&self) -> Option<&str> {
        let (room, _) = self.path.strip_prefix("src/")?.split_once('/')?;
        Some(room)
    }

    /// Tests in a file of their own: `src/room/tests.rs`, `src/room/tests/*.rs`.
    fn is_tests(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The code before `mod tests`.
    fn code_without_tests(&self) -> &str {
        if self.is_tests() {
            return "";
        }
        let end = self.code.find("#[cfg(test)]").unwrap_or(self.code.len());
        &self.code[..end]
    }

    fn finding(&self, at: usize, what: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: line_of(&self.code, at), what: what.into() }
    }

    /// A finding for each match in the code.
    fn matches(&self, pattern: &str, what: &str) -> Vec<Finding> {
        re(pattern)
            .find_iter(&self.code)
            .map(|found| self.finding(found.start(), format!("`{}`: {what}", found.as_str())))
            .collect()
    }
}

fn re(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Blanks comments, and writes `_` for strings with their quotes; lines stay where they are.
fn code_of(text: &str) -> String {
    // In this order: a comment, a raw string, a string, a character (a lifetime is none).
    let parts =
        re(r#"(?s)//[^\n]*|/\*.*?\*/|\bb?r#*"|b?"(?:[^"\\]|\\.)*"|b?'(?:[^'\\\n]|\\[^\n][^'\n]{0,8})'"#);
    let raw = re(r#"^b?r#*"$"#);
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = parts.find_at(text, at) {
        code.push_str(&text[at..found.start()]);
        let mut end = found.end();
        let part = found.as_str();
        if raw.is_match(part) {
            let close = format!("\"{}", "#".repeat(part.matches('#').count()));
            end = text[end..].find(&close).map_or(text.len(), |length| end + length + close.len());
        }
        let blank = if part.starts_with('/') { ' ' } else { '_' };
        let blanked = text[found.start()..end].chars();
        code.extend(blanked.map(|c| if c == '\n' { '\n' } else { blank }));
        at = end;
    }
    code.push_str(&text[at..]);
    code
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of the repository with its path below the root. Folders that git ignores are left out.
pub(crate) fn texts() -> Vec<(String, String)> {
    const NOT_OURS: [&str; 3] = [".git", "target", ".gameday"];
    let mut texts = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) && path.parent() == Some(&root()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                texts.push((below_root(&path), text));
            }
        }
    }
    texts.sort();
    texts
}

/// Whether a path ends in `.extension`.
pub(crate) fn is_a(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn sources() -> Vec<Source> {
    let sources: Vec<_> = texts()
        .iter()
        .filter(|(path, _)| is_a(path, "rs"))
        .map(|(path, text)| Source::new(path, text))
        .collect();
    assert!(sources.iter().any(|source| source.path == "src/lib.rs"));
    sources
}

/// Fails with every finding at once.
fn none(findings: impl IntoIterator<Item = Finding>) {
    let all: Vec<_> = findings.into_iter().map(|finding| finding.to_string()).collect();
    assert!(all.is_empty(), "\n{}\n", all.join("\n"));
}

/// A rule over all of `src`.
fn in_src(rule: impl Fn(&Source) -> Vec<Finding>) {
    none(sources().iter().filter(|source| source.path.starts_with("src/")).flat_map(rule));
}

/// A rule over every source file, tests too.
fn everywhere(rule: impl Fn(&Source) -> Vec<Finding>) {
    none(sources().iter().flat_map(rule));
}

/// Lines of the findings of `rule` on one file.
fn lines(rule: impl Fn(&Source) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text)).iter().map(|finding| finding.line).collect()
}

const NONE: [usize; 0] = [];

#[test]
fn code_is_told_from_comments_and_strings() {
    let code = code_of(
        "let a = \"fn {\"; // fn }\nlet b = r#\"x \" {\n\"#; /* { \n */ let c = '{'; let d: &'static str = '\\'';\nb\"}\"",
    );
    assert!(!code.contains(['{', '}']), "{code}");
    assert!(!code.contains("fn"), "{code}");
    assert_eq!(code.lines().count(), 5);
    assert!(code.contains("&'static str = ____;"), "{code}");
}
