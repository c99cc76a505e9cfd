//! A mistake in a file that somebody wrote, with its place.

use schemars::JsonSchema;
use serde::Serialize;

/// One mistake. Lines and columns count from 1; 0 means the whole file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[schemars(rename = "Mistake")]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters are wrong, at least 1.
    pub width: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// Where something stands in a file: line and column from 1, and its width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Line, from 1; 0 for the whole file.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Width in characters.
    pub width: usize,
}

impl Problem {
    /// A problem of a whole file.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self::at(file, Place::default(), message)
    }

    /// A problem at a place.
    pub fn at(file: &str, place: Place, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            width: place.width.max(1),
            message: message.into(),
            help: None,
        }
    }

    /// The same with what to do about it.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `FILE:LINE:COLUMN: message`, or `FILE: message` for a whole file.
    pub fn headline(&self) -> String {
        let (file, message) = (printable(&self.file), printable(&self.message));
        if self.line == 0 {
            format!("{file}: {message}")
        } else {
            format!("{file}:{}:{}: {message}", self.line, self.column)
        }
    }
}

/// Every problem found so far in one file.
#[derive(Debug)]
pub struct Findings {
    file: String,
    problems: Vec<Problem>,
}

impl Findings {
    /// Nothing found yet in `file`.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), problems: Vec::new() }
    }

    /// Notes a problem.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem::at(&self.file, place, message));
    }

    /// Notes a problem with what to do about it.
    pub fn add_with_help(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem::at(&self.file, place, message).with_help(help));
    }

    /// Notes that `name` is not one of the `known` `what`s, with the nearest of them.
    pub fn unknown<'a>(
        &mut self,
        place: Place,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        let known: Vec<_> = known.into_iter().collect();
        let problem = Problem::at(&self.file, place, format!("there is no {what} `{name}`"));
        self.problems.push(match suggestion(name, &known) {
            Some(help) => problem.with_help(help),
            None => problem,
        });
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Everything found.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// "did you mean `web-east`?", or the list when it is short and nothing is near.
pub fn suggestion(name: &str, known: &[&str]) -> Option<String> {
    let near = known
        .iter()
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), *candidate))
        .min()
        .filter(|(edits, candidate)| *edits <= 1 + candidate.chars().count() / 4);
    match near {
        Some((_, candidate)) => Some(format!("did you mean `{candidate}`?")),
        None if known.is_empty() => None,
        None => {
            let list: Vec<_> = known.iter().take(40).map(|word| format!("`{word}`")).collect();
            let more = if known.len() > list.len() { ", ..." } else { "" };
            Some(format!("known: {}{more}", list.join(", ")))
        }
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(80).collect();
    let b: Vec<char> = b.chars().take(80).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(from != to);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Every problem with its line, a caret under the mistake, and help. `source_of` gives a file's text when it is at
/// hand; `styled` adds terminal colours, which the caller decides.
pub fn render_problems(
    problems: &[Problem],
    source_of: &dyn Fn(&str) -> Option<String>,
    styled: bool,
) -> String {
    let (bold, red, blue, plain) =
        if styled { ("\x1b[1m", "\x1b[1;31m", "\x1b[34m", "\x1b[0m") } else { ("", "", "", "") };
    let mut text = String::new();
    for problem in problems {
        text.extend([bold, &problem.headline(), plain, "\n"]);
        let line = (problem.line > 0)
            .then(|| source_of(&problem.file))
            .flatten()
            .and_then(|source| source.lines().nth(problem.line - 1).map(str::to_owned));
        if let Some(line) = line {
            let number = problem.line.to_string();
            let gutter = " ".repeat(number.len());
            let (shown, indent, carets) = window(&line, problem.column, problem.width);
            let (indent, carets) = (" ".repeat(indent), "^".repeat(carets));
            let bar = [blue, &gutter, " |", plain].concat();
            text.extend([&bar, "\n", blue, &number, " |", plain, " ", &shown, "\n"]);
            text.extend([&bar, " ", &indent, red, &carets, plain, "\n"]);
        }
        if let Some(help) = &problem.help {
            text.extend(["  help: ", &printable(help), "\n"]);
        }
    }
    text
}

/// The part of a line around `column`, how far the carets are indented in it, and how many there are.
fn window(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    const SHOWN_MAX: usize = 110;
    let chars: Vec<char> = printable(line).chars().collect();
    let at = column.saturating_sub(1).min(chars.len());
    let from = if at > SHOWN_MAX * 2 / 3 { at - SHOWN_MAX / 2 } else { 0 };
    let shown: String = chars.iter().skip(from).take(SHOWN_MAX).collect();
    let room = shown.chars().count().saturating_sub(at - from).max(1);
    (shown, at - from, width.clamp(1, room))
}

/// Control characters would let a file write on the reader's terminal; each becomes one plain character.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                '?'
            }
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["web-east", "web-west", "session"];
        assert_eq!(suggestion("web-esat", &known).as_deref(), Some("did you mean `web-east`?"));
        assert_eq!(suggestion("sesion", &known).as_deref(), Some("did you mean `session`?"));
        assert_eq!(suggestion("zebra", &known).as_deref(), Some("known: `web-east`, `web-west`, `session`"));
        assert_eq!(suggestion("x", &[]), None);
    }

    #[test]
    fn distances() {
        for (a, b, edits) in [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
    }

    #[test]
    fn the_caret_stands_under_the_mistake() {
        let source = "title: x\npakc: depot\n";
        let place = Place { line: 2, column: 1, width: 4 };
        let problem = Problem::at("a.yaml", place, "unknown field `pakc`").with_help("did you mean `pack`?");
        assert_eq!(
            render_problems(&[problem], &|_| Some(source.to_owned()), false),
            "a.yaml:2:1: unknown field `pakc`\n  |\n2 | pakc: depot\n  | ^^^^\n  help: did you mean `pack`?\n"
        );
    }

    #[test]
    fn a_file_cannot_write_on_the_terminal() {
        let place = Place { line: 1, column: 400, width: 9000 };
        let problem = Problem::at("a\x1b.yaml", place, "bad \x1b[2J \u{202e}");
        let long = format!("{}\x1b[31m{}", "x".repeat(390), "y".repeat(400));
        let text = render_problems(&[problem], &|_| Some(long.clone()), false);
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.lines().all(|line| line.chars().count() < 160), "{text}");
    }
}
