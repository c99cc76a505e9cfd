//! The rules of the house as tests: floors, sizes, banned calls, absent words.
//!
//! Each rule is a function from a file to findings, and each has a test of its own with a text that breaks it.

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

// ---- the rules -------------------------------------------------------------------------------------------------

/// A floor's number and each room on it, from the table in `src/lib.rs`.
fn floors(lib: &str) -> Vec<(u32, String)> {
    let line = re(r"(?m)^//! ([0-9]) [a-z]+ +([a-z ]+)$");
    line.captures_iter(lib)
        .flat_map(|found| {
            let floor = found[1].parse().unwrap();
            let rooms: Vec<_> = found[2].split_whitespace().map(str::to_owned).collect();
            rooms.into_iter().map(move |room| (floor, room))
        })
        .collect()
}

/// Imports from a room on the same floor, each agreed on. `agent` is never on the left: it stands alone beside a target.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("clock", "base"),
    ("seed", "base"),
    ("scenario", "fault"),
    ("report", "drill"),
    // A described target is laid out as its agent will run it.
    ("staging", "agent"),
    // The traffic of a real target is the workload.
    ("target", "workload"),
    // `gameday serve` opens the other door.
    ("cli", "console"),
];

/// Every room of this crate that the code names, with the place: `crate::room`, `crate::{room, ..}`.
fn rooms_named(code: &str) -> Vec<(usize, String)> {
    let mut named = Vec::new();
    for found in re(r"\bcrate\s*::\s*(\{|[a-z_0-9]+)").captures_iter(code) {
        let whole = found.get(0).unwrap();
        if &found[1] != "{" {
            named.push((whole.start(), found[1].to_owned()));
            continue;
        }
        let mut depth = 1;
        let mut word_may_begin = true;
        let rest = &code[whole.end()..];
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => word_may_begin = true,
                _ if depth == 1 && word_may_begin && c.is_ascii_lowercase() => {
                    let word = rest[at..]
                        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or_default();
                    named.push((whole.end() + at, word.to_owned()));
                    word_may_begin = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

/// A room imports only from lower floors, and only `cli` knows the embedded target.
fn imports_from_below(source: &Source, floors: &[(u32, String)]) -> Vec<Finding> {
    let floor = |room: &str| floors.iter().find(|(_, name)| name == room).map(|(floor, _)| *floor);
    let Some(room) = source.room() else {
        return Vec::new();
    };
    let Some(own) = floor(room) else {
        return vec![source.finding(0, format!("`{room}` is on no floor in src/lib.rs"))];
    };
    let mut findings = Vec::new();
    for (at, other) in rooms_named(source.code_without_tests()) {
        let Some(others) = floor(&other).filter(|_| other != room) else {
            continue;
        };
        if other == "depot" && room != "cli" {
            findings.push(source.finding(at, "only `cli` imports `depot`"));
        } else if room == "agent" && others >= own {
            findings.push(source.finding(at, format!("`agent` imports `{other}`: it stands alone")));
        } else if others > own {
            findings.push(
                source.finding(at, format!("`{room}` (floor {own}) imports `{other}` (floor {others})")),
            );
        } else if others == own && !NEIGHBOURS.contains(&(room, other.as_str())) {
            findings.push(source.finding(
                at,
                format!("`{room}` imports its neighbour `{other}`: agreed pairs are in NEIGHBOURS"),
            ));
        }
    }
    findings
}

/// `super` must not be a way around the floors.
fn no_way_around(source: &Source) -> Vec<Finding> {
    let twice = re(r"\bsuper\s*::\s*super\b");
    let mut findings: Vec<_> = twice
        .find_iter(source.code_without_tests())
        .map(|found| source.finding(found.start(), "`super::super`: name the room instead"))
        .collect();
    let is_root_of_room = source
        .path
        .strip_prefix("src/")
        .is_some_and(|path| path.ends_with("/mod.rs") && path.matches('/').count() == 1);
    if is_root_of_room {
        for found in re(r"\bsuper\s*::").find_iter(source.code_without_tests()) {
            findings.push(source.finding(found.start(), "`super::` leaves the room"));
        }
    }
    findings
}

/// The binary holds nothing: it calls `cli`.
fn binary_calls_cli_alone(source: &Source) -> Vec<Finding> {
    if source.path != "src/main.rs" {
        return Vec::new();
    }
    re(r"\bgameday\s*::\s*(\{|\w+)")
        .captures_iter(&source.code)
        .filter(|found| &found[1] != "cli")
        .map(|found| source.finding(found.get(0).unwrap().start(), "`main.rs` may name `cli` alone"))
        .collect()
}

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 80;

/// A file stays readable in one sitting; its tests do not count.
fn file_size(source: &Source) -> Vec<Finding> {
    let lines = source.code_without_tests().lines().count();
    if lines > FILE_LINES_MAX {
        vec![source.finding(0, format!("{lines} lines without tests, at most {FILE_LINES_MAX}"))]
    } else {
        Vec::new()
    }
}

/// A function stays on a page; empty lines and comments do not count.
fn function_size(source: &Source) -> Vec<Finding> {
    let code = source.code.as_str();
    let mut findings = Vec::new();
    for found in re(r"\bfn\s+(\w+)").captures_iter(code) {
        let start = found.get(0).unwrap().start();
        let Some(body) = body_of(&code[start..]) else {
            continue;
        };
        let lines = body.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FUNCTION_LINES_MAX {
            findings.push(
                source.finding(
                    start,
                    format!("`{}` has {lines} lines, at most {FUNCTION_LINES_MAX}", &found[1]),
                ),
            );
        }
    }
    findings
}

/// What stands between the braces of the function that `code` begins with; nothing when it has no body.
fn body_of(code: &str) -> Option<&str> {
    let mut nested = 0;
    let mut begin = None;
    let mut braces = 0;
    for (at, c) in code.char_indices() {
        match (begin, c) {
            (None, '(' | '[') => nested += 1,
            (None, ')' | ']') => nested -= 1,
            (None, ';') if nested == 0 => return None,
            (None, '{') if nested == 0 => {
                begin = Some(at + 1);
                braces = 1;
            }
            (Some(_), '{') => braces += 1,
            (Some(begin), '}') => {
                braces -= 1;
                if braces == 0 {
                    return Some(&code[begin..at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// What may be called only where it belongs: the pattern, the places, the reason.
const BELONGS: &[(&str, &[&str], &str)] = &[
    (
        r"\b(?:SystemTime|Utc|Local|Zoned|Timestamp)\s*::\s*now\b",
        &["src/clock/"],
        "only `clock` asks for the time",
    ),
    (r"\bthread\s*::\s*sleep\b", &[], "wait for the event, or ask `clock`"),
    (r"\bprocess\s*::\s*exit\b", &["src/cli/"], "only `cli` ends the process"),
    (r"\brand\s*::\s*(?:rng|random)\b", &["src/seed/"], "only `seed` makes randomness"),
    (r"\b(?:SysRng|OsRng|ThreadRng)\b", &["src/seed/"], "only `seed` makes randomness"),
    (
        r"\benv\s*::\s*(?:vars?(?:_os)?|set_var|remove_var)\b",
        &[
            "src/cli/",
            "src/library/worker.rs",
            // A program of its own, and what is handed on to a supervised process.
            "src/depot/operate.rs",
            "src/agent/user.rs",
            // A child that the test starts.
            "src/agent/serve/tests.rs",
        ],
        "only `cli` reads the environment",
    ),
    (r"\bunsafe\b", &["src/agent/process.rs"], "one file only"),
    (
        r"\bat_rest\b",
        &["src/drill/plan.rs", "src/scenario/truth.rs"],
        "the truth is written in the plan alone",
    ),
    (r"\bserde_(?:yaml|saphyr)\b", &["src/scenario/file.rs"], "one file knows the YAML library"),
];

/// Calls and words of code that have a place.
fn belongs(source: &Source) -> Vec<Finding> {
    BELONGS
        .iter()
        .filter(|(_, places, _)| !places.iter().any(|place| source.path.starts_with(place)))
        .flat_map(|(pattern, _, why)| source.matches(pattern, why))
        .collect()
}

/// Rooms that may measure real time with the runtime's instants.
const MEASURING: &[&str] = &["agent", "clock", "depot", "workload"];

/// Real time is measured in few rooms; the standard library's instants are expected where they are asked for.
fn instants_are_expected(source: &Source) -> Vec<Finding> {
    const NEAR: usize = 15;
    if source.is_tests() {
        // These take the name from their parent, where it is judged.
        return Vec::new();
    }
    let lines: Vec<_> = source.code.lines().collect();
    let of_runtime = re(r"\buse\s+tokio\b[^;]*\bInstant\b").is_match(&source.code);
    let mut findings = Vec::new();
    for found in re(r"(\w+\s*::\s*)?\bInstant\s*::\s*now\b").captures_iter(&source.code) {
        let whole = found.get(0).unwrap();
        let named_std = re(r"std\s*::\s*time\s*::\s*$").is_match(&source.code[..whole.start()]);
        let named_tokio = re(r"tokio\s*::\s*$").is_match(&source.code[..whole.start()]);
        if named_tokio || (of_runtime && found.get(1).is_none() && !named_std) {
            if !source.room().is_some_and(|room| MEASURING.contains(&room)) {
                findings.push(source.finding(whole.start(), "this room does not measure time: ask `clock`"));
            }
            continue;
        }
        let line = line_of(&source.code, whole.start());
        let near = &lines[line.saturating_sub(NEAR)..line];
        if !near.iter().any(|line| line.contains("clippy::disallowed_methods")) {
            findings.push(source.finding(
                whole.start(),
                "`Instant::now` without `#[expect(clippy::disallowed_methods, reason = ..)]` nearby",
            ));
        }
    }
    findings
}

/// Lints are met or expected, never switched off.
fn no_allow(source: &Source) -> Vec<Finding> {
    source.matches(r"#!?\[\s*(?:cfg_attr\s*\([^]]*)?allow\s*\(", "use `expect` with a reason")
}

/// Production code has no second shape under test: `cfg(test)` stands once, before `mod tests` at the file's end.
fn tests_stand_apart(source: &Source) -> Vec<Finding> {
    let code = &source.code;
    let mut findings = Vec::new();
    for found in re(r"\bcfg(?:_attr)?\s*!?\s*\([^\n]*\btest\b").find_iter(code) {
        let from = code[..found.start()].rfind('\n').map_or(0, |at| at + 1);
        let rest = &code[from..];
        let module = re(r"^#\[cfg\(test\)\]\s*(?:pub\((?:super|crate)\) )?mod tests( \{|;\s*$)");
        let what = match module.captures(rest) {
            Some(found) if &found[1] != " {" => continue,
            None => "`cfg(test)` may stand only before `mod tests`",
            Some(_) if re(r"\n\}\s*$").is_match(rest) && rest.matches("\n}").count() == 1 => {
                continue;
            }
            Some(_) => "`mod tests` must be the end of the file",
        };
        findings.push(source.finding(found.start(), what));
    }
    findings
}

/// A room says what it is for.
fn rooms_have_a_head(source: &Source) -> Vec<Finding> {
    if source.path.ends_with("/mod.rs") && !source.is_tests() && !source.text.starts_with("//! ") {
        vec![source.finding(0, "a `mod.rs` begins with `//!`: what the room is for")]
    } else {
        Vec::new()
    }
}

/// Names that say nothing.
fn names_say_something(source: &Source) -> Vec<Finding> {
    const EMPTY: &str = r"(?:utils?|managers?|common|helpers?|misc|imp)";
    let mut findings = source.matches(&format!(r"\bmod\s+{EMPTY}\b"), "this name says nothing");
    if re(&format!(r"(?:^|/){EMPTY}(?:\.rs|/)")).is_match(&source.path) {
        findings.push(source.finding(0, "this name says nothing"));
    }
    findings
}

/// Nothing is left for later. The words are put together here, since this file is read too.
fn nothing_left_for_later(path: &str, text: &str) -> Vec<Finding> {
    let words =
        re(&["TO", "DO|FIX", "ME|\\bXX", "X\\b|(?i:not impl", "emented)|\\bunimpl", "emented!|\\bto", "do!"]
            .concat());
    findings_in(path, text, &words, "nothing is left for later")
}

/// Nobody's machine is in a committed file.
fn no_machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let paths = re(&[
        r"(?:^|[^A-Za-z0-9_.~$}>-])/(?:wo",
        r"rk|ro",
        r"ot|ho",
        r"me/[a-z]+|Us",
        r"ers/[A-Za-z]+|t",
        r"mp/[A-Za-z0-9]+)(?:/|\b)",
    ]
    .concat());
    findings_in(path, text, &paths, "a path of one machine")
}

fn findings_in(path: &str, text: &str, pattern: &Regex, what: &str) -> Vec<Finding> {
    pattern
        .find_iter(text)
        .map(|found| Finding {
            path: path.to_owned(),
            line: line_of(text, found.end()),
            what: format!("`{}`: {what}", found.as_str().trim()),
        })
        .collect()
}

// ---- the house -------------------------------------------------------------------------------------------------

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

fn house_floors() -> Vec<(u32, String)> {
    floors(&std::fs::read_to_string(root().join("src/lib.rs")).unwrap())
}

#[test]
fn every_room_is_on_a_floor_and_every_floor_exists() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut on_floors: Vec<_> = floors(&lib).into_iter().map(|(_, room)| room).collect();
    let mut rooms: Vec<_> =
        re(r"(?m)^pub mod (\w+);").captures_iter(&lib).map(|found| found[1].to_owned()).collect();
    on_floors.sort();
    rooms.sort();
    assert_eq!(on_floors, rooms);
    let numbers: std::collections::BTreeSet<_> = floors(&lib).into_iter().map(|(floor, _)| floor).collect();
    assert_eq!(numbers, (0..=5).collect());
}

#[test]
fn rooms_import_from_below() {
    let floors = house_floors();
    in_src(|source| imports_from_below(source, &floors));
    in_src(no_way_around);
    in_src(binary_calls_cli_alone);
}

#[test]
fn files_and_functions_are_short() {
    in_src(file_size);
    in_src(function_size);
}

#[test]
fn everything_is_called_where_it_belongs() {
    in_src(belongs);
    in_src(instants_are_expected);
}

#[test]
fn lints_are_never_switched_off() {
    none(sources().iter().flat_map(no_allow));
}

#[test]
fn production_code_knows_no_tests() {
    in_src(tests_stand_apart);
}

#[test]
fn rooms_and_names_say_what_they_are() {
    in_src(rooms_have_a_head);
    none(sources().iter().flat_map(names_say_something));
}

#[test]
fn nothing_is_left_for_later_anywhere() {
    none(
        texts()
            .iter()
            .filter(|(path, _)| is_a(path, "rs") || is_a(path, "md"))
            .flat_map(|(path, text)| nothing_left_for_later(path, text)),
    );
}

#[test]
fn no_committed_file_names_a_machine() {
    none(texts().iter().flat_map(|(path, text)| no_machine_paths(path, text)));
}

// ---- the rules can fail ----------------------------------------------------------------------------------------

#[cfg(test)]
mod each_rule_can_fail {
    use super::*;

    /// Lines of the findings of `rule` on a file of `src`.
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

    #[test]
    fn upward_and_sideways_imports() {
        let floors = floors(
            "//! 5 doors    cli       console\n//! 4 conduct  engine\n//! 3 hands    store  target  agent  depot\n//! 2 game     drill\n//! 0 ground   base\n",
        );
        let rule = |source: &Source| imports_from_below(source, &floors);
        let wrong = "use crate::base::At;\nuse crate::engine::Conduct;\nfn f() { crate::cli::run() }\nuse crate::{\n    base::{At, Span},\n    console::Page, target::{Injector},\n    store,\n};\n";
        assert_eq!(lines(rule, "src/store/sqlite.rs", wrong), [2, 3, 6, 6]);
        assert_eq!(lines(rule, "src/agent/mod.rs", "use crate::target::Injector;\n"), [1]);
        assert_eq!(lines(rule, "src/target/mod.rs", "use crate::agent::Wire;\n"), [1]);
        assert_eq!(lines(rule, "src/engine/mod.rs", "use crate::depot::lay_out;\n"), [1]);
        assert_eq!(lines(rule, "src/cli/wire.rs", "use crate::depot::lay_out;\n"), NONE);
        assert_eq!(lines(rule, "src/cellar/mod.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/base/mod.rs", "// crate::engine\nfn f() { \"crate::engine\" }"), NONE);
    }

    #[test]
    fn ways_around_the_floors() {
        assert_eq!(lines(no_way_around, "src/store/mod.rs", "use super::engine;\n"), [1]);
        assert_eq!(lines(no_way_around, "src/store/sqlite.rs", "use super::super::engine;\n"), [1]);
        assert_eq!(lines(no_way_around, "src/store/sqlite.rs", "use super::Store;\n"), NONE);
        let with_tests = "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(lines(no_way_around, "src/store/mod.rs", with_tests), NONE);
        assert_eq!(lines(binary_calls_cli_alone, "src/main.rs", "use gameday::engine;\n"), [1]);
        assert_eq!(lines(binary_calls_cli_alone, "src/main.rs", "gameday::cli::main()\n"), NONE);
    }

    #[test]
    fn long_files_and_functions() {
        let long = "fn f() {}\n".repeat(701);
        assert_eq!(lines(file_size, "src/a/b.rs", &long), [1]);
        let tests = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(900));
        assert_eq!(lines(file_size, "src/a/b.rs", &tests), NONE);
        let body = |count| {
            format!(
                "\n\nfn f(a: [u8; 2]) -> u8\nwhere\n    u8: Copy,\n{{\n{}}}\n",
                "    g(\"}\");\n".repeat(count)
            )
        };
        assert_eq!(lines(function_size, "src/a/b.rs", &body(81)), [3]);
        assert_eq!(lines(function_size, "src/a/b.rs", &body(80)), NONE);
        let trait_only = format!("trait T {{ fn f(); }}\n{}", "struct S {}\n".repeat(100));
        assert_eq!(lines(function_size, "src/a/b.rs", &trait_only), NONE);
    }

    #[test]
    fn calls_away_from_home() {
        for (call, home) in [
            ("std::time::SystemTime::now()", "src/clock/mod.rs"),
            ("Utc::now()", "src/clock/mod.rs"),
            ("jiff::Zoned::now()", "src/clock/mod.rs"),
            ("std::process::exit(1)", "src/cli/exit.rs"),
            ("rand::rng()", "src/seed/mod.rs"),
            ("std::env::var(\"HOME\")", "src/cli/home.rs"),
            ("std::env::var_os(\"X\")", "src/library/worker.rs"),
            ("unsafe { f() }", "src/agent/process.rs"),
            ("truth::at_rest::serialize(t)", "src/drill/plan.rs"),
            ("serde_yaml::from_str(t)", "src/scenario/file.rs"),
            ("serde_saphyr::from_str(t)", "src/scenario/file.rs"),
        ] {
            let text = format!("fn f() {{\n    {call};\n}}\n");
            assert_eq!(lines(belongs, "src/report/mod.rs", &text), [2], "{call}");
            assert_eq!(lines(belongs, home, &text), NONE, "{call}");
        }
        assert_eq!(lines(belongs, "src/clock/mod.rs", "std::thread::sleep(d)"), [1]);
        assert_eq!(lines(belongs, "src/a/b.rs", "// unsafe\n#![deny(unsafe_code)]"), NONE);
    }

    #[test]
    fn unexplained_instants() {
        let bare = "fn f() {\n    Instant::now()\n}\n";
        let told =
            "#[expect(clippy::disallowed_methods, reason = \"measures\")]\nfn f() {\n    Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", bare), [2]);
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", told), NONE);
        let of_runtime = "use tokio::{net, time::{Instant, sleep}};\nfn f() {\n    Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", of_runtime), NONE);
        assert_eq!(lines(instants_are_expected, "src/report/a.rs", of_runtime), [3]);
        let spelt = "use tokio::time::Instant;\nfn f() {\n    std::time::Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", spelt), [3]);
        let spelt = "fn f() {\n    tokio::time::Instant::now()\n}\n";
        assert_eq!(lines(instants_are_expected, "src/agent/a.rs", spelt), NONE);
        let far = told.replace("{\n", &format!("{{\n{}", "    g();\n".repeat(20)));
        assert_eq!(lines(instants_are_expected, "src/workload/mod.rs", &far), [23]);
    }

    #[test]
    fn switched_off_lints() {
        assert_eq!(lines(no_allow, "src/a/b.rs", "#[allow(dead_code)]\nfn f() {}\n"), [1]);
        assert_eq!(lines(no_allow, "src/a/b.rs", "\n#![allow(clippy::all)]\n"), [2]);
        assert_eq!(lines(no_allow, "src/a/b.rs", "#[expect(dead_code, reason = \"r\")]\n"), NONE);
    }

    #[test]
    fn tests_among_the_code() {
        let rule = tests_stand_apart;
        let good = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {\n    }\n}\n";
        assert_eq!(lines(rule, "src/a/b.rs", good), NONE);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(test)]\nfn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "fn f() { if cfg!(test) {} }\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(any(test, unix))]\nfn f() {}\n"), [1]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg_attr(test, derive(Debug))]\nstruct S;\n"), [1]);
        let not_last = format!("{good}\nfn h() {{\n}}\n");
        assert_eq!(lines(rule, "src/a/b.rs", &not_last), [3]);
        assert_eq!(lines(rule, "src/a/b.rs", "#[cfg(unix)]\nfn latest() {}\n"), NONE);
    }

    #[test]
    fn headless_rooms_and_empty_names() {
        assert_eq!(lines(rooms_have_a_head, "src/a/mod.rs", "use b;\n"), [1]);
        assert_eq!(lines(rooms_have_a_head, "src/a/mod.rs", "//! Of a.\n"), NONE);
        assert_eq!(lines(names_say_something, "src/a/mod.rs", "\npub mod utils;\n"), [2]);
        assert_eq!(lines(names_say_something, "src/a/helpers.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(names_say_something, "tests/it/common/mod.rs", "fn f() {}\n"), [1]);
        assert_eq!(lines(names_say_something, "src/a/commons.rs", "mod impact;\n"), NONE);
    }

    #[test]
    fn things_left_for_later() {
        for (before, after) in
            [("TO", "DO: later"), ("FIX", "ME"), ("not impl", "emented yet"), ("to", "do!()")]
        {
            let text = format!("fine\n{before}{after}\n");
            let found = nothing_left_for_later("docs/a.md", &text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].line, 2);
        }
        assert_eq!(nothing_left_for_later("docs/a.md", "what to do now, and how it is implemented\n"), []);
    }

    #[test]
    fn paths_of_one_machine() {
        for path in
            [["/wo", "rk/x"], ["/ro", "ot/.cargo"], ["/ho", "me/ana/x"], ["/t", "mp/abc"], ["/Us", "ers/ana"]]
        {
            let path = path.concat();
            for text in [format!("see `{path}`\n"), format!("{path}\n"), format!("a = \"{path}\"\n")] {
                assert_eq!(no_machine_paths("a.toml", &text).len(), 1, "{text}");
            }
        }
        let fine = "GET /rooted, /workload, https://example.org/work/x, net/work/y, /tmp alone\n";
        assert_eq!(no_machine_paths("a.md", fine), []);
    }
}
