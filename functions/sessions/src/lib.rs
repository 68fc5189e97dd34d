//! Sessions: log in, refresh, list and revoke.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `POST /v1/sessions` | anyone with init data | 1 read, 1 write; in the background 1 write if it evicts a session that may still be in use. A retry writes only if init data is exchanged once |
//! | `POST /v1/sessions/refresh` | anyone with a refresh token | 1 write; 2 more if a token is reused, which revokes its session |
//! | `GET /v1/sessions` | the user | 1 read |
//! | `DELETE /v1/sessions/{id}` | the user | 2 writes |
//! | `DELETE /v1/sessions` | the user | 2 writes |
//!
//! Of two writes, the first one invalidates the account on other instances. If it fails, the response is 503 and
//! nothing has changed.
//!
//! Opening a session counts against the limits `login` (of the user) and `login-address`, once the
//! init data is verified and while the account is read. A refresh counts against `refresh` of its session:
//! replaying the token of a dead session takes nothing from the others.
//!
//! The two `POST` routes accept an `Idempotency-Key`: a retry with the same key gets the same session, with
//! tokens, instead of a second session or a revocation. An expired session answers no retry. With one-time use, a
//! retry consumes its init data, if the session was opened with other init data; and init data exchanged for
//! another session is refused whatever the key.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{
    BotId, Origin, Profile, RefreshOutcome, Rotated, Session, SessionId, Tier, Timestamp, UserId,
};
use minigate_platform::{
    Code, Function, Metric, Needs, Platform, Problem, Router,
    auth::{TelegramUser, User, verify_init_data, verify_refresh_token},
    extract::{ClientAddress, ClientOrigin, IdempotencyKey, Json, OptionalJson, Path},
    limits::{Charge, RateLimits},
    schemas,
    tokens::{AccessClaims, KeyRing, RefreshClaims},
};
use minigate_service::accounts::{
    self, ListOutcome, OneTimeUse, OpenOutcome, OpenedSession, Refresh, RevokeOutcome,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

mod limits;

pub use self::limits::{LIMITS, LOGIN, LOGIN_ADDRESS, REFRESH};

const INIT_DATA_USED: Code = Code::new(
    "init_data_used",
    StatusCode::UNAUTHORIZED,
    "The init data was already exchanged for a session",
);
const SESSION_NOT_FOUND: Code =
    Code::new("session_not_found", StatusCode::NOT_FOUND, "This user has no session with this id");

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("sessions", router, Needs::ALL)
        .with_limits(LIMITS)
        .with_codes(&[INIT_DATA_USED, SESSION_NOT_FOUND])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(open_session, list_sessions, revoke_all_sessions))
        .routes(routes!(refresh_session))
        .routes(routes!(revoke_session))
}

/// Exchanges init data for a session.
///
/// Send the init data as `Authorization: tma <init data>` or in the body, not both. A user's first session
/// creates their profile. Beyond the limit of sessions per user, the oldest session is evicted.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions",
    params(("Idempotency-Key" = Option<schemas::IdempotencyKey>, Header, description = "Identifies this request; a retry gets the same session")),
    request_body = Option<NewSession>,
    security(("initData" = []), ()),
    responses(
        (status = 201, description = "The session and its tokens", body = OpenedSessionOut, headers(("Location" = String))),
        (status = 401, description = "The init data is refused"),
        (status = 409, description = "The account is being erased"),
        (status = 422, description = "The body has an invalid field, or a bot that this deployment does not serve"),
    ),
)]
async fn open_session(
    State(platform): State<Platform>,
    limits: RateLimits,
    headers: HeaderMap,
    address: ClientAddress,
    ClientOrigin(origin): ClientOrigin,
    IdempotencyKey(made_by): IdempotencyKey,
    OptionalJson(body): OptionalJson<NewSession>,
) -> Result<Response, Problem> {
    let only = body
        .bot_id
        .map(BotId::new)
        .transpose()
        .map_err(|error| Problem::new(Code::UNKNOWN_BOT).field("bot_id", error.to_string()))?;
    let telegram = verify_init_data(&platform, &headers, body.init_data.as_deref(), only).await?;
    // First: a session without tokens for it is of no use, and must not cost a call.
    let keys = platform.signing.keys().await?;
    let of_user = Charge::user(&LOGIN, telegram.id, Tier::default());
    let charges = [of_user, Charge::address(&LOGIN_ADDRESS, address)];
    let opening = platform.accounts.prepare_opening(telegram.id);
    let opening = limits.admit_beside(&charges, opening).await??;

    let now = platform.now();
    let origin = match body.device {
        Some(device) => Origin::new(&device, origin.address),
        None => origin,
    };
    let settings = platform.settings();
    let lifetime = settings.refresh_token_lifetime;
    let new = accounts::NewSession {
        session: Session::open(telegram.bot_id, origin, made_by, now, lifetime),
        first_profile: first_profile(&telegram, now),
        limit: settings.sessions_per_user,
        one_time_use: one_time_use(&platform, &telegram),
    };
    let OpenedSession { id, newest, profile, erases_at } = match opening.open(new, now).await? {
        OpenOutcome::Opened(opened) => opened,
        OpenOutcome::AlreadyUsed => {
            let used = Problem::new(INIT_DATA_USED);
            return Err(used.field("init_data", "was exchanged before"));
        }
        OpenOutcome::BeingErased => {
            return Err(Problem::new(Code::ACCOUNT_BEING_ERASED)
                .detail("The user can begin anew when that is done, within a day."));
        }
    };
    let whose = Whose { user_id: telegram.id, session_id: id, bot_id: telegram.bot_id };
    let tokens = tokens(&platform, &keys, whose, newest, now);
    let erases_at = erases_at.map(Timestamp::unix_seconds);
    let out = OpenedSessionOut { tokens, user: UserOut::from(profile), erases_at };
    let location = format!("/v1/sessions/{id}");
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(out)).into_response())
}

/// Refreshes the tokens of a session.
///
/// A refresh token is valid once. Reuse means that it was copied, and revokes the session. To retry after a lost
/// response, send the same `Idempotency-Key` as before: the retry gets the same tokens.
#[utoipa::path(
    post, path = "/v1/sessions/refresh", tag = "sessions",
    params(("Idempotency-Key" = Option<schemas::IdempotencyKey>, Header, description = "Identifies this request; a retry gets the same tokens")),
    request_body = RefreshSession,
    security(()),
    responses(
        (status = 200, description = "The new tokens", body = TokensOut),
        (status = 401, description = "The refresh token is refused"),
    ),
)]
async fn refresh_session(
    State(platform): State<Platform>,
    limits: RateLimits,
    ClientOrigin(origin): ClientOrigin,
    IdempotencyKey(made_by): IdempotencyKey,
    Json(body): Json<RefreshSession>,
) -> Result<Json<TokensOut>, Problem> {
    let claims = verify_refresh_token(&platform, &body.refresh_token).await?;
    let RefreshClaims { user_id, session_id, bot_id, generation, .. } = claims;
    limits.admit(&[Charge::session(&REFRESH, session_id)]).await?;
    let keys = platform.signing.keys().await?;

    let now = platform.now();
    let lifetime = platform.settings().refresh_token_lifetime;
    let refresh = Refresh { user_id, session_id, generation, origin, made_by, lifetime };
    let (code, message) = match platform.accounts.refresh_session(refresh, now).await? {
        RefreshOutcome::Refreshed(newest) => {
            let whose = Whose { user_id, session_id, bot_id };
            return Ok(Json(tokens(&platform, &keys, whose, newest, now)));
        }
        RefreshOutcome::Ended => (Code::SESSION_REVOKED, "the session has ended"),
        RefreshOutcome::Expired => (Code::REFRESH_TOKEN_EXPIRED, "the session has expired"),
        RefreshOutcome::Reused => {
            platform.metrics.count(Metric::REFRESH_TOKEN_REUSED);
            (Code::REFRESH_TOKEN_REUSED, "the refresh token was used before")
        }
    };
    Err(Problem::new(code).field("refresh_token", message))
}

/// Lists the user's sessions, newest first.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions",
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The sessions", body = SessionsOut),
    ),
)]
async fn list_sessions(
    State(platform): State<Platform>,
    user: User,
) -> Result<Json<SessionsOut>, Problem> {
    let now = platform.now();
    let sessions = match platform.accounts.list_sessions(user.id, user.session_id).await? {
        ListOutcome::Listed(sessions) => sessions,
        ListOutcome::CallerEnded => return Err(Problem::new(Code::SESSION_REVOKED)),
    };
    let alive = sessions.by_id.into_iter().filter(|(_, session)| session.is_alive(now));
    let mut newest_first: Vec<_> = alive.collect();
    newest_first.sort_by_key(|(_, session)| std::cmp::Reverse(session.opened_at));
    let out = |(id, session)| SessionOut::new(id, session, user.session_id);
    Ok(Json(SessionsOut { sessions: newest_first.into_iter().map(out).collect() }))
}

/// Revokes one session of the user.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = schemas::SessionId, Path, description = "The session's id")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 204, description = "The session is revoked"),
        (status = 404, description = "The user has no session with this id"),
    ),
)]
async fn revoke_session(
    State(platform): State<Platform>,
    user: User,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    answer(platform.accounts.revoke_session(user.id, id, user.session_id).await?)
}

/// Revokes all sessions of the user, including the current one.
#[utoipa::path(
    delete, path = "/v1/sessions", tag = "sessions",
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 204, description = "The sessions are revoked"),
    ),
)]
async fn revoke_all_sessions(
    State(platform): State<Platform>,
    user: User,
) -> Result<StatusCode, Problem> {
    answer(platform.accounts.revoke_all_sessions(user.id, user.session_id).await?)
}

fn answer(outcome: RevokeOutcome) -> Result<StatusCode, Problem> {
    match outcome {
        RevokeOutcome::Revoked => Ok(StatusCode::NO_CONTENT),
        RevokeOutcome::NotFound => Err(Problem::new(SESSION_NOT_FOUND)),
        RevokeOutcome::CallerEnded => Err(Problem::new(Code::SESSION_REVOKED)),
    }
}

fn first_profile(telegram: &TelegramUser, now: Timestamp) -> Profile {
    Profile::first(
        telegram.id,
        &telegram.first_name,
        telegram.last_name.as_deref(),
        telegram.language_code.as_deref(),
        now,
    )
}

fn one_time_use(platform: &Platform, telegram: &TelegramUser) -> Option<OneTimeUse> {
    let hash =
        telegram.init_data_hash.clone().filter(|_| platform.config.init_data_one_time_use)?;
    Some(OneTimeUse { hash, until: telegram.init_data_gone_at })
}

#[derive(Clone, Copy)]
struct Whose {
    user_id: UserId,
    session_id: SessionId,
    bot_id: BotId,
}

fn tokens(
    platform: &Platform,
    keys: &KeyRing,
    whose: Whose,
    newest: Rotated,
    now: Timestamp,
) -> TokensOut {
    let Whose { user_id, session_id, bot_id } = whose;
    let Rotated { generation, refreshed_at: issued_at, expires_at, tier } = newest;
    let lifetime = platform.settings().access_token_lifetime;
    // None lasts longer than the session, which a repetition may find shortly before its end.
    let access_ends = now.after(lifetime).min(expires_at);
    let access =
        AccessClaims { user_id, session_id, bot_id, tier, issued_at: now, expires_at: access_ends };
    let refresh = RefreshClaims { user_id, session_id, bot_id, generation, issued_at, expires_at };
    TokensOut {
        session_id,
        token_type: "Bearer",
        access_token: keys.sign_access(&access),
        expires_in: access_ends.since(now).as_secs(),
        refresh_token: keys.sign_refresh(&refresh),
        refresh_expires_in: expires_at.since(now).as_secs(),
        tier: tier.as_str(),
    }
}

/// The options of a new session.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    /// The Mini App's `initData`, unless it is in the `Authorization` header.
    #[serde(default)]
    #[schema(value_type = Option<schemas::InitDataText>)]
    init_data: Option<String>,
    /// The bot that must have signed the init data, for deployments with several.
    #[serde(default)]
    #[schema(value_type = Option<schemas::TelegramId>)]
    bot_id: Option<u64>,
    /// The name of this device in the list of sessions, instead of its user agent. Truncated to 128
    /// characters.
    #[serde(default)]
    #[schema(max_length = 8192)]
    device: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshSession {
    /// The newest refresh token of the session.
    #[schema(value_type = schemas::Token)]
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
struct OpenedSessionOut {
    #[serde(flatten)]
    tokens: TokensOut,
    user: UserOut,
    /// When the account is erased, in Unix seconds, unless the user takes that back with
    /// `DELETE /v1/me/erasure`; absent if they have not asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    erases_at: Option<u64>,
}

/// The tokens of a session.
#[derive(Serialize, ToSchema)]
struct TokensOut {
    /// The session's id.
    #[schema(value_type = schemas::SessionId)]
    session_id: SessionId,
    /// Always `Bearer`.
    #[schema(pattern = "^Bearer$", max_length = 6, example = "Bearer")]
    token_type: &'static str,
    /// The access token, for the header `Authorization: Bearer`.
    #[schema(value_type = schemas::Token)]
    access_token: String,
    /// Seconds until the access token expires.
    expires_in: u64,
    /// The refresh token for `POST /v1/sessions/refresh`, valid once.
    #[schema(value_type = schemas::Token)]
    refresh_token: String,
    /// Seconds until the refresh token expires.
    refresh_expires_in: u64,
    /// The tier of the user.
    #[schema(value_type = schemas::Tier)]
    tier: &'static str,
}

/// The user of the session.
#[derive(Serialize, ToSchema)]
struct UserOut {
    /// The Telegram user id.
    #[schema(value_type = schemas::TelegramId)]
    id: u64,
    /// The display name.
    #[schema(value_type = schemas::DisplayName)]
    display_name: String,
    /// A language tag.
    #[schema(value_type = schemas::Language)]
    language: String,
}

impl From<Profile> for UserOut {
    fn from(profile: Profile) -> Self {
        Self {
            id: profile.user_id.get(),
            display_name: profile.display_name.as_str().to_owned(),
            language: profile.language.as_str().to_owned(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct SessionsOut {
    /// The sessions, newest first.
    sessions: Vec<SessionOut>,
}

/// A session. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
struct SessionOut {
    #[schema(value_type = schemas::SessionId)]
    id: SessionId,
    /// The bot of the session.
    #[schema(value_type = schemas::TelegramId)]
    bot_id: u64,
    /// When it was opened.
    opened_at: u64,
    /// When it was last refreshed.
    refreshed_at: u64,
    /// When its refresh token expires.
    expires_at: u64,
    /// The name of the device.
    #[schema(max_length = 128)]
    device: String,
    /// The network address that last opened or refreshed it.
    #[schema(max_length = 45)]
    address: String,
    /// Whether it is the session of this request.
    is_current: bool,
}

impl SessionOut {
    fn new(id: SessionId, session: Session, current: Option<SessionId>) -> Self {
        Self {
            id,
            bot_id: session.bot_id.get(),
            opened_at: session.opened_at.unix_seconds(),
            refreshed_at: session.refreshed_at.unix_seconds(),
            expires_at: session.expires_at.unix_seconds(),
            device: session.origin.device,
            address: session.origin.address,
            is_current: current == Some(id),
        }
    }
}
