//! Errors. [`Error`] is why a string was refused, and is safe to show to its sender. [`ConfigError`] is why
//! a key or a verifier cannot be built, and is for the operator at start-up. Neither contains any part of
//! its input.

/// Why a string was refused.
///
/// The variants are in the order of the checks: a string with several faults is refused for the first. [`Error::code`] is stable across releases, the `Display` text is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than [`MAX_BYTES`](crate::MAX_BYTES) bytes or [`MAX_PAIRS`](crate::MAX_PAIRS) pairs.
    #[error("the data is larger than any that Telegram sends")]
    TooLarge,
    /// Not a form query: an invalid percent escape, invalid UTF-8, a control character, an empty or
    /// invalid key, or no field; or a signed `chat` or `can_send_after` that cannot be parsed.
    #[error("the data is not a well-formed query string")]
    Malformed,
    /// A key appears twice, so that two readers could disagree about its value.
    #[error("a field appears twice")]
    DuplicateKey,
    /// There is no `hash`, or it is empty.
    #[error("the field hash is missing")]
    HashMissing,
    /// `hash` is not 64 lower-case hexadecimal digits.
    #[error("the field hash is not 64 lower-case hexadecimal digits")]
    HashMalformed,
    /// None of the keys made this `hash` over these fields.
    #[error("the hash does not match the data")]
    HashMismatch,
    /// There is no `signature`, or it is empty (third-party check only).
    #[error("the field signature is missing")]
    SignatureMissing,
    /// `signature` is not the base64url text of 64 bytes (third-party check only).
    #[error("the field signature is not base64url of 64 bytes")]
    SignatureMalformed,
    /// None of the keys made this `signature` over these fields (third-party check only).
    #[error("the signature does not match the data")]
    SignatureInvalid,
    /// There is no `auth_date`.
    #[error("the field auth_date is missing")]
    AuthDateMissing,
    /// `auth_date` is neither `0` nor digits without a leading zero, or does not fit 64 bits.
    #[error("the field auth_date is not a Unix time in seconds")]
    AuthDateInvalid,
    /// The data is older than the verifier's `max_age`.
    #[error("the data has expired")]
    Expired,
    /// The data is dated later than `now` plus the verifier's `max_skew`.
    #[error("the data is dated in the future")]
    FromFuture,
    /// `user` or `receiver` is not a JSON object with an integer `id`, or repeats a field; for
    /// the Login Widget, `id` is not an integer.
    #[error("the user cannot be parsed")]
    UserInvalid,
}

impl Error {
    /// The stable, snake_case code of the refusal, for clients, metrics and tests.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::DuplicateKey => "duplicate_key",
            Self::HashMissing => "hash_missing",
            Self::HashMalformed => "hash_malformed",
            Self::HashMismatch => "hash_mismatch",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureMalformed => "signature_malformed",
            Self::SignatureInvalid => "signature_invalid",
            Self::AuthDateMissing => "auth_date_missing",
            Self::AuthDateInvalid => "auth_date_invalid",
            Self::Expired => "expired",
            Self::FromFuture => "from_future",
            Self::UserInvalid => "user_invalid",
        }
    }
}

/// Why a key, a verifier or a signer cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The bot token is empty or not of the form `<bot id>:<secret>`.
    #[error("the bot token is not of the form <bot id>:<letters, digits, _ or ->")]
    InvalidBotToken,
    /// The bot id is outside 1 to 2⁵² − 1.
    #[error("the bot id is not between 1 and 2^52 - 1")]
    InvalidBotId,
    /// The 32 bytes are not an Ed25519 public key, or one that accepts forgeries.
    #[error("the public key is not a usable Ed25519 public key")]
    InvalidPublicKey,
    /// A verifier needs at least one key.
    #[error("a verifier needs at least one key")]
    NoKeys,
    /// More than [`MAX_KEYS`](crate::MAX_KEYS) keys.
    #[error("a verifier holds at most 64 keys")]
    TooManyKeys,
    /// A verifier checks either `hash` or `signature`; see [`Verifier`](crate::Verifier).
    #[error("a verifier holds either secret keys or third-party keys, not both")]
    MixedKeys,
}

impl ConfigError {
    /// The stable code `config_error`; the details are for the operator only.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "config_error"
    }
}
