//! Which labels are meant: `alertname="UploadErrorsHigh"`, `severity=~"page|warning"`, as Alertmanager's clients write it.

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Matchers of one request.
pub(super) const MATCHERS_MAX: usize = 32;
/// Longest name, value or expression, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// Memory that one compiled expression may take.
const REGEX_BYTES_MAX: usize = 256 * 1024;

/// A matcher as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MatcherJson {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) is_regex: bool,
    #[serde(default = "yes")]
    pub(super) is_equal: bool,
}

fn yes() -> bool {
    true
}

impl MatcherJson {
    /// Exactly this value.
    pub(super) fn is(name: &str, value: &str) -> Self {
        Self { name: name.to_owned(), value: value.to_owned(), is_regex: false, is_equal: true }
    }
}

/// A matcher, ready to be asked.
#[derive(Debug)]
pub(super) struct Matcher {
    name: String,
    wanted: Wanted,
    is_equal: bool,
}

#[derive(Debug)]
enum Wanted {
    Text(String),
    Like(Regex),
}

impl Matcher {
    /// Reads one as JSON, or says what is wrong with it.
    pub(super) fn of(json: &MatcherJson) -> Result<Self, String> {
        let MatcherJson { name, value, is_regex, is_equal } = json;
        let first_is_letter = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let is_label = first_is_letter && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_label || name.len() > TEXT_BYTES_MAX {
            let shown: String = name.chars().take(80).collect();
            return Err(format!("`{shown}` is no label: one is made of letters, digits and `_`"));
        }
        if value.len() > TEXT_BYTES_MAX {
            return Err(format!("what `{name}` is compared with has more than {TEXT_BYTES_MAX} bytes"));
        }
        let wanted = if *is_regex { Wanted::Like(whole(value)?) } else { Wanted::Text(value.clone()) };
        Ok(Self { name: name.clone(), wanted, is_equal: *is_equal })
    }

    /// Reads one as people type it: `name`, one of `=`, `!=`, `=~` and `!~`, and a value with quotes or without.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let shown = || text.chars().take(80).collect::<String>();
        let wrong = || {
            format!("`{}` is no matcher: write one like `severity=page` or `alertname=~\"Up.*\"`", shown())
        };
        let at = text.find(['=', '!']).ok_or_else(wrong)?;
        let (name, rest) = text.split_at(at);
        let signs = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
        let found = signs.iter().find_map(|(sign, regex, equal)| {
            rest.strip_prefix(sign).map(|value| (value.trim(), *regex, *equal))
        });
        let (value, is_regex, is_equal) = found.ok_or_else(wrong)?;
        let value =
            if value.starts_with('"') { unquoted(value).ok_or_else(wrong)? } else { value.to_owned() };
        Self::of(&MatcherJson { name: name.trim().to_owned(), value, is_regex, is_equal })
    }

    /// Whether these labels are meant. A label that is not there counts as empty.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        let found = match &self.wanted {
            Wanted::Text(text) => text == value,
            Wanted::Like(regex) => regex.is_match(value),
        };
        found == self.is_equal
    }
}

/// An expression that the whole value has to match.
pub(super) fn whole(expression: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(&format!("^(?:{expression})$")).size_limit(REGEX_BYTES_MAX).build();
    compiled.map_err(|_| {
        let shown: String = expression.chars().take(80).collect();
        format!("`{shown}` is no regular expression that can be used here")
    })
}

/// What stands between double quotes.
fn unquoted(text: &str) -> Option<String> {
    let mut inside = text.strip_prefix('"')?.strip_suffix('"').filter(|_| text.len() > 1)?.chars();
    let mut plain = String::new();
    while let Some(c) = inside.next() {
        match c {
            '"' => return None,
            '\\' => plain.push(match inside.next()? {
                'n' => '\n',
                other @ ('"' | '\\') => other,
                _ => return None,
            }),
            c => plain.push(c),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> BTreeMap<String, String> {
        let pairs = [("alertname", "UploadErrorsHigh"), ("severity", "page"), ("team", "a \"b\"")];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn matchers_are_read_as_people_type_them() {
        for (text, matches) in [
            ("severity=page", true),
            (" severity = \"page\" ", true),
            ("severity=pag", false),
            ("severity!=page", false),
            ("severity=~pag", false),
            ("severity=~\"pa.*\"", true),
            ("severity=~page|info", true),
            ("severity!~info", true),
            ("alertname=~Upload.*", true),
            ("team=\"a \\\"b\\\"\"", true),
            ("absent=", true),
            ("absent!=x", true),
            ("absent=x", false),
        ] {
            let read = Matcher::parse(text);
            assert_eq!(read.map(|one| one.matches(&labels())), Ok(matches), "{text}");
        }
        for wrong in
            ["", "severity", "=page", "a b=c", "severity~page", "severity=\"page", "severity=~(", "ä=b"]
        {
            assert!(Matcher::parse(wrong).is_err(), "{wrong}");
        }
        let greedy = format!("severity=~(a{{999}}){{999}}{}", "");
        assert!(Matcher::parse(&greedy).unwrap_err().contains("no regular expression"));
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_is_too_much(text in "[a-z]{0,3}[=!~]{0,3}[\"\\\\a-z(.*|]{0,12}|.{0,40}") {
            let _ = Matcher::parse(&text).map(|one| one.matches(&labels()));
        }

        #[test]
        fn what_is_quoted_is_compared_as_it_is(value in "[ -~]{0,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = Matcher::parse(&format!("team=\"{quoted}\"")).unwrap();
            prop_assert!(read.matches(&[("team".to_owned(), value)].into_iter().collect()));
        }
    }
}
