//! The limits of the deployment, and what administrators change of them.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use minigate_domain::{
    AuditEntry, PolicyMode, PolicyOverride, PolicyOverrides, SettingsOverrides, Tier, UserId,
    WithoutStore,
};
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    extract::{IfMatch, Json, Path},
    limits::{InvalidPolicy, PolicySet, Rule, Terms, merged},
    schemas,
    settings::Adopted,
};
use minigate_store::{ChangeDocument, Documents, StoreError};
use serde::{Deserialize, Serialize};
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
    security(("accessToken" = []), ("initData" = [])),
    responses((status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String)))),
)]
pub(crate) async fn list(State(platform): State<Platform>, _: Admin) -> Result<Response, Problem> {
    let (overrides, fault) = match platform.store.policies().await {
        Ok(overrides) => {
            let made = PolicySet::new(&merged(&platform.config.limits, &overrides));
            (overrides, made.err().map(|error| error.message))
        }
        Err(error @ StoreError::Corrupt { .. }) => {
            (PolicyOverrides::default(), Some(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(answer(&platform, &overrides, fault))
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
    request_body = LimitChange,
    security(("accessToken" = []), ("initData" = [])),
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
    let rule = find(&policy)?;
    let change = PolicyOverride::from(change);
    if change == PolicyOverride::default() {
        return Err(Problem::new(Code::BODY_INVALID).field(".", "must name a field to change"));
    }
    replace(&platform, user.id, rule, if_match, Some(change)).await
}

/// Takes back what administrators have changed of a limit.
#[utoipa::path(
    delete, path = "/v1/system/limits/{policy}", tag = "system", operation_id = "reset_limit",
    params(
        ("policy" = schemas::PolicyName, Path, description = "The name of a limit"),
        ("If-Match" = Option<schemas::IfMatch>, Header, description = "Change only this version"),
    ),
    security(("accessToken" = []), ("initData" = [])),
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
    replace(&platform, user.id, find(&policy)?, if_match, None).await
}

/// Takes back everything that administrators have changed of the limits, whatever is stored: also
/// what does not decode.
#[utoipa::path(
    delete, path = "/v1/system/limits", tag = "system", operation_id = "reset_all_limits",
    security(("accessToken" = []), ("initData" = [])),
    responses((status = 200, description = "The limits as they are now", body = LimitsOut, headers(("ETag" = String)))),
)]
pub(crate) async fn reset_all(
    State(platform): State<Platform>,
    LiveAdmin(user): LiveAdmin,
) -> Result<Response, Problem> {
    let Documents { policies, settings } = platform.store.documents().await?;
    let before = policies.ok().and_then(|overrides| json_of(&overrides.by_policy));
    let entry = AuditEntry::new(
        &*platform.entropy,
        platform.now(),
        user.id,
        "limits.reset",
        "all".to_owned(),
    );
    let entry = entry.change(before, None);
    match platform.store.replace_policies(BTreeMap::new(), None, &entry).await? {
        ChangeDocument::Changed(overrides) => Ok(adopt(&platform, overrides, settings.ok()).await),
        ChangeDocument::Stale => Err(contended()),
    }
}

fn find(policy: &str) -> Result<Rule, Problem> {
    Rule::find(policy).ok_or_else(|| {
        let message = format!("must be one of {}", Rule::names());
        Problem::new(POLICY_NOT_FOUND).field("policy", message)
    })
}

/// Puts a change in the place of the one that there is for a limit, or takes it away.
async fn replace(
    platform: &Platform,
    by: UserId,
    rule: Rule,
    if_match: IfMatch,
    change: Option<PolicyOverride>,
) -> Result<Response, Problem> {
    for _ in 0..ATTEMPTS {
        let Documents { policies, settings } = platform.store.documents().await?;
        let PolicyOverrides { mut by_policy, version } = policies.map_err(not_readable)?;
        match if_match {
            IfMatch::Version(known) if known != version => return Err(version_mismatch()),
            IfMatch::Never => return Err(version_mismatch()),
            _ => {}
        }
        let before = match change {
            Some(change) => by_policy.insert(rule.name().to_owned(), change),
            None => by_policy.remove(rule.name()),
        };
        let overrides = PolicyOverrides { by_policy, version };
        PolicySet::new(&merged(&platform.config.limits, &overrides)).map_err(refused)?;
        let action = if change.is_some() { "limit.changed" } else { "limit.reset" };
        let subject = rule.name().to_owned();
        let entry = AuditEntry::new(&*platform.entropy, platform.now(), by, action, subject);
        let entry = entry
            .change(before.and_then(|change| json_of(&change)), change.as_ref().and_then(json_of));
        let write = platform.store.replace_policies(overrides.by_policy, Some(version), &entry);
        match write.await? {
            ChangeDocument::Changed(overrides) => {
                return Ok(adopt(platform, overrides, settings.ok()).await);
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
    overrides: PolicyOverrides,
    settings: Option<SettingsOverrides>,
) -> Response {
    platform.adopt(Adopted { policies: Some(overrides.clone()), settings }).await;
    answer(platform, &overrides, None)
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

fn refused(error: InvalidPolicy) -> Problem {
    Problem::new(Code::BODY_INVALID).field(error.field, error.message)
}

fn version_mismatch() -> Problem {
    Problem::new(Code::VERSION_MISMATCH).field(
        header::IF_MATCH.as_str(),
        "is not the version of the limits any more; list them again",
    )
}

fn contended() -> Problem {
    StoreError::Contended { operation: "replace_policies", attempts: ATTEMPTS }.into()
}

fn answer(platform: &Platform, overrides: &PolicyOverrides, fault: Option<String>) -> Response {
    let deployment = &platform.config.limits;
    let in_force = platform.limits.policies();
    let limit = |rule: Rule| {
        let deployed = deployment.get(&rule).copied().unwrap_or_default();
        LimitOut {
            policy: rule.name(),
            per: rule.defaults().per.as_str(),
            in_force: TermsOut::from(Terms::in_force(in_force.policy(rule, Tier::Free))),
            deployed: TermsOut::from(Terms::of(rule, deployed)),
            change: overrides.by_policy.get(rule.name()).copied().map(LimitChange::from),
            tiers: Tier::ALL
                .map(|tier| (tier.as_str(), in_force.policy(rule, tier).limit()))
                .into(),
        }
    };
    let out = LimitsOut { version: overrides.version, fault, limits: Rule::ALL.map(limit).into() };
    let tag = HeaderValue::from_str(&format!("\"{}\"", overrides.version));
    let mut response = Json(out).into_response();
    response.headers_mut().extend(tag.ok().map(|tag| (header::ETAG, tag)));
    response
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
    in_force: TermsOut,
    /// As it is without administrators, for the free tier.
    deployed: TermsOut,
    /// What administrators have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    change: Option<LimitChange>,
    /// Units in a period, for each tier.
    #[schema(value_type = BTreeMap<schemas::Tier, u32>)]
    tiers: BTreeMap<&'static str, u32>,
}

/// What a limit says.
#[derive(Serialize, ToSchema)]
struct TermsOut {
    /// Units in a period.
    limit: u32,
    /// The period, in seconds.
    period_seconds: u32,
    /// Units at once.
    burst: u32,
    mode: ModeWire,
    without_store: WithoutStoreWire,
}

impl From<Terms> for TermsOut {
    fn from(settings: Terms) -> Self {
        let Terms { limit, period_seconds, burst, mode, without_store } = settings;
        Self {
            limit,
            period_seconds,
            burst,
            mode: mode.into(),
            without_store: without_store.into(),
        }
    }
}

/// A change of a limit; what is absent is as the deployment has it.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub(crate) struct LimitChange {
    /// Units in a period, for the free tier; the others have a multiple of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    limit: Option<u32>,
    /// The period, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 31_622_400, nullable = false)]
    period_seconds: Option<u32>,
    /// Units at once, for the free tier; as many as the limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 999_999_999, nullable = false)]
    burst: Option<u32>,
    /// What denials do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    mode: Option<ModeWire>,
    /// What happens while the limiter's table does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    without_store: Option<WithoutStoreWire>,
}

impl From<LimitChange> for PolicyOverride {
    fn from(change: LimitChange) -> Self {
        let LimitChange { limit, period_seconds, burst, mode, without_store } = change;
        let mode = mode.map(|mode| match mode {
            ModeWire::Enforce => PolicyMode::Enforce,
            ModeWire::Shadow => PolicyMode::Shadow,
        });
        let without_store = without_store.map(|what| match what {
            WithoutStoreWire::Open => WithoutStore::Open,
            WithoutStoreWire::Closed => WithoutStore::Closed,
        });
        Self { limit, period_seconds, burst, mode, without_store }
    }
}

impl From<PolicyOverride> for LimitChange {
    fn from(change: PolicyOverride) -> Self {
        let PolicyOverride { limit, period_seconds, burst, mode, without_store } = change;
        let (mode, without_store) = (mode.map(Into::into), without_store.map(Into::into));
        Self { limit, period_seconds, burst, mode, without_store }
    }
}

/// What denials do.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeWire {
    /// They refuse the request.
    Enforce,
    /// They are counted, and the request goes on.
    Shadow,
}

impl From<PolicyMode> for ModeWire {
    fn from(mode: PolicyMode) -> Self {
        match mode {
            PolicyMode::Enforce => Self::Enforce,
            PolicyMode::Shadow => Self::Shadow,
        }
    }
}

/// What happens while the limiter's table does not answer.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WithoutStoreWire {
    /// Requests pass, as long as the instance alone keeps the limit.
    Open,
    /// Requests are answered 503.
    Closed,
}

impl From<WithoutStore> for WithoutStoreWire {
    fn from(what: WithoutStore) -> Self {
        match what {
            WithoutStore::Open => Self::Open,
            WithoutStore::Closed => Self::Closed,
        }
    }
}
