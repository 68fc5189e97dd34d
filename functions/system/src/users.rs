//! Administration of users.

use axum::{extract::State, http::StatusCode};
use minigate_domain::{Tier, UserId};
use minigate_platform::{
    Code, Platform, Problem,
    auth::LiveAdmin,
    extract::{Json, Path},
    schemas,
};
use serde::Deserialize;
use utoipa::ToSchema;

/// Sets the tier of a user.
///
/// The tier takes effect with the user's next refresh or session; access tokens keep the previous one until
/// they expire.
#[utoipa::path(
    put, path = "/v1/system/users/{id}/tier", tag = "system", operation_id = "set_tier",
    params(("id" = schemas::TelegramId, Path, description = "The Telegram user id")),
    request_body = TierIn,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 204, description = "The tier is set"),
        (status = 422, description = "The tier does not exist"),
    ),
)]
pub(crate) async fn set_tier(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    Path(id): Path<String>,
    Json(body): Json<TierIn>,
) -> Result<StatusCode, Problem> {
    let user_id: UserId = id
        .parse()
        .map_err(|_| Problem::new(Code::PATH_INVALID).field("id", "must be a Telegram user id"))?;
    let tier: Tier = body.tier.parse().map_err(|error: minigate_domain::InvalidTier| {
        Problem::new(Code::BODY_INVALID).field("tier", error.to_string())
    })?;
    platform.accounts.change_tier(user_id, tier, admin.id, platform.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A tier.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TierIn {
    /// The new tier.
    #[schema(value_type = schemas::Tier)]
    tier: String,
}
