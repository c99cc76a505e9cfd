//! Addresses of e-mail, of the plain kind that every program on the way understands.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Longest address, in bytes: what a mail server has to take.
const BYTES_MAX: usize = 254;

/// An address: letters, digits and a few signs, one `@`. Nothing in it can end a line or a field of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailAddress(String);

/// A text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not an e-mail address: write it like ana@example.org")]
pub struct BadMailAddress {
    /// What was given, cut to a printable length.
    pub given: String,
}

impl MailAddress {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether this stands on either side of the `@`.
fn is_side(text: &str, also: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '.' || also.contains(c);
    let dots = text.starts_with('.') || text.ends_with('.') || text.contains("..");
    !text.is_empty() && !dots && text.chars().all(fits)
}

impl TryFrom<String> for MailAddress {
    type Error = BadMailAddress;
    fn try_from(given: String) -> Result<Self, BadMailAddress> {
        let good = given.len() <= BYTES_MAX
            && given
                .split_once('@')
                .is_some_and(|(who, host)| is_side(who, "!#$&'*+-/=?^_`{|}~") && is_side(host, "-"));
        if good {
            Ok(Self(given))
        } else {
            Err(BadMailAddress { given: given.chars().filter(|c| !c.is_control()).take(80).collect() })
        }
    }
}

impl FromStr for MailAddress {
    type Err = BadMailAddress;
    fn from_str(given: &str) -> Result<Self, BadMailAddress> {
        Self::try_from(given.trim().to_owned())
    }
}

impl From<MailAddress> for String {
    fn from(address: MailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn usual_addresses_are_taken_and_others_told() {
        for good in
            ["ana@example.org", "ana.b+drills@mail.example.org", "o'neil@localhost", " ana@example.org "]
        {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ana",
            "@b",
            "a@",
            "a@b@c",
            "a b@c",
            "a@b\r\nBcc: x@y",
            "<a@b>",
            "a@b,c@d",
            ".a@b",
            "a..b@c",
            "a@b.",
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_in_an_address_can_end_a_line_or_a_field(text in any::<String>()) {
            if let Ok(address) = text.parse::<MailAddress>() {
                prop_assert!(address.as_str().chars().all(|c| c.is_ascii_graphic() && !"<>\",;:\\".contains(c)));
            }
        }
    }
}
