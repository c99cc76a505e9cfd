//! Output: colour only on a terminal, and a reader that goes away is no failure.

use super::exit::Failure;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write as _;

/// Prints to standard output; colours are taken out when it is not a terminal or `NO_COLOR` is set.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::output(&error))
}

/// Prints a line to standard output.
pub fn line(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Prints as JSON, indented.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(&serde_json::to_string_pretty(value).expect("what is printed is plain data"))
}

/// Prints to standard error, where nobody is told when it cannot be written.
pub fn complain(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Columns, padded by characters; the last one is as long as it is.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The text as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// A word of one of the enums of the files, as clap's value parser.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Profile;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["äöü".to_owned(), "c".to_owned()]];
        assert_eq!(table(&rows), "a    b\näöü  c\n");
    }

    #[test]
    fn paths_are_pasted_as_one_word() {
        assert_eq!(quoted("/state/ana-127.0.0.1-4100.json"), "/state/ana-127.0.0.1-4100.json");
        assert_eq!(quoted("/state/my ana/it's"), r"'/state/my ana/it'\''s'");
        assert_eq!(quoted("$(true)"), "'$(true)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn words_are_those_of_the_files() {
        assert_eq!(word::<Profile>("restore-first"), Ok(Profile::RestoreFirst));
        let error = word::<Profile>("fast").unwrap_err();
        assert!(error.contains("restore-first") && error.contains("understand-first"), "{error}");
    }
}
