//! The cache of a process, by the crate `minigate-cache`, and the namespaces of it that every function has.
//!
//! | namespace | what | levels | fresh | grace |
//! |---|---|---|---|---|
//! | `account` ([`minigate_service::accounts`]) | a user's profile and the ids of their sessions | memory | 30 min | 60 min |
//! | `policies` | what administrators have changed of limits and settings | memory | 10 s | 59 min |
//! | `jwks` | the public keys, as they are published | memory, of a cache of its own | 15 s | 59 min |
//!
//! Accounts and policies are not in the second level, the table `Volatile`, which has their
//! invalidations only: each is loaded by one call, which costs what reading a copy would, and what is
//! known of a user stays in one table.
//!
//! Of the policies, invalidations are not even read: every instance reads the item itself every ten
//! seconds, so that asking first would tell it nothing sooner. [`crate::settings`] keeps the last good
//! ones for when the cache has none.
//!
//! The cache of `jwks` has no table behind it. Keys are what tokens are trusted by: whoever can write a
//! table must not be able to put others in their place. So administrators cannot clear it either, and
//! what it does is told in the log only. Secrets themselves have a memory of their own
//! ([`crate::secrets`]), which can do what this one cannot: look for a newer one when a signature does
//! not verify, and hold what is never written anywhere.

mod counts;
mod jwks;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use minigate_cache::{
    BuildError, Cache, CacheBuilder, DynamoLevel, InvalidateError, Levels, MAX_TAG_WINDOW,
    MemoryLevel, Namespace, NamespaceBuilder, Work, level::SecondLevel,
};
use minigate_domain::Entropy;
use minigate_service::accounts::{self, CLOCK_SKEW};
use minigate_store::Store;

pub use minigate_cache::Tag;

pub use self::jwks::PublishedKeys;
use self::{counts::Counts, jwks::KEYS_AT_MOST};
use crate::{
    Code, Config, Problem,
    secrets::{SigningSecret, Surroundings},
    settings::InForce,
};

/// The namespaces of the platform that administrators see and can clear: all but `jwks`. A noun declares its own
/// by [`Function::with_namespaces`](crate::Function::with_namespaces).
pub const OF_PLATFORM: &[&str] = &[accounts::NAMESPACE, POLICIES];
const POLICIES: &str = "policies";
const JWKS: &str = "jwks";

const MINUTE: Duration = Duration::from_secs(60);

/// How old the policies get before a request has them read again, and how long after a read that
/// failed another one is tried.
const POLICIES_FRESH: Duration = Duration::from_secs(10);

fn policies(cache: &Cache) -> NamespaceBuilder {
    unasked(cache.namespace(POLICIES, POLICIES_FRESH)).retry_pause(POLICIES_FRESH)
}

fn jwks(cache: &Cache) -> NamespaceBuilder {
    // Longer than a call of Secrets Manager takes. Keys past their time are served only where there
    // are no others, and not because these take a moment.
    let patience = Duration::from_secs(5);
    let namespace = unasked(cache.namespace(JWKS, KEYS_AT_MOST));
    namespace.soft_timeout(patience).hard_timeout(patience)
}

/// For what every instance reads itself after seconds. Whatever may be served is younger than the time
/// for which stamps are believed: so none is read, and no permission for it is needed. An invalidation
/// holds in the process that makes it, and what others have ends by itself. The seconds are a promise,
/// so they have no jitter.
fn unasked(namespace: NamespaceBuilder) -> NamespaceBuilder {
    let namespace = namespace.levels(Levels::Memory).jitter(0.0);
    namespace.tag_window(MAX_TAG_WINDOW).grace(MAX_TAG_WINDOW - MINUTE)
}

/// The cache of a process. Clones share it.
#[derive(Clone)]
pub struct Caches {
    /// What administrators have changed of limits and settings.
    pub(crate) policies: Namespace<InForce>,
    /// The keys that are published.
    pub jwks: PublishedKeys,
    cache: Cache,
    counts: Arc<Counts>,
}

impl Caches {
    /// The cache that `config` describes. Makes no call.
    ///
    /// # Errors
    /// [`BuildError`] if a namespace above is defined wrongly, which a test excludes.
    pub(crate) fn new(
        config: &Config,
        client: aws_sdk_dynamodb::Client,
        store: &Store,
        signing: &SigningSecret,
        entropy: &dyn Entropy,
        surroundings: &Surroundings,
    ) -> Result<Self, BuildError> {
        let level = DynamoLevel::new(client, &config.tables.volatile).timeout(config.cache_timeout);
        let mut owner = [0; 8];
        entropy.fill(&mut owner);
        let cache = builder(level, surroundings)
            .level_timeout(config.cache_timeout)
            .max_clock_skew(CLOCK_SKEW)
            .owner(format!("{:016x}", u64::from_ne_bytes(owner)))
            .build()?;
        let own = builder(MemoryLevel::default(), surroundings).build()?;
        Ok(Self {
            policies: policies(&cache).build()?,
            jwks: PublishedKeys::new(
                jwks(&own).build()?,
                signing.clone(),
                Arc::clone(&surroundings.clock),
            ),
            counts: Arc::new(Counts::new(
                cache.clone(),
                own,
                config.needs.store.then(|| store.clone()),
                surroundings.clone(),
            )),
            cache,
        })
    }

    /// Where the services have their namespaces.
    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Invalidates everything with this tag, in all instances.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`]: others may serve what was to be invalidated. Repeating it is safe.
    pub async fn invalidate_tag(&self, tag: &Tag) -> Result<(), Problem> {
        self.cache.invalidate_tag(tag).await.map_err(not_invalidated)
    }

    /// Invalidates all of a namespace, in all instances.
    ///
    /// # Errors
    /// [`Code::STORE_UNAVAILABLE`], as for a tag.
    pub async fn clear(&self, namespace: &str) -> Result<(), Problem> {
        self.cache.clear_namespace(namespace).await.map_err(not_invalidated)
    }

    /// What follows a request.
    pub(crate) fn after_request(&self) {
        self.counts.after_request();
    }

    /// Tells what was counted, for `limit` at most. To be called before the process ends.
    pub(crate) async fn shutdown(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.counts.report()).await;
    }
}

fn builder(level: impl SecondLevel, surroundings: &Surroundings) -> CacheBuilder {
    let Surroundings { clock, background, .. } = surroundings.clone();
    let now = move || UNIX_EPOCH + Duration::from_millis(clock.now().unix_millis());
    Cache::builder(level, now).spawner(move |work: Work| background.start(work))
}

/// The error names the tag, which is a user's and must not reach the log.
fn not_invalidated(error: InvalidateError) -> Problem {
    Problem::new(Code::STORE_UNAVAILABLE)
        .retry_after(Duration::from_secs(1))
        .caused_by(error.source)
}
