//! The extractors for the user who is asking, and the tokens behind them.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use futures_util::future::BoxFuture;
use minigate_domain::{BotId, SessionId, Tier, UserId};

use super::{credentials::Credentials, init_data};
use crate::{
    Code, Platform, Problem,
    limits::{Charge, RateLimits, Rule},
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
    /// What they may use. Init data does not say, so it is [`Tier::Free`] there; a session knows.
    pub tier: Tier,
}

/// A [`User`] whose session has not been revoked, for what must not be done with a stolen token.
#[derive(Clone, Copy, Debug)]
pub struct LiveUser(pub User);

/// A [`User`] who is an administrator of the deployment. It asks no store, so that an administrator
/// can look at a deployment whose store is down; what changes something takes a [`LiveAdmin`].
#[derive(Clone, Copy, Debug)]
pub struct Admin(pub User);

/// An [`Admin`] whose session has not been revoked.
#[derive(Clone, Copy, Debug)]
pub struct LiveAdmin(pub User);

impl User {
    /// The user whose credentials these headers hold. It counts against no limit.
    ///
    /// # Errors
    /// A problem that names `authorization` if there are none or they are refused, or
    /// [`Code::SecretsUnavailable`].
    pub async fn of(platform: &Platform, headers: &HeaderMap) -> Result<Self, Problem> {
        match Credentials::of(headers)? {
            Credentials::AccessToken(token) => {
                let claims = verify_access_token(platform, token).await?;
                let AccessClaims { user_id, session_id, bot_id, tier, .. } = claims;
                Ok(Self { id: user_id, bot_id, session_id: Some(session_id), tier })
            }
            Credentials::InitData(_) if platform.config.init_data_one_time_use => {
                Err(Problem::new(Code::InitDataNotAccepted)
                    .detail("Exchange the init data for a session with POST /v1/sessions."))
            }
            Credentials::InitData(init_data) => {
                let user = init_data::verify(platform, init_data, None).await?;
                Ok(Self {
                    id: user.id,
                    bot_id: user.bot_id,
                    session_id: None,
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
        charge(Rule::Api, &user, parts, platform).await?;
        Ok(user)
    }
}

impl FromRequestParts<Platform> for LiveUser {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = User::from_request_parts(parts, platform).await?;
        check_session(&user, platform).await?;
        Ok(Self(user))
    }
}

impl FromRequestParts<Platform> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let user = authenticate(parts, platform).await?;
        if !platform.config.admins.contains(&user.id) {
            return Err(Problem::new(Code::AdminRequired));
        }
        charge(Rule::Admin, &user, parts, platform).await?;
        Ok(Self(user))
    }
}

impl FromRequestParts<Platform> for LiveAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        let Admin(user) = Admin::from_request_parts(parts, platform).await?;
        check_session(&user, platform).await?;
        Ok(Self(user))
    }
}

/// Whether the session of the credentials has not been revoked: one read, none with init data.
async fn check_session(user: &User, platform: &Platform) -> Result<(), Problem> {
    let Some(session_id) = user.session_id else { return Ok(()) };
    let sessions = platform.store.sessions(user.id).await?;
    let is_live = sessions.by_id.contains_key(&session_id);
    if is_live { Ok(()) } else { Err(Problem::new(Code::SessionRevoked)) }
}

/// Verifies the credentials in memory. As a trait object, because the compiler has a limit on how
/// deep futures may be nested.
fn authenticate<'a>(
    parts: &'a Parts,
    platform: &'a Platform,
) -> BoxFuture<'a, Result<User, Problem>> {
    Box::pin(User::of(platform, &parts.headers))
}

async fn charge(
    rule: Rule,
    user: &User,
    parts: &Parts,
    platform: &Platform,
) -> Result<(), Problem> {
    let charge = Charge::user(rule, user.id, user.tier);
    RateLimits::of(parts, platform).admit(&[charge]).await
}

async fn verify_access_token(platform: &Platform, token: &str) -> Result<AccessClaims, Problem> {
    let now = platform.now();
    let claims = with_newer_keys(platform, |keys| keys.verify_access(token, now)).await?;
    claims.map_err(|error| {
        let code = match error {
            TokenError::Malformed => Code::TokenMalformed,
            TokenError::UnknownKey | TokenError::Invalid => Code::TokenInvalid,
            TokenError::Expired => Code::TokenExpired,
        };
        Problem::new(code).field("authorization", error.to_string())
    })
}

/// Verifies a refresh token in memory. Whether its generation is still good, the store knows.
///
/// # Errors
/// A problem that names the field `refresh_token`, or [`Code::SecretsUnavailable`].
pub async fn verify_refresh_token(
    platform: &Platform,
    token: &str,
) -> Result<RefreshClaims, Problem> {
    let now = platform.now();
    let claims = with_newer_keys(platform, |keys| keys.verify_refresh(token, now)).await?;
    claims.map_err(|error| {
        let code = match error {
            TokenError::Malformed => Code::RefreshTokenMalformed,
            TokenError::UnknownKey | TokenError::Invalid => Code::RefreshTokenInvalid,
            TokenError::Expired => Code::RefreshTokenExpired,
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
