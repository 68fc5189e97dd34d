//! The names of quizzes and of what is in them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::InvalidField;

macro_rules! slug {
    ($(#[$doc:meta])* $name:ident, $chars:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidField;

            fn from_str(text: &str) -> Result<Self, InvalidField> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidField;

            fn try_from(text: String) -> Result<Self, InvalidField> {
                if $chars.contains(&text.len()) && is_slug(&text) && !RESERVED.contains(&&*text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidField::new($expected))
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

/// What the API already uses where a slug may stand.
const RESERVED: &[&str] = &["global", "import"];

slug! {
    /// The name of a quiz in addresses, chosen by its author: 3 to 40 of `a-z`, `0-9` and inner hyphens.
    QuizId, 3..=40, "3 to 40 of a-z, 0-9 and inner hyphens, and neither `global` nor `import`"
}

slug! {
    /// The name of a question within its quiz: 1 to 32 of `a-z`, `0-9` and inner hyphens.
    QuestionId, 1..=32, "1 to 32 of a-z, 0-9 and inner hyphens"
}

slug! {
    /// The name of one thing to choose within a question: 1 to 32 of `a-z`, `0-9` and inner hyphens.
    ///
    /// Publishing renames them, because an author's names may say which one is right.
    ChoiceId, 1..=32, "1 to 32 of a-z, 0-9 and inner hyphens"
}

slug! {
    /// What a quiz is about: 2 to 40 of `a-z`, `0-9` and inner hyphens.
    Topic, 2..=40, "2 to 40 of a-z, 0-9 and inner hyphens"
}

fn is_slug(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.bytes().all(plain) && !text.starts_with('-') && !text.ends_with('-')
}

/// The number of a published version, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Version(u32);

impl Version {
    /// The first version.
    pub const FIRST: Self = Self(1);
    /// The last one: keys have four digits.
    pub const LAST: Self = Self(9_999);

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The version after this one; `None` after the last.
    pub fn next(self) -> Option<Self> {
        Self::try_from(self.0 + 1).ok()
    }
}

impl TryFrom<u32> for Version {
    type Error = InvalidField;

    fn try_from(number: u32) -> Result<Self, InvalidField> {
        if (Self::FIRST.0..=Self::LAST.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidField::new("a version from 1 to 9999"))
        }
    }
}

impl From<Version> for u32 {
    fn from(version: Version) -> Self {
        version.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
