//! The severity checklist: closed questions about an incident, and what a team answers. Questions and options are open
//! to everybody; which answer is right is part of the sealed truth.
//!
//! The standard questions are those that operators of large shared services ask before they decide: is it live, how many
//! users, which sites, which services, is availability affected, is anything lost.

use super::pack::TargetDescription;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
};
use std::{borrow::Cow, collections::BTreeSet, fmt};

/// The answer of those who do not know. It is never an option of a question.
pub const DONT_KNOW: &str = "dont-know";
/// The ids of the standard questions, in the order in which they are asked.
pub const STANDARD: [&str; 6] = ["live", "users", "sites", "services", "availability", "data_loss"];
/// How many users, from none to all.
const USERS: [&str; 6] = ["nobody", "few", "some-of-all", "all-readers", "all-writers", "everybody"];

/// A question of the checklist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What it is answered by: `users`.
    pub id: String,
    /// The question.
    pub asks: String,
    /// Every possible answer; or, with `many`, what an answer is made of.
    pub options: Vec<String>,
    /// An answer is a set of options.
    #[serde(default)]
    pub many: bool,
}

impl Question {
    /// The standard question of that id, with the target's own sites and services as options.
    pub fn standard(id: &str, target: &TargetDescription) -> Option<Self> {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let (asks, options, many) = match id {
            "live" => {
                ("Is it live, or only potential: are users harmed by it?", words(&["true", "false"]), false)
            }
            "users" => ("How many users are affected?", words(&USERS), false),
            "sites" => ("Which sites are affected?", target.datacenters.clone(), true),
            "services" => ("Which services are affected?", words(&target.components()), true),
            "availability" => ("Is the service's availability affected?", words(&["true", "false"]), false),
            "data_loss" => ("Is anything lost that was stored?", words(&["true", "false"]), false),
            _ => return None,
        };
        Some(Self { id: id.to_owned(), asks: asks.to_owned(), options, many })
    }

    /// Why an answer does not fit, if it does not.
    pub fn objection(&self, answer: &Answer) -> Option<String> {
        let Answer::Says(words) = answer else {
            return None;
        };
        if let Some(odd) = words.iter().find(|word| !self.options.contains(word)) {
            let options = self.options.join(", ");
            return Some(format!("`{odd}` is no answer to `{}`: use {options} or {DONT_KNOW}", self.id));
        }
        match words.len() {
            0 => Some(format!("`{}` needs an answer; `{DONT_KNOW}` is one", self.id)),
            1 => None,
            _ if self.many => None,
            _ => Some(format!("`{}` has one answer", self.id)),
        }
    }
}

/// What a team answers to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// That it does not know.
    DontKnow,
    /// One of the options, or several where the question allows it.
    Says(BTreeSet<String>),
}

impl Answer {
    /// From words as they were typed or written.
    pub fn of(words: impl IntoIterator<Item = String>) -> Self {
        let words: BTreeSet<String> = words.into_iter().collect();
        if words.len() == 1 && words.contains(DONT_KNOW) { Self::DontKnow } else { Self::Says(words) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DontKnow => f.write_str(DONT_KNOW),
            Self::Says(words) => {
                f.write_str(&words.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::DontKnow => to.serialize_str(DONT_KNOW),
            Self::Says(words) => to.collect_seq(words),
        }
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Answer;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, a truth value or a list of words")
            }
            fn visit_str<E>(self, word: &str) -> Result<Answer, E> {
                Ok(Answer::of([word.to_owned()]))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Answer, E> {
                Ok(Answer::of([value.to_string()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Answer, A::Error> {
                let mut words = BTreeSet::new();
                while let Some(word) = seq.next_element::<String>()? {
                    words.insert(word);
                }
                Ok(Answer::of(words))
            }
        }
        from.deserialize_any(Words)
    }
}

impl JsonSchema for Answer {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Answer".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [
            {"type": ["string", "boolean"]},
            {"type": "array", "items": {"type": "string"}},
        ]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites() -> Question {
        Question {
            id: "sites".to_owned(),
            asks: "Which?".to_owned(),
            options: vec!["east".to_owned(), "west".to_owned()],
            many: true,
        }
    }

    #[test]
    fn an_answer_reads_as_people_write_it_and_is_written_one_way() {
        for (written, stored) in [
            ("true", "[\"true\"]"),
            ("\"everybody\"", "[\"everybody\"]"),
            ("[\"west\", \"east\", \"west\"]", "[\"east\",\"west\"]"),
            ("\"dont-know\"", "\"dont-know\""),
            ("[\"dont-know\"]", "\"dont-know\""),
        ] {
            let answer: Answer = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&answer).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Answer>(stored).unwrap(), answer);
        }
        assert!(serde_json::from_str::<Answer>("{\"a\": 1}").is_err());
    }

    #[test]
    fn an_answer_is_made_of_the_options() {
        let answer = |words: &[&str]| Answer::of(words.iter().map(|&word| word.to_owned()));
        let mut question = sites();
        for fine in [&["east"][..], &["east", "west"], &[DONT_KNOW]] {
            assert_eq!(question.objection(&answer(fine)), None, "{fine:?}");
        }
        for wrong in [&["north"][..], &[], &["east", DONT_KNOW]] {
            assert!(question.objection(&answer(wrong)).is_some(), "{wrong:?}");
        }
        question.many = false;
        assert!(question.objection(&answer(&["east", "west"])).is_some());
    }
}
