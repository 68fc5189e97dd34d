//! The audit log.

use axum::extract::State;
use minigate_domain::AuditEntry;
use minigate_platform::{Platform, Problem, auth::Admin, extract::Json, schemas};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The most entries in a response. Older ones stay in the table.
const ENTRIES: u8 = 50;

/// Lists the newest audit entries of administrators' actions, at most 50, newest first.
#[utoipa::path(
    get, path = "/v1/system/audit", tag = "system", operation_id = "read_audit",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The newest entries", body = AuditOut)),
)]
pub(crate) async fn read(
    State(platform): State<Platform>,
    _: Admin,
) -> Result<Json<AuditOut>, Problem> {
    let entries = platform.store.newest_audit_entries(ENTRIES).await?;
    Ok(Json(AuditOut { entries: entries.into_iter().map(EntryOut::from).collect() }))
}

/// The audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditOut {
    entries: Vec<EntryOut>,
}

/// An action of an administrator.
#[derive(Serialize, ToSchema)]
struct EntryOut {
    /// The time, in Unix milliseconds.
    at: u64,
    /// The administrator's user id.
    #[schema(value_type = schemas::TelegramId)]
    by: u64,
    /// The action, such as `limit.changed`.
    #[schema(pattern = "^[a-z]+([._-][a-z]+)*$", max_length = 64)]
    action: String,
    /// The subject of the action.
    #[schema(max_length = 1024)]
    subject: String,
    /// The previous value.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Value>,
    /// The new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Value>,
}

impl From<AuditEntry> for EntryOut {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { at, by, action, subject, from, to, .. } = entry;
        let json = |text: Option<String>| {
            text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        let (at, by) = (at.unix_millis(), by.get());
        Self { at, by, action, subject, from: json(from), to: json(to) }
    }
}
