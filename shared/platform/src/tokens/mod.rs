//! The tokens of a session: compact JWS signed with EdDSA (RFC 7515, 8037), verified in memory.
//!
//! `typ` distinguishes two kinds: access tokens (`at+jwt`, RFC 9068), valid for minutes, and refresh
//! tokens (`rt+jwt`), which name a generation of a session. Refresh tokens are signed too, so forged ones
//! are refused without a database call, and nobody can refresh a session with what the database holds.
//! Ed25519 is deterministic, so a retry gets the same token as the lost response.
//!
//! Not `jsonwebtoken`: that crate selects algorithms at run time and includes RSA and the NIST curves,
//! while one fixed algorithm takes a page.

mod jws;
mod keys;

use minigate_domain::{BotId, SessionId, Tier, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use keys::{KeyRing, SigningKey};

/// The claims of an access token. Times are in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// The user.
    pub user_id: UserId,
    /// The session.
    pub session_id: SessionId,
    /// The bot of the session.
    pub bot_id: BotId,
    /// The tier of the user.
    pub tier: Tier,
    /// When the token was issued.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The claims of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// The user.
    pub user_id: UserId,
    /// The session that it refreshes.
    pub session_id: SessionId,
    /// The bot of the session.
    pub bot_id: BotId,
    /// The generation of the session's refresh token.
    pub generation: u32,
    /// When the generation began.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not three parts of base64url, or the header or the claims are not those of this kind.
    #[error("not a token of this kind")]
    Malformed,
    /// No known key has its `kid`; a newer one may.
    #[error("signed with an unknown key")]
    UnknownKey,
    /// The signature or the issuer does not match.
    #[error("not signed by this deployment")]
    Invalid,
    /// It has expired.
    #[error("expired")]
    Expired,
}

/// The claims as serialized; `tier` is only in access tokens, `gen` only in refresh tokens.
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
