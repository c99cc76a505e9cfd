//! Names: one type for each thing that has a name, so that a link is never passed where a service is wanted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A name that was refused, with what a name may look like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a name: use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, beginning with a letter or digit"
)]
pub struct BadName {
    /// What was given, cut to a printable length.
    pub given: String,
}

/// Whether `text` may name something: 1 to 64 of `a-z A-Z 0-9 - _ .`, beginning with a letter or digit.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    text.len() <= 64
        && chars.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadName;
            fn try_from(given: String) -> Result<Self, BadName> {
                if is_name(&given) {
                    Ok(Self(given))
                } else {
                    Err(BadName { given: given.chars().take(80).collect() })
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;
            fn from_str(given: &str) -> Result<Self, BadName> {
                Self::try_from(given.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )*};
}

names! {
    /// One run of a plan: `d-` and opaque letters.
    DrillId;
    /// What somebody has put on the calendar: `s-` and opaque letters.
    EntryId;
    /// One injection: `gd-` and opaque letters; it may be seen on a target and therefore says nothing.
    InjectionId;
    /// One message in the outbox; the idempotency key at the receiver.
    NoticeId;
    /// A person in a drill by the name that the roster knows (`ana`).
    Person;
    /// A service of the target, or one of its instances (`web`, `web-east`).
    ServiceName;
    /// A network path through a fault proxy (`web-east-metadata`).
    LinkName;
    /// A volume of the target.
    VolumeName;
    /// A request class of the workload (`put`).
    ClassName;
    /// An alarm (`UploadErrorsHigh`).
    AlarmName;
    /// A probe of the target's description.
    ProbeName;
}
