//! The YAML as people write it. The structs in `written` mirror `scenario.yaml` and `pack.yaml`,
//! those in `target` mirror `target.yaml`, those in `tabletop` a table-top's file, and `compose` has what matters of
//! other people's compose files; `variants` puts one of several answers in. This file reads them under limits, keeps places,
//! and says the YAML library's errors in our words. Nothing else knows that library.
//!
//! Nothing is judged here beyond spelling and type: see [`super::check`].

mod compose;
mod tabletop;
mod target;
mod variants;
mod written;

pub use compose::*;
pub use tabletop::*;
pub use target::*;
pub use variants::*;
pub use written::*;

use super::problem::{Place, Problem, suggestion};
use crate::base::limits::{FILE_BYTES_MAX, YAML_DEPTH_MAX, YAML_NODES_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_yaml::{Error, Location, Options, Spanned};
use std::{borrow::Cow, fmt, marker::PhantomData, ops::Deref};

/// Reads one YAML document under the limits; a mistake comes with its place.
pub fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Problem> {
    let text = text_of(file, bytes)?;
    serde_yaml::from_str_with_options(text, options()).map_err(|error| problem_of(file, text, &error))
}

/// The text of a file, without a byte order mark.
pub fn text_of<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Problem> {
    if bytes.len() > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX / 1024;
        return Err(Problem::of_file(file, format!("the file is larger than {limit} KiB")));
    }
    let text = std::str::from_utf8(bytes).map_err(|bad| {
        let good = String::from_utf8_lossy(&bytes[..bad.valid_up_to()]);
        let line = 1 + good.matches('\n').count();
        Problem::at(file, Place { line, column: 1, width: 1 }, "this is not text in UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let odd = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    if let Some((at, _)) = odd {
        return Err(Problem::at(file, place_of_byte(text, at), "control characters are not allowed"));
    }
    Ok(text)
}

fn place_of_byte(text: &str, at: usize) -> Place {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        line: 1 + before.matches('\n').count(),
        column: 1 + before[line_start..].chars().count(),
        width: 1,
    }
}

fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(FILE_BYTES_MAX),
            max_depth: YAML_DEPTH_MAX,
            flow_nesting_limit: YAML_DEPTH_MAX,
            max_nodes: YAML_NODES_MAX,
            max_events: YAML_NODES_MAX * 4,
            max_aliases: 0,
            max_anchors: 0,
            max_inclusion_depth: 0,
            max_total_scalar_bytes: FILE_BYTES_MAX,
        },
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::Error,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
        emit_comments: false,
    }
}

fn place_of(location: Location) -> Place {
    let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Place {
        line: number(location.line()),
        column: number(location.column()),
        width: usize::try_from(location.span().len()).unwrap_or(1).max(1),
    }
}

fn problem_of(file: &str, text: &str, error: &Error) -> Problem {
    let error = error.without_snippet();
    let place = error.location().map(place_of).unwrap_or_default();
    let at = |message: String| Problem::at(file, place, message);
    match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            let problem = at(format!("unknown field `{field}`"));
            with_suggestion(problem, field, expected)
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let problem = at(format!("`{variant}` is not one of the words that can stand here"));
            with_suggestion(problem, variant, expected)
        }
        Error::SerdeMissingField { field, .. } => {
            let message = format!("the field `{field}` is missing");
            // Where the whole file misses something, no line is wrong.
            if place.column == 1 { Problem::of_file(file, message) } else { at(message) }
        }
        Error::Unexpected { expected, .. } => at(format!("expected {}", in_our_words(expected))),
        Error::InvalidScalar { ty, .. } => at(format!("expected {}", in_our_words(ty))),
        Error::InvalidBooleanStrict { .. } => at("expected `true` or `false`".to_owned()),
        Error::NullIntoString { .. } => at("a value is missing here".to_owned()),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            at(format!("expected {expected}, found {unexpected}"))
        }
        Error::DuplicateMappingKey { key, .. } => {
            at(format!("the key `{}` stands here twice", key.as_deref().unwrap_or("?")))
        }
        Error::MultipleDocuments { .. } => at("a second document begins here".to_owned())
            .with_help("one file holds one document: remove `---` and what follows"),
        Error::Eof { .. } if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) => {
            Problem::of_file(file, "the file is empty")
        }
        Error::Budget { breach, .. } => budget_problem(at, breach),
        Error::MergeKeyNotAllowed { .. } => at("merge keys (`<<`) are not allowed".to_owned()),
        Error::Message { msg, .. } => at(msg.clone()),
        other => {
            let whole = other.to_string();
            let first = whole.lines().next().unwrap_or("this cannot be read");
            at(without_place(first).to_owned())
        }
    }
}

fn in_our_words(expected: &str) -> &str {
    match expected {
        "string scalar" => "a text",
        "mapping start" => "a mapping (`key: value`)",
        "sequence start" => "a list (`- ...`, or `[..]`)",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative and not too large",
        "i64" => "a whole number",
        "f64" => "a number",
        "bool" => "`true` or `false`",
        other => other,
    }
}

fn budget_problem(at: impl Fn(String) -> Problem, breach: &serde_yaml::budget::BudgetBreach) -> Problem {
    use serde_yaml::budget::BudgetBreach as Breach;
    match breach {
        Breach::Aliases { .. } | Breach::Anchors { .. } | Breach::AliasAnchorRatio { .. } => {
            at("anchors and aliases (`&name`, `*name`) are not allowed".to_owned())
                .with_help("write the value out where it is needed")
        }
        Breach::Depth { .. } => at(format!("nested deeper than {YAML_DEPTH_MAX} levels")),
        Breach::Nodes { .. } | Breach::Events { .. } => {
            at(format!("more than {YAML_NODES_MAX} values in one file"))
        }
        _ => at("the file is too large to be read".to_owned()),
    }
}

fn with_suggestion(problem: Problem, given: &str, expected: &[&str]) -> Problem {
    match suggestion(given, expected) {
        Some(help) => problem.with_help(help),
        None => problem,
    }
}

/// The library appends "at line 3, column 4"; the place is told by us.
fn without_place(message: &str) -> &str {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    message.rfind(" at line ").map_or(message, |cut| &message[..cut])
}

/// A value with its place in the file.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Deref for Placed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(from)?;
        Ok(Self { value: spanned.value, place: place_of(spanned.referenced) })
    }
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A mapping with free keys, in the order of the file, each key with its place.
#[derive(Debug, Clone)]
pub struct Entries<V>(pub Vec<(Placed<String>, Placed<V>)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = Entries<V>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(key) = map.next_key()? {
                    pairs.push((key, map.next_value()?));
                }
                Ok(Entries(pairs))
            }
        }
        from.deserialize_map(Pairs(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Entries_of_{}", V::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        schemars::json_schema!({"type": "object", "additionalProperties": value})
    }
}

/// A text that people may write without quotes even where it looks like a number or a truth value: `2`, `2026.10`. It is
/// kept as it was written.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Scalar(pub String);

impl Deref for Scalar {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// A plain text, or something with structure. A number or truth value counts as its text.
#[derive(Debug, Clone)]
pub enum TextOr<T> {
    /// The text.
    Text(String),
    /// The structure.
    Other(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a list or a mapping")
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOr::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(TextOr::Text(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(TextOr::Text(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(TextOr::Text(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                Ok(TextOr::Text(value.to_string()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                T::deserialize(SeqAccessDeserializer::new(seq)).map(TextOr::Other)
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for TextOr<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Text_or_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let other = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [{"type": ["string", "number", "boolean"]}, other]})
    }
}

/// A list of words, or something with structure.
#[derive(Debug, Clone)]
pub enum WordsOr<T> {
    /// The words.
    Words(Vec<String>),
    /// The structure.
    Other(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WordsOr<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = WordsOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of words or a mapping")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(WordsOr::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(WordsOr::Words)
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for WordsOr<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Words_or_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let other = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [{"type": "array", "items": {"type": "string"}}, other]})
    }
}

/// One mapping, or a list of them.
#[derive(Debug, Clone)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// A list.
    Many(Vec<Placed<T>>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping or a list of mappings")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(OneOrMany::One)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany::Many)
            }
        }
        from.deserialize_any(Either(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("One_or_many_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        schemars::json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}
