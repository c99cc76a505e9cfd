//! Every sentence that a person reads in a report: plain, warm, blameless. The subject is the team or a role, never a
//! person; a weak finding ends in a question, because the people who were there know the answer.
//!
//! [`checks`] and [`team`] word findings of the score, [`grades`] what trainers write, [`formulas`] how a check is reckoned, [`events`] words one event in a line, [`page`] the debrief's headings and
//! prose. This file holds what they share.

pub mod checks;
pub mod events;
pub mod formulas;
pub mod grades;
pub mod page;
pub mod programme;
pub mod team;

pub(crate) use checks::*;
pub(crate) use team::*;

use crate::base::Span;

/// A finding, and what to talk about when it is weak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// In words, with its figures.
    pub sentence: String,
    /// The question that it opens.
    pub question: Option<String>,
}

impl Said {
    /// A sentence that opens no question.
    pub fn plain(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), question: None }
    }

    /// A sentence with its question.
    pub fn asking(sentence: impl Into<String>, question: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), question: Some(question.into()) }
    }
}

/// A length of time as people say it: `45 s`, `4 min 30 s`, `2 h 5 min`. Milliseconds are dropped.
pub fn time(span: Span) -> String {
    let secs = span.millis() / 1000;
    let (hours, mins, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    match (hours, mins, secs) {
        (0, 0, secs) => format!("{secs} s"),
        (0, mins, 0) => format!("{mins} min"),
        (0, mins, secs) => format!("{mins} min {secs} s"),
        (hours, 0, _) => format!("{hours} h"),
        (hours, mins, _) => format!("{hours} h {mins} min"),
    }
}

/// A share as people say it: `52 %`, `0.4 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent < 9.95 {
        format!("{} %", format!("{percent:.1}").trim_end_matches(".0"))
    } else {
        format!("{percent:.0} %")
    }
}

/// `1 request`, `2 requests`: for words that take an `s`.
pub fn count(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

/// A large number with thin gaps: `12 345`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `a, b and c`.
pub fn list<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// Removes what could act on a terminal: control characters and the invisible marks that turn text around. Newlines
/// and tabs become spaces.
pub fn tame(text: &str) -> String {
    text.chars()
        .filter_map(|c| match c {
            '\n' | '\r' | '\t' => Some(' '),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => None,
            c if c.is_control() => None,
            c => Some(c),
        })
        .collect()
}

/// At most `chars` characters, with an ellipsis for what was cut.
pub fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        text.to_owned()
    } else {
        let mut short: String = text.chars().take(chars.saturating_sub(1)).collect();
        short.truncate(short.trim_end().len());
        short.push('\u{2026}');
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_people_say_them() {
        let said: Vec<_> = [0, 45, 60, 270, 3600, 7500].map(|secs| time(Span::from_secs(secs))).into();
        assert_eq!(said, ["0 s", "45 s", "1 min", "4 min 30 s", "1 h", "2 h 5 min"]);
        assert_eq!(percent(0.52), "52 %");
        assert_eq!(percent(0.004), "0.4 %");
        assert_eq!(percent(0.08), "8 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(999), "999");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_is_left() {
        let tamed = tame("a\u{1b}[31mred\u{7}\nb\u{202e}c\u{9b}d");
        assert_eq!(tamed, "a[31mred bcd");
        assert_eq!(cut("abcdef", 4), "abc\u{2026}");
    }
}
