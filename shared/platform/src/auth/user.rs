//! The extractors for the user who is asking, and the tokens behind them.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use futures_util::future::BoxFuture;
use minigate_domain::{BotId, SessionId, Tier, Timestamp, UserId};
use minigate_service::accounts::CachedAccount;

use super::{credentials::Credentials, init_data};
use crate::{
    Code, Platform, Problem,
    limits::{API, Charge, Limit, RateLimits},
    tokens::{AccessClaims, KeyRing, RefreshClaims, TokenError},
};

/// A user with good credentials: an access token, verified in memory, or init data.
#[derive(Clone, Copy, Debug)]
pub struct User {
    /// Who it is.
    pub id: UserId,
    /// Through which bot they came.
    pub bot_id: BotId,
    /// The session of the access token; `None` with init data.
    pub session_id: Option<SessionId>,
    /// When the access token was made, in whole seconds: its session existed then.
    pub(crate) token_made_at: Option<Timestamp>,
    /// When Telegram signed the init data; `None` with an access token.
    pub(crate) signed_at: Option<Timestamp>,
    /// What they may use. Init data does not say, so it is [`Tier::Free`] there; a session knows.
    pub tier: Tier,
}

/// A [`User`] whose session has not been revoked, for what must not be done with a stolen token.
#[derive(Clone, Copy, Debug)]
pub struct LiveUser(pub User);

/// A [`LiveUser`] with what is known of them, at no further read; also with init data.
#[derive(Clone, Debug)]
pub struct LiveAccount {
    /// Who is asking.
    pub user: User,
    /// Their account; `None` if they never had a session.
    pub account: Option<CachedAccount>,
}

impl User {
    /// The user whose credentials these headers hold. It counts against no limit.
    ///
    /// # Errors
    /// A problem that names `authorization` if there are none or they are refused, or
    /// [`Code::SECRETS_UNAVAILABLE`].
    pub async fn of(platform: &Platform, headers: &HeaderMap) -> Result<Self, Problem> {
        match Credentials::of(headers)? {
            Credentials::AccessToken(token) => {
                let claims = verify_access_token(platform, token).await?;
                let AccessClaims { user_id, session_id, bot_id, tier, issued_at, .. } = claims;
                let (session_id, token_made_at) = (Some(session_id), Some(issued_at));
                Ok(Self { id: user_id, bot_id, session_id, token_made_at, signed_at: None, tier })
            }
            Credentials::InitData(_) if platform.config.init_data_one_time_use => {
                Err(Problem::new(Code::INIT_DATA_NOT_ACCEPTED)
                    .detail("Exchange the init data for a session with POST /v1/sessions."))
            }
            Credentials::InitData(init_data) => {
                let user = init_data::verify(platform, init_data, None).await?;
                Ok(Self {
                    id: user.id,
                    bot_id: user.bot_id,
                    session_id: None,
                    token_made_at: None,
                    signed_at: Some(user.signed_at),
                    tier: Tier::default(),
                })
            }
        }
    }
}

impl FromRequestParts<Platform> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = authenticate(parts, platform).await?;
        charge(&API, &user, parts, platform).await?;
        Ok(user)
    }
}

impl FromRequestParts<Platform> for LiveUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, platform).await?;
        check_session(&user, parts, platform).await?;
        Ok(Self(user))
    }
}

impl FromRequestParts<Platform> for LiveAccount {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, platform).await?;
        let account = live_account(&user, parts.method.is_safe(), platform).await?;
        Ok(Self { user, account })
    }
}

/// Whether the session of the credentials has not been revoked: one read, none with init data.
pub(super) async fn check_session(
    user: &User,
    parts: &Parts,
    platform: &Platform,
) -> Result<(), Problem> {
    match user.session_id {
        // What changes something is never decided by an account that could not be checked.
        Some(_) => live_account(user, parts.method.is_safe(), platform).await.map(drop),
        None => Ok(()),
    }
}

/// The account of a user whose session, if there is one, has not been revoked. With `is_tolerant`, it
/// may be one that could not be checked.
pub(super) async fn live_account(
    user: &User,
    is_tolerant: bool,
    platform: &Platform,
) -> Result<Option<CachedAccount>, Problem> {
    let accounts = &platform.accounts;
    let (Some(session), Some(made_at)) = (user.session_id, user.token_made_at) else {
        return Ok(accounts.get(user.id, is_tolerant).await?);
    };
    let account = accounts.of_session(user.id, session, made_at, is_tolerant).await?;
    account.map(Some).ok_or_else(|| Problem::new(Code::SESSION_REVOKED))
}

/// Verifies the credentials in memory. As a trait object, because the compiler has a limit on how
/// deep futures may be nested.
pub(super) fn authenticate<'a>(
    parts: &'a Parts,
    platform: &'a Platform,
) -> BoxFuture<'a, Result<User, Problem>> {
    Box::pin(User::of(platform, &parts.headers))
}

pub(super) async fn charge(
    limit: &'static Limit,
    user: &User,
    parts: &Parts,
    platform: &Platform,
) -> Result<(), Problem> {
    let charge = Charge::user(limit, user.id, user.tier);
    RateLimits::of(parts, platform).admit(&[charge]).await
}

async fn verify_access_token(platform: &Platform, token: &str) -> Result<AccessClaims, Problem> {
    let now = platform.now();
    let claims = with_newer_keys(platform, |keys| keys.verify_access(token, now)).await?;
    claims.map_err(|error| {
        let code = match error {
            TokenError::Malformed => Code::TOKEN_MALFORMED,
            TokenError::UnknownKey | TokenError::Invalid => Code::TOKEN_INVALID,
            TokenError::Expired => Code::TOKEN_EXPIRED,
        };
        Problem::new(code).field("authorization", error.to_string())
    })
}

/// Verifies a refresh token in memory. Whether its generation is still good, the store knows.
///
/// # Errors
/// A problem that names the field `refresh_token`, or [`Code::SECRETS_UNAVAILABLE`].
pub async fn verify_refresh_token(
    platform: &Platform,
    token: &str,
) -> Result<RefreshClaims, Problem> {
    let now = platform.now();
    let claims = with_newer_keys(platform, |keys| keys.verify_refresh(token, now)).await?;
    claims.map_err(|error| {
        let code = match error {
            TokenError::Malformed => Code::REFRESH_TOKEN_MALFORMED,
            TokenError::UnknownKey | TokenError::Invalid => Code::REFRESH_TOKEN_INVALID,
            TokenError::Expired => Code::REFRESH_TOKEN_EXPIRED,
        };
        Problem::new(code).field("refresh_token", error.to_string())
    })
}

/// Verifies with the cached keys and, if they do not have the right one, with newer ones.
async fn with_newer_keys<T>(
    platform: &Platform,
    verify: impl Fn(&KeyRing) -> Result<T, TokenError>,
) -> Result<Result<T, TokenError>, Problem> {
    let keys = platform.signing.keys().await?;
    let outcome = verify(&keys);
    if !matches!(outcome, Err(TokenError::UnknownKey | TokenError::Invalid)) {
        return Ok(outcome);
    }
    Ok(match platform.signing.newer_than(&keys).await {
        Some(newer) => verify(&newer),
        None => outcome,
    })
}
