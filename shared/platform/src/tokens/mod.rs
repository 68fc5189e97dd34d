//! The tokens of a session: compact JWS signed with EdDSA (RFC 7515, 8037), verified in memory.
//!
//! There are two kinds, told apart by `typ`: access tokens (`at+jwt`, RFC 9068) of a few minutes,
//! and refresh tokens (`rt+jwt`) that name a generation of a session. A refresh token is signed
//! too, so a forged one is refused without asking the database, and the database holds nothing that
//! a reader of it could refresh a session with. Because Ed25519 is deterministic, a repeated
//! request gets the very token that its lost answer held.
//!
//! Written here and not taken from `jsonwebtoken`: that crate chooses algorithms at run time and
//! brings RSA and the NIST curves along, and one algorithm needs a page.

mod jws;
mod keys;

use minigate_domain::{BotId, SessionId, Tier, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use keys::{KeyRing, SigningKey};

/// What an access token says. Times are in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who it is.
    pub user_id: UserId,
    /// In which session.
    pub session_id: SessionId,
    /// Through which bot.
    pub bot_id: BotId,
    /// What they may use.
    pub tier: Tier,
    /// When the token was made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Who it is.
    pub user_id: UserId,
    /// Which session it refreshes.
    pub session_id: SessionId,
    /// Through which bot the session was opened.
    pub bot_id: BotId,
    /// Which generation of the session's refresh token it is.
    pub generation: u32,
    /// When the generation began.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// It is not three parts of base64url, its header is not ours, or its claims are not.
    #[error("not a token of this kind")]
    Malformed,
    /// No key of this deployment has its `kid`; perhaps a newer one will.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature or the issuer is wrong.
    #[error("not signed by this deployment")]
    Invalid,
    /// Its time is over.
    #[error("expired")]
    Expired,
}

/// The claims as they stand in a token; `tier` only in an access token, `gen` only in a refresh
/// token.
#[derive(Serialize, Deserialize)]
struct WireClaims {
    iss: String,
    sub: String,
    sid: SessionId,
    bot: BotId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none")]
    generation: Option<u32>,
    iat: u64,
    exp: u64,
}
