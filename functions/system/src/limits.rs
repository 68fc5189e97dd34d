//! The limits of the deployment, and administrators' overrides.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{AuditEntry, LimitChange, LimitChanges, SettingsOverrides, Tier, UserId};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    extract::{IfMatch, Json, Path},
    limits::{InvalidLimit, Limit, Terms},
    schemas,
    settings::Adopted,
};
use minigate_store::{ChangeDocument, Documents, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const POLICY_NOT_FOUND: Code =
    Code::new("policy_not_found", StatusCode::NOT_FOUND, "No limit has this name");
pub(crate) const POLICIES_UNREADABLE: Code =
    Code::new("policies_unreadable", StatusCode::CONFLICT, "The stored limits cannot be decoded");

/// How often an unconditional change is retried after concurrent changes of the limits.
const ATTEMPTS: u32 = 4;

/// Lists every limit in force, and its value without administrators' overrides.
#[utoipa::path(
    get, path = "/v1/system/limits", tag = "system", operation_id = "list_limits",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The limits in force", body = LimitsOut, headers(("ETag" = String)))),
)]
pub(crate) async fn list(State(platform): State<Platform>, _: Admin) -> Result<Response, Problem> {
    let (changes, fault) = match platform.store.limits().await {
        Ok(changes) => {
            let made = platform.config.limits.with(&changes);
            (changes, made.err().map(|error| error.message))
        }
        Err(error @ StoreError::Corrupt { .. }) => {
            (LimitChanges::default(), Some(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(answer(&platform, &changes, fault))
}

/// Overrides a limit. Absent fields revert to the deployment's values.
///
/// With `If-Match`, only if the version of the limits still matches.
#[utoipa::path(
    put, path = "/v1/system/limits/{policy}", tag = "system", operation_id = "change_limit",
    params(
        ("policy" = schemas::PolicyName, Path, description = "The name of a limit"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "The version to change; any other is answered 412"),
    ),
    request_body = LimitChangeSchema,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The limits in force", body = LimitsOut, headers(("ETag" = String))),
        (status = 404, description = "No limit has this name"),
        (status = 412, description = "The limits have a different version"),
        (status = 409, description = "The stored limits cannot be decoded"),
        (status = 422, description = "The limit would be invalid"),
    ),
)]
pub(crate) async fn change(
    State(platform): State<Platform>,
    LiveAdmin(user): LiveAdmin,
    Path(policy): Path<String>,
    if_match: IfMatch,
    Json(change): Json<LimitChange>,
) -> Result<Response, Problem> {
    let limit = find(&platform, &policy)?;
    if change == LimitChange::default() {
        return Err(Problem::new(Code::BODY_INVALID).field(".", "must have a field to change"));
    }
    replace(&platform, user.id, limit, if_match, Some(change)).await
}

/// Resets the override of a limit.
#[utoipa::path(
    delete, path = "/v1/system/limits/{policy}", tag = "system", operation_id = "reset_limit",
    params(
        ("policy" = schemas::PolicyName, Path, description = "The name of a limit"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "The version to change; any other is answered 412"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The limits in force", body = LimitsOut, headers(("ETag" = String))),
        (status = 404, description = "No limit has this name"),
        (status = 409, description = "The stored limits cannot be decoded"),
        (status = 412, description = "The limits have a different version"),
        (status = 422, description = "Without the override, the limit would be invalid"),
    ),
)]
pub(crate) async fn reset(
    State(platform): State<Platform>,
    LiveAdmin(user): LiveAdmin,
    Path(policy): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    replace(&platform, user.id, find(&platform, &policy)?, if_match, None).await
}

/// Resets all overrides of limits, even if the stored ones cannot be decoded.
#[utoipa::path(
    delete, path = "/v1/system/limits", tag = "system", operation_id = "reset_all_limits",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The limits in force", body = LimitsOut, headers(("ETag" = String)))),
)]
pub(crate) async fn reset_all(
    State(platform): State<Platform>,
    LiveAdmin(user): LiveAdmin,
) -> Result<Response, Problem> {
    let Documents { limits, settings, .. } = platform.store.documents().await?;
    let before = limits.ok().and_then(|changes| json_of(&changes.by_name));
    let entry = AuditEntry::new(
        &*platform.entropy,
        platform.now(),
        user.id,
        "limits.reset",
        "all".to_owned(),
    );
    let entry = entry.change(before, None);
    match platform.store.replace_limits(BTreeMap::new(), None, &entry).await? {
        ChangeDocument::Changed(changes) => Ok(adopt(&platform, changes, settings.ok()).await),
        ChangeDocument::Stale => Err(contended()),
    }
}

fn find(platform: &Platform, name: &str) -> Result<&'static Limit, Problem> {
    let known = platform.config.limits.known();
    known.find(name).ok_or_else(|| {
        let message = format!("must be one of {}", known.names());
        Problem::new(POLICY_NOT_FOUND).field("policy", message)
    })
}

/// Replaces or removes the override of a limit.
async fn replace(
    platform: &Platform,
    by: UserId,
    limit: &Limit,
    if_match: IfMatch,
    change: Option<LimitChange>,
) -> Result<Response, Problem> {
    for _ in 0..ATTEMPTS {
        let Documents { limits, settings, .. } = platform.store.documents().await?;
        let LimitChanges { mut by_name, version } = limits.map_err(not_readable)?;
        match if_match {
            IfMatch::Version(known) if known != version => return Err(version_mismatch()),
            IfMatch::Never => return Err(version_mismatch()),
            _ => {}
        }
        let before = match change {
            Some(change) => by_name.insert(limit.name.to_owned(), change),
            None => by_name.remove(limit.name),
        };
        let changes = LimitChanges { by_name, version };
        platform.config.limits.with(&changes).map_err(refused)?;
        let action = if change.is_some() { "limit.changed" } else { "limit.reset" };
        let subject = limit.name.to_owned();
        let entry = AuditEntry::new(&*platform.entropy, platform.now(), by, action, subject);
        let entry = entry
            .change(before.and_then(|change| json_of(&change)), change.as_ref().and_then(json_of));
        let write = platform.store.replace_limits(changes.by_name, Some(version), &entry);
        match write.await? {
            ChangeDocument::Changed(changes) => {
                return Ok(adopt(platform, changes, settings.ok()).await);
            }
            ChangeDocument::Stale if matches!(if_match, IfMatch::Version(_)) => {
                return Err(version_mismatch());
            }
            ChangeDocument::Stale => {}
        }
    }
    Err(contended())
}

/// Takes effect here at once, with the settings read before.
async fn adopt(
    platform: &Platform,
    changes: LimitChanges,
    settings: Option<SettingsOverrides>,
) -> Response {
    platform.adopt(Adopted { limits: Some(changes.clone()), settings }).await;
    answer(platform, &changes, None)
}

fn json_of(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn not_readable(error: StoreError) -> Problem {
    match error {
        error @ StoreError::Corrupt { .. } => Problem::new(POLICIES_UNREADABLE)
            .detail("The stored limits cannot be decoded; DELETE /v1/system/limits deletes them.")
            .caused_by(error),
        error => error.into(),
    }
}

fn refused(error: InvalidLimit) -> Problem {
    Problem::new(Code::BODY_INVALID).field(error.field, error.message)
}

fn version_mismatch() -> Problem {
    Problem::new(Code::VERSION_MISMATCH).field(
        header::IF_MATCH.as_str(),
        "is not the version of the limits any more; list them again",
    )
}

fn contended() -> Problem {
    StoreError::Contended { operation: "replace_limits", attempts: ATTEMPTS }.into()
}

fn answer(platform: &Platform, changes: &LimitChanges, fault: Option<String>) -> Response {
    match listed(platform, changes, fault) {
        Ok(out) => tagged(&out),
        Err(problem) => problem.into_response(),
    }
}

fn tagged(out: &LimitsOut) -> Response {
    let tag = HeaderValue::from_str(&format!("\"{}\"", out.version));
    let mut response = Json(out).into_response();
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
}

fn listed(
    platform: &Platform,
    changes: &LimitChanges,
    fault: Option<String>,
) -> Result<LimitsOut, Problem> {
    let deployed = &platform.config.limits;
    let in_force = platform.limits.in_force();
    let policy = |limit, tier| in_force.policy(limit, tier).map_err(Problem::internal);
    let one = |limit: &'static Limit| {
        let of_tier = |tier: Tier| Ok((tier.as_str(), policy(limit, tier)?.limit()));
        Ok(LimitOut {
            policy: limit.name,
            per: limit.per.as_str(),
            in_force: Terms::in_force(policy(limit, Tier::Free)?),
            deployed: deployed.terms(limit),
            change: changes.by_name.get(limit.name).copied(),
            tiers: Tier::ALL.into_iter().map(of_tier).collect::<Result<_, Problem>>()?,
        })
    };
    let limits = deployed.known().iter().map(one).collect::<Result<_, Problem>>()?;
    Ok(LimitsOut { version: changes.version, fault, limits })
}

/// The limits of the deployment.
#[derive(Serialize, ToSchema)]
struct LimitsOut {
    /// The version of the overrides, also the entity tag; 0 before the first one.
    version: u64,
    /// Why the stored overrides are ignored; then the last valid limits are in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 8192)]
    fault: Option<String>,
    /// Every limit.
    limits: Vec<LimitOut>,
}

/// A limit.
#[derive(Serialize, ToSchema)]
struct LimitOut {
    /// The name of the limit.
    #[schema(value_type = schemas::PolicyName)]
    policy: &'static str,
    /// What the limit applies to.
    #[schema(value_type = schemas::LimitKind)]
    per: &'static str,
    /// In force on this instance, for the free tier.
    #[schema(value_type = TermsSchema)]
    in_force: Terms,
    /// Without overrides, for the free tier.
    #[schema(value_type = TermsSchema)]
    deployed: Terms,
    /// The override.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, value_type = LimitChangeSchema)]
    change: Option<LimitChange>,
    /// Units per period, by tier.
    #[schema(value_type = BTreeMap<schemas::Tier, u32>)]
    tiers: BTreeMap<&'static str, u32>,
}

/// The values of a limit.
#[derive(ToSchema)]
#[schema(as = TermsOut)]
#[expect(dead_code, reason = "only its schema is used: that of `Terms`")]
struct TermsSchema {
    /// Units per period.
    limit: u32,
    /// The period, in seconds.
    period_seconds: u32,
    /// Burst in units.
    burst: u32,
    mode: ModeWire,
    without_store: WithoutStoreWire,
}

/// An override of a limit. Absent fields have the deployment's values.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LimitChange, min_properties = 1)]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `LimitChange`")]
struct LimitChangeSchema {
    /// Units per period for the free tier; other tiers have a multiple of it.
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    limit: Option<u32>,
    /// The period, in seconds.
    #[schema(minimum = 1, maximum = 31_622_400, nullable = false)]
    period_seconds: Option<u32>,
    /// Burst in units for the free tier; the limit if absent.
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    burst: Option<u32>,
    /// The effect of denials.
    #[schema(nullable = false)]
    mode: Option<ModeWire>,
    /// The decision while the limiter's table is unavailable.
    #[schema(nullable = false)]
    without_store: Option<WithoutStoreWire>,
}

/// The effect of denials.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `LimitMode`")]
enum ModeWire {
    /// Denials refuse the request.
    Enforce,
    /// Denials are counted, and the request is allowed.
    Shadow,
}

/// The decision while the limiter's table is unavailable.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `WithoutStore`")]
enum WithoutStoreWire {
    /// Requests are allowed, as long as the instance by itself stays within the limit.
    Open,
    /// Requests are answered 503.
    Closed,
}
