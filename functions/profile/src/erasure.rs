//! The erasure of the account, which the user asks for and may take back.

use axum::{extract::State, http::StatusCode};
use minigate_domain::Erasure;
use minigate_platform::{Code, Platform, Problem, auth::FreshUser, extract::Json};
use minigate_service::accounts::{RequestErasureOutcome, TakeBackOutcome};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ERASURE_ALREADY_REQUESTED: Code = Code::new(
    "erasure_already_requested",
    StatusCode::CONFLICT,
    "An erasure of this account is already due",
);
pub(crate) const ERASURE_NOT_REQUESTED: Code =
    Code::new("erasure_not_requested", StatusCode::NOT_FOUND, "No erasure of this account is due");
pub(crate) const ADMINISTRATOR_NOT_ERASABLE: Code = Code::new(
    "administrator_not_erasable",
    StatusCode::CONFLICT,
    "An administrator cannot be erased",
);

/// Erases the account, after seven days of grace.
///
/// All sessions end at once. Until the grace is over, the user may open sessions as before, which end with
/// it, and take the erasure back with `DELETE /v1/me/erasure`; `GET /v1/me` and `POST /v1/sessions` say when
/// it is due. After that, everything that is stored of the user is deleted within a day, and a new session
/// creates a new account. It takes fresh credentials: init data, or an access token of a session that was
/// opened, within the last ten minutes.
#[utoipa::path(
    delete, path = "/v1/me", tag = "profile", operation_id = "erase_user",
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 202, description = "The erasure is due", body = ErasureOut),
        (status = 401, description = "The credentials are missing, refused or not fresh"),
        (status = 404, description = "The user has no profile yet: the first session creates it"),
        (status = 409, description = "The erasure is already due, or the user is an administrator"),
    ),
)]
pub(crate) async fn request(
    State(platform): State<Platform>,
    FreshUser { user, .. }: FreshUser,
) -> Result<(StatusCode, Json<ErasureOut>), Problem> {
    if platform.settings().admins.contains(&user.id) {
        return Err(is_administrator());
    }
    match platform.accounts.request_erasure(user.id, platform.now()).await? {
        RequestErasureOutcome::Requested(erasure) => {
            Ok((StatusCode::ACCEPTED, Json(ErasureOut::from(&erasure))))
        }
        RequestErasureOutcome::AlreadyRequested(erasure) => {
            let due = erasure.due_at.unix_seconds();
            Err(Problem::new(ERASURE_ALREADY_REQUESTED)
                .detail(format!("It is due at {due}, in Unix seconds.")))
        }
        RequestErasureOutcome::IsAdministrator => Err(is_administrator()),
        RequestErasureOutcome::NoProfile => Err(crate::no_profile()),
    }
}

/// Takes an erasure back whose grace is not over: the account stays.
///
/// Sessions that ended with the request stay ended. It takes fresh credentials, as the request does.
#[utoipa::path(
    delete, path = "/v1/me/erasure", tag = "profile", operation_id = "take_back_erasure",
    security(("accessToken" = ["user"]), ("initData" = ["user"])),
    responses(
        (status = 204, description = "The account stays"),
        (status = 401, description = "The credentials are missing, refused or not fresh"),
        (status = 404, description = "No erasure is due"),
        (status = 409, description = "The grace is over"),
    ),
)]
pub(crate) async fn take_back(
    State(platform): State<Platform>,
    FreshUser { user, .. }: FreshUser,
) -> Result<StatusCode, Problem> {
    match platform.accounts.take_back_erasure(user.id, platform.now()).await? {
        TakeBackOutcome::TakenBack => Ok(StatusCode::NO_CONTENT),
        TakeBackOutcome::NotRequested => Err(Problem::new(ERASURE_NOT_REQUESTED)),
        TakeBackOutcome::TooLate => Err(Problem::new(Code::ACCOUNT_BEING_ERASED)
            .detail("The grace is over, and some of the account may be gone.")),
    }
}

fn is_administrator() -> Problem {
    Problem::new(ADMINISTRATOR_NOT_ERASABLE)
        .detail("Another administrator must withdraw the role before.")
}

/// An erasure that is due. Times are in Unix seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErasureOut {
    /// When the user asked for it.
    requested_at: u64,
    /// Until when it can be taken back.
    due_at: u64,
}

impl From<&Erasure> for ErasureOut {
    fn from(erasure: &Erasure) -> Self {
        Self {
            requested_at: erasure.requested_at.unix_seconds(),
            due_at: erasure.due_at.unix_seconds(),
        }
    }
}
