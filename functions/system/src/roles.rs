//! Which roles a user holds, and what administrators change of them.

use axum::{extract::State, http::StatusCode};
use minigate_domain::{
    Grant, MAX_GRANTED_ADMINS, Role, RoleChange, RoleRefusal, Roles, Timestamp, UserId,
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    extract::{Json, Path},
    schemas,
};
use minigate_service::accounts::RoleOutcome;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const USER_NOT_FOUND: Code =
    Code::new("user_not_found", StatusCode::NOT_FOUND, "This user never had a session");
pub(crate) const ROLE_GRANT_TO_SELF: Code = Code::new(
    "role_grant_to_self",
    StatusCode::FORBIDDEN,
    "Administrators cannot grant roles to themselves",
);
pub(crate) const ROLE_NOT_FOUND: Code = Code::new(
    "role_not_found",
    StatusCode::NOT_FOUND,
    "This user does not hold that role by a grant",
);
pub(crate) const LAST_ADMINISTRATOR: Code = Code::new(
    "last_administrator",
    StatusCode::CONFLICT,
    "The last administrator without an expiry cannot be removed",
);
pub(crate) const ADMIN_OF_DEPLOYMENT: Code = Code::new(
    "admin_of_deployment",
    StatusCode::CONFLICT,
    "The deployment names this administrator, whom no route can remove",
);
pub(crate) const TOO_MANY_ADMINISTRATORS: Code = Code::new(
    "too_many_administrators",
    StatusCode::CONFLICT,
    "The number of administrators by a grant is at its maximum",
);

/// The end of the year 9999, in Unix seconds: a typing error in milliseconds is later.
const LATEST: u64 = 253_402_300_799;

/// Lists the roles that a user holds at this moment, and where each comes from.
#[utoipa::path(
    get, path = "/v1/system/users/{id}/roles", tag = "system", operation_id = "read_roles",
    params(("id" = schemas::TelegramId, Path, description = "The Telegram user id")),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The roles", body = RolesOut)),
)]
pub(crate) async fn read(
    State(platform): State<Platform>,
    _: Admin,
    Path(id): Path<String>,
) -> Result<Json<RolesOut>, Problem> {
    let user_id = parse_user(&id)?;
    let roles = platform.accounts.read(user_id).await?.roles;
    Ok(Json(RolesOut::of(&platform, user_id, &roles)))
}

/// Grants a user a role, in the place of a grant of the same role.
///
/// It holds at once, on every instance, until it expires or is withdrawn. The user must have had a
/// session, so that a role is not granted to a typing error. Nobody grants a role to themselves.
#[utoipa::path(
    put, path = "/v1/system/users/{id}/roles/{role}", tag = "system", operation_id = "grant_role",
    params(
        ("id" = schemas::TelegramId, Path, description = "The Telegram user id"),
        ("role" = schemas::GrantedRole, Path, description = "The role"),
    ),
    request_body = GrantIn,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The user's roles as they are now", body = RolesOut),
        (status = 403, description = "It is a grant to oneself, or not for this user"),
        (status = 404, description = "The user never had a session"),
        (status = 409, description = "Nobody would be left who is an administrator without an expiry, or there would be too many"),
        (status = 422, description = "The expiry is not in the future"),
    ),
)]
pub(crate) async fn grant(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    Path((id, role)): Path<(String, String)>,
    Json(body): Json<GrantIn>,
) -> Result<Json<RolesOut>, Problem> {
    let (user_id, role) = (parse_user(&id)?, parse_role(&role)?);
    let now = platform.now();
    let expires_at = body.expires_at.map(|end| parse_expiry(end, now)).transpose()?;
    let grant = Grant { granted_by: admin.id, granted_at: now, expires_at };
    let change = RoleChange::Grant(role, grant);
    make(&platform, admin.id, user_id, change).await
}

/// Withdraws a role that was granted.
///
/// It takes effect at once, on every instance.
#[utoipa::path(
    delete, path = "/v1/system/users/{id}/roles/{role}", tag = "system", operation_id = "withdraw_role",
    params(
        ("id" = schemas::TelegramId, Path, description = "The Telegram user id"),
        ("role" = schemas::GrantedRole, Path, description = "The role"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The user's roles as they are now", body = RolesOut),
        (status = 404, description = "The user does not hold the role by a grant"),
        (status = 409, description = "It is the last administrator without an expiry, or one whom the deployment names"),
    ),
)]
pub(crate) async fn withdraw(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    Path((id, role)): Path<(String, String)>,
) -> Result<Json<RolesOut>, Problem> {
    let (user_id, role) = (parse_user(&id)?, parse_role(&role)?);
    make(&platform, admin.id, user_id, RoleChange::Withdraw(role)).await
}

async fn make(
    platform: &Platform,
    by: UserId,
    user_id: UserId,
    change: RoleChange,
) -> Result<Json<RolesOut>, Problem> {
    let (role, now) = (change.role(), platform.now());
    // Only those whom no route removes: what the settings name may be gone a moment later.
    let has_others = !platform.config.settings.admins.is_empty();
    match platform.accounts.change_role(user_id, change, has_others, by, now).await? {
        RoleOutcome::Changed(roles) => Ok(Json(RolesOut::of(platform, user_id, &roles))),
        RoleOutcome::Refused(refusal) => Err(refused(platform, refusal, user_id, role)),
    }
}

fn refused(platform: &Platform, refusal: RoleRefusal, user_id: UserId, role: Role) -> Problem {
    match refusal {
        RoleRefusal::ToOneself => Problem::new(ROLE_GRANT_TO_SELF)
            .detail("Another administrator must grant it, and give it more time."),
        RoleRefusal::UnknownUser => Problem::new(USER_NOT_FOUND)
            .detail("A role is granted to users who have had a session."),
        RoleRefusal::BeingErased => Problem::new(Code::ACCOUNT_BEING_ERASED).detail(
            "The user has asked for it, and may take it back before they are granted a role.",
        ),
        RoleRefusal::LastAdministrator => Problem::new(LAST_ADMINISTRATOR)
            .detail("Grant somebody else the role `admin` without an expiry before."),
        RoleRefusal::TooManyAdministrators => Problem::new(TOO_MANY_ADMINISTRATORS)
            .detail(format!("There may be {MAX_GRANTED_ADMINS}: withdraw one before.")),
        RoleRefusal::NotHeld if role == Role::Admin => not_held_admin(platform, user_id),
        RoleRefusal::NotHeld => Problem::new(ROLE_NOT_FOUND),
    }
}

/// Administrators are also named elsewhere, and stay.
fn not_held_admin(platform: &Platform, user_id: UserId) -> Problem {
    if platform.config.settings.admins.contains(&user_id) {
        Problem::new(ADMIN_OF_DEPLOYMENT)
    } else if platform.settings().admins.contains(&user_id) {
        Problem::new(ROLE_NOT_FOUND)
            .detail("The settings name this administrator; PUT /v1/system/settings removes them.")
    } else {
        Problem::new(ROLE_NOT_FOUND)
    }
}

fn parse_user(id: &str) -> Result<UserId, Problem> {
    id.parse()
        .map_err(|_| Problem::new(Code::PATH_INVALID).field("id", "must be a Telegram user id"))
}

fn parse_role(text: &str) -> Result<Role, Problem> {
    let granted = Role::GRANTED.into_iter().find(|role| role.as_str() == text);
    granted.ok_or_else(|| {
        Problem::new(Code::PATH_INVALID).field("role", "must be `author`, `support` or `admin`")
    })
}

fn parse_expiry(seconds: u64, now: Timestamp) -> Result<Timestamp, Problem> {
    if seconds <= now.unix_seconds() || seconds > LATEST {
        let message = format!("must be a time in the future, in Unix seconds up to {LATEST}");
        return Err(Problem::new(Code::BODY_INVALID).field("expires_at", message));
    }
    Ok(Timestamp::from_unix_millis(seconds * 1_000))
}

/// A grant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrantIn {
    /// When it ends by itself, in Unix seconds; absent if it does not.
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false, minimum = 1, maximum = 253_402_300_799_u64)]
    expires_at: Option<u64>,
}

/// A field that may be absent but not `null`, which would look like "the former one".
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

/// The roles of a user.
#[derive(Serialize, ToSchema)]
pub(crate) struct RolesOut {
    /// Each way in which the user holds a role at this moment.
    roles: Vec<RoleOut>,
}

/// A role, and where it comes from.
#[derive(Serialize, ToSchema)]
struct RoleOut {
    /// The role.
    #[schema(value_type = schemas::Role)]
    role: &'static str,
    /// Where it comes from.
    source: Source,
    /// Who granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<schemas::TelegramId>)]
    granted_by: Option<u64>,
    /// When, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    granted_at: Option<u64>,
    /// When it ends by itself, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_at: Option<u64>,
}

/// Where a role comes from.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RoleSource)]
enum Source {
    /// Everyone has it.
    Everyone,
    /// A parameter of the deployment names the user.
    Deployment,
    /// The settings name the user.
    Settings,
    /// An administrator granted it.
    Grant,
}

impl RolesOut {
    fn of(platform: &Platform, user_id: UserId, roles: &Roles) -> Self {
        let plain = |role: Role, source| RoleOut {
            role: role.as_str(),
            source,
            granted_by: None,
            granted_at: None,
            expires_at: None,
        };
        let mut all = vec![plain(Role::User, Source::Everyone)];
        if platform.config.settings.admins.contains(&user_id) {
            all.push(plain(Role::Admin, Source::Deployment));
        } else if platform.settings().admins.contains(&user_id) {
            all.push(plain(Role::Admin, Source::Settings));
        }
        all.extend(roles.in_force(platform.now()).map(|(role, grant)| RoleOut {
            granted_by: Some(grant.granted_by.get()),
            granted_at: Some(grant.granted_at.unix_seconds()),
            expires_at: grant.expires_at.map(Timestamp::unix_seconds),
            ..plain(role, Source::Grant)
        }));
        Self { roles: all }
    }
}
