//! Variants: one file with several answers. `$(key)` stands for what a variant says, and is put in before the file is read
//! as a scenario, so truth, faults, alarms and repair say the same.
//!
//! ```text
//! text -> read_variants -> Variants -> of(name) -> Resolved: a text, and where its places are in the file
//! ```
//!
//! A value is put in as it is written. Whether it changes more than the scalars it stands in is looked at: the shape of the
//! document must stay what it was.

use super::{Entries, Placed, Scalar, read, text_of};
use crate::base::limits::{VARIANT_KEYS_MAX, VARIANTS_MAX};
use crate::base::names::is_name;
use crate::scenario::problem::{Findings, Place, Problem};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{collections::BTreeSet, fmt};

/// Parts of a file that are the same whichever variant is drawn: they are told, or decided by, before the draw.
const FIXED: [&str; 9] =
    ["format", "title", "family", "pack", "difficulty", "duration", "profile", "roster", "steady_state"];
const OPENS: &str = "$(";

/// The variants of a file, in its order.
#[derive(Debug, Clone)]
pub struct Variants {
    file: String,
    text: String,
    all: Vec<(Placed<String>, Values)>,
}

/// What a variant says: its values by their keys.
type Values = Vec<(String, Placed<String>)>;

/// The text of one variant.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The text.
    pub text: String,
    /// What was put in, by the lines of the text: columns there, and in the file.
    put: Vec<Put>,
}

/// Something that was put in: where it stands now, and where its placeholder stood.
#[derive(Debug, Clone, Copy)]
struct Put {
    line: usize,
    column: usize,
    width: usize,
    was_column: usize,
    was_width: usize,
}

/// What is read of a file before it is known which variant it is.
#[derive(Deserialize)]
struct Peek {
    #[serde(default)]
    variants: Option<Entries<Entries<Scalar>>>,
}

/// A placeholder in a text.
struct Found<'a> {
    place: Place,
    key: &'a str,
    /// The top-level field that it stands in.
    section: &'a str,
    /// It stands in a line that is a comment.
    comment: bool,
}

/// The variants of a scenario's file; nothing: it has none, or cannot be read so far.
pub fn read_variants(file: &str, bytes: &[u8]) -> Result<Option<Variants>, Vec<Problem>> {
    let (Ok(text), Ok(Peek { variants: Some(written) })) = (text_of(file, bytes), read::<Peek>(file, bytes))
    else {
        return Ok(None);
    };
    let all = written.0.into_iter().map(|(name, values)| {
        (name, values.value.0.into_iter().map(|(key, value)| (key.value.clone(), key, value)).collect())
    });
    let all: Vec<Written> = all.collect();
    let mut found = Findings::new(file);
    judge(&mut found, &all);
    let keys: Vec<&str> =
        all.first().map(|(_, values)| values.iter().map(|one| one.0.as_str()).collect()).unwrap_or_default();
    placeholders(&mut found, text, &all, &keys);
    let all = all.into_iter().map(|(name, values)| {
        (name, values.into_iter().map(|(key, _, value)| (key, plain(value))).collect())
    });
    let variants = Variants { file: file.to_owned(), text: text.to_owned(), all: all.collect() };
    if found.is_empty() {
        variants.keep_their_shape(&mut found);
    }
    let problems = found.into_problems();
    if problems.is_empty() { Ok(Some(variants)) } else { Err(problems) }
}

fn plain(value: Placed<Scalar>) -> Placed<String> {
    Placed { value: value.value.0, place: value.place }
}

/// A variant as it is written: its name, and its keys with their places and values.
type Written = (Placed<String>, Vec<(String, Placed<String>, Placed<Scalar>)>);

/// The variants themselves: names, and the same keys in each.
fn judge(found: &mut Findings, all: &[Written]) {
    let Some((first, values)) = all.first() else {
        found.add(Place::default(), "`variants` is empty: name at least two, or leave it out");
        return;
    };
    if all.len() < 2 || all.len() > VARIANTS_MAX {
        found.add(first.place, format!("a scenario has 2 to {VARIANTS_MAX} variants, or none"));
    }
    if values.is_empty() || values.len() > VARIANT_KEYS_MAX {
        found.add(first.place, format!("a variant has 1 to {VARIANT_KEYS_MAX} values"));
    }
    let wanted: BTreeSet<&str> = values.iter().map(|one| one.0.as_str()).collect();
    let mut seen = Vec::new();
    for (name, values) in all {
        if !is_name(name) {
            found.add(name.place, "a variant\u{2019}s name has 1 to 64 of a-z, 0-9, `-`, `_` and `.`");
        }
        let has: BTreeSet<&str> = values.iter().map(|one| one.0.as_str()).collect();
        for key in wanted.difference(&has) {
            found.add(
                name.place,
                format!("the variant `{}` has no `{key}`, which `{}` has", name.value, first.value),
            );
        }
        for (key, place, value) in values {
            if !wanted.contains(key.as_str()) {
                found.add(place.place, format!("the variant `{}` has no `{key}`", first.value));
            }
            if !is_name(key) {
                found.add(place.place, "a key has 1 to 64 of a-z, 0-9, `-`, `_` and `.`");
            }
            if value.contains(OPENS) || value.chars().any(char::is_control) {
                found.add(value.place, "a value is one line, without a `$(key)` of its own");
            }
        }
        let says: Vec<_> = values.iter().map(|(key, _, value)| (key.clone(), value.0.clone())).collect();
        if seen.contains(&says) {
            found.add(name.place, format!("the variant `{}` says the same as another", name.value));
        }
        seen.push(says);
    }
}

/// Placeholders and keys belong together.
fn placeholders(found: &mut Findings, text: &str, all: &[Written], keys: &[&str]) {
    let mut used = BTreeSet::new();
    for one in scan(text) {
        if one.section == "variants" || (one.comment && !keys.contains(&one.key)) {
            continue;
        }
        used.insert(one.key);
        if !keys.contains(&one.key) {
            found.unknown(one.place, "value", one.key, keys.iter().copied());
        } else if FIXED.contains(&one.section) && !one.comment {
            found.add_with_help(
                one.place,
                format!("`{}` is the same in every variant", one.section),
                "it is told before the drill, or decides when it begins: write it out",
            );
        } else if one.section.is_empty() && !one.comment {
            found.add(one.place, "with variants each field of the file begins a line of its own");
        }
    }
    let written = all.first().map(|(_, values)| values.as_slice()).unwrap_or_default();
    for (key, place, _) in written.iter().filter(|one| !used.contains(one.0.as_str())) {
        found.add_with_help(
            place.place,
            format!("nothing is said with `{key}`"),
            format!("write `$({key})` where it belongs"),
        );
    }
}

/// Every placeholder of a text, with its place in characters.
fn scan(text: &str) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    let mut section = "";
    for (index, line) in text.lines().enumerate() {
        let begins = line.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '"' | '\''));
        if begins && let Some((key, _)) = line.split_once(':') {
            section = key.trim_matches(['"', '\'', ' ']);
        }
        let comment = line.trim_start().starts_with('#');
        for (at, _) in line.match_indices(OPENS) {
            let rest = &line[at + OPENS.len()..];
            let Some((key, _)) = rest.split_once(')').filter(|(key, _)| is_name(key)) else { continue };
            let column = 1 + line[..at].chars().count();
            let place = Place { line: index + 1, column, width: OPENS.len() + key.len() + 1 };
            all.push(Found { place, key, section, comment });
        }
    }
    all
}

impl Variants {
    /// Their names, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        self.all.iter().map(|(name, _)| name.value.clone()).collect()
    }

    /// The text of the variant at this place in that order.
    pub fn of(&self, index: usize) -> Resolved {
        let values = self.all.get(index).map(|(_, values)| values.as_slice()).unwrap_or_default();
        self.put(&values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>())
    }

    fn put(&self, values: &[(&str, &str)]) -> Resolved {
        let mut found = scan(&self.text).into_iter().filter(|one| one.section != "variants").peekable();
        let (mut text, mut put) = (String::with_capacity(self.text.len()), Vec::new());
        for (index, line) in self.text.split_inclusive('\n').enumerate() {
            let mut rest = line;
            let (mut column, mut was_column) = (1, 1);
            while let Some(one) = found.next_if(|one| one.place.line == index + 1) {
                let Some((_, value)) = values.iter().find(|(key, _)| *key == one.key) else { continue };
                let before: String = rest.chars().take(one.place.column - was_column).collect();
                let width = value.chars().count();
                column += one.place.column - was_column;
                put.push(Put {
                    line: index + 1,
                    column,
                    width,
                    was_column: one.place.column,
                    was_width: one.place.width,
                });
                text.extend([&before, *value]);
                rest = &rest[before.len() + one.place.width..];
                (column, was_column) = (column + width, one.place.column + one.place.width);
            }
            text.push_str(rest);
        }
        Resolved { text, put }
    }

    /// What is put in stays within the scalar that it stands in.
    fn keep_their_shape(&self, found: &mut Findings) {
        // What is wrong without any value is told when the file is read.
        let Some(before) = tree(&self.text) else { return };
        for (name, values) in &self.all {
            let pairs: Vec<_> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            if self.fits(&before, &pairs) {
                continue;
            }
            let mut bad: Vec<_> = values
                .iter()
                .filter(|(key, value)| !self.fits(&before, &[(key.as_str(), value.as_str())]))
                .collect();
            if bad.is_empty() {
                bad.extend(values.first());
            }
            for (key, value) in bad {
                found.add_with_help(
                    value.place,
                    format!("in the variant `{}`, this does not fit where `$({key})` stands", name.value),
                    format!("write quotes around what holds `$({key})`, or other ones"),
                );
            }
        }
    }

    fn fits(&self, before: &Tree, values: &[(&str, &str)]) -> bool {
        tree(&self.put(values).text).is_some_and(|after| before.becomes(&after, values))
    }

    /// Adds to the problems of one variant where they stand in the file.
    pub fn placed_back(&self, of: &Resolved, problems: &mut [Problem]) {
        for problem in problems.iter_mut().filter(|problem| problem.file == self.file) {
            let place = of.back(Place { line: problem.line, column: problem.column, width: problem.width });
            (problem.column, problem.width) = (place.column, place.width);
        }
    }
}

impl Resolved {
    /// Where a place of the text is in the file.
    fn back(&self, place: Place) -> Place {
        let mut back = place;
        for put in self.put.iter().filter(|put| put.line == place.line) {
            let end = put.column + put.width;
            if place.column >= end {
                back.column = place.column - end + put.was_column + put.was_width;
            } else if place.column + place.width > put.column {
                let begins = back.column.min(put.was_column);
                let more = (place.column + place.width).saturating_sub(end);
                return Place {
                    column: begins,
                    width: put.was_column + put.was_width - begins + more,
                    ..back
                };
            }
        }
        back
    }
}

/// A document as far as its shape and texts go.
#[derive(Debug, PartialEq)]
enum Tree {
    Nothing,
    /// A number or a truth value.
    Plain(String),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// The tree of a text; nothing: it is no document.
fn tree(text: &str) -> Option<Tree> {
    read("", text.as_bytes()).ok()
}

impl Tree {
    /// Whether this is what becomes of it with these values put in, and nothing else.
    fn becomes(&self, after: &Self, values: &[(&str, &str)]) -> bool {
        match (self, after) {
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len()
                    && one.iter().zip(other).all(|(one, other)| one.becomes(other, values))
            }
            (Self::Map(one), Self::Map(other)) => {
                let same = |((key, value), (other, after)): (&(Self, Self), &(Self, Self))| {
                    key.becomes(other, values) && value.becomes(after, values)
                };
                one.len() == other.len() && one.iter().zip(other).all(same)
            }
            (Self::Text(one), Self::Text(other)) => filled(one, values) == *other,
            (Self::Text(one), Self::Plain(_)) => filled(one, values) != *one,
            (one, other) => one == other,
        }
    }
}

/// A text with values put in.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let put = |text: String, (key, value): &(&str, &str)| text.replace(&[OPENS, key, ")"].concat(), value);
    values.iter().fold(text.to_owned(), put)
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Nothing)
            }
            fn visit_none<E>(self) -> Result<Tree, E> {
                Ok(Tree::Nothing)
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Plain(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Plain(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Plain(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Plain(value.to_string()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(one) = seq.next_element()? {
                    list.push(one);
                }
                Ok(Tree::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Tree::Map(pairs))
            }
        }
        from.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "\
title: x
truth: {component: $(who), says: \"$(who) has $(size) of $(size)\"}
# $(nobody) minds a comment
variants:
  first: {who: web-east, size: 2}
  second: {who: session, size: 16}
";

    fn told(text: &str) -> String {
        match read_variants("a.yaml", text.as_bytes()) {
            Ok(_) => String::new(),
            Err(problems) => problems.iter().map(Problem::headline).collect::<Vec<_>>().join("\n"),
        }
    }

    #[test]
    fn each_variant_is_put_in_and_places_lead_back() {
        let variants = read_variants("a.yaml", TEXT.as_bytes()).unwrap().unwrap();
        assert_eq!(variants.names(), ["first", "second"]);
        let second = variants.of(1);
        let line = second.text.lines().nth(1).unwrap();
        assert_eq!(line, "truth: {component: session, says: \"session has 16 of 16\"}");
        assert!(second.text.contains("# $(nobody) minds"), "{}", second.text);
        let original = TEXT.lines().nth(1).unwrap();
        for (word, was) in
            [("truth", "truth"), ("session", "$(who)"), ("says", "says"), (" has", " has"), ("}", "}")]
        {
            let column = 1 + line.find(word).unwrap();
            let back = second.back(Place { line: 2, column, width: word.len() });
            let found: String = original.chars().skip(back.column - 1).take(back.width).collect();
            assert_eq!(found, was, "{word}");
        }
        assert_eq!(told("title: x\n"), "");
        assert!(
            read_variants("a.yaml", b"title: $(who)\n").unwrap().is_none(),
            "without variants it is a text"
        );
    }

    #[test]
    fn each_mistake_is_told() {
        for (old, new, expected) in [
            ("  second: {who: session, size: 16}\n", "", "a.yaml:5:3: a scenario has 2 to"),
            ("who: session, ", "", "a.yaml:6:3: the variant `second` has no `who`, which `first` has"),
            ("size: 16}", "size: 16, more: 1}", "a.yaml:6:36: the variant `first` has no `more`"),
            (
                "second: {who: session, size: 16}",
                "second: {who: web-east, size: 2}",
                "says the same as another",
            ),
            ("second:", "a b:", "a variant\u{2019}s name has"),
            ("title: x", "title: $(who)", "a.yaml:1:8: `title` is the same in every variant"),
            ("component: $(who)", "component: $(whom)", "a.yaml:2:20: there is no value `whom`"),
            ("$(size) of $(size)", "it", "a.yaml:5:26: nothing is said with `size`"),
            ("who: session", "who: $(size)", "without a `$(key)` of its own"),
            ("who: session", "who: \"a\\nb\"", "without a `$(key)` of its own"),
        ] {
            let text = TEXT.replacen(old, new, 1);
            assert_ne!(text, TEXT);
            assert!(told(&text).contains(expected), "{new}: {}", told(&text));
        }
        assert!(
            told("{title: $(who), variants: {a: {who: 1}, b: {who: 2}}}")
                .contains("begins a line of its own")
        );
    }

    #[test]
    fn a_value_never_reaches_beyond_its_scalar() {
        for value in [
            "a, says: b",
            "a}",
            "a: b",
            "a # b",
            "[a",
            "*a",
            "&a b",
            "!b",
            "a\\",
            "a\"b",
            "null",
            "{a",
            "- a: b",
            "'a",
        ] {
            let quoted = serde_json::Value::from(value).to_string();
            let text = TEXT.replacen("who: session", &format!("who: {quoted}"), 1);
            assert!(
                told(&text).contains("this does not fit where `$(who)` stands"),
                "{value}: {}",
                told(&text)
            );
        }
        // The same words fit where quotes hold them.
        let text = TEXT.replacen("component: $(who)", "component: '$(who)'", 1);
        let text = text.replacen("who: session", "who: 'a, says: b # {'", 1);
        assert_eq!(told(&text), "");
    }

    proptest! {
        #[test]
        fn whatever_a_value_is_only_scalars_change(value in "[ -~\u{e9}]{0,12}") {
            let quoted = serde_json::Value::from(value.as_str()).to_string();
            let text = TEXT.replacen("who: session", &format!("who: {quoted}"), 1);
            if let Ok(Some(variants)) = read_variants("a.yaml", text.as_bytes()) {
                let Some(Tree::Map(fields)) = tree(&variants.of(1).text) else { panic!("{value}") };
                prop_assert_eq!(fields.len(), 3);
                let Tree::Map(truth) = &fields[1].1 else { panic!("{value}") };
                prop_assert_eq!(truth.len(), 2);
                prop_assert_eq!(&truth[1].1, &Tree::Text(format!("{value} has 16 of 16")));
            }
        }
    }
}
