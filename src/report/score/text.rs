//! Facts in free text: known wordings, whole words, one sentence, and a guard against negation. No fuzziness: `2` is
//! neither `20` nor `2.5` nor `-2`.

use crate::scenario::truth::Fact;

/// What a text says of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It states it.
    Stated,
    /// It comes near: a part of it, or with a negation. A person has to read it.
    Ambiguous,
    /// Nothing of it.
    Absent,
}

/// Words that turn a statement around when they stand shortly before it.
const NEGATIONS: &[&str] = &[
    "not",
    "no",
    "never",
    "without",
    "nor",
    "neither",
    "cannot",
    "isn't",
    "wasn't",
    "aren't",
    "weren't",
    "doesn't",
    "didn't",
    "don't",
    "hasn't",
    "haven't",
    "can't",
    "couldn't",
    "unlikely",
    "instead",
    "rather",
    "unrelated",
];
/// The same when they stand shortly after it.
const DENIALS: &[&str] = &[
    "is not",
    "was not",
    "isn't",
    "wasn't",
    "are not",
    "were not",
    "ruled out",
    "is fine",
    "was fine",
    "is innocent",
    "is unlikely",
    "has nothing to do",
];
/// How many words before a phrase a negation still reaches.
const REACH: usize = 4;

/// A text prepared for looking things up in it.
#[derive(Debug, Clone)]
pub struct Reading {
    sentences: Vec<String>,
}

impl Reading {
    /// Lower case, single spaces, plain quotes, cut into sentences.
    pub fn of(text: &str) -> Self {
        let plain: String = text
            .chars()
            .map(|c| match c {
                '\u{2018}' | '\u{2019}' => '\'',
                '\u{201c}' | '\u{201d}' => '"',
                '\u{2010}' | '\u{2011}' => '-',
                c => c,
            })
            .collect::<String>()
            .to_lowercase();
        let mut sentences = vec![String::new()];
        let mut chars = plain.chars().peekable();
        while let Some(c) = chars.next() {
            // A dot inside `2026.11.3` or `pool.size` ends no sentence.
            let ends = match c {
                '.' | '!' | '?' => chars.peek().is_none_or(|next| next.is_whitespace()),
                ';' | '\n' => true,
                _ => false,
            };
            if ends {
                sentences.push(String::new());
            } else if let Some(sentence) = sentences.last_mut() {
                sentence.push(if c.is_whitespace() { ' ' } else { c });
            }
        }
        let sentences = sentences
            .iter()
            .map(|sentence| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|sentence| !sentence.is_empty())
            .collect();
        Self { sentences }
    }

    /// What the text says of `fact`.
    pub fn find(&self, fact: &Fact) -> Found {
        let groups: Vec<&Vec<String>> = fact.any.iter().filter(|group| !group.is_empty()).collect();
        if groups.is_empty() {
            return Found::Absent;
        }
        let mut best = Found::Absent;
        for sentence in &self.sentences {
            let met: Vec<Found> = groups.iter().map(|group| meets(sentence, group)).collect();
            if met.iter().all(|found| *found == Found::Stated) {
                return Found::Stated;
            }
            if met.iter().any(|found| *found != Found::Absent) {
                best = Found::Ambiguous;
            }
        }
        best
    }

    /// Whether the text names `word` somewhere without denying it.
    pub fn names(&self, word: &str) -> bool {
        self.sentences.iter().any(|sentence| meets(sentence, &[word.to_owned()]) == Found::Stated)
    }
}

fn meets(sentence: &str, group: &[String]) -> Found {
    let mut best = Found::Absent;
    for phrase in group {
        let phrase = phrase.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        if phrase.is_empty() {
            continue;
        }
        for (start, _) in sentence.match_indices(&phrase) {
            let end = start + phrase.len();
            if !stands_alone(sentence, start, end) {
                continue;
            }
            if !negated(sentence, start, end) {
                return Found::Stated;
            }
            best = Found::Ambiguous;
        }
    }
    best
}

/// Whether the phrase is made of whole words and whole numbers.
fn stands_alone(sentence: &str, start: usize, end: usize) -> bool {
    let mut before = sentence[..start].chars().rev();
    let mut after = sentence[end..].chars();
    let first_is_digit = sentence[start..].starts_with(|c: char| c.is_ascii_digit());
    let last_is_digit = sentence[..end].ends_with(|c: char| c.is_ascii_digit());
    let left_ok = match (before.next(), before.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => false,
        (Some('.' | ','), Some(d)) if first_is_digit && d.is_ascii_digit() => false,
        // A minus sign, not a hyphen.
        (Some('-'), d) if first_is_digit && d.is_none_or(|d| !d.is_alphanumeric()) => false,
        _ => true,
    };
    let right_ok = match (after.next(), after.next()) {
        (Some(c), _) if c.is_alphanumeric() || c == '_' => false,
        (Some('.' | ','), Some(d)) if last_is_digit && d.is_ascii_digit() => false,
        _ => true,
    };
    left_ok && right_ok
}

fn negated(sentence: &str, start: usize, end: usize) -> bool {
    // A new clause is a new statement: "not the disk, but the pool".
    let clause_start = [", ", " but ", ": "]
        .iter()
        .filter_map(|cut| sentence[..start].rfind(cut).map(|at| at + cut.len()))
        .max()
        .unwrap_or(0);
    let before = sentence[clause_start.min(start)..start]
        .split_whitespace()
        .rev()
        .take(REACH)
        .any(|word| NEGATIONS.contains(&word.trim_matches(|c: char| !c.is_alphanumeric())));
    let rest = sentence[end..].trim_start_matches(|c: char| !c.is_alphanumeric());
    before || DENIALS.iter().any(|denial| rest.starts_with(denial))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fact(groups: &[&[&str]]) -> Fact {
        Fact {
            id: "f".to_owned(),
            says: "a statement".to_owned(),
            any: groups
                .iter()
                .map(|group| group.iter().map(|phrase| (*phrase).to_owned()).collect())
                .collect(),
        }
    }

    fn find(text: &str, groups: &[&[&str]]) -> Found {
        Reading::of(text).find(&fact(groups))
    }

    #[test]
    fn a_wording_is_found_whole_and_in_any_case() {
        let pool: &[&[&str]] = &[&["pool size 2", "pool.size = 2", "two connections"]];
        for text in
            ["The web's pool has Two   Connections since then.", "pool.size = 2!", "We saw it: pool size 2."]
        {
            assert_eq!(find(text, pool), Found::Stated, "{text}");
        }
        for text in [
            "pool size 20",
            "pool size 2.5",
            "pool.size = 2,500",
            "whirlpool size 2",
            "twotwo connections",
            "",
        ] {
            assert_eq!(find(text, pool), Found::Absent, "{text}");
        }
        assert_eq!(find("offset -2", &[&["2"]]), Found::Absent);
        assert_eq!(find("release 2026.11.3", &[&["2026.11.3"]]), Found::Stated);
        assert_eq!(find("release 2026.11.30", &[&["2026.11.3"]]), Found::Absent);
    }

    #[test]
    fn a_number_is_whole_with_its_sign_and_its_decimals_and_a_word_has_neither() {
        for (text, phrase, found) in [
            ("1.2 connections", "2 connections", Found::Absent),
            ("v.2 connections", "2 connections", Found::Stated),
            ("in 3.pool of web", "pool of web", Found::Stated),
            ("the -pool of web", "pool of web", Found::Stated),
            ("-2 connections", "2 connections", Found::Absent),
            ("web-2 hangs", "2 hangs", Found::Stated),
            ("the pool.2 hangs", "the pool", Found::Stated),
            ("the pool, then the web", "the pool", Found::Stated),
            ("of size 2.x", "of size 2", Found::Stated),
            ("of size 2,5", "of size 2", Found::Absent),
            ("of size 2, then", "of size 2", Found::Stated),
            ("the pool_size", "the pool", Found::Absent),
            ("my_pool hangs", "pool hangs", Found::Absent),
        ] {
            assert_eq!(find(text, &[&[phrase]]), found, "{phrase} in {text}");
        }
    }

    #[test]
    fn every_group_must_be_met_in_one_sentence() {
        let both: &[&[&str]] = &[&["pool"], &["release", "roll-out"]];
        assert_eq!(find("the roll-out shrank the pool", both), Found::Stated);
        for apart in [". ", "! ", "; ", ";", "\n"] {
            let text = format!("There was a roll-out{apart}The pool is small");
            assert_eq!(find(&text, both), Found::Ambiguous, "{text:?}");
        }
        assert_eq!(find("the disk is full", both), Found::Absent);
    }

    #[test]
    fn a_denied_wording_needs_a_reader() {
        let disk: &[&[&str]] = &[&["disk is full"]];
        for text in
            ["it is not that the disk is full", "disk is full was not it", "without the disk is full alarm"]
        {
            assert_ne!(find(text, disk), Found::Stated, "{text}");
        }
        assert_eq!(find("not the network, the disk is full", disk), Found::Stated);
        assert_eq!(find("not the pool but the disk is full", disk), Found::Stated);
        assert_eq!(find("the web it is not but the disk is full", disk), Found::Stated);
        assert_eq!(find("no space left", &[&["no space left"]]), Found::Stated);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,200}", phrase in ".{0,20}") {
            let _ = find(&text, &[&[phrase.as_str()]]);
        }
    }
}
