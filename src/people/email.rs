//! E-mail addresses: the plain form that every mail server takes, so that one can stand in a header and on a command line.

use crate::base::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An address like `ana@example.org`: letters of ASCII, no name beside it, no quotes, no comments.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// A text that is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an e-mail address: write it like `ana@example.org`, in at most 254 plain letters")]
pub struct BadEmail(String);

/// Longest part in front of the `@`, and longest part of a host's name between dots.
const LOCAL_MAX: usize = 64;
const LABEL_MAX: usize = 63;

impl Email {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    text.len() <= LOCAL_MAX && text.split('.').all(|part| !part.is_empty() && part.chars().all(letter))
}

fn is_host(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

impl TryFrom<String> for Email {
    type Error = BadEmail;
    fn try_from(text: String) -> Result<Self, BadEmail> {
        let good = text.len() <= limits::EMAIL_BYTES_MAX
            && text.split_once('@').is_some_and(|(local, host)| is_local(local) && is_host(host));
        if good {
            Ok(Self(text))
        } else {
            let shown = text.chars().filter(|c| !c.is_control()).take(80).collect();
            Err(BadEmail(shown))
        }
    }
}

impl std::str::FromStr for Email {
    type Err = BadEmail;
    fn from_str(text: &str) -> Result<Self, BadEmail> {
        Self::try_from(text.to_owned())
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_taken_and_nothing_that_could_end_a_header() {
        for good in
            ["ana@example.org", "a.b+drills@mail.example.co.uk", "o'neill@host", "x@xn--bcher-kva.example"]
        {
            assert_eq!(good.parse::<Email>().unwrap().as_str(), good);
        }
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!(
            "{}@{}",
            "a".repeat(60),
            ["b".repeat(60), "c".repeat(60), "d".repeat(60), "e".repeat(60)].join(".")
        );
        for bad in [
            "",
            "ana",
            "@example.org",
            "ana@",
            "ana@@example.org",
            "ana@b@c",
            ".ana@example.org",
            "a..b@example.org",
            "ana.@example.org",
            "ana@-a.org",
            "ana@a-.org",
            "ana@example..org",
            "ana@example.org.",
            "ana b@example.org",
            "ana@example.org\nBcc: ben@example.org",
            "ana@example.org\r",
            "<ana@example.org>",
            "Ana <ana@example.org>",
            "\"ana\"@example.org",
            "ana@[127.0.0.1]",
            "añà@example.org",
            "ana,ben@example.org",
            "ana;x@example.org",
            &long_local,
            &long,
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad:?}");
        }
    }
}
