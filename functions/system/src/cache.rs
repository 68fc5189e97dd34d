//! What the cache of all instances does, and how to make them forget.

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

/// Tells what the caches of all instances did, by namespace.
///
/// Each instance adds its counts once a minute at most, and when it ends.
#[utoipa::path(
    get, path = "/v1/system/cache", tag = "system", operation_id = "read_cache_counts",
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses((status = 200, description = "The counts", body = CacheOut)),
)]
pub(crate) async fn read(
    State(platform): State<Platform>,
    _: Admin,
) -> Result<Json<CacheOut>, Problem> {
    let counted = platform.store.cache_counts(NAMESPACES).await?;
    let namespaces = counted.into_iter().map(|(name, counted)| (name, counted.into())).collect();
    Ok(Json(CacheOut { namespaces }))
}

/// Makes every instance load anew what has this tag, or all of a namespace.
///
/// What has the tag is loaded anew from now on. That a whole namespace was invalidated, instances
/// see within five seconds, and of `policies` within the ten after which they read them anyway.
#[utoipa::path(
    delete, path = "/v1/system/cache", tag = "system", operation_id = "invalidate_cache",
    params(
        ("tag" = Option<schemas::CacheTag>, Query, description = "A tag such as `user#42`, 1 to 255 bytes; this or `namespace`"),
        ("namespace" = Option<schemas::CacheNamespace>, Query, description = "The name of a namespace; this or `tag`"),
    ),
    security(("accessToken" = ["admin"]), ("initData" = ["admin"])),
    responses(
        (status = 204, description = "It is invalidated"),
        (status = 400, description = "There is no such namespace, or no such tag is possible"),
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

/// What is invalidated.
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

/// The cache.
#[derive(Serialize, ToSchema)]
pub(crate) struct CacheOut {
    /// By the name of the namespace.
    #[schema(value_type = BTreeMap<schemas::CacheNamespace, CountsOut>)]
    namespaces: BTreeMap<String, CountsOut>,
}

/// What was counted over all instances.
#[derive(Serialize, ToSchema)]
struct CountsOut {
    /// Since when it is counted, in Unix seconds; absent if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    since: Option<u64>,
    /// Lookups that a fresh value answered.
    hits: u64,
    /// Lookups that a value past its time answered.
    stale_served: u64,
    /// Lookups that a load, or nothing, answered.
    misses: u64,
    /// Loads.
    loads: u64,
    /// Loads that failed.
    load_errors: u64,
    /// Values found that had been invalidated.
    invalidated: u64,
    /// Calls of the cache to its table.
    calls: u64,
    /// Calls of the cache without an answer.
    level_errors: u64,
    /// Calls of the cache not made, because the table had not answered others.
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
