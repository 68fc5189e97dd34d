//! Who and what things are: ids as types, so that no two can be mixed up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Entropy;

/// A text that is not an id of the kind asked for.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a {kind}: {expected}")]
pub struct InvalidId {
    kind: &'static str,
    expected: &'static str,
}

/// The largest id that Telegram documents: ids have at most 52 significant bits.
const LARGEST_TELEGRAM_ID: u64 = (1 << 52) - 1;

macro_rules! telegram_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Checks that `id` is in Telegram's range, `1 ..= 2^52 - 1`.
            ///
            /// # Errors
            /// [`InvalidId`] outside of that range.
            pub const fn new(id: u64) -> Result<Self, InvalidId> {
                if id == 0 || id > LARGEST_TELEGRAM_ID {
                    return Err(InvalidId { kind: $kind, expected: "an integer from 1 to 2^52 - 1" });
                }
                Ok(Self(id))
            }

            /// The number that Telegram uses.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // `u64::from_str` also takes a sign and leading zeros, which would give one
                // user several spellings.
                let canonical = !text.starts_with(['+', '0']);
                match text.parse() {
                    Ok(id) if canonical => Self::new(id),
                    _ => Self::new(0),
                }
            }
        }
    };
}

telegram_id! {
    /// A Telegram user. The same person has the same id in every bot.
    UserId, "user id"
}

telegram_id! {
    /// A Telegram bot: the digits before the colon of its token.
    BotId, "bot id"
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl $name {
            /// A new id that nobody has seen before.
            pub fn random(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 16];
                entropy.fill(&mut bytes);
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hexadecimal(text, $kind).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

/// One spelling for each id: 32 lower-case digits.
fn parse_hexadecimal(text: &str, kind: &'static str) -> Result<u128, InvalidId> {
    let invalid = InvalidId { kind, expected: "32 lower-case hexadecimal digits" };
    let canonical = text.len() == 32
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !canonical {
        return Err(invalid);
    }
    u128::from_str_radix(text, 16).map_err(|_| invalid)
}

random_id! {
    /// The id of a session: 128 random bits, written as 32 lower-case hexadecimal digits.
    ///
    /// It is not a secret: it stands in access tokens and in the list of a user's sessions.
    SessionId, "session id"
}

random_id! {
    /// The id of an attempt at a quiz: 128 random bits, written as 32 lower-case hexadecimal digits.
    AttemptId, "attempt id"
}

random_id! {
    /// The id of a certificate: 128 random bits, written as 32 lower-case hexadecimal digits. Whoever
    /// has it may read the certificate.
    CertificateId, "certificate id"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telegram_id_has_one_spelling() {
        assert_eq!("279058397".parse::<UserId>().map(UserId::get), Ok(279_058_397));
        for text in ["", "0", "007", "+7", "-7", " 7", "7 ", "4503599627370496", "1e3"] {
            assert!(text.parse::<UserId>().is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_session_id_has_one_spelling() {
        let text = "00ff00ff00ff00ff00ff00ff00ff00ff";
        assert_eq!(text.parse::<SessionId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for text in ["", "00FF00ff00ff00ff00ff00ff00ff00ff", "+0ff00ff00ff00ff00ff00ff00ff00ff"] {
            assert!(text.parse::<SessionId>().is_err(), "{text:?} was taken");
        }
    }
}
