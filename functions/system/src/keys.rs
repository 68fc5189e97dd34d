//! The limits of one user, session, address or API key.

use axum::{extract::State, http::StatusCode};
use minigate_domain::{AuditEntry, Tier, UserId};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    extract::{ApiKeyId, ClientAddress, Json, Path},
    limits::{Key, Limit, Per},
    schemas,
};
use serde::Serialize;
use utoipa::ToSchema;

/// API Gateway's ids of API keys are much shorter.
const MAX_API_KEY_BYTES: usize = 128;

/// Returns the state of all limits of a user, a session, an address or an API key, without taking units.
#[utoipa::path(
    get, path = "/v1/system/limits/keys/{kind}/{id}", tag = "system", operation_id = "read_key_limits",
    params(
        ("kind" = schemas::LimitKind, Path, description = "What the limits apply to"),
        ("id" = schemas::LimitKey, Path, description = "A user's or a session's id, an address, or the id of an API key"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The state of each limit", body = KeyOut)),
)]
pub(crate) async fn read(
    State(platform): State<Platform>,
    _: Admin,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<KeyOut>, Problem> {
    let subject = Subject::parse(&kind, &id)?;
    let tier = match subject.user {
        Some(user) => platform.accounts.tier(user).await?,
        None => Tier::Free,
    };
    let mut limits = Vec::new();
    for limit in subject.limits(&platform) {
        let state = platform.limits.peek(limit, &subject.key, tier).await?;
        limits.push(KeyStateOut {
            policy: limit.name,
            limit: state.policy().limit(),
            remaining: state.remaining(),
            full_in_seconds: state.full_after().as_secs_f64(),
        });
    }
    Ok(Json(KeyOut { tier: subject.user.map(|_| tier.as_str()), limits }))
}

/// Resets all limits of a user, a session, an address or an API key.
#[utoipa::path(
    delete, path = "/v1/system/limits/keys/{kind}/{id}", tag = "system", operation_id = "reset_key_limits",
    params(
        ("kind" = schemas::LimitKind, Path, description = "What the limits apply to"),
        ("id" = schemas::LimitKey, Path, description = "A user's or a session's id, an address, or the id of an API key"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 204, description = "The limits are reset. An instance that recently denied this key may keep denying until its `Retry-After`")),
)]
pub(crate) async fn reset(
    State(platform): State<Platform>,
    LiveAdmin(user): LiveAdmin,
    Path((kind, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let subject = Subject::parse(&kind, &id)?;
    let what = format!("{kind}/{id}");
    let entry =
        AuditEntry::new(&*platform.entropy, platform.now(), user.id, "limits.key.reset", what);
    // First, so that nothing is done that is not recorded.
    platform.store.record(&entry).await?;
    for limit in subject.limits(&platform) {
        platform.limits.reset(limit, &subject.key, Tier::Free).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What has limits.
struct Subject {
    per: Per,
    key: Key,
    user: Option<UserId>,
}

impl Subject {
    fn parse(kind: &str, id: &str) -> Result<Self, Problem> {
        let invalid =
            |field: &str, message: &str| Problem::new(Code::PATH_INVALID).field(field, message);
        match kind {
            "user" => {
                let user: UserId =
                    id.parse().map_err(|_| invalid("id", "must be a Telegram user id"))?;
                Ok(Self { per: Per::User, key: Key::user(user), user: Some(user) })
            }
            "session" => {
                let session = id
                    .parse()
                    .map_err(|_| invalid("id", "must be a session's 32 hexadecimal digits"))?;
                Ok(Self { per: Per::Session, key: Key::session(session), user: None })
            }
            "address" => {
                let address = id.parse().map_err(|_| invalid("id", "must be an IP address"))?;
                let key = Key::address(ClientAddress(Some(address)));
                Ok(Self { per: Per::Address, key, user: None })
            }
            "api-key" if (1..=MAX_API_KEY_BYTES).contains(&id.len()) => {
                let key = Key::api_key(&ApiKeyId(Some(id.to_owned())));
                Ok(Self { per: Per::ApiKey, key, user: None })
            }
            "api-key" => Err(invalid("id", "must have 1 to 128 bytes")),
            _ => Err(invalid("kind", "must be `user`, `session`, `address` or `api-key`")),
        }
    }

    fn limits(&self, platform: &Platform) -> impl Iterator<Item = &'static Limit> + use<> {
        let per = self.per;
        platform.config.limits.known().iter().filter(move |limit| limit.per == per)
    }
}

/// The limits of a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyOut {
    /// The tier of the user, which determines the limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, value_type = schemas::Tier)]
    tier: Option<&'static str>,
    /// Each limit of the key.
    limits: Vec<KeyStateOut>,
}

/// The state of one limit of a key.
#[derive(Serialize, ToSchema)]
struct KeyStateOut {
    /// The name of the limit.
    #[schema(value_type = schemas::PolicyName)]
    policy: &'static str,
    /// Units per period.
    limit: u32,
    /// Remaining units. Leased units count as spent.
    remaining: u32,
    /// Seconds until all units are back, if none are taken.
    full_in_seconds: f64,
}
