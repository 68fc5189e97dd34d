//! What administrators change of a user.

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

/// Gives a user a tier.
///
/// It is in force with the user's next refresh or session; access tokens keep the former one until
/// they end.
#[utoipa::path(
    put, path = "/v1/system/users/{id}/tier", tag = "system", operation_id = "set_tier",
    params(("id" = schemas::TelegramId, Path, description = "The Telegram user id")),
    request_body = TierIn,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 204, description = "The user has the tier"),
        (status = 422, description = "There is no such tier"),
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
    /// The tier that the user gets.
    #[schema(value_type = schemas::Tier)]
    tier: String,
}
