//! The user's own profile.
//!
//! | route | who | store calls |
//! |---|---|---|
//! | `GET /v1/me` | the user, in a session that has not been revoked | 1 read |
//! | `PATCH /v1/me` | the same | 1 read (none with init data), 2 writes: the account is invalidated on other instances, then the profile changes |
//! | `DELETE /v1/me` | the user, with credentials of the last ten minutes | 2 reads, 2 writes: the account is invalidated on other instances, then the erasure is noted and all sessions end |
//! | `DELETE /v1/me/erasure` | the same | the same |
//! | `GET /v1/me/export` | the user, with credentials of the last ten minutes | 1 read |
//!
//! The version of a profile is its entity tag. `PATCH` with `If-Match` changes only that version, so that
//! of two devices the second one detects the first one's change, and a retry after a lost response is
//! safe.

mod erasure;
mod export;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{InvalidField, LeaderboardName, Notifications, Profile, ProfileChange};
use minigate_platform::{
    Code, Function, Needs, Platform, Problem, Router,
    auth::{LiveAccount, LiveUser},
    extract::{IfMatch, Json},
    public::IfNoneMatch,
    schemas,
};
use minigate_service::accounts::ChangeOutcome;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

const PROFILE_NOT_FOUND: Code =
    Code::new("profile_not_found", StatusCode::NOT_FOUND, "This user has no profile yet");

/// The function, as its `main` runs it and `cargo dev` serves it.
pub fn function() -> Function {
    Function::routes("profile", router, Needs::ALL).with_codes(&[
        PROFILE_NOT_FOUND,
        erasure::ERASURE_ALREADY_REQUESTED,
        erasure::ERASURE_NOT_REQUESTED,
        erasure::ADMINISTRATOR_NOT_ERASABLE,
    ])
}

/// The routes of this function.
pub fn router() -> Router {
    Router::new()
        .routes(routes!(read_profile, change_profile, erasure::request))
        .routes(routes!(erasure::take_back))
        .routes(routes!(export::export))
}

/// Reads the user's profile.
///
/// While an erasure of the account is due, the response says when, and has no entity tag: it is never 304.
#[utoipa::path(
    get, path = "/v1/me", tag = "profile",
    params(("If-None-Match" = Option<schemas::IfNoneMatch>, Header, description = "Entity tags of cached versions; a match is answered 304")),
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The profile", body = ProfileOut, headers(("ETag" = String))),
        (status = 304, description = "The cached version is current", headers(("ETag" = String))),
        (status = 404, description = "The user has no profile yet: the first session creates it"),
    ),
)]
async fn read_profile(
    LiveAccount { account, .. }: LiveAccount,
    if_none_match: IfNoneMatch,
) -> Result<Response, Problem> {
    let account = account.ok_or_else(no_profile)?;
    let profile = account.profile.clone();
    if let Some(due) = &account.erasure {
        let erasure = Some(erasure::ErasureOut::from(due));
        return Ok(Json(ProfileOut { erasure, ..ProfileOut::from(&profile) }).into_response());
    }
    if if_none_match.has(&tag(&profile)) {
        return Ok(tagged(StatusCode::NOT_MODIFIED, &profile));
    }
    Ok(answer(profile))
}

/// Changes the given fields of the user's profile.
#[utoipa::path(
    patch, path = "/v1/me", tag = "profile",
    params(("If-Match" = Option<schemas::IfMatch>, Header, description = "The version to change; any other is answered 412")),
    request_body = ProfilePatch,
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "The changed profile", body = ProfileOut, headers(("ETag" = String))),
        (status = 404, description = "The user has no profile yet: the first session creates it"),
        (status = 412, description = "The profile has a different version"),
    ),
)]
async fn change_profile(
    State(platform): State<Platform>,
    LiveUser(user): LiveUser,
    if_match: IfMatch,
    Json(patch): Json<ProfilePatch>,
) -> Result<Response, Problem> {
    let change = patch.into_change()?;
    let known_version = match if_match {
        IfMatch::Absent | IfMatch::Any => None,
        IfMatch::Version(version) => Some(version),
        IfMatch::Never => return Err(version_mismatch()),
    };
    let now = platform.now();
    match platform.accounts.change_profile(user.id, change, known_version, now).await? {
        ChangeOutcome::Changed(profile) => Ok(answer(profile)),
        ChangeOutcome::Stale(_) => Err(version_mismatch()),
        ChangeOutcome::NoProfile => Err(no_profile()),
    }
}

fn answer(profile: Profile) -> Response {
    tagged(Json(ProfileOut::from(&profile)), &profile)
}

fn tagged(answer: impl IntoResponse, profile: &Profile) -> Response {
    let tag = HeaderValue::from_str(&tag(profile));
    let mut response = answer.into_response();
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
}

/// The entity tag.
fn tag(profile: &Profile) -> String {
    format!("\"{}\"", profile.version)
}

fn no_profile() -> Problem {
    Problem::new(PROFILE_NOT_FOUND).detail(
        "The first session creates the profile: exchange the init data with POST /v1/sessions.",
    )
}

fn version_mismatch() -> Problem {
    Problem::new(Code::VERSION_MISMATCH)
        .field(header::IF_MATCH.as_str(), "is no longer the version of the profile; read it again")
}

/// A change of the profile. Absent fields stay unchanged.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
struct ProfilePatch {
    /// The display name, 1 to 64 characters.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, required = false, value_type = schemas::DisplayName)]
    display_name: Option<String>,
    /// A language tag such as `en` or `pt-br`.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, required = false, value_type = schemas::Language)]
    language: Option<String>,
    /// Which messages the user receives.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, required = false, value_type = NotificationsWire)]
    notifications: Option<String>,
    /// What leaderboards show of the user.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, required = false, value_type = LeaderboardNameWire)]
    leaderboard_name: Option<String>,
}

impl ProfilePatch {
    fn into_change(self) -> Result<ProfileChange, Problem> {
        let mut problem = None;
        let mut refuse = |field: &str, error: InvalidField| {
            let refusal = problem.take().unwrap_or_else(|| Problem::new(Code::BODY_INVALID));
            problem = Some(refusal.field(field, format!("must be {error}")));
        };
        let display_name = self
            .display_name
            .and_then(|text| text.parse().map_err(|error| refuse("display_name", error)).ok());
        let language = self
            .language
            .and_then(|text| text.parse().map_err(|error| refuse("language", error)).ok());
        let notifications = self
            .notifications
            .and_then(|text| text.parse().map_err(|error| refuse("notifications", error)).ok());
        let leaderboard_name = self
            .leaderboard_name
            .and_then(|text| text.parse().map_err(|error| refuse("leaderboard_name", error)).ok());
        if let Some(problem) = problem {
            return Err(problem);
        }
        let change = ProfileChange { display_name, language, notifications, leaderboard_name };
        if change == ProfileChange::default() {
            return Err(Problem::new(Code::BODY_INVALID).field(".", "must have a field to change"));
        }
        Ok(change)
    }
}

/// A field that may be absent but not `null`, which would look like "remove it".
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A profile. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
struct ProfileOut {
    /// The Telegram user id.
    #[schema(value_type = schemas::TelegramId)]
    id: u64,
    /// The display name.
    #[schema(value_type = schemas::DisplayName)]
    display_name: String,
    /// A language tag.
    #[schema(value_type = schemas::Language)]
    language: String,
    /// Which messages the user receives.
    notifications: NotificationsWire,
    /// What leaderboards show of the user.
    leaderboard_name: LeaderboardNameWire,
    /// When the profile was created.
    created_at: u64,
    /// When the profile last changed.
    updated_at: u64,
    /// The version, counted from 1; also the entity tag.
    version: u64,
    /// The erasure that the user asked for; absent if they did not, and in responses to `PATCH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    erasure: Option<erasure::ErasureOut>,
}

impl From<&Profile> for ProfileOut {
    fn from(profile: &Profile) -> Self {
        Self {
            id: profile.user_id.get(),
            display_name: profile.display_name.as_str().to_owned(),
            language: profile.language.as_str().to_owned(),
            notifications: profile.notifications.into(),
            leaderboard_name: profile.leaderboard_name.into(),
            created_at: profile.created_at.unix_seconds(),
            updated_at: profile.updated_at.unix_seconds(),
            version: profile.version,
            erasure: None,
        }
    }
}

/// What leaderboards show of the user, besides their scores.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum LeaderboardNameWire {
    /// No name.
    Hidden,
    /// The display name.
    Shown,
}

impl From<LeaderboardName> for LeaderboardNameWire {
    fn from(choice: LeaderboardName) -> Self {
        match choice {
            LeaderboardName::Hidden => Self::Hidden,
            LeaderboardName::Shown => Self::Shown,
        }
    }
}

/// Which messages the user receives.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NotificationsWire {
    /// All messages, news included.
    All,
    /// Only messages that concern the user.
    Important,
    /// No messages.
    None,
}

impl From<Notifications> for NotificationsWire {
    fn from(choice: Notifications) -> Self {
        match choice {
            Notifications::All => Self::All,
            Notifications::Important => Self::Important,
            Notifications::None => Self::None,
        }
    }
}
