//! Signing as Telegram does, for tests and tools. Production code has no use for it.

use std::fmt;

use ed25519_dalek::SigningKey;

use crate::fields::Fields;
use crate::key::{BotId, Environment, derive_login_widget_secret, derive_secret};
use crate::mac::{HmacKey, encode_hash};
use crate::{ConfigError, Error, third_party};

/// Signs init data and Login Widget data with a bot token. `Debug` shows no secret.
///
/// Fields are pairs of key and unencoded value, without `auth_date`, `signature` and `hash`. What
/// the values mean is not checked: tests may well want a signed `user` that is no JSON.
#[derive(Clone)]
pub struct Signer {
    bot_id: BotId,
    init_data: HmacKey,
    login_widget: HmacKey,
    third_party: Option<ThirdPartySigner>,
}

impl Signer {
    /// # Errors
    ///
    /// [`ConfigError::InvalidBotToken`], as for [`Key::from_bot_token`](crate::Key::from_bot_token).
    pub fn from_bot_token(bot_token: &str) -> Result<Self, ConfigError> {
        let (bot_id, init_data) = derive_secret(bot_token)?;
        let (_, login_widget) = derive_login_widget_secret(bot_token)?;
        Ok(Self {
            bot_id,
            init_data: HmacKey::new(&init_data),
            login_widget: HmacKey::new(&login_widget),
            third_party: None,
        })
    }

    /// Adds a `signature` to init data before it makes the `hash`, as Telegram does, with an
    /// Ed25519 secret key (the 32-byte seed) of one's own.
    #[must_use]
    pub fn with_third_party_key(mut self, secret_key: [u8; 32]) -> Self {
        self.third_party = Some(ThirdPartySigner::new(self.bot_id, secret_key));
        self
    }

    /// Makes init data: the fields in the order given, `auth_date` (seconds since the Unix epoch),
    /// `signature` if there is a key for it, and `hash`.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`], [`Error::Malformed`] and [`Error::DuplicateKey`] for what no verifier
    /// would take.
    pub fn sign(&self, fields: &[(&str, &str)], auth_date: u64) -> Result<String, Error> {
        let unsigned = match &self.third_party {
            Some(third_party) => third_party.sign(fields, auth_date)?,
            None => encode_query(fields, auth_date)?,
        };
        append_hash(unsigned, &self.init_data)
    }

    /// Makes Login Widget data: the fields in the order given, `auth_date` and `hash`.
    ///
    /// # Errors
    ///
    /// As for [`sign`](Self::sign).
    pub fn sign_login_widget(
        &self,
        fields: &[(&str, &str)],
        auth_date: u64,
    ) -> Result<String, Error> {
        append_hash(encode_query(fields, auth_date)?, &self.login_widget)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("bot_id", &self.bot_id).finish_non_exhaustive()
    }
}

/// Signs init data with an Ed25519 key, as Telegram does for third parties. `Debug` shows no
/// secret.
#[derive(Clone)]
pub struct ThirdPartySigner {
    bot_id: BotId,
    secret_key: SigningKey,
}

impl ThirdPartySigner {
    /// Any 32 bytes (the seed of RFC 8032) are a secret key.
    #[must_use]
    pub fn new(bot_id: BotId, secret_key: [u8; 32]) -> Self {
        Self { bot_id, secret_key: SigningKey::from_bytes(&secret_key) }
    }

    /// What [`Key::third_party`](crate::Key::third_party) needs in order to verify.
    #[must_use]
    pub fn environment(&self) -> Environment {
        Environment::Custom(self.secret_key.verifying_key().to_bytes())
    }

    /// Makes init data: the fields in the order given, `auth_date` (seconds since the Unix epoch)
    /// and `signature`; no `hash`.
    ///
    /// # Errors
    ///
    /// As for [`Signer::sign`].
    pub fn sign(&self, fields: &[(&str, &str)], auth_date: u64) -> Result<String, Error> {
        let unsigned = encode_query(fields, auth_date)?;
        let signature =
            third_party::sign(&self.secret_key, self.bot_id, &Fields::parse(&unsigned)?);
        check(unsigned + "&signature=" + &signature)
    }
}

impl fmt::Debug for ThirdPartySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThirdPartySigner").field("bot_id", &self.bot_id).finish_non_exhaustive()
    }
}

fn append_hash(unsigned: String, key: &HmacKey) -> Result<String, Error> {
    let hash = key.hash(&Fields::parse(&unsigned)?);
    check(unsigned + "&hash=" + &encode_hash(&hash))
}

/// The encoded form of `fields` and `auth_date`.
fn encode_query(fields: &[(&str, &str)], auth_date: u64) -> Result<String, Error> {
    let mut query = String::new();
    for (key, value) in fields {
        encode_into(&mut query, key);
        query.push('=');
        encode_into(&mut query, value);
        query.push('&');
    }
    check(query + "auth_date=" + &auth_date.to_string())
}

/// Refuses what a verifier would refuse whatever its signature.
fn check(query: String) -> Result<String, Error> {
    Fields::parse(&query)?.require_regular_keys()?;
    Ok(query)
}

/// Encodes like JavaScript's `encodeURIComponent`, which Telegram's clients use.
fn encode_into(query: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            query.push(byte.into());
        } else {
            query.push('%');
            query.push(DIGITS[usize::from(byte >> 4)].into());
            query.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
}
