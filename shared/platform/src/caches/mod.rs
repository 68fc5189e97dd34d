//! The cache of a process, by the crate `minigate-cache`, and every namespace of it.
//!
//! | namespace | what | levels | fresh | grace |
//! |---|---|---|---|---|
//! | `account` | a user's profile and the ids of their sessions | memory | 30 min | 60 min |
//!
//! It is not in the second level, the table `Volatile`, which has its invalidations only: an account
//! is loaded by one query, which costs what reading a copy of it would, and what is known of a user
//! stays in one table.
//!
//! Secrets, the keys that are made of them, and the policies of the limits have memories of their
//! own ([`crate::secrets`], [`crate::limits`]) and are in no namespace. Keys are what tokens are
//! trusted by: whoever can write a table must not be able to put others in their place.

mod accounts;
mod counts;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use minigate_cache::{
    BuildError, Cache, DynamoLevel, InvalidateError, Levels, NamespaceBuilder, Work,
};
use minigate_domain::{Clock, Entropy};
use minigate_store::Store;

pub use minigate_cache::Tag;

pub use self::accounts::{Account, Accounts, CachedAccount};
use self::counts::Counts;
use crate::{Code, Config, Problem, secrets::Surroundings};

/// How much the clocks of two instances may differ without an invalidation being missed. For so
/// long after a change, what is loaded is not kept.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(1);

/// The names of all namespaces.
pub const NAMESPACES: [&str; 1] = [ACCOUNT];
const ACCOUNT: &str = "account";

const MINUTE: Duration = Duration::from_secs(60);

/// Of the users of one instance. More than a thousand accounts.
const ACCOUNTS_BYTES: u64 = 1 << 20;

fn account(cache: &Cache) -> NamespaceBuilder {
    let hour = 60 * MINUTE;
    let namespace = cache.namespace(ACCOUNT, 30 * MINUTE).grace(hour).levels(Levels::Memory);
    // Lookups are consistent in the user's tag. When DynamoDB is down, reads take what was checked
    // an hour ago at most.
    let namespace = namespace.clear_window(Duration::from_secs(5)).outage_window(hour);
    namespace.soft_timeout(Duration::from_secs(1)).max_memory(ACCOUNTS_BYTES)
}

/// The cache of a process. Clones share it.
#[derive(Clone)]
pub struct Caches {
    /// What is known of a user.
    pub accounts: Accounts,
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
        entropy: &dyn Entropy,
        surroundings: &Surroundings,
    ) -> Result<Self, BuildError> {
        let Surroundings { clock, background, .. } = surroundings.clone();
        let level = DynamoLevel::new(client, &config.tables.volatile).timeout(config.cache_timeout);
        let mut owner = [0; 8];
        entropy.fill(&mut owner);
        let now = {
            let clock: Arc<dyn Clock> = clock;
            move || UNIX_EPOCH + Duration::from_millis(clock.now().unix_millis())
        };
        let cache = Cache::builder(level, now)
            .spawner(move |work: Work| background.start(work))
            .level_timeout(config.cache_timeout)
            .max_clock_skew(CLOCK_SKEW)
            .owner(format!("{:016x}", u64::from_ne_bytes(owner)))
            .build()?;
        Ok(Self {
            accounts: Accounts::new(
                account(&cache).build()?,
                cache.clone(),
                store.clone(),
                surroundings.background.clone(),
            ),
            counts: Arc::new(Counts::new(store.clone(), surroundings.clone())),
            cache,
        })
    }

    /// Invalidates everything with this tag, in all instances.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`]: others may serve what was to be invalidated. Repeating it is safe.
    pub async fn invalidate_tag(&self, tag: &Tag) -> Result<(), Problem> {
        self.cache.invalidate_tag(tag).await.map_err(not_invalidated)
    }

    /// Invalidates all of a namespace, in all instances.
    ///
    /// # Errors
    /// [`Code::StoreUnavailable`], as for a tag.
    pub async fn clear(&self, namespace: &str) -> Result<(), Problem> {
        self.cache.clear_namespace(namespace).await.map_err(not_invalidated)
    }

    /// What follows a request.
    pub(crate) fn after_request(&self) {
        self.counts.after_request(&self.cache);
    }

    /// Tells what was counted, for `limit` at most. To be called before the process ends.
    pub(crate) async fn shutdown(&self, limit: Duration) {
        let _ = tokio::time::timeout(limit, self.counts.report(&self.cache)).await;
    }
}

/// The error names the tag, which is a user's and must not reach the log.
fn not_invalidated(error: InvalidateError) -> Problem {
    Problem::new(Code::StoreUnavailable).retry_after(Duration::from_secs(1)).caused_by(error.source)
}
