//! What a reader sees of what a program sends to a terminal.

use std::{iter::Peekable, str::CharIndices};

/// The letters that are seen, each with its place in the text: without control sequences, and without what was written and
/// taken back.
pub fn visible(text: &str) -> Vec<(usize, char)> {
    let mut seen: Vec<(usize, char)> = Vec::with_capacity(text.len());
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\x1b' => skip_sequence(&mut letters),
            '\x08' => {
                seen.pop();
            }
            '\r' => {
                // A line that is too wide is wrapped by a space and a return.
                let is_wrap = letters.peek().is_none_or(|(_, next)| *next != '\n');
                if is_wrap && seen.last().is_some_and(|(_, last)| *last == ' ') {
                    seen.pop();
                }
            }
            '\n' | '\t' => seen.push((at, letter)),
            letter if letter.is_control() => {}
            letter => seen.push((at, letter)),
        }
    }
    seen
}

fn skip_sequence(letters: &mut Peekable<CharIndices<'_>>) {
    match letters.next() {
        Some((_, '[')) => {
            letters.by_ref().find(|(_, letter)| matches!(letter, '@'..='~'));
        }
        Some((_, ']' | 'P' | '^' | '_' | 'X')) => {
            while let Some((_, letter)) = letters.next() {
                if letter == '\x07' {
                    break;
                }
                if letter == '\x1b' {
                    letters.next();
                    break;
                }
            }
        }
        // The name of a set of letters follows.
        Some((_, '(' | ')' | '#' | '%')) => {
            letters.next();
        }
        _ => {}
    }
}

/// One line as it stands in the end, in plain text. What was written over, as progress is, is not there.
pub fn plain(line: &str) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let over = line.rmatch_indices('\r').find(|(at, _)| !line[..*at].ends_with(' '));
    let line = over.map_or(line, |(at, _)| &line[at + 1..]);
    visible(line).into_iter().map(|(_, letter)| letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sequences_are_not_seen_and_what_was_taken_back_is_gone() {
        assert_eq!(plain("\x1b[1;32mana\x1b[0m$ lx\x08s\x1b]0;title\x07 -l\x1b(B\r\n"), "ana$ ls -l");
        assert_eq!(plain("10 %\r50 %\r100 %\r\n"), "100 %");
        assert_eq!(plain("a line that is wrap \rped"), "a line that is wrapped");
        assert_eq!(plain("\x1b[31"), "");
    }

    proptest! {
        #[test]
        fn places_are_those_of_letters(text in "(?s).{0,80}") {
            for (at, letter) in visible(&text) {
                prop_assert!(text[at..].starts_with(letter));
            }
            prop_assert!(!plain(&text).contains('\x1b'));
        }
    }
}
