//! Verify, parse and sign Telegram Mini App init data and Login Widget data.
//!
//! A Mini App sends its back end the string `Telegram.WebApp.initData`: who opened it, from where and when,
//! signed by Telegram. This crate verifies that string and parses it.
//!
//! ```
//! use minigate_init_data::{Error, Key, Signer, Verifier};
//!
//! # let bot_token = "123456789:AAF-an_example_of_a_token";
//! # let now = 1_760_000_000;
//! // Once, at start-up. Several keys serve several bots, or a token and its successor.
//! let verifier = Verifier::new([Key::from_bot_token(bot_token)?])?;
//!
//! // In tests, sign as Telegram does.
//! let signer = Signer::from_bot_token(bot_token)?;
//! let init_data = signer.sign(&[("user", r#"{"id":42,"first_name":"Ada"}"#)], now)?;
//!
//! // For every request. The caller passes the current time, in seconds.
//! let verified = verifier.verify(&init_data, now)?;
//! assert_eq!(verified.user().map(|user| user.id), Some(42));
//! assert_eq!(verified.bot_id().get(), 123_456_789);
//!
//! let forged = init_data.replace("42", "43");
//! assert_eq!(verifier.verify(&forged, now), Err(Error::HashMismatch));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without the bot's token, [`Key::third_party`] verifies Telegram's public signature.
//! [`LoginWidgetVerifier`] verifies data of the older Login Widget.
//!
//! # Refusals
//!
//! The checks run in the order of this table. The first that fails determines the error.
//!
//! | rule | [`Error::code`] |
//! |---|---|
//! | at most [`MAX_BYTES`] bytes and [`MAX_PAIRS`] pairs | `too_large` |
//! | a form query: valid percent escapes and UTF-8, no empty key, no control characters | `malformed` |
//! | no repeated key | `duplicate_key` |
//! | `hash` is 64 lower-case hexadecimal digits, made with one of the secret keys | `hash_missing`, `hash_malformed`, `hash_mismatch` |
//! | or `signature` is base64url of 64 bytes, made with one of the third-party keys | `signature_missing`, `signature_malformed`, `signature_invalid` |
//! | keys are `[A-Za-z0-9_-]{1,64}` | `malformed` |
//! | `auth_date` is `0` or digits without a leading zero, in range, neither expired nor in the future | `auth_date_missing`, `auth_date_invalid`, `from_future`, `expired` |
//! | `user` and `receiver`, where present, are JSON objects with an integer `id` and no repeated field | `user_invalid` |
//! | `chat` and `can_send_after`, where present, can be read | `malformed` |
//!
//! These rules close known bypasses. The signed text joins `key=value` lines with line feeds, so a line
//! feed in a value, or a `=` in a key, lets one signed text represent different fields. Of a repeated key,
//! two parsers may read different values.
//!
//! # What it does not do
//!
//! It has no clock, does no I/O, logs nothing and keeps no state: init data can be replayed until it
//! expires. [`InitData::hash`] is the key for a replay guard.
//!
//! # Features
//!
//! None by default. `inspect` adds a module that explains refusals; `cli` adds the command
//! `init-data`.

mod error;
mod fields;
mod init_data;
#[cfg(feature = "inspect")]
pub mod inspect;
mod key;
mod login_widget;
mod mac;
mod parse;
mod sign;
mod third_party;
mod types;
mod verifier;

use std::time::Duration;

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use error::{ConfigError, Error};
pub use fields::Fields;
pub use init_data::InitData;
pub use key::{BotId, Environment, Key, derive_secret};
pub use login_widget::{LoginWidgetData, LoginWidgetVerifier};
pub use sign::{Signer, ThirdPartySigner};
pub use types::{Chat, ChatType, User};
pub use verifier::Verifier;

/// The longest string that is parsed, in bytes. A usual one has about 600. API Gateway limits the request
/// line and headers to 10,240 bytes in all.
pub const MAX_BYTES: usize = 8192;
/// The most `&`-separated sequences in a string, empty ones included. Telegram documents 11 fields.
pub const MAX_PAIRS: usize = 64;
/// The most keys of a verifier, which bounds the work per string.
pub const MAX_KEYS: usize = 64;
/// The default maximum age: 24 hours. Telegram's clients keep init data for
/// almost a day (tdesktop issues 28303 and 29456), so a much shorter age would refuse legitimate users.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The default tolerance for dates ahead of the caller's clock: 30 seconds.
pub const DEFAULT_MAX_SKEW: Duration = Duration::from_secs(30);
