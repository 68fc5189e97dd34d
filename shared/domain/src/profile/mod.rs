//! What a user may say about themselves.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Timestamp, UserId};

/// A value that a field does not take. The message says what it takes instead.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{expected}")]
pub struct InvalidField {
    expected: &'static str,
}

impl InvalidField {
    /// `expected` completes "must be …".
    pub const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

/// The name that others see: 1 to 64 characters, no control characters, no white space at the ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DisplayName(String);

impl DisplayName {
    /// The most characters (Unicode scalar values) of a name. Telegram allows 64 for a first name.
    pub const MAX_CHARS: usize = 64;

    /// The nearest display name to what Telegram calls the user; `None` if nothing is left of it.
    pub fn from_telegram(first_name: &str, last_name: Option<&str>) -> Option<Self> {
        let full = format!("{first_name} {}", last_name.unwrap_or_default());
        let kept: String =
            full.chars().filter(|char| !is_unfit(*char)).take(Self::MAX_CHARS).collect();
        kept.trim().parse().ok()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DisplayName {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let length = text.chars().count();
        let fits = (1..=Self::MAX_CHARS).contains(&length)
            && !text.chars().any(is_unfit)
            && text.trim() == text;
        if !fits {
            return Err(InvalidField {
                expected: "1 to 64 characters, no control or direction characters, no white space \
                           at the ends",
            });
        }
        Ok(Self(text.to_owned()))
    }
}

/// Control characters, and the invisible ones that turn the direction of the text around a name.
fn is_unfit(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An IETF language tag of the form that Telegram sends: two or three letters, and perhaps a
/// region or script, as in `en`, `pt-br`, `zh-hans`. Kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

impl TryFrom<String> for Language {
    type Error = InvalidField;

    fn try_from(text: String) -> Result<Self, InvalidField> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.0
    }
}

impl Language {
    /// What a user gets whose Telegram client names no language.
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Language {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        let (language, rest) = text.split_once('-').unwrap_or((text, "aa"));
        let fits = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && (2..=8).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            return Err(InvalidField { expected: "a language tag such as `en` or `pt-br`" });
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Which messages of the bot the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notifications {
    /// Everything, news included.
    All,
    /// Only what concerns the user: results, certificates, payments.
    #[default]
    Important,
    /// Nothing.
    None,
}

impl FromStr for Notifications {
    type Err = InvalidField;

    fn from_str(text: &str) -> Result<Self, InvalidField> {
        match text {
            "all" => Ok(Self::All),
            "important" => Ok(Self::Important),
            "none" => Ok(Self::None),
            _ => Err(InvalidField { expected: "`all`, `important` or `none`" }),
        }
    }
}

/// A user of the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Who it is.
    pub user_id: UserId,
    /// The name that others see.
    pub display_name: DisplayName,
    /// The language the product speaks with the user.
    pub language: Language,
    /// Which messages the user wants.
    pub notifications: Notifications,
    /// When the user came first.
    pub created_at: Timestamp,
    /// When the profile changed last.
    pub updated_at: Timestamp,
    /// Counts the changes, from 1. It is the profile's entity tag.
    pub version: u64,
}

impl Profile {
    /// The profile of a user who comes for the first time, from what Telegram says about them.
    pub fn first(
        user_id: UserId,
        first_name: &str,
        last_name: Option<&str>,
        language_code: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            user_id,
            display_name: DisplayName::from_telegram(first_name, last_name)
                .unwrap_or_else(|| DisplayName("Telegram user".to_owned())),
            language: language_code
                .and_then(|code| code.parse().ok())
                .unwrap_or_else(Language::english),
            notifications: Notifications::default(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }
}

/// What a user changes of their profile; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name.
    pub display_name: Option<DisplayName>,
    /// The new language.
    pub language: Option<Language>,
    /// The new choice.
    pub notifications: Option<Notifications>,
}

impl ProfileChange {
    /// Whether `profile` already says all that this change asks for.
    pub fn is_made_in(&self, profile: &Profile) -> bool {
        self.display_name.as_ref().is_none_or(|name| *name == profile.display_name)
            && self.language.as_ref().is_none_or(|language| *language == profile.language)
            && self.notifications.is_none_or(|choice| choice == profile.notifications)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_names_are_bounded_and_printable() {
        assert!("Ada Lovelace".parse::<DisplayName>().is_ok());
        assert!("Артём 🌈".parse::<DisplayName>().is_ok());
        let too_long = "x".repeat(65);
        for text in ["", " Ada", "Ada ", "A\nda", "A\u{202e}da", too_long.as_str()] {
            assert!(text.parse::<DisplayName>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_name_from_telegram_is_always_fit() {
        let odd = format!("\u{202e}{}\n", "x".repeat(100));
        assert_eq!(
            DisplayName::from_telegram(&odd, Some("y")).map(|name| name.0.len()),
            Some(DisplayName::MAX_CHARS)
        );
        assert_eq!(DisplayName::from_telegram("\u{200f} ", None), None);
    }

    #[test]
    fn languages_are_tags() {
        assert_eq!("pt-BR".parse::<Language>(), Ok(Language("pt-br".to_owned())));
        for text in ["", "e", "english", "en-", "en_US", "en-us-posix", "é"] {
            assert!(text.parse::<Language>().is_err(), "{text:?} was taken");
        }
    }
}
