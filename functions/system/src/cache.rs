//! The caches of all instances: counters and invalidation.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use minigate_domain::AuditEntry;
use minigate_platform::{
    Code, Platform, Problem,
    auth::{Admin, LiveAdmin},
    caches::Tag,
    extract::{Json, Query},
    schemas,
};
use minigate_store::CountedCache;
use serde::Serialize;
use utoipa::ToSchema;

use crate::catalogue::NAMESPACES;

/// Returns the cache counters of all instances, by namespace.
///
/// Each instance adds its counters at most once a minute, and at shutdown.
#[utoipa::path(
    get, path = "/v1/system/cache", tag = "system", operation_id = "read_cache_counts",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The counters", body = CacheOut)),
)]
pub(crate) async fn read(
    State(platform): State<Platform>,
    _: Admin,
) -> Result<Json<CacheOut>, Problem> {
    let counted = platform.store.cache_counts(NAMESPACES).await?;
    let namespaces = counted.into_iter().map(|(name, counted)| (name, counted.into())).collect();
    Ok(Json(CacheOut { namespaces }))
}

/// Invalidates the entries with a tag, or a whole namespace, on all instances.
///
/// A tag takes effect at once. Instances notice a namespace within five seconds, and `policies` within ten
/// seconds.
#[utoipa::path(
    delete, path = "/v1/system/cache", tag = "system", operation_id = "invalidate_cache",
    params(
        ("tag" = Option<schemas::CacheTag>, Query, description = "A tag such as `user#42`, 1 to 255 bytes; either this or `namespace`"),
        ("namespace" = Option<schemas::CacheNamespace>, Query, description = "A namespace; either this or `tag`"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 204, description = "The entries are invalidated"),
        (status = 400, description = "The namespace does not exist, or the tag is invalid"),
    ),
)]
pub(crate) async fn invalidate(
    State(platform): State<Platform>,
    LiveAdmin(admin): LiveAdmin,
    query: Query,
) -> Result<StatusCode, Problem> {
    let (kind, name) = query.one_of(&["tag", "namespace"])?;
    let target = Target::parse(kind, &name)?;
    let subject = format!("{kind}/{name}");
    let (by, now) = (admin.id, platform.now());
    let entry = AuditEntry::new(&*platform.entropy, now, by, "cache.invalidated", subject);
    // First, so that nothing is done that is not recorded.
    platform.store.record(&entry).await?;
    match target {
        Target::Tag(tag) => platform.caches.invalidate_tag(&tag).await?,
        Target::Namespace(name) => platform.caches.clear(name).await?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// What to invalidate.
enum Target {
    Tag(Tag),
    Namespace(&'static str),
}

impl Target {
    fn parse(kind: &'static str, name: &str) -> Result<Self, Problem> {
        let invalid = |message: String| Problem::new(Code::QUERY_INVALID).field(kind, message);
        if kind == "tag" {
            return Tag::new(name).map(Self::Tag).map_err(|error| invalid(error.to_string()));
        }
        let known = NAMESPACES.iter().copied().find(|known| *known == name);
        let unknown = || invalid(format!("must be one of {}", NAMESPACES.join(", ")));
        known.map(Self::Namespace).ok_or_else(unknown)
    }
}

/// The cache counters of all instances.
#[derive(Serialize, ToSchema)]
pub(crate) struct CacheOut {
    /// Counters by namespace.
    #[schema(value_type = BTreeMap<schemas::CacheNamespace, CountsOut>)]
    namespaces: BTreeMap<String, CountsOut>,
}

/// Counters over all instances.
#[derive(Serialize, ToSchema)]
struct CountsOut {
    /// Start of the counting, in Unix seconds; absent if nothing was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    since: Option<u64>,
    /// Lookups answered with a fresh value.
    hits: u64,
    /// Lookups answered with a stale value.
    stale_served: u64,
    /// Lookups that needed a load, or failed.
    misses: u64,
    /// Loads.
    loads: u64,
    /// Loads that failed.
    load_errors: u64,
    /// Cached values that had been invalidated.
    invalidated: u64,
    /// Calls to the cache's table.
    calls: u64,
    /// Calls to the cache's table that failed or timed out.
    level_errors: u64,
    /// Calls to the cache's table skipped during a pause after errors.
    level_pauses: u64,
}

impl From<CountedCache> for CountsOut {
    fn from(counted: CountedCache) -> Self {
        let CountedCache { since, counts } = counted;
        Self {
            since: since.map(|since| since.unix_seconds()),
            hits: counts.hits,
            stale_served: counts.stale_served,
            misses: counts.misses,
            loads: counts.loads,
            load_errors: counts.load_errors,
            invalidated: counts.invalidated,
            calls: counts.calls,
            level_errors: counts.level_errors,
            level_pauses: counts.level_pauses,
        }
    }
}
