//! The settings of the deployment, and administrators' overrides.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{
    AuditEntry, GrantedAdmins, SETTINGS_FORMAT, SettingsOverride, SettingsOverrides, UserId,
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    extract::{IfMatch, Json},
    schemas,
    settings::{Adopted, InvalidSetting, Settings},
};
use minigate_store::{ChangeDocument, Documents, StoreError};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::roles::LAST_ADMINISTRATOR;

pub(crate) const SETTINGS_UNREADABLE: Code =
    Code::new("settings_unreadable", StatusCode::CONFLICT, "The stored settings cannot be decoded");

/// How often an unconditional change is retried after concurrent changes of the settings.
const ATTEMPTS: u32 = 4;

/// Returns the settings in force, and their values without administrators' overrides.
#[utoipa::path(
    get, path = "/v1/system/settings", tag = "system", operation_id = "read_settings",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The settings", body = SettingsOut, headers(("ETag" = String)))),
)]
pub(crate) async fn read_settings(
    State(platform): State<Platform>,
    _: Admin,
) -> Result<Response, Problem> {
    let (overrides, fault) = match platform.store.documents().await?.settings {
        Ok(overrides) => {
            let fault = platform.config.settings.with(&overrides).err();
            (overrides, fault.map(|error| error.to_string()))
        }
        Err(error) => (SettingsOverrides::default(), Some(error.to_string())),
    };
    Ok(answer(&platform, &overrides, fault))
}

/// Replaces the overrides of settings. Absent settings have the deployment's values.
///
/// An invalid body is refused as a whole. With `If-Match`, only if the version of the settings still matches.
#[utoipa::path(
    put, path = "/v1/system/settings", tag = "system", operation_id = "replace_settings",
    params(("If-Match" = Option<schemas::IfMatch>, Header, description = "The version to change; any other is answered 412")),
    request_body = SettingsChange,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The settings in force", body = SettingsOut, headers(("ETag" = String))),
        (status = 409, description = "What is stored of the settings cannot be read, or nobody would be left who is an administrator for good"),
        (status = 412, description = "The settings have a different version"),
        (status = 422, description = "A setting would be invalid"),
    ),
)]
pub(crate) async fn replace_settings(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    if_match: IfMatch,
    Json(body): Json<SettingsChange>,
) -> Result<Response, Problem> {
    let change = body.into_change(&platform.config.settings)?;
    for _ in 0..ATTEMPTS {
        let Documents { settings, limits, admins } = platform.store.documents().await?;
        let known = settings.map_err(unreadable)?;
        check_last_admin(&platform, &known.change, &change, &admins?)?;
        if known.format > SETTINGS_FORMAT {
            return Err(Problem::new(SETTINGS_UNREADABLE).detail(UNREADABLE));
        }
        match if_match {
            IfMatch::Version(version) if version != known.version => {
                return Err(version_mismatch());
            }
            IfMatch::Never => return Err(version_mismatch()),
            _ => {}
        }
        let entry = entry(&platform, admin.id, "settings.changed");
        let entry = entry.change(json_of(&known), serde_json::to_string(&change).ok());
        let write = platform.store.replace_settings(change.clone(), Some(known.version), &entry);
        match write.await? {
            ChangeDocument::Changed(settings) => {
                let adopted = Adopted { limits: limits.ok(), settings: Some(settings) };
                return Ok(adopt(&platform, adopted).await);
            }
            ChangeDocument::Stale if matches!(if_match, IfMatch::Version(_)) => {
                return Err(version_mismatch());
            }
            ChangeDocument::Stale => {}
        }
    }
    Err(contended())
}

/// Resets all overrides of settings, even if the stored ones cannot be decoded.
#[utoipa::path(
    delete, path = "/v1/system/settings", tag = "system", operation_id = "reset_settings",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The deployment's settings are in force", body = SettingsOut, headers(("ETag" = String))),
        (status = 409, description = "Nobody would be left who is an administrator for good"),
    ),
)]
pub(crate) async fn reset_settings(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
) -> Result<Response, Problem> {
    let Documents { settings, limits, admins } = platform.store.documents().await?;
    if let Ok(known) = &settings {
        check_last_admin(&platform, &known.change, &SettingsOverride::default(), &admins?)?;
    }
    let before = settings.ok().and_then(|settings| json_of(&settings));
    let entry = entry(&platform, admin.id, "settings.reset").change(before, None);
    let empty = SettingsOverride::default();
    match platform.store.replace_settings(empty, None, &entry).await? {
        ChangeDocument::Changed(settings) => {
            let adopted = Adopted { limits: limits.ok(), settings: Some(settings) };
            Ok(adopt(&platform, adopted).await)
        }
        ChangeDocument::Stale => Err(contended()),
    }
}

/// Somebody must be left who may mend what administrators have changed. Nobody can take the last
/// administrator by a grant away meanwhile, because that one stays too.
fn check_last_admin(
    platform: &Platform,
    before: &SettingsOverride,
    after: &SettingsOverride,
    granted: &GrantedAdmins,
) -> Result<(), Problem> {
    let names_any =
        |change: &SettingsOverride| change.admins.as_ref().is_some_and(|ids| !ids.is_empty());
    let has_others = !platform.config.settings.admins.is_empty() || granted.has_permanent();
    if has_others || names_any(after) || !names_any(before) {
        return Ok(());
    }
    Err(Problem::new(LAST_ADMINISTRATOR)
        .detail("The settings would name no administrator, and nobody else is one for good."))
}

fn entry(platform: &Platform, by: UserId, action: &'static str) -> AuditEntry {
    AuditEntry::new(&*platform.entropy, platform.now(), by, action, "all".to_owned())
}

/// The change, for the audit log; empty if nothing changed.
fn json_of(overrides: &SettingsOverrides) -> Option<String> {
    if overrides.change == SettingsOverride::default() {
        return None;
    }
    serde_json::to_string(&overrides.change).ok()
}

/// Takes effect here at once.
async fn adopt(platform: &Platform, adopted: Adopted) -> Response {
    let overrides = adopted.settings.clone().unwrap_or_default();
    platform.adopt(adopted).await;
    answer(platform, &overrides, None)
}

const UNREADABLE: &str = "The stored settings cannot be decoded, or a newer version wrote \
     it; DELETE /v1/system/settings takes it away.";

fn unreadable(error: StoreError) -> Problem {
    match error {
        error @ StoreError::Corrupt { .. } => {
            Problem::new(SETTINGS_UNREADABLE).detail(UNREADABLE).caused_by(error)
        }
        error => error.into(),
    }
}

fn refused(error: InvalidSetting) -> Problem {
    Problem::new(Code::BODY_INVALID).field(error.field, error.message)
}

fn version_mismatch() -> Problem {
    Problem::new(Code::VERSION_MISMATCH).field(
        header::IF_MATCH.as_str(),
        "is not the version of the settings any more; read them again",
    )
}

fn contended() -> Problem {
    StoreError::Contended { operation: "replace_settings", attempts: ATTEMPTS }.into()
}

fn answer(platform: &Platform, overrides: &SettingsOverrides, fault: Option<String>) -> Response {
    let SettingsOverrides { change, version, .. } = overrides;
    let out = SettingsOut {
        version: *version,
        fault,
        in_force: TermsOut::from(&*platform.settings()),
        deployed: TermsOut::from(&platform.config.settings),
        change: (*change != SettingsOverride::default()).then(|| change.clone().into()),
    };
    let tag = HeaderValue::from_str(&format!("\"{version}\""));
    let mut response = Json(out).into_response();
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
}

/// The settings of the deployment.
#[derive(Serialize, ToSchema)]
struct SettingsOut {
    /// The version of the overrides, also the entity tag; 0 before the first one.
    version: u64,
    /// Why the stored overrides are ignored; then the last valid settings are in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 1024)]
    fault: Option<String>,
    /// In force on this instance.
    in_force: TermsOut,
    /// Without overrides.
    deployed: TermsOut,
    /// The override.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    change: Option<SettingsChange>,
}

/// The values of the settings.
#[derive(Serialize, ToSchema)]
#[schema(as = SettingsTerms)]
struct TermsOut {
    /// The allowed origins.
    #[schema(value_type = Vec<schemas::AllowedOrigin>, max_items = 20)]
    allowed_origins: Vec<String>,
    /// The administrators' Telegram user ids.
    #[schema(value_type = Vec<schemas::TelegramId>, max_items = 51)]
    admins: Vec<u64>,
    /// Concurrent sessions of a user.
    sessions_per_user: usize,
    /// Lifetime of an access token in seconds.
    access_token_seconds: u64,
    /// Lifetime of a refresh token in seconds.
    refresh_token_seconds: u64,
    /// Maximum age of init data in seconds.
    init_data_seconds: u64,
}

impl From<&Settings> for TermsOut {
    fn from(settings: &Settings) -> Self {
        let text = |origin: &HeaderValue| String::from_utf8_lossy(origin.as_bytes()).into_owned();
        Self {
            allowed_origins: settings.allowed_origins.iter().map(text).collect(),
            admins: settings.admins.iter().map(|id| id.get()).collect(),
            sessions_per_user: settings.sessions_per_user,
            access_token_seconds: settings.access_token_lifetime.as_secs(),
            refresh_token_seconds: settings.refresh_token_lifetime.as_secs(),
            init_data_seconds: settings.init_data_max_age.as_secs(),
        }
    }
}

/// Overrides of settings. Absent settings have the deployment's values.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(min_properties = 1)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// The format of this document.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1)]
    format: Option<u32>,
    /// The allowed origins, which replace the deployment's, without repetition, such as
    /// `https://app.example`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 20, value_type = Option<Vec<schemas::AllowedOrigin>>)]
    allowed_origins: Option<Vec<String>>,
    /// Telegram user ids of administrators in addition to the deployment's, without repetition.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 50, value_type = Option<Vec<schemas::TelegramId>>)]
    admins: Option<Vec<u64>>,
    /// Concurrent sessions of a user.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 50)]
    sessions_per_user: Option<u32>,
    /// Lifetime of an access token in seconds; at most that of a refresh token.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 30, maximum = 3_600)]
    access_token_seconds: Option<u32>,
    /// Lifetime of a refresh token in seconds. Sessions keep theirs until they are refreshed.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 300, maximum = 31_536_000)]
    refresh_token_seconds: Option<u32>,
    /// Maximum age of init data in seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 60, maximum = 604_800)]
    init_data_seconds: Option<u32>,
}

/// A field that may be absent but not `null`, which would suggest a reset.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl SettingsChange {
    /// The overrides, valid as a whole with the deployment's settings.
    fn into_change(self, deployed: &Settings) -> Result<SettingsOverride, Problem> {
        let format = self.format.unwrap_or(SETTINGS_FORMAT);
        if format == 0 {
            return Err(Problem::new(Code::BODY_INVALID).field("format", "must be 1"));
        }
        let change = SettingsOverride {
            allowed_origins: self.allowed_origins,
            admins: self.admins,
            sessions_per_user: self.sessions_per_user,
            access_token_seconds: self.access_token_seconds,
            refresh_token_seconds: self.refresh_token_seconds,
            init_data_seconds: self.init_data_seconds,
        };
        let overrides = SettingsOverrides { change, format, version: 0 };
        deployed.with(&overrides).map_err(refused)?;
        if overrides.change == SettingsOverride::default() {
            return Err(
                Problem::new(Code::BODY_INVALID).field(".", "must have a setting to change")
            );
        }
        Ok(overrides.change)
    }
}

impl From<SettingsOverride> for SettingsChange {
    fn from(change: SettingsOverride) -> Self {
        Self {
            format: None,
            allowed_origins: change.allowed_origins,
            admins: change.admins,
            sessions_per_user: change.sessions_per_user,
            access_token_seconds: change.access_token_seconds,
            refresh_token_seconds: change.refresh_token_seconds,
            init_data_seconds: change.init_data_seconds,
        }
    }
}
