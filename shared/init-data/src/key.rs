//! Keys that verify init data: bot tokens, secrets derived from them, and Telegram's public keys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ConfigError;
use crate::mac::HmacKey;
use crate::third_party::ThirdPartyKey;

/// Telegram ids have at most 52 significant bits, so that they survive a JSON double.
pub(crate) const MAX_ID: u64 = (1 << 52) - 1;
/// Tokens have about 46 bytes; nothing longer than this is hashed.
const MAX_TOKEN_BYTES: usize = 256;

/// The id of a bot: the digits before the colon of its token. 1 to 2⁵² − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BotId(u64);

impl BotId {
    /// # Errors
    ///
    /// [`ConfigError::InvalidBotId`] outside 1 to 2⁵² − 1.
    pub const fn new(id: u64) -> Result<Self, ConfigError> {
        if id >= 1 && id <= MAX_ID { Ok(Self(id)) } else { Err(ConfigError::InvalidBotId) }
    }

    /// The id as a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BotId {
    type Err = ConfigError;

    /// Digits without sign or leading zero.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::new(parse_decimal(text).ok_or(ConfigError::InvalidBotId)?)
    }
}

/// Whose Ed25519 key signs for third parties.
///
/// Source of the two keys: <https://core.telegram.org/bots/webapps#validating-data-for-third-party-use>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Telegram's production servers.
    Production,
    /// Telegram's test servers.
    Test,
    /// A public key of one's own, for tests and for stand-ins of Telegram.
    Custom([u8; 32]),
}

impl Environment {
    /// The 32 bytes of the compressed public key.
    #[must_use]
    pub const fn public_key(self) -> [u8; 32] {
        match self {
            Self::Production => [
                0xe7, 0xbf, 0x03, 0xa2, 0xfa, 0x46, 0x02, 0xaf, 0x45, 0x80, 0x70, 0x3d, 0x88, 0xdd,
                0xa5, 0xbb, 0x59, 0xf3, 0x2e, 0xd8, 0xb0, 0x2a, 0x56, 0xc1, 0x87, 0xfe, 0x7d, 0x34,
                0xca, 0xed, 0x24, 0x2d,
            ],
            Self::Test => [
                0x40, 0x05, 0x50, 0x58, 0xa4, 0xee, 0x38, 0x15, 0x6a, 0x06, 0x56, 0x2e, 0x52, 0xee,
                0xce, 0x92, 0xa7, 0x71, 0xbc, 0xd8, 0x34, 0x6a, 0x8c, 0x46, 0x15, 0xcb, 0x73, 0x76,
                0xed, 0xdf, 0x72, 0xec,
            ],
            Self::Custom(public_key) => public_key,
        }
    }
}

/// A key that verifies init data, and the bot that it belongs to.
///
/// `Debug` shows neither token nor secret. Nothing is erased from memory on drop: a key lives as
/// long as its verifier, which is as long as the process, and the caller owns the token's text.
#[derive(Clone, Debug)]
pub struct Key {
    pub(crate) bot: Bot,
    pub(crate) material: Material,
}

/// Whom a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bot {
    pub(crate) id: BotId,
    pub(crate) label: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Material {
    Secret(HmacKey),
    ThirdParty(ThirdPartyKey),
}

impl Key {
    /// Checks `hash` with the secret derived from `bot_token`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidBotToken`] unless the token is a bot id, a colon and at least one of
    /// the characters `A-Z a-z 0-9 _ -`, at most 256 bytes in all. White space around it counts.
    pub fn from_bot_token(bot_token: &str) -> Result<Self, ConfigError> {
        let (bot_id, secret) = derive_secret(bot_token)?;
        Ok(Self::from_secret(bot_id, secret))
    }

    /// Checks `hash` with a secret that [`derive_secret`] made elsewhere, so that the token itself
    /// need not travel: the secret can sign init data, but it cannot operate the bot.
    #[must_use]
    pub fn from_secret(bot_id: BotId, secret: [u8; 32]) -> Self {
        Self { bot: Bot::new(bot_id), material: Material::Secret(HmacKey::new(&secret)) }
    }

    /// Checks `signature` with Telegram's public key, without a secret of the bot.
    ///
    /// # Errors
    ///
    /// [`ConfigError::InvalidPublicKey`] if a custom key is no point of the curve, or one of low
    /// order, for which anybody can sign.
    pub fn third_party(bot_id: BotId, environment: Environment) -> Result<Self, ConfigError> {
        let key = ThirdPartyKey::new(bot_id, environment)?;
        Ok(Self { bot: Bot::new(bot_id), material: Material::ThirdParty(key) })
    }

    /// Names the key, for instance `current` and `previous`; init data that it matches says so.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        self.bot.label = Some(label.into());
        self
    }

    /// The name given with [`with_label`](Self::with_label).
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.bot.label.as_deref()
    }

    /// The bot that the key stands for.
    #[must_use]
    pub const fn bot_id(&self) -> BotId {
        self.bot.id
    }
}

impl Bot {
    pub(crate) const fn new(id: BotId) -> Self {
        Self { id, label: None }
    }
}

/// Derives the secret that init data is signed with: `HMAC-SHA256("WebAppData", bot_token)`.
///
/// # Errors
///
/// [`ConfigError::InvalidBotToken`], as for [`Key::from_bot_token`].
///
/// Source: <https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app>.
pub fn derive_secret(bot_token: &str) -> Result<(BotId, [u8; 32]), ConfigError> {
    let bot_id = bot_id_of_token(bot_token)?;
    Ok((bot_id, HmacKey::new(b"WebAppData").authenticate([bot_token.as_bytes()])))
}

/// Derives the secret that Login Widget data is signed with: `SHA256(bot_token)`.
pub(crate) fn derive_login_widget_secret(
    bot_token: &str,
) -> Result<(BotId, [u8; 32]), ConfigError> {
    let bot_id = bot_id_of_token(bot_token)?;
    Ok((bot_id, Sha256::digest(bot_token).into()))
}

fn bot_id_of_token(bot_token: &str) -> Result<BotId, ConfigError> {
    let is_secret_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    bot_token
        .split_once(':')
        .filter(|_| bot_token.len() <= MAX_TOKEN_BYTES)
        .filter(|(_, secret)| !secret.is_empty() && secret.bytes().all(is_secret_byte))
        .and_then(|(bot_id, _)| bot_id.parse().ok())
        .ok_or(ConfigError::InvalidBotToken)
}

/// `0`, or digits without a leading zero, that fit 64 bits.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical)
}
