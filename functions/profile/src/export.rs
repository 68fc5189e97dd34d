//! Everything that is stored of the user.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use minigate_platform::{Code, Platform, Problem, auth::FreshUser, extract::Json, schemas};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Exports everything that is stored of the user, by noun.
///
/// It takes fresh credentials: init data, or an access token of a session that was opened, within the
/// last ten minutes. What expires by itself within days (rate limits, used init data) is left out, and
/// so is the trail of what administrators did.
#[utoipa::path(
    get, path = "/v1/me/export", tag = "profile", operation_id = "export_user",
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 200, description = "All of it", body = ExportOut),
        (status = 401, description = "The credentials are missing, refused or not fresh"),
        (status = 404, description = "The user never had a session"),
        (status = 409, description = "The account is being erased"),
    ),
)]
pub(crate) async fn export(
    State(platform): State<Platform>,
    FreshUser { user, account }: FreshUser,
) -> Result<Response, Problem> {
    if account.profile.is_none() {
        return Err(Problem::new(crate::PROFILE_NOT_FOUND));
    }
    if account.erasure.as_ref().is_some_and(|erasure| erasure.is_due(platform.now())) {
        return Err(Problem::new(Code::ACCOUNT_BEING_ERASED)
            .detail("Its grace is over, so what is left of the account is not all of it."));
    }
    let data = platform.store.export(user.id, &account).await?;
    let out = ExportOut {
        user_id: user.id.get(),
        exported_at: platform.now().unix_seconds(),
        data: data.into_iter().collect(),
    };
    let mut response = Json(out).into_response();
    let name = HeaderValue::from_static("attachment; filename=\"export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// Everything that is stored of a user.
#[derive(Serialize, ToSchema)]
struct ExportOut {
    /// Whose it is.
    #[schema(value_type = schemas::TelegramId)]
    user_id: u64,
    /// When it was read, in Unix seconds.
    exported_at: u64,
    /// What each noun has, as it is stored; times are in Unix milliseconds.
    #[schema(value_type = Object)]
    data: BTreeMap<String, Value>,
}
