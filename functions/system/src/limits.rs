//! The limits of the deployment, and what administrators change of them.

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

/// How often a change that names no version starts over when others change the limits meanwhile.
const ATTEMPTS: u32 = 4;

/// Lists every limit, as it is in force and as it would be unless administrators had changed it.
#[utoipa::path(
    get, path = "/v1/system/limits", tag = "system", operation_id = "list_limits",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String)))),
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

/// Changes a limit: what the body leaves out is as the deployment has it.
///
/// With `If-Match`, only if the limits still have that version.
#[utoipa::path(
    put, path = "/v1/system/limits/{policy}", tag = "system", operation_id = "change_limit",
    params(
        ("policy" = schemas::PolicyName, Path, description = "The name of a limit"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "Change only this version"),
    ),
    request_body = LimitChangeSchema,
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String))),
        (status = 404, description = "There is no such limit"),
        (status = 412, description = "The limits have another version"),
        (status = 409, description = "What is stored of the limits does not decode"),
        (status = 422, description = "No limit may be like that"),
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
        return Err(Problem::new(Code::BODY_INVALID).field(".", "must name a field to change"));
    }
    replace(&platform, user.id, limit, if_match, Some(change)).await
}

/// Takes back what administrators have changed of a limit.
#[utoipa::path(
    delete, path = "/v1/system/limits/{policy}", tag = "system", operation_id = "reset_limit",
    params(
        ("policy" = schemas::PolicyName, Path, description = "The name of a limit"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "Change only this version"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String))),
        (status = 404, description = "There is no such limit"),
        (status = 409, description = "What is stored of the limits does not decode"),
        (status = 412, description = "The limits have another version"),
        (status = 422, description = "Without the change, no limit may be like that"),
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

/// Takes back everything that administrators have changed of the limits, whatever is stored: also
/// what does not decode.
#[utoipa::path(
    delete, path = "/v1/system/limits", tag = "system", operation_id = "reset_all_limits",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String)))),
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

/// Puts a change in the place of the one that there is for a limit, or takes it away.
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

/// In force here at once, with the settings that were read before.
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
            .detail("What is stored of the limits does not decode; DELETE /v1/system/limits takes it away.")
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

/// The limits.
#[derive(Serialize, ToSchema)]
struct LimitsOut {
    /// Of what administrators have changed; the entity tag. 0 before the first change.
    version: u64,
    /// Why what is stored is not taken; the last good limits are in force then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 8192)]
    fault: Option<String>,
    /// Every limit.
    limits: Vec<LimitOut>,
}

/// A limit.
#[derive(Serialize, ToSchema)]
struct LimitOut {
    /// Its name.
    #[schema(value_type = schemas::PolicyName)]
    policy: &'static str,
    /// What it holds for.
    #[schema(value_type = schemas::LimitKind)]
    per: &'static str,
    /// As this instance has it, for the free tier.
    #[schema(value_type = TermsSchema)]
    in_force: Terms,
    /// As it is without administrators, for the free tier.
    #[schema(value_type = TermsSchema)]
    deployed: Terms,
    /// What administrators have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false, value_type = LimitChangeSchema)]
    change: Option<LimitChange>,
    /// Units in a period, for each tier.
    #[schema(value_type = BTreeMap<schemas::Tier, u32>)]
    tiers: BTreeMap<&'static str, u32>,
}

/// What a limit says.
#[derive(ToSchema)]
#[schema(as = TermsOut)]
#[expect(dead_code, reason = "only its schema is used: that of `Terms`")]
struct TermsSchema {
    /// Units in a period.
    limit: u32,
    /// The period, in seconds.
    period_seconds: u32,
    /// Units at once.
    burst: u32,
    mode: ModeWire,
    without_store: WithoutStoreWire,
}

/// A change of a limit; what is absent is as the deployment has it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LimitChange, min_properties = 1)]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `LimitChange`")]
struct LimitChangeSchema {
    /// Units in a period, for the free tier; the others have a multiple of it.
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    limit: Option<u32>,
    /// The period, in seconds.
    #[schema(minimum = 1, maximum = 31_622_400, nullable = false)]
    period_seconds: Option<u32>,
    /// Units at once, for the free tier; as many as the limit if absent.
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    burst: Option<u32>,
    /// What denials do.
    #[schema(nullable = false)]
    mode: Option<ModeWire>,
    /// What happens while the limiter's table does not answer.
    #[schema(nullable = false)]
    without_store: Option<WithoutStoreWire>,
}

/// What denials do.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `LimitMode`")]
enum ModeWire {
    /// They refuse the request.
    Enforce,
    /// They are counted, and the request goes on.
    Shadow,
}

/// What happens while the limiter's table does not answer.
#[derive(ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used: that of the domain's `WithoutStore`")]
enum WithoutStoreWire {
    /// Requests pass, as long as the instance alone keeps the limit.
    Open,
    /// Requests are answered 503.
    Closed,
}
